// Inside the prediction server: what its dialects and its control thread share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SERVE_SERVE_IMPL_H
#define LEAT_SERVE_SERVE_IMPL_H

#include "serve/infer.h"
#include "serve/source.h"

#include <pthread.h>

typedef struct leat_tokens leat_tokens;
typedef struct leat_watcher leat_watcher;  // of gRPC's health

struct leat_serve {
  leat_serve_options options;
  leat_models *models;
  leat_runpool *pool;
  leat_server *server;
  leat_tokens *tokens;  // NULL: none are asked for
  int access_log;       // descriptor; -1 = none
  int64_t started_ns;
  // The control thread: what is served is set by it alone, once it runs.
  pthread_t control;
  bool controlled;
  pthread_mutex_t lock;
  pthread_cond_t wake, turned;
  bool stop;
  leat_source *source;        // NULL in registry mode
  struct leat_order *orders;  // what requests ask of it
  leat_watcher *watchers;     // under lock
};

// --- Dialects: each answers what is its own -----------------------------------------------------
void leat__tfs_rest(leat_serve *serve, leat_exchange *x);  // /v1/models...
void leat__tfs_classify(leat_serve *serve, leat_exchange *x, leat_version *version, bool regress);
void leat__v2_rest(leat_serve *serve, leat_exchange *x);  // /v2...
void leat__grpc(leat_serve *serve, leat_exchange *x);     // content-type application/grpc
void leat__metrics(leat_serve *serve, leat_exchange *x);
void leat__openapi(leat_serve *serve, leat_exchange *x);

// --- Changing what is served, by requests -------------------------------------------------------
// One thing that the control thread is asked to do; `done` answers when it is done, there.
typedef struct leat_order leat_order;
typedef void leat_order_done(leat_order *order, leat_status status, const leat_error *err);
struct leat_order {
  leat_source_change change;
  leat_order_done *done;
  leat_exchange *x;
  leat_order *next;
  leat_arena arena;
};
// Copies the change. done is called at once with FAILED_PRECONDITION in registry mode.
void leat__serve_order(leat_serve *serve, leat_exchange *x, const leat_source_change *change,
                       leat_order_done *done);

// --- Access -------------------------------------------------------------------------------------
leat_status leat__tokens_read(leat_tokens **out, const char *path, leat_error *err);
void leat__tokens_free(leat_tokens *tokens);
leat_role leat__tokens_role(const leat_tokens *tokens, leat_str authorization);
leat_status leat__access_open(int *out, const char *path, leat_error *err);
void leat__access_line(int fd, const leat_exchange *x);

// --- Small --------------------------------------------------------------------------------------
static inline bool leat__is(leat_str s, const char *text) {
  return leat_str_eq(s, leat_str_of(text));
}
// "Malformed request: METHOD PATH", TensorFlow Serving's words for what it does not know.
void leat__serve_malformed(leat_exchange *x, int status);
// 405 with the methods that are known.
void leat__serve_method(leat_exchange *x, const char *allowed);

#endif
