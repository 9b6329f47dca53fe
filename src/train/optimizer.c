// Optimisers as graph. g / sqrt(a) is computed as g * rsqrt(a).
// SPDX-License-Identifier: Apache-2.0
#include "train/optimizer.h"

#include "leat/ops.h"

const char *const leat_optimizer_names[LEAT_OPTIMIZER_COUNT] = {
    "sgd",          "momentum",         "adagrad",   "rmsprop", "adam",   "adadelta", "ftrl",
    "proximal_sgd", "proximal_adagrad", "lazy_adam", "adamw",   "adamax", "nadam",    "radam",
    "lion"};
const char *const leat_style_names[LEAT_STYLE_COUNT] = {"tf1", "keras", "keras_legacy", "torch"};

leat_optimizer leat_optimizer_default(leat_optimizer_kind kind, leat_optimizer_style style) {
  bool torch = style == LEAT_STYLE_TORCH, tf1 = style == LEAT_STYLE_TF1;
  leat_optimizer o = {.kind = kind,
                      .style = style,
                      .learning_rate = 0.001,
                      .momentum = kind == LEAT_MOMENTUM ? 0.9 : 0,
                      .rho = 0.9,
                      .beta1 = 0.9,
                      .beta2 = 0.999,
                      .epsilon = torch || tf1 ? 1e-8 : 1e-7,
                      .initial_accumulator = torch ? 0 : 0.1,
                      .power = -0.5,
                      .momentum_decay = 4e-3};
  if (kind == LEAT_SGD || kind == LEAT_MOMENTUM || kind == LEAT_PROXIMAL_SGD)
    o.learning_rate = 0.01;
  if (kind == LEAT_ADAGRAD || kind == LEAT_FTRL || kind == LEAT_PROXIMAL_ADAGRAD)
    o.learning_rate = tf1 ? 0.05 : torch ? 0.01 : 0.001;
  if (kind == LEAT_ADAGRAD && torch) o.epsilon = 1e-10;
  if (kind == LEAT_RMSPROP && tf1) o.epsilon = 1e-10;
  if (kind == LEAT_RMSPROP && torch) o.rho = 0.99, o.learning_rate = 0.01;
  if (kind == LEAT_ADADELTA) o.rho = torch ? 0.9 : 0.95;
  if (kind == LEAT_ADADELTA && torch) o.epsilon = 1e-6, o.learning_rate = 1;
  if (kind == LEAT_ADAMW) o.weight_decay = torch ? 0.01 : 0.004;
  if ((kind == LEAT_NADAM || kind == LEAT_ADAMAX) && torch) o.learning_rate = 0.002;
  if (kind == LEAT_LION) o.learning_rate = 1e-4, o.beta2 = 0.99;
  return o;
}

// --- Slots --------------------------------------------------------------------------------------
leat_slots leat_optimizer_slots(const leat_optimizer *o) {
  switch (o->kind) {
    case LEAT_MOMENTUM: return (leat_slots){1, {"momentum"}, {"Momentum"}, {0}};
    case LEAT_ADAGRAD:
      return (leat_slots){1, {"accumulator"}, {"Adagrad"}, {o->initial_accumulator}};
    case LEAT_PROXIMAL_ADAGRAD:
      return (leat_slots){1, {"accumulator"}, {"ProximalAdagrad"}, {o->initial_accumulator}};
    case LEAT_RMSPROP:
      return (leat_slots){o->centered ? 3 : 2,
                          {"rms", "momentum", "mg"},
                          {"RMSProp", "RMSProp_1", "RMSProp_2"},
                          {o->style == LEAT_STYLE_TF1, 0, 0}};
    case LEAT_ADADELTA:
      return (leat_slots){2, {"accum", "accum_update"}, {"Adadelta", "Adadelta_1"}, {0, 0}};
    case LEAT_ADAM:
    case LEAT_LAZY_ADAM:
    case LEAT_ADAMW:
    case LEAT_NADAM:
    case LEAT_RADAM:
    case LEAT_ADAMAX:
      return (leat_slots){
          o->amsgrad ? 3 : 2, {"m", "v", "vhat"}, {"Adam", "Adam_1", "Adam_2"}, {0}};
    case LEAT_FTRL:
      return (leat_slots){2, {"accum", "linear"}, {"Ftrl", "Ftrl_1"}, {o->initial_accumulator, 0}};
    case LEAT_LION: return (leat_slots){1, {"m"}, {"Lion"}, {0}};
    case LEAT_SGD:
    case LEAT_PROXIMAL_SGD:
    case LEAT_OPTIMIZER_COUNT: break;
  }
  return (leat_slots){0};
}

bool leat_optimizer_is_sparse(const leat_optimizer *o) {
  switch (o->kind) {
    case LEAT_SGD:
    case LEAT_MOMENTUM:
    case LEAT_PROXIMAL_SGD: return o->style != LEAT_STYLE_TORCH && o->style != LEAT_STYLE_KERAS;
    case LEAT_ADAGRAD: return o->style != LEAT_STYLE_TORCH;
    case LEAT_PROXIMAL_ADAGRAD:
    case LEAT_LAZY_ADAM: return true;
    case LEAT_RMSPROP:
    case LEAT_ADADELTA:
    case LEAT_FTRL: return o->style == LEAT_STYLE_TF1;
    default: return false;
  }
}

bool leat_optimizer_has_product(const leat_optimizer *o) { return o->kind == LEAT_NADAM; }

// --- Scalars of a step --------------------------------------------------------------------------
static leat_value f64(leat_builder *b, double x) { return leat_const_f64(b, x); }
static leat_value f32(leat_builder *b, leat_value x) { return leat_cast(b, x, LEAT_DTYPE_F32); }
static leat_value one_less(leat_builder *b, leat_value x) { return leat_sub(b, f64(b, 1), x); }

// 1 - beta^t
static leat_value correction(leat_builder *b, double beta, leat_value t) {
  return one_less(b, leat_pow(b, f64(b, beta), t));
}

// Adam's rate with both corrections ("epsilon hat"): rate sqrt(1 - beta2^t) / (1 - beta1^t).
static leat_value adam_rate(leat_builder *b, const leat_optimizer *o, leat_value rate,
                            leat_value t) {
  leat_value root = leat_sqrt(b, correction(b, o->beta2, t));
  return leat_div(b, leat_mul(b, rate, root), correction(b, o->beta1, t));
}

// beta1 (1 - 0.96^(t decay) / 2), Dozat's momentum schedule.
static leat_value nadam_momentum(leat_builder *b, const leat_optimizer *o, leat_value t) {
  double decay = o->style == LEAT_STYLE_TORCH ? o->momentum_decay : 1;
  leat_value power = leat_pow(b, f64(b, 0.96), leat_mul_scalar(b, t, decay));
  return leat_mul_scalar(b, one_less(b, leat_mul_scalar(b, power, 0.5)), o->beta1);
}

// s: rate of g, rate of m, root of the correction of v.
static void nadam_scalars(leat_builder *b, const leat_optimizer *o, leat_value rate, leat_value t,
                          leat_value *product, leat_value *s) {
  leat_value now = nadam_momentum(b, o, t), next = nadam_momentum(b, o, leat_add_scalar(b, t, 1));
  *product = leat_mul(b, *product, now);
  leat_value after = leat_mul(b, *product, next);
  s[0] = f32(b, leat_div(b, leat_mul(b, rate, one_less(b, now)), one_less(b, *product)));
  s[1] = f32(b, leat_div(b, leat_mul(b, rate, next), one_less(b, after)));
  s[2] = f32(b, leat_sqrt(b, correction(b, o->beta2, t)));
}

// s: rate / (1 - beta1^t), the rectification times the root of v's correction, whether it applies.
static void radam_scalars(leat_builder *b, const leat_optimizer *o, leat_value rate, leat_value t,
                          leat_value *s) {
  double limit = 2 / (1 - o->beta2) - 1;
  leat_value power = leat_pow(b, f64(b, o->beta2), t), left = one_less(b, power);
  leat_value rho =
      leat_sub(b, f64(b, limit), leat_div(b, leat_mul_scalar(b, leat_mul(b, t, power), 2), left));
  leat_value on = leat_gt(b, rho, f64(b, 5)), safe = leat_select(b, on, rho, f64(b, 6));
  leat_value over = leat_mul(b, leat_add_scalar(b, safe, -4), leat_add_scalar(b, safe, -2));
  leat_value under = leat_mul_scalar(b, safe, (limit - 4) * (limit - 2) / limit);
  s[0] = f32(b, leat_div(b, rate, correction(b, o->beta1, t)));
  s[1] = f32(b, leat_mul(b, leat_sqrt(b, leat_div(b, over, under)), leat_sqrt(b, left)));
  s[2] = f32(b, on);
}

void leat_optimizer_scalars(leat_builder *b, const leat_optimizer *o, leat_value step,
                            leat_value rate, leat_value *product,
                            leat_value s[LEAT_OPTIMIZER_SCALARS]) {
  leat_value t = leat_cast(b, leat_add(b, step, leat_const_i64(b, 1)), LEAT_DTYPE_F64);
  rate = rate.node ? leat_cast(b, rate, LEAT_DTYPE_F64) : f64(b, o->learning_rate);
  rate = leat_schedule_rate(b, &o->schedule, rate, step);
  bool torch = o->style == LEAT_STYLE_TORCH;
  for (int i = 0; i < LEAT_OPTIMIZER_SCALARS; i++) s[i] = f32(b, rate);
  switch (o->kind) {
    case LEAT_ADAM:
    case LEAT_LAZY_ADAM:
    case LEAT_ADAMW:
      if (torch) {  // epsilon is added to the corrected root
        s[0] = f32(b, leat_div(b, rate, correction(b, o->beta1, t)));
        s[1] = f32(b, leat_div(b, f64(b, 1), leat_sqrt(b, correction(b, o->beta2, t))));
      } else
        s[0] = f32(b, adam_rate(b, o, rate, t));
      break;
    case LEAT_ADAMAX: s[0] = f32(b, leat_div(b, rate, correction(b, o->beta1, t))); break;
    case LEAT_NADAM: nadam_scalars(b, o, rate, t, product, s); break;
    case LEAT_RADAM: radam_scalars(b, o, rate, t, s); break;
    case LEAT_ADAGRAD: {
      leat_value slow = leat_mul_scalar(b, leat_add_scalar(b, t, -1), o->learning_rate_decay);
      if (o->learning_rate_decay > 0) s[0] = f32(b, leat_div(b, rate, leat_add_scalar(b, slow, 1)));
      break;
    }
    case LEAT_MOMENTUM:  // torch's momentum starts with the first gradient, undamped
      s[1] = f32(b, leat_select(b, leat_eq(b, t, f64(b, 1)), f64(b, 1), f64(b, 1 - o->dampening)));
      break;
    default: break;
  }
}

// --- Updates ------------------------------------------------------------------------------------
// TensorFlow's kernels hold the betas as f32: 1 - 0.999f is 1.3e-5 off 0.001, and that is what they
// multiply by. Keras and torch compute with Python's numbers.
static double one_minus(const leat_optimizer *o, double beta) {
  bool kernels = o->style == LEAT_STYLE_TF1 || o->style == LEAT_STYLE_KERAS_LEGACY;
  return kernels ? (double)(1.0f - (float)beta) : 1 - beta;
}

// a + (x - a) share: a moving average.
static leat_value average(leat_builder *b, leat_value a, leat_value x, double share) {
  return leat_add(b, a, leat_mul_scalar(b, leat_sub(b, x, a), share));
}

static void step_by(leat_builder *b, leat_value *x, leat_value move) { *x = leat_sub(b, *x, move); }

// TF1: v = momentum v + g; x -= rate v, or with Nesterov x -= rate g + rate momentum v. Keras keeps
// rate v in the slot. torch: the first gradient enters undamped.
static void momentum(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                     leat_value *v) {
  bool torch = o->style == LEAT_STYLE_TORCH;
  bool keras = o->style == LEAT_STYLE_KERAS || o->style == LEAT_STYLE_KERAS_LEGACY;
  leat_value in = keras ? leat_mul(b, g, s[0]) : torch && o->dampening ? leat_mul(b, g, s[1]) : g;
  v[1] = leat_add(b, leat_mul_scalar(b, v[1], o->momentum), in);
  leat_value move = keras ? v[1] : leat_mul(b, v[1], s[0]);
  if (o->nesterov) move = leat_add(b, leat_mul(b, g, s[0]), leat_mul_scalar(b, move, o->momentum));
  step_by(b, &v[0], move);
}

// a += g^2; x -= rate g / sqrt(a); epsilon under the root (Keras) or beside it.
static void adagrad(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                    leat_value *v) {
  v[1] = leat_add(b, v[1], leat_mul(b, g, g));
  leat_value move = leat_mul(b, g, s[0]);
  if (o->style == LEAT_STYLE_TF1)
    move = leat_mul(b, move, leat_rsqrt(b, v[1]));
  else if (o->style == LEAT_STYLE_KERAS)
    move = leat_mul(b, move, leat_rsqrt(b, leat_add_scalar(b, v[1], o->epsilon)));
  else
    move = leat_div(b, move, leat_add_scalar(b, leat_sqrt(b, v[1]), o->epsilon));
  step_by(b, &v[0], move);
}

// ms: moving average of g^2 (less the square of that of g); mom = momentum mom + rate g / sqrt(ms).
static void rmsprop(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                    leat_value *v) {
  double share = one_minus(o, o->rho);
  bool beside =
      o->style == LEAT_STYLE_TORCH || (o->style == LEAT_STYLE_KERAS_LEGACY && o->momentum == 0);
  v[1] = average(b, v[1], leat_mul(b, g, g), share);
  leat_value spread = v[1], move = leat_mul(b, g, s[0]);
  if (o->centered) {
    v[3] = average(b, v[3], g, share);
    spread = leat_sub(b, spread, leat_mul(b, v[3], v[3]));
  }
  if (beside)
    move = leat_div(b, move, leat_add_scalar(b, leat_sqrt(b, spread), o->epsilon));
  else
    move = leat_mul(b, move, leat_rsqrt(b, leat_add_scalar(b, spread, o->epsilon)));
  v[2] = leat_add(b, leat_mul_scalar(b, v[2], o->momentum), move);
  step_by(b, &v[0], v[2]);
}

// m, v: moving averages of g and g^2; x -= rate m / (sqrt(v) + epsilon).
static void adam(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                 leat_value *v) {
  v[1] = average(b, v[1], g, one_minus(o, o->beta1));
  v[2] = average(b, v[2], leat_mul(b, g, g), one_minus(o, o->beta2));
  leat_value second = v[2];
  if (o->amsgrad) second = v[3] = leat_max(b, v[3], v[2]);
  leat_value root = leat_sqrt(b, second);
  if (o->style == LEAT_STYLE_TORCH) root = leat_mul(b, root, s[1]);
  root = leat_add_scalar(b, root, o->epsilon);
  step_by(b, &v[0], leat_div(b, leat_mul(b, v[1], s[0]), root));
}

static void adamax(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                   leat_value *v) {
  bool torch = o->style == LEAT_STYLE_TORCH;
  v[1] = average(b, v[1], g, one_minus(o, o->beta1));
  leat_value size = leat_abs(b, g);
  if (torch) size = leat_add_scalar(b, size, o->epsilon);
  v[2] = leat_max(b, leat_mul_scalar(b, v[2], o->beta2), size);
  leat_value under = torch ? v[2] : leat_add_scalar(b, v[2], o->epsilon);
  step_by(b, &v[0], leat_div(b, leat_mul(b, v[1], s[0]), under));
}

static void nadam(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                  leat_value *v) {
  v[1] = average(b, v[1], g, one_minus(o, o->beta1));
  v[2] = average(b, v[2], leat_mul(b, g, g), one_minus(o, o->beta2));
  leat_value both = leat_add(b, leat_mul(b, g, s[0]), leat_mul(b, v[1], s[1]));
  leat_value root = leat_add_scalar(b, leat_div(b, leat_sqrt(b, v[2]), s[2]), o->epsilon);
  step_by(b, &v[0], leat_div(b, both, root));
}

static void radam(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                  leat_value *v) {
  v[1] = average(b, v[1], g, one_minus(o, o->beta1));
  v[2] = average(b, v[2], leat_mul(b, g, g), one_minus(o, o->beta2));
  leat_value plain = leat_mul(b, v[1], s[0]);
  leat_value root = leat_add_scalar(b, leat_sqrt(b, v[2]), o->epsilon);
  leat_value rectified = leat_div(b, leat_mul(b, plain, s[1]), root);
  leat_value on = leat_gt(b, s[2], leat_const_f32(b, 0));
  on = leat_broadcast(b, on, leat_value_type(g).shape, NULL);
  step_by(b, &v[0], leat_select(b, on, rectified, plain));
}

// delta = sqrt(updates + epsilon) g / sqrt(a + epsilon); x -= rate delta.
static void adadelta(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                     leat_value *v) {
  double share = one_minus(o, o->rho);
  v[1] = average(b, v[1], leat_mul(b, g, g), share);
  leat_value over = leat_sqrt(b, leat_add_scalar(b, v[2], o->epsilon));
  leat_value under = leat_rsqrt(b, leat_add_scalar(b, v[1], o->epsilon));
  leat_value delta = leat_mul(b, leat_mul(b, over, under), g);
  v[2] = average(b, v[2], leat_mul(b, delta, delta), share);
  step_by(b, &v[0], leat_mul(b, delta, s[0]));
}

static leat_value power_of(leat_builder *b, const leat_optimizer *o, leat_value n) {
  return o->power == -0.5 ? leat_sqrt(b, n) : leat_pow(b, n, leat_const_like(b, n, -o->power));
}

// FTRL-proximal (McMahan et al. 2013): n accumulates g^2, z the adjusted gradients;
// x = (clip(z, l1) - z) / (n^-power / rate + 2 l2).
static void ftrl(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                 leat_value *v) {
  leat_value n = leat_add(b, v[1], leat_mul(b, g, g)), now = power_of(b, o, n);
  leat_value sigma = leat_div(b, leat_sub(b, now, power_of(b, o, v[1])), s[0]), used = g;
  if (o->l2_shrinkage > 0) used = leat_add(b, g, leat_mul_scalar(b, v[0], 2 * o->l2_shrinkage));
  v[2] = leat_sub(b, leat_add(b, v[2], used), leat_mul(b, sigma, v[0]));
  v[1] = n;
  leat_value curve = leat_div(b, now, s[0]);
  if (o->beta != 0)
    curve = leat_add(b, curve, leat_div(b, leat_const_f32(b, (float)o->beta), s[0]));
  curve = leat_add_scalar(b, curve, 2 * o->l2);
  leat_value pull = leat_sub(b, leat_clip(b, v[2], -o->l1, o->l1), v[2]);
  v[0] = leat_div(b, pull, curve);
}

// sign(x) max(|x| - rate l1, 0) / (1 + rate l2), where rate is a tensor like x.
static leat_value shrink(leat_builder *b, const leat_optimizer *o, leat_value x, leat_value rate) {
  leat_value scale = leat_add_scalar(b, leat_mul_scalar(b, rate, o->l2), 1);
  if (o->l1 <= 0) return leat_div(b, x, scale);
  leat_value left = leat_sub(b, leat_abs(b, x), leat_mul_scalar(b, rate, o->l1));
  left = leat_max(b, left, leat_const_like(b, left, 0));
  return leat_div(b, leat_mul(b, leat_sign(b, x), left), scale);
}

static void proximal(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                     leat_value *v) {
  leat_value rate = leat_broadcast(b, s[0], leat_value_type(g).shape, NULL);
  if (o->kind == LEAT_PROXIMAL_ADAGRAD) {
    v[1] = leat_add(b, v[1], leat_mul(b, g, g));
    rate = leat_mul(b, rate, leat_rsqrt(b, v[1]));
  }
  v[0] = shrink(b, o, leat_sub(b, v[0], leat_mul(b, g, rate)), rate);
}

// x -= rate sign(m beta1 + g (1 - beta1)); m = m beta2 + g (1 - beta2).
static void lion(leat_builder *b, const leat_optimizer *o, leat_value g, const leat_value *s,
                 leat_value *v) {
  leat_value direction = leat_sign(b, average(b, v[1], g, one_minus(o, o->beta1)));
  v[1] = average(b, v[1], g, one_minus(o, o->beta2));
  step_by(b, &v[0], leat_mul(b, direction, s[0]));
}

void leat_optimizer_apply(leat_builder *b, const leat_optimizer *o, leat_value g,
                          const leat_value s[LEAT_OPTIMIZER_SCALARS],
                          leat_value v[1 + LEAT_MAX_SLOTS]) {
  bool decoupled = o->kind == LEAT_ADAMW || o->style == LEAT_STYLE_KERAS;
  if (o->weight_decay != 0 && decoupled)  // s[3] is the plain rate
    step_by(b, &v[0], leat_mul(b, v[0], leat_mul_scalar(b, s[3], o->weight_decay)));
  else if (o->weight_decay != 0)
    g = leat_add(b, g, leat_mul_scalar(b, v[0], o->weight_decay));
  if (o->clip_value > 0) g = leat_clip(b, g, -o->clip_value, o->clip_value);
  switch (o->kind) {
    case LEAT_SGD: step_by(b, &v[0], leat_mul(b, g, s[0])); break;
    case LEAT_MOMENTUM: momentum(b, o, g, s, v); break;
    case LEAT_ADAGRAD: adagrad(b, o, g, s, v); break;
    case LEAT_RMSPROP: rmsprop(b, o, g, s, v); break;
    case LEAT_ADAM:
    case LEAT_LAZY_ADAM:
    case LEAT_ADAMW: adam(b, o, g, s, v); break;
    case LEAT_ADADELTA: adadelta(b, o, g, s, v); break;
    case LEAT_FTRL: ftrl(b, o, g, s, v); break;
    case LEAT_PROXIMAL_SGD:
    case LEAT_PROXIMAL_ADAGRAD: proximal(b, o, g, s, v); break;
    case LEAT_ADAMAX: adamax(b, o, g, s, v); break;
    case LEAT_NADAM: nadam(b, o, g, s, v); break;
    case LEAT_RADAM: radam(b, o, g, s, v); break;
    case LEAT_LION: lion(b, o, g, s, v); break;
    case LEAT_OPTIMIZER_COUNT: break;
  }
}

// --- Clipping -----------------------------------------------------------------------------------
leat_value leat_clip_norm(leat_builder *b, leat_value x, double norm, const int *axes, int count) {
  leat_value sum = leat_reduce_sum(b, leat_square(b, x), axes, count, count > 0);
  leat_value limit = leat_const_like(b, sum, norm);
  return leat_mul(b, x, leat_div(b, limit, leat_max(b, leat_sqrt(b, sum), limit)));
}

leat_value leat_clip_global_norm(leat_builder *b, leat_gradient *grads, int count, double norm) {
  leat_value sum = leat_const_f32(b, 0), limit = leat_const_f32(b, (float)norm);
  for (int i = 0; i < count; i++) {
    leat_value g = grads[i].dense.node ? grads[i].dense : grads[i].rows;
    if (g.node) sum = leat_add(b, sum, leat_reduce_sum(b, leat_square(b, g), NULL, 0, false));
  }
  leat_value total = leat_sqrt(b, sum);
  leat_value scale = leat_div(b, limit, leat_max(b, total, limit));
  for (int i = 0; i < count; i++) {
    leat_value *g = grads[i].dense.node ? &grads[i].dense : &grads[i].rows;
    if (g->node) *g = leat_mul(b, *g, scale);
  }
  return total;
}
