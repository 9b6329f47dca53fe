// JoinPair: the rows of two collections with equal keys, side by side; what Join is made of.
// SPDX-License-Identifier: Apache-2.0
//
//   left: [FIELD, ...]   right: [FIELD, ...]     equal, by their places
//   type: inner          left, right, outer: rows of these sides that found no other, too
//   fields: [{left: FIELD, as: NAME}, {right: FIELD, as: NAME}]     of the output
//
// As in SQL a null equals nothing. Rows meet within a window, and where panes are repeated, a pane.
#include "flow/grouping.h"
#include "flow/row_bytes.h"

#include <string.h>

typedef struct out_field {
  int side, field;
} out_field;

typedef struct plan {
  leat_flow_grouping grouping;
  bool keeps[2];  // of each side: rows without a match
  out_field *fields;
} plan;

typedef struct side {
  leat_flow_rows *rows;
  leat_flow_batch *batch;
  int count;
} side;

static const leat_flow_grouping *side_of(const plan *p, int i) {
  return i ? &p->grouping.others[0] : &p->grouping;
}

// --- Panes --------------------------------------------------------------------------------------
static leat_status read_side(const plan *p, const leat_flow_output *pane, int which, side *out,
                             leat_error *err) {
  const leat_flow_grouping *g = side_of(p, which);
  leat_status status = leat_flow_rows_new(&out->rows, g->kept, err);
  for (size_t i = 0; !status && i < pane->count; i++) {
    leat_str value = pane->values[i];
    if (value.ptr[0] != (char)which) continue;
    value = (leat_str){value.ptr + 1, value.len - 1};
    leat_flow_row_unpack(g->kept, g->all_kept, g->value_count, &value, out->rows);
    status = leat_flow_rows_end(out->rows, 0, NULL, NULL, err);
  }
  if (status) return status;
  out->count = leat_flow_rows_count(out->rows);
  out->batch = leat_flow_rows_take(out->rows);
  return out->batch ? LEAT_OK : leat__oom(err, sizeof *out->batch);
}

static bool has_null_key(const plan *p, const side *sides) {
  int which = !sides[0].count;
  const leat_flow_grouping *g = side_of(p, which);
  for (int k = 0; k < g->key_count; k++)
    if (!leat_flow_is_valid(&sides[which].batch->columns[g->keys[k]], 0)) return true;
  return false;
}

// Rows a and b side by side; -1: none.
static leat_status put(leat_flow_op *op, const leat_flow_output *pane, const side *sides, int a,
                       int b, leat_error *err) {
  const plan *p = op->transform->plan;
  leat_flow_rows *rows = ((leat_flow_grouping_op *)op)->rows;
  for (int f = 0; f < p->grouping.out->count; f++) {
    out_field from = p->fields[f];
    int row = from.side ? b : a;
    if (row < 0)
      leat_flow_rows_null(rows);
    else
      leat_flow_rows_copy(rows, &side_of(p, from.side)->in->fields[from.field],
                          &sides[from.side].batch->columns[from.field], row);
  }
  return leat_flow_grouping_row(op, pane, err);
}

static leat_status put_all(leat_flow_op *op, const leat_flow_output *pane, const side *sides,
                           leat_error *err) {
  const plan *p = op->transform->plan;
  bool match = sides[0].count && sides[1].count && !has_null_key(p, sides);
  leat_status status = LEAT_OK;
  for (int a = 0; match && !status && a < sides[0].count; a++)
    for (int b = 0; !status && b < sides[1].count; b++) status = put(op, pane, sides, a, b, err);
  for (int a = 0; !match && p->keeps[0] && !status && a < sides[0].count; a++)
    status = put(op, pane, sides, a, -1, err);
  for (int b = 0; !match && p->keeps[1] && !status && b < sides[1].count; b++)
    status = put(op, pane, sides, -1, b, err);
  return status;
}

static leat_status give_pane(leat_flow_op *op, const leat_flow_output *pane, leat_error *err) {
  const plan *p = op->transform->plan;
  side sides[2] = {{.rows = NULL}};
  leat_status status = read_side(p, pane, 0, &sides[0], err);
  if (!status) status = read_side(p, pane, 1, &sides[1], err);
  if (!status) status = put_all(op, pane, sides, err);
  for (int i = 0; i < 2; i++) {
    leat_flow_batch_unref(sides[i].batch);
    leat_flow_rows_free(sides[i].rows);
  }
  return status;
}

// --- Config -------------------------------------------------------------------------------------
static leat_status read_type(const leat_flow_transform *t, plan *p, leat_error *err) {
  static const char *const types[] = {"inner", "left", "right", "outer"};
  const leat_yaml_node *node = leat_yaml_get(t->config, "type");
  for (unsigned i = 0; i < 4; i++)
    if (!node || leat_str_eq(node->text, leat_str_of(types[i])))
      return p->keeps[0] = i & 1, p->keeps[1] = i >> 1 & 1, LEAT_OK;
  return leat_flow_fail(t, node, err, "expected type: inner, left, right or outer");
}

static leat_status read_fields(leat_flow *flow, const leat_flow_transform *t, plan *p,
                               leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(t->config, "fields");
  size_t count = node && node->kind == LEAT_YAML_SEQUENCE ? node->count : 0;
  leat_flow_schema *out = leat_arena_alloc(&flow->arena, sizeof *out);
  leat_flow_field *fields = leat_arena_alloc(&flow->arena, (count + 1) * sizeof *fields);
  p->fields = leat_arena_alloc(&flow->arena, (count + 1) * sizeof *p->fields);
  if (!out || !fields || !p->fields) return leat__oom(err, sizeof *out);
  for (size_t i = 0; i < count; i++) {
    const leat_yaml_node *as = leat_yaml_get(node->items[i], "as"),
                         *left = leat_yaml_get(node->items[i], "left"),
                         *right = leat_yaml_get(node->items[i], "right");
    if (!as || !left == !right)
      return leat_flow_fail(t, node->items[i], err, "expected {left: FIELD, as: NAME}");
    out_field *to = &p->fields[i];
    to->side = right != NULL;
    const leat_flow_schema *in = side_of(p, to->side)->in;
    leat_status status = leat_flow_field_of(t, in, right ? right : left, &to->field, err);
    if (status) return status;
    fields[i] = in->fields[to->field];
    fields[i].name = as->text;
    fields[i].nullable |= p->keeps[!to->side];
  }
  if (!count) return leat_flow_fail(t, node, err, "expected fields: [{left: FIELD, as: NAME}]");
  *out = (leat_flow_schema){fields, (int)count};
  return p->grouping.out = out, LEAT_OK;
}

static leat_status pair_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  if (!p) return leat__oom(err, sizeof *p);
  if (!t->config) return leat_flow_fail(t, NULL, err, "expected left, right, type and fields");
  leat_flow_grouping *g = &p->grouping;
  const int *right;
  int count = 0;
  g->in = t->inputs.at[0]->schema;
  g->strategy = t->inputs.at[0]->strategy;
  g->give = give_pane;
  leat_status status = leat_flow_grouping_keys(flow, t, g->in, leat_yaml_get(t->config, "left"),
                                               &g->keys, &g->key_count, err);
  if (!status)
    status = leat_flow_grouping_keys(flow, t, t->inputs.at[1]->schema,
                                     leat_yaml_get(t->config, "right"), &right, &count, err);
  if (status) return status;
  if (!count || count != g->key_count)
    return leat_flow_fail(t, NULL, err, "%d fields of the left, %d of the right", g->key_count,
                          count);
  status = leat_flow_grouping_others(flow, t, g, &right, true, err);
  if (!status) status = read_type(t, p, err);
  if (!status) status = read_fields(flow, t, p, err);
  return status ? status : leat_flow_grouping_done(flow, t, g, err);
}

static leat_status pair_start(const leat_flow_transform *t, leat_flow_worker *worker,
                              leat_flow_op **out, leat_error *err) {
  return leat_flow_grouping_start(&((const plan *)t->plan)->grouping, t, worker, out, err);
}

static const char *const pair_fields[] = {"left", "right", "type", "fields", NULL};

const leat_flow_class leat_flow_join_pair = {.type = "JoinPair",
                                             .urn = "leat:transform:join_pair:v1",
                                             .help = "Rows of two collections with equal keys",
                                             .inputs_min = 2,
                                             .inputs_max = 2,
                                             .fields = pair_fields,
                                             .apply = pair_apply,
                                             .start = pair_start,
                                             .keyed = true};
