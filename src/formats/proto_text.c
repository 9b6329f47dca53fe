// Reading protocol buffers' text format.
// SPDX-License-Identifier: Apache-2.0
#include "formats/proto_text.h"

#include "formats/number.h"
#include "formats/proto.h"

#include <stdio.h>

enum { DEPTH_MAX = 32 };

typedef struct reader {
  leat_str text;
  size_t at;
  const char *name;
  leat_error *err;
} reader;

static leat_status fail(const reader *r, const char *what, leat_str word) {
  size_t line = 1, column = 1;
  for (size_t i = 0; i < r->at && i < r->text.len; i++) {
    column++;
    if (r->text.ptr[i] == '\n') line++, column = 1;
  }
  return leat_error_set(r->err, LEAT_INVALID_ARGUMENT, "%s:%zu:%zu: %s%s%.*s%s", r->name, line,
                        column, what, word.len ? " '" : "", (int)(word.len < 80 ? word.len : 80),
                        word.len ? word.ptr : "", word.len ? "'" : "");
}

static int peek(reader *r) {
  while (r->at < r->text.len) {
    char c = r->text.ptr[r->at];
    if (c == '#')
      while (r->at < r->text.len && r->text.ptr[r->at] != '\n') r->at++;
    else if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
      r->at++;
    else
      return (unsigned char)c;
  }
  return -1;
}

static bool take(reader *r, char c) {
  if (peek(r) != (unsigned char)c) return false;
  r->at++;
  return true;
}

static bool is_word(int c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-' || c == '+';
}

static leat_str word(reader *r) {
  peek(r);
  size_t from = r->at;
  while (r->at < r->text.len && is_word((unsigned char)r->text.ptr[r->at])) r->at++;
  return (leat_str){r->text.ptr + from, r->at - from};
}

// --- Strings ------------------------------------------------------------------------------------
static int digit(char c, int base) {
  int lower = c | 0x20;
  int value = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
  return value < base ? value : -1;
}

// Behind a backslash.
static leat_status escape(reader *r, leat_buf *out) {
  static const char from[] = "nrtabfv\\'\"?", to[] = "\n\r\t\a\b\f\v\\'\"?";
  char c = r->at < r->text.len ? r->text.ptr[r->at++] : 0;
  const char *simple = c ? strchr(from, c) : NULL;
  if (simple) return leat_buf_char(out, to[simple - from]), LEAT_OK;
  bool hex = c == 'x';
  int base = hex ? 16 : 8, most = hex ? 2 : 3, value = 0, count = 0;
  if (!hex && c) r->at--;
  while (count < most && r->at < r->text.len && digit(r->text.ptr[r->at], base) >= 0)
    value = value * base + digit(r->text.ptr[r->at++], base), count++;
  if (!count || value > 255) return fail(r, "a bad escape in a string", (leat_str){0});
  leat_buf_char(out, (char)value);
  return LEAT_OK;
}

static leat_status string(reader *r, leat_buf *out) {
  int quote = peek(r);
  if (quote != '"' && quote != '\'')
    return fail(r, "a string in quotes was expected", (leat_str){0});
  while (peek(r) == '"' || peek(r) == '\'') {  // several are joined
    char end = r->text.ptr[r->at++];
    for (;;) {
      if (r->at >= r->text.len || r->text.ptr[r->at] == '\n')
        return fail(r, "a string does not end", (leat_str){0});
      char c = r->text.ptr[r->at++];
      if (c == end) break;
      leat_status status = LEAT_OK;
      if (c == '\\')
        status = escape(r, out);
      else
        leat_buf_char(out, c);
      if (status) return status;
    }
  }
  return LEAT_OK;
}

// --- Fields -------------------------------------------------------------------------------------
static leat_status message(reader *r, const leat_proto_schema *fields, int end, int depth,
                           leat_buf *out);

static leat_status scalar(reader *r, const leat_proto_schema *f, leat_buf *out) {
  leat_str text = word(r);
  int64_t whole;
  uint64_t big;
  double real;
  switch (f->kind) {
    case LEAT_PROTO_BOOL: {
      bool yes = leat_str_eq(text, LEAT_STR("true")) || leat_str_eq(text, LEAT_STR("t")) ||
                 leat_str_eq(text, LEAT_STR("True")) || leat_str_eq(text, LEAT_STR("1"));
      bool no = leat_str_eq(text, LEAT_STR("false")) || leat_str_eq(text, LEAT_STR("f")) ||
                leat_str_eq(text, LEAT_STR("False")) || leat_str_eq(text, LEAT_STR("0"));
      if (!yes && !no) return fail(r, "true or false was expected, not", text);
      leat_proto_i64(out, f->number, yes);
      return LEAT_OK;
    }
    case LEAT_PROTO_DOUBLE:
      if (!leat_parse_f64(text, &real)) return fail(r, "a number was expected, not", text);
      leat_proto_f64(out, f->number, real);
      return LEAT_OK;
    case LEAT_PROTO_ENUM:
      if (!text.len) return fail(r, "a name was expected", (leat_str){0});
      leat_proto_i64(out, f->number, leat_parse_i64(text, &whole) ? whole : 0);
      return LEAT_OK;
    default:
      if (leat_parse_i64(text, &whole))
        leat_proto_i64(out, f->number, whole);
      else if (leat_parse_u64(text, &big))
        leat_proto_i64(out, f->number, (int64_t)big);
      else
        return fail(r, "a whole number was expected, not", text);
      return LEAT_OK;
  }
}

static leat_status value(reader *r, const leat_proto_schema *f, int depth, leat_buf *out) {
  leat_buf inner = {0};
  leat_status status = LEAT_OK;
  if (f->kind != LEAT_PROTO_MESSAGE && f->kind != LEAT_PROTO_STRING) return scalar(r, f, out);
  if (f->kind == LEAT_PROTO_STRING)
    status = string(r, &inner);
  else if (take(r, '{'))
    status = message(r, f->fields, '}', depth + 1, &inner);
  else if (take(r, '<'))
    status = message(r, f->fields, '>', depth + 1, &inner);
  else
    status = fail(r, "'{' was expected behind", leat_str_of(f->name));
  if (!status) leat_proto_bytes(out, f->number, leat_buf_view(&inner));
  leat_buf_deinit(&inner);
  return status;
}

static leat_status field(reader *r, const leat_proto_schema *fields, int depth, leat_buf *out) {
  leat_str name = word(r);
  const leat_proto_schema *f = fields;
  if (!name.len) return fail(r, "the name of a field was expected", (leat_str){0});
  while (f && f->name && !leat_str_eq(name, leat_str_of(f->name))) f++;
  if (!f || !f->name) return fail(r, "no field", name);
  bool colon = take(r, ':');
  if (!colon && f->kind != LEAT_PROTO_MESSAGE) return fail(r, "':' was expected behind", name);
  leat_status status = LEAT_OK;
  if (take(r, '[')) {
    if (take(r, ']')) return LEAT_OK;
    do status = value(r, f, depth, out);
    while (!status && take(r, ','));
    if (!status && !take(r, ']')) status = fail(r, "']' was expected", (leat_str){0});
  } else
    status = value(r, f, depth, out);
  if (!status && !take(r, ',')) take(r, ';');
  return status;
}

static leat_status message(reader *r, const leat_proto_schema *fields, int end, int depth,
                           leat_buf *out) {
  leat_status status = LEAT_OK;
  if (depth > DEPTH_MAX) return fail(r, "nested too deep", (leat_str){0});
  while (!status && peek(r) >= 0 && peek(r) != end) status = field(r, fields, depth, out);
  if (status || end < 0) return status;
  return take(r, (char)end) ? LEAT_OK : fail(r, "a message does not end", (leat_str){0});
}

leat_status leat_proto_from_text(leat_str text, const char *name, const leat_proto_schema *fields,
                                 leat_buf *out, leat_error *err) {
  reader r = {text, 0, name, err};
  leat_status status = message(&r, fields, -1, 0, out);
  return status ? status : leat_buf_status(out, err);
}
