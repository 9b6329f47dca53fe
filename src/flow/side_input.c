// Side input: a list of windows, each with its rows in an arena of its own.
// SPDX-License-Identifier: Apache-2.0
#include "flow/side_input.h"

#include "base/map.h"
#include "base/vec.h"

typedef struct pane {  // what is seen of a window
  leat_flow_window window;
  bool given;  // by a trigger
  bool fresh;  // it has rows of the batch at hand
  leat_arena arena;
  LEAT_VEC(leat_flow_value) rows;
  leat_map by_key;  // index of the last row; 0 entries: to be made
} pane;

struct leat_flow_side {
  const leat_flow_schema *schema;
  leat_flow_strategy strategy;
  int key;
  leat_arena arena;
  const leat_flow_coder *key_coder;
  int64_t watermark;
  LEAT_VEC(pane *) panes;
};

static void pane_clear(pane *p) {
  leat_map_deinit(&p->by_key);
  leat_arena_clear(&p->arena);
  p->rows.count = 0;
}

static void pane_free(pane *p) {
  leat_map_deinit(&p->by_key);
  leat_arena_deinit(&p->arena);
  leat_vec_deinit(&p->rows);
  leat__free(p);
}

leat_status leat_flow_side_new(const leat_flow_schema *schema, const leat_flow_strategy *strategy,
                               int key, leat_flow_side **out, leat_error *err) {
  leat_flow_side *side = leat__calloc(1, sizeof *side);
  if (!side) return leat__oom(err, sizeof *side);
  *side = (leat_flow_side){schema, *strategy, key, .watermark = LEAT_FLOW_TIME_MIN};
  leat_status status =
      key < 0 ? LEAT_OK
              : leat_flow_field_coder(&side->arena, &schema->fields[key], &side->key_coder, err);
  if (status) return leat_flow_side_free(side), status;
  return *out = side, LEAT_OK;
}

void leat_flow_side_free(leat_flow_side *side) {
  if (!side) return;
  for (size_t i = 0; i < side->panes.count; i++) pane_free(side->panes.at[i]);
  leat_vec_deinit(&side->panes);
  leat_arena_deinit(&side->arena);
  leat__free(side);
}

static pane *find(const leat_flow_side *side, leat_flow_window window) {
  for (size_t i = 0; i < side->panes.count; i++)
    if (leat_flow_window_eq(side->panes.at[i]->window, window)) return side->panes.at[i];
  return NULL;
}

static pane *find_or_make(leat_flow_side *side, leat_flow_window window) {
  pane *p = find(side, window);
  if (p || !(p = leat__calloc(1, sizeof *p))) return p;
  p->window = window;
  if (leat_vec_push(&side->panes, p)) return p;
  return leat__free(p), NULL;
}

static bool triggered(const leat_flow_side *side) {
  return side->strategy.trigger && side->strategy.trigger->kind != LEAT_FLOW_DEFAULT;
}

static bool over(const leat_flow_side *side, leat_flow_window window) {
  return side->watermark > leat_flow_window_max(window);
}

static leat_status add(leat_flow_side *side, leat_flow_window window, const leat_flow_batch *batch,
                       int row, leat_error *err) {
  pane *p = find_or_make(side, window);
  if (!p) return leat__oom(err, sizeof *p);
  bool replaces = triggered(side) || over(side, window);  // else it is a part of the one pane
  if (replaces && !p->fresh && !side->strategy.accumulating) pane_clear(p);
  p->fresh = true;
  p->given |= triggered(side);
  leat_map_deinit(&p->by_key);
  leat_flow_value view = leat_flow_row_value(batch, row, &p->arena);
  leat_flow_value kept = leat_flow_value_copy(&p->arena, &view);
  if (kept.kind == LEAT_FLOW_NULL || !leat_vec_push(&p->rows, kept))
    return leat__oom(err, sizeof kept);
  return LEAT_OK;
}

leat_status leat_flow_side_batch(leat_flow_side *side, const leat_flow_batch *batch,
                                 leat_error *err) {
  leat_status status = LEAT_OK;
  const leat_flow_window_fn *fn = &side->strategy.window;
  for (size_t i = 0; i < side->panes.count; i++) side->panes.at[i]->fresh = false;
  for (int row = 0; !status && row < batch->rows; row++) {
    if (batch->windows) {
      status = add(side, batch->windows[row], batch, row, err);
      continue;
    }
    leat_flow_window w;
    int64_t ts = batch->timestamps[row];
    bool more = leat_flow_window_first(fn, ts, &w);
    for (; !status && more; more = leat_flow_window_next(fn, ts, &w))
      status = add(side, w, batch, row, err);
  }
  return status;
}

bool leat_flow_side_watermark(leat_flow_side *side, int64_t to) {
  bool grown = side->watermark < to;
  if (grown) side->watermark = to;
  return grown;
}

void leat_flow_side_forget(leat_flow_side *side, int64_t before) {
  size_t kept = 0;
  for (size_t i = 0; i < side->panes.count; i++) {
    pane *p = side->panes.at[i];
    if (leat_flow_window_max(p->window) < before)
      pane_free(p);
    else
      side->panes.at[kept++] = p;
  }
  side->panes.count = kept;
}

leat_flow_window leat_flow_side_window(const leat_flow_side *side, leat_flow_window main) {
  leat_flow_window w, next;
  int64_t last = leat_flow_window_max(main);
  if (!leat_flow_window_first(&side->strategy.window, last, &w)) return main;
  for (next = w; leat_flow_window_next(&side->strategy.window, last, &next);) w = next;
  return w;
}

bool leat_flow_side_ready(const leat_flow_side *side, leat_flow_window window) {
  const pane *p = find(side, window);
  return over(side, window) || (p && p->given);
}

size_t leat_flow_side_rows(const leat_flow_side *side, leat_flow_window window,
                           const leat_flow_value **rows) {
  const pane *p = find(side, window);
  *rows = p ? p->rows.at : NULL;
  return p ? p->rows.count : 0;
}

static leat_status index_keys(leat_flow_side *side, pane *p, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < p->rows.count; i++) {
    leat_buf key = {0};
    status = leat_flow_encode(side->key_coder, &p->rows.at[i].items[side->key], true, &key, err);
    char *copy = status ? NULL : leat_arena_str(&p->arena, leat_buf_view(&key));
    leat_map_entry *entry =
        copy ? leat_map_insert(&p->by_key, (leat_str){copy, key.len}, NULL) : NULL;
    if (entry) entry->value.num = (int64_t)i;
    if (!status && !entry) status = leat__oom(err, key.len);
    leat_buf_deinit(&key);
  }
  return status;
}

leat_status leat_flow_side_find(leat_flow_side *side, leat_flow_window window,
                                const leat_flow_value *key, const leat_flow_value **row,
                                leat_error *err) {
  pane *p = find(side, window);
  leat_buf bytes = {0};
  *row = NULL;
  if (!p) return LEAT_OK;
  leat_status status = p->by_key.count ? LEAT_OK : index_keys(side, p, err);
  if (!status) status = leat_flow_encode(side->key_coder, key, true, &bytes, err);
  const leat_map_entry *entry = status ? NULL : leat_map_find(&p->by_key, leat_buf_view(&bytes));
  if (entry) *row = &p->rows.at[entry->value.num];
  leat_buf_deinit(&bytes);
  return status;
}
