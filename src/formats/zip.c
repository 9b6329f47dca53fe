// Zip archives.
// SPDX-License-Identifier: Apache-2.0
#include "formats/zip.h"

#include "formats/compress.h"

enum { END_SIZE = 22, ENTRY_SIZE = 46, LOCAL_SIZE = 30, LOCATOR_SIZE = 20, END64_SIZE = 56 };

static uint64_t number(const char *p, int bytes) {
  uint64_t value = 0;
  for (int i = bytes - 1; i >= 0; i--) value = value << 8 | (unsigned char)p[i];
  return value;
}

static leat_status damaged(const leat_zip *zip, const char *what, leat_error *err) {
  return leat_error_set(err, LEAT_DATA_LOSS, "%s: the zip archive is damaged: %s", zip->archive,
                        what);
}

static bool inside(const leat_zip *zip, uint64_t offset, uint64_t size) {
  return offset <= zip->bytes.len && size <= zip->bytes.len - offset;
}

// Where the directory lies by the zip64 end record, if there is one before `end`.
static bool find_end64(const leat_zip *zip, const char *end, uint64_t *offset, uint64_t *size) {
  if (end - zip->bytes.ptr < LOCATOR_SIZE) return false;
  const char *locator = end - LOCATOR_SIZE;
  if (number(locator, 4) != 0x07064b50) return false;
  uint64_t at = number(locator + 8, 8);
  if (!inside(zip, at, END64_SIZE) || number(zip->bytes.ptr + at, 4) != 0x06064b50) return false;
  *size = number(zip->bytes.ptr + at + 40, 8);
  *offset = number(zip->bytes.ptr + at + 48, 8);
  return true;
}

leat_status leat_zip_open(leat_zip *zip, leat_str bytes, const char *name, leat_error *err) {
  *zip = (leat_zip){.bytes = bytes, .archive = name};
  const char *end = NULL;
  size_t most = bytes.len < 65535 + END_SIZE ? bytes.len : 65535 + END_SIZE;
  for (size_t back = END_SIZE; !end && back <= most; back++) {
    const char *p = bytes.ptr + bytes.len - back;
    if (number(p, 4) == 0x06054b50 && number(p + 20, 2) == back - END_SIZE) end = p;
  }
  if (!end) return damaged(zip, "its end is missing", err);
  uint64_t size = number(end + 12, 4), offset = number(end + 16, 4);
  if (size == UINT32_MAX || offset == UINT32_MAX || number(end + 10, 2) == UINT16_MAX)
    find_end64(zip, end, &offset, &size);
  if (!inside(zip, offset, size)) return damaged(zip, "the directory lies outside", err);
  zip->directory = (leat_str){bytes.ptr + offset, (size_t)size};
  return LEAT_OK;
}

// Sizes that do not fit 32 bits stand in an extra field, in this order.
static bool read_extra(leat_str extra, leat_zip_member *m) {
  uint64_t *wide[] = {&m->size, &m->packed, &m->offset};
  while (extra.len >= 4) {
    size_t id = number(extra.ptr, 2), length = number(extra.ptr + 2, 2);
    if (length > extra.len - 4) return false;
    const char *p = extra.ptr + 4, *end = p + length;
    for (int i = 0; id == 1 && i < 3; i++) {
      if (*wide[i] != UINT32_MAX) continue;
      if (end - p < 8) return false;
      *wide[i] = number(p, 8);
      p += 8;
    }
    extra.ptr += 4 + length;
    extra.len -= 4 + length;
  }
  return true;
}

leat_status leat_zip_next(leat_zip *zip, leat_zip_member *m, leat_error *err) {
  leat_str *d = &zip->directory;
  if (!d->len) return leat_error_set(err, LEAT_OUT_OF_RANGE, "%s: no more members", zip->archive);
  if (d->len < ENTRY_SIZE || number(d->ptr, 4) != 0x02014b50)
    return damaged(zip, "the directory", err);
  const char *p = d->ptr;
  size_t name = number(p + 28, 2), extra = number(p + 30, 2), comment = number(p + 32, 2);
  if (d->len - ENTRY_SIZE < name + extra + comment) return damaged(zip, "the directory", err);
  *m = (leat_zip_member){.name = {p + ENTRY_SIZE, name},
                         .method = (int)number(p + 10, 2),
                         .crc = (uint32_t)number(p + 16, 4),
                         .packed = number(p + 20, 4),
                         .size = number(p + 24, 4),
                         .offset = number(p + 42, 4)};
  if (!read_extra((leat_str){p + ENTRY_SIZE + name, extra}, m))
    return damaged(zip, "an extra field", err);
  if (number(p + 8, 2) & 1)
    return leat_error_set(err, LEAT_UNIMPLEMENTED, "%s: a member is encrypted", zip->archive);
  size_t whole = ENTRY_SIZE + name + extra + comment;
  d->ptr += whole;
  d->len -= whole;
  return LEAT_OK;
}

leat_status leat_zip_read(const leat_zip *zip, const leat_zip_member *m, leat_buf *out,
                          leat_error *err) {
  const char *p = zip->bytes.ptr + m->offset;
  if (!inside(zip, m->offset, LOCAL_SIZE) || number(p, 4) != 0x04034b50)
    return damaged(zip, "a member is not where the directory says", err);
  uint64_t start = m->offset + LOCAL_SIZE + number(p + 26, 2) + number(p + 28, 2);
  if (!inside(zip, start, m->packed)) return damaged(zip, "a member is cut", err);
  leat_str packed = {zip->bytes.ptr + start, (size_t)m->packed};
  size_t before = out->len;
  if (m->method != 0 && m->method != 8)
    return leat_error_set(err, LEAT_UNIMPLEMENTED, "%s: compression method %d", zip->archive,
                          m->method);
  if (m->size / 1040 > m->packed) return damaged(zip, "a member's size", err);  // deflate's limit
  leat_compression kind = m->method ? LEAT_COMPRESSION_RAW : LEAT_COMPRESSION_NONE;
  leat_status status = leat_inflate(packed, kind, zip->archive, m->size, out, err);
  if (status) return status;
  leat_str got = {out->ptr + before, out->len - before};
  if (got.len != m->size) return damaged(zip, "a member's size", err);
  return leat_crc32(0, got) == m->crc ? LEAT_OK : damaged(zip, "a member's checksum", err);
}
