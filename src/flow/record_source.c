// ReadFromTFRecord: rows out of TFRecord files: tf.Examples, or their bytes.
// SPDX-License-Identifier: Apache-2.0
//
//   path: FILES                          a glob
//   schema: {x: "[float]", id: int64?}   features by name; default: a field `record`, of bytes
//   timestamp, error_handling            as ReadFromCsv has them
//
// A field takes a feature of one value, a list one of any number; a missing feature is null, or an
// empty list. Workers take files in turn. A record whose checksum is wrong is a dead letter; behind
// a length whose checksum is wrong the file cannot be read on.
#include "flow/op.h"
#include "flow/source.h"
#include "formats/example.h"
#include "formats/tfrecord.h"

#include <string.h>

typedef struct plan {
  leat_flow_files *files;
  const leat_flow_schema *schema;
  bool raw;  // `record`
  leat_flow_times times;
  const leat_flow_schema *error_schema;  // NULL: an error ends the run
} plan;

typedef struct record_op {
  leat_flow_op op;
  leat_tfrecord reader;
  bool reading;
  int file;
  int64_t latest;  // timestamp so far
  leat_flow_rows *rows, *errors;
} record_op;

// --- Config -------------------------------------------------------------------------------------
static const leat_flow_field raw_fields[] = {{.name = {"record", 6}, .type = LEAT_FLOW_TYPE_BYTES}};
static const leat_flow_schema raw_schema = {raw_fields, 1};

static leat_status check_fields(const leat_flow_transform *t, const leat_yaml_node *node,
                                const leat_flow_schema *schema, leat_error *err) {
  for (int i = 0; i < schema->count; i++) {
    const leat_flow_field *f = &schema->fields[i];
    bool list = f->type == LEAT_FLOW_TYPE_LIST;
    leat_flow_type type = list ? f->fields->type : f->type;
    if (type == LEAT_FLOW_TYPE_ROW || type == LEAT_FLOW_TYPE_LIST)
      return leat_flow_fail(t, node->items[i], err,
                            "a tf.Example has numbers, texts and lists of them");
  }
  return LEAT_OK;
}

static leat_status record_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  leat_flow_schema *schema = leat_arena_alloc(&flow->arena, sizeof *schema);
  if (!p || !schema) return leat__oom(err, sizeof *p);
  leat_status status = leat_flow_source_files(flow, t, false, &p->files, err);
  if (status) return status;
  const leat_yaml_node *node = leat_yaml_get(t->config, "schema");
  if (!strcmp(leat_flow_files_path(p->files, 0), "-"))
    return leat_flow_fail(t, leat_yaml_get(t->config, "path"), err,
                          "TFRecords are read from files, not from standard input");
  p->raw = !node;
  p->schema = node ? schema : &raw_schema;
  if (node) status = leat_flow_source_schema(flow, t, node, schema, err);
  if (!status && node) status = check_fields(t, node, schema, err);
  if (!status) status = leat_flow_times_read(t, p->schema, &p->times, err);
  if (status) return status;
  return leat_flow_source_outputs(flow, t, p->schema, true, &p->error_schema, err);
}

static void record_stop(leat_flow_transform *t) {
  plan *p = t->plan;
  if (p) leat_flow_files_free(p->files);
}

// --- Values -------------------------------------------------------------------------------------
static leat_example_kind kind_of(leat_flow_type type) {
  if (type == LEAT_FLOW_TYPE_STRING || type == LEAT_FLOW_TYPE_BYTES) return LEAT_EXAMPLE_BYTES;
  if (type == LEAT_FLOW_TYPE_FLOAT || type == LEAT_FLOW_TYPE_DOUBLE) return LEAT_EXAMPLE_FLOAT;
  return LEAT_EXAMPLE_INT64;
}

static const char *put_value(leat_flow_rows *rows, leat_flow_type type,
                             const leat_example_list *list, size_t i) {
  switch (type) {
    case LEAT_FLOW_TYPE_STRING:
      if (!leat_flow_is_utf8(list->bytes.at[i])) return "no UTF-8; its type may be bytes";
      leat_flow_rows_text(rows, list->bytes.at[i]);
      break;
    case LEAT_FLOW_TYPE_BYTES: leat_flow_rows_text(rows, list->bytes.at[i]); break;
    case LEAT_FLOW_TYPE_FLOAT:
    case LEAT_FLOW_TYPE_DOUBLE: leat_flow_rows_double(rows, (double)list->floats.at[i]); break;
    case LEAT_FLOW_TYPE_BOOL:
      if (list->ints.at[i] != 0 && list->ints.at[i] != 1) return "a bool is 0 or 1";
      leat_flow_rows_bool(rows, list->ints.at[i]);
      break;
    default: leat_flow_rows_int(rows, list->ints.at[i]); break;
  }
  return NULL;
}

// NULL: the feature (NULL: missing) is put.
static const char *put_feature(leat_flow_rows *rows, const leat_flow_field *f,
                               const leat_example_list *list) {
  static const char *const wrong[] = {[LEAT_EXAMPLE_BYTES] = "the feature has bytes",
                                      [LEAT_EXAMPLE_FLOAT] = "the feature has floats",
                                      [LEAT_EXAMPLE_INT64] = "the feature has integers"};
  bool is_list = f->type == LEAT_FLOW_TYPE_LIST;
  leat_flow_type type = is_list ? f->fields->type : f->type;
  size_t count = list ? leat_example_count(list) : 0;
  const char *bad = NULL;
  if (count && list->kind != kind_of(type)) return wrong[list->kind];
  if (!is_list && count > 1) return "the feature has several values; its type may be a list";
  if (!count && !is_list) {
    if (!f->nullable) return "the feature is missing";
    return leat_flow_rows_null(rows), NULL;
  }
  if (is_list) leat_flow_rows_open(rows);
  for (size_t i = 0; !bad && i < count; i++) bad = put_value(rows, type, list, i);
  if (is_list) leat_flow_rows_close(rows);
  return bad;
}

static const leat_example_list *feature_of(const leat_example *example, leat_str name) {
  for (size_t i = 0; i < example->features.count; i++)
    if (leat_str_eq(example->features.at[i].key, name)) return &example->features.at[i].value;
  return NULL;
}

static const char *time_of(const plan *p, const leat_example_list *list, int64_t *out) {
  const leat_flow_times plain = {.up = 1, .down = 1};
  switch (p->schema->fields[p->times.field].type) {
    case LEAT_FLOW_TYPE_STRING:
      return list && list->bytes.count ? leat_flow_times_text(list->bytes.at[0], out)
                                       : "no timestamp";
    case LEAT_FLOW_TYPE_DOUBLE:
      return list && list->floats.count
                 ? leat_flow_times_double(&p->times, (double)list->floats.at[0], out)
                 : "no timestamp";
    case LEAT_FLOW_TYPE_TIMESTAMP:
      return list && list->ints.count ? leat_flow_times_int(&plain, list->ints.at[0], out)
                                      : "no timestamp";
    default:
      return list && list->ints.count ? leat_flow_times_int(&p->times, list->ints.at[0], out)
                                      : "no timestamp";
  }
}

static leat_status put_example(record_op *s, leat_str record, int64_t *time, leat_error *err) {
  const plan *p = s->op.transform->plan;
  leat_example example = {0};
  const char *bad = NULL;
  leat_status status = leat_example_parse(&example, record, false, err);
  for (int i = 0; !status && i < p->schema->count; i++) {
    const leat_flow_field *f = &p->schema->fields[i];
    const leat_example_list *list = feature_of(&example, f->name);
    bad = put_feature(s->rows, f, list);
    if (!bad && i == p->times.field) bad = time_of(p, list, time);
    if (bad)
      status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "field '" LEAT_STR_FMT "': %s",
                              LEAT_STR_ARG(f->name), bad);
  }
  leat_example_deinit(&example);
  return status;
}

// --- Reading ------------------------------------------------------------------------------------
static leat_status put_record(record_op *s, leat_str record, int64_t offset, leat_error *err) {
  const plan *p = s->op.transform->plan;
  leat_error why = {0};
  int64_t time = LEAT_FLOW_TIME_MIN;
  leat_status status = LEAT_OK;
  if (p->raw)
    leat_flow_rows_text(s->rows, record);
  else
    status = put_example(s, record, &time, &why);
  if (!status) status = leat_flow_rows_end(s->rows, time, NULL, NULL, &why);
  if (!status) {
    if (time > s->latest) s->latest = time;
    return LEAT_OK;
  }
  leat_flow_rows_drop(s->rows);
  if (status == LEAT_RESOURCE_EXHAUSTED) return leat_error_set(err, status, "%s", why.message);
  return leat_flow_source_bad(s->errors, leat_flow_files_path(p->files, s->file), offset,
                              why.message, record, err);
}

static leat_status open_file(record_op *s, leat_error *err) {
  const plan *p = s->op.transform->plan;
  const char *path = leat_flow_files_path(p->files, s->file);
  leat_status status = leat_tfrecord_open(&s->reader, path, LEAT_COMPRESSION_AUTO, err);
  s->reading = !status;
  return status;
}

static void next_file(record_op *s) {
  leat_tfrecord_close(&s->reader);
  s->reading = false;
  s->file += s->op.worker->count;
}

// What cannot be read of a file: the record at hand, or all that is left.
static leat_status damage(record_op *s, const leat_error *why, int64_t offset, leat_error *err) {
  const plan *p = s->op.transform->plan;
  const char *path = leat_flow_files_path(p->files, s->file), *message = why->message;
  size_t name = strlen(path);
  char text[sizeof why->message + 40];
  if (!strncmp(message, path, name) && !strncmp(message + name, ": ", 2)) message += name + 2;
  bool goes_on = leat_tfrecord_skip(&s->reader);
  snprintf(text, sizeof text, "%s%s", message, goes_on ? "" : "; the rest is not read");
  leat_status status = leat_flow_source_bad(s->errors, path, offset, text, (leat_str){0}, err);
  if (!goes_on && !status) next_file(s);
  return status;
}

static leat_status one_record(record_op *s, leat_error *err) {
  leat_error why = {0};
  leat_str record;
  leat_status status = s->reading ? LEAT_OK : open_file(s, err);
  if (status) return status;
  int64_t offset = leat_reader_tell(&s->reader.r);
  status = leat_tfrecord_next(&s->reader, &record, &why);
  if (!status) return put_record(s, record, offset, err);
  if (status == LEAT_OUT_OF_RANGE) return next_file(s), LEAT_OK;
  if (status == LEAT_DATA_LOSS) return damage(s, &why, offset, err);
  return leat_error_set(err, status, "%s", why.message);
}

static leat_status record_read(leat_flow_op *op, int64_t *watermark, int64_t *wait_ms,
                               leat_error *err) {
  record_op *s = (record_op *)op;
  const plan *p = op->transform->plan;
  leat_status status = LEAT_OK;
  int files = leat_flow_files_count(p->files);
  for (int i = 0; !status && s->file < files && i < LEAT_FLOW_BATCH_ROWS; i++)
    status = one_record(s, err);
  if (!status && leat_flow_rows_count(s->rows))
    status = leat_flow_emit(op, 0, leat_flow_rows_take(s->rows), err);
  if (!status && s->errors && leat_flow_rows_count(s->errors))
    status = leat_flow_emit(op, 1, leat_flow_rows_take(s->errors), err);
  if (s->file >= files)
    *watermark = LEAT_FLOW_TIME_MAX;
  else
    leat_flow_times_mark(&p->times, s->latest, watermark);
  return status;
}

static void record_free(leat_flow_op *op) {
  record_op *s = (record_op *)op;
  if (s->reading) leat_tfrecord_close(&s->reader);
  leat_flow_rows_free(s->rows);
  leat_flow_rows_free(s->errors);
  leat__free(s);
}

static const leat_flow_op_class record_class = {.read = record_read, .free = record_free};

static leat_status record_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                leat_flow_op **out, leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(record_op), &record_class, t, worker, out, err);
  const plan *p = t->plan;
  if (status) return status;
  record_op *s = (record_op *)*out;
  s->latest = LEAT_FLOW_TIME_MIN;
  s->file = worker->index;
  status = leat_flow_rows_new(&s->rows, p->schema, err);
  if (!status && p->error_schema) status = leat_flow_rows_new(&s->errors, p->error_schema, err);
  return status;
}

static const char *const record_fields[] = {"path", "schema", "timestamp", "error_handling", NULL};
const leat_flow_class leat_flow_read_from_tfrecord = {
    .type = "ReadFromTFRecord",
    .urn = "leat:transform:read_from_tfrecord:v1",
    .help = "Rows of tf.Examples, or records as bytes",
    .fields = record_fields,
    .apply = record_apply,
    .start = record_start,
    .stop = record_stop,
    .splits = true};
