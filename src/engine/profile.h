// Where the time of a function's runs goes: by group of the native code, or by node.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_PROFILE_H
#define LEAT_ENGINE_PROFILE_H

#include "base/clock.h"
#include "engine/lower.h"
#include "leat/engine.h"

// One group of the native code, or one node that the interpreter runs.
typedef struct leat_profile_row {
  const leat_node *node;  // what the row is named after
  const char *kind;       // dot, elem, reduce, concat, host, node
  int nodes;              // that it computes
  int64_t calls, ns;
  double flops, bytes;  // of all calls; arithmetic counts one an element and node, whatever it is
} leat_profile_row;

typedef struct leat_profile_event {
  int row;
  int64_t start, ns;  // start: monotonic clock
} leat_profile_event;

typedef struct leat_profile {
  LEAT_VEC(leat_profile_row) rows;
  LEAT_VEC(leat_profile_event) events;  // of the first runs, until there are EVENTS
  bool lost;                            // memory ran out: rows or events are missing
} leat_profile;

enum { LEAT_PROFILE_EVENTS = 4000 };

// What leat_exec_options.profile collected; NULL: nothing was asked for.
const leat_profile *leat__exec_profile(const leat_exec *exec);

void leat__profile_deinit(leat_profile *p);
// A call that took `ns` and did what `cost` says.
void leat__profile_add(leat_profile *p, int row, int64_t start, int64_t ns,
                       const leat_profile_row *cost);

// Arithmetic and memory traffic of a group and of a node alone, sizes by env.
void leat__group_cost(const leat_lower *lower, const leat_group *group, const int64_t *env,
                      leat_profile_row *row);
void leat__node_cost(const leat_node *node, const int64_t *env, leat_profile_row *row);

#endif
