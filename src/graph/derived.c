// What is made of primitives: activations, one-hot, take-along, random distributions.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"
#include "leat/ops.h"

static leat_shape shape_of(leat_value x) { return leat_value_type(x).shape; }

leat_value leat_square(leat_builder *b, leat_value x) { return leat_mul(b, x, x); }

leat_value leat_relu(leat_builder *b, leat_value x) {
  leat_value zero = leat_const_like(b, x, 0);
  return leat_select(b, leat_le(b, x, zero), zero, x);
}

leat_value leat_relu6(leat_builder *b, leat_value x) {
  leat_value six = leat_const_like(b, x, 6);
  return leat_select(b, leat_ge(b, x, six), six, leat_relu(b, x));
}

leat_value leat_leaky_relu(leat_builder *b, leat_value x, double slope) {
  leat_value zero = leat_const_like(b, x, 0);
  return leat_select(b, leat_le(b, x, zero), leat_mul_scalar(b, x, slope), x);
}

leat_value leat_elu(leat_builder *b, leat_value x) {
  leat_value zero = leat_const_like(b, x, 0), below = leat_le(b, x, zero);
  // The argument is held at 0 on the other side, so that its gradient stays finite there.
  leat_value bend = leat_expm1(b, leat_select(b, below, x, zero));
  return leat_select(b, below, bend, x);
}

leat_value leat_selu(leat_builder *b, leat_value x) {
  const double scale = 1.0507009873554804934, alpha = 1.6732632423543772848;
  leat_value zero = leat_const_like(b, x, 0), below = leat_lt(b, x, zero);
  leat_value bend = leat_mul_scalar(b, leat_expm1(b, leat_select(b, below, x, zero)), alpha);
  return leat_mul_scalar(b, leat_select(b, below, bend, x), scale);
}

leat_value leat_gelu(leat_builder *b, leat_value x, bool approximate) {
  leat_value half = leat_mul_scalar(b, x, 0.5), inner;
  if (approximate) {
    leat_value cube = leat_mul(b, leat_mul(b, x, x), x);
    inner = leat_add(b, x, leat_mul_scalar(b, cube, 0.044715));
    inner = leat_tanh(b, leat_mul_scalar(b, inner, 0.79788456080286535588));
  } else {
    inner = leat_erf(b, leat_mul_scalar(b, x, 0.70710678118654752440));
  }
  return leat_mul(b, half, leat_add_scalar(b, inner, 1));
}

// log1p(e^x), or x + log1p(e^-x) above 0: no overflow, and a gradient of 1/2 at 0.
leat_value leat_softplus(leat_builder *b, leat_value x) {
  leat_value above = leat_gt(b, x, leat_const_like(b, x, 0));
  leat_value tail = leat_log1p(b, leat_exp(b, leat_select(b, above, leat_neg(b, x), x)));
  return leat_select(b, above, leat_add(b, x, tail), tail);
}

leat_value leat_swish(leat_builder *b, leat_value x) { return leat_mul(b, x, leat_sigmoid(b, x)); }

// x minus its greatest along an axis. The greatest is a constant to the gradient: it cancels.
static leat_value shifted(leat_builder *b, leat_value x, int axis, leat_value *top) {
  *top = leat_stop_gradient(b, leat_reduce_max(b, x, &axis, 1, true));
  return leat_sub(b, x, *top);
}

leat_value leat_softmax(leat_builder *b, leat_value x, int axis) {
  leat_value top, e = leat_exp(b, shifted(b, x, axis, &top));
  return leat_div(b, e, leat_reduce_sum(b, e, &axis, 1, true));
}

leat_value leat_log_softmax(leat_builder *b, leat_value x, int axis) {
  leat_value top, z = shifted(b, x, axis, &top);
  return leat_sub(b, z, leat_log(b, leat_reduce_sum(b, leat_exp(b, z), &axis, 1, true)));
}

leat_value leat_logsumexp(leat_builder *b, leat_value x, int axis, bool keep) {
  leat_value top, z = shifted(b, x, axis, &top);
  leat_value sum = leat_log(b, leat_reduce_sum(b, leat_exp(b, z), &axis, 1, true));
  leat_value out = leat_add(b, sum, top);
  return keep ? out : leat_squeeze(b, out, axis);
}

leat_value leat_clip(leat_builder *b, leat_value x, double low, double high) {
  return leat_max(b, leat_min(b, x, leat_const_like(b, x, high)), leat_const_like(b, x, low));
}

leat_value leat_one_hot(leat_builder *b, leat_value ids, int64_t depth, leat_dtype dtype) {
  leat_shape shape = shape_of(ids);
  if (!ids.node || shape.rank == LEAT_MAX_RANK)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "one_hot: no ids, or rank %d", shape.rank);
  shape.dims[shape.rank++] = depth;
  leat_value classes = leat_iota(b, leat_value_type(ids).dtype, shape, -1);
  return leat_cast(b, leat_eq(b, leat_expand_dims(b, ids, -1), classes), dtype);
}

// x and index have one shape but for the axis: a gather from the flattened array.
leat_value leat_take_along_axis(leat_builder *b, leat_value x, leat_value index, int axis) {
  leat_graph *graph = leat_builder_graph(b);
  leat_shape in = shape_of(x), out = shape_of(index);
  if (axis < 0) axis += in.rank;
  if (!x.node || !index.node || in.rank != out.rank || axis < 0 || axis >= in.rank)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "take_along_axis: ranks %d and %d, axis %d",
                             in.rank, out.rank, axis);
  leat_value flat = {0};
  leat_dim step = 1;
  for (int i = in.rank - 1; i >= 0; i--) {
    leat_value at =
        i == axis ? leat_cast(b, index, LEAT_DTYPE_I64) : leat_iota(b, LEAT_DTYPE_I64, out, i);
    leat_value part = leat_mul(b, at, leat_dim_value(b, step));
    flat = flat.node ? leat_add(b, flat, part) : part;
    step = leat_dim_mul(graph, step, in.dims[i]);
  }
  return leat_gather(b, leat_reshape(b, x, LEAT_SHAPE(step)), flat, 0, LEAT_INDEX_ERROR);
}

// --- Random distributions -----------------------------------------------------------------------
// 24 random bits as a f32 in [0, 1).
static leat_value unit(leat_builder *b, const char *name, const leat_random_key *key,
                       leat_shape shape) {
  leat_value bits = leat_random_bits(b, name, key, shape);
  leat_value top = leat_shr(b, bits, leat_const_like(b, bits, 8));
  return leat_mul_scalar(b, leat_cast(b, top, LEAT_DTYPE_F32), 0x1p-24);
}

leat_value leat_random_uniform(leat_builder *b, const char *name, const leat_random_key *key,
                               leat_shape shape, double low, double high) {
  leat_value u = unit(b, name, key, shape);
  return leat_add_scalar(b, leat_mul_scalar(b, u, high - low), low);
}

static leat_value polynomial(leat_builder *b, leat_value x, const double *c, int count) {
  leat_value sum = leat_const_like(b, x, c[0]);
  for (int i = 1; i < count; i++) sum = leat_add_scalar(b, leat_mul(b, sum, x), c[i]);
  return sum;
}

// Inverse of the error function (M. Giles, "Approximating the erfinv function", single precision).
static leat_value erf_inverse(leat_builder *b, leat_value x) {
  static const double middle[] = {2.81022636e-08,  3.43273939e-07, -3.5233877e-06,
                                  -4.39150654e-06, 0.00021858087,  -0.00125372503,
                                  -0.00417768164,  0.246640727,    1.50140941};
  static const double tail[] = {-0.000200214257, 0.000100950558, 0.00134934322,
                                -0.00367342844,  0.00573950773,  -0.0076224613,
                                0.00943887047,   1.00167406,     2.83297682};
  leat_value w = leat_neg(b, leat_log1p(b, leat_neg(b, leat_mul(b, x, x))));
  leat_value near = polynomial(b, leat_add_scalar(b, w, -2.5), middle, 9);
  leat_value far = polynomial(b, leat_add_scalar(b, leat_sqrt(b, w), -3), tail, 9);
  leat_value slope = leat_select(b, leat_lt(b, w, leat_const_like(b, w, 5)), near, far);
  return leat_mul(b, slope, x);
}

// Normal numbers from uniform ones in (-limit, limit) through the inverse distribution function.
static leat_value normal(leat_builder *b, const char *name, const leat_random_key *key,
                         leat_shape shape, double limit, double mean, double stddev) {
  leat_value u = leat_add_scalar(b, unit(b, name, key, shape), 0x1p-25);  // in (0, 1)
  leat_value x = leat_add_scalar(b, leat_mul_scalar(b, u, 2 * limit), -limit);
  leat_value z = leat_mul_scalar(b, erf_inverse(b, x), 1.41421356237309504880);
  return leat_add_scalar(b, leat_mul_scalar(b, z, stddev), mean);
}

leat_value leat_random_normal(leat_builder *b, const char *name, const leat_random_key *key,
                              leat_shape shape, double mean, double stddev) {
  return normal(b, name, key, shape, 0.99999994, mean, stddev);
}

leat_value leat_random_truncated_normal(leat_builder *b, const char *name,
                                        const leat_random_key *key, leat_shape shape, double mean,
                                        double stddev) {
  return normal(b, name, key, shape, 0.95449973610364158, mean, stddev);  // erf(2 / sqrt 2)
}
