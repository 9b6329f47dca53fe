// Saved models on disk.
// SPDX-License-Identifier: Apache-2.0
#include "leat/model.h"

#include "base/file.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "graph/graph_impl.h"

#include <stdio.h>

struct leat_model {
  leat_graph *graph;
  leat_func *func;
  leat_state *state;
  leat_buf signature;
};

// --- Saving -------------------------------------------------------------------------------------
typedef LEAT_VEC(leat_named_tensor) tensor_list;

typedef struct saver {
  tensor_list tensors;
  leat_arena names;
} saver;

static leat_status put_const(void *context, leat_str name, leat_tensor *tensor, leat_error *err);

// Strings travel as their bytes and their offsets.
static leat_status put_strings(saver *s, leat_str name, leat_tensor *t, leat_error *err) {
  char full[128];
  int64_t count = leat_tensor_count(t) + 1, bytes = ((int64_t *)leat_tensor_data(t))[count - 1];
  leat_tensor *parts[2] = {NULL};
  static const char *const suffixes[] = {"bytes", "offsets"};
  leat_status status =
      leat_tensor_copy_of(&parts[0], LEAT_DTYPE_U8, 1, &bytes, leat_tensor_bytes(t), err);
  if (!status)
    status = leat_tensor_copy_of(&parts[1], LEAT_DTYPE_I64, 1, &count, leat_tensor_data(t), err);
  for (int i = 0; !status && i < 2; i++) {
    snprintf(full, sizeof full, LEAT_STR_FMT ".%s", LEAT_STR_ARG(name), suffixes[i]);
    status = put_const(s, leat_str_of(full), parts[i], err);
  }
  leat_tensor_unref(parts[0]);
  leat_tensor_unref(parts[1]);
  return status;
}

static leat_status put_const(void *context, leat_str name, leat_tensor *tensor, leat_error *err) {
  saver *s = context;
  if (leat_tensor_dtype(tensor) == LEAT_DTYPE_STRING) return put_strings(s, name, tensor, err);
  leat_named_tensor named = {{leat_arena_str(&s->names, name), name.len}, tensor};
  if (!named.name.ptr || !leat_vec_push(&s->tensors, named)) return leat__oom(err, sizeof named);
  leat_tensor_ref(tensor);
  return LEAT_OK;
}

static leat_status write_part(const char *dir, const char *name, leat_str contents,
                              leat_error *err) {
  char *path = leat_path_join(dir, name);
  leat_status status = path ? leat_file_write(path, contents, err) : leat__oom(err, 1);
  leat__free(path);
  return status;
}

static void describe(leat_json_writer *w, const leat_graph *graph, const char *name,
                     leat_type type) {
  leat_buf shape = {0};
  leat__print_shape(graph, &type.shape, &shape);
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("name"));
  leat_json_string(w, leat_str_of(name));
  leat_json_key(w, LEAT_STR("dtype"));
  leat_json_string(w, leat_str_of(leat_dtype_name(type.dtype)));
  leat_json_key(w, LEAT_STR("shape"));
  leat_json_string(w, leat_buf_view(&shape));
  leat_json_close(w, '}');
  leat_buf_deinit(&shape);
}

static leat_status write_signature(const char *dir, const leat_func *func, const char *name,
                                   leat_error *err) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text, .indent = 1};
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("format"));
  leat_json_i64(&w, 1);
  leat_json_key(&w, LEAT_STR("signature"));
  leat_json_string(&w, leat_str_of(name));
  leat_json_key(&w, LEAT_STR("function"));
  leat_json_string(&w, leat_str_of(leat_func_name(func)));
  leat_json_key(&w, LEAT_STR("inputs"));
  leat_json_open(&w, '[');
  for (int i = 0; i < leat_func_input_count(func); i++)
    describe(&w, leat_func_graph(func), leat_func_input_name(func, i),
             leat_func_input_type(func, i));
  leat_json_close(&w, ']');
  leat_json_key(&w, LEAT_STR("outputs"));
  leat_json_open(&w, '[');
  for (int i = 0; i < leat_func_output_count(func); i++)
    describe(&w, leat_func_graph(func), leat_func_output_name(func, i),
             leat_func_output_type(func, i));
  leat_json_close(&w, ']');
  leat_json_close(&w, '}');
  leat_buf_char(&text, '\n');
  leat_status status = leat_buf_status(&text, err);
  if (!status) status = write_part(dir, "signature.json", leat_buf_view(&text), err);
  leat_buf_deinit(&text);
  return status;
}

static leat_status write_graph(const char *dir, leat_graph *graph, const leat_state *state,
                               saver *s, leat_error *err) {
  char *text = NULL;
  size_t length = 0;
  leat_graph_consts consts = {.put = put_const, .context = s};
  leat_status status = leat_graph_print(graph, &consts, &text, &length, err);
  if (!status) status = write_part(dir, "graph.leat", (leat_str){text, length}, err);
  leat_text_free(text);
  for (size_t i = 0; !status && i < leat_graph_var_count(graph); i++) {
    const leat_var *var = leat_graph_var_at(graph, i);
    leat_tensor *value = state ? leat_state_get(state, var) : NULL;
    if (!value)
      status = leat_error_set(err, LEAT_FAILED_PRECONDITION, "variable '%s' has no value",
                              leat_var_name(var));
    else
      status = put_const(s, leat_str_of(leat_var_name(var)), value, err);
  }
  static const leat_named_str metadata[] = {{{"format", 6}, {"leat", 4}}};
  leat_buf bytes = {0};
  if (!status)
    status = leat_safetensors_format(s->tensors.at, s->tensors.count, metadata, 1, &bytes, err);
  if (!status) status = write_part(dir, "weights.safetensors", leat_buf_view(&bytes), err);
  leat_buf_deinit(&bytes);
  return status;
}

leat_status leat_model_save(const char *dir, leat_func *func, const leat_state *state,
                            const char *signature, leat_error *err) {
  saver s = {0};
  char *temporary = NULL;
  if (leat_file_exists(dir))
    return leat_error_set(err, LEAT_ALREADY_EXISTS, "%s exists already", dir);
  leat_status status = leat_dir_begin(dir, &temporary, err);
  if (!status) status = write_graph(temporary, leat_func_graph(func), state, &s, err);
  if (!status) status = write_signature(temporary, func, signature, err);
  char *assets = status ? NULL : leat_path_join(temporary, "assets");
  if (assets) status = leat_dir_make(assets, err);
  leat__free(assets);
  if (!status)
    status = leat_dir_publish(temporary, dir, err);
  else
    leat_dir_abandon(temporary);
  for (size_t i = 0; i < s.tensors.count; i++) leat_tensor_unref(s.tensors.at[i].tensor);
  leat_vec_deinit(&s.tensors);
  leat_arena_deinit(&s.names);
  return status ? leat_error_prepend(err, status, "export to %s", dir) : status;
}

// --- Loading ------------------------------------------------------------------------------------
static leat_status get_const(void *context, leat_str name, leat_tensor **out, leat_error *err) {
  const leat_safetensors *st = context;
  char full[128];
  *out = leat_tensor_ref(leat_safetensors_find(st, name));
  if (*out) return LEAT_OK;
  snprintf(full, sizeof full, LEAT_STR_FMT ".bytes", LEAT_STR_ARG(name));
  leat_tensor *bytes = leat_safetensors_find(st, leat_str_of(full));
  snprintf(full, sizeof full, LEAT_STR_FMT ".offsets", LEAT_STR_ARG(name));
  leat_tensor *offsets = leat_safetensors_find(st, leat_str_of(full));
  bool good = bytes && offsets && leat_tensor_dtype(bytes) == LEAT_DTYPE_U8 &&
              leat_tensor_dtype(offsets) == LEAT_DTYPE_I64 && leat_tensor_rank(offsets) == 1 &&
              leat_tensor_count(offsets) > 0;
  const int64_t *at = good ? leat_tensor_data(offsets) : NULL;
  int64_t count = good ? leat_tensor_count(offsets) - 1 : 0;
  good = good && at[0] == 0 && at[count] == leat_tensor_count(bytes);
  for (int64_t i = 0; good && i < count; i++) good = at[i] <= at[i + 1];
  if (!good)
    return leat_error_set(err, LEAT_DATA_LOSS, "constant '" LEAT_STR_FMT "' is missing or damaged",
                          LEAT_STR_ARG(name));
  leat_status status = leat_tensor_alloc_strings(out, 1, &count, at[count], err);
  if (status) return status;
  memcpy(leat_tensor_data(*out), at, sizeof *at * ((size_t)count + 1));
  if (at[count])
    memcpy((char *)(uintptr_t)leat_tensor_bytes(*out), leat_tensor_data(bytes), (size_t)at[count]);
  return LEAT_OK;
}

static leat_status read_signature(leat_model *m, const char *path, leat_buf *function,
                                  leat_error *err) {
  leat_buf text = {0};
  leat_json json;
  leat_json_event event;
  leat_status status = leat_file_read(path, 1 << 24, &text, err);
  leat_json_init(&json, leat_buf_view(&text), path);
  if (!status) status = leat_json_next(&json, &event, err);
  if (!status && event != LEAT_JSON_OBJECT)
    status = leat_json_fail(&json, err, "an object was expected");
  while (!status && !(status = leat_json_next(&json, &event, err)) && event == LEAT_JSON_KEY) {
    leat_buf *to = leat_str_eq(json.text, LEAT_STR("function"))    ? function
                   : leat_str_eq(json.text, LEAT_STR("signature")) ? &m->signature
                                                                   : NULL;
    if ((status = leat_json_next(&json, &event, err))) break;
    if (to && event == LEAT_JSON_STRING) leat_buf_str(to, json.text);
    status = leat_json_skip(&json, event, err);
  }
  if (!status && !function->len) status = leat_json_fail(&json, err, "no 'function'");
  leat_json_deinit(&json);
  leat_buf_deinit(&text);
  return status;
}

static leat_status load_weights(leat_model *m, const leat_safetensors *st, const char *path,
                                leat_error *err) {
  leat_status status = leat_state_new(&m->state, m->graph, err);
  for (size_t i = 0; !status && i < leat_graph_var_count(m->graph); i++) {
    const leat_var *var = leat_graph_var_at(m->graph, i);
    leat_tensor *value = leat_safetensors_find(st, leat_str_of(leat_var_name(var)));
    if (!value)
      status = leat_error_set(err, LEAT_DATA_LOSS, "%s: no tensor '%s'", path, leat_var_name(var));
    else
      status = leat_state_set(m->state, var, value, err);
  }
  return status;
}

leat_status leat_model_load(leat_model **out, const char *dir, leat_error *err) {
  leat_model *m = *out = leat__calloc(1, sizeof *m);
  char *paths[3] = {leat_path_join(dir, "signature.json"),
                    leat_path_join(dir, "weights.safetensors"), leat_path_join(dir, "graph.leat")};
  leat_safetensors st = {0};
  leat_buf text = {0}, function = {0};
  leat_graph_consts consts = {.get = get_const, .context = &st};
  leat_status status = m && paths[0] && paths[1] && paths[2] ? LEAT_OK : leat__oom(err, 1);
  if (!status && !leat_file_exists(paths[0]))
    status = leat_error_set(err, LEAT_NOT_FOUND, "%s: not a saved model (no signature.json)", dir);
  if (!status) status = read_signature(m, paths[0], &function, err);
  if (!status) status = leat_safetensors_read(&st, paths[1], err);
  if (!status) status = leat_file_read(paths[2], 1 << 30, &text, err);
  if (!status) status = leat_graph_parse(&m->graph, leat_buf_view(&text), paths[2], &consts, err);
  if (!status) status = load_weights(m, &st, paths[1], err);
  if (!status && !(m->func = leat_graph_find_func(m->graph, leat_buf_view(&function))))
    status = leat_error_set(err, LEAT_DATA_LOSS, "%s: no function '%s'", paths[2], function.ptr);
  leat_safetensors_deinit(&st);
  leat_buf_deinit(&text);
  leat_buf_deinit(&function);
  for (int i = 0; i < 3; i++) leat__free(paths[i]);
  if (!status) return LEAT_OK;
  leat_model_free(m);
  *out = NULL;
  return status;
}

void leat_model_free(leat_model *m) {
  if (!m) return;
  leat_state_free(m->state);
  leat_graph_free(m->graph);
  leat_buf_deinit(&m->signature);
  leat__free(m);
}

leat_func *leat_model_func(const leat_model *m) { return m->func; }
const char *leat_model_signature(const leat_model *m) {
  return m->signature.ptr ? m->signature.ptr : "";
}
leat_state *leat_model_state(const leat_model *m) { return m->state; }
