// idx files, as MNIST's: two zeros, a type, a rank, big-endian dimensions, big-endian data.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_IDX_H
#define LEAT_FORMATS_IDX_H

#include "base/str.h"
#include "leat/tensor.h"

// u8, i8, i16, i32, f32 or f64. The data must have exactly the size that the dimensions tell.
leat_status leat_idx_parse(leat_tensor **out, leat_str bytes, const char *name, leat_error *err);

#endif
