// A port that gives a flow's metrics to Prometheus while it runs.
// SPDX-License-Identifier: Apache-2.0
//
// The flow's first worker sets the text now and then; the server's thread gives out the last one.
#include "cli/flow.h"
#include "net/server.h"

#include <pthread.h>
#include <stdlib.h>

struct flow_metrics {
  leat_server *server;
  pthread_mutex_t lock;
  leat_buf text;
};

static void answer(void *context, leat_exchange *x) {
  flow_metrics *m = context;
  if (!leat_str_eq(x->path, LEAT_STR("/metrics"))) {
    leat_buf_c(&x->reply, "the metrics are at /metrics\n");
    leat_reply_field(x, "content-type", LEAT_STR("text/plain; charset=utf-8"));
    leat_reply_send(x, 404);
    return;
  }
  pthread_mutex_lock(&m->lock);
  leat_buf_str(&x->reply, leat_buf_view(&m->text));
  pthread_mutex_unlock(&m->lock);
  leat_reply_field(x, "content-type", LEAT_STR("text/plain; version=0.0.4; charset=utf-8"));
  leat_reply_send(x, 200);
}

leat_status flow_metrics_start(flow_metrics **out, int port, leat_error *err) {
  flow_metrics *m = *out = leat__calloc(1, sizeof *m);
  if (!m) return leat__oom(err, sizeof *m);
  pthread_mutex_init(&m->lock, NULL);
  char address[32];
  snprintf(address, sizeof address, "127.0.0.1:%d", port);
  const char *listen[] = {address};
  leat_net_options options = {
      .listen = listen, .listen_count = 1, .threads = 1, .handler = answer, .context = m};
  leat_status status = leat_server_start(&m->server, &options, err);
  if (status) {
    m->server = NULL;
    flow_metrics_stop(m);
    *out = NULL;
    return leat_error_prepend(err, status, "--metrics-port");
  }
  fprintf(stderr, "metrics at http://127.0.0.1:%d/metrics\n", leat_server_port(m->server, 0));
  return LEAT_OK;
}

void flow_metrics_set(flow_metrics *m, leat_flow *flow) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) return;
  leat_status status = leat_flow_metrics_prometheus(flow, f, NULL);
  fclose(f);
  if (!status) {
    pthread_mutex_lock(&m->lock);
    leat_buf_clear(&m->text);
    leat_buf_add(&m->text, text, size);
    pthread_mutex_unlock(&m->lock);
  }
  free(text);
}

void flow_metrics_stop(flow_metrics *m) {
  if (!m) return;
  leat_server_stop(m->server);
  pthread_mutex_destroy(&m->lock);
  leat_buf_deinit(&m->text);
  leat__free(m);
}
