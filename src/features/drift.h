// Distance between two sets of data, column by column, as TensorFlow Data Validation measures it.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FEATURES_DRIFT_H
#define LEAT_FEATURES_DRIFT_H

#include "features/statistics.h"

typedef enum leat_drift_measure {
  LEAT_DRIFT_NONE,            // nothing to compare: both sides are empty
  LEAT_DRIFT_L_INFINITY,      // strings: the greatest difference of a value's share
  LEAT_DRIFT_JENSEN_SHANNON,  // numbers: divergence between their deciles in bits, 0 to 1
  LEAT_DRIFT_MISSING_COLUMN,  // on one side only
  LEAT_DRIFT_TYPE,            // numbers here, strings there
} leat_drift_measure;

typedef struct leat_drift {
  leat_str name;
  leat_drift_measure measure;
  double distance;
  leat_str value;     // L-infinity: whose share differs most (of a set's words: it lives as long)
  double shares[2];   // of it in the two sets
  double missing[2];  // shares of rows without a value
  bool over;          // the threshold
} leat_drift;
typedef LEAT_VEC(leat_drift) leat_drifts;

typedef struct leat_drift_options {
  double string_threshold;  // of L-infinity; 0 = 0.01
  double number_threshold;  // of Jensen-Shannon; 0 = 0.01
} leat_drift_options;

// Of every column of either set, in the order of the first.
leat_status leat_drift_between(const leat_statistics *a, const leat_statistics *b,
                               const leat_drift_options *options, leat_drifts *out,
                               leat_error *err);

// Equal bins from the least to the greatest number; a column with one value has one bin around it.
enum { LEAT_HISTOGRAM_BINS = 10 };
typedef struct leat_histogram {
  int bins;
  double edges[LEAT_HISTOGRAM_BINS + 1], counts[LEAT_HISTOGRAM_BINS];
} leat_histogram;
void leat_column_histogram(const leat_column_stats *c, leat_histogram *out);

#endif
