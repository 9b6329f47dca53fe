// Cloud ML Engine v1: its resources and methods on a registry, whatever carries them.
// SPDX-License-Identifier: Apache-2.0
//
// The program calls it for its verbs, the server for requests; the tables of
// mlengine.def say what there is, check what comes in, and make the discovery document. Predictions
// are the carrier's.
#ifndef LEAT_SERVE_MLENGINE_H
#define LEAT_SERVE_MLENGINE_H

#include "registry/registry.h"

typedef struct leat_mlengine {
  leat_registry *registry;
  // Runs a creation that has begun and frees it, now or later. NULL: at once, within the call.
  void (*create)(void *context, leat_creation *creation);
  void *context;
} leat_mlengine;

typedef struct leat_mlengine_request {
  leat_str method;  // "GET"
  leat_str path;    // "/v1/projects/local/models", percent escapes as sent
  leat_str query;   // "pageSize=3"
  leat_str body;    // JSON
} leat_mlengine_request;

// Answers with a JSON document in *reply. After an error *reply is the JSON list of its details, or
// empty. Any thread. UNIMPLEMENTED: a method of ML Engine that is not here.
leat_status leat_mlengine_call(const leat_mlengine *m, const leat_mlengine_request *request,
                               leat_buf *reply, leat_error *err);

// What a prediction asks for: views of the path. false: the path is none of a prediction.
typedef struct leat_mlengine_target {
  leat_str name;  // "projects/P/models/M"
  leat_str project, model;
  leat_str version;  // empty = the default
} leat_mlengine_target;
bool leat_mlengine_predicts(leat_str path, leat_mlengine_target *out);

// The methods and types served, as a discovery document. root: "http://host:port/".
leat_status leat_mlengine_discovery(const char *root, leat_buf *out, leat_error *err);

#endif
