// Gradient rules of dots, convolutions, windows and Fourier transforms.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"
#include "leat/ops.h"

#define RULE(op) void leat__grad_##op(leat_gradient_ctx *ctx, leat_node *node)
#define RULE_LOCALS                                                \
  leat_builder *b = leat__cot_builder(ctx);                        \
  leat_value dy = leat__cot_of(ctx, node, 0), x = node->inputs[0]; \
  if (!dy.node) return

static leat_shape shape_of(leat_value x) { return leat_value_type(x).shape; }

static bool has(const leat_attr *axes, int axis) {
  for (int64_t i = 0; i < axes->count; i++)
    if (axes->ints[i] == axis) return true;
  return false;
}

// The gradient of one side: dy contracted with the other side over its free axes. The result has
// axes (batch, own free, contracted as the other side orders them) and is put back in order.
static leat_value dot_side(leat_builder *b, const leat_node *node, leat_value dy, int side) {
  leat_value other = node->inputs[1 - side], own = node->inputs[side];
  const leat_attr *own_batch = &node->attrs[side], *own_contract = &node->attrs[2 + side];
  const leat_attr *other_batch = &node->attrs[1 - side], *other_contract = &node->attrs[3 - side];
  int batch = (int)own_batch->count, own_rank = shape_of(own).rank,
      other_rank = shape_of(other).rank;
  int own_free = own_rank - batch - (int)own_contract->count;
  int other_free = other_rank - batch - (int)other_contract->count;
  int first = side == 0 ? batch + own_free : batch;  // where the other side's free axes start in dy
  leat_dot_axes axes = {.batch_count = batch, .contract_count = other_free};
  for (int i = 0; i < batch; i++) {
    axes.x_batch[i] = i;
    axes.y_batch[i] = (int)other_batch->ints[i];
  }
  for (int i = 0, at = 0; i < other_rank; i++) {
    if (has(other_batch, i) || has(other_contract, i)) continue;
    axes.x_contract[at] = first + at;
    axes.y_contract[at++] = i;
  }
  leat_value grad = leat_dot_general(b, dy, leat_cast(b, other, leat_value_type(dy).dtype), &axes,
                                     LEAT_DTYPE_NONE);
  int perm[LEAT_MAX_RANK], at = 0;
  for (int i = 0; i < batch; i++) perm[own_batch->ints[i]] = at++;
  for (int i = 0; i < own_rank; i++)
    if (!has(own_batch, i) && !has(own_contract, i)) perm[i] = at++;
  for (int i = 0; i < other_rank; i++)  // ascending axes of the other side
    for (int64_t j = 0; j < other_contract->count; j++)
      if (other_contract->ints[j] == i) perm[own_contract->ints[j]] = at++;
  return leat_cast(b, leat_transpose(b, grad, perm), leat_value_type(own).dtype);
}

RULE(dot_general) {
  RULE_LOCALS;
  if (leat__cot_needed(ctx, x)) leat__cot_add(ctx, x, dot_side(b, node, dy, 0));
  if (leat__cot_needed(ctx, node->inputs[1]))
    leat__cot_add(ctx, node->inputs[1], dot_side(b, node, dy, 1));
}

// --- Convolution --------------------------------------------------------------------------------
typedef struct conv_sizes {  // by spatial axis, all static
  int spatial;
  int64_t in[LEAT_MAX_RANK], kernel[LEAT_MAX_RANK], out[LEAT_MAX_RANK];
} conv_sizes;

static bool read_sizes(leat_builder *b, const leat_node *node, leat_value dy, conv_sizes *s) {
  leat_shape x = shape_of(node->inputs[0]), k = shape_of(node->inputs[1]), y = shape_of(dy);
  s->spatial = x.rank - 2;
  for (int i = 0; i < s->spatial; i++) {
    s->in[i] = x.dims[i + 1];
    s->kernel[i] = k.dims[i];
    s->out[i] = y.dims[i + 1];
    if (s->in[i] < 0 || s->kernel[i] < 0 || s->out[i] < 0) {
      leat_builder_fail(b, LEAT_UNIMPLEMENTED, "gradient of a convolution of symbolic extent");
      return false;
    }
  }
  return true;
}

static int64_t spread(int64_t size, int64_t step) { return size ? (size - 1) * step + 1 : 0; }

// Reshapes (..., groups * n) to (..., groups, n), swaps two parts, and joins again.
static leat_value conv_x_grad(leat_builder *b, const leat_node *node, leat_value dy,
                              const conv_sizes *s) {
  const leat_attr *a = node->attrs;
  leat_value k = node->inputs[1];
  leat_shape shape = shape_of(k), split = shape;
  int64_t groups = a[5].i, ci = shape.dims[s->spatial], co = shape.dims[s->spatial + 1];
  int perm[LEAT_MAX_RANK], axes[LEAT_MAX_RANK];
  leat_conv_options o = {.groups = groups};
  for (int i = 0; i < s->spatial; i++) {
    perm[i] = axes[i] = i;
    int64_t lhs = a[3].ints[i], rhs = a[4].ints[i], stride = a[0].ints[i];
    o.strides[i] = lhs;
    o.x_dilation[i] = stride;
    o.k_dilation[i] = rhs;
    o.low[i] = (s->kernel[i] - 1) * rhs - a[1].ints[i];
    o.high[i] = spread(s->in[i], lhs) - spread(s->out[i], stride) + a[1].ints[i];
  }
  split.rank = s->spatial + 3;
  split.dims[s->spatial] = ci;
  split.dims[s->spatial + 1] = groups;
  split.dims[s->spatial + 2] = co / groups;
  perm[s->spatial] = s->spatial + 2;
  perm[s->spatial + 1] = s->spatial + 1;
  perm[s->spatial + 2] = s->spatial;
  leat_value turned = leat_transpose(b, leat_reshape(b, k, split), perm);
  shape.dims[s->spatial] = co / groups;
  shape.dims[s->spatial + 1] = groups * ci;
  turned = leat_reverse(b, leat_reshape(b, turned, shape), axes, s->spatial);
  return leat_conv(b, dy, turned, &o);
}

static leat_value conv_k_grad(leat_builder *b, const leat_node *node, leat_value dy,
                              const conv_sizes *s) {
  leat_graph *graph = leat_builder_graph(b);
  const leat_attr *a = node->attrs;
  leat_value x = node->inputs[0];
  leat_shape shape = shape_of(x), split = shape;
  int64_t groups = a[5].i;
  int last = s->spatial + 1, perm[LEAT_MAX_RANK];
  leat_dim n = shape.dims[0], ci = shape_of(node->inputs[1]).dims[s->spatial];
  split.rank++;
  split.dims[last] = groups;
  split.dims[last + 1] = ci;
  perm[0] = last + 1;
  for (int i = 1; i <= s->spatial; i++) perm[i] = i;
  perm[last] = last;
  perm[last + 1] = 0;
  leat_value lhs = leat_transpose(b, leat_reshape(b, x, split), perm);  // (ci, spatial, groups, n)
  shape.dims[0] = ci;
  shape.dims[last] = leat_dim_mul(graph, groups, n);
  lhs = leat_reshape(b, lhs, shape);
  leat_conv_options o = {.groups = groups};
  for (int i = 0; i < s->spatial; i++) {
    int64_t in = spread(s->in[i], a[3].ints[i]), rhs = a[4].ints[i], stride = a[0].ints[i];
    o.strides[i] = rhs;
    o.x_dilation[i] = a[3].ints[i];
    o.k_dilation[i] = stride;
    o.low[i] = a[1].ints[i];
    o.high[i] = (s->kernel[i] - 1) * rhs + spread(s->out[i], stride) - in - a[1].ints[i];
  }
  int kernel_perm[LEAT_MAX_RANK], back[LEAT_MAX_RANK];
  for (int i = 0; i < s->spatial; i++) kernel_perm[i] = i + 1, back[i] = i + 1;
  kernel_perm[s->spatial] = 0;
  kernel_perm[last] = last;
  back[s->spatial] = 0;
  back[last] = last;
  leat_value grad = leat_conv(b, lhs, leat_transpose(b, dy, kernel_perm), &o);  // (ci, k, co)
  return leat_transpose(b, grad, back);
}

RULE(conv) {
  RULE_LOCALS;
  conv_sizes sizes;
  leat_value k = node->inputs[1];
  if (!read_sizes(b, node, dy, &sizes)) return;
  dy = leat_cast(b, dy, leat_value_type(x).dtype);
  if (leat__cot_needed(ctx, x)) leat__cot_add(ctx, x, conv_x_grad(b, node, dy, &sizes));
  if (leat__cot_needed(ctx, k)) leat__cot_add(ctx, k, conv_k_grad(b, node, dy, &sizes));
}

// --- Windows ------------------------------------------------------------------------------------
typedef struct window_view {
  leat_window w;
  int rank;
  int64_t count;  // elements of one window
  leat_shape in, out;
} window_view;

// Attributes are (kind, window, strides, low, high, dilation).
static window_view read_window(const leat_node *node, leat_shape out) {
  window_view v = {.rank = (int)node->attrs[1].count, .count = 1, .out = out};
  v.in = shape_of(node->inputs[0]);
  for (int i = 0; i < v.rank; i++) {
    v.w.window[i] = node->attrs[1].ints[i];
    v.w.strides[i] = node->attrs[2].ints[i];
    v.w.low[i] = node->attrs[3].ints[i];
    v.w.high[i] = node->attrs[4].ints[i];
    v.w.dilation[i] = node->attrs[5].ints[i];
    v.count *= v.w.window[i];
  }
  return v;
}

// Element `index` of every window: a strided slice of the padded operand, of the output's shape.
static leat_value window_element(leat_builder *b, const window_view *v, leat_value padded,
                                 int64_t index) {
  leat_graph *graph = leat_builder_graph(b);
  leat_dim start[LEAT_MAX_RANK], limit[LEAT_MAX_RANK];
  for (int i = v->rank - 1; i >= 0; i--) {
    start[i] = index % v->w.window[i] * v->w.dilation[i];
    index /= v->w.window[i];
    leat_dim span = leat__dim_offset(graph, leat_dim_mul(graph, v->out.dims[i], v->w.strides[i]),
                                     1 - v->w.strides[i]);
    limit[i] = v->out.dims[i] == 0 ? start[i] : leat_dim_add(graph, start[i], span);
  }
  return leat_slice(b, padded, start, limit, v->w.strides);
}

// All window elements stacked on a new first axis.
static leat_value patches(leat_builder *b, const window_view *v, leat_value x, leat_value fill) {
  leat_value padded = leat_pad(b, x, fill, v->w.low, v->w.high, NULL);
  leat_value *list = leat__alloc(sizeof *list * (size_t)v->count);
  if (!list) return leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
  for (int64_t i = 0; i < v->count; i++)
    list[i] = leat_expand_dims(b, window_element(b, v, padded, i), 0);
  leat_value all = leat_concat(b, list, (int)v->count, 0);
  leat__free(list);
  return all;
}

// Adds each stacked patch gradient back to its place: dx[i] = sum over windows that hold i.
static leat_value windows_to_input(leat_builder *b, const window_view *v, leat_value grads) {
  leat_graph *graph = leat_builder_graph(b);
  leat_value sum = {0};
  for (int64_t index = 0; index < v->count; index++) {
    int64_t rest = index, low[LEAT_MAX_RANK], high[LEAT_MAX_RANK], interior[LEAT_MAX_RANK];
    for (int i = v->rank - 1; i >= 0; i--) {
      int64_t offset = rest % v->w.window[i] * v->w.dilation[i];
      rest /= v->w.window[i];
      low[i] = offset - v->w.low[i];
      interior[i] = v->w.strides[i] - 1;
      leat_dim span =
          v->out.dims[i] == 0
              ? 0
              : leat__dim_offset(graph, leat_dim_mul(graph, v->out.dims[i], v->w.strides[i]),
                                 -interior[i]);
      leat_dim after = leat__dim_offset(graph, leat__dim_sub(graph, v->in.dims[i], span), -low[i]);
      if (!leat__dim_constant(graph, after, &high[i]))
        return leat_builder_fail(b, LEAT_UNIMPLEMENTED, "gradient of windows of symbolic extent");
    }
    leat_value one = leat_squeeze(b, leat_slice_axis(b, grads, 0, index, index + 1), 0);
    leat_value placed = leat_pad(b, one, (leat_value){0}, low, high, interior);
    sum = sum.node ? leat_add(b, sum, placed) : placed;
  }
  return sum;
}

// Sums: every window element gets dy, so one windowed sum over the spread dy does.
static leat_value window_sum_grad(leat_builder *b, const window_view *v, leat_value dy) {
  leat_graph *graph = leat_builder_graph(b);
  leat_window w = {0};
  int64_t low[LEAT_MAX_RANK], high[LEAT_MAX_RANK], interior[LEAT_MAX_RANK];
  for (int i = 0; i < v->rank; i++) {
    int64_t reach = (v->w.window[i] - 1) * v->w.dilation[i];
    w.window[i] = v->w.window[i];
    w.dilation[i] = v->w.dilation[i];
    interior[i] = v->w.strides[i] - 1;
    low[i] = reach - v->w.low[i];
    leat_dim span =
        v->out.dims[i] == 0
            ? 0
            : leat__dim_offset(graph, leat_dim_mul(graph, v->out.dims[i], v->w.strides[i]),
                               -interior[i]);
    leat_dim after =
        leat__dim_offset(graph, leat__dim_sub(graph, v->in.dims[i], span), v->w.low[i]);
    if (!leat__dim_constant(graph, after, &high[i]))
      return leat_builder_fail(b, LEAT_UNIMPLEMENTED, "gradient of windows of symbolic extent");
  }
  return leat_reduce_window(b, leat_pad(b, dy, (leat_value){0}, low, high, interior), LEAT_SUM, &w);
}

static leat_value window_prod_grad(leat_builder *b, const window_view *v, leat_value x,
                                   leat_value dy) {
  leat_value all = patches(b, v, x, leat_const_like(b, x, 1));
  leat_value before = leat_cumulate(b, all, 0, LEAT_PROD, true, false);
  leat_value after = leat_cumulate(b, all, 0, LEAT_PROD, true, true);
  return windows_to_input(b, v, leat_mul(b, leat_mul(b, before, after), dy));
}

RULE(reduce_window) {
  RULE_LOCALS;
  window_view v = read_window(node, shape_of(dy));
  leat_reduce_kind kind = (leat_reduce_kind)node->attrs[0].i;
  if (kind == LEAT_SUM) {
    leat__cot_add(ctx, x, window_sum_grad(b, &v, dy));
  } else if (kind == LEAT_PROD) {
    leat__cot_add(ctx, x, window_prod_grad(b, &v, x, dy));
  } else {
    leat_attr attrs[6];
    memcpy(attrs, node->attrs, sizeof attrs);
    attrs[0].i = kind == LEAT_MIN;  // the choices there are max|min
    leat_value xs[] = {x, dy};
    leat__cot_add(ctx, x, leat__build1(b, LEAT_OP_reduce_window_grad, xs, 2, attrs, 6));
  }
}

// Linear in dy; its adjoint reads the incoming gradient at each window's extreme element.
RULE(reduce_window_grad) {
  RULE_LOCALS;
  leat_value out_grad = node->inputs[1];
  if (!leat__cot_needed(ctx, out_grad)) return;
  window_view v = read_window(node, shape_of(out_grad));
  bool least = node->attrs[0].i == 1;
  leat_value fill = leat_const_like(b, x, least ? __builtin_inf() : -__builtin_inf());
  leat_value all = patches(b, &v, x, fill);
  leat_value best = least ? leat_argmin(b, all, 0) : leat_argmax(b, all, 0);
  leat_value grads = patches(b, &v, dy, leat_const_like(b, dy, 0));
  leat_value row = leat_iota(b, LEAT_DTYPE_I64, shape_of(grads), 0);
  leat_value hit = leat_eq(b, row, leat_expand_dims(b, best, 0));
  leat_value picked = leat_select(b, hit, grads, leat_const_like(b, grads, 0));
  leat__cot_add(ctx, out_grad, leat_reduce_sum(b, picked, (int[]){0}, 1, false));
}

// --- Fourier ------------------------------------------------------------------------------------
// The adjoint of the transform is n times its inverse; of the inverse, the transform over n.
RULE(fft) {
  leat_builder *b = leat__cot_builder(ctx);
  leat_value re = leat__cot_or_zeros(ctx, node, 0), im = leat__cot_or_zeros(ctx, node, 1), d_im;
  bool inverse = node->attrs[0].i;
  leat_value n = leat_cast(b, leat_dim_of(b, re, -1), leat_value_type(re).dtype);
  leat_value d_re = leat_fft(b, re, im, !inverse, &d_im);
  leat__cot_add(ctx, node->inputs[0], inverse ? leat_div(b, d_re, n) : leat_mul(b, d_re, n));
  leat__cot_add(ctx, node->inputs[1], inverse ? leat_div(b, d_im, n) : leat_mul(b, d_im, n));
}
