// The registry's directory: opening, locks, transactions, recovery.
// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_impl.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { SCHEMA = 1, APPLICATION = 0x4c454154 };  // "LEAT"

static const char schema[] =
    "CREATE TABLE models (id INTEGER PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL,"
    " fields TEXT NOT NULL, next_number INTEGER NOT NULL, default_id INTEGER,"
    " created_us INTEGER NOT NULL, revision INTEGER NOT NULL, UNIQUE (project, name)) STRICT;"
    "CREATE TABLE versions (id INTEGER PRIMARY KEY, model_id INTEGER NOT NULL REFERENCES models,"
    " name TEXT NOT NULL, number INTEGER NOT NULL, state INTEGER NOT NULL, fields TEXT NOT NULL,"
    " origin TEXT NOT NULL, hash TEXT NOT NULL, bytes INTEGER NOT NULL, error TEXT NOT NULL,"
    " lineage TEXT NOT NULL, created_us INTEGER NOT NULL,"
    " used_us INTEGER NOT NULL, revision INTEGER NOT NULL, UNIQUE (model_id, name),"
    " UNIQUE (model_id, number)) STRICT;"
    "CREATE TABLE operations (id INTEGER PRIMARY KEY, project TEXT NOT NULL, name TEXT NOT NULL,"
    " type TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL, resource TEXT NOT NULL,"
    " created_us INTEGER NOT NULL, ended_us INTEGER NOT NULL, done INTEGER NOT NULL,"
    " cancel INTEGER NOT NULL, code INTEGER NOT NULL, message TEXT NOT NULL,"
    " UNIQUE (project, name)) STRICT;";

int64_t leat__now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

// --- Transactions -------------------------------------------------------------------------------
leat_status leat__read_begin(leat_registry *r, leat_error *err) {
  pthread_mutex_lock(&r->mutex);
  leat_status status = leat_db_exec(r->db, "BEGIN", err);
  if (status) pthread_mutex_unlock(&r->mutex);
  return status;
}

void leat__read_end(leat_registry *r) {
  leat_db_exec(r->db, "COMMIT", NULL);
  pthread_mutex_unlock(&r->mutex);
}

leat_status leat__begin(leat_registry *r, leat_error *err) {
  if (r->read_only)
    return leat_error_set(err, LEAT_PERMISSION_DENIED, "%s: the registry cannot be written",
                          r->dir);
  pthread_mutex_lock(&r->mutex);
  leat_status status = leat_db_exec(r->db, "BEGIN IMMEDIATE", err);
  if (status) pthread_mutex_unlock(&r->mutex);
  return status;
}

leat_status leat__commit(leat_registry *r, leat_status status, leat_error *err) {
  if (!status) status = leat_db_exec(r->db, "COMMIT", err);
  if (status) leat_db_exec(r->db, "ROLLBACK", NULL);
  pthread_mutex_unlock(&r->mutex);
  return status;
}

// --- Locks --------------------------------------------------------------------------------------
leat_status leat__lock(const leat_registry *r, bool exclusive, int *fd, leat_error *err) {
  char *path = leat_path_join(r->dir, "lock");
  *fd = -1;
  if (!path) return leat__oom(err, 1);
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666), bad = file < 0;
  while (!bad && (bad = flock(file, exclusive ? LOCK_EX | LOCK_NB : LOCK_SH)) && errno == EINTR)
    bad = 0;
  bool held = bad && file >= 0 && exclusive && errno == EWOULDBLOCK;
  leat_status status = bad && !held ? leat_file_error(err, path, "lock") : LEAT_OK;
  if (bad && file >= 0) close(file);
  if (!bad) *fd = file;
  leat__free(path);
  return status;
}

void leat__unlock(int fd) {
  if (fd >= 0) close(fd);
}

// --- Recovery -----------------------------------------------------------------------------------
static bool is_used(void *context, const char *hash) {
  leat_registry *r = context;
  leat_db_rows *rows;
  if (leat_db_query(r->db, &rows, NULL, "SELECT 1 FROM versions WHERE hash = ?1 LIMIT 1", "t",
                    hash))
    return true;
  bool used = leat_db_next(rows, NULL) != LEAT_OUT_OF_RANGE;
  leat_db_end(rows);
  return used;
}

// Under the exclusive lock: no creator is alive.
static leat_status fail_interrupted(leat_registry *r, leat_error *err) {
  int64_t now = leat__now_us();
  leat_status status = leat_db_run(
      r->db, NULL, err,
      "UPDATE operations SET done = 1, ended_us = ?1, code = ?2, message = 'the creation was "
      "interrupted' WHERE done = 0",
      "ii", now, (int64_t)LEAT_ABORTED);
  if (!status)
    status = leat_db_run(r->db, NULL, err,
                         "UPDATE versions SET state = ?1, error = 'the creation was interrupted', "
                         "revision = max(revision + 1, ?2) WHERE state = ?3",
                         "iii", (int64_t)LEAT_VERSION_FAILED, now, (int64_t)LEAT_VERSION_CREATING);
  return status;
}

static leat_status has_interrupted(leat_registry *r, bool *found, leat_error *err) {
  leat_db_rows *rows;
  leat_status status =
      leat_db_query(r->db, &rows, err, "SELECT 1 FROM operations WHERE done = 0 LIMIT 1", "");
  if (status) return status;
  status = leat_db_next(rows, err);
  *found = status == LEAT_OK;
  leat_db_end(rows);
  return status == LEAT_OUT_OF_RANGE ? LEAT_OK : status;
}

leat_status leat_registry_collect(leat_registry *r, leat_error *err) {
  int lock;
  bool interrupted = false;
  leat_status status = leat__lock(r, true, &lock, err);
  if (status || lock < 0) return status;
  status = leat__read_begin(r, err);
  if (!status) {
    status = has_interrupted(r, &interrupted, err);
    if (!status) status = leat__objects_sweep(r, is_used, r, err);
    leat__read_end(r);
  }
  if (!status && interrupted && !(status = leat__begin(r, err)))
    status = leat__commit(r, fail_interrupted(r, err), err);
  leat__unlock(lock);
  return status;
}

// --- Opening ------------------------------------------------------------------------------------
static leat_status read_int(leat_db *db, const char *sql, int64_t *out, leat_error *err) {
  leat_db_rows *rows;
  leat_status status = leat_db_query(db, &rows, err, sql, "");
  if (status) return status;
  status = leat_db_next(rows, err);
  if (!status) *out = leat_db_int(rows, 0);
  leat_db_end(rows);
  return status;
}

static leat_status check_kind(leat_registry *r, int64_t *version, leat_error *err) {
  int64_t application = 0, tables = 0;
  leat_status status = read_int(r->db, "PRAGMA application_id", &application, err);
  if (!status) status = read_int(r->db, "PRAGMA user_version", version, err);
  if (!status) status = read_int(r->db, "SELECT count(*) FROM sqlite_schema", &tables, err);
  if (status) return status;
  if (application != APPLICATION && (tables || application))
    return leat_error_set(err, LEAT_DATA_LOSS, "%s/registry.db: not a registry's database", r->dir);
  if (*version > SCHEMA)
    return leat_error_set(err, LEAT_FAILED_PRECONDITION,
                          "%s/registry.db: of a newer version of leat (schema %lld, known %d)",
                          r->dir, (long long)*version, SCHEMA);
  return LEAT_OK;
}

static leat_status make_schema(leat_registry *r, leat_error *err) {
  char mark[96];
  int64_t version = 0;
  leat_status status = leat__begin(r, err);
  if (status) return status;
  status = check_kind(r, &version, err);  // another process may have been quicker
  if (!status && version == 0) {
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION,
             SCHEMA);
    status = leat_db_exec(r->db, schema, err);
    if (!status) status = leat_db_exec(r->db, mark, err);
  }
  return leat__commit(r, status, err);
}

// Two processes that open a new registry at once meet here, where SQLite does not wait.
static leat_status set_up(leat_registry *r, leat_error *err) {
  static const char pragmas[] =
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";
  leat_status status = LEAT_OK;
  for (int tries = 0; tries < 250; tries++) {
    status = leat_db_exec(r->db, pragmas, err);
    if (status != LEAT_UNAVAILABLE) break;
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  int64_t version = 0;
  if (!status) status = check_kind(r, &version, err);
  if (!status && version == 0) status = make_schema(r, err);
  return status;
}

// Without a -wal file beside it nothing is missing from the database, and nobody writes it here.
static leat_status open_read_only(leat_registry *r, const char *path, int busy_ms,
                                  leat_error *err) {
  int64_t version = 0;
  leat_status status = LEAT_OK;
  for (int immutable = 0; immutable < 2; immutable++) {
    leat_db_options options = {.read_only = true, .immutable = immutable, .busy_ms = busy_ms};
    leat_db_close(r->db);
    status = leat_db_open(&r->db, path, &options, err);
    if (!status) status = check_kind(r, &version, err);
    if (!status || status == LEAT_DATA_LOSS) break;
  }
  if (!status && version == 0)
    status = leat_error_set(err, LEAT_NOT_FOUND, "%s: no registry there", r->dir);
  r->read_only = true;
  return status;
}

static leat_status open_database(leat_registry *r, const leat_registry_options *options,
                                 leat_error *err) {
  char *path = leat_path_join(r->dir, "registry.db");
  leat_db_options how = {.busy_ms = options->busy_ms ? options->busy_ms : 5000};
  if (!path) return leat__oom(err, 1);
  bool there = leat_file_exists(path);
  leat_status status = LEAT_OK;
  r->read_only = options->read_only || (there && access(r->dir, W_OK) != 0);
  if (r->read_only && !there)
    status = leat_error_set(err, LEAT_NOT_FOUND, "%s: no registry there", r->dir);
  else if (r->read_only)
    status = open_read_only(r, path, how.busy_ms, err);
  else {
    status = leat_dir_make(r->objects, err);
    if (!status) status = leat_db_open(&r->db, path, &how, err);
    if (!status) status = set_up(r, err);
  }
  leat__free(path);
  return status;
}

leat_status leat_registry_open(leat_registry **out, const char *dir,
                               const leat_registry_options *options, leat_error *err) {
  static const leat_registry_options defaults;
  leat_registry *r = *out = leat__calloc(1, sizeof *r);
  if (!r) return leat__oom(err, sizeof *r);
  pthread_mutex_init(&r->mutex, NULL);
  r->dir = leat_strdup(dir);
  r->objects = leat_path_join(dir, "objects");
  leat_status status = r->dir && r->objects ? LEAT_OK : leat__oom(err, strlen(dir));
  if (!status) status = open_database(r, options ? options : &defaults, err);
  if (!status && !r->read_only) status = leat_registry_collect(r, err);
  if (!status) return LEAT_OK;
  leat_registry_close(r);
  *out = NULL;
  return leat_error_prepend(err, status, "registry");
}

void leat_registry_close(leat_registry *r) {
  if (!r) return;
  leat_db_close(r->db);
  pthread_mutex_destroy(&r->mutex);
  leat__free(r->objects);
  leat__free(r->dir);
  leat__free(r);
}

const char *leat_registry_dir(const leat_registry *r) { return r->dir; }

leat_status leat_registry_stamp(leat_registry *r, int64_t *stamp, leat_error *err) {
  int64_t version = 0;
  pthread_mutex_lock(&r->mutex);
  leat_status status = read_int(r->db, "PRAGMA data_version", &version, err);
  if (!status) *stamp = version + leat_db_total_changes(r->db);
  pthread_mutex_unlock(&r->mutex);
  return status;
}
