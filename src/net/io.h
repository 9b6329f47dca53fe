// Inside the server: I/O threads, connections, and the exchanges on them.
// SPDX-License-Identifier: Apache-2.0
//
// A connection's life:
//
//   accepted -> DETECT (first bytes) -> TLS handshake? -> HTTP1 or HTTP2 -> closed
//
// and of HTTP1, one request at a time:
//
//   HEAD (reading fields) -> BODY -> OWED (with the handler) -> HEAD
//
// All of a connection is touched by its own thread only. Other threads reach it through their
// exchange: they append to what it shall send under the thread's lock, and wake the thread.
#ifndef LEAT_NET_IO_H
#define LEAT_NET_IO_H

#include "base/mem.h"
#include "net/http1.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct iovec;

typedef struct leat_io leat_io;
typedef struct leat_conn leat_conn;
typedef struct leat_xchg leat_xchg;
typedef struct leat_tls leat_tls;  // one connection's
typedef struct leat_tls_context leat_tls_context;
typedef struct leat_h2 leat_h2;  // one connection's

typedef struct leat_bytes {  // an owned buffer; [at, len) is not used up yet
  char *ptr;
  size_t at, len, cap;
} leat_bytes;

// --- Exchanges ----------------------------------------------------------------------------------
enum { XCHG_BEGUN = 1, XCHG_ENDED = 2, XCHG_WHOLE = 4 };  // what the handler did

typedef struct leat_reply_fields {  // of an answer, before or behind its body
  leat_buf text;
  int count;
  struct {
    uint32_t name, name_len, value, value_len;  // places in the text
  } at[LEAT_REPLY_FIELDS_MAX];
} leat_reply_fields;

struct leat_xchg {
  leat_exchange x;  // first: the handler's pointer is ours
  leat_io *io;
  leat_conn *conn;          // NULL once the client has gone
  leat_xchg *next, *prior;  // of the connection; next of the free list
  leat_xchg *next_posted;
  atomic_bool gone;
  atomic_size_t backlog;  // bytes of a stream that the client has not taken
  int did;                // the thread's
  bool posted;            // under io->lock: waits for its thread
  int posted_did;         // under io->lock: what other threads did
  leat_buf pending;       // under io->lock: of a stream, written by other threads
  leat_buf sending;       // the thread's: what a stream shall still send
  size_t sent;            // of x.reply or sending, HTTP/2
  bool keep_alive, head_request, in_handler, called, submitted;
  bool streams;         // the handler takes the body in pieces
  bool input_over;      // the whole body is there
  int32_t stream;       // HTTP/2
  int64_t since_ms;     // HTTP/2: of the last progress
  size_t progress;      // bytes since then
  size_t head_bytes;    // HTTP/2: of the fields
  int64_t charged;      // what the handler took, of the server's memory
  int64_t length_left;  // of content-length; -1 = unknown
  int64_t limit;        // of the body; 0 until the fields are there
  leat_bytes body;      // HTTP/2: as it comes; HTTP/1: the buffer that a closed connection left
  leat_buf unpacked;    // the body, or gRPC's message, without its coding
  size_t message_size;  // gRPC: of the message that the handler has, with its prefix
  bool packed_request;  // gRPC
  leat_str coding;
  leat_buf text;  // HTTP/2: names and values of the request
  leat_field fields[LEAT_FIELDS_MAX];
  char peer[56];
  leat_reply_fields head, trailers;  // of the answer
};

// --- Connections --------------------------------------------------------------------------------
typedef enum leat_conn_state {
  CONN_DETECT,
  CONN_HEAD,
  CONN_BODY,
  CONN_OWED,
  CONN_H2,
  CONN_CLOSING,  // sends what it has, then closes
} leat_conn_state;

struct leat_conn {
  leat_conn *next, *prior;
  leat_io *io;
  int fd;
  leat_conn_state state;
  uint32_t events;     // of epoll
  int64_t since_ms;    // when the present wait began
  int64_t started_ns;  // of the request's first byte
  leat_bytes in, out;
  leat_tls *tls;
  leat_h2 *h2;
  leat_xchg *exchanges;              // HTTP/1: at most one
  size_t scanned, body_at, body_to;  // of HTTP/1's request in `in`
  leat_chunks chunks;
  char peer[56];
  bool chunked, loopback, in_process, dead, half_closed, linger, broken;
  bool held;  // what it shall send waits for the end of the round
};

enum { LEAT_IO_HELD = 32, LEAT_IO_ROOMS = 16 };

struct leat_io {
  leat_server *server;
  int index, epoll, wake;
  pthread_t thread;
  int *listeners;
  bool paused;             // accepting
  int64_t now_ns, now_ms;  // when the present event was taken up
  leat_conn conns;         // list head
  leat_conn *dead;         // to be freed when the round is over
  int conn_count;
  leat_xchg *spare;
  int spare_count, alive;      // exchanges: in the free list, in use
  leat_buf scratch;            // what is sent is put together here
  char *rooms[LEAT_IO_ROOMS];  // buffers of the first size that nobody has now
  int room_count;
  int64_t more_memory;  // of buffers, that server->memory does not know of yet
  bool holds;           // small answers wait for those of other connections
  leat_conn *held[LEAT_IO_HELD];
  int held_count;
  int64_t held_ns;  // since when the first of them waits
  pthread_mutex_t lock;
  leat_xchg *posted, *posted_last;
  bool draining;
};

struct leat_server {
  leat_net_options options;
  leat_io *ios;
  int io_count, started;
  int *ports;
  leat_tls_context *tls;
  atomic_bool stopping;
  atomic_int connections;
  atomic_llong memory, accepted, requests, refused;
};

// Whether so many more bytes may be held; they count from now on.
bool leat__io_take_memory(leat_io *io, int64_t bytes, bool large);
// Room for `more` bytes behind len; false: no memory, or above the server's.
bool leat__bytes_reserve(leat_io *io, leat_bytes *b, size_t more);
bool leat__bytes_add(leat_io *io, leat_bytes *b, const void *bytes, size_t count);
void leat__bytes_free(leat_io *io, leat_bytes *b);

leat_xchg *leat__xchg_new(leat_conn *conn);  // linked to the connection; NULL: no memory
void leat__xchg_free(leat_xchg *x);          // unlinks; back to the free list
void leat__xchg_leave(leat_xchg *x);         // the client has gone, the handler still has it
// Undoes the coding of the body, counts the request, calls the handler.
void leat__xchg_call(leat_xchg *x);
// An error that the server answers itself.
void leat__xchg_refuse(leat_xchg *x, int status, const char *message);
void leat__xchg_pack(leat_xchg *x);  // packs x.reply where the client accepts that
void leat__xchg_log(leat_xchg *x);
// The answer, or more of it, is ready to go; on the thread.
void leat__xchg_progress(leat_xchg *x);
const leat_field *leat__find_field(const leat_field *fields, size_t count, const char *name);
leat_field leat__reply_field_at(const leat_reply_fields *fields, int i);
const char *leat__http_date(leat_io *io);  // of now; the thread's, until the next call

// --- Connections --------------------------------------------------------------------------------
bool leat__conn_send(leat_conn *c, struct iovec *parts, int count);  // what does not fit waits
bool leat__conn_takes(const leat_conn *c);  // nothing waits for a client that does not read
void leat__conn_finish(leat_conn *c);       // when all is sent
void leat__conn_close(leat_conn *c);        // now
void leat__conn_want(leat_conn *c, uint32_t events);
void leat__conn_rest(leat_conn *c);  // it starts to be idle
void leat__conn_refuse(leat_conn *c, int status, const char *message);
void leat__io_run(leat_io *io);
void leat__io_wake(leat_io *io);
void leat__io_free_spares(leat_io *io);
extern _Thread_local leat_io *leat__io_here;  // the I/O thread's own

// HTTP/1 on a connection.
void leat__h1_input(leat_conn *c);
void leat__h1_progress(leat_xchg *x);

// --- HTTP/2, in nghttp2's adapter ---------------------------------------------------------------
// upgrade: the request that asked for h2c (its answer is stream 1), else NULL.
leat_status leat__h2_new(leat_conn *c, leat_xchg *upgrade, leat_str settings, leat_error *err);
void leat__h2_free(leat_h2 *h2);
void leat__h2_input(leat_conn *c);   // takes conn->in
void leat__h2_output(leat_conn *c);  // writes what it has to say
void leat__h2_progress(leat_xchg *x);
void leat__h2_consume(leat_xchg *x, size_t bytes);
void leat__h2_end(leat_xchg *x);    // nothing more passes on its stream
void leat__h2_drain(leat_conn *c);  // says that it goes
void leat__h2_sweep(leat_conn *c);  // gives up what stands still
bool leat__h2_idle(const leat_conn *c);

// --- TLS, in OpenSSL's adapter ------------------------------------------------------------------
leat_status leat__tls_context_new(leat_tls_context **out, const char *cert, const char *key,
                                  leat_error *err);
void leat__tls_context_free(leat_tls_context *context);
// A client's: it believes who the file names (NULL: who the system does).
leat_status leat__tls_client_context_new(leat_tls_context **out, const char *ca_file,
                                         leat_error *err);
leat_tls *leat__tls_new(leat_tls_context *context, int fd);
leat_tls *leat__tls_client_new(leat_tls_context *context, int fd, leat_str host);
const char *leat__tls_trouble(leat_tls *tls);  // why the last call failed; of errno without TLS
void leat__tls_free(leat_tls *tls);
// As read and write: -1 with EAGAIN (*write_wanted: until it can be written), 0 at the end.
ssize_t leat__tls_read(leat_tls *tls, void *to, size_t room, bool *write_wanted);
ssize_t leat__tls_write(leat_tls *tls, const void *from, size_t bytes);
bool leat__tls_pending(leat_tls *tls);
bool leat__tls_is_h2(leat_tls *tls);  // what ALPN chose

#endif
