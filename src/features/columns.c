// Feature columns as graph: numbers, ids, and what models make of them.
// SPDX-License-Identifier: Apache-2.0
#include "features/features.h"

#include "leat/ops.h"

#include <stdio.h>

void leat_raw_inputs(leat_builder *b, const leat_raw_columns *columns, leat_dim batch,
                     leat_value *raw) {
  char name[256], dim[300];
  for (size_t i = 0; i < columns->count; i++) {
    const leat_raw_column *c = &columns->at[i];
    snprintf(name, sizeof name, LEAT_STR_FMT, LEAT_STR_ARG(c->name));
    snprintf(dim, sizeof dim, LEAT_STR_FMT "_values", LEAT_STR_ARG(c->dim));
    leat_type type = {c->dtype, LEAT_SHAPE(batch)};
    if (c->values != 1)
      type.shape =
          LEAT_SHAPE(batch, c->values ? c->values : leat_dim_symbol(leat_builder_graph(b), dim, 0));
    raw[i] = leat_input(b, name, type);
  }
}

static leat_value raw_of(leat_builder *b, const leat_feature_scene *s, leat_str name) {
  int at = leat_raw_column_find(s->columns, name);
  if (at >= 0) return s->raw[at];
  return leat_builder_fail(b, LEAT_INTERNAL, "no raw column '" LEAT_STR_FMT "'",
                           LEAT_STR_ARG(name));
}

static int rank_of(leat_value x) { return leat_value_type(x).shape.rank; }
static leat_value i64_like(leat_builder *b, leat_value like, int64_t value) {
  leat_value scalar = leat_const_i64(b, value);
  return leat_broadcast(b, scalar, leat_value_type(like).shape, NULL);
}

// --- Numbers ------------------------------------------------------------------------------------
static double imputed(const leat_feature *f) {
  if (f->impute == LEAT_IMPUTE_MEAN) return f->mean;
  return f->impute == LEAT_IMPUTE_MEDIAN ? f->median : f->impute_value;
}

static leat_value normalise(leat_builder *b, const leat_feature *f, leat_value x) {
  float scale = 1, offset = 0;
  switch (f->normalizer) {
    case LEAT_NORMALIZE_NONE: return x;
    case LEAT_NORMALIZE_LOG1P: return leat_log1p(b, leat_max(b, x, leat_const_like(b, x, 0)));
    case LEAT_NORMALIZE_Z_SCORE:
      offset = (float)f->mean;
      scale = (float)f->stddev;
      break;
    case LEAT_NORMALIZE_MIN_MAX:
      offset = (float)f->least;
      scale = (float)(f->greatest - f->least);
      break;
  }
  x = leat_sub(b, x, leat_const_f32(b, offset));
  return leat_div(b, x, leat_const_f32(b, scale > 0 ? scale : 1));
}

static leat_value number_as_f32(leat_builder *b, const leat_feature_scene *s,
                                const leat_feature *f) {
  leat_value x = raw_of(b, s, f->column);
  if (f->parse.len)
    return leat_host_call(b, "string_parse", &x, 1, (leat_str[]){f->parse, f->parse_order}, 2);
  return f->dtype == LEAT_DTYPE_F32 ? x : leat_cast(b, x, LEAT_DTYPE_F32);
}

leat_value leat_feature_number(leat_builder *b, const leat_feature_scene *s, int feature) {
  const leat_feature *f = &s->features->at[feature];
  leat_value x = number_as_f32(b, s, f);
  if (rank_of(x) == 1) x = leat_expand_dims(b, x, 1);
  if (f->impute != LEAT_IMPUTE_NONE)
    x = leat_select(b, leat_eq(b, x, x), x, leat_const_like(b, x, imputed(f)));
  return normalise(b, f, x);
}

// --- Ids ----------------------------------------------------------------------------------------
// How many boundaries are <= x, plus an offset for each further value.
static leat_value bucket_id(leat_builder *b, const leat_feature_scene *s, const leat_feature *f) {
  int64_t count = (int64_t)f->boundaries.count;
  leat_value x = number_as_f32(b, s, f);
  int rank = rank_of(x);
  leat_tensor *edges;
  leat_error err;
  leat_status status = leat_tensor_new(&edges, LEAT_DTYPE_F32, 1, &count, &err);
  if (status) return leat_builder_fail(b, status, "%s", err.message);
  for (int64_t i = 0; i < count; i++)
    ((float *)leat_tensor_data(edges))[i] = (float)f->boundaries.at[i];
  leat_value limits = leat_const(b, edges);
  leat_tensor_unref(edges);
  leat_value above = leat_le(b, limits, leat_expand_dims(b, x, rank));
  leat_value id = leat_reduce_sum(b, leat_cast(b, above, LEAT_DTYPE_I64), (int[]){rank}, 1, false);
  if (f->values < 2) return id;
  leat_value place = leat_iota(b, LEAT_DTYPE_I64, LEAT_SHAPE(f->values), 0);
  return leat_add(b, id, leat_mul(b, place, leat_const_i64(b, count + 1)));
}

// Text of the raw values, and where there are none.
static leat_value text_of(leat_builder *b, leat_value raw, leat_str strip, leat_value *missing) {
  if (leat_value_type(raw).dtype != LEAT_DTYPE_STRING) {
    *missing = leat_eq(b, raw, i64_like(b, raw, -1));
    return leat_host_call(b, "as_string", &raw, 1, NULL, 0);
  }
  leat_value text = strip.len ? leat_host_call(b, "string_strip", &raw, 1, &strip, 1) : raw;
  leat_value length = leat_host_call(b, "string_length", &text, 1, NULL, 0);
  *missing = leat_eq(b, length, leat_const_i64(b, 0));
  return text;
}

static leat_value bucket_of_text(leat_builder *b, leat_value text, int64_t buckets) {
  char digits[32];
  int length = snprintf(digits, sizeof digits, "%lld", (long long)buckets);
  leat_str param = {digits, (size_t)length};
  return leat_host_call(b, "hash_bucket", &text, 1, &param, 1);
}

static leat_value vocabulary_id(leat_builder *b, const leat_feature *f, leat_value text) {
  int64_t count = (int64_t)f->vocabulary.count;
  leat_value args[] = {text, leat_const_strings(b, f->vocabulary.at, count)};
  leat_value id = leat_host_call(b, "vocab_lookup", args, 2, NULL, 0), other = {0};
  if (f->oov_buckets)
    other = leat_add(b, bucket_of_text(b, text, f->oov_buckets), leat_const_i64(b, count));
  else if (f->default_id != -1)
    other = i64_like(b, id, f->default_id);
  if (!other.node) return id;
  return leat_select(b, leat_lt(b, id, leat_const_i64(b, 0)), other, id);
}

// Integers outside of [0, buckets): the default, or the call fails.
static leat_value identity_id(leat_builder *b, const leat_feature *f, leat_value raw,
                              leat_value missing) {
  leat_value low = leat_le(b, leat_const_i64(b, 0), raw),
             high = leat_lt(b, raw, leat_const_i64(b, f->buckets));
  leat_value inside = leat_and(b, low, high);
  if (f->default_id != -1) return leat_select(b, inside, raw, i64_like(b, raw, f->default_id));
  char message[320];
  snprintf(message, sizeof message, "feature '" LEAT_STR_FMT "': an id is not in [0, %lld)",
           LEAT_STR_ARG(f->name), (long long)f->buckets);
  leat_assert(b, leat_reduce_and(b, leat_or(b, inside, missing), NULL, 0, false), message);
  return raw;
}

// The raw values of a key of a cross as u64. An empty string is a value like any other where a row
// has one value, and padding where it may have several.
static leat_value raw_key(leat_builder *b, const leat_feature *f, leat_value raw,
                          leat_value *missing) {
  leat_value none = {0}, text;
  *missing = none;
  if (leat_value_type(raw).dtype != LEAT_DTYPE_STRING) {
    if (rank_of(raw) > 1) *missing = leat_eq(b, raw, leat_const_i64(b, -1));
    return leat_bitcast(b, leat_cast(b, raw, LEAT_DTYPE_I64), LEAT_DTYPE_U64);
  }
  text = text_of(b, raw, f->strip, missing);
  if (rank_of(raw) == 1) *missing = none;
  return leat_host_call(b, "fingerprint", &text, 1, NULL, 0);
}

static leat_value cross_key(leat_builder *b, const leat_feature_scene *s, const leat_feature *f,
                            const leat_cross_key *key, leat_value *missing) {
  if (key->feature < 0) return raw_key(b, f, raw_of(b, s, key->name), missing);
  leat_value id = leat_feature_id(b, s, key->feature);
  *missing = leat_eq(b, id, leat_const_i64(b, LEAT_ID_MISSING));
  return leat_bitcast(b, id, LEAT_DTYPE_U64);
}

// Makes (batch, n) and (batch, m) into one (batch, n m): each value of x with each of y.
static void pair_up(leat_builder *b, leat_value *x, leat_value *y) {
  leat_graph *graph = leat_builder_graph(b);
  leat_shape xs = leat_value_type(*x).shape, ys = leat_value_type(*y).shape;
  leat_dim batch = xs.dims[0], n = xs.rank > 1 ? xs.dims[1] : 1, m = ys.rank > 1 ? ys.dims[1] : 1;
  if (xs.rank == 1 && ys.rank == 1) return;
  leat_shape grid = LEAT_SHAPE(batch, n, m), flat = LEAT_SHAPE(batch, leat_dim_mul(graph, n, m));
  leat_value wide = leat_broadcast(b, leat_reshape(b, *x, LEAT_SHAPE(batch, n, 1)), grid, NULL);
  *x = leat_reshape(b, wide, flat);
  wide = leat_broadcast(b, leat_reshape(b, *y, LEAT_SHAPE(batch, 1, m)), grid, NULL);
  *y = leat_reshape(b, wide, flat);
}

static leat_value either(leat_builder *b, leat_value x, leat_value y) {
  if (!x.node || !y.node) return x.node ? x : y;
  return leat_or(b, x, y);
}

static leat_value u64_full(leat_builder *b, leat_value like, uint64_t value) {
  leat_tensor *t;
  leat_error err;
  leat_status status = leat_tensor_copy_of(&t, LEAT_DTYPE_U64, 0, NULL, &value, &err);
  if (status) return leat_builder_fail(b, status, "%s", err.message);
  leat_value scalar = leat_const(b, t);
  leat_tensor_unref(t);
  return leat_broadcast(b, scalar, leat_value_type(like).shape, NULL);
}

// h = hash_key; h = FingerprintCat64(h, key) for each key in order; h modulo buckets.
static leat_value cross_id(leat_builder *b, const leat_feature_scene *s, const leat_feature *f) {
  leat_value hash = {0}, missing = {0};
  for (size_t k = 0; k < f->keys.count; k++) {
    leat_value none, value = cross_key(b, s, f, &f->keys.at[k], &none), unpaired = value;
    if (!leat_builder_ok(b)) return value;
    if (k == 0)
      hash = u64_full(b, value, f->hash_key);
    else {
      leat_value was = hash;
      pair_up(b, &hash, &value);
      if (missing.node) pair_up(b, &missing, &unpaired);
      if (none.node) pair_up(b, &was, &none);
    }
    missing = either(b, missing, none);
    leat_value both[] = {hash, value};
    hash = leat_host_call(b, "fingerprint_cat", both, 2, NULL, 0);
  }
  leat_value id =
      leat_bitcast(b, leat_rem(b, hash, u64_full(b, hash, (uint64_t)f->buckets)), LEAT_DTYPE_I64);
  return missing.node ? leat_select(b, missing, i64_like(b, id, LEAT_ID_MISSING), id) : id;
}

// One string with several values becomes a row of strings, padded with empty ones.
static leat_value split_values(leat_builder *b, const leat_feature *f, leat_value raw) {
  char dim[300];
  int length = snprintf(dim, sizeof dim, LEAT_STR_FMT "_values", LEAT_STR_ARG(f->name));
  leat_str params[] = {f->split, {dim, (size_t)length}};
  return leat_host_call(b, "string_split", &raw, 1, params, 2);
}

leat_value leat_feature_id(leat_builder *b, const leat_feature_scene *s, int feature) {
  const leat_feature *f = &s->features->at[feature];
  if (f->kind == LEAT_FEATURE_CROSS) return cross_id(b, s, f);
  if (f->kind == LEAT_FEATURE_BUCKETS) return bucket_id(b, s, f);
  leat_value missing, raw = raw_of(b, s, f->column), id;
  if (f->split.len) raw = split_values(b, f, raw);
  if (f->kind == LEAT_FEATURE_IDENTITY) {
    raw = leat_cast(b, raw, LEAT_DTYPE_I64);
    missing = leat_eq(b, raw, i64_like(b, raw, -1));
    id = identity_id(b, f, raw, missing);
  } else {
    leat_value text = text_of(b, raw, f->strip, &missing);
    id = f->kind == LEAT_FEATURE_HASH ? bucket_of_text(b, text, f->buckets)
                                      : vocabulary_id(b, f, text);
  }
  return leat_select(b, missing, i64_like(b, id, LEAT_ID_MISSING), id);
}

// --- Dense layers -------------------------------------------------------------------------------
// f32 like the ids: 1 or the value's weight where it counts, else 0. Means count positive ones
// only.
static leat_value value_weights(leat_builder *b, const leat_feature_scene *s, const leat_feature *f,
                                leat_value id, leat_combiner combiner) {
  leat_value known = leat_le(b, leat_const_i64(b, 0), id), one, zero, weight;
  one = leat_broadcast(b, leat_const_f32(b, 1), leat_value_type(id).shape, NULL);
  zero = leat_zeros_like(b, one);
  weight = f->weights.len ? raw_of(b, s, f->weights) : one;
  if (f->weights.len && combiner != LEAT_COMBINER_SUM)
    known = leat_and(b, known, leat_lt(b, zero, weight));
  return leat_select(b, known, weight, zero);
}

leat_value leat_feature_dense(leat_builder *b, const leat_feature_scene *s, int feature) {
  const leat_feature *f = &s->features->at[feature];
  if (f->kind == LEAT_FEATURE_NUMERIC) return leat_feature_number(b, s, feature);
  leat_value id = leat_feature_id(b, s, feature);
  leat_value hot = leat_one_hot(b, id, leat_feature_ids(f), LEAT_DTYPE_F32);
  if (rank_of(id) == 1 && !f->weights.len) return hot;
  if (f->weights.len) {
    leat_value weight = value_weights(b, s, f, id, LEAT_COMBINER_SUM);
    hot = leat_mul(b, hot, leat_expand_dims(b, weight, rank_of(id)));
  }
  return rank_of(id) == 1 ? hot : leat_reduce_sum(b, hot, (int[]){1}, 1, false);
}

// Rows scaled down to an L2 norm of at most max_norm.
static leat_value clip_rows(leat_builder *b, leat_value rows, double max_norm) {
  int last = rank_of(rows) - 1;
  leat_value norm = leat_sqrt(b, leat_reduce_sum(b, leat_square(b, rows), (int[]){last}, 1, true));
  leat_value limit = leat_const_like(b, norm, max_norm);
  return leat_mul(b, rows, leat_div(b, limit, leat_max(b, norm, limit)));
}

// Rows (batch, width, n) or (batch, n) weighed and combined to (batch, n).
static leat_value combine(leat_builder *b, leat_value rows, leat_value weight, int rank,
                          leat_combiner combiner) {
  leat_value sum = leat_mul(b, rows, leat_expand_dims(b, weight, rank)), total, zero;
  if (rank == 2) sum = leat_reduce_sum(b, sum, (int[]){1}, 1, false);
  if (combiner == LEAT_COMBINER_SUM) return sum;
  total = combiner == LEAT_COMBINER_SQRTN ? leat_square(b, weight) : weight;
  total =
      rank == 2 ? leat_reduce_sum(b, total, (int[]){1}, 1, true) : leat_expand_dims(b, total, 1);
  if (combiner == LEAT_COMBINER_SQRTN) total = leat_sqrt(b, total);
  zero = leat_zeros_like(b, total);
  leat_value none = leat_eq(b, total, zero);
  total = leat_select(b, none, leat_ones_like(b, total), total);
  return leat_div(b, sum, total);
}

static leat_value look_up(leat_builder *b, const leat_feature_scene *s, const leat_feature *f,
                          leat_value id, leat_value table, leat_combiner combiner,
                          double max_norm) {
  leat_value rows = leat_gather(b, table, id, 0, LEAT_INDEX_ZERO);
  if (max_norm > 0) rows = clip_rows(b, rows, max_norm);
  if (rank_of(id) == 1 && !f->weights.len) return rows;
  return combine(b, rows, value_weights(b, s, f, id, combiner), rank_of(id), combiner);
}

leat_value leat_feature_embed(leat_builder *b, const leat_feature_scene *s, int feature,
                              leat_value table) {
  const leat_feature *f = &s->features->at[feature];
  return look_up(b, s, f, leat_feature_id(b, s, feature), table, f->combiner, f->max_norm);
}

leat_value leat_feature_linear(leat_builder *b, const leat_feature_scene *s, int feature,
                               leat_value weights, leat_combiner combiner) {
  const leat_feature *f = &s->features->at[feature];
  if (f->kind == LEAT_FEATURE_NUMERIC)
    return leat_matmul(b, leat_feature_number(b, s, feature), weights);
  return look_up(b, s, f, leat_feature_id(b, s, feature), weights, combiner, 0);
}
