// Feature columns: what they are called, what they read, how wide they are.
// SPDX-License-Identifier: Apache-2.0
#include "features/features.h"

#include <stdlib.h>

void leat_features_deinit(leat_features *features) {
  for (size_t i = 0; i < features->count; i++) {
    leat_vec_deinit(&features->at[i].vocabulary);
    leat_vec_deinit(&features->at[i].boundaries);
    leat_vec_deinit(&features->at[i].keys);
  }
  leat_vec_deinit(features);
}

bool leat_feature_is_categorical(const leat_feature *f) { return f->kind != LEAT_FEATURE_NUMERIC; }

int64_t leat_feature_ids(const leat_feature *f) {
  int64_t values = f->values > 1 ? f->values : 1;
  switch (f->kind) {
    case LEAT_FEATURE_BUCKETS: return ((int64_t)f->boundaries.count + 1) * values;
    case LEAT_FEATURE_VOCABULARY: return (int64_t)f->vocabulary.count + f->oov_buckets;
    case LEAT_FEATURE_HASH:
    case LEAT_FEATURE_IDENTITY:
    case LEAT_FEATURE_CROSS: return f->buckets;
    case LEAT_FEATURE_NUMERIC: break;
  }
  return 0;
}

int64_t leat_feature_width(const leat_feature *f) {
  if (f->kind == LEAT_FEATURE_NUMERIC) return f->values > 1 ? f->values : 1;
  return f->embedding ? f->embedding : leat_feature_ids(f);
}

bool leat_feature_needs_analysis(const leat_feature *f) {
  if (f->auto_vocabulary || f->quantiles) return true;
  if (f->given || f->kind != LEAT_FEATURE_NUMERIC) return false;
  return f->normalizer == LEAT_NORMALIZE_Z_SCORE || f->normalizer == LEAT_NORMALIZE_MIN_MAX ||
         f->impute == LEAT_IMPUTE_MEAN || f->impute == LEAT_IMPUTE_MEDIAN;
}

// --- Names --------------------------------------------------------------------------------------
static int by_bytes(const void *a, const void *b) {
  return leat_str_cmp(*(const leat_str *)a, *(const leat_str *)b);
}

// The leaves of a cross, flattened: raw names, and the names of columns.
static void cross_leaves(const leat_features *all, const leat_feature *f, leat_buf *bytes,
                         size_t *ends, size_t *count, size_t most) {
  for (size_t i = 0; i < f->keys.count && *count < most; i++) {
    const leat_cross_key *key = &f->keys.at[i];
    const leat_feature *of = key->feature < 0 ? NULL : &all->at[key->feature];
    if (of && of->kind == LEAT_FEATURE_CROSS) {
      cross_leaves(all, of, bytes, ends, count, most);
      continue;
    }
    if (of)
      leat_feature_column_name(all, of, bytes);
    else
      leat_buf_str(bytes, key->name);
    ends[(*count)++] = bytes->len;
  }
}

static void cross_name(const leat_features *all, const leat_feature *f, leat_buf *out) {
  enum { MOST = 64 };
  leat_buf bytes = {0};
  size_t ends[MOST], count = 0;
  leat_str leaves[MOST];
  cross_leaves(all, f, &bytes, ends, &count, MOST);
  for (size_t i = 0, start = 0; i < count; start = ends[i++])
    leaves[i] = (leat_str){bytes.ptr + start, ends[i] - start};
  qsort(leaves, count, sizeof *leaves, by_bytes);
  for (size_t i = 0; i < count; i++) {
    if (i) leat_buf_c(out, "_X_");
    leat_buf_str(out, leaves[i]);
  }
  if (bytes.failed) out->failed = true;
  leat_buf_deinit(&bytes);
}

void leat_feature_column_name(const leat_features *features, const leat_feature *f, leat_buf *out) {
  if (f->base.len)
    leat_buf_str(out, f->base);
  else if (f->kind == LEAT_FEATURE_CROSS)
    cross_name(features, f, out);
  else
    leat_buf_str(out, f->column);
  if (f->kind == LEAT_FEATURE_BUCKETS) leat_buf_c(out, "_bucketized");
  if (f->weights.len) leat_buf_c(out, "_weighted_by_"), leat_buf_str(out, f->weights);
}

static void shared_name(const leat_features *all, const leat_feature *f, leat_buf *out) {
  enum { MOST = 64 };
  leat_str names[MOST];
  size_t count = 0;
  for (size_t i = 0; i < all->count && count < MOST; i++)
    if (leat_str_eq(all->at[i].shared, f->shared)) names[count++] = all->at[i].column;
  qsort(names, count, sizeof *names, by_bytes);
  for (size_t i = 0; i < count; i++) leat_buf_str(out, names[i]), leat_buf_char(out, '_');
  leat_buf_c(out, "shared_embedding");
}

void leat_feature_dense_name(const leat_features *features, const leat_feature *f, leat_buf *out) {
  leat_feature_column_name(features, f, out);
  if (f->kind == LEAT_FEATURE_NUMERIC) return;
  if (f->embedding && f->shared.len)
    leat_buf_c(out, "_shared_embedding");
  else if (f->embedding)
    leat_buf_c(out, "_embedding");
  else if (f->kind != LEAT_FEATURE_BUCKETS)
    leat_buf_c(out, "_indicator");
}

void leat_feature_table_name(const leat_features *features, const leat_feature *f, leat_buf *out) {
  if (f->shared.len)
    shared_name(features, f, out);
  else
    leat_feature_dense_name(features, f, out);
}

static leat_status name_of(const leat_features *all, const leat_feature *f, leat_buf *out,
                           leat_error *err) {
  leat_buf_clear(out);
  leat_feature_column_name(all, f, out);
  return leat_buf_status(out, err);
}

leat_status leat_features_name(leat_features *features, leat_error *err) {
  leat_buf own = {0}, other = {0};
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < features->count; i++) {
    leat_feature *f = &features->at[i];
    status = name_of(features, f, &own, err);
    for (size_t k = 0; !status && k < i; k++) {
      status = name_of(features, &features->at[k], &other, err);
      if (status || !leat_str_eq(leat_buf_view(&own), leat_buf_view(&other))) continue;
      f->base = f->name;
      status = name_of(features, f, &own, err);
    }
  }
  leat_buf_deinit(&own);
  leat_buf_deinit(&other);
  return status;
}

// --- Raw columns --------------------------------------------------------------------------------
int leat_raw_column_find(const leat_raw_columns *columns, leat_str name) {
  for (size_t i = 0; i < columns->count; i++)
    if (leat_str_eq(columns->at[i].name, name)) return (int)i;
  return -1;
}

static leat_status add_column(leat_raw_columns *out, const leat_feature *f, leat_raw_column c,
                              leat_error *err) {
  int at = leat_raw_column_find(out, c.name);
  if (at < 0) return leat_vec_push(out, c) ? LEAT_OK : leat__oom(err, sizeof c);
  leat_raw_column *have = &out->at[at];
  have->missing_is_nan |= c.missing_is_nan;
  if (have->dtype == c.dtype && have->values == c.values) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "feature '" LEAT_STR_FMT "' reads column '" LEAT_STR_FMT
                        "' as %s, another feature as %s",
                        LEAT_STR_ARG(f->name), LEAT_STR_ARG(c.name), leat_dtype_name(c.dtype),
                        leat_dtype_name(have->dtype));
}

static leat_status add_columns(leat_raw_columns *out, const leat_feature *f, leat_error *err) {
  leat_status status = LEAT_OK;
  if (f->column.len) {
    bool nan = f->kind == LEAT_FEATURE_NUMERIC && f->impute != LEAT_IMPUTE_NONE;
    leat_raw_column c = {f->column, f->dtype, f->split.len ? 1 : f->values, nan, f->column};
    status = add_column(out, f, c, err);
  }
  if (!status && f->weights.len)
    status = add_column(
        out, f, (leat_raw_column){f->weights, LEAT_DTYPE_F32, f->values, false, f->column}, err);
  return status;
}

// Raw keys of crosses are strings unless another feature reads the column as integers.
static leat_status add_keys(leat_raw_columns *out, const leat_feature *f, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t k = 0; !status && k < f->keys.count; k++) {
    const leat_cross_key *key = &f->keys.at[k];
    if (key->feature >= 0) continue;
    int at = leat_raw_column_find(out, key->name);
    leat_raw_column c = {.name = key->name, .dtype = LEAT_DTYPE_STRING, .values = 1};
    if (at >= 0 && out->at[at].dtype == LEAT_DTYPE_F32)
      status = leat_error_set(err, LEAT_INVALID_ARGUMENT,
                              "feature '" LEAT_STR_FMT "' crosses the number '" LEAT_STR_FMT
                              "'; cross a feature with buckets of it",
                              LEAT_STR_ARG(f->name), LEAT_STR_ARG(key->name));
    else if (at < 0)
      status = add_column(out, f, c, err);
  }
  return status;
}

static int by_name(const void *a, const void *b) {
  return leat_str_cmp(((const leat_raw_column *)a)->name, ((const leat_raw_column *)b)->name);
}

leat_status leat_features_columns(const leat_features *features, leat_raw_columns *out,
                                  leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < features->count; i++)
    status = add_columns(out, &features->at[i], err);
  for (size_t i = 0; !status && i < features->count; i++)
    status = add_keys(out, &features->at[i], err);
  if (!status && out->count) qsort(out->at, out->count, sizeof *out->at, by_name);
  return status;
}
