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

// --- Mean and deviation -------------------------------------------------------------------------
void leat_spread_add(leat_spread *s, double value) {
  if (!isfinite(value)) {
    s->missing++;
    return;
  }
  value += 0;  // -0 is 0
  double square = value * value, rest = fma(value, value, -square);
  s->least = s->count && s->least < value ? s->least : value;
  s->greatest = s->count && s->greatest > value ? s->greatest : value;
  s->count++;
  leat_sum_add(&s->values, value);
  leat_sum_add(&s->squares, square);
  if (rest != 0) leat_sum_add(&s->squares, rest);
}

void leat_spread_merge(leat_spread *into, const leat_spread *from) {
  into->missing += from->missing;
  if (!from->count) return;
  if (!into->count || from->least < into->least) into->least = from->least;
  if (!into->count || from->greatest > into->greatest) into->greatest = from->greatest;
  into->count += from->count;
  leat_sum_merge(&into->values, &from->values);
  leat_sum_merge(&into->squares, &from->squares);
}

// The sum divided by n, as a double and what it lacks.
static double mean_of(const leat_sum *sum, int64_t n, double *low) {
  leat_sum rest = *sum;
  double high = leat_sum_read(sum), mean = high / (double)n;
  leat_sum_add(&rest, -high);
  *low = (fma(-mean, (double)n, high) + leat_sum_read(&rest)) / (double)n;
  return mean;
}

double leat_spread_mean(const leat_spread *s) {
  double low, mean = s->count ? mean_of(&s->values, s->count, &low) : 0;
  return s->count ? mean + low : 0;
}

// The mean square less the squared mean, in twice the digits of a double.
double leat_spread_stddev(const leat_spread *s) {
  double mean_low, square_low;
  if (!s->count || s->least == s->greatest) return 0;
  double mean = mean_of(&s->values, s->count, &mean_low);
  double square = mean_of(&s->squares, s->count, &square_low);
  double own = mean * mean, own_low = fma(mean, mean, -own) + 2 * mean * mean_low;
  double variance = square - own + (square_low - own_low);
  return variance > 0 ? sqrt(variance) : 0;
}
