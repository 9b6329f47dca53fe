// Classification and regression: tf.Examples into a version's inputs, scores out of its results.
// SPDX-License-Identifier: Apache-2.0
#include "formats/number.h"
#include "serve/tfs.h"
#include "tensor/tensor_impl.h"

#include <math.h>

// --- In -----------------------------------------------------------------------------------------
static const leat_example_list *find(const leat_example *e, const char *name) {
  for (size_t i = 0; e && i < e->features.count; i++)
    if (leat_str_eq(e->features.at[i].key, leat_str_of(name)) &&
        leat_example_count(&e->features.at[i].value))
      return &e->features.at[i].value;
  return NULL;
}

static const char *kind_name(leat_example_kind kind) {
  return kind == LEAT_EXAMPLE_BYTES ? "string" : kind == LEAT_EXAMPLE_FLOAT ? "float" : "int64";
}

static leat_status bad_kind(const leat_tensor_info *info, const leat_example_list *list, size_t row,
                            leat_error *err) {
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "Name: <unknown>, Key: %s, Index: %zu.  Data types don't match. Data type: "
                        "%s but expected type: %s",
                        info->name, row, kind_name(list->kind), leat_dtype_tf_name(info->dtype));
}

// One number; whole ones are good for floats.
static bool put_number(leat_values *v, const leat_example_list *list, size_t i) {
  bool real = list->kind == LEAT_EXAMPLE_FLOAT;
  double f = real ? (double)list->floats.at[i] : (double)list->ints.at[i];
  int64_t whole = real ? 0 : list->ints.at[i];
  char *data = v->data;
  switch (v->info->dtype) {
    case LEAT_DTYPE_F32:
      ((float *)(void *)data)[v->count++] = real ? list->floats.at[i] : (float)whole;
      return true;
    case LEAT_DTYPE_F64: ((double *)(void *)data)[v->count++] = f; return true;
    case LEAT_DTYPE_I64: ((int64_t *)(void *)data)[v->count++] = whole; return !real;
    case LEAT_DTYPE_I32:
      ((int32_t *)(void *)data)[v->count++] = (int32_t)whole;
      return !real && whole == (int32_t)whole;
    case LEAT_DTYPE_BOOL: data[v->count++] = whole != 0; return !real;
    default: return false;
  }
}

static leat_status put_feature(leat_values *v, const leat_example_list *list, size_t row,
                               leat_error *err) {
  bool string = v->info->dtype == LEAT_DTYPE_STRING;
  size_t count = leat_example_count(list);
  if (string != (list->kind == LEAT_EXAMPLE_BYTES)) return bad_kind(v->info, list, row, err);
  if (!leat_values_reserve(v, count)) return leat_values_no_memory(err);
  for (size_t i = 0; i < count; i++) {
    leat_status status = LEAT_OK;
    if (string)
      status = leat_values_add_string(v, list->bytes.at[i], err);
    else if (!put_number(v, list, i))
      status = bad_kind(v->info, list, row, err);
    if (status) return status;
  }
  return LEAT_OK;
}

// How many values an example has for an input: the known sizes behind the batch; with an open one,
// as many as the first example brings.
static leat_status check_count(const leat_tensor_info *info, int64_t *each, size_t got, size_t row,
                               leat_error *err) {
  int64_t known = 1;
  bool open = false;
  for (int i = 1; i < info->rank; i++)
    if (info->dims[i] < 0)
      open = true;
    else
      known *= info->dims[i];
  if (*each < 0) *each = open ? (int64_t)got : known;
  if ((int64_t)got == *each && (!open || (known && (int64_t)got % known == 0))) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "Name: <unknown>, Key: %s, Index: %zu.  Number of %s values != expected.  "
                        "Values size: %zu but output shape: [%lld]",
                        info->name, row, leat_dtype_tf_name(info->dtype), got, (long long)*each);
}

static leat_status read_input(leat_values *v, const leat_example *examples, size_t count,
                              const leat_example *context, leat_tensor **out, leat_error *err) {
  const leat_tensor_info *info = v->info;
  int64_t each = -1, dims[LEAT_MAX_RANK];
  if (!info->rank)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "input '%s' has no rows for examples",
                          info->name);
  for (size_t row = 0; row < count; row++) {
    const leat_example_list *list = find(&examples[row], info->name);
    if (!list) list = find(context, info->name);
    if (!list)
      return leat_error_set(
          err, LEAT_INVALID_ARGUMENT,
          "Name: <unknown>, Feature: %s (data type: %s) is required but could not "
          "be found.",
          info->name, leat_dtype_tf_name(info->dtype));
    leat_status status = check_count(info, &each, leat_example_count(list), row, err);
    if (!status) status = put_feature(v, list, row, err);
    if (status) return status;
  }
  int64_t left = each;
  for (int i = 1; i < info->rank; i++)
    if (info->dims[i] > 0) left /= info->dims[i];
  dims[0] = (int64_t)count;
  for (int i = 1; i < info->rank; i++) {
    dims[i] = info->dims[i] < 0 ? left : info->dims[i];
    if (info->dims[i] < 0) left = 1;
  }
  return leat_values_tensor(v, info->rank, dims, out, err);
}

leat_status leat__examples_in(leat_infer *f, leat_example *examples, size_t count,
                              const leat_example *context, leat_error *err) {
  leat_status status = LEAT_OK;
  if (!count) return leat_error_set(err, LEAT_INVALID_ARGUMENT, "Input is empty.");
  for (int i = 0; !status && i < f->version->input_count; i++)
    status = read_input(&f->values[i], examples, count, context, &f->in[i], err);
  return status;
}

// --- Out ----------------------------------------------------------------------------------------
static const leat_tensor *result(const leat_infer *f, const char *name) {
  int i = leat_version_output(f->version, leat_str_of(name));
  return i < 0 ? NULL : f->out[i];
}

static bool is_real(const leat_tensor *t) {
  return t && (t->dtype == LEAT_DTYPE_F32 || t->dtype == LEAT_DTYPE_F64);
}

static leat_status find_value(const leat_infer *f, leat_scores *out, leat_error *err) {
  static const char *const names[] = {"outputs", "predictions", "logistic", "regression"};
  for (size_t i = 0; !out->scores && i < sizeof names / sizeof *names; i++)
    if (is_real(result(f, names[i]))) out->scores = result(f, names[i]);
  for (int i = 0; !out->scores && i < f->version->output_count; i++)
    if (is_real(f->out[i])) out->scores = f->out[i];
  const leat_tensor *t = out->scores;
  out->rows = t && t->rank ? t->dims[0] : 0;
  out->classes = 1;
  if (t && t->rank >= 1 && t->count == out->rows) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "Expected a regression signature: one number for each example");
}

leat_status leat__scores_out(const leat_infer *f, bool regress, leat_scores *out, leat_error *err) {
  *out = (leat_scores){0};
  if (regress) return find_value(f, out, err);
  const leat_tensor *t = result(f, "scores");
  if (!is_real(t)) t = result(f, "probabilities");
  if (!is_real(t) || t->rank < 1 || t->rank > 2)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "Expected a classification signature: scores for each example");
  out->scores = t;
  out->rows = t->dims[0];
  out->classes = t->rank == 2 ? t->dims[1] : 1;
  const leat_tensor *each = result(f, "classes"), *all = result(f, "all_classes");
  if (all) each = all;
  if (each && each->dtype == LEAT_DTYPE_STRING && each->rank == 2 &&
      each->count == out->rows * out->classes && (each == all || !f->version->classes))
    out->labels = each;
  else if (f->version->classes && f->version->classes->count == out->classes)
    out->labels = f->version->classes, out->shared = true;
  return LEAT_OK;
}

leat_str leat__score_label(const leat_scores *s, int64_t row, int64_t i, char room[40]) {
  if (!s->labels) return (leat_str){room, leat_format_i64(room, i)};
  return leat_tensor_str(s->labels, s->shared ? i : row * s->classes + i);
}

float leat__score(const leat_scores *s, int64_t row, int64_t i) {
  int64_t at = row * s->classes + i;
  return s->scores->dtype == LEAT_DTYPE_F32 ? ((const float *)s->scores->data)[at]
                                            : (float)((const double *)s->scores->data)[at];
}
