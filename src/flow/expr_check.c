// Types of expressions: fields and functions are found, arguments fitted, the tree built.
// SPDX-License-Identifier: Apache-2.0
#include "flow/expr_impl.h"

#include <stdio.h>
#include <strings.h>

// Operators: done by the evaluator itself, column by column (row and vec unset).
const expr_fn leat__expr_operators[] = {
    {"+", "ii", 'i', .help = "Sum."},
    {"+", "dd", 'd', .help = "Sum."},
    {"+", "ti", 't', .help = "A time later by an interval."},
    {"+", "it", 't', .help = "A time later by an interval."},
    {"-", "ii", 'i', .help = "Difference."},
    {"-", "dd", 'd', .help = "Difference."},
    {"-", "ti", 't', .help = "A time earlier by an interval."},
    {"-", "tt", 'i', .help = "Milliseconds between times."},
    {"-", "i", 'i', .help = "Negative."},
    {"-", "d", 'd', .help = "Negative."},
    {"*", "ii", 'i', .help = "Product."},
    {"*", "dd", 'd', .help = "Product."},
    {"/", "ii", 'i', .help = "Quotient, towards 0."},
    {"/", "dd", 'd', .help = "Quotient."},
    {"%", "ii", 'i', .help = "Rest, with the sign of the first."},
    {"%", "dd", 'd', .help = "Rest, with the sign of the first."},
#define COMPARE(name, text)                                             \
  {name, "ii", 'b', .help = text}, {name, "dd", 'b', .help = text},     \
      {name, "ss", 'b', .help = text}, {name, "tt", 'b', .help = text}, \
      {name, "bb", 'b', .help = text}, {                                \
    name, "yy", 'b', .help = text                                       \
  }
    COMPARE("=", "Equal."),
    COMPARE("<>", "Not equal."),
    COMPARE("<", "Less; texts byte by byte."),
    COMPARE("<=", "Less or equal."),
    COMPARE(">", "Greater."),
    COMPARE(">=", "Greater or equal."),
    {0}};

// --- Errors -------------------------------------------------------------------------------------
expr leat__expr_error(expr_builder *b, size_t at, const char *fmt, ...) {
  if (b->failed) return NULL;
  char message[sizeof b->err->message];
  va_list args;
  va_start(args, fmt);
  vsnprintf(message, sizeof message, fmt, args);
  va_end(args);
  b->failed = true;
  b->at = at;
  leat_error_set(b->err, LEAT_INVALID_ARGUMENT, "%s", message);
  return NULL;
}

expr leat__expr_no_memory(expr_builder *b) {
  if (b->failed) return NULL;
  b->failed = true;
  leat__oom(b->err, sizeof(leat_flow_expr));
  return NULL;
}

static leat_flow_expr *node(expr_builder *b, expr_kind kind, size_t at, const expr *args,
                            int count) {
  if (b->failed) return NULL;
  for (int i = 0; i < count; i++)
    if (!args[i]) return NULL;
  leat_flow_expr *x = leat_arena_alloc(b->arena, sizeof *x);
  if (!x) return leat__expr_no_memory(b), NULL;
  *x = (leat_flow_expr){.kind = kind, .at = at, .count = count, .size = 1};
  for (int i = 0; i < count && x->size <= EXPR_NODES; i++) x->size += args[i]->size;
  if (x->size > EXPR_NODES) {
    leat__expr_error(b, at, "an expression of over %d parts; join with a collection instead",
                     EXPR_NODES);
    return NULL;
  }
  if (count) x->args = leat_arena_copy(b->arena, args, (size_t)count * sizeof *args);
  if (count && !x->args) return leat__expr_no_memory(b), NULL;
  return x;
}

// --- Leaves -------------------------------------------------------------------------------------
static expr no_field(expr_builder *b, size_t at, leat_str name, const leat_flow_field *fields,
                     int count) {
  leat_str *names = leat_arena_alloc(b->arena, (size_t)(count + 1) * sizeof *names);
  if (!names) return leat__expr_no_memory(b);
  for (int i = 0; i < count; i++) names[i] = fields[i].name;
  leat_str near = leat_str_nearest(name, names, (size_t)count);
  if (near.len)
    return leat__expr_error(b, at, "no field '%.*s'; nearest: '%.*s'", LEAT_STR_ARG(name),
                            LEAT_STR_ARG(near));
  leat_buf list = {.max = 400};
  for (int i = 0; i < count; i++)
    leat_buf_fmt(&list, "%s%.*s", i ? ", " : "", LEAT_STR_ARG(names[i]));
  leat__expr_error(b, at, "no field '%.*s'; there are: %s", LEAT_STR_ARG(name),
                   list.len ? list.ptr : "none");
  return leat_buf_deinit(&list), NULL;
}

static expr field_of(expr_builder *b, size_t at, const leat_flow_field *fields, int count,
                     leat_str name, expr in) {
  int i = leat_flow_schema_find(&(leat_flow_schema){fields, count}, name);
  if (i < 0) return no_field(b, at, name, fields, count);
  leat_flow_expr *x = node(b, EXPR_FIELD, at, &in, in ? 1 : 0);
  if (!x) return NULL;
  x->field = i;
  x->type = fields[i];
  if (in) x->type.nullable |= in->type.nullable;
  x->type.name = (leat_str){0};
  return x;
}

expr leat__expr_field(expr_builder *b, size_t at, leat_str name) {
  return b->failed ? NULL : field_of(b, at, b->schema->fields, b->schema->count, name, NULL);
}

expr leat__expr_member(expr_builder *b, size_t at, expr row, leat_str name) {
  if (!row || b->failed) return NULL;
  if (row->type.type != LEAT_FLOW_TYPE_ROW)
    return leat__expr_error(b, at, "'.%.*s' of a %s: only a row has fields", LEAT_STR_ARG(name),
                            leat_flow_type_name(row->type.type));
  return field_of(b, at, row->type.fields, row->type.field_count, name, row);
}

expr leat__expr_const(expr_builder *b, size_t at, leat_flow_type type, expr_value value) {
  leat_flow_expr *x = node(b, EXPR_CONST, at, NULL, 0);
  if (!x) return NULL;
  x->type.type = type;
  x->value = value;
  return x;
}

expr leat__expr_null(expr_builder *b, size_t at) {
  leat_flow_expr *x = node(b, EXPR_CONST, at, NULL, 0);
  if (!x) return NULL;
  x->type = (leat_flow_field){.type = LEAT_FLOW_TYPES, .nullable = true};
  return x;
}

// --- Casts --------------------------------------------------------------------------------------
static bool is_int(leat_flow_type t) {
  return t == LEAT_FLOW_TYPE_INT32 || t == LEAT_FLOW_TYPE_INT64;
}
static bool is_real(leat_flow_type t) {
  return t == LEAT_FLOW_TYPE_FLOAT || t == LEAT_FLOW_TYPE_DOUBLE;
}
static bool is_nested(leat_flow_type t) {
  return t == LEAT_FLOW_TYPE_LIST || t == LEAT_FLOW_TYPE_ROW;
}

static const char *type_of(expr x) {
  return x->type.type == LEAT_FLOW_TYPES ? "null" : leat_flow_type_name(x->type.type);
}

bool leat__expr_type_named(leat_str name, leat_flow_type *out) {
  static const struct {
    const char *name;
    leat_flow_type type;
  } names[] = {{"BOOLEAN", LEAT_FLOW_TYPE_BOOL},       {"BOOL", LEAT_FLOW_TYPE_BOOL},
               {"INT", LEAT_FLOW_TYPE_INT32},          {"INTEGER", LEAT_FLOW_TYPE_INT32},
               {"INT32", LEAT_FLOW_TYPE_INT32},        {"BIGINT", LEAT_FLOW_TYPE_INT64},
               {"INT64", LEAT_FLOW_TYPE_INT64},        {"REAL", LEAT_FLOW_TYPE_FLOAT},
               {"FLOAT", LEAT_FLOW_TYPE_FLOAT},        {"DOUBLE", LEAT_FLOW_TYPE_DOUBLE},
               {"FLOAT64", LEAT_FLOW_TYPE_DOUBLE},     {"VARCHAR", LEAT_FLOW_TYPE_STRING},
               {"STRING", LEAT_FLOW_TYPE_STRING},      {"TEXT", LEAT_FLOW_TYPE_STRING},
               {"CHAR", LEAT_FLOW_TYPE_STRING},        {"BYTES", LEAT_FLOW_TYPE_BYTES},
               {"VARBINARY", LEAT_FLOW_TYPE_BYTES},    {"TIMESTAMP", LEAT_FLOW_TYPE_TIMESTAMP},
               {"DATETIME", LEAT_FLOW_TYPE_TIMESTAMP}, {"DATE", LEAT_FLOW_TYPE_TIMESTAMP}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (name.len != strlen(names[i].name) || strncasecmp(name.ptr, names[i].name, name.len))
      continue;
    return *out = names[i].type, true;
  }
  return false;
}

static bool castable(leat_flow_type from, leat_flow_type to) {
  if (from == to || from == LEAT_FLOW_TYPES) return true;
  if (is_nested(from) || is_nested(to)) return false;
  if (from == LEAT_FLOW_TYPE_BYTES || to == LEAT_FLOW_TYPE_BYTES)
    return from == LEAT_FLOW_TYPE_STRING || to == LEAT_FLOW_TYPE_STRING;
  if (from == LEAT_FLOW_TYPE_TIMESTAMP || to == LEAT_FLOW_TYPE_TIMESTAMP)
    return from == LEAT_FLOW_TYPE_STRING || to == LEAT_FLOW_TYPE_STRING;
  return true;
}

expr leat__expr_cast(expr_builder *b, size_t at, expr x, leat_flow_type type, bool quiet) {
  if (!x || b->failed) return NULL;
  if (x->type.type == type) return x;
  if (!castable(x->type.type, type))
    return leat__expr_error(b, at, "a %s cannot be cast to %s%s", type_of(x),
                            leat_flow_type_name(type),
                            type == LEAT_FLOW_TYPE_TIMESTAMP && is_int(x->type.type)
                                ? "; use TIMESTAMP_MILLIS or TIMESTAMP_SECONDS"
                                : "");
  leat_flow_expr *out = node(b, EXPR_CAST, at, &x, 1);
  if (!out) return NULL;
  bool null = x->type.nullable || quiet;
  out->type = (leat_flow_field){.type = type, .nullable = null};
  out->quiet = quiet;
  return out;
}

// The one type that two values have in common; false: none.
static bool unify(leat_flow_type a, leat_flow_type b, leat_flow_type *out) {
  if (a == LEAT_FLOW_TYPES) a = b;
  if (b == LEAT_FLOW_TYPES) b = a;
  bool numbers = (is_int(a) || is_real(a)) && (is_int(b) || is_real(b));
  if (a != b && !numbers) return false;
  if (a == b)
    *out = a;
  else
    *out = is_int(a) && is_int(b) ? LEAT_FLOW_TYPE_INT64 : LEAT_FLOW_TYPE_DOUBLE;
  return true;
}

// --- Logic --------------------------------------------------------------------------------------
static expr as_bool(expr_builder *b, expr x, const char *where) {
  if (!x) return NULL;
  if (x->type.type == LEAT_FLOW_TYPES)
    return leat__expr_cast(b, x->at, x, LEAT_FLOW_TYPE_BOOL, false);
  if (x->type.type == LEAT_FLOW_TYPE_BOOL) return x;
  return leat__expr_error(b, x->at, "%s wants a bool, this is a %s", where, type_of(x));
}

expr leat__expr_logic(expr_builder *b, size_t at, expr_kind kind, const expr *args, int count) {
  static const char *const names[] = {
      [EXPR_AND] = "AND", [EXPR_OR] = "OR", [EXPR_NOT] = "NOT", [EXPR_IS_NULL] = ""};
  leat_flow_expr *x = node(b, kind, at, args, count);
  if (!x) return NULL;
  x->type.type = LEAT_FLOW_TYPE_BOOL;
  if (kind == EXPR_IS_NULL) return x;
  for (int i = 0; i < count; i++) {
    if (!(x->args[i] = as_bool(b, args[i], names[kind]))) return NULL;
    x->type.nullable |= args[i]->type.nullable;
  }
  return x;
}

// The arguments that a CASE or COALESCE gives one of.
static int choices(const leat_flow_expr *x) {
  return x->kind == EXPR_CASE ? (x->count - 1) / 2 + 1 : x->count;
}

static expr *choice(const leat_flow_expr *x, int i) {
  if (x->kind != EXPR_CASE) return &x->args[i];
  return &x->args[i < (x->count - 1) / 2 ? 2 * i + 1 : x->count - 1];
}

// Casts them to what they have in common.
static bool same_types(expr_builder *b, leat_flow_expr *x) {
  leat_flow_type type = LEAT_FLOW_TYPES;
  for (int i = 0; i < choices(x); i++) {
    expr arg = *choice(x, i);
    if (unify(type, arg->type.type, &type)) continue;
    leat__expr_error(b, arg->at, "a %s where the values before are of type %s", type_of(arg),
                     leat_flow_type_name(type));
    return false;
  }
  if (is_nested(type)) {
    leat__expr_error(b, x->at, "a %s cannot be chosen", leat_flow_type_name(type));
    return false;
  }
  for (int i = 0; type != LEAT_FLOW_TYPES && i < choices(x); i++) {
    expr *arg = choice(x, i);
    if (!(*arg = leat__expr_cast(b, (*arg)->at, *arg, type, false))) return false;
  }
  x->type.type = type;
  return true;
}

expr leat__expr_case(expr_builder *b, size_t at, const expr *args, int count) {
  expr *with_else = leat_arena_alloc(b->arena, ((size_t)count + 1) * sizeof *with_else);
  if (!with_else) return leat__expr_no_memory(b);
  for (int i = 0; i < count; i++) with_else[i] = args[i];
  if (count % 2 == 0) with_else[count++] = leat__expr_null(b, at);
  leat_flow_expr *x = node(b, EXPR_CASE, at, with_else, count);
  if (!x) return NULL;
  for (int i = 0; i + 1 < count; i += 2)
    if (!(x->args[i] = as_bool(b, x->args[i], "WHEN"))) return NULL;
  for (int i = 0; i < choices(x); i++) x->type.nullable |= (*choice(x, i))->type.nullable;
  return same_types(b, x) ? x : NULL;
}

expr leat__expr_coalesce(expr_builder *b, size_t at, const expr *args, int count) {
  leat_flow_expr *x = node(b, EXPR_COALESCE, at, args, count);
  if (!x) return NULL;
  x->type.nullable = true;
  for (int i = 0; i < count; i++) x->type.nullable &= args[i]->type.nullable;
  return same_types(b, x) ? x : NULL;
}

// --- Calls --------------------------------------------------------------------------------------
static const struct {
  char letter;
  leat_flow_type type;
} letters[] = {{'b', LEAT_FLOW_TYPE_BOOL},   {'i', LEAT_FLOW_TYPE_INT64},
               {'d', LEAT_FLOW_TYPE_DOUBLE}, {'s', LEAT_FLOW_TYPE_STRING},
               {'y', LEAT_FLOW_TYPE_BYTES},  {'t', LEAT_FLOW_TYPE_TIMESTAMP},
               {'l', LEAT_FLOW_TYPE_LIST},  // of texts
               {'L', LEAT_FLOW_TYPE_LIST}};

static leat_flow_type type_of_letter(char letter) {
  for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
    if (letters[i].letter == letter) return letters[i].type;
  return LEAT_FLOW_TYPES;
}

// What it costs to pass a value where a letter is wanted: 0 as it is, 1 widened, -1 not at all.
static int fit(expr x, char letter) {
  leat_flow_type have = x->type.type, want = type_of_letter(letter);
  if (have == want) return letter != 'l' || x->type.fields->type == LEAT_FLOW_TYPE_STRING ? 0 : -1;
  if (have == LEAT_FLOW_TYPES) return 0;
  if (have == LEAT_FLOW_TYPE_INT32 && want == LEAT_FLOW_TYPE_INT64) return 0;
  if (have == LEAT_FLOW_TYPE_FLOAT && want == LEAT_FLOW_TYPE_DOUBLE) return 0;
  return is_int(have) && want == LEAT_FLOW_TYPE_DOUBLE ? 1 : -1;
}

static int fit_all(const expr_fn *fn, const expr *args, int count) {
  const char *want = fn->args;
  int cost = 0;
  for (int i = 0; i < count; i++) {
    if (!*want) return -1;
    int one = fit(args[i], *want);
    if (one < 0) return -1;
    cost += one;
    if (want[1] != '*') want++;
  }
  return !*want || want[1] == '*' ? cost : -1;
}

const expr_fn *leat__expr_fn_at(int index) {
  const expr_fn *const tables[] = {leat__expr_operators, leat__expr_fns, leat__expr_date_fns};
  for (int t = 0; t < 3; t++) {
    for (const expr_fn *fn = tables[t]; fn->name; fn++)
      if (!index--) return fn;
  }
  return NULL;
}

static bool named(const expr_fn *fn, leat_str name) {
  return strlen(fn->name) == name.len && !strncasecmp(fn->name, name.ptr, name.len);
}

static expr no_function(expr_builder *b, size_t at, leat_str name) {
  leat_str names[512];
  char upper[64];
  size_t count = 0, n = 0;
  for (int i = 0; leat__expr_fn_at(i) && count < 512; i++)
    names[count++] = leat_str_of(leat__expr_fn_at(i)->name);
  for (; n < name.len && n < sizeof upper; n++)
    upper[n] = (char)(name.ptr[n] >= 'a' && name.ptr[n] <= 'z' ? name.ptr[n] - 32 : name.ptr[n]);
  leat_str near = leat_str_nearest((leat_str){upper, n}, names, count);
  return near.len ? leat__expr_error(b, at, "no function %.*s; nearest: %.*s", LEAT_STR_ARG(name),
                                     LEAT_STR_ARG(near))
                  : leat__expr_error(b, at, "no function %.*s", LEAT_STR_ARG(name));
}

static expr no_overload(expr_builder *b, size_t at, leat_str name, const expr *args, int count) {
  leat_buf have = {.max = 300}, want = {.max = 300};
  for (int i = 0; i < count; i++) leat_buf_fmt(&have, "%s%s", i ? ", " : "", type_of(args[i]));
  const expr_fn *fn;
  for (int k = 0; (fn = leat__expr_fn_at(k)); k++) {
    if (!named(fn, name)) continue;
    leat_buf_c(&want, want.len ? " or (" : "(");
    for (const char *c = fn->args; *c; c++) {
      if (*c == '*')
        leat_buf_c(&want, " ...");
      else
        leat_buf_fmt(&want, "%s%s", c > fn->args ? ", " : "",
                     leat_flow_type_name(type_of_letter(*c)));
    }
    leat_buf_char(&want, ')');
  }
  leat__expr_error(b, at, "%.*s of (%s); wanted: %s", LEAT_STR_ARG(name), have.len ? have.ptr : "",
                   want.len ? want.ptr : "()");
  leat_buf_deinit(&have);
  leat_buf_deinit(&want);
  return NULL;
}

static const leat_flow_field text_item = {.type = LEAT_FLOW_TYPE_STRING};

static expr call_of(expr_builder *b, size_t at, const expr_fn *fn, const expr *args, int count) {
  leat_flow_expr *x = node(b, EXPR_CALL, at, args, count);
  if (!x) return NULL;
  const char *want = fn->args;
  x->fn = fn;
  x->type.type = type_of_letter(fn->result);
  x->type.nullable = fn->nullable;
  if (fn->result == 'l') x->type.fields = &text_item, x->type.field_count = 1;
  for (int i = 0; i < count; i++) {
    leat_flow_type type = type_of_letter(*want);
    bool as_it_is = (is_int(args[i]->type.type) && type == LEAT_FLOW_TYPE_INT64) ||
                    (is_real(args[i]->type.type) && type == LEAT_FLOW_TYPE_DOUBLE) ||
                    type == LEAT_FLOW_TYPE_LIST;
    if (!as_it_is && !(x->args[i] = leat__expr_cast(b, args[i]->at, args[i], type, false)))
      return NULL;
    x->type.nullable |= args[i]->type.nullable;
    if (want[1] != '*') want++;
  }
  if (fn->regex && args[1]->kind != EXPR_CONST)
    return leat__expr_error(b, args[1]->at, "the regular expression must be a literal");
  return x;
}

expr leat__expr_call(expr_builder *b, size_t at, leat_str name, const expr *args, int count) {
  const expr_fn *fn, *best = NULL;
  bool found = false;
  int cost = 0;
  if (b->failed) return NULL;
  for (int i = 0; i < count; i++)
    if (!args[i]) return NULL;
  for (int k = 0; (fn = leat__expr_fn_at(k)); k++) {
    if (!named(fn, name)) continue;
    found = true;
    int c = fit_all(fn, args, count);
    if (c >= 0 && (!best || c < cost)) best = fn, cost = c;
  }
  if (!found) return no_function(b, at, name);
  if (!best) return no_overload(b, at, name, args, count);
  return call_of(b, at, best, args, count);
}
