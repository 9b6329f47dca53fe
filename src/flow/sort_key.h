// Sort key: some fields of a row as bytes whose order is that of the rows.
// SPDX-License-Identifier: Apache-2.0
//
// Compared byte by byte, a prefix first. Numbers in their order (-0 before +0, NaN after all),
// false before true, text by its bytes; falling turns each around. Nulls are last both ways.
#ifndef LEAT_FLOW_SORT_KEY_H
#define LEAT_FLOW_SORT_KEY_H

#include "flow/pipeline.h"

typedef struct leat_flow_sort_term {
  int field;
  bool falling;
} leat_flow_sort_term;

typedef struct leat_flow_sort {
  const leat_flow_field *fields;  // of the row
  const leat_flow_sort_term *terms;
  int count;
} leat_flow_sort;

// Reads `by`: a field or a list of them, each with " asc" or " desc" behind it or `falling`.
leat_status leat_flow_sort_read(leat_flow *flow, const leat_flow_transform *t,
                                const leat_yaml_node *node, const leat_flow_schema *row,
                                bool falling, leat_flow_sort *out, leat_error *err);
// Appends the key of a row of the fields' columns; a failure stays in `out`.
void leat_flow_sort_pack(const leat_flow_sort *sort, const leat_flow_column *columns, int row,
                         leat_buf *out);
bool leat_flow_sort_can(const leat_flow_field *field);  // no lists and rows

#endif
