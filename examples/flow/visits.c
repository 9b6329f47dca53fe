// Users of each hour, from C: a function of our own with state and a timer.
// SPDX-License-Identifier: Apache-2.0
//
// A row user,at comes in for each view. As soon as a user is seen for the first time in an hour a
// row goes to the output "new"; when the watermark has passed the hour, {user, views, first} goes
// to the main one.
//
//   visits FILE.csv VISITS.json NEW.json      FILE - is standard input
//   cc visits.c -lleat
#include "leat/dofn.h"
#include "leat/flow.h"

#include <stdio.h>

enum { VIEWS, FIRST };         // states
enum { OVER };                 // timers
enum { USERS };                // metrics
enum { VISITS_OUT, NEW_OUT };  // outputs

static const leat_dofn_output outputs[] = {{"", "{user: string, views: int64, first: timestamp}"},
                                           {"new", "{user: string}"}};
static const leat_dofn_state states[] = {
    {.name = "views", .kind = LEAT_CELL_COMBINING, .type = "int64", .combine = LEAT_CELL_SUM},
    {.name = "first", .kind = LEAT_CELL_COMBINING, .type = "int64", .combine = LEAT_CELL_MIN}};
static const leat_dofn_timer timers[] = {{"over", LEAT_EVENT_TIME}};
static const leat_dofn_metric metrics[] = {{"users", LEAT_METRIC_COUNTER}};

// A view is counted; the first one of a user and hour is told, and sets the timer to its end.
static leat_status process(leat_dofn_call *call, leat_error *err) {
  leat_flow_value one = leat_flow_of_int(1), at = leat_flow_of_int(leat_dofn_timestamp(call));
  leat_flow_value views, user = leat_dofn_key(call, 0);
  leat_status status = LEAT_OK;
  if (!leat_cell_read(call, VIEWS, &views)) {
    leat_timer_at end = {.time = leat_dofn_window(call).end - 1};
    leat_dofn_metric_add(call, USERS, 1);
    status = leat_dofn_emit(call, NEW_OUT, &user, err);
    if (!status) status = leat_timer_set(call, OVER, end, err);
  }
  if (!status) status = leat_cell_add(call, VIEWS, &one, err);
  return status ? status : leat_cell_add(call, FIRST, &at, err);
}

static leat_status on_timer(leat_dofn_call *call, int timer, leat_str tag, leat_error *err) {
  leat_flow_value row[3] = {leat_dofn_key(call, 0)};
  (void)timer, (void)tag;
  leat_cell_read(call, VIEWS, &row[1]);
  leat_cell_read(call, FIRST, &row[2]);
  return leat_dofn_emit(call, VISITS_OUT, row, err);
}

static const leat_dofn visits = {.name = "example:visits",
                                 .help = "Views of each user, and who is new",
                                 .outputs = outputs,
                                 .output_count = 2,
                                 .states = states,
                                 .state_count = 2,
                                 .timers = timers,
                                 .timer_count = 1,
                                 .metrics = metrics,
                                 .metric_count = 1,
                                 .process = process,
                                 .on_timer = on_timer};

// A pipeline is transforms by name, each with its config as text.
static leat_status build(leat_flow *flow, char **file, leat_error *err) {
  leat_flow_pcollection views, hours, visited, new;
  char read[4096], write[2][4096];
  snprintf(read, sizeof read,
           "{path: '%s', schema: {user: string, at: timestamp}, timestamp: {field: at, "
           "out_of_orderness: 10s}}",
           file[0]);
  for (int i = 0; i < 2; i++) snprintf(write[i], sizeof write[i], "{path: '%s'}", file[i + 1]);
  leat_status status = leat_flow_apply(flow, "Read", "ReadFromCsv", read, NULL, 0, &views, err);
  if (!status)
    status = leat_flow_apply(flow, "Hours", "WindowInto", "{windowing: {type: fixed, size: 1h}}",
                             &views, 1, &hours, err);
  if (!status)
    status = leat_flow_apply(flow, "Visits", "ParDo", "{dofn: 'example:visits', key: user}", &hours,
                             1, &visited, err);
  if (!status) status = leat_flow_tagged(flow, "Visits", "new", &new, err);
  if (!status)
    status = leat_flow_apply(flow, "Write", "WriteToJson", write[0], &visited, 1, NULL, err);
  return status ? status
                : leat_flow_apply(flow, "WriteNew", "WriteToJson", write[1], &new, 1, NULL, err);
}

int main(int argc, char **argv) {
  leat_error err;
  leat_flow *flow = NULL;
  if (argc != 4) return fprintf(stderr, "visits FILE.csv VISITS.json NEW.json\n"), 2;
  leat_status status = leat_dofn_register(&visits, &err);
  if (!status) status = leat_flow_new(&flow, &err);
  if (!status) status = build(flow, argv + 1, &err);
  if (!status) status = leat_flow_run(flow, &(leat_flow_options){.streaming = true}, &err);
  if (status) fprintf(stderr, "%s\n", err.message);
  leat_flow_free(flow);
  return status ? 1 : 0;
}
