// Printing expressions: one element, or one vector of elements, of a value as C.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_PRINT_ELEM_H
#define LEAT_ENGINE_PRINT_ELEM_H

#include "engine/lower.h"

// Element-wise ops and others whose element follows from the operands' elements.
bool leat__print_elem_knows(const leat_node *node);
// Whether all that `root` is made of can be computed in vectors along its last axis.
bool leat__print_elem_is_vector(const leat_lower *lower, const leat_node *root);
// The same for a value at some index whose vector variable is `var`.
bool leat__print_index_is_vector(const leat_lower *lower, leat_value value, const leat_index *index,
                                 int var);
// Whether memory is read at the loops' own index or not at all: the loops can then be one.
bool leat__print_index_is_flat(const leat_lower *lower, leat_value value, const leat_index *index,
                               const leat_shape *loops);

typedef struct leat_temp {
  leat_value value;
  leat_index index;
  bool vector;
  int number;
} leat_temp;

typedef struct leat_body {
  leat_lower *lower;
  leat_buf *out;
  bool vector;  // vf and vi instead of scalars
  int var;      // vector mode: the loop variable of the lanes
  bool flat;    // one loop i0 over all elements
  const leat_shape *loops;
  LEAT_VEC(leat_temp) temps;
  LEAT_VEC(int) reads;  // slots that the body reads
  int count;
  bool failed;
} leat_body;

void leat__body_deinit(leat_body *b);
// Prints statements that compute the value and returns the number of its temporary `tN`.
int leat__body_value(leat_body *b, leat_value value, const leat_index *index);
// The same for a value that the loops are there to compute, although it has memory.
int leat__body_root(leat_body *b, const leat_node *node, const leat_index *index);
// Names a temporary for a value that the caller has computed.
int leat__body_bind(leat_body *b, leat_value value, const leat_index *index);
// The position of an element in a dense array of that shape.
void leat__print_position(leat_body *b, leat_buf *out, const leat_shape *shape,
                          const leat_index *index);
void leat__print_dim_c(leat_lower *lower, leat_buf *out, leat_dim dim);
const char *leat__c_type(leat_dtype dtype);

#endif
