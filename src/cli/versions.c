// leat versions: gcloud's verbs on the registry or on a server.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "cli/client.h"
#include "formats/number.h"
#include "formats/yaml.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

// --- Versions out of a file ---------------------------------------------------------------------
static leat_jnode *of_scalar(client *c, const leat_yaml *yaml, const leat_yaml_node *node) {
  int64_t number;
  bool truth;
  if (leat_yaml_is_null(node)) return leat_jnode_new(&c->arena, LEAT_JSON_NULL);
  leat_jnode *out = leat_jnode_string(&c->arena, node->text);
  if (!out || node->quoted) return out;
  if (leat_parse_i64(node->text, &number)) out->kind = LEAT_JSON_NUMBER;
  if (!leat_yaml_bool(yaml, node, &truth, NULL))
    out->kind = truth ? LEAT_JSON_TRUE : LEAT_JSON_FALSE;
  return out;
}

static leat_jnode *of_yaml(client *c, const leat_yaml *yaml, const leat_yaml_node *node) {
  if (node->kind == LEAT_YAML_SCALAR) return of_scalar(c, yaml, node);
  bool map = node->kind == LEAT_YAML_MAPPING;
  leat_jnode *out = leat_jnode_new(&c->arena, map ? LEAT_JSON_OBJECT : LEAT_JSON_ARRAY);
  for (size_t i = 0; out && i < node->count; i++) {
    leat_jnode *item = of_yaml(c, yaml, node->items[i]);
    leat_jnode *kept = map ? leat_jnode_put(&c->arena, out, node->keys[i]->text, item)
                           : leat_jnode_push(out, item);
    if (!kept) return NULL;
  }
  return out;
}

// --config: a Version resource in YAML or JSON.
static leat_status read_config(client *c, leat_jnode **out) {
  const char *path = client_get(c, "--config");
  leat_buf text = {0};
  leat_yaml yaml = {0};
  *out = leat_jnode_new(&c->arena, LEAT_JSON_OBJECT);
  if (!path) return *out ? LEAT_OK : client_no_memory(c);
  leat_status status = leat_file_read(path, 1 << 20, &text, &c->err);
  if (!status) status = leat_yaml_parse(&yaml, leat_buf_view(&text), path, &c->err);
  if (!status && yaml.root && yaml.root->kind != LEAT_YAML_MAPPING)
    status = leat_yaml_fail(&yaml, yaml.root, &c->err, "the fields of a version were expected");
  if (!status && yaml.root && !(*out = of_yaml(c, &yaml, yaml.root))) status = client_no_memory(c);
  leat_yaml_deinit(&yaml);
  leat_buf_deinit(&text);
  return status;
}

// --- Verbs --------------------------------------------------------------------------------------
static leat_status need_model(client *c) {
  return client_get(c, "--model")
             ? LEAT_OK
             : leat_error_set(&c->err, LEAT_INVALID_ARGUMENT, "--model is needed");
}

static const char *version_path(client *c, const char *name) {
  return client_path(c, "/models/%s/versions/%s", client_get(c, "--model"), name);
}

static bool put_text(client *c, leat_jnode *object, const char *key, const char *text) {
  return !text || leat_jnode_put(&c->arena, object, leat_str_of(key),
                                 leat_jnode_string(&c->arena, leat_str_of(text)));
}

// A path as the server sees it, too: absolute; what has a scheme stays.
static leat_status put_origin(client *c, leat_jnode *version) {
  char full[PATH_MAX];
  const char *origin = client_get(c, "--origin");
  if (!origin) origin = leat_jnode_c(version, "deploymentUri");
  if (!origin[0])
    return leat_error_set(&c->err, LEAT_INVALID_ARGUMENT,
                          "--origin is needed: a saved model's directory, or a job's");
  bool here = !strstr(origin, "://");
  if (here && !realpath(origin, full)) return leat_file_error(&c->err, origin, "find the model");
  return put_text(c, version, "deploymentUri", here ? full : origin) ? LEAT_OK
                                                                     : client_no_memory(c);
}

static leat_status make_version(client *c, const char *name, leat_jnode **version) {
  static const char *const fields[][2] = {{"--runtime-version", "runtimeVersion"},
                                          {"--framework", "framework"},
                                          {"--python-version", "pythonVersion"},
                                          {"--machine-type", "machineType"}};
  leat_status status = read_config(c, version);
  if (status) return status;
  bool good = put_text(c, *version, "name", name);
  for (size_t i = 0; good && i < sizeof fields / sizeof *fields; i++) {
    const char *text = client_get(c, fields[i][0]);
    leat_buf upper = {0};
    for (const char *at = text; at && *at; at++)  // gcloud takes "scikit-learn"
      leat_buf_char(&upper, *at == '-' ? '_' : *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at);
    good = put_text(c, *version, fields[i][1], text && i == 1 ? upper.ptr : text);
    leat_buf_deinit(&upper);
  }
  if (!good) return client_no_memory(c);
  status = put_origin(c, *version);
  return status ? status : client_describe(c, *version);
}

static leat_status versions_create(client *c, const char *name) {
  leat_jnode *version, *op, *made = NULL;
  leat_status status = need_model(c);
  if (!status) status = make_version(c, name, &version);
  if (!status)
    status = client_call(c, "POST", client_path(c, "/models/%s/versions", client_get(c, "--model")),
                         version, &op);
  if (status) return status;
  if (client_get(c, "--async")) return client_show(c, op, "yaml");
  status = client_wait(c, op, "Creating version (this might take a few minutes)...", &made);
  return status ? status : client_show(c, made, "none");
}

static leat_status versions_list(client *c, const char *word) {
  leat_jnode *list;
  leat_status status = need_model(c);
  if (!status)
    status = client_list(c, client_path(c, "/models/%s/versions", client_get(c, "--model")),
                         "versions", &list);
  return status ? status : client_show_list(c, list, "table(name.basename(),deploymentUri,state)");
}

static leat_status versions_describe(client *c, const char *name) {
  leat_jnode *version;
  leat_status status = need_model(c);
  if (!status) status = client_call(c, "GET", version_path(c, name), NULL, &version);
  return status ? status : client_show(c, version, "yaml");
}

static leat_status versions_delete(client *c, const char *name) {
  leat_jnode *op;
  leat_status status = need_model(c);
  if (!status) status = client_confirm(c, client_path(c, "version [%s]", name));
  if (!status) status = client_call(c, "DELETE", version_path(c, name), NULL, &op);
  return status ? status : client_wait(c, op, client_path(c, "Deleting version [%s]", name), NULL);
}

static leat_status versions_set_default(client *c, const char *name) {
  leat_jnode *version;
  leat_status status = need_model(c);
  if (!status)
    status = client_call(c, "POST", client_path(c, "%s:setDefault", version_path(c, name)), NULL,
                         &version);
  return status ? status : client_show(c, version, "yaml");
}

// What --config has besides its description and labels is set as well.
static leat_status versions_update(client *c, const char *name) {
  leat_jnode *patch = NULL, *op, *made = NULL;
  leat_buf mask = {0};
  leat_status status = need_model(c);
  if (!status) status = read_config(c, &patch);
  for (leat_jnode *m = status ? NULL : patch->first; m; m = m->next)
    leat_buf_fmt(&mask, "%s" LEAT_STR_FMT, mask.len ? "," : "", LEAT_STR_ARG(m->key));
  if (!status) status = client_changes(c, version_path(c, name), patch, &mask);
  if (!status && !mask.len) fprintf(stderr, "No update to perform.\n");
  if (!status && mask.len) {
    const char *path = client_path(c, "%s?updateMask=%s", version_path(c, name), mask.ptr);
    status = client_call(c, "PATCH", path, patch, &op);
    if (!status) status = client_wait(c, op, client_path(c, "Updating version [%s]", name), &made);
  }
  leat_buf_deinit(&mask);
  return status ? status : client_show(c, made, "none");
}

static int run_versions(args *a) {
  static const verb verbs[] = {{"create", "VERSION", versions_create},
                               {"list", NULL, versions_list},
                               {"describe", "VERSION", versions_describe},
                               {"set-default", "VERSION", versions_set_default},
                               {"update", "VERSION", versions_update},
                               {"delete", "VERSION", versions_delete},
                               {0}};
  return client_run(a, verbs);
}

static const option versions_options[] = {
    {"--model", OPTION_VALUE, "MODEL", "whose versions (needed)", NULL},
    {"--origin", OPTION_VALUE, "DIR", "of create: a saved model, numbered ones, or a job", NULL},
    {"--description", OPTION_VALUE, "TEXT", "of create and update: for people", NULL},
    {"--labels", OPTION_VALUE, "K=V,...", "of create", NULL},
    {"--config", OPTION_VALUE, "FILE", "of create and update: a Version in YAML or JSON", NULL},
    {"--async", OPTION_FLAG, "", "of create: print the operation, do not wait", NULL},
    {"--runtime-version", OPTION_VALUE, "X", "of create: kept as it is", NULL},
    {"--framework", OPTION_VALUE, "X", "of create: kept as it is", NULL},
    {"--python-version", OPTION_VALUE, "X", "of create: kept as it is", NULL},
    {"--machine-type", OPTION_VALUE, "X", "of create: kept as it is", NULL},
    {"--update-labels", OPTION_VALUE, "K=V,...", "of update: adds or changes", NULL},
    {"--remove-labels", OPTION_VALUE, "K,...", "of update", NULL},
    {"--clear-labels", OPTION_FLAG, "", "of update: removes them all", NULL},
    LIST_OPTIONS,
    CLIENT_OPTIONS,
    SHOW_OPTIONS,
    {0},
};

const command command_versions = {
    "versions",
    "create|list|describe|set-default|update|delete [VERSION] --model MODEL [options]",
    "Manages the versions of a model, in the registry or on a server.\n"
    "The verbs, options and forms are those of gcloud ml-engine versions. A version is made of a\n"
    "saved model's files, which are copied, tried with one prediction and never changed.",
    versions_options,
    false,
    run_versions};
