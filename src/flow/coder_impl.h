// What the files of the coders share: reading within bounds, numbers and times, the table's rows.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_CODER_IMPL_H
#define LEAT_FLOW_CODER_IMPL_H

#include "base/vec.h"
#include "flow/coder.h"
#include "formats/json.h"
#include "formats/proto.h"

#include <inttypes.h>

typedef struct reading {
  leat_arena *arena;
  leat_str rest;
  size_t values;  // that may still be made
  leat_error *err;
} reading;

typedef leat_status encode_fn(const leat_flow_coder *, const leat_flow_value *, bool nested,
                              leat_buf *, leat_error *);
typedef leat_status decode_fn(const leat_flow_coder *, reading *, bool nested, leat_flow_value *);

typedef struct coder_row {  // of the table of coders
  leat_str urn;             // of a field of a row: what it is called in messages
  size_t parts;
  leat_flow_kind kind;  // of its values, unless the parts say
  encode_fn *encode;
  decode_fn *decode;
} coder_row;

typedef struct coder_field {  // of a row
  size_t place;               // the index of the field that is written at this place
  bool nullable;              // the field at this index
} coder_field;

struct leat_flow_coder {
  const coder_row *row;
  const leat_flow_coder **parts;  // row: one a field, in the schema's order
  size_t count;                   // of parts
  const coder_field *fields;      // row: one a field
  leat_flow_value fixed;          // param_windowed_value: time, windows and pane of every value
  int depth;                      // of the tree below, from 1
  size_t nodes;                   // of that tree
};

typedef struct coder_rows {
  const coder_row *at;
  size_t count;
} coder_rows;

extern const coder_rows leat__coder_window_rows;
extern const char *const leat__coder_kinds[];

static inline leat_status cut_short(reading *r, const char *what) {
  return leat_error_set(r->err, LEAT_DATA_LOSS, "%s: %zu bytes are left, too few", what,
                        r->rest.len);
}

static inline leat_status take(reading *r, size_t bytes, leat_str *out, const char *what) {
  if (bytes > r->rest.len) return cut_short(r, what);
  *out = (leat_str){r->rest.ptr, bytes};
  r->rest.ptr += bytes;
  r->rest.len -= bytes;
  return LEAT_OK;
}

static inline void put_big(leat_buf *out, uint64_t bits, int bytes) {
  while (bytes--) leat_buf_char(out, (char)(bits >> (8 * bytes)));
}

static inline leat_status take_big(reading *r, int bytes, uint64_t *bits, const char *what) {
  leat_str at = {0};
  leat_status status = take(r, (size_t)bytes, &at, what);
  *bits = 0;
  for (int i = 0; !status && i < bytes; i++) *bits = *bits << 8 | (unsigned char)at.ptr[i];
  return status;
}

static inline leat_status take_varint(reading *r, uint64_t *value, const char *what) {
  if (leat_proto_read_varint(&r->rest, value)) return LEAT_OK;
  return leat_error_set(r->err, LEAT_DATA_LOSS, "%s: not a varint", what);
}

// A length that counts bytes to come.
static inline leat_status take_length(reading *r, leat_str *out, const char *what) {
  uint64_t length;
  leat_status status = take_varint(r, &length, what);
  if (status) return status;
  return length > r->rest.len ? cut_short(r, what) : take(r, (size_t)length, out, what);
}

// One past the end is a timer that holds no watermark.
static inline leat_status check_time(int64_t ms, leat_status bad, leat_error *err) {
  if (ms >= LEAT_FLOW_TIME_MIN && ms <= LEAT_FLOW_TIME_MAX + 1) return LEAT_OK;
  return leat_error_set(err, bad, "the time %" PRId64 " ms is out of bounds", ms);
}

// Times in order as unsigned bytes: big endian, the sign bit flipped.
static inline leat_status put_time(leat_buf *out, int64_t ms, leat_error *err) {
  leat_status status = check_time(ms, LEAT_INVALID_ARGUMENT, err);
  if (status) return status;
  put_big(out, (uint64_t)ms ^ UINT64_C(1) << 63, 8);
  return LEAT_OK;
}

static inline leat_status take_time(reading *r, int64_t *ms) {
  uint64_t bits;
  leat_status status = take_big(r, 8, &bits, "a time");
  *ms = (int64_t)(bits ^ UINT64_C(1) << 63);
  return status ? status : check_time(*ms, LEAT_DATA_LOSS, r->err);
}

// Counts one value against what so few bytes may hold, so that no count can ask for all memory.
static inline leat_status count_value(reading *r) {
  if (r->values--) return LEAT_OK;
  r->values = 0;
  return leat_error_set(r->err, LEAT_RESOURCE_EXHAUSTED, "more values than so few bytes may hold");
}

static inline leat_status encode(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                 leat_buf *out, leat_error *err) {
  return c->row->encode(c, v, nested, out, err);
}

static inline leat_status decode(const leat_flow_coder *c, reading *r, bool nested,
                                 leat_flow_value *v) {
  *v = (leat_flow_value){.kind = c->row->kind};
  leat_status status = count_value(r);
  return status ? status : c->row->decode(c, r, nested, v);
}

static inline leat_status need(const leat_flow_coder *c, const leat_flow_value *v,
                               leat_flow_kind kind, leat_error *err) {
  if (v->kind == kind) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, LEAT_STR_FMT ": the value is %s, expected %s",
                        LEAT_STR_ARG(c->row->urn), leat__coder_kinds[v->kind],
                        leat__coder_kinds[kind]);
}

static inline leat_status items_new(reading *r, leat_flow_value *v, size_t count) {
  v->items = leat_arena_alloc(r->arena, count * sizeof *v->items);
  v->count = count;
  return v->items ? LEAT_OK : leat__oom(r->err, count * sizeof *v->items);
}

static inline leat_status take_flag(reading *r, bool *flag, const char *what) {
  leat_str at = {0};
  leat_status status = take(r, 1, &at, what);
  if (status) return status;
  *flag = at.ptr[0] == 1;
  if (at.ptr[0] & ~1)
    return leat_error_set(r->err, LEAT_DATA_LOSS, "%s: the byte is %d, expected 0 or 1", what,
                          (unsigned char)at.ptr[0]);
  return LEAT_OK;
}

static inline leat_status check_utf8(leat_str text, leat_status bad, leat_error *err) {
  for (size_t i = 0, n; i < text.len; i += n) {
    n = leat_utf8_length((const unsigned char *)text.ptr + i, text.len - i);
    if (!n) return leat_error_set(err, bad, "text: byte %zu is not UTF-8", i);
  }
  return LEAT_OK;
}

// A coder of a row of the table, made of count parts: INVALID_ARGUMENT: nested too deep.
leat_status leat__coder_make(leat_arena *arena, const coder_row *row,
                             const leat_flow_coder *const *parts, size_t count,
                             leat_flow_coder **out, leat_error *err);
const coder_row *leat__coder_find(leat_str urn);  // NULL: none
// Reads the schema that is the payload of a row coder: the parts and fields.
leat_status leat__coder_read_schema(leat_arena *arena, leat_flow_coder *row, leat_str payload,
                                    leat_error *err);
encode_fn leat__coder_encode_row;
decode_fn leat__coder_decode_row;
leat_status leat__coder_encode_items(const leat_flow_coder *item, const leat_flow_value *v,
                                     leat_buf *out, leat_error *err);
leat_status leat__coder_decode_items(const leat_flow_coder *item, reading *r, leat_flow_value *v);
leat_status leat__coder_encode_kv(const leat_flow_coder *, const leat_flow_value *, bool nested,
                                  leat_buf *, leat_error *);
leat_status leat__coder_decode_kv(const leat_flow_coder *, reading *, bool nested,
                                  leat_flow_value *);

#endif
