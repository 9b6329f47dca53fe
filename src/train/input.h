// Training input: rows from files, shuffled in blocks, repeated, cut into batches.
// SPDX-License-Identifier: Apache-2.0
//
// A block of `shuffle` rows is read and permuted by Philox(seed, epoch, block): the same seed gives
// the same order anywhere. The position to resume at names the block's place in the file and the
// row within it, so resuming costs one block (and unpacking what lies before it in a compressed
// file). With train.prefetch a thread reads the next block while this one is used; rows, places and
// the position, which is the consumer's, are the same.
#ifndef LEAT_TRAIN_INPUT_H
#define LEAT_TRAIN_INPUT_H

#include "train/config.h"

typedef struct leat_input_position {
  int64_t epoch;            // passes finished
  int64_t block;            // blocks of this pass before the one at hand
  leat_row_position start;  // of the block at hand
  int64_t index;            // rows of it already taken
} leat_input_position;

typedef struct leat_input_source leat_input_source;

// files: paths or globs. shuffle 0: file order. repeat: start over at the end.
leat_status leat_source_open(leat_input_source **out, const leat_config *config,
                             const leat_str *files, size_t file_count, int64_t shuffle, bool repeat,
                             uint64_t seed, leat_error *err);
// Which rows to take where data.split parts them: by a hash of their values, so a row stays on its
// side wherever it stands. Called before the first batch.
typedef enum leat_side { LEAT_SIDE_BOTH, LEAT_SIDE_TRAIN, LEAT_SIDE_EVAL } leat_side;
void leat_source_take(leat_input_source *s, leat_side side);
void leat_source_close(leat_input_source *s);
// The next batch of up to `size` rows (see leat_config_batch_size; the caller drops the
// references). *rows 0 at the end of the data.
leat_status leat_source_next(leat_input_source *s, int64_t size, leat_tensor **out, int64_t *rows,
                             leat_error *err);
leat_input_position leat_source_tell(const leat_input_source *s);
leat_status leat_source_seek(leat_input_source *s, leat_input_position position, leat_error *err);
// Where row i of the last batch comes from, and as text: "FILE:LINE", or as the format counts.
leat_row_place leat_source_row(const leat_input_source *s, int64_t row);
void leat_source_place(const leat_input_source *s, leat_row_place place, char *text, size_t size);

#endif
