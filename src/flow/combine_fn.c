// Combine functions: one table row and a few lines each.
// SPDX-License-Identifier: Apache-2.0
#include "flow/combine_fn.h"

#include "flow/row_bytes.h"
#include "flow/sum.h"

#include <math.h>
#include <string.h>

static bool is_whole(const leat_flow_field *f) {
  return f->type == LEAT_FLOW_TYPE_INT32 || f->type == LEAT_FLOW_TYPE_INT64;
}
static bool is_real(const leat_flow_field *f) {
  return f->type == LEAT_FLOW_TYPE_FLOAT || f->type == LEAT_FLOW_TYPE_DOUBLE;
}
static bool is_text(const leat_flow_field *f) {
  return f->type == LEAT_FLOW_TYPE_STRING || f->type == LEAT_FLOW_TYPE_BYTES;
}

static int64_t whole_of(const leat_flow_field *f, const leat_flow_column *c, int row) {
  return f->type == LEAT_FLOW_TYPE_INT32 ? ((const int32_t *)c->values)[row]
                                         : ((const int64_t *)c->values)[row];
}
static double real_of(const leat_flow_field *f, const leat_flow_column *c, int row) {
  return f->type == LEAT_FLOW_TYPE_FLOAT ? (double)((const float *)c->values)[row]
                                         : ((const double *)c->values)[row];
}

// --- count --------------------------------------------------------------------------------------
static bool count_type(const leat_flow_field *in, leat_flow_field *out) {
  (void)in;
  out->type = LEAT_FLOW_TYPE_INT64;
  return true;
}
static bool count_add(void *acc, const leat_flow_combined *of, const leat_flow_column *c, int row) {
  (void)of, (void)c, (void)row;
  return ++*(int64_t *)acc, true;
}
static bool count_merge(void *into, const void *from, const leat_flow_combined *of) {
  (void)of;
  return *(int64_t *)into += *(const int64_t *)from, true;
}
static leat_status count_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                              leat_error *err) {
  (void)of, (void)err;
  return leat_flow_rows_int(out, *(const int64_t *)acc), LEAT_OK;
}

// --- sum, mean ----------------------------------------------------------------------------------
typedef struct totals {
  __int128 whole;
  leat_sum real;
  int64_t count;
} totals;

static bool sum_type(const leat_flow_field *in, leat_flow_field *out) {
  if (!in || (!is_whole(in) && !is_real(in))) return false;
  out->type = is_whole(in) ? LEAT_FLOW_TYPE_INT64 : LEAT_FLOW_TYPE_DOUBLE;
  out->nullable = in->nullable;
  return true;
}
static bool mean_type(const leat_flow_field *in, leat_flow_field *out) {
  if (!sum_type(in, out)) return false;
  return out->type = LEAT_FLOW_TYPE_DOUBLE, true;
}
static bool totals_add(void *acc, const leat_flow_combined *of, const leat_flow_column *c,
                       int row) {
  totals *t = acc;
  if (!leat_flow_is_valid(c, row)) return true;
  t->count++;
  if (is_whole(of->in))
    t->whole += whole_of(of->in, c, row);
  else
    leat_sum_add(&t->real, real_of(of->in, c, row));
  return true;
}
static bool totals_merge(void *into, const void *from, const leat_flow_combined *of) {
  totals *a = into;
  const totals *b = from;
  (void)of;
  a->whole += b->whole;
  a->count += b->count;
  return leat_sum_merge(&a->real, &b->real), true;
}
static leat_status sum_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                            leat_error *err) {
  const totals *t = acc;
  if (!t->count && of->in->nullable) return leat_flow_rows_null(out), LEAT_OK;
  if (!is_whole(of->in)) return leat_flow_rows_double(out, leat_sum_read(&t->real)), LEAT_OK;
  if (t->whole > INT64_MAX || t->whole < INT64_MIN)
    return leat_error_set(err, LEAT_OUT_OF_RANGE,
                          "the sum of '" LEAT_STR_FMT "' does not fit 64 bits; sum it as double",
                          LEAT_STR_ARG(of->in->name));
  return leat_flow_rows_int(out, (int64_t)t->whole), LEAT_OK;
}
static leat_status mean_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                             leat_error *err) {
  const totals *t = acc;
  (void)err;
  if (!t->count && of->in->nullable) return leat_flow_rows_null(out), LEAT_OK;
  double sum = is_whole(of->in) ? (double)t->whole : leat_sum_read(&t->real);
  return leat_flow_rows_double(out, sum / (double)t->count), LEAT_OK;
}

// --- min, max -----------------------------------------------------------------------------------
typedef struct extreme {
  bool some;
  int64_t whole;  // BOOL, too
  double real;
  char *text;
  size_t len;
} extreme;

static bool extreme_type(const leat_flow_field *in, leat_flow_field *out) {
  if (!in || in->type == LEAT_FLOW_TYPE_LIST || in->type == LEAT_FLOW_TYPE_ROW) return false;
  out->type = in->type;
  out->nullable = in->nullable;
  return true;
}

// Reals in the order of IEEE 754's totalOrder but for NaN, which is the greatest: -0 before +0.
static int real_cmp(double a, double b) {
  if (isnan(a) || isnan(b)) return (isnan(a) != 0) - (isnan(b) != 0);
  if (a != b) return a < b ? -1 : 1;
  return (signbit(b) != 0) - (signbit(a) != 0);
}

static int extreme_cmp(const leat_flow_field *in, const extreme *a, const extreme *b) {
  if (is_real(in)) return real_cmp(a->real, b->real);
  if (is_text(in)) return leat_str_cmp((leat_str){a->text, a->len}, (leat_str){b->text, b->len});
  return (a->whole > b->whole) - (a->whole < b->whole);
}

static bool extreme_keep(extreme *e, const extreme *value, const leat_flow_field *in) {
  char *text = NULL;
  if (is_text(in)) {
    text = leat__realloc(e->text, value->len + 1);
    if (!text) return false;
    if (value->len) memcpy(text, value->text, value->len);
  }
  *e = *value;
  e->text = text;
  return true;
}

static extreme extreme_of(const leat_flow_combined *of, const leat_flow_column *c, int row) {
  extreme value = {.some = leat_flow_is_valid(c, row)};
  if (!value.some) return value;
  if (is_real(of->in)) {
    value.real = real_of(of->in, c, row);
  } else if (is_text(of->in)) {
    leat_str text = leat_flow_text(c, row);
    value.text = (char *)text.ptr, value.len = text.len;
  } else {
    value.whole =
        of->in->type == LEAT_FLOW_TYPE_BOOL ? leat_flow_bool(c, row) : whole_of(of->in, c, row);
  }
  return value;
}

static bool extreme_take(extreme *e, const extreme *value, const leat_flow_field *in, int sign) {
  if (!value->some || (e->some && extreme_cmp(in, value, e) * sign <= 0)) return true;
  return extreme_keep(e, value, in);
}
static bool min_add(void *acc, const leat_flow_combined *of, const leat_flow_column *c, int row) {
  extreme value = extreme_of(of, c, row);
  return extreme_take(acc, &value, of->in, -1);
}
static bool max_add(void *acc, const leat_flow_combined *of, const leat_flow_column *c, int row) {
  extreme value = extreme_of(of, c, row);
  return extreme_take(acc, &value, of->in, 1);
}
static bool min_merge(void *into, const void *from, const leat_flow_combined *of) {
  return extreme_take(into, from, of->in, -1);
}
static bool max_merge(void *into, const void *from, const leat_flow_combined *of) {
  return extreme_take(into, from, of->in, 1);
}
static leat_status extreme_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                                leat_error *err) {
  const extreme *e = acc;
  (void)err;
  if (!e->some)
    leat_flow_rows_null(out);
  else if (is_real(of->in))
    leat_flow_rows_double(out, e->real);
  else if (is_text(of->in))
    leat_flow_rows_text(out, (leat_str){e->text, e->len});
  else if (of->in->type == LEAT_FLOW_TYPE_BOOL)
    leat_flow_rows_bool(out, e->whole);
  else
    leat_flow_rows_int(out, e->whole);
  return LEAT_OK;
}
static bool extreme_is_flat(const leat_flow_field *in) { return !is_text(in); }
static void extreme_clear(void *acc) { leat__free(((extreme *)acc)->text); }

// --- any, all -----------------------------------------------------------------------------------
typedef struct truths {
  bool some, any, every_not;  // every_not: not all
} truths;

static bool truths_type(const leat_flow_field *in, leat_flow_field *out) {
  if (!in || in->type != LEAT_FLOW_TYPE_BOOL) return false;
  out->type = LEAT_FLOW_TYPE_BOOL;
  out->nullable = in->nullable;
  return true;
}
static bool truths_add(void *acc, const leat_flow_combined *of, const leat_flow_column *c,
                       int row) {
  truths *t = acc;
  (void)of;
  if (!leat_flow_is_valid(c, row)) return true;
  t->some = true;
  t->any |= leat_flow_bool(c, row);
  t->every_not |= !leat_flow_bool(c, row);
  return true;
}
static bool truths_merge(void *into, const void *from, const leat_flow_combined *of) {
  truths *a = into;
  const truths *b = from;
  (void)of;
  a->some |= b->some, a->any |= b->any, a->every_not |= b->every_not;
  return true;
}
static leat_status any_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                            leat_error *err) {
  const truths *t = acc;
  (void)err;
  if (!t->some && of->in->nullable) return leat_flow_rows_null(out), LEAT_OK;
  return leat_flow_rows_bool(out, t->any), LEAT_OK;
}
static leat_status all_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                            leat_error *err) {
  const truths *t = acc;
  (void)err;
  if (!t->some && of->in->nullable) return leat_flow_rows_null(out), LEAT_OK;
  return leat_flow_rows_bool(out, !t->every_not), LEAT_OK;
}

// --- group: a list of the values ----------------------------------------------------------------
typedef struct listed {
  leat_buf bytes;  // packed
  int64_t count;
} listed;

static bool group_type(const leat_flow_field *in, leat_flow_field *out) {
  if (!in) return false;
  out->type = LEAT_FLOW_TYPE_LIST;
  out->fields = in;
  out->field_count = 1;
  return true;
}
static bool group_add(void *acc, const leat_flow_combined *of, const leat_flow_column *c, int row) {
  listed *l = acc;
  leat_flow_schema schema = {of->in, 1};
  leat_flow_batch batch = {.rows = 0, .schema = &schema, .columns = (leat_flow_column *)c};
  l->bytes.max = SIZE_MAX / 2;
  leat_flow_row_pack(&batch, row, (int[]){0}, 1, &l->bytes);
  return l->count++, !l->bytes.failed;
}
static bool group_merge(void *into, const void *from, const leat_flow_combined *of) {
  listed *a = into;
  const listed *b = from;
  (void)of;
  a->bytes.max = SIZE_MAX / 2;
  leat_buf_str(&a->bytes, leat_buf_view(&b->bytes));
  return a->count += b->count, !a->bytes.failed;
}
static leat_status group_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                              leat_error *err) {
  const listed *l = acc;
  leat_flow_schema schema = {of->in, 1};
  leat_str rest = leat_buf_view(&l->bytes);
  (void)err;
  leat_flow_rows_open(out);
  for (int64_t i = 0; i < l->count; i++) leat_flow_row_unpack(&schema, (int[]){0}, 1, &rest, out);
  return leat_flow_rows_close(out), LEAT_OK;
}
static void group_clear(void *acc) { leat_buf_deinit(&((listed *)acc)->bytes); }

// --- The table ----
static const leat_flow_combine_fn fn_count = {.name = "count",
                                              .type = count_type,
                                              .bytes = sizeof(int64_t),
                                              .add = count_add,
                                              .merge = count_merge,
                                              .read = count_read};
static const leat_flow_combine_fn fn_sum = {.name = "sum",
                                            .type = sum_type,
                                            .bytes = sizeof(totals),
                                            .add = totals_add,
                                            .merge = totals_merge,
                                            .read = sum_read};
static const leat_flow_combine_fn fn_mean = {.name = "mean",
                                             .type = mean_type,
                                             .bytes = sizeof(totals),
                                             .add = totals_add,
                                             .merge = totals_merge,
                                             .read = mean_read};
static const leat_flow_combine_fn fn_min = {.name = "min",
                                            .type = extreme_type,
                                            .bytes = sizeof(extreme),
                                            .add = min_add,
                                            .merge = min_merge,
                                            .read = extreme_read,
                                            .clear = extreme_clear,
                                            .is_flat = extreme_is_flat};
static const leat_flow_combine_fn fn_max = {.name = "max",
                                            .type = extreme_type,
                                            .bytes = sizeof(extreme),
                                            .add = max_add,
                                            .merge = max_merge,
                                            .read = extreme_read,
                                            .clear = extreme_clear,
                                            .is_flat = extreme_is_flat};
static const leat_flow_combine_fn fn_any = {.name = "any",
                                            .type = truths_type,
                                            .bytes = sizeof(truths),
                                            .add = truths_add,
                                            .merge = truths_merge,
                                            .read = any_read};
static const leat_flow_combine_fn fn_all = {.name = "all",
                                            .type = truths_type,
                                            .bytes = sizeof(truths),
                                            .add = truths_add,
                                            .merge = truths_merge,
                                            .read = all_read};
static const leat_flow_combine_fn fn_group = {.name = "group",
                                              .type = group_type,
                                              .bytes = sizeof(listed),
                                              .add = group_add,
                                              .merge = group_merge,
                                              .read = group_read,
                                              .clear = group_clear};

const leat_flow_combine_fn *const leat_flow_combine_fns[] = {&fn_count,
                                                             &fn_sum,
                                                             &fn_mean,
                                                             &fn_min,
                                                             &fn_max,
                                                             &fn_any,
                                                             &fn_all,
                                                             &fn_group,
                                                             &leat_flow_count_distinct,
                                                             &leat_flow_quantiles,
                                                             &leat_flow_top,
                                                             &leat_flow_sample,
                                                             NULL};

const leat_flow_combine_fn *leat_flow_combine_find(leat_str name) {
  for (int i = 0; leat_flow_combine_fns[i]; i++)
    if (leat_str_eq(leat_str_of(leat_flow_combine_fns[i]->name), name))
      return leat_flow_combine_fns[i];
  return NULL;
}
