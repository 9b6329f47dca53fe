// Inside of expressions: the tree, the table of functions, and the values of a row.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_EXPR_IMPL_H
#define LEAT_FLOW_EXPR_IMPL_H

#include "flow/expr.h"

typedef enum expr_kind {
  EXPR_FIELD,     // args: none, or the row that it is in
  EXPR_CONST,     //
  EXPR_CALL,      // fn
  EXPR_AND,       // args: two or more, the next is asked only where the answer is still open
  EXPR_OR,        //
  EXPR_NOT,       //
  EXPR_IS_NULL,   //
  EXPR_CASE,      // args: when, then, when, then, ... else
  EXPR_COALESCE,  // args: the first that is not null
  EXPR_CAST,      // `quiet`: what cannot be cast is null
} expr_kind;

typedef struct expr_list {  // of texts
  const leat_str *items;
  size_t count;
} expr_list;

typedef union expr_value {
  bool b;
  int64_t i;  // INT32, INT64, TIMESTAMP
  double d;   // FLOAT, DOUBLE
  leat_str s;
  expr_list list;
} expr_value;

typedef struct expr_call {  // of a row function
  const leat_flow_expr *expr;
  leat_arena *texts;     // of results; emptied from time to time
  void *regex;           // of a function that has one
  char message[160];     // why it failed
  bool null, no_memory;  // the result is null
} expr_call;

typedef struct expr_fn expr_fn;
struct expr_fn {
  const char *name;  // in capitals; operators: "+"
  // Letters: b bool, i int64, d double, s string, y bytes, t timestamp, l list of strings; the
  // last may be followed by `*`: any number of it.
  const char *args;
  char result;
  // Strict: called where no argument is null. false: the row fails, call->message says why.
  bool (*row)(expr_call *call, const expr_value *args, int count, expr_value *out);
  int vec;  // 1 + a leat_vec_unary that does it for doubles; 0: none
  const char *help;
  bool regex;     // the second argument is a regular expression, constant
  bool nullable;  // may give null of what is not null
};

struct leat_flow_expr {
  expr_kind kind;
  leat_flow_field type;  // LEAT_FLOW_TYPES: NULL, of no type yet
  int field;             // FIELD: its index
  expr_value value;      // CONST
  const expr_fn *fn;
  const leat_flow_expr **args;
  int count;
  int size;  // nodes below it and itself
  bool quiet;
  size_t at;  // byte of the text
};

enum { EXPR_NODES = 8192 };  // most of an expression

extern const expr_fn leat__expr_fns[];        // ends with a NULL name; expr_functions.c
extern const expr_fn leat__expr_date_fns[];   // expr_dates.c
extern const expr_fn leat__expr_operators[];  // expr_check.c
const expr_fn *leat__expr_fn_at(int index);   // of all tables; NULL: behind the last
bool leat__expr_fail(expr_call *call, const char *fmt, ...) LEAT_PRINTF(2, 3);  // false

// --- Building, with types (expr_check.c) --------------------------------------------------------
typedef struct expr_builder {
  leat_arena *arena;
  const leat_flow_schema *schema;
  leat_error *err;
  size_t at;  // of the error
  bool failed;
} expr_builder;

// All give NULL after an error, and when an argument is NULL.
typedef const leat_flow_expr *expr;
expr leat__expr_error(expr_builder *b, size_t at, const char *fmt, ...) LEAT_PRINTF(3, 4);
expr leat__expr_no_memory(expr_builder *b);
expr leat__expr_field(expr_builder *b, size_t at, leat_str name);
expr leat__expr_member(expr_builder *b, size_t at, expr row, leat_str name);
expr leat__expr_const(expr_builder *b, size_t at, leat_flow_type type, expr_value value);
expr leat__expr_null(expr_builder *b, size_t at);
expr leat__expr_call(expr_builder *b, size_t at, leat_str name, const expr *args, int count);
expr leat__expr_logic(expr_builder *b, size_t at, expr_kind kind, const expr *args, int count);
// CASE (when, then ..., else; the else may be NULL) and COALESCE.
expr leat__expr_case(expr_builder *b, size_t at, const expr *args, int count);
expr leat__expr_coalesce(expr_builder *b, size_t at, const expr *args, int count);
expr leat__expr_cast(expr_builder *b, size_t at, expr x, leat_flow_type type, bool quiet);
bool leat__expr_type_named(leat_str name, leat_flow_type *out);  // "BIGINT"; any case

// --- Dates (expr_dates.c) -----------------------------------------------------------------------
// "2020-01-31", "2020-01-31 23:59:59.123", with T, Z or +02:00. false: not one.
bool leat__expr_parse_timestamp(leat_str text, int64_t *ms);
// "2020-01-31T23:59:59.123Z"; without the fraction where it is 0.
size_t leat__expr_format_timestamp(int64_t ms, char out[40]);
// Milliseconds of SECOND, MINUTE, HOUR, DAY, WEEK ...; 0: none of them.
int64_t leat__expr_unit_ms(leat_str unit);

// One value to another type: false, with a message, where it cannot be.
bool leat__expr_cast_value(expr_call *call, leat_flow_type from, leat_flow_type to, expr_value in,
                           expr_value *out);

#endif
