// Counting requests and times of a served version.
// SPDX-License-Identifier: Apache-2.0
#include "serve/stats.h"

#include "base/clock.h"

void leat_histogram_add(leat_histogram *h, int64_t value) {
  int bucket = value <= 1 ? 0 : 64 - __builtin_clzll((unsigned long long)value - 1);
  if (bucket >= LEAT_HISTOGRAM_BUCKETS) bucket = LEAT_HISTOGRAM_BUCKETS - 1;
  leat_count_add(&h->buckets[bucket], 1);
  leat_count_add(&h->sum, value);
  leat_count_add(&h->count, 1);
}

void leat_stats_request(leat_stats *s, leat_status status, int64_t ns) {
  leat_count_add(status ? &s->failed : &s->succeeded, 1);
  leat_count_add(status ? &s->failure_ns : &s->success_ns, ns);
  if (status && status <= LEAT_UNAUTHENTICATED) leat_count_add(&s->by_status[status], 1);
  leat_histogram_add(&s->latency_us, ns / 1000);
  atomic_store_explicit(&s->last_ms, (long long)(leat_clock_wall() * 1e3), memory_order_relaxed);
}

void leat_stats_run(leat_stats *s, int64_t rows, int64_t ns) {
  int64_t each = ns / (rows > 0 ? rows : 1), mean = leat_count(&s->row_ns);
  leat_count_add(&s->rows, rows);
  leat_count_add(&s->runs, 1);
  leat_count_add(&s->stage_ns[LEAT_STAGE_RUN], ns);
  leat_histogram_add(&s->run_us, ns / 1000);
  leat_histogram_add(&s->batch_rows, rows);
  atomic_store_explicit(&s->row_ns, mean ? mean + (each - mean) / 8 : each, memory_order_relaxed);
}
