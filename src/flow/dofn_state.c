// State and timers of a DoFn's call: values to serialised cells, moments to queues.
// SPDX-License-Identifier: Apache-2.0
#include "flow/dofn_impl.h"

#include <inttypes.h>

// --- Cells --------------------------------------------------------------------------------------
static leat_status fail(const leat_dofn_call *call, int state, leat_error *err, const char *what) {
  const leat_dofn *fn = call->op->plan->dofn;
  const char *name = state >= 0 && state < fn->state_count ? fn->states[state].name : "?";
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "DoFn '%s': state '%s': %s", fn->name, name,
                        what);
}

// NULL: there is no such state at hand, of one of the kinds (bits).
static leat_flow_cell *cell_of(const leat_dofn_call *call, int state, unsigned kinds) {
  const leat_dofn *fn = call->op->plan->dofn;
  if (!call->scope || state < 0 || state >= fn->state_count) return NULL;
  return kinds >> fn->states[state].kind & 1 ? &call->scope->cells[state] : NULL;
}

#define KIND(kind) (1u << LEAT_CELL_##kind)
#define ALL (~0u)

static leat_status encoded(const leat_dofn_call *call, int state, const leat_flow_coder *coder,
                           const leat_flow_value *value, leat_buf *out, leat_error *err) {
  leat_status status = leat_flow_encode(coder, value, true, out, err);
  if (!status) return LEAT_OK;
  return leat_error_prepend(err, status, "DoFn '%s': state '%s'", call->op->plan->dofn->name,
                            call->op->plan->dofn->states[state].name);
}

// What is shown is a copy: the record may go before the call returns.
static bool decoded(leat_dofn_call *call, const leat_flow_coder *coder, leat_str bytes,
                    leat_flow_value *out) {
  leat_str copy = {leat_arena_str(&call->arena, bytes), bytes.len};
  return copy.ptr && !leat_flow_decode(coder, &copy, true, &call->arena, out, NULL);
}

static const leat_dofn_cell *plan_of(const leat_dofn_call *call, int state) {
  return &call->op->plan->cells[state];
}

bool leat_cell_read(leat_dofn_call *call, int state, leat_flow_value *out) {
  const leat_flow_cell *cell = cell_of(call, state, KIND(VALUE) | KIND(COMBINING));
  *out = leat_flow_null();
  if (!cell || !cell->records.count) return false;
  return decoded(call, plan_of(call, state)->value, leat_flow_record_value(cell->records.at[0]),
                 out);
}

// Writes through one of the functions on cells that take a value's bytes.
static leat_status store(leat_dofn_call *call, int state, leat_flow_cell *cell,
                         bool (*into)(leat_flow_cell *, leat_str), const leat_flow_value *value,
                         leat_error *err) {
  leat_buf bytes = {0};
  leat_status status = encoded(call, state, plan_of(call, state)->value, value, &bytes, err);
  if (!status && !into(cell, leat_buf_view(&bytes))) status = leat__oom(err, bytes.len);
  leat_buf_deinit(&bytes);
  return status;
}

leat_status leat_cell_write(leat_dofn_call *call, int state, const leat_flow_value *value,
                            leat_error *err) {
  leat_flow_cell *cell = cell_of(call, state, KIND(VALUE));
  if (!cell) return fail(call, state, err, "no value to write at hand");
  return store(call, state, cell, leat_flow_cell_set, value, err);
}

static int64_t combine_int(leat_cell_combine how, int64_t a, int64_t b) {
  if (how == LEAT_CELL_SUM) return (int64_t)((uint64_t)a + (uint64_t)b);
  return (how == LEAT_CELL_MIN) == (a < b) ? a : b;
}

static double combine_double(leat_cell_combine how, double a, double b) {
  if (how == LEAT_CELL_SUM) return a + b;
  return (how == LEAT_CELL_MIN) == (a < b) ? a : b;
}

static leat_status combine(leat_dofn_call *call, int state, leat_flow_cell *cell,
                           const leat_flow_value *value, leat_error *err) {
  leat_cell_combine how = call->op->plan->dofn->states[state].combine;
  leat_flow_value now, v = *value;
  if (leat_cell_read(call, state, &now)) {
    if (v.kind == LEAT_FLOW_INT) v.num = combine_int(how, now.num, v.num);
    if (v.kind == LEAT_FLOW_DOUBLE) v.real = combine_double(how, now.real, v.real);
  }
  return store(call, state, cell, leat_flow_cell_set, &v, err);
}

static bool put_key(leat_flow_cell *cell, leat_str key) {
  return leat_flow_cell_put(cell, key, (leat_str){0});
}

leat_status leat_cell_add(leat_dofn_call *call, int state, const leat_flow_value *value,
                          leat_error *err) {
  leat_flow_cell *cell = cell_of(call, state, KIND(BAG) | KIND(COMBINING) | KIND(SET));
  if (!cell) return fail(call, state, err, "nothing to add to at hand");
  switch ((int)call->op->plan->dofn->states[state].kind) {
    case LEAT_CELL_BAG: return store(call, state, cell, leat_flow_cell_add, value, err);
    case LEAT_CELL_SET: return store(call, state, cell, put_key, value, err);
    default: return combine(call, state, cell, value, err);
  }
}

leat_status leat_cell_put(leat_dofn_call *call, int state, const leat_flow_value *key,
                          const leat_flow_value *value, leat_error *err) {
  leat_flow_cell *cell = cell_of(call, state, KIND(MAP));
  leat_buf name = {0}, bytes = {0};
  if (!cell) return fail(call, state, err, "no map at hand");
  leat_status status = encoded(call, state, plan_of(call, state)->key, key, &name, err);
  if (!status) status = encoded(call, state, plan_of(call, state)->value, value, &bytes, err);
  if (!status && !leat_flow_cell_put(cell, leat_buf_view(&name), leat_buf_view(&bytes)))
    status = leat__oom(err, bytes.len);
  leat_buf_deinit(&name);
  leat_buf_deinit(&bytes);
  return status;
}

leat_status leat_cell_add_at(leat_dofn_call *call, int state, int64_t time,
                             const leat_flow_value *value, leat_error *err) {
  leat_flow_cell *cell = cell_of(call, state, KIND(ORDERED));
  leat_buf bytes = {0};
  if (!cell) return fail(call, state, err, "no ordered list at hand");
  leat_status status = encoded(call, state, plan_of(call, state)->value, value, &bytes, err);
  if (!status && !leat_flow_cell_add_at(cell, time, leat_buf_view(&bytes)))
    status = leat__oom(err, bytes.len);
  leat_buf_deinit(&bytes);
  return status;
}

static const leat_flow_coder *key_coder(const leat_dofn_call *call, int state) {
  bool map = call->op->plan->dofn->states[state].kind == LEAT_CELL_MAP;
  return map ? plan_of(call, state)->key : plan_of(call, state)->value;
}

bool leat_cell_get(leat_dofn_call *call, int state, const leat_flow_value *key,
                   leat_flow_value *out) {
  const leat_flow_cell *cell = cell_of(call, state, KIND(MAP) | KIND(SET));
  leat_buf name = {0};
  *out = leat_flow_null();
  if (!cell) return false;
  leat_status status = encoded(call, state, key_coder(call, state), key, &name, NULL);
  const leat_flow_record *r = status ? NULL : leat_flow_cell_find(cell, leat_buf_view(&name));
  leat_buf_deinit(&name);
  if (!r) return false;
  if (call->op->plan->dofn->states[state].kind == LEAT_CELL_SET) return *out = *key, true;
  return decoded(call, plan_of(call, state)->value, leat_flow_record_value(r), out);
}

leat_status leat_cell_remove(leat_dofn_call *call, int state, const leat_flow_value *key,
                             leat_error *err) {
  leat_flow_cell *cell = cell_of(call, state, KIND(MAP) | KIND(SET));
  leat_buf name = {0};
  if (!cell) return fail(call, state, err, "no map or set at hand");
  leat_status status = encoded(call, state, key_coder(call, state), key, &name, err);
  if (!status) leat_flow_cell_remove(cell, leat_buf_view(&name));
  leat_buf_deinit(&name);
  return status;
}

static bool show(leat_dofn_call *call, int state, const leat_flow_record *r, leat_flow_value *out) {
  const leat_dofn_cell *plan = plan_of(call, state);
  switch (call->op->plan->dofn->states[state].kind) {
    case LEAT_CELL_SET: return decoded(call, plan->value, leat_flow_record_key(r), out);
    case LEAT_CELL_MAP:
      *out = (leat_flow_value){.kind = LEAT_FLOW_KV, .count = 2};
      out->items = leat_arena_alloc(&call->arena, 2 * sizeof *out);
      return out->items && decoded(call, plan->key, leat_flow_record_key(r), &out->items[0]) &&
             decoded(call, plan->value, leat_flow_record_value(r), &out->items[1]);
    default: return decoded(call, plan->value, leat_flow_record_value(r), out);
  }
}

static leat_status show_all(leat_dofn_call *call, int state, const leat_flow_cell *cell,
                            size_t first, size_t end, const leat_flow_value **items,
                            leat_error *err) {
  leat_flow_value *all = leat_arena_alloc(&call->arena, (end - first + 1) * sizeof *all);
  if (!all) return leat__oom(err, sizeof *all);
  for (size_t i = first; i < end; i++)
    if (!show(call, state, cell->records.at[i], &all[i - first]))
      return leat__oom(err, sizeof *all);
  return *items = all, LEAT_OK;
}

leat_status leat_cell_list(leat_dofn_call *call, int state, const leat_flow_value **items,
                           size_t *count, leat_error *err) {
  const leat_flow_cell *cell = cell_of(call, state, ALL);
  if (!cell) return fail(call, state, err, "no items at hand");
  *count = cell->records.count;
  return show_all(call, state, cell, 0, *count, items, err);
}

leat_status leat_cell_range(leat_dofn_call *call, int state, int64_t from, int64_t to,
                            const leat_flow_value **items, const int64_t **times, size_t *count,
                            leat_error *err) {
  const leat_flow_cell *cell = cell_of(call, state, KIND(ORDERED));
  if (!cell) return fail(call, state, err, "no ordered list at hand");
  size_t first = leat_flow_cell_at(cell, from), end = leat_flow_cell_at(cell, to);
  if (end < first) end = first;
  *count = end - first;
  leat_status status = show_all(call, state, cell, first, end, items, err);
  if (status || !times) return status;
  int64_t *all = leat_arena_alloc(&call->arena, (*count + 1) * sizeof *all);
  if (!all) return leat__oom(err, sizeof *all);
  for (size_t i = 0; i < *count; i++) all[i] = cell->records.at[first + i]->time;
  return *times = all, LEAT_OK;
}

void leat_cell_clear(leat_dofn_call *call, int state) {
  leat_flow_cell *cell = cell_of(call, state, ALL);
  if (cell) leat_flow_cell_clear(cell);
}

void leat_cell_clear_range(leat_dofn_call *call, int state, int64_t from, int64_t to) {
  leat_flow_cell *cell = cell_of(call, state, KIND(ORDERED));
  if (cell) leat_flow_cell_cut(cell, leat_flow_cell_at(cell, from), leat_flow_cell_at(cell, to));
}

// --- Timers -------------------------------------------------------------------------------------
int64_t leat_dofn_end_of_life(const leat_dofn_op *op, leat_flow_window window) {
  int64_t last = leat_flow_window_max(window), late = op->strategy->lateness_ms;
  return late < LEAT_FLOW_GLOBAL_MAX - last ? last + late : LEAT_FLOW_GLOBAL_MAX;
}

static leat_status bad_timer(const leat_dofn_call *call, int timer, leat_error *err,
                             const char *what, int64_t time, int64_t bound) {
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "DoFn '%s': timer '%s': %s %" PRId64 " ms, the bound is %" PRId64 " ms",
                        call->op->plan->dofn->name, call->op->plan->dofn->timers[timer].name, what,
                        time, bound);
}

// When it fires; *gone: it would only after the window's end of life.
static leat_status fire_time(const leat_dofn_call *call, int timer, const leat_timer_at *at,
                             int64_t *fire, bool *gone, leat_error *err) {
  const leat_dofn_op *op = call->op;
  int64_t end = leat_dofn_end_of_life(op, call->scope->window), now = op->op.worker->now;
  bool event = op->plan->dofn->timers[timer].domain == LEAT_EVENT_TIME;
  bool again = event && call->at == AT_TIMER;  // from where it fired, however far the watermark is
  int64_t base = again ? call->fired : event ? call->timestamp : now;
  if (at->time > LEAT_FLOW_TIME_MAX || at->time < LEAT_FLOW_TIME_MIN)
    return bad_timer(call, timer, err, "set to", at->time, LEAT_FLOW_TIME_MAX);
  *fire = at->relative ? base + at->time : at->time;
  *gone = at->relative && again && call->fired >= end;
  if (!event || *fire <= end) return LEAT_OK;
  if (!at->relative)
    return bad_timer(call, timer, err, "set after its window's end of life, to", *fire, end);
  return *fire = end, LEAT_OK;
}

static leat_status output_time(const leat_dofn_call *call, int timer, const leat_timer_at *at,
                               int64_t fire, int64_t *output, leat_error *err) {
  int64_t end = leat_dofn_end_of_life(call->op, call->scope->window);
  bool event = call->op->plan->dofn->timers[timer].domain == LEAT_EVENT_TIME;
  *output = at->has_output ? at->output : event ? fire : call->timestamp;
  if (!at->has_output) {  // one that is due at once gives out at the time of what is at hand
    if (*output < call->timestamp) *output = call->timestamp;
    if (*output > end) *output = end;
    return LEAT_OK;
  }
  if (*output < call->timestamp)
    return bad_timer(call, timer, err, "its output time is before what is at hand:", *output,
                     call->timestamp);
  if (*output > end)
    return bad_timer(call, timer, err,
                     "its output time is after its window's end of life:", *output, end);
  return LEAT_OK;
}

leat_status leat_timer_set(leat_dofn_call *call, int timer, leat_timer_at at, leat_error *err) {
  leat_dofn_op *op = call->op;
  int64_t fire = 0, output = 0;
  bool gone = false;
  if (!call->scope || call->at == AT_EXPIRY || timer < 0 || timer >= op->plan->dofn->timer_count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "DoFn '%s': no timer %d can be set here",
                          op->plan->dofn->name, timer);
  leat_status status = fire_time(call, timer, &at, &fire, &gone, err);
  if (!status) status = output_time(call, timer, &at, fire, &output, err);
  if (status || gone) return status;
  int index = leat_flow_timer_of(call->scope, timer, at.tag);
  if (index < 0) return leat__oom(err, sizeof(leat_flow_timer));
  leat_flow_timer *t = &call->scope->timers.at[index];
  bool event = op->plan->dofn->timers[timer].domain == LEAT_EVENT_TIME;
  t->fire = fire;
  t->output = output;
  t->stamp = ++op->stamp;
  leat_flow_due due = {fire, t->stamp, call->scope, index};
  bool room = leat_flow_queue_push(event ? &op->event : &op->processing, due);
  due.time = output;
  if (room && !at.no_hold) room = leat_flow_queue_push(&op->holds, due);
  return room ? LEAT_OK : leat__oom(err, sizeof due);
}

void leat_timer_clear(leat_dofn_call *call, int timer, leat_str tag) {
  int index = call->scope ? leat_flow_timer_of(call->scope, timer, tag) : -1;
  if (index >= 0) call->scope->timers.at[index].stamp = 0;
}
