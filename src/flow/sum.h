// Sum: of doubles, to the same bits whatever their order and however they were parted.
// SPDX-License-Identifier: Apache-2.0
//
// The line of numbers is cut into bins of 32 bits at fixed places; each double is at most three
// whole numbers in neighbouring bins, and whole numbers add up in any order. Kept are the four bins
// from the highest one that a value reached: 97 bits or more from the greatest value down, so that
// n values of size at most m are summed to within n m 2^-96, then rounded once, to nearest even.
// (The idea: Demmel and Nguyen, Parallel Reproducible Summation, 2015.)
#ifndef LEAT_FLOW_SUM_H
#define LEAT_FLOW_SUM_H

#include "leat/api.h"

#include <stdbool.h>
#include <stdint.h>

enum { LEAT_SUM_BINS = 4 };

typedef struct leat_sum {                   // zero-initialised is an empty sum
  __int128 bins[LEAT_SUM_BINS];             // [i]: units of bin `top` - i; never overflows
  int32_t top;                              // number of the highest bin that a value reached
  bool nan, plus_infinity, minus_infinity;  // a value was
} leat_sum;

void leat_sum_add(leat_sum *s, double value);
void leat_sum_merge(leat_sum *into, const leat_sum *from);
// An infinity where the sum is too great for a double; 0 of an empty one.
double leat_sum_read(const leat_sum *s);

// --- Mean and deviation, likewise
// -----------------------------------------------------------------
typedef struct leat_spread {  // zero-initialised is an empty one
  int64_t count, missing;     // missing: NaN and infinities, which enter nothing else
  leat_sum values, squares;   // of sizes below 2^500, to be exact
  double least, greatest;     // 0 of an empty one
} leat_spread;

void leat_spread_add(leat_spread *s, double value);
void leat_spread_merge(leat_spread *into, const leat_spread *from);
double leat_spread_mean(const leat_spread *s);    // 0 of an empty one
double leat_spread_stddev(const leat_spread *s);  // of the population; 0 where all are equal

#endif
