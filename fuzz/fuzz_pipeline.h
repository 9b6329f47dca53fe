// Fuzzing of flows: expressions over rows, pipeline.yaml as far as it is checked, CSV, JSON and
// TFRecord as sources. SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FUZZ_PIPELINE_H
#define LEAT_FUZZ_PIPELINE_H

#include "flow/collect.h"
#include "flow/expr.h"
#include "flow/pipeline.h"
#include "flow/portable.h"
#include "formats/tfrecord.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FUZZ_ROWS = 300 };  // enough for the graph

// Rows with a field of each simple type, nullable and not, made once.
static const leat_flow_schema *fuzz_schema(void) {
  static const leat_flow_field item = {.type = LEAT_FLOW_TYPE_STRING};
  static const leat_flow_field fields[] = {
      {.name = LEAT_STR("b"), .type = LEAT_FLOW_TYPE_BOOL, .nullable = true},
      {.name = LEAT_STR("i"), .type = LEAT_FLOW_TYPE_INT64},
      {.name = LEAT_STR("j"), .type = LEAT_FLOW_TYPE_INT32, .nullable = true},
      {.name = LEAT_STR("d"), .type = LEAT_FLOW_TYPE_DOUBLE},
      {.name = LEAT_STR("f"), .type = LEAT_FLOW_TYPE_FLOAT, .nullable = true},
      {.name = LEAT_STR("s"), .type = LEAT_FLOW_TYPE_STRING, .nullable = true},
      {.name = LEAT_STR("y"), .type = LEAT_FLOW_TYPE_BYTES},
      {.name = LEAT_STR("t"), .type = LEAT_FLOW_TYPE_TIMESTAMP},
      {.name = LEAT_STR("l"), .type = LEAT_FLOW_TYPE_LIST, .fields = &item, .field_count = 1}};
  static const leat_flow_schema schema = {fields, 9};
  return &schema;
}

static leat_flow_batch *fuzz_batch(int rows) {
  static const double reals[] = {0, -0.0, 1.5, -7, 1e300, 1e-300, 1.0 / 0.0, 0.0 / 0.0};
  static const int64_t wholes[] = {0, 1, -1, 7, INT64_MAX, INT64_MIN, 1000000007, -12};
  static const char *const texts[] = {"",     "a",          "abc def",  "12",
                                      "-3.5", "2020-01-31", "\xC3\xA9", "%_"};
  leat_flow_rows *r;
  leat_error err;
  if (leat_flow_rows_new(&r, fuzz_schema(), &err)) abort();
  for (int k = 0; k < rows; k++) {
    leat_str text = leat_str_of(texts[k % 8]), other = leat_str_of(texts[k / 3 % 8]);
    k % 5 ? leat_flow_rows_bool(r, k & 1) : leat_flow_rows_null(r);
    leat_flow_rows_int(r, wholes[k % 8]);
    k % 7 ? leat_flow_rows_int(r, (int32_t)(k * 77777 - 1000000)) : leat_flow_rows_null(r);
    leat_flow_rows_double(r, reals[k / 2 % 8]);
    k % 3 ? leat_flow_rows_double(r, (float)k / 4) : leat_flow_rows_null(r);
    k % 4 ? leat_flow_rows_text(r, text) : leat_flow_rows_null(r);
    leat_flow_rows_text(r, other);
    leat_flow_rows_int(r, (int64_t)k * 86399999);
    leat_flow_rows_open(r);
    for (int n = 0; n < k % 3; n++) leat_flow_rows_text(r, text);
    leat_flow_rows_close(r);
    if (leat_flow_rows_end(r, k, NULL, NULL, &err)) abort();
  }
  leat_flow_batch *batch = leat_flow_rows_take(r);
  leat_flow_rows_free(r);
  return batch ? batch : (abort(), NULL);
}

static void fuzz_expression(leat_str text, leat_flow_language language) {
  static leat_flow_batch *few, *many;
  leat_arena arena = {0};
  const leat_flow_expr *x;
  leat_flow_eval *e;
  leat_flow_column out;
  leat_error err;
  size_t at = 0;
  if (!few)
    setenv("LEAT_ENGINE", "interpreter", 1), few = fuzz_batch(20), many = fuzz_batch(FUZZ_ROWS);
  if (leat_flow_expr_parse(&arena, text, language, fuzz_schema(), &x, &at, &err)) {
    if (at > text.len) abort();
  } else if (!leat_flow_eval_new(&e, &x, 1, &err)) {
    for (int k = 0; k < 2; k++)
      if (!leat_flow_eval_run(e, k ? many : few, &out, &err)) leat_flow_block_unref(out.owner);
    leat_flow_eval_free(e);
  }
  leat_arena_deinit(&arena);
}

__attribute__((unused)) static void fuzz_expr(leat_str input) {
  if (memchr(input.ptr, 0, input.len)) return;
  fuzz_expression(input, LEAT_FLOW_SQL);
  fuzz_expression(input, LEAT_FLOW_GENERIC);
}

// Loaded and checked, not run: what it names is not to be read or written.
__attribute__((unused)) static void fuzz_flow(leat_str input) {
  leat_error err;
  leat_flow *flow;
  leat_buf text = {0}, message = {0};
  if (memmem(input.ptr, input.len, "path", 4)) return;
  leat_buf_str(&text, input);
  leat_buf_char(&text, 0);
  if (text.failed || leat_flow_new(&flow, &err)) abort();
  if (!leat_flow_load(flow, text.ptr, "fuzz.yaml", &err)) {
    for (size_t i = 0; i < flow->collections.count; i++)
      leat_flow_schema_text(flow, (leat_flow_pcollection){(int)i});
    leat_flow_portable(flow, &message, &err);
  }
  leat_flow_free(flow);
  leat_buf_deinit(&text);
  leat_buf_deinit(&message);
}

static void fuzz_source(const char *type, const char *options, leat_str input) {
  leat_error err;
  leat_flow *flow;
  leat_flow_pcollection rows, errors;
  char config[512];
  int fd = memfd_create("rows", 0);
  if (fd < 0 || write(fd, input.ptr, input.len) != (ssize_t)input.len || leat_flow_new(&flow, &err))
    abort();
  snprintf(config, sizeof config, "{path: /proc/self/fd/%d, error_handling: {output: errors}%s}",
           fd, options);
  if (!leat_flow_apply(flow, "Read", type, config, NULL, 0, &rows, &err)) {
    if (leat_flow_tagged(flow, "Read", "errors", &errors, &err) ||
        leat_flow_apply(flow, "Rows", "Collect", NULL, &rows, 1, NULL, &err) ||
        leat_flow_apply(flow, "Errors", "Collect", NULL, &errors, 1, NULL, &err))
      abort();
    leat_flow_run(flow, &(leat_flow_options){.threads = 1, .streaming = input.len & 1}, &err);
  }
  leat_flow_free(flow);
  close(fd);
}

// The first byte chooses the options.
__attribute__((unused)) static void fuzz_rows_csv(leat_str input) {
  static const char *const options[] = {
      "",
      ", header: false",
      ", delimiter: ';'",
      ", header: false, schema: {a: int64, b: 'double?', c: string}",
      ", header: false, schema: {a: timestamp, b: 'bool?', c: 'int32?'}, timestamp: {field: a}",
      ", header: false, schema: {a: int64, b: bytes}, timestamp: {field: a, unit: us, "
      "out_of_orderness: 5s}"};
  if (!input.len) return;
  fuzz_source("ReadFromCsv", options[(unsigned char)*input.ptr % 6],
              (leat_str){input.ptr + 1, input.len - 1});
}

// The first byte chooses the options.
__attribute__((unused)) static void fuzz_rows_json(leat_str input) {
  static const char *const options[] = {
      "", ", schema: {a: int64, b: 'double?', c: string}",
      ", schema: {a: timestamp, b: 'bool?', c: 'int32?'}, timestamp: {field: a}",
      ", schema: {a: '{x: int64?, y: [string?]}', b: '[[float]]'}",
      ", schema: {a: double, b: bytes}, timestamp: {field: a, unit: us, out_of_orderness: 5s}"};
  if (!input.len) return;
  fuzz_source("ReadFromJson", options[(unsigned char)*input.ptr % 5],
              (leat_str){input.ptr + 1, input.len - 1});
}

// The first byte chooses the options, and whether the rest is a record or the file itself.
__attribute__((unused)) static void fuzz_rows_tfrecord(leat_str input) {
  static const char *const options[] = {
      "", ", schema: {a: int64, b: 'double?', c: string}",
      ", schema: {a: timestamp, b: 'bool?', c: '[int32]'}, timestamp: {field: a}",
      ", schema: {a: '[float]', b: '[string]', c: bytes}"};
  leat_buf file = {0};
  if (!input.len) return;
  leat_str rest = {input.ptr + 1, input.len - 1};
  if (*input.ptr & 16)
    leat_buf_str(&file, rest);
  else
    leat_tfrecord_add(&file, rest);
  if (!file.failed)
    fuzz_source("ReadFromTFRecord", options[(unsigned char)*input.ptr % 4], leat_buf_view(&file));
  leat_buf_deinit(&file);
}

#endif
