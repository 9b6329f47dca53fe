// The allocator at the root, with the hook that fault tests use.
// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

bool (*leat__alloc_hook)(size_t bytes);

static bool refused(size_t bytes) { return leat__alloc_hook && !leat__alloc_hook(bytes); }

void *leat__alloc(size_t bytes) { return refused(bytes) ? NULL : malloc(bytes ? bytes : 1); }

void *leat__calloc(size_t count, size_t bytes) {
  if (bytes && count > SIZE_MAX / bytes) return NULL;
  return refused(count * bytes) ? NULL : calloc(count ? count : 1, bytes ? bytes : 1);
}

void *leat__realloc(void *block, size_t bytes) {
  return refused(bytes) ? NULL : realloc(block, bytes ? bytes : 1);
}

void *leat__alloc_aligned(size_t bytes) {
  if (bytes > SIZE_MAX - 63 || refused(bytes)) return NULL;
  return aligned_alloc(64, bytes ? (bytes + 63) & ~(size_t)63 : 64);
}

void leat__free(void *block) { free(block); }

leat_status leat__oom(leat_error *err, size_t bytes) {
  return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "out of memory (%zu bytes)", bytes);
}

void leat__bug_at(const char *file, int line, const char *what) {
  fprintf(stderr, "leat: internal error at %s:%d: %s\n", file, line, what);
  abort();
}
