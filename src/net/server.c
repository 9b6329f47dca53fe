// Starting and stopping a server: addresses, listening sockets, I/O threads.
// SPDX-License-Identifier: Apache-2.0
#include "net/io.h"

#include "net/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, THREADS_MAX = 256, UNIX_PORT = -1 };

// --- Sockets -------------------------------------------------------------------------------------
// A socket that nobody listens at any more is taken away; anything else stays.
static void remove_stale(const leat_address *a) {
  const char *path = ((const struct sockaddr_un *)(const void *)&a->at)->sun_path;
  struct stat st;
  if (a->at.ss_family != AF_UNIX || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode)) return;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  if (connect(fd, (const struct sockaddr *)&a->at, a->size) < 0 && errno == ECONNREFUSED)
    unlink(path);
  close(fd);
}

static int bound_port(int fd) {
  struct sockaddr_storage at = {0};
  socklen_t size = sizeof at;
  if (getsockname(fd, (struct sockaddr *)&at, &size) < 0) return 0;
  if (at.ss_family == AF_INET) return ntohs(((struct sockaddr_in *)(void *)&at)->sin_port);
  if (at.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)(void *)&at)->sin6_port);
  return 0;
}

static void set_port(leat_address *a, int port) {
  if (a->at.ss_family == AF_INET)
    ((struct sockaddr_in *)(void *)&a->at)->sin_port = htons((uint16_t)port);
  if (a->at.ss_family == AF_INET6)
    ((struct sockaddr_in6 *)(void *)&a->at)->sin6_port = htons((uint16_t)port);
}

static leat_status listen_at(const leat_address *a, const char *text, int *out, leat_error *err) {
  int on = 1, fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  bool good = fd >= 0;
  if (good && a->at.ss_family != AF_UNIX)
    good = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0;
  good =
      good && bind(fd, (const struct sockaddr *)&a->at, a->size) == 0 && listen(fd, BACKLOG) == 0;
  if (good) return *out = fd, LEAT_OK;
  int code = errno;
  if (fd >= 0) close(fd);
  return leat_error_set(err, code == EACCES ? LEAT_PERMISSION_DENIED : LEAT_UNAVAILABLE,
                        "cannot listen at %s: %s", text, strerror(code));
}

// SO_REUSEPORT would let two servers share a port: the first binding is made without it.
static leat_status check_free(const leat_address *a, const char *text, leat_error *err) {
  int on = 1, fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return LEAT_OK;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  int code = bind(fd, (const struct sockaddr *)&a->at, a->size) < 0 ? errno : 0;
  close(fd);
  if (code != EADDRINUSE) return LEAT_OK;
  return leat_error_set(err, LEAT_UNAVAILABLE, "cannot listen at %s: %s", text, strerror(code));
}

// A unix socket is shared by all threads; of an address each thread has a socket of its own.
static leat_status listen_all(leat_server *s, leat_error *err) {
  for (int i = 0; i < s->options.listen_count; i++) {
    leat_address a[LEAT_ADDRESSES_MAX];
    int found;
    const char *text = s->options.listen[i];
    leat_status status = leat__address_find(text, true, a, &found, err);
    if (!status && a->at.ss_family == AF_UNIX) remove_stale(a);
    if (!status && a->at.ss_family != AF_UNIX) status = check_free(a, text, err);
    for (int t = 0; !status && t < s->io_count; t++) {
      int *fd = &s->ios[t].listeners[i];
      if (t && a->at.ss_family == AF_UNIX) {
        *fd = fcntl(s->ios[0].listeners[i], F_DUPFD_CLOEXEC, 3);
        continue;
      }
      status = listen_at(a, text, fd, err);
      if (!status && !t) set_port(a, s->ports[i] = bound_port(*fd));
      if (!status && a->at.ss_family == AF_UNIX) s->ports[i] = UNIX_PORT;
    }
    if (status) return status;
  }
  return LEAT_OK;
}

// --- Threads ------------------------------------------------------------------------------------
static leat_status make_io(leat_server *s, int index, leat_error *err) {
  leat_io *io = &s->ios[index];
  int listens = s->options.listen_count;
  io->server = s;
  io->index = index;
  io->conns.next = io->conns.prior = &io->conns;
  pthread_mutex_init(&io->lock, NULL);
  io->epoll = epoll_create1(EPOLL_CLOEXEC);
  io->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  io->listeners = leat__alloc(sizeof(int) * (size_t)(listens + 1));
  if (io->epoll < 0 || io->wake < 0 || !io->listeners)
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "no descriptors for an I/O thread");
  for (int i = 0; i < listens; i++) io->listeners[i] = -1;
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};
  epoll_ctl(io->epoll, EPOLL_CTL_ADD, io->wake, &e);
  io->paused = true;
  return LEAT_OK;
}

static void start_listening(leat_io *io) {
  for (int i = 0; i < io->server->options.listen_count; i++) {
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &io->listeners[i]};
    epoll_ctl(io->epoll, EPOLL_CTL_ADD, io->listeners[i], &e);
  }
  io->paused = false;
}

static void *run_thread(void *io) {
  leat__io_run(io);
  leat__io_free_spares(io);
  leat_mem_cache(false);
  return NULL;
}

static void fill_defaults(leat_net_options *o) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  if (o->threads <= 0) o->threads = cores > 0 ? (int)cores : 1;
  if (o->threads > THREADS_MAX) o->threads = THREADS_MAX;
  if (o->max_memory <= 0) o->max_memory = 256 << 20;
  if (o->max_body <= 0) o->max_body = 64 << 20;
  if (o->max_header_bytes <= 0) o->max_header_bytes = 16 << 10;
  if (o->max_header_bytes > 64 << 10) o->max_header_bytes = 64 << 10;
  if (o->max_connections <= 0) o->max_connections = 20000;
  if (o->max_streams <= 0) o->max_streams = 256;
  if (o->idle_ms <= 0) o->idle_ms = 75000;
  if (o->header_ms <= 0) o->header_ms = 10000;
  if (o->body_ms <= 0) o->body_ms = 30000;
  if (o->drain_ms <= 0) o->drain_ms = 10000;
}

leat_status leat_server_start(leat_server **out, const leat_net_options *options, leat_error *err) {
  leat_server *s = *out = leat__calloc(1, sizeof *s);
  if (!s) return leat__oom(err, sizeof *s);
  s->options = *options;
  fill_defaults(&s->options);
  leat_status status = LEAT_OK;
  s->io_count = s->options.threads;
  s->ios = leat__calloc((size_t)s->io_count, sizeof *s->ios);
  s->ports = leat__calloc((size_t)s->options.listen_count + 1, sizeof *s->ports);
  if (!s->ios || !s->ports) status = leat__oom(err, sizeof *s->ios);
  for (int i = 0; !status && i < s->io_count; i++) status = make_io(s, i, err);
  if (!status) status = listen_all(s, err);
  if (!status && options->tls_cert)
    status = leat__tls_context_new(&s->tls, options->tls_cert, options->tls_key, err);
  for (int i = 0; !status && i < s->io_count; i++) {
    start_listening(&s->ios[i]);
    if (pthread_create(&s->ios[i].thread, NULL, run_thread, &s->ios[i]) != 0)
      status = leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "no thread for I/O");
    else
      s->started++;
  }
  if (!status) return LEAT_OK;
  leat_server_stop(s);
  *out = NULL;
  return leat_error_prepend(err, status, "server");
}

int leat_server_port(const leat_server *s, int listen) {
  return s->ports[listen] == UNIX_PORT ? 0 : s->ports[listen];
}

int leat_server_threads(const leat_server *s) { return s->io_count; }

void leat_server_counters(leat_server *s, leat_net_counters *out) {
  *out = (leat_net_counters){.connections = atomic_load(&s->connections),
                             .accepted = atomic_load(&s->accepted),
                             .requests = atomic_load(&s->requests),
                             .refused = atomic_load(&s->refused),
                             .memory = atomic_load(&s->memory)};
}

void leat_server_stop(leat_server *s) {
  if (!s) return;
  atomic_store(&s->stopping, true);
  for (int i = 0; i < s->started; i++) leat__io_wake(&s->ios[i]);
  for (int i = 0; i < s->started; i++) pthread_join(s->ios[i].thread, NULL);
  for (int i = 0; s->ios && i < s->io_count; i++) {
    leat_io *io = &s->ios[i];
    for (int k = 0; io->listeners && k < s->options.listen_count; k++)
      if (io->listeners[k] >= 0) close(io->listeners[k]);
    if (io->server) {
      close(io->epoll);
      close(io->wake);
      pthread_mutex_destroy(&io->lock);
    }
    leat__free(io->listeners);
  }
  for (int i = 0; s->ports && i < s->options.listen_count; i++)
    if (s->ports[i] == UNIX_PORT) unlink(s->options.listen[i] + strlen("unix:"));
  leat__tls_context_free(s->tls);
  leat__free(s->ios);
  leat__free(s->ports);
  leat__free(s);
}
