// The models that a server serves: an immutable table, swapped whole.
// SPDX-License-Identifier: Apache-2.0
//
// One control thread calls leat_models_set with the whole truth: what is new is loaded and warmed
// up before the swap, what is no longer wanted is unloaded once its last request is answered.
// Requests look versions up and hold them meanwhile; a swap never blocks them.
//
//   START -> LOADING -> AVAILABLE -> UNLOADING -> END (stays listed for a while)
//                  `-> END with its failure
#ifndef LEAT_SERVE_MODELS_H
#define LEAT_SERVE_MODELS_H

#include "base/arena.h"
#include "leat/model.h"
#include "serve/stats.h"

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
  const char *labels;    // other names of it, with a line feed behind each; NULL: none
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
  leat_str key;  // as a key in JSON: "name": with its quotes and the colon
  leat_dtype dtype;
  int rank;
  int64_t dims[LEAT_MAX_RANK];  // -1 = any
  bool batched;                 // its first dimension is the symbol that all batched ones share
} leat_tensor_info;

struct leat_version {
  const char *model, *name, *dir, *identity, *labels;
  int64_t number;
  bool is_default;        // was wanted so
  _Atomic int state;      // leat_version_serving
  leat_error failure;     // why it could not be loaded (state END)
  leat_model *loaded;     // NULL unless AVAILABLE or UNLOADING
  const char *signature;  // its name: "serving_default"
  int input_count, output_count;
  leat_tensor_info *inputs, *outputs;
  int *by_name;                  // inputs in the order of their names
  bool batched;                  // every input and output is
  const leat_tensor *classes;    // names that its output "classes" chooses from; NULL: none
  struct leat_runner *runner;    // what calls it
  struct leat_batcher *batcher;  // NULL: not batched
  leat_stats *stats;             // lives as long as the version's record
  atomic_int holds;              // of requests
  int listed;                    // in how many tables; the control thread's
  bool retired;                  // no longer wanted; the control thread's
  leat_arena arena;
};

typedef struct leat_models_options {
  leat_engine engine;
  bool trust_native;  // run the native code that saved models bring
  int threads;        // that may run a version at once without waiting; 0 = 1
  bool no_warmup;
  // Called with a version that was loaded, before anyone sees it (warm-up requests of its own); its
  // failure is the version's. NULL: nothing.
  leat_status (*warm)(void *context, leat_version *version, leat_error *err);
  // Called when a version was loaded, and before it is unloaded, when nobody holds it (batching).
  leat_status (*begin)(void *context, leat_version *version, leat_error *err);
  void (*end)(void *context, leat_version *version);
  void (*note)(void *context, const char *message);  // one line about loading; NULL: none
  void *context;
} leat_models_options;

leat_status leat_models_new(leat_models **out, const leat_models_options *options, leat_error *err);
void leat_models_free(leat_models *models);  // no version may be held; NULL allowed
// Loads, swaps, unloads; one thread at a time. What cannot be loaded is in the table with its
// failure, and the default does not move to it; *failed counts those. A version that is there
// already (same model, name, number, identity, labels) is kept as it is, save for the default. A
// model of which nothing that is wanted can be loaded keeps what it had.
leat_status leat_models_set(leat_models *models, const leat_model_wanted *wanted, size_t count,
                            int *failed, leat_error *err);
// Frees what was unloaded and is no longer held; to be called now and then by the control thread.
void leat_models_collect(leat_models *models);

// --- Looking up ---------------------------------------------------------------------------------
// Holds a version that is AVAILABLE; release it. version empty: the default. NOT_FOUND,
// UNAVAILABLE (its failure). The version is found by its name or a label of it, or by its number.
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
// Whether a version answers to that name, label or number.
bool leat_version_is(const leat_version *version, leat_str name);
bool leat_version_has_label(const leat_version *version, leat_str label);  // or has it as its name

// Why it could not be loaded; NULL when that is not so. Any thread.
const leat_error *leat_version_failure(const leat_version *version);

// --- Running ------------------------------------------------------------------------------------
// Runs a held version: in by input, borrowed; out by output, new dense references. *clock: the time
// by leat_clock_ns, before and after. Any thread.
leat_status leat_version_run(leat_version *version, leat_tensor *const *in, leat_tensor **out,
                             int64_t *clock, leat_error *err);
// Whether a request for that signature means this version's: its own name, "" or serving_default.
bool leat_version_signs(const leat_version *version, leat_str signature);
int leat_version_input(const leat_version *version, leat_str name);   // its index; -1 = none
int leat_version_output(const leat_version *version, leat_str name);  // its index; -1 = none

// Inside: what models.c asks of version.c.
leat_status leat__version_load(leat_version *version, const leat_models_options *options,
                               leat_error *err);
void leat__version_unload(leat_version *version);

#endif
