// CSV alone: rows of one format, under its own name.
// SPDX-License-Identifier: Apache-2.0
//
// RFC 4180 with options. A row may not be longer than 64 MiB. Empty lines and comment lines are
// skipped, a byte order mark and CRLF are accepted, the last line may lack its end.
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

#endif
