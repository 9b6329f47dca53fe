// Runs Beam's file of standard coders: each example decoded, compared, encoded again.
// SPDX-License-Identifier: Apache-2.0
#include "documents.h"
#include "flow/coder.h"
#include "formats/number.h"

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
  leat_str bytes;
  leat_flow_value want;
  bool nested, decode_only;
} example;

static const char *run(leat_arena *arena, const example *e, leat_error *err) {
  leat_str rest = e->bytes;
  leat_flow_value got;
  leat_buf out = {0};
  if (leat_flow_decode(e->coder, &rest, e->nested, arena, &got, err)) return err->message;
  if (rest.len) return "bytes are left";
  if (!same(&got, &e->want)) return "decoded to another value";
  if (e->decode_only) return NULL;
  leat_status status = leat_flow_encode(e->coder, &got, e->nested, &out, err);
  bool good = !status && leat_str_eq(leat_buf_view(&out), e->bytes);
  leat_buf_clear(&out);
  if (good && got.kind != LEAT_FLOW_ITERABLE) {  // an expected list does not tell its form
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
  example e = {.decode_only = truth(leat_yaml_get(yaml->root, "non_deterministic"))};
  leat_status status = make_coder(&arena, spec, &e.coder, &err);
  leat_str urn = leat_yaml_get(spec, "urn")->text;
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
      e.want = expected(&arena, spec, examples->items[i]);
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
