// Feature columns as graph.
// SPDX-License-Identifier: Apache-2.0
#include "features/features.h"

#include "leat/ops.h"

#include <stdio.h>

int64_t leat_feature_ids(const leat_feature *f) {
  switch (f->kind) {
    case LEAT_FEATURE_BUCKETS: return (int64_t)f->boundaries.count + 1;
    case LEAT_FEATURE_VOCABULARY: return (int64_t)f->vocabulary.count;
    case LEAT_FEATURE_HASH: return f->buckets;
    case LEAT_FEATURE_NUMERIC: break;
  }
  return 0;
}

void leat_feature_column_name(const leat_feature *f, leat_buf *out) {
  leat_buf_str(out, f->name);
  if (f->kind == LEAT_FEATURE_NUMERIC) return;
  if (f->kind == LEAT_FEATURE_BUCKETS) leat_buf_c(out, "_bucketized");
  leat_buf_c(out, f->embedding ? "_embedding" : "_indicator");
}

leat_value leat_feature_input(leat_builder *b, const leat_feature *f, leat_dim batch) {
  char name[256];
  snprintf(name, sizeof name, LEAT_STR_FMT, LEAT_STR_ARG(f->name));
  leat_dtype dtype = leat_feature_is_string(f) ? LEAT_DTYPE_STRING : LEAT_DTYPE_F32;
  return leat_input(b, name, (leat_type){dtype, LEAT_SHAPE(batch)});
}

leat_value leat_feature_number(leat_builder *b, const leat_feature *f, leat_value raw) {
  leat_value x = leat_expand_dims(b, raw, 1);
  if (!f->z_score) return x;
  float stddev = f->stddev > 0 ? (float)f->stddev : 1;
  x = leat_sub(b, x, leat_const_f32(b, (float)f->mean));
  return leat_div(b, x, leat_const_f32(b, stddev));
}

// The number of boundaries that are <= x.
static leat_value bucket_id(leat_builder *b, const leat_feature *f, leat_value raw) {
  int64_t count = (int64_t)f->boundaries.count;
  leat_tensor *edges;
  leat_error err;
  leat_status status = leat_tensor_new(&edges, LEAT_DTYPE_F32, 1, &count, &err);
  if (status) return leat_builder_fail(b, status, "%s", err.message);
  for (int64_t i = 0; i < count; i++)
    ((float *)leat_tensor_data(edges))[i] = (float)f->boundaries.at[i];
  leat_value limits = leat_const(b, edges);
  leat_tensor_unref(edges);
  leat_value above = leat_le(b, limits, leat_expand_dims(b, raw, 1));
  return leat_reduce_sum(b, leat_cast(b, above, LEAT_DTYPE_I64), (int[]){1}, 1, false);
}

leat_value leat_feature_id(leat_builder *b, const leat_feature *f, leat_value raw) {
  if (f->kind == LEAT_FEATURE_BUCKETS) return bucket_id(b, f, raw);
  leat_str blanks = LEAT_STR(" \t");
  leat_value text = leat_host_call(b, "string_strip", &raw, 1, &blanks, 1);
  if (f->kind == LEAT_FEATURE_VOCABULARY) {
    leat_value args[] = {text,
                         leat_const_strings(b, f->vocabulary.at, (int64_t)f->vocabulary.count)};
    return leat_host_call(b, "vocab_lookup", args, 2, NULL, 0);
  }
  char digits[32];
  leat_str buckets = {digits,
                      (size_t)snprintf(digits, sizeof digits, "%lld", (long long)f->buckets)};
  leat_value id = leat_host_call(b, "hash_bucket", &text, 1, &buckets, 1);
  leat_value length = leat_host_call(b, "string_length", &text, 1, NULL, 0);
  leat_value empty = leat_eq(b, length, leat_const_i64(b, 0));
  return leat_select(b, empty, leat_const_i64(b, -1), id);
}
