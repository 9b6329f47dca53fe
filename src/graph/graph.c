// Graphs: what owns variables, symbols, constants and functions.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"

leat_status leat_graph_new(leat_graph **out, leat_error *err) {
  *out = leat__calloc(1, sizeof **out);
  return *out ? LEAT_OK : leat__oom(err, sizeof **out);
}

void leat_graph_free(leat_graph *graph) {
  if (!graph) return;
  for (size_t i = 0; i < graph->tensors.count; i++) leat_tensor_unref(graph->tensors.at[i]);
  leat_vec_deinit(&graph->tensors);
  leat_vec_deinit(&graph->dims);
  leat_vec_deinit(&graph->vars);
  leat_vec_deinit(&graph->funcs);
  leat_map_deinit(&graph->dim_map);
  leat_map_deinit(&graph->var_map);
  leat_map_deinit(&graph->func_map);
  leat_arena_deinit(&graph->arena);
  leat__free(graph);
}

static leat_status check_var(const leat_graph *graph, const char *name, leat_type type,
                             leat_error *err) {
  if (!name[0] || strpbrk(name, " \t\r\n\"%(){}[],=:"))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "variable '%s': not a legal name", name);
  if (leat_map_find(&graph->var_map, leat_str_of(name)))
    return leat_error_set(err, LEAT_ALREADY_EXISTS, "variable '%s' exists already", name);
  if (type.dtype == LEAT_DTYPE_NONE || type.dtype == LEAT_DTYPE_STRING)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "variable '%s': dtype %s cannot be stored",
                          name, leat_dtype_name(type.dtype));
  for (int i = 0; i < type.shape.rank; i++)
    if (type.shape.dims[i] < 0)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "variable '%s': its shape is not static",
                            name);
  return LEAT_OK;
}

leat_status leat_graph_var(leat_graph *graph, const char *name, leat_type type, bool trainable,
                           leat_var **out, leat_error *err) {
  *out = NULL;
  leat_status status = check_var(graph, name, type, err);
  if (status) return status;
  leat_var *var = leat_arena_alloc(&graph->arena, sizeof *var);
  if (!var) return leat__oom(err, sizeof *var);
  *var = (leat_var){.type = type, .trainable = trainable, .index = (int)graph->vars.count};
  var->name = leat_arena_str(&graph->arena, leat_str_of(name));
  if (!var->name || !leat_vec_reserve(&graph->vars, 1)) return leat__oom(err, sizeof *var);
  leat_map_entry *entry = leat_map_insert(&graph->var_map, leat_str_of(var->name), NULL);
  if (!entry) return leat__oom(err, sizeof *entry);
  entry->value.ptr = var;
  leat_vec_push(&graph->vars, var);
  *out = var;
  return LEAT_OK;
}

leat_var *leat_graph_find_var(const leat_graph *graph, leat_str name) {
  leat_map_entry *entry = leat_map_find(&graph->var_map, name);
  return entry ? entry->value.ptr : NULL;
}

size_t leat_graph_var_count(const leat_graph *graph) { return graph->vars.count; }
leat_var *leat_graph_var_at(const leat_graph *graph, size_t index) { return graph->vars.at[index]; }
const char *leat_var_name(const leat_var *var) { return var->name; }
leat_type leat_var_type(const leat_var *var) { return var->type; }
bool leat_var_trainable(const leat_var *var) { return var->trainable; }

leat_func *leat_graph_find_func(const leat_graph *graph, leat_str name) {
  leat_map_entry *entry = leat_map_find(&graph->func_map, name);
  return entry ? entry->value.ptr : NULL;
}

size_t leat_graph_func_count(const leat_graph *graph) { return graph->funcs.count; }
leat_func *leat_graph_func_at(const leat_graph *graph, size_t index) {
  return graph->funcs.at[index];
}

leat_graph *leat_func_graph(const leat_func *func) { return func->graph; }
const char *leat_func_name(const leat_func *func) { return func->name; }
int leat_func_input_count(const leat_func *func) { return func->input_count; }
const char *leat_func_input_name(const leat_func *func, int index) {
  return func->input_names[index];
}
leat_type leat_func_input_type(const leat_func *func, int index) {
  return func->inputs[index]->types[0];
}
int leat_func_output_count(const leat_func *func) { return func->output_count; }
const char *leat_func_output_name(const leat_func *func, int index) {
  return func->output_names[index];
}
leat_type leat_func_output_type(const leat_func *func, int index) {
  return leat_value_type(func->outputs[index]);
}

leat_type leat_value_type(leat_value value) {
  return value.node ? value.node->types[value.index] : (leat_type){0};
}
