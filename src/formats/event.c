// Event files: Event and Summary messages in TFRecord framing, appended with O_APPEND.
// SPDX-License-Identifier: Apache-2.0
#include "formats/event_impl.h"

#include "base/clock.h"
#include "base/file.h"
#include "formats/proto.h"
#include "formats/tfrecord.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

struct leat_event_writer {
  char *path;
  int fd;
  leat_buf pending;
};

static leat_status put_event(leat_event_writer *w, int64_t step, int field, leat_str body,
                             leat_error *err) {
  leat_buf event = {0};
  leat_proto_f64(&event, 1, leat_clock_wall());
  if (step) leat_proto_i64(&event, 2, step);
  leat_proto_bytes(&event, field, body);
  leat_tfrecord_add(&w->pending, leat_buf_view(&event));
  leat_status status = leat_buf_status(&event, err);
  leat_buf_deinit(&event);
  if (!status && w->pending.len > 1 << 16) status = leat_event_flush(w, err);
  return status ? status : leat_buf_status(&w->pending, err);
}

leat_status leat_event_open(leat_event_writer **out, const char *dir, leat_error *err) {
  static atomic_int serial;
  *out = NULL;
  leat_status status = leat_dir_make(dir, err);
  if (status) return status;
  leat_event_writer *w = leat__calloc(1, sizeof *w);
  if (!w) return leat__oom(err, sizeof *w);
  char host[128] = "localhost";
  gethostname(host, sizeof host - 1);
  leat_buf name = {0};
  leat_buf_fmt(&name, "%s/events.out.tfevents.%010lld.%s.%d.%d", dir, (long long)leat_clock_wall(),
               host, (int)getpid(), atomic_fetch_add(&serial, 1));
  w->path = name.ptr;
  w->fd = name.failed ? -1 : open(w->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (w->fd < 0) {
    status = name.failed ? leat__oom(err, 1) : leat_file_error(err, w->path, "create");
    leat__free(w->path);
    leat__free(w);
    return status;
  }
  *out = w;
  return put_event(w, 0, 3, LEAT_STR("brain.Event:2"), err);
}

leat_status leat_event_flush(leat_event_writer *w, leat_error *err) {
  for (size_t at = 0; at < w->pending.len;) {
    ssize_t put = leat__file_hook && (errno = leat__file_hook("write"))
                      ? -1
                      : write(w->fd, w->pending.ptr + at, w->pending.len - at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return leat_file_error(err, w->path, "write");
    at += (size_t)put;
  }
  leat_buf_clear(&w->pending);
  return LEAT_OK;
}

leat_status leat_event_close(leat_event_writer *w, leat_error *err) {
  if (!w) return LEAT_OK;
  leat_status status = leat_event_flush(w, err);
  fsync(w->fd);
  close(w->fd);
  leat_buf_deinit(&w->pending);
  leat__free(w->path);
  leat__free(w);
  return status;
}

leat_status leat__event_value(leat_event_writer *w, int64_t step, leat_buf *value,
                              leat_error *err) {
  leat_buf summary = {0};
  leat_proto_bytes(&summary, 1, leat_buf_view(value));
  leat_status status = leat_buf_status(&summary, err);
  if (!status) status = put_event(w, step, 5, leat_buf_view(&summary), err);
  leat_buf_deinit(&summary);
  leat_buf_deinit(value);
  return status;
}

leat_status leat_event_scalar(leat_event_writer *w, int64_t step, const char *tag, float value,
                              leat_error *err) {
  leat_buf v = {0};
  leat_proto_bytes(&v, 1, leat_str_of(tag));
  leat_proto_f32(&v, 2, value);
  return leat__event_value(w, step, &v, err);
}

leat_status leat_event_graph(leat_event_writer *w, leat_str graph_def, leat_error *err) {
  return put_event(w, 0, 4, graph_def, err);
}

leat_status leat_event_run_metadata(leat_event_writer *w, int64_t step, const char *tag,
                                    leat_str run_metadata, leat_error *err) {
  leat_buf tagged = {0};
  leat_proto_bytes(&tagged, 1, leat_str_of(tag));
  leat_proto_bytes(&tagged, 2, run_metadata);
  leat_status status = leat_buf_status(&tagged, err);
  if (!status) status = put_event(w, step, 8, leat_buf_view(&tagged), err);
  leat_buf_deinit(&tagged);
  return status;
}

// Bucket limits +-1e-12 * 1.1^i, as TensorFlow's histogram has them.
enum { SIDE = 774 };

static int bucket_of(double x) {
  if (!(fabs(x) >= 1e-12)) return SIDE;
  int i = (int)floor(log(fabs(x) / 1e-12) / log(1.1)) + 1;
  if (i > SIDE) i = SIDE;
  return x > 0 ? SIDE + i : SIDE - i;
}

static double limit_of(int bucket) {
  int i = bucket - SIDE;
  if (bucket >= 2 * SIDE) return 1.7976931348623157e308;
  return i >= 0 ? 1e-12 * pow(1.1, i) : -1e-12 * pow(1.1, -i - 1);
}

leat_status leat_event_histogram(leat_event_writer *w, int64_t step, const char *tag,
                                 const float *values, size_t n, leat_error *err) {
  double *counts = leat__calloc(2 * SIDE + 1, sizeof *counts);
  if (!counts) return leat__oom(err, sizeof *counts);
  double low = 0, high = 0, sum = 0, squares = 0, seen = 0;
  for (size_t i = 0; i < n; i++) {
    double x = (double)values[i];
    if (!(x - x == 0)) continue;
    if (seen == 0 || x < low) low = x;
    if (seen == 0 || x > high) high = x;
    seen++, sum += x, squares += x * x, counts[bucket_of(x)]++;
  }
  leat_buf limits = {0}, sizes = {0}, h = {0}, v = {0};
  for (int b = 0; b <= 2 * SIDE; b++) {
    bool edge = counts[b] || (b < 2 * SIDE && counts[b + 1]);
    if (!edge) continue;
    double limit = limit_of(b);
    leat_buf_add(&limits, &limit, 8);
    leat_buf_add(&sizes, &counts[b], 8);
  }
  double numbers[] = {low, high, seen, sum, squares};
  for (int i = 0; i < 5; i++) leat_proto_f64(&h, i + 1, numbers[i]);
  leat_proto_bytes(&h, 6, leat_buf_view(&limits));
  leat_proto_bytes(&h, 7, leat_buf_view(&sizes));
  leat_proto_bytes(&v, 1, leat_str_of(tag));
  leat_proto_bytes(&v, 5, leat_buf_view(&h));
  leat_buf_deinit(&limits);
  leat_buf_deinit(&sizes);
  leat_buf_deinit(&h);
  leat__free(counts);
  return leat__event_value(w, step, &v, err);
}
