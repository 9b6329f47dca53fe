// SQLite in a build without it: opening tells so.
// SPDX-License-Identifier: Apache-2.0
#include "flow/sqlite.h"

leat_status leat_db_open(leat_db **out, const char *path, const leat_db_options *options,
                         leat_error *err) {
  *out = NULL;
  return leat_error_set(err, LEAT_UNIMPLEMENTED,
                        "built without SQLite (Debian package libsqlite3-dev)");
}
void leat_db_close(leat_db *db) {}
leat_status leat_db_exec(leat_db *db, const char *sql, leat_error *err) { return LEAT_INTERNAL; }
leat_status leat_db_run(leat_db *db, int64_t *changed, leat_error *err, const char *sql,
                        const char *types, ...) {
  return LEAT_INTERNAL;
}
int64_t leat_db_last_id(const leat_db *db) { return 0; }
int64_t leat_db_total_changes(const leat_db *db) { return 0; }
leat_status leat_db_query(leat_db *db, leat_db_rows **out, leat_error *err, const char *sql,
                          const char *types, ...) {
  return LEAT_INTERNAL;
}
leat_status leat_db_next(leat_db_rows *rows, leat_error *err) { return LEAT_INTERNAL; }
const char *leat_db_text(leat_db_rows *rows, int column) { return ""; }
int64_t leat_db_int(leat_db_rows *rows, int column) { return 0; }
void leat_db_end(leat_db_rows *rows) {}
int leat_db_columns(leat_db_rows *rows) { return 0; }
const char *leat_db_column(leat_db_rows *rows, int column) { return ""; }
const char *leat_db_declared(leat_db_rows *rows, int column) { return ""; }
leat_db_type leat_db_type_of(leat_db_rows *rows, int column) { return LEAT_DB_NULL; }
double leat_db_real(leat_db_rows *rows, int column) { return 0; }
leat_str leat_db_bytes(leat_db_rows *rows, int column) { return (leat_str){0}; }
leat_status leat_db_bind(leat_db_rows *rows, int at, leat_db_type type, int64_t whole, double real,
                         leat_str bytes, leat_error *err) {
  return LEAT_INTERNAL;
}
void leat_db_again(leat_db_rows *rows) {}
