// TFRecord: length, masked CRC, bytes, masked CRC; over and over; plain, gzip or zlib.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_TFRECORD_H
#define LEAT_FORMATS_TFRECORD_H

#include "formats/reader.h"

typedef struct leat_tfrecord {
  leat_reader r;
  int64_t records;  // read since the opening, or the last seek
  bool cut;         // the damage is an end inside a record: its writer may not be done
  size_t damaged;   // bytes of a record whose own checksum is wrong, at hand; else 0
} leat_tfrecord;

// AUTO: plain if the first record's length has its checksum, else what the first bytes say.
leat_status leat_tfrecord_open(leat_tfrecord *reader, const char *path,
                               leat_compression compression, leat_error *err);
leat_status leat_tfrecord_memory(leat_tfrecord *reader, leat_str bytes, const char *name,
                                 leat_compression compression, leat_error *err);
void leat_tfrecord_close(leat_tfrecord *reader);
// The next record as a view, valid until the next call. OUT_OF_RANGE at the end (an end inside the
// 12-byte header counts as one, as in TensorFlow); DATA_LOSS names offset and record for damage.
leat_status leat_tfrecord_next(leat_tfrecord *reader, leat_str *record, leat_error *err);
// Passes over the record that leat_tfrecord_next found damaged; false: where the next one starts is
// not known.
bool leat_tfrecord_skip(leat_tfrecord *reader);
// Appends one framed record.
void leat_tfrecord_add(leat_buf *out, leat_str record);

#endif
