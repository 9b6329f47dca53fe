// JSON: a pull parser over memory and a writer.
// SPDX-License-Identifier: Apache-2.0
#include "formats/json.h"

#include "formats/number.h"

#include <stdio.h>

// What may come next.
enum { WANT_VALUE, WANT_VALUE_OR_END, WANT_KEY, WANT_KEY_OR_END, WANT_COMMA, WANT_NOTHING };

void leat_json_init(leat_json *json, leat_str input, const char *name) {
  *json = (leat_json){.input = input, .name = name ? name : "JSON"};
}

void leat_json_deinit(leat_json *json) { leat_buf_deinit(&json->scratch); }

leat_status leat_json_fail(const leat_json *json, leat_error *err, const char *fmt, ...) {
  char text[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  size_t line = 1 + (size_t)json->lines_before, column = 1;
  for (size_t i = 0; i < json->at && i < json->input.len; i++) {
    column++;
    if (json->input.ptr[i] == '\n') line++, column = 1;
  }
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%zu:%zu: %s", json->name, line, column,
                        text);
}

static int peek(const leat_json *json) {
  return json->at < json->input.len ? (unsigned char)json->input.ptr[json->at] : -1;
}

static void skip_space(leat_json *json) {
  for (int c = peek(json); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = peek(json))
    json->at++;
}

// --- Strings ------------------------------------------------------------------------------------
size_t leat_utf8_length(const unsigned char *p, size_t left) {
  if (p[0] < 0x80) return 1;
  size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
  if (p[0] < 0xC2 || p[0] > 0xF4 || left < n) return 0;
  for (size_t i = 1; i < n; i++)
    if ((p[i] & 0xC0) != 0x80) return 0;
  if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F)) return 0;
  if ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F)) return 0;
  return n;
}

static bool hex4(const leat_json *json, size_t at, unsigned *out) {
  *out = 0;
  if (json->input.len - at < 4) return false;
  for (size_t i = 0; i < 4; i++) {
    int c = json->input.ptr[at + i], lower = c | 0x20;
    int digit = c >= '0' && c <= '9'           ? c - '0'
                : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                               : -1;
    if (digit < 0) return false;
    *out = *out << 4 | (unsigned)digit;
  }
  return true;
}

static void put_utf8(leat_buf *out, unsigned code) {
  if (code < 0x80)
    leat_buf_char(out, (char)code);
  else if (code < 0x800)
    leat_buf_char(out, (char)(0xC0 | code >> 6)), leat_buf_char(out, (char)(0x80 | (code & 63)));
  else if (code < 0x10000) {
    leat_buf_char(out, (char)(0xE0 | code >> 12));
    leat_buf_char(out, (char)(0x80 | (code >> 6 & 63)));
    leat_buf_char(out, (char)(0x80 | (code & 63)));
  } else {
    leat_buf_char(out, (char)(0xF0 | code >> 18));
    leat_buf_char(out, (char)(0x80 | (code >> 12 & 63)));
    leat_buf_char(out, (char)(0x80 | (code >> 6 & 63)));
    leat_buf_char(out, (char)(0x80 | (code & 63)));
  }
}

static leat_status unescape(leat_json *json, leat_error *err) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  int c = peek(json);
  const char *simple = c > 0 ? strchr(from, c) : NULL;
  if (simple) {
    leat_buf_char(&json->scratch, to[simple - from]);
    json->at++;
    return LEAT_OK;
  }
  unsigned code, low;
  if (c != 'u' || !hex4(json, json->at + 1, &code))
    return leat_json_fail(json, err, "a bad escape in a string");
  json->at += 5;
  if (code >= 0xD800 && code < 0xDC00) {
    bool pair = json->input.len - json->at >= 6 && json->input.ptr[json->at] == '\\' &&
                json->input.ptr[json->at + 1] == 'u' && hex4(json, json->at + 2, &low) &&
                low >= 0xDC00 && low < 0xE000;
    if (!pair) return leat_json_fail(json, err, "half of a surrogate pair");
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    json->at += 6;
  } else if (code >= 0xDC00 && code < 0xE000) {
    return leat_json_fail(json, err, "half of a surrogate pair");
  }
  put_utf8(&json->scratch, code);
  return LEAT_OK;
}

// Behind the opening quote. text is a view of the input unless something was escaped.
static leat_status read_string(leat_json *json, leat_error *err) {
  size_t start = json->at;
  bool copied = false;
  leat_buf_clear(&json->scratch);
  for (;;) {
    int c = peek(json);
    if (c < 0) return leat_json_fail(json, err, "a string does not end");
    if (c == '"') break;
    if (c < 0x20) return leat_json_fail(json, err, "a control character in a string");
    if (c == '\\') {
      leat_buf_add(&json->scratch, json->input.ptr + start, json->at - start);
      copied = true;
      json->at++;
      leat_status status = unescape(json, err);
      if (status) return status;
      start = json->at;
      continue;
    }
    size_t n = leat_utf8_length((const unsigned char *)json->input.ptr + json->at,
                                json->input.len - json->at);
    if (!n) return leat_json_fail(json, err, "a string is not UTF-8");
    json->at += n;
  }
  if (copied) leat_buf_add(&json->scratch, json->input.ptr + start, json->at - start);
  json->text = copied ? leat_buf_view(&json->scratch)
                      : (leat_str){json->input.ptr + start, json->at - start};
  json->at++;
  return leat_buf_status(&json->scratch, err);
}

// --- Numbers and words --------------------------------------------------------------------------
static bool digit(int c) { return c >= '0' && c <= '9'; }

static const char *digits_end(const char *p, const char *end) {
  while (p < end && digit((unsigned char)*p)) p++;
  return p;
}

static bool take_word(leat_json *json, const char *word) {
  leat_str rest = {json->input.ptr + json->at, json->input.len - json->at};
  if (!leat_str_starts(rest, leat_str_of(word))) return false;
  json->at += strlen(word);
  return true;
}

// Where the number that starts at p ends by JSON's rules; NULL with *at at what is wrong.
static const char *number_end(const char *p, const char *end, const char **at) {
  if (p < end && *p == '-') p++;
  const char *start = p;
  p = p < end && *p == '0' ? p + 1 : digits_end(p, end);
  if (p == start) return *at = p, NULL;
  if (p < end && *p == '.') {
    start = ++p;
    if ((p = digits_end(p, end)) == start) return *at = p, NULL;
  }
  if (p < end && (*p | 0x20) == 'e') {
    p++;
    if (p < end && (*p == '+' || *p == '-')) p++;
    start = p;
    if ((p = digits_end(p, end)) == start) return *at = p, NULL;
  }
  return p;
}

static leat_status read_number(leat_json *json, leat_error *err) {
  const char *start = json->input.ptr + json->at, *wrong = start;
  const char *end = number_end(start, json->input.ptr + json->input.len, &wrong);
  if (end)
    json->at = (size_t)(end - json->input.ptr);
  else {
    json->at = (size_t)(wrong - json->input.ptr);
    if (!json->specials || !take_word(json, "Infinity"))
      return leat_json_fail(json, err, "not a number");
  }
  json->text = (leat_str){start, (size_t)(json->input.ptr + json->at - start)};
  return LEAT_OK;
}

static bool space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

size_t leat_json_take_f32(leat_json *json, float *out, size_t room) {
  const char *start = json->input.ptr, *p = start + json->at, *end = start + json->input.len;
  if (!json->depth || json->stack[json->depth - 1] != '[') return 0;
  if (json->state == WANT_COMMA) {
    while (p < end && space(*p)) p++;
    if (p == end || *p++ != ',') return 0;
  } else if (json->state != WANT_VALUE && json->state != WANT_VALUE_OR_END)
    return 0;
  size_t count = leat_scan_f32s(&p, end, out, room);
  if (!count) return 0;
  json->at = (size_t)(p - start);
  json->state = WANT_VALUE;
  return count;
}

static leat_status push(leat_json *json, char bracket, leat_error *err) {
  if (json->depth == LEAT_JSON_DEPTH)
    return leat_json_fail(json, err, "nested deeper than %d", LEAT_JSON_DEPTH);
  json->stack[json->depth++] = bracket;
  json->state = bracket == '{' ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
  json->at++;
  return LEAT_OK;
}

static void after_value(leat_json *json) { json->state = json->depth ? WANT_COMMA : WANT_NOTHING; }

static leat_status pop(leat_json *json, leat_json_event *event) {
  json->at++;
  *event = json->stack[--json->depth] == '{' ? LEAT_JSON_OBJECT_END : LEAT_JSON_ARRAY_END;
  after_value(json);
  return LEAT_OK;
}

static leat_status read_value(leat_json *json, leat_json_event *event, leat_error *err) {
  int c = peek(json);
  leat_status status = LEAT_OK;
  if (c == '{') return *event = LEAT_JSON_OBJECT, push(json, '{', err);
  if (c == '[') return *event = LEAT_JSON_ARRAY, push(json, '[', err);
  if (c == '"') {
    json->at++;
    *event = LEAT_JSON_STRING;
    status = read_string(json, err);
  } else if (c == '-' || digit(c) || (json->specials && c == 'I')) {
    *event = LEAT_JSON_NUMBER;
    status = read_number(json, err);
  } else if (json->specials && take_word(json, "NaN")) {
    *event = LEAT_JSON_NUMBER;
    json->text = LEAT_STR("NaN");
  } else if (take_word(json, "true"))
    *event = LEAT_JSON_TRUE;
  else if (take_word(json, "false"))
    *event = LEAT_JSON_FALSE;
  else if (take_word(json, "null"))
    *event = LEAT_JSON_NULL;
  else
    status = leat_json_fail(json, err, c < 0 ? "the input ends early" : "a value was expected");
  after_value(json);
  return status;
}

static leat_status read_key(leat_json *json, leat_json_event *event, leat_error *err) {
  if (peek(json) != '"') return leat_json_fail(json, err, "a key in quotes was expected");
  json->at++;
  leat_status status = read_string(json, err);
  if (status) return status;
  leat_str key = json->text;
  skip_space(json);
  if (peek(json) != ':') return leat_json_fail(json, err, "a colon was expected");
  json->at++;
  json->text = key;
  json->state = WANT_VALUE;
  *event = LEAT_JSON_KEY;
  return LEAT_OK;
}

leat_status leat_json_next(leat_json *json, leat_json_event *event, leat_error *err) {
  skip_space(json);
  if (json->state == WANT_NOTHING) {
    if (peek(json) >= 0) return leat_json_fail(json, err, "text behind the document");
    return *event = LEAT_JSON_END, LEAT_OK;
  }
  char inside = json->depth ? json->stack[json->depth - 1] : 0;
  int closing = inside == '{' ? '}' : ']';
  if (json->state == WANT_COMMA) {
    if (peek(json) == closing) return pop(json, event);
    if (peek(json) != ',')
      return leat_json_fail(json, err, "a comma or '%c' was expected", closing);
    json->at++;
    skip_space(json);
    json->state = inside == '{' ? WANT_KEY : WANT_VALUE;
  }
  bool may_end = json->state == WANT_KEY_OR_END || json->state == WANT_VALUE_OR_END;
  if (may_end && peek(json) == closing) return pop(json, event);
  if (json->state == WANT_KEY || json->state == WANT_KEY_OR_END) return read_key(json, event, err);
  return read_value(json, event, err);
}

leat_status leat_json_skip(leat_json *json, leat_json_event event, leat_error *err) {
  int depth = json->depth - (event == LEAT_JSON_OBJECT || event == LEAT_JSON_ARRAY);
  leat_status status = LEAT_OK;
  while (!status && json->depth > depth) status = leat_json_next(json, &event, err);
  return status;
}

// --- Writing ------------------------------------------------------------------------------------
static void new_line(leat_json_writer *w) {
  if (!w->indent) return;
  leat_buf_char(w->out, '\n');
  for (int i = 0; i < w->depth * w->indent; i++) leat_buf_char(w->out, ' ');
}

static void before(leat_json_writer *w) {
  if (w->comma && !w->after_key) leat_buf_c(w->out, w->indent ? "," : ", ");
  if (w->depth && !w->after_key) new_line(w);
  w->after_key = false;
  w->comma = true;
}

void leat_json_open(leat_json_writer *w, char bracket) {
  before(w);
  leat_buf_char(w->out, bracket);
  w->depth++;
  w->comma = false;
}

void leat_json_close(leat_json_writer *w, char bracket) {
  w->depth--;
  if (w->comma) new_line(w);
  leat_buf_char(w->out, bracket);
  w->comma = true;
}

// Runs of what stands for itself are copied whole; what is not UTF-8 becomes U+FFFD.
void leat_json_quote(leat_buf *out, leat_str text) {
  static const char names[] = "\bb\tt\nn\ff\rr\"\"\\\\";
  size_t from = 0;
  leat_buf_char(out, '"');
  for (size_t i = 0; i < text.len;) {
    unsigned char c = (unsigned char)text.ptr[i];
    size_t n = c < 0x80 ? 1 : leat_utf8_length((const unsigned char *)text.ptr + i, text.len - i);
    if (n && c >= 0x20 && c != '"' && c != '\\') {
      i += n;
      continue;
    }
    leat_buf_add(out, text.ptr + from, i - from);
    const char *name = n ? memchr(names, c, sizeof names - 1) : NULL;
    if (!n)
      leat_buf_c(out, "\xEF\xBF\xBD");
    else if (name)
      leat_buf_char(out, '\\'), leat_buf_char(out, name[1]);
    else
      leat_buf_fmt(out, "\\u%04x", c);
    from = ++i;
  }
  leat_buf_add(out, text.ptr + from, text.len - from);
  leat_buf_char(out, '"');
}

void leat_json_key(leat_json_writer *w, leat_str key) {
  before(w);
  leat_json_quote(w->out, key);
  leat_buf_c(w->out, ": ");
  w->after_key = true;
}

void leat_json_string(leat_json_writer *w, leat_str value) {
  before(w);
  leat_json_quote(w->out, value);
}

static void put_float(leat_json_writer *w, double value, const char *text, size_t length) {
  before(w);
  if (value != value)
    leat_buf_c(w->out, "NaN");
  else if (value - value != 0)
    leat_buf_c(w->out, value > 0 ? "Infinity" : "-Infinity");
  else
    leat_buf_add(w->out, text, length);
}

void leat_json_f64(leat_json_writer *w, double value) {
  char text[LEAT_NUMBER_MAX];
  put_float(w, value, text, leat_format_f64(text, value));
}

void leat_json_f32(leat_json_writer *w, float value) {
  char text[LEAT_NUMBER_MAX];
  put_float(w, (double)value, text, leat_format_f32(text, value));
}

void leat_json_i64(leat_json_writer *w, int64_t value) {
  char text[LEAT_NUMBER_MAX];
  before(w);
  leat_buf_add(w->out, text, leat_format_i64(text, value));
}

void leat_json_bool(leat_json_writer *w, bool value) {
  before(w);
  leat_buf_c(w->out, value ? "true" : "false");
}

void leat_json_null(leat_json_writer *w) {
  before(w);
  leat_buf_c(w->out, "null");
}

void leat_json_raw(leat_json_writer *w, leat_str text) {
  before(w);
  leat_buf_str(w->out, text);
}
