// Feature columns: from raw strings and numbers to the model's inputs, as graph.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FEATURES_FEATURES_H
#define LEAT_FEATURES_FEATURES_H

#include "base/arena.h"
#include "base/vec.h"
#include "leat/graph.h"

typedef enum leat_feature_kind {
  LEAT_FEATURE_NUMERIC,     // f32, as it is or z-scored
  LEAT_FEATURE_BUCKETS,     // f32, one-hot of the bucket between ascending boundaries
  LEAT_FEATURE_VOCABULARY,  // string, id = position in a list; others contribute nothing
  LEAT_FEATURE_HASH,        // string, id = fingerprint modulo buckets
} leat_feature_kind;

typedef struct leat_feature {
  leat_str name;  // the column's
  leat_feature_kind kind;
  bool z_score;          // numeric: (x - mean) / stddev
  double mean, stddev;   // from the analysis; stddev 0 counts as 1
  bool auto_vocabulary;  // the analysis fills `vocabulary`, in byte order
  LEAT_VEC(leat_str) vocabulary;
  LEAT_VEC(double) boundaries;  // buckets
  int64_t buckets;              // hash
  int64_t embedding;            // dimension; 0 = one-hot indicator
} leat_feature;

typedef LEAT_VEC(leat_feature) leat_features;

// Whether the raw column is text.
static inline bool leat_feature_is_string(const leat_feature *f) {
  return f->kind == LEAT_FEATURE_VOCABULARY || f->kind == LEAT_FEATURE_HASH;
}
// Size of a categorical feature's id range; 0 for numeric.
int64_t leat_feature_ids(const leat_feature *f);
// TensorFlow's name of the derived column: age, education_indicator, occupation_embedding,
// age_bucketized_indicator.
void leat_feature_column_name(const leat_feature *f, leat_buf *out);

// The raw input of a feature: f32[batch] or string[batch], named after the column.
leat_value leat_feature_input(leat_builder *b, const leat_feature *f, leat_dim batch);
// f32 (batch, 1): the normalised number.
leat_value leat_feature_number(leat_builder *b, const leat_feature *f, leat_value raw);
// i64 (batch): ids, -1 = missing or unknown.
leat_value leat_feature_id(leat_builder *b, const leat_feature *f, leat_value raw);

// --- Full-pass analysis: mergeable accumulators -------------------------------------------------
typedef struct leat_analysis leat_analysis;

leat_status leat_analysis_new(leat_analysis **out, const leat_features *features, leat_error *err);
// columns[i] belongs to feature i, dense vectors of one length.
leat_status leat_analysis_add(leat_analysis *a, leat_tensor *const *columns, leat_error *err);
// Writes means, deviations and vocabularies into the features; strings live in `arena`.
leat_status leat_analysis_finish(leat_analysis *a, leat_features *features, leat_arena *arena,
                                 leat_error *err);
void leat_analysis_free(leat_analysis *a);

#endif
