// Inlining: copying a function's body into a builder, symbols bound to the actual sizes.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"

typedef struct inliner {
  leat_builder *b;
  leat_graph *graph;
  leat_dim *map;  // symbol slot -> dim
  bool *known;
  size_t slots;        // of map and known; symbols minted later are their own
  leat_value *values;  // first output of each copied node
  leat_value_swap swap;
} inliner;

static leat_dim subst(inliner *in, leat_dim dim) {
  if (dim < 0 && leat__dim_slot(dim) >= in->slots) return dim;
  return leat__dim_subst(in->graph, dim, in->map, in->known);
}

// A size that the node itself defines gets a symbol of its own in each copy.
static void mint(inliner *in, leat_dim dim) {
  if (dim >= 0 || leat__dim_slot(dim) >= in->slots || in->known[leat__dim_slot(dim)]) return;
  const leat_dim_expr *expr = leat__dim_expr(in->graph, dim);
  if (expr->op != DIM_SYMBOL) return;
  leat_dim bound = expr->a ? subst(in, expr->a) : 0;
  in->known[leat__dim_slot(dim)] = true;
  in->map[leat__dim_slot(dim)] = leat__dim_fresh(in->graph, bound);
}

static bool copy_attrs(inliner *in, const leat_node *node, leat_attr *attrs,
                       int64_t dims[LEAT_MAX_ATTRS][LEAT_MAX_RANK]) {
  leat_attr_def defs[LEAT_MAX_ATTRS];
  leat__op_attrs(node->op, defs);
  bool mints = node->op == LEAT_OP_nonzero || node->op == LEAT_OP_reshape_dynamic;
  for (int i = 0; i < node->attr_count; i++) {
    attrs[i] = node->attrs[i];
    if (defs[i].kind == ATTR_DIM) {
      if (mints) mint(in, attrs[i].i);
      attrs[i].i = subst(in, attrs[i].i);
    } else if (defs[i].kind == ATTR_DIMS) {
      for (int64_t j = 0; j < attrs[i].count; j++) {
        if (mints) mint(in, attrs[i].ints[j]);
        dims[i][j] = subst(in, attrs[i].ints[j]);
      }
      attrs[i].ints = dims[i];
    }
  }
  return true;
}

// What stands for an operand. An argument may be any output of its node; only input nodes and what
// is swapped are replaced so.
static leat_value operand(const inliner *in, leat_value of) {
  for (int i = 0; i < in->swap.count; i++)
    if (leat_value_eq(in->swap.from[i], of)) return in->swap.to[i];
  leat_value base = in->values[of.node->id];
  return of.node->op == LEAT_OP_input ? base : (leat_value){base.node, of.index};
}

static leat_node *copy_node(inliner *in, const leat_node *node) {
  leat_attr attrs[LEAT_MAX_ATTRS];
  int64_t dims[LEAT_MAX_ATTRS][LEAT_MAX_RANK];
  copy_attrs(in, node, attrs, dims);
  leat_value few[8];
  leat_value *inputs =
      node->input_count <= 8 ? few : leat__alloc(sizeof *inputs * (size_t)node->input_count);
  if (!inputs) {
    leat_builder_fail(in->b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
    return NULL;
  }
  for (int i = 0; i < node->input_count; i++) inputs[i] = operand(in, node->inputs[i]);
  leat_node *made =
      leat__build(in->b, node->op, inputs, node->input_count, attrs, node->attr_count);
  if (inputs != few) leat__free(inputs);
  return made;
}

static void copy_body(inliner *in, leat_func *func, const leat_value *inputs, leat_value *outputs) {
  for (int i = 0; i < func->node_count; i++) {
    const leat_node *node = func->nodes[i];
    if (node->op == LEAT_OP_input)
      in->values[i] = inputs[node->attrs[0].i];
    else {
      if (node->scope) leat_builder_scope(in->b, node->scope);
      in->values[i] = (leat_value){copy_node(in, node), 0};
    }
    if (!leat_builder_ok(in->b)) return;
  }
  for (int i = 0; i < func->output_count; i++) outputs[i] = operand(in, func->outputs[i]);
}

static leat_status bind(inliner *in, leat_func *func, const leat_value *inputs, int count,
                        leat_error *err) {
  leat_type *types = leat__calloc((size_t)count + 1, sizeof *types);
  if (!types) return leat__oom(err, sizeof *types);
  for (int i = 0; i < count; i++) types[i] = leat_value_type(inputs[i]);
  leat_status status = leat__bind_symbols(in->graph, func, types, count, in->map, in->known, err);
  leat__free(types);
  return status;
}

void leat__inline(leat_builder *b, leat_func *func, const leat_value *inputs, int input_count,
                  leat_value *outputs) {
  for (int i = 0; i < func->output_count; i++) outputs[i] = (leat_value){0};
  if (!leat_builder_ok(b)) return;
  size_t slots = leat__dim_count(func->graph);
  inliner in = {.b = b, .graph = func->graph, .slots = slots};
  in.map = leat__calloc(slots + 1, sizeof *in.map);
  in.known = leat__calloc(slots + 1, sizeof *in.known);
  in.values = leat__calloc((size_t)func->node_count + 1, sizeof *in.values);
  leat_error err = {0};
  leat_status status = in.map && in.known && in.values ? bind(&in, func, inputs, input_count, &err)
                                                       : leat__oom(&err, slots);
  if (status)
    leat_builder_fail(b, status, "%s", err.message);
  else
    copy_body(&in, func, inputs, outputs);
  leat__free(in.map);
  leat__free(in.known);
  leat__free(in.values);
}

// Marks the nodes that `value` needs to be copied.
static void need(const inliner *in, leat_value value, bool *needed) {
  for (int i = 0; i < in->swap.count; i++)
    if (leat_value_eq(in->swap.from[i], value)) return;
  needed[value.node->id] = true;
}

static void copy_part(inliner *in, leat_func *func, const leat_value *wanted, int count,
                      bool effects, bool *needed) {
  for (int i = 0; i < count; i++) need(in, wanted[i], needed);
  for (int i = 0; effects && i < func->node_count; i++)
    needed[i] |= leat__ops[func->nodes[i]->op].effect == EFFECT_effect;
  for (int i = func->node_count - 1; i >= 0; i--)
    for (int k = 0; needed[i] && k < func->nodes[i]->input_count; k++)
      need(in, func->nodes[i]->inputs[k], needed);
  for (int i = 0; i < func->node_count && leat_builder_ok(in->b); i++) {
    if (!needed[i]) continue;
    leat_builder_scope(in->b, func->nodes[i]->scope);
    in->values[i] = (leat_value){copy_node(in, func->nodes[i]), 0};
  }
}

void leat__inline_part(leat_builder *b, leat_func *func, const leat_value_swap *swap,
                       const leat_value *wanted, int count, bool effects, leat_value *outputs) {
  for (int i = 0; i < count; i++) outputs[i] = (leat_value){0};
  if (!leat_builder_ok(b)) return;
  inliner in = {.b = b, .graph = func->graph, .swap = *swap, .slots = leat__dim_count(func->graph)};
  in.map = leat__calloc(in.slots + 1, sizeof *in.map);
  in.known = leat__calloc(in.slots + 1, sizeof *in.known);
  in.values = leat__calloc((size_t)func->node_count + 1, sizeof *in.values);
  bool *needed = leat__calloc((size_t)func->node_count + 1, sizeof *needed);
  if (in.map && in.known && in.values && needed)
    copy_part(&in, func, wanted, count, effects, needed);
  else
    leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
  for (int i = 0; i < count && leat_builder_ok(b); i++) outputs[i] = operand(&in, wanted[i]);
  leat__free(in.map);
  leat__free(in.known);
  leat__free(in.values);
  leat__free(needed);
}
