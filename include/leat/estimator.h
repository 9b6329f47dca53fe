// Custom estimators: a model as a function, trained by Leat's loop.
// SPDX-License-Identifier: Apache-2.0
//
// A model_fn builds the way from features to logits. What surrounds it comes from model.yaml with
// `estimator: CustomClassifier` or `CustomRegressor`: features, label, head, loss, optimiser, data,
// checkpoints, event files, evaluation and export. The function is called once for each graph that
// is needed (a training step, evaluation, prediction) and must build the same variables each time;
// leat_net_training tells them apart. After an error, values are empty and everything is ignored
// until the graph ends, as in every builder.
#ifndef LEAT_ESTIMATOR_H
#define LEAT_ESTIMATOR_H

#include "leat/graph.h"

LEAT_BEGIN

typedef struct leat_net leat_net;

typedef enum leat_init_kind {
  LEAT_INIT_ZEROS,
  LEAT_INIT_ONES,
  LEAT_INIT_GLOROT,  // uniform within sqrt(6 / (rows + columns))
  LEAT_INIT_HE,      // truncated normal, deviation sqrt(2 / rows)
  LEAT_INIT_NORMAL,  // truncated normal, deviation `scale`
} leat_init_kind;

typedef struct leat_init {
  leat_init_kind kind;
  double scale;  // NORMAL
} leat_init;

// --- For a model_fn -----------------------------------------------------------------------------
// Logits, f32 (batch, leat_net_outputs).
typedef leat_value (*leat_model_fn)(leat_net *net, void *context);

LEAT_API leat_builder *leat_net_builder(leat_net *net);
LEAT_API bool leat_net_training(const leat_net *net);
// Columns of the logits that the head expects.
LEAT_API int64_t leat_net_outputs(const leat_net *net);
// All features side by side, f32 (batch, width): numbers, indicators, embeddings.
LEAT_API leat_value leat_net_input_layer(leat_net *net);
// One feature of model.yaml, dense: f32 (batch, its width).
LEAT_API leat_value leat_net_feature(leat_net *net, const char *name);
// A trainable f32 variable; the same name gives the same variable.
LEAT_API leat_value leat_net_variable(leat_net *net, const char *name, leat_shape shape,
                                      leat_init init);
// x (batch, n) times NAME/kernel (n, units), glorot, plus NAME/bias, zeros.
LEAT_API leat_value leat_net_dense(leat_net *net, const char *name, leat_value x, int64_t units);
// In training, a share of the elements becomes 0 and the others are scaled up. Names are unique.
LEAT_API leat_value leat_net_dropout(leat_net *net, const char *name, leat_value x, double rate);
// Over the batch, with moving averages for evaluation; NAME/gamma, beta, moving_mean,
// moving_variance.
LEAT_API leat_value leat_net_batch_norm(leat_net *net, const char *name, leat_value x);
// Over each row; NAME/gamma, beta.
LEAT_API leat_value leat_net_layer_norm(leat_net *net, const char *name, leat_value x);
// Writes the value to the event file now and then: a scalar, or a histogram of its elements.
LEAT_API void leat_net_summary(leat_net *net, const char *tag, leat_value x);

// --- Running ------------------------------------------------------------------------------------
typedef struct leat_train_options {
  const char *job_dir;           // required: checkpoints, event files, exports
  const char *const *overrides;  // "train.steps=500": laid over the file's fields
  size_t override_count;
  leat_model_fn model_fn;  // for estimator: Custom...
  void *context;           // handed to it
  bool overwrite;          // start anew: removes what the job directory holds
} leat_train_options;

enum { LEAT_MAX_METRICS = 64 };
typedef struct leat_metric_values {
  int count;
  const char *names[LEAT_MAX_METRICS];
  double values[LEAT_MAX_METRICS];
  int64_t global_step;
} leat_metric_values;

typedef struct leat_train_result {
  leat_metric_values
      metrics;  // of the last evaluation, in alphabetical order; their names are here
  char names[LEAT_MAX_METRICS][96];
  char export_dir[512];
} leat_train_result;

// Trains to the end, evaluates and exports, as `leat train` does; goes on from what the job
// directory holds.
LEAT_API leat_status leat_train_and_evaluate(const char *model_yaml,
                                             const leat_train_options *options,
                                             leat_train_result *result, leat_error *err);

LEAT_END

#endif
