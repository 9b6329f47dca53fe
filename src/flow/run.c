// Run: workers that read sources, pass batches on and move watermarks until all input is through.
// SPDX-License-Identifier: Apache-2.0
//
//   worker: [messages of others] [a bundle of a source] finish_bundle, watermarks, time; again
//
// A worker is done when the input watermark of each of its ops is at the end. For a transform whose
// rows are exchanged that is the least of what all workers have said of theirs.
#include "base/clock.h"
#include "base/pool.h"
#include "flow/exchange.h"
#include "flow/op.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDLE_MS = 50, MOST_WORKERS = 64 };

typedef struct source {
  leat_flow_op *op;
  int64_t wake;  // time (ns) before which nothing is to be had
} source;

typedef struct state {  // of one worker
  leat_flow_worker worker;
  LEAT_VEC(leat_flow_op *) order;  // all ops, in the pipeline's order
  LEAT_VEC(source) sources;
  size_t transforms;  // of the flow when it was started
  int64_t **marks;    // by transform: [input * workers + sender], NULL: not exchanged
  uint64_t *hashes;
  int64_t told;  // processing time that the ops know
  leat_status status;
  leat_error err;
  pthread_t thread;
} state;

struct leat_flow_run_state {
  state *states;
  int workers;
  leat_flow_exchange *exchange;
  leat_flow_options options;
  int stop;  // atomic: a worker failed
  int64_t started_ns, ended_ns;
  int64_t next_progress;
};

// --- Ops ----------------------------------------------------------------------------------------
leat_status leat_flow_op_new(size_t bytes, const leat_flow_op_class *class,
                             const leat_flow_transform *t, leat_flow_worker *worker, void *out,
                             leat_error *err) {
  leat_flow_op *op = leat__calloc(1, bytes);
  *(leat_flow_op **)out = op;
  if (!op) return leat__oom(err, bytes);
  op->class = class;
  op->transform = t;
  op->worker = worker;
  op->hold = LEAT_FLOW_TIME_MAX;
  op->input_watermark = op->output_watermark = LEAT_FLOW_TIME_MIN;
  return LEAT_OK;
}

// Metrics read it from another thread.
static void set_output(leat_flow_op *op, int64_t mark) {
  __atomic_store_n(&op->output_watermark, mark, __ATOMIC_RELAXED);
}

static leat_status named(leat_flow_worker *w, const leat_flow_transform *t, leat_status status,
                         leat_error *err) {
  if (!status || w->named) return status;
  w->named = true;
  return leat_error_prepend(err, status, LEAT_STR_FMT, LEAT_STR_ARG(t->name));
}

static bool is_exchanged(const state *s, const leat_flow_transform *t) {
  return s->worker.count > 1 && ((t->class->keyed && t->key_fields) || t->class->whole);
}

static leat_status give(state *s, const leat_flow_user *user, const leat_flow_batch *batch,
                        leat_error *err) {
  leat_flow_op *op = s->worker.ops[user->transform->id];
  if (!op) return LEAT_OK;
  leat_flow_count(&op->counts.rows_in, batch->rows);
  leat_status status = op->class->batch(op, user->input, batch, err);
  return named(&s->worker, user->transform, status, err);
}

// --- Exchange -----------------------------------------------------------------------------------
static leat_status send_part(state *s, const leat_flow_user *user, leat_flow_batch *part, int to,
                             leat_error *err) {
  if (!part) return leat__oom(err, sizeof *part);
  if (to == s->worker.index) {
    leat_status status = give(s, user, part, err);
    return leat_flow_batch_unref(part), status;
  }
  leat_flow_message m = {.transform = user->transform->id, .input = user->input, .batch = part};
  leat_flow_op *there = s->worker.run->states[to].worker.ops[m.transform];
  if (there) __atomic_fetch_add(&there->counts.rows_queued, part->rows, __ATOMIC_RELAXED);
  return leat_flow_exchange_send(s->worker.run->exchange, s->worker.index, to, m, err);
}

static leat_status send_to_all(state *s, const leat_flow_user *user, const leat_flow_batch *batch,
                               leat_error *err) {
  leat_status status = LEAT_OK;
  for (int to = 0; !status && to < s->worker.count; to++)
    status = send_part(s, user, leat_flow_batch_ref((leat_flow_batch *)batch), to, err);
  return status;
}

// Windows that follow from the timestamp are found by the receiver as well as here. The order is on
// the stack, as what is called here may come to send batches of its own.
static leat_status send_parts(state *s, const leat_flow_user *user, const leat_flow_batch *batch,
                              const int *keys, leat_error *err) {
  int32_t order[LEAT_FLOW_BATCH_ROWS];
  int ends[MOST_WORKERS + 1] = {0}, workers = s->worker.count;
  if (batch->rows > LEAT_FLOW_BATCH_ROWS)
    return leat_error_set(err, LEAT_INTERNAL, "a batch of %d rows", batch->rows);
  leat_flow_hash_rows(batch, keys, user->transform->key_count, s->hashes);
  for (int i = 0; i < batch->rows; i++) {  // a counting sort by worker
    s->hashes[i] = (s->hashes[i] >> 32) * (uint64_t)workers >> 32;
    ends[s->hashes[i] + 1]++;
  }
  for (int to = 0; to < workers; to++) ends[to + 1] += ends[to];
  for (int i = 0; i < batch->rows; i++) order[ends[s->hashes[i]]++] = i;
  for (int to = 0, at = 0; to < workers; at = ends[to++]) {
    int count = ends[to] - at;
    if (!count) continue;
    leat_flow_batch *part = count == batch->rows ? leat_flow_batch_ref((leat_flow_batch *)batch)
                                                 : leat_flow_batch_take(batch, order + at, count);
    leat_status status = send_part(s, user, part, to, err);
    if (status) return status;
  }
  return LEAT_OK;
}

static leat_status exchange(state *s, const leat_flow_user *user, const leat_flow_batch *batch,
                            leat_error *err) {
  const leat_flow_transform *t = user->transform;
  leat_flow_op *op = s->worker.ops[t->id];
  if (t->class->whole)
    return send_part(s, user, leat_flow_batch_ref((leat_flow_batch *)batch), 0, err);
  leat_flow_route route = t->routes ? t->routes[user->input] : LEAT_FLOW_BY_KEY;
  if (route == LEAT_FLOW_STAYS) return give(s, user, batch, err);
  if (route == LEAT_FLOW_TO_ALL) return send_to_all(s, user, batch, err);
  if (op->lifts) return named(&s->worker, t, op->class->lift(op, user->input, batch, err), err);
  return send_parts(s, user, batch, t->key_fields[user->input], err);
}

leat_status leat_flow_send(leat_flow_op *op, leat_flow_batch *batch, leat_error *err) {
  if (!batch) return leat__oom(err, sizeof *batch);
  state *s = &op->worker->run->states[op->worker->index];
  int keys[64];
  for (int i = 0; i < 64; i++) keys[i] = i;
  leat_flow_user user = {(leat_flow_transform *)op->transform, 0};
  leat_status status = send_parts(s, &user, batch, keys, err);
  return leat_flow_batch_unref(batch), status;
}

leat_status leat_flow_emit(leat_flow_op *op, int output, leat_flow_batch *batch, leat_error *err) {
  if (!batch) return leat__oom(err, sizeof *batch);
  state *s = &op->worker->run->states[op->worker->index];
  const leat_flow_collection *c = op->transform->outputs.at[output];
  leat_status status = LEAT_OK;
  leat_flow_count(&op->counts.rows_out, batch->rows);
  if (c->errors) leat_flow_count(&op->counts.dead_letters, batch->rows);
  for (size_t i = 0; !status && batch->rows && i < c->users.count; i++) {
    const leat_flow_user *user = &c->users.at[i];
    status = is_exchanged(s, user->transform) ? exchange(s, user, batch, err)
                                              : give(s, user, batch, err);
  }
  leat_flow_batch_unref(batch);
  return status;
}

static leat_status take_messages(state *s, bool *any, leat_error *err) {
  leat_flow_message m;
  int from;
  leat_status status = LEAT_OK;
  leat_flow_exchange *x = s->worker.run->exchange;
  for (*any = false; !status && x && leat_flow_exchange_take(x, s->worker.index, &from, &m);) {
    *any = true;
    if (!m.batch) {
      s->marks[m.transform][m.input * s->worker.count + from] = m.watermark;
      continue;
    }
    leat_flow_user user = {s->worker.flow->transforms.at[m.transform], m.input};
    leat_flow_op *op = s->worker.ops[m.transform];
    if (op) __atomic_fetch_sub(&op->counts.rows_queued, m.batch->rows, __ATOMIC_RELAXED);
    status = give(s, &user, m.batch, err);
    leat_flow_batch_unref(m.batch);
  }
  return status;
}

// --- Watermarks ---------------------------------------------------------------------------------
// Of an input as far as this worker's own part of it goes.
static int64_t own_mark(const state *s, const leat_flow_transform *t, size_t input) {
  const leat_flow_op *op = s->worker.ops[t->inputs.at[input]->producer->id];
  return op ? op->output_watermark : LEAT_FLOW_TIME_MAX;  // read or done elsewhere
}

static leat_status tell_others(state *s, const leat_flow_transform *t, leat_error *err) {
  for (size_t i = 0; i < t->inputs.count; i++) {
    int64_t mark = own_mark(s, t, i),
            *mine = &s->marks[t->id][(int)i * s->worker.count + s->worker.index];
    if (mark <= *mine) continue;
    *mine = mark;
    leat_flow_op *op = s->worker.ops[t->id];
    if (op && op->lifts) {
      leat_status status = named(&s->worker, t, op->class->lifted(op, mark, err), err);
      if (status) return status;
    }
    for (int to = 0; to < s->worker.count; to++) {
      if (to == s->worker.index || (t->class->whole && to)) continue;
      leat_flow_message m = {.transform = t->id, .input = (int)i, .watermark = mark};
      leat_status status =
          leat_flow_exchange_send(s->worker.run->exchange, s->worker.index, to, m, err);
      if (status) return status;
    }
  }
  return LEAT_OK;
}

static int64_t input_mark(const state *s, const leat_flow_transform *t, size_t input) {
  const int64_t *marks = s->marks[t->id];
  int64_t mark = marks ? LEAT_FLOW_TIME_MAX : own_mark(s, t, input);
  for (int from = 0; marks && from < s->worker.count; from++)
    if (marks[(int)input * s->worker.count + from] < mark)
      mark = marks[(int)input * s->worker.count + from];
  return mark;
}

static int64_t inputs_mark(const state *s, const leat_flow_transform *t, size_t count) {
  int64_t least = LEAT_FLOW_TIME_MAX;
  for (size_t i = 0; i < count; i++) {
    int64_t mark = input_mark(s, t, i);
    if (mark < least) least = mark;
  }
  return least;
}

static leat_status move_sides(state *s, const leat_flow_transform *t, leat_flow_op *op,
                              leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 1; !status && i < t->inputs.count; i++)
    status = op->class->side_watermark(op, (int)i, input_mark(s, t, i), err);
  return named(&s->worker, t, status, err);
}

static leat_status move_watermarks(state *s, leat_error *err) {
  for (size_t i = 0; i < s->worker.flow->transforms.count; i++) {
    const leat_flow_transform *t = s->worker.flow->transforms.at[i];
    if (!t->class->start || !t->inputs.count) continue;
    leat_status status = s->marks[t->id] ? tell_others(s, t, err) : LEAT_OK;
    leat_flow_op *op = s->worker.ops[t->id];
    if (status) return status;
    if (!op) continue;
    bool sides = op->class->side_watermark;
    if (sides) status = move_sides(s, t, op, err);
    if (status) return status;
    int64_t mark = inputs_mark(s, t, sides ? 1 : t->inputs.count);
    if (mark > op->input_watermark) {
      op->input_watermark = mark;
      if (op->class->watermark)
        status = named(&s->worker, t, op->class->watermark(op, mark, err), err);
    }
    if (status) return status;
    int64_t out = op->input_watermark < op->hold ? op->input_watermark : op->hold;
    if (out > op->output_watermark) set_output(op, out);
  }
  return LEAT_OK;
}

static leat_status move_time(state *s, leat_error *err) {
  if (!s->worker.virtual_time) s->worker.now = (int64_t)(leat_clock_wall() * 1e3);
  int64_t now = s->worker.now;
  if (now <= s->told) return LEAT_OK;
  s->told = now;
  for (size_t i = 0; i < s->order.count; i++) {
    leat_flow_op *op = s->order.at[i];
    leat_status status = op->class->time ? op->class->time(op, now, err) : LEAT_OK;
    if (status) return named(&s->worker, op->transform, status, err);
  }
  return LEAT_OK;
}

static leat_status end_bundle(state *s, leat_error *err) {
  for (size_t i = 0; i < s->order.count; i++) {
    leat_flow_op *op = s->order.at[i];
    leat_status status = op->class->finish_bundle ? op->class->finish_bundle(op, err) : LEAT_OK;
    if (status) return named(&s->worker, op->transform, status, err);
  }
  leat_status status = move_watermarks(s, err);
  return status ? status : move_time(s, err);
}

// --- Sources ------------------------------------------------------------------------------------
// Without streaming all of a bounded input is one moment: its watermark stays until the end.
static void note_mark(const state *s, leat_flow_op *op, int64_t mark) {
  bool bounded = op->transform->outputs.count && op->transform->outputs.at[0]->bounded;
  if (bounded && !s->worker.options->streaming && mark < LEAT_FLOW_TIME_MAX) return;
  if (mark > op->output_watermark) set_output(op, mark);
}

static leat_status read_source(state *s, source *from, bool *any, leat_error *err) {
  leat_flow_op *op = from->op;
  if (op->output_watermark == LEAT_FLOW_TIME_MAX) return LEAT_OK;
  bool draining = __atomic_load_n(&s->worker.flow->draining, __ATOMIC_RELAXED);
  if (draining && !(op->class->holds && op->class->holds(op))) {
    set_output(op, LEAT_FLOW_TIME_MAX);
    return *any = true, LEAT_OK;
  }
  if (from->wake && from->wake > leat_clock_ns()) return LEAT_OK;
  int64_t mark = op->output_watermark, wait_ms = 0;
  leat_status status = op->class->read(op, &mark, &wait_ms, err);
  if (status) return named(&s->worker, op->transform, status, err);
  from->wake = wait_ms ? leat_clock_ns() + wait_ms * 1000000 : 0;
  note_mark(s, op, mark);
  *any = true;
  return LEAT_OK;
}

// Reads the sources that are furthest behind, so that the others' rows need not be kept for them.
static leat_status read_sources(state *s, bool *any, leat_error *err) {
  leat_flow_exchange *x = s->worker.run->exchange;
  *any = false;
  if (x && leat_flow_exchange_full(x, s->worker.index)) return LEAT_OK;
  int64_t least = LEAT_FLOW_TIME_MAX, now = 0;
  for (size_t i = 0; i < s->sources.count; i++) {
    const source *from = &s->sources.at[i];
    if (from->wake && !now) now = leat_clock_ns();
    if (from->wake <= now && from->op->output_watermark < least) least = from->op->output_watermark;
  }
  for (size_t i = 0; i < s->sources.count; i++) {
    if (s->sources.at[i].op->output_watermark > least) continue;
    leat_status status = read_source(s, &s->sources.at[i], any, err);
    if (status) return status;
  }
  return LEAT_OK;
}

// --- Workers ------------------------------------------------------------------------------------
static bool is_done(const state *s) {
  for (size_t i = 0; i < s->order.count; i++)
    if (s->order.at[i]->output_watermark < LEAT_FLOW_TIME_MAX) return false;
  return true;
}

static void show_progress(state *s) {
  const leat_flow_options *o = s->worker.options;
  if (s->worker.index || !o->progress || o->progress_s <= 0) return;
  int64_t now = leat_clock_ns();
  if (now < s->worker.run->next_progress) return;
  s->worker.run->next_progress = now + (int64_t)(o->progress_s * 1e9);
  o->progress(o->context, s->worker.flow);
}

// Whether what a source waits for can be read; after at most so long where it is all there is.
static bool is_ready(const leat_flow_op *op, int64_t ms) {
  struct pollfd p = {.fd = op->waits_for, .events = POLLIN};
  return poll(&p, 1, (int)ms) != 0;
}

static void rest(state *s) {
  int64_t most = IDLE_MS, now = leat_clock_ns();
  source *piped = NULL;
  for (size_t i = 0; i < s->sources.count; i++) {
    source *from = &s->sources.at[i];
    int64_t ms = (from->wake - now + 999999) / 1000000;
    if (from->op->output_watermark == LEAT_FLOW_TIME_MAX || !from->wake) continue;
    if (ms < most) most = ms;
    if (from->op->waits_for) piped = from;
  }
  if (most <= 0) return;
  leat_flow_exchange *x = s->worker.run->exchange;
  if (piped && x && most > 1) most = 1;
  if (x)
    leat_flow_exchange_wait(x, s->worker.index, most);
  else if (!piped)
    usleep((useconds_t)most * 1000);
  if (piped && is_ready(piped->op, x ? 0 : most)) piped->wake = 0;
}

static leat_status work(state *s, leat_error *err) {
  leat_status status = end_bundle(s, err);
  while (!status && !is_done(s) && !__atomic_load_n(&s->worker.run->stop, __ATOMIC_RELAXED)) {
    bool messages = false, rows = false;
    status = take_messages(s, &messages, err);
    if (!status) status = read_sources(s, &rows, err);
    if (!status && !messages && !rows) rest(s);
    if (!status) status = end_bundle(s, err);
    show_progress(s);
  }
  for (size_t i = 0; !status && i < s->order.count; i++) {
    leat_flow_op *op = s->order.at[i];
    if (op->class->finish && !__atomic_load_n(&s->worker.run->stop, __ATOMIC_RELAXED))
      status = named(&s->worker, op->transform, op->class->finish(op, err), err);
  }
  return status;
}

static void *run_worker(void *context) {
  state *s = context;
  leat_flow_run_state *run = s->worker.run;
  leat_mem_cache(true);
  s->status = work(s, &s->err);
  if (s->status) {
    __atomic_store_n(&run->stop, 1, __ATOMIC_RELAXED);
    if (run->exchange) leat_flow_exchange_wake(run->exchange);
  }
  leat_mem_cache(false);
  return NULL;
}

// --- Starting -----------------------------------------------------------------------------------
static leat_status start_op(state *s, const leat_flow_transform *t, leat_error *err) {
  bool alone = t->class->whole || (!t->inputs.count && !t->class->splits);
  if (!t->class->start || (alone && s->worker.index)) return LEAT_OK;
  leat_flow_op *op = NULL;
  leat_status status = t->class->start(t, &s->worker, &op, err);
  s->worker.ops[t->id] = op;
  if (status) return named(&s->worker, t, status, err);
  if (!leat_vec_push(&s->order, op)) return leat__oom(err, sizeof op);
  if (!t->inputs.count && !leat_vec_push(&s->sources, (source){op, 0}))
    return leat__oom(err, sizeof(source));
  return LEAT_OK;
}

static leat_status start_marks(state *s, const leat_flow_transform *t, leat_error *err) {
  if (!is_exchanged(s, t)) return LEAT_OK;
  size_t count = t->inputs.count * (size_t)s->worker.count;
  int64_t *marks = s->marks[t->id] = leat__alloc(count * sizeof *marks);
  if (!marks) return leat__oom(err, count * sizeof *marks);
  for (size_t i = 0; i < count; i++) marks[i] = LEAT_FLOW_TIME_MIN;
  return LEAT_OK;
}

static leat_status start_state(state *s, leat_error *err) {
  size_t count = s->worker.flow->transforms.count + 1;
  s->transforms = count - 1;
  s->worker.ops = leat__calloc(count, sizeof *s->worker.ops);
  s->marks = leat__calloc(count, sizeof *s->marks);
  s->hashes = leat__alloc(LEAT_FLOW_BATCH_ROWS * sizeof *s->hashes);
  if (!s->worker.ops || !s->marks || !s->hashes) return leat__oom(err, count);
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i + 1 < count; i++) {
    status = start_op(s, s->worker.flow->transforms.at[i], err);
    if (!status) status = start_marks(s, s->worker.flow->transforms.at[i], err);
  }
  return status;
}

static void state_deinit(state *s) {
  for (size_t i = 0; s->worker.ops && i < s->transforms; i++)
    if (s->worker.ops[i]) s->worker.ops[i]->class->free(s->worker.ops[i]);
  for (size_t i = 0; s->marks && i < s->transforms; i++) leat__free(s->marks[i]);
  leat__free(s->worker.ops);
  leat__free(s->marks);
  leat__free(s->hashes);
  leat_vec_deinit(&s->order);
  leat_vec_deinit(&s->sources);
}

void leat__flow_run_free(leat_flow_run_state *run) {
  if (!run) return;
  leat_flow_exchange_free(run->exchange);  // first: what was not taken
  for (int i = 0; run->states && i < run->workers; i++) state_deinit(&run->states[i]);
  leat__free(run->states);
  leat__free(run);
}

static int threads_of(const leat_flow_options *o) {
  long cores = o->threads > 0 ? o->threads : sysconf(_SC_NPROCESSORS_ONLN);
  return cores < 1 ? 1 : cores > MOST_WORKERS ? MOST_WORKERS : (int)cores;
}

leat_status leat__flow_start(leat_flow *flow, const leat_flow_options *options, leat_error *err) {
  leat_flow_run_state *run = leat__calloc(1, sizeof *run);
  if (!run) return leat__oom(err, sizeof *run);
  flow->run = run;
  if (options) run->options = *options;
  run->options.streaming |= flow->options.streaming;
  if (!run->options.threads) run->options.threads = flow->options.threads;
  if (!run->options.seed) run->options.seed = flow->options.seed;
  run->workers = threads_of(&run->options);
  for (size_t i = 0; i < flow->transforms.count; i++)
    if (flow->transforms.at[i]->class->alone) run->workers = 1;
  run->started_ns = leat_clock_ns();
  run->states = leat__calloc((size_t)run->workers, sizeof *run->states);
  if (!run->states) return leat__oom(err, sizeof *run->states);
  for (int i = 0; i < run->workers; i++) run->states[i].told = LEAT_FLOW_TIME_MIN;
  for (int i = 0; i < run->workers; i++)
    run->states[i].worker = (leat_flow_worker){.flow = flow,
                                               .options = &run->options,
                                               .run = run,
                                               .index = i,
                                               .count = run->workers,
                                               .now = LEAT_FLOW_TIME_MIN};
  leat_status status =
      run->workers > 1 ? leat_flow_exchange_new(&run->exchange, run->workers, err) : LEAT_OK;
  for (int i = 0; !status && i < run->workers; i++) status = start_state(&run->states[i], err);
  return status;
}

leat_flow_op *leat__flow_op(const leat_flow *flow, int worker, int transform) {
  return flow->run->states[worker].worker.ops[transform];
}

// The error of the first worker that has one.
static leat_status run_all(leat_flow_run_state *run, leat_error *err) {
  int started = 1;
  for (; started < run->workers; started++)
    if (pthread_create(&run->states[started].thread, NULL, run_worker, &run->states[started]))
      break;
  if (started < run->workers) {
    __atomic_store_n(&run->stop, 1, __ATOMIC_RELAXED);
    run->states[0].status = leat_error_set(&run->states[0].err, LEAT_RESOURCE_EXHAUSTED,
                                           "no %d threads are to be had", run->workers);
  } else {
    run_worker(&run->states[0]);
  }
  for (int i = 1; i < started; i++) pthread_join(run->states[i].thread, NULL);
  for (int i = 0; i < run->workers; i++) {
    if (!run->states[i].status) continue;
    if (err) *err = run->states[i].err;
    return run->states[i].status;
  }
  return LEAT_OK;
}

leat_status leat_flow_run(leat_flow *flow, const leat_flow_options *options, leat_error *err) {
  if (flow->run) return leat_error_set(err, LEAT_FAILED_PRECONDITION, "a flow is run once");
  leat_status status = leat__flow_start(flow, options, err);
  if (!status) status = run_all(flow->run, err);
  if (flow->run) flow->run->ended_ns = leat_clock_ns();
  return status;
}

// --- Metrics ------------------------------------------------------------------------------------
double leat_flow_seconds(const leat_flow *flow) {
  if (!flow->run) return 0;
  int64_t end = flow->run->ended_ns ? flow->run->ended_ns : leat_clock_ns();
  return (double)(end - flow->run->started_ns) * 1e-9;
}

int leat_flow_workers(const leat_flow *flow) { return flow->run ? flow->run->workers : 0; }

static int64_t load(const int64_t *from) { return __atomic_load_n(from, __ATOMIC_RELAXED); }

static leat_flow_op *op_in(const leat_flow *flow, int worker, int transform) {
  const state *s = &flow->run->states[worker];
  return (size_t)transform < s->transforms ? s->worker.ops[transform] : NULL;
}

leat_flow_counts leat_flow_counted(const leat_flow *flow, int transform, int64_t *watermark) {
  leat_flow_counts sum = {0};
  *watermark = LEAT_FLOW_TIME_MAX;
  for (int i = 0; flow->run && i < flow->run->workers; i++) {
    const leat_flow_op *op = op_in(flow, i, transform);
    if (!op) continue;
    sum.rows_in += load(&op->counts.rows_in);
    sum.rows_out += load(&op->counts.rows_out);
    sum.dropped_late += load(&op->counts.dropped_late);
    sum.dropped_closed += load(&op->counts.dropped_closed);
    sum.dead_letters += load(&op->counts.dead_letters);
    sum.rows_queued += load(&op->counts.rows_queued);
    int64_t mark = load(&op->output_watermark);
    if (mark < *watermark) *watermark = mark;
  }
  return sum;
}

leat_dofn_count leat_flow_user_counted(const leat_flow *flow, int transform, int metric) {
  leat_dofn_count all = {0};
  for (int i = 0; flow->run && i < flow->run->workers; i++) {
    const leat_flow_op *op = op_in(flow, i, transform);
    const leat_dofn_count *c = op && op->user_counts ? &op->user_counts[metric] : NULL;
    int64_t count = c ? load(&c->count) : 0;
    if (!count) continue;
    int64_t least = load(&c->least), greatest = load(&c->greatest), when = load(&c->when_ns);
    if (!all.count || least < all.least) all.least = least;
    if (!all.count || greatest > all.greatest) all.greatest = greatest;
    if (!all.count || when > all.when_ns) all.when_ns = when, all.last = load(&c->last);
    all.sum += load(&c->sum);
    all.count += count;
  }
  return all;
}
