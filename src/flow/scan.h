// Scan: where certain bytes are in a text, 64 bytes at a time.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_SCAN_H
#define LEAT_FLOW_SCAN_H

#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

// Bit i: byte i of the 64 at p is a or b. They can all be read.
static inline uint64_t leat_flow_find_two(const char *p, char a, char b) {
  uint64_t mask = 0;
#ifdef __SSE2__
  __m128i x = _mm_set1_epi8(a), y = _mm_set1_epi8(b);
  for (int i = 0; i < 4; i++) {
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + i * 16));
    __m128i either = _mm_or_si128(_mm_cmpeq_epi8(v, x), _mm_cmpeq_epi8(v, y));
    mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(either) << i * 16;
  }
#else
  for (int i = 0; i < 64; i++) mask |= (uint64_t)(p[i] == a || p[i] == b) << i;
#endif
  return mask;
}

#endif
