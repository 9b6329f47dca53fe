// Tensors: making, sharing, viewing and comparing them.
// SPDX-License-Identifier: Apache-2.0
#include "tensor/tensor_impl.h"

#include "base/mem.h"

void leat__strides_dense(int rank, const int64_t *dims, int64_t *strides) {
  int64_t step = 1;
  for (int i = rank - 1; i >= 0; i--) {
    strides[i] = step;
    step *= dims[i] > 0 ? dims[i] : 1;
  }
}

int64_t leat__dims_count(int rank, const int64_t *dims) {
  int64_t count = 1;
  bool empty = false;
  for (int i = 0; i < rank; i++) {
    if (dims[i] < 0) return -1;
    if (dims[i] == 0)
      empty = true;
    else if (__builtin_mul_overflow(count, dims[i], &count) || count > INT64_MAX / 64)
      return -1;
  }
  return empty ? 0 : count;
}

static leat_status check_shape(leat_dtype dtype, int rank, const int64_t *dims, int64_t *count,
                               leat_error *err) {
  if (dtype <= LEAT_DTYPE_NONE || dtype >= LEAT_DTYPE_COUNT)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "tensor: no dtype %d", (int)dtype);
  if (rank < 0 || rank > LEAT_MAX_RANK)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "tensor: rank %d, at most %d", rank,
                          LEAT_MAX_RANK);
  *count = leat__dims_count(rank, dims);
  if (*count < 0)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "tensor: a dim is negative or too large");
  return LEAT_OK;
}

static void buffer_unref(leat_buffer *buffer) {
  if (!buffer || atomic_fetch_sub_explicit(&buffer->refs, 1, memory_order_acq_rel) != 1) return;
  if (buffer->release) {
    buffer->release(buffer->context);
    leat__free(buffer);
    return;
  }
  leat__free(buffer->chars);
  leat__free(buffer);
}

// A header and its elements in one 64-byte aligned block: data starts 64 bytes behind the header.
enum { HEADER = 64 };
_Static_assert(sizeof(leat_buffer) <= HEADER, "the data of a buffer start 64 bytes behind it");

static leat_buffer *buffer_new(int64_t bytes, int64_t char_bytes) {
  leat_buffer *buffer = leat__alloc_aligned(HEADER + (size_t)bytes);
  if (!buffer) return NULL;
  *buffer = (leat_buffer){.data = (char *)buffer + HEADER, .bytes = bytes};
  atomic_init(&buffer->refs, 1);
  if (char_bytes < 0) return buffer;
  buffer->chars = leat__alloc((size_t)char_bytes);
  buffer->char_bytes = char_bytes;
  if (buffer->chars) return buffer;
  leat__free(buffer);
  return NULL;
}

static leat_tensor *tensor_over(leat_buffer *buffer, leat_dtype dtype, int rank,
                                const int64_t *dims, const int64_t *strides, int64_t count,
                                void *data) {
  leat_tensor *tensor = leat__alloc(sizeof *tensor);
  if (!tensor) return NULL;
  atomic_init(&tensor->refs, 1);
  tensor->dtype = dtype;
  tensor->rank = rank;
  tensor->count = count;
  for (int i = 0; i < rank; i++) tensor->dims[i] = dims[i];
  if (strides)
    for (int i = 0; i < rank; i++) tensor->strides[i] = strides[i];
  else
    leat__strides_dense(rank, dims, tensor->strides);
  tensor->data = data;
  tensor->buffer = buffer;
  return tensor;
}

static leat_status new_dense(leat_tensor **out, leat_dtype dtype, int rank, const int64_t *dims,
                             int64_t char_bytes, leat_error *err) {
  *out = NULL;
  int64_t count;
  leat_status status = check_shape(dtype, rank, dims, &count, err);
  if (status) return status;
  int64_t bytes = (count + (dtype == LEAT_DTYPE_STRING)) * (int64_t)leat_dtype_bytes(dtype);
  leat_buffer *buffer = buffer_new(bytes, char_bytes);
  if (!buffer) return leat__oom(err, (size_t)bytes);
  *out = tensor_over(buffer, dtype, rank, dims, NULL, count, buffer->data);
  if (*out) return LEAT_OK;
  buffer_unref(buffer);
  return leat__oom(err, sizeof **out);
}

leat_status leat_tensor_new(leat_tensor **out, leat_dtype dtype, int rank, const int64_t *dims,
                            leat_error *err) {
  *out = NULL;
  if (dtype == LEAT_DTYPE_STRING)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "tensor: strings are made from strings");
  return new_dense(out, dtype, rank, dims, -1, err);
}

leat_status leat_tensor_copy_of(leat_tensor **out, leat_dtype dtype, int rank, const int64_t *dims,
                                const void *data, leat_error *err) {
  leat_status status = leat_tensor_new(out, dtype, rank, dims, err);
  size_t bytes = status ? 0 : (size_t)(*out)->count * leat_dtype_bytes(dtype);
  if (bytes) memcpy((*out)->data, data, bytes);
  return status;
}

leat_status leat_tensor_alloc_strings(leat_tensor **out, int rank, const int64_t *dims,
                                      int64_t bytes, leat_error *err) {
  leat_status status = new_dense(out, LEAT_DTYPE_STRING, rank, dims, bytes, err);
  if (!status) ((int64_t *)(*out)->data)[0] = 0;
  return status;
}

leat_status leat_tensor_new_strings(leat_tensor **out, int rank, const int64_t *dims,
                                    const leat_str *strings, leat_error *err) {
  int64_t count = leat__dims_count(rank, dims), bytes = 0;
  for (int64_t i = 0; i < count; i++) bytes += (int64_t)strings[i].len;
  leat_status status = leat_tensor_alloc_strings(out, rank, dims, bytes, err);
  if (status) return status;
  int64_t *offsets = (*out)->data, at = 0;
  for (int64_t i = 0; i < count; i++) {
    if (strings[i].len) memcpy((*out)->buffer->chars + at, strings[i].ptr, strings[i].len);
    at += (int64_t)strings[i].len;
    offsets[i + 1] = at;
  }
  return LEAT_OK;
}

leat_status leat_tensor_wrap(leat_tensor **out, leat_dtype dtype, int rank, const int64_t *dims,
                             const int64_t *strides, void *data, const char *bytes,
                             void (*release)(void *), void *context, leat_error *err) {
  *out = NULL;
  int64_t count;
  leat_status status = check_shape(dtype, rank, dims, &count, err);
  if (status) return status;
  leat_buffer *buffer = leat__calloc(1, sizeof *buffer);
  if (!buffer) return leat__oom(err, sizeof *buffer);
  atomic_init(&buffer->refs, 1);
  buffer->data = data;
  buffer->bytes = -1;
  *out = tensor_over(buffer, dtype, rank, dims, strides, count, data);
  if (!*out) {
    leat__free(buffer);
    return leat__oom(err, sizeof **out);
  }
  buffer->chars = (char *)(uintptr_t)bytes;
  buffer->release = release;
  buffer->context = context;
  if (!release) {  // nothing to run, and nothing of ours to free
    static void (*const nothing)(void *) = leat__free;
    buffer->release = nothing;
    buffer->context = NULL;
  }
  return LEAT_OK;
}

leat_tensor *leat_tensor_ref(leat_tensor *tensor) {
  if (tensor) atomic_fetch_add_explicit(&tensor->refs, 1, memory_order_relaxed);
  return tensor;
}

void leat_tensor_unref(leat_tensor *tensor) {
  if (!tensor || atomic_fetch_sub_explicit(&tensor->refs, 1, memory_order_acq_rel) != 1) return;
  buffer_unref(tensor->buffer);
  leat__free(tensor);
}

leat_dtype leat_tensor_dtype(const leat_tensor *tensor) { return tensor->dtype; }
int leat_tensor_rank(const leat_tensor *tensor) { return tensor->rank; }
const int64_t *leat_tensor_dims(const leat_tensor *tensor) { return tensor->dims; }
const int64_t *leat_tensor_strides(const leat_tensor *tensor) { return tensor->strides; }
int64_t leat_tensor_count(const leat_tensor *tensor) { return tensor->count; }
void *leat_tensor_data(const leat_tensor *tensor) { return tensor->data; }

const char *leat_tensor_bytes(const leat_tensor *tensor) {
  return tensor->dtype == LEAT_DTYPE_STRING ? tensor->buffer->chars : NULL;
}

bool leat_tensor_is_dense(const leat_tensor *tensor) {
  int64_t step = 1;
  if (tensor->count == 0) return true;
  for (int i = tensor->rank - 1; i >= 0; i--) {
    if (tensor->dims[i] != 1 && tensor->strides[i] != step) return false;
    step *= tensor->dims[i];
  }
  return true;
}

leat_str leat_tensor_str(const leat_tensor *tensor, int64_t index) {
  const int64_t *offset = (const int64_t *)tensor->data + index;
  return (leat_str){tensor->buffer->chars + offset[0], (size_t)(offset[1] - offset[0])};
}

// The least and greatest element offset that a strided shape reaches.
static void reach(int rank, const int64_t *dims, const int64_t *strides, int64_t *low,
                  int64_t *high) {
  *low = *high = 0;
  for (int i = 0; i < rank; i++) {
    int64_t span = (dims[i] - 1) * strides[i];
    *(span < 0 ? low : high) += span;
  }
}

leat_status leat_tensor_view(leat_tensor **out, leat_tensor *tensor, int rank, const int64_t *dims,
                             const int64_t *strides, int64_t offset, leat_error *err) {
  *out = NULL;
  int64_t count, low, high;
  leat_status status = check_shape(tensor->dtype, rank, dims, &count, err);
  if (status) return status;
  size_t width = leat_dtype_bytes(tensor->dtype);
  char *data = (char *)tensor->data + offset * (int64_t)width;
  if (count > 0 && tensor->buffer->bytes >= 0) {
    reach(rank, dims, strides, &low, &high);
    int64_t first = (data - tensor->buffer->data) / (int64_t)width;
    int64_t held = tensor->buffer->bytes / (int64_t)width - (tensor->dtype == LEAT_DTYPE_STRING);
    if (first + low < 0 || first + high >= held)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "tensor: a view past the buffer's end");
  }
  *out = tensor_over(tensor->buffer, tensor->dtype, rank, dims, strides, count, data);
  if (!*out) return leat__oom(err, sizeof **out);
  atomic_fetch_add_explicit(&tensor->buffer->refs, 1, memory_order_relaxed);
  return LEAT_OK;
}

// Copies rows of `width`-byte elements from strided to dense memory.
static char *gather(const leat_tensor *tensor, int axis, const char *from, char *to, size_t width) {
  if (axis == tensor->rank) return memcpy(to, from, width), to + width;
  int64_t n = tensor->dims[axis], step = tensor->strides[axis] * (int64_t)width;
  if (axis == tensor->rank - 1 && step == (int64_t)width) {
    if (n) memcpy(to, from, (size_t)n * width);
    return to + (size_t)n * width;
  }
  for (int64_t i = 0; i < n; i++, from += step) to = gather(tensor, axis + 1, from, to, width);
  return to;
}

static leat_status clone_strings(leat_tensor **out, leat_tensor *tensor, leat_error *err) {
  size_t count = (size_t)tensor->count;
  const int64_t **at = leat__alloc(count * sizeof *at);
  leat_str *strings = leat__alloc(count * sizeof *strings);
  leat_status status = LEAT_OK;
  if (!at || !strings) status = leat__oom(err, count * sizeof *strings);
  // Gather the addresses of the offsets, then the strings they speak of.
  if (!status && count) {
    int64_t index[LEAT_MAX_RANK] = {0}, offset = 0;
    for (size_t i = 0; i < count; i++) {
      at[i] = (const int64_t *)tensor->data + offset;
      strings[i] = (leat_str){tensor->buffer->chars + at[i][0], (size_t)(at[i][1] - at[i][0])};
      for (int axis = tensor->rank - 1; axis >= 0; axis--) {
        offset += tensor->strides[axis];
        if (++index[axis] < tensor->dims[axis]) break;
        offset -= tensor->strides[axis] * tensor->dims[axis];
        index[axis] = 0;
      }
    }
  }
  if (!status) status = leat_tensor_new_strings(out, tensor->rank, tensor->dims, strings, err);
  leat__free(at);
  leat__free(strings);
  return status;
}

leat_status leat_tensor_clone(leat_tensor **out, leat_tensor *tensor, leat_error *err) {
  *out = NULL;
  if (tensor->dtype == LEAT_DTYPE_STRING) return clone_strings(out, tensor, err);
  leat_status status = leat_tensor_new(out, tensor->dtype, tensor->rank, tensor->dims, err);
  if (!status && tensor->count)
    gather(tensor, 0, tensor->data, (*out)->data, leat_dtype_bytes(tensor->dtype));
  return status;
}

leat_status leat_tensor_dense(leat_tensor **out, leat_tensor *tensor, leat_error *err) {
  if (!leat_tensor_is_dense(tensor)) return leat_tensor_clone(out, tensor, err);
  *out = leat_tensor_ref(tensor);
  return LEAT_OK;
}

static bool is_nan_bits(leat_dtype dtype, const void *at) {
  uint64_t bits = 0;
  memcpy(&bits, at, leat_dtype_bytes(dtype));
  switch (dtype) {
    case LEAT_DTYPE_F16: return (bits & 0x7FFF) > 0x7C00;
    case LEAT_DTYPE_BF16: return (bits & 0x7FFF) > 0x7F80;
    case LEAT_DTYPE_F32: return (bits & 0x7FFFFFFF) > 0x7F800000;
    case LEAT_DTYPE_F64: return (bits & INT64_MAX) > 0x7FF0000000000000;
    default: return false;
  }
}

static bool equal_dense(const leat_tensor *a, const leat_tensor *b) {
  size_t width = leat_dtype_bytes(a->dtype);
  const char *x = a->data, *y = b->data;
  if (a->dtype == LEAT_DTYPE_STRING) {
    for (int64_t i = 0; i < a->count; i++)
      if (!leat_str_eq(leat_tensor_str(a, i), leat_tensor_str(b, i))) return false;
    return true;
  }
  if (a->count == 0 || memcmp(x, y, (size_t)a->count * width) == 0) return true;
  for (int64_t i = 0; i < a->count; i++, x += width, y += width)
    if (memcmp(x, y, width) != 0 && !(is_nan_bits(a->dtype, x) && is_nan_bits(a->dtype, y)))
      return false;
  return true;
}

bool leat_bits_equal(const leat_tensor *a, const leat_tensor *b) {
  if (a->dtype != b->dtype || a->rank != b->rank) return false;
  for (int i = 0; i < a->rank; i++)
    if (a->dims[i] != b->dims[i]) return false;
  leat_tensor *x = NULL, *y = NULL;
  bool equal = !leat_tensor_dense(&x, (leat_tensor *)(uintptr_t)a, NULL) &&
               !leat_tensor_dense(&y, (leat_tensor *)(uintptr_t)b, NULL) && equal_dense(x, y);
  leat_tensor_unref(x);
  leat_tensor_unref(y);
  return equal;
}
