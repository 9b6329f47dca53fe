// SHA-256 (FIPS 180-4): names of contents.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_SHA256_H
#define LEAT_BASE_SHA256_H

#include "leat/str.h"

enum { LEAT_SHA256_HEX = 65 };  // 64 digits and the NUL

typedef struct leat_sha256 {
  uint32_t state[8];
  uint64_t bytes;  // taken so far
  uint8_t block[64];
} leat_sha256;

void leat_sha256_init(leat_sha256 *h);
void leat_sha256_add(leat_sha256 *h, const void *bytes, size_t count);
// Lower-case digits. The state is used up.
void leat_sha256_hex(leat_sha256 *h, char out[LEAT_SHA256_HEX]);

#endif
