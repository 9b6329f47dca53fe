// The op table, and the reading of its attribute column.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"

#define GRAD_none(name) NULL
#define GRAD_zero(name) NULL
#define GRAD_rule(name) leat__grad_##name

const leat_op_row leat__ops[LEAT_OP_COUNT] = {
#define OP(name, inputs, outputs, gradient, fusion, effect, place, rows, attrs, meaning) \
  {#name,                                                                                \
   inputs,                                                                               \
   outputs,                                                                              \
   GRADIENT_##gradient,                                                                  \
   FUSION_##fusion,                                                                      \
   EFFECT_##effect,                                                                      \
   PLACE_##place,                                                                        \
   ROWS_##rows,                                                                          \
   attrs,                                                                                \
   meaning,                                                                              \
   leat__shape_##name,                                                                   \
   GRAD_##gradient(name)},
#include "graph/ops.def"
#undef OP
};

leat_op leat__op_find(leat_str name) {
  for (int i = 0; i < LEAT_OP_COUNT; i++)
    if (leat_str_eq(name, leat_str_of(leat__ops[i].name))) return (leat_op)i;
  return LEAT_OP_COUNT;
}

static leat_attr_kind kind_of(leat_str kind) {
  static const char *const names[] = {"int",  "ints", "dim",    "dims", "dtype", "str",
                                      "strs", "func", "tensor", "var",  "vars",  "float"};
  for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
    if (leat_str_eq(kind, leat_str_of(names[i]))) return (leat_attr_kind)i;
  return ATTR_CHOICE;
}

int leat__op_attrs(leat_op op, leat_attr_def defs[LEAT_MAX_ATTRS]) {
  leat_str rest = leat_str_of(leat__ops[op].attrs);
  int count = 0;
  while (rest.len && count < LEAT_MAX_ATTRS) {
    leat_str kind = leat_str_cut(&rest, ' ');
    leat_str name = leat_str_cut(&kind, ':');
    defs[count++] = (leat_attr_def){name, kind_of(kind), kind};
  }
  return count;
}

leat_str leat__choice_name(leat_str choices, int64_t index) {
  leat_str name = leat_str_cut(&choices, '|');
  while (index-- > 0) name = leat_str_cut(&choices, '|');
  return name;
}

int64_t leat__choice_index(leat_str choices, leat_str name) {
  for (int64_t i = 0; choices.len; i++)
    if (leat_str_eq(leat_str_cut(&choices, '|'), name)) return i;
  return -1;
}
