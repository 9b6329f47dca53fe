// One request's way through a version, and the pool for versions that take long.
// SPDX-License-Identifier: Apache-2.0
#include "serve/infer.h"

#include "base/clock.h"
#include "tensor/tensor_impl.h"

#include <pthread.h>

enum { IN_PLACE_NS = 200 * 1000 };  // what an I/O thread may spend on a model

leat_status leat_infer_new(leat_infer **out, leat_serve *serve, leat_exchange *x,
                           leat_version *version, leat_error *err) {
  size_t inputs = (size_t)version->input_count, outputs = (size_t)version->output_count;
  size_t pointers = (inputs + outputs + 1) * sizeof(leat_tensor *);
  size_t head = (sizeof(leat_infer) + 15) & ~(size_t)15;
  leat_infer *f = *out = leat__alloc(head + pointers + inputs * sizeof(leat_values));
  if (!f) {
    leat_version_release(version);
    return leat__oom(err, head);
  }
  f->serve = serve;
  f->x = x;
  f->version = version;
  f->rows = 1;
  f->stage = LEAT_STAGE_READ;
  f->stage_ns = leat_clock_ns();
  f->status = LEAT_OK;
  f->shed = false;
  f->done = NULL;
  f->next = NULL;
  f->own = NULL;
  f->kind = 0;
  f->arena = (leat_arena){0};
  f->in = (leat_tensor **)(void *)((char *)f + head);
  f->out = f->in + inputs;
  memset(f->in, 0, pointers);
  f->values = (leat_values *)(void *)((char *)f + head + pointers);
  for (size_t i = 0; i < inputs; i++) leat_values_init(&f->values[i], &version->inputs[i], x);
  return LEAT_OK;
}

void leat_infer_free(leat_infer *f) {
  if (!f) return;
  for (int i = 0; i < f->version->output_count; i++) leat_tensor_unref(f->out[i]);
  for (int i = 0; i < f->version->input_count; i++) {
    leat_tensor_unref(f->in[i]);
    leat_values_deinit(&f->values[i]);
  }
  leat_arena_deinit(&f->arena);
  leat_version_release(f->version);
  leat__free(f);
}

int leat_infer_http_status(const leat_infer *f) {
  if (f->shed) return 429;
  return f->status == LEAT_RESOURCE_EXHAUSTED ? 503 : leat_http_status(f->status);
}

void leat__infer_enter(leat_infer *f, leat_stage stage) {
  int64_t now = leat_clock_ns();
  leat_count_add(&f->version->stats->stage_ns[f->stage], now - f->stage_ns);
  f->stage = stage;
  f->stage_ns = now;
}

void leat_infer_count(leat_infer *f, leat_status status) {
  leat__infer_enter(f, LEAT_STAGE_WRITE);
  leat_stats_request(f->version->stats, status, f->x->started_ns, f->stage_ns);
}

// --- Running ------------------------------------------------------------------------------------
// Whether anyone still waits.
static leat_status check_wanted(const leat_infer *f, leat_error *err) {
  if (!f->x) return LEAT_OK;
  if (f->x->deadline_ns && f->stage_ns > f->x->deadline_ns)
    return leat_error_set(err, LEAT_DEADLINE_EXCEEDED, "the deadline passed before the model ran");
  if (leat_exchange_gone(f->x)) return leat_error_set(err, LEAT_CANCELLED, "the client has gone");
  return LEAT_OK;
}

void leat__infer_run(leat_infer *f) {
  if (f->stage == LEAT_STAGE_QUEUE) leat__infer_enter(f, LEAT_STAGE_RUN);
  if (!f->status) f->status = check_wanted(f, &f->err);
  if (!f->status) f->status = leat_version_run(f->version, f->in, f->out, &f->stage_ns, &f->err);
  f->stage = LEAT_STAGE_WRITE;
  f->done(f);
}

static int64_t rows_of(const leat_infer *f) {
  for (int i = 0; i < f->version->input_count; i++)
    if (f->version->inputs[i].batched && f->in[i]->rank) return f->in[i]->dims[0];
  return 1;
}

// --- The pool -----------------------------------------------------------------------------------
struct leat_runpool {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  leat_infer *first, *last;
  bool stop;
  int count;
  pthread_t threads[];
};

// It frees what I/O threads took, so it keeps nothing for itself.
static void *work(void *of) {
  leat_runpool *p = of;
  pthread_mutex_lock(&p->lock);
  for (;;) {
    while (!p->first && !p->stop) pthread_cond_wait(&p->wake, &p->lock);
    leat_infer *f = p->first;
    if (!f) break;
    p->first = f->next;
    pthread_mutex_unlock(&p->lock);
    leat__infer_run(f);
    pthread_mutex_lock(&p->lock);
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

leat_status leat_runpool_new(leat_runpool **out, int threads, leat_error *err) {
  leat_runpool *p = *out = leat__calloc(1, sizeof *p + sizeof *p->threads * (size_t)threads);
  if (!p) return leat__oom(err, sizeof *p);
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->wake, NULL);
  for (; p->count < threads; p->count++)
    if (pthread_create(&p->threads[p->count], NULL, work, p)) break;
  if (p->count) return LEAT_OK;
  leat_runpool_free(p);
  *out = NULL;
  return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "cannot start a thread");
}

void leat_runpool_free(leat_runpool *p) {
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  p->stop = true;
  pthread_cond_broadcast(&p->wake);
  pthread_mutex_unlock(&p->lock);
  for (int i = 0; i < p->count; i++) pthread_join(p->threads[i], NULL);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->wake);
  leat__free(p);
}

static void queue(leat_runpool *p, leat_infer *f) {
  pthread_mutex_lock(&p->lock);
  if (p->first)
    p->last->next = f;
  else
    p->first = f;
  p->last = f;
  f->next = NULL;
  pthread_cond_signal(&p->wake);
  pthread_mutex_unlock(&p->lock);
}

void leat_infer_submit(leat_infer *f) {
  leat_version *v = f->version;
  if (f->status) {
    f->done(f);
    return;
  }
  leat__infer_enter(f, LEAT_STAGE_QUEUE);
  f->rows = rows_of(f);
  if (v->batcher && leat__batcher_take(v->batcher, f)) return;
  leat_runpool *pool = f->serve ? leat__serve_pool(f->serve) : NULL;
  if (pool && leat_count(&v->stats->row_ns) * f->rows > IN_PLACE_NS) {
    queue(pool, f);
    return;
  }
  f->stage = LEAT_STAGE_RUN;
  leat__infer_run(f);
}
