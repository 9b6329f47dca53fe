// Shape rules of reductions, scans and windows.
// SPDX-License-Identifier: Apache-2.0
#include "graph/shape.h"

static leat_status reduce_shape(leat_graph *graph, const leat_node *node, bool bits, leat_type *out,
                                leat_error *err) {
  leat_type type = leat__in(node, 0);
  bool fits = bits ? leat__is_integer(type.dtype) || type.dtype == LEAT_DTYPE_BOOL
                   : leat__is_number(type.dtype);
  if (!fits) return leat__shape_error(graph, node, err, "not defined for this dtype");
  leat_status status = leat__check_axes(graph, node, &node->attrs[0], type.shape.rank, err);
  if (status) return status;
  *out = (leat_type){.dtype = type.dtype};
  for (int i = 0; i < type.shape.rank; i++)
    if (!leat__has_axis(&node->attrs[0], i))
      out->shape.dims[out->shape.rank++] = type.shape.dims[i];
  return LEAT_OK;
}

#define REDUCTION(name, bits)                                                              \
  leat_status leat__shape_##name(leat_graph *graph, const leat_node *node, leat_type *out, \
                                 leat_error *err) {                                        \
    return reduce_shape(graph, node, bits, out, err);                                      \
  }

REDUCTION(reduce_sum, false)
REDUCTION(reduce_prod, false)
REDUCTION(reduce_max, false)
REDUCTION(reduce_min, false)
REDUCTION(reduce_and, true)
REDUCTION(reduce_or, true)

static leat_status arg_shape(leat_graph *graph, const leat_node *node, leat_type *out,
                             leat_error *err) {
  leat_type type = leat__in(node, 0);
  int axis = (int)node->attrs[0].i;
  if (axis < 0 || axis >= type.shape.rank)
    return leat__shape_error(graph, node, err, "no axis %d", axis);
  if (!leat__is_number(type.dtype)) return leat__shape_error(graph, node, err, "not numbers");
  if (type.shape.dims[axis] == 0)
    return leat__shape_error(graph, node, err, "axis %d is empty", axis);
  *out = (leat_type){.dtype = LEAT_DTYPE_I64};
  for (int i = 0; i < type.shape.rank; i++)
    if (i != axis) out->shape.dims[out->shape.rank++] = type.shape.dims[i];
  return LEAT_OK;
}

leat_status leat__shape_argmax(leat_graph *graph, const leat_node *node, leat_type *out,
                               leat_error *err) {
  return arg_shape(graph, node, out, err);
}

leat_status leat__shape_argmin(leat_graph *graph, const leat_node *node, leat_type *out,
                               leat_error *err) {
  return arg_shape(graph, node, out, err);
}

leat_status leat__shape_cumulate(leat_graph *graph, const leat_node *node, leat_type *out,
                                 leat_error *err) {
  *out = leat__in(node, 0);
  if (node->attrs[0].i < 0 || node->attrs[0].i >= out->shape.rank)
    return leat__shape_error(graph, node, err, "no axis %lld", (long long)node->attrs[0].i);
  if (!leat__is_number(out->dtype)) return leat__shape_error(graph, node, err, "not numbers");
  return LEAT_OK;
}

// The number of places of a window: (size + low + high - reach) / stride + 1, at least 0.
static leat_dim window_count(leat_graph *graph, leat_dim size, int64_t around, int64_t reach,
                             int64_t stride) {
  leat_dim room = leat__dim_offset(graph, size, around - reach);
  if (leat__dim_is_bad(graph, room)) return 0;
  return leat__dim_offset(graph, leat_dim_floordiv(graph, room, stride), 1);
}

static leat_status window_shape(leat_graph *graph, const leat_node *node, leat_type *out,
                                leat_error *err) {
  leat_type type = leat__in(node, 0);
  int rank = type.shape.rank;
  if (!leat__is_number(type.dtype)) return leat__shape_error(graph, node, err, "not numbers");
  const leat_attr *attrs = node->attrs;
  for (int i = 1; i < 6; i++)
    if (attrs[i].count != rank)
      return leat__shape_error(graph, node, err, "window attributes need one number an axis");
  *out = type;
  for (int i = 0; i < rank; i++) {
    int64_t window = attrs[1].ints[i], stride = attrs[2].ints[i], dilation = attrs[5].ints[i];
    if (window < 1 || stride < 1 || dilation < 1)
      return leat__shape_error(graph, node, err, "window, strides and dilation are at least 1");
    out->shape.dims[i] =
        window_count(graph, type.shape.dims[i], attrs[3].ints[i] + attrs[4].ints[i],
                     (window - 1) * dilation + 1, stride);
  }
  return LEAT_OK;
}

leat_status leat__shape_reduce_window(leat_graph *graph, const leat_node *node, leat_type *out,
                                      leat_error *err) {
  return window_shape(graph, node, out, err);
}

leat_status leat__shape_reduce_window_grad(leat_graph *graph, const leat_node *node, leat_type *out,
                                           leat_error *err) {
  leat_status status = window_shape(graph, node, out, err);
  if (status) return status;
  leat_type dy = leat__in(node, 1);
  if (!leat_type_eq(&dy, out))
    return leat__shape_error(graph, node, err, "dy does not have the windows' shape");
  *out = leat__in(node, 0);
  return LEAT_OK;
}

// --- Linear algebra -----------------------------------------------------------------------------
static leat_status check_out_dtype(leat_graph *graph, const leat_node *node, leat_dtype out,
                                   leat_error *err) {
  leat_dtype in = leat__in(node, 0).dtype;
  if (leat__in(node, 1).dtype != in || !leat__is_number(in))
    return leat__shape_error(graph, node, err, "operands are not numbers of one dtype");
  bool wider =
      leat__is_integer(in) && leat__is_integer(out) && leat_dtype_bits(out) >= leat_dtype_bits(in);
  bool small = (in == LEAT_DTYPE_F16 || in == LEAT_DTYPE_BF16) && out == LEAT_DTYPE_F32;
  if (out != in && !wider && !small)
    return leat__shape_error(graph, node, err, "no result of dtype %s", leat_dtype_name(out));
  return LEAT_OK;
}

// Batch and contracted axes: within rank, none twice.
static bool distinct_axes(const leat_attr *batch, const leat_attr *contract, int rank) {
  int seen = 0;
  for (int part = 0; part < 2; part++) {
    const leat_attr *axes = part ? contract : batch;
    for (int64_t i = 0; i < axes->count; i++) {
      if (axes->ints[i] < 0 || axes->ints[i] >= rank || (seen >> axes->ints[i] & 1)) return false;
      seen |= 1 << axes->ints[i];
    }
  }
  return true;
}

static void add_free(leat_type *out, const leat_type *in, const leat_attr *batch,
                     const leat_attr *contract) {
  for (int i = 0; i < in->shape.rank; i++)
    if (!leat__has_axis(batch, i) && !leat__has_axis(contract, i) &&
        out->shape.rank < LEAT_MAX_RANK)
      out->shape.dims[out->shape.rank++] = in->shape.dims[i];
}

leat_status leat__shape_dot_general(leat_graph *graph, const leat_node *node, leat_type *out,
                                    leat_error *err) {
  leat_type a = leat__in(node, 0), b = leat__in(node, 1);
  const leat_attr *attrs = node->attrs;
  leat_status status = check_out_dtype(graph, node, (leat_dtype)attrs[5].i, err);
  if (status) return status;
  if (attrs[0].count != attrs[1].count || attrs[2].count != attrs[3].count ||
      !distinct_axes(&attrs[0], &attrs[2], a.shape.rank) ||
      !distinct_axes(&attrs[1], &attrs[3], b.shape.rank))
    return leat__shape_error(graph, node, err, "batch and contracted axes do not pair up");
  for (int part = 0; part < 2; part++)
    for (int64_t i = 0; i < attrs[part * 2].count; i++)
      if (a.shape.dims[attrs[part * 2].ints[i]] != b.shape.dims[attrs[part * 2 + 1].ints[i]])
        return leat__shape_error(graph, node, err, "sizes of %s axes %lld and %lld differ",
                                 part ? "contracted" : "batch", (long long)attrs[part * 2].ints[i],
                                 (long long)attrs[part * 2 + 1].ints[i]);
  int64_t rank = a.shape.rank + b.shape.rank - attrs[0].count - 2 * attrs[2].count;
  if ((status = leat__check_rank(graph, node, rank, err))) return status;
  *out = (leat_type){.dtype = (leat_dtype)attrs[5].i};
  for (int64_t i = 0; i < attrs[0].count; i++)
    out->shape.dims[out->shape.rank++] = a.shape.dims[attrs[0].ints[i]];
  add_free(out, &a, &attrs[0], &attrs[2]);
  add_free(out, &b, &attrs[1], &attrs[3]);
  return LEAT_OK;
}

// Size of an axis after spreading its elements `dilation` apart: (n - 1) * dilation + 1, 0 if n =
// 0.
static leat_dim dilated(leat_graph *graph, leat_dim size, int64_t dilation) {
  if (dilation == 1 || size == 0) return size;
  return leat__dim_offset(graph, leat_dim_mul(graph, size, dilation), 1 - dilation);
}

leat_status leat__shape_conv(leat_graph *graph, const leat_node *node, leat_type *out,
                             leat_error *err) {
  leat_type x = leat__in(node, 0), k = leat__in(node, 1);
  const leat_attr *attrs = node->attrs;
  leat_status status = check_out_dtype(graph, node, (leat_dtype)attrs[7].i, err);
  if (status) return status;
  int rank = x.shape.rank, spatial = rank - 2;
  if (rank < 2 || k.shape.rank != rank)
    return leat__shape_error(graph, node, err,
                             "wants x (n, spatial..., ci), k (spatial..., ci, co)");
  for (int i = 0; i < 5; i++)
    if (attrs[i].count != spatial)
      return leat__shape_error(graph, node, err, "conv attributes need one number a spatial axis");
  int64_t groups = attrs[5].i;
  leat_dim ci = k.shape.dims[rank - 2], co = k.shape.dims[rank - 1];
  if (groups < 1 || leat_dim_mul(graph, ci, groups) != x.shape.dims[rank - 1] ||
      (co >= 0 ? co % groups != 0 : groups != 1))
    return leat__shape_error(graph, node, err, "channels do not fit %lld groups",
                             (long long)groups);
  *out = (leat_type){.dtype = (leat_dtype)attrs[7].i, .shape = x.shape};
  out->shape.dims[rank - 1] = co;
  for (int i = 0; i < spatial; i++) {
    int64_t stride = attrs[0].ints[i], lhs = attrs[3].ints[i], rhs = attrs[4].ints[i];
    if (stride < 1 || lhs < 1 || rhs < 1)
      return leat__shape_error(graph, node, err, "strides and dilations are at least 1");
    leat_dim window = dilated(graph, k.shape.dims[i], rhs);
    leat_dim size = dilated(graph, x.shape.dims[i + 1], lhs);
    if (window == 0) return leat__shape_error(graph, node, err, "empty kernel");
    size = leat__dim_offset(graph, size, attrs[1].ints[i] + attrs[2].ints[i]);
    // (size - window) / stride + 1, with a window that may be symbolic
    leat_dim room =
        leat_dim_add(graph, size, leat_dim_mul(graph, window, leat__dim_offset(graph, 0, -1)));
    out->shape.dims[i + 1] =
        leat__dim_is_bad(graph, room)
            ? 0
            : leat__dim_offset(graph, leat_dim_floordiv(graph, room, stride), 1);
  }
  return LEAT_OK;
}

leat_status leat__shape_fft(leat_graph *graph, const leat_node *node, leat_type *out,
                            leat_error *err) {
  leat_type re = leat__in(node, 0), im = leat__in(node, 1);
  if (!leat_type_eq(&re, &im) || re.shape.rank < 1)
    return leat__shape_error(graph, node, err, "real and imaginary parts differ in type");
  if (re.dtype != LEAT_DTYPE_F32 && re.dtype != LEAT_DTYPE_F64)
    return leat__shape_error(graph, node, err, "fft is for f32 and f64");
  out[0] = out[1] = re;
  return LEAT_OK;
}
