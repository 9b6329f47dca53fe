// Groups what the lines of stdin say and prints the panes: a driver for comparison.
// SPDX-License-Identifier: Apache-2.0
//
//   case WINDOWS; TRIGGER; accumulating=0 lateness=0 combiner=0 closing=0 nonempty=0
//   e KEY VALUE TIMESTAMP      an element of the bundle
//   b | w TIME | p TIME        the bundle's end, the watermark, processing time: panes, then "."
#include "spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct driver {
  leat_flow_group *group;
  leat_arena arena, texts;
  LEAT_VEC(leat_flow_element) bundle;
} driver;

static leat_status print(void *context, const leat_flow_output *o, leat_error *err) {
  static const char *const timing[] = {"early", "on-time", "late", "unknown"};
  printf(LEAT_STR_FMT " %" PRId64 " %" PRId64 " [", LEAT_STR_ARG(o->key), o->window.start,
         o->window.end);
  for (size_t i = 0; i < o->count; i++)
    printf("%s" LEAT_STR_FMT, i ? "," : "", LEAT_STR_ARG(o->values[i]));
  printf("] %" PRId64 " %d %d %s %" PRId64 " %" PRId64 "\n", o->timestamp, o->pane.first,
         o->pane.last, timing[o->pane.timing], o->pane.index, o->pane.on_time_index);
  return LEAT_OK;
}

static int64_t setting(leat_str text, const char *name) {
  int64_t value = 0;
  while (text.len) {
    leat_str word = leat_str_cut(&text, ' '), key = leat_str_cut(&word, '=');
    if (leat_str_eq(key, leat_str_of(name)) && !leat_parse_i64(word, &value)) exit(2);
  }
  return value;
}

static leat_status begin(driver *d, leat_str line, leat_error *err) {
  leat_flow_strategy s = {0};
  leat_flow_group_free(d->group);
  d->group = NULL;
  leat_arena_clear(&d->arena);
  leat_str windows = leat_str_cut(&line, ';'), trigger = leat_str_cut(&line, ';');
  leat_status status = spec_window(&d->arena, &windows, &s.window, err);
  if (status) return status;
  if (!(s.trigger = spec_trigger(&d->arena, &trigger, err))) return LEAT_INVALID_ARGUMENT;
  s.accumulating = setting(line, "accumulating");
  s.lateness_ms = setting(line, "lateness");
  s.combiner = (leat_flow_combiner)setting(line, "combiner");
  s.closing_always = setting(line, "closing");
  s.on_time_nonempty = setting(line, "nonempty");
  return leat_flow_group_new(&s, print, NULL, &d->group, err);
}

static leat_status element(driver *d, leat_str line, leat_error *err) {
  leat_flow_element e = {.key = leat_str_cut(&line, ' '), .value = leat_str_cut(&line, ' ')};
  e.key.ptr = leat_arena_str(&d->texts, e.key);
  e.value.ptr = leat_arena_str(&d->texts, e.value);
  if (!leat_parse_i64(line, &e.timestamp)) return LEAT_INVALID_ARGUMENT;
  return leat_vec_push(&d->bundle, e) ? LEAT_OK : leat__oom(err, sizeof e);
}

static leat_status run(driver *d, leat_str line, leat_error *err) {
  int64_t to = 0;
  leat_str word = leat_str_cut(&line, ' ');
  if (leat_str_eq(word, LEAT_STR("case"))) return begin(d, line, err);
  if (leat_str_eq(word, LEAT_STR("e"))) return element(d, line, err);
  if (word.ptr[0] != 'b' && !leat_parse_i64(line, &to)) return LEAT_INVALID_ARGUMENT;
  leat_status status = word.ptr[0] == 'w' ? leat_flow_group_watermark(d->group, to, err)
                       : word.ptr[0] == 'p'
                           ? leat_flow_group_time(d->group, to, err)
                           : leat_flow_group_bundle(d->group, d->bundle.at, d->bundle.count, err);
  d->bundle.count = 0;
  leat_arena_clear(&d->texts);
  leat_flow_dropped dropped = leat_flow_group_dropped(d->group);
  printf(". %" PRId64 " %" PRId64 " %" PRId64 "\n", leat_flow_group_output_watermark(d->group),
         dropped.late, dropped.closed);
  return status;
}

int main(void) {
  driver d = {0};
  char *line = NULL;
  size_t cap = 0;
  ssize_t length;
  leat_status status = LEAT_OK;
  leat_error err = {0};
  while (!status && (length = getline(&line, &cap, stdin)) > 0)
    status = run(&d, leat_str_strip((leat_str){line, (size_t)length}, LEAT_STR("\n")), &err);
  if (status) fprintf(stderr, "%s: %s\n", leat_status_name(status), err.message);
  free(line);
  leat_flow_group_free(d.group);
  leat_vec_deinit(&d.bundle);
  leat_arena_deinit(&d.arena);
  leat_arena_deinit(&d.texts);
  return status != LEAT_OK;
}
