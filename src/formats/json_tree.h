// A JSON document as a tree in an arena, for documents that are looked into rather than streamed.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_JSON_TREE_H
#define LEAT_FORMATS_JSON_TREE_H

#include "base/arena.h"
#include "formats/json.h"

typedef struct leat_jnode leat_jnode;
struct leat_jnode {
  leat_json_event kind;  // OBJECT, ARRAY, STRING, NUMBER, TRUE, FALSE or NULL
  leat_str key;          // of a member of an object
  leat_str text;         // of a string; of a number as written; NUL-terminated
  leat_jnode *first, *last, *next;
  size_t count;  // members or items
};

// Parses; INVALID_ARGUMENT also for a key that stands twice in one object of up to 64 members.
leat_status leat_json_tree(leat_jnode **out, leat_arena *arena, leat_str text, const char *name,
                           leat_error *err);
// --- Looking; every function takes NULL for "nothing there" -------------------------------------
leat_jnode *leat_jnode_get(const leat_jnode *object, const char *key);  // NULL: no such member
leat_jnode *leat_jnode_at(const leat_jnode *object, leat_str path);     // "a.b.c"
leat_str leat_jnode_str(const leat_jnode *node);                        // "" unless a string
const char *leat_jnode_c(const leat_jnode *object, const char *key);    // of a string member, ""
bool leat_jnode_is(const leat_jnode *node, leat_json_event kind);
// --- Making; NULL when memory is exhausted ------------------------------------------------------
leat_jnode *leat_jnode_new(leat_arena *arena, leat_json_event kind);
leat_jnode *leat_jnode_string(leat_arena *arena, leat_str text);
// Appends an item, or replaces the member of that key; node NULL passes through.
leat_jnode *leat_jnode_push(leat_jnode *array, leat_jnode *node);
leat_jnode *leat_jnode_put(leat_arena *arena, leat_jnode *object, leat_str key, leat_jnode *node);
void leat_jnode_remove(leat_jnode *object, leat_str key);
leat_jnode *leat_jnode_copy(leat_arena *arena, const leat_jnode *node);

void leat_jnode_write(leat_json_writer *w, const leat_jnode *node);
// One line, in the arena.
char *leat_jnode_print(leat_arena *arena, const leat_jnode *node);

#endif
