// Learning rate schedules: the rate as a function of the step, as graph.
// SPDX-License-Identifier: Apache-2.0
//
// Names, parameters and formulas are those of tf.compat.v1.train; arithmetic is f64.
#ifndef LEAT_TRAIN_SCHEDULE_H
#define LEAT_TRAIN_SCHEDULE_H

#include "leat/graph.h"

typedef enum leat_schedule_kind {
  LEAT_SCHEDULE_CONSTANT,
  LEAT_SCHEDULE_EXPONENTIAL,      // rate * decay_rate^(step / decay_steps)
  LEAT_SCHEDULE_NATURAL_EXP,      // rate * e^(-decay_rate * step / decay_steps)
  LEAT_SCHEDULE_INVERSE_TIME,     // rate / (1 + decay_rate * step / decay_steps)
  LEAT_SCHEDULE_POLYNOMIAL,       // from rate to end_learning_rate in decay_steps
  LEAT_SCHEDULE_PIECEWISE,        // values[i] up to and with step boundaries[i]
  LEAT_SCHEDULE_COSINE,           // half a cosine from rate to alpha * rate
  LEAT_SCHEDULE_COSINE_RESTARTS,  // the same again and again, t_mul longer and m_mul lower
  LEAT_SCHEDULE_LINEAR_COSINE,    // (alpha + linear) * cosine + beta
  LEAT_SCHEDULE_COUNT
} leat_schedule_kind;

extern const char *const leat_schedule_names[LEAT_SCHEDULE_COUNT];
enum { LEAT_SCHEDULE_PIECES = 16 };

typedef struct leat_schedule {
  leat_schedule_kind kind;
  double decay_steps, decay_rate;  // cosine_decay_restarts: decay_steps of the first period
  double end_learning_rate, power;
  double alpha, beta, num_periods, t_mul, m_mul;
  bool staircase, cycle;
  int pieces;  // boundaries; there is one more value
  double boundaries[LEAT_SCHEDULE_PIECES], values[LEAT_SCHEDULE_PIECES + 1];
  double warmup_steps;  // before the schedule: the rate rises linearly from 0; 0 = none
} leat_schedule;

leat_schedule leat_schedule_default(leat_schedule_kind kind);
// f64 scalar. rate: f64 scalar; step: i64 scalar.
leat_value leat_schedule_rate(leat_builder *b, const leat_schedule *s, leat_value rate,
                              leat_value step);

#endif
