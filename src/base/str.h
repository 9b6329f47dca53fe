// Strings: helpers on views, and the one growable builder.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_STR_H
#define LEAT_BASE_STR_H

#include "leat/error.h"
#include "leat/str.h"

#include <stdarg.h>

leat_str leat_str_strip(leat_str s, leat_str chars);  // drops leading and trailing bytes in `chars`
bool leat_str_starts(leat_str s, leat_str prefix);
bool leat_str_ends(leat_str s, leat_str suffix);
int leat_str_cmp(leat_str a, leat_str b);  // byte order, shorter first
// Cuts the text before the first `at` off *rest and returns it; all of *rest when there is none.
leat_str leat_str_cut(leat_str *rest, char at);
// Edit distance (Damerau-Levenshtein, adjacent swaps count one), for "did you mean".
size_t leat_str_distance(leat_str a, leat_str b);
// The candidate nearest to `word`, or an empty view when none is within a third of its length.
leat_str leat_str_nearest(leat_str word, const leat_str *candidates, size_t count);

typedef struct leat_buf {  // zero-initialised is empty; always NUL-terminated once non-empty
  char *ptr;
  size_t len, cap;  // bytes; cap includes the NUL
  size_t max;       // most bytes it may hold; 0 = 1 GiB
  bool failed;      // sticky: memory or `max` ran out; the contents are then cut
} leat_buf;

bool leat_buf_reserve(leat_buf *buf, size_t more);  // room for `more` bytes beyond len
void leat_buf_add(leat_buf *buf, const void *bytes, size_t count);
void leat_buf_str(leat_buf *buf, leat_str s);
void leat_buf_c(leat_buf *buf, const char *c_string);
void leat_buf_char(leat_buf *buf, char c);
void leat_buf_fmt(leat_buf *buf, const char *fmt, ...) LEAT_PRINTF(2, 3);
void leat_buf_vfmt(leat_buf *buf, const char *fmt, va_list args);
void leat_buf_clear(leat_buf *buf);   // len = 0, keeps memory and a failure
void leat_buf_deinit(leat_buf *buf);  // as new; `max` stays
static inline leat_str leat_buf_view(const leat_buf *buf) { return (leat_str){buf->ptr, buf->len}; }
// LEAT_OK, or LEAT_RESOURCE_EXHAUSTED when the builder failed at some point.
leat_status leat_buf_status(const leat_buf *buf, leat_error *err);

#endif
