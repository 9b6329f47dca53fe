// A training job: a model, its data and its directory; train, evaluate, export.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_JOB_H
#define LEAT_TRAIN_JOB_H

#include "train/checkpoint.h"
#include "train/estimator.h"

typedef struct leat_job leat_job;

typedef struct leat_job_progress {
  int64_t step, last_step;  // last_step: where training stops
  double loss;              // of the newest step
  double steps_per_second;
} leat_job_progress;

typedef struct leat_job_options {
  bool overwrite;       // remove what the job directory holds
  bool check_numerics;  // look at every value of every step; the first NaN or infinity ends it
  bool profile;         // time the groups of every step
  // Called now and then from the training thread; returning false stops training after a
  // checkpoint.
  bool (*progress)(void *context, const leat_job_progress *progress);
  void (*evaluated)(void *context, const leat_metric_values *metrics);  // in training; or NULL
  void *context;
} leat_job_options;

// Opens a job: analyses the training data (or reads the analysis of before), builds the model, and
// continues from the newest checkpoint or initialises. The config stays the caller's.
// train false: a checkpoint is demanded, nothing is written.
leat_status leat_job_open(leat_job **out, leat_config *config, const char *dir, bool train,
                          const leat_job_options *options, leat_error *err);
void leat_job_close(leat_job *job);  // NULL allowed
// Why there is no native code although it was asked for; "" otherwise.
const char *leat_job_note(const leat_job *job);
// After training with options.profile: where the time went, as a table; "" otherwise. Training
// leaves `<dir>/profile/train.trace.json` (for Perfetto) and run metadata in its event file.
void leat_job_profile(const leat_job *job, leat_buf *out);
int64_t leat_job_step(const leat_job *job);
// Trains to config->steps (or epochs). CANCELLED when progress() stopped it; a checkpoint is saved.
leat_status leat_job_train(leat_job *job, leat_error *err);
leat_status leat_job_evaluate(leat_job *job, leat_metric_values *out, leat_error *err);
// `<dir>/export/<name>/<unix seconds>`, owned by the caller.
leat_status leat_job_export(leat_job *job, char **path, leat_error *err);
leat_state *leat_job_state(const leat_job *job);  // its variables
const leat_estimator *leat_job_estimator(const leat_job *job);

#endif
