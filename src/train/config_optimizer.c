// model.yaml: optimisers and their learning rates.
// SPDX-License-Identifier: Apache-2.0
#include "train/config_read.h"

#include <math.h>

// TensorFlow's rates: of an estimator with one part, and of the parts of a combined one.
static double default_rate(const leat_config *c, leat_part part, leat_optimizer_kind kind,
                           double fallback) {
  bool both = c->has_part[LEAT_PART_DNN] && c->has_part[LEAT_PART_LINEAR];
  double columns = (double)c->part_features[LEAT_PART_LINEAR].count, limit = both ? 0.005 : 0.2;
  if (kind == LEAT_ADAGRAD && part == LEAT_PART_DNN) return both ? 0.001 : 0.05;
  if (kind != LEAT_FTRL || part != LEAT_PART_LINEAR) return fallback;
  if (!c->has_part[LEAT_PART_LINEAR]) return 0.3;  // baseline
  return columns > 0 && 1 / sqrt(columns) < limit ? 1 / sqrt(columns) : limit;
}

typedef struct setting {
  const char *name;
  double *number;
  bool *flag;
} setting;
enum { SETTINGS = 24 };

static void settings_of(leat_optimizer *o, setting out[SETTINGS]) {
  const setting all[SETTINGS] = {{"learning_rate", &o->learning_rate, NULL},
                                 {"momentum", &o->momentum, NULL},
                                 {"dampening", &o->dampening, NULL},
                                 {"rho", &o->rho, NULL},
                                 {"beta1", &o->beta1, NULL},
                                 {"beta2", &o->beta2, NULL},
                                 {"epsilon", &o->epsilon, NULL},
                                 {"initial_accumulator", &o->initial_accumulator, NULL},
                                 {"l1", &o->l1, NULL},
                                 {"l2", &o->l2, NULL},
                                 {"l2_shrinkage", &o->l2_shrinkage, NULL},
                                 {"beta", &o->beta, NULL},
                                 {"power", &o->power, NULL},
                                 {"weight_decay", &o->weight_decay, NULL},
                                 {"learning_rate_decay", &o->learning_rate_decay, NULL},
                                 {"momentum_decay", &o->momentum_decay, NULL},
                                 {"clip_norm", &o->clip_norm, NULL},
                                 {"clip_value", &o->clip_value, NULL},
                                 {"warmup_steps", &o->schedule.warmup_steps, NULL},
                                 {"nesterov", NULL, &o->nesterov},
                                 {"centered", NULL, &o->centered},
                                 {"amsgrad", NULL, &o->amsgrad},
                                 {"style", NULL, NULL},
                                 {"schedule", NULL, NULL}};
  for (int i = 0; i < SETTINGS; i++) out[i] = all[i];
}

// --- Schedules ----------------------------------------------------------------------------------
static leat_status read_pieces(const leat_config *c, const leat_yaml_node *list, double *out,
                               int most, int *count, leat_error *err) {
  if (list->kind != LEAT_YAML_SEQUENCE || list->count > (size_t)most)
    return leat_yaml_fail(&c->yaml, list, err, "a list of up to %d numbers was expected", most);
  *count = (int)list->count;
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < list->count; i++)
    status = leat_yaml_f64(&c->yaml, list->items[i], &out[i], err);
  return status;
}

static leat_status read_schedule_field(const leat_config *c, const leat_yaml_node *key,
                                       const leat_yaml_node *value, leat_schedule *s, int *values,
                                       leat_error *err) {
  const setting all[] = {{"decay_steps", &s->decay_steps, NULL},
                         {"decay_rate", &s->decay_rate, NULL},
                         {"end_learning_rate", &s->end_learning_rate, NULL},
                         {"power", &s->power, NULL},
                         {"alpha", &s->alpha, NULL},
                         {"beta", &s->beta, NULL},
                         {"num_periods", &s->num_periods, NULL},
                         {"t_mul", &s->t_mul, NULL},
                         {"m_mul", &s->m_mul, NULL},
                         {"staircase", NULL, &s->staircase},
                         {"cycle", NULL, &s->cycle},
                         {"boundaries", NULL, NULL},
                         {"values", NULL, NULL}};
  enum { COUNT = sizeof all / sizeof *all };
  leat_str known[COUNT];
  int found = -1;
  for (int i = 0; i < COUNT; i++) {
    known[i] = leat_str_of(all[i].name);
    if (leat_str_eq(known[i], key->text)) found = i;
  }
  if (found < 0) return leat__config_unknown(c, key, "schedule", known, COUNT, err);
  if (all[found].number) return leat_yaml_f64(&c->yaml, value, all[found].number, err);
  if (all[found].flag) return leat_yaml_bool(&c->yaml, value, all[found].flag, err);
  if (found == COUNT - 1)
    return read_pieces(c, value, s->values, LEAT_SCHEDULE_PIECES + 1, values, err);
  return read_pieces(c, value, s->boundaries, LEAT_SCHEDULE_PIECES, &s->pieces, err);
}

static leat_status read_schedule(const leat_config *c, const leat_yaml_node *node, leat_schedule *s,
                                 leat_error *err) {
  int kind = 0, values = 0;
  double warmup = s->warmup_steps;
  const leat_yaml_node *fields = NULL;
  if (node->kind == LEAT_YAML_MAPPING && node->count == 1) {
    fields = node->items[0];
    node = node->keys[0];
  }
  leat_status status =
      leat__config_choose(c, node, leat_schedule_names, LEAT_SCHEDULE_COUNT, &kind, err);
  *s = leat_schedule_default((leat_schedule_kind)kind);
  s->warmup_steps = warmup;
  for (size_t i = 0; !status && fields && i < fields->count; i++)
    status = read_schedule_field(c, fields->keys[i], fields->items[i], s, &values, err);
  if (!status && kind == LEAT_SCHEDULE_PIECEWISE && values != s->pieces + 1)
    status = leat_yaml_fail(&c->yaml, node, err, "%d values for %d boundaries, expected one more",
                            values, s->pieces);
  if (!status && !(s->decay_steps > 0))
    status = leat_yaml_fail(&c->yaml, node, err, "decay_steps is %g", s->decay_steps);
  return status;
}

// --- Optimisers ---------------------------------------------------------------------------------
static leat_status read_setting(const leat_config *c, const leat_yaml_node *key,
                                const leat_yaml_node *value, leat_optimizer *o, leat_error *err) {
  setting all[SETTINGS];
  leat_str known[SETTINGS];
  int found = -1, style;
  settings_of(o, all);
  for (int i = 0; i < SETTINGS; i++) {
    known[i] = leat_str_of(all[i].name);
    if (leat_str_eq(known[i], key->text)) found = i;
  }
  if (found < 0) return leat__config_unknown(c, key, "optimizer", known, SETTINGS, err);
  if (all[found].number) return leat_yaml_f64(&c->yaml, value, all[found].number, err);
  if (all[found].flag) return leat_yaml_bool(&c->yaml, value, all[found].flag, err);
  if (found == SETTINGS - 1) return read_schedule(c, value, &o->schedule, err);
  return leat__config_choose(c, value, leat_style_names, LEAT_STYLE_COUNT, &style, err);
}

static leat_status check_optimizer(const leat_config *c, const leat_yaml_node *at,
                                   const leat_optimizer *o, leat_error *err) {
  if (!(o->learning_rate > 0))
    return leat_yaml_fail(&c->yaml, at, err, "learning_rate is %g", o->learning_rate);
  if (o->initial_accumulator < 0 || (o->kind == LEAT_FTRL && o->power > 0))
    return leat_yaml_fail(&c->yaml, at, err,
                          "initial_accumulator must not be negative, nor "
                          "ftrl's power positive");
  if (o->l1 < 0 || o->l2 < 0 || o->l2_shrinkage < 0)
    return leat_yaml_fail(&c->yaml, at, err, "l1, l2 and l2_shrinkage must not be negative");
  return LEAT_OK;
}

static leat_status read_optimizer(leat_config *c, const char *name, leat_part part,
                                  leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(c->yaml.root, name), *settings = NULL;
  leat_optimizer *o = &c->optimizers[part];
  int kind = part == LEAT_PART_LINEAR ? LEAT_FTRL : LEAT_ADAGRAD, style = LEAT_STYLE_TF1;
  leat_status status = LEAT_OK;
  if (node && node->kind == LEAT_YAML_MAPPING) {
    if (node->count != 1)
      return leat_yaml_fail(&c->yaml, node, err,
                            "one optimizer was expected, as in {adagrad: {learning_rate: 0.05}}");
    settings = node->items[0];
    node = node->keys[0];
  }
  if (node)
    status = leat__config_choose(c, node, leat_optimizer_names, LEAT_OPTIMIZER_COUNT, &kind, err);
  const leat_yaml_node *styled = leat_yaml_get(settings, "style");
  if (!status && styled)
    status = leat__config_choose(c, styled, leat_style_names, LEAT_STYLE_COUNT, &style, err);
  if (status) return status;
  *o = leat_optimizer_default((leat_optimizer_kind)kind, (leat_optimizer_style)style);
  if (style == LEAT_STYLE_TF1) o->learning_rate = default_rate(c, part, o->kind, o->learning_rate);
  for (size_t i = 0; !status && settings && i < settings->count; i++)
    status = read_setting(c, settings->keys[i], settings->items[i], o, err);
  if (o->kind == LEAT_SGD && o->momentum != 0) o->kind = LEAT_MOMENTUM;
  return status ? status : check_optimizer(c, node ? node : c->yaml.root, o, err);
}

leat_status leat__config_optimizers(leat_config *c, leat_error *err) {
  bool both = c->has_part[LEAT_PART_DNN] && c->has_part[LEAT_PART_LINEAR];
  static const char *const of_both[] = {"dnn_optimizer", "linear_optimizer"};
  for (int i = 0; i < 2; i++) {
    const leat_yaml_node *other = leat_yaml_get(c->yaml.root, both ? "optimizer" : of_both[i]);
    if (other)
      return leat_yaml_fail(&c->yaml, other, err, "%s",
                            both ? "a combined estimator has dnn_optimizer and linear_optimizer"
                                 : "an estimator with one part has one 'optimizer'");
  }
  if (!both)
    return read_optimizer(c, "optimizer",
                          c->has_part[LEAT_PART_DNN] ? LEAT_PART_DNN : LEAT_PART_LINEAR, err);
  leat_status status = read_optimizer(c, of_both[0], LEAT_PART_DNN, err);
  return status ? status : read_optimizer(c, of_both[1], LEAT_PART_LINEAR, err);
}
