// Random graphs for tests that compare engines.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TESTS_RANDOM_GRAPH_H
#define LEAT_TESTS_RANDOM_GRAPH_H

#include "leat/engine.h"
#include "leat/graph.h"

enum { RANDOM_ARGS = 8 };  // of one graph

void random_seed(uint64_t seed);
// Uniform values with some odd ones (zeros of both signs, infinities, NaN); symbols are `batch`.
// NULL: no memory.
leat_tensor *random_tensor(leat_dtype t, const leat_shape *shape, int64_t batch);
// One function that holds `count` graphs of `nodes` random values beside each other, graph i from
// seed first + i. Bit k of `keep`: each graph's result k (mod 64) is one of the function.
leat_func *random_func(leat_graph *g, unsigned first, int count, int nodes, uint64_t keep,
                       leat_error *err);

#endif
