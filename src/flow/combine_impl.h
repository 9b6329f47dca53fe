// Combine's plan, and accumulators as the fast paths keep them.
// SPDX-License-Identifier: Apache-2.0
//
//   accumulator of a key and window: rows | part | part ...     (stride bytes, zeroed: empty)
//
// Sums of whole numbers and counts lie there as such; other parts as their function keeps them.
#ifndef LEAT_FLOW_COMBINE_IMPL_H
#define LEAT_FLOW_COMBINE_IMPL_H

#include "flow/combine_fn.h"
#include "flow/grouping.h"
#include "flow/key_ids.h"

enum { LEAT_FLOW_PARTS = 64, LEAT_FLOW_NO_FIELD = -1, LEAT_FLOW_WHOLE_ROW = -2 };

typedef enum leat_flow_part_kind {
  LEAT_FLOW_PART_ANY,    // by the function's own calls
  LEAT_FLOW_PART_COUNT,  // the accumulator's rows
  LEAT_FLOW_PART_SUM,    // of INT32 or INT64 that cannot be missing: __int128
} leat_flow_part_kind;

typedef struct leat_flow_part {  // one result
  const leat_flow_combine_fn *fn;
  leat_flow_combined of;
  int value;  // field of the kept rows; LEAT_FLOW_NO_FIELD, LEAT_FLOW_WHOLE_ROW
  int field;  // of the input; the same
  size_t at;  // of its accumulator on the general path
  leat_flow_part_kind kind;
  size_t fast_at;  // of its accumulator on the fast paths
  bool raw;        // its result is the accumulator's bytes, for another worker
} leat_flow_part;

typedef struct leat_flow_combine_plan leat_flow_combine_plan;
struct leat_flow_combine_plan {
  leat_flow_grouping grouping;
  leat_flow_part parts[LEAT_FLOW_PARTS];
  int count;
  size_t bytes;   // of all accumulators on the general path
  size_t stride;  // on the fast paths
  bool compact;   // no part is ANY
  // What a worker makes of its own rows before they are exchanged: the keys, the parts (those that
  // are ANY as bytes), and how many rows they are of. NULL: rows are exchanged one by one, as some
  // part cannot be sent.
  const leat_flow_combine_plan *lifted;
};

typedef struct leat_flow_acc {  // at the start of each accumulator
  int64_t rows;
} leat_flow_acc;

// The column of a part's values: one of the columns, none, or `row`, which is all of them.
static inline const leat_flow_column *leat_flow_part_column(int field, leat_flow_column *columns,
                                                            leat_flow_column *row) {
  *row = (leat_flow_column){.children = columns};
  return field >= 0 ? &columns[field] : field == LEAT_FLOW_WHOLE_ROW ? row : NULL;
}

// Plans of other transforms than Combine (sort.c). `g` was read by leat_flow_grouping_read with a
// field for the one part, which is all rows of a group by `fn`; or with none, and there is no part.
leat_status leat_flow_combine_rows(leat_flow *flow, leat_flow_transform *t,
                                   leat_flow_combine_plan *p, leat_flow_field *field,
                                   const leat_flow_combine_fn *fn, const void *config,
                                   leat_error *err);
const leat_flow_field *leat_flow_row_field(leat_flow *flow, const leat_flow_schema *schema);
leat_status leat_flow_combine_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                    leat_flow_op **out, leat_error *err);

// What the fast paths share.
typedef struct leat_flow_fast_op {
  leat_flow_op op;
  const leat_flow_combine_plan *plan;
  leat_flow_keys keys;
  int32_t ids[LEAT_FLOW_BATCH_ROWS];
  char *accs[LEAT_FLOW_BATCH_ROWS];  // of each row
  char *nowhere;                     // an accumulator for rows that are dropped
  leat_flow_rows *rows;              // results, where they are not put into columns at once
  leat_flow_batch *out;              // else: the batch being filled
  size_t out_text;                   // bytes of its key column
  size_t out_cap;
  leat_flow_pane *panes;  // LEAT_FLOW_BATCH_ROWS alike, in `shared`
  leat_flow_block *shared;
  // Where results go; the default: the op's users.
  leat_status (*give)(void *context, leat_flow_batch *batch, leat_error *err);
  void *context;
} leat_flow_fast_op;

leat_status leat_flow_fast_init(leat_flow_fast_op *f, const leat_flow_combine_plan *plan,
                                leat_error *err);
void leat_flow_fast_deinit(leat_flow_fast_op *f);
// Takes the rows of a batch into f->accs[row], but for their count of rows.
leat_status leat_flow_fast_add(leat_flow_fast_op *f, const leat_flow_batch *batch, leat_error *err);
bool leat_flow_fast_merge(const leat_flow_combine_plan *p, char *into, const char *from);
void leat_flow_fast_subtract(const leat_flow_combine_plan *p, char *from, const char *part);
void leat_flow_fast_clear(const leat_flow_combine_plan *p, char *acc);  // empty again
// One result; the batch goes out when it is full, at the latest with leat_flow_fast_flush.
leat_status leat_flow_fast_result(leat_flow_fast_op *f, int32_t id, const char *acc,
                                  leat_flow_window window, leat_error *err);
leat_status leat_flow_fast_flush(leat_flow_fast_op *f, leat_error *err);

// Whether a plan is one for the fast paths: one pane for each window, when the watermark passes it.
bool leat_flow_combine_is_fast(const leat_flow_combine_plan *p);
leat_status leat_flow_combine_panes_start(const leat_flow_combine_plan *p,
                                          const leat_flow_transform *t, leat_flow_worker *worker,
                                          leat_flow_op **out, leat_error *err);
leat_status leat_flow_combine_sessions_start(const leat_flow_combine_plan *p,
                                             const leat_flow_transform *t, leat_flow_worker *worker,
                                             leat_flow_op **out, leat_error *err);

#endif
