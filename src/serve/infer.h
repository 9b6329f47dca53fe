// Inference: one request's way through a version, in place, on the pool or in a batch.
// SPDX-License-Identifier: Apache-2.0
//
//   leat_infer_new -> values or tensors filled in -> leat_infer_submit -> done(infer) -> _free
//
// done is called once, on whatever thread: it answers the exchange and frees.
#ifndef LEAT_SERVE_INFER_H
#define LEAT_SERVE_INFER_H

#include "serve/serve.h"
#include "serve/values.h"

typedef struct leat_infer leat_infer;
struct leat_infer {
  leat_serve *serve;
  leat_exchange *x;
  leat_version *version;  // held
  leat_values *values;    // by input
  leat_tensor **in, **out;
  int64_t rows;
  leat_stage stage;  // what is being done
  int64_t stage_ns;  // since when, by leat_clock_ns
  leat_status status;
  leat_error err;  // where status says so
  bool shed;       // because too many wait
  void (*done)(leat_infer *infer);
  leat_infer *next;  // of a queue
  void *own;         // the dialect's
  int kind;          // likewise
  leat_arena arena;  // likewise
};

// Takes over the hold of the version, also when it fails (out of memory). serve and x may be NULL
// (warm-up).
leat_status leat_infer_new(leat_infer **out, leat_serve *serve, leat_exchange *x,
                           leat_version *version, leat_error *err);  // LEAT_STAGE_READ begins
void leat_infer_free(leat_infer *infer);  // releases the version; NULL allowed
// The inputs are read into `in`: runs, or queues; where reading failed (status and err say so) the
// request is done at once. The first call to fail sets status and err.
void leat_infer_submit(leat_infer *infer);
int leat_infer_http_status(const leat_infer *infer);  // of its failure
// Counts the request, once, when its answer is made.
void leat_infer_count(leat_infer *infer, leat_status status);

// --- Requests: from infer->x, or from a message, into infer->in ----------------------------------
// Each fails with the words of its dialect.
leat_status leat__rows_read(leat_infer *infer,
                            bool ml_engine);         // {"instances": ...}, {"inputs": ...}
leat_status leat__examples_read(leat_infer *infer);  // {"examples": ...}
// The value of "signature_name", whose key was read; before and behind are the words around a name
// that is none of the version's.
leat_status leat__signature_read(leat_json *json, const leat_version *version, const char *before,
                                 const char *behind, leat_error *err);
// INVALID_ARGUMENT: what is wrong with a whole body, which is shown.
leat_status leat__body_error(const leat_json *json, const char *what, leat_error *err);
leat_status leat__v2_read(leat_infer *infer);                         // {"inputs": [...]} and bytes
leat_status leat__v2_grpc_read(leat_infer *infer, leat_str request);  // ModelInferRequest
leat_status leat__tfs_read_predict(leat_infer *infer, leat_str request);   // PredictRequest
leat_status leat__tfs_read_examples(leat_infer *infer, leat_str request);  // ClassificationRequest

// --- Pool and batches ---------------------------------------------------------------------------
typedef struct leat_runpool leat_runpool;
leat_status leat_runpool_new(leat_runpool **out, int threads, leat_error *err);
void leat_runpool_free(leat_runpool *pool);  // ends what is queued first; NULL allowed

typedef struct leat_batch_options {
  int max_rows;   // of a batch; 0 = no batching
  int delay_us;   // what a row may wait for others
  int max_queue;  // rows that may wait; 0 = 16 batches
} leat_batch_options;
// Runs the requests of DIR/assets.extra/tf_serving_warmup_requests, if there is one.
leat_status leat__warm_up(leat_version *version, leat_error *err);
leat_status leat_batcher_new(struct leat_batcher **out, leat_version *version,
                             const leat_batch_options *options, leat_error *err);
void leat_batcher_free(struct leat_batcher *batcher);        // NULL allowed
int64_t leat_batcher_waiting(struct leat_batcher *batcher);  // rows
// Inside: queues a request, or answers it where the queue is full; false: run it as it is.
bool leat__batcher_take(struct leat_batcher *batcher, leat_infer *infer);
void leat__infer_run(leat_infer *infer);                      // here and now, and done
void leat__infer_enter(leat_infer *infer, leat_stage stage);  // the one before ends now
leat_runpool *leat__serve_pool(leat_serve *serve);

#endif
