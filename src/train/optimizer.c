// Optimisers, with the semantics of tf.compat.v1.train. g / sqrt(a) is computed as g * rsqrt(a).
// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer.h"

#include "leat/ops.h"

leat_slots leat_optimizer_slots(const leat_optimizer *o) {
  switch (o->kind) {
    case LEAT_MOMENTUM: return (leat_slots){1, {"Momentum"}, {0}};
    case LEAT_ADAGRAD: return (leat_slots){1, {"Adagrad"}, {o->initial_accumulator}};
    case LEAT_ADAM: return (leat_slots){2, {"Adam", "Adam_1"}, {0, 0}};
    case LEAT_FTRL: return (leat_slots){2, {"Ftrl", "Ftrl_1"}, {o->initial_accumulator, 0}};
    case LEAT_SGD: break;
  }
  return (leat_slots){0};
}

bool leat_optimizer_is_sparse(const leat_optimizer *o) { return o->kind != LEAT_ADAM; }

static leat_value scaled(leat_builder *b, const leat_optimizer *o, leat_value x, leat_value rate) {
  return rate.node ? leat_mul(b, x, rate) : leat_mul_scalar(b, x, o->learning_rate);
}

// v = momentum v + g; x -= rate v, or with Nesterov x -= rate g + rate momentum v.
static void momentum(leat_builder *b, const leat_optimizer *o, leat_value g, leat_value rate,
                     leat_value *v) {
  v[1] = leat_add(b, leat_mul_scalar(b, v[1], o->momentum), g);
  leat_value move = scaled(b, o, v[1], rate);
  if (o->nesterov) move = leat_add(b, scaled(b, o, g, rate), leat_mul_scalar(b, move, o->momentum));
  v[0] = leat_sub(b, v[0], move);
}

// a += g^2; x -= rate g / sqrt(a)
static void adagrad(leat_builder *b, const leat_optimizer *o, leat_value g, leat_value rate,
                    leat_value *v) {
  v[1] = leat_add(b, v[1], leat_mul(b, g, g));
  v[0] = leat_sub(b, v[0], leat_mul(b, scaled(b, o, g, rate), leat_rsqrt(b, v[1])));
}

// TensorFlow holds the betas as f32: 1 - 0.999f is 1.3e-5 off 0.001, and that is what it multiplies
// by.
static double one_minus(double beta) { return (double)(1.0f - (float)beta); }

// m, v: moving averages of g and g^2; x -= rate_t m / (sqrt(v) + epsilon), where rate_t holds the
// bias corrections ("epsilon hat").
static void adam(leat_builder *b, const leat_optimizer *o, leat_value g, leat_value rate,
                 leat_value *v) {
  leat_value g2 = leat_mul(b, g, g);
  v[1] = leat_add(b, v[1], leat_mul_scalar(b, leat_sub(b, g, v[1]), one_minus(o->beta1)));
  v[2] = leat_add(b, v[2], leat_mul_scalar(b, leat_sub(b, g2, v[2]), one_minus(o->beta2)));
  leat_value root = leat_add_scalar(b, leat_sqrt(b, v[2]), o->epsilon);
  v[0] = leat_sub(b, v[0], leat_div(b, scaled(b, o, v[1], rate), root));
}

// FTRL-proximal (McMahan et al. 2013) with power -0.5: n accumulates g^2, z the adjusted gradients;
// x = (sign(z) l1 - z) / (sqrt(n) / rate + 2 l2) where |z| > l1, else 0.
static void ftrl(leat_builder *b, const leat_optimizer *o, leat_value g, leat_value *v) {
  leat_value n = leat_add(b, v[1], leat_mul(b, g, g)), root = leat_sqrt(b, n);
  leat_value sigma =
      leat_mul_scalar(b, leat_sub(b, root, leat_sqrt(b, v[1])), 1 / o->learning_rate);
  v[2] = leat_sub(b, leat_add(b, v[2], g), leat_mul(b, sigma, v[0]));
  v[1] = n;
  leat_value curve = leat_add_scalar(b, leat_mul_scalar(b, root, 1 / o->learning_rate), 2 * o->l2);
  leat_value l1 = leat_const_like(b, g, o->l1), zero = leat_const_like(b, g, 0);
  leat_value pull = leat_sub(b, leat_mul(b, leat_sign(b, v[2]), l1), v[2]);
  v[0] = leat_select(b, leat_gt(b, leat_abs(b, v[2]), l1), leat_div(b, pull, curve), zero);
}

void leat_optimizer_apply(leat_builder *b, const leat_optimizer *o, leat_value g, leat_value rate,
                          leat_value v[1 + LEAT_MAX_SLOTS]) {
  switch (o->kind) {
    case LEAT_SGD: v[0] = leat_sub(b, v[0], scaled(b, o, g, rate)); break;
    case LEAT_MOMENTUM: momentum(b, o, g, rate, v); break;
    case LEAT_ADAGRAD: adagrad(b, o, g, rate, v); break;
    case LEAT_ADAM: adam(b, o, g, rate, v); break;
    case LEAT_FTRL: ftrl(b, o, g, v); break;
  }
}
