// Ops that move elements: views where strides can say it, copies where they cannot.
// SPDX-License-Identifier: Apache-2.0
#include "engine/eval.h"

// --- Sources ------------------------------------------------------------------------------------
leat_status leat__eval_input(leat_call *c) {
  return leat_error_set(c->err, LEAT_INTERNAL, "an input is not evaluated");
}

leat_status leat__eval_const(leat_call *c) {
  c->out[0] = leat_tensor_ref(c->node->attrs[0].tensor);
  return LEAT_OK;
}

static void put_number(leat_dtype dtype, void *out, int64_t at, int64_t value) {
  switch (dtype) {
    case LEAT_DTYPE_F32: ((float *)out)[at] = (float)value; break;
    case LEAT_DTYPE_F64: ((double *)out)[at] = (double)value; break;
    default: {
      size_t width = leat_dtype_bytes(dtype);
      memcpy((char *)out + (size_t)at * width, &value, width);
    }
  }
}

leat_status leat__eval_iota(leat_call *c) {
  leat_dtype dtype = c->node->types[0].dtype;
  if (dtype == LEAT_DTYPE_F16 || dtype == LEAT_DTYPE_BF16)
    return leat_error_set(c->err, LEAT_UNIMPLEMENTED, "counting in %s", leat_dtype_name(dtype));
  leat_status status = leat__call_new(c, 0);
  if (status) return status;
  leat_tensor *out = c->out[0];
  int64_t axis = c->node->attrs[2].i, inner = out->strides[axis], n = out->dims[axis];
  for (int64_t i = 0; i < out->count; i++) put_number(dtype, out->data, i, i / inner % n);
  return LEAT_OK;
}

leat_status leat__eval_tri(leat_call *c) {
  leat_status status = leat__call_new(c, 0);
  if (status) return status;
  leat_tensor *out = c->out[0];
  int64_t cols = out->dims[out->rank - 1], rows = out->dims[out->rank - 2],
          offset = c->node->attrs[1].i;
  for (int64_t i = 0; i < out->count; i++)
    ((uint8_t *)out->data)[i] = i % cols <= i / cols % rows + offset;
  return LEAT_OK;
}

leat_status leat__eval_dim_of(leat_call *c) {
  leat_status status = leat__call_new(c, 0);
  if (!status) *(int64_t *)c->out[0]->data = c->in[0]->dims[c->node->attrs[0].i];
  return status;
}

// --- Views --------------------------------------------------------------------------------------
leat_status leat__eval_reshape(leat_call *c) {
  int64_t dims[LEAT_MAX_RANK], strides[LEAT_MAX_RANK];
  leat_tensor *x = NULL;
  leat_status status = leat__call_dims(c, 0, dims);
  int rank = c->node->types[0].shape.rank;
  if (!status && leat__dims_count(rank, dims) != c->in[0]->count)
    status = leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "%lld elements into another number",
                            (long long)c->in[0]->count);
  if (!status) status = leat__call_dense(c, 0, &x);
  if (!status) {
    leat__strides_dense(rank, dims, strides);
    status = leat_tensor_view(&c->out[0], x, rank, dims, strides, 0, c->err);
  }
  leat_tensor_unref(x);
  return status;
}

leat_status leat__eval_reshape_dynamic(leat_call *c) {
  leat_tensor *dims = NULL;
  leat_status status = leat__call_dense(c, 1, &dims);
  const leat_shape *shape = &c->node->types[0].shape;
  const leat_func *func = c->node->owner;
  for (int i = 0; !status && i < shape->rank; i++) {
    int64_t size = ((int64_t *)dims->data)[i];
    leat_dim dim = shape->dims[i];
    bool symbol = dim < 0 && leat__dim_expr(func->graph, dim)->op == DIM_SYMBOL;
    if (symbol && c->env[leat__dim_slot(dim)] == INT64_MIN) c->env[leat__dim_slot(dim)] = size;
    if (size < 0 || leat__call_dim(c, dim) != size)
      status = leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "size %lld of axis %d does not fit",
                              (long long)size, i);
  }
  leat_tensor_unref(dims);
  return status ? status : leat__eval_reshape(c);
}

leat_status leat__eval_transpose(leat_call *c) {
  const leat_tensor *x = c->in[0];
  int64_t dims[LEAT_MAX_RANK], strides[LEAT_MAX_RANK];
  for (int i = 0; i < x->rank; i++) {
    dims[i] = x->dims[c->node->attrs[0].ints[i]];
    strides[i] = x->strides[c->node->attrs[0].ints[i]];
  }
  return leat_tensor_view(&c->out[0], c->in[0], x->rank, dims, strides, 0, c->err);
}

leat_status leat__eval_broadcast(leat_call *c) {
  const leat_tensor *x = c->in[0];
  int64_t dims[LEAT_MAX_RANK], strides[LEAT_MAX_RANK] = {0};
  leat_status status = leat__call_dims(c, 0, dims);
  for (int i = 0; !status && i < x->rank; i++) {
    int64_t to = c->node->attrs[1].ints[i];
    if (x->dims[i] != 1) strides[to] = x->strides[i];
  }
  if (status) return status;
  return leat_tensor_view(&c->out[0], c->in[0], c->node->types[0].shape.rank, dims, strides, 0,
                          c->err);
}

leat_status leat__eval_slice(leat_call *c) {
  const leat_tensor *x = c->in[0];
  int64_t dims[LEAT_MAX_RANK], strides[LEAT_MAX_RANK], offset = 0;
  leat_status status = leat__call_dims(c, 0, dims);
  for (int i = 0; !status && i < x->rank; i++) {
    int64_t start = leat__call_dim(c, c->node->attrs[0].ints[i]);
    int64_t limit = leat__call_dim(c, c->node->attrs[1].ints[i]);
    if (start < 0 || limit < start || limit > x->dims[i])
      status = leat_error_set(c->err, LEAT_OUT_OF_RANGE, "[%lld, %lld) of an axis of %lld",
                              (long long)start, (long long)limit, (long long)x->dims[i]);
    if (dims[i]) offset += start * x->strides[i];
    strides[i] = x->strides[i] * c->node->attrs[2].ints[i];
  }
  if (status) return status;
  for (int i = 0; i < x->rank; i++)
    if (dims[i] == 0) offset = 0;
  return leat_tensor_view(&c->out[0], c->in[0], x->rank, dims, strides, offset, c->err);
}

leat_status leat__eval_reverse(leat_call *c) {
  const leat_tensor *x = c->in[0];
  int64_t strides[LEAT_MAX_RANK], offset = 0;
  memcpy(strides, x->strides, sizeof strides);
  for (int64_t i = 0; i < c->node->attrs[0].count && x->count; i++) {
    int64_t axis = c->node->attrs[0].ints[i];
    offset += (x->dims[axis] - 1) * strides[axis];
    strides[axis] = -strides[axis];
  }
  return leat_tensor_view(&c->out[0], c->in[0], x->rank, x->dims, strides, offset, c->err);
}

// --- Copies between strided blocks --------------------------------------------------------------
typedef struct block_copy {
  leat_loop loop;
  char *to;
  const char *from;
  size_t width;
} block_copy;

static void copy_run(void *ctx, const int64_t *offsets) {
  block_copy *b = ctx;
  int64_t n = leat__loop_inner(&b->loop), to_step = leat__loop_step(&b->loop, 0);
  int64_t from_step = leat__loop_step(&b->loop, 1), width = (int64_t)b->width;
  char *to = b->to + offsets[0] * width;
  const char *from = b->from + offsets[1] * width;
  if (to_step == 1 && from_step == 1) {
    memcpy(to, from, (size_t)(n * width));
    return;
  }
  for (int64_t i = 0; i < n; i++, to += to_step * width, from += from_step * width)
    memcpy(to, from, (size_t)width);
}

static void copy_block(int rank, const int64_t *dims, char *to, const int64_t *to_strides,
                       const char *from, const int64_t *from_strides, size_t width) {
  block_copy b = {.to = to, .from = from, .width = width};
  const int64_t *strides[] = {to_strides, from_strides};
  for (int i = 0; i < rank; i++)
    if (dims[i] == 0) return;
  leat__loop_init(&b.loop, rank, dims, 2, strides);
  leat__loop_run(&b.loop, copy_run, &b);
}

// Starts of a block, clamped so that it lies inside x.
static leat_status read_starts(leat_call *c, int operand, const leat_tensor *x,
                               const int64_t *block, int64_t *start) {
  leat_tensor *starts = NULL;
  leat_status status = leat__call_dense(c, operand, &starts);
  for (int i = 0; !status && i < x->rank; i++) {
    int64_t last = x->dims[i] - block[i], at = ((int64_t *)starts->data)[i];
    if (last < 0)
      status = leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "axis %d: a block of %lld in %lld", i,
                              (long long)block[i], (long long)x->dims[i]);
    start[i] = at < 0 ? 0 : at > last ? last : at;
  }
  leat_tensor_unref(starts);
  return status;
}

leat_status leat__eval_dynamic_slice(leat_call *c) {
  const leat_tensor *x = c->in[0];
  int64_t dims[LEAT_MAX_RANK], start[LEAT_MAX_RANK], offset = 0;
  leat_status status = leat__call_dims(c, 0, dims);
  if (!status) status = read_starts(c, 1, x, dims, start);
  if (status) return status;
  for (int i = 0; i < x->rank; i++) offset += start[i] * x->strides[i];
  if (leat__dims_count(x->rank, dims) == 0) offset = 0;
  return leat_tensor_view(&c->out[0], c->in[0], x->rank, dims, x->strides, offset, c->err);
}

leat_status leat__eval_dynamic_update(leat_call *c) {
  const leat_tensor *y = c->in[1];
  int64_t start[LEAT_MAX_RANK], offset = 0;
  leat_status status = read_starts(c, 2, c->in[0], y->dims, start);
  if (!status) status = leat_tensor_clone(&c->out[0], c->in[0], c->err);
  if (status) return status;
  leat_tensor *out = c->out[0];
  size_t width = leat_dtype_bytes(out->dtype);
  if (out->dtype == LEAT_DTYPE_STRING)
    return leat_error_set(c->err, LEAT_UNIMPLEMENTED, "strings cannot be updated in place");
  for (int i = 0; i < out->rank; i++) offset += start[i] * out->strides[i];
  copy_block(out->rank, y->dims, (char *)out->data + offset * (int64_t)width, out->strides, y->data,
             y->strides, width);
  return LEAT_OK;
}

// --- Pad and concat -----------------------------------------------------------------------------
static void fill(leat_tensor *out, const void *value) {
  size_t width = leat_dtype_bytes(out->dtype);
  char *to = out->data;
  for (int64_t i = 0; i < out->count; i++, to += width) memcpy(to, value, width);
}

leat_status leat__eval_pad(leat_call *c) {
  const leat_tensor *x = c->in[0];
  leat_status status = leat__call_new(c, 0);
  if (status) return status;
  leat_tensor *out = c->out[0];
  if (out->dtype == LEAT_DTYPE_STRING)
    return leat_error_set(c->err, LEAT_UNIMPLEMENTED, "strings cannot be padded");
  fill(out, c->in[1]->data);
  int64_t dims[LEAT_MAX_RANK], to_strides[LEAT_MAX_RANK], to = 0, from = 0;
  for (int i = 0; i < x->rank; i++) {
    int64_t low = c->node->attrs[0].ints[i], step = c->node->attrs[2].ints[i] + 1;
    int64_t first = low < 0 ? (-low + step - 1) / step : 0;  // elements cropped in front
    int64_t room = out->dims[i] - 1 - low;
    int64_t last = room < 0 ? -1 : room / step;  // greatest index that still fits
    if (last > x->dims[i] - 1) last = x->dims[i] - 1;
    dims[i] = last >= first ? last - first + 1 : 0;
    to += (low + first * step) * out->strides[i];
    from += first * x->strides[i];
    to_strides[i] = step * out->strides[i];
    if (dims[i] == 0) return LEAT_OK;
  }
  size_t width = leat_dtype_bytes(out->dtype);
  copy_block(x->rank, dims, (char *)out->data + to * (int64_t)width, to_strides,
             (char *)x->data + from * (int64_t)width, x->strides, width);
  return LEAT_OK;
}

static leat_status concat_strings(leat_call *c) {
  int64_t dims[LEAT_MAX_RANK], axis = c->node->attrs[0].i, outer = 1, at = 0;
  leat_status status = leat__call_dims(c, 0, dims);
  int rank = c->node->types[0].shape.rank;
  int64_t count = status ? 0 : leat__dims_count(rank, dims);
  leat_str *all = leat__alloc(sizeof *all * (size_t)(count + 1));
  leat_tensor **in = leat__calloc((size_t)c->node->input_count + 1, sizeof *in);
  if (!status && (!all || !in)) status = leat__oom(c->err, sizeof *all * (size_t)count);
  for (int i = 0; !status && i < c->node->input_count; i++) status = leat__call_dense(c, i, &in[i]);
  for (int i = 0; i < axis; i++) outer *= dims[i];
  for (int64_t o = 0; !status && o < outer; o++)
    for (int i = 0; i < c->node->input_count; i++) {
      int64_t run = outer ? in[i]->count / outer : 0;
      for (int64_t k = 0; k < run; k++) all[at++] = leat_tensor_str(in[i], o * run + k);
    }
  if (!status) status = leat_tensor_new_strings(&c->out[0], rank, dims, all, c->err);
  for (int i = 0; in && i < c->node->input_count; i++) leat_tensor_unref(in[i]);
  leat__free(in);
  leat__free(all);
  return status;
}

leat_status leat__eval_concat(leat_call *c) {
  if (c->in[0]->dtype == LEAT_DTYPE_STRING) return concat_strings(c);
  leat_status status = leat__call_new(c, 0);
  if (status) return status;
  leat_tensor *out = c->out[0];
  int64_t axis = c->node->attrs[0].i, at = 0;
  size_t width = leat_dtype_bytes(out->dtype);
  for (int i = 0; i < c->node->input_count; i++) {
    const leat_tensor *x = c->in[i];
    copy_block(x->rank, x->dims, (char *)out->data + at * out->strides[axis] * (int64_t)width,
               out->strides, x->data, x->strides, width);
    at += x->dims[axis];
  }
  return LEAT_OK;
}
