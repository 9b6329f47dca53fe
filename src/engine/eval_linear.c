// Dots, Fourier transforms, random bits.
// SPDX-License-Identifier: Apache-2.0
#include "base/fingerprint.h"
#include "base/pool.h"
#include "engine/small.h"

// --- Dots ---------------------------------------------------------------------------------------
// A dot as (batch, m, k) times (batch, k, n): operands transposed into views, packed where the
// kernels need contiguous rows.
typedef struct dot_job {
  leat_dtype dtype;  // f32, f64, or an integer type
  bool lanes16;
  int64_t batch, m, n, k;
  const char *a, *b;
  char *c;
  int64_t a_batch, a_row, a_col, b_batch, b_row;  // in elements; b rows contiguous
  int64_t rows_a_part;
  size_t width;
} dot_job;

enum { PART_FLOPS = 1 << 21 };  // work below this is not split among threads

static void dot_part(void *ctx, int64_t part) {
  const dot_job *j = ctx;
  int64_t parts = (j->m + j->rows_a_part - 1) / j->rows_a_part, batch = part / parts;
  int64_t first = part % parts * j->rows_a_part;
  int64_t rows = j->m - first < j->rows_a_part ? j->m - first : j->rows_a_part;
  const char *a = j->a + (batch * j->a_batch + first * j->a_row) * (int64_t)j->width;
  const char *b = j->b + batch * j->b_batch * (int64_t)j->width;
  char *c = j->c + (batch * j->m + first) * j->n * (int64_t)j->width;
  const leat_vec *vec = leat__vec();
  size_t m = (size_t)rows, n = (size_t)j->n, k = (size_t)j->k;
  bool f64 = j->dtype == LEAT_DTYPE_F64;
  if (j->lanes16 && f64)
    vec->dot_lanes16_f64((double *)(void *)c, j->n, (const double *)(const void *)a, j->a_row,
                         (const double *)(const void *)b, j->b_row, m, n, k);
  else if (j->lanes16)
    vec->dot_lanes16_f32((float *)(void *)c, j->n, (const float *)(const void *)a, j->a_row,
                         (const float *)(const void *)b, j->b_row, m, n, k);
  else if (f64)
    vec->dot_chain_f64((double *)(void *)c, j->n, (const double *)(const void *)a, j->a_row,
                       j->a_col, (const double *)(const void *)b, j->b_row, m, n, k);
  else
    vec->dot_chain_f32((float *)(void *)c, j->n, (const float *)(const void *)a, j->a_row, j->a_col,
                       (const float *)(const void *)b, j->b_row, m, n, k);
}

static void dot_run(leat_call *c, dot_job *j) {
  double flops = 2.0 * (double)j->batch * (double)j->m * (double)j->n * (double)j->k;
  int64_t threads = leat_pool_threads(leat__exec_pool(c->exec));
  j->rows_a_part = j->m ? j->m : 1;
  if (threads > 1 && flops > PART_FLOPS && j->m > 16) {
    j->rows_a_part = (j->m + threads * 2 - 1) / (threads * 2);
    j->rows_a_part = (j->rows_a_part + 7) / 8 * 8;
  }
  int64_t parts = (j->m + j->rows_a_part - 1) / j->rows_a_part;
  leat_pool_run(leat__exec_pool(c->exec), j->batch * parts, dot_part, j);
}

// The operand with axes (batch, own, contract) in that order, each group merged to one axis.
static leat_status arrange(leat_tensor *x, const leat_attr *batch, const leat_attr *contract,
                           bool contract_last, leat_tensor **out, leat_error *err) {
  int64_t dims[LEAT_MAX_RANK], strides[LEAT_MAX_RANK];
  int at = 0, order[LEAT_MAX_RANK], free[LEAT_MAX_RANK], free_count = 0;
  for (int64_t i = 0; i < batch->count; i++) order[at++] = (int)batch->ints[i];
  for (int i = 0; i < x->rank; i++) {
    bool taken = false;
    for (int64_t k = 0; k < batch->count; k++) taken |= batch->ints[k] == i;
    for (int64_t k = 0; k < contract->count; k++) taken |= contract->ints[k] == i;
    if (!taken) free[free_count++] = i;
  }
  if (contract_last)
    for (int i = 0; i < free_count; i++) order[at++] = free[i];
  for (int64_t i = 0; i < contract->count; i++) order[at++] = (int)contract->ints[i];
  if (!contract_last)
    for (int i = 0; i < free_count; i++) order[at++] = free[i];
  for (int i = 0; i < x->rank; i++) dims[i] = x->dims[order[i]], strides[i] = x->strides[order[i]];
  return leat_tensor_view(out, x, x->rank, dims, strides, 0, err);
}

// The stride that steps through axes [first, last) as one; false if memory does not allow it.
static bool merged_stride(const leat_tensor *x, int first, int last, int64_t *stride) {
  *stride = 0;
  int64_t expect = 0;
  bool any = false;
  for (int i = last - 1; i >= first; i--) {
    if (x->dims[i] == 1) continue;
    if (any && x->strides[i] != expect) return false;
    if (!any) *stride = x->strides[i];
    any = true;
    expect = x->strides[i] * x->dims[i];
  }
  return true;
}

static int64_t product(const leat_tensor *x, int first, int last) {
  int64_t n = 1;
  for (int i = first; i < last; i++) n *= x->dims[i];
  return n;
}

static void dot_integers(leat_call *c, const leat_tensor *a, const leat_tensor *b,
                         const dot_job *j) {
  leat_tensor *out = c->out[0];
  size_t out_width = leat_dtype_bytes(out->dtype), width = leat_dtype_bytes(a->dtype);
  for (int64_t s = 0; s < j->batch; s++)
    for (int64_t i = 0; i < j->m; i++)
      for (int64_t q = 0; q < j->n; q++) {
        uint64_t sum = 0;
        for (int64_t p = 0; p < j->k; p++)
          sum += leat__load_integer(a->dtype,
                                    (char *)a->data + (size_t)((s * j->m + i) * j->k + p) * width) *
                 leat__load_integer(b->dtype,
                                    (char *)b->data + (size_t)((s * j->n + q) * j->k + p) * width);
        memcpy((char *)out->data + (size_t)((s * j->m + i) * j->n + q) * out_width, &sum,
               out_width);
      }
}

static leat_status dot_dense(leat_call *c, leat_tensor **view) {
  leat_tensor *dense;
  leat_status status = leat_tensor_dense(&dense, *view, c->err);
  leat_tensor_unref(*view);
  *view = status ? NULL : dense;
  return status;
}

leat_status leat__eval_dot_general(leat_call *c) {
  const leat_attr *attrs = c->node->attrs;
  leat_tensor *wide[2] = {NULL}, *a = NULL, *b = NULL, *out = NULL;
  leat_status status = LEAT_OK;
  bool floats = leat_dtype_is_float(c->in[0]->dtype), lanes16 = attrs[4].i == ORDER_LANES16;
  bool b_columns = lanes16 || !floats;  // the second operand as (batch, n, k)
  for (int i = 0; !status && i < 2; i++) status = leat__widened(c->in[i], &wide[i], c->err);
  if (!status) status = arrange(wide[0], &attrs[0], &attrs[2], true, &a, c->err);
  if (!status) status = arrange(wide[1], &attrs[1], &attrs[3], b_columns, &b, c->err);
  if (!status) status = leat__call_new(c, 0);
  if (status) goto done;
  int batch = (int)attrs[0].count, contract = (int)attrs[2].count;
  int a_free = a->rank - contract, b_split = b_columns ? b->rank - contract : batch + contract;
  dot_job j = {.dtype = a->dtype, .lanes16 = lanes16, .width = leat_dtype_bytes(a->dtype)};
  j.batch = product(a, 0, batch);
  j.m = product(a, batch, a_free);
  j.k = product(a, a_free, a->rank);
  j.n = b_columns ? product(b, batch, b_split) : product(b, b_split, b->rank);
  bool strided = floats && merged_stride(a, 0, batch, &j.a_batch) &&
                 merged_stride(a, batch, a_free, &j.a_row) &&
                 merged_stride(a, a_free, a->rank, &j.a_col);
  if (!strided || (lanes16 && j.a_col != 1)) {
    if ((status = dot_dense(c, &a))) goto done;
    j.a_batch = j.m * j.k, j.a_row = j.k, j.a_col = 1;
  }
  int64_t inner, first = b_columns ? b_split : b_split;
  bool b_ready = floats && merged_stride(b, 0, batch, &j.b_batch) &&
                 merged_stride(b, batch, (int)first, &j.b_row) &&
                 merged_stride(b, (int)first, b->rank, &inner) &&
                 (inner == 1 || (b_columns ? j.k : j.n) <= 1);
  if (!b_ready) {
    if ((status = dot_dense(c, &b))) goto done;
    j.b_row = b_columns ? j.k : j.n;
    j.b_batch = j.n * j.k;
  }
  j.a = a->data;
  j.b = b->data;
  if (!floats) {
    dot_integers(c, a, b, &j);
  } else if (c->out[0]->dtype == a->dtype) {
    j.c = c->out[0]->data;
    dot_run(c, &j);
  } else {
    status = leat_tensor_new(&out, a->dtype, c->out[0]->rank, c->out[0]->dims, c->err);
    if (!status) j.c = out->data, dot_run(c, &j), leat__narrow_into(c->out[0], out);
  }
done:
  for (int i = 0; i < 2; i++) leat_tensor_unref(wide[i]);
  leat_tensor_unref(a);
  leat_tensor_unref(b);
  leat_tensor_unref(out);
  return status;
}

// --- Fourier transforms: mixed radix by the smallest prime factor, in f64
// -------------------------
typedef struct fft_job {
  int64_t n;
  double *cos, *sin;  // of 2 pi k / n
  double sign;
} fft_job;

static void fft_line(const fft_job *f, double *re, double *im, double *work, int64_t n,
                     int64_t step) {
  if (n <= 1) return;
  int64_t p = 2;
  while (n % p && p * p <= n) p += p == 2 ? 1 : 2;
  if (n % p) p = n;
  int64_t m = n / p, unit = f->n / n;
  double *wr = work, *wi = work + n;
  // De-interleave into p lines of m, transform each, then combine.
  for (int64_t r = 0; r < p; r++)
    for (int64_t k = 0; k < m; k++)
      wr[r * m + k] = re[(k * p + r) * step], wi[r * m + k] = im[(k * p + r) * step];
  for (int64_t r = 0; m > 1 && r < p; r++) fft_line(f, wr + r * m, wi + r * m, work + 2 * n, m, 1);
  for (int64_t k = 0; k < n; k++) {
    double sr = 0, si = 0;
    for (int64_t r = 0; r < p; r++) {
      int64_t t = (r * k) % n * unit;
      double c = f->cos[t], s = f->sign * f->sin[t], a = wr[r * m + k % m], b = wi[r * m + k % m];
      sr += a * c - b * s;
      si += a * s + b * c;
    }
    re[k * step] = sr;
    im[k * step] = si;
  }
}

static bool fft_tables(fft_job *f, int64_t n) {
  f->n = n;
  f->cos = leat__alloc((size_t)(n + 1) * sizeof(double));
  f->sin = leat__alloc((size_t)(n + 1) * sizeof(double));
  if (!f->cos || !f->sin) return false;
  const leat_vec *vec = leat__vec();
  for (int64_t k = 0; k < n; k++) {
    // Reduced to an eighth turn first: exact at the quarters.
    double angle = 6.283185307179586477 * (double)k / (double)n;
    vec->unary_f64[VEC_COS](&f->cos[k], &angle, 1);
    vec->unary_f64[VEC_SIN](&f->sin[k], &angle, 1);
    if (4 * k % n == 0) {
      int quarter = (int)(4 * k / n);
      f->cos[k] = (double[]){1, 0, -1, 0}[quarter];
      f->sin[k] = (double[]){0, 1, 0, -1}[quarter];
    }
  }
  return true;
}

leat_status leat__eval_fft(leat_call *c) {
  leat_tensor *in[2] = {NULL};
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < 2; i++) {
    status = leat__call_dense(c, i, &in[i]);
    if (!status) status = leat__call_new(c, i);
  }
  bool inverse = c->node->attrs[0].i;
  int64_t n = status ? 0 : in[0]->dims[in[0]->rank - 1];
  fft_job f = {.sign = inverse ? 1 : -1};
  double *line = status ? NULL : leat__alloc((size_t)(8 * n + 8) * sizeof *line);
  if (!status && (!line || !fft_tables(&f, n))) status = leat__oom(c->err, (size_t)n * 64);
  bool single = !status && in[0]->dtype == LEAT_DTYPE_F32;
  for (int64_t row = 0; !status && n && row < in[0]->count / n; row++) {
    double *re = line, *im = line + n;
    for (int64_t k = 0; k < n; k++) {
      int64_t at = row * n + k;
      re[k] = single ? (double)((float *)in[0]->data)[at] : ((double *)in[0]->data)[at];
      im[k] = single ? (double)((float *)in[1]->data)[at] : ((double *)in[1]->data)[at];
    }
    fft_line(&f, re, im, line + 2 * n, n, 1);
    for (int64_t k = 0; k < n; k++) {
      int64_t at = row * n + k;
      double r = inverse ? re[k] / (double)n : re[k], i = inverse ? im[k] / (double)n : im[k];
      if (single)
        ((float *)c->out[0]->data)[at] = (float)r, ((float *)c->out[1]->data)[at] = (float)i;
      else
        ((double *)c->out[0]->data)[at] = r, ((double *)c->out[1]->data)[at] = i;
    }
  }
  leat__free(line);
  leat__free(f.cos);
  leat__free(f.sin);
  leat_tensor_unref(in[0]);
  leat_tensor_unref(in[1]);
  return status;
}

// --- Random bits (clause N5) --------------------------------------------------------------------
leat_status leat__eval_random_bits(leat_call *c) {
  leat_status status = leat__call_new(c, 0);
  if (status) return status;
  uint64_t seed = *(uint64_t *)c->in[0]->data;
  int64_t step = *(int64_t *)c->in[1]->data, iteration = *(int64_t *)c->in[2]->data;
  int64_t first = *(int64_t *)c->in[3]->data;
  leat_str name = {c->node->attrs[0].str, (size_t)c->node->attrs[0].count};
  const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  leat__vec()->philox(c->out[0]->data, (uint64_t)first, (size_t)c->out[0]->count, key,
                      (uint32_t)leat_fingerprint64(name), (uint32_t)step, (uint32_t)iteration);
  return LEAT_OK;
}
