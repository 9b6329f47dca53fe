// Timers: a binary heap whose stale entries go when they come to the top.
// SPDX-License-Identifier: Apache-2.0
#include "flow/timers.h"

static bool before(const leat_flow_due *a, const leat_flow_due *b) {
  if (a->time != b->time) return a->time < b->time;
  bool end_a = a->timer == LEAT_FLOW_NO_TIMER, end_b = b->timer == LEAT_FLOW_NO_TIMER;
  return end_a != end_b ? end_b : a->stamp < b->stamp;
}

bool leat_flow_queue_push(leat_flow_queue *queue, leat_flow_due due) {
  if (!leat_vec_push(&queue->due, due)) return false;
  leat_flow_due *at = queue->due.at;
  size_t i = queue->due.count - 1;
  for (; i && before(&due, &at[(i - 1) / 2]); i = (i - 1) / 2) at[i] = at[(i - 1) / 2];
  at[i] = due;
  due.scope->queued++;
  return true;
}

static void drop_first(leat_flow_queue *queue) {
  leat_flow_due *at = queue->due.at, last = at[--queue->due.count];
  size_t i = 0, n = queue->due.count;
  for (size_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && before(&at[child + 1], &at[child])) child++;
    if (!before(&at[child], &last)) break;
    at[i] = at[child];
  }
  if (n) at[i] = last;
}

static bool counts(const leat_flow_due *due) {
  if (due->scope->ended) return false;
  return due->timer == LEAT_FLOW_NO_TIMER || due->scope->timers.at[due->timer].stamp == due->stamp;
}

static void drop_stale(leat_flow_queue *queue) {
  while (queue->due.count && !counts(&queue->due.at[0])) {
    leat_flow_scope *scope = queue->due.at[0].scope;
    drop_first(queue);
    leat_flow_scope_release(scope);
  }
}

bool leat_flow_queue_pop(leat_flow_queue *queue, int64_t limit, leat_flow_due *out) {
  drop_stale(queue);
  if (!queue->due.count || queue->due.at[0].time >= limit) return false;
  *out = queue->due.at[0];
  drop_first(queue);
  out->scope->queued--;  // it counts, so it has not ended
  return true;
}

int64_t leat_flow_queue_first(leat_flow_queue *queue) {
  drop_stale(queue);
  return queue->due.count ? queue->due.at[0].time : LEAT_FLOW_TIME_MAX + 1;
}

void leat_flow_queue_deinit(leat_flow_queue *queue) {
  for (size_t i = 0; i < queue->due.count; i++) leat_flow_scope_release(queue->due.at[i].scope);
  leat_vec_deinit(&queue->due);
}

int leat_flow_timer_of(leat_flow_scope *scope, int family, leat_str tag) {
  for (size_t i = 0; i < scope->timers.count; i++) {
    const leat_flow_timer *t = &scope->timers.at[i];
    if (t->family == family && leat_str_eq((leat_str){t->tag, t->tag_len}, tag)) return (int)i;
  }
  leat_flow_timer timer = {.family = family, .tag_len = tag.len};
  if (!(timer.tag = leat__calloc(1, tag.len + 1))) return -1;
  if (tag.len) memcpy(timer.tag, tag.ptr, tag.len);
  if (leat_vec_push(&scope->timers, timer)) return (int)scope->timers.count - 1;
  return leat__free(timer.tag), -1;
}
