// Printing C: one static function a group, one entry a run of groups.
// SPDX-License-Identifier: Apache-2.0
//
// A group's body is an inlined function of the loops' indices and, in vectors, of the lanes' number
// w; the loops around it call it with w constant but for the last piece of a line, so that the
// compiler makes a full and a partial version of one text.
#include "engine/print_elem.h"
#include "engine/vec.h"

#include <stdio.h>

typedef struct printer {
  leat_lower *l;
  leat_buf *out;
  LEAT_VEC(leat_buf) texts;  // of the functions so far
} printer;

static leat_value first_of(const leat_node *node) { return (leat_value){(leat_node *)node, 0}; }

// --- Bodies -------------------------------------------------------------------------------------
static bool is_used_outside(const printer *p, const leat_group *g, const leat_node *node) {
  const leat_func *f = p->l->func;
  if (p->l->nodes[node->id].crosses) return true;
  for (int i = node->id + 1; i < f->node_count; i++) {
    const leat_node *user = f->nodes[i];
    for (int k = 0; k < user->input_count; k++) {
      if (user->inputs[k].node != node) continue;
      const leat_lower_node *n = &p->l->nodes[user->id];
      int here = (int)(g - p->l->groups.at);
      if (n->role == ROLE_VIRTUAL || n->role == ROLE_ALIAS) {  // its users decide
        if (n->role == ROLE_ALIAS || is_used_outside(p, g, user)) return true;
      } else if (n->group != here)
        return true;
    }
  }
  return false;
}

// A variable's next value may lie where its present one does.
static const char *apart(const printer *p, leat_value value) {
  bool may_meet = value.node->op == LEAT_OP_var_read || p->l->nodes[value.node->id].becomes;
  return may_meet ? "" : "restrict ";
}

// Parameters: pointers of what is read, then of what is written, then d and the loops.
static void print_params(printer *p, const leat_body *b, const int *writes, int write_count) {
  for (size_t i = 0; i < b->reads.count; i++) {
    leat_value value = leat__lower_arg_value(p->l, b->reads.at[i]);
    leat_buf_fmt(p->out, "const %s *%sp%d, ", leat__c_type(leat_value_type(value).dtype),
                 apart(p, value), b->reads.at[i]);
  }
  for (int i = 0; i < write_count; i++) {
    leat_value value = leat__lower_arg_value(p->l, writes[i]);
    leat_buf_fmt(p->out, "%s *%sp%d, ", leat__c_type(leat_value_type(value).dtype), apart(p, value),
                 writes[i]);
  }
  leat_buf_c(p->out, "LEAT_UNUSED const long long *restrict d");
}

static void print_args(printer *p, const leat_body *b, const int *writes, int write_count) {
  for (size_t i = 0; i < b->reads.count; i++) leat_buf_fmt(p->out, "v[%d], ", b->reads.at[i]);
  for (int i = 0; i < write_count; i++) leat_buf_fmt(p->out, "v[%d], ", writes[i]);
  leat_buf_c(p->out, "d");
}

static void store_root(printer *p, leat_body *b, const leat_node *root, int temp, int slot) {
  leat_index own = leat__index_identity(p->l->func, &root->types[0].shape);
  leat_buf position = {0};
  leat__print_position(b, &position, &root->types[0].shape, &own);
  bool mask = root->types[0].dtype == LEAT_DTYPE_BOOL;
  if (!b->vector)
    leat_buf_fmt(b->out, "  p%d[%s] = t%d;\n", slot, position.ptr, temp);
  else
    leat_buf_fmt(b->out, "  %s(p%d + %s, t%d, w);\n", mask ? "vi_store_bool" : "vf_store_w", slot,
                 position.ptr, temp);
  leat_buf_deinit(&position);
}

// All roots' statements into text; slots of those that are stored into writes. Returns their
// number.
static int fill_body(printer *p, leat_body *b, const leat_group *g, int *writes) {
  int count = 0;
  for (int i = 0; i < g->root_count; i++) {
    const leat_node *root = g->roots[i];
    leat_index own = leat__index_identity(p->l->func, &root->types[0].shape);
    int temp = leat__body_root(b, root, &own);
    if (!is_used_outside(p, g, root)) continue;
    writes[count] = leat__lower_arg(p->l, first_of(root));
    store_root(p, b, root, temp, writes[count]);
    count++;
  }
  return count;
}

static void print_loop_params(printer *p, const leat_shape *shape, bool flat, bool vector) {
  for (int i = 0; !flat && i < shape->rank; i++)
    if (shape->dims[i] != 1) leat_buf_fmt(p->out, ", LEAT_UNUSED long i%d", i);
  if (flat) leat_buf_c(p->out, ", LEAT_UNUSED long i0");
  if (vector) leat_buf_c(p->out, ", LEAT_UNUSED unsigned long w");
}

static int last_loop(const leat_shape *shape) {
  for (int i = shape->rank - 1; i >= 0; i--)
    if (shape->dims[i] != 1) return i;
  return -1;
}

// --- Loops --------------------------------------------------------------------------------------
typedef struct nest {
  const leat_shape *shape;
  bool flat, vector;
  const char *call;  // "g3_body" with its pointers: the text before the loops' arguments
} nest;

static void print_size(printer *p, const nest *n, int axis) {
  if (!n->flat) {
    leat__print_dim_c(p->l, p->out, n->shape->dims[axis]);
    return;
  }
  leat_buf_c(p->out, "1");
  for (int i = 0; i < n->shape->rank; i++) {
    leat_buf_c(p->out, " * ");
    leat__print_dim_c(p->l, p->out, n->shape->dims[i]);
  }
}

static void print_call(printer *p, const nest *n, int vector_axis, const char *w) {
  leat_buf_fmt(p->out, "%s", n->call);
  for (int i = 0; !n->flat && i < n->shape->rank; i++)
    if (n->shape->dims[i] != 1) leat_buf_fmt(p->out, ", i%d", i);
  if (n->flat) leat_buf_c(p->out, ", i0");
  if (n->vector) leat_buf_fmt(p->out, ", %s", w);
  leat_buf_c(p->out, ");\n");
  (void)vector_axis;
}

static void print_nest(printer *p, const nest *n) {
  int last = n->flat ? 0 : last_loop(n->shape);
  for (int i = 0; !n->flat && i < n->shape->rank; i++) {
    if (n->shape->dims[i] == 1 || (n->vector && i == last)) continue;
    leat_buf_fmt(p->out, "  for (long i%d = 0; i%d < ", i, i);
    print_size(p, n, i);
    leat_buf_fmt(p->out, "; i%d++)", i);
    leat_buf_c(p->out, n->vector || i != last ? " {\n" : "\n    ");
  }
  if (n->flat && !n->vector) {
    leat_buf_c(p->out, "  for (long i0 = 0, n = ");
    print_size(p, n, 0);
    leat_buf_c(p->out, "; i0 < n; i0++)\n    ");
  }
  if (n->vector) {
    leat_buf_fmt(p->out, "  const long n%d = ", last);
    print_size(p, n, last);
    leat_buf_fmt(p->out,
                 ";\n  long i%d = 0;\n  for (; i%d + VF_LANES <= n%d; i%d += VF_LANES)\n    ", last,
                 last, last, last);
    print_call(p, n, last, "VF_LANES");
    leat_buf_fmt(p->out, "  if (i%d < n%d)\n    ", last, last);
    char w[48];
    snprintf(w, sizeof w, "(unsigned long)(n%d - i%d)", last, last);
    print_call(p, n, last, w);
  } else {
    if (last < 0 && !n->flat) leat_buf_c(p->out, "  ");
    print_call(p, n, last, "");
  }
  for (int i = 0; !n->flat && i < n->shape->rank; i++)
    if (n->shape->dims[i] != 1 && (n->vector ? i != last : i != last)) leat_buf_c(p->out, "  }\n");
}

// --- Element-wise groups ------------------------------------------------------------------------
static void print_elem(printer *p, const leat_group *g) {
  const leat_shape *shape = &g->roots[0]->types[0].shape;
  bool vector = true, flat = true;
  for (int i = 0; i < g->root_count; i++) {
    leat_index own = leat__index_identity(p->l->func, shape);
    leat_value value = first_of(g->roots[i]);
    vector &= leat__print_elem_is_vector(p->l, g->roots[i]);
    flat &= leat__print_index_is_flat(p->l, value, &own, shape);
  }
  leat_buf text = {0};
  leat_body b = {.lower = p->l,
                 .out = &text,
                 .vector = vector,
                 .flat = flat && shape->rank > 0,
                 .loops = shape};
  b.var = last_loop(shape);
  int writes[LEAT_GROUP_ROOTS], count = fill_body(p, &b, g, writes);
  leat_buf_c(p->out, "LEAT_INLINE void @_body(");
  print_params(p, &b, writes, count);
  print_loop_params(p, shape, b.flat, vector);
  leat_buf_fmt(p->out, ") {\n%s}\n", text.ptr ? text.ptr : "");
  leat_buf call = {0};
  leat_buf_c(&call, "@_body(");
  for (size_t i = 0; i < b.reads.count; i++) leat_buf_fmt(&call, "v[%d], ", b.reads.at[i]);
  for (int i = 0; i < count; i++) leat_buf_fmt(&call, "v[%d], ", writes[i]);
  leat_buf_c(&call, "d");
  leat_buf_c(p->out, "LEAT_GROUP(@) {\n");
  nest n = {shape, b.flat, vector, call.ptr};
  print_nest(p, &n);
  leat_buf_c(p->out, "}\n");
  if (b.failed || text.failed || call.failed) p->out->failed = true;
  leat_buf_deinit(&text);
  leat_buf_deinit(&call);
  leat__body_deinit(&b);
}

// --- Reductions ---------------------------------------------------------------------------------
static const char *const joins[] = {"LEAT_SUM", "LEAT_PROD", "LEAT_MAX", "LEAT_MIN"};

static int join_of(const leat_node *node) {
  switch (node->op) {
    case LEAT_OP_reduce_sum: return 0;
    case LEAT_OP_reduce_prod: return 1;
    case LEAT_OP_reduce_max: return 2;
    case LEAT_OP_reduce_min: return 3;
    default: return node->op == LEAT_OP_reduce_and ? 4 : 5;
  }
}

static bool is_reduced(const leat_node *node, int axis) {
  for (int64_t i = 0; i < node->attrs[0].count; i++)
    if (node->attrs[0].ints[i] == axis) return true;
  return false;
}

// The element of the operand at the loops' indices, as a function that returns it.
static void print_element(printer *p, leat_body *b, const leat_node *node) {
  const leat_type from = leat__in(node, 0);
  leat_index own = leat__index_identity(p->l->func, &from.shape);
  leat_buf text = {0};
  b->out = &text;
  int temp = leat__body_value(b, node->inputs[0], &own);
  leat_buf_fmt(p->out, "LEAT_INLINE %s @_element(", b->vector ? "vf" : leat__c_type(from.dtype));
  print_params(p, b, NULL, 0);
  print_loop_params(p, &from.shape, b->flat, b->vector);
  leat_buf_fmt(p->out, ") {\n%s  return t%d;\n}\n", text.ptr ? text.ptr : "", temp);
  if (text.failed || b->failed) p->out->failed = true;
  leat_buf_deinit(&text);
}

static void print_loops_over(printer *p, const leat_node *node, bool reduced, int except) {
  const leat_shape *shape = &node->inputs[0].node->types[node->inputs[0].index].shape;
  for (int i = 0; i < shape->rank; i++) {
    if (is_reduced(node, i) != reduced || shape->dims[i] == 1 || i == except) continue;
    leat_buf_fmt(p->out, "  for (long i%d = 0; i%d < ", i, i);
    leat__print_dim_c(p->l, p->out, shape->dims[i]);
    leat_buf_fmt(p->out, "; i%d++) {\n", i);
  }
}

static void close_loops(printer *p, const leat_node *node, int except) {
  leat_shape shape = leat__in(node, 0).shape;
  for (int i = 0; i < shape.rank; i++)
    if (!is_reduced(node, i) && shape.dims[i] != 1 && i != except) leat_buf_c(p->out, "  }\n");
}

static void print_element_call(printer *p, leat_body *b, const leat_node *node, const char *at,
                               int var, const char *w) {
  leat_shape shape = leat__in(node, 0).shape;
  leat_buf_c(p->out, "@_element(");
  print_args(p, b, NULL, 0);
  if (b->flat) leat_buf_fmt(p->out, ", %s", at ? at : "i0");
  for (int i = 0; !b->flat && i < shape.rank; i++)
    if (shape.dims[i] != 1) {
      if (i == var)
        leat_buf_fmt(p->out, ", %s", at);
      else
        leat_buf_fmt(p->out, ", i%d", i);
    }
  if (b->vector) leat_buf_fmt(p->out, ", %s", w);
  leat_buf_c(p->out, ")");
}

// Where the result goes: the output's position in terms of the operand's loops.
static void print_result(printer *p, leat_body *b, const leat_node *node) {
  leat_shape from = leat__in(node, 0).shape, to = node->types[0].shape;
  leat_index at = {.rank = to.rank};
  for (int i = 0, k = 0; i < from.rank; i++)
    if (!is_reduced(node, i)) at.at[k++] = (leat_axis){from.dims[i] == 1 ? -1 : i, 1, 0};
  bool was = b->flat;
  b->flat = false;
  leat__print_position(b, p->out, &to, &at);
  b->flat = was;
}

// Elements in order, one reducer: any axes, any type.
static void print_reduce_scalar(printer *p, leat_body *b, const leat_node *node, int slot) {
  leat_dtype t = node->types[0].dtype;
  int how = join_of(node);
  bool real = t == LEAT_DTYPE_F32 || t == LEAT_DTYPE_F64;
  const char *type = leat__c_type(t), *name = t == LEAT_DTYPE_F32 ? "f32" : "f64";
  leat_shape shape = leat__in(node, 0).shape;
  print_loops_over(p, node, false, -1);
  if (real)
    leat_buf_fmt(p->out,
                 "  leat_red_%s r;\n  r.top = 0, r.count = 0;\n  leat_red_clear_%s(&r, %s);\n",
                 name, name, joins[how]);
  else {
    const char *const least = t == LEAT_DTYPE_I32 ? "-0x7fffffff - 1" : "-0x7fffffffffffffffLL - 1";
    const char *const most = t == LEAT_DTYPE_I32 ? "0x7fffffff" : "0x7fffffffffffffffLL";
    const char *const bool_all = t == LEAT_DTYPE_BOOL ? "1" : "-1";
    const char *const start[] = {"0", "1", least, most, bool_all, "0"};
    leat_buf_fmt(p->out, "  %s r = %s;\n", type, start[how]);
  }
  print_loops_over(p, node, true, -1);
  leat_buf_fmt(p->out, "  const %s x = ", type);
  print_element_call(p, b, node, NULL, -1, "");
  leat_buf_c(p->out, ";\n");
  static const char *const whole[] = {"(unsigned long long)r + (unsigned long long)x",
                                      "(unsigned long long)r * (unsigned long long)x",
                                      "x > r ? x : r",
                                      "x < r ? x : r",
                                      "r & x",
                                      "r | x"};
  if (real)
    leat_buf_fmt(p->out, "  leat_red_add_%s(&r, %s, x);\n", name, joins[how]);
  else
    leat_buf_fmt(p->out, "  r = (%s)(%s);\n", type, whole[how]);
  for (int i = 0; i < shape.rank; i++)
    if (is_reduced(node, i) && shape.dims[i] != 1) leat_buf_c(p->out, "  }\n");
  leat_buf_fmt(p->out, "  ((%s *)v[%d])[", type, slot);
  print_result(p, b, node);
  if (real)
    leat_buf_fmt(p->out, "] = leat_red_end_%s(&r, %s);\n", name, joins[how]);
  else
    leat_buf_c(p->out, "] = r;\n");
  close_loops(p, node, -1);
}

// The last axis (or all, in one line): sixteen lanes side by side.
static void print_reduce_line(printer *p, leat_body *b, const leat_node *node, int slot) {
  const char *how = joins[join_of(node)];
  leat_shape shape = leat__in(node, 0).shape;
  int var = b->var;
  if (!b->flat) print_loops_over(p, node, false, -1);
  leat_buf_c(p->out, "  const long n = ");
  nest n = {&shape, b->flat, true, NULL};
  print_size(p, &n, var);
  leat_buf_fmt(
      p->out,
      ";\n  leat_red_f32 r;\n  r.top = 0, r.count = 0;\n"
      "  for (long from = 0; from < n; from += LEAT_BLOCK) {\n"
      "    const long to = n - from < LEAT_BLOCK ? n : from + LEAT_BLOCK;\n"
      "    vf acc[LEAT_VECS];\n"
      "    for (int k = 0; k < LEAT_VECS; k++) acc[k] = vf_all((float)leat_identity(%s));\n"
      "    long j = from;\n"
      "    for (; j + 16 <= to; j += 16)\n"
      "      for (int k = 0; k < LEAT_VECS; k++) acc[k] = leat_join_vf(%s, acc[k], ",
      how, how);
  print_element_call(p, b, node, "j + k * VF_LANES", var, "VF_LANES");
  leat_buf_fmt(
      p->out,
      ");\n    for (int k = 0; k < LEAT_VECS && j < to; k++, j += VF_LANES) {\n"
      "      const unsigned long w = to - j < VF_LANES ? (unsigned long)(to - j) : VF_LANES;\n"
      "      const vf x = ");
  print_element_call(p, b, node, "j", var, "w");
  leat_buf_fmt(
      p->out,
      ";\n      acc[k] = leat_join_vf(%s, acc[k], "
      "vf_select(vf_first(w), x, vf_all((float)leat_identity(%s))));\n    }\n"
      "    leat_red_lanes_f32(&r, %s, acc, (unsigned long)(to - from));\n  }\n  ((float *)v[%d])[",
      how, how, how, slot);
  print_result(p, b, node);
  leat_buf_fmt(p->out, "] = leat_red_end_f32(&r, %s);\n", how);
  if (!b->flat) close_loops(p, node, -1);
}

// Leading axes: columns side by side.
static void print_reduce_columns(printer *p, leat_body *b, const leat_node *node, int slot) {
  const char *how = joins[join_of(node)];
  leat_shape shape = leat__in(node, 0).shape;
  int var = b->var;
  print_loops_over(p, node, false, var);
  leat_buf_c(p->out, "  const long n = ");
  leat__print_dim_c(p->l, p->out, shape.dims[var]);
  leat_buf_fmt(
      p->out,
      ";\n  for (long i%d = 0; i%d < n; i%d += VF_LANES) {\n"
      "    const unsigned long w = n - i%d < VF_LANES ? (unsigned long)(n - i%d) : VF_LANES;\n"
      "    leat_red_vf r;\n    r.top = 0, r.count = 0;\n    leat_red_clear_vf(&r, %s);\n",
      var, var, var, var, var, how);
  print_loops_over(p, node, true, -1);
  leat_buf_fmt(p->out,
               "    const int lane = (int)(r.count++ & 15);\n    r.acc[lane] = leat_join_vf(%s, "
               "r.acc[lane], ",
               how);
  char at[16];
  snprintf(at, sizeof at, "i%d", var);
  print_element_call(p, b, node, at, var, "w");
  leat_buf_fmt(p->out, ");\n    if (r.count %% LEAT_BLOCK == 0) leat_red_block_vf(&r, %s);\n", how);
  for (int i = 0; i < shape.rank; i++)
    if (is_reduced(node, i) && shape.dims[i] != 1) leat_buf_c(p->out, "  }\n");
  leat_buf_fmt(p->out, "    vf_store_w((float *)v[%d] + ", slot);
  print_result(p, b, node);
  leat_buf_fmt(p->out, ", leat_red_end_vf(&r, %s), w);\n  }\n", how);
  close_loops(p, node, var);
}

static void print_reduce(printer *p, const leat_group *g) {
  const leat_node *node = g->anchor;
  leat_shape shape = leat__in(node, 0).shape;
  leat_index own = leat__index_identity(p->l->func, &shape);
  int last = last_loop(&shape), slot = leat__lower_arg(p->l, first_of(node)), kept = 0;
  for (int i = 0; i < shape.rank; i++) kept += !is_reduced(node, i) && shape.dims[i] != 1;
  leat_body b = {.lower = p->l, .var = last, .loops = &shape};
  b.vector = node->types[0].dtype == LEAT_DTYPE_F32 && join_of(node) < 4 &&
             leat__print_index_is_vector(p->l, node->inputs[0], &own, last);
  b.flat = b.vector && kept == 0 && leat__print_index_is_flat(p->l, node->inputs[0], &own, &shape);
  bool line = b.vector && is_reduced(node, last);
  for (int i = 0; line && !b.flat && i < shape.rank;
       i++)  // one line only: the others would cut its lanes
    if (is_reduced(node, i) && i != last && shape.dims[i] != 1) b.vector = line = false;
  print_element(p, &b, node);
  leat_buf_c(p->out, "LEAT_GROUP(@) {\n");
  if (line)
    print_reduce_line(p, &b, node, slot);
  else if (b.vector)
    print_reduce_columns(p, &b, node, slot);
  else
    print_reduce_scalar(p, &b, node, slot);
  leat_buf_c(p->out, "}\n");
  leat__body_deinit(&b);
}

// --- Concatenation ------------------------------------------------------------------------------
static void print_concat(printer *p, const leat_group *g) {
  const leat_node *node = g->anchor;
  int axis = (int)node->attrs[0].i, slot = leat__lower_arg(p->l, first_of(node));
  leat_shape to = node->types[0].shape;
  leat_buf calls = {0}, offset = {0};
  leat_buf_c(&offset, "0");
  for (int k = 0; k < node->input_count; k++) {
    leat_shape shape = leat__in(node, k).shape;
    leat_index own = leat__index_identity(p->l->func, &shape), at = own;
    leat_buf text = {0};
    leat_body b = {.lower = p->l, .out = &text, .var = last_loop(&shape), .loops = &shape};
    b.vector =
        leat__print_index_is_vector(p->l, node->inputs[k], &own, b.var) && b.var == to.rank - 1;
    int temp = leat__body_value(&b, node->inputs[k], &own);
    leat_buf position = {0};
    at.at[axis] = (leat_axis){900, 1, 0};  // a name of its own: i900 = the index in the whole
    leat__print_position(&b, &position, &to, &at);
    bool mask = node->types[0].dtype == LEAT_DTYPE_BOOL;
    leat_buf_fmt(p->out, "LEAT_INLINE void @_part%d(", k);
    print_params(p, &b, &slot, 1);
    print_loop_params(p, &shape, false, b.vector);
    leat_buf_fmt(p->out, ") {\n%s  const long i900 = ", text.ptr ? text.ptr : "");
    if (shape.dims[axis] != 1) leat_buf_fmt(p->out, "i%d + ", axis);
    leat_buf_fmt(p->out, "%s;\n", offset.ptr);
    if (b.vector)
      leat_buf_fmt(p->out, "  %s(p%d + %s, t%d, w);\n}\n", mask ? "vi_store_bool" : "vf_store_w",
                   slot, position.ptr, temp);
    else
      leat_buf_fmt(p->out, "  p%d[%s] = t%d;\n}\n", slot, position.ptr, temp);
    leat_buf call = {0};
    leat_buf_fmt(&call, "@_part%d(", k);
    for (size_t i = 0; i < b.reads.count; i++) leat_buf_fmt(&call, "v[%d], ", b.reads.at[i]);
    leat_buf_fmt(&call, "v[%d], d", slot);
    printer into = {.l = p->l, .out = &calls};
    nest n = {&shape, false, b.vector, call.ptr};
    leat_buf_c(&calls, "  {\n");
    print_nest(&into, &n);
    leat_buf_c(&calls, "  }\n");
    leat_buf_c(&offset, " + ");
    leat__print_dim_c(p->l, &offset, shape.dims[axis]);
    if (b.failed || text.failed || position.failed) p->out->failed = true;
    leat_buf_deinit(&text);
    leat_buf_deinit(&position);
    leat_buf_deinit(&call);
    leat__body_deinit(&b);
  }
  leat_buf_fmt(p->out, "LEAT_GROUP(@) {\n%s}\n", calls.ptr ? calls.ptr : "");
  leat_buf_deinit(&calls);
  leat_buf_deinit(&offset);
}

// --- Dots ---------------------------------------------------------------------------------------
// The kernels are not printed: they come with the library, or as text with what is compiled for
// elsewhere. What is printed is the epilogue, the roots beside the dot, over a part of the result.
static void print_dot_end(printer *p, leat_body *b, const int *writes, int count) {
  leat_buf_c(p->out, "LEAT_DOT_END(@_end) {\n");
  for (size_t i = 0; i < b->reads.count + (size_t)count; i++) {
    bool reads = i < b->reads.count;
    int slot = reads ? b->reads.at[i] : writes[i - b->reads.count];
    leat_dtype t = leat_value_type(leat__lower_arg_value(p->l, slot)).dtype;
    leat_buf_fmt(p->out, "  %s%s *p%d = v[%d];\n", reads ? "const " : "", leat__c_type(t), slot,
                 slot);
  }
  if (b->flat) {
    leat_buf_c(p->out,
               "  const float *t = c;\n"
               "  const long n = rows * cols, at = i * ");
    leat__print_dim_c(p->l, p->out, b->loops->dims[1]);
    leat_buf_c(p->out,
               " + j;\n"
               "  long q = 0;\n"
               "  for (; q + VF_LANES <= n; q += VF_LANES)\n");
  } else
    leat_buf_c(p->out,
               "  for (long r = 0; r < rows; r++) {\n"
               "    const float *t = (const float *)c + r * c_row;\n"
               "    long q = 0;\n"
               "    for (; q + VF_LANES <= cols; q += VF_LANES)\n");
  for (int whole = 1; whole >= 0; whole--) {
    const char *at = b->flat ? "at + q" : "i + r, j + q", *all = b->flat ? "n" : "cols";
    leat_buf_c(p->out, "      @_body(");
    for (size_t i = 0; i < b->reads.count; i++) leat_buf_fmt(p->out, "p%d, ", b->reads.at[i]);
    for (int i = 0; i < count; i++) leat_buf_fmt(p->out, "p%d, ", writes[i]);
    if (whole)
      leat_buf_fmt(p->out, "d, vf_load(t + q), %s, VF_LANES);\n    if (q < %s)\n", at, all);
    else
      leat_buf_fmt(p->out, "d, vf_load_w(t + q, %s - q), %s, %s - q);\n%s", all, at, all,
                   b->flat ? "}\n" : "  }\n}\n");
  }
}

static void print_stride(printer *p, const char *name, bool one, leat_dim dim) {
  leat_buf_fmt(p->out, ", .%s = ", name);
  if (one)
    leat_buf_c(p->out, "1");
  else
    leat__print_dim_c(p->l, p->out, dim);
}

static void print_dot_call(printer *p, const leat_node *node, bool lines) {
  leat_shape a = leat__in(node, 0).shape, b = leat__in(node, 1).shape, to = node->types[0].shape;
  int a_k = (int)node->attrs[2].ints[0], b_k = (int)node->attrs[3].ints[0];
  leat_buf_fmt(p->out,
               "LEAT_GROUP(@) {\n"
               "  leat_dot_run(v, &(const leat_dot){.a = v[%d], .b = v[%d]",
               leat__lower_arg(p->l, node->inputs[0]), leat__lower_arg(p->l, node->inputs[1]));
  print_stride(p, "a_row", a_k == 0, a.dims[1]);
  print_stride(p, "a_col", a_k == 1, a.dims[1]);
  print_stride(p, "b_row", b_k == 1, b.dims[1]);
  print_stride(p, "b_col", b_k == 0, b.dims[1]);
  print_stride(p, "m", false, to.dims[0]);
  print_stride(p, "n", false, to.dims[1]);
  print_stride(p, "k", false, a.dims[a_k]);
  leat_buf_fmt(p->out, ", .end = @_end, .v = v, .d = d, .lines = %d, .lanes16 = %d});\n}\n", lines,
               node->attrs[4].i == ORDER_LANES16);
}

static void print_dot(printer *p, const leat_group *g) {
  const leat_node *node = g->anchor;
  leat_shape to = node->types[0].shape;
  leat_buf text = {0};
  leat_body b = {.lower = p->l, .out = &text, .vector = true, .var = 1, .loops = &to};
  leat_index own = leat__index_identity(p->l->func, &to);
  b.flat = true;
  b.var = to.dims[1] == 1 ? 0 : 1;
  for (int i = 0; i < g->root_count; i++)
    b.flat &=
        g->roots[i] == node || leat__print_index_is_flat(p->l, first_of(g->roots[i]), &own, &to);
  int dot = leat__body_bind(&b, first_of(node), &own);
  int writes[LEAT_GROUP_ROOTS], count = fill_body(p, &b, g, writes);
  leat_buf_c(p->out, "LEAT_INLINE void @_body(");
  print_params(p, &b, writes, count);
  leat_buf_fmt(p->out,
               ", const vf t%d, LEAT_UNUSED long i0%s, LEAT_UNUSED unsigned long w) {\n%s}\n", dot,
               b.flat ? "" : ", LEAT_UNUSED long i1", text.ptr ? text.ptr : "");
  print_dot_end(p, &b, writes, count);
  print_dot_call(p, node, b.flat);
  if (b.failed || text.failed) p->out->failed = true;
  leat_buf_deinit(&text);
  leat__body_deinit(&b);
}

// --- The whole ----------------------------------------------------------------------------------
// A group's text names itself @, its slots v[0], v[1] ... and its sizes d[0], d[1] ...: groups of
// one text are one function.
static void print_group(printer *p, const leat_group *g) {
  p->l->args.count = p->l->sizes.count = 0;
  switch (g->kind) {
    case GROUP_HOST: break;
    case GROUP_ELEM: print_elem(p, g); break;
    case GROUP_REDUCE: print_reduce(p, g); break;
    case GROUP_CONCAT: print_concat(p, g); break;
    case GROUP_DOT: print_dot(p, g); break;
  }
}

// `@` becomes the function's name.
static void print_named(leat_buf *out, leat_str text, size_t number) {
  while (text.len) {
    const char *at = memchr(text.ptr, '@', text.len);
    size_t len = at ? (size_t)(at - text.ptr) : text.len;
    leat_buf_str(out, (leat_str){text.ptr, len});
    if (!at) return;
    leat_buf_fmt(out, "f%zu", number);
    text.ptr += len + 1, text.len -= len + 1;
  }
}

// The number of the function with this text; a new one is printed.
static size_t share(printer *p, leat_buf *text, leat_buf *out) {
  for (size_t i = 0; i < p->texts.count; i++)
    if (leat_str_eq(leat_buf_view(&p->texts.at[i]), leat_buf_view(text))) return i;
  leat_buf_c(out, "\n");
  print_named(out, leat_buf_view(text), p->texts.count);
  if (!leat_vec_push(&p->texts, *text)) {
    out->failed = true;
    return 0;
  }
  *text = (leat_buf){0};
  return p->texts.count - 1;
}

static void print_comment(printer *p, const leat_group *g) {
  const leat_node *first = g->root_count ? g->roots[0] : g->anchor;
  leat_buf_c(p->out, "  //");
  for (int i = 0; i < g->root_count; i++) {
    leat_buf_char(p->out, ' ');
    leat__print_node_name(g->roots[i], p->out);
    leat_buf_c(p->out, " : ");
    leat__print_type(p->l->func->graph, &g->roots[i]->types[0], p->out);
    leat_buf_c(p->out, i + 1 < g->root_count ? ";" : "");
  }
  if (first->scope) leat_buf_fmt(p->out, " @%s", first->scope);
  leat_buf_c(p->out, "\n");
}

// One step of an entry: a function with its slots, after those of the kernels, and its sizes.
static void print_step(printer *p, const leat_group *g, size_t function) {
  print_comment(p, g);
  leat_buf_fmt(p->out, "  f%zu((void *const[]){v[-3], v[-2], v[-1]", function);
  for (size_t i = 0; i < p->l->args.count; i++) leat_buf_fmt(p->out, ", v[%d]", p->l->args.at[i]);
  leat_buf_c(p->out, "} + 3, (const long long[]){");
  for (size_t i = 0; i < p->l->sizes.count; i++) {
    int64_t value;
    leat_buf_c(p->out, i ? ", " : "");
    if (leat__dim_constant(p->l->func->graph, p->l->sizes.at[i], &value))
      leat_buf_fmt(p->out, "%lld", (long long)value);
    else
      leat_buf_fmt(p->out, "d[%d]", leat__lower_dim(p->l, p->l->sizes.at[i]));
  }
  leat_buf_c(p->out, p->l->sizes.count ? "});\n" : "0});\n");
}

static void touch(printer *p, int entry) {
  for (size_t i = 0; i < p->l->args.count; i++)
    if (!leat_vec_push(&p->l->touches, ((leat_touch){entry, p->l->args.at[i]})))
      p->out->failed = true;
}

leat_status leat__print_c(leat_lower *l, leat_buf *out, leat_error *err) {
  leat_buf entries = {0}, text = {0};
  printer p = {.l = l};
  int entry = 0;
  for (size_t i = 0; i < l->groups.count; i++) {
    const leat_group *g = &l->groups.at[i];
    bool first = i == 0 || l->apart || g[-1].kind == GROUP_HOST;
    bool last = i + 1 == l->groups.count || l->apart || g[1].kind == GROUP_HOST;
    if (g->kind == GROUP_HOST) continue;
    leat_buf_clear(&text);
    p.out = &text;
    print_group(&p, g);
    if (text.failed) out->failed = true;
    size_t function = share(&p, &text, out);
    p.out = &entries;
    if (first) leat_buf_fmt(&entries, "\nLEAT_ENTRY(leat_run_%zu) {\n", i), entry = (int)i;
    touch(&p, entry);
    print_step(&p, g, function);
    if (last) leat_buf_c(&entries, "}\n");
  }
  leat_buf_str(out, leat_buf_view(&entries));
  if (entries.failed) out->failed = true;
  for (size_t i = 0; i < p.texts.count; i++) leat_buf_deinit(&p.texts.at[i]);
  leat_vec_deinit(&p.texts);
  leat_buf_deinit(&text);
  leat_buf_deinit(&entries);
  return leat_buf_status(out, err);
}
