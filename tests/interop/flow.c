// A pipeline with all that the portable form has, written to stdout as a Pipeline message.
// SPDX-License-Identifier: Apache-2.0
#include "flow/portable.h"
#include "leat/dofn.h"

#include <stdlib.h>

static leat_status nothing(leat_dofn_call *call, leat_error *err) { return LEAT_OK; }
static leat_status fired(leat_dofn_call *call, int timer, leat_str tag, leat_error *err) {
  return LEAT_OK;
}

static const leat_dofn_output outputs[] = {
    {"", "{key: string, n: int64, at: timestamp}"},
    {"odd", "{tags: [string]?, part: {x: double, b: bytes}}"}};
static const leat_dofn_state states[] = {
    {.name = "value", .kind = LEAT_CELL_VALUE, .type = "{n: int64}"},
    {.name = "bag", .kind = LEAT_CELL_BAG, .type = "string"},
    {.name = "sum", .kind = LEAT_CELL_COMBINING, .type = "double"},
    {.name = "map", .kind = LEAT_CELL_MAP, .type = "int64", .key = "string"},
    {.name = "set", .kind = LEAT_CELL_SET, .type = "bool"},
    {.name = "list", .kind = LEAT_CELL_ORDERED, .type = "int64"}};
static const leat_dofn_timer timers[] = {{"event", LEAT_EVENT_TIME},
                                         {"processing", LEAT_PROCESSING_TIME}};
static const leat_dofn_side sides[] = {{"all", LEAT_SIDE_ITERABLE, NULL},
                                       {"map", LEAT_SIDE_MAP, "key"}};
static const leat_dofn stateful = {.name = "test:stateful",
                                   .outputs = outputs,
                                   .output_count = 2,
                                   .states = states,
                                   .state_count = 6,
                                   .timers = timers,
                                   .timer_count = 2,
                                   .sides = sides,
                                   .side_count = 2,
                                   .process = nothing,
                                   .on_timer = fired,
                                   .on_window_expiration = nothing};
static const leat_dofn plain = {.name = "test:plain", .process = nothing};

static leat_flow *flow;
static leat_error err;

static leat_flow_pcollection apply(const char *name, const char *type, const char *config,
                                   const leat_flow_pcollection *in, int count) {
  leat_flow_pcollection out = {-1};
  if (leat_flow_apply(flow, name, type, config, in, count, &out, &err)) {
    fprintf(stderr, "%s\n", err.message);
    exit(1);
  }
  return out;
}

int main(void) {
  leat_flow_pcollection c[4], in, windowed;
  leat_buf bytes = {0};
  if (leat_dofn_register(&stateful, &err) || leat_dofn_register(&plain, &err) ||
      leat_flow_new(&flow, &err))
    return fprintf(stderr, "%s\n", err.message), 1;
  in = apply("Create", "Create", "{elements: [{key: a, n: 1}, {key: b, n: 2}]}", NULL, 0);
  windowed = apply("Fixed", "WindowInto",
                   "{windowing: {type: fixed, size: 60s, offset: 5s, allowed_lateness: 30s, "
                   "accumulation_mode: accumulating, trigger: {after_watermark: {early: "
                   "{after_processing_time: 10s}, late: {after_count: 3}}}}}",
                   &in, 1);
  c[0] = apply("Plain", "ParDo", "{dofn: 'test:plain', config: some text}", &windowed, 1);
  c[1] = apply("Sliding", "WindowInto", "{windowing: {type: sliding, size: 120s, period: 30s}}",
               &in, 1);
  c[2] = windowed;
  c[3] = apply("Stateful", "ParDo", "{dofn: 'test:stateful', key: [key, n]}", c, 3);
  apply("ByOne", "ParDo", "{dofn: 'test:plain', key: key}", &c[3], 1);
  apply("Group", "GroupByKey", "{group_by: key}", c, 1);
  apply("Count", "Combine", "{group_by: key, combine: {total: {value: n, fn: sum}}}", c, 1);
  leat_flow_pcollection both[2] = {c[2], windowed};
  apply("CoGroup", "CoGroupByKey", "{group_by: [key, n]}", both, 2);
  apply("Top", "Top", "{n: 3, by: n, group_by: key}", &windowed, 1);
  apply("Spread", "Reshuffle", NULL, &windowed, 1);
  in = apply("Sessions", "WindowInto",
             "{windowing: {type: sessions, gap: 10s, timestamp_combiner: latest}}", &in, 1);
  apply("GroupAll", "Combine", "{group_by: [key, n], combine: {c: {value: n, fn: count}}}", &in, 1);
  apply("Both", "Flatten", NULL, (leat_flow_pcollection[]){windowed, c[0]}, 2);
  leat_status status = leat_flow_portable(flow, &bytes, &err);
  if (!status) fwrite(bytes.ptr, 1, bytes.len, stdout);
  if (status) fprintf(stderr, "%s\n", err.message);
  leat_buf_deinit(&bytes);
  leat_flow_free(flow);
  return status != LEAT_OK;
}
