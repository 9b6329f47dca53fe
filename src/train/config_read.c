// Reading model.yaml: names, choices, counts and lists.
// SPDX-License-Identifier: Apache-2.0
#include "train/config_read.h"

leat_status leat__config_unknown(const leat_config *c, const leat_yaml_node *key, const char *where,
                                 const leat_str *known, size_t count, leat_error *err) {
  leat_str nearest = leat_str_nearest(key->text, known, count);
  const char *in = where[0] ? " in " : "";
  if (nearest.len)
    return leat_yaml_fail(&c->yaml, key, err,
                          "no field '" LEAT_STR_FMT "'%s%s; did you mean '" LEAT_STR_FMT "'?",
                          LEAT_STR_ARG(key->text), in, where, LEAT_STR_ARG(nearest));
  return leat_yaml_fail(&c->yaml, key, err, "no field '" LEAT_STR_FMT "'%s%s",
                        LEAT_STR_ARG(key->text), in, where);
}

leat_status leat__config_check(const leat_config *c, const leat_yaml_node *node, const char *prefix,
                               leat_error *err) {
  if (!node) return LEAT_OK;
  if (node->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(&c->yaml, node, err, "%s is a mapping of fields",
                          prefix[0] ? prefix : "model.yaml");
  leat_str known[64];
  size_t count = 0, length = strlen(prefix);
  for (const leat_config_field *f = leat_config_fields; f->path; f++) {
    const char *rest = f->path + length + (length > 0);
    bool inside = strncmp(f->path, prefix, length) == 0 && (!length || f->path[length] == '.');
    if (inside && !strchr(rest, '.')) known[count++] = leat_str_of(rest);
  }
  for (size_t i = 0; i < node->count; i++) {
    bool found = false;
    for (size_t k = 0; k < count; k++) found |= leat_str_eq(known[k], node->keys[i]->text);
    if (!found) return leat__config_unknown(c, node->keys[i], prefix, known, count, err);
  }
  return LEAT_OK;
}

leat_status leat__config_choose(const leat_config *c, const leat_yaml_node *node,
                                const char *const *names, int count, int *out, leat_error *err) {
  leat_str known[32], text;
  leat_status status = leat_yaml_str(&c->yaml, node, &text, err);
  if (status) return status;
  for (int i = 0; i < count; i++) {
    known[i] = leat_str_of(names[i]);
    if (leat_str_eq(text, known[i])) return *out = i, LEAT_OK;
  }
  leat_str nearest = leat_str_nearest(text, known, (size_t)count);
  leat_buf list = {0};
  for (int i = 0; i < count; i++) leat_buf_fmt(&list, "%s%s", i ? ", " : "", names[i]);
  if (nearest.len)
    status = leat_yaml_fail(&c->yaml, node, err,
                            "'" LEAT_STR_FMT "' is not one of %s; did you mean '" LEAT_STR_FMT "'?",
                            LEAT_STR_ARG(text), list.ptr, LEAT_STR_ARG(nearest));
  else
    status = leat_yaml_fail(&c->yaml, node, err, "'" LEAT_STR_FMT "' is not one of %s",
                            LEAT_STR_ARG(text), list.ptr);
  leat_buf_deinit(&list);
  return status;
}

leat_status leat__config_count(const leat_config *c, const leat_yaml_node *section, const char *key,
                               int64_t least, int64_t *out, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(section, key);
  if (!node) return LEAT_OK;
  leat_status status = leat_yaml_i64(&c->yaml, node, out, err);
  if (!status && *out < least)
    status = leat_yaml_fail(&c->yaml, node, err, "%s is %lld, expected at least %lld", key,
                            (long long)*out, (long long)least);
  return status;
}

// A scalar or a list of scalars, each handed to `add`.
leat_status leat__config_strings(const leat_config *c, const leat_yaml_node *node, void *list,
                                 leat_error *err) {
  LEAT_VEC(leat_str) *strs = list;
  if (node->kind == LEAT_YAML_MAPPING)
    return leat_yaml_fail(&c->yaml, node, err, "a list was expected");
  size_t count = node->kind == LEAT_YAML_SEQUENCE ? node->count : 1;
  for (size_t i = 0; i < count; i++) {
    leat_str text;
    leat_status status = leat_yaml_str(
        &c->yaml, node->kind == LEAT_YAML_SEQUENCE ? node->items[i] : node, &text, err);
    if (status) return status;
    if (!leat_vec_push(strs, text)) return leat__oom(err, sizeof text);
  }
  return LEAT_OK;
}

leat_status leat__config_numbers(const leat_config *c, const leat_yaml_node *node, void *list,
                                 leat_error *err) {
  LEAT_VEC(double) *numbers = list;
  size_t count = node->kind == LEAT_YAML_SEQUENCE ? node->count : 1;
  for (size_t i = 0; i < count; i++) {
    double x;
    leat_status status =
        leat_yaml_f64(&c->yaml, node->kind == LEAT_YAML_SEQUENCE ? node->items[i] : node, &x, err);
    if (status) return status;
    if (!leat_vec_push(numbers, x)) return leat__oom(err, sizeof x);
  }
  return LEAT_OK;
}

int leat__config_column(const leat_config *c, leat_str name) {
  for (size_t i = 0; i < c->columns.count; i++)
    if (leat_str_eq(c->columns.at[i].name, name)) return (int)i;
  return -1;
}

leat_status leat__config_no_column(const leat_config *c, const leat_yaml_node *at, leat_str name,
                                   leat_error *err) {
  leat_str names[256];
  size_t count = 0;
  for (; count < c->columns.count && count < 256; count++) names[count] = c->columns.at[count].name;
  leat_str nearest = leat_str_nearest(name, names, count);
  if (nearest.len)
    return leat_yaml_fail(&c->yaml, at, err,
                          "the data have no column '" LEAT_STR_FMT "'; did you mean '" LEAT_STR_FMT
                          "'?",
                          LEAT_STR_ARG(name), LEAT_STR_ARG(nearest));
  return leat_yaml_fail(&c->yaml, at, err, "the data have no column '" LEAT_STR_FMT "'",
                        LEAT_STR_ARG(name));
}
