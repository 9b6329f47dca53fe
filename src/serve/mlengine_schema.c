// ML Engine v1: the tables of mlengine.def, and checking what comes in by them.
// SPDX-License-Identifier: Apache-2.0
#include "serve/mlengine_impl.h"

#include "formats/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const ml_method ml_methods[] = {
#define METHOD(id, http, pattern, suffix, request, response, run, query, help) \
  {id, http, pattern, suffix, request, response, run, query, help},
#define ABSENT(id, http, pattern, suffix) {id, http, pattern, suffix},
#include "serve/mlengine.def"
#undef METHOD
#undef ABSENT
    {0},
};

const char *const ml_types[][2] = {
#define TYPE(name, full_name) {name, full_name},
#include "serve/mlengine.def"
#undef TYPE
    {NULL, NULL},
};

const ml_field ml_fields[] = {
#define FIELD(type, name, kind, output, help) {type, name, kind, output, help},
#include "serve/mlengine.def"
#undef FIELD
    {0},
};

bool ml_is_served(const ml_method *method) { return method->help != NULL; }

// --- Checking -----------------------------------------------------------------------------------
static const ml_field *find_field(const char *type, leat_str name) {
  for (const ml_field *f = ml_fields; f->type; f++)
    if (strcmp(f->type, type) == 0 && leat_str_eq(leat_str_of(f->name), name)) return f;
  return NULL;
}

static leat_status wrong_value(ml_call *c, const char *place, const char *kind,
                               const leat_jnode *value) {
  const char *text = leat_jnode_print(&c->arena, value);
  ml_field_error(c, place, "Invalid value");
  return leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "Invalid value at '%s' (%s), %.200s", place,
                        kind, text ? text : "");
}

static bool is_enum(const char *values, leat_str value) {
  for (leat_str rest = leat_str_of(values); rest.len;)
    if (leat_str_eq(leat_str_cut(&rest, '|'), value)) return true;
  return false;
}

// An int64 is a string in answers and either in requests.
static leat_status check_integer(ml_call *c, const ml_field *f, leat_jnode *v, const char *place) {
  bool wide = strcmp(f->kind, "int64") == 0;
  int64_t n = 0;
  bool good = (v->kind == LEAT_JSON_NUMBER || v->kind == LEAT_JSON_STRING) &&
              leat_parse_i64(v->text, &n) && (wide || (n >= INT32_MIN && n <= INT32_MAX));
  if (!good) return wrong_value(c, place, wide ? "TYPE_INT64" : "TYPE_INT32", v);
  v->kind = wide ? LEAT_JSON_STRING : LEAT_JSON_NUMBER;
  return LEAT_OK;
}

static leat_status check_scalar(ml_call *c, const ml_field *f, leat_jnode *v, const char *place) {
  if (strcmp(f->kind, "any") == 0) return LEAT_OK;
  if (strncmp(f->kind, "int", 3) == 0) return check_integer(c, f, v, place);
  if (strcmp(f->kind, "boolean") == 0)
    return v->kind == LEAT_JSON_TRUE || v->kind == LEAT_JSON_FALSE
               ? LEAT_OK
               : wrong_value(c, place, "TYPE_BOOL", v);
  if (strcmp(f->kind, "double") == 0)
    return v->kind == LEAT_JSON_NUMBER ? LEAT_OK : wrong_value(c, place, "TYPE_DOUBLE", v);
  bool of_enum = strncmp(f->kind, "enum:", 5) == 0;
  if (v->kind != LEAT_JSON_STRING || (of_enum && !is_enum(f->kind + 5, v->text)))
    return wrong_value(c, place, of_enum ? "TYPE_ENUM" : "TYPE_STRING", v);
  return LEAT_OK;
}

static leat_status check_value(ml_call *c, const ml_field *f, leat_jnode *v, const char *place) {
  char inner[256];
  leat_status status = LEAT_OK;
  if (strncmp(f->kind, "ref:", 4) == 0)
    return v->kind == LEAT_JSON_OBJECT ? ml_check(c, f->kind + 4, v, place)
                                       : wrong_value(c, place, "TYPE_MESSAGE", v);
  bool list = strncmp(f->kind, "list:", 5) == 0, map = strncmp(f->kind, "map:", 4) == 0;
  if (!list && !map) return check_scalar(c, f, v, place);
  if (v->kind != (list ? LEAT_JSON_ARRAY : LEAT_JSON_OBJECT))
    return wrong_value(c, place, list ? "TYPE_LIST" : "TYPE_MAP", v);
  ml_field item = *f;
  item.kind = strchr(f->kind, ':') + 1;
  int i = 0;
  for (leat_jnode *m = v->first; !status && m; m = m->next, i++) {
    if (list)
      snprintf(inner, sizeof inner, "%s[%d]", place, i);
    else
      snprintf(inner, sizeof inner, "%s[%.63s]", place, m->key.ptr);
    status = check_value(c, &item, m, inner);
  }
  return status;
}

leat_status ml_check(ml_call *c, const char *type, leat_jnode *object, const char *place) {
  leat_status status = LEAT_OK;
  leat_jnode *next;
  for (leat_jnode *m = object->first; !status && m; m = next) {
    char inner[256];
    next = m->next;
    leat_str name = ml_camel(&c->arena, m->key);
    const ml_field *f = find_field(type, name);
    if (!f) {
      char message[300];
      snprintf(message, sizeof message, "Unknown name \"%.100s\" at '%s': Cannot find field.",
               m->key.ptr, place);
      ml_field_error(c, place, "%s", message);
      return leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "Invalid JSON payload received. %s",
                            message);
    }
    if (f->output || m->kind == LEAT_JSON_NULL) {
      leat_jnode_remove(object, m->key);
      continue;
    }
    m->key = name;
    snprintf(inner, sizeof inner, "%s.%s", place, f->name);
    status = check_value(c, f, m, inner);
  }
  return status;
}
