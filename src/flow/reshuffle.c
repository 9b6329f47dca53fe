// Reshuffle: rows as they are, spread over the workers anew.
// SPDX-License-Identifier: Apache-2.0
#include "flow/op.h"

// By all fields: rows go by their bytes, so equal ones stay together.
static leat_status apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  int *all = leat_arena_alloc(&flow->arena, (size_t)(in->schema->count + 1) * sizeof *all);
  const int **keys = leat_arena_alloc(&flow->arena, sizeof *keys);
  if (!all || !keys) return leat__oom(err, sizeof *all);
  for (int i = 0; i < in->schema->count; i++) all[i] = i;
  *keys = all;
  t->key_fields = keys;
  t->key_count = in->schema->count;
  return leat_flow_add_output(flow, t, LEAT_STR(""), in->schema, in->strategy, in->bounded, NULL,
                              err);
}

static leat_status batch(leat_flow_op *op, int input, const leat_flow_batch *in, leat_error *err) {
  (void)input;
  return leat_flow_emit(op, 0, leat_flow_batch_ref((leat_flow_batch *)in), err);
}

static void op_free(leat_flow_op *op) { leat__free(op); }

static const leat_flow_op_class class = {.batch = batch, .free = op_free};

static leat_status start(const leat_flow_transform *t, leat_flow_worker *worker, leat_flow_op **out,
                         leat_error *err) {
  return leat_flow_op_new(sizeof(leat_flow_op), &class, t, worker, out, err);
}

const leat_flow_class leat_flow_reshuffle = {.type = "Reshuffle",
                                             .urn = "leat:transform:reshuffle:v1",
                                             .help = "Rows spread over the workers anew",
                                             .inputs_min = 1,
                                             .inputs_max = 1,
                                             .apply = apply,
                                             .start = start,
                                             .keyed = true};
