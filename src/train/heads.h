// Heads: what logits mean; losses, evaluation and predictions by kind of label.
// SPDX-License-Identifier: Apache-2.0
//
// Keys and definitions are tf.estimator's: v1 by default, v2 where eval.style is keras.
#ifndef LEAT_TRAIN_HEADS_H
#define LEAT_TRAIN_HEADS_H

#include "train/config.h"

// Unreduced losses, f32 (batch, k). label as leat_label_build makes it.
leat_value leat_head_losses(leat_builder *b, const leat_config *c, leat_value logits,
                            leat_value label);
// Weights of rows in training, f32 (batch, 1): the weight column times the weight of the label's
// class; no value where there is neither.
leat_value leat_head_weights(leat_builder *b, const leat_config *c, leat_value column,
                             leat_value label);
// What logits predict of a label: probabilities, rates or numbers, in the logits' shape.
leat_value leat_head_link(leat_builder *b, const leat_config *c, leat_value logits);

// A batch of evaluation.
typedef struct leat_head_batch {
  leat_value logits, label, losses;
  leat_value weights;  // f32 (batch, 1) or no value
  leat_value loss;     // scalar: the batch's loss, penalty included
  leat_value penalty;  // scalar or no value
} leat_head_batch;
// Adds a batch to the metrics.
void leat_head_eval(leat_builder *b, const leat_config *c, const leat_head_batch *batch);
// The function that gives all metrics by name, f64 scalars in alphabetical order.
leat_status leat_head_results(leat_graph *graph, const leat_config *c, leat_func **out,
                              leat_error *err);
// Whether eval.metrics may name it.
bool leat_head_has_metric(leat_head head, leat_str name);
// Adds the outputs of prediction.
void leat_head_predict(leat_builder *b, const leat_config *c, leat_value logits);

#endif
