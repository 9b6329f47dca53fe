// The board: packed points, curves, events as they are read, the store, and what the writer writes.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "board/curve.h"
#include "board/values.h"
#include "formats/compress.h"
#include "leat/event.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t state = 9;
static uint64_t draw(void) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

// --- Points -------------------------------------------------------------------------------------
static double bits_as_f64(uint64_t bits) {
  double d;
  memcpy(&d, &bits, 8);
  return d;
}

static leat_point point_of(int kind, int i) {
  leat_point p = {1.7e9 + i * 0.01 + (double)(draw() & 1023) * 1e-6, i, (float)i * 0.5f};
  if (kind == 1) p.step = (int64_t)draw(), p.wall = bits_as_f64(draw());
  if (kind == 2) p.step = i % 3 ? INT64_MAX : INT64_MIN, p.wall = i % 2 ? INFINITY : -0.0;
  if (kind == 3) p.step = 7, p.wall = 1.5e9, p.value = NAN;
  if (kind == 4) p.step = -1000 + i, p.wall = 1e9 + (double)(i / 100) * 86400;
  return p;
}

static void points_come_out_as_they_went_in(void) {
  enum { COUNT = 1100 };
  static leat_point want[COUNT], got[COUNT];
  for (int kind = 0; kind < 5; kind++) {
    leat_points p = {0};
    for (int i = 0; i < COUNT; i++) {
      want[i] = point_of(kind, i);
      CHECK(leat_points_add(&p, &want[i]));
    }
    CHECK(leat_points_count(&p) == COUNT && leat_points_read(&p, 0, COUNT + 5, got) == COUNT);
    for (int i = 0; i < COUNT; i++)
      if (got[i].step != want[i].step || memcmp(&got[i].wall, &want[i].wall, 8) != 0 ||
          memcmp(&got[i].value, &want[i].value, 4) != 0)
        CHECK_MSG(false, "kind %d, point %d", kind, i);
    for (int from = 0; from < COUNT; from += 97)
      CHECK(leat_points_read(&p, (size_t)from, 10, got) ==
                (size_t)(COUNT - from < 10 ? COUNT - from : 10) &&
            got[0].step == want[from].step);
    CHECK(p.unsorted == (kind == 1 || kind == 2));
    leat_points_trim(&p);
    if (kind == 0)
      CHECK_MSG(leat_points_bytes(&p) < 8 * COUNT, "%zu bytes of %d points", leat_points_bytes(&p),
                COUNT);
    leat_points_deinit(&p);
  }
}

static void points_are_found_and_purged(void) {
  leat_points p = {0};
  for (int i = 0; i < 1000; i++) leat_points_add(&p, &(leat_point){1, 3 * i, 1});
  CHECK(leat_points_find(&p, 0) == 0 && leat_points_find(&p, 1) == 1);
  CHECK(leat_points_find(&p, 768) == 256 && leat_points_find(&p, 767) == 256);
  CHECK(leat_points_find(&p, 2997) == 999 && leat_points_find(&p, 5000) == 1000);
  CHECK(leat_points_purge(&p, 5000) && leat_points_count(&p) == 1000);
  CHECK(leat_points_purge(&p, 1500) && leat_points_count(&p) == 500);
  leat_points_trim(&p);
  leat_points_add(&p, &(leat_point){1, 1500, 1});
  CHECK(leat_points_count(&p) == 501 && !p.unsorted);
  leat_points_add(&p, &(leat_point){1, 3, 1});
  CHECK(p.unsorted && leat_points_purge(&p, 6) && leat_points_count(&p) == 3);
  CHECK(leat_points_purge(&p, INT64_MIN) && leat_points_count(&p) == 0);
  leat_points_deinit(&p);
}

// --- Curves -------------------------------------------------------------------------------------
static void curves_keep_extremes(void) {
  enum { COUNT = 20000 };
  static float values[COUNT];
  leat_points p = {0};
  leat_curve c = {0};
  leat_error err;
  for (int i = 0; i < COUNT; i++) {
    values[i] = (float)(draw() % 100000);
    leat_points_add(&p, &(leat_point){1e9 + i, i, values[i]});
  }
  leat_view view = {.x0 = NAN, .x1 = NAN, .width = 100};
  CHECK_OK(leat_curve_draw(&p, &view, &c, &err));
  CHECK(c.total == COUNT && c.points.count <= 600 && c.last.x == COUNT - 1);
  size_t at = 0;
  for (int column = 0; column < 100; column++) {
    float low = INFINITY, high = -INFINITY, drawn_low = INFINITY, drawn_high = -INFINITY;
    int end = (int)ceil((column + 1) * (COUNT - 1) / 100.0);
    int from = (int)ceil(column * (COUNT - 1) / 100.0);
    if (column == 99) end = COUNT;
    for (int i = from; i < end; i++) low = fminf(low, values[i]), high = fmaxf(high, values[i]);
    for (; at < c.points.count && c.points.at[at].x < end; at++) {
      CHECK(at == 0 || c.points.at[at].x > c.points.at[at - 1].x);
      drawn_low = fminf(drawn_low, c.points.at[at].raw);
      drawn_high = fmaxf(drawn_high, c.points.at[at].raw);
    }
    CHECK_MSG(low == drawn_low && high == drawn_high, "column %d", column);
  }
  leat_curve_deinit(&c);
  leat_points_deinit(&p);
}

static void curves_leave_out_what_is_no_number(void) {
  leat_points p = {0};
  leat_curve c = {0};
  leat_error err;
  const float values[] = {1, NAN, 3, INFINITY, 5};
  for (int i = 0; i < 5; i++) leat_points_add(&p, &(leat_point){i, i, values[i]});
  leat_view view = {.x0 = NAN, .x1 = NAN, .width = 10, .smooth = LEAT_SMOOTH_MEAN, .smoothing = 2};
  CHECK_OK(leat_curve_draw(&p, &view, &c, &err));
  CHECK(c.points.count == 5 && isnan(c.points.at[1].raw) && isinf(c.points.at[3].smooth));
  CHECK(c.points.at[2].smooth == 2 && c.points.at[4].smooth == 4);
  view = (leat_view){.x0 = 100, .x1 = 200, .width = 10, .log_x = true};
  CHECK_OK(leat_curve_draw(&p, &view, &c, &err));
  CHECK(c.points.count == 0 && c.last.x == 4);
  leat_points none = {0};
  CHECK_OK(leat_curve_draw(&none, &view, &c, &err));
  CHECK(c.points.count == 0 && c.total == 0);
  leat_curve_deinit(&c);
  leat_points_deinit(&p);
}

// --- Writer and store ---------------------------------------------------------------------------
typedef struct folder {
  char path[64];
  leat_store *store;
  leat_run *run;
} folder;

static void write_all(leat_event_writer *w) {
  leat_error err;
  unsigned char pixels[2 * 3 * 3];
  float grey[4] = {-1, 0.5f, 2, NAN}, tone[4] = {0, 1, -1, 0.5f};
  double counts[4][3] = {{4, 3, 0}, {4, 1, 0}, {0, 3, 4}, {0, 1, 4}};
  for (int i = 0; i < 18; i++) pixels[i] = (unsigned char)(i * 13);
  leat_image images[] = {{pixels, 3, 2, 3, false}, {grey, 2, 2, 1, true}};
  leat_sound sound = {tone, 4, 1, 8000};
  leat_pr_curve curve = {3, counts[0], counts[1], counts[2], counts[3]};
  leat_hyper hyper[] = {
      {"rate", NULL, 0.5, false}, {"name", "x", 0, false}, {"deep", NULL, 1, true}};
  CHECK_OK(leat_event_hyper(w, hyper, 3, &err));
  CHECK_OK(leat_event_scalar(w, 1, "loss", 0.25f, &err));
  CHECK_OK(leat_event_histogram(w, 1, "w", tone, 4, &err));
  CHECK_OK(leat_event_images(w, 2, "pictures", images, 2, &err));
  CHECK_OK(leat_event_audio(w, 2, "sound", &sound, &err));
  CHECK_OK(leat_event_text(w, 3, "note", LEAT_STR("**hello**"), &err));
  CHECK_OK(leat_event_pr_curve(w, 3, "pr", &curve, &err));
  CHECK_OK(leat_event_hyper_end(w, true, &err));
  images[0].width = 0;
  CHECK(leat_event_images(w, 2, "pictures", images, 1, &err) == LEAT_INVALID_ARGUMENT);
  CHECK(leat_event_images(w, 2, "pictures", images, 0, &err) == LEAT_INVALID_ARGUMENT);
  curve.thresholds = 1;
  CHECK(leat_event_pr_curve(w, 3, "pr", &curve, &err) == LEAT_INVALID_ARGUMENT);
  sound.channels = 3;
  CHECK(leat_event_audio(w, 2, "sound", &sound, &err) == LEAT_INVALID_ARGUMENT);
}

static bool open_folder(folder *f) {
  leat_event_writer *w;
  leat_error err;
  snprintf(f->path, sizeof f->path, "/tmp/leat-board-XXXXXX");
  if (!mkdtemp(f->path) || !CHECK_OK(leat_event_open(&w, f->path, &err))) return false;
  write_all(w);
  CHECK_OK(leat_event_close(w, &err));
  leat_store_options options = {.logdir = f->path, .reload_interval = -1, .threads = 1};
  if (!CHECK_OK(leat_store_open(&f->store, &options, &err))) return false;
  CHECK(leat_store_wait_loaded(f->store, 5000));
  f->run = leat_store_run(f->store, LEAT_STR("."));
  return CHECK_MSG(f->run != NULL, "no run");
}

static void close_folder(folder *f) {
  leat_error err;
  leat_store_close(f->store);
  CHECK_OK(leat_dir_remove(f->path, &err));
}

static leat_tensor *value_of(const folder *f, const char *tag) {
  leat_error err;
  leat_tensor *t = NULL;
  const leat_series *s = leat_run_series(f->run, leat_str_of(tag));
  if (CHECK_MSG(s && s->blobs.count == 1, "tag '%s'", tag))
    CHECK_OK(leat__blob_tensor(f->run, &s->blobs.at[0], &t, &err));
  return t;
}

// The pixels of a PNG that this library wrote: one IDAT, filters 0 and 4.
static void check_png(leat_str png, int bytes, int pixel, const unsigned char *want, int height) {
  leat_buf rows = {0};
  leat_error err;
  unsigned char above[64] = {0}, row[64];
  CHECK(png.len > 57 && memcmp(png.ptr, "\x89PNG\r\n\x1a\n", 8) == 0);
  leat_str data = {png.ptr + 41, png.len - 57};
  CHECK_OK(leat_inflate(data, LEAT_COMPRESSION_ZLIB, "png", 1 << 20, &rows, &err));
  CHECK(rows.len == (size_t)(height * (bytes + 1)));
  for (int y = 0; y < height; y++) {
    const unsigned char *in = (const unsigned char *)rows.ptr + y * (bytes + 1);
    for (int i = 0; i < bytes; i++) {
      int left = i >= pixel ? row[i - pixel] : 0, up = above[i],
          corner = i >= pixel ? above[i - pixel] : 0;
      int guess = left + up - corner, a = abs(guess - left), b = abs(guess - up),
          c = abs(guess - corner);
      int near = a <= b && a <= c ? left : b <= c ? up : corner;
      row[i] = (unsigned char)(in[1 + i] + (in[0] ? near : 0));
    }
    CHECK(in[0] == 0 || in[0] == 4);
    CHECK(memcmp(row, want + y * bytes, (size_t)bytes) == 0);
    memcpy(above, row, sizeof above);
  }
  leat_buf_deinit(&rows);
}

static void what_is_written_is_read(void) {
  folder f = {0};
  unsigned char pixels[18];
  for (int i = 0; i < 18; i++) pixels[i] = (unsigned char)(i * 13);
  if (!open_folder(&f)) return;
  leat_run_read(f.run);
  const leat_series *loss = leat_run_series(f.run, LEAT_STR("loss"));
  leat_point p;
  CHECK(loss && leat_points_read(&loss->points, 0, 1, &p) && p.value == 0.25f && p.step == 1);
  leat_tensor *t = value_of(&f, "pictures");
  if (t && CHECK(leat_tensor_count(t) == 4)) {
    CHECK(leat__eq(leat_tensor_str(t, 0), "3") && leat__eq(leat_tensor_str(t, 1), "2"));
    check_png(leat_tensor_str(t, 2), 9, 3, pixels, 2);
    check_png(leat_tensor_str(t, 3), 2, 1, (const unsigned char[]){0, 128, 255, 0}, 2);
  }
  leat_tensor_unref(t);
  t = value_of(&f, "sound");
  if (t && CHECK(leat_tensor_count(t) == 1)) {
    leat_str wav = leat_tensor_str(t, 0);
    CHECK(wav.len == 52 && memcmp(wav.ptr, "RIFF\x2c\0\0\0WAVEfmt ", 16) == 0);
    CHECK(memcmp(wav.ptr + 44, "\0\0\xff\x7f\x01\x80\0\x40", 8) == 0);
  }
  leat_tensor_unref(t);
  t = value_of(&f, "note");
  CHECK(t && leat_tensor_rank(t) == 0 && leat__eq(leat_tensor_str(t, 0), "**hello**"));
  leat_tensor_unref(t);
  t = value_of(&f, "pr");
  CHECK(t && leat_tensor_rank(t) == 2 && leat__tensor_number(t, 13) == 0.75 &&
        leat__tensor_number(t, 14) == 0 && leat__tensor_number(t, 15) == 1);
  leat_tensor_unref(t);
  t = value_of(&f, "w");
  CHECK(t && leat_tensor_rank(t) == 2 && leat__tensor_number(t, 0) == -1);
  leat_tensor_unref(t);
  const leat_series *start = leat_run_series(f.run, LEAT_STR("_hparams_/session_start_info"));
  CHECK(start && leat__eq(start->plugin, "hparams") && start->content.len > 20);
  leat_run_unlock(f.run);
  close_folder(&f);
}

// --- Events -------------------------------------------------------------------------------------
static void scalars_as_tensors(void) {
  static const struct {
    const char *bytes;
    size_t length;
    float want;  // NaN: it is no scalar
  } cases[] = {
      {"\x08\x01\x2a\x04\0\0\x80\x3f", 8, 1},                              // float_val, packed
      {"\x08\x01\x2d\0\0\x80\x3f", 7, 1},                                  // float_val
      {"\x08\x01\x12\0\x22\x04\0\0\0\x40", 10, 2},                         // tensor_content
      {"\x08\x02\x22\x08\0\0\0\0\0\0\xf0\x3f", 12, 1},                     // f64
      {"\x08\x09\x52\x01\x07", 5, 7},                                      // int64_val
      {"\x08\x03\x38\x85\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, -123},  // int_val
      {"\x08\x01\x12\x04\x12\x02\x08\x01\x2a\x04\0\0\x80\x3f", 14, NAN},   // of rank 1
      {"\x08\x01\x2a\x08\0\0\x80\x3f\0\0\x80\x3f", 12, NAN},               // two values
      {"\x08\x07\x42\x01x", 5, NAN},                                       // a string
      {"\x08\x01", 2, NAN},                                                // none
      {"\x08", 1, NAN},                                                    // damaged
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    float got = NAN;
    bool good = leat_scan_scalar((leat_str){cases[i].bytes, cases[i].length}, &got);
    CHECK_MSG(good == !isnan(cases[i].want) && (!good || got == cases[i].want), "case %zu: %g", i,
              (double)got);
  }
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"points_come_out_as_they_went_in", points_come_out_as_they_went_in},
      {"points_are_found_and_purged", points_are_found_and_purged},
      {"curves_keep_extremes", curves_keep_extremes},
      {"curves_leave_out_what_is_no_number", curves_leave_out_what_is_no_number},
      {"what_is_written_is_read", what_is_written_is_read},
      {"scalars_as_tensors", scalars_as_tensors},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
