// Labels: from what a row holds to what a head reads.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TRAIN_LABEL_H
#define LEAT_TRAIN_LABEL_H

#include "base/map.h"
#include "train/config.h"

// dtype of the label's columns: words of a vocabulary, integers, or numbers.
leat_dtype leat_label_dtype(const leat_config *c);
// Adds the inputs of the labels and makes of them what the head reads: f32 (batch, 1) of 0 and 1
// for binary, i64 (batch) for multi-class, f32 (batch, outputs) for the others.
leat_value leat_label_build(leat_builder *b, const leat_config *c, leat_dim batch);
// Whether row i of the labels' columns is good: in the vocabulary or range, finite. classes: the
// vocabulary's words.
leat_status leat_label_check(const leat_config *c, const leat_map *classes,
                             leat_tensor *const *labels, int64_t row, leat_error *err);

#endif
