// Worker: one thread that does one thing at a time in the background.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_WORKER_H
#define LEAT_BASE_WORKER_H

#include "leat/error.h"

typedef struct leat_worker leat_worker;

leat_status leat_worker_new(leat_worker **out, leat_error *err);
void leat_worker_free(leat_worker *worker);  // waits for what it does; NULL allowed
// Has the worker call fn(context). What was started before must have been waited for.
void leat_worker_start(leat_worker *worker, void (*fn)(void *context), void *context);
// Waits until the worker is idle; all that it wrote can be seen then. NULL allowed.
void leat_worker_wait(leat_worker *worker);

#endif
