// Gradient rules of element-wise ops and reductions.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"
#include "leat/ops.h"

// What nearly every rule of one result needs.
#define RULE(op) void leat__grad_##op(leat_gradient_ctx *ctx, leat_node *node)
#define RULE_LOCALS                                                \
  leat_builder *b = leat__cot_builder(ctx);                        \
  leat_value dy = leat__cot_of(ctx, node, 0), x = node->inputs[0]; \
  if (!dy.node) return

RULE(neg) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_neg(b, dy));
}
RULE(abs) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_mul(b, dy, leat_sign(b, x)));
}

RULE(sqrt) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_div(b, leat_mul_scalar(b, dy, 0.5), leat__out(node, 0)));
}

RULE(rsqrt) {
  RULE_LOCALS;
  leat_value y = leat__out(node, 0), cube = leat_mul(b, leat_mul(b, y, y), y);
  leat__cot_add(ctx, x, leat_mul(b, leat_mul_scalar(b, dy, -0.5), cube));
}

RULE(exp) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_mul(b, dy, leat__out(node, 0)));
}

RULE(expm1) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_mul(b, dy, leat_add_scalar(b, leat__out(node, 0), 1)));
}

RULE(log) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_div(b, dy, x));
}
RULE(log1p) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_div(b, dy, leat_add_scalar(b, x, 1)));
}

RULE(tanh) {
  RULE_LOCALS;
  leat_value y = leat__out(node, 0), one = leat_const_like(b, y, 1);
  leat__cot_add(ctx, x, leat_mul(b, dy, leat_sub(b, one, leat_mul(b, y, y))));
}

RULE(sigmoid) {
  RULE_LOCALS;
  leat_value y = leat__out(node, 0), one = leat_const_like(b, y, 1);
  leat__cot_add(ctx, x, leat_mul(b, dy, leat_mul(b, y, leat_sub(b, one, y))));
}

RULE(erf) {
  RULE_LOCALS;
  const double two_over_root_pi = 1.1283791670955125739;
  leat_value bell = leat_exp(b, leat_neg(b, leat_mul(b, x, x)));
  leat__cot_add(ctx, x, leat_mul(b, dy, leat_mul_scalar(b, bell, two_over_root_pi)));
}

RULE(sin) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_mul(b, dy, leat_cos(b, x)));
}
RULE(cos) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_mul(b, dy, leat_neg(b, leat_sin(b, x))));
}

RULE(atan) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_div(b, dy, leat_add_scalar(b, leat_mul(b, x, x), 1)));
}

RULE(cast) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, leat_cast(b, dy, leat_value_type(x).dtype));
}

RULE(add) {
  RULE_LOCALS;
  (void)b;
  leat__cot_add(ctx, x, dy);
  leat__cot_add(ctx, node->inputs[1], dy);
}

// The other operand's gradient is built only where something asks for it.
RULE(sub) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, dy);
  if (leat__cot_needed(ctx, node->inputs[1])) leat__cot_add(ctx, node->inputs[1], leat_neg(b, dy));
}

RULE(mul) {
  RULE_LOCALS;
  leat_value y = node->inputs[1];
  if (leat__cot_needed(ctx, x)) leat__cot_add(ctx, x, leat_mul(b, dy, y));
  if (leat__cot_needed(ctx, y)) leat__cot_add(ctx, y, leat_mul(b, dy, x));
}

RULE(div) {
  RULE_LOCALS;
  leat_value y = node->inputs[1], over = leat_div(b, dy, y);
  leat__cot_add(ctx, x, over);
  if (leat__cot_needed(ctx, y))
    leat__cot_add(ctx, y, leat_neg(b, leat_mul(b, over, leat__out(node, 0))));
}

RULE(rem) {
  RULE_LOCALS;
  leat_value y = node->inputs[1];
  leat__cot_add(ctx, x, dy);
  if (leat__cot_needed(ctx, y))
    leat__cot_add(ctx, y, leat_neg(b, leat_mul(b, dy, leat_trunc(b, leat_div(b, x, y)))));
}

RULE(pow) {
  RULE_LOCALS;
  leat_value y = node->inputs[1], zero = leat_const_like(b, x, 0);
  if (leat__cot_needed(ctx, x)) {
    leat_value slope = leat_mul(b, y, leat_pow(b, x, leat_add_scalar(b, y, -1)));
    slope = leat_select(b, leat_eq(b, y, zero), zero, slope);
    leat__cot_add(ctx, x, leat_mul(b, dy, slope));
  }
  if (leat__cot_needed(ctx, y)) {
    leat_value safe = leat_select(b, leat_gt(b, x, zero), x, leat_const_like(b, x, 1));
    leat__cot_add(ctx, y, leat_mul(b, dy, leat_mul(b, leat__out(node, 0), leat_log(b, safe))));
  }
}

static void pick(leat_gradient_ctx *ctx, leat_node *node, leat_value first_wins) {
  RULE_LOCALS;
  leat_value zero = leat_const_like(b, dy, 0);
  leat__cot_add(ctx, x, leat_select(b, first_wins, dy, zero));
  leat__cot_add(ctx, node->inputs[1], leat_select(b, first_wins, zero, dy));
}

RULE(max) { pick(ctx, node, leat_ge(leat__cot_builder(ctx), node->inputs[0], node->inputs[1])); }
RULE(min) { pick(ctx, node, leat_le(leat__cot_builder(ctx), node->inputs[0], node->inputs[1])); }

RULE(select) {
  RULE_LOCALS;
  leat_value zero = leat_const_like(b, dy, 0);
  if (leat__cot_needed(ctx, node->inputs[1]))
    leat__cot_add(ctx, node->inputs[1], leat_select(b, x, dy, zero));
  if (leat__cot_needed(ctx, node->inputs[2]))
    leat__cot_add(ctx, node->inputs[2], leat_select(b, x, zero, dy));
}

// --- Reductions ---------------------------------------------------------------------------------
// Puts back the axes that a reduction took away.
static leat_value unreduce(leat_builder *b, leat_value y, leat_value x, const leat_attr *axes) {
  int kept[LEAT_MAX_RANK], count = 0;
  leat_shape shape = leat_value_type(x).shape;
  for (int i = 0; i < shape.rank; i++) {
    bool gone = false;
    for (int64_t j = 0; j < axes->count; j++) gone |= axes->ints[j] == i;
    if (!gone) kept[count++] = i;
  }
  return leat_broadcast(b, y, shape, kept);
}

RULE(reduce_sum) {
  RULE_LOCALS;
  leat__cot_add(ctx, x, unreduce(b, dy, x, &node->attrs[0]));
}

static void split_ties(leat_gradient_ctx *ctx, leat_node *node) {
  RULE_LOCALS;
  const leat_attr *axes = &node->attrs[0];
  int list[LEAT_MAX_RANK];
  for (int64_t i = 0; i < axes->count; i++) list[i] = (int)axes->ints[i];
  if (axes->count == 0) {
    leat__cot_add(ctx, x, dy);
    return;
  }
  leat_value hit = leat_eq(b, x, unreduce(b, leat__out(node, 0), x, axes));
  leat_value ones = leat_cast(b, hit, leat_value_type(x).dtype);
  leat_value share = leat_div(b, dy, leat_reduce_sum(b, ones, list, (int)axes->count, false));
  leat_value zero = leat_const_like(b, dy, 0);
  leat__cot_add(ctx, x, leat_select(b, hit, unreduce(b, share, x, axes), zero));
}

RULE(reduce_max) { split_ties(ctx, node); }
RULE(reduce_min) { split_ties(ctx, node); }

// The product of all others, free of division: prefix times suffix product over the joined axes.
RULE(reduce_prod) {
  RULE_LOCALS;
  const leat_attr *axes = &node->attrs[0];
  leat_graph *graph = leat_builder_graph(b);
  leat_shape shape = leat_value_type(x).shape, flat = {0}, moved = {.rank = shape.rank};
  int perm[LEAT_MAX_RANK], inverse[LEAT_MAX_RANK], count = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < shape.rank; i++) {
      bool reduced = false;
      for (int64_t j = 0; j < axes->count; j++) reduced |= axes->ints[j] == i;
      if (reduced == (pass == 1)) perm[count++] = i;
    }
  leat_dim joined = 1;
  for (int i = 0; i < shape.rank; i++) {
    inverse[perm[i]] = i;
    moved.dims[i] = shape.dims[perm[i]];
    if (i < shape.rank - axes->count)
      flat.dims[flat.rank++] = moved.dims[i];
    else
      joined = leat_dim_mul(graph, joined, moved.dims[i]);
  }
  flat.dims[flat.rank++] = joined;
  leat_value rows = leat_reshape(b, leat_transpose(b, x, perm), flat);
  leat_value before = leat_cumulate(b, rows, -1, LEAT_PROD, true, false);
  leat_value after = leat_cumulate(b, rows, -1, LEAT_PROD, true, true);
  leat_value others = leat_reshape(b, leat_mul(b, before, after), moved);
  others = leat_transpose(b, others, inverse);
  leat__cot_add(ctx, x, leat_mul(b, unreduce(b, dy, x, axes), others));
}

// --- Prefix scans -------------------------------------------------------------------------------
// Moves `axis` last, or back.
static leat_value axis_last(leat_builder *b, leat_value x, int axis, bool back) {
  int perm[LEAT_MAX_RANK], rank = leat_value_type(x).shape.rank;
  for (int i = 0; i < rank; i++) perm[i] = i < axis ? i : i + 1;
  perm[rank - 1] = axis;
  if (!back) return leat_transpose(b, x, perm);
  int inverse[LEAT_MAX_RANK];
  for (int i = 0; i < rank; i++) inverse[perm[i]] = i;
  return leat_transpose(b, x, inverse);
}

// Spreads (..., n) to (..., n, n) along the last axis (rows) or the one before it.
static leat_value spread(leat_builder *b, leat_value x, bool as_rows) {
  leat_shape shape = leat_value_type(x).shape;
  int axes[LEAT_MAX_RANK], last = shape.rank - 1;
  for (int i = 0; i <= last; i++) axes[i] = i;
  axes[last] = as_rows ? last + 1 : last;
  shape.dims[shape.rank++] = shape.dims[last];
  return leat_broadcast(b, x, shape, axes);
}

// out_j = prod of x_k over k <= j (or < j): dx_i = sum_j dy_j * product without x_i.
static leat_value cumprod_grad(leat_builder *b, leat_value x, leat_value dy, bool exclusive) {
  leat_value grid = spread(b, x, true);  // [i][k] = x_k
  leat_shape shape = leat_value_type(grid).shape;
  leat_value row = leat_iota(b, LEAT_DTYPE_I64, shape, -2),
             col = leat_iota(b, LEAT_DTYPE_I64, shape, -1);
  leat_value without = leat_select(b, leat_eq(b, row, col), leat_ones_like(b, grid), grid);
  leat_value products = leat_cumulate(b, without, -1, LEAT_PROD, exclusive, false);
  leat_value covers = exclusive ? leat_lt(b, row, col) : leat_le(b, row, col);
  leat_value terms = leat_mul(b, spread(b, dy, true), products);
  terms = leat_select(b, covers, terms, leat_const_like(b, terms, 0));
  return leat_reduce_sum(b, terms, (int[]){-1}, 1, false);
}

// out_j = extreme of x_k over k <= j: dy_j goes to the first k that reaches it.
static leat_value cumextreme_grad(leat_builder *b, leat_value x, leat_value y, leat_value dy,
                                  bool exclusive) {
  leat_value xs = spread(b, x, true), ys = spread(b, y, false);  // [j][k]
  leat_shape shape = leat_value_type(xs).shape;
  leat_value row = leat_iota(b, LEAT_DTYPE_I64, shape, -2),
             col = leat_iota(b, LEAT_DTYPE_I64, shape, -1);
  leat_value covered = exclusive ? leat_lt(b, col, row) : leat_le(b, col, row);
  leat_value hit = leat_and(b, covered, leat_eq(b, xs, ys));
  leat_value rank = leat_cumulate(b, leat_cast(b, hit, LEAT_DTYPE_I64), -1, LEAT_SUM, false, false);
  leat_value first = leat_and(b, hit, leat_eq(b, rank, leat_const_i64(b, 1)));
  leat_value terms = leat_select(b, first, spread(b, dy, false), leat_const_like(b, dy, 0));
  return leat_reduce_sum(b, terms, (int[]){-2}, 1, false);
}

RULE(cumulate) {
  RULE_LOCALS;
  int axis = (int)node->attrs[0].i;
  leat_reduce_kind kind = (leat_reduce_kind)node->attrs[1].i;
  bool exclusive = node->attrs[2].i, reverse = node->attrs[3].i;
  if (kind == LEAT_SUM) {
    leat__cot_add(ctx, x, leat_cumulate(b, dy, axis, LEAT_SUM, exclusive, !reverse));
    return;
  }
  leat_value xt = axis_last(b, x, axis, false), yt = axis_last(b, leat__out(node, 0), axis, false);
  leat_value dt = axis_last(b, dy, axis, false);
  int last[] = {-1};
  if (reverse) {
    xt = leat_reverse(b, xt, last, 1);
    yt = leat_reverse(b, yt, last, 1);
    dt = leat_reverse(b, dt, last, 1);
  }
  leat_value dx = kind == LEAT_PROD ? cumprod_grad(b, xt, dt, exclusive)
                                    : cumextreme_grad(b, xt, yt, dt, exclusive);
  if (reverse) dx = leat_reverse(b, dx, last, 1);
  leat__cot_add(ctx, x, axis_last(b, dx, axis, true));
}
