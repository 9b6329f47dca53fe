// Widening and narrowing of whole small-float tensors.
// SPDX-License-Identifier: Apache-2.0
#include "engine/small.h"

leat_status leat__widened(leat_tensor *x, leat_tensor **out, leat_error *err) {
  *out = NULL;
  if (x->dtype != LEAT_DTYPE_F16 && x->dtype != LEAT_DTYPE_BF16) {
    *out = leat_tensor_ref(x);
    return LEAT_OK;
  }
  leat_tensor *dense = NULL;
  leat_status status = leat_tensor_dense(&dense, x, err);
  if (!status) status = leat_tensor_new(out, LEAT_DTYPE_F32, x->rank, x->dims, err);
  const leat_vec *vec = leat__vec();
  if (!status)
    (x->dtype == LEAT_DTYPE_F16 ? vec->f16_to_f32 : vec->bf16_to_f32)((*out)->data, dense->data,
                                                                      (size_t)x->count);
  leat_tensor_unref(dense);
  return status;
}

void leat__narrow_into(leat_tensor *out, const leat_tensor *wide) {
  const leat_vec *vec = leat__vec();
  (out->dtype == LEAT_DTYPE_F16 ? vec->f32_to_f16 : vec->f32_to_bf16)(out->data, wide->data,
                                                                      (size_t)out->count);
}
