// Graphs made of others: several in one, without their large attributes, of a Keras model.
// SPDX-License-Identifier: Apache-2.0
#include "board/graphs.h"

#include "formats/proto.h"

// --- Several graphs in one ----------------------------------------------------------------------
// "graph_2/name"; of an input that is a control edge "^graph_2/name".
static void put_name(leat_buf *out, int field, int number, leat_str name) {
  leat_buf own = {0};
  bool control = name.len && name.ptr[0] == '^';
  leat_buf_fmt(&own, "%sgraph_%d/" LEAT_STR_FMT, control ? "^" : "", number,
               (int)name.len - control, name.ptr + control);
  leat_proto_bytes(out, field, leat_buf_view(&own));
  leat_buf_deinit(&own);
}

static void put_field(leat_buf *out, const leat_proto_field *f) {
  if (f->wire == LEAT_WIRE_BYTES)
    leat_proto_bytes(out, f->number, f->bytes);
  else if (f->wire == LEAT_WIRE_VARINT)
    leat_proto_i64(out, f->number, (int64_t)f->bits);
  else if (f->wire == LEAT_WIRE_32)
    leat_proto_f32(out, f->number, leat_proto_as_f32(f));
  else if (f->wire == LEAT_WIRE_64)
    leat_proto_f64(out, f->number, leat_proto_as_f64(f));
}

static bool add_graph(leat_buf *out, leat_str graph, int number) {
  leat_proto p = {graph, false}, node;
  leat_proto_field f, of;
  while (leat_proto_next(&p, &f)) {
    bool nodes = f.number == 1 && f.wire == LEAT_WIRE_BYTES;
    if (!nodes) {
      if (f.number == 2 || number == 1) put_field(out, &f);
      continue;
    }
    size_t at = leat_proto_begin(out, 1);
    node = (leat_proto){f.bytes, false};
    while (leat_proto_next(&node, &of))
      if ((of.number == 1 || of.number == 3) && of.wire == LEAT_WIRE_BYTES)
        put_name(out, of.number, number, of.bytes);
      else
        put_field(out, &of);
    leat_proto_end(out, at);
    if (node.damaged) return false;
  }
  return !p.damaged;
}

bool leat__merged_graph(leat_str run_metadata, leat_buf *out) {
  leat_proto p = {run_metadata, false}, in;
  leat_proto_field f, of;
  leat_str only = {0};
  int count = 0, number = 0;
  for (int turn = 0; turn < 2; turn++, p = (leat_proto){run_metadata, false})
    while (leat_proto_next(&p, &f)) {
      if (f.number != 4 || f.wire != LEAT_WIRE_BYTES) continue;
      leat_str graph = {0};
      in = (leat_proto){f.bytes, false};
      while (leat_proto_next(&in, &of))
        if (of.number == 2 && of.wire == LEAT_WIRE_BYTES) graph = of.bytes;
      if (turn == 0)
        only = graph, count++;
      else if (count > 1 && !add_graph(out, graph, ++number))
        return false;
    }
  if (count == 1) leat_buf_str(out, only);
  return !p.damaged && !out->failed;
}

// --- Without large attributes -------------------------------------------------------------------
static bool limit_node(leat_buf *out, leat_str node, size_t most, leat_str large_key) {
  leat_proto p = {node, false}, entry;
  leat_proto_field f, of;
  leat_buf names = {0};
  while (leat_proto_next(&p, &f)) {
    leat_str key = {0}, value = {0};
    if (f.number == 5 && f.wire == LEAT_WIRE_BYTES) {
      entry = (leat_proto){f.bytes, false};
      while (leat_proto_next(&entry, &of)) {
        if (of.number == 1 && of.wire == LEAT_WIRE_BYTES) key = of.bytes;
        if (of.number == 2 && of.wire == LEAT_WIRE_BYTES) value = of.bytes;
      }
    }
    if (value.len > most)
      leat_proto_bytes(&names, 2, key);
    else
      put_field(out, &f);
  }
  if (names.len) {
    size_t attr = leat_proto_begin(out, 5);
    leat_proto_bytes(out, 1, large_key);
    size_t value = leat_proto_begin(out, 2);
    leat_proto_bytes(out, 1, leat_buf_view(&names));
    leat_proto_end(out, value);
    leat_proto_end(out, attr);
  }
  leat_buf_deinit(&names);
  return !p.damaged;
}

bool leat__limited_graph(leat_str graph_def, size_t most, leat_str key, leat_buf *out) {
  leat_proto p = {graph_def, false};
  leat_proto_field f;
  bool good = true;
  while (good && leat_proto_next(&p, &f)) {
    if (f.number != 1 || f.wire != LEAT_WIRE_BYTES) {
      put_field(out, &f);
      continue;
    }
    size_t at = leat_proto_begin(out, 1);
    good = limit_node(out, f.bytes, most, key);
    leat_proto_end(out, at);
  }
  return good && !p.damaged && !out->failed;
}

// --- Keras --------------------------------------------------------------------------------------
enum { KERAS_DEPTH = 32 };

typedef struct link {  // a name that stands for another one
  leat_str from, to;
} link;

typedef struct keras {
  leat_arena arena;
  leat_buf *out;
  LEAT_VEC(link) outputs, inputs;  // of models: their last layers; of input layers: what leads in
  leat_str prior;                  // the layer before, in a Sequential model
} keras;

static leat_str scoped(keras *k, leat_str scope, leat_str name) {
  leat_buf text = {0};
  if (!scope.len) return name;
  leat_buf_fmt(&text, LEAT_STR_FMT "/" LEAT_STR_FMT, LEAT_STR_ARG(scope), LEAT_STR_ARG(name));
  leat_str own = {leat_arena_str(&k->arena, leat_buf_view(&text)), text.len};
  leat_buf_deinit(&text);
  return own.ptr ? own : name;
}

static leat_str layer_name(const leat_jnode *layer) {
  return leat_jnode_str(leat_jnode_get(leat_jnode_get(layer, "config"), "name"));
}

static void put_attr(leat_buf *out, const char *key, int field, leat_str text, int64_t number) {
  size_t attr = leat_proto_begin(out, 5);
  leat_proto_bytes(out, 1, leat_str_of(key));
  size_t value = leat_proto_begin(out, 2);
  if (field == 2)
    leat_proto_bytes(out, field, text);
  else
    leat_proto_i64(out, field, number);
  leat_proto_end(out, value);
  leat_proto_end(out, attr);
}

static int64_t type_of(leat_str name) {
  static const struct {
    const char *name;
    int64_t type;
  } known[] = {{"float32", 1}, {"float64", 2},   {"int32", 3},   {"uint8", 4},
               {"int16", 5},   {"int8", 6},      {"string", 7},  {"int64", 9},
               {"bool", 10},   {"bfloat16", 14}, {"uint16", 17}, {"float16", 19}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (leat__eq(name, known[i].name)) return known[i].type;
  return 0;
}

static leat_str looked_up(const link *list, size_t count, leat_str name) {
  for (size_t i = count; i-- > 0;)
    if (leat_str_eq(list[i].from, name)) return list[i].to;
  return (leat_str){0};
}

// Calls put for the name in each keras_history: [name, node, output].
static void each_history(keras *k, const leat_jnode *layer, leat_str scope,
                         void (*put)(keras *k, leat_str name)) {
  const leat_jnode *nodes = leat_jnode_get(layer, "inbound_nodes");
  for (const leat_jnode *n = nodes ? nodes->first : NULL; n; n = n->next) {
    const leat_jnode *args = leat_jnode_get(n, "args");
    for (const leat_jnode *a = args ? args->first : NULL; a; a = a->next) {
      const leat_jnode *one = leat_jnode_is(a, LEAT_JSON_ARRAY) ? a->first : a;
      for (; one; one = leat_jnode_is(a, LEAT_JSON_ARRAY) ? one->next : NULL) {
        const leat_jnode *h = leat_jnode_at(one, LEAT_STR("config.keras_history"));
        if (leat_jnode_is(h, LEAT_JSON_ARRAY) && h->count >= 3)
          put(k, scoped(k, scope, leat_jnode_str(h->first)));
      }
    }
  }
}

static void put_input(keras *k, leat_str name) {
  leat_str last = looked_up(k->outputs.at, k->outputs.count, name);
  leat_proto_bytes(k->out, 3, last.len ? last : name);
}

static void take_prior(keras *k, leat_str name) {
  if (!k->prior.len) k->prior = name;
}

static void put_layer(keras *k, const leat_jnode *layer, leat_str scope) {
  leat_str name = scoped(k, scope, layer_name(layer));
  leat_str class = leat_jnode_str(leat_jnode_get(layer, "class_name"));
  const leat_jnode *dtype = leat_jnode_at(layer, LEAT_STR("config.dtype"));
  leat_str type = leat_jnode_is(dtype, LEAT_JSON_OBJECT)
                      ? leat_jnode_str(leat_jnode_at(dtype, LEAT_STR("config.name")))
                      : leat_jnode_str(dtype);
  size_t at = leat_proto_begin(k->out, 1);
  leat_proto_bytes(k->out, 1, name);
  if (class.len) put_attr(k->out, "keras_class", 2, class, 0);
  if (type_of(type)) put_attr(k->out, "dtype", 6, (leat_str){0}, type_of(type));
  if (leat_jnode_is(leat_jnode_get(layer, "inbound_nodes"), LEAT_JSON_ARRAY))
    each_history(k, layer, scope, put_input);
  else if (k->prior.len)
    leat_proto_bytes(k->out, 3, k->prior);
  leat_str inside = looked_up(k->inputs.at, k->inputs.count, name);
  if (inside.len) leat_proto_bytes(k->out, 3, inside);
  leat_proto_end(k->out, at);
  k->prior = name;
}

// "name" of ["name", 0, 0] or of [["name", 0, 0], ...].
static leat_str first_of(const leat_jnode *list) {
  const leat_jnode *n = list ? list->first : NULL;
  return leat_jnode_is(n, LEAT_JSON_ARRAY) ? leat_jnode_str(n->first) : leat_jnode_str(n);
}

static void walk(keras *k, const leat_jnode *layer, leat_str scope, int depth) {
  const leat_jnode *config = leat_jnode_get(layer, "config");
  const leat_jnode *layers = leat_jnode_get(config, "layers");
  if (!leat_jnode_is(layers, LEAT_JSON_ARRAY)) {
    put_layer(k, layer, scope);
    return;
  }
  leat_str own = scoped(k, scope, layer_name(layer));
  leat_str first = first_of(leat_jnode_get(config, "input_layers"));
  leat_str last = first_of(leat_jnode_get(config, "output_layers"));
  leat_str before = k->prior;
  const leat_jnode *nodes = leat_jnode_get(layer, "inbound_nodes");
  if (nodes && nodes->count) {
    k->prior = (leat_str){0};
    each_history(k, layer, scope, take_prior);
    before = k->prior;
  }
  if (first.len && before.len) leat_vec_push(&k->inputs, (link){scoped(k, own, first), before});
  if (!last.len && layers->last) last = layer_name(layers->last);
  leat_vec_push(&k->outputs, (link){own, scoped(k, own, last)});
  for (const leat_jnode *n = layers->first; n && depth < KERAS_DEPTH; n = n->next)
    walk(k, n, own, depth + 1);
}

leat_status leat__keras_graph(leat_str json, leat_buf *out, leat_error *err) {
  keras k = {.out = out};
  leat_jnode *model;
  leat_status status = leat_json_tree(&model, &k.arena, json, "keras model", err);
  if (!status) walk(&k, model, (leat_str){0}, 0);
  if (!status) status = leat_buf_status(out, err);
  leat_vec_deinit(&k.outputs);
  leat_vec_deinit(&k.inputs);
  leat_arena_deinit(&k.arena);
  return status;
}
