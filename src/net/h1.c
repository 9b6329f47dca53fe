// HTTP/1.1 on a connection: one request after the other, each answered before the next is read.
// SPDX-License-Identifier: Apache-2.0
#include "net/io.h"

#include "base/clock.h"

#include <sys/epoll.h>
#include <sys/uio.h>

enum {
  FIRST_BODY = 16384,  // bytes that room is made for before any came
  JOINED = 8192,       // bytes of a body that leaves in one part with its head
};

// --- Reading ------------------------------------------------------------------------------------
static void move_view(leat_str *s, const char *from, const char *to) {
  if (s->ptr) s->ptr = to + (s->ptr - from);
}

// The buffer has moved: the request's views follow.
static void follow(leat_xchg *x, const char *from, const char *to) {
  if (from == to) return;
  move_view(&x->x.method, from, to);
  move_view(&x->x.path, from, to);
  move_view(&x->x.query, from, to);
  move_view(&x->x.authority, from, to);
  move_view(&x->coding, from, to);
  for (size_t i = 0; i < x->x.field_count; i++) {
    move_view(&x->fields[i].name, from, to);
    move_view(&x->fields[i].value, from, to);
  }
}

// Room for more of the body; everything before the request is dropped first.
static bool make_room(leat_conn *c, size_t more) {
  const char *from = c->in.ptr;
  bool good = leat__bytes_reserve(c->io, &c->in, more);
  follow(c->exchanges, from, c->in.ptr);
  return good;
}

static void fill(leat_xchg *x, const leat_conn *c, const leat_http1_head *h) {
  leat_str rest = h->target;
  x->x.method = h->method;
  x->x.path = leat_str_cut(&rest, '?');
  x->x.query = rest.len ? rest : (leat_str){x->x.path.ptr, 0};
  x->x.authority = h->host;
  x->x.field_count = h->field_count;
  x->x.version = h->version;
  x->x.started_ns = c->started_ns;
  x->x.complete = true;
  x->coding = h->coding;
  x->keep_alive = h->keep_alive && !c->io->draining;
  x->head_request = leat_str_eq(h->method, LEAT_STR("HEAD"));
  x->length_left = h->length;
}

static bool refuse(leat_conn *c, int status, const char *message) {
  c->state = CONN_OWED;
  leat__xchg_refuse(c->exchanges, status, message);
  return false;
}

static const char *refusal(int status) {
  switch (status) {
    case 413: return "the body is too large";
    case 417: return "only 100-continue can be expected";
    case 431: return "the fields of the request are too large";
    case 501: return "the transfer coding is not known";
    case 505: return "the version of HTTP is not 1.0, 1.1 or 2";
    default: return "the request is malformed";
  }
}

static int64_t limit_of(const leat_xchg *x) {
  const leat_net_options *o = &x->io->server->options;
  int64_t own = o->body_limit ? o->body_limit(o->context, &x->x) : 0;
  return own > 0 && own < o->max_body ? own : o->max_body;
}

static bool upgrade(leat_conn *c, leat_xchg *x, leat_str settings) {
  leat_error err;
  static const char switching[] =
      "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n";
  if (leat__h2_new(c, x, settings, &err)) return false;  // it is answered as HTTP/1.1 then
  struct iovec part = {(char *)(uintptr_t)switching, sizeof switching - 1};
  c->state = CONN_H2;
  if (!leat__conn_send(c, &part, 1)) return true;
  leat__xchg_call(x);
  if (!c->dead && c->in.at < c->in.len) leat__h2_input(c);
  return true;
}

static bool continue_now(leat_conn *c) {
  static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
  struct iovec part = {(char *)(uintptr_t)go, sizeof go - 1};
  return leat__conn_send(c, &part, 1);
}

// A request of which nothing is known: its head is malformed or too large.
static bool refuse_unread(leat_conn *c, leat_xchg *x, int status) {
  x->x.version = 11;
  x->x.started_ns = c->started_ns;
  x->x.method = x->x.path = (leat_str){"-", 1};
  return refuse(c, status, refusal(status));
}

// The head is there: [in.at, in.at + length).
static bool start_request(leat_conn *c, size_t length) {
  leat_xchg *x = leat__xchg_new(c);
  leat_http1_head h = {0};
  if (!x) {
    leat__conn_close(c);
    return false;
  }
  h.fields = x->fields;
  h.field_cap = LEAT_FIELDS_MAX;
  int status = leat_http1_request(c->in.ptr + c->in.at, length, &h);
  if (status) return refuse_unread(c, x, status);
  fill(x, c, &h);
  x->limit = limit_of(x);
  if (h.length > x->limit) return refuse(c, 413, refusal(413));
  c->body_at = c->body_to = c->in.at += length;
  c->chunked = h.chunked;
  c->chunks = (leat_chunks){0};
  c->state = CONN_BODY;
  c->scanned = 0;
  bool has_body = h.chunked || h.length > 0;
  if (h.upgrade_h2c && !has_body && !c->tls && upgrade(c, x, h.settings)) return false;
  if (has_body && h.expects_continue && h.version >= 11 && c->in.at == c->in.len)
    return continue_now(c);
  return true;
}

static void let_go(leat_conn *c) {
  if (c->in.at < c->in.len) return;
  c->in.at = c->in.len = 0;
}

static bool read_head(leat_conn *c) {
  size_t max = (size_t)c->io->server->options.max_header_bytes;
  while (c->in.len - c->in.at >= 2 && memcmp(c->in.ptr + c->in.at, "\r\n", 2) == 0) {
    c->in.at += 2;  // empty lines before a request are passed over
    c->scanned = 0;
  }
  size_t have = c->in.len - c->in.at;
  if (!have || c->half_closed) return let_go(c), false;
  if (!c->scanned) {
    c->since_ms = c->io->now_ms;
    if (!c->started_ns) c->started_ns = c->io->now_ns;
  }
  size_t length = leat_http1_head_end(c->in.ptr + c->in.at, have, &c->scanned);
  if (length && length <= max) return start_request(c, length);
  if (length || have > max) {
    leat_xchg *x = leat__xchg_new(c);
    if (x) return refuse_unread(c, x, 431);
    leat__conn_close(c);
    return false;
  }
  if (c->in.at) {  // so that room is found behind it
    memmove(c->in.ptr, c->in.ptr + c->in.at, have);
    c->in.at = 0;
    c->in.len = have;
  }
  return false;
}

static bool read_body(leat_conn *c) {
  leat_xchg *x = c->exchanges;
  size_t had = c->body_to;
  if (c->chunked) {
    if (!leat_chunks_run(&c->chunks, c->in.ptr, c->in.len, &c->in.at, &c->body_to))
      return refuse(c, 400, "the chunks of the body are malformed");
    if ((int64_t)(c->body_to - c->body_at) > x->limit) return refuse(c, 413, refusal(413));
    if (c->chunks.state != LEAT_CHUNK_DONE) {
      size_t behind = c->in.len - c->in.at;  // nothing: all was decoded
      c->in.at = c->body_to;
      c->in.len = c->body_to + behind;
      if (c->body_to - had >= 1024) c->since_ms = c->io->now_ms;
      if (!make_room(c, 4096)) return refuse(c, 503, "the server is out of memory for requests");
      return false;
    }
  } else {
    size_t want = x->length_left > 0 ? (size_t)x->length_left : 0, have = c->in.len - c->body_at;
    if (have < want) {
      size_t left = want - have;
      if (have - (c->body_to - c->body_at) >= 1024)
        c->since_ms = c->io->now_ms, c->body_to = c->in.len;
      c->in.at = c->in.len;
      size_t ahead = have > FIRST_BODY / 2 ? 8 * have : FIRST_BODY;  // lengths may lie
      if (!make_room(c, left < ahead ? left : ahead))
        return refuse(c, 503, "the server is out of memory for requests");
      return false;
    }
    c->body_to = c->in.at = c->body_at + want;
  }
  x->x.body = (leat_str){c->in.ptr + c->body_at, c->body_to - c->body_at};
  c->state = CONN_OWED;
  leat__xchg_call(x);
  return !c->dead && c->state == CONN_HEAD;
}

void leat__h1_input(leat_conn *c) {
  if (c->in_process) return;
  c->in_process = true;
  for (bool more = true; more && !c->dead;) {
    if (c->state == CONN_HEAD)
      more = read_head(c);
    else if (c->state == CONN_BODY)
      more = read_body(c);
    else
      more = false;
  }
  c->in_process = false;
}

// --- Answering ----------------------------------------------------------------------------------
static void put_number(leat_buf *b, uint64_t value) {
  char digits[24];
  int at = sizeof digits;
  do digits[--at] = (char)('0' + value % 10);
  while (value /= 10);
  leat_buf_add(b, digits + at, sizeof digits - (size_t)at);
}

static void put_fields(leat_buf *b, const leat_reply_fields *fields) {
  for (int i = 0; i < fields->count; i++) {
    leat_field f = leat__reply_field_at(fields, i);
    leat_buf_str(b, f.name);
    leat_buf_add(b, ": ", 2);
    leat_buf_str(b, f.value);
    leat_buf_add(b, "\r\n", 2);
  }
}

static void put_head(leat_xchg *x) {
  leat_buf *b = &x->io->scratch;
  leat_buf_clear(b);
  if (x->x.status == 200)
    leat_buf_str(b, LEAT_STR("HTTP/1.1 200 OK\r\n"));
  else
    leat_buf_fmt(b, "HTTP/1.1 %d %s\r\n", x->x.status, leat_http_reason(x->x.status));
  put_fields(b, &x->head);
  leat_buf_str(b, LEAT_STR("date: "));
  leat_buf_c(b, leat__http_date(x->io));
  if (x->did & XCHG_WHOLE) {
    if (!leat_http_bodiless(x->x.status)) {
      leat_buf_str(b, LEAT_STR("\r\ncontent-length: "));
      put_number(b, x->x.reply.len);
    }
  } else if (x->x.version >= 11 && !leat_http_bodiless(x->x.status))
    leat_buf_str(b, LEAT_STR("\r\ntransfer-encoding: chunked"));
  else
    x->keep_alive = false;
  if (!x->keep_alive)
    leat_buf_str(b, LEAT_STR("\r\nconnection: close"));
  else if (x->x.version < 11)
    leat_buf_str(b, LEAT_STR("\r\nconnection: keep-alive"));
  leat_buf_str(b, LEAT_STR("\r\n\r\n"));
}

static void end_request(leat_xchg *x) {
  leat_conn *c = x->conn;
  bool stays = x->keep_alive && !c->half_closed && !c->io->draining;
  leat__xchg_log(x);
  leat__xchg_free(x);
  if (c->in.at == c->in.len && !c->in_process)
    leat__bytes_free(c->io, &c->in);
  else
    let_go(c);
  leat__conn_rest(c);
  c->started_ns = 0;
  c->scanned = 0;
  if (!stays) {
    leat__conn_finish(c);
    return;
  }
  c->state = CONN_HEAD;
  leat__conn_want(c, c->events | EPOLLIN);
  if (c->in_process || c->in.at == c->in.len) return;
  leat__h1_input(c);
  if (!c->dead && c->state == CONN_HEAD && c->in.at == c->in.len) leat__bytes_free(c->io, &c->in);
}

static void send_whole(leat_xchg *x) {
  leat_conn *c = x->conn;
  if (x->x.reply.failed) {
    leat_buf_deinit(&x->x.reply);
    x->x.status = 500;
  }
  leat__xchg_pack(x);
  put_head(x);
  leat_buf *head = &x->io->scratch;
  x->x.sent_bytes = (int64_t)x->x.reply.len;
  bool body = x->x.reply.len && !x->head_request && !leat_http_bodiless(x->x.status);
  bool joined = body && x->x.reply.len <= JOINED;  // copying is cheaper than a second part
  if (joined) leat_buf_str(head, leat_buf_view(&x->x.reply));
  struct iovec parts[] = {{head->ptr, head->len}, {x->x.reply.ptr, x->x.reply.len}};
  if (!leat__conn_send(c, parts, body && !joined ? 2 : 1)) {
    leat__xchg_progress(x);  // the connection is gone
    return;
  }
  end_request(x);
}

static void send_stream(leat_xchg *x) {
  leat_conn *c = x->conn;
  leat_buf *b = &x->io->scratch;
  leat_buf_clear(b);
  if (!x->submitted) put_head(x);
  x->submitted = true;
  bool chunked = x->x.version >= 11 && !leat_http_bodiless(x->x.status),
       body = !leat_http_bodiless(x->x.status) && !x->head_request && x->sending.len;
  if (chunked && body) leat_buf_fmt(b, "%zx\r\n", x->sending.len);
  if (body) leat_buf_str(b, leat_buf_view(&x->sending));
  if (chunked && body) leat_buf_add(b, "\r\n", 2);
  x->x.sent_bytes += (int64_t)x->sending.len;
  leat_buf_clear(&x->sending);
  if (x->did & XCHG_ENDED && chunked && !x->head_request) {
    leat_buf_add(b, "0\r\n", 3);
    put_fields(b, &x->trailers);
    leat_buf_add(b, "\r\n", 2);
  }
  struct iovec part = {b->ptr, b->len};
  if (b->len && !leat__conn_send(c, &part, 1)) {
    if (x->did & XCHG_ENDED) leat__xchg_progress(x);
    return;
  }
  atomic_store(&x->backlog, c->out.len - c->out.at);
  if (x->did & XCHG_ENDED) end_request(x);
}

void leat__h1_progress(leat_xchg *x) {
  if (x->in_handler || !x->did) return;
  if (x->did & XCHG_WHOLE)
    send_whole(x);
  else
    send_stream(x);
}
