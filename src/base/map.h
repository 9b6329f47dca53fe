// Hash map from byte strings to pointer-sized values; open addressing, insertion order kept.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_MAP_H
#define LEAT_BASE_MAP_H

#include "base/str.h"

typedef struct leat_map_entry {
  leat_str key;  // borrowed: the caller keeps the bytes alive
  uint64_t hash;
  union {
    void *ptr;
    int64_t num;
  } value;
} leat_map_entry;

typedef struct leat_map {   // zero-initialised is empty
  leat_map_entry *entries;  // in order of insertion
  size_t count, cap;
  uint32_t *slots;  // power of two; entry index + 1, 0 = free
  size_t slot_count;
} leat_map;

// The entry of `key`, or NULL.
leat_map_entry *leat_map_find(const leat_map *map, leat_str key);
// The entry of `key`, made with a zero value if new (*made tells; may be NULL). NULL: no memory.
// Pointers to entries are valid until the next insertion.
leat_map_entry *leat_map_insert(leat_map *map, leat_str key, bool *made);
void leat_map_deinit(leat_map *map);
uint64_t leat__hash_bytes(const void *bytes, size_t count);  // not stable across versions

#endif
