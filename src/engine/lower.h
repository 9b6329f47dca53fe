// Lowering: a function as a list of groups, each one loop nest of printed C or one interpreted
// node. SPDX-License-Identifier: Apache-2.0
//
//   leat_func --fuse--> groups --print_c--> C text --build--> object --native--> run
//
// Every node has a role. GIVEN and STORED values have memory, an ALIAS is another shape of the
// memory of its operand, a VIRTUAL one exists only as an expression inside the loops of its users,
// a HOST node is run by the interpreter and its results have memory.
#ifndef LEAT_ENGINE_LOWER_H
#define LEAT_ENGINE_LOWER_H

#include "graph/graph_impl.h"

typedef enum leat_role { ROLE_HOST, ROLE_GIVEN, ROLE_VIRTUAL, ROLE_STORED, ROLE_ALIAS } leat_role;
typedef enum leat_group_kind {
  GROUP_HOST,    // one node for the interpreter
  GROUP_ELEM,    // element-wise over one shape
  GROUP_REDUCE,  // a reduction with what is computed on the way in
  GROUP_DOT,     // a dot with what is computed on the way out
  GROUP_CONCAT,  // each operand's loops write their part
} leat_group_kind;

enum { LEAT_GROUP_ROOTS = 12 };

typedef struct leat_group {
  leat_group_kind kind;
  const leat_node *anchor;  // the host node, reduction, dot or concat; NULL for element-wise
  const leat_node *roots[LEAT_GROUP_ROOTS];  // values that the loops leave in memory
  int root_count;
} leat_group;

typedef struct leat_lower_node {
  leat_role role;
  int group;     // that computes it: position in `groups`; -1 = none
  int uses;      // operands and results that name it
  bool crosses;  // read outside of printed code: by the interpreter, a variable, a result
  bool becomes;  // a variable's next value
} leat_lower_node;

typedef struct leat_touch {
  int entry, slot;  // the first group of a run of printed ones, what one of them reads or writes
} leat_touch;

typedef struct leat_lower {
  const leat_func *func;
  leat_lower_node *nodes;  // by node id
  LEAT_VEC(leat_group) groups;
  LEAT_VEC(leat_value) slots;    // values of the pointer table
  LEAT_VEC(leat_dim) dims;       // sizes that the printed functions read
  LEAT_VEC(int) args;            // slots of the function being printed, as its text numbers them
  LEAT_VEC(leat_dim) sizes;      // and its sizes
  LEAT_VEC(leat_touch) touches;  // by entry
  bool apart;                    // every group is an entry of its own, for profiles
} leat_lower;

// Decides roles and groups.
leat_status leat__lower(leat_lower *lower, const leat_func *func, leat_error *err);
void leat__lower_deinit(leat_lower *lower);
// Whether the loops of the group that computes a variable's next value read its present one at
// their own index only, so that one may lie where the other does.
bool leat__lower_in_place(leat_lower *lower, const leat_node *next);
// The value whose memory a value lies in: aliases looked through.
leat_value leat__lower_base(const leat_lower *lower, leat_value value);
// Where an op's value in printed C comes from; false: the interpreter runs it.
bool leat__lower_native(const leat_node *node);
// Its place in the pointer table; -1: no memory for the list.
int leat__lower_slot(leat_lower *lower, leat_value value);
int leat__lower_dim(leat_lower *lower, leat_dim dim);
// The same among the arguments of the function being printed: groups that differ in slots and sizes
// alone have one text.
int leat__lower_arg(leat_lower *lower, leat_value value);
int leat__lower_size(leat_lower *lower, leat_dim dim);
leat_value leat__lower_arg_value(const leat_lower *lower, int arg);

// --- How an operand's index follows from the loops ----------------------------------------------
typedef struct leat_axis {
  int var;  // loop variable; -1 = none
  int64_t scale, offset;
} leat_axis;

typedef struct leat_index {
  int rank;
  leat_axis at[LEAT_MAX_RANK];
} leat_index;

leat_index leat__index_identity(const leat_func *func, const leat_shape *shape);
bool leat__index_eq(const leat_index *a, const leat_index *b);
// The index of operand i of a moving node (broadcast, reshape, transpose, slice, reverse) or of an
// element-wise one, given the node's.
leat_index leat__index_operand(const leat_node *node, int i, const leat_index *index);

// --- Printing and building ----------------------------------------------------------------------
// Functions `leat_run_N(void *const *v, const long long *d)`, N = first group of each run of
// printed groups; with `apart`, every printed group. Fills slots, dims and touches.
leat_status leat__print_c(leat_lower *lower, leat_buf *out, leat_error *err);

#endif
