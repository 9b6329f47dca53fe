// Arena: many small objects with one lifetime, freed together.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_ARENA_H
#define LEAT_BASE_ARENA_H

#include "base/mem.h"
#include "base/str.h"

typedef struct leat_arena_block leat_arena_block;

typedef struct leat_arena {  // zero-initialised is an empty arena
  leat_arena_block *head;    // newest block; older ones linked behind it
  size_t used;               // bytes taken from the head block
  size_t total;              // bytes held in all blocks
} leat_arena;

// Zeroed memory aligned to 16 bytes; NULL when memory is exhausted.
void *leat_arena_alloc(leat_arena *arena, size_t bytes);
// Copies; the string copy is NUL-terminated. NULL when memory is exhausted.
void *leat_arena_copy(leat_arena *arena, const void *from, size_t bytes);
char *leat_arena_str(leat_arena *arena, leat_str from);
void leat_arena_clear(leat_arena *arena);   // empties, keeps the newest block for reuse
void leat_arena_deinit(leat_arena *arena);  // frees everything; the arena is empty again

#endif
