// Window: what an element's timestamp puts it into.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_WINDOW_H
#define LEAT_FLOW_WINDOW_H

#include "leat/error.h"
#include "leat/flow_value.h"

typedef enum leat_flow_window_kind {
  LEAT_FLOW_GLOBAL,
  LEAT_FLOW_FIXED,
  LEAT_FLOW_SLIDING,
  LEAT_FLOW_SESSIONS,  // windows of a key that overlap become one; those that touch stay apart
} leat_flow_window_kind;

typedef struct leat_flow_window_fn {  // zero: the global window
  leat_flow_window_kind kind;
  int64_t size_ms;    // of FIXED and SLIDING; SESSIONS: the gap; > 0
  int64_t period_ms;  // SLIDING: between starts, > 0 and at least size / 65,536
  int64_t offset_ms;  // FIXED, SLIDING: of the starts from 0, any
} leat_flow_window_fn;

// INVALID_ARGUMENT names the field that is out of bounds.
leat_status leat_flow_window_check(const leat_flow_window_fn *fn, leat_error *err);
// The windows of a timestamp (at most LEAT_FLOW_GLOBAL_MAX), the latest first:
//   bool more = leat_flow_window_first(fn, ts, &w);
//   for (; more; more = leat_flow_window_next(fn, ts, &w)) ...
// A sliding window whose period is longer than its size leaves timestamps without one.
bool leat_flow_window_first(const leat_flow_window_fn *fn, int64_t ts, leat_flow_window *w);
bool leat_flow_window_next(const leat_flow_window_fn *fn, int64_t ts, leat_flow_window *w);

static inline int64_t leat_flow_window_max(leat_flow_window w) { return w.end - 1; }
static inline bool leat_flow_window_eq(leat_flow_window a, leat_flow_window b) {
  return a.start == b.start && a.end == b.end;
}

#endif
