// Group: GroupByKey in memory, the general path: elements, watermark and time in, panes out.
// SPDX-License-Identifier: Apache-2.0
//
// Elements come in bundles; a trigger is asked once for each key and window that a bundle touched,
// after all of its elements. All kinds of windows and triggers; a call costs by the windows that it
// touches, whatever else is live. A group is used by one thread at a time.
#ifndef LEAT_FLOW_GROUP_H
#define LEAT_FLOW_GROUP_H

#include "flow/trigger.h"
#include "flow/window.h"
#include "leat/str.h"

typedef enum leat_flow_combiner {  // a pane's timestamp
  LEAT_FLOW_END_OF_WINDOW,         // the window's last moment
  LEAT_FLOW_EARLIEST,              // of its elements that were not late
  LEAT_FLOW_LATEST,
} leat_flow_combiner;

typedef struct leat_flow_strategy {  // zero: Beam's defaults
  leat_flow_window_fn window;
  const leat_flow_trigger *trigger;  // NULL: the default trigger; not kept
  bool accumulating;                 // a pane holds the earlier ones' values too
  int64_t lateness_ms;               // a window is kept so long behind its end, >= 0
  leat_flow_combiner combiner;
  bool settled;           // rows have their windows already: they stay, and merge no more
  bool unsafe_triggers;   // one that may finish and lose rows is not refused (strategy.h)
  bool closing_always;    // a last pane, though nothing is new
  bool on_time_nonempty;  // no on-time pane when nothing is new
} leat_flow_strategy;

typedef struct leat_flow_element {
  leat_str key, value;             // bytes; equal keys are equal bytes
  int64_t timestamp;               // ms, LEAT_FLOW_TIME_MIN to LEAT_FLOW_GLOBAL_MAX
  const leat_flow_window *window;  // that it is in; NULL: those of the window function
} leat_flow_element;

typedef struct leat_flow_output {  // views, until the function returns
  leat_str key;
  leat_flow_window window;
  const leat_str *values;  // in order of arrival; those of windows that merged, window by window
  size_t count;
  int64_t timestamp;
  leat_flow_pane pane;
} leat_flow_output;

// Another status than LEAT_OK stops the group, which then returns it.
typedef leat_status leat_flow_output_fn(void *context, const leat_flow_output *output,
                                        leat_error *err);

typedef struct leat_flow_group leat_flow_group;

typedef struct leat_flow_dropped {  // elements, counted once a window
  int64_t late;                     // their window had been thrown away
  int64_t closed;                   // its trigger had finished
} leat_flow_dropped;

// Both watermarks start at LEAT_FLOW_TIME_MIN, processing time at 0. INVALID_ARGUMENT: a window,
// trigger or lateness out of bounds.
leat_status leat_flow_group_new(const leat_flow_strategy *strategy, leat_flow_output_fn *output,
                                void *context, leat_flow_group **out, leat_error *err);
void leat_flow_group_free(leat_flow_group *group);  // NULL allowed

// After an error (no memory; one of the output function) a group may only be freed; but elements
// with a timestamp out of bounds are refused (INVALID_ARGUMENT) before anything is done.
leat_status leat_flow_group_bundle(leat_flow_group *group, const leat_flow_element *elements,
                                   size_t count, leat_error *err);
// The input watermark: no element before it is to come. It never goes back: an earlier one is
// passed over, as is an earlier time. LEAT_FLOW_TIME_MAX is the end of input.
leat_status leat_flow_group_watermark(leat_flow_group *group, int64_t to, leat_error *err);
leat_status leat_flow_group_time(leat_flow_group *group, int64_t to, leat_error *err);

// No pane with an earlier timestamp is to come, but late ones.
int64_t leat_flow_group_output_watermark(const leat_flow_group *group);
leat_flow_dropped leat_flow_group_dropped(const leat_flow_group *group);

#endif
