// Values: an input under construction, filled from JSON or from bytes, seen as a tensor at the end.
// SPDX-License-Identifier: Apache-2.0
//
// Numbers go from text straight into the element's type. The tensor borrows the memory, so the
// values outlive it.
#ifndef LEAT_SERVE_VALUES_H
#define LEAT_SERVE_VALUES_H

#include "formats/json.h"
#include "net/server.h"
#include "serve/models.h"

typedef struct leat_values {  // zero-initialised is empty
  const leat_tensor_info *info;
  char *data;          // elements; of strings: where each ends, behind a first zero
  size_t count, room;  // elements
  size_t charged;      // bytes that x was charged
  leat_exchange *x;    // whose memory it is; NULL: nobody's
  leat_buf bytes;      // of strings
  int rank;            // of one value; -1 while there is none
  int64_t dims[LEAT_MAX_RANK];
  int64_t values;  // rows that were read
  int64_t stamp;   // the reader's: the row that it was last in
} leat_values;

void leat_values_init(leat_values *v, const leat_tensor_info *info, leat_exchange *x);
void leat_values_deinit(leat_values *v);
// Room for `more` elements; false: no memory, or not so much for requests.
bool leat_values_reserve(leat_values *v, size_t more);
// RESOURCE_EXHAUSTED, in the words of the server's other buffers.
leat_status leat_values_no_memory(leat_error *err);
// Charges x (NULL: nobody) for a tensor that was made of its body.
leat_status leat_values_charge(leat_exchange *x, const leat_tensor *tensor, leat_error *err);
leat_status leat_values_add_string(leat_values *v, leat_str s, leat_error *err);

// One element of the info's type from an event of the parser, which is at a scalar.
// INVALID_ARGUMENT as TensorFlow Serving words it: "JSON Value: "x" Type: String is not of expected
// type: float".
leat_status leat_values_scalar(leat_values *v, leat_json *json, leat_json_event event,
                               leat_error *err);
// A value (a scalar, or lists of one shape in each other; {"b64": ...} is a string) whose first
// event was read; it must have the shape of those before.
leat_status leat_values_value(leat_values *v, leat_json *json, leat_json_event event,
                              leat_error *err);
// The elements of a list, however they are nested, in order.
leat_status leat_values_flat(leat_values *v, leat_json *json, leat_json_event event,
                             leat_error *err);
// Elements as they lie in memory, little-endian; strings as length (u32) and bytes each.
// INVALID_ARGUMENT: not a whole number of them.
leat_status leat_values_raw(leat_values *v, leat_str bytes, leat_error *err);

// The tensor: dims (rank of them) must hold as many elements as were read. rows: the values that
// were read are behind a first dimension that counts them.
leat_status leat_values_tensor(leat_values *v, int rank, const int64_t *dims, leat_tensor **out,
                               leat_error *err);
leat_status leat_values_rows(leat_values *v, leat_tensor **out, leat_error *err);
leat_status leat_values_one(leat_values *v, leat_tensor **out, leat_error *err);

// --- Out ----------------------------------------------------------------------------------------
typedef struct leat_json_style {
  bool specials;  // NaN and Infinity are written as such; otherwise they are null
  bool bytes;     // strings are {"b64": ...}
} leat_json_style;
// Appends element i, or elements from i on with dims[axis...] in lists.
void leat_write_element(leat_buf *out, const leat_tensor *t, int64_t i, leat_json_style style);
void leat_write_nested(leat_buf *out, const leat_tensor *t, int axis, int64_t *i,
                       leat_json_style style);
bool leat_is_finite(const leat_tensor *t);  // no NaN and no infinity in it

// TensorFlow's name of a type ("float") and the Open Inference Protocol's ("FP32").
const char *leat_dtype_tf_name(leat_dtype dtype);  // "float"
const char *leat_dtype_v2_name(leat_dtype dtype);  // "FP32"
leat_dtype leat_dtype_of_v2(leat_str name);        // NONE: unknown

// Standard base64 (and the URL alphabet), padded or not; false: not base64.
bool leat_base64_decode(leat_str text, leat_buf *out);
void leat_base64_encode(leat_buf *out, leat_str bytes);
// The syntax error of a JSON text in rapidjson's words ("JSON Parse error: Invalid value. at
// offset: 7"); false: it has none.
bool leat__json_syntax(leat_str text, leat_error *err);
// A JSON text as rapidjson's pretty writer prints it, for messages.
void leat_json_pretty(leat_buf *out, leat_str text);

#endif
