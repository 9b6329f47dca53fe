// Runs golden cases: `golden [--tap] DIR [GROUP...]`, where DIR/GROUP/index.json lists them.
// SPDX-License-Identifier: Apache-2.0
//
// A case names input tensors (f32) and expected outputs (f64, with tolerances); a result r passes
// where |r - ref| <= atol + rtol * |ref|. Cases of things that Leat does not have yet are counted
// apart: "not here".
#include "formats/csv.h"
#include "formats/json.h"
#include "formats/number.h"
#include "formats/safetensors.h"
#include "base/arena.h"
#include "base/file.h"
#include "leat/engine.h"
#include "leat/ops.h"
#include "train/estimator.h"
#include "train/input.h"
#include "train/losses.h"
#include "train/metrics.h"
#include "train/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// --- JSON as a tree -----------------------------------------------------------------------------
typedef struct node node;
struct node {
  leat_json_event kind;
  leat_str key, text;
  node *child, *next;
};

static leat_arena arena;
static leat_error err;

static node *read_node(leat_json *j, leat_json_event event) {
  node *n = leat_arena_alloc(&arena, sizeof *n), **tail = &n->child;
  n->kind = event;
  if (event == LEAT_JSON_STRING || event == LEAT_JSON_NUMBER)
    n->text = (leat_str){leat_arena_str(&arena, j->text), j->text.len};
  while (event == LEAT_JSON_OBJECT || event == LEAT_JSON_ARRAY) {
    leat_json_event inner;
    leat_str key = {0};
    if (leat_json_next(j, &inner, &err) || inner == LEAT_JSON_OBJECT_END ||
        inner == LEAT_JSON_ARRAY_END)
      break;
    if (inner == LEAT_JSON_KEY) {
      key = (leat_str){leat_arena_str(&arena, j->text), j->text.len};
      if (leat_json_next(j, &inner, &err)) break;
    }
    *tail = read_node(j, inner);
    (*tail)->key = key;
    tail = &(*tail)->next;
  }
  return n;
}

static node *get(const node *n, const char *key) {
  for (node *c = n ? n->child : NULL; c; c = c->next)
    if (leat_str_eq(c->key, leat_str_of(key))) return c;
  return NULL;
}
static double number(const node *n, const char *key, double fallback) {
  node *c = get(n, key);
  double v = fallback;
  if (c && c->kind == LEAT_JSON_NUMBER) leat_parse_f64(c->text, &v);
  if (c && c->kind == LEAT_JSON_TRUE) v = 1;
  return v;
}
static bool text_is(const node *n, const char *key, const char *want) {
  node *c = get(n, key);
  return c && leat_str_eq(c->text, leat_str_of(want));
}
static const char *c_text(leat_str s) { return leat_arena_str(&arena, s); }
static int numbers(const node *n, const char *key, int64_t *out) {  // a list, or one number twice
  node *c = get(n, key);
  int count = 0;
  if (c && c->kind == LEAT_JSON_NUMBER) return leat_parse_i64(c->text, out), out[1] = out[0], 1;
  for (node *e = c ? c->child : NULL; e && count < 8; e = e->next)
    leat_parse_i64(e->text, &out[count++]);
  return count;
}

// --- One case -----------------------------------------------------------------------------------
typedef enum verdict { PASSED, FAILED, NOT_HERE } verdict;

typedef struct scene {
  const node *c, *params;
  const char *name;
  leat_safetensors *st;
  leat_graph *g;
  leat_builder *b;
  leat_tensor *in[40];
  leat_value values[40];
  const char *names[40];
  int count;
  char problem[1100];
} scene;

static bool starts(const scene *s, const char *prefix) {
  return strncmp(s->name, prefix, strlen(prefix)) == 0;
}
static bool is(const scene *s, const char *name) { return strcmp(s->name, name) == 0; }

static leat_tensor *input_tensor(scene *s, const char *arg) {
  node *key = get(get(s->c, "inputs"), arg);
  return key ? leat_safetensors_find(s->st, key->text) : NULL;
}

// All inputs of the case become arguments, f32 kept, integers as i64.
static void open_scene(scene *s) {
  leat_graph_new(&s->g, &err);
  s->b = leat_builder_new(s->g, "case");
  for (node *i = get(s->c, "inputs")->child; i && s->count < 40; i = i->next) {
    char name[24];
    leat_tensor *t = leat_safetensors_find(s->st, i->text);
    leat_type type = {leat_tensor_dtype(t), {.rank = leat_tensor_rank(t)}};
    for (int k = 0; k < type.shape.rank; k++) type.shape.dims[k] = leat_tensor_dims(t)[k];
    snprintf(name, sizeof name, "i%d", s->count);
    s->in[s->count] = t;
    s->names[s->count] = c_text(i->key);
    s->values[s->count++] = leat_input(s->b, name, type);
  }
}

static leat_value arg(scene *s, const char *name) {
  for (int i = 0; i < s->count; i++)
    if (strcmp(s->names[i], name) == 0) return s->values[i];
  return (leat_value){0};
}

static double element(const leat_tensor *t, int64_t i) {
  const void *data = leat_tensor_data(t);
  switch (leat_tensor_dtype(t)) {
    case LEAT_DTYPE_F32: return (double)((const float *)data)[i];
    case LEAT_DTYPE_F64: return ((const double *)data)[i];
    case LEAT_DTYPE_I32: return ((const int32_t *)data)[i];
    default: return (double)((const int64_t *)data)[i];
  }
}

static bool close_to(scene *s, const char *result, leat_tensor *got) {
  node *want = get(get(s->c, "outputs"), result), *key = get(want, "tensor");
  leat_tensor *ref = key ? leat_safetensors_find(s->st, key->text) : NULL, *dense = NULL;
  if (!ref) return true;
  double rtol = number(want, "rtol", 1e-5), atol = number(want, "atol", 1e-6);
  leat_tensor_dense(&dense, got, &err);
  bool good = leat_tensor_count(ref) == leat_tensor_count(dense);
  if (!good)
    snprintf(s->problem, sizeof s->problem, "%s: %lld elements, expected %lld", result,
             (long long)leat_tensor_count(dense), (long long)leat_tensor_count(ref));
  for (int64_t i = 0; good && i < leat_tensor_count(ref); i++) {
    double w = element(ref, i), g = element(dense, i);
    if (g == w || (g != g && w != w) || fabs(g - w) <= atol + rtol * fabs(w)) continue;
    good = false;
    snprintf(s->problem, sizeof s->problem, "%s[%lld] = %.9g, expected %.9g (atol %g, rtol %g)",
             result, (long long)i, g, w, atol, rtol);
  }
  leat_tensor_unref(dense);
  return good;
}

// Ends the function with named results and runs it against the case's outputs.
static verdict finish(scene *s, const char *const *names, const leat_value *results, int count) {
  leat_tensor *out[40] = {NULL};
  leat_func *f;
  leat_exec *exec = NULL;
  bool good = true;
  for (int i = 0; i < count; i++) {
    char name[24];
    snprintf(name, sizeof name, "r%d", i);
    leat_output(s->b, name, results[i]);
  }
  leat_status status = leat_builder_finish(s->b, &f, &err);
  s->b = NULL;
  if (!status) status = leat_exec_new(&exec, f, NULL, &err);
  if (!status) status = leat_exec_run(exec, NULL, s->in, s->count, out, &err);
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  for (int i = 0; !status && good && i < count; i++) good = close_to(s, names[i], out[i]);
  for (int i = 0; i < count; i++) leat_tensor_unref(out[i]);
  leat_exec_free(exec);
  return status || !good ? FAILED : PASSED;
}

// y and the gradients of every float input: outputs "y", "dx" for x, "d_NAME" for the others.
static verdict finish_layer(scene *s, leat_value y) {
  leat_value xs[40] = {{0}}, results[41] = {y}, seed = arg(s, "dy");
  const char *names[41] = {"y"};
  leat_gradient grads[40];
  int count = 0;
  for (int i = 0; i < s->count; i++) {
    if (strncmp(s->names[i], "dy", 2) == 0 ||
        !leat_dtype_is_float(leat_value_type(s->values[i]).dtype))
      continue;
    char name[300];
    snprintf(name, sizeof name, s->names[i][0] == 'x' ? "d%s" : "d_%s", s->names[i]);
    names[count + 1] = leat_arena_str(&arena, leat_str_of(name));
    xs[count++] = s->values[i];
  }
  leat_gradients(s->b, &y, &seed, 1, xs, count, false, grads);
  for (int i = 0; i < count; i++)
    results[i + 1] = grads[i].dense.node ? grads[i].dense : leat_zeros_like(s->b, xs[i]);
  return finish(s, names, results, count + 1);
}

// --- Layers -------------------------------------------------------------------------------------
static leat_value mish(leat_builder *b, leat_value x) {
  return leat_mul(b, x, leat_tanh(b, leat_softplus(b, x)));
}
static leat_value softsign(leat_builder *b, leat_value x) {
  return leat_div(b, x, leat_add_scalar(b, leat_abs(b, x), 1));
}
static leat_value hard_sigmoid(leat_builder *b, leat_value x) {
  return leat_clip(b, leat_add_scalar(b, leat_mul_scalar(b, x, 0.2), 0.5), 0, 1);
}
static leat_value log_sigmoid(leat_builder *b, leat_value x) {
  return leat_neg(b, leat_softplus(b, leat_neg(b, x)));
}
static leat_value log1p_relu(leat_builder *b, leat_value x) {
  return leat_log1p(b, leat_relu(b, x));
}
// The reference holds the argument at 60, where f32 still has room.
static leat_value exp_60(leat_builder *b, leat_value x) {
  return leat_exp(b, leat_clip(b, x, -1e30, 60));
}
static leat_value expm1_60(leat_builder *b, leat_value x) {
  return leat_expm1(b, leat_clip(b, x, -1e30, 60));
}
static leat_value gelu_exact(leat_builder *b, leat_value x) { return leat_gelu(b, x, false); }
static leat_value gelu_tanh(leat_builder *b, leat_value x) { return leat_gelu(b, x, true); }
static leat_value leaky(leat_builder *b, leat_value x) { return leat_leaky_relu(b, x, 0.2); }
static leat_value softmax_last(leat_builder *b, leat_value x) { return leat_softmax(b, x, -1); }
static leat_value softmax_1(leat_builder *b, leat_value x) { return leat_softmax(b, x, 1); }
static leat_value log_softmax_last(leat_builder *b, leat_value x) {
  return leat_log_softmax(b, x, -1);
}
static leat_value logsumexp_last(leat_builder *b, leat_value x) {
  return leat_logsumexp(b, x, -1, false);
}
static const struct {
  const char *name;
  leat_value (*f)(leat_builder *b, leat_value x);
} activations[] = {{"act_relu", leat_relu},
                   {"act_relu6", leat_relu6},
                   {"act_leaky_relu_0_2", leaky},
                   {"act_elu", leat_elu},
                   {"act_selu", leat_selu},
                   {"act_gelu_exact", gelu_exact},
                   {"act_gelu_tanh", gelu_tanh},
                   {"act_softplus", leat_softplus},
                   {"act_softsign", softsign},
                   {"act_swish", leat_swish},
                   {"act_tanh", leat_tanh},
                   {"act_sigmoid", leat_sigmoid},
                   {"act_hard_sigmoid_keras", hard_sigmoid},
                   {"act_log_sigmoid", log_sigmoid},
                   {"act_mish", mish},
                   {"act_exponential", exp_60},
                   {"act_erf", leat_erf},
                   {"act_log1p_relu", log1p_relu},
                   {"act_expm1", expm1_60},
                   {"act_softmax", softmax_last},
                   {"act_log_softmax", log_softmax_last},
                   {"act_softmax_axis1", softmax_1},
                   {"logsumexp", logsumexp_last}};

// Keras' padding: same centres the window, the odd cell goes behind; causal goes before.
static void padding(const scene *s, int64_t size, int64_t window, int64_t stride, int64_t *low,
                    int64_t *high) {
  *low = *high = 0;
  if (text_is(s->params, "padding", "causal")) *low = window - 1;
  if (!text_is(s->params, "padding", "same")) return;
  int64_t out = (size + stride - 1) / stride, total = (out - 1) * stride + window - size;
  if (total < 0) total = 0;
  *low = total / 2;
  *high = total - *low;
}

static leat_value conv(scene *s, leat_value x, leat_value k, int64_t groups) {
  leat_conv_options o = {.groups = groups};
  leat_shape xs = leat_value_type(x).shape, ks = leat_value_type(k).shape;
  int64_t strides[8] = {1, 1}, dilation[8] = {1, 1};
  numbers(s->params, "strides", strides);
  numbers(s->params, "dilation", dilation);
  for (int i = 0; i < xs.rank - 2; i++) {
    o.strides[i] = strides[i];
    o.k_dilation[i] = dilation[i];
    padding(s, xs.dims[i + 1], (ks.dims[i] - 1) * dilation[i] + 1, strides[i], &o.low[i],
            &o.high[i]);
  }
  return leat_conv(s->b, x, k, &o);
}

static leat_value with_bias(scene *s, leat_value y) {
  leat_value bias = arg(s, "bias");
  return bias.node ? leat_add(s->b, y, bias) : y;
}

// (h, w, c, m) -> (h, w, 1, c * m)
static leat_value depthwise(scene *s, leat_value x, leat_value k) {
  leat_shape shape = leat_value_type(k).shape;
  int64_t c = shape.dims[2];
  shape.dims[3] *= c;
  shape.dims[2] = 1;
  return conv(s, x, leat_reshape(s->b, k, shape), c);
}

static leat_value pool(scene *s, leat_value x, bool greatest) {
  leat_shape shape = leat_value_type(x).shape;
  leat_window w = {0};
  int64_t size = (int64_t)number(s->params, "pool", 2),
          stride = (int64_t)number(s->params, "strides", 2);
  for (int i = 1; i < shape.rank - 1; i++) {
    w.window[i] = size;
    w.strides[i] = stride;
    padding(s, shape.dims[i], size, stride, &w.low[i], &w.high[i]);
  }
  if (greatest) return leat_reduce_window(s->b, x, LEAT_MAX, &w);
  leat_value cells = leat_reduce_window(s->b, leat_ones_like(s->b, x), LEAT_SUM, &w);
  return leat_div(s->b, leat_reduce_window(s->b, x, LEAT_SUM, &w), cells);
}

static leat_value normalised(leat_builder *b, leat_value x, const int *axes, int count,
                             double epsilon) {
  leat_value centred = leat_sub(b, x, leat_mean(b, x, axes, count, true));
  leat_value variance = leat_mean(b, leat_square(b, centred), axes, count, true);
  return leat_mul(b, centred, leat_rsqrt(b, leat_add_scalar(b, variance, epsilon)));
}

// An RNN over time by scan; the step function is handed the gates' inputs.
static leat_value activation_of(leat_builder *b, const scene *s, leat_value x) {
  if (text_is(s->params, "activation", "relu")) return leat_relu(b, x);
  if (text_is(s->params, "activation", "tanh")) return leat_tanh(b, x);
  if (text_is(s->params, "activation", "softmax")) return leat_softmax(b, x, -1);
  return x;
}

static leat_value lstm_cell(leat_builder *b, leat_value z, leat_value *c,
                            bool hard) {  // gates i, f, c, o
  leat_shape shape = leat_value_type(z).shape;
  int64_t n = shape.dims[1] / 4;
  leat_value gate[4];
  for (int i = 0; i < 4; i++) gate[i] = leat_slice_axis(b, z, 1, i * n, (i + 1) * n);
  leat_value (*sigma)(leat_builder *, leat_value) = hard ? hard_sigmoid : leat_sigmoid;
  *c = leat_add(b, leat_mul(b, sigma(b, gate[1]), *c),
                leat_mul(b, sigma(b, gate[0]), leat_tanh(b, gate[2])));
  return leat_mul(b, sigma(b, gate[3]), leat_tanh(b, *c));
}

// Body of one time step: (t, h, c, x_t, kernel, recurrent, bias) -> (h, c, h).
static leat_func *rnn_body(scene *s, leat_type state, leat_type row, leat_type k, leat_type r,
                           leat_type bias, bool lstm) {
  leat_builder *b = leat_builder_new(s->g, NULL);
  leat_input(b, "t", (leat_type){LEAT_DTYPE_I64, LEAT_SCALAR});
  leat_value h = leat_input(b, "h", state), c = leat_input(b, "c", state),
             x = leat_input(b, "x", row);
  leat_value kernel = leat_input(b, "kernel", k), recurrent = leat_input(b, "recurrent", r),
             offset = leat_input(b, "bias", bias);
  leat_value z =
      leat_add(b, leat_add(b, leat_matmul(b, x, kernel), leat_matmul(b, h, recurrent)), offset);
  h = lstm ? lstm_cell(b, z, &c, text_is(s->params, "recurrent_activation", "hard_sigmoid"))
           : leat_tanh(b, z);
  leat_output(b, "h", h);
  leat_output(b, "c", c);
  leat_output(b, "y", h);
  leat_func *f = NULL;
  if (leat_builder_finish(b, &f, &err)) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  return f;
}

// SimpleRNN and LSTM with initial states, forwards or backwards. Outputs y, state0 (and state1).
static verdict recurrent(scene *s, bool lstm) {
  const char *cell = lstm ? "lstm_cell" : "simple_rnn_cell";
  char names[3][64];
  static const char *const parts[] = {"kernel", "recurrent_kernel", "bias"};
  leat_value w[3], x = arg(s, "x");
  for (int i = 0; i < 3; i++) {
    snprintf(names[i], sizeof names[i], "%s/%s", cell, parts[i]);
    w[i] = arg(s, names[i]);
  }
  leat_shape shape = leat_value_type(x).shape;
  int64_t batch = shape.dims[0], time = shape.dims[1],
          units = (int64_t)number(s->params, "units", 4);
  leat_type state = {LEAT_DTYPE_F32, LEAT_SHAPE(batch, units)},
            row = {LEAT_DTYPE_F32, LEAT_SHAPE(batch, shape.dims[2])};
  leat_func *body = rnn_body(s, state, row, leat_value_type(w[0]), leat_value_type(w[1]),
                             leat_value_type(w[2]), lstm);
  if (!body) return FAILED;
  leat_value zero = leat_full(s->b, LEAT_DTYPE_F32, state.shape, 0);
  leat_value h = arg(s, "s0"), c = arg(s, "s1"), out[3];
  leat_value xt = leat_transpose(s->b, x, (int[]){1, 0, 2});
  bool back = number(s->params, "go_backwards", 0) != 0;
  if (back) xt = leat_reverse(s->b, xt, (int[]){0}, 1);
  leat_value args[] = {h.node ? h : zero, c.node ? c : zero, xt, w[0], w[1], w[2]};
  leat_scan(s->b, body, args, 6, 2, 1, time, false, out);
  leat_value y = leat_transpose(s->b, out[2], (int[]){1, 0, 2}), ys[] = {y, out[0], out[1]};
  leat_value seeds[] = {arg(s, "dy"), arg(s, "dy_state0"), arg(s, "dy_state1")},
             xs[8] = {x, w[0], w[1], w[2]}, results[12] = {y, out[0], out[1]};
  const char *keys[12] = {"y", "state0", "state1", "dx"};
  int count = 4, at = lstm ? 3 : 2;
  leat_gradient grads[8];
  if (h.node) xs[count++] = h;
  if (c.node) xs[count++] = c;
  leat_gradients(s->b, ys, seeds, at, xs, count, false, grads);
  for (int i = 0; i < count; i++) {
    char name[80];
    if (i == 0)
      snprintf(name, sizeof name, "dx");
    else if (i < 4)
      snprintf(name, sizeof name, "d_%s", names[i - 1]);
    else
      snprintf(name, sizeof name, "ds%d", i - 4);
    keys[at] = leat_arena_str(&arena, leat_str_of(name));
    results[at++] = grads[i].dense;
  }
  return finish(s, keys, results, at);
}

static verdict layer_case(scene *s) {
  leat_builder *b = s->b;
  leat_value x = arg(s, "x"), k = arg(s, "kernel");
  for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
    if (is(s, activations[i].name)) return finish_layer(s, activations[i].f(b, x));
  if (starts(s, "dense")) {
    leat_dot_axes axes = {.contract_count = 1, .x_contract = {-1}, .y_contract = {0}};
    return finish_layer(
        s, activation_of(b, s, with_bias(s, leat_dot_general(b, x, k, &axes, LEAT_DTYPE_NONE))));
  }
  if ((starts(s, "conv2d_") || starts(s, "conv1d_")) && !strstr(s->name, "transpose"))
    return finish_layer(s, with_bias(s, conv(s, x, k, (int64_t)number(s->params, "groups", 1))));
  if (starts(s, "depthwise"))
    return finish_layer(s, with_bias(s, depthwise(s, x, arg(s, "depthwise_kernel"))));
  if (is(s, "separable_same")) {
    leat_value y = depthwise(s, x, arg(s, "depthwise_kernel"));
    return finish_layer(s, with_bias(s, conv(s, y, arg(s, "pointwise_kernel"), 1)));
  }
  if (starts(s, "maxpool")) return finish_layer(s, pool(s, x, true));
  if (starts(s, "avgpool")) return finish_layer(s, pool(s, x, false));
  if (is(s, "global_avg")) return finish_layer(s, leat_mean(b, x, (int[]){1, 2}, 2, false));
  if (is(s, "global_max")) return finish_layer(s, leat_reduce_max(b, x, (int[]){1, 2}, 2, false));
  double epsilon = number(s->params, "epsilon", 1e-3);
  if (starts(s, "layernorm")) {
    leat_value y = normalised(b, x, is(s, "layernorm") ? (int[]){-1} : (int[]){1, 2},
                              is(s, "layernorm") ? 1 : 2, epsilon);
    return finish_layer(s, leat_add(b, leat_mul(b, y, arg(s, "gamma")), arg(s, "beta")));
  }
  if (is(s, "rmsnorm")) {
    leat_value mean = leat_mean(b, leat_square(b, x), (int[]){-1}, 1, true);
    return finish_layer(
        s, leat_mul(b, leat_mul(b, x, leat_rsqrt(b, leat_add_scalar(b, mean, epsilon))),
                    arg(s, "scale")));
  }
  if (is(s, "l2_normalize")) {
    leat_value sum = leat_reduce_sum(b, leat_square(b, x), (int[]){-1}, 1, true);
    return finish_layer(
        s, leat_mul(b, x, leat_rsqrt(b, leat_max(b, sum, leat_const_like(b, sum, epsilon)))));
  }
  if (is(s, "embedding"))
    return finish_layer(s, leat_gather(b, arg(s, "table"), arg(s, "ids"), 0, LEAT_INDEX_ERROR));
  if (is(s, "matmul_batch_broadcast"))
    return finish_layer(s, leat_matmul(b, x, leat_transpose(b, arg(s, "m"), (int[]){0, 2, 1})));
  if (is(s, "max_reduce_ties"))
    return finish_layer(s, leat_reduce_max(b, x, (int[]){-1}, 1, false));
  if (is(s, "maximum_ties")) return finish_layer(s, leat_max(b, x, arg(s, "x2")));
  if (is(s, "cumsum_exclusive_reverse"))
    return finish_layer(s, leat_cumulate(b, x, 1, LEAT_SUM, true, true));
  if (is(s, "simplernn") || is(s, "simplernn_initial_state")) return recurrent(s, false);
  if (is(s, "lstm") || is(s, "lstm_initial_state") || is(s, "lstm_hard_sigmoid") ||
      is(s, "lstm_backwards"))
    return recurrent(s, true);
  return NOT_HERE;
}

// --- Losses -------------------------------------------------------------------------------------
static verdict loss_case(scene *s) {
  static const char *const reductions[] = {"none", "sum", "mean", "sum_over_batch_size",
                                           "sum_by_nonzero_weights"};
  leat_builder *b = s->b;
  leat_value x = arg(s, starts(s, "mse") ? "predictions" : "logits"), labels = arg(s, "labels"),
             weights = arg(s, "weights"), losses;
  int how = -1;
  for (int i = 0; i < 5; i++)
    if (text_is(s->params, "reduction", reductions[i])) how = i;
  if (get(s->params, "label_smoothing") || how < 0) return NOT_HERE;
  if (leat_value_ok(labels) && leat_value_type(labels).dtype == LEAT_DTYPE_I32)
    labels = leat_cast(b, labels, LEAT_DTYPE_I64);
  if (starts(s, "sigmoid_ce"))
    losses = leat_loss_sigmoid(b, x, labels);
  else if (starts(s, "softmax_ce_sparse"))
    losses = leat_loss_softmax_ids(b, x, labels);
  else if (starts(s, "softmax_ce"))
    losses = leat_loss_softmax(b, x, labels);
  else if (starts(s, "mse"))
    losses = leat_loss_squared(b, x, labels);
  else
    return NOT_HERE;
  leat_value loss = leat_loss_reduce(b, losses, weights, (leat_reduction)how);
  leat_gradient grad;
  leat_gradients(b, &loss, NULL, 1, &x, 1, false, &grad);
  static const char *const names[] = {"loss", "unreduced", "grad"};
  leat_value results[] = {loss, losses, grad.dense};
  return finish(s, names, results, 3);
}

// --- Optimisers ---------------------------------------------------------------------------------
static bool optimizer_of(const scene *s, leat_optimizer *o) {
  static const struct {
    const char *stem;
    leat_optimizer_kind kind;
    bool nesterov;
  } kinds[] = {{"v1_sgd", LEAT_SGD, false},          {"v1_momentum", LEAT_MOMENTUM, false},
               {"v1_nesterov", LEAT_MOMENTUM, true}, {"v1_adagrad", LEAT_ADAGRAD, false},
               {"v1_adam", LEAT_ADAM, false},        {"v1_ftrl", LEAT_FTRL, false}};
  const char *name = strncmp(s->name, "sparse_", 7) == 0 ? s->name + 7 : s->name;
  bool found = false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strncmp(name, kinds[i].stem, strlen(kinds[i].stem)) == 0) {
      *o = (leat_optimizer){.kind = kinds[i].kind, .nesterov = kinds[i].nesterov};
      found = true;
    }
  if (!found || number(s->params, "learning_rate_power", -0.5) != -0.5 ||
      get(s->params, "l2_shrinkage"))
    return false;
  if (o->kind == LEAT_FTRL && get(get(s->c, "inputs"), "lr_factor")) return false;
  o->learning_rate = number(s->params, "lr", 0.01);
  o->momentum = number(s->params, "momentum", 0);
  o->beta1 = number(s->params, "beta1", 0.9);
  o->beta2 = number(s->params, "beta2", 0.999);
  o->epsilon = number(s->params, "epsilon", 1e-8);
  o->initial_accumulator = number(s->params, "initial_accumulator_value", 0.1);
  o->l1 = number(s->params, "l1", 0);
  o->l2 = number(s->params, "l2", 0);
  return true;
}

// A variable and its slots are updated by a graph, step by step, and x is kept after each.
static verdict optimizer_case(scene *s) {
  leat_optimizer o;
  if (!optimizer_of(s, &o)) return NOT_HERE;
  leat_builder_free(s->b);
  s->b = NULL;
  bool sparse = strncmp(s->name, "sparse_", 7) == 0;
  leat_tensor *x0 = input_tensor(s, "x0"), *grads = input_tensor(s, sparse ? "values" : "grads"),
              *indices = input_tensor(s, "indices"), *factors = input_tensor(s, "lr_factor");
  leat_slots slots = leat_optimizer_slots(&o);
  leat_type type = {LEAT_DTYPE_F32, {.rank = leat_tensor_rank(x0)}};
  leat_var *vars[3];
  leat_state *state;
  for (int i = 0; i < type.shape.rank; i++) type.shape.dims[i] = leat_tensor_dims(x0)[i];
  leat_state_new(&state, s->g, &err);
  for (int i = 0; i <= slots.count; i++) {
    leat_tensor *t;
    leat_graph_var(s->g, i ? slots.suffix[i - 1] : "x", type, true, &vars[i], &err);
    leat_tensor_clone(&t, x0, &err);
    for (int64_t k = 0; i && k < leat_tensor_count(t); k++)
      ((float *)leat_tensor_data(t))[k] = (float)slots.initial[i - 1];
    leat_state_set(state, vars[i], t, &err);
    leat_tensor_unref(t);
  }
  int64_t steps = leat_tensor_dims(grads)[0], k = sparse ? leat_tensor_dims(grads)[1] : 0;
  leat_builder *b = leat_builder_new(s->g, "step");
  leat_type grad_type = type;
  if (sparse) grad_type.shape.dims[0] = k;
  leat_value grad = leat_input(b, "grad", grad_type),
             rate = leat_input(b, "rate", (leat_type){LEAT_DTYPE_F32, LEAT_SCALAR}), v[3];
  leat_value ids =
      sparse ? leat_input(b, "ids", (leat_type){LEAT_DTYPE_I64, LEAT_SHAPE(k)}) : (leat_value){0};
  if (sparse && leat_optimizer_is_sparse(&o)) {
    leat_builder *r = leat_builder_new(s->g, "rows");
    leat_type rows = type;
    leat_func *func;
    rows.shape.dims[0] = leat_dim_symbol(s->g, "rows", 0);
    static const char *const names[] = {"v0", "v1", "v2"};
    for (int i = 0; i <= slots.count; i++) v[i] = leat_input(r, names[i], rows);
    leat_value g = leat_input(r, "g", rows),
               lr = leat_input(r, "lr", (leat_type){LEAT_DTYPE_F32, LEAT_SCALAR});
    leat_optimizer_apply(r, &o, g, lr, v);
    for (int i = 0; i <= slots.count; i++) leat_output(r, names[i], v[i]);
    if (leat_builder_finish(r, &func, &err))
      return snprintf(s->problem, sizeof s->problem, "%s", err.message), FAILED;
    leat_row_update(b, vars, 1 + slots.count, ids, grad, &rate, 1, func);
  } else {
    for (int i = 0; i <= slots.count; i++) v[i] = leat_var_read(b, vars[i]);
    if (sparse)
      grad = leat_scatter(b, leat_zeros_like(b, v[0]), ids, grad, 0, LEAT_SCATTER_ADD,
                          LEAT_INDEX_ERROR);
    leat_optimizer_apply(b, &o, grad, rate, v);
    for (int i = 0; i <= slots.count; i++) leat_var_next(b, vars[i], v[i]);
  }
  leat_func *step;
  leat_exec *exec = NULL;
  leat_status status = leat_builder_finish(b, &step, &err);
  if (!status) status = leat_exec_new(&exec, step, NULL, &err);
  leat_tensor *path;
  int64_t dims[LEAT_MAX_RANK] = {steps}, per = leat_tensor_count(x0),
          per_grad = leat_tensor_count(grads) / steps;
  memcpy(dims + 1, leat_tensor_dims(x0), sizeof *dims * (size_t)type.shape.rank);
  leat_tensor_new(&path, LEAT_DTYPE_F32, type.shape.rank + 1, dims, &err);
  for (int64_t t = 0; !status && t < steps; t++) {
    double lr = o.learning_rate * (factors ? element(factors, t) : 1);
    if (o.kind == LEAT_ADAM)
      lr *= sqrt(1 - pow(o.beta2, (double)t + 1)) / (1 - pow(o.beta1, (double)t + 1));
    float rate_now = (float)lr;
    int64_t grad_dims[LEAT_MAX_RANK], wide[64];
    for (int i = 0; i < grad_type.shape.rank; i++) grad_dims[i] = grad_type.shape.dims[i];
    leat_tensor *in[3] = {NULL};
    leat_tensor_copy_of(&in[0], LEAT_DTYPE_F32, grad_type.shape.rank, grad_dims,
                        (float *)leat_tensor_data(grads) + t * per_grad, &err);
    leat_tensor_copy_of(&in[1], LEAT_DTYPE_F32, 0, NULL, &rate_now, &err);
    for (int64_t i = 0; sparse && i < k; i++)
      wide[i] = leat_tensor_dtype(indices) == LEAT_DTYPE_I64
                    ? ((int64_t *)leat_tensor_data(indices))[t * k + i]
                    : ((int32_t *)leat_tensor_data(indices))[t * k + i];
    if (sparse) leat_tensor_copy_of(&in[2], LEAT_DTYPE_I64, 1, &k, wide, &err);
    status = leat_exec_run(exec, state, in, sparse ? 3 : 2, NULL, &err);
    memcpy((float *)leat_tensor_data(path) + t * per,
           leat_tensor_data(leat_state_get(state, vars[0])), (size_t)per * 4);
    for (int i = 0; i < 3; i++) leat_tensor_unref(in[i]);
  }
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  static const char *const slot_keys[][2] = {[LEAT_SGD] = {"", ""},
                                             [LEAT_MOMENTUM] = {"slot_momentum", ""},
                                             [LEAT_ADAGRAD] = {"slot_accumulator", ""},
                                             [LEAT_ADAM] = {"slot_m", "slot_v"},
                                             [LEAT_FTRL] = {"slot_accum", "slot_linear"}};
  bool good = !status && close_to(s, "x", path);
  for (int i = 0; good && i < slots.count; i++)
    good = close_to(s, slot_keys[o.kind][i], leat_state_get(state, vars[i + 1]));
  leat_tensor_unref(path);
  leat_exec_free(exec);
  leat_state_free(state);
  return good ? PASSED : FAILED;
}

// --- Metrics ------------------------------------------------------------------------------------
static verdict metric_case(scene *s) {
  leat_head head = text_is(s->params, "head", "binary")        ? LEAT_HEAD_BINARY
                   : text_is(s->params, "head", "multi_class") ? LEAT_HEAD_MULTI_CLASS
                                                               : LEAT_HEAD_REGRESSION;
  bool known = text_is(s->params, "head", "binary") || text_is(s->params, "head", "multi_class") ||
               text_is(s->params, "head", "regression");
  if (!known || !text_is(s->params, "version", "v1") || get(s->params, "weight_column") ||
      get(s->params, "thresholds"))
    return NOT_HERE;
  leat_builder_free(s->b);
  s->b = NULL;
  leat_tensor *logits = input_tensor(s, "logits"), *labels = input_tensor(s, "labels");
  int64_t batches = leat_tensor_dims(logits)[0], rows = leat_tensor_dims(logits)[1],
          classes = leat_tensor_rank(logits) > 2 ? leat_tensor_dims(logits)[2] : 1;
  leat_metrics_declare(s->g, head, &err);
  leat_builder *b = leat_builder_new(s->g, "eval");
  bool ids = head == LEAT_HEAD_MULTI_CLASS;
  leat_value x = leat_input(b, "logits", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(rows, classes)});
  leat_value y = leat_input(b, "labels",
                            (leat_type){ids ? LEAT_DTYPE_I64 : LEAT_DTYPE_F32,
                                        ids ? LEAT_SHAPE(rows) : LEAT_SHAPE(rows, 1)});
  leat_value losses = ids ? leat_loss_softmax_ids(b, x, y)
                          : leat_squeeze(b,
                                         head == LEAT_HEAD_BINARY ? leat_loss_sigmoid(b, x, y)
                                                                  : leat_loss_squared(b, x, y),
                                         1);
  leat_metrics_add(b, s->g, head, x, y, losses, leat_reduce_sum(b, losses, NULL, 0, false));
  leat_func *eval, *reset, *result;
  leat_exec *run[3] = {NULL};
  leat_state *state;
  leat_status status = leat_builder_finish(b, &eval, &err);
  if (!status) status = leat_metrics_reset(s->g, &reset, &err);
  if (!status) status = leat_metrics_result(s->g, head, &result, &err);
  leat_state_new(&state, s->g, &err);
  if (!status) status = leat_exec_new(&run[0], reset, NULL, &err);
  if (!status) status = leat_exec_new(&run[1], eval, NULL, &err);
  if (!status) status = leat_exec_new(&run[2], result, NULL, &err);
  if (!status) status = leat_exec_run(run[0], state, NULL, 0, NULL, &err);
  for (int64_t t = 0; !status && t < batches; t++) {
    leat_tensor *in[2];
    leat_tensor_copy_of(&in[0], LEAT_DTYPE_F32, 2, (int64_t[]){rows, classes},
                        (float *)leat_tensor_data(logits) + t * rows * classes, &err);
    leat_tensor_new(&in[1], ids ? LEAT_DTYPE_I64 : LEAT_DTYPE_F32, ids ? 1 : 2,
                    (int64_t[]){rows, 1}, &err);
    for (int64_t i = 0; i < rows; i++) {
      int64_t at = t * rows + i;
      double label = element(labels, at);
      if (ids)
        ((int64_t *)leat_tensor_data(in[1]))[i] = (int64_t)label;
      else
        ((float *)leat_tensor_data(in[1]))[i] = (float)label;
    }
    status = leat_exec_run(run[1], state, in, 2, NULL, &err);
    leat_tensor_unref(in[0]);
    leat_tensor_unref(in[1]);
  }
  leat_tensor *out[16] = {NULL};
  if (!status) status = leat_exec_run(run[2], state, NULL, 0, out, &err);
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  bool good = !status;
  double rtol = number(s->c, "rtol", 2e-5);
  for (int i = 0; good && i < leat_func_output_count(result); i++) {
    double got = *(double *)leat_tensor_data(out[i]),
           want = number(get(s->c, "expected"), leat_func_output_name(result, i), got);
    good = fabs(got - want) <= 2e-6 + rtol * fabs(want) || got == want;
    if (!good)
      snprintf(s->problem, sizeof s->problem, "%s = %.9g, expected %.9g",
               leat_func_output_name(result, i), got, want);
  }
  for (int i = 0; i < 16; i++) leat_tensor_unref(out[i]);
  for (int i = 0; i < 3; i++) leat_exec_free(run[i]);
  leat_state_free(state);
  return good ? PASSED : FAILED;
}

// --- Whole models -------------------------------------------------------------------------------
// The case as a model.yaml: its columns, given normalisers in the place of the analysis.
static bool whole_yaml(scene *s, leat_buf *y) {
  bool regressor = is(s, "dnn_regressor_v1_adam");
  if (!regressor && !is(s, "dnn_classifier_v1")) return false;
  leat_buf_fmt(y, "estimator: DNN%s\nhidden_units: [16, 8]\noptimizer: %s\n",
               regressor ? "Regressor" : "Classifier",
               regressor ? "{adam: {learning_rate: 0.01}}" : "{adagrad: {learning_rate: 0.05}}");
  leat_buf_c(
      y, regressor ? "label: {column: target}\nfeatures:\n"
                   : "label: {column: income_bracket, vocabulary: ['<=50K', '>50K']}\nfeatures:\n");
  for (node *n = get(s->params, "normalizers")->child; n; n = n->next)
    leat_buf_fmt(y, "  %s: {numeric: {normalize: z_score}}\n", c_text(n->key));
  static const char *const deep[] = {"workclass", "education",    "marital_status",
                                     "gender",    "relationship", "race"};
  node *words = get(get(s->params, "columns"), "vocabularies");
  for (int i = 0; i < 6; i++) {
    leat_buf_fmt(y, "  %s: {vocabulary: [", deep[i]);
    for (node *w = get(words, deep[i])->child; w; w = w->next)
      leat_buf_fmt(y, "'%s'%s", c_text(w->text), w->next ? ", " : "");
    leat_buf_c(y, "]}\n");
  }
  leat_buf_c(y,
             "  occupation: {hash: 100, embedding: 8}\n  native_country: {hash: 100, embedding: "
             "8}\ndata:\n  csv: {columns: [age, workclass, fnlwgt, education, education_num, "
             "marital_status, occupation, relationship, race, gender, capital_gain, capital_loss, "
             "hours_per_week, native_country, ");
  leat_buf_c(y, regressor ? "income_bracket, target]}\n" : "income_bracket]}\n");
  return true;
}

// The first rows of the census file, with the regressor's target put behind them.
static bool write_rows(const char *from, const char *to, int64_t rows, bool target) {
  leat_buf text = {0}, out = {0};
  if (leat_file_read(from, 0, &text, &err)) return false;
  leat_str rest = leat_buf_view(&text);
  for (int64_t i = 0; i < rows && rest.len; i++) {
    leat_str line = leat_str_strip(leat_str_cut(&rest, '\n'), LEAT_STR("\r")), copy = line, field;
    float age = 0, years = 0;
    char number_text[LEAT_NUMBER_MAX];
    for (int k = 0; k < 5; k++) {
      field = leat_str_cut(&copy, ',');
      if (k == 0) leat_parse_f32(field, &age);
      if (k == 4) leat_parse_f32(field, &years);
    }
    leat_buf_str(&out, line);
    if (target)
      leat_buf_char(&out, ','),
          leat_buf_add(&out, number_text,
                       leat_format_f32(number_text, years / 10.0f + age / 50.0f));
    leat_buf_char(&out, '\n');
  }
  bool good = !leat_file_write(to, leat_buf_view(&out), &err);
  leat_buf_deinit(&text);
  leat_buf_deinit(&out);
  return good;
}

static verdict whole_case(scene *s) {
  leat_buf yaml = {0};
  if (!whole_yaml(s, &yaml)) return NOT_HERE;
  const char *data = getenv("LEAT_DATA");
  if (!data) return NOT_HERE;
  leat_config config;
  leat_estimator e = {0};
  leat_input_source *source = NULL;
  leat_state *state = NULL;
  leat_exec *step = NULL;
  char path[64] = "/tmp/leat-golden-XXXXXX", *csv = leat_path_join(data, "adult.data.csv");
  int fd = mkstemp(path);
  leat_tensor *losses, *batch[32] = {NULL}, *loss;
  int64_t steps = (int64_t)number(s->params, "steps", 50),
          size = (int64_t)number(s->params, "batch", 40), rows;
  leat_status status = leat_config_parse(&config, leat_buf_view(&yaml), "golden", NULL, 0, &err);
  for (size_t i = 0; !status && i < config.features.count; i++) {
    node *n = get(get(s->params, "normalizers"), c_text(config.features.at[i].name));
    if (n)
      leat_parse_f64(n->child->text, &config.features.at[i].mean),
          leat_parse_f64(n->child->next->text, &config.features.at[i].stddev);
  }
  if (!status && !write_rows(csv, path, (int64_t)number(s->params, "rows", 200),
                             is(s, "dnn_regressor_v1_adam")))
    status = err.status;
  if (!status) status = leat_estimator_build(&e, &config, false, &err);
  if (!status) status = leat_state_new(&state, e.graph, &err);
  uint64_t seed_value = 1;
  leat_tensor *seed;
  leat_exec *init = NULL;
  leat_tensor_copy_of(&seed, LEAT_DTYPE_U64, 0, NULL, &seed_value, &err);
  if (!status) status = leat_exec_new(&init, e.init, NULL, &err);
  if (!status) status = leat_exec_run(init, state, &seed, 1, NULL, &err);
  for (node *n = get(s->c, "inputs")->child; !status && n; n = n->next) {
    leat_var *var = leat_graph_find_var(e.graph, (leat_str){n->key.ptr + 5, n->key.len - 5});
    if (!var)
      status = leat_error_set(&err, LEAT_NOT_FOUND, "no variable for " LEAT_STR_FMT,
                              LEAT_STR_ARG(n->key));
    else
      status = leat_state_set(state, var, leat_safetensors_find(s->st, n->text), &err);
  }
  leat_str file = leat_str_of(path);
  if (!status) status = leat_source_open(&source, &config, &file, 1, 0, true, 0, &err);
  if (!status) status = leat_exec_new(&step, e.step, NULL, &err);
  leat_tensor_new(&losses, LEAT_DTYPE_F32, 1, &steps, &err);
  int columns = status ? 0 : (int)config.features.count + 1;
  for (int64_t t = 0; !status && t < steps; t++) {
    status = leat_source_next(source, size, batch, &rows, &err);
    if (!status) status = leat_exec_run(step, state, batch, columns, &loss, &err);
    if (!status)
      ((float *)leat_tensor_data(losses))[t] = *(float *)leat_tensor_data(loss),
              leat_tensor_unref(loss);
    for (int i = 0; i < columns; i++) leat_tensor_unref(batch[i]), batch[i] = NULL;
  }
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  bool good = !status && close_to(s, "losses", losses);
  for (node *n = get(s->c, "outputs")->child; good && n; n = n->next) {
    if (!leat_str_starts(n->key, LEAT_STR("final/"))) continue;
    leat_var *var = leat_graph_find_var(e.graph, (leat_str){n->key.ptr + 6, n->key.len - 6});
    good = var && close_to(s, c_text(n->key), leat_state_get(state, var));
  }
  leat_tensor_unref(losses);
  leat_tensor_unref(seed);
  leat_exec_free(init);
  leat_exec_free(step);
  leat_source_close(source);
  leat_state_free(state);
  leat_estimator_deinit(&e);
  leat_config_deinit(&config);
  leat_buf_deinit(&yaml);
  leat__free(csv);
  close(fd);
  unlink(path);
  return good ? PASSED : FAILED;
}

// --- Groups -------------------------------------------------------------------------------------
static const struct {
  const char *name;
  verdict (*run)(scene *s);
} groups[] = {{"layers", layer_case},
              {"losses", loss_case},
              {"optimizers", optimizer_case},
              {"metrics", metric_case},
              {"whole_model", whole_case}};

static int run_group(const char *dir, int which, bool tap) {
  char *folder = leat_path_join(dir, groups[which].name),
       *index = leat_path_join(folder, "index.json"),
       *file = leat_path_join(folder, "tensors.safetensors");
  leat_buf text = {0};
  leat_safetensors st = {0};
  leat_json json;
  leat_json_event event;
  int counts[3] = {0};
  if (!leat_file_exists(index)) return 0;
  if (leat_file_read(index, 0, &text, &err) || leat_safetensors_read(&st, file, &err)) {
    printf("not ok %s: %s\n", groups[which].name, err.message);
    return 1;
  }
  leat_json_init(&json, leat_buf_view(&text), index);
  json.specials = true;
  leat_json_next(&json, &event, &err);
  node *root = read_node(&json, event);
  for (node *c = get(root, "cases")->child; c; c = c->next) {
    scene s = {.c = c, .params = get(c, "params"), .name = c_text(get(c, "name")->text), .st = &st};
    if (get(c, "inputs")) open_scene(&s);
    verdict v = get(c, "inputs") ? groups[which].run(&s) : NOT_HERE;
    counts[v]++;
    if (v == FAILED) printf("# %s/%s: %s\n", groups[which].name, s.name, s.problem);
    leat_builder_free(s.b);
    leat_graph_free(s.g);
  }
  if (tap)
    printf("%s %s: %d passed, %d failed, %d not here\n", counts[FAILED] ? "not ok" : "ok",
           groups[which].name, counts[PASSED], counts[FAILED], counts[NOT_HERE]);
  else
    printf("%-12s %3d passed, %3d failed, %3d of things not here\n", groups[which].name,
           counts[PASSED], counts[FAILED], counts[NOT_HERE]);
  leat_json_deinit(&json);
  leat_safetensors_deinit(&st);
  leat_buf_deinit(&text);
  leat__free(folder);
  leat__free(index);
  leat__free(file);
  return counts[FAILED] > 0;
}

int main(int argc, char **argv) {
  int at = 1, failed = 0;
  bool tap = argc > at && strcmp(argv[at], "--tap") == 0;
  at += tap;
  if (argc <= at) {
    fprintf(stderr, "usage: golden [--tap] DIR [GROUP...]\n");
    return 2;
  }
  const char *dir = argv[at++];
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
    bool chosen = at >= argc;
    for (int k = at; k < argc; k++) chosen |= strcmp(argv[k], groups[i].name) == 0;
    if (chosen) failed |= run_group(dir, (int)i, tap);
  }
  leat_arena_deinit(&arena);
  return failed;
}
