// Reading model.yaml: what its parts share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_CONFIG_READ_H
#define LEAT_TRAIN_CONFIG_READ_H

#include "train/config.h"

// An unknown field: its place and the nearest known name.
leat_status leat__config_unknown(const leat_config *c, const leat_yaml_node *key, const char *where,
                                 const leat_str *known, size_t count, leat_error *err);
// Every key of the mapping is a field below `prefix` in leat_config_fields.
leat_status leat__config_check(const leat_config *c, const leat_yaml_node *node, const char *prefix,
                               leat_error *err);
// One of several names.
leat_status leat__config_choose(const leat_config *c, const leat_yaml_node *node,
                                const char *const *names, int count, int *out, leat_error *err);
// A whole number of at least `least`; absent: *out stays.
leat_status leat__config_count(const leat_config *c, const leat_yaml_node *section, const char *key,
                               int64_t least, int64_t *out, leat_error *err);
// A scalar or a list of scalars; list is a LEAT_VEC(leat_str).
leat_status leat__config_strings(const leat_config *c, const leat_yaml_node *node, void *list,
                                 leat_error *err);
// A list of numbers, or one number; list is a LEAT_VEC(double).
leat_status leat__config_numbers(const leat_config *c, const leat_yaml_node *node, void *list,
                                 leat_error *err);
int leat__config_column(const leat_config *c, leat_str name);  // of the files; -1: none
// "The data have no column ...", with the nearest.
leat_status leat__config_no_column(const leat_config *c, const leat_yaml_node *at, leat_str name,
                                   leat_error *err);

// features, linear_feature_columns, dnn_feature_columns. Needs the columns of the files.
leat_status leat__config_features(leat_config *c, leat_error *err);
// optimizer, dnn_optimizer, linear_optimizer. Needs the features.
leat_status leat__config_optimizers(leat_config *c, leat_error *err);

// label, head, loss and what depends on them. Needs the estimator's kind.
leat_status leat__config_label(leat_config *c, leat_error *err);
// train, eval, export, data.split, warm_start_from. Needs the files.
leat_status leat__config_train(leat_config *c, leat_error *err);

#endif
