// Op: a transform at work in one worker; batches and watermarks go in, batches come out.
// SPDX-License-Identifier: Apache-2.0
//
// A worker is a thread with an instance of every transform. What an op gives out reaches the ops
// behind it by a call (they are one stage), but where rows of a key must meet: there a batch is cut
// by the hash of its key and each part goes to the worker of that hash.
//
// Order of calls: (read or batch)* finish_bundle? watermark time ... After a bundle its source's
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
  // Not NULL: `watermark` and `hold` are about input 0 alone, and this tells of the others.
  leat_status (*side_watermark)(leat_flow_op *op, int input, int64_t to, leat_error *err);
  leat_status (*time)(leat_flow_op *op, int64_t now, leat_error *err);  // NULL: nothing to do
  leat_status (*finish_bundle)(leat_flow_op *op, leat_error *err);      // NULL: nothing to do
  // Sources: reads up to a bundle and gives it out; *watermark: no earlier row is to come;
  // LEAT_FLOW_TIME_MAX: the end. *wait_ms: nothing is to be had before (0: ask again at once).
  leat_status (*read)(leat_flow_op *op, int64_t *watermark, int64_t *wait_ms, leat_error *err);
  // Whether a source has something that it took in and has not given out: that is still read when
  // the flow is drained. NULL: never.
  bool (*holds)(const leat_flow_op *op);
  leat_status (*finish)(leat_flow_op *op, leat_error *err);  // a sink makes its files whole
  // Lifting: where rows would be exchanged, they go to `lift` instead, in the worker that has them.
  // What it makes of them it sends on by leat_flow_send, when `lifted` says how far this worker's
  // input has come. NULL, or op->lifts is not set: rows are exchanged one by one.
  leat_status (*lift)(leat_flow_op *op, int input, const leat_flow_batch *batch, leat_error *err);
  leat_status (*lifted)(leat_flow_op *op, int64_t mark, leat_error *err);
  void (*free)(leat_flow_op *op);
} leat_flow_op_class;

typedef struct leat_flow_counts {  // written by the op's worker, read by any (relaxed atomics)
  int64_t rows_in, rows_out, dropped_late, dropped_closed;
  int64_t dead_letters;  // rows given out by error outputs; in rows_out, too
  int64_t rows_queued;   // on their way from other workers, now; any worker changes it
} leat_flow_counts;

typedef struct leat_dofn_count {  // of a metric in one instance; counted like the above
  int64_t sum, count, least, greatest, last;
  int64_t when_ns;  // of a gauge: when it was set
} leat_dofn_count;

struct leat_flow_op {  // the first member of each kind of op
  const leat_flow_op_class *class;
  const leat_flow_transform *transform;
  leat_flow_worker *worker;
  int64_t
      hold;  // the output watermark stays at or before it; `start` sets LEAT_FLOW_TIME_MAX: none
  int64_t input_watermark, output_watermark;  // the runner's
  leat_flow_counts counts;
  leat_dofn_count *user_counts;  // of a DoFn, one a metric that it declares; NULL: none
  bool lifts;
  int waits_for;  // of a source that gave a wait_ms: the descriptor that it is about; 0: only time
};

struct leat_flow_worker {
  leat_flow *flow;
  const leat_flow_options *options;
  leat_flow_run_state *run;
  int index, count;    // of the workers
  int64_t now;         // processing time (ms)
  bool virtual_time;   // `now` is a source's to move (TestStream), not the clock's
  leat_flow_op **ops;  // by transform id; NULL: a composite, or a source that others read
  bool named;          // the error at hand names its transform already
};

// Gives a batch to all users of an output (index of transform->outputs); takes the caller's
// reference. Empty batches end here. NULL is a batch that found no memory.
leat_status leat_flow_emit(leat_flow_op *op, int output, leat_flow_batch *batch, leat_error *err);

// To the op's instances in all workers, by the first `key_count` fields of its schema. Takes the
// caller's reference.
leat_status leat_flow_send(leat_flow_op *op, leat_flow_batch *batch, leat_error *err);

// What each class's `start` calls: the op of `bytes` zeroed but for its head.
leat_status leat_flow_op_new(size_t bytes, const leat_flow_op_class *class,
                             const leat_flow_transform *t, leat_flow_worker *worker, void *out,
                             leat_error *err);

// Of all workers, also while they run; *watermark: the output's, the least of them.
leat_flow_counts leat_flow_counted(const leat_flow *flow, int transform, int64_t *watermark);
// Of a DoFn's metric, joined over the workers; of a gauge `last` is that of the last worker that
// set it.
leat_dofn_count leat_flow_user_counted(const leat_flow *flow, int transform, int metric);
int leat_flow_workers(const leat_flow *flow);     // 0: it has not run
double leat_flow_seconds(const leat_flow *flow);  // that it has run

// The ops of a flow without its workers' threads, to be called by hand: for tests of an op.
leat_status leat__flow_start(leat_flow *flow, const leat_flow_options *options, leat_error *err);
leat_flow_op *leat__flow_op(const leat_flow *flow, int worker, int transform);

static inline void leat_flow_count(int64_t *counter, int64_t more) {
  __atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

#endif
