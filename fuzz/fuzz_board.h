// Fuzz target of the board: an event file of any bytes is read by the store, and all that came of
// it is asked for; points that went in come out. SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FUZZ_BOARD_H
#define LEAT_FUZZ_BOARD_H

#include "board/curve.h"
#include "board/graphs.h"
#include "board/store_impl.h"
#include "formats/tfrecord.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// The input cut into records at each byte 0xA5, framed as a file has them; with an odd first byte
// the input is the file itself.
static void fuzz_frame(leat_str input, leat_buf *file) {
  if (input.len && input.ptr[0] & 1) {
    leat_buf_add(file, input.ptr + 1, input.len - 1);
    return;
  }
  while (input.len) leat_tfrecord_add(file, leat_str_cut(&input, (char)0xA5));
}

static void fuzz_series(const leat_run *run, const leat_series *s) {
  leat_error err;
  leat_curve curve = {0};
  leat_point all[600];
  size_t got = leat_points_read(&s->points, 0, 600, all);
  leat_view view = {.axis = (leat_x_axis)(s->tag.len % 3),
                    .x0 = NAN,
                    .x1 = NAN,
                    .width = 3,
                    .log_x = s->tag.len & 4,
                    .smooth = (leat_smooth)(s->tag.len % 3),
                    .smoothing = s->tag.len % 3 == 2 ? 5 : 0.6};
  if (got && !s->points.unsorted && leat_points_find(&s->points, all[got - 1].step) >= got) abort();
  leat_curve_draw(&s->points, &view, &curve, &err);
  leat_curve_deinit(&curve);
  for (size_t i = 0; i < s->blobs.count && i < 20; i++) {
    leat_buf text = {.max = 1 << 22}, other = {.max = 1 << 22};
    leat_tensor *t;
    if (!leat__blob_tensor(run, &s->blobs.at[i], &t, &err)) {
      if (leat_tensor_dtype(t) == LEAT_DTYPE_STRING && leat_tensor_count(t)) {
        leat_str bytes = leat_tensor_str(t, 0);
        leat__graph_text(bytes, &text);
        leat__metadata_text(bytes, &text);
        leat__merged_graph(bytes, &other);
        leat__limited_graph(bytes, 8, LEAT_STR("large"), &other);
        leat__keras_graph(bytes, &other, &err);
      }
      leat_tensor_unref(t);
    }
    leat_buf_deinit(&text);
    leat_buf_deinit(&other);
  }
}

// What is added point by point is what is read, sealed or not, purged or not.
static void fuzz_points(leat_str input) {
  leat_points p = {0};
  leat_point want[800], got[800];
  size_t count = 0;
  for (size_t i = 0; i + 4 <= input.len && count < 800; i += 4, count++) {
    int32_t word;
    memcpy(&word, input.ptr + i, 4);
    int64_t step = word & 7 ? (int64_t)i / 4 : (int64_t)word * 4294967296;
    double wall = word & 24 ? 1.7e9 + (double)i : (double)word * 1e-300;
    want[count] = (leat_point){wall, step, (float)word};
    if (!leat_points_add(&p, &want[count])) abort();
  }
  if (leat_points_count(&p) != count || leat_points_read(&p, 0, 800, got) != count) abort();
  for (size_t i = 0; i < count; i++)
    if (want[i].wall != got[i].wall || want[i].step != got[i].step || want[i].value != got[i].value)
      abort();
  size_t kept = 0;
  int64_t limit = count ? want[count / 2].step : 0;
  for (size_t i = 0; i < count; i++) kept += want[i].step < limit;
  if (!leat_points_purge(&p, limit) || leat_points_count(&p) != kept) abort();
  leat_points_deinit(&p);
}

__attribute__((unused)) static void fuzz_board(leat_str input) {
  leat_store s = {.inotify = -1};
  leat_run run = {.name = (char *)"run", .dir = (char *)"dir"};
  leat_load_buffer buffer = {0};
  leat_buf file = {0};
  char path[64];
  bool changed, tags;
  fuzz_points(input);
  fuzz_frame(input, &file);
  int fd = memfd_create("events", 0);
  if (file.len && write(fd, file.ptr, file.len) < 0) abort();
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  pthread_mutex_init(&s.lock, NULL);
  pthread_cond_init(&s.news, NULL);
  pthread_rwlock_init(&run.lock, NULL);
  leat_vec_push(&run.files, (leat_event_file){.path = path, .size = (int64_t)file.len});
  while (leat__run_load(&s, &run, &buffer, 1000, &changed, &tags) && changed) continue;
  for (const leat_series *i = run.first; i; i = i->next) fuzz_series(&run, i);
  leat__run_clear(&s, &run);
  if (atomic_load(&s.points) != 0) abort();
  for (size_t i = 0; i < s.notices.count; i++) {
    leat__free(s.notices.at[i].path);
    leat__free(s.notices.at[i].text);
  }
  leat_vec_deinit(&s.notices);
  leat_vec_deinit(&run.files);
  leat__free(buffer.at);
  leat_buf_deinit(&file);
  close(fd);
}

#endif
