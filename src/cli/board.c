// leat board: the web page of what training writes.
// SPDX-License-Identifier: Apache-2.0
#include "board/board.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "formats/number.h"

#include <ctype.h>
#include <errno.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

static const option board_options[] = {
    {"--logdir", OPTION_VALUE, "DIR", "directory of event files; all below it are runs", NULL},
    {"--logdir_spec", OPTION_VALUE, "NAME:DIR,...", "several directories, with names in front",
     NULL},
    {"--port", OPTION_VALUE, "PORT", "[6006, or the next that is free]; 0 = any", NULL},
    {"--host", OPTION_VALUE, "HOST", "that it listens on [localhost]", NULL},
    {"--bind_all", OPTION_FLAG, "", "listen on all of this machine's addresses", NULL},
    {"--path_prefix", OPTION_VALUE, "/PATH", "in front of every path, for proxies", NULL},
    {"--window_title", OPTION_VALUE, "TEXT", "of the browser's window", NULL},
    {"--reload_interval", OPTION_VALUE, "SECONDS",
     "between looks for what the system does not tell [5]; 0 = read once", NULL},
    {"--samples_per_plugin", OPTION_VALUE, "NAME=N,...",
     "the most values of a tag; 0 = all [all; histograms=501]", NULL},
    {"--token-file", OPTION_VALUE, "FILE", "its first line is asked of who opens the page", NULL},
    {"--registry", OPTION_VALUE, "DIR", "show the models of a registry, too", NULL},
    {"--threads", OPTION_VALUE, "N", "that read [one a core]", NULL},
    {0},
};

enum { PORT_FIRST = 6006, PORT_TRIES = 10 };

typedef struct board_args {
  args *a;
  leat_board_options options;
  leat_buf address, token;
  const char *listen[1], *host;
  int port;
  leat_error err;
} board_args;

// --- Options ------------------------------------------------------------------------------------
static bool wrong(board_args *b, const char *name, const char *text, const char *expected) {
  leat_error_set(&b->err, LEAT_INVALID_ARGUMENT, "%s: '%s' is not %s", name, text, expected);
  return false;
}

static bool whole(board_args *b, const char *name, int64_t least, int64_t most, int *out) {
  const char *text = args_get(b->a, name);
  int64_t value;
  if (!text) return true;
  if (!leat_parse_i64(leat_str_of(text), &value) || value < least || value > most)
    return wrong(b, name, text, "a number in range");
  *out = (int)value;
  return true;
}

static bool read_samples(board_args *b) {
  const char *text = args_get(b->a, "--samples_per_plugin");
  leat_board_samples *s = &b->options.samples;
  const struct {
    const char *name;
    int64_t *to;
  } known[] = {{"scalars", &s->scalars},
               {"histograms", &s->histograms},
               {"distributions", &s->histograms},
               {"images", &s->images},
               {"audio", &s->audio},
               {"text", &s->text},
               {"pr_curves", &s->pr_curves}};
  leat_str rest = leat_str_of(text ? text : "");
  while (rest.len) {
    leat_str count = leat_str_cut(&rest, ','), name = leat_str_cut(&count, '=');
    int64_t value;
    if (!leat_parse_i64(count, &value) || value < 0)
      return wrong(b, "--samples_per_plugin", text, "NAME=NUMBER,...");
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
      if (leat_str_eq(name, leat_str_of(known[i].name))) *known[i].to = value ? value : INT64_MAX;
  }
  return true;
}

static bool read_interval(board_args *b) {
  const char *text = args_get(b->a, "--reload_interval");
  double value;
  if (!text) return true;
  if (!leat_parse_f64(leat_str_of(text), &value) || !(value >= 0 && value < 1e6))
    return wrong(b, "--reload_interval", text, "a number of seconds");
  b->options.store.reload_interval = value == 0 ? -1 : value;
  return true;
}

// A token for those beyond this machine: of the file, else made up.
static bool read_token(board_args *b, bool beyond) {
  const char *path = args_get(b->a, "--token-file");
  unsigned char random[16];
  if (path) {
    leat_buf text = {0};
    bool good = !leat_file_read(path, 1 << 16, &text, &b->err);
    leat_str rest = leat_buf_view(&text), line = leat_str_cut(&rest, '\n');
    line = leat_str_strip(leat_str_cut(&line, ' '), LEAT_STR(" \t\r"));
    leat_buf_str(&b->token, line);
    leat_buf_deinit(&text);
    for (size_t i = 0; i < b->token.len && good; i++)  // it stands in addresses and cookies
      if (!isalnum((unsigned char)b->token.ptr[i]) && !strchr("-._~", b->token.ptr[i]))
        return wrong(b, "--token-file", path, "a token of letters, digits, '-', '.', '_' and '~'");
    if (good && !line.len) return wrong(b, "--token-file", path, "a file with a token in it");
    if (!good) return false;
  } else if (beyond) {
    if (getrandom(random, sizeof random, 0) != sizeof random)
      return wrong(b, "--bind_all", "random numbers", "to be had");
    for (size_t i = 0; i < sizeof random; i++) leat_buf_fmt(&b->token, "%02x", random[i]);
  }
  b->options.token = b->token.len ? b->token.ptr : NULL;
  return true;
}

static bool is_loopback(const char *host) {
  return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
         strcmp(host, "::1") == 0 || strcmp(host, "[::1]") == 0;
}

static bool read_options(board_args *b) {
  args *a = b->a;
  leat_board_options *o = &b->options;
  const char *host = args_get(a, "--host");
  bool all = args_get(a, "--bind_all") != NULL;
  o->store.logdir = args_get(a, "--logdir");
  o->store.logdir_spec = args_get(a, "--logdir_spec");
  o->path_prefix = args_get(a, "--path_prefix");
  o->window_title = args_get(a, "--window_title");
  o->registry = args_get(a, "--registry");
  b->host = all ? "" : host ? host : "localhost";
  if (all && host) return wrong(b, "--host", host, "to be given together with --bind_all");
  if (o->path_prefix && *o->path_prefix != '/')
    return wrong(b, "--path_prefix", o->path_prefix, "a path that starts with /");
  b->port = -1;
  return whole(b, "--port", 0, 65535, &b->port) &&
         whole(b, "--threads", 1, 64, &o->store.threads) && read_samples(b) && read_interval(b) &&
         read_token(b, all || !is_loopback(b->host));
}

// --- The port -----------------------------------------------------------------------------------
// Whether nobody listens there: the server itself shares ports, which would hide it.
static bool is_free(const char *host, int port) {
  struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *list = NULL;
  char service[16];
  bool good = true;
  snprintf(service, sizeof service, "%d", port);
  if (getaddrinfo(*host ? host : NULL, service, &hints, &list)) return true;
  for (struct addrinfo *i = list; i && good; i = i->ai_next) {
    int fd = socket(i->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) continue;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (i->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    good = bind(fd, i->ai_addr, i->ai_addrlen) == 0 || errno != EADDRINUSE;
    close(fd);
  }
  freeaddrinfo(list);
  return good;
}

static bool choose_port(board_args *b) {
  int first = b->port < 0 ? PORT_FIRST : b->port, port = first;
  while (port && port < 65535 && port < first + PORT_TRIES && !is_free(b->host, port)) port++;
  if (b->port > 0 && port != b->port) {
    leat_error_set(&b->err, LEAT_UNAVAILABLE, "port %d is in use; try --port %d", b->port, port);
    return false;
  }
  if (b->port < 0 && port != first)
    fprintf(stderr, "leat: board: port %d is in use; %d is taken instead\n", first, port);
  leat_buf_fmt(&b->address, strchr(b->host, ':') && b->host[0] != '[' ? "[%s]:%d" : "%s:%d",
               b->host, port);
  b->listen[0] = b->address.ptr;
  b->options.net.listen = b->listen;
  b->options.net.listen_count = 1;
  return true;
}

// --- The command --------------------------------------------------------------------------------
static void print_address(board_args *b, int port) {
  char name[256] = "localhost";
  if (!*b->host) gethostname(name, sizeof name - 1);
  leat_str prefix = leat_str_of(b->options.path_prefix ? b->options.path_prefix : "");
  while (prefix.len && prefix.ptr[prefix.len - 1] == '/') prefix.len--;
  printf("Leat board at http://%s:%d" LEAT_STR_FMT "/%s%s (Ctrl-C ends it)\n",
         *b->host ? b->host : name, port, LEAT_STR_ARG(prefix), b->options.token ? "?token=" : "",
         b->options.token ? b->options.token : "");
  fflush(stdout);
}

// Progress while files are read, then what was found; signals end it early.
static void show_loading(board_args *b, leat_store *store, const sigset_t *ends) {
  char text[96];
  leat_loading l;
  int count;
  sigset_t waiting;
  while (!leat_store_wait_loaded(store, 100)) {
    leat_store_loading(store, &l);
    snprintf(text, sizeof text, "reading %lld MB", (long long)(l.bytes >> 20));
    if (isatty(2)) terminal_bar(l.bytes ? (double)l.bytes_done / (double)l.bytes : 0, text);
    if (sigpending(&waiting) == 0 &&
        (sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM)))
      break;
  }
  terminal_bar_end();
  leat__free(leat_store_runs(store, &count));
  if (count) return;
  fprintf(stderr,
          "leat: board: no event files below '%s' yet. `leat train --job-dir DIR`, or any program "
          "that writes TensorBoard's files there, fills it; the page follows.\n",
          leat_store_logdir(store));
}

static int serve(board_args *b) {
  leat_board *board;
  sigset_t ends;
  int which;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, NULL);  // for all threads; this one waits for them
  if (leat_board_start(&board, &b->options, &b->err)) return fail_with(b->a, &b->err);
  print_address(b, leat_server_port(leat_board_server(board), 0));
  show_loading(b, leat_board_store(board), &ends);
  sigwait(&ends, &which);
  leat_board_stop(board);
  return EXIT_GOOD;
}

static int run_board(args *a) {
  board_args b = {.a = a};
  int code;
  if (a->words.count) return usage_error(a, "'%s' is not expected", a->words.at[0]);
  if (!args_get(a, "--logdir") == !args_get(a, "--logdir_spec"))
    return usage_error(a,
                       "--logdir DIR is needed (or --logdir_spec NAME:DIR,...): the directory that "
                       "holds event files");
  if (!read_options(&b))
    code = usage_error(a, "%s", b.err.message);
  else if (!choose_port(&b))
    code = fail_with(a, &b.err);
  else
    code = serve(&b);
  leat_buf_deinit(&b.address);
  leat_buf_deinit(&b.token);
  return code;
}

const command command_board = {
    "board",
    "--logdir DIR [options]",
    "Shows what training writes in a web page. Reads the event files of TensorFlow, PyTorch, "
    "tensorboardX and Leat, and speaks TensorBoard's API.",
    board_options,
    false,
    run_board};
