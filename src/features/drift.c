// Skew and drift: L-infinity of shares, Jensen-Shannon divergence of histograms.
// SPDX-License-Identifier: Apache-2.0
#include "features/drift.h"

#include <math.h>

void leat_column_histogram(const leat_column_stats *c, leat_histogram *out) {
  double least = c->numbers.least, width = (c->numbers.greatest - least) / LEAT_HISTOGRAM_BINS;
  *out = (leat_histogram){.bins = LEAT_HISTOGRAM_BINS};
  if (!c->numbers.count) return (void)(out->bins = 0);
  if (!(width > 0)) out->bins = 1;
  for (int i = 0; i <= out->bins; i++) out->edges[i] = least + width * i;
  out->edges[out->bins] = c->numbers.greatest;
  if (out->bins == 1) out->edges[0] = least - 0.5, out->edges[1] = least + 0.5;
  leat_quantiles_bins(&c->quantiles, out->edges, (size_t)out->bins, out->counts);
}

// --- Numbers ------------------------------------------------------------------------------------
static double part(double p, double q) { return p > 0 ? 0.5 * p * log2(2 * p / (p + q)) : 0; }
static double divergence(double p, double q) { return part(p, q) + part(q, p); }

enum { DECILES = 11, EDGES = 2 * DECILES + 1 };

// The deciles of both, ascending, each once, and one edge above all.
static leat_status common_edges(const leat_column_stats *a, const leat_column_stats *b,
                                double *edges, size_t *count, leat_error *err) {
  double fractions[DECILES], x[DECILES], y[DECILES];
  for (int i = 0; i < DECILES; i++) fractions[i] = (double)i / (DECILES - 1);
  leat_status status = leat_quantiles_read(&a->quantiles, fractions, DECILES, x, err);
  if (!status) status = leat_quantiles_read(&b->quantiles, fractions, DECILES, y, err);
  if (status) return status;
  x[0] = a->numbers.least, x[DECILES - 1] = a->numbers.greatest;
  y[0] = b->numbers.least, y[DECILES - 1] = b->numbers.greatest;
  *count = 0;
  for (int i = 0, k = 0; i < DECILES || k < DECILES;) {
    double edge = k == DECILES || (i < DECILES && x[i] <= y[k]) ? x[i++] : y[k++];
    if (!*count || edge > edges[*count - 1]) edges[(*count)++] = edge;
  }
  edges[*count] = nextafter(edges[*count - 1], INFINITY);
  ++*count;
  return LEAT_OK;
}

// Over the bins between the deciles of both, and one for what is not a number.
static leat_status jensen_shannon(const leat_column_stats *a, const leat_column_stats *b,
                                  double *out, leat_error *err) {
  double edges[EDGES], x[EDGES], y[EDGES];
  double totals[] = {a->numbers.count + (double)a->wrong, b->numbers.count + (double)b->wrong};
  size_t count;
  leat_status status = common_edges(a, b, edges, &count, err);
  if (status) return status;
  leat_quantiles_bins(&a->quantiles, edges, count - 1, x);
  leat_quantiles_bins(&b->quantiles, edges, count - 1, y);
  *out = divergence((double)a->wrong / totals[0], (double)b->wrong / totals[1]);
  for (size_t i = 0; i + 1 < count; i++) *out += divergence(x[i] / totals[0], y[i] / totals[1]);
  *out = *out > 0 ? *out : 0;
  return LEAT_OK;
}

// --- Strings ------------------------------------------------------------------------------------
static bool is_present(leat_str text) {
  double number;
  return leat_text_kind_of(text, &number) != LEAT_TEXT_MISSING;
}

// Looks at all words of `a`; those of `b` alone are seen when the two change places.
static void l_infinity(const leat_column_stats *a, const leat_column_stats *b, bool swapped,
                       leat_drift *d) {
  double present[] = {(double)leat_column_stats_present(a), (double)leat_column_stats_present(b)};
  for (size_t i = 0; i < a->words.map.count; i++) {
    const leat_map_entry *x = &a->words.map.entries[i], *y = leat_map_find(&b->words.map, x->key);
    double shares[] = {(double)x->value.num / fmax(present[0], 1),
                       y ? (double)y->value.num / fmax(present[1], 1) : 0};
    double distance = fabs(shares[0] - shares[1]);
    if (!is_present(x->key) || distance <= d->distance) continue;
    d->distance = distance;
    d->value = x->key;
    d->shares[swapped] = shares[0];
    d->shares[!swapped] = shares[1];
  }
}

// --- Columns ------------------------------------------------------------------------------------
static double missing_share(const leat_column_stats *c) {
  return c->rows ? (double)c->kinds[LEAT_TEXT_MISSING] / (double)c->rows : 0;
}

static leat_status compare(const leat_column_stats *a, const leat_column_stats *b,
                           const leat_drift_options *o, leat_drift *out, leat_error *err) {
  leat_drift d = {.name = a->name, .missing = {missing_share(a), missing_share(b)}};
  leat_status status = LEAT_OK;
  bool x = leat_column_stats_is_number(a), y = leat_column_stats_is_number(b);
  if (a->type == LEAT_COLUMN_EMPTY && b->type == LEAT_COLUMN_EMPTY) return *out = d, LEAT_OK;
  bool mixed = x != y || (a->type == LEAT_COLUMN_DATE) != (b->type == LEAT_COLUMN_DATE) ||
               a->type == LEAT_COLUMN_EMPTY || b->type == LEAT_COLUMN_EMPTY;
  if (mixed) {
    d.measure = LEAT_DRIFT_TYPE;
    d.over = true;
  } else if (x) {
    d.measure = LEAT_DRIFT_JENSEN_SHANNON;
    status = jensen_shannon(a, b, &d.distance, err);
    d.over = d.distance > (o->number_threshold > 0 ? o->number_threshold : 0.01);
  } else {
    d.measure = LEAT_DRIFT_L_INFINITY;
    l_infinity(a, b, false, &d);
    l_infinity(b, a, true, &d);
    d.over = d.distance > (o->string_threshold > 0 ? o->string_threshold : 0.01);
  }
  *out = d;
  return status;
}

leat_status leat_drift_between(const leat_statistics *a, const leat_statistics *b,
                               const leat_drift_options *o, leat_drifts *out, leat_error *err) {
  const leat_statistics *sets[] = {a, b};
  for (int k = 0; k < 2; k++)
    for (size_t i = 0; i < sets[k]->table.names.count; i++) {
      const leat_column_stats *here = &sets[k]->columns[i],
                              *there = leat_statistics_find(sets[!k], here->name);
      leat_drift d = {.name = here->name, .measure = LEAT_DRIFT_MISSING_COLUMN, .over = true};
      d.missing[k] = missing_share(here);
      d.missing[!k] = 1;
      if (there && k) continue;
      leat_status status = there ? compare(here, there, o, &d, err) : LEAT_OK;
      if (status) return status;
      if (!leat_vec_push(out, d)) return leat__oom(err, sizeof d);
    }
  return LEAT_OK;
}
