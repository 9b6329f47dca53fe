// Client: asks an HTTP/1.1 server over one connection that is kept.
// SPDX-License-Identifier: Apache-2.0
#include "net/client.h"

#include "formats/compress.h"
#include "net/address.h"
#include "net/http1.h"
#include "net/io.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 256 << 10, READ = 64 << 10 };

struct leat_client {
  leat_client_options options;
  char *token, *ca_file;
  char *address;  // "HOST:PORT" or "unix:PATH"
  char *host;     // for the Host field, and the name in a certificate
  char *prefix;   // of paths, without the last slash
  bool secure;
  int fd;  // -1: not connected
  leat_tls_context *tls_context;
  leat_tls *tls;
  leat_buf out, in, unpacked;
  leat_field fields[LEAT_FIELDS_MAX];
};

// --- Endpoint -----------------------------------------------------------------------------------
static char *copy(leat_str s) {
  char *text = leat__alloc(s.len + 1);
  if (!text) return NULL;
  if (s.len) memcpy(text, s.ptr, s.len);
  text[s.len] = 0;
  return text;
}

static bool drop_prefix(leat_str *s, leat_str prefix) {
  if (!leat_str_starts(*s, prefix)) return false;
  s->ptr += prefix.len;
  s->len -= prefix.len;
  return true;
}

// Takes the endpoint apart into the client's own strings. false: no memory.
static bool take_apart(leat_client *c, leat_str rest) {
  char with_port[300];
  leat_str host = rest, port, name;
  if (leat_str_starts(rest, LEAT_STR("unix:"))) {
    c->address = copy(rest);
    c->host = copy(LEAT_STR("localhost"));
    c->prefix = copy((leat_str){0});
    return c->address && c->host && c->prefix;
  }
  c->secure = drop_prefix(&rest, LEAT_STR("https://"));
  if (!c->secure) drop_prefix(&rest, LEAT_STR("http://"));
  host = leat_str_cut(&rest, '/');
  while (rest.len && rest.ptr[rest.len - 1] == '/') rest.len--;
  // What is behind the slash goes on in the same text: the prefix starts with the slash.
  c->prefix = copy(rest.len ? (leat_str){rest.ptr - 1, rest.len + 1} : (leat_str){0});
  bool ported = leat__address_cut(host, &name, &port) && port.len && name.len;
  snprintf(with_port, sizeof with_port, LEAT_STR_FMT "%s", LEAT_STR_ARG(host),
           ported      ? ""
           : c->secure ? ":443"
                       : ":80");
  c->address = copy(leat_str_of(with_port));
  c->host = copy(host);
  return c->address && c->host && c->prefix;
}

leat_status leat_client_new(leat_client **out, const char *endpoint,
                            const leat_client_options *options, leat_error *err) {
  static const leat_client_options none;
  leat_client *c = *out = leat__calloc(1, sizeof *c);
  if (!c) return leat__oom(err, sizeof *c);
  c->fd = -1;
  c->options = options ? *options : none;
  if (c->options.timeout_ms <= 0) c->options.timeout_ms = 60000;
  if (c->options.max_body <= 0) c->options.max_body = 1 << 30;
  c->in.max = (size_t)c->options.max_body + HEAD_MAX;
  leat_str text = leat_str_of(endpoint);
  bool good = take_apart(c, text);
  if (c->options.token) good &= (c->token = copy(leat_str_of(c->options.token))) != NULL;
  if (c->options.ca_file) good &= (c->ca_file = copy(leat_str_of(c->options.ca_file))) != NULL;
  leat_status status = good ? LEAT_OK : leat__oom(err, sizeof *c);
  for (size_t i = 0; !status && i < text.len; i++)
    if ((unsigned char)text.ptr[i] <= 0x20 || text.ptr[i] == 0x7F) good = false;
  bool other_scheme = strstr(endpoint, "://") && !leat_str_starts(text, LEAT_STR("http://")) &&
                      !leat_str_starts(text, LEAT_STR("https://"));
  if (!status && (!good || other_scheme || !*c->host || *c->address == ':'))
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "endpoint '%s' is not http://HOST:PORT, https://HOST or unix:PATH",
                            endpoint);
  if (!status) return LEAT_OK;
  leat_client_free(c);
  *out = NULL;
  return status;
}

static void disconnect(leat_client *c) {
  leat__tls_free(c->tls);
  c->tls = NULL;
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

void leat_client_free(leat_client *c) {
  if (!c) return;
  disconnect(c);
  leat__tls_context_free(c->tls_context);
  leat_buf_deinit(&c->out);
  leat_buf_deinit(&c->in);
  leat_buf_deinit(&c->unpacked);
  leat__free(c->token);
  leat__free(c->ca_file);
  leat__free(c->address);
  leat__free(c->host);
  leat__free(c->prefix);
  leat__free(c);
}

// --- Connection ---------------------------------------------------------------------------------
static leat_status broke(const leat_client *c, const char *what, leat_error *err) {
  return leat_error_set(err, LEAT_UNAVAILABLE, "%s: %s", c->address, what);
}

static leat_status wait_for(leat_client *c, short events, leat_error *err) {
  struct pollfd p = {.fd = c->fd, .events = events};
  int n;
  do n = poll(&p, 1, c->options.timeout_ms);
  while (n < 0 && errno == EINTR);
  return n > 0 ? LEAT_OK
               : leat_error_set(err, LEAT_DEADLINE_EXCEEDED, "%s: nothing came for %d ms",
                                c->address, c->options.timeout_ms);
}

static leat_status open_socket(leat_client *c, const leat_address *a, leat_error *err) {
  int on = 1, code = 0;
  socklen_t size = sizeof code;
  c->fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) return broke(c, strerror(errno), err);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(c->fd, (const struct sockaddr *)&a->at, a->size) == 0) return LEAT_OK;
  if (errno != EINPROGRESS) return broke(c, strerror(errno), err);
  leat_status status = wait_for(c, POLLOUT, err);
  if (status) return status;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &code, &size);
  return code ? broke(c, strerror(code), err) : LEAT_OK;
}

static leat_status connect_client(leat_client *c, leat_error *err) {
  leat_address all[LEAT_ADDRESSES_MAX];
  int count = 0;
  leat_status status = leat__address_find(c->address, false, all, &count, err);
  if (status) return status;
  for (int i = 0; i < count; i++) {
    status = open_socket(c, &all[i], err);
    if (!status) break;
    disconnect(c);
  }
  if (!status && c->secure && !c->tls_context)
    status = leat__tls_client_context_new(&c->tls_context, c->ca_file, err);
  if (!status && c->secure) {
    leat_str name, port, host = leat_str_of(c->host);
    if (!leat__address_cut(host, &name, &port) || !name.len) name = host;
    c->tls = leat__tls_client_new(c->tls_context, c->fd, name);
    if (!c->tls) status = leat__oom(err, 1);
  }
  if (status) disconnect(c);
  return status;
}

static leat_status send_all(leat_client *c, leat_error *err) {
  size_t at = 0;
  while (at < c->out.len) {
    const char *p = c->out.ptr + at;
    ssize_t n = c->tls ? leat__tls_write(c->tls, p, c->out.len - at)
                       : send(c->fd, p, c->out.len - at, MSG_NOSIGNAL);
    if (n > 0) {
      at += (size_t)n;
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n == 0 || errno != EAGAIN) return broke(c, leat__tls_trouble(c->tls), err);
    leat_status status = wait_for(c, c->tls ? POLLIN | POLLOUT : POLLOUT, err);
    if (status) return status;
  }
  return LEAT_OK;
}

// Reads once into c->in; *ended: the server has said all.
static leat_status read_more(leat_client *c, bool *ended, leat_error *err) {
  bool wants_write = false;
  if (!leat_buf_reserve(&c->in, READ))
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "%s: the answer is too large", c->address);
  for (;;) {
    char *p = c->in.ptr + c->in.len;
    ssize_t n = c->tls ? leat__tls_read(c->tls, p, READ, &wants_write) : recv(c->fd, p, READ, 0);
    if (n > 0) c->in.len += (size_t)n;
    *ended = n == 0;
    if (n >= 0) return LEAT_OK;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return broke(c, leat__tls_trouble(c->tls), err);
    leat_status status = wait_for(c, wants_write ? POLLOUT : POLLIN, err);
    if (status) return status;
  }
}

// --- Answers ------------------------------------------------------------------------------------
static leat_status malformed(const leat_client *c, leat_error *err) {
  return leat_error_set(err, LEAT_DATA_LOSS, "%s: the answer is not HTTP/1.1", c->address);
}

// The head of the final answer; *size: its bytes. Answers 1xx before it are passed over.
static leat_status read_head(leat_client *c, leat_http1_head *h, size_t *size, leat_error *err) {
  size_t scanned = 0;
  for (;;) {
    *size = leat_http1_head_end(c->in.ptr, c->in.len, &scanned);
    if (*size) {
      *h = (leat_http1_head){.fields = c->fields, .field_cap = LEAT_FIELDS_MAX};
      if (leat_http1_response(c->in.ptr, *size, h)) return malformed(c, err);
      if (h->status >= 200) return LEAT_OK;
      memmove(c->in.ptr, c->in.ptr + *size, c->in.len - *size);
      c->in.len -= *size;
      scanned = 0;
      continue;
    }
    bool ended = false;
    if (c->in.len > HEAD_MAX) return malformed(c, err);
    leat_status status = read_more(c, &ended, err);
    if (status) return status;
    if (ended) return c->in.len ? malformed(c, err) : broke(c, "the connection was closed", err);
  }
}

// The body, which starts at `from` in c->in; *length: of its decoded bytes.
static leat_status read_body(leat_client *c, leat_http1_head *h, size_t from, size_t *length,
                             leat_error *err) {
  leat_chunks chunks = {0};
  size_t at = from, to = from;
  bool ended = false;
  for (;;) {
    size_t have = c->in.len - from;
    if (h->chunked) {
      if (!leat_chunks_run(&chunks, c->in.ptr, c->in.len, &at, &to)) return malformed(c, err);
      if (chunks.state == LEAT_CHUNK_DONE) return *length = to - from, LEAT_OK;
      c->in.len = at = to;
    } else if (h->length >= 0 && (int64_t)have >= h->length)
      return *length = (size_t)h->length, LEAT_OK;
    else if (ended && h->length < 0)
      return *length = have, LEAT_OK;
    if (ended) return broke(c, "the connection was closed inside an answer", err);
    if (h->length > c->options.max_body)
      return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "%s: the answer has %lld bytes",
                            c->address, (long long)h->length);
    leat_status status = read_more(c, &ended, err);
    if (status) return status;
  }
}

static leat_status unpack(leat_client *c, leat_str coding, leat_answer *a, leat_error *err) {
  if (!leat_str_eq(coding, LEAT_STR("gzip"))) return LEAT_OK;
  leat_buf_clear(&c->unpacked);
  leat_status status = leat_inflate(a->body, LEAT_COMPRESSION_GZIP, "answer",
                                    (size_t)c->options.max_body, &c->unpacked, err);
  a->body = leat_buf_view(&c->unpacked);
  return status;
}

// The views that parsing made follow the buffer, which grows with the body.
static void follow(leat_client *c, leat_http1_head *h, ptrdiff_t moved) {
  for (size_t i = 0; i < h->field_count; i++) {
    c->fields[i].name.ptr += moved;
    c->fields[i].value.ptr += moved;
  }
  if (h->coding.ptr) h->coding.ptr += moved;
}

static leat_status read_answer(leat_client *c, bool head_only, leat_answer *a, leat_error *err) {
  leat_http1_head h;
  size_t from, length = 0;
  leat_buf_clear(&c->in);
  leat_status status = read_head(c, &h, &from, err);
  if (status) return status;
  uintptr_t was = (uintptr_t)c->in.ptr;
  if (!head_only && !leat_http_bodiless(h.status)) status = read_body(c, &h, from, &length, err);
  if (status) return status;
  follow(c, &h, (ptrdiff_t)((uintptr_t)c->in.ptr - was));
  *a = (leat_answer){h.status, c->fields, h.field_count, {c->in.ptr + from, length}};
  bool known = h.chunked || h.length >= 0 || head_only || leat_http_bodiless(h.status);
  if (!h.keep_alive || !known) disconnect(c);
  return unpack(c, h.coding, a, err);
}

// --- Requests -----------------------------------------------------------------------------------
static leat_status put_request(leat_client *c, const char *method, const char *path,
                               const char *type, leat_str body, leat_error *err) {
  leat_buf *b = &c->out;
  leat_buf_clear(b);
  leat_buf_fmt(b, "%s %s%s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\n", method, c->prefix,
               path, c->host);
  if (c->token) leat_buf_fmt(b, "Authorization: Bearer %s\r\n", c->token);
  if (type) leat_buf_fmt(b, "Content-Type: %s\r\n", type);
  if (body.len || strcmp(method, "GET") != 0) leat_buf_fmt(b, "Content-Length: %zu\r\n", body.len);
  leat_buf_c(b, "\r\n");
  leat_buf_str(b, body);
  return leat_buf_status(b, err);
}

leat_status leat_client_ask(leat_client *c, const char *method, const char *path, const char *type,
                            leat_str body, leat_answer *out, leat_error *err) {
  leat_status status = put_request(c, method, path, type, body, err);
  leat_buf_clear(&c->in);
  for (int tries = 0; !status; tries++) {
    bool kept = c->fd >= 0;
    if (!kept && (status = connect_client(c, err))) break;
    status = send_all(c, err);
    if (!status) status = read_answer(c, strcmp(method, "HEAD") == 0, out, err);
    if (!status) return LEAT_OK;
    disconnect(c);
    if (!kept || tries || status != LEAT_UNAVAILABLE || c->in.len) break;
    status = LEAT_OK;  // the server had closed what was kept
  }
  return status;
}

leat_str leat_answer_field(const leat_answer *a, const char *name) {
  const leat_field *f = leat__find_field(a->fields, a->field_count, name);
  return f ? f->value : (leat_str){"", 0};
}
