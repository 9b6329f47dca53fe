// Op: a transform at work in one worker; batches and watermarks go in, batches come out.
// SPDX-License-Identifier: Apache-2.0
//
// A worker is a thread with an instance of every transform. What an op gives out reaches the ops
// behind it by a call (they are one stage), but where rows of a key must meet: there a batch is cut
// by the hash of its key and each part goes to the worker of that hash.
//
// Order of calls: start_bundle? batch* finish_bundle? watermark ... After a bundle its source's
// watermark moves; each op, in the pipeline's order, is told of its input watermark when it has
// grown, may give out panes, and holds its own output's at `hold`. Time (processing time, ms) goes
// the same way. LEAT_FLOW_TIME_MAX as watermark is the end of input.
#ifndef LEAT_FLOW_OP_H
#define LEAT_FLOW_OP_H

#include "flow/pipeline.h"

typedef struct leat_flow_op_class {
  // A batch of an input (index of transform->inputs); borrowed, ref it to keep it.
  leat_status (*batch)(leat_flow_op *op, int input, const leat_flow_batch *batch, leat_error *err);
  // All inputs have come so far; NULL: nothing to do.
  leat_status (*watermark)(leat_flow_op *op, int64_t to, leat_error *err);
  leat_status (*time)(leat_flow_op *op, int64_t now, leat_error *err);  // NULL: nothing to do
  leat_status (*finish_bundle)(leat_flow_op *op, leat_error *err);      // NULL: nothing to do
  // Sources: reads up to a bundle and gives it out; *watermark: no earlier row is to come;
  // LEAT_FLOW_TIME_MAX: the end. *wait_ms: nothing is to be had before (0: ask again at once).
  leat_status (*read)(leat_flow_op *op, int64_t *watermark, int64_t *wait_ms, leat_error *err);
  leat_status (*finish)(leat_flow_op *op, leat_error *err);  // a sink makes its files whole
  void (*free)(leat_flow_op *op);
} leat_flow_op_class;

struct leat_flow_op {  // the first member of each kind of op
  const leat_flow_op_class *class;
  const leat_flow_transform *transform;
  leat_flow_worker *worker;
  int64_t hold;  // the output watermark stays at or before it; LEAT_FLOW_TIME_MAX: no hold
  int64_t input_watermark, output_watermark;
  int64_t rows_in, rows_out, dropped_late, dropped_closed;  // for metrics
};

struct leat_flow_worker {
  leat_flow *flow;
  const leat_flow_options *options;
  int index, count;    // of the workers
  int64_t now;         // processing time (ms)
  bool virtual_time;   // `now` is a source's to move (TestStream), not the clock's
  leat_flow_op **ops;  // by transform id; NULL: a composite
};

// Gives a batch to all users of an output (index of transform->outputs); takes the caller's
// reference. Empty batches end here.
leat_status leat_flow_emit(leat_flow_op *op, int output, leat_flow_batch *batch, leat_error *err);

#endif
