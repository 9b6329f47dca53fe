// Kernels against this CPU's limit: GF/s of dots beside a bare multiply-add loop, ns/element.
// SPDX-License-Identifier: Apache-2.0
//
// Limit and kernel are timed in turns in the same run; each figure is the best of several.
#include "base/clock.h"
#include "engine/vec.h"

#include "engine/prelude.inc"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 7 };

// 12 independent chains keep every multiply-add unit busy; the prelude's width is this file's
// flags.
__attribute__((noinline)) static double peak_gflops(void) {
  enum { CHAINS = 12, TURNS = 1 << 20 };
  vf acc[CHAINS], x = vf_all(0.9999f), y = vf_all(1e-6f);
  for (int i = 0; i < CHAINS; i++) acc[i] = vf_all((float)i);
  int64_t start = leat_clock_ns();
  for (int t = 0; t < TURNS; t++)
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++) acc[i] = vf_fma(acc[i], x, y);
  int64_t ns = leat_clock_ns() - start;
  for (int i = 1; i < CHAINS; i++) acc[0] += acc[i];
  volatile float sink = acc[0][0];
  (void)sink;
  return 2.0 * VF_LANES * CHAINS * TURNS / (double)ns;
}

static float *filled(size_t n) {
  float *x = aligned_alloc(64, (n * sizeof *x + 63) / 64 * 64);
  if (!x) exit(1);
  for (size_t i = 0; i < n; i++) x[i] = (float)((i * 2654435761u >> 8 & 0xFFFF) / 65536.0 - 0.5);
  return x;
}

static void dot_chain(const leat_vec *vec, size_t m, size_t n, size_t k) {
  float *a = filled(m * k), *b = filled(k * n), *c = filled(m * n);
  double best = 0, peak = 0, flops = 2.0 * (double)m * (double)n * (double)k;
  int repeats = flops > 1e8 ? 1 : (int)(1e8 / flops) + 1;
  for (int round = 0; round < ROUNDS; round++) {
    int64_t start = leat_clock_ns();
    for (int i = 0; i < repeats; i++)
      vec->dot_chain_f32(c, (ptrdiff_t)n, a, (ptrdiff_t)k, 1, b, (ptrdiff_t)n, m, n, k);
    double speed = flops * repeats / (double)(leat_clock_ns() - start), limit = peak_gflops();
    if (speed > best) best = speed;
    if (limit > peak) peak = limit;
  }
  printf("%-7s dot_chain_f32  %5zu x %3zu x %3zu  %6.1f GF/s  %3.0f%% of %5.1f\n", vec->isa, m, n,
         k, best, 100 * best / peak, peak);
  free(a), free(b), free(c);
}

static void dot_lanes16(const leat_vec *vec, size_t m, size_t n, size_t k) {
  float *a = filled(m * k), *b = filled(k * n), *c = filled(m * n);
  double best = 0, flops = 2.0 * (double)m * (double)n * (double)k;
  int repeats = (int)(1e8 / flops) + 1;
  for (int round = 0; round < ROUNDS; round++) {
    int64_t start = leat_clock_ns();
    for (int i = 0; i < repeats; i++)
      vec->dot_lanes16_f32(c, (ptrdiff_t)n, a, (ptrdiff_t)k, b, (ptrdiff_t)k, m, n, k);
    double speed = flops * repeats / (double)(leat_clock_ns() - start);
    if (speed > best) best = speed;
  }
  printf("%-7s dot_lanes16    %5zu x %3zu x %3zu  %6.1f GF/s\n", vec->isa, m, n, k, best);
  free(a), free(b), free(c);
}

enum { COUNT = 4096, TURNS = 500 };

static void report(const leat_vec *vec, const char *name, double best) {
  printf("%-7s %-14s %8.3f ns/element\n", vec->isa, name, best);
}

// The fastest of ROUNDS runs of TURNS times `call` over COUNT elements.
#define TIMED(name, call)                                                      \
  do {                                                                         \
    double best = 1e9;                                                         \
    for (int round = 0; round < ROUNDS; round++) {                             \
      int64_t start = leat_clock_ns();                                         \
      for (int i = 0; i < TURNS; i++) call;                                    \
      double ns = (double)(leat_clock_ns() - start) / ((double)TURNS * COUNT); \
      if (ns < best) best = ns;                                                \
    }                                                                          \
    report(vec, name, best);                                                   \
  } while (0)

static void element_wise(const leat_vec *vec) {
  static const char *const names[] = {"exp", "expm1", "log", "log1p", "tanh", "sigmoid",
                                      "erf", "sin",   "cos", "atan",  "sqrt", "rsqrt"};
  static float sums[COUNT];
  float *x = filled(COUNT), *y = filled(COUNT), *out = filled(COUNT);
  uint32_t *words = (uint32_t *)(void *)out;
  uint16_t *halves = (uint16_t *)(void *)y;
  volatile float sink;
  for (int i = 0; i < COUNT; i++) x[i] = x[i] * 8 + 4.5f;
  for (int k = 0; k <= VEC_RSQRT; k++) TIMED(names[k], vec->unary_f32[k](out, x, COUNT));
  TIMED("pow", vec->binary_f32[VEC_POW](out, x, 1, y, 1, COUNT));
  TIMED("add", vec->binary_f32[VEC_ADD](out, x, 1, y, 1, COUNT));
  TIMED("max", vec->binary_f32[VEC_MAX](out, x, 1, y, 1, COUNT));
  TIMED("less", vec->compare_f32[VEC_LT]((uint8_t *)halves, x, 1, out, 1, COUNT));
  TIMED("select", vec->select_f32(out, (uint8_t *)halves, 1, x, 1, out, 1, COUNT));
  TIMED("sum", sink = vec->reduce_f32[VEC_SUM](x, COUNT));
  TIMED("sum of columns", vec->reduce_cols_f32[VEC_SUM](sums, x, 64, COUNT / 64, 64));
  TIMED("max of columns", vec->reduce_cols_f32[VEC_RMAX](sums, x, 64, COUNT / 64, 64));
  TIMED("f32 to f16", vec->f32_to_f16(halves, x, COUNT));
  TIMED("f16 to f32", vec->f16_to_f32(out, halves, COUNT));
  TIMED("f32 to bf16", vec->f32_to_bf16(halves, x, COUNT));
  TIMED("philox", vec->philox(words, 0, COUNT, (uint32_t[2]){1, 2}, 3, 4, 5));
  (void)sink;
  free(x), free(y), free(out);
}

int main(void) {
  const leat_vec *vec = leat__vec();
  static const size_t shapes[][3] = {{40, 66, 100},  {40, 100, 70},    {100, 40, 70},
                                     {1, 66, 100},   {16281, 66, 100}, {128, 128, 784},
                                     {512, 512, 512}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    dot_chain(vec, shapes[i][0], shapes[i][1], shapes[i][2]);
  dot_lanes16(vec, 40, 1, 66);
  dot_lanes16(vec, 4096, 4, 128);
  element_wise(vec);
  return 0;
}
