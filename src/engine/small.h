// Single elements: widening of small floats, integers of any width, a total order for sorting.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_SMALL_H
#define LEAT_ENGINE_SMALL_H

#include "engine/eval.h"
#include "engine/vec.h"

// f16 and bf16 as a dense f32 tensor; anything else as it is. A new reference either way.
leat_status leat__widened(leat_tensor *x, leat_tensor **out, leat_error *err);
// Rounds a dense f32 tensor into a dense f16 or bf16 one of the same shape.
void leat__narrow_into(leat_tensor *out, const leat_tensor *wide);

// Sign- or zero-extended.
static inline uint64_t leat__load_integer(leat_dtype dtype, const void *at) {
  int8_t i8;
  int16_t i16;
  int32_t i32;
  uint16_t u16;
  uint32_t u32;
  uint64_t u64;
  switch (dtype) {
    case LEAT_DTYPE_I8: return memcpy(&i8, at, 1), (uint64_t)i8;
    case LEAT_DTYPE_I16: return memcpy(&i16, at, 2), (uint64_t)i16;
    case LEAT_DTYPE_I32: return memcpy(&i32, at, 4), (uint64_t)i32;
    case LEAT_DTYPE_U16: return memcpy(&u16, at, 2), u16;
    case LEAT_DTYPE_U32: return memcpy(&u32, at, 4), u32;
    case LEAT_DTYPE_I64:
    case LEAT_DTYPE_U64: return memcpy(&u64, at, 8), u64;
    default: return *(const uint8_t *)at;
  }
}

// Bits of a float of any width, in 64.
static inline uint64_t leat__load_bits(leat_dtype dtype, const void *at) {
  uint64_t bits = 0;
  memcpy(&bits, at, leat_dtype_bytes(dtype));
  return bits;
}

static inline bool leat__is_nan(leat_dtype dtype, const void *at) {
  uint64_t bits = leat__load_bits(dtype, at);
  switch (dtype) {
    case LEAT_DTYPE_F16: return (bits & 0x7FFF) > 0x7C00;
    case LEAT_DTYPE_BF16: return (bits & 0x7FFF) > 0x7F80;
    case LEAT_DTYPE_F32: return (bits & 0x7FFFFFFF) > 0x7F800000;
    case LEAT_DTYPE_F64: return (bits & INT64_MAX) > 0x7FF0000000000000;
    default: return false;
  }
}

// Unsigned numbers in the order of the elements: -0 equals +0, NaN last.
static inline uint64_t leat__order_key(leat_dtype dtype, const void *at) {
  leat_dtype_kind kind = leat_dtype_kind_of(dtype);
  if (kind == LEAT_KIND_INT) return leat__load_integer(dtype, at) ^ (uint64_t)1 << 63;
  if (kind != LEAT_KIND_FLOAT) return leat__load_integer(dtype, at);
  if (leat__is_nan(dtype, at)) return UINT64_MAX;
  int shift = 64 - leat_dtype_bits(dtype);
  uint64_t bits = leat__load_bits(dtype, at) << shift;
  if (bits == (uint64_t)1 << 63) bits = 0;
  return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

#endif
