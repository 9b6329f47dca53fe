// Batches for a training step, made ready ahead: rows taken, strings turned into numbers.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_FEED_H
#define LEAT_TRAIN_FEED_H

#include "leat/engine.h"
#include "train/input.h"

typedef struct leat_feed leat_feed;

typedef struct leat_fed {
  leat_tensor **batch;  // the columns, then the results of `front`
  int64_t rows;         // 0: the data have ended
  leat_row_place first, last;
  leat_input_position position;  // behind the batch
} leat_fed;

// Batches of up to `size` rows of a source, which must outlive the feed. With `front` (see
// leat_estimator) a thread makes some batches ahead; without, they are made when they are asked
// for.
leat_status leat_feed_new(leat_feed **out, leat_input_source *source, leat_func *front, int columns,
                          int64_t size, leat_error *err);
void leat_feed_free(leat_feed *feed);  // NULL allowed
// The next batch, the feed's until the call after.
leat_status leat_feed_next(leat_feed *feed, leat_fed **out, leat_error *err);

#endif
