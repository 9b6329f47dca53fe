// Grouping: rows are packed, grouped, and their panes unpacked.
// SPDX-License-Identifier: Apache-2.0
#include "flow/grouping.h"

#include "flow/row_bytes.h"
#include "flow/strategy.h"

#include <string.h>

// --- Plan ---------------------------------------------------------------------------------------
static leat_status read_keys(leat_flow *flow, const leat_flow_transform *t, leat_flow_grouping *g,
                             leat_error *err) {
  const leat_yaml_node *by = t->config ? leat_yaml_get(t->config, "group_by") : NULL;
  bool list = by && by->kind == LEAT_YAML_SEQUENCE;
  g->key_count = !by || leat_yaml_is_null(by) ? 0 : list ? (int)by->count : 1;
  int *keys = leat_arena_alloc(&flow->arena, (size_t)(g->key_count + 1) * sizeof *keys);
  if (!keys) return leat__oom(err, sizeof *keys);
  g->keys = keys;
  for (int i = 0; i < g->key_count; i++) {
    const leat_yaml_node *node = list ? by->items[i] : by;
    leat_status status = leat_flow_field_of(t, g->in, node, &keys[i], err);
    if (status) return status;
    for (int k = 0; k < i; k++)
      if (keys[k] == keys[i]) return leat_flow_fail(t, node, err, "the field is there twice");
  }
  return LEAT_OK;
}

static const int *upward(leat_arena *arena, int count) {
  int *all = leat_arena_alloc(arena, (size_t)(count + 1) * sizeof *all);
  for (int i = 0; all && i < count; i++) all[i] = i;
  return all;
}

leat_status leat_flow_grouping_read(leat_flow *flow, leat_flow_transform *t, int more,
                                    leat_flow_grouping *g, leat_flow_field **fields,
                                    leat_error *err) {
  g->in = t->inputs.at[0]->schema;
  g->strategy = t->inputs.at[0]->strategy;
  leat_status status = read_keys(flow, t, g, err);
  if (status) return status;
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

leat_status leat_flow_grouping_done(leat_flow *flow, leat_flow_transform *t,
                                    const leat_flow_grouping *g, leat_error *err) {
  const int **keys = leat_arena_alloc(&flow->arena, sizeof *keys);
  if (!keys) return leat__oom(err, sizeof *keys);
  *keys = g->keys;
  t->key_fields = keys;
  t->key_count = g->key_count;
  leat_error why;
  if (leat_flow_strategy_check(g->strategy, t->inputs.at[0]->bounded, g->strategy->unsafe_triggers,
                               &why))
    return leat_flow_fail(t, NULL, err, "%s", why.message);
  const leat_flow_strategy *behind = leat_flow_strategy_behind(&flow->arena, g->strategy);
  if (!behind) return leat__oom(err, sizeof *behind);
  return leat_flow_add_output(flow, t, LEAT_STR(""), g->out, behind, t->inputs.at[0]->bounded, NULL,
                              err);
}

// --- Op -----------------------------------------------------------------------------------------
static leat_status flush(leat_flow_grouping_op *g, leat_error *err) {
  if (!leat_flow_rows_count(g->rows)) return LEAT_OK;
  return leat_flow_emit(&g->op, 0, leat_flow_rows_take(g->rows), err);
}

static leat_status pane_out(void *context, const leat_flow_output *pane, leat_error *err) {
  leat_flow_grouping_op *g = context;
  leat_str key = pane->key;
  leat_flow_row_unpack(g->plan->out, g->plan->all_keys, g->plan->key_count, &key, g->rows);
  leat_status status = g->plan->put(&g->op, pane, g->rows, err);
  if (!status)
    status = leat_flow_rows_end(g->rows, pane->timestamp, &pane->window, &pane->pane, err);
  if (!status && leat_flow_rows_count(g->rows) == LEAT_FLOW_BATCH_ROWS) status = flush(g, err);
  return status;
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
  const leat_flow_grouping *p = g->plan;
  (void)input;
  leat_buf_clear(&g->bytes);
  g->elements.count = 0;
  for (int i = 0; i < batch->rows; i++) {
    size_t key = g->bytes.len;
    leat_flow_row_pack(batch, i, p->keys, p->key_count, &g->bytes);
    size_t value = g->bytes.len;
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
