// model.yaml, read: a table of fields, and a reader for each part.
// SPDX-License-Identifier: Apache-2.0
#include "train/config_read.h"

#include "base/file.h"
#include "train/label.h"

#include <stdlib.h>

const leat_config_field leat_config_fields[] = {
    {"estimator", "name", "",
     "DNN, Linear, DNNLinearCombined, Baseline or Custom, with Classifier or Regressor behind it"},
    {"head", "name", "by the label",
     "binary, multi_class or multi_label; regression, logistic or poisson"},
    {"loss", "name or mapping", "squared",
     "of a regression: squared, absolute, huber: {delta: 1}, log_cosh, squared_log or percentage"},
    {"label_smoothing", "number", "0", "of a classifier: share of the label given to all classes"},
    {"class_weights", "list", "", "weights of the classes in training, by their ids"},
    {"regularization", "mapping", "", "penalties added to the loss"},
    {"regularization.l1", "number", "0", "times the sum of |w| over the dense kernels"},
    {"regularization.l2", "number", "0", "times the sum of w^2 over the dense kernels"},
    {"hidden_units", "list", "", "units of each hidden layer (DNN)"},
    {"dnn_hidden_units", "list", "", "the same, by the combined estimators' name for it"},
    {"activation", "name", "relu", "relu, tanh, sigmoid, elu, selu, gelu, swish or linear"},
    {"dropout", "number", "0", "share of hidden units left out in training"},
    {"batch_norm", "bool", "false", "batch normalisation behind each hidden layer"},
    {"layer_norm", "bool", "false", "layer normalisation behind each hidden layer"},
    {"optimizer", "name or mapping", "adagrad (linear: ftrl)", "of the one part, with settings"},
    {"dnn_optimizer", "name or mapping", "adagrad", "of the deep part of a combined estimator"},
    {"linear_optimizer", "name or mapping", "ftrl", "of its linear part"},
    {"dnn_feature_columns", "list", "all but crosses and buckets", "features of the deep part"},
    {"linear_feature_columns", "list", "all categories", "features of the linear part"},
    {"linear_sparse_combiner", "name", "sum", "sum, mean or sqrtn of several values in a row"},
    {"loss_reduction", "name", "sum",
     "of the batch: sum, mean (over the weights' sum), sum_over_batch_size or "
     "sum_by_nonzero_weights"},
    {"weight_column", "text", "", "column of the rows' weights"},
    {"label", "mapping", "", "what is predicted"},
    {"label.column", "text", "", "column of the label"},
    {"label.columns", "list", "", "several: numbers to predict, or 0 and 1 for each class"},
    {"label.vocabulary", "list", "", "classes in the order of their ids (classifiers)"},
    {"label.n_classes", "int", "", "without vocabulary: the label is an integer below this"},
    {"label.split", "character", "none", "between the classes of a multi_label column"},
    {"label.strip", "text", "\" \\t\"", "characters dropped at both ends of a label"},
    {"features", "mapping", "",
     "name: {numeric | buckets | vocabulary | hash | identity | cross: ..., embedding: n}"},
    {"data", "mapping", "", "where the data are"},
    {"data.format", "name", "by the files' names", "csv, jsonl, tfrecord (of tf.Example) or npz"},
    {"data.compression", "name", "by the first bytes", "none, gzip or zlib"},
    {"data.max_errors", "int", "0", "rows of a pass that may fail to parse: they are skipped"},
    {"data.csv", "mapping", "", "how CSV is written"},
    {"data.csv.columns", "list", "the header's", "names of the columns in order"},
    {"data.csv.delimiter", "character", ", (; if decimal is ,)", "between fields"},
    {"data.csv.decimal", "character", ".", "the decimal sign of numbers"},
    {"data.csv.comment", "character", "none", "lines that start with it are skipped"},
    {"data.csv.header", "bool", "false", "the first line names the columns"},
    {"data.csv.skip_initial_space", "bool", "false", "spaces behind a delimiter are dropped"},
    {"data.train", "paths", "", "training files; globs allowed"},
    {"data.eval", "paths", "", "evaluation files"},
    {"data.split", "number", "0",
     "without data.eval: share of the training rows kept for evaluation, by a hash of their "
     "values"},
    {"train", "mapping", "", "how to train"},
    {"train.batch_size", "int", "40", "rows a step"},
    {"train.steps", "int", "1000", "the global step to stop at"},
    {"train.epochs", "int", "0", "passes over the data to stop after; 0 = no limit"},
    {"train.seed", "int", "1", "of initial weights and shuffling"},
    {"train.shuffle", "int", "10000", "rows shuffled together; 0 = file order"},
    {"train.save_checkpoints_steps", "int", "1000", "steps between checkpoints"},
    {"train.keep_checkpoint_max", "int", "5", "checkpoints kept"},
    {"train.log_steps", "int", "100", "steps between progress lines and summaries"},
    {"train.accumulate_steps", "int", "1", "batches whose mean gradient makes one step"},
    {"train.threads", "int", "1", "threads that share a step"},
    {"train.engine", "name", "auto",
     "interpreter; native: loops built by the C compiler; auto: native once they are built"},
    {"train.prefetch", "bool", "true", "a thread reads the next rows ahead"},
    {"train.early_stopping", "mapping", "", "stops when evaluation gets no better"},
    {"train.early_stopping.metric", "text", "loss", "what to watch"},
    {"train.early_stopping.patience", "int", "5", "evaluations without a better value to stop at"},
    {"train.early_stopping.min_delta", "number", "0", "what counts as better is more than this"},
    {"warm_start_from", "mapping or path", "", "initial weights from another job or checkpoint"},
    {"warm_start_from.checkpoint", "path", "", "a job directory or one of its ckpt-N"},
    {"warm_start_from.variables", "list", "[.*]",
     "regular expressions; variables whose names begin with a match are taken"},
    {"warm_start_from.rename", "mapping", "", "variable here: its name there"},
    {"eval", "mapping", "", "how to evaluate"},
    {"eval.every_steps", "int", "0", "training steps between evaluations; 0 = at the end alone"},
    {"eval.batch_size", "int", "train.batch_size", "rows a step"},
    {"eval.steps", "int", "0", "batches to evaluate; 0 = all"},
    {"eval.style", "name", "tf1", "tf1 or keras: whose definition of AUC"},
    {"eval.thresholds", "list", "", "of further accuracy, precision and recall"},
    {"eval.metrics", "list", "",
     "further ones: mean_absolute_error, root_mean_squared_error, mean_iou, top_3_accuracy, ..."},
    {"export", "mapping", "", "how to export"},
    {"export.name", "text", "estimator", "directory below export/"},
    {"export.best", "text", "",
     "metric: the model of each evaluation that is better than all before goes to export/best"},
    {"export.keep", "int", "5", "exports of the best that are kept"},
    {NULL, NULL, NULL, NULL},
};

// --- Parts ---------------------------------------------------------------------------------------
static const struct {
  const char *name;
  bool dnn, linear, regressor;
} estimators[] = {{"CustomClassifier", true, false, false},
                  {"CustomRegressor", true, false, true},
                  {"DNNClassifier", true, false, false},
                  {"DNNRegressor", true, false, true},
                  {"LinearClassifier", false, true, false},
                  {"LinearRegressor", false, true, true},
                  {"DNNLinearCombinedClassifier", true, true, false},
                  {"DNNLinearCombinedRegressor", true, true, true},
                  {"BaselineClassifier", false, false, false},
                  {"BaselineRegressor", false, false, true}};
enum { ESTIMATORS = sizeof estimators / sizeof *estimators };

static leat_status read_kind(leat_config *c, leat_error *err) {
  const leat_yaml_node *root = c->yaml.root, *node = leat_yaml_get(root, "estimator");
  const char *names[ESTIMATORS];
  leat_buf list = {0};
  int which = 0;
  for (int i = 0; i < ESTIMATORS; i++) {
    names[i] = estimators[i].name;
    leat_buf_fmt(&list, "%s%s", i ? ", " : "", names[i]);
  }
  leat_status status = node ? leat__config_choose(c, node, names, ESTIMATORS, &which, err)
                            : leat_yaml_fail(&c->yaml, root, err, "no 'estimator' (%s)", list.ptr);
  leat_buf_deinit(&list);
  c->has_part[LEAT_PART_DNN] = estimators[which].dnn;
  c->has_part[LEAT_PART_LINEAR] = estimators[which].linear;
  c->custom = strncmp(estimators[which].name, "Custom", 6) == 0;
  c->head = estimators[which].regressor ? LEAT_HEAD_REGRESSION : LEAT_HEAD_BINARY;
  return status;
}

static leat_status read_units(leat_config *c, leat_error *err) {
  const leat_yaml_node *root = c->yaml.root, *units = leat_yaml_get(root, "hidden_units");
  bool dnn = c->has_part[LEAT_PART_DNN];
  if (!units) units = leat_yaml_get(root, "dnn_hidden_units");
  if ((!dnn || c->custom) && units)
    return leat_yaml_fail(&c->yaml, units, err, "only a DNN has hidden units");
  if (dnn && !c->custom && (!units || units->kind != LEAT_YAML_SEQUENCE))
    return leat_yaml_fail(&c->yaml, units ? units : root, err,
                          "hidden_units: a list such as [100, 70, 50, 25] was expected");
  for (size_t i = 0; units && i < units->count; i++) {
    int64_t n;
    leat_status status = leat_yaml_i64(&c->yaml, units->items[i], &n, err);
    if (status) return status;
    if (n < 1 || n > 1 << 20)
      return leat_yaml_fail(&c->yaml, units->items[i], err, "%lld units", (long long)n);
    if (!leat_vec_push(&c->hidden_units, n)) return leat__oom(err, sizeof n);
  }
  return LEAT_OK;
}

const char *const leat_activation_names[LEAT_ACTIVATION_COUNT] = {
    "relu", "tanh", "sigmoid", "elu", "selu", "gelu", "swish", "linear"};

static leat_status read_estimator(leat_config *c, leat_error *err) {
  const leat_yaml_node *root = c->yaml.root, *node;
  leat_status status = read_kind(c, err);
  if (!status) status = read_units(c, err);
  static const char *const combiners[] = {"mean", "sum", "sqrtn"};
  int activation = 0, reduction = 0, combiner = LEAT_COMBINER_SUM;
  if (!status && (node = leat_yaml_get(root, "activation")))
    status = leat__config_choose(c, node, leat_activation_names, LEAT_ACTIVATION_COUNT, &activation,
                                 err);
  if (!status && (node = leat_yaml_get(root, "loss_reduction")))
    status = leat__config_choose(c, node, leat_reduction_names + 1, LEAT_REDUCTION_COUNT - 1,
                                 &reduction, err);
  if (!status && (node = leat_yaml_get(root, "linear_sparse_combiner")))
    status = leat__config_choose(c, node, combiners, 3, &combiner, err);
  if (!status && (node = leat_yaml_get(root, "dropout")))
    status = leat_yaml_f64(&c->yaml, node, &c->dropout, err);
  if (!status && !(c->dropout >= 0 && c->dropout < 1))
    status = leat_yaml_fail(&c->yaml, node, err, "dropout is a share from 0 to below 1");
  if (!status && (node = leat_yaml_get(root, "batch_norm")))
    status = leat_yaml_bool(&c->yaml, node, &c->batch_norm, err);
  if (!status && (node = leat_yaml_get(root, "layer_norm")))
    status = leat_yaml_bool(&c->yaml, node, &c->layer_norm, err);
  if (!status && (node = leat_yaml_get(root, "weight_column")))
    status = leat_yaml_str(&c->yaml, node, &c->weight_column, err);
  c->linear_combiner = (leat_combiner)combiner;
  c->activation = (leat_activation)activation;
  c->reduction = (leat_reduction)(reduction + 1);
  return status;
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
  leat_rows_options *rows = &c->rows;
  leat_status status = leat__config_check(c, csv, "data.csv", err);
  if (!status && columns) status = leat__config_strings(c, columns, &names, err);
  if (!status) status = read_char(c, csv, "delimiter", &rows->delimiter, err);
  if (!status) status = read_char(c, csv, "comment", &rows->comment, err);
  if (!status) status = read_char(c, csv, "decimal", &rows->decimal, err);
  if (!status && (node = leat_yaml_get(csv, "header")))
    status = leat_yaml_bool(&c->yaml, node, &rows->header, err);
  if (!status && (node = leat_yaml_get(csv, "skip_initial_space")))
    status = leat_yaml_bool(&c->yaml, node, &rows->skip_initial_space, err);
  if (!status && rows->decimal && rows->decimal == rows->delimiter)
    status = leat_yaml_fail(&c->yaml, csv, err, "decimal sign and delimiter are the same");
  for (size_t i = 0; !status && i < names.count; i++)
    if (leat__config_column(c, names.at[i]) >= 0)
      status = leat_yaml_fail(&c->yaml, columns, err, "column '" LEAT_STR_FMT "' is named twice",
                              LEAT_STR_ARG(names.at[i]));
    else if (!leat_vec_push(&c->columns, (leat_column){.name = names.at[i]}))
      status = leat__oom(err, sizeof(leat_column));
  leat_vec_deinit(&names);
  c->open_columns = !columns;
  if (!status && !columns && rows->format == LEAT_ROWS_CSV && !rows->header)
    status = leat_yaml_fail(&c->yaml, csv ? csv : data, err,
                            "data.csv.columns: the names of the columns were expected");
  return status;
}

// The column of the files of that name; made where the files name their columns. -1: none.
static leat_status find_column(leat_config *c, leat_str name, int *out, leat_error *err) {
  *out = leat__config_column(c, name);
  if (*out >= 0 || !c->open_columns) return LEAT_OK;
  if (!leat_vec_push(&c->columns, (leat_column){.name = name}))
    return leat__oom(err, sizeof(leat_column));
  *out = (int)c->columns.count - 1;
  return LEAT_OK;
}

// Gives a column of the files a type, once.
static leat_status type_column(leat_config *c, leat_str name, leat_dtype dtype, const char *key,
                               leat_error *err) {
  const leat_yaml_node *at = leat_yaml_get(c->yaml.root, key);
  int column;
  leat_status status = find_column(c, name, &column, err);
  if (status) return status;
  if (at && at->kind == LEAT_YAML_MAPPING)
    at = leat_yaml_get(at, leat_yaml_get(at, "column") ? "column" : "columns");
  if (column < 0) return leat__config_no_column(c, at ? at : c->yaml.root, name, err);
  if (c->columns.at[column].dtype)
    return leat_yaml_fail(&c->yaml, at, err, "the %s '" LEAT_STR_FMT "' is a feature too", key,
                          LEAT_STR_ARG(name));
  c->columns.at[column].dtype = dtype;
  return leat_vec_push(&c->batch_columns, column) ? LEAT_OK : leat__oom(err, sizeof column);
}

// What stands for a missing value of a raw column, and how many values it has.
static void type_input(leat_column *column, const leat_raw_column *input) {
  column->dtype = input->dtype;
  column->values = input->values ? input->values : LEAT_ANY_NUMBER;
  column->has_default = input->missing_is_nan || input->dtype == LEAT_DTYPE_I64;
  column->default_text = input->dtype == LEAT_DTYPE_I64 ? LEAT_STR("-1") : LEAT_STR("nan");
}

// Gives each column the dtype that features, label and weights read.
static leat_status type_columns(leat_config *c, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < c->inputs.count; i++) {
    int at;
    status = find_column(c, c->inputs.at[i].name, &at, err);
    if (!status && at < 0)
      status = leat__config_no_column(c, leat_yaml_get(c->yaml.root, "features"),
                                      c->inputs.at[i].name, err);
    if (status) return status;
    type_input(&c->columns.at[at], &c->inputs.at[i]);
    if (!leat_vec_push(&c->batch_columns, at)) status = leat__oom(err, sizeof at);
  }
  for (size_t i = 0; !status && i < c->labels.count; i++)
    status = type_column(c, c->labels.at[i], leat_label_dtype(c), "label", err);
  if (!status && c->weight_column.len)
    status = type_column(c, c->weight_column, LEAT_DTYPE_F32, "weight_column", err);
  c->rows.columns = c->columns.at;
  c->rows.column_count = (int)c->columns.count;
  return status;
}

static leat_status read_format(leat_config *c, const leat_yaml_node *data, leat_error *err) {
  const char *formats[LEAT_ROW_FORMATS];
  static const char *const compressions[] = {"auto", "none", "gzip", "zlib"};
  const leat_yaml_node *format = leat_yaml_get(data, "format"),
                       *compression = leat_yaml_get(data, "compression");
  int which = 0;
  for (int i = 0; i < LEAT_ROW_FORMATS; i++) formats[i] = leat_row_format_name((leat_row_format)i);
  leat_status status = LEAT_OK;
  if (format) status = leat__config_choose(c, format, formats, LEAT_ROW_FORMATS, &which, err);
  c->rows.format = (leat_row_format)which;
  which = 0;
  if (!status && compression)
    status = leat__config_choose(c, compression, compressions, 4, &which, err);
  c->rows.compression = (leat_compression)which;
  if (!status) status = leat__config_count(c, data, "max_errors", 0, &c->rows.max_errors, err);
  return status;
}

static leat_status read_data(leat_config *c, leat_error *err) {
  const leat_yaml_node *data = leat_yaml_get(c->yaml.root, "data"), *node;
  if (!data) return leat_yaml_fail(&c->yaml, c->yaml.root, err, "no 'data'");
  leat_status status = leat__config_check(c, data, "data", err);
  if (!status && (node = leat_yaml_get(data, "train")))
    status = leat__config_strings(c, node, &c->train_files, err);
  if (!status && (node = leat_yaml_get(data, "eval")))
    status = leat__config_strings(c, node, &c->eval_files, err);
  if (!status) status = read_format(c, data, err);
  return status ? status : read_csv(c, data, err);
}

// --- Overrides -----------------------------------------------------------------------------------
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

// --- Whole ---------------------------------------------------------------------------------------
leat_status leat_config_parse(leat_config *c, leat_str text, const char *file,
                              const leat_override *overrides, size_t count, leat_error *err) {
  *c = (leat_config){0};
  leat_status status = leat_yaml_parse(&c->yaml, text, file, err);
  if (!status && !c->yaml.root)
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: the file is empty", file);
  if (!status && c->yaml.root->kind != LEAT_YAML_MAPPING)
    status = leat_yaml_fail(&c->yaml, c->yaml.root, err, "a mapping of fields was expected");
  for (size_t i = 0; !status && i < count; i++) status = apply_override(c, &overrides[i], err);
  if (!status) status = leat__config_check(c, c->yaml.root, "", err);
  if (!status) status = read_estimator(c, err);
  if (!status) status = leat__config_label(c, err);
  if (!status) status = read_data(c, err);
  if (!status) status = leat__config_features(c, err);
  if (!status) status = leat__config_optimizers(c, err);
  if (!status) status = type_columns(c, err);
  if (!status) status = leat__config_train(c, err);
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
  leat_features_deinit(&c->features);
  for (int i = 0; i < LEAT_PART_COUNT; i++) leat_vec_deinit(&c->part_features[i]);
  leat_vec_deinit(&c->inputs);
  leat_vec_deinit(&c->hidden_units);
  leat_vec_deinit(&c->labels);
  leat_vec_deinit(&c->label_vocabulary);
  leat_vec_deinit(&c->class_weights);
  leat_vec_deinit(&c->thresholds);
  leat_vec_deinit(&c->extra_metrics);
  leat_vec_deinit(&c->warm_start.variables);
  leat_vec_deinit(&c->warm_start.renamed);
  leat_vec_deinit(&c->columns);
  leat_vec_deinit(&c->batch_columns);
  leat_vec_deinit(&c->train_files);
  leat_vec_deinit(&c->eval_files);
  leat_yaml_deinit(&c->yaml);
  leat_arena_deinit(&c->arena);
}
