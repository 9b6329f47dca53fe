// The prediction server: dialects over one table of models.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SERVE_SERVE_H
#define LEAT_SERVE_SERVE_H

#include "net/server.h"
#include "serve/models.h"

typedef struct leat_serve leat_serve;

// An extension that the program hands in: the ML Engine API on a registry. It is asked for what the
// server's own dialects do not know (everything but /v1/models, /v2, /metrics and the like).
typedef struct leat_serve_extension {
  bool (*handle)(void *context, leat_serve *serve, leat_exchange *x);  // false: not its own
  // On the control thread: once before the server listens, then about every 250 ms. A failure of
  // the first call is the server's.
  leat_status (*tick)(void *context, leat_serve *serve, leat_error *err);
  void *context;
} leat_serve_extension;

typedef struct leat_serve_options {  // all zero is the default
  leat_net_options net;              // handler, context, refuse and log are set by the server
  leat_engine engine;
  bool trust_native;  // run the native code that saved models bring (leat export --aot)
  bool no_warmup;
  int run_threads;  // that run what takes longer than 0.2 ms; 0 = as many as do I/O
  // Batching: off while max_batch is 0.
  int max_batch;       // rows
  int batch_delay_us;  // what a row may wait for others
  int max_queue;       // rows that may wait; 0 = 16 batches
  // One of these says what is served; registry mode has none and sets the table itself.
  const char *model_base_path;    // DIR/<number>/, newest wins; or a saved model, as version 1
  const char *model_name;         // its name; NULL = "default"
  const char *model_config_file;  // TensorFlow Serving's model_config_list
  int file_poll_ms;               // of version directories; 0 = 1 s, negative = never
  int config_poll_ms;             // of the config file; 0 = never
  bool labels_for_unavailable;    // labels may name versions that are not loaded
  const char *token_file;         // "TOKEN ROLE" lines; NULL = no tokens, and loopback only
  bool no_auth;                   // beyond loopback without tokens, too
  const char *cors_origin;        // Access-Control-Allow-Origin; NULL = none
  const char *access_log;         // file, "-" = standard error; NULL = none
  void (*note)(void *context, const char *message);  // one line of news; NULL = dropped
  void *context;
  leat_serve_extension extension;
} leat_serve_options;

// Loads what shall be served, then listens. Fails when a model of base_path or config_file cannot
// be loaded. Strings are borrowed for the server's life.
leat_status leat_serve_start(leat_serve **out, const leat_serve_options *options, leat_error *err);
// Sets the options of batching from a batching_parameters_file of TensorFlow Serving.
leat_status leat_serve_read_batching(const char *path, leat_serve_options *options,
                                     leat_error *err);
leat_server *leat_serve_server(leat_serve *serve);
leat_models *leat_serve_models(leat_serve *serve);
const leat_serve_options *leat_serve_settings(const leat_serve *serve);
void leat_serve_wake(leat_serve *serve);  // the control thread looks now; any thread
void leat_serve_stop(leat_serve *serve);  // drains; NULL allowed

// --- For dialects -------------------------------------------------------------------------------
// Answers {"error": message} (TensorFlow Serving, V2, ML Engine's predict) with that HTTP status.
void leat_serve_error(leat_exchange *x, int status, const char *message);
// Answers x->reply as JSON.
void leat_serve_json(leat_exchange *x, int status);

typedef enum leat_role { LEAT_ROLE_NONE, LEAT_ROLE_PREDICTOR, LEAT_ROLE_ADMIN } leat_role;
// What the bearer token of the request allows; everything where no tokens are set.
leat_role leat_serve_role(const leat_serve *serve, const leat_exchange *x);
// Whether it allows that much; otherwise it answers 401 or 403 with {"error": ...}.
bool leat_serve_allows(const leat_serve *serve, leat_exchange *x, leat_role role);

// How a JSON prediction of rows ({"instances": ...}) reads and writes.
typedef struct leat_predict_style {
  // ML Engine: a prediction is an object even with one output, NaN is refused, messages are its own
  // ("Prediction failed: Invalid inputs: ... (Error code: 1)") and every failure is 400. Otherwise
  // TensorFlow Serving: {"inputs": ...} is accepted too, NaN and Infinity are numbers both ways.
  bool ml_engine;
} leat_predict_style;
// Predicts for the body of x with a version that is held (and released by this), and answers: the
// predictions, or {"error": text}. May answer later, from another thread.
void leat_serve_predict(leat_serve *serve, leat_exchange *x, leat_version *version,
                        const leat_predict_style *style);

#endif
