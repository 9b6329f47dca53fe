// A canned estimator: the functions of one model, built from its configuration.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_ESTIMATOR_H
#define LEAT_TRAIN_ESTIMATOR_H

#include "train/config.h"

typedef struct leat_estimator {
  const leat_config *config;
  leat_graph *graph;
  leat_func *init;   // (seed u64): sets every variable
  leat_func *step;   // (features..., label) -> loss; one update
  leat_func *front;  // (features..., label) -> what a step needs of strings; NULL: nothing
  leat_func *rest;   // (features..., label, front's results): the step without that
  leat_func *reset;  // (): zeroes the metrics
  leat_func *eval;   // (features..., label): adds a batch to the metrics
  leat_func *eval_front, *eval_rest;  // likewise in two
  leat_func *result;                  // () -> metrics by name, f64 scalars in alphabetical order
  leat_func *summary;  // (features..., label) -> average_loss, and what event files show by tag
  leat_func *predict;  // (features...) -> TensorFlow's prediction keys
} leat_estimator;

// What a training step fails with, its variables unchanged, when the loss is NaN or infinite.
#define LEAT_LOSS_NOT_FINITE "the loss is not finite"

// What to build: a serving graph holds the forward pass alone.
leat_status leat_estimator_build(leat_estimator *e, const leat_config *config, bool serving_only,
                                 leat_error *err);
void leat_estimator_deinit(leat_estimator *e);
// Whether a variable belongs to the model proper (not an optimiser slot, counter or metric).
bool leat_estimator_is_weight(const leat_var *var);
bool leat_estimator_is_metric(const leat_var *var);

#endif
