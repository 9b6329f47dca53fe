// Tests of flow/strategy: what may be grouped, and what windows and triggers are behind it.
// SPDX-License-Identifier: Apache-2.0
#include "flow/strategy.h"
#include "test.h"

static leat_arena arena;

static leat_flow_trigger count = {.kind = LEAT_FLOW_AFTER_COUNT, .count = 3};
static leat_flow_trigger delay = {.kind = LEAT_FLOW_AFTER_PROCESSING_TIME, .delay_ms = 5};
static leat_flow_trigger never = {.kind = LEAT_FLOW_NEVER};
static leat_flow_trigger end = {.kind = LEAT_FLOW_AFTER_WATERMARK};

static const leat_flow_trigger *of(leat_flow_trigger_kind kind, const leat_flow_trigger *a,
                                   const leat_flow_trigger *b) {
  const leat_flow_trigger *parts[] = {a, b};
  leat_flow_trigger *t = leat_arena_alloc(&arena, sizeof *t);
  t->kind = kind;
  t->parts = leat_arena_copy(&arena, parts, sizeof parts);
  t->part_count = kind == LEAT_FLOW_REPEATEDLY ? 1 : 2;
  return t;
}

static void triggers_that_may_finish_are_known(void) {
  const struct {
    const leat_flow_trigger *trigger;
    bool may;
  } cases[] = {
      {NULL, false},
      {&count, true},
      {&never, false},
      {&end, true},
      {of(LEAT_FLOW_AFTER_WATERMARK, &count, NULL), true},
      {of(LEAT_FLOW_AFTER_WATERMARK, &count, &delay), false},
      {of(LEAT_FLOW_REPEATEDLY, &count, NULL), false},
      {of(LEAT_FLOW_AFTER_ANY, &never, &count), true},
      {of(LEAT_FLOW_AFTER_ALL, &never, &count), false},
      {of(LEAT_FLOW_AFTER_EACH, &count, of(LEAT_FLOW_REPEATEDLY, &delay, NULL)), false},
      {of(LEAT_FLOW_OR_FINALLY, of(LEAT_FLOW_REPEATEDLY, &delay, NULL), &end), true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    CHECK_MSG(leat_flow_trigger_may_finish(cases[i].trigger) == cases[i].may, "case %zu", i);
}

static void what_would_never_come_is_refused(void) {
  leat_flow_strategy s = {0};
  leat_error err;
  CHECK_OK(leat_flow_strategy_check(&s, true, false, &err));
  CHECK(leat_flow_strategy_check(&s, false, true, &err) == LEAT_FAILED_PRECONDITION);
  CHECK(strstr(err.message, "put WindowInto before it"));
  s.trigger = &never;
  CHECK_OK(leat_flow_strategy_check(&s, false, false, &err));
  s = (leat_flow_strategy){.window = {LEAT_FLOW_FIXED, 10, 0, 0}};
  CHECK_OK(leat_flow_strategy_check(&s, false, false, &err));
}

static void what_would_be_lost_is_refused(void) {
  leat_flow_strategy s = {.window = {LEAT_FLOW_FIXED, 10, 0, 0}, .trigger = &count};
  leat_error err;
  CHECK(leat_flow_strategy_check(&s, true, false, &err) == LEAT_FAILED_PRECONDITION);
  CHECK_STR(err.message,
            "the trigger AfterCount(3) may finish, and what comes after that is lost: wrap it in "
            "`repeatedly`, or set allow_unsafe_triggers");
  CHECK_OK(leat_flow_strategy_check(&s, true, true, &err));
  s.trigger = &end;  // nothing comes after the end
  CHECK_OK(leat_flow_strategy_check(&s, true, false, &err));
  s.lateness_ms = 1;
  CHECK(leat_flow_strategy_check(&s, true, false, &err) == LEAT_FAILED_PRECONDITION);
}

static void windows_that_differ_do_not_meet(void) {
  leat_flow_strategy a = {.window = {LEAT_FLOW_FIXED, 10, 0, 0}}, b = a;
  leat_error err;
  b.lateness_ms = 7;
  CHECK_OK(leat_flow_strategy_match(&a, &b, &err));
  b.window.offset_ms = 3;
  CHECK(leat_flow_strategy_match(&a, &b, &err) == LEAT_FAILED_PRECONDITION);
  CHECK_STR(err.message,
            "the inputs have fixed windows of 10 ms and fixed windows of 10 ms from 3 ms on: rows "
            "meet in windows of one kind; put one WindowInto before each");
}

static void triggers_go_on_behind_a_grouping(void) {
  const leat_flow_trigger *each = of(LEAT_FLOW_AFTER_EACH, &count, &delay);
  leat_flow_strategy s = {.window = {LEAT_FLOW_SESSIONS, 10, 0, 0}};
  leat_buf text = {0};
  s.trigger = of(LEAT_FLOW_AFTER_WATERMARK, each, of(LEAT_FLOW_REPEATEDLY, &count, NULL));
  leat_flow_strategy *behind = leat_flow_strategy_behind(&arena, &s);
  leat_flow_trigger_print(behind->trigger, &text);
  CHECK_STR(text.ptr,
            "AfterWatermark(early=Repeatedly(AfterAny(AfterCount(1), "
            "AfterSynchronizedProcessingTime())), late=Repeatedly(AfterCount(1)))");
  CHECK(behind->settled && !s.settled);
  leat_buf_deinit(&text);
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"triggers_that_may_finish_are_known", triggers_that_may_finish_are_known},
      {"what_would_never_come_is_refused", what_would_never_come_is_refused},
      {"what_would_be_lost_is_refused", what_would_be_lost_is_refused},
      {"windows_that_differ_do_not_meet", windows_that_differ_do_not_meet},
      {"triggers_go_on_behind_a_grouping", triggers_go_on_behind_a_grouping},
  };
  int rc = test_main(argc, argv, tests, sizeof tests / sizeof *tests);
  leat_arena_deinit(&arena);
  return rc;
}
