// Fuzzing of net: bytes as they come from a connection, in pieces, to a server without threads.
// SPDX-License-Identifier: Apache-2.0
//
// The first byte says how: the length of the pieces, and whether calls under /later are answered
// before or behind the end of the connection. What the server sends is read and dropped.
#ifndef LEAT_FUZZ_NET_H
#define LEAT_FUZZ_NET_H

#include "net/grpc.h"
#include "net/io.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static leat_exchange *fuzz_later[512];
static int fuzz_later_count;

static void fuzz_answer(leat_exchange *x) {
  leat_str message;
  leat_error err;
  bool found = true;
  leat_status status = LEAT_OK;
  leat_buf_str(&x->reply, x->path);
  leat_buf_str(&x->reply, leat_exchange_field(x, "content-type"));
  leat_buf_str(&x->reply, x->body);
  if (!leat_grpc_is(x)) {
    leat_reply_field(x, "x-query", x->query);
    leat_reply_send(x, 200);
    return;
  }
  if (!x->complete || x->user) {
    if (!x->user) leat_grpc_stream(x);
    x->user = x;
    while (!(status = leat_grpc_next(x, &message, &found, &err)) && found)
      leat_grpc_write(x, message);
    if (status || x->complete || leat_exchange_gone(x))
      leat_grpc_end(x, status, status ? err.message : NULL);
    return;
  }
  status = leat_grpc_message(x, &message, &err);
  leat_grpc_begin(x);
  if (!status) leat_buf_str(&x->reply, message);
  leat_grpc_send(x, status, status ? err.message : NULL);
}

static void fuzz_handler(void *context, leat_exchange *x) {
  bool later = leat_str_starts(x->path, LEAT_STR("/later")) && fuzz_later_count < 512;
  if (later && x->complete && !x->user)
    fuzz_later[fuzz_later_count++] = x;
  else
    fuzz_answer(x);
}

static void fuzz_answer_later(void) {
  while (fuzz_later_count) fuzz_answer(fuzz_later[--fuzz_later_count]);
}

static bool fuzz_streams(void *context, const leat_exchange *x) {
  return leat_str_starts(x->path, LEAT_STR("/stream"));
}

static leat_io *fuzz_io(void) {
  static leat_server server = {.options = {.handler = fuzz_handler,
                                           .streams = fuzz_streams,
                                           .max_memory = 1 << 22,
                                           .max_body = 1 << 16,
                                           .max_header_bytes = 4096,
                                           .max_streams = 32,
                                           .body_ms = 1000}};
  static leat_io io;
  if (!io.server) {
    io.server = &server;
    io.conns.next = io.conns.prior = &io.conns;
    io.epoll = epoll_create1(0);
    pthread_mutex_init(&io.lock, NULL);
    leat__io_here = &io;
  }
  return &io;
}

static leat_conn *fuzz_connect(leat_io *io, int *other) {
  int fds[2];
  leat_conn *c = leat__calloc(1, sizeof *c);
  if (!c || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0) abort();
  *other = fds[1];
  *c = (leat_conn){.io = io, .fd = fds[0], .events = EPOLLIN, .next = &io->conns, .peer = "fuzz"};
  struct epoll_event e = {.events = EPOLLIN};
  epoll_ctl(io->epoll, EPOLL_CTL_ADD, c->fd, &e);
  c->prior = io->conns.prior;
  c->prior->next = c->next->prior = c;
  return c;
}

static void fuzz_feed(leat_conn *c, leat_str input, size_t step, int other) {
  static char dropped[1 << 16];
  while (input.len && !c->dead && c->state != CONN_CLOSING && c->state != CONN_OWED) {
    size_t n = input.len < step ? input.len : step, room = c->in.cap - c->in.len;
    if (c->state == CONN_BODY && n > room) n = room;  // its request must not move
    if (c->in.at == c->in.len && c->state != CONN_BODY) c->in.at = c->in.len = 0;
    if (!leat__bytes_add(c->io, &c->in, input.ptr, n)) break;
    input = (leat_str){input.ptr + n, input.len - n};
    if (c->state == CONN_H2)
      leat__h2_input(c);
    else
      leat__h1_input(c);
    while (recv(other, dropped, sizeof dropped, 0) > 0) {
    }
  }
}

static void fuzz_connection(leat_str input, bool h2) {
  leat_io *io = fuzz_io();
  leat_error err;
  int other;
  if (!input.len) return;
  unsigned how = (unsigned char)input.ptr[0];
  input = (leat_str){input.ptr + 1, input.len - 1};
  leat_conn *c = fuzz_connect(io, &other);
  c->state = h2 ? CONN_H2 : CONN_HEAD;
  if (h2 && leat__h2_new(c, NULL, (leat_str){0}, &err)) abort();
  fuzz_feed(c, input, how >> 1 ? how >> 1 : 1 << 20, other);
  if (how & 1) fuzz_answer_later();
  io->now_ms += 2000;
  if (!c->dead && c->state == CONN_H2) leat__h2_sweep(c);
  leat__conn_close(c);
  fuzz_answer_later();
  close(other);
  while (io->dead) {
    c = io->dead;
    io->dead = c->next;
    leat__free(c);
  }
  if (atomic_load(&io->server->memory)) abort();  // buffers are given back
}

// Requests to a server; answers to a client where the first byte is 255.
__attribute__((unused)) static void fuzz_http(leat_str input) {
  leat_field fields[LEAT_FIELDS_MAX];
  leat_http1_head h = {.fields = fields, .field_cap = LEAT_FIELDS_MAX};
  size_t scanned = 0;
  if (!input.len || (unsigned char)input.ptr[0] != 255) {
    fuzz_connection(input, false);
    return;
  }
  char *text = (char *)(uintptr_t)input.ptr + 1;
  size_t size = leat_http1_head_end(text, input.len - 1, &scanned);
  if (size) leat_http1_response(text, size, &h);
}

// What follows the first bytes of an HTTP/2 connection: frames, HPACK, gRPC.
__attribute__((unused)) static void fuzz_h2(leat_str input) {
  leat_buf whole = {0};
  if (!input.len) return;
  leat_buf_add(&whole, input.ptr, 1);
  leat_buf_str(&whole, LEAT_STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  leat_buf_add(&whole, input.ptr + 1, input.len - 1);
  fuzz_connection(leat_buf_view(&whole), true);
  leat_buf_deinit(&whole);
}

#endif
