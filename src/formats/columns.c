// Columns under construction.
// SPDX-License-Identifier: Apache-2.0
#include "formats/columns.h"

#include "formats/number.h"

#include <math.h>

static bool one_value(const leat_sink *s) { return s->column.values == 0 || s->column.values == 1; }

// --- Making -------------------------------------------------------------------------------------
static bool is_column_type(leat_dtype t) {
  return t == LEAT_DTYPE_NONE || t == LEAT_DTYPE_F32 || t == LEAT_DTYPE_F64 ||
         t == LEAT_DTYPE_I32 || t == LEAT_DTYPE_I64 || t == LEAT_DTYPE_STRING;
}

static bool copy_text(leat_columns *c, leat_str *s) {
  char *kept = leat_arena_str(&c->arena, *s);
  s->ptr = kept;
  return kept != NULL;
}

static leat_status add_column(leat_columns *c, const leat_column *column, leat_error *err) {
  leat_sink *s = &c->sinks[c->count];
  bool made;
  s->column = *column;
  if (!copy_text(c, &s->column.name) || !copy_text(c, &s->column.default_text))
    return leat__oom(err, 1);
  if (!is_column_type(column->dtype))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "column '" LEAT_STR_FMT "': no columns of %s",
                          LEAT_STR_ARG(column->name), leat_dtype_name(column->dtype));
  leat_map_entry *entry = leat_map_insert(&c->by_name, s->column.name, &made);
  if (!entry) return leat__oom(err, sizeof *entry);
  if (!made)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "two columns are named '" LEAT_STR_FMT "'",
                          LEAT_STR_ARG(column->name));
  entry->value.num = c->count++;
  return LEAT_OK;
}

leat_status leat_columns_init(leat_columns *c, const leat_column *columns, int count,
                              leat_error *err) {
  *c = (leat_columns){0};
  c->sinks = leat__calloc((size_t)count + 1, sizeof *c->sinks);
  leat_status status = c->sinks ? LEAT_OK : leat__oom(err, sizeof *c->sinks);
  for (int i = 0; !status && i < count; i++) status = add_column(c, &columns[i], err);
  if (!status) status = leat_columns_clear(c, err);
  if (status) leat_columns_deinit(c);
  return status;
}

void leat_columns_deinit(leat_columns *c) {
  for (int i = 0; i < c->count; i++) {
    leat__free(c->sinks[i].data);
    leat__free(c->sinks[i].bytes);
    leat__free(c->sinks[i].ends);
  }
  leat__free(c->sinks);
  leat__free(c->places);
  leat_map_deinit(&c->by_name);
  leat_arena_deinit(&c->arena);
  *c = (leat_columns){0};
}

int leat_columns_find(const leat_columns *c, leat_str name) {
  const leat_map_entry *entry = leat_map_find(&c->by_name, name);
  return entry ? (int)entry->value.num : -1;
}

// --- Memory -------------------------------------------------------------------------------------
static bool grow_data(leat_sink *s) {
  size_t cap = s->cap ? s->cap * 2 : 1024;
  char *grown = leat__realloc(s->data, cap * leat_dtype_bytes(s->column.dtype));
  if (!grown) return false;
  s->data = grown;
  s->cap = cap;
  return true;
}

static bool grow_bytes(leat_sink *s, size_t more) {
  size_t cap = s->bytes_cap ? s->bytes_cap * 2 : 1 << 14;
  while (cap < s->bytes_len + more + 16) cap *= 2;
  char *grown = leat__realloc(s->bytes, cap);
  if (!grown) return false;
  s->bytes = grown;
  s->bytes_cap = cap;
  return true;
}

leat_status leat_columns_clear(leat_columns *c, leat_error *err) {
  c->rows = 0;
  for (int i = 0; i < c->count; i++) {
    leat_sink *s = &c->sinks[i];
    s->count = s->bytes_len = 0;
    if (s->column.dtype != LEAT_DTYPE_STRING) continue;
    if (!s->cap && !grow_data(s)) return leat__oom(err, 1024);
    ((int64_t *)(void *)s->data)[0] = 0;
  }
  return LEAT_OK;
}

static leat_status grow_rows(leat_columns *c, leat_error *err) {
  size_t cap = c->row_cap ? c->row_cap * 2 : 1024;
  leat_row_place *places = leat__realloc(c->places, cap * sizeof *places);
  if (!places) return leat__oom(err, cap * sizeof *places);
  c->places = places;
  for (int i = 0; i < c->count; i++) {
    if (one_value(&c->sinks[i])) continue;
    int64_t *ends = leat__realloc(c->sinks[i].ends, cap * sizeof *ends);
    if (!ends) return leat__oom(err, cap * sizeof *ends);
    c->sinks[i].ends = ends;
  }
  c->row_cap = cap;
  return LEAT_OK;
}

// --- Values -------------------------------------------------------------------------------------
// Short unsigned decimal digits, by far the commonest number.
static bool small_number(leat_str t, uint32_t *out) {
  uint32_t value = 0;
  if (t.len - 1 > 7) return false;
  for (size_t i = 0; i < t.len; i++) {
    unsigned digit = (unsigned char)t.ptr[i] - '0';
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

static bool parse_number(leat_sink *s, leat_str t) {
  uint32_t small;
  int64_t whole;
  if (small_number(t, &small)) {
    switch (s->column.dtype) {
      case LEAT_DTYPE_F32: ((float *)(void *)s->data)[s->count] = (float)small; return true;
      case LEAT_DTYPE_F64: ((double *)(void *)s->data)[s->count] = small; return true;
      case LEAT_DTYPE_I32: ((int32_t *)(void *)s->data)[s->count] = (int32_t)small; return true;
      default: ((int64_t *)(void *)s->data)[s->count] = small; return true;
    }
  }
  switch (s->column.dtype) {
    case LEAT_DTYPE_F32: return leat_parse_f32(t, (float *)(void *)s->data + s->count);
    case LEAT_DTYPE_F64: return leat_parse_f64(t, (double *)(void *)s->data + s->count);
    case LEAT_DTYPE_I64: return leat_parse_i64(t, (int64_t *)(void *)s->data + s->count);
    default:
      if (!leat_parse_i64(t, &whole) || whole != (int32_t)whole) return false;
      ((int32_t *)(void *)s->data)[s->count] = (int32_t)whole;
      return true;
  }
}

// With another decimal sign than a point; a point is then no part of a number.
static bool parse_decimal(leat_sink *s, leat_str t, char decimal) {
  char plain[512];
  if (t.len > sizeof plain || (t.len && memchr(t.ptr, '.', t.len))) return false;
  for (size_t i = 0; i < t.len; i++) plain[i] = t.ptr[i] == decimal ? '.' : t.ptr[i];
  return parse_number(s, (leat_str){plain, t.len});
}

static void put_string(leat_sink *s, leat_str t, bool slack) {
  char *to = s->bytes + s->bytes_len;
  if (t.len <= 16 && slack)  // both sides have 16 bytes of room
    memcpy(to, t.ptr, 16);
  else if (t.len)
    memcpy(to, t.ptr, t.len);
  s->bytes_len += t.len;
  ((int64_t *)(void *)s->data)[s->count + 1] = (int64_t)s->bytes_len;
}

static leat_status not_a_number(const leat_sink *s, leat_str t, leat_error *err) {
  int shown = t.len < 60 ? (int)t.len : 60;
  const char *type = leat_dtype_name(s->column.dtype);
  if (!t.len)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          LEAT_STR_FMT
                          ": the field is empty and the column has no default (expected %s)",
                          LEAT_STR_ARG(s->column.name), type);
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        LEAT_STR_FMT ": '%.*s' is not a number (expected %s)",
                        LEAT_STR_ARG(s->column.name), shown, t.ptr, type);
}

leat_status leat_columns_text(leat_columns *c, int column, leat_str t, bool slack,
                              leat_error *err) {
  leat_sink *s = &c->sinks[column];
  if (s->count + 2 > s->cap && !grow_data(s)) return leat__oom(err, s->cap * 2);
  if (!t.len && s->column.has_default) t = s->column.default_text, slack = false;
  if (s->column.dtype == LEAT_DTYPE_STRING) {
    if (s->bytes_len + t.len + 16 > s->bytes_cap && !grow_bytes(s, t.len))
      return leat__oom(err, t.len);
    put_string(s, t, slack && t.len);
  } else {
    if (t.len && (t.ptr[0] == ' ' || t.ptr[t.len - 1] == ' '))
      t = leat_str_strip(t, LEAT_STR(" \t"));
    bool other = c->decimal && t.ptr != s->column.default_text.ptr;
    bool good = other ? parse_decimal(s, t, c->decimal) : parse_number(s, t);
    if (!good) return not_a_number(s, t, err);
  }
  s->count++;
  return LEAT_OK;
}

leat_status leat_columns_i64(leat_columns *c, int column, int64_t value, leat_error *err) {
  leat_sink *s = &c->sinks[column];
  char text[24];
  if (s->count + 2 > s->cap && !grow_data(s)) return leat__oom(err, s->cap * 2);
  switch (s->column.dtype) {
    case LEAT_DTYPE_I64: ((int64_t *)(void *)s->data)[s->count++] = value; return LEAT_OK;
    case LEAT_DTYPE_F32: ((float *)(void *)s->data)[s->count++] = (float)value; return LEAT_OK;
    case LEAT_DTYPE_F64: ((double *)(void *)s->data)[s->count++] = (double)value; return LEAT_OK;
    default: break;
  }
  leat_buf digits = {0};
  leat_buf_fmt(&digits, "%lld", (long long)value);
  size_t n = digits.len < sizeof text ? digits.len : sizeof text;
  if (!digits.failed) memcpy(text, digits.ptr, n);
  leat_status status = leat_buf_status(&digits, err);
  leat_buf_deinit(&digits);
  return status ? status : leat_columns_text(c, column, (leat_str){text, n}, false, err);
}

leat_status leat_columns_f64(leat_columns *c, int column, double value, leat_error *err) {
  leat_sink *s = &c->sinks[column];
  if (s->count + 2 > s->cap && !grow_data(s)) return leat__oom(err, s->cap * 2);
  if (s->column.dtype == LEAT_DTYPE_F32)
    ((float *)(void *)s->data)[s->count++] = (float)value;
  else if (s->column.dtype == LEAT_DTYPE_F64)
    ((double *)(void *)s->data)[s->count++] = value;
  else if (s->column.dtype != LEAT_DTYPE_STRING && value == floor(value) && fabs(value) < 0x1p62)
    return leat_columns_i64(c, column, (int64_t)value, err);
  else
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          LEAT_STR_FMT ": the number %g stands where %s was expected",
                          LEAT_STR_ARG(s->column.name), value, leat_dtype_name(s->column.dtype));
  return LEAT_OK;
}

// --- Rows ---------------------------------------------------------------------------------------
leat_status leat_columns_begin_row(leat_columns *c, leat_row_place place, leat_error *err) {
  if (c->rows == c->row_cap) {
    leat_status status = grow_rows(c, err);
    if (status) return status;
  }
  c->places[c->rows] = place;
  for (int i = 0; i < c->count; i++) {
    c->sinks[i].mark_count = c->sinks[i].count;
    c->sinks[i].mark_bytes = c->sinks[i].bytes_len;
  }
  return LEAT_OK;
}

void leat_columns_drop_row(leat_columns *c) {
  for (int i = 0; i < c->count; i++) {
    c->sinks[i].count = c->sinks[i].mark_count;
    c->sinks[i].bytes_len = c->sinks[i].mark_bytes;
  }
}

static leat_status fill_up(leat_columns *c, int column, bool strict, leat_error *err) {
  leat_sink *s = &c->sinks[column];
  int64_t have = (int64_t)(s->count - s->mark_count), want = s->column.values;
  if (want == LEAT_ANY_NUMBER) return LEAT_OK;
  if (want < 1) want = 1;
  bool fill = s->column.has_default || (s->column.dtype == LEAT_DTYPE_STRING && !strict);
  if (have == 0 && !fill)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "lacks '" LEAT_STR_FMT "'",
                          LEAT_STR_ARG(s->column.name));
  leat_status status = LEAT_OK;
  for (int64_t i = have; have == 0 && !status && i < want; i++)
    status = leat_columns_text(c, column, (leat_str){0}, false, err);
  if (!status && have != 0 && have != want)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, LEAT_STR_FMT ": %lld values, expected %lld",
                          LEAT_STR_ARG(s->column.name), (long long)have, (long long)want);
  return status;
}

leat_status leat_columns_end_row(leat_columns *c, bool strict, leat_error *err) {
  for (int i = 0; i < c->count; i++) {
    leat_sink *s = &c->sinks[i];
    bool fits = s->count - s->mark_count == 1 && one_value(s);
    if (!fits && s->column.dtype) {
      leat_status status = fill_up(c, i, strict, err);
      if (status) return status;
    }
    if (!one_value(s)) s->ends[c->rows] = (int64_t)s->count;
  }
  c->rows++;
  return LEAT_OK;
}

// --- Tensors ------------------------------------------------------------------------------------
static leat_status strings_tensor(const leat_sink *s, int rank, const int64_t *dims,
                                  leat_tensor **out, leat_error *err) {
  leat_status status = leat_tensor_alloc_strings(out, rank, dims, (int64_t)s->bytes_len, err);
  if (status) return status;
  memcpy(leat_tensor_data(*out), s->data, (s->count + 1) * sizeof(int64_t));
  if (s->bytes_len) memcpy((char *)(uintptr_t)leat_tensor_bytes(*out), s->bytes, s->bytes_len);
  return LEAT_OK;
}

static void pad_numbers(const leat_sink *s, size_t rows, int64_t width, leat_tensor *out) {
  size_t bytes = leat_dtype_bytes(s->column.dtype);
  char *to = leat_tensor_data(out);
  for (size_t r = 0; r < rows; r++) {
    int64_t start = r ? s->ends[r - 1] : 0, have = s->ends[r] - start;
    memcpy(to, s->data + (size_t)start * bytes, (size_t)have * bytes);
    for (int64_t i = have; i < width; i++) switch (s->column.dtype) {
        case LEAT_DTYPE_F32: ((float *)(void *)to)[i] = NAN; break;
        case LEAT_DTYPE_F64: ((double *)(void *)to)[i] = (double)NAN; break;
        case LEAT_DTYPE_I32: ((int32_t *)(void *)to)[i] = -1; break;
        default: ((int64_t *)(void *)to)[i] = -1; break;
      }
    to += (size_t)width * bytes;
  }
}

static void pad_strings(const leat_sink *s, size_t rows, int64_t width, leat_tensor *out) {
  const int64_t *from = (const int64_t *)(const void *)s->data;
  int64_t *to = leat_tensor_data(out), k = 0;
  to[k++] = 0;
  for (size_t r = 0; r < rows; r++) {
    int64_t start = r ? s->ends[r - 1] : 0, have = s->ends[r] - start;
    for (int64_t i = 0; i < width; i++) to[k++] = from[start + (i < have ? i + 1 : have)];
  }
  if (s->bytes_len) memcpy((char *)(uintptr_t)leat_tensor_bytes(out), s->bytes, s->bytes_len);
}

static leat_status padded_tensor(const leat_sink *s, size_t rows, leat_tensor **out,
                                 leat_error *err) {
  int64_t dims[2] = {(int64_t)rows, 0};
  for (size_t r = 0; r < rows; r++) {
    int64_t have = s->ends[r] - (r ? s->ends[r - 1] : 0);
    if (have > dims[1]) dims[1] = have;
  }
  bool strings = s->column.dtype == LEAT_DTYPE_STRING;
  leat_status status = strings ? leat_tensor_alloc_strings(out, 2, dims, (int64_t)s->bytes_len, err)
                               : leat_tensor_new(out, s->column.dtype, 2, dims, err);
  if (!status) (strings ? pad_strings : pad_numbers)(s, rows, dims[1], *out);
  return status;
}

leat_status leat_columns_take(leat_columns *c, leat_tensor **out, leat_error *err) {
  leat_status status = LEAT_OK;
  for (int i = 0; i < c->count; i++) out[i] = NULL;
  for (int i = 0; !status && i < c->count; i++) {
    const leat_sink *s = &c->sinks[i];
    int64_t dims[2] = {(int64_t)c->rows, s->column.values};
    int rank = one_value(s) ? 1 : 2;
    if (!s->column.dtype) continue;
    if (s->column.values == LEAT_ANY_NUMBER)
      status = padded_tensor(s, c->rows, &out[i], err);
    else if (s->column.dtype == LEAT_DTYPE_STRING)
      status = strings_tensor(s, rank, dims, &out[i], err);
    else
      status = leat_tensor_copy_of(&out[i], s->column.dtype, rank, dims, s->data, err);
  }
  for (int i = 0; status && i < c->count; i++) {
    leat_tensor_unref(out[i]);
    out[i] = NULL;
  }
  return status;
}
