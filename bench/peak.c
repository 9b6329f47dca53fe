// The peak of this core: independent multiply-adds on registers.
// SPDX-License-Identifier: Apache-2.0
#include "bench.h"

#include "base/clock.h"
#include "engine/vec.h"

#include <stdlib.h>
#include <string.h>

enum { CHAINS = 12, TURNS = 20000 };

// One loop a vector width; the target attribute lets the compiler use the ISA's own multiply-add.
#define PEAK(name, isa, bytes)                                                                   \
  typedef float name##_v __attribute__((vector_size(bytes)));                                    \
  __attribute__((target(isa), noinline, optimize("O3", "fp-contract=fast"))) static double name( \
      float start) {                                                                             \
    name##_v acc[CHAINS], x, y;                                                                  \
    for (unsigned i = 0; i < bytes / 4; i++) x[i] = start, y[i] = 0.5f;                          \
    for (int c = 0; c < CHAINS; c++) acc[c] = x + (float)c;                                      \
    _Pragma("GCC unroll 4")                                                                      \
    for (int t = 0; t < TURNS; t++) {                                                            \
      _Pragma("GCC unroll 12")                                                                   \
      for (int c = 0; c < CHAINS; c++) acc[c] = acc[c] * y + x;                                  \
      __asm__ volatile("" : "+x"(y));                                                            \
    }                                                                                            \
    float sum = 0;                                                                               \
    for (int c = 0; c < CHAINS; c++) sum += acc[c][0];                                           \
    return (double)sum;                                                                          \
  }

// Sums over memory in eight chains: loads are the bound, not sums.
#define READ(name, isa, bytes)                                                              \
  typedef float name##_v __attribute__((vector_size(bytes), aligned(4), may_alias));        \
  __attribute__((target(isa), noinline, optimize("O3"))) static double name(const float *p, \
                                                                            long n) {       \
    enum { LANES = bytes / 4 };                                                             \
    name##_v acc[8] = {{0}};                                                                \
    for (long i = 0; i + 8 * LANES <= n; i += 8 * LANES) _Pragma("GCC unroll 8")            \
    for (int c = 0; c < 8; c++) acc[c] += *(const name##_v *)(p + i + c * LANES);           \
    float sum = 0;                                                                          \
    for (int c = 0; c < 8; c++) sum += acc[c][0];                                           \
    return (double)sum;                                                                     \
  }

#if defined(__x86_64__)
READ(read_sse2, "sse2", 16)
READ(read_avx2, "avx2", 32)
READ(read_avx512, "avx512f", 64)
PEAK(peak_sse2, "sse2", 16)
PEAK(peak_avx2, "avx2,fma", 32)
PEAK(peak_avx512, "avx512f,fma", 64)
#endif

static double run(float start, double *flops) {
#if defined(__x86_64__)
  const char *isa = leat__vec()->isa;
  int lanes = strcmp(isa, "avx512") == 0 ? 16 : strcmp(isa, "avx2") == 0 ? 8 : 4;
  *flops = 2.0 * CHAINS * TURNS * lanes;
  return lanes == 16 ? peak_avx512(start) : lanes == 8 ? peak_avx2(start) : peak_sse2(start);
#else
  static float a[48 * 64], b[64 * 96], c[48 * 96];  // the library's own product, from the cache
  a[0] = start;
  *flops = 2.0 * 48 * 96 * 64;
  leat__vec()->dot_chain_f32(c, 96, a, 64, 1, b, 96, 48, 96, 64);
  return (double)c[0];
#endif
}

double bench_peak(void) {
  double best = 0, flops;
  volatile double sink = 0;
  int64_t begin = leat_clock_ns();
  while (leat_clock_ns() - begin < 300000000) {
    int64_t start = leat_clock_ns();
    sink = sink + run(0.25f, &flops);
    double gf = flops / (double)(leat_clock_ns() - start);
    if (gf > best) best = gf;
  }
  return best;
}

static double read_once(const float *p, long n) {
#if defined(__x86_64__)
  const char *isa = leat__vec()->isa;
  return strcmp(isa, "avx512") == 0 ? read_avx512(p, n)
         : strcmp(isa, "avx2") == 0 ? read_avx2(p, n)
                                    : read_sse2(p, n);
#else
  return (double)leat__vec()->reduce_f32[VEC_SUM](p, (size_t)n);
#endif
}

double bench_read(long bytes) {
  double best = 0;
  volatile double sink = 0;
  float *p = aligned_alloc(64, ((size_t)bytes + 127) / 64 * 64);
  if (!p) return 0;
  memset(p, 0, (size_t)bytes);
  int64_t begin = leat_clock_ns();
  while (leat_clock_ns() - begin < 100000000) {
    int64_t start = leat_clock_ns();
    for (int i = 0; i < 100; i++) sink = sink + read_once(p, bytes / 4);
    double gb = 100.0 * (double)bytes / (double)(leat_clock_ns() - start);
    if (gb > best) best = gb;
  }
  free(p);
  return best;
}
