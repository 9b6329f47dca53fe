// model.yaml: training, evaluation, export and warm start.
// SPDX-License-Identifier: Apache-2.0
#include "train/config_read.h"

static leat_status read_text(const leat_config *c, const leat_yaml_node *section, const char *key,
                             leat_str *out, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(section, key);
  return node ? leat_yaml_str(&c->yaml, node, out, err) : LEAT_OK;
}

static leat_status read_engine(leat_config *c, const leat_yaml_node *node, leat_error *err) {
  static const char *const names[] = {"auto", "interpreter", "native"};
  int choice = LEAT_ENGINE_AUTO;
  leat_status status = node ? leat__config_choose(c, node, names, 3, &choice, err) : LEAT_OK;
  c->engine = (leat_engine)choice;
  return status;
}

static leat_status read_train(leat_config *c, leat_error *err) {
  const leat_yaml_node *train = leat_yaml_get(c->yaml.root, "train");
  c->batch_size = 40, c->steps = 1000, c->seed = 1, c->shuffle = 10000,
  c->save_checkpoints_steps = 1000;
  c->keep_checkpoint_max = 5, c->log_steps = 100, c->threads = 1, c->accumulate_steps = 1;
  const struct {
    const char *key;
    int64_t *value, least;
  } counts[] = {{"batch_size", &c->batch_size, 1},
                {"steps", &c->steps, 0},
                {"epochs", &c->epochs, 0},
                {"seed", &c->seed, 0},
                {"shuffle", &c->shuffle, 0},
                {"save_checkpoints_steps", &c->save_checkpoints_steps, 1},
                {"keep_checkpoint_max", &c->keep_checkpoint_max, 1},
                {"log_steps", &c->log_steps, 1},
                {"accumulate_steps", &c->accumulate_steps, 1},
                {"threads", &c->threads, 1}};
  leat_status status = leat__config_check(c, train, "train", err);
  for (size_t i = 0; !status && i < sizeof counts / sizeof *counts; i++)
    status = leat__config_count(c, train, counts[i].key, counts[i].least, counts[i].value, err);
  c->prefetch = true;
  const leat_yaml_node *prefetch = leat_yaml_get(train, "prefetch");
  if (!status && prefetch) status = leat_yaml_bool(&c->yaml, prefetch, &c->prefetch, err);
  return status ? status : read_engine(c, leat_yaml_get(train, "engine"), err);
}

static leat_status read_early_stopping(leat_config *c, leat_error *err) {
  const leat_yaml_node *train = leat_yaml_get(c->yaml.root, "train"),
                       *stop = leat_yaml_get(train, "early_stopping"), *delta;
  if (!stop) return LEAT_OK;
  c->stop.metric = LEAT_STR("loss");
  c->stop.patience = 5;
  leat_status status = leat__config_check(c, stop, "train.early_stopping", err);
  if (!status) status = read_text(c, stop, "metric", &c->stop.metric, err);
  if (!status) status = leat__config_count(c, stop, "patience", 1, &c->stop.patience, err);
  if (!status && (delta = leat_yaml_get(stop, "min_delta"))) {
    status = leat_yaml_f64(&c->yaml, delta, &c->stop.min_delta, err);
    if (!status && !(c->stop.min_delta >= 0))
      status = leat_yaml_fail(&c->yaml, delta, err, "min_delta is %g", c->stop.min_delta);
  }
  if (!status && !c->eval_every_steps)
    status = leat_yaml_fail(&c->yaml, stop, err, "early stopping needs eval.every_steps");
  return status;
}

static leat_status read_eval(leat_config *c, leat_error *err) {
  const leat_yaml_node *eval = leat_yaml_get(c->yaml.root, "eval");
  c->eval_batch_size = c->batch_size;
  leat_status status = leat__config_count(c, eval, "batch_size", 1, &c->eval_batch_size, err);
  if (!status) status = leat__config_count(c, eval, "steps", 0, &c->eval_steps, err);
  return status ? status : leat__config_count(c, eval, "every_steps", 0, &c->eval_every_steps, err);
}

static leat_status read_export(leat_config *c, leat_error *err) {
  const leat_yaml_node *out = leat_yaml_get(c->yaml.root, "export");
  leat_status status = leat__config_check(c, out, "export", err);
  c->export_name = LEAT_STR("estimator");
  c->export_keep = 5;
  if (!status) status = read_text(c, out, "name", &c->export_name, err);
  if (!status) status = read_text(c, out, "best", &c->best.metric, err);
  if (!status) status = leat__config_count(c, out, "keep", 1, &c->export_keep, err);
  if (!status && c->best.metric.len && !c->eval_every_steps)
    status = leat_yaml_fail(&c->yaml, leat_yaml_get(out, "best"), err,
                            "export.best needs eval.every_steps");
  return status;
}

static leat_status read_split(leat_config *c, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(leat_yaml_get(c->yaml.root, "data"), "split");
  if (!node) return LEAT_OK;
  leat_status status = leat_yaml_f64(&c->yaml, node, &c->split, err);
  if (!status && !(c->split > 0 && c->split < 1))
    status = leat_yaml_fail(&c->yaml, node, err, "split is a share between 0 and 1");
  if (!status && c->eval_files.count)
    status = leat_yaml_fail(&c->yaml, node, err, "data has 'eval' or 'split', not both");
  return status;
}

// --- Warm start ---------------------------------------------------------------------------------
static leat_status read_renames(leat_config *c, const leat_yaml_node *names, leat_error *err) {
  if (!names) return LEAT_OK;
  if (names->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(&c->yaml, names, err, "rename maps names here to names there");
  for (size_t i = 0; i < names->count; i++) {
    leat_rename r = {.here = names->keys[i]->text};
    leat_status status = leat_yaml_str(&c->yaml, names->items[i], &r.there, err);
    if (status) return status;
    if (!leat_vec_push(&c->warm_start.renamed, r)) return leat__oom(err, sizeof r);
  }
  return LEAT_OK;
}

static leat_status read_warm_start(leat_config *c, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(c->yaml.root, "warm_start_from"), *variables;
  if (!node) return LEAT_OK;
  if (node->kind == LEAT_YAML_SCALAR)
    return leat_yaml_str(&c->yaml, node, &c->warm_start.checkpoint, err);
  leat_status status = leat__config_check(c, node, "warm_start_from", err);
  if (!status) status = read_text(c, node, "checkpoint", &c->warm_start.checkpoint, err);
  if (!status && !c->warm_start.checkpoint.len)
    status = leat_yaml_fail(&c->yaml, node, err, "warm_start_from has no 'checkpoint'");
  if (!status && (variables = leat_yaml_get(node, "variables")))
    status = leat__config_strings(c, variables, &c->warm_start.variables, err);
  return status ? status : read_renames(c, leat_yaml_get(node, "rename"), err);
}

leat_status leat__config_train(leat_config *c, leat_error *err) {
  leat_status status = read_train(c, err);
  if (!status) status = read_eval(c, err);
  if (!status) status = read_early_stopping(c, err);
  if (!status) status = read_export(c, err);
  if (!status) status = read_split(c, err);
  return status ? status : read_warm_start(c, err);
}
