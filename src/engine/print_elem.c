// Printing expressions: one element, or one vector of elements, of a value as C.
// SPDX-License-Identifier: Apache-2.0
//
// Every value becomes a named temporary, computed once for each index it is wanted at. In vectors
// f32 is `vf` and bool the mask `vi`; anything else is printed as scalars.
#include "engine/print_elem.h"

#include <math.h>

// --- The table of ops ---------------------------------------------------------------------------
// $0, $1, $2: operands. math, prelude: a function `leat_NAME_f32(vf)` or `vf_NAME(vf)`. vector,
// real, whole: the expression for vf, for float and double, for integers, where I is the type and U
// its unsigned twin; mask: the expression for bool vectors. NULL: not printed.
typedef struct elem_row {
  const char *math, *prelude, *vector, *real, *whole, *mask;
} elem_row;

static const elem_row rows[LEAT_OP_COUNT] = {
    [LEAT_OP_neg] = {.vector = "-$0", .real = "-$0", .whole = "(I)(0 - (U)$0)"},
    [LEAT_OP_abs] = {.prelude = "abs", .whole = "(I)($0 < 0 ? 0 - (U)$0 : (U)$0)"},
    [LEAT_OP_sign] =
        {.vector = "vf_select($0 > 0.0f, vf_all(1.0f), vf_select($0 < 0.0f, vf_all(-1.0f), $0))",
         .real = "$0 > 0 ? 1 : $0 < 0 ? -1 : $0",
         .whole = "($0 > 0) - ($0 < 0)"},
    [LEAT_OP_floor] = {.prelude = "floor"},
    [LEAT_OP_ceil] = {.prelude = "ceil"},
    [LEAT_OP_round] = {.prelude = "round"},
    [LEAT_OP_trunc] = {.prelude = "trunc"},
    [LEAT_OP_sqrt] = {.prelude = "sqrt"},
    [LEAT_OP_rsqrt] = {.math = "rsqrt"},
    [LEAT_OP_exp] = {.math = "exp"},
    [LEAT_OP_expm1] = {.math = "expm1"},
    [LEAT_OP_log] = {.math = "log"},
    [LEAT_OP_log1p] = {.math = "log1p"},
    [LEAT_OP_tanh] = {.math = "tanh"},
    [LEAT_OP_sigmoid] = {.math = "sigmoid"},
    [LEAT_OP_erf] = {.math = "erf"},
    [LEAT_OP_sin] = {.math = "sin"},
    [LEAT_OP_cos] = {.math = "cos"},
    [LEAT_OP_atan] = {.math = "atan"},
    [LEAT_OP_add] = {.vector = "$0 + $1", .real = "$0 + $1", .whole = "(I)((U)$0 + (U)$1)"},
    [LEAT_OP_sub] = {.vector = "$0 - $1", .real = "$0 - $1", .whole = "(I)((U)$0 - (U)$1)"},
    [LEAT_OP_mul] = {.vector = "$0 * $1", .real = "$0 * $1", .whole = "(I)((U)$0 * (U)$1)"},
    [LEAT_OP_div] = {.vector = "$0 / $1",
                     .real = "$0 / $1",
                     .whole = "(I)($1 == 0 ? 0 : $1 == -1 ? (I)(0 - (U)$0) : $0 / $1)"},
    [LEAT_OP_pow] = {.math = "pow"},
    [LEAT_OP_max] = {.prelude = "max", .whole = "$0 > $1 ? $0 : $1"},
    [LEAT_OP_min] = {.prelude = "min", .whole = "$0 < $1 ? $0 : $1"},
    [LEAT_OP_and] = {.whole = "$0 & $1", .mask = "$0 & $1"},
    [LEAT_OP_or] = {.whole = "$0 | $1", .mask = "$0 | $1"},
    [LEAT_OP_xor] = {.whole = "$0 ^ $1", .mask = "$0 ^ $1"},
    [LEAT_OP_not] = {.whole = "~$0", .mask = "~$0"},
    [LEAT_OP_shl] = {.whole = "(I)((U)$0 << ((U)$1 & (8 * sizeof(I) - 1)))"},
    [LEAT_OP_shr] = {.whole = "$0 >> ((U)$1 & (8 * sizeof(I) - 1))"},
    [LEAT_OP_eq] = {.vector = "(vi)($0 == $1)",
                    .real = "$0 == $1",
                    .whole = "$0 == $1",
                    .mask = "~($0 ^ $1)"},
    [LEAT_OP_ne] = {.vector = "(vi)($0 != $1)",
                    .real = "$0 != $1",
                    .whole = "$0 != $1",
                    .mask = "$0 ^ $1"},
    [LEAT_OP_lt] = {.vector = "(vi)($0 < $1)", .real = "$0 < $1", .whole = "$0 < $1"},
    [LEAT_OP_le] = {.vector = "(vi)($0 <= $1)", .real = "$0 <= $1", .whole = "$0 <= $1"},
    [LEAT_OP_select] = {.vector = "vf_select($0, $1, $2)",
                        .real = "$0 ? $1 : $2",
                        .whole = "$0 ? $1 : $2",
                        .mask = "($0 & $1) | (~$0 & $2)"},
    [LEAT_OP_stop_gradient] = {.vector = "$0", .real = "$0", .whole = "$0", .mask = "$0"},
};

static leat_dtype kind_of(const leat_node *node) {  // of the operands that choose the column
  return leat__in(node, node->op == LEAT_OP_select ? 1 : 0).dtype;
}

static bool is_real(leat_dtype t) { return t == LEAT_DTYPE_F32 || t == LEAT_DTYPE_F64; }

bool leat__print_elem_knows(const leat_node *node) {
  const elem_row *row = &rows[node->op];
  if (node->op == LEAT_OP_cast || node->op == LEAT_OP_tri) return true;
  if (!node->input_count || !(row->math || row->prelude || row->real || row->whole)) return false;
  if (is_real(kind_of(node))) return row->math || row->prelude || row->real;
  // A bool is 0 or 1: arithmetic on it is not defined, its complement is another expression.
  if (kind_of(node) == LEAT_DTYPE_BOOL) return row->mask && row->whole;
  return row->whole;
}

// --- What can be vectors ------------------------------------------------------------------------
static bool is_memory(const leat_lower *l, const leat_node *node) {
  return l->nodes[node->id].role != ROLE_VIRTUAL;
}

// Neighbours in memory along `var`, or the same element for all lanes.
static bool reads_as_vector(const leat_shape *shape, const leat_index *index, int var) {
  for (int i = 0; i < index->rank; i++) {
    if (index->at[i].var != var) continue;
    if (index->at[i].scale != 1) return false;
    for (int k = i + 1; k < index->rank; k++)
      if (shape->dims[k] != 1) return false;
  }
  return true;
}

typedef struct walk {
  const leat_lower *l;
  int var, depth;
  const leat_shape *loops;  // flat: the loops' shape
} walk;

static bool vector_op(const leat_node *node) {
  const elem_row *row = &rows[node->op];
  leat_dtype kind = node->input_count ? kind_of(node) : LEAT_DTYPE_F32;
  switch (node->op) {
    case LEAT_OP_const:
    case LEAT_OP_broadcast:
    case LEAT_OP_reshape:
    case LEAT_OP_transpose:
    case LEAT_OP_slice:
    case LEAT_OP_reverse: return true;
    case LEAT_OP_cast:
      return kind == LEAT_DTYPE_BOOL ||
             (kind == LEAT_DTYPE_F32 && node->types[0].dtype == LEAT_DTYPE_F32);
    default: break;
  }
  if (kind == LEAT_DTYPE_F32) return row->math || row->prelude || row->vector;
  return kind == LEAT_DTYPE_BOOL && row->mask;
}

static bool no_vars(const leat_index *index) {
  for (int i = 0; i < index->rank; i++)
    if (index->at[i].var >= 0) return false;
  return true;
}

static bool vector_walk(walk *w, leat_value value, const leat_index *index, bool top) {
  const leat_node *node = value.node;
  leat_dtype t = node->types[value.index].dtype;
  if (t != LEAT_DTYPE_F32 && t != LEAT_DTYPE_BOOL) return false;
  if (!top && is_memory(w->l, node))
    return reads_as_vector(&node->types[value.index].shape, index, w->var);
  if (node->op == LEAT_OP_dot_general && top) return true;
  if (no_vars(index)) return true;  // one scalar for all lanes
  if (!vector_op(node) || w->depth > 200) return false;
  w->depth++;
  bool good = true;
  for (int i = 0; good && i < node->input_count; i++) {
    leat_index in = leat__index_operand(node, i, index);
    good = vector_walk(w, node->inputs[i], &in, false);
  }
  w->depth--;
  return good;
}

static int last_var(const leat_index *index) {
  for (int i = index->rank - 1; i >= 0; i--)
    if (index->at[i].var >= 0) return index->at[i].var;
  return -1;
}

bool leat__print_elem_is_vector(const leat_lower *l, const leat_node *root) {
  leat_index own = leat__index_identity(l->func, &root->types[0].shape);
  walk w = {.l = l, .var = last_var(&own)};
  return w.var >= 0 && vector_walk(&w, (leat_value){(leat_node *)root, 0}, &own, true);
}

bool leat__print_index_is_vector(const leat_lower *l, leat_value value, const leat_index *index,
                                 int var) {
  walk w = {.l = l, .var = var};
  return var >= 0 && vector_walk(&w, value, index, false);
}

static bool flat_walk(walk *w, leat_value value, const leat_index *index, bool top) {
  const leat_node *node = value.node;
  if (no_vars(index)) return true;
  if (!top && is_memory(w->l, node)) {
    leat_index own = leat__index_identity(w->l->func, w->loops);
    return leat_shape_eq(&node->types[value.index].shape, w->loops) && leat__index_eq(index, &own);
  }
  if (node->op == LEAT_OP_iota || node->op == LEAT_OP_tri || node->op == LEAT_OP_gather ||
      node->op == LEAT_OP_pad || w->depth > 200)
    return false;
  w->depth++;
  bool good = true;
  for (int i = 0; good && i < node->input_count; i++) {
    leat_index in = leat__index_operand(node, i, index);
    good = flat_walk(w, node->inputs[i], &in, false);
  }
  w->depth--;
  return good;
}

bool leat__print_index_is_flat(const leat_lower *l, leat_value value, const leat_index *index,
                               const leat_shape *loops) {
  walk w = {.l = l, .loops = loops};
  bool stored = is_memory(l, value.node) && l->nodes[value.node->id].role == ROLE_STORED;
  return flat_walk(&w, value, index, stored);
}

// --- Text ---------------------------------------------------------------------------------------
const char *leat__c_type(leat_dtype t) {
  switch (t) {
    case LEAT_DTYPE_F32: return "float";
    case LEAT_DTYPE_F64: return "double";
    case LEAT_DTYPE_I32: return "int";
    case LEAT_DTYPE_I64: return "long long";
    default: return "unsigned char";
  }
}

static const char *temp_type(const leat_body *b, leat_dtype t) {
  if (b->vector) return t == LEAT_DTYPE_BOOL ? "vi" : "vf";
  return leat__c_type(t);
}

void leat__print_dim_c(leat_lower *l, leat_buf *out, leat_dim dim) {
  int64_t value;
  if (leat__dim_constant(l->func->graph, dim, &value) && value <= 1)
    leat_buf_fmt(out, "%lld", (long long)value);
  else
    leat_buf_fmt(out, "d[%d]", leat__lower_size(l, dim));
}

static void print_axis(leat_buf *out, const leat_axis *a) {
  if (a->var < 0)
    leat_buf_fmt(out, "%lld", (long long)a->offset);
  else if (a->scale == 1 && !a->offset)
    leat_buf_fmt(out, "i%d", a->var);
  else if (a->scale == 1)
    leat_buf_fmt(out, "(i%d + %lld)", a->var, (long long)a->offset);
  else
    leat_buf_fmt(out, "(i%d * %lld + %lld)", a->var, (long long)a->scale, (long long)a->offset);
}

void leat__print_position(leat_body *b, leat_buf *out, const leat_shape *shape,
                          const leat_index *index) {
  if (b->flat && !no_vars(index)) {
    leat_buf_c(out, "i0");
    return;
  }
  // Horner: ((a * dim1 + b) * dim2 + c), zeros left out
  leat_buf text = {0};
  bool any = false;
  for (int i = 0; i < index->rank; i++) {
    bool zero = index->at[i].var < 0 && index->at[i].offset == 0;
    if (any && shape->dims[i] != 1) {
      leat_buf grown = {0};
      leat_buf_fmt(&grown, "(%s) * ", text.ptr);
      leat__print_dim_c(b->lower, &grown, shape->dims[i]);
      leat_buf_deinit(&text);
      text = grown;
    }
    if (zero) continue;
    if (any) leat_buf_c(&text, " + ");
    print_axis(&text, &index->at[i]);
    any = true;
  }
  leat_buf_c(out, any ? text.ptr : "0");
  leat_buf_deinit(&text);
}

static void print_number(leat_buf *out, const leat_tensor *t) {
  const void *data = leat_tensor_data(t);
  double x = leat_tensor_dtype(t) == LEAT_DTYPE_F32 ? (double)*(const float *)data : 0;
  switch (leat_tensor_dtype(t)) {
    case LEAT_DTYPE_F64: memcpy(&x, data, sizeof x); break;
    case LEAT_DTYPE_F32: break;
    case LEAT_DTYPE_I32:
      leat_buf_fmt(out, "(int)%lldLL", (long long)*(const int32_t *)data);
      return;
    case LEAT_DTYPE_I64:
      leat_buf_fmt(out, "(long long)%lluULL", (unsigned long long)*(const uint64_t *)data);
      return;
    default: leat_buf_fmt(out, "%d", *(const uint8_t *)data); return;
  }
  const char *suffix = leat_tensor_dtype(t) == LEAT_DTYPE_F32 ? "f" : "";
  if (x != x)
    leat_buf_fmt(out, "__builtin_nan%s(\"\")", suffix);
  else if (x - x != 0)
    leat_buf_fmt(out, "%s__builtin_inf%s()", x < 0 ? "-" : "", suffix);
  else
    leat_buf_fmt(out, "%a%s", x, suffix);
}

// --- Temporaries --------------------------------------------------------------------------------
void leat__body_deinit(leat_body *b) {
  leat_vec_deinit(&b->temps);
  leat_vec_deinit(&b->reads);
}

int leat__body_bind(leat_body *b, leat_value value, const leat_index *index) {
  leat_temp t = {value, *index, b->vector, b->count++};
  if (!leat_vec_push(&b->temps, t)) b->failed = true;
  return t.number;
}

static void note_read(leat_body *b, int slot) {
  for (size_t i = 0; i < b->reads.count; i++)
    if (b->reads.at[i] == slot) return;
  if (slot < 0 || !leat_vec_push(&b->reads, slot)) b->failed = true;
}

// Substitutes the operands' temporaries, I and U.
static void print_template(leat_buf *out, const char *text, const int *in, leat_dtype t) {
  const char *I = leat__c_type(t);
  const char *U = t == LEAT_DTYPE_I64   ? "unsigned long long"
                  : t == LEAT_DTYPE_I32 ? "unsigned"
                                        : "unsigned char";
  for (const char *p = text; *p; p++) {
    bool word = p > text && (p[-1] == '_' || (p[-1] >= 'a' && p[-1] <= 'z'));
    if (*p == '$')
      leat_buf_fmt(out, "t%d", in[*++p - '0']);
    else if (*p == 'I' && !word)
      leat_buf_c(out, I);
    else if (*p == 'U' && !word)
      leat_buf_c(out, U);
    else
      leat_buf_char(out, *p);
  }
}

static void print_function(leat_body *b, const leat_node *node, const int *in) {
  const elem_row *row = &rows[node->op];
  bool f64 = kind_of(node) == LEAT_DTYPE_F64;
  if (row->math)
    leat_buf_fmt(b->out, "leat_%s_%s(", row->math, f64 ? "f64" : "f32");
  else
    leat_buf_fmt(b->out, "%s_%s(", f64 ? "vd" : "vf", row->prelude);
  for (int i = 0; i < node->input_count; i++)
    leat_buf_fmt(b->out,
                 b->vector ? "%st%d"
                 : f64     ? "%svd_all(t%d)"
                           : "%svf_all(t%d)",
                 i ? ", " : "", in[i]);
  leat_buf_c(b->out, b->vector ? ")" : ")[0]");
}

static void print_cast(leat_body *b, const leat_node *node, int in) {
  leat_dtype from = leat__in(node, 0).dtype, to = node->types[0].dtype;
  if (b->vector)
    leat_buf_fmt(b->out,
                 from == LEAT_DTYPE_BOOL && to == LEAT_DTYPE_F32 ? "(vf)(t%d & 0x3f800000)" : "t%d",
                 in);
  else if (to == LEAT_DTYPE_BOOL)
    leat_buf_fmt(b->out, "t%d != 0", in);
  else if (is_real(from) && !is_real(to))
    leat_buf_fmt(b->out, "leat_to_%s((double)t%d)", to == LEAT_DTYPE_I64 ? "i64" : "i32", in);
  else
    leat_buf_fmt(b->out, "(%s)t%d", leat__c_type(to), in);
}

static void print_expression(leat_body *b, const leat_node *node, const int *in) {
  const elem_row *row = &rows[node->op];
  leat_dtype kind = kind_of(node);
  if (node->op == LEAT_OP_cast)
    print_cast(b, node, in[0]);
  else if (is_real(kind) && (row->math || row->prelude))
    print_function(b, node, in);
  else if (b->vector)
    print_template(b->out, kind == LEAT_DTYPE_BOOL ? row->mask : row->vector, in, kind);
  else if (kind == LEAT_DTYPE_BOOL && node->op == LEAT_OP_not)
    print_template(b->out, "!$0", in, kind);
  else
    print_template(b->out, is_real(kind) ? row->real : row->whole, in, kind);
}

// --- Values -------------------------------------------------------------------------------------
static void open_temp(leat_body *b, leat_dtype t, int number) {
  leat_buf_fmt(b->out, "  const %s t%d = ", temp_type(b, t), number);
}

static int bind_read(leat_body *b, leat_value value, const leat_index *index) {
  const leat_type *type = &value.node->types[value.index];
  leat_dtype t = type->dtype;
  int slot = leat__lower_arg(b->lower, value), number;
  bool repeated = no_vars(index) || b->vector;
  for (int i = 0; b->vector && i < index->rank; i++) repeated &= index->at[i].var != b->var;
  note_read(b, slot);
  number = leat__body_bind(b, value, index);
  open_temp(b, t, number);
  leat_buf position = {0};
  leat__print_position(b, &position, &type->shape, index);
  if (!b->vector)
    leat_buf_fmt(b->out, "p%d[%s];\n", slot, position.ptr);
  else if (t == LEAT_DTYPE_BOOL)
    leat_buf_fmt(b->out, repeated ? "vi_all_bool(p%d[%s]);\n" : "vi_load_bool(p%d + %s, w);\n",
                 slot, position.ptr);
  else
    leat_buf_fmt(b->out, repeated ? "vf_all(p%d[%s]);\n" : "vf_load_w(p%d + %s, w);\n", slot,
                 position.ptr);
  b->failed |= position.failed;
  leat_buf_deinit(&position);
  return number;
}

static int bind_gather(leat_body *b, const leat_node *node, const leat_index *index) {
  leat_shape from = leat__in(node, 0).shape, ids = leat__in(node, 1).shape;
  int axis = (int)node->attrs[0].i, slot = leat__lower_arg(b->lower, node->inputs[0]);
  leat_index at = {.rank = ids.rank}, where = {.rank = from.rank};
  for (int i = 0; i < ids.rank; i++) at.at[i] = index->at[axis + i];
  for (int i = 0; i < from.rank; i++)
    where.at[i] = i < axis    ? index->at[i]
                  : i == axis ? (leat_axis){-1, 1, 0}
                              : index->at[i + ids.rank - 1];
  int id = leat__body_value(b, node->inputs[1], &at),
      number = leat__body_bind(b, (leat_value){(leat_node *)node, 0}, index);
  leat_buf row = {0}, size = {0};
  // The row's position enters as a variable beyond the loops': r<number>.
  where.at[axis] = (leat_axis){1000 + number, 1, 0};
  bool was = b->flat;
  b->flat = false;
  leat__print_position(b, &row, &from, &where);
  b->flat = was;
  leat__print_dim_c(b->lower, &size, from.dims[axis]);
  note_read(b, slot);
  const char *type = leat__c_type(node->types[0].dtype);
  leat_buf_fmt(b->out, "  const long i%d = t%d < 0 ? 0 : (long)t%d >= %s ? %s - 1 : (long)t%d;\n",
               1000 + number, id, id, size.ptr, size.ptr, id);
  if (node->attrs[1].i == MODE_ZERO)
    leat_buf_fmt(b->out, "  const %s t%d = t%d >= 0 && (long)t%d < %s ? p%d[%s] : 0;\n", type,
                 number, id, id, size.ptr, slot, row.ptr);
  else
    leat_buf_fmt(b->out, "  const %s t%d = p%d[%s];\n", type, number, slot, row.ptr);
  b->failed |= row.failed;
  leat_buf_deinit(&row);
  leat_buf_deinit(&size);
  return number;
}

static int bind_pad(leat_body *b, const leat_node *node, const leat_index *index) {
  leat_shape shape = leat__in(node, 0).shape;
  leat_index nothing = {.rank = 0}, inner = *index;
  int value = leat__body_value(b, node->inputs[1], &nothing),
      number = leat__body_bind(b, (leat_value){(leat_node *)node, 0}, index);
  int slot = leat__lower_arg(b->lower, node->inputs[0]);
  note_read(b, slot);
  leat_buf test = {0}, position = {0};
  for (int i = 0; i < shape.rank; i++) {
    inner.at[i].offset -= node->attrs[0].ints[i];
    if (inner.at[i].var < 0) inner.at[i].scale = 1;
    leat_buf_c(&test, i ? " && " : "");
    print_axis(&test, &inner.at[i]);
    leat_buf_c(&test, " >= 0 && ");
    print_axis(&test, &inner.at[i]);
    leat_buf_c(&test, " < ");
    leat__print_dim_c(b->lower, &test, shape.dims[i]);
  }
  bool was = b->flat;
  b->flat = false;
  leat__print_position(b, &position, &shape, &inner);
  b->flat = was;
  leat_buf_fmt(b->out, "  const %s t%d = %s ? p%d[%s] : t%d;\n", leat__c_type(node->types[0].dtype),
               number, test.ptr ? test.ptr : "1", slot, position.ptr, value);
  b->failed |= test.failed | position.failed;
  leat_buf_deinit(&test);
  leat_buf_deinit(&position);
  return number;
}

static int bind_source(leat_body *b, const leat_node *node, const leat_index *index) {
  leat_dtype t = node->types[0].dtype;
  int number = leat__body_bind(b, (leat_value){(leat_node *)node, 0}, index);
  if (b->vector && node->op == LEAT_OP_const && t == LEAT_DTYPE_BOOL) {
    leat_buf_fmt(b->out, "  const vi t%d = vi_all_bool(%d);\n", number,
                 *(const uint8_t *)leat_tensor_data(node->attrs[0].tensor));
    return number;
  }
  open_temp(b, t, number);
  if (node->op == LEAT_OP_const) {
    leat_buf_c(b->out, b->vector ? "vf_all(" : "(");
    print_number(b->out, node->attrs[0].tensor);
  } else if (node->op == LEAT_OP_iota) {
    leat_buf_fmt(b->out, "(%s)(", leat__c_type(t));
    print_axis(b->out, &index->at[node->attrs[2].i]);
  } else if (node->op == LEAT_OP_tri) {
    leat_buf_c(b->out, "(");
    print_axis(b->out, &index->at[index->rank - 1]);
    leat_buf_c(b->out, " <= ");
    print_axis(b->out, &index->at[index->rank - 2]);
    leat_buf_fmt(b->out, " + %lld", (long long)node->attrs[1].i);
  } else {  // dim_of
    leat_buf_c(b->out, "(");
    leat__print_dim_c(b->lower, b->out, leat__in(node, 0).shape.dims[node->attrs[0].i]);
  }
  leat_buf_c(b->out, ");\n");
  return number;
}

static int temp_of(const leat_body *b, leat_value value, const leat_index *index) {
  for (size_t i = 0; i < b->temps.count; i++) {
    const leat_temp *t = &b->temps.at[i];
    if (leat_value_eq(t->value, value) && t->vector == b->vector &&
        leat__index_eq(&t->index, index))
      return t->number;
  }
  return -1;
}

// A value without loop variables is computed once, as a scalar, for all lanes.
static int bind_repeated(leat_body *b, leat_value value, const leat_index *index) {
  b->vector = false;
  int scalar = leat__body_value(b, value, index);
  b->vector = true;
  int number = leat__body_bind(b, value, index);
  bool mask = value.node->types[0].dtype == LEAT_DTYPE_BOOL;
  leat_buf_fmt(b->out,
               mask ? "  const vi t%d = vi_all_bool(t%d);\n" : "  const vf t%d = vf_all(t%d);\n",
               number, scalar);
  return number;
}

int leat__body_value(leat_body *b, leat_value value, const leat_index *index) {
  int have = temp_of(b, value, index);
  if (have >= 0) return have;
  bool scalar = b->vector && no_vars(index) && !is_memory(b->lower, value.node);
  if (scalar && value.node->op != LEAT_OP_const) return bind_repeated(b, value, index);
  return is_memory(b->lower, value.node) ? bind_read(b, value, index)
                                         : leat__body_root(b, value.node, index);
}

int leat__body_root(leat_body *b, const leat_node *node, const leat_index *index) {
  leat_value value = {(leat_node *)node, 0};
  int have = temp_of(b, value, index);
  if (have >= 0) return have;
  switch (node->op) {
    case LEAT_OP_const:
    case LEAT_OP_iota:
    case LEAT_OP_tri:
    case LEAT_OP_dim_of: return bind_source(b, node, index);
    case LEAT_OP_gather: return bind_gather(b, node, index);
    case LEAT_OP_pad: return bind_pad(b, node, index);
    default: break;
  }
  bool moves = !leat__print_elem_knows(node);
  int in[3] = {0};
  for (int i = 0; i < node->input_count; i++) {
    leat_index operand = leat__index_operand(node, i, index);
    in[i] = leat__body_value(b, node->inputs[i], &operand);
  }
  if (moves) {  // another name for the operand's element
    leat_temp t = {value, *index, b->vector, in[0]};
    if (!leat_vec_push(&b->temps, t)) b->failed = true;
    return in[0];
  }
  int number = leat__body_bind(b, (leat_value){(leat_node *)node, 0}, index);
  open_temp(b, node->types[0].dtype, number);
  print_expression(b, node, in);
  leat_buf_c(b->out, ";\n");
  return number;
}
