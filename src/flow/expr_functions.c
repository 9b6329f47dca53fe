// Functions of expressions on texts and numbers: the table, and how each does one row.
// SPDX-License-Identifier: Apache-2.0
//
// Texts are UTF-8: lengths and places count characters, from 1; bytes that are no UTF-8 count as
// one character each. Letters are turned into capitals and back in ASCII alone.
#include "flow/expr_impl.h"

#include "base/fingerprint.h"
#include "base/sha256.h"
#include "engine/vec.h"
#include "formats/json.h"

#include <math.h>
#include <regex.h>
#include <stdio.h>

enum { TEXT_MAX = 64 << 20 };  // bytes of a result

bool leat__expr_fail(expr_call *call, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  vsnprintf(call->message, sizeof call->message, fmt, args);
  va_end(args);
  return false;
}

// --- Characters ---------------------------------------------------------------------------------
static size_t char_bytes(leat_str s, size_t at) {
  size_t n = leat_utf8_length((const unsigned char *)s.ptr + at, s.len - at);
  return n ? n : 1;
}

static int64_t char_count(leat_str s) {
  int64_t n = 0;
  for (size_t i = 0; i < s.len; n++) i += char_bytes(s, i);
  return n;
}

// The byte where a number of characters ends.
static size_t skip_chars(leat_str s, int64_t count) {
  size_t i = 0;
  for (; count > 0 && i < s.len; count--) i += char_bytes(s, i);
  return i;
}

static char *text_new(expr_call *call, size_t bytes, expr_value *out) {
  if (bytes > TEXT_MAX) return leat__expr_fail(call, "a text of over 64 MB"), NULL;
  char *to = leat_arena_alloc(call->texts, bytes + 1);
  if (!to) call->no_memory = true;
  out->s = (leat_str){to, bytes};
  return to;
}

static size_t find(leat_str in, leat_str what, size_t from) {  // in.len + 1: it is not there
  if (!what.len) return from;
  const char *p = from < in.len ? memmem(in.ptr + from, in.len - from, what.ptr, what.len) : NULL;
  return p ? (size_t)(p - in.ptr) : in.len + 1;
}

// --- Texts --------------------------------------------------------------------------------------
static bool change_case(expr_call *call, leat_str s, char from, char to, expr_value *out) {
  char *p = text_new(call, s.len, out);
  for (size_t i = 0; p && i < s.len; i++)
    p[i] = s.ptr[i] >= from && s.ptr[i] <= to ? (char)(s.ptr[i] ^ 32) : s.ptr[i];
  return p;
}
static bool upper(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return change_case(call, a[0].s, 'a', 'z', out);
}
static bool lower(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return change_case(call, a[0].s, 'A', 'Z', out);
}

// Whether the character of s at i is one of `set`.
static bool in_set(leat_str set, leat_str s, size_t i, size_t n) {
  for (size_t j = 0; j < set.len; j += char_bytes(set, j))
    if (char_bytes(set, j) == n && !memcmp(set.ptr + j, s.ptr + i, n)) return true;
  return false;
}

static leat_str trim_left(leat_str s, leat_str set) {
  while (s.len && in_set(set, s, 0, char_bytes(s, 0))) {
    size_t n = char_bytes(s, 0);
    s = (leat_str){s.ptr + n, s.len - n};
  }
  return s;
}

static leat_str trim_right(leat_str s, leat_str set) {
  while (s.len) {
    size_t i = s.len - 1;
    while (i && s.len - i < 4 && ((unsigned char)s.ptr[i] & 0xC0) == 0x80) i--;
    if (char_bytes(s, i) != s.len - i) i = s.len - 1;
    if (!in_set(set, s, i, s.len - i)) break;
    s.len = i;
  }
  return s;
}

static leat_str set_of(const expr_value *a, int count) {
  return count > 1 ? a[1].s : LEAT_STR(" ");
}

static bool trim(expr_call *call, const expr_value *a, int count, expr_value *out) {
  leat_str set = set_of(a, count);
  return out->s = trim_right(trim_left(a[0].s, set), set), true;
}
static bool ltrim(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->s = trim_left(a[0].s, set_of(a, count)), true;
}
static bool rtrim(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->s = trim_right(a[0].s, set_of(a, count)), true;
}

// SQL's: characters a[1] to a[1] + a[2] - 1, as far as there are any.
static bool substring(expr_call *call, const expr_value *a, int count, expr_value *out) {
  int64_t from = a[1].i, end = INT64_MAX;
  if (count > 2 && a[2].i < 0) return leat__expr_fail(call, "SUBSTRING of a negative length");
  if (count > 2 && __builtin_add_overflow(from, a[2].i, &end)) end = INT64_MAX;
  if (from < 1) from = 1;
  size_t first = skip_chars(a[0].s, from - 1);
  leat_str rest = {a[0].s.ptr + first, a[0].s.len - first};
  if (end <= from)
    rest.len = 0;
  else if (count > 2)
    rest.len = skip_chars(rest, end - from);
  return out->s = rest, true;
}

static bool left(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->s = (leat_str){a[0].s.ptr, skip_chars(a[0].s, a[1].i)}, true;
}
static bool right(expr_call *call, const expr_value *a, int count, expr_value *out) {
  int64_t all = char_count(a[0].s), n = a[1].i < 0 ? 0 : a[1].i;
  size_t first = skip_chars(a[0].s, all > n ? all - n : 0);
  return out->s = (leat_str){a[0].s.ptr + first, a[0].s.len - first}, true;
}

static bool length(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->i = char_count(a[0].s), true;
}
static bool octet_length(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->i = (int64_t)a[0].s.len, true;
}

static bool concat(expr_call *call, const expr_value *a, int count, expr_value *out) {
  size_t bytes = 0, at = 0;
  for (int i = 0; i < count; i++) bytes += a[i].s.len;
  char *p = text_new(call, bytes, out);
  for (int i = 0; p && i < count; at += a[i++].s.len)
    if (a[i].s.len) memcpy(p + at, a[i].s.ptr, a[i].s.len);
  return p;
}

static bool replace(expr_call *call, const expr_value *a, int count, expr_value *out) {
  leat_str s = a[0].s, from = a[1].s, to = a[2].s;
  if (!from.len) return out->s = s, true;
  size_t hits = 0, at = 0;
  for (size_t i = 0; (i = find(s, from, i)) <= s.len; i += from.len) hits++;
  if (to.len && hits > (size_t)TEXT_MAX / to.len)
    return leat__expr_fail(call, "a text of over 64 MB");
  char *p = text_new(call, s.len - hits * from.len + hits * to.len, out);
  for (size_t i = 0, next; p && i <= s.len; i = next + from.len) {
    next = find(s, from, i);
    size_t n = (next <= s.len ? next : s.len) - i;
    if (n) memcpy(p + at, s.ptr + i, n);
    at += n;
    if (next > s.len) break;
    if (to.len) memcpy(p + at, to.ptr, to.len);
    at += to.len;
  }
  return p;
}

static bool place_of(leat_str what, leat_str in, expr_value *out) {
  size_t at = find(in, what, 0);
  return out->i = at > in.len ? 0 : char_count((leat_str){in.ptr, at}) + 1, true;
}
static bool position(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return place_of(a[0].s, a[1].s, out);
}
static bool strpos(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return place_of(a[1].s, a[0].s, out);
}

static bool starts_with(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->b = leat_str_starts(a[0].s, a[1].s), true;
}
static bool ends_with(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->b = leat_str_ends(a[0].s, a[1].s), true;
}
static bool contains(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->b = find(a[0].s, a[1].s, 0) <= a[0].s.len, true;
}

static bool reverse(expr_call *call, const expr_value *a, int count, expr_value *out) {
  leat_str s = a[0].s;
  char *p = text_new(call, s.len, out);
  for (size_t i = 0, n; p && i < s.len; i += n) {
    n = char_bytes(s, i);
    memcpy(p + s.len - i - n, s.ptr + i, n);
  }
  return p;
}

static bool repeat(expr_call *call, const expr_value *a, int count, expr_value *out) {
  size_t n = a[1].i > 0 ? (size_t)a[1].i : 0, len = a[0].s.len;
  if (len && n > (size_t)TEXT_MAX / len) return leat__expr_fail(call, "a text of over 64 MB");
  char *p = text_new(call, n * len, out);
  for (size_t i = 0; p && len && i < n; i++) memcpy(p + i * len, a[0].s.ptr, len);
  return p;
}

// To a[1] characters with those of a[2] over and over; a longer text is cut.
static bool pad(expr_call *call, const expr_value *a, int count, bool before, expr_value *out) {
  leat_str s = a[0].s, fill = count > 2 ? a[2].s : LEAT_STR(" ");
  int64_t have = char_count(s), want = a[1].i < 0 ? 0 : a[1].i;
  if (have >= want || !fill.len) return out->s = (leat_str){s.ptr, skip_chars(s, want)}, true;
  int64_t more = want - have, each = char_count(fill);
  if (more > TEXT_MAX / 4) return leat__expr_fail(call, "a text of over 64 MB");
  size_t rest = skip_chars(fill, more % each), filler = (size_t)(more / each) * fill.len + rest;
  char *p = text_new(call, s.len + filler, out);
  if (!p) return false;
  char *to = before ? p : p + s.len;
  for (size_t i = 0; i < filler; i++) to[i] = fill.ptr[i % fill.len];
  if (s.len) memcpy(before ? p + filler : p, s.ptr, s.len);
  return true;
}
static bool lpad(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return pad(call, a, count, true, out);
}
static bool rpad(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return pad(call, a, count, false, out);
}

// --- Lists of texts -----------------------------------------------------------------------------
static bool split(expr_call *call, const expr_value *a, int count, expr_value *out) {
  leat_str s = a[0].s, by = a[1].s;
  if (!by.len) return leat__expr_fail(call, "SPLIT at an empty text");
  size_t n = 1, at = 0;
  for (size_t i = 0; (i = find(s, by, i)) <= s.len; i += by.len) n++;
  leat_str *items = leat_arena_alloc(call->texts, n * sizeof *items);
  if (!items) return call->no_memory = true, false;
  for (size_t i = 0; i < n; i++) {
    size_t end = find(s, by, at);
    if (end > s.len) end = s.len;
    items[i] = (leat_str){s.ptr + at, end - at};
    at = end + by.len;
  }
  return out->list = (expr_list){items, n}, true;
}

static bool split_part(expr_call *call, const expr_value *a, int count, expr_value *out) {
  expr_value all;
  if (a[2].i == 0) return leat__expr_fail(call, "SPLIT_PART counts from 1, or from -1 at the end");
  if (!split(call, a, 2, &all)) return false;
  int64_t n = (int64_t)all.list.count, i = a[2].i < 0 ? n + a[2].i : a[2].i - 1;
  return out->s = i < 0 || i >= n ? (leat_str){0} : all.list.items[i], true;
}

static bool cardinality(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->i = (int64_t)a[0].list.count, true;
}

static bool array_join(expr_call *call, const expr_value *a, int count, expr_value *out) {
  size_t bytes = 0, at = 0, n = a[0].list.count;
  for (size_t i = 0; i < n; i++) bytes += a[0].list.items[i].len + (i ? a[1].s.len : 0);
  char *p = text_new(call, bytes, out);
  for (size_t i = 0; p && i < n; i++) {
    leat_str parts[2] = {i ? a[1].s : (leat_str){0}, a[0].list.items[i]};
    for (int k = 0; k < 2; at += parts[k++].len)
      if (parts[k].len) memcpy(p + at, parts[k].ptr, parts[k].len);
  }
  return p;
}

// --- Patterns -----------------------------------------------------------------------------------
// % any characters, _ one; by going back to the last % only, so in time |s| |pattern|.
static bool like(expr_call *call, const expr_value *a, int count, expr_value *out) {
  leat_str s = a[0].s, p = a[1].s, escape = count > 2 ? a[2].s : (leat_str){0};
  size_t i = 0, j = 0, star = SIZE_MAX, mark = 0;
  if (count > 2 && escape.len != 1) return leat__expr_fail(call, "ESCAPE wants one character");
  for (;;) {
    bool literal = escape.len && j + 1 < p.len && p.ptr[j] == *escape.ptr;
    if (!literal && j < p.len && p.ptr[j] == '%') {
      star = j++;
      mark = i;
      continue;
    }
    if (i >= s.len && j >= p.len) return out->b = true, true;
    if (i < s.len && !literal && j < p.len && p.ptr[j] == '_') {
      i += char_bytes(s, i);
      j++;
    } else if (i < s.len && j < p.len && s.ptr[i] == p.ptr[j + literal]) {
      i++;
      j += 1 + literal;
    } else if (star != SIZE_MAX && mark < s.len) {
      i = mark += char_bytes(s, mark);
      j = star + 1;
    } else {
      return out->b = false, true;
    }
  }
}

static bool matches(expr_call *call, leat_str s, regmatch_t *m, size_t count) {
  m[0] = (regmatch_t){.rm_so = 0, .rm_eo = (regoff_t)s.len};
  return !regexec(call->regex, s.len ? s.ptr : "", count, m, REG_STARTEND);
}

static bool regexp_like(expr_call *call, const expr_value *a, int count, expr_value *out) {
  regmatch_t m[1];
  return out->b = matches(call, a[0].s, m, 1), true;
}

// The first group's text, or all of the match; null where there is none.
static bool regexp_extract(expr_call *call, const expr_value *a, int count, expr_value *out) {
  regmatch_t m[2];
  bool group = ((regex_t *)call->regex)->re_nsub > 0;
  call->null = !matches(call, a[0].s, m, 2) || m[group].rm_so < 0;
  if (call->null) return true;
  size_t from = (size_t)m[group].rm_so;
  return out->s = (leat_str){a[0].s.ptr + from, (size_t)m[group].rm_eo - from}, true;
}

static bool regexp_replace(expr_call *call, const expr_value *a, int count, expr_value *out) {
  leat_buf to = {.max = TEXT_MAX};
  leat_str s = a[0].s;
  regmatch_t m[1];
  for (;;) {
    if (!matches(call, s, m, 1)) break;
    size_t from = (size_t)m[0].rm_so, end = (size_t)m[0].rm_eo;
    leat_buf_add(&to, s.ptr, from);
    leat_buf_str(&to, a[2].s);
    if (from == end && end < s.len) leat_buf_add(&to, s.ptr + end, 1);  // an empty match: go on
    if (from == end) end++;
    if (end > s.len) {
      s.len = 0;
      break;
    }
    s = (leat_str){s.ptr + end, s.len - end};
    if (!s.len) break;
  }
  leat_buf_str(&to, s);
  char *p = to.failed ? NULL : text_new(call, to.len, out);
  if (p && to.len) memcpy(p, to.ptr, to.len);
  if (to.failed) leat__expr_fail(call, "a text of over 64 MB");
  leat_buf_deinit(&to);
  return p;
}

// --- Numbers ------------------------------------------------------------------------------------
static bool abs_i(expr_call *call, const expr_value *a, int count, expr_value *out) {
  if (a[0].i == INT64_MIN) return leat__expr_fail(call, "integer overflow");
  return out->i = a[0].i < 0 ? -a[0].i : a[0].i, true;
}
static bool sign_i(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->i = (a[0].i > 0) - (a[0].i < 0), true;
}
static bool sign_d(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->d = a[0].d > 0 ? 1 : a[0].d < 0 ? -1 : a[0].d, true;
}
static bool same_i(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->i = a[0].i, true;
}

static double half_away(double x) {  // rounded to a whole number, halves away from 0
  double whole = trunc(x);
  return fabs(x - whole) >= 0.5 ? whole + (x < 0 ? -1 : 1) : whole;
}
static bool round_d(expr_call *call, const expr_value *a, int count, expr_value *out) {
  if (count < 2 || a[1].i == 0) return out->d = half_away(a[0].d), true;
  if (a[1].i > 308 || fabs(a[0].d) >= 0x1p52) return out->d = a[0].d, true;
  if (a[1].i < -308) return out->d = 0, true;
  static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  int64_t n = a[1].i < 0 ? -a[1].i : a[1].i;
  if (n > 22) return out->d = a[1].i < 0 ? 0 : a[0].d, true;
  double scaled = a[1].i < 0 ? a[0].d / tens[n] : a[0].d * tens[n];
  if (fabs(scaled) >= 0x1p52) return out->d = a[0].d, true;
  scaled = half_away(scaled);
  return out->d = a[1].i < 0 ? scaled * tens[n] : scaled / tens[n], true;
}

static bool mod_i(expr_call *call, const expr_value *a, int count, expr_value *out) {
  if (!a[1].i) return leat__expr_fail(call, "division by zero");
  return out->i = a[1].i == -1 ? 0 : a[0].i % a[1].i, true;
}
static bool mod_d(expr_call *call, const expr_value *a, int count, expr_value *out) {
  if (a[1].d == 0) return leat__expr_fail(call, "division by zero");
  return out->d = fmod(a[0].d, a[1].d), true;
}

static bool power(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return leat__vec()->binary_f64[VEC_POW](&out->d, &a[0].d, 1, &a[1].d, 1, 1), true;
}
static double log_of(double x) {
  double y;
  leat__vec()->unary_f64[VEC_LOG](&y, &x, 1);
  return y;
}
static bool log10_d(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->d = log_of(a[0].d) / 0x1.26bb1bbb55516p+1, true;  // ln 10
}
static bool log2_d(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->d = log_of(a[0].d) / 0x1.62e42fefa39efp-1, true;  // ln 2
}
static bool pi(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->d = 0x1.921fb54442d18p+1, true;
}

static bool extreme(const expr_fn *fn, const expr_value *a, int count, int want, expr_value *out) {
  *out = a[0];
  for (int i = 1; i < count; i++) {
    int c = 0;
    switch (fn->args[0]) {
      case 'i':
      case 't': c = (a[i].i > out->i) - (a[i].i < out->i); break;
      case 'd': c = (a[i].d > out->d) - (a[i].d < out->d); break;
      default: c = leat_str_cmp(a[i].s, out->s); break;
    }
    if ((c > 0 && want > 0) || (c < 0 && want < 0)) *out = a[i];
  }
  return true;
}
static bool greatest(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return extreme(call->expr->fn, a, count, 1, out);
}
static bool least(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return extreme(call->expr->fn, a, count, -1, out);
}

// --- Hashes -------------------------------------------------------------------------------------
static bool fingerprint(expr_call *call, const expr_value *a, int count, expr_value *out) {
  return out->i = (int64_t)leat_fingerprint64(a[0].s), true;
}
static bool sha256(expr_call *call, const expr_value *a, int count, expr_value *out) {
  leat_sha256 h;
  char *p = text_new(call, LEAT_SHA256_HEX - 1, out);
  if (!p) return false;
  leat_sha256_init(&h);
  leat_sha256_add(&h, a[0].s.ptr, a[0].s.len);
  leat_sha256_hex(&h, p);
  return true;
}

#define VEC(which) .vec = 1 + VEC_##which
const expr_fn leat__expr_fns[] = {
    {"UPPER", "s", 's', upper, .help = "ASCII letters as capitals."},
    {"LOWER", "s", 's', lower, .help = "ASCII letters in lower case."},
    {"TRIM", "s", 's', trim, .help = "Without spaces at both ends."},
    {"TRIM", "ss", 's', trim, .help = "Without characters of a set at both ends."},
    {"LTRIM", "s", 's', ltrim, .help = "Without spaces at the start."},
    {"LTRIM", "ss", 's', ltrim, .help = "Without characters of a set at the start."},
    {"RTRIM", "s", 's', rtrim, .help = "Without spaces at the end."},
    {"RTRIM", "ss", 's', rtrim, .help = "Without characters of a set at the end."},
    {"SUBSTRING", "si", 's', substring, .help = "From a character (the first is 1) on."},
    {"SUBSTRING", "sii", 's', substring, .help = "So many characters from one on."},
    {"LEFT", "si", 's', left, .help = "So many characters from the start."},
    {"RIGHT", "si", 's', right, .help = "So many characters at the end."},
    {"LENGTH", "s", 'i', length, .help = "Characters."},
    {"CHAR_LENGTH", "s", 'i', length, .help = "Characters."},
    {"CHARACTER_LENGTH", "s", 'i', length, .help = "Characters."},
    {"OCTET_LENGTH", "s", 'i', octet_length, .help = "Bytes."},
    {"OCTET_LENGTH", "y", 'i', octet_length, .help = "Bytes."},
    {"CONCAT", "s*", 's', concat, .help = "One behind the other."},
    {"||", "ss", 's', concat, .help = "One behind the other."},
    {"REPLACE", "sss", 's', replace, .help = "Every second text by the third."},
    {"POSITION", "ss", 'i', position, .help = "Where (from 1) the first is in the second; 0."},
    {"STRPOS", "ss", 'i', strpos, .help = "Where (from 1) the second is in the first; 0."},
    {"INSTR", "ss", 'i', strpos, .help = "Where (from 1) the second is in the first; 0."},
    {"STARTS_WITH", "ss", 'b', starts_with, .help = "Whether the first starts with the second."},
    {"ENDS_WITH", "ss", 'b', ends_with, .help = "Whether the first ends with the second."},
    {"CONTAINS", "ss", 'b', contains, .help = "Whether the second is in the first."},
    {"REVERSE", "s", 's', reverse, .help = "Characters from the last to the first."},
    {"REPEAT", "si", 's', repeat, .help = "Over and over."},
    {"LPAD", "si", 's', lpad, .help = "To so many characters, with spaces before."},
    {"LPAD", "sis", 's', lpad, .help = "To so many characters, with a filler before."},
    {"RPAD", "si", 's', rpad, .help = "To so many characters, with spaces behind."},
    {"RPAD", "sis", 's', rpad, .help = "To so many characters, with a filler behind."},
    {"SPLIT", "ss", 'l', split, .help = "The list of the texts between a separator."},
    {"SPLIT_PART", "ssi", 's', split_part, .help = "One of them, from 1; '' where there is none."},
    {"CARDINALITY", "L", 'i', cardinality, .help = "Items of a list."},
    {"ARRAY_JOIN", "ls", 's', array_join, .help = "Items, a separator between them."},
    {"LIKE", "ss", 'b', like, .help = "% stands for any characters, _ for one."},
    {"LIKE", "sss", 'b', like, .help = "The same; ESCAPE's character takes their meaning away."},
    {"REGEXP_LIKE", "ss", 'b', regexp_like, .regex = true, .help = "Whether an ERE matches."},
    {"REGEXP_CONTAINS", "ss", 'b', regexp_like, .regex = true, .help = "Whether an ERE matches."},
    {"REGEXP_EXTRACT", "ss", 's', regexp_extract, .regex = true, .nullable = true,
     .help = "The first group, or the match; null without one."},
    {"REGEXP_REPLACE", "sss", 's', regexp_replace, .regex = true, .help = "Every match."},
    {"ABS", "i", 'i', abs_i, .help = "Without its sign."},
    {"ABS", "d", 'd', VEC(ABS), .help = "Without its sign."},
    {"SIGN", "i", 'i', sign_i, .help = "-1, 0 or 1."},
    {"SIGN", "d", 'd', sign_d, .help = "-1, 0 or 1."},
    {"ROUND", "i", 'i', same_i, .help = "The number itself."},
    {"ROUND", "d", 'd', round_d, .help = "To a whole number, halves away from 0."},
    {"ROUND", "di", 'd', round_d, .help = "To so many places, halves away from 0."},
    {"FLOOR", "i", 'i', same_i, .help = "The number itself."},
    {"FLOOR", "d", 'd', VEC(FLOOR), .help = "The greatest whole number that is not above."},
    {"CEIL", "i", 'i', same_i, .help = "The number itself."},
    {"CEIL", "d", 'd', VEC(CEIL), .help = "The least whole number that is not below."},
    {"CEILING", "d", 'd', VEC(CEIL), .help = "The least whole number that is not below."},
    {"TRUNC", "d", 'd', VEC(TRUNC), .help = "Without its fraction."},
    {"MOD", "ii", 'i', mod_i, .help = "Rest, with the sign of the first."},
    {"MOD", "dd", 'd', mod_d, .help = "Rest, with the sign of the first."},
    {"SQRT", "d", 'd', VEC(SQRT), .help = "Square root."},
    {"EXP", "d", 'd', VEC(EXP), .help = "e to a power."},
    {"LN", "d", 'd', VEC(LOG), .help = "Natural logarithm."},
    {"LOG1P", "d", 'd', VEC(LOG1P), .help = "LN(1 + x), exact near 0."},
    {"EXPM1", "d", 'd', VEC(EXPM1), .help = "EXP(x) - 1, exact near 0."},
    {"LOG10", "d", 'd', log10_d, .help = "Logarithm to base 10."},
    {"LOG2", "d", 'd', log2_d, .help = "Logarithm to base 2."},
    {"POWER", "dd", 'd', power, .help = "The first to the power of the second."},
    {"POW", "dd", 'd', power, .help = "The first to the power of the second."},
    {"SIN", "d", 'd', VEC(SIN), .help = "Sine of radians."},
    {"COS", "d", 'd', VEC(COS), .help = "Cosine of radians."},
    {"ATAN", "d", 'd', VEC(ATAN), .help = "Arc tangent, in radians."},
    {"TANH", "d", 'd', VEC(TANH), .help = "Hyperbolic tangent."},
    {"SIGMOID", "d", 'd', VEC(SIGMOID), .help = "1 / (1 + EXP(-x))."},
    {"PI", "", 'd', pi, .help = "3.14159..."},
    {"GREATEST", "i*", 'i', greatest, .help = "The greatest; null when one is."},
    {"GREATEST", "d*", 'd', greatest, .help = "The greatest; null when one is."},
    {"GREATEST", "s*", 's', greatest, .help = "The greatest; null when one is."},
    {"GREATEST", "t*", 't', greatest, .help = "The greatest; null when one is."},
    {"LEAST", "i*", 'i', least, .help = "The least; null when one is."},
    {"LEAST", "d*", 'd', least, .help = "The least; null when one is."},
    {"LEAST", "s*", 's', least, .help = "The least; null when one is."},
    {"LEAST", "t*", 't', least, .help = "The least; null when one is."},
    {"FINGERPRINT", "s", 'i', fingerprint, .help = "FarmHash's Fingerprint64."},
    {"SHA256", "s", 's', sha256, .help = "SHA-256, as 64 digits."},
    {0}};
