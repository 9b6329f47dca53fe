// CSV alone: rows of one format, under its own name.
// SPDX-License-Identifier: Apache-2.0
//
// RFC 4180 with options. A row may not be longer than 64 MiB. Empty lines and comment lines are
// skipped, a byte order mark and CRLF are accepted, the last line may lack its end. A column is
// found in a header by its name, or by the header's with spaces and each of " % ( ) { } [ ] , = : /
// turned into _, which names of inputs may not have: 'area (m2)' is area__m2_ too.
#ifndef LEAT_FORMATS_CSV_H
#define LEAT_FORMATS_CSV_H

#include "formats/rows.h"

typedef leat_rows leat_csv;
typedef leat_column leat_csv_column;
typedef leat_rows_options leat_csv_options;
typedef leat_row_position leat_csv_position;

static inline leat_status leat_csv_open(leat_csv **out, const char *const *paths, size_t count,
                                        const leat_csv_options *options, leat_error *err) {
  leat_rows_options csv = *options;
  csv.format = LEAT_ROWS_CSV;
  return leat_rows_open(out, paths, count, &csv, err);
}
static inline void leat_csv_close(leat_csv *csv) { leat_rows_close(csv); }
static inline leat_status leat_csv_read(leat_csv *csv, int64_t most, leat_tensor **out,
                                        int64_t *rows, leat_error *err) {
  return leat_rows_read(csv, most, out, rows, err);
}
static inline leat_csv_position leat_csv_tell(const leat_csv *csv) { return leat_rows_tell(csv); }
static inline leat_status leat_csv_seek(leat_csv *csv, leat_csv_position at, leat_error *err) {
  return leat_rows_seek(csv, at, err);
}
static inline leat_status leat_csv_rewind(leat_csv *csv, leat_error *err) {
  return leat_rows_rewind(csv, err);
}
static inline void leat_csv_place(const leat_csv *csv, int64_t row, char *text, size_t size) {
  leat_rows_place_text(csv, leat_rows_place(csv, row), text, size);
}

// What a byte of a header's name is in the name of a column.
char leat_csv_name_char(char c);

// --- Rows as text -------------------------------------------------------------------------------
// For files whose columns are not known yet: each row as it is written, whatever its number of
// fields. Of the options delimiter, comment, skip_initial_space and compression count; a header is
// a row like others.
typedef struct leat_csv_texts leat_csv_texts;
typedef struct leat_csv_text {
  leat_str *fields;  // unquoted; valid until the next call; 32 bytes can be read from any start
  int count, cap;
  leat_csv_position place;  // of the row: line from 1, offset of its first byte
} leat_csv_text;

// The paths are borrowed.
leat_status leat_csv_texts_open(leat_csv_texts **out, const char *const *paths, size_t count,
                                const leat_csv_options *options, leat_error *err);
// *ended: there was no further row. A quote that does not close is an error, at its place.
leat_status leat_csv_texts_next(leat_csv_texts *t, leat_csv_text *row, bool *ended,
                                leat_error *err);
void leat_csv_texts_close(leat_csv_texts *t);  // NULL allowed
void leat_csv_text_deinit(leat_csv_text *row);

#endif
