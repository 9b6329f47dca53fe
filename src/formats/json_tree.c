// A JSON document as a tree in an arena.
// SPDX-License-Identifier: Apache-2.0
#include "formats/json_tree.h"

enum { CHECKED_KEYS = 64 };

// --- Parsing ------------------------------------------------------------------------------------
static leat_status add_node(leat_json *json, leat_arena *arena, leat_json_event event,
                            leat_jnode **out, leat_error *err) {
  leat_jnode *node = *out = leat_arena_alloc(arena, sizeof *node);
  if (!node) return leat__oom(err, sizeof *node);
  node->kind = event;
  if (event == LEAT_JSON_STRING || event == LEAT_JSON_NUMBER) {
    node->text = (leat_str){leat_arena_str(arena, json->text), json->text.len};
    if (!node->text.ptr) return leat__oom(err, json->text.len);
  }
  return LEAT_OK;
}

static leat_status read_key(leat_json *json, leat_arena *arena, const leat_jnode *object,
                            leat_str *key, leat_error *err) {
  *key = (leat_str){leat_arena_str(arena, json->text), json->text.len};
  if (!key->ptr) return leat__oom(err, json->text.len);
  for (const leat_jnode *m = object->count <= CHECKED_KEYS ? object->first : NULL; m; m = m->next)
    if (leat_str_eq(m->key, *key))
      return leat_json_fail(json, err, "the key '" LEAT_STR_FMT "' stands twice",
                            LEAT_STR_ARG(*key));
  return LEAT_OK;
}

// The depth of the recursion is the parser's, which is bounded.
static leat_status read_node(leat_json *json, leat_arena *arena, leat_json_event event,
                             leat_jnode **out, leat_error *err) {
  leat_status status = add_node(json, arena, event, out, err);
  if (status || (event != LEAT_JSON_OBJECT && event != LEAT_JSON_ARRAY)) return status;
  leat_jnode *parent = *out;
  for (;;) {
    leat_json_event next;
    leat_str key = {0};
    leat_jnode *child;
    if ((status = leat_json_next(json, &next, err))) return status;
    if (next == LEAT_JSON_OBJECT_END || next == LEAT_JSON_ARRAY_END) return LEAT_OK;
    if (next == LEAT_JSON_KEY) {
      status = read_key(json, arena, parent, &key, err);
      if (!status) status = leat_json_next(json, &next, err);
    }
    if (!status) status = read_node(json, arena, next, &child, err);
    if (status) return status;
    child->key = key;
    leat_jnode_push(parent, child);
  }
}

leat_status leat_json_tree(leat_jnode **out, leat_arena *arena, leat_str text, const char *name,
                           leat_error *err) {
  leat_json json;
  leat_json_event event;
  *out = NULL;
  leat_json_init(&json, text, name);
  leat_status status = leat_json_next(&json, &event, err);
  if (!status) status = read_node(&json, arena, event, out, err);
  if (!status) status = leat_json_next(&json, &event, err);
  leat_json_deinit(&json);
  return status;
}

// --- Looking ------------------------------------------------------------------------------------
static leat_jnode *find(const leat_jnode *object, leat_str key) {
  if (!leat_jnode_is(object, LEAT_JSON_OBJECT)) return NULL;
  for (leat_jnode *m = object->first; m; m = m->next)
    if (leat_str_eq(m->key, key)) return m;
  return NULL;
}

leat_jnode *leat_jnode_get(const leat_jnode *object, const char *key) {
  return find(object, leat_str_of(key));
}

leat_jnode *leat_jnode_at(const leat_jnode *object, leat_str path) {
  const leat_jnode *node = object;
  while (node && path.len) node = find(node, leat_str_cut(&path, '.'));
  return (leat_jnode *)(uintptr_t)node;
}

leat_str leat_jnode_str(const leat_jnode *node) {
  return leat_jnode_is(node, LEAT_JSON_STRING) ? node->text : (leat_str){"", 0};
}

const char *leat_jnode_c(const leat_jnode *object, const char *key) {
  return leat_jnode_str(leat_jnode_get(object, key)).ptr;
}

bool leat_jnode_is(const leat_jnode *node, leat_json_event kind) {
  return node && node->kind == kind;
}

// --- Making -------------------------------------------------------------------------------------
leat_jnode *leat_jnode_new(leat_arena *arena, leat_json_event kind) {
  leat_jnode *node = leat_arena_alloc(arena, sizeof *node);
  if (node) node->kind = kind, node->text = (leat_str){"", 0};
  return node;
}

leat_jnode *leat_jnode_string(leat_arena *arena, leat_str text) {
  leat_jnode *node = leat_jnode_new(arena, LEAT_JSON_STRING);
  if (node) node->text = (leat_str){leat_arena_str(arena, text), text.len};
  return node && node->text.ptr ? node : NULL;
}

leat_jnode *leat_jnode_push(leat_jnode *array, leat_jnode *node) {
  if (!array || !node) return NULL;
  node->next = NULL;
  if (array->last)
    array->last->next = node;
  else
    array->first = node;
  array->last = node;
  array->count++;
  return node;
}

leat_jnode *leat_jnode_put(leat_arena *arena, leat_jnode *object, leat_str key, leat_jnode *node) {
  char *name = object && node ? leat_arena_str(arena, key) : NULL;
  if (!name) return NULL;
  leat_jnode_remove(object, key);
  node->key = (leat_str){name, key.len};
  return leat_jnode_push(object, node);
}

void leat_jnode_remove(leat_jnode *object, leat_str key) {
  leat_jnode *before = NULL;
  for (leat_jnode *m = object ? object->first : NULL; m; before = m, m = m->next) {
    if (!leat_str_eq(m->key, key)) continue;
    if (before)
      before->next = m->next;
    else
      object->first = m->next;
    if (object->last == m) object->last = before;
    object->count--;
    return;
  }
}

leat_jnode *leat_jnode_copy(leat_arena *arena, const leat_jnode *node) {
  leat_jnode *copy = node ? leat_arena_copy(arena, node, sizeof *node) : NULL;
  if (!copy) return NULL;
  copy->first = copy->last = copy->next = NULL;
  copy->count = 0;
  copy->text = (leat_str){leat_arena_str(arena, node->text), node->text.len};
  copy->key = (leat_str){leat_arena_str(arena, node->key), node->key.len};
  if (!copy->text.ptr || !copy->key.ptr) return NULL;
  for (const leat_jnode *m = node->first; m; m = m->next)
    if (!leat_jnode_push(copy, leat_jnode_copy(arena, m))) return NULL;
  return copy;
}

// --- Writing ------------------------------------------------------------------------------------
void leat_jnode_write(leat_json_writer *w, const leat_jnode *node) {
  switch (node->kind) {
    case LEAT_JSON_OBJECT:
    case LEAT_JSON_ARRAY: {
      bool object = node->kind == LEAT_JSON_OBJECT;
      leat_json_open(w, object ? '{' : '[');
      for (const leat_jnode *m = node->first; m; m = m->next) {
        if (object) leat_json_key(w, m->key);
        leat_jnode_write(w, m);
      }
      leat_json_close(w, object ? '}' : ']');
      break;
    }
    case LEAT_JSON_STRING: leat_json_string(w, node->text); break;
    case LEAT_JSON_NUMBER: leat_json_raw(w, node->text); break;
    case LEAT_JSON_TRUE: leat_json_bool(w, true); break;
    case LEAT_JSON_FALSE: leat_json_bool(w, false); break;
    default: leat_json_null(w);
  }
}

char *leat_jnode_print(leat_arena *arena, const leat_jnode *node) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text};
  leat_jnode_write(&w, node);
  char *kept = text.failed ? NULL : leat_arena_str(arena, leat_buf_view(&text));
  leat_buf_deinit(&text);
  return kept;
}
