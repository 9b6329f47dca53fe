// tf.Example and tf.SequenceExample: serialised features, in and out.
// SPDX-License-Identifier: Apache-2.0
//
// Read as protocol buffers merge: a message may come in pieces, numbers packed or not, unknown
// fields are passed over, and of two entries with one key the last counts.
#ifndef LEAT_FORMATS_EXAMPLE_H
#define LEAT_FORMATS_EXAMPLE_H

#include "base/arena.h"
#include "base/vec.h"

typedef enum leat_example_kind {  // numbers as in tensorflow.Feature
  LEAT_EXAMPLE_NONE,              // a feature without a list: missing
  LEAT_EXAMPLE_BYTES,
  LEAT_EXAMPLE_FLOAT,
  LEAT_EXAMPLE_INT64,
} leat_example_kind;

typedef struct leat_example_list {  // one tensorflow.Feature; zero-initialised is empty
  leat_example_kind kind;
  LEAT_VEC(leat_str) bytes;  // views of the message
  LEAT_VEC(float) floats;
  LEAT_VEC(int64_t) ints;
} leat_example_list;

// Values of the list's kind.
size_t leat_example_count(const leat_example_list *list);
void leat_example_list_clear(leat_example_list *list);  // empties, keeps memory
void leat_example_list_deinit(leat_example_list *list);
// Reads a serialised Feature behind what the list holds (as merging does). false: damaged, or no
// memory (*no_memory).
bool leat_example_list_read(leat_example_list *list, leat_str feature, bool *no_memory);

// --- Entries by key -----------------------------------------------------------------------------
typedef enum leat_example_part {
  LEAT_EXAMPLE_FEATURES,  // an Example's features, a SequenceExample's context: tag 1
  LEAT_EXAMPLE_LISTS,     // a SequenceExample's feature lists: tag 2
} leat_example_part;

// An entry of a map: its key and its serialised value (Feature, or FeatureList).
typedef bool leat_example_visit(void *context, leat_example_part part, leat_str key,
                                leat_str value);
// Calls `visit` for each entry in order; lists false: tag 2 is an unknown field (an Example).
// DATA_LOSS when the message is damaged; CANCELLED when visit returned false. Scratch holds values
// that came in pieces and must outlive the views.
leat_status leat_example_walk(leat_str message, bool lists, leat_example_visit *visit,
                              void *context, leat_arena *scratch, leat_error *err);
// The Features of a FeatureList, as above, with an empty key.
leat_status leat_example_walk_list(leat_str message, leat_example_visit *visit, void *context,
                                   leat_error *err);

// --- Whole --------------------------------------------------------------------------------------
typedef struct leat_example_feature {
  leat_str key;
  leat_example_list value;
} leat_example_feature;
typedef struct leat_example_sequence {
  leat_str key;
  LEAT_VEC(leat_example_list) steps;
} leat_example_sequence;
typedef struct leat_example {  // zero-initialised is empty; views of the message and of the arena
  LEAT_VEC(leat_example_feature) features;
  LEAT_VEC(leat_example_sequence) sequences;
  leat_arena arena;
} leat_example;

// Keys in order of first appearance. After an error the example is to be deinitialised too.
leat_status leat_example_parse(leat_example *out, leat_str message, bool sequence, leat_error *err);
void leat_example_deinit(leat_example *example);
// Appends the serialised message: entries in order, numbers packed.
void leat_example_format(const leat_example *example, bool sequence, leat_buf *out);

#endif
