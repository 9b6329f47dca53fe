// What the parts of `leat flow` share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CLI_FLOW_H
#define LEAT_CLI_FLOW_H

#include "cli/cli.h"
#include "flow/op.h"

// The text of a pipeline.yaml ("-": standard input) with {{ variables }} filled in (flow_vars.c).
leat_status flow_read(args *a, const char *path, leat_buf *out, leat_error *err);
leat_status flow_load(args *a, leat_flow **flow, leat_error *err);

// --- flow_view.c: the live view -----------------------------------------------------------------
typedef struct flow_view {
  FILE *to;          // standard error, buffered; NULL: no terminal
  const char *name;  // of the pipeline
  int lines;         // drawn, to be drawn over
  double last;       // seconds at the last drawing
  int64_t *rows;     // by transform, then
} flow_view;

leat_status flow_view_init(flow_view *v, const char *name, const leat_flow *flow, leat_error *err);
void flow_view_deinit(flow_view *v);
// In place, as much as fits; `whole`: all of it, with rates over the whole run.
void flow_view_draw(flow_view *v, const leat_flow *flow, bool whole);
// Whether it prints on a terminal itself, so that a live view would be in its way.
bool flow_prints(const leat_flow *flow);

// --- flow_metrics.c: a port for Prometheus ------------------------------------------------------
typedef struct flow_metrics flow_metrics;
leat_status flow_metrics_start(flow_metrics **out, int port, leat_error *err);
void flow_metrics_set(flow_metrics *m, leat_flow *flow);  // what is given out from now on
void flow_metrics_stop(flow_metrics *m);                  // NULL allowed

int flow_test(args *a);  // flow_test.c: runs the file's tests

// --- flow_graph.c -------------------------------------------------------------------------------
leat_status flow_graph_print(const leat_flow *flow, const char *format, FILE *to, leat_error *err);

#endif
