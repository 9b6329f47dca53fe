// Arrays of a .npz file as columns: the first dimension counts rows.
// SPDX-License-Identifier: Apache-2.0
#include "formats/arrays.h"
#include "formats/rows_format.h"

#include <math.h>

typedef struct array_file {
  leat_arrays arrays;
  leat_tensor **by_column;  // borrowed
  int64_t rows;
} array_file;

static leat_status wrong(const leat_row_file *f, leat_str name, const char *what, leat_error *err) {
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: array '" LEAT_STR_FMT "': %s", f->path,
                        LEAT_STR_ARG(name), what);
}

static leat_status match_column(leat_row_file *f, int column, leat_error *err) {
  array_file *a = f->state;
  const leat_column *of = &f->columns->sinks[column].column;
  if (!of->dtype) return LEAT_OK;
  leat_tensor *t = leat_arrays_find(&a->arrays, of->name);
  if (!t) return wrong(f, of->name, "the file has none of that name", err);
  bool text = leat_tensor_dtype(t) == LEAT_DTYPE_STRING;
  if (!leat_tensor_rank(t)) return wrong(f, of->name, "it has no dimension to count rows", err);
  if (text && of->dtype != LEAT_DTYPE_STRING) return wrong(f, of->name, "text, not numbers", err);
  int64_t rows = leat_tensor_dims(t)[0];
  if (a->rows >= 0 && rows != a->rows)
    return wrong(f, of->name, "another number of rows than the arrays before", err);
  a->rows = rows;
  a->by_column[column] = t;
  return LEAT_OK;
}

static leat_status npz_open(leat_row_file *f, leat_error *err) {
  array_file *a = f->state = leat__calloc(1, sizeof *a);
  if (!a) return leat__oom(err, sizeof *a);
  a->rows = -1;
  a->by_column = leat__calloc((size_t)f->columns->count + 1, sizeof *a->by_column);
  if (!a->by_column) return leat__oom(err, sizeof *a->by_column);
  leat_status status = leat_arrays_read(&a->arrays, f->path, err);
  for (int i = 0; !status && i < f->columns->count; i++) status = match_column(f, i, err);
  return status;
}

static void npz_close(leat_row_file *f) {
  array_file *a = f->state;
  if (!a) return;
  leat_arrays_deinit(&a->arrays);
  leat__free(a->by_column);
  leat__free(a);
}

static double from_half(uint16_t h) {
  int exponent = h >> 10 & 31, mantissa = h & 1023;
  double value = exponent == 31 ? mantissa ? (double)NAN : (double)INFINITY
                 : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                                : ldexp(mantissa, -24);
  return h >> 15 ? -value : value;
}

static leat_status put_element(leat_columns *c, int column, const leat_tensor *t, int64_t i,
                               leat_error *err) {
  const void *d = leat_tensor_data(t);
  switch (leat_tensor_dtype(t)) {
    case LEAT_DTYPE_F32: return leat_columns_f64(c, column, (double)((const float *)d)[i], err);
    case LEAT_DTYPE_F64: return leat_columns_f64(c, column, ((const double *)d)[i], err);
    case LEAT_DTYPE_F16:
      return leat_columns_f64(c, column, from_half(((const uint16_t *)d)[i]), err);
    case LEAT_DTYPE_STRING: return leat_columns_text(c, column, leat_tensor_str(t, i), false, err);
    case LEAT_DTYPE_BOOL:
    case LEAT_DTYPE_U8: return leat_columns_i64(c, column, ((const uint8_t *)d)[i], err);
    case LEAT_DTYPE_I8: return leat_columns_i64(c, column, ((const int8_t *)d)[i], err);
    case LEAT_DTYPE_U16: return leat_columns_i64(c, column, ((const uint16_t *)d)[i], err);
    case LEAT_DTYPE_I16: return leat_columns_i64(c, column, ((const int16_t *)d)[i], err);
    case LEAT_DTYPE_U32: return leat_columns_i64(c, column, ((const uint32_t *)d)[i], err);
    case LEAT_DTYPE_I32: return leat_columns_i64(c, column, ((const int32_t *)d)[i], err);
    case LEAT_DTYPE_I64: return leat_columns_i64(c, column, ((const int64_t *)d)[i], err);
    default: break;
  }
  uint64_t wide = ((const uint64_t *)d)[i];
  if (wide <= INT64_MAX) return leat_columns_i64(c, column, (int64_t)wide, err);
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%llu is beyond 64-bit integers with a sign",
                        (unsigned long long)wide);
}

static leat_status put_row(leat_row_file *f, leat_error *err) {
  array_file *a = f->state;
  leat_status status = leat_columns_begin_row(f->columns, leat__row_place(f, true), err);
  for (int i = 0; !status && i < f->columns->count; i++) {
    const leat_tensor *t = a->by_column[i];
    int64_t width = t ? leat_tensor_count(t) / a->rows : 0;
    for (int64_t k = 0; !status && k < width; k++)
      status = put_element(f->columns, i, t, f->offset * width + k, err);
  }
  return status ? status : leat_columns_end_row(f->columns, f->options->strict, err);
}

static leat_status npz_seek(leat_row_file *f, int64_t offset, int64_t line, leat_error *err) {
  array_file *a = f->state;
  (void)line;
  if (offset < 0 || offset > (a->rows > 0 ? a->rows : 0))
    return leat_error_set(err, LEAT_DATA_LOSS, "%s: has %lld rows, row %lld was wanted", f->path,
                          (long long)a->rows, (long long)offset);
  f->offset = f->line = offset;
  return LEAT_OK;
}

static leat_status npz_skip(leat_row_file *f, leat_error *err) {
  return npz_seek(f, f->offset + 1, 0, err);
}

static leat_status npz_next(leat_row_file *f, bool *ended, leat_error *err) {
  array_file *a = f->state;
  if (f->offset >= a->rows) return *ended = true, LEAT_OK;
  leat_status status = put_row(f, err);
  return status ? leat__row_fail(f, &leat__rows_npz, status, err) : npz_skip(f, err);
}

const leat_row_ops leat__rows_npz = {.name = "npz",
                                     .extensions = {".npz"},
                                     .place = "%s: row %lld",
                                     .from_zero = true,
                                     .open = npz_open,
                                     .close = npz_close,
                                     .next = npz_next,
                                     .skip = npz_skip,
                                     .seek = npz_seek};
