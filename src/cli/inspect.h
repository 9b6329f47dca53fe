// What the commands that look into graphs share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CLI_INSPECT_H
#define LEAT_CLI_INSPECT_H

#include "base/vec.h"
#include "leat/graph.h"

// Prints the lines that only one of the graphs has and counts them.
leat_status graph_diff(const leat_graph *a, const leat_graph *b, int *differences, leat_error *err);

#endif
