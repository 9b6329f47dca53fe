// The models that a server serves: an immutable table, swapped whole.
// SPDX-License-Identifier: Apache-2.0
//
// One control thread calls leat_models_set with the whole truth: what is new is loaded and warmed
// up before the swap, what is no longer wanted is unloaded once its last request is answered.
// Requests look versions up and hold them meanwhile; a swap never blocks them.
#ifndef LEAT_SERVE_MODELS_H
#define LEAT_SERVE_MODELS_H

#include "base/arena.h"
#include "leat/model.h"

#include <stdatomic.h>

typedef struct leat_models leat_models;
typedef struct leat_version leat_version;

typedef struct leat_model_wanted {  // a version that shall be served; strings are copied
  const char *model;
  const char *version;   // its name ("v1"); NULL: its number in digits
  int64_t number;        // within its model, >= 0
  const char *dir;       // of the saved model
  const char *identity;  // changes with the content (a hash); NULL: dir
  bool is_default;       // of its model; without one the highest number is
} leat_model_wanted;

typedef enum leat_version_serving {  // TensorFlow Serving's states, by its numbers
  LEAT_SERVING_UNKNOWN = 0,
  LEAT_SERVING_START = 10,
  LEAT_SERVING_LOADING = 20,
  LEAT_SERVING_AVAILABLE = 30,
  LEAT_SERVING_UNLOADING = 40,
  LEAT_SERVING_END = 50,
} leat_version_serving;

typedef struct leat_tensor_info {  // an input or output; dims[0] is the batch where batched
  const char *name;
  leat_dtype dtype;
  int rank;
  int64_t dims[LEAT_MAX_RANK];  // -1 = any
  bool batched;                 // its first dimension is the symbol that all batched ones share
} leat_tensor_info;

struct leat_version {
  const char *model, *name, *dir, *identity;
  int64_t number;
  bool is_default;
  _Atomic int state;       // leat_version_serving
  leat_error failure;      // why it could not be loaded (state END)
  leat_model *loaded;      // NULL unless AVAILABLE or UNLOADING
  const char *signature;   // its name: "serving_default"
  int input_count, output_count;
  leat_tensor_info *inputs, *outputs;
  bool batched;            // every input and output is
  struct leat_runner *runner;
  struct leat_batcher *batcher;  // NULL: not batched
  struct leat_version_stats *stats;
  atomic_int holds;
  leat_arena arena;
};

typedef struct leat_models_options {
  leat_engine engine;
  int threads;  // that may run a version at once without waiting; 0 = 1
  bool no_warmup;
  // Batching: off while max_batch is 0.
  int max_batch;        // rows
  int batch_delay_us;   // what a row may wait for others
  int max_queue;        // rows that may wait; 0 = 16 batches
  void (*note)(void *context, const char *message);  // one line about loading; NULL: none
  void *context;
} leat_models_options;

leat_status leat_models_new(leat_models **out, const leat_models_options *options, leat_error *err);
void leat_models_free(leat_models *models);  // no version may be held; NULL allowed
// Loads, swaps, unloads; one thread at a time. What cannot be loaded is in the table with its
// failure, and the default does not move to it; *failed counts those. A version that is there
// already (same model, name, number, identity) is kept as it is, save for the default.
leat_status leat_models_set(leat_models *models, const leat_model_wanted *wanted, size_t count,
                            int *failed, leat_error *err);
// Frees what was unloaded and is no longer held; to be called now and then by the control thread.
void leat_models_collect(leat_models *models);

// --- Looking up ---------------------------------------------------------------------------------
// Holds a version that is AVAILABLE; release it. version empty: the default. NOT_FOUND,
// UNAVAILABLE (its failure). The version is found by its name, or by its number.
leat_status leat_models_get(leat_models *models, leat_str model, leat_str version,
                            leat_version **out, leat_error *err);
void leat_version_release(leat_version *version);  // NULL allowed
// All versions of a model (or of all, model empty) ordered by model and number; held, whatever
// their state. NOT_FOUND when there is no such model. Free with leat_version_list_free.
typedef struct leat_version_list {
  leat_version **at;
  size_t count;
} leat_version_list;
leat_status leat_models_list(leat_models *models, leat_str model, leat_version_list *out,
                             leat_error *err);
void leat_version_list_free(leat_version_list *list);
bool leat_models_ready(leat_models *models);  // set was called, and no model is without a version

#endif
