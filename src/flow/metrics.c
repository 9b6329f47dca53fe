// Metrics: what each transform has taken in, given out and dropped, as JSON and for Prometheus.
// SPDX-License-Identifier: Apache-2.0
#include "flow/dofn_impl.h"
#include "flow/op.h"
#include "flow/transforms.h"
#include "formats/json.h"
#include "formats/prometheus.h"

#include <inttypes.h>

// The function of a ParDo, NULL for others.
static const leat_dofn *dofn_of(const leat_flow_transform *t) {
  if (t->class != &leat_flow_par_do) return NULL;
  return ((const leat_dofn_plan *)t->plan)->dofn;
}

// --- JSON ---------------------------------------------------------------------------------------
static void key_i64(leat_json_writer *w, const char *key, int64_t value) {
  leat_json_key(w, leat_str_of(key));
  leat_json_i64(w, value);
}

static void write_users(leat_json_writer *w, const leat_flow *flow, const leat_flow_transform *t,
                        const leat_dofn *fn) {
  leat_json_key(w, LEAT_STR("metrics"));
  leat_json_open(w, '{');
  for (int i = 0; i < fn->metric_count; i++) {
    leat_dofn_count c = leat_flow_user_counted(flow, t->id, i);
    leat_json_key(w, leat_str_of(fn->metrics[i].name));
    if (fn->metrics[i].kind != LEAT_METRIC_DISTRIBUTION) {
      leat_json_i64(w, fn->metrics[i].kind == LEAT_METRIC_GAUGE ? c.last : c.sum);
      continue;
    }
    leat_json_open(w, '{');
    key_i64(w, "count", c.count);
    key_i64(w, "sum", c.sum);
    key_i64(w, "min", c.least);
    key_i64(w, "max", c.greatest);
    leat_json_close(w, '}');
  }
  leat_json_close(w, '}');
}

static void write_transform(leat_json_writer *w, const leat_flow *flow,
                            const leat_flow_transform *t) {
  int64_t mark;
  leat_flow_counts c = leat_flow_counted(flow, t->id, &mark);
  double seconds = leat_flow_seconds(flow);
  const leat_dofn *fn = dofn_of(t);
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("name"));
  leat_json_string(w, t->name);
  leat_json_key(w, LEAT_STR("type"));
  leat_json_string(w, leat_str_of(t->class->type));
  key_i64(w, "rows_in", c.rows_in);
  key_i64(w, "rows_out", c.rows_out);
  leat_json_key(w, LEAT_STR("rows_per_second"));
  leat_json_f64(w, seconds > 0 ? (double)(t->inputs.count ? c.rows_in : c.rows_out) / seconds : 0);
  key_i64(w, "rows_queued", c.rows_queued);
  key_i64(w, "dead_letters", c.dead_letters);
  key_i64(w, "dropped_late", c.dropped_late);
  key_i64(w, "dropped_closed", c.dropped_closed);
  key_i64(w, "watermark_ms", mark);
  if (fn && fn->metric_count) write_users(w, flow, t, fn);
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
  if (!status) fwrite(text.ptr, 1, text.len, to);
  return leat_buf_deinit(&text), status;
}

// --- Prometheus ---------------------------------------------------------------------------------
typedef struct family {
  const char *name, *type, *help;
  size_t offset;       // of the count
  const char *reason;  // a label of that name; NULL: none
  bool more;           // of the family before
} family;

#define COUNT(field) offsetof(leat_flow_counts, field)
static const family families[] = {
    {"leat_flow_rows_in_total", "counter", "Rows taken in.", COUNT(rows_in), NULL, false},
    {"leat_flow_rows_out_total", "counter", "Rows given out.", COUNT(rows_out), NULL, false},
    {"leat_flow_dead_letters_total", "counter", "Rows given out by error outputs.",
     COUNT(dead_letters), NULL, false},
    {"leat_flow_dropped_total", "counter", "Rows whose window was over, or its trigger finished.",
     COUNT(dropped_late), "late", false},
    {"leat_flow_dropped_total", "counter", "", COUNT(dropped_closed), "closed", true},
    {"leat_flow_queued_rows", "gauge", "Rows on their way between workers.", COUNT(rows_queued),
     NULL, false},
};

static void put_family(leat_buf *out, const leat_flow *flow, const family *f) {
  if (!f->more) leat_prometheus_head(out, f->name, f->type, f->help);
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    int64_t mark;
    if (!t->class->start) continue;
    leat_flow_counts c = leat_flow_counted(flow, t->id, &mark);
    leat_buf_fmt(out, "%s{", f->name);
    leat_prometheus_label(out, "transform", t->name);
    if (f->reason) leat_buf_fmt(out, ",reason=\"%s\"", f->reason);
    leat_buf_fmt(out, "} %" PRId64 "\n",
                 *(const int64_t *)(const void *)((const char *)&c + f->offset));
  }
}

static void put_watermarks(leat_buf *out, const leat_flow *flow) {
  leat_prometheus_head(out, "leat_flow_watermark_timestamp_seconds", "gauge",
                       "No earlier row is to come out; +Inf at the end.");
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    int64_t mark;
    if (!t->class->start) continue;
    leat_flow_counted(flow, t->id, &mark);
    leat_buf_c(out, "leat_flow_watermark_timestamp_seconds{");
    leat_prometheus_label(out, "transform", t->name);
    if (mark <= LEAT_FLOW_TIME_MIN || mark >= LEAT_FLOW_TIME_MAX)
      leat_buf_fmt(out, "} %s\n", mark < 0 ? "-Inf" : "+Inf");
    else
      leat_buf_fmt(out, "} %.15g\n", (double)mark * 1e-3);
  }
}

// Users' metrics: a family a kind, with the metric's name as a label.
static void put_users(leat_buf *out, const leat_flow *flow, leat_metric_kind kind,
                      const char *family_name, const char *type, const char *help) {
  bool any = false;
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    const leat_dofn *fn = dofn_of(t);
    for (int m = 0; fn && m < fn->metric_count; m++) {
      if (fn->metrics[m].kind != kind) continue;
      if (!any) leat_prometheus_head(out, family_name, type, help);
      any = true;
      leat_dofn_count c = leat_flow_user_counted(flow, t->id, m);
      leat_buf labels = {0};
      leat_prometheus_label(&labels, "transform", t->name);
      leat_buf_char(&labels, ',');
      leat_prometheus_label(&labels, "name", leat_str_of(fn->metrics[m].name));
      const char *l = labels.ptr ? labels.ptr : "";
      if (kind == LEAT_METRIC_DISTRIBUTION)
        leat_buf_fmt(out,
                     "%s{%s,quantile=\"0\"} %" PRId64 "\n%s{%s,quantile=\"1\"} %" PRId64
                     "\n%s_sum{%s} %" PRId64 "\n%s_count{%s} %" PRId64 "\n",
                     family_name, l, c.least, family_name, l, c.greatest, family_name, l, c.sum,
                     family_name, l, c.count);
      else
        leat_buf_fmt(out, "%s{%s} %" PRId64 "\n", family_name, l,
                     kind == LEAT_METRIC_GAUGE ? c.last : c.sum);
      leat_buf_deinit(&labels);
    }
  }
}

leat_status leat_flow_metrics_prometheus(leat_flow *flow, FILE *to, leat_error *err) {
  leat_buf out = {0};
  leat_prometheus_head(&out, "leat_flow_run_seconds", "gauge", "Since the flow started.");
  leat_buf_fmt(&out, "leat_flow_run_seconds %.3f\n", leat_flow_seconds(flow));
  for (size_t i = 0; i < sizeof families / sizeof *families; i++)
    put_family(&out, flow, &families[i]);
  put_watermarks(&out, flow);
  put_users(&out, flow, LEAT_METRIC_COUNTER, "leat_flow_user_total", "counter",
            "Counters of functions.");
  put_users(&out, flow, LEAT_METRIC_GAUGE, "leat_flow_user", "gauge", "Gauges of functions.");
  put_users(&out, flow, LEAT_METRIC_DISTRIBUTION, "leat_flow_user_values", "summary",
            "Distributions of functions: least, greatest, sum and count.");
  leat_status status = leat_buf_status(&out, err);
  if (!status) fwrite(out.ptr, 1, out.len, to);
  return leat_buf_deinit(&out), status;
}
