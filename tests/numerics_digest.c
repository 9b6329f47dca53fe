// Prints a digest of every function's and kernel's results: equal on all machines, compilers, widths.
// SPDX-License-Identifier: Apache-2.0
//
// One line each: name, FNV-1a of the results' bits over fixed inputs, NaNs made one. Uses the table
// that LEAT_ISA names. tests/numerics_matrix.sh compares the lines across builds.
#include "engine/vec.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 20011 };

static uint64_t state;
static uint64_t draw(void) {  // splitmix64
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static float x32[COUNT], y32[COUNT], o32[COUNT];
static double x64[COUNT], y64[COUNT], o64[COUNT];
static uint16_t o16[COUNT];
static uint8_t o8[COUNT];

// Every other input is any bit pattern, the rest lie within a few tens of 0.
static void fill(bool tame) {
  state = 1;
  for (int i = 0; i < COUNT; i++) {
    uint64_t r = draw(), s = draw();
    uint32_t r32 = (uint32_t)r, s32 = (uint32_t)s;
    memcpy(&x32[i], &r32, 4), memcpy(&y32[i], &s32, 4);
    memcpy(&x64[i], &r, 8), memcpy(&y64[i], &s, 8);
    if (!tame && i % 2) continue;
    double scale = tame ? 0x1p-31 : i % 4 ? 0x1p-26 : 0x1p-30;
    x32[i] = (float)((int32_t)r32 * scale), y32[i] = (float)((int32_t)s32 * scale);
    x64[i] = (double)((int64_t)r >> 10) * 0x1p-22 * scale, y64[i] = (double)((int64_t)s >> 10) * 0x1p-22 * scale;
  }
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t n) {
  for (size_t i = 0; i < n; i++) hash = (hash ^ ((const uint8_t *)bytes)[i]) * 0x100000001B3u;
  return hash;
}

static void print(const char *name, uint64_t hash) { printf("%-20s %016llx\n", name, (unsigned long long)hash); }
static void print_bytes(const char *name, const void *bytes, size_t n) {
  print(name, hash_bytes(0xCBF29CE484222325u, bytes, n));
}
static void print_f32(const char *name, const char *type, size_t n) {
  char full[40];
  for (size_t i = 0; i < n; i++)
    if (o32[i] != o32[i]) o32[i] = __builtin_nanf("");
  snprintf(full, sizeof full, "%s%s", name, type);
  print_bytes(full, o32, n * 4);
}
static void print_f64(const char *name, const char *type, size_t n) {
  char full[40];
  for (size_t i = 0; i < n; i++)
    if (o64[i] != o64[i]) o64[i] = __builtin_nan("");
  snprintf(full, sizeof full, "%s%s", name, type);
  print_bytes(full, o64, n * 8);
}

static void element_wise(const leat_vec *vec) {
  static const char *const unary[] = {"exp",  "expm1", "log",  "log1p", "tanh",  "sigmoid", "erf",   "sin", "cos",
                                      "atan", "sqrt",  "rsqrt", "floor", "ceil", "round",   "trunc", "neg", "abs"};
  static const char *const binary[] = {"add", "sub", "mul", "div", "max", "min", "pow"};
  static const char *const compare[] = {"eq", "ne", "lt", "le"};
  for (int k = 0; k < VEC_UNARY_COUNT; k++) {
    vec->unary_f32[k](o32, x32, COUNT), print_f32(unary[k], "_f32", COUNT);
    vec->unary_f64[k](o64, x64, COUNT), print_f64(unary[k], "_f64", COUNT);
  }
  for (int k = 0; k < VEC_BINARY_COUNT; k++) {
    vec->binary_f32[k](o32, x32, 1, y32, 1, COUNT), print_f32(binary[k], "_f32", COUNT);
    vec->binary_f64[k](o64, x64, 1, y64, 1, COUNT), print_f64(binary[k], "_f64", COUNT);
  }
  for (int k = 0; k < VEC_COMPARE_COUNT; k++) {
    vec->compare_f32[k](o8, x32, 1, y32, 1, COUNT);
    print_bytes(compare[k], o8, COUNT);
  }
  vec->select_f32(o32, o8, 1, x32, 1, y32, 1, COUNT), print_f32("select", "_f32", COUNT);
}

static void reductions(const leat_vec *vec) {
  static const char *const names[] = {"sum", "prod", "max", "min"};
  for (int k = 0; k < VEC_REDUCE_COUNT; k++) {
    int count = 0;
    for (size_t n = 0; n < COUNT; n += 1 + n / 2, count++) {
      o32[count] = vec->reduce_f32[k](x32, n);
      o64[count] = vec->reduce_f64[k](x64, n);
    }
    print_f32("reduce_", names[k], (size_t)count), print_f64("reduce_f64_", names[k], (size_t)count);
    vec->reduce_cols_f32[k](o32, x32, 3, COUNT / 3, 3), vec->reduce_cols_f32[k](o32 + 3, x32, 101, COUNT / 101, 99);
    vec->reduce_cols_f64[k](o64, x64, 3, COUNT / 3, 3), vec->reduce_cols_f64[k](o64 + 3, x64, 101, COUNT / 101, 99);
    print_f32("columns_", names[k], 102), print_f64("columns_f64_", names[k], 102);
  }
}

static void dots(const leat_vec *vec) {
  enum { M = 41, N = 99, K = 70 };
  vec->dot_chain_f32(o32, N, x32, K, 1, y32, N, M, N, K), print_f32("dot_chain", "_f32", M * N);
  vec->dot_chain_f64(o64, N, x64, K, 1, y64, N, M, N, K), print_f64("dot_chain", "_f64", M * N);
  vec->dot_chain_f32(o32, N, x32, 1, M, y32, N, M, N, K), print_f32("dot_chain_turned", "_f32", M * N);
  vec->dot_lanes16_f32(o32, 3, x32, K, y32, K, M, 3, K), print_f32("dot_lanes16", "_f32", M * 3);
  vec->dot_lanes16_f64(o64, 3, x64, K, y64, K, M, 3, K), print_f64("dot_lanes16", "_f64", M * 3);
}

static void small_floats(const leat_vec *vec) {
  for (int i = 0; i < COUNT; i++)
    if (x32[i] != x32[i]) x32[i] = 0;  // f16 NaNs keep no payload that could be compared
  vec->f32_to_f16(o16, x32, COUNT), print_bytes("f32_to_f16", o16, sizeof o16);
  vec->f16_to_f32(o32, o16, COUNT), print_f32("f16_to_f32", "", COUNT);
  vec->f32_to_bf16(o16, x32, COUNT), print_bytes("f32_to_bf16", o16, sizeof o16);
  vec->bf16_to_f32(o32, o16, COUNT), print_f32("bf16_to_f32", "", COUNT);
}

int main(void) {
  const leat_vec *vec = leat__vec();
  const char *wanted = getenv("LEAT_ISA");
  if (wanted && strcmp(wanted, vec->isa) != 0) {
    fprintf(stderr, "this CPU has no %s\n", wanted);
    return 77;
  }
  fill(false);
  element_wise(vec);
  fill(true);
  reductions(vec);
  dots(vec);
  small_floats(vec);
  uint32_t words[1003], key[2] = {0x01234567, 0x89ABCDEF};
  vec->philox(words, 5, 1003, key, 1, 2, 3), print_bytes("philox", words, sizeof words);
  return 0;
}
