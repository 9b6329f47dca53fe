// Mergeable accumulators: moments, quantiles, counts, covariance.
// SPDX-License-Identifier: Apache-2.0
#include "flow/accumulate.h"

#include <math.h>
#include <stdlib.h>

// --- Moments ------------------------------------------------------------------------------------
void leat_moments_add(leat_moments *m, double value) {
  if (value != value) {
    m->missing++;
    return;
  }
  double delta = value - m->mean;
  if (m->count == 0 || value < m->least) m->least = value;
  if (m->count == 0 || value > m->greatest) m->greatest = value;
  m->count++;
  m->mean += delta / m->count;
  m->squares += delta * (value - m->mean);
}

void leat_moments_add_times(leat_moments *m, double value, int64_t times) {
  leat_moments many = {.count = (double)times, .mean = value, .least = value, .greatest = value};
  if (value != value) many = (leat_moments){.missing = (double)times};
  leat_moments_merge(m, &many);
}

// Two passes over the block, then Chan's merge: no division a value.
void leat_moments_add_many(leat_moments *m, const double *values, size_t count) {
  leat_moments block = {.count = (double)count};
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    if (values[i] != values[i]) {  // rare: the slow way
      for (size_t k = 0; k < count; k++) leat_moments_add(m, values[k]);
      return;
    }
    sum += values[i];
  }
  if (!count) return;
  block.mean = sum / block.count;
  block.least = block.greatest = values[0];
  for (size_t i = 0; i < count; i++) {
    double delta = values[i] - block.mean;
    block.squares += delta * delta;
    if (values[i] < block.least) block.least = values[i];
    if (values[i] > block.greatest) block.greatest = values[i];
  }
  leat_moments_merge(m, &block);
}

void leat_moments_merge(leat_moments *into, const leat_moments *from) {
  double missing = into->missing + from->missing, count = into->count + from->count;
  if (from->count == 0 || into->count == 0) {
    if (into->count == 0) *into = *from;
    into->missing = missing;
    return;
  }
  double delta = from->mean - into->mean;
  into->squares += from->squares + delta * delta * into->count * from->count / count;
  into->mean += delta * from->count / count;
  if (from->least < into->least) into->least = from->least;
  if (from->greatest > into->greatest) into->greatest = from->greatest;
  into->count = count;
  into->missing = missing;
}

double leat_moments_stddev(const leat_moments *m) {
  return m->count > 0 ? sqrt(m->squares / m->count) : 0;
}

// --- Quantiles ----------------------------------------------------------------------------------
// Keys whose unsigned order is that of the doubles.
static uint64_t to_key(double value) {
  uint64_t bits;
  memcpy(&bits, &value, 8);
  return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}
static double from_key(uint64_t key) {
  uint64_t bits = key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key;
  double value;
  memcpy(&value, &bits, 8);
  return value;
}

// Counting sort by digits of 11 bits, the lowest first; digits that all keys share are passed over.
static void sort_values(double *at, size_t count, uint64_t *keys) {
  enum { BITS = 11, DIGITS = 6, SIZE = 1 << BITS };
  uint32_t counts[DIGITS][SIZE] = {{0}};
  uint64_t *from = keys, *to = keys + count;
  for (size_t i = 0; i < count; i++) {
    uint64_t key = from[i] = to_key(at[i]);
    for (int d = 0; d < DIGITS; d++) counts[d][key >> (BITS * d) & (SIZE - 1)]++;
  }
  for (int d = 0; d < DIGITS; d++) {
    uint32_t *c = counts[d], sum = 0;
    if (c[from[0] >> (BITS * d) & (SIZE - 1)] == count) continue;
    for (int i = 0; i < SIZE; i++) {
      uint32_t here = c[i];
      c[i] = sum;
      sum += here;
    }
    for (size_t i = 0; i < count; i++) to[c[from[i] >> (BITS * d) & (SIZE - 1)]++] = from[i];
    uint64_t *kept = from;
    from = to;
    to = kept;
  }
  for (size_t i = 0; i < count; i++) at[i] = from_key(from[i]);
}

static leat_status sort_level(double *at, size_t count, leat_error *err) {
  uint64_t *keys = leat__alloc(2 * count * sizeof *keys);
  if (!keys) return leat__oom(err, 2 * count * sizeof *keys);
  sort_values(at, count, keys);
  leat__free(keys);
  return LEAT_OK;
}

// A full level is sorted; every second item goes up and stands for two.
static leat_status compact(leat_quantiles *q, leat_error *err) {
  for (int i = 0; i + 1 < LEAT_QUANTILES_LEVELS; i++) {
    size_t count = q->level[i].count, even = count & ~(size_t)1;
    if (count < LEAT_QUANTILES_EXACT) continue;
    double *at = q->level[i].at;
    if (!leat_vec_reserve(&q->level[i + 1], even / 2)) return leat__oom(err, even * sizeof *at);
    leat_status status = sort_level(at, even, err);
    if (status) return status;
    for (size_t k = q->coins >> i & 1; k < even; k += 2)
      q->level[i + 1].at[q->level[i + 1].count++] = at[k];
    q->coins ^= UINT64_C(1) << i;
    if (even < count) at[0] = at[even];
    q->level[i].count = count - even;
  }
  return LEAT_OK;
}

leat_status leat_quantiles_add(leat_quantiles *q, double value, leat_error *err) {
  if (value != value) return LEAT_OK;
  if (!leat_vec_push(&q->level[0], value)) return leat__oom(err, sizeof value);
  q->count++;
  return q->level[0].count >= LEAT_QUANTILES_EXACT ? compact(q, err) : LEAT_OK;
}

// An item of level i for each bit i of `times`.
leat_status leat_quantiles_add_times(leat_quantiles *q, double value, int64_t times,
                                     leat_error *err) {
  if (value != value) return LEAT_OK;
  for (int i = 0; i < LEAT_QUANTILES_LEVELS && times >> i; i++)
    if (times >> i & 1 && !leat_vec_push(&q->level[i], value)) return leat__oom(err, sizeof value);
  q->count += (double)times;
  return compact(q, err);
}

leat_status leat_quantiles_merge(leat_quantiles *into, const leat_quantiles *from,
                                 leat_error *err) {
  for (int i = 0; i < LEAT_QUANTILES_LEVELS; i++) {
    size_t count = from->level[i].count;
    if (!leat_vec_reserve(&into->level[i], count)) return leat__oom(err, count * sizeof(double));
    for (size_t k = 0; k < count; k++)
      into->level[i].at[into->level[i].count++] = from->level[i].at[k];
  }
  into->count += from->count;
  return compact(into, err);
}

typedef struct weighted {
  double value, weight;
} weighted;

static int by_weighted(const void *a, const void *b) {
  double x = ((const weighted *)a)->value, y = ((const weighted *)b)->value;
  return (x > y) - (x < y);
}

leat_status leat_quantiles_read(const leat_quantiles *q, const double *fractions, size_t count,
                                double *out, leat_error *err) {
  size_t items = 0, at = 0;
  for (int i = 0; i < LEAT_QUANTILES_LEVELS; i++) items += q->level[i].count;
  weighted *all = leat__alloc(sizeof *all * (items + 1));
  if (!all) return leat__oom(err, sizeof *all * items);
  double total = 0, below = 0;
  for (int i = 0; i < LEAT_QUANTILES_LEVELS; i++)
    for (size_t k = 0; k < q->level[i].count; k++, at++) {
      all[at] = (weighted){q->level[i].at[k], ldexp(1, i)};
      total += all[at].weight;
    }
  qsort(all, items, sizeof *all, by_weighted);
  at = 0;
  for (size_t i = 0; i < count; i++) {
    double rank = fractions[i] * total;
    while (at + 1 < items && below + all[at].weight <= rank) below += all[at++].weight;
    out[i] = items ? all[at].value : NAN;
  }
  leat__free(all);
  return LEAT_OK;
}

void leat_quantiles_bins(const leat_quantiles *q, const double *edges, size_t bins, double *out) {
  for (size_t i = 0; i < bins; i++) out[i] = 0;
  for (int i = 0; bins && i < LEAT_QUANTILES_LEVELS; i++)
    for (size_t k = 0; k < q->level[i].count; k++) {
      double value = q->level[i].at[k];
      if (!(value >= edges[0] && value <= edges[bins])) continue;
      size_t low = 0, high = bins;  // edges[low] <= value
      while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (edges[middle] <= value)
          low = middle;
        else
          high = middle;
      }
      out[low] += ldexp(1, i);
    }
}

void leat_quantiles_deinit(leat_quantiles *q) {
  for (int i = 0; i < LEAT_QUANTILES_LEVELS; i++) leat_vec_deinit(&q->level[i]);
}

// --- Counts -------------------------------------------------------------------------------------
static int by_count_then_bytes(const void *a, const void *b) {
  const leat_word_count *x = a, *y = b;
  if (x->count != y->count) return x->count < y->count ? 1 : -1;
  return leat_str_cmp(x->word, y->word);
}

static int by_bytes(const void *a, const void *b) {
  return leat_str_cmp(((const leat_word_count *)a)->word, ((const leat_word_count *)b)->word);
}

static leat_status insert(leat_counts *c, leat_str word, int64_t times, leat_error *err) {
  char *kept = leat_arena_str(&c->words, word);
  leat_map_entry *entry = kept ? leat_map_insert(&c->map, (leat_str){kept, word.len}, NULL) : NULL;
  if (!entry) return leat__oom(err, word.len);
  entry->value.num = times;
  return LEAT_OK;
}

// The least count that at least half of the words do not exceed.
static int64_t rare_count(const leat_counts *c) {
  enum { SEEN = 1024 };
  size_t by_count[SEEN] = {0}, below = 0;
  for (size_t i = 0; i < c->map.count; i++) {
    int64_t n = c->map.entries[i].value.num;
    by_count[n < SEEN ? n : SEEN - 1]++;
  }
  for (int64_t n = 0; n < SEEN - 1; n++)
    if ((below += by_count[n]) * 2 >= c->map.count) return n;
  return 0;
}

// The words above a count, in a map and an arena of their own. Where half of the words are very
// frequent, the more frequent half.
static leat_status forget(leat_counts *c, leat_error *err) {
  leat_word_counts all = {0};
  leat_counts kept = {.count = c->count, .limit = c->limit, .forgotten = c->forgotten};
  int64_t rare = rare_count(c);
  leat_status status = LEAT_OK;
  if (!rare) status = leat_counts_read(c, c->limit / 2, 0, true, &all, err);
  if (all.count) rare = all.at[all.count - 1].count;
  for (size_t i = 0; !status && i < all.count; i++)
    status = insert(&kept, all.at[i].word, all.at[i].count, err);
  for (size_t i = 0; !status && !all.count && i < c->map.count; i++)
    if (c->map.entries[i].value.num > rare)
      status = insert(&kept, c->map.entries[i].key, c->map.entries[i].value.num, err);
  kept.forgotten += rare;
  leat_vec_deinit(&all);
  leat_counts old = *c;
  *c = status ? old : kept;
  leat_counts_deinit(status ? &kept : &old);
  return status;
}

leat_status leat_counts_add(leat_counts *c, leat_str word, int64_t times, leat_error *err) {
  leat_map_entry *entry = leat_map_find(&c->map, word);
  c->count += (double)times;
  if (entry) return entry->value.num += times, LEAT_OK;
  leat_status status = insert(c, word, times, err);
  if (!status && c->limit && (int64_t)c->map.count > c->limit) status = forget(c, err);
  return status;
}

leat_status leat_counts_merge(leat_counts *into, const leat_counts *from, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < from->map.count; i++)
    status = leat_counts_add(into, from->map.entries[i].key, from->map.entries[i].value.num, err);
  into->forgotten += from->forgotten;
  return status;
}

leat_status leat_counts_read(const leat_counts *c, int64_t top_k, int64_t min_count, bool by_count,
                             leat_word_counts *out, leat_error *err) {
  out->count = 0;
  for (size_t i = 0; i < c->map.count; i++) {
    leat_word_count item = {c->map.entries[i].key, c->map.entries[i].value.num};
    if (item.count >= min_count && !leat_vec_push(out, item)) return leat__oom(err, sizeof item);
  }
  if (!out->count) return LEAT_OK;
  qsort(out->at, out->count, sizeof *out->at, by_count_then_bytes);
  if (top_k > 0 && (size_t)top_k < out->count) out->count = (size_t)top_k;
  if (!by_count) qsort(out->at, out->count, sizeof *out->at, by_bytes);
  return LEAT_OK;
}

void leat_counts_deinit(leat_counts *c) {
  leat_map_deinit(&c->map);
  leat_arena_deinit(&c->words);
}

// --- Distinct values ----------------------------------------------------------------------------
void leat_distinct_add(leat_distinct *d, leat_str value) {
  uint64_t hash = leat__hash_bytes(value.ptr, value.len);
  hash = (hash ^ hash >> 31) * UINT64_C(0x94D049BB133111EB);  // all bits must be good here
  hash ^= hash >> 32;
  uint8_t rank = (uint8_t)(__builtin_clzll(hash << 12 | 1 << 11) + 1);
  uint8_t *at = &d->registers[hash >> 52];
  if (rank > *at) *at = rank;
}

void leat_distinct_merge(leat_distinct *into, const leat_distinct *from) {
  for (int i = 0; i < LEAT_DISTINCT_REGISTERS; i++)
    if (from->registers[i] > into->registers[i]) into->registers[i] = from->registers[i];
}

double leat_distinct_read(const leat_distinct *d) {
  double m = LEAT_DISTINCT_REGISTERS, sum = 0;
  int empty = 0;
  for (int i = 0; i < LEAT_DISTINCT_REGISTERS; i++) {
    sum += ldexp(1, -d->registers[i]);
    empty += !d->registers[i];
  }
  double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  return estimate <= 2.5 * m && empty ? m * log(m / empty) : estimate;
}

// --- Covariance ---------------------------------------------------------------------------------
leat_status leat_covariance_init(leat_covariance *c, int size, leat_error *err) {
  size_t n = (size_t)size;
  *c = (leat_covariance){.size = size};
  c->mean = leat__calloc(n + n * n + 1, sizeof *c->mean);
  if (!c->mean) return leat__oom(err, (n + n * n) * sizeof *c->mean);
  c->comoments = c->mean + n;
  return LEAT_OK;
}

void leat_covariance_deinit(leat_covariance *c) {
  leat__free(c->mean);
  *c = (leat_covariance){0};
}

// into += from, where from has `count` rows of mean `mean` and co-moments (NULL: zero).
static void merge_rows(leat_covariance *into, double count, const double *mean,
                       const double *comoments) {
  double total = into->count + count, scale = total > 0 ? into->count * count / total : 0;
  int n = into->size;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < n; k++)
      into->comoments[i * n + k] += (comoments ? comoments[i * n + k] : 0) +
                                    (mean[i] - into->mean[i]) * (mean[k] - into->mean[k]) * scale;
  for (int i = 0; total > 0 && i < n; i++)
    into->mean[i] += (mean[i] - into->mean[i]) * count / total;
  into->count = total;
}

leat_status leat_covariance_add(leat_covariance *c, const double *row, leat_error *err) {
  for (int i = 0; i < c->size; i++)
    if (!(row[i] - row[i] == 0)) return LEAT_OK;  // a row with a missing value does not count
  (void)err;
  merge_rows(c, 1, row, NULL);
  return LEAT_OK;
}

leat_status leat_covariance_merge(leat_covariance *into, const leat_covariance *from,
                                  leat_error *err) {
  if (into->size != from->size)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "covariance of %d columns and of %d",
                          into->size, from->size);
  merge_rows(into, from->count, from->mean, from->comoments);
  return LEAT_OK;
}

void leat_covariance_read(const leat_covariance *c, double *out) {
  int n = c->size;
  for (int i = 0; i < n * n; i++) out[i] = c->count > 0 ? c->comoments[i] / c->count : 0;
}

// One Jacobi rotation that zeroes a[p][q] of a symmetric matrix; the rows of v turn along.
static void rotate(double *a, double *v, int n, int p, int q) {
  double apq = a[p * n + q];
  if (apq == 0) return;
  double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
  double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
  double c = 1 / sqrt(t * t + 1), s = t * c;
  for (int k = 0; k < n; k++) {
    double x = a[k * n + p], y = a[k * n + q];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (int k = 0; k < n; k++) {
    double x = a[p * n + k], y = a[q * n + k];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
    x = v[p * n + k], y = v[q * n + k];
    v[p * n + k] = c * x - s * y;
    v[q * n + k] = s * x + c * y;
  }
}

static double off_diagonal(const double *a, int n) {
  double sum = 0;
  for (int i = 0; i < n; i++)
    for (int k = 0; k < i; k++) sum += a[i * n + k] * a[i * n + k];
  return sum;
}

// Sorts by falling eigenvalue and fixes each vector's sign.
static void arrange(double *values, double *v, int n) {
  for (int i = 0; i < n; i++) {
    int best = i, big = 0;
    for (int k = i + 1; k < n; k++)
      if (values[k] > values[best]) best = k;
    double kept = values[i];
    values[i] = values[best];
    values[best] = kept;
    for (int k = 0; k < n; k++) {
      kept = v[i * n + k];
      v[i * n + k] = v[best * n + k];
      v[best * n + k] = kept;
    }
    for (int k = 1; k < n; k++)
      if (fabs(v[i * n + k]) > fabs(v[i * n + big])) big = k;
    double sign = v[i * n + big] < 0 ? -1 : 1;
    for (int k = 0; k < n; k++) v[i * n + k] *= sign;
  }
}

leat_status leat_covariance_pca(const leat_covariance *c, double *values, double *vectors,
                                leat_error *err) {
  int n = c->size;
  double *a = leat__alloc(sizeof *a * (size_t)(n * n + 1));
  if (!a) return leat__oom(err, sizeof *a * (size_t)(n * n));
  leat_covariance_read(c, a);
  for (int i = 0; i < n * n; i++) vectors[i] = i % (n + 1) == 0;
  for (int sweep = 0; sweep < 60 && off_diagonal(a, n) > 0; sweep++)
    for (int p = 0; p < n; p++)
      for (int q = p + 1; q < n; q++) rotate(a, vectors, n, p, q);
  for (int i = 0; i < n; i++) values[i] = a[i * n + i];
  arrange(values, vectors, n);
  leat__free(a);
  return LEAT_OK;
}
