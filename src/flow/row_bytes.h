// Row bytes: fields of a row as bytes, for keys and for rows that are kept.
// SPDX-License-Identifier: Apache-2.0
//
// Equal values have equal bytes and no others have (a NaN equals itself bit by bit). Numbers are 8
// bytes, little-endian, text is its length and bytes, lists their length and items; a nullable
// field has a byte before it. One to one with the bytes of Beam's row coder, and quicker.
#ifndef LEAT_FLOW_ROW_BYTES_H
#define LEAT_FLOW_ROW_BYTES_H

#include "flow/batch.h"

// Appends the fields of a row; a failure stays in `out`.
void leat_flow_row_pack(const leat_flow_batch *batch, int row, const int *fields, int count,
                        leat_buf *out);
// Puts the values of such fields, cut off the front of *bytes. Only for bytes that were packed
// here.
void leat_flow_row_unpack(const leat_flow_schema *schema, const int *fields, int count,
                          leat_str *bytes, leat_flow_rows *out);

#endif
