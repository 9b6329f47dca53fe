// Canned estimators: variables, forward pass, loss, update and predictions as functions of a graph.
// SPDX-License-Identifier: Apache-2.0
#include "train/estimator.h"

#include "leat/ops.h"
#include "train/losses.h"
#include "train/metrics.h"
#include "train/optimizer.h"

#include <math.h>
#include <stdio.h>

typedef enum init_kind { INIT_ZERO, INIT_ONE, INIT_GLOROT, INIT_NORMAL } init_kind;

typedef struct weight {
  leat_var *var;
  leat_part part;  // whose optimiser moves it
  init_kind init;
  double scale;  // glorot: the limit; normal: the deviation
  bool fixed;    // a moving average: the forward pass updates it, no optimiser does
} weight;

typedef struct table {
  leat_str shared;
  size_t weight;
} table;

typedef struct model {
  leat_estimator *e;
  const leat_config *c;
  leat_graph *graph;
  leat_dim batch;
  int64_t outputs;           // columns of the logits
  LEAT_VEC(weight) weights;  // in order of making
  LEAT_VEC(table) tables;    // embedding tables that features share
  leat_part part;            // of the weights being made
  leat_error *err;
} model;

bool leat_estimator_is_metric(const leat_var *var) {
  return strncmp(leat_var_name(var), "metrics/", 8) == 0;
}
bool leat_estimator_is_weight(const leat_var *var) { return leat_var_trainable(var); }

// --- Variables ----------------------------------------------------------------------------------
static leat_status add_weight(model *m, init_kind init, int64_t rows, int64_t cols, const char *fmt,
                              ...) LEAT_PRINTF(5, 6);

static leat_status add_weight(model *m, init_kind init, int64_t rows, int64_t cols, const char *fmt,
                              ...) {
  char name[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(name, sizeof name, fmt, args);
  va_end(args);
  leat_type type = {LEAT_DTYPE_F32, rows ? LEAT_SHAPE(rows, cols) : LEAT_SHAPE(cols)};
  weight w = {.init = init, .part = m->part};
  if (init == INIT_GLOROT) w.scale = sqrt(6.0 / (double)(rows + cols));
  if (init == INIT_NORMAL) w.scale = 1 / sqrt((double)cols);
  leat_status status = leat_graph_var(m->graph, name, type, true, &w.var, m->err);
  if (!status && !leat_vec_push(&m->weights, w)) status = leat__oom(m->err, sizeof w);
  return status;
}

// Gives the name of a feature's column to a variable's name.
typedef void column_name(const leat_features *features, const leat_feature *f, leat_buf *out);

static leat_status add_for_column(model *m, init_kind init, int64_t rows, int64_t cols,
                                  const leat_feature *f, column_name *name, const char *fmt) {
  leat_buf column = {0};
  name(&m->c->features, f, &column);
  leat_status status = leat_buf_status(&column, m->err);
  if (!status) status = add_weight(m, init, rows, cols, fmt, column.ptr);
  leat_buf_deinit(&column);
  return status;
}

static table *shared_table(model *m, const leat_feature *f) {
  for (size_t i = 0; f->shared.len && i < m->tables.count; i++)
    if (leat_str_eq(m->tables.at[i].shared, f->shared)) return &m->tables.at[i];
  return NULL;
}

static leat_status embedding_weights(model *m, const leat_feature *f) {
  const table *have = shared_table(m, f);
  if (have) {
    leat_shape shape = leat_var_type(m->weights.at[have->weight].var).shape;
    if (shape.dims[0] == leat_feature_ids(f) && shape.dims[1] == f->embedding) return LEAT_OK;
    return leat_error_set(m->err, LEAT_INVALID_ARGUMENT,
                          "feature '" LEAT_STR_FMT "' shares a table of another size",
                          LEAT_STR_ARG(f->name));
  }
  if (f->shared.len && !leat_vec_push(&m->tables, (table){f->shared, m->weights.count}))
    return leat__oom(m->err, sizeof(table));
  return add_for_column(m, INIT_NORMAL, leat_feature_ids(f), f->embedding, f,
                        leat_feature_table_name,
                        "dnn/input_from_feature_columns/input_layer/%s/embedding_weights");
}

static leat_status batch_norm_weights(model *m, size_t layer, int64_t units) {
  static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < 4; i++) {
    status = add_weight(m, i == 0 || i == 3 ? INIT_ONE : INIT_ZERO, 0, units,
                        "dnn/hiddenlayer_%zu/batchnorm_%zu/%s", layer, layer, names[i]);
    if (!status && i >= 2) m->weights.at[m->weights.count - 1].fixed = true;
  }
  return status;
}

static leat_status dnn_weights(model *m) {
  int64_t width = 0;
  leat_status status = LEAT_OK;
  m->part = LEAT_PART_DNN;
  for (size_t i = 0; !status && i < m->c->part_features[m->part].count; i++) {
    const leat_feature *f = &m->c->features.at[m->c->part_features[m->part].at[i]];
    width += leat_feature_width(f);
    if (f->embedding) status = embedding_weights(m, f);
  }
  for (size_t i = 0; !status && i < m->c->hidden_units.count; i++) {
    int64_t units = m->c->hidden_units.at[i];
    status = add_weight(m, INIT_GLOROT, width, units, "dnn/hiddenlayer_%zu/kernel", i);
    if (!status) status = add_weight(m, INIT_ZERO, 0, units, "dnn/hiddenlayer_%zu/bias", i);
    if (!status && m->c->batch_norm) status = batch_norm_weights(m, i, units);
    width = units;
  }
  if (!status) status = add_weight(m, INIT_GLOROT, width, m->outputs, "dnn/logits/kernel");
  return status ? status : add_weight(m, INIT_ZERO, 0, m->outputs, "dnn/logits/bias");
}

static leat_status linear_weights(model *m) {
  leat_status status = LEAT_OK;
  m->part = LEAT_PART_LINEAR;
  for (size_t i = 0; !status && i < m->c->part_features[m->part].count; i++) {
    const leat_feature *f = &m->c->features.at[m->c->part_features[m->part].at[i]];
    int64_t rows = f->kind == LEAT_FEATURE_NUMERIC ? leat_feature_width(f) : leat_feature_ids(f);
    status = add_for_column(m, INIT_ZERO, rows, m->outputs, f, leat_feature_column_name,
                            "linear/linear_model/%s/weights");
  }
  return status ? status
                : add_weight(m, INIT_ZERO, 0, m->outputs, "linear/linear_model/bias_weights");
}

static leat_status model_weights(model *m) {
  leat_status status = LEAT_OK;
  if (m->c->has_part[LEAT_PART_DNN]) status = dnn_weights(m);
  if (!status && m->c->has_part[LEAT_PART_LINEAR]) status = linear_weights(m);
  if (!status && !m->weights.count) {
    m->part = LEAT_PART_LINEAR;
    status = add_weight(m, INIT_ZERO, 0, m->outputs, "baseline/bias");
  }
  return status;
}

// --- Forward ------------------------------------------------------------------------------------
enum { MOST_COLUMNS = 512, MOST_WEIGHTS = 4096 };

typedef struct forward {
  leat_value raw[2 * MOST_COLUMNS];  // by input
  leat_value reads[MOST_WEIGHTS];    // by weight: its read
  leat_value next[MOST_WEIGHTS];     // by fixed weight: its next value, in training
  size_t at;                         // weights are read in the order of making
  bool training;
  leat_random_key key;  // of dropout
} forward;

static leat_value read_weight(leat_builder *b, model *m, forward *fw, size_t at) {
  if (!fw->reads[at].node) fw->reads[at] = leat_var_read(b, m->weights.at[at].var);
  return fw->reads[at];
}

static leat_value next_weight(leat_builder *b, model *m, forward *fw) {
  return read_weight(b, m, fw, fw->at++);
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

static leat_value dense(leat_builder *b, model *m, forward *fw, leat_value x) {
  leat_value kernel = next_weight(b, m, fw), bias = next_weight(b, m, fw);
  return leat_add(b, leat_matmul(b, x, kernel), bias);
}

// A unit is left out with the given chance, the others are scaled up.
static leat_value drop_out(leat_builder *b, model *m, forward *fw, leat_value x, size_t layer) {
  char name[64];
  if (!fw->training || m->c->dropout <= 0) return x;
  snprintf(name, sizeof name, "dropout_%zu", layer);
  leat_shape shape = leat_value_type(x).shape;
  leat_value chance = leat_random_uniform(b, name, &fw->key, shape, 0, 1);
  leat_value kept = leat_le(b, leat_const_like(b, x, m->c->dropout), chance);
  leat_value scaled = leat_mul_scalar(b, x, 1 / (1 - m->c->dropout));
  return leat_select(b, kept, scaled, leat_zeros_like(b, x));
}

// Over the batch: (x - mean) / sqrt(variance + 0.001) * gamma + beta; moving averages with momentum
// 0.999 serve when not training (tf.estimator's numbers).
static leat_value batch_norm(leat_builder *b, model *m, forward *fw, leat_value x) {
  const double keep = 0.999, epsilon = 0.001;
  leat_value gamma = next_weight(b, m, fw), beta = next_weight(b, m, fw);
  size_t at = fw->at;
  leat_value mean = next_weight(b, m, fw), variance = next_weight(b, m, fw);
  if (fw->training) {
    leat_value old[] = {mean, variance};
    mean = leat_mean(b, x, (int[]){0}, 1, false);
    variance = leat_mean(b, leat_square(b, leat_sub(b, x, mean)), (int[]){0}, 1, false);
    leat_value now[] = {mean, variance};
    for (int i = 0; i < 2; i++)
      fw->next[at + (size_t)i] =
          leat_add(b, old[i], leat_mul_scalar(b, leat_sub(b, now[i], old[i]), 1 - keep));
  }
  leat_value scale = leat_mul(b, leat_rsqrt(b, leat_add_scalar(b, variance, epsilon)), gamma);
  return leat_add(b, leat_mul(b, leat_sub(b, x, mean), scale), beta);
}

static leat_feature_scene scene_of(model *m, const forward *fw) {
  return (leat_feature_scene){&m->c->features, &m->c->inputs, fw->raw};
}

static leat_value embed(leat_builder *b, model *m, forward *fw, int feature) {
  leat_feature_scene scene = scene_of(m, fw);
  const table *shared = shared_table(m, &m->c->features.at[feature]);
  leat_value rows = shared && shared->weight != fw->at ? read_weight(b, m, fw, shared->weight)
                                                       : next_weight(b, m, fw);
  return leat_feature_embed(b, &scene, feature, rows);
}

static leat_value dnn_logits(leat_builder *b, model *m, forward *fw) {
  leat_value pieces[MOST_COLUMNS];
  int count = 0;
  leat_feature_scene scene = scene_of(m, fw);
  leat_builder_scope(b, "dnn/input_from_feature_columns/input_layer");
  for (size_t i = 0; i < m->c->part_features[LEAT_PART_DNN].count; i++) {
    int at = m->c->part_features[LEAT_PART_DNN].at[i];
    pieces[count++] =
        m->c->features.at[at].embedding ? embed(b, m, fw, at) : leat_feature_dense(b, &scene, at);
  }
  leat_value x = leat_concat(b, pieces, count, 1);
  for (size_t i = 0; i < m->c->hidden_units.count; i++) {
    char scope[64];
    snprintf(scope, sizeof scope, "dnn/hiddenlayer_%zu", i);
    leat_builder_scope(b, scope);
    x = activate(b, m->c->activation, dense(b, m, fw, x));
    x = drop_out(b, m, fw, x, i);
    if (m->c->batch_norm) x = batch_norm(b, m, fw, x);
  }
  leat_builder_scope(b, "dnn/logits");
  return dense(b, m, fw, x);
}

static leat_value linear_logits(leat_builder *b, model *m, forward *fw) {
  leat_value sum = {0};
  leat_feature_scene scene = scene_of(m, fw);
  leat_builder_scope(b, "linear/linear_model");
  for (size_t i = 0; i < m->c->part_features[LEAT_PART_LINEAR].count; i++) {
    int at = m->c->part_features[LEAT_PART_LINEAR].at[i];
    leat_value w = next_weight(b, m, fw);
    leat_value term = leat_feature_linear(b, &scene, at, w, m->c->linear_combiner);
    sum = sum.node ? leat_add(b, sum, term) : term;
  }
  leat_value bias = next_weight(b, m, fw);
  if (sum.node) return leat_add(b, sum, bias);
  return leat_broadcast(b, bias, LEAT_SHAPE(m->batch, m->outputs), NULL);
}

// Inputs for the features, then logits (batch, outputs).
static leat_value logits_of(leat_builder *b, model *m, forward *fw) {
  leat_value logits = {0};
  leat_random_key key = fw->key;
  *fw = (forward){.training = fw->training, .key = key};
  leat_raw_inputs(b, &m->c->inputs, m->batch, fw->raw);
  if (m->c->has_part[LEAT_PART_DNN]) logits = dnn_logits(b, m, fw);
  if (m->c->has_part[LEAT_PART_LINEAR]) {
    leat_value linear = linear_logits(b, m, fw);
    logits = logits.node ? leat_add(b, logits, linear) : linear;
  }
  if (!logits.node)
    logits = leat_broadcast(b, next_weight(b, m, fw), LEAT_SHAPE(m->batch, m->outputs), NULL);
  leat_builder_scope(b, NULL);
  return logits;
}

// --- Labels and losses --------------------------------------------------------------------------
// The raw label as f32 (batch, 1) for binary and regression heads, i64 (batch) for multi-class.
static leat_value label_of(leat_builder *b, model *m) {
  const leat_config *c = m->c;
  char name[256];
  snprintf(name, sizeof name, LEAT_STR_FMT, LEAT_STR_ARG(c->label));
  bool number = c->head == LEAT_HEAD_REGRESSION;
  leat_value raw = leat_input(
      b, name, (leat_type){number ? LEAT_DTYPE_F32 : LEAT_DTYPE_STRING, LEAT_SHAPE(m->batch)});
  leat_builder_scope(b, "label");
  if (number) return leat_expand_dims(b, raw, 1);
  leat_value text = leat_host_call(b, "string_strip", &raw, 1, &c->label_strip, 1);
  leat_value args[] = {
      text, leat_const_strings(b, c->label_vocabulary.at, (int64_t)c->label_vocabulary.count)};
  leat_value checked[] = {leat_host_call(b, "vocab_lookup", args, 2, NULL, 0), text};
  leat_str message = LEAT_STR("a label is not in the vocabulary");
  leat_value id = leat_host_call(b, "string_range_check", checked, 2, &message, 1);
  if (c->head == LEAT_HEAD_MULTI_CLASS) return id;
  return leat_expand_dims(b, leat_cast(b, id, LEAT_DTYPE_F32), 1);
}

// One loss an example, f32 (batch).
static leat_value example_losses(leat_builder *b, model *m, leat_value logits, leat_value label) {
  leat_builder_scope(b, "loss");
  if (m->c->head == LEAT_HEAD_MULTI_CLASS)
    return leat_loss_build(b, LEAT_LOSS_SOFTMAX_IDS, logits, label, NULL);
  leat_loss loss = m->c->head == LEAT_HEAD_REGRESSION ? LEAT_LOSS_SQUARED : LEAT_LOSS_SIGMOID;
  return leat_squeeze(b, leat_loss_build(b, loss, logits, label, NULL), 1);
}

// The rows' weights as an input f32 (batch), or no value.
static leat_value weights_of(leat_builder *b, model *m) {
  char name[256];
  if (!m->c->weight_column.len) return (leat_value){0};
  snprintf(name, sizeof name, LEAT_STR_FMT, LEAT_STR_ARG(m->c->weight_column));
  return leat_input(b, name, (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(m->batch)});
}

static leat_value total_loss(leat_builder *b, model *m, leat_value losses, leat_value weights) {
  return leat_loss_reduce(
      b, losses, weights,
      m->c->mean_loss ? LEAT_REDUCTION_SUM_OVER_BATCH_SIZE : LEAT_REDUCTION_SUM);
}

// --- Updates ------------------------------------------------------------------------------------
static leat_var *slot_var(model *m, const leat_var *var, const char *suffix) {
  char name[640];
  snprintf(name, sizeof name, "%s/%s", leat_var_name(var), suffix);
  return leat_graph_find_var(m->graph, leat_str_of(name));
}

static const leat_optimizer *optimizer_of(const model *m, const weight *w) {
  return &m->c->optimizers[w->part];
}

static leat_status add_slots(model *m) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < m->weights.count; i++) {
    const weight *w = &m->weights.at[i];
    leat_slots slots = leat_optimizer_slots(optimizer_of(m, w));
    for (int s = 0; !status && !w->fixed && s < slots.count; s++) {
      char name[640];
      leat_var *var;
      snprintf(name, sizeof name, "%s/%s", leat_var_name(w->var), slots.suffix[s]);
      status = leat_graph_var(m->graph, name, leat_var_type(w->var), false, &var, m->err);
    }
  }
  leat_var *step;
  if (!status)
    status = leat_graph_var(m->graph, "global_step", (leat_type){LEAT_DTYPE_I64, LEAT_SCALAR},
                            false, &step, m->err);
  for (int part = 0; !status && part < LEAT_PART_COUNT; part++)
    if (leat_optimizer_has_product(&m->c->optimizers[part]))
      status = leat_graph_var(m->graph, part ? "linear/momentum_product" : "dnn/momentum_product",
                              (leat_type){LEAT_DTYPE_F64, LEAT_SCALAR}, false, &step, m->err);
  return status;
}

static leat_var *product_var(const model *m, int part) {
  return leat_graph_find_var(
      m->graph, part ? LEAT_STR("linear/momentum_product") : LEAT_STR("dnn/momentum_product"));
}

// The update of some rows of a table: (rows of x and its slots, gradient rows, scalars) -> new
// rows.
static leat_func *row_function(leat_builder *outer, model *m, const weight *w) {
  leat_builder *b = leat_builder_new(m->graph, NULL);
  const leat_optimizer *o = optimizer_of(m, w);
  leat_slots slots = leat_optimizer_slots(o);
  leat_value values[1 + LEAT_MAX_SLOTS], scalars[LEAT_OPTIMIZER_SCALARS];
  leat_type type = leat_var_type(w->var);
  char name[16];
  type.shape.dims[0] = leat_dim_symbol(m->graph, "rows", 0);
  for (int i = 0; b && i <= slots.count; i++) {
    snprintf(name, sizeof name, "v%d", i);
    values[i] = leat_input(b, name, type);
  }
  leat_value grad = b ? leat_input(b, "grad", type) : (leat_value){0};
  for (int i = 0; b && i < LEAT_OPTIMIZER_SCALARS; i++) {
    snprintf(name, sizeof name, "s%d", i);
    scalars[i] = leat_input(b, name, (leat_type){LEAT_DTYPE_F32, LEAT_SCALAR});
  }
  if (b) leat_optimizer_apply(b, o, grad, scalars, values);
  for (int i = 0; b && i <= slots.count; i++) {
    snprintf(name, sizeof name, "v%d", i);
    leat_output(b, name, values[i]);
  }
  leat_func *func = NULL;
  leat_error err = {0};
  leat_status status = leat_builder_finish(b, &func, &err);
  if (status) leat_builder_fail(outer, status, "%s", err.message);
  return func;
}

static void update(leat_builder *b, model *m, const weight *w, leat_value read,
                   const leat_gradient *grad, const leat_value *scalars) {
  const leat_optimizer *o = optimizer_of(m, w);
  leat_slots slots = leat_optimizer_slots(o);
  leat_var *vars[1 + LEAT_MAX_SLOTS] = {w->var};
  for (int s = 0; s < slots.count; s++) vars[s + 1] = slot_var(m, w->var, slots.suffix[s]);
  leat_builder_scope(b, leat_var_name(w->var));
  if (grad->ids.node) {
    leat_func *rows = row_function(b, m, w);
    if (rows)
      leat_row_update(b, vars, 1 + slots.count, grad->ids, grad->rows, scalars,
                      LEAT_OPTIMIZER_SCALARS, rows);
    return;
  }
  if (!grad->dense.node) return;  // the loss does not depend on it
  leat_value values[1 + LEAT_MAX_SLOTS] = {read};
  for (int s = 0; s < slots.count; s++) values[s + 1] = leat_var_read(b, vars[s + 1]);
  leat_optimizer_apply(b, o, grad->dense, scalars, values);
  for (int s = 0; s <= slots.count; s++) leat_var_next(b, vars[s], values[s]);
}

// --- Functions ----------------------------------------------------------------------------------
static leat_status finish(model *m, leat_builder *b, leat_func **out) {
  leat_func *raw;
  leat_status status = leat_builder_finish(b, &raw, m->err);
  *out = raw;
  return status;
}

static leat_value initial(leat_builder *b, const weight *w, const leat_random_key *key) {
  leat_type type = leat_var_type(w->var);
  const char *name = leat_var_name(w->var);
  if (w->init == INIT_GLOROT)
    return leat_random_uniform(b, name, key, type.shape, -w->scale, w->scale);
  if (w->init == INIT_NORMAL)
    return leat_random_truncated_normal(b, name, key, type.shape, 0, w->scale);
  return leat_full(b, LEAT_DTYPE_F32, type.shape, w->init == INIT_ONE);
}

static leat_status build_init(model *m) {
  leat_builder *b = leat_builder_new(m->graph, "init");
  if (!b) return leat__oom(m->err, 1);
  leat_random_key key = {.seed = leat_input(b, "seed", (leat_type){LEAT_DTYPE_U64, LEAT_SCALAR})};
  for (size_t i = 0; i < m->weights.count; i++) {
    const weight *w = &m->weights.at[i];
    leat_slots slots = leat_optimizer_slots(optimizer_of(m, w));
    leat_var_next(b, w->var, initial(b, w, &key));
    for (int s = 0; !w->fixed && s < slots.count; s++)
      leat_var_next(b, slot_var(m, w->var, slots.suffix[s]),
                    leat_full(b, LEAT_DTYPE_F32, leat_var_type(w->var).shape, slots.initial[s]));
  }
  for (int part = 0; part < LEAT_PART_COUNT; part++)
    if (product_var(m, part)) leat_var_next(b, product_var(m, part), leat_const_f64(b, 1));
  leat_var_next(b, leat_graph_find_var(m->graph, LEAT_STR("global_step")), leat_const_i64(b, 0));
  return finish(m, b, &m->e->init);
}

// The weights of one part, whose gradients are clipped together.
typedef struct group {
  leat_value reads[MOST_WEIGHTS];
  leat_gradient grads[MOST_WEIGHTS];
  size_t weight[MOST_WEIGHTS];
  int count;
} group;

static void train_part(leat_builder *b, model *m, const forward *fw, leat_part part,
                       leat_value loss, leat_value step, group *g) {
  const leat_optimizer *o = &m->c->optimizers[part];
  leat_value scalars[LEAT_OPTIMIZER_SCALARS], product = {0};
  g->count = 0;
  for (size_t i = 0; i < m->weights.count; i++) {
    if (m->weights.at[i].part != part || m->weights.at[i].fixed) continue;
    g->weight[g->count] = i;
    g->reads[g->count++] = fw->reads[i];
  }
  if (!g->count) return;
  leat_gradients(b, &loss, NULL, 1, g->reads, g->count, leat_optimizer_is_sparse(o), g->grads);
  leat_builder_scope(b, "optimizer");
  if (o->clip_norm > 0) leat_clip_global_norm(b, g->grads, g->count, o->clip_norm);
  if (product_var(m, part)) product = leat_var_read(b, product_var(m, part));
  leat_optimizer_scalars(b, o, step, (leat_value){0}, &product, scalars);
  if (product_var(m, part)) leat_var_next(b, product_var(m, part), product);
  for (int i = 0; i < g->count; i++)
    update(b, m, &m->weights.at[g->weight[i]], g->reads[i], &g->grads[i], scalars);
}

static leat_status build_step(model *m, forward *fw) {
  leat_builder *b = leat_builder_new(m->graph, "train_step");
  group *g = leat__calloc(1, sizeof *g);
  if (!b || !g) return leat_builder_free(b), leat__free(g), leat__oom(m->err, sizeof *g);
  leat_var *counter = leat_graph_find_var(m->graph, LEAT_STR("global_step"));
  leat_value step = leat_var_read(b, counter), seed = {0};
  fw->training = true;
  if (m->c->dropout > 0) {
    seed = leat_bitcast(b, leat_const_i64(b, m->c->seed), LEAT_DTYPE_U64);
    fw->key = (leat_random_key){.seed = seed, .step = step};
  }
  leat_value logits = logits_of(b, m, fw), label = label_of(b, m), weights = weights_of(b, m);
  leat_value loss = total_loss(b, m, example_losses(b, m, logits, label), weights);
  leat_value off = leat_sub(b, loss, loss);  // 0, or NaN for a NaN or infinite loss
  leat_assert(b, leat_eq(b, off, leat_const_like(b, off, 0)), LEAT_LOSS_NOT_FINITE);
  for (int part = 0; part < LEAT_PART_COUNT; part++)
    train_part(b, m, fw, (leat_part)part, loss, step, g);
  for (size_t i = 0; i < m->weights.count; i++)
    if (fw->next[i].node) leat_var_next(b, m->weights.at[i].var, fw->next[i]);
  leat__free(g);
  fw->training = false;
  leat_var_next(b, counter, leat_add(b, step, leat_const_i64(b, 1)));
  leat_output(b, "loss", loss);
  leat_func *raw;
  leat_status status = finish(m, b, &raw);
  return status ? status : leat_func_simplify(raw, "train", &m->e->step, m->err);
}

static leat_status build_eval(model *m, forward *fw) {
  leat_builder *b = leat_builder_new(m->graph, "eval");
  if (!b) return leat__oom(m->err, 1);
  leat_value logits = logits_of(b, m, fw), label = label_of(b, m);
  leat_value weights = weights_of(b, m), losses = example_losses(b, m, logits, label);
  leat_builder_scope(b, "metrics");
  leat_metrics_add(b, m->graph, m->c->head, logits, label, losses,
                   total_loss(b, m, losses, weights));
  leat_status status = finish(m, b, &m->e->eval);
  if (!status) status = leat_metrics_reset(m->graph, &m->e->reset, m->err);
  return status ? status : leat_metrics_result(m->graph, m->c->head, &m->e->result, m->err);
}

// class_ids and classes of an id vector (batch).
static void put_classes(leat_builder *b, model *m, leat_value id) {
  leat_value ids = leat_expand_dims(b, id, 1);
  leat_value names =
      leat_const_strings(b, m->c->label_vocabulary.at, (int64_t)m->c->label_vocabulary.count);
  leat_output(b, "class_ids", ids);
  leat_output(b, "classes", leat_gather(b, names, ids, 0, LEAT_INDEX_CLAMP));
}

static leat_status build_predict(model *m, forward *fw) {
  leat_builder *b = leat_builder_new(m->graph, "predict");
  if (!b) return leat__oom(m->err, 1);
  leat_value logits = logits_of(b, m, fw);
  leat_builder_scope(b, "predictions");
  if (m->c->head == LEAT_HEAD_REGRESSION) {
    leat_output(b, "predictions", logits);
    return finish(m, b, &m->e->predict);
  }
  if (m->c->head == LEAT_HEAD_BINARY) {
    leat_value logistic = leat_sigmoid(b, logits),
               both[] = {leat_sigmoid(b, leat_neg(b, logits)), logistic};
    leat_value above = leat_gt(b, logits, leat_const_like(b, logits, 0));
    put_classes(b, m, leat_squeeze(b, leat_cast(b, above, LEAT_DTYPE_I64), 1));
    leat_output(b, "logistic", logistic);
    leat_output(b, "logits", logits);
    leat_output(b, "probabilities", leat_concat(b, both, 2, 1));
  } else {
    put_classes(b, m, leat_argmax(b, logits, 1));
    leat_output(b, "logits", logits);
    leat_output(b, "probabilities", leat_softmax(b, logits, 1));
  }
  return finish(m, b, &m->e->predict);
}

leat_status leat_estimator_build(leat_estimator *e, const leat_config *config, bool serving_only,
                                 leat_error *err) {
  *e = (leat_estimator){.config = config};
  if (config->features.count > MOST_COLUMNS || config->hidden_units.count > 200)
    return leat_error_set(err, LEAT_UNIMPLEMENTED, "at most %d features and 200 hidden layers",
                          MOST_COLUMNS);
  leat_status status = leat_graph_new(&e->graph, err);
  if (status) return status;
  forward *fw = leat__calloc(1, sizeof *fw);
  model m = {.e = e, .c = config, .graph = e->graph, .err = err};
  m.batch = leat_dim_symbol(e->graph, "batch", 0);
  m.outputs = config->head == LEAT_HEAD_MULTI_CLASS ? (int64_t)config->label_vocabulary.count : 1;
  if (!fw) status = leat__oom(err, sizeof *fw);
  if (!status) status = model_weights(&m);
  if (!status && !serving_only) {
    status = add_slots(&m);
    if (!status) status = build_init(&m);
    if (!status) status = build_step(&m, fw);
    if (!status) status = leat_metrics_declare(e->graph, config->head, err);
    if (!status) status = build_eval(&m, fw);
  }
  if (!status) status = build_predict(&m, fw);
  leat__free(fw);
  leat_vec_deinit(&m.weights);
  leat_vec_deinit(&m.tables);
  if (status) leat_estimator_deinit(e);
  return status;
}

void leat_estimator_deinit(leat_estimator *e) {
  leat_graph_free(e->graph);
  *e = (leat_estimator){0};
}
