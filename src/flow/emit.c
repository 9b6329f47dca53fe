// Emit: a batch goes to all that use its collection, by call.
// SPDX-License-Identifier: Apache-2.0
#include "flow/op.h"

static leat_status give_to(leat_flow_op *op, const leat_flow_collection *from,
                           const leat_flow_transform *user, const leat_flow_batch *batch,
                           leat_error *err) {
  leat_flow_op *to = op->worker->ops[user->id];
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < user->inputs.count; i++)
    if (user->inputs.at[i] == from) status = to->class->batch(to, (int)i, batch, err);
  return status;
}

leat_status leat_flow_emit(leat_flow_op *op, int output, leat_flow_batch *batch, leat_error *err) {
  const leat_flow_collection *from = op->transform->outputs.at[output];
  leat_status status = LEAT_OK;
  op->rows_out += batch->rows;
  for (size_t i = 0; !status && batch->rows && i < from->users.count; i++)
    status = give_to(op, from, from->users.at[i], batch, err);
  leat_flow_batch_unref(batch);
  return status;
}
