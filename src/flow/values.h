// Values: out of columns, into rows, and their coders and schemas in Beam's form.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_VALUES_H
#define LEAT_FLOW_VALUES_H

#include "flow/batch.h"
#include "flow/coder.h"

// Text and bytes are views of the column; items are in the arena. Kind NULL: no value, or no
// memory.
leat_flow_value leat_flow_value_at(const leat_flow_field *field, const leat_flow_column *column,
                                   int row, leat_arena *arena);
leat_flow_value leat_flow_row_value(const leat_flow_batch *batch, int row, leat_arena *arena);
leat_flow_value leat_flow_value_copy(leat_arena *arena, const leat_flow_value *value);  // deep
// The next value of the row that is built; what does not fit is found when the row ends.
void leat_flow_rows_value(leat_flow_rows *rows, const leat_flow_value *value);

// "{word: string, n: int64?, tags: [string]}", as leat_flow_schema_print writes it.
// INVALID_ARGUMENT tells the place.
leat_status leat_flow_schema_read(leat_arena *arena, leat_str text, const leat_flow_schema **out,
                                  leat_error *err);
leat_status leat_flow_field_read(leat_arena *arena, leat_str type, const leat_flow_field **out,
                                 leat_error *err);
// Appends Beam's Schema message. A timestamp is a millis_instant.
void leat_flow_schema_proto(const leat_flow_schema *schema, leat_buf *out);
// Beam's standard coder of a field's values: varint, string_utf8, row...
leat_status leat_flow_field_coder(leat_arena *arena, const leat_flow_field *field,
                                  const leat_flow_coder **out, leat_error *err);
leat_status leat_flow_schema_coder(leat_arena *arena, const leat_flow_schema *schema,
                                   const leat_flow_coder **out, leat_error *err);

#endif
