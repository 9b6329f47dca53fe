// Full-pass analysis of training data: means and deviations, vocabularies.
// SPDX-License-Identifier: Apache-2.0
#include "features/features.h"

#include "base/map.h"

#include <math.h>
#include <stdlib.h>

typedef struct moments {  // Welford's running mean and sum of squared differences
  double count, mean, squares;
} moments;

typedef struct accumulator {
  moments m;
  leat_map words;
} accumulator;

struct leat_analysis {
  const leat_features *features;
  accumulator *at;  // one a feature
  leat_arena words;
};

leat_status leat_analysis_new(leat_analysis **out, const leat_features *features, leat_error *err) {
  leat_analysis *a = *out = leat__calloc(1, sizeof *a);
  if (!a) return leat__oom(err, sizeof *a);
  a->features = features;
  a->at = leat__calloc(features->count + 1, sizeof *a->at);
  if (a->at) return LEAT_OK;
  leat_analysis_free(a);
  *out = NULL;
  return leat__oom(err, sizeof *a->at);
}

void leat_analysis_free(leat_analysis *a) {
  if (!a) return;
  for (size_t i = 0; a->at && i < a->features->count; i++) leat_map_deinit(&a->at[i].words);
  leat__free(a->at);
  leat_arena_deinit(&a->words);
  leat__free(a);
}

static void add_numbers(moments *m, const leat_tensor *column) {
  const float *x = leat_tensor_data(column);
  for (int64_t i = 0; i < leat_tensor_count(column); i++) {
    double value = (double)x[i];
    if (!(value - value == 0)) continue;  // missing
    double delta = value - m->mean;
    m->count++;
    m->mean += delta / m->count;
    m->squares += delta * (value - m->mean);
  }
}

static leat_status add_words(leat_analysis *a, leat_map *words, const leat_tensor *column,
                             leat_error *err) {
  for (int64_t i = 0; i < leat_tensor_count(column); i++) {
    leat_str word = leat_str_strip(leat_tensor_str(column, i), LEAT_STR(" \t"));
    if (!word.len || leat_map_find(words, word)) continue;
    char *kept = leat_arena_str(&a->words, word);
    leat_map_entry *entry = kept ? leat_map_insert(words, (leat_str){kept, word.len}, NULL) : NULL;
    if (!entry) return leat__oom(err, word.len);
  }
  return LEAT_OK;
}

leat_status leat_analysis_add(leat_analysis *a, leat_tensor *const *columns, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < a->features->count; i++) {
    const leat_feature *f = &a->features->at[i];
    if (f->kind == LEAT_FEATURE_NUMERIC && f->z_score) add_numbers(&a->at[i].m, columns[i]);
    if (f->auto_vocabulary) status = add_words(a, &a->at[i].words, columns[i], err);
  }
  return status;
}

static int by_bytes(const void *a, const void *b) {
  return leat_str_cmp(*(const leat_str *)a, *(const leat_str *)b);
}

static leat_status finish_words(accumulator *at, leat_feature *f, leat_arena *arena,
                                leat_error *err) {
  f->vocabulary.count = 0;
  for (size_t i = 0; i < at->words.count; i++) {
    leat_str word = at->words.entries[i].key;
    char *kept = leat_arena_str(arena, word);
    if (!kept || !leat_vec_push(&f->vocabulary, (leat_str){kept, word.len}))
      return leat__oom(err, word.len);
  }
  if (!f->vocabulary.count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "feature '" LEAT_STR_FMT "': no value in the training data",
                          LEAT_STR_ARG(f->name));
  qsort(f->vocabulary.at, f->vocabulary.count, sizeof *f->vocabulary.at, by_bytes);
  return LEAT_OK;
}

leat_status leat_analysis_finish(leat_analysis *a, leat_features *features, leat_arena *arena,
                                 leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < features->count; i++) {
    leat_feature *f = &features->at[i];
    const moments *m = &a->at[i].m;
    if (f->auto_vocabulary) status = finish_words(&a->at[i], f, arena, err);
    if (f->kind != LEAT_FEATURE_NUMERIC || !f->z_score) continue;
    f->mean = m->mean;
    f->stddev = m->count > 0 ? sqrt(m->squares / m->count) : 1;
  }
  return status;
}
