// idx files.
// SPDX-License-Identifier: Apache-2.0
#include "formats/idx.h"

#include "formats/npy.h"
#include "tensor/tensor_impl.h"

static leat_dtype type_of(unsigned char code) {
  switch (code) {
    case 0x08: return LEAT_DTYPE_U8;
    case 0x09: return LEAT_DTYPE_I8;
    case 0x0B: return LEAT_DTYPE_I16;
    case 0x0C: return LEAT_DTYPE_I32;
    case 0x0D: return LEAT_DTYPE_F32;
    case 0x0E: return LEAT_DTYPE_F64;
    default: return LEAT_DTYPE_NONE;
  }
}

leat_status leat_idx_parse(leat_tensor **out, leat_str bytes, const char *name, leat_error *err) {
  const unsigned char *p = (const unsigned char *)bytes.ptr;
  *out = NULL;
  if (bytes.len < 4 || p[0] || p[1])
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: not an idx file", name);
  leat_array_layout l = {.dtype = type_of(p[2]), .rank = p[3], .big_endian = true};
  if (!l.dtype)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: no idx type 0x%02x", name, p[2]);
  if (l.rank < 1 || l.rank > LEAT_MAX_RANK)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: %d dimensions, 1 to %d were expected",
                          name, l.rank, LEAT_MAX_RANK);
  size_t start = 4 + 4 * (size_t)l.rank;
  if (bytes.len < start)
    return leat_error_set(err, LEAT_DATA_LOSS, "%s: the file ends inside the idx header", name);
  for (int i = 0; i < l.rank; i++) {
    const unsigned char *d = p + 4 + 4 * i;
    l.dims[i] = (int64_t)d[0] << 24 | d[1] << 16 | d[2] << 8 | d[3];
  }
  int64_t count = leat__dims_count(l.rank, l.dims);
  size_t have = bytes.len - start, width = leat_dtype_bytes(l.dtype);
  if (count < 0 || have % width || have / width != (uint64_t)count)
    return leat_error_set(err, LEAT_DATA_LOSS,
                          "%s: %zu bytes of data do not fit the idx dimensions", name, have);
  return leat__array_new(out, &l, (leat_str){bytes.ptr + start, have}, name, err);
}
