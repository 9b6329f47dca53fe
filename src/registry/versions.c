// Versions: rows of the registry, and the default of a model.
// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_impl.h"

#include "base/file.h"

#include <string.h>

const char *leat_version_state_name(leat_version_state state) {
  static const char *const names[] = {"UNKNOWN", "READY", "CREATING", "FAILED"};
  return (unsigned)state < sizeof names / sizeof *names ? names[state] : names[0];
}

#define VERSION_COLUMNS                                                                          \
  "SELECT m.project, m.name, v.name, v.number, v.state, coalesce(m.default_id = v.id, 0), "      \
  "v.fields, v.origin, v.hash, v.bytes, v.error, v.lineage, v.created_us, v.used_us, v.revision" \
  " FROM versions v JOIN models m ON m.id = v.model_id "

static leat_status read_version(leat_registry *r, leat_db_rows *rows, leat_arena *arena,
                                leat_registry_version *out, leat_error *err) {
  bool good = true;
  *out = (leat_registry_version){.project = leat__kept(arena, rows, 0, &good),
                                 .model = leat__kept(arena, rows, 1, &good),
                                 .name = leat__kept(arena, rows, 2, &good),
                                 .number = leat_db_int(rows, 3),
                                 .state = (leat_version_state)leat_db_int(rows, 4),
                                 .is_default = leat_db_int(rows, 5) != 0,
                                 .fields = leat__kept(arena, rows, 6, &good),
                                 .origin = leat__kept(arena, rows, 7, &good),
                                 .hash = leat__kept(arena, rows, 8, &good),
                                 .dir = "",
                                 .bytes = leat_db_int(rows, 9),
                                 .error = leat__kept(arena, rows, 10, &good),
                                 .lineage = leat__kept(arena, rows, 11, &good),
                                 .created_us = leat_db_int(rows, 12),
                                 .used_us = leat_db_int(rows, 13),
                                 .revision = leat_db_int(rows, 14)};
  if (good && out->hash[0]) {
    char *dir = leat_path_join(r->objects, out->hash);
    good = dir && (out->dir = leat_arena_str(arena, leat_str_of(dir)));
    leat__free(dir);
  }
  return good ? LEAT_OK : leat__oom(err, 1);
}

leat_status leat__version_id(leat_registry *r, const char *project, const char *model,
                             const char *name, int64_t *id, leat_error *err) {
  int64_t model_id;
  leat_db_rows *rows;
  leat_status status = leat__model_id(r, project, model, &model_id, err);
  if (!status)
    status = leat_db_query(r->db, &rows, err,
                           "SELECT id FROM versions WHERE model_id = ?1 AND name = ?2", "it",
                           model_id, name);
  if (status) return status;
  status = leat_db_next(rows, err);
  if (!status) *id = leat_db_int(rows, 0);
  leat_db_end(rows);
  if (status != LEAT_OUT_OF_RANGE) return status;
  return leat_error_set(err, LEAT_NOT_FOUND, "no version '%s' of model '%s' in project '%s'", name,
                        model, project);
}

static leat_status find_version(leat_registry *r, int64_t id, leat_arena *arena,
                                leat_registry_version *out, leat_error *err) {
  leat_db_rows *rows;
  leat_status status = leat_db_query(r->db, &rows, err, VERSION_COLUMNS "WHERE v.id = ?1", "i", id);
  if (status) return status;
  status = leat_db_next(rows, err);
  if (!status) status = read_version(r, rows, arena, out, err);
  leat_db_end(rows);
  return status;
}

leat_status leat_registry_version_get(leat_registry *r, const char *project, const char *model,
                                      const char *name, leat_arena *arena,
                                      leat_registry_version *out, leat_error *err) {
  int64_t id;
  leat_status status = leat__read_begin(r, err);
  if (status) return status;
  status = leat__version_id(r, project, model, name, &id, err);
  if (!status) status = find_version(r, id, arena, out, err);
  leat__read_end(r);
  return status;
}

static leat_status query_versions(leat_registry *r, const char *project, const char *model,
                                  leat_registry_page page, leat_db_rows **rows, leat_error *err) {
  int64_t id;
  if (!model && !project)
    return leat_db_query(r->db, rows, err,
                         VERSION_COLUMNS "WHERE v.state = ?1 ORDER BY m.project, m.name, v.number",
                         "i", (int64_t)LEAT_VERSION_READY);
  if (!model)
    return leat_db_query(r->db, rows, err,
                         VERSION_COLUMNS
                         "WHERE m.project = ?1 AND v.state = ?2 ORDER BY m.name, v.number",
                         "ti", project, (int64_t)LEAT_VERSION_READY);
  leat_status status = leat__model_id(r, project, model, &id, err);
  if (status) return status;
  return leat_db_query(
      r->db, rows, err, VERSION_COLUMNS "WHERE m.id = ?1 AND v.name > ?2 ORDER BY v.name LIMIT ?3",
      "iti", id, page.after ? page.after : "", page.limit ? page.limit : (int64_t)-1);
}

leat_status leat_registry_version_list(leat_registry *r, const char *project, const char *model,
                                       leat_registry_page page, leat_arena *arena,
                                       leat_registry_versions *out, leat_error *err) {
  leat_db_rows *rows = NULL;
  leat_registry_version v;
  leat_status status = leat__read_begin(r, err);
  if (status) return status;
  status = query_versions(r, project, model, page, &rows, err);
  while (!status && !(status = leat_db_next(rows, err))) {
    status = read_version(r, rows, arena, &v, err);
    if (!status && !leat_vec_push(out, v)) status = leat__oom(err, sizeof v);
  }
  leat_db_end(rows);
  leat__read_end(r);
  return status == LEAT_OUT_OF_RANGE ? LEAT_OK : status;
}

leat_status leat_registry_version_update(leat_registry *r, const leat_registry_version *v,
                                         leat_error *err) {
  int64_t id, changed = 0;
  leat_status status = leat__begin(r, err);
  if (status) return status;
  status = leat__version_id(r, v->project, v->model, v->name, &id, err);
  if (!status)
    status = leat_db_run(r->db, &changed, err,
                         "UPDATE versions SET fields = ?1, revision = max(revision + 1, ?2) "
                         "WHERE id = ?3 AND (?4 = 0 OR revision = ?4)",
                         "tiii", v->fields, leat__now_us(), id, v->revision);
  status = leat__updated(status, changed, "version", v->name, err);
  return leat__commit(r, status, err);
}

leat_status leat__set_default(leat_registry *r, int64_t version_id, leat_error *err) {
  return leat_db_run(r->db, NULL, err,
                     "UPDATE models SET default_id = ?1, revision = max(revision + 1, ?2) WHERE "
                     "id = (SELECT model_id FROM versions WHERE id = ?1)",
                     "ii", version_id, leat__now_us());
}

leat_status leat_registry_version_set_default(leat_registry *r, const char *project,
                                              const char *model, const char *name,
                                              leat_error *err) {
  int64_t id;
  leat_arena arena = {0};
  leat_registry_version v;
  leat_status status = leat__begin(r, err);
  if (status) return status;
  status = leat__version_id(r, project, model, name, &id, err);
  if (!status) status = find_version(r, id, &arena, &v, err);
  if (!status && v.state != LEAT_VERSION_READY)
    status =
        leat_error_set(err, LEAT_FAILED_PRECONDITION, "version '%s' of model '%s' is %s, not READY",
                       name, model, leat_version_state_name(v.state));
  if (!status) status = leat__set_default(r, id, err);
  leat_arena_deinit(&arena);
  return leat__commit(r, status, err);
}

leat_status leat_registry_version_used(leat_registry *r, const char *project, const char *model,
                                       const char *name, leat_error *err) {
  int64_t id;
  leat_status status = leat__begin(r, err);
  if (status) return status;
  status = leat__version_id(r, project, model, name, &id, err);
  if (!status)
    status = leat_db_run(r->db, NULL, err, "UPDATE versions SET used_us = ?1 WHERE id = ?2", "ii",
                         leat__now_us(), id);
  return leat__commit(r, status, err);
}

// --- Deleting -----------------------------------------------------------------------------------
static leat_status may_delete(leat_registry *r, const leat_registry_version *v, leat_error *err) {
  leat_db_rows *rows;
  if (v->state == LEAT_VERSION_CREATING)
    return leat_error_set(err, LEAT_FAILED_PRECONDITION,
                          "version '%s' of model '%s' is being created", v->name, v->model);
  if (!v->is_default) return LEAT_OK;
  leat_status status = leat_db_query(r->db, &rows, err,
                                     "SELECT count(*) FROM versions v JOIN models m ON m.id = "
                                     "v.model_id WHERE m.project = ?1 AND m.name = ?2",
                                     "tt", v->project, v->model);
  if (status) return status;
  status = leat_db_next(rows, err);
  if (!status && leat_db_int(rows, 0) > 1)
    status = leat_error_set(err, LEAT_FAILED_PRECONDITION,
                            "version '%s' is the default of model '%s', which has others: set "
                            "another default first",
                            v->name, v->model);
  leat_db_end(rows);
  return status;
}

static leat_status delete_row(leat_registry *r, int64_t id, bool is_default, leat_error *err) {
  leat_status status = LEAT_OK;
  if (is_default)
    status = leat_db_run(r->db, NULL, err,
                         "UPDATE models SET default_id = NULL, revision = max(revision + 1, ?1) "
                         "WHERE default_id = ?2",
                         "ii", leat__now_us(), id);
  return status ? status
                : leat_db_run(r->db, NULL, err, "DELETE FROM versions WHERE id = ?1", "i", id);
}

leat_status leat_registry_version_delete(leat_registry *r, const char *project, const char *model,
                                         const char *name, leat_arena *arena,
                                         leat_registry_operation *op, leat_error *err) {
  int64_t id;
  leat_registry_version v;
  leat_registry_operation what = {
      .project = project, .type = "DELETE_VERSION", .model = model, .version = name};
  leat_status status = leat__begin(r, err);
  if (status) return status;
  status = leat__version_id(r, project, model, name, &id, err);
  if (!status) status = find_version(r, id, arena, &v, err);
  if (!status) status = may_delete(r, &v, err);
  if (!status) status = delete_row(r, id, v.is_default, err);
  if (!status) what.resource = v.fields;
  if (!status) status = leat__operation_add(r, &what, false, arena, op, err);
  status = leat__commit(r, status, err);
  if (!status) leat_registry_collect(r, NULL);  // what stays now is collected at the next opening
  return status;
}
