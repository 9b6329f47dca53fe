// A schema of a table: types, ranges, domains and presence of columns; inferred, kept, checked.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FEATURES_SCHEMA_H
#define LEAT_FEATURES_SCHEMA_H

#include "features/statistics.h"

typedef struct leat_schema_column {
  leat_str name;
  leat_column_type type;  // EMPTY: anything
  leat_date_order order;  // of dates
  double presence;        // least share of rows with a value
  bool has_range;
  double least, greatest;     // of numbers, and of dates in days since 1970
  LEAT_VEC(leat_str) values;  // the domain of strings; none = any
  double domain_mass;         // least share of values inside of the domain
} leat_schema_column;

typedef struct leat_schema {
  leat_arena arena;
  LEAT_VEC(leat_schema_column) columns;  // in the order of the table
  bool header;
  char delimiter, comment;  // 0: a comma; none
} leat_schema;

// A domain where at most `most_values` different strings were seen (0: 100), each twice on average.
leat_status leat_schema_infer(leat_schema *schema, const leat_statistics *s, int64_t most_values,
                              leat_error *err);
// YAML, a column a line, or JSON; the reader takes both.
leat_status leat_schema_write(const leat_schema *schema, bool json, leat_buf *out, leat_error *err);
leat_status leat_schema_read(leat_schema *schema, const char *path, leat_error *err);
void leat_schema_deinit(leat_schema *schema);

// --- Anomalies ----------------------------------------------------------------------------------
typedef enum leat_anomaly_kind {
  LEAT_ANOMALY_NONE,
  LEAT_ANOMALY_MISSING_COLUMN,
  LEAT_ANOMALY_NEW_COLUMN,
  LEAT_ANOMALY_RAGGED_ROW,     // too few or too many fields
  LEAT_ANOMALY_MISSING_VALUE,  // more than the presence allows
  LEAT_ANOMALY_WRONG_TYPE,
  LEAT_ANOMALY_OUT_OF_RANGE,
  LEAT_ANOMALY_UNKNOWN_VALUE,  // outside of the domain
  LEAT_ANOMALY_KINDS
} leat_anomaly_kind;
extern const char *const leat_anomaly_names[LEAT_ANOMALY_KINDS];

typedef struct leat_anomaly {
  leat_anomaly_kind kind;
  leat_str column;   // empty: of the rows
  int64_t count;     // rows
  const char *file;  // of the first; NULL: of the table as a whole
  int64_t line;      // from 1
  int field;         // from 1; 0 = the row
  leat_str text;     // the first offending text
  char expected[96];
} leat_anomaly;

typedef struct leat_anomalies {
  leat_arena arena;
  LEAT_VEC(leat_anomaly) list;
  int64_t rows;
} leat_anomalies;

// One pass over the files; the columns of files without a header are the schema's, in order. At
// most one anomaly of each kind a column.
leat_status leat_schema_validate(const leat_schema *schema, const char *const *paths, size_t count,
                                 leat_anomalies *out, leat_error *err);
void leat_anomalies_deinit(leat_anomalies *a);

#endif
