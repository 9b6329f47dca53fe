// Group: a list of cells (live windows, or closed ones until they are thrown away) for each key.
// SPDX-License-Identifier: Apache-2.0
//
//   keys: bytes -> key { cells: window, values, trigger state, holds, last pane }
//   heaps of cells: WAKE by when the watermark has news for them, HOLD by what they hold the output
//   watermark at, DUE by the processing time that their trigger waits for
//
// A bundle's elements become pieces, one a window; where windows merge that is done for all of a
// key's pieces and live cells at once, before the first piece is added.
#include "flow/group.h"

#include "base/map.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct key_cells key_cells;

typedef enum heap_kind { WAKE, HOLD, DUE, HEAPS } heap_kind;

typedef struct cell {
  key_cells *key;
  uint64_t serial;      // in order of making
  int64_t time[HEAPS];  // that the cell is at in each heap
  size_t at[HEAPS];     // its place there from 1; 0: not in it
  leat_flow_window window;
  leat_buf values;        // each behind its length
  size_t fresh;           // values since the last firing
  bool closed;            // its trigger has finished: only the pane is kept
  bool touched;           // by the bundle at hand
  bool held, kept;        // hold, gc_hold are set
  int64_t hold, gc_hold;  // of elements that were not late; until the window is thrown away
  bool fired;             // pane is set
  leat_flow_pane pane;    // the last one
  leat_flow_trigger_state state[];  // of the trigger's nodes
} cell;

typedef struct span {
  leat_flow_window window;
  cell *cell;  // NULL: of a new element
} span;
typedef LEAT_VEC(span) spans;

struct key_cells {
  LEAT_VEC(cell *) cells;
  uint64_t serial;
  spans merging;  // in a bundle: its windows old and new, then what they became
  size_t len;
  char bytes[];
};

typedef struct piece {
  key_cells *key;
  leat_flow_window window;
  const leat_flow_element *element;
} piece;

struct leat_flow_group {
  leat_flow_strategy s;
  leat_flow_trigger_plan plan;
  leat_flow_output_fn *output;
  void *context;
  int64_t input, out, time;  // watermarks, processing time
  leat_flow_dropped dropped;
  leat_map keys;
  size_t live;                    // cells
  size_t empty;                   // keys without a cell
  uint64_t made;                  // keys and cells so far
  bool by_time;                   // the trigger waits for processing time somewhere
  LEAT_VEC(cell *) heaps[HEAPS];  // the earliest first
  LEAT_VEC(piece) pieces;
  LEAT_VEC(key_cells *) merging;  // keys of the bundle's pieces
  LEAT_VEC(cell *) touched;       // by a bundle or an advance
  LEAT_VEC(leat_str) views;       // of a pane's values
  LEAT_VEC(const leat_flow_trigger_state *) sources;
};

// --- Heaps --------------------------------------------------------------------------------------
static void heap_put(leat_flow_group *g, heap_kind h, size_t at, cell *c) {
  g->heaps[h].at[at - 1] = c;
  c->at[h] = at;
}

// Moves a cell from a place whose neighbours may be in the wrong order to where it belongs.
static void heap_sift(leat_flow_group *g, heap_kind h, size_t at, cell *c) {
  cell **all = g->heaps[h].at;
  size_t count = g->heaps[h].count;
  for (; at > 1 && c->time[h] < all[at / 2 - 1]->time[h]; at /= 2)
    heap_put(g, h, at, all[at / 2 - 1]);
  for (size_t below; (below = at * 2) <= count; at = below) {
    below += below < count && all[below]->time[h] < all[below - 1]->time[h];
    if (c->time[h] <= all[below - 1]->time[h]) break;
    heap_put(g, h, at, all[below - 1]);
  }
  heap_put(g, h, at, c);
}

static void heap_remove(leat_flow_group *g, heap_kind h, cell *c) {
  size_t at = c->at[h];
  if (!at) return;
  cell *last = g->heaps[h].at[--g->heaps[h].count];
  c->at[h] = 0;
  if (last != c) heap_sift(g, h, at, last);
}

// There is room: cell_add has seen to it.
static void heap_set(leat_flow_group *g, heap_kind h, cell *c, int64_t time) {
  c->time[h] = time;
  if (!c->at[h]) c->at[h] = ++g->heaps[h].count;
  heap_sift(g, h, c->at[h], c);
}

// Takes all cells whose time has come before `to`, in order of their keys and of their making.
static int by_serial(const void *a, const void *b) {
  const cell *x = *(cell *const *)a, *y = *(cell *const *)b;
  if (x->key != y->key) return x->key->serial < y->key->serial ? -1 : 1;
  return x->serial < y->serial ? -1 : 1;
}

static leat_status take_before(leat_flow_group *g, heap_kind h, int64_t to, leat_error *err) {
  g->touched.count = 0;
  while (g->heaps[h].count && g->heaps[h].at[0]->time[h] < to) {
    if (!leat_vec_push(&g->touched, g->heaps[h].at[0])) return leat__oom(err, sizeof(cell *));
    heap_remove(g, h, g->heaps[h].at[0]);
  }
  if (g->touched.count) qsort(g->touched.at, g->touched.count, sizeof(cell *), by_serial);
  return LEAT_OK;
}

// --- Cells --------------------------------------------------------------------------------------
static void cell_free(cell *c) {
  leat_buf_deinit(&c->values);
  leat__free(c);
}

static leat_status cell_add(leat_flow_group *g, key_cells *key, leat_flow_window window, cell **out,
                            leat_error *err) {
  size_t bytes = sizeof(cell) + g->plan.count * sizeof(leat_flow_trigger_state);
  cell *c = leat__calloc(1, bytes);
  bool room = c != NULL;
  for (int h = 0; room && h < HEAPS; h++)
    room = leat_vec_reserve(&g->heaps[h], g->live + 1 - g->heaps[h].count);
  if (!room || !leat_vec_push(&key->cells, c)) return leat__free(c), leat__oom(err, bytes);
  g->empty -= key->cells.count == 1;
  g->live++;
  c->key = key;
  c->serial = ++g->made;
  c->window = window;
  c->values.max = SIZE_MAX / 2;
  return *out = c, LEAT_OK;
}

static cell *cell_find(const key_cells *key, leat_flow_window window) {
  for (size_t i = 0; i < key->cells.count; i++)
    if (leat_flow_window_eq(key->cells.at[i]->window, window)) return key->cells.at[i];
  return NULL;
}

static void cell_drop(leat_flow_group *g, cell *c) {
  key_cells *key = c->key;
  size_t i = 0;
  while (key->cells.at[i] != c) i++;
  memmove(&key->cells.at[i], &key->cells.at[i + 1],
          (--key->cells.count - i) * sizeof *key->cells.at);
  g->empty += !key->cells.count;
  g->live--;
  for (int h = 0; h < HEAPS; h++) heap_remove(g, (heap_kind)h, c);
  cell_free(c);
}

static void key_free(key_cells *key) {
  for (size_t i = 0; i < key->cells.count; i++) cell_free(key->cells.at[i]);
  leat_vec_deinit(&key->cells);
  leat_vec_deinit(&key->merging);
  leat__free(key);
}

static leat_status key_of(leat_flow_group *g, leat_str bytes, key_cells **out, leat_error *err) {
  leat_map_entry *entry = leat_map_find(&g->keys, bytes);
  if (entry) return *out = entry->value.ptr, LEAT_OK;
  key_cells *key = leat__calloc(1, sizeof *key + bytes.len);
  if (!key) return leat__oom(err, sizeof *key + bytes.len);
  if (bytes.len) memcpy(key->bytes, bytes.ptr, bytes.len);
  key->len = bytes.len;
  entry = leat_map_insert(&g->keys, (leat_str){key->bytes, key->len}, NULL);
  if (!entry) return key_free(key), leat__oom(err, sizeof *entry);
  entry->value.ptr = *out = key;
  key->serial = ++g->made;
  g->empty++;
  return LEAT_OK;
}

// Keys without a cell go when most are such, so that each costs little.
static leat_status forget_keys(leat_flow_group *g, leat_error *err) {
  if (g->empty < 64 || g->empty * 2 < g->keys.count) return LEAT_OK;
  leat_map kept = {0};
  for (size_t i = 0; i < g->keys.count; i++) {
    key_cells *key = g->keys.entries[i].value.ptr;
    if (!key->cells.count) continue;
    leat_map_entry *entry = leat_map_insert(&kept, g->keys.entries[i].key, NULL);
    if (!entry) return leat_map_deinit(&kept), leat__oom(err, sizeof *entry);
    entry->value.ptr = key;
  }
  for (size_t i = 0; i < g->keys.count; i++) {
    key_cells *key = g->keys.entries[i].value.ptr;
    if (!key->cells.count) key_free(key);
  }
  leat_map_deinit(&g->keys);
  g->keys = kept;
  g->empty = 0;
  return LEAT_OK;
}

// --- Times --------------------------------------------------------------------------------------
// The last moment at which the window may still be needed.
static int64_t gc_time(const leat_flow_group *g, leat_flow_window w) {
  int64_t end = leat_flow_window_max(w);
  return g->s.lateness_ms < LEAT_FLOW_GLOBAL_MAX - end ? end + g->s.lateness_ms
                                                       : LEAT_FLOW_GLOBAL_MAX;
}

static bool merges(const leat_flow_group *g) {
  return g->s.window.kind == LEAT_FLOW_SESSIONS && !g->s.settled;
}

static leat_flow_trigger_now now_of(const leat_flow_group *g, leat_flow_window w) {
  return (leat_flow_trigger_now){
      .time = g->time, .passed = g->input > leat_flow_window_max(w), .merging = merges(g)};
}

static void keep_until_gc(const leat_flow_group *g, cell *c) {
  c->gc_hold = gc_time(g, c->window);
  c->kept = c->gc_hold >= g->input;
}

// Puts a cell where it belongs in the heaps, after anything about it has changed.
static void settle(leat_flow_group *g, cell *c) {
  int64_t end = leat_flow_window_max(c->window);
  heap_set(g, WAKE, c, g->input <= end ? end : gc_time(g, c->window));
  if (c->held || c->kept)
    heap_set(g, HOLD, c, !c->kept || (c->held && c->hold < c->gc_hold) ? c->hold : c->gc_hold);
  else
    heap_remove(g, HOLD, c);
  int64_t target;
  if (g->by_time && !c->closed && leat_flow_trigger_next(&g->plan, c->state, g->time, &target))
    heap_set(g, DUE, c, target);
  else
    heap_remove(g, DUE, c);
}

// The output watermark follows the input's up to the earliest hold, and never goes back.
static void commit(leat_flow_group *g) {
  int64_t least = g->input;
  if (g->heaps[HOLD].count && g->heaps[HOLD].at[0]->time[HOLD] < least)
    least = g->heaps[HOLD].at[0]->time[HOLD];
  if (g->out < least) g->out = least;
}

// --- Firing -------------------------------------------------------------------------------------
static leat_flow_pane next_pane(const leat_flow_group *g, const cell *c, bool last) {
  int64_t end = leat_flow_window_max(c->window);
  leat_flow_pane p = {.first = !c->fired, .last = last, .timing = LEAT_FLOW_ON_TIME};
  if (end < g->out || (c->fired && c->pane.timing != LEAT_FLOW_EARLY))
    p.timing = LEAT_FLOW_LATE;
  else if (g->input <= end)
    p.timing = LEAT_FLOW_EARLY;
  p.index = c->fired ? c->pane.index + 1 : 0;
  p.on_time_index = p.timing == LEAT_FLOW_EARLY ? -1 : c->fired ? c->pane.on_time_index + 1 : 0;
  return p;
}

static int64_t pane_time(const cell *c) {
  int64_t time = leat_flow_window_max(c->window);
  if (c->held && c->hold < time) time = c->hold;
  return c->kept && c->gc_hold < time ? c->gc_hold : time;
}

static leat_status give_out(leat_flow_group *g, const cell *c, int64_t timestamp, leat_error *err) {
  g->views.count = 0;
  for (size_t at = 0; at < c->values.len;) {
    leat_str value;
    memcpy(&value.len, c->values.ptr + at, sizeof value.len);
    value.ptr = c->values.ptr + at + sizeof value.len;
    at += sizeof value.len + value.len;
    if (!leat_vec_push(&g->views, value)) return leat__oom(err, sizeof value);
  }
  leat_flow_output output = {.key = {c->key->bytes, c->key->len},
                             .window = c->window,
                             .values = g->views.at,
                             .count = g->views.count,
                             .timestamp = timestamp,
                             .pane = c->pane};
  return g->output(g->context, &output, err);
}

// The pane that is due, if it is to be given out at all; the holds go with it.
static leat_status emit(leat_flow_group *g, cell *c, bool last, leat_error *err) {
  leat_flow_pane pane = next_pane(g, c, last);
  int64_t timestamp = pane_time(c);
  c->held = c->kept = false;
  if (!last && g->s.closing_always) keep_until_gc(g, c);
  bool needed = c->fresh || (pane.timing == LEAT_FLOW_ON_TIME && !g->s.on_time_nonempty) ||
                (last && g->s.closing_always);
  if (!needed) return LEAT_OK;
  c->fired = true;
  c->pane = pane;
  return give_out(g, c, timestamp, err);
}

static leat_status ask(leat_flow_group *g, cell *c, leat_error *err) {
  leat_flow_trigger_now now = now_of(g, c->window);
  if (!leat_flow_trigger_ready(&g->plan, c->state, &now)) return LEAT_OK;
  leat_flow_trigger_fire(&g->plan, c->state, &now);
  c->closed = c->state[0].done;
  leat_status status = emit(g, c, c->closed, err);
  c->fresh = 0;
  if (c->closed)
    leat_buf_deinit(&c->values);
  else if (!g->s.accumulating)
    leat_buf_clear(&c->values);
  return status;
}

// --- Merging ------------------------------------------------------------------------------------
static int by_start(const void *a, const void *b) {
  const span *x = a, *y = b;
  if (x->window.start != y->window.start) return x->window.start < y->window.start ? -1 : 1;
  if (x->window.end != y->window.end) return x->window.end < y->window.end ? -1 : 1;
  return (x->cell == NULL) - (y->cell == NULL);
}

static void merge_holds(const leat_flow_group *g, cell *into, const cell *from) {
  bool earlier = from->hold < into->hold;
  if (from->held && (!into->held || (g->s.combiner == LEAT_FLOW_EARLIEST) == earlier))
    into->hold = from->hold;
  into->held |= from->held;
  into->kept |= from->kept;
}

// One new cell for the live ones among members[0..count), which it replaces.
static leat_status merge_cells(leat_flow_group *g, key_cells *key, leat_flow_window result,
                               const span *members, size_t count, leat_error *err) {
  cell *into, *same = cell_find(key, result);
  leat_flow_trigger_now now = now_of(g, result);
  g->sources.count = 0;
  for (size_t i = 0; i < count; i++)
    if (members[i].cell && !leat_vec_push(&g->sources, members[i].cell->state))
      return leat__oom(err, sizeof *g->sources.at);
  if (same && same->closed) cell_drop(g, same);
  if (!g->sources.count) return LEAT_OK;
  leat_status status = cell_add(g, key, result, &into, err);
  if (status) return status;
  leat_flow_trigger_merge(&g->plan, into->state, g->sources.at, g->sources.count, &now);
  for (size_t i = 0; i < count; i++) {
    cell *from = members[i].cell;
    if (!from) continue;
    leat_buf_str(&into->values, leat_buf_view(&from->values));
    into->fresh += from->fresh;
    merge_holds(g, into, from);
    if (leat_flow_window_eq(from->window, result))
      into->fired = from->fired, into->pane = from->pane;
    cell_drop(g, from);
  }
  if (g->s.combiner == LEAT_FLOW_END_OF_WINDOW) into->hold = leat_flow_window_max(result);
  into->gc_hold = gc_time(g, result);
  settle(g, into);
  return leat_buf_status(&into->values, err);
}

// Merges the key's live windows and its new ones; key->merging becomes the results, in order.
static leat_status merge_key(leat_flow_group *g, key_cells *key, leat_error *err) {
  spans *m = &key->merging;
  for (size_t i = 0; i < key->cells.count; i++) {
    span live = {key->cells.at[i]->window, key->cells.at[i]};
    if (!live.cell->closed && !leat_vec_push(m, live)) return leat__oom(err, sizeof live);
  }
  qsort(m->at, m->count, sizeof *m->at, by_start);
  size_t results = 0;
  for (size_t i = 0, end; i < m->count; i = end) {
    leat_flow_window result = m->at[i].window;
    bool several = false;
    for (end = i + 1; end < m->count && m->at[end].window.start < result.end; end++) {
      several |= !leat_flow_window_eq(m->at[end].window, m->at[i].window);
      if (result.end < m->at[end].window.end) result.end = m->at[end].window.end;
    }
    bool expired = g->input > gc_time(g, result);  // its elements are about to be dropped
    leat_status status =
        several && !expired ? merge_cells(g, key, result, &m->at[i], end - i, err) : LEAT_OK;
    if (status) return status;
    m->at[results++] = (span){result, NULL};
  }
  m->count = results;
  return LEAT_OK;
}

// The result that a piece's window is a part of.
static leat_flow_window merged(const key_cells *key, leat_flow_window w) {
  size_t low = 0, high = key->merging.count;
  while (high - low > 1) {
    size_t middle = (low + high) / 2;
    if (key->merging.at[middle].window.start <= w.start)
      low = middle;
    else
      high = middle;
  }
  return key->merging.at[low].window;
}

static leat_status merge_pieces(leat_flow_group *g, leat_error *err) {
  g->merging.count = 0;
  for (size_t i = 0; i < g->pieces.count; i++) {
    const piece *p = &g->pieces.at[i];
    if (!p->key->merging.count && !leat_vec_push(&g->merging, p->key))
      return leat__oom(err, sizeof *p);
    if (!leat_vec_push(&p->key->merging, (span){p->window, NULL})) return leat__oom(err, sizeof *p);
  }
  for (size_t i = 0; i < g->merging.count; i++) {
    leat_status status = merge_key(g, g->merging.at[i], err);
    if (status) return status;
  }
  for (size_t i = 0; i < g->pieces.count; i++)
    g->pieces.at[i].window = merged(g->pieces.at[i].key, g->pieces.at[i].window);
  for (size_t i = 0; i < g->merging.count; i++) g->merging.at[i]->merging.count = 0;
  return LEAT_OK;
}

// --- Elements -----------------------------------------------------------------------------------
// An element that comes too late to hold the watermark at its own time holds it at the end.
static void hold_for(const leat_flow_group *g, cell *c, int64_t ts) {
  int64_t end = leat_flow_window_max(c->window);
  cell of_element = {.held = true, .hold = g->s.combiner == LEAT_FLOW_END_OF_WINDOW ? end : ts};
  if (of_element.hold >= g->out && end >= g->input)
    merge_holds(g, c, &of_element);
  else if (gc_time(g, c->window) >= g->input)
    keep_until_gc(g, c);
}

static leat_status add_piece(leat_flow_group *g, const piece *p, leat_error *err) {
  if (g->input > gc_time(g, p->window)) return g->dropped.late++, LEAT_OK;
  cell *c = cell_find(p->key, p->window);
  if (c && c->closed) return g->dropped.closed++, LEAT_OK;
  leat_status status = c ? LEAT_OK : cell_add(g, p->key, p->window, &c, err);
  if (status) return status;
  leat_str value = p->element->value;
  leat_buf_add(&c->values, &value.len, sizeof value.len);
  leat_buf_str(&c->values, value);
  c->fresh++;
  hold_for(g, c, p->element->timestamp);
  leat_flow_trigger_now now = now_of(g, c->window);
  leat_flow_trigger_element(&g->plan, c->state, &now);
  if (!c->touched && !leat_vec_push(&g->touched, c)) return leat__oom(err, sizeof(cell *));
  c->touched = true;
  return leat_buf_status(&c->values, err);
}

static leat_status make_pieces(leat_flow_group *g, const leat_flow_element *e, leat_error *err) {
  piece p = {.element = e};
  leat_status status = key_of(g, e->key, &p.key, err);
  if (status) return status;
  if (e->window) {
    p.window = *e->window;
    return leat_vec_push(&g->pieces, p) ? LEAT_OK : leat__oom(err, sizeof p);
  }
  bool more = leat_flow_window_first(&g->s.window, e->timestamp, &p.window);
  for (; more; more = leat_flow_window_next(&g->s.window, e->timestamp, &p.window))
    if (!leat_vec_push(&g->pieces, p)) return leat__oom(err, sizeof p);
  return LEAT_OK;
}

leat_status leat_flow_group_bundle(leat_flow_group *g, const leat_flow_element *elements,
                                   size_t count, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; i < count; i++)
    if (elements[i].timestamp < LEAT_FLOW_TIME_MIN || elements[i].timestamp > LEAT_FLOW_GLOBAL_MAX)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "element %zu: the timestamp %" PRId64 " ms is out of bounds", i,
                            elements[i].timestamp);
  g->pieces.count = g->touched.count = 0;
  for (size_t i = 0; !status && i < count; i++) status = make_pieces(g, &elements[i], err);
  if (!status && merges(g)) status = merge_pieces(g, err);
  for (size_t i = 0; !status && i < g->pieces.count; i++)
    status = add_piece(g, &g->pieces.at[i], err);
  for (size_t i = 0; !status && i < g->touched.count; i++) {
    cell *c = g->touched.at[i];
    c->touched = false;
    status = ask(g, c, err);
    settle(g, c);
  }
  if (!status) commit(g);
  return status;
}

// --- Advances -----------------------------------------------------------------------------------
// What a window does depends on its state, not on the timer that woke it.
static leat_status wake(leat_flow_group *g, cell *c, int64_t before, leat_error *err) {
  int64_t end = leat_flow_window_max(c->window);
  bool gone = g->input > gc_time(g, c->window);
  leat_status status = LEAT_OK;
  if (gone && !c->closed)
    status = emit(g, c, true, err);  // the last pane, whatever the trigger says
  else if (!c->closed && before <= end && end < g->input)
    status = ask(g, c, err);
  if (gone)
    cell_drop(g, c);
  else
    settle(g, c);
  return status;
}

// Timers come before the output watermark moves: they hold it.
leat_status leat_flow_group_watermark(leat_flow_group *g, int64_t to, leat_error *err) {
  if (to <= g->input) return LEAT_OK;
  int64_t before = g->input;
  g->input = to;
  leat_status status = take_before(g, WAKE, to, err);
  for (size_t i = 0; !status && i < g->touched.count; i++)
    status = wake(g, g->touched.at[i], before, err);
  if (status) return status;
  commit(g);
  return forget_keys(g, err);
}

leat_status leat_flow_group_time(leat_flow_group *g, int64_t to, leat_error *err) {
  if (to <= g->time) return LEAT_OK;
  g->time = to;
  leat_status status = take_before(g, DUE, to, err);
  for (size_t i = 0; !status && i < g->touched.count; i++) {
    status = ask(g, g->touched.at[i], err);
    settle(g, g->touched.at[i]);
  }
  if (!status) commit(g);
  return status;
}

int64_t leat_flow_group_output_watermark(const leat_flow_group *g) { return g->out; }
leat_flow_dropped leat_flow_group_dropped(const leat_flow_group *g) { return g->dropped; }

// --- Lifetime -----------------------------------------------------------------------------------
static leat_status begin(leat_flow_group *g, leat_error *err) {
  static const leat_flow_trigger by_default;
  leat_status status = leat_flow_window_check(&g->s.window, err);
  if (status) return status;
  if (g->s.lateness_ms < 0 || g->s.lateness_ms > LEAT_FLOW_TIME_MAX)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "the allowed lateness is %" PRId64 " ms, expected 0 or more",
                          g->s.lateness_ms);
  status = leat_flow_trigger_compile(g->s.trigger ? g->s.trigger : &by_default, &g->plan, err);
  for (size_t i = 0; i < g->plan.count; i++)
    g->by_time |= g->plan.at[i].kind == LEAT_FLOW_AFTER_PROCESSING_TIME;
  return status;
}

leat_status leat_flow_group_new(const leat_flow_strategy *strategy, leat_flow_output_fn *output,
                                void *context, leat_flow_group **out, leat_error *err) {
  leat_flow_group *g = leat__calloc(1, sizeof *g);
  *out = NULL;
  if (!g) return leat__oom(err, sizeof *g);
  g->s = *strategy;
  g->output = output;
  g->context = context;
  g->input = g->out = LEAT_FLOW_TIME_MIN;
  leat_status status = begin(g, err);
  if (status) return leat_flow_group_free(g), status;
  return *out = g, LEAT_OK;
}

void leat_flow_group_free(leat_flow_group *g) {
  if (!g) return;
  for (size_t i = 0; i < g->keys.count; i++) key_free(g->keys.entries[i].value.ptr);
  leat_map_deinit(&g->keys);
  leat_vec_deinit(&g->plan);
  leat_vec_deinit(&g->pieces);
  leat_vec_deinit(&g->merging);
  leat_vec_deinit(&g->touched);
  for (int h = 0; h < HEAPS; h++) leat_vec_deinit(&g->heaps[h]);
  leat_vec_deinit(&g->views);
  leat_vec_deinit(&g->sources);
  leat__free(g);
}
