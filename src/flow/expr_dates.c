// Times in expressions: reading, printing, their parts, and casts from and to them.
// SPDX-License-Identifier: Apache-2.0
//
// Milliseconds since 1970 in UTC, by the Gregorian calendar at all times, years 1 to 9999.
#include "flow/expr_impl.h"

#include "formats/json.h"
#include "formats/number.h"

#include <math.h>
#include <stdio.h>
#include <strings.h>

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR };

typedef struct civil {
  int64_t year;
  int month, day;  // from 1
} civil;

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

// Days since 1970 of a date and back, counting years from March, eras of 400 years.
static int64_t days_of(civil c) {
  int64_t y = c.year - (c.month <= 2), era = floor_div(y, 400), of_era = y - era * 400;
  int64_t month = (c.month + 9) % 12, of_year = (153 * month + 2) / 5 + c.day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static civil civil_of(int64_t days) {
  int64_t z = days + 719468, era = floor_div(z, 146097), day = z - era * 146097;
  int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  int64_t of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
  civil c = {.day = (int)(of_year - (153 * month + 2) / 5 + 1),
             .month = (int)(month < 10 ? month + 3 : month - 9)};
  c.year = year + era * 400 + (c.month <= 2);
  return c;
}

static int days_in_month(int64_t year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return days[month - 1] + (month == 2 && leap);
}

// --- Text ---------------------------------------------------------------------------------------
static bool digits(leat_str *s, size_t count, int64_t *out) {
  if (s->len < count) return false;
  *out = 0;
  for (size_t i = 0; i < count; i++) {
    if (s->ptr[i] < '0' || s->ptr[i] > '9') return false;
    *out = *out * 10 + (s->ptr[i] - '0');
  }
  *s = (leat_str){s->ptr + count, s->len - count};
  return true;
}

static bool take(leat_str *s, const char *any) {
  if (!s->len || !strchr(any, *s->ptr) || !*s->ptr) return false;
  *s = (leat_str){s->ptr + 1, s->len - 1};
  return true;
}

static bool parse_clock(leat_str *s, int64_t *ms) {
  int64_t h, m, sec = 0, digit, unit = 100;
  if (!digits(s, 2, &h) || !take(s, ":") || !digits(s, 2, &m)) return false;
  if (take(s, ":") && !digits(s, 2, &sec)) return false;
  *ms = h * HOUR + m * MINUTE + sec * SECOND;
  if (h > 23 || m > 59 || sec > 59) return false;
  if (!take(s, ".")) return true;
  if (!digits(s, 1, &digit)) return false;
  do {
    *ms += digit * unit;
    unit /= 10;  // beyond milliseconds digits are read over
  } while (digits(s, 1, &digit));
  return true;
}

static bool parse_zone(leat_str *s, int64_t *ms) {
  int64_t h, m = 0;
  *ms = 0;
  if (!s->len || take(s, "Zz")) return true;
  bool east = *s->ptr == '+';
  if (!take(s, "+-") || !digits(s, 2, &h)) return false;
  take(s, ":");
  if (s->len && !digits(s, 2, &m)) return false;
  *ms = (h * HOUR + m * MINUTE) * (east ? 1 : -1);
  return h < 24 && m < 60;
}

bool leat__expr_parse_timestamp(leat_str s, int64_t *ms) {
  int64_t year, month, day, clock = 0, zone = 0;
  s = leat_str_strip(s, LEAT_STR(" "));
  if (!digits(&s, 4, &year) || !take(&s, "-") || !digits(&s, 2, &month) || !take(&s, "-") ||
      !digits(&s, 2, &day))
    return false;
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, (int)month))
    return false;
  if (s.len && (!take(&s, "T t") || !parse_clock(&s, &clock))) return false;
  take(&s, " ");
  if (!leat_str_strip(s, LEAT_STR("UTC")).len) s.len = 0;
  if (!parse_zone(&s, &zone) || s.len) return false;
  *ms = days_of((civil){year, (int)month, (int)day}) * DAY + clock - zone;
  return true;
}

size_t leat__expr_format_timestamp(int64_t ms, char out[40]) {
  int64_t day = floor_div(ms, DAY), rest = ms - day * DAY;
  civil c = civil_of(day);
  int n = snprintf(out, 40, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)c.year, c.month, c.day,
                   (int)(rest / HOUR), (int)(rest / MINUTE % 60), (int)(rest / SECOND % 60));
  if (rest % SECOND) n += snprintf(out + n, 40 - (size_t)n, ".%03d", (int)(rest % SECOND));
  n += snprintf(out + n, 40 - (size_t)n, "Z");
  return (size_t)n;
}

// --- Units --------------------------------------------------------------------------------------
static const struct {
  const char *name;
  int64_t ms;  // 0: not always as long
} units[] = {{"MILLISECOND", 1}, {"SECOND", SECOND}, {"MINUTE", MINUTE}, {"HOUR", HOUR},
             {"DAY", DAY},       {"WEEK", 7 * DAY},  {"MONTH", 0},       {"QUARTER", 0},
             {"YEAR", 0},        {"DOW", 0},         {"DOY", 0},         {"EPOCH", 0}};
enum { UNITS = sizeof units / sizeof *units };

static const char *unit_named(leat_str name, int64_t *ms) {  // also in the plural
  for (int i = 0; i < UNITS; i++) {
    size_t n = strlen(units[i].name);
    bool plural = name.len == n + 1 && (name.ptr[n] | 32) == 's';
    if ((name.len != n && !plural) || strncasecmp(name.ptr, units[i].name, n)) continue;
    return *ms = units[i].ms, units[i].name;
  }
  return NULL;
}

int64_t leat__expr_unit_ms(leat_str name) {
  int64_t ms = 0;
  unit_named(name, &ms);
  return ms;
}

static bool no_unit(expr_call *call, leat_str name) {
  return leat__expr_fail(call, "'%.*s' is no unit of time that is known here", LEAT_STR_ARG(name));
}

static bool extract(expr_call *call, const expr_value *a, int count, expr_value *out) {
  int64_t unit, t = a[1].i, day = floor_div(t, DAY), rest = t - day * DAY;
  const char *name = unit_named(a[0].s, &unit);
  if (!name) return no_unit(call, a[0].s);
  civil c = civil_of(day);
  switch (*name) {
    case 'Y': out->i = c.year; break;
    case 'Q': out->i = (c.month - 1) / 3 + 1; break;
    case 'H': out->i = rest / HOUR; break;
    case 'S': out->i = rest / SECOND % 60; break;
    case 'E': out->i = floor_div(t, SECOND); break;
    case 'M':
      if (unit == 1)
        out->i = rest % SECOND;
      else
        out->i = unit ? rest / MINUTE % 60 : c.month;
      break;
    case 'W': {  // ISO's: that of the week's Thursday
      int64_t thursday = day - ((day + 3) % 7 + 7) % 7 + 3, year = civil_of(thursday).year;
      out->i = (thursday - days_of((civil){year, 1, 1})) / 7 + 1;
      break;
    }
    default:
      if (name[1] == 'A')
        out->i = c.day;
      else if (name[2] == 'W')
        out->i = ((day + 4) % 7 + 7) % 7;
      else
        out->i = day - days_of((civil){c.year, 1, 1}) + 1;
  }
  return true;
}

static bool date_trunc(expr_call *call, const expr_value *a, int count, expr_value *out) {
  int64_t unit, t = a[1].i, day = floor_div(t, DAY);
  const char *name = unit_named(a[0].s, &unit);
  if (!name || *name == 'E' || !strcmp(name, "DOW") || !strcmp(name, "DOY"))
    return no_unit(call, a[0].s);
  civil c = civil_of(day);
  c.day = 1;
  if (*name == 'Y') c.month = 1;
  if (*name == 'Q') c.month -= (c.month - 1) % 3;
  if (!unit)
    out->i = days_of(c) * DAY;
  else if (*name == 'W')  // Monday
    out->i = (day - ((day + 3) % 7 + 7) % 7) * DAY;
  else
    out->i = floor_div(t, unit) * unit;
  return true;
}

static bool to_millis(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->i = a[0].i, true;
}
static bool to_seconds(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->i = floor_div(a[0].i, SECOND), true;
}

static bool in_time(expr_call *call, int64_t ms) {
  if (ms >= LEAT_FLOW_TIME_MIN && ms <= LEAT_FLOW_GLOBAL_MAX) return true;
  return leat__expr_fail(call, "the time is out of bounds");
}
static bool from_millis(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->i = a[0].i, in_time(call, a[0].i);
}
static bool from_seconds(expr_call *call, const expr_value *a, int count, expr_value *out) {
  if (__builtin_mul_overflow(a[0].i, (int64_t)SECOND, &out->i))
    return leat__expr_fail(call, "the time is out of bounds");
  return in_time(call, out->i);
}
static bool from_real_seconds(expr_call *call, const expr_value *a, int count, expr_value *out) {
  double ms = floor(a[0].d * SECOND);
  if (!(fabs(ms) < 9e18)) return leat__expr_fail(call, "the time is out of bounds");
  return out->i = (int64_t)ms, in_time(call, out->i);
}

// %Y %m %d %H %M %S %3f (milliseconds) %j %% and text.
static bool format_timestamp(expr_call *call, const expr_value *a, int count, expr_value *out) {
  leat_buf to = {.max = 64 << 10};
  int64_t t = a[1].i, day = floor_div(t, DAY), rest = t - day * DAY;
  civil c = civil_of(day);
  leat_str f = a[0].s;
  bool good = true;
  for (size_t i = 0; i < f.len && good; i++) {
    if (f.ptr[i] != '%' || i + 1 == f.len) {
      leat_buf_char(&to, f.ptr[i]);
      continue;
    }
    switch (f.ptr[++i]) {
      case 'Y': leat_buf_fmt(&to, "%04lld", (long long)c.year); break;
      case 'm': leat_buf_fmt(&to, "%02d", c.month); break;
      case 'd': leat_buf_fmt(&to, "%02d", c.day); break;
      case 'H': leat_buf_fmt(&to, "%02d", (int)(rest / HOUR)); break;
      case 'M': leat_buf_fmt(&to, "%02d", (int)(rest / MINUTE % 60)); break;
      case 'S': leat_buf_fmt(&to, "%02d", (int)(rest / SECOND % 60)); break;
      case 'L': leat_buf_fmt(&to, "%03d", (int)(rest % SECOND)); break;
      case 'j': leat_buf_fmt(&to, "%03d", (int)(day - days_of((civil){c.year, 1, 1}) + 1)); break;
      case '%': leat_buf_char(&to, '%'); break;
      default: good = leat__expr_fail(call, "%%%c is no part of a time known here", f.ptr[i]);
    }
  }
  if (good) out->s = (leat_str){leat_arena_copy(call->texts, to.ptr ? to.ptr : "", to.len), to.len};
  if (good && (!out->s.ptr || to.failed)) call->no_memory = true, good = false;
  leat_buf_deinit(&to);
  return good;
}

const expr_fn leat__expr_date_fns[] = {
    {"EXTRACT", "st", 'i', extract,
     .help = "YEAR, QUARTER, MONTH, WEEK (ISO), DAY, DOW (Sunday is 0), DOY, HOUR, MINUTE, SECOND, "
             "MILLISECOND or EPOCH of a time."},
    {"DATE_TRUNC", "st", 't', date_trunc, .help = "The start of its unit (weeks: Monday)."},
    {"UNIX_MILLIS", "t", 'i', to_millis, .help = "Milliseconds since 1970."},
    {"UNIX_SECONDS", "t", 'i', to_seconds, .help = "Whole seconds since 1970."},
    {"TIMESTAMP_MILLIS", "i", 't', from_millis, .help = "Of milliseconds since 1970."},
    {"TIMESTAMP_SECONDS", "i", 't', from_seconds, .help = "Of seconds since 1970."},
    {"TIMESTAMP_SECONDS", "d", 't', from_real_seconds, .help = "Of seconds since 1970."},
    {"FORMAT_TIMESTAMP", "st", 's', format_timestamp,
     .help = "%Y %m %d %H %M %S %L (milliseconds) %j (day of the year) and other text."},
    {0}};

// --- Casts --------------------------------------------------------------------------------------
static bool is_int(leat_flow_type t) {
  return t == LEAT_FLOW_TYPE_INT32 || t == LEAT_FLOW_TYPE_INT64;
}
static bool is_real(leat_flow_type t) {
  return t == LEAT_FLOW_TYPE_FLOAT || t == LEAT_FLOW_TYPE_DOUBLE;
}
static bool is_text(leat_flow_type t) {
  return t == LEAT_FLOW_TYPE_STRING || t == LEAT_FLOW_TYPE_BYTES;
}

static bool cast_to_text(expr_call *call, leat_flow_type from, expr_value in, expr_value *out) {
  char text[LEAT_NUMBER_MAX];
  size_t n = 0;
  if (from == LEAT_FLOW_TYPE_BOOL)
    return out->s = in.b ? LEAT_STR("true") : LEAT_STR("false"), true;
  if (from == LEAT_FLOW_TYPE_TIMESTAMP)
    n = leat__expr_format_timestamp(in.i, text);
  else if (from == LEAT_FLOW_TYPE_FLOAT)
    n = leat_format_f32(text, (float)in.d);
  else if (is_real(from))
    n = leat_format_f64(text, in.d);
  else
    n = leat_format_i64(text, in.i);
  out->s = (leat_str){leat_arena_copy(call->texts, text, n), n};
  if (!out->s.ptr) call->no_memory = true;
  return out->s.ptr;
}

static bool to_int(expr_call *call, leat_flow_type to, expr_value *v) {
  if (to == LEAT_FLOW_TYPE_INT32 && (v->i < INT32_MIN || v->i > INT32_MAX))
    return leat__expr_fail(call, "%lld does not fit in 32 bits", (long long)v->i);
  return true;
}

static bool cast_real(expr_call *call, leat_flow_type to, double d, expr_value *out) {
  if (!is_int(to)) return out->d = to == LEAT_FLOW_TYPE_FLOAT ? (double)(float)d : d, true;
  double whole = trunc(d);
  if (!(whole >= -0x1p63 && whole < 0x1p63))
    return leat__expr_fail(call, "%g does not fit in 64 bits", d);
  return out->i = (int64_t)whole, to_int(call, to, out);
}

static bool cast_text(expr_call *call, leat_flow_type to, leat_str s, expr_value *out) {
  leat_str t = leat_str_strip(s, LEAT_STR(" \t\r\n"));
  bool good = true;
  if (is_text(to)) {
    for (size_t i = 0, n; to == LEAT_FLOW_TYPE_STRING && i < s.len; i += n)
      if (!(n = leat_utf8_length((const unsigned char *)s.ptr + i, s.len - i)))
        return leat__expr_fail(call, "the bytes are not UTF-8");
    return out->s = s, true;
  }
  if (is_int(to)) {
    good = leat_parse_i64(t, &out->i);
    if (good) return to_int(call, to, out);
  } else if (is_real(to)) {
    good = leat_parse_f64(t, &out->d);
    if (to == LEAT_FLOW_TYPE_FLOAT) out->d = (double)(float)out->d;
  } else if (to == LEAT_FLOW_TYPE_TIMESTAMP) {
    good = leat__expr_parse_timestamp(t, &out->i);
  } else {
    out->b = t.len == 4 && !strncasecmp(t.ptr, "true", 4);
    good = out->b || (t.len == 5 && !strncasecmp(t.ptr, "false", 5));
  }
  if (good) return true;
  return leat__expr_fail(call, "'%.*s' is not a %s", (int)(t.len < 60 ? t.len : 60), t.ptr,
                         leat_flow_type_name(to));
}

bool leat__expr_cast_value(expr_call *call, leat_flow_type from, leat_flow_type to, expr_value in,
                           expr_value *out) {
  if (is_text(from)) return cast_text(call, to, in.s, out);
  if (to == LEAT_FLOW_TYPE_STRING) return cast_to_text(call, from, in, out);
  if (to == LEAT_FLOW_TYPE_BOOL) return out->b = is_real(from) ? in.d != 0 : in.i != 0, true;
  if (from == LEAT_FLOW_TYPE_BOOL) in.i = in.b;
  if (is_real(from)) return cast_real(call, to, in.d, out);
  if (is_real(to)) return cast_real(call, to, (double)in.i, out);
  return out->i = in.i, to_int(call, to, out);
}
