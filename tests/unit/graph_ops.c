// Every op with a gradient rule: gradients, text round trip, simplified = plain.
// SPDX-License-Identifier: Apache-2.0
//
// Gradients are checked against central differences in f64; the parsed and the simplified graph
// must give the same bits as the built one.
#include "test.h"

#include "engine/vec.h"
#include "graph/graph_impl.h"
#include "leat/custom.h"
#include "leat/engine.h"
#include "leat/ops.h"

#include <math.h>

enum { MOST = 4 };

typedef struct scene {
  leat_builder *b;
  leat_graph *g;
  leat_value x[MOST];
} scene;

typedef struct op_case {
  const char *name;
  leat_value (*build)(scene *s);
  int inputs;
  leat_shape shapes[MOST];
  double low, high;  // inputs are drawn from here; 0, 0 = [-2, 2]
} op_case;

static uint64_t seed = 7;
static double draw(double low, double high) {
  uint64_t z = seed += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  return low + (high - low) * ((double)(z >> 11) * 0x1p-53);
}

#define X s->x[0]
#define Y s->x[1]
#define Z s->x[2]
#define B s->b
#define S(...) LEAT_SHAPE(__VA_ARGS__)

// --- What is tested -----------------------------------------------------------------------------
#define UNARY(op) \
  static leat_value f_##op(scene *s) { return leat_##op(B, X); }
#define BINARY(op) \
  static leat_value f_##op(scene *s) { return leat_##op(B, X, Y); }
// clang-format off
UNARY(neg) UNARY(abs) UNARY(sqrt) UNARY(rsqrt) UNARY(exp) UNARY(expm1) UNARY(log)
UNARY(log1p) UNARY(tanh) UNARY(sigmoid) UNARY(erf) UNARY(sin) UNARY(cos) UNARY(atan)
BINARY(add) BINARY(sub) BINARY(mul) BINARY(div) BINARY(rem) BINARY(pow) BINARY(max) BINARY(min)
    // clang-format on

    static leat_value index_const(scene *s, const int64_t *at, int rank, const int64_t *dims) {
  leat_tensor *t;
  leat_tensor_copy_of(&t, LEAT_DTYPE_I64, rank, dims, at, NULL);
  leat_value v = leat_const(B, t);
  leat_tensor_unref(t);
  return v;
}
#define INDEX(...)                                  \
  index_const(s, (const int64_t[]){__VA_ARGS__}, 1, \
              (const int64_t[]){sizeof((int64_t[]){__VA_ARGS__}) / 8})

static leat_value f_cast(scene *s) {
  return leat_mul(B, leat_cast(B, leat_cast(B, X, LEAT_DTYPE_F64), LEAT_DTYPE_F64), X);
}
static leat_value f_select(scene *s) {
  return leat_select(B, leat_gt(B, X, Y), leat_mul(B, X, Z), Y);
}
static leat_value f_reduce_sum(scene *s) { return leat_reduce_sum(B, X, (int[]){0, 2}, 2, false); }
static leat_value f_reduce_prod(scene *s) {
  return leat_reduce_prod(B, X, (int[]){1, 2}, 2, false);
}
static leat_value f_reduce_max(scene *s) { return leat_reduce_max(B, X, (int[]){1}, 1, true); }
static leat_value f_reduce_min(scene *s) { return leat_reduce_min(B, X, NULL, 0, false); }
static leat_value cumulate(scene *s, leat_reduce_kind kind) {
  leat_value sum = {0};
  for (int i = 0; i < 4; i++) {
    leat_value v = leat_cumulate(B, X, 1, kind, i & 1, i >> 1);
    if (kind == LEAT_MAX || kind == LEAT_MIN)  // exclusive starts at an infinity
      v = leat_select(B, leat_lt(B, leat_abs(B, v), leat_const_like(B, v, 1e9)), v,
                      leat_const_like(B, v, 0));
    v = leat_mul_scalar(B, v, i + 1);
    sum = sum.node ? leat_add(B, sum, v) : v;
  }
  return sum;
}
static leat_value f_cumsum(scene *s) { return cumulate(s, LEAT_SUM); }
static leat_value f_cumprod(scene *s) { return cumulate(s, LEAT_PROD); }
static leat_value f_cummax(scene *s) { return cumulate(s, LEAT_MAX); }
static leat_value f_cummin(scene *s) { return cumulate(s, LEAT_MIN); }
static const leat_window window = {.window = {1, 3, 2},
                                   .strides = {1, 2, 1},
                                   .low = {0, 1, 1},
                                   .high = {0, 1, 0},
                                   .dilation = {1, 1, 2}};
static leat_value f_window_sum(scene *s) { return leat_reduce_window(B, X, LEAT_SUM, &window); }
static leat_value f_window_prod(scene *s) { return leat_reduce_window(B, X, LEAT_PROD, &window); }
static leat_value f_window_max(scene *s) { return leat_reduce_window(B, X, LEAT_MAX, &window); }
static leat_value f_window_min(scene *s) { return leat_reduce_window(B, X, LEAT_MIN, &window); }
static leat_value f_window_grad(scene *s) {
  leat_value y = leat_reduce_window(B, X, LEAT_MAX, &window);
  leat_shape shape = leat_value_type(y).shape;
  int64_t zeros[LEAT_MAX_RANK] = {0}, limit[LEAT_MAX_RANK];
  for (int i = 0; i < shape.rank; i++) limit[i] = shape.dims[i];
  leat_value dy = leat_slice(B, Y, zeros, limit, NULL);
  leat_gradient g;
  leat_gradients(B, &y, &dy, 1, &X, 1, false, &g);
  return g.dense;
}
static leat_value f_reshape(scene *s) {
  return leat_mul(B, leat_reshape(B, X, S(4, 3)), leat_reshape(B, Y, S(4, 3)));
}
static leat_value f_reshape_dynamic(scene *s) {
  leat_dim rows = leat_dim_symbol(s->g, "rows_of_reshape", 0);
  leat_value y = leat_reshape_dynamic(B, X, INDEX(6, 2), S(rows, 2));
  return leat_reduce_sum(B, leat_mul(B, y, y), (int[]){0}, 1, false);
}
static leat_value f_transpose(scene *s) { return leat_transpose(B, X, (int[]){2, 0, 1}); }
static leat_value f_broadcast(scene *s) {
  return leat_broadcast(B, X, S(2, 3, 5, 4), (int[]){1, 2, 3});
}
static leat_value f_slice(scene *s) {
  return leat_slice(B, X, (leat_dim[]){1, 0, 1}, (leat_dim[]){2, 3, 4}, (int64_t[]){1, 2, 2});
}
static leat_value f_dynamic_slice(scene *s) {
  return leat_dynamic_slice(B, X, INDEX(1, -4, 9), S(1, 2, 2));
}
static leat_value f_dynamic_update(scene *s) {
  return leat_dynamic_update(B, X, Y, INDEX(0, 2, 1));
}
static leat_value f_pad(scene *s) {
  leat_value value = leat_reshape(B, leat_slice_axis(B, Y, 0, 0, 1), LEAT_SCALAR);
  return leat_pad(B, X, value, (int64_t[]){1, -1, 0}, (int64_t[]){0, 2, -1}, (int64_t[]){0, 1, 2});
}
static leat_value f_concat(scene *s) { return leat_concat(B, (leat_value[]){X, Y, X}, 3, 1); }
static leat_value f_reverse(scene *s) { return leat_reverse(B, X, (int[]){0, 2}, 2); }
static leat_value f_gather(scene *s) {
  return leat_gather(B, X, INDEX(1, 0, 1, 1), 0, LEAT_INDEX_ERROR);
}
static leat_value f_gather_axis(scene *s) {
  return leat_gather(B, X, INDEX(2, -1, 7, 2), 1, LEAT_INDEX_CLAMP);
}
static leat_value f_gather_zero(scene *s) {
  return leat_gather(B, X, INDEX(1, -1, 7, 1), 0, LEAT_INDEX_ZERO);
}
static leat_value scatter(scene *s, leat_scatter_kind kind) {
  return leat_scatter(B, X, INDEX(1, 0, 1, 9), Y, 0, kind, LEAT_INDEX_ZERO);
}
static leat_value f_scatter_set(scene *s) { return scatter(s, LEAT_SCATTER_SET); }
static leat_value f_scatter_add(scene *s) { return scatter(s, LEAT_SCATTER_ADD); }
static leat_value f_scatter_min(scene *s) { return scatter(s, LEAT_SCATTER_MIN); }
static leat_value f_scatter_max(scene *s) { return scatter(s, LEAT_SCATTER_MAX); }
static leat_value segments(scene *s, leat_reduce_kind kind) {
  return leat_segment_reduce(B, X, INDEX(1, 0, 1, -1, 0), kind, 2);
}
static leat_value f_segment_sum(scene *s) { return segments(s, LEAT_SUM); }
static leat_value f_segment_prod(scene *s) { return segments(s, LEAT_PROD); }
static leat_value f_segment_max(scene *s) { return segments(s, LEAT_MAX); }
static leat_value f_segment_min(scene *s) { return segments(s, LEAT_MIN); }
static leat_value f_sort(scene *s) { return leat_sort(B, X, 1, true, NULL); }
static leat_value f_top_k(scene *s) { return leat_top_k(B, X, 2, NULL); }
static leat_value f_dot(scene *s) {
  leat_dot_axes axes = {.batch_count = 1,
                        .contract_count = 2,
                        .x_batch = {1},
                        .y_batch = {0},
                        .x_contract = {0, 3},
                        .y_contract = {3, 1}};
  return leat_dot_general(B, X, Y, &axes, LEAT_DTYPE_NONE);
}
static leat_value f_matmul(scene *s) { return leat_matmul(B, X, Y); }
static leat_value f_conv(scene *s) {
  leat_conv_options o = {
      .strides = {2, 1}, .low = {1, 0}, .high = {1, 2}, .k_dilation = {1, 2}, .groups = 2};
  return leat_conv(B, X, Y, &o);
}
static leat_value f_conv_transposed(scene *s) {
  leat_conv_options o = {.x_dilation = {2, 3}, .low = {2, 1}, .high = {1, -1}};
  return leat_conv(B, X, Y, &o);
}
static leat_value f_fft(scene *s) {
  leat_value im, re = leat_fft(B, X, Y, false, &im), back_im,
                 back = leat_fft(B, leat_mul(B, re, re), im, true, &back_im);
  return leat_add(B, leat_mul(B, re, im), leat_add(B, back, back_im));
}

static leat_func *finish(scene *s, leat_builder *b) {
  leat_func *f = NULL;
  leat_error err = {0};
  if (leat_builder_finish(b, &f, &err)) leat_builder_fail(B, err.status, "%s", err.message);
  return f;
}
static const leat_type f64_scalar = {LEAT_DTYPE_F64, {0}}, i64_scalar = {LEAT_DTYPE_I64, {0}};

static leat_func *twice_times(scene *s) {  // (a, b) -> a * tanh(b)
  leat_builder *b = leat_builder_new(s->g, NULL);
  leat_type type = {LEAT_DTYPE_F64, S(leat_dim_symbol(s->g, "n", 0), 4)};
  leat_value a = leat_input(b, "a", type), c = leat_input(b, "c", type);
  leat_output(b, "y", leat_mul(b, a, leat_tanh(b, c)));
  return finish(s, b);
}
static leat_func *minus(scene *s) {
  leat_builder *b = leat_builder_new(s->g, NULL);
  leat_type type = {LEAT_DTYPE_F64, S(leat_dim_symbol(s->g, "n", 0), 4)};
  leat_value a = leat_input(b, "a", type), c = leat_input(b, "c", type);
  leat_output(b, "y", leat_sub(b, leat_mul(b, a, a), c));
  return finish(s, b);
}
static leat_value f_call(scene *s) {
  leat_value y;
  leat_call(B, twice_times(s), s->x, 2, &y);
  return y;
}
static leat_value f_cond(scene *s) {
  leat_value y, z, sum = leat_reduce_sum(B, X, NULL, 0, false), zero = leat_const_like(B, sum, 0);
  leat_func *yes = twice_times(s), *no = minus(s);
  if (!yes || !no) return (leat_value){0};
  leat_cond(B, leat_gt(B, sum, zero), yes, no, s->x, 2, &y);
  leat_cond(B, leat_le(B, sum, zero), yes, no, s->x, 2, &z);
  return leat_add(B, y, z);
}
static leat_value f_while(scene *s) {  // x doubles while below a limit, at most 6 times
  leat_builder *b = leat_builder_new(s->g, NULL);
  leat_value v = leat_input(b, "v", f64_scalar), w = leat_input(b, "w", f64_scalar);
  leat_output(b, "go", leat_lt(b, leat_abs(b, v), leat_const_f64(b, 10)));
  (void)w;
  leat_func *test = finish(s, b);
  b = leat_builder_new(s->g, NULL);
  v = leat_input(b, "v", f64_scalar), w = leat_input(b, "w", f64_scalar);
  leat_output(b, "v", leat_add(b, leat_mul_scalar(b, v, 2), leat_mul(b, w, v)));
  leat_func *body = finish(s, b);
  if (!test || !body) return (leat_value){0};
  leat_value args[] = {leat_reduce_sum(B, X, NULL, 0, false),
                       leat_reduce_sum(B, Y, NULL, 0, false)},
             out;
  leat_while(B, test, body, args, 2, 1, 6, &out);
  return out;
}
static leat_value scan(scene *s, bool reverse) {  // an RNN: h = tanh(h + x_t * w), with rows h * t
  leat_builder *b = leat_builder_new(s->g, NULL);
  leat_type row = {LEAT_DTYPE_F64, S(4)};
  leat_value t = leat_input(b, "t", i64_scalar), h = leat_input(b, "h", row),
             x = leat_input(b, "x", row), w = leat_input(b, "w", row);
  leat_value next = leat_tanh(b, leat_add(b, h, leat_mul(b, x, w)));
  leat_output(b, "h", next);
  leat_output(
      b, "y",
      leat_mul(b, next, leat_cast(b, leat_add(b, t, leat_const_i64(b, 1)), LEAT_DTYPE_F64)));
  leat_func *body = finish(s, b);
  if (!body) return (leat_value){0};
  leat_value first = leat_squeeze(B, leat_slice_axis(B, Y, 0, 0, 1), 0), args[] = {first, X, first},
             out[2];
  leat_scan(B, body, args, 3, 1, 1, 3, reverse, out);
  return leat_add(B, out[1], out[0]);
}
static leat_value f_scan(scene *s) { return scan(s, false); }
static leat_value f_scan_reverse(scene *s) { return scan(s, true); }
static leat_value f_custom_gradient(scene *s) {
  leat_builder *b = leat_builder_new(s->g, NULL);
  leat_type type = {LEAT_DTYPE_F64, S(3, 4)};
  leat_value x = leat_input(b, "x", type);
  leat_output(b, "y", leat_mul(b, x, x));
  leat_func *square = finish(s, b);
  b = leat_builder_new(s->g, NULL);
  x = leat_input(b, "x", type);
  leat_value dy = leat_input(b, "dy", type);
  leat_output(b, "dx", leat_mul(b, leat_mul_scalar(b, x, 2), dy));
  leat_func *grad = finish(s, b);
  leat_value y;
  if (!square || !grad) return (leat_value){0};
  leat_custom_gradient(B, square, grad, &X, 1, &y);
  return y;
}

static leat_status cube_shape(void *c, leat_graph *g, const leat_type *in, int n, leat_type *out,
                              leat_error *err) {
  *out = in[0];
  return LEAT_OK;
}
static leat_status cube_eval(void *c, leat_tensor *const *in, int n, leat_tensor **out,
                             leat_error *err) {
  leat_status status = leat_tensor_clone(out, in[0], err);
  for (int64_t i = 0; !status && i < leat_tensor_count(*out); i++) {
    double x = ((double *)leat_tensor_data(*out))[i];
    ((double *)leat_tensor_data(*out))[i] = x * x * x;
  }
  return status;
}
static void cube_grad(void *c, leat_builder *b, const leat_value *in, int n, const leat_value *out,
                      const leat_value *dy, leat_value *dx) {
  dx[0] = leat_mul(b, dy[0], leat_mul_scalar(b, leat_mul(b, in[0], in[0]), 3));
}
static leat_value f_custom_call(scene *s) {
  leat_value y;
  leat_custom_call(B, "cube", &X, 1, NULL, 0, &y);
  return y;
}
static leat_value f_all_reduce(scene *s) { return leat_all_reduce(B, X, LEAT_SUM); }
static leat_value f_all_gather(scene *s) { return leat_all_gather(B, X, 0, 1); }
static leat_value f_reduce_scatter(scene *s) { return leat_reduce_scatter(B, X, LEAT_SUM, 0, 1); }
static leat_value f_second_order(scene *s) {  // the gradient of a gradient
  leat_value y = leat_reduce_sum(B, leat_mul(B, leat_exp(B, X), leat_tanh(B, Y)), NULL, 0, false);
  leat_gradient g;
  leat_gradients(B, &y, NULL, 1, &X, 1, false, &g);
  return leat_mul(B, g.dense, Y);
}

#define CASE(name, inputs, ...) \
  { #name, f_##name, inputs, {__VA_ARGS__ }, 0, 0 }
#define IN(name, low, high, inputs, ...) \
  { #name, f_##name, inputs, {__VA_ARGS__ }, low, high }
static const op_case cases[] = {
    CASE(neg, 1, S(3, 4)),
    CASE(abs, 1, S(3, 4)),
    IN(sqrt, 0.1, 4, 1, S(3, 4)),
    IN(rsqrt, 0.1, 4, 1, S(3, 4)),
    CASE(exp, 1, S(3, 4)),
    CASE(expm1, 1, S(3, 4)),
    IN(log, 0.1, 4, 1, S(3, 4)),
    IN(log1p, -0.8, 4, 1, S(3, 4)),
    CASE(tanh, 1, S(3, 4)),
    CASE(sigmoid, 1, S(3, 4)),
    CASE(erf, 1, S(3, 4)),
    CASE(sin, 1, S(3, 4)),
    CASE(cos, 1, S(3, 4)),
    CASE(atan, 1, S(3, 4)),
    CASE(cast, 1, S(3, 4)),
    CASE(add, 2, S(3, 4), S(4)),
    CASE(sub, 2, S(3, 1), S(3, 4)),
    CASE(mul, 2, S(3, 4), S(1, 4)),
    IN(div, 0.5, 2, 2, S(3, 4), S(4)),
    IN(rem, 0.5, 7, 2, S(3, 4), S(3, 4)),
    IN(pow, 0.2, 3, 2, S(3, 4), S(3, 4)),
    CASE(max, 2, S(3, 4), S(3, 4)),
    CASE(min, 2, S(3, 4), S(3, 4)),
    CASE(select, 3, S(3, 4), S(3, 4), S(3, 4)),
    CASE(reduce_sum, 1, S(2, 3, 4)),
    CASE(reduce_prod, 1, S(2, 3, 2)),
    CASE(reduce_max, 1, S(2, 5, 3)),
    CASE(reduce_min, 1, S(3, 4)),
    CASE(cumsum, 1, S(2, 5)),
    CASE(cumprod, 1, S(2, 4)),
    CASE(cummax, 1, S(2, 5)),
    CASE(cummin, 1, S(2, 5)),
    CASE(window_sum, 1, S(2, 5, 4)),
    CASE(window_prod, 1, S(2, 5, 4)),
    CASE(window_max, 1, S(2, 5, 4)),
    CASE(window_min, 1, S(2, 5, 4)),
    CASE(window_grad, 2, S(2, 5, 4), S(2, 5, 4)),
    CASE(reshape, 2, S(2, 6), S(12)),
    CASE(reshape_dynamic, 1, S(3, 4)),
    CASE(transpose, 1, S(2, 3, 4)),
    CASE(broadcast, 1, S(3, 1, 4)),
    CASE(slice, 1, S(2, 3, 4)),
    CASE(dynamic_slice, 1, S(2, 3, 4)),
    CASE(dynamic_update, 2, S(2, 3, 4), S(1, 1, 2)),
    CASE(pad, 2, S(2, 3, 4), S(2)),
    CASE(concat, 2, S(2, 3), S(2, 2)),
    CASE(reverse, 1, S(2, 3, 4)),
    CASE(gather, 1, S(3, 2)),
    CASE(gather_axis, 1, S(2, 4, 2)),
    CASE(gather_zero, 1, S(3, 2)),
    CASE(scatter_set, 2, S(3, 2), S(4, 2)),
    CASE(scatter_add, 2, S(3, 2), S(4, 2)),
    CASE(scatter_min, 2, S(3, 2), S(4, 2)),
    CASE(scatter_max, 2, S(3, 2), S(4, 2)),
    CASE(segment_sum, 1, S(5, 2)),
    CASE(segment_prod, 1, S(5, 2)),
    CASE(segment_max, 1, S(5, 2)),
    CASE(segment_min, 1, S(5, 2)),
    CASE(sort, 1, S(2, 5)),
    CASE(top_k, 1, S(2, 5)),
    CASE(dot, 2, S(2, 3, 4, 2), S(3, 2, 5, 2)),
    CASE(matmul, 2, S(2, 3, 4), S(4, 6)),
    CASE(conv, 2, S(2, 5, 4, 4), S(3, 2, 2, 6)),
    CASE(conv_transposed, 2, S(1, 3, 3, 2), S(2, 3, 2, 5)),
    CASE(fft, 2, S(2, 6), S(2, 6)),
    CASE(call, 2, S(3, 4), S(3, 4)),
    CASE(cond, 2, S(3, 4), S(3, 4)),
    CASE(while, 2, S(2), S(2)),
    CASE(scan, 2, S(3, 4), S(2, 4)),
    CASE(scan_reverse, 2, S(3, 4), S(2, 4)),
    CASE(custom_gradient, 1, S(3, 4)),
    CASE(custom_call, 1, S(3, 4)),
    CASE(all_reduce, 1, S(3, 4)),
    CASE(all_gather, 1, S(3, 4)),
    CASE(reduce_scatter, 1, S(3, 4)),
    CASE(second_order, 2, S(3, 4), S(3, 4)),
};
enum { CASES = sizeof cases / sizeof *cases };

// --- Running ------------------------------------------------------------------------------------
static bool seen[LEAT_OP_COUNT];

static double weighted_sum(const leat_tensor *t) {
  double sum = 0;
  for (int64_t i = 0; i < leat_tensor_count(t); i++)
    sum += ((double *)leat_tensor_data(t))[i] * cos((double)i * 1.7 + 0.3);
  return sum;
}

// y, and the gradients of sum(y * cos(1.7 i + 0.3)).
static leat_func *build(const op_case *c, leat_graph *g, bool with_gradients) {
  scene s = {.g = g, .b = leat_builder_new(g, with_gradients ? "with_gradients" : "plain")};
  leat_error err = {0};
  for (int i = 0; i < c->inputs; i++) {
    char name[] = {'x', (char)('0' + i), 0};
    s.x[i] = leat_input(s.b, name, (leat_type){LEAT_DTYPE_F64, c->shapes[i]});
  }
  leat_value y = c->build(&s);
  leat_output(s.b, "y", y);
  if (with_gradients && leat_builder_ok(s.b)) {
    leat_shape shape = leat_value_type(y).shape;
    leat_dim count = leat__shape_count(g, &shape);
    leat_value i = leat_iota(s.b, LEAT_DTYPE_F64, S(count), 0);
    leat_value seeds = leat_reshape(
        s.b, leat_cos(s.b, leat_add_scalar(s.b, leat_mul_scalar(s.b, i, 1.7), 0.3)), shape);
    leat_gradient grads[MOST];
    leat_gradients(s.b, &y, &seeds, 1, s.x, c->inputs, false, grads);
    for (int k = 0; k < c->inputs; k++) {
      char name[] = {'d', (char)('0' + k), 0};
      leat_output(s.b, name, grads[k].dense.node ? grads[k].dense : leat_zeros_like(s.b, s.x[k]));
    }
  }
  leat_func *f;
  CHECK_MSG(leat_builder_finish(s.b, &f, &err) == LEAT_OK, "%s: %s", c->name, err.message);
  return f;
}

static void run(leat_func *f, leat_tensor **in, int count, leat_tensor **out) {
  leat_error err = {0};
  leat_exec *exec;
  for (int i = 0; i < f->output_count; i++) out[i] = NULL;
  if (!CHECK_OK(leat_exec_new(&exec, f, NULL, &err))) return;
  CHECK_OK(leat_exec_run(exec, NULL, in, count, out, &err));
  leat_exec_free(exec);
}

static void draw_inputs(const op_case *c, leat_tensor **in) {
  for (int i = 0; i < c->inputs; i++) {
    leat_tensor_new(&in[i], LEAT_DTYPE_F64, c->shapes[i].rank, c->shapes[i].dims, NULL);
    for (int64_t k = 0; k < leat_tensor_count(in[i]); k++)
      ((double *)leat_tensor_data(in[i]))[k] =
          c->low < c->high ? draw(c->low, c->high) : draw(-2, 2);
  }
}

static void drop(leat_tensor **list, int count) {
  for (int i = 0; i < count; i++) leat_tensor_unref(list[i]);
}

static void gradients_match_differences(void) {
  leat_error err = {0};
  leat_custom cube = {"cube", 1, NULL, cube_shape, cube_eval, cube_grad};
  leat_custom_register(&cube, &err);
  for (int k = 0; k < CASES; k++) {
    const op_case *c = &cases[k];
    leat_graph *g;
    leat_graph_new(&g, &err);
    leat_func *plain = build(c, g, false), *full = build(c, g, true);
    leat_tensor *in[MOST], *out[1 + MOST], *probe[1];
    for (int f = 0; plain && f < (int)leat_graph_func_count(g); f++)
      for (int i = 0; i < leat_graph_func_at(g, (size_t)f)->node_count; i++)
        seen[leat_graph_func_at(g, (size_t)f)->nodes[i]->op] = true;
    draw_inputs(c, in);
    if (plain && full) run(full, in, c->inputs, out);
    const double h = 1e-5;
    for (int i = 0; plain && full && out[0] && i < c->inputs; i++) {
      double *x = leat_tensor_data(in[i]), *dx = leat_tensor_data(out[1 + i]);
      leat_tensor *dense;
      leat_tensor_dense(&dense, out[1 + i], NULL);
      dx = leat_tensor_data(dense);
      for (int64_t e = 0; e < leat_tensor_count(in[i]); e++) {
        double kept = x[e], sums[2];
        for (int side = 0; side < 2; side++) {
          leat_tensor *value;
          x[e] = kept + (side ? h : -h);
          run(plain, in, c->inputs, probe);
          leat_tensor_dense(&value, probe[0], NULL);
          sums[side] = weighted_sum(value);
          leat_tensor_unref(value);
          drop(probe, 1);
        }
        x[e] = kept;
        double want = (sums[1] - sums[0]) / (2 * h), scale = fabs(want) > 1 ? fabs(want) : 1;
        CHECK_MSG(fabs(dx[e] - want) < 2e-6 * scale, "%s: d%d[%lld] = %.9g, differences %.9g",
                  c->name, i, (long long)e, dx[e], want);
      }
      leat_tensor_unref(dense);
    }
    if (plain && full) drop(out, 1 + c->inputs);
    drop(in, c->inputs);
    leat_graph_free(g);
  }
}

static void every_rule_has_a_case(void) {
  for (int i = 0; i < LEAT_OP_COUNT; i++)
    if (leat__ops[i].gradient == GRADIENT_rule)
      CHECK_MSG(seen[i], "%s has a gradient rule and no case", leat__ops[i].name);
}

// Two functions of two arguments and two results; drops the arguments.
static void same_results(leat_func *f, leat_func *other, leat_tensor **in, leat_tensor **want,
                         leat_tensor **got) {
  run(f, in, 2, want);
  run(other, in, 2, got);
  for (int i = 0; i < 2; i++) {
    CHECK(got[i] && want[i] && leat_bits_equal(got[i], want[i]));
    leat_tensor_unref(in[i]);
    leat_tensor_unref(want[i]);
    leat_tensor_unref(got[i]);
  }
}

// The mask of a relu from its result: the same gradient for every kind of float.
static void simplified_relus_keep_their_gradient(void) {
  leat_error err = {0};
  leat_graph *g = NULL;
  CHECK_OK(leat_graph_new(&g, &err));
  leat_builder *b = leat_builder_new(g, "raw");
  leat_type type = {LEAT_DTYPE_F64, S(8)};
  leat_value x = leat_input(b, "x", type), y = leat_relu(b, x), seed = leat_input(b, "seed", type);
  leat_gradient dx;
  leat_gradients(b, &y, &seed, 1, &x, 1, false, &dx);
  leat_output(b, "y", y);
  leat_output(b, "dx", dx.dense);
  leat_func *raw = NULL, *simple = NULL;
  CHECK_OK(leat_builder_finish(b, &raw, &err));
  CHECK_OK(leat_func_simplify(raw, "simple", &simple, &err));
  double values[8] = {0.0,   -0.0, 1.5, -2.5, __builtin_nan(""), __builtin_inf(), -__builtin_inf(),
                      5e-324},
         seeds[8] = {1, 2, 3, 4, 5, 6, 7, -8};
  leat_tensor *in[2] = {NULL}, *want[2] = {NULL}, *got[2] = {NULL};
  CHECK_OK(leat_tensor_copy_of(&in[0], LEAT_DTYPE_F64, 1, (int64_t[]){8}, values, &err));
  CHECK_OK(leat_tensor_copy_of(&in[1], LEAT_DTYPE_F64, 1, (int64_t[]){8}, seeds, &err));
  same_results(raw, simple, in, want, got);
  leat_graph_free(g);
}

// The scan of a loss and that of its gradient become one, whose unread rows are gone.
static void simplified_scans_run_once(void) {
  leat_error err = {0};
  leat_graph *g = NULL;
  CHECK_OK(leat_graph_new(&g, &err));
  leat_type row = {LEAT_DTYPE_F64, S(4)};
  leat_builder *b = leat_builder_new(g, NULL);
  leat_value h = (leat_input(b, "t", i64_scalar), leat_input(b, "h", row)),
             x = leat_input(b, "x", row), w = leat_input(b, "w", row);
  leat_output(b, "h", leat_tanh(b, leat_add(b, leat_mul(b, h, w), x)));
  leat_func *body = NULL, *raw = NULL, *simple = NULL;
  CHECK_OK(leat_builder_finish(b, &body, &err));
  b = leat_builder_new(g, "raw");
  leat_value xs = leat_input(b, "xs", (leat_type){LEAT_DTYPE_F64, S(3, 4)}),
             weights = leat_input(b, "w", row), args[] = {weights, xs, weights}, out;
  leat_scan(b, body, args, 3, 1, 1, 3, false, &out);
  leat_gradient dw;
  leat_gradients(b, &out, NULL, 1, &weights, 1, false, &dw);
  leat_output(b, "y", out);
  leat_output(b, "dw", dw.dense);
  CHECK_OK(leat_builder_finish(b, &raw, &err));
  CHECK_OK(leat_func_simplify(raw, "simple", &simple, &err));
  int scans = 0, rows = 0;
  for (int i = 0; simple && i < simple->node_count; i++)
    if (simple->nodes[i]->op == LEAT_OP_scan) {
      scans++;
      rows += simple->nodes[i]->output_count - (int)simple->nodes[i]->attrs[1].i;
    }
  CHECK(scans == 2);
  CHECK(rows == 2);  // the carries and their tanh; not the gradient of xs
  double values[12] = {0.5, -1, 2, 0.25, 1, 1.5, -0.5, 3, 0, -2, 0.75, 1},
         weight[4] = {1, -0.5, 0.25, 2};
  leat_tensor *in[2] = {NULL}, *want[2] = {NULL}, *got[2] = {NULL};
  CHECK_OK(leat_tensor_copy_of(&in[0], LEAT_DTYPE_F64, 2, (int64_t[]){3, 4}, values, &err));
  CHECK_OK(leat_tensor_copy_of(&in[1], LEAT_DTYPE_F64, 1, (int64_t[]){4}, weight, &err));
  same_results(raw, simple, in, want, got);
  leat_graph_free(g);
}

// A body that is called as well keeps its rows for the caller.
static void simplified_bodies_serve_each_use(void) {
  leat_error err = {0};
  leat_graph *g = NULL;
  CHECK_OK(leat_graph_new(&g, &err));
  leat_type row = {LEAT_DTYPE_F64, S(4)};
  leat_builder *b = leat_builder_new(g, NULL);
  leat_value t = leat_input(b, "t", i64_scalar), h = leat_input(b, "h", row),
             x = leat_input(b, "x", row);
  leat_output(b, "h", leat_add(b, h, x));
  leat_output(b, "y", leat_mul(b, h, x));
  leat_func *body = NULL, *raw = NULL, *simple = NULL;
  CHECK_OK(leat_builder_finish(b, &body, &err));
  b = leat_builder_new(g, "raw");
  leat_value xs = leat_input(b, "xs", (leat_type){LEAT_DTYPE_F64, S(3, 4)}),
             first = leat_input(b, "h", row), args[] = {first, xs}, rows[2], both[2];
  leat_scan(b, body, args, 2, 1, 1, 3, false, rows);
  t = leat_const_i64(b, 0);
  leat_call(b, body, (leat_value[]){t, first, first}, 3, both);
  leat_output(b, "sum", rows[0]);  // the scan's rows go, the call's second result stays
  leat_output(b, "product", both[1]);
  CHECK_OK(leat_builder_finish(b, &raw, &err));
  CHECK_OK(leat_func_simplify(raw, "simple", &simple, &err));
  double values[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, start[4] = {2, 3, 4, 5};
  leat_tensor *in[2] = {NULL}, *want[2] = {NULL}, *got[2] = {NULL};
  CHECK_OK(leat_tensor_copy_of(&in[0], LEAT_DTYPE_F64, 2, (int64_t[]){3, 4}, values, &err));
  CHECK_OK(leat_tensor_copy_of(&in[1], LEAT_DTYPE_F64, 1, (int64_t[]){4}, start, &err));
  if (simple) same_results(raw, simple, in, want, got);
  leat_graph_free(g);
}

// Equal means identical, in whatever order a product is taken.
static void products_of_dims_have_one_form(void) {
  leat_error err = {0};
  leat_graph *g = NULL;
  CHECK_OK(leat_graph_new(&g, &err));
  leat_dim n = leat_dim_symbol(g, "n", 0), one = leat_dim_add(g, n, 1), two = leat_dim_add(g, n, 2);
  leat_dim left = leat_dim_mul(g, leat_dim_mul(g, one, two), 20),
           right = leat_dim_mul(g, one, leat_dim_mul(g, two, 20));
  CHECK(left == right);
  CHECK(leat_dim_mul(g, leat_dim_mul(g, 4, one), leat_dim_mul(g, 5, two)) == left);
  CHECK(leat_dim_mul(g, two, 20) == leat_dim_add(g, leat_dim_mul(g, n, 20), 40));
  leat_graph_free(g);
}

static void text_round_trips(void) {
  for (int k = 0; k < CASES; k++) {
    const op_case *c = &cases[k];
    leat_error err = {0};
    leat_graph *g, *again = NULL;
    leat_graph_new(&g, &err);
    leat_func *full = build(c, g, true);
    char *text, *second = NULL;
    size_t length, second_length = 0;
    CHECK_OK(leat_graph_print(g, NULL, &text, &length, &err));
    CHECK_MSG(leat_graph_parse(&again, (leat_str){text, length}, c->name, NULL, &err) == LEAT_OK,
              "%s", err.message);
    if (again) CHECK_OK(leat_graph_print(again, NULL, &second, &second_length, &err));
    CHECK_MSG(second && length == second_length && memcmp(text, second, length) == 0,
              "%s: the text changes", c->name);
    leat_func *parsed = again ? leat_graph_find_func(again, LEAT_STR("with_gradients")) : NULL,
              *simple = NULL;
    CHECK_OK(leat_func_simplify(full, "simple", &simple, &err));
    leat_tensor *in[MOST], *out[3][1 + MOST];
    draw_inputs(c, in);
    run(full, in, c->inputs, out[0]);
    if (parsed) run(parsed, in, c->inputs, out[1]);
    if (simple) run(simple, in, c->inputs, out[2]);
    for (int i = 0; i <= c->inputs; i++) {
      CHECK_MSG(parsed && leat_bits_equal(out[0][i], out[1][i]),
                "%s: the parsed graph gives other bits", c->name);
      CHECK_MSG(simple && leat_bits_equal(out[0][i], out[2][i]),
                "%s: the simplified graph gives other bits", c->name);
    }
    for (int v = 0; v < 3; v++) drop(out[v], 1 + c->inputs);
    drop(in, c->inputs);
    leat_text_free(text);
    leat_text_free(second);
    leat_graph_free(g);
    leat_graph_free(again);
  }
}

static void bad_operands_are_named(void) {
  leat_error err = {0};
  leat_graph *g;
  leat_graph_new(&g, &err);
  leat_builder *b = leat_builder_new(g, "f");
  leat_value x = leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, S(2, 3)}),
             y = leat_input(b, "y", (leat_type){LEAT_DTYPE_F32, S(4, 5)});
  leat_output(b, "z", leat_matmul(b, leat_matmul(b, x, y), x));
  leat_func *f;
  CHECK(leat_builder_finish(b, &f, &err) == LEAT_INVALID_ARGUMENT);
  CHECK_MSG(strstr(err.message, "dot_general") && strstr(err.message, "f32[2, 3], f32[4, 5]"), "%s",
            err.message);
  b = leat_builder_new(g, "h");
  leat_value other = leat_const_f32(b, 1);
  leat_builder *c = leat_builder_new(g, "k");
  leat_output(c, "z", leat_neg(c, other));
  CHECK(leat_builder_finish(c, &f, &err) == LEAT_INVALID_ARGUMENT &&
        strstr(err.message, "another function"));
  leat_builder_free(b);
  leat_graph_free(g);
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"gradients_match_differences", gradients_match_differences},
      {"every_rule_has_a_case", every_rule_has_a_case},
      {"simplified_relus_keep_their_gradient", simplified_relus_keep_their_gradient},
      {"simplified_scans_run_once", simplified_scans_run_once},
      {"simplified_bodies_serve_each_use", simplified_bodies_serve_each_use},
      {"products_of_dims_have_one_form", products_of_dims_have_one_form},
      {"text_round_trips", text_round_trips},
      {"bad_operands_are_named", bad_operands_are_named},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
