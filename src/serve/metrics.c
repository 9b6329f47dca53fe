// /metrics: counters in Prometheus' text form.
// SPDX-License-Identifier: Apache-2.0
//
// leat_* follow Prometheus' conventions; those that begin with :tensorflow: are what TensorFlow
// Serving's dashboards look for.
#include "base/clock.h"
#include "formats/prometheus.h"
#include "serve/serve_impl.h"

#include <stdio.h>
#include <unistd.h>

typedef struct family {
  const char *name, *type, *help;
  const char *unit;  // of a histogram's values: "us" is printed in seconds; NULL as it is
  void (*sample)(leat_buf *out, const struct family *f, const leat_version *v);
} family;

static void put_labels(leat_buf *out, const leat_version *v) {
  leat_prometheus_label(out, "model", leat_str_of(v->model));
  leat_buf_char(out, ',');
  leat_prometheus_label(out, "version", leat_str_of(v->name));
}

static void put_count(leat_buf *out, const char *name, const leat_version *v, int64_t value) {
  leat_buf_fmt(out, "%s{", name);
  put_labels(out, v);
  leat_buf_fmt(out, "} %lld\n", (long long)value);
}

static void put_status(leat_buf *out, const leat_version *v, const char *status, int64_t value) {
  leat_buf_c(out, "leat_requests_total{");
  put_labels(out, v);
  leat_buf_fmt(out, ",status=\"%s\"} %lld\n", status, (long long)value);
}

static void requests(leat_buf *out, const family *f, const leat_version *v) {
  put_status(out, v, "OK", leat_count(&v->stats->succeeded));
  for (int i = 1; i <= LEAT_UNAUTHENTICATED; i++)
    if (leat_count(&v->stats->by_status[i]))
      put_status(out, v, leat_status_name((leat_status)i), leat_count(&v->stats->by_status[i]));
}

static void rows(leat_buf *out, const family *f, const leat_version *v) {
  put_count(out, f->name, v, leat_count(&v->stats->run_rows.sum));
}
static void runs(leat_buf *out, const family *f, const leat_version *v) {
  put_count(out, f->name, v, leat_histogram_count(&v->stats->run_rows));
}
static void queued(leat_buf *out, const family *f, const leat_version *v) {
  put_count(out, f->name, v,
            atomic_load(&v->state) == LEAT_SERVING_AVAILABLE && v->batcher
                ? leat_batcher_waiting(v->batcher)
                : 0);
}
static void available(leat_buf *out, const family *f, const leat_version *v) {
  put_count(out, f->name, v, atomic_load(&v->state) == LEAT_SERVING_AVAILABLE);
}

static void put_histogram(leat_buf *out, const family *f, const leat_version *v,
                          const leat_histogram *h) {
  bool seconds = f->unit != NULL;
  int64_t sum = 0;
  for (int i = 0; i < LEAT_HISTOGRAM_BUCKETS; i++) {
    sum += leat_count(&h->buckets[i]);
    leat_buf_fmt(out, "%s_bucket{", f->name);
    put_labels(out, v);
    if (i == LEAT_HISTOGRAM_BUCKETS - 1)
      leat_buf_c(out, ",le=\"+Inf\"");
    else
      leat_buf_fmt(out, ",le=\"%.9g\"", seconds ? (double)(1ll << i) * 1e-6 : (double)(1ll << i));
    leat_buf_fmt(out, "} %lld\n", (long long)sum);
  }
  double total = (double)leat_count(&h->sum);
  leat_buf_fmt(out, "%s_sum{", f->name);
  put_labels(out, v);
  leat_buf_fmt(out, "} %.9g\n%s_count{", seconds ? total * 1e-6 : total, f->name);
  put_labels(out, v);
  leat_buf_fmt(out, "} %lld\n", (long long)sum);
}

static void latency(leat_buf *out, const family *f, const leat_version *v) {
  put_histogram(out, f, v, &v->stats->latency_us);
}
static void run_time(leat_buf *out, const family *f, const leat_version *v) {
  put_histogram(out, f, v, &v->stats->run_us);
}
static void batches(leat_buf *out, const family *f, const leat_version *v) {
  put_histogram(out, f, v, &v->stats->run_rows);
}

static const family families[] = {
    {"leat_requests_total", "counter", "Requests for predictions.", NULL, requests},
    {"leat_rows_total", "counter", "Rows that were predicted.", NULL, rows},
    {"leat_runs_total", "counter", "Calls of the model.", NULL, runs},
    {"leat_queued_rows", "gauge", "Rows that wait for a batch.", NULL, queued},
    {"leat_version_available", "gauge", "Whether the version is served.", NULL, available},
    {"leat_request_duration_seconds", "histogram", "From first byte to answer.", "us", latency},
    {"leat_run_duration_seconds", "histogram", "Of a call of the model.", "us", run_time},
    {"leat_run_rows", "histogram", "Rows in a call of the model.", NULL, batches},
};

// --- TensorFlow Serving's -----------------------------------------------------------------------
static void tf_counts(leat_buf *out, const leat_version_list *list) {
  leat_buf_c(out, "# TYPE :tensorflow:serving:request_count counter\n");
  for (size_t i = 0; i < list->count; i++) {
    const leat_stats *s = list->at[i]->stats;
    for (int status = 0; status <= LEAT_UNAUTHENTICATED; status++) {
      int64_t count = status ? leat_count(&s->by_status[status]) : leat_count(&s->succeeded);
      if (status && !count) continue;
      leat_buf_c(out, ":tensorflow:serving:request_count{");
      leat_prometheus_label(out, "model_name", leat_str_of(list->at[i]->model));
      leat_buf_fmt(out, ",version=\"%lld\",status=\"%s\"} %lld\n", (long long)list->at[i]->number,
                   leat_status_name((leat_status)status), (long long)count);
    }
  }
}

static void tf_histogram(leat_buf *out, const leat_version_list *list, const char *name,
                         size_t offset) {
  leat_buf_fmt(out, "# TYPE %s histogram\n", name);
  for (size_t i = 0; i < list->count; i++) {
    const leat_version *v = list->at[i];
    const leat_histogram *h =
        (const leat_histogram *)(const void *)((const char *)v->stats + offset);
    int64_t sum = 0;
    for (int k = 0; k < LEAT_HISTOGRAM_BUCKETS; k++) {
      char bound[24];
      sum += leat_count(&h->buckets[k]);
      snprintf(bound, sizeof bound, "%lld", 1ll << k);
      leat_buf_fmt(out, "%s_bucket{", name);
      leat_prometheus_label(out, "model_name", leat_str_of(v->model));
      leat_buf_fmt(out, ",version=\"%lld\",le=\"%s\"} %lld\n", (long long)v->number,
                   k == LEAT_HISTOGRAM_BUCKETS - 1 ? "+Inf" : bound, (long long)sum);
    }
    leat_buf_fmt(out, "%s_sum{", name);
    leat_prometheus_label(out, "model_name", leat_str_of(v->model));
    leat_buf_fmt(out, ",version=\"%lld\"} %lld\n%s_count{", (long long)v->number,
                 (long long)leat_count(&h->sum), name);
    leat_prometheus_label(out, "model_name", leat_str_of(v->model));
    leat_buf_fmt(out, ",version=\"%lld\"} %lld\n", (long long)v->number, (long long)sum);
  }
}

// --- The server's own ---------------------------------------------------------------------------
static int64_t resident_bytes(void) {
  long long pages = 0, resident = 0;
  FILE *f = fopen("/proc/self/statm", "re");
  if (f && fscanf(f, "%lld %lld", &pages, &resident) != 2) resident = 0;
  if (f) fclose(f);
  return resident * sysconf(_SC_PAGESIZE);
}

static void put_own(leat_buf *out, const char *name, const char *type, const char *help,
                    double value) {
  leat_prometheus_head(out, name, type, help);
  leat_buf_fmt(out, "%s %.17g\n", name, value);
}

static void put_server(leat_serve *s, leat_buf *out) {
  leat_net_counters c;
  leat_server_counters(s->server, &c);
  put_own(out, "leat_connections", "gauge", "Open connections.", (double)c.connections);
  put_own(out, "leat_connections_accepted_total", "counter", "Connections that came.",
          (double)c.accepted);
  put_own(out, "leat_http_requests_total", "counter", "Requests of any kind.", (double)c.requests);
  put_own(out, "leat_http_refused_total", "counter", "Requests that the server itself refused.",
          (double)c.refused);
  put_own(out, "leat_buffer_bytes", "gauge", "Bytes in buffers of connections.", (double)c.memory);
  put_own(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
          (double)resident_bytes());
  put_own(out, "leat_uptime_seconds", "gauge", "Since the server started.",
          (double)(leat_clock_ns() - s->started_ns) * 1e-9);
}

void leat__metrics(leat_serve *s, leat_exchange *x) {
  leat_version_list list;
  leat_error err;
  if (leat_models_list(s->models, (leat_str){0}, &list, &err)) {
    leat_serve_error(x, leat_http_status(err.status), err.message);
    return;
  }
  for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
    const family *f = &families[i];
    leat_prometheus_head(&x->reply, f->name, f->type, f->help);
    for (size_t k = 0; k < list.count; k++) f->sample(&x->reply, f, list.at[k]);
  }
  put_server(s, &x->reply);
  tf_counts(&x->reply, &list);
  tf_histogram(&x->reply, &list, ":tensorflow:serving:request_latency",
               offsetof(leat_stats, latency_us));
  tf_histogram(&x->reply, &list, ":tensorflow:serving:runtime_latency",
               offsetof(leat_stats, run_us));
  leat_version_list_free(&list);
  leat_reply_field(x, "content-type", LEAT_STR("text/plain; version=0.0.4; charset=utf-8"));
  leat_reply_send(x, 200);
}
