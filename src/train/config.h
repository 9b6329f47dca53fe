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
#include "train/optimizer.h"

typedef enum leat_head { LEAT_HEAD_BINARY, LEAT_HEAD_MULTI_CLASS, LEAT_HEAD_REGRESSION } leat_head;
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
// The parts of a model, each with its own features and optimiser; their logits are added.
typedef enum leat_part { LEAT_PART_DNN, LEAT_PART_LINEAR, LEAT_PART_COUNT } leat_part;

typedef struct leat_config {
  leat_yaml yaml;
  leat_arena arena;
  bool has_part[LEAT_PART_COUNT];  // neither: a baseline, which is a bias alone
  leat_head head;
  LEAT_VEC(int64_t) hidden_units;
  leat_activation activation;
  double dropout;   // share of each hidden layer's units left out in training
  bool batch_norm;  // after each hidden layer's activation
  leat_optimizer optimizers[LEAT_PART_COUNT];
  leat_combiner linear_combiner;  // of several values in a linear model
  bool mean_loss;                 // loss_reduction: mean; default sum, as tf.estimator v1
  leat_features features;         // in the order of the file
  LEAT_VEC(int) part_features[LEAT_PART_COUNT];  // in byte order of their columns' names
  leat_raw_columns inputs;                       // what the features read
  leat_str weight_column;                        // weighs the rows; empty = none
  leat_str label, label_strip;
  LEAT_VEC(leat_str) label_vocabulary;
  LEAT_VEC(leat_column) columns;  // of the files; types as the features need them
  bool open_columns;              // the files must name them (CSV: in a header)
  LEAT_VEC(int) batch_columns;    // by tensor of a batch (see below): index among columns
  leat_rows_options rows;         // how files are read
  bool prefetch;                  // a thread reads ahead
  LEAT_VEC(leat_str) train_files, eval_files;
  int64_t batch_size, steps, epochs, seed, shuffle, save_checkpoints_steps, keep_checkpoint_max;
  int64_t log_steps, threads, eval_batch_size, eval_steps;
  leat_engine engine;
  leat_str export_name;
} leat_config;

// A batch has a tensor for each input, then the label, then the weights if there are any.
static inline int leat_config_batch_size(const leat_config *c) {
  return (int)c->inputs.count + 1 + (c->weight_column.len > 0);
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
