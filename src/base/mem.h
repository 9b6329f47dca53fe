// The allocator at the root: every heap block of the library comes from here.
// SPDX-License-Identifier: Apache-2.0
//
// All functions return NULL when memory is exhausted; callers turn that into
// LEAT_RESOURCE_EXHAUSTED (leat__oom). Tests replace the hook to fail the n-th allocation.
#ifndef LEAT_BASE_MEM_H
#define LEAT_BASE_MEM_H

#include "leat/error.h"

void *leat__alloc(size_t bytes);                 // uninitialised; 0 bytes gives a unique pointer
void *leat__calloc(size_t count, size_t bytes);  // zeroed; NULL when count * bytes overflows
void *leat__realloc(void *block, size_t bytes);
void *leat__alloc_aligned(size_t bytes);  // 64-byte aligned, uninitialised; free with leat__free
void leat__free(void *block);

// Called before each allocation with its size; returning false makes that allocation fail.
// NULL (the default) lets all pass. Not thread safe: set it before threads start.
extern bool (*leat__alloc_hook)(size_t bytes);

// This thread keeps what it frees and takes it again (up to a few MB, by size): a steady round of
// work then asks the system for nothing. Off at first; turning it off gives everything back.
void leat_mem_cache(bool on);

// "out of memory (N bytes)" as LEAT_RESOURCE_EXHAUSTED.
leat_status leat__oom(leat_error *err, size_t bytes);

// Our own broken invariant: prints where and aborts. Never reached by bad input.
_Noreturn void leat__bug_at(const char *file, int line, const char *what);
#define leat_bug(what) leat__bug_at(__FILE__, __LINE__, what)

#endif
