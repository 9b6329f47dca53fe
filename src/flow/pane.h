// Pane: event time's bounds, and what a pane tells of itself.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_PANE_H
#define LEAT_FLOW_PANE_H

#include "leat/api.h"

// Event and processing time are int64 milliseconds since 1970. What lies outside is an error where
// it enters; the watermark's end is MAX.
#define LEAT_FLOW_TIME_MAX INT64_C(9223372036854775)
#define LEAT_FLOW_TIME_MIN (-LEAT_FLOW_TIME_MAX)
#define LEAT_FLOW_GLOBAL_MAX INT64_C(9223371950454775)  // the global window's max_timestamp

typedef enum leat_flow_timing {  // the numbers of the pane byte
  LEAT_FLOW_EARLY,
  LEAT_FLOW_ON_TIME,
  LEAT_FLOW_LATE,
  LEAT_FLOW_TIMING_UNKNOWN,  // before any grouping
} leat_flow_timing;

typedef struct leat_flow_pane {
  bool first, last;         // of its key and window
  leat_flow_timing timing;  // against the watermark
  int64_t index;            // from 0
  int64_t on_time_index;    // among those that are not early, from 0; -1: early
} leat_flow_pane;

#endif
