// Ops: the functions that build nodes: primitives first, then what is made of them.
// SPDX-License-Identifier: Apache-2.0
//
// Element-wise functions of several operands broadcast as numpy does (axes aligned at the end, size
// 1 repeats); operands must agree in dtype: there is no promotion. Negative axes count from the
// end. A missing operand (value without node) or a misfit fails the builder; see
// leat_builder_finish.
#ifndef LEAT_OPS_H
#define LEAT_OPS_H

#include "leat/graph.h"

LEAT_BEGIN

// --- Sources ------------------------------------------------------------------------------------
LEAT_API leat_value leat_const(leat_builder *b, leat_tensor *value);
LEAT_API leat_value leat_const_f32(leat_builder *b, float value);  // scalars
LEAT_API leat_value leat_const_f64(leat_builder *b, double value);
LEAT_API leat_value leat_const_i64(leat_builder *b, int64_t value);
LEAT_API leat_value leat_const_bool(leat_builder *b, bool value);
LEAT_API leat_value leat_const_strings(leat_builder *b, const leat_str *strings, int64_t count);
// A scalar of any number type nearest to `value`.
LEAT_API leat_value leat_const_like(leat_builder *b, leat_value like, double value);
LEAT_API leat_value leat_full(leat_builder *b, leat_dtype dtype, leat_shape shape, double value);
LEAT_API leat_value leat_zeros_like(leat_builder *b, leat_value x);
LEAT_API leat_value leat_ones_like(leat_builder *b, leat_value x);
LEAT_API leat_value leat_iota(leat_builder *b, leat_dtype dtype, leat_shape shape, int axis);
LEAT_API leat_value leat_tri(leat_builder *b, leat_shape shape, int64_t offset);
LEAT_API leat_value leat_dim_of(leat_builder *b, leat_value x, int axis);
// A dim as an i64 scalar, for arithmetic (mean over a symbolic batch).
LEAT_API leat_value leat_dim_value(leat_builder *b, leat_dim dim);

// --- Element-wise -------------------------------------------------------------------------------
// clang-format off
#define LEAT_UNARY_OPS(X)                                                                   \
  X(neg)                                                                                    \
  X(abs) X(sign) X(floor) X(ceil) X(round) X(trunc) X(sqrt) X(rsqrt) X(exp) X(expm1) X(log) \
      X(log1p) X(tanh) X(sigmoid) X(erf) X(sin) X(cos) X(atan) X(not ) X(stop_gradient)
#define LEAT_BINARY_OPS(X)                                                                       \
  X(add)                                                                                         \
  X(sub) X(mul) X(div) X(rem) X(pow) X(max) X(min) X(and) X(or) X(xor) X(shl) X(shr) X(eq) X(ne) \
      X(lt) X(le)
// clang-format on
#define LEAT_DECLARE(name) LEAT_API leat_value leat_##name(leat_builder *b, leat_value x);
LEAT_UNARY_OPS(LEAT_DECLARE)
#undef LEAT_DECLARE
#define LEAT_DECLARE(name) \
  LEAT_API leat_value leat_##name(leat_builder *b, leat_value x, leat_value y);
LEAT_BINARY_OPS(LEAT_DECLARE)
#undef LEAT_DECLARE
LEAT_API leat_value leat_gt(leat_builder *b, leat_value x, leat_value y);
LEAT_API leat_value leat_ge(leat_builder *b, leat_value x, leat_value y);
LEAT_API leat_value leat_select(leat_builder *b, leat_value p, leat_value x, leat_value y);
LEAT_API leat_value leat_cast(leat_builder *b, leat_value x, leat_dtype dtype);
LEAT_API leat_value leat_bitcast(leat_builder *b, leat_value x, leat_dtype dtype);
// With a scalar on the right: x + c and so on, c rounded to x's dtype.
LEAT_API leat_value leat_add_scalar(leat_builder *b, leat_value x, double c);
LEAT_API leat_value leat_mul_scalar(leat_builder *b, leat_value x, double c);

// --- Reductions ---------------------------------------------------------------------------------
// axes: which to reduce, any order; NULL with count 0 = all. keep: leave them with size 1.
LEAT_API leat_value leat_reduce_sum(leat_builder *b, leat_value x, const int *axes, int count,
                                    bool keep);
LEAT_API leat_value leat_reduce_prod(leat_builder *b, leat_value x, const int *axes, int count,
                                     bool keep);
LEAT_API leat_value leat_reduce_max(leat_builder *b, leat_value x, const int *axes, int count,
                                    bool keep);
LEAT_API leat_value leat_reduce_min(leat_builder *b, leat_value x, const int *axes, int count,
                                    bool keep);
LEAT_API leat_value leat_reduce_and(leat_builder *b, leat_value x, const int *axes, int count,
                                    bool keep);
LEAT_API leat_value leat_reduce_or(leat_builder *b, leat_value x, const int *axes, int count,
                                   bool keep);
LEAT_API leat_value leat_mean(leat_builder *b, leat_value x, const int *axes, int count, bool keep);
LEAT_API leat_value leat_argmax(leat_builder *b, leat_value x, int axis);
LEAT_API leat_value leat_argmin(leat_builder *b, leat_value x, int axis);
typedef enum leat_reduce_kind { LEAT_SUM, LEAT_PROD, LEAT_MAX, LEAT_MIN } leat_reduce_kind;
LEAT_API leat_value leat_cumulate(leat_builder *b, leat_value x, int axis, leat_reduce_kind kind,
                                  bool exclusive, bool reverse);
typedef struct leat_window {                              // one number an axis of the operand
  int64_t window[LEAT_MAX_RANK], strides[LEAT_MAX_RANK];  // 0 = 1
  int64_t low[LEAT_MAX_RANK], high[LEAT_MAX_RANK];        // padding
  int64_t dilation[LEAT_MAX_RANK];                        // 0 = 1
} leat_window;
LEAT_API leat_value leat_reduce_window(leat_builder *b, leat_value x, leat_reduce_kind kind,
                                       const leat_window *window);

// --- Shape --------------------------------------------------------------------------------------
LEAT_API leat_value leat_reshape(leat_builder *b, leat_value x, leat_shape shape);
// By an i64 vector; `shape` may name fresh symbols for what is only known at run time.
LEAT_API leat_value leat_reshape_dynamic(leat_builder *b, leat_value x, leat_value dims,
                                         leat_shape shape);
LEAT_API leat_value leat_transpose(leat_builder *b, leat_value x,
                                   const int *perm);  // NULL: reversed
// Axis i of x becomes axis axes[i] of the result; axes NULL: aligned at the end.
LEAT_API leat_value leat_broadcast(leat_builder *b, leat_value x, leat_shape shape,
                                   const int *axes);
// One number an axis; strides NULL = 1.
LEAT_API leat_value leat_slice(leat_builder *b, leat_value x, const leat_dim *start,
                               const leat_dim *limit, const int64_t *strides);
LEAT_API leat_value leat_slice_axis(leat_builder *b, leat_value x, int axis, leat_dim start,
                                    leat_dim limit);
LEAT_API leat_value leat_dynamic_slice(leat_builder *b, leat_value x, leat_value starts,
                                       leat_shape shape);
LEAT_API leat_value leat_dynamic_update(leat_builder *b, leat_value x, leat_value y,
                                        leat_value starts);
// value: a scalar, or none for 0. interior NULL = 0.
LEAT_API leat_value leat_pad(leat_builder *b, leat_value x, leat_value value, const int64_t *low,
                             const int64_t *high, const int64_t *interior);
LEAT_API leat_value leat_concat(leat_builder *b, const leat_value *xs, int count, int axis);
LEAT_API leat_value leat_reverse(leat_builder *b, leat_value x, const int *axes, int count);
LEAT_API leat_value leat_expand_dims(leat_builder *b, leat_value x, int axis);
LEAT_API leat_value leat_squeeze(leat_builder *b, leat_value x, int axis);

// --- Indexed ------------------------------------------------------------------------------------
typedef enum leat_index_mode {
  LEAT_INDEX_CLAMP,  // out of range: the nearest
  LEAT_INDEX_ERROR,  // fails the call
  LEAT_INDEX_ZERO,   // gathers zeros, scatters nothing
} leat_index_mode;
typedef enum leat_scatter_kind {
  LEAT_SCATTER_SET,
  LEAT_SCATTER_ADD,
  LEAT_SCATTER_MIN,
  LEAT_SCATTER_MAX,
} leat_scatter_kind;
LEAT_API leat_value leat_gather(leat_builder *b, leat_value x, leat_value index, int axis,
                                leat_index_mode mode);
LEAT_API leat_value leat_scatter(leat_builder *b, leat_value x, leat_value index, leat_value y,
                                 int axis, leat_scatter_kind kind, leat_index_mode mode);
LEAT_API leat_value leat_take_along_axis(leat_builder *b, leat_value x, leat_value index, int axis);
LEAT_API leat_value leat_segment_reduce(leat_builder *b, leat_value x, leat_value ids,
                                        leat_reduce_kind kind, leat_dim count);
LEAT_API leat_value leat_nonzero(leat_builder *b, leat_value x);  // mints the symbol of its length
LEAT_API leat_value leat_one_hot(leat_builder *b, leat_value ids, int64_t depth, leat_dtype dtype);
// Results through pointers; indices may be NULL.
LEAT_API leat_value leat_sort(leat_builder *b, leat_value x, int axis, bool descending,
                              leat_value *indices);
LEAT_API leat_value leat_top_k(leat_builder *b, leat_value x, int64_t k, leat_value *indices);

// --- Linear algebra -----------------------------------------------------------------------------
typedef struct leat_dot_axes {  // which axes of x and y pair up
  int batch_count, contract_count;
  int x_batch[LEAT_MAX_RANK], y_batch[LEAT_MAX_RANK];
  int x_contract[LEAT_MAX_RANK], y_contract[LEAT_MAX_RANK];
} leat_dot_axes;
// out: NONE = the operands' dtype; i8 and u8 may give i32, f16 and bf16 f32.
LEAT_API leat_value leat_dot_general(leat_builder *b, leat_value x, leat_value y,
                                     const leat_dot_axes *axes, leat_dtype out);
// numpy's matmul: the last two axes multiply, leading ones broadcast.
LEAT_API leat_value leat_matmul(leat_builder *b, leat_value x, leat_value y);
typedef struct leat_conv_options {  // one number a spatial axis
  int64_t strides[LEAT_MAX_RANK], low[LEAT_MAX_RANK], high[LEAT_MAX_RANK];
  int64_t x_dilation[LEAT_MAX_RANK], k_dilation[LEAT_MAX_RANK];  // 0 = 1
  int64_t groups;                                                // 0 = 1
} leat_conv_options;
// x (n, spatial..., ci), k (spatial..., ci/groups, co).
LEAT_API leat_value leat_conv(leat_builder *b, leat_value x, leat_value k,
                              const leat_conv_options *options);
LEAT_API leat_value leat_fft(leat_builder *b, leat_value re, leat_value im, bool inverse,
                             leat_value *im_out);

// --- Control flow -------------------------------------------------------------------------------
// Results go to `out`, one for each output of the function (the carries, for while).
LEAT_API void leat_call(leat_builder *b, leat_func *func, const leat_value *args, int count,
                        leat_value *out);
LEAT_API void leat_cond(leat_builder *b, leat_value pred, leat_func *yes, leat_func *no,
                        const leat_value *args, int count, leat_value *out);
// args: carries, then captures. max_trips 0: unbounded, no gradient.
LEAT_API void leat_while(leat_builder *b, leat_func *test, leat_func *body, const leat_value *args,
                         int count, int carries, int64_t max_trips, leat_value *out);
// body(trip, carries, rows of the scanned arrays, captures) -> (carries, rows to stack);
// args: carries, scanned arrays (trips, ...), captures.
LEAT_API void leat_scan(leat_builder *b, leat_func *body, const leat_value *args, int count,
                        int carries, int scanned, leat_dim trips, bool reverse, leat_value *out);
LEAT_API void leat_custom_gradient(leat_builder *b, leat_func *func, leat_func *grad,
                                   const leat_value *args, int count, leat_value *out);

// --- State and effects --------------------------------------------------------------------------
LEAT_API leat_value leat_var_read(leat_builder *b, leat_var *var);
LEAT_API void leat_var_next(leat_builder *b, leat_var *var, leat_value value);
// func(rows of each var, summed gradient rows, captures) -> rows of each var.
LEAT_API void leat_row_update(leat_builder *b, leat_var *const *vars, int var_count, leat_value ids,
                              leat_value rows, const leat_value *captures, int capture_count,
                              leat_func *func);
LEAT_API void leat_assert(leat_builder *b, leat_value condition, const char *message);
LEAT_API void leat_print(leat_builder *b, leat_value x, const char *message);
LEAT_API leat_value leat_host_call(leat_builder *b, const char *name, const leat_value *args,
                                   int count, const leat_str *params, int param_count);
LEAT_API void leat_custom_call(leat_builder *b, const char *name, const leat_value *args, int count,
                               const leat_str *params, int param_count, leat_value *out);
LEAT_API leat_value leat_all_reduce(leat_builder *b, leat_value x, leat_reduce_kind kind);
LEAT_API leat_value leat_all_gather(leat_builder *b, leat_value x, int axis, int64_t workers);
LEAT_API leat_value leat_reduce_scatter(leat_builder *b, leat_value x, leat_reduce_kind kind,
                                        int axis, int64_t workers);

// --- Random (clause N5) -------------------------------------------------------------------------
// Where the numbers come from. seed is required; the others default to 0.
typedef struct leat_random_key {
  leat_value seed;       // u64 scalar
  leat_value step;       // i64 scalar
  leat_value iteration;  // i64 scalar: the trip of an inner loop
  leat_value first;      // i64 scalar: index of element 0 in the global batch
} leat_random_key;
// name: unique in the model; it enters the counter.
LEAT_API leat_value leat_random_bits(leat_builder *b, const char *name, const leat_random_key *key,
                                     leat_shape shape);
LEAT_API leat_value leat_random_uniform(leat_builder *b, const char *name,
                                        const leat_random_key *key, leat_shape shape, double low,
                                        double high);  // f32, [low, high)
LEAT_API leat_value leat_random_normal(leat_builder *b, const char *name,
                                       const leat_random_key *key, leat_shape shape, double mean,
                                       double stddev);  // f32
// Normal, cut at two standard deviations (by the inverse of the distribution function).
LEAT_API leat_value leat_random_truncated_normal(leat_builder *b, const char *name,
                                                 const leat_random_key *key, leat_shape shape,
                                                 double mean, double stddev);

// --- Activations and friends --------------------------------------------------------------------
LEAT_API leat_value leat_relu(leat_builder *b, leat_value x);  // x <= 0 ? 0 : x, NaN passes
LEAT_API leat_value leat_relu6(leat_builder *b, leat_value x);
LEAT_API leat_value leat_leaky_relu(leat_builder *b, leat_value x, double slope);
LEAT_API leat_value leat_elu(leat_builder *b, leat_value x);
LEAT_API leat_value leat_selu(leat_builder *b, leat_value x);
LEAT_API leat_value leat_gelu(leat_builder *b, leat_value x, bool approximate);
LEAT_API leat_value leat_softplus(leat_builder *b, leat_value x);
LEAT_API leat_value leat_swish(leat_builder *b, leat_value x);
LEAT_API leat_value leat_softmax(leat_builder *b, leat_value x, int axis);
LEAT_API leat_value leat_log_softmax(leat_builder *b, leat_value x, int axis);
LEAT_API leat_value leat_logsumexp(leat_builder *b, leat_value x, int axis, bool keep);
LEAT_API leat_value leat_square(leat_builder *b, leat_value x);
LEAT_API leat_value leat_clip(leat_builder *b, leat_value x, double low, double high);

LEAT_END

#endif
