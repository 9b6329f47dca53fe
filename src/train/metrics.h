// Evaluation metrics: state in variables, updates and results as graph.
// SPDX-License-Identifier: Apache-2.0
//
// A metric adds batches to variables `metrics/<name>/<part>` and makes a number of them at the end.
// Sums of numbers and of weights are f64; counts, as long as nothing is weighted, i64. Definitions
// follow tf.metrics or, with `keras`, tf.keras.metrics, where they differ.
#ifndef LEAT_TRAIN_METRICS_H
#define LEAT_TRAIN_METRICS_H

#include "leat/graph.h"
#include "train/losses.h"

typedef enum leat_metric_kind {
  LEAT_METRIC_MEAN,                  // of the predictions, whatever they are
  LEAT_METRIC_LOSS,                  // mean of a loss of predictions and labels
  LEAT_METRIC_ACCURACY,              // share of predictions equal to the label
  LEAT_METRIC_BINARY_ACCURACY,       // of (prediction > threshold) equal to the label
  LEAT_METRIC_CATEGORICAL_ACCURACY,  // of labels with the highest score in their row
  LEAT_METRIC_TOP_K,                 // of labels among the k highest scores; ties count
  LEAT_METRIC_PRECISION,             // of predictions > threshold, the share that is right
  LEAT_METRIC_RECALL,                // of positive labels, the share that is found
  LEAT_METRIC_AUC,                   // area under the ROC or precision-recall curve
  LEAT_METRIC_SENSITIVITY_AT_SPECIFICITY,
  LEAT_METRIC_SPECIFICITY_AT_SENSITIVITY,
  LEAT_METRIC_PRECISION_AT_RECALL,
  LEAT_METRIC_RECALL_AT_PRECISION,
  LEAT_METRIC_MEAN_IOU,                 // intersection over union, mean over the classes seen
  LEAT_METRIC_MEAN_PER_CLASS_ACCURACY,  // mean over all classes
  LEAT_METRIC_COUNT
} leat_metric_kind;

typedef enum leat_summation {
  LEAT_SUMMATION_INTERPOLATION,  // trapezoids; under precision-recall, Davis & Goadrich 2006
  LEAT_SUMMATION_TRAPEZOIDAL,
  LEAT_SUMMATION_MINORING,
  LEAT_SUMMATION_MAJORING,
  LEAT_SUMMATION_COUNT
} leat_summation;

enum { LEAT_METRIC_NAME = 96 };

typedef struct leat_metric {
  char name[LEAT_METRIC_NAME];  // of the result
  leat_metric_kind kind;
  bool keras;
  leat_loss loss;            // LOSS: which
  bool root;                 // MEAN, LOSS: the root of the mean
  double threshold;          // BINARY_ACCURACY, PRECISION, RECALL
  double epsilon;            // PRECISION, RECALL: added under the fraction
  int thresholds;            // AUC and ..._AT_...: spread evenly over 0 to 1; 0 = 200
  bool precision_recall;     // AUC: of that curve, not ROC
  leat_summation summation;  // AUC
  double target;             // ..._AT_...
  int64_t k, classes;        // TOP_K; MEAN_IOU, MEAN_PER_CLASS_ACCURACY
} leat_metric;

// What a batch gives. Shapes: predictions, labels and weights broadcast; CATEGORICAL_ACCURACY and
// TOP_K: predictions (n, classes), labels i64 (n). ACCURACY and the classes' metrics: i64 ids, or
// any equal types. The rest: f32. weights: f32, or no value for 1.
typedef struct leat_metric_batch {
  leat_value predictions, labels, weights;
} leat_metric_batch;

// Adds a batch to the metric's variables, which are declared when first met.
void leat_metric_add(leat_builder *b, const leat_metric *metric, const leat_metric_batch *batch);
// The result, an f64 scalar, in another function of the same graph.
leat_value leat_metric_result(leat_builder *b, const leat_metric *metric);
// A function that zeroes all metrics' variables of the graph.
leat_status leat_metrics_reset(leat_graph *graph, leat_func **out, leat_error *err);

// --- What metrics.c and metrics_bins.c share ----------------------------------------------------
// Adds to the variable `part`; the amount's type is the variable's.
void leat__metric_accumulate(leat_builder *b, const leat_metric *m, const char *part,
                             leat_value amount);
leat_var *leat__metric_var(leat_builder *b, const leat_metric *m, const char *part);
leat_value leat__metric_read(leat_builder *b, const leat_metric *m, const char *part);  // f64
leat_value leat__metric_ratio(leat_builder *b, leat_value x, leat_value y);  // 0 where y is 0
// x in the shape of `like`, as a vector.
leat_value leat__metric_flat(leat_builder *b, leat_value x, leat_value like);
// Adds amounts (weights, or ones) at ids to a vector of n in the variable `part`.
void leat__metric_scatter(leat_builder *b, const leat_metric *m, const char *part, leat_value ids,
                          leat_value amounts, int64_t n);
void leat__metric_add_bins(leat_builder *b, const leat_metric *m, const leat_metric_batch *batch);
leat_value leat__metric_bins_result(leat_builder *b, const leat_metric *m);

#endif
