// Strategy: what of windows and triggers may be grouped, and what it is behind a grouping.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_STRATEGY_H
#define LEAT_FLOW_STRATEGY_H

#include "base/arena.h"
#include "flow/group.h"

// "AfterWatermark(early=AfterCount(3))", the windows as "fixed windows of 10000 ms".
void leat_flow_trigger_print(const leat_flow_trigger *trigger, leat_buf *out);
void leat_flow_window_print(const leat_flow_window_fn *fn, leat_buf *out);

// Whether a window may close (so that what comes later is lost) before it is thrown away.
bool leat_flow_trigger_may_finish(const leat_flow_trigger *trigger);  // NULL: the default

// FAILED_PRECONDITION, with what to do: an unbounded collection in the global window by the default
// trigger, which would never be given out; a trigger that may finish before all has come, unless
// `unsafe` (allow_unsafe_triggers).
leat_status leat_flow_strategy_check(const leat_flow_strategy *strategy, bool bounded, bool unsafe,
                                     leat_error *err);
// FAILED_PRECONDITION: two collections that are to meet have other windows.
leat_status leat_flow_strategy_match(const leat_flow_strategy *a, const leat_flow_strategy *b,
                                     leat_error *err);

// Behind a grouping: windows are settled, and panes go on as they come. NULL: no memory.
leat_flow_strategy *leat_flow_strategy_behind(leat_arena *arena, const leat_flow_strategy *before);

#endif
