// Mergeable accumulators: moments, quantiles, counts, covariance.
// SPDX-License-Identifier: Apache-2.0
#include "features/accumulate.h"

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
static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

// A full level is sorted; every second item goes up and stands for two.
static leat_status compact(leat_quantiles *q, leat_error *err) {
  for (int i = 0; i + 1 < LEAT_QUANTILES_LEVELS; i++) {
    size_t count = q->level[i].count, even = count & ~(size_t)1;
    if (count < LEAT_QUANTILES_EXACT) return LEAT_OK;
    double *at = q->level[i].at;
    qsort(at, even, sizeof *at, by_value);
    if (!leat_vec_reserve(&q->level[i + 1], even / 2)) return leat__oom(err, even * sizeof *at);
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

// Keeps the more frequent half, in a map and an arena of their own.
static leat_status forget(leat_counts *c, leat_error *err) {
  leat_word_counts all = {0};
  leat_counts kept = {.count = c->count, .limit = c->limit, .forgotten = c->forgotten};
  leat_status status = leat_counts_read(c, c->limit / 2, 0, true, &all, err);
  for (size_t i = 0; !status && i < all.count; i++)
    status = insert(&kept, all.at[i].word, all.at[i].count, err);
  if (!status && all.count) kept.forgotten += all.at[all.count - 1].count;
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
  qsort(out->at, out->count, sizeof *out->at, by_count_then_bytes);
  if (top_k > 0 && (size_t)top_k < out->count) out->count = (size_t)top_k;
  if (!by_count) qsort(out->at, out->count, sizeof *out->at, by_bytes);
  return LEAT_OK;
}

void leat_counts_deinit(leat_counts *c) {
  leat_map_deinit(&c->map);
  leat_arena_deinit(&c->words);
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
