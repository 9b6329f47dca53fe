// Numbers in text, for CSV, JSON, YAML and the graph's text form; the host's locale plays no part.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_NUMBER_H
#define LEAT_FORMATS_NUMBER_H

#include "base/str.h"

enum { LEAT_NUMBER_MAX = 40 };  // room that any formatted number fits in

// Decimal text (digits, point, exponent; also inf, infinity, nan in any case, signed) to the
// nearest value, ties to even, directly in that precision. false: not a number, or text left over.
bool leat_parse_f32(leat_str text, float *out);
bool leat_parse_f64(leat_str text, double *out);
// Decimal digits with an optional sign; false also when it does not fit.
bool leat_parse_i64(leat_str text, int64_t *out);
// JSON's numbers from *text on, each with the comma behind it: takes at most `room` and leaves *text
// behind the last comma; how many. Stops at what is none, has no comma, or is not to be had quickly.
size_t leat_scan_f32s(const char **text, const char *end, float *out, size_t room);
bool leat_parse_u64(leat_str text, uint64_t *out);

// The shortest decimal text that reads back as the same value; "nan", "inf", "-inf" otherwise.
// Returns the length; not NUL-terminated.
size_t leat_format_f32(char out[LEAT_NUMBER_MAX], float value);
size_t leat_format_f64(char out[LEAT_NUMBER_MAX], double value);
size_t leat_format_i64(char out[LEAT_NUMBER_MAX], int64_t value);
size_t leat_format_u64(char out[LEAT_NUMBER_MAX], uint64_t value);

#endif
