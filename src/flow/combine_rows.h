// What the functions top and sample are told, and transforms that are made of them.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_COMBINE_ROWS_H
#define LEAT_FLOW_COMBINE_ROWS_H

#include "flow/combine_fn.h"
#include "flow/sort_key.h"

typedef struct leat_flow_rows_config {
  int64_t n;            // how many; 0: all
  bool whole;           // the value is a row: the sort goes by its fields
  leat_flow_sort sort;  // no terms: sample
  uint64_t seed;
} leat_flow_rows_config;

// n: 1 or more, of the mapping `node` under `name`.
leat_status leat_flow_rows_n(const leat_flow_transform *t, const leat_yaml_node *node,
                             const char *name, int64_t *out, leat_error *err);
leat_status leat_flow_top_config(leat_flow *flow, const leat_flow_transform *t,
                                 const leat_yaml_node *by, const leat_flow_field *in, bool falling,
                                 int64_t n, const void **out, leat_error *err);
leat_status leat_flow_sample_config(leat_flow *flow, const leat_flow_transform *t,
                                    const leat_yaml_node *node, const leat_flow_field *in,
                                    const void **out, leat_error *err);

#endif
