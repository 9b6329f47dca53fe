// CSV: a streaming reader that types columns straight into tensors, and a writer of fields.
// SPDX-License-Identifier: Apache-2.0
//
// RFC 4180 with options. Files are read in blocks, so memory does not grow with them; a row may not
// be longer than a block. Empty lines and comment lines are skipped, a byte order mark and CRLF are
// accepted, the last line may lack its end.
#ifndef LEAT_FORMATS_CSV_H
#define LEAT_FORMATS_CSV_H

#include "leat/tensor.h"

typedef struct leat_csv leat_csv;

typedef struct leat_csv_column {
  leat_str name;
  leat_dtype dtype;  // f32, f64, i32, i64, string; NONE = read over
  bool has_default;  // what an empty field means; without one it is an error (strings: empty)
  leat_str default_text;
} leat_csv_column;

typedef struct leat_csv_options {
  const leat_csv_column *columns;  // in the order of the file, or of any order with a header
  int column_count;
  char delimiter;           // 0 = comma
  char comment;             // a line that starts with it is skipped; 0 = none
  bool header;              // the first line of each file names its columns
  bool skip_initial_space;  // spaces after a delimiter are dropped
} leat_csv_options;

typedef struct leat_csv_position {  // of the next row
  int64_t file;                     // index among the paths
  int64_t offset;                   // bytes from the file's start
  int64_t line;                     // lines before it, this file
} leat_csv_position;

// Names and strings of the options and paths are copied.
leat_status leat_csv_open(leat_csv **out, const char *const *paths, size_t path_count,
                          const leat_csv_options *options, leat_error *err);
void leat_csv_close(leat_csv *csv);  // NULL allowed

// Reads up to `most` rows: out[i] is a vector of column i (NULL for NONE), *rows how many; 0 at the
// end. After an error nothing is returned and the position is where the read began.
leat_status leat_csv_read(leat_csv *csv, int64_t most, leat_tensor **out, int64_t *rows,
                          leat_error *err);
leat_csv_position leat_csv_tell(const leat_csv *csv);
leat_status leat_csv_seek(leat_csv *csv, leat_csv_position position, leat_error *err);
leat_status leat_csv_rewind(leat_csv *csv, leat_error *err);  // to the first row of the first file
// File and line (from 1) of row i of the last read.
void leat_csv_row(const leat_csv *csv, int64_t row, leat_csv_position *out);
// "FILE:LINE" of row i of the last read, into text (cut if too long).
void leat_csv_place(const leat_csv *csv, int64_t row, char *text, size_t size);

#endif
