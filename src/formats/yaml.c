// YAML by libyaml's events, built into a tree. The only file that knows libyaml.
// SPDX-License-Identifier: Apache-2.0
#include "formats/yaml.h"

#include "formats/number.h"

#include <stdio.h>
#include <yaml.h>

enum { MAX_DEPTH = 64, MAX_NODES = 1 << 20 };

typedef struct anchor {
  char *name;
  leat_yaml_node *node;
  struct anchor *next;
} anchor;

typedef struct builder {
  leat_yaml *yaml;
  yaml_parser_t parser;
  anchor *anchors;
  size_t nodes;
  int depth;
} builder;

leat_status leat_yaml_fail(const leat_yaml *yaml, const leat_yaml_node *node, leat_error *err,
                           const char *fmt, ...) {
  char text[640];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  if (node && node->line)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%d:%d: %s", yaml->file, node->line,
                          node->column, text);
  if (node) return leat_error_set(err, LEAT_INVALID_ARGUMENT, "command line: %s", text);
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: %s", yaml->file, text);
}

leat_yaml_node *leat_yaml_new(leat_yaml *yaml, leat_yaml_kind kind, leat_str text) {
  leat_yaml_node *node = leat_arena_alloc(&yaml->arena, sizeof *node);
  char *kept = node ? leat_arena_str(&yaml->arena, text) : NULL;
  if (!kept) return NULL;
  node->kind = kind;
  node->text = (leat_str){kept, text.len};
  return node;
}

static leat_status push_item(leat_yaml *yaml, leat_yaml_node *node, leat_yaml_node *key,
                             leat_yaml_node *item, leat_error *err) {
  if ((node->count & (node->count - 1)) == 0) {  // grow at powers of two
    size_t cap = node->count ? node->count * 2 : 1;
    leat_yaml_node **items = leat_arena_alloc(&yaml->arena, cap * sizeof *items);
    leat_yaml_node **keys = leat_arena_alloc(&yaml->arena, cap * sizeof *keys);
    if (!items || !keys) return leat__oom(err, cap * sizeof *items);
    if (node->count) {
      memcpy(items, node->items, node->count * sizeof *items);
      memcpy(keys, node->keys, node->count * sizeof *keys);
    }
    node->items = items;
    node->keys = keys;
  }
  node->keys[node->count] = key;
  node->items[node->count++] = item;
  return LEAT_OK;
}

leat_yaml_node *leat_yaml_get(const leat_yaml_node *node, const char *key) {
  for (size_t i = 0; node && node->kind == LEAT_YAML_MAPPING && i < node->count; i++)
    if (leat_str_eq(node->keys[i]->text, leat_str_of(key))) return node->items[i];
  return NULL;
}

leat_status leat_yaml_set(leat_yaml *yaml, leat_yaml_node *node, const char *key,
                          leat_yaml_node *value, leat_error *err) {
  for (size_t i = 0; i < node->count; i++)
    if (leat_str_eq(node->keys[i]->text, leat_str_of(key))) return node->items[i] = value, LEAT_OK;
  leat_yaml_node *name = leat_yaml_new(yaml, LEAT_YAML_SCALAR, leat_str_of(key));
  return name ? push_item(yaml, node, name, value, err) : leat__oom(err, sizeof *name);
}

// --- Building -----------------------------------------------------------------------------------
static leat_status next_event(builder *b, yaml_event_t *event, leat_error *err) {
  if (yaml_parser_parse(&b->parser, event)) return LEAT_OK;
  const yaml_parser_t *p = &b->parser;
  if (p->error == YAML_MEMORY_ERROR) return leat__oom(err, 1);
  size_t line = p->problem_mark.line + 1, column = p->problem_mark.column + 1;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%zu:%zu: %s", b->yaml->file, line, column,
                        p->problem ? p->problem : "not YAML");
}

static leat_yaml_node *node_at(builder *b, leat_yaml_kind kind, leat_str text,
                               const yaml_event_t *event) {
  leat_yaml_node *node = leat_yaml_new(b->yaml, kind, text);
  if (!node) return NULL;
  node->line = (int)event->start_mark.line + 1;
  node->column = (int)event->start_mark.column + 1;
  return node;
}

static leat_status keep_anchor(builder *b, const yaml_char_t *name, leat_yaml_node *node,
                               leat_error *err) {
  if (!name) return LEAT_OK;
  anchor *a = leat_arena_alloc(&b->yaml->arena, sizeof *a);
  if (!a || !(a->name = leat_arena_str(&b->yaml->arena, leat_str_of((const char *)name))))
    return leat__oom(err, sizeof *a);
  a->node = node;
  a->next = b->anchors;
  b->anchors = a;
  return LEAT_OK;
}

static leat_status build(builder *b, yaml_event_t *event, leat_yaml_node **out, leat_error *err);

static leat_status build_alias(builder *b, const yaml_event_t *event, leat_yaml_node **out,
                               leat_error *err) {
  for (anchor *a = b->anchors; a; a = a->next)
    if (strcmp(a->name, (const char *)event->data.alias.anchor) == 0)
      return *out = a->node, LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%zu:%zu: no anchor '%s' before this alias",
                        b->yaml->file, event->start_mark.line + 1, event->start_mark.column + 1,
                        (const char *)event->data.alias.anchor);
}

static leat_status check_key(builder *b, const leat_yaml_node *mapping, const leat_yaml_node *key,
                             leat_error *err) {
  if (key->kind != LEAT_YAML_SCALAR)
    return leat_yaml_fail(b->yaml, key, err, "a key is not a word");
  for (size_t i = 0; i < mapping->count; i++)
    if (leat_str_eq(mapping->keys[i]->text, key->text))
      return leat_yaml_fail(b->yaml, key, err, "'" LEAT_STR_FMT "' was given already in line %d",
                            LEAT_STR_ARG(key->text), mapping->keys[i]->line);
  return LEAT_OK;
}

static leat_status build_collection(builder *b, leat_yaml_node *node, yaml_event_type_t last,
                                    leat_error *err) {
  leat_status status = LEAT_OK;
  if (++b->depth > MAX_DEPTH)
    return leat_yaml_fail(b->yaml, node, err, "nested deeper than %d", MAX_DEPTH);
  for (;;) {
    yaml_event_t event;
    leat_yaml_node *key = NULL, *item = NULL;
    if ((status = next_event(b, &event, err))) break;
    bool ended = event.type == last;
    if (!ended) status = build(b, &event, node->kind == LEAT_YAML_MAPPING ? &key : &item, err);
    yaml_event_delete(&event);
    if (ended || status) break;
    if (key) {
      if ((status = check_key(b, node, key, err))) break;
      if ((status = next_event(b, &event, err))) break;
      status = build(b, &event, &item, err);
      yaml_event_delete(&event);
      if (status) break;
    }
    if ((status = push_item(b->yaml, node, key, item, err))) break;
  }
  b->depth--;
  return status;
}

static leat_status build(builder *b, yaml_event_t *event, leat_yaml_node **out, leat_error *err) {
  if (++b->nodes > MAX_NODES)
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "%s: more than %d nodes", b->yaml->file,
                          MAX_NODES);
  if (event->type == YAML_ALIAS_EVENT) return build_alias(b, event, out, err);
  leat_yaml_node *node;
  const yaml_char_t *name;
  leat_status status;
  if (event->type == YAML_SCALAR_EVENT) {
    leat_str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    node = node_at(b, LEAT_YAML_SCALAR, text, event);
    if (node) node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    name = event->data.scalar.anchor;
  } else {
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    node = node_at(b, mapping ? LEAT_YAML_MAPPING : LEAT_YAML_SEQUENCE, (leat_str){0}, event);
    name = mapping ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
    yaml_event_type_t last = mapping ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    if (node && (status = build_collection(b, node, last, err))) return status;
  }
  *out = node;
  return node ? keep_anchor(b, name, node, err) : leat__oom(err, sizeof *node);
}

static leat_status build_document(builder *b, leat_error *err) {
  bool seen = false;
  for (;;) {
    yaml_event_t event;
    leat_status status = next_event(b, &event, err);
    if (status) return status;
    yaml_event_type_t type = event.type;
    if (type == YAML_DOCUMENT_START_EVENT && seen)
      status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%zu: a second document",
                              b->yaml->file, event.start_mark.line + 1);
    seen |= type == YAML_DOCUMENT_START_EVENT;
    if (!status && (type == YAML_SCALAR_EVENT || type == YAML_SEQUENCE_START_EVENT ||
                    type == YAML_MAPPING_START_EVENT || type == YAML_ALIAS_EVENT))
      status = build(b, &event, &b->yaml->root, err);
    yaml_event_delete(&event);
    if (status || type == YAML_STREAM_END_EVENT) return status;
  }
}

leat_status leat_yaml_parse(leat_yaml *yaml, leat_str text, const char *file, leat_error *err) {
  *yaml = (leat_yaml){.file = file};
  builder b = {.yaml = yaml};
  if (!yaml_parser_initialize(&b.parser)) return leat__oom(err, sizeof b.parser);
  yaml_parser_set_input_string(&b.parser, (const unsigned char *)(text.ptr ? text.ptr : ""),
                               text.len);
  leat_status status = build_document(&b, err);
  yaml_parser_delete(&b.parser);
  if (status) leat_yaml_deinit(yaml);
  return status;
}

void leat_yaml_deinit(leat_yaml *yaml) {
  leat_arena_deinit(&yaml->arena);
  yaml->root = NULL;
}

// --- Scalars ------------------------------------------------------------------------------------
static const char *kind_name(const leat_yaml_node *node) {
  static const char *const names[] = {"a scalar", "a list", "a mapping"};
  return names[node->kind];
}

bool leat_yaml_is_null(const leat_yaml_node *node) {
  if (!node) return true;
  if (node->kind != LEAT_YAML_SCALAR || node->quoted) return false;
  leat_str t = node->text;
  return !t.len || leat_str_eq(t, LEAT_STR("~")) || leat_str_eq(t, LEAT_STR("null"));
}

static leat_status wrong(const leat_yaml *yaml, const leat_yaml_node *node, const char *want,
                         leat_error *err) {
  if (node->kind != LEAT_YAML_SCALAR)
    return leat_yaml_fail(yaml, node, err, "%s, expected %s", kind_name(node), want);
  return leat_yaml_fail(yaml, node, err, "'" LEAT_STR_FMT "', expected %s",
                        LEAT_STR_ARG(node->text), want);
}

leat_status leat_yaml_f64(const leat_yaml *yaml, const leat_yaml_node *node, double *out,
                          leat_error *err) {
  if (node->kind == LEAT_YAML_SCALAR && !node->quoted && leat_parse_f64(node->text, out))
    return LEAT_OK;
  return wrong(yaml, node, "a number", err);
}

leat_status leat_yaml_i64(const leat_yaml *yaml, const leat_yaml_node *node, int64_t *out,
                          leat_error *err) {
  if (node->kind == LEAT_YAML_SCALAR && !node->quoted && leat_parse_i64(node->text, out))
    return LEAT_OK;
  return wrong(yaml, node, "a whole number", err);
}

leat_status leat_yaml_bool(const leat_yaml *yaml, const leat_yaml_node *node, bool *out,
                           leat_error *err) {
  bool plain = node->kind == LEAT_YAML_SCALAR && !node->quoted;
  if (plain && leat_str_eq(node->text, LEAT_STR("true"))) return *out = true, LEAT_OK;
  if (plain && leat_str_eq(node->text, LEAT_STR("false"))) return *out = false, LEAT_OK;
  return wrong(yaml, node, "true or false", err);
}

leat_status leat_yaml_str(const leat_yaml *yaml, const leat_yaml_node *node, leat_str *out,
                          leat_error *err) {
  if (node->kind != LEAT_YAML_SCALAR) return wrong(yaml, node, "text", err);
  *out = node->text;
  return LEAT_OK;
}
