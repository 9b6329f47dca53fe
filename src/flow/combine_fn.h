// Combine functions: sum, count, min, ... as accumulators that can be merged.
// SPDX-License-Identifier: Apache-2.0
//
// Nulls are passed over, but by count and group; what has seen no value gives null. Results do not
// depend on the order of values or on how they were parted and merged (group: its order does).
#ifndef LEAT_FLOW_COMBINE_FN_H
#define LEAT_FLOW_COMBINE_FN_H

#include "flow/batch.h"

typedef struct leat_flow_combine_fn {
  const char *name;
  // The result's type (not its name); false: values of this type cannot be combined so. `in` is
  // NULL where the function was given no value (count).
  bool (*type)(const leat_flow_field *in, leat_flow_field *out);
  size_t bytes;  // of the accumulator; zeroed is an empty one
  // Takes in a value; false when memory is exhausted.
  bool (*add)(void *acc, const leat_flow_field *in, const leat_flow_column *c, int row);
  bool (*merge)(void *into, const void *from, const leat_flow_field *in);
  // OUT_OF_RANGE: the result does not fit its type.
  leat_status (*read)(const void *acc, const leat_flow_field *in, leat_flow_rows *out,
                      leat_error *err);
  void (*clear)(void *acc);  // frees what it holds; NULL: nothing
} leat_flow_combine_fn;

extern const leat_flow_combine_fn leat_flow_combine_fns[];          // ends with a NULL name
const leat_flow_combine_fn *leat_flow_combine_find(leat_str name);  // NULL: none

#endif
