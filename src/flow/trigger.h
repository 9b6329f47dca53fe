// Trigger: when a pane of a key and window is given out.
// SPDX-License-Identifier: Apache-2.0
//
// A specification is a tree; compiled it is an array of nodes, a part behind its whole, and a
// window's state an array beside it. The functions on states neither allocate nor fail.
#ifndef LEAT_FLOW_TRIGGER_H
#define LEAT_FLOW_TRIGGER_H

#include "base/vec.h"
#include "leat/flow_value.h"

typedef enum leat_flow_trigger_kind {
  LEAT_FLOW_DEFAULT,          // whenever asked after the window's end
  LEAT_FLOW_ALWAYS,           // whenever asked
  LEAT_FLOW_NEVER,            // the pane comes when the window is thrown away
  LEAT_FLOW_AFTER_WATERMARK,  // parts: early, late; NULL: none
  LEAT_FLOW_AFTER_PROCESSING_TIME,
  LEAT_FLOW_AFTER_SYNCHRONIZED,  // ...processing time: at once
  LEAT_FLOW_AFTER_COUNT,         // elements of the pane
  LEAT_FLOW_REPEATEDLY,          // one part
  LEAT_FLOW_OR_FINALLY,          // main, last
  LEAT_FLOW_AFTER_ANY,           // one part or more, as the two below
  LEAT_FLOW_AFTER_ALL,
  LEAT_FLOW_AFTER_EACH,
} leat_flow_trigger_kind;

typedef struct leat_flow_trigger leat_flow_trigger;
struct leat_flow_trigger {  // zero: the default trigger
  leat_flow_trigger_kind kind;
  int64_t count;               // AFTER_COUNT: > 0
  int64_t delay_ms;            // AFTER_PROCESSING_TIME: from the pane's first element, >= 0; then
  int64_t align_ms, align_to;  // up to the next multiple of align_ms (0: none) beyond align_to
  const leat_flow_trigger *const *parts;
  size_t part_count;  // AFTER_WATERMARK: 0 or 2
};

typedef struct leat_flow_trigger_node {
  leat_flow_trigger_kind kind;
  bool late;   // AFTER_WATERMARK: with a late part
  size_t end;  // index behind its last part's last; the first part is the next node
  int64_t count, delay_ms, align_ms, align_to;
} leat_flow_trigger_node;

typedef LEAT_VEC(leat_flow_trigger_node) leat_flow_trigger_plan;

typedef struct leat_flow_trigger_state {  // of one node; zero: no element has come
  bool done, timed;
  int64_t count;   // elements of the pane
  int64_t target;  // timed: processing time (ms)
} leat_flow_trigger_state;

typedef struct leat_flow_trigger_now {
  int64_t time;  // processing time (ms)
  bool passed;   // the watermark is beyond the window's last moment
  bool merging;  // the windows are of a kind that merges
} leat_flow_trigger_now;

// INVALID_ARGUMENT names the trigger whose parts or numbers are wrong, or one nested deeper than
// 32. The plan is the caller's (leat_vec_deinit), after an error too.
leat_status leat_flow_trigger_compile(const leat_flow_trigger *trigger,
                                      leat_flow_trigger_plan *plan, leat_error *err);

// States are arrays of plan->count.
void leat_flow_trigger_element(const leat_flow_trigger_plan *plan, leat_flow_trigger_state *state,
                               const leat_flow_trigger_now *now);
bool leat_flow_trigger_ready(const leat_flow_trigger_plan *plan,
                             const leat_flow_trigger_state *state,
                             const leat_flow_trigger_now *now);
// Tells a trigger that is ready that its pane is given out; state[0].done: the window is closed.
void leat_flow_trigger_fire(const leat_flow_trigger_plan *plan, leat_flow_trigger_state *state,
                            const leat_flow_trigger_now *now);
// The state of the window that those of `from` became; `state` starts as zeros.
void leat_flow_trigger_merge(const leat_flow_trigger_plan *plan, leat_flow_trigger_state *state,
                             const leat_flow_trigger_state *const *from, size_t count,
                             const leat_flow_trigger_now *now);
// The earliest processing time, not before `time`, beyond which a node wants to be asked; false:
// none does.
bool leat_flow_trigger_next(const leat_flow_trigger_plan *plan,
                            const leat_flow_trigger_state *state, int64_t time, int64_t *target);

#endif
