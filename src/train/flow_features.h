// The transforms of a flow that read model.yaml.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_FLOW_FEATURES_H
#define LEAT_TRAIN_FLOW_FEATURES_H

#include "flow/pipeline.h"
#include "train/config.h"

extern const leat_flow_class leat_flow_features, leat_flow_analyze_features;

// model: MODEL.yaml of a transform's config; `c` is to be deinitialised also after an error.
leat_status leat__flow_model_yaml(const leat_flow_transform *t, leat_config *c, leat_error *err);
// A text of the config as a string, in `arena`; NULL where it is absent.
leat_status leat__flow_text(const leat_flow_transform *t, const char *key, leat_arena *arena,
                            const char **out, leat_error *err);

#endif
