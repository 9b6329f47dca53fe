// Event files: what TensorBoard reads. A writer for training, in TensorFlow's own format.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_EVENT_H
#define LEAT_FORMATS_EVENT_H

#include "base/str.h"

typedef struct leat_event_writer leat_event_writer;

// Starts a file `events.out.tfevents.<seconds>.<host>.<pid>.<n>` in a directory (made if missing).
leat_status leat_event_open(leat_event_writer **out, const char *dir, leat_error *err);
leat_status leat_event_scalar(leat_event_writer *w, int64_t step, const char *tag, float value,
                              leat_error *err);
// TF1 histogram of n values: TensorBoard's exponential buckets.
leat_status leat_event_histogram(leat_event_writer *w, int64_t step, const char *tag,
                                 const float *values, size_t n, leat_error *err);
leat_status leat_event_flush(leat_event_writer *w, leat_error *err);
leat_status leat_event_close(leat_event_writer *w,
                             leat_error *err);  // flushes, syncs, frees; NULL allowed

// --- Protocol buffers' wire format, as far as event files need it
// ---------------------------------
void leat_proto_varint(leat_buf *out, uint64_t value);
void leat_proto_tag(leat_buf *out, int field, int wire);
void leat_proto_bytes(leat_buf *out, int field, leat_str bytes);
void leat_proto_f64(leat_buf *out, int field, double value);
void leat_proto_f32(leat_buf *out, int field, float value);
void leat_proto_i64(leat_buf *out, int field, int64_t value);

#endif
