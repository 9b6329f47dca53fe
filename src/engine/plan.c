// Memory plan: places in one arena for values that live for a while.
// SPDX-License-Identifier: Apache-2.0
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

static int64_t rounded(int64_t bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

static int larger_first(const void *a, const void *b) {
  const leat_planned *x = *(leat_planned *const *)a, *y = *(leat_planned *const *)b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return x < y ? -1 : 1;
}

static bool together(const leat_planned *a, const leat_planned *b) {
  return a->first <= b->last && b->first <= a->last;
}

// The lowest place where `v` meets none of the placed ones that live with it.
static int64_t lowest_place(const leat_planned *v, leat_planned *const *placed, int count) {
  int64_t at = 0;
  for (bool moved = true; moved;) {
    moved = false;
    for (int i = 0; i < count; i++) {
      const leat_planned *o = placed[i];
      bool apart = at + rounded(v->bytes) <= o->offset || o->offset + rounded(o->bytes) <= at;
      if (apart || !together(v, o)) continue;
      at = o->offset + rounded(o->bytes);
      moved = true;
    }
  }
  return at;
}

// Places all in this order; *top becomes the position of the first that reaches the end.
static int64_t place(leat_planned *const *order, int count, int *top) {
  int64_t total = 0;
  for (int i = 0; i < count; i++) {
    order[i]->offset = lowest_place(order[i], order, i);
    int64_t end = order[i]->offset + rounded(order[i]->bytes);
    if (end <= total) continue;
    total = end;
    *top = i;
  }
  return total;
}

static void move_to_front(leat_planned **order, int at) {
  leat_planned *v = order[at];
  memmove(order + 1, order, sizeof *order * (size_t)at);
  order[0] = v;
}

enum { TRIES = 64 };

// The value that reaches the end is placed first the next time, until nothing can be gained or
// tries run out; *best keeps the offsets of the smallest.
static int64_t improve(leat_planned *values, int count, leat_planned **order, int64_t *best) {
  int64_t least = leat__plan_bound(values, count), total = INT64_MAX;
  for (int try = 0; try < TRIES && total > least; try++) {
    int top = 0;
    int64_t now = place(order, count, &top);
    if (now < total)
      for (int i = 0; i < count; i++) best[i] = values[i].offset;
    if (now < total) total = now;
    move_to_front(order, top);
  }
  for (int i = 0; i < count; i++) values[i].offset = best[i];
  return total;
}

int64_t leat__plan(leat_planned *values, int count) {
  leat_planned **order = leat__alloc(sizeof *order * (size_t)(count + 1));
  int64_t *best = leat__alloc(sizeof *best * (size_t)(count + 1)), total = -1;
  for (int i = 0; order && i < count; i++) order[i] = &values[i];
  if (order) qsort(order, (size_t)count, sizeof *order, larger_first);
  if (order && best) total = count ? improve(values, count, order, best) : 0;
  leat__free(order);
  leat__free(best);
  return total;
}

int64_t leat__plan_bound(const leat_planned *values, int count) {
  int64_t most = 0;
  for (int i = 0; i < count; i++) {
    int64_t alive = 0;
    for (int k = 0; k < count; k++)
      if (values[k].first <= values[i].first && values[i].first <= values[k].last)
        alive += rounded(values[k].bytes);
    if (alive > most) most = alive;
  }
  return most;
}
