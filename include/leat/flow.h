// Flow: pipelines over bounded and unbounded collections, by Apache Beam's model.
// SPDX-License-Identifier: Apache-2.0
//
// A pipeline is built by applying transforms by name, each with its config as YAML (JSON is YAML,
// too): what pipeline.yaml says under `type` and `config`. Nothing in it is a pointer, so it can be
// printed, compared and sent away. Elements are rows with named fields. A pipeline belongs to one
// thread at a time; leat_flow_drain may be called from any thread and from a signal handler.
//
//   leat_flow *flow; leat_flow_pcollection lines, words, counts;
//   leat_flow_new(&flow, &err);
//   leat_flow_apply(flow, "Read", "ReadFromText", "{path: in.txt}", NULL, 0, &lines, &err);
//   leat_flow_apply(flow, "Split", "ParDo", "{dofn: 'wordcount:split'}", &lines, 1, &words, &err);
//   leat_flow_apply(flow, "Count", "Combine", "{group_by: word, combine: {n: {fn: count}}}", ...);
//   leat_flow_run(flow, NULL, &err);
#ifndef LEAT_FLOW_H
#define LEAT_FLOW_H

#include "leat/error.h"
#include "leat/str.h"

#include <stdint.h>
#include <stdio.h>

LEAT_BEGIN

typedef struct leat_flow leat_flow;

typedef struct leat_flow_pcollection {  // of the flow that gave it out
  int id;
} leat_flow_pcollection;

// Adds the transforms that read model.yaml: Features, AnalyzeFeatures. Once, before the first flow
// is made; the program `leat` does it.
LEAT_API void leat_flow_use_features(void);

LEAT_API leat_status leat_flow_new(leat_flow **out, leat_error *err);
LEAT_API void leat_flow_free(leat_flow *flow);  // NULL allowed

// Adds a transform. `name` is unique in the pipeline; config NULL: none. `out` (may be NULL) is its
// main output. NOT_FOUND: no such transform; INVALID_ARGUMENT: what is wrong in the config, with
// its line and column, or in the inputs, with the nearest field.
LEAT_API leat_status leat_flow_apply(leat_flow *flow, const char *name, const char *type,
                                     const char *config, const leat_flow_pcollection *inputs,
                                     int input_count, leat_flow_pcollection *out, leat_error *err);
// Applies all transforms of a pipeline.yaml, in Beam YAML's shape. Errors name `file` with line and
// column.
LEAT_API leat_status leat_flow_load(leat_flow *flow, const char *text, const char *file,
                                    leat_error *err);
// Another output by its tag ("errors"). NOT_FOUND names those that there are.
LEAT_API leat_status leat_flow_tagged(leat_flow *flow, const char *name, const char *tag,
                                      leat_flow_pcollection *out, leat_error *err);
// "{ts: int64, key: string?}", valid as long as the flow.
LEAT_API const char *leat_flow_schema_text(leat_flow *flow, leat_flow_pcollection collection);

typedef struct leat_flow_options {  // zero: the defaults
  int threads;                      // 0: one for each core
  bool streaming;     // watermarks advance as input is read; else bounded input is one step of time
  int64_t seed;       // of samples
  bool general_path;  // groupings go the slower way without special cases, for comparison
  double progress_s;  // between calls of `progress`; 0: never
  void (*progress)(void *context, leat_flow *flow);  // may read leat_flow_metrics_json
  void *context;
} leat_flow_options;

// Runs until all input is read and all panes are out, or drained. Can be run once.
LEAT_API leat_status leat_flow_run(leat_flow *flow, const leat_flow_options *options,
                                   leat_error *err);
// Sources stop, windows close as at the end of input, sinks finish.
LEAT_API void leat_flow_drain(leat_flow *flow);
// Counts, rates, watermarks and users' metrics by transform, as JSON, and in Prometheus' text form
// (leat_flow_*, label `transform`). On the flow's thread, or from `progress`.
LEAT_API leat_status leat_flow_metrics_json(leat_flow *flow, FILE *to, leat_error *err);
LEAT_API leat_status leat_flow_metrics_prometheus(leat_flow *flow, FILE *to, leat_error *err);

LEAT_END

#endif
