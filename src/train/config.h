// model.yaml: the description of a model and of its training.
// SPDX-License-Identifier: Apache-2.0
//
// docs/model-yaml.md is written from the table in config.c, which also makes the flags: every
// scalar field `a.b` is the option `--a.b`.
#ifndef LEAT_TRAIN_CONFIG_H
#define LEAT_TRAIN_CONFIG_H

#include "features/features.h"
#include "formats/rows.h"
#include "formats/yaml.h"
#include "leat/engine.h"
#include "leat/estimator.h"
#include "train/losses.h"
#include "train/optimizer.h"

typedef enum leat_head {
  LEAT_HEAD_BINARY,       // one of two classes
  LEAT_HEAD_MULTI_CLASS,  // one of several
  LEAT_HEAD_MULTI_LABEL,  // any of several
  LEAT_HEAD_REGRESSION,   // numbers
  LEAT_HEAD_LOGISTIC,     // numbers from 0 to 1
  LEAT_HEAD_POISSON,      // counts
  LEAT_HEAD_COUNT
} leat_head;
extern const char *const leat_head_names[LEAT_HEAD_COUNT];
typedef enum leat_activation {
  LEAT_ACTIVATION_RELU,
  LEAT_ACTIVATION_TANH,
  LEAT_ACTIVATION_SIGMOID,
  LEAT_ACTIVATION_ELU,
  LEAT_ACTIVATION_SELU,
  LEAT_ACTIVATION_GELU,
  LEAT_ACTIVATION_SWISH,
  LEAT_ACTIVATION_LINEAR,
} leat_activation;
enum { LEAT_ACTIVATION_COUNT = LEAT_ACTIVATION_LINEAR + 1 };
extern const char *const leat_activation_names[LEAT_ACTIVATION_COUNT];
// The parts of a model, each with its own features and optimiser; their logits are added.
typedef enum leat_part { LEAT_PART_DNN, LEAT_PART_LINEAR, LEAT_PART_COUNT } leat_part;

enum { LEAT_MAX_LABELS = 64 };

// A metric that is followed from one evaluation to the next.
typedef struct leat_watched {
  leat_str metric;   // empty = none
  int64_t patience;  // evaluations without a better value
  double min_delta;  // what is better is better by more than this
} leat_watched;

typedef struct leat_rename {
  leat_str here, there;
} leat_rename;

typedef struct leat_warm_start {
  leat_str checkpoint;            // a job directory or checkpoint; empty = none
  LEAT_VEC(leat_str) variables;   // regular expressions; none = all
  LEAT_VEC(leat_rename) renamed;  // of variables
} leat_warm_start;

typedef struct leat_config {
  leat_yaml yaml;
  leat_arena arena;
  bool has_part[LEAT_PART_COUNT];  // neither: a baseline, which is a bias alone
  bool custom;                     // the deep part is a model_fn
  leat_model_fn model_fn;          // set by the program that trains a custom estimator
  void *model_context;
  leat_head head;
  int64_t outputs;  // columns of the logits
  int64_t classes;  // of a classifier
  leat_loss loss;   // of a regression
  leat_loss_options loss_options;
  leat_reduction reduction;        // of the batch's losses
  double l1, l2;                   // penalties of the dense kernels
  LEAT_VEC(double) class_weights;  // by class; empty = 1
  LEAT_VEC(int64_t) hidden_units;
  leat_activation activation;
  double dropout;               // share of each hidden layer's units left out in training
  bool batch_norm, layer_norm;  // after each hidden layer's activation
  leat_optimizer optimizers[LEAT_PART_COUNT];
  leat_combiner linear_combiner;                 // of several values in a linear model
  leat_features features;                        // in the order of the file
  LEAT_VEC(int) part_features[LEAT_PART_COUNT];  // in byte order of their columns' names
  leat_raw_columns inputs;                       // what the features read
  leat_str weight_column;                        // weighs the rows; empty = none
  LEAT_VEC(leat_str) labels;                     // its columns
  leat_str label_strip, label_split;
  LEAT_VEC(leat_str) label_vocabulary;
  LEAT_VEC(leat_column) columns;  // of the files; types as the features need them
  bool open_columns;              // the files must name them (CSV: in a header)
  LEAT_VEC(int) batch_columns;    // by tensor of a batch (see below): index among columns
  leat_rows_options rows;         // how files are read
  bool prefetch;                  // a thread reads ahead
  LEAT_VEC(leat_str) train_files, eval_files;
  int64_t batch_size, steps, epochs, seed, shuffle, save_checkpoints_steps, keep_checkpoint_max;
  double split;  // share of the training rows that evaluates; 0 = none
  int64_t log_steps, threads, accumulate_steps, eval_batch_size, eval_steps, eval_every_steps;
  leat_watched stop, best;  // early stopping; export of the best
  leat_warm_start warm_start;
  bool keras_metrics;           // eval.style
  LEAT_VEC(double) thresholds;  // further ones of binary and multi-label metrics
  LEAT_VEC(leat_str) extra_metrics;
  leat_engine engine;
  leat_str export_name;
  int64_t export_keep;  // of the best
} leat_config;

// A batch has a tensor for each input, then the labels, then the weights if there are any.
static inline int leat_config_batch_size(const leat_config *c) {
  return (int)(c->inputs.count + c->labels.count) + (c->weight_column.len > 0);
}

// One option `path=value` laid over the file; lists separated by commas.
typedef struct leat_override {
  const char *path, *value;
} leat_override;

leat_status leat_config_load(leat_config *config, const char *path, const leat_override *overrides,
                             size_t count, leat_error *err);
leat_status leat_config_parse(leat_config *config, leat_str text, const char *file,
                              const leat_override *overrides, size_t count, leat_error *err);
void leat_config_deinit(leat_config *config);

// The table behind it: every field, for --help, documentation and nearest names.
typedef struct leat_config_field {
  const char *path, *kind, *fallback, *help;
} leat_config_field;
extern const leat_config_field leat_config_fields[];  // ends with a NULL path

#endif
