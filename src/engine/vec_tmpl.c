// Inner kernels, compiled once for each instruction set as the table named LEAT_VEC_TABLE.
// SPDX-License-Identifier: Apache-2.0
#include "engine/vec.h"

#include "engine/prelude.inc"
#include "engine/math.inc"

#include <stdbool.h>
#include <string.h>

// The dot's tiles (rows, vectors) and the accumulators of lanes16 fill the vector registers: 32 or
// 16 of them.
#define FLAT_TILES(X) X(1, 1) X(1, 2) X(1, 3) X(1, 4) X(1, 5) X(1, 6) X(1, 7) X(1, 8)
#define LOW_TILES(X) FLAT_TILES(X) X(2, 1) X(2, 2) X(2, 3) X(4, 1) X(4, 2) X(4, 3) X(6, 2) X(8, 1)
#if defined(__AVX512F__) || defined(__aarch64__)
#define TILES(X) LOW_TILES(X) X(8, 3) X(12, 1) X(12, 2)
enum { TILE_MOST_ROWS = 12, LANES_ACC = 8 };
#elif defined(__AVX2__)
#define TILES(X) LOW_TILES(X)
enum { TILE_MOST_ROWS = 8, LANES_ACC = 8 };
#else
#define TILES(X) LOW_TILES(X)
enum { TILE_MOST_ROWS = 8, LANES_ACC = 4 };
#endif
enum { TILE_VECS = 3, FLAT_VECS = 8, DOT_GOES_ON = 1, DOT_SPILLS = 2 };
// The contracted side of a tile: where a's and b's elements lie. Index q of a row of a lies
// offsets[q / run] + q % run * a_col behind its start.
typedef struct dot_side {
  long a_row, a_col, b_row, k;
  const long *offsets;
  long run;
} dot_side;
static const long no_offset[1];

enum { LAST_WHOLE, LAST_CUT, LAST_HALF };  // a tile's last vector
#if defined(LEAT_HALVES)
#define HALVES 1
#else
#define HALVES 0
#endif
// Blocks of a dot: contracted indices of a panel of b, rows of a, elements of a in the second
// cache.
enum { DOT_K = 128, DOT_ROWS = 128, DOT_CACHE = 1 << 16 };

enum { BLOCK = 4096, LANES = 16, LEVELS = 56 };  // clause N3; 2^56 blocks fill any memory

// --- Square blocks turned round -----------------------------------------------------------------
LEAT_INLINE void vf_transpose(vf *x) {
#if LEAT_VB == 32
  vf t[8], u[8];
  for (int i = 0; i < 8; i += 2) {
    t[i] = __builtin_shufflevector(x[i], x[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    t[i + 1] = __builtin_shufflevector(x[i], x[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
  for (int i = 0; i < 8; i += 4)
    for (int k = 0; k < 2; k++) {
      u[i + 2 * k] = __builtin_shufflevector(t[i + k], t[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      u[i + 2 * k + 1] =
          __builtin_shufflevector(t[i + k], t[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int i = 0; i < 4; i++) {
    x[i] = __builtin_shufflevector(u[i], u[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    x[i + 4] = __builtin_shufflevector(u[i], u[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
#else
  vf y[VF_LANES];
  for (int i = 0; i < VF_LANES; i++)
    for (int k = 0; k < VF_LANES; k++) y[i][k] = x[k][i];
  memcpy(x, y, sizeof y);
#endif
}
LEAT_INLINE void vd_transpose(vd *x) {
  vd y[VD_LANES];
  for (int i = 0; i < VD_LANES; i++)
    for (int k = 0; k < VD_LANES; k++) y[i][k] = x[k][i];
  memcpy(x, y, sizeof y);
}

// --- Kernels over f32 and f64 -------------------------------------------------------------------
// clang-format off
#define UNARY_LIST(X)                                                                        \
  X(VEC_EXP, exp, M(exp))                                                                    \
  X(VEC_EXPM1, expm1, M(expm1)) X(VEC_LOG, log, M(log)) X(VEC_LOG1P, log1p, M(log1p))        \
      X(VEC_TANH, tanh, M(tanh)) X(VEC_SIGMOID, sigmoid, M(sigmoid)) X(VEC_ERF, erf, M(erf)) \
          X(VEC_SIN, sin, M(sin)) X(VEC_COS, cos, M(cos)) X(VEC_ATAN, atan, M(atan))         \
              X(VEC_SQRT, sqrt, P(sqrt)) X(VEC_RSQRT, rsqrt, M(rsqrt))                       \
                  X(VEC_FLOOR, floor, P(floor)) X(VEC_CEIL, ceil, P(ceil))                   \
                      X(VEC_ROUND, round, P(round)) X(VEC_TRUNC, trunc, P(trunc))            \
                          X(VEC_NEG, neg, N(neg)) X(VEC_ABS, abs, P(abs))
#define BINARY_LIST(X)                                                                            \
  X(VEC_ADD, add, N(add))                                                                         \
  X(VEC_SUB, sub, N(sub)) X(VEC_MUL, mul, N(mul)) X(VEC_DIV, div, N(div)) X(VEC_MAX, max, P(max)) \
      X(VEC_MIN, min, P(min)) X(VEC_POW, pow, M(pow))
#define REDUCE_LIST(X)                                                       \
  X(VEC_SUM, sum, N(add), -0.0)                                              \
  X(VEC_PROD, prod, N(mul), 1.0) X(VEC_RMAX, rmax, P(max), -__builtin_inf()) \
      X(VEC_RMIN, rmin, P(min), __builtin_inf())
// clang-format on
#define T float
#define V vf
#define WIDTH VF_LANES
#define P(name) vf_##name
#define M(name) leat_##name##_f32
#define N(name) name##_f32
#include "engine/vec_float.inc"
#undef T
#undef V
#undef WIDTH
#undef P
#undef M
#undef N

#define T double
#define V vd
#define WIDTH VD_LANES
#define P(name) vd_##name
#define M(name) leat_##name##_f64
#define N(name) name##_f64
#include "engine/vec_float.inc"
#undef T
#undef V
#undef WIDTH
#undef P
#undef M
#undef N

// --- Comparing and choosing ---------------------------------------------------------------------
#define COMPARE(name, op)                                                                  \
  static void c_##name##_f32(uint8_t *out, const float *x, int xs, const float *y, int ys, \
                             size_t n) {                                                   \
    if (xs && ys)                                                                          \
      for (size_t i = 0; i < n; i++) out[i] = x[i] op y[i];                                \
    else if (xs) {                                                                         \
      float b = n ? *y : 0;                                                                \
      for (size_t i = 0; i < n; i++) out[i] = x[i] op b;                                   \
    } else {                                                                               \
      float a = n ? *x : 0;                                                                \
      for (size_t i = 0; i < n; i++) out[i] = a op y[ys ? i : 0];                          \
    }                                                                                      \
  }
COMPARE(eq, ==)
COMPARE(ne, !=)
COMPARE(lt, <)
COMPARE(le, <=)

static void select_f32(float *out, const uint8_t *p, int ps, const float *x, int xs, const float *y,
                       int ys, size_t n) {
  if (ps && xs && ys)
    for (size_t i = 0; i < n; i++) out[i] = p[i] ? x[i] : y[i];
  else if (ps && ys) {
    float a = n ? *x : 0;
    for (size_t i = 0; i < n; i++) out[i] = p[i] ? a : y[i];
  } else if (ps && xs) {
    float b = n ? *y : 0;
    for (size_t i = 0; i < n; i++) out[i] = p[i] ? x[i] : b;
  } else
    for (size_t i = 0; i < n; i++) out[i] = p[ps ? i : 0] ? x[xs ? i : 0] : y[ys ? i : 0];
}

// --- Small floats -------------------------------------------------------------------------------
typedef uint16_t vh __attribute__((vector_size(LEAT_VB / 2)));

static vu widen(const uint16_t *x) {
  vh h;
  memcpy(&h, x, sizeof h);
  return __builtin_convertvector(h, vu);
}

static void narrow(uint16_t *out, vu x) {
  vh h = __builtin_convertvector(x, vh);
  memcpy(out, &h, sizeof h);
}

LEAT_INLINE vu bit_select(vi mask, vu x, vu y) { return (x & (vu)mask) | (y & ~(vu)mask); }

LEAT_INLINE vf from_f16(vu h) {
  vu sign = (h & 0x8000) << 16, rest = h & 0x7FFF;
  vu small = (vu)(__builtin_convertvector((vi)rest, vf) * 0x1p-24f);  // subnormal: exact
  vu bits = bit_select(rest >= 0x0400, (rest << 13) + 0x38000000, small);
  bits = bit_select(rest >= 0x7C00, 0x7F800000 | (rest & 0x3FF) << 13, bits);
  return (vf)(bits | sign);
}

LEAT_INLINE vu to_f16(vf x) {
  vu bits = (vu)x, sign = bits >> 16 & 0x8000, rest = bits & 0x7FFFFFFF;
  vu h = (rest - 0x38000000 + 0xFFF + (rest >> 13 & 1)) >> 13;
  // Below 2^-14 adding 1/2 puts the subnormal's last place at f32's, and rounds to even once.
  h = bit_select(rest < 0x38800000, (vu)((vf)rest + 0.5f) - 0x3F000000, h);
  h = bit_select(rest >= 0x477FF000, (vu){0} + 0x7C00, h);
  h = bit_select(rest > 0x7F800000, (vu){0} + 0x7E00, h);
  return h | sign;
}

LEAT_INLINE vf from_bf16(vu h) { return (vf)(h << 16); }

LEAT_INLINE vu to_bf16(vf x) {
  vu bits = (vu)x, rounded = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  return bit_select((bits & 0x7FFFFFFF) > 0x7F800000, bits >> 16 | 0x40, rounded);
}

LEAT_INLINE void widen_all(float *out, const uint16_t *x, size_t n, vf (*f)(vu)) {
  size_t i = 0;
  for (; i + VF_LANES <= n; i += VF_LANES) vf_store(out + i, f(widen(x + i)));
  if (i == n) return;
  uint16_t last[VF_LANES] = {0};
  memcpy(last, x + i, (n - i) * sizeof *x);
  vf_store_n(out + i, f(widen(last)), n - i);
}

LEAT_INLINE void narrow_all(uint16_t *out, const float *x, size_t n, vu (*f)(vf)) {
  size_t i = 0;
  for (; i + VF_LANES <= n; i += VF_LANES) narrow(out + i, f(vf_load(x + i)));
  if (i == n) return;
  uint16_t last[VF_LANES];
  narrow(last, f(vf_load_n(x + i, n - i)));
  memcpy(out + i, last, (n - i) * sizeof *out);
}

static void f16_to_f32(float *out, const uint16_t *x, size_t n) { widen_all(out, x, n, from_f16); }
static void f32_to_f16(uint16_t *out, const float *x, size_t n) { narrow_all(out, x, n, to_f16); }
static void bf16_to_f32(float *out, const uint16_t *x, size_t n) {
  widen_all(out, x, n, from_bf16);
}
static void f32_to_bf16(uint16_t *out, const float *x, size_t n) { narrow_all(out, x, n, to_bf16); }

// --- Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3") ----------------
enum { GROUP = VF_LANES };  // counters done side by side

LEAT_INLINE void philox_group(uint32_t out[4 * GROUP], uint32_t counter, const uint32_t key[2],
                              uint32_t c1, uint32_t c2, uint32_t c3) {
  vu zero = {0}, a = (vu)(vi)LEAT_IOTA_F32 + counter, b = zero + c1, c = zero + c2, d = zero + c3,
     p, q;
  uint32_t k0 = key[0], k1 = key[1], words[4][GROUP];
  for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
    vu p_low = vu_mul_wide(a, 0xD2511F53u, &p), q_low = vu_mul_wide(c, 0xCD9E8D57u, &q);
    a = q ^ b ^ k0, b = q_low, c = p ^ d ^ k1, d = p_low;
  }
  memcpy(words[0], &a, sizeof a), memcpy(words[1], &b, sizeof b);
  memcpy(words[2], &c, sizeof c), memcpy(words[3], &d, sizeof d);
  for (int i = 0; i < GROUP; i++)
    for (int w = 0; w < 4; w++) out[4 * i + w] = words[w][i];
}

static void philox(uint32_t *out, uint64_t first, size_t n, const uint32_t key[2], uint32_t c1,
                   uint32_t c2, uint32_t c3) {
  while (n > 0) {
    uint32_t words[4 * GROUP], skip = first % 4;
    size_t take = n < 4 * GROUP - skip ? n : 4 * GROUP - skip;
    philox_group(words, (uint32_t)(first / 4), key, c1, c2, c3);
    memcpy(out, words + skip, take * sizeof *out);
    out += take, first += take, n -= take;
  }
}

// --- The table ----------------------------------------------------------------------------------
#define ROW_F32(id, name, ...) [id] = v_##name##_f32,
#define ROW_F64(id, name, ...) [id] = v_##name##_f64,
#define REDUCE_F32(id, name, ...) [id] = name##_f32,
#define REDUCE_F64(id, name, ...) [id] = name##_f64,
#define COLS_F32(id, name, ...) [id] = name##_cols_f32,
#define COLS_F64(id, name, ...) [id] = name##_cols_f64,

extern const leat_vec LEAT_VEC_TABLE;
const leat_vec LEAT_VEC_TABLE = {
    .isa = LEAT_VEC_NAME,
    .unary_f32 = {UNARY_LIST(ROW_F32)},
    .unary_f64 = {UNARY_LIST(ROW_F64)},
    .binary_f32 = {BINARY_LIST(ROW_F32)},
    .binary_f64 = {BINARY_LIST(ROW_F64)},
    .compare_f32 = {c_eq_f32, c_ne_f32, c_lt_f32, c_le_f32},
    .select_f32 = select_f32,
    .reduce_f32 = {REDUCE_LIST(REDUCE_F32)},
    .reduce_f64 = {REDUCE_LIST(REDUCE_F64)},
    .reduce_cols_f32 = {REDUCE_LIST(COLS_F32)},
    .reduce_cols_f64 = {REDUCE_LIST(COLS_F64)},
    .dot_f32 = dot_any_f32,
    .dot_pack_f32 = dot_pack_f32,
    .dot_f64 = dot_any_f64,
    .dot_pack_f64 = dot_pack_f64,
    .conv_f32 = conv_f32,
    .conv_f64 = conv_f64,
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
