// Creating a version: intent, files, a smoke prediction, READY.
// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_impl.h"

#include "base/file.h"
#include "leat/model.h"

struct leat_creation {
  leat_registry *r;
  leat_arena arena;
  const char *project, *model, *name, *origin;
  int64_t id;  // of the version's row
  leat_registry_operation op;
  int lock;  // shared, from before the intent to behind the end
  bool ended;
};

// --- The intent ---------------------------------------------------------------------------------
static leat_status take_number(leat_registry *r, int64_t model, int64_t *number, leat_error *err) {
  leat_db_rows *rows;
  leat_status status =
      leat_db_query(r->db, &rows, err, "SELECT next_number FROM models WHERE id = ?1", "i", model);
  if (status) return status;
  status = leat_db_next(rows, err);
  if (!status) *number = leat_db_int(rows, 0);
  leat_db_end(rows);
  if (status) return status;
  return leat_db_run(r->db, NULL, err, "UPDATE models SET next_number = ?1 WHERE id = ?2", "ii",
                     *number + 1, model);
}

static leat_status insert_version(leat_creation *c, const char *fields, leat_error *err) {
  leat_registry *r = c->r;
  int64_t model, number;
  leat_error inner = {0};
  leat_status status = leat__model_id(r, c->project, c->model, &model, err);
  if (!status) status = take_number(r, model, &number, err);
  if (status) return status;
  status = leat_db_run(r->db, NULL, &inner,
                       "INSERT INTO versions (model_id, name, number, state, fields, origin, hash, "
                       "bytes, error, lineage, created_us, used_us, revision) VALUES (?1, ?2, ?3, "
                       "?4, ?5, ?6, '', 0, '', '{}', ?7, 0, ?7)",
                       "itiitti", model, c->name, number, (int64_t)LEAT_VERSION_CREATING, fields,
                       c->origin, leat__now_us());
  if (status == LEAT_ALREADY_EXISTS)
    return leat_error_set(err, status, "version '%s' of model '%s' exists already", c->name,
                          c->model);
  return status ? leat_error_set(err, status, "%s", inner.message) : LEAT_OK;
}

static leat_status intend(leat_creation *c, const leat_registry_version *v, leat_error *err) {
  leat_registry_operation what = {.project = c->project,
                                  .type = "CREATE_VERSION",
                                  .model = c->model,
                                  .version = c->name,
                                  .resource = v->fields ? v->fields : "{}"};
  leat_status status = leat__begin(c->r, err);
  if (status) return status;
  status = insert_version(c, what.resource, err);
  if (!status) c->id = leat_db_last_id(c->r->db);
  if (!status) status = leat__operation_add(c->r, &what, true, &c->arena, &c->op, err);
  return leat__commit(c->r, status, err);
}

static leat_status keep_names(leat_creation *c, const leat_registry_version *v, leat_error *err) {
  c->project = leat_arena_str(&c->arena, leat_str_of(v->project));
  c->model = leat_arena_str(&c->arena, leat_str_of(v->model));
  c->name = leat_arena_str(&c->arena, leat_str_of(v->name));
  c->origin = leat_arena_str(&c->arena, leat_str_of(v->origin));
  return c->project && c->model && c->name && c->origin ? LEAT_OK : leat__oom(err, 1);
}

leat_status leat_registry_version_begin(leat_registry *r, const leat_registry_version *v,
                                        leat_creation **out, leat_error *err) {
  leat_creation *c = *out = leat__calloc(1, sizeof *c);
  if (!c) return leat__oom(err, sizeof *c);
  *c = (leat_creation){.r = r, .lock = -1, .ended = true};
  leat_status status = leat__name_check("version", v->name, err);
  if (!status && r->read_only)
    status =
        leat_error_set(err, LEAT_PERMISSION_DENIED, "%s: the registry cannot be written", r->dir);
  if (!status) status = keep_names(c, v, err);
  if (!status) status = leat__lock(r, false, &c->lock, err);
  if (!status) status = intend(c, v, err);
  if (!status)
    c->ended = false;
  else
    leat_creation_free(c), *out = NULL;
  return status;
}

const leat_registry_operation *leat_creation_operation(const leat_creation *c) { return &c->op; }

// --- The work -----------------------------------------------------------------------------------
static bool is_cancelled(void *context) {
  leat_creation *c = context;
  leat_arena arena = {0};
  leat_registry_operation op;
  bool asked = !leat_registry_operation_get(c->r, c->project, c->op.name, &arena, &op, NULL) &&
               op.cancel_requested;
  leat_arena_deinit(&arena);
  return asked;
}

// The default of a model that had none.
static leat_status default_at_first(leat_creation *c, leat_error *err) {
  leat_db_rows *rows;
  leat_status status = leat_db_query(c->r->db, &rows, err,
                                     "SELECT m.default_id IS NULL FROM models m JOIN versions v ON "
                                     "v.model_id = m.id WHERE v.id = ?1",
                                     "i", c->id);
  if (status) return status;
  status = leat_db_next(rows, err);
  bool none = !status && leat_db_int(rows, 0);
  leat_db_end(rows);
  return none ? leat__set_default(c->r, c->id, err) : status;
}

static leat_status end_ready(leat_creation *c, const leat__object *object, const char *lineage,
                             leat_error *err) {
  leat_error none = {0};
  leat_status status = leat__begin(c->r, err);
  if (status) return status;
  status = leat_db_run(c->r->db, NULL, err,
                       "UPDATE versions SET state = ?1, hash = ?2, bytes = ?3, lineage = ?4, "
                       "revision = max(revision + 1, ?5) WHERE id = ?6",
                       "ititii", (int64_t)LEAT_VERSION_READY, object->hash, object->bytes, lineage,
                       leat__now_us(), c->id);
  if (!status) status = default_at_first(c, err);
  if (!status) status = leat__operation_end(c->r, c->project, c->op.name, &none, err);
  return leat__commit(c->r, status, err);
}

// What cannot be noted now is noted by the next one who opens the registry.
static void end_failed(leat_creation *c, const leat_error *why) {
  if (leat__begin(c->r, NULL)) return;
  leat_status status =
      leat_db_run(c->r->db, NULL, NULL,
                  "UPDATE versions SET state = ?1, error = ?2, revision = "
                  "max(revision + 1, ?3) WHERE id = ?4",
                  "itii", (int64_t)LEAT_VERSION_FAILED, why->message, leat__now_us(), c->id);
  if (!status) status = leat__operation_end(c->r, c->project, c->op.name, why, NULL);
  leat__commit(c->r, status, NULL);
}

static leat_status make_object(leat_creation *c, leat__object *object, leat_buf *lineage,
                               leat_error *err) {
  char *dir = NULL, *copy = NULL;
  leat_status status = leat_model_find(c->origin, &dir, err);
  if (!status) status = leat__object_add(c->r, dir, object, is_cancelled, c, err);
  if (!status && !(copy = leat_path_join(c->r->objects, object->hash))) status = leat__oom(err, 1);
  if (!status) status = leat_registry_smoke(copy, err);
  if (!status) status = leat__lineage(copy, lineage, err);
  leat__free(copy);
  leat__free(dir);
  return status;
}

static void end(leat_creation *c) {
  c->ended = true;
  leat__unlock(c->lock);
  c->lock = -1;
}

leat_status leat_creation_run(leat_creation *c, leat_error *err) {
  leat__object object = {0};
  leat_buf lineage = {0};
  leat_error why = {0};
  leat_status status = make_object(c, &object, &lineage, &why);
  if (!status && is_cancelled(c))
    status = leat_error_set(&why, LEAT_CANCELLED, "the creation was cancelled");
  if (!status) status = end_ready(c, &object, lineage.ptr, &why);
  if (status) {
    leat_error_prepend(&why, status, "version '%s' of model '%s'", c->name, c->model);
    end_failed(c, &why);
    if (err) *err = why;
  }
  end(c);
  if (status) leat_registry_collect(c->r, NULL);
  leat_buf_deinit(&lineage);
  return status;
}

void leat_creation_free(leat_creation *c) {
  if (!c) return;
  leat_error why;
  leat_error_set(&why, LEAT_ABORTED, "the creation was not carried out");
  if (!c->ended) end_failed(c, &why);
  end(c);
  leat_arena_deinit(&c->arena);
  leat__free(c);
}
