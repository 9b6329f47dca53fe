// Gathers, scatters, segments, sorting, and updates of single rows of variables.
// SPDX-License-Identifier: Apache-2.0
#include "engine/small.h"

#include <stdlib.h>

// Dense i64 indices of operand i, whatever integer type it has.
static leat_status read_index(leat_call *c, int i, leat_tensor **out) {
  leat_tensor *dense = NULL;
  leat_status status = leat__call_dense(c, i, &dense);
  if (!status && dense->dtype == LEAT_DTYPE_I64) return *out = dense, LEAT_OK;
  if (!status) status = leat_tensor_new(out, LEAT_DTYPE_I64, dense->rank, dense->dims, c->err);
  for (int64_t k = 0; !status && k < dense->count; k++)
    ((int64_t *)(*out)->data)[k] = ((int32_t *)dense->data)[k];
  leat_tensor_unref(dense);
  return status;
}

// Brings an index into [0, n) as the mode says; -1 = skip.
static leat_status place(leat_call *c, int64_t mode, int64_t n, int64_t at, int64_t position,
                         int64_t *out) {
  if (at >= 0 && at < n) return *out = at, LEAT_OK;
  if (mode == MODE_CLAMP && n > 0) return *out = at < 0 ? 0 : n - 1, LEAT_OK;
  if (mode == MODE_ZERO) return *out = -1, LEAT_OK;
  return leat_error_set(c->err, LEAT_OUT_OF_RANGE, "index %lld (number %lld) is not in [0, %lld)",
                        (long long)at, (long long)position, (long long)n);
}

typedef struct slabs {
  int64_t outer, n, inner, count;  // x is (outer, n, inner); count indices
} slabs;

static slabs slabs_of(const leat_tensor *x, int64_t axis, const leat_tensor *index) {
  slabs s = {1, x->dims[axis], 1, index->count};
  for (int i = 0; i < axis; i++) s.outer *= x->dims[i];
  for (int i = (int)axis + 1; i < x->rank; i++) s.inner *= x->dims[i];
  return s;
}

static leat_status gather_strings(leat_call *c, leat_tensor *x, leat_tensor *index) {
  int64_t dims[LEAT_MAX_RANK], mode = c->node->attrs[1].i, at = -1;
  slabs s = slabs_of(x, c->node->attrs[0].i, index);
  leat_status status = leat__call_dims(c, 0, dims);
  size_t total = (size_t)(s.outer * s.count * s.inner);
  leat_str *out = leat__calloc(total + 1, sizeof *out);
  if (!status && !out) status = leat__oom(c->err, total * sizeof *out);
  for (int64_t o = 0, to = 0; !status && o < s.outer; o++)
    for (int64_t k = 0; !status && k < s.count; k++, to += s.inner) {
      status = place(c, mode, s.n, ((int64_t *)index->data)[k], k, &at);
      for (int64_t i = 0; !status && at >= 0 && i < s.inner; i++)
        out[to + i] = leat_tensor_str(x, (o * s.n + at) * s.inner + i);
    }
  if (!status)
    status = leat_tensor_new_strings(&c->out[0], c->node->types[0].shape.rank, dims, out, c->err);
  leat__free(out);
  return status;
}

leat_status leat__eval_gather(leat_call *c) {
  leat_tensor *x = NULL, *index = NULL;
  leat_status status = leat__call_dense(c, 0, &x);
  int64_t axis = c->node->attrs[0].i, mode = c->node->attrs[1].i, at = -1;
  if (!status) status = read_index(c, 1, &index);
  if (!status && x->dtype == LEAT_DTYPE_STRING)
    status = gather_strings(c, x, index);
  else if (!status && !(status = leat__call_new(c, 0))) {
    slabs s = slabs_of(x, axis, index);
    size_t slab = (size_t)s.inner * leat_dtype_bytes(x->dtype);
    char *to = c->out[0]->data;
    for (int64_t o = 0; !status && o < s.outer; o++)
      for (int64_t k = 0; !status && k < s.count; k++, to += slab) {
        status = place(c, mode, s.n, ((int64_t *)index->data)[k], k, &at);
        if (status) break;
        if (at < 0)
          memset(to, 0, slab);
        else
          memcpy(to, (char *)x->data + (size_t)(o * s.n + at) * slab, slab);
      }
  }
  leat_tensor_unref(x);
  leat_tensor_unref(index);
  return status;
}

// out = out (kind) y over n elements of a computed type.
static void combine_slab(leat_dtype dtype, int64_t kind, void *out, const void *y, size_t n) {
  static const leat_vec_binary ids[] = {
      [SCATTER_ADD] = VEC_ADD, [SCATTER_MIN] = VEC_MIN, [SCATTER_MAX] = VEC_MAX};
  const leat_vec *vec = leat__vec();
  if (kind == SCATTER_SET) {
    memcpy(out, y, n * leat_dtype_bytes(dtype));
  } else if (dtype == LEAT_DTYPE_F32) {
    vec->binary_f32[ids[kind]](out, out, 1, y, 1, n);
  } else if (dtype == LEAT_DTYPE_F64) {
    vec->binary_f64[ids[kind]](out, out, 1, y, 1, n);
  } else {
    size_t width = leat_dtype_bytes(dtype);
    bool is_signed = leat_dtype_kind_of(dtype) == LEAT_KIND_INT;
    for (size_t i = 0; i < n; i++) {
      char *to = (char *)out + i * width;
      uint64_t a = leat__load_integer(dtype, to),
               b = leat__load_integer(dtype, (const char *)y + i * width);
      bool less = is_signed ? (int64_t)b < (int64_t)a : b < a;
      uint64_t r = kind == SCATTER_ADD ? a + b : (kind == SCATTER_MIN) == less ? b : a;
      memcpy(to, &r, width);
    }
  }
}

leat_status leat__eval_scatter(leat_call *c) {
  leat_tensor *x = NULL, *y = NULL, *index = NULL, *out = NULL, *wide[2] = {NULL};
  int64_t axis = c->node->attrs[0].i, kind = c->node->attrs[1].i, mode = c->node->attrs[2].i,
          at = -1;
  if (c->in[0]->dtype == LEAT_DTYPE_STRING)
    return leat_error_set(c->err, LEAT_UNIMPLEMENTED, "strings cannot be scattered");
  leat_status status = read_index(c, 1, &index);
  if (!status) status = leat__widened(c->in[0], &wide[0], c->err);
  if (!status) status = leat__widened(c->in[2], &wide[1], c->err);
  if (!status) status = leat_tensor_dense(&y, wide[1], c->err);
  bool small = !status && wide[0] != c->in[0];
  if (!status && !small && leat__call_can_reuse(c, 0, 0))
    out = leat_tensor_ref(c->in[0]);
  else if (!status)
    status = leat_tensor_clone(&out, wide[0], c->err);
  if (!status) {
    slabs s = slabs_of(out, axis, index);
    size_t slab = (size_t)s.inner * leat_dtype_bytes(out->dtype);
    const char *from = y->data;
    for (int64_t o = 0; !status && o < s.outer; o++)
      for (int64_t k = 0; !status && k < s.count; k++, from += slab) {
        status = place(c, mode, s.n, ((int64_t *)index->data)[k], k, &at);
        if (!status && at >= 0)
          combine_slab(out->dtype, kind, (char *)out->data + (size_t)(o * s.n + at) * slab, from,
                       (size_t)s.inner);
      }
  }
  if (!status && small) {
    status = leat__call_new(c, 0);
    if (!status) leat__narrow_into(c->out[0], out);
  } else if (!status) {
    c->out[0] = leat_tensor_ref(out);
  }
  leat_tensor_unref(x);
  leat_tensor_unref(y);
  leat_tensor_unref(index);
  leat_tensor_unref(out);
  leat_tensor_unref(wide[0]);
  leat_tensor_unref(wide[1]);
  return status;
}

// --- Segments -----------------------------------------------------------------------------------
static void fill_identity(leat_tensor *out, int64_t kind) {
  leat_dtype dtype = out->dtype;
  bool is_signed = leat_dtype_kind_of(dtype) == LEAT_KIND_INT;
  int bits = leat_dtype_bits(dtype);
  uint64_t whole = kind == REDUCE_PROD ? 1 : 0;
  if (kind == REDUCE_MAX) whole = is_signed ? (uint64_t)(INT64_MIN >> (64 - bits)) : 0;
  if (kind == REDUCE_MIN)
    whole = is_signed ? (uint64_t)INT64_MAX >> (64 - bits) : UINT64_MAX >> (64 - bits);
  double real = kind == REDUCE_PROD  ? 1
                : kind == REDUCE_MAX ? -__builtin_inf()
                : kind == REDUCE_MIN ? __builtin_inf()
                                     : 0;
  for (int64_t i = 0; i < out->count; i++) {
    if (dtype == LEAT_DTYPE_F32)
      ((float *)out->data)[i] = (float)real;
    else if (dtype == LEAT_DTYPE_F64)
      ((double *)out->data)[i] = real;
    else
      memcpy((char *)out->data + (size_t)i * (size_t)bits / 8, &whole, (size_t)bits / 8);
  }
}

static void segment_rows(const leat_tensor *x, const leat_tensor *ids, int64_t kind,
                         leat_tensor *out) {
  static const int64_t kinds[] = {
      [REDUCE_SUM] = SCATTER_ADD, [REDUCE_MAX] = SCATTER_MAX, [REDUCE_MIN] = SCATTER_MIN};
  int64_t n = out->dims[0], inner = n ? out->count / n : 0;
  size_t width = leat_dtype_bytes(x->dtype), slab = (size_t)inner * width;
  const leat_vec *vec = leat__vec();
  fill_identity(out, kind);
  for (int64_t k = 0; k < ids->count; k++) {
    int64_t id = ((int64_t *)ids->data)[k];
    if (id < 0 || id >= n) continue;
    void *to = (char *)out->data + (size_t)id * slab;
    const void *from = (char *)x->data + (size_t)k * slab;
    if (kind != REDUCE_PROD)
      combine_slab(x->dtype, kinds[kind], to, from, (size_t)inner);
    else if (x->dtype == LEAT_DTYPE_F32)
      vec->binary_f32[VEC_MUL](to, to, 1, from, 1, (size_t)inner);
    else if (x->dtype == LEAT_DTYPE_F64)
      vec->binary_f64[VEC_MUL](to, to, 1, from, 1, (size_t)inner);
    else
      for (int64_t i = 0; i < inner; i++) {
        char *at = (char *)to + (size_t)i * width;
        uint64_t r = leat__load_integer(x->dtype, at) *
                     leat__load_integer(x->dtype, (const char *)from + (size_t)i * width);
        memcpy(at, &r, width);
      }
  }
}

leat_status leat__eval_segment_reduce(leat_call *c) {
  leat_tensor *ids = NULL, *wide = NULL, *x = NULL, *out = NULL;
  leat_status status = read_index(c, 1, &ids);
  if (!status) status = leat__widened(c->in[0], &wide, c->err);
  if (!status) status = leat_tensor_dense(&x, wide, c->err);
  if (!status) status = leat__call_new(c, 0);
  if (!status && x->dtype == c->out[0]->dtype)
    segment_rows(x, ids, c->node->attrs[0].i, c->out[0]);
  else if (!status) {
    status = leat_tensor_new(&out, x->dtype, c->out[0]->rank, c->out[0]->dims, c->err);
    if (!status) segment_rows(x, ids, c->node->attrs[0].i, out);
    if (!status) leat__narrow_into(c->out[0], out);
  }
  leat_tensor_unref(ids);
  leat_tensor_unref(wide);
  leat_tensor_unref(x);
  leat_tensor_unref(out);
  return status;
}

leat_status leat__eval_nonzero(leat_call *c) {
  leat_tensor *x = NULL;
  leat_status status = leat__call_dense(c, 0, &x);
  if (status) return status;
  size_t width = leat_dtype_bytes(x->dtype);
  bool is_float = leat_dtype_is_float(x->dtype);
  uint64_t mask = is_float ? (UINT64_MAX >> (65 - leat_dtype_bits(x->dtype))) : UINT64_MAX;
  int64_t count = 0;
  for (int64_t i = 0; i < x->count; i++)
    count += (leat__load_bits(x->dtype, (char *)x->data + (size_t)i * width) & mask) != 0;
  c->env[leat__dim_slot(c->node->attrs[0].i)] = count;
  status = leat__call_new(c, 0);
  for (int64_t i = 0, to = 0; !status && i < x->count; i++)
    if (leat__load_bits(x->dtype, (char *)x->data + (size_t)i * width) & mask)
      ((int64_t *)c->out[0]->data)[to++] = i;
  leat_tensor_unref(x);
  return status;
}

// --- Sorting ------------------------------------------------------------------------------------
typedef struct keyed {
  uint64_t key;
  int64_t position;
} keyed;

static int by_key(const void *a, const void *b) {
  const keyed *x = a, *y = b;
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->position < y->position ? -1 : x->position > y->position;
}

// Sorts the n elements at `from` (a stride apart) and writes the first k with their positions.
static void sort_line(leat_dtype dtype, const char *from, int64_t stride, int64_t n,
                      bool descending, bool nan_first, keyed *work, char *values,
                      int64_t *positions, int64_t out_stride, int64_t k) {
  size_t width = leat_dtype_bytes(dtype);
  for (int64_t i = 0; i < n; i++) {
    const char *at = from + i * stride * (int64_t)width;
    bool nan = leat__is_nan(dtype, at);
    uint64_t key = leat__order_key(dtype, at);
    if (descending) key = nan ? (nan_first ? 0 : UINT64_MAX) : UINT64_MAX - key;
    work[i] = (keyed){key, i};
  }
  qsort(work, (size_t)n, sizeof *work, by_key);
  for (int64_t i = 0; i < k; i++) {
    const char *at = from + work[i].position * stride * (int64_t)width;
    memcpy(values + i * out_stride * (int64_t)width, at, width);
    positions[i * out_stride] = work[i].position;
  }
}

static leat_status sort_axis(leat_call *c, int64_t axis, bool descending, bool nan_first) {
  leat_tensor *x = NULL;
  leat_status status = leat__call_dense(c, 0, &x);
  if (!status) status = leat__call_new(c, 0);
  if (!status) status = leat__call_new(c, 1);
  int64_t n = status ? 0 : x->dims[axis], k = status ? 0 : c->out[0]->dims[axis], outer = 1,
          inner = 1;
  for (int i = 0; !status && i < x->rank; i++) {
    if (i < axis) outer *= x->dims[i];
    if (i > axis) inner *= x->dims[i];
  }
  keyed *work = status ? NULL : leat__alloc(sizeof *work * (size_t)(n + 1));
  if (!status && !work) status = leat__oom(c->err, sizeof *work * (size_t)n);
  if (!status && k > n)
    status = leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "%lld of %lld elements", (long long)k,
                            (long long)n);
  size_t width = status ? 0 : leat_dtype_bytes(x->dtype);
  for (int64_t o = 0; !status && o < outer; o++)
    for (int64_t i = 0; i < inner; i++)
      sort_line(x->dtype, (char *)x->data + (size_t)(o * n * inner + i) * width, inner, n,
                descending, nan_first, work,
                (char *)c->out[0]->data + (size_t)(o * k * inner + i) * width,
                (int64_t *)c->out[1]->data + o * k * inner + i, inner, k);
  leat__free(work);
  leat_tensor_unref(x);
  return status;
}

leat_status leat__eval_sort(leat_call *c) {
  return sort_axis(c, c->node->attrs[0].i, c->node->attrs[1].i, false);
}

leat_status leat__eval_top_k(leat_call *c) { return sort_axis(c, c->in[0]->rank - 1, true, true); }

// --- Row updates --------------------------------------------------------------------------------
// Distinct ids in order of first appearance, and for each position its row among them (-1:
// dropped).
typedef struct distinct {
  int64_t *ids, *row_of;
  int64_t count;
} distinct;

static bool find_distinct(const leat_tensor *ids, int64_t limit, distinct *d) {
  size_t n = (size_t)ids->count, slots = 16;
  while (slots < n * 2) slots *= 2;
  d->ids = leat__alloc(sizeof *d->ids * (n + 1));
  d->row_of = leat__alloc(sizeof *d->row_of * (n + 1));
  int64_t *table = leat__calloc(slots, sizeof *table);  // row + 1
  d->count = 0;
  for (size_t i = 0; d->ids && d->row_of && table && i < n; i++) {
    int64_t id = ((int64_t *)ids->data)[i];
    d->row_of[i] = -1;
    if (id < 0 || id >= limit) continue;
    size_t at = ((uint64_t)id * 0x9E3779B97F4A7C15u) >> 20 & (slots - 1);
    while (table[at] && d->ids[table[at] - 1] != id) at = (at + 1) & (slots - 1);
    if (!table[at]) {
      d->ids[d->count++] = id;
      table[at] = d->count;
    }
    d->row_of[i] = table[at] - 1;
  }
  bool good = d->ids && d->row_of && table;
  leat__free(table);
  return good;
}

static leat_status sum_rows(leat_call *c, const leat_tensor *rows, const distinct *d,
                            leat_tensor **out) {
  int64_t dims[LEAT_MAX_RANK];
  memcpy(dims, rows->dims, sizeof dims);
  dims[0] = d->count;
  leat_status status = leat_tensor_new(out, rows->dtype, rows->rank, dims, c->err);
  if (status) return status;
  int64_t inner = d->count ? (*out)->count / d->count : 0;
  size_t slab = (size_t)inner * leat_dtype_bytes(rows->dtype);
  int64_t seen = 0;  // a row's first part starts its sum, so that a lone -0 stays -0
  for (int64_t i = 0; i < rows->dims[0]; i++) {
    if (d->row_of[i] < 0) continue;
    char *to = (char *)(*out)->data + (size_t)d->row_of[i] * slab;
    const char *from = (const char *)rows->data + (size_t)i * slab;
    if (d->row_of[i] == seen) {
      memcpy(to, from, slab);
      seen++;
    } else
      combine_slab(rows->dtype, SCATTER_ADD, to, from, (size_t)inner);
  }
  return LEAT_OK;
}

static leat_status take_rows(leat_call *c, const leat_tensor *table, const distinct *d,
                             leat_tensor **out) {
  int64_t dims[LEAT_MAX_RANK];
  memcpy(dims, table->dims, sizeof dims);
  dims[0] = d->count;
  leat_status status = leat_tensor_new(out, table->dtype, table->rank, dims, c->err);
  size_t slab =
      table->dims[0] ? (size_t)(table->count / table->dims[0]) * leat_dtype_bytes(table->dtype) : 0;
  for (int64_t i = 0; !status && i < d->count; i++)
    memcpy((char *)(*out)->data + (size_t)i * slab, (char *)table->data + (size_t)d->ids[i] * slab,
           slab);
  return status;
}

// Puts rows back; a variable whose tensor somebody else holds is copied first.
static leat_status put_rows(leat_call *c, leat_var *var, const leat_tensor *rows,
                            const distinct *d) {
  leat_tensor *table = leat_state_get(c->state, var), *own = NULL, *dense = NULL;
  bool shared = atomic_load(&table->refs) > 1 || atomic_load(&table->buffer->refs) > 1 ||
                table->buffer->release || !leat_tensor_is_dense(table);
  leat_status status = leat_tensor_dense(&dense, (leat_tensor *)(uintptr_t)rows, c->err);
  if (!status && shared) {
    status = leat_tensor_clone(&own, table, c->err);
    if (!status) status = leat_state_set(c->state, var, own, c->err);
    table = own;
  }
  size_t slab = !status && table->dims[0]
                    ? (size_t)(table->count / table->dims[0]) * leat_dtype_bytes(table->dtype)
                    : 0;
  for (int64_t i = 0; !status && i < d->count; i++)
    memcpy((char *)table->data + (size_t)d->ids[i] * slab, (char *)dense->data + (size_t)i * slab,
           slab);
  leat_tensor_unref(own);
  leat_tensor_unref(dense);
  return status;
}

leat_status leat__eval_row_update(leat_call *c) {
  const leat_attr *vars = &c->node->attrs[0];
  leat_func *func = c->node->attrs[1].func;
  int captures = c->node->input_count - 2, count = (int)vars->count + 1 + captures;
  leat_tensor *ids = NULL, *rows = NULL;
  leat_tensor **args = leat__calloc((size_t)count + (size_t)vars->count + 1, sizeof *args);
  leat_tensor **results = args ? args + count : NULL;
  distinct d = {0};
  leat_status status = args ? LEAT_OK : leat__oom(c->err, sizeof *args);
  for (int64_t i = 0; !status && i < vars->count; i++)
    if (!c->state || !leat_state_get(c->state, vars->vars[i]))
      status = leat_error_set(c->err, LEAT_FAILED_PRECONDITION, "variable '%s' has no value",
                              vars->vars[i]->name);
  if (!status) status = leat__call_dense(c, 0, &ids);
  if (!status) status = leat__call_dense(c, 1, &rows);
  if (!status && !find_distinct(ids, vars->vars[0]->type.shape.dims[0], &d))
    status = leat__oom(c->err, sizeof *ids);
  for (int64_t i = 0; !status && i < vars->count; i++)
    status = take_rows(c, leat_state_get(c->state, vars->vars[i]), &d, &args[i]);
  if (!status) status = sum_rows(c, rows, &d, &args[vars->count]);
  for (int i = 0; !status && i < captures; i++)
    args[vars->count + 1 + i] = leat_tensor_ref(c->in[2 + i]);
  if (!status && d.count) status = leat__call_func(c, func, args, count, results);
  for (int64_t i = 0; !status && d.count && i < vars->count; i++)
    status = put_rows(c, vars->vars[i], results[i], &d);
  for (int i = 0; args && i < count + (int)vars->count; i++) leat_tensor_unref(args[i]);
  leat__free(args);
  leat__free(d.ids);
  leat__free(d.row_of);
  leat_tensor_unref(ids);
  leat_tensor_unref(rows);
  return status;
}
