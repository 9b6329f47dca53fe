// TensorFlow Serving's batching_parameters_file.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "formats/proto.h"
#include "formats/proto_text.h"
#include "serve/serve.h"

// Numbers are wrapped: max_batch_size { value: 128 }.
static const leat_proto_schema value_fields[] = {{"value", 1, LEAT_PROTO_INT, NULL}, {0}};
static const leat_proto_schema text_fields[] = {{"value", 1, LEAT_PROTO_STRING, NULL}, {0}};
static const leat_proto_schema bool_fields[] = {{"value", 1, LEAT_PROTO_BOOL, NULL}, {0}};
enum { MAX_BATCH_SIZE = 1, BATCH_TIMEOUT = 2, MAX_ENQUEUED = 3 };
static const leat_proto_schema fields[] = {
    {"max_batch_size", MAX_BATCH_SIZE, LEAT_PROTO_MESSAGE, value_fields},
    {"batch_timeout_micros", BATCH_TIMEOUT, LEAT_PROTO_MESSAGE, value_fields},
    {"max_enqueued_batches", MAX_ENQUEUED, LEAT_PROTO_MESSAGE, value_fields},
    // Read and of no effect here: a version has one queue and one thread, and batches of any size.
    {"num_batch_threads", 4, LEAT_PROTO_MESSAGE, value_fields},
    {"thread_pool_name", 5, LEAT_PROTO_MESSAGE, text_fields},
    {"allowed_batch_sizes", 6, LEAT_PROTO_INT, NULL},
    {"pad_variable_length_inputs", 7, LEAT_PROTO_BOOL, NULL},
    {"enable_large_batch_splitting", 8, LEAT_PROTO_MESSAGE, bool_fields},
    {"max_execution_batch_size", 9, LEAT_PROTO_MESSAGE, value_fields},
    {0}};

static int64_t value_of(leat_str message) {
  leat_proto p = {message, false};
  leat_proto_field f;
  int64_t value = 0;
  while (leat_proto_next(&p, &f))
    if (f.number == 1 && f.wire == LEAT_WIRE_VARINT) value = (int64_t)f.bits;
  return value;
}

leat_status leat_serve_read_batching(const char *path, leat_serve_options *options,
                                     leat_error *err) {
  leat_buf text = {0}, bytes = {0};
  int64_t values[4] = {0, 1000, 0, 100};  // TensorFlow Serving's defaults
  leat_status status = leat_file_read(path, 1 << 20, &text, err);
  if (!status) status = leat_proto_from_text(leat_buf_view(&text), path, fields, &bytes, err);
  leat_proto p = {leat_buf_view(&bytes), false};
  leat_proto_field f;
  while (!status && leat_proto_next(&p, &f)) {
    if (f.number > MAX_ENQUEUED) continue;
    values[f.number] = value_of(f.bytes);
    if (values[f.number] < (f.number != BATCH_TIMEOUT) || values[f.number] > 1 << 20)
      status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: %s is %lld", path,
                              fields[f.number - 1].name, (long long)values[f.number]);
  }
  leat_buf_deinit(&text);
  leat_buf_deinit(&bytes);
  if (status) return status;
  int64_t queue = values[MAX_BATCH_SIZE] * values[MAX_ENQUEUED];
  options->max_batch = (int)values[MAX_BATCH_SIZE];
  options->batch_delay_us = (int)values[BATCH_TIMEOUT];
  options->max_queue = (int)(queue < 1 << 30 ? queue : 1 << 30);
  return LEAT_OK;
}
