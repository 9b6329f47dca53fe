// Combine functions that keep values whole: the greatest of them, all in order, some at random.
// SPDX-License-Identifier: Apache-2.0
//
//   bytes: sort key | packed value | sort key | packed value | ...
//   items: where each lies, and how long its key is
//
// Items are compared as bytes, the value behind the key: so results do not depend on the order that
// values came in. Top keeps up to twice as many as are wanted, then throws away the worse half.
#include "base/fingerprint.h"
#include "flow/combine_rows.h"
#include "flow/row_bytes.h"

#include <stdlib.h>
#include <string.h>

typedef struct item {
  size_t at, len;
  size_t key;  // bytes of it, of len
} item;

typedef struct kept {
  leat_buf bytes;
  LEAT_VEC(item) items;
  size_t best;  // the first so many are the best of all before them, in order; 0: none yet
} kept;

typedef struct view {
  leat_str all;
  size_t key;
} view;

static bool list_type(const leat_flow_field *in, leat_flow_field *out) {
  if (!in) return false;
  out->type = LEAT_FLOW_TYPE_LIST;
  out->fields = in;
  out->field_count = 1;
  return true;
}

static bool top_type(const leat_flow_field *in, leat_flow_field *out) {
  return list_type(in, out) && in->type != LEAT_FLOW_TYPE_LIST;
}

static void kept_clear(void *acc) {
  kept *k = acc;
  leat_buf_deinit(&k->bytes);
  leat_vec_deinit(&k->items);
}

static leat_str item_of(const kept *k, size_t i) {
  return (leat_str){k->bytes.ptr + k->items.at[i].at, k->items.at[i].len};
}

static int by_bytes(const void *a, const void *b) {
  return leat_str_cmp(((const view *)a)->all, ((const view *)b)->all);
}

// All items in order; NULL when memory is exhausted.
static view *in_order(const kept *k) {
  size_t count = k->items.count;
  view *views = leat__alloc((count + 1) * sizeof *views);
  for (size_t i = 0; views && i < count; i++) views[i] = (view){item_of(k, i), k->items.at[i].key};
  if (views && count) qsort(views, count, sizeof *views, by_bytes);
  return views;
}

// Leaves the best `n` items, in order.
static bool prune(kept *k, size_t n) {
  view *views = in_order(k);
  kept less = {.bytes.max = SIZE_MAX / 2};
  bool good = views && leat_vec_reserve(&less.items, 2 * n);
  for (size_t i = 0; good && i < n; i++) {
    less.items.at[less.items.count++] = (item){less.bytes.len, views[i].all.len, views[i].key};
    leat_buf_str(&less.bytes, views[i].all);
  }
  leat__free(views);
  less.best = n;
  if (!good || less.bytes.failed) return kept_clear(&less), false;
  kept_clear(k);
  return *k = less, true;
}

// The bytes behind `at` are a new item's.
static bool take(kept *k, size_t at, size_t key, int64_t n) {
  item new = {at, k->bytes.len - at, key};
  if (k->bytes.failed) return false;
  if (k->best && leat_str_cmp((leat_str){k->bytes.ptr + at, new.len}, item_of(k, k->best - 1)) >= 0)
    return k->bytes.len = at, true;
  if (!leat_vec_push(&k->items, new)) return false;
  return !n || k->items.count < (size_t)n * 2 || prune(k, (size_t)n);
}

static bool rows_add(void *acc, const leat_flow_combined *of, const leat_flow_column *c, int row) {
  kept *k = acc;
  const leat_flow_rows_config *config = of->config;
  leat_flow_schema schema = {of->in, 1};
  leat_flow_batch batch = {.schema = &schema, .columns = (leat_flow_column *)c};
  size_t at = k->bytes.len;
  if (!config->whole && !leat_flow_is_valid(c, row)) return true;
  k->bytes.max = SIZE_MAX / 2;
  leat_flow_sort_pack(&config->sort, config->whole ? c->children : c, row, &k->bytes);
  size_t key = k->bytes.len - at;
  leat_flow_row_pack(&batch, row, (int[]){0}, 1, &k->bytes);
  return take(k, at, key, config->sort.count ? config->n : 0);
}

static bool rows_merge(void *into, const void *from, const leat_flow_combined *of) {
  kept *k = into;
  const kept *other = from;
  const leat_flow_rows_config *config = of->config;
  k->bytes.max = SIZE_MAX / 2;
  for (size_t i = 0; i < other->items.count; i++) {
    size_t at = k->bytes.len;
    leat_buf_str(&k->bytes, item_of(other, i));
    if (!take(k, at, other->items.at[i].key, config->sort.count ? config->n : 0)) return false;
  }
  return true;
}

static void put(const leat_flow_combined *of, const view *v, leat_flow_rows *out) {
  leat_flow_schema schema = {of->in, 1};
  leat_str rest = {v->all.ptr + v->key, v->all.len - v->key};
  leat_flow_row_unpack(&schema, (int[]){0}, 1, &rest, out);
}

// --- top ----------------------------------------------------------------------------------------
static leat_status top_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                            leat_error *err) {
  const kept *k = acc;
  const leat_flow_rows_config *config = of->config;
  size_t count = k->items.count, n = config->n ? (size_t)config->n : count;
  view *views = in_order(k);
  if (!views) return leat__oom(err, count * sizeof *views);
  leat_flow_rows_open(out);
  for (size_t i = 0; i < count && i < n; i++) put(of, &views[i], out);
  leat_flow_rows_close(out);
  return leat__free(views), LEAT_OK;
}

// --- sample -------------------------------------------------------------------------------------
// Each value draws a number from the seed, its bytes, and how many equal ones came before it; the
// least win. Equal values are not told apart, so it is all one in which order they came.
typedef struct draw {
  uint64_t number;
  const view *of;
} draw;

static int by_number(const void *a, const void *b) {
  const draw *x = a, *y = b;
  if (x->number != y->number) return x->number < y->number ? -1 : 1;
  return by_bytes(x->of, y->of);
}

static leat_status sample_read(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                               leat_error *err) {
  const kept *k = acc;
  const leat_flow_rows_config *config = of->config;
  size_t count = k->items.count, n = (size_t)config->n;
  view *views = in_order(k);
  draw *draws = leat__alloc((count + 1) * sizeof *draws);
  if (!views || !draws)
    return leat__free(views), leat__free(draws), leat__oom(err, count * sizeof *draws);
  for (size_t i = 0, equal = 0; i < count; i++) {
    equal = i && !by_bytes(&views[i - 1], &views[i]) ? equal + 1 : 0;
    draws[i] = (draw){leat_siphash(views[i].all, config->seed, equal), &views[i]};
  }
  if (count) qsort(draws, count, sizeof *draws, by_number);
  leat_flow_rows_open(out);
  for (size_t i = 0; i < count && i < n; i++) put(of, draws[i].of, out);
  leat_flow_rows_close(out);
  return leat__free(views), leat__free(draws), LEAT_OK;
}

// --- Config -------------------------------------------------------------------------------------
leat_status leat_flow_rows_n(const leat_flow_transform *t, const leat_yaml_node *node,
                             const char *name, int64_t *out, leat_error *err) {
  const leat_yaml_node *n = node ? leat_yaml_get(node, name) : NULL;
  if (!n) return leat_flow_fail(t, node, err, "expected %s: how many", name);
  leat_status status = leat_yaml_i64(t->yaml, n, out, err);
  if (status) return status;
  return *out >= 1 && *out <= INT32_MAX ? LEAT_OK
                                        : leat_flow_fail(t, n, err, "expected 1 to 2147483647");
}

static leat_status config_new(leat_flow *flow, const leat_flow_field *in,
                              leat_flow_rows_config **out, leat_error *err) {
  leat_flow_rows_config *c = *out = leat_arena_alloc(&flow->arena, sizeof *c);
  if (!c) return leat__oom(err, sizeof *c);
  c->whole = in->type == LEAT_FLOW_TYPE_ROW && !in->nullable;
  return LEAT_OK;
}

leat_status leat_flow_top_config(leat_flow *flow, const leat_flow_transform *t,
                                 const leat_yaml_node *by, const leat_flow_field *in, bool falling,
                                 int64_t n, const void **out, leat_error *err) {
  leat_flow_rows_config *c;
  leat_status status = config_new(flow, in, &c, err);
  if (status) return status;
  *out = c;
  c->n = n;
  if (c->whole) {
    leat_flow_schema row = {in->fields, in->field_count};
    return leat_flow_sort_read(flow, t, by, &row, falling, &c->sort, err);
  }
  if (by) return leat_flow_fail(t, by, err, "a single value has no fields to go by");
  leat_flow_sort_term *term = leat_arena_alloc(&flow->arena, sizeof *term);
  if (!term) return leat__oom(err, sizeof *term);
  *term = (leat_flow_sort_term){0, falling};
  return c->sort = (leat_flow_sort){in, term, 1}, LEAT_OK;
}

static leat_status top_configure(leat_flow *flow, const leat_flow_transform *t,
                                 const leat_yaml_node *node, const leat_flow_field *in,
                                 const void **out, leat_error *err) {
  static const char *const known[] = {"n", "by", "smallest", NULL};
  const leat_yaml_node *smallest = node ? leat_yaml_get(node, "smallest") : NULL;
  bool rising = false;
  int64_t n = 0;
  leat_status status = leat_flow_known(t, node, "setting", known, err);
  if (!status) status = leat_flow_rows_n(t, node, "n", &n, err);
  if (!status && smallest) status = leat_yaml_bool(t->yaml, smallest, &rising, err);
  const leat_yaml_node *by = node ? leat_yaml_get(node, "by") : NULL;
  return status ? status : leat_flow_top_config(flow, t, by, in, !rising, n, out, err);
}

leat_status leat_flow_sample_config(leat_flow *flow, const leat_flow_transform *t,
                                    const leat_yaml_node *node, const leat_flow_field *in,
                                    const void **out, leat_error *err) {
  const leat_yaml_node *seed = node ? leat_yaml_get(node, "seed") : NULL;
  leat_flow_rows_config *c;
  int64_t number = 0;
  leat_status status = config_new(flow, in, &c, err);
  if (status) return status;
  *out = c;
  status = leat_flow_rows_n(t, node, "n", &c->n, err);
  if (!status && seed) status = leat_yaml_i64(t->yaml, seed, &number, err);
  return c->seed = (uint64_t)number, status;
}

static leat_status sample_configure(leat_flow *flow, const leat_flow_transform *t,
                                    const leat_yaml_node *node, const leat_flow_field *in,
                                    const void **out, leat_error *err) {
  static const char *const known[] = {"n", "seed", NULL};
  leat_status status = leat_flow_known(t, node, "setting", known, err);
  return status ? status : leat_flow_sample_config(flow, t, node, in, out, err);
}

const leat_flow_combine_fn leat_flow_top = {.name = "top",
                                            .type = top_type,
                                            .bytes = sizeof(kept),
                                            .add = rows_add,
                                            .merge = rows_merge,
                                            .read = top_read,
                                            .clear = kept_clear,
                                            .configure = top_configure};
const leat_flow_combine_fn leat_flow_sample = {.name = "sample",
                                               .type = list_type,
                                               .bytes = sizeof(kept),
                                               .add = rows_add,
                                               .merge = rows_merge,
                                               .read = sample_read,
                                               .clear = kept_clear,
                                               .configure = sample_configure};
