// Models: rows of the registry.
// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_impl.h"

#include <ctype.h>
#include <string.h>

leat_status leat__name_check(const char *noun, const char *name, leat_error *err) {
  size_t n = strlen(name);
  bool good = n > 0 && n <= 128 && isalpha((unsigned char)name[0]);
  for (size_t i = 0; i < n; i++) good &= isalnum((unsigned char)name[i]) || name[i] == '_';
  if (good) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "%s '%.140s': a name is a letter and up to 127 letters, digits or "
                        "underscores",
                        noun, name);
}

leat_status leat__model_id(leat_registry *r, const char *project, const char *name, int64_t *id,
                           leat_error *err) {
  leat_db_rows *rows;
  leat_status status =
      leat_db_query(r->db, &rows, err, "SELECT id FROM models WHERE project = ?1 AND name = ?2",
                    "tt", project, name);
  if (status) return status;
  status = leat_db_next(rows, err);
  if (!status) *id = leat_db_int(rows, 0);
  leat_db_end(rows);
  if (status != LEAT_OUT_OF_RANGE) return status;
  return leat_error_set(err, LEAT_NOT_FOUND, "no model '%s' in project '%s'", name, project);
}

leat_status leat_registry_model_create(leat_registry *r, const leat_registry_model *m,
                                       leat_error *err) {
  leat_status status = leat__name_check("model", m->name, err);
  if (!status) status = leat__begin(r, err);
  if (status) return status;
  int64_t now = leat__now_us();
  leat_error inner = {0};
  status = leat_db_run(r->db, NULL, &inner,
                       "INSERT INTO models (project, name, fields, next_number, created_us, "
                       "revision) VALUES (?1, ?2, ?3, 1, ?4, ?4)",
                       "ttti", m->project, m->name, m->fields ? m->fields : "{}", now);
  if (status == LEAT_ALREADY_EXISTS)
    leat_error_set(err, status, "model '%s' exists already", m->name);
  else if (status)
    leat_error_set(err, status, "%s", inner.message);
  return leat__commit(r, status, err);
}

#define MODEL_COLUMNS                                                                          \
  "SELECT project, name, fields, coalesce((SELECT name FROM versions WHERE id = default_id), " \
  "''), created_us, revision FROM models "

const char *leat__kept(leat_arena *arena, leat_db_rows *rows, int column, bool *good) {
  const char *text = leat_arena_str(arena, leat_str_of(leat_db_text(rows, column)));
  if (!text) *good = false;
  return text;
}

static leat_status read_model(leat_db_rows *rows, leat_arena *arena, leat_registry_model *out,
                              leat_error *err) {
  bool good = true;
  *out = (leat_registry_model){.project = leat__kept(arena, rows, 0, &good),
                               .name = leat__kept(arena, rows, 1, &good),
                               .fields = leat__kept(arena, rows, 2, &good),
                               .default_version = leat__kept(arena, rows, 3, &good),
                               .created_us = leat_db_int(rows, 4),
                               .revision = leat_db_int(rows, 5)};
  return good ? LEAT_OK : leat__oom(err, 1);
}

leat_status leat_registry_model_get(leat_registry *r, const char *project, const char *name,
                                    leat_arena *arena, leat_registry_model *out, leat_error *err) {
  int64_t id;
  leat_db_rows *rows = NULL;
  leat_status status = leat__read_begin(r, err);
  if (status) return status;
  status = leat__model_id(r, project, name, &id, err);
  if (!status) status = leat_db_query(r->db, &rows, err, MODEL_COLUMNS "WHERE id = ?1", "i", id);
  if (!status) status = leat_db_next(rows, err);
  if (!status) status = read_model(rows, arena, out, err);
  leat_db_end(rows);
  leat__read_end(r);
  return status;
}

leat_status leat_registry_model_list(leat_registry *r, const char *project, leat_registry_page page,
                                     leat_arena *arena, leat_registry_models *out,
                                     leat_error *err) {
  leat_db_rows *rows = NULL;
  leat_registry_model m;
  leat_status status = leat__read_begin(r, err);
  if (status) return status;
  status = leat_db_query(
      r->db, &rows, err, MODEL_COLUMNS "WHERE project = ?1 AND name > ?2 ORDER BY name LIMIT ?3",
      "tti", project, page.after ? page.after : "", page.limit ? page.limit : (int64_t)-1);
  while (!status && !(status = leat_db_next(rows, err))) {
    status = read_model(rows, arena, &m, err);
    if (!status && !leat_vec_push(out, m)) status = leat__oom(err, sizeof m);
  }
  leat_db_end(rows);
  leat__read_end(r);
  return status == LEAT_OUT_OF_RANGE ? LEAT_OK : status;
}

// Of an UPDATE that asks for the revision: none changed means that another one was there first.
leat_status leat__updated(leat_status status, int64_t changed, const char *noun, const char *name,
                          leat_error *err) {
  if (status || changed) return status;
  return leat_error_set(err, LEAT_ABORTED,
                        "%s '%s' was changed in the meantime: its etag is another one", noun, name);
}

leat_status leat_registry_model_update(leat_registry *r, const leat_registry_model *m,
                                       leat_error *err) {
  int64_t id, changed = 0;
  leat_status status = leat__begin(r, err);
  if (status) return status;
  status = leat__model_id(r, m->project, m->name, &id, err);
  if (!status)
    status = leat_db_run(r->db, &changed, err,
                         "UPDATE models SET fields = ?1, revision = max(revision + 1, ?2) "
                         "WHERE id = ?3 AND (?4 = 0 OR revision = ?4)",
                         "tiii", m->fields, leat__now_us(), id, m->revision);
  status = leat__updated(status, changed, "model", m->name, err);
  return leat__commit(r, status, err);
}

static leat_status refuse_versions(leat_registry *r, int64_t id, const char *name,
                                   leat_error *err) {
  leat_db_rows *rows;
  leat_status status = leat_db_query(
      r->db, &rows, err, "SELECT count(*), min(name) FROM versions WHERE model_id = ?1", "i", id);
  if (status) return status;
  status = leat_db_next(rows, err);
  if (!status && leat_db_int(rows, 0) > 0)
    status = leat_error_set(err, LEAT_FAILED_PRECONDITION,
                            "model '%s' has versions ('%s'%s): delete them first", name,
                            leat_db_text(rows, 1), leat_db_int(rows, 0) > 1 ? ", ..." : "");
  leat_db_end(rows);
  return status;
}

leat_status leat_registry_model_delete(leat_registry *r, const char *project, const char *name,
                                       leat_arena *arena, leat_registry_operation *op,
                                       leat_error *err) {
  int64_t id;
  leat_registry_operation what = {
      .project = project, .type = "DELETE_MODEL", .model = name, .version = ""};
  leat_status status = leat__begin(r, err);
  if (status) return status;
  status = leat__model_id(r, project, name, &id, err);
  if (!status) status = refuse_versions(r, id, name, err);
  if (!status) status = leat_db_run(r->db, NULL, err, "DELETE FROM models WHERE id = ?1", "i", id);
  if (!status) status = leat__operation_add(r, &what, false, arena, op, err);
  return leat__commit(r, status, err);
}
