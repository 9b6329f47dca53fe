// tensorflow.TensorProto: a serialised tensor.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_TENSOR_PROTO_H
#define LEAT_FORMATS_TENSOR_PROTO_H

#include "base/str.h"
#include "leat/tensor.h"

// tensorflow.DataType of a dtype; 0 (DT_INVALID) for none.
int leat_tensor_proto_type(leat_dtype dtype);
// Values come from tensor_content or from the list of the type; a short list repeats its last
// value. Complex and quantised types are refused.
leat_status leat_tensor_proto_parse(leat_tensor **out, leat_str message, leat_error *err);
// An element of a dense tensor of whole numbers (or small floats' bits) as a varint carries it.
uint64_t leat_proto_element(const leat_tensor *tensor, int64_t index);
// Appends the message of a dense tensor, its values in the list of its type.
void leat_tensor_proto_format(const leat_tensor *tensor, leat_buf *out);

#endif
