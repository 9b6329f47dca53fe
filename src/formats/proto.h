// Protocol buffers' wire format: fields in, fields out.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_PROTO_H
#define LEAT_FORMATS_PROTO_H

#include "base/str.h"

typedef enum leat_wire {
  LEAT_WIRE_VARINT = 0,
  LEAT_WIRE_64 = 1,
  LEAT_WIRE_BYTES = 2,
  LEAT_WIRE_GROUP = 3,  // comes whole: `bytes` is its inside
  LEAT_WIRE_32 = 5,
} leat_wire;

typedef struct leat_proto_field {
  int number;
  leat_wire wire;
  uint64_t bits;   // VARINT, 64, 32
  leat_str bytes;  // BYTES, GROUP: a view
} leat_proto_field;

typedef struct leat_proto {  // {message} starts reading it
  leat_str rest;
  bool damaged;  // the message does not parse; it ends there
} leat_proto;

// The next field; false at the end or at damage.
bool leat_proto_next(leat_proto *p, leat_proto_field *field);
bool leat_proto_read_varint(leat_str *rest, uint64_t *value);
float leat_proto_as_f32(const leat_proto_field *field);   // of 32 bits
double leat_proto_as_f64(const leat_proto_field *field);  // of 64 bits

// --- Writing ------------------------------------------------------------------------------------
void leat_proto_varint(leat_buf *out, uint64_t value);
void leat_proto_tag(leat_buf *out, int field, int wire);
void leat_proto_bytes(leat_buf *out, int field, leat_str bytes);
void leat_proto_f64(leat_buf *out, int field, double value);
void leat_proto_f32(leat_buf *out, int field, float value);
void leat_proto_i64(leat_buf *out, int field, int64_t value);
void leat_proto_str(leat_buf *out, int field, leat_str text);  // nothing where it is empty
// A message inside: what is appended between the two is its contents.
//   size_t at = leat_proto_begin(out, 3); ... leat_proto_end(out, at);
size_t leat_proto_begin(leat_buf *out, int field);
void leat_proto_end(leat_buf *out, size_t at);

#endif
