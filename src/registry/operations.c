// Operations: what was asked for, and how it ended.
// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_impl.h"

#include <ctype.h>
#include <stdio.h>

#define OPERATION_COLUMNS                                                                      \
  "SELECT project, name, type, model, version, resource, created_us, ended_us, done, cancel, " \
  "code, message FROM operations "

static leat_status read_operation(leat_db_rows *rows, leat_arena *arena,
                                  leat_registry_operation *out, leat_error *err) {
  bool good = true;
  *out = (leat_registry_operation){.project = leat__kept(arena, rows, 0, &good),
                                   .name = leat__kept(arena, rows, 1, &good),
                                   .type = leat__kept(arena, rows, 2, &good),
                                   .model = leat__kept(arena, rows, 3, &good),
                                   .version = leat__kept(arena, rows, 4, &good),
                                   .resource = leat__kept(arena, rows, 5, &good),
                                   .created_us = leat_db_int(rows, 6),
                                   .started_us = leat_db_int(rows, 6),
                                   .ended_us = leat_db_int(rows, 7),
                                   .done = leat_db_int(rows, 8) != 0,
                                   .cancel_requested = leat_db_int(rows, 9) != 0,
                                   .code = (leat_status)leat_db_int(rows, 10),
                                   .message = leat__kept(arena, rows, 11, &good)};
  return good ? LEAT_OK : leat__oom(err, 1);
}

static leat_status find_operation(leat_registry *r, const char *project, const char *name,
                                  leat_arena *arena, leat_registry_operation *out,
                                  leat_error *err) {
  leat_db_rows *rows;
  leat_status status = leat_db_query(
      r->db, &rows, err, OPERATION_COLUMNS "WHERE project = ?1 AND name = ?2", "tt", project, name);
  if (status) return status;
  status = leat_db_next(rows, err);
  if (!status) status = read_operation(rows, arena, out, err);
  leat_db_end(rows);
  if (status != LEAT_OUT_OF_RANGE) return status;
  return leat_error_set(err, LEAT_NOT_FOUND, "no operation '%s' in project '%s'", name, project);
}

// "create_census_v1-1516144132000", with another number if that is taken.
static leat_status insert_operation(leat_registry *r, const leat_registry_operation *what,
                                    bool running, leat_buf *name, leat_error *err) {
  int64_t now = leat__now_us();
  leat_status status = LEAT_ALREADY_EXISTS;
  for (int64_t tries = 0; status == LEAT_ALREADY_EXISTS && tries < 1000; tries++) {
    leat_buf_clear(name);
    for (const char *c = what->type; *c && *c != '_'; c++)
      leat_buf_char(name, (char)tolower((unsigned char)*c));
    leat_buf_fmt(name, "_%s%s%s-%lld", what->model, what->version[0] ? "_" : "", what->version,
                 (long long)(now / 1000 + tries));
    if (name->failed) return leat_buf_status(name, err);
    status = leat_db_run(
        r->db, NULL, err,
        "INSERT INTO operations (project, name, type, model, version, resource, created_us, "
        "ended_us, done, cancel, code, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, "
        "'')",
        "ttttttiii", what->project, name->ptr, what->type, what->model, what->version,
        what->resource ? what->resource : "{}", now, running ? (int64_t)0 : now, (int64_t)!running);
  }
  return status;
}

leat_status leat__operation_add(leat_registry *r, const leat_registry_operation *what, bool running,
                                leat_arena *arena, leat_registry_operation *out, leat_error *err) {
  leat_buf name = {0};
  leat_status status = insert_operation(r, what, running, &name, err);
  if (!status) status = find_operation(r, what->project, name.ptr, arena, out, err);
  leat_buf_deinit(&name);
  return status;
}

leat_status leat__operation_end(leat_registry *r, const char *project, const char *name,
                                const leat_error *result, leat_error *err) {
  return leat_db_run(r->db, NULL, err,
                     "UPDATE operations SET done = 1, ended_us = ?1, code = ?2, message = ?3 "
                     "WHERE project = ?4 AND name = ?5 AND done = 0",
                     "iittt", leat__now_us(), (int64_t)result->status,
                     result->status ? result->message : "", project, name);
}

leat_status leat_registry_record(leat_registry *r, const leat_registry_operation *what,
                                 leat_arena *arena, leat_registry_operation *op, leat_error *err) {
  leat_status status = leat__begin(r, err);
  if (status) return status;
  return leat__commit(r, leat__operation_add(r, what, false, arena, op, err), err);
}

leat_status leat_registry_operation_get(leat_registry *r, const char *project, const char *name,
                                        leat_arena *arena, leat_registry_operation *out,
                                        leat_error *err) {
  leat_status status = leat__read_begin(r, err);
  if (status) return status;
  status = find_operation(r, project, name, arena, out, err);
  leat__read_end(r);
  return status;
}

leat_status leat_registry_operation_list(leat_registry *r, const char *project,
                                         leat_registry_page page, leat_arena *arena,
                                         leat_registry_operations *out, leat_error *err) {
  leat_db_rows *rows = NULL;
  leat_registry_operation op;
  leat_status status = leat__read_begin(r, err);
  if (status) return status;
  status = leat_db_query(
      r->db, &rows, err,
      OPERATION_COLUMNS "WHERE project = ?1 AND name > ?2 ORDER BY name LIMIT ?3", "tti", project,
      page.after ? page.after : "", page.limit ? page.limit : (int64_t)-1);
  while (!status && !(status = leat_db_next(rows, err))) {
    status = read_operation(rows, arena, &op, err);
    if (!status && !leat_vec_push(out, op)) status = leat__oom(err, sizeof op);
  }
  leat_db_end(rows);
  leat__read_end(r);
  return status == LEAT_OUT_OF_RANGE ? LEAT_OK : status;
}

leat_status leat_registry_operation_cancel(leat_registry *r, const char *project, const char *name,
                                           leat_error *err) {
  leat_arena arena = {0};
  leat_registry_operation op;
  leat_status status = leat__begin(r, err);
  if (status) return status;
  status = find_operation(r, project, name, &arena, &op, err);
  if (!status && !op.done)
    status = leat_db_run(r->db, NULL, err,
                         "UPDATE operations SET cancel = 1 WHERE project = ?1 AND name = ?2", "tt",
                         project, name);
  leat_arena_deinit(&arena);
  return leat__commit(r, status, err);
}

leat_status leat_registry_operation_delete(leat_registry *r, const char *project, const char *name,
                                           leat_error *err) {
  leat_arena arena = {0};
  leat_registry_operation op;
  leat_status status = leat__begin(r, err);
  if (status) return status;
  status = find_operation(r, project, name, &arena, &op, err);
  if (!status && !op.done)
    status = leat_error_set(err, LEAT_FAILED_PRECONDITION, "operation '%s' is not done", name);
  if (!status)
    status =
        leat_db_run(r->db, NULL, err, "DELETE FROM operations WHERE project = ?1 AND name = ?2",
                    "tt", project, name);
  leat_arena_deinit(&arena);
  return leat__commit(r, status, err);
}
