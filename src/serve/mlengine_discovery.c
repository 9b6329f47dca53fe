// ML Engine v1: the discovery document, made of the tables.
// SPDX-License-Identifier: Apache-2.0
#include "serve/mlengine_impl.h"

#include <string.h>

typedef struct doc {
  leat_json_writer w;
  const char *root;
} doc;

static void key(doc *d, const char *name) { leat_json_key(&d->w, leat_str_of(name)); }
static void open_at(doc *d, const char *name, char bracket) {
  key(d, name);
  leat_json_open(&d->w, bracket);
}
static void text(doc *d, const char *name, const char *value) {
  key(d, name);
  leat_json_string(&d->w, leat_str_of(value));
}

static const char *full_type(leat_str name) {
  for (int i = 0; ml_types[i][0]; i++)
    if (leat_str_eq(leat_str_of(ml_types[i][0]), name)) return ml_types[i][1];
  return "GoogleProtobuf__Empty";
}

// --- Types --------------------------------------------------------------------------------------
static void put_enum(doc *d, leat_str values) {
  text(d, "type", "string");
  open_at(d, "enum", '[');
  while (values.len) leat_json_string(&d->w, leat_str_cut(&values, '|'));
  leat_json_close(&d->w, ']');
}

// The members of a schema that say what a kind is.
static void put_kind(doc *d, const char *kind) {
  static const char *const plain[][3] = {
      {"string", "string", NULL},     {"boolean", "boolean", NULL},
      {"int32", "integer", "int32"},  {"int64", "string", "int64"},
      {"double", "number", "double"}, {"bytes", "string", "byte"},
      {"any", "any", NULL},           {"timestamp", "string", "google-datetime"}};
  leat_str k = leat_str_of(kind);
  if (leat_str_starts(k, LEAT_STR("ref:")))
    text(d, "$ref", full_type(leat_str_of(kind + 4)));
  else if (leat_str_starts(k, LEAT_STR("enum:")))
    put_enum(d, leat_str_of(kind + 5));
  else if (leat_str_starts(k, LEAT_STR("list:")) || leat_str_starts(k, LEAT_STR("map:"))) {
    bool list = kind[0] == 'l';
    text(d, "type", list ? "array" : "object");
    open_at(d, list ? "items" : "additionalProperties", '{');
    put_kind(d, strchr(kind, ':') + 1);
    leat_json_close(&d->w, '}');
  }
  for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
    if (strcmp(plain[i][0], kind) != 0) continue;
    text(d, "type", plain[i][1]);
    if (plain[i][2]) text(d, "format", plain[i][2]);
  }
}

static void put_types(doc *d) {
  open_at(d, "schemas", '{');
  for (int i = 0; ml_types[i][0]; i++) {
    open_at(d, ml_types[i][1], '{');
    text(d, "id", ml_types[i][1]);
    text(d, "type", "object");
    open_at(d, "properties", '{');
    for (const ml_field *f = ml_fields; f->type; f++) {
      if (strcmp(f->type, ml_types[i][0]) != 0) continue;
      open_at(d, f->name, '{');
      text(d, "description", f->help);
      if (f->output) key(d, "readOnly"), leat_json_bool(&d->w, true);
      put_kind(d, f->kind);
      leat_json_close(&d->w, '}');
    }
    leat_json_close(&d->w, '}');
    leat_json_close(&d->w, '}');
  }
  leat_json_close(&d->w, '}');
}

// --- Methods ------------------------------------------------------------------------------------
static void put_parameter(doc *d, leat_str name) {
  bool size = leat_str_eq(name, LEAT_STR("pageSize"));
  bool mask = leat_str_eq(name, LEAT_STR("updateMask"));
  leat_json_key(&d->w, name);
  leat_json_open(&d->w, '{');
  text(d, "location", "query");
  text(d, "type", size ? "integer" : "string");
  if (size || mask) text(d, "format", size ? "int32" : "google-fieldmask");
  leat_json_close(&d->w, '}');
}

// "projects/*/models/*" as "projects/{projectsId}/models/{modelsId}", or as a regular expression.
static void add_pattern(leat_buf *out, const char *pattern, bool regex) {
  leat_str last = {0};
  if (regex) leat_buf_c(out, "^");
  for (leat_str rest = leat_str_of(pattern); rest.len;) {
    leat_str part = leat_str_cut(&rest, '/');
    bool one = leat_str_eq(part, LEAT_STR("*")), deep = leat_str_eq(part, LEAT_STR("**"));
    if (one && !regex)
      leat_buf_fmt(out, "{" LEAT_STR_FMT "Id}", LEAT_STR_ARG(last));
    else if (one || deep)
      leat_buf_c(out, one ? "[^/]+" : regex ? ".*" : "{projectsId}");
    else
      leat_buf_str(out, part);
    if (rest.len) leat_buf_c(out, "/");
    last = part;
  }
  if (regex) leat_buf_c(out, "$");
}

static void put_path(doc *d, const ml_method *m, const char *name) {
  leat_buf path = {0};
  leat_buf_fmt(&path, "v1/{+%s}%s", name, m->suffix);
  text(d, "path", path.ptr ? path.ptr : "");
  leat_buf_clear(&path);
  leat_buf_c(&path, "v1/");
  add_pattern(&path, m->pattern, false);
  leat_buf_c(&path, m->suffix);
  text(d, "flatPath", path.ptr ? path.ptr : "");
  leat_buf_clear(&path);
  add_pattern(&path, m->pattern, true);
  open_at(d, "parameters", '{');
  open_at(d, name, '{');
  text(d, "location", "path");
  text(d, "type", "string");
  text(d, "pattern", path.ptr ? path.ptr : "");
  key(d, "required"), leat_json_bool(&d->w, true);
  leat_json_close(&d->w, '}');
  for (leat_str rest = leat_str_of(m->query); rest.len;) {
    leat_str one = leat_str_cut(&rest, ' ');
    if (!memchr(one.ptr, '_', one.len) && !leat_str_eq(one, leat_str_of(name)))
      put_parameter(d, one);
  }
  leat_json_close(&d->w, '}');
  leat_buf_deinit(&path);
}

static void put_method(doc *d, const ml_method *m) {
  // A collection is reached by its parent, save for operations, which are by their holder's name.
  bool of_parent = m->suffix[0] == '/' && !strstr(m->id, ".operations.");
  const char *name = of_parent ? "parent" : "name";
  open_at(d, strrchr(m->id, '.') + 1, '{');
  leat_buf id = {0};
  leat_buf_fmt(&id, "ml.%s", m->id);
  text(d, "id", id.ptr ? id.ptr : "");
  leat_buf_deinit(&id);
  text(d, "description", m->help);
  text(d, "httpMethod", m->http);
  put_path(d, m, name);
  open_at(d, "parameterOrder", '[');
  leat_json_string(&d->w, leat_str_of(name));
  leat_json_close(&d->w, ']');
  if (m->request) {
    open_at(d, "request", '{');
    text(d, "$ref", full_type(leat_str_of(m->request)));
    leat_json_close(&d->w, '}');
  }
  open_at(d, "response", '{');
  text(d, "$ref", full_type(leat_str_of(m->response)));
  leat_json_close(&d->w, '}');
  open_at(d, "scopes", '[');
  leat_json_string(&d->w, LEAT_STR("https://www.googleapis.com/auth/cloud-platform"));
  leat_json_close(&d->w, ']');
  leat_json_close(&d->w, '}');
}

// What an id has behind the resource: "create" of "projects.models.create" in "projects.models.".
static const char *below(const char *id, leat_str resource) {
  return leat_str_starts(leat_str_of(id), resource) ? id + resource.len : NULL;
}

static void put_resource(doc *d, leat_str name, leat_str path, int depth) {
  leat_json_key(&d->w, name);
  leat_json_open(&d->w, '{');
  open_at(d, "methods", '{');
  for (const ml_method *m = ml_methods; m->id; m++) {
    const char *rest = below(m->id, path);
    if (ml_is_served(m) && rest && !strchr(rest, '.')) put_method(d, m);
  }
  leat_json_close(&d->w, '}');
  leat_str last = {0};
  for (const ml_method *m = ml_methods; depth < 4 && m->id; m++) {
    const char *rest = ml_is_served(m) ? below(m->id, path) : NULL;
    const char *dot = rest ? strchr(rest, '.') : NULL;
    leat_str inner = {rest, dot ? (size_t)(dot - rest) : 0};
    if (!dot || leat_str_eq(inner, last)) continue;
    if (!last.len) open_at(d, "resources", '{');
    put_resource(d, inner, (leat_str){m->id, (size_t)(dot + 1 - m->id)}, depth + 1);
    last = inner;
  }
  if (last.len) leat_json_close(&d->w, '}');
  leat_json_close(&d->w, '}');
}

// --- The document -------------------------------------------------------------------------------
static void put_head(doc *d) {
  static const char *const head[][2] = {
      {"kind", "discovery#restDescription"},
      {"discoveryVersion", "v1"},
      {"id", "ml:v1"},
      {"name", "ml"},
      {"version", "v1"},
      {"revision", "20261101"},
      {"title", "Leat: Cloud ML Engine API"},
      {"description", "Models, versions and predictions of this server."},
      {"protocol", "rest"},
      {"servicePath", ""},
      {"batchPath", "batch"},
      {"ownerDomain", "localhost"},
      {"ownerName", "Leat"}};
  for (size_t i = 0; i < sizeof head / sizeof *head; i++) text(d, head[i][0], head[i][1]);
  text(d, "rootUrl", d->root);
  text(d, "baseUrl", d->root);
  open_at(d, "parameters", '{');
  for (const char *const *p = (const char *const[]){"alt", "fields", "key", "access_token",
                                                    "prettyPrint", "quotaUser", NULL};
       *p; p++) {
    bool flag = strcmp(*p, "prettyPrint") == 0;
    open_at(d, *p, '{');
    text(d, "location", "query");
    text(d, "type", flag ? "boolean" : "string");
    if (flag || strcmp(*p, "alt") == 0) text(d, "default", flag ? "true" : "json");
    leat_json_close(&d->w, '}');
  }
  leat_json_close(&d->w, '}');
  open_at(d, "auth", '{');
  open_at(d, "oauth2", '{');
  open_at(d, "scopes", '{');
  open_at(d, "https://www.googleapis.com/auth/cloud-platform", '{');
  text(d, "description", "A bearer token of the server's token file");
  for (int i = 0; i < 4; i++) leat_json_close(&d->w, '}');
}

leat_status leat_mlengine_discovery(const char *root, leat_buf *out, leat_error *err) {
  doc d = {.w = {.out = out, .indent = 2}, .root = root};
  leat_json_open(&d.w, '{');
  put_head(&d);
  put_types(&d);
  open_at(&d, "resources", '{');
  put_resource(&d, LEAT_STR("projects"), LEAT_STR("projects."), 0);
  leat_json_close(&d.w, '}');
  leat_json_close(&d.w, '}');
  leat_buf_char(out, '\n');
  return leat_buf_status(out, err);
}
