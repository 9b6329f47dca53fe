// ParDo: a registered DoFn applied to each row, with its state, timers and side inputs.
// SPDX-License-Identifier: Apache-2.0
//
//   row -> (side inputs ready? else it waits) -> (window over? dropped) -> process
//   watermark: side inputs, what waits, timers in order of their times, ends of life
//
// Rows that wait hold the watermark that state and timers see, at the earliest of their times.
#include "flow/dofn_impl.h"

#include <inttypes.h>
#include <stdlib.h>

static leat_dofn_op *of(leat_flow_op *op) { return (leat_dofn_op *)op; }

// --- Calls of the function ----------------------------------------------------------------------
// Ends a call: what it was shown goes.
static void leave(leat_dofn_op *op) {
  leat_arena_clear(&op->call.arena);
  leat_flow_block_unref(op->call.block);
  op->call = (leat_dofn_call){.op = op, .arena = op->call.arena};
}

static leat_status enter_bundle(leat_dofn_op *op, leat_error *err) {
  const leat_dofn *fn = op->plan->dofn;
  if (op->in_bundle) return LEAT_OK;
  op->in_bundle = true;
  leat_status status = fn->start_bundle ? fn->start_bundle(&op->call, err) : LEAT_OK;
  leave(op);
  return status;
}

static leat_status leave_bundle(leat_flow_op *base, leat_error *err) {
  leat_dofn_op *op = of(base);
  const leat_dofn *fn = op->plan->dofn;
  leat_status status = LEAT_OK;
  if (op->in_bundle && fn->finish_bundle) status = fn->finish_bundle(&op->call, err);
  op->in_bundle = false;
  leave(op);
  return status ? status : leat_dofn_flush(op, err);
}

static leat_status key_bytes(leat_dofn_op *op, leat_buf *out, leat_error *err) {
  const leat_dofn_plan *plan = op->plan;
  leat_flow_value items[16], key = leat_flow_of_items(LEAT_FLOW_ROW, items, 0);
  for (int i = 0; i < plan->key_count; i++)
    items[key.count++] = leat_dofn_field(&op->call, plan->key_fields[i]);
  return leat_flow_encode(plan->key_coder, plan->key_count == 1 ? &items[0] : &key, true, out, err);
}

// A new scope ends by itself; a function that is told of that holds the watermark until then.
static leat_status find_scope(leat_dofn_op *op, leat_error *err) {
  leat_buf key = {0};
  bool made;
  leat_status status = key_bytes(op, &key, err);
  if (!status) {
    leat_flow_scope *scope =
        leat_flow_scope_of(&op->scopes, op->call.window, leat_buf_view(&key), &made);
    leat_flow_due due = {leat_dofn_end_of_life(op, op->call.window), ++op->stamp, scope,
                         LEAT_FLOW_NO_TIMER};
    bool room = scope && (!made || leat_flow_queue_push(&op->event, due));
    due.time = leat_flow_window_max(op->call.window);
    if (room && made && op->plan->dofn->on_window_expiration)
      room = leat_flow_queue_push(&op->holds, due);
    if (!room) status = leat__oom(err, sizeof *scope);
    op->call.scope = scope;
  }
  leat_buf_deinit(&key);
  return status;
}

static leat_status process(leat_dofn_op *op, leat_error *err) {
  leat_status status = LEAT_OK;
  bool over = op->plan->stateful && leat_dofn_end_of_life(op, op->call.window) < op->watermark;
  if (over) leat_flow_count(&op->op.counts.dropped_late, 1);
  if (!over && op->plan->stateful) status = find_scope(op, err);
  if (!over && !status) status = op->plan->dofn->process(&op->call, err);
  leave(op);
  return status;
}

// --- Rows ---------------------------------------------------------------------------------------
static bool sides_ready(const leat_dofn_op *op, leat_flow_window window) {
  for (int i = 0; i < op->plan->dofn->side_count; i++)
    if (!leat_flow_side_ready(op->sides[i], leat_flow_side_window(op->sides[i], window)))
      return false;
  return true;
}

static void show_row(leat_dofn_op *op, const leat_flow_batch *batch, int row) {
  static const leat_flow_pane none = {
      .first = true, .last = true, .timing = LEAT_FLOW_TIMING_UNKNOWN};
  op->call.at = AT_ROW;
  op->call.batch = batch;
  op->call.row = row;
  op->call.timestamp = batch->timestamps[row];
  op->call.pane = batch->panes ? batch->panes[row] : none;
  op->call.windowed = batch->windows != NULL;
  if (batch->windows) op->call.window = batch->windows[row];
}

static leat_status wait_for_sides(leat_dofn_op *op, const leat_flow_batch *batch, int row,
                                  leat_flow_window window, leat_error *err) {
  leat_flow_pane pane = op->call.pane;
  int64_t ts = batch->timestamps[row];
  for (int i = 0; i < batch->schema->count; i++)
    leat_flow_rows_copy(op->waiting, &batch->schema->fields[i], &batch->columns[i], row);
  if (ts < op->waiting_from) op->waiting_from = ts;
  return leat_flow_rows_end(op->waiting, ts, &window, &pane, err);
}

static leat_status in_window(leat_dofn_op *op, const leat_flow_batch *batch, int row,
                             leat_flow_window window, leat_error *err) {
  show_row(op, batch, row);
  if (!sides_ready(op, window)) return wait_for_sides(op, batch, row, window, err);
  op->call.windowed = true;
  op->call.window = window;
  return process(op, err);
}

static leat_status one_row(leat_dofn_op *op, const leat_flow_batch *batch, int row,
                           leat_error *err) {
  leat_flow_window w;
  leat_status status = LEAT_OK;
  int64_t ts = batch->timestamps[row];
  if (!op->plan->by_window) return show_row(op, batch, row), process(op, err);
  if (batch->windows) return in_window(op, batch, row, batch->windows[row], err);
  bool more = leat_flow_window_first(&op->strategy->window, ts, &w);
  for (; !status && more; more = leat_flow_window_next(&op->strategy->window, ts, &w))
    status = in_window(op, batch, row, w, err);
  return status;
}

static leat_status whole_batch(leat_dofn_op *op, const leat_flow_batch *batch, leat_error *err);

static leat_status main_batch(leat_dofn_op *op, const leat_flow_batch *batch, leat_error *err) {
  leat_status status = enter_bundle(op, err);
  if (op->plan->dofn->process_batch) return status ? status : whole_batch(op, batch, err);
  for (int row = 0; !status && row < batch->rows; row++) status = one_row(op, batch, row, err);
  return status ? status : leat_dofn_flush(op, err);
}

static void view_columns(leat_arena *arena, const leat_flow_field *fields, int count,
                         const leat_flow_column *from, leat_flow_array *to) {
  for (int i = 0; to && i < count; i++) {
    leat_flow_array *children = NULL;
    size_t inner = (size_t)fields[i].field_count;
    if (inner && (children = leat_arena_alloc(arena, inner * sizeof *to)))
      view_columns(arena, fields[i].fields, fields[i].field_count, from[i].children, children);
    to[i] = (leat_flow_array){from[i].validity, from[i].values, from[i].bytes, children};
  }
}

static leat_status whole_batch(leat_dofn_op *op, const leat_flow_batch *batch, leat_error *err) {
  size_t count = (size_t)batch->schema->count;
  leat_flow_array *columns = leat_arena_alloc(&op->call.arena, (count + 1) * sizeof *columns);
  if (!columns) return leat__oom(err, count * sizeof *columns);
  view_columns(&op->call.arena, batch->schema->fields, (int)count, batch->columns, columns);
  op->call.at = AT_BATCH;
  op->call.batch = batch;
  leat_status status = op->plan->dofn->process_batch(&op->call, columns, batch->rows, err);
  leave(op);
  return status ? status : leat_dofn_flush(op, err);
}

// Rows whose side inputs have come; the others wait on.
static leat_status try_waiting(leat_dofn_op *op, leat_error *err) {
  if (!leat_flow_rows_count(op->waiting)) return LEAT_OK;
  leat_flow_batch *batch = leat_flow_rows_take(op->waiting);
  if (!batch) return leat__oom(err, sizeof *batch);
  op->waiting_from = LEAT_FLOW_TIME_MAX + 1;
  leat_status status = main_batch(op, batch, err);
  leat_flow_batch_unref(batch);
  return status;
}

static leat_status batch_in(leat_flow_op *base, int input, const leat_flow_batch *batch,
                            leat_error *err) {
  leat_dofn_op *op = of(base);
  if (!input) return main_batch(op, batch, err);
  leat_status status = leat_flow_side_batch(op->sides[input - 1], batch, err);
  return status ? status : try_waiting(op, err);
}

// --- Timers -------------------------------------------------------------------------------------
static void show_scope(leat_dofn_op *op, leat_dofn_at at, leat_flow_scope *scope,
                       int64_t timestamp) {
  op->call.at = at;
  op->call.scope = scope;
  op->call.window = scope->window;
  op->call.windowed = true;
  op->call.timestamp = timestamp;
}

static leat_status fire(leat_dofn_op *op, const leat_flow_due *due, leat_error *err) {
  leat_status status = enter_bundle(op, err);
  if (status) return status;
  leat_flow_timer *timer = &due->scope->timers.at[due->timer];
  int family = timer->family;
  leat_str tag = {leat_arena_str(&op->call.arena, (leat_str){timer->tag, timer->tag_len}),
                  timer->tag_len};
  show_scope(op, AT_TIMER, due->scope, timer->output);
  op->call.fired =
      op->plan->dofn->timers[family].domain == LEAT_EVENT_TIME ? due->time : LEAT_FLOW_TIME_MIN;
  timer->stamp = 0;
  status = op->plan->dofn->on_timer(&op->call, family, tag, err);
  leave(op);
  return status;
}

static leat_status end_scope(leat_dofn_op *op, leat_flow_scope *scope, leat_error *err) {
  const leat_dofn *fn = op->plan->dofn;
  leat_status status = LEAT_OK;
  if (fn->on_window_expiration && !(status = enter_bundle(op, err))) {
    show_scope(op, AT_EXPIRY, scope, leat_flow_window_max(scope->window));
    status = fn->on_window_expiration(&op->call, err);
    leave(op);
  }
  leat_flow_scope_end(&op->scopes, scope);
  return status;
}

static leat_status fire_all(leat_dofn_op *op, leat_flow_queue *queue, int64_t before,
                            leat_error *err) {
  leat_flow_due due;
  leat_status status = LEAT_OK;
  while (!status && leat_flow_queue_pop(queue, before, &due))
    status = due.timer == LEAT_FLOW_NO_TIMER ? end_scope(op, due.scope, err) : fire(op, &due, err);
  return status ? status : leave_bundle(&op->op, err);
}

static void set_hold(leat_dofn_op *op) {
  int64_t hold = leat_flow_queue_first(&op->holds);
  if (op->waiting_from < hold) hold = op->waiting_from;
  op->op.hold = hold > LEAT_FLOW_TIME_MAX ? LEAT_FLOW_TIME_MAX : hold;
}

// What the watermark, of the main input and with what waits, has passed.
static leat_status settle(leat_dofn_op *op, leat_error *err) {
  int64_t input = op->op.input_watermark;
  int64_t mark = op->waiting_from < input ? op->waiting_from : input;
  if (mark > op->watermark) op->watermark = mark;
  leat_status status = fire_all(op, &op->event, op->watermark, err);
  for (int i = 0; i < op->plan->dofn->side_count; i++)
    leat_flow_side_forget(op->sides[i], op->watermark - op->strategy->lateness_ms);
  set_hold(op);
  return status;
}

static leat_status watermark_in(leat_flow_op *base, int64_t to, leat_error *err) {
  (void)to;
  return settle(of(base), err);
}

static leat_status side_watermark_in(leat_flow_op *base, int input, int64_t to, leat_error *err) {
  leat_dofn_op *op = of(base);
  if (!leat_flow_side_watermark(op->sides[input - 1], to)) return LEAT_OK;
  leat_status status = try_waiting(op, err);
  return status ? status : settle(op, err);
}

static leat_status time_in(leat_flow_op *base, int64_t now, leat_error *err) {
  leat_dofn_op *op = of(base);
  leat_status status = fire_all(op, &op->processing, now, err);
  set_hold(op);
  return status;
}

static leat_status bundle_end(leat_flow_op *base, leat_error *err) {
  leat_status status = leave_bundle(base, err);
  set_hold(of(base));
  return status;
}

// --- Life ---------------------------------------------------------------------------------------
static void op_free(leat_flow_op *base) {
  leat_dofn_op *op = of(base);
  const leat_flow_transform *t = base->transform;
  if (op->set_up && op->plan->dofn->teardown) op->plan->dofn->teardown(op->self);
  for (size_t i = 0; op->rows && i < t->outputs.count; i++) leat_flow_rows_free(op->rows[i]);
  for (int i = 0; op->sides && i < op->plan->dofn->side_count; i++)
    leat_flow_side_free(op->sides[i]);
  leat_flow_rows_free(op->waiting);
  leat_flow_queue_deinit(&op->event);
  leat_flow_queue_deinit(&op->processing);
  leat_flow_queue_deinit(&op->holds);
  leat_flow_scopes_deinit(&op->scopes);
  leat_flow_block_unref(op->call.block);
  leat_arena_deinit(&op->call.arena);
  leat__free(op->rows);
  leat__free(op->windowed);
  leat__free(op->sides);
  leat__free(op->op.user_counts);
  leat__free(op);
}

static const leat_flow_op_class op_class = {.batch = batch_in,
                                            .watermark = watermark_in,
                                            .side_watermark = side_watermark_in,
                                            .time = time_in,
                                            .finish_bundle = bundle_end,
                                            .free = op_free};

static leat_status op_parts(leat_dofn_op *op, leat_error *err) {
  const leat_flow_transform *t = op->op.transform;
  const leat_dofn *fn = op->plan->dofn;
  leat_status status = LEAT_OK;
  op->rows = leat__calloc(t->outputs.count + 1, sizeof *op->rows);
  op->windowed = leat__calloc(t->outputs.count + 1, sizeof *op->windowed);
  op->sides = leat__calloc((size_t)fn->side_count + 1, sizeof *op->sides);
  op->op.user_counts = leat__calloc((size_t)fn->metric_count + 1, sizeof *op->op.user_counts);
  if (!op->rows || !op->windowed || !op->sides || !op->op.user_counts)
    return leat__oom(err, sizeof *op);
  for (size_t i = 0; !status && i < t->outputs.count; i++)
    status = leat_flow_rows_new(&op->rows[i], t->outputs.at[i]->schema, err);
  for (int i = 0; !status && i < fn->side_count; i++) {
    const leat_flow_collection *side = t->inputs.at[i + 1];
    status = leat_flow_side_new(side->schema, side->strategy, op->plan->side_keys[i], &op->sides[i],
                                err);
  }
  return status ? status : leat_flow_rows_new(&op->waiting, t->inputs.at[0]->schema, err);
}

leat_status leat__par_do_start(const leat_flow_transform *t, leat_flow_worker *worker,
                               leat_flow_op **out, leat_error *err) {
  leat_dofn_op *op;
  leat_status status = leat_flow_op_new(sizeof *op, &op_class, t, worker, &op, err);
  if (status) return status;
  op->plan = t->plan;
  op->strategy = t->inputs.at[0]->strategy;
  op->scopes.states = op->plan->dofn->state_count;
  op->watermark = LEAT_FLOW_TIME_MIN;
  op->waiting_from = LEAT_FLOW_TIME_MAX + 1;
  op->call.op = op;
  status = op_parts(op, err);
  if (!status && op->plan->dofn->setup)
    status = op->plan->dofn->setup(&op->call, op->plan->config, &op->self, err);
  op->set_up = !status;
  leave(op);
  if (status) return op_free(&op->op), status;
  return *out = &op->op, LEAT_OK;
}
