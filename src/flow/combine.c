// Combine: sums, counts and the like of the rows of each key and window.
// SPDX-License-Identifier: Apache-2.0
//
//   group_by: key              a field or a list; none: all rows together
//   combine:
//     total: {value: amount, fn: sum}
//     amount: sum              short for {value: amount, fn: sum}
//     best: {value: "*", fn: {type: top, config: {n: 3, by: amount}}}    of whole rows
#include "flow/combine_impl.h"
#include "flow/combine_rows.h"
#include "flow/row_bytes.h"
#include "flow/row_expr.h"

#include <string.h>

enum { MOST = LEAT_FLOW_PARTS };

typedef leat_flow_part part;
typedef leat_flow_combine_plan plan;

// --- Config -------------------------------------------------------------------------------------
static leat_status unknown_fn(const leat_flow_transform *t, const leat_yaml_node *node,
                              leat_error *err) {
  leat_str names[32];
  size_t count = 0;
  for (; leat_flow_combine_fns[count] && count < 32; count++)
    names[count] = leat_str_of(leat_flow_combine_fns[count]->name);
  leat_str near = leat_str_nearest(node->text, names, count);
  if (near.len)
    return leat_flow_fail(t, node, err,
                          "no function '" LEAT_STR_FMT "'; did you mean " LEAT_STR_FMT "?",
                          LEAT_STR_ARG(node->text), LEAT_STR_ARG(near));
  return leat_flow_fail(t, node, err,
                        "no function '" LEAT_STR_FMT
                        "'; there are count, sum, mean, min, max, any, all, group, "
                        "approx_count_distinct, quantiles, top, sample",
                        LEAT_STR_ARG(node->text));
}

// fn: sum, or fn: {type: top, config: {...}}.
static leat_status read_fn(const leat_flow_transform *t, const leat_yaml_node *node, part *out,
                           const leat_yaml_node **config, leat_error *err) {
  static const char *const known[] = {"type", "config", NULL};
  *config = NULL;
  if (node->kind == LEAT_YAML_MAPPING && leat_yaml_get(node, "type")) {
    leat_status status = leat_flow_known(t, node, "setting", known, err);
    if (status) return status;
    *config = leat_yaml_get(node, "config");
    node = leat_yaml_get(node, "type");
  }
  if (node->kind != LEAT_YAML_SCALAR) return leat_flow_fail(t, node, err, "expected fn: sum");
  out->fn = leat_flow_combine_find(node->text);
  if (!out->fn) return unknown_fn(t, node, err);
  if (*config && !out->fn->configure)
    return leat_flow_fail(t, *config, err, "%s has no settings", out->fn->name);
  return LEAT_OK;
}

const leat_flow_field *leat_flow_row_field(leat_flow *flow, const leat_flow_schema *schema) {
  leat_flow_field *field = leat_arena_alloc(&flow->arena, sizeof *field);
  if (field)
    *field = (leat_flow_field){.name = LEAT_STR("row"),
                               .type = LEAT_FLOW_TYPE_ROW,
                               .fields = schema->fields,
                               .field_count = schema->count};
  return field;
}

static leat_status read_field(const leat_flow_transform *t, const leat_flow_schema *in,
                              const leat_yaml_node *name, const leat_yaml_node *value, part *out,
                              leat_error *err) {
  out->field = LEAT_FLOW_NO_FIELD;
  bool counts = !strcmp(out->fn->name, "count");
  if (counts && (!value || leat_flow_schema_find(in, value->text) < 0) && value == name)
    return LEAT_OK;  // n: count
  bool all = value && value->kind == LEAT_YAML_SCALAR && leat_str_eq(value->text, LEAT_STR("*"));
  if (all && !counts) return out->field = LEAT_FLOW_WHOLE_ROW, LEAT_OK;
  if (value && !all) return leat_flow_field_of(t, in, value, &out->field, err);
  return counts ? LEAT_OK : leat_flow_fail(t, name, err, "%s of which value?", out->fn->name);
}

// A result's function and value; its type and name go into *result.
static leat_status read_part(leat_flow *flow, const leat_flow_transform *t,
                             const leat_flow_schema *in, const leat_yaml_node *name,
                             const leat_yaml_node *node, part *out, leat_flow_field *result,
                             leat_error *err) {
  static const char *const known[] = {"value", "fn", NULL};
  const leat_yaml_node *fn = node, *value = name, *config;
  if (node->kind == LEAT_YAML_MAPPING) {
    leat_status status = leat_flow_known(t, node, "setting", known, err);
    if (status) return status;
    fn = leat_yaml_get(node, "fn");
    value = leat_yaml_get(node, "value");
    if (!fn) return leat_flow_fail(t, node, err, "expected {value: FIELD, fn: FUNCTION}");
  }
  leat_status status = read_fn(t, fn, out, &config, err);
  if (!status) status = read_field(t, in, name, value, out, err);
  if (status) return status;
  if (out->field >= 0) out->of.in = &in->fields[out->field];
  if (out->field == LEAT_FLOW_WHOLE_ROW && !(out->of.in = leat_flow_row_field(flow, in)))
    return leat__oom(err, sizeof *out->of.in);
  result->name = name->text;
  if (!out->fn->type(out->of.in, result))
    return leat_flow_fail(t, node, err, "no %s of %s", out->fn->name,
                          out->of.in ? leat_flow_type_name(out->of.in->type) : "nothing");
  if (!out->fn->configure) return LEAT_OK;
  return out->fn->configure(flow, t, config, out->of.in, &out->of.config, err);
}

// Where the part lies on the fast and on the general path.
static void place(plan *p, part *x) {
  const leat_flow_field *in = x->of.in;
  x->at = p->bytes;
  p->bytes += (x->fn->bytes + 15) & ~(size_t)15;
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

// The fields that are kept, and where each part finds its own among them.
static leat_status place_all(leat_flow *flow, plan *p, leat_error *err) {
  const leat_flow_schema *in = p->grouping.in;
  int *values = leat_arena_alloc(&flow->arena, (size_t)(in->count + MOST) * sizeof *values);
  int count = 0;
  bool whole = false;
  if (!values) return leat__oom(err, sizeof *values);
  p->stride = sizeof(leat_flow_acc);
  p->compact = true;
  for (int i = 0; i < p->count; i++) whole |= p->parts[i].field == LEAT_FLOW_WHOLE_ROW;
  for (; whole && count < in->count; count++) values[count] = count;
  for (int i = 0; i < p->count; i++) {
    part *x = &p->parts[i];
    int k = 0;
    place(p, x);
    while (x->field >= 0 && k < count && values[k] != x->field) k++;
    if (x->field >= 0 && k == count) values[count++] = x->field;
    x->value = x->field < 0 ? x->field : k;
  }
  p->stride = (p->stride + 15) & ~(size_t)15;
  return leat_flow_grouping_values(flow, &p->grouping, values, count, err);
}

static leat_status read_parts(leat_flow *flow, const leat_flow_transform *t, plan *p,
                              const leat_yaml_node *node, leat_flow_field *fields,
                              leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < node->count; i++)
    status = read_part(flow, t, p->grouping.in, node->keys[i], node->items[i], &p->parts[i],
                       &fields[i], err);
  p->count = (int)node->count;
  return status ? status : place_all(flow, p, err);
}

// --- Panes --------------------------------------------------------------------------------------
static bool add_all(const plan *p, char *accs, const leat_flow_batch *kept) {
  for (int k = 0; k < p->count; k++) {
    const part *x = &p->parts[k];
    leat_flow_column row;
    const leat_flow_column *c = leat_flow_part_column(x->value, kept->columns, &row);
    for (int i = 0; i < kept->rows; i++)
      if (!x->fn->add(accs + x->at, &x->of, c, i)) return false;
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
    if (!status) status = x->fn->read(accs + x->at, &x->of, rows, err);
    if (x->fn->clear) x->fn->clear(accs + x->at);
  }
  return leat__free(accs), status;
}

static bool is_flat(const part *x) {
  return x->fn->is_flat ? x->fn->is_flat(x->of.in) : !x->fn->clear;
}

// The plan of a worker's own part: the same with the number of rows behind, which is a part, too.
static leat_status lift(leat_flow *flow, plan *p, leat_error *err) {
  bool can = p->count < MOST;
  for (int k = 0; k < p->count; k++) can &= is_flat(&p->parts[k]);
  if (!can) return LEAT_OK;
  plan *own = leat_arena_copy(&flow->arena, p, sizeof *p);
  leat_flow_schema *out = leat_arena_alloc(&flow->arena, sizeof *out);
  int count = p->grouping.out->count;
  leat_flow_field *fields = leat_arena_alloc(&flow->arena, (size_t)(count + 1) * sizeof *fields);
  if (!own || !out || !fields) return leat__oom(err, sizeof *own);
  memcpy(fields, p->grouping.out->fields, (size_t)count * sizeof *fields);
  for (int k = 0; k < p->count; k++) {
    part *x = &own->parts[k];
    leat_flow_field *field = &fields[p->grouping.key_count + k];
    x->raw = x->kind == LEAT_FLOW_PART_ANY;
    if (x->raw) *field = (leat_flow_field){.name = field->name, .type = LEAT_FLOW_TYPE_BYTES};
  }
  fields[count] = (leat_flow_field){.name = LEAT_STR("rows"), .type = LEAT_FLOW_TYPE_INT64};
  *out = (leat_flow_schema){fields, count + 1};
  own->grouping.out = out;
  own->parts[own->count++] = (part){.fn = leat_flow_combine_find(LEAT_STR("count")),
                                    .value = LEAT_FLOW_NO_FIELD,
                                    .field = LEAT_FLOW_NO_FIELD,
                                    .kind = LEAT_FLOW_PART_COUNT};
  return p->lifted = own, LEAT_OK;
}

static leat_status finish(leat_flow *flow, leat_flow_transform *t, plan *p, leat_error *err) {
  p->grouping.put = put_results;
  leat_status status = lift(flow, p, err);
  return status ? status : leat_flow_grouping_done(flow, t, &p->grouping, err);
}

leat_status leat_flow_combine_rows(leat_flow *flow, leat_flow_transform *t, plan *p,
                                   leat_flow_field *field, const leat_flow_combine_fn *fn,
                                   const void *config, leat_error *err) {
  if (fn) {
    const leat_flow_field *in = leat_flow_row_field(flow, p->grouping.in);
    if (!in) return leat__oom(err, sizeof *in);
    p->parts[p->count++] = (part){.fn = fn, .of = {in, config}, .field = LEAT_FLOW_WHOLE_ROW};
    field->name = LEAT_STR("rows");
    fn->type(in, field);
  }
  leat_status status = place_all(flow, p, err);
  return status ? status : finish(flow, t, p, err);
}

static leat_status combine_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  const leat_yaml_node *combine = t->config ? leat_yaml_get(t->config, "combine") : NULL;
  leat_flow_field *fields;
  leat_flow_language language;
  if (!p) return leat__oom(err, sizeof *p);
  leat_status status = leat_flow_language_read(t, &language, err);
  if (status) return status;
  if (!combine || combine->kind != LEAT_YAML_MAPPING || !combine->count || combine->count > MOST)
    return leat_flow_fail(t, combine, err,
                          "expected combine: {RESULT: {value: FIELD, fn: FUNCTION}, ...}, 1 to %d",
                          MOST);
  status = leat_flow_grouping_read(flow, t, (int)combine->count, &p->grouping, &fields, err);
  if (!status) status = read_parts(flow, t, p, combine, fields, err);
  return status ? status : finish(flow, t, p, err);
}

leat_status leat_flow_combine_start(const leat_flow_transform *t, leat_flow_worker *worker,
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
    .start = leat_flow_combine_start,
    .keyed = true};
