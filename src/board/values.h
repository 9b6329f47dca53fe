// Values that stay in their files: read, and made tensors of.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_VALUES_H
#define LEAT_BOARD_VALUES_H

#include "board/board_impl.h"
#include "leat/tensor.h"

// The tensor of a value of a run that is held: what TensorBoard makes of the old kinds too, f32
// (buckets, 3) of a histogram, strings [width, height, bytes] of an image, [bytes] of a sound, a
// graph, a run's metadata.
leat_status leat__blob_tensor(const leat_run *run, const leat_blob *blob, leat_tensor **out,
                              leat_error *err);
double leat__tensor_number(const leat_tensor *t, int64_t i);  // of a dense tensor; 0 of others
// The i-th of `kept` indices below count, evenly spread, the last one always.
size_t leat__spread(size_t i, size_t kept, size_t count);

// A key for an element of a blob's tensor of strings, and what it leads to (NOT_FOUND).
void leat__blob_key(const leat_run *run, const leat_blob *blob, int64_t item, leat_buf *out);
leat_status leat__blob_of_key(leat_board *b, leat_str key, leat_buf *out, leat_error *err);

// The series a request names by run and tag, of that plugin, its run held; NULL: none.
leat_series *leat__named(leat_board *b, leat_str run, leat_str tag, const char *plugin,
                         leat_run **held);
// Calls put for at most that many tensors of a series (0: all) of a run that is held.
typedef void leat_put_tensor(leat_json_writer *w, const leat_blob *blob, const leat_tensor *t,
                             void *context);
void leat__each_tensor(const leat_run *run, const leat_series *s, int64_t most,
                       leat_put_tensor *put, leat_json_writer *w, void *context);

static inline void leat__key_str(leat_json_writer *w, const char *key, leat_str value) {
  leat_json_key(w, leat_str_of(key));
  leat_json_string(w, value);
}
static inline void leat__key_i64(leat_json_writer *w, const char *key, int64_t value) {
  leat_json_key(w, leat_str_of(key));
  leat_json_i64(w, value);
}
static inline void leat__key_number(leat_json_writer *w, const char *key, double value) {
  leat_json_key(w, leat_str_of(key));
  leat__board_number(w, value);
}
static inline void leat__key_bool(leat_json_writer *w, const char *key, bool value) {
  leat_json_key(w, leat_str_of(key));
  leat_json_bool(w, value);
}

// What a histogram shows, for two APIs.
void leat__write_bins(leat_json_writer *w, const leat_tensor *t);  // [{min, max, count}]

#endif
