// Learning rate schedules as graph.
// SPDX-License-Identifier: Apache-2.0
#include "train/schedule.h"

#include "leat/ops.h"

const char *const leat_schedule_names[LEAT_SCHEDULE_COUNT] = {
    "constant",           "exponential_decay",     "natural_exp_decay",
    "inverse_time_decay", "polynomial_decay",      "piecewise_constant",
    "cosine_decay",       "cosine_decay_restarts", "linear_cosine_decay"};

leat_schedule leat_schedule_default(leat_schedule_kind kind) {
  return (leat_schedule){.kind = kind,
                         .decay_steps = 1000,
                         .decay_rate = 0.96,
                         .end_learning_rate = 1e-4,
                         .power = 1,
                         .beta = 1e-3,
                         .num_periods = 0.5,
                         .t_mul = 2,
                         .m_mul = 1};
}

static leat_value f64(leat_builder *b, double x) { return leat_const_f64(b, x); }
static leat_value one_plus(leat_builder *b, leat_value x) { return leat_add(b, f64(b, 1), x); }

// (1 + cos(pi x)) / 2
static leat_value half_cosine(leat_builder *b, leat_value x) {
  const double pi = 3.14159265358979323846;
  return leat_mul_scalar(b, one_plus(b, leat_cos(b, leat_mul_scalar(b, x, pi))), 0.5);
}

// rate * ((1 - alpha) * x + alpha)
static leat_value toward(leat_builder *b, leat_value rate, leat_value x, double alpha) {
  return leat_mul(b, rate, leat_add_scalar(b, leat_mul_scalar(b, x, 1 - alpha), alpha));
}

static leat_value polynomial(leat_builder *b, const leat_schedule *s, leat_value rate,
                             leat_value t) {
  leat_value steps = f64(b, s->decay_steps);
  if (s->cycle) {  // the least multiple of decay_steps that is not below t
    leat_value turns = leat_max(b, leat_ceil(b, leat_div(b, t, steps)), f64(b, 1));
    steps = leat_mul(b, steps, turns);
  } else
    t = leat_min(b, t, steps);
  leat_value left = leat_sub(b, f64(b, 1), leat_div(b, t, steps));
  leat_value range = leat_add_scalar(b, rate, -s->end_learning_rate);
  return leat_add_scalar(b, leat_mul(b, range, leat_pow(b, left, f64(b, s->power))),
                         s->end_learning_rate);
}

static leat_value piecewise(leat_builder *b, const leat_schedule *s, leat_value t) {
  leat_value rate = f64(b, s->values[s->pieces]);
  for (int i = s->pieces; i-- > 0;)
    rate = leat_select(b, leat_le(b, t, f64(b, s->boundaries[i])), f64(b, s->values[i]), rate);
  return rate;
}

// Period i starts at first * (t_mul^i - 1) / (t_mul - 1).
static leat_value restarts(leat_builder *b, const leat_schedule *s, leat_value rate, leat_value t) {
  leat_value x = leat_mul_scalar(b, t, 1 / s->decay_steps), i, part;
  if (s->t_mul == 1) {
    i = leat_floor(b, x);
    part = leat_sub(b, x, i);
  } else {
    leat_value log_t = leat_log(b, f64(b, s->t_mul));
    leat_value grown = leat_add_scalar(b, leat_mul_scalar(b, x, s->t_mul - 1), 1);
    i = leat_floor(b, leat_add_scalar(b, leat_div(b, leat_log(b, grown), log_t), 1e-12));
    leat_value period = leat_pow(b, f64(b, s->t_mul), i);
    leat_value start = leat_mul_scalar(b, leat_add_scalar(b, period, -1), 1 / (s->t_mul - 1));
    part = leat_div(b, leat_sub(b, x, start), period);
  }
  leat_value height = leat_pow(b, f64(b, s->m_mul), i);
  return toward(b, rate, leat_mul(b, height, half_cosine(b, part)), s->alpha);
}

static leat_value linear_cosine(leat_builder *b, const leat_schedule *s, leat_value rate,
                                leat_value t) {
  leat_value x = leat_mul_scalar(b, leat_min(b, t, f64(b, s->decay_steps)), 1 / s->decay_steps);
  leat_value linear = leat_sub(b, f64(b, 1), x);
  leat_value wave = half_cosine(b, leat_mul_scalar(b, x, 2 * s->num_periods));
  leat_value scale = leat_mul(b, leat_add_scalar(b, linear, s->alpha), wave);
  return leat_mul(b, rate, leat_add_scalar(b, scale, s->beta));
}

static leat_value scheduled(leat_builder *b, const leat_schedule *s, leat_value rate,
                            leat_value t) {
  leat_value x = leat_div(b, t, f64(b, s->decay_steps));
  if (s->staircase) x = leat_floor(b, x);
  switch (s->kind) {
    case LEAT_SCHEDULE_EXPONENTIAL: return leat_mul(b, rate, leat_pow(b, f64(b, s->decay_rate), x));
    case LEAT_SCHEDULE_NATURAL_EXP:
      return leat_mul(b, rate, leat_exp(b, leat_mul_scalar(b, x, -s->decay_rate)));
    case LEAT_SCHEDULE_INVERSE_TIME:
      return leat_div(b, rate, one_plus(b, leat_mul_scalar(b, x, s->decay_rate)));
    case LEAT_SCHEDULE_POLYNOMIAL: return polynomial(b, s, rate, t);
    case LEAT_SCHEDULE_PIECEWISE: return piecewise(b, s, t);
    case LEAT_SCHEDULE_COSINE:
      return toward(b, rate, half_cosine(b, leat_min(b, x, f64(b, 1))), s->alpha);
    case LEAT_SCHEDULE_COSINE_RESTARTS: return restarts(b, s, rate, t);
    case LEAT_SCHEDULE_LINEAR_COSINE: return linear_cosine(b, s, rate, t);
    case LEAT_SCHEDULE_CONSTANT:
    case LEAT_SCHEDULE_COUNT: break;
  }
  return rate;
}

leat_value leat_schedule_rate(leat_builder *b, const leat_schedule *s, leat_value rate,
                              leat_value step) {
  leat_value t = leat_cast(b, step, LEAT_DTYPE_F64);
  if (s->warmup_steps <= 0) return scheduled(b, s, rate, t);
  leat_value late = leat_add_scalar(b, t, -s->warmup_steps), zero = f64(b, 0);
  leat_value share = leat_mul_scalar(b, leat_add_scalar(b, t, 1), 1 / s->warmup_steps);
  leat_value rest = scheduled(b, s, rate, leat_max(b, late, zero));
  return leat_select(b, leat_lt(b, late, zero), leat_mul(b, rate, share), rest);
}
