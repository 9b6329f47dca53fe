// ML Engine v1: models.
// SPDX-License-Identifier: Apache-2.0
#include "serve/mlengine_impl.h"

#include <string.h>

leat_jnode *ml_model_json(ml_call *c, const leat_registry_model *m) {
  leat_jnode *json = ml_object(c), *fields = ml_parse(c, m->fields), *next;
  leat_registry_version v;
  ml_put_text(c, json, "name", ml_format(c, "projects/%s/models/%s", m->project, m->name));
  for (leat_jnode *f = fields ? fields->first : NULL; f; f = next) {
    next = f->next;
    leat_jnode_put(&c->arena, json, f->key, f);
  }
  if (m->default_version[0] && !leat_registry_version_get(c->m->registry, m->project, m->name,
                                                          m->default_version, &c->arena, &v, NULL))
    ml_put(c, json, "defaultVersion", ml_version_json(c, &v));
  ml_put_etag(c, json, m->revision);
  return json;
}

// What a Model's owner says of it, out of a request.
static const char *fields_of(ml_call *c, leat_jnode *model) {
  static const char *const derived[] = {"name", "defaultVersion", "etag", NULL};
  leat_jnode *fields = leat_jnode_copy(&c->arena, model);
  for (int i = 0; derived[i]; i++) leat_jnode_remove(fields, leat_str_of(derived[i]));
  return fields ? leat_jnode_print(&c->arena, fields) : NULL;
}

static leat_status answer(ml_call *c, const char *name) {
  leat_registry_model m;
  leat_status status =
      leat_registry_model_get(c->m->registry, c->at[0], name, &c->arena, &m, c->err);
  return status ? status : (c->result = ml_model_json(c, &m)) ? LEAT_OK : ml_no_memory(c);
}

leat_status ml_models_create(ml_call *c) {
  const char *name = leat_jnode_c(c->body, "name");
  leat_jnode *regions = leat_jnode_get(c->body, "regions");
  if (!name[0]) return ml_field_error(c, "model.name", "The model name must be set.");
  leat_status status = ml_check_labels(c, "model.labels", leat_jnode_get(c->body, "labels"));
  if (status) return status;
  if (regions && regions->count > 1)
    return ml_field_error(c, "model.regions", "A model is in one region.");
  if (!regions || !regions->count) {
    regions = leat_jnode_new(&c->arena, LEAT_JSON_ARRAY);
    leat_jnode_push(regions, leat_jnode_string(&c->arena, LEAT_STR("us-central1")));
    ml_put(c, c->body, "regions", regions);
  }
  leat_registry_model m = {.project = c->at[0], .name = name, .fields = fields_of(c, c->body)};
  if (!m.fields) return ml_no_memory(c);
  status = leat_registry_model_create(c->m->registry, &m, c->err);
  if (status == LEAT_INVALID_ARGUMENT) {
    leat_error why = *c->err;
    ml_field_error(c, "model.name", "%s", why.message);
  }
  return status ? status : answer(c, name);
}

leat_status ml_models_get(ml_call *c) { return answer(c, c->at[1]); }

leat_status ml_models_list(ml_call *c) {
  leat_registry_models list = {0};
  leat_jnode *items = leat_jnode_new(&c->arena, LEAT_JSON_ARRAY);
  leat_status status = leat_registry_model_list(c->m->registry, c->at[0], (leat_registry_page){0},
                                                &c->arena, &list, c->err);
  for (size_t i = 0; !status && i < list.count; i++)
    if (!leat_jnode_push(items, ml_model_json(c, &list.at[i]))) status = ml_no_memory(c);
  leat_vec_deinit(&list);
  return status ? status : ml_page(c, "models", items);
}

static leat_status patch_fields(ml_call *c, const ml_paths *paths, leat_registry_model *m) {
  leat_jnode *fields = ml_parse(c, m->fields);
  if (!fields) return ml_no_memory(c);
  leat_status status = ml_apply(c, paths, fields);
  if (!status) status = ml_check_labels(c, "model.labels", leat_jnode_get(fields, "labels"));
  if (!status && !(m->fields = leat_jnode_print(&c->arena, fields))) status = ml_no_memory(c);
  return status ? status : leat_registry_model_update(c->m->registry, m, c->err);
}

static leat_status patch_default(ml_call *c) {
  const char *name = leat_jnode_c(leat_jnode_get(c->body, "defaultVersion"), "name");
  const char *slash = strrchr(name, '/');
  return leat_registry_version_set_default(c->m->registry, c->at[0], c->at[1],
                                           slash ? slash + 1 : name, c->err);
}

// default_version.name sets the default; the other paths are fields.
static leat_status patch(ml_call *c, ml_paths *paths, leat_registry_model *m) {
  size_t fields = 0, all = paths->count;
  for (size_t i = 0; i < all; i++)
    if (!leat_str_starts(paths->at[i], LEAT_STR("defaultVersion")))
      paths->at[fields++] = paths->at[i];
  paths->count = fields;
  leat_status status = fields ? patch_fields(c, paths, m) : LEAT_OK;
  return status || fields == all ? status : patch_default(c);
}

leat_status ml_models_patch(ml_call *c) {
  static const char *const allowed[] = {"description",
                                        "labels",
                                        "labels.*",
                                        "defaultVersion.name",
                                        "onlinePredictionLogging",
                                        "onlinePredictionConsoleLogging",
                                        NULL};
  leat_registry_model m;
  leat_registry_operation op;
  ml_paths paths = {0};
  leat_status status =
      leat_registry_model_get(c->m->registry, c->at[0], c->at[1], &c->arena, &m, c->err);
  if (!status) status = ml_mask(c, allowed, &paths);
  if (!status) status = ml_etag(c, m.revision);
  if (!status) status = patch(c, &paths, &m);
  leat_vec_deinit(&paths);
  if (status) return status;
  leat_registry_operation what = {
      .project = c->at[0], .type = "UPDATE_MODEL", .model = c->at[1], .version = ""};
  status = leat_registry_record(c->m->registry, &what, &c->arena, &op, c->err);
  if (!status && !(c->result = ml_operation_json(c, &op))) status = ml_no_memory(c);
  return status;
}

leat_status ml_models_delete(ml_call *c) {
  leat_registry_operation op;
  leat_status status =
      leat_registry_model_delete(c->m->registry, c->at[0], c->at[1], &c->arena, &op, c->err);
  if (!status && !(c->result = ml_operation_json(c, &op))) status = ml_no_memory(c);
  return status;
}
