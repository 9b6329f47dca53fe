// I/O threads: accepting, reading, writing, waiting, and what stands still for too long.
// SPDX-License-Identifier: Apache-2.0
#include "net/io.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <unistd.h>

enum {
  EVENTS = 256,
  ACCEPTS = 64,  // of one listener in one round
  READS = 8,     // of one connection in one round
  SWEEP_MS = 250,
  LINGER_MS = 2000,  // what a refused client gets to read why
  FIRST_ROOM = 16384,
  SMALL = 65536,
  PIECE = 1024,          // bytes that count as progress of a slow body
  HOLD_BYTES = 16384,    // answers up to that size wait for others
  HOLD_NS = 100 * 1000,  // so long
};

_Thread_local leat_io *leat__io_here;

// --- Buffers ------------------------------------------------------------------------------------
// All threads' sum is brought up to date once a round.
static void tell_memory(leat_io *io) {
  if (io->more_memory)
    atomic_fetch_add_explicit(&io->server->memory, io->more_memory, memory_order_relaxed);
  io->more_memory = 0;
}

// The last eighth is for small requests: large ones do not starve them.
bool leat__io_take_memory(leat_io *io, int64_t bytes, bool large) {
  int64_t held = atomic_load_explicit(&io->server->memory, memory_order_relaxed) + io->more_memory;
  int64_t most = io->server->options.max_memory;
  if (large) most -= most / 8;
  if (held + bytes > most) return false;
  io->more_memory += bytes;
  return true;
}

bool leat__bytes_reserve(leat_io *io, leat_bytes *b, size_t more) {
  if (b->ptr && b->cap - b->len >= more) return true;
  size_t want = b->len + more, cap = b->cap ? b->cap * 2 : FIRST_ROOM;
  while (cap < want) cap *= 2;
  int64_t added = (int64_t)(cap - b->cap);
  if (!leat__io_take_memory(io, added, cap > SMALL)) return false;
  bool kept = !b->ptr && cap == FIRST_ROOM && io->room_count;
  char *grown = kept ? io->rooms[--io->room_count] : leat__realloc(b->ptr, cap);
  if (!grown) return io->more_memory -= added, false;
  b->ptr = grown;
  b->cap = cap;
  return true;
}

bool leat__bytes_add(leat_io *io, leat_bytes *b, const void *bytes, size_t count) {
  if (!leat__bytes_reserve(io, b, count)) return false;
  if (count) memcpy(b->ptr + b->len, bytes, count);
  b->len += count;
  return true;
}

void leat__bytes_free(leat_io *io, leat_bytes *b) {
  if (!b->ptr) return;
  io->more_memory -= (int64_t)b->cap;
  if (b->cap == FIRST_ROOM && io->room_count < LEAT_IO_ROOMS)
    io->rooms[io->room_count++] = b->ptr;
  else
    leat__free(b->ptr);
  *b = (leat_bytes){0};
}

// --- Connections --------------------------------------------------------------------------------
void leat__conn_want(leat_conn *c, uint32_t events) {
  if (c->dead || c->events == events) return;
  struct epoll_event e = {.events = events, .data.ptr = c};
  epoll_ctl(c->io->epoll, EPOLL_CTL_MOD, c->fd, &e);
  c->events = events;
}

static void pause_accepting(leat_io *io, bool paused) {
  if (io->paused == paused) return;
  io->paused = paused;
  for (int i = 0; i < io->server->options.listen_count; i++) {
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &io->listeners[i]};
    epoll_ctl(io->epoll, paused ? EPOLL_CTL_DEL : EPOLL_CTL_ADD, io->listeners[i], &e);
  }
}

void leat__conn_close(leat_conn *c) {
  leat_io *io = c->io;
  if (c->dead) return;
  c->dead = true;
  for (leat_xchg *x = c->exchanges, *next; x; x = next) {
    next = x->next;
    if (c->h2) {
      leat__h2_end(x);
      continue;
    }
    if (!x->called) {
      leat__xchg_free(x);
      continue;
    }
    x->body = c->in;  // its views are of this buffer
    c->in = (leat_bytes){0};
    leat__xchg_leave(x);
  }
  leat__h2_free(c->h2);
  leat__tls_free(c->tls);
  close(c->fd);
  leat__bytes_free(io, &c->in);
  leat__bytes_free(io, &c->out);
  c->prior->next = c->next;
  c->next->prior = c->prior;
  c->next = io->dead;
  io->dead = c;
  io->conn_count--;
  atomic_fetch_sub(&io->server->connections, 1);
  if (io->paused && !io->draining) pause_accepting(io, false);
}

// Ends the sending side and waits a little for the client to end its own.
static void start_linger(leat_conn *c) {
  if (c->linger) return;
  c->linger = true;
  c->since_ms = c->io->now_ms;
  if (c->half_closed || c->tls) {
    leat__conn_close(c);
    return;
  }
  shutdown(c->fd, SHUT_WR);
  leat__conn_want(c, EPOLLIN);
}

static ssize_t write_some(leat_conn *c, struct iovec *parts, int count) {
  if (c->tls) return leat__tls_write(c->tls, parts[0].iov_base, parts[0].iov_len);
  if (count == 1) return send(c->fd, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL);
  struct msghdr m = {.msg_iov = parts, .msg_iovlen = (size_t)count};
  return sendmsg(c->fd, &m, MSG_NOSIGNAL);
}

// Writes what waits. false: the connection is gone.
static bool flush(leat_conn *c) {
  while (c->out.at < c->out.len) {
    struct iovec part = {c->out.ptr + c->out.at, c->out.len - c->out.at};
    ssize_t n = write_some(c, &part, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      leat__conn_want(c, c->events | EPOLLOUT);
      return true;
    }
    if (n <= 0) return leat__conn_close(c), false;
    c->out.at += (size_t)n;
    c->since_ms = c->io->now_ms;
  }
  leat__bytes_free(c->io, &c->out);
  if (c->state == CONN_CLOSING) {
    start_linger(c);
    return !c->dead;
  }
  if (c->exchanges && !c->h2) atomic_store(&c->exchanges->backlog, 0);
  leat__conn_want(c, c->events & ~(uint32_t)EPOLLOUT);
  return true;
}

void leat__conn_finish(leat_conn *c) {
  c->state = CONN_CLOSING;
  if (c->out.at == c->out.len) start_linger(c);
}

// The list is in the order of who has been idle longest.
void leat__conn_rest(leat_conn *c) {
  leat_conn *head = &c->io->conns;
  c->since_ms = c->io->now_ms;
  if (c->next == head || c->dead) return;
  c->prior->next = c->next;
  c->next->prior = c->prior;
  c->next = head;
  c->prior = head->prior;
  c->prior->next = head->prior = c;
}

// Answers to what came in one round leave together: a client that each of them would wake is awake
// for the others.
static bool hold(leat_conn *c, const struct iovec *parts, int count) {
  leat_io *io = c->io;
  size_t bytes = c->out.len;
  for (int i = 0; i < count; i++) bytes += parts[i].iov_len;
  if (!io->holds || c->tls || bytes > HOLD_BYTES || (c->out.len && !c->held)) return false;
  if (!c->held && io->held_count == LEAT_IO_HELD) return false;
  if (!leat__bytes_reserve(io, &c->out, bytes - c->out.len)) return false;
  for (int i = 0; i < count; i++) leat__bytes_add(io, &c->out, parts[i].iov_base, parts[i].iov_len);
  if (c->held) return true;
  if (!io->held_count) io->held_ns = io->now_ns;
  io->held[io->held_count++] = c;
  return c->held = true;
}

bool leat__conn_takes(const leat_conn *c) {
  return c->out.at == c->out.len || (c->held && c->out.len < HOLD_BYTES);
}

static void release(leat_io *io) {
  bool holds = io->holds;
  io->holds = false;
  for (int i = 0; i < io->held_count; i++) {
    leat_conn *c = io->held[i];
    c->held = false;
    if (!c->dead && flush(c) && c->state == CONN_H2) leat__h2_output(c);
  }
  io->held_count = 0;
  io->holds = holds;
}

bool leat__conn_send(leat_conn *c, struct iovec *parts, int count) {
  ssize_t n = 0;
  if (c->dead) return false;
  if (hold(c, parts, count)) return true;
  if (c->out.at == c->out.len && !c->tls) {
    n = write_some(c, parts, count);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return leat__conn_close(c), false;
    if (n < 0) n = 0;
  }
  size_t done = (size_t)n;
  for (int i = 0; i < count; i++) {
    size_t skip = done < parts[i].iov_len ? done : parts[i].iov_len;
    done -= skip;
    if (skip == parts[i].iov_len) continue;
    if (!leat__bytes_add(c->io, &c->out, (char *)parts[i].iov_base + skip, parts[i].iov_len - skip))
      return leat__conn_close(c), false;
  }
  return c->out.at == c->out.len || flush(c);
}

void leat__conn_refuse(leat_conn *c, int status, const char *message) {
  char text[256];
  int n = snprintf(text, sizeof text,
                   "HTTP/1.1 %d %s\r\ncontent-type: text/plain\r\ncontent-length: %zu\r\n"
                   "connection: close\r\n\r\n%s\n",
                   status, leat_http_reason(status), strlen(message) + 1, message);
  struct iovec part = {text, (size_t)n};
  atomic_fetch_add(&c->io->server->refused, 1);
  if (leat__conn_send(c, &part, 1)) leat__conn_finish(c);
}

// --- Reading ------------------------------------------------------------------------------------
static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void start_h2(leat_conn *c) {
  leat_error err;
  leat_status status = leat__h2_new(c, NULL, (leat_str){0}, &err);
  if (status == LEAT_UNIMPLEMENTED)
    leat__conn_refuse(c, 505, err.message);
  else if (status)
    leat__conn_close(c);
  else
    c->state = CONN_H2;
}

// The first bytes tell what is spoken. false: more of them are needed, or the connection is gone.
static bool detect(leat_conn *c) {
  size_t have = c->in.len - c->in.at;
  const char *p = c->in.ptr + c->in.at;
  if (c->tls && leat__tls_is_h2(c->tls)) {
    start_h2(c);
    return c->state == CONN_H2;
  }
  size_t n = have < sizeof preface - 1 ? have : sizeof preface - 1;
  if (memcmp(p, preface, n) != 0) {
    c->state = CONN_HEAD;
    return true;
  }
  if (n < sizeof preface - 1) return false;
  start_h2(c);
  return c->state == CONN_H2;
}

static void take_input(leat_conn *c) {
  if (c->state == CONN_CLOSING) {
    c->in.at = c->in.len = 0;
    return;
  }
  if (!c->started_ns) c->started_ns = c->io->now_ns;
  if (c->state == CONN_DETECT && !detect(c)) return;
  if (c->state == CONN_H2)
    leat__h2_input(c);
  else
    leat__h1_input(c);
}

// A TLS record starts with 22, then the version 3.x: no request line does.
static bool starts_tls(leat_conn *c) {
  unsigned char first;
  if (c->tls || c->state != CONN_DETECT || c->in.len) return true;
  if (recv(c->fd, &first, 1, MSG_PEEK) != 1 || first != 22) return true;
  if (c->io->server->tls) c->tls = leat__tls_new(c->io->server->tls, c->fd);
  return c->tls != NULL;
}

static void at_end(leat_conn *c) {
  c->half_closed = true;
  if (c->out.at == c->out.len || c->linger) {
    leat__conn_close(c);
    return;
  }
  c->state = CONN_CLOSING;
  leat__conn_want(c, c->events & ~(uint32_t)EPOLLIN);
}

// A request that trickles in shall not hold a large buffer.
static void shrink(leat_conn *c) {
  leat_bytes small = {0};
  size_t have = c->in.len - c->in.at, cap = 256;
  while (cap < have) cap *= 2;
  if (c->in.cap < 4 * cap || !(small.ptr = leat__alloc(cap))) return;
  memcpy(small.ptr, c->in.ptr + c->in.at, have);
  small.len = have;
  small.cap = cap;
  c->io->more_memory += (int64_t)cap;
  leat__bytes_free(c->io, &c->in);
  c->in = small;
}

// Reads once. false: there is no more for now.
static bool read_once(leat_conn *c) {
  bool wants_write = false;
  // A body's reader has made its room: its request must not move.
  size_t least = c->state == CONN_BODY ? 1 : 4096;
  if (c->in.at == c->in.len && c->state != CONN_BODY) c->in.at = c->in.len = 0;
  if (!leat__bytes_reserve(c->io, &c->in, least)) {
    if (c->state == CONN_H2)
      leat__conn_close(c);
    else
      leat__conn_refuse(c, 503, "the server is out of memory for requests");
    return false;
  }
  size_t room = c->in.cap - c->in.len;
  ssize_t n = c->tls ? leat__tls_read(c->tls, c->in.ptr + c->in.len, room, &wants_write)
                     : recv(c->fd, c->in.ptr + c->in.len, room, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    if (wants_write) leat__conn_want(c, c->events | EPOLLOUT);
    return errno == EINTR;
  }
  if (n == 0) return at_end(c), false;
  if (n < 0) return leat__conn_close(c), false;
  c->in.len += (size_t)n;
  take_input(c);
  return !c->dead && ((size_t)n == room || (c->tls && leat__tls_pending(c->tls)));
}

static void conn_read(leat_conn *c) {
  if (!starts_tls(c)) {
    leat__conn_close(c);
    return;
  }
  for (int i = 0; i < READS; i++) {
    if (c->half_closed || c->state == CONN_OWED) {  // what it reads must not move
      leat__conn_want(c, c->events & ~(uint32_t)EPOLLIN);
      break;
    }
    if (!read_once(c)) break;
  }
  if (c->dead || c->state == CONN_BODY || c->state == CONN_OWED) return;
  if (c->in.at == c->in.len)
    leat__bytes_free(c->io, &c->in);
  else if (c->state != CONN_CLOSING)
    shrink(c);
}

static void conn_event(leat_conn *c, uint32_t events) {
  if (c->dead) return;
  if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN)) {
    leat__conn_close(c);
    return;
  }
  if (events & EPOLLOUT) {
    if (!flush(c)) return;
    if (c->state == CONN_H2) leat__h2_output(c);
  }
  if (!c->dead && events & (EPOLLIN | EPOLLHUP)) conn_read(c);
}

// --- Accepting ----------------------------------------------------------------------------------
static void name_peer(leat_conn *c, const struct sockaddr_storage *from) {
  char host[INET6_ADDRSTRLEN] = "";
  if (from->ss_family == AF_INET) {
    const struct sockaddr_in *in = (const void *)from;
    inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
    snprintf(c->peer, sizeof c->peer, "%s:%d", host, ntohs(in->sin_port));
    c->loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
  } else if (from->ss_family == AF_INET6) {
    const struct sockaddr_in6 *in = (const void *)from;
    inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
    snprintf(c->peer, sizeof c->peer, "[%s]:%d", host, ntohs(in->sin6_port));
    bool mapped = IN6_IS_ADDR_V4MAPPED(&in->sin6_addr) && in->sin6_addr.s6_addr[12] == 127;
    c->loopback = IN6_IS_ADDR_LOOPBACK(&in->sin6_addr) || mapped;
  } else {
    snprintf(c->peer, sizeof c->peer, "unix");
    c->loopback = true;
  }
}

static void add_conn(leat_io *io, int fd, const struct sockaddr_storage *from) {
  leat_conn *c = leat__calloc(1, sizeof *c);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
  if (!c || epoll_ctl(io->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
    leat__free(c);
    close(fd);
    return;
  }
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  c->io = io;
  c->fd = fd;
  c->events = EPOLLIN;
  c->since_ms = io->now_ms;
  name_peer(c, from);
  c->next = &io->conns;
  c->prior = io->conns.prior;
  c->prior->next = c->next->prior = c;
  io->conn_count++;
  atomic_fetch_add(&io->server->connections, 1);
  atomic_fetch_add_explicit(&io->server->accepted, 1, memory_order_relaxed);
}

static bool at_rest(const leat_conn *c) {
  bool waits = (c->state == CONN_HEAD || c->state == CONN_DETECT) && c->in.at == c->in.len;
  return waits || (c->state == CONN_H2 && leat__h2_idle(c));
}

// Closes the connection that has been idle longest. false: none is.
static bool make_room(leat_io *io) {
  for (leat_conn *c = io->conns.next; c != &io->conns; c = c->next)
    if (at_rest(c)) return leat__conn_close(c), true;
  return false;
}

static void accept_some(leat_io *io, int listener) {
  for (int i = 0; i < ACCEPTS; i++) {
    struct sockaddr_storage from = {0};
    socklen_t size = sizeof from;
    if (atomic_load(&io->server->connections) >= io->server->options.max_connections &&
        !make_room(io)) {
      pause_accepting(io, true);
      return;
    }
    int fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      add_conn(io, fd, &from);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // Out of descriptors or memory: idle connections make room, else the queue waits.
    if (errno != EAGAIN && !make_room(io)) pause_accepting(io, true);
    return;
  }
}

// --- Time ---------------------------------------------------------------------------------------
static int time_limit(const leat_conn *c) {
  const leat_net_options *o = &c->io->server->options;
  if (c->out.at < c->out.len) return o->body_ms;
  switch (c->state) {
    case CONN_DETECT:
    case CONN_HEAD: return c->in.at < c->in.len || c->tls ? o->header_ms : o->idle_ms;
    case CONN_BODY: return o->body_ms;
    case CONN_CLOSING: return LINGER_MS;
    case CONN_H2: return c->exchanges ? 0 : o->idle_ms;
    default: return 0;
  }
}

static void sweep(leat_io *io) {
  for (leat_conn *c = io->conns.next, *next; c != &io->conns; c = next) {
    next = c->next;
    int limit = time_limit(c);
    if (c->state == CONN_HEAD && c->in.at == c->in.len && c->tls)
      limit = io->server->options.idle_ms;
    if (c->state == CONN_H2) leat__h2_sweep(c);
    if (c->dead || !limit || io->now_ms - c->since_ms <= limit) continue;
    if (c->state == CONN_BODY || (c->state == CONN_HEAD && c->in.at < c->in.len))
      leat__conn_refuse(c, 408, "the request did not come in time");
    else if (c->state == CONN_H2 && c->out.at == c->out.len)
      leat__h2_drain(c);
    else
      leat__conn_close(c);
  }
  if (io->paused && !io->draining) pause_accepting(io, false);
}

// --- What other threads say ----------------------------------------------------------------------
void leat__io_wake(leat_io *io) {
  uint64_t one = 1;
  ssize_t n = write(io->wake, &one, sizeof one);
  (void)n;  // the counter is full only if a wake-up waits already
}

static void take_posted(leat_io *io) {
  pthread_mutex_lock(&io->lock);
  leat_xchg *x = io->posted, *next;
  io->posted = io->posted_last = NULL;
  pthread_mutex_unlock(&io->lock);
  for (; x; x = next) {
    pthread_mutex_lock(&io->lock);
    next = x->next_posted;
    x->posted = false;
    x->did |= x->posted_did;
    leat_buf_str(&x->sending, leat_buf_view(&x->pending));
    leat_buf_clear(&x->pending);
    pthread_mutex_unlock(&io->lock);
    leat__xchg_progress(x);
  }
}

static void start_drain(leat_io *io) {
  io->draining = true;
  pause_accepting(io, true);
  for (int i = 0; i < io->server->options.listen_count; i++) {
    accept_some(io, io->listeners[i]);  // who connected before is still served
    close(io->listeners[i]);
    io->listeners[i] = -1;
  }
  for (leat_conn *c = io->conns.next, *next; c != &io->conns; c = next) {
    next = c->next;
    if (c->state == CONN_H2)
      leat__h2_drain(c);
    else if (at_rest(c))
      conn_read(c);  // what has come already
    if (!c->dead && c->state != CONN_H2 && at_rest(c)) leat__conn_close(c);
  }
}

static void free_dead(leat_io *io) {
  while (io->dead) {
    leat_conn *c = io->dead;
    io->dead = c->next;
    leat__free(c);
  }
}

static void handle(leat_io *io, const struct epoll_event *e) {
  int *listener = e->data.ptr;
  if (io->held_count) io->now_ns = leat_clock_ns();
  if (io->held_count == LEAT_IO_HELD || (io->held_count && io->now_ns - io->held_ns > HOLD_NS))
    release(io);
  if (!listener) {
    uint64_t count;
    ssize_t n = read(io->wake, &count, sizeof count);
    (void)n;
    take_posted(io);
  } else if (listener >= io->listeners &&
             listener < io->listeners + io->server->options.listen_count) {
    if (!io->paused) accept_some(io, *listener);
  } else
    conn_event(e->data.ptr, e->events);
}

void leat__io_run(leat_io *io) {
  struct epoll_event events[EVENTS];
  int64_t swept = 0, drained = 0;
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  leat__io_here = io;
  leat_mem_cache(true);
  for (;;) {
    tell_memory(io);
    int n = epoll_wait(io->epoll, events, EVENTS, io->conn_count || io->paused ? SWEEP_MS : -1);
    io->now_ns = leat_clock_ns();
    io->now_ms = io->now_ns / 1000000;
    io->holds = n > 1;
    for (int i = 0; i < n; i++) handle(io, &events[i]);
    release(io);
    io->holds = false;
    if (io->now_ms - swept >= SWEEP_MS) {
      swept = io->now_ms;
      sweep(io);
    }
    free_dead(io);
    if (!atomic_load(&io->server->stopping)) continue;
    if (!io->draining) start_drain(io), drained = io->now_ms;
    free_dead(io);
    if (io->now_ms - drained > io->server->options.drain_ms)
      while (io->conns.next != &io->conns) leat__conn_close(io->conns.next);
    free_dead(io);
    if (!io->conn_count && !io->alive) return;  // also what handlers still owed has come
  }
}
