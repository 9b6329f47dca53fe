// Portable form: transforms, collections and coders, each named once.
// SPDX-License-Identifier: Apache-2.0
#include "flow/portable.h"

#include "flow/dofn_impl.h"
#include "formats/json.h"
#include "formats/proto.h"

enum { TRANSFORMS = 1, COLLECTIONS = 2, STRATEGIES = 3, CODERS = 4, ENVIRONMENTS = 5 };  // fields
enum { INPUTS = 64 };  // of a grouping

static const leat_str environment = LEAT_STR("leat");

typedef struct writer {
  const leat_flow *flow;
  leat_arena arena;
  leat_buf parts;   // the fields of Components
  leat_map coders;  // bytes -> name
  leat_map strategies;
  bool stateful, on_expiry, failed;
  int coder_count;
} writer;

// --- Components ---------------------------------------------------------------------------------
// An entry of one of the maps of Components.
static void put_entry(writer *w, int field, leat_str name, leat_str message) {
  size_t at = leat_proto_begin(&w->parts, field);
  leat_proto_str(&w->parts, 1, name);
  leat_proto_bytes(&w->parts, 2, message);
  leat_proto_end(&w->parts, at);
}

static leat_str copy_of(writer *w, leat_str text) {
  char *copy = leat_arena_str(&w->arena, text);
  w->failed |= !copy;
  return (leat_str){copy ? copy : "", copy ? text.len : 0};
}

static leat_str name_of(writer *w, char kind, int id) {
  char text[32];
  snprintf(text, sizeof text, "%c%d", kind, id);
  return copy_of(w, leat_str_of(text));
}

// The name of what has these bytes; equal ones have one name.
static leat_str once(writer *w, leat_map *known, int field, char kind, leat_buf *bytes) {
  leat_str message = copy_of(w, leat_buf_view(bytes));
  bool made = false;
  leat_map_entry *entry = leat_map_insert(known, message, &made);
  leat_str name = name_of(w, kind, entry ? (int)(entry - known->entries) : 0);
  w->failed |= !entry || bytes->failed;
  if (made) put_entry(w, field, name, message);
  leat_buf_deinit(bytes);
  return name;
}

static leat_str put_coder(writer *w, const char *kind, leat_str payload, const leat_str *parts,
                          int count) {
  char urn[64];
  leat_buf bytes = {0};
  snprintf(urn, sizeof urn, "beam:coder:%s:v1", kind);
  leat__portable_spec(1, leat_str_of(urn), payload, &bytes);
  for (int i = 0; i < count; i++) leat_proto_str(&bytes, 2, parts[i]);
  return once(w, &w->coders, CODERS, 'k', &bytes);
}

// A UUID that follows from the fields: equal schemas are one schema.
static void put_id(leat_buf *schema) {
  uint64_t h[2] = {UINT64_C(14695981039346656037), UINT64_C(1099511628211)};
  for (size_t i = 0; i < schema->len; i++)
    for (int j = 0; j < 2; j++)
      h[j] = (h[j] ^ (unsigned char)schema->ptr[i] ^ (uint64_t)j) * UINT64_C(1099511628211);
  char id[64];
  snprintf(id, sizeof id, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(h[0] >> 32),
           (unsigned)(h[0] >> 16 & 0xFFFF), (unsigned)(h[0] & 0xFFFF), (unsigned)(h[1] >> 48),
           (unsigned long long)(h[1] & UINT64_C(0xFFFFFFFFFFFF)));
  leat_proto_str(schema, 2, leat_str_of(id));
}

static leat_str row_coder(writer *w, const leat_flow_schema *schema) {
  leat_buf payload = {0};
  leat_flow_schema_proto(schema, &payload);
  put_id(&payload);
  leat_str name = put_coder(w, "row", leat_buf_view(&payload), NULL, 0);
  w->failed |= payload.failed;
  leat_buf_deinit(&payload);
  return name;
}

// As leat_flow_field_coder.
static leat_str field_coder(writer *w, const leat_flow_field *field) {
  static const char *const names[] = {"bool",   "varint",      "varint", "double",
                                      "double", "string_utf8", "bytes",  "varint"};
  leat_str coder, item;
  if (field->type == LEAT_FLOW_TYPE_ROW) {
    coder = row_coder(w, &(leat_flow_schema){field->fields, field->field_count});
  } else if (field->type == LEAT_FLOW_TYPE_LIST) {
    item = field_coder(w, field->fields);
    coder = put_coder(w, "iterable", (leat_str){0}, &item, 1);
  } else {
    coder = put_coder(w, names[field->type], (leat_str){0}, NULL, 0);
  }
  return field->nullable ? put_coder(w, "nullable", (leat_str){0}, &coder, 1) : coder;
}

static leat_str window_coder(writer *w, const leat_flow_strategy *s) {
  bool global = s->window.kind == LEAT_FLOW_GLOBAL;
  return put_coder(w, global ? "global_window" : "interval_window", (leat_str){0}, NULL, 0);
}

static leat_str put_strategy(writer *w, const leat_flow_strategy *s) {
  leat_buf bytes = {0};
  leat__portable_strategy(s, window_coder(w, s), environment, &bytes);
  return once(w, &w->strategies, STRATEGIES, 'w', &bytes);
}

static void put_collection(writer *w, leat_str name, leat_str coder, const leat_flow_strategy *s,
                           bool bounded) {
  leat_buf bytes = {0};
  leat_proto_str(&bytes, 1, name);
  leat_proto_str(&bytes, 2, coder);
  leat_proto_i64(&bytes, 3, bounded ? 2 : 1);
  leat_proto_str(&bytes, 4, put_strategy(w, s));
  put_entry(w, COLLECTIONS, name, leat_buf_view(&bytes));
  w->failed |= bytes.failed;
  leat_buf_deinit(&bytes);
}

// --- Configs as JSON ----------------------------------------------------------------------------
static void put_string(leat_str text, leat_buf *out) {
  leat_buf_char(out, '"');
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    if (c == '"' || c == '\\') leat_buf_char(out, '\\');
    if (c < 0x20)
      leat_buf_fmt(out, "\\u%04x", c);
    else
      leat_buf_char(out, (char)c);
  }
  leat_buf_char(out, '"');
}

static void put_config(const leat_yaml_node *node, leat_buf *out) {
  if (node->kind == LEAT_YAML_SCALAR) {
    leat_yaml plain = {.file = ""};
    double number;
    bool flag, bare = !node->quoted &&
                      (leat_yaml_is_null(node) || !leat_yaml_bool(&plain, node, &flag, NULL) ||
                       !leat_yaml_f64(&plain, node, &number, NULL));
    if (bare && leat_yaml_is_null(node))
      leat_buf_c(out, "null");
    else if (bare)
      leat_buf_str(out, node->text);
    else
      put_string(node->text, out);
    return;
  }
  bool map = node->kind == LEAT_YAML_MAPPING;
  leat_buf_char(out, map ? '{' : '[');
  for (size_t i = 0; i < node->count; i++) {
    if (i) leat_buf_char(out, ',');
    if (map) put_string(node->keys[i]->text, out), leat_buf_char(out, ':');
    put_config(node->items[i], out);
  }
  leat_buf_char(out, map ? '}' : ']');
}

static leat_str config_of(writer *w, const leat_flow_transform *t) {
  leat_buf text = {0};
  if (t->config) put_config(t->config, &text);
  leat_str copy = copy_of(w, leat_buf_view(&text));
  leat_buf_deinit(&text);
  return copy;
}

// --- Transforms ---------------------------------------------------------------------------------
typedef struct port {
  leat_str tag, collection;
} port;

typedef struct step {  // a PTransform
  leat_str name;       // in the map, and behind '/' of the whole's unique name
  leat_str unique;
  leat_str urn, payload;
  const leat_str *parts;  // of a composite
  int part_count;
  const port *in, *out;
  int in_count, out_count;
  bool ours;  // in our environment
} step;

static void put_ports(int field, const port *ports, int count, leat_buf *out) {
  for (int i = 0; i < count; i++) {
    size_t at = leat_proto_begin(out, field);
    leat_proto_str(out, 1, ports[i].tag);
    leat_proto_str(out, 2, ports[i].collection);
    leat_proto_end(out, at);
  }
}

static void put_step(writer *w, const step *s) {
  leat_buf bytes = {0};
  if (s->urn.len) leat__portable_spec(1, s->urn, s->payload, &bytes);
  for (int i = 0; i < s->part_count; i++) leat_proto_str(&bytes, 2, s->parts[i]);
  put_ports(3, s->in, s->in_count, &bytes);
  put_ports(4, s->out, s->out_count, &bytes);
  leat_proto_str(&bytes, 5, s->unique);
  if (s->ours) leat_proto_str(&bytes, 7, environment);
  put_entry(w, TRANSFORMS, s->name, leat_buf_view(&bytes));
  w->failed |= bytes.failed;
  leat_buf_deinit(&bytes);
}

static leat_str joined(writer *w, leat_str a, const char *between, const char *b) {
  leat_buf text = {0};
  leat_buf_str(&text, a);
  leat_buf_c(&text, between);
  leat_buf_c(&text, b);
  leat_str copy = copy_of(w, leat_buf_view(&text));
  leat_buf_deinit(&text);
  return copy;
}

// A ParDo payload of a function by its URN, with nothing else.
static leat_str plain_payload(writer *w, leat_str urn, leat_str config) {
  leat_buf bytes = {0};
  leat__portable_spec(1, urn, config, &bytes);
  leat_str copy = copy_of(w, leat_buf_view(&bytes));
  leat_buf_deinit(&bytes);
  return copy;
}

static const leat_str pardo = LEAT_STR("beam:transform:pardo:v1");

// One step of ours inside a transform: from one collection to one.
static leat_str put_inner(writer *w, const leat_flow_transform *t, const char *part, leat_str urn,
                          leat_str payload, leat_str from, leat_str to, bool ours) {
  port in = {LEAT_STR("in"), from}, out = {LEAT_STR("out"), to};
  step s = {.name = joined(w, name_of(w, 't', t->id), ".", part),
            .unique = joined(w, t->name, "/", part),
            .urn = urn,
            .payload = payload,
            .in = &in,
            .out = &out,
            .in_count = from.len != 0,
            .out_count = 1,
            .ours = ours};
  put_step(w, &s);
  return s.name;
}

static leat_str tag_of(writer *w, leat_str tag, const char *main) {
  return tag.len ? copy_of(w, tag) : leat_str_of(main);
}

typedef struct ports {
  LEAT_VEC(port) in, out;
} ports;

static void ports_of(writer *w, const leat_flow_transform *t, ports *p) {
  for (size_t i = 0; i < t->inputs.count; i++) {
    char tag[32];
    snprintf(tag, sizeof tag, i ? "in%zu" : "in", i);
    leat_str given = i < t->input_tags.count ? t->input_tags.at[i] : (leat_str){0};
    port in = {tag_of(w, given, copy_of(w, leat_str_of(tag)).ptr),
               name_of(w, 'c', t->inputs.at[i]->id)};
    w->failed |= !leat_vec_push(&p->in, in);
  }
  for (size_t i = 0; i < t->outputs.count; i++) {
    port out = {tag_of(w, t->outputs.at[i]->tag, "out"), name_of(w, 'c', t->outputs.at[i]->id)};
    w->failed |= !leat_vec_push(&p->out, out);
  }
}

static step step_of(writer *w, const leat_flow_transform *t, const ports *p) {
  return (step){.name = name_of(w, 't', t->id),
                .unique = copy_of(w, t->name),
                .in = p->in.at,
                .out = p->out.at,
                .in_count = (int)p->in.count,
                .out_count = (int)p->out.count};
}

// A source: an Impulse, and behind it what reads.
static void put_source(writer *w, const leat_flow_transform *t, step *s, leat_str payload) {
  static const leat_flow_strategy global = {0};
  leat_str start = joined(w, name_of(w, 't', t->id), ".", "start"), parts[2];
  leat_str bytes = put_coder(w, "bytes", (leat_str){0}, NULL, 0);
  put_collection(w, start, bytes, &global, true);
  parts[0] = put_inner(w, t, "Impulse", LEAT_STR("beam:transform:impulse:v1"), (leat_str){0},
                       (leat_str){0}, start, false);
  port in = {LEAT_STR("in"), start};
  step read = *s;
  read.name = parts[1] = joined(w, s->name, ".", "Read");
  read.unique = joined(w, s->unique, "/", "Read");
  read.urn = pardo;
  read.payload = payload;
  read.in = &in;
  read.in_count = 1;
  read.ours = true;
  put_step(w, &read);
  s->parts = parts;
  s->part_count = 2;
  put_step(w, s);
}

static leat_str key_coder(writer *w, const leat_flow_schema *schema, const int *fields, int count) {
  leat_flow_field *key = leat_arena_alloc(&w->arena, ((size_t)count + 1) * sizeof *key);
  for (int i = 0; key && i < count; i++) key[i] = schema->fields[fields[i]];
  if (!key) return w->failed = true, (leat_str){0};
  return count == 1 ? field_coder(w, key) : row_coder(w, &(leat_flow_schema){key, count});
}

typedef struct keyed {
  const int *fields;
  int count;
} keyed;

// The kv's that an input of a transform becomes; *coder is the key's, as the first input has it.
static leat_str put_keyed(writer *w, const leat_flow_transform *t, int input, keyed key,
                          leat_str value, leat_str config, leat_str *part, leat_str *coder) {
  const leat_flow_collection *in = t->inputs.at[input];
  char name[32], label[32];
  snprintf(name, sizeof name, input ? "keyed%d" : "keyed", input);
  snprintf(label, sizeof label, input ? "Key%d" : "Key", input);
  leat_str pair[2], out = joined(w, name_of(w, 't', t->id), ".", copy_of(w, leat_str_of(name)).ptr);
  *coder = pair[0] = key_coder(w, t->inputs.at[0]->schema, key.fields, key.count);
  pair[1] = value;
  put_collection(w, out, put_coder(w, "kv", (leat_str){0}, pair, 2), in->strategy, in->bounded);
  *part = put_inner(w, t, copy_of(w, leat_str_of(label)).ptr, pardo,
                    plain_payload(w, LEAT_STR("leat:transform:key:v1"), config),
                    name_of(w, 'c', in->id), out, true);
  return out;
}

// The kv's of all inputs as one collection.
static leat_str put_flatten(writer *w, const leat_flow_transform *t, step *s, port *in, int count,
                            leat_str coder, leat_str *part) {
  leat_str name = joined(w, s->name, ".", "flat");
  put_collection(w, name, coder, t->inputs.at[0]->strategy, t->outputs.at[0]->bounded);
  port out = {LEAT_STR("out"), name};
  step flat = {.name = *part = joined(w, s->name, ".", "Flatten"),
               .unique = joined(w, t->name, "/", "Flatten"),
               .urn = LEAT_STR("beam:transform:flatten:v1"),
               .in = in,
               .out = &out,
               .in_count = count,
               .out_count = 1};
  put_step(w, &flat);
  return name;
}

// Rows to kv's of their key, grouped, and back to rows: the last part is the transform itself. Of
// several inputs the values are bytes, a row behind the number of its input.
static void put_grouping(writer *w, const leat_flow_transform *t, step *s) {
  int count = (int)t->inputs.count, made = count;
  leat_str config = config_of(w, t), parts[INPUTS + 3], pair[2], from = {0};
  port keyed_at[INPUTS];
  leat_str value = count == 1 ? row_coder(w, t->inputs.at[0]->schema)
                              : put_coder(w, "bytes", (leat_str){0}, NULL, 0);
  for (int i = 0; i < count; i++) {
    keyed key = {t->key_fields[0], t->key_count};
    from = put_keyed(w, t, i, key, value, config, &parts[i], &pair[0]);
    keyed_at[i] = (port){s->in[i].tag, from};
  }
  leat_str kv[2] = {pair[0], value};
  if (count > 1)
    from = put_flatten(w, t, s, keyed_at, count, put_coder(w, "kv", (leat_str){0}, kv, 2),
                       &parts[made++]);
  leat_str grouped = joined(w, s->name, ".", "grouped");
  pair[1] = put_coder(w, "iterable", (leat_str){0}, &value, 1);
  put_collection(w, grouped, put_coder(w, "kv", (leat_str){0}, pair, 2), t->outputs.at[0]->strategy,
                 t->outputs.at[0]->bounded);
  parts[made++] = put_inner(w, t, "Group", LEAT_STR("beam:transform:group_by_key:v1"),
                            (leat_str){0}, from, grouped, false);
  parts[made++] =
      put_inner(w, t, "Rows", pardo, plain_payload(w, leat_str_of(t->class->urn), config), grouped,
                s->out[0].collection, true);
  s->parts = parts;
  s->part_count = made;
  put_step(w, s);
}

// --- ParDo --------------------------------------------------------------------------------------
static size_t begin_entry(leat_buf *out, int field, const char *key) {
  size_t at = leat_proto_begin(out, field);
  leat_proto_str(out, 1, leat_str_of(key));
  return at;
}

// StateSpec: value 1, bag 2, combining 3, map 4, set 5, ordered list 6.
static void put_state(writer *w, const leat_dofn_state *state, const leat_flow_field *type,
                      const leat_flow_field *key, leat_buf *out) {
  static const int kinds[] = {1, 2, 3, 4, 5, 6};
  static const leat_str combiners[] = {LEAT_STR("leat:combine:sum:v1"),
                                       LEAT_STR("leat:combine:min:v1"),
                                       LEAT_STR("leat:combine:max:v1")};
  static const leat_str protocols[] = {
      LEAT_STR("beam:user_state:bag:v1"),      LEAT_STR("beam:user_state:bag:v1"),
      LEAT_STR("beam:user_state:bag:v1"),      LEAT_STR("beam:user_state:multimap:v1"),
      LEAT_STR("beam:user_state:multimap:v1"), LEAT_STR("beam:user_state:ordered_list:v1")};
  size_t entry = begin_entry(out, 4, state->name), spec = leat_proto_begin(out, 2);
  size_t at = leat_proto_begin(out, kinds[state->kind]);
  if (state->kind == LEAT_CELL_MAP) leat_proto_str(out, 1, field_coder(w, key));
  leat_proto_str(out, state->kind == LEAT_CELL_MAP ? 2 : 1, field_coder(w, type));
  if (state->kind == LEAT_CELL_COMBINING)
    leat__portable_spec(2, combiners[state->combine], (leat_str){0}, out);
  leat_proto_end(out, at);
  leat__portable_spec(7, protocols[state->kind], (leat_str){0}, out);
  leat_proto_end(out, spec);
  leat_proto_end(out, entry);
}

static void put_timer(writer *w, const leat_flow_transform *t, const char *name, int domain,
                      leat_str key, leat_buf *out) {
  leat_str pair[] = {key, window_coder(w, t->inputs.at[0]->strategy)};
  size_t entry = begin_entry(out, 9, name), spec = leat_proto_begin(out, 2);
  leat_proto_i64(out, 1, domain);
  leat_proto_str(out, 2, put_coder(w, "timer", (leat_str){0}, pair, 2));
  leat_proto_end(out, spec);
  leat_proto_end(out, entry);
}

static void put_side(const leat_dofn_side *side, const leat_flow_collection *from, leat_str tag,
                     leat_buf *out) {
  bool map = side->view == LEAT_SIDE_MAP;
  size_t entry = leat_proto_begin(out, 3);
  leat_proto_str(out, 1, tag);
  size_t spec = leat_proto_begin(out, 2);
  leat__portable_spec(
      1, map ? LEAT_STR("beam:side_input:multimap:v1") : LEAT_STR("beam:side_input:iterable:v1"),
      (leat_str){0}, out);
  leat__portable_spec(2, LEAT_STR("leat:view:rows:v1"), leat_str_of(side->key ? side->key : ""),
                      out);
  leat__portable_window_fn(&from->strategy->window, 3, out);
  leat_proto_end(out, spec);
  leat_proto_end(out, entry);
}

static leat_str dofn_payload(writer *w, const leat_flow_transform *t, leat_str key,
                             const port *in) {
  const leat_dofn_plan *plan = t->plan;
  const leat_dofn *fn = plan->dofn;
  leat_buf bytes = {0};
  char urn[256];
  snprintf(urn, sizeof urn, "leat:dofn:%s:v1", fn->name);
  leat__portable_spec(1, leat_str_of(urn), plan->config, &bytes);
  for (int i = 0; i < fn->side_count; i++)
    put_side(&fn->sides[i], t->inputs.at[i + 1], in[i + 1].tag, &bytes);
  for (int i = 0; i < fn->state_count; i++)
    put_state(w, &fn->states[i], plan->cells[i].type, plan->cells[i].key_type, &bytes);
  for (int i = 0; i < fn->timer_count; i++)
    put_timer(w, t, fn->timers[i].name, fn->timers[i].domain == LEAT_EVENT_TIME ? 1 : 2, key,
              &bytes);
  if (fn->on_window_expiration) {
    put_timer(w, t, "on_window_expiration", 1, key, &bytes);
    leat_proto_str(&bytes, 12, LEAT_STR("on_window_expiration"));
    w->on_expiry = true;
  }
  leat_str copy = copy_of(w, leat_buf_view(&bytes));
  leat_buf_deinit(&bytes);
  return copy;
}

static void put_pardo(writer *w, const leat_flow_transform *t, step *s) {
  const leat_dofn_plan *plan = t->plan;
  leat_str parts[2], coder = {0};
  s->urn = pardo;
  s->ours = true;
  if (!plan->stateful) {
    s->payload = dofn_payload(w, t, coder, s->in);
    put_step(w, s);
    return;
  }
  w->stateful = true;
  keyed key = {plan->key_fields, plan->key_count};
  leat_str from = put_keyed(w, t, 0, key, row_coder(w, t->inputs.at[0]->schema), config_of(w, t),
                            &parts[0], &coder);
  port *in = leat_arena_copy(&w->arena, s->in, (size_t)s->in_count * sizeof *in);
  if (!in) {
    w->failed = true;
    return;
  }
  step inner = *s, outer = *s;
  in[0].collection = from;
  inner.in = in;
  inner.name = parts[1] = joined(w, s->name, ".", "Do");
  inner.unique = joined(w, s->unique, "/", "Do");
  inner.payload = dofn_payload(w, t, coder, in);
  put_step(w, &inner);
  outer.urn = (leat_str){0};
  outer.ours = false;
  outer.parts = parts;
  outer.part_count = 2;
  put_step(w, &outer);
}

// --- The pipeline -------------------------------------------------------------------------------
static void put_composite(writer *w, const leat_flow_transform *t, step *s) {
  LEAT_VEC(leat_str) parts = {0};
  for (size_t i = 0; i < w->flow->transforms.count; i++)
    if (w->flow->transforms.at[i]->parent == t)
      w->failed |= !leat_vec_push(&parts, name_of(w, 't', w->flow->transforms.at[i]->id));
  s->parts = parts.at;
  s->part_count = (int)parts.count;
  put_step(w, s);
  leat_vec_deinit(&parts);
}

static void put_transform(writer *w, const leat_flow_transform *t) {
  ports p = {0};
  ports_of(w, t, &p);
  step s = step_of(w, t, &p);
  leat_str urn = leat_str_of(t->class->urn);
  if (!t->class->start) {
    put_composite(w, t, &s);
  } else if (t->class->start == leat__par_do_start) {
    put_pardo(w, t, &s);
  } else if (!t->inputs.count) {
    put_source(w, t, &s, plain_payload(w, urn, config_of(w, t)));
  } else if (t->class->keyed && t->key_fields) {
    put_grouping(w, t, &s);
  } else if (leat_str_eq(urn, LEAT_STR("beam:transform:flatten:v1"))) {
    s.urn = urn;
    put_step(w, &s);
  } else if (leat_str_eq(urn, LEAT_STR("beam:transform:window_into:v1"))) {
    leat_buf payload = {0};
    leat__portable_window_fn(&t->outputs.at[0]->strategy->window, 1, &payload);
    s.urn = urn;
    s.payload = copy_of(w, leat_buf_view(&payload));
    s.ours = true;
    put_step(w, &s);
    leat_buf_deinit(&payload);
  } else {
    s.urn = pardo;
    s.payload = plain_payload(w, urn, config_of(w, t));
    s.ours = true;
    put_step(w, &s);
  }
  leat_vec_deinit(&p.in);
  leat_vec_deinit(&p.out);
}

// The program itself, started by the runner beside it.
static void put_environment(writer *w) {
  static const char *const known[] = {"bytes",
                                      "string_utf8",
                                      "bool",
                                      "varint",
                                      "double",
                                      "kv",
                                      "iterable",
                                      "nullable",
                                      "length_prefix",
                                      "row",
                                      "sharded_key",
                                      "state_backed_iterable",
                                      "global_window",
                                      "interval_window",
                                      "custom_window",
                                      "windowed_value",
                                      "param_windowed_value",
                                      "timer"};
  leat_buf bytes = {0}, payload = {0};
  leat_proto_str(&payload, 3, LEAT_STR("leat"));
  leat_proto_str(&bytes, 2, LEAT_STR("beam:env:process:v1"));
  leat_proto_bytes(&bytes, 3, leat_buf_view(&payload));
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    char urn[64];
    snprintf(urn, sizeof urn, "beam:coder:%s:v1", known[i]);
    leat_proto_str(&bytes, 5, leat_str_of(urn));
  }
  put_entry(w, ENVIRONMENTS, environment, leat_buf_view(&bytes));
  w->failed |= bytes.failed || payload.failed;
  leat_buf_deinit(&bytes);
  leat_buf_deinit(&payload);
}

static void put_pipeline(writer *w, leat_buf *out) {
  leat_proto_bytes(out, 1, leat_buf_view(&w->parts));
  for (size_t i = 0; i < w->flow->transforms.count; i++) {
    const leat_flow_transform *t = w->flow->transforms.at[i];
    if (!t->parent) leat_proto_str(out, 2, name_of(w, 't', t->id));
  }
  if (w->stateful) leat_proto_str(out, 4, LEAT_STR("beam:requirement:pardo:stateful:v1"));
  if (w->on_expiry)
    leat_proto_str(out, 4, LEAT_STR("beam:requirement:pardo:on_window_expiration:v1"));
}

leat_status leat_flow_portable(const leat_flow *flow, leat_buf *out, leat_error *err) {
  writer w = {.flow = flow};
  for (size_t i = 0; i < flow->collections.count; i++) {
    const leat_flow_collection *c = flow->collections.at[i];
    put_collection(&w, name_of(&w, 'c', c->id), row_coder(&w, c->schema), c->strategy, c->bounded);
  }
  for (size_t i = 0; i < flow->transforms.count; i++) put_transform(&w, flow->transforms.at[i]);
  put_environment(&w);
  put_pipeline(&w, out);
  leat_status status = leat_buf_status(out, err);
  if (!status && (w.failed || w.parts.failed)) status = leat__oom(err, w.parts.len);
  leat_buf_deinit(&w.parts);
  leat_map_deinit(&w.coders);
  leat_map_deinit(&w.strategies);
  leat_arena_deinit(&w.arena);
  return status;
}
