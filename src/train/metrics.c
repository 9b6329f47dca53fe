// Evaluation metrics: means, counts and confusion matrices.
// SPDX-License-Identifier: Apache-2.0
#include "train/metrics.h"

#include "base/mem.h"
#include "leat/ops.h"

#include <stdio.h>
#include <string.h>

// --- Variables ----------------------------------------------------------------------------------
static void var_name(const leat_metric *m, const char *part, char *out, size_t size) {
  snprintf(out, size, "metrics/%s/%s", m->name, part);
}

leat_var *leat__metric_var(leat_builder *b, const leat_metric *m, const char *part) {
  char name[LEAT_METRIC_NAME + 40];
  var_name(m, part, name, sizeof name);
  leat_var *var = leat_graph_find_var(leat_builder_graph(b), leat_str_of(name));
  if (!var) leat_builder_fail(b, LEAT_NOT_FOUND, "metric '%s' has no '%s'", m->name, part);
  return var;
}

static leat_var *declare(leat_builder *b, const leat_metric *m, const char *part, leat_type type) {
  char name[LEAT_METRIC_NAME + 40];
  leat_error err = {0};
  leat_var *var = NULL;
  if (!leat_builder_ok(b)) return NULL;
  var_name(m, part, name, sizeof name);
  leat_status status = leat_graph_var(leat_builder_graph(b), name, type, false, &var, &err);
  if (status) leat_builder_fail(b, status, "%s", err.message);
  return var;
}

static void add_to(leat_builder *b, leat_var *var, leat_value amount) {
  if (var) leat_var_next(b, var, leat_add(b, leat_var_read(b, var), amount));
}

void leat__metric_accumulate(leat_builder *b, const leat_metric *m, const char *part,
                             leat_value amount) {
  add_to(b, declare(b, m, part, leat_value_type(amount)), amount);
}

void leat__metric_scatter(leat_builder *b, const leat_metric *m, const char *part, leat_value ids,
                          leat_value amounts, int64_t n) {
  leat_dtype dtype = leat_value_type(amounts).dtype;
  leat_var *var = declare(b, m, part, (leat_type){dtype, LEAT_SHAPE(n)});
  if (!var) return;
  leat_var_next(
      b, var,
      leat_scatter(b, leat_var_read(b, var), ids, amounts, 0, LEAT_SCATTER_ADD, LEAT_INDEX_ERROR));
}

leat_value leat__metric_read(leat_builder *b, const leat_metric *m, const char *part) {
  leat_var *var = leat__metric_var(b, m, part);
  return var ? leat_cast(b, leat_var_read(b, var), LEAT_DTYPE_F64) : (leat_value){0};
}

leat_status leat_metrics_reset(leat_graph *graph, leat_func **out, leat_error *err) {
  leat_builder *b = leat_builder_new(graph, "eval_reset");
  if (!b) return leat__oom(err, 1);
  for (size_t i = 0; i < leat_graph_var_count(graph); i++) {
    leat_var *var = leat_graph_var_at(graph, i);
    leat_type type = leat_var_type(var);
    if (strncmp(leat_var_name(var), "metrics/", 8) == 0)
      leat_var_next(b, var, leat_full(b, type.dtype, type.shape, 0));
  }
  return leat_builder_finish(b, out, err);
}

// --- Arithmetic ---------------------------------------------------------------------------------
leat_value leat__metric_ratio(leat_builder *b, leat_value x, leat_value y) {
  leat_value empty = leat_eq(b, y, leat_const_like(b, y, 0));
  leat_value quotient = leat_div(b, x, leat_select(b, empty, leat_ones_like(b, y), y));
  return leat_select(b, empty, leat_zeros_like(b, quotient), quotient);
}

static leat_value stretch(leat_builder *b, leat_value x, leat_value like) {
  return leat_broadcast(b, x, leat_value_type(like).shape, NULL);
}

static leat_dim size_of(leat_builder *b, leat_value x) {
  leat_shape shape = leat_value_type(x).shape;
  leat_dim size = 1;
  for (int i = 0; i < shape.rank; i++)
    size = leat_dim_mul(leat_builder_graph(b), size, shape.dims[i]);
  return size;
}

leat_value leat__metric_flat(leat_builder *b, leat_value x, leat_value like) {
  if (!leat_builder_ok(b)) return (leat_value){0};
  return leat_reshape(b, stretch(b, x, like), LEAT_SHAPE(size_of(b, like)));
}

static leat_value sum(leat_builder *b, leat_value x, leat_dtype dtype) {
  return leat_reduce_sum(b, leat_cast(b, x, dtype), NULL, 0, false);
}

// The sum of values * weights; of a mask without weights a count.
static leat_value weighted_sum(leat_builder *b, leat_value values, leat_value weights) {
  if (!leat_builder_ok(b)) return (leat_value){0};
  bool mask = leat_value_type(values).dtype == LEAT_DTYPE_BOOL;
  if (!weights.node) return sum(b, values, mask ? LEAT_DTYPE_I64 : LEAT_DTYPE_F64);
  leat_value w = leat_cast(b, stretch(b, weights, values), LEAT_DTYPE_F64);
  return sum(b, leat_mul(b, leat_cast(b, values, LEAT_DTYPE_F64), w), LEAT_DTYPE_F64);
}

// --- Means --------------------------------------------------------------------------------------
static void add_mean(leat_builder *b, const leat_metric *m, leat_value values, leat_value weights) {
  if (!leat_builder_ok(b)) return;
  leat__metric_accumulate(b, m, "total", weighted_sum(b, values, weights));
  leat_value count = weights.node ? sum(b, stretch(b, weights, values), LEAT_DTYPE_F64)
                                  : leat_dim_value(b, size_of(b, values));
  leat__metric_accumulate(b, m, "count", count);
}

static leat_value mean_result(leat_builder *b, const leat_metric *m) {
  leat_value mean =
      leat__metric_ratio(b, leat__metric_read(b, m, "total"), leat__metric_read(b, m, "count"));
  return m->root ? leat_sqrt(b, mean) : mean;
}

static leat_value above(leat_builder *b, const leat_metric *m, leat_value predictions) {
  return leat_gt(b, predictions, leat_const_like(b, predictions, m->threshold));
}

static leat_value is_positive(leat_builder *b, leat_value labels) {
  return leat_ne(b, labels, leat_const_like(b, labels, 0));
}

// Whether fewer than k scores are higher than the label's, which must be finite.
static leat_value in_top_k(leat_builder *b, const leat_metric *m, const leat_metric_batch *x) {
  leat_value index = leat_expand_dims(b, x->labels, 1);
  leat_value score = leat_take_along_axis(b, x->predictions, index, 1);
  leat_value higher = leat_cast(b, leat_gt(b, x->predictions, score), LEAT_DTYPE_I64);
  leat_value rank = leat_reduce_sum(b, higher, (int[]){1}, 1, false),
             one = leat_squeeze(b, score, 1);
  leat_value off = leat_sub(b, one, one);
  leat_value finite = leat_eq(b, off, leat_const_like(b, off, 0));
  return leat_and(b, finite, leat_lt(b, rank, leat_const_i64(b, m->k)));
}

static leat_value values_of(leat_builder *b, const leat_metric *m, const leat_metric_batch *x) {
  switch (m->kind) {
    case LEAT_METRIC_LOSS: return leat_loss_build(b, m->loss, x->predictions, x->labels, NULL);
    case LEAT_METRIC_ACCURACY: return leat_eq(b, x->predictions, x->labels);
    case LEAT_METRIC_BINARY_ACCURACY: {
      leat_value claimed = above(b, m, x->predictions);
      return leat_eq(b, leat_cast(b, claimed, LEAT_DTYPE_F32), x->labels);
    }
    case LEAT_METRIC_CATEGORICAL_ACCURACY:
      return leat_eq(b, leat_argmax(b, x->predictions, 1), x->labels);
    case LEAT_METRIC_TOP_K: return in_top_k(b, m, x);
    default: return x->predictions;
  }
}

// --- Precision and recall -----------------------------------------------------------------------
static void add_hits(leat_builder *b, const leat_metric *m, const leat_metric_batch *x) {
  leat_value claimed = above(b, m, x->predictions), positive = is_positive(b, x->labels);
  leat_value of = m->kind == LEAT_METRIC_PRECISION ? claimed : positive;
  leat__metric_accumulate(b, m, "true_positives",
                          weighted_sum(b, leat_and(b, claimed, positive), x->weights));
  leat__metric_accumulate(b, m, "of", weighted_sum(b, of, x->weights));
}

static leat_value hits_result(leat_builder *b, const leat_metric *m) {
  leat_value of = leat__metric_read(b, m, "of");
  if (m->epsilon > 0) of = leat_add_scalar(b, of, m->epsilon);
  return leat__metric_ratio(b, leat__metric_read(b, m, "true_positives"), of);
}

// --- Classes ------------------------------------------------------------------------------------
static void add_confusion(leat_builder *b, const leat_metric *m, const leat_metric_batch *x) {
  leat_value row = leat_mul(b, x->labels, leat_const_i64(b, m->classes));
  leat_value at = leat_add(b, row, x->predictions);
  at = leat__metric_flat(b, at, at);
  leat_value ones = leat_cast(b, leat_ones_like(b, at), LEAT_DTYPE_I64);
  leat_value w = x->weights.node
                     ? leat_cast(b, leat__metric_flat(b, x->weights, x->labels), LEAT_DTYPE_F64)
                     : ones;
  leat__metric_scatter(b, m, "confusion", at, w, m->classes * m->classes);
}

// Rows are labels, columns predictions.
static leat_value confusion_result(leat_builder *b, const leat_metric *m) {
  leat_shape square = LEAT_SHAPE(m->classes, m->classes);
  leat_value matrix = leat_reshape(b, leat__metric_read(b, m, "confusion"), square);
  leat_value ids = leat_iota(b, LEAT_DTYPE_I64, LEAT_SHAPE(m->classes), 0);
  leat_value diagonal = leat_eq(b, leat_expand_dims(b, ids, 1), ids);
  leat_value hit = leat_select(b, diagonal, matrix, leat_zeros_like(b, matrix));
  leat_value right = leat_reduce_sum(b, hit, (int[]){1}, 1, false);
  leat_value labels = leat_reduce_sum(b, matrix, (int[]){1}, 1, false);
  leat_value claims = leat_reduce_sum(b, matrix, (int[]){0}, 1, false);
  if (m->kind == LEAT_METRIC_MEAN_PER_CLASS_ACCURACY)
    return leat_mean(b, leat__metric_ratio(b, right, labels), NULL, 0, false);
  leat_value either = leat_sub(b, leat_add(b, labels, claims), right);
  leat_value seen = sum(b, is_positive(b, either), LEAT_DTYPE_F64);
  return leat__metric_ratio(
      b, leat_reduce_sum(b, leat__metric_ratio(b, right, either), NULL, 0, false), seen);
}

// --- All ----------------------------------------------------------------------------------------
void leat_metric_add(leat_builder *b, const leat_metric *m, const leat_metric_batch *batch) {
  switch (m->kind) {
    case LEAT_METRIC_PRECISION:
    case LEAT_METRIC_RECALL: add_hits(b, m, batch); break;
    case LEAT_METRIC_AUC:
    case LEAT_METRIC_SENSITIVITY_AT_SPECIFICITY:
    case LEAT_METRIC_SPECIFICITY_AT_SENSITIVITY:
    case LEAT_METRIC_PRECISION_AT_RECALL:
    case LEAT_METRIC_RECALL_AT_PRECISION: leat__metric_add_bins(b, m, batch); break;
    case LEAT_METRIC_MEAN_IOU:
    case LEAT_METRIC_MEAN_PER_CLASS_ACCURACY: add_confusion(b, m, batch); break;
    default: add_mean(b, m, values_of(b, m, batch), batch->weights); break;
  }
}

leat_value leat_metric_result(leat_builder *b, const leat_metric *m) {
  switch (m->kind) {
    case LEAT_METRIC_PRECISION:
    case LEAT_METRIC_RECALL: return hits_result(b, m);
    case LEAT_METRIC_AUC:
    case LEAT_METRIC_SENSITIVITY_AT_SPECIFICITY:
    case LEAT_METRIC_SPECIFICITY_AT_SENSITIVITY:
    case LEAT_METRIC_PRECISION_AT_RECALL:
    case LEAT_METRIC_RECALL_AT_PRECISION: return leat__metric_bins_result(b, m);
    case LEAT_METRIC_MEAN_IOU:
    case LEAT_METRIC_MEAN_PER_CLASS_ACCURACY: return confusion_result(b, m);
    default: return mean_result(b, m);
  }
}
