// A network under construction: variables found or made by name, layers, canned architectures.
// SPDX-License-Identifier: Apache-2.0
//
// One network serves all functions of an estimator: leat__net_begin starts the next function, and
// the variables of the first are found again by their names.
#ifndef LEAT_TRAIN_NETWORK_H
#define LEAT_TRAIN_NETWORK_H

#include "leat/estimator.h"
#include "leat/ops.h"
#include "train/config.h"

typedef struct leat_weight {
  leat_var *var;
  leat_part part;  // whose optimiser moves it
  leat_init init;
  bool fixed;       // a moving average: the forward pass updates it, no optimiser does
  bool penalised;   // by l1 and l2 regularisation
  leat_value read;  // in the function at hand
  leat_value next;  // a moving average's next value, in training
} leat_weight;

typedef struct leat_summary {
  const char *tag;
  leat_value value;
} leat_summary;

struct leat_net {
  const leat_config *c;
  leat_graph *graph;
  leat_builder *b;  // of the function at hand
  leat_dim batch;
  leat_part part;                 // of the weights being made
  bool training;                  // dropout and batch statistics
  bool complete;                  // all variables are made
  leat_random_key key;            // of dropout
  leat_value *raw;                // by input column
  leat_arena arena;               // of tags
  LEAT_VEC(leat_weight) weights;  // in order of making
  LEAT_VEC(leat_summary) summaries;
};

leat_status leat__net_init(leat_net *net, const leat_config *config, leat_graph *graph,
                           leat_error *err);
void leat__net_deinit(leat_net *net);
// Starts a function: adds the features' inputs. The key is the caller's to set before logits.
void leat__net_begin(leat_net *net, leat_builder *b, bool training);
// Logits f32 (batch, outputs) of the canned parts or of the model_fn.
leat_value leat__net_logits(leat_net *net);

#endif
