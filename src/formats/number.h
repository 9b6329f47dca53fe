// Numbers in text, for CSV, JSON, YAML and the graph's text form; the host's locale plays no part.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_NUMBER_H
#define LEAT_FORMATS_NUMBER_H

#include "base/str.h"

#include <string.h>

enum { LEAT_NUMBER_MAX = 40 };  // room that any formatted number fits in

// Decimal text (digits, point, exponent; also inf, infinity, nan in any case, signed) to the
// nearest value, ties to even, directly in that precision. false: not a number, or text left over.
bool leat_parse_f32(leat_str text, float *out);
bool leat_parse_f64(leat_str text, double *out);
// Decimal digits with an optional sign; false also when it does not fit.
bool leat_parse_i64(leat_str text, int64_t *out);
// JSON's numbers from *text on, each with the comma behind it: takes at most `room` and leaves
// *text behind the last comma; how many. Stops at what is none, has no comma, or is not to be had
// quickly.
size_t leat_scan_f32s(const char **text, const char *end, float *out, size_t room);
bool leat_parse_u64(leat_str text, uint64_t *out);

// `count` digits at p, 1 to 8, behind those in *value; false: there are others. 8 bytes are read.
// Each step joins neighbours: digits to pairs, pairs to fours, fours to eight.
static inline bool leat_few_digits(const char *p, long count, uint64_t *value) {
  static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
  uint64_t t;
  memcpy(&t, p, 8);
  t = (t ^ 0x3030303030303030) << 8 * (8 - count);  // zeros to 9 now, more zeros before them
  if (((t + 0x7676767676767676) | t) & 0x8080808080808080) return false;
  t = t * 10 + (t >> 8);
  t = ((t & 0x000000FF000000FF) * 0x000F424000000064 +
       ((t >> 16) & 0x000000FF000000FF) * 0x0000271000000001) >>
      32;
  *value = *value * powers[count] + (uint32_t)t;
  return true;
}

// The shortest decimal text that reads back as the same value; "nan", "inf", "-inf" otherwise.
// Returns the length; not NUL-terminated.
size_t leat_format_f32(char out[LEAT_NUMBER_MAX], float value);
size_t leat_format_f64(char out[LEAT_NUMBER_MAX], double value);
size_t leat_format_i64(char out[LEAT_NUMBER_MAX], int64_t value);
size_t leat_format_u64(char out[LEAT_NUMBER_MAX], uint64_t value);

#endif
