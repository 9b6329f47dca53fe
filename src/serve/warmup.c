// TensorFlow Serving's warm-up file: requests that a version answers before anyone sees it.
// SPDX-License-Identifier: Apache-2.0
//
// DIR/assets.extra/tf_serving_warmup_requests is a TFRecord file of PredictionLog messages, at most
// 1,000 of them. Predictions are run; logs of other kinds are passed over.
#include "base/file.h"
#include "formats/tfrecord.h"
#include "serve/grpc.h"

enum { RECORDS_MAX = 1000, PREDICT_LOG = 6 };

static void done(leat_infer *f) {}

static leat_status run_one(leat_version *v, leat_str log, leat_error *err) {
  leat_infer *f;
  leat_str predict = leat__proto_text(log, PREDICT_LOG), request = leat__proto_text(predict, 1);
  if (!request.len) return LEAT_OK;
  atomic_fetch_add(&v->holds, 1);
  leat_status status = leat_infer_new(&f, NULL, NULL, v, err);
  if (status) return status;
  f->done = done;
  f->status = leat__tfs_read_predict(f, request);
  leat_infer_submit(f);
  status = f->status;
  if (status && err) *err = f->err;
  leat_infer_free(f);
  return status;
}

leat_status leat__warm_up(leat_version *v, leat_error *err) {
  char *path = leat_path_join(v->dir, "assets.extra/tf_serving_warmup_requests");
  leat_tfrecord reader;
  leat_str record;
  if (!path) return leat__oom(err, 1);
  if (!leat_file_exists(path)) return leat__free(path), LEAT_OK;
  leat_status status = leat_tfrecord_open(&reader, path, LEAT_COMPRESSION_NONE, err);
  bool opened = !status, ended = false;
  for (int i = 0; !status; i++) {
    status = leat_tfrecord_next(&reader, &record, err);
    ended = status == LEAT_OUT_OF_RANGE;
    if (status) break;
    if (i == RECORDS_MAX)
      status = leat_error_set(err, LEAT_INVALID_ARGUMENT,
                              "%s: Number of warmup records exceeds the maximum (%d)", path,
                              RECORDS_MAX);
    else if ((status = run_one(v, record, err)))
      leat_error_prepend(err, status, "%s: record %d", path, i);
  }
  if (ended) status = LEAT_OK;
  if (opened) leat_tfrecord_close(&reader);
  leat__free(path);
  return status;
}
