// What shape rules share: reading operands and attributes, and their error messages.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_GRAPH_SHAPE_H
#define LEAT_GRAPH_SHAPE_H

#include "graph/graph_impl.h"

// INVALID_ARGUMENT with "<format>: <types of the operands>".
leat_status leat__shape_error(leat_graph *graph, const leat_node *node, leat_error *err,
                              const char *fmt, ...) LEAT_PRINTF(4, 5);
// Axes: within rank, ascending, each once.
leat_status leat__check_axes(leat_graph *graph, const leat_node *node, const leat_attr *axes,
                             int rank, leat_error *err);
static inline bool leat__has_axis(const leat_attr *axes, int axis) {
  for (int64_t i = 0; i < axes->count; i++)
    if (axes->ints[i] == axis) return true;
  return false;
}
static inline bool leat__is_number(leat_dtype dtype) {
  leat_dtype_kind kind = leat_dtype_kind_of(dtype);
  return kind == LEAT_KIND_INT || kind == LEAT_KIND_UINT || kind == LEAT_KIND_FLOAT;
}
static inline bool leat__is_integer(leat_dtype dtype) {
  leat_dtype_kind kind = leat_dtype_kind_of(dtype);
  return kind == LEAT_KIND_INT || kind == LEAT_KIND_UINT;
}
static inline leat_shape leat__attr_to_shape(const leat_attr *attr) {
  leat_shape shape = {.rank = (int)attr->count};
  for (int i = 0; i < shape.rank && i < LEAT_MAX_RANK; i++) shape.dims[i] = attr->ints[i];
  return shape;
}
leat_status leat__check_rank(leat_graph *graph, const leat_node *node, int64_t rank,
                             leat_error *err);

#endif
