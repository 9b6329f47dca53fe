// Coder: one row a standard coder, with how it is written and read.
// SPDX-License-Identifier: Apache-2.0
#include "flow/coder_impl.h"

enum { MAX_DEPTH = 32, VALUES_FREE = 4096, UNKNOWN_LENGTH = -1 };
#define TOKEN UINT64_MAX  // as a block's length: a token follows

const char *const leat__coder_kinds[] = {"null",
                                         "a bool",
                                         "an integer",
                                         "a double",
                                         "bytes",
                                         "text",
                                         "a kv",
                                         "an iterable",
                                         "the global window",
                                         "an interval window",
                                         "a windowed value",
                                         "a timer",
                                         "a row"};

// --- Plain values -------------------------------------------------------------------------------
static leat_status encode_bool(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                               leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_BOOL, err);
  if (!status) leat_buf_char(out, v->flag);
  return status;
}
static leat_status decode_bool(const leat_flow_coder *c, reading *r, bool nested,
                               leat_flow_value *v) {
  return take_flag(r, &v->flag, "a bool");
}

static leat_status encode_varint(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                 leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_INT, err);
  if (!status) leat_proto_varint(out, (uint64_t)v->num);
  return status;
}

static leat_status decode_varint(const leat_flow_coder *c, reading *r, bool nested,
                                 leat_flow_value *v) {
  uint64_t bits;
  leat_status status = take_varint(r, &bits, "an integer");
  if (!status) v->num = (int64_t)bits;
  return status;
}

static leat_status encode_double(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                 leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_DOUBLE, err);
  uint64_t bits;
  memcpy(&bits, &v->real, 8);
  if (!status) put_big(out, bits, 8);
  return status;
}

static leat_status decode_double(const leat_flow_coder *c, reading *r, bool nested,
                                 leat_flow_value *v) {
  uint64_t bits;
  leat_status status = take_big(r, 8, &bits, "a double");
  memcpy(&v->real, &bits, 8);
  return status;
}
static leat_status encode_bytes(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, c->row->kind, err);
  if (!status && v->kind == LEAT_FLOW_STRING)
    status = check_utf8(v->bytes, LEAT_INVALID_ARGUMENT, err);
  if (status) return status;
  if (nested) leat_proto_varint(out, v->bytes.len);
  leat_buf_str(out, v->bytes);
  return LEAT_OK;
}

static leat_status decode_bytes(const leat_flow_coder *c, reading *r, bool nested,
                                leat_flow_value *v) {
  const char *what = leat__coder_kinds[v->kind];
  leat_status status =
      nested ? take_length(r, &v->bytes, what) : take(r, r->rest.len, &v->bytes, what);
  if (!status && v->kind == LEAT_FLOW_STRING) status = check_utf8(v->bytes, LEAT_DATA_LOSS, r->err);
  return status;
}

// --- Composites ---------------------------------------------------------------------------------
leat_status leat__coder_encode_kv(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                  leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_KV, err);
  if (!status) status = encode(c->parts[0], &v->items[0], true, out, err);
  return status ? status : encode(c->parts[1], &v->items[1], nested, out, err);
}

leat_status leat__coder_decode_kv(const leat_flow_coder *c, reading *r, bool nested,
                                  leat_flow_value *v) {
  leat_status status = items_new(r, v, 2);
  if (!status) status = decode(c->parts[0], r, true, &v->items[0]);
  return status ? status : decode(c->parts[1], r, nested, &v->items[1]);
}

// A big endian count and the items; or -1 and blocks (count, items) that an empty block ends.
leat_status leat__coder_encode_items(const leat_flow_coder *item, const leat_flow_value *v,
                                     leat_buf *out, leat_error *err) {
  if (v->count > INT32_MAX)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "an iterable of %zu items, at most 2^31 - 1",
                          v->count);
  put_big(out, v->flag ? (uint32_t)UNKNOWN_LENGTH : v->count, 4);
  if (v->flag && v->count) leat_proto_varint(out, v->count);
  for (size_t i = 0; i < v->count; i++) {
    leat_status status = encode(item, &v->items[i], true, out, err);
    if (status) return status;
  }
  if (v->flag && !v->more) leat_buf_char(out, 0);
  return LEAT_OK;
}

static leat_status encode_iterable(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                   leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_ITERABLE, err);
  return status ? status : leat__coder_encode_items(c->parts[0], v, out, err);
}

typedef LEAT_VEC(leat_flow_value) value_list;

// What is not in the bytes is to be had by a token: -1 in place of a last block, and the token.
static leat_status encode_backed(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                 leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_ITERABLE, err);
  if (!status && v->more && !v->flag)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "a token, but the length is said");
  if (!status) status = leat__coder_encode_items(c->parts[0], v, out, err);
  if (status || !v->more) return status;
  leat_proto_varint(out, TOKEN);
  leat_proto_varint(out, v->bytes.len);
  leat_buf_str(out, v->bytes);
  return LEAT_OK;
}

static leat_status decode_block(const leat_flow_coder *item, reading *r, uint64_t count,
                                value_list *list) {
  for (uint64_t i = 0; i < count; i++) {
    leat_flow_value value;
    leat_status status = decode(item, r, true, &value);
    if (status) return status;
    if (!leat_vec_push(list, value)) return leat__oom(r->err, sizeof value);
  }
  return LEAT_OK;
}

static leat_status decode_list(const leat_flow_coder *item, reading *r, leat_flow_value *v,
                               bool backed, value_list *list) {
  uint64_t count;
  leat_status status = take_big(r, 4, &count, "an iterable's length");
  if (status) return status;
  v->flag = (int32_t)count == UNKNOWN_LENGTH;
  if (!v->flag && (int32_t)count < 0)
    return leat_error_set(r->err, LEAT_DATA_LOSS, "an iterable of %d items", (int32_t)count);
  if (!v->flag) return decode_block(item, r, count, list);
  do {
    if ((status = take_varint(r, &count, "a block's length"))) return status;
    v->more = backed && count == TOKEN;
    if (v->more) return take_length(r, &v->bytes, "a token");
    if ((status = decode_block(item, r, count, list))) return status;
  } while (count);
  return LEAT_OK;
}

static leat_status decode_any(const leat_flow_coder *item, reading *r, bool backed,
                              leat_flow_value *v) {
  value_list list = {0};
  v->kind = LEAT_FLOW_ITERABLE;
  leat_status status = decode_list(item, r, v, backed, &list);
  if (!status) status = items_new(r, v, list.count);
  if (!status && list.count) memcpy(v->items, list.at, list.count * sizeof *list.at);
  leat_vec_deinit(&list);
  return status;
}

leat_status leat__coder_decode_items(const leat_flow_coder *item, reading *r, leat_flow_value *v) {
  return decode_any(item, r, false, v);
}

static leat_status decode_backed(const leat_flow_coder *c, reading *r, bool nested,
                                 leat_flow_value *v) {
  return decode_any(c->parts[0], r, true, v);
}

static leat_status decode_iterable(const leat_flow_coder *c, reading *r, bool nested,
                                   leat_flow_value *v) {
  return leat__coder_decode_items(c->parts[0], r, v);
}

static leat_status encode_sharded(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                  leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_KV, err);
  if (!status) status = need(c, &v->items[0], LEAT_FLOW_BYTES, err);
  if (status) return status;
  leat_proto_varint(out, v->items[0].bytes.len);
  leat_buf_str(out, v->items[0].bytes);
  return encode(c->parts[0], &v->items[1], true, out, err);
}

static leat_status decode_sharded(const leat_flow_coder *c, reading *r, bool nested,
                                  leat_flow_value *v) {
  leat_status status = items_new(r, v, 2);
  if (status) return status;
  v->items[0].kind = LEAT_FLOW_BYTES;
  status = take_length(r, &v->items[0].bytes, "a shard");
  return status ? status : decode(c->parts[0], r, true, &v->items[1]);
}

static leat_status encode_nullable(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                   leat_buf *out, leat_error *err) {
  leat_buf_char(out, v->kind != LEAT_FLOW_NULL);
  return v->kind == LEAT_FLOW_NULL ? LEAT_OK : encode(c->parts[0], v, nested, out, err);
}

static leat_status decode_nullable(const leat_flow_coder *c, reading *r, bool nested,
                                   leat_flow_value *v) {
  bool present;
  leat_status status = take_flag(r, &present, "a nullable");
  return status || !present ? status : decode(c->parts[0], r, nested, v);
}

static leat_status encode_prefixed(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                   leat_buf *out, leat_error *err) {
  leat_buf inside = {0};
  leat_status status = encode(c->parts[0], v, false, &inside, err);
  if (!status) status = leat_buf_status(&inside, err);
  if (!status) leat_proto_varint(out, inside.len);
  if (!status) leat_buf_str(out, leat_buf_view(&inside));
  leat_buf_deinit(&inside);
  return status;
}

static leat_status check_end(const reading *r) {
  if (!r->rest.len) return LEAT_OK;
  return leat_error_set(r->err, LEAT_DATA_LOSS, "%zu bytes too many behind the value", r->rest.len);
}

static leat_status decode_prefixed(const leat_flow_coder *c, reading *r, bool nested,
                                   leat_flow_value *v) {
  reading inside = *r;
  leat_status status = take_length(r, &inside.rest, "a length prefix");
  if (!status) status = decode(c->parts[0], &inside, false, v);
  r->values = inside.values;
  return status ? status : check_end(&inside);
}

// --- The table ----------------------------------------------------------------------------------
static const coder_row rows[] = {
    {LEAT_STR("beam:coder:bytes:v1"), 0, LEAT_FLOW_BYTES, encode_bytes, decode_bytes},
    {LEAT_STR("beam:coder:string_utf8:v1"), 0, LEAT_FLOW_STRING, encode_bytes, decode_bytes},
    {LEAT_STR("beam:coder:bool:v1"), 0, LEAT_FLOW_BOOL, encode_bool, decode_bool},
    {LEAT_STR("beam:coder:varint:v1"), 0, LEAT_FLOW_INT, encode_varint, decode_varint},
    {LEAT_STR("beam:coder:double:v1"), 0, LEAT_FLOW_DOUBLE, encode_double, decode_double},
    {LEAT_STR("beam:coder:kv:v1"), 2, LEAT_FLOW_KV, leat__coder_encode_kv, leat__coder_decode_kv},
    {LEAT_STR("beam:coder:iterable:v1"), 1, LEAT_FLOW_ITERABLE, encode_iterable, decode_iterable},
    {LEAT_STR("beam:coder:nullable:v1"), 1, LEAT_FLOW_NULL, encode_nullable, decode_nullable},
    {LEAT_STR("beam:coder:length_prefix:v1"), 1, LEAT_FLOW_NULL, encode_prefixed, decode_prefixed},
    {LEAT_STR("beam:coder:sharded_key:v1"), 1, LEAT_FLOW_KV, encode_sharded, decode_sharded},
    {LEAT_STR("beam:coder:state_backed_iterable:v1"), 1, LEAT_FLOW_ITERABLE, encode_backed,
     decode_backed},
    {LEAT_STR("beam:coder:row:v1"), 0, LEAT_FLOW_ROW, leat__coder_encode_row,
     leat__coder_decode_row},
};
enum { ROWS = sizeof rows / sizeof *rows };

const coder_row *leat__coder_find(leat_str urn) {
  for (size_t i = 0; i < ROWS; i++)
    if (leat_str_eq(rows[i].urn, urn)) return &rows[i];
  for (size_t i = 0; i < leat__coder_window_rows.count; i++)
    if (leat_str_eq(leat__coder_window_rows.at[i].urn, urn)) return &leat__coder_window_rows.at[i];
  return NULL;
}

static leat_status no_row(leat_str urn, leat_error *err) {
  leat_str names[ROWS + 16];
  size_t count = 0;
  for (size_t i = 0; i < ROWS; i++) names[count++] = rows[i].urn;
  for (size_t i = 0; i < leat__coder_window_rows.count; i++)
    names[count++] = leat__coder_window_rows.at[i].urn;
  leat_str nearest = leat_str_nearest(urn, names, count);
  return leat_error_set(err, LEAT_UNIMPLEMENTED, "unknown coder '" LEAT_STR_FMT "'%s" LEAT_STR_FMT,
                        LEAT_STR_ARG(urn), nearest.len ? "; the nearest is " : "",
                        LEAT_STR_ARG(nearest));
}

// Whatever is wrong in a payload is the caller's argument.
static leat_status bad_payload(const leat_flow_coder *coder, leat_status status, leat_error *err) {
  leat_error_prepend(err, status, LEAT_STR_FMT ": payload", LEAT_STR_ARG(coder->row->urn));
  if (err && status == LEAT_DATA_LOSS) err->status = LEAT_INVALID_ARGUMENT;
  return status == LEAT_DATA_LOSS ? LEAT_INVALID_ARGUMENT : status;
}

static leat_status read_payload(leat_arena *arena, leat_flow_coder *coder, leat_str payload,
                                leat_error *err) {
  leat_flow_coder bytes = {.row = &rows[0]};
  leat_flow_coder windowed = {.parts = (const leat_flow_coder *[]){&bytes, coder->parts[1]}};
  char *kept = leat_arena_str(arena, payload);
  if (!kept) return leat__oom(err, payload.len);
  reading r = {arena, {kept, payload.len}, VALUES_FREE, err};
  coder->fixed.kind = LEAT_FLOW_WINDOWED;
  return leat__coder_find(LEAT_STR("beam:coder:windowed_value:v1"))
      ->decode(&windowed, &r, false, &coder->fixed);
}

leat_status leat__coder_make(leat_arena *arena, const coder_row *row,
                             const leat_flow_coder *const *parts, size_t count,
                             leat_flow_coder **out, leat_error *err) {
  leat_flow_coder *coder = leat_arena_alloc(arena, sizeof *coder);
  if (!coder || !(coder->parts = leat_arena_copy(arena, parts, count * sizeof *parts)))
    return leat__oom(err, sizeof *coder);
  coder->row = row;
  coder->count = count;
  coder->nodes = 1;
  for (size_t i = 0; i < count; i++) {
    if (coder->depth < parts[i]->depth) coder->depth = parts[i]->depth;
    coder->nodes += parts[i]->nodes;
  }
  if (++coder->depth > MAX_DEPTH)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, LEAT_STR_FMT ": nested deeper than %d",
                          LEAT_STR_ARG(row->urn), MAX_DEPTH);
  return *out = coder, LEAT_OK;
}

leat_status leat_flow_coder_new(leat_arena *arena, const leat_flow_coder_spec *spec,
                                const leat_flow_coder **out, leat_error *err) {
  const coder_row *row = leat__coder_find(spec->urn);
  leat_flow_coder *coder;
  if (!row) return no_row(spec->urn, err);
  if (spec->count != row->parts)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          LEAT_STR_FMT ": %zu component coders, expected %zu",
                          LEAT_STR_ARG(spec->urn), spec->count, row->parts);
  leat_status status = leat__coder_make(arena, row, spec->parts, spec->count, &coder, err);
  if (status) return status;
  *out = coder;
  if (row->encode == leat__coder_encode_row)
    status = leat__coder_read_schema(arena, coder, spec->payload, err);
  if (leat_str_eq(row->urn, LEAT_STR("beam:coder:param_windowed_value:v1")))
    status = read_payload(arena, coder, spec->payload, err);
  return status ? bad_payload(coder, status, err) : LEAT_OK;
}

leat_status leat_flow_encode(const leat_flow_coder *coder, const leat_flow_value *value,
                             bool nested, leat_buf *out, leat_error *err) {
  leat_status status = encode(coder, value, nested, out, err);
  return status ? status : leat_buf_status(out, err);
}

leat_status leat_flow_decode(const leat_flow_coder *coder, leat_str *input, bool nested,
                             leat_arena *arena, leat_flow_value *out, leat_error *err) {
  reading r = {arena, *input, VALUES_FREE, err};
  size_t most = (SIZE_MAX - r.values) / coder->nodes;  // a byte may end a value at each node
  r.values += (input->len < most ? input->len : most) * coder->nodes;
  leat_status status = decode(coder, &r, nested, out);
  if (!status && !nested) status = check_end(&r);
  if (!status) *input = r.rest;
  return status;
}
