// Load over HTTP/1.1: the same request again and again; of answers status and length are looked at.
// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make(load_conn *c) {
  static char *request;  // the same for all
  static size_t length;
  const load_plan *p = c->plan;
  if (!request) {
    size_t room = p->body_len + 8192;
    request = malloc(room);
    if (!request) return false;
    bool post = p->body != NULL;
    int n = snprintf(request, 8192, "%s %s HTTP/1.1\r\nHost: %s:%d\r\n%s", post ? "POST" : "GET",
                     p->path, p->host, p->port, p->fields);
    if (post)
      n += snprintf(request + n, 4096, "Content-Type: %s\r\nContent-Length: %zu\r\n", p->type,
                    p->body_len);
    memcpy(request + n, "\r\n", 2);
    if (post) memcpy(request + n + 2, p->body, p->body_len);
    length = (size_t)n + 2 + p->body_len;
  }
  c->request = request;
  c->request_len = c->sent = length;
  return true;
}

static bool start(load_conn *c) {
  c->sent = 0;
  return load_send(c, c->request, c->request_len, &c->sent);
}

static bool flush(load_conn *c) { return load_send(c, c->request, c->request_len, &c->sent); }

// The bytes of the answer that starts in c->in; 0 = its head is not there yet, -1 = a fault.
static long long length_of(load_conn *c) {
  char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);
  if (!end) return 0;
  if (strncmp(c->in, "HTTP/1.1 2", 10) != 0) {
    fprintf(stderr, "load: %.*s\n", (int)(c->in_len > 400 ? 400 : c->in_len), c->in);
    return -1;
  }
  for (char *line = c->in; line < end; line = strchr(line, '\n') + 1)
    if (strncasecmp(line, "content-length:", 15) == 0)
      return end + 4 - c->in + strtoll(line + 15, NULL, 10);
  return -1;
}

static int input(load_conn *c) {
  if (!c->answer_len) {
    long long n = length_of(c);
    if (n <= 0) return (int)n;
    c->answer_len = (size_t)n;
  }
  if (c->in_len < c->answer_len) {
    c->answer_len -= c->in_len;  // only its length counts from here
    c->in_len = 0;
    return 0;
  }
  bool exact = c->in_len == c->answer_len;
  c->answer_len = c->in_len = 0;
  return exact ? 1 : -1;
}

const load_protocol load_http1 = {"http1", make, start, input, flush};
