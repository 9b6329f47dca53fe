// Row text: values, then when and in which window they are.
// SPDX-License-Identifier: Apache-2.0
#include "flow/row_text.h"

#include "flow/windowing.h"
#include "formats/number.h"

#include <inttypes.h>

static void value_text(const leat_flow_field *f, const leat_flow_column *c, int row,
                       leat_buf *out) {
  char number[LEAT_NUMBER_MAX];
  const int32_t *ends = c->values;
  if (!leat_flow_is_valid(c, row)) {
    leat_buf_c(out, "null");
    return;
  }
  switch (f->type) {
    case LEAT_FLOW_TYPE_BOOL: leat_buf_c(out, leat_flow_bool(c, row) ? "true" : "false"); break;
    case LEAT_FLOW_TYPE_INT32:
      leat_buf_fmt(out, "%" PRId32, ((const int32_t *)c->values)[row]);
      break;
    case LEAT_FLOW_TYPE_INT64:
    case LEAT_FLOW_TYPE_TIMESTAMP:
      leat_buf_fmt(out, "%" PRId64, ((const int64_t *)c->values)[row]);
      break;
    case LEAT_FLOW_TYPE_FLOAT:
      leat_buf_add(out, number, leat_format_f32(number, ((const float *)c->values)[row]));
      break;
    case LEAT_FLOW_TYPE_DOUBLE:
      leat_buf_add(out, number, leat_format_f64(number, ((const double *)c->values)[row]));
      break;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: leat_buf_str(out, leat_flow_text(c, row)); break;
    case LEAT_FLOW_TYPE_LIST:
      leat_buf_char(out, '[');
      for (int32_t i = ends[row]; i < ends[row + 1]; i++) {
        if (i > ends[row]) leat_buf_c(out, ", ");
        value_text(f->fields, c->children, i, out);
      }
      leat_buf_char(out, ']');
      break;
    case LEAT_FLOW_TYPE_ROW:
      leat_buf_char(out, '{');
      for (int i = 0; i < f->field_count; i++) {
        if (i) leat_buf_c(out, ", ");
        leat_buf_fmt(out, LEAT_STR_FMT "=", LEAT_STR_ARG(f->fields[i].name));
        value_text(&f->fields[i], &c->children[i], row, out);
      }
      leat_buf_char(out, '}');
      break;
    case LEAT_FLOW_TYPES: break;
  }
}

void leat_flow_row_text(const leat_flow_batch *batch, int row, leat_buf *out) {
  for (int f = 0; f < batch->schema->count; f++) {
    leat_buf_fmt(out, "%s" LEAT_STR_FMT "=", f ? " " : "",
                 LEAT_STR_ARG(batch->schema->fields[f].name));
    value_text(&batch->schema->fields[f], &batch->columns[f], row, out);
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
