// Protocol buffers' text format to wire format, by tables of fields.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_PROTO_TEXT_H
#define LEAT_FORMATS_PROTO_TEXT_H

#include "base/str.h"

typedef enum leat_proto_kind {
  LEAT_PROTO_MESSAGE,
  LEAT_PROTO_STRING,
  LEAT_PROTO_INT,  // int32, int64, uint32, uint64
  LEAT_PROTO_BOOL,
  LEAT_PROTO_DOUBLE,
  LEAT_PROTO_ENUM,  // a name or a number; names are written as 0
} leat_proto_kind;

typedef struct leat_proto_schema {  // a field; a message's list ends with a NULL name
  const char *name;
  int number;
  leat_proto_kind kind;
  const struct leat_proto_schema *fields;  // of a message; NULL: itself has none
} leat_proto_schema;

// Appends the message. INVALID_ARGUMENT "NAME:LINE:COLUMN: ..." for what is not in the table or
// does not parse. Comments (#), lists ([a, b]), '<>' and joined strings are understood.
leat_status leat_proto_from_text(leat_str text, const char *name, const leat_proto_schema *fields,
                                 leat_buf *out, leat_error *err);

#endif
