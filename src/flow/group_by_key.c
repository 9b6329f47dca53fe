// GroupByKey: the rows of each key and window as one row with a list.
// SPDX-License-Identifier: Apache-2.0
#include "flow/grouping.h"
#include "flow/row_bytes.h"

static leat_status put_values(leat_flow_op *op, const leat_flow_output *pane, leat_flow_rows *rows,
                              leat_error *err) {
  const leat_flow_grouping *g = ((leat_flow_grouping_op *)op)->plan;
  (void)err;
  leat_flow_rows_open(rows);
  for (size_t i = 0; i < pane->count; i++) {
    leat_str value = pane->values[i];
    leat_flow_rows_open(rows);
    leat_flow_row_unpack(g->kept, g->all_kept, g->value_count, &value, rows);
    leat_flow_rows_close(rows);
  }
  return leat_flow_rows_close(rows), LEAT_OK;
}

static leat_status group_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  leat_flow_grouping *g = t->plan = leat_arena_alloc(&flow->arena, sizeof *g);
  leat_flow_field *list, *row = leat_arena_alloc(&flow->arena, sizeof *row);
  if (!g || !row) return leat__oom(err, sizeof *g);
  leat_status status = leat_flow_grouping_read(flow, t, 1, g, &list, err);
  if (status) return status;
  int count = 0,
      *others = leat_arena_alloc(&flow->arena, (size_t)(g->in->count + 1) * sizeof *others);
  if (!others) return leat__oom(err, sizeof *others);
  for (int f = 0; f < g->in->count; f++) {
    bool key = false;
    for (int k = 0; k < g->key_count; k++) key |= g->keys[k] == f;
    if (!key) others[count++] = f;
  }
  status = leat_flow_grouping_values(flow, g, others, count, err);
  if (status) return status;
  *row = (leat_flow_field){
      .type = LEAT_FLOW_TYPE_ROW, .fields = g->kept->fields, .field_count = count};
  *list = (leat_flow_field){
      .name = LEAT_STR("values"), .type = LEAT_FLOW_TYPE_LIST, .fields = row, .field_count = 1};
  g->put = put_values;
  return leat_flow_grouping_done(flow, t, g, err);
}

static leat_status group_start(const leat_flow_transform *t, leat_flow_worker *worker,
                               leat_flow_op **out, leat_error *err) {
  return leat_flow_grouping_start(t->plan, t, worker, out, err);
}

static const char *const group_fields[] = {"group_by", NULL};

const leat_flow_class leat_flow_group_by_key = {
    .type = "GroupByKey",
    .urn = "beam:transform:group_by_key:v1",
    .help = "The rows of each key and window as one row with a list",
    .inputs_min = 1,
    .inputs_max = 1,
    .fields = group_fields,
    .apply = group_apply,
    .start = group_start,
    .keyed = true};
