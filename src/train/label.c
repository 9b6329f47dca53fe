// Labels as graph, and the check of rows that comes before it.
// SPDX-License-Identifier: Apache-2.0
#include "train/label.h"

#include "leat/ops.h"

#include <stdio.h>

static bool is_number(const leat_config *c) {
  return c->head == LEAT_HEAD_REGRESSION || c->head == LEAT_HEAD_LOGISTIC ||
         c->head == LEAT_HEAD_POISSON;
}

static bool is_one_column(const leat_config *c) {
  return c->head != LEAT_HEAD_MULTI_LABEL || c->label_split.len > 0;
}

leat_dtype leat_label_dtype(const leat_config *c) {
  if (is_number(c) || !is_one_column(c)) return LEAT_DTYPE_F32;
  return c->label_vocabulary.count ? LEAT_DTYPE_STRING : LEAT_DTYPE_I64;
}

// --- Graph --------------------------------------------------------------------------------------
static leat_value lookup(leat_builder *b, const leat_config *c, leat_value text,
                         leat_value *stripped) {
  *stripped = leat_host_call(b, "string_strip", &text, 1, &c->label_strip, 1);
  leat_value args[] = {
      *stripped, leat_const_strings(b, c->label_vocabulary.at, (int64_t)c->label_vocabulary.count)};
  return leat_host_call(b, "vocab_lookup", args, 2, NULL, 0);
}

static leat_value checked(leat_builder *b, leat_value id, leat_value text) {
  leat_value args[] = {id, text};
  leat_str message = LEAT_STR("a label is not in the vocabulary");
  return leat_host_call(b, "string_range_check", args, 2, &message, 1);
}

// Words with a separator between them as 0 and 1 for each class; no word is no class.
static leat_value many_hot(leat_builder *b, const leat_config *c, leat_value raw) {
  leat_str params[] = {c->label_split, LEAT_STR("label_values")};
  leat_value words = leat_host_call(b, "string_split", &raw, 1, params, 2), text;
  leat_value id = lookup(b, c, words, &text);
  leat_value length = leat_host_call(b, "string_length", &text, 1, NULL, 0);
  leat_value empty = leat_eq(b, length, leat_const_i64(b, 0));
  id = leat_select(b, empty, id,
                   checked(b, leat_select(b, empty, leat_zeros_like(b, id), id), text));
  leat_value hot = leat_one_hot(b, id, c->outputs, LEAT_DTYPE_F32);
  return leat_reduce_max(b, hot, (int[]){1}, 1, false);
}

// Integers in [0, classes).
static leat_value in_range(leat_builder *b, const leat_config *c, leat_value id) {
  leat_value low = leat_le(b, leat_const_i64(b, 0), id),
             high = leat_lt(b, id, leat_const_i64(b, c->classes));
  leat_assert(b, leat_reduce_and(b, leat_and(b, low, high), NULL, 0, false),
              "a label is not one of the classes");
  return id;
}

leat_value leat_label_build(leat_builder *b, const leat_config *c, leat_dim batch) {
  leat_value columns[LEAT_MAX_LABELS], text;
  leat_type type = {leat_label_dtype(c), LEAT_SHAPE(batch)};
  char name[256];
  for (size_t i = 0; i < c->labels.count; i++) {
    snprintf(name, sizeof name, LEAT_STR_FMT, LEAT_STR_ARG(c->labels.at[i]));
    columns[i] = leat_input(b, name, type);
  }
  leat_builder_scope(b, "label");
  if (type.dtype == LEAT_DTYPE_F32) {
    for (size_t i = 0; i < c->labels.count; i++) columns[i] = leat_expand_dims(b, columns[i], 1);
    return c->labels.count == 1 ? columns[0] : leat_concat(b, columns, (int)c->labels.count, 1);
  }
  if (c->head == LEAT_HEAD_MULTI_LABEL) return many_hot(b, c, columns[0]);
  leat_value id;
  if (type.dtype == LEAT_DTYPE_I64)
    id = in_range(b, c, columns[0]);
  else {
    id = lookup(b, c, columns[0], &text);
    id = checked(b, id, text);
  }
  if (c->head == LEAT_HEAD_MULTI_CLASS) return id;
  return leat_expand_dims(b, leat_cast(b, id, LEAT_DTYPE_F32), 1);
}

// --- Rows ---------------------------------------------------------------------------------------
static leat_status fail(const leat_config *c, size_t column, const char *what, leat_error *err) {
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, LEAT_STR_FMT ": %s",
                        LEAT_STR_ARG(c->labels.at[column]), what);
}

static leat_status check_word(const leat_config *c, const leat_map *classes, leat_str text,
                              leat_error *err) {
  text = leat_str_strip(text, c->label_strip);
  if (leat_map_find(classes, text)) return LEAT_OK;
  if (c->head == LEAT_HEAD_MULTI_LABEL && !text.len) return LEAT_OK;
  if (!text.len) return fail(c, 0, "the label is missing", err);
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        LEAT_STR_FMT ": '" LEAT_STR_FMT "' is not in the label's vocabulary",
                        LEAT_STR_ARG(c->labels.at[0]), LEAT_STR_ARG(text));
}

static leat_status check_words(const leat_config *c, const leat_map *classes, leat_str text,
                               leat_error *err) {
  if (!c->label_split.len) return check_word(c, classes, text, err);
  leat_status status = LEAT_OK;
  while (!status && text.len)
    status = check_word(c, classes, leat_str_cut(&text, c->label_split.ptr[0]), err);
  return status;
}

static leat_status check_number(const leat_config *c, size_t column, float y, leat_error *err) {
  char what[96];
  const char *want = NULL;
  if (!(y - y == 0))
    want = "expected a finite number";
  else if (c->head == LEAT_HEAD_LOGISTIC && !(y >= 0 && y <= 1))
    want = "a logistic label is from 0 to 1";
  else if (c->head == LEAT_HEAD_POISSON && y < 0)
    want = "a count is not negative";
  else if (c->head == LEAT_HEAD_MULTI_LABEL && y != 0 && y != 1)
    want = "a label of several is 0 or 1";
  if (!want) return LEAT_OK;
  snprintf(what, sizeof what, "the label is %g: %s", (double)y, want);
  return fail(c, column, what, err);
}

leat_status leat_label_check(const leat_config *c, const leat_map *classes,
                             leat_tensor *const *labels, int64_t row, leat_error *err) {
  leat_dtype dtype = leat_label_dtype(c);
  leat_status status = LEAT_OK;
  if (dtype == LEAT_DTYPE_STRING)
    return check_words(c, classes, leat_tensor_str(labels[0], row), err);
  if (dtype == LEAT_DTYPE_I64) {
    int64_t id = ((const int64_t *)leat_tensor_data(labels[0]))[row];
    if (id >= 0 && id < c->classes) return LEAT_OK;
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          LEAT_STR_FMT ": class %lld is not in [0, %lld)",
                          LEAT_STR_ARG(c->labels.at[0]), (long long)id, (long long)c->classes);
  }
  for (size_t i = 0; !status && i < c->labels.count; i++)
    status = check_number(c, i, ((const float *)leat_tensor_data(labels[i]))[row], err);
  return status;
}
