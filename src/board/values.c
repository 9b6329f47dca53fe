// Values that stay in their files: read, and made tensors of.
// SPDX-License-Identifier: Apache-2.0
#include "board/values.h"

#include "formats/event_read.h"
#include "formats/proto.h"
#include "formats/tensor_proto.h"

#include <inttypes.h>
#include <stdio.h>

// A histogram of the old kind: its event, made again around it.
static leat_status old_histogram(leat_tensor **out, leat_str body, leat_error *err) {
  leat_event_log log = {0};
  leat_buf event = {0};
  size_t summary = leat_proto_begin(&event, 5), value = leat_proto_begin(&event, 1);
  leat_proto_bytes(&event, 5, body);
  leat_proto_end(&event, value);
  leat_proto_end(&event, summary);
  leat_status status = leat_buf_status(&event, err);
  if (!status) status = leat_event_log_add(&log, leat_buf_view(&event), err);
  if (!status && !log.events.count)
    status = leat_error_set(err, LEAT_DATA_LOSS, "the histogram is empty");
  if (!status) status = leat_event_tensor(out, &log.events.at[0], err);
  leat_event_log_deinit(&log);
  leat_buf_deinit(&event);
  return status;
}

// [width, height, bytes] of an image, [bytes] of a sound.
static leat_status old_media(leat_tensor **out, leat_value_kind kind, leat_str body,
                             leat_error *err) {
  leat_proto p = {body, false};
  leat_proto_field f;
  char width[24] = "0", height[24] = "0";
  leat_str bytes = {0};
  while (leat_proto_next(&p, &f)) {
    if (f.number == 1 && f.wire == LEAT_WIRE_VARINT)
      snprintf(height, sizeof height, "%" PRId64, (int64_t)f.bits);
    if (f.number == 2 && f.wire == LEAT_WIRE_VARINT)
      snprintf(width, sizeof width, "%" PRId64, (int64_t)f.bits);
    if (f.number == 4 && f.wire == LEAT_WIRE_BYTES) bytes = f.bytes;
  }
  if (p.damaged) return leat_error_set(err, LEAT_DATA_LOSS, "the value is damaged");
  if (kind == LEAT_VALUE_AUDIO) {
    int64_t one = 1;
    return leat_tensor_new_strings(out, 1, &one, &bytes, err);
  }
  int64_t three = 3;
  leat_str all[] = {leat_str_of(width), leat_str_of(height), bytes};
  return leat_tensor_new_strings(out, 1, &three, all, err);
}

leat_status leat__blob_tensor(const leat_run *run, const leat_blob *blob, leat_tensor **out,
                              leat_error *err) {
  leat_buf bytes = {0};
  *out = NULL;
  leat_status status = leat_blob_read(run, blob, &bytes, err);
  leat_str body = leat_buf_view(&bytes);
  int64_t one = 1;
  if (!status) switch ((leat_value_kind)blob->kind) {
      case LEAT_VALUE_TENSOR: status = leat_tensor_proto_parse(out, body, err); break;
      case LEAT_VALUE_HISTOGRAM: status = old_histogram(out, body, err); break;
      case LEAT_VALUE_IMAGE:
      case LEAT_VALUE_AUDIO: status = old_media(out, (leat_value_kind)blob->kind, body, err); break;
      case LEAT_VALUE_GRAPH:
      case LEAT_VALUE_RUN_METADATA:
        status = leat_tensor_new_strings(out, 1, &one, &body, err);
        break;
      default: status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "the value has no tensor");
    }
  leat_buf_deinit(&bytes);
  return status;
}

double leat__tensor_number(const leat_tensor *t, int64_t i) {
  const void *data = leat_tensor_data(t);
  switch (leat_tensor_dtype(t)) {
    case LEAT_DTYPE_F32: return (double)((const float *)data)[i];
    case LEAT_DTYPE_F64: return ((const double *)data)[i];
    case LEAT_DTYPE_I32: return (double)((const int32_t *)data)[i];
    case LEAT_DTYPE_I64: return (double)((const int64_t *)data)[i];
    default: return 0;
  }
}

size_t leat__spread(size_t i, size_t kept, size_t count) {
  if (kept >= count) return i;
  return kept < 2 ? count - 1
                  : (size_t)((double)i * (double)(count - 1) / (double)(kept - 1) + 0.5);
}

// --- Keys of blobs ------------------------------------------------------------------------------
void leat__blob_key(const leat_run *run, const leat_blob *blob, int64_t item, leat_buf *out) {
  leat_buf_fmt(out, "%d.%u.%llu.%lld", run->id, blob->file, (unsigned long long)blob->offset,
               (long long)item);
}

static bool take_number(leat_str *key, int64_t *out) {
  leat_str part = leat_str_cut(key, '.');
  char room[24];
  if (!part.len || part.len >= sizeof room) return false;
  *out = 0;
  for (size_t i = 0; i < part.len; i++) {
    if (part.ptr[i] < '0' || part.ptr[i] > '9' || *out > INT64_MAX / 10 - 9) return false;
    *out = *out * 10 + (part.ptr[i] - '0');
  }
  return true;
}

// Only what a series has: a key is no way to read bytes elsewhere.
static const leat_blob *find_blob(const leat_run *run, int64_t file, int64_t offset) {
  for (const leat_series *s = run->first; s; s = s->next)
    if (s->data_class == LEAT_CLASS_BLOBS)
      for (size_t i = 0; i < s->blobs.count; i++)
        if (s->blobs.at[i].offset == (uint64_t)offset && s->blobs.at[i].file == (uint32_t)file)
          return &s->blobs.at[i];
  return NULL;
}

leat_status leat__blob_of_key(leat_board *b, leat_str key, leat_buf *out, leat_error *err) {
  int64_t id, file, offset, item;
  leat_tensor *t = NULL;
  leat_run *run = NULL;
  if (take_number(&key, &id) && take_number(&key, &file) && take_number(&key, &offset) &&
      take_number(&key, &item))
    run = leat_store_run_at(b->store, id);
  if (!run) return leat_error_set(err, LEAT_NOT_FOUND, "no such value");
  leat_run_read(run);
  const leat_blob *blob = find_blob(run, file, offset);
  leat_status status = blob ? leat__blob_tensor(run, blob, &t, err)
                            : leat_error_set(err, LEAT_NOT_FOUND, "no such value");
  leat_run_unlock(run);
  if (!status && (leat_tensor_dtype(t) != LEAT_DTYPE_STRING || item >= leat_tensor_count(t)))
    status = leat_error_set(err, LEAT_NOT_FOUND, "no such value");
  if (!status) leat_buf_str(out, leat_tensor_str(t, item));
  leat_tensor_unref(t);
  return status;
}
