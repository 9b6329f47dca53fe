// Rows: typed columns out of files of any format, in order, from file to file.
// SPDX-License-Identifier: Apache-2.0
//
// Files are read in pieces, so memory does not grow with them (npz: a file at a time). A position
// can be returned to: at once in plain files; in compressed ones the bytes before it are unpacked.
#ifndef LEAT_FORMATS_ROWS_H
#define LEAT_FORMATS_ROWS_H

#include "formats/columns.h"
#include "formats/compress.h"

typedef enum leat_row_format {
  LEAT_ROWS_AUTO,   // by the first file's name, its compression apart; CSV where that says nothing
  LEAT_ROWS_CSV,    // RFC 4180: a line a row
  LEAT_ROWS_JSONL,  // a JSON object a line
  LEAT_ROWS_TFRECORD,  // a tf.Example a record
  LEAT_ROWS_NPZ,       // an array a column; the first dimension counts rows
  LEAT_ROW_FORMATS,
} leat_row_format;

const char *leat_row_format_name(leat_row_format format);  // "csv"
leat_row_format leat_row_format_guess(const char *path);   // AUTO where the name says nothing

typedef struct leat_rows_options {
  const leat_column *columns;  // CSV: in the order of the file, or of any order with a header
  int column_count;
  char delimiter;           // CSV; 0 = comma, or semicolon where the decimal sign is a comma
  char comment;             // CSV: a line that starts with it is skipped; 0 = none
  bool header;              // CSV: the first line of each file names its columns
  bool skip_initial_space;  // CSV: spaces after a delimiter are dropped
  char decimal;             // CSV: the decimal sign of numbers; 0 = point
  bool strict;              // JSON lines: text must be text, and every column there
  leat_row_format format;
  leat_compression compression;
  int64_t max_errors;  // rows skipped, because they do not parse, before that is an error
  void (*on_error)(void *context, const char *message);  // told of each one once; NULL = nobody
  void *context;
} leat_rows_options;

typedef struct leat_row_position {  // of the next row
  int64_t file;                     // index among the paths
  int64_t offset;                   // bytes (npz: rows) from the file's start, unpacked
  int64_t line;                     // lines or records before it, this file
  int64_t skipped;                  // rows skipped before it, this pass
} leat_row_position;

typedef struct leat_rows leat_rows;

// Names and strings of the options and paths are copied.
leat_status leat_rows_open(leat_rows **out, const char *const *paths, size_t path_count,
                           const leat_rows_options *options, leat_error *err);
void leat_rows_close(leat_rows *rows);  // NULL allowed

// Reads up to `most` rows: out[i] holds column i (NULL for NONE), *count how many; 0 at the end.
// After an error nothing is returned and the position is where the read began.
leat_status leat_rows_read(leat_rows *rows, int64_t most, leat_tensor **out, int64_t *count,
                           leat_error *err);
leat_row_position leat_rows_tell(const leat_rows *rows);
leat_status leat_rows_seek(leat_rows *rows, leat_row_position position, leat_error *err);
leat_status leat_rows_rewind(leat_rows *rows, leat_error *err);      // to the first row of all
leat_row_place leat_rows_place(const leat_rows *rows, int64_t row);  // of row i of the last read
// "FILE:LINE", "FILE: record N" or "FILE: row N", into text (cut if too long).
void leat_rows_place_text(const leat_rows *rows, leat_row_place place, char *text, size_t size);

#endif
