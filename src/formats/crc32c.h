// CRC-32C (Castagnoli), and the masked form that TFRecord files hold.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_CRC32C_H
#define LEAT_FORMATS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t leat_crc32c(uint32_t crc, const void *bytes,
                     size_t count);  // crc: 0, or of what came before
// Records of TFRecord framing that lie whole and undamaged from `at` on, at most `most`: how many,
// with their lengths. It ends before the first that is cut, damaged or longer than 4 GB.
size_t leat_crc32c_frames(const char *at, size_t room, uint32_t *lengths, size_t most);
static inline uint32_t leat_crc32c_mask(uint32_t crc) {
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

#endif
