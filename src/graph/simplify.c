// Simplification: a function rebuilt with the rewrites that keep every bit.
// SPDX-License-Identifier: Apache-2.0
//
// Allowed: x*1, x/1, x-(+0), x+(-0), --x, /2^k to *2^-k when exact, compositions of transposes and
// reshapes, widening casts, broadcasts of broadcasts, a transposed dot as the exchanged one, the
// mask of a relu from its result, a scan as the one that also returns what its gradient needs;
// equal nodes merge by hash-consing and dead ones go. Forbidden: x+0, x*0, x-x, re-association, any
// change of an order.
#include "graph/graph_impl.h"
#include "leat/ops.h"

#include <math.h>
#include <stdlib.h>

// The one value of a constant (also through a broadcast), if it is a uniform float.
static bool uniform(leat_value value, double *out) {
  while (value.node->op == LEAT_OP_broadcast || value.node->op == LEAT_OP_reshape)
    value = value.node->inputs[0];
  if (value.node->op != LEAT_OP_const) return false;
  const leat_tensor *t = value.node->attrs[0].tensor;
  if (leat_tensor_count(t) != 1) return false;
  if (leat_tensor_dtype(t) == LEAT_DTYPE_F32)
    *out = (double)*(float *)leat_tensor_data(t);
  else if (leat_tensor_dtype(t) == LEAT_DTYPE_F64)
    *out = *(double *)leat_tensor_data(t);
  else
    return false;
  return true;
}

static bool is_power_of_two(double x, leat_dtype dtype) {
  int exponent;
  double most = dtype == LEAT_DTYPE_F64 ? 1000 : 120;
  return x - x == 0 && fabs(frexp(x, &exponent)) == 0.5 && abs(exponent) < most;
}

// The simpler value for a node whose operands are done, or no value to copy it as it is.
static leat_value rewrite_arithmetic(leat_builder *b, const leat_node *node, const leat_value *in) {
  double c;
  bool right = node->input_count == 2 && uniform(in[1], &c);
  switch (node->op) {
    case LEAT_OP_neg:
      return in[0].node->op == LEAT_OP_neg ? in[0].node->inputs[0] : (leat_value){0};
    case LEAT_OP_sub: return right && c == 0 && !signbit(c) ? in[0] : (leat_value){0};
    case LEAT_OP_add:
      if (right && c == 0 && signbit(c)) return in[0];
      return uniform(in[0], &c) && c == 0 && signbit(c) ? in[1] : (leat_value){0};
    case LEAT_OP_mul:
      if (right && c == 1) return in[0];
      return uniform(in[0], &c) && c == 1 ? in[1] : (leat_value){0};
    case LEAT_OP_div:
      if (right && c == 1) return in[0];
      if (right && is_power_of_two(c, node->types[0].dtype))
        return leat_mul(b, in[0], leat_const_like(b, in[0], 1 / c));
      return (leat_value){0};
    default: return (leat_value){0};
  }
}

static bool widens(leat_dtype from, leat_dtype to) {
  leat_dtype_kind a = leat_dtype_kind_of(from), z = leat_dtype_kind_of(to);
  return a == z && leat_dtype_bits(from) < leat_dtype_bits(to);
}

// The transpose of a dot is the dot with its operands exchanged: products commute, chains stay.
static leat_value rewrite_turned_dot(leat_builder *b, const leat_node *turn, const leat_node *dot) {
  int rank = turn->types[0].shape.rank,
      rhs = leat__in(dot, 1).shape.rank - (int)dot->attrs[3].count;
  if (dot->op != LEAT_OP_dot_general || dot->attrs[0].count) return (leat_value){0};
  for (int i = 0; i < rank; i++)
    if (turn->attrs[0].ints[i] != (i + rank - rhs) % rank) return (leat_value){0};
  leat_value in[] = {dot->inputs[1], dot->inputs[0]};
  leat_attr attrs[] = {dot->attrs[1], dot->attrs[0], dot->attrs[3],
                       dot->attrs[2], dot->attrs[4], dot->attrs[5]};
  return leat__build1(b, LEAT_OP_dot_general, in, 2, attrs, 6);
}

static leat_value rewrite_moves(leat_builder *b, const leat_node *node, const leat_value *in) {
  const leat_node *from = node->input_count ? in[0].node : NULL;
  int perm[LEAT_MAX_RANK], rank = node->types[0].shape.rank;
  switch (node->op) {
    case LEAT_OP_reshape:
      return from->op == LEAT_OP_reshape ? leat_reshape(b, from->inputs[0], node->types[0].shape)
                                         : (leat_value){0};
    case LEAT_OP_transpose: {
      bool same = true;
      for (int i = 0; i < rank; i++) {
        perm[i] = (int)node->attrs[0].ints[i];
        if (from->op == LEAT_OP_transpose) perm[i] = (int)from->attrs[0].ints[perm[i]];
        same &= perm[i] == i;
      }
      leat_value base = from->op == LEAT_OP_transpose ? from->inputs[0] : in[0];
      if (same) return base;
      if (from->op == LEAT_OP_dot_general) return rewrite_turned_dot(b, node, from);
      return from->op == LEAT_OP_transpose ? leat_transpose(b, base, perm) : (leat_value){0};
    }
    case LEAT_OP_cast:
      if (from->op == LEAT_OP_cast &&
          widens(leat_value_type(from->inputs[0]).dtype, from->types[0].dtype) &&
          (widens(from->types[0].dtype, node->types[0].dtype) ||
           leat_value_type(from->inputs[0]).dtype == node->types[0].dtype))
        return leat_cast(b, from->inputs[0], node->types[0].dtype);
      return (leat_value){0};
    case LEAT_OP_broadcast:
      if (from->op != LEAT_OP_broadcast) return (leat_value){0};
      for (int64_t i = 0; i < from->attrs[1].count; i++)
        perm[i] = (int)node->attrs[1].ints[from->attrs[1].ints[i]];
      return leat_broadcast(b, from->inputs[0], node->types[0].shape, perm);
    default: return (leat_value){0};
  }
}

static leat_value simpler(leat_builder *b, const leat_node *node, const leat_value *in) {
  if (node->output_count != 1 || node->input_count < 1 || node->input_count > 2)
    return (leat_value){0};
  leat_value value = rewrite_arithmetic(b, node, in);
  if (!value.node) value = rewrite_moves(b, node, in);
  leat_type type = leat_value_type(value);
  return value.node && leat_type_eq(&type, &node->types[0]) ? value : (leat_value){0};
}

static bool is_zero(leat_value value) {
  double c;
  return uniform(value, &c) && c == 0;
}

// r = select(x <= 0, 0, x), where `node` is another select by x <= 0: r <= 0 says the same, and r
// is what a network keeps for its gradient anyway.
static const leat_node *relu_beside(const leat_func *func, const leat_node *node) {
  const leat_node *mask = node->op == LEAT_OP_select ? node->inputs[0].node : NULL;
  if (!mask || mask->op != LEAT_OP_le || !is_zero(mask->inputs[1])) return NULL;
  if (leat_value_eq(node->inputs[2], mask->inputs[0])) return NULL;
  for (int i = mask->id + 1; i < node->id; i++) {
    const leat_node *relu = func->nodes[i];
    if (relu->op == LEAT_OP_select && relu->inputs[0].node == mask && is_zero(relu->inputs[1]) &&
        leat_value_eq(relu->inputs[2], mask->inputs[0]))
      return relu;
  }
  return NULL;
}

// A later scan of the same operands whose body returns what this one's does, and more.
static const leat_node *scan_beside(const leat_func *func, const leat_node *node) {
  for (int i = node->id + 1; node->op == LEAT_OP_scan && i < func->node_count; i++) {
    const leat_node *other = func->nodes[i];
    if (other->op != LEAT_OP_scan || other->attrs[0].func->extends != node->attrs[0].func) continue;
    bool same = other->input_count == node->input_count;
    for (int k = 1; same && k < node->attr_count; k++) same = other->attrs[k].i == node->attrs[k].i;
    for (int k = 0; same && k < node->input_count; k++)
      same = leat_value_eq(other->inputs[k], node->inputs[k]);
    if (same) return other;
  }
  return NULL;
}

// --- Bodies -------------------------------------------------------------------------------------
// Functions that the function calls are simplified once each; of a scan's body those rows go that
// nobody reads.
typedef struct bodies {
  const leat_func *func;  // whose nodes call them
  leat_map done[2];       // name -> body; of those that are called, and of scans
  leat_error err;
} bodies;

typedef struct body {
  leat_func *func;  // simplified
  int *kept;        // by result: its place there, -1: gone
} body;

static void bodies_deinit(bodies *all) {
  for (int k = 0; k < 2; k++) {
    for (size_t i = 0; i < all->done[k].count; i++) leat__free(all->done[k].entries[i].value.ptr);
    leat_map_deinit(&all->done[k]);
  }
}

// The scan that stands for a node: itself, or one that returns more.
static const leat_node *scan_for(const leat_func *func, const leat_node *node) {
  const leat_node *more = scan_beside(func, node);
  return more ? more : node;
}

// Marks results of scans with this body that somebody reads; all carries count.
static void mark_read(const leat_func *func, const leat_func *of, int *kept) {
  for (int i = 0; i < func->node_count + 1; i++) {
    int count = i < func->node_count ? func->nodes[i]->input_count : func->output_count;
    for (int k = 0; k < count; k++) {
      leat_value v = i < func->node_count ? func->nodes[i]->inputs[k] : func->outputs[k];
      if (v.node->op == LEAT_OP_scan && scan_for(func, v.node)->attrs[0].func == of)
        kept[v.index] = 1;
    }
  }
}

static leat_status simplify(leat_func *func, const char *name, const int *kept, leat_func **out,
                            leat_error *err);

// With `scan`, a scan's body; else any other function.
static const body *body_of(bodies *all, leat_func *func, const leat_node *scan) {
  bool made;
  leat_map_entry *entry = leat_map_insert(&all->done[scan != NULL], leat_str_of(func->name), &made);
  if (!entry) return NULL;
  if (!made) return entry->value.ptr;
  body *own = entry->value.ptr =
      leat__calloc(1, sizeof *own + sizeof(int) * (size_t)(func->output_count + 1));
  if (!own) return NULL;
  own->kept = (int *)(own + 1);
  int carries = scan ? (int)scan->attrs[1].i : func->output_count, place = 0;
  if (scan) mark_read(all->func, func, own->kept);
  for (int i = 0; i < func->output_count; i++)
    own->kept[i] = i < carries || own->kept[i] ? place++ : -1;
  return simplify(func, NULL, own->kept, &own->func, &all->err) ? NULL : own;
}

// A node that calls functions, calling the simplified ones.
static bool copy_caller(leat_builder *b, bodies *all, const leat_node *node, const leat_value *in,
                        leat_value *map) {
  leat_attr attrs[LEAT_MAX_ATTRS];
  leat_attr_def defs[LEAT_MAX_ATTRS];
  const leat_node *from = scan_for(all->func, node), *scan = node->op == LEAT_OP_scan ? from : NULL;
  const body *own = NULL;
  leat__op_attrs(node->op, defs);
  for (int i = 0; i < node->attr_count; i++) {
    attrs[i] = from->attrs[i];
    if (defs[i].kind != ATTR_FUNC) continue;
    own = body_of(all, attrs[i].func, scan);
    if (!own) return false;
    attrs[i].func = own->func;
  }
  leat_node *made = leat__build(b, node->op, in, node->input_count, attrs, node->attr_count);
  for (int k = 0; k < node->output_count; k++) {
    int place = scan ? own->kept[k] : k;
    map[k] = (leat_value){made, place < 0 ? 0 : place};
  }
  return true;
}

static bool calls(const leat_node *node) {
  switch (node->op) {
    case LEAT_OP_call:
    case LEAT_OP_cond:
    case LEAT_OP_while:
    case LEAT_OP_scan: return true;
    default: return false;  // gradients and row updates are other functions' business
  }
}

static bool copy_nodes(leat_builder *b, bodies *all, leat_func *func, leat_value *map,
                       const int *first) {
  bool good = true;
  for (int i = 0; good && i < func->node_count && leat_builder_ok(b); i++) {
    leat_node *node = func->nodes[i];
    if (node->op == LEAT_OP_input) {
      map[first[i]] = leat_input(b, func->input_names[node->attrs[0].i], node->types[0]);
      continue;
    }
    leat_value *in = leat__alloc(sizeof *in * (size_t)(node->input_count + 1));
    if (!in) return false;
    for (int k = 0; k < node->input_count; k++)
      in[k] = map[first[node->inputs[k].node->id] + node->inputs[k].index];
    leat_builder_scope(b, node->scope);
    const leat_node *relu = relu_beside(func, node);
    if (relu) {
      leat_value zero = node->inputs[0].node->inputs[1];
      in[0] = leat_le(b, map[first[relu->id]], map[first[zero.node->id] + zero.index]);
    }
    leat_value value = simpler(b, node, in);
    if (value.node)
      map[first[i]] = value;
    else if (calls(node))
      good = copy_caller(b, all, node, in, map + first[i]);
    else {
      leat_node *made =
          leat__build(b, node->op, in, node->input_count, node->attrs, node->attr_count);
      for (int k = 0; k < node->output_count; k++) map[first[i] + k] = (leat_value){made, k};
    }
    leat__free(in);
  }
  return good;
}

// kept: by result, whether it stays (>= 0); NULL: all of them.
static leat_status simplify(leat_func *func, const char *name, const int *kept, leat_func **out,
                            leat_error *err) {
  *out = NULL;
  bodies all = {.func = func};
  int *first = leat__calloc((size_t)func->node_count + 1, sizeof *first), count = 0;
  for (int i = 0; first && i < func->node_count; i++) {
    first[i] = count;
    count += func->nodes[i]->output_count;
  }
  leat_value *map = leat__calloc((size_t)count + 1, sizeof *map);
  leat_builder *b = leat_builder_new(func->graph, name);
  bool good = first && map && b && copy_nodes(b, &all, func, map, first);
  for (int i = 0; good && i < func->output_count; i++)
    if (!kept || kept[i] >= 0)
      leat_output(b, func->output_names[i],
                  map[first[func->outputs[i].node->id] + func->outputs[i].index]);
  leat__free(first);
  leat__free(map);
  bodies_deinit(&all);
  if (good) return leat_builder_finish(b, out, err);
  leat_builder_free(b);
  if (all.err.status) return *err = all.err, all.err.status;
  return leat__oom(err, (size_t)count * sizeof *map);
}

leat_status leat_func_simplify(leat_func *func, const char *name, leat_func **out,
                               leat_error *err) {
  return simplify(func, name, NULL, out, err);
}
