// The prediction server: dialects over one table of models.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SERVE_SERVE_H
#define LEAT_SERVE_SERVE_H

#include "net/server.h"
#include "serve/models.h"

typedef struct leat_serve leat_serve;

// A dialect: answers the exchange and returns true, or returns false and leaves it alone.
typedef bool leat_dialect(leat_serve *serve, leat_exchange *x);

// An extension that the program hands in: the ML Engine API on a registry.
typedef struct leat_serve_extension {
  bool (*handle)(void *context, leat_serve *serve, leat_exchange *x);
  void (*tick)(void *context, leat_serve *serve);  // about every 250 ms on the control thread
  void *context;
} leat_serve_extension;

typedef struct leat_serve_options {  // all zero is the default
  leat_net_options net;              // handler, context, refuse and log are set by the server
  leat_models_options models;
  // One of these says what is served; registry mode has none and sets the table itself.
  const char *model_base_path;    // DIR/<number>/, newest wins
  const char *model_name;         // its name; NULL = "default"
  const char *model_config_file;  // TensorFlow Serving's model_config_list
  int file_poll_ms;               // of version directories; 0 = 1 s, negative = never
  int config_poll_ms;             // of the config file; 0 = never
  bool labels_for_unavailable;    // allow_version_labels_for_unavailable_models
  const char *token_file;         // "TOKEN ROLE" lines; NULL = no tokens
  const char *cors_origin;        // Access-Control-Allow-Origin; NULL = none
  const char *project;            // of ML Engine for the other dialects; NULL = "local"
  const char *access_log;         // file, "-" = standard error; NULL = none
  leat_serve_extension extension;
} leat_serve_options;

leat_status leat_serve_start(leat_serve **out, const leat_serve_options *options, leat_error *err);
leat_server *leat_serve_server(leat_serve *serve);
leat_models *leat_serve_models(leat_serve *serve);
const leat_serve_options *leat_serve_settings(const leat_serve *serve);
void leat_serve_stop(leat_serve *serve);  // drains; NULL allowed

// --- For dialects -------------------------------------------------------------------------------
// Answers {"error": message} (TensorFlow Serving, V2, ML Engine's predict) with that HTTP status.
void leat_serve_error(leat_exchange *x, int status, const char *message);
// Answers x->reply as JSON.
void leat_serve_json(leat_exchange *x, int status);

typedef enum leat_role { LEAT_ROLE_NONE, LEAT_ROLE_PREDICTOR, LEAT_ROLE_ADMIN } leat_role;
// What the bearer token of the request allows; everything where no tokens are set.
leat_role leat_serve_role(const leat_serve *serve, const leat_exchange *x);

// How a JSON prediction of rows ({"instances": ...}) reads and writes.
typedef struct leat_predict_style {
  bool specials;        // NaN and Infinity are numbers, both ways
  bool always_objects;  // a prediction is an object even with one output
  bool columns;         // {"inputs": ...} is accepted too
  const char *error_prefix;  // before messages; NULL = none
} leat_predict_style;
// Predicts for the body of x with a version that is held (and released by this), and answers: the
// predictions, or {"error": text} with the status that fits (400 for the request's faults). May
// answer later, from another thread.
void leat_serve_predict(leat_serve *serve, leat_exchange *x, leat_version *version,
                        const leat_predict_style *style);

#endif
