// TFRecord: length, masked CRC, bytes, masked CRC; over and over.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_TFRECORD_H
#define LEAT_FORMATS_TFRECORD_H

#include "base/str.h"

typedef struct leat_tfrecord {  // reads records out of memory
  leat_str input;
  const char *name;
  size_t at;
  int64_t records;  // good ones so far
} leat_tfrecord;

// The next record as a view. OUT_OF_RANGE at the end (an end inside the 12-byte header counts as
// one, as in TensorFlow); DATA_LOSS names offset and record for damage.
leat_status leat_tfrecord_next(leat_tfrecord *reader, leat_str *record, leat_error *err);
// Appends one framed record.
void leat_tfrecord_add(leat_buf *out, leat_str record);
// A gzip or zlib stream unpacked into `out` (at most max bytes); plain input is copied.
leat_status leat_inflate(leat_str input, const char *name, size_t max, leat_buf *out,
                         leat_error *err);

#endif
