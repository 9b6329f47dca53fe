// Losses: one value an element or example, and how they are reduced.
// SPDX-License-Identifier: Apache-2.0
//
// Rows of the table follow tf.losses, tf.nn and tf.keras.losses: the last axis holds classes or
// outputs, and a row that is said to be of examples has reduced it.
#ifndef LEAT_TRAIN_LOSSES_H
#define LEAT_TRAIN_LOSSES_H

#include "leat/graph.h"

typedef enum leat_reduction {  // of weighted losses w * l
  LEAT_REDUCTION_NONE,
  LEAT_REDUCTION_SUM,
  LEAT_REDUCTION_MEAN,                    // over the sum of the weights, stretched to the losses
  LEAT_REDUCTION_SUM_OVER_BATCH_SIZE,     // over the number of losses
  LEAT_REDUCTION_SUM_BY_NONZERO_WEIGHTS,  // over the number of weights that are not 0
  LEAT_REDUCTION_COUNT
} leat_reduction;
extern const char *const leat_reduction_names[LEAT_REDUCTION_COUNT];

typedef enum leat_loss {
  LEAT_LOSS_SIGMOID,           // cross-entropy of logits
  LEAT_LOSS_WEIGHTED_SIGMOID,  // positives count `pos_weight` times
  LEAT_LOSS_SOFTMAX,           // of examples; labels are shares of the classes
  LEAT_LOSS_SOFTMAX_IDS,       // of examples; labels are class ids, i64
  LEAT_LOSS_SQUARED,
  LEAT_LOSS_ABSOLUTE,
  LEAT_LOSS_HUBER,
  LEAT_LOSS_HINGE,
  LEAT_LOSS_SQUARED_HINGE,
  LEAT_LOSS_LOG_POISSON,
  LEAT_LOSS_POISSON,
  LEAT_LOSS_LOG,
  LEAT_LOSS_BINARY_CROSSENTROPY,
  LEAT_LOSS_CATEGORICAL_CROSSENTROPY,  // of examples
  LEAT_LOSS_KL_DIVERGENCE,             // of examples
  LEAT_LOSS_LOG_COSH,
  LEAT_LOSS_SQUARED_LOG,
  LEAT_LOSS_PERCENTAGE,
  LEAT_LOSS_COSINE,  // of examples
  LEAT_LOSS_FOCAL,
  LEAT_LOSS_COUNT
} leat_loss;

typedef struct leat_loss_options {
  double label_smoothing;  // 0: none
  double pos_weight;       // weighted_sigmoid; 0: 1
  double delta;            // huber: where the parabola ends; 0: 1
  double alpha, gamma;     // focal: share of positives, focus; alpha 0: 0.25, gamma 0: 2
  bool full;               // log_poisson: with Stirling's term of log(y!)
} leat_loss_options;

typedef struct leat_loss_info {
  const char *name, *help;
  leat_value (*build)(leat_builder *b, leat_value x, leat_value y, const leat_loss_options *o);
} leat_loss_info;
extern const leat_loss_info leat_losses[LEAT_LOSS_COUNT];

// x: logits or predictions; labels: f32 of x's shape, or ids. options NULL: defaults.
leat_value leat_loss_build(leat_builder *b, leat_loss loss, leat_value x, leat_value labels,
                           const leat_loss_options *options);
// Keras' losses of elements count as the mean over the last axis.
leat_value leat_loss_mean_last(leat_builder *b, leat_value losses);
// weights: broadcast to the losses, or no value for 1. A total weight of 0 gives 0.
leat_value leat_loss_reduce(leat_builder *b, leat_value losses, leat_value weights,
                            leat_reduction how);

#endif
