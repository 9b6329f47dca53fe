// Runs Beam's trigger transcripts: inputs, watermarks and clocks, and every pane they must give.
// SPDX-License-Identifier: Apache-2.0
//
// An element is its own timestamp; a window is [start, last moment]. `expect` lists all panes of
// the actions before it, matched on the keys that it gives. A document with `error` must fail.
#include "documents.h"
#include "spec.h"

#include <inttypes.h>
#include <stdlib.h>

enum { SHIFT = 100 };  // the custom window function's output time, behind the timestamp

typedef struct pane {
  leat_flow_output o;
  int64_t *values;  // sorted
} pane;

typedef struct script {
  const leat_yaml *yaml;
  leat_arena arena;
  leat_flow_group *group;
  int64_t shift;
  LEAT_VEC(pane) panes;  // not expected so far
} script;

static int by_number(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

static leat_status keep(void *context, const leat_flow_output *output, leat_error *err) {
  script *s = context;
  pane p = {.o = *output};
  p.o.timestamp += s->shift;
  p.values = leat_arena_alloc(&s->arena, output->count * sizeof *p.values);
  for (size_t i = 0; i < output->count; i++)
    if (!leat_parse_i64(output->values[i], &p.values[i])) leat_bug("a value of no number");
  qsort(p.values, output->count, sizeof *p.values, by_number);
  return leat_vec_push(&s->panes, p) ? LEAT_OK : leat__oom(err, sizeof p);
}

// --- Expectations -------------------------------------------------------------------------------
static bool list_is(const script *s, const leat_yaml_node *node, const int64_t *want,
                    size_t count) {
  int64_t got[256];
  if (node->count != count || count > 256) return false;
  for (size_t i = 0; i < count; i++)
    if (leat_yaml_i64(s->yaml, node->items[i], &got[i], NULL)) return false;
  qsort(got, count, sizeof *got, by_number);
  return !count || memcmp(got, want, count * sizeof *got) == 0;
}

static bool matches(const script *s, const leat_yaml_node *want, const pane *p) {
  const leat_flow_output *o = &p->o;
  const int64_t window[] = {o->window.start, leat_flow_window_max(o->window)};
  const struct {
    const char *name;
    int64_t value;
  } known[] = {{"timestamp", o->timestamp},
               {"index", o->pane.index},
               {"nonspeculative_index", o->pane.on_time_index},
               {"early", o->pane.timing == LEAT_FLOW_EARLY},
               {"late", o->pane.timing == LEAT_FLOW_LATE},
               {"final", o->pane.last}};
  for (size_t k = 0; k < want->count; k++) {
    const leat_yaml_node *item = want->items[k];
    leat_str name = want->keys[k]->text;
    bool good = false;
    if (spec_is(name, "window")) good = list_is(s, item, window, 2);
    if (spec_is(name, "values")) good = list_is(s, item, p->values, o->count);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
      int64_t value;
      bool flag;
      if (!spec_is(name, known[i].name)) continue;
      if (!leat_yaml_i64(s->yaml, item, &value, NULL)) good = value == known[i].value;
      if (item->text.len && !leat_parse_i64(item->text, &value)) {
        flag = (item->text.ptr[0] | 0x20) == 't';
        good = flag == (known[i].value != 0);
      }
    }
    if (!good) return false;
  }
  return true;
}

static void describe(const pane *p, char *out, size_t room) {
  int n = snprintf(
      out, room,
      "[%" PRId64 ", %" PRId64 "] at %" PRId64 " index %" PRId64 "/%" PRId64 " timing %d%s:",
      p->o.window.start, leat_flow_window_max(p->o.window), p->o.timestamp, p->o.pane.index,
      p->o.pane.on_time_index, p->o.pane.timing, p->o.pane.last ? " final" : "");
  for (size_t i = 0; i < p->o.count && n > 0 && (size_t)n < room; i++)
    n += snprintf(out + n, room - (size_t)n, " %" PRId64, p->values[i]);
}

static leat_status none_left(script *s, const leat_yaml_node *node, leat_error *err) {
  char text[256];
  if (!s->panes.count) return LEAT_OK;
  describe(&s->panes.at[0], text, sizeof text);
  return leat_yaml_fail(s->yaml, node, err, "a pane that is not expected: %s", text);
}

static leat_status expect(script *s, const leat_yaml_node *list, leat_error *err) {
  for (size_t i = 0; i < list->count; i++) {
    size_t at = 0;
    while (at < s->panes.count && !matches(s, list->items[i], &s->panes.at[at])) at++;
    if (at == s->panes.count) {
      char text[256] = "there is none";
      if (at) describe(&s->panes.at[0], text, sizeof text);
      return leat_yaml_fail(s->yaml, list->items[i], err, "no such pane; the first: %s", text);
    }
    s->panes.at[at] = s->panes.at[--s->panes.count];
  }
  return none_left(s, list, err);
}

// --- Actions ------------------------------------------------------------------------------------
static leat_status input(script *s, const leat_yaml_node *list, leat_error *err) {
  leat_flow_element *e = leat_arena_alloc(&s->arena, list->count * sizeof *e);
  for (size_t i = 0; i < list->count; i++) {
    leat_status status = leat_yaml_i64(s->yaml, list->items[i], &e[i].timestamp, err);
    if (status) return status;
    e[i].key = LEAT_STR("key");
    e[i].value = list->items[i]->text;
  }
  return leat_flow_group_bundle(s->group, e, list->count, err);
}

static leat_status act(script *s, const leat_yaml_node *step, leat_error *err) {
  if (step->kind != LEAT_YAML_MAPPING || !step->count)
    return leat_yaml_fail(s->yaml, step, err, "expected an action");
  leat_str action = step->keys[0]->text;
  const leat_yaml_node *what = step->items[0];
  int64_t to;
  if (spec_is(action, "state")) return LEAT_OK;
  if (spec_is(action, "expect")) return expect(s, what, err);
  leat_status status = none_left(s, step, err);
  if (status) return status;
  if (spec_is(action, "input")) return input(s, what, err);
  if ((status = leat_yaml_i64(s->yaml, what, &to, err))) return status;
  if (spec_is(action, "watermark")) return leat_flow_group_watermark(s->group, to, err);
  if (spec_is(action, "clock")) return leat_flow_group_time(s->group, to, err);
  return leat_yaml_fail(s->yaml, step, err, "no action '" LEAT_STR_FMT "'", LEAT_STR_ARG(action));
}

static leat_str text_of(const script *s, const char *key, const char *missing) {
  const leat_yaml_node *node = leat_yaml_get(s->yaml->root, key);
  return node ? node->text : leat_str_of(missing);
}

static leat_status begin(script *s, leat_error *err) {
  leat_flow_strategy how = {0};
  leat_str windows = text_of(s, "window_fn", "GlobalWindows");
  leat_str trigger = text_of(s, "trigger_fn", "Default");
  leat_str mode = text_of(s, "accumulation_mode", "accumulating");
  leat_str combiner = text_of(s, "timestamp_combiner", "OUTPUT_AT_EOW");
  const leat_yaml_node *lateness = leat_yaml_get(s->yaml->root, "allowed_lateness");
  leat_str custom = LEAT_STR("CustomTimestamping");
  if (leat_str_starts(windows, custom)) windows.ptr += custom.len, windows.len -= custom.len;
  leat_status status = spec_window(&s->arena, &windows, &how.window, err);
  if (status) return status;
  if (!(how.trigger = spec_trigger(&s->arena, &trigger, err))) return LEAT_INVALID_ARGUMENT;
  if (lateness && (status = leat_yaml_i64(s->yaml, lateness, &how.lateness_ms, err))) return status;
  how.accumulating = mode.len && (mode.ptr[0] | 0x20) == 'a';
  if (leat_str_starts(combiner, LEAT_STR("OUTPUT_AT_EARLIEST"))) how.combiner = LEAT_FLOW_EARLIEST;
  if (spec_is(combiner, "OUTPUT_AT_LATEST")) how.combiner = LEAT_FLOW_LATEST;
  if (spec_is(combiner, "OUTPUT_AT_EARLIEST_TRANSFORMED")) s->shift = SHIFT;
  return leat_flow_group_new(&how, keep, s, &s->group, err);
}

static leat_status run(script *s, leat_error *err) {
  const leat_yaml_node *steps = leat_yaml_get(s->yaml->root, "transcript");
  leat_status status = begin(s, err);
  for (size_t i = 0; !status && steps && i < steps->count; i++)
    status = act(s, steps->items[i], err);
  return status ? status : none_left(s, steps, err);
}

static int document(const leat_yaml *yaml, int number) {
  script s = {.yaml = yaml};
  leat_error err = {0};
  leat_str name = text_of(&s, "name", "unnamed");
  bool must_fail = leat_yaml_get(yaml->root, "error");
  bool good = (run(&s, &err) != LEAT_OK) == must_fail;
  printf("%sok %d " LEAT_STR_FMT "%s%s\n", good ? "" : "not ", number, LEAT_STR_ARG(name),
         good ? "" : " # ",
         good        ? ""
         : must_fail ? "passed, but must fail"
                     : err.message);
  leat_flow_group_free(s.group);
  leat_vec_deinit(&s.panes);
  leat_arena_deinit(&s.arena);
  return !good;
}

int main(int argc, char **argv) { return each_document(argc, argv, document); }
