// Windowing: windows, triggers and lateness as pipeline.yaml says them.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_WINDOWING_H
#define LEAT_FLOW_WINDOWING_H

#include "flow/pipeline.h"

// The fields that `windowing` has, ends with NULL.
extern const char *const leat_flow_strategy_fields[];

// {type: fixed, size: 10s, trigger: {...}, ...} in the pipeline's arena; what it does not say is
// Beam's default. The error names the place.
leat_status leat_flow_strategy_read(leat_flow *flow, const leat_flow_transform *t,
                                    const leat_yaml_node *node, const leat_flow_strategy **out,
                                    leat_error *err);
extern const leat_flow_strategy leat_flow_global;  // the global window, Beam's defaults

// The window of a row whose batch has none: of fixed and global windows, the only one.
static inline leat_flow_window leat_flow_window_of(const leat_flow_strategy *s, int64_t timestamp) {
  leat_flow_window w = {LEAT_FLOW_TIME_MIN, LEAT_FLOW_GLOBAL_MAX + 1};
  leat_flow_window_first(&s->window, timestamp, &w);
  return w;
}

#endif
