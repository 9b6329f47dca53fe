// A background thread.
// SPDX-License-Identifier: Apache-2.0
#include "base/worker.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

struct leat_worker {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t changed;
  void (*fn)(void *context);  // to be done, or being done; NULL = idle
  void *context;
  bool stop;
};

static void *work(void *of) {
  leat_worker *w = of;
  pthread_mutex_lock(&w->lock);
  while (!w->stop || w->fn) {
    if (!w->fn) {
      pthread_cond_wait(&w->changed, &w->lock);
      continue;
    }
    pthread_mutex_unlock(&w->lock);
    w->fn(w->context);
    pthread_mutex_lock(&w->lock);
    w->fn = NULL;
    pthread_cond_broadcast(&w->changed);
  }
  pthread_mutex_unlock(&w->lock);
  return NULL;
}

leat_status leat_worker_new(leat_worker **out, leat_error *err) {
  leat_worker *w = *out = leat__calloc(1, sizeof *w);
  if (!w) return leat__oom(err, sizeof *w);
  pthread_mutex_init(&w->lock, NULL);
  pthread_cond_init(&w->changed, NULL);
  int code = pthread_create(&w->thread, NULL, work, w);
  if (!code) return LEAT_OK;
  pthread_mutex_destroy(&w->lock);
  pthread_cond_destroy(&w->changed);
  leat__free(w);
  *out = NULL;
  return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "cannot start a thread: %s", strerror(code));
}

void leat_worker_start(leat_worker *w, void (*fn)(void *context), void *context) {
  pthread_mutex_lock(&w->lock);
  w->fn = fn;
  w->context = context;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->lock);
}

void leat_worker_wait(leat_worker *w) {
  if (!w) return;
  pthread_mutex_lock(&w->lock);
  while (w->fn) pthread_cond_wait(&w->changed, &w->lock);
  pthread_mutex_unlock(&w->lock);
}

void leat_worker_free(leat_worker *w) {
  if (!w) return;
  pthread_mutex_lock(&w->lock);
  w->stop = true;
  pthread_cond_broadcast(&w->changed);
  pthread_mutex_unlock(&w->lock);
  pthread_join(w->thread, NULL);
  pthread_mutex_destroy(&w->lock);
  pthread_cond_destroy(&w->changed);
  leat__free(w);
}
