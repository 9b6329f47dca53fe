// Golden losses: the value, the unreduced losses and the gradient.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "train/losses.h"

verdict loss_case(scene *s) {
  static const char *const reductions[] = {"none", "sum", "mean", "sum_over_batch_size",
                                           "sum_by_nonzero_weights"};
  leat_builder *b = s->b;
  leat_value x = arg(s, starts(s, "mse") ? "predictions" : "logits"), labels = arg(s, "labels"),
             weights = arg(s, "weights"), losses;
  int how = -1;
  for (int i = 0; i < 5; i++)
    if (text_is(s->params, "reduction", reductions[i])) how = i;
  if (get(s->params, "label_smoothing") || how < 0) return NOT_HERE;
  if (leat_value_ok(labels) && leat_value_type(labels).dtype == LEAT_DTYPE_I32)
    labels = leat_cast(b, labels, LEAT_DTYPE_I64);
  if (starts(s, "sigmoid_ce"))
    losses = leat_loss_sigmoid(b, x, labels);
  else if (starts(s, "softmax_ce_sparse"))
    losses = leat_loss_softmax_ids(b, x, labels);
  else if (starts(s, "softmax_ce"))
    losses = leat_loss_softmax(b, x, labels);
  else if (starts(s, "mse"))
    losses = leat_loss_squared(b, x, labels);
  else
    return NOT_HERE;
  leat_value loss = leat_loss_reduce(b, losses, weights, (leat_reduction)how);
  leat_gradient grad;
  leat_gradients(b, &loss, NULL, 1, &x, 1, false, &grad);
  static const char *const names[] = {"loss", "unreduced", "grad"};
  leat_value results[] = {loss, losses, grad.dense};
  return finish(s, names, results, 3);
}
