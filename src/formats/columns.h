// Columns under construction: values of rows, typed, until they become tensors.
// SPDX-License-Identifier: Apache-2.0
//
// Every reader of rows puts its values here: begin a row, put values, end or drop it.
#ifndef LEAT_FORMATS_COLUMNS_H
#define LEAT_FORMATS_COLUMNS_H

#include "base/arena.h"
#include "base/map.h"
#include "leat/tensor.h"

enum { LEAT_ANY_NUMBER = -1 };

typedef struct leat_column {
  leat_str name;
  leat_dtype dtype;  // f32, f64, i32, i64, string; NONE = read over
  bool has_default;  // what an empty field means; without one it is an error (strings: empty)
  leat_str default_text;
  int64_t values;  // a row: 0 or 1 = one, (rows); n = (rows, n); ANY_NUMBER = (rows, width), padded
                   // with NaN, -1 or the empty string
} leat_column;

typedef struct leat_row_place {  // of a row, for messages
  int64_t file;                  // index among the paths
  int64_t line;                  // from 1; records and rows of arrays from 0
} leat_row_place;

typedef struct leat_sink {  // one column
  leat_column column;
  char *data;  // numbers, or offsets of strings (one more)
  size_t count, cap;
  char *bytes;  // strings
  size_t bytes_len, bytes_cap;
  int64_t *ends;  // by row: values before its end; where a row has not just one
  size_t mark_count, mark_bytes;
} leat_sink;

typedef struct leat_columns {
  leat_sink *sinks;
  int count;
  char decimal;  // other than '.' in numbers; 0 = none
  size_t rows;
  leat_row_place *places;  // by row
  size_t row_cap;
  leat_map by_name;
  leat_arena arena;
} leat_columns;

// Copies names and defaults. INVALID_ARGUMENT for two columns of one name, or a type not above.
leat_status leat_columns_init(leat_columns *c, const leat_column *columns, int count,
                              leat_error *err);
void leat_columns_deinit(leat_columns *c);
int leat_columns_find(const leat_columns *c, leat_str name);  // -1: none
leat_status leat_columns_clear(leat_columns *c, leat_error *err);

leat_status leat_columns_begin_row(leat_columns *c, leat_row_place place, leat_error *err);
// The next value of a column, from text: empty means the default. INVALID_ARGUMENT as "NAME: 'x' is
// not a number". slack: 16 bytes behind the text may be read.
leat_status leat_columns_text(leat_columns *c, int column, leat_str text, bool slack,
                              leat_error *err);
// The same from numbers; an i64 put into a string column is decimal text, into a float the nearest.
// INVALID_ARGUMENT for a fraction in an integer column.
leat_status leat_columns_i64(leat_columns *c, int column, int64_t value, leat_error *err);
leat_status leat_columns_f64(leat_columns *c, int column, double value, leat_error *err);
// Fills in defaults. INVALID_ARGUMENT where a column lacks values or has too many; strict: strings
// must be there too.
leat_status leat_columns_end_row(leat_columns *c, bool strict, leat_error *err);
void leat_columns_drop_row(leat_columns *c);
// Tensors of the finished rows: out[i] of column i (NULL for NONE). The columns keep their rows.
leat_status leat_columns_take(leat_columns *c, leat_tensor **out, leat_error *err);

#endif
