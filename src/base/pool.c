// Thread pool: workers sleep on a condition; parts are taken from an atomic counter.
// SPDX-License-Identifier: Apache-2.0
#include "base/pool.h"

#include "base/fpenv.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

typedef struct job {
  void (*fn)(void *ctx, int64_t part);
  void *ctx;
  int64_t parts;
} job;

struct leat_pool {
  pthread_mutex_t lock;
  pthread_cond_t wake, done;
  pthread_mutex_t running;  // held by the caller of the current loop
  pthread_t *threads;
  int thread_count;
  pid_t owner;  // threads exist only in this process
  job job;
  uint64_t round;  // counts jobs, so that a worker takes each once
  int busy;        // workers inside the current job
  bool stop;
  atomic_llong next;
};

static void take_parts(leat_pool *pool, const job *j) {
  for (;;) {
    int64_t part = atomic_fetch_add(&pool->next, 1);
    if (part >= j->parts) return;
    j->fn(j->ctx, part);
  }
}

static void *work(void *arg) {
  leat_pool *pool = arg;
  leat__fpenv_enter();
  uint64_t seen = 0;
  pthread_mutex_lock(&pool->lock);
  for (;;) {
    while (!pool->stop && pool->round == seen) pthread_cond_wait(&pool->wake, &pool->lock);
    if (pool->stop) break;
    seen = pool->round;
    job j = pool->job;
    pool->busy++;
    pthread_mutex_unlock(&pool->lock);
    take_parts(pool, &j);
    pthread_mutex_lock(&pool->lock);
    if (--pool->busy == 0) pthread_cond_signal(&pool->done);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

leat_status leat_pool_new(leat_pool **out, int threads, leat_error *err) {
  leat_pool *pool = *out = leat__calloc(1, sizeof *pool);
  if (!pool) return leat__oom(err, sizeof *pool);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_mutex_init(&pool->running, NULL);
  pthread_cond_init(&pool->wake, NULL);
  pthread_cond_init(&pool->done, NULL);
  pool->owner = getpid();
  int wanted = threads > 1 ? threads - 1 : 0;
  pool->threads = leat__calloc((size_t)wanted + 1, sizeof *pool->threads);
  for (; pool->threads && pool->thread_count < wanted; pool->thread_count++)
    if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool)) break;
  if (pool->threads) return LEAT_OK;  // fewer threads than asked for still do the work
  leat_pool_free(pool);
  *out = NULL;
  return leat__oom(err, sizeof(pthread_t));
}

void leat_pool_free(leat_pool *pool) {
  if (!pool) return;
  if (pool->owner == getpid()) {
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_mutex_destroy(&pool->running);
    pthread_cond_destroy(&pool->wake);
    pthread_cond_destroy(&pool->done);
  }  // in a forked child the conditions still count the parent's waiters: left as they are
  leat__free(pool->threads);
  leat__free(pool);
}

int leat_pool_threads(const leat_pool *pool) { return pool ? pool->thread_count + 1 : 1; }

static void run_alone(int64_t parts, void (*fn)(void *ctx, int64_t part), void *ctx) {
  for (int64_t part = 0; part < parts; part++) fn(ctx, part);
}

void leat_pool_run(leat_pool *pool, int64_t parts, void (*fn)(void *ctx, int64_t part), void *ctx) {
  bool alone = !pool || parts < 2 || pool->thread_count == 0 || pool->owner != getpid();
  if (alone || pthread_mutex_trylock(&pool->running) != 0) {
    run_alone(parts, fn, ctx);
    return;
  }
  job j = {fn, ctx, parts};
  pthread_mutex_lock(&pool->lock);
  while (pool->busy) pthread_cond_wait(&pool->done, &pool->lock);  // stragglers of the last loop
  pool->job = j;
  atomic_store(&pool->next, 0);
  pool->round++;
  pthread_cond_broadcast(&pool->wake);
  pthread_mutex_unlock(&pool->lock);
  take_parts(pool, &j);
  pthread_mutex_lock(&pool->lock);
  while (pool->busy) pthread_cond_wait(&pool->done, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
  pthread_mutex_unlock(&pool->running);
}
