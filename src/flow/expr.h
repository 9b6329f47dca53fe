// Expr: expressions over the fields of a row, typed when they are read, evaluated column by column.
// SPDX-License-Identifier: Apache-2.0
//
// docs/flow.md says what the languages mean. An expression is immutable, in the arena of its
// pipeline, and may be used from any thread; an eval belongs to one thread.
#ifndef LEAT_FLOW_EXPR_H
#define LEAT_FLOW_EXPR_H

#include "flow/batch.h"

typedef enum leat_flow_language {
  LEAT_FLOW_SQL,      // SQL's scalar expressions
  LEAT_FLOW_GENERIC,  // Beam YAML's: a field, a literal, or one comparison of them
} leat_flow_language;

typedef struct leat_flow_expr leat_flow_expr;

// INVALID_ARGUMENT: what is wrong, with the nearest field or function; *at (may be NULL): the byte
// of the text where it is.
leat_status leat_flow_expr_parse(leat_arena *arena, leat_str text, leat_flow_language language,
                                 const leat_flow_schema *schema, const leat_flow_expr **out,
                                 size_t *at, leat_error *err);
// Its type, without a name. NULL alone is a nullable string.
const leat_flow_field *leat_flow_expr_type(const leat_flow_expr *expr);
// The field that it is, or -1 when it is anything more.
int leat_flow_expr_field(const leat_flow_expr *expr);

typedef struct leat_flow_eval leat_flow_eval;

// The expressions (of one schema) are borrowed, the array is copied.
leat_status leat_flow_eval_new(leat_flow_eval **out, const leat_flow_expr *const *exprs, int count,
                               leat_error *err);
void leat_flow_eval_free(leat_flow_eval *eval);  // NULL allowed
// A column for each expression, with an owner each (leat_flow_block_unref); after an error none has
// one. A row that cannot be computed fails alone: its value is null, or zero where none may be.
leat_status leat_flow_eval_run(leat_flow_eval *eval, const leat_flow_batch *batch,
                               leat_flow_column *out, leat_error *err);
// Whether the last run took the expressions of numbers through the graph (expr_graph.h).
bool leat_flow_eval_used_graph(const leat_flow_eval *eval);
// Of the last run: how many rows failed, and why a row did (NULL: it did not), until the next run.
int leat_flow_eval_failures(const leat_flow_eval *eval);
const char *leat_flow_eval_failure(const leat_flow_eval *eval, int row);

#endif
