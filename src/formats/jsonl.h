// JSON objects as rows.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_JSONL_H
#define LEAT_FORMATS_JSONL_H

#include "formats/columns.h"
#include "formats/json.h"

// Reads the rest of an object, behind its brace, into the row that was begun: each key that names a
// column gives its value, or the values of a list; null gives none; other keys are passed over.
// Numbers stand as text in string columns unless `strict`. Ends the row not.
leat_status leat_json_row(leat_json *json, leat_columns *columns, bool strict, leat_error *err);

#endif
