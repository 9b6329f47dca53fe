// Grouping: what GroupByKey and Combine share: keys out of the config, rows into groups, panes out.
// SPDX-License-Identifier: Apache-2.0
//
// The general path: rows are packed and kept by group.c until their trigger fires.
#ifndef LEAT_FLOW_GROUPING_H
#define LEAT_FLOW_GROUPING_H

#include "flow/op.h"

typedef struct leat_flow_grouping leat_flow_grouping;
struct leat_flow_grouping {          // of a transform, in the pipeline's arena
  const leat_flow_schema *in, *out;  // out: the keys first
  // Not NULL: the field behind the keys is a list of rows, which go out instead, in order; of this
  // schema.
  const leat_flow_schema *unnested;
  const int *keys, *values;  // fields of `in`; the values are kept
  int key_count, value_count;
  const leat_flow_schema *kept;    // fields of the values
  const int *all_kept, *all_keys;  // 0, 1, 2, ...; all_keys: of `out`
  const leat_flow_strategy *strategy;
  // Puts the fields behind the keys, from a pane's packed values.
  leat_status (*put)(leat_flow_op *op, const leat_flow_output *pane, leat_flow_rows *rows,
                     leat_error *err);
  // Not NULL: gives out all rows of a pane, each put into the op's rows and ended by
  // leat_flow_grouping_row.
  leat_status (*give)(leat_flow_op *op, const leat_flow_output *pane, leat_error *err);
  // Of several inputs: how the rows of the others are packed (in, keys, values, kept, as). Each
  // packed value then has a byte before it, the number of its input.
  const leat_flow_grouping *others;
  int other_count;
  const leat_flow_schema *as;  // of several inputs: `in` with nullable keys where any input's are
};

// Reads `group_by` (a field or a list of them; none: all rows are one group) and makes room for
// `more` fields behind the keys: *fields, to be filled in. Values: all fields that are no keys, or
// those that `values` names.
leat_status leat_flow_grouping_read(leat_flow *flow, leat_flow_transform *t, int more,
                                    leat_flow_grouping *g, leat_flow_field **fields,
                                    leat_error *err);
// The same with the fields that `by` names as keys, or all of them, and none behind.
leat_status leat_flow_grouping_distinct(leat_flow *flow, leat_flow_transform *t,
                                        const leat_yaml_node *by, leat_flow_grouping *g,
                                        leat_error *err);
leat_status leat_flow_grouping_values(leat_flow *flow, leat_flow_grouping *g, const int *values,
                                      int count, leat_error *err);
// Adds inputs (t->inputs) to a grouping whose keys have been read: keys[i] are those of input i +
// 1, as many and of the same types, and all fields are kept but for these where keep_keys is not
// set.
leat_status leat_flow_grouping_others(leat_flow *flow, leat_flow_transform *t,
                                      leat_flow_grouping *g, const int *const *keys, bool keep_keys,
                                      leat_error *err);
// A field or a list of them. Fails when one is there twice.
leat_status leat_flow_grouping_keys(leat_flow *flow, const leat_flow_transform *t,
                                    const leat_flow_schema *in, const leat_yaml_node *by,
                                    const int **keys, int *count, leat_error *err);
// Sets t->key_fields and adds the output.
leat_status leat_flow_grouping_done(leat_flow *flow, leat_flow_transform *t,
                                    const leat_flow_grouping *g, leat_error *err);

// Gives out what a grouping has made; takes the batch's reference.
leat_status leat_flow_grouping_give(leat_flow_op *op, const leat_flow_grouping *g,
                                    leat_flow_batch *batch, leat_error *err);

typedef struct leat_flow_grouping_op {
  leat_flow_op op;
  const leat_flow_grouping *plan;
  leat_flow_group *group;
  leat_flow_rows *rows;
  leat_buf bytes;  // of a batch: keys and values
  LEAT_VEC(leat_flow_element) elements;
  leat_flow_dropped dropped;
} leat_flow_grouping_op;

// Ends a row of a pane.
leat_status leat_flow_grouping_row(leat_flow_op *op, const leat_flow_output *pane, leat_error *err);

leat_status leat_flow_grouping_start(const leat_flow_grouping *plan, const leat_flow_transform *t,
                                     leat_flow_worker *worker, leat_flow_op **out, leat_error *err);

#endif
