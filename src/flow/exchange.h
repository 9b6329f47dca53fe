// Exchange: batches and watermarks from worker to worker.
// SPDX-License-Identifier: Apache-2.0
//
// For each pair of workers one queue, with one writer and one reader, without locks. Queues are not
// bounded: a worker whose queues are long stops reading its sources (leat_flow_exchange_full), and
// what else it gives out is bounded by what it holds. So no circle of full queues can come to be.
#ifndef LEAT_FLOW_EXCHANGE_H
#define LEAT_FLOW_EXCHANGE_H

#include "flow/batch.h"

typedef struct leat_flow_message {
  int transform, input;
  leat_flow_batch *batch;  // the receiver's reference; NULL: a watermark
  int64_t watermark;       // of the sender, for this input
} leat_flow_message;

typedef struct leat_flow_exchange leat_flow_exchange;

leat_status leat_flow_exchange_new(leat_flow_exchange **out, int workers, leat_error *err);
void leat_flow_exchange_free(leat_flow_exchange *x);  // NULL allowed; drops what was not taken
// Takes the batch's reference, after an error too.
leat_status leat_flow_exchange_send(leat_flow_exchange *x, int from, int to,
                                    leat_flow_message message, leat_error *err);
// The next message for a worker; false: there is none now. *from: who sent it.
bool leat_flow_exchange_take(leat_flow_exchange *x, int to, int *from, leat_flow_message *out);
bool leat_flow_exchange_full(const leat_flow_exchange *x, int from);
// Waits until there may be a message for a worker, somebody calls wake, or so long.
void leat_flow_exchange_wait(leat_flow_exchange *x, int to, int64_t most_ms);
void leat_flow_exchange_wake(leat_flow_exchange *x);  // everybody

// A hash of the fields of each row: equal for equal values, of whatever batch.
void leat_flow_hash_rows(const leat_flow_batch *batch, const int *fields, int count, uint64_t *out);

#endif
