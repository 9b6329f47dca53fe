// Reading tensorflow.TensorProto.
// SPDX-License-Identifier: Apache-2.0
#include "formats/tensor_proto.h"

#include "base/vec.h"
#include "formats/proto.h"
#include "tensor/tensor_impl.h"

// By DataType: what it is here, and the field that lists its values.
static const struct {
  leat_dtype dtype;
  int field;
} types[] = {[1] = {LEAT_DTYPE_F32, 5},    [2] = {LEAT_DTYPE_F64, 6},  [3] = {LEAT_DTYPE_I32, 7},
             [4] = {LEAT_DTYPE_U8, 7},     [5] = {LEAT_DTYPE_I16, 7},  [6] = {LEAT_DTYPE_I8, 7},
             [7] = {LEAT_DTYPE_STRING, 8}, [9] = {LEAT_DTYPE_I64, 10}, [10] = {LEAT_DTYPE_BOOL, 11},
             [14] = {LEAT_DTYPE_BF16, 13}, [17] = {LEAT_DTYPE_U16, 7}, [19] = {LEAT_DTYPE_F16, 13},
             [22] = {LEAT_DTYPE_U32, 16},  [23] = {LEAT_DTYPE_U64, 17}};
enum {
  TYPES = sizeof types / sizeof *types,
  REPEATED_MOST = 1 << 26,  // bytes of a string that stands for those that are missing
};

int leat_tensor_proto_type(leat_dtype dtype) {
  for (int i = 1; i < TYPES; i++)
    if (types[i].dtype == dtype) return i;
  return 0;
}

typedef struct proto_tensor {
  uint64_t type;
  int rank;
  int64_t dims[LEAT_MAX_RANK];
  leat_str content;
  LEAT_VEC(uint64_t) numbers;  // bits
  LEAT_VEC(leat_str) strings;
} proto_tensor;

static leat_status damaged(leat_error *err, const char *what) {
  return leat_error_set(err, LEAT_DATA_LOSS, "TensorProto: %s", what);
}

static leat_status read_dim(proto_tensor *t, leat_str message, leat_error *err) {
  leat_proto p = {message, false};
  leat_proto_field f;
  int64_t size = 0;
  while (leat_proto_next(&p, &f))
    if (f.number == 1 && f.wire == LEAT_WIRE_VARINT) size = (int64_t)f.bits;
  if (t->rank == LEAT_MAX_RANK) return damaged(err, "more than 8 dimensions");
  t->dims[t->rank++] = size;
  return p.damaged ? damaged(err, "the shape is damaged") : LEAT_OK;
}

static leat_status read_shape(proto_tensor *t, leat_str message, leat_error *err) {
  leat_proto p = {message, false};
  leat_proto_field f;
  leat_status status = LEAT_OK;
  while (!status && leat_proto_next(&p, &f)) {
    if (f.number == 2 && f.wire == LEAT_WIRE_BYTES) status = read_dim(t, f.bytes, err);
    if (f.number == 3 && f.bits) status = damaged(err, "the rank is unknown");
  }
  return !status && p.damaged ? damaged(err, "the shape is damaged") : status;
}

// Numbers of a list: one field each, or packed. Floats have 4 bytes, doubles 8, others varints.
static leat_status read_numbers(proto_tensor *t, const leat_proto_field *f, leat_error *err) {
  size_t width = f->number == 5 ? 4 : f->number == 6 ? 8 : 0;
  leat_str rest = f->bytes;
  if (f->wire != LEAT_WIRE_BYTES)
    return leat_vec_push(&t->numbers, f->bits) ? LEAT_OK : leat__oom(err, 8);
  while (rest.len) {
    uint64_t bits = 0;
    if (width ? rest.len < width : !leat_proto_read_varint(&rest, &bits))
      return damaged(err, "a list of values is damaged");
    if (width) {
      memcpy(&bits, rest.ptr, width);
      rest.ptr += width, rest.len -= width;
    }
    if (!leat_vec_push(&t->numbers, bits)) return leat__oom(err, 8);
  }
  return LEAT_OK;
}

static leat_status read_message(proto_tensor *t, leat_str message, leat_error *err) {
  leat_proto p = {message, false};
  leat_proto_field f;
  leat_status status = LEAT_OK;
  while (!status && leat_proto_next(&p, &f)) {
    int list = t->type < TYPES ? types[t->type].field : 0;
    if (f.number == 1 && f.wire == LEAT_WIRE_VARINT)
      t->type = f.bits;
    else if (f.number == 2 && f.wire == LEAT_WIRE_BYTES)
      status = read_shape(t, f.bytes, err);
    else if (f.number == 4 && f.wire == LEAT_WIRE_BYTES)
      t->content = f.bytes;
    else if (f.number == 8 && f.wire == LEAT_WIRE_BYTES)
      status = leat_vec_push(&t->strings, f.bytes) ? LEAT_OK : leat__oom(err, sizeof f.bytes);
    else if (list && f.number == list)
      status = read_numbers(t, &f, err);
  }
  return !status && p.damaged ? damaged(err, "the message is damaged") : status;
}

static leat_status make_strings(const proto_tensor *t, int64_t count, leat_tensor **out,
                                leat_error *err) {
  if (count > (int64_t)t->strings.count && count > 1 << 20)
    return damaged(err, "the shape wants more strings than there are");
  size_t last = t->strings.count ? t->strings.at[t->strings.count - 1].len : 0;
  if (count > (int64_t)t->strings.count &&
      last > REPEATED_MOST / ((size_t)count - t->strings.count))
    return damaged(err, "the shape repeats too long a string too often");
  leat_str *list = leat__calloc((size_t)count + 1, sizeof *list);
  if (!list) return leat__oom(err, sizeof *list * (size_t)count);
  for (int64_t i = 0; i < count && t->strings.count; i++)
    list[i] = t->strings.at[i < (int64_t)t->strings.count ? i : (int64_t)t->strings.count - 1];
  leat_status status = leat_tensor_new_strings(out, t->rank, t->dims, list, err);
  leat__free(list);
  return status;
}

static leat_status make(const proto_tensor *t, leat_tensor **out, leat_error *err) {
  leat_dtype dtype = t->type < TYPES ? types[t->type].dtype : LEAT_DTYPE_NONE;
  if (!dtype)
    return leat_error_set(err, LEAT_UNIMPLEMENTED, "TensorProto: data type %llu",
                          (unsigned long long)t->type);
  int64_t count = leat__dims_count(t->rank, t->dims);
  if (count < 0) return damaged(err, "the shape");
  if (dtype == LEAT_DTYPE_STRING) return make_strings(t, count, out, err);
  size_t width = leat_dtype_bytes(dtype), have = t->numbers.count;
  if (t->content.len && t->content.len != (uint64_t)count * width)
    return damaged(err, "the content does not fit the shape");
  if (!t->content.len && count > (int64_t)have && count > 1 << 20)
    return damaged(err, "the shape wants more values than there are");
  leat_status status = leat_tensor_new(out, dtype, t->rank, t->dims, err);
  if (status || !count) return status;
  char *data = leat_tensor_data(*out);
  if (t->content.len) return memcpy(data, t->content.ptr, t->content.len), LEAT_OK;
  for (int64_t i = 0; i < count; i++) {
    uint64_t bits = !have ? 0 : t->numbers.at[i < (int64_t)have ? (size_t)i : have - 1];
    memcpy(data + (size_t)i * width, &bits, width);  // little-endian
  }
  return LEAT_OK;
}

leat_status leat_tensor_proto_parse(leat_tensor **out, leat_str message, leat_error *err) {
  proto_tensor t = {0};
  *out = NULL;
  leat_status status = read_message(&t, message, err);
  if (!status) status = make(&t, out, err);
  leat_vec_deinit(&t.numbers);
  leat_vec_deinit(&t.strings);
  return status;
}

// --- Writing ------------------------------------------------------------------------------------
uint64_t leat_proto_element(const leat_tensor *t, int64_t i) {
  switch (t->dtype) {
    case LEAT_DTYPE_I8: return (uint64_t)(int64_t)((const int8_t *)t->data)[i];
    case LEAT_DTYPE_I16: return (uint64_t)(int64_t)((const int16_t *)t->data)[i];
    case LEAT_DTYPE_I32: return (uint64_t)(int64_t)((const int32_t *)t->data)[i];
    case LEAT_DTYPE_BOOL:
    case LEAT_DTYPE_U8: return ((const uint8_t *)t->data)[i];
    case LEAT_DTYPE_U16:
    case LEAT_DTYPE_F16:
    case LEAT_DTYPE_BF16: return ((const uint16_t *)t->data)[i];
    case LEAT_DTYPE_U32: return ((const uint32_t *)t->data)[i];
    default: return ((const uint64_t *)t->data)[i];
  }
}

static void put_values(const leat_tensor *t, int field, leat_buf *out) {
  if (t->dtype == LEAT_DTYPE_STRING) {
    for (int64_t i = 0; i < t->count; i++) leat_proto_bytes(out, field, leat_tensor_str(t, i));
    return;
  }
  if (!t->count) return;
  size_t at = leat_proto_begin(out, field);
  if (t->dtype == LEAT_DTYPE_F32 || t->dtype == LEAT_DTYPE_F64)
    leat_buf_add(out, t->data, (size_t)t->count * leat_dtype_bytes(t->dtype));
  else
    for (int64_t i = 0; i < t->count; i++) leat_proto_varint(out, leat_proto_element(t, i));
  leat_proto_end(out, at);
}

void leat_tensor_proto_format(const leat_tensor *t, leat_buf *out) {
  int type = leat_tensor_proto_type(t->dtype);
  leat_proto_i64(out, 1, type);
  size_t shape = leat_proto_begin(out, 2);
  for (int i = 0; i < t->rank; i++) {
    size_t dim = leat_proto_begin(out, 2);
    leat_proto_i64(out, 1, t->dims[i]);
    leat_proto_end(out, dim);
  }
  leat_proto_end(out, shape);
  put_values(t, types[type].field, out);
}
