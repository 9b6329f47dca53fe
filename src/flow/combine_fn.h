// Combine functions: sum, count, min, ... as accumulators that can be merged.
// SPDX-License-Identifier: Apache-2.0
//
// Nulls are passed over, but by count and group; what has seen no value gives null. Results do not
// depend on the order of values or on how they were parted and merged (group: its order does).
#ifndef LEAT_FLOW_COMBINE_FN_H
#define LEAT_FLOW_COMBINE_FN_H

#include "flow/pipeline.h"

typedef struct leat_flow_combined {  // what a function is applied to
  const leat_flow_field *in;         // a value's; NULL: none was given (count)
  const void *config;                // as the function read it
} leat_flow_combined;

typedef struct leat_flow_combine_fn {
  const char *name;
  // The result's type (not its name); false: values of this type cannot be combined so.
  bool (*type)(const leat_flow_field *in, leat_flow_field *out);
  size_t bytes;  // of the accumulator, which may be moved; zeroed is an empty one
  // Takes in a value; false when memory is exhausted.
  bool (*add)(void *acc, const leat_flow_combined *of, const leat_flow_column *c, int row);
  bool (*merge)(void *into, const void *from, const leat_flow_combined *of);
  // OUT_OF_RANGE: the result does not fit its type.
  leat_status (*read)(const void *acc, const leat_flow_combined *of, leat_flow_rows *out,
                      leat_error *err);
  void (*clear)(void *acc);  // frees what it holds; NULL: nothing
  // Whether the accumulator is nothing but its own bytes, which can be sent elsewhere; NULL: it is
  // where nothing is to be cleared.
  bool (*is_flat)(const leat_flow_field *in);
  // Reads {type: NAME, config: node} into the pipeline's arena; node is NULL where there is none.
  // NULL: the function has no config.
  leat_status (*configure)(leat_flow *flow, const leat_flow_transform *t,
                           const leat_yaml_node *node, const leat_flow_field *in, const void **out,
                           leat_error *err);
} leat_flow_combine_fn;

extern const leat_flow_combine_fn *const leat_flow_combine_fns[];   // ends with NULL
const leat_flow_combine_fn *leat_flow_combine_find(leat_str name);  // NULL: none

// combine_rows.c: the greatest values, or rows by some of their fields; all of them in order; some
// at random.
extern const leat_flow_combine_fn leat_flow_top, leat_flow_sample;
// combine_sketch.c
extern const leat_flow_combine_fn leat_flow_quantiles, leat_flow_count_distinct;

#endif
