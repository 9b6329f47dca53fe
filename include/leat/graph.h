// Graph: functions over typed n-d values, variables as their only state, symbolic dims.
// SPDX-License-Identifier: Apache-2.0
//
// A graph owns variables, symbols and functions. A function is a pure dataflow graph of nodes made
// through a builder: nodes are immutable and hash-consed, so equal expressions are one node. A
// value is one output of one node. The builder keeps the first error and then ignores everything,
// so user code checks once, at leat_builder_finish. Builders and graphs belong to one thread at a
// time; a finished function may be run and read by many. The primitives are the rows of `leat graph
// ops`; ops.h has the functions that build them and everything richer.
#ifndef LEAT_GRAPH_H
#define LEAT_GRAPH_H

#include "leat/tensor.h"

LEAT_BEGIN

typedef struct leat_graph leat_graph;
typedef struct leat_func leat_func;
typedef struct leat_node leat_node;
typedef struct leat_var leat_var;
typedef struct leat_builder leat_builder;

// A dimension: a size >= 0, or (negative) an expression over symbols held by the graph. Equal
// expressions are the same number: compare with ==.
typedef int64_t leat_dim;

typedef struct leat_shape {
  int rank;  // 0 (scalar) to LEAT_MAX_RANK
  leat_dim dims[LEAT_MAX_RANK];
} leat_shape;

typedef struct leat_type {
  leat_dtype dtype;
  leat_shape shape;
} leat_type;

typedef struct leat_value {
  leat_node *node;  // NULL: no value (after an error, or an absent optional)
  int index;        // which output
} leat_value;

// LEAT_SHAPE(batch, 66); LEAT_SCALAR.
#define LEAT_SHAPE(...) \
  ((leat_shape){(int)(sizeof((leat_dim[]){__VA_ARGS__}) / sizeof(leat_dim)), {__VA_ARGS__}})
#define LEAT_SCALAR ((leat_shape){0})

// --- Graphs -------------------------------------------------------------------------------------
LEAT_API leat_status leat_graph_new(leat_graph **out, leat_error *err);
LEAT_API void leat_graph_free(leat_graph *graph);  // with all functions and variables; NULL allowed

// --- Dims ---------------------------------------------------------------------------------------
// The symbol of that name, made on first use. bound: an upper bound as a dim, or 0 = none.
LEAT_API leat_dim leat_dim_symbol(leat_graph *graph, const char *name, leat_dim bound);
LEAT_API leat_dim leat_dim_add(leat_graph *graph, leat_dim a, leat_dim b);
LEAT_API leat_dim leat_dim_mul(leat_graph *graph, leat_dim a, leat_dim b);
LEAT_API leat_dim leat_dim_floordiv(leat_graph *graph, leat_dim a, leat_dim b);
LEAT_API leat_dim leat_dim_ceildiv(leat_graph *graph, leat_dim a, leat_dim b);
LEAT_API leat_dim leat_dim_min(leat_graph *graph, leat_dim a, leat_dim b);
LEAT_API leat_dim leat_dim_max(leat_graph *graph, leat_dim a, leat_dim b);

// --- Variables ----------------------------------------------------------------------------------
// Declares a variable; its shape is static. Names are unique and TensorFlow's
// (`dnn/hiddenlayer_0/kernel`). ALREADY_EXISTS if the name is taken.
LEAT_API leat_status leat_graph_var(leat_graph *graph, const char *name, leat_type type,
                                    bool trainable, leat_var **out, leat_error *err);
LEAT_API leat_var *leat_graph_find_var(const leat_graph *graph, leat_str name);  // NULL if none
LEAT_API size_t leat_graph_var_count(const leat_graph *graph);
LEAT_API leat_var *leat_graph_var_at(const leat_graph *graph, size_t index);  // in order of making
LEAT_API const char *leat_var_name(const leat_var *var);
LEAT_API leat_type leat_var_type(const leat_var *var);
LEAT_API bool leat_var_trainable(const leat_var *var);

// --- Functions ----------------------------------------------------------------------------------
LEAT_API leat_func *leat_graph_find_func(const leat_graph *graph, leat_str name);  // NULL if none
LEAT_API size_t leat_graph_func_count(const leat_graph *graph);
LEAT_API leat_func *leat_graph_func_at(const leat_graph *graph, size_t index);
LEAT_API leat_graph *leat_func_graph(const leat_func *func);
LEAT_API const char *leat_func_name(const leat_func *func);
LEAT_API int leat_func_input_count(const leat_func *func);
LEAT_API const char *leat_func_input_name(const leat_func *func, int index);
LEAT_API leat_type leat_func_input_type(const leat_func *func, int index);
LEAT_API int leat_func_output_count(const leat_func *func);
LEAT_API const char *leat_func_output_name(const leat_func *func, int index);
LEAT_API leat_type leat_func_output_type(const leat_func *func, int index);

// --- Builders -----------------------------------------------------------------------------------
// Starts a function. Names are unique in a graph; NULL makes one up. Free ends an unfinished one.
LEAT_API leat_builder *leat_builder_new(leat_graph *graph, const char *name);
LEAT_API void leat_builder_free(leat_builder *builder);
// Adds the next argument.
LEAT_API leat_value leat_input(leat_builder *builder, const char *name, leat_type type);
// Adds the next result.
LEAT_API void leat_output(leat_builder *builder, const char *name, leat_value value);
// Ends the function: drops what is not used, and frees the builder whether it succeeds or not.
// The first error of the whole building is reported here; *out is NULL then.
LEAT_API leat_status leat_builder_finish(leat_builder *builder, leat_func **out, leat_error *err);
LEAT_API leat_graph *leat_builder_graph(const leat_builder *builder);
// Marks the builder as failed (the first failure is kept) and returns no value.
LEAT_API leat_value leat_builder_fail(leat_builder *builder, leat_status status, const char *fmt,
                                      ...) LEAT_PRINTF(3, 4);
LEAT_API bool leat_builder_ok(const leat_builder *builder);
// Names what is built from here on, for people: "dnn/hiddenlayer_0". NULL: nothing. Copied.
LEAT_API void leat_builder_scope(leat_builder *builder, const char *scope);

LEAT_API leat_type leat_value_type(leat_value value);  // NONE for no value
static inline bool leat_value_ok(leat_value value) { return value.node != 0; }

// --- Gradients ----------------------------------------------------------------------------------
// A gradient with respect to one value: dense, or rows of a table that was gathered from, or absent
// (neither set) where y does not depend on x.
typedef struct leat_gradient {
  leat_value dense;  // same type as x
  leat_value ids;    // i64 (n): the rows touched, duplicates allowed
  leat_value rows;   // (n, ...): one row of gradient for each id
} leat_gradient;

// Reverse mode: appends to the builder the gradient of sum_i <seeds[i], ys[i]> with respect to each
// xs[j]. A seed without value means ones. Gradients are ordinary graph, so they can be
// differentiated again. sparse_ok: leave a table's gradient as (ids, rows).
LEAT_API void leat_gradients(leat_builder *builder, const leat_value *ys, const leat_value *seeds,
                             int y_count, const leat_value *xs, int x_count, bool sparse_ok,
                             leat_gradient *out);

// --- Text ---------------------------------------------------------------------------------------
// One node a line, stable, diffable; parse(print(g)) prints the same. Constants above 64 elements
// are written by reference (`@name`) and travel beside the text.
typedef struct leat_graph_consts {
  // print: called with each large constant and the name given to it.
  leat_status (*put)(void *context, leat_str name, leat_tensor *tensor, leat_error *err);
  // parse: finds one again; the reference returned is the caller's to drop.
  leat_status (*get)(void *context, leat_str name, leat_tensor **out, leat_error *err);
  void *context;
} leat_graph_consts;

// The graph as text (caller frees with leat_text_free). consts NULL: all constants inline.
LEAT_API leat_status leat_graph_print(const leat_graph *graph, const leat_graph_consts *consts,
                                      char **text, size_t *length, leat_error *err);
LEAT_API leat_status leat_graph_parse(leat_graph **out, leat_str text, const char *file,
                                      const leat_graph_consts *consts, leat_error *err);
LEAT_API void leat_text_free(char *text);

// A simplified copy of a function in the same graph, by the rewrites that clause N10 allows only:
// results keep their bits. name NULL: made up.
LEAT_API leat_status leat_func_simplify(leat_func *func, const char *name, leat_func **out,
                                        leat_error *err);
// Cuts a function in two, so that what needs its arguments alone can run ahead, on another thread:
// `front` maps them to what its host calls (strings, tables) make and to the integers made of that,
// `rest` (the arguments, then front's results) does all else. Together they do what `func` does, to
// the bit. Both NULL where nothing can run ahead. The names must be free in the graph.
LEAT_API leat_status leat_func_cut(leat_func *func, const char *front_name, const char *rest_name,
                                   leat_func **front, leat_func **rest, leat_error *err);

LEAT_END

#endif
