// Tests of flow/group: what is known by hand, what is refused, and every allocation that fails.
// SPDX-License-Identifier: Apache-2.0
#include "flow/group.h"
#include "test.h"

typedef struct seen {
  leat_flow_output last;
  int panes;
  size_t values;
  leat_status answer;
} seen;

static leat_status note(void *context, const leat_flow_output *output, leat_error *err) {
  seen *s = context;
  s->last = *output;
  s->panes++;
  s->values += output->count;
  return s->answer ? leat_error_set(err, s->answer, "the sink is full") : LEAT_OK;
}

static leat_flow_element at(const char *key, int64_t timestamp) {
  return (leat_flow_element){leat_str_of(key), LEAT_STR("v"), timestamp};
}

static void an_element_is_on_time_late_or_dropped(void) {
  leat_flow_strategy s = {.window = {LEAT_FLOW_FIXED, .size_ms = 10}, .lateness_ms = 5};
  leat_flow_element e = at("k", 9);
  leat_flow_group *g;
  leat_error err;
  seen got = {0};
  CHECK_OK(leat_flow_group_new(&s, note, &got, &g, &err));
  CHECK_OK(leat_flow_group_bundle(g, &e, 1, &err));
  CHECK_OK(leat_flow_group_watermark(g, 9, &err));  // the window's last moment is not passed yet
  CHECK(got.panes == 0 && leat_flow_group_output_watermark(g) == 9);
  CHECK_OK(leat_flow_group_watermark(g, 10, &err));
  CHECK(got.panes == 1 && got.last.timestamp == 9 && got.last.pane.timing == LEAT_FLOW_ON_TIME);
  CHECK_OK(leat_flow_group_watermark(g, 14, &err));
  CHECK_OK(leat_flow_group_bundle(g, &e, 1, &err));
  CHECK(got.panes == 2 && got.last.pane.timing == LEAT_FLOW_LATE && got.last.count == 1);
  CHECK(got.last.pane.index == 1 && got.last.pane.on_time_index == 1);
  CHECK_OK(leat_flow_group_watermark(g, 15, &err));
  CHECK_OK(leat_flow_group_bundle(g, &e, 1, &err));
  CHECK(got.panes == 2 && leat_flow_group_dropped(g).late == 1);
  leat_flow_group_free(g);
}

static void a_bundle_is_asked_once(void) {
  const leat_flow_trigger three = {.kind = LEAT_FLOW_AFTER_COUNT, .count = 3};
  leat_flow_strategy s = {.trigger = &three};
  leat_flow_element five[] = {at("k", 1), at("k", 2), at("k", 3), at("k", 4), at("k", 5)};
  leat_flow_group *g;
  leat_error err;
  seen got = {0};
  CHECK_OK(leat_flow_group_new(&s, note, &got, &g, &err));
  CHECK_OK(leat_flow_group_bundle(g, five, 5, &err));
  CHECK(got.panes == 1 && got.values == 5 && got.last.pane.last);
  CHECK_OK(leat_flow_group_bundle(g, five, 2, &err));
  CHECK(got.panes == 1 && leat_flow_group_dropped(g).closed == 2);
  leat_flow_group_free(g);
}

static void sessions_that_touch_stay_apart(void) {
  leat_flow_strategy s = {.window = {LEAT_FLOW_SESSIONS, .size_ms = 10}};
  leat_flow_element apart[] = {at("k", 0), at("k", 10)}, between = at("k", 9);
  for (int joined = 0; joined < 2; joined++) {
    leat_flow_group *g;
    leat_error err;
    seen got = {0};
    CHECK_OK(leat_flow_group_new(&s, note, &got, &g, &err));
    CHECK_OK(leat_flow_group_bundle(g, apart, 2, &err));
    if (joined) CHECK_OK(leat_flow_group_bundle(g, &between, 1, &err));
    CHECK_OK(leat_flow_group_watermark(g, LEAT_FLOW_TIME_MAX, &err));
    CHECK(got.panes == (joined ? 1 : 2) && got.values == (joined ? 3 : 2));
    CHECK(got.last.window.end == 20 && got.last.window.start == (joined ? 0 : 10));
    leat_flow_group_free(g);
  }
}

static void windows_end_with_the_global_one(void) {
  const leat_flow_window_fn fns[] = {{LEAT_FLOW_GLOBAL},
                                     {LEAT_FLOW_FIXED, LEAT_FLOW_TIME_MAX},
                                     {LEAT_FLOW_SLIDING, 1000, 100},
                                     {LEAT_FLOW_SESSIONS, LEAT_FLOW_TIME_MAX}};
  for (size_t i = 0; i < 4; i++) {
    leat_flow_strategy s = {.window = fns[i], .lateness_ms = LEAT_FLOW_TIME_MAX};
    leat_flow_element e[] = {at("k", LEAT_FLOW_GLOBAL_MAX), at("k", LEAT_FLOW_TIME_MIN)};
    leat_flow_group *g;
    leat_error err;
    seen got = {0};
    CHECK_OK(leat_flow_group_new(&s, note, &got, &g, &err));
    CHECK_OK(leat_flow_group_bundle(g, e, 2, &err));
    CHECK_OK(leat_flow_group_watermark(g, LEAT_FLOW_GLOBAL_MAX, &err));
    got.panes = 0;
    CHECK_OK(leat_flow_group_watermark(g, LEAT_FLOW_TIME_MAX, &err));
    CHECK(got.panes > 0 && got.last.window.end == LEAT_FLOW_GLOBAL_MAX + 1);
    leat_flow_group_free(g);
  }
}

static void what_is_wrong_is_refused(void) {
  const leat_flow_trigger zero = {.kind = LEAT_FLOW_AFTER_COUNT};
  const leat_flow_trigger alone = {.kind = LEAT_FLOW_REPEATEDLY};
  const leat_flow_trigger back = {.kind = LEAT_FLOW_AFTER_PROCESSING_TIME, .delay_ms = -1};
  const struct {
    leat_flow_strategy s;
    const char *message;
  } cases[] = {
      {{.window = {LEAT_FLOW_FIXED}}, "the window's size is 0 ms, expected more than 0"},
      {{.window = {LEAT_FLOW_SESSIONS, -5}}, "the window's gap is -5 ms, expected more than 0"},
      {{.window = {LEAT_FLOW_SLIDING, 9}}, "the window's period is 0 ms, expected more than 0"},
      {{.window = {LEAT_FLOW_SLIDING, 1 << 20, 1}},
       "a window of 1048576 ms every 1 ms puts each element into more than 65536 windows: take a "
       "longer period"},
      {{.window = {LEAT_FLOW_FIXED, 9, 0, INT64_MAX}},
       "the window's offset is 9223372036854775807 ms, out of bounds"},
      {{.lateness_ms = -1}, "the allowed lateness is -1 ms, expected 0 or more"},
      {{.trigger = &zero}, "AfterCount: 0, expected more than 0"},
      {{.trigger = &alone}, "Repeatedly: 0 triggers inside, expected 1"},
      {{.trigger = &back}, "AfterProcessingTime: a time out of bounds"},
  };
  leat_flow_group *g;
  leat_error err;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CHECK(leat_flow_group_new(&cases[i].s, note, NULL, &g, &err) == LEAT_INVALID_ARGUMENT && !g);
    CHECK_STR(err.message, cases[i].message);
  }
  leat_flow_strategy s = {0};
  leat_flow_element e[] = {at("k", 0), at("k", LEAT_FLOW_GLOBAL_MAX + 1)};
  seen got = {.answer = LEAT_UNAVAILABLE};
  CHECK_OK(leat_flow_group_new(&s, note, &got, &g, &err));
  CHECK(leat_flow_group_bundle(g, e, 2, &err) == LEAT_INVALID_ARGUMENT);
  CHECK_OK(leat_flow_group_bundle(g, e, 1, &err));
  CHECK(leat_flow_group_watermark(g, LEAT_FLOW_TIME_MAX, &err) == LEAT_UNAVAILABLE);
  CHECK(got.panes == 1 && got.last.count == 1);
  leat_flow_group_free(g);
  leat_flow_group_free(NULL);
}

static int allowed;  // allocations that pass before one fails; negative: all pass
static bool count_down(size_t bytes) { return allowed < 0 || allowed-- > 0; }

static leat_status whole_life(leat_error *err) {
  leat_flow_strategy s = {.window = {LEAT_FLOW_SESSIONS, .size_ms = 10}, .accumulating = true};
  leat_flow_group *g;
  seen got = {0};
  leat_status status = leat_flow_group_new(&s, note, &got, &g, err);
  for (int i = 0; !status && i < 200; i++) {
    char key[16];
    snprintf(key, sizeof key, "k%d", i % 150);
    leat_flow_element e[] = {at(key, i), at(key, i + 9), at(key, i + 30)};
    status = leat_flow_group_bundle(g, e, 3, err);
  }
  if (!status) status = leat_flow_group_watermark(g, 100, err);
  if (!status) status = leat_flow_group_watermark(g, LEAT_FLOW_TIME_MAX, err);
  if (!status) CHECK(got.values == 600);
  leat_flow_group_free(g);
  return status;
}

static void memory_that_ends_is_an_error(void) {
  leat_error err;
  leat__alloc_hook = count_down;
  leat_status status = LEAT_RESOURCE_EXHAUSTED;
  for (int n = 0; status == LEAT_RESOURCE_EXHAUSTED; n += 1 + n / 16) {
    allowed = n;
    status = whole_life(&err);
  }
  CHECK_OK(status);
  leat__alloc_hook = NULL;
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"an_element_is_on_time_late_or_dropped", an_element_is_on_time_late_or_dropped},
      {"a_bundle_is_asked_once", a_bundle_is_asked_once},
      {"sessions_that_touch_stay_apart", sessions_that_touch_stay_apart},
      {"windows_end_with_the_global_one", windows_end_with_the_global_one},
      {"what_is_wrong_is_refused", what_is_wrong_is_refused},
      {"memory_that_ends_is_an_error", memory_that_ends_is_an_error},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
