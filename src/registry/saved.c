// Saved models: trying one, and what it tells of its training.
// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_impl.h"

#include "base/file.h"
#include "formats/json_tree.h"
#include "graph/graph_impl.h"
#include "leat/model.h"

#include <stdlib.h>
#include <string.h>

// --- Trying -------------------------------------------------------------------------------------
static leat_status zeros(const leat_func *func, int input, leat_tensor **out, leat_error *err) {
  leat_type type = leat_func_input_type(func, input);
  const leat_graph *graph = leat_func_graph(func);
  size_t symbols = leat__dim_count(graph);
  int64_t dims[LEAT_MAX_RANK], count = 1;
  int64_t *ones = leat__calloc(symbols + 1, sizeof *ones);
  if (!ones) return leat__oom(err, symbols * sizeof *ones);
  for (size_t i = 0; i < symbols; i++) ones[i] = 1;
  for (int i = 0; i < type.shape.rank; i++)
    count *= dims[i] = leat__dim_eval(graph, type.shape.dims[i], ones);
  leat__free(ones);
  if (type.dtype != LEAT_DTYPE_STRING) {
    leat_status status = leat_tensor_new(out, type.dtype, type.shape.rank, dims, err);
    if (!status && count)
      memset(leat_tensor_data(*out), 0, (size_t)count * leat_dtype_bytes(type.dtype));
    return status;
  }
  leat_str *empty = leat__calloc((size_t)count + 1, sizeof *empty);
  if (!empty) return leat__oom(err, (size_t)count * sizeof *empty);
  leat_status status = leat_tensor_new_strings(out, type.shape.rank, dims, empty, err);
  leat__free(empty);
  return status;
}

static leat_status predict_once(leat_model *model, leat_error *err) {
  leat_func *func = leat_model_func(model);
  int inputs = leat_func_input_count(func), outputs = leat_func_output_count(func);
  leat_exec *exec = NULL;
  leat_tensor **in = leat__calloc((size_t)inputs + 1, sizeof *in);
  leat_tensor **out = leat__calloc((size_t)outputs + 1, sizeof *out);
  leat_status status = in && out ? LEAT_OK : leat__oom(err, sizeof *in);
  for (int i = 0; !status && i < inputs; i++) status = zeros(func, i, &in[i], err);
  if (!status) status = leat_exec_new(&exec, func, NULL, err);
  if (!status) status = leat_exec_run(exec, leat_model_state(model), in, inputs, out, err);
  for (int i = 0; in && i < inputs; i++) leat_tensor_unref(in[i]);
  for (int i = 0; out && i < outputs; i++) leat_tensor_unref(out[i]);
  leat_exec_free(exec);
  leat__free(in);
  leat__free(out);
  return status;
}

leat_status leat_registry_smoke(const char *dir, leat_error *err) {
  leat_model *model = NULL;
  leat_status status = leat_model_load(&model, dir, err);
  if (!status && (status = predict_once(model, err)))
    leat_error_prepend(err, status, "predicting for one instance of zeros");
  leat_model_free(model);
  return status;
}

// --- Lineage ------------------------------------------------------------------------------------
leat_status leat__lineage(const char *dir, leat_buf *out, leat_error *err) {
  leat_arena arena = {0};
  leat_buf text = {0};
  leat_jnode *about = NULL;
  char *path = leat_path_join(dir, "lineage.json");
  const char *line = NULL;
  leat_status status = path ? LEAT_OK : leat__oom(err, 1);
  if (!status && leat_file_exists(path)) {
    status = leat_file_read(path, 1 << 20, &text, err);
    if (!status) status = leat_json_tree(&about, &arena, leat_buf_view(&text), path, err);
    if (!status && !(line = leat_jnode_print(&arena, about))) status = leat__oom(err, 1);
  }
  leat_buf_c(out, leat_jnode_is(about, LEAT_JSON_OBJECT) && line ? line : "{}");
  leat__free(path);
  leat_buf_deinit(&text);
  leat_arena_deinit(&arena);
  return status ? status : leat_buf_status(out, err);
}
