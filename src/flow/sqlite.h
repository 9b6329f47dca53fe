// SQLite, opened on first use: one connection, statements with bound values.
// SPDX-License-Identifier: Apache-2.0
//
// Types of bound values are letters: t = const char * (text), i = int64_t, n = nothing (NULL).
// A connection is used by one thread at a time. Statuses: UNAVAILABLE (locked by another for longer
// than the busy time), DATA_LOSS (damaged, or not a database), RESOURCE_EXHAUSTED (disk full),
// PERMISSION_DENIED (read only), ALREADY_EXISTS (a unique column has the value).
#ifndef LEAT_FLOW_SQLITE_H
#define LEAT_FLOW_SQLITE_H

#include "leat/error.h"
#include "leat/str.h"

typedef struct leat_db leat_db;
typedef struct leat_db_rows leat_db_rows;

typedef struct leat_db_options {
  bool read_only;
  bool immutable;  // with read_only: nobody writes; needs no lock files
  int busy_ms;     // how long to wait for another's lock
} leat_db_options;

leat_status leat_db_open(leat_db **out, const char *path, const leat_db_options *options,
                         leat_error *err);
void leat_db_close(leat_db *db);  // NULL allowed
// Statements without values or rows, several with ';' between.
leat_status leat_db_exec(leat_db *db, const char *sql, leat_error *err);
// One statement without rows; *changed (NULL allowed): how many rows it changed.
leat_status leat_db_run(leat_db *db, int64_t *changed, leat_error *err, const char *sql,
                        const char *types, ...);
int64_t leat_db_last_id(const leat_db *db);
int64_t leat_db_total_changes(const leat_db *db);

// One statement with rows. leat_db_next moves to the next one: LEAT_OUT_OF_RANGE behind the last
// (without a message).
leat_status leat_db_query(leat_db *db, leat_db_rows **out, leat_error *err, const char *sql,
                          const char *types, ...);
leat_status leat_db_next(leat_db_rows *rows, leat_error *err);
const char *leat_db_text(leat_db_rows *rows, int column);  // "" for NULL; until the next call
int64_t leat_db_int(leat_db_rows *rows, int column);
void leat_db_end(leat_db_rows *rows);  // NULL allowed

// --- Values of any type -------------------------------------------------------------------------
typedef enum leat_db_type {
  LEAT_DB_NULL,
  LEAT_DB_INT,
  LEAT_DB_REAL,
  LEAT_DB_TEXT,
  LEAT_DB_BLOB
} leat_db_type;

int leat_db_columns(leat_db_rows *rows);
const char *leat_db_column(leat_db_rows *rows, int column);    // its name
const char *leat_db_declared(leat_db_rows *rows, int column);  // type of the table's; "" of others
leat_db_type leat_db_type_of(leat_db_rows *rows, int column);  // of the row's value
double leat_db_real(leat_db_rows *rows, int column);
leat_str leat_db_bytes(leat_db_rows *rows, int column);  // TEXT or BLOB; until the next call
// Values for the statement's parameters, from 1 on; leat_db_again starts it anew with other ones.
leat_status leat_db_bind(leat_db_rows *rows, int at, leat_db_type type, int64_t whole, double real,
                         leat_str bytes, leat_error *err);
void leat_db_again(leat_db_rows *rows);

#endif
