// TFRecord framing.
// SPDX-License-Identifier: Apache-2.0
#include "formats/tfrecord.h"

#include "base/mem.h"
#include "formats/crc32c.h"

enum { HEADER = 12, FOOTER = 4 };
static const size_t MAX_RECORD = (size_t)1 << 32;

static bool good_header(const leat_reader *r) {
  uint32_t crc;
  if (r->end - r->at < HEADER) return false;
  memcpy(&crc, r->buffer + r->at + 8, 4);
  return leat_crc32c_mask(leat_crc32c(0, r->buffer + r->at, 8)) == crc;
}

static leat_status settle(leat_tfrecord *t, leat_compression compression, leat_error *err) {
  leat_status status = leat_reader_want(&t->r, HEADER, err);
  if (!status && compression == LEAT_COMPRESSION_AUTO)
    compression = good_header(&t->r) ? LEAT_COMPRESSION_NONE
                                     : leat_compression_guess((leat_str){t->r.buffer, t->r.end});
  if (!status) status = leat_reader_unpack(&t->r, compression, err);
  if (status) leat_reader_close(&t->r);
  return status;
}

leat_status leat_tfrecord_open(leat_tfrecord *t, const char *path, leat_compression compression,
                               leat_error *err) {
  *t = (leat_tfrecord){0};
  leat_status status =
      leat_reader_open(&t->r, path, LEAT_COMPRESSION_NONE, MAX_RECORD + HEADER + FOOTER, err);
  return status ? status : settle(t, compression, err);
}

leat_status leat_tfrecord_memory(leat_tfrecord *t, leat_str bytes, const char *name,
                                 leat_compression compression, leat_error *err) {
  *t = (leat_tfrecord){0};
  leat_status status = leat_reader_memory(&t->r, bytes, name, LEAT_COMPRESSION_NONE,
                                          MAX_RECORD + HEADER + FOOTER, err);
  return status ? status : settle(t, compression, err);
}

void leat_tfrecord_close(leat_tfrecord *t) { leat_reader_close(&t->r); }

static leat_status damaged(const leat_tfrecord *t, const char *what, leat_error *err) {
  return leat_error_set(err, LEAT_DATA_LOSS, "%s: record %lld at byte %lld: %s", t->r.name,
                        (long long)t->records, (long long)leat_reader_tell(&t->r), what);
}

leat_status leat_tfrecord_next(leat_tfrecord *t, leat_str *record, leat_error *err) {
  leat_reader *r = &t->r;
  uint64_t length;
  uint32_t crc;
  t->damaged = 0;
  leat_status status = leat_reader_want(r, HEADER, err);
  if (status) return status;
  if (r->end - r->at < HEADER) {
    r->at = r->end;
    return leat_error_set(err, LEAT_OUT_OF_RANGE, "%s: the end of the records", r->name);
  }
  if (!good_header(r)) return damaged(t, "the length's checksum is wrong", err);
  memcpy(&length, r->buffer + r->at, 8);
  if (length > MAX_RECORD) return damaged(t, "it claims more than 4 GiB", err);
  status = leat_reader_want(r, HEADER + length + FOOTER, err);
  if (status) return status;
  t->cut = r->end - r->at < HEADER + length + FOOTER;
  if (t->cut) return damaged(t, "the file ends inside the record", err);
  const char *p = r->buffer + r->at + HEADER;
  memcpy(&crc, p + length, 4);
  if (leat_crc32c_mask(leat_crc32c(0, p, length)) != crc) {
    t->damaged = HEADER + length + FOOTER;
    return damaged(t, "the checksum is wrong", err);
  }
  *record = (leat_str){p, length};
  r->at += HEADER + length + FOOTER;
  t->records++;
  return LEAT_OK;
}

bool leat_tfrecord_skip(leat_tfrecord *t) {
  if (!t->damaged) return false;
  t->r.at += t->damaged;
  t->damaged = 0;
  t->records++;
  return true;
}

void leat_tfrecord_add(leat_buf *out, leat_str record) {
  uint64_t length = record.len;
  uint32_t crc = leat_crc32c_mask(leat_crc32c(0, &length, 8));
  leat_buf_add(out, &length, 8);
  leat_buf_add(out, &crc, 4);
  leat_buf_str(out, record);
  crc = leat_crc32c_mask(leat_crc32c(0, record.ptr, record.len));
  leat_buf_add(out, &crc, 4);
}
