// CRC-32C: the SSE4.2 instruction where the CPU has it, else eight tables.
// SPDX-License-Identifier: Apache-2.0
#include "formats/crc32c.h"

#include <pthread.h>
#include <string.h>

static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int has_instruction;

static void prepare(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    table[0][i] = crc;
  }
  for (int t = 1; t < 8; t++)
    for (uint32_t i = 0; i < 256; i++)
      table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 255];
#if defined(__x86_64__)
  __builtin_cpu_init();
  has_instruction = __builtin_cpu_supports("sse4.2");
#endif
}

static uint32_t by_table(uint32_t crc, const unsigned char *p, size_t n) {
  for (; n >= 8; p += 8, n -= 8) {
    uint32_t low, high;
    memcpy(&low, p, 4);
    memcpy(&high, p + 4, 4);
    low ^= crc;
    crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
          table[4][low >> 24] ^ table[3][high & 255] ^ table[2][high >> 8 & 255] ^
          table[1][high >> 16 & 255] ^ table[0][high >> 24];
  }
  for (; n; p++, n--) crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
  return crc;
}

// --- By the instruction -------------------------------------------------------------------------
// It takes three cycles and starts anew each cycle: long inputs are done in three strips at once,
// whose sums are put together by what STRIP zero bytes behind them do to a sum.
enum { STRIP = 1024, FRAME_HEAD = 12, FRAME_FOOT = 4 };
static uint32_t shifted[4][256];  // by the bytes of a sum

static uint32_t shift(uint32_t crc) {
  return shifted[0][crc & 255] ^ shifted[1][crc >> 8 & 255] ^ shifted[2][crc >> 16 & 255] ^
         shifted[3][crc >> 24];
}

static void prepare_strips(void) {
  static const unsigned char zeros[STRIP];
  uint32_t bit[32];
  for (int i = 0; i < 32; i++) bit[i] = by_table(1u << i, zeros, STRIP);
  for (int byte = 0; byte < 4; byte++)
    for (int value = 0; value < 256; value++)
      for (int i = 0; i < 8; i++)
        if (value >> i & 1) shifted[byte][value] ^= bit[8 * byte + i];
}

#if defined(__x86_64__)
static inline unsigned long long word_at(const unsigned char *p) {
  unsigned long long word;
  memcpy(&word, p, 8);
  return word;
}

__attribute__((target("sse4.2"))) static inline uint32_t by_instruction(uint32_t crc,
                                                                        const unsigned char *p,
                                                                        size_t n) {
  for (; n >= 3 * STRIP; p += 3 * STRIP, n -= 3 * STRIP) {
    unsigned long long a = crc, b = 0, c = 0;
    for (size_t i = 0; i < STRIP; i += 8) {
      a = __builtin_ia32_crc32di(a, word_at(p + i));
      b = __builtin_ia32_crc32di(b, word_at(p + STRIP + i));
      c = __builtin_ia32_crc32di(c, word_at(p + 2 * STRIP + i));
    }
    crc = shift(shift((uint32_t)a) ^ (uint32_t)b) ^ (uint32_t)c;
  }
  unsigned long long wide = crc;
  for (; n >= 8; p += 8, n -= 8) wide = __builtin_ia32_crc32di(wide, word_at(p));
  crc = (uint32_t)wide;
  if (n & 4) {
    uint32_t half;
    memcpy(&half, p, 4);
    crc = __builtin_ia32_crc32si(crc, half);
    p += 4;
  }
  for (n &= 3; n; p++, n--) crc = __builtin_ia32_crc32qi(crc, *p);
  return crc;
}

__attribute__((target("sse4.2"))) static size_t frames_by_instruction(const unsigned char *p,
                                                                      size_t room,
                                                                      uint32_t *lengths,
                                                                      size_t most) {
  size_t count = 0;
  while (count < most && room >= FRAME_HEAD + FRAME_FOOT) {
    uint64_t length = word_at(p);
    uint32_t head, foot;
    memcpy(&head, p + 8, 4);
    if (length > room - FRAME_HEAD - FRAME_FOOT || length > UINT32_MAX ||
        leat_crc32c_mask(~by_instruction(~0u, p, 8)) != head)
      break;
    memcpy(&foot, p + FRAME_HEAD + length, 4);
    if (leat_crc32c_mask(~by_instruction(~0u, p + FRAME_HEAD, length)) != foot) break;
    lengths[count++] = (uint32_t)length;
    p += FRAME_HEAD + length + FRAME_FOOT, room -= FRAME_HEAD + length + FRAME_FOOT;
  }
  return count;
}
#endif

// --- Either -------------------------------------------------------------------------------------
static void prepare_all(void) {
  prepare();
  prepare_strips();
}

uint32_t leat_crc32c(uint32_t crc, const void *bytes, size_t count) {
  pthread_once(&once, prepare_all);
#if defined(__x86_64__)
  if (has_instruction) return ~by_instruction(~crc, bytes, count);
#endif
  return ~by_table(~crc, bytes, count);
}

size_t leat_crc32c_frames(const char *at, size_t room, uint32_t *lengths, size_t most) {
  pthread_once(&once, prepare_all);
#if defined(__x86_64__)
  if (has_instruction) return frames_by_instruction((const unsigned char *)at, room, lengths, most);
#endif
  size_t count = 0;
  while (count < most && room >= FRAME_HEAD + FRAME_FOOT) {
    uint64_t length;
    uint32_t head, foot;
    memcpy(&length, at, 8);
    memcpy(&head, at + 8, 4);
    if (length > room - FRAME_HEAD - FRAME_FOOT || length > UINT32_MAX ||
        leat_crc32c_mask(leat_crc32c(0, at, 8)) != head)
      break;
    memcpy(&foot, at + FRAME_HEAD + length, 4);
    if (leat_crc32c_mask(leat_crc32c(0, at + FRAME_HEAD, length)) != foot) break;
    lengths[count++] = (uint32_t)length;
    at += FRAME_HEAD + length + FRAME_FOOT, room -= FRAME_HEAD + length + FRAME_FOOT;
  }
  return count;
}
