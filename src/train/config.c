// model.yaml, read: a table of fields, and a reader for each part.
// SPDX-License-Identifier: Apache-2.0
#include "train/config.h"

#include "base/file.h"

#include <stdlib.h>

const leat_config_field leat_config_fields[] = {
    {"estimator", "name", "", "DNNClassifier, DNNRegressor, LinearClassifier or LinearRegressor"},
    {"hidden_units", "list", "", "units of each hidden layer (DNN only)"},
    {"activation", "name", "relu", "relu, tanh, sigmoid, elu, selu, gelu, swish or linear"},
    {"optimizer", "name or mapping", "adagrad (linear: ftrl)",
     "sgd, momentum, adagrad, adam or ftrl, with its settings"},
    {"loss_reduction", "name", "sum", "sum or mean of the batch's losses"},
    {"label", "mapping", "", "what is predicted"},
    {"label.column", "text", "", "column of the label"},
    {"label.vocabulary", "list", "", "classes in the order of their ids (classifiers)"},
    {"label.strip", "text", "\" \\t\"", "characters dropped at both ends of a label"},
    {"features", "mapping", "",
     "column: {numeric | vocabulary | hash | buckets: ..., embedding: n}"},
    {"data", "mapping", "", "where the data are"},
    {"data.csv", "mapping", "", "the files' format"},
    {"data.csv.columns", "list", "", "names of the columns in order"},
    {"data.csv.delimiter", "character", ",", "between fields"},
    {"data.csv.comment", "character", "none", "lines that start with it are skipped"},
    {"data.csv.header", "bool", "false", "the first line names the columns"},
    {"data.csv.skip_initial_space", "bool", "false", "spaces behind a delimiter are dropped"},
    {"data.train", "paths", "", "training files; globs allowed"},
    {"data.eval", "paths", "", "evaluation files"},
    {"train", "mapping", "", "how to train"},
    {"train.batch_size", "int", "40", "rows a step"},
    {"train.steps", "int", "1000", "the global step to stop at"},
    {"train.epochs", "int", "0", "passes over the data to stop after; 0 = no limit"},
    {"train.seed", "int", "1", "of initial weights and shuffling"},
    {"train.shuffle", "int", "10000", "rows shuffled together; 0 = file order"},
    {"train.save_checkpoints_steps", "int", "1000", "steps between checkpoints"},
    {"train.keep_checkpoint_max", "int", "5", "checkpoints kept"},
    {"train.log_steps", "int", "100", "steps between progress lines and summaries"},
    {"train.threads", "int", "1", "threads of the interpreter"},
    {"eval", "mapping", "", "how to evaluate"},
    {"eval.batch_size", "int", "train.batch_size", "rows a step"},
    {"eval.steps", "int", "0", "batches to evaluate; 0 = all"},
    {"export", "mapping", "", "how to export"},
    {"export.name", "text", "estimator", "directory below export/"},
    {NULL, NULL, NULL, NULL},
};

// --- Checking names -----------------------------------------------------------------------------
static leat_status unknown_field(const leat_config *c, const leat_yaml_node *key, const char *where,
                                 const leat_str *known, size_t count, leat_error *err) {
  leat_str nearest = leat_str_nearest(key->text, known, count);
  const char *in = where[0] ? " in " : "";
  if (nearest.len)
    return leat_yaml_fail(&c->yaml, key, err,
                          "no field '" LEAT_STR_FMT "'%s%s; did you mean '" LEAT_STR_FMT "'?",
                          LEAT_STR_ARG(key->text), in, where, LEAT_STR_ARG(nearest));
  return leat_yaml_fail(&c->yaml, key, err, "no field '" LEAT_STR_FMT "'%s%s",
                        LEAT_STR_ARG(key->text), in, where);
}

static leat_status check_fields(const leat_config *c, const leat_yaml_node *node,
                                const char *prefix, leat_error *err) {
  if (!node) return LEAT_OK;
  if (node->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(&c->yaml, node, err, "%s is a mapping of fields",
                          prefix[0] ? prefix : "model.yaml");
  leat_str known[64];
  size_t count = 0, length = strlen(prefix);
  for (const leat_config_field *f = leat_config_fields; f->path; f++) {
    const char *rest = f->path + length + (length > 0);
    bool inside = strncmp(f->path, prefix, length) == 0 && (!length || f->path[length] == '.');
    if (inside && !strchr(rest, '.')) known[count++] = leat_str_of(rest);
  }
  for (size_t i = 0; i < node->count; i++) {
    bool found = false;
    for (size_t k = 0; k < count; k++) found |= leat_str_eq(known[k], node->keys[i]->text);
    if (!found) return unknown_field(c, node->keys[i], prefix, known, count, err);
  }
  return LEAT_OK;
}

static leat_status choose(const leat_config *c, const leat_yaml_node *node,
                          const char *const *names, int count, int *out, leat_error *err) {
  leat_str known[16], text;
  leat_status status = leat_yaml_str(&c->yaml, node, &text, err);
  if (status) return status;
  for (int i = 0; i < count; i++) {
    known[i] = leat_str_of(names[i]);
    if (leat_str_eq(text, known[i])) return *out = i, LEAT_OK;
  }
  leat_str nearest = leat_str_nearest(text, known, (size_t)count);
  leat_buf list = {0};
  for (int i = 0; i < count; i++) leat_buf_fmt(&list, "%s%s", i ? ", " : "", names[i]);
  if (nearest.len)
    status = leat_yaml_fail(&c->yaml, node, err,
                            "'" LEAT_STR_FMT "' is not one of %s; did you mean '" LEAT_STR_FMT "'?",
                            LEAT_STR_ARG(text), list.ptr, LEAT_STR_ARG(nearest));
  else
    status = leat_yaml_fail(&c->yaml, node, err, "'" LEAT_STR_FMT "' is not one of %s",
                            LEAT_STR_ARG(text), list.ptr);
  leat_buf_deinit(&list);
  return status;
}

static leat_status read_count(const leat_config *c, const leat_yaml_node *section, const char *key,
                              int64_t least, int64_t *out, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(section, key);
  if (!node) return LEAT_OK;
  leat_status status = leat_yaml_i64(&c->yaml, node, out, err);
  if (!status && *out < least)
    status = leat_yaml_fail(&c->yaml, node, err, "%s is %lld, expected at least %lld", key,
                            (long long)*out, (long long)least);
  return status;
}

// A scalar or a list of scalars, each handed to `add`.
static leat_status read_strings(const leat_config *c, const leat_yaml_node *node, void *list,
                                leat_error *err) {
  LEAT_VEC(leat_str) *strs = list;
  if (node->kind == LEAT_YAML_MAPPING)
    return leat_yaml_fail(&c->yaml, node, err, "a list was expected");
  size_t count = node->kind == LEAT_YAML_SEQUENCE ? node->count : 1;
  for (size_t i = 0; i < count; i++) {
    leat_str text;
    leat_status status = leat_yaml_str(
        &c->yaml, node->kind == LEAT_YAML_SEQUENCE ? node->items[i] : node, &text, err);
    if (status) return status;
    if (!leat_vec_push(strs, text)) return leat__oom(err, sizeof text);
  }
  return LEAT_OK;
}

// --- Parts --------------------------------------------------------------------------------------
static leat_status read_estimator(leat_config *c, leat_error *err) {
  static const char *const names[] = {"DNNClassifier", "DNNRegressor", "LinearClassifier",
                                      "LinearRegressor"};
  const leat_yaml_node *root = c->yaml.root, *node = leat_yaml_get(root, "estimator");
  int which = 0;
  if (!node)
    return leat_yaml_fail(
        &c->yaml, root, err,
        "no 'estimator' (DNNClassifier, DNNRegressor, LinearClassifier, LinearRegressor)");
  leat_status status = choose(c, node, names, 4, &which, err);
  if (status) return status;
  c->linear = which >= 2;
  c->head = which % 2 ? LEAT_HEAD_REGRESSION : LEAT_HEAD_BINARY;
  const leat_yaml_node *units = leat_yaml_get(root, "hidden_units");
  if (c->linear && units)
    return leat_yaml_fail(&c->yaml, units, err, "a linear model has no hidden units");
  if (!c->linear && (!units || units->kind != LEAT_YAML_SEQUENCE))
    return leat_yaml_fail(&c->yaml, units ? units : node, err,
                          "hidden_units: a list such as [100, 70, 50, 25] was expected");
  for (size_t i = 0; units && i < units->count; i++) {
    int64_t n;
    if ((status = leat_yaml_i64(&c->yaml, units->items[i], &n, err))) return status;
    if (n < 1 || n > 1 << 20)
      return leat_yaml_fail(&c->yaml, units->items[i], err, "%lld units", (long long)n);
    if (!leat_vec_push(&c->hidden_units, n)) return leat__oom(err, sizeof n);
  }
  static const char *const activations[] = {"relu", "tanh", "sigmoid", "elu",
                                            "selu", "gelu", "swish",   "linear"};
  static const char *const reductions[] = {"sum", "mean"};
  int activation = 0, reduction = 0;
  if ((node = leat_yaml_get(root, "activation")))
    status = choose(c, node, activations, 8, &activation, err);
  if (!status && (node = leat_yaml_get(root, "loss_reduction")))
    status = choose(c, node, reductions, 2, &reduction, err);
  c->activation = (leat_activation)activation;
  c->mean_loss = reduction == 1;
  return status;
}

typedef struct setting {
  const char *name;
  double *value;
} setting;

static leat_status read_optimizer(leat_config *c, leat_error *err) {
  static const char *const names[] = {"sgd", "momentum", "adagrad", "adam", "ftrl"};
  static const double rates[] = {0.01, 0.01, 0.05, 0.001, 0.05};
  const leat_yaml_node *node = leat_yaml_get(c->yaml.root, "optimizer"), *settings = NULL;
  leat_optimizer *o = &c->optimizer;
  int kind = c->linear ? LEAT_FTRL : LEAT_ADAGRAD;
  leat_status status = LEAT_OK;
  if (node && node->kind == LEAT_YAML_MAPPING) {
    if (node->count != 1)
      return leat_yaml_fail(&c->yaml, node, err,
                            "one optimizer was expected, as in {adagrad: {learning_rate: 0.05}}");
    settings = node->items[0];
    node = node->keys[0];
  }
  if (node) status = choose(c, node, names, 5, &kind, err);
  if (status) return status;
  *o = (leat_optimizer){.kind = (leat_optimizer_kind)kind,
                        .learning_rate = rates[kind],
                        .momentum = 0.9,
                        .beta1 = 0.9,
                        .beta2 = 0.999,
                        .epsilon = 1e-8,
                        .initial_accumulator = 0.1};
  if (kind == LEAT_FTRL && c->features.count) {  // tf.estimator: min(0.2, 1/sqrt(columns))
    double rate = 1;
    while (rate * rate < (double)c->features.count) rate += 1e-3;
    o->learning_rate = 1 / rate < 0.2 ? 1 / rate : 0.2;
  }
  const setting all[] = {{"learning_rate", &o->learning_rate},
                         {"momentum", &o->momentum},
                         {"beta1", &o->beta1},
                         {"beta2", &o->beta2},
                         {"epsilon", &o->epsilon},
                         {"initial_accumulator", &o->initial_accumulator},
                         {"l1", &o->l1},
                         {"l2", &o->l2}};
  leat_str known[9];
  for (int i = 0; i < 8; i++) known[i] = leat_str_of(all[i].name);
  known[8] = LEAT_STR("nesterov");
  for (size_t i = 0; !status && settings && i < settings->count; i++) {
    int found = -1;
    for (int k = 0; k < 9; k++)
      if (leat_str_eq(known[k], settings->keys[i]->text)) found = k;
    if (found < 0)
      status = unknown_field(c, settings->keys[i], "optimizer", known, 9, err);
    else if (found == 8)
      status = leat_yaml_bool(&c->yaml, settings->items[i], &o->nesterov, err);
    else
      status = leat_yaml_f64(&c->yaml, settings->items[i], all[found].value, err);
  }
  if (!status && !(o->learning_rate > 0))
    status = leat_yaml_fail(&c->yaml, node ? node : c->yaml.root, err, "learning_rate is %g",
                            o->learning_rate);
  return status;
}

static leat_status read_label(leat_config *c, leat_error *err) {
  const leat_yaml_node *label = leat_yaml_get(c->yaml.root, "label");
  if (!label) return leat_yaml_fail(&c->yaml, c->yaml.root, err, "no 'label'");
  leat_status status = check_fields(c, label, "label", err);
  const leat_yaml_node *column = leat_yaml_get(label, "column"),
                       *words = leat_yaml_get(label, "vocabulary"),
                       *strip = leat_yaml_get(label, "strip");
  if (!status && !column)
    status = leat_yaml_fail(&c->yaml, label, err, "the label has no 'column'");
  if (!status) status = leat_yaml_str(&c->yaml, column, &c->label, err);
  c->label_strip = LEAT_STR(" \t");
  if (!status && strip) status = leat_yaml_str(&c->yaml, strip, &c->label_strip, err);
  if (!status && words) status = read_strings(c, words, &c->label_vocabulary, err);
  if (status || c->head == LEAT_HEAD_REGRESSION) return status;
  if (c->label_vocabulary.count < 2)
    return leat_yaml_fail(&c->yaml, words ? words : label, err,
                          "a classifier's label needs a 'vocabulary' of at least two classes");
  if (c->label_vocabulary.count > 2) c->head = LEAT_HEAD_MULTI_CLASS;
  for (size_t i = 0; i < c->label_vocabulary.count; i++)
    for (size_t k = 0; k < i; k++)
      if (leat_str_eq(c->label_vocabulary.at[i], c->label_vocabulary.at[k]))
        return leat_yaml_fail(&c->yaml, words->items[i], err,
                              "class '" LEAT_STR_FMT "' is listed twice",
                              LEAT_STR_ARG(c->label_vocabulary.at[i]));
  return LEAT_OK;
}

static leat_status read_numeric(const leat_config *c, const leat_yaml_node *node, leat_feature *f,
                                leat_error *err) {
  f->kind = LEAT_FEATURE_NUMERIC;
  if (leat_yaml_is_null(node)) return LEAT_OK;
  static const leat_str known[] = {{"normalize", 9}};
  static const char *const ways[] = {"none", "z_score"};
  int way = 0;
  leat_status status = LEAT_OK;
  if (node->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(&c->yaml, node, err, "numeric: {normalize: z_score} or {} was expected");
  for (size_t i = 0; !status && i < node->count; i++) {
    if (!leat_str_eq(node->keys[i]->text, known[0]))
      status = unknown_field(c, node->keys[i], "numeric", known, 1, err);
    else
      status = choose(c, node->items[i], ways, 2, &way, err);
  }
  f->z_score = way == 1;
  return status;
}

static leat_status read_vocabulary(const leat_config *c, const leat_yaml_node *node,
                                   leat_feature *f, leat_error *err) {
  f->kind = LEAT_FEATURE_VOCABULARY;
  f->auto_vocabulary = node->kind == LEAT_YAML_SCALAR && leat_str_eq(node->text, LEAT_STR("auto"));
  if (f->auto_vocabulary) return LEAT_OK;
  if (node->kind != LEAT_YAML_SEQUENCE || !node->count)
    return leat_yaml_fail(&c->yaml, node, err,
                          "vocabulary: 'auto' or a list of words was expected");
  return read_strings(c, node, &f->vocabulary, err);
}

static leat_status read_boundaries(const leat_config *c, const leat_yaml_node *node,
                                   leat_feature *f, leat_error *err) {
  f->kind = LEAT_FEATURE_BUCKETS;
  if (node->kind != LEAT_YAML_SEQUENCE || !node->count)
    return leat_yaml_fail(&c->yaml, node, err, "buckets: a list of boundaries was expected");
  for (size_t i = 0; i < node->count; i++) {
    double edge;
    leat_status status = leat_yaml_f64(&c->yaml, node->items[i], &edge, err);
    if (status) return status;
    if (i && !(edge > f->boundaries.at[i - 1]))
      return leat_yaml_fail(&c->yaml, node->items[i], err, "boundaries must ascend");
    if (!leat_vec_push(&f->boundaries, edge)) return leat__oom(err, sizeof edge);
  }
  return LEAT_OK;
}

static leat_status read_feature(const leat_config *c, const leat_yaml_node *key,
                                const leat_yaml_node *node, leat_feature *f, leat_error *err) {
  static const leat_str known[] = {
      {"numeric", 7}, {"vocabulary", 10}, {"hash", 4}, {"buckets", 7}, {"embedding", 9}};
  f->name = key->text;
  if (node->kind != LEAT_YAML_MAPPING || !node->count)
    return leat_yaml_fail(
        &c->yaml, node, err,
        "feature '" LEAT_STR_FMT
        "': {numeric: ...}, {vocabulary: ...}, {hash: ...} or {buckets: ...} was expected",
        LEAT_STR_ARG(f->name));
  int kinds = 0;
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < node->count; i++) {
    int which = -1;
    for (int k = 0; k < 5; k++)
      if (leat_str_eq(node->keys[i]->text, known[k])) which = k;
    kinds += which >= 0 && which < 4;
    switch (which) {
      case 0: status = read_numeric(c, node->items[i], f, err); break;
      case 1: status = read_vocabulary(c, node->items[i], f, err); break;
      case 2:
        f->kind = LEAT_FEATURE_HASH;
        status = read_count(c, node, "hash", 1, &f->buckets, err);
        break;
      case 3: status = read_boundaries(c, node->items[i], f, err); break;
      case 4: status = read_count(c, node, "embedding", 1, &f->embedding, err); break;
      default: status = unknown_field(c, node->keys[i], "a feature", known, 5, err);
    }
  }
  if (!status && kinds != 1)
    status = leat_yaml_fail(&c->yaml, node, err,
                            "feature '" LEAT_STR_FMT
                            "' needs exactly one of numeric, vocabulary, hash, buckets",
                            LEAT_STR_ARG(f->name));
  if (!status && f->embedding && f->kind == LEAT_FEATURE_NUMERIC)
    status = leat_yaml_fail(&c->yaml, node, err, "a numeric feature has no embedding");
  return status;
}

// TensorFlow's input layer sorts by the derived column's name.
static int by_column_name(const void *a, const void *b) {
  leat_buf x = {0}, y = {0};
  leat_feature_column_name(a, &x);
  leat_feature_column_name(b, &y);
  int order = leat_str_cmp(leat_buf_view(&x), leat_buf_view(&y));
  leat_buf_deinit(&x);
  leat_buf_deinit(&y);
  return order;
}

static leat_status read_features(leat_config *c, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(c->yaml.root, "features");
  if (!node || node->kind != LEAT_YAML_MAPPING || !node->count)
    return leat_yaml_fail(&c->yaml, node ? node : c->yaml.root, err, "no 'features'");
  for (size_t i = 0; i < node->count; i++) {
    leat_feature f = {0};
    leat_status status = read_feature(c, node->keys[i], node->items[i], &f, err);
    if (!leat_vec_push(&c->features, f) && !status) status = leat__oom(err, sizeof f);
    if (status) return status;
  }
  qsort(c->features.at, c->features.count, sizeof *c->features.at, by_column_name);
  return LEAT_OK;
}

static leat_status read_char(const leat_config *c, const leat_yaml_node *section, const char *key,
                             char *out, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(section, key);
  if (leat_yaml_is_null(node)) return LEAT_OK;
  if (node->kind != LEAT_YAML_SCALAR || node->text.len != 1)
    return leat_yaml_fail(&c->yaml, node, err, "%s is one character", key);
  *out = node->text.ptr[0];
  return LEAT_OK;
}

static leat_status read_csv(leat_config *c, const leat_yaml_node *data, leat_error *err) {
  const leat_yaml_node *csv = leat_yaml_get(data, "csv"), *columns = leat_yaml_get(csv, "columns"),
                       *node;
  LEAT_VEC(leat_str) names = {0};
  if (!csv || !columns)
    return leat_yaml_fail(&c->yaml, csv ? csv : data, err,
                          "data.csv.columns: the names of the columns were expected");
  leat_status status = check_fields(c, csv, "data.csv", err);
  if (!status) status = read_strings(c, columns, &names, err);
  if (!status) status = read_char(c, csv, "delimiter", &c->csv.delimiter, err);
  if (!status) status = read_char(c, csv, "comment", &c->csv.comment, err);
  if (!status && (node = leat_yaml_get(csv, "header")))
    status = leat_yaml_bool(&c->yaml, node, &c->csv.header, err);
  if (!status && (node = leat_yaml_get(csv, "skip_initial_space")))
    status = leat_yaml_bool(&c->yaml, node, &c->csv.skip_initial_space, err);
  for (size_t i = 0; !status && i < names.count; i++)
    if (!leat_vec_push(&c->columns, (leat_csv_column){.name = names.at[i]}))
      status = leat__oom(err, sizeof(leat_csv_column));
  leat_vec_deinit(&names);
  return status;
}

static int find_column(const leat_config *c, leat_str name) {
  for (size_t i = 0; i < c->columns.count; i++)
    if (leat_str_eq(c->columns.at[i].name, name)) return (int)i;
  return -1;
}

static leat_status no_column(const leat_config *c, const leat_yaml_node *at, leat_str name,
                             leat_error *err) {
  leat_str names[256];
  size_t count = 0;
  for (; count < c->columns.count && count < 256; count++) names[count] = c->columns.at[count].name;
  leat_str nearest = leat_str_nearest(name, names, count);
  if (nearest.len)
    return leat_yaml_fail(&c->yaml, at, err,
                          "the data have no column '" LEAT_STR_FMT "'; did you mean '" LEAT_STR_FMT
                          "'?",
                          LEAT_STR_ARG(name), LEAT_STR_ARG(nearest));
  return leat_yaml_fail(&c->yaml, at, err, "the data have no column '" LEAT_STR_FMT "'",
                        LEAT_STR_ARG(name));
}

// Gives each column the dtype that its feature (or the label) reads.
static leat_status type_columns(leat_config *c, leat_error *err) {
  const leat_yaml_node *features = leat_yaml_get(c->yaml.root, "features"),
                       *label = leat_yaml_get(c->yaml.root, "label");
  for (size_t i = 0; i < c->features.count; i++) {
    const leat_feature *f = &c->features.at[i];
    int at = find_column(c, f->name);
    const leat_yaml_node *key = features;
    for (size_t k = 0; k < features->count; k++)
      if (leat_str_eq(features->keys[k]->text, f->name)) key = features->keys[k];
    if (at < 0) return no_column(c, key, f->name, err);
    c->columns.at[at].dtype = leat_feature_is_string(f) ? LEAT_DTYPE_STRING : LEAT_DTYPE_F32;
    if (!leat_vec_push(&c->feature_columns, at)) return leat__oom(err, sizeof at);
  }
  c->label_column = find_column(c, c->label);
  if (c->label_column < 0) return no_column(c, leat_yaml_get(label, "column"), c->label, err);
  if (c->columns.at[c->label_column].dtype)
    return leat_yaml_fail(&c->yaml, label, err, "the label '" LEAT_STR_FMT "' is a feature too",
                          LEAT_STR_ARG(c->label));
  c->columns.at[c->label_column].dtype =
      c->head == LEAT_HEAD_REGRESSION ? LEAT_DTYPE_F32 : LEAT_DTYPE_STRING;
  c->csv.columns = c->columns.at;
  c->csv.column_count = (int)c->columns.count;
  return LEAT_OK;
}

static leat_status read_data(leat_config *c, leat_error *err) {
  const leat_yaml_node *data = leat_yaml_get(c->yaml.root, "data"), *node;
  if (!data) return leat_yaml_fail(&c->yaml, c->yaml.root, err, "no 'data'");
  leat_status status = check_fields(c, data, "data", err);
  if (!status) status = read_csv(c, data, err);
  if (!status && (node = leat_yaml_get(data, "train")))
    status = read_strings(c, node, &c->train_files, err);
  if (!status && (node = leat_yaml_get(data, "eval")))
    status = read_strings(c, node, &c->eval_files, err);
  return status ? status : type_columns(c, err);
}

static leat_status read_training(leat_config *c, leat_error *err) {
  const leat_yaml_node *root = c->yaml.root, *train = leat_yaml_get(root, "train"),
                       *eval = leat_yaml_get(root, "eval"), *out = leat_yaml_get(root, "export");
  c->batch_size = 40, c->steps = 1000, c->seed = 1, c->shuffle = 10000,
  c->save_checkpoints_steps = 1000;
  c->keep_checkpoint_max = 5, c->log_steps = 100, c->threads = 1;
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
                {"threads", &c->threads, 1}};
  leat_status status = check_fields(c, train, "train", err);
  for (size_t i = 0; !status && i < sizeof counts / sizeof *counts; i++)
    status = read_count(c, train, counts[i].key, counts[i].least, counts[i].value, err);
  c->eval_batch_size = c->batch_size;
  if (!status) status = check_fields(c, eval, "eval", err);
  if (!status) status = read_count(c, eval, "batch_size", 1, &c->eval_batch_size, err);
  if (!status) status = read_count(c, eval, "steps", 0, &c->eval_steps, err);
  if (!status) status = check_fields(c, out, "export", err);
  c->export_name = LEAT_STR("estimator");
  const leat_yaml_node *name = leat_yaml_get(out, "name");
  if (!status && name) status = leat_yaml_str(&c->yaml, name, &c->export_name, err);
  return status;
}

// --- Overrides ----------------------------------------------------------------------------------
static leat_status apply_override(leat_config *c, const leat_override *o, leat_error *err) {
  leat_str rest = leat_str_of(o->path);
  leat_yaml_node *node = c->yaml.root;
  char key[128];
  for (;;) {
    leat_str part = leat_str_cut(&rest, '.');
    if (!part.len || part.len >= sizeof key)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "--%s: not a field", o->path);
    memcpy(key, part.ptr, part.len);
    key[part.len] = 0;
    if (!rest.len) break;
    leat_yaml_node *next = leat_yaml_get(node, key);
    if (!next || next->kind != LEAT_YAML_MAPPING) {
      next = leat_yaml_new(&c->yaml, LEAT_YAML_MAPPING, (leat_str){0});
      leat_status status = next ? leat_yaml_set(&c->yaml, node, key, next, err) : leat__oom(err, 1);
      if (status) return status;
    }
    node = next;
  }
  leat_yaml value;  // a value may be a list or a mapping: it is YAML itself
  leat_status status = leat_yaml_parse(&value, leat_str_of(o->value), "command line", err);
  if (status) return leat_error_prepend(err, status, "--%s", o->path);
  leat_yaml_node *kept = leat_yaml_new(&c->yaml, LEAT_YAML_SCALAR, leat_str_of(o->value));
  leat_yaml_node *first = value.root;
  if (kept && first && first->kind == LEAT_YAML_SEQUENCE) {
    kept->kind = LEAT_YAML_SEQUENCE;
    leat_yaml_node **items = leat_arena_alloc(&c->yaml.arena, (first->count + 1) * sizeof *items);
    for (size_t i = 0; items && i < first->count; i++)
      items[i] = leat_yaml_new(&c->yaml, LEAT_YAML_SCALAR, first->items[i]->text);
    kept->items = items;
    kept->count = items ? first->count : 0;
  } else if (kept && first && first->kind == LEAT_YAML_SCALAR && first->quoted) {
    kept->text = (leat_str){leat_arena_str(&c->yaml.arena, first->text), first->text.len};
    kept->quoted = true;
  }
  leat_yaml_deinit(&value);
  return kept ? leat_yaml_set(&c->yaml, node, key, kept, err) : leat__oom(err, 1);
}

// --- Whole --------------------------------------------------------------------------------------
leat_status leat_config_parse(leat_config *c, leat_str text, const char *file,
                              const leat_override *overrides, size_t count, leat_error *err) {
  *c = (leat_config){0};
  leat_status status = leat_yaml_parse(&c->yaml, text, file, err);
  if (!status && !c->yaml.root)
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: the file is empty", file);
  if (!status && c->yaml.root->kind != LEAT_YAML_MAPPING)
    status = leat_yaml_fail(&c->yaml, c->yaml.root, err, "a mapping of fields was expected");
  for (size_t i = 0; !status && i < count; i++) status = apply_override(c, &overrides[i], err);
  if (!status) status = check_fields(c, c->yaml.root, "", err);
  if (!status) status = read_estimator(c, err);
  if (!status) status = read_label(c, err);
  if (!status) status = read_features(c, err);
  if (!status) status = read_optimizer(c, err);
  if (!status) status = read_data(c, err);
  if (!status) status = read_training(c, err);
  if (status) leat_config_deinit(c);
  return status;
}

leat_status leat_config_load(leat_config *c, const char *path, const leat_override *overrides,
                             size_t count, leat_error *err) {
  leat_buf text = {0};
  *c = (leat_config){0};
  leat_status status = leat_file_read(path, 1 << 24, &text, err);
  if (!status) status = leat_config_parse(c, leat_buf_view(&text), path, overrides, count, err);
  leat_buf_deinit(&text);
  return status;
}

void leat_config_deinit(leat_config *c) {
  for (size_t i = 0; i < c->features.count; i++) {
    leat_vec_deinit(&c->features.at[i].vocabulary);
    leat_vec_deinit(&c->features.at[i].boundaries);
  }
  leat_vec_deinit(&c->features);
  leat_vec_deinit(&c->hidden_units);
  leat_vec_deinit(&c->label_vocabulary);
  leat_vec_deinit(&c->columns);
  leat_vec_deinit(&c->feature_columns);
  leat_vec_deinit(&c->train_files);
  leat_vec_deinit(&c->eval_files);
  leat_yaml_deinit(&c->yaml);
  leat_arena_deinit(&c->arena);
}
