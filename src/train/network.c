// Networks: variables, layers, and the canned deep, linear and baseline models.
// SPDX-License-Identifier: Apache-2.0
#include "train/network.h"

#include <math.h>
#include <stdio.h>

leat_status leat__net_init(leat_net *net, const leat_config *config, leat_graph *graph,
                           leat_error *err) {
  *net = (leat_net){.c = config, .graph = graph};
  net->batch = leat_dim_symbol(graph, "batch", 0);
  net->raw = leat__calloc(config->inputs.count + 1, sizeof *net->raw);
  return net->raw ? LEAT_OK : leat__oom(err, sizeof *net->raw);
}

void leat__net_deinit(leat_net *net) {
  leat__free(net->raw);
  leat_vec_deinit(&net->weights);
  leat_vec_deinit(&net->summaries);
  leat_arena_deinit(&net->arena);
}

void leat__net_begin(leat_net *net, leat_builder *b, bool training) {
  net->b = b;
  net->training = training;
  net->key = (leat_random_key){0};
  net->summaries.count = 0;
  for (size_t i = 0; i < net->weights.count; i++)
    net->weights.at[i].read = net->weights.at[i].next = (leat_value){0};
  leat_raw_inputs(b, &net->c->inputs, net->batch, net->raw);
}

leat_builder *leat_net_builder(leat_net *net) { return net->b; }
bool leat_net_training(const leat_net *net) { return net->training; }
int64_t leat_net_outputs(const leat_net *net) { return net->c->outputs; }

void leat_net_summary(leat_net *net, const char *tag, leat_value x) {
  if (!leat_value_ok(x)) return;
  const char *kept = leat_arena_str(&net->arena, leat_str_of(tag));
  if (!kept || !leat_vec_push(&net->summaries, (leat_summary){kept, x}))
    leat_builder_fail(net->b, LEAT_RESOURCE_EXHAUSTED, "no memory for summary '%s'", tag);
}

// --- Variables ----------------------------------------------------------------------------------
static bool same_shape(leat_shape a, leat_shape b) {
  bool same = a.rank == b.rank;
  for (int i = 0; same && i < a.rank; i++) same = a.dims[i] == b.dims[i];
  return same;
}

static leat_weight *find_weight(leat_net *net, const char *name) {
  for (size_t i = 0; i < net->weights.count; i++)
    if (strcmp(leat_var_name(net->weights.at[i].var), name) == 0) return &net->weights.at[i];
  return NULL;
}

static leat_weight *make_weight(leat_net *net, const char *name, leat_shape shape, leat_init init) {
  leat_error err = {0};
  leat_weight w = {.part = net->part, .init = init};
  if (net->complete) {
    leat_builder_fail(net->b, LEAT_FAILED_PRECONDITION,
                      "variable '%s' is not made in every function of the model", name);
    return NULL;
  }
  leat_status status =
      leat_graph_var(net->graph, name, (leat_type){LEAT_DTYPE_F32, shape}, true, &w.var, &err);
  if (!status && !leat_vec_push(&net->weights, w)) status = leat__oom(&err, sizeof w);
  if (!status) return &net->weights.at[net->weights.count - 1];
  leat_builder_fail(net->b, status, "%s", err.message);
  return NULL;
}

// The variable of that name, read once a function; NULL after an error.
static leat_weight *weight_of(leat_net *net, const char *name, leat_shape shape, leat_init init) {
  if (!leat_builder_ok(net->b)) return NULL;
  leat_weight *w = find_weight(net, name);
  if (w && !same_shape(leat_var_type(w->var).shape, shape)) {
    leat_builder_fail(net->b, LEAT_INVALID_ARGUMENT, "variable '%s' is used with two shapes", name);
    return NULL;
  }
  if (!w) w = make_weight(net, name, shape, init);
  if (w && !w->read.node) w->read = leat_var_read(net->b, w->var);
  return w;
}

leat_value leat_net_variable(leat_net *net, const char *name, leat_shape shape, leat_init init) {
  leat_weight *w = weight_of(net, name, shape, init);
  return w ? w->read : (leat_value){0};
}

enum { NAME = 640 };

static leat_weight *vector(leat_net *net, const char *layer, const char *name, int64_t size,
                           leat_init_kind init) {
  char full[NAME];
  snprintf(full, sizeof full, "%s/%s", layer, name);
  return weight_of(net, full, LEAT_SHAPE(size), (leat_init){init, 0});
}

static leat_value read_of(const leat_weight *w) { return w ? w->read : (leat_value){0}; }

static int64_t width_of(leat_net *net, leat_value x) {
  leat_shape shape = leat_value_type(x).shape;
  if (leat_value_ok(x) && shape.rank == 2 && shape.dims[1] > 0) return shape.dims[1];
  leat_builder_fail(net->b, LEAT_INVALID_ARGUMENT, "a layer's input is (batch, a known width)");
  return 1;
}

// --- Layers -------------------------------------------------------------------------------------
leat_value leat_net_dense(leat_net *net, const char *name, leat_value x, int64_t units) {
  char full[NAME];
  leat_shape shape = LEAT_SHAPE(width_of(net, x), units);
  snprintf(full, sizeof full, "%s/kernel", name);
  leat_weight *kernel = weight_of(net, full, shape, (leat_init){LEAT_INIT_GLOROT, 0});
  if (kernel) kernel->penalised = true;
  leat_value product = leat_matmul(net->b, x, read_of(kernel));
  return leat_add(net->b, product, read_of(vector(net, name, "bias", units, LEAT_INIT_ZEROS)));
}

leat_value leat_net_dropout(leat_net *net, const char *name, leat_value x, double rate) {
  leat_builder *b = net->b;
  if (!net->training || rate <= 0) return x;
  leat_value chance = leat_random_uniform(b, name, &net->key, leat_value_type(x).shape, 0, 1);
  leat_value kept = leat_le(b, leat_const_like(b, x, rate), chance);
  return leat_select(b, kept, leat_mul_scalar(b, x, 1 / (1 - rate)), leat_zeros_like(b, x));
}

// (x - mean) / sqrt(variance + epsilon) * gamma + beta
static leat_value normalised(leat_builder *b, leat_value x, leat_value mean, leat_value variance,
                             leat_value gamma, leat_value beta) {
  const double epsilon = 0.001;
  leat_value scale = leat_mul(b, leat_rsqrt(b, leat_add_scalar(b, variance, epsilon)), gamma);
  return leat_add(b, leat_mul(b, leat_sub(b, x, mean), scale), beta);
}

static leat_value moments(leat_builder *b, leat_value x, int axis, leat_value *variance) {
  bool keep = axis != 0;
  leat_value mean = leat_mean(b, x, &axis, 1, keep);
  *variance = leat_mean(b, leat_square(b, leat_sub(b, x, mean)), &axis, 1, keep);
  return mean;
}

// Moving averages keep 0.999 of themselves a step (tf.estimator's number).
leat_value leat_net_batch_norm(leat_net *net, const char *name, leat_value x) {
  leat_builder *b = net->b;
  int64_t units = width_of(net, x);
  leat_value gamma = read_of(vector(net, name, "gamma", units, LEAT_INIT_ONES));
  leat_value beta = read_of(vector(net, name, "beta", units, LEAT_INIT_ZEROS)), now[2], used[2];
  static const char *const names[] = {"moving_mean", "moving_variance"};
  if (net->training) now[0] = moments(b, x, 0, &now[1]);
  for (int i = 0; i < 2; i++) {
    leat_weight *w = vector(net, name, names[i], units, i ? LEAT_INIT_ONES : LEAT_INIT_ZEROS);
    used[i] = net->training ? now[i] : read_of(w);
    if (w) w->fixed = true;
    if (w && net->training)
      w->next = leat_add(b, w->read, leat_mul_scalar(b, leat_sub(b, now[i], w->read), 1 - 0.999));
  }
  return normalised(b, x, used[0], used[1], gamma, beta);
}

leat_value leat_net_layer_norm(leat_net *net, const char *name, leat_value x) {
  int64_t units = width_of(net, x);
  leat_value gamma = read_of(vector(net, name, "gamma", units, LEAT_INIT_ONES));
  leat_value beta = read_of(vector(net, name, "beta", units, LEAT_INIT_ZEROS)), variance;
  leat_value mean = moments(net->b, x, 1, &variance);
  return normalised(net->b, x, mean, variance, gamma, beta);
}

static leat_value activate(leat_builder *b, leat_activation kind, leat_value x) {
  switch (kind) {
    case LEAT_ACTIVATION_RELU: return leat_relu(b, x);
    case LEAT_ACTIVATION_TANH: return leat_tanh(b, x);
    case LEAT_ACTIVATION_SIGMOID: return leat_sigmoid(b, x);
    case LEAT_ACTIVATION_ELU: return leat_elu(b, x);
    case LEAT_ACTIVATION_SELU: return leat_selu(b, x);
    case LEAT_ACTIVATION_GELU: return leat_gelu(b, x, false);
    case LEAT_ACTIVATION_SWISH: return leat_swish(b, x);
    case LEAT_ACTIVATION_LINEAR: break;
  }
  return x;
}

// --- Features -----------------------------------------------------------------------------------
// Gives the name of a feature's column to a variable's name.
typedef void column_name(const leat_features *features, const leat_feature *f, leat_buf *out);

static leat_value table_of(leat_net *net, const leat_feature *f, column_name *name,
                           const char *fmt_before, const char *after, leat_shape shape,
                           leat_init init) {
  leat_buf full = {0};
  leat_error err = {0};
  leat_buf_c(&full, fmt_before);
  name(&net->c->features, f, &full);
  leat_buf_c(&full, after);
  leat_status status = leat_buf_status(&full, &err);
  leat_value table = {0};
  if (status)
    leat_builder_fail(net->b, status, "%s", err.message);
  else
    table = leat_net_variable(net, full.ptr, shape, init);
  leat_buf_deinit(&full);
  return table;
}

static leat_value dense_feature(leat_net *net, int feature) {
  const leat_feature *f = &net->c->features.at[feature];
  leat_feature_scene scene = {&net->c->features, &net->c->inputs, net->raw};
  if (!f->embedding) return leat_feature_dense(net->b, &scene, feature);
  leat_init init = {LEAT_INIT_NORMAL, 1 / sqrt((double)f->embedding)};
  leat_value table =
      table_of(net, f, leat_feature_table_name, "dnn/input_from_feature_columns/input_layer/",
               "/embedding_weights", LEAT_SHAPE(leat_feature_ids(f), f->embedding), init);
  return leat_feature_embed(net->b, &scene, feature, table);
}

leat_value leat_net_feature(leat_net *net, const char *name) {
  for (size_t i = 0; i < net->c->features.count; i++)
    if (leat_str_eq(net->c->features.at[i].name, leat_str_of(name)))
      return dense_feature(net, (int)i);
  return leat_builder_fail(net->b, LEAT_NOT_FOUND, "no feature '%s'", name);
}

leat_value leat_net_input_layer(leat_net *net) {
  size_t count = net->c->part_features[LEAT_PART_DNN].count;
  leat_value *pieces = leat__calloc(count + 1, sizeof *pieces), joined = {0};
  if (!pieces) return leat_builder_fail(net->b, LEAT_RESOURCE_EXHAUSTED, "no memory");
  leat_builder_scope(net->b, "dnn/input_from_feature_columns/input_layer");
  for (size_t i = 0; i < count; i++)
    pieces[i] = dense_feature(net, net->c->part_features[LEAT_PART_DNN].at[i]);
  joined = leat_concat(net->b, pieces, (int)count, 1);
  leat__free(pieces);
  leat_builder_scope(net->b, NULL);
  return joined;
}

// --- Canned models ------------------------------------------------------------------------------
// TensorFlow's summaries of a layer: how many values are 0, and their histogram.
static void summarise(leat_net *net, const char *layer, leat_value x) {
  char tag[NAME];
  leat_builder *b = net->b;
  leat_value zero = leat_eq(b, x, leat_const_like(b, x, 0));
  snprintf(tag, sizeof tag, "%s/fraction_of_zero_values", layer);
  leat_net_summary(net, tag, leat_mean(b, leat_cast(b, zero, LEAT_DTYPE_F32), NULL, 0, false));
  snprintf(tag, sizeof tag, "%s/activation", layer);
  leat_net_summary(net, tag, x);
}

static leat_value dnn_logits(leat_net *net) {
  const leat_config *c = net->c;
  leat_builder *b = net->b;
  net->part = LEAT_PART_DNN;
  leat_value x = leat_net_input_layer(net);
  for (size_t i = 0; i < c->hidden_units.count; i++) {
    char layer[64], name[96];
    snprintf(layer, sizeof layer, "dnn/hiddenlayer_%zu", i);
    leat_builder_scope(b, layer);
    x = activate(b, c->activation, leat_net_dense(net, layer, x, c->hidden_units.at[i]));
    snprintf(name, sizeof name, "dropout_%zu", i);
    x = leat_net_dropout(net, name, x, c->dropout);
    snprintf(name, sizeof name, "%s/batchnorm_%zu", layer, i);
    if (c->batch_norm) x = leat_net_batch_norm(net, name, x);
    snprintf(name, sizeof name, "%s/layernorm_%zu", layer, i);
    if (c->layer_norm) x = leat_net_layer_norm(net, name, x);
    summarise(net, layer, x);
  }
  leat_builder_scope(b, "dnn/logits");
  x = leat_net_dense(net, "dnn/logits", x, c->outputs);
  summarise(net, "dnn/logits", x);
  return x;
}

static leat_value stretched(leat_net *net, leat_value bias) {
  return leat_broadcast(net->b, bias, LEAT_SHAPE(net->batch, net->c->outputs), NULL);
}

static leat_value linear_logits(leat_net *net) {
  const leat_config *c = net->c;
  leat_builder *b = net->b;
  leat_value sum = {0}, zeros = leat_const_f32(b, 0);
  double size = 0;
  leat_feature_scene scene = {&c->features, &c->inputs, net->raw};
  leat_builder_scope(b, "linear/linear_model");
  net->part = LEAT_PART_LINEAR;
  for (size_t i = 0; i < c->part_features[LEAT_PART_LINEAR].count; i++) {
    int at = c->part_features[LEAT_PART_LINEAR].at[i];
    const leat_feature *f = &c->features.at[at];
    int64_t rows = f->kind == LEAT_FEATURE_NUMERIC ? leat_feature_width(f) : leat_feature_ids(f);
    leat_value w = table_of(net, f, leat_feature_column_name, "linear/linear_model/", "/weights",
                            LEAT_SHAPE(rows, c->outputs), (leat_init){0});
    leat_value term = leat_feature_linear(b, &scene, at, w, c->linear_combiner);
    sum = sum.node ? leat_add(b, sum, term) : term;
    leat_value none = leat_cast(b, leat_eq(b, w, leat_const_like(b, w, 0)), LEAT_DTYPE_F32);
    zeros = leat_add(b, zeros, leat_reduce_sum(b, none, NULL, 0, false));
    size += (double)rows * (double)c->outputs;
  }
  leat_value bias = leat_net_variable(net, "linear/linear_model/bias_weights",
                                      LEAT_SHAPE(c->outputs), (leat_init){0});
  if (size > 0)
    leat_net_summary(net, "linear/fraction_of_zero_weights", leat_mul_scalar(b, zeros, 1 / size));
  leat_net_summary(net, "linear/bias", bias);
  return sum.node ? leat_add(b, sum, bias) : stretched(net, bias);
}

static leat_value custom_logits(leat_net *net) {
  net->part = LEAT_PART_DNN;
  if (!net->c->model_fn)
    return leat_builder_fail(net->b, LEAT_FAILED_PRECONDITION,
                             "a custom estimator needs its model_fn: run it by "
                             "leat_train_and_evaluate (leat/estimator.h)");
  leat_value logits = net->c->model_fn(net, net->c->model_context);
  leat_shape shape = leat_value_type(logits).shape;
  if (!leat_value_ok(logits) || (shape.rank == 2 && shape.dims[1] == net->c->outputs))
    return logits;
  return leat_builder_fail(net->b, LEAT_INVALID_ARGUMENT,
                           "the model_fn's logits are not (batch, %lld)",
                           (long long)net->c->outputs);
}

leat_value leat__net_logits(leat_net *net) {
  leat_value logits = {0};
  if (net->c->custom)
    logits = custom_logits(net);
  else if (net->c->has_part[LEAT_PART_DNN])
    logits = dnn_logits(net);
  if (net->c->has_part[LEAT_PART_LINEAR]) {
    leat_value linear = linear_logits(net);
    logits = logits.node ? leat_add(net->b, logits, linear) : linear;
  }
  if (!net->c->has_part[LEAT_PART_DNN] && !net->c->has_part[LEAT_PART_LINEAR]) {
    net->part = LEAT_PART_LINEAR;
    leat_value bias =
        leat_net_variable(net, "baseline/bias", LEAT_SHAPE(net->c->outputs), (leat_init){0});
    logits = stretched(net, bias);
  }
  leat_builder_scope(net->b, NULL);
  return logits;
}
