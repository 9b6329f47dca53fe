// WriteToText, WriteToCsv, WriteToJson, WriteToTFRecord: rows into files that appear whole.
// SPDX-License-Identifier: Apache-2.0
//
//   path: FILE               - is standard output
//   delimiter, header        of CSV: "," and true
//
// In the global window there is one file. In others there is one for each window, with its bounds
// before the extension (out-2020-01-01T00:00:00Z-2020-01-01T00:01:00Z.json), made whole when the
// watermark has passed all that may still come for it. A row for a window whose file is whole is
// late, and dropped.
//
//   file: rows -> buffer -> FILE.tmp-PID.. -> fsync, rename to FILE
#include "flow/op.h"
#include "flow/row_expr.h"
#include "flow/row_json.h"

#include "base/file.h"
#include "formats/example.h"
#include "formats/tfrecord.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { BUFFER = 256 << 10 };

typedef struct plan plan;
struct plan {
  const char *path;
  char delimiter;
  bool header;
  leat_status (*put)(const plan *p, const leat_flow_batch *batch, int row, leat_buf *out,
                     leat_error *err);
};

typedef struct file {
  leat_flow_window window;
  char *path, *temporary;
  bool made;  // the temporary is there
  leat_buf rows;
} file;

typedef struct sink_op {
  leat_flow_op op;
  LEAT_VEC(file *) files;
  file *last;  // that a row went to
} sink_op;

// --- Rows ---------------------------------------------------------------------------------------
static leat_status put_text(const plan *p, const leat_flow_batch *b, int row, leat_buf *out,
                            leat_error *err) {
  leat_flow_value_text(out, &b->schema->fields[0], &b->columns[0], row);
  return leat_buf_char(out, '\n'), LEAT_OK;
}

static leat_status put_json(const plan *p, const leat_flow_batch *b, int row, leat_buf *out,
                            leat_error *err) {
  leat_json_writer w = {.out = out};
  leat_flow_row_json(&w, b, row);
  return leat_buf_char(out, '\n'), LEAT_OK;
}

static void csv_value(const plan *p, leat_str s, leat_buf *out) {
  bool quote = false;
  for (size_t i = 0; i < s.len && !quote; i++)
    quote = s.ptr[i] == '"' || s.ptr[i] == '\n' || s.ptr[i] == '\r' || s.ptr[i] == p->delimiter;
  if (!quote) {
    leat_buf_str(out, s);
    return;
  }
  leat_buf_char(out, '"');
  for (size_t i = 0; i < s.len; i++) {
    if (s.ptr[i] == '"') leat_buf_char(out, '"');
    leat_buf_char(out, s.ptr[i]);
  }
  leat_buf_char(out, '"');
}

static leat_status put_csv(const plan *p, const leat_flow_batch *b, int row, leat_buf *out,
                           leat_error *err) {
  leat_buf value = {0};
  for (int f = 0; f < b->schema->count; f++) {
    leat_buf_clear(&value);
    leat_flow_value_text(&value, &b->schema->fields[f], &b->columns[f], row);
    if (f) leat_buf_char(out, p->delimiter);
    csv_value(p, leat_buf_view(&value), out);
  }
  leat_buf_deinit(&value);
  return leat_buf_char(out, '\n'), LEAT_OK;
}

static bool example_value(leat_example_list *to, const leat_flow_field *f,
                          const leat_flow_column *c, int row) {
  const int32_t *ends = c->values;
  bool good = true;
  if (!leat_flow_is_valid(c, row)) return true;
  switch (f->type) {
    case LEAT_FLOW_TYPE_LIST:
      for (int32_t i = ends[row]; good && i < ends[row + 1]; i++)
        good = example_value(to, f->fields, c->children, i);
      return good;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES:
      to->kind = LEAT_EXAMPLE_BYTES;
      return leat_vec_push(&to->bytes, leat_flow_text(c, row));
    case LEAT_FLOW_TYPE_FLOAT:
      to->kind = LEAT_EXAMPLE_FLOAT;
      return leat_vec_push(&to->floats, ((const float *)c->values)[row]);
    case LEAT_FLOW_TYPE_DOUBLE:
      to->kind = LEAT_EXAMPLE_FLOAT;
      return leat_vec_push(&to->floats, (float)((const double *)c->values)[row]);
    case LEAT_FLOW_TYPE_BOOL:
      to->kind = LEAT_EXAMPLE_INT64;
      return leat_vec_push(&to->ints, (int64_t)leat_flow_bool(c, row));
    case LEAT_FLOW_TYPE_INT32:
      to->kind = LEAT_EXAMPLE_INT64;
      return leat_vec_push(&to->ints, (int64_t)((const int32_t *)c->values)[row]);
    default:
      to->kind = LEAT_EXAMPLE_INT64;
      return leat_vec_push(&to->ints, ((const int64_t *)c->values)[row]);
  }
}

// A field of bytes alone is the record; other rows are tf.Examples.
static leat_status put_record(const plan *p, const leat_flow_batch *b, int row, leat_buf *out,
                              leat_error *err) {
  if (b->schema->count == 1 && b->schema->fields[0].type == LEAT_FLOW_TYPE_BYTES) {
    leat_tfrecord_add(out, leat_flow_text(&b->columns[0], row));
    return LEAT_OK;
  }
  leat_example example = {0};
  leat_buf record = {0};
  bool good = true;
  for (int f = 0; good && f < b->schema->count; f++) {
    leat_example_feature feature = {.key = b->schema->fields[f].name};
    good = leat_vec_push(&example.features, feature) &&
           example_value(&example.features.at[f].value, &b->schema->fields[f], &b->columns[f], row);
  }
  if (good) leat_example_format(&example, false, &record);
  good &= !record.failed;
  if (good) leat_tfrecord_add(out, leat_buf_view(&record));
  leat_example_deinit(&example);
  leat_buf_deinit(&record);
  return good ? LEAT_OK : leat__oom(err, 1);
}

static void put_header(const plan *p, const leat_flow_schema *schema, leat_buf *out) {
  if (!p->header) return;
  for (int f = 0; f < schema->count; f++) {
    if (f) leat_buf_char(out, p->delimiter);
    csv_value(p, schema->fields[f].name, out);
  }
  leat_buf_char(out, '\n');
}

// --- Files --------------------------------------------------------------------------------------
static bool is_stdout(const plan *p) { return !strcmp(p->path, "-"); }

static bool is_global(leat_flow_window w) { return w.end > LEAT_FLOW_GLOBAL_MAX; }

// "dir/out.json" and a window: "dir/out-START-END.json".
static char *path_of(const plan *p, leat_flow_window w) {
  leat_buf out = {0};
  char time[40];
  const char *slash = strrchr(p->path, '/'), *dot = strrchr(p->path, '.');
  size_t base = dot && (!slash || dot > slash + 1) ? (size_t)(dot - p->path) : strlen(p->path);
  leat_buf_add(&out, p->path, base);
  if (!is_global(w)) {
    leat_buf_char(&out, '-');
    leat_buf_add(&out, time, leat_flow_time_text(w.start, time));
    leat_buf_char(&out, '-');
    leat_buf_add(&out, time, leat_flow_time_text(w.end, time));
  }
  leat_buf_c(&out, p->path + base);
  if (out.failed) leat_buf_deinit(&out);
  return out.ptr;
}

static char *temporary_of(const char *path) {
  leat_buf out = {0};
  const char *slash = strrchr(path, '/');
  size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
  leat_buf_add(&out, path, dir);
  leat_buf_fmt(&out, ".tmp-%ld-%s", (long)getpid(), path + dir);
  if (out.failed) leat_buf_deinit(&out);
  return out.ptr;
}

static void file_free(file *f) {
  if (!f) return;
  if (f->made) unlink(f->temporary);
  leat__free(f->path);
  leat__free(f->temporary);
  leat_buf_deinit(&f->rows);
  leat__free(f);
}

static leat_status write_all(int fd, leat_str s, const char *path, leat_error *err) {
  while (s.len) {
    ssize_t n =
        leat__file_hook && (errno = leat__file_hook("write")) ? -1 : write(fd, s.ptr, s.len);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return leat_file_error(err, path, "write");
    s = (leat_str){s.ptr + n, s.len - (size_t)n};
  }
  return LEAT_OK;
}

// What is buffered goes to the temporary file; it is open only so long, as windows may be many.
static leat_status spill(const plan *p, file *f, bool sync, leat_error *err) {
  leat_status status = leat_buf_status(&f->rows, err);
  if (status) return status;
  bool out = is_stdout(p);
  int fd = out ? STDOUT_FILENO
               : open(f->temporary, O_WRONLY | O_CREAT | O_CLOEXEC | (f->made ? O_APPEND : O_TRUNC),
                      0666);
  if (fd < 0) return leat_file_error(err, f->path, "create");
  f->made |= !out;
  status = write_all(fd, leat_buf_view(&f->rows), out ? "standard output" : f->path, err);
  if (!status && sync && !out) {
    int bad = leat__file_hook ? leat__file_hook("fsync") : 0;
    if (bad) errno = bad;
    if (bad || fsync(fd)) status = leat_file_error(err, f->path, "sync");
  }
  if (!out && close(fd) && !status) status = leat_file_error(err, f->path, "write");
  leat_buf_clear(&f->rows);
  return status;
}

static leat_status sync_dir(const char *path, leat_error *err) {
  char *dir = leat_path_dir(path);
  int fd = dir ? open(dir, O_RDONLY | O_CLOEXEC) : -1;
  leat_status status = fd < 0 ? leat_file_error(err, path, "sync") : LEAT_OK;
  if (fd >= 0 && fsync(fd) && errno != EINVAL) status = leat_file_error(err, path, "sync");
  if (fd >= 0) close(fd);
  leat__free(dir);
  return status;
}

static leat_status finish_file(const plan *p, file *f, leat_error *err) {
  leat_status status = spill(p, f, true, err);
  if (status || is_stdout(p)) return status;
  int bad = leat__file_hook ? leat__file_hook("rename") : 0;
  if (bad) errno = bad;
  if (bad || rename(f->temporary, f->path)) return leat_file_error(err, f->path, "rename");
  f->made = false;
  return sync_dir(f->path, err);
}

static leat_status file_for(sink_op *s, leat_flow_window w, file **out, leat_error *err) {
  const plan *p = s->op.transform->plan;
  if (s->last && leat_flow_window_eq(s->last->window, w)) return *out = s->last, LEAT_OK;
  for (size_t i = 0; i < s->files.count; i++)
    if (leat_flow_window_eq(s->files.at[i]->window, w))
      return *out = s->last = s->files.at[i], LEAT_OK;
  file *f = leat__calloc(1, sizeof *f);
  if (f) {
    f->window = w;
    f->path = path_of(p, w);
    f->temporary = f->path ? temporary_of(f->path) : NULL;
  }
  if (!f || !f->temporary || !leat_vec_push(&s->files, f))
    return file_free(f), leat__oom(err, sizeof *f);
  put_header(p, s->op.transform->inputs.at[0]->schema, &f->rows);
  return *out = s->last = f, LEAT_OK;
}

// --- Op -----------------------------------------------------------------------------------------
static bool is_over(const sink_op *s, leat_flow_window w, int64_t watermark) {
  int64_t lateness = s->op.transform->inputs.at[0]->strategy->lateness_ms;
  return !is_global(w) && watermark >= w.end && watermark - w.end >= lateness;
}

static leat_status sink_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                              leat_error *err) {
  sink_op *s = (sink_op *)op;
  const plan *p = op->transform->plan;
  leat_flow_batch *in = leat_flow_with_windows(op->transform->inputs.at[input], batch);
  leat_status status = in ? LEAT_OK : leat__oom(err, (size_t)batch->rows);
  for (int i = 0; !status && i < in->rows; i++) {
    file *f;
    if (!is_stdout(p) && is_over(s, in->windows[i], op->input_watermark)) {
      leat_flow_count(&op->counts.dropped_late, 1);
      continue;
    }
    status = file_for(s, in->windows[i], &f, err);
    if (!status) status = p->put(p, in, i, &f->rows, err);
    if (!status && f->rows.len >= BUFFER) status = spill(p, f, false, err);
  }
  leat_flow_batch_unref(in);
  return status;
}

static leat_status sink_watermark(leat_flow_op *op, int64_t to, leat_error *err) {
  sink_op *s = (sink_op *)op;
  const plan *p = op->transform->plan;
  leat_status status = LEAT_OK;
  if (is_stdout(p)) {  // is seen at once
    for (size_t i = 0; !status && i < s->files.count; i++)
      status = spill(p, s->files.at[i], false, err);
    return status;
  }
  for (size_t i = 0; !status && i < s->files.count; i++) {
    file *f = s->files.at[i];
    if (!is_over(s, f->window, to)) continue;
    status = finish_file(p, f, err);
    file_free(f);
    s->files.at[i--] = s->files.at[--s->files.count];
    s->last = NULL;
  }
  return status;
}

static leat_status sink_finish(leat_flow_op *op, leat_error *err) {
  sink_op *s = (sink_op *)op;
  const plan *p = op->transform->plan;
  file *f;
  bool global = op->transform->inputs.at[0]->strategy->window.kind == LEAT_FLOW_GLOBAL;
  const leat_flow_window all = {LEAT_FLOW_TIME_MIN, LEAT_FLOW_GLOBAL_MAX + 1};
  leat_status status = LEAT_OK;
  if (global && !s->files.count) status = file_for(s, all, &f, err);  // no rows: an empty file
  for (size_t i = 0; !status && i < s->files.count; i++)
    status = finish_file(p, s->files.at[i], err);
  return status;
}

static void sink_free(leat_flow_op *op) {
  sink_op *s = (sink_op *)op;
  for (size_t i = 0; i < s->files.count; i++) file_free(s->files.at[i]);
  leat_vec_deinit(&s->files);
  leat__free(s);
}

static const leat_flow_op_class sink_class = {
    .batch = sink_batch, .watermark = sink_watermark, .finish = sink_finish, .free = sink_free};

static leat_status sink_start(const leat_flow_transform *t, leat_flow_worker *worker,
                              leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(sink_op), &sink_class, t, worker, out, err);
}

// --- Config -------------------------------------------------------------------------------------
static leat_status read_path(leat_flow *flow, leat_flow_transform *t, plan **out, leat_error *err) {
  plan *p = *out = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  const leat_yaml_node *path = t->config ? leat_yaml_get(t->config, "path") : NULL;
  if (!p) return leat__oom(err, sizeof *p);
  if (!path || path->kind != LEAT_YAML_SCALAR || !path->text.len)
    return leat_flow_fail(t, path, err, "expected path: FILE");
  p->path = leat_arena_str(&flow->arena, path->text);
  if (!p->path) return leat__oom(err, path->text.len);
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *other = flow->transforms.at[i];
    const plan *theirs = other->class->start == t->class->start ? other->plan : NULL;
    bool same = other != t && theirs && theirs->path && !is_stdout(p) &&
                !strcmp(theirs->path, p->path);
    if (same)
      return leat_flow_fail(t, path, err, "'" LEAT_STR_FMT "' writes to that file already",
                            LEAT_STR_ARG(other->name));
  }
  return LEAT_OK;
}

static leat_status text_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p;
  leat_status status = read_path(flow, t, &p, err);
  if (status) return status;
  p->put = put_text;
  if (t->inputs.at[0]->schema->count == 1) return LEAT_OK;
  return leat_flow_fail(t, NULL, err,
                        "rows of %d fields, expected one; MapToFields can make it, or use "
                        "WriteToCsv or WriteToJson",
                        t->inputs.at[0]->schema->count);
}

static leat_status csv_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p;
  leat_status status = read_path(flow, t, &p, err);
  if (status) return status;
  const leat_yaml_node *delimiter = leat_yaml_get(t->config, "delimiter"),
                       *header = leat_yaml_get(t->config, "header");
  p->put = put_csv;
  p->header = true;
  p->delimiter = ',';
  if (delimiter && leat_str_eq(delimiter->text, LEAT_STR("\\t")))
    p->delimiter = '\t';
  else if (delimiter && delimiter->text.len != 1)
    return leat_flow_fail(t, delimiter, err, "a delimiter is one character");
  else if (delimiter)
    p->delimiter = delimiter->text.ptr[0];
  return header ? leat_yaml_bool(t->yaml, header, &p->header, err) : LEAT_OK;
}

static leat_status json_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p;
  leat_status status = read_path(flow, t, &p, err);
  if (!status) p->put = put_json;
  return status;
}

static leat_status record_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_schema *in = t->inputs.at[0]->schema;
  plan *p;
  leat_status status = read_path(flow, t, &p, err);
  if (status) return status;
  p->put = put_record;
  for (int i = 0; i < in->count; i++) {
    const leat_flow_field *f = &in->fields[i];
    bool list = f->type == LEAT_FLOW_TYPE_LIST;
    leat_flow_type type = list ? f->fields->type : f->type;
    if (type == LEAT_FLOW_TYPE_ROW || type == LEAT_FLOW_TYPE_LIST)
      return leat_flow_fail(t, NULL, err,
                            "field '" LEAT_STR_FMT
                            "': a tf.Example has numbers, texts and lists "
                            "of them",
                            LEAT_STR_ARG(f->name));
  }
  return LEAT_OK;
}

static const char *const plain_fields[] = {"path", NULL};
static const char *const csv_fields[] = {"path", "delimiter", "header", NULL};

#define SINK(name_, urn_, help_, fields_, apply_)                                           \
  {                                                                                         \
    .type = name_, .urn = "leat:transform:" urn_ ":v1", .help = help_, .inputs_min = 1,     \
    .inputs_max = 1, .fields = fields_, .apply = apply_, .start = sink_start, .whole = true \
  }

const leat_flow_class leat_flow_write_to_text =
    SINK("WriteToText", "write_to_text", "A line a row", plain_fields, text_apply);
const leat_flow_class leat_flow_write_to_csv =
    SINK("WriteToCsv", "write_to_csv", "CSV, with a header", csv_fields, csv_apply);
const leat_flow_class leat_flow_write_to_json =
    SINK("WriteToJson", "write_to_json", "A JSON object a line", plain_fields, json_apply);
const leat_flow_class leat_flow_write_to_tfrecord =
    SINK("WriteToTFRecord", "write_to_tfrecord", "A tf.Example a row, or its only field of bytes",
         plain_fields, record_apply);
