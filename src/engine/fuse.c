// Fusion: roles of a function's nodes, and groups of stored values that share one loop nest.
// SPDX-License-Identifier: Apache-2.0
//
// A value is stored when something needs its memory (a dot, a result, a variable, the interpreter)
// or when several nodes use it and it is not free to compute again. Stored values are taken in
// order; each joins the newest group among those it depends on if both have the same shape and it
// reads that group's values at its own index only. Everything it needs is then computed before it
// or beside it.
#include "engine/lower.h"

#include "engine/print_elem.h"

// --- What printed C can do ----------------------------------------------------------------------
static bool native_dtype(leat_dtype t) {
  return t == LEAT_DTYPE_F32 || t == LEAT_DTYPE_F64 || t == LEAT_DTYPE_I32 || t == LEAT_DTYPE_I64 ||
         t == LEAT_DTYPE_BOOL;
}

static bool static_dims(const int64_t *dims, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (dims[i] < 0) return false;
  return true;
}

static bool drops_ones_only(const leat_node *node) {
  leat_shape from = leat__in(node, 0).shape, to = node->types[0].shape;
  int i = 0, j = 0;
  for (;;) {
    while (i < from.rank && from.dims[i] == 1) i++;
    while (j < to.rank && to.dims[j] == 1) j++;
    if (i == from.rank || j == to.rank) return i == from.rank && j == to.rank;
    if (from.dims[i++] != to.dims[j++]) return false;
  }
}

static bool plain_dot(const leat_node *node) {
  int64_t m = node->types[0].shape.dims[0], n = node->types[0].shape.dims[1];
  return node->attrs[0].count == 0 && node->attrs[2].count == 1 &&
         leat__in(node, 0).shape.rank == 2 && leat__in(node, 1).shape.rank == 2 &&
         node->types[0].dtype == LEAT_DTYPE_F32 && leat__in(node, 0).dtype == LEAT_DTYPE_F32 &&
         (node->attrs[4].i == ORDER_LANES16 ? n > 0 && n <= 16 : true) && (m != 1 || n != 1);
}

static bool is_reduction(const leat_node *node) {
  switch (node->op) {
    case LEAT_OP_reduce_sum:
    case LEAT_OP_reduce_prod:
    case LEAT_OP_reduce_max:
    case LEAT_OP_reduce_min:
    case LEAT_OP_reduce_and:
    case LEAT_OP_reduce_or: return true;
    default: return false;
  }
}

static bool reduces(const leat_node *node) {
  bool bits = node->op == LEAT_OP_reduce_and || node->op == LEAT_OP_reduce_or;
  leat_dtype t = node->types[0].dtype;
  if (t == LEAT_DTYPE_BOOL) return bits;
  return !bits || t == LEAT_DTYPE_I32 || t == LEAT_DTYPE_I64;
}

// Clamping needs something to clamp to; an index outside of an empty axis is an error.
static bool gathers(const leat_node *node) {
  leat_shape from = leat__in(node, 0).shape;
  int64_t mode = node->attrs[1].i, axis = node->attrs[0].i;
  return mode == MODE_ZERO || (mode == MODE_CLAMP && from.dims[axis] > 0);
}

static bool no_padding_inside(const leat_node *node) {
  for (int64_t i = 0; i < node->attrs[2].count; i++)
    if (node->attrs[2].ints[i] || node->attrs[0].ints[i] < 0 || node->attrs[1].ints[i] < 0)
      return false;
  return true;
}

static bool can_move(const leat_node *node) {
  switch (node->op) {
    case LEAT_OP_broadcast:
    case LEAT_OP_transpose: return true;
    case LEAT_OP_reshape: return drops_ones_only(node);
    case LEAT_OP_slice: return static_dims(node->attrs[0].ints, node->attrs[0].count);
    case LEAT_OP_reverse: return static_dims(node->types[0].shape.dims, node->types[0].shape.rank);
    default: return false;
  }
}

bool leat__lower_native(const leat_node *node) {
  if (node->output_count != 1 || !native_dtype(node->types[0].dtype)) return false;
  for (int i = 0; i < node->input_count; i++)
    if (!native_dtype(leat__in(node, i).dtype)) return false;
  if (is_reduction(node)) return reduces(node);
  if (leat__print_elem_knows(node) || can_move(node)) return true;
  switch (node->op) {
    case LEAT_OP_const:
    case LEAT_OP_iota:
    case LEAT_OP_dim_of:
    case LEAT_OP_var_read:
    case LEAT_OP_reshape:
    case LEAT_OP_concat: return true;
    case LEAT_OP_pad: return no_padding_inside(node);
    case LEAT_OP_gather: return gathers(node);
    case LEAT_OP_dot_general: return plain_dot(node);
    default: return false;
  }
}

// --- Indices ------------------------------------------------------------------------------------
leat_index leat__index_identity(const leat_func *func, const leat_shape *shape) {
  leat_index index = {.rank = shape->rank};
  for (int i = 0; i < shape->rank; i++)
    index.at[i] = (leat_axis){shape->dims[i] == 1 ? -1 : i, 1, 0};
  return index;
}

bool leat__index_eq(const leat_index *a, const leat_index *b) {
  if (a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++) {
    const leat_axis *x = &a->at[i], *y = &b->at[i];
    if (x->var != y->var || x->offset != y->offset || (x->var >= 0 && x->scale != y->scale))
      return false;
  }
  return true;
}

static leat_axis step_of(leat_axis a, int64_t scale, int64_t offset) {
  return (leat_axis){a.var, a.scale * scale, a.offset * scale + offset};
}

static leat_index through_reshape(const leat_node *node, const leat_index *index) {
  leat_shape from = leat__in(node, 0).shape, to = node->types[0].shape;
  leat_index out = {.rank = from.rank};
  for (int i = 0, j = 0; i < from.rank; i++) {
    out.at[i] = (leat_axis){-1, 1, 0};
    if (from.dims[i] == 1) continue;
    while (to.dims[j] == 1) j++;
    out.at[i] = index->at[j++];
  }
  return out;
}

leat_index leat__index_operand(const leat_node *node, int i, const leat_index *index) {
  leat_shape from = leat__in(node, i).shape;
  leat_index out = {.rank = from.rank};
  switch (node->op) {
    case LEAT_OP_broadcast:
      for (int k = 0; k < from.rank; k++) {
        int64_t axis = node->attrs[1].ints[k];
        bool repeats = from.dims[k] == 1 && node->types[0].shape.dims[axis] != 1;
        out.at[k] = repeats ? (leat_axis){-1, 1, 0} : index->at[axis];
      }
      return out;
    case LEAT_OP_transpose:
      for (int k = 0; k < from.rank; k++) out.at[node->attrs[0].ints[k]] = index->at[k];
      return out;
    case LEAT_OP_slice:
      for (int k = 0; k < from.rank; k++)
        out.at[k] = step_of(index->at[k], node->attrs[2].ints[k], node->attrs[0].ints[k]);
      return out;
    case LEAT_OP_reverse:
      out = *index;
      for (int64_t k = 0; k < node->attrs[0].count; k++) {
        int64_t axis = node->attrs[0].ints[k];
        out.at[axis] = step_of(index->at[axis], -1, from.dims[axis] - 1);
      }
      return out;
    case LEAT_OP_reshape: return through_reshape(node, index);
    default: return *index;
  }
}

// --- Roles --------------------------------------------------------------------------------------
static leat_lower_node *of(const leat_lower *l, const leat_node *node) {
  return &l->nodes[node->id];
}

leat_value leat__lower_base(const leat_lower *l, leat_value value) {
  while (of(l, value.node)->role == ROLE_ALIAS) value = value.node->inputs[0];
  return value;
}

static bool has_memory(const leat_lower *l, const leat_node *node) {
  return of(l, node)->role != ROLE_VIRTUAL;
}

static bool moves(const leat_node *node) {
  return node->op == LEAT_OP_broadcast || node->op == LEAT_OP_reshape ||
         node->op == LEAT_OP_transpose || node->op == LEAT_OP_slice ||
         node->op == LEAT_OP_reverse || node->op == LEAT_OP_stop_gradient;
}

static bool compares(const leat_node *node) {
  return node->op == LEAT_OP_eq || node->op == LEAT_OP_ne || node->op == LEAT_OP_lt ||
         node->op == LEAT_OP_le;
}

// Costs nothing to compute again.
static bool is_cheap(const leat_lower *l, const leat_node *node) {
  const leat_node *from = node->input_count ? node->inputs[0].node : NULL;
  if (node->op == LEAT_OP_cast) return has_memory(l, from) || is_cheap(l, from);
  if (compares(node))
    return (has_memory(l, from) || is_cheap(l, from)) &&
           (has_memory(l, node->inputs[1].node) || is_cheap(l, node->inputs[1].node));
  return node->op == LEAT_OP_const || node->op == LEAT_OP_iota || node->op == LEAT_OP_tri ||
         node->op == LEAT_OP_dim_of || moves(node);
}

static bool is_uniform(const leat_node *node) {
  const leat_tensor *t = node->attrs[0].tensor;
  return leat_tensor_count(t) == 1;
}

static leat_role first_role(const leat_node *node) {
  if (node->op == LEAT_OP_input) return ROLE_GIVEN;
  if (!leat__lower_native(node)) return ROLE_HOST;
  if (node->op == LEAT_OP_var_read) return ROLE_GIVEN;
  if (node->op == LEAT_OP_const) return is_uniform(node) ? ROLE_VIRTUAL : ROLE_HOST;
  bool anchor = is_reduction(node) || node->op == LEAT_OP_dot_general || node->op == LEAT_OP_concat;
  return anchor ? ROLE_STORED : ROLE_VIRTUAL;
}

// A user that needs operand i in memory rather than as an expression.
static bool wants_memory(const leat_lower *l, const leat_node *user, int i) {
  if (of(l, user)->role == ROLE_HOST || user->op == LEAT_OP_var_next) return true;
  if (user->op == LEAT_OP_dot_general) return true;
  if (user->op == LEAT_OP_reshape) return !drops_ones_only(user);
  return (user->op == LEAT_OP_gather || user->op == LEAT_OP_pad) && i == 0;
}

static void need_memory(leat_lower *l, const leat_node *node, bool crosses) {
  leat_lower_node *n = of(l, node);
  n->crosses |= crosses;
  if (n->role == ROLE_ALIAS && crosses) {  // the interpreter makes a view of it
    n->role = ROLE_HOST;
    need_memory(l, node->inputs[0].node, true);
  }
  if (n->role != ROLE_VIRTUAL) return;
  // What has no loops, the interpreter makes.
  n->role = node->op == LEAT_OP_const ? ROLE_HOST : ROLE_STORED;
}

static void assign_roles(leat_lower *l) {
  const leat_func *f = l->func;
  for (int i = 0; i < f->node_count; i++) {
    const leat_node *node = f->nodes[i];
    l->nodes[i] = (leat_lower_node){.role = first_role(node), .group = -1};
    if (node->op == LEAT_OP_reshape && l->nodes[i].role == ROLE_VIRTUAL && !drops_ones_only(node))
      l->nodes[i].role = ROLE_ALIAS;
  }
  for (int i = 0; i < f->node_count; i++)
    for (int k = 0; k < f->nodes[i]->input_count; k++) of(l, f->nodes[i]->inputs[k].node)->uses++;
  for (int i = 0; i < f->output_count; i++) {
    of(l, f->outputs[i].node)->uses++;
    need_memory(l, f->outputs[i].node, true);
  }
  for (int i = f->node_count - 1; i >= 0; i--) {
    const leat_node *node = f->nodes[i];
    bool host = l->nodes[i].role == ROLE_HOST || node->op == LEAT_OP_var_next;
    if (node->op == LEAT_OP_var_next) of(l, node->inputs[0].node)->becomes = true;
    for (int k = 0; k < node->input_count; k++)
      if (wants_memory(l, node, k)) need_memory(l, node->inputs[k].node, host);
  }
  for (int i = f->node_count - 1; i >= 0; i--) {
    const leat_node *node = f->nodes[i];
    leat_lower_node *n = &l->nodes[i];
    if (n->role != ROLE_VIRTUAL || n->uses < 2) continue;
    if (moves(node))  // who uses what is moved, uses what it is made of
      of(l, node->inputs[0].node)->uses += n->uses - 1;
    else if (!is_cheap(l, node))
      n->role = ROLE_STORED;
  }
}

// --- Groups -------------------------------------------------------------------------------------
typedef struct search {
  leat_lower *l;
  int newest;   // group among those that the value depends on
  bool beside;  // the newest group's values are read at the value's own index only
  int depth;
} search;

// Visits what `node` at `index` reads from memory. pass 0 finds the newest group, 1 checks indices.
static void visit(search *s, const leat_node *root, const leat_node *node, const leat_index *index,
                  int pass) {
  const leat_lower_node *n = of(s->l, node);
  if (node != root && n->role != ROLE_VIRTUAL) {
    leat_value base = leat__lower_base(s->l, (leat_value){(leat_node *)node, 0});
    int group = of(s->l, base.node)->group;
    if (pass == 0 && group > s->newest) s->newest = group;
    leat_index own = leat__index_identity(s->l->func, &root->types[0].shape);
    bool same =
        n->role == ROLE_STORED && leat_shape_eq(&node->types[0].shape, &root->types[0].shape);
    if (pass == 1 && group == s->newest && (!same || !leat__index_eq(index, &own)))
      s->beside = false;
    return;
  }
  if (++s->depth > 400) {
    s->beside = false;
    s->depth--;
    return;
  }
  for (int i = 0; i < node->input_count; i++) {
    leat_index in = leat__index_operand(node, i, index);
    if ((node->op == LEAT_OP_gather || node->op == LEAT_OP_pad) && i == 0) in.rank = -1;
    visit(s, root, node->inputs[i].node, &in, pass);
  }
  s->depth--;
}

// Reads of a variable beneath a root: all at the root's own index?
static bool beside(leat_lower *l, const leat_node *root, const leat_node *node,
                   const leat_index *index, const leat_var *var, int depth) {
  leat_index own = leat__index_identity(l->func, &root->types[0].shape);
  if (node->op == LEAT_OP_var_read && node->attrs[0].var == var)
    return leat_shape_eq(&node->types[0].shape, &root->types[0].shape) &&
           leat__index_eq(index, &own);
  if (node != root && of(l, node)->role == ROLE_ALIAS)
    return !(leat__lower_base(l, (leat_value){(leat_node *)node, 0}).node->op == LEAT_OP_var_read);
  if (node != root && of(l, node)->role != ROLE_VIRTUAL) return true;
  if (depth > 400) return false;
  bool good = true;
  for (int i = 0; good && i < node->input_count; i++) {
    leat_index in = leat__index_operand(node, i, index);
    if ((node->op == LEAT_OP_gather || node->op == LEAT_OP_pad) && i == 0) in.rank = -1;
    good = beside(l, root, node->inputs[i].node, &in, var, depth + 1);
  }
  return good;
}

bool leat__lower_in_place(leat_lower *l, const leat_node *next) {
  const leat_node *made = next->inputs[0].node;
  const leat_lower_node *n = of(l, made);
  if (n->role != ROLE_STORED || n->group < 0) return false;
  const leat_group *g = &l->groups.at[n->group];
  if (g->kind != GROUP_ELEM && g->kind != GROUP_DOT) return false;
  for (int i = 0; g->anchor && i < g->anchor->input_count; i++)
    if (leat__lower_base(l, g->anchor->inputs[i]).node->op == LEAT_OP_var_read &&
        leat__lower_base(l, g->anchor->inputs[i]).node->attrs[0].var == next->attrs[0].var)
      return false;
  for (int i = 0; i < g->root_count; i++) {
    leat_index own = leat__index_identity(l->func, &g->roots[i]->types[0].shape);
    if (g->roots[i] == g->anchor) continue;
    if (!beside(l, g->roots[i], g->roots[i], &own, next->attrs[0].var, 0)) return false;
  }
  return true;
}

static bool add_group(leat_lower *l, leat_group_kind kind, const leat_node *anchor,
                      const leat_node *root) {
  leat_group g = {.kind = kind, .anchor = anchor};
  if (root) g.roots[g.root_count++] = root;
  const leat_node *made = root ? root : anchor;
  of(l, made)->group = (int)l->groups.count;
  return leat_vec_push(&l->groups, g);
}

// A dot's results come as vectors along rows; those of one column, as one vector along it.
static bool joins_dot(const leat_lower *l, const leat_node *node) {
  const leat_shape *shape = &node->types[0].shape;
  leat_index own = leat__index_identity(l->func, shape);
  return leat__print_elem_is_vector(l, node) &&
         (shape->dims[1] != 1 ||
          leat__print_index_is_flat(l, (leat_value){(leat_node *)node, 0}, &own, shape));
}

static bool place_value(leat_lower *l, const leat_node *node) {
  if (of(l, node)->role == ROLE_HOST) return add_group(l, GROUP_HOST, node, NULL);
  if (is_reduction(node)) return add_group(l, GROUP_REDUCE, node, node);
  if (node->op == LEAT_OP_concat) return add_group(l, GROUP_CONCAT, node, node);
  if (node->op == LEAT_OP_dot_general) return add_group(l, GROUP_DOT, node, node);
  search s = {.l = l, .newest = -1, .beside = true};
  leat_index own = leat__index_identity(l->func, &node->types[0].shape);
  visit(&s, node, node, &own, 0);
  s.depth = 0;
  visit(&s, node, node, &own, 1);
  leat_group *g = s.newest >= 0 ? &l->groups.at[s.newest] : NULL;
  bool joins = g && s.beside && g->root_count < LEAT_GROUP_ROOTS &&
               (g->kind == GROUP_ELEM || (g->kind == GROUP_DOT && joins_dot(l, node)));
  if (!joins) return add_group(l, GROUP_ELEM, NULL, node);
  g->roots[g->root_count++] = node;
  of(l, node)->group = s.newest;
  return true;
}

// When a node is placed. Nodes of the interpreter that hang on nothing printed come first, so that
// they do not cut the rest; then scalars that hang on nothing later (a learning rate), so that who
// uses them can join a group further down; row updates come last.
typedef enum phase { PHASE_HOST, PHASE_SCALAR, PHASE_MAIN, PHASE_LAST } phase;

static phase phase_of(const leat_lower *l, const leat_node *node, const phase *phases) {
  leat_role role = of(l, node)->role;
  phase latest = PHASE_HOST;
  if (node->op == LEAT_OP_row_update) return PHASE_LAST;
  if (leat__ops[node->op].effect == EFFECT_effect) return PHASE_MAIN;
  for (int i = 0; i < node->input_count; i++)
    if (phases[node->inputs[i].node->id] > latest) latest = phases[node->inputs[i].node->id];
  if (role == ROLE_HOST) return latest == PHASE_HOST ? PHASE_HOST : PHASE_MAIN;
  if (role != ROLE_STORED) return latest;
  return node->types[0].shape.rank == 0 && latest <= PHASE_SCALAR ? PHASE_SCALAR : PHASE_MAIN;
}

static bool make_groups(leat_lower *l) {
  const leat_func *f = l->func;
  phase *phases = leat__calloc((size_t)f->node_count + 1, sizeof *phases);
  if (!phases) return false;
  bool good = true;
  for (int i = 0; i < f->node_count; i++) phases[i] = phase_of(l, f->nodes[i], phases);
  for (int now = PHASE_HOST; now <= PHASE_LAST; now++)
    for (int i = 0; good && i < f->node_count; i++) {
      const leat_node *node = f->nodes[i];
      leat_role role = l->nodes[i].role;
      bool placed = (role == ROLE_HOST && node->op != LEAT_OP_var_next) || role == ROLE_STORED;
      if ((int)phases[i] == now && placed) good = place_value(l, node);
    }
  leat__free(phases);
  return good;
}

leat_status leat__lower(leat_lower *l, const leat_func *func, leat_error *err) {
  *l = (leat_lower){.func = func};
  l->nodes = leat__calloc((size_t)func->node_count + 1, sizeof *l->nodes);
  if (!l->nodes) return leat__oom(err, sizeof *l->nodes);
  assign_roles(l);
  if (make_groups(l)) return LEAT_OK;
  leat__lower_deinit(l);
  return leat__oom(err, sizeof(leat_group));
}

void leat__lower_deinit(leat_lower *l) {
  leat__free(l->nodes);
  leat_vec_deinit(&l->groups);
  leat_vec_deinit(&l->slots);
  leat_vec_deinit(&l->dims);
  leat_vec_deinit(&l->args);
  leat_vec_deinit(&l->sizes);
  leat_vec_deinit(&l->touches);
  *l = (leat_lower){0};
}

int leat__lower_slot(leat_lower *l, leat_value value) {
  leat_value base = leat__lower_base(l, value);
  for (size_t i = 0; i < l->slots.count; i++)
    if (leat_value_eq(l->slots.at[i], base)) return (int)i;
  return leat_vec_push(&l->slots, base) ? (int)l->slots.count - 1 : -1;
}

int leat__lower_dim(leat_lower *l, leat_dim dim) {
  for (size_t i = 0; i < l->dims.count; i++)
    if (l->dims.at[i] == dim) return (int)i;
  return leat_vec_push(&l->dims, dim) ? (int)l->dims.count - 1 : -1;
}

int leat__lower_arg(leat_lower *l, leat_value value) {
  int slot = leat__lower_slot(l, value);
  for (size_t i = 0; i < l->args.count; i++)
    if (l->args.at[i] == slot) return (int)i;
  return slot >= 0 && leat_vec_push(&l->args, slot) ? (int)l->args.count - 1 : -1;
}

int leat__lower_size(leat_lower *l, leat_dim dim) {
  for (size_t i = 0; i < l->sizes.count; i++)
    if (l->sizes.at[i] == dim) return (int)i;
  return leat_vec_push(&l->sizes, dim) ? (int)l->sizes.count - 1 : -1;
}

leat_value leat__lower_arg_value(const leat_lower *l, int arg) {
  return l->slots.at[l->args.at[arg]];
}
