// Combine functions that keep a sketch: how many different values, and quantiles.
// SPDX-License-Identifier: Apache-2.0
#include "flow/accumulate.h"
#include "flow/combine_rows.h"
#include "flow/row_bytes.h"

#include <math.h>

// --- approx_count_distinct ----------------------------------------------------------------------
// HyperLogLog with 4,096 registers: within 1.6 % (one standard deviation), whatever the order.
typedef struct distinct {
  leat_distinct *sketch;  // NULL: no value yet
} distinct;

static bool distinct_type(const leat_flow_field *in, leat_flow_field *out) {
  out->type = LEAT_FLOW_TYPE_INT64;
  return in != NULL;
}

static bool distinct_some(distinct *d) {
  return d->sketch || (d->sketch = leat__calloc(1, sizeof *d->sketch));
}

static bool distinct_add(void *acc, const leat_flow_combined *of, const leat_flow_column *c,
                         int row) {
  distinct *d = acc;
  leat_flow_schema schema = {of->in, 1};
  leat_flow_batch batch = {.schema = &schema, .columns = (leat_flow_column *)c};
  if (!leat_flow_is_valid(c, row)) return true;
  if (!distinct_some(d)) return false;
  leat_buf bytes = {.max = SIZE_MAX / 2};
  leat_flow_row_pack(&batch, row, (int[]){0}, 1, &bytes);
  bool good = !bytes.failed;
  if (good) leat_distinct_add(d->sketch, leat_buf_view(&bytes));
  return leat_buf_deinit(&bytes), good;
}

static bool distinct_merge(void *into, const void *from, const leat_flow_combined *of) {
  const distinct *other = from;
  (void)of;
  if (!other->sketch) return true;
  if (!distinct_some(into)) return false;
  return leat_distinct_merge(((distinct *)into)->sketch, other->sketch), true;
}

static leat_status distinct_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                                 leat_error *err) {
  const distinct *d = acc;
  (void)of, (void)err;
  leat_flow_rows_int(out, d->sketch ? (int64_t)llround(leat_distinct_read(d->sketch)) : 0);
  return LEAT_OK;
}

static void distinct_clear(void *acc) { leat__free(((distinct *)acc)->sketch); }

const leat_flow_combine_fn leat_flow_count_distinct = {.name = "approx_count_distinct",
                                                       .type = distinct_type,
                                                       .bytes = sizeof(distinct),
                                                       .add = distinct_add,
                                                       .merge = distinct_merge,
                                                       .read = distinct_read,
                                                       .clear = distinct_clear};

// --- quantiles ----------------------------------------------------------------------------------
// Exact up to 4,096 values, then within about 0.2 % of the rank.
enum { MOST = 1000 };

typedef struct fractions {
  size_t count;
  double at[];
} fractions;

static const leat_flow_field real = {.type = LEAT_FLOW_TYPE_DOUBLE};

static bool quantiles_type(const leat_flow_field *in, leat_flow_field *out) {
  if (!in) return false;
  out->type = LEAT_FLOW_TYPE_LIST;
  out->fields = &real;
  out->field_count = 1;
  return in->type == LEAT_FLOW_TYPE_INT32 || in->type == LEAT_FLOW_TYPE_INT64 ||
         in->type == LEAT_FLOW_TYPE_FLOAT || in->type == LEAT_FLOW_TYPE_DOUBLE;
}

static double number_of(leat_flow_type type, const leat_flow_column *c, int row) {
  switch (type) {
    case LEAT_FLOW_TYPE_INT32: return ((const int32_t *)c->values)[row];
    case LEAT_FLOW_TYPE_INT64: return (double)((const int64_t *)c->values)[row];
    case LEAT_FLOW_TYPE_FLOAT: return (double)((const float *)c->values)[row];
    default: return ((const double *)c->values)[row];
  }
}

static bool quantiles_add(void *acc, const leat_flow_combined *of, const leat_flow_column *c,
                          int row) {
  leat_error err;
  if (!leat_flow_is_valid(c, row)) return true;
  return !leat_quantiles_add(acc, number_of(of->in->type, c, row), &err);
}

static bool quantiles_merge(void *into, const void *from, const leat_flow_combined *of) {
  leat_error err;
  (void)of;
  return !leat_quantiles_merge(into, from, &err);
}

static leat_status quantiles_read(const void *acc, const leat_flow_combined *of,
                                  leat_flow_rows *out, leat_error *err) {
  const leat_quantiles *q = acc;
  const fractions *f = of->config;
  double values[MOST];
  leat_status status = leat_quantiles_read(q, f->at, f->count, values, err);
  if (status) return status;
  leat_flow_rows_open(out);
  for (size_t i = 0; q->count > 0 && i < f->count; i++) leat_flow_rows_double(out, values[i]);
  return leat_flow_rows_close(out), LEAT_OK;
}

static void quantiles_clear(void *acc) { leat_quantiles_deinit(acc); }

static leat_status read_fractions(const leat_flow_transform *t, const leat_yaml_node *node,
                                  fractions *f, leat_error *err) {
  for (size_t i = 0; i < f->count; i++) {
    leat_status status = leat_yaml_f64(t->yaml, node->items[i], &f->at[i], err);
    if (status) return status;
    if (!(f->at[i] >= 0 && f->at[i] <= 1) || (i && f->at[i] < f->at[i - 1]))
      return leat_flow_fail(t, node->items[i], err, "expected fractions of 0 to 1, rising");
  }
  return LEAT_OK;
}

// {n: 5}: that many at equal distance, the least and the greatest value among them; or fractions.
static leat_status quantiles_configure(leat_flow *flow, const leat_flow_transform *t,
                                       const leat_yaml_node *node, const leat_flow_field *in,
                                       const void **out, leat_error *err) {
  static const char *const known[] = {"n", "fractions", NULL};
  const leat_yaml_node *at = node ? leat_yaml_get(node, "fractions") : NULL;
  int64_t n = 0;
  (void)in;
  leat_status status = leat_flow_known(t, node, "setting", known, err);
  if (!status && !at) status = leat_flow_rows_n(t, node, "n", &n, err);
  if (status) return status;
  if (at) n = at->kind == LEAT_YAML_SEQUENCE ? (int64_t)at->count : 0;
  if (n < (at ? 1 : 2) || n > MOST)
    return leat_flow_fail(t, node, err, "expected n: 2 to %d, or fractions: [0.5, 0.99]", MOST);
  fractions *f = leat_arena_alloc(&flow->arena, sizeof *f + (size_t)n * sizeof *f->at);
  if (!f) return leat__oom(err, sizeof *f);
  f->count = (size_t)n;
  *out = f;
  if (at) return read_fractions(t, at, f, err);
  for (int64_t i = 0; i < n; i++) f->at[i] = (double)i / (double)(n - 1);
  return LEAT_OK;
}

const leat_flow_combine_fn leat_flow_quantiles = {.name = "quantiles",
                                                  .type = quantiles_type,
                                                  .bytes = sizeof(leat_quantiles),
                                                  .add = quantiles_add,
                                                  .merge = quantiles_merge,
                                                  .read = quantiles_read,
                                                  .clear = quantiles_clear,
                                                  .configure = quantiles_configure};
