// Metrics: what each transform has taken in, given out and dropped, as JSON.
// SPDX-License-Identifier: Apache-2.0
#include "flow/op.h"
#include "formats/json.h"

static void key_i64(leat_json_writer *w, const char *key, int64_t value) {
  leat_json_key(w, leat_str_of(key));
  leat_json_i64(w, value);
}

static void write_transform(leat_json_writer *w, const leat_flow *flow,
                            const leat_flow_transform *t) {
  int64_t mark;
  leat_flow_counts c = leat_flow_counted(flow, t->id, &mark);
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("name"));
  leat_json_string(w, t->name);
  leat_json_key(w, LEAT_STR("type"));
  leat_json_string(w, leat_str_of(t->class->type));
  key_i64(w, "rows_in", c.rows_in);
  key_i64(w, "rows_out", c.rows_out);
  key_i64(w, "dropped_late", c.dropped_late);
  key_i64(w, "dropped_closed", c.dropped_closed);
  key_i64(w, "watermark_ms", mark);
  leat_json_close(w, '}');
}

leat_status leat_flow_metrics_json(leat_flow *flow, FILE *to, leat_error *err) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text};
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("seconds"));
  leat_json_f64(&w, leat_flow_seconds(flow));
  leat_json_key(&w, LEAT_STR("transforms"));
  leat_json_open(&w, '[');
  for (size_t i = 0; i < flow->transforms.count; i++)
    if (flow->transforms.at[i]->class->start) write_transform(&w, flow, flow->transforms.at[i]);
  leat_json_close(&w, ']');
  leat_json_close(&w, '}');
  leat_buf_char(&text, '\n');
  leat_status status = leat_buf_status(&text, err);
  if (!status && fwrite(text.ptr, 1, text.len, to) != text.len)
    status = leat_error_set(err, LEAT_UNAVAILABLE, "the metrics could not be written");
  return leat_buf_deinit(&text), status;
}
