// Row text: rows as people read them.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_ROW_TEXT_H
#define LEAT_FLOW_ROW_TEXT_H

#include "flow/group.h"

#include "flow/batch.h"

// key=a n=3 tags=["x","y"]: text as it is, else as in JSON; null where there is none.
void leat_flow_row_text(const leat_flow_batch *batch, int row, leat_buf *out);
// " @1000 [0, 10000) on-time 0 0 first last": timestamp, window, pane.
void leat_flow_marks_text(const leat_flow_batch *batch, int row, const leat_flow_strategy *strategy,
                          leat_buf *out);

#endif
