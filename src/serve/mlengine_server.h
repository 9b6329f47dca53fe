// ML Engine v1 on a running server; its table of models follows the registry.
// SPDX-License-Identifier: Apache-2.0
//
// Predictions are answered on the I/O threads, out of the table alone. All other requests queue for
// one thread, so that no I/O thread waits for a disk; creations have another. What the registry
// holds (changed by this server or by another process) is in the table within 250 ms, and an answer
// that tells of a change comes after it.
//
// Models of `project` are in the table by their names, those of other projects as
// "projects/P/models/M".
#ifndef LEAT_SERVE_MLENGINE_SERVER_H
#define LEAT_SERVE_MLENGINE_SERVER_H

#include "registry/registry.h"
#include "serve/serve.h"

typedef struct leat_mlengine_server leat_mlengine_server;

// project NULL: "local". The registry outlives it.
leat_status leat_mlengine_server_new(leat_mlengine_server **out, leat_registry *registry,
                                     const char *project, leat_error *err);
leat_serve_extension leat_mlengine_server_extension(leat_mlengine_server *server);
// Behind leat_serve_stop. A creation that runs is finished, others are ABORTED. NULL allowed.
void leat_mlengine_server_free(leat_mlengine_server *server);

#endif
