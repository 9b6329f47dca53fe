// Names of types, base64, and JSON text for messages.
// SPDX-License-Identifier: Apache-2.0
#include "serve/values.h"

static const struct {
  const char *tf, *v2;
} names[LEAT_DTYPE_COUNT] = {
    [LEAT_DTYPE_NONE] = {"invalid", "INVALID"}, [LEAT_DTYPE_BOOL] = {"bool", "BOOL"},
    [LEAT_DTYPE_I8] = {"int8", "INT8"},         [LEAT_DTYPE_I16] = {"int16", "INT16"},
    [LEAT_DTYPE_I32] = {"int32", "INT32"},      [LEAT_DTYPE_I64] = {"int64", "INT64"},
    [LEAT_DTYPE_U8] = {"uint8", "UINT8"},       [LEAT_DTYPE_U16] = {"uint16", "UINT16"},
    [LEAT_DTYPE_U32] = {"uint32", "UINT32"},    [LEAT_DTYPE_U64] = {"uint64", "UINT64"},
    [LEAT_DTYPE_F16] = {"half", "FP16"},        [LEAT_DTYPE_BF16] = {"bfloat16", "BF16"},
    [LEAT_DTYPE_F32] = {"float", "FP32"},       [LEAT_DTYPE_F64] = {"double", "FP64"},
    [LEAT_DTYPE_STRING] = {"string", "BYTES"},
};

const char *leat_dtype_tf_name(leat_dtype dtype) { return names[dtype].tf; }
const char *leat_dtype_v2_name(leat_dtype dtype) { return names[dtype].v2; }

leat_dtype leat_dtype_of_v2(leat_str name) {
  for (int i = 1; i < LEAT_DTYPE_COUNT; i++)
    if (leat_str_eq(name, leat_str_of(names[i].v2))) return (leat_dtype)i;
  return LEAT_DTYPE_NONE;
}

// --- Base64 -------------------------------------------------------------------------------------
static int sextet(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

bool leat_base64_decode(leat_str text, leat_buf *out) {
  for (int i = 0; i < 2 && text.len && text.ptr[text.len - 1] == '='; i++) text.len--;
  if (text.len % 4 == 1 || !leat_buf_reserve(out, text.len / 4 * 3 + 3)) return false;
  uint32_t bits = 0;
  int held = 0;
  size_t before = out->len;
  for (size_t i = 0; i < text.len; i++) {
    int value = sextet(text.ptr[i]);
    if (value < 0) return out->len = before, false;
    bits = bits << 6 | (uint32_t)value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    leat_buf_char(out, (char)(bits >> held));
  }
  return true;
}

void leat_base64_encode(leat_buf *out, leat_str bytes) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < bytes.len; i += 3) {
    size_t left = bytes.len - i;
    uint32_t b = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
    if (left > 1) b |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
    if (left > 2) b |= (unsigned char)bytes.ptr[i + 2];
    char four[4] = {digits[b >> 18], digits[b >> 12 & 63], left > 1 ? digits[b >> 6 & 63] : '=',
                    left > 2 ? digits[b & 63] : '='};
    leat_buf_add(out, four, 4);
  }
}

// --- Pretty -------------------------------------------------------------------------------------
static void indent(leat_buf *out, int depth) {
  leat_buf_char(out, '\n');
  for (int i = 0; i < depth; i++) leat_buf_c(out, "    ");
}

static void put_event(leat_buf *out, const leat_json *json, leat_json_event event) {
  switch (event) {
    case LEAT_JSON_OBJECT: leat_buf_char(out, '{'); break;
    case LEAT_JSON_ARRAY: leat_buf_char(out, '['); break;
    case LEAT_JSON_KEY:
      leat_json_quote(out, json->text);
      leat_buf_c(out, ": ");
      break;
    case LEAT_JSON_STRING: leat_json_quote(out, json->text); break;
    case LEAT_JSON_NUMBER: leat_buf_str(out, json->text); break;
    case LEAT_JSON_TRUE: leat_buf_c(out, "true"); break;
    case LEAT_JSON_FALSE: leat_buf_c(out, "false"); break;
    default: leat_buf_c(out, "null");
  }
}

void leat_json_pretty(leat_buf *out, leat_str text) {
  leat_json json;
  leat_json_event event, before = LEAT_JSON_KEY;
  leat_json_init(&json, text, NULL);
  json.specials = true;
  while (!leat_json_next(&json, &event, NULL) && event != LEAT_JSON_END) {
    bool opened = before == LEAT_JSON_OBJECT || before == LEAT_JSON_ARRAY;
    if (event == LEAT_JSON_OBJECT_END || event == LEAT_JSON_ARRAY_END) {
      if (!opened) indent(out, json.depth);
      leat_buf_char(out, event == LEAT_JSON_OBJECT_END ? '}' : ']');
    } else {
      int depth = json.depth - (event == LEAT_JSON_OBJECT || event == LEAT_JSON_ARRAY);
      if (before != LEAT_JSON_KEY && !opened) leat_buf_char(out, ',');
      if (before != LEAT_JSON_KEY) indent(out, depth);
      put_event(out, &json, event);
    }
    before = event;
  }
  leat_json_deinit(&json);
}
