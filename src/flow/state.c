// State: records in order, and scopes in a map.
// SPDX-License-Identifier: Apache-2.0
#include "flow/state.h"

enum { FORGET_FROM = 64 };

// --- Cells --------------------------------------------------------------------------------------
static leat_flow_record *record_new(int64_t time, leat_str key, leat_str value) {
  leat_flow_record *r = leat__calloc(1, sizeof *r + key.len + value.len);
  if (!r) return NULL;
  r->time = time;
  r->key_len = key.len;
  r->len = value.len;
  if (key.len) memcpy(r->bytes, key.ptr, key.len);
  if (value.len) memcpy(r->bytes + key.len, value.ptr, value.len);
  return r;
}

static bool insert(leat_flow_cell *cell, size_t at, leat_flow_record *record) {
  if (!record || !leat_vec_reserve(&cell->records, 1)) return leat__free(record), false;
  leat_flow_record **place = cell->records.at + at;
  memmove(place + 1, place, (cell->records.count++ - at) * sizeof *place);
  *place = record;
  return true;
}

void leat_flow_cell_cut(leat_flow_cell *cell, size_t from, size_t to) {
  if (from >= to) return;
  for (size_t i = from; i < to; i++) leat__free(cell->records.at[i]);
  memmove(cell->records.at + from, cell->records.at + to,
          (cell->records.count - to) * sizeof *cell->records.at);
  cell->records.count -= to - from;
}

void leat_flow_cell_clear(leat_flow_cell *cell) {
  leat_flow_cell_cut(cell, 0, cell->records.count);
  leat_vec_deinit(&cell->records);
}

bool leat_flow_cell_set(leat_flow_cell *cell, leat_str value) {
  leat_flow_record *record = record_new(0, (leat_str){0}, value);
  if (!record) return false;
  leat_flow_cell_cut(cell, 0, cell->records.count);
  return insert(cell, 0, record);
}

bool leat_flow_cell_add(leat_flow_cell *cell, leat_str value) {
  return insert(cell, cell->records.count, record_new(0, (leat_str){0}, value));
}

// The first record that is not before the key.
static size_t place_of(const leat_flow_cell *cell, leat_str key) {
  size_t low = 0, high = cell->records.count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (leat_str_cmp(leat_flow_record_key(cell->records.at[middle]), key) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool is_at(const leat_flow_cell *cell, size_t at, leat_str key) {
  return at < cell->records.count && leat_str_eq(leat_flow_record_key(cell->records.at[at]), key);
}

leat_flow_record *leat_flow_cell_find(const leat_flow_cell *cell, leat_str key) {
  size_t at = place_of(cell, key);
  return is_at(cell, at, key) ? cell->records.at[at] : NULL;
}

bool leat_flow_cell_put(leat_flow_cell *cell, leat_str key, leat_str value) {
  leat_flow_record *record = record_new(0, key, value);
  size_t at = place_of(cell, key);
  if (!record || !is_at(cell, at, key)) return insert(cell, at, record);
  leat__free(cell->records.at[at]);
  cell->records.at[at] = record;
  return true;
}

void leat_flow_cell_remove(leat_flow_cell *cell, leat_str key) {
  size_t at = place_of(cell, key);
  if (is_at(cell, at, key)) leat_flow_cell_cut(cell, at, at + 1);
}

size_t leat_flow_cell_at(const leat_flow_cell *cell, int64_t time) {
  size_t low = 0, high = cell->records.count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (cell->records.at[middle]->time < time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

bool leat_flow_cell_add_at(leat_flow_cell *cell, int64_t time, leat_str value) {
  size_t at = time == INT64_MAX ? cell->records.count : leat_flow_cell_at(cell, time + 1);
  return insert(cell, at, record_new(time, (leat_str){0}, value));
}

// --- Scopes -------------------------------------------------------------------------------------
static void scope_clear(leat_flow_scope *scope) {
  for (int i = 0; i < scope->cell_count; i++) leat_flow_cell_clear(&scope->cells[i]);
  for (size_t i = 0; i < scope->timers.count; i++) leat__free(scope->timers.at[i].tag);
  leat_vec_deinit(&scope->timers);
  leat__free(scope->cells);
  scope->cells = NULL;
  scope->cell_count = 0;
}

// The window's 16 bytes stand before the key's, behind the scope itself.
static leat_flow_scope *scope_new(int states, leat_str name) {
  leat_flow_scope *scope = leat__calloc(1, sizeof *scope + name.len);
  if (!scope) return NULL;
  char *bytes = (char *)(scope + 1);
  memcpy(bytes, name.ptr, name.len);
  scope->key = (leat_str){bytes + sizeof scope->window, name.len - sizeof scope->window};
  memcpy(&scope->window, bytes, sizeof scope->window);
  scope->cell_count = states;
  scope->cells = leat__calloc((size_t)states + 1, sizeof *scope->cells);
  return scope->cells ? scope : (leat__free(scope), NULL);
}

static leat_str name_of(const leat_flow_scope *scope) {
  return (leat_str){(const char *)(scope + 1), sizeof scope->window + scope->key.len};
}

// Names without a scope go when most are such. A name's bytes are its scope's or its own copy.
static bool forget(leat_flow_scopes *scopes) {
  leat_map kept = {0};
  if (scopes->ended < FORGET_FROM || scopes->ended * 2 < scopes->map.count) return true;
  for (size_t i = 0; i < scopes->map.count; i++) {
    leat_flow_scope *scope = scopes->map.entries[i].value.ptr;
    leat_map_entry *entry = scope ? leat_map_insert(&kept, name_of(scope), NULL) : NULL;
    if (scope && !entry) return leat_map_deinit(&kept), false;
    if (scope) entry->value.ptr = scope;
  }
  for (size_t i = 0; i < scopes->map.count; i++)
    if (!scopes->map.entries[i].value.ptr) leat__free((char *)scopes->map.entries[i].key.ptr);
  leat_map_deinit(&scopes->map);
  scopes->map = kept;
  scopes->ended = 0;
  return true;
}

leat_flow_scope *leat_flow_scope_of(leat_flow_scopes *scopes, leat_flow_window window, leat_str key,
                                    bool *made) {
  leat_buf name = {0};
  leat_buf_add(&name, &window, sizeof window);
  leat_buf_str(&name, key);
  leat_map_entry *entry = name.failed ? NULL : leat_map_find(&scopes->map, leat_buf_view(&name));
  leat_flow_scope *scope = entry ? entry->value.ptr : NULL;
  *made = !scope;
  if (!scope && !name.failed && forget(scopes)) {
    scope = scope_new(scopes->states, leat_buf_view(&name));
    entry = scope ? leat_map_insert(&scopes->map, name_of(scope), NULL) : NULL;
    if (scope && !entry) {
      scope_clear(scope);
      leat__free(scope);
      scope = NULL;
    }
    if (entry && leat_str_eq(entry->key, name_of(scope)) && entry->key.ptr != name_of(scope).ptr) {
      leat__free((char *)entry->key.ptr);  // the copy that an ended one left
      entry->key = name_of(scope);
      scopes->ended--;
    }
    if (entry) entry->value.ptr = scope;
  }
  leat_buf_deinit(&name);
  return scope;
}

void leat_flow_scope_release(leat_flow_scope *scope) {
  if (!--scope->queued && scope->ended) leat__free(scope);
}

void leat_flow_scope_end(leat_flow_scopes *scopes, leat_flow_scope *scope) {
  leat_map_entry *entry = leat_map_find(&scopes->map, name_of(scope));
  leat_str name = name_of(scope);
  char *copy = leat__calloc(1, name.len);
  if (!copy) return leat_flow_cell_clear(scope->cells);  // it stays, empty
  memcpy(copy, name.ptr, name.len);
  entry->key.ptr = copy;
  entry->value.ptr = NULL;
  scopes->ended++;
  scope_clear(scope);
  scope->ended = true;
  if (!scope->queued) leat__free(scope);
}

void leat_flow_scopes_deinit(leat_flow_scopes *scopes) {
  for (size_t i = 0; i < scopes->map.count; i++) {
    leat_flow_scope *scope = scopes->map.entries[i].value.ptr;
    if (!scope) leat__free((char *)scopes->map.entries[i].key.ptr);
    if (scope) scope_clear(scope), leat__free(scope);
  }
  leat_map_deinit(&scopes->map);
}
