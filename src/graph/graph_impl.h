// The graph's insides, for the floors that build, rewrite and run it.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_GRAPH_GRAPH_IMPL_H
#define LEAT_GRAPH_GRAPH_IMPL_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "leat/graph.h"

// --- The op table -------------------------------------------------------------------------------
typedef enum leat_op {
#define OP(name, ...) LEAT_OP_##name,
#include "graph/ops.def"
#undef OP
  LEAT_OP_COUNT
} leat_op;

typedef enum leat_op_gradient { GRADIENT_none, GRADIENT_zero, GRADIENT_rule } leat_op_gradient;
typedef enum leat_op_fusion {
  FUSION_elemwise,
  FUSION_broadcast,
  FUSION_injective,
  FUSION_reduce,
  FUSION_anchor,
  FUSION_opaque,
} leat_op_fusion;
typedef enum leat_op_effect { EFFECT_pure, EFFECT_state, EFFECT_effect } leat_op_effect;
typedef enum leat_op_place { PLACE_any, PLACE_host } leat_op_place;
typedef enum leat_op_rows { ROWS_each, ROWS_attr, ROWS_mix } leat_op_rows;

typedef enum leat_attr_kind {
  ATTR_INT,
  ATTR_INTS,
  ATTR_DIM,
  ATTR_DIMS,
  ATTR_DTYPE,
  ATTR_STR,
  ATTR_STRS,
  ATTR_FUNC,
  ATTR_TENSOR,
  ATTR_VAR,
  ATTR_VARS,
  ATTR_FLOAT,
  ATTR_CHOICE,
} leat_attr_kind;

enum { LEAT_MAX_ATTRS = 8 };

typedef struct leat_attr_def {
  leat_str name;
  leat_attr_kind kind;
  leat_str choices;  // ATTR_CHOICE: "a|b|c"
} leat_attr_def;

typedef struct leat_gradient_ctx leat_gradient_ctx;

typedef struct leat_op_row {
  const char *name;
  int inputs, outputs;  // -1: as the attributes say
  leat_op_gradient gradient;
  leat_op_fusion fusion;
  leat_op_effect effect;
  leat_op_place place;
  leat_op_rows rows;
  const char *attrs;
  const char *meaning;
  leat_status (*shape)(leat_graph *graph, const leat_node *node, leat_type *out, leat_error *err);
  void (*grad)(leat_gradient_ctx *ctx, leat_node *node);  // NULL unless gradient is a rule
} leat_op_row;

extern const leat_op_row leat__ops[LEAT_OP_COUNT];
leat_op leat__op_find(leat_str name);  // LEAT_OP_COUNT if there is none
// Parses a row's attribute column into `defs`; returns how many.
int leat__op_attrs(leat_op op, leat_attr_def defs[LEAT_MAX_ATTRS]);
leat_str leat__choice_name(leat_str choices, int64_t index);
int64_t leat__choice_index(leat_str choices, leat_str name);  // -1 if none

enum { REDUCE_SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN };  // order of `kind` choices
enum { ORDER_CHAIN, ORDER_LANES16 };
enum { MODE_CLAMP, MODE_ERROR, MODE_ZERO };  // gather's; scatter: MODE_ZERO drops
enum { SCATTER_SET, SCATTER_ADD, SCATTER_MIN, SCATTER_MAX };

// --- Dims ---------------------------------------------------------------------------------------
typedef enum leat_dim_op {
  DIM_SYMBOL,
  DIM_CONST,
  DIM_ADD,
  DIM_MUL,
  DIM_FLOORDIV,
  DIM_CEILDIV,
  DIM_MIN,
  DIM_MAX,
} leat_dim_op;

typedef struct leat_dim_expr {
  leat_dim_op op;
  leat_dim a, b;     // operands; a symbol's a is its bound (0 = none); a constant's its value < 0
  const char *name;  // symbols
} leat_dim_expr;

static inline bool leat_dim_is_static(leat_dim dim) { return dim >= 0; }
// The expression behind a negative dim.
const leat_dim_expr *leat__dim_expr(const leat_graph *graph, leat_dim dim);
// The dim with symbols replaced by `values` (one slot for each expression of the graph, of which
// the symbols' are read). INT64_MIN marks an unbound symbol; the result is then INT64_MIN too.
int64_t leat__dim_eval(const leat_graph *graph, leat_dim dim, const int64_t *values);
size_t leat__dim_count(const leat_graph *graph);  // slots needed for values
static inline size_t leat__dim_slot(leat_dim dim) { return (size_t)~dim; }
// Rewrites symbols by map[slot] (a dim; 0 entries with known[slot] false stay as they are).
leat_dim leat__dim_subst(leat_graph *graph, leat_dim dim, const leat_dim *map, const bool *known);
// dim + delta, where delta may be negative; the result of a static dim may then be no legal size
// (leat__dim_is_bad).
leat_dim leat__dim_offset(leat_graph *graph, leat_dim dim, int64_t delta);
bool leat__dim_is_bad(const leat_graph *graph, leat_dim dim);  // a negative constant
leat_dim leat__dim_fresh(leat_graph *graph, leat_dim bound);   // a new symbol
void leat__print_dim(const leat_graph *graph, leat_dim dim, leat_buf *buf);
void leat__print_shape(const leat_graph *graph, const leat_shape *shape, leat_buf *buf);
// "%12 add" as the graph's text numbers values; the op alone where it has no result.
void leat__print_node_name(const leat_node *node, leat_buf *out);
// The line of the graph's text that a node is on, from 1; 0 without memory to tell.
int leat__node_line(const leat_node *node);
void leat__print_type(const leat_graph *graph, const leat_type *type, leat_buf *buf);

static inline bool leat_shape_eq(const leat_shape *a, const leat_shape *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return false;
  return true;
}
static inline bool leat_type_eq(const leat_type *a, const leat_type *b) {
  return a->dtype == b->dtype && leat_shape_eq(&a->shape, &b->shape);
}
leat_dim leat__shape_count(leat_graph *graph, const leat_shape *shape);  // product of dims

// --- Nodes --------------------------------------------------------------------------------------
typedef struct leat_attr {
  int64_t count;  // of ints, dims, strs, vars; bytes of a str
  union {
    int64_t i;  // int, dim, dtype, choice
    double f;
    const int64_t *ints;  // ints and dims
    const char *str;
    const leat_str *strs;
    leat_func *func;
    leat_tensor *tensor;
    leat_var *var;
    leat_var **vars;
  };
} leat_attr;

struct leat_node {
  leat_op op;
  int id;  // position in its function: every input has a smaller id
  int input_count, output_count, attr_count;
  const leat_value *inputs;
  const leat_type *types;  // of the outputs
  const leat_attr *attrs;  // in the order of the op's row
  const char *scope;       // for people; NULL = none
  const void *owner;       // the builder, then the function: catches values used across functions
  uint64_t hash;
};

static inline leat_type leat__in(const leat_node *node, int i) {
  return node->inputs[i].node->types[node->inputs[i].index];
}
static inline leat_value leat__out(leat_node *node, int i) { return (leat_value){node, i}; }
static inline bool leat_value_eq(leat_value a, leat_value b) {
  return a.node == b.node && a.index == b.index;
}

struct leat_func {
  leat_graph *graph;
  const char *name;
  int input_count, output_count;
  leat_node **inputs;  // input nodes by index
  const char **input_names;
  leat_value *outputs;
  const char **output_names;
  bool writes;        // has var_next or row_update
  const leat_func *extends;  // the function whose results are this one's first ones; NULL: none known
  leat_node **nodes;  // in order; ids are positions. Effects are nodes like others.
  int node_count;
};

struct leat_var {
  const char *name;
  leat_type type;
  bool trainable;
  int index;  // among the graph's variables
};

struct leat_graph {
  leat_arena arena;
  LEAT_VEC(leat_dim_expr) dims;
  leat_map dim_map;  // expression text key -> slot
  LEAT_VEC(leat_var *) vars;
  leat_map var_map;
  LEAT_VEC(leat_func *) funcs;
  leat_map func_map;
  LEAT_VEC(leat_tensor *) tensors;  // constants held by nodes
  int fresh;                        // counter of made-up names
  bool failed;                      // memory ran out while making a dim
};

// --- Building -----------------------------------------------------------------------------------
// Adds (or finds) a node. Attributes are copied; tensors get a reference. NULL after an error.
leat_node *leat__build(leat_builder *b, leat_op op, const leat_value *inputs, int input_count,
                       const leat_attr *attrs, int attr_count);
static inline leat_value leat__build1(leat_builder *b, leat_op op, const leat_value *inputs,
                                      int input_count, const leat_attr *attrs, int attr_count) {
  leat_node *node = leat__build(b, op, inputs, input_count, attrs, attr_count);
  return (leat_value){node, 0};
}
// Copies the body of `func` into the builder with its inputs replaced; symbols in its argument
// shapes are bound to the actual dims.
void leat__inline(leat_builder *b, leat_func *func, const leat_value *inputs, int input_count,
                  leat_value *outputs);
// Copies of `func` what `wanted` values need, reading its values `from[i]` as `to[i]`: a part of the
// function, with `effects` also all that has some. Arguments that are needed have to be among
// `from`. Symbols stay as they are.
typedef struct leat_value_swap {
  const leat_value *from, *to;
  int count;
} leat_value_swap;
void leat__inline_part(leat_builder *b, leat_func *func, const leat_value_swap *swap,
                       const leat_value *wanted, int count, bool effects, leat_value *outputs);
// Binds the symbols in func's argument types to the given types. map and known have leat__dim_count
// entries (known zeroed). INVALID_ARGUMENT names the argument that does not fit.
leat_status leat__bind_symbols(leat_graph *graph, leat_func *func, const leat_type *types,
                               int count, leat_dim *map, bool *known, leat_error *err);

// Building blocks shared by rules.
leat_attr leat__attr_ints(const int64_t *ints, int count);
leat_attr leat__attr_int(int64_t i);
leat_attr leat__attr_str(leat_str s);
leat_attr leat__attr_func(leat_func *func);
leat_attr leat__attr_shape(const leat_shape *shape);

leat_node *leat__builder_node(const leat_builder *b, int id);
bool leat__dim_is_known(const leat_graph *graph, leat_dim dim, const bool *known);
// The value of a dim that is a constant, however written; false for a symbolic one.
bool leat__dim_constant(const leat_graph *graph, leat_dim dim, int64_t *value);
leat_dim leat__dim_sub(leat_graph *graph, leat_dim a, leat_dim b);

// --- Gradient rules -----------------------------------------------------------------------------
// A rule reads the cotangents of its node's outputs and adds to those of its operands.
leat_builder *leat__cot_builder(leat_gradient_ctx *ctx);
// No value when nothing flows; the second form gives zeros then.
leat_value leat__cot_of(leat_gradient_ctx *ctx, leat_node *node, int output);
leat_value leat__cot_or_zeros(leat_gradient_ctx *ctx, leat_node *node, int output);
bool leat__cot_needed(leat_gradient_ctx *ctx, leat_value operand);
void leat__cot_add(leat_gradient_ctx *ctx, leat_value operand, leat_value grad);
void leat__cot_add_rows(leat_gradient_ctx *ctx, leat_value operand, leat_value ids,
                        leat_value rows);
// A function (inputs, gradients of the float outputs) -> gradients of the float inputs.
leat_func *leat__vjp_func(leat_builder *b, leat_func *func);

#define OP(name, ...)                                                                      \
  leat_status leat__shape_##name(leat_graph *graph, const leat_node *node, leat_type *out, \
                                 leat_error *err);
#include "graph/ops.def"
#undef OP

#define RULE_none(name)
#define RULE_zero(name)
#define RULE_rule(name) void leat__grad_##name(leat_gradient_ctx *ctx, leat_node *node);
#define OP(name, inputs, outputs, gradient, ...) RULE_##gradient(name)
#include "graph/ops.def"
#undef OP
#undef RULE_none
#undef RULE_zero
#undef RULE_rule

#endif
