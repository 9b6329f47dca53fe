// Evaluation metrics of the canned heads: state in variables, updates and results as graph.
// SPDX-License-Identifier: Apache-2.0
//
// Sums are f64, counts i64; AUC counts predictions in the bins between 200 thresholds. Definitions
// follow tf.compat.v1.estimator's heads.
#ifndef LEAT_TRAIN_METRICS_H
#define LEAT_TRAIN_METRICS_H

#include "train/config.h"

leat_status leat_metrics_declare(leat_graph *graph, leat_head head, leat_error *err);
// Adds one batch. logits (batch, k); label as the head reads it; losses f32 (batch); total: the
// loss.
void leat_metrics_add(leat_builder *b, leat_graph *graph, leat_head head, leat_value logits,
                      leat_value label, leat_value losses, leat_value total);
leat_status leat_metrics_reset(leat_graph *graph, leat_func **out, leat_error *err);
leat_status leat_metrics_result(leat_graph *graph, leat_head head, leat_func **out,
                                leat_error *err);

#endif
