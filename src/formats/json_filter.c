// Filters on JSON objects: a recursive descent that evaluates as it reads.
// SPDX-License-Identifier: Apache-2.0
#include "formats/json_filter.h"

#include "formats/number.h"

#include <ctype.h>
#include <fnmatch.h>
#include <regex.h>
#include <stdlib.h>

enum { DEPTH_MAX = 32, WORD_MAX = 1024 };

typedef struct filter {
  const leat_jnode *object;
  leat_str text;
  size_t at;
  int depth;
  leat_error *err;
} filter;

static leat_status fail(const filter *f, const char *what) {
  return leat_error_set(f->err, LEAT_INVALID_ARGUMENT, "filter '" LEAT_STR_FMT "', column %zu: %s",
                        LEAT_STR_ARG(f->text), f->at + 1, what);
}

// --- Words --------------------------------------------------------------------------------------
static void skip_space(filter *f) {
  while (f->at < f->text.len && isspace((unsigned char)f->text.ptr[f->at])) f->at++;
}

static bool take(filter *f, const char *symbol) {
  leat_str rest = {f->text.ptr + f->at, f->text.len - f->at};
  if (!leat_str_starts(rest, leat_str_of(symbol))) return false;
  f->at += strlen(symbol);
  return true;
}

// A keyword ends where a word does.
static bool take_keyword(filter *f, const char *word) {
  size_t from = f->at;
  if (!take(f, word)) return false;
  if (f->at == f->text.len || strchr(" \t\n()", f->text.ptr[f->at])) return true;
  f->at = from;
  return false;
}

// Up to one of `stops`, or quoted.
static leat_status read_word(filter *f, const char *stops, char out[WORD_MAX]) {
  size_t n = 0;
  char quote = 0;
  if (f->at < f->text.len && strchr("\"'", f->text.ptr[f->at])) quote = f->text.ptr[f->at++];
  for (; f->at < f->text.len; f->at++) {
    char c = f->text.ptr[f->at];
    if (quote ? c == quote : strchr(stops, c) != NULL) break;
    if (quote && c == '\\' && f->at + 1 < f->text.len) c = f->text.ptr[++f->at];
    if (n + 1 == WORD_MAX) return fail(f, "the word is too long");
    out[n++] = c;
  }
  out[n] = 0;
  if (quote && f->at == f->text.len) return fail(f, "the quote is not closed");
  if (quote)
    f->at++;
  else if (!n)
    return fail(f, "a key or a value was expected");
  return LEAT_OK;
}

// --- Comparing ----------------------------------------------------------------------------------
typedef struct test {
  char how;  // ':' '=' '<' '>' 'l' (<=) 'g' (>=) '~'
  const char *value;
  bool bad;  // the regular expression is none
} test;

static const char *text_of(const leat_jnode *node) {
  if (node->kind == LEAT_JSON_TRUE) return "true";
  if (node->kind == LEAT_JSON_FALSE) return "false";
  return node->kind == LEAT_JSON_STRING || node->kind == LEAT_JSON_NUMBER ? node->text.ptr : NULL;
}

static int order(const char *a, const char *b) {
  double x, y;
  leat_str left = leat_str_of(a), right = leat_str_of(b);
  if (leat_parse_f64(left, &x) && leat_parse_f64(right, &y)) return (x > y) - (x < y);
  return leat_str_cmp(left, right);
}

static bool has_word(const char *text, const char *word) {
  size_t n = strlen(word);
  for (const char *at = text; (at = strcasestr(at, word)); at++) {
    bool starts = at == text || !isalnum((unsigned char)at[-1]);
    if (starts && !isalnum((unsigned char)at[n])) return true;
  }
  return false;
}

static bool matches(test *t, const char *text) {
  regex_t re;
  const char *slash = strrchr(text, '/');
  bool pattern = strchr(t->value, '*') != NULL;
  switch (t->how) {
    case '<': return order(text, t->value) < 0;
    case '>': return order(text, t->value) > 0;
    case 'l': return order(text, t->value) <= 0;
    case 'g': return order(text, t->value) >= 0;
    case '~':
      if ((t->bad = regcomp(&re, t->value, REG_EXTENDED | REG_NOSUB) != 0)) return false;
      bool found = regexec(&re, text, 0, NULL, 0) == 0;
      regfree(&re);
      return found;
    case '=':
      return !(pattern ? fnmatch(t->value, text, FNM_CASEFOLD) : strcasecmp(t->value, text));
    default:
      if (!pattern) return has_word(text, t->value);
      // projects/local/models/census is meant by census* too
      return !fnmatch(t->value, text, FNM_CASEFOLD) ||
             (slash && !fnmatch(t->value, slash + 1, FNM_CASEFOLD));
  }
}

static bool any_matches(const leat_jnode *node, test *t, bool deep) {
  const char *text = text_of(node);
  if (text) return matches(t, text);
  if (node->kind != LEAT_JSON_ARRAY && !deep) return false;
  for (const leat_jnode *m = node->first; m; m = m->next)
    if (any_matches(m, t, deep)) return true;
  return false;
}

// --- The grammar --------------------------------------------------------------------------------
static leat_status read_or(filter *f, bool *accepts);

static leat_status read_all(filter *f, bool *accepts) {
  *accepts = true;
  for (;;) {
    bool one = false;
    leat_status status = read_or(f, &one);
    if (status) return status;
    *accepts &= one;
    skip_space(f);
    if (f->at == f->text.len || f->text.ptr[f->at] == ')') return LEAT_OK;
    if (take_keyword(f, "AND")) skip_space(f);
  }
}

static leat_status read_operator(filter *f, test *t, bool *negated) {
  static const struct {
    const char *symbol;
    char how;
    bool negated;
  } operators[] = {{"!=", '=', true},  {"!~", '~', true}, {"<=", 'l', false},
                   {">=", 'g', false}, {"<", '<', false}, {">", '>', false},
                   {"=", '=', false},  {":", ':', false}, {"~", '~', false}};
  for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
    if (!take(f, operators[i].symbol)) continue;
    t->how = operators[i].how;
    *negated = operators[i].negated;
    return LEAT_OK;
  }
  return LEAT_NOT_FOUND;
}

static leat_status read_comparison(filter *f, bool *accepts) {
  char key[WORD_MAX], value[WORD_MAX];
  test t = {.how = ':', .value = value};
  bool negated = false;
  leat_status status = read_word(f, " \t\n()!<>=:~", key);
  if (status) return status;
  skip_space(f);
  if (read_operator(f, &t, &negated)) {  // a word alone
    t.value = key;
    *accepts = any_matches(f->object, &t, true);
    return LEAT_OK;
  }
  skip_space(f);
  if ((status = read_word(f, " \t\n()", value))) return status;
  const leat_jnode *node = leat_jnode_at(f->object, leat_str_of(key));
  if (strcmp(value, "*") == 0 && t.how == ':')
    *accepts = node != NULL;
  else
    *accepts = (node && any_matches(node, &t, false)) != negated;
  return t.bad ? fail(f, "not a regular expression") : LEAT_OK;
}

static leat_status read_term(filter *f, bool *accepts) {
  skip_space(f);
  bool negated = take_keyword(f, "NOT") || take(f, "-");
  *accepts = false;
  skip_space(f);
  leat_status status;
  if (!take(f, "("))
    status = read_comparison(f, accepts);
  else if (++f->depth > DEPTH_MAX)
    status = fail(f, "parentheses nest too deep");
  else {
    status = read_all(f, accepts);
    f->depth--;
    if (!status && !take(f, ")")) status = fail(f, "')' was expected");
  }
  *accepts ^= negated;
  return status;
}

static leat_status read_or(filter *f, bool *accepts) {
  leat_status status = read_term(f, accepts);
  for (skip_space(f); !status && take_keyword(f, "OR"); skip_space(f)) {
    bool other = false;
    status = read_term(f, &other);
    *accepts |= other;
  }
  return status;
}

leat_status leat_json_filter(const leat_jnode *object, leat_str text, bool *accepts,
                             leat_error *err) {
  filter f = {.object = object, .text = text, .err = err};
  *accepts = true;
  skip_space(&f);
  if (f.at == text.len) return LEAT_OK;
  leat_status status = read_all(&f, accepts);
  if (!status && f.at < text.len) status = fail(&f, "')' without '('");
  return status;
}
