// Hash map: a dense array of entries and a table of indices into it, at most half full.
// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"

#include "base/mem.h"
#include "base/vec.h"

uint64_t leat__hash_bytes(const void *bytes, size_t count) {
  const unsigned char *at = bytes;
  uint64_t hash = 0x9E3779B97F4A7C15u ^ count;
  for (; count >= 8; at += 8, count -= 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
    hash ^= hash >> 32;
  }
  uint64_t tail = 0;
  if (count) memcpy(&tail, at, count);
  hash = (hash ^ tail) * 0xD6E8FEB86659FD93u;
  return hash ^ hash >> 29;
}

static uint32_t *slot_of(const leat_map *map, leat_str key, uint64_t hash) {
  size_t mask = map->slot_count - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    uint32_t *slot = &map->slots[i];
    if (!*slot) return slot;
    const leat_map_entry *entry = &map->entries[*slot - 1];
    if (entry->hash == hash && leat_str_eq(entry->key, key)) return slot;
  }
}

leat_map_entry *leat_map_find(const leat_map *map, leat_str key) {
  if (!map->slot_count) return NULL;
  uint32_t slot = *slot_of(map, key, leat__hash_bytes(key.ptr, key.len));
  return slot ? &map->entries[slot - 1] : NULL;
}

static bool rehash(leat_map *map) {
  size_t count = map->slot_count ? map->slot_count * 2 : 16;
  uint32_t *slots = leat__calloc(count, sizeof *slots);
  if (!slots) return false;
  leat__free(map->slots);
  map->slots = slots;
  map->slot_count = count;
  for (size_t i = 0; i < map->count; i++)
    *slot_of(map, map->entries[i].key, map->entries[i].hash) = (uint32_t)i + 1;
  return true;
}

leat_map_entry *leat_map_insert(leat_map *map, leat_str key, bool *made) {
  if (made) *made = false;
  if ((map->count + 1) * 2 > map->slot_count && !rehash(map)) return NULL;
  uint64_t hash = leat__hash_bytes(key.ptr, key.len);
  uint32_t *slot = slot_of(map, key, hash);
  if (*slot) return &map->entries[*slot - 1];
  if (!leat__vec_grow((void **)&map->entries, &map->cap, map->count, 1, sizeof *map->entries))
    return NULL;
  leat_map_entry *entry = &map->entries[map->count++];
  *entry = (leat_map_entry){.key = key, .hash = hash};
  *slot = (uint32_t)map->count;
  if (made) *made = true;
  return entry;
}

void leat_map_deinit(leat_map *map) {
  leat__free(map->entries);
  leat__free(map->slots);
  *map = (leat_map){0};
}
