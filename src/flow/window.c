// Window: assignment by arithmetic on the timestamp.
// SPDX-License-Identifier: Apache-2.0
#include "flow/window.h"

#include <inttypes.h>

enum { MAX_WINDOWS = 1 << 16 };  // of one element

static leat_status in_bounds(const char *name, int64_t value, int64_t least, leat_error *err) {
  if (value >= least && value <= LEAT_FLOW_TIME_MAX) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "the window's %s is %" PRId64 " ms%s", name,
                        value, least > 0 ? ", expected more than 0" : ", out of bounds");
}

leat_status leat_flow_window_check(const leat_flow_window_fn *fn, leat_error *err) {
  if (fn->kind == LEAT_FLOW_GLOBAL) return LEAT_OK;
  leat_status status =
      in_bounds(fn->kind == LEAT_FLOW_SESSIONS ? "gap" : "size", fn->size_ms, 1, err);
  if (!status) status = in_bounds("offset", fn->offset_ms, LEAT_FLOW_TIME_MIN, err);
  if (status || fn->kind != LEAT_FLOW_SLIDING) return status;
  if ((status = in_bounds("period", fn->period_ms, 1, err))) return status;
  if (fn->size_ms / fn->period_ms < MAX_WINDOWS) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "a window of %" PRId64 " ms every %" PRId64
                        " ms puts each element into more than %d windows: take a longer period",
                        fn->size_ms, fn->period_ms, MAX_WINDOWS);
}

static leat_flow_window cut(int64_t start, int64_t size) {
  int64_t end = start + size;
  return (leat_flow_window){start, end > LEAT_FLOW_GLOBAL_MAX ? LEAT_FLOW_GLOBAL_MAX + 1 : end};
}

// The last start at or before ts.
static int64_t start_of(int64_t ts, int64_t period, int64_t offset) {
  int64_t past = (ts - offset) % period;
  return ts - (past < 0 ? past + period : past);
}

bool leat_flow_window_first(const leat_flow_window_fn *fn, int64_t ts, leat_flow_window *w) {
  int64_t start = ts;
  if (fn->kind == LEAT_FLOW_GLOBAL)
    return *w = (leat_flow_window){LEAT_FLOW_TIME_MIN, LEAT_FLOW_GLOBAL_MAX + 1}, true;
  if (fn->kind == LEAT_FLOW_FIXED) start = start_of(ts, fn->size_ms, fn->offset_ms);
  if (fn->kind == LEAT_FLOW_SLIDING) start = start_of(ts, fn->period_ms, fn->offset_ms);
  *w = cut(start, fn->size_ms);
  return start > ts - fn->size_ms;
}

bool leat_flow_window_next(const leat_flow_window_fn *fn, int64_t ts, leat_flow_window *w) {
  if (fn->kind != LEAT_FLOW_SLIDING) return false;
  *w = cut(w->start - fn->period_ms, fn->size_ms);
  return w->start > ts - fn->size_ms;
}
