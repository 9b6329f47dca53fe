// CRC-32C (Castagnoli), and the masked form that TFRecord files hold.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_CRC32C_H
#define LEAT_FORMATS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t leat_crc32c(uint32_t crc, const void *bytes,
                     size_t count);  // crc: 0, or of what came before
static inline uint32_t leat_crc32c_mask(uint32_t crc) {
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

#endif
