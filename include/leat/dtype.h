// Element types of tensors.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_DTYPE_H
#define LEAT_DTYPE_H

#include "leat/str.h"

LEAT_BEGIN

typedef enum leat_dtype {
  LEAT_DTYPE_NONE = 0,
  LEAT_DTYPE_BOOL,  // one byte, 0 or 1
  LEAT_DTYPE_I8,
  LEAT_DTYPE_I16,
  LEAT_DTYPE_I32,
  LEAT_DTYPE_I64,
  LEAT_DTYPE_U8,
  LEAT_DTYPE_U16,
  LEAT_DTYPE_U32,
  LEAT_DTYPE_U64,
  LEAT_DTYPE_F16,   // IEEE binary16, storage only: computed in f32, rounded once
  LEAT_DTYPE_BF16,  // bfloat16, storage only likewise
  LEAT_DTYPE_F32,
  LEAT_DTYPE_F64,
  LEAT_DTYPE_STRING,  // bytes; i64 offsets into a byte buffer (Arrow's large_binary)
  LEAT_DTYPE_COUNT,
} leat_dtype;

typedef enum leat_dtype_kind {
  LEAT_KIND_NONE,
  LEAT_KIND_BOOL,
  LEAT_KIND_INT,  // signed, wraps
  LEAT_KIND_UINT,
  LEAT_KIND_FLOAT,
  LEAT_KIND_STRING,
} leat_dtype_kind;

LEAT_API const char *leat_dtype_name(leat_dtype dtype);   // "f32"; "none" if unknown
LEAT_API leat_dtype leat_dtype_from_name(leat_str name);  // LEAT_DTYPE_NONE if unknown
LEAT_API int leat_dtype_bits(leat_dtype dtype);  // bits of one element; string: 64 (an offset)
LEAT_API leat_dtype_kind leat_dtype_kind_of(leat_dtype dtype);

static inline size_t leat_dtype_bytes(leat_dtype dtype) {
  return (size_t)leat_dtype_bits(dtype) / 8;
}
static inline bool leat_dtype_is_float(leat_dtype dtype) {
  return leat_dtype_kind_of(dtype) == LEAT_KIND_FLOAT;
}

LEAT_END

#endif
