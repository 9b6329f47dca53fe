// The optimiser's part of a training step: slots, gradients, updates.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_UPDATE_H
#define LEAT_TRAIN_UPDATE_H

#include "train/network.h"

// The network's variables are all made: declares the slots of every weight, the step counter and,
// where gradients are accumulated, sums.
leat_status leat__update_declare(leat_net *net, leat_error *err);
// Into the init function: every weight and slot gets its first value.
void leat__update_init(leat_net *net, leat_builder *b, const leat_random_key *key);
// Into the step function: gradients of the loss, clipped, and the next values of all variables.
void leat__update_step(leat_net *net, leat_value loss);
// The step's penalty: l1 |w| + l2 w^2 over the kernels; no value where there is none.
leat_value leat__update_penalty(leat_net *net);

#endif
