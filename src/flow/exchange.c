// Exchange: a chain of blocks for each pair of workers.
// SPDX-License-Identifier: Apache-2.0
#include "flow/exchange.h"

#include "base/map.h"
#include "flow/words.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { BLOCK = 64, FULL = 32 };  // messages of a block; waiting ones of a queue that is full

typedef struct block block;
struct block {
  block *next;  // atomic; set when this one is filled
  leat_flow_message at[BLOCK];
};

typedef struct queue {  // of one writer and one reader
  _Alignas(64) block *last;
  int64_t sent;  // atomic
  _Alignas(64) block *first;
  int64_t taken;  // atomic
} queue;

typedef struct sleeper {
  _Alignas(64) int asleep;  // atomic
  pthread_mutex_t lock;
  pthread_cond_t wake;
  int next;  // queue to look at first, so that no sender waits for ever
} sleeper;

struct leat_flow_exchange {
  int workers;
  queue *queues;  // [to * workers + from]
  sleeper *sleepers;
};

// --- Life ---------------------------------------------------------------------------------------
leat_status leat_flow_exchange_new(leat_flow_exchange **out, int workers, leat_error *err) {
  leat_flow_exchange *x = leat__calloc(1, sizeof *x);
  size_t pairs = (size_t)workers * (size_t)workers, bytes = pairs * sizeof(queue);
  *out = NULL;
  if (!x) return leat__oom(err, sizeof *x);
  x->workers = workers;
  x->queues = leat__alloc_aligned(bytes);
  x->sleepers = leat__alloc_aligned((size_t)workers * sizeof *x->sleepers);
  if (x->queues) memset(x->queues, 0, bytes);
  bool good = x->queues && x->sleepers;
  for (int i = 0; x->sleepers && i < workers; i++) {
    x->sleepers[i] = (sleeper){.asleep = 0};
    pthread_mutex_init(&x->sleepers[i].lock, NULL);
    pthread_cond_init(&x->sleepers[i].wake, NULL);
  }
  for (size_t i = 0; good && i < pairs; i++) {
    x->queues[i].first = x->queues[i].last = leat__calloc(1, sizeof(block));
    good = x->queues[i].first;
  }
  if (!good) return leat_flow_exchange_free(x), leat__oom(err, bytes);
  return *out = x, LEAT_OK;
}

static bool queue_take(queue *q, leat_flow_message *out) {
  int64_t at = q->taken;
  if (at == __atomic_load_n(&q->sent, __ATOMIC_ACQUIRE)) return false;
  if (at && at % BLOCK == 0) {
    block *next = __atomic_load_n(&q->first->next, __ATOMIC_ACQUIRE);
    leat__free(q->first);
    q->first = next;
  }
  *out = q->first->at[at % BLOCK];
  __atomic_store_n(&q->taken, at + 1, __ATOMIC_RELEASE);
  return true;
}

void leat_flow_exchange_free(leat_flow_exchange *x) {
  if (!x) return;
  for (int i = 0; x->queues && i < x->workers * x->workers; i++) {
    leat_flow_message m;
    queue *q = &x->queues[i];
    while (q->first && queue_take(q, &m)) leat_flow_batch_unref(m.batch);
    leat__free(q->first);
  }
  for (int i = 0; x->sleepers && i < x->workers; i++) {
    pthread_mutex_destroy(&x->sleepers[i].lock);
    pthread_cond_destroy(&x->sleepers[i].wake);
  }
  leat__free(x->queues);
  leat__free(x->sleepers);
  leat__free(x);
}

// --- Messages -----------------------------------------------------------------------------------
static void wake(sleeper *s) {
  // Ordered with the sleeper's own look at its queues after it has said that it sleeps.
  if (!__atomic_fetch_add(&s->asleep, 0, __ATOMIC_SEQ_CST)) return;
  pthread_mutex_lock(&s->lock);
  pthread_cond_signal(&s->wake);
  pthread_mutex_unlock(&s->lock);
}

leat_status leat_flow_exchange_send(leat_flow_exchange *x, int from, int to,
                                    leat_flow_message message, leat_error *err) {
  queue *q = &x->queues[to * x->workers + from];
  int64_t at = q->sent;
  if (at && at % BLOCK == 0) {
    block *next = leat__calloc(1, sizeof *next);
    if (!next) return leat_flow_batch_unref(message.batch), leat__oom(err, sizeof *next);
    __atomic_store_n(&q->last->next, next, __ATOMIC_RELEASE);
    q->last = next;
  }
  q->last->at[at % BLOCK] = message;
  __atomic_store_n(&q->sent, at + 1, __ATOMIC_RELEASE);
  wake(&x->sleepers[to]);
  return LEAT_OK;
}

bool leat_flow_exchange_take(leat_flow_exchange *x, int to, int *from, leat_flow_message *out) {
  sleeper *s = &x->sleepers[to];
  for (int i = 0; i < x->workers; i++) {
    *from = (s->next + i) % x->workers;
    if (!queue_take(&x->queues[to * x->workers + *from], out)) continue;
    s->next = (*from + 1) % x->workers;
    return true;
  }
  return false;
}

static int64_t waiting(const queue *q) {
  int64_t sent = __atomic_load_n(&q->sent, __ATOMIC_ACQUIRE);
  return sent - __atomic_load_n(&q->taken, __ATOMIC_ACQUIRE);
}

bool leat_flow_exchange_full(const leat_flow_exchange *x, int from) {
  for (int to = 0; to < x->workers; to++)
    if (waiting(&x->queues[to * x->workers + from]) >= FULL) return true;
  return false;
}

// --- Waiting ------------------------------------------------------------------------------------
static bool any_for(const leat_flow_exchange *x, int to) {
  for (int from = 0; from < x->workers; from++)
    if (waiting(&x->queues[to * x->workers + from])) return true;
  return false;
}

void leat_flow_exchange_wait(leat_flow_exchange *x, int to, int64_t most_ms) {
  sleeper *s = &x->sleepers[to];
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += most_ms / 1000;
  until.tv_nsec += most_ms % 1000 * 1000000;
  if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
  pthread_mutex_lock(&s->lock);
  __atomic_exchange_n(&s->asleep, 1, __ATOMIC_SEQ_CST);
  if (!any_for(x, to)) pthread_cond_timedwait(&s->wake, &s->lock, &until);
  __atomic_store_n(&s->asleep, 0, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&s->lock);
}

void leat_flow_exchange_wake(leat_flow_exchange *x) {
  for (int i = 0; i < x->workers; i++) {
    pthread_mutex_lock(&x->sleepers[i].lock);
    pthread_cond_signal(&x->sleepers[i].wake);
    pthread_mutex_unlock(&x->sleepers[i].lock);
  }
}

// --- Hashing ------------------------------------------------------------------------------------
static uint64_t mix(uint64_t h) {  // splitmix64's
  h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9;
  h = (h ^ (h >> 27)) * 0x94D049BB133111EB;
  return h ^ (h >> 31);
}

static inline uint64_t hash_text(leat_str text) {
  uint64_t words[2] = {0, 0};
  if (text.len > 16) return leat__hash_bytes(text.ptr, text.len);
  if (text.len) leat_flow_words(text, words);
  return words[0] * 0x9E3779B97F4A7C15 ^ mix(words[1] + text.len);
}

static uint64_t hash_value(const leat_flow_field *field, const leat_flow_column *c, int row) {
  if (!leat_flow_is_valid(c, row)) return 0x6E756C6C;
  uint64_t h = (uint64_t)field->type + 1;
  const int32_t *ends = c->values;
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL: return h + leat_flow_bool(c, row);
    case LEAT_FLOW_TYPE_INT32:
    case LEAT_FLOW_TYPE_FLOAT: return mix(h + ((const uint32_t *)c->values)[row]);
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: return hash_text(leat_flow_text(c, row));
    case LEAT_FLOW_TYPE_LIST:
      for (int32_t i = ends[row]; i < ends[row + 1]; i++)
        h = mix(h ^ hash_value(field->fields, c->children, i));
      return h;
    case LEAT_FLOW_TYPE_ROW:
      for (int i = 0; i < field->field_count; i++)
        h = mix(h ^ hash_value(&field->fields[i], &c->children[i], row));
      return h;
    default: return mix(h + ((const uint64_t *)c->values)[row]);
  }
}

void leat_flow_hash_rows(const leat_flow_batch *batch, const int *fields, int count,
                         uint64_t *out) {
  memset(out, 0, (size_t)batch->rows * sizeof *out);
  for (int f = 0; f < count; f++) {
    const leat_flow_field *field = &batch->schema->fields[fields[f]];
    const leat_flow_column *c = &batch->columns[fields[f]];
    if (field->type == LEAT_FLOW_TYPE_STRING && !c->validity)
      for (int i = 0; i < batch->rows; i++) out[i] = mix(out[i] ^ hash_text(leat_flow_text(c, i)));
    else
      for (int i = 0; i < batch->rows; i++) out[i] = mix(out[i] ^ hash_value(field, c, i));
  }
}
