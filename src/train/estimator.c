// Canned estimators: variables, forward pass, loss, update and predictions as functions of a graph.
// SPDX-License-Identifier: Apache-2.0
#include "train/estimator.h"

#include "leat/ops.h"
#include "train/losses.h"
#include "train/metrics.h"
#include "train/optimizer.h"

#include <math.h>
#include <stdio.h>

typedef enum init_kind { INIT_ZERO, INIT_GLOROT, INIT_NORMAL } init_kind;

typedef struct weight {
  leat_var *var;
  init_kind init;
  double scale;  // glorot: the limit; normal: the deviation
} weight;

typedef struct model {
  leat_estimator *e;
  const leat_config *c;
  leat_graph *graph;
  leat_dim batch;
  int64_t outputs;           // columns of the logits
  LEAT_VEC(weight) weights;  // in order of making
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
  weight w = {.init = init};
  if (init == INIT_GLOROT) w.scale = sqrt(6.0 / (double)(rows + cols));
  if (init == INIT_NORMAL) w.scale = 1 / sqrt((double)cols);
  leat_status status = leat_graph_var(m->graph, name, type, true, &w.var, m->err);
  if (!status && !leat_vec_push(&m->weights, w)) status = leat__oom(m->err, sizeof w);
  return status;
}

static leat_status dnn_weights(model *m) {
  int64_t width = 0;
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < m->c->features.count; i++) {
    const leat_feature *f = &m->c->features.at[i];
    width += f->kind == LEAT_FEATURE_NUMERIC ? 1
             : f->embedding                  ? f->embedding
                                             : leat_feature_ids(f);
    if (!f->embedding) continue;
    leat_buf column = {0};
    leat_feature_column_name(f, &column);
    status = add_weight(m, INIT_NORMAL, leat_feature_ids(f), f->embedding,
                        "dnn/input_from_feature_columns/input_layer/%s/embedding_weights",
                        column.ptr ? column.ptr : "");
    leat_buf_deinit(&column);
  }
  for (size_t i = 0; !status && i < m->c->hidden_units.count; i++) {
    int64_t units = m->c->hidden_units.at[i];
    status = add_weight(m, INIT_GLOROT, width, units, "dnn/hiddenlayer_%zu/kernel", i);
    if (!status) status = add_weight(m, INIT_ZERO, 0, units, "dnn/hiddenlayer_%zu/bias", i);
    width = units;
  }
  if (!status) status = add_weight(m, INIT_GLOROT, width, m->outputs, "dnn/logits/kernel");
  return status ? status : add_weight(m, INIT_ZERO, 0, m->outputs, "dnn/logits/bias");
}

static leat_status linear_weights(model *m) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < m->c->features.count; i++) {
    const leat_feature *f = &m->c->features.at[i];
    int64_t rows = f->kind == LEAT_FEATURE_NUMERIC ? 1 : leat_feature_ids(f);
    const char *suffix = f->kind == LEAT_FEATURE_BUCKETS ? "_bucketized" : "";
    status =
        add_weight(m, INIT_ZERO, rows, m->outputs, "linear/linear_model/" LEAT_STR_FMT "%s/weights",
                   LEAT_STR_ARG(f->name), suffix);
  }
  return status ? status
                : add_weight(m, INIT_ZERO, 0, m->outputs, "linear/linear_model/bias_weights");
}

// --- Forward ------------------------------------------------------------------------------------
typedef struct forward {
  leat_value raw[512];     // by feature
  leat_value reads[1024];  // by weight: its read
  size_t next;             // weights are read in the order of making
} forward;

static leat_value next_weight(leat_builder *b, model *m, forward *fw) {
  size_t at = fw->next++;
  return fw->reads[at] = leat_var_read(b, m->weights.at[at].var);
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

static leat_value dnn_logits(leat_builder *b, model *m, forward *fw) {
  leat_value pieces[512];
  int count = 0;
  leat_builder_scope(b, "dnn/input_from_feature_columns/input_layer");
  for (size_t i = 0; i < m->c->features.count; i++) {
    const leat_feature *f = &m->c->features.at[i];
    if (f->kind == LEAT_FEATURE_NUMERIC)
      pieces[count++] = leat_feature_number(b, f, fw->raw[i]);
    else {
      leat_value id = leat_feature_id(b, f, fw->raw[i]);
      if (f->embedding)
        pieces[count++] = leat_gather(b, next_weight(b, m, fw), id, 0, LEAT_INDEX_ZERO);
      else
        pieces[count++] = leat_one_hot(b, id, leat_feature_ids(f), LEAT_DTYPE_F32);
    }
  }
  leat_value x = leat_concat(b, pieces, count, 1);
  for (size_t i = 0; i < m->c->hidden_units.count; i++) {
    char scope[64];
    snprintf(scope, sizeof scope, "dnn/hiddenlayer_%zu", i);
    leat_builder_scope(b, scope);
    x = activate(b, m->c->activation, dense(b, m, fw, x));
  }
  leat_builder_scope(b, "dnn/logits");
  return dense(b, m, fw, x);
}

static leat_value linear_logits(leat_builder *b, model *m, forward *fw) {
  leat_value sum = {0};
  leat_builder_scope(b, "linear/linear_model");
  for (size_t i = 0; i < m->c->features.count; i++) {
    const leat_feature *f = &m->c->features.at[i];
    leat_value w = next_weight(b, m, fw), term;
    if (f->kind == LEAT_FEATURE_NUMERIC)
      term = leat_matmul(b, leat_feature_number(b, f, fw->raw[i]), w);
    else
      term = leat_gather(b, w, leat_feature_id(b, f, fw->raw[i]), 0, LEAT_INDEX_ZERO);
    sum = sum.node ? leat_add(b, sum, term) : term;
  }
  return leat_add(b, sum, next_weight(b, m, fw));
}

// Inputs for the features, then logits (batch, outputs).
static leat_value logits_of(leat_builder *b, model *m, forward *fw) {
  fw->next = 0;
  for (size_t i = 0; i < m->c->features.count; i++)
    fw->raw[i] = leat_feature_input(b, &m->c->features.at[i], m->batch);
  leat_value logits = m->c->linear ? linear_logits(b, m, fw) : dnn_logits(b, m, fw);
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
  if (m->c->head == LEAT_HEAD_MULTI_CLASS) return leat_loss_softmax_ids(b, logits, label);
  leat_value loss = m->c->head == LEAT_HEAD_REGRESSION ? leat_loss_squared(b, logits, label)
                                                       : leat_loss_sigmoid(b, logits, label);
  return leat_squeeze(b, loss, 1);
}

static leat_value total_loss(leat_builder *b, model *m, leat_value losses) {
  if (m->c->mean_loss) return leat_mean(b, losses, NULL, 0, false);
  return leat_reduce_sum(b, losses, NULL, 0, false);
}

// --- Updates ------------------------------------------------------------------------------------
static leat_var *slot_var(model *m, const leat_var *var, const char *suffix) {
  char name[640];
  snprintf(name, sizeof name, "%s/%s", leat_var_name(var), suffix);
  return leat_graph_find_var(m->graph, leat_str_of(name));
}

static leat_status add_slots(model *m) {
  leat_slots slots = leat_optimizer_slots(&m->c->optimizer);
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < m->weights.count; i++)
    for (int s = 0; !status && s < slots.count; s++) {
      char name[640];
      leat_var *var, *of = m->weights.at[i].var;
      snprintf(name, sizeof name, "%s/%s", leat_var_name(of), slots.suffix[s]);
      status = leat_graph_var(m->graph, name, leat_var_type(of), false, &var, m->err);
    }
  leat_var *step;
  if (!status)
    status = leat_graph_var(m->graph, "global_step", (leat_type){LEAT_DTYPE_I64, LEAT_SCALAR},
                            false, &step, m->err);
  return status;
}

// The update of some rows of a table: (rows of x and its slots, gradient rows) -> new rows.
static leat_func *row_function(leat_builder *outer, model *m, const leat_var *var) {
  leat_builder *b = leat_builder_new(m->graph, NULL);
  leat_slots slots = leat_optimizer_slots(&m->c->optimizer);
  leat_value values[1 + LEAT_MAX_SLOTS];
  leat_type type = leat_var_type(var);
  char name[16];
  type.shape.dims[0] = leat_dim_symbol(m->graph, "rows", 0);
  for (int i = 0; b && i <= slots.count; i++) {
    snprintf(name, sizeof name, "v%d", i);
    values[i] = leat_input(b, name, type);
  }
  if (b) {
    leat_value grad = leat_input(b, "grad", type);
    leat_optimizer_apply(b, &m->c->optimizer, grad, (leat_value){0}, values);
  }
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

// Adam's rate at this step: rate sqrt(1 - beta2^t) / (1 - beta1^t).
static leat_value adam_rate(leat_builder *b, const leat_optimizer *o, leat_value step) {
  leat_value t = leat_cast(b, leat_add(b, step, leat_const_i64(b, 1)), LEAT_DTYPE_F64),
             one = leat_const_f64(b, 1);
  leat_value b1 = leat_sub(b, one, leat_pow(b, leat_const_f64(b, o->beta1), t));
  leat_value b2 = leat_sub(b, one, leat_pow(b, leat_const_f64(b, o->beta2), t));
  leat_value rate = leat_div(b, leat_mul_scalar(b, leat_sqrt(b, b2), o->learning_rate), b1);
  return leat_cast(b, rate, LEAT_DTYPE_F32);
}

static void update(leat_builder *b, model *m, const leat_var *var, leat_value read,
                   const leat_gradient *grad, leat_value rate) {
  leat_slots slots = leat_optimizer_slots(&m->c->optimizer);
  leat_var *vars[1 + LEAT_MAX_SLOTS] = {(leat_var *)(uintptr_t)var};
  for (int s = 0; s < slots.count; s++) vars[s + 1] = slot_var(m, var, slots.suffix[s]);
  leat_builder_scope(b, leat_var_name(var));
  if (grad->ids.node) {
    leat_func *rows = row_function(b, m, var);
    if (rows) leat_row_update(b, vars, 1 + slots.count, grad->ids, grad->rows, NULL, 0, rows);
    return;
  }
  if (!grad->dense.node) return;  // the loss does not depend on it
  leat_value values[1 + LEAT_MAX_SLOTS] = {read};
  for (int s = 0; s < slots.count; s++) values[s + 1] = leat_var_read(b, vars[s + 1]);
  leat_optimizer_apply(b, &m->c->optimizer, grad->dense, rate, values);
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
  return leat_full(b, LEAT_DTYPE_F32, type.shape, 0);
}

static leat_status build_init(model *m) {
  leat_builder *b = leat_builder_new(m->graph, "init");
  if (!b) return leat__oom(m->err, 1);
  leat_random_key key = {.seed = leat_input(b, "seed", (leat_type){LEAT_DTYPE_U64, LEAT_SCALAR})};
  leat_slots slots = leat_optimizer_slots(&m->c->optimizer);
  for (size_t i = 0; i < m->weights.count; i++) {
    const weight *w = &m->weights.at[i];
    leat_var_next(b, w->var, initial(b, w, &key));
    for (int s = 0; s < slots.count; s++)
      leat_var_next(b, slot_var(m, w->var, slots.suffix[s]),
                    leat_full(b, LEAT_DTYPE_F32, leat_var_type(w->var).shape, slots.initial[s]));
  }
  leat_var_next(b, leat_graph_find_var(m->graph, LEAT_STR("global_step")), leat_const_i64(b, 0));
  return finish(m, b, &m->e->init);
}

static leat_status build_step(model *m, forward *fw) {
  leat_builder *b = leat_builder_new(m->graph, "train_step");
  if (!b) return leat__oom(m->err, 1);
  leat_value logits = logits_of(b, m, fw), label = label_of(b, m);
  leat_value loss = total_loss(b, m, example_losses(b, m, logits, label));
  leat_value off = leat_sub(b, loss, loss);  // 0, or NaN for a NaN or infinite loss
  leat_assert(b, leat_eq(b, off, leat_const_like(b, off, 0)), LEAT_LOSS_NOT_FINITE);
  leat_gradient *grads = leat__calloc(m->weights.count + 1, sizeof *grads);
  if (!grads)
    leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
  else
    leat_gradients(b, &loss, NULL, 1, fw->reads, (int)m->weights.count,
                   leat_optimizer_is_sparse(&m->c->optimizer), grads);
  leat_var *counter = leat_graph_find_var(m->graph, LEAT_STR("global_step"));
  leat_value step = leat_var_read(b, counter), rate = {0};
  if (m->c->optimizer.kind == LEAT_ADAM) rate = adam_rate(b, &m->c->optimizer, step);
  for (size_t i = 0; grads && i < m->weights.count; i++)
    update(b, m, m->weights.at[i].var, fw->reads[i], &grads[i], rate);
  leat__free(grads);
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
  leat_value losses = example_losses(b, m, logits, label);
  leat_builder_scope(b, "metrics");
  leat_metrics_add(b, m->graph, m->c->head, logits, label, losses, total_loss(b, m, losses));
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
  if (config->features.count > 512 || config->hidden_units.count > 200)
    return leat_error_set(err, LEAT_UNIMPLEMENTED, "at most 512 features and 200 hidden layers");
  leat_status status = leat_graph_new(&e->graph, err);
  if (status) return status;
  forward *fw = leat__calloc(1, sizeof *fw);
  model m = {.e = e, .c = config, .graph = e->graph, .err = err};
  m.batch = leat_dim_symbol(e->graph, "batch", 0);
  m.outputs = config->head == LEAT_HEAD_MULTI_CLASS ? (int64_t)config->label_vocabulary.count : 1;
  if (!fw) status = leat__oom(err, sizeof *fw);
  if (!status) status = config->linear ? linear_weights(&m) : dnn_weights(&m);
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
  if (status) leat_estimator_deinit(e);
  return status;
}

void leat_estimator_deinit(leat_estimator *e) {
  leat_graph_free(e->graph);
  *e = (leat_estimator){0};
}
