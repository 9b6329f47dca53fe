// Golden layers: forward values and gradients of the input and of every weight.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

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

verdict layer_case(scene *s) {
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
