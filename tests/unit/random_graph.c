// Random graphs: functions of random ops on random shapes and dtypes, from a seed.
// SPDX-License-Identifier: Apache-2.0
#include "random_graph.h"

#include "leat/ops.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST = 96, KINDS = 9 };

static const leat_dtype kinds[KINDS] = {LEAT_DTYPE_F32, LEAT_DTYPE_F64,  LEAT_DTYPE_I32,
                                        LEAT_DTYPE_I64, LEAT_DTYPE_BOOL, LEAT_DTYPE_F16,
                                        LEAT_DTYPE_U8,  LEAT_DTYPE_BF16, LEAT_DTYPE_I8};

// --- Random numbers -----------------------------------------------------------------------------
static uint64_t word;

void random_seed(uint64_t seed) { word = seed; }

static unsigned below(unsigned n) {
  word = word * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)((word >> 33) % n);
}

leat_tensor *random_tensor(leat_dtype t, const leat_shape *shape, int64_t batch) {
  static const float odd[] = {0.0f, -0.0f, 1e-40f, 3e38f, -1.0f, 0.5f, 1e10f, -3.5f};
  leat_error err = {0};
  leat_tensor *x = NULL;
  int64_t dims[LEAT_MAX_RANK];
  for (int i = 0; i < shape->rank; i++) dims[i] = shape->dims[i] >= 0 ? shape->dims[i] : batch;
  if (leat_tensor_new(&x, t, shape->rank, dims, &err)) return NULL;
  for (int64_t i = 0; x && i < leat_tensor_count(x); i++) {
    double v = (double)below(2000) * 0.01 - 10;
    if (below(12) == 0) v = (double)odd[below(8)];
    if (below(60) == 0) v = below(2) ? (double)__builtin_inff() : (double)__builtin_nanf("");
    void *data = leat_tensor_data(x);
    switch (t) {
      case LEAT_DTYPE_F32: ((float *)data)[i] = (float)v; break;
      case LEAT_DTYPE_F64: ((double *)data)[i] = v; break;
      case LEAT_DTYPE_I32: ((int32_t *)data)[i] = (int32_t)below(2000) - 1000; break;
      case LEAT_DTYPE_I64: ((int64_t *)data)[i] = (int64_t)below(2000) - 1000; break;
      case LEAT_DTYPE_F16:
      case LEAT_DTYPE_BF16:
      case LEAT_DTYPE_U16: ((uint16_t *)data)[i] = (uint16_t)below(65536); break;
      case LEAT_DTYPE_BOOL: ((uint8_t *)data)[i] = (uint8_t)below(2); break;
      default: ((uint8_t *)data)[i] = (uint8_t)below(256); break;
    }
  }
  return x;
}

// --- Random graphs ------------------------------------------------------------------------------
typedef struct maker {
  leat_graph *graph;
  leat_builder *b;
  leat_dim batch;
  leat_value values[MOST];
  int count;
} maker;

static leat_value pick(maker *m, leat_dtype t) {
  for (int tries = 0; tries < 200; tries++) {
    leat_value v = m->values[below((unsigned)m->count)];
    if (t == LEAT_DTYPE_NONE || leat_value_type(v).dtype == t) return v;
  }
  return (leat_value){0};
}

static leat_shape random_shape(maker *m) {
  static const int64_t sizes[] = {1, 2, 3, 5, 8, 17, 33};
  leat_shape s = {.rank = (int)below(4)};
  for (int i = 0; i < s.rank; i++) s.dims[i] = below(4) == 0 ? m->batch : sizes[below(7)];
  return s;
}

static bool same_shape(leat_value a, leat_value b) {
  leat_shape x = leat_value_type(a).shape, y = leat_value_type(b).shape;
  if (x.rank != y.rank) return false;
  for (int i = 0; i < x.rank; i++)
    if (x.dims[i] != y.dims[i]) return false;
  return true;
}

static leat_value pick_like(maker *m, leat_value x, leat_dtype t) {
  for (int tries = 0; tries < 100; tries++) {
    leat_value v = pick(m, t);
    if (leat_value_ok(v) && same_shape(v, x)) return v;
  }
  return leat_full(m->b, t, leat_value_type(x).shape, (double)below(4));
}

typedef leat_value unary_fn(leat_builder *b, leat_value x);
typedef leat_value binary_fn(leat_builder *b, leat_value x, leat_value y);

static leat_value make_unary(maker *m, leat_value x) {
  static unary_fn *const real[] = {
      leat_neg,     leat_abs,   leat_sign, leat_floor, leat_ceil, leat_round,        leat_trunc,
      leat_sqrt,    leat_rsqrt, leat_exp,  leat_expm1, leat_log,  leat_log1p,        leat_tanh,
      leat_sigmoid, leat_erf,   leat_sin,  leat_cos,   leat_atan, leat_stop_gradient};
  static unary_fn *const whole[] = {leat_neg, leat_abs, leat_sign, leat_not};
  leat_dtype t = leat_value_type(x).dtype;
  if (t == LEAT_DTYPE_BOOL) return leat_not(m->b, x);
  if (leat_dtype_is_float(t)) return real[below(20)](m->b, x);
  return whole[below(4)](m->b, x);
}

static leat_value make_binary(maker *m, leat_value x) {
  static binary_fn *const real[] = {leat_add, leat_sub, leat_mul, leat_div, leat_max, leat_min,
                                    leat_eq,  leat_lt,  leat_le,  leat_ne,  leat_pow};
  static binary_fn *const whole[] = {leat_add, leat_sub, leat_mul, leat_div, leat_max,
                                     leat_min, leat_eq,  leat_lt,  leat_le,  leat_ne,
                                     leat_and, leat_or,  leat_xor, leat_shl, leat_shr};
  static binary_fn *const bits[] = {leat_and, leat_or, leat_xor, leat_eq, leat_ne};
  leat_dtype t = leat_value_type(x).dtype;
  leat_value y = pick_like(m, x, t);
  if (t == LEAT_DTYPE_BOOL) return bits[below(5)](m->b, x, y);
  if (leat_dtype_is_float(t)) return real[below(11)](m->b, x, y);
  return whole[below(15)](m->b, x, y);
}

static leat_value make_broadcast(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  if (s.rank > 3) return make_unary(m, x);
  leat_shape out = {.rank = s.rank + 1};
  int axes[LEAT_MAX_RANK], at = (int)below((unsigned)s.rank + 1);
  out.dims[at] = below(2) ? 4 : m->batch;
  for (int i = 0; i < s.rank; i++) {
    axes[i] = i + (i >= at);
    out.dims[axes[i]] = s.dims[i] == 1 && below(2) ? 6 : s.dims[i];
  }
  return leat_broadcast(m->b, x, out, axes);
}

static leat_value make_slice(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  leat_dim start[LEAT_MAX_RANK], limit[LEAT_MAX_RANK];
  int64_t strides[LEAT_MAX_RANK];
  for (int i = 0; i < s.rank; i++) {
    bool whole = s.dims[i] < 2;
    start[i] = whole ? 0 : (leat_dim)below((unsigned)s.dims[i]);
    limit[i] = s.dims[i];
    strides[i] = 1 + (int64_t)below(2);
  }
  return leat_slice(m->b, x, start, limit, strides);
}

static leat_value make_pad(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  int64_t low[LEAT_MAX_RANK], high[LEAT_MAX_RANK];
  for (int i = 0; i < s.rank; i++) low[i] = below(3), high[i] = below(3);
  return leat_pad(m->b, x, (leat_value){0}, low, high, NULL);
}

static leat_value make_transpose(maker *m, leat_value x) {
  int perm[LEAT_MAX_RANK], rank = leat_value_type(x).shape.rank;
  for (int i = 0; i < rank; i++) perm[i] = i;
  for (int i = rank - 1; i > 0; i--) {
    int k = (int)below((unsigned)i + 1), kept = perm[i];
    perm[i] = perm[k], perm[k] = kept;
  }
  return leat_transpose(m->b, x, perm);
}

static leat_value make_reduce(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  int axes[LEAT_MAX_RANK], count = 0;
  for (int i = 0; i < s.rank; i++)
    if (below(2)) axes[count++] = i;
  if (!count) return leat_neg(m->b, leat_cast(m->b, x, LEAT_DTYPE_F32));
  if (leat_value_type(x).dtype == LEAT_DTYPE_BOOL)
    return (below(2) ? leat_reduce_and : leat_reduce_or)(m->b, x, axes, count, below(2));
  switch (below(4)) {
    case 0: return leat_reduce_max(m->b, x, axes, count, below(2));
    case 1: return leat_reduce_min(m->b, x, axes, count, below(2));
    case 2: return leat_reduce_prod(m->b, x, axes, count, below(2));
    default: return leat_reduce_sum(m->b, x, axes, count, below(2));
  }
}

// x (a, b) times a new constant-free operand made of x itself: x times its own transpose, or its
// square.
static leat_value make_dot(maker *m, leat_value x) {
  leat_value f = leat_cast(m->b, x, LEAT_DTYPE_F32);
  while (leat_value_type(f).shape.rank > 2) f = leat_reduce_sum(m->b, f, (int[]){0}, 1, false);
  if (leat_value_type(f).shape.rank < 2) return leat_neg(m->b, f);
  leat_dot_axes axes = {.contract_count = 1};
  axes.x_contract[0] = axes.y_contract[0] = (int)below(2);
  return leat_dot_general(m->b, f, leat_tanh(m->b, f), &axes, LEAT_DTYPE_NONE);
}

static leat_value make_gather(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  leat_value ids = pick(m, LEAT_DTYPE_I64);
  if (!s.rank || !leat_value_ok(ids) || s.rank + leat_value_type(ids).shape.rank > 4)
    return make_unary(m, x);
  return leat_gather(m->b, x, ids, (int)below((unsigned)s.rank),
                     below(2) ? LEAT_INDEX_ZERO : LEAT_INDEX_CLAMP);
}

static leat_value make_concat(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  if (!s.rank) return leat_stop_gradient(m->b, x);
  leat_value parts[] = {x, pick_like(m, x, leat_value_type(x).dtype), x};
  return leat_concat(m->b, parts, 3, (int)below((unsigned)s.rank));
}

static leat_value make_order(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  leat_value indices, sorted;
  if (!s.rank || leat_value_type(x).dtype == LEAT_DTYPE_BOOL) return make_unary(m, x);
  int axis = (int)below((unsigned)s.rank);
  switch (below(5)) {
    case 0: return s.dims[axis] > 0 ? leat_argmax(m->b, x, axis) : make_unary(m, x);
    case 1: return s.dims[axis] > 0 ? leat_argmin(m->b, x, axis) : make_unary(m, x);
    case 2:
      sorted = leat_sort(m->b, x, axis, below(2), &indices);
      return below(2) ? sorted
                      : leat_take_along_axis(m->b, pick_like(m, x, LEAT_DTYPE_F32), indices, axis);
    case 3:
      if (s.dims[s.rank - 1] < 2) return make_unary(m, x);
      sorted = leat_top_k(m->b, x, 2, &indices);
      return below(2) ? sorted : indices;
    default: return leat_cumulate(m->b, x, axis, (leat_reduce_kind)below(4), below(2), below(2));
  }
}

static leat_value make_scatter(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  leat_dtype t = leat_value_type(x).dtype;
  leat_value ids = pick(m, LEAT_DTYPE_I64);
  if (!s.rank || t == LEAT_DTYPE_BOOL || !leat_value_ok(ids) ||
      leat_value_type(ids).shape.rank != 1)
    return make_unary(m, x);
  int axis = (int)below((unsigned)s.rank);
  leat_value rows = leat_gather(m->b, pick_like(m, x, t), ids, axis, LEAT_INDEX_ZERO);
  return leat_scatter(m->b, x, ids, rows, axis, (leat_scatter_kind)below(4), LEAT_INDEX_ZERO);
}

static leat_value make_one_hot(maker *m, leat_value x) {
  leat_value ids = pick(m, LEAT_DTYPE_I64);
  if (!leat_value_ok(ids) || leat_value_type(ids).shape.rank > 2) return make_unary(m, x);
  return leat_one_hot(m->b, ids, 5, below(2) ? LEAT_DTYPE_F32 : LEAT_DTYPE_I32);
}

// A batch of products: x (.., n, k) times itself, turned.
static leat_value make_batched_dot(maker *m, leat_value x) {
  leat_value f = leat_cast(m->b, x, below(3) ? LEAT_DTYPE_F32 : LEAT_DTYPE_F64);
  if (leat_value_type(f).shape.rank != 3) return make_dot(m, x);
  leat_dot_axes axes = {.batch_count = 1, .contract_count = 1};
  axes.x_contract[0] = axes.y_contract[0] = 2;
  return leat_dot_general(m->b, f, leat_sigmoid(m->b, f), &axes, LEAT_DTYPE_NONE);
}

// --- Control flow
// ---------------------------------------------------------------------------------
static leat_func *finish(leat_builder *b) {
  leat_error err = {0};
  leat_func *f = NULL;
  if (leat_builder_finish(b, &f, &err)) fprintf(stderr, "random graph: %s\n", err.message);
  return f;
}

static leat_value some_float(maker *m, leat_value x) {
  leat_dtype t = leat_value_type(x).dtype;
  return t == LEAT_DTYPE_F32 || t == LEAT_DTYPE_F64 ? x : leat_cast(m->b, x, LEAT_DTYPE_F32);
}

static leat_value make_cond(maker *m, leat_value x) {
  leat_value f = some_float(m, x), out;
  leat_value yes = leat_reduce_or(m->b, leat_lt(m->b, f, leat_tanh(m->b, f)), NULL, 0, false);
  leat_func *branches[2];
  for (int i = 0; i < 2; i++) {
    leat_builder *b = leat_builder_new(m->graph, NULL);
    leat_value y = leat_input(b, "x", leat_value_type(f));
    leat_output(b, "y", i ? leat_exp(b, leat_neg(b, y)) : leat_mul(b, y, leat_sigmoid(b, y)));
    branches[i] = finish(b);
  }
  leat_cond(m->b, yes, branches[0], branches[1], &f, 1, &out);
  return out;
}

static leat_value make_while(maker *m, leat_value x) {
  leat_value f = some_float(m, x), args[] = {leat_const_i64(m->b, 0), f}, out[2];
  leat_type counter = {LEAT_DTYPE_I64, {.rank = 0}};
  leat_builder *test = leat_builder_new(m->graph, NULL), *body = leat_builder_new(m->graph, NULL);
  leat_value i = leat_input(test, "i", counter);
  leat_input(test, "x", leat_value_type(f));
  leat_output(test, "more", leat_lt(test, i, leat_const_i64(test, 3)));
  i = leat_input(body, "i", counter);
  leat_value y = leat_input(body, "x", leat_value_type(f));
  leat_output(body, "i", leat_add(body, i, leat_const_i64(body, 1)));
  leat_output(body, "x", leat_add(body, leat_sin(body, y), y));
  leat_func *more = finish(test), *step = finish(body);
  leat_while(m->b, more, step, args, 2, 2, 4, out);
  return out[1];
}

static leat_value make_scan(maker *m, leat_value x) {
  leat_value f = some_float(m, x), out[2];
  leat_type type = leat_value_type(f), row = {type.dtype, {.rank = type.shape.rank - 1}};
  if (!type.shape.rank) return make_cond(m, x);
  for (int i = 1; i < type.shape.rank; i++)
    if (type.shape.dims[i] < 0) return make_cond(m, x);
  for (int i = 0; i < row.shape.rank; i++) row.shape.dims[i] = type.shape.dims[i + 1];
  leat_builder *b = leat_builder_new(m->graph, NULL);
  leat_input(b, "trip", (leat_type){LEAT_DTYPE_I64, {.rank = 0}});
  leat_value h = leat_input(b, "h", row), r = leat_input(b, "row", row);
  leat_value next = leat_tanh(b, leat_add(b, h, r));
  leat_output(b, "h", next);
  leat_output(b, "y", leat_mul(b, next, r));
  leat_func *body = finish(b);
  leat_value args[] = {leat_full(m->b, type.dtype, row.shape, 0.25), f};
  leat_scan(m->b, body, args, 2, 1, 1, type.shape.dims[0], below(2), out);
  return out[below(2)];
}

// A called function binds symbols by its arguments' sizes; 2*batch alone does not tell batch.
static bool plain_sizes(const maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  for (int i = 0; i < s.rank; i++)
    if (s.dims[i] < 0 && s.dims[i] != m->batch) return false;
  return true;
}

static leat_value make_rare(maker *m, leat_value x) {
  if (!plain_sizes(m, x)) return make_order(m, x);
  switch (below(8)) {
    case 0: return make_cond(m, x);
    case 1: return make_while(m, x);
    case 2: return make_scan(m, x);
    case 3: return make_scatter(m, x);
    case 4: return make_one_hot(m, x);
    case 5: return make_batched_dot(m, x);
    default: return make_order(m, x);
  }
}

static leat_value make_one(maker *m) {
  leat_value x = pick(m, LEAT_DTYPE_NONE);
  leat_shape s = leat_value_type(x).shape;
  switch (below(18)) {
    case 0:
    case 1: return make_unary(m, x);
    case 2:
    case 3:
    case 4: return make_binary(m, x);
    case 5:
      return leat_select(m->b, pick_like(m, x, LEAT_DTYPE_BOOL), x,
                         pick_like(m, x, leat_value_type(x).dtype));
    case 6: return leat_cast(m->b, x, kinds[below(KINDS)]);
    case 7: return make_broadcast(m, x);
    case 8: return make_transpose(m, x);
    case 9:
      return s.rank ? leat_reverse(m->b, x, (int[]){(int)below((unsigned)s.rank)}, 1)
                    : make_unary(m, x);
    case 10: return make_slice(m, x);
    case 11: return make_reduce(m, x);
    case 12: return make_dot(m, x);
    case 13: return make_gather(m, x);
    case 14: return make_concat(m, x);
    case 15: return make_pad(m, x);
    default: return make_rare(m, x);
  }
}

// One graph's values, from its seed; every third and the last are results. Results not in `keep`
// are left out.
static void add_graph(maker *m, int number, unsigned seed, int nodes, uint64_t keep) {
  random_seed(seed * 2654435761u + 12345);
  m->count = 0;
  for (int i = 0; i < RANDOM_ARGS; i++) {
    char name[24];
    snprintf(name, sizeof name, "x%d_%d", number, i);
    leat_type t = {kinds[(unsigned)i % KINDS], random_shape(m)};
    m->values[m->count++] = leat_input(m->b, name, t);
  }
  for (int i = 0; i < nodes; i++) {
    leat_value v = make_one(m);
    if (!leat_builder_ok(m->b)) break;
    leat_shape s = leat_value_type(v).shape;
    double size = 1;
    for (int k = 0; k < s.rank; k++) size *= s.dims[k] > 0 ? (double)s.dims[k] : 13;
    if (leat_value_ok(v) && size < 20000) m->values[m->count++] = v;
  }
  uint64_t bit = 1;
  for (int i = RANDOM_ARGS; i < m->count; i++) {
    if (i % 3 && i != m->count - 1) continue;
    char name[24];
    snprintf(name, sizeof name, "r%d_%d", number, i);
    if (keep & bit) leat_output(m->b, name, m->values[i]);
    bit = bit << 1 | bit >> 63;
  }
}

leat_func *random_func(leat_graph *g, unsigned first, int count, int nodes, uint64_t keep,
                       leat_error *err) {
  maker m = {.graph = g, .b = leat_builder_new(g, NULL), .batch = leat_dim_symbol(g, "batch", 0)};
  for (int i = 0; i < count; i++) add_graph(&m, i, first + (unsigned)i, nodes, keep);
  leat_func *f = NULL;
  leat_builder_finish(m.b, &f, err);
  return f;
}
