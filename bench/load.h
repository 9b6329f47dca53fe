// Load: what the generator of requests is made of.
// SPDX-License-Identifier: Apache-2.0
//
// One thread keeps `connections` connections. Closed loop: each asks again as soon as it is
// answered. Open loop: requests fall due at a fixed rate, whether or not others are answered; the
// time of one counts from when it was due, so that a stall is seen by all who came during it.
#ifndef LEAT_BENCH_LOAD_H
#define LEAT_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOAD_ROOM = 1 << 20 };  // bytes of an answer's part that is looked at at once

typedef struct load_plan {
  const char *host, *path, *type, *fields;  // fields: more lines of the head, each with CRLF
  int port;
  const char *body;
  size_t body_len;
} load_plan;

typedef struct load_conn {
  int fd;
  bool busy;
  int64_t due_ns;  // when the request that is on its way was due
  const load_plan *plan;
  const char *request;  // what is to be sent, ready made
  size_t request_len, sent;
  char *in;
  size_t in_len;
  // HTTP/1.1
  size_t answer_len;  // of the answer that is coming in; 0 = not known yet
  // HTTP/2
  char *out;  // frames that are to be sent
  size_t out_len, out_at;
  uint32_t stream;
  int64_t conn_window, stream_window, first_window, unacknowledged;
  size_t body_at;
  bool greeted, got_data;
} load_conn;

typedef struct load_protocol {
  const char *name;
  bool (*open)(load_conn *c);   // the connection is made
  bool (*start)(load_conn *c);  // asks
  int (*input)(load_conn *c);   // looks at c->in: answers that are complete; -1: a fault
  bool (*flush)(load_conn *c);  // sends what waits
} load_protocol;

extern const load_protocol load_http1, load_grpc;

bool load_send(load_conn *c, const char *bytes, size_t count, size_t *at);  // false: broken
int64_t load_now(void);

// --- Times --------------------------------------------------------------------------------------
// Buckets of 1/64 of their power of two, in nanoseconds.
enum { LOAD_SUB = 64, LOAD_BUCKETS = 64 * LOAD_SUB };
typedef struct load_times {
  uint64_t count, sum, max;
  uint32_t buckets[LOAD_BUCKETS];
} load_times;
void load_times_add(load_times *t, uint64_t ns);
double load_times_us(const load_times *t, double quantile);

#endif
