// What a training job tells boards besides its curves: hyperparameters, PR curves.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_JOB_SUMMARY_H
#define LEAT_TRAIN_JOB_SUMMARY_H

#include "train/job_impl.h"

// The settings of the model that comparisons of runs are about.
leat_status leat__job_write_hyper(const leat_job *job, leat_event_writer *w, leat_error *err);
// Behind an evaluation, into its event file: a PR curve of each area under a curve.
leat_status leat__job_write_curves(leat_job *job, leat_error *err);

#endif
