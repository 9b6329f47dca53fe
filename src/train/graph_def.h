// A function as TensorFlow's GraphDef, which TensorBoard draws.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_GRAPH_DEF_H
#define LEAT_TRAIN_GRAPH_DEF_H

#include "base/str.h"
#include "graph/graph_impl.h"

// Appends the message. A node is named by its scope, op and number, with its shapes and type.
void leat_graph_def(const leat_func *func, leat_buf *out);
// A node's name in it.
void leat_graph_def_name(const leat_func *func, const leat_node *node, leat_buf *out);

#endif
