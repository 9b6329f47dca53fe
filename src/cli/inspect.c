// leat graph, ckpt, version: looking into graphs and weights.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"
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
    {"--func", OPTION_VALUE, "NAME", "run: the function (default: the last)", NULL},
    {"--inputs", OPTION_VALUE, "FILE", "run: its arguments by name, safetensors", NULL},
    {"--outputs", OPTION_VALUE, "FILE", "run: its results by name, safetensors", NULL},
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

// Runs a function on the tensors of one file and writes its results to another.
static leat_status run_function(args *a, const leat_graph *graph, leat_state *state,
                                leat_error *err) {
  const char *name = args_get(a, "--func"), *from = args_get(a, "--inputs");
  const char *to = args_get(a, "--outputs"), *threads = args_get(a, "--threads");
  size_t count = leat_graph_func_count(graph);
  leat_func *func = name    ? leat_graph_find_func(graph, leat_str_of(name))
                    : count ? leat_graph_func_at(graph, count - 1)
                            : NULL;
  if (!func) return leat_error_set(err, LEAT_NOT_FOUND, "no function '%s'", name ? name : "");
  leat_safetensors st = {0};
  leat_exec *exec = NULL;
  leat_exec_options options = {.threads = threads ? atoi(threads) : 1};
  size_t slots = (size_t)(func->input_count + func->output_count);
  leat_tensor **in = leat__calloc(slots + 1, sizeof *in), **out = in + func->input_count;
  leat_named_tensor *named = leat__calloc(slots + 1, sizeof *named);
  leat_buf bytes = {0};
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
  if (!status && to)
    status = leat_safetensors_format(named, (size_t)func->output_count, NULL, 0, &bytes, err);
  if (!status && to) status = leat_file_write(to, leat_buf_view(&bytes), err);
  for (int i = 0; in && i < func->output_count; i++) leat_tensor_unref(out[i]);
  leat_exec_free(exec);
  leat_safetensors_deinit(&st);
  leat_buf_deinit(&bytes);
  leat__free(in);
  leat__free(named);
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
  leat_status status;
  if (leat_file_is_dir(path))
    status = leat_model_load(&model, path, &err);
  else {
    leat_buf text = {0};
    status = leat_file_read(path, 1 << 30, &text, &err);
    if (!status) status = leat_graph_parse(&parsed, leat_buf_view(&text), path, NULL, &err);
    leat_buf_deinit(&text);
  }
  const leat_graph *graph = model ? leat_func_graph(leat_model_func(model)) : parsed;
  char *text = NULL;
  size_t length;
  if (!status && show) status = leat_graph_print(graph, NULL, &text, &length, &err);
  if (!status && show)
    fwrite(text, 1, length, stdout);
  else if (!status && run)
    status = run_function(a, graph, model ? leat_model_state(model) : NULL, &err);
  else if (!status)
    printf("%s: good: %zu functions, %zu variables\n", path, leat_graph_func_count(graph),
           leat_graph_var_count(graph));
  leat_text_free(text);
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
