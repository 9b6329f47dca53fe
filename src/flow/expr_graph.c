// Expressions as a graph: each part is a value, whether it is null, and whether its row fails.
// SPDX-License-Identifier: Apache-2.0
#include "flow/expr_graph.h"

#include "base/vec.h"
#include "engine/vec.h"
#include "leat/engine.h"
#include "leat/ops.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

typedef struct input {
  int field;
  bool nulls;  // the input is whether the field is null
  leat_flow_type type;
} input;

struct leat_flow_fused {
  leat_graph *graph;
  leat_exec *exec;
  const leat_flow_expr *const *exprs;  // the caller's
  LEAT_VEC(input) inputs;
  LEAT_VEC(int) results;  // expressions; each gives its values and, where nullable, its nulls
  LEAT_VEC(leat_tensor *) in, out;
  uint8_t *bytes;  // of inputs that are bits in a batch: LEAT_FLOW_BATCH_ROWS each
};

// --- What can be taken --------------------------------------------------------------------------
static bool is_number(leat_flow_type type) {
  return type <= LEAT_FLOW_TYPE_DOUBLE || type == LEAT_FLOW_TYPE_TIMESTAMP;
}

static bool is_whole(leat_flow_type type) {
  return type == LEAT_FLOW_TYPE_INT32 || type == LEAT_FLOW_TYPE_INT64;
}

static bool is_real(leat_flow_type type) {
  return type == LEAT_FLOW_TYPE_FLOAT || type == LEAT_FLOW_TYPE_DOUBLE;
}

static bool takes_cast(const leat_flow_expr *x) {
  leat_flow_type from = x->args[0]->type.type, to = x->type.type;
  if (from == to) return true;
  if (is_whole(from)) return to == LEAT_FLOW_TYPE_INT64 || to == LEAT_FLOW_TYPE_DOUBLE;
  return from == LEAT_FLOW_TYPE_FLOAT && to == LEAT_FLOW_TYPE_DOUBLE;
}

static bool takes(const leat_flow_expr *x) {
  if (!is_number(x->type.type)) return false;
  if (x->kind == EXPR_FIELD && x->count) return false;  // inside of a row
  if (x->kind == EXPR_CALL && (x->fn->row || strpbrk(x->fn->args, "syl"))) return false;
  if (x->kind == EXPR_CAST && !takes_cast(x)) return false;
  for (int i = 0; i < x->count; i++)
    if (!takes(x->args[i])) return false;
  return true;
}

static bool has_field(const leat_flow_expr *x) {
  bool has = x->kind == EXPR_FIELD;
  for (int i = 0; i < x->count; i++) has |= has_field(x->args[i]);
  return has;
}

// --- Building -----------------------------------------------------------------------------------
typedef struct piece {
  leat_value value, null, bad;  // (batch); null, bad: bool, without a node: never
} piece;

typedef struct maker {
  leat_builder *b;
  leat_type of_bools;  // (batch)
  leat_flow_fused *fused;
  LEAT_VEC(leat_value) inputs;  // by fused->inputs
  bool failed;                  // no memory
} maker;

static leat_value all(maker *m, leat_value scalar) {  // of the rows
  return leat_broadcast(m->b, scalar, m->of_bools.shape, NULL);
}

static leat_value either(maker *m, leat_value x, leat_value y) {
  return !x.node ? y : !y.node ? x : leat_or(m->b, x, y);
}

static leat_value both(maker *m, leat_value x, leat_value y) {  // absent x: all rows
  return !x.node ? y : leat_and(m->b, x, y);
}

// x where y does not hold.
static leat_value except(maker *m, leat_value x, leat_value y) {
  return !x.node || !y.node ? x : leat_and(m->b, x, leat_not(m->b, y));
}

static leat_dtype dtype_of(leat_flow_type type) {
  switch (type) {
    case LEAT_FLOW_TYPE_BOOL: return LEAT_DTYPE_BOOL;
    case LEAT_FLOW_TYPE_INT32: return LEAT_DTYPE_I32;
    case LEAT_FLOW_TYPE_FLOAT: return LEAT_DTYPE_F32;
    case LEAT_FLOW_TYPE_DOUBLE: return LEAT_DTYPE_F64;
    default: return LEAT_DTYPE_I64;
  }
}

static leat_value input_of(maker *m, int field, leat_flow_type type, bool nulls) {
  for (size_t i = 0; i < m->fused->inputs.count; i++)
    if (m->fused->inputs.at[i].field == field && m->fused->inputs.at[i].nulls == nulls)
      return m->inputs.at[i];
  char name[32];
  snprintf(name, sizeof name, nulls ? "missing%d" : "field%d", field);
  leat_type of = m->of_bools;
  of.dtype = nulls ? LEAT_DTYPE_BOOL : dtype_of(type);
  leat_value value = leat_input(m->b, name, of);
  input new = {field, nulls, nulls ? LEAT_FLOW_TYPE_BOOL : type};
  m->failed |= !leat_vec_push(&m->fused->inputs, new) || !leat_vec_push(&m->inputs, value);
  return value;
}

static piece make_field(maker *m, const leat_flow_expr *x) {
  piece out = {.value = input_of(m, x->field, x->type.type, false)};
  if (x->type.type == LEAT_FLOW_TYPE_INT32) out.value = leat_cast(m->b, out.value, LEAT_DTYPE_I64);
  if (x->type.type == LEAT_FLOW_TYPE_FLOAT) out.value = leat_cast(m->b, out.value, LEAT_DTYPE_F64);
  if (x->type.nullable) out.null = input_of(m, x->field, LEAT_FLOW_TYPE_BOOL, true);
  return out;
}

static piece make_const(maker *m, const leat_flow_expr *x) {
  leat_value value = x->type.type == LEAT_FLOW_TYPE_BOOL ? leat_const_bool(m->b, x->value.b)
                     : is_real(x->type.type)             ? leat_const_f64(m->b, x->value.d)
                                                         : leat_const_i64(m->b, x->value.i);
  piece out = {.value = all(m, value)};
  if (x->type.nullable) out.null = all(m, leat_const_bool(m->b, true));
  return out;
}

static leat_value is_finite(maker *m, leat_value x) {
  return leat_le(m->b, leat_abs(m->b, x), leat_const_f64(m->b, DBL_MAX));
}

static leat_value below(maker *m, leat_value x, int64_t bound) {
  return leat_lt(m->b, x, leat_const_i64(m->b, bound));
}

// A product that is or may be out of range: of about 2^62 or more.
static leat_value is_great(maker *m, leat_value x, leat_value y) {
  leat_value product =
      leat_mul(m->b, leat_cast(m->b, x, LEAT_DTYPE_F64), leat_cast(m->b, y, LEAT_DTYPE_F64));
  return leat_ge(m->b, leat_abs(m->b, product), leat_const_f64(m->b, 0x1p62));
}

static leat_value equals(maker *m, leat_value x, int64_t number) {
  return leat_eq(m->b, x, leat_const_i64(m->b, number));
}

static piece whole_call(maker *m, char op, leat_value x, leat_value y) {
  leat_builder *b = m->b;
  piece out = {.value = x};
  switch (op) {
    case '+':
      out.value = leat_add(b, x, y);
      out.bad = below(m, leat_and(b, leat_xor(b, x, out.value), leat_xor(b, y, out.value)), 0);
      break;
    case '-':
      out.value = leat_sub(b, x, y);
      out.bad = below(m, leat_and(b, leat_xor(b, x, y), leat_xor(b, x, out.value)), 0);
      break;
    case '*':
      out.value = leat_mul(b, x, y);
      out.bad = is_great(m, x, y);
      break;
    default:
      out.value = op == '/' ? leat_div(b, x, y) : leat_rem(b, x, y);
      out.bad = leat_or(b, equals(m, y, 0), leat_and(b, equals(m, y, -1), equals(m, x, INT64_MIN)));
  }
  return out;
}

static leat_value unary(maker *m, int vec, leat_value x) {
  static leat_value (*const ops[VEC_UNARY_COUNT])(leat_builder *, leat_value) = {
      [VEC_EXP] = leat_exp,     [VEC_EXPM1] = leat_expm1, [VEC_LOG] = leat_log,
      [VEC_LOG1P] = leat_log1p, [VEC_TANH] = leat_tanh,   [VEC_SIGMOID] = leat_sigmoid,
      [VEC_ERF] = leat_erf,     [VEC_SIN] = leat_sin,     [VEC_COS] = leat_cos,
      [VEC_ATAN] = leat_atan,   [VEC_SQRT] = leat_sqrt,   [VEC_RSQRT] = leat_rsqrt,
      [VEC_FLOOR] = leat_floor, [VEC_CEIL] = leat_ceil,   [VEC_ROUND] = leat_round,
      [VEC_TRUNC] = leat_trunc, [VEC_NEG] = leat_neg,     [VEC_ABS] = leat_abs};
  return ops[vec](m->b, x);
}

static piece real_call(maker *m, const expr_fn *fn, int count, leat_value x, leat_value y) {
  leat_builder *b = m->b;
  leat_value out = fn->vec                          ? unary(m, fn->vec - 1, x)
                   : *fn->name == '+'               ? leat_add(b, x, y)
                   : *fn->name == '-' && count == 1 ? leat_neg(b, x)
                   : *fn->name == '-'               ? leat_sub(b, x, y)
                   : *fn->name == '*'               ? leat_mul(b, x, y)
                   : *fn->name == '/'               ? leat_div(b, x, y)
                                                    : leat_rem(b, x, y);
  leat_value finite = is_finite(m, x);
  if (count > 1) finite = leat_and(b, finite, is_finite(m, y));
  return (piece){.value = out, .bad = leat_and(b, finite, leat_not(b, is_finite(m, out)))};
}

static leat_value relate(maker *m, const char *name, leat_value x, leat_value y) {
  leat_builder *b = m->b;
  if (*name == '=') return leat_eq(b, x, y);
  if (*name == '<')
    return name[1] == '>' ? leat_ne(b, x, y) : name[1] ? leat_le(b, x, y) : leat_lt(b, x, y);
  return name[1] ? leat_ge(b, x, y) : leat_gt(b, x, y);
}

static leat_value out_of_time(maker *m, leat_value t) {
  return leat_or(m->b, below(m, t, LEAT_FLOW_TIME_MIN),
                 leat_gt(m->b, t, leat_const_i64(m->b, LEAT_FLOW_GLOBAL_MAX)));
}

static piece make(maker *m, const leat_flow_expr *x);

static piece make_call(maker *m, const leat_flow_expr *x) {
  const expr_fn *fn = x->fn;
  piece a = make(m, x->args[0]), c = x->count > 1 ? make(m, x->args[1]) : (piece){.value = a.value};
  leat_value left = a.value, right = c.value;
  if (fn->result != 'b' && fn->result != 'd' && x->count == 1) {  // -x
    right = left;
    left = all(m, leat_const_i64(m->b, 0));
  }
  piece out = fn->result == 'b'   ? (piece){.value = relate(m, fn->name, left, right)}
              : fn->result == 'd' ? real_call(m, fn, x->count, left, right)
                                  : whole_call(m, *fn->name, left, right);
  if (fn->result == 't') out.bad = either(m, out.bad, out_of_time(m, out.value));
  out.null = either(m, a.null, x->count > 1 ? c.null : (leat_value){0});
  out.bad = except(m, out.bad, out.null);
  out.bad = either(m, out.bad, either(m, a.bad, x->count > 1 ? c.bad : (leat_value){0}));
  return out;
}

// `open`: rows that have not been decided by an argument before.
static piece make_logic(maker *m, const leat_flow_expr *x, bool stop) {
  leat_builder *b = m->b;
  leat_value open = {0};
  piece out = {.value = {0}};
  for (int k = 0; k < x->count; k++) {
    piece a = make(m, x->args[k]);
    leat_value stops = except(m, stop ? a.value : leat_not(b, a.value), a.null);
    if (a.bad.node) out.bad = either(m, out.bad, both(m, open, a.bad));
    out.null = either(m, out.null, a.null);
    out.value = either(m, out.value, stops);  // decided
    open = leat_not(b, out.value);
  }
  out.null = except(m, out.null, out.value);
  if (!stop) out.value = leat_not(b, out.value);
  return out;
}

static leat_value choose(maker *m, leat_value where, leat_value x, leat_value y) {  // bools
  if (!x.node && !y.node) return x;
  leat_value never = all(m, leat_const_bool(m->b, false));
  return leat_select(m->b, where, x.node ? x : never, y.node ? y : never);
}

static piece make_case(maker *m, const leat_flow_expr *x, int from, leat_value open) {
  piece last = make(m, x->args[from]);
  if (from + 1 == x->count) {
    if (last.bad.node) last.bad = both(m, open, last.bad);
    return last;
  }
  leat_value here = except(m, last.value, last.null);
  leat_value mine = both(m, open, here), left = both(m, open, leat_not(m->b, here));
  piece then = make(m, x->args[from + 1]), other = make_case(m, x, from + 2, left);
  leat_value bad = last.bad.node ? both(m, open, last.bad) : last.bad;
  if (then.bad.node) bad = either(m, bad, both(m, mine, then.bad));
  return (piece){.value = leat_select(m->b, here, then.value, other.value),
                 .null = choose(m, here, then.null, other.null),
                 .bad = either(m, bad, other.bad)};
}

static piece make_coalesce(maker *m, const leat_flow_expr *x, int from, leat_value open) {
  piece a = make(m, x->args[from]);
  if (a.bad.node) a.bad = both(m, open, a.bad);
  if (from + 1 == x->count || !a.null.node) return a;
  piece other = make_coalesce(m, x, from + 1, both(m, open, a.null));
  return (piece){.value = leat_select(m->b, a.null, other.value, a.value),
                 .null = other.null.node ? leat_and(m->b, a.null, other.null) : other.null,
                 .bad = either(m, a.bad, other.bad)};
}

static piece make(maker *m, const leat_flow_expr *x) {
  piece a;
  switch (x->kind) {
    case EXPR_FIELD: return make_field(m, x);
    case EXPR_CONST: return make_const(m, x);
    case EXPR_CALL: return make_call(m, x);
    case EXPR_AND: return make_logic(m, x, false);
    case EXPR_OR: return make_logic(m, x, true);
    case EXPR_CASE: return make_case(m, x, 0, (leat_value){0});
    case EXPR_COALESCE: return make_coalesce(m, x, 0, (leat_value){0});
    case EXPR_NOT:
      a = make(m, x->args[0]);
      a.value = leat_not(m->b, a.value);
      return a;
    case EXPR_IS_NULL:
      a = make(m, x->args[0]);
      a.value = a.null.node ? a.null : all(m, leat_const_bool(m->b, false));
      a.null = (leat_value){0};
      return a;
    case EXPR_CAST:
      a = make(m, x->args[0]);
      if (is_whole(x->args[0]->type.type) && is_real(x->type.type))
        a.value = leat_cast(m->b, a.value, LEAT_DTYPE_F64);
      return a;
  }
  return (piece){.value = {0}};
}

// Nulls have the value 0, and rows as they lie in a batch the type of their field.
static void make_result(maker *m, int index, leat_value *bad) {
  const leat_flow_expr *x = m->fused->exprs[index];
  char name[32];
  piece out = make(m, x);
  leat_flow_type type = x->type.type;
  *bad = either(m, *bad, out.bad);
  if (out.null.node) {
    leat_value zero = type == LEAT_FLOW_TYPE_BOOL ? leat_const_bool(m->b, false)
                      : is_real(type)             ? leat_const_f64(m->b, 0)
                                                  : leat_const_i64(m->b, 0);
    out.value = leat_select(m->b, out.null, all(m, zero), out.value);
  }
  if (type == LEAT_FLOW_TYPE_INT32) out.value = leat_cast(m->b, out.value, LEAT_DTYPE_I32);
  if (type == LEAT_FLOW_TYPE_FLOAT) out.value = leat_cast(m->b, out.value, LEAT_DTYPE_F32);
  snprintf(name, sizeof name, "value%d", index);
  leat_output(m->b, name, out.value);
  if (!x->type.nullable) return;
  snprintf(name, sizeof name, "null%d", index);
  leat_output(m->b, name, out.null.node ? out.null : all(m, leat_const_bool(m->b, false)));
}

static leat_status build(leat_flow_fused *f, leat_func **func, leat_error *err) {
  leat_dim batch = leat_dim_symbol(f->graph, "batch", 0);
  maker m = {.b = leat_builder_new(f->graph, "expressions"),
             .of_bools = {LEAT_DTYPE_BOOL, LEAT_SHAPE(batch)},
             .fused = f};
  leat_value bad = {0};
  if (!m.b) return leat__oom(err, sizeof m);
  for (size_t i = 0; i < f->results.count; i++) make_result(&m, f->results.at[i], &bad);
  if (!bad.node) bad = all(&m, leat_const_bool(m.b, false));
  leat_output(m.b, "bad", leat_reduce_or(m.b, bad, NULL, 0, false));
  leat_vec_deinit(&m.inputs);
  leat_status status = leat_builder_finish(m.b, func, err);
  return status || !m.failed ? status : leat__oom(err, sizeof m);
}

// --- Life ---------------------------------------------------------------------------------------
void leat__fused_free(leat_flow_fused *f) {
  if (!f) return;
  leat_exec_free(f->exec);
  leat_graph_free(f->graph);
  leat_vec_deinit(&f->inputs);
  leat_vec_deinit(&f->results);
  leat_vec_deinit(&f->in);
  leat_vec_deinit(&f->out);
  leat__free(f->bytes);
  leat__free(f);
}

static leat_status start(leat_flow_fused *f, leat_error *err) {
  leat_func *func = NULL;
  leat_status status = leat_graph_new(&f->graph, err);
  if (!status) status = build(f, &func, err);
  if (!status) status = leat_exec_new(&f->exec, func, NULL, err);
  if (status) return status;
  size_t in = (size_t)leat_func_input_count(func), out = (size_t)leat_func_output_count(func);
  f->bytes = leat__alloc_aligned(in * LEAT_FLOW_BATCH_ROWS + 1);
  if (!f->bytes || !leat_vec_reserve(&f->in, in) || !leat_vec_reserve(&f->out, out))
    return leat__oom(err, in * LEAT_FLOW_BATCH_ROWS);
  f->in.count = in;
  f->out.count = out;
  return LEAT_OK;
}

leat_status leat__fused_new(leat_flow_fused **out, const leat_flow_expr *const *exprs, int count,
                            bool *taken, leat_error *err) {
  leat_flow_fused *f = leat__calloc(1, sizeof *f);
  leat_status status = f ? LEAT_OK : leat__oom(err, sizeof *f);
  *out = NULL;
  for (int i = 0; !status && i < count; i++) {
    taken[i] = exprs[i]->size > 1 && takes(exprs[i]) && has_field(exprs[i]);
    if (taken[i] && !leat_vec_push(&f->results, i)) status = leat__oom(err, sizeof i);
  }
  if (!status && f->results.count) {
    f->exprs = exprs;
    status = start(f, err);
    if (!status) return *out = f, LEAT_OK;
  }
  return leat__fused_free(f), status;
}

// --- Running ------------------------------------------------------------------------------------
static void spread(const uint8_t *bits, int rows, bool turned, uint8_t *to) {
  for (int i = 0; i < rows; i++) to[i] = (uint8_t)((bits[i >> 3] >> (i & 7) & 1) ^ turned);
}

static void *input_data(leat_flow_fused *f, size_t i, const leat_flow_batch *batch) {
  const input *in = &f->inputs.at[i];
  const leat_flow_column *c = &batch->columns[in->field];
  uint8_t *bytes = f->bytes + i * LEAT_FLOW_BATCH_ROWS;
  if (in->nulls && !c->validity) return memset(bytes, 0, (size_t)batch->rows);
  if (in->nulls) return spread(c->validity, batch->rows, true, bytes), bytes;
  if (in->type == LEAT_FLOW_TYPE_BOOL) return spread(c->values, batch->rows, false, bytes), bytes;
  return c->values;
}

static void gather_bits(const uint8_t *bytes, int rows, bool turned, uint8_t *to) {
  for (int i = 0; i < rows; i++) to[i >> 3] |= (uint8_t)((bytes[i] ^ turned) << (i & 7));
}

static void put_result(const leat_flow_expr *x, leat_tensor *const *from, int rows,
                       leat_flow_column *out) {
  const void *values = leat_tensor_data(from[0]);
  if (x->type.type == LEAT_FLOW_TYPE_BOOL)
    gather_bits(values, rows, false, out->values);
  else
    memcpy(out->values, values, (size_t)rows * leat_flow_type_bytes(x->type.type));
  if (x->type.nullable) gather_bits(leat_tensor_data(from[1]), rows, true, out->validity);
}

static bool call(leat_flow_fused *f, const leat_flow_batch *batch) {
  leat_error err;
  int64_t dims[] = {batch->rows};
  leat_status status = LEAT_OK;
  size_t made = 0;
  for (; !status && made < f->in.count; made += !status)
    status = leat_tensor_wrap(
        &f->in.at[made],
        f->inputs.at[made].nulls ? LEAT_DTYPE_BOOL : dtype_of(f->inputs.at[made].type), 1, dims,
        NULL, input_data(f, made, batch), NULL, NULL, NULL, &err);
  if (!status) status = leat_exec_run(f->exec, NULL, f->in.at, (int)made, f->out.at, &err);
  while (made) leat_tensor_unref(f->in.at[--made]);
  return !status;
}

// A result that is the same for all rows may be one value that is repeated.
static bool make_dense(leat_tensor **tensor) {
  leat_error err;
  leat_tensor *dense;
  if (leat_tensor_dense(&dense, *tensor, &err)) return false;
  leat_tensor_unref(*tensor);
  return *tensor = dense, true;
}

bool leat__fused_run(leat_flow_fused *f, const leat_flow_batch *batch, leat_flow_column *out) {
  if (batch->rows > LEAT_FLOW_BATCH_ROWS || !call(f, batch)) return false;
  bool good = !*(const uint8_t *)leat_tensor_data(f->out.at[f->out.count - 1]);
  for (size_t i = 0; good && i < f->out.count; i++) good = make_dense(&f->out.at[i]);
  leat_tensor *const *from = f->out.at;
  for (size_t i = 0; good && i < f->results.count; i++) {
    const leat_flow_expr *x = f->exprs[f->results.at[i]];
    put_result(x, from, batch->rows, &out[f->results.at[i]]);
    from += 1 + x->type.nullable;
  }
  for (size_t i = 0; i < f->out.count; i++) leat_tensor_unref(f->out.at[i]);
  return good;
}
