// Coder: one row a standard coder, with how it is written and read.
// SPDX-License-Identifier: Apache-2.0
#include "flow/coder.h"

#include "base/vec.h"
#include "formats/json.h"
#include "formats/proto.h"

#include <inttypes.h>

enum { MAX_DEPTH = 32, VALUES_FREE = 4096, UNKNOWN_LENGTH = -1 };

typedef struct reading {
  leat_arena *arena;
  leat_str rest;
  size_t values;  // that may still be made
  leat_error *err;
} reading;

typedef leat_status encode_fn(const leat_flow_coder *, const leat_flow_value *, bool nested,
                              leat_buf *, leat_error *);
typedef leat_status decode_fn(const leat_flow_coder *, reading *, bool nested, leat_flow_value *);

typedef struct row {
  leat_str urn;
  size_t parts;
  leat_flow_kind kind;  // of its values, unless the parts say
  encode_fn *encode;
  decode_fn *decode;
} row;

struct leat_flow_coder {
  const row *row;
  const leat_flow_coder *parts[2];
  leat_flow_value fixed;  // param_windowed_value: time, windows and pane of every value
  int depth;              // of the tree below, from 1
  size_t nodes;           // of that tree
};

static const char *const kind_names[] = {"null",
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
                                         "a timer"};

static leat_status cut_short(reading *r, const char *what) {
  return leat_error_set(r->err, LEAT_DATA_LOSS, "%s: %zu bytes are left, too few", what,
                        r->rest.len);
}

static leat_status take(reading *r, size_t bytes, leat_str *out, const char *what) {
  if (bytes > r->rest.len) return cut_short(r, what);
  *out = (leat_str){r->rest.ptr, bytes};
  r->rest.ptr += bytes;
  r->rest.len -= bytes;
  return LEAT_OK;
}

static void put_big(leat_buf *out, uint64_t bits, int bytes) {
  while (bytes--) leat_buf_char(out, (char)(bits >> (8 * bytes)));
}

static leat_status take_big(reading *r, int bytes, uint64_t *bits, const char *what) {
  leat_str at = {0};
  leat_status status = take(r, (size_t)bytes, &at, what);
  *bits = 0;
  for (int i = 0; !status && i < bytes; i++) *bits = *bits << 8 | (unsigned char)at.ptr[i];
  return status;
}

static leat_status take_varint(reading *r, uint64_t *value, const char *what) {
  if (leat_proto_read_varint(&r->rest, value)) return LEAT_OK;
  return leat_error_set(r->err, LEAT_DATA_LOSS, "%s: not a varint", what);
}

// A length that counts bytes to come.
static leat_status take_length(reading *r, leat_str *out, const char *what) {
  uint64_t length;
  leat_status status = take_varint(r, &length, what);
  if (status) return status;
  return length > r->rest.len ? cut_short(r, what) : take(r, (size_t)length, out, what);
}

// One past the end is a timer that holds no watermark.
static leat_status check_time(int64_t ms, leat_status bad, leat_error *err) {
  if (ms >= LEAT_FLOW_TIME_MIN && ms <= LEAT_FLOW_TIME_MAX + 1) return LEAT_OK;
  return leat_error_set(err, bad, "the time %" PRId64 " ms is out of bounds", ms);
}

// Times in order as unsigned bytes: big endian, the sign bit flipped.
static leat_status put_time(leat_buf *out, int64_t ms, leat_error *err) {
  leat_status status = check_time(ms, LEAT_INVALID_ARGUMENT, err);
  if (status) return status;
  put_big(out, (uint64_t)ms ^ UINT64_C(1) << 63, 8);
  return LEAT_OK;
}

static leat_status take_time(reading *r, int64_t *ms) {
  uint64_t bits;
  leat_status status = take_big(r, 8, &bits, "a time");
  *ms = (int64_t)(bits ^ UINT64_C(1) << 63);
  return status ? status : check_time(*ms, LEAT_DATA_LOSS, r->err);
}

// Counts one value against what so few bytes may hold, so that no count can ask for all memory.
static leat_status count_value(reading *r) {
  if (r->values--) return LEAT_OK;
  r->values = 0;
  return leat_error_set(r->err, LEAT_RESOURCE_EXHAUSTED, "more values than so few bytes may hold");
}

static leat_status encode(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                          leat_buf *out, leat_error *err) {
  return c->row->encode(c, v, nested, out, err);
}

static leat_status decode(const leat_flow_coder *c, reading *r, bool nested, leat_flow_value *v) {
  *v = (leat_flow_value){.kind = c->row->kind};
  leat_status status = count_value(r);
  return status ? status : c->row->decode(c, r, nested, v);
}

static leat_status need(const leat_flow_coder *c, const leat_flow_value *v, leat_flow_kind kind,
                        leat_error *err) {
  if (v->kind == kind) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, LEAT_STR_FMT ": the value is %s, expected %s",
                        LEAT_STR_ARG(c->row->urn), kind_names[v->kind], kind_names[kind]);
}

static leat_status items_new(reading *r, leat_flow_value *v, size_t count) {
  v->items = leat_arena_alloc(r->arena, count * sizeof *v->items);
  v->count = count;
  return v->items ? LEAT_OK : leat__oom(r->err, count * sizeof *v->items);
}

// --- Plain values -------------------------------------------------------------------------------
static leat_status encode_bool(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                               leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_BOOL, err);
  if (!status) leat_buf_char(out, v->flag);
  return status;
}

static leat_status take_flag(reading *r, bool *flag, const char *what) {
  leat_str at = {0};
  leat_status status = take(r, 1, &at, what);
  if (status) return status;
  *flag = at.ptr[0] == 1;
  if (at.ptr[0] & ~1)
    return leat_error_set(r->err, LEAT_DATA_LOSS, "%s: the byte is %d, expected 0 or 1", what,
                          (unsigned char)at.ptr[0]);
  return LEAT_OK;
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

static leat_status check_utf8(leat_str text, leat_status bad, leat_error *err) {
  for (size_t i = 0, n; i < text.len; i += n) {
    n = leat_utf8_length((const unsigned char *)text.ptr + i, text.len - i);
    if (!n) return leat_error_set(err, bad, "text: byte %zu is not UTF-8", i);
  }
  return LEAT_OK;
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
  const char *what = kind_names[v->kind];
  leat_status status =
      nested ? take_length(r, &v->bytes, what) : take(r, r->rest.len, &v->bytes, what);
  if (!status && v->kind == LEAT_FLOW_STRING) status = check_utf8(v->bytes, LEAT_DATA_LOSS, r->err);
  return status;
}

// --- Composites ---------------------------------------------------------------------------------
static leat_status encode_kv(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                             leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_KV, err);
  if (!status) status = encode(c->parts[0], &v->items[0], true, out, err);
  return status ? status : encode(c->parts[1], &v->items[1], nested, out, err);
}

static leat_status decode_kv(const leat_flow_coder *c, reading *r, bool nested,
                             leat_flow_value *v) {
  leat_status status = items_new(r, v, 2);
  if (!status) status = decode(c->parts[0], r, true, &v->items[0]);
  return status ? status : decode(c->parts[1], r, nested, &v->items[1]);
}

// A big endian count and the items; or -1 and blocks (count, items) that an empty block ends.
static leat_status encode_items(const leat_flow_coder *item, const leat_flow_value *v,
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
  if (v->flag) leat_buf_char(out, 0);
  return LEAT_OK;
}

static leat_status encode_iterable(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                   leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_ITERABLE, err);
  return status ? status : encode_items(c->parts[0], v, out, err);
}

typedef LEAT_VEC(leat_flow_value) value_list;

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

static leat_status decode_list(const leat_flow_coder *item, reading *r, bool *unknown,
                               value_list *list) {
  uint64_t count;
  leat_status status = take_big(r, 4, &count, "an iterable's length");
  if (status) return status;
  *unknown = (int32_t)count == UNKNOWN_LENGTH;
  if (!*unknown && (int32_t)count < 0)
    return leat_error_set(r->err, LEAT_DATA_LOSS, "an iterable of %d items", (int32_t)count);
  if (!*unknown) return decode_block(item, r, count, list);
  do {
    if ((status = take_varint(r, &count, "a block's length"))) return status;
    if ((status = decode_block(item, r, count, list))) return status;
  } while (count);
  return LEAT_OK;
}

static leat_status decode_items(const leat_flow_coder *item, reading *r, leat_flow_value *v) {
  value_list list = {0};
  v->kind = LEAT_FLOW_ITERABLE;
  leat_status status = decode_list(item, r, &v->flag, &list);
  if (!status) status = items_new(r, v, list.count);
  if (!status && list.count) memcpy(v->items, list.at, list.count * sizeof *list.at);
  leat_vec_deinit(&list);
  return status;
}

static leat_status decode_iterable(const leat_flow_coder *c, reading *r, bool nested,
                                   leat_flow_value *v) {
  return decode_items(c->parts[0], r, v);
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

// --- Windows, windowed values and timers --------------------------------------------------------
static leat_status encode_global(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                 leat_buf *out, leat_error *err) {
  return need(c, v, LEAT_FLOW_GLOBAL_WINDOW, err);
}

static leat_status decode_global(const leat_flow_coder *c, reading *r, bool nested,
                                 leat_flow_value *v) {
  return LEAT_OK;
}

static leat_status encode_interval(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                   leat_buf *out, leat_error *err) {
  leat_status status = need(c, v, LEAT_FLOW_INTERVAL, err);
  if (!status) status = put_time(out, v->num, err);
  if (!status) leat_proto_varint(out, (uint64_t)v->more);
  return status;
}

static leat_status decode_interval(const leat_flow_coder *c, reading *r, bool nested,
                                   leat_flow_value *v) {
  uint64_t span;
  leat_status status = take_time(r, &v->num);
  if (!status) status = take_varint(r, &span, "a window's length");
  if (!status) v->more = (int64_t)span;
  return status;
}

// The pane's byte: first, last, timing (2 bits), what follows (4 bits): nothing when both indices
// are 0; the index, when the other follows from it; or both.
static void put_pane(leat_buf *out, const leat_flow_pane *p) {
  int low = p->first | p->last << 1 | (int)p->timing << 2;
  int64_t implied = p->timing == LEAT_FLOW_EARLY ? -1 : p->index;
  if (p->index == 0 && p->on_time_index == 0) {
    leat_buf_char(out, (char)low);
  } else {
    bool both = p->on_time_index != implied;
    leat_buf_char(out, (char)(low | (both ? 2 : 1) << 4));
    leat_proto_varint(out, (uint64_t)p->index);
    if (both) leat_proto_varint(out, (uint64_t)p->on_time_index);
  }
}

static leat_status take_pane(reading *r, leat_flow_pane *p) {
  uint64_t low, index = 0, other = 0;
  leat_status status = take_big(r, 1, &low, "a pane");
  if (status) return status;
  uint64_t form = low >> 4;
  *p = (leat_flow_pane){
      .first = low & 1, .last = low & 2, .timing = (leat_flow_timing)(low >> 2 & 3)};
  if (form > 2)
    return leat_error_set(r->err, LEAT_DATA_LOSS, "a pane's byte is 0x%02x: an unknown form",
                          (unsigned)low);
  if (form && (status = take_varint(r, &index, "a pane's index"))) return status;
  if (form == 2 && (status = take_varint(r, &other, "a pane's index"))) return status;
  p->index = (int64_t)index;
  p->on_time_index = form == 2                                   ? (int64_t)other
                     : form == 1 && p->timing == LEAT_FLOW_EARLY ? -1
                                                                 : p->index;
  return LEAT_OK;
}

static leat_status need_windows(const leat_flow_coder *c, const leat_flow_value *v,
                                leat_error *err) {
  leat_status status = need(c, v, c->row->kind, err);
  return status ? status : need(c, &v->items[v->count - 1], LEAT_FLOW_ITERABLE, err);
}

static leat_status encode_windowed(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                   leat_buf *out, leat_error *err) {
  leat_status status = need_windows(c, v, err);
  if (!status) status = put_time(out, v->num, err);
  if (!status) status = encode_items(c->parts[1], &v->items[1], out, err);
  if (status) return status;
  put_pane(out, &v->pane);
  return encode(c->parts[0], &v->items[0], nested, out, err);
}

static leat_status decode_windowed(const leat_flow_coder *c, reading *r, bool nested,
                                   leat_flow_value *v) {
  leat_status status = items_new(r, v, 2);
  if (!status) status = take_time(r, &v->num);
  if (!status) status = decode_items(c->parts[1], r, &v->items[1]);
  if (!status) status = take_pane(r, &v->pane);
  return status ? status : decode(c->parts[0], r, nested, &v->items[0]);
}

static leat_status encode_param(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                leat_buf *out, leat_error *err) {
  leat_status status = need_windows(c, v, err);
  return status ? status : encode(c->parts[0], &v->items[0], nested, out, err);
}

static leat_status decode_param(const leat_flow_coder *c, reading *r, bool nested,
                                leat_flow_value *v) {
  *v = c->fixed;
  leat_status status = items_new(r, v, 2);
  if (status) return status;
  v->items[1] = c->fixed.items[1];
  return decode(c->parts[0], r, nested, &v->items[0]);
}

static leat_status encode_timer(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                leat_buf *out, leat_error *err) {
  leat_status status = need_windows(c, v, err);
  if (!status) status = need(c, &v->items[1], LEAT_FLOW_STRING, err);
  if (!status) status = check_utf8(v->items[1].bytes, LEAT_INVALID_ARGUMENT, err);
  if (!status) status = encode(c->parts[0], &v->items[0], true, out, err);
  if (status) return status;
  leat_proto_varint(out, v->items[1].bytes.len);
  leat_buf_str(out, v->items[1].bytes);
  status = encode_items(c->parts[1], &v->items[2], out, err);
  leat_buf_char(out, v->flag);
  if (status || v->flag) return status;
  if ((status = put_time(out, v->num, err)) || (status = put_time(out, v->more, err)))
    return status;
  put_pane(out, &v->pane);
  return LEAT_OK;
}

static leat_status decode_timer(const leat_flow_coder *c, reading *r, bool nested,
                                leat_flow_value *v) {
  leat_status status = items_new(r, v, 3);
  if (!status) status = decode(c->parts[0], r, true, &v->items[0]);
  if (status) return status;
  v->items[1].kind = LEAT_FLOW_STRING;
  status = take_length(r, &v->items[1].bytes, "a timer's tag");
  if (!status) status = check_utf8(v->items[1].bytes, LEAT_DATA_LOSS, r->err);
  if (!status) status = decode_items(c->parts[1], r, &v->items[2]);
  if (!status) status = take_flag(r, &v->flag, "a timer");
  if (status || v->flag) return status;
  if ((status = take_time(r, &v->num)) || (status = take_time(r, &v->more))) return status;
  return take_pane(r, &v->pane);
}

// --- The table ----------------------------------------------------------------------------------
static const row rows[] = {
    {LEAT_STR("beam:coder:bytes:v1"), 0, LEAT_FLOW_BYTES, encode_bytes, decode_bytes},
    {LEAT_STR("beam:coder:string_utf8:v1"), 0, LEAT_FLOW_STRING, encode_bytes, decode_bytes},
    {LEAT_STR("beam:coder:bool:v1"), 0, LEAT_FLOW_BOOL, encode_bool, decode_bool},
    {LEAT_STR("beam:coder:varint:v1"), 0, LEAT_FLOW_INT, encode_varint, decode_varint},
    {LEAT_STR("beam:coder:double:v1"), 0, LEAT_FLOW_DOUBLE, encode_double, decode_double},
    {LEAT_STR("beam:coder:kv:v1"), 2, LEAT_FLOW_KV, encode_kv, decode_kv},
    {LEAT_STR("beam:coder:iterable:v1"), 1, LEAT_FLOW_ITERABLE, encode_iterable, decode_iterable},
    {LEAT_STR("beam:coder:nullable:v1"), 1, LEAT_FLOW_NULL, encode_nullable, decode_nullable},
    {LEAT_STR("beam:coder:length_prefix:v1"), 1, LEAT_FLOW_NULL, encode_prefixed, decode_prefixed},
    {LEAT_STR("beam:coder:global_window:v1"), 0, LEAT_FLOW_GLOBAL_WINDOW, encode_global,
     decode_global},
    {LEAT_STR("beam:coder:interval_window:v1"), 0, LEAT_FLOW_INTERVAL, encode_interval,
     decode_interval},
    {LEAT_STR("beam:coder:windowed_value:v1"), 2, LEAT_FLOW_WINDOWED, encode_windowed,
     decode_windowed},
    {LEAT_STR("beam:coder:param_windowed_value:v1"), 2, LEAT_FLOW_WINDOWED, encode_param,
     decode_param},
    {LEAT_STR("beam:coder:timer:v1"), 2, LEAT_FLOW_TIMER, encode_timer, decode_timer},
};
enum { ROWS = sizeof rows / sizeof *rows };

static leat_status find_row(leat_str urn, const row **out, leat_error *err) {
  leat_str names[ROWS];
  for (int i = 0; i < ROWS; i++) {
    if (leat_str_eq(rows[i].urn, urn)) return *out = &rows[i], LEAT_OK;
    names[i] = rows[i].urn;
  }
  leat_str nearest = leat_str_nearest(urn, names, ROWS);
  return leat_error_set(err, LEAT_UNIMPLEMENTED, "unknown coder '" LEAT_STR_FMT "'%s" LEAT_STR_FMT,
                        LEAT_STR_ARG(urn), nearest.len ? "; the nearest is " : "",
                        LEAT_STR_ARG(nearest));
}

static leat_status read_payload(leat_arena *arena, leat_flow_coder *coder, leat_str payload,
                                leat_error *err) {
  leat_flow_coder bytes = {.row = &rows[0]};
  leat_flow_coder windowed = {.parts = {&bytes, coder->parts[1]}};
  char *kept = leat_arena_str(arena, payload);
  if (!kept) return leat__oom(err, payload.len);
  reading r = {arena, {kept, payload.len}, VALUES_FREE, err};
  coder->fixed.kind = LEAT_FLOW_WINDOWED;
  leat_status status = decode_windowed(&windowed, &r, false, &coder->fixed);
  if (!status) return LEAT_OK;
  leat_error_prepend(err, status, LEAT_STR_FMT ": payload", LEAT_STR_ARG(coder->row->urn));
  if (err && status == LEAT_DATA_LOSS) err->status = LEAT_INVALID_ARGUMENT;
  return status == LEAT_DATA_LOSS ? LEAT_INVALID_ARGUMENT : status;
}

leat_status leat_flow_coder_new(leat_arena *arena, const leat_flow_coder_spec *spec,
                                const leat_flow_coder **out, leat_error *err) {
  leat_flow_coder *coder = leat_arena_alloc(arena, sizeof *coder);
  if (!coder) return leat__oom(err, sizeof *coder);
  leat_status status = find_row(spec->urn, &coder->row, err);
  if (status) return status;
  if (spec->count != coder->row->parts)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          LEAT_STR_FMT ": %zu component coders, expected %zu",
                          LEAT_STR_ARG(spec->urn), spec->count, coder->row->parts);
  for (size_t i = 0; i < spec->count; i++) {
    coder->parts[i] = spec->parts[i];
    if (coder->depth < spec->parts[i]->depth) coder->depth = spec->parts[i]->depth;
    coder->nodes += spec->parts[i]->nodes;
  }
  coder->nodes++;
  if (++coder->depth > MAX_DEPTH)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, LEAT_STR_FMT ": nested deeper than %d",
                          LEAT_STR_ARG(spec->urn), MAX_DEPTH);
  if (coder->row->decode == decode_param) status = read_payload(arena, coder, spec->payload, err);
  *out = coder;
  return status;
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
