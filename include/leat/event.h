// Event files: a run's scalars, histograms, pictures and more, as every board of the field reads
// them. SPDX-License-Identifier: Apache-2.0
//
//   leat_event_writer *w;
//   leat_event_open(&w, "logs/first", &err);
//   leat_event_scalar(w, step, "loss", loss, &err);
//   leat_event_close(w, &err);              // `leat board --logdir logs` shows it
//
// One writer is used by one thread at a time. Tags are UTF-8 of up to 4,096 bytes; "a/b" belongs to
// the group "a". A step is the caller's count, mostly of updates. What is added is written to the
// file at a flush, at the close, and when 64 KB have come together. Functions fail with what
// writing fails with (RESOURCE_EXHAUSTED for a full disk), and with INVALID_ARGUMENT for impossible
// sizes.
#ifndef LEAT_EVENT_H
#define LEAT_EVENT_H

#include "leat/error.h"
#include "leat/str.h"

LEAT_BEGIN

typedef struct leat_event_writer leat_event_writer;

// Starts a file `events.out.tfevents.<seconds>.<host>.<pid>.<n>` in a directory (made if missing).
LEAT_API leat_status leat_event_open(leat_event_writer **out, const char *dir, leat_error *err);
LEAT_API leat_status leat_event_flush(leat_event_writer *w, leat_error *err);
// Flushes, syncs, frees; NULL allowed.
LEAT_API leat_status leat_event_close(leat_event_writer *w, leat_error *err);

LEAT_API leat_status leat_event_scalar(leat_event_writer *w, int64_t step, const char *tag,
                                       float value, leat_error *err);
// Of n values, in TensorBoard's exponential buckets; NaN and infinities are left out.
LEAT_API leat_status leat_event_histogram(leat_event_writer *w, int64_t step, const char *tag,
                                          const float *values, size_t n, leat_error *err);

typedef struct leat_image {
  const void *pixels;  // (height, width, channels), dense
  int width, height;   // pixels, from 1 to 32,768
  int channels;        // 1 grey, 2 grey and alpha, 3 red, green, blue, 4 with alpha
  bool is_float;       // f32 from 0 to 1 (others are cut to that); false: bytes
} leat_image;
// `count` images at one step, as PNG.
LEAT_API leat_status leat_event_images(leat_event_writer *w, int64_t step, const char *tag,
                                       const leat_image *images, int count, leat_error *err);

typedef struct leat_sound {
  const float *samples;  // (frames, channels), from -1 to 1; others are cut to that
  int64_t frames;
  int channels;  // 1 or 2
  int rate;      // frames a second
} leat_sound;
// As WAV of 16 bits.
LEAT_API leat_status leat_event_audio(leat_event_writer *w, int64_t step, const char *tag,
                                      const leat_sound *sound, leat_error *err);

// Markdown.
LEAT_API leat_status leat_event_text(leat_event_writer *w, int64_t step, const char *tag,
                                     leat_str text, leat_error *err);

// How often each threshold's claims are right and wrong. Thresholds go evenly from 0 to 1, both
// included; what exceeds one is a claim.
typedef struct leat_pr_curve {
  int thresholds;                                                                     // at least 2
  const double *true_positives, *false_positives, *true_negatives, *false_negatives;  // counts
} leat_pr_curve;
LEAT_API leat_status leat_event_pr_curve(leat_event_writer *w, int64_t step, const char *tag,
                                         const leat_pr_curve *curve, leat_error *err);

typedef struct leat_hyper {  // a hyperparameter: one of text, number and truth
  const char *name;
  const char *text;  // NULL: it is a number, or a truth
  double number;     // of a truth 0 or 1
  bool is_truth;
} leat_hyper;
// What the run was made with; the board compares runs by it. Once, before the first scalar.
LEAT_API leat_status leat_event_hyper(leat_event_writer *w, const leat_hyper *list, size_t count,
                                      leat_error *err);
// How the run ended, if it did.
LEAT_API leat_status leat_event_hyper_end(leat_event_writer *w, bool succeeded, leat_error *err);

// The graph, a serialised tensorflow.GraphDef.
LEAT_API leat_status leat_event_graph(leat_event_writer *w, leat_str graph_def, leat_error *err);
// Times of a step's nodes, a serialised tensorflow.RunMetadata; boards list it by its tag.
LEAT_API leat_status leat_event_run_metadata(leat_event_writer *w, int64_t step, const char *tag,
                                             leat_str run_metadata, leat_error *err);

LEAT_END

#endif
