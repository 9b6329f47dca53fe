// Compression by zlib. The only file that knows it.
// SPDX-License-Identifier: Apache-2.0
#include "formats/compress.h"

#include "base/mem.h"

#include <zlib.h>

struct leat_inflater {
  z_stream z;
  leat_compression compression;
  bool members;  // a gzip member has ended; another, or zeros, may follow
};

bool leat_compression_from_name(leat_str name, leat_compression *out) {
  static const struct {
    leat_str lower, upper;
    leat_compression compression;
  } names[] = {{{"auto", 4}, {"AUTO", 4}, LEAT_COMPRESSION_AUTO},
               {{"", 0}, {"", 0}, LEAT_COMPRESSION_AUTO},
               {{"none", 4}, {"NONE", 4}, LEAT_COMPRESSION_NONE},
               {{"gzip", 4}, {"GZIP", 4}, LEAT_COMPRESSION_GZIP},
               {{"zlib", 4}, {"ZLIB", 4}, LEAT_COMPRESSION_ZLIB}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (leat_str_eq(name, names[i].lower) || leat_str_eq(name, names[i].upper))
      return *out = names[i].compression, true;
  return false;
}

leat_compression leat_compression_guess(leat_str head) {
  const unsigned char *p = (const unsigned char *)head.ptr;
  if (head.len >= 3 && p[0] == 0x1F && p[1] == 0x8B && p[2] == 8) return LEAT_COMPRESSION_GZIP;
  // A window of at most 32 KiB, no preset dictionary, and the check bits.
  bool zlib = head.len >= 2 && (p[0] & 15) == 8 && p[0] >> 4 <= 7 && !(p[1] & 0x20) &&
              (p[0] * 256 + p[1]) % 31 == 0;
  return zlib ? LEAT_COMPRESSION_ZLIB : LEAT_COMPRESSION_NONE;
}

static int window_bits(leat_compression compression) {
  if (compression == LEAT_COMPRESSION_GZIP) return 15 + 16;
  return compression == LEAT_COMPRESSION_RAW ? -15 : 15;
}

static void *z_alloc(void *context, unsigned count, unsigned size) {
  (void)context;
  return leat__calloc(count, size);
}
static void z_free(void *context, void *block) {
  (void)context;
  leat__free(block);
}

leat_status leat_inflater_new(leat_inflater **out, leat_compression compression, leat_error *err) {
  leat_inflater *inflater = *out = leat__calloc(1, sizeof *inflater);
  if (!inflater) return leat__oom(err, sizeof *inflater);
  inflater->compression = compression;
  inflater->z = (z_stream){.zalloc = z_alloc, .zfree = z_free};
  if (inflateInit2(&inflater->z, window_bits(compression)) == Z_OK) return LEAT_OK;
  leat__free(inflater);
  *out = NULL;
  return leat__oom(err, sizeof *inflater);
}

void leat_inflater_free(leat_inflater *inflater) {
  if (!inflater) return;
  inflateEnd(&inflater->z);
  leat__free(inflater);
}

// Behind a gzip member: zeros are padding, anything else must be another member.
static void skip_padding(leat_inflater *inflater, leat_str *input) {
  if (!inflater->members || inflater->z.total_in) return;
  while (input->len && !*input->ptr) input->ptr++, input->len--;
}

leat_status leat_inflater_run(leat_inflater *inflater, leat_str *input, char *out, size_t room,
                              size_t *got, bool *ended, leat_error *err) {
  z_stream *z = &inflater->z;
  *got = 0;
  skip_padding(inflater, input);
  *ended = inflater->members && !z->total_in;
  if (!input->len) return LEAT_OK;
  size_t give = input->len < 1u << 30 ? input->len : 1u << 30;
  z->next_in = (unsigned char *)(uintptr_t)input->ptr;
  z->avail_in = (unsigned)give;
  z->next_out = (unsigned char *)out;
  z->avail_out = (unsigned)(room < 1u << 30 ? room : 1u << 30);
  int code = inflate(z, Z_NO_FLUSH);
  *got = (size_t)((char *)z->next_out - out);
  input->ptr += give - z->avail_in;
  input->len -= give - z->avail_in;
  *ended = code == Z_STREAM_END;
  if (*ended && inflater->compression == LEAT_COMPRESSION_GZIP) {
    inflateReset(z);
    inflater->members = true;
  }
  if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR) return LEAT_OK;
  if (*got) return LEAT_OK;  // what is good comes first; the next call meets the damage again
  if (code == Z_MEM_ERROR) return leat__oom(err, 1 << 15);
  return leat_error_set(err, LEAT_DATA_LOSS, "the compressed data are damaged (%s)",
                        z->msg ? z->msg : "a dictionary is wanted");
}

leat_status leat_inflate(leat_str input, leat_compression compression, const char *name, size_t max,
                         leat_buf *out, leat_error *err) {
  if (compression == LEAT_COMPRESSION_AUTO) compression = leat_compression_guess(input);
  if (compression == LEAT_COMPRESSION_NONE) {
    leat_buf_str(out, input);
    return leat_buf_status(out, err);
  }
  leat_inflater *inflater;
  leat_status status = leat_inflater_new(&inflater, compression, err);
  size_t start = out->len, got = 0;
  bool ended = false;
  while (!status && (input.len || got) && out->len - start <= max) {
    if (ended && !input.len) break;
    if (ended && compression != LEAT_COMPRESSION_GZIP) {
      status = leat_error_set(err, LEAT_DATA_LOSS, "bytes follow the compressed data");
      break;
    }
    if (!leat_buf_reserve(out, 1 << 16)) break;
    status = leat_inflater_run(inflater, &input, out->ptr + out->len, 1 << 16, &got, &ended, err);
    out->len += got;
    if (!got && !ended && !input.len) break;
  }
  leat_inflater_free(inflater);
  if (!status && out->len - start > max)
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "%s: unpacks to more than %zu bytes", name,
                          max);
  if (!status && !out->failed && !ended)
    status = leat_error_set(err, LEAT_DATA_LOSS, "the compressed data are cut");
  if (status) return leat_error_prepend(err, status, "%s", name);
  return leat_buf_status(out, err);
}

leat_status leat_deflate(leat_str input, leat_compression compression, leat_buf *out,
                         leat_error *err) {
  z_stream z = {.zalloc = z_alloc, .zfree = z_free};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, window_bits(compression), 8,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return leat__oom(err, sizeof z);
  int code = Z_OK;
  while (code == Z_OK && leat_buf_reserve(out, 1 << 16)) {
    if (!z.avail_in && input.len) {
      z.next_in = (unsigned char *)(uintptr_t)input.ptr;
      z.avail_in = (unsigned)(input.len < 1u << 30 ? input.len : 1u << 30);
      input.ptr += z.avail_in;
      input.len -= z.avail_in;
    }
    z.next_out = (unsigned char *)out->ptr + out->len;
    z.avail_out = 1 << 16;
    code = deflate(&z, input.len ? Z_NO_FLUSH : Z_FINISH);
    out->len += (1 << 16) - z.avail_out;
  }
  deflateEnd(&z);
  if (!out->failed && code != Z_STREAM_END) return leat__oom(err, sizeof z);
  return leat_buf_status(out, err);
}

uint32_t leat_crc32(uint32_t crc, leat_str bytes) {
  while (bytes.len) {
    size_t n = bytes.len < 1u << 30 ? bytes.len : 1u << 30;
    crc = (uint32_t)crc32(crc, (const unsigned char *)bytes.ptr, (unsigned)n);
    bytes.ptr += n;
    bytes.len -= n;
  }
  return crc;
}
