// A function as TensorFlow's GraphDef, which TensorBoard draws.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_GRAPH_DEF_H
#define LEAT_TRAIN_GRAPH_DEF_H

#include "base/str.h"
#include "leat/graph.h"

// Appends the message. A node is named by its scope, op and number, with its shapes and type.
void leat_graph_def(const leat_func *func, leat_buf *out);

#endif
