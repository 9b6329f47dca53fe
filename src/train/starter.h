// A first model.yaml for a table: types, label and features chosen from its statistics.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_STARTER_H
#define LEAT_TRAIN_STARTER_H

#include "features/statistics.h"

typedef struct leat_starter_options {
  leat_str label;            // empty: by name (label, target, class, y, ...), else the last column
  const char *const *files;  // training files, as model.yaml names them
  size_t file_count;
  const char *eval_file;  // NULL: the training files, with a remark
} leat_starter_options;

// Appends model.yaml to `out` and, a line each, what a person should know to `notes`. Columns that
// tell nothing (constant, empty, a different text in each row) are left out and noted.
// INVALID_ARGUMENT: no such label, a label with missing values, or with one value only.
leat_status leat_starter_write(const leat_statistics *s, const leat_starter_options *options,
                               leat_buf *out, leat_buf *notes, leat_error *err);

#endif
