// The functions of ops.h that build one primitive each, with broadcasting and axis conveniences.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"
#include "leat/ops.h"

static leat_shape shape_of(leat_value x) { return leat_value_type(x).shape; }
static int rank_of(leat_value x) { return shape_of(x).rank; }
static int64_t or_one(int64_t x) { return x ? x : 1; }

// --- Sources ------------------------------------------------------------------------------------
leat_value leat_const(leat_builder *b, leat_tensor *value) {
  leat_attr attr = {.tensor = value};
  return leat__build1(b, LEAT_OP_const, NULL, 0, &attr, 1);
}

static leat_value const_scalar(leat_builder *b, leat_dtype dtype, const void *bits) {
  if (!leat_builder_ok(b)) return (leat_value){0};
  leat_tensor *value;
  leat_error err;
  leat_status status = leat_tensor_copy_of(&value, dtype, 0, NULL, bits, &err);
  if (status) return leat_builder_fail(b, status, "%s", err.message);
  leat_value out = leat_const(b, value);
  leat_tensor_unref(value);
  return out;
}

leat_value leat_const_f32(leat_builder *b, float value) {
  return const_scalar(b, LEAT_DTYPE_F32, &value);
}
leat_value leat_const_f64(leat_builder *b, double value) {
  return const_scalar(b, LEAT_DTYPE_F64, &value);
}
leat_value leat_const_i64(leat_builder *b, int64_t value) {
  return const_scalar(b, LEAT_DTYPE_I64, &value);
}
leat_value leat_const_bool(leat_builder *b, bool value) {
  return const_scalar(b, LEAT_DTYPE_BOOL, &value);
}

leat_value leat_const_strings(leat_builder *b, const leat_str *strings, int64_t count) {
  if (!leat_builder_ok(b)) return (leat_value){0};
  leat_tensor *value;
  leat_error err;
  leat_status status = leat_tensor_new_strings(&value, 1, &count, strings, &err);
  if (status) return leat_builder_fail(b, status, "%s", err.message);
  leat_value out = leat_const(b, value);
  leat_tensor_unref(value);
  return out;
}

static leat_value const_of(leat_builder *b, leat_dtype dtype, double value) {
  int64_t whole = (int64_t)value;
  uint8_t u8 = (uint8_t)whole;
  uint16_t u16 = (uint16_t)whole;
  uint32_t u32 = (uint32_t)whole;
  switch (dtype) {
    case LEAT_DTYPE_BOOL: return leat_const_bool(b, value != 0);
    case LEAT_DTYPE_I8:
    case LEAT_DTYPE_U8: return const_scalar(b, dtype, &u8);
    case LEAT_DTYPE_I16:
    case LEAT_DTYPE_U16: return const_scalar(b, dtype, &u16);
    case LEAT_DTYPE_I32:
    case LEAT_DTYPE_U32: return const_scalar(b, dtype, &u32);
    case LEAT_DTYPE_I64:
    case LEAT_DTYPE_U64: return const_scalar(b, dtype, &whole);
    case LEAT_DTYPE_F32: return leat_const_f32(b, (float)value);
    case LEAT_DTYPE_F64: return leat_const_f64(b, value);
    case LEAT_DTYPE_F16:
    case LEAT_DTYPE_BF16: return leat_cast(b, leat_const_f32(b, (float)value), dtype);
    default:
      return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "no constant of dtype %s",
                               leat_dtype_name(dtype));
  }
}

leat_value leat_const_like(leat_builder *b, leat_value like, double value) {
  if (!like.node)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "constant: operand is missing");
  return const_of(b, leat_value_type(like).dtype, value);
}

leat_value leat_full(leat_builder *b, leat_dtype dtype, leat_shape shape, double value) {
  return leat_broadcast(b, const_of(b, dtype, value), shape, NULL);
}

leat_value leat_zeros_like(leat_builder *b, leat_value x) {
  leat_type type = leat_value_type(x);
  return leat_full(b, type.dtype, type.shape, 0);
}

leat_value leat_ones_like(leat_builder *b, leat_value x) {
  leat_type type = leat_value_type(x);
  return leat_full(b, type.dtype, type.shape, 1);
}

leat_value leat_iota(leat_builder *b, leat_dtype dtype, leat_shape shape, int axis) {
  leat_attr attrs[] = {leat__attr_int(dtype), leat__attr_shape(&shape),
                       leat__attr_int(axis < 0 ? axis + shape.rank : axis)};
  return leat__build1(b, LEAT_OP_iota, NULL, 0, attrs, 3);
}

leat_value leat_tri(leat_builder *b, leat_shape shape, int64_t offset) {
  leat_attr attrs[] = {leat__attr_shape(&shape), leat__attr_int(offset)};
  return leat__build1(b, LEAT_OP_tri, NULL, 0, attrs, 2);
}

leat_value leat_dim_of(leat_builder *b, leat_value x, int axis) {
  leat_attr attr = leat__attr_int(axis < 0 ? axis + rank_of(x) : axis);
  return leat__build1(b, LEAT_OP_dim_of, &x, 1, &attr, 1);
}

leat_value leat_dim_value(leat_builder *b, leat_dim dim) {
  if (dim >= 0) return leat_const_i64(b, dim);
  return leat_dim_of(b, leat_iota(b, LEAT_DTYPE_I64, LEAT_SHAPE(dim), 0), 0);
}

// --- Element-wise -------------------------------------------------------------------------------
#define BUILD_UNARY(name)                                   \
  leat_value leat_##name(leat_builder *b, leat_value x) {   \
    return leat__build1(b, LEAT_OP_##name, &x, 1, NULL, 0); \
  }
LEAT_UNARY_OPS(BUILD_UNARY)

// The shape that numpy's rule gives two shapes; false if there is none.
static bool broadcast_shapes(const leat_shape *a, const leat_shape *b, leat_shape *out) {
  int rank = a->rank > b->rank ? a->rank : b->rank;
  *out = (leat_shape){.rank = rank};
  for (int i = 0; i < rank; i++) {
    int at_a = i - (rank - a->rank), at_b = i - (rank - b->rank);
    leat_dim x = at_a < 0 ? 1 : a->dims[at_a], y = at_b < 0 ? 1 : b->dims[at_b];
    if (x != y && x != 1 && y != 1) return false;
    out->dims[i] = x == 1 ? y : x;
  }
  return true;
}

static leat_value stretch(leat_builder *b, leat_value x, const leat_shape *shape) {
  leat_shape have = shape_of(x);
  return leat_shape_eq(&have, shape) ? x : leat_broadcast(b, x, *shape, NULL);
}

// Broadcasts values to one shape; false (and nothing done) when there is none: the primitive's own
// shape rule then reports the misfit.
static bool align(leat_builder *b, leat_value *xs, int count) {
  leat_shape shape = {0};
  for (int i = 0; i < count; i++) {
    leat_shape have = shape_of(xs[i]), joined;
    if (!xs[i].node || !broadcast_shapes(&shape, &have, &joined)) return false;
    shape = joined;
  }
  for (int i = 0; i < count; i++) xs[i] = stretch(b, xs[i], &shape);
  return true;
}

static leat_value build_binary(leat_builder *b, leat_op op, leat_value x, leat_value y) {
  leat_value xs[] = {x, y};
  align(b, xs, 2);
  return leat__build1(b, op, xs, 2, NULL, 0);
}

#define BUILD_BINARY(name)                                              \
  leat_value leat_##name(leat_builder *b, leat_value x, leat_value y) { \
    return build_binary(b, LEAT_OP_##name, x, y);                       \
  }
LEAT_BINARY_OPS(BUILD_BINARY)

leat_value leat_gt(leat_builder *b, leat_value x, leat_value y) { return leat_lt(b, y, x); }
leat_value leat_ge(leat_builder *b, leat_value x, leat_value y) { return leat_le(b, y, x); }

leat_value leat_select(leat_builder *b, leat_value p, leat_value x, leat_value y) {
  leat_value xs[] = {p, x, y};
  align(b, xs, 3);
  return leat__build1(b, LEAT_OP_select, xs, 3, NULL, 0);
}

leat_value leat_cast(leat_builder *b, leat_value x, leat_dtype dtype) {
  if (leat_value_type(x).dtype == dtype) return x;
  leat_attr attr = leat__attr_int(dtype);
  return leat__build1(b, LEAT_OP_cast, &x, 1, &attr, 1);
}

leat_value leat_bitcast(leat_builder *b, leat_value x, leat_dtype dtype) {
  if (leat_value_type(x).dtype == dtype) return x;
  leat_attr attr = leat__attr_int(dtype);
  return leat__build1(b, LEAT_OP_bitcast, &x, 1, &attr, 1);
}

leat_value leat_add_scalar(leat_builder *b, leat_value x, double c) {
  return leat_add(b, x, leat_const_like(b, x, c));
}
leat_value leat_mul_scalar(leat_builder *b, leat_value x, double c) {
  return leat_mul(b, x, leat_const_like(b, x, c));
}

// --- Reductions ---------------------------------------------------------------------------------
// Axes as a bit mask; count 0 means all. Bad axes fail the builder.
static unsigned axis_mask(leat_builder *b, leat_value x, const int *axes, int count) {
  int rank = rank_of(x);
  if (!axes || count == 0) return (1u << rank) - 1;
  unsigned mask = 0;
  for (int i = 0; i < count; i++) {
    int axis = axes[i] < 0 ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank || mask >> axis & 1) {
      leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "no axis %d in rank %d, or named twice", axes[i],
                        rank);
      return 0;
    }
    mask |= 1u << axis;
  }
  return mask;
}

static int mask_to_axes(unsigned mask, int64_t *axes) {
  int count = 0;
  for (int i = 0; i < LEAT_MAX_RANK; i++)
    if (mask >> i & 1) axes[count++] = i;
  return count;
}

static leat_value reduce(leat_builder *b, leat_op op, leat_value x, const int *axes, int count,
                         bool keep) {
  unsigned mask = axis_mask(b, x, axes, count);
  int64_t list[LEAT_MAX_RANK];
  int listed = mask_to_axes(mask, list);
  leat_attr attr = leat__attr_ints(list, listed);
  leat_value out = leat__build1(b, op, &x, 1, &attr, 1);
  if (!keep || !out.node) return out;
  leat_shape shape = shape_of(x);
  for (int i = 0; i < shape.rank; i++)
    if (mask >> i & 1) shape.dims[i] = 1;
  return leat_reshape(b, out, shape);
}

#define BUILD_REDUCE(name)                                                                       \
  leat_value leat_##name(leat_builder *b, leat_value x, const int *axes, int count, bool keep) { \
    return reduce(b, LEAT_OP_##name, x, axes, count, keep);                                      \
  }
BUILD_REDUCE(reduce_sum)
BUILD_REDUCE(reduce_prod)
BUILD_REDUCE(reduce_max)
BUILD_REDUCE(reduce_min)
BUILD_REDUCE(reduce_and)
BUILD_REDUCE(reduce_or)

leat_value leat_mean(leat_builder *b, leat_value x, const int *axes, int count, bool keep) {
  unsigned mask = axis_mask(b, x, axes, count);
  leat_shape shape = shape_of(x);
  leat_dim n = 1;
  if (!leat_builder_ok(b)) return (leat_value){0};
  for (int i = 0; i < shape.rank; i++)
    if (mask >> i & 1) n = leat_dim_mul(leat_builder_graph(b), n, shape.dims[i]);
  leat_value size = leat_cast(b, leat_dim_value(b, n), leat_value_type(x).dtype);
  return leat_div(b, leat_reduce_sum(b, x, axes, count, keep), size);
}

static leat_value arg(leat_builder *b, leat_op op, leat_value x, int axis) {
  leat_attr attr = leat__attr_int(axis < 0 ? axis + rank_of(x) : axis);
  return leat__build1(b, op, &x, 1, &attr, 1);
}
leat_value leat_argmax(leat_builder *b, leat_value x, int axis) {
  return arg(b, LEAT_OP_argmax, x, axis);
}
leat_value leat_argmin(leat_builder *b, leat_value x, int axis) {
  return arg(b, LEAT_OP_argmin, x, axis);
}

leat_value leat_cumulate(leat_builder *b, leat_value x, int axis, leat_reduce_kind kind,
                         bool exclusive, bool reverse) {
  leat_attr attrs[] = {leat__attr_int(axis < 0 ? axis + rank_of(x) : axis), leat__attr_int(kind),
                       leat__attr_int(exclusive), leat__attr_int(reverse)};
  return leat__build1(b, LEAT_OP_cumulate, &x, 1, attrs, 4);
}

leat_value leat_reduce_window(leat_builder *b, leat_value x, leat_reduce_kind kind,
                              const leat_window *w) {
  int rank = rank_of(x);
  leat_window full = *w;
  for (int i = 0; i < LEAT_MAX_RANK; i++) {
    full.window[i] = or_one(full.window[i]);
    full.strides[i] = or_one(full.strides[i]);
    full.dilation[i] = or_one(full.dilation[i]);
  }
  leat_attr attrs[] = {leat__attr_int(kind),
                       leat__attr_ints(full.window, rank),
                       leat__attr_ints(full.strides, rank),
                       leat__attr_ints(full.low, rank),
                       leat__attr_ints(full.high, rank),
                       leat__attr_ints(full.dilation, rank)};
  return leat__build1(b, LEAT_OP_reduce_window, &x, 1, attrs, 6);
}

// --- Shape --------------------------------------------------------------------------------------
leat_value leat_reshape(leat_builder *b, leat_value x, leat_shape shape) {
  leat_shape have = shape_of(x);
  if (x.node && leat_shape_eq(&have, &shape)) return x;
  leat_attr attr = leat__attr_shape(&shape);
  return leat__build1(b, LEAT_OP_reshape, &x, 1, &attr, 1);
}

leat_value leat_reshape_dynamic(leat_builder *b, leat_value x, leat_value dims, leat_shape shape) {
  leat_value xs[] = {x, dims};
  leat_attr attr = leat__attr_shape(&shape);
  return leat__build1(b, LEAT_OP_reshape_dynamic, xs, 2, &attr, 1);
}

leat_value leat_transpose(leat_builder *b, leat_value x, const int *perm) {
  int rank = rank_of(x);
  int64_t list[LEAT_MAX_RANK];
  for (int i = 0; i < rank; i++) list[i] = perm ? perm[i] : rank - 1 - i;
  leat_attr attr = leat__attr_ints(list, rank);
  return leat__build1(b, LEAT_OP_transpose, &x, 1, &attr, 1);
}

leat_value leat_broadcast(leat_builder *b, leat_value x, leat_shape shape, const int *axes) {
  leat_shape have = shape_of(x);
  if (x.node && !axes && leat_shape_eq(&have, &shape)) return x;
  int64_t list[LEAT_MAX_RANK];
  for (int i = 0; i < have.rank; i++) list[i] = axes ? axes[i] : i + shape.rank - have.rank;
  leat_attr attrs[] = {leat__attr_shape(&shape), leat__attr_ints(list, have.rank)};
  return leat__build1(b, LEAT_OP_broadcast, &x, 1, attrs, 2);
}

leat_value leat_slice(leat_builder *b, leat_value x, const leat_dim *start, const leat_dim *limit,
                      const int64_t *strides) {
  int rank = rank_of(x);
  int64_t ones[LEAT_MAX_RANK];
  for (int i = 0; i < LEAT_MAX_RANK; i++) ones[i] = 1;
  leat_attr attrs[] = {leat__attr_ints(start, rank), leat__attr_ints(limit, rank),
                       leat__attr_ints(strides ? strides : ones, rank)};
  return leat__build1(b, LEAT_OP_slice, &x, 1, attrs, 3);
}

leat_value leat_slice_axis(leat_builder *b, leat_value x, int axis, leat_dim start,
                           leat_dim limit) {
  leat_shape shape = shape_of(x);
  if (axis < 0) axis += shape.rank;
  if (!x.node || axis < 0 || axis >= shape.rank)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "slice: no axis %d", axis);
  leat_dim from[LEAT_MAX_RANK] = {0};
  from[axis] = start;
  shape.dims[axis] = limit;
  return leat_slice(b, x, from, shape.dims, NULL);
}

leat_value leat_dynamic_slice(leat_builder *b, leat_value x, leat_value starts, leat_shape shape) {
  leat_value xs[] = {x, starts};
  leat_attr attr = leat__attr_shape(&shape);
  return leat__build1(b, LEAT_OP_dynamic_slice, xs, 2, &attr, 1);
}

leat_value leat_dynamic_update(leat_builder *b, leat_value x, leat_value y, leat_value starts) {
  leat_value xs[] = {x, y, starts};
  return leat__build1(b, LEAT_OP_dynamic_update, xs, 3, NULL, 0);
}

leat_value leat_pad(leat_builder *b, leat_value x, leat_value value, const int64_t *low,
                    const int64_t *high, const int64_t *interior) {
  static const int64_t none[LEAT_MAX_RANK];
  int rank = rank_of(x);
  leat_value xs[] = {x, value.node ? value : leat_const_like(b, x, 0)};
  leat_attr attrs[] = {leat__attr_ints(low, rank), leat__attr_ints(high, rank),
                       leat__attr_ints(interior ? interior : none, rank)};
  return leat__build1(b, LEAT_OP_pad, xs, 2, attrs, 3);
}

leat_value leat_concat(leat_builder *b, const leat_value *xs, int count, int axis) {
  if (count == 1) return xs[0];
  leat_attr attr = leat__attr_int(axis < 0 && count ? axis + rank_of(xs[0]) : axis);
  return leat__build1(b, LEAT_OP_concat, xs, count, &attr, 1);
}

leat_value leat_reverse(leat_builder *b, leat_value x, const int *axes, int count) {
  int64_t list[LEAT_MAX_RANK];
  if (count == 0) return x;
  leat_attr attr = leat__attr_ints(list, mask_to_axes(axis_mask(b, x, axes, count), list));
  return leat__build1(b, LEAT_OP_reverse, &x, 1, &attr, 1);
}

leat_value leat_expand_dims(leat_builder *b, leat_value x, int axis) {
  leat_shape shape = shape_of(x);
  if (axis < 0) axis += shape.rank + 1;
  if (!x.node || axis < 0 || axis > shape.rank || shape.rank == LEAT_MAX_RANK)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "expand_dims: no axis %d", axis);
  for (int i = shape.rank++; i > axis; i--) shape.dims[i] = shape.dims[i - 1];
  shape.dims[axis] = 1;
  return leat_reshape(b, x, shape);
}

leat_value leat_squeeze(leat_builder *b, leat_value x, int axis) {
  leat_shape shape = shape_of(x);
  if (axis < 0) axis += shape.rank;
  if (!x.node || axis < 0 || axis >= shape.rank || shape.dims[axis] != 1)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "squeeze: axis %d is not of size 1", axis);
  shape.rank--;
  for (int i = axis; i < shape.rank; i++) shape.dims[i] = shape.dims[i + 1];
  return leat_reshape(b, x, shape);
}

// --- Indexed ------------------------------------------------------------------------------------
leat_value leat_gather(leat_builder *b, leat_value x, leat_value index, int axis,
                       leat_index_mode mode) {
  leat_value xs[] = {x, index};
  leat_attr attrs[] = {leat__attr_int(axis < 0 ? axis + rank_of(x) : axis), leat__attr_int(mode)};
  return leat__build1(b, LEAT_OP_gather, xs, 2, attrs, 2);
}

leat_value leat_scatter(leat_builder *b, leat_value x, leat_value index, leat_value y, int axis,
                        leat_scatter_kind kind, leat_index_mode mode) {
  leat_value xs[] = {x, index, y};
  leat_attr attrs[] = {leat__attr_int(axis < 0 ? axis + rank_of(x) : axis), leat__attr_int(kind),
                       leat__attr_int(mode)};
  return leat__build1(b, LEAT_OP_scatter, xs, 3, attrs, 3);
}

leat_value leat_segment_reduce(leat_builder *b, leat_value x, leat_value ids, leat_reduce_kind kind,
                               leat_dim count) {
  leat_value xs[] = {x, ids};
  leat_attr attrs[] = {leat__attr_int(kind), leat__attr_int(count)};
  return leat__build1(b, LEAT_OP_segment_reduce, xs, 2, attrs, 2);
}

leat_value leat_nonzero(leat_builder *b, leat_value x) {
  if (!leat_builder_ok(b) || !x.node)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "nonzero: operand is missing");
  leat_graph *graph = leat_builder_graph(b);
  leat_shape shape = shape_of(x);
  leat_attr attr = leat__attr_int(leat__dim_fresh(graph, leat__shape_count(graph, &shape)));
  return leat__build1(b, LEAT_OP_nonzero, &x, 1, &attr, 1);
}

static leat_value pair(leat_node *node, leat_value *second) {
  if (second) *second = (leat_value){node, node ? 1 : 0};
  return (leat_value){node, 0};
}

leat_value leat_sort(leat_builder *b, leat_value x, int axis, bool descending,
                     leat_value *indices) {
  leat_attr attrs[] = {leat__attr_int(axis < 0 ? axis + rank_of(x) : axis),
                       leat__attr_int(descending)};
  return pair(leat__build(b, LEAT_OP_sort, &x, 1, attrs, 2), indices);
}

leat_value leat_top_k(leat_builder *b, leat_value x, int64_t k, leat_value *indices) {
  leat_attr attr = leat__attr_int(k);
  return pair(leat__build(b, LEAT_OP_top_k, &x, 1, &attr, 1), indices);
}

// --- Linear algebra -----------------------------------------------------------------------------
// Clause N2: lanes16 where the static free dims of the second operand multiply to 4 or less.
static int64_t dot_order(const leat_shape *y, unsigned taken) {
  int64_t free = 1;
  for (int i = 0; i < y->rank; i++)
    if (!(taken >> i & 1) && y->dims[i] >= 0) free *= y->dims[i];
  return free <= 4 ? ORDER_LANES16 : ORDER_CHAIN;
}

leat_value leat_dot_general(leat_builder *b, leat_value x, leat_value y, const leat_dot_axes *axes,
                            leat_dtype out) {
  int64_t lists[4][LEAT_MAX_RANK];
  int x_rank = rank_of(x), y_rank = rank_of(y);
  unsigned taken = 0;
  for (int i = 0; i < axes->batch_count; i++) {
    lists[0][i] = axes->x_batch[i] + (axes->x_batch[i] < 0 ? x_rank : 0);
    lists[1][i] = axes->y_batch[i] + (axes->y_batch[i] < 0 ? y_rank : 0);
    taken |= 1u << (lists[1][i] & 31);
  }
  for (int i = 0; i < axes->contract_count; i++) {
    lists[2][i] = axes->x_contract[i] + (axes->x_contract[i] < 0 ? x_rank : 0);
    lists[3][i] = axes->y_contract[i] + (axes->y_contract[i] < 0 ? y_rank : 0);
    taken |= 1u << (lists[3][i] & 31);
  }
  leat_shape y_shape = shape_of(y);
  leat_value xs[] = {x, y};
  leat_attr attrs[] = {leat__attr_ints(lists[0], axes->batch_count),
                       leat__attr_ints(lists[1], axes->batch_count),
                       leat__attr_ints(lists[2], axes->contract_count),
                       leat__attr_ints(lists[3], axes->contract_count),
                       leat__attr_int(dot_order(&y_shape, taken)),
                       leat__attr_int(out ? out : leat_value_type(x).dtype)};
  return leat__build1(b, LEAT_OP_dot_general, xs, 2, attrs, 6);
}

// Broadcasts the leading (batch) axes of matmul operands of rank > 2.
static leat_value stretch_batch(leat_builder *b, leat_value x, const leat_shape *batch) {
  leat_shape have = shape_of(x), want = *batch;
  want.dims[want.rank++] = have.dims[have.rank - 2];
  want.dims[want.rank++] = have.dims[have.rank - 1];
  return stretch(b, x, &want);
}

leat_value leat_matmul(leat_builder *b, leat_value x, leat_value y) {
  int x_rank = rank_of(x), y_rank = rank_of(y);
  if (x_rank < 2 || y_rank < 2)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "matmul: operands of rank %d and %d", x_rank,
                             y_rank);
  leat_dot_axes axes = {.contract_count = 1, .x_contract = {-1}, .y_contract = {y_rank - 2}};
  if (y_rank == 2) return leat_dot_general(b, x, y, &axes, LEAT_DTYPE_NONE);
  leat_shape x_batch = shape_of(x), y_batch = shape_of(y), batch;
  x_batch.rank -= 2;
  y_batch.rank -= 2;
  if (!broadcast_shapes(&x_batch, &y_batch, &batch) || batch.rank > LEAT_MAX_RANK - 2)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "matmul: leading axes do not broadcast");
  x = stretch_batch(b, x, &batch);
  y = stretch_batch(b, y, &batch);
  axes.batch_count = batch.rank;
  for (int i = 0; i < batch.rank; i++) axes.x_batch[i] = axes.y_batch[i] = i;
  axes.y_contract[0] = batch.rank;
  return leat_dot_general(b, x, y, &axes, LEAT_DTYPE_NONE);
}

leat_value leat_conv(leat_builder *b, leat_value x, leat_value k, const leat_conv_options *o) {
  int rank = rank_of(x), spatial = rank > 2 ? rank - 2 : 0;
  leat_conv_options full = *o;
  for (int i = 0; i < LEAT_MAX_RANK; i++) {
    full.strides[i] = or_one(full.strides[i]);
    full.x_dilation[i] = or_one(full.x_dilation[i]);
    full.k_dilation[i] = or_one(full.k_dilation[i]);
  }
  leat_shape kernel = shape_of(k);
  int64_t order =
      kernel.rank && kernel.dims[kernel.rank - 1] >= 0 && kernel.dims[kernel.rank - 1] <= 4
          ? ORDER_LANES16
          : ORDER_CHAIN;
  leat_value xs[] = {x, k};
  leat_attr attrs[] = {leat__attr_ints(full.strides, spatial),
                       leat__attr_ints(full.low, spatial),
                       leat__attr_ints(full.high, spatial),
                       leat__attr_ints(full.x_dilation, spatial),
                       leat__attr_ints(full.k_dilation, spatial),
                       leat__attr_int(or_one(full.groups)),
                       leat__attr_int(order),
                       leat__attr_int(leat_value_type(x).dtype)};
  return leat__build1(b, LEAT_OP_conv, xs, 2, attrs, 8);
}

leat_value leat_fft(leat_builder *b, leat_value re, leat_value im, bool inverse,
                    leat_value *im_out) {
  leat_value xs[] = {re, im};
  leat_attr attr = leat__attr_int(inverse);
  return pair(leat__build(b, LEAT_OP_fft, xs, 2, &attr, 1), im_out);
}

// --- Control flow -------------------------------------------------------------------------------
static void spread(leat_node *node, int count, leat_value *out) {
  for (int i = 0; i < count; i++) out[i] = (leat_value){node, node ? i : 0};
}

void leat_call(leat_builder *b, leat_func *func, const leat_value *args, int count,
               leat_value *out) {
  leat_attr attr = leat__attr_func(func);
  spread(leat__build(b, LEAT_OP_call, args, count, &attr, 1), func->output_count, out);
}

void leat_cond(leat_builder *b, leat_value pred, leat_func *yes, leat_func *no,
               const leat_value *args, int count, leat_value *out) {
  leat_value *all = leat__alloc(sizeof *all * (size_t)(count + 1));
  if (!all) {
    leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
    spread(NULL, yes->output_count, out);
    return;
  }
  all[0] = pred;
  if (count) memcpy(all + 1, args, sizeof *all * (size_t)count);
  leat_attr attrs[] = {leat__attr_func(yes), leat__attr_func(no)};
  spread(leat__build(b, LEAT_OP_cond, all, count + 1, attrs, 2), yes->output_count, out);
  leat__free(all);
}

void leat_while(leat_builder *b, leat_func *test, leat_func *body, const leat_value *args,
                int count, int carries, int64_t max_trips, leat_value *out) {
  leat_attr attrs[] = {leat__attr_func(test), leat__attr_func(body), leat__attr_int(carries),
                       leat__attr_int(max_trips)};
  spread(leat__build(b, LEAT_OP_while, args, count, attrs, 4), carries, out);
}

void leat_scan(leat_builder *b, leat_func *body, const leat_value *args, int count, int carries,
               int scanned, leat_dim trips, bool reverse, leat_value *out) {
  leat_attr attrs[] = {leat__attr_func(body), leat__attr_int(carries), leat__attr_int(scanned),
                       leat__attr_int(trips), leat__attr_int(reverse)};
  spread(leat__build(b, LEAT_OP_scan, args, count, attrs, 5), body->output_count, out);
}

void leat_custom_gradient(leat_builder *b, leat_func *func, leat_func *grad, const leat_value *args,
                          int count, leat_value *out) {
  leat_attr attrs[] = {leat__attr_func(func), leat__attr_func(grad)};
  spread(leat__build(b, LEAT_OP_custom_gradient, args, count, attrs, 2), func->output_count, out);
}

// --- State and effects --------------------------------------------------------------------------
leat_value leat_var_read(leat_builder *b, leat_var *var) {
  leat_attr attr = {.var = var};
  return leat__build1(b, LEAT_OP_var_read, NULL, 0, &attr, 1);
}

void leat_var_next(leat_builder *b, leat_var *var, leat_value value) {
  leat_attr attr = {.var = var};
  leat__build(b, LEAT_OP_var_next, &value, 1, &attr, 1);
}

void leat_row_update(leat_builder *b, leat_var *const *vars, int var_count, leat_value ids,
                     leat_value rows, const leat_value *captures, int capture_count,
                     leat_func *func) {
  leat_value *all = leat__alloc(sizeof *all * (size_t)(capture_count + 2));
  if (!all) {
    leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
    return;
  }
  all[0] = ids;
  all[1] = rows;
  if (capture_count) memcpy(all + 2, captures, sizeof *all * (size_t)capture_count);
  leat_attr attrs[] = {{.count = var_count, .vars = (leat_var **)(uintptr_t)vars},
                       leat__attr_func(func)};
  leat__build(b, LEAT_OP_row_update, all, capture_count + 2, attrs, 2);
  leat__free(all);
}

void leat_assert(leat_builder *b, leat_value condition, const char *message) {
  leat_attr attr = leat__attr_str(leat_str_of(message));
  leat__build(b, LEAT_OP_assert, &condition, 1, &attr, 1);
}

void leat_print(leat_builder *b, leat_value x, const char *message) {
  leat_attr attr = leat__attr_str(leat_str_of(message));
  leat__build(b, LEAT_OP_print, &x, 1, &attr, 1);
}

static leat_node *named_call(leat_builder *b, leat_op op, const char *name, const leat_value *args,
                             int count, const leat_str *params, int param_count) {
  leat_attr attrs[] = {leat__attr_str(leat_str_of(name)), {.count = param_count, .strs = params}};
  return leat__build(b, op, args, count, attrs, 2);
}

leat_value leat_host_call(leat_builder *b, const char *name, const leat_value *args, int count,
                          const leat_str *params, int param_count) {
  return (leat_value){named_call(b, LEAT_OP_host_call, name, args, count, params, param_count), 0};
}

void leat_custom_call(leat_builder *b, const char *name, const leat_value *args, int count,
                      const leat_str *params, int param_count, leat_value *out) {
  leat_node *node = named_call(b, LEAT_OP_custom_call, name, args, count, params, param_count);
  spread(node, node ? node->output_count : 1, out);
}

leat_value leat_all_reduce(leat_builder *b, leat_value x, leat_reduce_kind kind) {
  leat_attr attr = leat__attr_int(kind);
  return leat__build1(b, LEAT_OP_all_reduce, &x, 1, &attr, 1);
}

leat_value leat_all_gather(leat_builder *b, leat_value x, int axis, int64_t workers) {
  leat_attr attrs[] = {leat__attr_int(axis), leat__attr_int(workers)};
  return leat__build1(b, LEAT_OP_all_gather, &x, 1, attrs, 2);
}

leat_value leat_reduce_scatter(leat_builder *b, leat_value x, leat_reduce_kind kind, int axis,
                               int64_t workers) {
  leat_attr attrs[] = {leat__attr_int(kind), leat__attr_int(axis), leat__attr_int(workers)};
  return leat__build1(b, LEAT_OP_reduce_scatter, &x, 1, attrs, 3);
}

leat_value leat_random_bits(leat_builder *b, const char *name, const leat_random_key *key,
                            leat_shape shape) {
  leat_value zero = leat_const_i64(b, 0);
  leat_value xs[] = {key->seed, key->step.node ? key->step : zero,
                     key->iteration.node ? key->iteration : zero,
                     key->first.node ? key->first : zero};
  leat_attr attrs[] = {leat__attr_str(leat_str_of(name)), leat__attr_int(LEAT_DTYPE_U32),
                       leat__attr_shape(&shape)};
  return leat__build1(b, LEAT_OP_random_bits, xs, 4, attrs, 3);
}
