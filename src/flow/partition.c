// Partition: rows go to the output that an expression names.
// SPDX-License-Identifier: Apache-2.0
//
//   by: expression           a text
//   outputs: [a, b]          Name.a, Name.b
//   unknown_output: other    where other texts and null go; without it they are errors
//   language, error_handling
#include "flow/row_expr.h"

enum { OUTPUTS = 64 };

typedef struct plan {
  const leat_flow_expr *by;
  leat_str names[OUTPUTS];
  int count, unknown;  // -1: none
  leat_flow_errors errors;
} plan;

typedef struct partition_op {
  leat_flow_op op;
  leat_flow_eval *eval;
  int32_t *to, *picked;
  int rows;  // room in both
} partition_op;

static leat_status add_output(leat_flow *flow, leat_flow_transform *t, plan *p,
                              const leat_yaml_node *node, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  if (node->kind != LEAT_YAML_SCALAR || !node->text.len)
    return leat_flow_fail(t, node, err, "expected the name of an output");
  if (p->count == OUTPUTS) return leat_flow_fail(t, node, err, "more than %d outputs", OUTPUTS);
  if (leat_flow_output_of(t, node->text))
    return leat_flow_fail(t, node, err, "there is an output '" LEAT_STR_FMT "' already",
                          LEAT_STR_ARG(node->text));
  p->names[p->count++] = node->text;
  return leat_flow_add_output(flow, t, node->text, in->schema, in->strategy, in->bounded, NULL,
                              err);
}

static leat_status apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  const leat_yaml_node *by = t->config ? leat_yaml_get(t->config, "by") : NULL,
                       *outputs = t->config ? leat_yaml_get(t->config, "outputs") : NULL,
                       *unknown = t->config ? leat_yaml_get(t->config, "unknown_output") : NULL;
  leat_flow_language language;
  if (!p) return leat__oom(err, sizeof *p);
  if (!by) return leat_flow_fail(t, NULL, err, "expected by: EXPRESSION");
  if (!outputs || outputs->kind != LEAT_YAML_SEQUENCE || !outputs->count)
    return leat_flow_fail(t, outputs, err, "expected outputs: [NAME, ...]");
  leat_status status = leat_flow_language_read(t, &language, err);
  if (!status)
    status = leat_flow_expr_read(flow, t, by, language, t->inputs.at[0]->schema, &p->by, err);
  if (!status && leat_flow_expr_type(p->by)->type != LEAT_FLOW_TYPE_STRING)
    return leat_flow_fail(t, by, err, "expected a string, the name of an output; this is a %s",
                          leat_flow_type_name(leat_flow_expr_type(p->by)->type));
  for (size_t i = 0; !status && i < outputs->count; i++)
    status = add_output(flow, t, p, outputs->items[i], err);
  p->unknown = -1;
  if (!status && unknown) {
    for (int i = 0; i < p->count; i++)
      if (leat_str_eq(p->names[i], unknown->text)) p->unknown = i;
    if (p->unknown < 0) {
      p->unknown = p->count;
      status = add_output(flow, t, p, unknown, err);
    }
  }
  return status ? status : leat_flow_errors_read(flow, t, &p->errors, err);
}

static leat_status unknown_row(leat_flow_op *op, const plan *p, const leat_flow_batch *batch,
                               int row, const leat_flow_column *c, leat_error *err) {
  char why[200];
  leat_str got = leat_flow_is_valid(c, row) ? leat_flow_text(c, row) : LEAT_STR("null");
  snprintf(why, sizeof why, "'%.*s' is none of the outputs, and there is no unknown_output",
           (int)(got.len < 80 ? got.len : 80), got.ptr);
  return leat_flow_errors_one(op, &p->errors, batch, row, why, err);
}

static leat_status route(leat_flow_op *op, const plan *p, const leat_flow_batch *batch,
                         const leat_flow_column *c, int32_t *to, leat_error *err) {
  const partition_op *o = (partition_op *)op;
  for (int i = 0; i < batch->rows; i++) {
    to[i] = -1;
    if (leat_flow_eval_failure(o->eval, i)) continue;
    bool valid = leat_flow_is_valid(c, i);
    for (int k = 0; valid && k < p->count && to[i] < 0; k++)
      if (leat_str_eq(leat_flow_text(c, i), p->names[k])) to[i] = k;
    if (to[i] < 0) to[i] = p->unknown;
    leat_status status = to[i] < 0 ? unknown_row(op, p, batch, i, c, err) : LEAT_OK;
    if (status) return status;
  }
  return LEAT_OK;
}

static bool make_room(partition_op *o, int rows) {
  if (rows <= o->rows) return true;
  leat__free(o->to);
  leat__free(o->picked);
  o->to = leat__alloc((size_t)rows * sizeof *o->to);
  o->picked = leat__alloc((size_t)rows * sizeof *o->picked);
  o->rows = o->to && o->picked ? rows : 0;
  return o->rows;
}

static leat_status give_out(leat_flow_op *op, const plan *p, const leat_flow_batch *batch,
                            leat_error *err) {
  partition_op *o = (partition_op *)op;
  leat_status status = LEAT_OK;
  for (int k = 0; !status && k < p->count; k++) {
    int count = 0;
    for (int i = 0; i < batch->rows; i++)
      if (o->to[i] == k) o->picked[count++] = i;
    if (!count) continue;
    leat_flow_batch *part = count == batch->rows ? leat_flow_batch_ref((leat_flow_batch *)batch)
                                                 : leat_flow_batch_take(batch, o->picked, count);
    status = leat_flow_emit(op, k, part, err);
  }
  return status;
}

static leat_status batch(leat_flow_op *op, int input, const leat_flow_batch *in, leat_error *err) {
  partition_op *o = (partition_op *)op;
  const plan *p = op->transform->plan;
  leat_flow_column c;
  if (!make_room(o, in->rows)) return leat__oom(err, (size_t)in->rows);
  leat_status status = leat_flow_eval_run(o->eval, in, &c, err);
  if (status) return status;
  if (leat_flow_eval_failures(o->eval))
    status = leat_flow_errors_split(op, &p->errors, in, o->eval, NULL, NULL, err);
  if (!status) status = route(op, p, in, &c, o->to, err);
  leat_flow_block_unref(c.owner);
  return status ? status : give_out(op, p, in, err);
}

static void op_free(leat_flow_op *op) {
  partition_op *o = (partition_op *)op;
  leat_flow_eval_free(o->eval);
  leat__free(o->to);
  leat__free(o->picked);
  leat__free(o);
}

static const leat_flow_op_class class = {.batch = batch, .free = op_free};

static leat_status start(const leat_flow_transform *t, leat_flow_worker *worker, leat_flow_op **out,
                         leat_error *err) {
  const plan *p = t->plan;
  leat_status status = leat_flow_op_new(sizeof(partition_op), &class, t, worker, out, err);
  return status ? status : leat_flow_eval_new(&((partition_op *)*out)->eval, &p->by, 1, err);
}

static const char *const fields[] = {"by",       "outputs",        "unknown_output",
                                     "language", "error_handling", NULL};

const leat_flow_class leat_flow_partition = {.type = "Partition",
                                             .urn = "leat:transform:partition:v1",
                                             .help = "Rows go to the output that they name",
                                             .inputs_min = 1,
                                             .inputs_max = 1,
                                             .fields = fields,
                                             .apply = apply,
                                             .start = start};
