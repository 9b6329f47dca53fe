// The tensor's layout, for the floors that compute on it.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TENSOR_TENSOR_IMPL_H
#define LEAT_TENSOR_TENSOR_IMPL_H

#include "leat/tensor.h"

#include <stdatomic.h>

typedef struct leat_buffer {
  atomic_int refs;
  char *data;               // start of the elements (of the offsets, for strings)
  int64_t bytes;            // of data; -1 = unknown (wrapped memory)
  char *chars;              // strings: the byte buffer
  int64_t char_bytes;       // strings: room in chars
  void (*release)(void *);  // NULL: data and chars are ours to free (chars lies behind data)
  void *context;
} leat_buffer;

struct leat_tensor {
  atomic_int refs;
  leat_dtype dtype;
  int rank;
  int64_t count;  // product of dims
  int64_t dims[LEAT_MAX_RANK];
  int64_t strides[LEAT_MAX_RANK];  // in elements; may be 0 (broadcast) or negative (reversed)
  void *data;                      // element 0
  leat_buffer *buffer;
};

// Row-major strides of a shape.
void leat__strides_dense(int rank, const int64_t *dims, int64_t *strides);
// Product of dims, or -1 on overflow or a negative dim.
int64_t leat__dims_count(int rank, const int64_t *dims);

#endif
