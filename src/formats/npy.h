// NumPy's array files, .npy, versions 1 to 3.
// SPDX-License-Identifier: Apache-2.0
//
// Values come row-major and in the machine's byte order whatever the file has. `U` and `S` arrays
// are strings (UTF-8; trailing NULs drop out, as in NumPy). A complex array has a last dimension of
// 2: real and imaginary part. Object arrays (pickles), records and dates are refused.
#ifndef LEAT_FORMATS_NPY_H
#define LEAT_FORMATS_NPY_H

#include "base/str.h"
#include "leat/tensor.h"

// Bytes behind the array are not looked at, as in NumPy.
leat_status leat_npy_parse(leat_tensor **out, leat_str bytes, const char *name, leat_error *err);

// Numbers as a file holds them, made a tensor.
typedef struct leat_array_layout {
  leat_dtype dtype;
  int rank;
  int64_t dims[LEAT_MAX_RANK];
  bool big_endian;
  bool fortran;  // the first dimension varies fastest
  bool complex;  // pairs of numbers: one more dimension, of 2
} leat_array_layout;
leat_status leat__array_new(leat_tensor **out, const leat_array_layout *layout, leat_str bytes,
                            const char *name, leat_error *err);

#endif
