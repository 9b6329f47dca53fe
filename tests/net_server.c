// A server for the tests of net: echoes, answers late, streams, over every protocol.
// SPDX-License-Identifier: Apache-2.0
//
// usage: net_server [NAME=VALUE...], the names as in leat_net_options: threads, max_memory,
// max_body, max_header_bytes, max_connections, max_streams, idle_ms, header_ms, body_ms, drain_ms,
// tls_cert, tls_key, listen. Prints its port, and stops when its standard input ends.
//
//   /echo    the body                         /later   the same, from another thread after 20 ms
//   /stream  50 pieces from another thread    /json    parses the body as JSON
//   /counters  connections, requests, memory  /test.Echo/Unary, Stream  gRPC
#include "formats/json.h"
#include "net/grpc.h"
#include "unit/handlers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static leat_server *server;

static void parse_json(leat_exchange *x) {
  leat_json json;
  leat_json_event event = LEAT_JSON_NULL;
  leat_error err;
  leat_status status = LEAT_OK;
  leat_json_init(&json, x->body, "body");
  while (!status && event != LEAT_JSON_END) status = leat_json_next(&json, &event, &err);
  leat_json_deinit(&json);
  leat_buf_c(&x->reply, status ? err.message : "good");
  leat_reply_send(x, leat_http_status(status));
}

static void count(leat_exchange *x) {
  leat_net_counters n;
  leat_server_counters(server, &n);
  leat_buf_fmt(&x->reply,
               "{\"connections\":%lld,\"accepted\":%lld,\"requests\":%lld,\"refused\":%lld,"
               "\"memory\":%lld}",
               (long long)n.connections, (long long)n.accepted, (long long)n.requests,
               (long long)n.refused, (long long)n.memory);
  leat_reply_send(x, 200);
}

static void unary(leat_exchange *x) {
  leat_str message;
  leat_error err;
  leat_status status = leat_grpc_message(x, &message, &err);
  if (!status && leat_str_eq(message, LEAT_STR("fail")))
    status = leat_error_set(&err, LEAT_NOT_FOUND, "no 100%% \xC3\xA4nswer");
  leat_grpc_begin(x);
  if (!status) leat_buf_str(&x->reply, message);
  leat_grpc_send(x, status, status ? err.message : NULL);
}

// Each message is sent back as it comes.
static void stream(leat_exchange *x) {
  leat_str message;
  leat_error err;
  bool found;
  leat_status status;
  if (!x->user) {
    leat_grpc_stream(x);
    x->user = x;
  }
  while (!(status = leat_grpc_next(x, &message, &found, &err)) && found)
    leat_grpc_write(x, message);
  if (status || x->complete || leat_exchange_gone(x))
    leat_grpc_end(x, status, status ? err.message : NULL);
}

static bool streams(void *context, const leat_exchange *x) {
  return leat_str_eq(x->path, LEAT_STR("/test.Echo/Stream"));
}

static void handler(void *context, leat_exchange *x) {
  leat_str path = x->path;
  if (leat_grpc_is(x)) {
    if (leat_str_eq(path, LEAT_STR("/test.Echo/Unary")))
      unary(x);
    else if (streams(NULL, x))
      stream(x);
    else
      leat_grpc_send(x, LEAT_UNIMPLEMENTED, "no such method");
    return;
  }
  if (leat_str_eq(path, LEAT_STR("/later"))) {
    start_thread(answer_later, x);
  } else if (leat_str_eq(path, LEAT_STR("/stream"))) {
    start_thread(stream_later, x);
  } else if (leat_str_eq(path, LEAT_STR("/json"))) {
    parse_json(x);
  } else if (leat_str_eq(path, LEAT_STR("/counters"))) {
    count(x);
  } else if (leat_str_eq(path, LEAT_STR("/echo"))) {
    leat_reply_field(x, "content-type", LEAT_STR("text/plain"));
    leat_buf_str(&x->reply, x->body);
    leat_reply_send(x, 200);
  } else
    leat_reply_send(x, 404);
}

static void set(leat_net_options *o, const char *name, const char *value) {
  struct {
    const char *name;
    int *number;
  } numbers[] = {{"threads", &o->threads},
                 {"max_header_bytes", &o->max_header_bytes},
                 {"max_connections", &o->max_connections},
                 {"max_streams", &o->max_streams},
                 {"idle_ms", &o->idle_ms},
                 {"header_ms", &o->header_ms},
                 {"body_ms", &o->body_ms},
                 {"drain_ms", &o->drain_ms}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    if (strcmp(numbers[i].name, name) == 0) *numbers[i].number = (int)strtol(value, NULL, 10);
  if (strcmp(name, "max_memory") == 0) o->max_memory = strtoll(value, NULL, 10);
  if (strcmp(name, "max_body") == 0) o->max_body = strtoll(value, NULL, 10);
  if (strcmp(name, "tls_cert") == 0) o->tls_cert = value;
  if (strcmp(name, "tls_key") == 0) o->tls_key = value;
}

int main(int argc, char **argv) {
  const char *listen = "127.0.0.1:0";
  leat_error err;
  leat_net_options o = {
      .listen = &listen, .listen_count = 1, .handler = handler, .streams = streams};
  for (int i = 1; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    if (!value) return 2;
    *value++ = 0;
    if (strcmp(argv[i], "listen") == 0) listen = value;
    set(&o, argv[i], value);
  }
  if (leat_server_start(&server, &o, &err)) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
  }
  printf("%d\n", leat_server_port(server, 0));
  fflush(stdout);
  char byte;
  while (read(0, &byte, 1) > 0) {
  }
  leat_server_stop(server);
  return 0;
}
