// HTTP/1.1: the parser's strictness, and a server asked over sockets.
// SPDX-License-Identifier: Apache-2.0
#include "base/mem.h"
#include "formats/compress.h"
#include "handlers.h"
#include "net.h"
#include "net/client.h"
#include "net/http1.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>

// --- Allocations are counted ---------------------------------------------------------------------
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { COUNTS = 0 };
static atomic_long allocations;
#else
enum { COUNTS = 1 };
static atomic_long allocations;
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *malloc(size_t bytes) { return atomic_fetch_add(&allocations, 1), __libc_malloc(bytes); }
void *calloc(size_t count, size_t bytes) {
  return atomic_fetch_add(&allocations, 1), __libc_calloc(count, bytes);
}
void *realloc(void *block, size_t bytes) {
  return atomic_fetch_add(&allocations, 1), __libc_realloc(block, bytes);
}
#endif

// --- The parser ---------------------------------------------------------------------------------
static int parse(const char *request, leat_http1_head *h) {
  static char text[70000];
  static leat_field fields[LEAT_FIELDS_MAX];
  size_t length = strlen(request), scanned = 0;
  memcpy(text, request, length + 1);
  *h = (leat_http1_head){.fields = fields, .field_cap = LEAT_FIELDS_MAX};
  size_t end = leat_http1_head_end(text, length, &scanned);
  return end ? leat_http1_request(text, end, h) : -1;
}

static void reads_heads(void) {
  leat_http1_head h;
  CHECK(parse("POST /a?b HTTP/1.1\r\nHOST: x\r\nContent-Length:  12 \r\nA-B:\tc d\r\n\r\n", &h) ==
        0);
  CHECK(leat_str_eq(h.method, LEAT_STR("POST")) && leat_str_eq(h.target, LEAT_STR("/a?b")));
  CHECK(h.length == 12 && h.keep_alive && !h.chunked && h.field_count == 3);
  CHECK(leat_str_eq(h.fields[2].name, LEAT_STR("a-b")));
  CHECK(leat_str_eq(h.fields[2].value, LEAT_STR("c d")));
  CHECK(parse("GET / HTTP/1.0\r\n\r\n", &h) == 0 && !h.keep_alive && h.length == -1);
  CHECK(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", &h) == 0 && h.keep_alive);
  CHECK(parse("GET / HTTP/1.1\r\nHost: x\r\nConnection: a, CLOSE\r\n\r\n", &h) == 0);
  CHECK(!h.keep_alive);
  CHECK(parse("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n", &h) == 0);
  CHECK(h.chunked);
  CHECK(parse("GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-Continue\r\n\r\n", &h) == 0);
  CHECK(h.expects_continue);
}

// Whatever two parsers could read differently is refused.
static void refuses_heads(void) {
  static const struct {
    int status;
    const char *text;
  } cases[] = {
      {400, "GET / HTTP/1.1\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost : x\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\n Host: x\r\n\r\n"},
      {400, "GET / HTTP/1.1\nHost: x\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: x\rA: b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: x\r\nA: \001\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: x\r\nA(: b\r\n\r\n"},
      {400, "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n"},
      {400, "GET  / HTTP/1.1\r\nHost: x\r\n\r\n"},
      {400, "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"},
      {400, "GET /\001 HTTP/1.1\r\nHost: x\r\n\r\n"},
      {400, "G@T / HTTP/1.1\r\nHost: x\r\n\r\n"},
      {400, "GET a HTTP/1.1\r\nHost: x\r\n\r\n"},
      {400, "GET / HTTP/1.1 \r\nHost: x\r\n\r\n"},
      {400, "GET / http/1.1\r\nHost: x\r\n\r\n"},
      {400, "GET /\r\n\r\n"},
      {505, "GET / HTTP/2.0\r\nHost: x\r\n\r\n"},
      {505, "GET / HTTP/1.9\r\nHost: x\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x1\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"},
      {400,
       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {400,
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"},
      {400,
       "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
       "Transfer-Encoding: chunked\r\n\r\n"},
      {501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
      {501, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n"},
      {400, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n"},
      {400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {417, "POST / HTTP/1.1\r\nHost: x\r\nExpect: 200-ok\r\n\r\n"},
  };
  leat_http1_head h;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int status = parse(cases[i].text, &h);
    CHECK_MSG(status == cases[i].status, "case %zu: %d, not %d: %s", i, status, cases[i].status,
              cases[i].text);
  }
}

// -1: malformed; -2: not at its end; else the decoded length.
static int decode(const char *text, size_t step, char *out) {
  leat_chunks c = {0};
  size_t length = strlen(text), at = 0, to = 0;
  memcpy(out, text, length);
  for (size_t have = step < length ? step : length;; have += step) {
    if (have > length) have = length;
    if (!leat_chunks_run(&c, out, have, &at, &to)) return -1;
    if (have == length) break;
  }
  return c.state == LEAT_CHUNK_DONE && at == length ? (int)to : -2;
}

static void decodes_chunks(void) {
  static const struct {
    int length;
    const char *text;
  } cases[] = {
      {0, "0\r\n\r\n"},
      {5, "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"},
      {16, "10\r\n0123456789abcdef\r\n0\r\nA: b\r\nC: d\r\n\r\n"},
      {11, "00000B\r\nhello world\r\n000\r\n\r\n"},
      {-1, "3\nabc\r\n0\r\n\r\n"},
      {-1, "3\r\nabcd\r\n0\r\n\r\n"},
      {-1, "3\r\nabc\n0\r\n\r\n"},
      {-1, "\r\nabc\r\n0\r\n\r\n"},
      {-1, "-1\r\n\r\n"},
      {-1, " 1\r\na\r\n0\r\n\r\n"},
      {-1, "1 \r\na\r\n0\r\n\r\n"},
      {-1, "0x1\r\na\r\n0\r\n\r\n"},
      {-1, "FFFFFFFFFFFFFFFFF\r\na"},
      {-1, "1;a\nb\r\na\r\n0\r\n\r\n"},
      {-2, "3\r\nab"},
      {-2, "3\r\nabc\r\n0\r\n"},
  };
  char out[256];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    for (size_t step = 1; step < 8; step++) {
      int got = decode(cases[i].text, step, out);
      CHECK_MSG(got == cases[i].length, "case %zu by %zu: %d, not %d", i, step, got,
                cases[i].length);
    }
  CHECK(decode(cases[1].text, 4, out) == 5 && memcmp(out, "abcde", 5) == 0);
}

// --- The server ---------------------------------------------------------------------------------
static atomic_int answered;

static void handler(void *context, leat_exchange *x) {
  if (leat_str_eq(x->path, LEAT_STR("/later"))) {
    start_thread(answer_later, x);
    return;
  }
  if (leat_str_eq(x->path, LEAT_STR("/stream"))) {
    start_thread(stream_later, x);
    return;
  }
  leat_reply_field(x, "content-type", LEAT_STR("text/plain"));
  if (leat_str_eq(x->path, LEAT_STR("/none"))) {
    leat_reply_send(x, 204);
    return;
  }
  leat_buf_fmt(&x->reply, "%.*s %.*s?%.*s [%.*s]", (int)x->method.len, x->method.ptr,
               (int)x->path.len, x->path.ptr, (int)x->query.len, x->query.ptr, (int)x->body.len,
               x->body.ptr);
  leat_reply_send(x, 200);
}

static void count_answer(void *context, const leat_exchange *x) {
  if (x->peer[0]) atomic_fetch_add(&answered, 1);
}

static leat_server *start(leat_net_options o) {
  static const char *const listen[] = {"127.0.0.1:0"};
  leat_server *server = NULL;
  leat_error err;
  o.listen = listen;
  o.listen_count = 1;
  o.handler = handler;
  o.log = count_answer;
  if (!o.threads) o.threads = 1;
  CHECK_OK(leat_server_start(&server, &o, &err));
  return server;
}

// What a fresh connection answers to `request`, to its end or to `until`.
static const char *ask(leat_server *server, const char *request, const char *until) {
  static char text[1 << 16];
  int fd = net_connect(server);
  net_send(fd, request, strlen(request));
  net_read(fd, text, sizeof text, until);
  close(fd);
  return text;
}

static void serves(void) {
  leat_server *server = start((leat_net_options){0});
  const char *t = ask(server, "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "[]");
  CHECK(strncmp(t, "HTTP/1.1 200 OK\r\n", 17) == 0);
  CHECK(strstr(t, "content-length: 13\r\n") && strstr(t, "\r\n\r\nGET /a?b=c []"));
  CHECK(strstr(t, "\r\ndate: ") && !strstr(t, "connection:"));
  t = ask(server, "GET / HTTP/1.0\r\n\r\n", NULL);
  CHECK(strstr(t, "connection: close\r\n") && strstr(t, "GET /? []"));
  t = ask(server, "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL);
  CHECK(strstr(t, "content-length: 10\r\n") && strcmp(t + strlen(t) - 4, "\r\n\r\n") == 0);
  t = ask(server, "GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", NULL);
  CHECK(strncmp(t, "HTTP/1.1 204 No Content\r\n", 25) == 0 && !strstr(t, "content-length"));
  t = ask(server,
          "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
          "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\nHost: "
          "x\r\n\r\n",
          "GET /3? []");
  CHECK(strstr(t, "POST /? [abc]") && strstr(t, "POST /2? [hi]") && strstr(t, "GET /3? []"));
  t = ask(server, "nonsense\r\n\r\n", NULL);
  CHECK(strncmp(t, "HTTP/1.1 400 Bad Request\r\n", 26) == 0);
  leat_server_stop(server);
}

static void serves_later(void) {
  leat_server *server = start((leat_net_options){.threads = 2});
  const char *t = ask(server,
                      "POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
                      "GET /next HTTP/1.1\r\nHost: x\r\n\r\n",
                      "/next");
  CHECK(strstr(t, "\r\n\r\nhiHTTP/1.1 200 OK") && strstr(t, "GET /next? []"));
  t = ask(server, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n0\r\n\r\n");
  CHECK(strstr(t, "transfer-encoding: chunked\r\n") && strstr(t, "<0>") && strstr(t, "<49>"));
  t = ask(server, "GET /stream HTTP/1.0\r\n\r\n", NULL);
  CHECK(!strstr(t, "chunked") && strstr(t, "\r\n\r\n<0><1><2>") && strstr(t, "<48><49>"));
  for (int i = 0; i < 20; i++) {  // clients that do not wait
    int fd = net_connect(server);
    const char *request = i & 1 ? "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n"
                                : "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
    net_send(fd, request, strlen(request));
    struct linger now = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    if (i % 4 < 2) usleep(3000);
    close(fd);
  }
  usleep(100000);
  leat_server_stop(server);
}

static void waits_for_bodies(void) {
  leat_server *server = start((leat_net_options){.max_body = 100000});
  static char text[200000], want[70000];
  int fd = net_connect(server);
  const char *head =
      "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 60000\r\n\r\n";
  net_send(fd, head, strlen(head));
  CHECK(strcmp(net_read(fd, text, sizeof text, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n") == 0);
  memset(want, 'a', 60000);
  for (int i = 0; i < 6; i++) {
    net_send(fd, want + 10000 * i, 10000);
    usleep(2000);
  }
  net_read(fd, text, sizeof text, "a]");
  const char *body = strstr(text, "POST /? [");
  CHECK(body && strlen(body) == 60000 + 10 && memcmp(body + 9, want, 60000) == 0);
  close(fd);
  const char *t = ask(server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n", NULL);
  CHECK(strncmp(t, "HTTP/1.1 413 ", 13) == 0 && strstr(t, "connection: close"));
  leat_server_stop(server);
}

static void packs(void) {
  leat_server *server = start((leat_net_options){.max_body = 50000});
  leat_error err;
  leat_buf plain = {0}, packed = {0}, bomb = {0}, request = {0}, answer = {0};
  static char text[1 << 16];
  for (int i = 0; i < 2000; i++) leat_buf_fmt(&plain, "%d,", i);
  CHECK_OK(leat_deflate(leat_buf_view(&plain), LEAT_COMPRESSION_GZIP, &packed, &err));
  leat_buf_fmt(
      &request,
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nAccept-Encoding: br, gzip\r\n"
      "Connection: close\r\nContent-Length: %zu\r\n\r\n",
      packed.len);
  leat_buf_str(&request, leat_buf_view(&packed));
  int fd = net_connect(server);
  net_send(fd, request.ptr, request.len);
  size_t got = 0;
  for (ssize_t n; (n = recv(fd, text + got, sizeof text - got, 0)) > 0;) got += (size_t)n;
  close(fd);
  char *body = memmem(text, got, "\r\n\r\n", 4);
  CHECK(body && memmem(text, got, "content-encoding: gzip\r\n", 24));
  if (body) body += 4;
  leat_str rest = {body, body ? got - (size_t)(body - text) : 0};
  CHECK_OK(leat_inflate(rest, LEAT_COMPRESSION_GZIP, "answer", 1 << 20, &answer, &err));
  CHECK(answer.len == plain.len + 10 && memcmp(answer.ptr + 9, plain.ptr, plain.len) == 0);

  leat_buf_clear(&plain);
  leat_buf_clear(&packed);
  leat_buf_clear(&request);
  leat_buf_reserve(&plain, 60000);
  memset(plain.ptr, 'a', 60000);
  plain.len = 60000;
  CHECK_OK(leat_deflate(leat_buf_view(&plain), LEAT_COMPRESSION_GZIP, &bomb, &err));
  leat_buf_fmt(
      &request,
      "POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
      bomb.len);
  leat_buf_str(&request, leat_buf_view(&bomb));
  fd = net_connect(server);
  net_send(fd, request.ptr, request.len);
  CHECK(strncmp(net_read(fd, text, sizeof text, NULL), "HTTP/1.1 413 ", 13) == 0);
  close(fd);
  leat_buf_deinit(&plain);
  leat_buf_deinit(&packed);
  leat_buf_deinit(&bomb);
  leat_buf_deinit(&request);
  leat_buf_deinit(&answer);
  leat_server_stop(server);
}

static void loses_patience(void) {
  leat_server *server = start((leat_net_options){.header_ms = 300, .body_ms = 300, .idle_ms = 600});
  const char *t = ask(server, "GET / HTTP/1.1\r\nHo", NULL);
  CHECK(strncmp(t, "HTTP/1.1 408 Request Timeout\r\n", 30) == 0);
  t = ask(server, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc", NULL);
  CHECK(strncmp(t, "HTTP/1.1 408 Request Timeout\r\n", 30) == 0);
  t = ask(server, "", NULL);
  CHECK_STR(t, "");
  leat_server_stop(server);
}

static void drains(void) {
  leat_server *server = start((leat_net_options){0});
  static char text[4096];
  int busy = net_connect(server), idle = net_connect(server);
  const char *request = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
  atomic_store(&answered, 0);
  net_send(busy, request, strlen(request));
  usleep(5000);
  leat_server_stop(server);
  CHECK(atomic_load(&answered) == 1);
  net_read(busy, text, sizeof text, NULL);
  CHECK(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0);
  CHECK_STR(net_read(idle, text, sizeof text, NULL), "");
  close(busy);
  close(idle);
}

static void a_warm_connection_allocates_nothing(void) {
  leat_server *server = start((leat_net_options){0});
  static char text[4096];
  int fd = net_connect(server);
  const char *request = "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
  long before = 0;
  for (int i = 0; i < 200; i++) {
    if (i == 100) before = atomic_load(&allocations);
    net_send(fd, request, strlen(request));
    net_read(fd, text, sizeof text, "[abc]");
  }
  long made = atomic_load(&allocations) - before;
  if (COUNTS) CHECK_MSG(made == 0, "%ld allocations in 100 requests", made);
  close(fd);
  leat_server_stop(server);
}

static void refuses_addresses(void) {
  static const char *const bad[] = {"", "x:y:1", "127.0.0.1:70000", "127.0.0.1:", "unix:", "a:-1"};
  leat_server *server;
  leat_error err;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    leat_net_options o = {.listen = &bad[i], .listen_count = 1, .handler = handler};
    CHECK_MSG(leat_server_start(&server, &o, &err) == LEAT_INVALID_ARGUMENT, "'%s'", bad[i]);
  }
  leat_server *first = start((leat_net_options){0});
  char taken[32];
  const char *again = taken;
  snprintf(taken, sizeof taken, "127.0.0.1:%d", leat_server_port(first, 0));
  leat_net_options o = {.listen = &again, .listen_count = 1, .handler = handler};
  CHECK(leat_server_start(&server, &o, &err) == LEAT_UNAVAILABLE);
  CHECK(strstr(err.message, taken) && strstr(err.message, "in use"));
  leat_server_stop(first);
}

static void reads_queries(void) {
  char out[16];
  leat_str value;
  leat_str query = LEAT_STR("a=1&b=x+y%2F&c&d=%zz&long=01234567890123456");
  CHECK(leat_query_get(query, "a", out, sizeof out, &value) && leat_str_eq(value, LEAT_STR("1")));
  CHECK(leat_query_get(query, "b", out, sizeof out, &value));
  CHECK(leat_str_eq(value, LEAT_STR("x y/")));
  CHECK(leat_query_get(query, "c", out, sizeof out, &value) && !value.len);
  CHECK(!leat_query_get(query, "d", out, sizeof out, &value));
  CHECK(!leat_query_get(query, "long", out, sizeof out, &value));
  CHECK(!leat_query_get(query, "e", out, sizeof out, &value));
}

// --- The client ---------------------------------------------------------------------------------
static void asks_with(leat_client *c) {
  leat_answer a;
  leat_error err;
  for (int i = 0; i < 3; i++) {
    CHECK_OK(leat_client_ask(c, "GET", "/a?b", NULL, (leat_str){0}, &a, &err));
    CHECK(a.status == 200 && leat_str_eq(a.body, LEAT_STR("GET /p/a?b []")));
    CHECK(leat_str_eq(leat_answer_field(&a, "content-type"), LEAT_STR("text/plain")));
    CHECK_OK(leat_client_ask(c, "POST", "/x", "text/plain", LEAT_STR("hi"), &a, &err));
    CHECK(leat_str_eq(a.body, LEAT_STR("POST /p/x? [hi]")));
    CHECK_OK(leat_client_ask(c, "HEAD", "/a", NULL, (leat_str){0}, &a, &err));
    CHECK(a.status == 200 && !a.body.len);
    leat_buf large = {0};
    leat_buf_reserve(&large, 500000);
    memset(large.ptr, 'a', large.len = 500000);
    CHECK_OK(leat_client_ask(c, "POST", "/x", NULL, leat_buf_view(&large), &a, &err));
    CHECK(a.body.len == 500000 + 13);  // packed on the way
    leat_buf_deinit(&large);
  }
}

static void asks(void) {
  leat_server *server = start((leat_net_options){.idle_ms = 400});
  leat_client *c;
  leat_answer a;
  leat_error err;
  char endpoint[64];
  snprintf(endpoint, sizeof endpoint, "http://localhost:%d/p/", leat_server_port(server, 0));
  CHECK_OK(leat_client_new(&c, endpoint, NULL, &err));
  asks_with(c);
  usleep(1000000);  // the server has closed what was kept
  asks_with(c);
  leat_net_counters n;
  leat_server_counters(server, &n);
  CHECK(n.accepted == 2);
  leat_client_free(c);
  snprintf(endpoint, sizeof endpoint, "127.0.0.1:%d", leat_server_port(server, 0));
  CHECK_OK(leat_client_new(&c, endpoint, NULL, &err));
  CHECK_OK(leat_client_ask(c, "GET", "/stream", NULL, (leat_str){0}, &a, &err));
  CHECK(leat_str_starts(a.body, LEAT_STR("<0><1>")) && leat_str_ends(a.body, LEAT_STR("<49>")));
  CHECK_OK(leat_client_ask(c, "GET", "/none", NULL, (leat_str){0}, &a, &err));
  CHECK(a.status == 204 && !a.body.len);
  leat_server_stop(server);
  CHECK(leat_client_ask(c, "GET", "/none", NULL, (leat_str){0}, &a, &err) == LEAT_UNAVAILABLE);
  CHECK(strstr(err.message, endpoint));
  leat_client_free(c);
  static const char *const bad[] = {"", "http://", "ftp://x/", "http://:80", "http://a b/"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    CHECK_MSG(leat_client_new(&c, bad[i], NULL, &err) == LEAT_INVALID_ARGUMENT, "'%s'", bad[i]);
}

static void asks_securely(void) {
  leat_client *c = NULL;
  leat_answer a;
  leat_error err;
  char where[] = "/tmp/leat-net-XXXXXX", pem[64], command[512], endpoint[64];
  CHECK(mkdtemp(where) != NULL);
  snprintf(pem, sizeof pem, "%s/pem", where);
  snprintf(command, sizeof command,
           "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout %s.k "
           "-out %s -days 2 -subj /CN=x -addext subjectAltName=DNS:localhost 2>/dev/null && "
           "cat %s.k >>%s",
           pem, pem, pem, pem);
  if (system(command) != 0) {
    SKIP("openssl is missing");
    return;
  }
  leat_server *server = start((leat_net_options){.tls_cert = pem});
  snprintf(endpoint, sizeof endpoint, "https://localhost:%d/p", leat_server_port(server, 0));
  CHECK_OK(leat_client_new(&c, endpoint, &(leat_client_options){.ca_file = pem}, &err));
  asks_with(c);
  leat_client_free(c);
  CHECK_OK(leat_client_new(&c, endpoint, NULL, &err));
  CHECK(leat_client_ask(c, "GET", "/", NULL, (leat_str){0}, &a, &err) == LEAT_UNAVAILABLE);
  CHECK_MSG(strstr(err.message, "self-signed") != NULL, "%s", err.message);
  leat_client_free(c);
  snprintf(endpoint, sizeof endpoint, "https://127.0.0.1:%d/p", leat_server_port(server, 0));
  CHECK_OK(leat_client_new(&c, endpoint, &(leat_client_options){.ca_file = pem}, &err));
  CHECK(leat_client_ask(c, "GET", "/", NULL, (leat_str){0}, &a, &err) == LEAT_UNAVAILABLE);
  CHECK_MSG(strstr(err.message, "mismatch") != NULL, "%s", err.message);
  leat_client_free(c);
  leat_server_stop(server);
  snprintf(command, sizeof command, "rm -r %s", where);
  CHECK(system(command) == 0);
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"reads_heads", reads_heads},
      {"refuses_heads", refuses_heads},
      {"decodes_chunks", decodes_chunks},
      {"serves", serves},
      {"serves_later", serves_later},
      {"waits_for_bodies", waits_for_bodies},
      {"packs", packs},
      {"loses_patience", loses_patience},
      {"drains", drains},
      {"a_warm_connection_allocates_nothing", a_warm_connection_allocates_nothing},
      {"refuses_addresses", refuses_addresses},
      {"reads_queries", reads_queries},
      {"asks", asks},
      {"asks_securely", asks_securely},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
