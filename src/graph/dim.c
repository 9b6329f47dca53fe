// Symbolic dims: hash-consed integer expressions in a normal form, so that equal means identical.
// SPDX-License-Identifier: Apache-2.0
//
// A dim >= 0 is its own value; a negative one is ~slot of the graph's expression table. Sums are
// kept as a constant plus coefficient * base terms ordered by base; products as a coefficient times
// factors ordered by slot, where a sum of several factors has no common divisor left in it; a
// coefficient is distributed over a sum alone. Everything is a small tree of two-operand
// expressions built in that order.
#include "graph/graph_impl.h"

#include <inttypes.h>
#include <stdio.h>

enum { MAX_TERMS = 64 };

const leat_dim_expr *leat__dim_expr(const leat_graph *graph, leat_dim dim) {
  return &graph->dims.at[leat__dim_slot(dim)];
}

size_t leat__dim_count(const leat_graph *graph) { return graph->dims.count; }

static bool is_op(const leat_graph *graph, leat_dim dim, leat_dim_op op) {
  return dim < 0 && leat__dim_expr(graph, dim)->op == op;
}

static leat_dim failed(leat_graph *graph) {
  graph->failed = true;
  return 0;
}

// Finds or makes an expression. The key is its three numbers, or the symbol's name.
static leat_dim intern(leat_graph *graph, leat_dim_expr expr) {
  int64_t key[3] = {expr.op, expr.a, expr.b};
  leat_str bytes = expr.name ? leat_str_of(expr.name) : (leat_str){(char *)key, sizeof key};
  leat_map_entry *entry = leat_map_find(&graph->dim_map, bytes);
  if (entry) return ~(leat_dim)entry->value.num;
  char *kept = leat_arena_str(&graph->arena, bytes);
  if (!kept || !leat_vec_reserve(&graph->dims, 1)) return failed(graph);
  if (expr.name) expr.name = kept;
  entry = leat_map_insert(&graph->dim_map, (leat_str){kept, bytes.len}, NULL);
  if (!entry) return failed(graph);
  leat_vec_push(&graph->dims, expr);  // there is room: an entry without its dim would be found
  entry->value.num = (int64_t)graph->dims.count - 1;
  return ~(leat_dim)entry->value.num;
}

leat_dim leat_dim_symbol(leat_graph *graph, const char *name, leat_dim bound) {
  return intern(graph, (leat_dim_expr){.op = DIM_SYMBOL, .a = bound, .name = name});
}

leat_dim leat__dim_fresh(leat_graph *graph, leat_dim bound) {
  char name[32];
  do snprintf(name, sizeof name, "n%d", graph->fresh++);
  while (leat_map_find(&graph->dim_map, leat_str_of(name)));
  return leat_dim_symbol(graph, name, bound);
}

// A whole number as a dim: negative ones are expressions too.
static leat_dim literal(leat_graph *graph, int64_t value) {
  return value >= 0 ? value : intern(graph, (leat_dim_expr){.op = DIM_CONST, .a = value});
}

static bool is_constant(const leat_graph *graph, leat_dim dim, int64_t *value) {
  if (dim >= 0) return *value = dim, true;
  const leat_dim_expr *expr = leat__dim_expr(graph, dim);
  if (expr->op != DIM_CONST) return false;
  return *value = expr->a, true;
}

bool leat__dim_constant(const leat_graph *graph, leat_dim dim, int64_t *value) {
  return is_constant(graph, dim, value);
}

bool leat__dim_is_bad(const leat_graph *graph, leat_dim dim) {
  return is_op(graph, dim, DIM_CONST);
}

// Sizes stop at 2^60 instead of overflowing; no real one comes near.
static int64_t sat(__int128 x) {
  const __int128 most = (__int128)1 << 60;
  return (int64_t)(x > most ? most : x < -most ? -most : x);
}
static int64_t sat_add(int64_t a, int64_t b) { return sat((__int128)a + b); }
static int64_t sat_mul(int64_t a, int64_t b) { return sat((__int128)a * b); }

// --- Products -----------------------------------------------------------------------------------
typedef struct factors {
  int64_t coef;
  leat_dim at[MAX_TERMS];
  int count;
} factors;

static leat_dim scale(leat_graph *graph, int64_t coef, leat_dim base) {
  if (coef == 0) return 0;
  if (coef == 1) return base;
  return intern(graph, (leat_dim_expr){.op = DIM_MUL, .a = literal(graph, coef), .b = base});
}

// --- Sums ---------------------------------------------------------------------------------------
typedef struct terms {
  int64_t constant;
  int64_t coef[MAX_TERMS];
  leat_dim base[MAX_TERMS];
  int count;
} terms;

static void add_term(terms *t, int64_t coef, leat_dim base) {
  int i = 0;
  while (i < t->count && t->base[i] > base) i++;
  if (i < t->count && t->base[i] == base) {
    t->coef[i] = sat_add(t->coef[i], coef);
    return;
  }
  if (t->count == MAX_TERMS) return;
  for (int j = t->count++; j > i; j--) t->coef[j] = t->coef[j - 1], t->base[j] = t->base[j - 1];
  t->coef[i] = coef;
  t->base[i] = base;
}

static void split_terms(const leat_graph *graph, leat_dim dim, int64_t coef, terms *t) {
  int64_t value;
  if (is_constant(graph, dim, &value)) {
    t->constant = sat_add(t->constant, sat_mul(coef, value));
    return;
  }
  leat_dim_expr expr = *leat__dim_expr(graph, dim);
  if (expr.op == DIM_ADD) {
    split_terms(graph, expr.a, coef, t);
    split_terms(graph, expr.b, coef, t);
  } else if (expr.op == DIM_MUL && is_constant(graph, expr.a, &value)) {
    split_terms(graph, expr.b, sat_mul(coef, value), t);
  } else {
    add_term(t, coef, dim);
  }
}

static leat_dim join_terms(leat_graph *graph, const terms *t) {
  leat_dim joined = 0;
  for (int i = 0; i < t->count; i++) {
    leat_dim term = scale(graph, t->coef[i], t->base[i]);
    if (t->coef[i] == 0) continue;
    joined =
        joined == 0 ? term : intern(graph, (leat_dim_expr){.op = DIM_ADD, .a = joined, .b = term});
  }
  leat_dim constant = literal(graph, t->constant);
  if (joined == 0 || t->constant == 0) return joined ? joined : constant;
  return intern(graph, (leat_dim_expr){.op = DIM_ADD, .a = joined, .b = constant});
}

leat_dim leat__dim_offset(leat_graph *graph, leat_dim dim, int64_t delta) {
  terms t = {.constant = sat(delta)};
  split_terms(graph, dim, 1, &t);
  return join_terms(graph, &t);
}

leat_dim leat_dim_add(leat_graph *graph, leat_dim a, leat_dim b) {
  if (a >= 0 && b >= 0) return sat_add(a, b);
  terms t = {0};
  split_terms(graph, a, 1, &t);
  split_terms(graph, b, 1, &t);
  return join_terms(graph, &t);
}

// a / b where b divides every coefficient of a, or false.
static bool divide_exactly(leat_graph *graph, leat_dim a, leat_dim b, leat_dim *out) {
  if (b <= 0) return a == b && (*out = 1, true);
  terms t = {0};
  split_terms(graph, a, 1, &t);
  bool exact = t.constant % b == 0;
  t.constant /= b;
  for (int i = 0; i < t.count; i++) {
    exact = exact && t.coef[i] % b == 0;
    t.coef[i] /= b;
  }
  if (exact) *out = join_terms(graph, &t);
  return exact;
}

static void add_factor(factors *f, leat_dim dim) {
  if (f->count == MAX_TERMS) return;
  int i = f->count++;
  for (; i > 0 && f->at[i - 1] < dim; i--) f->at[i] = f->at[i - 1];
  f->at[i] = dim;
}

// Of a sum's coefficients and constant.
static int64_t common_divisor(const leat_graph *graph, leat_dim sum) {
  terms t = {0};
  split_terms(graph, sum, 1, &t);
  int64_t divisor = t.constant;
  for (int i = 0; i < t.count; i++)
    for (int64_t b = t.coef[i], r; b; b = r) r = divisor % b, divisor = b;
  return divisor < 0 ? -divisor : divisor;
}

static void split_factors(leat_graph *graph, leat_dim dim, factors *f) {
  int64_t value;
  if (is_constant(graph, dim, &value)) {
    f->coef = sat_mul(f->coef, value);
  } else if (is_op(graph, dim, DIM_MUL)) {
    leat_dim_expr expr = *leat__dim_expr(graph, dim);
    split_factors(graph, expr.a, f);
    split_factors(graph, expr.b, f);
  } else if (is_op(graph, dim, DIM_ADD)) {
    int64_t divisor = common_divisor(graph, dim);
    leat_dim rest = dim;
    if (divisor > 1 && divide_exactly(graph, dim, divisor, &rest))
      f->coef = sat_mul(f->coef, divisor);
    add_factor(f, rest);
  } else {
    add_factor(f, dim);
  }
}

leat_dim leat_dim_mul(leat_graph *graph, leat_dim a, leat_dim b) {
  factors f = {.coef = 1};
  split_factors(graph, a, &f);
  split_factors(graph, b, &f);
  if (f.coef == 0 || f.count == 0) return literal(graph, f.coef);
  leat_dim base = f.at[0];
  for (int i = 1; i < f.count; i++)
    base = intern(graph, (leat_dim_expr){.op = DIM_MUL, .a = base, .b = f.at[i]});
  if (f.coef == 1) return base;
  if (!is_op(graph, base, DIM_ADD)) return scale(graph, f.coef, base);
  terms t = {0};
  split_terms(graph, base, f.coef, &t);
  return join_terms(graph, &t);
}

static int64_t floordiv(int64_t a, int64_t b) {
  return b ? a / b - (a % b != 0 && (a < 0) != (b < 0)) : 0;
}
static int64_t ceildiv(int64_t a, int64_t b) {
  return b ? a / b + (a % b != 0 && (a < 0) == (b < 0)) : 0;
}

leat_dim leat_dim_floordiv(leat_graph *graph, leat_dim a, leat_dim b) {
  leat_dim exact;
  if (a >= 0 && b >= 0) return floordiv(a, b);
  if (divide_exactly(graph, a, b, &exact)) return exact;
  return intern(graph, (leat_dim_expr){.op = DIM_FLOORDIV, .a = a, .b = b});
}

leat_dim leat_dim_ceildiv(leat_graph *graph, leat_dim a, leat_dim b) {
  leat_dim exact;
  if (a >= 0 && b >= 0) return ceildiv(a, b);
  if (divide_exactly(graph, a, b, &exact)) return exact;
  return intern(graph, (leat_dim_expr){.op = DIM_CEILDIV, .a = a, .b = b});
}

static leat_dim extreme(leat_graph *graph, leat_dim_op op, leat_dim a, leat_dim b) {
  if (a == b) return a;
  if (a >= 0 && b >= 0) return (op == DIM_MIN) == (a < b) ? a : b;
  if (a == 0 || b == 0) return op == DIM_MIN ? 0 : a + b;  // dims are never negative
  leat_dim first = a > b ? a : b, second = a > b ? b : a;
  return intern(graph, (leat_dim_expr){.op = op, .a = first, .b = second});
}

leat_dim leat_dim_min(leat_graph *graph, leat_dim a, leat_dim b) {
  return extreme(graph, DIM_MIN, a, b);
}
leat_dim leat_dim_max(leat_graph *graph, leat_dim a, leat_dim b) {
  return extreme(graph, DIM_MAX, a, b);
}

static leat_dim apply(leat_graph *graph, leat_dim_op op, leat_dim a, leat_dim b) {
  switch (op) {
    case DIM_ADD: return leat_dim_add(graph, a, b);
    case DIM_MUL: return leat_dim_mul(graph, a, b);
    case DIM_FLOORDIV: return leat_dim_floordiv(graph, a, b);
    case DIM_CEILDIV: return leat_dim_ceildiv(graph, a, b);
    case DIM_MIN: return leat_dim_min(graph, a, b);
    case DIM_MAX: return leat_dim_max(graph, a, b);
    case DIM_SYMBOL:
    case DIM_CONST: break;
  }
  return a;
}

int64_t leat__dim_eval(const leat_graph *graph, leat_dim dim, const int64_t *values) {
  if (dim >= 0) return dim;
  const leat_dim_expr *expr = leat__dim_expr(graph, dim);
  if (expr->op == DIM_SYMBOL) return values[leat__dim_slot(dim)];
  if (expr->op == DIM_CONST) return expr->a;
  int64_t a = leat__dim_eval(graph, expr->a, values);
  int64_t b = leat__dim_eval(graph, expr->b, values);
  if (a == INT64_MIN || b == INT64_MIN) return INT64_MIN;
  switch (expr->op) {
    case DIM_ADD: return sat_add(a, b);
    case DIM_MUL: return sat_mul(a, b);
    case DIM_FLOORDIV: return floordiv(a, b);
    case DIM_CEILDIV: return ceildiv(a, b);
    case DIM_MIN: return a < b ? a : b;
    case DIM_MAX: return a > b ? a : b;
    case DIM_SYMBOL:
    case DIM_CONST: break;
  }
  return INT64_MIN;
}

leat_dim leat__dim_subst(leat_graph *graph, leat_dim dim, const leat_dim *map, const bool *known) {
  if (dim >= 0) return dim;
  leat_dim_expr expr = *leat__dim_expr(graph, dim);
  if (expr.op == DIM_CONST) return dim;
  if (expr.op == DIM_SYMBOL) return known[leat__dim_slot(dim)] ? map[leat__dim_slot(dim)] : dim;
  leat_dim a = leat__dim_subst(graph, expr.a, map, known);
  leat_dim b = leat__dim_subst(graph, expr.b, map, known);
  return apply(graph, expr.op, a, b);
}

bool leat__dim_is_known(const leat_graph *graph, leat_dim dim, const bool *known) {
  if (dim >= 0) return true;
  const leat_dim_expr *expr = leat__dim_expr(graph, dim);
  if (expr->op == DIM_SYMBOL) return known[leat__dim_slot(dim)];
  return expr->op == DIM_CONST ||
         (leat__dim_is_known(graph, expr->a, known) && leat__dim_is_known(graph, expr->b, known));
}

leat_dim leat__dim_sub(leat_graph *graph, leat_dim a, leat_dim b) {
  return leat_dim_add(graph, a, leat_dim_mul(graph, b, literal(graph, -1)));
}

leat_dim leat__shape_count(leat_graph *graph, const leat_shape *shape) {
  leat_dim count = 1;
  for (int i = 0; i < shape->rank; i++) count = leat_dim_mul(graph, count, shape->dims[i]);
  return count;
}

// --- Text ---------------------------------------------------------------------------------------
static void print_call(const leat_graph *graph, const char *name, const leat_dim_expr *expr,
                       leat_buf *buf) {
  leat_buf_fmt(buf, "%s(", name);
  leat__print_dim(graph, expr->a, buf);
  leat_buf_c(buf, ", ");
  leat__print_dim(graph, expr->b, buf);
  leat_buf_char(buf, ')');
}

static void print_infix(const leat_graph *graph, const char *op, const leat_dim_expr *expr,
                        leat_buf *buf) {
  bool wrap_a = op[0] == '*' && is_op(graph, expr->a, DIM_ADD);
  bool wrap_b = op[0] == '*' && is_op(graph, expr->b, DIM_ADD);
  if (wrap_a) leat_buf_char(buf, '(');
  leat__print_dim(graph, expr->a, buf);
  if (wrap_a) leat_buf_char(buf, ')');
  leat_buf_c(buf, op);
  if (wrap_b) leat_buf_char(buf, '(');
  leat__print_dim(graph, expr->b, buf);
  if (wrap_b) leat_buf_char(buf, ')');
}

void leat__print_dim(const leat_graph *graph, leat_dim dim, leat_buf *buf) {
  if (dim >= 0) {
    leat_buf_fmt(buf, "%" PRId64, dim);
    return;
  }
  const leat_dim_expr *expr = leat__dim_expr(graph, dim);
  switch (expr->op) {
    case DIM_SYMBOL: leat_buf_c(buf, expr->name); break;
    case DIM_CONST: leat_buf_fmt(buf, "%" PRId64, expr->a); break;
    case DIM_ADD: print_infix(graph, leat__dim_is_bad(graph, expr->b) ? "" : "+", expr, buf); break;
    case DIM_MUL: print_infix(graph, "*", expr, buf); break;
    case DIM_FLOORDIV: print_call(graph, "floordiv", expr, buf); break;
    case DIM_CEILDIV: print_call(graph, "ceildiv", expr, buf); break;
    case DIM_MIN: print_call(graph, "min", expr, buf); break;
    case DIM_MAX: print_call(graph, "max", expr, buf); break;
  }
}

void leat__print_shape(const leat_graph *graph, const leat_shape *shape, leat_buf *buf) {
  leat_buf_char(buf, '[');
  for (int i = 0; i < shape->rank; i++) {
    if (i) leat_buf_c(buf, ", ");
    leat__print_dim(graph, shape->dims[i], buf);
  }
  leat_buf_char(buf, ']');
}

void leat__print_type(const leat_graph *graph, const leat_type *type, leat_buf *buf) {
  leat_buf_c(buf, leat_dtype_name(type->dtype));
  leat__print_shape(graph, &type->shape, buf);
}
