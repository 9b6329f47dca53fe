// Coder of windows, windowed values and timers.
// SPDX-License-Identifier: Apache-2.0
#include "flow/coder_impl.h"

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
  if (!status) status = leat__coder_encode_items(c->parts[1], &v->items[1], out, err);
  if (status) return status;
  put_pane(out, &v->pane);
  return encode(c->parts[0], &v->items[0], nested, out, err);
}

static leat_status decode_windowed(const leat_flow_coder *c, reading *r, bool nested,
                                   leat_flow_value *v) {
  leat_status status = items_new(r, v, 2);
  if (!status) status = take_time(r, &v->num);
  if (!status) status = leat__coder_decode_items(c->parts[1], r, &v->items[1]);
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
  status = leat__coder_encode_items(c->parts[1], &v->items[2], out, err);
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
  if (!status) status = leat__coder_decode_items(c->parts[1], r, &v->items[2]);
  if (!status) status = take_flag(r, &v->flag, "a timer");
  if (status || v->flag) return status;
  if ((status = take_time(r, &v->num)) || (status = take_time(r, &v->more))) return status;
  return take_pane(r, &v->pane);
}
// The last moment of a window in front of it, so that those who do not know it can sort by it.
static leat_status last_moment(const leat_flow_coder *c, const leat_flow_value *v, int64_t *out,
                               leat_error *err) {
  *out = v->kind == LEAT_FLOW_INTERVAL ? v->num - 1 : LEAT_FLOW_GLOBAL_MAX;
  return v->kind == LEAT_FLOW_GLOBAL_WINDOW ? LEAT_OK : need(c, v, LEAT_FLOW_INTERVAL, err);
}

static leat_status encode_custom(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                                 leat_buf *out, leat_error *err) {
  int64_t last;
  leat_status status = last_moment(c, v, &last, err);
  if (!status) status = put_time(out, last, err);
  return status ? status : encode(c->parts[0], v, nested, out, err);
}

static leat_status decode_custom(const leat_flow_coder *c, reading *r, bool nested,
                                 leat_flow_value *v) {
  int64_t last, want;
  leat_status status = take_time(r, &last);
  if (!status) status = decode(c->parts[0], r, nested, v);
  if (!status) status = last_moment(c, v, &want, r->err);
  if (status || want == last) return status;
  return leat_error_set(r->err, LEAT_DATA_LOSS,
                        "a window's last moment is %" PRId64 " ms, said to be %" PRId64 " ms", want,
                        last);
}

static const coder_row rows[] = {
    {LEAT_STR("beam:coder:global_window:v1"), 0, LEAT_FLOW_GLOBAL_WINDOW, encode_global,
     decode_global},
    {LEAT_STR("beam:coder:interval_window:v1"), 0, LEAT_FLOW_INTERVAL, encode_interval,
     decode_interval},
    {LEAT_STR("beam:coder:custom_window:v1"), 1, LEAT_FLOW_INTERVAL, encode_custom, decode_custom},
    {LEAT_STR("beam:coder:windowed_value:v1"), 2, LEAT_FLOW_WINDOWED, encode_windowed,
     decode_windowed},
    {LEAT_STR("beam:coder:param_windowed_value:v1"), 2, LEAT_FLOW_WINDOWED, encode_param,
     decode_param},
    {LEAT_STR("beam:coder:timer:v1"), 2, LEAT_FLOW_TIMER, encode_timer, decode_timer},
};
const coder_rows leat__coder_window_rows = {rows, sizeof rows / sizeof *rows};
