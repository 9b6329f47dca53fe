// Inner kernels, compiled once for each instruction set as the table named LEAT_VEC_TABLE.
// SPDX-License-Identifier: Apache-2.0
#include "engine/vec.h"

#include "engine/prelude.inc"
#include "engine/math.inc"

#include <string.h>

#if defined(__AVX512F__)
enum { TILE_ROWS = 8, TILE_VECS = 3 };
#elif defined(__AVX2__)
enum { TILE_ROWS = 4, TILE_VECS = 3 };
#elif defined(__aarch64__)
enum { TILE_ROWS = 8, TILE_VECS = 2 };
#else
enum { TILE_ROWS = 4, TILE_VECS = 2 };
#endif

enum { BLOCK = 4096, LANES = 16 };  // clause N3

// --- Element-wise, by macro lists of expressions ------------------------------------------------
#define NEG_F32(x) ((vf)((vi)(x) ^ (int)0x80000000))
#define NEG_F64(x) ((vd)((vl)(x) ^ (long long)0x8000000000000000))
#define UNARY_LIST(X)                                                                            \
  X(VEC_EXP, exp, leat_exp_f32, leat_exp_f64) X(VEC_EXPM1, expm1, leat_expm1_f32, leat_expm1_f64) \
  X(VEC_LOG, log, leat_log_f32, leat_log_f64) X(VEC_LOG1P, log1p, leat_log1p_f32, leat_log1p_f64) \
  X(VEC_TANH, tanh, leat_tanh_f32, leat_tanh_f64)                                                \
  X(VEC_SIGMOID, sigmoid, leat_sigmoid_f32, leat_sigmoid_f64)                                    \
  X(VEC_ERF, erf, leat_erf_f32, leat_erf_f64) X(VEC_SIN, sin, leat_sin_f32, leat_sin_f64)        \
  X(VEC_COS, cos, leat_cos_f32, leat_cos_f64) X(VEC_ATAN, atan, leat_atan_f32, leat_atan_f64)    \
  X(VEC_SQRT, sqrt, vf_sqrt, vd_sqrt) X(VEC_RSQRT, rsqrt, leat_rsqrt_f32, leat_rsqrt_f64)        \
  X(VEC_FLOOR, floor, vf_floor, vd_floor) X(VEC_CEIL, ceil, vf_ceil, vd_ceil)                    \
  X(VEC_ROUND, round, vf_round, vd_round) X(VEC_TRUNC, trunc, vf_trunc, vd_trunc)                \
  X(VEC_NEG, neg, NEG_F32, NEG_F64) X(VEC_ABS, abs, vf_abs, vd_abs)

#define UNARY(id, name, f, g)                                                        \
  static void name##_f32(float *out, const float *x, size_t n) {                     \
    size_t i = 0;                                                                    \
    for (; i + VF_LANES <= n; i += VF_LANES) vf_store(out + i, f(vf_load(x + i)));   \
    if (i < n) vf_store_n(out + i, f(vf_load_n(x + i, n - i)), n - i);               \
  }                                                                                  \
  static void name##_f64(double *out, const double *x, size_t n) {                   \
    size_t i = 0;                                                                    \
    for (; i + VD_LANES <= n; i += VD_LANES) vd_store(out + i, g(vd_load(x + i)));   \
    if (i < n) vd_store_n(out + i, g(vd_load_n(x + i, n - i)), n - i);               \
  }
UNARY_LIST(UNARY)

#define ADD(x, y) ((x) + (y))
#define SUB(x, y) ((x) - (y))
#define MUL(x, y) ((x) * (y))
#define DIV(x, y) ((x) / (y))
#define BINARY_LIST(X)                                                                   \
  X(VEC_ADD, add, ADD, ADD) X(VEC_SUB, sub, SUB, SUB) X(VEC_MUL, mul, MUL, MUL)          \
  X(VEC_DIV, div, DIV, DIV) X(VEC_MAX, max, vf_max, vd_max) X(VEC_MIN, min, vf_min, vd_min) \
  X(VEC_POW, pow, leat_pow_f32, leat_pow_f64)

#define BINARY_TYPED(fname, T, V, P, lanes, f)                                              \
  static void fname(T *out, const T *x, int xs, const T *y, int ys, size_t n) {            \
    V xa = P##_all(n && !xs ? *x : 0), ya = P##_all(n && !ys ? *y : 0);                     \
    size_t i = 0;                                                                           \
    if (xs && ys)                                                                           \
      for (; i + lanes <= n; i += lanes) P##_store(out + i, f(P##_load(x + i), P##_load(y + i))); \
    else if (xs)                                                                            \
      for (; i + lanes <= n; i += lanes) P##_store(out + i, f(P##_load(x + i), ya));        \
    else if (ys)                                                                            \
      for (; i + lanes <= n; i += lanes) P##_store(out + i, f(xa, P##_load(y + i)));        \
    else                                                                                    \
      for (; i + lanes <= n; i += lanes) P##_store(out + i, f(xa, ya));                     \
    if (i < n) {                                                                            \
      V a = xs ? P##_load_n(x + i, n - i) : xa, b = ys ? P##_load_n(y + i, n - i) : ya;     \
      P##_store_n(out + i, f(a, b), n - i);                                                 \
    }                                                                                       \
  }
#define BINARY(id, name, f, g)                                   \
  BINARY_TYPED(b_##name##_f32, float, vf, vf, VF_LANES, f)       \
  BINARY_TYPED(b_##name##_f64, double, vd, vd, VD_LANES, g)
BINARY_LIST(BINARY)

#define COMPARE(name, op)                                                                        \
  static void c_##name##_f32(uint8_t *out, const float *x, int xs, const float *y, int ys, size_t n) { \
    if (xs && ys) for (size_t i = 0; i < n; i++) out[i] = x[i] op y[i];                          \
    else if (xs) { float b = n ? *y : 0; for (size_t i = 0; i < n; i++) out[i] = x[i] op b; }     \
    else { float a = n ? *x : 0; for (size_t i = 0; i < n; i++) out[i] = a op y[ys ? i : 0]; }    \
  }
COMPARE(eq, ==)
COMPARE(ne, !=)
COMPARE(lt, <)
COMPARE(le, <=)

static void select_f32(float *out, const uint8_t *p, int ps, const float *x, int xs, const float *y,
                       int ys, size_t n) {
  if (ps && xs && ys) for (size_t i = 0; i < n; i++) out[i] = p[i] ? x[i] : y[i];
  else if (ps && ys) { float a = n ? *x : 0; for (size_t i = 0; i < n; i++) out[i] = p[i] ? a : y[i]; }
  else if (ps && xs) { float b = n ? *y : 0; for (size_t i = 0; i < n; i++) out[i] = p[i] ? x[i] : b; }
  else for (size_t i = 0; i < n; i++) out[i] = p[ps ? i : 0] ? x[xs ? i : 0] : y[ys ? i : 0];
}

// --- Reductions (clause N3) ---------------------------------------------------------------------
// Blocks are joined as they come: a stack of partial results, one for each level of the tree.
enum { LEVELS = 56 };

#define REDUCE_TYPED(name, T, V, P, lanes, f, identity)                                        \
  static T name##_one(T x, T y) {                                                              \
    V r = f(P##_all(x), P##_all(y));                                                           \
    return r[0];                                                                               \
  }                                                                                            \
  static T name##_block(const T *x, size_t n) {                                                \
    V acc[LANES / lanes];                                                                      \
    T lane[LANES];                                                                             \
    for (int k = 0; k < LANES / lanes; k++) acc[k] = P##_all(identity);                        \
    size_t i = 0;                                                                              \
    for (; i + LANES <= n; i += LANES)                                                         \
      for (int k = 0; k < LANES / lanes; k++) acc[k] = f(acc[k], P##_load(x + i + k * lanes)); \
    memcpy(lane, acc, sizeof lane);                                                            \
    for (size_t k = 0; i + k < n; k++) lane[k] = name##_one(lane[k], x[i + k]);                \
    for (int half = LANES / 2; half > 0; half /= 2)                                            \
      for (int k = 0; k < half; k++) lane[k] = name##_one(lane[k], lane[k + half]);            \
    return lane[0];                                                                            \
  }                                                                                            \
  static T name(const T *x, size_t n) {                                                        \
    T stack[LEVELS];                                                                           \
    int level[LEVELS], top = 0;                                                                \
    for (size_t i = 0; i < n; i += BLOCK) {                                                    \
      stack[top] = name##_block(x + i, n - i < BLOCK ? n - i : BLOCK);                         \
      level[top++] = 0;                                                                        \
      for (; top > 1 && level[top - 1] == level[top - 2]; top--, level[top - 1]++)             \
        stack[top - 2] = name##_one(stack[top - 2], stack[top - 1]);                           \
    }                                                                                          \
    if (top == 0) return (identity) == 0 ? 0 : (identity); /* an empty sum is +0 */              \
    for (; top > 1; top--) stack[top - 2] = name##_one(stack[top - 2], stack[top - 1]);        \
    return stack[0];                                                                           \
  }                                                                                            \
  static V name##_cols_block(const T *x, ptrdiff_t row, size_t rows, size_t width) {           \
    V acc[LANES];                                                                              \
    for (int k = 0; k < LANES; k++) acc[k] = P##_all(identity);                                \
    if (width == lanes)                                                                        \
      for (size_t i = 0; i < rows; i++)                                                        \
        acc[i % LANES] = f(acc[i % LANES], P##_load(x + (ptrdiff_t)i * row));                  \
    else                                                                                       \
      for (size_t i = 0; i < rows; i++)                                                        \
        acc[i % LANES] = f(acc[i % LANES], P##_load_n(x + (ptrdiff_t)i * row, width));         \
    for (int half = LANES / 2; half > 0; half /= 2)                                            \
      for (int k = 0; k < half; k++) acc[k] = f(acc[k], acc[k + half]);                        \
    return acc[0];                                                                             \
  }                                                                                            \
  static void name##_cols(T *out, const T *x, ptrdiff_t row, size_t rows, size_t cols) {       \
    for (size_t j = 0; j < cols; j += lanes) {                                                 \
      size_t width = cols - j < lanes ? cols - j : lanes;                                      \
      V stack[LEVELS];                                                                         \
      int level[LEVELS], top = 0;                                                              \
      for (size_t i = 0; i < rows; i += BLOCK) {                                               \
        size_t count = rows - i < BLOCK ? rows - i : BLOCK;                                    \
        stack[top] = name##_cols_block(x + (ptrdiff_t)i * row + j, row, count, width);         \
        level[top++] = 0;                                                                      \
        for (; top > 1 && level[top - 1] == level[top - 2]; top--, level[top - 1]++)           \
          stack[top - 2] = f(stack[top - 2], stack[top - 1]);                                  \
      }                                                                                        \
      for (; top > 1; top--) stack[top - 2] = f(stack[top - 2], stack[top - 1]);               \
      P##_store_n(out + j, top ? stack[0] : P##_all(name(x, 0)), width);                       \
    }                                                                                          \
  }

REDUCE_TYPED(sum_f32, float, vf, vf, VF_LANES, ADD, -0.0f)
REDUCE_TYPED(sum_f64, double, vd, vd, VD_LANES, ADD, -0.0)
REDUCE_TYPED(prod_f32, float, vf, vf, VF_LANES, MUL, 1.0f)
REDUCE_TYPED(prod_f64, double, vd, vd, VD_LANES, MUL, 1.0)
REDUCE_TYPED(rmax_f32, float, vf, vf, VF_LANES, vf_max, -__builtin_inff())
REDUCE_TYPED(rmax_f64, double, vd, vd, VD_LANES, vd_max, -__builtin_inf())
REDUCE_TYPED(rmin_f32, float, vf, vf, VF_LANES, vf_min, __builtin_inff())
REDUCE_TYPED(rmin_f64, double, vd, vd, VD_LANES, vd_min, __builtin_inf())

// --- Dots (clause N2) ---------------------------------------------------------------------------
#define TILE(name, T, V, P, lanes)                                                                \
  /* rows x vecs results; both are constants after inlining, so acc stays in registers */         \
  LEAT_INLINE void name##_tile(const int rows, const int vecs, T *c, ptrdiff_t c_row, const T *a, \
                               ptrdiff_t a_row, ptrdiff_t a_col, const T *b, ptrdiff_t b_row,     \
                               size_t k) {                                                        \
    V acc[TILE_ROWS][TILE_VECS];                                                                  \
    _Pragma("GCC unroll 8") for (int i = 0; i < rows; i++)                                        \
      _Pragma("GCC unroll 4") for (int j = 0; j < vecs; j++) acc[i][j] = (V){0};                  \
    for (size_t p = 0; p < k; p++, b += b_row, a += a_col) {                                      \
      V bv[TILE_VECS];                                                                            \
      _Pragma("GCC unroll 4") for (int j = 0; j < vecs; j++) bv[j] = P##_load(b + j * lanes);     \
      _Pragma("GCC unroll 8") for (int i = 0; i < rows; i++) {                                    \
        V av = P##_all(a[i * a_row]);                                                             \
        _Pragma("GCC unroll 4") for (int j = 0; j < vecs; j++)                                    \
          acc[i][j] = P##_fma(av, bv[j], acc[i][j]);                                              \
      }                                                                                           \
    }                                                                                             \
    _Pragma("GCC unroll 8") for (int i = 0; i < rows; i++)                                        \
      _Pragma("GCC unroll 4") for (int j = 0; j < vecs; j++)                                      \
        P##_store(c + i * c_row + j * lanes, acc[i][j]);                                          \
  }                                                                                               \
  __attribute__((noinline)) static void name##_rows(int vecs, T *c, ptrdiff_t c_row, const T *a,  \
                          ptrdiff_t a_row, ptrdiff_t a_col, const T *b, ptrdiff_t b_row,          \
                          size_t m, size_t k) {                                                   \
    size_t i = 0;                                                                                 \
    for (; i + TILE_ROWS <= m; i += TILE_ROWS, c += TILE_ROWS * c_row, a += TILE_ROWS * a_row)    \
      switch (vecs) {                                                                             \
        case 1: name##_tile(TILE_ROWS, 1, c, c_row, a, a_row, a_col, b, b_row, k); break;         \
        case 2: name##_tile(TILE_ROWS, 2, c, c_row, a, a_row, a_col, b, b_row, k); break;         \
        default: name##_tile(TILE_ROWS, TILE_VECS, c, c_row, a, a_row, a_col, b, b_row, k);       \
      }                                                                                           \
    for (; i < m; i++, c += c_row, a += a_row)                                                    \
      switch (vecs) {                                                                             \
        case 1: name##_tile(1, 1, c, c_row, a, a_row, a_col, b, b_row, k); break;                 \
        case 2: name##_tile(1, 2, c, c_row, a, a_row, a_col, b, b_row, k); break;                 \
        default: name##_tile(1, TILE_VECS, c, c_row, a, a_row, a_col, b, b_row, k);               \
      }                                                                                           \
  }                                                                                               \
  /* The last columns, fewer than a vector: copied to a panel a piece of k at a time, the         \
     chains carried in `sums`. */                                                                 \
  static void name##_edge(T *c, ptrdiff_t c_row, const T *a, ptrdiff_t a_row, ptrdiff_t a_col,    \
                          const T *b, ptrdiff_t b_row, size_t m, size_t width, size_t k) {        \
    enum { DEPTH = 128, ROWS = 8 };                                                               \
    V panel[DEPTH], sums[ROWS];                                                                   \
    for (size_t i = 0; i < m; i += ROWS) {                                                        \
      size_t rows = m - i < ROWS ? m - i : ROWS;                                                  \
      for (size_t r = 0; r < ROWS; r++) sums[r] = (V){0};                                         \
      for (size_t p = 0; p < k; p += DEPTH) {                                                     \
        size_t depth = k - p < DEPTH ? k - p : DEPTH;                                             \
        if (i == 0 || k > DEPTH)                                                                  \
          for (size_t q = 0; q < depth; q++) panel[q] = P##_load_n(b + (ptrdiff_t)(p + q) * b_row, width); \
        for (size_t r = 0; r < rows; r++) {                                                       \
          const T *at = a + (ptrdiff_t)(i + r) * a_row + (ptrdiff_t)p * a_col;                    \
          V sum = sums[r];                                                                        \
          for (size_t q = 0; q < depth; q++, at += a_col) sum = P##_fma(P##_all(*at), panel[q], sum); \
          sums[r] = sum;                                                                          \
        }                                                                                         \
      }                                                                                           \
      for (size_t r = 0; r < rows; r++) P##_store_n(c + (ptrdiff_t)(i + r) * c_row, sums[r], width); \
    }                                                                                             \
  }                                                                                               \
  static void name(T *c, ptrdiff_t c_row, const T *a, ptrdiff_t a_row, ptrdiff_t a_col, const T *b, \
                   ptrdiff_t b_row, size_t m, size_t n, size_t k) {                               \
    size_t j = 0;                                                                                 \
    while (j + lanes <= n) {                                                                      \
      size_t left = (n - j) / lanes;                                                              \
      int vecs = left >= TILE_VECS ? TILE_VECS : (int)left;                                       \
      name##_rows(vecs, c + j, c_row, a, a_row, a_col, b + j, b_row, m, k);                       \
      j += (size_t)vecs * lanes;                                                                  \
    }                                                                                             \
    if (j < n) name##_edge(c + j, c_row, a, a_row, a_col, b + j, b_row, m, n - j, k);             \
  }
TILE(dot_chain_f32, float, vf, vf, VF_LANES)
TILE(dot_chain_f64, double, vd, vd, VD_LANES)

#define LANED(name, T, V, P, lanes, scalar_fma)                                                  \
  static T name##_one(const T *a, const T *b, size_t k) {                                        \
    V acc[LANES / lanes];                                                                        \
    T lane[LANES];                                                                               \
    for (int v = 0; v < LANES / lanes; v++) acc[v] = (V){0};                                     \
    size_t p = 0;                                                                                \
    for (; p + LANES <= k; p += LANES)                                                           \
      for (int v = 0; v < LANES / lanes; v++)                                                    \
        acc[v] = P##_fma(P##_load(a + p + v * lanes), P##_load(b + p + v * lanes), acc[v]);      \
    memcpy(lane, acc, sizeof lane);                                                              \
    for (size_t q = 0; p + q < k; q++) lane[q] = scalar_fma(a[p + q], b[p + q], lane[q]);        \
    for (int half = LANES / 2; half > 0; half /= 2)                                              \
      for (int q = 0; q < half; q++) lane[q] += lane[q + half];                                  \
    return lane[0];                                                                              \
  }                                                                                              \
  static void name(T *c, ptrdiff_t c_row, const T *a, ptrdiff_t a_row, const T *b,               \
                   ptrdiff_t b_row, size_t m, size_t n, size_t k) {                              \
    for (size_t i = 0; i < m; i++)                                                               \
      for (size_t j = 0; j < n; j++)                                                             \
        c[(ptrdiff_t)i * c_row + (ptrdiff_t)j] =                                                 \
            name##_one(a + (ptrdiff_t)i * a_row, b + (ptrdiff_t)j * b_row, k);                   \
  }
LANED(dot_lanes16_f32, float, vf, vf, VF_LANES, leat_fma_f32)
LANED(dot_lanes16_f64, double, vd, vd, VD_LANES, leat_fma_f64)

// --- Small floats -------------------------------------------------------------------------------
static float bits_to_f32(uint32_t bits) {
  float x;
  memcpy(&x, &bits, 4);
  return x;
}
static uint32_t f32_to_bits(float x) {
  uint32_t bits;
  memcpy(&bits, &x, 4);
  return bits;
}

static void f16_to_f32(float *out, const uint16_t *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t h = x[i], sign = (h & 0x8000) << 16, rest = h & 0x7FFF;
    float small = (float)(int)rest * 0x1p-24f;  // subnormal: exact
    uint32_t bits = rest >= 0x7C00   ? 0x7F800000 | (rest & 0x3FF) << 13
                    : rest >= 0x0400 ? (rest << 13) + 0x38000000
                                     : f32_to_bits(small);
    out[i] = bits_to_f32(bits | sign);
  }
}

static void f32_to_f16(uint16_t *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = f32_to_bits(x[i]), sign = bits >> 16 & 0x8000, rest = bits & 0x7FFFFFFF, h;
    if (rest > 0x7F800000) h = 0x7E00;
    else if (rest >= 0x477FF000) h = 0x7C00;
    else if (rest >= 0x38800000) h = (rest - 0x38000000 + 0xFFF + (rest >> 13 & 1)) >> 13;
    else {  // adding 2^-1 * ... aligns the subnormal's last place with f32's: rounds to even once
      h = f32_to_bits(bits_to_f32(rest) + 0.5f) - 0x3F000000;
    }
    out[i] = (uint16_t)(h | sign);
  }
}

static void bf16_to_f32(float *out, const uint16_t *x, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = bits_to_f32((uint32_t)x[i] << 16);
}

static void f32_to_bf16(uint16_t *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = f32_to_bits(x[i]);
    uint32_t rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
    out[i] = (bits & 0x7FFFFFFF) > 0x7F800000 ? (uint16_t)(bits >> 16 | 0x40) : (uint16_t)rounded;
  }
}

// --- Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3") ----------------
static void philox_one(uint32_t c[4], const uint32_t key[2]) {
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t x0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, x2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
    c[0] = x0;
    c[1] = (uint32_t)p1;
    c[2] = x2;
    c[3] = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

static void philox(uint32_t *out, uint64_t first, size_t n, const uint32_t key[2], uint32_t c1,
                   uint32_t c2, uint32_t c3) {
  for (size_t i = 0; i < n;) {
    uint32_t c[4] = {(uint32_t)((first + i) / 4), c1, c2, c3};
    philox_one(c, key);
    for (uint64_t w = (first + i) % 4; w < 4 && i < n; w++) out[i++] = c[w];
  }
}

// --- The table ----------------------------------------------------------------------------------
#define UNARY_F32(id, name, f, g) [id] = name##_f32,
#define UNARY_F64(id, name, f, g) [id] = name##_f64,
#define BINARY_F32(id, name, f, g) [id] = b_##name##_f32,
#define BINARY_F64(id, name, f, g) [id] = b_##name##_f64,

extern const leat_vec LEAT_VEC_TABLE;
const leat_vec LEAT_VEC_TABLE = {
    .isa = LEAT_VEC_NAME,
    .unary_f32 = {UNARY_LIST(UNARY_F32)},
    .unary_f64 = {UNARY_LIST(UNARY_F64)},
    .binary_f32 = {BINARY_LIST(BINARY_F32)},
    .binary_f64 = {BINARY_LIST(BINARY_F64)},
    .compare_f32 = {c_eq_f32, c_ne_f32, c_lt_f32, c_le_f32},
    .select_f32 = select_f32,
    .reduce_f32 = {sum_f32, prod_f32, rmax_f32, rmin_f32},
    .reduce_f64 = {sum_f64, prod_f64, rmax_f64, rmin_f64},
    .reduce_cols_f32 = {sum_f32_cols, prod_f32_cols, rmax_f32_cols, rmin_f32_cols},
    .reduce_cols_f64 = {sum_f64_cols, prod_f64_cols, rmax_f64_cols, rmin_f64_cols},
    .dot_chain_f32 = dot_chain_f32,
    .dot_chain_f64 = dot_chain_f64,
    .dot_lanes16_f32 = dot_lanes16_f32,
    .dot_lanes16_f64 = dot_lanes16_f64,
    .f16_to_f32 = f16_to_f32,
    .f32_to_f16 = f32_to_f16,
    .bf16_to_f32 = bf16_to_f32,
    .f32_to_bf16 = f32_to_bf16,
    .philox = philox,
};
