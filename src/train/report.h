// A closer look at a model than its metrics: confusion, calibration, slices, importance.
// SPDX-License-Identifier: Apache-2.0
//
// All are made of predictions for the evaluation files, every row counting once (weights do not
// enter). AUC is exact here, by ranks; the metrics' is TensorFlow's, from 200 thresholds.
#ifndef LEAT_TRAIN_REPORT_H
#define LEAT_TRAIN_REPORT_H

#include "train/job.h"

typedef struct leat_report_options {
  const char *slice_by;     // a column of the files; NULL = none
  bool importance;          // of every raw column: how much worse when its values change places
  int64_t importance_rows;  // most rows for that; 0 = 10000
  uint64_t seed;            // of the changes of places
} leat_report_options;

typedef struct leat_scores {  // of some rows
  int64_t rows;
  double loss;               // mean: -log of the label's probability, or the squared error
  double accuracy;           // classifiers
  double auc;                // binary; NaN where one class only
  double error;              // regressors: mean absolute
  double label, prediction;  // means; of the second class, or of the numbers
} leat_scores;

typedef struct leat_report_slice {
  leat_str value;
  leat_scores scores;
} leat_report_slice;

typedef struct leat_report_importance {
  leat_str column;
  double loss;      // how much greater the mean loss is
  double accuracy;  // how much less the accuracy is
} leat_report_importance;

enum { LEAT_CALIBRATION_BINS = 10 };
typedef struct leat_calibration_bin {  // by predicted probability: of the chosen class, or of the
  int64_t rows;                        // second of two
  double predicted, observed;          // means
} leat_calibration_bin;

typedef struct leat_report {
  leat_arena arena;
  int classes;  // 0: a regression
  const leat_str *names;
  int64_t *confusion;  // (classes, classes): rows by label, then by prediction
  leat_calibration_bin calibration[LEAT_CALIBRATION_BINS];
  double calibration_error;  // mean of |predicted - observed| over the rows
  leat_scores all;
  LEAT_VEC(leat_report_slice) slices;           // by falling rows; numbers in quarters
  LEAT_VEC(leat_report_importance) importance;  // by falling loss
} leat_report;

// Whether the model has one label: one of some classes, or one number.
bool leat_job_can_report(const leat_job *job);
leat_status leat_job_report(leat_job *job, const leat_report_options *options, leat_report *out,
                            leat_error *err);
void leat_report_deinit(leat_report *r);

#endif
