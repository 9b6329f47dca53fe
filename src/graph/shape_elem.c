// Shape rules of sources and element-wise ops.
// SPDX-License-Identifier: Apache-2.0
#include "graph/shape.h"

#include <stdio.h>

leat_status leat__shape_error(leat_graph *graph, const leat_node *node, leat_error *err,
                              const char *fmt, ...) {
  leat_buf text = {.max = sizeof err->message};
  va_list args;
  va_start(args, fmt);
  leat_buf_vfmt(&text, fmt, args);
  va_end(args);
  for (int i = 0; i < node->input_count; i++) {
    leat_type type = leat__in(node, i);
    leat_buf_c(&text, i ? ", " : ": ");
    leat__print_type(graph, &type, &text);
  }
  leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s", text.ptr ? text.ptr : fmt);
  leat_buf_deinit(&text);
  return LEAT_INVALID_ARGUMENT;
}

leat_status leat__check_axes(leat_graph *graph, const leat_node *node, const leat_attr *axes,
                             int rank, leat_error *err) {
  for (int64_t i = 0; i < axes->count; i++) {
    if (axes->ints[i] < 0 || axes->ints[i] >= rank)
      return leat__shape_error(graph, node, err, "no axis %lld", (long long)axes->ints[i]);
    if (i > 0 && axes->ints[i] <= axes->ints[i - 1])
      return leat__shape_error(graph, node, err, "axes are not ascending");
  }
  return LEAT_OK;
}

leat_status leat__check_rank(leat_graph *graph, const leat_node *node, int64_t rank,
                             leat_error *err) {
  if (rank >= 0 && rank <= LEAT_MAX_RANK) return LEAT_OK;
  return leat__shape_error(graph, node, err, "rank %lld, at most %d", (long long)rank,
                           LEAT_MAX_RANK);
}

// --- Sources ------------------------------------------------------------------------------------
static leat_status typed_shape(leat_graph *graph, const leat_node *node, int64_t dtype,
                               const leat_attr *dims, leat_type *out, leat_error *err) {
  leat_status status = leat__check_rank(graph, node, dims->count, err);
  if (status) return status;
  if (dtype <= LEAT_DTYPE_NONE || dtype >= LEAT_DTYPE_COUNT)
    return leat__shape_error(graph, node, err, "no dtype");
  *out = (leat_type){(leat_dtype)dtype, leat__attr_to_shape(dims)};
  return LEAT_OK;
}

leat_status leat__shape_input(leat_graph *graph, const leat_node *node, leat_type *out,
                              leat_error *err) {
  return typed_shape(graph, node, node->attrs[1].i, &node->attrs[2], out, err);
}

leat_status leat__shape_const(leat_graph *graph, const leat_node *node, leat_type *out,
                              leat_error *err) {
  const leat_tensor *value = node->attrs[0].tensor;
  if (!value) return leat__shape_error(graph, node, err, "no value");
  out->dtype = leat_tensor_dtype(value);
  out->shape.rank = leat_tensor_rank(value);
  for (int i = 0; i < out->shape.rank; i++) out->shape.dims[i] = leat_tensor_dims(value)[i];
  return LEAT_OK;
}

leat_status leat__shape_iota(leat_graph *graph, const leat_node *node, leat_type *out,
                             leat_error *err) {
  leat_status status = typed_shape(graph, node, node->attrs[0].i, &node->attrs[1], out, err);
  if (status) return status;
  if (!leat__is_number(out->dtype)) return leat__shape_error(graph, node, err, "not a number type");
  if (node->attrs[2].i < 0 || node->attrs[2].i >= out->shape.rank)
    return leat__shape_error(graph, node, err, "no axis %lld", (long long)node->attrs[2].i);
  return LEAT_OK;
}

leat_status leat__shape_tri(leat_graph *graph, const leat_node *node, leat_type *out,
                            leat_error *err) {
  if (node->attrs[0].count < 2) return leat__shape_error(graph, node, err, "rank below 2");
  return typed_shape(graph, node, LEAT_DTYPE_BOOL, &node->attrs[0], out, err);
}

leat_status leat__shape_dim_of(leat_graph *graph, const leat_node *node, leat_type *out,
                               leat_error *err) {
  if (node->attrs[0].i < 0 || node->attrs[0].i >= leat__in(node, 0).shape.rank)
    return leat__shape_error(graph, node, err, "no axis %lld", (long long)node->attrs[0].i);
  *out = (leat_type){LEAT_DTYPE_I64, LEAT_SCALAR};
  return LEAT_OK;
}

leat_status leat__shape_random_bits(leat_graph *graph, const leat_node *node, leat_type *out,
                                    leat_error *err) {
  static const leat_dtype want[] = {LEAT_DTYPE_U64, LEAT_DTYPE_I64, LEAT_DTYPE_I64, LEAT_DTYPE_I64};
  for (int i = 0; i < 4; i++) {
    leat_type type = leat__in(node, i);
    if (type.dtype != want[i] || type.shape.rank != 0)
      return leat__shape_error(graph, node, err, "wants u64, i64, i64, i64 scalars");
  }
  if (node->attrs[1].i != LEAT_DTYPE_U32)
    return leat__shape_error(graph, node, err, "words are u32");
  return typed_shape(graph, node, LEAT_DTYPE_U32, &node->attrs[2], out, err);
}

// --- Element-wise -------------------------------------------------------------------------------
typedef enum op_domain { ANY, NUMBERS, FLOATS, BITS } op_domain;

static bool in_domain(leat_dtype dtype, op_domain domain) {
  leat_dtype_kind kind = leat_dtype_kind_of(dtype);
  switch (domain) {
    case NUMBERS: return leat__is_number(dtype);
    case FLOATS: return kind == LEAT_KIND_FLOAT;
    case BITS: return leat__is_integer(dtype) || kind == LEAT_KIND_BOOL;
    case ANY: return dtype != LEAT_DTYPE_NONE;
  }
  return false;
}

static leat_status same_shape(leat_graph *graph, const leat_node *node, int first, op_domain domain,
                              leat_type *out, leat_error *err) {
  leat_type type = leat__in(node, first);
  if (!in_domain(type.dtype, domain))
    return leat__shape_error(graph, node, err, "not defined for %s", leat_dtype_name(type.dtype));
  for (int i = first + 1; i < node->input_count; i++) {
    leat_type other = leat__in(node, i);
    if (other.dtype != type.dtype) return leat__shape_error(graph, node, err, "dtypes differ");
    if (!leat_shape_eq(&other.shape, &type.shape))
      return leat__shape_error(graph, node, err, "shapes differ");
  }
  *out = type;
  return LEAT_OK;
}

#define ELEMWISE(name, domain)                                                             \
  leat_status leat__shape_##name(leat_graph *graph, const leat_node *node, leat_type *out, \
                                 leat_error *err) {                                        \
    return same_shape(graph, node, 0, domain, out, err);                                   \
  }

ELEMWISE(neg, NUMBERS)
ELEMWISE(abs, NUMBERS)
ELEMWISE(sign, NUMBERS)
ELEMWISE(floor, FLOATS)
ELEMWISE(ceil, FLOATS)
ELEMWISE(round, FLOATS)
ELEMWISE(trunc, FLOATS)
ELEMWISE(sqrt, FLOATS)
ELEMWISE(rsqrt, FLOATS)
ELEMWISE(exp, FLOATS)
ELEMWISE(expm1, FLOATS)
ELEMWISE(log, FLOATS)
ELEMWISE(log1p, FLOATS)
ELEMWISE(tanh, FLOATS)
ELEMWISE(sigmoid, FLOATS)
ELEMWISE(erf, FLOATS)
ELEMWISE(sin, FLOATS)
ELEMWISE(cos, FLOATS)
ELEMWISE(atan, FLOATS)
ELEMWISE(not, BITS)
ELEMWISE(stop_gradient, ANY)
ELEMWISE(add, NUMBERS)
ELEMWISE(sub, NUMBERS)
ELEMWISE(mul, NUMBERS)
ELEMWISE(div, NUMBERS)
ELEMWISE(rem, NUMBERS)
ELEMWISE(pow, NUMBERS)
ELEMWISE(max, NUMBERS)
ELEMWISE(min, NUMBERS)
ELEMWISE(and, BITS)
ELEMWISE(or, BITS)
ELEMWISE(xor, BITS)

static leat_status shift_shape(leat_graph *graph, const leat_node *node, leat_type *out,
                               leat_error *err) {
  if (!leat__is_integer(leat__in(node, 0).dtype))
    return leat__shape_error(graph, node, err, "shifts are for integers");
  return same_shape(graph, node, 0, BITS, out, err);
}

leat_status leat__shape_shl(leat_graph *graph, const leat_node *node, leat_type *out,
                            leat_error *err) {
  return shift_shape(graph, node, out, err);
}

leat_status leat__shape_shr(leat_graph *graph, const leat_node *node, leat_type *out,
                            leat_error *err) {
  return shift_shape(graph, node, out, err);
}

static leat_status compare_shape(leat_graph *graph, const leat_node *node, bool ordered,
                                 leat_type *out, leat_error *err) {
  leat_status status = same_shape(graph, node, 0, ANY, out, err);
  if (status) return status;
  leat_dtype_kind kind = leat_dtype_kind_of(out->dtype);
  if (ordered && kind == LEAT_KIND_BOOL)
    return leat__shape_error(graph, node, err, "not defined for bool");
  out->dtype = LEAT_DTYPE_BOOL;
  return LEAT_OK;
}

leat_status leat__shape_eq(leat_graph *graph, const leat_node *node, leat_type *out,
                           leat_error *err) {
  return compare_shape(graph, node, false, out, err);
}
leat_status leat__shape_ne(leat_graph *graph, const leat_node *node, leat_type *out,
                           leat_error *err) {
  return compare_shape(graph, node, false, out, err);
}
leat_status leat__shape_lt(leat_graph *graph, const leat_node *node, leat_type *out,
                           leat_error *err) {
  return compare_shape(graph, node, true, out, err);
}
leat_status leat__shape_le(leat_graph *graph, const leat_node *node, leat_type *out,
                           leat_error *err) {
  return compare_shape(graph, node, true, out, err);
}

leat_status leat__shape_select(leat_graph *graph, const leat_node *node, leat_type *out,
                               leat_error *err) {
  leat_status status = same_shape(graph, node, 1, ANY, out, err);
  if (status) return status;
  leat_type mask = leat__in(node, 0);
  if (mask.dtype != LEAT_DTYPE_BOOL || !leat_shape_eq(&mask.shape, &out->shape))
    return leat__shape_error(graph, node, err, "the first operand is not a bool of that shape");
  return LEAT_OK;
}

leat_status leat__shape_cast(leat_graph *graph, const leat_node *node, leat_type *out,
                             leat_error *err) {
  *out = leat__in(node, 0);
  int64_t to = node->attrs[0].i;
  if (out->dtype == LEAT_DTYPE_STRING || to == LEAT_DTYPE_STRING || to <= LEAT_DTYPE_NONE ||
      to >= LEAT_DTYPE_COUNT)
    return leat__shape_error(graph, node, err, "no cast to %s", leat_dtype_name((leat_dtype)to));
  out->dtype = (leat_dtype)to;
  return LEAT_OK;
}

leat_status leat__shape_bitcast(leat_graph *graph, const leat_node *node, leat_type *out,
                                leat_error *err) {
  leat_status status = leat__shape_cast(graph, node, out, err);
  if (status) return status;
  leat_dtype from = leat__in(node, 0).dtype;
  if (leat_dtype_bits(from) != leat_dtype_bits(out->dtype) ||
      (from == LEAT_DTYPE_BOOL) != (out->dtype == LEAT_DTYPE_BOOL))
    return leat__shape_error(graph, node, err, "widths differ");
  return LEAT_OK;
}
