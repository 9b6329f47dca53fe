// Evaluation of expressions: a slice of rows at a time, a plain array for each part of the tree.
// SPDX-License-Identifier: Apache-2.0
//
//   part: values of EXPR_ROWS rows | nulls, a byte each | two masks of rows
//
// A mask says which rows are asked for: others may hold anything and cannot fail. A row that fails
// is null from there on, and marked in the eval.
#include "flow/expr_graph.h"

#include "base/vec.h"
#include "engine/vec.h"

#include <math.h>
#include <regex.h>

enum { EXPR_ROWS = 1024, MESSAGES = 64 };  // texts kept for each run's failures of one kind

typedef struct part part;
struct part {
  const leat_flow_expr *x;
  part **args;
  void *values;    // BOOL: bytes; INT32, INT64, TIMESTAMP: int64_t; FLOAT, DOUBLE: double; texts:
                   // leat_str; LIST: expr_list
  uint8_t *nulls;  // 1: the row has no value
  uint8_t *mask, *mask2;
  void *own_values;  // where it computes; `values` may also lie in the batch
  regex_t *regex;
};

typedef struct result {  // an expression of the eval
  part *root;
  int field;   // the column is shared
  bool fused;  // in the graph
  leat_buf bytes;
} result;

struct leat_flow_eval {
  result *results;
  int count;
  const leat_flow_expr *const *exprs;  // copied
  leat_flow_fused *graph;              // NULL: none of them, or not asked for yet
  bool asked;
  bool done;  // by the graph, in the last run
  leat_arena arena, texts, messages;
  LEAT_VEC(regex_t *) regexes;
  const leat_flow_batch *batch;
  int from, rows;                 // the slice
  LEAT_VEC(const char *) failed;  // by row of the batch
  int failures;
  bool no_memory;
};

// --- Life ---------------------------------------------------------------------------------------
static size_t value_bytes(leat_flow_type type) {
  switch (type) {
    case LEAT_FLOW_TYPE_BOOL: return 1;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: return sizeof(leat_str);
    case LEAT_FLOW_TYPE_LIST: return sizeof(expr_list);
    case LEAT_FLOW_TYPE_ROW: return 0;
    default: return 8;
  }
}

static leat_status make_regex(leat_flow_eval *e, part *p, leat_error *err) {
  leat_str pattern = p->x->args[1]->value.s;
  char *text = leat_arena_str(&e->arena, pattern);
  regex_t *regex = leat_arena_alloc(&e->arena, sizeof *regex);
  if (!text || !regex || !leat_vec_reserve(&e->regexes, 1)) return leat__oom(err, sizeof *regex);
  int code = regcomp(regex, text, REG_EXTENDED);
  char why[100];
  if (code) {
    regerror(code, regex, why, sizeof why);
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "'%s' is no regular expression: %s", text,
                          why);
  }
  e->regexes.at[e->regexes.count++] = p->regex = regex;
  return LEAT_OK;
}

static void fill_constant(part *p) {
  const expr_value *v = &p->x->value;
  for (int i = 0; i < EXPR_ROWS; i++) {
    p->nulls[i] = p->x->type.nullable;
    switch (p->x->type.type) {
      case LEAT_FLOW_TYPE_BOOL: ((uint8_t *)p->values)[i] = v->b; break;
      case LEAT_FLOW_TYPE_STRING:
      case LEAT_FLOW_TYPE_BYTES: ((leat_str *)p->values)[i] = v->s; break;
      case LEAT_FLOW_TYPE_DOUBLE: ((double *)p->values)[i] = v->d; break;
      default: ((int64_t *)p->values)[i] = v->i; break;
    }
  }
}

static leat_status make_part(leat_flow_eval *e, const leat_flow_expr *x, part **out,
                             leat_error *err) {
  part *p = leat_arena_alloc(&e->arena, sizeof *p);
  size_t bytes = value_bytes(x->type.type) * EXPR_ROWS;
  if (p) {
    p->args = leat_arena_alloc(&e->arena, ((size_t)x->count + 1) * sizeof *p->args);
    p->values = p->own_values = leat_arena_alloc(&e->arena, bytes + 64);
    p->nulls = leat_arena_alloc(&e->arena, 3 * EXPR_ROWS);
  }
  if (!p || !p->args || !p->values || !p->nulls) return leat__oom(err, bytes);
  p->x = x;
  p->mask = p->nulls + EXPR_ROWS;
  p->mask2 = p->mask + EXPR_ROWS;
  if (x->kind == EXPR_CONST) fill_constant(p);
  for (int i = 0; i < x->count; i++) {
    leat_status status = make_part(e, x->args[i], &p->args[i], err);
    if (status) return status;
  }
  *out = p;
  return x->kind == EXPR_CALL && x->fn->regex ? make_regex(e, p, err) : LEAT_OK;
}

leat_status leat_flow_eval_new(leat_flow_eval **out, const leat_flow_expr *const *exprs, int count,
                               leat_error *err) {
  leat_flow_eval *e = leat__calloc(1, sizeof *e);
  if (!e) return leat__oom(err, sizeof *e);
  e->count = count;
  e->results = leat_arena_alloc(&e->arena, ((size_t)count + 1) * sizeof *e->results);
  e->exprs = leat_arena_copy(&e->arena, exprs, (size_t)count * sizeof *exprs);
  leat_status status = e->results && e->exprs ? LEAT_OK : leat__oom(err, sizeof *e->results);
  for (int i = 0; !status && i < count; i++) {
    e->results[i].field = leat_flow_expr_field(exprs[i]);
    status = make_part(e, exprs[i], &e->results[i].root, err);
  }
  if (status) return leat_flow_eval_free(e), status;
  return *out = e, LEAT_OK;
}

void leat_flow_eval_free(leat_flow_eval *e) {
  if (!e) return;
  leat__fused_free(e->graph);
  for (int i = 0; e->results && i < e->count; i++) leat_buf_deinit(&e->results[i].bytes);
  for (size_t i = 0; i < e->regexes.count; i++) regfree(e->regexes.at[i]);
  leat_vec_deinit(&e->regexes);
  leat_vec_deinit(&e->failed);
  leat_arena_deinit(&e->arena);
  leat_arena_deinit(&e->texts);
  leat_arena_deinit(&e->messages);
  leat__free(e);
}

bool leat_flow_eval_used_graph(const leat_flow_eval *e) { return e->done; }

int leat_flow_eval_failures(const leat_flow_eval *e) { return e->failures; }

const char *leat_flow_eval_failure(const leat_flow_eval *e, int row) { return e->failed.at[row]; }

// --- Failures -----------------------------------------------------------------------------------
static void fail_row(leat_flow_eval *e, part *p, int i, const char *why) {
  p->nulls[i] = 1;
  const char **at = &e->failed.at[e->from + i];
  if (*at) return;
  size_t n = strlen(why);
  char *copy = leat_arena_copy(&e->messages, why, n + 1);
  if (!copy) e->no_memory = true;
  *at = copy ? copy : "out of memory";
  e->failures++;
}

static bool asked(const uint8_t *mask, int i) { return !mask || mask[i]; }

// --- Fields -------------------------------------------------------------------------------------
static const leat_flow_column *column_of(leat_flow_eval *e, const part *p) {
  if (!p->x->count) return &e->batch->columns[p->x->field];
  return &column_of(e, p->args[0])->children[p->x->field];
}

static void read_nulls(leat_flow_eval *e, const part *p, uint8_t *nulls) {
  const uint8_t *bits = column_of(e, p)->validity;
  if (p->x->count)
    read_nulls(e, p->args[0], nulls);
  else
    memset(nulls, 0, (size_t)e->rows);
  if (!bits) return;
  for (int i = 0, r = e->from; i < e->rows; i++, r++) nulls[i] |= !(bits[r >> 3] >> (r & 7) & 1);
}

static void read_list(leat_flow_eval *e, part *p, const leat_flow_column *c) {
  const int32_t *offsets = c->values;
  expr_list *to = p->own_values;
  int32_t first = offsets[e->from], end = offsets[e->from + e->rows];
  if (p->x->type.fields->type != LEAT_FLOW_TYPE_STRING) {  // only their number is asked for
    for (int i = 0, r = e->from; i < e->rows; i++, r++)
      to[i] = (expr_list){NULL, (size_t)(offsets[r + 1] - offsets[r])};
    return;
  }
  leat_str *items = leat_arena_alloc(&e->texts, (size_t)(end - first + 1) * sizeof *items);
  if (!items) {
    e->no_memory = true;
    return;
  }
  for (int32_t i = first; i < end; i++)
    items[i - first] =
        leat_flow_is_valid(c->children, i) ? leat_flow_text(c->children, i) : (leat_str){0};
  for (int i = 0, r = e->from; i < e->rows; i++, r++)
    to[i] = (expr_list){items + (offsets[r] - first), (size_t)(offsets[r + 1] - offsets[r])};
}

static void read_field(leat_flow_eval *e, part *p) {
  const leat_flow_column *c = column_of(e, p);
  int n = e->rows, from = e->from;
  read_nulls(e, p, p->nulls);
  p->values = p->own_values;
  switch (p->x->type.type) {
    case LEAT_FLOW_TYPE_INT64:
    case LEAT_FLOW_TYPE_TIMESTAMP:
    case LEAT_FLOW_TYPE_DOUBLE: p->values = (int64_t *)c->values + from; break;
    case LEAT_FLOW_TYPE_INT32:
      for (int i = 0; i < n; i++)
        ((int64_t *)p->values)[i] = ((const int32_t *)c->values)[from + i];
      break;
    case LEAT_FLOW_TYPE_FLOAT:
      for (int i = 0; i < n; i++)
        ((double *)p->values)[i] = (double)((const float *)c->values)[from + i];
      break;
    case LEAT_FLOW_TYPE_BOOL:
      for (int i = 0; i < n; i++) ((uint8_t *)p->values)[i] = leat_flow_bool(c, from + i);
      break;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES:
      for (int i = 0; i < n; i++) ((leat_str *)p->values)[i] = leat_flow_text(c, from + i);
      break;
    case LEAT_FLOW_TYPE_LIST: read_list(e, p, c); break;
    default: break;
  }
}

// --- Choices ------------------------------------------------------------------------------------
static void eval(leat_flow_eval *e, part *p, const uint8_t *mask);

static void copy_mask(leat_flow_eval *e, uint8_t *to, const uint8_t *mask) {
  if (mask)
    memcpy(to, mask, (size_t)e->rows);
  else
    memset(to, 1, (size_t)e->rows);
}

static bool any(const leat_flow_eval *e, const uint8_t *mask) {
  return memchr(mask, 1, (size_t)e->rows);
}

// AND (stop 0) and OR (stop 1): a row is done at the first argument with that value.
static void eval_logic(leat_flow_eval *e, part *p, const uint8_t *mask, uint8_t stop) {
  uint8_t *out = p->own_values, *open = p->mask;
  memset(out, !stop, (size_t)e->rows);
  memset(p->nulls, 0, (size_t)e->rows);
  copy_mask(e, open, mask);
  for (int k = 0; k < p->x->count && any(e, open); k++) {
    const part *arg = p->args[k];
    eval(e, p->args[k], open);
    const uint8_t *value = arg->values;
    for (int i = 0; i < e->rows; i++) {
      if (!open[i]) continue;
      if (arg->nulls[i]) {
        p->nulls[i] = 1;
      } else if (value[i] == stop) {
        out[i] = stop;
        p->nulls[i] = open[i] = 0;
      }
    }
  }
}

static void take_where(leat_flow_eval *e, part *p, const part *from, const uint8_t *where) {
  size_t size = value_bytes(p->x->type.type);
  for (int i = 0; i < e->rows; i++) {
    if (!where[i]) continue;
    memcpy((char *)p->own_values + size * (size_t)i, (const char *)from->values + size * (size_t)i,
           size);
    p->nulls[i] = from->nulls[i];
  }
}

static void eval_case(leat_flow_eval *e, part *p, const uint8_t *mask) {
  uint8_t *open = p->mask, *here = p->mask2;
  copy_mask(e, open, mask);
  int k = 0;
  for (; k + 1 < p->x->count && any(e, open); k += 2) {
    const part *when = p->args[k];
    eval(e, p->args[k], open);
    for (int i = 0; i < e->rows; i++) {
      here[i] = open[i] && !when->nulls[i] && ((const uint8_t *)when->values)[i];
      open[i] &= !here[i];
    }
    if (!any(e, here)) continue;
    eval(e, p->args[k + 1], here);
    take_where(e, p, p->args[k + 1], here);
  }
  if (!any(e, open)) return;
  eval(e, p->args[p->x->count - 1], open);
  take_where(e, p, p->args[p->x->count - 1], open);
}

static void eval_coalesce(leat_flow_eval *e, part *p, const uint8_t *mask) {
  uint8_t *open = p->mask;
  copy_mask(e, open, mask);
  for (int k = 0; k < p->x->count && any(e, open); k++) {
    eval(e, p->args[k], open);
    take_where(e, p, p->args[k], open);
    for (int i = 0; i < e->rows; i++) open[i] &= p->args[k]->nulls[i];
  }
}

static void eval_not(leat_flow_eval *e, part *p) {
  const uint8_t *x = p->args[0]->values;
  for (int i = 0; i < e->rows; i++) ((uint8_t *)p->own_values)[i] = !x[i];
  memcpy(p->nulls, p->args[0]->nulls, (size_t)e->rows);
}

static void eval_is_null(leat_flow_eval *e, part *p) {
  memcpy(p->own_values, p->args[0]->nulls, (size_t)e->rows);
  memset(p->nulls, 0, (size_t)e->rows);
}

// --- Row by row ---------------------------------------------------------------------------------
static expr_value value_at(const part *p, int i) {
  switch (value_bytes(p->x->type.type)) {
    case 1: return (expr_value){.b = ((const uint8_t *)p->values)[i]};
    case 8: return (expr_value){.i = ((const int64_t *)p->values)[i]};  // bits of a double, too
    default: break;
  }
  if (p->x->type.type == LEAT_FLOW_TYPE_LIST)
    return (expr_value){.list = ((const expr_list *)p->values)[i]};
  return (expr_value){.s = ((const leat_str *)p->values)[i]};
}

static void put_value(part *p, int i, expr_value v) {
  switch (value_bytes(p->x->type.type)) {
    case 1: ((uint8_t *)p->own_values)[i] = v.b; return;
    case 8: ((int64_t *)p->own_values)[i] = v.i; return;
    default: break;
  }
  if (p->x->type.type == LEAT_FLOW_TYPE_LIST)
    ((expr_list *)p->own_values)[i] = v.list;
  else
    ((leat_str *)p->own_values)[i] = v.s;
}

static void nulls_of_args(leat_flow_eval *e, part *p) {
  uint8_t *to = p->nulls;
  int rows = e->rows;
  memset(to, 0, (size_t)rows);
  for (int k = 0; k < p->x->count; k++) {
    const uint8_t *from = p->args[k]->nulls;
    for (int i = 0; i < rows; i++) to[i] |= from[i];
  }
}

enum { FEW = 8 };

static void eval_rows(leat_flow_eval *e, part *p, const uint8_t *mask) {
  const leat_flow_expr *x = p->x;
  expr_value few[FEW], *args = few, out;
  if (x->count > FEW) args = leat_arena_alloc(&e->texts, (size_t)x->count * sizeof *args);
  if (!args) {
    e->no_memory = true;
    return;
  }
  for (int i = 0; i < e->rows; i++) {
    if (p->nulls[i] || !asked(mask, i)) continue;
    expr_call call;
    call.expr = x;
    call.texts = &e->texts;
    call.regex = p->regex;
    call.null = call.no_memory = false;
    call.message[0] = 0;
    for (int k = 0; k < x->count; k++) args[k] = value_at(p->args[k], i);
    bool good = x->kind == EXPR_CAST
                    ? leat__expr_cast_value(&call, x->args[0]->type.type, x->type.type, *args, &out)
                    : x->fn->row(&call, args, x->count, &out);
    e->no_memory |= call.no_memory;
    if (good && !call.null)
      put_value(p, i, out);
    else if (good || x->quiet)
      p->nulls[i] = 1;
    else
      fail_row(e, p, i, call.message);
  }
}

static bool same_form(leat_flow_type from, leat_flow_type to) {  // of the arrays
  if (from == to || from == LEAT_FLOW_TYPES) return true;
  return (from == LEAT_FLOW_TYPE_INT32 && to == LEAT_FLOW_TYPE_INT64) ||
         (from == LEAT_FLOW_TYPE_FLOAT && to == LEAT_FLOW_TYPE_DOUBLE);
}

static void eval_cast(leat_flow_eval *e, part *p, const uint8_t *mask) {
  leat_flow_type from = p->x->args[0]->type.type, to = p->x->type.type;
  bool from_int = from == LEAT_FLOW_TYPE_INT32 || from == LEAT_FLOW_TYPE_INT64;
  nulls_of_args(e, p);
  p->values = p->own_values;
  if (from == LEAT_FLOW_TYPES) return;  // all are null
  if (same_form(from, to)) {
    p->values = p->args[0]->values;
  } else if (from_int && to == LEAT_FLOW_TYPE_DOUBLE) {
    const int64_t *x = p->args[0]->values;
    for (int i = 0; i < e->rows; i++) ((double *)p->values)[i] = (double)x[i];
  } else {
    eval_rows(e, p, mask);
  }
}

// --- Columns of numbers -------------------------------------------------------------------------
static void fail_where(leat_flow_eval *e, part *p, const uint8_t *bad, const uint8_t *mask,
                       const char *why) {
  for (int i = 0; i < e->rows; i++)
    if (bad[i] && !p->nulls[i] && asked(mask, i)) fail_row(e, p, i, why);
}

static void ints(leat_flow_eval *e, part *p, const uint8_t *mask) {
  const int64_t *x = p->args[0]->values, *y = p->x->count > 1 ? p->args[1]->values : x;
  int64_t *to = p->own_values;
  uint8_t *bad = p->mask, any_bad = 0;
  int n = e->rows;
  bool divides = false;
#define EACH(expression) \
  for (int i = 0; i < n; i++) any_bad |= bad[i] = (expression)
  switch (*p->x->fn->name) {
    case '+': EACH(__builtin_add_overflow(x[i], y[i], &to[i])); break;
    case '*': EACH(__builtin_mul_overflow(x[i], y[i], &to[i])); break;
    case '-':
      if (p->x->count == 1)
        EACH(__builtin_sub_overflow(0, x[i], &to[i]));
      else
        EACH(__builtin_sub_overflow(x[i], y[i], &to[i]));
      break;
    default:
      divides = true;
      bool rest = *p->x->fn->name == '%';
      for (int i = 0; i < n; i++) {
        bool minus = y[i] == -1;
        bad[i] = y[i] == 0 || (minus && x[i] == INT64_MIN && !rest);
        any_bad |= bad[i];
        int64_t by = bad[i] || minus ? 1 : y[i];
        to[i] = rest ? (minus ? 0 : x[i] % by) : minus && !bad[i] ? -x[i] : x[i] / by;
      }
  }
#undef EACH
  if (!any_bad) return;
  for (int i = 0; divides && i < n; i++)
    if (bad[i] && y[i] == 0 && !p->nulls[i] && asked(mask, i))
      fail_row(e, p, i, "division by zero");
  fail_where(e, p, bad, mask, "integer overflow");
}

static void time_bounds(leat_flow_eval *e, part *p, const uint8_t *mask) {
  const int64_t *t = p->own_values;
  for (int i = 0; i < e->rows; i++)
    if (!p->nulls[i] && asked(mask, i) &&
        (t[i] < LEAT_FLOW_TIME_MIN || t[i] > LEAT_FLOW_GLOBAL_MAX))
      fail_row(e, p, i, "the time is out of bounds");
}

// Finite numbers give a finite number, or the row fails.
static void check_finite(leat_flow_eval *e, part *p, const uint8_t *mask) {
  const double *to = p->own_values, *x = p->args[0]->values;
  const double *y = p->x->count > 1 ? p->args[1]->values : x;
  double sum = 0;
  for (int i = 0; i < e->rows; i++) sum += to[i] - to[i];  // 0, or NaN
  if (sum == 0) return;
  for (int i = 0; i < e->rows; i++) {
    if (isfinite(to[i]) || !isfinite(x[i]) || !isfinite(y[i]) || p->nulls[i] || !asked(mask, i))
      continue;
    bool divides = *p->x->fn->name == '/' || *p->x->fn->name == '%';
    fail_row(e, p, i, divides && y[i] == 0 ? "division by zero" : "the result is out of range");
  }
}

static void doubles(leat_flow_eval *e, part *p, const uint8_t *mask) {
  const double *x = p->args[0]->values, *y = p->x->count > 1 ? p->args[1]->values : x;
  double *to = p->own_values;
  int n = e->rows;
  if (p->x->fn->vec) {
    leat__vec()->unary_f64[p->x->fn->vec - 1](to, x, (size_t)n);
  } else {
    switch (*p->x->fn->name) {
      case '+':
        for (int i = 0; i < n; i++) to[i] = x[i] + y[i];
        break;
      case '-':
        if (p->x->count == 1)
          for (int i = 0; i < n; i++) to[i] = -x[i];
        else
          for (int i = 0; i < n; i++) to[i] = x[i] - y[i];
        break;
      case '*':
        for (int i = 0; i < n; i++) to[i] = x[i] * y[i];
        break;
      case '/':
        for (int i = 0; i < n; i++) to[i] = x[i] / y[i];
        break;
      default:
        for (int i = 0; i < n; i++) to[i] = fmod(x[i], y[i]);
    }
  }
  check_finite(e, p, mask);
}

// --- Comparisons --------------------------------------------------------------------------------
typedef enum relation { EQ, NE, LT, LE, GT, GE } relation;

static relation relation_of(const char *name) {
  if (*name == '=') return EQ;
  if (*name == '<') return name[1] == '>' ? NE : name[1] ? LE : LT;
  return name[1] ? GE : GT;
}

#define COMPARE_LOOP(x, y)                              \
  switch (r) {                                          \
    case EQ:                                            \
      for (int i = 0; i < n; i++) to[i] = x[i] == y[i]; \
      break;                                            \
    case NE:                                            \
      for (int i = 0; i < n; i++) to[i] = x[i] != y[i]; \
      break;                                            \
    case LT:                                            \
      for (int i = 0; i < n; i++) to[i] = x[i] < y[i];  \
      break;                                            \
    case LE:                                            \
      for (int i = 0; i < n; i++) to[i] = x[i] <= y[i]; \
      break;                                            \
    case GT:                                            \
      for (int i = 0; i < n; i++) to[i] = x[i] > y[i];  \
      break;                                            \
    case GE:                                            \
      for (int i = 0; i < n; i++) to[i] = x[i] >= y[i]; \
      break;                                            \
  }

static bool holds(relation r, int c) {
  const bool all[] = {c == 0, c != 0, c<0, c <= 0, c> 0, c >= 0};
  return all[r];
}

static void compare(leat_flow_eval *e, part *p, const uint8_t *mask) {
  relation r = relation_of(p->x->fn->name);
  const void *left = p->args[0]->values, *right = p->args[1]->values;
  uint8_t *to = p->own_values;
  int n = e->rows;
  if (*p->x->fn->args == 'd') {
    const double *x = left, *y = right;
    COMPARE_LOOP(x, y)
  } else if (*p->x->fn->args == 'b') {
    const uint8_t *x = left, *y = right;
    COMPARE_LOOP(x, y)
  } else if (*p->x->fn->args == 'i' || *p->x->fn->args == 't') {
    const int64_t *x = left, *y = right;
    COMPARE_LOOP(x, y)
  } else {
    const leat_str *x = left, *y = right;
    for (int i = 0; i < n; i++) {
      if (p->nulls[i] || !asked(mask, i)) continue;
      to[i] = r <= NE ? leat_str_eq(x[i], y[i]) == (r == EQ) : holds(r, leat_str_cmp(x[i], y[i]));
    }
  }
}

static void eval_call(leat_flow_eval *e, part *p, const uint8_t *mask) {
  const expr_fn *fn = p->x->fn;
  nulls_of_args(e, p);
  if (fn->row) {
    eval_rows(e, p, mask);
    if (fn->result == 'd' && p->x->count) check_finite(e, p, mask);
  } else if (fn->result == 'b') {
    compare(e, p, mask);
  } else if (fn->result == 'd') {
    doubles(e, p, mask);
  } else {
    ints(e, p, mask);
    if (fn->result == 't') time_bounds(e, p, mask);
  }
}

static void eval(leat_flow_eval *e, part *p, const uint8_t *mask) {
  expr_kind kind = p->x->kind;
  bool strict = kind == EXPR_CALL || kind == EXPR_CAST || kind == EXPR_NOT || kind == EXPR_IS_NULL;
  for (int k = 0; strict && k < p->x->count; k++) eval(e, p->args[k], mask);
  switch (kind) {
    case EXPR_FIELD: read_field(e, p); break;
    case EXPR_CONST: break;
    case EXPR_CALL: eval_call(e, p, mask); break;
    case EXPR_AND: eval_logic(e, p, mask, 0); break;
    case EXPR_OR: eval_logic(e, p, mask, 1); break;
    case EXPR_NOT: eval_not(e, p); break;
    case EXPR_IS_NULL: eval_is_null(e, p); break;
    case EXPR_CASE: eval_case(e, p, mask); break;
    case EXPR_COALESCE: eval_coalesce(e, p, mask); break;
    case EXPR_CAST: eval_cast(e, p, mask); break;
  }
}

// --- Results ------------------------------------------------------------------------------------
static void *alloc(leat_flow_eval *e, leat_flow_block *block, size_t bytes) {
  void *p = leat_flow_block_alloc(block, bytes);
  if (p)
    memset(p, 0, bytes);
  else
    e->no_memory = true;
  return p;
}

// The columns' arrays; text and items behind them come when they are all there.
static void begin_column(leat_flow_eval *e, const part *p, leat_flow_block *block,
                         leat_flow_column *out) {
  size_t rows = (size_t)e->batch->rows, size = leat_flow_type_bytes(p->x->type.type);
  bool ends = !size && p->x->type.type != LEAT_FLOW_TYPE_BOOL;
  *out = (leat_flow_column){.owner = leat_flow_block_ref(block)};
  out->values = alloc(e, block, ends ? (rows + 1) * 4 : size ? rows * size : (rows + 7) / 8);
  if (p->x->type.nullable) out->validity = alloc(e, block, (rows + 7) / 8);
  if (p->x->type.type != LEAT_FLOW_TYPE_LIST) return;
  out->children = alloc(e, block, sizeof *out->children);
}

static void add_text(leat_buf *bytes, leat_str s) {
  if (s.len) leat_buf_str(bytes, s);
}

static void put_row(leat_flow_eval *e, result *r, leat_flow_column *out, int i) {
  const part *p = r->root;
  int row = e->from + i;
  bool null = p->nulls[i];
  expr_value v = null ? (expr_value){0} : value_at(p, i);
  if (out->validity && !null) out->validity[row >> 3] |= (uint8_t)(1 << (row & 7));
  switch (p->x->type.type) {
    case LEAT_FLOW_TYPE_BOOL:
      ((uint8_t *)out->values)[row >> 3] |= (uint8_t)(v.b << (row & 7));
      break;
    case LEAT_FLOW_TYPE_INT32: ((int32_t *)out->values)[row] = (int32_t)v.i; break;
    case LEAT_FLOW_TYPE_FLOAT: ((float *)out->values)[row] = (float)v.d; break;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES:
      add_text(&r->bytes, v.s);
      ((int32_t *)out->values)[row + 1] = (int32_t)r->bytes.len;
      break;
    case LEAT_FLOW_TYPE_LIST:  // lengths and bytes; ends of the items are found when all are there
      for (size_t k = 0; k < v.list.count; k++) {
        uint32_t n = (uint32_t)v.list.items[k].len;
        leat_buf_add(&r->bytes, &n, sizeof n);
        add_text(&r->bytes, v.list.items[k]);
      }
      ((int32_t *)out->values)[row + 1] = ((int32_t *)out->values)[row] + (int32_t)v.list.count;
      break;
    default: ((int64_t *)out->values)[row] = v.i; break;
  }
}

static void put_rows(leat_flow_eval *e, result *r, leat_flow_column *out) {
  const part *p = r->root;
  bool plain = leat_flow_type_bytes(p->x->type.type) == 8 && !out->validity;
  if (plain && !e->failures)
    memcpy((int64_t *)out->values + e->from, p->values, (size_t)e->rows * 8);
  else
    for (int i = 0; i < e->rows; i++) put_row(e, r, out, i);
}

static void end_list(leat_flow_eval *e, result *r, leat_flow_block *block, leat_flow_column *out) {
  int32_t count = ((const int32_t *)out->values)[e->batch->rows];
  leat_flow_column *items = out->children;
  *items = (leat_flow_column){.owner = block};
  int32_t *ends = items->values = alloc(e, block, ((size_t)count + 1) * sizeof *ends);
  items->bytes = alloc(e, block, r->bytes.len + 1);
  if (!ends || !items->bytes) return;
  const char *from = r->bytes.ptr;
  for (int32_t i = 0; i < count; i++) {
    uint32_t n;
    memcpy(&n, from, sizeof n);
    if (n) memcpy(items->bytes + ends[i], from + sizeof n, n);
    ends[i + 1] = ends[i] + (int32_t)n;
    from += sizeof n + n;
  }
}

static void end_column(leat_flow_eval *e, result *r, leat_flow_block *block,
                       leat_flow_column *out) {
  leat_flow_type type = r->root->x->type.type;
  if (r->bytes.failed) e->no_memory = true;
  if (e->no_memory) return;
  if (type == LEAT_FLOW_TYPE_LIST) {
    end_list(e, r, block, out);
  } else if (type == LEAT_FLOW_TYPE_STRING || type == LEAT_FLOW_TYPE_BYTES) {
    out->bytes = alloc(e, block, r->bytes.len + 1);
    if (out->bytes && r->bytes.len) memcpy(out->bytes, r->bytes.ptr, r->bytes.len);
  }
}

static bool shares(const result *r) { return r->field >= 0; }

// A row or list inside of a row: its column is shared as well, when the rows above have no nulls.
static bool is_nested_field(const result *r) {
  return r->root->x->kind == EXPR_FIELD && !shares(r) &&
         (r->root->x->type.type == LEAT_FLOW_TYPE_ROW ||
          r->root->x->type.type == LEAT_FLOW_TYPE_LIST);
}

static void share_nested(leat_flow_eval *e, result *r, leat_flow_block *block,
                         leat_flow_column *out) {
  const leat_flow_column *from = column_of(e, r->root);
  *out = *from;
  const part *top = r->root;
  while (top->x->count) top = top->args[0];
  leat_flow_block *kept = e->batch->columns[top->x->field].owner;
  out->owner = leat_flow_block_ref(block);
  if (!leat_flow_block_keep(block, kept)) e->no_memory = true;
  out->validity = alloc(e, block, ((size_t)e->batch->rows + 7) / 8);
  for (e->from = 0; out->validity && e->from < e->batch->rows; e->from += EXPR_ROWS) {
    e->rows = e->batch->rows - e->from < EXPR_ROWS ? e->batch->rows - e->from : EXPR_ROWS;
    read_nulls(e, r->root, r->root->nulls);
    for (int i = 0, row = e->from; i < e->rows; i++, row++)
      out->validity[row >> 3] |= (uint8_t)(!r->root->nulls[i] << (row & 7));
  }
}

static void run_slices(leat_flow_eval *e, leat_flow_column *out) {
  int rows = e->batch->rows;
  for (e->from = 0; e->from < rows && !e->no_memory; e->from += EXPR_ROWS) {
    e->rows = rows - e->from < EXPR_ROWS ? rows - e->from : EXPR_ROWS;
    for (int k = 0; k < e->count; k++) {
      result *r = &e->results[k];
      if (shares(r) || is_nested_field(r) || (r->fused && e->done)) continue;
      eval(e, r->root, NULL);
      put_rows(e, r, &out[k]);
    }
    leat_arena_clear(&e->texts);
  }
}

static bool begin_run(leat_flow_eval *e, const leat_flow_batch *batch) {
  size_t rows = (size_t)batch->rows;
  e->batch = batch;
  e->failures = 0;
  e->no_memory = false;
  leat_arena_clear(&e->messages);
  e->failed.count = 0;
  if (!leat_vec_reserve(&e->failed, rows + 1)) return false;
  memset(e->failed.at, 0, rows * sizeof *e->failed.at);
  for (int k = 0; k < e->count; k++) {
    leat_buf_clear(&e->results[k].bytes);
    e->results[k].bytes.max = INT32_MAX;
  }
  return true;
}

// Of the first batch that is worth it: many an eval never sees one.
static leat_status make_graph(leat_flow_eval *e, leat_error *err) {
  bool *taken = leat_arena_alloc(&e->arena, (size_t)e->count + 1);
  if (!taken) return leat__oom(err, (size_t)e->count);
  leat_status status = leat__fused_new(&e->graph, e->exprs, e->count, taken, err);
  for (int i = 0; !status && i < e->count; i++) e->results[i].fused = taken[i];
  return e->asked = !status, status;
}

leat_status leat_flow_eval_run(leat_flow_eval *e, const leat_flow_batch *batch,
                               leat_flow_column *out, leat_error *err) {
  bool many = batch->rows >= LEAT_FLOW_FUSED_LEAST;
  for (int k = 0; k < e->count; k++) out[k] = (leat_flow_column){0};
  leat_status status = many && !e->asked ? make_graph(e, err) : LEAT_OK;
  if (status) return status;
  leat_flow_block *block = begin_run(e, batch) ? leat_flow_block_new() : NULL;
  if (!block) return leat__oom(err, (size_t)batch->rows);
  for (int k = 0; k < e->count; k++) {
    result *r = &e->results[k];
    if (shares(r))
      leat_flow_column_share(&out[k], &batch->columns[r->field]);
    else if (is_nested_field(r))
      share_nested(e, r, block, &out[k]);
    else
      begin_column(e, r->root, block, &out[k]);
  }
  e->done = !e->no_memory && e->graph && many && leat__fused_run(e->graph, batch, out);
  if (!e->no_memory) run_slices(e, out);
  for (int k = 0; k < e->count; k++)
    if (!shares(&e->results[k]) && !is_nested_field(&e->results[k]))
      end_column(e, &e->results[k], block, &out[k]);
  leat_flow_block_unref(block);
  if (!e->no_memory) return LEAT_OK;
  for (int k = 0; k < e->count; k++) {
    leat_flow_block_unref(out[k].owner);
    out[k] = (leat_flow_column){0};
  }
  return leat__oom(err, (size_t)batch->rows);
}
