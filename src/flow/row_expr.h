// Row expressions: those of a transform's config, and what becomes of rows that fail.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_ROW_EXPR_H
#define LEAT_FLOW_ROW_EXPR_H

#include "flow/expr.h"
#include "flow/op.h"

// `language` of the config: generic unless it says sql. python, javascript and others are refused
// by name.
leat_status leat_flow_language_read(const leat_flow_transform *t, leat_flow_language *out,
                                    leat_error *err);
// An expression: a scalar, or {expression: ..., output_type: ...}. `callable` and `path` are
// refused. The error has the place in the file of what is wrong.
leat_status leat_flow_expr_read(leat_flow *flow, const leat_flow_transform *t,
                                const leat_yaml_node *node, leat_flow_language language,
                                const leat_flow_schema *schema, const leat_flow_expr **out,
                                leat_error *err);
// The same, and it must be a bool (or null).
leat_status leat_flow_condition_read(leat_flow *flow, const leat_flow_transform *t,
                                     const leat_yaml_node *node, leat_flow_language language,
                                     const leat_flow_schema *schema, const leat_flow_expr **out,
                                     leat_error *err);

// --- Rows that fail -----------------------------------------------------------------------------
typedef struct leat_flow_errors {  // of a transform with one input
  const leat_flow_schema
      *schema;  // {element: row, msg: string, stack: string}; NULL: the run fails
  int output;   // index of the outputs
} leat_flow_errors;

// error_handling: {output: NAME} of the config: adds that output.
leat_status leat_flow_errors_read(leat_flow *flow, leat_flow_transform *t, leat_flow_errors *out,
                                  leat_error *err);
// After a run of `eval` over the batch: gives its failed rows out, or fails with the first of them.
// `good` (batch->rows of it, NULL: not wanted) gets the others, *count how many.
leat_status leat_flow_errors_split(leat_flow_op *op, const leat_flow_errors *errors,
                                   const leat_flow_batch *batch, const leat_flow_eval *eval,
                                   int32_t *good, int *count, leat_error *err);
// One row, for another reason.
leat_status leat_flow_errors_one(leat_flow_op *op, const leat_flow_errors *errors,
                                 const leat_flow_batch *batch, int row, const char *why,
                                 leat_error *err);

// --- Windows ------------------------------------------------------------------------------------
// The batch with its windows explicit: a row for each window of each row. A new reference.
leat_flow_batch *leat_flow_with_windows(const leat_flow_collection *c,
                                        const leat_flow_batch *batch);

#endif
