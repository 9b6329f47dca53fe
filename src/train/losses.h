// Losses: one value an element or example, and how they are reduced.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_LOSSES_H
#define LEAT_TRAIN_LOSSES_H

#include "leat/graph.h"

typedef enum leat_reduction {  // of weighted losses w * l
  LEAT_REDUCTION_NONE,
  LEAT_REDUCTION_SUM,
  LEAT_REDUCTION_MEAN,                    // over the sum of the weights, stretched to the losses
  LEAT_REDUCTION_SUM_OVER_BATCH_SIZE,     // over the number of losses
  LEAT_REDUCTION_SUM_BY_NONZERO_WEIGHTS,  // over the number of weights that are not 0
} leat_reduction;

// log(1 + e^x) - x z without overflow, element by element.
leat_value leat_loss_sigmoid(leat_builder *b, leat_value logits, leat_value labels);
// -sum(labels * log softmax(logits)) over the last axis.
leat_value leat_loss_softmax(leat_builder *b, leat_value logits, leat_value labels);
leat_value leat_loss_softmax_ids(leat_builder *b, leat_value logits, leat_value ids);
leat_value leat_loss_squared(leat_builder *b, leat_value predictions, leat_value labels);
// weights: broadcast to the losses, or no value for 1. A total weight of 0 gives 0.
leat_value leat_loss_reduce(leat_builder *b, leat_value losses, leat_value weights,
                            leat_reduction how);

#endif
