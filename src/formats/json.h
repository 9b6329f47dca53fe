// JSON: a pull parser over memory and a writer.
// SPDX-License-Identifier: Apache-2.0
//
// The parser checks syntax, UTF-8, escapes and depth as it goes and gives one event a call; it
// allocates only to unescape strings, into its own builder.
#ifndef LEAT_FORMATS_JSON_H
#define LEAT_FORMATS_JSON_H

#include "base/str.h"

typedef enum leat_json_event {
  LEAT_JSON_END,  // the document is complete
  LEAT_JSON_OBJECT,
  LEAT_JSON_OBJECT_END,
  LEAT_JSON_ARRAY,
  LEAT_JSON_ARRAY_END,
  LEAT_JSON_KEY,     // text: the key
  LEAT_JSON_STRING,  // text: the contents
  LEAT_JSON_NUMBER,  // text: as written
  LEAT_JSON_TRUE,
  LEAT_JSON_FALSE,
  LEAT_JSON_NULL,
} leat_json_event;

enum { LEAT_JSON_DEPTH = 64 };

typedef struct leat_json {
  leat_str input;
  const char *name;      // of the input, for messages
  int64_t lines_before;  // it, in the file it is from
  size_t at;
  leat_str text;  // of the last KEY, STRING or NUMBER; valid until the next call
  int depth;
  char stack[LEAT_JSON_DEPTH];  // '{' or '['
  int state;
  bool specials;  // NaN, Infinity and -Infinity are numbers
  leat_buf scratch;
} leat_json;

void leat_json_init(leat_json *json, leat_str input, const char *name);
void leat_json_deinit(leat_json *json);
leat_status leat_json_next(leat_json *json, leat_json_event *event, leat_error *err);
// In an array: takes the plain numbers that follow, each with the comma behind it, at most `room`;
// how many. The array's last one, and whatever else stands there, is left to leat_json_next.
size_t leat_json_take_f32(leat_json *json, float *out, size_t room);
// Reads over the value that starts with `event` (as returned by next).
leat_status leat_json_skip(leat_json *json, leat_json_event event, leat_error *err);
// "NAME:LINE:COLUMN: <message>" at the parser's place.
leat_status leat_json_fail(const leat_json *json, leat_error *err, const char *fmt, ...)
    LEAT_PRINTF(3, 4);

// Bytes of the UTF-8 sequence at p, which has `left` bytes; 0 if it is not one.
size_t leat_utf8_length(const unsigned char *p, size_t left);

// --- Writing ------------------------------------------------------------------------------------
typedef struct leat_json_writer {
  leat_buf *out;
  int depth;
  bool comma, after_key;
  int indent;  // 0 = one line
} leat_json_writer;

void leat_json_open(leat_json_writer *w, char bracket);   // '{' or '['
void leat_json_close(leat_json_writer *w, char bracket);  // '}' or ']'
void leat_json_key(leat_json_writer *w, leat_str key);
void leat_json_string(leat_json_writer *w, leat_str value);
void leat_json_f64(leat_json_writer *w, double value);  // NaN, Infinity as TensorFlow Serving does
void leat_json_f32(leat_json_writer *w, float value);
void leat_json_i64(leat_json_writer *w, int64_t value);
void leat_json_bool(leat_json_writer *w, bool value);
void leat_json_null(leat_json_writer *w);
void leat_json_raw(leat_json_writer *w, leat_str text);  // a value that is JSON already
void leat_json_quote(leat_buf *out, leat_str text);      // "text", escaped

#endif
