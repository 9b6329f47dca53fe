// Counting requests and times of a served version.
// SPDX-License-Identifier: Apache-2.0
#include "serve/stats.h"

#include "base/clock.h"

void leat_histogram_add(leat_histogram *h, int64_t value) {
  int bucket = value <= 1 ? 0 : 64 - __builtin_clzll((unsigned long long)value - 1);
  if (bucket >= LEAT_HISTOGRAM_BUCKETS) bucket = LEAT_HISTOGRAM_BUCKETS - 1;
  leat_count_add(&h->buckets[bucket], 1);
  leat_count_add(&h->sum, value);
}

int64_t leat_histogram_count(const leat_histogram *h) {
  int64_t count = 0;
  for (int i = 0; i < LEAT_HISTOGRAM_BUCKETS; i++) count += leat_count(&h->buckets[i]);
  return count;
}

void leat_stats_request(leat_stats *s, leat_status status, int64_t started, int64_t now) {
  int64_t ns = now - started;
  leat_count_add(status ? &s->failed : &s->succeeded, 1);
  leat_count_add(status ? &s->failure_ns : &s->success_ns, ns);
  if (status && status <= LEAT_UNAUTHENTICATED) leat_count_add(&s->by_status[status], 1);
  leat_histogram_add(&s->latency_us, ns / 1000);
  atomic_store_explicit(&s->last_ns, now, memory_order_relaxed);
}

int64_t leat_stats_last_ms(const leat_stats *s) {
  int64_t last = leat_count(&s->last_ns);
  return last ? (int64_t)(leat_clock_wall() * 1e3) - (leat_clock_ns() - last) / 1000000 : 0;
}

void leat_stats_run(leat_stats *s, int64_t rows, int64_t ns) {
  int64_t each = ns / (rows > 0 ? rows : 1), mean = leat_count(&s->row_ns);
  leat_count_add(&s->stage_ns[LEAT_STAGE_RUN], ns);
  leat_histogram_add(&s->run_us, ns / 1000);
  leat_histogram_add(&s->run_rows, rows);
  atomic_store_explicit(&s->row_ns, mean ? mean + (each - mean) / 8 : each, memory_order_relaxed);
}
