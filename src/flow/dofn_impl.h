// What ParDo and the functions' calls share: the plan of a transform, its instance in a worker.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_DOFN_IMPL_H
#define LEAT_FLOW_DOFN_IMPL_H

#include "flow/op.h"
#include "flow/side_input.h"
#include "flow/timers.h"
#include "leat/dofn.h"

typedef struct leat_dofn_cell {  // of the plan: a state
  const leat_flow_coder *value, *key;
  const leat_flow_field *type, *key_type;  // key: of a map, else NULL
} leat_dofn_cell;

typedef struct leat_dofn_plan {
  const leat_dofn *dofn;
  leat_str config;
  const int *key_fields;
  int key_count;
  const leat_flow_schema *key_schema;
  const leat_flow_coder *key_coder;  // of the one field, or of a row of them
  leat_dofn_cell *cells;             // one a state
  int *side_keys;                    // one a side input: the index of its key field; -1: none
  bool stateful, by_window;          // has state or timers; is called once a window
} leat_dofn_plan;

typedef enum leat_dofn_at { AT_NOTHING, AT_ROW, AT_TIMER, AT_EXPIRY, AT_BATCH } leat_dofn_at;

typedef struct leat_dofn_op leat_dofn_op;

struct leat_dofn_call {
  leat_dofn_op *op;
  leat_dofn_at at;
  const leat_flow_batch *batch;  // AT_ROW, AT_BATCH
  int row;
  bool windowed;  // `window` is set
  leat_flow_window window;
  int64_t timestamp;
  int64_t fired;  // AT_TIMER in event time: the moment that it was set to
  leat_flow_pane pane;
  leat_flow_scope *scope;  // NULL: no state, no timers
  leat_arena arena;        // of what the function is shown, until it returns
  leat_flow_block *block;  // leat_dofn_memory; NULL: none yet
};

struct leat_dofn_op {
  leat_flow_op op;
  const leat_dofn_plan *plan;
  const leat_flow_strategy *strategy;  // of the main input
  void *self;
  bool set_up, in_bundle;
  leat_dofn_call call;
  leat_flow_rows **rows;  // one an output
  bool *windowed;         // the rows begun have windows
  leat_flow_side **sides;
  leat_flow_rows *waiting;  // rows whose side inputs are not ready
  int64_t waiting_from;     // the least of their times; LEAT_FLOW_TIME_MAX + 1: none
  leat_flow_scopes scopes;
  leat_flow_queue event, processing, holds;
  uint64_t stamp;
  int64_t watermark;  // of the input, with what waits
};

enum { LEAT_DOFN_KEYS = 16 };  // most fields of a key

// What a function needs of its inputs (the main one first) and key: INVALID_ARGUMENT and
// FAILED_PRECONDITION say what does not fit. The fields and config stay the caller's.
leat_status leat_dofn_plan_new(leat_arena *arena, const leat_dofn *dofn, leat_str config,
                               leat_flow_collection *const *inputs, int input_count,
                               const int *key_fields, int key_count, leat_dofn_plan **out,
                               leat_error *err);
const leat_dofn *leat_dofn_find(leat_str name);  // NULL: none; takes a lock
leat_str leat_dofn_nearest(leat_str name);       // empty: none near
int64_t leat_dofn_end_of_life(const leat_dofn_op *op, leat_flow_window window);  // ms
leat_status leat_dofn_flush(leat_dofn_op *op, leat_error *err);  // the rows begun, to all outputs

// The class's `start`.
leat_status leat__par_do_start(const leat_flow_transform *t, leat_flow_worker *worker,
                               leat_flow_op **out, leat_error *err);

#endif
