// Cutting a function in two: what needs its arguments alone, and the rest.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"

#include <stdio.h>

enum { ALONE = 1, AHEAD = 2 };  // depends on arguments alone; runs ahead

static bool is_source(const leat_node *node) {
  return node->op == LEAT_OP_input || node->op == LEAT_OP_const;
}

// Functions within functions stay where they are.
static bool can_be_ahead(const leat_node *node) {
  leat_attr_def defs[LEAT_MAX_ATTRS];
  int count = leat__op_attrs(node->op, defs);
  for (int i = 0; i < count; i++)
    if (defs[i].kind == ATTR_FUNC) return false;
  return leat__ops[node->op].effect == EFFECT_pure && node->op != LEAT_OP_custom_call;
}

static bool has_operand(const leat_node *node, const char *marks, int mark) {
  for (int i = 0; i < node->input_count; i++)
    if (marks[node->inputs[i].node->id] & mark) return true;
  return false;
}

static bool all_operands(const leat_node *node, const char *marks, int mark) {
  for (int i = 0; i < node->input_count; i++)
    if (!(marks[node->inputs[i].node->id] & mark)) return false;
  return true;
}

// Host calls, what they need, and what is made of their results as long as it is no float: those
// are computed faster beside their uses.
static void mark(const leat_func *func, char *marks) {
  for (int i = 0; i < func->node_count; i++) {
    const leat_node *node = func->nodes[i];
    if (!can_be_ahead(node) || !all_operands(node, marks, ALONE)) continue;
    marks[i] = ALONE;
    bool follows = has_operand(node, marks, AHEAD);
    for (int k = 0; k < node->output_count; k++)
      follows &= !leat_dtype_is_float(node->types[k].dtype);
    if (node->op == LEAT_OP_host_call || follows) marks[i] |= AHEAD;
  }
  for (int i = func->node_count - 1; i >= 0; i--)
    for (int k = 0; marks[i] & AHEAD && k < func->nodes[i]->input_count; k++) {
      const leat_node *from = func->nodes[i]->inputs[k].node;
      if (!is_source(from)) marks[from->id] |= AHEAD;
    }
}

typedef struct cut {
  leat_value *from, *to;  // arguments, then what front hands over
  int inputs, count;
} cut;

static void hand_over(cut *c, const char *marks, leat_value value) {
  if (!(marks[value.node->id] & AHEAD)) return;
  for (int i = c->inputs; i < c->count; i++)
    if (leat_value_eq(c->from[i], value)) return;
  c->from[c->count++] = value;
}

static void find_handed(const leat_func *func, const char *marks, cut *c) {
  for (int i = 0; i < func->input_count; i++) c->from[c->count++] = leat__out(func->inputs[i], 0);
  c->inputs = c->count;
  for (int i = 0; i < func->node_count; i++)
    for (int k = 0; !(marks[i] & AHEAD) && k < func->nodes[i]->input_count; k++)
      hand_over(c, marks, func->nodes[i]->inputs[k]);
  for (int i = 0; i < func->output_count; i++) hand_over(c, marks, func->outputs[i]);
}

static void take_inputs(leat_builder *b, const leat_func *func, cut *c, int count) {
  char name[32];
  for (int i = 0; i < count; i++) {
    snprintf(name, sizeof name, "ahead%d", i - c->inputs);
    c->to[i] =
        leat_input(b, i < c->inputs ? func->input_names[i] : name, leat_value_type(c->from[i]));
  }
}

// The part that runs ahead, whose outputs are what is handed over, or the rest.
static leat_status build_part(leat_func *func, const char *name, bool ahead, cut *c,
                              leat_func **out, leat_error *err) {
  leat_builder *b = leat_builder_new(func->graph, name);
  int inputs = ahead ? c->inputs : c->count;
  int outputs = ahead ? c->count - c->inputs : func->output_count;
  leat_value *made = leat__calloc((size_t)outputs + 1, sizeof *made);
  if (b && made) {
    take_inputs(b, func, c, inputs);
    leat__inline_part(b, func, &(leat_value_swap){c->from, c->to, inputs},
                      ahead ? c->from + c->inputs : func->outputs, outputs, !ahead, made);
    for (int i = 0; i < outputs; i++) {
      char text[32];
      snprintf(text, sizeof text, "ahead%d", i);
      leat_output(b, ahead ? text : func->output_names[i], made[i]);
    }
  } else if (b) {
    leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
  }
  leat__free(made);
  return leat_builder_finish(b, out, err);
}

leat_status leat_func_cut(leat_func *func, const char *front_name, const char *rest_name,
                          leat_func **front, leat_func **rest, leat_error *err) {
  size_t values = (size_t)func->input_count + 1;
  for (int i = 0; i < func->node_count; i++) values += (size_t)func->nodes[i]->output_count;
  char *marks = leat__calloc((size_t)func->node_count + 1, 1);
  cut c = {.from = leat__calloc(values, sizeof(leat_value)),
           .to = leat__calloc(values, sizeof(leat_value))};
  leat_status status = marks && c.from && c.to ? LEAT_OK : leat__oom(err, values);
  *front = *rest = NULL;
  if (!status) mark(func, marks), find_handed(func, marks, &c);
  if (!status && c.count > c.inputs) {
    status = build_part(func, front_name, true, &c, front, err);
    if (!status) status = build_part(func, rest_name, false, &c, rest, err);
  }
  leat__free(marks);
  leat__free(c.from);
  leat__free(c.to);
  return status;
}
