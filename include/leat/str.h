// String view: bytes and a length, not NUL-terminated, borrowed from their owner.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_STR_H
#define LEAT_STR_H

#include "leat/api.h"

#include <string.h>

typedef struct leat_str {
  const char *ptr;  // may be NULL when len is 0
  size_t len;       // bytes
} leat_str;

#define LEAT_STR(literal) ((leat_str){"" literal, sizeof(literal) - 1})
#define LEAT_STR_FMT "%.*s"  // for printf: printf(LEAT_STR_FMT, LEAT_STR_ARG(s))
#define LEAT_STR_ARG(s) (int)(s).len, (s).ptr

static inline leat_str leat_str_of(const char *c_string) {
  return (leat_str){c_string, c_string ? strlen(c_string) : 0};
}

static inline bool leat_str_eq(leat_str a, leat_str b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

#endif
