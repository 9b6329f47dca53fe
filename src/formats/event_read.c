// Reading event files.
// SPDX-License-Identifier: Apache-2.0
#include "formats/event_read.h"

#include "base/file.h"
#include "formats/proto.h"
#include "formats/tensor_proto.h"
#include "formats/tfrecord.h"

typedef struct parser {
  leat_event_log *log;
  leat_error *err;
  leat_status status;
} parser;

static leat_status damaged(leat_error *err) {
  return leat_error_set(err, LEAT_DATA_LOSS, "the event is damaged");
}

static leat_str keep(parser *p, leat_str s) {
  char *kept = leat_arena_str(&p->log->arena, s);
  if (!kept) p->status = leat__oom(p->err, s.len);
  return (leat_str){kept, kept ? s.len : 0};
}

static void push(parser *p, const leat_event *event) {
  if (!p->status && !leat_vec_push(&p->log->events, *event))
    p->status = leat__oom(p->err, sizeof *event);
}

// Calls `take` for each field of a message.
static void each(parser *p, leat_str message,
                 void (*take)(parser *, const leat_proto_field *, leat_event *), leat_event *e) {
  leat_proto proto = {message, false};
  leat_proto_field f;
  while (!p->status && leat_proto_next(&proto, &f)) take(p, &f, e);
  if (!p->status && proto.damaged) p->status = damaged(p->err);
}

// --- Values of a summary ------------------------------------------------------------------------
static void take_plugin(parser *p, const leat_proto_field *f, leat_event *e) {
  if (f->wire != LEAT_WIRE_BYTES) return;
  if (f->number == 1) e->plugin = keep(p, f->bytes);
  if (f->number == 2) e->plugin_content = keep(p, f->bytes);
}

static void take_metadata(parser *p, const leat_proto_field *f, leat_event *e) {
  bool bytes = f->wire == LEAT_WIRE_BYTES;
  if (f->number == 1 && bytes) each(p, f->bytes, take_plugin, e);
  if (f->number == 2 && bytes) e->display_name = keep(p, f->bytes);
  if (f->number == 3 && bytes) e->description = keep(p, f->bytes);
  if (f->number == 4 && f->wire == LEAT_WIRE_VARINT) e->data_class = (int64_t)f->bits;
}

static void take_image(parser *p, const leat_proto_field *f, leat_event *e) {
  if (f->number == 1) e->height = (int64_t)f->bits;
  if (f->number == 2) e->width = (int64_t)f->bits;
  if (f->number == 3) e->color_space = (int64_t)f->bits;
  if (f->number == 4) e->bytes = keep(p, f->bytes);
}

static void take_audio(parser *p, const leat_proto_field *f, leat_event *e) {
  if (f->number == 1) e->sample_rate = leat_proto_as_f32(f);
  if (f->number == 2) e->channels = (int64_t)f->bits;
  if (f->number == 3) e->frames = (int64_t)f->bits;
  if (f->number == 4) e->bytes = keep(p, f->bytes);
  if (f->number == 5) e->content_type = keep(p, f->bytes);
}

static size_t room_for(size_t count) {
  size_t room = 1;
  while (room < count) room *= 2;
  return room;
}

// Doubles behind those of before, packed or one.
static void add_doubles(parser *p, const leat_proto_field *f, double **list, size_t *count) {
  double one = leat_proto_as_f64(f);
  leat_str more = {(const char *)&one, sizeof one};
  if (f->wire == LEAT_WIRE_BYTES) more = f->bytes;
  if (more.len % 8) p->status = damaged(p->err);
  if (p->status || !more.len) return;
  size_t total = *count + more.len / 8;
  if (!*count || room_for(total) > room_for(*count)) {
    double *grown = leat_arena_alloc(&p->log->arena, room_for(total) * sizeof *grown);
    if (!grown) {
      p->status = leat__oom(p->err, more.len);
      return;
    }
    if (*count) memcpy(grown, *list, *count * sizeof *grown);
    *list = grown;
  }
  memcpy(*list + *count, more.ptr, more.len);
  *count = total;
}

static void take_histogram(parser *p, const leat_proto_field *f, leat_event *e) {
  double *const numbers[] = {&e->min, &e->max, &e->num, &e->sum, &e->sum_squares};
  if (f->number >= 1 && f->number <= 5 && f->wire == LEAT_WIRE_64)
    *numbers[f->number - 1] = leat_proto_as_f64(f);
  if (f->number == 6) add_doubles(p, f, &e->limits, &e->limit_count);
  if (f->number == 7) add_doubles(p, f, &e->counts, &e->bucket_count);
}

static void take_value(parser *p, const leat_proto_field *f, leat_event *e) {
  if (f->number == 2 && f->wire == LEAT_WIRE_32) {
    e->kind = LEAT_EVENT_SCALAR;
    e->scalar = leat_proto_as_f32(f);
  }
  if (f->wire != LEAT_WIRE_BYTES) return;
  switch (f->number) {
    case 1: e->tag = keep(p, f->bytes); break;
    case 4:
      e->kind = LEAT_EVENT_IMAGE;
      each(p, f->bytes, take_image, e);
      break;
    case 5:
      e->kind = LEAT_EVENT_HISTOGRAM;
      each(p, f->bytes, take_histogram, e);
      break;
    case 6:
      e->kind = LEAT_EVENT_AUDIO;
      each(p, f->bytes, take_audio, e);
      break;
    case 8:
      e->kind = LEAT_EVENT_TENSOR;
      e->bytes = keep(p, f->bytes);
      break;
    case 9:
      e->has_metadata = true;
      each(p, f->bytes, take_metadata, e);
      break;
    default: break;
  }
}

static void take_summary(parser *p, const leat_proto_field *f, leat_event *e) {
  if (f->number != 1 || f->wire != LEAT_WIRE_BYTES) return;
  leat_event value = {.wall_time = e->wall_time, .step = e->step};
  each(p, f->bytes, take_value, &value);
  if (!value.kind && value.has_metadata) value.kind = LEAT_EVENT_METADATA;
  push(p, &value);
}

// --- Events -------------------------------------------------------------------------------------
static void take_session(parser *p, const leat_proto_field *f, leat_event *e) {
  (void)p;
  if (f->number == 1 && f->wire == LEAT_WIRE_VARINT && f->bits == 1) e->kind = LEAT_EVENT_START;
}

static void take_tagged(parser *p, const leat_proto_field *f, leat_event *e) {
  if (f->number == 1) e->tag = keep(p, f->bytes);
  if (f->number == 2) e->bytes = keep(p, f->bytes);
}

static void take_time(parser *p, const leat_proto_field *f, leat_event *e) {
  (void)p;
  if (f->number == 1 && f->wire == LEAT_WIRE_64) e->wall_time = leat_proto_as_f64(f);
  if (f->number == 2 && f->wire == LEAT_WIRE_VARINT) e->step = (int64_t)f->bits;
}

static void forget_later(leat_event_log *log, int64_t step) {
  size_t kept = 0;
  for (size_t i = 0; i < log->events.count; i++) {
    const leat_event *e = &log->events.at[i];
    if (e->kind < LEAT_EVENT_SCALAR || e->step < step) log->events.at[kept++] = *e;
  }
  log->events.count = kept;
}

static void take_event(parser *p, const leat_proto_field *f, leat_event *e) {
  static const leat_event_kind kinds[] = {[3] = LEAT_EVENT_VERSION,
                                          [4] = LEAT_EVENT_GRAPH,
                                          [8] = LEAT_EVENT_RUN_METADATA,
                                          [9] = LEAT_EVENT_META_GRAPH};
  if (f->wire != LEAT_WIRE_BYTES || f->number < 3 || f->number > 9) return;
  leat_event one = {.wall_time = e->wall_time, .step = e->step};
  if (f->number == 5) {
    each(p, f->bytes, take_summary, e);
    return;
  }
  one.kind = kinds[f->number];
  if (f->number == 7)
    each(p, f->bytes, take_session, &one);
  else if (f->number == 8)
    each(p, f->bytes, take_tagged, &one);
  else if (one.kind)
    one.bytes = keep(p, f->bytes);
  if (!p->status && one.kind == LEAT_EVENT_START) forget_later(p->log, e->step);
  if (one.kind) push(p, &one);
}

leat_status leat_event_log_add(leat_event_log *log, leat_str message, leat_error *err) {
  parser p = {.log = log, .err = err};
  leat_event e = {0};
  each(&p, message, take_time, &e);
  if (!p.status) each(&p, message, take_event, &e);
  return p.status;
}

// --- Files --------------------------------------------------------------------------------------
leat_status leat_event_log_file(leat_event_log *log, const char *path, leat_error *err) {
  leat_tfrecord records;
  leat_str message;
  leat_status status = leat_tfrecord_open(&records, path, LEAT_COMPRESSION_NONE, err);
  if (status) return status;
  while (!status && !(status = leat_tfrecord_next(&records, &message, err))) {
    status = leat_event_log_add(log, message, err);
    if (status)
      status =
          leat_error_prepend(err, status, "%s: record %lld", path, (long long)records.records - 1);
  }
  if (status == LEAT_OUT_OF_RANGE || records.cut) status = LEAT_OK;
  leat_tfrecord_close(&records);
  return status;
}

leat_status leat_event_log_dir(leat_event_log *log, const char *dir, leat_error *err) {
  leat_paths names = {0};
  leat_status status = leat_dir_list(dir, &names, err);
  for (size_t i = 0; !status && i < names.count; i++) {
    if (!strstr(names.at[i], "tfevents")) continue;
    char *path = leat_path_join(dir, names.at[i]);
    status = path ? leat_event_log_file(log, path, err) : leat__oom(err, 1);
    leat__free(path);
  }
  leat_paths_deinit(&names);
  return status;
}

void leat_event_log_deinit(leat_event_log *log) {
  leat_vec_deinit(&log->events);
  leat_arena_deinit(&log->arena);
}

// --- What the board sees ------------------------------------------------------------------------
leat_str leat_event_plugin(const leat_event *e) {
  switch (e->kind) {
    case LEAT_EVENT_SCALAR: return LEAT_STR("scalars");
    case LEAT_EVENT_HISTOGRAM: return LEAT_STR("histograms");
    case LEAT_EVENT_IMAGE: return LEAT_STR("images");
    case LEAT_EVENT_AUDIO: return LEAT_STR("audio");
    case LEAT_EVENT_GRAPH: return LEAT_STR("graphs");
    case LEAT_EVENT_RUN_METADATA: return LEAT_STR("graph_tagged_run_metadata");
    default: return e->plugin;
  }
}

leat_status leat_event_tensor(leat_tensor **out, const leat_event *e, leat_error *err) {
  *out = NULL;
  if (e->kind == LEAT_EVENT_TENSOR) return leat_tensor_proto_parse(out, e->bytes, err);
  int64_t none = 0;
  if (e->kind == LEAT_EVENT_METADATA) return leat_tensor_new(out, LEAT_DTYPE_F32, 1, &none, err);
  if (e->kind == LEAT_EVENT_SCALAR)
    return leat_tensor_copy_of(out, LEAT_DTYPE_F32, 0, NULL, &e->scalar, err);
  if (e->kind != LEAT_EVENT_HISTOGRAM || e->limit_count != e->bucket_count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "the event holds no tensor");
  size_t start = 0, end = e->bucket_count;
  while (start < end && !(e->counts[start] > 0)) start++;
  while (start < end && !(e->counts[end - 1] > 0)) end--;
  int64_t dims[2] = {(int64_t)(end - start), 3};
  leat_status status = leat_tensor_new(out, LEAT_DTYPE_F32, 2, dims, err);
  if (status) return status;
  float *to = leat_tensor_data(*out);
  for (size_t i = start; i < end; i++, to += 3) {
    to[0] = (float)(i == start ? e->min : e->limits[i - 1]);
    to[1] = (float)(i + 1 == end ? e->max : e->limits[i]);
    to[2] = (float)e->counts[i];
  }
  return LEAT_OK;
}
