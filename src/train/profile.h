// What `leat train --profile` leaves: a table, a trace, and run metadata for TensorBoard.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_PROFILE_H
#define LEAT_TRAIN_PROFILE_H

#include "engine/profile.h"

// A table for people: rows by time, with share of all, microseconds, GFLOP/s and GB/s of a call.
void leat_profile_table(const leat_profile *p, leat_buf *out);
// Chrome's trace event format, which Perfetto reads: one complete event a call, in microseconds
// from the first.
void leat_profile_trace(const leat_profile *p, leat_buf *out);
// tensorflow.RunMetadata of one run of `func`; a group counts for the node it is named after.
void leat_profile_run_metadata(const leat_profile *p, const leat_func *func, leat_buf *out);

#endif
