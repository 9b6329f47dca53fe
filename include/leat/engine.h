// Engine: running functions of a graph; the interpreter is the reference.
// SPDX-License-Identifier: Apache-2.0
//
// By the numerics contract (docs/NUMERICS.md) the same function, inputs and variables give the same
// bits on every machine and thread count. Every entry saves, sets and restores the floating-point
// environment of the calling thread.
#ifndef LEAT_ENGINE_H
#define LEAT_ENGINE_H

#include "leat/graph.h"

LEAT_BEGIN

// --- State: the values of a graph's variables ---------------------------------------------------
typedef struct leat_state leat_state;

LEAT_API leat_status leat_state_new(leat_state **out, leat_graph *graph, leat_error *err);
LEAT_API void leat_state_free(leat_state *state);  // NULL allowed
// Borrowed; NULL while the variable has no value.
LEAT_API leat_tensor *leat_state_get(const leat_state *state, const leat_var *var);
// Takes a reference of its own. INVALID_ARGUMENT if dtype or shape differ from the variable's.
LEAT_API leat_status leat_state_set(leat_state *state, const leat_var *var, leat_tensor *value,
                                    leat_error *err);

// --- Execution ----------------------------------------------------------------------------------
typedef struct leat_exec leat_exec;

typedef enum leat_engine {
  LEAT_ENGINE_AUTO,         // interpreter, then native code once it is worth building and built
  LEAT_ENGINE_INTERPRETER,  // one op at a time; the reference
  LEAT_ENGINE_NATIVE,       // fused loops as C, built by the system's compiler, to the same bits;
                            // leat_exec_new waits for it
} leat_engine;

typedef struct leat_exec_options {  // all zero is the default
  leat_engine engine;               // what cannot be built falls back: see leat_exec_note
  int threads;                      // 0 or 1 = the caller alone
  bool check_numerics;              // fail at the first NaN or infinity and name the node
  bool profile;                     // time each group of native code, or each node
  // A folder of native code that `leat export --aot` built, which is trusted: it runs in this
  // process. NULL: none. Must outlive the exec.
  const char *prebuilt;
  // What the print op calls; NULL drops the values.
  void (*print)(void *context, const char *message, const leat_tensor *value);
  void *context;
  int64_t calls;  // AUTO: how many are expected; many make it build at once, 0 = unknown
} leat_exec_options;

// Prepares a function. The graph must outlive it. An exec runs one call at a time; make one for
// each thread.
LEAT_API leat_status leat_exec_new(leat_exec **out, leat_func *func,
                                   const leat_exec_options *options, leat_error *err);
LEAT_API void leat_exec_free(leat_exec *exec);  // NULL allowed
// What runs the next call, and where native code was wanted and could not be had, why (""
// otherwise). The environment's LEAT_ENGINE=auto|interpreter|native overrules the option.
LEAT_API leat_engine leat_exec_engine(const leat_exec *exec);
LEAT_API const char *leat_exec_note(const leat_exec *exec);
// inputs: one tensor for each argument, borrowed. outputs: one for each result, new references.
// state may be NULL for functions without variables. Variables change only if the call succeeds.
LEAT_API leat_status leat_exec_run(leat_exec *exec, leat_state *state, leat_tensor *const *inputs,
                                   int input_count, leat_tensor **outputs, leat_error *err);

LEAT_END

#endif
