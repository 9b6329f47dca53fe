// Optimisers: one update of a variable and its slots, as graph.
// SPDX-License-Identifier: Apache-2.0
//
// Frameworks give one name to different arithmetic, so each optimiser has a style: whose rule is
// followed where they differ (epsilon inside or outside of the root, what the slots start at, how
// momentum meets the learning rate, which rows of a table move).
#ifndef LEAT_TRAIN_OPTIMIZER_H
#define LEAT_TRAIN_OPTIMIZER_H

#include "leat/graph.h"
#include "train/schedule.h"

typedef enum leat_optimizer_kind {
  LEAT_SGD,
  LEAT_MOMENTUM,
  LEAT_ADAGRAD,
  LEAT_RMSPROP,
  LEAT_ADAM,
  LEAT_ADADELTA,
  LEAT_FTRL,
  LEAT_PROXIMAL_SGD,
  LEAT_PROXIMAL_ADAGRAD,
  LEAT_LAZY_ADAM,  // Adam that moves touched rows only
  LEAT_ADAMW,
  LEAT_ADAMAX,
  LEAT_NADAM,
  LEAT_RADAM,
  LEAT_LION,
  LEAT_OPTIMIZER_COUNT
} leat_optimizer_kind;

typedef enum leat_optimizer_style {
  LEAT_STYLE_TF1,           // tf.compat.v1.train
  LEAT_STYLE_KERAS,         // tf.keras.optimizers
  LEAT_STYLE_KERAS_LEGACY,  // tf.keras.optimizers.legacy
  LEAT_STYLE_TORCH,         // torch.optim
  LEAT_STYLE_COUNT
} leat_optimizer_style;

extern const char *const leat_optimizer_names[LEAT_OPTIMIZER_COUNT];
extern const char *const leat_style_names[LEAT_STYLE_COUNT];

typedef struct leat_optimizer {
  leat_optimizer_kind kind;
  leat_optimizer_style style;
  double learning_rate;
  double momentum, dampening;  // dampening: torch's momentum
  double rho;                  // of moving averages: RMSProp, Adadelta
  double beta1, beta2, epsilon;
  double initial_accumulator;         // Adagrad, FTRL
  double l1, l2, l2_shrinkage, beta;  // FTRL and proximal; beta: Keras' FTRL
  double power;                       // FTRL: of the learning rate, usually -0.5
  double weight_decay;                // SGD, Adam: added to the gradient; AdamW: decoupled
  double learning_rate_decay;         // torch's Adagrad
  double momentum_decay;              // torch's NAdam
  bool nesterov, centered, amsgrad;
  leat_schedule schedule;  // of the learning rate
  double clip_norm;        // of all gradients together (global norm); 0 = none
  double clip_value;       // of each element; 0 = none
} leat_optimizer;

// The defaults of the framework that the style names.
leat_optimizer leat_optimizer_default(leat_optimizer_kind kind, leat_optimizer_style style);

enum { LEAT_MAX_SLOTS = 3, LEAT_OPTIMIZER_SCALARS = 4 };

// What one optimiser keeps for each variable.
typedef struct leat_slots {
  int count;
  const char *name[LEAT_MAX_SLOTS];    // what it holds: "m", "accumulator"
  const char *suffix[LEAT_MAX_SLOTS];  // TensorFlow 1's variable: "<variable>/<suffix>"
  double initial[LEAT_MAX_SLOTS];
} leat_slots;

leat_slots leat_optimizer_slots(const leat_optimizer *o);
// Whether untouched rows of a table stay as they are (TensorFlow's Adam moves all rows).
bool leat_optimizer_is_sparse(const leat_optimizer *o);
// Whether a scalar f64 state, from 1, goes along (NAdam's product of momenta).
bool leat_optimizer_has_product(const leat_optimizer *o);

// What one step has in common for all variables, as f32 scalars: the scheduled learning rate, bias
// corrections. step: i64, steps done before this one. rate: replaces the configured learning rate;
// none = the configured one. product: the state, replaced by its next value; NULL where there is
// none.
void leat_optimizer_scalars(leat_builder *b, const leat_optimizer *o, leat_value step,
                            leat_value rate, leat_value *product,
                            leat_value scalars[LEAT_OPTIMIZER_SCALARS]);
// New values of x and its slots (in place of `values`: x first) after one gradient.
void leat_optimizer_apply(leat_builder *b, const leat_optimizer *o, leat_value grad,
                          const leat_value scalars[LEAT_OPTIMIZER_SCALARS],
                          leat_value values[1 + LEAT_MAX_SLOTS]);

// Gradients scaled by min(1, norm / their global norm), as tf.clip_by_global_norm. Sparse ones
// count with their rows. Returns the global norm (f32 scalar).
leat_value leat_clip_global_norm(leat_builder *b, leat_gradient *grads, int count, double norm);
// Scaled down to an L2 norm of at most `norm` over the axes (count 0: all), as tf.clip_by_norm.
leat_value leat_clip_norm(leat_builder *b, leat_value x, double norm, const int *axes, int count);

#endif
