// MapToFields and Filter: rows made of expressions, and rows chosen by one.
// SPDX-License-Identifier: Apache-2.0
//
//   language: sql            default: generic
//   append: true             the input's fields stay, before the new ones
//   drop: [field, ...]       but these
//   fields: {name: expression, ...}
//   keep: condition          Filter: rows for which it is true, not false or null
//   error_handling: {output: errors}
#include "flow/row_expr.h"

#include <string.h>

typedef struct plan {
  const leat_flow_expr **exprs;
  int count;
  const leat_flow_schema *out;
  int *from;  // by field of `out`: that of the input, or -1 - expression
  leat_flow_errors errors;
} plan;

typedef struct map_op {
  leat_flow_op op;
  leat_flow_eval *eval;
  leat_flow_column *columns;  // results
  int32_t picked[LEAT_FLOW_BATCH_ROWS];
} map_op;

// --- Both ---------------------------------------------------------------------------------------
static void map_free(leat_flow_op *op) {
  map_op *m = (map_op *)op;
  leat_flow_eval_free(m->eval);
  leat__free(m->columns);
  leat__free(m);
}

static leat_status start(const leat_flow_transform *t, const leat_flow_op_class *class,
                         leat_flow_worker *worker, leat_flow_op **out, leat_error *err) {
  const plan *p = t->plan;
  leat_status status = leat_flow_op_new(sizeof(map_op), class, t, worker, out, err);
  map_op *m = (map_op *)*out;
  if (status) return status;
  m->columns = leat__calloc((size_t)p->count + 1, sizeof *m->columns);
  return m->columns ? leat_flow_eval_new(&m->eval, p->exprs, p->count, err) : leat__oom(err, 1);
}

// Regular expressions are compiled to see whether they are right.
static leat_status try_eval(const leat_flow_transform *t, const plan *p, leat_error *err) {
  leat_flow_eval *eval = NULL;
  leat_error why = {0};
  leat_status status = leat_flow_eval_new(&eval, p->exprs, p->count, &why);
  leat_flow_eval_free(eval);
  if (status == LEAT_INVALID_ARGUMENT) return leat_flow_fail(t, NULL, err, "%s", why.message);
  if (status && err) *err = why;
  return status;
}

// --- MapToFields --------------------------------------------------------------------------------
static bool dropped(const leat_yaml_node *drop, leat_str name) {
  if (!drop) return false;
  if (drop->kind == LEAT_YAML_SCALAR) return leat_str_eq(drop->text, name);
  for (size_t i = 0; i < drop->count; i++)
    if (leat_str_eq(drop->items[i]->text, name)) return true;
  return false;
}

static leat_status check_drop(const leat_flow_transform *t, const leat_yaml_node *drop, bool append,
                              leat_error *err) {
  int field;
  leat_status status = LEAT_OK;
  if (!drop) return LEAT_OK;
  if (!append) return leat_flow_fail(t, drop, err, "drop needs `append: true`");
  if (drop->kind == LEAT_YAML_SCALAR)
    return leat_flow_field_of(t, t->inputs.at[0]->schema, drop, &field, err);
  for (size_t i = 0; !status && i < drop->count; i++)
    status = leat_flow_field_of(t, t->inputs.at[0]->schema, drop->items[i], &field, err);
  return status;
}

static leat_status add_field(leat_flow *flow, const leat_flow_transform *t, plan *p,
                             leat_flow_schema *out, leat_flow_field *fields,
                             leat_flow_language language, const leat_yaml_node *name,
                             const leat_yaml_node *value, leat_error *err) {
  leat_flow_field *f = &fields[out->count];
  if (leat_flow_schema_find(out, name->text) >= 0)
    return leat_flow_fail(t, name, err, "there is a field '" LEAT_STR_FMT "' already; drop it",
                          LEAT_STR_ARG(name->text));
  leat_status status = leat_flow_expr_read(flow, t, value, language, t->inputs.at[0]->schema,
                                           &p->exprs[p->count], err);
  if (status) return status;
  *f = *leat_flow_expr_type(p->exprs[p->count]);
  f->name = name->text;
  p->from[out->count++] = -1 - p->count++;
  return LEAT_OK;
}

static leat_status map_read(leat_flow *flow, leat_flow_transform *t, plan *p, leat_error *err) {
  const leat_flow_schema *in = t->inputs.at[0]->schema;
  const leat_yaml_node *fields = leat_yaml_get(t->config, "fields"),
                       *drop = leat_yaml_get(t->config, "drop"),
                       *append_node = leat_yaml_get(t->config, "append");
  bool append = false;
  leat_flow_language language;
  leat_status status = leat_flow_language_read(t, &language, err);
  if (!status && append_node) status = leat_yaml_bool(t->yaml, append_node, &append, err);
  if (!status) status = check_drop(t, drop, append, err);
  if (status) return status;
  if (fields ? fields->kind != LEAT_YAML_MAPPING : !append)
    return leat_flow_fail(t, fields, err, "expected fields: {NAME: EXPRESSION, ...}");
  size_t more = fields ? fields->count : 0, most = (size_t)in->count + more + 1;
  leat_flow_schema *out = leat_arena_alloc(&flow->arena, sizeof *out);
  leat_flow_field *made = leat_arena_alloc(&flow->arena, most * sizeof *made);
  p->exprs = leat_arena_alloc(&flow->arena, (more + 1) * sizeof *p->exprs);
  p->from = leat_arena_alloc(&flow->arena, most * sizeof *p->from);
  if (!out || !made || !p->exprs || !p->from) return leat__oom(err, most);
  out->fields = made;
  p->out = out;
  for (int i = 0; append && i < in->count; i++) {
    if (dropped(drop, in->fields[i].name)) continue;
    made[out->count] = in->fields[i];
    p->from[out->count++] = i;
  }
  for (size_t i = 0; !status && i < more; i++)
    status = add_field(flow, t, p, out, made, language, fields->keys[i], fields->items[i], err);
  return status;
}

static leat_status map_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  if (!p) return leat__oom(err, sizeof *p);
  if (!t->config) return leat_flow_fail(t, NULL, err, "expected fields: {NAME: EXPRESSION, ...}");
  leat_status status = map_read(flow, t, p, err);
  if (!status) status = try_eval(t, p, err);
  if (!status)
    status =
        leat_flow_add_output(flow, t, LEAT_STR(""), p->out, in->strategy, in->bounded, NULL, err);
  return status ? status : leat_flow_errors_read(flow, t, &p->errors, err);
}

// The batch with its times and windows, and with columns of the plan; takes the results.
static leat_flow_batch *assemble(const plan *p, const leat_flow_batch *in, leat_flow_column *made) {
  leat_flow_batch *out = leat_flow_batch_like(in, p->out);
  for (int i = 0; out && i < p->out->count; i++) {
    if (p->from[i] >= 0) {
      leat_flow_column_share(&out->columns[i], &in->columns[p->from[i]]);
      continue;
    }
    out->columns[i] = made[-1 - p->from[i]];
    made[-1 - p->from[i]].owner = NULL;
  }
  for (int k = 0; k < p->count; k++) leat_flow_block_unref(made[k].owner);
  return out;
}

static leat_status map_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                             leat_error *err) {
  map_op *m = (map_op *)op;
  const plan *p = op->transform->plan;
  leat_status status = leat_flow_eval_run(m->eval, batch, m->columns, err);
  if (status) return status;
  leat_flow_batch *out = assemble(p, batch, m->columns);
  if (!leat_flow_eval_failures(m->eval)) return leat_flow_emit(op, 0, out, err);
  int32_t *good = leat__alloc((size_t)batch->rows * sizeof *good);
  int count = 0;
  status = good ? leat_flow_errors_split(op, &p->errors, batch, m->eval, good, &count, err)
                : leat__oom(err, 1);
  leat_flow_batch *rest = !status && out ? leat_flow_batch_take(out, good, count) : NULL;
  leat_flow_batch_unref(out);
  leat__free(good);
  return status ? status : leat_flow_emit(op, 0, rest, err);
}

static const leat_flow_op_class map_class = {.batch = map_batch, .free = map_free};

static leat_status map_start(const leat_flow_transform *t, leat_flow_worker *worker,
                             leat_flow_op **out, leat_error *err) {
  return start(t, &map_class, worker, out, err);
}

static const char *const map_names[] = {"language", "append",         "drop",
                                        "fields",   "error_handling", NULL};

const leat_flow_class leat_flow_map_to_fields = {
    .type = "MapToFields",
    .urn = "leat:transform:map_to_fields:v1",
    .help = "Rows of new fields, each an expression over the old ones",
    .inputs_min = 1,
    .inputs_max = 1,
    .fields = map_names,
    .apply = map_apply,
    .start = map_start};

// --- Filter -------------------------------------------------------------------------------------
static leat_status filter_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  const leat_yaml_node *keep = t->config ? leat_yaml_get(t->config, "keep") : NULL;
  leat_flow_language language;
  if (!p || !(p->exprs = leat_arena_alloc(&flow->arena, sizeof *p->exprs)))
    return leat__oom(err, sizeof *p);
  if (!keep) return leat_flow_fail(t, NULL, err, "expected keep: CONDITION");
  p->count = 1;
  leat_status status = leat_flow_language_read(t, &language, err);
  if (!status)
    status = leat_flow_condition_read(flow, t, keep, language, in->schema, &p->exprs[0], err);
  if (!status) status = try_eval(t, p, err);
  if (!status)
    status = leat_flow_add_output(flow, t, LEAT_STR(""), in->schema, in->strategy, in->bounded,
                                  NULL, err);
  return status ? status : leat_flow_errors_read(flow, t, &p->errors, err);
}

static leat_status filter_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                leat_error *err) {
  map_op *m = (map_op *)op;
  const plan *p = op->transform->plan;
  leat_flow_column *c = m->columns;
  int count = 0;
  int32_t *picked = m->picked;
  leat_status status = leat_flow_eval_run(m->eval, batch, c, err);
  if (status) return status;
  if (batch->rows > LEAT_FLOW_BATCH_ROWS)
    picked = leat__alloc((size_t)batch->rows * sizeof *picked);
  for (int i = 0; picked && i < batch->rows; i++) {
    picked[count] = i;
    count +=
        leat_flow_bool(c, i) && leat_flow_is_valid(c, i) && !leat_flow_eval_failure(m->eval, i);
  }
  leat_flow_block_unref(c->owner);
  if (!picked) return leat__oom(err, (size_t)batch->rows);
  leat_flow_batch *out = count == batch->rows ? leat_flow_batch_ref((leat_flow_batch *)batch)
                                              : leat_flow_batch_take(batch, picked, count);
  if (picked != m->picked) leat__free(picked);
  if (leat_flow_eval_failures(m->eval))
    status = leat_flow_errors_split(op, &p->errors, batch, m->eval, NULL, NULL, err);
  if (status) return leat_flow_batch_unref(out), status;
  return leat_flow_emit(op, 0, out, err);
}

static const leat_flow_op_class filter_class = {.batch = filter_batch, .free = map_free};

static leat_status filter_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                leat_flow_op **out, leat_error *err) {
  return start(t, &filter_class, worker, out, err);
}

static const char *const filter_names[] = {"language", "keep", "error_handling", NULL};

const leat_flow_class leat_flow_filter = {.type = "Filter",
                                          .urn = "leat:transform:filter:v1",
                                          .help = "Rows for which a condition is true",
                                          .inputs_min = 1,
                                          .inputs_max = 1,
                                          .fields = filter_names,
                                          .apply = filter_apply,
                                          .start = filter_start};
