// Reading events.
// SPDX-License-Identifier: Apache-2.0
#include "board/scan.h"

#include "formats/proto.h"

bool leat_scan_value(leat_str message, leat_event_value *v) {
  static const leat_value_kind kinds[] = {[4] = LEAT_VALUE_IMAGE,
                                          [5] = LEAT_VALUE_HISTOGRAM,
                                          [6] = LEAT_VALUE_AUDIO,
                                          [8] = LEAT_VALUE_TENSOR};
  leat_proto p = {message, false};
  leat_proto_field f;
  v->kind = LEAT_VALUE_NONE;
  v->tag = v->body = v->metadata = (leat_str){0};
  while (leat_proto_next(&p, &f)) {
    if (f.number == 2 && f.wire == LEAT_WIRE_32) {
      v->kind = LEAT_VALUE_SCALAR;
      v->scalar = leat_proto_as_f32(&f);
    }
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 1) v->tag = f.bytes;
    if (f.number == 9) v->metadata = f.bytes;
    if (f.number >= 4 && f.number <= 8 && kinds[f.number]) {
      v->kind = kinds[f.number];
      v->body = f.bytes;
    }
  }
  return !p.damaged;
}

static bool take_summary(leat_str summary, leat_event_value *v,
                         void (*take)(void *context, const leat_event_value *v), void *context) {
  leat_proto p = {summary, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f)) {
    if (f.number != 1 || f.wire != LEAT_WIRE_BYTES) continue;
    if (!leat_scan_value(f.bytes, v)) return false;
    take(context, v);
  }
  return !p.damaged;
}

static bool take_tagged(leat_str message, leat_event_value *v) {
  leat_proto p = {message, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f)) {
    if (f.number == 1 && f.wire == LEAT_WIRE_BYTES) v->tag = f.bytes;
    if (f.number == 2 && f.wire == LEAT_WIRE_BYTES) v->body = f.bytes;
  }
  v->kind = LEAT_VALUE_RUN_METADATA;
  return !p.damaged;
}

static bool take_session(leat_str message, leat_event_value *v) {
  leat_proto p = {message, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f))
    if (f.number == 1 && f.wire == LEAT_WIRE_VARINT)
      v->kind = f.bits == 1 ? LEAT_VALUE_START : LEAT_VALUE_NONE;
  return !p.damaged;
}

bool leat_scan_event(leat_str event, void (*take)(void *context, const leat_event_value *v),
                     void *context) {
  leat_event_value v = {0};
  leat_proto p = {event, false};
  leat_proto_field f;
  leat_str what = {0};
  int number = 0;
  bool good = true;
  while (leat_proto_next(&p, &f)) {
    if (f.number == 1 && f.wire == LEAT_WIRE_64) v.wall = leat_proto_as_f64(&f);
    if (f.number == 2 && f.wire == LEAT_WIRE_VARINT) v.step = (int64_t)f.bits;
    if (f.number < 3 || f.number > 9 || f.wire != LEAT_WIRE_BYTES) continue;
    number = f.number;
    what = f.bytes;
  }
  if (p.damaged) return false;
  if (number == 5) return take_summary(what, &v, take, context);
  v.body = what;
  if (number == 3) v.kind = LEAT_VALUE_VERSION;
  if (number == 4) v.kind = LEAT_VALUE_GRAPH;
  if (number == 7) good = take_session(what, &v);
  if (number == 8) good = take_tagged(what, &v);
  if (good) take(context, &v);
  return good;
}

bool leat_scan_metadata(leat_str message, leat_metadata *m) {
  leat_proto p = {message, false}, plugin;
  leat_proto_field f, of;
  *m = (leat_metadata){0};
  while (leat_proto_next(&p, &f)) {
    if (f.number == 4 && f.wire == LEAT_WIRE_VARINT) m->data_class = f.bits <= 3 ? (int)f.bits : 0;
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 2) m->display_name = f.bytes;
    if (f.number == 3) m->description = f.bytes;
    if (f.number != 1) continue;
    plugin = (leat_proto){f.bytes, false};
    while (leat_proto_next(&plugin, &of)) {
      if (of.number == 1 && of.wire == LEAT_WIRE_BYTES) m->plugin = of.bytes;
      if (of.number == 2 && of.wire == LEAT_WIRE_BYTES) m->content = of.bytes;
    }
    if (plugin.damaged) return false;
  }
  return !p.damaged;
}

// --- Scalars as tensors -------------------------------------------------------------------------
enum { DT_FLOAT = 1, DT_DOUBLE = 2, DT_INT32 = 3, DT_INT64 = 9, DT_BOOL = 10 };

// A number of a *_val field: packed, or one.
static bool take_number(const leat_proto_field *f, uint64_t *bits) {
  if (f->wire != LEAT_WIRE_BYTES) return *bits = f->bits, true;
  leat_str rest = f->bytes;
  if (f->number == 5 || f->number == 6) {
    size_t size = f->number == 5 ? 4 : 8;
    if (rest.len != size) return false;
    *bits = 0;
    memcpy(bits, rest.ptr, size);
    return true;
  }
  return leat_proto_read_varint(&rest, bits) && !rest.len;
}

static bool as_number(int64_t type, uint64_t bits, float *out) {
  float single;
  double wide;
  uint32_t low = (uint32_t)bits;
  memcpy(&single, &low, 4);
  memcpy(&wide, &bits, 8);
  if (type == DT_FLOAT) *out = single;
  if (type == DT_DOUBLE) *out = (float)wide;
  if (type == DT_INT32) *out = (float)(int32_t)bits;
  if (type == DT_INT64) *out = (float)(int64_t)bits;
  if (type == DT_BOOL) *out = bits != 0;
  return type == DT_FLOAT || type == DT_DOUBLE || type == DT_INT32 || type == DT_INT64 ||
         type == DT_BOOL;
}

bool leat_scan_scalar(leat_str tensor, float *out) {
  leat_proto p = {tensor, false}, shape;
  leat_proto_field f, dim;
  int64_t type = 0;
  uint64_t bits = 0;
  int found = 0;
  while (leat_proto_next(&p, &f)) {
    if (f.number == 1 && f.wire == LEAT_WIRE_VARINT) type = (int64_t)f.bits;
    if (f.number == 2 && f.wire == LEAT_WIRE_BYTES) {
      shape = (leat_proto){f.bytes, false};
      while (leat_proto_next(&shape, &dim))
        if (dim.number == 2) return false;
    }
    if (f.number == 4 && f.wire == LEAT_WIRE_BYTES) {
      if (f.bytes.len != 4 && f.bytes.len != 8 && f.bytes.len != 1) return false;
      bits = 0;
      memcpy(&bits, f.bytes.ptr, f.bytes.len);
      found++;
    }
    if (f.number >= 5 && f.number <= 11 && f.number != 8 && f.number != 9) {
      if (!take_number(&f, &bits)) return false;
      found++;
    }
  }
  return !p.damaged && found == 1 && as_number(type, bits, out);
}
