// Strategy: walks over the tree of a trigger.
// SPDX-License-Identifier: Apache-2.0
#include "flow/strategy.h"

#include <inttypes.h>

// --- Printing -----------------------------------------------------------------------------------
static const char *const names[] = {"Default",
                                    "Always",
                                    "Never",
                                    "AfterWatermark",
                                    "AfterProcessingTime",
                                    "AfterSynchronizedProcessingTime",
                                    "AfterCount",
                                    "Repeatedly",
                                    "OrFinally",
                                    "AfterAny",
                                    "AfterAll",
                                    "AfterEach"};

void leat_flow_trigger_print(const leat_flow_trigger *t, leat_buf *out) {
  bool watermark = t->kind == LEAT_FLOW_AFTER_WATERMARK, more = false;
  leat_buf_fmt(out, "%s(", names[t->kind]);
  if (t->kind == LEAT_FLOW_AFTER_COUNT) leat_buf_fmt(out, "%" PRId64, t->count);
  if (t->kind == LEAT_FLOW_AFTER_PROCESSING_TIME) leat_buf_fmt(out, "%" PRId64 " ms", t->delay_ms);
  for (size_t i = 0; i < t->part_count; i++) {
    if (!t->parts[i]) continue;
    if (more) leat_buf_c(out, ", ");
    if (watermark) leat_buf_c(out, i ? "late=" : "early=");
    leat_flow_trigger_print(t->parts[i], out);
    more = true;
  }
  leat_buf_char(out, ')');
}

void leat_flow_window_print(const leat_flow_window_fn *fn, leat_buf *out) {
  switch (fn->kind) {
    case LEAT_FLOW_GLOBAL: leat_buf_c(out, "the global window"); return;
    case LEAT_FLOW_FIXED: leat_buf_fmt(out, "fixed windows of %" PRId64 " ms", fn->size_ms); break;
    case LEAT_FLOW_SLIDING:
      leat_buf_fmt(out, "sliding windows of %" PRId64 " ms every %" PRId64 " ms", fn->size_ms,
                   fn->period_ms);
      break;
    case LEAT_FLOW_SESSIONS:
      leat_buf_fmt(out, "sessions with a gap of %" PRId64 " ms", fn->size_ms);
      return;
  }
  if (fn->offset_ms) leat_buf_fmt(out, " from %" PRId64 " ms on", fn->offset_ms);
}

// --- Safety -------------------------------------------------------------------------------------
bool leat_flow_trigger_may_finish(const leat_flow_trigger *t) {
  bool any = false, all = true;
  if (!t) return false;
  switch (t->kind) {
    case LEAT_FLOW_DEFAULT:
    case LEAT_FLOW_ALWAYS:
    case LEAT_FLOW_NEVER:
    case LEAT_FLOW_REPEATEDLY: return false;
    case LEAT_FLOW_AFTER_COUNT:
    case LEAT_FLOW_AFTER_PROCESSING_TIME:
    case LEAT_FLOW_AFTER_SYNCHRONIZED: return true;
    case LEAT_FLOW_AFTER_WATERMARK: return !t->part_count || !t->parts[1];
    default: break;
  }
  for (size_t i = 0; i < t->part_count; i++) {
    bool may = leat_flow_trigger_may_finish(t->parts[i]);
    any |= may;
    all &= may;
  }
  bool one_is_enough = t->kind == LEAT_FLOW_AFTER_ANY || t->kind == LEAT_FLOW_OR_FINALLY;
  return one_is_enough ? any : all;
}

// One that ends with the window loses nothing when nothing later is allowed.
static bool loses(const leat_flow_strategy *s) {
  if (!leat_flow_trigger_may_finish(s->trigger)) return false;
  return s->trigger->kind != LEAT_FLOW_AFTER_WATERMARK || s->lateness_ms;
}

leat_status leat_flow_strategy_check(const leat_flow_strategy *s, bool bounded, bool unsafe,
                                     leat_error *err) {
  bool by_default = !s->trigger || s->trigger->kind == LEAT_FLOW_DEFAULT;
  if (!bounded && s->window.kind == LEAT_FLOW_GLOBAL && by_default)
    return leat_error_set(err, LEAT_FAILED_PRECONDITION,
                          "an unbounded collection in the global window would never be given out "
                          "by the default trigger: put WindowInto before it, with other windows or "
                          "a trigger");
  if (unsafe || !loses(s)) return LEAT_OK;
  leat_buf text = {0};
  leat_flow_trigger_print(s->trigger, &text);
  leat_error_set(err, LEAT_FAILED_PRECONDITION,
                 "the trigger " LEAT_STR_FMT
                 " may finish, and what comes after that is lost: wrap "
                 "it in `repeatedly`, or set allow_unsafe_triggers",
                 LEAT_STR_ARG(leat_buf_view(&text)));
  leat_buf_deinit(&text);
  return LEAT_FAILED_PRECONDITION;
}

static bool same_windows(const leat_flow_window_fn *a, const leat_flow_window_fn *b) {
  if (a->kind != b->kind) return false;
  switch (a->kind) {
    case LEAT_FLOW_GLOBAL: return true;
    case LEAT_FLOW_SESSIONS: return a->size_ms == b->size_ms;
    case LEAT_FLOW_FIXED: return a->size_ms == b->size_ms && a->offset_ms == b->offset_ms;
    case LEAT_FLOW_SLIDING:
      return a->size_ms == b->size_ms && a->offset_ms == b->offset_ms &&
             a->period_ms == b->period_ms;
  }
  return false;
}

leat_status leat_flow_strategy_match(const leat_flow_strategy *a, const leat_flow_strategy *b,
                                     leat_error *err) {
  if (same_windows(&a->window, &b->window)) return LEAT_OK;
  leat_buf one = {0}, other = {0};
  leat_flow_window_print(&a->window, &one);
  leat_flow_window_print(&b->window, &other);
  leat_error_set(err, LEAT_FAILED_PRECONDITION,
                 "the inputs have " LEAT_STR_FMT " and " LEAT_STR_FMT
                 ": rows meet in windows of one kind; put one WindowInto before each",
                 LEAT_STR_ARG(leat_buf_view(&one)), LEAT_STR_ARG(leat_buf_view(&other)));
  leat_buf_deinit(&one);
  leat_buf_deinit(&other);
  return LEAT_FAILED_PRECONDITION;
}

// --- Behind a grouping --------------------------------------------------------------------------
static leat_flow_trigger *trigger_new(leat_arena *arena, leat_flow_trigger_kind kind,
                                      size_t parts) {
  leat_flow_trigger *t = leat_arena_alloc(arena, sizeof *t);
  if (!t || !(t->parts = leat_arena_alloc(arena, (parts + 1) * sizeof *t->parts))) return NULL;
  t->kind = kind;
  t->part_count = parts;
  return t;
}

static const leat_flow_trigger *go_on(leat_arena *arena, const leat_flow_trigger *t);

static const leat_flow_trigger *parts_go_on(leat_arena *arena, const leat_flow_trigger *t,
                                            leat_flow_trigger_kind kind) {
  leat_flow_trigger *to = trigger_new(arena, kind, t->part_count);
  if (!to) return NULL;
  const leat_flow_trigger **parts = (const leat_flow_trigger **)to->parts;
  for (size_t i = 0; i < t->part_count; i++)
    if (t->parts[i] && !(parts[i] = go_on(arena, t->parts[i]))) return NULL;
  return to;
}

static const leat_flow_trigger *go_on(leat_arena *arena, const leat_flow_trigger *t) {
  leat_flow_trigger *to;
  switch (t->kind) {
    case LEAT_FLOW_AFTER_COUNT:
      if ((to = trigger_new(arena, t->kind, 0))) to->count = 1;
      return to;
    case LEAT_FLOW_AFTER_PROCESSING_TIME:
      return trigger_new(arena, LEAT_FLOW_AFTER_SYNCHRONIZED, 0);
    case LEAT_FLOW_AFTER_EACH:
      if (!(to = trigger_new(arena, LEAT_FLOW_REPEATEDLY, 1))) return NULL;
      ((const leat_flow_trigger **)to->parts)[0] = parts_go_on(arena, t, LEAT_FLOW_AFTER_ANY);
      return to->parts[0] ? to : NULL;
    default: return parts_go_on(arena, t, t->kind);
  }
}

leat_flow_strategy *leat_flow_strategy_behind(leat_arena *arena, const leat_flow_strategy *before) {
  leat_flow_strategy *s = leat_arena_copy(arena, before, sizeof *before);
  if (!s) return NULL;
  s->settled = true;
  if (before->trigger && !(s->trigger = go_on(arena, before->trigger))) return NULL;
  return s;
}
