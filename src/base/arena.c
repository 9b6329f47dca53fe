// Arena: a chain of blocks that double in size; allocation is a bump of `used`.
// SPDX-License-Identifier: Apache-2.0
#include "base/arena.h"

#include <string.h>

struct leat_arena_block {
  leat_arena_block *next;
  size_t size;  // bytes in data
  _Alignas(16) char data[];
};

enum { FIRST_BLOCK = 4096, LAST_BLOCK = 1 << 20 };

static leat_arena_block *grow(leat_arena *arena, size_t bytes) {
  size_t size = arena->head ? arena->head->size * 2 : FIRST_BLOCK;
  if (size > LAST_BLOCK) size = LAST_BLOCK;
  if (size < bytes) size = bytes;
  if (size > SIZE_MAX - sizeof(leat_arena_block)) return NULL;
  leat_arena_block *block = leat__alloc(sizeof *block + size);
  if (!block) return NULL;
  block->size = size;
  block->next = arena->head;
  arena->head = block;
  arena->used = 0;
  arena->total += size;
  return block;
}

void *leat_arena_alloc(leat_arena *arena, size_t bytes) {
  if (bytes > SIZE_MAX - 15) return NULL;
  bytes = (bytes + 15) & ~(size_t)15;
  leat_arena_block *block = arena->head;
  if (!block || block->size - arena->used < bytes) block = grow(arena, bytes);
  if (!block) return NULL;
  void *at = block->data + arena->used;
  arena->used += bytes;
  return memset(at, 0, bytes);
}

void *leat_arena_copy(leat_arena *arena, const void *from, size_t bytes) {
  void *to = leat_arena_alloc(arena, bytes ? bytes : 1);
  if (to && bytes) memcpy(to, from, bytes);
  return to;
}

char *leat_arena_str(leat_arena *arena, leat_str from) {
  char *to = leat_arena_alloc(arena, from.len + 1);
  if (to && from.len) memcpy(to, from.ptr, from.len);
  return to;
}

void leat_arena_clear(leat_arena *arena) {
  leat_arena_block *head = arena->head;
  if (!head) return;
  for (leat_arena_block *block = head->next, *next; block; block = next) {
    next = block->next;
    leat__free(block);
  }
  head->next = NULL;
  arena->used = 0;
  arena->total = head->size;
}

void leat_arena_deinit(leat_arena *arena) {
  leat_arena_clear(arena);
  leat__free(arena->head);
  *arena = (leat_arena){0};
}
