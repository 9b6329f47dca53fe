// Expressions of numbers as one graph, compiled where it is worth it (src/engine).
// SPDX-License-Identifier: Apache-2.0
//
// Of an eval's expressions those that are made of numbers, truth values and times alone become a
// function of the graph: all rows of a batch at once, no mask but `select`. Beside the results it
// says whether any row would fail; then none of them counts, and the columns are made row by row,
// where each failure is found. Both give the same bits. The engine interprets the function first
// and compiles it when that has taken long enough.
#ifndef LEAT_FLOW_EXPR_GRAPH_H
#define LEAT_FLOW_EXPR_GRAPH_H

#include "flow/expr_impl.h"

enum { LEAT_FLOW_FUSED_LEAST = 256 };  // rows of a batch that are worth a call

typedef struct leat_flow_fused leat_flow_fused;

// *out is NULL where there is nothing to take. taken[i]: expression i is in it.
leat_status leat__fused_new(leat_flow_fused **out, const leat_flow_expr *const *exprs, int count,
                            bool *taken, leat_error *err);
void leat__fused_free(leat_flow_fused *fused);  // NULL allowed
// Fills the columns of the expressions that are in it, whose memory has been made (zeroed). false:
// a row fails, or memory is short; the columns may then hold anything.
bool leat__fused_run(leat_flow_fused *fused, const leat_flow_batch *batch, leat_flow_column *out);

#endif
