// Server: one port speaks HTTP/1.1, HTTP/2, gRPC and TLS; a handler answers.
// SPDX-License-Identifier: Apache-2.0
//
// Each I/O thread has its own epoll set and its own listening sockets (SO_REUSEPORT). The handler
// is called on an I/O thread with a whole request; it answers there, or keeps the exchange and
// answers later from any thread. An exchange that was not answered when the handler returns is
// owed: exactly one leat_reply_send or leat_reply_end must follow, also when the client has gone.
//
//   handler(context, x) -> leat_reply_field ... leat_buf_add(&x->reply, ...) -> leat_reply_send
//   a stream:              leat_reply_begin -> leat_reply_write ... -> leat_reply_end
//
// Memory: a connection at rest holds one small record; buffers come from the thread's own free
// lists, so a request on a warm connection allocates nothing.
#ifndef LEAT_NET_SERVER_H
#define LEAT_NET_SERVER_H

#include "base/str.h"

typedef struct leat_server leat_server;

typedef struct leat_field {  // a header field, a trailer
  leat_str name, value;      // name in lower case
} leat_field;

enum { LEAT_FIELDS_MAX = 64, LEAT_REPLY_FIELDS_MAX = 24 };

typedef struct leat_exchange {  // a request and its answer; all views are valid until the answer
  leat_str method;              // "GET"
  leat_str path;                // as sent, without the query: "/v1/models/a%20b"
  leat_str query;               // behind the '?', "" without one
  leat_str authority;           // the Host field
  leat_str body;                // content codings removed; of a gRPC call: its framed messages
  const leat_field *fields;
  size_t field_count;
  const char *peer;     // "127.0.0.1:51324"
  int version;          // 10, 11 or 20
  bool tls;             // came over TLS
  bool loopback;        // the peer is this machine
  bool complete;        // the body is at its end; false only where options.streams asked for it
  int thread;           // of I/O, from 0
  int64_t started_ns;   // leat_clock_ns when its first byte was read
  int64_t deadline_ns;  // leat_clock_ns after which nobody waits (grpc-timeout); 0 = none
  leat_buf reply;       // the answer's body, for leat_reply_send
  int status;           // of the answer; 0 before
  int64_t sent_bytes;   // of the answer's body
  void *user;           // the handler's
} leat_exchange;

typedef void leat_handler(void *context, leat_exchange *x);

typedef struct leat_net_options {  // all zero is the default
  const char *const *listen;       // "HOST:PORT", ":PORT", "PORT", "[::1]:PORT", "unix:PATH"
  int listen_count;
  int threads;                     // of I/O; 0 = one a core
  const char *tls_cert, *tls_key;  // PEM files; NULL = no TLS
  int64_t max_memory;              // bytes of buffers in all; 0 = 256 MiB
  int64_t max_body;                // bytes of one request's body, unpacked; 0 = 64 MiB
  int max_header_bytes;            // request line and fields; 0 = 16 KiB, at most 64 KiB
  int max_connections;             // 0 = 20,000; at the limit those idle longest make room
  int max_streams;                 // concurrent, of one HTTP/2 connection; 0 = 256
  int idle_ms;                     // between requests; 0 = 75 s
  int header_ms;                   // from the first byte to the last of the fields; 0 = 10 s
  int body_ms;                     // between two pieces of a body, or of an answer; 0 = 30 s
  int drain_ms;                    // what requests get to end in when stopping; 0 = 10 s
  bool no_compression;             // answers are not packed, whatever the client accepts
  leat_handler *handler;
  // Called when the fields are read: true calls the handler for each piece of the body, which stays
  // in x->body until leat_exchange_consume takes it (HTTP/2 only). NULL: never.
  bool (*streams)(void *context, const leat_exchange *x);
  // Called for a request when its fields are read: the most bytes of its body; 0 = max_body.
  int64_t (*body_limit)(void *context, const leat_exchange *x);
  // Writes the body of an error that the server itself answers (400, 408, 413 ...) into x->reply.
  void (*refuse)(void *context, leat_exchange *x, int status, const char *message);
  void (*log)(void *context, const leat_exchange *x);  // after each answer; on the I/O thread
  void *context;
} leat_net_options;

typedef struct leat_net_counters {
  int64_t connections, accepted, requests, refused, memory;  // memory: bytes of buffers now
} leat_net_counters;

// Listens and starts the threads. INVALID_ARGUMENT for an address, UNAVAILABLE for one in use.
leat_status leat_server_start(leat_server **out, const leat_net_options *options, leat_error *err);
int leat_server_port(const leat_server *server, int listen);  // what was bound; 0 for unix sockets
int leat_server_threads(const leat_server *server);
void leat_server_counters(leat_server *server, leat_net_counters *out);
// Stops listening, lets requests end (drain_ms), closes; returns when every exchange that handlers
// kept was answered. NULL allowed.
void leat_server_stop(leat_server *server);

// --- Requests -----------------------------------------------------------------------------------
leat_str leat_exchange_field(const leat_exchange *x, const char *name);  // "" without one
bool leat_exchange_gone(const leat_exchange *x);  // nobody waits for the answer; any thread
void leat_exchange_consume(leat_exchange *x, size_t bytes);  // of x->body, in a stream
// Counts bytes that the handler takes for the request against max_memory, until it is answered;
// false: there are not so many. On the thread that called the handler, before it returns.
bool leat_exchange_charge(leat_exchange *x, size_t bytes);
bool leat_accepts(const leat_exchange *x, const char *type);  // Accept names it (not by */*)
// The value of a parameter of the query, decoded into `room`; false without one or when too long.
bool leat_query_get(leat_str query, const char *name, char *out, size_t room, leat_str *value);
// %XX decoded in place; false for a bad escape. plus: '+' is a space.
bool leat_url_decode(char *text, size_t *length, bool plus);
void leat_url_encode(leat_buf *out, leat_str text);

// --- Answers ------------------------------------------------------------------------------------
// Adds a field to the answer; name (lower case) and value are copied. A field too many is dropped.
void leat_reply_field(leat_exchange *x, const char *name, leat_str value);
void leat_reply_trailer(leat_exchange *x, const char *name, leat_str value);
// Sends status, fields and x->reply. Any thread; x is gone after it.
void leat_reply_send(leat_exchange *x, int status);
// A stream. write copies; false when the client has gone or its backlog is past max_body (end it
// then). All by one thread at a time.
void leat_reply_begin(leat_exchange *x, int status);
bool leat_reply_write(leat_exchange *x, leat_str bytes);
void leat_reply_end(leat_exchange *x);

bool leat_http_bodiless(int status);       // no body can be behind such an answer's fields
const char *leat_http_reason(int status);  // "Not Found"
int leat_http_status(leat_status status);  // the canonical mapping: NOT_FOUND is 404
leat_status leat_status_of_http(int status);

#endif
