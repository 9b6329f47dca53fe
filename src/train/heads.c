// Heads: a table of kinds, lists of metrics, predictions.
// SPDX-License-Identifier: Apache-2.0
#include "train/heads.h"

#include "leat/ops.h"
#include "train/metrics.h"

#include <stdio.h>
#include <stdlib.h>

const char *const leat_head_names[LEAT_HEAD_COUNT] = {"binary",     "multi_class", "multi_label",
                                                      "regression", "logistic",    "poisson"};

// --- Losses -------------------------------------------------------------------------------------
leat_value leat_head_losses(leat_builder *b, const leat_config *c, leat_value logits,
                            leat_value label) {
  leat_value losses;
  leat_builder_scope(b, "loss");
  switch (c->head) {
    case LEAT_HEAD_MULTI_CLASS:
      losses = leat_loss_build(b, LEAT_LOSS_SOFTMAX_IDS, logits, label, &c->loss_options);
      return leat_expand_dims(b, losses, 1);
    case LEAT_HEAD_MULTI_LABEL:
      losses = leat_loss_build(b, LEAT_LOSS_SIGMOID, logits, label, &c->loss_options);
      return leat_mean(b, losses, (int[]){1}, 1, true);
    case LEAT_HEAD_REGRESSION: return leat_loss_build(b, c->loss, logits, label, &c->loss_options);
    case LEAT_HEAD_POISSON: {
      leat_loss_options full = {.full = true};
      return leat_loss_build(b, LEAT_LOSS_LOG_POISSON, logits, label, &full);
    }
    default: return leat_loss_build(b, LEAT_LOSS_SIGMOID, logits, label, &c->loss_options);
  }
}

leat_value leat_head_weights(leat_builder *b, const leat_config *c, leat_value column,
                             leat_value label) {
  leat_value weights = column;
  if (!c->class_weights.count) return weights;
  int64_t n = (int64_t)c->class_weights.count;
  leat_tensor *t;
  leat_error err = {0};
  leat_status status = leat_tensor_new(&t, LEAT_DTYPE_F32, 1, &n, &err);
  if (status) return leat_builder_fail(b, status, "%s", err.message);
  for (int64_t i = 0; i < n; i++) ((float *)leat_tensor_data(t))[i] = (float)c->class_weights.at[i];
  leat_value table = leat_const(b, t), id = label;
  leat_tensor_unref(t);
  if (c->head == LEAT_HEAD_MULTI_CLASS)
    id = leat_expand_dims(b, id, 1);
  else
    id = leat_cast(b, id, LEAT_DTYPE_I64);
  leat_value of_class = leat_gather(b, table, id, 0, LEAT_INDEX_CLAMP);
  return weights.node ? leat_mul(b, weights, of_class) : of_class;
}

leat_value leat_head_link(leat_builder *b, const leat_config *c, leat_value logits) {
  switch (c->head) {
    case LEAT_HEAD_MULTI_CLASS: return leat_softmax(b, logits, 1);
    case LEAT_HEAD_REGRESSION: return logits;
    case LEAT_HEAD_POISSON: return leat_exp(b, logits);
    default: return leat_sigmoid(b, logits);
  }
}

// --- Metrics ------------------------------------------------------------------------------------
// What of a batch a metric reads.
typedef enum role {
  ROLE_LOSSES,
  ROLE_LOSS,
  ROLE_PENALTY,
  ROLE_LABEL,
  ROLE_PREDICTION,  // against the label
  ROLE_CLASS,       // the class claimed, against the label
  ROLE_CLASS_ID,    // the same as integers
  ROLE_SCORES,      // logits against a class id
  ROLE_BASELINE,    // nothing: made of label/mean
} role;

typedef struct entry {
  leat_metric metric;
  role role;
} entry;

// A head has at most 12 of its own, 3 for each of 12 thresholds, and all extras once.
typedef struct entries {
  entry at[LEAT_MAX_METRICS];
  int count;
} entries;

static leat_metric *add(entries *list, const leat_config *c, const char *name,
                        leat_metric_kind kind, role reads) {
  entry *e = &list->at[list->count++];
  *e = (entry){{.kind = kind, .keras = c->keras_metrics}, reads};
  snprintf(e->metric.name, sizeof e->metric.name, "%s", name);
  return &e->metric;
}

static void add_curves(entries *list, const leat_config *c) {
  leat_summation how = c->keras_metrics ? LEAT_SUMMATION_INTERPOLATION : LEAT_SUMMATION_TRAPEZOIDAL;
  add(list, c, "auc", LEAT_METRIC_AUC, ROLE_PREDICTION)->summation = how;
  leat_metric *pr = add(list, c, "auc_precision_recall", LEAT_METRIC_AUC, ROLE_PREDICTION);
  pr->summation = how;
  pr->precision_recall = true;
}

static void add_thresholds(entries *list, const leat_config *c) {
  static const struct {
    const char *name;
    leat_metric_kind kind;
  } kinds[] = {{"accuracy", LEAT_METRIC_BINARY_ACCURACY},
               {"precision", LEAT_METRIC_PRECISION},
               {"recall", LEAT_METRIC_RECALL}};
  for (size_t i = 0; i < c->thresholds.count; i++)
    for (int k = 0; k < 3; k++) {
      char name[LEAT_METRIC_NAME];
      snprintf(name, sizeof name, "%s/positive_threshold_%g", kinds[k].name, c->thresholds.at[i]);
      leat_metric *m = add(list, c, name, kinds[k].kind, ROLE_PREDICTION);
      m->threshold = c->thresholds.at[i];
      m->epsilon = c->keras_metrics || k == 0 ? 0 : 1e-7;
    }
}

#define CLASSES (1u << LEAT_HEAD_BINARY | 1u << LEAT_HEAD_MULTI_CLASS)
#define NUMBERS (1u << LEAT_HEAD_REGRESSION | 1u << LEAT_HEAD_LOGISTIC | 1u << LEAT_HEAD_POISSON)

// Metrics that eval.metrics names.
static const struct {
  const char *name;
  leat_metric metric;
  role role;
  unsigned heads;  // a bit for each head that has it
} extras[] = {
    {"mean_squared_error",
     {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_SQUARED},
     ROLE_PREDICTION,
     NUMBERS},
    {"root_mean_squared_error",
     {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_SQUARED, .root = true},
     ROLE_PREDICTION,
     NUMBERS},
    {"mean_absolute_error",
     {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_ABSOLUTE},
     ROLE_PREDICTION,
     NUMBERS},
    {"mean_absolute_percentage_error",
     {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_PERCENTAGE},
     ROLE_PREDICTION,
     NUMBERS},
    {"mean_squared_logarithmic_error",
     {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_SQUARED_LOG},
     ROLE_PREDICTION,
     NUMBERS},
    {"log_cosh", {.kind = LEAT_METRIC_LOSS, .loss = LEAT_LOSS_LOG_COSH}, ROLE_PREDICTION, NUMBERS},
    {"mean_iou", {.kind = LEAT_METRIC_MEAN_IOU}, ROLE_CLASS_ID, CLASSES},
    {"mean_per_class_accuracy",
     {.kind = LEAT_METRIC_MEAN_PER_CLASS_ACCURACY},
     ROLE_CLASS_ID,
     CLASSES},
    {"top_2_accuracy",
     {.kind = LEAT_METRIC_TOP_K, .k = 2},
     ROLE_SCORES,
     1u << LEAT_HEAD_MULTI_CLASS},
    {"top_3_accuracy",
     {.kind = LEAT_METRIC_TOP_K, .k = 3},
     ROLE_SCORES,
     1u << LEAT_HEAD_MULTI_CLASS},
    {"top_5_accuracy",
     {.kind = LEAT_METRIC_TOP_K, .k = 5},
     ROLE_SCORES,
     1u << LEAT_HEAD_MULTI_CLASS},
};
enum { EXTRAS = sizeof extras / sizeof *extras };

bool leat_head_has_metric(leat_head head, leat_str name) {
  for (int i = 0; i < EXTRAS; i++)
    if (leat_str_eq(name, leat_str_of(extras[i].name))) return extras[i].heads >> head & 1;
  return false;
}

static void add_extras(entries *list, const leat_config *c) {
  for (size_t i = 0; i < c->extra_metrics.count; i++)
    for (int k = 0; k < EXTRAS; k++) {
      if (!leat_str_eq(c->extra_metrics.at[i], leat_str_of(extras[k].name))) continue;
      leat_metric *m = add(list, c, extras[k].name, extras[k].metric.kind, extras[k].role);
      m->loss = extras[k].metric.loss;
      m->root = extras[k].metric.root;
      m->k = extras[k].metric.k;
      m->classes = c->classes;
    }
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const entry *)a)->metric.name, ((const entry *)b)->metric.name);
}

// All metrics of the head, in alphabetical order.
static void list_metrics(const leat_config *c, entries *list) {
  bool binary = c->head == LEAT_HEAD_BINARY;
  list->count = 0;
  add(list, c, "average_loss", LEAT_METRIC_MEAN, ROLE_LOSSES);
  add(list, c, "loss", LEAT_METRIC_MEAN, ROLE_LOSS);
  if (c->l1 > 0 || c->l2 > 0) add(list, c, "regularization_loss", LEAT_METRIC_MEAN, ROLE_PENALTY);
  if (binary || c->head == LEAT_HEAD_MULTI_CLASS)
    add(list, c, "accuracy", LEAT_METRIC_ACCURACY, ROLE_CLASS);
  if (c->head != LEAT_HEAD_MULTI_CLASS && c->head != LEAT_HEAD_MULTI_LABEL) {
    add(list, c, "label/mean", LEAT_METRIC_MEAN, ROLE_LABEL);
    add(list, c, "prediction/mean", LEAT_METRIC_MEAN, ROLE_PREDICTION);
  }
  if (binary) {
    add(list, c, "accuracy_baseline", LEAT_METRIC_MEAN, ROLE_BASELINE);
    add(list, c, "precision", LEAT_METRIC_PRECISION, ROLE_CLASS)->threshold = 0.5;
    add(list, c, "recall", LEAT_METRIC_RECALL, ROLE_CLASS)->threshold = 0.5;
  }
  if (binary || c->head == LEAT_HEAD_MULTI_LABEL) {
    add_curves(list, c);
    add_thresholds(list, c);
  }
  add_extras(list, c);
  qsort(list->at, (size_t)list->count, sizeof *list->at, by_name);
}

// The class with the highest logit: as the label is, f32 (batch, 1) or i64 (batch).
static leat_value claimed_class(leat_builder *b, const leat_config *c, leat_value logits) {
  if (c->head == LEAT_HEAD_MULTI_CLASS) return leat_argmax(b, logits, 1);
  return leat_cast(b, leat_gt(b, logits, leat_const_like(b, logits, 0)), LEAT_DTYPE_F32);
}

static leat_value as_ids(leat_builder *b, const leat_config *c, leat_value x) {
  if (c->head == LEAT_HEAD_MULTI_CLASS) return x;
  return leat_squeeze(b, leat_cast(b, x, LEAT_DTYPE_I64), 1);
}

void leat_head_eval(leat_builder *b, const leat_config *c, const leat_head_batch *x) {
  entries list;
  list_metrics(c, &list);
  leat_value linked = leat_head_link(b, c, x->logits), flat = x->weights;
  if (flat.node) flat = leat_squeeze(b, flat, 1);
  bool ids = c->head == LEAT_HEAD_MULTI_CLASS, classes = ids || c->head == LEAT_HEAD_BINARY;
  leat_value claimed = classes ? claimed_class(b, c, x->logits) : linked;
  for (int i = 0; i < list.count; i++) {
    leat_metric_batch batch = {.labels = x->label, .weights = x->weights};
    switch (list.at[i].role) {
      case ROLE_LOSSES: batch.predictions = x->losses; break;
      case ROLE_LOSS: batch = (leat_metric_batch){.predictions = x->loss}; break;
      case ROLE_PENALTY: batch = (leat_metric_batch){.predictions = x->penalty}; break;
      case ROLE_LABEL: batch.predictions = x->label; break;
      case ROLE_PREDICTION: batch.predictions = linked; break;
      case ROLE_CLASS:
        batch.predictions = claimed;
        if (ids) batch.weights = flat;
        break;
      case ROLE_CLASS_ID:
        batch.predictions = as_ids(b, c, claimed);
        batch.labels = as_ids(b, c, x->label);
        batch.weights = flat;
        break;
      case ROLE_SCORES:
        batch.predictions = x->logits;
        batch.weights = flat;
        break;
      case ROLE_BASELINE: continue;
    }
    leat_metric_add(b, &list.at[i].metric, &batch);
  }
}

// The accuracy of always claiming the more frequent class.
static leat_value baseline(leat_builder *b, const leat_config *c) {
  entries one = {.count = 0};
  leat_value mean = leat_metric_result(b, add(&one, c, "label/mean", LEAT_METRIC_MEAN, ROLE_LABEL));
  return leat_max(b, mean, leat_sub(b, leat_const_f64(b, 1), mean));
}

leat_status leat_head_results(leat_graph *graph, const leat_config *c, leat_func **out,
                              leat_error *err) {
  entries list;
  leat_builder *b = leat_builder_new(graph, "eval_result");
  if (!b) return leat__oom(err, 1);
  list_metrics(c, &list);
  for (int i = 0; i < list.count; i++) {
    const leat_metric *m = &list.at[i].metric;
    leat_output(b, m->name,
                list.at[i].role == ROLE_BASELINE ? baseline(b, c) : leat_metric_result(b, m));
  }
  return leat_builder_finish(b, out, err);
}

// --- Predictions --------------------------------------------------------------------------------
// class_ids and classes of an id vector (batch).
static void put_classes(leat_builder *b, const leat_config *c, leat_value id) {
  leat_value ids = leat_expand_dims(b, id, 1), names;
  leat_output(b, "class_ids", ids);
  if (!c->label_vocabulary.count) {
    leat_output(b, "classes", leat_host_call(b, "as_string", &ids, 1, NULL, 0));
    return;
  }
  names = leat_const_strings(b, c->label_vocabulary.at, (int64_t)c->label_vocabulary.count);
  leat_output(b, "classes", leat_gather(b, names, ids, 0, LEAT_INDEX_CLAMP));
}

void leat_head_predict(leat_builder *b, const leat_config *c, leat_value logits) {
  leat_builder_scope(b, "predictions");
  leat_value linked = leat_head_link(b, c, logits);
  switch (c->head) {
    case LEAT_HEAD_BINARY: {
      leat_value both[] = {leat_sigmoid(b, leat_neg(b, logits)), linked};
      put_classes(b, c, as_ids(b, c, claimed_class(b, c, logits)));
      leat_output(b, "logistic", linked);
      leat_output(b, "logits", logits);
      leat_output(b, "probabilities", leat_concat(b, both, 2, 1));
      return;
    }
    case LEAT_HEAD_MULTI_CLASS:
      put_classes(b, c, claimed_class(b, c, logits));
      leat_output(b, "logits", logits);
      leat_output(b, "probabilities", linked);
      return;
    case LEAT_HEAD_MULTI_LABEL:
      leat_output(b, "logits", logits);
      leat_output(b, "probabilities", linked);
      return;
    default: break;
  }
  if (c->head != LEAT_HEAD_REGRESSION) leat_output(b, "logits", logits);
  leat_output(b, "predictions", linked);
}
