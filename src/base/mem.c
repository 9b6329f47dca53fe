// The allocator at the root, with the hook that fault tests use.
// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool (*leat__alloc_hook)(size_t bytes);

static bool refused(size_t bytes) { return leat__alloc_hook && !leat__alloc_hook(bytes); }

// --- The thread's own free lists
// ------------------------------------------------------------------ One list for each power of
// two, apart for blocks that lie at a multiple of 64. A block's list is told by what the system
// says it can hold, so blocks of any origin may join.
enum { CLASS_MIN = 5, CLASS_MAX = 22, HELD_MAX = 8 << 20, HELD_CLASS_MAX = 2 << 20 };

typedef struct free_block {
  struct free_block *next;
} free_block;

typedef struct thread_cache {
  bool on;
  size_t held;  // bytes
  free_block *lists[2][CLASS_MAX + 1];
  size_t held_by[2][CLASS_MAX + 1];
} thread_cache;

static _Thread_local thread_cache cache;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { CACHES = 0 };  // the sanitizers shall see each block's life
#elif defined(__has_feature)
enum { CACHES = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) };
#else
enum { CACHES = 1 };
#endif

static int class_of(size_t bytes) {  // the smallest that holds them
  int c = bytes <= 1u << CLASS_MIN ? CLASS_MIN : 64 - __builtin_clzll(bytes - 1);
  return c;
}

static void *cache_take(size_t bytes, bool aligned) {
  int c = class_of(bytes);
  if (c > CLASS_MAX) return NULL;
  if (!cache.lists[aligned][c] && !aligned) aligned = true;  // an aligned block serves as well
  free_block *block = cache.lists[aligned][c];
  if (!block) return NULL;
  cache.lists[aligned][c] = block->next;
  cache.held -= (size_t)1 << c;
  cache.held_by[aligned][c] -= (size_t)1 << c;
  return block;
}

static bool cache_put(void *block) {
  size_t room = malloc_usable_size(block);
  int c = 63 - __builtin_clzll(room | 1);
  bool aligned = ((uintptr_t)block & 63) == 0;
  size_t bytes = (size_t)1 << c;
  if (c < CLASS_MIN || c > CLASS_MAX || cache.held + bytes > HELD_MAX) return false;
  if (cache.held_by[aligned][c] + bytes > HELD_CLASS_MAX && cache.lists[aligned][c]) return false;
  free_block *b = block;
  b->next = cache.lists[aligned][c];
  cache.lists[aligned][c] = b;
  cache.held += bytes;
  cache.held_by[aligned][c] += bytes;
  return true;
}

void leat_mem_cache(bool on) {
  cache.on = on && CACHES;
  if (cache.on) return;
  for (int c = 0; c < 2 * (CLASS_MAX + 1); c++) {
    free_block **list = &cache.lists[c / (CLASS_MAX + 1)][c % (CLASS_MAX + 1)];
    while (*list) {
      free_block *block = *list;
      *list = block->next;
      free(block);
    }
  }
  cache = (thread_cache){0};
}

// --- Blocks -------------------------------------------------------------------------------------
static size_t rounded(size_t bytes) {
  int c = class_of(bytes);
  return cache.on && c <= CLASS_MAX ? (size_t)1 << c : bytes ? bytes : 1;
}

void *leat__alloc(size_t bytes) {
  if (refused(bytes)) return NULL;
  void *block = cache.on ? cache_take(bytes, false) : NULL;
  return block ? block : malloc(rounded(bytes));
}

void *leat__calloc(size_t count, size_t bytes) {
  if (bytes && count > SIZE_MAX / bytes) return NULL;
  if (refused(count * bytes)) return NULL;
  void *block = cache.on ? cache_take(count * bytes, false) : NULL;
  if (block) return memset(block, 0, count * bytes);
  return calloc(1, rounded(count * bytes));
}

void *leat__realloc(void *block, size_t bytes) {
  if (refused(bytes)) return NULL;
  if (!cache.on || class_of(bytes) > CLASS_MAX) return realloc(block, bytes ? bytes : 1);
  size_t room = block ? malloc_usable_size(block) : 0;
  if (block && room >= bytes && room / 4 <= bytes) return block;
  void *grown = cache_take(bytes, false);
  if (!grown) grown = malloc(rounded(bytes));
  if (!grown || !block) return grown;
  memcpy(grown, block, room < bytes ? room : bytes);
  leat__free(block);
  return grown;
}

void *leat__alloc_aligned(size_t bytes) {
  if (bytes > SIZE_MAX - 63 || refused(bytes)) return NULL;
  void *block = cache.on ? cache_take(bytes, true) : NULL;
  return block ? block : aligned_alloc(64, (rounded(bytes) + 63) & ~(size_t)63);
}

void leat__free(void *block) {
  if (block && cache.on && cache_put(block)) return;
  free(block);
}

leat_status leat__oom(leat_error *err, size_t bytes) {
  return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "out of memory (%zu bytes)", bytes);
}

void leat__bug_at(const char *file, int line, const char *what) {
  fprintf(stderr, "leat: internal error at %s:%d: %s\n", file, line, what);
  abort();
}
