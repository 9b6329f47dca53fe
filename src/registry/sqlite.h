// SQLite, opened on first use: one connection, statements with bound values.
// SPDX-License-Identifier: Apache-2.0
//
// Types of bound values are letters: t = const char * (text), i = int64_t, n = nothing (NULL).
// A connection is used by one thread at a time. Statuses: UNAVAILABLE (locked by another for longer
// than the busy time), DATA_LOSS (damaged, or not a database), RESOURCE_EXHAUSTED (disk full),
// PERMISSION_DENIED (read only), ALREADY_EXISTS (a unique column has the value).
#ifndef LEAT_REGISTRY_SQLITE_H
#define LEAT_REGISTRY_SQLITE_H

#include "leat/error.h"

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

#endif
