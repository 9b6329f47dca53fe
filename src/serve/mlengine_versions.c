// ML Engine v1: versions.
// SPDX-License-Identifier: Apache-2.0
#include "serve/mlengine_impl.h"

#include <string.h>

static const char *full_name(ml_call *c, const leat_registry_version *v) {
  return ml_format(c, "projects/%s/models/%s/versions/%s", v->project, v->model, v->name);
}

leat_jnode *ml_version_json(ml_call *c, const leat_registry_version *v) {
  leat_jnode *json = ml_object(c), *fields = ml_parse(c, v->fields), *next;
  ml_put_text(c, json, "name", full_name(c, v));
  for (leat_jnode *f = fields ? fields->first : NULL; f; f = next) {
    next = f->next;
    leat_jnode_put(&c->arena, json, f->key, f);
  }
  ml_put_true(c, json, "isDefault", v->is_default);
  ml_put_text(c, json, "deploymentUri", v->origin);
  ml_put_time(c, json, "createTime", v->created_us);
  ml_put_time(c, json, "lastUseTime", v->used_us);
  ml_put_text(c, json, "state", leat_version_state_name(v->state));
  ml_put_text(c, json, "errorMessage", v->error);
  ml_put_etag(c, json, v->revision);
  ml_put_i64(c, json, "versionNumber", v->number);
  if (v->hash[0]) {
    ml_put_text(c, json, "contentHash", v->hash);
    ml_put_i64(c, json, "contentBytes", v->bytes);
    ml_put(c, json, "lineage", ml_parse(c, v->lineage));
  }
  return json;
}

static const char *fields_of(ml_call *c, const leat_jnode *version) {
  leat_jnode *fields = leat_jnode_copy(&c->arena, version);
  static const char *const derived[] = {"name", "deploymentUri", "etag", NULL};
  for (int i = 0; derived[i]; i++) leat_jnode_remove(fields, leat_str_of(derived[i]));
  return fields ? leat_jnode_print(&c->arena, fields) : NULL;
}

static leat_status get(ml_call *c, leat_registry_version *v) {
  return leat_registry_version_get(c->m->registry, c->at[0], c->at[1], c->at[2], &c->arena, v,
                                   c->err);
}

static leat_status answer(ml_call *c) {
  leat_registry_version v;
  leat_status status = get(c, &v);
  if (!status && !(c->result = ml_version_json(c, &v))) status = ml_no_memory(c);
  return status;
}

static leat_status answer_operation(ml_call *c, const leat_registry_operation *op) {
  c->result = ml_operation_json(c, op);
  return c->result ? LEAT_OK : ml_no_memory(c);
}

// The directory that a deploymentUri names.
static leat_status find_origin(ml_call *c, const char **path) {
  const char *uri = leat_jnode_c(c->body, "deploymentUri");
  *path = strncmp(uri, "file://", 7) == 0 ? uri + 7 : uri;
  if (!uri[0]) return ml_field_error(c, "version.deployment_uri", "Deployment URI must be set.");
  if ((*path)[0] != '/')
    return ml_field_error(c, "version.deployment_uri",
                          "'%s' is not a directory of this machine (an absolute path, or file://).",
                          uri);
  return LEAT_OK;
}

// A version is a graph and its weights: what would come with code of its own is refused.
static leat_status refuse_code(ml_call *c) {
  static const char *const fields[][2] = {{"container", "version.container"},
                                          {"packageUris", "version.package_uris"},
                                          {"predictionClass", "version.prediction_class"}};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    const leat_jnode *node = leat_jnode_get(c->body, fields[i][0]);
    if (node && (node->count || node->text.len))
      return ml_field_error(c, fields[i][1], "Code and containers are not run by this server.");
  }
  return LEAT_OK;
}

leat_status ml_versions_create(ml_call *c) {
  leat_creation *creation = NULL;
  leat_registry_version v = {.project = c->at[0], .model = c->at[1]};
  v.name = leat_jnode_c(c->body, "name");
  if (!v.name[0]) return ml_field_error(c, "version.name", "The version name must be set.");
  leat_status status = refuse_code(c);
  if (!status) status = find_origin(c, &v.origin);
  if (!status) status = ml_check_labels(c, "version.labels", leat_jnode_get(c->body, "labels"));
  if (!status && !(v.fields = fields_of(c, c->body))) status = ml_no_memory(c);
  if (!status) status = leat_registry_version_begin(c->m->registry, &v, &creation, c->err);
  if (status) return status;
  leat_registry_operation op = *leat_creation_operation(creation);
  const char *name = leat_arena_str(&c->arena, leat_str_of(op.name));
  if (c->m->create)
    c->m->create(c->m->context, creation);
  else {
    leat_creation_run(creation, NULL);  // the operation tells how it went
    leat_creation_free(creation);
  }
  if (!name) return ml_no_memory(c);
  status = leat_registry_operation_get(c->m->registry, c->at[0], name, &c->arena, &op, c->err);
  return status ? status : answer_operation(c, &op);
}

leat_status ml_versions_get(ml_call *c) { return answer(c); }

leat_status ml_versions_list(ml_call *c) {
  leat_registry_versions list = {0};
  leat_jnode *items = leat_jnode_new(&c->arena, LEAT_JSON_ARRAY);
  leat_status status = leat_registry_version_list(
      c->m->registry, c->at[0], c->at[1], (leat_registry_page){0}, &c->arena, &list, c->err);
  for (size_t i = 0; !status && i < list.count; i++)
    if (!leat_jnode_push(items, ml_version_json(c, &list.at[i]))) status = ml_no_memory(c);
  leat_vec_deinit(&list);
  return status ? status : ml_page(c, "versions", items);
}

leat_status ml_versions_patch(ml_call *c) {
  static const char *const allowed[] = {"description",
                                        "machineType",
                                        "labels",
                                        "labels.*",
                                        "requestLoggingConfig",
                                        "requestLoggingConfig.*",
                                        "autoScaling",
                                        "autoScaling.*",
                                        "manualScaling",
                                        "manualScaling.*",
                                        "acceleratorConfig",
                                        "acceleratorConfig.*",
                                        NULL};
  leat_registry_version v;
  leat_registry_operation op;
  ml_paths paths = {0};
  leat_jnode *fields = NULL;
  leat_status status = get(c, &v);
  if (!status) status = ml_mask(c, allowed, &paths);
  if (!status) status = ml_etag(c, v.revision);
  if (!status && !(fields = ml_parse(c, v.fields))) status = ml_no_memory(c);
  if (!status) status = ml_apply(c, &paths, fields);
  if (!status) status = ml_check_labels(c, "version.labels", leat_jnode_get(fields, "labels"));
  if (!status && !(v.fields = leat_jnode_print(&c->arena, fields))) status = ml_no_memory(c);
  if (!status) status = leat_registry_version_update(c->m->registry, &v, c->err);
  leat_vec_deinit(&paths);
  leat_registry_operation what = {
      .project = c->at[0], .type = "UPDATE_VERSION", .model = c->at[1], .version = c->at[2]};
  if (!status) status = leat_registry_record(c->m->registry, &what, &c->arena, &op, c->err);
  return status ? status : answer_operation(c, &op);
}

leat_status ml_versions_delete(ml_call *c) {
  leat_registry_operation op;
  leat_status status = leat_registry_version_delete(c->m->registry, c->at[0], c->at[1], c->at[2],
                                                    &c->arena, &op, c->err);
  return status ? status : answer_operation(c, &op);
}

leat_status ml_versions_set_default(ml_call *c) {
  leat_status status =
      leat_registry_version_set_default(c->m->registry, c->at[0], c->at[1], c->at[2], c->err);
  return status ? status : answer(c);
}
