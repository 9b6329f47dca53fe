// Fuzz targets, one a format: built with -DTARGET=fuzz_csv and so on.
// SPDX-License-Identifier: Apache-2.0
#include "formats/arrays.h"
#include "formats/event_read.h"
#include "formats/example.h"
#include "formats/json.h"
#include "formats/rows.h"
#include "formats/safetensors.h"
#include "formats/tfrecord.h"
#include "formats/yaml.h"
#include "leat/engine.h"
#include "formats/number.h"
#include "fuzz_board.h"
#include "fuzz_flow.h"
#include "fuzz_net.h"
#include "fuzz_pipeline.h"
#include "fuzz_registry.h"
#include "fuzz_serve.h"
#include "train/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Rows of a format from the bytes behind the first, which chooses the options; read twice, from two
// files, with bad rows passed over, and read again from a position in the middle.
static void read_rows(leat_str input, leat_row_format format) {
  static const leat_column columns[] = {{{"a", 1}, LEAT_DTYPE_F32, false, {0}, 1},
                                        {{"b", 1}, LEAT_DTYPE_STRING, false, {0}, 1},
                                        {{"c", 1}, LEAT_DTYPE_I64, true, {"7", 1}, 1},
                                        {{"d", 1}, LEAT_DTYPE_NONE, false, {0}, 1},
                                        {{"e", 1}, LEAT_DTYPE_STRING, false, {0}, LEAT_ANY_NUMBER},
                                        {{"f", 1}, LEAT_DTYPE_F32, false, {0}, LEAT_ANY_NUMBER},
                                        {{"g", 1}, LEAT_DTYPE_I32, true, {"1", 1}, 2}};
  leat_error err;
  leat_rows *rows;
  leat_tensor *out[7];
  int64_t count = 1, total = 0;
  if (!input.len) return;
  unsigned char how = (unsigned char)input.ptr[0];
  leat_rows_options options = {.columns = columns,
                               .column_count = format == LEAT_ROWS_CSV ? 4 : 7,
                               .header = how & 1,
                               .skip_initial_space = how & 2,
                               .comment = how & 4 ? '#' : 0,
                               .decimal = how & 8 ? ',' : 0,
                               .max_errors = how & 16 ? 5 : 0,
                               .strict = how & 32,
                               .format = format};
  int fd = memfd_create("rows", 0);
  if (write(fd, input.ptr + 1, input.len - 1) < 0) abort();
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const char *paths[] = {path, path};
  if (!leat_rows_open(&rows, paths, 2, &options, &err)) {
    leat_row_position start = leat_rows_tell(rows);
    while (count && !leat_rows_read(rows, 3, out, &count, &err)) {
      total += count;
      for (int i = 0; i < options.column_count; i++) leat_tensor_unref(out[i]);
    }
    if (leat_rows_seek(rows, start, &err)) abort();
    if (!leat_rows_read(rows, 1000, out, &count, &err))
      for (int i = 0; i < options.column_count; i++) leat_tensor_unref(out[i]);
    leat_rows_close(rows);
  }
  close(fd);
}

__attribute__((unused)) static void fuzz_csv(leat_str input) { read_rows(input, LEAT_ROWS_CSV); }
__attribute__((unused)) static void fuzz_jsonl(leat_str input) {
  read_rows(input, LEAT_ROWS_JSONL);
}

// A damaged example must fail; a good one must be written and read to the same.
__attribute__((unused)) static void fuzz_example(leat_str input) {
  leat_example e, again;
  leat_buf text = {0}, second = {0}, framed = {0};
  leat_error err;
  bool sequence = input.len & 1;
  if (!leat_example_parse(&e, input, sequence, &err)) {
    leat_example_format(&e, sequence, &text);
    if (leat_example_parse(&again, leat_buf_view(&text), sequence, &err)) abort();
    leat_example_format(&again, sequence, &second);
    if (!leat_str_eq(leat_buf_view(&text), leat_buf_view(&second))) abort();
    leat_example_deinit(&again);
  }
  leat_example_deinit(&e);
  leat_buf_char(&framed, 16);
  leat_tfrecord_add(&framed, input);
  read_rows(leat_buf_view(&framed), LEAT_ROWS_TFRECORD);
  leat_buf_deinit(&text);
  leat_buf_deinit(&second);
  leat_buf_deinit(&framed);
}

__attribute__((unused)) static void fuzz_arrays(leat_str input) {
  leat_arrays arrays;
  leat_error err;
  if (!leat_arrays_parse(&arrays, input, "fuzz", &err)) leat_arrays_deinit(&arrays);
}

__attribute__((unused)) static void fuzz_event(leat_str input) {
  leat_event_log log = {0};
  leat_error err;
  leat_event_log_add(&log, input, &err);
  for (size_t i = 0; i < log.events.count; i++) {
    leat_tensor *tensor;
    if (!leat_event_tensor(&tensor, &log.events.at[i], &err)) leat_tensor_unref(tensor);
  }
  leat_event_log_deinit(&log);
}

// Numbers that are taken in a row must be what one after the other gives.
static void take_numbers(leat_str input) {
  leat_json one, row;
  leat_json_event event = LEAT_JSON_NULL, same = LEAT_JSON_NULL;
  float taken[16], want;
  leat_json_init(&one, input, "fuzz");
  leat_json_init(&row, input, "fuzz");
  while (event != LEAT_JSON_END) {
    size_t count = leat_json_take_f32(&row, taken, 16);
    for (size_t i = 0; i < count; i++) {
      if (leat_json_next(&one, &event, NULL) || event != LEAT_JSON_NUMBER) abort();
      if (!leat_parse_f32(one.text, &want) || memcmp(&want, &taken[i], 4) != 0) abort();
    }
    leat_status status = leat_json_next(&one, &event, NULL);
    if (leat_json_next(&row, &same, NULL) != status || (!status && same != event)) abort();
    if (status) break;
  }
  leat_json_deinit(&one);
  leat_json_deinit(&row);
}

__attribute__((unused)) static void fuzz_json(leat_str input) {
  take_numbers(input);
  leat_json json;
  leat_json_event event = LEAT_JSON_NULL;
  leat_json_init(&json, input, "fuzz");
  while (!leat_json_next(&json, &event, NULL) && event != LEAT_JSON_END) {
  }
  leat_json_deinit(&json);
}

__attribute__((unused)) static void fuzz_yaml(leat_str input) {
  leat_config config;
  leat_error err;
  if (!leat_config_parse(&config, input, "fuzz", NULL, 0, &err)) leat_config_deinit(&config);
}

__attribute__((unused)) static void fuzz_safetensors(leat_str input) {
  leat_safetensors st;
  leat_error err;
  if (!leat_safetensors_parse(&st, input, "fuzz", &err)) leat_safetensors_deinit(&st);
}

__attribute__((unused)) static void fuzz_tfrecord(leat_str input) {
  leat_tfrecord reader;
  leat_str record;
  leat_error err;
  leat_buf out = {0};
  if (!leat_tfrecord_memory(&reader, input, "fuzz", LEAT_COMPRESSION_AUTO, &err)) {
    while (!leat_tfrecord_next(&reader, &record, &err)) {
    }
    leat_tfrecord_close(&reader);
  }
  leat_inflate(input, LEAT_COMPRESSION_AUTO, "fuzz", 1 << 20, &out, &err);
  leat_buf_deinit(&out);
}

// Graph text that parses must print, and parse again to the same text.
__attribute__((unused)) static void fuzz_graph(leat_str input) {
  leat_graph *g, *again;
  leat_error err;
  char *text, *second;
  size_t length, second_length;
  if (leat_graph_parse(&g, input, "fuzz", NULL, &err)) return;
  if (leat_graph_print(g, NULL, &text, &length, &err)) abort();
  if (leat_graph_parse(&again, (leat_str){text, length}, "again", NULL, &err)) {
    fprintf(stderr, "%s\n%.*s", err.message, (int)length, text);
    abort();
  }
  if (leat_graph_print(again, NULL, &second, &second_length, &err)) abort();
  if (length != second_length || memcmp(text, second, length) != 0) abort();
  leat_text_free(text);
  leat_text_free(second);
  leat_graph_free(g);
  leat_graph_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *copy = malloc(size + 1);  // exact bounds for the sanitizer
  if (!copy) return 0;
  if (size) memcpy(copy, data, size);
  leat_str input = {realloc(copy, size ? size : 1), size};
  TARGET(input);
  free((char *)(uintptr_t)input.ptr);
  return 0;
}

#ifdef REPLAY
int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    FILE *f = fopen(argv[i], "rb");
    static uint8_t data[1 << 20];
    size_t n = f ? fread(data, 1, sizeof data, f) : 0;
    if (f) fclose(f);
    LLVMFuzzerTestOneInput(data, n);
  }
  printf("ok %d inputs replayed\n", argc - 1);
  return 0;
}
#endif
