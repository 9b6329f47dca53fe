// What is counted of a served version: requests, rows, times; read while they change.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SERVE_STATS_H
#define LEAT_SERVE_STATS_H

#include "leat/error.h"

#include <stdatomic.h>

enum { LEAT_HISTOGRAM_BUCKETS = 24 };

typedef struct leat_histogram {
  atomic_llong buckets[LEAT_HISTOGRAM_BUCKETS];  // bucket i: up to 2^i; the last one: more
  atomic_llong sum;
} leat_histogram;

// The parts of a request, in the order that they are done.
typedef enum leat_stage {
  LEAT_STAGE_QUEUE,
  LEAT_STAGE_READ,
  LEAT_STAGE_RUN,
  LEAT_STAGE_WRITE,
  LEAT_STAGES
} leat_stage;

typedef struct leat_stats {
  atomic_llong succeeded, failed;       // requests
  atomic_llong success_ns, failure_ns;  // of them, from first byte to answer
  atomic_llong stage_ns[LEAT_STAGES];
  atomic_llong last_ns;        // when the last request was answered, by leat_clock_ns; 0 = none
  atomic_llong by_status[17];  // failed ones, by leat_status
  atomic_llong row_ns;         // moving mean of what a row costs to run
  leat_histogram latency_us, run_us;
  leat_histogram run_rows;  // of the graph's runs; their sum: rows that were predicted
} leat_stats;

void leat_histogram_add(leat_histogram *histogram, int64_t value);
// One request is answered; times by leat_clock_ns.
void leat_stats_request(leat_stats *stats, leat_status status, int64_t started, int64_t now);
void leat_stats_run(leat_stats *stats, int64_t rows, int64_t ns);
int64_t leat_stats_last_ms(const leat_stats *stats);  // wall clock of the last request; 0 = none
int64_t leat_histogram_count(const leat_histogram *histogram);
static inline int64_t leat_count(const atomic_llong *of) {
  return atomic_load_explicit(of, memory_order_relaxed);
}
static inline void leat_count_add(atomic_llong *to, int64_t more) {
  atomic_fetch_add_explicit(to, more, memory_order_relaxed);
}

#endif
