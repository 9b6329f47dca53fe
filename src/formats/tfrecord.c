// TFRecord framing, and unpacking of compressed files. The only file that knows zlib.
// SPDX-License-Identifier: Apache-2.0
#include "formats/tfrecord.h"

#include "base/mem.h"
#include "formats/crc32c.h"

#include <zlib.h>

static leat_status damaged(const leat_tfrecord *r, const char *what, leat_error *err) {
  return leat_error_set(err, LEAT_DATA_LOSS, "%s: record %lld at byte %zu: %s",
                        r->name ? r->name : "TFRecord", (long long)r->records, r->at, what);
}

leat_status leat_tfrecord_next(leat_tfrecord *r, leat_str *record, leat_error *err) {
  size_t left = r->input.len - r->at;
  const char *p = r->input.ptr + r->at;
  if (left < 12) {
    r->at = r->input.len;
    return leat_error_set(err, LEAT_OUT_OF_RANGE, "the end of the records");
  }
  uint64_t length;
  uint32_t length_crc, data_crc;
  memcpy(&length, p, 8);
  memcpy(&length_crc, p + 8, 4);
  if (leat_crc32c_mask(leat_crc32c(0, p, 8)) != length_crc)
    return damaged(r, "the length's checksum is wrong", err);
  if (length > left - 12 || left - 12 - length < 4)
    return damaged(r, "the file ends inside the record", err);
  memcpy(&data_crc, p + 12 + length, 4);
  if (leat_crc32c_mask(leat_crc32c(0, p + 12, length)) != data_crc)
    return damaged(r, "the checksum is wrong", err);
  *record = (leat_str){p + 12, length};
  r->at += 16 + length;
  r->records++;
  return LEAT_OK;
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

leat_status leat_inflate(leat_str input, const char *name, size_t max, leat_buf *out,
                         leat_error *err) {
  const unsigned char *head = (const unsigned char *)input.ptr;
  bool gzip = input.len >= 2 && head[0] == 0x1F && head[1] == 0x8B;
  bool zlib = input.len >= 2 && (head[0] & 15) == 8 && (head[0] * 256 + head[1]) % 31 == 0;
  if (!gzip && !zlib) {
    leat_buf_str(out, input);
    return leat_buf_status(out, err);
  }
  z_stream z = {.next_in = (unsigned char *)(uintptr_t)input.ptr, .avail_in = (uInt)input.len};
  if (inflateInit2(&z, 47) != Z_OK) return leat__oom(err, sizeof z);
  int code = Z_OK;
  while (code == Z_OK && !out->failed && out->len <= max && leat_buf_reserve(out, 1 << 16)) {
    z.next_out = (unsigned char *)out->ptr + out->len;
    z.avail_out = 1 << 16;
    code = inflate(&z, Z_NO_FLUSH);
    out->len += (1 << 16) - z.avail_out;
  }
  inflateEnd(&z);
  if (out->len > max)
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "%s: unpacks to more than %zu bytes", name,
                          max);
  if (code != Z_STREAM_END)
    return leat_error_set(err, LEAT_DATA_LOSS, "%s: the compressed data are damaged or cut", name);
  return leat_buf_status(out, err);
}
