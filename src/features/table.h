// Tables in text whose columns are not known yet: delimiter, header and names found by looking.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FEATURES_TABLE_H
#define LEAT_FEATURES_TABLE_H

#include "base/arena.h"
#include "base/vec.h"
#include "formats/csv.h"

typedef enum leat_header { LEAT_HEADER_AUTO, LEAT_HEADER_YES, LEAT_HEADER_NO } leat_header;

typedef struct leat_table_options {
  char delimiter;  // 0: the one of , ; tab | that cuts the first rows into equally many fields
  char comment;    // a line that starts with it is skipped; 0: # if the file starts with one
  leat_header header;
  const leat_str *names;  // of the columns; none: the header's, or column_1, column_2, ...
  int name_count;
} leat_table_options;

typedef struct leat_table {
  leat_arena arena;
  leat_csv_texts *csv;
  const char *const *paths;  // the caller's
  char delimiter, comment;
  bool by_place;        // the columns were named by the caller: a header is read over
  bool header, spaces;  // spaces: some field starts with one (skip_initial_space)
  LEAT_VEC(leat_str) names;
  LEAT_VEC(int) field_column;  // by field of the open file; -1: read over
  leat_csv_text row;
  int64_t file;      // of the row
  leat_str *values;  // by column, stripped of spaces; empty where the row has none
} leat_table;

leat_status leat_table_open(leat_table *t, const char *const *paths, size_t path_count,
                            const leat_table_options *options, leat_error *err);
// The next row into t->values and t->row. *ended: there is none.
leat_status leat_table_next(leat_table *t, bool *ended, leat_error *err);
int leat_table_column(const leat_table *t, leat_str name);  // -1: none
void leat_table_close(leat_table *t);

#endif
