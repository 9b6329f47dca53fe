// Runs Beam's file of standard coders: each example decoded, compared, encoded again.
// SPDX-License-Identifier: Apache-2.0
#include "documents.h"
#include "flow/coder.h"
#include "formats/number.h"
#include "formats/proto.h"

#include <inttypes.h>
#include <stdlib.h>

static bool is(leat_str urn, const char *name) {
  char full[64];
  snprintf(full, sizeof full, "beam:coder:%s:v1", name);
  return leat_str_eq(urn, leat_str_of(full));
}

static bool truth(const leat_yaml_node *node) {
  return node && node->text.len == 4 && (node->text.ptr[0] | 0x20) == 't';
}

static int64_t integer(const leat_yaml_node *node, const char *key) {
  int64_t value = 0;
  node = key ? leat_yaml_get(node, key) : node;
  if (!node || !leat_parse_i64(node->text, &value))
    fprintf(stderr, "%s: no number\n", key ? key : "value");
  return value;
}

static double real(leat_str text) {
  char copy[64];
  snprintf(copy, sizeof copy, LEAT_STR_FMT, LEAT_STR_ARG(text));
  return strtod(copy, NULL);  // knows NaN and Infinity
}

// The file writes bytes as code points below 256.
static leat_str latin1(leat_arena *arena, leat_str text) {
  char *out = leat_arena_alloc(arena, text.len + 1);
  size_t n = 0;
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    out[n++] = (char)(c < 0x80 ? c : (c & 3) << 6 | (text.ptr[++i] & 0x3F));
  }
  return (leat_str){out, n};
}

// --- What is expected, as a value ----------------------------------------------------------------
static leat_flow_value expected(leat_arena *arena, const leat_yaml_node *coder,
                                const leat_yaml_node *node);

static const leat_yaml_node *part(const leat_yaml_node *coder, size_t i) {
  return leat_yaml_get(coder, "components")->items[i];
}

static leat_flow_value list_of(leat_arena *arena, const leat_yaml_node *coder,
                               const leat_yaml_node *node) {
  leat_flow_value v = {.kind = LEAT_FLOW_ITERABLE, .count = node->count};
  v.items = leat_arena_alloc(arena, node->count * sizeof *v.items);
  for (size_t i = 0; i < node->count; i++) v.items[i] = expected(arena, coder, node->items[i]);
  return v;
}

static leat_flow_pane pane_of(const leat_yaml_node *node) {
  static const char *const names[] = {"EARLY", "ON_TIME", "LATE", "UNKNOWN"};
  leat_flow_pane pane = {.first = truth(leat_yaml_get(node, "is_first")),
                         .last = truth(leat_yaml_get(node, "is_last")),
                         .index = integer(node, "index"),
                         .on_time_index = integer(node, "on_time_index")};
  for (int i = 0; i < 4; i++)
    if (leat_str_eq(leat_yaml_get(node, "timing")->text, leat_str_of(names[i])))
      pane.timing = (leat_flow_timing)i;
  return pane;
}

static leat_flow_value parts_of(leat_arena *arena, leat_str urn, const leat_yaml_node *coder,
                                const leat_yaml_node *node) {
  bool timer = is(urn, "timer"), kv = is(urn, "kv");
  leat_flow_value v = {.count = timer ? 3 : 2};
  v.kind = timer ? LEAT_FLOW_TIMER : kv ? LEAT_FLOW_KV : LEAT_FLOW_WINDOWED;
  v.items = leat_arena_alloc(arena, v.count * sizeof *v.items);
  v.items[0] = expected(arena, part(coder, 0),
                        leat_yaml_get(node, timer ? "userKey"
                                            : kv  ? "key"
                                                  : "value"));
  if (kv) return v.items[1] = expected(arena, part(coder, 1), leat_yaml_get(node, "value")), v;
  v.items[v.count - 1] = list_of(arena, part(coder, 1), leat_yaml_get(node, "windows"));
  if (timer) {
    v.items[1].kind = LEAT_FLOW_STRING;
    v.items[1].bytes = leat_yaml_get(node, "dynamicTimerTag")->text;
    v.flag = truth(leat_yaml_get(node, "clearBit"));
    if (v.flag) return v;
    v.more = integer(node, "holdTimestamp");
  }
  v.num = integer(node, timer ? "fireTimestamp" : "timestamp");
  v.pane = pane_of(leat_yaml_get(node, "pane"));
  return v;
}

static leat_flow_value expected(leat_arena *arena, const leat_yaml_node *coder,
                                const leat_yaml_node *node) {
  leat_str urn = leat_yaml_get(coder, "urn")->text;
  leat_flow_value v = {0};
  if (is(urn, "nullable") && leat_yaml_is_null(node)) return v;
  if (is(urn, "nullable") || is(urn, "length_prefix")) return expected(arena, part(coder, 0), node);
  if (is(urn, "iterable")) return list_of(arena, part(coder, 0), node);
  if (is(urn, "global_window")) return v.kind = LEAT_FLOW_GLOBAL_WINDOW, v;
  if (is(urn, "bool")) return v.kind = LEAT_FLOW_BOOL, v.flag = truth(node), v;
  if (is(urn, "varint")) return v.kind = LEAT_FLOW_INT, v.num = integer(node, NULL), v;
  if (is(urn, "double")) return v.kind = LEAT_FLOW_DOUBLE, v.real = real(node->text), v;
  if (is(urn, "string_utf8")) return v.kind = LEAT_FLOW_STRING, v.bytes = node->text, v;
  if (is(urn, "bytes")) return v.kind = LEAT_FLOW_BYTES, v.bytes = latin1(arena, node->text), v;
  if (is(urn, "state_backed_iterable")) return list_of(arena, part(coder, 0), node);
  if (is(urn, "sharded_key")) {
    v = (leat_flow_value){.kind = LEAT_FLOW_KV, .count = 2};
    v.items = leat_arena_alloc(arena, 2 * sizeof *v.items);
    v.items[0] = (leat_flow_value){.kind = LEAT_FLOW_BYTES};
    v.items[0].bytes = leat_yaml_get(node, "shardId")->text;
    return v.items[1] = expected(arena, part(coder, 0), leat_yaml_get(node, "key")), v;
  }
  if (is(urn, "custom_window"))
    return expected(arena, part(coder, 0), leat_yaml_get(node, "window"));
  if (is(urn, "row")) return v.kind = LEAT_FLOW_ROW, v;  // row_is looks at it
  if (!is(urn, "interval_window")) return parts_of(arena, urn, coder, node);
  v.kind = LEAT_FLOW_INTERVAL;
  v.num = integer(node, "end");
  v.more = integer(node, "span");
  return v;
}

// --- Comparing ----------------------------------------------------------------------------------
static bool same(const leat_flow_value *a, const leat_flow_value *b) {
  const leat_flow_pane *p = &a->pane, *q = &b->pane;
  if (a->kind != b->kind || a->count != b->count || a->num != b->num || a->more != b->more ||
      (a->kind != LEAT_FLOW_ITERABLE && a->flag != b->flag) || !leat_str_eq(a->bytes, b->bytes))
    return false;
  if (memcmp(&a->real, &b->real, sizeof a->real) && !(a->real != a->real && b->real != b->real))
    return false;
  if (p->first != q->first || p->last != q->last || p->timing != q->timing ||
      p->index != q->index || p->on_time_index != q->on_time_index)
    return false;
  for (size_t i = 0; i < a->count; i++)
    if (!same(&a->items[i], &b->items[i])) return false;
  return true;
}

// --- Rows ---------------------------------------------------------------------------------------
// The name of field `index` of a Schema message.
static leat_str field_name(leat_str schema, size_t index) {
  leat_proto p = {schema}, inner;
  leat_proto_field f;
  while (leat_proto_next(&p, &f))
    if (f.number == 1 && !index--) {
      inner = (leat_proto){f.bytes};
      while (leat_proto_next(&inner, &f))
        if (f.number == 1) return f.bytes;
    }
  return (leat_str){0};
}

// "-100.123" against a scale and a big endian number without it.
static bool decimal_is(leat_str text, const leat_flow_value *v) {
  leat_str digits = v->items[1].bytes;
  int64_t number = digits.len && digits.ptr[0] < 0 ? -1 : 0, scale = 1;
  for (size_t i = 0; i < digits.len; i++)
    number = (int64_t)((uint64_t)number << 8 | (unsigned char)digits.ptr[i]);
  for (int64_t i = 0; i < v->items[0].num; i++) scale *= 10;
  return (double)number / (double)scale == real(text);
}

static bool value_is(leat_arena *arena, const leat_flow_value *v, const leat_yaml_node *node,
                     leat_str schema) {
  int64_t flipped;
  bool same = v->count == node->count;
  switch ((int)v->kind) {
    case LEAT_FLOW_NULL: return leat_yaml_is_null(node);
    case LEAT_FLOW_BOOL: return v->flag == truth(node);
    case LEAT_FLOW_INT:  // an instant is given by the bits written
      flipped = (int64_t)((uint64_t)v->num ^ UINT64_C(1) << 63);
      return integer(node, NULL) == v->num || integer(node, NULL) == flipped;
    case LEAT_FLOW_DOUBLE:
      return v->real == real(node->text) || v->real == (double)(float)real(node->text);
    case LEAT_FLOW_STRING: return leat_str_eq(v->bytes, node->text);
    case LEAT_FLOW_BYTES: return leat_str_eq(v->bytes, latin1(arena, node->text));
    case LEAT_FLOW_KV: return decimal_is(node->text, v);
    case LEAT_FLOW_ITERABLE:
      for (size_t i = 0; same && i < v->count; i++) {
        bool map = node->kind == LEAT_YAML_MAPPING;
        const leat_flow_value *item = &v->items[i];
        same = value_is(arena, map ? &item->items[1] : item, node->items[i], schema) &&
               (!map || leat_str_eq(item->items[0].bytes, node->keys[i]->text));
      }
      return same;
    case LEAT_FLOW_ROW:
      for (size_t i = 0; same && i < v->count; i++) {
        char name[64] = "";
        snprintf(name, sizeof name, LEAT_STR_FMT, LEAT_STR_ARG(field_name(schema, i)));
        const leat_yaml_node *item = schema.len ? leat_yaml_get(node, name) : node->items[i];
        same = item && value_is(arena, &v->items[i], item, (leat_str){0});
      }
      return same;
    default: return false;
  }
}

// --- Examples -----------------------------------------------------------------------------------
// What a runner's state would give for a token, behind the items that are there.
static void append_state(leat_arena *arena, const leat_yaml_node *spec,
                         const leat_flow_coder *coder, leat_flow_value *v) {
  const leat_yaml_node *state = leat_yaml_get(spec, "state");
  char token[64], list[256] = "\xff\xff\xff\xff";
  if (!v->more || !state) return;
  snprintf(token, sizeof token, LEAT_STR_FMT, LEAT_STR_ARG(v->bytes));
  leat_str rest = latin1(arena, leat_yaml_get(state, token)->text), blocks;
  size_t n = 4;
  for (size_t i = 0; i < rest.len; i++) {  // each byte is an item: a block of one
    list[n++] = 1;
    list[n++] = rest.ptr[i];
  }
  leat_flow_value more;
  blocks = (leat_str){list, n + 1};
  if (leat_flow_decode(coder, &blocks, true, arena, &more, NULL)) leat_bug("a state's items");
  leat_flow_value *all = leat_arena_alloc(arena, (v->count + more.count) * sizeof *all);
  if (v->count) memcpy(all, v->items, v->count * sizeof *all);
  if (more.count) memcpy(all + v->count, more.items, more.count * sizeof *all);
  *v = (leat_flow_value){.kind = v->kind, .items = all, .count = v->count + more.count};
}

static leat_status make_coder(leat_arena *arena, const leat_yaml_node *node,
                              const leat_flow_coder **out, leat_error *err) {
  const leat_flow_coder *parts[8];
  const leat_yaml_node *list = leat_yaml_get(node, "components");
  const leat_yaml_node *payload = leat_yaml_get(node, "payload");
  leat_flow_coder_spec spec = {.urn = leat_yaml_get(node, "urn")->text, .parts = parts};
  if (payload) spec.payload = latin1(arena, payload->text);
  for (; list && spec.count < list->count && spec.count < 8; spec.count++) {
    leat_status status = make_coder(arena, list->items[spec.count], &parts[spec.count], err);
    if (status) return status;
  }
  return leat_flow_coder_new(arena, &spec, out, err);
}

typedef struct example {
  const leat_flow_coder *coder;
  const leat_yaml_node *spec, *node;  // of the coder; what is expected
  leat_str bytes, schema;             // schema: of a row
  leat_flow_value want;
  bool nested, decode_only;
} example;

static const char *run(leat_arena *arena, const example *e, leat_error *err) {
  leat_str rest = e->bytes;
  leat_flow_value got;
  leat_buf out = {0};
  if (leat_flow_decode(e->coder, &rest, e->nested, arena, &got, err)) return err->message;
  if (rest.len) return "bytes are left";
  leat_flow_value whole = got;
  append_state(arena, e->spec, e->coder, &whole);
  bool equal = e->schema.len ? value_is(arena, &got, e->node, e->schema) : same(&whole, &e->want);
  if (!equal) return "decoded to another value";
  if (e->decode_only && !got.more) return NULL;
  leat_status status = leat_flow_encode(e->coder, &got, e->nested, &out, err);
  bool good = !status && leat_str_eq(leat_buf_view(&out), e->bytes);
  leat_buf_clear(&out);
  if (good && got.kind != LEAT_FLOW_ITERABLE &&
      !e->schema.len) {  // an expected list does not tell its form
    status = leat_flow_encode(e->coder, &e->want, e->nested, &out, err);
    good = !status && (leat_str_eq(leat_buf_view(&out), e->bytes) || e->want.count);
  }
  leat_buf_deinit(&out);
  return good ? NULL : status ? err->message : "encoded to other bytes";
}

static int document(const leat_yaml *yaml, int number) {
  const leat_yaml_node *spec = leat_yaml_get(yaml->root, "coder");
  const leat_yaml_node *nested = leat_yaml_get(yaml->root, "nested");
  const leat_yaml_node *examples = leat_yaml_get(yaml->root, "examples");
  leat_arena arena = {0};
  leat_error err;
  example e = {.spec = spec, .decode_only = truth(leat_yaml_get(yaml->root, "non_deterministic"))};
  leat_status status = make_coder(&arena, spec, &e.coder, &err);
  leat_str urn = leat_yaml_get(spec, "urn")->text;
  if (!status && is(urn, "row")) e.schema = latin1(&arena, leat_yaml_get(spec, "payload")->text);
  if (leat_yaml_get(yaml->root, "non_deterministic") == NULL)
    e.decode_only = truth(leat_yaml_get(spec, "non_deterministic"));
  int failed = 0;
  if (status == LEAT_UNIMPLEMENTED)
    printf("ok document %d # SKIP %s\n", number, err.message);
  else if (status)
    printf("not ok document %d # %s\n", number, err.message), failed++;
  for (size_t i = 0; !status && examples && i < examples->count; i++)
    for (int context = 0; context < 2; context++) {
      if (nested && truth(nested) != (context == 1)) continue;
      e.nested = context;
      e.bytes = latin1(&arena, examples->keys[i]->text);
      e.node = examples->items[i];
      e.want = expected(&arena, spec, e.node);
      const char *wrong = run(&arena, &e, &err);
      printf("%sok %d.%zu " LEAT_STR_FMT " %s%s%s\n", wrong ? "not " : "", number, i + 1,
             LEAT_STR_ARG(urn), context ? "nested" : "outer", wrong ? " # " : "",
             wrong ? wrong : "");
      failed += wrong != NULL;
    }
  leat_arena_deinit(&arena);
  return failed;
}

int main(int argc, char **argv) { return each_document(argc, argv, document); }
