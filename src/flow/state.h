// State: what a function keeps by key and window, as serialised cells.
// SPDX-License-Identifier: Apache-2.0
//
//   scopes: (window, key bytes) -> scope { cells: one a state, timers }
//   cell: records { time, key bytes, value bytes }, by key, by time or in order of arrival
//
// Bytes are those of Beam's coders; nothing in a cell is a pointer to anything but its bytes. A
// scope that has ended stays as long as a queue of timers names it.
#ifndef LEAT_FLOW_STATE_H
#define LEAT_FLOW_STATE_H

#include "base/map.h"
#include "base/vec.h"
#include "leat/flow_value.h"

typedef struct leat_flow_record {
  int64_t time;         // ORDERED
  size_t key_len, len;  // of the value
  char bytes[];         // key, value
} leat_flow_record;

typedef struct leat_flow_cell {
  LEAT_VEC(leat_flow_record *) records;
} leat_flow_cell;

static inline leat_str leat_flow_record_key(const leat_flow_record *r) {
  return (leat_str){r->bytes, r->key_len};
}
static inline leat_str leat_flow_record_value(const leat_flow_record *r) {
  return (leat_str){r->bytes + r->key_len, r->len};
}

void leat_flow_cell_clear(leat_flow_cell *cell);
// false: no memory. A value (or combination) is the one record.
bool leat_flow_cell_set(leat_flow_cell *cell, leat_str value);
bool leat_flow_cell_add(leat_flow_cell *cell, leat_str value);                // behind the others
bool leat_flow_cell_put(leat_flow_cell *cell, leat_str key, leat_str value);  // in order of keys
bool leat_flow_cell_add_at(leat_flow_cell *cell, int64_t time, leat_str value);   // of times
leat_flow_record *leat_flow_cell_find(const leat_flow_cell *cell, leat_str key);  // NULL: none
void leat_flow_cell_remove(leat_flow_cell *cell, leat_str key);
// The index of the first record whose time is not before `time`.
size_t leat_flow_cell_at(const leat_flow_cell *cell, int64_t time);
void leat_flow_cell_cut(leat_flow_cell *cell, size_t from, size_t to);  // drops records [from, to)

typedef struct leat_flow_timer {
  int family;  // index of the function's timers
  char *tag;
  size_t tag_len;
  int64_t fire, output;
  uint64_t stamp;  // of the entry in the queue that counts; 0: it is not set
} leat_flow_timer;

typedef struct leat_flow_scope {
  leat_flow_window window;
  leat_str key;
  bool ended;
  size_t queued;  // entries of queues that name it
  LEAT_VEC(leat_flow_timer) timers;
  int cell_count;
  leat_flow_cell *cells;
} leat_flow_scope;

typedef struct leat_flow_scopes {  // zero: none; set `states`
  int states;
  leat_map map;
  size_t ended;  // entries of the map without a scope
} leat_flow_scopes;

// Finds it or makes it; *made tells. NULL: no memory.
leat_flow_scope *leat_flow_scope_of(leat_flow_scopes *scopes, leat_flow_window window, leat_str key,
                                    bool *made);
// Its cells and timers go; itself, when no queue names it (see leat_flow_scope_release).
void leat_flow_scope_end(leat_flow_scopes *scopes, leat_flow_scope *scope);
void leat_flow_scope_release(leat_flow_scope *scope);  // one queue's entry fewer
void leat_flow_scopes_deinit(leat_flow_scopes *scopes);

#endif
