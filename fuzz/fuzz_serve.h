// Requests for predictions in every dialect, read for a version without a model.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FUZZ_SERVE_H
#define LEAT_FUZZ_SERVE_H

#include "formats/proto_text.h"
#include "formats/tensor_proto.h"
#include "serve/infer.h"

#include <stdio.h>
#include <stdlib.h>

static leat_tensor_info fuzz_inputs[] = {
    {.name = "b", .dtype = LEAT_DTYPE_BOOL, .rank = 2, .dims = {-1, 2}, .batched = true},
    {.name = "n", .dtype = LEAT_DTYPE_I64, .rank = 1, .dims = {-1}, .batched = true},
    {.name = "t", .dtype = LEAT_DTYPE_STRING, .rank = 1, .dims = {-1}, .batched = true},
    {.name = "x", .dtype = LEAT_DTYPE_F32, .rank = 2, .dims = {-1, -1}, .batched = true}};
static leat_tensor_info fuzz_outputs[] = {{.name = "y", .dtype = LEAT_DTYPE_F32}};
static int fuzz_order[] = {0, 1, 2, 3};

// A tensor that was read is written as JSON, which must parse.
static void write_and_parse(const leat_tensor *t) {
  leat_buf out = {0};
  leat_json json;
  leat_json_event event = LEAT_JSON_NULL;
  int64_t at = 0;
  leat_write_nested(&out, t, 0, &at, (leat_json_style){.specials = true});
  leat_json_init(&json, leat_buf_view(&out), "written");
  json.specials = true;
  while (event != LEAT_JSON_END)
    if (leat_json_next(&json, &event, NULL)) abort();
  leat_json_deinit(&json);
  leat_buf_deinit(&out);
}

static leat_status read_as(int dialect, leat_infer *f, leat_str message) {
  switch (dialect) {
    case 0: return leat__rows_read(f, false);
    case 1: return leat__rows_read(f, true);
    case 2: return leat__examples_read(f);
    case 3: return leat__v2_read(f);
    case 4: return leat__v2_grpc_read(f, message);
    case 5: return leat__tfs_read_predict(f, message);
    default: return leat__tfs_read_examples(f, message);
  }
}

// The first byte chooses the dialect and how many inputs there are; the second one is the length of
// V2's header where it is not 255.
__attribute__((unused)) static void fuzz_predict(leat_str input) {
  static leat_stats stats;
  leat_version version = {.model = "m", .name = "1", .number = 1, .signature = "s",
                          .inputs = fuzz_inputs, .outputs = fuzz_outputs, .output_count = 1,
                          .by_name = fuzz_order, .stats = &stats};
  leat_infer *f;
  leat_error err;
  char length[8];
  if (input.len < 2) return;
  unsigned char how = (unsigned char)input.ptr[0], header = (unsigned char)input.ptr[1];
  version.input_count = 1 + (how >> 4 & 3);
  if (version.input_count == 1) version.inputs = &fuzz_inputs[how >> 6];
  leat_str body = {input.ptr + 2, input.len - 2};
  snprintf(length, sizeof length, "%d", header);
  const leat_field field = {LEAT_STR("inference-header-content-length"), leat_str_of(length)};
  leat_exchange x = {.body = body, .fields = &field, .field_count = header != 255};
  atomic_fetch_add(&version.holds, 1);
  if (leat_infer_new(&f, NULL, &x, &version, &err)) return;
  f->status = read_as(how % 7, f, body);
  for (int i = 0; !f->status && i < version.input_count; i++) write_and_parse(f->in[i]);
  leat_infer_free(f);
}

// A tensor that was read must be written and read to the same bits.
__attribute__((unused)) static void fuzz_proto(leat_str input) {
  static const leat_proto_schema inner[] = {{"i", 1, LEAT_PROTO_INT, NULL},
                                            {"s", 2, LEAT_PROTO_STRING, NULL}, {0}};
  static const leat_proto_schema fields[] = {{"m", 1, LEAT_PROTO_MESSAGE, inner},
                                             {"b", 2, LEAT_PROTO_BOOL, NULL},
                                             {"d", 3, LEAT_PROTO_DOUBLE, NULL},
                                             {"e", 4, LEAT_PROTO_ENUM, NULL}, {0}};
  leat_tensor *t, *again;
  leat_error err;
  leat_buf out = {0};
  if (!leat_tensor_proto_parse(&t, input, &err)) {
    leat_tensor_proto_format(t, &out);
    if (leat_tensor_proto_parse(&again, leat_buf_view(&out), &err) || !leat_bits_equal(t, again))
      abort();
    leat_tensor_unref(again);
    leat_tensor_unref(t);
  }
  leat_buf_clear(&out);
  leat_proto_from_text(input, "fuzz", fields, &out, &err);
  leat_buf_deinit(&out);
}

#endif
