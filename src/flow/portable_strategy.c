// Portable form of windows and triggers.
// SPDX-License-Identifier: Apache-2.0
#include "flow/portable.h"
#include "formats/proto.h"

void leat__portable_spec(int number, leat_str urn, leat_str payload, leat_buf *out) {
  size_t at = leat_proto_begin(out, number);
  leat_proto_str(out, 1, urn);
  if (payload.len) leat_proto_bytes(out, 3, payload);
  leat_proto_end(out, at);
}

// Duration and Timestamp: seconds 1, nanoseconds 2, not negative.
static void put_ms(int number, int64_t ms, leat_buf *out) {
  int64_t seconds = ms / 1000 - (ms % 1000 < 0), rest = ms - seconds * 1000;
  size_t at = leat_proto_begin(out, number);
  if (seconds) leat_proto_i64(out, 1, seconds);
  if (rest) leat_proto_i64(out, 2, rest * 1000000);
  leat_proto_end(out, at);
}

void leat__portable_window_fn(const leat_flow_window_fn *fn, int number, leat_buf *out) {
  static const leat_str urns[] = {
      LEAT_STR("beam:window_fn:global_windows:v1"), LEAT_STR("beam:window_fn:fixed_windows:v1"),
      LEAT_STR("beam:window_fn:sliding_windows:v1"), LEAT_STR("beam:window_fn:session_windows:v1")};
  leat_buf payload = {0};
  if (fn->kind != LEAT_FLOW_GLOBAL) put_ms(1, fn->size_ms, &payload);
  if (fn->kind == LEAT_FLOW_FIXED || fn->kind == LEAT_FLOW_SLIDING)
    put_ms(2, fn->offset_ms, &payload);
  if (fn->kind == LEAT_FLOW_SLIDING) put_ms(3, fn->period_ms, &payload);
  leat__portable_spec(number, urns[fn->kind], leat_buf_view(&payload), out);
  out->failed |= payload.failed;
  leat_buf_deinit(&payload);
}

// --- Triggers: the kind is a field of its own in a Trigger message ------------------------------
static const int trigger_fields[] = {[LEAT_FLOW_DEFAULT] = 7,
                                     [LEAT_FLOW_ALWAYS] = 12,
                                     [LEAT_FLOW_NEVER] = 9,
                                     [LEAT_FLOW_AFTER_WATERMARK] = 4,
                                     [LEAT_FLOW_AFTER_COUNT] = 8,
                                     [LEAT_FLOW_AFTER_PROCESSING_TIME] = 5,
                                     [LEAT_FLOW_AFTER_SYNCHRONIZED] = 6,
                                     [LEAT_FLOW_REPEATEDLY] = 11,
                                     [LEAT_FLOW_OR_FINALLY] = 10,
                                     [LEAT_FLOW_AFTER_ANY] = 2,
                                     [LEAT_FLOW_AFTER_ALL] = 1,
                                     [LEAT_FLOW_AFTER_EACH] = 3};

static void put_trigger(const leat_flow_trigger *t, int number, leat_buf *out);

static void put_transforms(const leat_flow_trigger *t, leat_buf *out) {
  size_t outer, at;
  if (t->delay_ms) {
    outer = leat_proto_begin(out, 1);
    at = leat_proto_begin(out, 1);
    leat_proto_i64(out, 1, t->delay_ms);
    leat_proto_end(out, at);
    leat_proto_end(out, outer);
  }
  if (!t->align_ms) return;
  outer = leat_proto_begin(out, 1);
  at = leat_proto_begin(out, 2);
  leat_proto_i64(out, 3, t->align_ms);
  leat_proto_i64(out, 4, t->align_to);
  leat_proto_end(out, at);
  leat_proto_end(out, outer);
}

static void put_parts(const leat_flow_trigger *t, leat_buf *out) {
  bool list = t->kind == LEAT_FLOW_AFTER_ANY || t->kind == LEAT_FLOW_AFTER_ALL ||
              t->kind == LEAT_FLOW_AFTER_EACH;
  for (size_t i = 0; i < t->part_count; i++)
    if (t->parts[i]) put_trigger(t->parts[i], list ? 1 : (int)i + 1, out);
}

static void put_trigger(const leat_flow_trigger *t, int number, leat_buf *out) {
  size_t at = leat_proto_begin(out, number), kind = leat_proto_begin(out, trigger_fields[t->kind]);
  if (t->kind == LEAT_FLOW_AFTER_COUNT) leat_proto_i64(out, 1, t->count);
  if (t->kind == LEAT_FLOW_AFTER_PROCESSING_TIME) put_transforms(t, out);
  put_parts(t, out);
  leat_proto_end(out, kind);
  leat_proto_end(out, at);
}

void leat__portable_strategy(const leat_flow_strategy *s, leat_str window_coder,
                             leat_str environment, leat_buf *out) {
  static const leat_flow_trigger by_default = {0};
  static const int times[] = {1, 3, 2};  // end of window, earliest, latest
  bool sessions = s->window.kind == LEAT_FLOW_SESSIONS;
  leat__portable_window_fn(&s->window, 1, out);
  leat_proto_i64(out, 2, sessions ? (s->settled ? 3 : 2) : 1);
  leat_proto_str(out, 3, window_coder);
  put_trigger(s->trigger ? s->trigger : &by_default, 4, out);
  leat_proto_i64(out, 5, s->accumulating ? 2 : 1);
  leat_proto_i64(out, 6, times[s->combiner]);
  leat_proto_i64(out, 7, s->closing_always ? 1 : 2);
  if (s->lateness_ms) leat_proto_i64(out, 8, s->lateness_ms);
  leat_proto_i64(out, 9, s->on_time_nonempty ? 2 : 1);
  if (s->window.kind != LEAT_FLOW_SLIDING) leat_proto_i64(out, 10, 1);
  leat_proto_str(out, 11, environment);
}
