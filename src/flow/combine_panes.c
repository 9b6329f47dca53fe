// Combine's fast path for fixed, sliding and global windows: accumulators by pane and key id.
// SPDX-License-Identifier: Apache-2.0
//
//   time: | pane | pane | pane | pane |   a pane: gcd(size, period) long
//         |<---- window ---->|            a window: several panes, merged when it ends
//
// Windows end in order, so the timers are the panes themselves. Sums and counts of a window are
// those of the one before it, plus the panes that enter, less those that leave.
#include "flow/combine_impl.h"

#include <string.h>

enum { TRIAL = 200000, WORTH = 6 };  // rows before lifting is judged; rows for one that is sent
enum { AHEAD = 24 };                 // rows whose accumulators are asked for before

typedef struct pane {
  int64_t number;  // covers [number * length, + length) from the offset on
  char *accs;      // by key id
  size_t cap;      // ids
  LEAT_VEC(int32_t) touched;
} pane;

typedef struct panes_op panes_op;
struct panes_op {
  leat_flow_fast_op fast;
  leat_flow_window_fn fn;
  int64_t length;         // of a pane; 0: the global window
  LEAT_VEC(pane *) live;  // in order of time
  LEAT_VEC(pane *) spare;
  pane *window;         // sliding: the window being made
  int64_t next_start;   // sliding: of the first window that has not been given out
  int64_t done;         // sliding: windows that end up to here have been given out
  bool running;         // `window` holds the one before next_start
  pane *last;           // looked up last
  panes_op *own;        // lifting: this worker's own rows, in panes of the same length
  bool lenient;         // of such a one: what is late is for the receiver to judge
  int64_t taken, sent;  // of such a one: rows
};

// --- Panes --------------------------------------------------------------------------------------
static void pane_free(const leat_flow_combine_plan *p, pane *x) {
  for (size_t i = 0; x && i < x->touched.count; i++)
    leat_flow_fast_clear(p, x->accs + (size_t)x->touched.at[i] * p->stride);
  if (!x) return;
  leat__free(x->accs);
  leat_vec_deinit(&x->touched);
  leat__free(x);
}

static bool pane_room(const panes_op *o, pane *x) {
  size_t ids = o->fast.keys.keys.count, stride = o->fast.plan->stride;
  if (ids <= x->cap) return true;
  size_t cap = x->cap ? x->cap * 2 : 256;
  while (cap < ids) cap *= 2;
  char *accs = leat__alloc_aligned(cap * stride);
  if (!accs) return false;
  if (x->cap) memcpy(accs, x->accs, x->cap * stride);
  memset(accs + x->cap * stride, 0, (cap - x->cap) * stride);
  leat__free(x->accs);
  x->accs = accs;
  x->cap = cap;
  return true;
}

static pane *pane_new(panes_op *o) {
  if (o->spare.count) return o->spare.at[--o->spare.count];
  return leat__calloc(1, sizeof(pane));
}

// Forgets what it holds; the keys lose a use.
static void pane_end(panes_op *o, pane *x) {
  size_t stride = o->fast.plan->stride;
  for (size_t i = 0; i < x->touched.count; i++) {
    leat_flow_fast_clear(o->fast.plan, x->accs + (size_t)x->touched.at[i] * stride);
    leat_flow_keys_release(&o->fast.keys, x->touched.at[i]);
  }
  x->touched.count = 0;
  if (o->last == x) o->last = NULL;
  if (!leat_vec_push(&o->spare, x)) pane_free(o->fast.plan, x);
}

static pane *pane_find(panes_op *o, int64_t number) {
  size_t at = o->live.count;
  while (at && o->live.at[at - 1]->number > number) at--;
  if (at && o->live.at[at - 1]->number == number) return o->live.at[at - 1];
  pane *x = pane_new(o);
  if (!x || !leat_vec_push(&o->live, NULL)) return pane_free(o->fast.plan, x), NULL;
  memmove(&o->live.at[at + 1], &o->live.at[at], (o->live.count - 1 - at) * sizeof *o->live.at);
  x->number = number;
  return o->live.at[at] = x;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static int64_t pane_start(const panes_op *o, const pane *x) {
  return x->number * o->length + o->fn.offset_ms;
}

static void empty_window(panes_op *o) {
  pane *w = o->window;
  for (size_t i = 0; i < w->touched.count; i++)
    leat_flow_fast_clear(o->fast.plan, w->accs + (size_t)w->touched.at[i] * o->fast.plan->stride);
  w->touched.count = 0;
  o->running = false;
}

// --- Rows ---------------------------------------------------------------------------------------
// Counts the windows of a row that have been given out; true: all of them. `rows`: that it stands
// for.
static bool is_late(panes_op *o, int64_t ts, int64_t rows) {
  leat_flow_window w;
  bool open = false;
  bool more = leat_flow_window_first(&o->fn, ts, &w);
  for (; more; more = leat_flow_window_next(&o->fn, ts, &w)) {
    bool late = o->fast.op.input_watermark > leat_flow_window_max(w);
    if (late) leat_flow_count(&o->fast.op.counts.dropped_late, rows);
    open |= !late;
  }
  return !open;
}

static inline bool touch(panes_op *o, pane *x, int32_t id, char *acc, int64_t rows) {
  leat_flow_acc *head = (leat_flow_acc *)(void *)acc;
  bool known = head->rows;
  head->rows += rows;
  if (known) return true;
  o->fast.keys.keys.at[id].uses++;
  return leat_vec_push(&x->touched, id);
}

// A row that comes into a pane which the window at hand has taken in already is not in the window:
// that is then made anew.
static void distrust(panes_op *o, const pane *x) {
  int64_t end = o->next_start - o->fn.period_ms + o->fn.size_ms;
  if (o->running && pane_start(o, x) < end) empty_window(o);
}

// Accumulators of the rows of a batch, each made if it is new.
static leat_status choose(panes_op *o, const leat_flow_batch *batch, const int64_t *rows,
                          leat_error *err) {
  leat_flow_fast_op *f = &o->fast;
  size_t stride = f->plan->stride;
  int64_t open = o->lenient ? INT64_MIN : f->op.input_watermark;  // later rows are in open windows
  pane *last = o->last;
  int64_t from = last ? pane_start(o, last) : 0, to = last ? from + o->length : 0;
  if (last && !pane_room(o, last)) return leat__oom(err, stride);
  if (last) distrust(o, last);
  for (int i = 0; i < batch->rows; i++) {
    int64_t ts = batch->timestamps[i];
    f->accs[i] = f->nowhere;
    if (ts < open && is_late(o, ts, rows ? rows[i] : 1)) continue;
    if (!last || (o->length && (ts < from || ts >= to))) {
      last = pane_find(o, o->length ? floor_div(ts - o->fn.offset_ms, o->length) : 0);
      if (!last || !pane_room(o, last)) return leat__oom(err, stride);
      from = pane_start(o, last), to = from + o->length;
      distrust(o, last);
    }
    f->accs[i] = last->accs + (size_t)f->ids[i] * stride;
    if (i + AHEAD < batch->rows)
      __builtin_prefetch(last->accs + (size_t)f->ids[i + AHEAD] * stride, 1);
    if (!touch(o, last, f->ids[i], f->accs[i], rows ? rows[i] : 1)) return leat__oom(err, stride);
  }
  o->last = last;
  return LEAT_OK;
}

// A key all of whose rows were dropped is of no use.
static void forget_dropped(panes_op *o, const leat_flow_batch *batch) {
  leat_flow_fast_op *f = &o->fast;
  leat_flow_fast_clear(f->plan, f->nowhere);
  for (int i = 0; i < batch->rows; i++)
    if (f->accs[i] == f->nowhere && f->keys.keys.at[f->ids[i]].len &&
        !f->keys.keys.at[f->ids[i]].uses)
      leat_flow_keys_forget(&f->keys, f->ids[i]);
}

static leat_status take(panes_op *o, const leat_flow_batch *batch, leat_error *err) {
  leat_flow_fast_op *f = &o->fast;
  leat_status status = leat_flow_keys_find(&f->keys, batch, f->ids, err);
  if (!status) status = choose(o, batch, NULL, err);
  if (!status) status = leat_flow_fast_add(f, batch, err);
  if (!status) forget_dropped(o, batch);
  return status;
}

static leat_status merge_raw(leat_flow_fast_op *f, const leat_flow_part *x,
                             const leat_flow_column *c, const leat_flow_batch *batch,
                             leat_error *err) {
  void *acc = leat__alloc_aligned(x->fn->bytes);
  bool good = acc;
  for (int i = 0; good && i < batch->rows; i++) {
    memcpy(acc, leat_flow_text(c, i).ptr, x->fn->bytes);
    good = x->fn->merge(f->accs[i] + x->fast_at, acc, &x->of);
  }
  return leat__free(acc), good ? LEAT_OK : leat__oom(err, x->fn->bytes);
}

// What workers made of their own rows.
static leat_status take_lifted(panes_op *o, const leat_flow_batch *batch, leat_error *err) {
  leat_flow_fast_op *f = &o->fast;
  const leat_flow_combine_plan *p = f->plan;
  const int64_t *rows = batch->columns[batch->schema->count - 1].values;
  const int *raw = f->keys.fields;
  f->keys.fields = p->grouping.all_keys;
  leat_status status = leat_flow_keys_find(&f->keys, batch, f->ids, err);
  f->keys.fields = raw;
  if (!status) status = choose(o, batch, rows, err);
  for (int k = 0; !status && k < p->count; k++) {
    const leat_flow_column *c = &batch->columns[p->grouping.key_count + k];
    size_t at = p->parts[k].fast_at;
    if (p->parts[k].kind == LEAT_FLOW_PART_ANY) status = merge_raw(f, &p->parts[k], c, batch, err);
    if (p->parts[k].kind != LEAT_FLOW_PART_SUM) continue;
    const int64_t *sums = c->values;
    for (int i = 0; i < batch->rows; i++) *(__int128 *)(void *)(f->accs[i] + at) += sums[i];
  }
  if (!status) forget_dropped(o, batch);
  return status;
}

static leat_status panes_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                               leat_error *err) {
  panes_op *o = (panes_op *)op;
  (void)input;
  if (o->own && batch->schema == o->own->fast.plan->grouping.out) return take_lifted(o, batch, err);
  return take(o, batch, err);
}

// --- Windows ------------------------------------------------------------------------------------
static leat_status give_out(panes_op *o, const pane *x, leat_flow_window window, leat_error *err) {
  size_t stride = o->fast.plan->stride;
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < x->touched.count; i++) {
    const char *acc = x->accs + (size_t)x->touched.at[i] * stride;
    status = leat_flow_fast_result(&o->fast, x->touched.at[i], acc, window, err);
  }
  return status ? status : leat_flow_fast_flush(&o->fast, err);
}

static leat_status end_fixed(panes_op *o, int64_t to, leat_error *err) {
  leat_status status = LEAT_OK;
  size_t ended = 0;
  for (; !status && ended < o->live.count; ended++) {
    pane *x = o->live.at[ended];
    leat_flow_window w;
    leat_flow_window_first(&o->fn, o->length ? pane_start(o, x) : 0, &w);
    if (to <= leat_flow_window_max(w)) break;
    status = give_out(o, x, w, err);
    pane_end(o, x);
  }
  o->live.count -= ended;
  if (o->live.count) memmove(o->live.at, o->live.at + ended, o->live.count * sizeof *o->live.at);
  return status;
}

static bool enter(panes_op *o, const pane *x) {
  size_t stride = o->fast.plan->stride;
  if (!pane_room(o, o->window)) return false;
  for (size_t i = 0; i < x->touched.count; i++) {
    int32_t id = x->touched.at[i];
    char *acc = o->window->accs + (size_t)id * stride;
    if (!((leat_flow_acc *)(void *)acc)->rows && !leat_vec_push(&o->window->touched, id))
      return false;
    if (!leat_flow_fast_merge(o->fast.plan, acc, x->accs + (size_t)id * stride)) return false;
  }
  return true;
}

static void leave(panes_op *o, const pane *x) {
  size_t stride = o->fast.plan->stride;
  for (size_t i = 0; i < x->touched.count; i++) {
    size_t at = (size_t)x->touched.at[i] * stride;
    leat_flow_fast_subtract(o->fast.plan, o->window->accs + at, x->accs + at);
  }
}

// Drops keys that have left from the list of those in the window.
static void tidy(panes_op *o) {
  pane *w = o->window;
  size_t kept = 0;
  for (size_t i = 0; i < w->touched.count; i++) {
    const char *acc = w->accs + (size_t)w->touched.at[i] * o->fast.plan->stride;
    if (((const leat_flow_acc *)(const void *)acc)->rows) w->touched.at[kept++] = w->touched.at[i];
  }
  w->touched.count = kept;
}

// The panes of [from, to) enter or leave the window.
static bool move_panes(panes_op *o, int64_t from, int64_t to, bool in) {
  for (size_t i = 0; i < o->live.count; i++) {
    int64_t start = pane_start(o, o->live.at[i]);
    if (start < from || start >= to) continue;
    if (in && !enter(o, o->live.at[i])) return false;
    if (!in) leave(o, o->live.at[i]);
  }
  return true;
}

static leat_status end_window(panes_op *o, int64_t start, leat_error *err) {
  int64_t end = start + o->fn.size_ms, period = o->fn.period_ms;
  bool good = true;
  if (o->running) {
    good = move_panes(o, end - period, end, true);
    if (good) move_panes(o, start - period, start, false), tidy(o);
  } else {
    good = move_panes(o, start, end, true);
  }
  if (!good) return leat__oom(err, o->fast.plan->stride);
  leat_status status = give_out(o, o->window, (leat_flow_window){start, end}, err);
  if (o->fast.plan->compact)
    o->running = true;
  else
    empty_window(o);
  return status;
}

// Panes that no window to come has; the next window to be made may still have to see them leave.
static void drop_panes(panes_op *o) {
  size_t gone = 0;
  int64_t needed = o->next_start - (o->running ? o->fn.period_ms : 0);
  while (gone < o->live.count && pane_start(o, o->live.at[gone]) + o->length <= needed)
    pane_end(o, o->live.at[gone++]);
  o->live.count -= gone;
  if (o->live.count) memmove(o->live.at, o->live.at + gone, o->live.count * sizeof *o->live.at);
}

// The start of the first window that has a time.
static int64_t first_window(const panes_op *o, int64_t ts) {
  leat_flow_window w, first = {0};
  bool more = leat_flow_window_first(&o->fn, ts, &w);
  for (; more; more = leat_flow_window_next(&o->fn, ts, &w)) first = w;
  return first.start;
}

// The start of the first window that is not empty and has not been given out.
static int64_t first_to_come(const panes_op *o) {
  int64_t start = first_window(o, pane_start(o, o->live.at[0])), period = o->fn.period_ms;
  int64_t behind = o->done - (start + o->fn.size_ms);  // >= 0: it has been
  if (behind >= 0) start += (behind / period + 1) * period;
  return o->running ? o->next_start : start;
}

static leat_status end_sliding(panes_op *o, int64_t to, leat_error *err) {
  leat_status status = LEAT_OK;
  while (!status && o->live.count) {
    o->next_start = first_to_come(o);
    if (to < o->next_start + o->fn.size_ms) break;
    status = end_window(o, o->next_start, err);
    o->done = o->next_start + o->fn.size_ms;
    o->next_start += o->fn.period_ms;
    drop_panes(o);
  }
  o->done = to;
  // Nothing is left that would have to leave the window.
  if (!o->live.count && o->running) empty_window(o);
  return status;
}

static int64_t first_end(panes_op *o) {  // that is to come
  leat_flow_window w;
  if (!o->live.count) return LEAT_FLOW_TIME_MAX;
  if (o->fn.kind == LEAT_FLOW_SLIDING) return first_to_come(o) + o->fn.size_ms - 1;
  leat_flow_window_first(&o->fn, o->length ? pane_start(o, o->live.at[0]) : 0, &w);
  return leat_flow_window_max(w);
}

static leat_status panes_watermark(leat_flow_op *op, int64_t to, leat_error *err) {
  panes_op *o = (panes_op *)op;
  leat_status status =
      o->fn.kind == LEAT_FLOW_SLIDING ? end_sliding(o, to, err) : end_fixed(o, to, err);
  op->hold = first_end(o);
  return status;
}

// --- Lifting ------------------------------------------------------------------------------------
static leat_status send(void *context, leat_flow_batch *batch, leat_error *err) {
  panes_op *o = context;
  if (batch) o->own->sent += batch->rows;
  if (batch) batch->windows = NULL, batch->panes = NULL;  // the receiver finds them as for any row
  return leat_flow_send(&o->fast.op, batch, err);
}

static leat_status panes_lift(leat_flow_op *op, int input, const leat_flow_batch *batch,
                              leat_error *err) {
  (void)input;
  panes_op *own = ((panes_op *)op)->own;
  own->taken += batch->rows;
  return take(own, batch, err);
}

static leat_status panes_lifted(leat_flow_op *op, int64_t mark, leat_error *err) {
  panes_op *own = ((panes_op *)op)->own;
  leat_status status = end_fixed(own, mark, err);
  if (status || own->taken < TRIAL || own->taken >= WORTH * own->sent) return status;
  op->lifts = false;  // so few rows are saved that they had better be exchanged one by one
  return end_fixed(own, LEAT_FLOW_TIME_MAX, err);
}

static leat_status start_own(panes_op *o, const leat_flow_combine_plan *p, leat_error *err) {
  panes_op *own = o->own = leat__calloc(1, sizeof *own);
  if (!own) return leat__oom(err, sizeof *own);
  own->fn = (leat_flow_window_fn){.kind = o->length ? LEAT_FLOW_FIXED : LEAT_FLOW_GLOBAL,
                                  .size_ms = o->length,
                                  .offset_ms = o->fn.offset_ms};
  own->length = o->length;
  own->lenient = true;
  own->fast.plan = p->lifted;
  own->fast.give = send;
  own->fast.context = o;
  o->fast.op.lifts = true;
  return leat_flow_fast_init(&own->fast, p->lifted, err);
}

static leat_status panes_finish_bundle(leat_flow_op *op, leat_error *err) {
  (void)err;
  op->hold = first_end((panes_op *)op);
  return LEAT_OK;
}

static void panes_free(leat_flow_op *op) {
  panes_op *o = (panes_op *)op;
  const leat_flow_combine_plan *p = o->fast.plan;
  if (o->own) panes_free(&o->own->fast.op);
  for (size_t i = 0; i < o->live.count; i++) pane_free(p, o->live.at[i]);
  for (size_t i = 0; i < o->spare.count; i++) pane_free(p, o->spare.at[i]);
  pane_free(p, o->window);
  leat_vec_deinit(&o->live);
  leat_vec_deinit(&o->spare);
  leat_flow_fast_deinit(&o->fast);
  leat__free(o);
}

static const leat_flow_op_class panes_class = {.batch = panes_batch,
                                               .watermark = panes_watermark,
                                               .finish_bundle = panes_finish_bundle,
                                               .lift = panes_lift,
                                               .lifted = panes_lifted,
                                               .free = panes_free};

static int64_t gcd(int64_t a, int64_t b) {
  for (int64_t rest; b; a = b, b = rest) rest = a % b;
  return a;
}

leat_status leat_flow_combine_panes_start(const leat_flow_combine_plan *p,
                                          const leat_flow_transform *t, leat_flow_worker *worker,
                                          leat_flow_op **out, leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(panes_op), &panes_class, t, worker, out, err);
  if (status) return status;
  panes_op *o = (panes_op *)*out;
  o->fn = p->grouping.strategy->window;
  o->done = LEAT_FLOW_TIME_MIN;
  if (o->fn.kind == LEAT_FLOW_FIXED) o->length = o->fn.size_ms;
  if (o->fn.kind == LEAT_FLOW_SLIDING) o->length = gcd(o->fn.size_ms, o->fn.period_ms);
  o->fast.plan = p;
  o->window = leat__calloc(1, sizeof *o->window);
  if (!o->window) return leat__oom(err, sizeof *o->window);
  status = leat_flow_fast_init(&o->fast, p, err);
  if (!status && worker->count > 1 && p->lifted) status = start_own(o, p, err);
  return status;
}
