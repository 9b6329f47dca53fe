// Sum: doubles as whole numbers in bins of 32 bits.
// SPDX-License-Identifier: Apache-2.0
//
//   value = (-1)^sign m 2^(place - 1074);  m << place % 32  =  chunk[2] chunk[1] chunk[0]
//   chunk[i] counts units of bin place / 32 + i; a unit of bin b is 2^(32 b - 1074)
//
// Bins do not carry into each other while values come: a carry out of a bin that is dropped later
// would make the order matter.
#include "flow/sum.h"

#include <math.h>
#include <string.h>

typedef unsigned __int128 wide;

enum { BINS = LEAT_SUM_BINS, BIN_BITS = 32, UNIT = -1074 };  // UNIT: exponent of bin 0

// Makes `top` the highest bin; what then lies below the last one is dropped.
static void rise(leat_sum *s, int top) {
  int by = top - s->top;
  for (int i = BINS - 1; i >= 0; i--) s->bins[i] = i >= by ? s->bins[i - by] : 0;
  s->top = top;
}

static void add_special(leat_sum *s, double value) {
  s->nan |= isnan(value) != 0;
  s->plus_infinity |= value > 0;
  s->minus_infinity |= value < 0;
}

void leat_sum_add(leat_sum *s, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  int place = (int)(bits >> 52 & 0x7FF);
  uint64_t m = bits & ((UINT64_C(1) << 52) - 1);
  if (place == 0x7FF) {
    add_special(s, value);
    return;
  }
  if (place)
    m |= UINT64_C(1) << 52, place--;  // subnormals count the same units as the first normals
  if (!m) return;
  wide whole = (wide)m << place % BIN_BITS;
  int low = place / BIN_BITS, high = low + (whole >> 32 != 0) + (whole >> 64 != 0);
  if (high > s->top) rise(s, high);
  bool negative = bits >> 63;
  for (int bin = low; bin <= high; bin++, whole >>= BIN_BITS) {
    int64_t chunk = (int64_t)(uint32_t)whole;
    if (s->top - bin < BINS) s->bins[s->top - bin] += negative ? -chunk : chunk;
  }
}

void leat_sum_merge(leat_sum *into, const leat_sum *from) {
  if (from->top > into->top) rise(into, from->top);
  int by = into->top - from->top;
  for (int i = 0; i + by < BINS; i++) into->bins[i + by] += from->bins[i];
  into->nan |= from->nan;
  into->plus_infinity |= from->plus_infinity;
  into->minus_infinity |= from->minus_infinity;
}

// words[0..COUNT): the sum's magnitude in units of its lowest bin, 32 bits a word, lowest first.
enum { COUNT = BINS + 4 };  // what a bin of 128 bits may reach above the highest

static bool magnitude(const leat_sum *s, uint32_t words[COUNT]) {
  __int128 over = 0;
  for (int i = 0; i < COUNT; i++) {
    if (i < BINS) over += s->bins[BINS - 1 - i];
    words[i] = (uint32_t)over;
    over >>= BIN_BITS;  // floor
  }
  if (over >= 0) return false;
  uint64_t one = 1;  // two's complement
  for (int i = 0; i < COUNT; i++, one >>= BIN_BITS)
    words[i] = (uint32_t)(one += (uint32_t)~words[i]);
  return true;
}

// Bits [at, at + 64) of the words; at may be negative.
static uint64_t bits_at(const uint32_t words[COUNT], int at) {
  uint64_t value = 0;
  for (int k = 0; k < 64; k++) {
    int bit = at + k;
    if (bit >= 0 && words[bit / 32] >> bit % 32 & 1) value |= UINT64_C(1) << k;
  }
  return value;
}

static bool any_below(const uint32_t words[COUNT], int at) {
  for (int bit = 0; bit < at; bit++)
    if (words[bit / 32] >> bit % 32 & 1) return true;
  return false;
}

double leat_sum_read(const leat_sum *s) {
  if (s->nan || (s->plus_infinity && s->minus_infinity)) return (double)NAN;
  if (s->plus_infinity || s->minus_infinity) return s->plus_infinity ? HUGE_VAL : -HUGE_VAL;
  uint32_t words[COUNT];
  bool negative = magnitude(s, words);
  int length = COUNT * 32;
  while (length && !(words[(length - 1) / 32] >> (length - 1) % 32 & 1)) length--;
  if (!length) return 0;
  int unit = UNIT + BIN_BITS * (s->top - BINS + 1);  // exponent of the lowest bit
  int at = length - 53;                              // of the last bit that a double keeps
  if (unit + at < UNIT) at = UNIT - unit;            // subnormal
  uint64_t kept = bits_at(words, at);
  bool half = at > 0 && words[(at - 1) / 32] >> (at - 1) % 32 & 1;
  if (half && ((kept & 1) || any_below(words, at - 1))) kept++;
  double value = ldexp((double)kept, unit + at);
  return negative ? -value : value;
}
