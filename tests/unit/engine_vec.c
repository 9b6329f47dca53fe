// Inner kernels: against naive oracles written from the numerics contract, and table against table.
// SPDX-License-Identifier: Apache-2.0
//
// Every test runs on each instruction set of this CPU. Results are compared bit by bit, NaN as NaN.
#include "test.h"

#include "engine/vec.h"

#include <math.h>

static uint64_t state = 1;
static uint64_t draw(void) {  // splitmix64
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}
static double uniform(void) { return (double)(int64_t)draw() * 0x1p-63; }

static void *room(
    size_t bytes) {  // exactly as large as asked for: sanitizers see every step beyond
  void *p = malloc(bytes ? bytes : 1);
  if (!p) exit(1);
  return p;
}

static float *floats(size_t n) {
  float *x = room(n * sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = (float)uniform();
  return x;
}
static double *doubles(size_t n) {
  double *x = room(n * sizeof *x);
  for (size_t i = 0; i < n; i++) x[i] = uniform();
  return x;
}
// Any bit pattern, and often a special value.
static float *wild_floats(size_t n) {
  static const float special[] = {0,   -0.0f,     1,          -1,   INFINITY, -INFINITY,
                                  NAN, 0x1p-149f, -0x1p-127f, 0.5f, 2.5f};
  float *x = room(n * sizeof *x);
  for (size_t i = 0; i < n; i++) {
    uint64_t r = draw();
    uint32_t bits = (uint32_t)r;
    memcpy(&x[i], &bits, 4);
    if (r >> 61 == 0) x[i] = special[(r >> 32) % (sizeof special / sizeof *special)];
    if (r >> 61 > 3) x[i] = (float)ldexp((int32_t)bits, (int)(r >> 32 & 15) - 35);
  }
  return x;
}
static double *wild_doubles(size_t n) {
  static const double special[] = {0,   -0.0,      1,          -1,  INFINITY, -INFINITY,
                                   NAN, 0x1p-1074, -0x1p-1023, 0.5, 2.5};
  double *x = room(n * sizeof *x);
  for (size_t i = 0; i < n; i++) {
    uint64_t r = draw(), bits = draw();
    memcpy(&x[i], &bits, 8);
    if (r >> 61 == 0) x[i] = special[(r >> 32) % (sizeof special / sizeof *special)];
    if (r >> 61 > 3) x[i] = ldexp((double)(int64_t)bits, (int)(r >> 32 & 15) - 67);
  }
  return x;
}

static bool same_f32(const float *x, const float *y, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!(x[i] != x[i] && y[i] != y[i]) && memcmp(&x[i], &y[i], sizeof *x) != 0) return false;
  return true;
}
static bool same_f64(const double *x, const double *y, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!(x[i] != x[i] && y[i] != y[i]) && memcmp(&x[i], &y[i], sizeof *x) != 0) return false;
  return true;
}

static const size_t sizes[] = {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 100, 1000};
enum { SIZES = sizeof sizes / sizeof *sizes };

#define EACH_TABLE(vec) \
  for (const leat_vec *const *at_ = leat__vec_all(), *vec = *at_; vec; vec = *++at_)

// --- Element-wise -------------------------------------------------------------------------------
static void tables_agree_on_unary(void) {
  const leat_vec *first = leat__vec_all()[0];
  EACH_TABLE(vec)
  for (int s = 0; s < SIZES; s++)
    for (int k = 0; k < VEC_UNARY_COUNT; k++) {
      size_t n = sizes[s];
      float *x = wild_floats(n), *a = floats(n), *b = floats(n);
      first->unary_f32[k](a, x, n);
      vec->unary_f32[k](b, x, n);
      CHECK_MSG(same_f32(a, b, n), "%s and %s differ in f32 function %d", first->isa, vec->isa, k);
      vec->unary_f32[k](x, x, n);
      CHECK_MSG(same_f32(a, x, n), "%s f32 function %d in place", vec->isa, k);
      double *xd = wild_doubles(n), *ad = doubles(n), *bd = doubles(n);
      first->unary_f64[k](ad, xd, n);
      vec->unary_f64[k](bd, xd, n);
      CHECK_MSG(same_f64(ad, bd, n), "%s and %s differ in f64 function %d", first->isa, vec->isa,
                k);
      free(x), free(a), free(b), free(xd), free(ad), free(bd);
    }
}

static void tables_agree_on_binary(void) {
  const leat_vec *first = leat__vec_all()[0];
  EACH_TABLE(vec)
  for (int s = 0; s < SIZES; s++)
    for (int k = 0; k < VEC_BINARY_COUNT * 4; k++) {
      size_t n = sizes[s];
      int op = k / 4, xs = k & 1, ys = k >> 1 & 1;
      float *x = wild_floats(xs ? n : 1), *y = wild_floats(ys ? n : 1), *a = floats(n),
            *b = floats(n);
      first->binary_f32[op](a, x, xs, y, ys, n);
      vec->binary_f32[op](b, x, xs, y, ys, n);
      CHECK_MSG(same_f32(a, b, n), "%s and %s differ in f32 binary %d", first->isa, vec->isa, op);
      double *xd = wild_doubles(xs ? n : 1), *yd = wild_doubles(ys ? n : 1), *ad = doubles(n),
             *bd = doubles(n);
      first->binary_f64[op](ad, xd, xs, yd, ys, n);
      vec->binary_f64[op](bd, xd, xs, yd, ys, n);
      CHECK_MSG(same_f64(ad, bd, n), "%s and %s differ in f64 binary %d", first->isa, vec->isa, op);
      free(x), free(y), free(a), free(b), free(xd), free(yd), free(ad), free(bd);
    }
}

static float naive_max(float x, float y) {
  if (isnan(x) || isnan(y)) return NAN;
  return x == y ? (signbit(x) ? y : x) : x > y ? x : y;
}
static float naive_min(float x, float y) {
  if (isnan(x) || isnan(y)) return NAN;
  return x == y ? (signbit(x) ? x : y) : x < y ? x : y;
}

static void element_wise_match_c(void) {
  static float (*const rounds[])(float) = {floorf, ceilf, rintf, truncf};
  enum { N = 5000 };
  float *x = wild_floats(N), *y = wild_floats(N), out[N], want[N];
  uint8_t flags[N], expected[N];
  for (int i = 0; i < N; i += 3) y[i] = x[i];
  EACH_TABLE(vec) {
    for (int k = 0; k < 4; k++) {
      for (int i = 0; i < N; i++) want[i] = rounds[k](x[i]);
      vec->unary_f32[VEC_FLOOR + k](out, x, N);
      CHECK_MSG(same_f32(out, want, N), "%s rounding %d", vec->isa, k);
    }
    for (int i = 0; i < N; i++) want[i] = sqrtf(x[i]);
    vec->unary_f32[VEC_SQRT](out, x, N);
    CHECK_MSG(same_f32(out, want, N), "%s sqrt", vec->isa);
    for (int i = 0; i < N; i++) want[i] = naive_max(x[i], y[i]);
    vec->binary_f32[VEC_MAX](out, x, 1, y, 1, N);
    CHECK_MSG(same_f32(out, want, N), "%s max", vec->isa);
    for (int i = 0; i < N; i++) want[i] = naive_min(x[i], y[i]);
    vec->binary_f32[VEC_MIN](out, x, 1, y, 1, N);
    CHECK_MSG(same_f32(out, want, N), "%s min", vec->isa);
    for (int k = 0; k < VEC_COMPARE_COUNT * 4; k++) {
      int op = k / 4, xs = k & 1, ys = k >> 1 & 1;
      for (int i = 0; i < N; i++) {
        float a = x[xs ? i : 0], b = y[ys ? i : 0];
        expected[i] = op == VEC_EQ ? a == b : op == VEC_NE ? a != b : op == VEC_LT ? a < b : a <= b;
      }
      vec->compare_f32[op](flags, x, xs, y, ys, N);
      CHECK_MSG(memcmp(flags, expected, N) == 0, "%s compare %d strides %d %d", vec->isa, op, xs,
                ys);
    }
    for (int i = 0; i < N; i++) flags[i] = draw() & 1;
    for (int k = 0; k < 8; k++) {
      int ps = k & 1, xs = k >> 1 & 1, ys = k >> 2;
      for (int i = 0; i < N; i++) want[i] = flags[ps ? i : 0] ? x[xs ? i : 0] : y[ys ? i : 0];
      vec->select_f32(out, flags, ps, x, xs, y, ys, N);
      CHECK_MSG(same_f32(out, want, N), "%s select strides %d %d %d", vec->isa, ps, xs, ys);
    }
  }
  free(x), free(y);
}

// --- Reductions (clause N3), step by step -------------------------------------------------------
static float join_f32(int op, float x, float y) {
  return op == VEC_SUM    ? x + y
         : op == VEC_PROD ? x * y
         : op == VEC_RMAX ? naive_max(x, y)
                          : naive_min(x, y);
}
static const float identities[] = {-0.0f, 1, -INFINITY, INFINITY};

static float naive_reduce(int op, const float *x, ptrdiff_t step, size_t n) {
  float blocks[16], lane[16];
  size_t count = 0;
  if (n == 0) return op == VEC_SUM ? 0 : identities[op];
  for (size_t at = 0; at < n; at += 4096) {
    for (int i = 0; i < 16; i++) lane[i] = identities[op];
    for (size_t i = at; i < n && i < at + 4096; i++)
      lane[i % 16] = join_f32(op, lane[i % 16], x[(ptrdiff_t)i * step]);
    for (int half = 8; half > 0; half /= 2)
      for (int i = 0; i < half; i++) lane[i] = join_f32(op, lane[i], lane[i + half]);
    blocks[count++] = lane[0];
  }
  while (count > 1) {  // level by level; an odd last one moves up unchanged
    size_t next = 0;
    for (size_t i = 0; i < count; i += 2)
      blocks[next++] = i + 1 < count ? join_f32(op, blocks[i], blocks[i + 1]) : blocks[i];
    count = next;
  }
  return blocks[0];
}

static const size_t reduce_sizes[] = {0,     1,     2,     15,    16,   17,   31,
                                      33,    100,   4095,  4096,  4097, 8192, 8193,
                                      12289, 20480, 24577, 28672, 45000};
enum { REDUCE_SIZES = sizeof reduce_sizes / sizeof *reduce_sizes };

static void reductions_follow_the_tree(void) {
  EACH_TABLE(vec)
  for (int s = 0; s < REDUCE_SIZES; s++)
    for (int op = 0; op < VEC_REDUCE_COUNT; op++) {
      size_t n = reduce_sizes[s];
      float *x = floats(n);
      if (op == VEC_PROD)
        for (size_t i = 0; i < n; i++) x[i] = 1 + x[i] * 0.01f;
      float got = vec->reduce_f32[op](x, n), want = naive_reduce(op, x, 1, n);
      CHECK_MSG(same_f32(&got, &want, 1), "%s reduction %d of %zu: %a, want %a", vec->isa, op, n,
                got, want);
      free(x);
    }
}

static void reductions_of_special_values(void) {
  static const float cases[][3] = {
      {0, -0.0f, -0.0f}, {-0.0f, 0, 0}, {-0.0f, -0.0f, -0.0f},   {NAN, 1, 2},
      {1, 2, NAN},       {1, NAN, 2},   {INFINITY, -INFINITY, 1}};
  EACH_TABLE(vec)
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
    for (int op = 0; op < VEC_REDUCE_COUNT; op++)
      for (size_t pad = 0; pad < 40; pad += 13) {
        float x[43];
        for (size_t i = 0; i < pad; i++) x[i] = cases[k][0];
        memcpy(x + pad, cases[k], sizeof cases[k]);
        float got = vec->reduce_f32[op](x, pad + 3), want = naive_reduce(op, x, 1, pad + 3), col;
        vec->reduce_cols_f32[op](&col, x, 1, pad + 3, 1);
        CHECK_MSG(same_f32(&got, &want, 1), "%s reduction %d of case %zu", vec->isa, op, k);
        CHECK_MSG(same_f32(&col, &want, 1), "%s column reduction %d of case %zu", vec->isa, op, k);
      }
}

static void column_reductions_follow_the_tree(void) {
  static const size_t rows[] = {0, 1, 15, 16, 17, 100, 4096, 4097, 12289},
                      cols[] = {0, 1, 3, 8, 16, 17, 37};
  for (int r = 0; r < 9; r++)
    for (int c = 0; c < 7; c++) {
      ptrdiff_t row = (ptrdiff_t)cols[c] + 2;
      float *x = floats(rows[r] * (size_t)row);
      EACH_TABLE(vec)
      for (int op = 0; op < VEC_REDUCE_COUNT; op++) {
        float out[40], want[40];
        vec->reduce_cols_f32[op](out, x, row, rows[r], cols[c]);
        for (size_t j = 0; j < cols[c]; j++) want[j] = naive_reduce(op, x + j, row, rows[r]);
        CHECK_MSG(same_f32(out, want, cols[c]), "%s columns %d: %zu x %zu", vec->isa, op, rows[r],
                  cols[c]);
      }
      free(x);
    }
}

static double naive_sum_f64(const double *x, ptrdiff_t step, size_t n) {  // one block
  double lane[16];
  if (n == 0) return 0;
  for (int i = 0; i < 16; i++) lane[i] = -0.0;
  for (size_t i = 0; i < n; i++) lane[i % 16] += x[(ptrdiff_t)i * step];
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}

static void f64_reductions(void) {
  const leat_vec *first = leat__vec_all()[0];
  EACH_TABLE(vec)
  for (int s = 0; s < REDUCE_SIZES; s++) {
    size_t n = reduce_sizes[s];
    double *x = doubles(n), got[4], want[4];
    for (int op = 0; op < VEC_REDUCE_COUNT; op++) {
      got[op] = vec->reduce_f64[op](x, n);
      want[op] = first->reduce_f64[op](x, n);
      double a[3], b[3];
      vec->reduce_cols_f64[op](a, x, 3, n / 3, 3);
      first->reduce_cols_f64[op](b, x, 3, n / 3, 3);
      CHECK_MSG(same_f64(a, b, 3), "%s f64 columns %d of %zu", vec->isa, op, n);
    }
    CHECK_MSG(same_f64(got, want, 4), "%s f64 reductions of %zu", vec->isa, n);
    double sum = naive_sum_f64(x, 1, n), col;
    if (n <= 4096) CHECK_MSG(same_f64(&got[VEC_SUM], &sum, 1), "%s f64 sum of %zu", vec->isa, n);
    vec->reduce_cols_f64[VEC_SUM](&col, x, 1, n, 1);
    CHECK_MSG(same_f64(&col, &got[VEC_SUM], 1), "%s f64 column of %zu", vec->isa, n);
    free(x);
  }
}

// --- Dots (clause N2) ---------------------------------------------------------------------------
typedef struct shape {
  size_t m, n, k;
} shape;

static const shape shapes[] = {
    {0, 3, 4},   {3, 0, 4},    {3, 4, 0},   {1, 1, 1},     {1, 66, 100}, {40, 66, 100},
    {5, 1, 7},   {7, 2, 3},    {9, 3, 17},  {40, 100, 70}, {13, 40, 70}, {8, 48, 5},
    {17, 49, 6}, {11, 47, 33}, {2, 95, 16}, {3, 97, 129},  {6, 31, 300}, {23, 17, 15}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static float naive_chain(const float *a, ptrdiff_t a_step, const float *b, ptrdiff_t b_step,
                         size_t k) {
  float sum = 0;
  for (size_t p = 0; p < k; p++)
    sum = fmaf(a[(ptrdiff_t)p * a_step], b[(ptrdiff_t)p * b_step], sum);
  return sum;
}

static void check_chain(const leat_vec *vec, shape s, bool transposed) {
  ptrdiff_t a_row = transposed ? 1 : (ptrdiff_t)s.k + 1,
            a_col = transposed ? (ptrdiff_t)s.m + 2 : 1;
  ptrdiff_t b_row = (ptrdiff_t)s.n + (transposed ? 3 : 0), c_row = (ptrdiff_t)s.n + 1;
  float *a = floats((s.m + 2) * (s.k + 2)), *b = floats(s.k * (size_t)b_row),
        *c = floats(s.m * (size_t)c_row);
  float *want = room(s.m * (size_t)c_row * sizeof *want);
  memcpy(want, c, s.m * (size_t)c_row * sizeof *want);
  for (size_t i = 0; i < s.m; i++)
    for (size_t j = 0; j < s.n; j++)
      want[i * (size_t)c_row + j] = naive_chain(a + (ptrdiff_t)i * a_row, a_col, b + j, b_row, s.k);
  vec->dot_chain_f32(c, c_row, a, a_row, a_col, b, b_row, s.m, s.n, s.k);
  CHECK_MSG(memcmp(c, want, s.m * (size_t)c_row * sizeof *c) == 0, "%s chain %zu x %zu x %zu",
            vec->isa, s.m, s.n, s.k);
  free(a), free(b), free(c), free(want);
}

static void chains_match_naive(void) {
  EACH_TABLE(vec)
  for (int s = 0; s < SHAPES; s++) {
    check_chain(vec, shapes[s], false);
    check_chain(vec, shapes[s], true);
  }
}

// Where an epilogue puts results: v[0] is the matrix, d[0] the width of its rows. What it is given
// may be a line of whole rows.
static void take_end(void *const *v, const long long *d, const void *c, long c_row, long i,
                     long rows, long j, long cols) {
  float *to = v[0];
  for (long r = 0; r < rows; r++)
    for (long x = 0; x < cols; x++)
      to[(i + r) * (long)d[0] + j + x] += ((const float *)c)[r * c_row + x];
}

// how: bit 0 packed or turned b, 1 an epilogue, 2 over lines, 3 a turned.
static void check_dot(const leat_vec *vec, shape s, int how) {
  long m = (long)s.m, n = (long)s.n, k = (long)s.k;
  float *a = floats(s.m * s.k), *b = floats(s.k * s.n), *c = room(s.m * s.n * sizeof *c),
        *want = room(s.m * s.n * sizeof *want);
  float *scratch = room((size_t)leat__dot_scratch(n, k) * sizeof *scratch);
  memset(c, 0, s.m * s.n * sizeof *c);
  long long d[] = {n};
  void *v[] = {c};
  leat_dot dot = {.a = a, .b = b, .m = m, .n = n, .k = k, .c = how & 2 ? NULL : c, .c_row = n};
  dot.a_row = how & 8 ? 1 : k, dot.a_col = how & 8 ? m : 1;
  dot.b_row = how & 1 ? 1 : n, dot.b_col = how & 1 ? k : 1;
  if (how & 2) dot.end = take_end, dot.v = v, dot.d = d, dot.lines = (how & 4) != 0;
  for (long i = 0; i < m; i++)
    for (long j = 0; j < n; j++)
      want[i * n + j] =
          naive_chain(a + i * dot.a_row, dot.a_col, b + j * dot.b_col, dot.b_row, s.k);
  if (leat__dot_packs(&dot) || how & 1) {
    vec->dot_pack_f32(&dot, scratch);
    dot.b = scratch, dot.packed = 1;
  }
  vec->dot_f32(&dot);
  long bad = 0;
  for (long i = 0; i < m * n; i++)
    bad += !(c[i] == want[i] || (c[i] != c[i] && want[i] != want[i]));
  CHECK_MSG(bad == 0, "%s dot %zu x %zu x %zu, how %d: %ld differ", vec->isa, s.m, s.n, s.k, how,
            bad);
  free(a), free(b), free(c), free(want), free(scratch);
}

// Each result is given to the epilogue once: it adds.
static void dots_with_epilogues_match_naive(void) {
  static const shape more[] = {{150, 61, 400}, {33, 25, 1000}, {64, 128, 256}, {37, 256, 300}};
  EACH_TABLE(vec)
  for (int how = 0; how < 16; how++) {
    for (int s = 0; s < SHAPES; s++)
      if (shapes[s].m && shapes[s].n && shapes[s].k) check_dot(vec, shapes[s], how);
    for (int s = 0; s < 4; s++) check_dot(vec, more[s], how);
  }
}

static void f64_chains_match_naive(void) {
  EACH_TABLE(vec)
  for (int s = 0; s < SHAPES; s++) {
    size_t m = shapes[s].m, n = shapes[s].n, k = shapes[s].k;
    double *a = doubles(m * k), *b = doubles(k * n), *c = doubles(m * n), *want = doubles(m * n);
    for (size_t i = 0; i < m; i++)
      for (size_t j = 0; j < n; j++) {
        double sum = 0;
        for (size_t p = 0; p < k; p++) sum = fma(a[i * k + p], b[p * n + j], sum);
        want[i * n + j] = sum;
      }
    vec->dot_chain_f64(c, (ptrdiff_t)n, a, (ptrdiff_t)k, 1, b, (ptrdiff_t)n, m, n, k);
    CHECK_MSG(same_f64(c, want, m * n), "%s f64 chain %zu x %zu x %zu", vec->isa, m, n, k);
    free(a), free(b), free(c), free(want);
  }
}

static float naive_lanes16(const float *a, const float *b, size_t k) {
  float lane[16] = {0};
  for (size_t p = 0; p < k; p++) lane[p % 16] = fmaf(a[p], b[p], lane[p % 16]);
  for (int half = 8; half > 0; half /= 2)
    for (int i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}

static void lanes16_match_naive(void) {
  EACH_TABLE(vec)
  for (int s = 0; s < SHAPES; s++) {
    size_t m = shapes[s].m, n = shapes[s].n, k = shapes[s].k;
    float *a = floats(m * k), *b = floats(n * k), *c = floats(m * n), *want = floats(m * n);
    double *ad = doubles(m * k), *bd = doubles(n * k), *cd = doubles(m * n), *wide = doubles(m * n);
    for (size_t i = 0; i < m; i++)
      for (size_t j = 0; j < n; j++) {
        want[i * n + j] = naive_lanes16(a + i * k, b + j * k, k);
        double lane[16] = {0};
        for (size_t p = 0; p < k; p++)
          lane[p % 16] = fma(ad[i * k + p], bd[j * k + p], lane[p % 16]);
        for (int half = 8; half > 0; half /= 2)
          for (int q = 0; q < half; q++) lane[q] += lane[q + half];
        wide[i * n + j] = lane[0];
      }
    vec->dot_lanes16_f32(c, (ptrdiff_t)n, a, (ptrdiff_t)k, b, (ptrdiff_t)k, m, n, k);
    CHECK_MSG(same_f32(c, want, m * n), "%s lanes16 %zu x %zu x %zu", vec->isa, m, n, k);
    vec->dot_lanes16_f64(cd, (ptrdiff_t)n, ad, (ptrdiff_t)k, bd, (ptrdiff_t)k, m, n, k);
    CHECK_MSG(same_f64(cd, wide, m * n), "%s f64 lanes16 %zu x %zu x %zu", vec->isa, m, n, k);
    free(a), free(b), free(c), free(want), free(ad), free(bd), free(cd), free(wide);
  }
}

// A product that underflows to -0 leaves -0 in its lane; padding must not turn it into +0.
static void dots_keep_negative_zero(void) {
  float tiny = 0x1p-149f, minus = -0x1p-149f;
  EACH_TABLE(vec)
  for (size_t k = 1; k < 40; k++) {
    float a[40], b[40], c, want;
    for (size_t i = 0; i < k; i++) a[i] = tiny, b[i] = minus;
    want = naive_lanes16(a, b, k);
    vec->dot_lanes16_f32(&c, 1, a, 40, b, 40, 1, 1, k);
    CHECK_MSG(same_f32(&c, &want, 1), "%s lanes16 of %zu underflowing products", vec->isa, k);
    want = naive_chain(a, 1, b, 1, k);
    vec->dot_chain_f32(&c, 1, a, 40, 1, b, 1, 1, 1, k);
    CHECK_MSG(same_f32(&c, &want, 1), "%s chain of %zu underflowing products", vec->isa, k);
  }
}

// --- Small floats -------------------------------------------------------------------------------
static double f16_value(uint16_t h) {
  int exponent = h >> 10 & 31, fraction = h & 1023;
  double x = exponent == 31 ? (fraction ? NAN : INFINITY)
             : exponent     ? ldexp(1024 + fraction, exponent - 25)
                            : ldexp(fraction, -24);
  return h & 0x8000 ? -x : x;
}

static void f16_every_value(void) {
  static uint16_t in[65536], back[65536];
  static float wide[65536], want[65536];
  for (int i = 0; i < 65536; i++) in[i] = (uint16_t)i, want[i] = (float)f16_value((uint16_t)i);
  EACH_TABLE(vec) {
    vec->f16_to_f32(wide, in, 65536);
    CHECK_MSG(same_f32(wide, want, 65536), "%s f16 to f32", vec->isa);
    vec->f32_to_f16(back, wide, 65536);
    for (int i = 0; i < 65536; i++) {
      bool nan = (i & 0x7FFF) > 0x7C00;
      if (!CHECK_MSG(nan ? (back[i] & 0x7FFF) > 0x7C00 : back[i] == i,
                     "%s f16 %04x came back as %04x", vec->isa, i, back[i]))
        break;
    }
  }
}

// Halfway between neighbours goes to the even one; one f32 step off goes to the nearer one.
static void f16_ties(void) {
  EACH_TABLE(vec)
  for (int h = 0; h < 0x7C00; h++) {
    double low = f16_value((uint16_t)h), high = h == 0x7BFF ? 65536 : f16_value((uint16_t)(h + 1));
    float middle = (float)((low + high) / 2);
    float in[6] = {middle, nextafterf(middle, 0), nextafterf(middle, INFINITY)};
    uint16_t out[6], want[6] = {(uint16_t)(h + (h & 1)), (uint16_t)h, (uint16_t)(h + 1)};
    for (int i = 0; i < 3; i++) in[i + 3] = -in[i], want[i + 3] = want[i] | 0x8000;
    vec->f32_to_f16(out, in, 6);
    if (!CHECK_MSG(memcmp(out, want, sizeof out) == 0, "%s f16 rounding above %04x", vec->isa, h))
      break;
  }
}

static void bf16_rounds_to_even(void) {
  enum { N = 20000 };
  float *x = wild_floats(N), back[N], want[N];
  uint16_t out[N];
  for (int i = 0; i < N; i++) {
    uint32_t bits;
    memcpy(&bits, &x[i], 4);
    if (i % 4 == 0) bits = (bits & 0xFFFF0000) | 0x8000, memcpy(&x[i], &bits, 4);
    uint32_t low = bits & 0xFFFF, high = bits & 0xFFFF0000;
    if (!isnan(x[i]) && (low > 0x8000 || (low == 0x8000 && bits & 0x10000))) high += 0x10000;
    memcpy(&want[i], &high, 4);
    if (isnan(x[i])) want[i] = NAN;
  }
  EACH_TABLE(vec) {
    vec->f32_to_bf16(out, x, N);
    vec->bf16_to_f32(back, out, N);
    CHECK_MSG(same_f32(back, want, N), "%s bf16", vec->isa);
  }
  free(x);
}

static void small_floats_of_any_length(void) {
  const leat_vec *first = leat__vec_all()[0];
  EACH_TABLE(vec)
  for (int s = 0; s < SIZES; s++) {
    size_t n = sizes[s];
    float *x = floats(n), *a = floats(n), *b = floats(n);
    uint16_t *p = room(n * 2), *q = room(n * 2);
    first->f32_to_f16(p, x, n), vec->f32_to_f16(q, x, n);
    first->f16_to_f32(a, p, n), vec->f16_to_f32(b, p, n);
    CHECK_MSG(memcmp(p, q, n * 2) == 0 && same_f32(a, b, n), "%s f16 of %zu", vec->isa, n);
    first->f32_to_bf16(p, x, n), vec->f32_to_bf16(q, x, n);
    first->bf16_to_f32(a, p, n), vec->bf16_to_f32(b, p, n);
    CHECK_MSG(memcmp(p, q, n * 2) == 0 && same_f32(a, b, n), "%s bf16 of %zu", vec->isa, n);
    free(x), free(a), free(b), free(p), free(q);
  }
}

// --- Random numbers -----------------------------------------------------------------------------
// Random123's kat_vectors, lines "philox4x32 10".
static void philox_known_answers(void) {
  static const struct {
    uint32_t counter[4], key[2], out[4];
  } cases[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  EACH_TABLE(vec)
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint32_t out[4];
    const uint32_t *c = cases[i].counter;
    vec->philox(out, (uint64_t)c[0] * 4, 4, cases[i].key, c[1], c[2], c[3]);
    CHECK_MSG(memcmp(out, cases[i].out, sizeof out) == 0, "%s philox vector %zu", vec->isa, i);
  }
}

static void philox_any_piece(void) {
  enum { ALL = 400 };
  uint32_t all[ALL], key[2] = {7, 9};
  uint64_t base = 0x3FFFFFFFFull - 100;  // the counter word wraps on the way
  for (uint64_t i = 0; i < ALL; i++) leat__vec_all()[0]->philox(&all[i], base + i, 1, key, 1, 2, 3);
  EACH_TABLE(vec)
  for (size_t from = 0; from < 150; from += 7)
    for (size_t n = 0; n + from <= ALL; n += 1 + n / 3) {
      uint32_t out[ALL];
      vec->philox(out, base + from, n, key, 1, 2, 3);
      CHECK_MSG(memcmp(out, all + from, n * 4) == 0, "%s philox %zu words from %zu", vec->isa, n,
                from);
    }
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"tables_agree_on_unary", tables_agree_on_unary},
      {"tables_agree_on_binary", tables_agree_on_binary},
      {"element_wise_match_c", element_wise_match_c},
      {"reductions_follow_the_tree", reductions_follow_the_tree},
      {"reductions_of_special_values", reductions_of_special_values},
      {"column_reductions_follow_the_tree", column_reductions_follow_the_tree},
      {"f64_reductions", f64_reductions},
      {"chains_match_naive", chains_match_naive},
      {"f64_chains_match_naive", f64_chains_match_naive},
      {"lanes16_match_naive", lanes16_match_naive},
      {"dots_keep_negative_zero", dots_keep_negative_zero},
      {"dots_with_epilogues_match_naive", dots_with_epilogues_match_naive},
      {"f16_every_value", f16_every_value},
      {"f16_ties", f16_ties},
      {"bf16_rounds_to_even", bf16_rounds_to_even},
      {"small_floats_of_any_length", small_floats_of_any_length},
      {"philox_known_answers", philox_known_answers},
      {"philox_any_piece", philox_any_piece},
  };
  printf("# tables:");
  EACH_TABLE(vec) printf(" %s", vec->isa);
  printf("; chosen: %s\n", leat__vec()->isa);
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
