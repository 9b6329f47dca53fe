// Combine's fast path for sessions: a chain of open sessions for each key, and buckets by end.
// SPDX-License-Identifier: Apache-2.0
//
//   key id -> session -> session        (one for most keys; disorder makes more)
//   time: | bucket | bucket | ...       a session lies where its end was when it was put there; one
//                                       that has grown is moved on when its bucket's time comes
//
// A session that another one took in is dead; its place is free when its bucket has been seen.
#include "flow/combine_impl.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1 << 12, NONE = -1 };

typedef struct session {
  int64_t start, end;
  int32_t id;    // of the key; NONE: dead
  int32_t next;  // of the key, or free; NONE: the last
  int32_t into;  // dead: what took it in, as long as the batch at hand lasts
} session;

typedef LEAT_VEC(int32_t) bucket;

typedef struct sessions_op {
  leat_flow_fast_op fast;
  int64_t gap, width;  // ms; of a bucket
  LEAT_VEC(session) all;
  char *accs;  // of all
  size_t cap;
  int32_t free;                          // chain
  LEAT_VEC(int32_t) first;               // by key id
  LEAT_VEC(int32_t) died, late;          // in the batch at hand: sessions; rows
  int32_t chosen[LEAT_FLOW_BATCH_ROWS];  // of each row
  bucket buckets[BUCKETS];
  int64_t base;  // number of the first bucket; of `at` is at % BUCKETS
  size_t open;
  bool early;  // a session was made that belongs before the first bucket
  int64_t earliest;
} sessions_op;

// --- Buckets ------------------------------------------------------------------------------------
static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static bucket *bucket_of(sessions_op *o, int64_t number) {
  if (number < o->base) number = o->base;
  if (number - o->base >= BUCKETS) number = o->base + BUCKETS - 1;
  return &o->buckets[(uint64_t)number % BUCKETS];
}

static bool schedule(sessions_op *o, int32_t at) {
  return leat_vec_push(bucket_of(o, floor_div(o->all.at[at].end, o->width)), at);
}

// The first bucket may lie at any time while there are none; or all are put anew.
static bool rebase(sessions_op *o, int64_t base) {
  o->base = base;
  for (int i = 0; i < BUCKETS; i++) o->buckets[i].count = 0;
  for (size_t i = 0; i < o->all.count; i++) {
    session *s = &o->all.at[i];
    if (s->id != NONE && !schedule(o, (int32_t)i)) return false;
    if (s->id != NONE || s->into == NONE) continue;  // open, or free already
    s->into = NONE;
    s->next = o->free;
    o->free = (int32_t)i;
  }
  return true;
}

// --- Sessions -----------------------------------------------------------------------------------
static int32_t session_new(sessions_op *o, int32_t id, int64_t start) {
  session s = {
      .start = start, .end = start + o->gap, .id = id, .next = o->first.at[id], .into = NONE};
  int32_t at = o->free;
  if (s.end > LEAT_FLOW_GLOBAL_MAX + 1) s.end = LEAT_FLOW_GLOBAL_MAX + 1;
  if (at != NONE) {
    o->free = o->all.at[at].next;
    o->all.at[at] = s;
  } else {
    if (o->all.count >= INT32_MAX || !leat_vec_push(&o->all, s)) return NONE;
    at = (int32_t)o->all.count - 1;
  }
  int64_t number = floor_div(s.end, o->width);
  if (!o->open++) {
    if (!rebase(o, number)) return NONE;
  } else if (number < o->base) {
    o->early = true;  // the batch's end sees to it
    if (number < o->earliest) o->earliest = number;
  } else if (!schedule(o, at)) {
    return NONE;
  }
  o->first.at[id] = at;
  o->fast.keys.keys.at[id].uses++;
  return at;
}

static void unlink_from(sessions_op *o, int32_t at) {
  int32_t *link = &o->first.at[o->all.at[at].id];
  while (*link != at) link = &o->all.at[*link].next;
  *link = o->all.at[at].next;
}

static bool die(sessions_op *o, int32_t at, int32_t into) {
  session *s = &o->all.at[at];
  unlink_from(o, at);
  o->fast.keys.keys.at[s->id].uses--;  // another session of the key lives on
  s->id = NONE;
  s->into = into;
  o->open--;
  return leat_vec_push(&o->died, at);
}

// The session of a row: one that it overlaps, with all others that it joins; NONE: none does.
static int32_t join(sessions_op *o, int32_t id, int64_t ts, bool *good) {
  int64_t end = ts + o->gap;
  int32_t found = NONE;
  for (int32_t at = o->first.at[id], next; at != NONE; at = next) {
    session *s = &o->all.at[at];
    next = s->next;
    if (s->end <= ts || end <= s->start) continue;
    if (found == NONE) {
      found = at;
      if (ts < s->start) s->start = ts;
      if (end > s->end) s->end = end;
      continue;
    }
    session *to = &o->all.at[found];
    if (s->start < to->start) to->start = s->start;
    if (s->end > to->end) to->end = s->end;
    *good &= die(o, at, found);
  }
  return found;
}

static bool room(sessions_op *o) {
  size_t stride = o->fast.plan->stride, count = o->all.count;
  while (o->first.count < o->fast.keys.keys.count)
    if (!leat_vec_push(&o->first, NONE)) return false;
  if (count <= o->cap) return true;
  size_t cap = o->cap ? o->cap + o->cap / 2 : 1024;
  if (cap < count) cap = count;
  char *accs = leat__alloc_aligned(cap * stride);
  if (!accs) return false;
  if (o->cap) memcpy(accs, o->accs, o->cap * stride);
  memset(accs + o->cap * stride, 0, (cap - o->cap) * stride);
  leat__free(o->accs);
  o->accs = accs;
  o->cap = cap;
  return true;
}

static char *acc_of(sessions_op *o, int32_t at) {
  return o->accs + (size_t)at * o->fast.plan->stride;
}

static int32_t living(const sessions_op *o, int32_t at) {
  while (o->all.at[at].id == NONE) at = o->all.at[at].into;
  return at;
}

// --- Rows ---------------------------------------------------------------------------------------
static _Thread_local const int64_t *times;  // of the batch at hand, for the sort
static int by_time_down(const void *a, const void *b) {
  int64_t x = times[*(const int32_t *)a], y = times[*(const int32_t *)b];
  return (x < y) - (x > y);
}

// Rows whose own window is over belong to a session that goes on, if they overlap one: the latest
// first, as each may be the bridge for the one before it.
static bool join_late(sessions_op *o, const leat_flow_batch *batch) {
  bool good = true;
  times = batch->timestamps;
  if (o->late.count > 1) qsort(o->late.at, o->late.count, sizeof *o->late.at, by_time_down);
  for (size_t i = 0; good && i < o->late.count; i++) {
    int row = o->late.at[i];
    o->chosen[row] = join(o, o->fast.ids[row], times[row], &good);
    if (o->chosen[row] == NONE) leat_flow_count(&o->fast.op.counts.dropped_late, 1);
  }
  return good;
}

static bool choose(sessions_op *o, const leat_flow_batch *batch) {
  leat_flow_fast_op *f = &o->fast;
  int64_t mark = f->op.input_watermark;
  bool good = true;
  o->late.count = o->died.count = 0;
  for (int i = 0; good && i < batch->rows; i++) {
    int64_t ts = batch->timestamps[i];
    if (ts < mark && ts + o->gap <= mark) {
      good = leat_vec_push(&o->late, i);
      continue;
    }
    int32_t at = o->first.at[f->ids[i]];
    const session *s = at == NONE ? NULL : &o->all.at[at];
    if (s && s->next == NONE && s->start <= ts && ts < s->end) {
      if (ts + o->gap > s->end) o->all.at[at].end = ts + o->gap;  // the common way
    } else {
      at = join(o, f->ids[i], ts, &good);
      if (at == NONE) at = session_new(o, f->ids[i], ts);
      good &= at != NONE;
    }
    o->chosen[i] = at;
  }
  return good && join_late(o, batch);
}

static leat_status sessions_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                  leat_error *err) {
  sessions_op *o = (sessions_op *)op;
  leat_flow_fast_op *f = &o->fast;
  (void)input;
  leat_status status = leat_flow_keys_find(&f->keys, batch, f->ids, err);
  if (status) return status;
  bool good = room(o) && choose(o, batch) && room(o);
  for (size_t i = 0; good && i < o->died.count; i++) {
    char *from = acc_of(o, o->died.at[i]);
    good = leat_flow_fast_merge(f->plan, acc_of(o, living(o, o->died.at[i])), from);
    leat_flow_fast_clear(f->plan, from);
  }
  if (!good) return leat__oom(err, f->plan->stride);
  for (int i = 0; i < batch->rows; i++) {
    f->accs[i] = f->nowhere;
    if (o->chosen[i] == NONE) continue;
    f->accs[i] = acc_of(o, living(o, o->chosen[i]));
    ((leat_flow_acc *)(void *)f->accs[i])->rows++;
  }
  if (o->early && !rebase(o, o->earliest)) return leat__oom(err, f->plan->stride);
  o->early = false;
  o->earliest = INT64_MAX;
  status = leat_flow_fast_add(f, batch, err);
  leat_flow_fast_clear(f->plan, f->nowhere);
  for (size_t i = 0; i < o->late.count; i++) {  // a key all of whose rows were dropped
    int32_t id = f->ids[o->late.at[i]];
    if (f->keys.keys.at[id].len && !f->keys.keys.at[id].uses) leat_flow_keys_forget(&f->keys, id);
  }
  return status;
}

// --- Ends ---------------------------------------------------------------------------------------
static leat_status end_session(sessions_op *o, int32_t at, leat_error *err) {
  session *s = &o->all.at[at];
  leat_flow_window w = {s->start, s->end};
  leat_status status = leat_flow_fast_result(&o->fast, s->id, acc_of(o, at), w, err);
  leat_flow_fast_clear(o->fast.plan, acc_of(o, at));
  unlink_from(o, at);
  leat_flow_keys_release(&o->fast.keys, s->id);
  s->id = NONE;
  o->open--;
  return status;
}

static void set_free(sessions_op *o, int32_t at) {
  o->all.at[at].into = NONE;
  o->all.at[at].next = o->free;
  o->free = at;
}

// Looks at what is in the bucket now; those that go on are put elsewhere, or here again.
static leat_status look(sessions_op *o, bucket *b, int64_t to, leat_error *err) {
  size_t count = b->count, kept = 0;
  leat_status status = LEAT_OK;
  for (size_t i = 0; i < count; i++) {
    int32_t at = b->at[i];
    const session *s = &o->all.at[at];
    if (!status && s->id != NONE && s->end <= to) status = end_session(o, at, err);
    if (s->id == NONE)
      set_free(o, at);
    else if (bucket_of(o, floor_div(s->end, o->width)) == b)
      b->at[kept++] = at;
    else if (!schedule(o, at) && !status)
      status = leat__oom(err, sizeof at);
  }
  b->count = kept;
  return status;
}

static leat_status sessions_watermark(leat_flow_op *op, int64_t to, leat_error *err) {
  sessions_op *o = (sessions_op *)op;
  leat_status status = LEAT_OK;
  int64_t last = floor_div(to, o->width);
  while (!status && o->open && o->base <= last) {
    bucket *b = &o->buckets[(uint64_t)o->base % BUCKETS];
    if (b->count) status = look(o, b, to, err);
    if (b->count || o->base == last) break;  // what stays has not ended yet
    o->base++;
  }
  if (!status) status = leat_flow_fast_flush(&o->fast, err);
  op->hold = o->open ? o->base * o->width - 1 : LEAT_FLOW_TIME_MAX;
  return status;
}

static leat_status sessions_finish_bundle(leat_flow_op *op, leat_error *err) {
  sessions_op *o = (sessions_op *)op;
  (void)err;
  op->hold = o->open ? o->base * o->width - 1 : LEAT_FLOW_TIME_MAX;
  return LEAT_OK;
}

static void sessions_free(leat_flow_op *op) {
  sessions_op *o = (sessions_op *)op;
  for (size_t i = 0; i < o->all.count && i < o->cap; i++)
    if (o->all.at[i].id != NONE) leat_flow_fast_clear(o->fast.plan, acc_of(o, (int32_t)i));
  for (int i = 0; i < BUCKETS; i++) leat_vec_deinit(&o->buckets[i]);
  leat__free(o->accs);
  leat_vec_deinit(&o->all);
  leat_vec_deinit(&o->first);
  leat_vec_deinit(&o->died);
  leat_vec_deinit(&o->late);
  leat_flow_fast_deinit(&o->fast);
  leat__free(o);
}

static const leat_flow_op_class sessions_class = {.batch = sessions_batch,
                                                  .watermark = sessions_watermark,
                                                  .finish_bundle = sessions_finish_bundle,
                                                  .free = sessions_free};

leat_status leat_flow_combine_sessions_start(const leat_flow_combine_plan *p,
                                             const leat_flow_transform *t, leat_flow_worker *worker,
                                             leat_flow_op **out, leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(sessions_op), &sessions_class, t, worker, out, err);
  if (status) return status;
  sessions_op *o = (sessions_op *)*out;
  o->gap = p->grouping.strategy->window.size_ms;
  o->width = o->gap / 64 + 1;
  o->free = NONE;
  o->earliest = INT64_MAX;
  o->fast.plan = p;
  return leat_flow_fast_init(&o->fast, p, err);
}
