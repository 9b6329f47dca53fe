// Batching: rows of several requests become one call of the model.
// SPDX-License-Identifier: Apache-2.0
//
// One queue and one thread a version. The thread takes what waits, in order, up to max_rows; when
// that is less, it waits for more until the first of them has waited delay_us. A batch that fails
// is run again request by request, so that only the bad one fails.
#include "serve/infer.h"

#include "base/clock.h"
#include "base/vec.h"
#include "tensor/tensor_impl.h"

#include <pthread.h>

struct leat_batcher {
  leat_version *version;
  leat_batch_options options;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  leat_infer *first, *last;
  leat_infer **batch;  // the one at hand
  int64_t waiting;     // rows
  bool stop;
  pthread_t thread;
};

// --- Joining and parting ------------------------------------------------------------------------
static bool joins(const leat_tensor *a, const leat_tensor *b) {
  bool same = a->rank == b->rank;
  for (int i = 1; same && i < a->rank; i++) same = a->dims[i] == b->dims[i];
  return same;
}

// Whether b's rows can stand behind a's.
static bool can_join(const leat_infer *a, const leat_infer *b) {
  bool good = true;
  for (int i = 0; good && i < a->version->input_count; i++) good = joins(a->in[i], b->in[i]);
  return good;
}

static void put_strings(leat_tensor *to, int64_t *at, const leat_tensor *from) {
  int64_t *ends = to->data;
  for (int64_t k = 0; k < from->count; k++, (*at)++) {
    leat_str s = leat_tensor_str(from, k);
    if (s.len) memcpy(to->buffer->chars + ends[*at], s.ptr, s.len);
    ends[*at + 1] = ends[*at] + (int64_t)s.len;
  }
}

static leat_status join(leat_infer *const *list, size_t count, int input, int64_t rows,
                        leat_tensor **out, leat_error *err) {
  const leat_tensor *first = list[0]->in[input];
  int64_t dims[LEAT_MAX_RANK], bytes = 0, at = 0;
  for (int i = 0; i < first->rank; i++) dims[i] = i ? first->dims[i] : rows;
  bool strings = first->dtype == LEAT_DTYPE_STRING;
  for (size_t k = 0; strings && k < count; k++)
    bytes += ((int64_t *)list[k]->in[input]->data)[list[k]->in[input]->count];
  leat_status status = strings ? leat_tensor_alloc_strings(out, first->rank, dims, bytes, err)
                               : leat_tensor_new(out, first->dtype, first->rank, dims, err);
  size_t width = leat_dtype_bytes(first->dtype);
  for (size_t k = 0; !status && k < count; k++) {
    const leat_tensor *t = list[k]->in[input];
    if (strings)
      put_strings(*out, &at, t);
    else if (t->count) {
      memcpy((char *)(*out)->data + (size_t)at * width, t->data, (size_t)t->count * width);
      at += t->count;
    }
  }
  return status;
}

static leat_status part(const leat_tensor *all, int64_t from, int64_t rows, leat_tensor **out,
                        leat_error *err) {
  int64_t dims[LEAT_MAX_RANK];
  for (int i = 0; i < all->rank; i++) dims[i] = i ? all->dims[i] : rows;
  int64_t each = all->dims[0] ? all->count / all->dims[0] : 0;
  return leat_tensor_view(out, (leat_tensor *)(uintptr_t)all, all->rank, dims, all->strides,
                          from * each, err);
}

// --- Running a batch ----------------------------------------------------------------------------
static leat_status run_joined(leat_infer *const *list, size_t count, int64_t rows, int64_t *clock,
                              leat_error *err) {
  leat_version *v = list[0]->version;
  size_t both = (size_t)(v->input_count + v->output_count);
  leat_tensor **in = leat__calloc(both + 1, sizeof *in);
  if (!in) return leat__oom(err, sizeof *in);
  leat_tensor **out = in + v->input_count;
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < v->input_count; i++)
    status = join(list, count, i, rows, &in[i], err);
  if (!status) status = leat_version_run(v, in, out, clock, err);
  for (int i = 0; !status && i < v->output_count; i++) {
    bool fits = out[i]->rank && out[i]->dims[0] == rows;
    if (!fits) status = leat_error_set(err, LEAT_INTERNAL, "a result is not of the batch's size");
  }
  int64_t from = 0;
  for (size_t k = 0; !status && k < count; from += list[k]->rows, k++)
    for (int i = 0; !status && i < v->output_count; i++)
      status = part(out[i], from, list[k]->rows, &list[k]->out[i], err);
  for (size_t i = 0; i < both; i++) leat_tensor_unref(in[i]);
  leat__free(in);
  return status;
}

static void run_batch(leat_infer **list, size_t count, int64_t rows) {
  leat_error err;
  int64_t begun = leat_clock_ns(), ended = begun;
  leat_status status = count > 1 ? run_joined(list, count, rows, &ended, &err) : LEAT_OK;
  for (size_t k = 0; k < count; k++) {
    leat_infer *f = list[k];
    if (count > 1 && !status) {
      leat_count_add(&f->version->stats->stage_ns[LEAT_STAGE_QUEUE], begun - f->stage_ns);
      f->stage = LEAT_STAGE_WRITE;
      f->stage_ns = ended;
      f->done(f);
      continue;
    }
    for (int i = 0; i < f->version->output_count; i++) {
      leat_tensor_unref(f->out[i]);
      f->out[i] = NULL;
    }
    leat__infer_run(f);
  }
}

// --- The thread ---------------------------------------------------------------------------------
// Takes the first requests that fit together; with the lock.
static int64_t take_batch(struct leat_batcher *b, size_t *count) {
  leat_infer **list = b->batch;
  int64_t rows = 0;
  *count = 0;
  while (b->first && (!*count || (rows + b->first->rows <= b->options.max_rows &&
                                  can_join(list[0], b->first)))) {
    leat_infer *f = b->first;
    b->first = f->next;
    list[(*count)++] = f;
    rows += f->rows;
  }
  b->waiting -= rows;
  return rows;
}

static void wait_for_more(struct leat_batcher *b) {
  int64_t until = b->first->stage_ns + (int64_t)b->options.delay_us * 1000;
  while (!b->stop && b->waiting < b->options.max_rows) {
    int64_t now = leat_clock_ns();
    if (now >= until) return;
    struct timespec at = {until / 1000000000, until % 1000000000};
    pthread_cond_timedwait(&b->changed, &b->lock, &at);
  }
}

static void *work(void *of) {
  struct leat_batcher *b = of;
  size_t count;
  pthread_mutex_lock(&b->lock);
  for (;;) {
    while (!b->first && !b->stop) pthread_cond_wait(&b->changed, &b->lock);
    if (!b->first) break;
    wait_for_more(b);
    int64_t rows = take_batch(b, &count);
    pthread_mutex_unlock(&b->lock);
    run_batch(b->batch, count, rows);
    pthread_mutex_lock(&b->lock);
  }
  pthread_mutex_unlock(&b->lock);
  return NULL;
}

// A request without rows, or above a batch's size, goes its own way (false). A full queue fails it.
bool leat__batcher_take(struct leat_batcher *b, leat_infer *f) {
  if (f->rows < 1 || f->rows > b->options.max_rows) return false;
  for (int i = 0; i < f->version->input_count; i++)
    if (!f->in[i]->rank || f->in[i]->dims[0] != f->rows) return false;
  pthread_mutex_lock(&b->lock);
  bool full = b->waiting + f->rows > b->options.max_queue;
  if (!full) {
    f->next = NULL;
    if (b->first)
      b->last->next = f;
    else
      b->first = f;
    b->last = f;
    b->waiting += f->rows;
    pthread_cond_signal(&b->changed);
  }
  pthread_mutex_unlock(&b->lock);
  if (!full) return true;
  f->shed = true;
  f->status = leat_error_set(&f->err, LEAT_UNAVAILABLE,
                             "The batch scheduling queue to which this task was submitted is full");
  f->done(f);
  return true;
}

int64_t leat_batcher_waiting(struct leat_batcher *b) {
  pthread_mutex_lock(&b->lock);
  int64_t rows = b->waiting;
  pthread_mutex_unlock(&b->lock);
  return rows;
}

leat_status leat_batcher_new(struct leat_batcher **out, leat_version *version,
                             const leat_batch_options *options, leat_error *err) {
  struct leat_batcher *b = *out = leat__calloc(1, sizeof *b);
  if (!b) return leat__oom(err, sizeof *b);
  b->version = version;
  b->options = *options;
  if (b->options.max_queue <= 0) b->options.max_queue = 16 * b->options.max_rows;
  b->batch = leat__alloc(sizeof *b->batch * (size_t)b->options.max_rows);
  if (!b->batch) {
    leat__free(b);
    *out = NULL;
    return leat__oom(err, sizeof *b->batch);
  }
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&b->lock, NULL);
  pthread_cond_init(&b->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  if (!pthread_create(&b->thread, NULL, work, b)) return LEAT_OK;
  pthread_mutex_destroy(&b->lock);
  pthread_cond_destroy(&b->changed);
  leat__free(b->batch);
  leat__free(b);
  *out = NULL;
  return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "cannot start a thread");
}

void leat_batcher_free(struct leat_batcher *b) {
  if (!b) return;
  pthread_mutex_lock(&b->lock);
  b->stop = true;
  pthread_cond_broadcast(&b->changed);
  pthread_mutex_unlock(&b->lock);
  pthread_join(b->thread, NULL);
  pthread_mutex_destroy(&b->lock);
  pthread_cond_destroy(&b->changed);
  leat__free(b->batch);
  leat__free(b);
}
