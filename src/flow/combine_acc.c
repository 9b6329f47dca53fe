// Accumulators of the fast paths: rows go in by columns, results come out as columns.
// SPDX-License-Identifier: Apache-2.0
#include "flow/combine_impl.h"
#include "flow/row_bytes.h"

#include <string.h>

bool leat_flow_combine_is_fast(const leat_flow_combine_plan *p) {
  const leat_flow_strategy *s = p->grouping.strategy;
  bool once = !s->trigger || s->trigger->kind == LEAT_FLOW_DEFAULT ||
              (s->trigger->kind == LEAT_FLOW_AFTER_WATERMARK &&
               (!s->trigger->part_count || (!s->trigger->parts[0] && !s->trigger->parts[1])));
  bool gaps = s->window.kind == LEAT_FLOW_SLIDING && s->window.period_ms > s->window.size_ms;
  return once && !s->lateness_ms && !s->settled && !gaps && s->combiner == LEAT_FLOW_END_OF_WINDOW;
}

// --- Life ---------------------------------------------------------------------------------------
leat_status leat_flow_fast_init(leat_flow_fast_op *f, const leat_flow_combine_plan *plan,
                                leat_error *err) {
  const leat_flow_grouping *g = &plan->grouping;
  f->plan = plan;
  f->shared = leat_flow_block_new();
  f->nowhere = leat__alloc_aligned(plan->stride);
  if (f->nowhere) memset(f->nowhere, 0, plan->stride);
  if (f->shared)
    f->panes = leat_flow_block_alloc(f->shared, LEAT_FLOW_BATCH_ROWS * sizeof *f->panes);
  if (!f->panes || !f->nowhere) return leat__oom(err, plan->stride);
  for (int i = 0; i < LEAT_FLOW_BATCH_ROWS; i++)
    f->panes[i] = (leat_flow_pane){.first = true, .last = true, .timing = LEAT_FLOW_ON_TIME};
  leat_status status = leat_flow_rows_new(&f->rows, g->out, err);
  return status ? status : leat_flow_keys_init(&f->keys, g->in, g->keys, g->key_count, err);
}

void leat_flow_fast_deinit(leat_flow_fast_op *f) {
  if (f->nowhere) leat_flow_fast_clear(f->plan, f->nowhere);
  leat__free(f->nowhere);
  leat_flow_rows_free(f->rows);
  leat_flow_batch_unref(f->out);
  leat_flow_block_unref(f->shared);
  leat_flow_keys_deinit(&f->keys);
}

// --- Rows in ------------------------------------------------------------------------------------
static void add_sums(leat_flow_fast_op *f, const leat_flow_part *x, const leat_flow_batch *batch) {
  const leat_flow_column *c = &batch->columns[x->field];
  size_t at = x->fast_at;
  if (x->of.in->type == LEAT_FLOW_TYPE_INT64) {
    const int64_t *values = c->values;
    for (int i = 0; i < batch->rows; i++) *(__int128 *)(void *)(f->accs[i] + at) += values[i];
  } else {
    const int32_t *values = c->values;
    for (int i = 0; i < batch->rows; i++) *(__int128 *)(void *)(f->accs[i] + at) += values[i];
  }
}

leat_status leat_flow_fast_add(leat_flow_fast_op *f, const leat_flow_batch *batch,
                               leat_error *err) {
  for (int k = 0; k < f->plan->count; k++) {
    const leat_flow_part *x = &f->plan->parts[k];
    if (x->kind == LEAT_FLOW_PART_COUNT) continue;
    if (x->kind == LEAT_FLOW_PART_SUM) {
      add_sums(f, x, batch);
      continue;
    }
    leat_flow_column row;
    const leat_flow_column *c = leat_flow_part_column(x->field, batch->columns, &row);
    for (int i = 0; i < batch->rows; i++)
      if (!x->fn->add(f->accs[i] + x->fast_at, &x->of, c, i)) return leat__oom(err, 1);
  }
  return LEAT_OK;
}

bool leat_flow_fast_merge(const leat_flow_combine_plan *p, char *into, const char *from) {
  ((leat_flow_acc *)(void *)into)->rows += ((const leat_flow_acc *)(const void *)from)->rows;
  for (int k = 0; k < p->count; k++) {
    const leat_flow_part *x = &p->parts[k];
    if (x->kind == LEAT_FLOW_PART_SUM)
      *(__int128 *)(void *)(into + x->fast_at) +=
          *(const __int128 *)(const void *)(from + x->fast_at);
    else if (x->kind == LEAT_FLOW_PART_ANY &&
             !x->fn->merge(into + x->fast_at, from + x->fast_at, &x->of))
      return false;
  }
  return true;
}

void leat_flow_fast_subtract(const leat_flow_combine_plan *p, char *from, const char *part) {
  ((leat_flow_acc *)(void *)from)->rows -= ((const leat_flow_acc *)(const void *)part)->rows;
  for (int k = 0; k < p->count; k++)
    if (p->parts[k].kind == LEAT_FLOW_PART_SUM)
      *(__int128 *)(void *)(from + p->parts[k].fast_at) -=
          *(const __int128 *)(const void *)(part + p->parts[k].fast_at);
}

void leat_flow_fast_clear(const leat_flow_combine_plan *p, char *acc) {
  for (int k = 0; !p->compact && k < p->count; k++)
    if (p->parts[k].kind == LEAT_FLOW_PART_ANY && p->parts[k].fn->clear)
      p->parts[k].fn->clear(acc + p->parts[k].fast_at);
  memset(acc, 0, p->stride);
}

// --- Results out --------------------------------------------------------------------------------
static leat_status too_great(const leat_flow_part *x, leat_error *err) {
  return leat_error_set(err, LEAT_OUT_OF_RANGE,
                        "the sum of '" LEAT_STR_FMT "' does not fit 64 bits; sum it as double",
                        LEAT_STR_ARG(x->of.in->name));
}

static int64_t count_of(const char *acc) {
  return ((const leat_flow_acc *)(const void *)acc)->rows;
}

static leat_status give(leat_flow_fast_op *f, leat_flow_batch *batch, leat_error *err) {
  if (f->give) return f->give(f->context, batch, err);
  return leat_flow_grouping_give(&f->op, &f->plan->grouping, batch, err);
}

// Where some part or the key is not simple: value by value.
static leat_status row_result(leat_flow_fast_op *f, int32_t id, const char *acc,
                              leat_flow_window window, leat_error *err) {
  const leat_flow_combine_plan *p = f->plan;
  leat_str key = leat_flow_key_bytes(&f->keys, id);
  if (f->keys.kind == LEAT_FLOW_KEY_INT)
    leat_flow_rows_int(f->rows, (int64_t)f->keys.keys.at[id].words[0]);
  else if (f->keys.kind == LEAT_FLOW_KEY_TEXT)
    leat_flow_rows_text(f->rows, key);
  else
    leat_flow_row_unpack(p->grouping.out, p->grouping.all_keys, p->grouping.key_count, &key,
                         f->rows);
  leat_status status = LEAT_OK;
  for (int k = 0; !status && k < p->count; k++) {
    const leat_flow_part *x = &p->parts[k];
    __int128 sum = 0;
    if (x->kind == LEAT_FLOW_PART_SUM) memcpy(&sum, acc + x->fast_at, sizeof sum);
    if (sum > INT64_MAX || sum < INT64_MIN) return too_great(x, err);
    if (x->kind == LEAT_FLOW_PART_COUNT)
      leat_flow_rows_int(f->rows, count_of(acc));
    else if (x->kind == LEAT_FLOW_PART_SUM)
      leat_flow_rows_int(f->rows, (int64_t)sum);
    else if (x->raw)
      leat_flow_rows_text(f->rows, (leat_str){acc + x->fast_at, x->fn->bytes});
    else
      status = x->fn->read(acc + x->fast_at, &x->of, f->rows, err);
  }
  int64_t end = leat_flow_window_max(window);
  if (!status) status = leat_flow_rows_end(f->rows, end, &window, f->panes, err);
  if (status || leat_flow_rows_count(f->rows) < LEAT_FLOW_BATCH_ROWS) return status;
  return give(f, leat_flow_rows_take(f->rows), err);
}

static bool start_batch(leat_flow_fast_op *f) {
  const leat_flow_schema *schema = f->plan->grouping.out;
  leat_flow_batch *b = leat_flow_batch_new(schema, LEAT_FLOW_BATCH_ROWS);
  size_t rows = LEAT_FLOW_BATCH_ROWS;
  if (!b) return false;
  f->out = b;
  b->rows = 0;
  b->windows = leat_flow_block_alloc(b->owner, rows * sizeof *b->windows);
  b->panes = f->panes;
  leat_flow_block *values = leat_flow_block_new();
  bool good = b->windows && values && leat_flow_block_keep(b->owner, f->shared);
  f->out_text = 0;
  f->out_cap = rows * 24;
  for (int i = 0; good && i < schema->count; i++) {
    leat_flow_column *c = &b->columns[i];
    bool text = !i && f->keys.kind == LEAT_FLOW_KEY_TEXT;
    c->owner = leat_flow_block_ref(values);
    c->values = leat_flow_block_alloc(values, text ? (rows + 1) * 4 : rows * 8);
    if (text) c->bytes = leat_flow_block_alloc(values, f->out_cap);
    good = c->values && (!text || c->bytes);
    if (good && text) *(int32_t *)c->values = 0;
  }
  leat_flow_block_unref(values);
  return good;
}

leat_status leat_flow_fast_flush(leat_flow_fast_op *f, leat_error *err) {
  leat_status status = LEAT_OK;
  leat_flow_batch *out = f->out;
  f->out = NULL;
  if (out) status = give(f, out, err);
  if (!status && leat_flow_rows_count(f->rows)) status = give(f, leat_flow_rows_take(f->rows), err);
  return status;
}

static void put_key(leat_flow_fast_op *f, int row, int32_t id, leat_str key) {
  leat_flow_column *c = &f->out->columns[0];
  if (f->keys.kind == LEAT_FLOW_KEY_INT) {
    ((int64_t *)c->values)[row] = (int64_t)f->keys.keys.at[id].words[0];
    return;
  }
  if (key.len <= 16)
    memcpy(c->bytes + f->out_text, key.ptr, 16);
  else
    memcpy(c->bytes + f->out_text, key.ptr, key.len);
  f->out_text += key.len;
  ((int32_t *)c->values)[row + 1] = (int32_t)f->out_text;
}

leat_status leat_flow_fast_result(leat_flow_fast_op *f, int32_t id, const char *acc,
                                  leat_flow_window window, leat_error *err) {
  const leat_flow_combine_plan *p = f->plan;
  if (!p->compact || f->keys.kind == LEAT_FLOW_KEY_PACKED)
    return row_result(f, id, acc, window, err);
  leat_str key = leat_flow_key_bytes(&f->keys, id);
  bool full =
      f->out && (f->out->rows == LEAT_FLOW_BATCH_ROWS || f->out_text + key.len > f->out_cap);
  leat_status status = full ? leat_flow_fast_flush(f, err) : LEAT_OK;
  if (status) return status;
  if (key.len > LEAT_FLOW_BATCH_ROWS) return row_result(f, id, acc, window, err);
  if (!f->out && !start_batch(f)) return leat__oom(err, p->stride);
  int row = f->out->rows;
  put_key(f, row, id, key);
  for (int k = 0; k < p->count; k++) {
    const leat_flow_part *x = &p->parts[k];
    int64_t value = count_of(acc);
    if (x->kind == LEAT_FLOW_PART_SUM) {
      __int128 sum = *(const __int128 *)(const void *)(acc + x->fast_at);
      if (sum > INT64_MAX || sum < INT64_MIN) return too_great(x, err);
      value = (int64_t)sum;
    }
    ((int64_t *)f->out->columns[k + p->grouping.key_count].values)[row] = value;
  }
  f->out->windows[row] = window;
  f->out->timestamps[row] = leat_flow_window_max(window);
  f->out->rows++;
  return LEAT_OK;
}
