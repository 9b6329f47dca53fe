// Custom calls: a user's C function as a node of the graph.
// SPDX-License-Identifier: Apache-2.0
//
// Registered by name in the process; a name can be registered once. Registration is thread safe.
#ifndef LEAT_CUSTOM_H
#define LEAT_CUSTOM_H

#include "leat/graph.h"

LEAT_BEGIN

typedef struct leat_custom {
  const char *name;
  int outputs;    // number of results
  void *context;  // handed to the functions
  // Types of the results from those of the operands.
  leat_status (*shape)(void *context, leat_graph *graph, const leat_type *inputs, int count,
                       leat_type *outputs, leat_error *err);
  // Makes the results: dense tensors of those types. Must be pure and thread safe.
  leat_status (*eval)(void *context, leat_tensor *const *inputs, int count, leat_tensor **outputs,
                      leat_error *err);
  // Builds the operands' gradients (a value left empty: none). NULL: not differentiable.
  void (*grad)(void *context, leat_builder *builder, const leat_value *inputs, int count,
               const leat_value *outputs, const leat_value *output_grads, leat_value *input_grads);
} leat_custom;

// ALREADY_EXISTS if the name is taken.
LEAT_API leat_status leat_custom_register(const leat_custom *custom, leat_error *err);

LEAT_END

#endif
