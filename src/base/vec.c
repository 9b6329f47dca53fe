// Growth of typed arrays: doubling, with the overflow checks in one place.
// SPDX-License-Identifier: Apache-2.0
#include "base/vec.h"

bool leat__vec_grow(void **at, size_t *cap, size_t count, size_t more, size_t item_bytes) {
  if (more > SIZE_MAX / item_bytes - count) return false;
  size_t need = count + more;
  if (need <= *cap) return true;
  size_t grown = *cap ? *cap * 2 : 8;
  if (grown < need || grown > SIZE_MAX / item_bytes) grown = need;
  void *block = leat__realloc(*at, grown * item_bytes);
  if (!block) return false;
  *at = block;
  *cap = grown;
  return true;
}
