// Strings: helpers on views, and the one growable builder.
// SPDX-License-Identifier: Apache-2.0
#include "base/str.h"

#include "base/mem.h"

#include <stdio.h>

static bool has(leat_str chars, char c) { return chars.len && memchr(chars.ptr, c, chars.len); }

leat_str leat_str_strip(leat_str s, leat_str chars) {
  while (s.len && has(chars, s.ptr[0])) s.ptr++, s.len--;
  while (s.len && has(chars, s.ptr[s.len - 1])) s.len--;
  return s;
}

bool leat_str_starts(leat_str s, leat_str prefix) {
  return s.len >= prefix.len && leat_str_eq((leat_str){s.ptr, prefix.len}, prefix);
}

bool leat_str_ends(leat_str s, leat_str suffix) {
  if (s.len < suffix.len) return false;
  return leat_str_eq((leat_str){s.ptr + s.len - suffix.len, suffix.len}, suffix);
}

int leat_str_cmp(leat_str a, leat_str b) {
  size_t n = a.len < b.len ? a.len : b.len;
  int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
  return order ? order : (a.len > b.len) - (a.len < b.len);
}

leat_str leat_str_cut(leat_str *rest, char at) {
  const char *end = rest->len ? memchr(rest->ptr, at, rest->len) : NULL;
  leat_str head = {rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len};
  size_t skip = head.len + (end ? 1 : 0);
  rest->ptr = rest->ptr ? rest->ptr + skip : NULL;
  rest->len -= skip;
  return head;
}

static size_t min3(size_t a, size_t b, size_t c) {
  size_t least = a < b ? a : b;
  return least < c ? least : c;
}

size_t leat_str_distance(leat_str a, leat_str b) {
  enum { MOST = 63 };
  if (a.len > MOST || b.len > MOST) return leat_str_eq(a, b) ? 0 : MOST;
  size_t rows[3][MOST + 1];
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b.len; j++) last[j] = j;
  for (size_t i = 1; i <= a.len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b.len; j++) {
      size_t differ = a.ptr[i - 1] != b.ptr[j - 1];
      row[j] = min3(last[j] + 1, row[j - 1] + 1, last[j - 1] + differ);
      bool swapped = i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1];
      if (swapped && before[j - 2] + 1 < row[j]) row[j] = before[j - 2] + 1;
    }
    size_t *spare = before;
    before = last, last = row, row = spare;
  }
  return last[b.len];
}

leat_str leat_str_nearest(leat_str word, const leat_str *candidates, size_t count) {
  leat_str best = {0};
  size_t limit = word.len / 3 + 1, least = limit + 1;
  for (size_t i = 0; i < count; i++) {
    size_t distance = leat_str_distance(word, candidates[i]);
    if (distance < least) least = distance, best = candidates[i];
  }
  return best;
}

bool leat_buf_reserve(leat_buf *buf, size_t more) {
  size_t max = buf->max ? buf->max : (size_t)1 << 30;
  if (buf->failed || more > max || buf->len > max - more) return buf->failed = true, false;
  size_t need = buf->len + more + 1;
  if (need <= buf->cap) return true;
  size_t cap = buf->cap ? buf->cap * 2 : 64;
  if (cap < need) cap = need;
  char *grown = leat__realloc(buf->ptr, cap);
  if (!grown) return buf->failed = true, false;
  buf->ptr = grown;
  buf->cap = cap;
  return true;
}

void leat_buf_add(leat_buf *buf, const void *bytes, size_t count) {
  if (!leat_buf_reserve(buf, count)) return;
  if (count) memcpy(buf->ptr + buf->len, bytes, count);
  buf->len += count;
  buf->ptr[buf->len] = 0;
}

void leat_buf_str(leat_buf *buf, leat_str s) { leat_buf_add(buf, s.ptr, s.len); }
void leat_buf_c(leat_buf *buf, const char *c_string) { leat_buf_str(buf, leat_str_of(c_string)); }
void leat_buf_char(leat_buf *buf, char c) { leat_buf_add(buf, &c, 1); }

void leat_buf_vfmt(leat_buf *buf, const char *fmt, va_list args) {
  va_list again;
  va_copy(again, args);
  int need = vsnprintf(NULL, 0, fmt, args);
  if (need >= 0 && leat_buf_reserve(buf, (size_t)need)) {
    vsnprintf(buf->ptr + buf->len, (size_t)need + 1, fmt, again);
    buf->len += (size_t)need;
  }
  va_end(again);
}

void leat_buf_fmt(leat_buf *buf, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  leat_buf_vfmt(buf, fmt, args);
  va_end(args);
}

void leat_buf_clear(leat_buf *buf) {
  buf->len = 0;
  if (buf->ptr) buf->ptr[0] = 0;
}

void leat_buf_deinit(leat_buf *buf) {
  leat__free(buf->ptr);
  *buf = (leat_buf){.max = buf->max};
}

leat_status leat_buf_status(const leat_buf *buf, leat_error *err) {
  if (!buf->failed) return LEAT_OK;
  return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "text longer than %zu bytes", buf->cap);
}
