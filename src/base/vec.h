// Typed growable array: `LEAT_VEC(int) v = {0}; leat_vec_push(&v, 3); v.at[0]`.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_VEC_H
#define LEAT_BASE_VEC_H

#include "base/mem.h"

#define LEAT_VEC(type) \
  struct {             \
    type *at;          \
    size_t count, cap; \
  }

// Room for `more` further items; false when memory is exhausted (the vector is unchanged).
#define leat_vec_reserve(v, more) \
  leat__vec_grow((void **)&(v)->at, &(v)->cap, (v)->count, (more), sizeof *(v)->at)
// Appends; false when memory is exhausted.
#define leat_vec_push(v, ...) \
  (leat_vec_reserve(v, 1) ? ((v)->at[(v)->count++] = (__VA_ARGS__), true) : false)
#define leat_vec_deinit(v) (leat__free((v)->at), (v)->at = NULL, (v)->count = (v)->cap = 0)

bool leat__vec_grow(void **at, size_t *cap, size_t count, size_t more, size_t item_bytes);

#endif
