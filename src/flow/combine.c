// Combine: sums, counts and the like of the rows of each key and window.
// SPDX-License-Identifier: Apache-2.0
//
//   group_by: key              a field or a list; none: all rows together
//   combine:
//     total: {value: amount, fn: sum}
//     amount: sum              short for {value: amount, fn: sum}
#include "flow/combine_impl.h"
#include "flow/row_bytes.h"

#include <string.h>

enum { MOST = LEAT_FLOW_PARTS };

typedef leat_flow_part part;
typedef leat_flow_combine_plan plan;

// --- Config -------------------------------------------------------------------------------------
static leat_status unknown_fn(const leat_flow_transform *t, const leat_yaml_node *node,
                              leat_error *err) {
  leat_str names[32];
  size_t count = 0;
  for (const leat_flow_combine_fn *f = leat_flow_combine_fns; f->name && count < 32; f++)
    names[count++] = leat_str_of(f->name);
  leat_str near = leat_str_nearest(node->text, names, count);
  if (near.len)
    return leat_flow_fail(t, node, err,
                          "no function '" LEAT_STR_FMT "'; did you mean " LEAT_STR_FMT "?",
                          LEAT_STR_ARG(node->text), LEAT_STR_ARG(near));
  return leat_flow_fail(t, node, err,
                        "no function '" LEAT_STR_FMT
                        "'; there are count, sum, mean, min, max, any, all, group",
                        LEAT_STR_ARG(node->text));
}

// fn: sum, or fn: {type: sum}.
static leat_status read_fn(const leat_flow_transform *t, const leat_yaml_node *node, part *out,
                           leat_error *err) {
  if (node->kind == LEAT_YAML_MAPPING && leat_yaml_get(node, "type"))
    node = leat_yaml_get(node, "type");
  if (node->kind != LEAT_YAML_SCALAR) return leat_flow_fail(t, node, err, "expected fn: sum");
  out->fn = leat_flow_combine_find(node->text);
  return out->fn ? LEAT_OK : unknown_fn(t, node, err);
}

static leat_status read_part(const leat_flow_transform *t, const leat_flow_schema *in,
                             const leat_yaml_node *name, const leat_yaml_node *node, part *out,
                             int *field, leat_error *err) {
  const leat_yaml_node *fn = node, *value = name;
  if (node->kind == LEAT_YAML_MAPPING) {
    fn = leat_yaml_get(node, "fn");
    value = leat_yaml_get(node, "value");
    for (size_t i = 0; i < node->count; i++)
      if (!leat_str_eq(node->keys[i]->text, LEAT_STR("fn")) &&
          !leat_str_eq(node->keys[i]->text, LEAT_STR("value")))
        return leat_flow_fail(t, node->keys[i], err, "expected fn and value");
    if (!fn) return leat_flow_fail(t, node, err, "expected {value: FIELD, fn: FUNCTION}");
  }
  leat_status status = read_fn(t, fn, out, err);
  if (status) return status;
  *field = -1;
  bool counts = !strcmp(out->fn->name, "count");
  if (counts && (!value || leat_flow_schema_find(in, value->text) < 0) && value == name)
    return LEAT_OK;  // n: count
  if (value) return leat_flow_field_of(t, in, value, field, err);
  return counts ? LEAT_OK : leat_flow_fail(t, node, err, "%s of which value?", out->fn->name);
}

// Where the part lies on the fast paths.
static void place(plan *p, part *x, int field, const leat_flow_field *in) {
  x->field = field;
  if (!p->stride) p->stride = sizeof(leat_flow_acc), p->compact = true;
  bool whole =
      in && !in->nullable && (in->type == LEAT_FLOW_TYPE_INT64 || in->type == LEAT_FLOW_TYPE_INT32);
  if (!strcmp(x->fn->name, "count")) {
    x->kind = LEAT_FLOW_PART_COUNT;
    return;
  }
  x->kind = whole && !strcmp(x->fn->name, "sum") ? LEAT_FLOW_PART_SUM : LEAT_FLOW_PART_ANY;
  p->compact &= x->kind == LEAT_FLOW_PART_SUM;
  x->fast_at = (p->stride + 15) & ~(size_t)15;
  p->stride = x->fast_at + ((x->kind == LEAT_FLOW_PART_SUM ? 16 : x->fn->bytes) + 15) / 16 * 16;
}

static leat_status read_parts(leat_flow *flow, const leat_flow_transform *t, plan *p,
                              const leat_yaml_node *node, leat_flow_field *fields,
                              leat_error *err) {
  int values[MOST], count = 0;
  for (size_t i = 0; i < node->count; i++) {
    part *out = &p->parts[i];
    int field, k = 0;
    leat_status status =
        read_part(t, p->grouping.in, node->keys[i], node->items[i], out, &field, err);
    if (status) return status;
    const leat_flow_field *in = field < 0 ? NULL : &p->grouping.in->fields[field];
    fields[i].name = node->keys[i]->text;
    if (!out->fn->type(in, &fields[i]))
      return leat_flow_fail(t, node->items[i], err, "no %s of %s", out->fn->name,
                            in ? leat_flow_type_name(in->type) : "nothing");
    place(p, out, field, in);
    out->at = p->bytes;
    p->bytes += (out->fn->bytes + 15) & ~(size_t)15;
    while (field >= 0 && k < count && values[k] != field) k++;
    if (field >= 0 && k == count) values[count++] = field;
    out->value = field < 0 ? -1 : k;
  }
  p->count = (int)node->count;
  p->stride = (p->stride + 15) & ~(size_t)15;
  return leat_flow_grouping_values(flow, &p->grouping, values, count, err);
}

// --- Panes --------------------------------------------------------------------------------------
static const leat_flow_field *value_field(const plan *p, const part *x) {
  return x->value < 0 ? NULL : &p->grouping.kept->fields[x->value];
}

static bool add_all(const plan *p, char *accs, const leat_flow_batch *kept) {
  for (int k = 0; k < p->count; k++) {
    const part *x = &p->parts[k];
    const leat_flow_column *c = x->value < 0 ? NULL : &kept->columns[x->value];
    for (int i = 0; i < kept->rows; i++)
      if (!x->fn->add(accs + x->at, value_field(p, x), c, i)) return false;
  }
  return true;
}

static leat_status combine_values(const plan *p, const leat_flow_output *pane, char *accs,
                                  leat_error *err) {
  leat_flow_rows *rows;
  leat_status status = leat_flow_rows_new(&rows, p->grouping.kept, err);
  for (size_t i = 0; !status && i < pane->count; i++) {
    leat_str value = pane->values[i];
    leat_flow_row_unpack(p->grouping.kept, p->grouping.all_kept, p->grouping.value_count, &value,
                         rows);
    status = leat_flow_rows_end(rows, 0, NULL, NULL, err);
    if (status || (leat_flow_rows_count(rows) < LEAT_FLOW_BATCH_ROWS && i + 1 < pane->count))
      continue;
    leat_flow_batch *batch = leat_flow_rows_take(rows);
    if (!batch || !add_all(p, accs, batch)) status = leat__oom(err, p->bytes);
    leat_flow_batch_unref(batch);
  }
  return leat_flow_rows_free(rows), status;
}

static leat_status put_results(leat_flow_op *op, const leat_flow_output *pane, leat_flow_rows *rows,
                               leat_error *err) {
  const plan *p = op->transform->plan;
  char *accs = leat__alloc_aligned(p->bytes + 1);
  if (!accs) return leat__oom(err, p->bytes);
  memset(accs, 0, p->bytes);
  leat_status status = combine_values(p, pane, accs, err);
  for (int k = 0; k < p->count; k++) {
    const part *x = &p->parts[k];
    if (!status) status = x->fn->read(accs + x->at, value_field(p, x), rows, err);
    if (x->fn->clear) x->fn->clear(accs + x->at);
  }
  return leat__free(accs), status;
}

static leat_status combine_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  const leat_yaml_node *combine = t->config ? leat_yaml_get(t->config, "combine") : NULL;
  leat_flow_field *fields;
  if (!p) return leat__oom(err, sizeof *p);
  if (!combine || combine->kind != LEAT_YAML_MAPPING || !combine->count || combine->count > MOST)
    return leat_flow_fail(t, combine, err,
                          "expected combine: {RESULT: {value: FIELD, fn: FUNCTION}, ...}, 1 to %d",
                          MOST);
  leat_status status =
      leat_flow_grouping_read(flow, t, (int)combine->count, &p->grouping, &fields, err);
  if (!status) status = read_parts(flow, t, p, combine, fields, err);
  p->grouping.put = put_results;
  return status ? status : leat_flow_grouping_done(flow, t, &p->grouping, err);
}

static leat_status combine_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                 leat_flow_op **out, leat_error *err) {
  const plan *p = t->plan;
  if (worker->options->general_path || !leat_flow_combine_is_fast(p))
    return leat_flow_grouping_start(&p->grouping, t, worker, out, err);
  if (p->grouping.strategy->window.kind == LEAT_FLOW_SESSIONS)
    return leat_flow_combine_sessions_start(p, t, worker, out, err);
  return leat_flow_combine_panes_start(p, t, worker, out, err);
}

static const char *const combine_fields[] = {"group_by", "combine", "language", NULL};

const leat_flow_class leat_flow_combine = {
    .type = "Combine",
    .urn = "beam:transform:combine_per_key:v1",
    .help = "Sums, counts and the like of the rows of each key and window",
    .inputs_min = 1,
    .inputs_max = 1,
    .fields = combine_fields,
    .apply = combine_apply,
    .start = combine_start,
    .keyed = true};
