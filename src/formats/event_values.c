// Event files: text, PR curves, hyperparameters.
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "formats/event_impl.h"
#include "formats/proto.h"

enum { DT_FLOAT = 1, DT_STRING = 7, TENSOR = 2 };

void leat__event_begin(leat_buf *value, const char *tag, const char *plugin, leat_str content,
                       int data_class) {
  leat_proto_bytes(value, 1, leat_str_of(tag));
  size_t metadata = leat_proto_begin(value, 9), data = leat_proto_begin(value, 1);
  leat_proto_bytes(value, 1, leat_str_of(plugin));
  leat_proto_str(value, 2, content);
  leat_proto_end(value, data);
  leat_proto_i64(value, 4, data_class);
  leat_proto_end(value, metadata);
}

static void put_dim(leat_buf *shape, int64_t size) {
  size_t dim = leat_proto_begin(shape, 2);
  leat_proto_i64(shape, 1, size);
  leat_proto_end(shape, dim);
}

void leat__event_strings(leat_buf *value, const leat_str *strings, int count, bool scalar) {
  size_t tensor = leat_proto_begin(value, 8);
  leat_proto_i64(value, 1, DT_STRING);
  size_t shape = leat_proto_begin(value, 2);
  if (!scalar) put_dim(value, count);
  leat_proto_end(value, shape);
  for (int i = 0; i < count; i++) leat_proto_bytes(value, 8, strings[i]);
  leat_proto_end(value, tensor);
}

leat_status leat_event_text(leat_event_writer *w, int64_t step, const char *tag, leat_str text,
                            leat_error *err) {
  leat_buf value = {0};
  leat__event_begin(&value, tag, "text", (leat_str){0}, TENSOR);
  leat__event_strings(&value, &text, 1, true);
  return leat__event_value(w, step, &value, err);
}

// --- PR curves ----------------------------------------------------------------------------------
leat_status leat_event_pr_curve(leat_event_writer *w, int64_t step, const char *tag,
                                const leat_pr_curve *c, leat_error *err) {
  leat_buf value = {0}, about = {0}, rows = {0};
  const double *counts[4] = {c->true_positives, c->false_positives, c->true_negatives,
                             c->false_negatives};
  if (c->thresholds < 2)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%d thresholds; at least 2 are needed",
                          c->thresholds);
  leat_proto_i64(&about, 2, c->thresholds);  // PrCurvePluginData.num_thresholds
  for (int r = 0; r < 6; r++)
    for (int i = 0; i < c->thresholds; i++) {
      double hits = c->true_positives[i];
      double all = hits + (r == 4 ? c->false_positives[i] : c->false_negatives[i]);
      float x = (float)(r < 4 ? counts[r][i] : all > 0 ? hits / all : 0);
      leat_buf_add(&rows, &x, sizeof x);
    }
  leat__event_begin(&value, tag, "pr_curves", leat_buf_view(&about), TENSOR);
  size_t tensor = leat_proto_begin(&value, 8);
  leat_proto_i64(&value, 1, DT_FLOAT);
  size_t shape = leat_proto_begin(&value, 2);
  put_dim(&value, 6);
  put_dim(&value, c->thresholds);
  leat_proto_end(&value, shape);
  leat_proto_bytes(&value, 4, leat_buf_view(&rows));
  leat_proto_end(&value, tensor);
  leat_status status = leat_buf_status(&rows, err);
  if (!status) status = leat__event_value(w, step, &value, err);
  leat_buf_deinit(&value);
  leat_buf_deinit(&about);
  leat_buf_deinit(&rows);
  return status;
}

// --- Hyperparameters ----------------------------------------------------------------------------
// A value that is metadata alone, with the empty tensor that boards expect.
static leat_status put_hparams(leat_event_writer *w, const char *tag, int field, leat_str message,
                               leat_error *err) {
  leat_buf value = {0}, content = {0};
  leat_proto_bytes(&content, field, message);
  leat__event_begin(&value, tag, "hparams", leat_buf_view(&content), TENSOR);
  size_t tensor = leat_proto_begin(&value, 8);
  leat_proto_i64(&value, 1, DT_FLOAT);
  size_t shape = leat_proto_begin(&value, 2), dim = leat_proto_begin(&value, 2);
  leat_proto_end(&value, dim);
  leat_proto_end(&value, shape);
  leat_proto_end(&value, tensor);
  leat_buf_deinit(&content);
  return leat__event_value(w, 0, &value, err);
}

static void put_hyper(leat_buf *out, const leat_hyper *h) {
  size_t entry = leat_proto_begin(out, 1);
  leat_proto_bytes(out, 1, leat_str_of(h->name));
  size_t value = leat_proto_begin(out, 2);
  if (h->text)
    leat_proto_bytes(out, 3, leat_str_of(h->text));
  else if (h->is_truth)
    leat_proto_i64(out, 4, h->number != 0);
  else
    leat_proto_f64(out, 2, h->number);
  leat_proto_end(out, value);
  leat_proto_end(out, entry);
}

leat_status leat_event_hyper(leat_event_writer *w, const leat_hyper *list, size_t count,
                             leat_error *err) {
  leat_buf start = {0};
  for (size_t i = 0; i < count; i++) put_hyper(&start, &list[i]);
  leat_proto_f64(&start, 5, leat_clock_wall());
  leat_status status = leat_buf_status(&start, err);
  if (!status)
    status = put_hparams(w, "_hparams_/session_start_info", 3, leat_buf_view(&start), err);
  leat_buf_deinit(&start);
  return status;
}

leat_status leat_event_hyper_end(leat_event_writer *w, bool succeeded, leat_error *err) {
  leat_buf end = {0};
  leat_proto_i64(&end, 1, succeeded ? 1 : 2);
  leat_proto_f64(&end, 2, leat_clock_wall());
  leat_status status = leat_buf_status(&end, err);
  if (!status) status = put_hparams(w, "_hparams_/session_end_info", 4, leat_buf_view(&end), err);
  leat_buf_deinit(&end);
  return status;
}
