// gRPC services: one table of methods.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SERVE_GRPC_H
#define LEAT_SERVE_GRPC_H

#include "formats/proto.h"
#include "net/grpc.h"
#include "serve/serve_impl.h"

// Answers a unary call whose message is `request`.
typedef void leat_grpc_method(leat_serve *serve, leat_exchange *x, leat_str request);

// TensorFlow Serving.
leat_grpc_method leat__tfs_grpc_predict, leat__tfs_grpc_classify, leat__tfs_grpc_regress,
    leat__tfs_grpc_multi, leat__tfs_grpc_metadata, leat__tfs_grpc_status, leat__tfs_grpc_reload;
// Open Inference Protocol, and what Triton adds.
leat_grpc_method leat__v2_grpc_live, leat__v2_grpc_ready, leat__v2_grpc_model_ready,
    leat__v2_grpc_server, leat__v2_grpc_model, leat__v2_grpc_infer, leat__v2_grpc_config,
    leat__v2_grpc_stats, leat__v2_grpc_index, leat__v2_grpc_load, leat__v2_grpc_unload;
leat_grpc_method leat__health_check;

// Calls with streams: called for each piece of the request.
void leat__health_watch(leat_serve *serve, leat_exchange *x);
void leat__reflect(leat_serve *serve, leat_exchange *x);
// Tells those who watch; on the control thread. stop: ends them all.
void leat__health_tell(leat_serve *serve, bool stop);
bool leat__grpc_streams(const leat_exchange *x);  // whether a call is one of these
// Names of services, for reflection; ends with NULL.
extern const char *const leat__grpc_services[];

// A failure: its status and message.
void leat__grpc_fail(leat_exchange *x, leat_status status, const char *message);
// The last field of that number which is text; "" without one.
leat_str leat__proto_text(leat_str message, int number);

#endif
