// Golden losses: the value, the unreduced losses and the gradient.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "train/losses.h"

// What the cases call a loss, longest first; keras: the mean over the last axis.
static const struct {
  const char *prefix;
  leat_loss loss;
  bool mean_last;
} names[] = {{"sigmoid_ce", LEAT_LOSS_SIGMOID, false},
             {"weighted_ce", LEAT_LOSS_WEIGHTED_SIGMOID, false},
             {"softmax_ce_sparse", LEAT_LOSS_SOFTMAX_IDS, false},
             {"softmax_ce", LEAT_LOSS_SOFTMAX, false},
             {"mse", LEAT_LOSS_SQUARED, false},
             {"mae", LEAT_LOSS_ABSOLUTE, false},
             {"huber", LEAT_LOSS_HUBER, false},
             {"hinge", LEAT_LOSS_HINGE, false},
             {"squared_hinge", LEAT_LOSS_SQUARED_HINGE, false},
             {"log_poisson", LEAT_LOSS_LOG_POISSON, false},
             {"keras_poisson", LEAT_LOSS_POISSON, true},
             {"log_loss", LEAT_LOSS_LOG, false},
             {"keras_binary_crossentropy", LEAT_LOSS_BINARY_CROSSENTROPY, true},
             {"keras_categorical_crossentropy", LEAT_LOSS_CATEGORICAL_CROSSENTROPY, false},
             {"keras_kld", LEAT_LOSS_KL_DIVERGENCE, false},
             {"keras_log_cosh", LEAT_LOSS_LOG_COSH, true},
             {"keras_msle", LEAT_LOSS_SQUARED_LOG, true},
             {"keras_mape", LEAT_LOSS_PERCENTAGE, true},
             {"keras_cosine_similarity", LEAT_LOSS_COSINE, false},
             {"sigmoid_focal", LEAT_LOSS_FOCAL, false}};
enum { NAMES = sizeof names / sizeof *names };

static leat_value first_argument(scene *s) {
  static const char *const args[] = {"logits", "predictions", "log_input"};
  leat_value x = {0};
  for (int i = 0; i < 3 && !x.node; i++)
    if (get(get(s->c, "inputs"), args[i])) x = arg(s, args[i]);
  return x;
}

static leat_loss_options options_of(const scene *s) {
  return (leat_loss_options){.label_smoothing = number(s->params, "label_smoothing", 0),
                             .pos_weight = number(s->params, "pos_weight", 0),
                             .delta = number(s->params, "delta", 0),
                             .alpha = number(s->params, "alpha", 0),
                             .gamma = number(s->params, "gamma", 0),
                             .full = number(s->params, "compute_full_loss", 0) != 0};
}

verdict loss_case(scene *s) {
  leat_builder *b = s->b;
  leat_value x = first_argument(s), labels = arg(s, "labels"), weights = arg(s, "weights");
  leat_loss_options options = options_of(s);
  int how = -1, which = -1;
  for (int i = 0; i < LEAT_REDUCTION_COUNT; i++)
    if (text_is(s->params, "reduction", leat_reduction_names[i])) how = i;
  for (int i = NAMES - 1; i >= 0; i--)
    if (starts(s, names[i].prefix)) which = i;
  if (how < 0 || which < 0) return NOT_HERE;
  leat_dtype dtype = leat_value_type(labels).dtype, of_x = leat_value_type(x).dtype;
  if (names[which].loss == LEAT_LOSS_SOFTMAX_IDS)
    labels = dtype == LEAT_DTYPE_I64 ? labels : leat_cast(b, labels, LEAT_DTYPE_I64);
  else if (dtype != of_x)
    labels = leat_cast(b, labels, of_x);
  leat_value losses = leat_loss_build(b, names[which].loss, x, labels, &options);
  if (names[which].mean_last) losses = leat_loss_mean_last(b, losses);
  leat_value loss = leat_loss_reduce(b, losses, weights, (leat_reduction)how);
  leat_gradient grad;
  leat_gradients(b, &loss, NULL, 1, &x, 1, false, &grad);
  static const char *const results_of[] = {"loss", "unreduced", "grad"};
  leat_value results[] = {loss, losses, grad.dense};
  return finish(s, results_of, results, 3);
}
