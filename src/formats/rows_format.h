// A format of rows: what a reader of one file gives to rows.c.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_ROWS_FORMAT_H
#define LEAT_FORMATS_ROWS_FORMAT_H

#include "formats/rows.h"

typedef struct leat_row_file {  // the file at hand
  const leat_rows_options *options;
  leat_columns *columns;
  const char *path;
  int64_t index;   // among the paths
  int64_t offset;  // of the next row, as in leat_row_position
  int64_t line;
  void *state;  // the format's own
} leat_row_file;

typedef struct leat_row_ops {
  const char *name;
  const char *extensions[4];
  const char *place;  // printf: path, line
  bool from_zero;     // lines are counted from 0
  leat_status (*open)(leat_row_file *file, leat_error *err);
  void (*close)(leat_row_file *file);  // also of a file that did not open
  // The next row into the columns: begun and ended. *ended: there is none. INVALID_ARGUMENT: the
  // row is at fault, the message has its place, and `skip` moves over it.
  leat_status (*next)(leat_row_file *file, bool *ended, leat_error *err);
  leat_status (*skip)(leat_row_file *file, leat_error *err);
  leat_status (*seek)(leat_row_file *file, int64_t offset, int64_t line, leat_error *err);
} leat_row_ops;

extern const leat_row_ops leat__rows_csv, leat__rows_jsonl, leat__rows_tfrecord, leat__rows_npz;

// Puts the row's place before the message.
leat_status leat__row_fail(const leat_row_file *file, const leat_row_ops *ops, leat_status status,
                           leat_error *err);
static inline leat_row_place leat__row_place(const leat_row_file *f, bool from_zero) {
  return (leat_row_place){f->index, f->line + !from_zero};
}

#endif
