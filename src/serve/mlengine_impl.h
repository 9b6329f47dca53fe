// What the files of ML Engine's dialect share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SERVE_MLENGINE_IMPL_H
#define LEAT_SERVE_MLENGINE_IMPL_H

#include "formats/json_tree.h"
#include "serve/mlengine.h"

enum { ML_NAMES = 4 };

typedef struct ml_method ml_method;

typedef struct ml_call {
  const leat_mlengine *m;
  const ml_method *method;
  const char *at[ML_NAMES];  // what stands for each * of the method's pattern; at[0]: the project
  leat_str query;
  leat_jnode *body;     // checked; an empty object without one
  leat_jnode *result;   // what the method answers
  leat_jnode *details;  // of an error, or NULL
  bool failed;          // memory ran out while it was made
  leat_arena arena;
  leat_error *err;
} ml_call;

struct ml_method {
  const char *id;                  // "projects.models.get"
  const char *http;                // "GET"
  const char *pattern;             // "projects/*/models/*": * is one name, ** the rest
  const char *suffix;              // behind it: "/versions", ":cancel"
  const char *request, *response;  // types; NULL = none
  leat_status (*run)(ml_call *c);  // NULL: not implemented, or the carrier's (predict)
  const char *query;               // its parameters: "pageSize pageToken filter"
  const char *help;
};
extern const ml_method ml_methods[];  // ends with a NULL id
bool ml_is_served(const ml_method *method);

// --- Types --------------------------------------------------------------------------------------
typedef struct ml_field {
  const char *type, *name;  // "Model", "description"
  // "string", "int64", "int32", "double", "boolean", "timestamp", "bytes", "any", "enum:A|B",
  // "ref:TYPE", "list:KIND", "map:KIND"
  const char *kind;
  bool output;  // only in answers: dropped from requests
  const char *help;
} ml_field;
extern const ml_field ml_fields[];  // ends with a NULL type
extern const char
    *const ml_types[][2];  // name here, name in the discovery document; ends with NULL

// Checks a request's object, drops nulls and what is only in answers, gives members their
// lowerCamelCase names. place: "model".
leat_status ml_check(ml_call *c, const char *type, leat_jnode *object, const char *place);

// --- Errors -------------------------------------------------------------------------------------
// "Field: model.name Error: text", with details that name the field.
leat_status ml_field_error(ml_call *c, const char *field, const char *fmt, ...) LEAT_PRINTF(3, 4);
leat_status ml_no_memory(ml_call *c);

// --- Making answers; nothing happens without memory, and ml_call ends with an error then --------
void ml_put(ml_call *c, leat_jnode *object, const char *key, leat_jnode *value);
void ml_put_text(ml_call *c, leat_jnode *object, const char *key, const char *value);  // not ""
void ml_put_i64(ml_call *c, leat_jnode *object, const char *key, int64_t value);  // as a string
void ml_put_true(ml_call *c, leat_jnode *object, const char *key, bool value);    // not false
void ml_put_time(ml_call *c, leat_jnode *object, const char *key, int64_t us);    // not 0
leat_jnode *ml_object(ml_call *c);
const char *ml_format(ml_call *c, const char *fmt, ...) LEAT_PRINTF(2, 3);
// A stored JSON object; an empty one when it is none.
leat_jnode *ml_parse(ml_call *c, const char *text);

// A parameter of the query, decoded, in the arena; NULL without one.
const char *ml_query(ml_call *c, const char *name);
// The page that the query asks for: adds those of `items` (each with its name at `name_path`) that
// the filter accepts to result's `key`, and nextPageToken.
leat_status ml_page(ml_call *c, const char *key, leat_jnode *items);

// --- Field masks --------------------------------------------------------------------------------
// The paths of updateMask in lowerCamelCase (without one: the body's members) that are allowed:
// sets them in `to` as they are in the body, or removes what the body does not have.
typedef LEAT_VEC(leat_str) ml_paths;
leat_status ml_mask(ml_call *c, const char *const *allowed, ml_paths *out);
leat_status ml_apply(ml_call *c, const ml_paths *paths, leat_jnode *to);
// ABORTED when the body's etag is there and of another revision than `now`.
leat_status ml_etag(ml_call *c, int64_t now);
void ml_put_etag(ml_call *c, leat_jnode *object, int64_t revision);
// At most 64 labels of ML Engine's alphabet.
leat_status ml_check_labels(ml_call *c, const char *place, const leat_jnode *labels);
// Names in lowerCamelCase: default_version is defaultVersion.
leat_str ml_camel(leat_arena *arena, leat_str name);

// --- Resources ----------------------------------------------------------------------------------
leat_jnode *ml_model_json(ml_call *c, const leat_registry_model *m);
leat_jnode *ml_version_json(ml_call *c, const leat_registry_version *v);
leat_jnode *ml_operation_json(ml_call *c, const leat_registry_operation *op);

leat_status ml_get_config(ml_call *c);
leat_status ml_models_create(ml_call *c);
leat_status ml_models_get(ml_call *c);
leat_status ml_models_list(ml_call *c);
leat_status ml_models_patch(ml_call *c);
leat_status ml_models_delete(ml_call *c);
leat_status ml_versions_create(ml_call *c);
leat_status ml_versions_get(ml_call *c);
leat_status ml_versions_list(ml_call *c);
leat_status ml_versions_patch(ml_call *c);
leat_status ml_versions_delete(ml_call *c);
leat_status ml_versions_set_default(ml_call *c);
leat_status ml_operations_get(ml_call *c);
leat_status ml_operations_list(ml_call *c);
leat_status ml_operations_cancel(ml_call *c);
leat_status ml_operations_delete(ml_call *c);

#endif
