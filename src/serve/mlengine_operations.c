// ML Engine v1: operations.
// SPDX-License-Identifier: Apache-2.0
#include "serve/mlengine_impl.h"

#include <string.h>

static leat_jnode *version_of(ml_call *c, const leat_registry_operation *op) {
  leat_registry_version v;
  if (!leat_registry_version_get(c->m->registry, op->project, op->model, op->version, &c->arena, &v,
                                 NULL))
    return ml_version_json(c, &v);
  leat_jnode *gone = ml_object(c);
  ml_put_text(
      c, gone, "name",
      ml_format(c, "projects/%s/models/%s/versions/%s", op->project, op->model, op->version));
  return gone;
}

// The resource that a good end answers; Empty where something was deleted.
static leat_jnode *response_of(ml_call *c, const leat_registry_operation *op) {
  const char *type = strstr(op->type, "DELETE") ? "protobuf.Empty"
                     : op->version[0]           ? "cloud.ml.v1.Version"
                                                : "cloud.ml.v1.Model";
  leat_jnode *out = ml_object(c), *resource = NULL, *next;
  leat_registry_model m;
  ml_put_text(c, out, "@type", ml_format(c, "type.googleapis.com/google.%s", type));
  if (strstr(op->type, "DELETE")) return out;
  if (op->version[0])
    resource = version_of(c, op);
  else if (!leat_registry_model_get(c->m->registry, op->project, op->model, &c->arena, &m, NULL))
    resource = ml_model_json(c, &m);
  for (leat_jnode *f = resource ? resource->first : NULL; f; f = next) {
    next = f->next;
    leat_jnode_put(&c->arena, out, f->key, f);
  }
  return out;
}

static leat_jnode *metadata_of(ml_call *c, const leat_registry_operation *op) {
  leat_jnode *m = ml_object(c);
  ml_put_text(c, m, "@type", "type.googleapis.com/google.cloud.ml.v1.OperationMetadata");
  ml_put_time(c, m, "createTime", op->created_us);
  ml_put_time(c, m, "startTime", op->started_us);
  ml_put_time(c, m, "endTime", op->ended_us);
  ml_put_true(c, m, "isCancellationRequested", op->cancel_requested);
  ml_put_text(c, m, "operationType", op->type);
  ml_put_text(c, m, "modelName", ml_format(c, "projects/%s/models/%s", op->project, op->model));
  if (op->version[0]) ml_put(c, m, "version", version_of(c, op));
  return m;
}

leat_jnode *ml_operation_json(ml_call *c, const leat_registry_operation *op) {
  leat_jnode *json = ml_object(c);
  ml_put_text(c, json, "name", ml_format(c, "projects/%s/operations/%s", op->project, op->name));
  ml_put(c, json, "metadata", metadata_of(c, op));
  ml_put_true(c, json, "done", op->done);
  if (op->done && op->code) {
    leat_jnode *error = ml_object(c), *code = leat_jnode_new(&c->arena, LEAT_JSON_NUMBER);
    if (code) code->text = leat_str_of(ml_format(c, "%d", (int)op->code));
    ml_put(c, error, "code", code);
    ml_put_text(c, error, "message", op->message);
    ml_put(c, json, "error", error);
  } else if (op->done)
    ml_put(c, json, "response", response_of(c, op));
  return json;
}

leat_status ml_operations_get(ml_call *c) {
  leat_registry_operation op;
  leat_status status =
      leat_registry_operation_get(c->m->registry, c->at[0], c->at[1], &c->arena, &op, c->err);
  if (!status && !(c->result = ml_operation_json(c, &op))) status = ml_no_memory(c);
  return status;
}

leat_status ml_operations_list(ml_call *c) {
  leat_registry_operations list = {0};
  leat_jnode *items = leat_jnode_new(&c->arena, LEAT_JSON_ARRAY);
  leat_status status = leat_registry_operation_list(
      c->m->registry, c->at[0], (leat_registry_page){0}, &c->arena, &list, c->err);
  for (size_t i = 0; !status && i < list.count; i++)
    if (!leat_jnode_push(items, ml_operation_json(c, &list.at[i]))) status = ml_no_memory(c);
  leat_vec_deinit(&list);
  return status ? status : ml_page(c, "operations", items);
}

leat_status ml_operations_cancel(ml_call *c) {
  return leat_registry_operation_cancel(c->m->registry, c->at[0], c->at[1], c->err);
}

leat_status ml_operations_delete(ml_call *c) {
  return leat_registry_operation_delete(c->m->registry, c->at[0], c->at[1], c->err);
}
