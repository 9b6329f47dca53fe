// Row functions: a function of a graph over the rows of a batch, all at once.
// SPDX-License-Identifier: Apache-2.0
//
//   fields -> arguments (batch, ...)  -- func, state -->  results (batch, ...) -> fields
//
// Arguments take fields by name as a request's instances do (formats/columns.h): one value or a
// list of them, a null is a missing value. A result of one value a row becomes a scalar, a wider
// one a list, row-major. Rows that do not fit, or that the function refuses, go to error_handling.
#ifndef LEAT_FLOW_ROW_FUNC_H
#define LEAT_FLOW_ROW_FUNC_H

#include "flow/row_expr.h"
#include "formats/columns.h"
#include "leat/engine.h"

typedef struct leat_flow_func {  // zero-initialised; func, state and options set by the caller
  leat_func *func;               // many workers run it, each through an exec of its own
  leat_state *state;             // read only; may be NULL
  const leat_yaml_node *names;   // {ARGUMENT: FIELD}; NULL: fields have the arguments' names
  bool keep_all;                 // the input's fields stay, before the results
  const leat_yaml_node *keep;    // or these: a name or a list of them; may be NULL
  leat_str row;                  // the results are one field of this name; empty: a field each
  // By leat_flow_func_plan, in the pipeline's arena:
  leat_column *columns;  // by argument
  int *fields;           // by argument: of the input
  leat_flow_schema results, out;
  int *kept, kept_count;  // fields of the input
  leat_flow_errors errors;
} leat_flow_func;

// What `apply` does: checks the fields' types, adds the outputs. `f` lives in the arena.
leat_status leat_flow_func_plan(leat_flow *flow, leat_flow_transform *t, leat_flow_func *f,
                                leat_error *err);
// What `start` does: an op for one worker. `f` outlives it.
leat_status leat_flow_func_start(const leat_flow_transform *t, const leat_flow_func *f,
                                 leat_flow_worker *worker, leat_flow_op **out, leat_error *err);
// Tensors of a batch by the arguments, for other users of columns: puts field `field` of a row.
leat_status leat_flow_put_field(leat_columns *to, int column, const leat_flow_field *field,
                                const leat_flow_column *from, int row, leat_error *err);
// Whether a field can be an argument: INVALID_ARGUMENT says why not.
leat_status leat_flow_field_fits(const leat_flow_transform *t, const leat_yaml_node *node,
                                 const leat_flow_field *field, const leat_column *column,
                                 leat_error *err);

#endif
