// Filling inputs from JSON and from bytes.
// SPDX-License-Identifier: Apache-2.0
#include "serve/values.h"

#include "formats/number.h"
#include "tensor/tensor_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHARGED_FROM = 16384 };  // bytes: what is smaller is as good as the body's own

void leat_values_init(leat_values *v, const leat_tensor_info *info, leat_exchange *x) {
  *v = (leat_values){.info = info, .x = x, .rank = -1, .stamp = -1};
}

leat_status leat_values_no_memory(leat_error *err) {
  return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "the server is out of memory for requests");
}

leat_status leat_values_charge(leat_exchange *x, const leat_tensor *t, leat_error *err) {
  size_t bytes = (size_t)t->count * leat_dtype_bytes(t->dtype);
  if (t->dtype == LEAT_DTYPE_STRING) bytes += (size_t)((const int64_t *)t->data)[t->count];
  if (!x || bytes < CHARGED_FROM || leat_exchange_charge(x, bytes)) return LEAT_OK;
  return leat_values_no_memory(err);
}

// Whether so many bytes may be held in all.
static bool charge(leat_values *v, size_t bytes) {
  if (!v->x || bytes < CHARGED_FROM || bytes <= v->charged) return true;
  if (!leat_exchange_charge(v->x, bytes - v->charged)) return false;
  v->charged = bytes;
  return true;
}

void leat_values_deinit(leat_values *v) {
  leat__free(v->data);
  leat_buf_deinit(&v->bytes);
  v->data = NULL;
}

static bool is_string(const leat_values *v) { return v->info->dtype == LEAT_DTYPE_STRING; }

bool leat_values_reserve(leat_values *v, size_t more) {
  if (v->room - v->count >= more) return true;
  size_t width = leat_dtype_bytes(v->info->dtype), room = v->room ? 2 * v->room : 4;
  if (room < v->count + more) room = v->count + more;
  if (room > ((size_t)1 << 40) / width || !charge(v, room * width + v->bytes.cap)) return false;
  char *data = leat__realloc(v->data, (room + 1) * width);
  if (!data) return false;
  if (!v->data && is_string(v)) memset(data, 0, width);
  v->data = data;
  v->room = room;
  return true;
}

leat_status leat_values_add_string(leat_values *v, leat_str s, leat_error *err) {
  if (!leat_values_reserve(v, 1)) return leat_values_no_memory(err);
  size_t room = v->bytes.len + s.len > v->bytes.cap ? 2 * (v->bytes.len + s.len) : v->bytes.cap;
  if (!charge(v, v->room * sizeof(int64_t) + room)) return leat_values_no_memory(err);
  leat_buf_str(&v->bytes, s);
  ((int64_t *)(void *)v->data)[++v->count] = (int64_t)v->bytes.len;
  return leat_buf_status(&v->bytes, err);
}

// --- Messages -----------------------------------------------------------------------------------
static void value_text(leat_buf *out, const leat_json *json, leat_json_event event) {
  switch (event) {
    case LEAT_JSON_NUMBER: leat_buf_str(out, json->text); break;
    case LEAT_JSON_STRING: leat_json_quote(out, json->text); break;
    case LEAT_JSON_TRUE: leat_buf_c(out, "true"); break;
    case LEAT_JSON_FALSE: leat_buf_c(out, "false"); break;
    default: leat_buf_c(out, "null"); break;
  }
}

static const char *type_text(leat_json_event event) {
  switch (event) {
    case LEAT_JSON_NUMBER: return "Number";
    case LEAT_JSON_STRING: return "String";
    case LEAT_JSON_TRUE: return "True";
    case LEAT_JSON_FALSE: return "False";
    case LEAT_JSON_OBJECT: return "Object";
    case LEAT_JSON_ARRAY: return "Array";
    default: return "Null";
  }
}

// The whole value behind an opening bracket, as text; the parser is behind it afterwards.
static leat_status rest_text(leat_json *json, leat_json_event event, leat_buf *out,
                             leat_error *err) {
  size_t start = json->at - 1;
  leat_status status = leat_json_skip(json, event, err);
  if (!status) leat_json_pretty(out, (leat_str){json->input.ptr + start, json->at - start});
  return status;
}

enum { SHOWN = 400 };  // bytes of a value in a message

static leat_status say(leat_error *err, leat_buf *value, const char *before, const char *behind) {
  int shown = (int)(value->len < SHOWN ? value->len : SHOWN);
  leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s%.*s%s", before, shown,
                 value->ptr ? value->ptr : "", behind);
  leat_buf_deinit(value);
  return LEAT_INVALID_ARGUMENT;
}

static leat_status type_error(const leat_values *v, leat_json *json, leat_json_event event,
                              leat_error *err) {
  leat_buf value = {0};
  char behind[96];
  if (event == LEAT_JSON_OBJECT || event == LEAT_JSON_ARRAY) {
    leat_status status = rest_text(json, event, &value, err);
    if (status) return leat_buf_deinit(&value), status;
  } else
    value_text(&value, json, event);
  snprintf(behind, sizeof behind, " Type: %s is not of expected type: %s", type_text(event),
           leat_dtype_tf_name(v->info->dtype));
  return say(err, &value, "JSON Value: ", behind);
}

static leat_status lossy(const leat_values *v, const leat_json *json, leat_error *err) {
  leat_buf value = {0};
  char behind[96];
  leat_buf_str(&value, json->text);
  snprintf(behind, sizeof behind, " to %s without loss of precision.",
           leat_dtype_tf_name(v->info->dtype));
  return say(err, &value, "Cannot convert JSON value: ", behind);
}

// --- Scalars ------------------------------------------------------------------------------------
static bool is_word(leat_str text) {  // NaN, Infinity, -Infinity
  char last = text.ptr[text.len - 1];
  return last == 'N' || last == 'y';
}

static bool put_int(char *data, size_t i, leat_dtype dtype, leat_str text) {
  int64_t x;
  uint64_t u;
  if (dtype == LEAT_DTYPE_U64) {
    if (!leat_parse_u64(text, &u)) return false;
    return ((uint64_t *)(void *)data)[i] = u, true;
  }
  if (!leat_parse_i64(text, &x)) return false;
  switch (dtype) {
    case LEAT_DTYPE_I64: return ((int64_t *)(void *)data)[i] = x, true;
    case LEAT_DTYPE_I32: return ((int32_t *)(void *)data)[i] = (int32_t)x, x == (int32_t)x;
    case LEAT_DTYPE_I16: return ((int16_t *)(void *)data)[i] = (int16_t)x, x == (int16_t)x;
    case LEAT_DTYPE_I8: return ((int8_t *)(void *)data)[i] = (int8_t)x, x == (int8_t)x;
    case LEAT_DTYPE_U32: return ((uint32_t *)(void *)data)[i] = (uint32_t)x, x == (uint32_t)x;
    case LEAT_DTYPE_U16: return ((uint16_t *)(void *)data)[i] = (uint16_t)x, x == (uint16_t)x;
    default: return ((uint8_t *)(void *)data)[i] = (uint8_t)x, x == (uint8_t)x;
  }
}

// The nearest binary16, ties to even.
static uint16_t half_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
  uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return sign | 0x7E00;
  if (magnitude >= 0x47800000) return sign | 0x7C00;  // 65536 and more
  if (magnitude < 0x38800000) {                       // subnormal: units of 2^-24
    float scaled = nearbyintf(fabsf(value) * 16777216.0f);
    return (uint16_t)(sign | (uint16_t)scaled);
  }
  uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
  return (uint16_t)(sign | ((rounded - 0x38000000) >> 13));
}

static float of_half(uint16_t half) {
  int exponent = half >> 10 & 31, fraction = half & 0x3FF;
  float value = exponent == 31 ? (fraction ? NAN : INFINITY)
                : exponent     ? ldexpf((float)(fraction | 0x400), exponent - 25)
                               : ldexpf((float)fraction, -24);
  return half & 0x8000 ? -value : value;
}

static uint16_t brain_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if (value != value) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static float of_brain(uint16_t brain) {
  uint32_t bits = (uint32_t)brain << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

static leat_status put_float(leat_values *v, leat_json *json, leat_error *err) {
  float f;
  double d;
  bool word = is_word(json->text);
  if (v->info->dtype == LEAT_DTYPE_F64) {
    if (!leat_parse_f64(json->text, &d)) return type_error(v, json, LEAT_JSON_NUMBER, err);
    if (isinf(d) && !word) return lossy(v, json, err);
    ((double *)(void *)v->data)[v->count++] = d;
    return LEAT_OK;
  }
  if (!leat_parse_f32(json->text, &f)) return type_error(v, json, LEAT_JSON_NUMBER, err);
  if (isinf(f) && !word) return lossy(v, json, err);
  if (v->info->dtype == LEAT_DTYPE_F32)
    ((float *)(void *)v->data)[v->count++] = f;
  else
    ((uint16_t *)(void *)v->data)[v->count++] =
        v->info->dtype == LEAT_DTYPE_F16 ? half_of(f) : brain_of(f);
  return LEAT_OK;
}

leat_status leat_values_scalar(leat_values *v, leat_json *json, leat_json_event event,
                               leat_error *err) {
  leat_dtype dtype = v->info->dtype;
  if (dtype == LEAT_DTYPE_STRING) {
    if (event != LEAT_JSON_STRING) return type_error(v, json, event, err);
    return leat_values_add_string(v, json->text, err);
  }
  if (!leat_values_reserve(v, 1)) return leat_values_no_memory(err);
  if (dtype == LEAT_DTYPE_BOOL) {
    if (event != LEAT_JSON_TRUE && event != LEAT_JSON_FALSE) return type_error(v, json, event, err);
    v->data[v->count++] = event == LEAT_JSON_TRUE;
    return LEAT_OK;
  }
  if (event != LEAT_JSON_NUMBER) return type_error(v, json, event, err);
  if (leat_dtype_is_float(dtype)) return put_float(v, json, err);
  if (!put_int(v->data, v->count, dtype, json->text)) return type_error(v, json, event, err);
  v->count++;
  return LEAT_OK;
}

// {"b64": "..."} behind its brace.
static leat_status base64_object(leat_values *v, leat_json *json, leat_error *err) {
  size_t start = json->at - 1, before = v->bytes.len;
  int depth = json->depth;
  leat_json_event event;
  leat_status status = leat_json_next(json, &event, err);
  bool good = !status && event == LEAT_JSON_KEY && leat_str_eq(json->text, LEAT_STR("b64"));
  if (good) status = leat_json_next(json, &event, err);
  good = good && !status && event == LEAT_JSON_STRING;
  bool decoded = good && leat_base64_decode(json->text, &v->bytes);
  if (good) status = leat_json_next(json, &event, err);
  good = good && !status && event == LEAT_JSON_OBJECT_END;
  while (!status && json->depth >= depth) status = leat_json_next(json, &event, err);
  if (status) return status;
  if (!good) {
    leat_buf value = {0};
    leat_json_pretty(&value, (leat_str){json->input.ptr + start, json->at - start});
    return say(err, &value, "JSON Value: ", " not formatted correctly for base64 data");
  }
  if (!decoded) return leat_error_set(err, LEAT_INVALID_ARGUMENT, "Unable to base64 decode");
  leat_str bytes = {v->bytes.ptr + before, v->bytes.len - before};
  v->bytes.len = before;  // the same bytes are put there again
  return leat_values_add_string(v, bytes, err);
}

// --- Values -------------------------------------------------------------------------------------
// Numbers of a list of f32 by the fast way; how many there were. Memory that cannot be had is the
// slow way's to tell.
static int64_t plain_numbers(leat_values *v, leat_json *json) {
  enum { PIECE = 64 };
  size_t before = v->count, got = PIECE;
  while (v->info->dtype == LEAT_DTYPE_F32 && got == PIECE && leat_values_reserve(v, PIECE)) {
    got = leat_json_take_f32(json, (float *)(void *)v->data + v->count, PIECE);
    v->count += got;
  }
  return (int64_t)(v->count - before);
}

typedef struct shape {
  int rank;  // -1: not known yet
  int64_t dims[LEAT_MAX_RANK];
} shape;

static leat_status fill(leat_values *v, leat_json *json, leat_json_event event, int level, shape *s,
                        leat_error *err);

static leat_status fill_list(leat_values *v, leat_json *json, int level, shape *s,
                             leat_error *err) {
  if (s->rank >= 0 && level >= s->rank)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "Encountered list at unexpected level: %d expected < %d", level, s->rank);
  if (level == LEAT_MAX_RANK)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "lists are nested deeper than %d",
                          LEAT_MAX_RANK);
  leat_json_event event;
  leat_status status;
  int64_t count = 0;
  for (;;) {
    if (s->rank < 0 || s->rank == level + 1) count += plain_numbers(v, json);
    if (count && s->rank < 0) s->rank = level + 1;
    if ((status = leat_json_next(json, &event, err))) return status;
    if (event == LEAT_JSON_ARRAY_END) break;
    if ((status = fill(v, json, event, level + 1, s, err))) return status;
    count++;
  }
  if (s->dims[level] < 0) s->dims[level] = count;
  if (s->rank < 0) s->rank = level + 1;  // an empty list
  if (s->dims[level] == count) return LEAT_OK;
  return leat_error_set(
      err, LEAT_INVALID_ARGUMENT,
      "Encountered list at unexpected size: %lld at level: %d expected size: %lld",
      (long long)count, level, (long long)s->dims[level]);
}

static leat_status fill(leat_values *v, leat_json *json, leat_json_event event, int level, shape *s,
                        leat_error *err) {
  if (event == LEAT_JSON_ARRAY) return fill_list(v, json, level, s, err);
  if (s->rank < 0) s->rank = level;
  if (s->rank != level) {
    leat_buf value = {0};
    char behind[96];
    if (event == LEAT_JSON_OBJECT) {
      leat_status status = rest_text(json, event, &value, err);
      if (status) return leat_buf_deinit(&value), status;
    } else
      value_text(&value, json, event);
    snprintf(behind, sizeof behind,
             " found at incorrect level: %d in the JSON DOM. Expected at level: %d", level + 1,
             s->rank);
    return say(err, &value, "JSON Value: ", behind);
  }
  if (event != LEAT_JSON_OBJECT) return leat_values_scalar(v, json, event, err);
  return is_string(v) ? base64_object(v, json, err) : type_error(v, json, event, err);
}

static void shape_text(leat_buf *out, int rank, const int64_t *dims) {
  leat_buf_char(out, '[');
  for (int i = 0; i < rank; i++) leat_buf_fmt(out, "%s%lld", i ? "," : "", (long long)dims[i]);
  leat_buf_char(out, ']');
}

static leat_status differs(const leat_values *v, const shape *s, int64_t size, leat_error *err) {
  int64_t first = leat__dims_count(v->rank, v->dims);
  if (first != size)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "Expecting tensor size: %lld but got: %lld",
                          (long long)first, (long long)size);
  leat_buf text = {0};
  leat_buf_c(&text, "Expecting shape ");
  shape_text(&text, v->rank, v->dims);
  leat_buf_c(&text, " but got: ");
  shape_text(&text, s->rank, s->dims);
  leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s", text.ptr ? text.ptr : "");
  leat_buf_deinit(&text);
  return LEAT_INVALID_ARGUMENT;
}

leat_status leat_values_value(leat_values *v, leat_json *json, leat_json_event event,
                              leat_error *err) {
  shape s = {.rank = -1};
  for (int i = 0; i < LEAT_MAX_RANK; i++) s.dims[i] = -1;
  size_t before = v->count;
  leat_status status = fill(v, json, event, 0, &s, err);
  if (status) return status;
  v->values++;
  if (v->rank < 0) {
    v->rank = s.rank;
    for (int i = 0; i < s.rank; i++) v->dims[i] = s.dims[i];
    return LEAT_OK;
  }
  bool same = v->rank == s.rank;
  for (int i = 0; same && i < s.rank; i++) same = s.dims[i] == v->dims[i];
  return same ? LEAT_OK : differs(v, &s, (int64_t)(v->count - before), err);
}

leat_status leat_values_flat(leat_values *v, leat_json *json, leat_json_event event,
                             leat_error *err) {
  leat_status status = LEAT_OK;
  if (event != LEAT_JSON_ARRAY)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "'data' is not a list");
  for (int depth = 1; depth > 0;) {
    plain_numbers(v, json);
    if ((status = leat_json_next(json, &event, err))) return status;
    if (event == LEAT_JSON_ARRAY)
      depth++;
    else if (event == LEAT_JSON_ARRAY_END)
      depth--;
    else if (event == LEAT_JSON_OBJECT)
      status = is_string(v) ? base64_object(v, json, err) : type_error(v, json, event, err);
    else
      status = leat_values_scalar(v, json, event, err);
    if (status) return status;
  }
  return LEAT_OK;
}

leat_status leat_values_raw(leat_values *v, leat_str bytes, leat_error *err) {
  size_t width = leat_dtype_bytes(v->info->dtype);
  if (is_string(v)) {
    while (bytes.len) {
      uint32_t length;
      if (bytes.len < 4) break;
      memcpy(&length, bytes.ptr, 4);
      if (length > bytes.len - 4) break;
      leat_status status = leat_values_add_string(v, (leat_str){bytes.ptr + 4, length}, err);
      if (status) return status;
      bytes = (leat_str){bytes.ptr + 4 + length, bytes.len - 4 - length};
    }
    if (!bytes.len) return LEAT_OK;
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "unexpected end of the strings of input '%s'",
                          v->info->name);
  }
  if (bytes.len % width)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "%zu bytes are not a whole number of %s for input '%s'", bytes.len,
                          leat_dtype_v2_name(v->info->dtype), v->info->name);
  if (!leat_values_reserve(v, bytes.len / width)) return leat_values_no_memory(err);
  if (bytes.len) memcpy(v->data + v->count * width, bytes.ptr, bytes.len);
  for (size_t i = 0; v->info->dtype == LEAT_DTYPE_BOOL && i < bytes.len; i++)
    v->data[v->count + i] = v->data[v->count + i] != 0;
  v->count += bytes.len / width;
  return LEAT_OK;
}

leat_status leat_values_tensor(leat_values *v, int rank, const int64_t *dims, leat_tensor **out,
                               leat_error *err) {
  int64_t count = leat__dims_count(rank, dims);
  if (rank > LEAT_MAX_RANK || count != (int64_t)v->count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "input '%s' has %zu elements, its shape wants %lld", v->info->name,
                          v->count, (long long)count);
  if (!leat_values_reserve(v, 1)) return leat_values_no_memory(err);
  if (is_string(v) && !leat_buf_reserve(&v->bytes, 1)) return leat_values_no_memory(err);
  return leat_tensor_wrap(out, v->info->dtype, rank, dims, NULL, v->data, v->bytes.ptr, NULL, NULL,
                          err);
}

leat_status leat_values_rows(leat_values *v, leat_tensor **out, leat_error *err) {
  int64_t dims[LEAT_MAX_RANK + 1] = {v->values};
  if (v->rank >= LEAT_MAX_RANK)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "lists are nested deeper than %d",
                          LEAT_MAX_RANK);
  for (int i = 0; i < v->rank; i++) dims[i + 1] = v->dims[i];
  return leat_values_tensor(v, (v->rank < 0 ? 0 : v->rank) + 1, dims, out, err);
}

leat_status leat_values_one(leat_values *v, leat_tensor **out, leat_error *err) {
  return leat_values_tensor(v, v->rank < 0 ? 0 : v->rank, v->dims, out, err);
}

// --- Out ----------------------------------------------------------------------------------------
static void write_float(leat_buf *out, double value, const char *text, size_t length,
                        leat_json_style style) {
  if (value - value == 0)
    leat_buf_add(out, text, length);
  else if (!style.specials)
    leat_buf_c(out, "null");
  else
    leat_buf_c(out, value != value ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
}

static void write_string(leat_buf *out, leat_str s, leat_json_style style) {
  if (!style.bytes) {
    leat_json_quote(out, s);
    return;
  }
  leat_buf_c(out, "{\"b64\": \"");
  leat_base64_encode(out, s);
  leat_buf_c(out, "\"}");
}

static float small_float(const leat_tensor *t, int64_t i) {
  uint16_t bits = ((const uint16_t *)t->data)[i];
  return t->dtype == LEAT_DTYPE_F16 ? of_half(bits) : of_brain(bits);
}

static int64_t small_int(const leat_tensor *t, int64_t i) {
  switch (t->dtype) {
    case LEAT_DTYPE_I8: return ((const int8_t *)t->data)[i];
    case LEAT_DTYPE_I16: return ((const int16_t *)t->data)[i];
    case LEAT_DTYPE_I32: return ((const int32_t *)t->data)[i];
    case LEAT_DTYPE_U8: return ((const uint8_t *)t->data)[i];
    case LEAT_DTYPE_U16: return ((const uint16_t *)t->data)[i];
    case LEAT_DTYPE_U32: return ((const uint32_t *)t->data)[i];
    default: return ((const int64_t *)t->data)[i];
  }
}

void leat_write_element(leat_buf *out, const leat_tensor *t, int64_t i, leat_json_style style) {
  char text[LEAT_NUMBER_MAX];
  float f;
  double d;
  switch (t->dtype) {
    case LEAT_DTYPE_F32:
      f = ((const float *)t->data)[i];
      write_float(out, (double)f, text, leat_format_f32(text, f), style);
      break;
    case LEAT_DTYPE_F16:
    case LEAT_DTYPE_BF16:
      f = small_float(t, i);
      write_float(out, (double)f, text, leat_format_f32(text, f), style);
      break;
    case LEAT_DTYPE_F64:
      d = ((const double *)t->data)[i];
      write_float(out, d, text, leat_format_f64(text, d), style);
      break;
    case LEAT_DTYPE_BOOL: leat_buf_c(out, ((const uint8_t *)t->data)[i] ? "true" : "false"); break;
    case LEAT_DTYPE_STRING: write_string(out, leat_tensor_str(t, i), style); break;
    case LEAT_DTYPE_U64:
      leat_buf_add(out, text, leat_format_u64(text, ((const uint64_t *)t->data)[i]));
      break;
    default: leat_buf_add(out, text, leat_format_i64(text, small_int(t, i)));
  }
}

void leat_write_nested(leat_buf *out, const leat_tensor *t, int axis, int64_t *i,
                       leat_json_style style) {
  if (axis >= t->rank) {
    leat_write_element(out, t, (*i)++, style);
    return;
  }
  leat_buf_char(out, '[');
  for (int64_t k = 0; k < t->dims[axis]; k++) {
    if (k) leat_buf_add(out, ", ", 2);
    leat_write_nested(out, t, axis + 1, i, style);
  }
  leat_buf_char(out, ']');
}

bool leat_is_finite(const leat_tensor *t) {
  bool finite = true;
  if (!leat_dtype_is_float(t->dtype)) return true;
  for (int64_t i = 0; finite && i < t->count; i++) {
    double x = t->dtype == LEAT_DTYPE_F32   ? (double)((const float *)t->data)[i]
               : t->dtype == LEAT_DTYPE_F64 ? ((const double *)t->data)[i]
                                            : (double)small_float(t, i);
    finite = x - x == 0;
  }
  return finite;
}
