// Batches for a training step, made ready ahead.
// SPDX-License-Identifier: Apache-2.0
//
// While the step uses one half of the slots, a thread fills the other.
#include "train/feed.h"

#include "base/worker.h"

enum { HALF = 8, ROWS_AHEAD = 4096 };

typedef struct slot {
  leat_fed fed;
  leat_status status;
  leat_error error;
} slot;

struct leat_feed {
  leat_input_source *source;
  leat_exec *front;  // NULL: none
  int columns, extra;
  int64_t size;
  leat_worker *worker;  // NULL: each batch is made when it is needed
  int half;             // batches that are made at a time
  slot *slots;          // 2 * half
  int filling, at;      // the half that the worker fills; the next slot of the other to use
  bool asked;           // the worker has filled or fills that half
  bool done;            // nothing comes behind what it filled last
};

static void drop(leat_feed *f, slot *s) {
  for (int i = 0; s->fed.batch && i < f->columns + f->extra; i++) {
    leat_tensor_unref(s->fed.batch[i]);
    s->fed.batch[i] = NULL;
  }
}

static void fill(leat_feed *f, slot *s) {
  leat_fed *fed = &s->fed;
  drop(f, s);
  s->status = leat_source_next(f->source, f->size, fed->batch, &fed->rows, &s->error);
  if (s->status || !fed->rows) return;
  fed->first = leat_source_row(f->source, 0);
  fed->last = leat_source_row(f->source, fed->rows - 1);
  fed->position = leat_source_tell(f->source);
  if (f->front)
    s->status =
        leat_exec_run(f->front, NULL, fed->batch, f->columns, fed->batch + f->columns, &s->error);
}

static void fill_half(void *of) {
  leat_feed *f = of;
  for (int i = 0; i < f->half; i++) {
    slot *s = &f->slots[f->filling * f->half + i];
    fill(f, s);
    f->done = s->status || !s->fed.rows;
    if (f->done) return;
  }
}

static void ask(leat_feed *f) {
  f->asked = true;
  leat_worker_start(f->worker, fill_half, f);
}

leat_status leat_feed_new(leat_feed **out, leat_input_source *source, leat_func *front, int columns,
                          int64_t size, leat_error *err) {
  leat_feed *f = *out = leat__calloc(1, sizeof *f);
  if (!f) return leat__oom(err, sizeof *f);
  int64_t half = front ? ROWS_AHEAD / (size > 0 ? size : 1) : 1;
  f->source = source;
  f->columns = columns;
  f->size = size;
  f->half = half > HALF ? HALF : half < 1 ? 1 : (int)half;
  f->extra = front ? leat_func_output_count(front) : 0;
  f->at = f->half;  // the half in use is used up
  f->slots = leat__calloc((size_t)(2 * f->half), sizeof *f->slots);
  leat_status status = f->slots ? LEAT_OK : leat__oom(err, sizeof *f->slots);
  for (int i = 0; !status && i < 2 * f->half; i++) {
    f->slots[i].fed.batch = leat__calloc((size_t)(columns + f->extra) + 1, sizeof(leat_tensor *));
    if (!f->slots[i].fed.batch) status = leat__oom(err, sizeof(leat_tensor *));
  }
  if (!status && front) status = leat_exec_new(&f->front, front, NULL, err);
  if (!status && front) status = leat_worker_new(&f->worker, err);
  if (!status) return LEAT_OK;
  leat_feed_free(f);
  *out = NULL;
  return status;
}

void leat_feed_free(leat_feed *f) {
  if (!f) return;
  leat_worker_free(f->worker);
  for (int i = 0; f->slots && i < 2 * f->half; i++) {
    drop(f, &f->slots[i]);
    leat__free(f->slots[i].fed.batch);
  }
  leat_exec_free(f->front);
  leat__free(f->slots);
  leat__free(f);
}

leat_status leat_feed_next(leat_feed *f, leat_fed **out, leat_error *err) {
  slot *s = &f->slots[0];
  if (!f->worker) {
    fill(f, s);
  } else {
    if (f->at == f->half) {
      if (!f->asked) ask(f);
      leat_worker_wait(f->worker);
      f->filling = !f->filling;
      f->at = 0;
      f->asked = false;
      if (!f->done) ask(f);
    }
    s = &f->slots[!f->filling * f->half + f->at++];
  }
  *out = &s->fed;
  if (s->status && err) *err = s->error;
  return s->status;
}
