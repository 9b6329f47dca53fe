// Dates: tokens of digits and letters, put in order; days by the proleptic Gregorian calendar.
// SPDX-License-Identifier: Apache-2.0
#include "formats/date.h"

#include "formats/number.h"

#include <math.h>

const char *const leat_date_order_names[LEAT_DATE_ORDERS] = {"ymd", "dmy", "mdy"};
const char *const leat_date_part_names[LEAT_DATE_PARTS] = {"none", "days",    "year", "month",
                                                           "day",  "weekday", "hour"};

leat_date_order leat_date_order_find(leat_str name) {
  int i = 0;
  while (i < LEAT_DATE_ORDERS && !leat_str_eq(name, leat_str_of(leat_date_order_names[i]))) i++;
  return (leat_date_order)i;
}

leat_date_part leat_date_part_find(leat_str name) {
  int i = LEAT_DATE_DAYS;
  while (i < LEAT_DATE_PARTS && !leat_str_eq(name, leat_str_of(leat_date_part_names[i]))) i++;
  return (leat_date_part)i;
}

// --- The calendar: Howard Hinnant's days_from_civil and its inverse -----------------------------
static int64_t days_from_civil(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t of_era = year - era * 400, shifted = month > 2 ? month - 3 : month + 9;
  int64_t of_year = (153 * shifted + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int *month, int *day) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
  int64_t years = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  int64_t of_year = of_era - (365 * years + years / 4 - years / 100);
  int64_t shifted = (5 * of_year + 2) / 153;
  *day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
  *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
  *year = years + era * 400 + (*month <= 2);
}

static int days_in_month(int64_t year, int month) {
  static const char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return days[month - 1] + (month == 2 && leap);
}

// --- Reading ------------------------------------------------------------------------------------
// One or more digits, at most `most`; -1: none, or more.
static int number(leat_str *s, size_t most, size_t *digits) {
  int value = 0;
  size_t n = 0;
  while (n < s->len && n <= most && (unsigned char)(s->ptr[n] - '0') < 10)
    value = value * 10 + (s->ptr[n++] - '0');
  *digits = n;
  if (!n || n > most) return -1;
  *s = (leat_str){s->ptr + n, s->len - n};
  return value;
}

// An English month, whole or its first three letters; 0: none.
static int month_word(leat_str *s) {
  static const char *const names[] = {"january",   "february", "march",    "april",
                                      "may",       "june",     "july",     "august",
                                      "september", "october",  "november", "december"};
  size_t n = 0;
  while (n < s->len && (unsigned char)((s->ptr[n] | 0x20) - 'a') < 26) n++;
  for (int i = 0; n >= 3 && i < 12; i++) {
    size_t k = 0;
    while (k < n && names[i][k] && (s->ptr[k] | 0x20) == names[i][k]) k++;
    if (k < n || (n != 3 && names[i][n])) continue;
    *s = (leat_str){s->ptr + n, s->len - n};
    return i + 1;
  }
  return 0;
}

static bool take(leat_str *s, char c) {
  if (!s->len || s->ptr[0] != c) return false;
  *s = (leat_str){s->ptr + 1, s->len - 1};
  return true;
}

// Three parts with one separator between them; ", " is one where the month is a word.
static bool read_day(leat_str *s, leat_date_order order, int64_t *days) {
  int parts[3], at_month = -1;
  size_t digits[3] = {0};
  char separator = 0;
  for (int i = 0; i < 3; i++) {
    if (i && at_month >= 0) take(s, ',');
    if (i && s->len) {
      char c = s->ptr[0];
      if (c != '-' && c != '/' && c != '.' && c != ' ') return false;
      if (separator && c != separator) return false;
      separator = c;
      take(s, c);
    }
    parts[i] = month_word(s);
    if (parts[i] && at_month >= 0) return false;
    if (parts[i])
      at_month = i;
    else if ((parts[i] = number(s, 4, &digits[i])) < 0)
      return false;
  }
  if (separator == ' ' && at_month < 0) return false;
  int y = digits[0] == 4 ? 0 : 2, m, d;
  if (digits[0] == 4 ? order != LEAT_DATE_YMD && at_month < 0 && digits[2] == 4
                     : digits[2] != 4 || (order == LEAT_DATE_YMD && at_month < 0))
    return false;
  if (at_month >= 0)
    m = at_month;
  else
    m = y == 0 ? 1 : order == LEAT_DATE_DMY ? 1 : 0;
  if (m == y) return false;
  d = 3 - y - m;
  if (digits[d] > 2 || digits[m] > 2 || parts[m] < 1 || parts[m] > 12 || parts[d] < 1) return false;
  if (parts[d] > days_in_month(parts[y], parts[m])) return false;
  *days = days_from_civil(parts[y], parts[m], parts[d]);
  return true;
}

static bool two_digits(leat_str *s, int limit, int *out) {
  size_t digits;
  *out = number(s, 2, &digits);
  return *out >= 0 && *out < limit;
}

static bool read_zone(leat_str *s, double *seconds) {
  if (take(s, 'Z')) return true;
  bool minus = s->len && s->ptr[0] == '-';
  int hours, minutes = 0;
  if (!take(s, '+') && !take(s, '-')) return true;
  if (!two_digits(s, 24, &hours)) return false;
  take(s, ':');
  if (s->len && !two_digits(s, 60, &minutes)) return false;
  *seconds += (minus ? 60 : -60) * (hours * 60 + minutes);
  return true;
}

static bool read_time(leat_str *s, double *seconds) {
  int hour, minute, second = 0;
  double fraction = 0, scale = 1;
  if (!two_digits(s, 24, &hour) || !take(s, ':') || !two_digits(s, 60, &minute)) return false;
  if (take(s, ':')) {
    if (!two_digits(s, 61, &second)) return false;
    if (take(s, '.') || take(s, ','))
      while (s->len && (unsigned char)(s->ptr[0] - '0') < 10) {
        fraction += (s->ptr[0] - '0') * (scale /= 10);
        take(s, s->ptr[0]);
      }
  }
  *seconds = hour * 3600 + minute * 60 + second + fraction;
  return read_zone(s, seconds);
}

bool leat_parse_date(leat_str s, leat_date_order order, double *days) {
  int64_t day;
  double seconds = 0;
  if (s.len < 8 || s.len > 40 || !read_day(&s, order, &day)) return false;
  if ((take(&s, 'T') || take(&s, ' ')) && !read_time(&s, &seconds)) return false;
  *days = (double)day + seconds / 86400;
  return s.len == 0;
}

// --- Parts --------------------------------------------------------------------------------------
double leat_date_part_of(double days, leat_date_part part) {
  int64_t year;
  int month, day;
  if (!(fabs(days) < 1e8)) return (double)NAN;
  int64_t whole = (int64_t)floor(days);
  civil_from_days(whole, &year, &month, &day);
  switch (part) {
    case LEAT_DATE_YEAR: return (double)year;
    case LEAT_DATE_MONTH: return month;
    case LEAT_DATE_DAY: return day;
    case LEAT_DATE_WEEKDAY: return (double)(((whole + 3) % 7 + 7) % 7);
    case LEAT_DATE_HOUR: return (days - (double)whole) * 24;
    default: return days;
  }
}

void leat_format_date(double days, leat_buf *out) {
  int64_t year;
  int month, day;
  if (!(fabs(days) < 1e8)) return leat_buf_c(out, "?");
  int64_t seconds = (int64_t)floor(days * 86400 + 0.5), whole = seconds / 86400;
  if (seconds % 86400 < 0) whole--;
  int rest = (int)(seconds - whole * 86400);
  civil_from_days(whole, &year, &month, &day);
  leat_buf_fmt(out, "%04lld-%02d-%02d", (long long)year, month, day);
  if (rest) leat_buf_fmt(out, "T%02d:%02d:%02d", rest / 3600, rest / 60 % 60, rest % 60);
}

bool leat_text_part_known(leat_str part, leat_str order) {
  if (leat_date_order_find(order) == LEAT_DATE_ORDERS) return false;
  return leat_str_eq(part, LEAT_STR("number")) || leat_date_part_find(part) < LEAT_DATE_PARTS;
}

double leat_text_part(leat_str text, leat_str part, leat_str order) {
  double value;
  text = leat_str_strip(text, LEAT_STR(" \t"));
  if (leat_str_eq(part, LEAT_STR("number")))
    return leat_parse_f64(text, &value) ? value : (double)NAN;
  if (!leat_parse_date(text, leat_date_order_find(order), &value)) return (double)NAN;
  return leat_date_part_of(value, leat_date_part_find(part));
}
