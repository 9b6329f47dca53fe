// Element-wise kernels: strided operands are walked in runs, each run in one typed inner loop.
// SPDX-License-Identifier: Apache-2.0
#include "engine/eval.h"
#include "engine/vec.h"

#include <math.h>

typedef void (*binary_fn)(void *out, const void *x, int xs, const void *y, int ys, size_t n);
typedef void (*compare_fn)(uint8_t *out, const void *x, int xs, const void *y, int ys, size_t n);
typedef void (*unary_fn)(void *out, const void *x, size_t n);

enum {
  B_ADD,
  B_SUB,
  B_MUL,
  B_DIV,
  B_REM,
  B_POW,
  B_MAX,
  B_MIN,
  B_AND,
  B_OR,
  B_XOR,
  B_SHL,
  B_SHR,
  B_COUNT
};
enum { U_NEG, U_ABS, U_SIGN, U_NOT, U_COUNT };

typedef struct elem_table {
  binary_fn binary[B_COUNT];
  compare_fn compare[4];
  unary_fn unary[U_COUNT];
} elem_table;

#define T int8_t
#define UT uint8_t
#define SIGNED 1
#define NAME(op) i8_##op
#include "engine/elem_tmpl.c"
#define T int16_t
#define UT uint16_t
#define SIGNED 1
#define NAME(op) i16_##op
#include "engine/elem_tmpl.c"
#define T int32_t
#define UT uint32_t
#define SIGNED 1
#define NAME(op) i32_##op
#include "engine/elem_tmpl.c"
#define T int64_t
#define UT uint64_t
#define SIGNED 1
#define NAME(op) i64_##op
#include "engine/elem_tmpl.c"
#define T uint8_t
#define UT uint8_t
#define SIGNED 0
#define NAME(op) u8_##op
#include "engine/elem_tmpl.c"
#define T uint16_t
#define UT uint16_t
#define SIGNED 0
#define NAME(op) u16_##op
#include "engine/elem_tmpl.c"
#define T uint32_t
#define UT uint32_t
#define SIGNED 0
#define NAME(op) u32_##op
#include "engine/elem_tmpl.c"
#define T uint64_t
#define UT uint64_t
#define SIGNED 0
#define NAME(op) u64_##op
#include "engine/elem_tmpl.c"

static const elem_table *integer_table(leat_dtype dtype) {
  switch (dtype) {
    case LEAT_DTYPE_I8: return &i8_table;
    case LEAT_DTYPE_I16: return &i16_table;
    case LEAT_DTYPE_I32: return &i32_table;
    case LEAT_DTYPE_I64: return &i64_table;
    case LEAT_DTYPE_U16: return &u16_table;
    case LEAT_DTYPE_U32: return &u32_table;
    case LEAT_DTYPE_U64: return &u64_table;
    default: return &u8_table;  // u8, and bool for and, or, xor, eq, ne
  }
}

// --- Runs ---------------------------------------------------------------------------------------
// A strided run is brought to contiguous pieces of this many elements.
enum { PIECE = 1024 };

static void pick_up(void *to, const char *from, int64_t step, size_t n, size_t width) {
  char *out = to;
  switch (width) {
    case 4:
      for (size_t i = 0; i < n; i++) memcpy(out + 4 * i, from + (int64_t)i * step * 4, 4);
      break;
    case 8:
      for (size_t i = 0; i < n; i++) memcpy(out + 8 * i, from + (int64_t)i * step * 8, 8);
      break;
    default:
      for (size_t i = 0; i < n; i++)
        memcpy(out + width * i, from + (int64_t)i * step * (int64_t)width, width);
  }
}

typedef struct operand {
  const char *data;
  int64_t step;  // 0, 1 or any
  size_t width;
  leat_dtype small;  // f16 or bf16: widened to f32 piece by piece; else NONE
  char *piece;       // room for PIECE elements, during a run
} operand;

static void widen(leat_dtype dtype, float *out, const void *x, size_t n) {
  const leat_vec *vec = leat__vec();
  (dtype == LEAT_DTYPE_F16 ? vec->f16_to_f32 : vec->bf16_to_f32)(out, x, n);
}

static void narrow(leat_dtype dtype, void *out, const float *x, size_t n) {
  const leat_vec *vec = leat__vec();
  (dtype == LEAT_DTYPE_F16 ? vec->f32_to_f16 : vec->f32_to_bf16)(out, x, n);
}

// The n elements from `at` on as something an inner loop reads with stride 0 or 1.
static const void *piece_of(operand *o, int64_t offset, size_t at, size_t n) {
  const char *from = o->data + (offset + (int64_t)at * o->step) * (int64_t)o->width;
  size_t count = o->step == 0 ? 1 : n;
  if (o->small) {
    uint16_t raw[PIECE];
    pick_up(raw, from, o->step, count, 2);
    widen(o->small, (float *)(void *)o->piece, raw, count);
    return o->piece;
  }
  if (o->step == 0 || o->step == 1) return from;
  pick_up(o->piece, from, o->step, n, o->width);
  return o->piece;
}

static leat_dtype small_of(leat_dtype dtype) {
  return dtype == LEAT_DTYPE_F16 || dtype == LEAT_DTYPE_BF16 ? dtype : LEAT_DTYPE_NONE;
}

typedef struct elem_run {
  leat_loop loop;
  operand in[3];
  int count;
  char *out;  // advances with the runs: results are dense
  size_t out_width;
  leat_dtype out_small;
  void (*inner)(struct elem_run *run, void *out, const void *const *in, const int *step, size_t n);
  binary_fn binary;
  compare_fn compare;
  unary_fn unary;
  size_t select_width;
} elem_run;

static void one_run(void *ctx, const int64_t *offsets) {
  elem_run *run = ctx;
  size_t n = (size_t)leat__loop_inner(&run->loop);
  bool whole = !run->out_small;
  for (int k = 0; k < run->count; k++)
    whole &= !run->in[k].small && (run->in[k].step == 0 || run->in[k].step == 1);
  size_t most = whole ? n : PIECE;
  float wide[PIECE];
  _Alignas(64) char pieces[3][PIECE * 8];
  for (int k = 0; k < run->count; k++) run->in[k].piece = pieces[k];
  for (size_t at = 0; at < n; at += most) {
    size_t part = n - at < most ? n - at : most;
    const void *in[3];
    int step[3];
    for (int k = 0; k < run->count; k++) {
      in[k] = piece_of(&run->in[k], offsets[k], at, part);
      step[k] = run->in[k].step != 0;
    }
    run->inner(run, run->out_small ? (void *)wide : run->out, in, step, part);
    if (run->out_small) narrow(run->out_small, run->out, wide, part);
    run->out += part * run->out_width;
  }
}

// Walks the operands `in[0..count)` of a call over their common shape into result 0.
static leat_status run_elements(leat_call *c, elem_run *run, leat_tensor *const *in, int count) {
  const leat_tensor *shape = in[0];
  const int64_t *strides[LEAT_MAX_OPERANDS];
  for (int k = 0; k < count; k++) strides[k] = in[k]->strides;
  leat__loop_init(&run->loop, shape->rank, shape->dims, count, strides);
  run->count = count;
  for (int k = 0; k < count; k++) {
    run->in[k].data = in[k]->data;
    run->in[k].step = leat__loop_step(&run->loop, k);
    run->in[k].width = leat_dtype_bytes(in[k]->dtype);
    run->in[k].small = small_of(in[k]->dtype);
  }
  if (run->loop.rank == 0)
    for (int k = 0; k < count; k++) run->in[k].step = 1;
  leat_dtype out = c->out[0]->dtype;
  run->out = c->out[0]->data;
  run->out_width = leat_dtype_bytes(out);
  if (shape->count) leat__loop_run(&run->loop, one_run, run);
  return LEAT_OK;
}

// --- Unary --------------------------------------------------------------------------------------
static void inner_unary(elem_run *run, void *out, const void *const *in, const int *step,
                        size_t n) {
  if (step[0]) {
    run->unary(out, in[0], n);
    return;
  }
  // One repeated element: compute it once.
  size_t width = run->out_small ? 4 : run->out_width;
  run->unary(out, in[0], 1);
  for (size_t i = 1; i < n; i++) memcpy((char *)out + i * width, out, width);
}

static void sign_f32(void *out, const void *x, size_t n) {
  float *o = out;
  const float *p = x;
  for (size_t i = 0; i < n; i++) o[i] = p[i] > 0 ? 1 : p[i] < 0 ? -1 : p[i];
}

static void sign_f64(void *out, const void *x, size_t n) {
  double *o = out;
  const double *p = x;
  for (size_t i = 0; i < n; i++) o[i] = p[i] > 0 ? 1 : p[i] < 0 ? -1 : p[i];
}

static void not_bool(void *out, const void *x, size_t n) {
  uint8_t *o = out;
  const uint8_t *p = x;
  for (size_t i = 0; i < n; i++) o[i] = !p[i];
}

static leat_status run_unary(leat_call *c, unary_fn fn) {
  leat_status status = leat__call_reuse(c, 0, 0);
  if (status) return status;
  elem_run run = {.inner = inner_unary, .unary = fn};
  run.out_small = small_of(c->out[0]->dtype);
  return run_elements(c, &run, c->in, 1);
}

static leat_status float_unary(leat_call *c, leat_vec_unary id) {
  const leat_vec *vec = leat__vec();
  bool wide = c->in[0]->dtype == LEAT_DTYPE_F64;
  return run_unary(c, wide ? (unary_fn)vec->unary_f64[id] : (unary_fn)vec->unary_f32[id]);
}

leat_status leat__eval_floor(leat_call *c) { return float_unary(c, VEC_FLOOR); }
leat_status leat__eval_ceil(leat_call *c) { return float_unary(c, VEC_CEIL); }
leat_status leat__eval_round(leat_call *c) { return float_unary(c, VEC_ROUND); }
leat_status leat__eval_trunc(leat_call *c) { return float_unary(c, VEC_TRUNC); }
leat_status leat__eval_sqrt(leat_call *c) { return float_unary(c, VEC_SQRT); }
leat_status leat__eval_rsqrt(leat_call *c) { return float_unary(c, VEC_RSQRT); }
leat_status leat__eval_exp(leat_call *c) { return float_unary(c, VEC_EXP); }
leat_status leat__eval_expm1(leat_call *c) { return float_unary(c, VEC_EXPM1); }
leat_status leat__eval_log(leat_call *c) { return float_unary(c, VEC_LOG); }
leat_status leat__eval_log1p(leat_call *c) { return float_unary(c, VEC_LOG1P); }
leat_status leat__eval_tanh(leat_call *c) { return float_unary(c, VEC_TANH); }
leat_status leat__eval_sigmoid(leat_call *c) { return float_unary(c, VEC_SIGMOID); }
leat_status leat__eval_erf(leat_call *c) { return float_unary(c, VEC_ERF); }
leat_status leat__eval_sin(leat_call *c) { return float_unary(c, VEC_SIN); }
leat_status leat__eval_cos(leat_call *c) { return float_unary(c, VEC_COS); }
leat_status leat__eval_atan(leat_call *c) { return float_unary(c, VEC_ATAN); }

static leat_status any_unary(leat_call *c, int id, leat_vec_unary vec_id) {
  leat_dtype dtype = c->in[0]->dtype;
  if (leat_dtype_is_float(dtype)) return float_unary(c, vec_id);
  return run_unary(c, integer_table(dtype)->unary[id]);
}

leat_status leat__eval_neg(leat_call *c) { return any_unary(c, U_NEG, VEC_NEG); }
leat_status leat__eval_abs(leat_call *c) { return any_unary(c, U_ABS, VEC_ABS); }

leat_status leat__eval_sign(leat_call *c) {
  leat_dtype dtype = c->in[0]->dtype;
  if (dtype == LEAT_DTYPE_F64) return run_unary(c, sign_f64);
  if (leat_dtype_is_float(dtype)) return run_unary(c, sign_f32);
  return run_unary(c, integer_table(dtype)->unary[U_SIGN]);
}

leat_status leat__eval_not(leat_call *c) {
  leat_dtype dtype = c->in[0]->dtype;
  return run_unary(c, dtype == LEAT_DTYPE_BOOL ? not_bool : integer_table(dtype)->unary[U_NOT]);
}

leat_status leat__eval_stop_gradient(leat_call *c) {
  c->out[0] = leat_tensor_ref(c->in[0]);
  return LEAT_OK;
}

// --- Binary -------------------------------------------------------------------------------------
static void inner_binary(elem_run *run, void *out, const void *const *in, const int *step,
                         size_t n) {
  run->binary(out, in[0], step[0], in[1], step[1], n);
}

static void rem_f32(void *out, const void *x, int xs, const void *y, int ys, size_t n) {
  for (size_t i = 0; i < n; i++)
    ((float *)out)[i] = fmodf(((const float *)x)[xs ? i : 0], ((const float *)y)[ys ? i : 0]);
}

static void rem_f64(void *out, const void *x, int xs, const void *y, int ys, size_t n) {
  for (size_t i = 0; i < n; i++)
    ((double *)out)[i] = fmod(((const double *)x)[xs ? i : 0], ((const double *)y)[ys ? i : 0]);
}

static binary_fn binary_of(leat_dtype dtype, int id) {
  static const int8_t vec_ids[B_COUNT] = {
      [B_ADD] = VEC_ADD, [B_SUB] = VEC_SUB, [B_MUL] = VEC_MUL, [B_DIV] = VEC_DIV,
      [B_POW] = VEC_POW, [B_MAX] = VEC_MAX, [B_MIN] = VEC_MIN};
  const leat_vec *vec = leat__vec();
  if (!leat_dtype_is_float(dtype)) return integer_table(dtype)->binary[id];
  if (id == B_REM) return dtype == LEAT_DTYPE_F64 ? rem_f64 : rem_f32;
  return dtype == LEAT_DTYPE_F64 ? (binary_fn)vec->binary_f64[vec_ids[id]]
                                 : (binary_fn)vec->binary_f32[vec_ids[id]];
}

static leat_status run_binary(leat_call *c, int id) {
  leat_status status = leat__call_reuse(c, 0, leat__call_can_reuse(c, 0, 0) ? 0 : 1);
  if (status) return status;
  elem_run run = {.inner = inner_binary, .binary = binary_of(c->in[0]->dtype, id)};
  run.out_small = small_of(c->out[0]->dtype);
  return run_elements(c, &run, c->in, 2);
}

leat_status leat__eval_add(leat_call *c) { return run_binary(c, B_ADD); }
leat_status leat__eval_sub(leat_call *c) { return run_binary(c, B_SUB); }
leat_status leat__eval_mul(leat_call *c) { return run_binary(c, B_MUL); }
leat_status leat__eval_div(leat_call *c) { return run_binary(c, B_DIV); }
leat_status leat__eval_rem(leat_call *c) { return run_binary(c, B_REM); }
leat_status leat__eval_pow(leat_call *c) { return run_binary(c, B_POW); }
leat_status leat__eval_max(leat_call *c) { return run_binary(c, B_MAX); }
leat_status leat__eval_min(leat_call *c) { return run_binary(c, B_MIN); }
leat_status leat__eval_and(leat_call *c) { return run_binary(c, B_AND); }
leat_status leat__eval_or(leat_call *c) { return run_binary(c, B_OR); }
leat_status leat__eval_xor(leat_call *c) { return run_binary(c, B_XOR); }
leat_status leat__eval_shl(leat_call *c) { return run_binary(c, B_SHL); }
leat_status leat__eval_shr(leat_call *c) { return run_binary(c, B_SHR); }

// --- Comparisons --------------------------------------------------------------------------------
static void inner_compare(elem_run *run, void *out, const void *const *in, const int *step,
                          size_t n) {
  run->compare(out, in[0], step[0], in[1], step[1], n);
}

#define COMPARE_F64(name, op)                                                                  \
  static void name##_f64(uint8_t *o, const void *x, int xs, const void *y, int ys, size_t n) { \
    const double *p = x, *q = y;                                                               \
    for (size_t i = 0; i < n; i++) o[i] = p[xs ? i : 0] op q[ys ? i : 0];                      \
  }
COMPARE_F64(eq, ==)
COMPARE_F64(ne, !=)
COMPARE_F64(lt, <)
COMPARE_F64(le, <=)
static const compare_fn compare_f64[] = {eq_f64, ne_f64, lt_f64, le_f64};

static leat_status compare_strings(leat_call *c, int id) {
  leat_tensor *x = NULL, *y = NULL;
  leat_status status = leat__call_dense(c, 0, &x);
  if (!status) status = leat__call_dense(c, 1, &y);
  if (!status) status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < x->count; i++) {
    int order = leat_str_cmp(leat_tensor_str(x, i), leat_tensor_str(y, i));
    bool verdicts[] = {order == 0, order != 0, order < 0, order <= 0};
    ((uint8_t *)c->out[0]->data)[i] = verdicts[id];
  }
  leat_tensor_unref(x);
  leat_tensor_unref(y);
  return status;
}

static leat_status run_compare(leat_call *c, leat_vec_compare id) {
  leat_dtype dtype = c->in[0]->dtype;
  if (dtype == LEAT_DTYPE_STRING) return compare_strings(c, (int)id);
  leat_status status = leat__call_new(c, 0);
  if (status) return status;
  elem_run run = {.inner = inner_compare};
  if (dtype == LEAT_DTYPE_F64)
    run.compare = compare_f64[id];
  else if (leat_dtype_is_float(dtype))
    run.compare = (compare_fn)leat__vec()->compare_f32[id];
  else
    run.compare = integer_table(dtype)->compare[id];
  return run_elements(c, &run, c->in, 2);
}

leat_status leat__eval_eq(leat_call *c) { return run_compare(c, VEC_EQ); }
leat_status leat__eval_ne(leat_call *c) { return run_compare(c, VEC_NE); }
leat_status leat__eval_lt(leat_call *c) { return run_compare(c, VEC_LT); }
leat_status leat__eval_le(leat_call *c) { return run_compare(c, VEC_LE); }

// --- Select -------------------------------------------------------------------------------------
static void inner_select(elem_run *run, void *out, const void *const *in, const int *step,
                         size_t n) {
  size_t width = run->select_width;
  const uint8_t *p = in[0];
  if (width == 4) {
    leat__vec()->select_f32(out, p, step[0], in[1], step[1], in[2], step[2], n);
    return;
  }
  for (size_t i = 0; i < n; i++) {
    int pick = p[step[0] ? i : 0] ? 1 : 2;
    memcpy((char *)out + i * width, (const char *)in[pick] + (step[pick] ? i * width : 0), width);
  }
}

static leat_status select_strings(leat_call *c) {
  leat_tensor *in[3] = {NULL};
  leat_status status = LEAT_OK;
  for (int k = 0; !status && k < 3; k++) status = leat__call_dense(c, k, &in[k]);
  leat_str *strings = status ? NULL : leat__alloc(sizeof *strings * (size_t)in[0]->count);
  if (!status && !strings) status = leat__oom(c->err, sizeof *strings);
  for (int64_t i = 0; !status && i < in[0]->count; i++)
    strings[i] = leat_tensor_str(((uint8_t *)in[0]->data)[i] ? in[1] : in[2], i);
  if (!status)
    status = leat_tensor_new_strings(&c->out[0], in[0]->rank, in[0]->dims, strings, c->err);
  leat__free(strings);
  for (int k = 0; k < 3; k++) leat_tensor_unref(in[k]);
  return status;
}

leat_status leat__eval_select(leat_call *c) {
  if (c->in[1]->dtype == LEAT_DTYPE_STRING) return select_strings(c);
  leat_status status = leat__call_new(c, 0);
  if (status) return status;
  elem_run run = {.inner = inner_select, .select_width = leat_dtype_bytes(c->in[1]->dtype)};
  // Small floats are moved, not computed: keep them as they are.
  const leat_tensor *shape = c->in[0];
  const int64_t *strides[] = {c->in[0]->strides, c->in[1]->strides, c->in[2]->strides};
  leat__loop_init(&run.loop, shape->rank, shape->dims, 3, strides);
  run.count = 3;
  for (int k = 0; k < 3; k++) {
    run.in[k].data = c->in[k]->data;
    run.in[k].step = run.loop.rank ? leat__loop_step(&run.loop, k) : 1;
    run.in[k].width = leat_dtype_bytes(c->in[k]->dtype);
  }
  run.out = c->out[0]->data;
  run.out_width = run.select_width;
  if (shape->count) leat__loop_run(&run.loop, one_run, &run);
  return LEAT_OK;
}

// --- Casts (clause N8) --------------------------------------------------------------------------
// Rounds to f32 so that a later, coarser rounding is still right: to odd.
static float odd_f32(double x) {
  float near = (float)x;
  uint32_t bits;
  memcpy(&bits, &near, 4);
  if (!(x - x == 0) || (double)near == x) return near;
  bool above = fabs((double)near) > fabs(x);
  if (above) bits--;  // now toward zero
  bits |= 1;
  memcpy(&near, &bits, 4);
  return near;
}

// An integer as the f64 rounded to odd.
static double odd_f64(int64_t x) {
  double near = (double)x;
  uint64_t bits;
  memcpy(&bits, &near, 8);
  if (near < 0x1p63 && near >= -0x1p63 && (int64_t)near == x) return near;
  bool above = near >= 0x1p63 || (x > 0 ? (int64_t)near > x : near < -0x1p63 || (int64_t)near < x);
  if (above) bits--;
  bits |= 1;
  memcpy(&near, &bits, 8);
  return near;
}

static double odd_u64(uint64_t x) {
  // The lowest bit sticks: halving then loses nothing that a rounding to 53 bits could tell apart.
  return x >> 63 ? 2 * odd_f64((int64_t)(x >> 1 | (x & 1))) : odd_f64((int64_t)x);
}

static int64_t to_i64(double x, double low, double high) {
  if (x != x) return 0;
  if (x <= low) return low <= -0x1p63 ? INT64_MIN : (int64_t)low;
  if (x >= high) return high >= 0x1p63 ? INT64_MAX : (int64_t)high;
  return (int64_t)x;
}

static uint64_t to_u64(double x, double high) {
  if (!(x > 0)) return 0;
  if (x >= high) return high >= 0x1p64 ? UINT64_MAX : (uint64_t)high;
  return (uint64_t)x;
}

#define STORE_FLOATS(SOURCE, wide, odd)                               \
  case LEAT_DTYPE_F32:                                                \
    for (size_t i = 0; i < n; i++) ((float *)out)[i] = (float)x[i];   \
    break;                                                            \
  case LEAT_DTYPE_F64:                                                \
    for (size_t i = 0; i < n; i++) ((double *)out)[i] = (double)x[i]; \
    break;                                                            \
  case LEAT_DTYPE_F16:                                                \
  case LEAT_DTYPE_BF16: {                                             \
    float piece[PIECE];                                               \
    for (size_t i = 0; i < n; i++) piece[i] = odd_f32(odd(x[i]));     \
    narrow(to, out, piece, n);                                        \
    break;                                                            \
  }                                                                   \
  case LEAT_DTYPE_BOOL:                                               \
    for (size_t i = 0; i < n; i++) ((uint8_t *)out)[i] = x[i] != 0;   \
    break;

#define STORE_INTEGERS(convert_signed, convert_unsigned)                        \
  case LEAT_DTYPE_I8:                                                           \
    for (size_t i = 0; i < n; i++)                                              \
      ((int8_t *)out)[i] = (int8_t)convert_signed(x[i], -0x1p7, 0x1p7 - 1);     \
    break;                                                                      \
  case LEAT_DTYPE_I16:                                                          \
    for (size_t i = 0; i < n; i++)                                              \
      ((int16_t *)out)[i] = (int16_t)convert_signed(x[i], -0x1p15, 0x1p15 - 1); \
    break;                                                                      \
  case LEAT_DTYPE_I32:                                                          \
    for (size_t i = 0; i < n; i++)                                              \
      ((int32_t *)out)[i] = (int32_t)convert_signed(x[i], -0x1p31, 0x1p31 - 1); \
    break;                                                                      \
  case LEAT_DTYPE_I64:                                                          \
    for (size_t i = 0; i < n; i++)                                              \
      ((int64_t *)out)[i] = (int64_t)convert_signed(x[i], -0x1p63, 0x1p63);     \
    break;                                                                      \
  case LEAT_DTYPE_U8:                                                           \
    for (size_t i = 0; i < n; i++)                                              \
      ((uint8_t *)out)[i] = (uint8_t)convert_unsigned(x[i], 0x1p8 - 1);         \
    break;                                                                      \
  case LEAT_DTYPE_U16:                                                          \
    for (size_t i = 0; i < n; i++)                                              \
      ((uint16_t *)out)[i] = (uint16_t)convert_unsigned(x[i], 0x1p16 - 1);      \
    break;                                                                      \
  case LEAT_DTYPE_U32:                                                          \
    for (size_t i = 0; i < n; i++)                                              \
      ((uint32_t *)out)[i] = (uint32_t)convert_unsigned(x[i], 0x1p32 - 1);      \
    break;                                                                      \
  case LEAT_DTYPE_U64:                                                          \
    for (size_t i = 0; i < n; i++)                                              \
      ((uint64_t *)out)[i] = (uint64_t)convert_unsigned(x[i], 0x1p64);          \
    break;

#define WRAP_SIGNED(x, low, high) (x)
#define WRAP_UNSIGNED(x, high) (x)
#define SAME(x) (x)

static void store_f64(leat_dtype to, void *out, const double *x, size_t n) {
  switch (to) {
    STORE_FLOATS(double, , SAME)
    STORE_INTEGERS(to_i64, to_u64)
    default: break;
  }
}

static void store_i64(leat_dtype to, void *out, const int64_t *x, size_t n) {
  switch (to) {
    STORE_FLOATS(int64_t, , odd_f64)
    STORE_INTEGERS(WRAP_SIGNED, WRAP_UNSIGNED)
    default: break;
  }
}

static void store_u64(leat_dtype to, void *out, const uint64_t *x, size_t n) {
  switch (to) {
    STORE_FLOATS(uint64_t, , odd_u64)
    STORE_INTEGERS(WRAP_SIGNED, WRAP_UNSIGNED)
    default: break;
  }
}

#define LOAD(type, to) \
  for (size_t i = 0; i < n; i++) ((to *)out)[i] = ((const type *)x)[i]
static void load_wide(leat_dtype from, void *out, const void *x, size_t n) {
  float piece[PIECE];
  switch (from) {
    case LEAT_DTYPE_I8: LOAD(int8_t, int64_t); break;
    case LEAT_DTYPE_I16: LOAD(int16_t, int64_t); break;
    case LEAT_DTYPE_I32: LOAD(int32_t, int64_t); break;
    case LEAT_DTYPE_I64: LOAD(int64_t, int64_t); break;
    case LEAT_DTYPE_BOOL:
    case LEAT_DTYPE_U8: LOAD(uint8_t, uint64_t); break;
    case LEAT_DTYPE_U16: LOAD(uint16_t, uint64_t); break;
    case LEAT_DTYPE_U32: LOAD(uint32_t, uint64_t); break;
    case LEAT_DTYPE_U64: LOAD(uint64_t, uint64_t); break;
    case LEAT_DTYPE_F32: LOAD(float, double); break;
    case LEAT_DTYPE_F64: LOAD(double, double); break;
    case LEAT_DTYPE_F16:
    case LEAT_DTYPE_BF16:
      widen(from, piece, x, n);
      for (size_t i = 0; i < n; i++) ((double *)out)[i] = piece[i];
      break;
    default: break;
  }
}

leat_status leat__eval_cast(leat_call *c) {
  leat_tensor *x;
  leat_status status = leat__call_dense(c, 0, &x);
  if (!status) status = leat__call_new(c, 0);
  leat_dtype from = c->in[0]->dtype, to = c->node->types[0].dtype;
  size_t in_width = leat_dtype_bytes(from), out_width = leat_dtype_bytes(to);
  leat_dtype_kind kind = leat_dtype_kind_of(from);
  for (int64_t at = 0; !status && at < x->count; at += PIECE) {
    size_t n = x->count - at < PIECE ? (size_t)(x->count - at) : PIECE;
    uint64_t wide[PIECE];
    char *out = (char *)c->out[0]->data + (size_t)at * out_width;
    load_wide(from, wide, (char *)x->data + (size_t)at * in_width, n);
    if (kind == LEAT_KIND_FLOAT)
      store_f64(to, out, (const double *)(const void *)wide, n);
    else if (kind == LEAT_KIND_INT)
      store_i64(to, out, (const int64_t *)(const void *)wide, n);
    else
      store_u64(to, out, wide, n);
  }
  leat_tensor_unref(x);
  return status;
}

leat_status leat__eval_bitcast(leat_call *c) {
  leat_tensor *x;
  leat_status status = leat__call_dense(c, 0, &x);
  if (!status) status = leat__call_new(c, 0);
  if (!status && x->count)
    memcpy(c->out[0]->data, x->data, (size_t)x->count * leat_dtype_bytes(x->dtype));
  leat_tensor_unref(x);
  return status;
}
