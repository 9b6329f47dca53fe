// Matrix products, f32, one thread: squares, tall, flat, transposed either way.
// SPDX-License-Identifier: Apache-2.0
//
// Rows gemm-MxNxK, with -at or -bt where a or b lies transposed; in the order of clause N2 that a
// graph's builder would choose: lanes16 for up to four columns, else one chain. The bound is a loop
// of multiply-adds on registers, measured in the same run.
#include "base/clock.h"
#include "bench.h"
#include "engine/vec.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 5 };

typedef struct shape {
  long m, n, k;
  int a_turned, b_turned;
} shape;

static float *filled(long count) {
  float *x = aligned_alloc(64, ((size_t)count * sizeof *x + 127) / 64 * 64);
  for (long i = 0; x && i < count; i++) x[i] = (float)(i * 7 % 19) * 0.1f - 0.9f;
  return x;
}

static double gflops(const shape *s) {
  float *a = filled(s->m * s->k), *b = filled(s->k * s->n), *c = filled(s->m * s->n);
  float *scratch = filled(leat__dot_scratch(s->n, s->k) + (s->m + s->n) * s->k);
  leat_dot d = {.scratch = scratch,
                .lanes16 = s->n <= 4,
                .a = a,
                .b = b,
                .c = c,
                .m = s->m,
                .n = s->n,
                .k = s->k,
                .c_row = s->n};
  d.a_row = s->a_turned ? 1 : s->k, d.a_col = s->a_turned ? s->m : 1;
  d.b_row = s->b_turned ? 1 : s->n, d.b_col = s->b_turned ? s->k : 1;
  double flops = 2.0 * (double)s->m * (double)s->n * (double)s->k, best = 0;
  for (int round = 0; round < ROUNDS; round++) {
    int calls = 0;
    int64_t start = leat_clock_ns();
    for (; leat_clock_ns() - start < 30000000; calls++) {
      leat_dot run = d;
      if (!d.lanes16 && leat__dot_packs(&d)) {
        leat__vec()->dot_pack_f32(&d, scratch);
        run.b = scratch;
        run.packed = 1;
      }
      leat__vec()->dot_f32(&run);
    }
    double gf = flops * calls / (double)(leat_clock_ns() - start);
    if (gf > best) best = gf;
  }
  free(a);
  free(b);
  free(c);
  free(scratch);
  return best;
}

int main(int argc, char **argv) {
  static const shape shapes[] = {
      {16, 16, 16, 0, 0},       {32, 32, 32, 0, 0},    {64, 64, 64, 0, 0},
      {128, 128, 128, 0, 0},    {256, 256, 256, 0, 0}, {512, 512, 512, 0, 0},
      {1024, 1024, 1024, 0, 0}, {1, 256, 256, 0, 0},   {1, 1024, 1024, 0, 0},
      {256, 1, 256, 0, 0},      {1024, 1, 1024, 0, 0}, {40, 25, 50, 0, 0},
      {1024, 100, 100, 0, 0},   {40, 100, 100, 0, 1},  {100, 100, 40, 1, 0},
      {256, 256, 256, 1, 0},    {256, 256, 256, 0, 1}, {1024, 100, 100, 0, 1},
      {100, 100, 1024, 1, 0},
  };
  double peak = bench_peak();
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    const shape *s = &shapes[i];
    printf(
        "{\"name\": \"gemm-%ldx%ldx%ld%s%s\", \"unit\": \"GF/s\", \"ours\": %.2f, \"bound\": "
        "%.2f}\n",
        s->m, s->n, s->k, s->a_turned ? "-at" : "", s->b_turned ? "-bt" : "", gflops(s), peak);
    fflush(stdout);
  }
  return 0;
}
