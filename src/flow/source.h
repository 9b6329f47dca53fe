// Source: what sources of files have in common: paths, timestamps, rows that do not parse.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_SOURCE_H
#define LEAT_FLOW_SOURCE_H

#include "flow/lines.h"
#include "flow/pipeline.h"

enum { LEAT_FLOW_PIPE_WAIT_MS = 5 };  // before a pipe that has nothing is asked again

// `path` of the config, in the pipeline's arena.
leat_status leat_flow_source_path(leat_flow *flow, const leat_flow_transform *t, const char **out,
                                  leat_error *err);
// The files that it names. quotes: as for leat_flow_files_new.
leat_status leat_flow_source_files(leat_flow *flow, const leat_flow_transform *t, bool quotes,
                                   leat_flow_files **out, leat_error *err);
// `schema` of the config, {FIELD: TYPE, ...}, with types as leat_flow_field_read has them.
leat_status leat_flow_source_schema(leat_flow *flow, const leat_flow_transform *t,
                                    const leat_yaml_node *node, leat_flow_schema *out,
                                    leat_error *err);
// Adds the main output and error_handling's; *errors is the schema of the latter: {source, offset,
// message, record}; NULL: an error ends the run.
leat_status leat_flow_source_outputs(leat_flow *flow, leat_flow_transform *t,
                                     const leat_flow_schema *schema, bool bounded,
                                     const leat_flow_schema **errors, leat_error *err);
// A record that is no row: one more of `errors`, which is of that schema; NULL: fails.
leat_status leat_flow_source_bad(leat_flow_rows *errors, const char *path, int64_t offset,
                                 const char *why, leat_str record, leat_error *err);

bool leat_flow_is_utf8(leat_str text);

// --- Times --------------------------------------------------------------------------------------
// timestamp: {field: at, unit: ms, out_of_orderness: 5s, idle_timeout: 30s}
typedef struct leat_flow_times {
  int field;         // -1: rows are at the beginning of time
  int64_t up, down;  // ms = number * up / down
  int64_t disorder_ms;
  int64_t idle_ms;  // 0: the source holds its watermark however long it has no rows
} leat_flow_times;

leat_status leat_flow_times_read(const leat_flow_transform *t, const leat_flow_schema *schema,
                                 leat_flow_times *out, leat_error *err);
// The time of a value of the field; NULL: it is in *out, else what is wrong.
const char *leat_flow_times_int(const leat_flow_times *times, int64_t value, int64_t *out);
const char *leat_flow_times_double(const leat_flow_times *times, double value, int64_t *out);
const char *leat_flow_times_text(leat_str value, int64_t *out);
const char *leat_flow_times_of(const leat_flow_times *times, leat_flow_type type,
                               const leat_flow_column *c, int row, int64_t *out);
// The same of a row, for ms at once.
static inline const char *leat_flow_times_row(const leat_flow_times *times, leat_flow_type type,
                                              const leat_flow_column *c, int row, int64_t *out) {
  if (type != LEAT_FLOW_TYPE_INT64 || times->up != times->down || !leat_flow_is_valid(c, row))
    return leat_flow_times_of(times, type, c, row, out);
  *out = ((const int64_t *)c->values)[row];
  return *out < LEAT_FLOW_TIME_MIN || *out > LEAT_FLOW_GLOBAL_MAX ? "the timestamp is out of bounds"
                                                                  : NULL;
}

// Moves a watermark to behind the latest timestamp, by the disorder.
static inline void leat_flow_times_mark(const leat_flow_times *times, int64_t latest,
                                        int64_t *watermark) {
  if (times->field >= 0 && latest > LEAT_FLOW_TIME_MIN + times->disorder_ms)
    *watermark = latest - times->disorder_ms;
}

// Of a pipe that has nothing: when that has been so for the idle time-out, no row is expected that
// is older than the time of day less the disorder. *since (ms, 0: it had rows) is the caller's.
static inline void leat_flow_times_idle(const leat_flow_times *times, bool waits, int64_t now,
                                        int64_t *since, int64_t *watermark) {
  if (!waits || !*since) *since = waits ? now : 0;
  bool idle = times->idle_ms && waits && now - *since >= times->idle_ms;
  if (idle && now - times->disorder_ms > *watermark) *watermark = now - times->disorder_ms;
}

#endif
