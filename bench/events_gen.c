// Writes logs for measuring the board: events_gen DIR RUNS TAGS POINTS [scalars|mixed]
// SPDX-License-Identifier: Apache-2.0
//
// Each run is a directory with one event file of simple_value events, a tag after the other at each
// step, as most trainers write them. mixed: every 100 steps a histogram of 30 buckets and an image
// of 64 KB a tag as well. Same arguments, same bytes.
#include "leat/event.h"
#include "formats/proto.h"
#include "formats/tfrecord.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

typedef struct writer {
  FILE *file;
  leat_buf out, event, summary, value;
  double wall;
  uint64_t random;
} writer;

static uint64_t next(writer *w) {
  w->random ^= w->random << 13;
  w->random ^= w->random >> 7;
  w->random ^= w->random << 17;
  return w->random;
}

static void put(writer *w, int64_t step, int field, leat_str body) {
  leat_buf_clear(&w->event);
  leat_proto_f64(&w->event, 1, w->wall);
  if (step) leat_proto_i64(&w->event, 2, step);
  leat_proto_bytes(&w->event, field, body);
  leat_tfrecord_add(&w->out, leat_buf_view(&w->event));
  if (w->out.len < 1 << 20) return;
  if (fwrite(w->out.ptr, 1, w->out.len, w->file) != w->out.len) exit(1);
  leat_buf_clear(&w->out);
}

static void put_value(writer *w, int64_t step) {
  leat_buf_clear(&w->summary);
  leat_proto_bytes(&w->summary, 1, leat_buf_view(&w->value));
  leat_buf_clear(&w->value);
  put(w, step, 5, leat_buf_view(&w->summary));
}

static void put_histogram(writer *w, int64_t step, const char *tag) {
  double limits[30], counts[30];
  for (int i = 0; i < 30; i++) {
    limits[i] = -3 + 0.2 * i;
    counts[i] = (double)(next(w) % 1000);
  }
  leat_proto_bytes(&w->value, 1, leat_str_of(tag));
  size_t at = leat_proto_begin(&w->value, 5);
  double numbers[] = {-3, 3, 1000, 0, 900};
  for (int i = 0; i < 5; i++) leat_proto_f64(&w->value, i + 1, numbers[i]);
  leat_proto_bytes(&w->value, 6, (leat_str){(const char *)limits, sizeof limits});
  leat_proto_bytes(&w->value, 7, (leat_str){(const char *)counts, sizeof counts});
  leat_proto_end(&w->value, at);
  put_value(w, step);
}

static void put_image(writer *w, int64_t step, const char *tag) {
  static uint64_t pixels[8192];
  for (int i = 0; i < 8192; i++) pixels[i] = next(w);
  leat_proto_bytes(&w->value, 1, leat_str_of(tag));
  size_t at = leat_proto_begin(&w->value, 4);
  for (int i = 1; i <= 3; i++) leat_proto_i64(&w->value, i, i == 3 ? 3 : 128);
  leat_proto_bytes(&w->value, 4, (leat_str){(const char *)pixels, sizeof pixels});
  leat_proto_end(&w->value, at);
  put_value(w, step);
}

static void write_run(writer *w, int run, int tags, int points, int mixed) {
  char tag[64];
  w->wall = 1.7e9 + run;
  w->random = 88172645463325252ull + (uint64_t)run;
  put(w, 0, 3, LEAT_STR("brain.Event:2"));
  for (int64_t step = 0; step < points; step++) {
    w->wall += 0.01 + (double)(next(w) & 4095) * 1e-7;
    for (int t = 0; t < tags; t++) {
      w->wall += (double)(next(w) & 63) * 1e-6;
      snprintf(tag, sizeof tag, "%s/metric_%02d", t % 2 ? "eval" : "train", t);
      leat_proto_bytes(&w->value, 1, leat_str_of(tag));
      leat_proto_f32(&w->value, 2,
                     (float)(exp(-(double)step / points * 3) + (double)(next(w) & 1023) * 1e-4));
      put_value(w, step);
      if (!mixed || step % 100) continue;
      snprintf(tag, sizeof tag, "weights/layer_%02d", t);
      put_histogram(w, step, tag);
      snprintf(tag, sizeof tag, "samples/image_%02d", t);
      put_image(w, step, tag);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: events_gen DIR RUNS TAGS POINTS [scalars|mixed]\n");
    return 2;
  }
  int runs = atoi(argv[2]), tags = atoi(argv[3]), points = atoi(argv[4]);
  int mixed = argc > 5 && argv[5][0] == 'm';
  writer w = {0};
  char path[4096];
  mkdir(argv[1], 0777);
  for (int r = 0; r < runs; r++) {
    snprintf(path, sizeof path, "%s/run_%04d", argv[1], r);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/run_%04d/events.out.tfevents.1700000000.host.1.%d", argv[1], r,
             r);
    if (!(w.file = fopen(path, "wb"))) {
      perror(path);
      return 1;
    }
    write_run(&w, r, tags, points, mixed);
    if (fwrite(w.out.ptr, 1, w.out.len, w.file) != w.out.len || fclose(w.file)) {
      perror(path);
      return 1;
    }
    leat_buf_clear(&w.out);
  }
  return 0;
}
