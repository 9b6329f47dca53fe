// Reading expressions: words, then a parser by precedence that builds the typed tree.
// SPDX-License-Identifier: Apache-2.0
//
//   or < and < not < comparison, IS, IN, BETWEEN, LIKE < || < + - < * / % < unary - < primary
#include "flow/expr_impl.h"

#include "base/vec.h"
#include "formats/number.h"

#include <ctype.h>
#include <strings.h>

typedef enum token_kind { END, WORD, QUOTED_NAME, NUMBER, TEXT, SIGN } token_kind;

typedef struct token {
  token_kind kind;
  leat_str text;  // TEXT and QUOTED_NAME: without quotes
  size_t at;
} token;

enum { DEPTH = 100, ARGS = 1024 };

typedef struct parser {
  expr_builder b;
  leat_str text;
  leat_flow_language language;
  size_t next;  // byte behind the token at hand
  token t;
  int depth;
} parser;

// --- Words --------------------------------------------------------------------------------------
static expr fail_here(parser *p, const char *wanted) {
  if (p->t.kind == END)
    return leat__expr_error(&p->b, p->t.at, "the expression ends where %s is wanted", wanted);
  return leat__expr_error(&p->b, p->t.at, "'" LEAT_STR_FMT "' where %s is wanted",
                          LEAT_STR_ARG(p->t.text), wanted);
}

static bool word_char(char c) { return isalnum((unsigned char)c) || c == '_' || (c & 0x80); }

// The rest of a text from behind its quote; a doubled quote stands for one.
static void read_quoted(parser *p, size_t i, char quote) {
  leat_str s = p->text;
  size_t start = i, doubled = 0;
  for (; i < s.len; i++) {
    if (s.ptr[i] != quote) continue;
    if (i + 1 == s.len || s.ptr[i + 1] != quote) break;
    doubled++;
    i++;
  }
  if (i >= s.len) {
    leat__expr_error(&p->b, p->t.at, "a quote (%c) that is not closed", quote);
    return;
  }
  p->next = i + 1;
  p->t.text = (leat_str){s.ptr + start, i - start};
  if (!doubled) return;
  char *out = leat_arena_alloc(p->b.arena, i - start);
  if (!out) {
    leat__expr_no_memory(&p->b);
    return;
  }
  size_t n = 0;
  for (size_t j = start; j < i; j++) {
    out[n++] = s.ptr[j];
    if (s.ptr[j] == quote) j++;
  }
  p->t.text = (leat_str){out, n};
}

static size_t number_end(leat_str s, size_t i) {
  while (i < s.len && isdigit((unsigned char)s.ptr[i])) i++;
  if (i < s.len && s.ptr[i] == '.') i++;
  while (i < s.len && isdigit((unsigned char)s.ptr[i])) i++;
  if (i < s.len && (s.ptr[i] | 32) == 'e') {
    size_t j = i + 1;
    if (j < s.len && (s.ptr[j] == '+' || s.ptr[j] == '-')) j++;
    if (j < s.len && isdigit((unsigned char)s.ptr[j])) {
      for (i = j; i < s.len && isdigit((unsigned char)s.ptr[i]);) i++;
    }
  }
  return i;
}

static size_t sign_end(leat_str s, size_t i) {
  static const char *const two[] = {"<=", ">=", "<>", "!=", "==", "||"};
  for (size_t k = 0; k < sizeof two / sizeof *two; k++)
    if (i + 1 < s.len && s.ptr[i] == two[k][0] && s.ptr[i + 1] == two[k][1]) return i + 2;
  return i + 1;
}

static void advance(parser *p) {
  leat_str s = p->text;
  size_t i = p->next;
  while (i < s.len && isspace((unsigned char)s.ptr[i])) i++;
  p->t = (token){.at = i};
  p->next = i;
  if (i >= s.len || p->b.failed) return;
  char c = s.ptr[i];
  bool name_quotes = c == '`' || (c == '"' && p->language == LEAT_FLOW_SQL);
  if (c == '\'' || c == '"' || c == '`') {
    p->t.kind = name_quotes ? QUOTED_NAME : TEXT;
    read_quoted(p, i + 1, c);
    return;
  }
  size_t end = i;
  if (isdigit((unsigned char)c) ||
      (c == '.' && i + 1 < s.len && isdigit((unsigned char)s.ptr[i + 1]))) {
    p->t.kind = NUMBER;
    end = number_end(s, i);
  } else if (word_char(c)) {
    p->t.kind = WORD;
    while (end < s.len && word_char(s.ptr[end])) end++;
  } else {
    p->t.kind = SIGN;
    end = sign_end(s, i);
  }
  p->t.text = (leat_str){s.ptr + i, end - i};
  p->next = end;
}

static bool is_word(leat_str text, const char *word) {  // in any case
  return text.len == strlen(word) && !strncasecmp(text.ptr, word, text.len);
}

static bool at_word(const parser *p, const char *word) {
  return p->t.kind == WORD && is_word(p->t.text, word);
}

static bool at_sign(const parser *p, const char *sign) {
  return p->t.kind == SIGN && leat_str_eq(p->t.text, leat_str_of(sign));
}

static bool take_word(parser *p, const char *word) {
  if (p->b.failed || !at_word(p, word)) return false;
  advance(p);
  return true;
}

static bool take_sign(parser *p, const char *sign) {
  if (p->b.failed || !at_sign(p, sign)) return false;
  advance(p);
  return true;
}

static bool want_word(parser *p, const char *word) {
  return take_word(p, word) || (fail_here(p, word), false);
}

static bool want_sign(parser *p, const char *sign) {
  return take_sign(p, sign) || (fail_here(p, sign), false);
}

// --- Lists of arguments -------------------------------------------------------------------------
typedef LEAT_VEC(expr) expr_vec;

static expr parse_or(parser *p);

static bool push(parser *p, expr_vec *v, expr x) {
  if (!x || p->b.failed) return false;
  if (v->count == ARGS)
    return leat__expr_error(&p->b, x->at, "more than %d arguments", ARGS), false;
  if (leat_vec_push(v, x)) return true;
  leat__expr_no_memory(&p->b);
  return false;
}

// "a, b, c)": up to the bracket.
static bool parse_list(parser *p, expr_vec *v) {
  if (take_sign(p, ")")) return true;
  do {
    if (!push(p, v, parse_or(p))) return false;
  } while (take_sign(p, ","));
  return want_sign(p, ")");
}

static expr call(parser *p, size_t at, const char *name, const expr *args, int count) {
  return leat__expr_call(&p->b, at, leat_str_of(name), args, count);
}

static expr binary(parser *p, size_t at, const char *name, expr x, expr y) {
  return call(p, at, name, (expr[]){x, y}, 2);
}

static expr not_if(parser *p, size_t at, bool negate, expr x) {
  return negate ? leat__expr_logic(&p->b, at, EXPR_NOT, &x, 1) : x;
}

// --- Primaries ----------------------------------------------------------------------------------
static expr parse_number(parser *p) {
  token t = p->t;
  expr_value v = {0};
  advance(p);
  bool whole = !memchr(t.text.ptr, '.', t.text.len) && !memchr(t.text.ptr, 'e', t.text.len) &&
               !memchr(t.text.ptr, 'E', t.text.len);
  if (whole) {
    if (leat_parse_i64(t.text, &v.i)) return leat__expr_const(&p->b, t.at, LEAT_FLOW_TYPE_INT64, v);
    return leat__expr_error(&p->b, t.at, "%.*s does not fit in 64 bits", LEAT_STR_ARG(t.text));
  }
  if (t.text.ptr[t.text.len - 1] == '.') t.text.len--;
  if (leat_parse_f64(t.text, &v.d)) return leat__expr_const(&p->b, t.at, LEAT_FLOW_TYPE_DOUBLE, v);
  return leat__expr_error(&p->b, t.at, "%.*s is not a number", LEAT_STR_ARG(t.text));
}

static expr parse_text(parser *p) {
  token t = p->t;
  advance(p);
  return leat__expr_const(&p->b, t.at, LEAT_FLOW_TYPE_STRING, (expr_value){.s = t.text});
}

// TIMESTAMP '...', DATE '...'; behind the word.
static expr parse_timestamp(parser *p, size_t at) {
  expr_value v = {0};
  if (!leat__expr_parse_timestamp(p->t.text, &v.i))
    return leat__expr_error(&p->b, p->t.at,
                            "'%.*s' is not a timestamp (wanted: 2020-01-31 23:59:59.123)",
                            LEAT_STR_ARG(p->t.text));
  advance(p);
  return leat__expr_const(&p->b, at, LEAT_FLOW_TYPE_TIMESTAMP, v);
}

// INTERVAL '5' MINUTE (or INTERVAL 5 MINUTE), as milliseconds; behind the word.
static expr parse_interval(parser *p) {
  token n = p->t;
  int64_t count, unit, ms;
  if ((n.kind != TEXT && n.kind != NUMBER) || !leat_parse_i64(n.text, &count))
    return fail_here(p, "a whole number of units");
  advance(p);
  unit = p->t.kind == WORD ? leat__expr_unit_ms(p->t.text) : 0;
  if (!unit) return fail_here(p, "MILLISECOND, SECOND, MINUTE, HOUR, DAY or WEEK");
  if (__builtin_mul_overflow(count, unit, &ms))
    return leat__expr_error(&p->b, n.at, "the interval is too long");
  advance(p);
  return leat__expr_const(&p->b, n.at, LEAT_FLOW_TYPE_INT64, (expr_value){.i = ms});
}

static expr parse_case(parser *p, size_t at) {
  expr_vec v = {0};
  expr subject = at_word(p, "WHEN") ? NULL : parse_or(p), out = NULL;
  bool ok = !p->b.failed;
  while (ok && take_word(p, "WHEN")) {
    size_t when_at = p->t.at;
    expr when = parse_or(p);
    if (subject) when = binary(p, when_at, "=", subject, when);
    ok = push(p, &v, when) && want_word(p, "THEN") && push(p, &v, parse_or(p));
  }
  if (ok && !v.count) ok = want_word(p, "WHEN");
  if (ok && take_word(p, "ELSE")) ok = push(p, &v, parse_or(p));
  if (ok && want_word(p, "END")) out = leat__expr_case(&p->b, at, v.at, (int)v.count);
  leat_vec_deinit(&v);
  return out;
}

static expr parse_cast(parser *p, size_t at, bool quiet) {
  expr x = want_sign(p, "(") ? parse_or(p) : NULL;
  leat_flow_type type;
  if (!x || !want_word(p, "AS")) return NULL;
  if (p->t.kind != WORD || !leat__expr_type_named(p->t.text, &type))
    return fail_here(p, "a type (BOOLEAN, INTEGER, BIGINT, REAL, DOUBLE, VARCHAR, TIMESTAMP ...)");
  advance(p);
  return want_sign(p, ")") ? leat__expr_cast(&p->b, at, x, type, quiet) : NULL;
}

// EXTRACT(part FROM x)
static expr parse_extract(parser *p, size_t at) {
  if (!want_sign(p, "(")) return NULL;
  if (p->t.kind != WORD) return fail_here(p, "YEAR, MONTH, DAY, HOUR ...");
  expr part = parse_text(p);
  if (!want_word(p, "FROM")) return NULL;
  expr x = parse_or(p);
  return want_sign(p, ")") ? binary(p, at, "EXTRACT", part, x) : NULL;
}

// POSITION(a IN b), and with a comma.
static expr parse_add(parser *p);
static expr parse_position(parser *p, size_t at) {
  expr a = want_sign(p, "(") ? parse_add(p) : NULL;
  if (!a || !(take_word(p, "IN") || want_sign(p, ","))) return NULL;
  expr b = parse_or(p);
  return want_sign(p, ")") ? binary(p, at, "POSITION", a, b) : NULL;
}

// SUBSTRING(s FROM a FOR b), and with commas.
static expr parse_substring(parser *p, size_t at) {
  expr args[3] = {want_sign(p, "(") ? parse_or(p) : NULL};
  int count = 2;
  if (!args[0] || !(take_word(p, "FROM") || want_sign(p, ","))) return NULL;
  args[1] = parse_or(p);
  if (take_word(p, "FOR") || take_sign(p, ",")) args[count++] = parse_or(p);
  return want_sign(p, ")") ? call(p, at, "SUBSTRING", args, count) : NULL;
}

// TRIM([LEADING | TRAILING | BOTH] [chars] FROM s), TRIM(s), TRIM(s, chars).
static expr parse_trim(parser *p, size_t at) {
  const char *name = "TRIM";
  if (!want_sign(p, "(")) return NULL;
  bool sided = true;
  if (take_word(p, "LEADING"))
    name = "LTRIM";
  else if (take_word(p, "TRAILING"))
    name = "RTRIM";
  else
    sided = take_word(p, "BOTH");
  expr x = at_word(p, "FROM") ? NULL : parse_or(p), y = NULL;
  if (p->b.failed) return NULL;
  if (take_word(p, "FROM")) {
    y = x;
    x = parse_or(p);
  } else if (!sided && take_sign(p, ",")) {
    y = parse_or(p);
  }
  if (!want_sign(p, ")")) return NULL;
  return call(p, at, name, (expr[]){x, y}, y ? 2 : 1);
}

// NULLIF(a, b) = CASE WHEN a = b THEN NULL ELSE a END; IF(c, a, b) likewise.
static expr special_call(parser *p, token name, const expr_vec *v, bool *is) {
  *is = true;
  const expr *a = v->at;
  if (is_word(name.text, "COALESCE") && v->count)
    return leat__expr_coalesce(&p->b, name.at, a, (int)v->count);
  if (is_word(name.text, "IFNULL") && v->count == 2)
    return leat__expr_coalesce(&p->b, name.at, a, 2);
  if (is_word(name.text, "IF") && v->count == 3) return leat__expr_case(&p->b, name.at, a, 3);
  if (is_word(name.text, "NULLIF") && v->count == 2) {
    expr when = binary(p, name.at, "=", a[0], a[1]), none = leat__expr_null(&p->b, name.at);
    return leat__expr_case(&p->b, name.at, (expr[]){when, none, a[0]}, 3);
  }
  *is = false;
  return NULL;
}

static expr parse_call(parser *p, token name) {
  expr_vec v = {0};
  bool special;
  expr out = NULL;
  if (want_sign(p, "(") && parse_list(p, &v)) {
    out = special_call(p, name, &v, &special);
    if (!special) out = leat__expr_call(&p->b, name.at, name.text, v.at, (int)v.count);
  }
  leat_vec_deinit(&v);
  return out;
}

static bool opens(const parser *p) { return at_sign(p, "("); }

static expr parse_field(parser *p, token name) {
  expr x = leat__expr_field(&p->b, name.at, name.text);
  while (x && take_sign(p, ".")) {
    token member = p->t;
    if (member.kind != WORD && member.kind != QUOTED_NAME) return fail_here(p, "a field's name");
    advance(p);
    x = leat__expr_member(&p->b, member.at, x, member.text);
  }
  return x;
}

static expr parse_word(parser *p) {
  static const struct {
    const char *word;
    expr (*parse)(parser *p, size_t at);
  } forms[] = {{"EXTRACT", parse_extract},
               {"POSITION", parse_position},
               {"SUBSTRING", parse_substring},
               {"SUBSTR", parse_substring},
               {"TRIM", parse_trim}};
  token name = p->t;
  bool bare = name.kind == WORD && p->language == LEAT_FLOW_SQL;
  bool constant = name.kind == WORD;
  const expr_value yes = {.b = true}, no = {.b = false};
  if (constant && take_word(p, "TRUE"))
    return leat__expr_const(&p->b, name.at, LEAT_FLOW_TYPE_BOOL, yes);
  if (constant && take_word(p, "FALSE"))
    return leat__expr_const(&p->b, name.at, LEAT_FLOW_TYPE_BOOL, no);
  if (constant && take_word(p, "NULL")) return leat__expr_null(&p->b, name.at);
  if (bare && take_word(p, "CASE")) return parse_case(p, name.at);
  advance(p);
  if (bare && p->t.kind == TEXT && (is_word(name.text, "TIMESTAMP") || is_word(name.text, "DATE")))
    return parse_timestamp(p, name.at);
  if (bare && is_word(name.text, "INTERVAL") && (p->t.kind == TEXT || p->t.kind == NUMBER))
    return parse_interval(p);
  if (!opens(p) || name.kind != WORD) return parse_field(p, name);
  if (!bare) return fail_here(p, "the end (calls are for `language: sql`)");
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
    if (is_word(name.text, forms[i].word)) return forms[i].parse(p, name.at);
  if (is_word(name.text, "CAST")) return parse_cast(p, name.at, false);
  if (is_word(name.text, "TRY_CAST") || is_word(name.text, "SAFE_CAST"))
    return parse_cast(p, name.at, true);
  return parse_call(p, name);
}

static expr parse_primary(parser *p) {
  if (p->b.failed) return NULL;
  switch (p->t.kind) {
    case NUMBER: return parse_number(p);
    case TEXT: return parse_text(p);
    case WORD:
    case QUOTED_NAME: return parse_word(p);
    default: break;
  }
  if (!take_sign(p, "(")) return fail_here(p, "a value");
  expr x = parse_or(p);
  return want_sign(p, ")") ? x : NULL;
}

// --- Operators ----------------------------------------------------------------------------------
static expr parse_unary(parser *p) {
  size_t at = p->t.at;
  if (p->depth == DEPTH) return leat__expr_error(&p->b, at, "nested deeper than %d", DEPTH);
  if (take_sign(p, "+")) return parse_primary(p);
  if (!take_sign(p, "-")) return parse_primary(p);
  if (p->t.kind == NUMBER && leat_str_eq(p->t.text, LEAT_STR("9223372036854775808"))) {
    advance(p);
    return leat__expr_const(&p->b, at, LEAT_FLOW_TYPE_INT64, (expr_value){.i = INT64_MIN});
  }
  p->depth++;
  expr x = parse_unary(p);
  p->depth--;
  return call(p, at, "-", &x, 1);
}

typedef struct level {
  const char *signs[4];
  expr (*below)(parser *p);
} level;

static expr parse_left(parser *p, const level *l) {
  expr x = l->below(p);
  for (;;) {
    size_t at = p->t.at;
    const char *sign = NULL;
    for (int i = 0; l->signs[i] && !sign; i++)
      if (take_sign(p, l->signs[i])) sign = l->signs[i];
    if (!sign || p->b.failed) return p->b.failed ? NULL : x;
    x = binary(p, at, sign, x, l->below(p));
  }
}

static expr parse_multiply(parser *p) {
  return parse_left(p, &(level){{"*", "/", "%"}, parse_unary});
}
static expr parse_sum(parser *p) { return parse_left(p, &(level){{"+", "-"}, parse_multiply}); }
static expr parse_add(parser *p) { return parse_left(p, &(level){{"||"}, parse_sum}); }

static expr parse_in(parser *p, size_t at, expr x) {
  expr_vec v = {0}, equal = {0};
  expr out = NULL;
  bool ok = want_sign(p, "(") && parse_list(p, &v);
  for (size_t i = 0; ok && i < v.count; i++)
    ok = push(p, &equal, binary(p, v.at[i]->at, "=", x, v.at[i]));
  if (ok && !equal.count)
    leat__expr_error(&p->b, at, "IN needs a list of one value or more");
  else if (ok)
    out = leat__expr_logic(&p->b, at, EXPR_OR, equal.at, (int)equal.count);
  leat_vec_deinit(&v);
  leat_vec_deinit(&equal);
  return out;
}

static expr parse_between(parser *p, size_t at, expr x) {
  expr low = parse_add(p);
  if (!low || !want_word(p, "AND")) return NULL;
  expr high = parse_add(p);
  expr both[2] = {binary(p, at, ">=", x, low), binary(p, at, "<=", x, high)};
  return leat__expr_logic(&p->b, at, EXPR_AND, both, 2);
}

static expr parse_like(parser *p, size_t at, expr x) {
  expr args[3] = {x, parse_add(p)};
  int count = 2;
  if (take_word(p, "ESCAPE")) args[count++] = parse_add(p);
  return call(p, at, "LIKE", args, count);
}

// IS [NOT] NULL | TRUE | FALSE | [NOT] DISTINCT FROM y
static expr parse_is(parser *p, size_t at, expr x) {
  bool negate = take_word(p, "NOT"), yes = false;
  expr is_null = leat__expr_logic(&p->b, at, EXPR_IS_NULL, &x, 1);
  if (take_word(p, "NULL")) return not_if(p, at, negate, is_null);
  if ((yes = take_word(p, "TRUE")) || take_word(p, "FALSE")) {
    expr want = leat__expr_const(&p->b, at, LEAT_FLOW_TYPE_BOOL, (expr_value){.b = yes});
    expr other = leat__expr_const(&p->b, at, LEAT_FLOW_TYPE_BOOL, (expr_value){.b = false});
    expr both[2] = {binary(p, at, "=", x, want), other};
    return not_if(p, at, negate, leat__expr_coalesce(&p->b, at, both, 2));
  }
  if (!want_word(p, "DISTINCT") || !want_word(p, "FROM")) return NULL;
  expr y = parse_add(p), y_null = leat__expr_logic(&p->b, at, EXPR_IS_NULL, &y, 1);
  // Not distinct: both null, or equal (null = ... is null, so false).
  expr nulls[2] = {is_null, y_null};
  expr both = leat__expr_logic(&p->b, at, EXPR_AND, nulls, 2);
  expr no = leat__expr_const(&p->b, at, LEAT_FLOW_TYPE_BOOL, (expr_value){.b = false});
  expr equal[2] = {binary(p, at, "=", x, y), no};
  expr parts[2] = {both, leat__expr_coalesce(&p->b, at, equal, 2)};
  return not_if(p, at, !negate, leat__expr_logic(&p->b, at, EXPR_OR, parts, 2));
}

static expr parse_comparison(parser *p) {
  static const char *const signs[][2] = {{"<=", "<="}, {">=", ">="}, {"<>", "<>"}, {"!=", "<>"},
                                         {"==", "="},  {"=", "="},   {"<", "<"},   {">", ">"}};
  expr x = parse_add(p);
  while (x && !p->b.failed) {
    size_t at = p->t.at;
    const char *sign = NULL;
    for (size_t i = 0; i < sizeof signs / sizeof *signs && !sign; i++)
      if (take_sign(p, signs[i][0])) sign = signs[i][1];
    if (sign) {
      x = binary(p, at, sign, x, parse_add(p));
      continue;
    }
    if (p->language == LEAT_FLOW_GENERIC) break;
    if (take_word(p, "IS")) {
      x = parse_is(p, at, x);
      continue;
    }
    bool negate = take_word(p, "NOT");
    if (take_word(p, "IN"))
      x = not_if(p, at, negate, parse_in(p, at, x));
    else if (take_word(p, "BETWEEN"))
      x = not_if(p, at, negate, parse_between(p, at, x));
    else if (take_word(p, "LIKE"))
      x = not_if(p, at, negate, parse_like(p, at, x));
    else if (negate)
      x = fail_here(p, "IN, BETWEEN or LIKE");
    else
      break;
  }
  return x;
}

static expr parse_not(parser *p) {
  size_t at = p->t.at;
  if (p->language == LEAT_FLOW_GENERIC || !take_word(p, "NOT")) return parse_comparison(p);
  if (++p->depth > DEPTH) return leat__expr_error(&p->b, at, "nested deeper than %d", DEPTH);
  expr x = parse_not(p);
  p->depth--;
  return not_if(p, at, true, x);
}

static expr parse_logic(parser *p, const char *word, expr_kind kind, expr (*below)(parser *)) {
  expr_vec v = {0};
  size_t at = p->t.at;
  expr x = below(p);
  if (p->language == LEAT_FLOW_GENERIC || !at_word(p, word)) return x;
  bool ok = push(p, &v, x);
  while (ok && take_word(p, word)) ok = push(p, &v, below(p));
  x = ok ? leat__expr_logic(&p->b, at, kind, v.at, (int)v.count) : NULL;
  leat_vec_deinit(&v);
  return x;
}

static expr parse_and(parser *p) { return parse_logic(p, "AND", EXPR_AND, parse_not); }

static expr parse_or(parser *p) {
  if (p->b.failed) return NULL;
  if (++p->depth > DEPTH) return leat__expr_error(&p->b, p->t.at, "nested deeper than %d", DEPTH);
  expr x = parse_logic(p, "OR", EXPR_OR, parse_and);
  p->depth--;
  return x;
}

// --- Whole --------------------------------------------------------------------------------------
// The generic language: a field, a literal (with its sign), or one comparison of them.
static bool is_plain(expr x) {
  if (x->kind == EXPR_CAST) return is_plain(x->args[0]);
  if (x->kind == EXPR_CALL && x->count == 1) return x->args[0]->kind == EXPR_CONST;
  return x->kind == EXPR_FIELD || x->kind == EXPR_CONST;
}

static bool is_generic(expr x) {
  if (is_plain(x)) return true;
  static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">="};
  for (int i = 0; i < 6 && x->kind == EXPR_CALL; i++)
    if (!strcmp(x->fn->name, signs[i])) return is_plain(x->args[0]) && is_plain(x->args[1]);
  return false;
}

leat_status leat_flow_expr_parse(leat_arena *arena, leat_str text, leat_flow_language language,
                                 const leat_flow_schema *schema, const leat_flow_expr **out,
                                 size_t *at, leat_error *err) {
  leat_error own;
  parser p = {.b = {.arena = arena, .schema = schema, .err = err ? err : &own},
              .text = text,
              .language = language};
  advance(&p);
  expr x = parse_or(&p);
  bool more = x && !p.b.failed && p.t.kind != END, generic = language == LEAT_FLOW_GENERIC;
  if (more && !generic) x = fail_here(&p, "the end, or an operator,");
  if (x && !p.b.failed && generic && (more || !is_generic(x)))
    x = leat__expr_error(&p.b, more ? p.t.at : x->at,
                         "the generic language has a field, a literal or one comparison of them; "
                         "say `language: sql` for more");
  if (x && x->type.type == LEAT_FLOW_TYPES)
    x = leat__expr_cast(&p.b, x->at, x, LEAT_FLOW_TYPE_STRING, false);
  if (at) *at = p.b.at;
  if (!x || p.b.failed) return p.b.err->status;
  *out = x;
  return LEAT_OK;
}

const leat_flow_field *leat_flow_expr_type(const leat_flow_expr *x) { return &x->type; }

int leat_flow_expr_field(const leat_flow_expr *x) {
  return x->kind == EXPR_FIELD && !x->count ? x->field : -1;
}
