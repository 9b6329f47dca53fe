// Reductions, arg-reductions, prefix scans and windows.
// SPDX-License-Identifier: Apache-2.0
#include "engine/eval.h"
#include "engine/small.h"
#include "engine/vec.h"

// --- Reductions over axes -----------------------------------------------------------------------
// Splits a tensor's axes into kept and reduced, each merged where memory allows it.
typedef struct reduction {
  leat_loop kept, reduced;  // one operand each
} reduction;

static void split_axes(const leat_tensor *x, const leat_attr *axes, reduction *r) {
  int64_t dims[2][LEAT_MAX_RANK], strides[2][LEAT_MAX_RANK];
  int rank[2] = {0, 0};
  for (int i = 0; i < x->rank; i++) {
    int part = 0;
    for (int64_t j = 0; j < axes->count; j++) part |= axes->ints[j] == i;
    dims[part][rank[part]] = x->dims[i];
    strides[part][rank[part]++] = x->strides[i];
  }
  const int64_t *kept[] = {strides[0]}, *reduced[] = {strides[1]};
  leat__loop_init(&r->kept, rank[0], dims[0], 1, kept);
  leat__loop_init(&r->reduced, rank[1], dims[1], 1, reduced);
}

static int64_t loop_count(const leat_loop *loop) {
  int64_t n = 1;
  for (int i = 0; i < loop->rank; i++) n *= loop->dims[i];
  return n;
}

// Copies the strided elements of a loop to contiguous memory.
typedef struct gatherer {
  const leat_loop *loop;
  const char *from;
  char *to;
  size_t width;
} gatherer;

static void gather_run(void *ctx, const int64_t *offsets) {
  gatherer *g = ctx;
  int64_t n = leat__loop_inner(g->loop), step = leat__loop_step(g->loop, 0);
  const char *at = g->from + offsets[0] * (int64_t)g->width;
  for (int64_t i = 0; i < n; i++, at += step * (int64_t)g->width, g->to += g->width)
    memcpy(g->to, at, g->width);
}

static void gather_all(const leat_loop *loop, const char *from, char *to, size_t width) {
  gatherer g = {loop, from, to, width};
  if (loop_count(loop)) leat__loop_run(loop, gather_run, &g);
}

// Integers wrap, so the order does not matter.
static void reduce_integers(leat_op op, leat_dtype dtype, const char *x, int64_t n, char *out) {
  size_t width = leat_dtype_bytes(dtype);
  bool is_signed = leat_dtype_kind_of(dtype) == LEAT_KIND_INT;
  uint64_t acc = op == LEAT_OP_reduce_prod ? 1 : 0;
  int bits = leat_dtype_bits(dtype);
  if (op == LEAT_OP_reduce_and) acc = dtype == LEAT_DTYPE_BOOL ? 1 : UINT64_MAX;
  if (op == LEAT_OP_reduce_max) acc = is_signed ? (uint64_t)(INT64_MIN >> (64 - bits)) : 0;
  if (op == LEAT_OP_reduce_min)
    acc = is_signed ? (uint64_t)INT64_MAX >> (64 - bits) : UINT64_MAX >> (64 - bits);
  for (int64_t i = 0; i < n; i++, x += width) {
    uint64_t v = leat__load_integer(dtype, x);
    bool less = is_signed ? (int64_t)v < (int64_t)acc : v < acc;
    switch (op) {
      case LEAT_OP_reduce_sum: acc += v; break;
      case LEAT_OP_reduce_prod: acc *= v; break;
      case LEAT_OP_reduce_and: acc &= v; break;
      case LEAT_OP_reduce_or: acc |= v; break;
      case LEAT_OP_reduce_max: acc = less ? acc : v; break;
      default: acc = less ? v : acc; break;
    }
  }
  memcpy(out, &acc, width);
}

static leat_vec_reduce vec_id(leat_op op) {
  switch (op) {
    case LEAT_OP_reduce_sum: return VEC_SUM;
    case LEAT_OP_reduce_prod: return VEC_PROD;
    case LEAT_OP_reduce_max: return VEC_RMAX;
    default: return VEC_RMIN;
  }
}

typedef struct reducer {
  leat_op op;
  leat_dtype dtype;  // as computed: f32 for the small floats
  const leat_loop *kept, *reduced;
  const char *from;
  char *to, *piece;  // piece: room for one gathered group, NULL when the group is contiguous
  int64_t n;
  size_t width;
} reducer;

static void reduce_one(reducer *r, const char *x, char *out) {
  const leat_vec *vec = leat__vec();
  if (r->dtype == LEAT_DTYPE_F32)
    *(float *)(void *)out =
        vec->reduce_f32[vec_id(r->op)]((const float *)(const void *)x, (size_t)r->n);
  else if (r->dtype == LEAT_DTYPE_F64)
    *(double *)(void *)out =
        vec->reduce_f64[vec_id(r->op)]((const double *)(const void *)x, (size_t)r->n);
  else
    reduce_integers(r->op, r->dtype, x, r->n, out);
}

static void reduce_run(void *ctx, const int64_t *offsets) {
  reducer *r = ctx;
  int64_t count = leat__loop_inner(r->kept), step = leat__loop_step(r->kept, 0);
  const char *from = r->from + offsets[0] * (int64_t)r->width;
  bool columns = step == 1 && r->reduced->rank == 1 && count > 1;
  if (columns && r->dtype == LEAT_DTYPE_F32) {
    leat__vec()->reduce_cols_f32[vec_id(r->op)](
        (float *)(void *)r->to, (const float *)(const void *)from, r->reduced->strides[0][0],
        (size_t)r->n, (size_t)count);
    r->to += (size_t)count * r->width;
    return;
  }
  if (columns && r->dtype == LEAT_DTYPE_F64) {
    leat__vec()->reduce_cols_f64[vec_id(r->op)](
        (double *)(void *)r->to, (const double *)(const void *)from, r->reduced->strides[0][0],
        (size_t)r->n, (size_t)count);
    r->to += (size_t)count * r->width;
    return;
  }
  for (int64_t i = 0; i < count; i++, r->to += r->width) {
    const char *group = from + i * step * (int64_t)r->width;
    if (r->piece) {
      gather_all(r->reduced, group, r->piece, r->width);
      group = r->piece;
    }
    reduce_one(r, group, r->to);
  }
}

// x is f32, f64, an integer type or bool; out is dense of x's type.
static leat_status reduce_tensor(leat_call *c, const leat_tensor *x, leat_tensor *out) {
  reduction parts;
  split_axes(x, &c->node->attrs[0], &parts);
  reducer r = {.op = c->node->op,
               .dtype = x->dtype,
               .kept = &parts.kept,
               .reduced = &parts.reduced,
               .from = x->data,
               .to = out->data,
               .n = loop_count(&parts.reduced),
               .width = leat_dtype_bytes(x->dtype)};
  if (out->count == 0) return LEAT_OK;
  bool contiguous =
      parts.reduced.rank == 0 || (parts.reduced.rank == 1 && parts.reduced.strides[0][0] == 1);
  if (!contiguous && r.n && !(r.piece = leat__alloc((size_t)r.n * r.width)))
    return leat__oom(c->err, (size_t)r.n * r.width);
  leat__loop_run(&parts.kept, reduce_run, &r);
  leat__free(r.piece);
  return LEAT_OK;
}

static leat_status run_reduce(leat_call *c) {
  leat_tensor *x = NULL, *wide = NULL;
  leat_status status = leat__widened(c->in[0], &x, c->err);
  if (!status) status = leat__call_new(c, 0);
  if (!status && x == c->in[0])
    status = reduce_tensor(c, x, c->out[0]);
  else if (!status) {
    status = leat_tensor_new(&wide, LEAT_DTYPE_F32, c->out[0]->rank, c->out[0]->dims, c->err);
    if (!status) status = reduce_tensor(c, x, wide);
    if (!status) leat__narrow_into(c->out[0], wide);
  }
  leat_tensor_unref(x);
  leat_tensor_unref(wide);
  return status;
}

leat_status leat__eval_reduce_sum(leat_call *c) { return run_reduce(c); }
leat_status leat__eval_reduce_prod(leat_call *c) { return run_reduce(c); }
leat_status leat__eval_reduce_max(leat_call *c) { return run_reduce(c); }
leat_status leat__eval_reduce_min(leat_call *c) { return run_reduce(c); }
leat_status leat__eval_reduce_and(leat_call *c) { return run_reduce(c); }
leat_status leat__eval_reduce_or(leat_call *c) { return run_reduce(c); }

// --- Along one axis -----------------------------------------------------------------------------
// A dense tensor seen as (outer, n, inner) around an axis.
typedef struct axis_view {
  int64_t outer, n, inner;
} axis_view;

static axis_view view_axis(const leat_tensor *x, int64_t axis) {
  axis_view v = {1, x->dims[axis], 1};
  for (int i = 0; i < x->rank; i++) {
    if (i < axis) v.outer *= x->dims[i];
    if (i > axis) v.inner *= x->dims[i];
  }
  return v;
}

static leat_status run_arg(leat_call *c, bool greatest) {
  leat_tensor *x = NULL;
  leat_status status = leat__call_dense(c, 0, &x);
  if (!status) status = leat__call_new(c, 0);
  if (status) goto done;
  axis_view v = view_axis(x, c->node->attrs[0].i);
  if (v.n == 0 && v.outer * v.inner > 0)
    status = leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "the axis is empty");
  size_t width = leat_dtype_bytes(x->dtype);
  for (int64_t o = 0; !status && o < v.outer; o++)
    for (int64_t i = 0; i < v.inner; i++) {
      const char *at = (char *)x->data + (size_t)(o * v.n * v.inner + i) * width;
      int64_t best = 0;
      uint64_t best_key = 0;
      for (int64_t k = 0; k < v.n; k++, at += (size_t)v.inner * width) {
        // A NaN counts as the greatest, and as the least where the least is asked for.
        bool nan = leat__is_nan(x->dtype, at);
        uint64_t key = nan ? UINT64_MAX : leat__order_key(x->dtype, at);
        if (!greatest && !nan) key = ~key;
        if (k == 0 || key > best_key) best = k, best_key = key;
      }
      ((int64_t *)c->out[0]->data)[o * v.inner + i] = best;
    }
done:
  leat_tensor_unref(x);
  return status;
}

leat_status leat__eval_argmax(leat_call *c) { return run_arg(c, true); }
leat_status leat__eval_argmin(leat_call *c) { return run_arg(c, false); }

// acc = acc (kind) x, one element of a computed type.
static void combine(leat_dtype dtype, int64_t kind, char *acc, const char *x) {
  static const leat_vec_binary ids[] = {VEC_ADD, VEC_MUL, VEC_MAX, VEC_MIN};
  static const leat_op ops[] = {LEAT_OP_reduce_sum, LEAT_OP_reduce_prod, LEAT_OP_reduce_max,
                                LEAT_OP_reduce_min};
  const leat_vec *vec = leat__vec();
  if (dtype == LEAT_DTYPE_F32) {
    float a, b;
    memcpy(&a, acc, 4);
    memcpy(&b, x, 4);
    if (kind == REDUCE_SUM)
      a += b;
    else if (kind == REDUCE_PROD)
      a *= b;
    else
      vec->binary_f32[ids[kind]](&a, &a, 1, &b, 1, 1);
    memcpy(acc, &a, 4);
  } else if (dtype == LEAT_DTYPE_F64) {
    double a, b;
    memcpy(&a, acc, 8);
    memcpy(&b, x, 8);
    if (kind == REDUCE_SUM)
      a += b;
    else if (kind == REDUCE_PROD)
      a *= b;
    else
      vec->binary_f64[ids[kind]](&a, &a, 1, &b, 1, 1);
    memcpy(acc, &a, 8);
  } else {
    size_t width = leat_dtype_bytes(dtype);
    char both[16];
    memcpy(both, acc, width);
    memcpy(both + width, x, width);
    reduce_integers(ops[kind], dtype, both, 2, acc);
  }
}

static void identity(leat_dtype dtype, int64_t kind, char *out) {
  float f = kind == REDUCE_PROD  ? 1
            : kind == REDUCE_MAX ? -__builtin_inff()
            : kind == REDUCE_MIN ? __builtin_inff()
                                 : 0;
  double d = f;
  static const leat_op ops[] = {LEAT_OP_reduce_sum, LEAT_OP_reduce_prod, LEAT_OP_reduce_max,
                                LEAT_OP_reduce_min};
  if (dtype == LEAT_DTYPE_F32)
    memcpy(out, &f, 4);
  else if (dtype == LEAT_DTYPE_F64)
    memcpy(out, &d, 8);
  else
    reduce_integers(ops[kind], dtype, NULL, 0, out);
}

// Runs `fn` on a dense f32/f64/integer operand and result, widening small floats on the way.
static leat_status with_computed(leat_call *c,
                                 void (*fn)(leat_call *c, const leat_tensor *x, leat_tensor *out)) {
  leat_tensor *x = NULL, *dense = NULL, *wide = NULL;
  leat_status status = leat__widened(c->in[0], &x, c->err);
  if (!status) status = leat_tensor_dense(&dense, x, c->err);
  if (!status) status = leat__call_new(c, 0);
  if (!status && dense->dtype == c->out[0]->dtype)
    fn(c, dense, c->out[0]);
  else if (!status) {
    status = leat_tensor_new(&wide, dense->dtype, c->out[0]->rank, c->out[0]->dims, c->err);
    if (!status) fn(c, dense, wide);
    if (!status) leat__narrow_into(c->out[0], wide);
  }
  leat_tensor_unref(x);
  leat_tensor_unref(dense);
  leat_tensor_unref(wide);
  return status;
}

static void cumulate(leat_call *c, const leat_tensor *x, leat_tensor *out) {
  const leat_attr *a = c->node->attrs;
  axis_view v = view_axis(x, a[0].i);
  size_t width = leat_dtype_bytes(x->dtype);
  bool exclusive = a[2].i, reverse = a[3].i;
  for (int64_t o = 0; o < v.outer; o++)
    for (int64_t i = 0; i < v.inner; i++) {
      char acc[8];
      identity(x->dtype, a[1].i, acc);
      for (int64_t step = 0; step < v.n; step++) {
        int64_t k = reverse ? v.n - 1 - step : step;
        size_t at = (size_t)((o * v.n + k) * v.inner + i) * width;
        const char *element = (char *)x->data + at;
        if (exclusive) memcpy((char *)out->data + at, acc, width);
        if (step == 0 && !exclusive)
          memcpy(acc, element, width);
        else
          combine(x->dtype, a[1].i, acc, element);
        if (!exclusive) memcpy((char *)out->data + at, acc, width);
      }
    }
}

leat_status leat__eval_cumulate(leat_call *c) { return with_computed(c, cumulate); }

// --- Windows ------------------------------------------------------------------------------------
// Attributes: kind, window, strides, low, high, dilation.
typedef struct window_walk {
  int rank;
  const leat_attr *a;
  const leat_tensor *x;
  int64_t strides[LEAT_MAX_RANK];  // of x
  int64_t count;                   // elements of a window
} window_walk;

static window_walk walk_of(const leat_call *c, const leat_tensor *x) {
  window_walk w = {.rank = x->rank, .a = c->node->attrs, .x = x, .count = 1};
  leat__strides_dense(x->rank, x->dims, w.strides);
  for (int i = 0; i < x->rank; i++) w.count *= w.a[1].ints[i];
  return w;
}

// Offset in x of element `e` of the window at `place`; -1 in the padding.
static int64_t window_offset(const window_walk *w, const int64_t *place, int64_t e) {
  int64_t offset = 0;
  for (int i = w->rank - 1; i >= 0; i--) {
    int64_t size = w->a[1].ints[i];
    int64_t at = place[i] * w->a[2].ints[i] + e % size * w->a[5].ints[i] - w->a[3].ints[i];
    e /= size;
    if (at < 0 || at >= w->x->dims[i]) return -1;
    offset += at * w->strides[i];
  }
  return offset;
}

static bool next_place(int rank, const int64_t *dims, int64_t *place) {
  for (int i = rank - 1; i >= 0; i--) {
    if (++place[i] < dims[i]) return true;
    place[i] = 0;
  }
  return false;
}

static void reduce_windows(leat_call *c, const leat_tensor *x, leat_tensor *out) {
  window_walk w = walk_of(c, x);
  size_t width = leat_dtype_bytes(x->dtype);
  int64_t place[LEAT_MAX_RANK] = {0};
  char *to = out->data;
  if (out->count == 0) return;
  do {
    char acc[8];
    identity(x->dtype, w.a[0].i, acc);
    for (int64_t e = 0; e < w.count; e++) {
      int64_t at = window_offset(&w, place, e);
      if (at >= 0) combine(x->dtype, w.a[0].i, acc, (char *)x->data + (size_t)at * width);
    }
    memcpy(to, acc, width);
    to += width;
  } while (next_place(w.rank, out->dims, place));
}

leat_status leat__eval_reduce_window(leat_call *c) { return with_computed(c, reduce_windows); }

// Adds dy of each window to its first extreme element; a window of padding alone gives to nobody.
static void window_grads(leat_call *c, const leat_tensor *x, const leat_tensor *dy,
                         leat_tensor *out) {
  window_walk w = walk_of(c, x);
  size_t width = leat_dtype_bytes(x->dtype);
  bool greatest = w.a[0].i == 0;
  int64_t place[LEAT_MAX_RANK] = {0};
  const char *from = dy->data;
  memset(out->data, 0, (size_t)out->count * width);
  if (dy->count == 0) return;
  do {
    int64_t best = -1;
    uint64_t best_key = 0;
    for (int64_t e = 0; e < w.count; e++) {
      int64_t at = window_offset(&w, place, e);
      if (at < 0) continue;
      const char *element = (char *)x->data + (size_t)at * width;
      bool nan = leat__is_nan(x->dtype, element);
      uint64_t key = nan ? UINT64_MAX : leat__order_key(x->dtype, element);
      if (!greatest && !nan) key = ~key;
      if (best < 0 || key > best_key) best = at, best_key = key;
    }
    if (best >= 0) combine(x->dtype, REDUCE_SUM, (char *)out->data + (size_t)best * width, from);
    from += width;
  } while (next_place(w.rank, dy->dims, place));
}

leat_status leat__eval_reduce_window_grad(leat_call *c) {
  leat_tensor *in[2] = {NULL}, *dense[2] = {NULL}, *wide = NULL;
  leat_status status = LEAT_OK;
  for (int k = 0; !status && k < 2; k++) {
    status = leat__widened(c->in[k], &in[k], c->err);
    if (!status) status = leat_tensor_dense(&dense[k], in[k], c->err);
  }
  if (!status) status = leat__call_new(c, 0);
  if (!status && dense[0]->dtype == c->out[0]->dtype)
    window_grads(c, dense[0], dense[1], c->out[0]);
  else if (!status) {
    status = leat_tensor_new(&wide, dense[0]->dtype, c->out[0]->rank, c->out[0]->dims, c->err);
    if (!status) window_grads(c, dense[0], dense[1], wide);
    if (!status) leat__narrow_into(c->out[0], wide);
  }
  for (int k = 0; k < 2; k++) leat_tensor_unref(in[k]), leat_tensor_unref(dense[k]);
  leat_tensor_unref(wide);
  return status;
}
