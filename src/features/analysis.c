// Full-pass analysis of training data: what the features learn before training.
// SPDX-License-Identifier: Apache-2.0
#include "flow/accumulate.h"
#include "features/features.h"
#include "flow/sum.h"
#include "formats/date.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct accumulator {
  int column;  // raw
  leat_spread spread;
  leat_quantiles quantiles;
  leat_counts words;
} accumulator;

struct leat_analysis {
  const leat_features *features;
  accumulator *at;  // one a feature
};

leat_status leat_analysis_new(leat_analysis **out, const leat_features *features,
                              const leat_raw_columns *columns, leat_error *err) {
  leat_analysis *a = *out = leat__calloc(1, sizeof *a);
  if (!a) return leat__oom(err, sizeof *a);
  a->features = features;
  a->at = leat__calloc(features->count + 1, sizeof *a->at);
  for (size_t i = 0; a->at && i < features->count; i++)
    a->at[i].column = leat_raw_column_find(columns, features->at[i].column);
  if (a->at) return LEAT_OK;
  leat_analysis_free(a);
  *out = NULL;
  return leat__oom(err, sizeof *a->at);
}

void leat_analysis_free(leat_analysis *a) {
  if (!a) return;
  for (size_t i = 0; a->at && i < a->features->count; i++) {
    leat_counts_deinit(&a->at[i].words);
    leat_quantiles_deinit(&a->at[i].quantiles);
  }
  leat__free(a->at);
  leat__free(a);
}

// --- One pass -----------------------------------------------------------------------------------
static bool wants_quantiles(const leat_feature *f) {
  return f->quantiles || f->impute == LEAT_IMPUTE_MEDIAN;
}

static double number_at(const leat_feature *f, const leat_tensor *t, int64_t i) {
  if (leat_tensor_dtype(t) == LEAT_DTYPE_STRING)
    return (double)(float)leat_text_part(leat_tensor_str(t, i), f->parse, f->parse_order);
  if (leat_tensor_dtype(t) == LEAT_DTYPE_I64)
    return (double)((const int64_t *)leat_tensor_data(t))[i];
  double x = (double)((const float *)leat_tensor_data(t))[i];
  return x - x == 0 ? x : __builtin_nan("");  // infinities are not counted
}

static leat_status add_numbers(accumulator *at, const leat_feature *f, const leat_tensor *column,
                               leat_error *err) {
  leat_status status = LEAT_OK;
  for (int64_t i = 0; !status && i < leat_tensor_count(column); i++) {
    double x = number_at(f, column, i);
    leat_spread_add(&at->spread, x);
    if (wants_quantiles(f)) status = leat_quantiles_add(&at->quantiles, x, err);
  }
  return status;
}

static leat_status add_word(accumulator *at, const leat_feature *f, leat_str word,
                            leat_error *err) {
  word = leat_str_strip(word, f->strip);
  return word.len ? leat_counts_add(&at->words, word, 1, err) : LEAT_OK;
}

static leat_status add_pieces(accumulator *at, const leat_feature *f, leat_str text,
                              leat_error *err) {
  leat_status status = LEAT_OK;
  while (!status && text.len) {
    const char *end = memmem(text.ptr, text.len, f->split.ptr, f->split.len);
    leat_str piece = {text.ptr, end ? (size_t)(end - text.ptr) : text.len};
    size_t taken = piece.len + (end ? f->split.len : 0);
    text = (leat_str){text.ptr + taken, text.len - taken};
    status = add_word(at, f, piece, err);
  }
  return status;
}

static leat_status add_words(accumulator *at, const leat_feature *f, const leat_tensor *column,
                             leat_error *err) {
  leat_status status = LEAT_OK;
  for (int64_t i = 0; !status && i < leat_tensor_count(column); i++) {
    char digits[24];
    leat_str word = {digits, 0};
    if (leat_tensor_dtype(column) == LEAT_DTYPE_STRING)
      word = leat_tensor_str(column, i);
    else if (((const int64_t *)leat_tensor_data(column))[i] != -1)
      word.len = (size_t)snprintf(digits, sizeof digits, "%lld",
                                  (long long)((const int64_t *)leat_tensor_data(column))[i]);
    status = f->split.len ? add_pieces(at, f, word, err) : add_word(at, f, word, err);
  }
  return status;
}

leat_status leat_analysis_add(leat_analysis *a, leat_tensor *const *values, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < a->features->count; i++) {
    const leat_feature *f = &a->features->at[i];
    if (!leat_feature_needs_analysis(f)) continue;
    const leat_tensor *column = values[a->at[i].column];
    status = f->auto_vocabulary ? add_words(&a->at[i], f, column, err)
                                : add_numbers(&a->at[i], f, column, err);
  }
  return status;
}

leat_status leat_analysis_merge(leat_analysis *into, const leat_analysis *from, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < into->features->count; i++) {
    leat_spread_merge(&into->at[i].spread, &from->at[i].spread);
    status = leat_counts_merge(&into->at[i].words, &from->at[i].words, err);
    if (!status) status = leat_quantiles_merge(&into->at[i].quantiles, &from->at[i].quantiles, err);
  }
  return status;
}

// --- Results ------------------------------------------------------------------------------------
static leat_status nothing_seen(const leat_feature *f, leat_error *err) {
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "feature '" LEAT_STR_FMT "': no value in the training data",
                        LEAT_STR_ARG(f->name));
}

static leat_status finish_words(accumulator *at, leat_feature *f, leat_arena *arena,
                                leat_error *err) {
  leat_word_counts words = {0};
  leat_status status = leat_counts_read(&at->words, f->top_k, f->min_count, false, &words, err);
  f->vocabulary.count = 0;
  for (size_t i = 0; !status && i < words.count; i++) {
    leat_str word = words.at[i].word;
    char *kept = leat_arena_str(arena, word);
    if (!kept || !leat_vec_push(&f->vocabulary, (leat_str){kept, word.len}))
      status = leat__oom(err, word.len);
  }
  leat_vec_deinit(&words);
  return !status && !f->vocabulary.count ? nothing_seen(f, err) : status;
}

// Boundaries at i/n of the values; equal ones are one, so there may be fewer buckets.
static leat_status finish_boundaries(accumulator *at, leat_feature *f, leat_error *err) {
  size_t count = (size_t)f->quantiles - 1;
  double *fractions = leat__alloc(sizeof *fractions * 2 * (count + 1));
  if (!fractions) return leat__oom(err, sizeof *fractions * count);
  double *edges = fractions + count + 1;
  for (size_t i = 0; i < count; i++) fractions[i] = (double)(i + 1) / (double)f->quantiles;
  leat_status status = leat_quantiles_read(&at->quantiles, fractions, count, edges, err);
  f->boundaries.count = 0;
  for (size_t i = 0; !status && i < count; i++) {
    edges[i] = (double)(float)edges[i];
    if (f->boundaries.count && edges[i] <= f->boundaries.at[f->boundaries.count - 1]) continue;
    if (!leat_vec_push(&f->boundaries, edges[i])) status = leat__oom(err, sizeof *edges);
  }
  leat__free(fractions);
  return status;
}

static leat_status finish_numbers(accumulator *at, leat_feature *f, leat_error *err) {
  const double half = 0.5;
  leat_status status = LEAT_OK;
  if (at->spread.count == 0) return nothing_seen(f, err);
  f->mean = leat_spread_mean(&at->spread);
  f->stddev = leat_spread_stddev(&at->spread);
  f->least = at->spread.least;
  f->greatest = at->spread.greatest;
  if (f->impute == LEAT_IMPUTE_MEDIAN)
    status = leat_quantiles_read(&at->quantiles, &half, 1, &f->median, err);
  if (!status && f->quantiles) status = finish_boundaries(at, f, err);
  return status;
}

leat_status leat_analysis_finish(leat_analysis *a, leat_features *features, leat_arena *arena,
                                 leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < features->count; i++) {
    leat_feature *f = &features->at[i];
    if (!leat_feature_needs_analysis(f)) continue;
    status = f->auto_vocabulary ? finish_words(&a->at[i], f, arena, err)
                                : finish_numbers(&a->at[i], f, err);
  }
  return status;
}
