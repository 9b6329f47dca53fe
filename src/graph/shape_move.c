// Shape rules of ops that move elements: views, pads, gathers, sorts.
// SPDX-License-Identifier: Apache-2.0
#include "graph/shape.h"

leat_status leat__shape_reshape(leat_graph *graph, const leat_node *node, leat_type *out,
                                leat_error *err) {
  leat_type in = leat__in(node, 0);
  leat_status status = leat__check_rank(graph, node, node->attrs[0].count, err);
  if (status) return status;
  *out = (leat_type){in.dtype, leat__attr_to_shape(&node->attrs[0])};
  if (leat__shape_count(graph, &in.shape) == leat__shape_count(graph, &out->shape)) return LEAT_OK;
  leat_buf text = {0};
  leat__print_shape(graph, &out->shape, &text);
  status = leat__shape_error(graph, node, err, "to %s: another number of elements", text.ptr);
  leat_buf_deinit(&text);
  return status;
}

leat_status leat__shape_reshape_dynamic(leat_graph *graph, const leat_node *node, leat_type *out,
                                        leat_error *err) {
  leat_status status = leat__check_rank(graph, node, node->attrs[0].count, err);
  if (status) return status;
  leat_type dims = leat__in(node, 1);
  if (dims.dtype != LEAT_DTYPE_I64 || dims.shape.rank != 1 ||
      dims.shape.dims[0] != node->attrs[0].count)
    return leat__shape_error(graph, node, err, "the second operand is not an i64 vector of sizes");
  *out = (leat_type){leat__in(node, 0).dtype, leat__attr_to_shape(&node->attrs[0])};
  return LEAT_OK;
}

leat_status leat__shape_transpose(leat_graph *graph, const leat_node *node, leat_type *out,
                                  leat_error *err) {
  leat_type in = leat__in(node, 0);
  const leat_attr *perm = &node->attrs[0];
  *out = in;
  int seen = 0;
  for (int64_t i = 0; i < perm->count; i++) {
    int64_t axis = perm->ints[i];
    if (perm->count != in.shape.rank || axis < 0 || axis >= in.shape.rank || (seen >> axis & 1))
      return leat__shape_error(graph, node, err, "perm is not a permutation of the axes");
    seen |= 1 << axis;
    out->shape.dims[i] = in.shape.dims[axis];
  }
  if (perm->count != in.shape.rank)
    return leat__shape_error(graph, node, err, "perm is not a permutation of the axes");
  return LEAT_OK;
}

leat_status leat__shape_broadcast(leat_graph *graph, const leat_node *node, leat_type *out,
                                  leat_error *err) {
  leat_type in = leat__in(node, 0);
  const leat_attr *axes = &node->attrs[1];
  leat_status status = leat__check_rank(graph, node, node->attrs[0].count, err);
  if (status) return status;
  *out = (leat_type){in.dtype, leat__attr_to_shape(&node->attrs[0])};
  if (axes->count != in.shape.rank)
    return leat__shape_error(graph, node, err, "axes need one number an axis of the operand");
  if ((status = leat__check_axes(graph, node, axes, out->shape.rank, err))) return status;
  for (int i = 0; i < in.shape.rank; i++)
    if (in.shape.dims[i] != 1 && in.shape.dims[i] != out->shape.dims[axes->ints[i]])
      return leat__shape_error(graph, node, err, "axis %d does not fit", i);
  return LEAT_OK;
}

leat_status leat__shape_slice(leat_graph *graph, const leat_node *node, leat_type *out,
                              leat_error *err) {
  leat_type in = leat__in(node, 0);
  const leat_attr *start = &node->attrs[0], *limit = &node->attrs[1], *strides = &node->attrs[2];
  int rank = in.shape.rank;
  *out = in;
  if (start->count != rank || limit->count != rank || strides->count != rank)
    return leat__shape_error(graph, node, err, "start, limit and strides need one number an axis");
  leat_dim minus = leat__dim_offset(graph, 0, -1);
  for (int i = 0; i < rank; i++) {
    leat_dim from = start->ints[i], to = limit->ints[i], size = in.shape.dims[i];
    leat_dim span = leat_dim_add(graph, to, leat_dim_mul(graph, from, minus));
    leat_dim rest = leat_dim_add(graph, size, leat_dim_mul(graph, to, minus));
    if (strides->ints[i] < 1 || leat__dim_is_bad(graph, span) || leat__dim_is_bad(graph, rest))
      return leat__shape_error(graph, node, err, "axis %d: the slice leaves the operand", i);
    out->shape.dims[i] = leat_dim_ceildiv(graph, span, strides->ints[i]);
  }
  return LEAT_OK;
}

static leat_status check_starts(leat_graph *graph, const leat_node *node, int operand,
                                leat_error *err) {
  leat_type starts = leat__in(node, operand);
  if (starts.dtype == LEAT_DTYPE_I64 && starts.shape.rank == 1 &&
      starts.shape.dims[0] == leat__in(node, 0).shape.rank)
    return LEAT_OK;
  return leat__shape_error(graph, node, err, "starts are not an i64 vector of one number an axis");
}

leat_status leat__shape_dynamic_slice(leat_graph *graph, const leat_node *node, leat_type *out,
                                      leat_error *err) {
  leat_type in = leat__in(node, 0);
  leat_status status = check_starts(graph, node, 1, err);
  if (status) return status;
  if (node->attrs[0].count != in.shape.rank)
    return leat__shape_error(graph, node, err, "dims need one number an axis");
  *out = (leat_type){in.dtype, leat__attr_to_shape(&node->attrs[0])};
  for (int i = 0; i < in.shape.rank; i++)
    if (in.shape.dims[i] >= 0 && out->shape.dims[i] > in.shape.dims[i])
      return leat__shape_error(graph, node, err, "axis %d: the block is larger than the operand",
                               i);
  return LEAT_OK;
}

leat_status leat__shape_dynamic_update(leat_graph *graph, const leat_node *node, leat_type *out,
                                       leat_error *err) {
  leat_type x = leat__in(node, 0), y = leat__in(node, 1);
  leat_status status = check_starts(graph, node, 2, err);
  if (status) return status;
  if (x.dtype != y.dtype || x.shape.rank != y.shape.rank)
    return leat__shape_error(graph, node, err, "the block differs in dtype or rank");
  for (int i = 0; i < x.shape.rank; i++)
    if (x.shape.dims[i] >= 0 && y.shape.dims[i] > x.shape.dims[i])
      return leat__shape_error(graph, node, err, "axis %d: the block is larger than the operand",
                               i);
  *out = x;
  return LEAT_OK;
}

leat_status leat__shape_pad(leat_graph *graph, const leat_node *node, leat_type *out,
                            leat_error *err) {
  leat_type in = leat__in(node, 0), value = leat__in(node, 1);
  const leat_attr *low = &node->attrs[0], *high = &node->attrs[1], *interior = &node->attrs[2];
  int rank = in.shape.rank;
  if (value.dtype != in.dtype || value.shape.rank != 0)
    return leat__shape_error(graph, node, err, "the padding is not a scalar of the same dtype");
  if (low->count != rank || high->count != rank || interior->count != rank)
    return leat__shape_error(graph, node, err, "low, high and interior need one number an axis");
  *out = in;
  for (int i = 0; i < rank; i++) {
    if (interior->ints[i] < 0) return leat__shape_error(graph, node, err, "negative interior");
    leat_dim size = in.shape.dims[i];
    if (interior->ints[i] && size != 0)
      size = leat__dim_offset(graph, leat_dim_mul(graph, size, interior->ints[i] + 1),
                              -interior->ints[i]);
    out->shape.dims[i] = leat__dim_offset(graph, size, low->ints[i] + high->ints[i]);
  }
  return LEAT_OK;
}

leat_status leat__shape_concat(leat_graph *graph, const leat_node *node, leat_type *out,
                               leat_error *err) {
  int axis = (int)node->attrs[0].i;
  if (node->input_count < 1) return leat__shape_error(graph, node, err, "nothing to join");
  *out = leat__in(node, 0);
  if (axis < 0 || axis >= out->shape.rank)
    return leat__shape_error(graph, node, err, "no axis %d", axis);
  for (int i = 1; i < node->input_count; i++) {
    leat_type type = leat__in(node, i);
    if (type.dtype != out->dtype || type.shape.rank != out->shape.rank)
      return leat__shape_error(graph, node, err, "dtypes or ranks differ");
    for (int j = 0; j < type.shape.rank; j++)
      if (j != axis && type.shape.dims[j] != out->shape.dims[j])
        return leat__shape_error(graph, node, err, "axis %d differs", j);
    out->shape.dims[axis] = leat_dim_add(graph, out->shape.dims[axis], type.shape.dims[axis]);
  }
  return LEAT_OK;
}

leat_status leat__shape_reverse(leat_graph *graph, const leat_node *node, leat_type *out,
                                leat_error *err) {
  *out = leat__in(node, 0);
  return leat__check_axes(graph, node, &node->attrs[0], out->shape.rank, err);
}

static leat_status check_index(leat_graph *graph, const leat_node *node, leat_error *err) {
  leat_dtype dtype = leat__in(node, 1).dtype;
  if (dtype == LEAT_DTYPE_I64 || dtype == LEAT_DTYPE_I32) return LEAT_OK;
  return leat__shape_error(graph, node, err, "indices are not i64 or i32");
}

// x[:axis] + indices + x[axis+1:]
static leat_status indexed_shape(leat_graph *graph, const leat_node *node, leat_shape *out,
                                 leat_error *err) {
  leat_type x = leat__in(node, 0), index = leat__in(node, 1);
  int axis = (int)node->attrs[0].i;
  leat_status status = check_index(graph, node, err);
  if (status) return status;
  if (axis < 0 || axis >= x.shape.rank)
    return leat__shape_error(graph, node, err, "no axis %d", axis);
  status = leat__check_rank(graph, node, x.shape.rank - 1 + index.shape.rank, err);
  if (status) return status;
  *out = (leat_shape){0};
  for (int i = 0; i < axis; i++) out->dims[out->rank++] = x.shape.dims[i];
  for (int i = 0; i < index.shape.rank; i++) out->dims[out->rank++] = index.shape.dims[i];
  for (int i = axis + 1; i < x.shape.rank; i++) out->dims[out->rank++] = x.shape.dims[i];
  return LEAT_OK;
}

leat_status leat__shape_gather(leat_graph *graph, const leat_node *node, leat_type *out,
                               leat_error *err) {
  out->dtype = leat__in(node, 0).dtype;
  return indexed_shape(graph, node, &out->shape, err);
}

leat_status leat__shape_scatter(leat_graph *graph, const leat_node *node, leat_type *out,
                                leat_error *err) {
  leat_type x = leat__in(node, 0), y = leat__in(node, 2);
  leat_shape want;
  leat_status status = indexed_shape(graph, node, &want, err);
  if (status) return status;
  if (y.dtype != x.dtype || !leat_shape_eq(&y.shape, &want))
    return leat__shape_error(graph, node, err, "the slices do not fit x and the indices");
  if (node->attrs[1].i != SCATTER_SET && !leat__is_number(x.dtype))
    return leat__shape_error(graph, node, err, "not numbers");
  *out = x;
  return LEAT_OK;
}

leat_status leat__shape_segment_reduce(leat_graph *graph, const leat_node *node, leat_type *out,
                                       leat_error *err) {
  leat_type x = leat__in(node, 0), ids = leat__in(node, 1);
  leat_status status = check_index(graph, node, err);
  if (status) return status;
  if (ids.shape.rank != 1 || x.shape.rank < 1 || ids.shape.dims[0] != x.shape.dims[0] ||
      !leat__is_number(x.dtype))
    return leat__shape_error(graph, node, err, "wants rows (n, ...) of numbers and n ids");
  *out = x;
  out->shape.dims[0] = node->attrs[1].i;
  return LEAT_OK;
}

leat_status leat__shape_nonzero(leat_graph *graph, const leat_node *node, leat_type *out,
                                leat_error *err) {
  if (leat__in(node, 0).dtype == LEAT_DTYPE_STRING)
    return leat__shape_error(graph, node, err, "not numbers");
  *out = (leat_type){LEAT_DTYPE_I64, LEAT_SHAPE(node->attrs[0].i)};
  return LEAT_OK;
}

leat_status leat__shape_sort(leat_graph *graph, const leat_node *node, leat_type *out,
                             leat_error *err) {
  leat_type x = leat__in(node, 0);
  if (node->attrs[0].i < 0 || node->attrs[0].i >= x.shape.rank)
    return leat__shape_error(graph, node, err, "no axis %lld", (long long)node->attrs[0].i);
  if (x.dtype == LEAT_DTYPE_STRING) return leat__shape_error(graph, node, err, "not numbers");
  out[0] = x;
  out[1] = (leat_type){LEAT_DTYPE_I64, x.shape};
  return LEAT_OK;
}

leat_status leat__shape_top_k(leat_graph *graph, const leat_node *node, leat_type *out,
                              leat_error *err) {
  leat_type x = leat__in(node, 0);
  int64_t k = node->attrs[0].i;
  int last = x.shape.rank - 1;
  if (last < 0 || k < 0 || (x.shape.dims[last] >= 0 && k > x.shape.dims[last]))
    return leat__shape_error(graph, node, err, "no %lld elements in the last axis", (long long)k);
  if (!leat__is_number(x.dtype)) return leat__shape_error(graph, node, err, "not numbers");
  out[0] = x;
  out[0].shape.dims[last] = k;
  out[1] = (leat_type){LEAT_DTYPE_I64, out[0].shape};
  return LEAT_OK;
}
