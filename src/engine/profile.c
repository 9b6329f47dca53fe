// Profiles: what a group computes and moves, rows and events.
// SPDX-License-Identifier: Apache-2.0
#include "engine/profile.h"

#include <stdlib.h>

void leat__profile_deinit(leat_profile *p) {
  leat_vec_deinit(&p->rows);
  leat_vec_deinit(&p->events);
}

void leat__profile_add(leat_profile *p, int row, int64_t start, int64_t ns,
                       const leat_profile_row *cost) {
  leat_profile_row *r = &p->rows.at[row];
  r->calls++;
  r->ns += ns;
  r->nodes = cost->nodes;
  r->flops += cost->flops;
  r->bytes += cost->bytes;
  if (p->events.count < LEAT_PROFILE_EVENTS &&
      !leat_vec_push(&p->events, ((leat_profile_event){row, start, ns})))
    p->lost = true;
}

// --- Cost ---------------------------------------------------------------------------------------
static const leat_graph *graph_of(const leat_node *node) {
  return ((const leat_func *)node->owner)->graph;
}

static double elements(const leat_node *node, int output, const int64_t *env) {
  const leat_shape *shape = &node->types[output].shape;
  double count = 1;
  for (int i = 0; i < shape->rank; i++) {
    int64_t dim = leat__dim_eval(graph_of(node), shape->dims[i], env);
    count *= dim < 0 ? 0 : (double)dim;
  }
  return count;
}

static double bytes_of(leat_value value, const int64_t *env) {
  return elements(value.node, value.index, env) *
         (double)leat_dtype_bytes(value.node->types[value.index].dtype);
}

static bool is_arithmetic(const leat_node *node) {
  switch (node->op) {
    case LEAT_OP_const:
    case LEAT_OP_input:
    case LEAT_OP_iota:
    case LEAT_OP_dim_of:
    case LEAT_OP_var_read:
    case LEAT_OP_var_next:
    case LEAT_OP_broadcast:
    case LEAT_OP_reshape:
    case LEAT_OP_transpose:
    case LEAT_OP_slice:
    case LEAT_OP_reverse:
    case LEAT_OP_pad:
    case LEAT_OP_concat:
    case LEAT_OP_gather:
    case LEAT_OP_host_call:
    case LEAT_OP_stop_gradient: return false;
    default: return true;
  }
}

// Dots: two an inner product's term. All else one an element, reductions one an element read.
static double flops_of(const leat_node *node, const int64_t *env) {
  if (!is_arithmetic(node) || !node->output_count) return 0;
  double out = elements(node, 0, env);
  if (!node->input_count) return out;
  double in = elements(node->inputs[0].node, node->inputs[0].index, env);
  if (node->op == LEAT_OP_dot_general) {
    double k = 1;
    for (int i = 0; i < node->attrs[2].count; i++) {
      int64_t axis = node->attrs[2].ints[i];
      k *= (double)leat__dim_eval(graph_of(node), leat__in(node, 0).shape.dims[axis], env);
    }
    return 2 * out * k;
  }
  return in > out ? in : out;
}

void leat__node_cost(const leat_node *node, const int64_t *env, leat_profile_row *row) {
  row->flops += flops_of(node, env);
  for (int i = 0; i < node->input_count; i++) row->bytes += bytes_of(node->inputs[i], env);
  for (int i = 0; i < node->output_count; i++)
    row->bytes += bytes_of((leat_value){(leat_node *)node, i}, env);
}

typedef struct walk {
  const leat_lower *l;
  const int64_t *env;
  leat_profile_row *row;
  bool *seen;  // by node
} walk;

// Through what exists only inside the loops, to the memory that they read.
static void count_inputs(walk *w, const leat_node *node) {
  for (int i = 0; i < node->input_count; i++) {
    leat_value base = leat__lower_base(w->l, node->inputs[i]);
    if (w->seen[base.node->id]) continue;
    w->seen[base.node->id] = true;
    if (w->l->nodes[base.node->id].role == ROLE_VIRTUAL) {
      w->row->flops += flops_of(base.node, w->env);
      w->row->nodes++;
      count_inputs(w, base.node);
    } else if (base.node->op != LEAT_OP_const) {
      w->row->bytes += bytes_of(base, w->env);
    }
  }
}

void leat__group_cost(const leat_lower *lower, const leat_group *group, const int64_t *env,
                      leat_profile_row *row) {
  bool *seen = leat__calloc((size_t)lower->func->node_count + 1, sizeof *seen);
  if (!seen) return;
  walk w = {lower, env, row, seen};
  for (int i = -1; i < group->root_count; i++) {
    const leat_node *node = i < 0 ? group->anchor : group->roots[i];
    if (!node || seen[node->id]) continue;
    seen[node->id] = true;
    row->nodes++;
    row->flops += flops_of(node, env);
    if (i >= 0) row->bytes += bytes_of((leat_value){(leat_node *)node, 0}, env);
  }
  for (int i = -1; i < group->root_count; i++) {
    const leat_node *node = i < 0 ? group->anchor : group->roots[i];
    if (node) count_inputs(&w, node);
  }
  leat__free(seen);
}
