// Elementary functions: error in units in the last place against a wider reference, special values.
// SPDX-License-Identifier: Apache-2.0
//
// `engine_math --all [FUNCTION]` goes through all 2^32 inputs of each f32 function (about a minute
// each) and many more of each f64 function.
#include "test.h"

#include "engine/prelude.inc"
#include "engine/vec.h"

#include <math.h>

typedef struct function {
  const char *name;
  leat_vec_unary id;
  double (*f64)(double);
  long double (*wide)(long double);
  double bound;  // ulp, both precisions
} function;

static double sigmoid_f64(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }
static long double sigmoid_wide(long double x) {
  return x >= 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x));
}
static double rsqrt_f64(double x) { return x == 0 ? 1 / x : 1 / sqrt(x); }
static long double rsqrt_wide(long double x) { return x == 0 ? 1 / x : 1 / sqrtl(x); }

static const function functions[] = {
    {"exp", VEC_EXP, exp, expl, 2},
    {"expm1", VEC_EXPM1, expm1, expm1l, 2},
    {"log", VEC_LOG, log, logl, 2},
    {"log1p", VEC_LOG1P, log1p, log1pl, 2},
    {"tanh", VEC_TANH, tanh, tanhl, 2},
    {"sigmoid", VEC_SIGMOID, sigmoid_f64, sigmoid_wide, 2},
    {"erf", VEC_ERF, erf, erfl, 2},
    {"sin", VEC_SIN, sin, sinl, 2},
    {"cos", VEC_COS, cos, cosl, 2},
    {"atan", VEC_ATAN, atan, atanl, 2},
    {"rsqrt", VEC_RSQRT, rsqrt_f64, rsqrt_wide, 2},
    {"sqrt", VEC_SQRT, sqrt, sqrtl, 0.5},
};
enum {
  FUNCTIONS = sizeof functions / sizeof *functions,
  FUNCTION_SIN = 7,
  FUNCTION_COS = 8,
  CHUNK = 4096
};

static uint64_t state = 1;
static uint64_t draw(void) {  // splitmix64
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static double odd_ulps_f32(float got, double want) {  // zeros, infinities, NaN
  float near = (float)want;
  if (isnan(want)) return isnan(got) ? 0 : 1e9;
  if (isinf(near) || isinf(got)) {
    if (got == near) return 0;
    bool edge = fabs(want) > 0x1.fffffep127 || fabsf(got) >= 0x1.fffffep127f;
    return edge && !signbit(got) == !signbit(want) ? 1 : 1e9;
  }
  if (!signbit(got) != !signbit(want)) return 1e9;
  return fabs((double)got - want) * 0x1p149;
}

// Distance of got from want in ulps of want's f32 neighbourhood; a wrong special value is huge.
static double ulps_f32(float got, double want) {
  double error = fabs((double)got - want);
  if (got == 0 || want == 0 || !(error <= 0x1p127) || fabs(want) > 0x1.fffffep127)
    return odd_ulps_f32(got, want);
  uint64_t bits;
  memcpy(&bits, &want, 8);
  uint64_t exponent = bits >> 52 & 2047;
  bits = (2046 + 23 - (exponent < 897 ? 897 : exponent)) << 52;  // 1 / ulp
  double scale;
  memcpy(&scale, &bits, 8);
  return error * scale;
}

static double ulps_f64(double got, long double want) {
  double near = (double)want;
  if (isnan(near)) return isnan(got) ? 0 : 1e9;
  if (isinf(near) || isinf(got)) return got == near ? 0 : fabsl(want) > 1.79e308L ? 1 : 1e9;
  if (near == 0 && got == 0 && !signbit(got) != !signbit(near)) return 1e9;
  long double step = fabsl(want) < 0x1p-1022L ? 0x1p-1074L : ldexpl(1, ilogbl(want) - 52);
  return (double)(fabsl((long double)got - want) / step);
}

static double check_f32(const function *f, const float *in, int n, float *worst) {
  float out[CHUNK];
  double most = 0;
  leat__vec()->unary_f32[f->id](out, in, (size_t)n);
  for (int i = 0; i < n; i++) {
    double ulps = ulps_f32(out[i], f->f64(in[i]));
    if (ulps > most) most = ulps, *worst = in[i];
  }
  return most;
}

static void report(const char *name, const char *type, double most, double at, double bound) {
  printf("# %-8s %s  max %.3f ulp at %a\n", name, type, most, at);
  CHECK_MSG(most <= bound, "%s %s: %.3f ulp at %a, bound %g", name, type, most, at, bound);
}

// Every 1,021st bit pattern, all exponents, and the neighbours of special values.
static void f32_within_bound(void) {
  for (int k = 0; k < FUNCTIONS; k++) {
    double most = 0;
    float in[CHUNK], worst = 0, at = 0;
    uint64_t next = 0;
    while (next < 1ull << 32) {
      int n = 0;
      for (; n < CHUNK && next < 1ull << 32; next += 1021, n++) {
        uint32_t bits = (uint32_t)next;
        memcpy(&in[n], &bits, 4);
      }
      double ulps = check_f32(&functions[k], in, n, &worst);
      if (ulps > most) most = ulps, at = worst;
    }
    static const float specials[] = {0,
                                     -0.0f,
                                     1,
                                     -1,
                                     INFINITY,
                                     -INFINITY,
                                     NAN,
                                     0x1p-149f,
                                     -0x1p-149f,
                                     0x1p-126f,
                                     0x1.fffffep-127f,
                                     0x1.fffffep127f,
                                     -0x1.fffffep127f,
                                     88.72284f,
                                     88.8f,
                                     -103.9f,
                                     -104.5f,
                                     0.93f,
                                     0x1.921fb6p+0f,
                                     0x1.921fb6p+1f,
                                     8192.0f,
                                     8193.0f,
                                     1e10f,
                                     0x1p100f,
                                     0.625f};
    for (int i = 0; i < (int)(sizeof specials / sizeof *specials); i++) {
      uint32_t bits;
      memcpy(&bits, &specials[i], 4);
      for (int d = -8; d <= 8; d++) {
        uint32_t near = bits + (uint32_t)d;
        memcpy(&in[d + 8], &near, 4);
      }
      double ulps = check_f32(&functions[k], in, 17, &worst);
      if (ulps > most) most = ulps, at = worst;
    }
    report(functions[k].name, "f32", most, at, functions[k].bound);
  }
}

// Where the reduction cancels most: the floats beside multiples of pi/2, and the worst cases known.
static void f32_beside_quarter_turns(void) {
  double most = 0;
  float in[CHUNK], worst = 0, at = 0;
  for (int k = 0; k < 2; k++, most = 0) {
    const function *f = &functions[k ? FUNCTION_COS : FUNCTION_SIN];
    for (int chunk = 0; chunk < 200; chunk++) {
      for (int i = 0; i < CHUNK; i += 4) {
        int64_t turns = chunk * (CHUNK / 4) + i / 4;
        if (chunk > 50) turns = (int64_t)(draw() >> (24 + chunk % 32));
        float x = (float)((double)turns * 0x1.921fb54442d18p+0);
        in[i] = x, in[i + 1] = nextafterf(x, 0), in[i + 2] = nextafterf(x, INFINITY),
        in[i + 3] = -x;
      }
      double ulps = check_f32(f, in, CHUNK, &worst);
      if (ulps > most) most = ulps, at = worst;
    }
    report(f->name, "f32", most, at, f->bound);
  }
}

static double check_f64(const function *f, const double *in, int n, double *worst) {
  double out[CHUNK], most = 0;
  leat__vec()->unary_f64[f->id](out, in, (size_t)n);
  for (int i = 0; i < n; i++) {
    double ulps = ulps_f64(out[i], f->wide(in[i]));
    if (ulps > most) most = ulps, *worst = in[i];
  }
  return most;
}

// Kinds of inputs: all exponents, up to some thousand, close to 1, a few units, tiny, near quarter
// turns.
static double draw_f64(int kind) {
  uint64_t bits = draw();
  double x = (double)(int64_t)bits * 0x1p-63;
  switch (kind % 6) {
    case 0: memcpy(&x, &bits, 8); return x;
    case 1: return ldexp(x, (int)(draw() % 13));
    case 2: return 1 + ldexp(x, -(int)(draw() % 40));
    case 3: return x * 8;
    case 4: return ldexp(x, -(int)(draw() % 60));
    default:
      x = rint(ldexp(x, (int)(draw() % 60))) * 0x1.921fb54442d18p+0;
      return nextafter(x, (double)(bits & 3) - 1.5);
  }
}

static void f64_samples(int chunks, const char *name) {
  static const double specials[] = {0,
                                    -0.0,
                                    INFINITY,
                                    -INFINITY,
                                    NAN,
                                    0x1p-1074,
                                    -0x1p-1074,
                                    0x1p-1022,
                                    0x1.fffffffffffffp1023,
                                    -0x1.fffffffffffffp1023,
                                    709.782712893384,
                                    709.79,
                                    710.1,
                                    -745.13,
                                    -745.14,
                                    -746.5,
                                    -708.4,
                                    0x1p19,
                                    0x1.6ac5b262ca1ffp+849,
                                    -0x1.6ac5b262ca1ffp+849,
                                    0x1.7ffffffffffffp+1023,
                                    0.93,
                                    2.5,
                                    5.9,
                                    6.1,
                                    0.625};
  for (int k = 0; k < FUNCTIONS; k++) {
    double most = 0, worst = 0, at = 0, in[CHUNK];
    if (name && strcmp(name, functions[k].name) != 0) continue;
    for (int chunk = 0; chunk < chunks; chunk++) {
      for (int i = 0; i < CHUNK; i++) in[i] = draw_f64(chunk);
      for (size_t i = 0; chunk == 0 && i < sizeof specials / sizeof *specials; i++) {
        in[3 * i] = specials[i];
        in[3 * i + 1] = nextafter(specials[i], -INFINITY);
        in[3 * i + 2] = nextafter(specials[i], INFINITY);
      }
      double ulps = check_f64(&functions[k], in, CHUNK, &worst);
      if (ulps > most) most = ulps, at = worst;
    }
    report(functions[k].name, "f64", most, at, functions[k].bound);
  }
}

// Against long double: 64 bits of mantissa on x86-64, 113 on AArch64.
static void f64_within_bound(void) {
  if (sizeof(long double) > sizeof(double))
    f64_samples(96, NULL);
  else
    SKIP("long double is no wider than double here");
}

static const char *only;  // the function that --all names

static void all_f32(void) {
  for (int k = 0; k < FUNCTIONS; k++) {
    double most = 0;
    float in[CHUNK], worst = 0, at = 0;
    if (only && strcmp(only, functions[k].name) != 0) continue;
    for (uint64_t base = 0; base < 1ull << 32; base += CHUNK) {
      for (int i = 0; i < CHUNK; i++) {
        uint32_t bits = (uint32_t)base + (uint32_t)i;
        memcpy(&in[i], &bits, 4);
      }
      double ulps = check_f32(&functions[k], in, CHUNK, &worst);
      if (ulps > most) most = ulps, at = worst;
    }
    report(functions[k].name, "f32", most, at, functions[k].bound);
  }
}
static void many_f64(void) { f64_samples(12000, only); }

// Kinds of pairs: any bits, whole powers, moderate ones, bases close to 1, and results spread
// evenly from the smallest subnormal to the largest number.
static void draw_pow_f32(int kind, float *x, float *y) {
  uint32_t a = (uint32_t)draw(), b = (uint32_t)draw();
  memcpy(x, &a, 4);
  memcpy(y, &b, 4);
  switch (kind % 5) {
    case 1: *y = (float)(int)(b % 64) - 32; break;
    case 2: *y = (float)ldexp((int)b, -25), *x = fabsf(*x); break;
    case 3:
      *x = 1 + (float)ldexp((int)a, -32 - (int)(b % 24)),
      *y = (float)ldexp((int)b, -23 + (int)(a % 24));
      break;
    case 4: *x = fabsf(*x), *y = (float)(ldexp(b, -32) * 282 - 152) / log2f(*x); break;
    default: break;
  }
}
static void draw_pow_f64(int kind, double *x, double *y) {
  uint64_t a = draw(), b = draw();
  memcpy(x, &a, 8);
  memcpy(y, &b, 8);
  switch (kind % 5) {
    case 1: *y = (double)(int)(b % 64) - 32; break;
    case 2: *x = ldexp((double)(a >> 11), -50), *y = ldexp((double)(int64_t)b, -56); break;
    case 3:
      *x = 1 + ldexp((double)(int64_t)a, -64 - (int)(b % 50)),
      *y = ldexp((double)(int64_t)b, -54 + (int)(a % 50));
      break;
    case 4: *x = fabs(*x), *y = (ldexp((double)b, -64) * 2106 - 1078) / log2(*x); break;
    default: break;
  }
}

static void pow_samples(int chunks) {
  double most = 0, at_x = 0, at_y = 0;
  for (int chunk = 0; chunk < chunks; chunk++) {
    float x[CHUNK], y[CHUNK], out[CHUNK];
    for (int i = 0; i < CHUNK; i++) draw_pow_f32(chunk, &x[i], &y[i]);
    leat__vec()->binary_f32[VEC_POW](out, x, 1, y, 1, CHUNK);
    for (int i = 0; i < CHUNK; i++) {
      double ulps = ulps_f32(out[i], pow(x[i], y[i]));
      if (ulps > most) most = ulps, at_x = x[i], at_y = y[i];
    }
  }
  printf("# pow      f32  max %.3f ulp at %a, %a\n", most, at_x, at_y);
  CHECK_MSG(most <= 2, "pow f32: %.3f ulp at %a, %a", most, at_x, at_y);
  most = 0;
  for (int chunk = 0; chunk < chunks / 2 && sizeof(long double) > sizeof(double); chunk++) {
    double x[CHUNK], y[CHUNK], out[CHUNK];
    for (int i = 0; i < CHUNK; i++) draw_pow_f64(chunk, &x[i], &y[i]);
    leat__vec()->binary_f64[VEC_POW](out, x, 1, y, 1, CHUNK);
    for (int i = 0; i < CHUNK; i++) {
      double ulps = ulps_f64(out[i], powl(x[i], y[i]));
      if (ulps > most) most = ulps, at_x = x[i], at_y = y[i];
    }
  }
  printf("# pow      f64  max %.3f ulp at %a, %a\n", most, at_x, at_y);
  CHECK_MSG(most <= 2, "pow f64: %.3f ulp at %a, %a", most, at_x, at_y);
}
static void pow_within_bound(void) { pow_samples(250); }
static void many_pow(void) { pow_samples(25000); }

// C99 F.9.4.4, by the library as the oracle for every pair of special values.
static void pow_special_values(void) {
  static const double s[] = {0,         -0.0, 1,     -1,       2,        -2,        3,   -3,
                             0.5,       -0.5, 1.5,   -1.5,     INFINITY, -INFINITY, NAN, 0x1p-149,
                             -0x1p-149, 1e30, -1e30, 16777215, 16777216, -16777217};
  int n = sizeof s / sizeof *s;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) {
      float x = (float)s[i], y = (float)s[j], out;
      double wide;
      leat__vec()->binary_f32[VEC_POW](&out, &x, 1, &y, 1, 1);
      leat__vec()->binary_f64[VEC_POW](&wide, &s[i], 1, &s[j], 1, 1);
      CHECK_MSG(ulps_f32(out, pow(x, y)) <= 2, "f32 pow(%g, %g) = %g", x, y, out);
      CHECK_MSG(ulps_f64(wide, powl(s[i], s[j])) <= 2, "f64 pow(%g, %g) = %g", s[i], s[j], wide);
    }
}

// --- The software multiply-add, against the C library's -----------------------------------------
// Exponents of the product and the addend close together, so that bits meet; some at the far ends.
static double fma_operand(int exponent) {
  uint64_t r = draw();
  double x = ldexp((double)(r >> 11 | 1ull << 52), exponent - 52);
  if ((r & 7) == 0) x = ldexp(1, exponent);                       // long runs of zeros
  if ((r & 7) == 1) x = ldexp(0x1.fffffffffffffp0, exponent);     // of ones
  if ((r & 7) == 2) x = ldexp((double)(r >> 40), exponent - 23);  // few bits
  return r & 8 ? -x : x;
}

static bool same_f64(double x, double y) {
  return (x != x && y != y) || memcmp(&x, &y, sizeof x) == 0;
}
static bool same_f32(float x, float y) {
  return (x != x && y != y) || memcmp(&x, &y, sizeof x) == 0;
}

static void check_fma(double a, double b, double c) {
  double want = fma(a, b, c), got = leat_soft_fma_f64(a, b, c);
  CHECK_MSG(same_f64(got, want), "f64 fma(%a, %a, %a) = %a, want %a", a, b, c, got, want);
  float x = (float)a, y = (float)b, z = (float)c, narrow = leat_soft_fma_f32(x, y, z);
  CHECK_MSG(same_f32(narrow, fmaf(x, y, z)), "f32 fma(%a, %a, %a) = %a, want %a", x, y, z, narrow,
            fmaf(x, y, z));
}

static void soft_fma_is_exact(void) {
  static const double special[] = {0,
                                   -0.0,
                                   1,
                                   -1,
                                   INFINITY,
                                   -INFINITY,
                                   NAN,
                                   0x1p-1074,
                                   -0x1p-1074,
                                   0x1p-1022,
                                   0x1.fffffffffffffp1023,
                                   -0x1.fffffffffffffp1023,
                                   0x1p-537,
                                   0x1p-149,
                                   -0x1p-149,
                                   0x1p-75,
                                   0x1.fffffep127,
                                   -0x1.fffffep127,
                                   0x1.000002p0,
                                   0x1.000002p-127,
                                   3,
                                   0.1};
  int n = sizeof special / sizeof *special;
  for (int i = 0; i < n * n * n; i++)
    check_fma(special[i % n], special[i / n % n], special[i / n / n]);
  for (int i = 0; i < 3000000 && test_failures < 10; i++) {
    static const int ranges[][2] = {{0, 40},  {0, 300},  {-500, 80}, {-540, 12},
                                    {510, 8}, {-60, 20}, {-72, 8},   {63, 4}};
    const int *range = ranges[i % 8];
    int ea = range[0] + (int)(draw() % (unsigned)range[1]),
        eb = range[0] + (int)(draw() % (unsigned)range[1]);
    double a = fma_operand(ea), b = fma_operand(eb),
           c = fma_operand(ea + eb + (int)(draw() % 130) - 65);
    if (draw() % 4 == 0) c = -(a * b);  // all but the last bits cancel
    if (draw() % 8 == 0) c = nextafter(-(a * b), INFINITY);
    check_fma(a, b, c);
  }
}

static void soft_fma_any_bits(void) {
  for (int i = 0; i < 1000000 && test_failures < 10; i++) {
    uint64_t bits[3] = {draw(), draw(), draw()};
    double x[3];
    float y[3];
    memcpy(x, bits, sizeof x);
    memcpy(y, bits, sizeof y);
    CHECK(same_f64(leat_soft_fma_f64(x[0], x[1], x[2]), fma(x[0], x[1], x[2])));
    CHECK(same_f32(leat_soft_fma_f32(y[0], y[1], y[2]), fmaf(y[0], y[1], y[2])));
    vf v = vf_fma(vf_all(y[0]), vf_all(y[1]), vf_all(y[2]));  // what this file's flags give
    CHECK(same_f32(v[VF_LANES - 1], fmaf(y[0], y[1], y[2])));
  }
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"soft_fma_is_exact", soft_fma_is_exact},
      {"soft_fma_any_bits", soft_fma_any_bits},
      {"f32_within_bound", f32_within_bound},
      {"f32_beside_quarter_turns", f32_beside_quarter_turns},
      {"f64_within_bound", f64_within_bound},
      {"pow_within_bound", pow_within_bound},
      {"pow_special_values", pow_special_values},
  };
  static const test all[] = {{"all_f32", all_f32}, {"many_f64", many_f64}, {"many_pow", many_pow}};
  if (argc > 1 && strcmp(argv[1], "--all") == 0) {
    only = argc > 2 ? argv[2] : NULL;
    return test_main(1, argv, all, only ? 2 : 3);
  }
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
