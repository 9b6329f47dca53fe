// Memory plan: places in one arena for values that live for a while.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_PLAN_H
#define LEAT_ENGINE_PLAN_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct leat_planned {
  int64_t bytes;    // wanted
  int first, last;  // group that makes it, last group that reads it
  int64_t offset;   // given
} leat_planned;

// Largest first, each at the lowest offset that is free while it lives, then orders that put what
// reached the end first, and the smallest of all; offsets are multiples of 64. Returns the arena's
// size, or -1 without memory for the work.
int64_t leat__plan(leat_planned *values, int count);
// What no plan can go below: the most bytes alive at once.
int64_t leat__plan_bound(const leat_planned *values, int count);

#endif
