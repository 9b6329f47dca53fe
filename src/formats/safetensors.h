// safetensors: named tensors and text metadata in one file.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_SAFETENSORS_H
#define LEAT_FORMATS_SAFETENSORS_H

#include "base/str.h"
#include "base/vec.h"
#include "leat/tensor.h"

typedef struct leat_named_tensor {
  leat_str name;
  leat_tensor *tensor;
} leat_named_tensor;

typedef struct leat_named_str {
  leat_str key, value;
} leat_named_str;

typedef struct leat_safetensors {       // zero-initialised is empty
  LEAT_VEC(leat_named_tensor) tensors;  // in the order of the header
  LEAT_VEC(leat_named_str) metadata;
  char *text;  // owns names, keys and values
} leat_safetensors;

// Strict: no holes, overlaps or trailing bytes; every extent is checked. Tensors are copies.
leat_status leat_safetensors_read(leat_safetensors *out, const char *path, leat_error *err);
leat_status leat_safetensors_parse(leat_safetensors *out, leat_str bytes, const char *name,
                                   leat_error *err);
void leat_safetensors_deinit(leat_safetensors *st);
leat_tensor *leat_safetensors_find(const leat_safetensors *st, leat_str name);  // NULL if none

// Serialises (names sorted, data 8-byte aligned, NaNs canonical).
leat_status leat_safetensors_format(const leat_named_tensor *tensors, size_t count,
                                    const leat_named_str *metadata, size_t metadata_count,
                                    leat_buf *out, leat_error *err);

#endif
