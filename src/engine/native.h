// Native tier: a function as printed, built and loaded C, with the interpreter for the rest.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_NATIVE_H
#define LEAT_ENGINE_NATIVE_H

#include "base/pool.h"
#include "engine/eval.h"
#include "engine/profile.h"

typedef struct leat_native leat_native;

// One run: where values live, and how the interpreter does one node.
typedef struct leat_native_frame {
  leat_tensor **values;  // by value: first[node id] + output index
  const int *first;
  leat_tensor **spares;  // by value, as of leat_call
  int64_t *env;
  leat_state *state;  // may be NULL
  leat_pool *pool;    // NULL: the caller alone
  leat_status (*host)(void *context, const leat_node *node, leat_error *err);
  void *context;
} leat_native_frame;

// Lowers, prints and looks into the cache. NOT_FOUND without a compiler, UNIMPLEMENTED when no
// group is printed; any error leaves the interpreter.
// With a profile, which must outlive it, each group is timed. prebuilt: a trusted folder of
// objects, or NULL.
leat_status leat__native_new(leat_native **out, const leat_func *func, const char *prebuilt,
                             leat_profile *profile, leat_error *err);
// Builds a function ahead into such a folder, for an instruction set. UNIMPLEMENTED when no group
// is printed.
leat_status leat__native_ahead(const leat_func *func, const char *dir, const char *isa,
                               leat_error *err);
void leat__native_free(leat_native *native);  // NULL allowed
// Builds what the cache lacks: start, then poll until ready or an error, which is final.
leat_status leat__native_start(leat_native *native, leat_error *err);
leat_status leat__native_poll(leat_native *native, bool wait, leat_error *err);
bool leat__native_ready(const leat_native *native);
// For one that is ready. Inputs are in place and symbols bound. Leaves the results in `values`;
// variables change only at the end.
leat_status leat__native_run(leat_native *native, const leat_native_frame *frame, leat_error *err);

// What the stages make of a function, for people and other compilers.
typedef enum leat_stage {
  LEAT_STAGE_FUSE,  // its groups, one a line
  LEAT_STAGE_PLAN,  // values of the arena: bytes, place, life; the arena beside the least possible
  LEAT_STAGE_C,     // the printed C
  LEAT_STAGE_UNIT,  // the same with what it includes: a file that compiles alone
} leat_stage;
// Every symbol of the function's shapes is taken as `size` (for PLAN).
leat_status leat__native_text(const leat_func *func, leat_stage stage, int64_t size, leat_buf *out,
                              leat_error *err);

#endif
