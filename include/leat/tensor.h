// Tensor: a typed n-d array; a reference-counted buffer seen through shape and strides.
// SPDX-License-Identifier: Apache-2.0
//
// Dims and strides count elements. Rank is at most LEAT_MAX_RANK; any dim may be 0. Reference
// counts are atomic; the contents are not locked: many readers, or one writer. A tensor's shape
// never changes after it is made; views share the buffer of the tensor they were made from. Strings
// are immutable: data is one i64 offset per element plus one, into leat_tensor_bytes.
#ifndef LEAT_TENSOR_H
#define LEAT_TENSOR_H

#include "leat/dtype.h"
#include "leat/error.h"

LEAT_BEGIN

enum { LEAT_MAX_RANK = 8 };

typedef struct leat_tensor leat_tensor;

// A dense, 64-byte aligned tensor; contents uninitialised. dims may be NULL for rank 0.
// RESOURCE_EXHAUSTED when memory is; INVALID_ARGUMENT for a negative dim, rank over 8, overflow,
// or a string type (see leat_tensor_new_strings).
LEAT_API leat_status leat_tensor_new(leat_tensor **out, leat_dtype dtype, int rank,
                                     const int64_t *dims, leat_error *err);
// A dense tensor holding a copy of `data` (row-major).
LEAT_API leat_status leat_tensor_copy_of(leat_tensor **out, leat_dtype dtype, int rank,
                                         const int64_t *dims, const void *data, leat_error *err);
// A dense string tensor holding copies of product(dims) strings.
LEAT_API leat_status leat_tensor_new_strings(leat_tensor **out, int rank, const int64_t *dims,
                                             const leat_str *strings, leat_error *err);
// A dense string tensor of `count` strings with room for `bytes` bytes; the caller fills
// count + 1 ascending offsets (from 0) and the bytes before anyone reads it.
LEAT_API leat_status leat_tensor_alloc_strings(leat_tensor **out, int rank, const int64_t *dims,
                                               int64_t bytes, leat_error *err);
// Borrows memory: `release(context)` runs when the last reference goes (NULL: nothing runs).
// strides NULL: dense. For strings, `bytes` is the byte buffer; otherwise NULL.
LEAT_API leat_status leat_tensor_wrap(leat_tensor **out, leat_dtype dtype, int rank,
                                      const int64_t *dims, const int64_t *strides, void *data,
                                      const char *bytes, void (*release)(void *), void *context,
                                      leat_error *err);

LEAT_API leat_tensor *leat_tensor_ref(leat_tensor *tensor);  // returns its argument; NULL allowed
LEAT_API void leat_tensor_unref(leat_tensor *tensor);        // NULL allowed

LEAT_API leat_dtype leat_tensor_dtype(const leat_tensor *tensor);
LEAT_API int leat_tensor_rank(const leat_tensor *tensor);
LEAT_API const int64_t *leat_tensor_dims(const leat_tensor *tensor);     // rank of them
LEAT_API const int64_t *leat_tensor_strides(const leat_tensor *tensor);  // in elements
LEAT_API int64_t leat_tensor_count(const leat_tensor *tensor);           // product of dims
LEAT_API void *leat_tensor_data(const leat_tensor *tensor);              // element 0
LEAT_API const char *leat_tensor_bytes(const leat_tensor *tensor);       // strings only, else NULL
LEAT_API bool leat_tensor_is_dense(const leat_tensor *tensor);           // row-major, no gaps
LEAT_API leat_str leat_tensor_str(const leat_tensor *tensor, int64_t index);  // dense string tensor

// A view of the same buffer: element 0 is `offset` elements after the tensor's element 0.
// INVALID_ARGUMENT if any element would lie outside of the buffer.
LEAT_API leat_status leat_tensor_view(leat_tensor **out, leat_tensor *tensor, int rank,
                                      const int64_t *dims, const int64_t *strides, int64_t offset,
                                      leat_error *err);
// The tensor itself with one more reference when dense, else a dense copy.
LEAT_API leat_status leat_tensor_dense(leat_tensor **out, leat_tensor *tensor, leat_error *err);
// A dense copy, always.
LEAT_API leat_status leat_tensor_clone(leat_tensor **out, leat_tensor *tensor, leat_error *err);

// Same dtype and shape, and the same bits in each element, where all NaNs are equal (clause N9).
LEAT_API bool leat_bits_equal(const leat_tensor *a, const leat_tensor *b);

LEAT_END

#endif
