// leat graph, ckpt, version: looking into graphs and weights.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"
#include "engine/native.h"
#include "base/file.h"
#include "engine/vec.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "graph/graph_impl.h"
#include "leat/model.h"

#include <stdio.h>
#include <stdlib.h>

static const option none[] = {{0}};
static const option graph_options[] = {
    {"--func", OPTION_VALUE, "NAME", "run, show --stage: the function (default: the last)", NULL},
    {"--stage", OPTION_VALUE, "fuse|c", "show: the groups that share a loop nest, or the printed C",
     NULL},
    {"--inputs", OPTION_VALUE, "FILE", "run: its arguments by name, safetensors", NULL},
    {"--outputs", OPTION_VALUE, "FILE", "run: its results by name, safetensors", NULL},
    {"--variables", OPTION_VALUE, "FILE", "run: values of variables before, safetensors", NULL},
    {"--variables-out", OPTION_VALUE, "FILE", "run: their values after, safetensors", NULL},
    {"--threads", OPTION_VALUE, "N", "run: threads", NULL},
    {0},
};

// DIR/name when the path is a directory, else the path itself; owned by the caller.
static char *inside(const char *path, const char *name) {
  return leat_file_is_dir(path) ? leat_path_join(path, name) : leat_strdup(path);
}

// --- graph --------------------------------------------------------------------------------------
static int list_ops(void) {
  static const char *const gradients[] = {"none", "zero", "rule"};
  for (int i = 0; i < LEAT_OP_COUNT; i++)
    printf("%-20s gradient %-5s %s\n", leat__ops[i].name, gradients[leat__ops[i].gradient],
           leat__ops[i].meaning);
  return EXIT_GOOD;
}

static leat_func *chosen_function(args *a, const leat_graph *graph, leat_error *err) {
  const char *name = args_get(a, "--func");
  size_t count = leat_graph_func_count(graph);
  leat_func *func = name    ? leat_graph_find_func(graph, leat_str_of(name))
                    : count ? leat_graph_func_at(graph, count - 1)
                            : NULL;
  if (!func) leat_error_set(err, LEAT_NOT_FOUND, "no function '%s'", name ? name : "");
  return func;
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
  leat_func *func = chosen_function(a, graph, err);
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
static leat_status run_with_state(args *a, leat_model *model, leat_graph *parsed, leat_error *err) {
  const char *variables = args_get(a, "--variables");
  const leat_graph *graph = model ? leat_func_graph(leat_model_func(model)) : parsed;
  leat_state *own = NULL;
  leat_status status = model ? LEAT_OK : leat_state_new(&own, parsed, err);
  leat_state *state = model ? leat_model_state(model) : own;
  if (!status && variables) status = read_variables(variables, graph, state, err);
  if (!status) status = run_function(a, graph, state, err);
  leat_state_free(own);
  return status;
}

static leat_status read_graph(const char *path, leat_model **model, leat_graph **parsed,
                              leat_error *err) {
  if (leat_file_is_dir(path)) return leat_model_load(model, path, err);
  leat_buf text = {0};
  leat_status status = leat_file_read(path, 1 << 30, &text, err);
  if (!status) status = leat_graph_parse(parsed, leat_buf_view(&text), path, NULL, err);
  leat_buf_deinit(&text);
  return status;
}

static leat_status show_stage(args *a, const leat_graph *graph, const char *stage,
                              leat_error *err) {
  leat_func *func = chosen_function(a, graph, err);
  bool groups = strcmp(stage, "fuse") == 0;
  leat_buf text = {0};
  if (!func) return LEAT_NOT_FOUND;
  if (!groups && strcmp(stage, "c") != 0)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "--stage is fuse or c, not '%s'", stage);
  leat_status status = leat__native_text(func, groups, &text, err);
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

static int run_graph(args *a) {
  leat_error err = {0};
  leat_model *model = NULL;
  leat_graph *parsed = NULL;
  const char *verb = a->words.count ? a->words.at[0] : "";
  if (strcmp(verb, "ops") == 0) return list_ops();
  bool show = strcmp(verb, "show") == 0, run = strcmp(verb, "run") == 0;
  if ((!show && !run && strcmp(verb, "check") != 0) || a->words.count != 2)
    return usage_error(a, "usage: leat graph show|check|run MODEL_DIR|FILE, or leat graph ops");
  const char *path = a->words.at[1];
  leat_status status = read_graph(path, &model, &parsed, &err);
  const leat_graph *graph = model ? leat_func_graph(leat_model_func(model)) : parsed;
  if (!status && show)
    status = show_graph(a, graph, &err);
  else if (!status && run)
    status = run_with_state(a, model, parsed, &err);
  else if (!status)
    printf("%s: good: %zu functions, %zu variables\n", path, leat_graph_func_count(graph),
           leat_graph_var_count(graph));
  leat_model_free(model);
  leat_graph_free(parsed);
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

// --- ckpt ---------------------------------------------------------------------------------------
static void print_shape(const leat_tensor *t) {
  printf("%s[", leat_dtype_name(leat_tensor_dtype(t)));
  for (int i = 0; i < leat_tensor_rank(t); i++)
    printf(i ? ", %lld" : "%lld", (long long)leat_tensor_dims(t)[i]);
  printf("]");
}

static leat_status load(const char *path, leat_safetensors *st, leat_error *err) {
  char *file = inside(path, "weights.safetensors");
  leat_status status = file ? leat_safetensors_read(st, file, err) : leat__oom(err, 1);
  leat__free(file);
  return status;
}

static void show_all(const leat_safetensors *st, bool json) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text, .indent = 1};
  leat_json_open(&w, '{');
  for (size_t i = 0; i < st->tensors.count; i++) {
    const leat_named_tensor *n = &st->tensors.at[i];
    if (!json) {
      printf("%-72.*s ", LEAT_STR_ARG(n->name));
      print_shape(n->tensor);
      printf("\n");
    }
    leat_json_key(&w, n->name);
    leat_json_open(&w, '[');
    leat_json_string(&w, leat_str_of(leat_dtype_name(leat_tensor_dtype(n->tensor))));
    for (int k = 0; k < leat_tensor_rank(n->tensor); k++)
      leat_json_i64(&w, leat_tensor_dims(n->tensor)[k]);
    leat_json_close(&w, ']');
  }
  leat_json_close(&w, '}');
  if (json) printf("%s\n", text.ptr ? text.ptr : "{}");
  leat_buf_deinit(&text);
}

static int count_differences(const leat_safetensors *x, const leat_safetensors *y) {
  int differences = 0;
  for (size_t i = 0; i < x->tensors.count; i++) {
    leat_str name = x->tensors.at[i].name;
    leat_tensor *other = leat_safetensors_find(y, name);
    if (other && leat_bits_equal(x->tensors.at[i].tensor, other)) continue;
    differences++;
    printf(other ? LEAT_STR_FMT ": differs\n" : LEAT_STR_FMT ": only in the first\n",
           LEAT_STR_ARG(name));
  }
  for (size_t i = 0; i < y->tensors.count; i++) {
    if (leat_safetensors_find(x, y->tensors.at[i].name)) continue;
    differences++;
    printf(LEAT_STR_FMT ": only in the second\n", LEAT_STR_ARG(y->tensors.at[i].name));
  }
  return differences;
}

static int run_ckpt(args *a) {
  leat_error err = {0};
  leat_safetensors x = {0}, y = {0};
  const char *verb = a->words.count ? a->words.at[0] : "";
  bool diff = strcmp(verb, "diff") == 0 && a->words.count == 3,
       show = strcmp(verb, "show") == 0 && a->words.count == 2;
  if (!diff && !show)
    return usage_error(a, "usage: leat ckpt show CHECKPOINT, or leat ckpt diff A B");
  leat_status status = load(a->words.at[1], &x, &err);
  if (!status && diff) status = load(a->words.at[2], &y, &err);
  int differences = 0;
  if (!status && show)
    show_all(&x, a->json);
  else if (!status) {
    differences = count_differences(&x, &y);
    printf("%zu tensors, %d differences\n", x.tensors.count, differences);
  }
  leat_safetensors_deinit(&x);
  leat_safetensors_deinit(&y);
  if (status) return fail_with(a, &err);
  return differences ? EXIT_FAILED : EXIT_GOOD;
}

// --- version ------------------------------------------------------------------------------------
static int run_version(args *a) {
  if (a->json)
    printf("{\"version\": \"%s\", \"numerics\": 1, \"isa\": \"%s\"}\n", LEAT_VERSION,
           leat__vec()->isa);
  else
    printf("leat %s, numerics 1, %s kernels\n", LEAT_VERSION, leat__vec()->isa);
  return EXIT_GOOD;
}

const command command_graph = {
    "graph",
    "show|check|run MODEL_DIR|FILE, or: leat graph ops",
    "Prints, checks or runs a graph in text form. `ops` lists the primitives.",
    graph_options,
    false,
    run_graph};
const command command_ckpt = {"ckpt",
                              "show CHECKPOINT, or: leat ckpt diff A B",
                              "Lists or compares weights, bit by bit.",
                              none,
                              false,
                              run_ckpt};
const command command_version = {
    "version", "",    "Prints the version, the numerics contract and the kernels in use.",
    none,      false, run_version};
