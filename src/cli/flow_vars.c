// Variables of a pipeline.yaml: {{ name }} becomes what --set says, as Jinja does it for Beam.
// SPDX-License-Identifier: Apache-2.0
//
// {{ name | default('text') }} is known, too.
#include "base/file.h"
#include "cli/flow.h"
#include "formats/yaml.h"

#include <ctype.h>

enum { VARIABLES = 64 };

typedef struct variables {
  leat_str names[VARIABLES], values[VARIABLES];
  size_t count;
  leat_yaml yaml[2];  // that the views are of
} variables;

// --- Values -------------------------------------------------------------------------------------
static leat_status add(variables *v, leat_str name, leat_str value, leat_error *err) {
  if (v->count == VARIABLES)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "more than %d variables", VARIABLES);
  v->names[v->count] = leat_str_strip(name, LEAT_STR(" "));
  v->values[v->count++] = value;
  return LEAT_OK;
}

// The option's list, and Beam's --jinja_variables, a JSON object.
static leat_status read_values(variables *v, const args *a, leat_error *err) {
  leat_status status = LEAT_OK;
  const char *set = args_get(a, "--set"), *object = args_get(a, "--jinja_variables");
  if (set) status = leat_yaml_parse(&v->yaml[0], leat_str_of(set), "--set", err);
  for (size_t i = 0; !status && set && i < v->yaml[0].root->count; i++) {
    leat_str rest = v->yaml[0].root->items[i]->text, name = leat_str_cut(&rest, '=');
    if (!name.len || name.len == v->yaml[0].root->items[i]->text.len)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "--set: expected NAME=VALUE, not '" LEAT_STR_FMT "'",
                            LEAT_STR_ARG(v->yaml[0].root->items[i]->text));
    status = add(v, name, rest, err);
  }
  if (status || !object) return status;
  status = leat_yaml_parse(&v->yaml[1], leat_str_of(object), "--jinja_variables", err);
  const leat_yaml_node *root = v->yaml[1].root;
  if (!status && (!root || root->kind != LEAT_YAML_MAPPING))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "--jinja_variables: expected {\"name\": ...}");
  for (size_t i = 0; !status && i < root->count; i++) {
    if (root->items[i]->kind != LEAT_YAML_SCALAR)
      return leat_yaml_fail(&v->yaml[1], root->items[i], err, "a variable is a text or a number");
    status = add(v, root->keys[i]->text, root->items[i]->text, err);
  }
  return status;
}

// --- Filling in ---------------------------------------------------------------------------------
static leat_status fail_at(leat_str text, size_t at, const char *path, leat_error *err,
                           const char *what) {
  int line = 1, column = 1;
  for (size_t i = 0; i < at; i++) {
    column = text.ptr[i] == '\n' ? 1 : column + 1;
    line += text.ptr[i] == '\n';
  }
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%d:%d: %s", path, line, column, what);
}

static bool is_name(leat_str s) {
  bool good = s.len && !isdigit((unsigned char)s.ptr[0]);
  for (size_t i = 0; i < s.len; i++) good &= isalnum((unsigned char)s.ptr[i]) || s.ptr[i] == '_';
  return good;
}

// default('text') or default(12)
static bool is_default(leat_str filter, leat_str *value) {
  if (!leat_str_starts(filter, LEAT_STR("default(")) || !leat_str_ends(filter, LEAT_STR(")")))
    return false;
  leat_str v = leat_str_strip((leat_str){filter.ptr + 8, filter.len - 9}, LEAT_STR(" "));
  bool quoted = v.len > 1 && (v.ptr[0] == '\'' || v.ptr[0] == '"') && v.ptr[v.len - 1] == v.ptr[0];
  if (quoted) v = (leat_str){v.ptr + 1, v.len - 2};
  for (size_t i = 0; i < v.len; i++)
    if (quoted ? v.ptr[i] == '\'' || v.ptr[i] == '"' || v.ptr[i] == '\\'
               : !isdigit((unsigned char)v.ptr[i]) && v.ptr[i] != '.' && v.ptr[i] != '-')
      return false;
  return *value = v, v.len || quoted;
}

static leat_status put_variable(const variables *v, leat_str text, size_t at, leat_str name,
                                const leat_str *otherwise, const char *path, leat_buf *out,
                                leat_error *err) {
  for (size_t i = 0; i < v->count; i++)
    if (leat_str_eq(v->names[i], name)) return leat_buf_str(out, v->values[i]), LEAT_OK;
  if (otherwise) return leat_buf_str(out, *otherwise), LEAT_OK;
  leat_str near = leat_str_nearest(name, v->names, v->count);
  char why[300];
  snprintf(why, sizeof why, "no variable '%.*s'%s%.*s%s; set it by --set %.*s=VALUE", (int)name.len,
           name.ptr, near.len ? "; did you mean " : "", (int)near.len, near.len ? near.ptr : "",
           near.len ? "?" : "", (int)name.len, name.ptr);
  return fail_at(text, at, path, err, why);
}

static leat_status fill_in(const variables *v, leat_str text, const char *path, leat_buf *out,
                           leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < text.len;) {
    bool two = text.ptr[i] == '{' && i + 1 < text.len;
    if (two && (text.ptr[i + 1] == '%' || text.ptr[i + 1] == '#'))
      return fail_at(text, i, path, err,
                     "of Jinja only {{ variables }} are known, not statements and comments");
    if (!two || text.ptr[i + 1] != '{') {
      leat_buf_char(out, text.ptr[i++]);
      continue;
    }
    size_t end = i + 2;
    while (end + 1 < text.len && !(text.ptr[end] == '}' && text.ptr[end + 1] == '}')) end++;
    leat_str rest = {text.ptr + i + 2, end - i - 2}, otherwise = {0};
    leat_str name = leat_str_strip(leat_str_cut(&rest, '|'), LEAT_STR(" \t"));
    rest = leat_str_strip(rest, LEAT_STR(" \t"));
    if (end + 1 >= text.len || !is_name(name) || (rest.len && !is_default(rest, &otherwise)))
      return fail_at(text, i, path, err,
                     "expected {{ name }} or {{ name | default('text') }}: of Jinja no more is "
                     "known");
    status = put_variable(v, text, i, name, rest.len ? &otherwise : NULL, path, out, err);
    i = end + 2;
  }
  return status;
}

leat_status flow_read(args *a, const char *path, leat_buf *out, leat_error *err) {
  variables v = {.count = 0};
  leat_buf text = {0};
  bool standard = strcmp(path, "-") == 0;
  leat_status status = read_values(&v, a, err);
  if (!status) status = leat_file_read(standard ? "/dev/stdin" : path, 64 << 20, &text, err);
  if (!status) status = fill_in(&v, leat_buf_view(&text), standard ? "stdin" : path, out, err);
  leat_buf_char(out, 0);
  if (!status) status = leat_buf_status(out, err);
  leat_buf_deinit(&text);
  leat_yaml_deinit(&v.yaml[0]);
  leat_yaml_deinit(&v.yaml[1]);
  return status;
}
