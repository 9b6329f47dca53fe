// Numbers in text: exact fast paths, and the C library's correct rounding for the rest.
// SPDX-License-Identifier: Apache-2.0
#include "formats/number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct decimal {
  uint64_t mantissa;  // the first 19 significant digits
  int exponent;       // value = mantissa * 10^exponent, if exact
  bool negative, exact;
} decimal;

static bool is_digit(char c) { return (unsigned char)(c - '0') < 10; }

static bool parse_exponent(const char **at, const char *end, int *exponent) {
  const char *p = *at + 1;
  bool negative = p < end && *p == '-';
  if (p < end && (*p == '-' || *p == '+')) p++;
  if (p == end || !is_digit(*p)) return false;
  int value = 0;
  for (; p < end && is_digit(*p); p++)
    if (value < 100000) value = value * 10 + (*p - '0');
  *exponent += negative ? -value : value;
  *at = p;
  return true;
}

static bool parse_decimal(leat_str text, decimal *d) {
  const char *p = text.ptr, *end = p + text.len;
  *d = (decimal){.exact = true};
  if (p < end && (*p == '-' || *p == '+')) d->negative = *p++ == '-';
  int digits = 0, seen = 0;
  bool point = false;
  for (; p < end; p++) {
    if (*p == '.' && !point) {
      point = true;
      continue;
    }
    if (!is_digit(*p)) break;
    seen++;
    if (digits < 19) {
      d->mantissa = d->mantissa * 10 + (uint64_t)(*p - '0');
      digits += d->mantissa != 0;
      d->exponent -= point;
    } else {
      d->exact &= *p == '0';
      d->exponent += !point;
    }
  }
  if (!seen) return false;
  if (p < end && (*p == 'e' || *p == 'E') && !parse_exponent(&p, end, &d->exponent)) return false;
  return p == end;
}

static bool same_word(leat_str text, const char *word) {
  for (size_t i = 0; i < text.len; i++)
    if (!word[i] || (text.ptr[i] | 0x20) != word[i]) return false;
  return word[text.len] == 0;
}

static bool parse_special(leat_str text, double *out) {
  bool negative = text.len && text.ptr[0] == '-';
  if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '+')) text.ptr++, text.len--;
  if (same_word(text, "nan"))
    *out = (double)NAN;
  else if (same_word(text, "inf") || same_word(text, "infinity"))
    *out = (double)INFINITY;
  else
    return false;
  if (negative) *out = -*out;
  return true;
}

static pthread_once_t locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;
static void make_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

// The text as a NUL-terminated copy for the C library; long ones are cut where digits stop to
// matter only if they are longer than any exact decimal of a double (770 digits).
static double slow(leat_str text, bool single) {
  char small[256], *copy = text.len < sizeof small ? small : malloc(text.len + 1);
  if (!copy) return (double)NAN;
  memcpy(copy, text.ptr, text.len);
  copy[text.len] = 0;
  pthread_once(&locale_once, make_locale);
  double value = single ? (double)strtof_l(copy, NULL, c_locale) : strtod_l(copy, NULL, c_locale);
  if (copy != small) free(copy);
  return value;
}

static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Clinger: both factors exact in f64, so one rounding.
static bool fast_f64(const decimal *d, double *out) {
  if (!d->exact || d->mantissa > 1ull << 53 || d->exponent < -22 || d->exponent > 22) return false;
  double m = (double)d->mantissa;
  m = d->exponent < 0 ? m / tens[-d->exponent] : m * tens[d->exponent];
  *out = d->negative ? -m : m;
  return true;
}

bool leat_parse_f64(leat_str text, double *out) {
  decimal d;
  if (!parse_decimal(text, &d)) return parse_special(text, out);
  if (!fast_f64(&d, out)) *out = slow(text, false);
  return true;
}

bool leat_parse_f32(leat_str text, float *out) {
  decimal d;
  double wide;
  uint64_t bits;
  if (!parse_decimal(text, &d)) {
    if (!parse_special(text, &wide)) return false;
    *out = (float)wide;
    return true;
  }
  // A correctly rounded f64 rounds right again to f32 unless it sits on the middle of two f32s.
  bool direct = fast_f64(&d, &wide);
  memcpy(&bits, &wide, 8);
  bool normal = direct && (fabs(wide) >= 0x1p-126 || wide == 0) && fabs(wide) < 0x1p127;
  if (!normal || (bits & 0x1FFFFFFF) == 0x10000000) wide = slow(text, true);
  *out = (float)wide;
  return true;
}

bool leat_parse_u64(leat_str text, uint64_t *out) {
  uint64_t value = 0;
  if (text.len && text.ptr[0] == '+') text.ptr++, text.len--;
  if (!text.len) return false;
  for (size_t i = 0; i < text.len; i++) {
    if (!is_digit(text.ptr[i])) return false;
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, (uint64_t)(text.ptr[i] - '0'), &value))
      return false;
  }
  *out = value;
  return true;
}

bool leat_parse_i64(leat_str text, int64_t *out) {
  bool negative = text.len && text.ptr[0] == '-';
  uint64_t value;
  if (negative) {
    text.ptr++, text.len--;
    if (text.len && text.ptr[0] == '+') return false;
  }
  if (!leat_parse_u64(text, &value) || value > (uint64_t)INT64_MAX + negative) return false;
  *out = negative ? (int64_t)(0 - value) : (int64_t)value;
  return true;
}

// --- Output -------------------------------------------------------------------------------------
// Digits and exponent of "%.*e", whatever the locale's decimal point looks like.
static int split_scientific(const char *text, char *digits, int *exponent) {
  int count = 0;
  const char *p = text;
  for (; *p && *p != 'e'; p++)
    if (is_digit(*p)) digits[count++] = *p;
  *exponent = *p ? atoi(p + 1) : 0;
  while (count > 1 && digits[count - 1] == '0') count--;
  return count;
}

static size_t put_digits(char *out, bool negative, const char *digits, int count, int exponent) {
  char *p = out;
  if (negative) *p++ = '-';
  if (exponent < -5 || exponent > 16) {
    *p++ = digits[0];
    if (count > 1) *p++ = '.';
    for (int i = 1; i < count; i++) *p++ = digits[i];
    p += snprintf(p, 8, "e%+03d", exponent);
    return (size_t)(p - out);
  }
  if (exponent < 0) {
    *p++ = '0', *p++ = '.';
    for (int i = -1; i > exponent; i--) *p++ = '0';
  }
  for (int i = 0; i < count || i <= exponent; i++) {
    if (i == exponent + 1 && exponent >= 0) *p++ = '.';
    *p++ = i < count ? digits[i] : '0';
  }
  if (exponent >= 0 && count <= exponent + 1) *p++ = '.', *p++ = '0';
  return (size_t)(p - out);
}

static size_t put_special(char *out, double value) {
  const char *text = value != value ? "nan" : value > 0 ? "inf" : "-inf";
  size_t length = strlen(text);
  memcpy(out, text, length);
  return length;
}

static size_t shortest(char *out, double value, bool single) {
  char text[48], digits[32];
  int exponent, count = 1;
  if (!(value - value == 0)) return put_special(out, value);
  if (value == 0) return put_digits(out, signbit(value), "0", 1, 0);
  for (int precision = 0; precision < (single ? 9 : 17); precision++) {
    char plain[LEAT_NUMBER_MAX + 8];
    snprintf(text, sizeof text, "%.*e", precision, fabs(value));
    count = split_scientific(text, digits, &exponent);
    size_t length = put_digits(plain, false, digits, count, exponent);
    float f = 0;
    double d = 0;
    if (single)
      leat_parse_f32((leat_str){plain, length}, &f), d = f;
    else
      leat_parse_f64((leat_str){plain, length}, &d);
    if (d == fabs(value)) break;
  }
  return put_digits(out, signbit(value), digits, count, exponent);
}

size_t leat_format_f32(char out[LEAT_NUMBER_MAX], float value) {
  return shortest(out, (double)value, true);
}
size_t leat_format_f64(char out[LEAT_NUMBER_MAX], double value) {
  return shortest(out, value, false);
}
