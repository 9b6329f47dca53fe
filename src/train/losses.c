// Losses as graph: a table of formulas, and the reductions.
// SPDX-License-Identifier: Apache-2.0
#include "train/losses.h"

#include "leat/ops.h"

#define FUZZ 1e-7  // Keras' epsilon, tf.losses' too

const char *const leat_reduction_names[LEAT_REDUCTION_COUNT] = {
    "none", "sum", "mean", "sum_over_batch_size", "sum_by_nonzero_weights"};

typedef const leat_loss_options options;

static double or_default(double value, double fallback) { return value != 0 ? value : fallback; }
static leat_value one_less(leat_builder *b, leat_value x) {
  return leat_sub(b, leat_const_like(b, x, 1), x);
}
static leat_value at_least(leat_builder *b, leat_value x, double low) {
  return leat_max(b, x, leat_const_like(b, x, low));
}
static leat_value log_of(leat_builder *b, leat_value x, double plus) {
  return leat_log(b, leat_add_scalar(b, x, plus));
}
static leat_value sum_last(leat_builder *b, leat_value x, bool keep) {
  return leat_reduce_sum(b, x, (int[]){-1}, 1, keep);
}

// --- Of logits ----------------------------------------------------------------------------------
// Labels y (1 - s) + s / 2.
static leat_value smooth_binary(leat_builder *b, leat_value y, options *o) {
  if (o->label_smoothing == 0) return y;
  y = leat_mul_scalar(b, y, 1 - o->label_smoothing);
  return leat_add_scalar(b, y, o->label_smoothing / 2);
}

// softplus(x) - x z: its gradient at x = 0 is 1/2 - z, where max and abs would have none.
static leat_value sigmoid(leat_builder *b, leat_value x, leat_value y, options *o) {
  y = smooth_binary(b, y, o);
  return leat_sub(b, leat_softplus(b, x), leat_mul(b, x, y));
}

// (1 - z) x + (1 + (w - 1) z) softplus(-x)
static leat_value weighted_sigmoid(leat_builder *b, leat_value x, leat_value y, options *o) {
  y = smooth_binary(b, y, o);
  leat_value weight = leat_mul_scalar(b, y, or_default(o->pos_weight, 1) - 1);
  leat_value tail = leat_softplus(b, leat_neg(b, x));
  return leat_add(b, leat_mul(b, one_less(b, y), x),
                  leat_mul(b, leat_add_scalar(b, weight, 1), tail));
}

static int64_t classes_of(leat_builder *b, leat_value x) {
  leat_type type = leat_value_type(x);
  if (leat_value_ok(x) && type.shape.rank > 0 && type.shape.dims[type.shape.rank - 1] > 0)
    return type.shape.dims[type.shape.rank - 1];
  leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "loss: no static number of classes");
  return 1;
}

// Labels y (1 - s) + s / classes.
static leat_value smooth_classes(leat_builder *b, leat_value x, leat_value y, options *o) {
  if (o->label_smoothing == 0) return y;
  y = leat_mul_scalar(b, y, 1 - o->label_smoothing);
  return leat_add_scalar(b, y, o->label_smoothing / (double)classes_of(b, x));
}

static leat_value softmax(leat_builder *b, leat_value x, leat_value y, options *o) {
  y = smooth_classes(b, x, y, o);
  return leat_neg(b, sum_last(b, leat_mul(b, y, leat_log_softmax(b, x, -1)), false));
}

static leat_value softmax_ids(leat_builder *b, leat_value x, leat_value ids, options *o) {
  return softmax(b, x, leat_one_hot(b, ids, classes_of(b, x), leat_value_type(x).dtype), o);
}

// Labels 0 or 1 stand for -1 and 1.
static leat_value hinge(leat_builder *b, leat_value x, leat_value y, options *o) {
  (void)o;
  y = leat_add_scalar(b, leat_mul_scalar(b, y, 2), -1);
  return leat_relu(b, one_less(b, leat_mul(b, x, y)));
}

// a_t (1 - p_t)^gamma cross-entropy, p_t the probability of the true class (Lin et al. 2017).
static leat_value focal(leat_builder *b, leat_value x, leat_value y, options *o) {
  double alpha = or_default(o->alpha, 0.25), gamma = or_default(o->gamma, 2);
  leat_value ce = sigmoid(b, x, y, o), p = leat_sigmoid(b, x);
  leat_value wrong = leat_add(b, leat_mul(b, p, one_less(b, y)), leat_mul(b, one_less(b, p), y));
  leat_value share = leat_add_scalar(b, leat_mul_scalar(b, y, 2 * alpha - 1), 1 - alpha);
  leat_value focus =
      gamma == 2 ? leat_square(b, wrong) : leat_pow(b, wrong, leat_const_like(b, wrong, gamma));
  return leat_mul(b, leat_mul(b, share, focus), ce);
}

// --- Of predictions -----------------------------------------------------------------------------
static leat_value squared(leat_builder *b, leat_value p, leat_value y, options *o) {
  (void)o;
  return leat_square(b, leat_sub(b, p, y));
}

static leat_value absolute(leat_builder *b, leat_value p, leat_value y, options *o) {
  (void)o;
  return leat_abs(b, leat_sub(b, p, y));
}

static leat_value huber(leat_builder *b, leat_value p, leat_value y, options *o) {
  double delta = or_default(o->delta, 1);
  leat_value e = leat_sub(b, p, y), size = leat_abs(b, e);
  leat_value outside = leat_add_scalar(b, leat_mul_scalar(b, size, delta), -0.5 * delta * delta);
  return leat_select(b, leat_le(b, size, leat_const_like(b, size, delta)),
                     leat_mul_scalar(b, leat_square(b, e), 0.5), outside);
}

// Labels -1 or 1; a 0 counts as -1.
static leat_value squared_hinge(leat_builder *b, leat_value p, leat_value y, options *o) {
  (void)o;
  leat_value zero = leat_const_like(b, y, 0);
  leat_value low = leat_broadcast(b, leat_const_like(b, y, -1), leat_value_type(y).shape, NULL);
  y = leat_select(b, leat_eq(b, y, zero), low, y);
  return leat_square(b, leat_relu(b, one_less(b, leat_mul(b, p, y))));
}

// Stirling's y log y - y + log(2 pi y) / 2 where y > 1.
static leat_value stirling(leat_builder *b, leat_value y) {
  leat_value one = leat_ones_like(b, y), big = leat_gt(b, y, one);
  leat_value safe = leat_select(b, big, y, one), log = leat_log(b, safe);
  leat_value term = leat_sub(b, leat_mul(b, safe, log), safe);
  leat_value half = leat_mul_scalar(b, leat_add_scalar(b, log, 1.8378770664093453), 0.5);
  return leat_select(b, big, leat_add(b, term, half), leat_zeros_like(b, y));
}

// x is the logarithm of the rate: exp(x) - y x.
static leat_value log_poisson(leat_builder *b, leat_value x, leat_value y, options *o) {
  leat_value loss = leat_sub(b, leat_exp(b, x), leat_mul(b, y, x));
  return o->full ? leat_add(b, loss, stirling(b, y)) : loss;
}

static leat_value poisson(leat_builder *b, leat_value p, leat_value y, options *o) {
  (void)o;
  return leat_sub(b, p, leat_mul(b, y, log_of(b, p, FUZZ)));
}

static leat_value log_loss(leat_builder *b, leat_value p, leat_value y, options *o) {
  y = smooth_binary(b, y, o);
  leat_value yes = leat_mul(b, y, log_of(b, p, FUZZ));
  leat_value no = leat_mul(b, one_less(b, y), log_of(b, one_less(b, p), FUZZ));
  return leat_neg(b, leat_add(b, yes, no));
}

static leat_value binary_crossentropy(leat_builder *b, leat_value p, leat_value y, options *o) {
  return log_loss(b, leat_clip(b, p, FUZZ, 1 - FUZZ), y, o);
}

static leat_value categorical_crossentropy(leat_builder *b, leat_value p, leat_value y,
                                           options *o) {
  y = smooth_classes(b, p, y, o);
  p = leat_clip(b, leat_div(b, p, sum_last(b, p, true)), FUZZ, 1 - FUZZ);
  return leat_neg(b, sum_last(b, leat_mul(b, y, leat_log(b, p)), false));
}

static leat_value kl_divergence(leat_builder *b, leat_value p, leat_value y, options *o) {
  (void)o;
  y = leat_clip(b, y, FUZZ, 1), p = leat_clip(b, p, FUZZ, 1);
  return sum_last(b, leat_mul(b, y, leat_log(b, leat_div(b, y, p))), false);
}

// log(cosh(e)) = e + softplus(-2 e) - log 2, which does not overflow.
static leat_value log_cosh(leat_builder *b, leat_value p, leat_value y, options *o) {
  (void)o;
  leat_value e = leat_sub(b, p, y), tail = leat_softplus(b, leat_mul_scalar(b, e, -2));
  return leat_add_scalar(b, leat_add(b, e, tail), -0.6931471805599453);
}

static leat_value squared_log(leat_builder *b, leat_value p, leat_value y, options *o) {
  (void)o;
  leat_value of_p = log_of(b, at_least(b, p, FUZZ), 1), of_y = log_of(b, at_least(b, y, FUZZ), 1);
  return leat_square(b, leat_sub(b, of_p, of_y));
}

static leat_value percentage(leat_builder *b, leat_value p, leat_value y, options *o) {
  (void)o;
  leat_value size = at_least(b, leat_abs(b, y), FUZZ);
  return leat_mul_scalar(b, leat_abs(b, leat_div(b, leat_sub(b, p, y), size)), 100);
}

// x / max(|x|, 1e-6), as tf.math.l2_normalize with its epsilon of 1e-12.
static leat_value unit(leat_builder *b, leat_value x) {
  leat_value square = at_least(b, sum_last(b, leat_square(b, x), true), 1e-12);
  return leat_mul(b, x, leat_rsqrt(b, square));
}

static leat_value cosine(leat_builder *b, leat_value p, leat_value y, options *o) {
  (void)o;
  return leat_neg(b, sum_last(b, leat_mul(b, unit(b, y), unit(b, p)), false));
}

const leat_loss_info leat_losses[LEAT_LOSS_COUNT] = {
    {"sigmoid", "cross-entropy of a logit", sigmoid},
    {"weighted_sigmoid", "the same, positives weighted", weighted_sigmoid},
    {"softmax", "cross-entropy of logits and shares of classes", softmax},
    {"softmax_ids", "cross-entropy of logits and a class id", softmax_ids},
    {"squared", "(p - y)^2", squared},
    {"absolute", "|p - y|", absolute},
    {"huber", "squared near the label, absolute far from it", huber},
    {"hinge", "max(0, 1 - x (2y - 1))", hinge},
    {"squared_hinge", "max(0, 1 - p y)^2", squared_hinge},
    {"log_poisson", "exp(x) - y x", log_poisson},
    {"poisson", "p - y log p", poisson},
    {"log", "cross-entropy of a probability", log_loss},
    {"binary_crossentropy", "the same, clipped as Keras does", binary_crossentropy},
    {"categorical_crossentropy", "cross-entropy of probabilities", categorical_crossentropy},
    {"kl_divergence", "sum of y log(y / p)", kl_divergence},
    {"log_cosh", "log(cosh(p - y))", log_cosh},
    {"squared_log", "(log(1 + p) - log(1 + y))^2", squared_log},
    {"percentage", "100 |p - y| / |y|", percentage},
    {"cosine", "-cos of the angle between p and y", cosine},
    {"focal", "cross-entropy that weighs down what is easy", focal},
};

leat_value leat_loss_build(leat_builder *b, leat_loss loss, leat_value x, leat_value labels,
                           const leat_loss_options *o) {
  static const leat_loss_options none = {0};
  return leat_losses[loss].build(b, x, labels, o ? o : &none);
}

leat_value leat_loss_mean_last(leat_builder *b, leat_value losses) {
  return leat_mean(b, losses, (int[]){-1}, 1, false);
}

// --- Reductions ---------------------------------------------------------------------------------
static leat_value over(leat_builder *b, leat_value sum, leat_value count) {
  leat_value zero = leat_const_like(b, sum, 0), none = leat_eq(b, count, zero);
  leat_value safe = leat_select(b, none, leat_const_like(b, sum, 1), count);
  return leat_select(b, none, zero, leat_div(b, sum, safe));
}

leat_value leat_loss_reduce(leat_builder *b, leat_value losses, leat_value weights,
                            leat_reduction how) {
  leat_value one = leat_ones_like(b, losses);
  leat_value w = weights.node ? leat_mul(b, one, weights) : one;
  if (weights.node) losses = leat_mul(b, losses, weights);
  if (how == LEAT_REDUCTION_NONE) return losses;
  leat_value sum = leat_reduce_sum(b, losses, NULL, 0, false), zero = leat_const_like(b, losses, 0);
  if (how == LEAT_REDUCTION_SUM) return sum;
  if (how == LEAT_REDUCTION_SUM_OVER_BATCH_SIZE) w = one;
  if (how == LEAT_REDUCTION_SUM_BY_NONZERO_WEIGHTS)
    w = leat_cast(b, leat_ne(b, w, zero), leat_value_type(losses).dtype);
  return over(b, sum, leat_reduce_sum(b, w, NULL, 0, false));
}
