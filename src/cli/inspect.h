// What the commands that look into graphs share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CLI_INSPECT_H
#define LEAT_CLI_INSPECT_H

#include "cli/cli.h"
#include "leat/model.h"
#include "train/job.h"

// A graph by path: the directory of a saved model, a graph's text, or a MODEL.yaml, whose graph is
// the one that its job (--job-dir) trains.
typedef struct graph_source {
  leat_graph *graph;
  leat_state *state;  // with the values of variables; NULL for a text
  leat_model *model;
  leat_graph *parsed;
  leat_config config;
  leat_job *job;
} graph_source;

// Zero-initialise before; close after an error too.
leat_status graph_source_open(graph_source *source, const args *a, const char *path,
                              leat_error *err);
void graph_source_close(graph_source *source);
// By name; NULL: the last.
leat_func *graph_source_func(const leat_graph *graph, const char *name, leat_error *err);

// Puts native code of a saved model's functions beside it, into DIR/native. isas: a list as options
// give it, "['avx2', 'sse2']"; native: this CPU's.
leat_status compile_ahead(const char *model_dir, const char *isas, leat_error *err);

// Prints the lines that only one of the graphs has and counts them.
leat_status graph_diff(const leat_graph *a, const leat_graph *b, int *differences, leat_error *err);

#endif
