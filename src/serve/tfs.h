// TensorFlow Serving's dialect: what its REST and gRPC sides share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SERVE_TFS_H
#define LEAT_SERVE_TFS_H

#include "formats/example.h"
#include "serve/serve_impl.h"

// Holds a version; messages are TensorFlow Serving's. labelled: `version` is a label.
leat_status leat__tfs_find(leat_serve *serve, leat_str model, leat_str version, bool labelled,
                           leat_version **out, leat_error *err);
leat_status leat__tfs_missing(leat_str model, leat_error *err);

// --- Classification and regression of examples --------------------------------------------------
// Puts examples into infer->in. context (may be NULL) gives features that an example lacks.
leat_status leat__examples_in(leat_infer *infer, leat_example *examples, size_t count,
                              const leat_example *context, leat_error *err);
typedef struct leat_scores {  // of a result: views of it
  const leat_tensor *scores;  // (rows, classes) or (rows)
  const leat_tensor *labels;  // (rows, classes), or (classes); NULL: numbers are the labels
  int64_t rows, classes;
  bool shared;  // labels are the same for all rows
} leat_scores;
// INVALID_ARGUMENT when the outputs have no scores (or, regress, no value).
leat_status leat__scores_out(const leat_infer *infer, bool regress, leat_scores *out,
                             leat_error *err);
// Label `i` of a row, in `room` where it is a number.
leat_str leat__score_label(const leat_scores *scores, int64_t row, int64_t i, char room[40]);
float leat__score(const leat_scores *scores, int64_t row, int64_t i);

#endif
