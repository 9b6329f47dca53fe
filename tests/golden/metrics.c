// Golden metrics: accumulated over batches; those of tf.estimator's heads, of tf.metrics and Keras.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "train/heads.h"
#include "train/metrics.h"

enum { ARGS = 3, THRESHOLDS = 8 };
static const char *const arg_names[ARGS][2] = {
    {"predictions", "logits"}, {"labels", "labels"}, {"weights", "weights"}};

// A case as functions of a graph: a batch's arguments in, the results out.
typedef struct metric_run {
  scene *s;
  leat_tensor *args[ARGS];
  leat_value inputs[ARGS];
  leat_func *eval, *reset, *result;
  leat_exec *runs[3];
  leat_state *state;
} metric_run;

static leat_tensor *argument(scene *s, int i) {
  const node *inputs = get(s->c, "inputs");
  if (i == 0 && get(inputs, "values")) return input_tensor(s, "values");
  for (int k = 0; k < 2; k++)
    if (get(inputs, arg_names[i][k])) return input_tensor(s, arg_names[i][k]);
  return NULL;
}

static void add_inputs(metric_run *r, leat_builder *b) {
  for (int i = 0; i < ARGS; i++) {
    leat_tensor *t = r->args[i] = argument(r->s, i);
    if (!t) continue;
    leat_type type = {leat_tensor_dtype(t), {.rank = leat_tensor_rank(t) - 1}};
    for (int k = 0; k < type.shape.rank; k++) type.shape.dims[k] = leat_tensor_dims(t)[k + 1];
    r->inputs[i] = leat_input(b, arg_names[i][0], type);
  }
}

static leat_value as(leat_builder *b, leat_value x, leat_dtype dtype) {
  return leat_value_type(x).dtype == dtype ? x : leat_cast(b, x, dtype);
}

static leat_status start(metric_run *r) {
  leat_func *funcs[] = {r->reset, r->eval, r->result};
  leat_status status = leat_state_new(&r->state, r->s->g, &err);
  for (int i = 0; !status && i < 3; i++) status = leat_exec_new(&r->runs[i], funcs[i], NULL, &err);
  return status ? status : leat_exec_run(r->runs[0], r->state, NULL, 0, NULL, &err);
}

static leat_status run_batches(metric_run *r) {
  int64_t batches = leat_tensor_dims(r->args[0])[0];
  leat_status status = LEAT_OK;
  for (int64_t t = 0; !status && t < batches; t++) {
    leat_tensor *in[ARGS] = {NULL};
    int count = 0;
    for (int i = 0; !status && i < ARGS; i++) {
      const leat_tensor *all = r->args[i];
      if (!all) continue;
      int64_t bytes =
          leat_tensor_count(all) / batches * (int64_t)leat_dtype_bits(leat_tensor_dtype(all)) / 8;
      status = leat_tensor_copy_of(&in[count++], leat_tensor_dtype(all), leat_tensor_rank(all) - 1,
                                   leat_tensor_dims(all) + 1,
                                   (const char *)leat_tensor_data(all) + t * bytes, &err);
    }
    if (!status) status = leat_exec_run(r->runs[1], r->state, in, count, NULL, &err);
    for (int i = 0; i < count; i++) leat_tensor_unref(in[i]);
  }
  return status;
}

static bool near(scene *s, const char *name, double got, double want) {
  double rtol = number(s->c, "rtol", 2e-5);
  if (fabs(got - want) <= 2e-6 + rtol * fabs(want)) return true;
  snprintf(s->problem, sizeof s->problem, "%s = %.9g, expected %.9g", name, got, want);
  return false;
}

// Every expected number is among the results: by name, or in order where it is a list.
static bool results_match(metric_run *r) {
  leat_tensor *out[LEAT_MAX_METRICS] = {NULL};
  leat_status status = leat_exec_run(r->runs[2], r->state, NULL, 0, out, &err);
  bool good = !status;
  for (node *want = get(r->s->c, "expected")->child; good && want; want = want->next) {
    int at = -1, count = leat_func_output_count(r->result);
    if (want->kind == LEAT_JSON_ARRAY) {
      int i = 0;
      for (node *x = want->child; good && x; x = x->next, i++)
        good = i < count && near(r->s, "value", *(double *)leat_tensor_data(out[i]), number_of(x));
      continue;
    }
    for (int i = 0; i < count; i++)
      if (leat_str_eq(want->key, leat_str_of(leat_func_output_name(r->result, i)))) at = i;
    good = at >= 0 &&
           near(r->s, c_text(want->key), *(double *)leat_tensor_data(out[at]), number_of(want));
    if (at < 0) snprintf(r->s->problem, sizeof r->s->problem, "no result '%s'", c_text(want->key));
  }
  for (int i = 0; i < LEAT_MAX_METRICS; i++) leat_tensor_unref(out[i]);
  if (status) snprintf(r->s->problem, sizeof r->s->problem, "%s", err.message);
  return good;
}

static verdict finish_run(metric_run *r, leat_status status) {
  if (!status) status = start(r);
  if (!status) status = run_batches(r);
  if (status) snprintf(r->s->problem, sizeof r->s->problem, "%s", err.message);
  bool good = !status && results_match(r);
  for (int i = 0; i < 3; i++) leat_exec_free(r->runs[i]);
  leat_state_free(r->state);
  return good ? PASSED : FAILED;
}

// --- Heads --------------------------------------------------------------------------------------
static leat_value label_for(leat_builder *b, const leat_config *c, leat_value label) {
  if (c->head != LEAT_HEAD_MULTI_CLASS) return as(b, label, LEAT_DTYPE_F32);
  return leat_squeeze(b, as(b, label, LEAT_DTYPE_I64), 1);
}

static bool head_config(const scene *s, leat_config *c) {
  static const char *const names[LEAT_HEAD_COUNT] = {
      "binary",     "multi_class",         "multi_label",
      "regression", "logistic_regression", "poisson_regression"};
  int head = -1;
  for (int i = 0; i < LEAT_HEAD_COUNT; i++)
    if (text_is(s->params, "head", names[i])) head = i;
  if (head < 0) return false;
  *c = (leat_config){.head = (leat_head)head, .reduction = LEAT_REDUCTION_SUM};
  c->loss = LEAT_LOSS_SQUARED;
  c->classes = (int64_t)number(s->params, "n_classes", 2);
  c->keras_metrics = text_is(s->params, "version", "v2");
  if (c->keras_metrics) c->reduction = LEAT_REDUCTION_SUM_OVER_BATCH_SIZE;
  const node *list = get(s->params, "thresholds");
  for (node *t = list ? list->child : NULL; t; t = t->next)
    if (!leat_vec_push(&c->thresholds, number_of(t))) return false;
  return true;
}

static leat_status build_head(metric_run *r, const leat_config *c) {
  leat_builder *b = leat_builder_new(r->s->g, "eval");
  add_inputs(r, b);
  leat_head_batch x = {.logits = r->inputs[0], .weights = r->inputs[2]};
  x.label = label_for(b, c, r->inputs[1]);
  x.losses = leat_head_losses(b, c, x.logits, x.label);
  x.loss = leat_loss_reduce(b, x.losses, x.weights, c->reduction);
  leat_head_eval(b, c, &x);
  leat_status status = leat_builder_finish(b, &r->eval, &err);
  if (!status) status = leat_metrics_reset(r->s->g, &r->reset, &err);
  return status ? status : leat_head_results(r->s->g, c, &r->result, &err);
}

// --- Single metrics -----------------------------------------------------------------------------
// What the cases call a metric behind "keras_" or "v1_", longest first.
static const struct {
  const char *prefix;
  leat_metric metric;
} known[] = {
    {"auc_roc", {.kind = LEAT_METRIC_AUC}},
    {"auc_pr", {.kind = LEAT_METRIC_AUC, .precision_recall = true}},
    {"binary_accuracy", {.kind = LEAT_METRIC_BINARY_ACCURACY, .threshold = 0.5}},
    {"precision", {.kind = LEAT_METRIC_PRECISION, .threshold = 0.5}},
    {"precision_at_recall", {.kind = LEAT_METRIC_PRECISION_AT_RECALL}},
    {"precision_at_thresholds", {.kind = LEAT_METRIC_PRECISION, .epsilon = 1e-7}},
    {"recall", {.kind = LEAT_METRIC_RECALL, .threshold = 0.5}},
    {"sensitivity_at_specificity", {.kind = LEAT_METRIC_SENSITIVITY_AT_SPECIFICITY}},
    {"mse", {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_SQUARED}},
    {"rmse", {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_SQUARED, .root = true}},
    {"mae", {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_ABSOLUTE}},
    {"log_cosh", {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_LOG_COSH}},
    {"binary_crossentropy", {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_BINARY_CROSSENTROPY}},
    {"mean", {.kind = LEAT_METRIC_MEAN}},
    {"mean_iou", {.kind = LEAT_METRIC_MEAN_IOU}},
    {"mean_per_class_accuracy", {.kind = LEAT_METRIC_MEAN_PER_CLASS_ACCURACY}},
    {"sparse_categorical_accuracy", {.kind = LEAT_METRIC_CATEGORICAL_ACCURACY}},
    {"top", {.kind = LEAT_METRIC_TOP_K}}};
enum { KNOWN = sizeof known / sizeof *known };

static bool metric_of(const scene *s, leat_metric *m) {
  bool keras = starts(s, "keras_");
  const char *name = s->name + (keras ? 6 : starts(s, "v1_") ? 3 : 0);
  size_t best = 0;
  for (int i = 0; i < KNOWN; i++) {
    size_t length = strlen(known[i].prefix);
    if (strncmp(name, known[i].prefix, length) != 0 || length <= best) continue;
    *m = known[i].metric;
    best = length;
  }
  if (!best) return false;
  static const char *const methods[] = {"careful_interpolation", "trapezoidal", "minoring",
                                        "majoring"};
  for (int i = 0; i < 4; i++)
    if (text_is(s->params, "summation_method", methods[i])) m->summation = (leat_summation)i;
  m->keras = keras;
  m->thresholds = (int)number(s->params, "num_thresholds", 0);
  m->target = number(s->params, "specificity", number(s->params, "recall", 0));
  m->k = (int64_t)number(s->params, "k", 0);
  m->classes = (int64_t)number(s->params, "num_classes", 0);
  snprintf(m->name, sizeof m->name, "value");
  return true;
}

// One metric, or one for each threshold of a list.
static int metrics_of(const scene *s, leat_metric out[THRESHOLDS]) {
  const node *list = get(s->params, "thresholds");
  int count = 0;
  if (!metric_of(s, &out[0])) return 0;
  if (!list) return 1;
  for (node *t = list->child; t && count < THRESHOLDS; t = t->next, count++) {
    out[count] = out[0];
    out[count].threshold = number_of(t);
    snprintf(out[count].name, sizeof out->name, "value_%d", count);
  }
  return count;
}

static leat_status build_metrics(metric_run *r, const leat_metric *list, int count) {
  leat_builder *b = leat_builder_new(r->s->g, "eval");
  add_inputs(r, b);
  for (int i = 0; i < count; i++) {
    leat_metric_batch batch = {r->inputs[0], r->inputs[1], r->inputs[2]};
    leat_metric_add(b, &list[i], &batch);
  }
  leat_status status = leat_builder_finish(b, &r->eval, &err);
  if (!status) status = leat_metrics_reset(r->s->g, &r->reset, &err);
  b = status ? NULL : leat_builder_new(r->s->g, "result");
  for (int i = 0; b && i < count; i++)
    leat_output(b, list[i].name, leat_metric_result(b, &list[i]));
  return b ? leat_builder_finish(b, &r->result, &err) : status;
}

verdict metric_case(scene *s) {
  metric_run r = {.s = s};
  leat_config c = {0};
  leat_metric list[THRESHOLDS];
  leat_builder_free(s->b);
  s->b = NULL;
  if (head_config(s, &c)) {
    verdict v = finish_run(&r, build_head(&r, &c));
    leat_vec_deinit(&c.thresholds);
    return v;
  }
  int count = metrics_of(s, list);
  return count ? finish_run(&r, build_metrics(&r, list, count)) : NOT_HERE;
}
