// Mergeable accumulators of a pass over data: add values, merge with another, read the result.
// SPDX-License-Identifier: Apache-2.0
//
// All are zero-initialised empty and take NaN as missing. Merging two gives what adding all values
// to one would give: to rounding for moments, within the stated error for quantiles.
#ifndef LEAT_FLOW_ACCUMULATE_H
#define LEAT_FLOW_ACCUMULATE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"

// --- Moments: Welford's update, merged by Chan, Golub and LeVeque (1979) ------------------------
typedef struct leat_moments {
  double count, missing, mean, squares;  // squares: sum of squared differences from the mean
  double least, greatest;                // of an empty one: 0
} leat_moments;
void leat_moments_add(leat_moments *m, double value);
void leat_moments_add_times(leat_moments *m, double value, int64_t times);
// Many at once: quicker than one by one, equal to rounding.
void leat_moments_add_many(leat_moments *m, const double *values, size_t count);
void leat_moments_merge(leat_moments *into, const leat_moments *from);
double leat_moments_stddev(const leat_moments *m);  // of the population; 0 when empty

// --- Quantiles: a deterministic KLL sketch (Karnin, Lang, Liberty 2016) -------------------------
// Exact up to LEAT_QUANTILES_EXACT values, then within about 0.2 % of the rank.
enum { LEAT_QUANTILES_EXACT = 4096, LEAT_QUANTILES_LEVELS = 40 };
typedef struct leat_quantiles {
  LEAT_VEC(double) level[LEAT_QUANTILES_LEVELS];  // an item of level i stands for 2^i values
  uint64_t coins;                                 // bit i: which half level i keeps next
  double count;
} leat_quantiles;
leat_status leat_quantiles_add(leat_quantiles *q, double value, leat_error *err);
leat_status leat_quantiles_add_times(leat_quantiles *q, double value, int64_t times,
                                     leat_error *err);
leat_status leat_quantiles_merge(leat_quantiles *into, const leat_quantiles *from, leat_error *err);
// The values below which the given fractions (ascending, 0 to 1) of all values lie; NaN when empty.
leat_status leat_quantiles_read(const leat_quantiles *q, const double *fractions, size_t count,
                                double *out, leat_error *err);
// How many values lie in each of the bins between ascending edges (bins + 1 of them); the last bin
// has its upper edge.
void leat_quantiles_bins(const leat_quantiles *q, const double *edges, size_t bins, double *out);
void leat_quantiles_deinit(leat_quantiles *q);

// --- Counts of strings --------------------------------------------------------------------------
// limit > 0: beyond that many distinct strings the rarest half or more is forgotten, so that memory
// stays bounded; `forgotten` then bounds how much any count may be too low.
typedef struct leat_counts {
  leat_map map;  // value.num: how often
  leat_arena words;
  double count;
  int64_t limit, forgotten;
} leat_counts;
leat_status leat_counts_add(leat_counts *c, leat_str word, int64_t times, leat_error *err);
leat_status leat_counts_merge(leat_counts *into, const leat_counts *from, leat_error *err);
// The words seen at least min_count times, the top_k most frequent of them (0: all), in byte order
// or by falling count (ties in byte order). The views live as long as the counts.
typedef struct leat_word_count {
  leat_str word;
  int64_t count;
} leat_word_count;
typedef LEAT_VEC(leat_word_count) leat_word_counts;
leat_status leat_counts_read(const leat_counts *c, int64_t top_k, int64_t min_count, bool by_count,
                             leat_word_counts *out, leat_error *err);
void leat_counts_deinit(leat_counts *c);

// --- How many different values: HyperLogLog (Flajolet and others 2007)
// ---------------------------- Within about 1.6 % (one standard deviation).
enum { LEAT_DISTINCT_REGISTERS = 4096 };
typedef struct leat_distinct {
  uint8_t registers[LEAT_DISTINCT_REGISTERS];  // the longest run of zeros seen, plus one
} leat_distinct;
void leat_distinct_add(leat_distinct *d, leat_str value);
void leat_distinct_merge(leat_distinct *into, const leat_distinct *from);
double leat_distinct_read(const leat_distinct *d);

// --- Covariance and principal components --------------------------------------------------------
typedef struct leat_covariance {
  int size;  // set before the first row
  double count;
  double *mean;       // (size)
  double *comoments;  // (size, size)
} leat_covariance;
leat_status leat_covariance_init(leat_covariance *c, int size, leat_error *err);
leat_status leat_covariance_add(leat_covariance *c, const double *row, leat_error *err);
leat_status leat_covariance_merge(leat_covariance *into, const leat_covariance *from,
                                  leat_error *err);
void leat_covariance_read(const leat_covariance *c, double *out);  // (size, size), population
// Eigenvalues, falling, and unit eigenvectors as rows (size, size), by cyclic Jacobi rotations. The
// entry of greatest size of each vector is positive.
leat_status leat_covariance_pca(const leat_covariance *c, double *values, double *vectors,
                                leat_error *err);
void leat_covariance_deinit(leat_covariance *c);

#endif
