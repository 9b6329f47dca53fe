// Coder of rows: Beam's Schema message, and rows of its fields.
// SPDX-License-Identifier: Apache-2.0
//
//   row: fields (varint) | bytes of null bits (varint) | bits, the lowest first | values not null
//
// Fields are written in the order of their encoding positions, where the schema has those. Null
// bits end with the last byte that is not zero, as in Java. A logical type is written as what
// represents it; millis_instant (a time) and decimal (scale and unscaled value) have forms of their
// own.
#include "flow/coder_impl.h"

enum { ATOMIC_TYPES = 10, SCHEMA_DEPTH = 32, MAX_FIELDS = 1 << 16 };

// --- Values of fields ---------------------------------------------------------------------------
static leat_status need_bits(const leat_flow_coder *c, const leat_flow_value *v, int bits,
                             leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_INT, err);
  int64_t most = (INT64_C(1) << (bits - 1)) - 1;
  if (status || (v->num <= most && v->num >= -most - 1)) return status;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, LEAT_STR_FMT ": %" PRId64 " is out of bounds",
                        LEAT_STR_ARG(c->row->urn), v->num);
}

static leat_status encode_byte(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                               leat_buf *out, leat_error *err) {
  leat_status status = need_bits(c, v, 8, err);
  if (!status) put_big(out, (uint64_t)v->num, 1);
  return status;
}

static leat_status decode_byte(const leat_flow_coder *c, reading *r, bool nested,
                               leat_flow_value *v) {
  uint64_t bits;
  leat_status status = take_big(r, 1, &bits, "a byte");
  v->num = (int8_t)bits;
  return status;
}

static leat_status encode_int16(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                leat_buf *out, leat_error *err) {
  leat_status status = need_bits(c, v, 16, err);
  if (!status) put_big(out, (uint64_t)v->num, 2);
  return status;
}

static leat_status decode_int16(const leat_flow_coder *c, reading *r, bool nested,
                                leat_flow_value *v) {
  uint64_t bits;
  leat_status status = take_big(r, 2, &bits, "an int16");
  v->num = (int16_t)bits;
  return status;
}

// A negative one is five bytes, as 32 bits; ten, as 64 bits, are understood.
static leat_status encode_int32(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                leat_buf *out, leat_error *err) {
  leat_status status = need_bits(c, v, 32, err);
  if (!status) leat_proto_varint(out, (uint32_t)v->num);
  return status;
}

static leat_status decode_int32(const leat_flow_coder *c, reading *r, bool nested,
                                leat_flow_value *v) {
  uint64_t bits;
  leat_status status = take_varint(r, &bits, "an int32");
  if (status) return status;
  v->num = (int32_t)(uint32_t)bits;
  if (bits <= UINT32_MAX || bits == (uint64_t)v->num) return LEAT_OK;
  return leat_error_set(r->err, LEAT_DATA_LOSS, "an int32 has more than 32 bits");
}

static leat_status encode_float(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_DOUBLE, err);
  float single = (float)v->real;
  uint32_t bits;
  memcpy(&bits, &single, sizeof bits);
  if (!status) put_big(out, bits, 4);
  return status;
}

static leat_status decode_float(const leat_flow_coder *c, reading *r, bool nested,
                                leat_flow_value *v) {
  uint64_t big;
  leat_status status = take_big(r, 4, &big, "a float");
  uint32_t bits = (uint32_t)big;
  float single;
  memcpy(&single, &bits, sizeof single);
  v->real = (double)single;
  return status;
}

static leat_status encode_instant(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                  leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_INT, err);
  if (!status) put_big(out, (uint64_t)v->num ^ UINT64_C(1) << 63, 8);
  return status;
}

static leat_status decode_instant(const leat_flow_coder *c, reading *r, bool nested,
                                  leat_flow_value *v) {
  uint64_t bits;
  leat_status status = take_big(r, 8, &bits, "an instant");
  v->num = (int64_t)(bits ^ UINT64_C(1) << 63);
  return status;
}

static leat_status encode_list(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                               leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_ITERABLE, err);
  leat_flow_value known = *v;
  known.flag = false;
  return status ? status : leat__coder_encode_items(c->parts[0], &known, out, err);
}

static leat_status decode_list(const leat_flow_coder *c, reading *r, bool nested,
                               leat_flow_value *v) {
  return leat__coder_decode_items(c->parts[0], r, v);
}

// --- Rows ---------------------------------------------------------------------------------------
static leat_status encode_nulls(const leat_flow_coder *c, const leat_flow_value *v, leat_buf *out,
                                leat_error *err) {
  size_t bytes = 0;
  for (size_t i = 0; i < c->count; i++) {
    if (v->items[c->fields[i].place].kind != LEAT_FLOW_NULL) continue;
    bytes = i / 8 + 1;
    if (!c->fields[c->fields[i].place].nullable)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "field %zu is null, and may not be",
                            c->fields[i].place);
  }
  leat_proto_varint(out, bytes);
  for (size_t b = 0; b < bytes; b++) {
    int bits = 0;
    for (size_t i = b * 8; i < b * 8 + 8 && i < c->count; i++)
      bits |= (v->items[c->fields[i].place].kind == LEAT_FLOW_NULL) << (i & 7);
    leat_buf_char(out, (char)bits);
  }
  return LEAT_OK;
}

leat_status leat__coder_encode_row(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                   leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_ROW, err);
  if (!status && v->count != c->count)
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "a row of %zu fields, expected %zu",
                            v->count, c->count);
  if (status) return status;
  leat_proto_varint(out, c->count);
  status = encode_nulls(c, v, out, err);
  for (size_t i = 0; !status && i < c->count; i++) {
    const leat_flow_value *item = &v->items[c->fields[i].place];
    if (item->kind == LEAT_FLOW_NULL) continue;
    status = encode(c->parts[c->fields[i].place], item, true, out, err);
  }
  return status;
}

static leat_status decode_field(const leat_flow_coder *c, reading *r, size_t field, bool null,
                                leat_flow_value *v) {
  if (!null) return decode(c->parts[field], r, true, v);
  if (c->fields[field].nullable) return count_value(r);
  return leat_error_set(r->err, LEAT_DATA_LOSS, "field %zu is null, and may not be", field);
}

// A row of an older schema lacks the last fields: they are null.
leat_status leat__coder_decode_row(const leat_flow_coder *c, reading *r, bool nested,
                                   leat_flow_value *v) {
  uint64_t count;
  leat_str bits = {0};
  leat_status status = take_varint(r, &count, "a row's number of fields");
  if (!status && count > c->count)
    status = leat_error_set(r->err, LEAT_DATA_LOSS, "a row of %" PRIu64 " fields, expected %zu",
                            count, c->count);
  if (!status) status = take_length(r, &bits, "a row's null bits");
  if (!status) status = items_new(r, v, c->count);
  for (size_t i = 0; !status && i < c->count; i++) {
    bool null = i / 8 < bits.len && (unsigned char)bits.ptr[i / 8] >> (i & 7) & 1;
    size_t field = c->fields[i].place;
    status = decode_field(c, r, field, null || i >= count, &v->items[field]);
  }
  return status;
}

// --- Schemas ------------------------------------------------------------------------------------
enum { BYTE, INT16, INT32, FLOAT, INSTANT, LIST };

static const coder_row own_rows[] = {
    {LEAT_STR("byte"), 0, LEAT_FLOW_INT, encode_byte, decode_byte},
    {LEAT_STR("int16"), 0, LEAT_FLOW_INT, encode_int16, decode_int16},
    {LEAT_STR("int32"), 0, LEAT_FLOW_INT, encode_int32, decode_int32},
    {LEAT_STR("float"), 0, LEAT_FLOW_DOUBLE, encode_float, decode_float},
    {LEAT_STR("millis_instant"), 0, LEAT_FLOW_INT, encode_instant, decode_instant},
    {LEAT_STR("list"), 1, LEAT_FLOW_ITERABLE, encode_list, decode_list},
};

typedef struct schema_reader {
  leat_arena *arena;
  leat_error *err;
  int depth;
} schema_reader;

static leat_status damaged(const schema_reader *s, const char *what) {
  return leat_error_set(s->err, LEAT_DATA_LOSS, "the schema's %s does not parse", what);
}

static leat_status make(const schema_reader *s, const coder_row *row, const leat_flow_coder *first,
                        const leat_flow_coder *second, const leat_flow_coder **out) {
  const leat_flow_coder *parts[] = {first, second};
  leat_flow_coder *made;
  leat_status status = leat__coder_make(s->arena, row, parts, row->parts, &made, s->err);
  if (!status) *out = made;
  return status;
}

static leat_status named(const schema_reader *s, leat_str urn, const leat_flow_coder *first,
                         const leat_flow_coder *second, const leat_flow_coder **out) {
  return make(s, leat__coder_find(urn), first, second, out);
}

static leat_status atomic(const schema_reader *s, uint64_t type, const leat_flow_coder **out) {
  static const struct {
    int own;  // -1: by its URN
    leat_str urn;
  } types[ATOMIC_TYPES] = {
      {0},
      {BYTE, {0}},
      {INT16, {0}},
      {INT32, {0}},
      {-1, LEAT_STR("beam:coder:varint:v1")},
      {FLOAT, {0}},
      {-1, LEAT_STR("beam:coder:double:v1")},
      {-1, LEAT_STR("beam:coder:string_utf8:v1")},
      {-1, LEAT_STR("beam:coder:bool:v1")},
      {-1, LEAT_STR("beam:coder:bytes:v1")},
  };
  if (!type || type >= ATOMIC_TYPES)
    return leat_error_set(s->err, LEAT_DATA_LOSS, "the schema has an atomic type %" PRIu64, type);
  if (types[type].own < 0) return named(s, types[type].urn, NULL, NULL, out);
  return make(s, &own_rows[types[type].own], NULL, NULL, out);
}

static leat_status read_type(schema_reader *s, leat_str bytes, bool *nullable,
                             const leat_flow_coder **out);

// A type inside another one says by a byte of its own whether it is there.
static leat_status read_inner(schema_reader *s, leat_str bytes, const leat_flow_coder **out) {
  bool nullable;
  leat_status status = read_type(s, bytes, &nullable, out);
  if (status || !nullable) return status;
  return named(s, LEAT_STR("beam:coder:nullable:v1"), *out, NULL, out);
}

// The last field of that number; empty: none.
static leat_str field_of(leat_str message, int number) {
  leat_proto p = {message};
  leat_proto_field f;
  leat_str found = {0};
  while (leat_proto_next(&p, &f))
    if (f.number == number && f.wire == LEAT_WIRE_BYTES) found = f.bytes;
  return found;
}

static leat_status read_map(schema_reader *s, leat_str bytes, const leat_flow_coder **out) {
  const leat_flow_coder *key, *value, *pair;
  leat_status status = read_inner(s, field_of(bytes, 1), &key);
  if (!status) status = read_inner(s, field_of(bytes, 2), &value);
  if (!status) status = named(s, LEAT_STR("beam:coder:kv:v1"), key, value, &pair);
  return status ? status : make(s, &own_rows[LIST], pair, NULL, out);
}

static leat_status read_logical(schema_reader *s, leat_str bytes, const leat_flow_coder **out) {
  leat_str urn = field_of(bytes, 1);
  const leat_flow_coder *scale, *digits;
  if (leat_str_eq(urn, LEAT_STR("beam:logical_type:millis_instant:v1")))
    return make(s, &own_rows[INSTANT], NULL, NULL, out);
  if (!leat_str_eq(urn, LEAT_STR("beam:logical_type:decimal:v1")))
    return read_inner(s, field_of(bytes, 3), out);
  leat_status status = make(s, &own_rows[INT32], NULL, NULL, &scale);
  if (!status) status = named(s, LEAT_STR("beam:coder:bytes:v1"), NULL, NULL, &digits);
  return status ? status : named(s, LEAT_STR("beam:coder:kv:v1"), scale, digits, out);
}

static leat_status read_schema(schema_reader *s, leat_flow_coder *row, leat_str bytes);

static leat_status read_row(schema_reader *s, leat_str bytes, const leat_flow_coder **out) {
  leat_flow_coder *row;
  const coder_row *kind = leat__coder_find(LEAT_STR("beam:coder:row:v1"));
  leat_status status = leat__coder_make(s->arena, kind, NULL, 0, &row, s->err);
  if (!status) status = read_schema(s, row, field_of(bytes, 1));
  if (!status) *out = row;
  return status;
}

static leat_status read_kind(schema_reader *s, const leat_proto_field *f,
                             const leat_flow_coder **out) {
  const leat_flow_coder *item;
  leat_status status;
  if (f->number == 2) return atomic(s, f->bits, out);
  if (f->wire != LEAT_WIRE_BYTES) return damaged(s, "type");
  switch (f->number) {
    case 3:
    case 4:
      status = read_inner(s, field_of(f->bytes, 1), &item);
      return status ? status : make(s, &own_rows[LIST], item, NULL, out);
    case 5: return read_map(s, f->bytes, out);
    case 6: return read_row(s, f->bytes, out);
    default: return read_logical(s, f->bytes, out);
  }
}

static leat_status read_type(schema_reader *s, leat_str bytes, bool *nullable,
                             const leat_flow_coder **out) {
  leat_proto p = {bytes};
  leat_proto_field f;
  leat_status status = LEAT_OK;
  *nullable = false;
  *out = NULL;
  if (++s->depth > SCHEMA_DEPTH)
    return leat_error_set(s->err, LEAT_INVALID_ARGUMENT, "the schema is nested deeper than %d",
                          SCHEMA_DEPTH);
  while (!status && leat_proto_next(&p, &f)) {
    if (f.number == 1) *nullable = f.bits != 0;
    if (f.number >= 2 && f.number <= 7) status = read_kind(s, &f, out);
  }
  s->depth--;
  if (status) return status;
  return p.damaged || !*out ? damaged(s, "type") : LEAT_OK;
}

typedef struct schema_fields {
  LEAT_VEC(const leat_flow_coder *) parts;
  LEAT_VEC(coder_field) fields;
  LEAT_VEC(uint64_t) positions;
} schema_fields;

static leat_status read_field(schema_reader *s, leat_str bytes, schema_fields *to) {
  leat_proto p = {bytes};
  leat_proto_field f;
  coder_field field = {.place = to->fields.count};
  const leat_flow_coder *part;
  uint64_t position = 0;
  leat_status status = read_type(s, field_of(bytes, 3), &field.nullable, &part);
  if (status) return status;
  while (leat_proto_next(&p, &f))
    if (f.number == 5) position = f.bits;
  if (p.damaged || to->fields.count >= MAX_FIELDS) return damaged(s, "field");
  if (!leat_vec_push(&to->parts, part) || !leat_vec_push(&to->fields, field) ||
      !leat_vec_push(&to->positions, position))
    return leat__oom(s->err, sizeof field);
  return LEAT_OK;
}

// fields[position].place: every position once.
static leat_status place_fields(const schema_reader *s, schema_fields *fields) {
  for (size_t i = 0; i < fields->fields.count; i++) fields->fields.at[i].place = SIZE_MAX;
  for (size_t i = 0; i < fields->fields.count; i++) {
    uint64_t at = fields->positions.at[i];
    if (at >= fields->fields.count || fields->fields.at[at].place != SIZE_MAX)
      return leat_error_set(s->err, LEAT_DATA_LOSS,
                            "the schema's field %zu has the encoding position %" PRIu64, i, at);
    fields->fields.at[at].place = i;
  }
  return LEAT_OK;
}

static leat_status read_fields(schema_reader *s, leat_str bytes, schema_fields *fields) {
  leat_proto p = {bytes};
  leat_proto_field f;
  bool placed = false;
  leat_status status = LEAT_OK;
  while (!status && leat_proto_next(&p, &f)) {
    if (f.number == 1 && f.wire == LEAT_WIRE_BYTES) status = read_field(s, f.bytes, fields);
    if (f.number == 4) placed = f.bits != 0;
  }
  if (!status && p.damaged) status = damaged(s, "message");
  return status || !placed ? status : place_fields(s, fields);
}

static leat_status read_schema(schema_reader *s, leat_flow_coder *row, leat_str bytes) {
  schema_fields fields = {0};
  leat_flow_coder *made = NULL;
  leat_status status = read_fields(s, bytes, &fields);
  if (!status)
    status =
        leat__coder_make(s->arena, row->row, fields.parts.at, fields.parts.count, &made, s->err);
  if (!status) {
    *row = *made;
    row->fields =
        leat_arena_copy(s->arena, fields.fields.at, fields.fields.count * sizeof(coder_field));
    if (!row->fields) status = leat__oom(s->err, sizeof(coder_field));
  }
  leat_vec_deinit(&fields.parts);
  leat_vec_deinit(&fields.fields);
  leat_vec_deinit(&fields.positions);
  return status;
}

leat_status leat__coder_read_schema(leat_arena *arena, leat_flow_coder *row, leat_str payload,
                                    leat_error *err) {
  return read_schema(&(schema_reader){.arena = arena, .err = err}, row, payload);
}
