// Optimisers: one update of a variable and its slots, as graph.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_OPTIMIZER_H
#define LEAT_TRAIN_OPTIMIZER_H

#include "train/config.h"

enum { LEAT_MAX_SLOTS = 2 };

// What one optimiser keeps for each variable, under TensorFlow's names.
typedef struct leat_slots {
  int count;
  const char *suffix[LEAT_MAX_SLOTS];  // "<variable>/<suffix>"
  double initial[LEAT_MAX_SLOTS];
} leat_slots;

leat_slots leat_optimizer_slots(const leat_optimizer *o);
// Whether untouched rows of a table stay as they are (TensorFlow 1's Adam moves all rows).
bool leat_optimizer_is_sparse(const leat_optimizer *o);
// New values of x and its slots (in place of `values`: x first) after one gradient. rate: a scalar
// that replaces the learning rate where it changes (Adam's correction); none = the configured one.
void leat_optimizer_apply(leat_builder *b, const leat_optimizer *o, leat_value grad,
                          leat_value rate, leat_value values[1 + LEAT_MAX_SLOTS]);

#endif
