// SQLite, opened on first use: the one file that knows the library.
// SPDX-License-Identifier: Apache-2.0
#include "flow/sqlite.h"

#include "base/library.h"
#include "base/mem.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FUNCTIONS(F)                                                                             \
  F(open_v2)                                                                                     \
  F(close_v2)                                                                                    \
  F(exec)                                                                                        \
  F(prepare_v2)                                                                                  \
  F(bind_text)                                                                                   \
  F(bind_int64)                                                                                  \
  F(step) F(finalize) F(column_text) F(column_int64) F(errmsg) F(errstr) F(extended_errcode)     \
      F(changes64) F(total_changes64) F(last_insert_rowid) F(busy_timeout) F(reset) F(bind_null) \
          F(bind_double) F(bind_blob) F(column_count) F(column_name) F(column_decltype)          \
              F(column_type) F(column_double) F(column_blob) F(column_bytes)
#define FIELD(name) __typeof__(sqlite3_##name) *name;
#define NAME(name) "sqlite3_" #name,
static struct { FUNCTIONS(FIELD) } lib;
static const char *const names[] = {FUNCTIONS(NAME) NULL};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static leat_error trouble;

static void open_library(void) {
  static const leat_library library = {"libsqlite3.so.0", "libsqlite3-0", names, (void **)&lib};
  leat_library_open(&library, &trouble);
}

struct leat_db {
  sqlite3 *handle;
  char *path;
};

struct leat_db_rows {
  leat_db *db;
  sqlite3_stmt *statement;
};

static leat_status status_of(int code) {
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return LEAT_UNAVAILABLE;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return LEAT_DATA_LOSS;
    case SQLITE_FULL:
    case SQLITE_NOMEM: return LEAT_RESOURCE_EXHAUSTED;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return LEAT_PERMISSION_DENIED;
    case SQLITE_CANTOPEN: return LEAT_NOT_FOUND;
    case SQLITE_CONSTRAINT: return LEAT_ALREADY_EXISTS;
    default: return LEAT_UNKNOWN;
  }
}

static leat_status fail(const leat_db *db, leat_error *err) {
  int code = lib.extended_errcode(db->handle);
  return leat_error_set(err, status_of(code), "%s: %s", db->path, lib.errmsg(db->handle));
}

// A file: URI needs its own special characters escaped.
static bool make_uri(const char *path, bool immutable, char *out, size_t size) {
  size_t n = (size_t)snprintf(out, size, "file:");
  for (; *path && n + 4 < size; path++) {
    if (strchr("%?#", *path))
      n += (size_t)snprintf(out + n, size - n, "%%%02X", (unsigned char)*path);
    else
      out[n++] = *path;
  }
  int tail = snprintf(out + n, size - n, "%s", immutable ? "?immutable=1" : "");
  return !*path && n + (size_t)tail < size;
}

leat_status leat_db_open(leat_db **out, const char *path, const leat_db_options *options,
                         leat_error *err) {
  char uri[4200];
  *out = NULL;
  pthread_once(&once, open_library);
  if (trouble.status) return leat_error_set(err, trouble.status, "%s", trouble.message);
  if (!make_uri(path, options->immutable, uri, sizeof uri))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: the path is too long", path);
  leat_db *db = leat__calloc(1, sizeof *db);
  size_t length = strlen(path) + 1;
  if (db) db->path = leat__alloc(length);
  if (!db || !db->path) return leat__free(db), leat__oom(err, length);
  memcpy(db->path, path, length);
  int flags =
      SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
      (options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  int code = lib.open_v2(uri, &db->handle, flags, NULL);
  leat_status status = LEAT_OK;
  if (code)
    status = leat_error_set(err, status_of(code), "%s: %s", path, lib.errstr(code));
  else
    lib.busy_timeout(db->handle, options->busy_ms);
  if (status) leat_db_close(db), db = NULL;
  *out = db;
  return status;
}

void leat_db_close(leat_db *db) {
  if (!db) return;
  if (db->handle) lib.close_v2(db->handle);
  leat__free(db->path);
  leat__free(db);
}

leat_status leat_db_exec(leat_db *db, const char *sql, leat_error *err) {
  return lib.exec(db->handle, sql, NULL, NULL, NULL) ? fail(db, err) : LEAT_OK;
}

static leat_status prepare(leat_db_rows *rows, leat_error *err, const char *sql, const char *types,
                           va_list values) {
  int code = lib.prepare_v2(rows->db->handle, sql, -1, &rows->statement, NULL);
  for (int i = 1; !code && *types; types++, i++) {
    if (*types == 't')
      code = lib.bind_text(rows->statement, i, va_arg(values, const char *), -1, SQLITE_TRANSIENT);
    if (*types == 'i') code = lib.bind_int64(rows->statement, i, va_arg(values, int64_t));
  }
  return code ? fail(rows->db, err) : LEAT_OK;
}

leat_status leat_db_run(leat_db *db, int64_t *changed, leat_error *err, const char *sql,
                        const char *types, ...) {
  leat_db_rows rows = {.db = db};
  va_list values;
  va_start(values, types);
  leat_status status = prepare(&rows, err, sql, types, values);
  va_end(values);
  int code = status ? SQLITE_DONE : lib.step(rows.statement);
  if (code != SQLITE_DONE && code != SQLITE_ROW) status = fail(db, err);
  if (changed) *changed = status ? 0 : lib.changes64(db->handle);
  lib.finalize(rows.statement);
  return status;
}

int64_t leat_db_last_id(const leat_db *db) { return lib.last_insert_rowid(db->handle); }
int64_t leat_db_total_changes(const leat_db *db) { return lib.total_changes64(db->handle); }

leat_status leat_db_query(leat_db *db, leat_db_rows **out, leat_error *err, const char *sql,
                          const char *types, ...) {
  leat_db_rows *rows = *out = leat__calloc(1, sizeof *rows);
  if (!rows) return leat__oom(err, sizeof *rows);
  rows->db = db;
  va_list values;
  va_start(values, types);
  leat_status status = prepare(rows, err, sql, types, values);
  va_end(values);
  if (status) leat_db_end(rows), *out = NULL;
  return status;
}

leat_status leat_db_next(leat_db_rows *rows, leat_error *err) {
  int code = lib.step(rows->statement);
  return code == SQLITE_ROW    ? LEAT_OK
         : code == SQLITE_DONE ? LEAT_OUT_OF_RANGE
                               : fail(rows->db, err);
}

const char *leat_db_text(leat_db_rows *rows, int column) {
  const unsigned char *text = lib.column_text(rows->statement, column);
  return text ? (const char *)text : "";
}

int64_t leat_db_int(leat_db_rows *rows, int column) {
  return lib.column_int64(rows->statement, column);
}

void leat_db_end(leat_db_rows *rows) {
  if (!rows) return;
  lib.finalize(rows->statement);
  leat__free(rows);
}

// --- Values of any type -------------------------------------------------------------------------
int leat_db_columns(leat_db_rows *rows) { return lib.column_count(rows->statement); }

const char *leat_db_column(leat_db_rows *rows, int column) {
  const char *name = lib.column_name(rows->statement, column);
  return name ? name : "";
}

const char *leat_db_declared(leat_db_rows *rows, int column) {
  const char *type = lib.column_decltype(rows->statement, column);
  return type ? type : "";
}

leat_db_type leat_db_type_of(leat_db_rows *rows, int column) {
  switch (lib.column_type(rows->statement, column)) {
    case SQLITE_INTEGER: return LEAT_DB_INT;
    case SQLITE_FLOAT: return LEAT_DB_REAL;
    case SQLITE_TEXT: return LEAT_DB_TEXT;
    case SQLITE_BLOB: return LEAT_DB_BLOB;
    default: return LEAT_DB_NULL;
  }
}

double leat_db_real(leat_db_rows *rows, int column) {
  return lib.column_double(rows->statement, column);
}

leat_str leat_db_bytes(leat_db_rows *rows, int column) {
  const char *bytes = lib.column_blob(rows->statement, column);
  return (leat_str){bytes ? bytes : "", (size_t)lib.column_bytes(rows->statement, column)};
}

leat_status leat_db_bind(leat_db_rows *rows, int at, leat_db_type type, int64_t whole, double real,
                         leat_str bytes, leat_error *err) {
  int code = SQLITE_OK;
  const char *p = bytes.len ? bytes.ptr : "";
  if (bytes.len > INT32_MAX)
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "%s: a value of over 2 GB", rows->db->path);
  switch (type) {
    case LEAT_DB_NULL: code = lib.bind_null(rows->statement, at); break;
    case LEAT_DB_INT: code = lib.bind_int64(rows->statement, at, whole); break;
    case LEAT_DB_REAL: code = lib.bind_double(rows->statement, at, real); break;
    case LEAT_DB_TEXT:
      code = lib.bind_text(rows->statement, at, p, (int)bytes.len, SQLITE_TRANSIENT);
      break;
    case LEAT_DB_BLOB:
      code = lib.bind_blob(rows->statement, at, p, (int)bytes.len, SQLITE_TRANSIENT);
      break;
  }
  return code ? fail(rows->db, err) : LEAT_OK;
}

void leat_db_again(leat_db_rows *rows) { lib.reset(rows->statement); }
