// Losses as graph.
// SPDX-License-Identifier: Apache-2.0
#include "train/losses.h"

#include "leat/ops.h"

// softplus(x) - x z: its gradient at x = 0 is 1/2 - z, where max and abs would have none.
leat_value leat_loss_sigmoid(leat_builder *b, leat_value logits, leat_value labels) {
  return leat_sub(b, leat_softplus(b, logits), leat_mul(b, logits, labels));
}

leat_value leat_loss_softmax(leat_builder *b, leat_value logits, leat_value labels) {
  leat_value terms = leat_mul(b, labels, leat_log_softmax(b, logits, -1));
  return leat_neg(b, leat_reduce_sum(b, terms, (int[]){-1}, 1, false));
}

leat_value leat_loss_softmax_ids(leat_builder *b, leat_value logits, leat_value ids) {
  leat_type type = leat_value_type(logits);
  if (!logits.node || type.shape.rank < 1 || type.shape.dims[type.shape.rank - 1] < 0)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "softmax loss: no static number of classes");
  int64_t classes = type.shape.dims[type.shape.rank - 1];
  return leat_loss_softmax(b, logits, leat_one_hot(b, ids, classes, type.dtype));
}

leat_value leat_loss_squared(leat_builder *b, leat_value predictions, leat_value labels) {
  return leat_square(b, leat_sub(b, predictions, labels));
}

static leat_value over(leat_builder *b, leat_value sum, leat_value count) {
  leat_value zero = leat_const_like(b, sum, 0), none = leat_eq(b, count, zero);
  leat_value safe = leat_select(b, none, leat_const_like(b, sum, 1), count);
  return leat_select(b, none, zero, leat_div(b, sum, safe));
}

leat_value leat_loss_reduce(leat_builder *b, leat_value losses, leat_value weights,
                            leat_reduction how) {
  leat_value one = leat_ones_like(b, losses);
  leat_value w = weights.node ? leat_mul(b, one, weights) : one;
  if (weights.node) losses = leat_mul(b, losses, weights);
  if (how == LEAT_REDUCTION_NONE) return losses;
  leat_value sum = leat_reduce_sum(b, losses, NULL, 0, false), zero = leat_const_like(b, losses, 0);
  if (how == LEAT_REDUCTION_SUM) return sum;
  if (how == LEAT_REDUCTION_SUM_OVER_BATCH_SIZE) w = one;
  if (how == LEAT_REDUCTION_SUM_BY_NONZERO_WEIGHTS)
    w = leat_cast(b, leat_ne(b, w, zero), leat_value_type(losses).dtype);
  return over(b, sum, leat_reduce_sum(b, w, NULL, 0, false));
}
