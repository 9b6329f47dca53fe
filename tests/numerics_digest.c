// Prints digests of kernels, elementary functions and a training loop on fixed inputs.
// SPDX-License-Identifier: Apache-2.0
//
// The lines must be the same whatever the compiler, optimisation, instruction set and machine.
//
// usage: numerics_digest [THREADS]; FTZ=1 in the environment flushes subnormals before each call.
#include "engine/vec.h"
#include "graph/graph_impl.h"
#include "leat/engine.h"
#include "leat/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t state = 99;
static uint64_t draw(void) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

// All NaNs count as one.
static uint64_t digest(uint64_t h, const void *data, size_t count, size_t width) {
  for (size_t i = 0; i < count; i++) {
    uint64_t bits = 0;
    memcpy(&bits, (const char *)data + i * width, width);
    if (width == 4 && (bits & 0x7FFFFFFF) > 0x7F800000) bits = 0x7FC00000;
    if (width == 8 && (bits & INT64_MAX) > 0x7FF0000000000000) bits = 0x7FF8000000000000;
    h = (h ^ bits) * 0x100000001B3u;
    h ^= h >> 29;
  }
  return h;
}

static void put(const char *name, int index, uint64_t h) {
  printf("%s.%d %016llx\n", name, index, (unsigned long long)h);
}

enum { N = 4099 };

static void kernels(void) {
  static float x[N], y[N], out[N];
  static double xd[N], yd[N], outd[N];
  static uint16_t half[N];
  const leat_vec *vec = leat__vec();
  for (int i = 0; i < N; i++) {
    uint32_t a = (uint32_t)draw(), b = (uint32_t)draw();
    uint64_t c = draw(), d = draw();
    memcpy(&x[i], &a, 4);
    memcpy(&y[i], &b, 4);
    memcpy(&xd[i], &c, 8);
    memcpy(&yd[i], &d, 8);
    if (i % 2) x[i] = (float)((double)(int)a * 0x1p-28), y[i] = (float)((double)(int)b * 0x1p-30);
    if (i % 2) xd[i] = (double)(int)a * 0x1p-27, yd[i] = (double)(int)b * 0x1p-30;
  }
  for (int k = 0; k < VEC_UNARY_COUNT; k++) {
    vec->unary_f32[k](out, x, N);
    uint64_t h = digest(1, out, N, 4);
    vec->unary_f64[k](outd, xd, N);
    put("unary", k, digest(h, outd, N, 8));
  }
  for (int k = 0; k < VEC_BINARY_COUNT; k++) {
    vec->binary_f32[k](out, x, 1, y, 1, N);
    uint64_t h = digest(2, out, N, 4);
    vec->binary_f64[k](outd, xd, 1, yd, 1, N);
    put("binary", k, digest(h, outd, N, 8));
  }
  for (int i = 0; i < N; i++)
    x[i] = (float)((double)(int)(uint32_t)draw() * (i % 7 ? 0x1p-31 : 0x1p-150)),
    y[i] = (float)((double)(int)(uint32_t)draw() * 0x1p-31), xd[i] = x[i] / 3.0, yd[i] = y[i] / 7.0;
  static float big[9001];
  static double bigd[9001];
  for (int i = 0; i < 9001; i++) big[i] = x[i % N] * 1.7f, bigd[i] = xd[i % N] * 1.1;
  for (int k = 0; k < VEC_REDUCE_COUNT; k++)
    for (int n = 0; n < 9001; n = n * 3 + 1) {
      float f = vec->reduce_f32[k](big, (size_t)n);
      double d = vec->reduce_f64[k](bigd, (size_t)n);
      uint64_t h = digest(digest(3, &f, 1, 4), &d, 1, 8);
      vec->reduce_cols_f32[k](out, big, 7, (size_t)(n / 7), 7);
      vec->reduce_cols_f64[k](outd, bigd, 5, (size_t)(n / 5), 5);
      put("reduce", k * 10000 + n, digest(digest(h, out, 7, 4), outd, 5, 8));
    }
  for (int m = 1; m < 20; m += 6)
    for (int n = 1; n < 80; n += 13)
      for (int k = 0; k < 50; k += 9) {
        vec->dot_chain_f32(out, n, x, k, 1, y, n, (size_t)m, (size_t)n, (size_t)k);
        vec->dot_chain_f64(outd, n, xd, k, 1, yd, n, (size_t)m, (size_t)n, (size_t)k);
        uint64_t h = digest(digest(4, out, (size_t)(m * n), 4), outd, (size_t)(m * n), 8);
        vec->dot_lanes16_f32(out, n, x, k, y, k, (size_t)m, (size_t)n, (size_t)k);
        vec->dot_lanes16_f64(outd, n, xd, k, yd, k, (size_t)m, (size_t)n, (size_t)k);
        put("dot", m * 10000 + n * 100 + k,
            digest(digest(h, out, (size_t)(m * n), 4), outd, (size_t)(m * n), 8));
      }
  vec->f32_to_f16(half, x, N);
  vec->f16_to_f32(out, half, N);
  put("f16", 0, digest(5, out, N, 4));
  vec->f32_to_bf16(half, x, N);
  put("bf16", 0, digest(6, half, N, 2));
  static uint32_t words[N];
  vec->philox(words, 3, N, (uint32_t[]){1, 2}, 3, 4, 5);
  put("philox", 0, digest(7, words, N, 4));
}

// A network of odd widths with every kind of reduction in it, trained for some steps.
static leat_func *network(leat_graph *g, leat_var **vars, leat_func **init) {
  leat_error err = {0};
  static const int64_t widths[] = {37, 61, 19, 1};
  char name[32];
  for (int i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "w%d", i);
    leat_graph_var(g, name, (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(widths[i], widths[i + 1])}, true,
                   &vars[i], &err);
  }
  leat_builder *b = leat_builder_new(g, "init");
  leat_random_key key = {.seed = leat_input(b, "seed", (leat_type){LEAT_DTYPE_U64, LEAT_SCALAR})};
  for (int i = 0; i < 3; i++)
    leat_var_next(b, vars[i],
                  leat_random_truncated_normal(b, leat_var_name(vars[i]), &key,
                                               leat_var_type(vars[i]).shape, 0, 0.3));
  leat_builder_finish(b, init, &err);
  b = leat_builder_new(g, "step");
  leat_value x = leat_input(
                 b, "x",
                 (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(leat_dim_symbol(g, "batch", 0), 37)}),
             h = x, reads[3];
  for (int i = 0; i < 3; i++) {
    h = leat_matmul(b, h, reads[i] = leat_var_read(b, vars[i]));
    if (i == 0) h = leat_tanh(b, h);
    if (i == 1) h = leat_gelu(b, leat_mul(b, h, leat_softmax(b, h, 1)), false);
  }
  leat_value loss = leat_mean(b, leat_softplus(b, h), NULL, 0, false);
  leat_gradient grads[3];
  leat_gradients(b, &loss, NULL, 1, reads, 3, false, grads);
  for (int i = 0; i < 3; i++) {
    leat_value scale = leat_rsqrt(b, leat_add_scalar(b, leat_square(b, grads[i].dense), 1e-3));
    leat_var_next(
        b, vars[i],
        leat_sub(b, reads[i], leat_mul_scalar(b, leat_mul(b, grads[i].dense, scale), 0.01)));
  }
  leat_output(b, "loss", loss);
  leat_func *step;
  if (leat_builder_finish(b, &step, &err)) fprintf(stderr, "%s\n", err.message);
  return step;
}

static void training(int threads) {
  leat_error err = {0};
  leat_graph *g;
  leat_var *vars[3];
  leat_func *init, *step;
  leat_state *s;
  leat_exec *exec;
  leat_tensor *seed, *x, *loss;
  uint64_t one = 1;
  leat_graph_new(&g, &err);
  step = network(g, vars, &init);
  leat_state_new(&s, g, &err);
  leat_tensor_copy_of(&seed, LEAT_DTYPE_U64, 0, NULL, &one, &err);
  leat_exec_new(&exec, init, NULL, &err);
  leat_exec_run(exec, s, &seed, 1, NULL, &err);
  leat_exec_free(exec);
  leat_exec_options options = {.threads = threads};
  leat_exec_new(&exec, step, &options, &err);
  for (int i = 0; i < 12; i++) {
    leat_tensor_new(&x, LEAT_DTYPE_F32, 2, (int64_t[]){i == 11 ? 3000 : 50 + i, 37}, &err);
    for (int64_t k = 0; k < leat_tensor_count(x); k++)
      ((float *)leat_tensor_data(x))[k] =
          (float)((double)(int)(uint32_t)draw() * (k % 11 ? 0x1p-31 : 0x1p-155));
    if (leat_exec_run(exec, s, &x, 1, &loss, &err)) {
      printf("failed: %s\n", err.message);
      return;
    }
    uint64_t h = digest(8, leat_tensor_data(loss), 1, 4);
    for (int v = 0; v < 3; v++) {
      leat_tensor *w = leat_state_get(s, vars[v]);
      h = digest(h, leat_tensor_data(w), (size_t)leat_tensor_count(w), 4);
    }
    put("training", i, h);
    leat_tensor_unref(x);
    leat_tensor_unref(loss);
  }
  leat_tensor_unref(seed);
  leat_exec_free(exec);
  leat_state_free(s);
  leat_graph_free(g);
}

int main(int argc, char **argv) {
  bool flush = getenv("FTZ") != NULL;
  if (!flush) kernels();  // these are called inside of the environment that exec_run sets
#if defined(__x86_64__)
  if (flush) __builtin_ia32_ldmxcsr(0x9FC0);  // flush to zero, denormals are zero
#endif
  state = 4242;
  training(argc > 1 ? atoi(argv[1]) : 1);
  return 0;
}
