// Batch: rows of a collection as columns in Arrow's layout, with times, windows and panes.
// SPDX-License-Identifier: Apache-2.0
//
//   batch: schema, rows
//     columns[f]: validity bits | values, or offsets + bytes, or offsets + child | owner
//     timestamps[row], windows[row], panes[row]                                  | owner
//
// Memory comes in blocks that are counted: a column names the block that it lies in, so batches
// share columns without copying. What is in a batch does not change once it was given on; from then
// on it may be read by several threads.
#ifndef LEAT_FLOW_BATCH_H
#define LEAT_FLOW_BATCH_H

#include "base/arena.h"
#include "flow/window.h"
#include "leat/str.h"

enum { LEAT_FLOW_BATCH_ROWS = 4096 };  // most rows of a batch

// --- Schema -------------------------------------------------------------------------------------
typedef enum leat_flow_type {
  LEAT_FLOW_TYPE_BOOL,       // bits
  LEAT_FLOW_TYPE_INT32,      //
  LEAT_FLOW_TYPE_INT64,      //
  LEAT_FLOW_TYPE_FLOAT,      // f32
  LEAT_FLOW_TYPE_DOUBLE,     // f64
  LEAT_FLOW_TYPE_STRING,     // UTF-8
  LEAT_FLOW_TYPE_BYTES,      //
  LEAT_FLOW_TYPE_TIMESTAMP,  // int64 ms since 1970
  LEAT_FLOW_TYPE_LIST,       // of one field
  LEAT_FLOW_TYPE_ROW,        // of named fields
  LEAT_FLOW_TYPES,
} leat_flow_type;

typedef struct leat_flow_field leat_flow_field;
struct leat_flow_field {
  leat_str name;
  leat_flow_type type;
  bool nullable;
  const leat_flow_field *fields;  // LIST: one, its item; ROW: its fields
  int field_count;
};

typedef struct leat_flow_schema {  // immutable; in the arena of its pipeline
  const leat_flow_field *fields;
  int count;
} leat_flow_schema;

const char *leat_flow_type_name(leat_flow_type type);  // "int64", as in pipeline.yaml
size_t leat_flow_type_bytes(leat_flow_type type);      // of a value; 0: not of fixed size
int leat_flow_schema_find(const leat_flow_schema *schema, leat_str name);     // -1: none
bool leat_flow_field_eq(const leat_flow_field *a, const leat_flow_field *b);  // names, too
bool leat_flow_schema_eq(const leat_flow_schema *a, const leat_flow_schema *b);
// Deep copies; NULL when memory is exhausted.
leat_flow_schema *leat_flow_schema_copy(leat_arena *arena, const leat_flow_schema *from);
void leat_flow_schema_print(const leat_flow_schema *schema,
                            leat_buf *out);  // {key: string, n: int64}

// --- Blocks -------------------------------------------------------------------------------------
typedef struct leat_flow_block leat_flow_block;  // an arena that is counted

leat_flow_block *leat_flow_block_new(void);  // one reference; NULL when memory is exhausted
leat_flow_block *leat_flow_block_ref(leat_flow_block *block);
void leat_flow_block_unref(leat_flow_block *block);  // NULL allowed
// Uninitialised, aligned to 64 bytes, with 64 bytes behind it that may be read and written. Only
// while the caller is the block's one holder.
void *leat_flow_block_alloc(leat_flow_block *block, size_t bytes);
// `other` lives as long as `block`; false when memory is exhausted.
bool leat_flow_block_keep(leat_flow_block *block, leat_flow_block *other);

// --- Columns and batches ------------------------------------------------------------------------
typedef struct leat_flow_column leat_flow_column;
struct leat_flow_column {
  uint8_t *validity;  // bit i & 7 of byte i / 8: row i has a value; NULL: all have
  void *values;       // BOOL: bits; numbers; STRING, BYTES, LIST: int32 offsets, rows + 1 of them
  char *bytes;        // STRING, BYTES
  leat_flow_column *children;  // LIST: the items of all rows; ROW: one a field
  leat_flow_block *owner;      // keeps all of these, children and theirs, too
};

typedef struct leat_flow_batch {
  int refs;  // atomic
  int rows;
  const leat_flow_schema *schema;
  leat_flow_column *columns;  // schema->count
  int64_t *timestamps;        // ms
  leat_flow_window *windows;  // NULL: as the collection's window function says, by timestamp
  leat_flow_pane *panes;      // NULL: as of no grouping (first, last, timing unknown, 0, 0)
  leat_flow_block *owner;     // of the batch itself, timestamps, windows, panes
} leat_flow_batch;

// An empty batch in a block of its own: columns zeroed, timestamps uninitialised for `rows` rows.
leat_flow_batch *leat_flow_batch_new(const leat_flow_schema *schema, int rows);
leat_flow_batch *leat_flow_batch_ref(leat_flow_batch *batch);
void leat_flow_batch_unref(leat_flow_batch *batch);  // NULL allowed
// The column of another batch, by reference.
void leat_flow_column_share(leat_flow_column *to, const leat_flow_column *from);
// A batch of the same rows (times, windows and panes are shared) with columns yet to come: zeroed.
leat_flow_batch *leat_flow_batch_like(const leat_flow_batch *from, const leat_flow_schema *schema);
// The same with the same columns, too.
leat_flow_batch *leat_flow_batch_again(const leat_flow_batch *from);
// Rows `rows[0..count)` of a batch (ascending or not, repeats allowed), with times, windows, panes.
leat_flow_batch *leat_flow_batch_take(const leat_flow_batch *from, const int32_t *rows, int count);

static inline bool leat_flow_is_valid(const leat_flow_column *c, int row) {
  return !c->validity || (c->validity[row >> 3] >> (row & 7) & 1);
}
static inline bool leat_flow_bool(const leat_flow_column *c, int row) {
  return ((const uint8_t *)c->values)[row >> 3] >> (row & 7) & 1;
}
static inline leat_str leat_flow_text(const leat_flow_column *c, int row) {
  const int32_t *offsets = c->values;
  return (leat_str){c->bytes + offsets[row], (size_t)(offsets[row + 1] - offsets[row])};
}

// --- Building row by row ------------------------------------------------------------------------
// For sources and functions that do not work on columns. Values are put field by field in the
// schema's order, depth first: a LIST's items between open and close, a ROW's fields likewise.
typedef struct leat_flow_rows leat_flow_rows;

leat_status leat_flow_rows_new(leat_flow_rows **out, const leat_flow_schema *schema,
                               leat_error *err);
void leat_flow_rows_free(leat_flow_rows *rows);  // NULL allowed
void leat_flow_rows_null(leat_flow_rows *rows);
void leat_flow_rows_bool(leat_flow_rows *rows, bool value);
void leat_flow_rows_int(leat_flow_rows *rows, int64_t value);    // INT32, INT64, TIMESTAMP
void leat_flow_rows_double(leat_flow_rows *rows, double value);  // FLOAT, DOUBLE
void leat_flow_rows_text(leat_flow_rows *rows, leat_str value);  // STRING, BYTES
void leat_flow_rows_open(leat_flow_rows *rows);                  // LIST, ROW
void leat_flow_rows_close(leat_flow_rows *rows);
// A value of another batch's column, of the same type.
void leat_flow_rows_copy(leat_flow_rows *rows, const leat_flow_field *field,
                         const leat_flow_column *from, int row);
// Ends the row. window, pane NULL: none. INVALID_ARGUMENT: a value of another type than its
// field's, too few or too many, a null where none may be; the row is then dropped.
leat_status leat_flow_rows_end(leat_flow_rows *rows, int64_t timestamp,
                               const leat_flow_window *window, const leat_flow_pane *pane,
                               leat_error *err);
void leat_flow_rows_drop(leat_flow_rows *rows);  // of the row begun
int leat_flow_rows_count(const leat_flow_rows *rows);
// The finished rows as a batch; the builder is empty then. NULL when memory is exhausted.
leat_flow_batch *leat_flow_rows_take(leat_flow_rows *rows);

#endif
