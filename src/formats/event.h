// Event files: what TensorBoard reads. A writer for training, in TensorFlow's own format.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_EVENT_H
#define LEAT_FORMATS_EVENT_H

#include "base/str.h"

typedef struct leat_event_writer leat_event_writer;

// Starts a file `events.out.tfevents.<seconds>.<host>.<pid>.<n>` in a directory (made if missing).
leat_status leat_event_open(leat_event_writer **out, const char *dir, leat_error *err);
leat_status leat_event_scalar(leat_event_writer *w, int64_t step, const char *tag, float value,
                              leat_error *err);
// TF1 histogram of n values: TensorBoard's exponential buckets.
leat_status leat_event_histogram(leat_event_writer *w, int64_t step, const char *tag,
                                 const float *values, size_t n, leat_error *err);
// The graph, a serialised tensorflow.GraphDef.
leat_status leat_event_graph(leat_event_writer *w, leat_str graph_def, leat_error *err);
// Times of a step's nodes, a serialised tensorflow.RunMetadata; TensorBoard lists it by its tag.
leat_status leat_event_run_metadata(leat_event_writer *w, int64_t step, const char *tag,
                                    leat_str run_metadata, leat_error *err);
leat_status leat_event_flush(leat_event_writer *w, leat_error *err);
leat_status leat_event_close(leat_event_writer *w,
                             leat_error *err);  // flushes, syncs, frees; NULL allowed

#endif
