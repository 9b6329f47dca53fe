// leat graph: graphs as text, what the compiler makes of them, runs of single functions.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "cli/cli.h"
#include "cli/inspect.h"
#include "engine/native.h"
#include "formats/number.h"
#include "formats/safetensors.h"
#include "graph/graph_impl.h"

#include <stdlib.h>

static const option graph_options[] = {
    {"--func", OPTION_VALUE, "NAME", "run, show --stage: the function (default: the last)", NULL},
    {"--stage", OPTION_VALUE, "fuse|plan|c",
     "show: the groups that share a loop nest, the places of values in memory, the printed C",
     NULL},
    {"--size", OPTION_VALUE, "N", "show --stage plan: what sizes that are symbols are (40)", NULL},
    {"--job-dir", OPTION_VALUE, "DIR", "of a MODEL.yaml: the job whose functions are meant", NULL},
    {"--inputs", OPTION_VALUE, "FILE", "run: its arguments by name, safetensors", NULL},
    {"--outputs", OPTION_VALUE, "FILE", "run: its results by name, safetensors", NULL},
    {"--variables", OPTION_VALUE, "FILE", "run: values of variables before, safetensors", NULL},
    {"--variables-out", OPTION_VALUE, "FILE", "run: their values after, safetensors", NULL},
    {"--threads", OPTION_VALUE, "N", "run: threads", NULL},
    {0},
};

static int list_ops(void) {
  static const char *const gradients[] = {"none", "zero", "rule"};
  for (int i = 0; i < LEAT_OP_COUNT; i++)
    printf("%-20s gradient %-5s %s\n", leat__ops[i].name, gradients[leat__ops[i].gradient],
           leat__ops[i].meaning);
  return EXIT_GOOD;
}

// Variables from a file, those that it has.
static leat_status read_variables(const char *path, const leat_graph *graph, leat_state *state,
                                  leat_error *err) {
  leat_safetensors st = {0};
  leat_status status = leat_safetensors_read(&st, path, err);
  for (size_t i = 0; !status && i < leat_graph_var_count(graph); i++) {
    const leat_var *var = leat_graph_var_at(graph, i);
    leat_tensor *value = leat_safetensors_find(&st, leat_str_of(leat_var_name(var)));
    if (value) status = leat_state_set(state, var, value, err);
  }
  leat_safetensors_deinit(&st);
  return status;
}

static leat_status write_tensors(const char *path, const leat_named_tensor *named, size_t count,
                                 leat_error *err) {
  leat_buf bytes = {0};
  leat_status status = leat_safetensors_format(named, count, NULL, 0, &bytes, err);
  if (!status) status = leat_file_write(path, leat_buf_view(&bytes), err);
  leat_buf_deinit(&bytes);
  return status;
}

static leat_status write_variables(const char *path, const leat_graph *graph,
                                   const leat_state *state, leat_error *err) {
  size_t count = 0;
  leat_named_tensor *named = leat__calloc(leat_graph_var_count(graph) + 1, sizeof *named);
  if (!named) return leat__oom(err, sizeof *named);
  for (size_t i = 0; i < leat_graph_var_count(graph); i++) {
    const leat_var *var = leat_graph_var_at(graph, i);
    leat_tensor *value = leat_state_get(state, var);
    if (value) named[count++] = (leat_named_tensor){leat_str_of(leat_var_name(var)), value};
  }
  leat_status status = write_tensors(path, named, count, err);
  leat__free(named);
  return status;
}

static void print_value(void *context, const char *message, const leat_tensor *value) {
  (void)context;
  fprintf(stderr, "%s: %s[", message, leat_dtype_name(leat_tensor_dtype(value)));
  for (int i = 0; i < leat_tensor_rank(value); i++)
    fprintf(stderr, i ? ", %lld" : "%lld", (long long)leat_tensor_dims(value)[i]);
  fprintf(stderr, "]\n");
}

// Runs a function on the tensors of one file and writes its results to another.
static leat_status run_function(args *a, const leat_graph *graph, leat_state *state,
                                leat_error *err) {
  const char *from = args_get(a, "--inputs"), *to = args_get(a, "--outputs");
  const char *threads = args_get(a, "--threads"), *vars_to = args_get(a, "--variables-out");
  leat_func *func = graph_source_func(graph, args_get(a, "--func"), err);
  if (!func) return LEAT_NOT_FOUND;
  leat_safetensors st = {0};
  leat_exec *exec = NULL;
  leat_exec_options options = {.threads = threads ? atoi(threads) : 1, .print = print_value};
  size_t slots = (size_t)(func->input_count + func->output_count);
  leat_tensor **in = leat__calloc(slots + 1, sizeof *in), **out = in + func->input_count;
  leat_named_tensor *named = leat__calloc(slots + 1, sizeof *named);
  leat_status status = in && named ? LEAT_OK : leat__oom(err, slots);
  if (!status && from) status = leat_safetensors_read(&st, from, err);
  for (int i = 0; !status && i < func->input_count; i++)
    if (!(in[i] = leat_safetensors_find(&st, leat_str_of(func->input_names[i]))))
      status = leat_error_set(err, LEAT_NOT_FOUND, "%s: no tensor '%s'", from ? from : "--inputs",
                              func->input_names[i]);
  if (!status) status = leat_exec_new(&exec, func, &options, err);
  if (!status) status = leat_exec_run(exec, state, in, func->input_count, out, err);
  for (int i = 0; !status && i < func->output_count; i++)
    named[i] = (leat_named_tensor){leat_str_of(func->output_names[i]), out[i]};
  if (!status && to) status = write_tensors(to, named, (size_t)func->output_count, err);
  if (!status && vars_to) status = write_variables(vars_to, graph, state, err);
  for (int i = 0; in && i < func->output_count; i++) leat_tensor_unref(out[i]);
  leat_exec_free(exec);
  leat_safetensors_deinit(&st);
  leat__free(in);
  leat__free(named);
  return status;
}

// Runs a function with the model's variables, or with those of --variables.
static leat_status run_with_state(args *a, const graph_source *from, leat_error *err) {
  const char *variables = args_get(a, "--variables");
  leat_state *own = NULL;
  leat_status status = from->state ? LEAT_OK : leat_state_new(&own, from->graph, err);
  leat_state *state = from->state ? from->state : own;
  if (!status && variables) status = read_variables(variables, from->graph, state, err);
  if (!status) status = run_function(a, from->graph, state, err);
  leat_state_free(own);
  return status;
}

static leat_status show_stage(args *a, const leat_graph *graph, const char *stage,
                              leat_error *err) {
  static const char *const names[] = {"fuse", "plan", "c"};
  const char *given = args_get(a, "--size");
  int64_t size = 40;
  leat_func *func = graph_source_func(graph, args_get(a, "--func"), err);
  leat_buf text = {0};
  int chosen = 0;
  if (!func) return LEAT_NOT_FOUND;
  while (chosen < 3 && strcmp(stage, names[chosen]) != 0) chosen++;
  if (chosen == 3)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "--stage is fuse, plan or c, not '%s'",
                          stage);
  if (given && (!leat_parse_i64(leat_str_of(given), &size) || size < 0))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "--size is a whole number that is not negative, not '%s'", given);
  leat_status status = leat__native_text(func, (leat_stage)chosen, size, &text, err);
  if (!status) fwrite(text.ptr, 1, text.len, stdout);
  leat_buf_deinit(&text);
  return status;
}

static leat_status show_graph(args *a, const leat_graph *graph, leat_error *err) {
  if (args_get(a, "--stage")) return show_stage(a, graph, args_get(a, "--stage"), err);
  char *text;
  size_t length;
  leat_status status = leat_graph_print(graph, NULL, &text, &length, err);
  if (!status) fwrite(text, 1, length, stdout);
  leat_text_free(text);
  return status;
}

static int diff_graphs(args *a) {
  graph_source from[2] = {{0}};
  leat_error err = {0};
  int differences = 0;
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < 2; i++)
    status = graph_source_open(&from[i], a, a->words.at[i + 1], &err);
  if (!status) status = graph_diff(from[0].graph, from[1].graph, &differences, &err);
  for (int i = 0; i < 2; i++) graph_source_close(&from[i]);
  if (status) return fail_with(a, &err);
  if (!differences) printf("no differences\n");
  return differences ? EXIT_FAILED : EXIT_GOOD;
}

static int run_graph(args *a) {
  leat_error err = {0};
  graph_source from = {0};
  const char *verb = a->words.count ? a->words.at[0] : "";
  if (strcmp(verb, "ops") == 0) return list_ops();
  if (strcmp(verb, "diff") == 0 && a->words.count == 3) return diff_graphs(a);
  bool show = strcmp(verb, "show") == 0, run = strcmp(verb, "run") == 0;
  if ((!show && !run && strcmp(verb, "check") != 0) || a->words.count != 2)
    return usage_error(a,
                       "usage: leat graph show|check|run MODEL_DIR|FILE|MODEL.yaml, leat graph "
                       "diff A B, or leat graph ops");
  const char *path = a->words.at[1];
  leat_status status = graph_source_open(&from, a, path, &err);
  if (!status && show)
    status = show_graph(a, from.graph, &err);
  else if (!status && run)
    status = run_with_state(a, &from, &err);
  else if (!status)
    printf("%s: good: %zu functions, %zu variables\n", path, leat_graph_func_count(from.graph),
           leat_graph_var_count(from.graph));
  graph_source_close(&from);
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

const command command_graph = {
    "graph",
    "show|check|run|diff|ops MODEL_DIR|FILE|MODEL.yaml ...",
    "Prints, checks, runs or compares graphs in text form. `ops` lists the primitives. A "
    "MODEL.yaml stands for the functions that train it.",
    graph_options,
    true,
    run_graph};
