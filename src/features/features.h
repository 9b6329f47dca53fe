// Feature columns: from raw strings and numbers to the model's inputs, as graph.
// SPDX-License-Identifier: Apache-2.0
//
// The semantics and names are those of tf.feature_column; ids of hashes and crosses are equal to
// TensorFlow's. A raw column is f32, i64 or string with one value a row, (batch), or several,
// (batch, width), padded with what means "missing": NaN, -1 or the empty string.
#ifndef LEAT_FEATURES_FEATURES_H
#define LEAT_FEATURES_FEATURES_H

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"
#include "leat/graph.h"

typedef enum leat_feature_kind {
  LEAT_FEATURE_NUMERIC,     // f32 (batch, values), imputed and normalised
  LEAT_FEATURE_BUCKETS,     // of a number: how many boundaries are <= x
  LEAT_FEATURE_VOCABULARY,  // position in a list; others: out-of-vocabulary buckets or the default
  LEAT_FEATURE_HASH,        // Fingerprint64 modulo buckets
  LEAT_FEATURE_IDENTITY,    // an integer in [0, buckets)
  LEAT_FEATURE_CROSS,       // the chained fingerprint of several columns modulo buckets
} leat_feature_kind;

typedef enum leat_normalizer {
  LEAT_NORMALIZE_NONE,
  LEAT_NORMALIZE_Z_SCORE,  // (x - mean) / stddev; stddev 0 counts as 1
  LEAT_NORMALIZE_MIN_MAX,  // (x - least) / (greatest - least); a range of 0 counts as 1
  LEAT_NORMALIZE_LOG1P,    // log(1 + max(x, 0))
} leat_normalizer;

typedef enum leat_impute {  // what stands for a missing number
  LEAT_IMPUTE_NONE,         // NaN stays
  LEAT_IMPUTE_VALUE,
  LEAT_IMPUTE_MEAN,
  LEAT_IMPUTE_MEDIAN,
} leat_impute;

typedef enum leat_combiner {
  LEAT_COMBINER_MEAN,
  LEAT_COMBINER_SUM,
  LEAT_COMBINER_SQRTN,
} leat_combiner;

typedef struct leat_cross_key {
  leat_str name;  // of a raw column, or of the feature
  int feature;    // whose ids enter; -1: the raw values of the column
} leat_cross_key;

typedef struct leat_feature {
  leat_str name;     // its key in model.yaml
  leat_str column;   // the raw column; empty for a cross
  leat_str base;     // what TensorFlow's names start with: the column, or the name if that is taken
  leat_str weights;  // raw f32 column that weighs the values; empty = none
  leat_str split;    // one raw string holds several values, with this between them; empty = no
  leat_str strip;    // bytes dropped at both ends of strings
  leat_str parse;    // numbers: of a string column, what it holds: number, or a part of a date
  leat_str parse_order;  // of dates: ymd, dmy or mdy
  leat_feature_kind kind;
  leat_dtype dtype;  // of the raw column
  int64_t values;    // of the raw column: 1, n > 1, or 0 = any number, padded
  // Numbers.
  leat_normalizer normalizer;
  leat_impute impute;
  bool given;  // the statistics are given, not from the data
  double mean, stddev, least, greatest, median, impute_value;
  int64_t quantiles;            // buckets: boundaries from the data; 0 = given
  LEAT_VEC(double) boundaries;  // buckets, ascending
  // Categories.
  bool auto_vocabulary;      // from the data, in byte order
  int64_t top_k, min_count;  // which of those: the most frequent (ties in byte order); 0 = all
  LEAT_VEC(leat_str) vocabulary;
  int64_t default_id;   // of words and integers outside; -1 = unknown
  int64_t oov_buckets;  // of a vocabulary
  int64_t buckets;      // hash, identity, cross
  uint64_t hash_key;    // cross
  LEAT_VEC(leat_cross_key) keys;
  // How categories enter a dense layer.
  int64_t embedding;  // dimension; 0 = indicator
  leat_combiner combiner;
  double max_norm;  // of a looked-up row; 0 = none
  leat_str shared;  // name of a table that several features share; empty = its own
} leat_feature;

typedef LEAT_VEC(leat_feature) leat_features;

void leat_features_deinit(leat_features *features);

// A raw column that some feature reads.
typedef struct leat_raw_column {
  leat_str name;
  leat_dtype dtype;
  int64_t values;       // as above
  bool missing_is_nan;  // an empty field of a file is a missing number, not an error
  leat_str dim;         // values 0: columns with the same one have the same width
} leat_raw_column;
typedef LEAT_VEC(leat_raw_column) leat_raw_columns;

// What all features read, in byte order of the names. INVALID_ARGUMENT where two features read one
// column as different types.
leat_status leat_features_columns(const leat_features *features, leat_raw_columns *out,
                                  leat_error *err);
int leat_raw_column_find(const leat_raw_columns *columns, leat_str name);  // -1: none
// Gives every feature its `base`, in order: TensorFlow's name where it is free.
leat_status leat_features_name(leat_features *features, leat_error *err);

bool leat_feature_is_categorical(const leat_feature *f);
// Size of a categorical feature's id range; 0 for numeric.
int64_t leat_feature_ids(const leat_feature *f);
// Width of the feature in a dense layer.
int64_t leat_feature_width(const leat_feature *f);
// Whether the feature needs a pass over the training data.
bool leat_feature_needs_analysis(const leat_feature *f);
// TensorFlow's name of the categorical or numeric column: age, age_bucketized, education,
// education_X_occupation, tags_weighted_by_score.
void leat_feature_column_name(const leat_features *features, const leat_feature *f, leat_buf *out);
// Of the dense column made of it: age, age_bucketized, education_indicator, occupation_embedding,
// a_shared_embedding.
void leat_feature_dense_name(const leat_features *features, const leat_feature *f, leat_buf *out);
// Of its embedding table: the dense name, or a_b_shared_embedding.
void leat_feature_table_name(const leat_features *features, const leat_feature *f, leat_buf *out);

// --- Graph --------------------------------------------------------------------------------------
// Raw columns as inputs of a function, in order; raw[i] belongs to columns[i].
void leat_raw_inputs(leat_builder *b, const leat_raw_columns *columns, leat_dim batch,
                     leat_value *raw);

// Where features read from: raw values by column.
typedef struct leat_feature_scene {
  const leat_features *features;
  const leat_raw_columns *columns;
  const leat_value *raw;
} leat_feature_scene;

// Id of a missing value, where -1 is an unknown one.
#define LEAT_ID_MISSING INT64_MIN

// f32 (batch, values): the number, imputed and normalised.
leat_value leat_feature_number(leat_builder *b, const leat_feature_scene *s, int feature);
// i64 (batch) or (batch, width): ids, -1 = unknown, LEAT_ID_MISSING = missing.
leat_value leat_feature_id(leat_builder *b, const leat_feature_scene *s, int feature);
// f32 (batch, width): a numeric feature, or an indicator: how often each id occurs, or the sum of
// its weights.
leat_value leat_feature_dense(leat_builder *b, const leat_feature_scene *s, int feature);
// f32 (batch, dimension): rows of the table, combined; an empty row gives zeros.
leat_value leat_feature_embed(leat_builder *b, const leat_feature_scene *s, int feature,
                              leat_value table);
// f32 (batch, units): the feature's term of a linear model; numbers multiply, ids look up.
leat_value leat_feature_linear(leat_builder *b, const leat_feature_scene *s, int feature,
                               leat_value weights, leat_combiner combiner);

// --- Full-pass analysis: mergeable accumulators -------------------------------------------------
// What is found does not depend on the order of rows, but for quantiles and medians of more than
// LEAT_QUANTILES_EXACT values (flow/accumulate.h).
typedef struct leat_analysis leat_analysis;

leat_status leat_analysis_new(leat_analysis **out, const leat_features *features,
                              const leat_raw_columns *columns, leat_error *err);
// values[i] belongs to raw column i, dense vectors of one length.
leat_status leat_analysis_add(leat_analysis *a, leat_tensor *const *values, leat_error *err);
// What adding all values of `from` would give (quantiles: within their error).
leat_status leat_analysis_merge(leat_analysis *into, const leat_analysis *from, leat_error *err);
// Writes statistics, boundaries and vocabularies into the features; strings live in `arena`.
leat_status leat_analysis_finish(leat_analysis *a, leat_features *features, leat_arena *arena,
                                 leat_error *err);
void leat_analysis_free(leat_analysis *a);

#endif
