// Event files, read: what TensorFlow, torch, tensorboardX and Leat itself write.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_EVENT_READ_H
#define LEAT_FORMATS_EVENT_READ_H

#include "base/arena.h"
#include "base/vec.h"
#include "leat/tensor.h"

typedef enum leat_event_kind {
  LEAT_EVENT_OTHER,         // of no interest here
  LEAT_EVENT_VERSION,       // bytes: "brain.Event:2"
  LEAT_EVENT_GRAPH,         // bytes: a GraphDef
  LEAT_EVENT_META_GRAPH,    // bytes: a MetaGraphDef
  LEAT_EVENT_RUN_METADATA,  // tag; bytes: a RunMetadata
  LEAT_EVENT_START,         // the session (re)starts: later steps were lost
  LEAT_EVENT_SCALAR,        // a value of a summary, as all below
  LEAT_EVENT_HISTOGRAM,
  LEAT_EVENT_IMAGE,  // bytes: PNG, mostly
  LEAT_EVENT_AUDIO,  // bytes: WAV, mostly
  LEAT_EVENT_TENSOR,
  LEAT_EVENT_METADATA,  // metadata alone, as torch writes hyperparameters
} leat_event_kind;

typedef struct leat_event {
  double wall_time;
  int64_t step;
  leat_event_kind kind;
  leat_str tag;
  leat_str bytes;  // of the kinds above; TENSOR: a TensorProto
  float scalar;
  double min, max, num, sum, sum_squares;  // histogram
  double *limits, *counts;                 // right edges of its buckets, and how many are in each
  size_t limit_count, bucket_count;
  int64_t width, height, color_space;  // image
  float sample_rate;                   // audio
  int64_t channels, frames;
  leat_str content_type;
  bool has_metadata;
  leat_str plugin, plugin_content, display_name, description;
  int64_t data_class;  // 0 unknown, 1 scalar, 2 tensor, 3 blob sequence
} leat_event;

// All that happened in a run.
typedef struct leat_event_log {  // zero-initialised is empty
  LEAT_VEC(leat_event) events;   // in the order of the files; summaries taken apart
  leat_arena arena;              // owns what they point to
} leat_event_log;

// The serialised Event behind what the log holds; a START drops what has its step or a later one.
leat_status leat_event_log_add(leat_event_log *log, leat_str message, leat_error *err);
// A whole file behind what the log holds. An end inside a record ends it without an error: its
// writer may be at work.
leat_status leat_event_log_file(leat_event_log *log, const char *path, leat_error *err);
// The files of a directory with "tfevents" in their names, in order of the names.
leat_status leat_event_log_dir(leat_event_log *log, const char *dir, leat_error *err);
void leat_event_log_deinit(leat_event_log *log);

// The plugin of the board that shows the value: its own, or that of the old kinds of summaries.
leat_str leat_event_plugin(const leat_event *event);
// A scalar as f32 (); a histogram as f32 (buckets, 3) of left edge, right edge and count, without
// the empty buckets at its ends; a tensor as it is; metadata alone f32 (0). INVALID_ARGUMENT for
// other kinds.
leat_status leat_event_tensor(leat_tensor **out, const leat_event *event, leat_error *err);

#endif
