// Timers: queues of moments at which scopes want to be woken, and of holds.
// SPDX-License-Identifier: Apache-2.0
//
// Setting a timer puts an entry into a heap; what was set before stays there and no longer counts.
#ifndef LEAT_FLOW_TIMERS_H
#define LEAT_FLOW_TIMERS_H

#include "flow/state.h"

enum { LEAT_FLOW_NO_TIMER = -1 };  // in place of an index: the scope's end of life

typedef struct leat_flow_due {
  int64_t time;
  uint64_t stamp;  // of two of one time the earlier stamp is first; an end of life is the last
  leat_flow_scope *scope;
  int timer;  // index of the scope's timers
} leat_flow_due;

typedef struct leat_flow_queue {  // a heap, the first one at 0
  LEAT_VEC(leat_flow_due) due;
} leat_flow_queue;

bool leat_flow_queue_push(leat_flow_queue *queue, leat_flow_due due);  // false: no memory
// The first that still counts, if its time is before `before`; it is taken out. For holds: whether
// there is one, which stays.
bool leat_flow_queue_pop(leat_flow_queue *queue, int64_t before, leat_flow_due *out);
int64_t leat_flow_queue_first(leat_flow_queue *queue);  // LEAT_FLOW_TIME_MAX + 1: none
void leat_flow_queue_deinit(leat_flow_queue *queue);

// The scope's timer of a family and tag, made if need be: its index; -1: no memory.
int leat_flow_timer_of(leat_flow_scope *scope, int family, leat_str tag);

#endif
