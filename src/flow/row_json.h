// Row JSON: rows as JSON, for sinks, logs and messages.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_ROW_JSON_H
#define LEAT_FLOW_ROW_JSON_H

#include "flow/batch.h"
#include "formats/json.h"

// A value, and a row as an object: nulls are null, times "2020-01-31T00:00:00Z", bytes that are no
// UTF-8 have U+FFFD for each bad one.
void leat_flow_value_json(leat_json_writer *w, const leat_flow_field *field,
                          const leat_flow_column *column, int row);
void leat_flow_row_json(leat_json_writer *w, const leat_flow_batch *batch, int row);
// A value as plain text: null is empty, text as it is, lists and rows JSON.
void leat_flow_value_text(leat_buf *out, const leat_flow_field *field,
                          const leat_flow_column *column, int row);
// "2020-01-31T23:59:59.123Z"; how many bytes of `out`, which is not NUL-terminated.
size_t leat_flow_time_text(int64_t ms, char out[40]);
// "2020-01-31", "2020-01-31 23:59:59.123", with T, Z or +02:00. false: not one.
bool leat_flow_parse_time(leat_str text, int64_t *ms);

#endif
