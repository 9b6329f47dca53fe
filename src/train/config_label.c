// model.yaml: the label, the head that reads it, its loss and its metrics.
// SPDX-License-Identifier: Apache-2.0
#include "train/config_read.h"
#include "train/heads.h"

static bool is_classifier(const leat_config *c) { return c->head < LEAT_HEAD_REGRESSION; }

// --- Label --------------------------------------------------------------------------------------
static leat_status check_vocabulary(const leat_config *c, const leat_yaml_node *words,
                                    leat_error *err) {
  for (size_t i = 0; i < c->label_vocabulary.count; i++)
    for (size_t k = 0; k < i; k++)
      if (leat_str_eq(c->label_vocabulary.at[i], c->label_vocabulary.at[k]))
        return leat_yaml_fail(&c->yaml, words->items[i], err,
                              "class '" LEAT_STR_FMT "' is listed twice",
                              LEAT_STR_ARG(c->label_vocabulary.at[i]));
  return LEAT_OK;
}

static leat_status read_columns(leat_config *c, const leat_yaml_node *label, leat_error *err) {
  const leat_yaml_node *one = leat_yaml_get(label, "column"),
                       *several = leat_yaml_get(label, "columns"), *node = one ? one : several;
  if (!node || (one && several))
    return leat_yaml_fail(
        &c->yaml, label, err,
        node ? "the label has 'column' or 'columns', not both" : "the label has no 'column'");
  leat_status status = leat__config_strings(c, node, &c->labels, err);
  if (!status && (c->labels.count < 1 || c->labels.count > LEAT_MAX_LABELS))
    status = leat_yaml_fail(&c->yaml, node, err, "%zu label columns, expected 1 to %d",
                            c->labels.count, LEAT_MAX_LABELS);
  for (size_t i = 0; !status && i < c->labels.count; i++)
    for (size_t k = 0; !status && k < i; k++)
      if (leat_str_eq(c->labels.at[i], c->labels.at[k]))
        status = leat_yaml_fail(&c->yaml, node, err, "column '" LEAT_STR_FMT "' is listed twice",
                                LEAT_STR_ARG(c->labels.at[i]));
  return status;
}

static leat_status read_split(leat_config *c, const leat_yaml_node *label, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(label, "split");
  if (!node) return LEAT_OK;
  leat_status status = leat_yaml_str(&c->yaml, node, &c->label_split, err);
  if (!status && c->label_split.len != 1)
    status = leat_yaml_fail(&c->yaml, node, err, "label.split is one character");
  return status;
}

static leat_status read_label(leat_config *c, const leat_yaml_node *label, leat_error *err) {
  const leat_yaml_node *words = leat_yaml_get(label, "vocabulary"),
                       *strip = leat_yaml_get(label, "strip");
  leat_status status = leat__config_check(c, label, "label", err);
  if (!status) status = read_columns(c, label, err);
  c->label_strip = LEAT_STR(" \t");
  if (!status && strip) status = leat_yaml_str(&c->yaml, strip, &c->label_strip, err);
  if (!status) status = read_split(c, label, err);
  if (!status && words) status = leat__config_strings(c, words, &c->label_vocabulary, err);
  if (!status && words) status = check_vocabulary(c, words, err);
  if (!status) status = leat__config_count(c, label, "n_classes", 2, &c->classes, err);
  if (!status && words && c->classes && c->classes != (int64_t)c->label_vocabulary.count)
    status = leat_yaml_fail(&c->yaml, leat_yaml_get(label, "n_classes"), err,
                            "%lld classes, but the vocabulary has %zu", (long long)c->classes,
                            c->label_vocabulary.count);
  if (words) c->classes = (int64_t)c->label_vocabulary.count;
  return status;
}

// --- Head ---------------------------------------------------------------------------------------
static leat_status read_head(leat_config *c, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(c->yaml.root, "head");
  bool classifier = is_classifier(c);
  int head = c->head;
  if (classifier && (c->classes > 2)) head = LEAT_HEAD_MULTI_CLASS;
  if (classifier && (c->labels.count > 1 || c->label_split.len)) head = LEAT_HEAD_MULTI_LABEL;
  leat_status status =
      node ? leat__config_choose(c, node, leat_head_names, LEAT_HEAD_COUNT, &head, err) : LEAT_OK;
  c->head = (leat_head)head;
  if (!status && is_classifier(c) != classifier)
    status = leat_yaml_fail(&c->yaml, node, err, "a %s has no head '%s'",
                            classifier ? "classifier" : "regressor", leat_head_names[head]);
  return status;
}

static leat_status check_head(leat_config *c, const leat_yaml_node *label, leat_error *err) {
  bool many = c->labels.count > 1;
  const leat_yaml_node *words = leat_yaml_get(label, "vocabulary");
  if (c->head == LEAT_HEAD_MULTI_LABEL && many == (c->label_split.len > 0))
    return leat_yaml_fail(&c->yaml, label, err,
                          "multi_label needs label.columns, or a column and label.split");
  if (c->head == LEAT_HEAD_MULTI_LABEL && many && (words || c->classes))
    return leat_yaml_fail(&c->yaml, label, err, "label.columns are the classes themselves");
  if (c->head == LEAT_HEAD_MULTI_LABEL && !many && !words)
    return leat_yaml_fail(&c->yaml, label, err, "label.split needs a 'vocabulary'");
  if (!is_classifier(c) && (words || c->classes))
    return leat_yaml_fail(&c->yaml, words ? words : label, err, "a regressor has no classes");
  if (c->head != LEAT_HEAD_MULTI_LABEL && c->label_split.len)
    return leat_yaml_fail(&c->yaml, label, err, "label.split is of the multi_label head");
  if (is_classifier(c) && c->head != LEAT_HEAD_MULTI_LABEL && (many || c->classes < 2))
    return leat_yaml_fail(&c->yaml, words ? words : label, err,
                          "a classifier's label needs one column and a 'vocabulary' of at least "
                          "two classes, or 'n_classes'");
  if (c->head == LEAT_HEAD_BINARY && c->classes != 2)
    return leat_yaml_fail(&c->yaml, label, err, "a binary label has %lld classes",
                          (long long)c->classes);
  return LEAT_OK;
}

// --- Loss ---------------------------------------------------------------------------------------
static leat_status read_loss(leat_config *c, leat_error *err) {
  static const leat_loss losses[] = {LEAT_LOSS_SQUARED,     LEAT_LOSS_ABSOLUTE,
                                     LEAT_LOSS_HUBER,       LEAT_LOSS_LOG_COSH,
                                     LEAT_LOSS_SQUARED_LOG, LEAT_LOSS_PERCENTAGE};
  enum { COUNT = sizeof losses / sizeof *losses };
  const leat_yaml_node *node = leat_yaml_get(c->yaml.root, "loss"), *settings = NULL;
  const char *names[COUNT];
  const leat_str known[] = {LEAT_STR("delta")};
  int which = 0;
  for (int i = 0; i < COUNT; i++) names[i] = leat_losses[losses[i]].name;
  c->loss = losses[0];
  if (!node) return LEAT_OK;
  if (c->head != LEAT_HEAD_REGRESSION)
    return leat_yaml_fail(&c->yaml, node, err, "the loss of a %s head is given",
                          leat_head_names[c->head]);
  if (node->kind == LEAT_YAML_MAPPING && node->count == 1)
    settings = node->items[0], node = node->keys[0];
  leat_status status = leat__config_choose(c, node, names, COUNT, &which, err);
  c->loss = losses[which];
  if (!status && settings && (c->loss != LEAT_LOSS_HUBER || settings->kind != LEAT_YAML_MAPPING))
    status =
        leat_yaml_fail(&c->yaml, settings, err, "only huber has settings: {huber: {delta: 1}}");
  for (size_t i = 0; !status && settings && i < settings->count; i++)
    status = leat_str_eq(settings->keys[i]->text, known[0])
                 ? leat_yaml_f64(&c->yaml, settings->items[i], &c->loss_options.delta, err)
                 : leat__config_unknown(c, settings->keys[i], "loss", known, 1, err);
  if (!status && settings && !(c->loss_options.delta > 0))
    status = leat_yaml_fail(&c->yaml, settings, err, "huber's delta is above 0");
  return status;
}

// A number of at least 0 and below `limit` (0: no limit).
static leat_status read_share(const leat_config *c, const leat_yaml_node *section, const char *key,
                              double limit, double *out, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(section, key);
  if (!node) return LEAT_OK;
  leat_status status = leat_yaml_f64(&c->yaml, node, out, err);
  if (!status && !(*out >= 0 && (limit == 0 || *out < limit) && *out - *out == 0))
    status = leat_yaml_fail(&c->yaml, node, err, "%s is %g", key, *out);
  return status;
}

static leat_status read_penalties(leat_config *c, leat_error *err) {
  const leat_yaml_node *root = c->yaml.root, *node = leat_yaml_get(root, "regularization");
  leat_status status = leat__config_check(c, node, "regularization", err);
  if (!status) status = read_share(c, node, "l1", 0, &c->l1, err);
  if (!status) status = read_share(c, node, "l2", 0, &c->l2, err);
  node = leat_yaml_get(root, "label_smoothing");
  if (!status && node && !is_classifier(c))
    status = leat_yaml_fail(&c->yaml, node, err, "label_smoothing is of classifiers");
  if (status) return status;
  return read_share(c, root, "label_smoothing", 1, &c->loss_options.label_smoothing, err);
}

static leat_status read_class_weights(leat_config *c, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(c->yaml.root, "class_weights");
  if (!node) return LEAT_OK;
  if (!is_classifier(c) || c->head == LEAT_HEAD_MULTI_LABEL)
    return leat_yaml_fail(&c->yaml, node, err, "class_weights are of binary and multi_class heads");
  leat_status status = leat__config_numbers(c, node, &c->class_weights, err);
  if (!status && (int64_t)c->class_weights.count != c->classes)
    status = leat_yaml_fail(&c->yaml, node, err, "%zu weights for %lld classes",
                            c->class_weights.count, (long long)c->classes);
  for (size_t i = 0; !status && i < c->class_weights.count; i++) {
    double w = c->class_weights.at[i];
    if (!(w >= 0 && w - w == 0))
      status = leat_yaml_fail(&c->yaml, node->items[i], err, "the weight of a class is %g", w);
  }
  return status;
}

// --- Metrics ------------------------------------------------------------------------------------
static leat_status read_thresholds(leat_config *c, const leat_yaml_node *node, leat_error *err) {
  if (!node) return LEAT_OK;
  if (c->head != LEAT_HEAD_BINARY && c->head != LEAT_HEAD_MULTI_LABEL)
    return leat_yaml_fail(&c->yaml, node, err, "thresholds are of binary and multi_label heads");
  leat_status status = leat__config_numbers(c, node, &c->thresholds, err);
  for (size_t i = 0; !status && i < c->thresholds.count; i++)
    if (!(c->thresholds.at[i] > 0 && c->thresholds.at[i] < 1))
      status = leat_yaml_fail(&c->yaml, node, err, "a threshold is %g, expected 0 to 1",
                              c->thresholds.at[i]);
    else if (i && c->thresholds.at[i] <= c->thresholds.at[i - 1])
      status = leat_yaml_fail(&c->yaml, node, err, "thresholds are not ascending");
  if (!status && c->thresholds.count > 12)
    status = leat_yaml_fail(&c->yaml, node, err, "at most 12 thresholds");
  return status;
}

// Whether extra metric i stands before i too.
static bool is_listed(const leat_config *c, size_t i) {
  for (size_t k = 0; k < i; k++)
    if (leat_str_eq(c->extra_metrics.at[k], c->extra_metrics.at[i])) return true;
  return false;
}

static leat_status read_metrics(leat_config *c, leat_error *err) {
  static const char *const styles[] = {"tf1", "keras"};
  const leat_yaml_node *eval = leat_yaml_get(c->yaml.root, "eval"), *node;
  int style = 0;
  leat_status status = leat__config_check(c, eval, "eval", err);
  if (!status && (node = leat_yaml_get(eval, "style")))
    status = leat__config_choose(c, node, styles, 2, &style, err);
  c->keras_metrics = style == 1;
  if (!status) status = read_thresholds(c, leat_yaml_get(eval, "thresholds"), err);
  if (!status && (node = leat_yaml_get(eval, "metrics")))
    status = leat__config_strings(c, node, &c->extra_metrics, err);
  for (size_t i = 0; !status && i < c->extra_metrics.count; i++)
    if (is_listed(c, i))
      status = leat_yaml_fail(&c->yaml, node, err, "metric '" LEAT_STR_FMT "' is listed twice",
                              LEAT_STR_ARG(c->extra_metrics.at[i]));
    else if (!leat_head_has_metric(c->head, c->extra_metrics.at[i]))
      status = leat_yaml_fail(&c->yaml, node, err, "a %s head has no metric '" LEAT_STR_FMT "'",
                              leat_head_names[c->head], LEAT_STR_ARG(c->extra_metrics.at[i]));
  return status;
}

leat_status leat__config_label(leat_config *c, leat_error *err) {
  const leat_yaml_node *label = leat_yaml_get(c->yaml.root, "label");
  if (!label) return leat_yaml_fail(&c->yaml, c->yaml.root, err, "no 'label'");
  leat_status status = read_label(c, label, err);
  if (!status) status = read_head(c, err);
  if (!status) status = check_head(c, label, err);
  if (!status) status = read_loss(c, err);
  if (!status) status = read_penalties(c, err);
  if (!status) status = read_class_weights(c, err);
  if (!status) status = read_metrics(c, err);
  c->outputs = 1;
  if (c->head == LEAT_HEAD_MULTI_CLASS) c->outputs = c->classes;
  if (c->labels.count > 1) c->outputs = (int64_t)c->labels.count;
  if (c->head == LEAT_HEAD_MULTI_LABEL && c->label_split.len) c->outputs = c->classes;
  return status;
}
