// Graphs: their messages as text, and as the page draws them.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_GRAPHS_H
#define LEAT_BOARD_GRAPHS_H

#include "board/values.h"

// Protocol buffers' text format. false: the message is damaged.
bool leat__graph_text(leat_str graph_def, leat_buf *out);
bool leat__metadata_text(leat_str run_metadata, leat_buf *out);

// The graph of several, their names prefixed with graph_1/, graph_2/ ...; one stays as it is.
// `function_graphs` are those of a RunMetadata, traced before they were optimised.
bool leat__merged_graph(leat_str run_metadata, leat_buf *out);
// A Keras model (the JSON of model.to_json()) as a GraphDef: a node a layer.
leat_status leat__keras_graph(leat_str json, leat_buf *out, leat_error *err);
// Leaves out attributes of more than that many bytes, and names them under `key` instead.
bool leat__limited_graph(leat_str graph_def, size_t most, leat_str key, leat_buf *out);

#endif
