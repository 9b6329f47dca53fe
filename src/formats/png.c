// Writing PNG: the signature, IHDR, one IDAT, IEND.
// SPDX-License-Identifier: Apache-2.0
#include "formats/png.h"

#include "formats/compress.h"

#include <stdlib.h>

enum { SIDE_MAX = 32768 };

static void put_u32(leat_buf *out, uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) leat_buf_char(out, (char)(v >> shift));
}

// Length, type, data, checksum of type and data.
static void put_chunk(leat_buf *out, const char *type, leat_str data) {
  put_u32(out, (uint32_t)data.len);
  leat_buf_c(out, type);
  leat_buf_str(out, data);
  put_u32(out, leat_crc32(leat_crc32(0, leat_str_of(type)), data));
}

static int paeth(int left, int above, int corner) {
  int guess = left + above - corner;
  int a = abs(guess - left), b = abs(guess - above), c = abs(guess - corner);
  return a <= b && a <= c ? left : b <= c ? above : corner;
}

// A row behind its filter's number: as it is, or as what differs from its neighbours.
static void put_row(leat_buf *out, const unsigned char *row, const unsigned char *above, int bytes,
                    int pixel) {
  enum { NONE, PAETH = 4 };
  int64_t plain = 0, differs = 0;
  for (int turn = 0; turn < 2; turn++) {
    bool filter = turn && differs < plain;
    if (turn) leat_buf_char(out, filter ? PAETH : NONE);
    for (int i = 0; i < bytes; i++) {
      int left = i >= pixel ? row[i - pixel] : 0, up = above ? above[i] : 0;
      int corner = i >= pixel && above ? above[i - pixel] : 0;
      unsigned char d = (unsigned char)(row[i] - paeth(left, up, corner));
      if (turn)
        leat_buf_char(out, (char)(filter ? d : row[i]));
      else
        plain += abs((signed char)row[i]), differs += abs((signed char)d);
    }
  }
}

leat_status leat_png_format(const unsigned char *pixels, int width, int height, int channels,
                            leat_buf *out, leat_error *err) {
  static const char colours[] = {0, 0, 4, 2, 6};  // by channels
  leat_buf head = {0}, rows = {0}, packed = {0};
  if (width < 1 || height < 1 || width > SIDE_MAX || height > SIDE_MAX || channels < 1 ||
      channels > 4)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "a picture of %d x %d pixels and %d channels cannot be written as PNG",
                          width, height, channels);
  int bytes = width * channels;
  put_u32(&head, (uint32_t)width);
  put_u32(&head, (uint32_t)height);
  leat_buf_add(&head, (char[]){8, colours[channels], 0, 0, 0}, 5);
  leat_buf_reserve(&rows, (size_t)height * ((size_t)bytes + 1));
  for (int y = 0; y < height; y++)
    put_row(&rows, pixels + (size_t)y * (size_t)bytes,
            y ? pixels + (size_t)(y - 1) * (size_t)bytes : NULL, bytes, channels);
  leat_status status = leat_buf_status(&rows, err);
  if (!status) status = leat_deflate(leat_buf_view(&rows), LEAT_COMPRESSION_ZLIB, &packed, err);
  if (!status) {
    leat_buf_add(out, "\x89PNG\r\n\x1a\n", 8);
    put_chunk(out, "IHDR", leat_buf_view(&head));
    put_chunk(out, "IDAT", leat_buf_view(&packed));
    put_chunk(out, "IEND", (leat_str){0});
    status = leat_buf_status(out, err);
  }
  leat_buf_deinit(&head);
  leat_buf_deinit(&rows);
  leat_buf_deinit(&packed);
  return status;
}
