// Warm start: initial weights from a checkpoint of another model.
// SPDX-License-Identifier: Apache-2.0
//
// Variables are taken by name. Rows of a table belong to the words of a vocabulary, so a job keeps
// its vocabularies in `<job dir>/vocabularies.json`, and where they differ rows move by their
// words; words that the checkpoint does not know keep their initial values.
#ifndef LEAT_TRAIN_WARM_START_H
#define LEAT_TRAIN_WARM_START_H

#include "leat/engine.h"
#include "train/config.h"

leat_status leat_vocabularies_save(const char *job_dir, const leat_config *config, leat_error *err);
// After initialisation. Slots of optimisers keep their initial values.
leat_status leat_warm_start_run(const leat_config *config, const leat_graph *graph,
                                leat_state *state, leat_error *err);

#endif
