// leat ckpt, version: looking into weights.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"
#include "base/file.h"
#include "engine/vec.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "leat/model.h"

#include <stdio.h>
#include <stdlib.h>

static const option none[] = {{0}};

// DIR/name when the path is a directory, else the path itself; owned by the caller.
static char *inside(const char *path, const char *name) {
  return leat_file_is_dir(path) ? leat_path_join(path, name) : leat_strdup(path);
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

const command command_ckpt = {"ckpt",
                              "show CHECKPOINT, or: leat ckpt diff A B",
                              "Lists or compares weights, bit by bit.",
                              none,
                              false,
                              run_ckpt};
const command command_version = {
    "version", "",    "Prints the version, the numerics contract and the kernels in use.",
    none,      false, run_version};
