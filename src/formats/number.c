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
  bool bare_point;  // without digits behind it
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

// Digits beyond the first 19 that matter: counted, not kept.
static const char *skip_digits(const char *p, const char *end, bool fraction, decimal *d) {
  for (; p < end && is_digit(*p); p++) {
    d->exact &= *p == '0';
    d->exponent += !fraction;
  }
  return p;
}

enum { DIGITS_MAX = 19 };

// Digits at p, whose first 19 that matter (all are behind `used` others) enter the mantissa.
static inline const char *take_digits(const char *p, const char *end, bool fraction, int *used,
                                      decimal *d) {
  uint64_t mantissa = d->mantissa;
  int digits = *used;
  const char *start = p;
  for (; p < end && is_digit(*p) && digits < DIGITS_MAX; p++) {
    mantissa = mantissa * 10 + (uint64_t)(*p - '0');
    digits += mantissa != 0;
  }
  d->mantissa = mantissa;
  *used = digits;
  if (fraction) d->exponent -= (int)(p - start);
  return digits < DIGITS_MAX ? p : skip_digits(p, end, fraction, d);
}

// The number at the start of [p, end); where it ends, NULL if there is none.
static inline const char *scan_decimal(const char *p, const char *end, decimal *d) {
  int used = 0;
  *d = (decimal){.exact = true};
  if (p < end && (*p == '-' || *p == '+')) d->negative = *p++ == '-';
  const char *whole = p;
  p = take_digits(p, end, false, &used, d);
  size_t seen = (size_t)(p - whole);
  if (p < end && *p == '.') {
    const char *fraction = ++p;
    p = take_digits(p, end, true, &used, d);
    seen += (size_t)(p - fraction);
    d->bare_point = p == fraction;
  }
  if (!seen) return NULL;
  if (p < end && (*p | 0x20) == 'e' && !parse_exponent(&p, end, &d->exponent)) return NULL;
  return p;
}

static bool parse_decimal(leat_str text, decimal *d) {
  return scan_decimal(text.ptr, text.ptr + text.len, d) == text.ptr + text.len && text.len;
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

// An f64 that is right but for its last bits rounds right to f32 unless the middle of two f32s is
// near; a correctly rounded one, unless it sits on that middle.
static bool fast_f32(const decimal *d, float *out) {
  double wide;
  uint64_t bits, near = 0;
  if (!fast_f64(d, &wide)) {
    if (!d->exact || d->exponent < -22 || d->exponent > 22) return false;
    wide = (double)d->mantissa;
    wide = d->exponent < 0 ? wide / tens[-d->exponent] : wide * tens[d->exponent];
    if (d->negative) wide = -wide;
    near = 16;
  }
  memcpy(&bits, &wide, 8);
  bool normal = (fabs(wide) >= 0x1p-126 || wide == 0) && fabs(wide) < 0x1p127;
  if (!normal || (bits & 0x1FFFFFFF) - (0x10000000 - near) <= 2 * near) return false;
  *out = (float)wide;
  return true;
}

bool leat_parse_f32(leat_str text, float *out) {
  decimal d;
  double wide;
  if (!parse_decimal(text, &d)) {
    if (!parse_special(text, &wide)) return false;
    *out = (float)wide;
    return true;
  }
  if (!fast_f32(&d, out)) *out = (float)slow(text, true);
  return true;
}

// --- Lists of numbers ---------------------------------------------------------------------------
// Where the first such character among the eight at p is; 8: nowhere.
static inline int find_eight(const char *p, char c) {
  uint64_t t;
  memcpy(&t, p, 8);
  t ^= 0x0101010101010101 * (unsigned char)c;
  t = (t - 0x0101010101010101) & ~t & 0x8080808080808080;
  return t ? __builtin_ctzll(t) / 8 : 8;
}

static inline bool many_digits(const char *p, long count, uint64_t *value) {
  for (; count > 8; p += 8, count -= 8)
    if (!leat_few_digits(p, 8, value)) return false;
  return leat_few_digits(p, count, value);
}

enum {
  LONGEST = 24,  // characters of a plain decimal
  SLACK = 32,    // bytes that can be read where one starts
};

// The comma behind the number at p; NULL: none is near. That it is found without reading the number
// lets the processor read several numbers at once.
static inline const char *comma_behind(const char *p) {
  for (int at = 0; at < LONGEST; at += 8) {
    int found = find_eight(p + at, ',');
    if (found < 8) return p + at + found;
  }
  return NULL;
}

// digits / 10^places; false where a few wrong bits at the end matter: near the middle of two f32s.
static inline bool near_f32(uint64_t digits, long places, bool negative, float *out) {
  static const double tenths[] = {1e-0,  1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,
                                  1e-7,  1e-8,  1e-9,  1e-10, 1e-11, 1e-12, 1e-13,
                                  1e-14, 1e-15, 1e-16, 1e-17, 1e-18};
  uint64_t bits;
  double value = (double)digits * tenths[places];
  memcpy(&bits, &value, 8);
  if ((bits & 0x1FFFFFFF) - 0x0FFFFFF0 < 0x20) return false;
  bits ^= (uint64_t)negative << 63;
  memcpy(&value, &bits, 8);
  *out = (float)value;
  return true;
}

// Whether [p, end) is a plain decimal as JSON writes it, and its value; false also where that takes
// more care.
static __attribute__((noinline)) bool plain_f32(const char *p, const char *end, float *out) {
  uint64_t digits = 0;
  bool negative = *p == '-';
  p += negative;
  long length = end - p, whole = find_eight(p, '.'), places = 0;
  if (whole == 8 || whole > length) whole = length;
  if (whole < 1 || whole > DIGITS_MAX || (*p == '0' && whole > 1)) return false;
  if (!many_digits(p, whole, &digits)) return false;
  if (whole < length) {
    places = length - whole - 1;  // 19 digits at most, so that none is lost
    if (places < 1 || whole + places > DIGITS_MAX) return false;
    if (!many_digits(p + whole + 1, places, &digits)) return false;
  }
  return near_f32(digits, places, negative, out);
}

// The same for most: one digit, the point, a few digits.
static inline bool short_f32(const char *p, const char *end, float *out) {
  bool negative = *p == '-';
  p += negative;
  uint64_t digits = (uint64_t)(*p - '0');
  long places = end - p - 2;
  if (p[1] != '.' || digits > 9 || places < 1 || places > 18) return false;
  return many_digits(p + 2, places, &digits) && near_f32(digits, places, negative, out);
}

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// One number and the comma behind it; where the next value starts, NULL where that is not so.
static const char *careful_f32(const char *p, const char *end, float *out) {
  decimal d;
  while (p < end && is_space(*p)) p++;
  const char *first = p + (p < end && *p == '-');
  // JSON wants a digit here, no more behind a zero, and one behind a point.
  if (end - first < 2 || !is_digit(*first)) return NULL;
  if (*first == '0' && is_digit(first[1])) return NULL;
  p = scan_decimal(p, end, &d);
  if (!p || d.bare_point || !fast_f32(&d, out)) return NULL;
  while (p < end && is_space(*p)) p++;
  return p < end && *p == ',' ? p + 1 : NULL;
}

size_t leat_scan_f32s(const char **text, const char *end, float *out, size_t room) {
  const char *p = *text, *next;
  size_t count = 0;
  for (; count < room; p = next, count++) {
    const char *comma = end - p > SLACK ? comma_behind(p) : NULL;
    const char *first = p + (comma && *p == ' ');
    if (comma && (short_f32(first, comma, &out[count]) || plain_f32(first, comma, &out[count])))
      next = comma + 1;
    else if (!(next = careful_f32(p, end, &out[count])))
      break;
  }
  *text = p;
  return count;
}

// --- Whole numbers ------------------------------------------------------------------------------
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
  if (exponent >= 0 && count > exponent + 1) {
    memcpy(p, digits, (size_t)exponent + 1);
    p += exponent + 1;
    *p++ = '.';
    memcpy(p, digits + exponent + 1, (size_t)(count - exponent - 1));
    return (size_t)(p - out) + (size_t)(count - exponent - 1);
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

// Digits of `precision` places behind the first; how many are left without zeros at the end.
static int print_digits(double value, int precision, char *digits, int *exponent) {
  char text[48];
  snprintf(text, sizeof text, "%.*e", precision, value);
  return split_scientific(text, digits, exponent);
}

static size_t shortest(char *out, double value, bool single) {
  char digits[32], plain[LEAT_NUMBER_MAX + 8];
  int exponent = 0, count = 1;
  if (!(value - value == 0)) return put_special(out, value);
  if (value == 0) return put_digits(out, signbit(value), "0", 1, 0);
  for (int precision = 0; precision < (single ? 9 : 17); precision++) {
    count = print_digits(fabs(value), precision, digits, &exponent);
    leat_str text = {plain, put_digits(plain, false, digits, count, exponent)};
    float f = 0;
    double d = 0;
    if (single)
      leat_parse_f32(text, &f), d = f;
    else
      leat_parse_f64(text, &d);
    if (d == fabs(value)) break;
  }
  return put_digits(out, signbit(value), digits, count, exponent);
}

// Whether the nearest decimal of `count` digits gives `value` back; ten: the exponent of its first
// digit. In f64 arithmetic: value * 10^scale has one rounding, far smaller than what decides. 1:
// yes, 0: no, -1: too close to a middle to tell.
static int gives_back(float value, int count, int ten, uint64_t *digits) {
  int scale = count - 1 - ten;
  double wide = (double)value, scaled = scale < 0 ? wide / tens[-scale] : wide * tens[scale];
  double below = floor(scaled), part = scaled - below;
  float again;
  // From the middle, six digits miss by more than half of an f32's step.
  if (fabs(part - 0.5) < 1e-5) return count <= 6 ? 0 : -1;
  *digits = (uint64_t)below + (part > 0.5);
  decimal d = {.mantissa = *digits, .exponent = -scale, .exact = true};
  return fast_f32(&d, &again) ? again == value : -1;
}

// The shortest digits of a positive value: more digits never do worse, so their number is searched
// for by halves. 0: not this way.
static int fast_shortest(float value, char *digits, int *exponent) {
  int low = 1, high = 9, ten = 0;
  uint64_t best = 0, found = 0;
  if (!(value >= 1e-12f && value < 1e13f)) return 0;
  while ((double)value >= tens[ten + 1]) ten++;
  if (value < 1)
    for (ten = -1; (double)value * tens[-ten] < 1;) ten--;
  while (low <= high) {
    int count = (low + high) / 2, good = gives_back(value, count, ten, &found);
    if (good < 0) return 0;
    if (good)
      best = found, high = count - 1;
    else
      low = count + 1;
  }
  int count = low;
  if (low > 9 || best < (uint64_t)tens[count - 1]) return 0;
  if (best >= (uint64_t)tens[count]) ten++, best /= 10;  // 9.99 became 10.0
  while (count > 1 && best % 10 == 0) best /= 10, count--;
  for (int i = count; i-- > 0; best /= 10) digits[i] = (char)('0' + best % 10);
  *exponent = ten;
  return count;
}

size_t leat_format_f32(char out[LEAT_NUMBER_MAX], float value) {
  char digits[16];
  int exponent, count = fast_shortest(fabsf(value), digits, &exponent);
  return count ? put_digits(out, signbit(value), digits, count, exponent)
               : shortest(out, (double)value, true);
}

// --- Shortest digits of an f64, exactly ---------------------------------------------------------
// The value and the ends of what rounds to it, times the power of ten that gives them 18 digits,
// are whole numbers and a rest (products of 192 bits). Digits are dropped while the ends still
// differ in front of them (Adams 2018).
typedef unsigned __int128 wide;

typedef struct scaled {
  uint64_t whole;
  bool exact;  // nothing is left behind the point
} scaled;

static wide power_of_ten(int k) {  // up to 10^38
  static const uint64_t powers[] = {1u,
                                    10u,
                                    100u,
                                    1000u,
                                    10000u,
                                    100000u,
                                    1000000u,
                                    10000000u,
                                    100000000u,
                                    1000000000u,
                                    10000000000u,
                                    100000000000u,
                                    1000000000000u,
                                    10000000000000u,
                                    100000000000000u,
                                    1000000000000000u,
                                    10000000000000000u,
                                    100000000000000000u,
                                    1000000000000000000u,
                                    10000000000000000000u};
  return k < 20 ? powers[k] : (wide)powers[19] * powers[k - 19];
}

// mantissa * ten * 2^-shift, of a shift below 192; the result has at most 64 bits.
static scaled scale(uint64_t mantissa, wide ten, int shift) {
  wide low = (wide)(uint64_t)ten * mantissa;
  wide high = (wide)(uint64_t)(ten >> 64) * mantissa + (low >> 64);
  uint64_t words[4] = {(uint64_t)low, (uint64_t)high, (uint64_t)(high >> 64), 0};
  int from = shift / 64, bits = shift % 64;
  uint64_t rest = bits ? words[from] << (64 - bits) : 0;
  for (int i = 0; i < from; i++) rest |= words[i];
  uint64_t whole = words[from] >> bits | (bits ? words[from + 1] << (64 - bits) : 0);
  return (scaled){whole, !rest};
}

static int drop_digits(scaled v, scaled low, scaled high, bool even, uint64_t *out) {
  uint64_t a = low.whole, b = v.whole, c = high.whole;
  bool a_zeros = even && low.exact, b_zeros = v.exact;
  int dropped = 0;
  unsigned last = 0;
  if (!even && high.exact) c--;
  // An end that is not whole stands behind its floor: only the floor above it is inside.
  while (c / 10 > a / 10) {
    a_zeros &= a % 10 == 0;
    b_zeros &= last == 0;
    last = (unsigned)(b % 10);
    a /= 10, b /= 10, c /= 10, dropped++;
  }
  while (a_zeros && a % 10 == 0) {
    b_zeros &= last == 0;
    last = (unsigned)(b % 10);
    a /= 10, b /= 10, c /= 10, dropped++;
  }
  if (b_zeros && last == 5 && b % 2 == 0) last = 4;
  *out = b + ((b == a && !a_zeros) || last >= 5);
  return dropped;
}

// Decimal digits, two at a time; how many.
static int put_whole(uint64_t value, char *digits) {
  char room[20], *p = room + sizeof room;
  for (; value >= 100; value /= 100) {
    unsigned pair = (unsigned)(value % 100);
    *--p = (char)('0' + pair % 10);
    *--p = (char)('0' + pair / 10);
  }
  if (value >= 10) *--p = (char)('0' + value % 10);
  *--p = (char)('0' + (value >= 10 ? value / 10 : value));
  size_t count = (size_t)(room + sizeof room - p);
  memcpy(digits, p, count);
  return (int)count;
}

// 0: not this way.
static int fast_shortest_f64(double value, char *digits, int *exponent) {
  uint64_t bits, found;
  memcpy(&bits, &value, 8);
  int e = (int)(bits >> 52) - 1075;
  uint64_t fraction = bits & ((1ull << 52) - 1), m = fraction | 1ull << 52;
  if (!(value >= 1e-20 && value < 1e16)) return 0;
  int ten = (int)floor((double)(e + 52) * 0.30102999566398119521);
  scaled v = {0, false};
  int k = 0;
  for (int turn = 0; turn < 2; turn++) {
    k = 17 - ten;
    v = scale(4 * m, power_of_ten(k), 2 - e);
    if (v.whole < 1000000000000000000u) break;
    ten++;
  }
  if (v.whole < 100000000000000000u) return 0;
  wide power = power_of_ten(k);
  scaled low = scale(4 * m - (fraction ? 2 : 1), power, 2 - e);
  scaled high = scale(4 * m + 2, power, 2 - e);
  int dropped = drop_digits(v, low, high, m % 2 == 0, &found);
  int count = put_whole(found, digits);
  *exponent = count - 1 + dropped - k;
  while (count > 1 && digits[count - 1] == '0') count--;
  return count;
}

size_t leat_format_f64(char out[LEAT_NUMBER_MAX], double value) {
  char digits[24];
  int exponent, count = fast_shortest_f64(fabs(value), digits, &exponent);
  return count ? put_digits(out, signbit(value), digits, count, exponent)
               : shortest(out, value, false);
}

size_t leat_format_u64(char out[LEAT_NUMBER_MAX], uint64_t value) {
  char reversed[LEAT_NUMBER_MAX];
  size_t length = 0;
  do reversed[length++] = (char)('0' + value % 10);
  while (value /= 10);
  for (size_t i = 0; i < length; i++) out[i] = reversed[length - 1 - i];
  return length;
}

size_t leat_format_i64(char out[LEAT_NUMBER_MAX], int64_t value) {
  if (value >= 0) return leat_format_u64(out, (uint64_t)value);
  char digits[LEAT_NUMBER_MAX];
  size_t length = leat_format_u64(digits, 0 - (uint64_t)value);
  out[0] = '-';
  memcpy(out + 1, digits, length);
  return length + 1;
}
