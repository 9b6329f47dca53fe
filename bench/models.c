// Training steps of models that nobody tuned for; bench/peers/models.py has them in JAX, PyTorch.
// SPDX-License-Identifier: Apache-2.0
//
// Odd widths, deep and thin, wide and sparse, a recurrent scan, convolutions: the mean squared
// error of random data, SGD.
#include "base/clock.h"
#include "leat/engine.h"
#include "leat/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64, ROUNDS = 7 };

typedef struct model {
  leat_graph *graph;
  leat_builder *b;
  leat_var *vars[MOST];
  leat_value reads[MOST];
  int count;
  leat_value inputs[2], target;
  bool sparse;  // variable 0 is a table that is gathered from
} model;

static void check(leat_status status, const leat_error *err) {
  if (!status) return;
  fprintf(stderr, "models: %s\n", err->message);
  exit(1);
}

static leat_value weight(model *m, leat_shape shape) {
  leat_error err = {0};
  char name[16];
  snprintf(name, sizeof name, "w%d", m->count);
  leat_var **var = &m->vars[m->count];
  check(leat_graph_var(m->graph, name, (leat_type){LEAT_DTYPE_F32, shape}, true, var, &err), &err);
  return m->reads[m->count++] = leat_var_read(m->b, *var);
}

static leat_value dense(model *m, leat_value x, int from, int to) {
  leat_value w = weight(m, LEAT_SHAPE(from, to)), bias = weight(m, LEAT_SHAPE(to));
  return leat_add(m->b, leat_matmul(m->b, x, w), bias);
}

static leat_value input(model *m, const char *name, leat_dtype dtype, leat_shape shape) {
  return leat_input(m->b, name, (leat_type){dtype, shape});
}

// --- The models
// -----------------------------------------------------------------------------------
static leat_value odd(model *m) {
  static const int widths[] = {37, 61, 43, 17, 3};
  leat_value x = m->inputs[0] = input(m, "x", LEAT_DTYPE_F32, LEAT_SHAPE(57, 37));
  m->target = input(m, "y", LEAT_DTYPE_F32, LEAT_SHAPE(57, 3));
  for (int i = 0; i < 4; i++) {
    x = dense(m, x, widths[i], widths[i + 1]);
    if (i < 3) x = leat_relu(m->b, x);
  }
  return x;
}

static leat_value deep(model *m) {
  leat_value x = m->inputs[0] = input(m, "x", LEAT_DTYPE_F32, LEAT_SHAPE(32, 24));
  m->target = input(m, "y", LEAT_DTYPE_F32, LEAT_SHAPE(32, 24));
  for (int i = 0; i < 24; i++) x = leat_tanh(m->b, dense(m, x, 24, 24));
  return x;
}

static leat_value wide(model *m) {
  leat_value table = weight(m, LEAT_SHAPE(50000, 16));
  leat_value ids = m->inputs[0] = input(m, "x", LEAT_DTYPE_I64, LEAT_SHAPE(128 * 26));
  m->target = input(m, "y", LEAT_DTYPE_F32, LEAT_SHAPE(128, 1));
  m->sparse = true;
  leat_value rows = leat_gather(m->b, table, ids, 0, LEAT_INDEX_ZERO);
  leat_value x = leat_reshape(m->b, rows, LEAT_SHAPE(128, 26 * 16));
  x = leat_relu(m->b, dense(m, x, 26 * 16, 256));
  x = leat_relu(m->b, dense(m, x, 256, 64));
  return dense(m, x, 64, 1);
}

static leat_value recurrent(model *m) {
  leat_error err = {0};
  leat_value xs = m->inputs[0] = input(m, "x", LEAT_DTYPE_F32, LEAT_SHAPE(64, 16, 24));
  m->target = input(m, "y", LEAT_DTYPE_F32, LEAT_SHAPE(16, 64));
  leat_builder *b = leat_builder_new(m->graph, "cell");
  leat_input(b, "trip", (leat_type){LEAT_DTYPE_I64, {.rank = 0}});
  leat_value h = leat_input(b, "h", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(16, 64)}),
             x = leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(16, 24)}),
             w = leat_input(b, "w", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(24, 64)}),
             u = leat_input(b, "u", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(64, 64)}),
             c = leat_input(b, "c", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(64)});
  leat_value sum = leat_add(b, leat_matmul(b, x, w), leat_matmul(b, h, u));
  leat_output(b, "h", leat_tanh(b, leat_add(b, sum, c)));
  leat_func *cell;
  check(leat_builder_finish(b, &cell, &err), &err);
  leat_value zero = leat_broadcast(m->b, leat_const_f32(m->b, 0), LEAT_SHAPE(16, 64), NULL);
  leat_value args[] = {zero, xs, weight(m, LEAT_SHAPE(24, 64)), weight(m, LEAT_SHAPE(64, 64)),
                       weight(m, LEAT_SHAPE(64))},
             out[1];
  leat_scan(m->b, cell, args, 5, 1, 1, 64, false, out);
  return out[0];
}

static leat_value convolutions(model *m) {
  leat_value x = m->inputs[0] = input(m, "x", LEAT_DTYPE_F32, LEAT_SHAPE(32, 16, 16, 3));
  m->target = input(m, "y", LEAT_DTYPE_F32, LEAT_SHAPE(32, 10));
  leat_conv_options first = {.strides = {1, 1}, .low = {1, 1}, .high = {1, 1}};
  leat_conv_options second = {.strides = {2, 2}, .low = {0, 0}, .high = {1, 1}};
  x = leat_relu(m->b, leat_conv(m->b, x, weight(m, LEAT_SHAPE(3, 3, 3, 8)), &first));
  x = leat_relu(m->b, leat_conv(m->b, x, weight(m, LEAT_SHAPE(3, 3, 8, 16)), &second));
  x = leat_reshape(m->b, x, LEAT_SHAPE(32, 8 * 8 * 16));
  return dense(m, x, 8 * 8 * 16, 10);
}

// --- Steps
// ----------------------------------------------------------------------------------------
static leat_func *less(leat_graph *g) {  // rows - 0.01 * gradient
  leat_error err = {0};
  leat_builder *b = leat_builder_new(g, "sgd");
  leat_dim n = leat_dim_symbol(g, "n", 0);
  leat_type rows = {LEAT_DTYPE_F32, LEAT_SHAPE(n, 16)};
  leat_value x = leat_input(b, "rows", rows), d = leat_input(b, "gradient", rows);
  leat_output(b, "rows", leat_sub(b, x, leat_mul_scalar(b, d, 0.01)));
  leat_func *f;
  check(leat_builder_finish(b, &f, &err), &err);
  return f;
}

static leat_func *training(model *m, leat_value (*forward)(model *m)) {
  leat_error err = {0};
  leat_gradient g[MOST];
  leat_func *raw, *step;
  check(leat_graph_new(&m->graph, &err), &err);
  m->b = leat_builder_new(m->graph, "train");
  leat_value y = forward(m);
  leat_value loss =
      leat_mean(m->b, leat_square(m->b, leat_sub(m->b, y, m->target)), NULL, 0, false);
  leat_gradients(m->b, &loss, NULL, 1, m->reads, m->count, true, g);
  for (int i = 0; i < m->count; i++)
    if (leat_value_ok(g[i].dense))
      leat_var_next(m->b, m->vars[i],
                    leat_sub(m->b, m->reads[i], leat_mul_scalar(m->b, g[i].dense, 0.01)));
    else
      leat_row_update(m->b, &m->vars[i], 1, g[i].ids, g[i].rows, NULL, 0, less(m->graph));
  leat_output(m->b, "loss", loss);
  check(leat_builder_finish(m->b, &raw, &err), &err);
  check(leat_func_simplify(raw, "step", &step, &err), &err);
  return step;
}

static unsigned seed = 1;
static unsigned number(void) { return (seed = seed * 1664525u + 1013904223u) >> 8; }

static leat_tensor *filled(leat_type type, float scale) {
  leat_error err = {0};
  leat_tensor *t;
  check(leat_tensor_new(&t, type.dtype, type.shape.rank, type.shape.dims, &err), &err);
  for (int64_t i = 0; i < leat_tensor_count(t); i++)
    if (type.dtype == LEAT_DTYPE_I64)
      ((int64_t *)leat_tensor_data(t))[i] = number() % 50000;
    else
      ((float *)leat_tensor_data(t))[i] = scale * ((float)number() * 0x1p-23f - 1);
  return t;
}

static double time_of(leat_exec *exec, leat_state *state, leat_tensor **in) {
  leat_error err = {0};
  double best = 1e30;
  for (int round = 0; round < ROUNDS; round++) {
    int calls = 0;
    int64_t start = leat_clock_ns();
    for (; leat_clock_ns() - start < 100000000; calls++) {
      leat_tensor *out;
      check(leat_exec_run(exec, state, in, 2, &out, &err), &err);
      leat_tensor_unref(out);
    }
    double us = (double)(leat_clock_ns() - start) * 1e-3 / calls;
    if (us < best) best = us;
  }
  return best;
}

static void run(const char *name, leat_value (*forward)(model *m)) {
  leat_error err = {0};
  model m = {0};
  leat_state *state;
  leat_exec *exec;
  leat_func *step = training(&m, forward);
  check(leat_state_new(&state, m.graph, &err), &err);
  for (int i = 0; i < m.count; i++) {
    leat_tensor *w = filled(leat_value_type(m.reads[i]), 0.1f);
    check(leat_state_set(state, m.vars[i], w, &err), &err);
    leat_tensor_unref(w);
  }
  leat_tensor *in[] = {filled(leat_value_type(m.inputs[0]), 1),
                       filled(leat_value_type(m.target), 1)};
  leat_exec_options options = {.engine = LEAT_ENGINE_NATIVE};
  check(leat_exec_new(&exec, step, &options, &err), &err);
  printf("{\"name\": \"model-%s\", \"unit\": \"us\", \"ours\": %.2f}\n", name,
         time_of(exec, state, in));
  fflush(stdout);
  leat_exec_free(exec);
  leat_tensor_unref(in[0]);
  leat_tensor_unref(in[1]);
  leat_state_free(state);
  leat_graph_free(m.graph);
}

// models [NAME]: one row only, for a profiler.
int main(int argc, char **argv) {
  static const struct {
    const char *name;
    leat_value (*forward)(model *m);
  } models[] = {{"odd", odd},
                {"deep", deep},
                {"wide", wide},
                {"recurrent", recurrent},
                {"conv", convolutions}};
  for (size_t i = 0; i < sizeof models / sizeof *models; i++)
    if (argc < 2 || strcmp(argv[1], models[i].name) == 0) run(models[i].name, models[i].forward);
  return 0;
}
