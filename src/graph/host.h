// Host functions and custom calls: the rows behind host_call and custom_call.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_GRAPH_HOST_H
#define LEAT_GRAPH_HOST_H

#include "graph/graph_impl.h"
#include "leat/custom.h"

typedef enum leat_host {
#define HOST(name, ...) LEAT_HOST_##name,
#include "graph/host.def"
#undef HOST
  LEAT_HOST_COUNT
} leat_host;

typedef struct leat_host_row {
  const char *name;
  int inputs, outputs;
  const char *params;
  const char *meaning;
  leat_status (*shape)(leat_graph *graph, const leat_node *node, leat_type *out, leat_error *err);
} leat_host_row;

extern const leat_host_row leat__hosts[LEAT_HOST_COUNT];
leat_host leat__host_find(leat_str name);             // LEAT_HOST_COUNT if there is none
const leat_custom *leat__custom_find(leat_str name);  // NULL if there is none
// Outputs of a host_call or custom_call node; -1 when the name is unknown.
int leat__call_output_count(const leat_node *node);

#endif
