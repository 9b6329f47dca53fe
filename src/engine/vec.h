// Inner kernels of the interpreter, compiled for each instruction set; all give the same bits.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_VEC_H
#define LEAT_ENGINE_VEC_H

#include "engine/dot.h"

#include <stddef.h>
#include <stdint.h>

typedef enum leat_vec_unary {
  VEC_EXP,
  VEC_EXPM1,
  VEC_LOG,
  VEC_LOG1P,
  VEC_TANH,
  VEC_SIGMOID,
  VEC_ERF,
  VEC_SIN,
  VEC_COS,
  VEC_ATAN,
  VEC_SQRT,
  VEC_RSQRT,
  VEC_FLOOR,
  VEC_CEIL,
  VEC_ROUND,
  VEC_TRUNC,
  VEC_NEG,
  VEC_ABS,
  VEC_UNARY_COUNT,
} leat_vec_unary;

typedef enum leat_vec_binary {
  VEC_ADD,
  VEC_SUB,
  VEC_MUL,
  VEC_DIV,
  VEC_MAX,
  VEC_MIN,
  VEC_POW,
  VEC_BINARY_COUNT,
} leat_vec_binary;

typedef enum leat_vec_compare {
  VEC_EQ,
  VEC_NE,
  VEC_LT,
  VEC_LE,
  VEC_COMPARE_COUNT
} leat_vec_compare;

typedef enum leat_vec_reduce {
  VEC_SUM,
  VEC_PROD,
  VEC_RMAX,
  VEC_RMIN,
  VEC_REDUCE_COUNT
} leat_vec_reduce;

// A convolution's planes over a padded image: `lines` lines of m output cells with n channels.
// Order chain over k contracted indices: index q of a cell lies offsets[q / run] + q % run elements
// behind the cell's start in a. Strides in elements; b (k, n), c (lines, m, n).
typedef struct leat_conv_lines {
  const void *a, *b;
  void *c;
  long m, n, k;
  long a_row, b_row, c_row;
  const long *offsets;
  long run;
  long lines, a_line, c_line;
} leat_conv_lines;

// Arrays are contiguous; a stride of a scalar operand (0 or 1) says whether it repeats. out may be
// an operand.
typedef struct leat_vec {
  const char *isa;
  void (*unary_f32[VEC_UNARY_COUNT])(float *out, const float *x, size_t n);
  void (*unary_f64[VEC_UNARY_COUNT])(double *out, const double *x, size_t n);
  void (*binary_f32[VEC_BINARY_COUNT])(float *out, const float *x, int xs, const float *y, int ys,
                                       size_t n);
  void (*binary_f64[VEC_BINARY_COUNT])(double *out, const double *x, int xs, const double *y,
                                       int ys, size_t n);
  void (*compare_f32[VEC_COMPARE_COUNT])(uint8_t *out, const float *x, int xs, const float *y,
                                         int ys, size_t n);
  void (*select_f32)(float *out, const uint8_t *p, int ps, const float *x, int xs, const float *y,
                     int ys, size_t n);
  // Clause N3 over n contiguous numbers, or over the rows of each column.
  float (*reduce_f32[VEC_REDUCE_COUNT])(const float *x, size_t n);
  double (*reduce_f64[VEC_REDUCE_COUNT])(const double *x, size_t n);
  void (*reduce_cols_f32[VEC_REDUCE_COUNT])(float *out, const float *x, ptrdiff_t row, size_t rows,
                                            size_t cols);
  void (*reduce_cols_f64[VEC_REDUCE_COUNT])(double *out, const double *x, ptrdiff_t row,
                                            size_t rows, size_t cols);
  // Clause N2, order chain. dot_pack: b as dot_f32 likes it, leat__dot_scratch floats, where
  // leat__dot_packs says so; then set `b` and `packed`.
  void (*dot_f32)(const leat_dot *dot);
  void (*dot_pack_f32)(const leat_dot *dot, void *scratch);
  void (*dot_f64)(const leat_dot *dot);
  void (*dot_pack_f64)(const leat_dot *dot, void *scratch);
  // The same without more ado: c (m, n) rows contiguous; a (m, k) any strides; b (k, n) rows
  // contiguous.
  void (*dot_chain_f32)(float *c, ptrdiff_t c_row, const float *a, ptrdiff_t a_row, ptrdiff_t a_col,
                        const float *b, ptrdiff_t b_row, size_t m, size_t n, size_t k);
  void (*dot_chain_f64)(double *c, ptrdiff_t c_row, const double *a, ptrdiff_t a_row,
                        ptrdiff_t a_col, const double *b, ptrdiff_t b_row, size_t m, size_t n,
                        size_t k);
  // Order lanes16: rows of a and of b (one a column of the result) contiguous over k.
  void (*dot_lanes16_f32)(float *c, ptrdiff_t c_row, const float *a, ptrdiff_t a_row,
                          const float *b, ptrdiff_t b_row, size_t m, size_t n, size_t k);
  void (*dot_lanes16_f64)(double *c, ptrdiff_t c_row, const double *a, ptrdiff_t a_row,
                          const double *b, ptrdiff_t b_row, size_t m, size_t n, size_t k);
  void (*conv_f32)(const leat_conv_lines *conv);
  void (*conv_f64)(const leat_conv_lines *conv);
  void (*f16_to_f32)(float *out, const uint16_t *x, size_t n);
  void (*f32_to_f16)(uint16_t *out, const float *x, size_t n);
  void (*bf16_to_f32)(float *out, const uint16_t *x, size_t n);
  void (*f32_to_bf16)(uint16_t *out, const float *x, size_t n);
  // Words [first, first + n) of Philox4x32-10: counter (element / 4, c1, c2, c3), word element % 4.
  void (*philox)(uint32_t *out, uint64_t first, size_t n, const uint32_t key[2], uint32_t c1,
                 uint32_t c2, uint32_t c3);
} leat_vec;

// Whether b should be packed: it comes as (n, k), or its rows would meet in the cache.
static inline int leat__dot_packs(const leat_dot *d) {
  if (d->b_col != 1) return 1;
  int meets = d->k > 32 && d->b_row % 256 == 0;  // rows meet in few sets of the first-level cache
  return d->m >= 32 && (meets || d->b_row >= 1024);
}
static inline int64_t leat__dot_scratch(int64_t n, int64_t k) { return (n + 15) / 16 * 16 * k; }

// The best table for this CPU, or the one that the environment variable LEAT_ISA names
// (sse2, avx2, avx512, neon) where the CPU has it. Chosen once.
const leat_vec *leat__vec(void);
// Every table that this CPU can run, for tests; NULL-terminated.
const leat_vec *const *leat__vec_all(void);

#endif
