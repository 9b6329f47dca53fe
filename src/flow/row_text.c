// Row text: values, then when and in which window they are.
// SPDX-License-Identifier: Apache-2.0
#include "flow/row_text.h"

#include "flow/row_json.h"
#include "flow/windowing.h"

#include <inttypes.h>

void leat_flow_row_text(const leat_flow_batch *batch, int row, leat_buf *out) {
  for (int f = 0; f < batch->schema->count; f++) {
    leat_buf_fmt(out, "%s" LEAT_STR_FMT "=", f ? " " : "",
                 LEAT_STR_ARG(batch->schema->fields[f].name));
    if (leat_flow_is_valid(&batch->columns[f], row))
      leat_flow_value_text(out, &batch->schema->fields[f], &batch->columns[f], row);
    else
      leat_buf_c(out, "null");
  }
}

void leat_flow_marks_text(const leat_flow_batch *batch, int row, const leat_flow_strategy *strategy,
                          leat_buf *out) {
  static const char *const timing[] = {"early", "on-time", "late", "unknown"};
  leat_flow_window w =
      batch->windows ? batch->windows[row] : leat_flow_window_of(strategy, batch->timestamps[row]);
  leat_buf_fmt(out, " @%" PRId64 " [%" PRId64 ", %" PRId64 ")", batch->timestamps[row], w.start,
               w.end);
  if (!batch->panes) return;
  const leat_flow_pane *p = &batch->panes[row];
  leat_buf_fmt(out, " %s %" PRId64 " %" PRId64 "%s%s", timing[p->timing], p->index,
               p->on_time_index, p->first ? " first" : "", p->last ? " last" : "");
}
