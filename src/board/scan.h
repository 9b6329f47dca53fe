// Reading a serialised Event without copying or allocating: what a record says, as views into it.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_SCAN_H
#define LEAT_BOARD_SCAN_H

#include "base/str.h"

typedef enum leat_value_kind {
  LEAT_VALUE_NONE,    // metadata alone
  LEAT_VALUE_SCALAR,  // simple_value: `scalar`
  LEAT_VALUE_IMAGE,   // the old kinds
  LEAT_VALUE_HISTOGRAM,
  LEAT_VALUE_AUDIO,
  LEAT_VALUE_TENSOR,        // body: a TensorProto
  LEAT_VALUE_GRAPH,         // body: a GraphDef; no tag
  LEAT_VALUE_RUN_METADATA,  // body: a RunMetadata
  LEAT_VALUE_START,         // a session starts: what has that step or a later one is void
  LEAT_VALUE_VERSION,       // body: "brain.Event:2"
} leat_value_kind;

typedef struct leat_event_value {
  double wall;
  int64_t step;
  leat_value_kind kind;
  float scalar;
  leat_str tag;
  leat_str body;      // the message of that kind
  leat_str metadata;  // a SummaryMetadata; "" without one
} leat_event_value;

typedef struct leat_metadata {
  leat_str plugin, content, display_name, description;
  int data_class;  // 0 unknown, 1 scalar, 2 tensor, 3 blob sequence
} leat_metadata;

// Calls take for each value of the event, and once for an event without any (kind NONE, no tag).
// false: the message is damaged; what stood before the damage may have been taken.
bool leat_scan_event(leat_str event, void (*take)(void *context, const leat_event_value *v),
                     void *context);
// A message Summary.Value; wall and step stay as they are.
bool leat_scan_value(leat_str message, leat_event_value *v);
bool leat_scan_metadata(leat_str message, leat_metadata *m);
// The number of a rank-0 TensorProto of floats, doubles or integers. false: it is none.
bool leat_scan_scalar(leat_str tensor, float *out);

#endif
