// Prints the ids of features, one row a line: what the crosses and hashes of a model.yaml come to.
// SPDX-License-Identifier: Apache-2.0
//
// usage: feature_ids MODEL.yaml FILE FEATURE...
#include "leat/engine.h"
#include "leat/ops.h"
#include "train/input.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 16, BATCH = 4096 };

static int find(const leat_config *c, const char *name) {
  for (size_t i = 0; i < c->features.count; i++)
    if (leat_str_eq(c->features.at[i].name, leat_str_of(name))) return (int)i;
  return -1;
}

static leat_status build(const leat_config *c, leat_graph *g, char **names, int count,
                         leat_func **out, leat_error *err) {
  leat_builder *b = leat_builder_new(g, "ids");
  leat_value raw[64];
  if (c->inputs.count > 64) return leat_error_set(err, LEAT_UNIMPLEMENTED, "at most 64 columns");
  leat_raw_inputs(b, &c->inputs, leat_dim_symbol(g, "batch", 0), raw);
  leat_feature_scene scene = {&c->features, &c->inputs, raw};
  for (int i = 0; i < count; i++) {
    int at = find(c, names[i]);
    if (at < 0) leat_builder_fail(b, LEAT_NOT_FOUND, "no feature '%s'", names[i]);
    leat_output(b, names[i], at < 0 ? (leat_value){0} : leat_feature_id(b, &scene, at));
  }
  return leat_builder_finish(b, out, err);
}

static leat_status print_batch(leat_exec *exec, const leat_config *c, leat_tensor **batch,
                               int count, leat_error *err) {
  leat_tensor *out[MOST] = {NULL};
  leat_status status = leat_exec_run(exec, NULL, batch, (int)c->inputs.count, out, err);
  for (int64_t r = 0; !status && r < leat_tensor_dims(out[0])[0]; r++)
    for (int i = 0; i < count; i++)
      printf("%lld%c", (long long)((const int64_t *)leat_tensor_data(out[i]))[r],
             i == count - 1 ? '\n' : ' ');
  for (int i = 0; i < count; i++) leat_tensor_unref(out[i]);
  return status;
}

static leat_status run(leat_config *c, const char *path, char **names, int count, leat_error *err) {
  leat_graph *g = NULL;
  leat_func *func;
  leat_exec *exec = NULL;
  leat_input_source *source = NULL;
  leat_str file = leat_str_of(path);
  leat_tensor *batch[80] = {NULL};
  int64_t rows = 1;
  leat_status status = leat_graph_new(&g, err);
  if (!status) status = build(c, g, names, count, &func, err);
  if (!status) status = leat_exec_new(&exec, func, NULL, err);
  if (!status) status = leat_source_open(&source, c, &file, 1, 0, false, 0, err);
  while (!status && rows) {
    status = leat_source_next(source, BATCH, batch, &rows, err);
    if (!status && rows) status = print_batch(exec, c, batch, count, err);
    for (int i = 0; i < leat_config_batch_size(c); i++)
      leat_tensor_unref(batch[i]), batch[i] = NULL;
  }
  leat_source_close(source);
  leat_exec_free(exec);
  leat_graph_free(g);
  return status;
}

int main(int argc, char **argv) {
  leat_config c;
  leat_error err = {0};
  if (argc < 4 || argc > 3 + MOST) return 2;
  leat_status status = leat_config_load(&c, argv[1], NULL, 0, &err);
  if (!status) {
    status = run(&c, argv[2], argv + 3, argc - 3, &err);
    leat_config_deinit(&c);
  }
  if (status) fprintf(stderr, "feature_ids: %s\n", err.message);
  return status != LEAT_OK;
}
