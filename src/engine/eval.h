// What the interpreter's kernels see: one call of one node.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_EVAL_H
#define LEAT_ENGINE_EVAL_H

#include "graph/graph_impl.h"
#include "leat/engine.h"
#include "tensor/tensor_impl.h"

typedef struct leat_pool leat_pool;

typedef struct leat_call {
  leat_exec *exec;
  leat_state *state;  // may be NULL
  const leat_node *node;
  leat_tensor **in;      // operands; borrowed
  uint64_t dies;         // bit i: operand i (of the first 64) is not used after this node
  leat_tensor **out;     // results to make
  leat_tensor **spares;  // by result: a large tensor of the call before, to be taken; may be NULL
  int64_t *env;          // values of the graph's symbols
  void **cache;          // a place for what the node prepares once (freed with `leat__free_cache`)
  leat_error *err;
} leat_call;

// A number that no two sets of values share: as long as it stays, every variable is the tensor that
// it was. 0: nothing was ever set.
uint64_t leat__state_version(const leat_state *state);

#define OP(name, ...) leat_status leat__eval_##name(leat_call *c);
#include "graph/ops.def"
#undef OP

// Sizes of result i, symbols resolved; fails if one is unknown or negative.
leat_status leat__call_dims(leat_call *c, int i, int64_t dims[LEAT_MAX_RANK]);
int64_t leat__call_dim(leat_call *c, leat_dim dim);
// Takes a spare tensor of that type; NULL if it is none.
leat_tensor *leat__take_spare(leat_tensor **spare, leat_dtype dtype, int rank, const int64_t *dims);
// A dense result i of its declared type, uninitialised.
leat_status leat__call_new(leat_call *c, int i);
// The same, but takes over operand `from` where it dies here, is dense, unshared and of that type.
bool leat__call_can_reuse(leat_call *c, int i, int from);
leat_status leat__call_reuse(leat_call *c, int i, int from);
// A dense version of operand i: a new reference.
leat_status leat__call_dense(leat_call *c, int i, leat_tensor **out);
leat_pool *leat__exec_pool(leat_exec *exec);  // NULL: one thread
const leat_exec_options *leat__exec_options(const leat_exec *exec);
// Runs a sub-function with its own frame. Symbols of its arguments are bound anew.
leat_status leat__call_func(leat_call *c, leat_func *func, leat_tensor *const *in, int count,
                            leat_tensor **out);

// An object that a node keeps between runs: starts with how to free it.
typedef struct leat_cache {
  void (*free)(struct leat_cache *cache);
} leat_cache;

// --- Strided iteration --------------------------------------------------------------------------
// Up to four operands over one index space, adjacent axes merged where all allow it.
enum { LEAT_MAX_OPERANDS = 4 };

typedef struct leat_loop {
  int rank, operands;
  int64_t dims[LEAT_MAX_RANK];
  int64_t strides[LEAT_MAX_OPERANDS][LEAT_MAX_RANK];  // in elements
} leat_loop;

void leat__loop_init(leat_loop *loop, int rank, const int64_t *dims, int operands,
                     const int64_t *const *strides);
// Calls fn for each run along the innermost axis: offsets of the operands, in elements.
void leat__loop_run(const leat_loop *loop, void (*fn)(void *ctx, const int64_t *offsets),
                    void *ctx);
static inline int64_t leat__loop_inner(const leat_loop *loop) {
  return loop->rank ? loop->dims[loop->rank - 1] : 1;
}
static inline int64_t leat__loop_step(const leat_loop *loop, int operand) {
  return loop->rank ? loop->strides[operand][loop->rank - 1] : 1;
}

#endif
