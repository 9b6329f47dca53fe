// leat compile: a model's functions as C files that any C compiler takes.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "cli/cli.h"
#include "cli/inspect.h"
#include "engine/native.h"
#include "engine/vec.h"

static const option options[] = {
    {"-o", OPTION_VALUE, "DIR", "where the files go (made if need be)", NULL},
    {"--output", OPTION_VALUE, "DIR", "the same", NULL},
    {"--func", OPTION_VALUE, "NAME", "this function alone (default: each)", NULL},
    {"--job-dir", OPTION_VALUE, "DIR", "of a MODEL.yaml: the job whose functions are meant", NULL},
    {0},
};

// DIR/NAME.c. Names come from files and may hold anything: what is no letter, digit, _ or - becomes
// _, and the function's number follows.
static void unit_path(const leat_func *func, size_t number, const char *dir, leat_buf *out) {
  const char *name = leat_func_name(func);
  bool plain = *name != 0;
  leat_buf_fmt(out, "%s/", dir);
  for (const char *c = name; *c; c++) {
    bool good = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                *c == '_' || *c == '-';
    leat_buf_char(out, good ? *c : '_');
    plain &= good;
  }
  if (!plain) leat_buf_fmt(out, ".%zu", number);
  leat_buf_c(out, ".c");
}

static leat_status write_unit(const leat_graph *graph, size_t number, const char *dir,
                              leat_error *err) {
  const leat_func *func = leat_graph_func_at(graph, number);
  leat_buf text = {0}, path = {0};
  leat_status status = leat__native_text(func, LEAT_STAGE_UNIT, 1, &text, err);
  unit_path(func, number, dir, &path);
  if (!status) status = leat_buf_status(&path, err);
  if (!status) status = leat_file_write(path.ptr, leat_buf_view(&text), err);
  if (!status) printf("%s\n", path.ptr);
  leat_buf_deinit(&text);
  leat_buf_deinit(&path);
  return status;
}

static leat_status write_units(args *a, const leat_graph *graph, const char *dir, leat_error *err) {
  const char *name = args_get(a, "--func");
  leat_func *only = name ? graph_source_func(graph, name, err) : NULL;
  if (name && !only) return LEAT_NOT_FOUND;
  leat_status status = leat_dir_make(dir, err);
  for (size_t i = 0; !status && i < leat_graph_func_count(graph); i++)
    if (!only || leat_graph_func_at(graph, i) == only) status = write_unit(graph, i, dir, err);
  return status;
}

// --- Ahead
// ---------------------------------------------------------------------------------------- Native
// code of each function of a saved model, for one instruction set.
static leat_status build_for(leat_model *model, const char *dir, leat_str isa, leat_error *err) {
  static const char *const known[] = {"sse2", "avx2", "avx512", "neon"};
  const leat_graph *graph = leat_func_graph(leat_model_func(model));
  const char *name = leat_str_eq(isa, LEAT_STR("native")) ? leat__vec()->isa : NULL;
  for (int i = 0; !name && i < 4; i++)
    if (leat_str_eq(isa, leat_str_of(known[i]))) name = known[i];
  if (!name)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "--aot is native, sse2, avx2, avx512 or neon, not '" LEAT_STR_FMT "'",
                          LEAT_STR_ARG(isa));
  for (size_t i = 0; i < leat_graph_func_count(graph); i++) {
    leat_status status = leat__native_ahead(leat_graph_func_at(graph, i), dir, name, err);
    if (status && status != LEAT_UNIMPLEMENTED) return status;
  }
  return LEAT_OK;
}

leat_status compile_ahead(const char *path, const char *isas, leat_error *err) {
  leat_model *model = NULL;
  char *dir = leat_path_join(path, "native");
  leat_status status = dir ? leat_model_load(&model, path, err) : leat__oom(err, strlen(path));
  leat_str rest = leat_str_strip(leat_str_of(isas), LEAT_STR("[]"));
  while (!status && rest.len) {
    leat_str isa = leat_str_strip(leat_str_cut(&rest, ','), LEAT_STR(" '"));
    if (isa.len) status = build_for(model, dir, isa, err);
  }
  leat_model_free(model);
  leat__free(dir);
  return status;
}

// --- The command
// ----------------------------------------------------------------------------------
static int run_compile(args *a) {
  leat_error err = {0};
  graph_source from = {0};
  const char *dir = args_get(a, "-o") ? args_get(a, "-o") : args_get(a, "--output");
  if (a->words.count != 1 || !dir) return usage_error(a, "usage: leat compile MODEL -o DIR");
  leat_status status = graph_source_open(&from, a, a->words.at[0], &err);
  if (!status) status = write_units(a, from.graph, dir, &err);
  graph_source_close(&from);
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

const command command_compile = {
    "compile",
    "MODEL_DIR|FILE|MODEL.yaml -o DIR",
    "Writes each function as a C file. A file compiles alone with gcc or clang "
    "(-std=gnu17 -O2 -ffp-contract=off, and -mavx2 -mfma or what the machine has) and says in "
    "comments which node each loop nest computes. The kernels of matrix products are the "
    "caller's: see leat_dot in the file.",
    options,
    true,
    run_compile};
