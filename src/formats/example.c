// tf.Example on top of the protobuf wire format.
// SPDX-License-Identifier: Apache-2.0
#include "formats/example.h"

#include "formats/proto.h"

// --- One feature --------------------------------------------------------------------------------
size_t leat_example_count(const leat_example_list *list) {
  switch (list->kind) {
    case LEAT_EXAMPLE_BYTES: return list->bytes.count;
    case LEAT_EXAMPLE_FLOAT: return list->floats.count;
    case LEAT_EXAMPLE_INT64: return list->ints.count;
    default: return 0;
  }
}

void leat_example_list_clear(leat_example_list *list) {
  list->kind = LEAT_EXAMPLE_NONE;
  list->bytes.count = list->floats.count = list->ints.count = 0;
}

void leat_example_list_deinit(leat_example_list *list) {
  leat_vec_deinit(&list->bytes);
  leat_vec_deinit(&list->floats);
  leat_vec_deinit(&list->ints);
}

static bool add_floats(leat_example_list *list, leat_str packed, bool *no_memory) {
  size_t count = packed.len / 4;
  if (packed.len % 4) return false;
  if (!leat_vec_reserve(&list->floats, count)) return *no_memory = true, false;
  if (count) memcpy(list->floats.at + list->floats.count, packed.ptr, packed.len);
  list->floats.count += count;
  return true;
}

static bool add_int(leat_example_list *list, uint64_t bits, bool *no_memory) {
  if (leat_vec_push(&list->ints, (int64_t)bits)) return true;
  return *no_memory = true, false;
}

static bool add_ints(leat_example_list *list, leat_str packed, bool *no_memory) {
  uint64_t bits;
  while (packed.len)
    if (!leat_proto_read_varint(&packed, &bits) || !add_int(list, bits, no_memory)) return false;
  return true;
}

// A BytesList, FloatList or Int64List; a field of another wire type is an unknown one.
static bool read_values(leat_example_list *list, leat_str message, bool *no_memory) {
  leat_proto p = {message, false};
  leat_proto_field f;
  bool good = true;
  while (good && leat_proto_next(&p, &f)) {
    if (f.number != 1) continue;
    if (list->kind == LEAT_EXAMPLE_BYTES && f.wire == LEAT_WIRE_BYTES) {
      good = leat_vec_push(&list->bytes, f.bytes);
      *no_memory |= !good;
    } else if (list->kind == LEAT_EXAMPLE_FLOAT && f.wire == LEAT_WIRE_BYTES) {
      good = add_floats(list, f.bytes, no_memory);
    } else if (list->kind == LEAT_EXAMPLE_FLOAT && f.wire == LEAT_WIRE_32) {
      float value = leat_proto_as_f32(&f);
      good = add_floats(list, (leat_str){(const char *)&value, sizeof value}, no_memory);
    } else if (list->kind == LEAT_EXAMPLE_INT64 && f.wire == LEAT_WIRE_BYTES) {
      good = add_ints(list, f.bytes, no_memory);
    } else if (list->kind == LEAT_EXAMPLE_INT64 && f.wire == LEAT_WIRE_VARINT) {
      good = add_int(list, f.bits, no_memory);
    }
  }
  return good && !p.damaged;
}

bool leat_example_list_read(leat_example_list *list, leat_str feature, bool *no_memory) {
  leat_proto p = {feature, false};
  leat_proto_field f;
  *no_memory = false;
  while (leat_proto_next(&p, &f)) {
    if (f.number < 1 || f.number > 3 || f.wire != LEAT_WIRE_BYTES) continue;
    if ((int)list->kind != f.number) leat_example_list_clear(list);  // a oneof: the last counts
    list->kind = (leat_example_kind)f.number;
    if (!read_values(list, f.bytes, no_memory)) return false;
  }
  return !p.damaged;
}

// --- Entries ------------------------------------------------------------------------------------
typedef struct walker {
  leat_example_visit *visit;
  void *context;
  leat_arena *scratch;
  leat_error *err;
} walker;

static leat_status damaged(leat_error *err) {
  return leat_error_set(err, LEAT_DATA_LOSS, "not a serialised tf.Example: the message is damaged");
}

static leat_status join(const walker *w, leat_str *value, leat_str more) {
  if (!value->len) return *value = more, LEAT_OK;
  char *both = leat_arena_alloc(w->scratch, value->len + more.len + 1);
  if (!both) return leat__oom(w->err, value->len + more.len);
  memcpy(both, value->ptr, value->len);
  if (more.len) memcpy(both + value->len, more.ptr, more.len);
  *value = (leat_str){both, value->len + more.len};
  return LEAT_OK;
}

// An entry: 1 the key, 2 the value. Pieces of a message, put together, are the merged message.
static leat_status walk_entry(const walker *w, leat_example_part part, leat_str entry) {
  leat_proto p = {entry, false};
  leat_proto_field f;
  leat_str key = {0}, value = {0};
  leat_status status = LEAT_OK;
  while (!status && leat_proto_next(&p, &f)) {
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 1) key = f.bytes;
    if (f.number == 2) status = join(w, &value, f.bytes);
  }
  if (status) return status;
  if (p.damaged) return damaged(w->err);
  if (!w->visit(w->context, part, key, value))
    return leat_error_set(w->err, LEAT_CANCELLED, "tf.Example: stopped");
  return LEAT_OK;
}

leat_status leat_example_walk(leat_str message, bool lists, leat_example_visit *visit,
                              void *context, leat_arena *scratch, leat_error *err) {
  walker w = {visit, context, scratch, err};
  leat_proto p = {message, false};
  leat_proto_field f;
  leat_status status = LEAT_OK;
  while (!status && leat_proto_next(&p, &f)) {
    bool part = f.number == 1 || (lists && f.number == 2);
    if (!part || f.wire != LEAT_WIRE_BYTES) continue;
    leat_proto map = {f.bytes, false};
    leat_proto_field entry;
    while (!status && leat_proto_next(&map, &entry))
      if (entry.number == 1 && entry.wire == LEAT_WIRE_BYTES)
        status =
            walk_entry(&w, f.number == 1 ? LEAT_EXAMPLE_FEATURES : LEAT_EXAMPLE_LISTS, entry.bytes);
    if (!status && map.damaged) status = damaged(err);
  }
  return !status && p.damaged ? damaged(err) : status;
}

leat_status leat_example_walk_list(leat_str message, leat_example_visit *visit, void *context,
                                   leat_error *err) {
  leat_proto p = {message, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f))
    if (f.number == 1 && f.wire == LEAT_WIRE_BYTES &&
        !visit(context, LEAT_EXAMPLE_LISTS, (leat_str){0}, f.bytes))
      return leat_error_set(err, LEAT_CANCELLED, "tf.Example: stopped");
  return p.damaged ? damaged(err) : LEAT_OK;
}

// --- Whole --------------------------------------------------------------------------------------
typedef struct builder {
  leat_example *out;
  leat_example_sequence *sequence;  // the one whose steps are read
  bool no_memory;
  leat_error *err;
} builder;

static bool add_feature(builder *b, leat_str key, leat_str value) {
  leat_example_feature *f = NULL;
  for (size_t i = 0; i < b->out->features.count; i++)
    if (leat_str_eq(b->out->features.at[i].key, key)) f = &b->out->features.at[i];
  if (!f) {
    if (!leat_vec_push(&b->out->features, (leat_example_feature){.key = key}))
      return b->no_memory = true, false;
    f = &b->out->features.at[b->out->features.count - 1];
  }
  leat_example_list_clear(&f->value);
  return leat_example_list_read(&f->value, value, &b->no_memory);
}

static bool add_step(void *context, leat_example_part part, leat_str key, leat_str value) {
  builder *b = context;
  (void)part, (void)key;
  if (!leat_vec_push(&b->sequence->steps, (leat_example_list){0}))
    return b->no_memory = true, false;
  return leat_example_list_read(&b->sequence->steps.at[b->sequence->steps.count - 1], value,
                                &b->no_memory);
}

static void drop_steps(leat_example_sequence *s) {
  for (size_t i = 0; i < s->steps.count; i++) leat_example_list_deinit(&s->steps.at[i]);
  s->steps.count = 0;
}

static bool add_sequence(builder *b, leat_str key, leat_str value) {
  b->sequence = NULL;
  for (size_t i = 0; i < b->out->sequences.count; i++)
    if (leat_str_eq(b->out->sequences.at[i].key, key)) b->sequence = &b->out->sequences.at[i];
  if (!b->sequence) {
    if (!leat_vec_push(&b->out->sequences, (leat_example_sequence){.key = key}))
      return b->no_memory = true, false;
    b->sequence = &b->out->sequences.at[b->out->sequences.count - 1];
  }
  drop_steps(b->sequence);
  return leat_example_walk_list(value, add_step, b, NULL) == LEAT_OK;
}

static bool add_entry(void *context, leat_example_part part, leat_str key, leat_str value) {
  builder *b = context;
  return part == LEAT_EXAMPLE_FEATURES ? add_feature(b, key, value) : add_sequence(b, key, value);
}

leat_status leat_example_parse(leat_example *out, leat_str message, bool sequence,
                               leat_error *err) {
  builder b = {.out = out, .err = err};
  *out = (leat_example){0};
  leat_status status = leat_example_walk(message, sequence, add_entry, &b, &out->arena, err);
  if (status != LEAT_CANCELLED) return status;
  return b.no_memory ? leat__oom(err, sizeof(leat_example_list)) : damaged(err);
}

void leat_example_deinit(leat_example *example) {
  for (size_t i = 0; i < example->features.count; i++)
    leat_example_list_deinit(&example->features.at[i].value);
  for (size_t i = 0; i < example->sequences.count; i++) {
    drop_steps(&example->sequences.at[i]);
    leat_vec_deinit(&example->sequences.at[i].steps);
  }
  leat_vec_deinit(&example->features);
  leat_vec_deinit(&example->sequences);
  leat_arena_deinit(&example->arena);
}

// --- Writing ------------------------------------------------------------------------------------
typedef struct levels {  // messages under construction, the innermost first
  leat_buf values, feature, list, entry, map;
} levels;

static void format_list(const leat_example_list *list, levels *l) {
  leat_buf_clear(&l->values);
  leat_buf_clear(&l->feature);
  leat_buf_clear(&l->list);
  for (size_t i = 0; list->kind == LEAT_EXAMPLE_INT64 && i < list->ints.count; i++)
    leat_proto_varint(&l->values, (uint64_t)list->ints.at[i]);
  if (list->kind == LEAT_EXAMPLE_FLOAT)
    leat_buf_add(&l->values, list->floats.at, list->floats.count * sizeof(float));
  if (list->kind != LEAT_EXAMPLE_BYTES && l->values.len)
    leat_proto_bytes(&l->list, 1, leat_buf_view(&l->values));
  for (size_t i = 0; list->kind == LEAT_EXAMPLE_BYTES && i < list->bytes.count; i++)
    leat_proto_bytes(&l->list, 1, list->bytes.at[i]);
  if (list->kind) leat_proto_bytes(&l->feature, list->kind, leat_buf_view(&l->list));
}

static void format_entry(levels *l, leat_str key, leat_str value) {
  leat_buf_clear(&l->entry);
  leat_proto_bytes(&l->entry, 1, key);
  leat_proto_bytes(&l->entry, 2, value);
  leat_proto_bytes(&l->map, 1, leat_buf_view(&l->entry));
}

static void format_sequence(const leat_example_sequence *s, levels *l) {
  leat_buf steps = {0};
  for (size_t i = 0; i < s->steps.count; i++) {
    format_list(&s->steps.at[i], l);
    leat_proto_bytes(&steps, 1, leat_buf_view(&l->feature));
  }
  format_entry(l, s->key, leat_buf_view(&steps));
  l->map.failed |= steps.failed;
  leat_buf_deinit(&steps);
}

void leat_example_format(const leat_example *example, bool sequence, leat_buf *out) {
  levels l = {0};
  for (size_t i = 0; i < example->features.count; i++) {
    format_list(&example->features.at[i].value, &l);
    format_entry(&l, example->features.at[i].key, leat_buf_view(&l.feature));
  }
  leat_proto_bytes(out, 1, leat_buf_view(&l.map));
  bool failed = l.map.failed;
  leat_buf_clear(&l.map);
  for (size_t i = 0; sequence && i < example->sequences.count; i++)
    format_sequence(&example->sequences.at[i], &l);
  if (sequence) leat_proto_bytes(out, 2, leat_buf_view(&l.map));
  out->failed |= failed || l.values.failed || l.feature.failed || l.list.failed || l.entry.failed ||
                 l.map.failed;
  leat_buf *all[] = {&l.values, &l.feature, &l.list, &l.entry, &l.map};
  for (int i = 0; i < 5; i++) leat_buf_deinit(all[i]);
}
