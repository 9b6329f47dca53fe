// The prediction server: starting, stopping, the control thread, and who answers what.
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "serve/grpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TURN_MS = 250 };

// --- Answers ------------------------------------------------------------------------------------
static const leat_field cors_fields[] = {
    {{"access-control-allow-methods", 28}, {"POST, GET, OPTIONS", 18}},
    {{"access-control-allow-headers", 28},
     {"Content-Type, Authorization, Inference-Header-Content-Length", 60}},
};

void leat_serve_json(leat_exchange *x, int status) {
  leat_reply_field(x, "content-type", LEAT_STR("application/json"));
  leat_reply_send(x, status);
}

void leat_serve_error(leat_exchange *x, int status, const char *message) {
  leat_buf_clear(&x->reply);
  leat_buf_c(&x->reply, "{\"error\": ");
  leat_json_quote(&x->reply, leat_str_of(message));
  leat_buf_c(&x->reply, "}\n");
  if (status == 401) leat_reply_field(x, "www-authenticate", LEAT_STR("Bearer"));
  leat_serve_json(x, status);
}

void leat__serve_malformed(leat_exchange *x, int status) {
  char text[512];
  snprintf(text, sizeof text, "Malformed request: %.*s %.*s",
           (int)(x->method.len < 32 ? x->method.len : 32), x->method.ptr,
           (int)(x->path.len < 400 ? x->path.len : 400), x->path.ptr);
  leat_serve_error(x, status, text);
}

void leat__serve_method(leat_exchange *x, const char *allowed) {
  leat_reply_field(x, "allow", leat_str_of(allowed));
  leat__serve_malformed(x, 405);
}

static void refuse(void *context, leat_exchange *x, int status, const char *message) {
  leat_buf_clear(&x->reply);
  leat_buf_c(&x->reply, "{\"error\": ");
  leat_json_quote(&x->reply, leat_str_of(message));
  leat_buf_c(&x->reply, "}\n");
  leat_reply_field(x, "content-type", LEAT_STR("application/json"));
}

static void add_common_fields(const leat_serve *s, leat_exchange *x) {
  leat_str id = leat_exchange_field(x, "x-request-id");
  leat_str trace = leat_exchange_field(x, "traceparent");
  if (id.len) leat_reply_field(x, "x-request-id", id);
  if (trace.len) leat_reply_field(x, "traceparent", trace);
  if (!s->options.cors_origin) return;
  leat_reply_field(x, "access-control-allow-origin", leat_str_of(s->options.cors_origin));
  for (size_t i = 0; i < sizeof cors_fields / sizeof *cors_fields; i++)
    leat_reply_field(x, cors_fields[i].name.ptr, cors_fields[i].value);
}

// --- Access -------------------------------------------------------------------------------------
leat_role leat_serve_role(const leat_serve *s, const leat_exchange *x) {
  if (!s->tokens) return LEAT_ROLE_ADMIN;
  return leat__tokens_role(s->tokens, leat_exchange_field(x, "authorization"));
}

bool leat_serve_allows(const leat_serve *s, leat_exchange *x, leat_role role) {
  leat_role own = leat_serve_role(s, x);
  if (own >= role) return true;
  if (own == LEAT_ROLE_NONE)
    leat_serve_error(x, 401, "a valid bearer token is needed");
  else
    leat_serve_error(x, 403, "the token does not allow this");
  return false;
}

// --- Dispatch -----------------------------------------------------------------------------------
static bool starts_no_case(leat_str s, const char *prefix) {
  size_t i = 0;
  for (; prefix[i] && i < s.len; i++) {
    char c = s.ptr[i];
    if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
    if (c != prefix[i]) return false;
  }
  return !prefix[i];
}

static void answer_root(leat_exchange *x) {
  if (leat_accepts(x, "text/html")) {
    leat_buf_c(
        &x->reply,
        "<!doctype html><title>leat</title><p>A prediction server. <a href=\"/v1/models\">"
        "Models</a>, <a href=\"/openapi.json\">API</a>, <a href=\"/metrics\">metrics</a>.\n");
    leat_reply_field(x, "content-type", LEAT_STR("text/html; charset=utf-8"));
    leat_reply_send(x, 200);
    return;
  }
  leat_buf_c(&x->reply, "{\"status\": \"alive\"}\n");
  leat_serve_json(x, 200);
}

typedef struct page {
  const char *path;
  void (*answer)(leat_serve *serve, leat_exchange *x);
} page;

static const page pages[] = {
    {"/metrics", leat__metrics},
    {"/monitoring/prometheus/metrics", leat__metrics},
    {"/openapi.json", leat__openapi},
};

static bool answer_page(leat_serve *s, leat_exchange *x) {
  bool reads = leat__is(x->method, "GET") || leat__is(x->method, "HEAD");
  if (leat__is(x->path, "/")) {
    if (reads)
      answer_root(x);
    else
      leat__serve_method(x, "GET, HEAD");
    return true;
  }
  for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
    if (!leat__is(x->path, pages[i].path)) continue;
    if (!reads)
      leat__serve_method(x, "GET, HEAD");
    else if (leat_serve_allows(s, x, LEAT_ROLE_PREDICTOR))
      pages[i].answer(s, x);
    return true;
  }
  return false;
}

static void handle(void *context, leat_exchange *x) {
  leat_serve *s = context;
  const leat_serve_extension *e = &s->options.extension;
  if (leat_grpc_is(x)) {
    leat__grpc(s, x);
    return;
  }
  add_common_fields(s, x);
  if (s->options.cors_origin && leat__is(x->method, "OPTIONS"))
    leat_reply_send(x, 204);
  else if (starts_no_case(x->path, "/v1/models"))
    leat__tfs_rest(s, x);
  else if (leat__is(x->path, "/v2") || leat_str_starts(x->path, LEAT_STR("/v2/")))
    leat__v2_rest(s, x);
  else if (!answer_page(s, x) && !(e->handle && e->handle(e->context, s, x)))
    leat__serve_malformed(x, 404);
}

static void log_line(void *context, const leat_exchange *x) {
  const leat_serve *s = context;
  if (s->access_log >= 0) leat__access_line(s->access_log, x);
}

static bool streams(void *context, const leat_exchange *x) { return leat__grpc_streams(x); }

// ML Engine's predictions are small.
static int64_t body_limit(void *context, const leat_exchange *x) {
  bool cloud = leat_str_starts(x->path, LEAT_STR("/v1/projects/")) &&
               leat_str_ends(x->path, LEAT_STR(":predict"));
  return cloud ? 1572864 : 0;
}

// --- Versions -----------------------------------------------------------------------------------
static leat_status begin_version(void *context, leat_version *v, leat_error *err) {
  const leat_serve *s = context;
  const leat_batch_options batch = {s->options.max_batch, s->options.batch_delay_us,
                                    s->options.max_queue};
  if (batch.max_rows <= 0 || !v->batched) return LEAT_OK;
  return leat_batcher_new(&v->batcher, v, &batch, err);
}

static void end_version(void *context, leat_version *v) {
  leat_batcher_free(v->batcher);
  v->batcher = NULL;
}

static leat_status warm_version(void *context, leat_version *v, leat_error *err) {
  return leat__warm_up(v, err);
}

static void note(void *context, const char *message) {
  const leat_serve *s = context;
  if (s->options.note) s->options.note(s->options.context, message);
}

// --- The control thread -------------------------------------------------------------------------
static void end_order(leat_order *order, leat_status status, const leat_error *err) {
  order->done(order, status, err);
  leat_arena_deinit(&order->arena);
  leat__free(order);
}

static leat_order *copy_order(const leat_source_change *change) {
  leat_order *o = leat__calloc(1, sizeof *o);
  if (!o) return NULL;
  o->change = *change;
  o->change.model.ptr = leat_arena_str(&o->arena, change->model);
  o->change.config.ptr = leat_arena_str(&o->arena, change->config);
  if (o->change.model.ptr && o->change.config.ptr) return o;
  leat_arena_deinit(&o->arena);
  leat__free(o);
  return NULL;
}

void leat__serve_order(leat_serve *s, leat_exchange *x, const leat_source_change *change,
                       leat_order_done *done) {
  leat_error err = {0};
  leat_order none = {.x = x}, *order = copy_order(change);
  if (!order) {
    leat__oom(&err, sizeof *order);
    done(&none, err.status, &err);
    return;
  }
  order->done = done;
  order->x = x;
  if (!s->source)
    leat_error_set(&err, LEAT_FAILED_PRECONDITION,
                   "what is served comes from a registry; change it there");
  pthread_mutex_lock(&s->lock);
  if (s->stop) leat_error_set(&err, LEAT_UNAVAILABLE, "the server ends");
  leat_order **at = &s->orders;
  while (*at) at = &(*at)->next;
  if (!err.status) *at = order;
  pthread_cond_signal(&s->wake);
  pthread_mutex_unlock(&s->lock);
  if (err.status) end_order(order, err.status, &err);
}

static void do_orders(leat_serve *s, leat_order *orders) {
  while (orders) {
    leat_order *order = orders;
    leat_error err = {0};
    orders = order->next;
    leat_status status = leat_source_apply(s->source, &order->change, s->models, &err);
    end_order(order, status, &err);
  }
}

static bool due(int64_t *last_ms, int64_t now_ms, int64_t every_ms) {
  if (every_ms <= 0 || now_ms - *last_ms < every_ms) return false;
  *last_ms = now_ms;
  return true;
}

// What goes wrong is told once, not at each turn.
static void tell(leat_serve *s, leat_status status, const leat_error *err, leat_error *last) {
  if (status && strcmp(err->message, last->message) != 0) note(s, err->message);
  *last = status ? *err : (leat_error){0};
}

static void turn(leat_serve *s, int64_t *polled_ms, int64_t *read_ms, leat_error *last) {
  const leat_serve_options *o = &s->options;
  leat_error err;
  int64_t now = leat_clock_ns() / 1000000;
  int failed;
  leat_status status = LEAT_OK;
  if (s->source && due(read_ms, now, o->config_poll_ms))
    status = leat_source_reread(s->source, &err);
  if (!status && s->source && due(polled_ms, now, o->file_poll_ms ? o->file_poll_ms : 1000))
    status = leat_source_poll(s->source, s->models, false, &failed, &err);
  if (!status && o->extension.tick) status = o->extension.tick(o->extension.context, s, &err);
  tell(s, status, &err, last);
  leat_models_collect(s->models);
  leat__health_tell(s, false);
}

void leat_serve_wake(leat_serve *s) {
  pthread_mutex_lock(&s->lock);
  pthread_cond_signal(&s->wake);
  pthread_mutex_unlock(&s->lock);
}

static void *control(void *of) {
  leat_serve *s = of;
  int64_t polled = leat_clock_ns() / 1000000, read = polled;
  leat_error last = {0};
  setpriority(PRIO_PROCESS, (id_t)gettid(), 10);  // loading gives way to requests
  pthread_mutex_lock(&s->lock);
  while (!s->stop) {
    leat_order *orders = s->orders;
    s->orders = NULL;
    if (!orders) {
      struct timespec at;
      clock_gettime(CLOCK_REALTIME, &at);
      at.tv_nsec += TURN_MS * 1000000;
      at.tv_sec += at.tv_nsec / 1000000000;
      at.tv_nsec %= 1000000000;
      pthread_cond_timedwait(&s->wake, &s->lock, &at);
    }
    pthread_mutex_unlock(&s->lock);
    do_orders(s, orders);
    turn(s, &polled, &read, &last);
    pthread_mutex_lock(&s->lock);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

// --- Starting -----------------------------------------------------------------------------------
static leat_status load_first(leat_serve *s, leat_error *err) {
  const leat_serve_options *o = &s->options;
  int failed = 0;
  leat_status status = LEAT_OK;
  if (s->source) status = leat_source_poll(s->source, s->models, true, &failed, err);
  if (!status && failed) {
    leat_version_list list;
    status = leat_models_list(s->models, (leat_str){0}, &list, err);
    for (size_t i = 0; !status && i < list.count; i++)
      if (list.at[i]->failure.status) {
        *err = list.at[i]->failure;
        status = leat_error_prepend(err, err->status, "model '%s' version %s", list.at[i]->model,
                                    list.at[i]->name);
      }
    leat_version_list_free(&list);
  }
  if (!status && o->extension.tick) status = o->extension.tick(o->extension.context, s, err);
  return status;
}

// 127.x.y.z is a number, not a name that begins so.
static bool is_loopback(const char *address) {
  static const char *const own[] = {"localhost:", "[::1]:", "unix:"};
  size_t number = strspn(address, "0123456789.");
  if (strncmp(address, "127.", 4) == 0) return address[number] == ':';
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if (strncmp(address, own[i], strlen(own[i])) == 0) return true;
  return false;
}

static leat_status check_access(const leat_serve_options *o, leat_error *err) {
  for (int i = 0; i < o->net.listen_count && !o->token_file && !o->no_auth; i++)
    if (!is_loopback(o->net.listen[i]))
      return leat_error_set(err, LEAT_FAILED_PRECONDITION,
                            "listening on '%s', beyond this machine, wants tokens",
                            o->net.listen[i]);
  return LEAT_OK;
}

static leat_status listen_on(leat_serve *s, leat_error *err) {
  leat_net_options net = s->options.net;
  net.handler = handle;
  net.refuse = refuse;
  net.log = s->access_log >= 0 ? log_line : NULL;
  net.body_limit = body_limit;
  net.streams = streams;
  net.context = s;
  return leat_server_start(&s->server, &net, err);
}

static int io_threads(const leat_serve_options *o) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  return o->net.threads > 0 ? o->net.threads : cores > 0 ? (int)cores : 1;
}

static leat_status start(leat_serve *s, leat_error *err) {
  const leat_serve_options *o = &s->options;
  int threads = io_threads(o), run_threads = o->run_threads > 0 ? o->run_threads : threads;
  leat_models_options models = {.engine = o->engine,
                                .trust_native = o->trust_native,
                                .threads = threads,
                                .no_warmup = o->no_warmup,
                                .warm = warm_version,
                                .begin = begin_version,
                                .end = end_version,
                                .note = note,
                                .context = s};
  leat_source_options source = {.base_path = o->model_base_path,
                                .name = o->model_name,
                                .config_file = o->model_config_file,
                                .labels_for_unavailable = o->labels_for_unavailable,
                                .note = note,
                                .context = s};
  leat_status status = check_access(o, err);
  if (!status && o->token_file) status = leat__tokens_read(&s->tokens, o->token_file, err);
  if (!status && o->access_log) status = leat__access_open(&s->access_log, o->access_log, err);
  if (!status) status = leat_models_new(&s->models, &models, err);
  if (!status) status = leat_runpool_new(&s->pool, run_threads, err);
  if (!status && (o->model_base_path || o->model_config_file))
    status = leat_source_new(&s->source, &source, err);
  if (!status) status = load_first(s, err);
  if (!status) status = listen_on(s, err);
  if (!status && pthread_create(&s->control, NULL, control, s))
    status = leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "cannot start a thread");
  s->controlled = !status;
  return status;
}

leat_status leat_serve_start(leat_serve **out, const leat_serve_options *options, leat_error *err) {
  leat_serve *s = *out = leat__calloc(1, sizeof *s);
  if (!s) return leat__oom(err, sizeof *s);
  s->options = *options;
  s->access_log = -1;
  s->started_ns = leat_clock_ns();
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->wake, NULL);
  leat_status status = start(s, err);
  if (!status) return LEAT_OK;
  leat_serve_stop(s);
  *out = NULL;
  return status;
}

void leat_serve_stop(leat_serve *s) {
  if (!s) return;
  if (s->controlled) {
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->control, NULL);
  }
  do_orders(s, s->orders);
  if (s->models) leat__health_tell(s, true);
  leat_server_stop(s->server);
  leat_runpool_free(s->pool);
  leat_models_free(s->models);
  leat_source_free(s->source);
  leat__tokens_free(s->tokens);
  if (s->access_log > 2) close(s->access_log);
  pthread_cond_destroy(&s->wake);
  pthread_mutex_destroy(&s->lock);
  leat__free(s);
}

leat_server *leat_serve_server(leat_serve *s) { return s->server; }
leat_models *leat_serve_models(leat_serve *s) { return s->models; }
const leat_serve_options *leat_serve_settings(const leat_serve *s) { return &s->options; }
leat_runpool *leat__serve_pool(leat_serve *s) { return s->pool; }
