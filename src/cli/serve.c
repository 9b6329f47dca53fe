// leat serve: the prediction server.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"
#include "formats/number.h"
#include "serve/mlengine_server.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const option serve_options[] = {
    {"--registry", OPTION_VALUE, "DIR", "the models of a registry; changes are followed", NULL},
    {"--project", OPTION_VALUE, "P", "of the registry, for the other dialects [local]", NULL},
    {"--model_base_path", OPTION_VALUE, "DIR", "versions of one model, DIR/1, DIR/2, ...", NULL},
    {"--model_name", OPTION_VALUE, "NAME", "of that model [default]", NULL},
    {"--model_config_file", OPTION_VALUE, "FILE", "a model_config_list of several models", NULL},
    {"--listen", OPTION_LIST, "ADDRESS ...", "HOST:PORT, :PORT or unix:PATH [127.0.0.1:8501]",
     NULL},
    {"--port", OPTION_VALUE, "PORT", "a further port, as for gRPC [8500]; 0 = none", NULL},
    {"--rest_api_port", OPTION_VALUE, "PORT", "a further port, as for REST; 0 = none", NULL},
    {"--host", OPTION_VALUE, "HOST", "that the ports are opened on [127.0.0.1]", NULL},
    {"--token-file", OPTION_VALUE, "FILE", "lines of a token and its role, admin or predictor",
     NULL},
    {"--no-auth", OPTION_FLAG, "", "listen beyond this machine without tokens", NULL},
    {"--tls-cert", OPTION_VALUE, "FILE", "certificate chain, PEM; TLS is spoken where asked", NULL},
    {"--tls-key", OPTION_VALUE, "FILE", "its key, PEM", NULL},
    {"--engine", OPTION_VALUE, "auto|interpreter|native", "what runs the models [auto]", NULL},
    {"--trust-native-code", OPTION_FLAG, "",
     "run what `leat export --aot` built into the models: it runs as this process", NULL},
    {"--threads", OPTION_VALUE, "N", "of input and output [one a core]", NULL},
    {"--run-threads", OPTION_VALUE, "N", "for models that take over 0.2 ms [one a core]", NULL},
    {"--no-warmup", OPTION_FLAG, "", "models are not called before they are served", NULL},
    {"--max-batch-size", OPTION_VALUE, "ROWS", "join rows of requests up to this many [off]", NULL},
    {"--batch-timeout-micros", OPTION_VALUE, "N", "what a row waits for others [0]", NULL},
    {"--enable_batching", OPTION_VALUE, "true|false",
     "as in TensorFlow Serving: 1,000 rows, no delay", NULL},
    {"--batching_parameters_file", OPTION_VALUE, "FILE", "TensorFlow Serving's; instead of these",
     NULL},
    {"--max-queue-size", OPTION_VALUE, "ROWS", "that may wait for a batch [16 batches]", NULL},
    {"--file_system_poll_wait_seconds", OPTION_VALUE, "N",
     "between looks for versions [1]; -1 never", NULL},
    {"--model_config_file_poll_wait_seconds", OPTION_VALUE, "N", "of the list of models [0: never]",
     NULL},
    {"--allow_version_labels_for_unavailable_models", OPTION_FLAG, "", "labels may come first",
     NULL},
    {"--cors-origin", OPTION_VALUE, "ORIGIN", "pages that may call, * = all", NULL},
    {"--access-log", OPTION_VALUE, "FILE", "a line a request; - is standard error", NULL},
    {"--max-memory", OPTION_VALUE, "BYTES", "of buffers in all, with K, M or G [256M]", NULL},
    {"--max-body", OPTION_VALUE, "BYTES", "of one request [64M]", NULL},
    {"--max-connections", OPTION_VALUE, "N", "at once [20000]", NULL},
    {"--idle-timeout", OPTION_VALUE, "SECONDS", "between requests of a connection [75]", NULL},
    {"--drain-timeout", OPTION_VALUE, "SECONDS", "what requests get to end in at the end [10]",
     NULL},
    {0},
};

enum { LISTEN_MAX = 32 };

typedef struct server_args {
  args *a;
  leat_serve_options options;
  const char *listen[LISTEN_MAX];
  leat_error err;
} server_args;

// --- Options ------------------------------------------------------------------------------------
// A whole number, with K, M or G where `bytes`; -1 after saying what is wrong.
static bool number(server_args *s, const char *name, bool bytes, int64_t least, int64_t most,
                   int64_t *out) {
  const char *text = args_get(s->a, name);
  if (!text) return true;
  leat_str t = leat_str_of(text);
  int64_t unit = 1;
  if (bytes && t.len && strchr("KMG", t.ptr[t.len - 1])) {
    char last = t.ptr[--t.len];
    unit = last == 'K' ? 1 << 10 : last == 'M' ? 1 << 20 : 1 << 30;
  }
  if (leat_parse_i64(t, out) && *out >= least && *out <= most / unit) {
    *out *= unit;
    return true;
  }
  leat_error_set(&s->err, LEAT_INVALID_ARGUMENT, "%s: '%s' is not a number from %lld to %lld", name,
                 text, (long long)least, (long long)most);
  return false;
}

static bool whole(server_args *s, const char *name, int least, int most, int *out) {
  int64_t value = *out;
  bool good = number(s, name, false, least, most, &value);
  *out = (int)value;
  return good;
}

static bool add_address(server_args *s, const char *address) {
  leat_net_options *net = &s->options.net;
  if (net->listen_count == LISTEN_MAX)
    leat_error_set(&s->err, LEAT_INVALID_ARGUMENT, "more than %d addresses", LISTEN_MAX);
  else if (!address)
    leat__oom(&s->err, 1);
  else {
    s->listen[net->listen_count++] = address;
    return true;
  }
  return false;
}

static bool add_port(server_args *s, const char *name, int fallback) {
  const char *host = args_get(s->a, "--host");
  int port = fallback;
  leat_buf text = {0};
  if (!whole(s, name, 0, 65535, &port)) return false;
  if (!port) return true;
  leat_buf_fmt(&text, "%s:%d", host ? host : "127.0.0.1", port);
  bool good = add_address(s, leat_arena_str(&s->a->arena, leat_buf_view(&text)));
  leat_buf_deinit(&text);
  return good;
}

// "['a', 'b']", as the table of options gives a list.
static bool add_list(server_args *s, const char *list) {
  leat_str rest = {list + 1, strlen(list) - 2};
  while (rest.len) {
    leat_str item = leat_str_strip(leat_str_cut(&rest, ','), LEAT_STR(" '"));
    if (!add_address(s, leat_arena_str(&s->a->arena, item))) return false;
  }
  return true;
}

// Without --listen: gRPC's port and REST's, as TensorFlow Serving opens them, if told so; in a
// container $PORT says it.
static bool read_addresses(server_args *s) {
  bool listed = false;
  for (size_t i = 0; i < s->a->options.count; i++)
    if (strcmp(s->a->options.at[i].option->name, "--listen") == 0) {
      listed = true;
      if (!add_list(s, s->a->options.at[i].text)) return false;
    }
  const char *port = getenv("PORT");
  if (!listed && port && *port && !args_get(s->a, "--port") && !args_get(s->a, "--rest_api_port")) {
    leat_buf text = {0};
    const char *host = args_get(s->a, "--host");
    leat_buf_fmt(&text, "%s:%s", host ? host : "127.0.0.1", port);
    bool good = add_address(s, leat_arena_str(&s->a->arena, leat_buf_view(&text)));
    leat_buf_deinit(&text);
    return good;
  }
  return add_port(s, "--port", listed ? 0 : 8500) &&
         add_port(s, "--rest_api_port", listed ? 0 : 8501);
}

static bool seconds(server_args *s, const char *name, int least, int *out_ms) {
  int value = INT32_MIN;
  if (!args_get(s->a, name)) return true;
  if (!whole(s, name, least, 1000000, &value)) return false;
  *out_ms = value * 1000;
  return true;
}

static bool read_engine(server_args *s) {
  s->options.trust_native = args_get(s->a, "--trust-native-code") != NULL;
  static const struct {
    const char *name;
    leat_engine engine;
  } engines[] = {{"auto", LEAT_ENGINE_AUTO},
                 {"interpreter", LEAT_ENGINE_INTERPRETER},
                 {"native", LEAT_ENGINE_NATIVE}};
  const char *name = args_get(s->a, "--engine");
  for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
    if (!name || strcmp(name, engines[i].name) == 0)
      return s->options.engine = engines[i].engine, true;
  leat_error_set(&s->err, LEAT_INVALID_ARGUMENT,
                 "--engine is auto, interpreter or native, not '%s'", name);
  return false;
}

static bool read_batching(server_args *s) {
  const char *file = args_get(s->a, "--batching_parameters_file");
  const char *on = args_get(s->a, "--enable_batching");
  if (on && strcmp(on, "true") != 0 && strcmp(on, "false") != 0) {
    leat_error_set(&s->err, LEAT_INVALID_ARGUMENT, "--enable_batching is true or false, not '%s'",
                   on);
    return false;
  }
  if (on && strcmp(on, "false") == 0) return true;
  if (on && !s->options.max_batch) s->options.max_batch = 1000;
  return !file || !leat_serve_read_batching(file, &s->options, &s->err);
}

static bool read_options(server_args *s) {
  leat_serve_options *o = &s->options;
  args *a = s->a;
  o->model_base_path = args_get(a, "--model_base_path");
  o->model_name = args_get(a, "--model_name");
  o->model_config_file = args_get(a, "--model_config_file");
  o->token_file = args_get(a, "--token-file");
  o->no_auth = args_get(a, "--no-auth") != NULL;
  o->no_warmup = args_get(a, "--no-warmup") != NULL;
  o->labels_for_unavailable = args_get(a, "--allow_version_labels_for_unavailable_models") != NULL;
  o->cors_origin = args_get(a, "--cors-origin");
  o->access_log = args_get(a, "--access-log");
  o->net.tls_cert = args_get(a, "--tls-cert");
  o->net.tls_key = args_get(a, "--tls-key");
  o->net.listen = s->listen;
  return read_addresses(s) && read_engine(s) && whole(s, "--threads", 1, 1024, &o->net.threads) &&
         whole(s, "--run-threads", 1, 1024, &o->run_threads) &&
         whole(s, "--max-batch-size", 0, 1 << 20, &o->max_batch) &&
         whole(s, "--batch-timeout-micros", 0, 10000000, &o->batch_delay_us) &&
         whole(s, "--max-queue-size", 0, 1 << 24, &o->max_queue) &&
         seconds(s, "--file_system_poll_wait_seconds", -1, &o->file_poll_ms) &&
         seconds(s, "--model_config_file_poll_wait_seconds", 0, &o->config_poll_ms) &&
         number(s, "--max-memory", true, 1, (int64_t)1 << 46, &o->net.max_memory) &&
         number(s, "--max-body", true, 1, (int64_t)1 << 40, &o->net.max_body) &&
         whole(s, "--max-connections", 1, 1 << 20, &o->net.max_connections) &&
         seconds(s, "--idle-timeout", 1, &o->net.idle_ms) &&
         seconds(s, "--drain-timeout", 0, &o->net.drain_ms);
}

// --- The command --------------------------------------------------------------------------------
static void say(void *context, const char *message) {
  fprintf(stderr, "leat: serve: %s\n", message);
}

// Buffers of requests come and go: the heap keeps what a few of them take instead of asking the
// system for pages each time. What an unloaded model had is given back all the same.
static void keep_heap(void) {
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
  mallopt(M_ARENA_MAX, 4);
}

static int serve(server_args *s) {
  leat_serve *server;
  keep_heap();
  sigset_t ends;
  int which;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, NULL);  // for all threads; this one waits for them
  if (leat_serve_start(&server, &s->options, &s->err)) return fail_with(s->a, &s->err);
  for (int i = 0; i < s->options.net.listen_count; i++) {
    int port = leat_server_port(leat_serve_server(server), i);
    if (strncmp(s->listen[i], "unix:", 5) == 0)
      printf("listening on %s\n", s->listen[i]);
    else {
      const char *colon = strrchr(s->listen[i], ':');
      printf("listening on %.*s:%d\n", colon ? (int)(colon - s->listen[i]) : 0, s->listen[i], port);
    }
  }
  fflush(stdout);
  sigwait(&ends, &which);
  leat_serve_stop(server);
  return EXIT_GOOD;
}

// The registry's models, and ML Engine's API on them.
static int serve_registry(server_args *s, const char *dir) {
  leat_registry *registry = NULL;
  leat_mlengine_server *ml = NULL;
  leat_status status = leat_registry_open(&registry, dir, NULL, &s->err);
  if (!status)
    status = leat_mlengine_server_new(&ml, registry, args_get(s->a, "--project"), &s->err);
  if (!status) s->options.extension = leat_mlengine_server_extension(ml);
  int code = status ? fail_with(s->a, &s->err) : serve(s);
  leat_mlengine_server_free(ml);
  leat_registry_close(registry);
  return code;
}

static int run_serve(args *a) {
  server_args s = {.a = a, .options = {.note = say}};
  const char *registry = args_get(a, "--registry");
  if (a->words.count) return usage_error(a, "'%s' is not expected", a->words.at[0]);
  if (!!registry + !!args_get(a, "--model_base_path") + !!args_get(a, "--model_config_file") != 1)
    return usage_error(a, "one of --registry, --model_base_path and --model_config_file is needed");
  if (!read_options(&s)) return usage_error(a, "%s", s.err.message);
  if (!read_batching(&s)) return fail_with(a, &s.err);
  return registry ? serve_registry(&s, registry) : serve(&s);
}

const command command_serve = {
    "serve",
    "--registry DIR | --model_base_path DIR | --model_config_file FILE [options]",
    "Serves models over HTTP and gRPC: TensorFlow Serving's APIs, the "
    "Open Inference Protocol's, and of a registry ML Engine's.",
    serve_options,
    false,
    run_serve};
