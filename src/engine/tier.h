// Which engine a function runs in, and when it changes.
// SPDX-License-Identifier: Apache-2.0
//
// AUTO interprets first. Once the interpreter has run a function for a millisecond the cache is
// asked for its native code, and after 150 the compiler is started beside it (on a single CPU:
// waited for). From the next call on the native code runs, to the same bits.
#ifndef LEAT_ENGINE_TIER_H
#define LEAT_ENGINE_TIER_H

#include "engine/native.h"

typedef struct leat_tier {
  leat_engine engine;   // as asked for, by option or $LEAT_ENGINE
  leat_native *native;  // NULL: none, or none yet
  bool given_up;
  int64_t spent;          // nanoseconds in the interpreter
  leat_error note;        // why native code was given up
  const char *prebuilt;   // a trusted folder of objects, or NULL
  leat_profile *profile;  // NULL: not asked for
} leat_tier;

// NATIVE builds and waits here; when that fails the interpreter goes on with a note, but where
// LEAT_ENGINE=native demands it, it is an error.
leat_status leat__tier_init(leat_tier *tier, const leat_func *func,
                            const leat_exec_options *options, leat_error *err);
void leat__tier_deinit(leat_tier *tier);
// What runs the next call; NULL: the interpreter, which reports how long it took.
leat_native *leat__tier_choose(leat_tier *tier, const leat_func *func);
void leat__tier_spend(leat_tier *tier, int64_t nanoseconds);

#endif
