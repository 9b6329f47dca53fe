// Gradient rules of ops that move elements.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"
#include "leat/ops.h"

#define RULE(op) void leat__grad_##op(leat_gradient_ctx *ctx, leat_node *node)
#define RULE_LOCALS                                                \
  leat_builder *b = leat__cot_builder(ctx);                        \
  leat_value dy = leat__cot_of(ctx, node, 0), x = node->inputs[0]; \
  if (!dy.node) return

static leat_shape shape_of(leat_value x) { return leat_value_type(x).shape; }

// An i64 vector of dims.
static leat_value dims_vector(leat_builder *b, const leat_dim *dims, int count) {
  leat_value list[LEAT_MAX_RANK];
  for (int i = 0; i < count; i++) list[i] = leat_expand_dims(b, leat_dim_value(b, dims[i]), 0);
  if (count == 0) return leat_full(b, LEAT_DTYPE_I64, LEAT_SHAPE(0), 0);
  return leat_concat(b, list, count, 0);
}

RULE(reshape) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_reshape(b, dy, shape_of(x)));
}

RULE(reshape_dynamic) {
  RULE_LOCALS;
  leat_shape shape = shape_of(x);
  leat__cot_add(ctx, x, leat_reshape_dynamic(b, dy, dims_vector(b, shape.dims, shape.rank), shape));
}

RULE(transpose) {
  RULE_LOCALS;
  int inverse[LEAT_MAX_RANK];
  for (int64_t i = 0; i < node->attrs[0].count; i++) inverse[node->attrs[0].ints[i]] = (int)i;
  leat__cot_add(ctx, x, leat_transpose(b, dy, inverse));
}

RULE(broadcast) {
  RULE_LOCALS;
  leat_shape in = shape_of(x), out = shape_of(dy);
  const leat_attr *axes = &node->attrs[1];
  int gone[LEAT_MAX_RANK], count = 0;
  for (int i = 0; i < out.rank; i++) {
    bool kept = false;
    for (int64_t j = 0; j < axes->count; j++)
      kept |= axes->ints[j] == i && (in.dims[j] != 1 || out.dims[i] == 1);
    if (!kept) gone[count++] = i;
  }
  if (count) dy = leat_reduce_sum(b, dy, gone, count, false);
  leat__cot_add(ctx, x, leat_reshape(b, dy, in));
}

RULE(slice) {
  RULE_LOCALS;
  leat_graph *graph = leat_builder_graph(b);
  leat_shape in = shape_of(x), out = shape_of(dy);
  const leat_attr *start = &node->attrs[0], *strides = &node->attrs[2];
  int64_t low[LEAT_MAX_RANK], high[LEAT_MAX_RANK], interior[LEAT_MAX_RANK];
  bool fixed = true, unit = true;
  for (int i = 0; i < in.rank; i++) {
    interior[i] = strides->ints[i] - 1;
    unit &= interior[i] == 0;
    leat_dim span =
        leat__dim_offset(graph, leat_dim_mul(graph, out.dims[i], strides->ints[i]), -interior[i]);
    leat_dim rest = leat__dim_sub(graph, leat__dim_sub(graph, in.dims[i], start->ints[i]), span);
    if (out.dims[i] == 0) rest = leat__dim_sub(graph, in.dims[i], start->ints[i]);
    fixed &= leat__dim_constant(graph, start->ints[i], &low[i]) &&
             leat__dim_constant(graph, rest, &high[i]);
  }
  if (fixed) {
    leat__cot_add(ctx, x, leat_pad(b, dy, (leat_value){0}, low, high, interior));
  } else if (unit) {
    leat__cot_add(
        ctx, x,
        leat_dynamic_update(b, leat_zeros_like(b, x), dy, dims_vector(b, start->ints, in.rank)));
  } else {
    leat_builder_fail(b, LEAT_UNIMPLEMENTED, "gradient of a strided slice of symbolic extent");
  }
}

RULE(dynamic_slice) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_dynamic_update(b, leat_zeros_like(b, x), dy, node->inputs[1]));
}

RULE(dynamic_update) {
  RULE_LOCALS;
  leat_value y = node->inputs[1], starts = node->inputs[2];
  if (leat__cot_needed(ctx, x))
    leat__cot_add(ctx, x, leat_dynamic_update(b, dy, leat_zeros_like(b, y), starts));
  if (leat__cot_needed(ctx, y))
    leat__cot_add(ctx, y, leat_dynamic_slice(b, dy, starts, shape_of(y)));
}

// Reads back what pad wrote: widen what was cropped, then take every (interior + 1)-th.
static leat_value unpad(leat_builder *b, leat_value dy, leat_value x, const leat_node *pad) {
  leat_graph *graph = leat_builder_graph(b);
  leat_shape in = shape_of(x);
  int64_t low[LEAT_MAX_RANK], high[LEAT_MAX_RANK], strides[LEAT_MAX_RANK];
  leat_dim start[LEAT_MAX_RANK], limit[LEAT_MAX_RANK];
  bool cropped = false;
  for (int i = 0; i < in.rank; i++) {
    int64_t before = pad->attrs[0].ints[i], after = pad->attrs[1].ints[i];
    low[i] = before < 0 ? -before : 0;
    high[i] = after < 0 ? -after : 0;
    cropped |= low[i] || high[i];
    strides[i] = pad->attrs[2].ints[i] + 1;
    start[i] = before > 0 ? before : 0;
    leat_dim span =
        in.dims[i] == 0
            ? 0
            : leat__dim_offset(graph, leat_dim_mul(graph, in.dims[i], strides[i]), 1 - strides[i]);
    limit[i] = leat_dim_add(graph, start[i], span);
  }
  if (cropped) dy = leat_pad(b, dy, (leat_value){0}, low, high, NULL);
  return leat_slice(b, dy, start, limit, strides);
}

RULE(pad) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, unpad(b, dy, x, node));
  if (!leat__cot_needed(ctx, node->inputs[1])) return;
  const leat_attr *a = node->attrs;
  leat_value inside = leat_pad(b, leat_full(b, LEAT_DTYPE_BOOL, shape_of(x), 1), (leat_value){0},
                               a[0].ints, a[1].ints, a[2].ints);
  leat_value outside = leat_select(b, inside, leat_const_like(b, dy, 0), dy);
  leat__cot_add(ctx, node->inputs[1], leat_reduce_sum(b, outside, NULL, 0, false));
}

RULE(concat) {
  RULE_LOCALS;
  leat_graph *graph = leat_builder_graph(b);
  int axis = (int)node->attrs[0].i;
  leat_dim at = 0;
  (void)x;
  for (int i = 0; i < node->input_count; i++) {
    leat_dim end = leat_dim_add(graph, at, shape_of(node->inputs[i]).dims[axis]);
    if (leat__cot_needed(ctx, node->inputs[i]))
      leat__cot_add(ctx, node->inputs[i], leat_slice_axis(b, dy, axis, at, end));
    at = end;
  }
}

RULE(reverse) {
  RULE_LOCALS;
  int axes[LEAT_MAX_RANK];
  for (int64_t i = 0; i < node->attrs[0].count; i++) axes[i] = (int)node->attrs[0].ints[i];
  leat__cot_add(ctx, x, leat_reverse(b, dy, axes, (int)node->attrs[0].count));
}

// --- Indexed ------------------------------------------------------------------------------------
// Indices as i64, clamped into the axis where the mode says so.
static leat_value effective_index(leat_builder *b, leat_value index, leat_dim size, int64_t mode) {
  index = leat_cast(b, index, LEAT_DTYPE_I64);
  if (mode != LEAT_INDEX_CLAMP) return index;
  leat_value last = leat_sub(b, leat_dim_value(b, size), leat_const_i64(b, 1));
  return leat_max(b, leat_min(b, index, last), leat_const_i64(b, 0));
}

RULE(gather) {
  RULE_LOCALS;
  leat_graph *graph = leat_builder_graph(b);
  int axis = (int)node->attrs[0].i;
  int64_t mode = node->attrs[1].i;
  leat_shape in = shape_of(x), index_shape = shape_of(node->inputs[1]);
  if (!leat__cot_needed(ctx, x)) return;
  leat_value index = effective_index(b, node->inputs[1], in.dims[axis], mode);
  if (axis > 0) {
    leat__cot_add(
        ctx, x,
        leat_scatter(b, leat_zeros_like(b, x), index, dy, axis, LEAT_SCATTER_ADD, LEAT_INDEX_ZERO));
    return;
  }
  leat_dim count = leat__shape_count(graph, &index_shape);
  in.dims[0] = count;
  leat__cot_add_rows(ctx, x, leat_reshape(b, index, LEAT_SHAPE(count)), leat_reshape(b, dy, in));
}

// Which updates of a set survive: the last one to write each place.
static leat_value winners(leat_builder *b, leat_value index, leat_dim size) {
  leat_shape shape = shape_of(index);
  leat_dim count = leat__shape_count(leat_builder_graph(b), &shape);
  leat_value flat = leat_reshape(b, index, LEAT_SHAPE(count));
  leat_value order = leat_iota(b, LEAT_DTYPE_I64, LEAT_SHAPE(count), 0);
  leat_value last = leat_scatter(b, leat_full(b, LEAT_DTYPE_I64, LEAT_SHAPE(size), -1), flat, order,
                                 0, LEAT_SCATTER_SET, LEAT_INDEX_ZERO);
  leat_value won = leat_eq(b, leat_gather(b, last, flat, 0, LEAT_INDEX_CLAMP), order);
  return leat_reshape(b, won, shape);
}

static void scatter_set_grad(leat_gradient_ctx *ctx, leat_node *node, leat_value index) {
  RULE_LOCALS;
  int axis = (int)node->attrs[0].i;
  leat_value y = node->inputs[2];
  leat__cot_add(
      ctx, x,
      leat_scatter(b, dy, index, leat_zeros_like(b, y), axis, LEAT_SCATTER_SET, LEAT_INDEX_ZERO));
  if (!leat__cot_needed(ctx, y)) return;
  int axes[LEAT_MAX_RANK];
  leat_shape index_shape = shape_of(index);
  for (int i = 0; i < index_shape.rank; i++) axes[i] = axis + i;
  leat_value won = leat_broadcast(b, winners(b, index, shape_of(x).dims[axis]), shape_of(y), axes);
  leat_value back = leat_gather(b, dy, index, axis, LEAT_INDEX_ZERO);
  leat__cot_add(ctx, y, leat_select(b, won, back, leat_const_like(b, back, 0)));
}

// min and max: whoever has the result's value shares its gradient.
static void scatter_extreme_grad(leat_gradient_ctx *ctx, leat_node *node, leat_value index) {
  RULE_LOCALS;
  int axis = (int)node->attrs[0].i;
  leat_value y = node->inputs[2], out = leat__out(node, 0), zero = leat_const_like(b, dy, 0);
  leat_dtype dtype = leat_value_type(dy).dtype;
  leat_value x_hit = leat_eq(b, x, out);
  leat_value y_hit = leat_eq(b, y, leat_gather(b, out, index, axis, LEAT_INDEX_ZERO));
  leat_value hits = leat_scatter(b, leat_cast(b, x_hit, dtype), index, leat_cast(b, y_hit, dtype),
                                 axis, LEAT_SCATTER_ADD, LEAT_INDEX_ZERO);
  leat_value share = leat_div(b, dy, leat_max(b, hits, leat_const_like(b, hits, 1)));
  leat__cot_add(ctx, x, leat_select(b, x_hit, share, zero));
  leat_value back = leat_gather(b, share, index, axis, LEAT_INDEX_ZERO);
  leat__cot_add(ctx, y, leat_select(b, y_hit, back, zero));
}

RULE(scatter) {
  RULE_LOCALS;
  int axis = (int)node->attrs[0].i;
  int64_t kind = node->attrs[1].i;
  leat_value index = effective_index(b, node->inputs[1], shape_of(x).dims[axis], node->attrs[2].i);
  if (kind == LEAT_SCATTER_SET)
    scatter_set_grad(ctx, node, index);
  else if (kind != LEAT_SCATTER_ADD)
    scatter_extreme_grad(ctx, node, index);
  else {
    leat__cot_add(ctx, x, dy);
    if (leat__cot_needed(ctx, node->inputs[2]))
      leat__cot_add(ctx, node->inputs[2], leat_gather(b, dy, index, axis, LEAT_INDEX_ZERO));
  }
}

// Per-segment numbers brought back to the rows.
static leat_value by_row(leat_builder *b, leat_value segments, leat_value ids) {
  return leat_gather(b, segments, ids, 0, LEAT_INDEX_ZERO);
}

RULE(segment_reduce) {
  RULE_LOCALS;
  leat_value ids = leat_cast(b, node->inputs[1], LEAT_DTYPE_I64), out = leat__out(node, 0);
  leat_reduce_kind kind = (leat_reduce_kind)node->attrs[0].i;
  leat_dim count = node->attrs[1].i;
  leat_value zero = leat_const_like(b, x, 0), one = leat_const_like(b, x, 1), dx;
  leat_dtype dtype = leat_value_type(x).dtype;
  if (kind == LEAT_SUM) {
    dx = by_row(b, dy, ids);
  } else if (kind == LEAT_PROD) {
    leat_value is_zero = leat_eq(b, x, zero);
    leat_value zeros = leat_segment_reduce(b, leat_cast(b, is_zero, dtype), ids, LEAT_SUM, count);
    leat_value safe = leat_select(b, is_zero, one, x);
    leat_value product = by_row(b, leat_segment_reduce(b, safe, ids, LEAT_PROD, count), ids);
    leat_value z = by_row(b, zeros, ids);
    leat_value alone = leat_and(b, is_zero, leat_eq(b, z, one));
    leat_value slope = leat_select(b, leat_eq(b, z, zero), leat_div(b, product, safe),
                                   leat_select(b, alone, product, zero));
    dx = leat_mul(b, by_row(b, dy, ids), slope);
  } else {
    leat_value hit = leat_eq(b, x, by_row(b, out, ids));
    leat_value hits = leat_segment_reduce(b, leat_cast(b, hit, dtype), ids, LEAT_SUM, count);
    leat_value share = leat_div(b, dy, leat_max(b, hits, leat_const_like(b, hits, 1)));
    dx = leat_select(b, hit, by_row(b, share, ids), zero);
  }
  leat__cot_add(ctx, x, dx);
}

RULE(sort) {
  RULE_LOCALS;
  leat_value inverse;
  int axis = (int)node->attrs[0].i;
  leat_sort(b, leat__out(node, 1), axis, false, &inverse);
  leat__cot_add(ctx, x, leat_take_along_axis(b, dy, inverse, axis));
}

RULE(top_k) {
  RULE_LOCALS;
  leat_graph *graph = leat_builder_graph(b);
  leat_shape in = shape_of(x), out = shape_of(dy);
  leat_dim n = in.dims[in.rank - 1], total = leat__shape_count(graph, &in);
  leat_dim picked = leat__shape_count(graph, &out), rows = 1;
  for (int i = 0; i < in.rank - 1; i++) rows = leat_dim_mul(graph, rows, in.dims[i]);
  leat_dim k = out.dims[out.rank - 1];
  leat_value base =
      leat_mul(b, leat_iota(b, LEAT_DTYPE_I64, LEAT_SHAPE(rows, k), 0), leat_dim_value(b, n));
  leat_value index = leat_reshape(b, leat__out(node, 1), LEAT_SHAPE(rows, k));
  leat_value flat = leat_reshape(b, leat_add(b, base, index), LEAT_SHAPE(picked));
  leat_value zeros = leat_full(b, leat_value_type(x).dtype, LEAT_SHAPE(total), 0);
  leat_value dx = leat_scatter(b, zeros, flat, leat_reshape(b, dy, LEAT_SHAPE(picked)), 0,
                               LEAT_SCATTER_ADD, LEAT_INDEX_ZERO);
  leat__cot_add(ctx, x, leat_reshape(b, dx, in));
}
