// What tests/interop/run.py compares with TensorFlow and TensorBoard: our files written, theirs
// read. SPDX-License-Identifier: Apache-2.0
//
//   formats write DIR     Examples and SequenceExamples as TFRecords, plain, gzip and zlib
//   formats read FILE...  each record of a TFRecord file as a line of JSON (its features)
//   formats events DIR    each scalar and histogram of a run as a line of JSON
#include "base/file.h"
#include "formats/compress.h"
#include "formats/event_read.h"
#include "formats/example.h"
#include "formats/json.h"
#include "formats/tfrecord.h"

#include <math.h>
#include <stdio.h>

static leat_error err;

static int fail(void) {
  fprintf(stderr, "%s\n", err.message);
  return 1;
}

// --- Writing ------------------------------------------------------------------------------------
static leat_example_list *add(leat_example *e, const char *key, leat_example_kind kind) {
  leat_vec_push(&e->features,
                (leat_example_feature){.key = leat_str_of(key), .value = {.kind = kind}});
  return &e->features.at[e->features.count - 1].value;
}

static void fill(leat_example *e, int i) {
  static const int64_t extremes[] = {0, 1, -1, INT64_MAX, INT64_MIN, 300};
  leat_example_list *ints = add(e, "ints", LEAT_EXAMPLE_INT64);
  for (int k = 0; k < i; k++) leat_vec_push(&ints->ints, extremes[k % 6]);
  leat_example_list *floats = add(e, "floats", LEAT_EXAMPLE_FLOAT);
  leat_vec_push(&floats->floats, (float)i / 3);
  leat_vec_push(&floats->floats, -INFINITY);
  leat_example_list *bytes = add(e, "bytes", LEAT_EXAMPLE_BYTES);
  leat_vec_push(&bytes->bytes, (leat_str){"a\0\xff", 3});
  leat_vec_push(&bytes->bytes, (leat_str){"", 0});
  add(e, "none", LEAT_EXAMPLE_NONE);
}

static void fill_sequence(leat_example *e, int i) {
  leat_example_sequence s = {.key = LEAT_STR("steps")};
  for (int k = 0; k < i; k++) {
    leat_example_list list = {.kind = LEAT_EXAMPLE_INT64};
    for (int j = 0; j <= k; j++) leat_vec_push(&list.ints, j - 2);
    leat_vec_push(&s.steps, list);
  }
  leat_vec_push(&e->sequences, s);
}

static leat_status put(const char *dir, const char *name, leat_str bytes, leat_compression how) {
  leat_buf packed = {0};
  char *path = leat_path_join(dir, name);
  leat_status status = LEAT_OK;
  if (how == LEAT_COMPRESSION_NONE)
    leat_buf_str(&packed, bytes);
  else
    status = leat_deflate(bytes, how, &packed, &err);
  if (!status) status = leat_file_write(path, leat_buf_view(&packed), &err);
  leat_buf_deinit(&packed);
  leat__free(path);
  return status;
}

static int write_files(const char *dir) {
  leat_buf examples = {0}, sequences = {0}, message = {0};
  for (int i = 0; i < 20; i++) {
    leat_example e = {0};
    fill(&e, i);
    leat_buf_clear(&message);
    leat_example_format(&e, false, &message);
    leat_tfrecord_add(&examples, leat_buf_view(&message));
    fill_sequence(&e, i);
    leat_buf_clear(&message);
    leat_example_format(&e, true, &message);
    leat_tfrecord_add(&sequences, leat_buf_view(&message));
    leat_example_deinit(&e);
  }
  leat_status status =
      put(dir, "example.tfrecord", leat_buf_view(&examples), LEAT_COMPRESSION_NONE);
  if (!status)
    status = put(dir, "example.gz.tfrecord", leat_buf_view(&examples), LEAT_COMPRESSION_GZIP);
  if (!status)
    status = put(dir, "example.zlib.tfrecord", leat_buf_view(&examples), LEAT_COMPRESSION_ZLIB);
  if (!status)
    status = put(dir, "sequence.tfrecord", leat_buf_view(&sequences), LEAT_COMPRESSION_NONE);
  leat_buf_deinit(&examples);
  leat_buf_deinit(&sequences);
  leat_buf_deinit(&message);
  return status ? fail() : 0;
}

// --- Reading ------------------------------------------------------------------------------------
static void put_hex(leat_json_writer *w, leat_str bytes) {
  leat_buf hex = {0};
  for (size_t i = 0; i < bytes.len; i++) leat_buf_fmt(&hex, "%02x", (unsigned char)bytes.ptr[i]);
  leat_json_string(w, leat_buf_view(&hex));
  leat_buf_deinit(&hex);
}

static void put_list(leat_json_writer *w, const leat_example_list *list) {
  leat_json_open(w, '[');
  for (size_t i = 0; i < leat_example_count(list); i++) {
    if (list->kind == LEAT_EXAMPLE_BYTES)
      put_hex(w, list->bytes.at[i]);
    else if (list->kind == LEAT_EXAMPLE_FLOAT)
      leat_json_f32(w, list->floats.at[i]);
    else
      leat_json_i64(w, list->ints.at[i]);
  }
  leat_json_close(w, ']');
}

static void put_example(const leat_example *e) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text};
  leat_json_open(&w, '{');
  for (size_t i = 0; i < e->features.count; i++) {
    leat_json_key(&w, e->features.at[i].key);
    put_list(&w, &e->features.at[i].value);
  }
  for (size_t i = 0; i < e->sequences.count; i++) {
    leat_json_key(&w, e->sequences.at[i].key);
    leat_json_open(&w, '[');
    for (size_t k = 0; k < e->sequences.at[i].steps.count; k++)
      put_list(&w, &e->sequences.at[i].steps.at[k]);
    leat_json_close(&w, ']');
  }
  leat_json_close(&w, '}');
  printf("%s\n", text.ptr);
  leat_buf_deinit(&text);
}

static int read_file(const char *path) {
  leat_tfrecord records;
  leat_str message;
  leat_status status = leat_tfrecord_open(&records, path, LEAT_COMPRESSION_AUTO, &err);
  if (status) return fail();
  while (!(status = leat_tfrecord_next(&records, &message, &err))) {
    leat_example e;
    status = leat_example_parse(&e, message, true, &err);
    if (!status) put_example(&e);
    leat_example_deinit(&e);
    if (status) break;
  }
  leat_tfrecord_close(&records);
  return status == LEAT_OUT_OF_RANGE ? 0 : fail();
}

// --- Events -------------------------------------------------------------------------------------
static void put_event(const leat_event *e) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text};
  const double numbers[] = {e->min, e->max, e->num, e->sum, e->sum_squares};
  leat_json_open(&w, '[');
  leat_json_string(&w, e->kind == LEAT_EVENT_SCALAR ? LEAT_STR("scalar") : LEAT_STR("histogram"));
  leat_json_string(&w, e->tag);
  leat_json_i64(&w, e->step);
  if (e->kind == LEAT_EVENT_SCALAR) leat_json_f32(&w, e->scalar);
  for (int i = 0; e->kind == LEAT_EVENT_HISTOGRAM && i < 5; i++) leat_json_f64(&w, numbers[i]);
  leat_json_close(&w, ']');
  printf("%s\n", text.ptr);
  leat_buf_deinit(&text);
}

static int print_events(const char *dir) {
  leat_event_log log = {0};
  leat_status status = leat_event_log_dir(&log, dir, &err);
  for (size_t i = 0; !status && i < log.events.count; i++) {
    leat_event_kind kind = log.events.at[i].kind;
    if (kind == LEAT_EVENT_SCALAR || kind == LEAT_EVENT_HISTOGRAM) put_event(&log.events.at[i]);
  }
  leat_event_log_deinit(&log);
  return status ? fail() : 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "write") == 0) return write_files(argv[2]);
  if (argc == 3 && strcmp(argv[1], "read") == 0) return read_file(argv[2]);
  if (argc == 3 && strcmp(argv[1], "events") == 0) return print_events(argv[2]);
  fprintf(stderr, "usage: formats write DIR | read FILE | events DIR\n");
  return 2;
}
