// Fuzz targets, one a format: built with -DTARGET=fuzz_csv and so on.
// SPDX-License-Identifier: Apache-2.0
#include "formats/csv.h"
#include "formats/json.h"
#include "formats/safetensors.h"
#include "formats/tfrecord.h"
#include "formats/yaml.h"
#include "leat/engine.h"
#include "train/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

__attribute__((unused)) static void fuzz_csv(leat_str input) {
  static const leat_csv_column columns[] = {
      {{"a", 1}, LEAT_DTYPE_F32, false, {0}},
      {{"b", 1}, LEAT_DTYPE_STRING, false, {0}},
      {{"c", 1}, LEAT_DTYPE_I64, true, {"7", 1}},
      {{"d", 1}, LEAT_DTYPE_NONE, false, {0}},
  };
  leat_error err;
  leat_csv *csv;
  leat_tensor *out[4];
  int64_t rows = 1;
  if (!input.len) return;
  leat_csv_options options = {.columns = columns,
                              .column_count = 4,
                              .header = input.ptr[0] & 1,
                              .skip_initial_space = input.ptr[0] & 2,
                              .comment = input.ptr[0] & 4 ? '#' : 0};
  int fd = memfd_create("csv", 0);
  if (write(fd, input.ptr + 1, input.len - 1) < 0) abort();
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const char *paths[] = {path, path};
  if (!leat_csv_open(&csv, paths, 2, &options, &err)) {
    while (rows && !leat_csv_read(csv, 3, out, &rows, &err))
      for (int i = 0; i < 4; i++) leat_tensor_unref(out[i]);
    leat_csv_close(csv);
  }
  close(fd);
}

__attribute__((unused)) static void fuzz_json(leat_str input) {
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
