// Draft: a schema that is found in values.
// SPDX-License-Identifier: Apache-2.0
//
// Of each value, in order: its type (leat_flow_draft_type); of a row a part for each field and then
// leat_flow_draft_end; of a list one part, with an empty name, for all items. Zero-initialised but
// for type = -1.
#ifndef LEAT_FLOW_DRAFT_H
#define LEAT_FLOW_DRAFT_H

#include "base/vec.h"
#include "flow/batch.h"

typedef struct leat_flow_draft leat_flow_draft;
struct leat_flow_draft {
  leat_str name;  // borrowed
  int type;       // -1: nothing but nulls so far
  bool nullable;
  int seen;  // values; the caller counts them
  LEAT_VEC(leat_flow_draft) parts;
};

// false: values of another type came before. Whole numbers and others are doubles.
bool leat_flow_draft_type(leat_flow_draft *d, leat_flow_type type);
// The part of that name, made where it is new; NULL when memory is exhausted. Valid until the next.
leat_flow_draft *leat_flow_draft_part(leat_flow_draft *d, leat_str name);
// A row is over: parts that it did not have are nullable.
void leat_flow_draft_end(leat_flow_draft *d);
// Fields of what was found; what was null always is a nullable string. NULL: no memory.
leat_flow_field *leat_flow_draft_fields(leat_arena *arena, const leat_flow_draft *parts,
                                        size_t count);
void leat_flow_draft_free(leat_flow_draft *d);

#endif
