// Evaluation metrics: tables of accumulators, and what is made of them at the end.
// SPDX-License-Identifier: Apache-2.0
#include "train/metrics.h"

#include "leat/ops.h"

#include <stdio.h>

enum { THRESHOLDS = 200 };

static const struct {
  const char *name;
  leat_dtype dtype;
  bool bins, binary_only;
} accumulators[] = {
    {"metrics/rows", LEAT_DTYPE_I64, false, false},
    {"metrics/batches", LEAT_DTYPE_I64, false, false},
    {"metrics/loss", LEAT_DTYPE_F64, false, false},
    {"metrics/batch_loss", LEAT_DTYPE_F64, false, false},
    {"metrics/label", LEAT_DTYPE_F64, false, false},
    {"metrics/prediction", LEAT_DTYPE_F64, false, false},
    {"metrics/correct", LEAT_DTYPE_I64, false, false},
    {"metrics/true_positives", LEAT_DTYPE_I64, false, true},
    {"metrics/positives", LEAT_DTYPE_I64, false, true},
    {"metrics/claimed", LEAT_DTYPE_I64, false, true},
    {"metrics/positive_bins", LEAT_DTYPE_I64, true, true},
    {"metrics/negative_bins", LEAT_DTYPE_I64, true, true},
};
enum { ACCUMULATORS = sizeof accumulators / sizeof *accumulators };

static leat_type type_of(int i) {
  return (leat_type){accumulators[i].dtype,
                     accumulators[i].bins ? LEAT_SHAPE(THRESHOLDS + 1) : LEAT_SCALAR};
}

leat_status leat_metrics_declare(leat_graph *graph, leat_head head, leat_error *err) {
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < ACCUMULATORS; i++) {
    leat_var *var;
    if (!accumulators[i].binary_only || head == LEAT_HEAD_BINARY)
      status = leat_graph_var(graph, accumulators[i].name, type_of(i), false, &var, err);
  }
  return status;
}

static leat_var *find(leat_graph *graph, const char *name) {
  char full[64];
  snprintf(full, sizeof full, "metrics/%s", name);
  return leat_graph_find_var(graph, leat_str_of(full));
}

static void accumulate(leat_builder *b, leat_graph *graph, const char *name, leat_value amount) {
  leat_var *var = find(graph, name);
  leat_var_next(b, var, leat_add(b, leat_var_read(b, var), amount));
}

static leat_value count_of(leat_builder *b, leat_value mask) {
  return leat_reduce_sum(b, leat_cast(b, mask, LEAT_DTYPE_I64), NULL, 0, false);
}

static leat_value sum_of(leat_builder *b, leat_value x) {
  return leat_reduce_sum(b, leat_cast(b, x, LEAT_DTYPE_F64), NULL, 0, false);
}

// How many thresholds lie below each prediction: -1e-7, 1/199, ..., 198/199, 1 + 1e-7.
static leat_value bin_of(leat_builder *b, leat_value prediction) {
  int64_t n = THRESHOLDS;
  float at[THRESHOLDS];
  at[0] = -1e-7f;
  for (int i = 1; i < THRESHOLDS - 1; i++) at[i] = (float)(i / (THRESHOLDS - 1.0));
  at[THRESHOLDS - 1] = 1 + 1e-7f;
  leat_tensor *t;
  leat_error err;
  leat_status status = leat_tensor_copy_of(&t, LEAT_DTYPE_F32, 1, &n, at, &err);
  if (status) return leat_builder_fail(b, status, "%s", err.message);
  leat_value limits = leat_const(b, t);
  leat_tensor_unref(t);
  leat_value above = leat_gt(b, prediction, limits);  // (batch, 1) against (200)
  return leat_reduce_sum(b, leat_cast(b, above, LEAT_DTYPE_I64), (int[]){1}, 1, false);
}

static void add_binary(leat_builder *b, leat_graph *graph, leat_value logits, leat_value label) {
  leat_value p = leat_sigmoid(b, logits), zero = leat_const_like(b, logits, 0);
  leat_value claimed = leat_gt(b, logits, zero),
             positive = leat_gt(b, label, leat_const_like(b, label, 0.5));
  accumulate(b, graph, "correct", count_of(b, leat_eq(b, claimed, positive)));
  accumulate(b, graph, "true_positives", count_of(b, leat_and(b, claimed, positive)));
  accumulate(b, graph, "positives", count_of(b, positive));
  accumulate(b, graph, "claimed", count_of(b, claimed));
  accumulate(b, graph, "label", sum_of(b, label));
  accumulate(b, graph, "prediction", sum_of(b, p));
  leat_value bin = bin_of(b, p), one = leat_cast(b, leat_squeeze(b, positive, 1), LEAT_DTYPE_I64);
  leat_value other = leat_sub(b, leat_const_i64(b, 1), one);
  leat_var *vars[] = {find(graph, "positive_bins"), find(graph, "negative_bins")};
  leat_var_next(
      b, vars[0],
      leat_scatter(b, leat_var_read(b, vars[0]), bin, one, 0, LEAT_SCATTER_ADD, LEAT_INDEX_ERROR));
  leat_var_next(b, vars[1],
                leat_scatter(b, leat_var_read(b, vars[1]), bin, other, 0, LEAT_SCATTER_ADD,
                             LEAT_INDEX_ERROR));
}

void leat_metrics_add(leat_builder *b, leat_graph *graph, leat_head head, leat_value logits,
                      leat_value label, leat_value losses, leat_value total) {
  if (!leat_builder_ok(b)) return;
  accumulate(b, graph, "rows", leat_dim_of(b, losses, 0));
  accumulate(b, graph, "batches", leat_const_i64(b, 1));
  accumulate(b, graph, "loss", sum_of(b, losses));
  accumulate(b, graph, "batch_loss", leat_cast(b, total, LEAT_DTYPE_F64));
  if (head == LEAT_HEAD_BINARY)
    add_binary(b, graph, logits, label);
  else if (head == LEAT_HEAD_MULTI_CLASS)
    accumulate(b, graph, "correct", count_of(b, leat_eq(b, leat_argmax(b, logits, 1), label)));
  else {
    accumulate(b, graph, "label", sum_of(b, label));
    accumulate(b, graph, "prediction", sum_of(b, logits));
  }
}

leat_status leat_metrics_reset(leat_graph *graph, leat_func **out, leat_error *err) {
  leat_builder *b = leat_builder_new(graph, "eval_reset");
  for (int i = 0; b && i < ACCUMULATORS; i++) {
    leat_var *var = leat_graph_find_var(graph, leat_str_of(accumulators[i].name));
    if (var) leat_var_next(b, var, leat_full(b, accumulators[i].dtype, type_of(i).shape, 0));
  }
  return leat_builder_finish(b, out, err);
}

// --- Results ------------------------------------------------------------------------------------
static leat_value read_f64(leat_builder *b, leat_graph *graph, const char *name) {
  return leat_cast(b, leat_var_read(b, find(graph, name)), LEAT_DTYPE_F64);
}

// a / b, 0 where b is 0.
static leat_value ratio(leat_builder *b, leat_value x, leat_value y) {
  leat_value zero = leat_const_f64(b, 0), empty = leat_eq(b, y, zero);
  return leat_select(b, empty, zero,
                     leat_div(b, x, leat_select(b, empty, leat_const_f64(b, 1), y)));
}

// Counts above each threshold, from the bins: the sum of all higher bins.
static leat_value above(leat_builder *b, leat_value bins) {
  leat_value sums = leat_cumulate(b, bins, 0, LEAT_SUM, true, true);
  return leat_cast(b, leat_slice_axis(b, sums, 0, 0, THRESHOLDS), LEAT_DTYPE_F64);
}

// Trapezoids under y over x, both (200) with x falling.
static leat_value area(leat_builder *b, leat_value x, leat_value y) {
  leat_value x0 = leat_slice_axis(b, x, 0, 0, THRESHOLDS - 1),
             x1 = leat_slice_axis(b, x, 0, 1, THRESHOLDS);
  leat_value y0 = leat_slice_axis(b, y, 0, 0, THRESHOLDS - 1),
             y1 = leat_slice_axis(b, y, 0, 1, THRESHOLDS);
  leat_value parts = leat_mul(b, leat_sub(b, x0, x1), leat_mul_scalar(b, leat_add(b, y0, y1), 0.5));
  return leat_reduce_sum(b, parts, NULL, 0, false);
}

static void binary_results(leat_builder *b, leat_graph *graph, leat_value rows) {
  leat_value mean = ratio(b, read_f64(b, graph, "label"), rows);
  leat_value tp = above(b, leat_var_read(b, find(graph, "positive_bins")));
  leat_value fp = above(b, leat_var_read(b, find(graph, "negative_bins")));
  leat_value positives = read_f64(b, graph, "positives"), negatives = leat_sub(b, rows, positives);
  const double epsilon = 1e-6;  // as tf.metrics.auc
  leat_value tp_plus = leat_add_scalar(b, tp, epsilon),
             fn_tp = leat_add_scalar(b, positives, epsilon);
  leat_value recall = leat_div(b, tp_plus, fn_tp);
  leat_value fall_out = leat_div(b, fp, leat_add_scalar(b, negatives, epsilon));
  leat_value precision = leat_div(b, tp_plus, leat_add_scalar(b, leat_add(b, tp, fp), epsilon));
  leat_output(b, "accuracy", ratio(b, read_f64(b, graph, "correct"), rows));
  leat_output(b, "accuracy_baseline", leat_max(b, mean, leat_sub(b, leat_const_f64(b, 1), mean)));
  leat_output(b, "auc", area(b, fall_out, recall));
  leat_output(b, "auc_precision_recall", area(b, recall, precision));
}

leat_status leat_metrics_result(leat_graph *graph, leat_head head, leat_func **out,
                                leat_error *err) {
  leat_builder *b = leat_builder_new(graph, "eval_result");
  if (!b) return leat__oom(err, 1);
  leat_value rows = read_f64(b, graph, "rows");
  if (head == LEAT_HEAD_BINARY) binary_results(b, graph, rows);
  if (head == LEAT_HEAD_MULTI_CLASS)
    leat_output(b, "accuracy", ratio(b, read_f64(b, graph, "correct"), rows));
  leat_output(b, "average_loss", ratio(b, read_f64(b, graph, "loss"), rows));
  if (head != LEAT_HEAD_MULTI_CLASS)
    leat_output(b, "label/mean", ratio(b, read_f64(b, graph, "label"), rows));
  leat_output(b, "loss", ratio(b, read_f64(b, graph, "batch_loss"), read_f64(b, graph, "batches")));
  if (head == LEAT_HEAD_BINARY)
    leat_output(b, "precision",
                ratio(b, read_f64(b, graph, "true_positives"), read_f64(b, graph, "claimed")));
  if (head != LEAT_HEAD_MULTI_CLASS)
    leat_output(b, "prediction/mean", ratio(b, read_f64(b, graph, "prediction"), rows));
  if (head == LEAT_HEAD_BINARY)
    leat_output(b, "recall",
                ratio(b, read_f64(b, graph, "true_positives"), read_f64(b, graph, "positives")));
  return leat_builder_finish(b, out, err);
}
