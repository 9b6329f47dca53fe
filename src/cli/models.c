// leat models, leat operations: gcloud's verbs on the registry or on a server.
// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <stdio.h>

// --- Models -------------------------------------------------------------------------------------
static void put_text(client *c, leat_jnode *object, const char *key, leat_str text) {
  leat_jnode_put(&c->arena, object, leat_str_of(key), leat_jnode_string(&c->arena, text));
}

static leat_status models_create(client *c, const char *name) {
  leat_jnode *model = leat_jnode_new(&c->arena, LEAT_JSON_OBJECT), *made = NULL;
  const char *regions = client_get(c, "--regions");
  if (!model) return client_no_memory(c);
  put_text(c, model, "name", leat_str_of(name));
  if (!regions) regions = client_get(c, "--region");
  leat_jnode *list = regions ? leat_jnode_new(&c->arena, LEAT_JSON_ARRAY) : NULL;
  for (leat_str rest = leat_str_of(regions); rest.len;)
    leat_jnode_push(list, leat_jnode_string(&c->arena, leat_str_cut(&rest, ',')));
  if (list) leat_jnode_put(&c->arena, model, LEAT_STR("regions"), list);
  if (client_get(c, "--enable-logging"))
    leat_jnode_put(&c->arena, model, LEAT_STR("onlinePredictionLogging"),
                   leat_jnode_new(&c->arena, LEAT_JSON_TRUE));
  leat_status status = client_describe(c, model);
  if (!status) status = client_call(c, "POST", "/models", model, &made);
  if (status) return status;
  fprintf(stderr, "Created ml engine model [%s].\n", leat_jnode_c(made, "name"));
  return client_show(c, made, "none");
}

static leat_status models_list(client *c, const char *word) {
  leat_jnode *list;
  leat_status status = client_list(c, "/models", "models", &list);
  return status
             ? status
             : client_show_list(c, list, "table(name.basename(),defaultVersion.name.basename())");
}

static leat_status models_describe(client *c, const char *name) {
  leat_jnode *model;
  leat_status status = client_call(c, "GET", client_path(c, "/models/%s", name), NULL, &model);
  return status ? status : client_show(c, model, "yaml");
}

static leat_status models_delete(client *c, const char *name) {
  leat_jnode *op;
  leat_status status = client_confirm(c, client_path(c, "model [%s]", name));
  if (!status) status = client_call(c, "DELETE", client_path(c, "/models/%s", name), NULL, &op);
  return status ? status : client_wait(c, op, client_path(c, "Deleting model [%s]", name), NULL);
}

static leat_status models_update(client *c, const char *name) {
  leat_jnode *patch = leat_jnode_new(&c->arena, LEAT_JSON_OBJECT), *op, *made = NULL;
  leat_buf mask = {0};
  const char *path = client_path(c, "/models/%s", name);
  leat_status status = patch ? client_changes(c, path, patch, &mask) : client_no_memory(c);
  if (!status && !mask.len) fprintf(stderr, "No update to perform.\n");
  if (!status && mask.len) {
    status =
        client_call(c, "PATCH", client_path(c, "%s?updateMask=%s", path, mask.ptr), patch, &op);
    if (!status) status = client_wait(c, op, client_path(c, "Updating model [%s]", name), &made);
  }
  leat_buf_deinit(&mask);
  return status ? status : client_show(c, made, "none");
}

static int run_models(args *a) {
  static const verb verbs[] = {
      {"create", "MODEL", models_create},     {"list", NULL, models_list},
      {"describe", "MODEL", models_describe}, {"update", "MODEL", models_update},
      {"delete", "MODEL", models_delete},     {0}};
  return client_run(a, verbs);
}

static const option models_options[] = {
    {"--description", OPTION_VALUE, "TEXT", "of create and update: for people", NULL},
    {"--labels", OPTION_VALUE, "K=V,...", "of create", NULL},
    {"--regions", OPTION_VALUE, "R", "of create: kept as it is [us-central1]", NULL},
    {"--region", OPTION_VALUE, "R", "the same", NULL},
    {"--enable-logging", OPTION_FLAG, "", "of create: kept as it is", NULL},
    {"--update-labels", OPTION_VALUE, "K=V,...", "of update: adds or changes", NULL},
    {"--remove-labels", OPTION_VALUE, "K,...", "of update", NULL},
    {"--clear-labels", OPTION_FLAG, "", "of update: removes them all", NULL},
    LIST_OPTIONS,
    CLIENT_OPTIONS,
    SHOW_OPTIONS,
    {0},
};

const command command_models = {
    "models",
    "create|list|describe|update|delete [MODEL] [options]",
    "Manages models, which hold versions, in the registry or on a server.\n"
    "The verbs, options and forms are those of gcloud ml-engine models.",
    models_options,
    false,
    run_models};

// --- Operations ---------------------------------------------------------------------------------
static leat_status operations_list(client *c, const char *word) {
  leat_jnode *list;
  leat_status status = client_list(c, "/operations", "operations", &list);
  return status ? status
                : client_show_list(c, list, "table(name.basename(),metadata.operationType,done)");
}

static leat_status operations_describe(client *c, const char *name) {
  leat_jnode *op;
  leat_status status = client_call(c, "GET", client_path(c, "/operations/%s", name), NULL, &op);
  return status ? status : client_show(c, op, "yaml");
}

static leat_status operations_wait(client *c, const char *name) {
  leat_jnode *op, *made = NULL;
  leat_status status = client_call(c, "GET", client_path(c, "/operations/%s", name), NULL, &op);
  if (!status)
    status = client_wait(c, op, client_path(c, "Waiting for operation [%s]", name), &made);
  return status ? status : client_show(c, made, "yaml");
}

static leat_status operations_cancel(client *c, const char *name) {
  leat_jnode *none;
  leat_status status =
      client_call(c, "POST", client_path(c, "/operations/%s:cancel", name), NULL, &none);
  if (!status) fprintf(stderr, "Cancelled [%s].\n", name);
  return status;
}

static int run_operations(args *a) {
  static const verb verbs[] = {{"list", NULL, operations_list},
                               {"describe", "OPERATION", operations_describe},
                               {"wait", "OPERATION", operations_wait},
                               {"cancel", "OPERATION", operations_cancel},
                               {0}};
  return client_run(a, verbs);
}

static const option operations_options[] = {LIST_OPTIONS, CLIENT_OPTIONS, SHOW_OPTIONS, {0}};

const command command_operations = {
    "operations",
    "list|describe|wait|cancel [OPERATION] [options]",
    "Tells how creations, updates and deletions of models and versions went.\n"
    "The verbs, options and forms are those of gcloud ml-engine operations.",
    operations_options,
    false,
    run_operations};
