// Golden metrics: accumulated over batches, as the heads of tf.estimator.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "train/losses.h"
#include "train/metrics.h"

verdict metric_case(scene *s) {
  leat_head head = text_is(s->params, "head", "binary")        ? LEAT_HEAD_BINARY
                   : text_is(s->params, "head", "multi_class") ? LEAT_HEAD_MULTI_CLASS
                                                               : LEAT_HEAD_REGRESSION;
  bool known = text_is(s->params, "head", "binary") || text_is(s->params, "head", "multi_class") ||
               text_is(s->params, "head", "regression");
  if (!known || !text_is(s->params, "version", "v1") || get(s->params, "weight_column") ||
      get(s->params, "thresholds"))
    return NOT_HERE;
  leat_builder_free(s->b);
  s->b = NULL;
  leat_tensor *logits = input_tensor(s, "logits"), *labels = input_tensor(s, "labels");
  int64_t batches = leat_tensor_dims(logits)[0], rows = leat_tensor_dims(logits)[1],
          classes = leat_tensor_rank(logits) > 2 ? leat_tensor_dims(logits)[2] : 1;
  leat_metrics_declare(s->g, head, &err);
  leat_builder *b = leat_builder_new(s->g, "eval");
  bool ids = head == LEAT_HEAD_MULTI_CLASS;
  leat_value x = leat_input(b, "logits", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(rows, classes)});
  leat_value y = leat_input(b, "labels",
                            (leat_type){ids ? LEAT_DTYPE_I64 : LEAT_DTYPE_F32,
                                        ids ? LEAT_SHAPE(rows) : LEAT_SHAPE(rows, 1)});
  leat_value losses = ids ? leat_loss_build(b, LEAT_LOSS_SOFTMAX_IDS, x, y, NULL)
                          : leat_squeeze(b,
                                         head == LEAT_HEAD_BINARY
                                             ? leat_loss_build(b, LEAT_LOSS_SIGMOID, x, y, NULL)
                                             : leat_loss_build(b, LEAT_LOSS_SQUARED, x, y, NULL),
                                         1);
  leat_metrics_add(b, s->g, head, x, y, losses, leat_reduce_sum(b, losses, NULL, 0, false));
  leat_func *eval, *reset, *result;
  leat_exec *run[3] = {NULL};
  leat_state *state;
  leat_status status = leat_builder_finish(b, &eval, &err);
  if (!status) status = leat_metrics_reset(s->g, &reset, &err);
  if (!status) status = leat_metrics_result(s->g, head, &result, &err);
  leat_state_new(&state, s->g, &err);
  if (!status) status = leat_exec_new(&run[0], reset, NULL, &err);
  if (!status) status = leat_exec_new(&run[1], eval, NULL, &err);
  if (!status) status = leat_exec_new(&run[2], result, NULL, &err);
  if (!status) status = leat_exec_run(run[0], state, NULL, 0, NULL, &err);
  for (int64_t t = 0; !status && t < batches; t++) {
    leat_tensor *in[2];
    leat_tensor_copy_of(&in[0], LEAT_DTYPE_F32, 2, (int64_t[]){rows, classes},
                        (float *)leat_tensor_data(logits) + t * rows * classes, &err);
    leat_tensor_new(&in[1], ids ? LEAT_DTYPE_I64 : LEAT_DTYPE_F32, ids ? 1 : 2,
                    (int64_t[]){rows, 1}, &err);
    for (int64_t i = 0; i < rows; i++) {
      int64_t at = t * rows + i;
      double label = element(labels, at);
      if (ids)
        ((int64_t *)leat_tensor_data(in[1]))[i] = (int64_t)label;
      else
        ((float *)leat_tensor_data(in[1]))[i] = (float)label;
    }
    status = leat_exec_run(run[1], state, in, 2, NULL, &err);
    leat_tensor_unref(in[0]);
    leat_tensor_unref(in[1]);
  }
  leat_tensor *out[16] = {NULL};
  if (!status) status = leat_exec_run(run[2], state, NULL, 0, out, &err);
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  bool good = !status;
  double rtol = number(s->c, "rtol", 2e-5);
  for (int i = 0; good && i < leat_func_output_count(result); i++) {
    double got = *(double *)leat_tensor_data(out[i]),
           want = number(get(s->c, "expected"), leat_func_output_name(result, i), got);
    good = fabs(got - want) <= 2e-6 + rtol * fabs(want) || got == want;
    if (!good)
      snprintf(s->problem, sizeof s->problem, "%s = %.9g, expected %.9g",
               leat_func_output_name(result, i), got, want);
  }
  for (int i = 0; i < 16; i++) leat_tensor_unref(out[i]);
  for (int i = 0; i < 3; i++) leat_exec_free(run[i]);
  leat_state_free(state);
  return good ? PASSED : FAILED;
}
