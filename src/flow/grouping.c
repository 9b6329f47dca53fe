// Grouping: rows are packed, grouped, and their panes unpacked.
// SPDX-License-Identifier: Apache-2.0
#include "flow/grouping.h"

#include "flow/row_bytes.h"
#include "flow/strategy.h"

#include <string.h>

// --- Plan ---------------------------------------------------------------------------------------
leat_status leat_flow_grouping_keys(leat_flow *flow, const leat_flow_transform *t,
                                    const leat_flow_schema *in, const leat_yaml_node *by,
                                    const int **out, int *count, leat_error *err) {
  bool list = by && by->kind == LEAT_YAML_SEQUENCE;
  *count = !by || leat_yaml_is_null(by) ? 0 : list ? (int)by->count : 1;
  int *keys = leat_arena_alloc(&flow->arena, (size_t)(*count + 1) * sizeof *keys);
  if (!keys) return leat__oom(err, sizeof *keys);
  *out = keys;
  for (int i = 0; i < *count; i++) {
    const leat_yaml_node *node = list ? by->items[i] : by;
    leat_status status = leat_flow_field_of(t, in, node, &keys[i], err);
    if (status) return status;
    for (int k = 0; k < i; k++)
      if (keys[k] == keys[i]) return leat_flow_fail(t, node, err, "the field is there twice");
  }
  return LEAT_OK;
}

static leat_status read_keys(leat_flow *flow, const leat_flow_transform *t,
                             const leat_yaml_node *by, leat_flow_grouping *g, leat_error *err) {
  return leat_flow_grouping_keys(flow, t, g->in, by, &g->keys, &g->key_count, err);
}

static const int *upward(leat_arena *arena, int count) {
  int *all = leat_arena_alloc(arena, (size_t)(count + 1) * sizeof *all);
  for (int i = 0; all && i < count; i++) all[i] = i;
  return all;
}

static leat_status make_out(leat_flow *flow, int more, leat_flow_grouping *g,
                            leat_flow_field **fields, leat_error *err) {
  leat_flow_schema *out = leat_arena_alloc(&flow->arena, sizeof *out);
  leat_flow_field *all =
      leat_arena_alloc(&flow->arena, (size_t)(g->key_count + more + 1) * sizeof *all);
  g->all_keys = upward(&flow->arena, g->key_count);
  if (!out || !all || !g->all_keys) return leat__oom(err, sizeof *out);
  for (int i = 0; i < g->key_count; i++) all[i] = g->in->fields[g->keys[i]];
  *out = (leat_flow_schema){all, g->key_count + more};
  g->out = out;
  return *fields = all + g->key_count, LEAT_OK;
}

leat_status leat_flow_grouping_read(leat_flow *flow, leat_flow_transform *t, int more,
                                    leat_flow_grouping *g, leat_flow_field **fields,
                                    leat_error *err) {
  g->in = t->inputs.at[0]->schema;
  g->strategy = t->inputs.at[0]->strategy;
  const leat_yaml_node *by = t->config ? leat_yaml_get(t->config, "group_by") : NULL;
  leat_status status = read_keys(flow, t, by, g, err);
  return status ? status : make_out(flow, more, g, fields, err);
}

leat_status leat_flow_grouping_distinct(leat_flow *flow, leat_flow_transform *t,
                                        const leat_yaml_node *by, leat_flow_grouping *g,
                                        leat_error *err) {
  leat_flow_field *none;
  g->in = t->inputs.at[0]->schema;
  g->strategy = t->inputs.at[0]->strategy;
  leat_status status = read_keys(flow, t, by, g, err);
  if (status) return status;
  if (!g->key_count) {
    g->key_count = g->in->count;
    g->keys = upward(&flow->arena, g->key_count);
    if (!g->keys) return leat__oom(err, sizeof *g->keys);
  }
  return make_out(flow, 0, g, &none, err);
}

leat_status leat_flow_grouping_values(leat_flow *flow, leat_flow_grouping *g, const int *values,
                                      int count, leat_error *err) {
  leat_flow_schema *kept = leat_arena_alloc(&flow->arena, sizeof *kept);
  leat_flow_field *fields = leat_arena_alloc(&flow->arena, (size_t)(count + 1) * sizeof *fields);
  int *copy = leat_arena_alloc(&flow->arena, (size_t)(count + 1) * sizeof *copy);
  g->all_kept = upward(&flow->arena, count);
  if (!kept || !fields || !copy || !g->all_kept) return leat__oom(err, sizeof *kept);
  for (int i = 0; i < count; i++) fields[i] = g->in->fields[copy[i] = values[i]];
  *kept = (leat_flow_schema){fields, count};
  g->kept = kept;
  g->values = copy;
  g->value_count = count;
  return LEAT_OK;
}

// --- Several inputs -----------------------------------------------------------------------------
// `in` with the keys nullable that are so in any input, so that equal keys are equal bytes.
static leat_status set_as(leat_flow *flow, leat_flow_grouping *g, const bool *nullable,
                          leat_error *err) {
  leat_flow_schema *as = leat_flow_schema_copy(&flow->arena, g->in);
  if (!as) return leat__oom(err, sizeof *as);
  for (int k = 0; k < g->key_count; k++)
    ((leat_flow_field *)as->fields)[g->keys[k]].nullable = nullable[k];
  return g->as = as, LEAT_OK;
}

static leat_status check_key(const leat_flow_transform *t, const leat_flow_field *first,
                             const leat_flow_field *other, leat_error *err) {
  leat_flow_field a = *first, b = *other;
  a.name = b.name = (leat_str){0};
  a.nullable = b.nullable = false;
  if (leat_flow_field_eq(&a, &b)) return LEAT_OK;
  return leat_flow_fail(
      t, NULL, err, "the key '" LEAT_STR_FMT "' is a %s, '" LEAT_STR_FMT "' a %s; cast one of them",
      LEAT_STR_ARG(first->name), leat_flow_type_name(first->type), LEAT_STR_ARG(other->name),
      leat_flow_type_name(other->type));
}

static leat_status keep(leat_flow *flow, leat_flow_grouping *g, bool keep_keys, leat_error *err) {
  int count = 0, *kept = leat_arena_alloc(&flow->arena, (size_t)(g->in->count + 1) * sizeof *kept);
  if (!kept) return leat__oom(err, sizeof *kept);
  for (int f = 0; f < g->in->count; f++) {
    bool key = false;
    for (int k = 0; k < g->key_count; k++) key |= g->keys[k] == f;
    if (keep_keys || !key) kept[count++] = f;
  }
  return leat_flow_grouping_values(flow, g, kept, count, err);
}

leat_status leat_flow_grouping_others(leat_flow *flow, leat_flow_transform *t,
                                      leat_flow_grouping *g, const int *const *keys, bool keep_keys,
                                      leat_error *err) {
  int count = (int)t->inputs.count - 1;
  bool *nullable = leat_arena_alloc(&flow->arena, (size_t)g->key_count + 1);
  leat_flow_grouping *others = leat_arena_alloc(&flow->arena, (size_t)(count + 1) * sizeof *others);
  if (!nullable || !others) return leat__oom(err, sizeof *others);
  g->others = others;
  g->other_count = count;
  for (int k = 0; k < g->key_count; k++) nullable[k] = g->in->fields[g->keys[k]].nullable;
  for (int i = 0; i < count; i++) {
    const leat_flow_collection *in = t->inputs.at[i + 1];
    others[i].in = in->schema;
    others[i].keys = keys[i];
    others[i].key_count = g->key_count;
    for (int k = 0; k < g->key_count; k++) {
      const leat_flow_field *mine = &g->in->fields[g->keys[k]],
                            *other = &in->schema->fields[keys[i][k]];
      leat_status status = check_key(t, mine, other, err);
      if (status) return status;
      nullable[k] |= other->nullable;
    }
  }
  leat_status status = set_as(flow, g, nullable, err);
  if (!status) status = keep(flow, g, keep_keys, err);
  for (int i = 0; !status && i < count; i++) {
    status = set_as(flow, &others[i], nullable, err);
    if (!status) status = keep(flow, &others[i], keep_keys, err);
  }
  return status;
}

static leat_status check_windows(const leat_flow_transform *t, bool *bounded, leat_error *err) {
  const leat_flow_strategy *first = t->inputs.at[0]->strategy;
  *bounded = true;
  for (size_t i = 0; i < t->inputs.count; i++) {
    const leat_flow_collection *in = t->inputs.at[i];
    leat_error why;
    *bounded &= in->bounded;
    if (leat_flow_strategy_match(first, in->strategy, &why))
      return leat_flow_fail(t, NULL, err, "%s", why.message);
    if (first->window.kind == LEAT_FLOW_SESSIONS && first->settled != in->strategy->settled)
      return leat_flow_fail(t, NULL, err,
                            "sessions that are closed cannot meet sessions that still merge");
    if (leat_flow_strategy_check(in->strategy, in->bounded, in->strategy->unsafe_triggers, &why))
      return leat_flow_fail(t, NULL, err, "%s", why.message);
  }
  return LEAT_OK;
}

leat_status leat_flow_grouping_done(leat_flow *flow, leat_flow_transform *t,
                                    const leat_flow_grouping *g, leat_error *err) {
  const int **keys = leat_arena_alloc(&flow->arena, t->inputs.count * sizeof *keys);
  bool bounded;
  if (!keys) return leat__oom(err, sizeof *keys);
  keys[0] = g->keys;
  for (int i = 0; i < g->other_count; i++) keys[i + 1] = g->others[i].keys;
  t->key_fields = keys;
  t->key_count = g->key_count;
  leat_status status = check_windows(t, &bounded, err);
  if (status) return status;
  const leat_flow_strategy *behind = leat_flow_strategy_behind(&flow->arena, g->strategy);
  if (!behind) return leat__oom(err, sizeof *behind);
  return leat_flow_add_output(flow, t, LEAT_STR(""), g->unnested ? g->unnested : g->out, behind,
                              bounded, NULL, err);
}

// --- Results out --------------------------------------------------------------------------------
// The lists' rows with the time, window and pane of the row that has the list.
static leat_flow_batch *lists_of(const leat_flow_grouping *g, const leat_flow_batch *batch) {
  const leat_flow_column *list = &batch->columns[g->key_count];
  const int32_t *ends = list->values;
  int rows = ends[batch->rows];
  leat_flow_batch *out = leat_flow_batch_new(g->unnested, rows);
  if (!out) return NULL;
  size_t n = (size_t)rows + 1;
  out->windows = leat_flow_block_alloc(out->owner, n * sizeof *out->windows);
  out->panes = leat_flow_block_alloc(out->owner, n * sizeof *out->panes);
  if (!out->windows || !out->panes) return leat_flow_batch_unref(out), NULL;
  for (int f = 0; f < g->unnested->count; f++)
    leat_flow_column_share(&out->columns[f], &list->children->children[f]);
  for (int i = 0; i < batch->rows; i++)
    for (int32_t k = ends[i]; k < ends[i + 1]; k++) {
      out->timestamps[k] = batch->timestamps[i];
      out->windows[k] = batch->windows[i];
      out->panes[k] = batch->panes[i];
    }
  return out;
}

static leat_status give_pieces(leat_flow_op *op, const leat_flow_batch *all, leat_error *err) {
  int32_t rows[LEAT_FLOW_BATCH_ROWS];
  leat_status status = LEAT_OK;
  for (int at = 0; !status && at < all->rows; at += LEAT_FLOW_BATCH_ROWS) {
    int count = all->rows - at < LEAT_FLOW_BATCH_ROWS ? all->rows - at : LEAT_FLOW_BATCH_ROWS;
    for (int i = 0; i < count; i++) rows[i] = at + i;
    status = leat_flow_emit(op, 0, leat_flow_batch_take(all, rows, count), err);
  }
  return status;
}

leat_status leat_flow_grouping_give(leat_flow_op *op, const leat_flow_grouping *g,
                                    leat_flow_batch *batch, leat_error *err) {
  if (!batch || !g->unnested) return leat_flow_emit(op, 0, batch, err);
  leat_flow_batch *all = lists_of(g, batch);
  leat_flow_batch_unref(batch);
  if (!all) return leat__oom(err, sizeof *all);
  leat_status status = give_pieces(op, all, err);
  return leat_flow_batch_unref(all), status;
}

// --- Op -----------------------------------------------------------------------------------------
static leat_status flush(leat_flow_grouping_op *g, leat_error *err) {
  if (!leat_flow_rows_count(g->rows)) return LEAT_OK;
  return leat_flow_grouping_give(&g->op, g->plan, leat_flow_rows_take(g->rows), err);
}

leat_status leat_flow_grouping_row(leat_flow_op *op, const leat_flow_output *pane,
                                   leat_error *err) {
  leat_flow_grouping_op *g = (leat_flow_grouping_op *)op;
  leat_status status =
      leat_flow_rows_end(g->rows, pane->timestamp, &pane->window, &pane->pane, err);
  if (!status && leat_flow_rows_count(g->rows) == LEAT_FLOW_BATCH_ROWS) status = flush(g, err);
  return status;
}

static leat_status pane_out(void *context, const leat_flow_output *pane, leat_error *err) {
  leat_flow_grouping_op *g = context;
  if (g->plan->give) return g->plan->give(&g->op, pane, err);
  leat_str key = pane->key;
  leat_flow_row_unpack(g->plan->out, g->plan->all_keys, g->plan->key_count, &key, g->rows);
  leat_status status = g->plan->put(&g->op, pane, g->rows, err);
  return status ? status : leat_flow_grouping_row(&g->op, pane, err);
}

// After each call: what the group holds, and what it dropped.
static leat_status settle(leat_flow_grouping_op *g, leat_status status, leat_error *err) {
  leat_flow_dropped dropped = leat_flow_group_dropped(g->group);
  leat_flow_count(&g->op.counts.dropped_late, dropped.late - g->dropped.late);
  leat_flow_count(&g->op.counts.dropped_closed, dropped.closed - g->dropped.closed);
  g->dropped = dropped;
  g->op.hold = leat_flow_group_output_watermark(g->group);
  return status ? status : flush(g, err);
}

static leat_status grouping_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                  leat_error *err) {
  leat_flow_grouping_op *g = (leat_flow_grouping_op *)op;
  const leat_flow_grouping *p = input ? &g->plan->others[input - 1] : g->plan;
  leat_flow_batch view = *batch;
  if (p->as) view.schema = p->as;
  leat_buf_clear(&g->bytes);
  g->elements.count = 0;
  for (int i = 0; i < batch->rows; i++) {
    size_t key = g->bytes.len;
    leat_flow_row_pack(&view, i, p->keys, p->key_count, &g->bytes);
    size_t value = g->bytes.len;
    if (p->as) leat_buf_char(&g->bytes, (char)input);
    leat_flow_row_pack(batch, i, p->values, p->value_count, &g->bytes);
    leat_flow_element e = {.key = {NULL, value - key},
                           .value = {NULL, g->bytes.len - value},
                           .timestamp = batch->timestamps[i],
                           .window = batch->windows ? &batch->windows[i] : NULL};
    if (!leat_vec_push(&g->elements, e)) return leat__oom(err, sizeof e);
  }
  leat_status status = leat_buf_status(&g->bytes, err);
  if (status) return status;
  const char *at = g->bytes.ptr ? g->bytes.ptr : "";
  for (size_t i = 0; i < g->elements.count; i++) {
    leat_flow_element *e = &g->elements.at[i];
    e->key.ptr = at;
    e->value.ptr = at + e->key.len;
    at = e->value.ptr + e->value.len;
  }
  status = leat_flow_group_bundle(g->group, g->elements.at, g->elements.count, err);
  return settle(g, status, err);
}

static leat_status grouping_watermark(leat_flow_op *op, int64_t to, leat_error *err) {
  leat_flow_grouping_op *g = (leat_flow_grouping_op *)op;
  return settle(g, leat_flow_group_watermark(g->group, to, err), err);
}

static leat_status grouping_time(leat_flow_op *op, int64_t now, leat_error *err) {
  leat_flow_grouping_op *g = (leat_flow_grouping_op *)op;
  return settle(g, leat_flow_group_time(g->group, now, err), err);
}

static void grouping_free(leat_flow_op *op) {
  leat_flow_grouping_op *g = (leat_flow_grouping_op *)op;
  leat_flow_group_free(g->group);
  leat_flow_rows_free(g->rows);
  leat_buf_deinit(&g->bytes);
  leat_vec_deinit(&g->elements);
  leat__free(g);
}

static const leat_flow_op_class grouping_op = {.batch = grouping_batch,
                                               .watermark = grouping_watermark,
                                               .time = grouping_time,
                                               .free = grouping_free};

leat_status leat_flow_grouping_start(const leat_flow_grouping *plan, const leat_flow_transform *t,
                                     leat_flow_worker *worker, leat_flow_op **out,
                                     leat_error *err) {
  leat_status status =
      leat_flow_op_new(sizeof(leat_flow_grouping_op), &grouping_op, t, worker, out, err);
  if (status) return status;
  leat_flow_grouping_op *g = (leat_flow_grouping_op *)*out;
  g->plan = plan;
  g->bytes.max = SIZE_MAX / 2;
  status = leat_flow_rows_new(&g->rows, plan->out, err);
  if (!status) status = leat_flow_group_new(plan->strategy, pane_out, g, &g->group, err);
  return status;
}
