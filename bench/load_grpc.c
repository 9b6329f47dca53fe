// Load over gRPC: one call at a time on a connection, of frames that are made by hand.
// SPDX-License-Identifier: Apache-2.0
//
// The first call's fields enter the server's table; the later ones are named by their numbers, as
// gRPC's own clients do: the generator shall cost less than any server. A call is good when it
// brought a message and its trailers.
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW = 8 };
enum { OUT_ROOM = 1 << 21, FRAME = 16384, REFILL = 1 << 29, STATIC = 61 };

static uint32_t get32(const char *p) {
  const unsigned char *u = (const unsigned char *)p;
  return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void put32(char *p, uint32_t v) {
  for (int i = 0; i < 4; i++) p[i] = (char)(v >> (24 - 8 * i));
}

static bool put_frame(load_conn *c, int kind, int flags, uint32_t stream, const char *payload,
                      size_t count) {
  if (c->out_len + 9 + count > OUT_ROOM) return false;
  char *p = c->out + c->out_len;
  put32(p, (uint32_t)count << 8);
  p[3] = (char)kind;
  p[4] = (char)flags;
  put32(p + 5, stream);
  if (count) memcpy(p + 9, payload, count);
  c->out_len += 9 + count;
  return true;
}

static bool put_window(load_conn *c, uint32_t stream, uint32_t bytes) {
  char more[4];
  put32(more, bytes);
  return put_frame(c, WINDOW, 0, stream, more, 4);
}

static size_t put_text(char *p, const char *text) {
  size_t n = strlen(text), at = 1;
  if (n < 127)
    p[0] = (char)n;
  else {
    p[0] = 127;
    for (n -= 127; n >= 128; n >>= 7) p[at++] = (char)((n & 127) | 128);
    p[at++] = (char)n;
    n = strlen(text);
  }
  memcpy(p + at, text, n);
  return at + n;
}

// The fields of a call: with their texts the first time, later by their numbers.
static size_t put_fields(const load_conn *c, char *p, bool first) {
  char authority[64];
  snprintf(authority, sizeof authority, "%s:%d", c->plan->host, c->plan->port);
  const char *pairs[][2] = {{":path", c->plan->path},
                            {":authority", authority},
                            {"content-type", "application/grpc"},
                            {"te", "trailers"},
                            {"user-agent", "leat-load"}};
  int count = sizeof pairs / sizeof *pairs;
  size_t at = 0;
  p[at++] = (char)(0x80 | 3);  // :method POST
  p[at++] = (char)(0x80 | 6);  // :scheme http
  for (int i = 0; i < count; i++) {
    if (!first) {
      p[at++] = (char)(0x80 | (STATIC + count - i));
      continue;
    }
    p[at++] = 0x40;
    at += put_text(p + at, pairs[i][0]);
    at += put_text(p + at, pairs[i][1]);
  }
  return at;
}

static bool flush(load_conn *c) {
  if (!load_send(c, c->out, c->out_len, &c->out_at)) return false;
  if (c->out_at == c->out_len) c->out_at = c->out_len = 0;
  return true;
}

// As much of the body as the server's windows let through.
static bool put_body(load_conn *c) {
  size_t total = c->plan->body_len + 5;
  while (c->body_at < total) {
    int64_t room = c->conn_window < c->stream_window ? c->conn_window : c->stream_window;
    size_t n = total - c->body_at < FRAME ? total - c->body_at : FRAME;
    char piece[FRAME];
    if (room < (int64_t)n) n = room > 0 ? (size_t)room : 0;
    if (!n) return true;
    size_t at = 0;
    if (!c->body_at) {
      piece[0] = 0;
      put32(piece + 1, (uint32_t)c->plan->body_len);
      if (n < 5) return true;
      at = 5;
    }
    if (n > at) memcpy(piece + at, c->plan->body + c->body_at + at - 5, n - at);
    if (!put_frame(c, DATA, c->body_at + n == total, c->stream, piece, n)) return true;
    c->body_at += n;
    c->conn_window -= (int64_t)n;
    c->stream_window -= (int64_t)n;
  }
  return true;
}

static bool open_conn(load_conn *c) {
  static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  static const char settings[] = {0, 4, 0x7F, (char)0xFF, (char)0xFF, (char)0xFF};
  if (!c->out) c->out = malloc(OUT_ROOM);
  if (!c->out) return false;
  c->conn_window = c->first_window = 65535;
  c->stream = (uint32_t)-1;
  memcpy(c->out, preface, sizeof preface - 1);
  c->out_len = sizeof preface - 1;
  c->out_at = 0;
  return put_frame(c, SETTINGS, 0, 0, settings, sizeof settings) && put_window(c, 0, REFILL) &&
         flush(c);
}

static bool start(load_conn *c) {
  char fields[4096];
  bool first = c->stream == (uint32_t)-1;
  c->stream += 2;
  c->stream_window = c->first_window;
  c->body_at = 0;
  c->got_data = false;
  size_t n = put_fields(c, fields, first);
  return put_frame(c, HEADERS, 4, c->stream, fields, n) && put_body(c) && flush(c);
}

static bool take_settings(load_conn *c, int flags, const char *p, size_t count) {
  if (flags & 1) return true;
  for (size_t i = 0; i + 6 <= count; i += 6)
    if (p[i] == 0 && p[i + 1] == 4) {
      c->stream_window += (int64_t)get32(p + i + 2) - c->first_window;
      c->first_window = get32(p + i + 2);
    }
  return put_frame(c, SETTINGS, 1, 0, NULL, 0) && put_body(c);
}

// 1: the call is over, -1: a fault.
static int take_frame(load_conn *c, const char *p, size_t count) {
  int kind = p[3], flags = p[4];
  uint32_t stream = get32(p + 5) & 0x7FFFFFFF;
  const char *payload = p + 9;
  switch (kind) {
    case SETTINGS: return take_settings(c, flags, payload, count) ? 0 : -1;
    case PING: return flags & 1 || put_frame(c, PING, 1, 0, payload, count) ? 0 : -1;
    case WINDOW:
      if (stream == c->stream) c->stream_window += get32(payload);
      if (!stream) c->conn_window += get32(payload);
      return c->busy && !put_body(c) ? -1 : 0;
    case DATA:
      c->got_data |= count > 0;
      c->unacknowledged += (int64_t)count;
      if (c->unacknowledged > REFILL / 2) {
        if (!put_window(c, 0, (uint32_t)c->unacknowledged)) return -1;
        c->unacknowledged = 0;
      }
      return 0;  // the end comes with the trailers
    case HEADERS:
      if (!(flags & 1) || stream != c->stream) return 0;
      if (!c->got_data) fprintf(stderr, "load: a call failed: %.*s\n", (int)count, payload);
      return c->got_data ? 1 : -1;
    case RST_STREAM: return stream == c->stream && c->busy ? -1 : 0;
    case GOAWAY: return -1;
    default: return 0;
  }
}

static int input(load_conn *c) {
  size_t at = 0;
  int done = 0;
  while (c->in_len - at >= 9) {
    size_t count = get32(c->in + at) >> 8;
    if (c->in_len - at < 9 + count) break;
    int n = take_frame(c, c->in + at, count);
    if (n < 0) return -1;
    done += n;
    at += 9 + count;
  }
  memmove(c->in, c->in + at, c->in_len - at);
  c->in_len -= at;
  return done;
}

const load_protocol load_grpc = {"grpc", open_conn, start, input, flush};
