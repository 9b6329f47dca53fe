// TFRecords of tf.Example as rows.
// SPDX-License-Identifier: Apache-2.0
//
// A column takes the feature of its name: ints may stand for floats and, as decimal text, for
// strings. A feature that is absent or has no list is missing.
#include "formats/example.h"
#include "formats/rows_format.h"
#include "formats/tfrecord.h"

typedef struct record_file {
  leat_tfrecord records;
  leat_str *found;  // by column: its serialised feature; ptr NULL = absent
  leat_example_list list;
  leat_arena scratch;
} record_file;

static leat_status tfrecord_open(leat_row_file *f, leat_error *err) {
  record_file *r = f->state = leat__calloc(1, sizeof *r);
  if (!r) return leat__oom(err, sizeof *r);
  r->found = leat__calloc((size_t)f->columns->count + 1, sizeof *r->found);
  if (!r->found) return leat__oom(err, sizeof *r->found);
  return leat_tfrecord_open(&r->records, f->path, f->options->compression, err);
}

static void tfrecord_close(leat_row_file *f) {
  record_file *r = f->state;
  if (!r) return;
  leat_tfrecord_close(&r->records);
  leat_example_list_deinit(&r->list);
  leat_arena_deinit(&r->scratch);
  leat__free(r->found);
  leat__free(r);
}

static bool note_feature(void *context, leat_example_part part, leat_str key, leat_str value) {
  leat_row_file *f = context;
  record_file *r = f->state;
  int column = leat_columns_find(f->columns, key);
  (void)part;
  if (column >= 0) r->found[column] = (leat_str){value.ptr ? value.ptr : "", value.len};
  return true;
}

static leat_status wrong_kind(const leat_column *column, const char *found, leat_error *err) {
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        LEAT_STR_FMT ": a %s stands where %s was expected",
                        LEAT_STR_ARG(column->name), found, leat_dtype_name(column->dtype));
}

static leat_status put_list(leat_columns *c, int column, const leat_example_list *list,
                            leat_error *err) {
  const leat_column *of = &c->sinks[column].column;
  bool text = of->dtype == LEAT_DTYPE_STRING;
  bool real = of->dtype == LEAT_DTYPE_F32 || of->dtype == LEAT_DTYPE_F64;
  if (list->kind == LEAT_EXAMPLE_BYTES && !text) return wrong_kind(of, "bytes_list", err);
  if (list->kind == LEAT_EXAMPLE_FLOAT && !real) return wrong_kind(of, "float_list", err);
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < leat_example_count(list); i++) {
    if (list->kind == LEAT_EXAMPLE_BYTES)
      status = leat_columns_text(c, column, list->bytes.at[i], false, err);
    else if (list->kind == LEAT_EXAMPLE_FLOAT)
      status = leat_columns_f64(c, column, (double)list->floats.at[i], err);
    else
      status = leat_columns_i64(c, column, list->ints.at[i], err);
  }
  return status;
}

static leat_status put_feature(leat_row_file *f, int column, leat_error *err) {
  record_file *r = f->state;
  bool no_memory;
  leat_example_list_clear(&r->list);
  if (!r->found[column].ptr || !f->columns->sinks[column].column.dtype) return LEAT_OK;
  if (!leat_example_list_read(&r->list, r->found[column], &no_memory))
    return no_memory
               ? leat__oom(err, r->found[column].len)
               : leat_error_set(err, LEAT_INVALID_ARGUMENT, LEAT_STR_FMT ": the feature is damaged",
                                LEAT_STR_ARG(f->columns->sinks[column].column.name));
  return put_list(f->columns, column, &r->list, err);
}

static leat_status put_example(leat_row_file *f, leat_str message, leat_error *err) {
  record_file *r = f->state;
  leat_arena_clear(&r->scratch);
  memset(r->found, 0, (size_t)f->columns->count * sizeof *r->found);
  leat_status status = leat_example_walk(message, false, note_feature, f, &r->scratch, err);
  if (status == LEAT_DATA_LOSS) status = LEAT_INVALID_ARGUMENT;  // the record itself is whole
  for (int i = 0; !status && i < f->columns->count; i++) status = put_feature(f, i, err);
  return status ? status : leat_columns_end_row(f->columns, f->options->strict, err);
}

static leat_status tfrecord_skip(leat_row_file *f, leat_error *err) {  // it is read already
  record_file *r = f->state;
  (void)err;
  f->line++;
  f->offset = leat_reader_tell(&r->records.r);
  return LEAT_OK;
}

static leat_status tfrecord_next(leat_row_file *f, bool *ended, leat_error *err) {
  record_file *r = f->state;
  leat_str message;
  leat_status status = leat_tfrecord_next(&r->records, &message, err);
  if (status == LEAT_OUT_OF_RANGE) return *ended = true, LEAT_OK;
  if (!status) status = leat_columns_begin_row(f->columns, leat__row_place(f, true), err);
  if (status) return status;
  status = put_example(f, message, err);
  if (status) return leat__row_fail(f, &leat__rows_tfrecord, status, err);
  return tfrecord_skip(f, err);
}

static leat_status tfrecord_seek(leat_row_file *f, int64_t offset, int64_t line, leat_error *err) {
  record_file *r = f->state;
  f->offset = offset;
  f->line = r->records.records = line;
  return leat_reader_seek(&r->records.r, offset, err);
}

const leat_row_ops leat__rows_tfrecord = {
    .name = "tfrecord",
    .extensions = {".tfrecord", ".tfrecords", ".tfr"},
    .place = "%s: record %lld",
    .from_zero = true,
    .open = tfrecord_open,
    .close = tfrecord_close,
    .next = tfrecord_next,
    .skip = tfrecord_skip,
    .seek = tfrecord_seek,
};
