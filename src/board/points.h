// Points of a scalar: sealed blocks of 256, packed, and the newest ones open.
// SPDX-License-Identifier: Apache-2.0
//
//   blocks: [256 points] [256 points] ...   open: up to 255 points as they came
//
// Steps and the bits of wall times are kept as differences above the least of their block, each in
// as many bits as the greatest needs; values as they are. A steady log takes 5 to 8 bytes a point.
#ifndef LEAT_BOARD_POINTS_H
#define LEAT_BOARD_POINTS_H

#include "base/mem.h"

enum { LEAT_BLOCK_POINTS = 256 };

typedef struct leat_point {
  double wall;  // seconds since 1970
  int64_t step;
  float value;
} leat_point;

typedef struct leat_block leat_block;

typedef struct leat_points {  // zero-initialised is empty
  leat_block **blocks;
  int64_t *steps;  // of the open points: steps, wall times and values, in one piece of memory
  double *walls;
  float *values;
  int64_t last;  // step
  uint32_t block_count, block_cap;
  uint32_t open_count, open_cap;
  bool unsorted;  // a step was below the one before it
} leat_points;

bool leat__points_grow(leat_points *p);  // room for an open point
bool leat__points_seal(leat_points *p);  // the open ones are as many as a block has

// Appends. false: no memory, the points are as they were.
static inline bool leat_points_add(leat_points *p, const leat_point *point) {
  uint32_t n = p->open_count;
  if (n == p->open_cap && !leat__points_grow(p)) return false;
  p->steps[n] = point->step;
  p->walls[n] = point->wall;
  p->values[n] = point->value;
  p->unsorted |= point->step < p->last;
  p->last = point->step;
  p->open_count = n + 1;
  return n + 1 < LEAT_BLOCK_POINTS || leat__points_seal(p);
}
static inline size_t leat_points_count(const leat_points *p) {
  return (size_t)p->block_count * LEAT_BLOCK_POINTS + p->open_count;
}
// Copies the points [from, from + count) that are there; how many.
size_t leat_points_read(const leat_points *p, size_t from, size_t count, leat_point *out);
// The first point whose step is at least that (binary search); of points that are not unsorted.
size_t leat_points_find(const leat_points *p, int64_t step);
// Drops the points at that step and behind it. false: no memory, some may be left.
bool leat_points_purge(leat_points *p, int64_t step);
void leat_points_trim(leat_points *p);  // gives back what the open ones do not need
size_t leat_points_bytes(const leat_points *p);
void leat_points_deinit(leat_points *p);

#endif
