// The talk's network alone: training steps and inference of 100-70-50-25-1 units on 100 inputs.
// SPDX-License-Identifier: Apache-2.0
//
// The bound of a row is its flops at the speed of a multiply-add loop on registers, measured in the
// same run: 6 flops a weight and row for a training step (2 for inference), less the
// gradient of the inputs, which nobody wants. One row alone is bound by reading the weights: the
// speed of a loop of loads over as much memory.
#include "base/clock.h"
#include "bench.h"
#include "leat/engine.h"
#include "leat/model.h"
#include "leat/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS = 5, INPUTS = 100, ROUNDS = 9 };
static const int units[LAYERS] = {100, 70, 50, 25, 1};

typedef struct mlp {
  leat_graph *graph;
  leat_var *weights[2 * LAYERS], *slots[2 * LAYERS];
  leat_func *train, *predict;
} mlp;

static void check(leat_status status, const leat_error *err) {
  if (!status) return;
  fprintf(stderr, "mlp: %s\n", err->message);
  exit(1);
}

static leat_value forward(leat_builder *b, const mlp *m, leat_value x, leat_value *reads) {
  for (int i = 0; i < LAYERS; i++) {
    reads[2 * i] = leat_var_read(b, m->weights[2 * i]);
    reads[2 * i + 1] = leat_var_read(b, m->weights[2 * i + 1]);
    x = leat_add(b, leat_matmul(b, x, reads[2 * i]), reads[2 * i + 1]);
    if (i + 1 < LAYERS) x = leat_relu(b, x);
  }
  return x;
}

static void declare(mlp *m, leat_error *err) {
  check(leat_graph_new(&m->graph, err), err);
  for (int i = 0, width = INPUTS; i < LAYERS; width = units[i++])
    for (int k = 0; k < 2; k++) {
      char name[32];
      leat_type type = {LEAT_DTYPE_F32, k ? LEAT_SHAPE(units[i]) : LEAT_SHAPE(width, units[i])};
      snprintf(name, sizeof name, "%s%d", k ? "b" : "w", i);
      check(leat_graph_var(m->graph, name, type, true, &m->weights[2 * i + k], err), err);
      strncat(name, "/Adagrad", sizeof name - strlen(name) - 1);
      check(leat_graph_var(m->graph, name, type, false, &m->slots[2 * i + k], err), err);
    }
}

// The mean sigmoid cross-entropy's step with Adagrad; batch 0: a symbol.
static void build(mlp *m, int batch, leat_error *err) {
  leat_value reads[2 * LAYERS];
  declare(m, err);
  leat_dim rows = batch ? batch : leat_dim_symbol(m->graph, "batch", 0);
  leat_builder *b = leat_builder_new(m->graph, "predict");
  leat_value x = leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(rows, INPUTS)});
  leat_output(b, "probability", leat_sigmoid(b, forward(b, m, x, reads)));
  check(leat_builder_finish(b, &m->predict, err), err);
  b = leat_builder_new(m->graph, "train");
  x = leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(rows, INPUTS)});
  leat_value y = leat_input(b, "y", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(rows, 1)});
  leat_value z = forward(b, m, x, reads);
  leat_value each = leat_sub(b, leat_softplus(b, z), leat_mul(b, z, y));
  leat_value loss = leat_mean(b, each, NULL, 0, false);
  leat_gradient g[2 * LAYERS];
  leat_gradients(b, &loss, NULL, 1, reads, 2 * LAYERS, false, g);
  for (int i = 0; i < 2 * LAYERS; i++) {
    leat_value slot = leat_add(b, leat_var_read(b, m->slots[i]), leat_square(b, g[i].dense));
    leat_value step = leat_mul_scalar(b, leat_mul(b, g[i].dense, leat_rsqrt(b, slot)), 0.05);
    leat_var_next(b, m->slots[i], slot);
    leat_var_next(b, m->weights[i], leat_sub(b, reads[i], step));
  }
  leat_output(b, "loss", loss);
  leat_func *raw;
  check(leat_builder_finish(b, &raw, err), err);
  check(leat_func_simplify(raw, "step", &m->train, err), err);
}

static unsigned seed = 1;
static float uniform(void) {  // in [-1, 1)
  seed = seed * 1664525u + 1013904223u;
  return (float)(int)seed * 0x1p-31f;
}

static leat_tensor *filled(int rows, int cols, float scale, float constant, leat_error *err) {
  leat_tensor *t;
  int64_t dims[] = {rows, cols};
  check(leat_tensor_new(&t, LEAT_DTYPE_F32, rows ? 2 : 1, rows ? dims : dims + 1, err), err);
  for (int64_t i = 0; i < leat_tensor_count(t); i++)
    ((float *)leat_tensor_data(t))[i] = constant + (scale ? scale * uniform() : 0);
  return t;
}

static leat_state *initial(const mlp *m, leat_error *err) {
  leat_state *state;
  check(leat_state_new(&state, m->graph, err), err);
  for (int i = 0, width = INPUTS; i < LAYERS; width = units[i++])
    for (int k = 0; k < 2; k++) {
      float limit = k ? 0 : sqrtf(6.0f / (float)(width + units[i]));
      leat_tensor *w = filled(k ? 0 : width, units[i], limit, 0, err);
      leat_tensor *s = filled(k ? 0 : width, units[i], 0, 0.1f, err);
      check(leat_state_set(state, m->weights[2 * i + k], w, err), err);
      check(leat_state_set(state, m->slots[2 * i + k], s, err), err);
      leat_tensor_unref(w);
      leat_tensor_unref(s);
    }
  return state;
}

static double weight_count(bool without_inputs) {
  double n = 0;
  for (int i = without_inputs, width = without_inputs ? units[0] : INPUTS; i < LAYERS;
       width = units[i++])
    n += (double)width * units[i];
  return n;
}

// Microseconds of one call, the least of several rounds.
static double time_of(leat_exec *exec, leat_state *state, leat_tensor **in, int count,
                      leat_error *err) {
  double best = 1e30;
  leat_tensor *out;
  for (int round = 0; round < ROUNDS; round++) {
    int calls = 0;
    int64_t start = leat_clock_ns();
    for (; leat_clock_ns() - start < 60000000; calls++) {
      check(leat_exec_run(exec, state, in, count, &out, err), err);
      leat_tensor_unref(out);
    }
    double us = (double)(leat_clock_ns() - start) * 1e-3 / calls;
    if (us < best) best = us;
  }
  return best;
}

static void row(const char *name, double ours, double bound) {
  printf("{\"name\": \"%s\", \"unit\": \"us\", \"ours\": %.3f, \"bound\": %.3f}\n", name, ours,
         bound);
}

static void training(int batch, double gf, leat_error *err) {
  mlp m = {0};
  char name[64];
  build(&m, batch, err);
  leat_state *state = initial(&m, err);
  leat_tensor *in[] = {filled(batch, INPUTS, 1, 0, err), filled(batch, 1, 0, 1, err)};
  leat_exec_options options = {.engine = LEAT_ENGINE_NATIVE};
  leat_exec *exec;
  check(leat_exec_new(&exec, m.train, &options, err), err);
  double flops = batch * (4 * weight_count(false) + 2 * weight_count(true));
  snprintf(name, sizeof name, "census-mlp-train-b%d", batch);
  row(name, time_of(exec, state, in, 2, err), flops / gf * 1e-3);
  leat_exec_free(exec);
  leat_tensor_unref(in[0]);
  leat_tensor_unref(in[1]);
  leat_state_free(state);
  leat_graph_free(m.graph);
}

static void inference(int batch, double gf, leat_error *err) {
  mlp m = {0};
  char name[64];
  build(&m, 0, err);
  leat_state *state = initial(&m, err);
  leat_tensor *in[] = {filled(batch, INPUTS, 1, 0, err)};
  leat_exec_options options = {.engine = LEAT_ENGINE_NATIVE};
  leat_exec *exec;
  check(leat_exec_new(&exec, m.predict, &options, err), err);
  snprintf(name, sizeof name, "census-mlp-infer-b%d", batch);
  double flops = batch * 2 * weight_count(false) / gf * 1e-3,
         bytes = 4 * weight_count(false) / bench_read((long)(4 * weight_count(false))) * 1e-3;
  row(name, time_of(exec, state, in, 1, err), flops > bytes ? flops : bytes);
  leat_exec_free(exec);
  leat_tensor_unref(in[0]);
  leat_state_free(state);
  leat_graph_free(m.graph);
}

static int save(const char *dir, leat_error *err) {
  mlp m = {0};
  build(&m, 0, err);
  leat_state *state = initial(&m, err);
  check(leat_model_save(dir, m.predict, state, "serving_default", err), err);
  leat_state_free(state);
  leat_graph_free(m.graph);
  return 0;
}

// mlp [BATCH [infer]]: one row only, for a profiler; mlp save DIR: the model, for the server.
int main(int argc, char **argv) {
  leat_error err = {0};
  if (argc == 3 && strcmp(argv[1], "save") == 0) return save(argv[2], &err);
  double gf = bench_peak();
  static const int batches[] = {40, 128, 1024};
  int only = argc > 1 ? atoi(argv[1]) : 0;
  for (int i = 0; i < 3; i++)
    if (!only || (argc < 3 && only == batches[i])) training(batches[i], gf, &err);
  if (only && argc > 2) inference(only, gf, &err);
  if (only) return 0;
  inference(1, gf, &err);
  inference(1024, gf, &err);
  return 0;
}
