// Metrics over all thresholds: predictions are counted in the bins between them.
// SPDX-License-Identifier: Apache-2.0
//
// Thresholds: -1e-7, 1/(n-1), ..., (n-2)/(n-1), 1 + 1e-7. A prediction is in bin i when it exceeds
// i of them, so what exceeds threshold i is the sum of the bins above i.
#include "train/metrics.h"

#include "leat/ops.h"

static int64_t thresholds_of(const leat_metric *m) { return m->thresholds ? m->thresholds : 200; }

// tf.metrics compares with each threshold.
static leat_value compared(leat_builder *b, leat_value p, int64_t n) {
  leat_tensor *t;
  leat_error err;
  leat_status status = leat_tensor_new(&t, LEAT_DTYPE_F32, 1, &n, &err);
  if (status) return leat_builder_fail(b, status, "%s", err.message);
  float *at = leat_tensor_data(t);
  for (int64_t i = 1; i < n - 1; i++) at[i] = (float)((double)i / ((double)n - 1));
  at[0] = -1e-7f, at[n - 1] = 1 + 1e-7f;
  leat_value limits = leat_const(b, t);
  leat_tensor_unref(t);
  leat_value higher = leat_gt(b, leat_expand_dims(b, p, 1), limits);  // (size, n)
  return leat_reduce_sum(b, leat_cast(b, higher, LEAT_DTYPE_I64), (int[]){1}, 1, false);
}

// Keras finds the place by arithmetic in f32: ceil(p (n - 1)), at least 1.
static leat_value placed(leat_builder *b, leat_value p, int64_t n) {
  leat_value at = leat_ceil(b, leat_mul_scalar(b, p, (double)(n - 1)));
  at = leat_select(b, leat_eq(b, p, p), leat_clip(b, at, 1, (double)n), leat_zeros_like(b, at));
  return leat_cast(b, at, LEAT_DTYPE_I64);
}

void leat__metric_add_bins(leat_builder *b, const leat_metric *m, const leat_metric_batch *x) {
  int64_t n = thresholds_of(m);
  leat_value p = leat__metric_flat(b, x->predictions, x->predictions);
  leat_value y = leat__metric_flat(b, x->labels, x->predictions);
  leat_value bin = m->keras ? placed(b, p, n) : compared(b, p, n);
  leat_value yes = leat_ne(b, y, leat_const_like(b, y, 0)), no = leat_not(b, yes), w = {0};
  if (x->weights.node)
    w = leat_cast(b, leat__metric_flat(b, x->weights, x->predictions), LEAT_DTYPE_F64);
  leat_dtype dtype = w.node ? LEAT_DTYPE_F64 : LEAT_DTYPE_I64;
  leat_value masks[] = {leat_cast(b, yes, dtype), leat_cast(b, no, dtype)};
  static const char *const parts[] = {"positive_bins", "negative_bins"};
  for (int i = 0; i < 2; i++)
    leat__metric_scatter(b, m, parts[i], bin, w.node ? leat_mul(b, masks[i], w) : masks[i], n + 1);
}

// --- Results ------------------------------------------------------------------------------------
typedef struct counts {  // f64 (thresholds), falling
  leat_value tp, fp, fn, tn;
  int64_t n;
} counts;

static leat_value higher_bins(leat_builder *b, leat_value bins, int64_t n) {
  leat_value sums = leat_cumulate(b, bins, 0, LEAT_SUM, true, true);
  return leat_slice_axis(b, sums, 0, 0, n);
}

static counts read_counts(leat_builder *b, const leat_metric *m) {
  counts c = {.n = thresholds_of(m)};
  leat_value yes = leat__metric_read(b, m, "positive_bins"),
             no = leat__metric_read(b, m, "negative_bins");
  c.tp = higher_bins(b, yes, c.n), c.fp = higher_bins(b, no, c.n);
  c.fn = leat_sub(b, leat_reduce_sum(b, yes, NULL, 0, false), c.tp);
  c.tn = leat_sub(b, leat_reduce_sum(b, no, NULL, 0, false), c.fp);
  return c;
}

static leat_value head(leat_builder *b, leat_value x, const counts *c) {
  return leat_slice_axis(b, x, 0, 0, c->n - 1);
}
static leat_value tail(leat_builder *b, leat_value x, const counts *c) {
  return leat_slice_axis(b, x, 0, 1, c->n);
}

// x / (x + y); tf.metrics adds 1e-6 above and below, Keras takes 0 where nothing is below.
static leat_value share(leat_builder *b, const leat_metric *m, leat_value x, leat_value y,
                        double above) {
  leat_value all = leat_add(b, x, y);
  if (m->keras) return leat__metric_ratio(b, x, all);
  return leat_div(b, leat_add_scalar(b, x, above), leat_add_scalar(b, all, 1e-6));
}

// Between thresholds, true positives grow in line with claims (Davis & Goadrich 2006, equation 5).
static leat_value interpolated(leat_builder *b, const counts *c) {
  leat_value p = leat_add(b, c->tp, c->fp), p0 = head(b, p, c), p1 = tail(b, p, c);
  leat_value dtp = leat_sub(b, head(b, c->tp, c), tail(b, c->tp, c));
  leat_value slope = leat__metric_ratio(b, dtp, leat_sub(b, p0, p1));
  leat_value intercept = leat_sub(b, tail(b, c->tp, c), leat_mul(b, slope, p1));
  leat_value zero = leat_const_f64(b, 0);
  leat_value both = leat_and(b, leat_gt(b, p0, zero), leat_gt(b, p1, zero));
  leat_value ratio = leat_select(b, both, leat__metric_ratio(b, p0, p1), leat_ones_like(b, p0));
  leat_value part = leat_add(b, dtp, leat_mul(b, intercept, leat_log(b, ratio)));
  leat_value positives = leat_add(b, tail(b, c->tp, c), tail(b, c->fn, c));
  leat_value steps = leat__metric_ratio(b, leat_mul(b, slope, part), positives);
  return leat_reduce_sum(b, steps, NULL, 0, false);
}

static leat_value auc(leat_builder *b, const leat_metric *m, const counts *c) {
  if (m->precision_recall && m->summation == LEAT_SUMMATION_INTERPOLATION)
    return interpolated(b, c);
  leat_value recall = share(b, m, c->tp, c->fn, 1e-6);
  leat_value x = m->precision_recall ? recall : share(b, m, c->fp, c->tn, 0);
  leat_value y = m->precision_recall ? share(b, m, c->tp, c->fp, 1e-6) : recall;
  leat_value y0 = head(b, y, c), y1 = tail(b, y, c), height;
  if (m->summation == LEAT_SUMMATION_MINORING)
    height = leat_min(b, y0, y1);
  else if (m->summation == LEAT_SUMMATION_MAJORING)
    height = leat_max(b, y0, y1);
  else
    height = leat_mul_scalar(b, leat_add(b, y0, y1), 0.5);
  leat_value width = leat_sub(b, head(b, x, c), tail(b, x, c));
  return leat_reduce_sum(b, leat_mul(b, width, height), NULL, 0, false);
}

// The greatest `wanted` among thresholds where `held` reaches the target; 0 where none does.
static leat_value best(leat_builder *b, const leat_metric *m, leat_value wanted, leat_value held) {
  leat_value good = leat_ge(b, held, leat_const_f64(b, m->target));
  leat_value those = leat_select(b, good, wanted, leat_zeros_like(b, wanted));
  return leat_reduce_max(b, those, NULL, 0, false);
}

leat_value leat__metric_bins_result(leat_builder *b, const leat_metric *m) {
  counts c = read_counts(b, m);
  if (m->kind == LEAT_METRIC_AUC) return auc(b, m, &c);
  leat_value recall = leat__metric_ratio(b, c.tp, leat_add(b, c.tp, c.fn));
  leat_value specificity = leat__metric_ratio(b, c.tn, leat_add(b, c.tn, c.fp));
  leat_value precision = leat__metric_ratio(b, c.tp, leat_add(b, c.tp, c.fp));
  switch (m->kind) {
    case LEAT_METRIC_SENSITIVITY_AT_SPECIFICITY: return best(b, m, recall, specificity);
    case LEAT_METRIC_SPECIFICITY_AT_SENSITIVITY: return best(b, m, specificity, recall);
    case LEAT_METRIC_PRECISION_AT_RECALL: return best(b, m, precision, recall);
    default: return best(b, m, recall, precision);
  }
}
