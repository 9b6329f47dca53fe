// CoGroupByKey: the rows of each key and window of several collections as one row with a list each.
// SPDX-License-Identifier: Apache-2.0
//
//   input: {orders: Orders, people: People}     the lists' names
//   group_by: id                                in all inputs, or {orders: person, people: id}
#include "flow/grouping.h"
#include "flow/row_bytes.h"

#include <string.h>

typedef struct plan {
  leat_flow_grouping grouping;
  const leat_str *tags;
} plan;

// --- Panes --------------------------------------------------------------------------------------
static leat_status put_lists(leat_flow_op *op, const leat_flow_output *pane, leat_flow_rows *rows,
                             leat_error *err) {
  const leat_flow_grouping *g = &((const plan *)op->transform->plan)->grouping;
  (void)err;
  for (int input = 0; input <= g->other_count; input++) {
    const leat_flow_grouping *of = input ? &g->others[input - 1] : g;
    leat_flow_rows_open(rows);
    for (size_t i = 0; i < pane->count; i++) {
      leat_str value = pane->values[i];
      if (value.ptr[0] != (char)input) continue;
      value = (leat_str){value.ptr + 1, value.len - 1};
      leat_flow_rows_open(rows);
      leat_flow_row_unpack(of->kept, of->all_kept, of->value_count, &value, rows);
      leat_flow_rows_close(rows);
    }
    leat_flow_rows_close(rows);
  }
  return LEAT_OK;
}

// --- Config -------------------------------------------------------------------------------------
// The names of the inputs: those that were given, or input0, input1, ...
static leat_status name_inputs(leat_flow *flow, const leat_flow_transform *t, plan *p,
                               leat_error *err) {
  size_t count = t->inputs.count;
  leat_str *tags = leat_arena_alloc(&flow->arena, count * sizeof *tags);
  if (!tags) return leat__oom(err, count * sizeof *tags);
  p->tags = tags;
  for (size_t i = 0; i < count; i++) {
    char text[32];
    snprintf(text, sizeof text, "input%zu", i);
    tags[i] = t->input_tags.at[i];
    if (!tags[i].len)
      tags[i] = (leat_str){leat_arena_str(&flow->arena, leat_str_of(text)), strlen(text)};
    if (!tags[i].ptr) return leat__oom(err, sizeof text);
    for (size_t k = 0; k < i; k++)
      if (leat_str_eq(tags[i], tags[k]))
        return leat_flow_fail(t, NULL, err, "two inputs are named '" LEAT_STR_FMT "'",
                              LEAT_STR_ARG(tags[i]));
  }
  return LEAT_OK;
}

static const leat_yaml_node *of_input(const leat_yaml_node *by, leat_str tag) {
  if (by->kind != LEAT_YAML_MAPPING) return by;
  for (size_t i = 0; i < by->count; i++)
    if (leat_str_eq(by->keys[i]->text, tag)) return by->items[i];
  return NULL;
}

static bool is_input(const leat_flow_transform *t, const plan *p, leat_str tag) {
  for (size_t i = 0; i < t->inputs.count; i++)
    if (leat_str_eq(p->tags[i], tag)) return true;
  return false;
}

static leat_status read_keys(leat_flow *flow, const leat_flow_transform *t, plan *p,
                             const int ***out, leat_error *err) {
  const leat_yaml_node *by = t->config ? leat_yaml_get(t->config, "group_by") : NULL;
  const int **keys = *out = leat_arena_alloc(&flow->arena, t->inputs.count * sizeof *keys);
  if (!keys) return leat__oom(err, sizeof *keys);
  for (size_t i = 0; by && by->kind == LEAT_YAML_MAPPING && i < by->count; i++)
    if (!is_input(t, p, by->keys[i]->text))
      return leat_flow_fail(t, by->keys[i], err, "no input '" LEAT_STR_FMT "'",
                            LEAT_STR_ARG(by->keys[i]->text));
  if (!by) return leat_flow_fail(t, NULL, err, "expected group_by: FIELD, or {INPUT: FIELD, ...}");
  for (size_t i = 0; i < t->inputs.count; i++) {
    const leat_yaml_node *node = of_input(by, p->tags[i]);
    int count;
    if (!node)
      return leat_flow_fail(t, by, err, "by which field of '" LEAT_STR_FMT "'?",
                            LEAT_STR_ARG(p->tags[i]));
    leat_status status =
        leat_flow_grouping_keys(flow, t, t->inputs.at[i]->schema, node, &keys[i], &count, err);
    if (status) return status;
    if (!i) p->grouping.key_count = count;
    if (!count || count != p->grouping.key_count)
      return leat_flow_fail(t, node, err, "%d keys, expected %d", count,
                            p->grouping.key_count ? p->grouping.key_count : 1);
  }
  return LEAT_OK;
}

// The keys as the first input names them, and a list for each input.
static leat_status make_out(leat_flow *flow, const leat_flow_transform *t, plan *p,
                            leat_error *err) {
  leat_flow_grouping *g = &p->grouping;
  int lists = g->other_count + 1, *all_keys;
  leat_flow_schema *out = leat_arena_alloc(&flow->arena, sizeof *out);
  leat_flow_field *fields =
      leat_arena_alloc(&flow->arena, (size_t)(g->key_count + 2 * lists) * sizeof *fields);
  all_keys = leat_arena_alloc(&flow->arena, (size_t)g->key_count * sizeof *all_keys);
  if (!out || !fields || !all_keys) return leat__oom(err, sizeof *out);
  leat_flow_field *rows = fields + g->key_count + lists;
  *out = (leat_flow_schema){fields, g->key_count + lists};
  g->out = out;
  g->all_keys = all_keys;
  for (int k = 0; k < g->key_count; k++) fields[all_keys[k] = k] = g->as->fields[g->keys[k]];
  for (int i = 0; i < lists; i++) {
    const leat_flow_schema *kept = i ? g->others[i - 1].kept : g->kept;
    out->count = g->key_count + i;
    if (leat_flow_schema_find(out, p->tags[i]) >= 0)
      return leat_flow_fail(t, NULL, err, "an input is named as the key '" LEAT_STR_FMT "' is",
                            LEAT_STR_ARG(p->tags[i]));
    rows[i] = (leat_flow_field){
        .type = LEAT_FLOW_TYPE_ROW, .fields = kept->fields, .field_count = kept->count};
    fields[g->key_count + i] = (leat_flow_field){
        .name = p->tags[i], .type = LEAT_FLOW_TYPE_LIST, .fields = &rows[i], .field_count = 1};
  }
  return out->count = g->key_count + lists, LEAT_OK;
}

static leat_status co_group_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  const int **keys;
  if (!p) return leat__oom(err, sizeof *p);
  p->grouping.in = t->inputs.at[0]->schema;
  p->grouping.strategy = t->inputs.at[0]->strategy;
  p->grouping.put = put_lists;
  leat_status status = name_inputs(flow, t, p, err);
  if (!status) status = read_keys(flow, t, p, &keys, err);
  if (status) return status;
  p->grouping.keys = keys[0];
  status = leat_flow_grouping_others(flow, t, &p->grouping, keys + 1, false, err);
  if (!status) status = make_out(flow, t, p, err);
  return status ? status : leat_flow_grouping_done(flow, t, &p->grouping, err);
}

static leat_status co_group_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                  leat_flow_op **out, leat_error *err) {
  return leat_flow_grouping_start(&((const plan *)t->plan)->grouping, t, worker, out, err);
}

static const char *const co_group_fields[] = {"group_by", NULL};

const leat_flow_class leat_flow_co_group_by_key = {
    .type = "CoGroupByKey",
    .urn = "leat:transform:co_group_by_key:v1",
    .help = "The rows of each key and window of several collections",
    .inputs_min = 1,
    .inputs_max = 64,
    .fields = co_group_fields,
    .apply = co_group_apply,
    .start = co_group_start,
    .keyed = true};
