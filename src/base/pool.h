// Thread pool: a fixed set of threads that split a loop with its caller.
// SPDX-License-Identifier: Apache-2.0
//
// One loop runs at a time; a loop started while another runs is done by its caller alone. After a
// fork the child's pool has no threads and does everything in the caller.
#ifndef LEAT_BASE_POOL_H
#define LEAT_BASE_POOL_H

#include "leat/error.h"

typedef struct leat_pool leat_pool;

// threads counts the caller: 1 (or less) starts none.
leat_status leat_pool_new(leat_pool **out, int threads, leat_error *err);
void leat_pool_free(leat_pool *pool);          // NULL allowed
int leat_pool_threads(const leat_pool *pool);  // 1 for NULL
// Calls fn(ctx, part) for each part in [0, parts), in any order, and waits. NULL pool: in order.
void leat_pool_run(leat_pool *pool, int64_t parts, void (*fn)(void *ctx, int64_t part), void *ctx);

#endif
