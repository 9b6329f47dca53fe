// Protocol buffers' wire format.
// SPDX-License-Identifier: Apache-2.0
#include "formats/proto.h"

enum { MAX_NESTING = 100 };

bool leat_proto_read_varint(leat_str *rest, uint64_t *value) {
  uint64_t sum = 0;
  for (size_t i = 0; i < rest->len && i < 10; i++) {
    unsigned char byte = (unsigned char)rest->ptr[i];
    sum |= (uint64_t)(byte & 0x7F) << (7 * i);  // bits beyond 64 drop out, as everywhere
    if (byte & 0x80) continue;
    rest->ptr += i + 1;
    rest->len -= i + 1;
    return *value = sum, true;
  }
  return false;
}

static bool cut(leat_str *rest, uint64_t bytes, leat_str *out) {
  if (bytes > rest->len) return false;
  *out = (leat_str){rest->ptr, (size_t)bytes};
  rest->ptr += bytes;
  rest->len -= bytes;
  return true;
}

static bool fixed(leat_str *rest, size_t bytes, uint64_t *bits) {
  leat_str view;
  if (!cut(rest, bytes, &view)) return false;
  *bits = 0;
  memcpy(bits, view.ptr, bytes);  // little-endian
  return true;
}

static bool read_field(leat_str *rest, leat_proto_field *f, int depth);

// Up to the end tag of the same number, which is not part of the inside.
static bool read_group(leat_str *rest, leat_proto_field *f, int depth) {
  const char *start = rest->ptr;
  leat_proto_field inner;
  if (depth >= MAX_NESTING) return false;
  for (;;) {
    const char *end = rest->ptr;
    if (!read_field(rest, &inner, depth + 1)) return false;
    if (inner.wire != 4) continue;
    f->bytes = (leat_str){start, (size_t)(end - start)};
    return inner.number == f->number;
  }
}

static bool read_field(leat_str *rest, leat_proto_field *f, int depth) {
  uint64_t tag, length;
  if (!leat_proto_read_varint(rest, &tag) || tag > UINT32_MAX || tag >> 3 == 0) return false;
  *f = (leat_proto_field){.number = (int)(tag >> 3), .wire = (leat_wire)(tag & 7)};
  switch ((int)f->wire) {
    case LEAT_WIRE_VARINT: return leat_proto_read_varint(rest, &f->bits);
    case LEAT_WIRE_64: return fixed(rest, 8, &f->bits);
    case LEAT_WIRE_BYTES:
      return leat_proto_read_varint(rest, &length) && cut(rest, length, &f->bytes);
    case LEAT_WIRE_GROUP: return read_group(rest, f, depth);
    case 4: return depth > 0;  // the end of the group around
    case LEAT_WIRE_32: return fixed(rest, 4, &f->bits);
    default: return false;
  }
}

bool leat_proto_next(leat_proto *p, leat_proto_field *field) {
  if (!p->rest.len || p->damaged) return false;
  p->damaged = !read_field(&p->rest, field, 0);
  return !p->damaged;
}

float leat_proto_as_f32(const leat_proto_field *field) {
  float value;
  memcpy(&value, &field->bits, 4);
  return value;
}
double leat_proto_as_f64(const leat_proto_field *field) {
  double value;
  memcpy(&value, &field->bits, 8);
  return value;
}

// --- Writing ------------------------------------------------------------------------------------
void leat_proto_varint(leat_buf *out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) leat_buf_char(out, (char)(value | 0x80));
  leat_buf_char(out, (char)value);
}
void leat_proto_tag(leat_buf *out, int field, int wire) {
  leat_proto_varint(out, (uint64_t)field << 3 | (unsigned)wire);
}
void leat_proto_bytes(leat_buf *out, int field, leat_str bytes) {
  leat_proto_tag(out, field, 2);
  leat_proto_varint(out, bytes.len);
  leat_buf_str(out, bytes);
}
void leat_proto_f64(leat_buf *out, int field, double value) {
  leat_proto_tag(out, field, 1);
  leat_buf_add(out, &value, 8);
}
void leat_proto_f32(leat_buf *out, int field, float value) {
  leat_proto_tag(out, field, 5);
  leat_buf_add(out, &value, 4);
}
void leat_proto_i64(leat_buf *out, int field, int64_t value) {
  leat_proto_tag(out, field, 0);
  leat_proto_varint(out, (uint64_t)value);
}
void leat_proto_str(leat_buf *out, int field, leat_str text) {
  if (text.len) leat_proto_bytes(out, field, text);
}

// One byte is left for the length; a longer one moves the contents.
size_t leat_proto_begin(leat_buf *out, int field) {
  leat_proto_tag(out, field, LEAT_WIRE_BYTES);
  leat_buf_char(out, 0);
  return out->len;
}

void leat_proto_end(leat_buf *out, size_t at) {
  char length[10];
  size_t bytes = 0, size = out->len - at;
  if (out->failed) return;
  for (uint64_t left = size;; left >>= 7) {
    length[bytes++] = (char)(left >= 0x80 ? left | 0x80 : left);
    if (left < 0x80) break;
  }
  if (bytes > 1) {
    if (!leat_buf_reserve(out, bytes - 1)) return;
    memmove(out->ptr + at + bytes - 1, out->ptr + at, size);
    out->len += bytes - 1;
    out->ptr[out->len] = 0;
  }
  memcpy(out->ptr + at - 1, length, bytes);
}
