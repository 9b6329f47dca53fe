// Checkpoints: variables and the place in the data, written so that a kill at any moment is
// harmless. SPDX-License-Identifier: Apache-2.0
//
// `<job dir>/ckpt-<step>/` holds weights.safetensors (all variables but metrics) and state.json.
// The directory appears at once by a rename; the newest `keep` stay.
#ifndef LEAT_TRAIN_CHECKPOINT_H
#define LEAT_TRAIN_CHECKPOINT_H

#include "leat/engine.h"
#include "train/input.h"

// A watched metric so far.
typedef struct leat_watch {
  double best;
  int64_t best_step;  // 0: not evaluated yet
  int64_t stale;      // evaluations since
} leat_watch;

typedef struct leat_progress {
  int64_t step;
  uint64_t seed;
  leat_input_position position;
  leat_watch stop, best;  // early stopping, export of the best
} leat_progress;

leat_status leat_checkpoint_save(const char *job_dir, leat_graph *graph, const leat_state *state,
                                 const leat_progress *progress, int64_t keep, leat_error *err);
// The newest checkpoint's directory (owned by the caller), or *path NULL when there is none.
leat_status leat_checkpoint_latest(const char *job_dir, char **path, leat_error *err);
// Fills the state; FAILED_PRECONDITION lists what differs when it is of another model.
leat_status leat_checkpoint_load(const char *path, leat_graph *graph, leat_state *state,
                                 leat_progress *progress, leat_error *err);
// The variables alone, of those that `want` accepts (NULL: all but metrics).
leat_status leat_weights_load(const char *file, leat_graph *graph, leat_state *state,
                              bool (*want)(const leat_var *var), leat_error *err);

// Results of the full-pass analysis: `<job dir>/analysis.json`, kept so that a job goes on with the
// numbers it started with.
leat_status leat_analysis_save(const char *job_dir, const leat_config *config, leat_error *err);
leat_status leat_analysis_load(const char *job_dir, leat_config *config, bool *found,
                               leat_error *err);

#endif
