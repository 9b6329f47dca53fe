// Side input: rows of a further collection by window, for the rows of a main one.
// SPDX-License-Identifier: Apache-2.0
//
// A window is ready when its end has passed or, with another than the default trigger, when a pane
// of it has come. With discarding panes the last one is what is seen, else all rows so far.
#ifndef LEAT_FLOW_SIDE_INPUT_H
#define LEAT_FLOW_SIDE_INPUT_H

#include "flow/group.h"
#include "flow/values.h"

typedef struct leat_flow_side leat_flow_side;

// `key`: the field by which rows are looked up; -1: none. The strategy is the side collection's.
leat_status leat_flow_side_new(const leat_flow_schema *schema, const leat_flow_strategy *strategy,
                               int key, leat_flow_side **out, leat_error *err);
void leat_flow_side_free(leat_flow_side *side);  // NULL allowed
leat_status leat_flow_side_batch(leat_flow_side *side, const leat_flow_batch *batch,
                                 leat_error *err);
bool leat_flow_side_watermark(leat_flow_side *side, int64_t to);  // whether it has grown
// Windows whose end is before that are no longer asked for.
void leat_flow_side_forget(leat_flow_side *side, int64_t before);

// The side's window for a main one: of those that hold its last moment the earliest.
leat_flow_window leat_flow_side_window(const leat_flow_side *side, leat_flow_window main);
bool leat_flow_side_ready(const leat_flow_side *side, leat_flow_window window);
// Rows in order of arrival, as values of kind ROW, until the next batch.
size_t leat_flow_side_rows(const leat_flow_side *side, leat_flow_window window,
                           const leat_flow_value **rows);
// The last row of that key; NULL: none. OUT: INVALID_ARGUMENT: a key of another type.
leat_status leat_flow_side_find(leat_flow_side *side, leat_flow_window window,
                                const leat_flow_value *key, const leat_flow_value **row,
                                leat_error *err);

#endif
