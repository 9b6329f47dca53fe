// What the files of a training job share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_JOB_IMPL_H
#define LEAT_TRAIN_JOB_IMPL_H

#include "leat/event.h"
#include "train/job.h"

struct leat_job {
  leat_config *config;
  leat_job_options options;
  char *dir;
  leat_estimator e;
  leat_state *state;
  leat_exec *step, *eval, *reset, *result, *summary;
  leat_event_writer *eval_events;  // opened by the first evaluation
  leat_progress progress;          // of the newest step
  int64_t saved_step;              // of the newest checkpoint, -1 = none
};

// The rows to train on, in file order or shuffled for ever.
leat_status leat__job_train_source(leat_input_source **out, const leat_job *job, bool shuffled,
                                   leat_error *err);
// The rows to evaluate on: data.eval, or the split's side of data.train.
leat_status leat__job_eval_source(leat_input_source **out, const leat_job *job, leat_error *err);
// Checks that watched metrics exist.
leat_status leat__job_check_watches(const leat_job *job, leat_error *err);
// Evaluates, follows the watched metrics and exports what is the best so far.
leat_status leat__job_watch(leat_job *job, leat_error *err);
// Whether early stopping has had enough.
bool leat__job_is_done(const leat_job *job);
// Exports to `<dir>/export/<name>/<unix seconds>`; keep > 0: the newest that many stay.
leat_status leat__job_export(leat_job *job, leat_str name, int64_t keep, char **path,
                             leat_error *err);
// Writes lineage.json into an exported model's directory: job, step, seed, training data.
leat_status leat__job_lineage(const leat_job *job, const char *dir, leat_error *err);

#endif
