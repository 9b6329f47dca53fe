// Tests of engine/eval_conv: every way to walk gives the bits of one chain over (kh, kw, ci).
// SPDX-License-Identifier: Apache-2.0
#include "leat/engine.h"
#include "leat/ops.h"
#include "test.h"

#include <math.h>

typedef struct sizes {
  int64_t images, high, wide, ci, kh, kw, co, groups, stride, low, pad_high, dilation, k_dilation;
} sizes;

static double value_at(int64_t i, int salt) {  // no pattern that a wrong place would repeat
  return (double)((i * 2654435761u + (unsigned)salt * 40503u) % 1999) / 997 - 1;
}

static leat_tensor *filled(leat_dtype dtype, int rank, const int64_t *dims, int salt) {
  leat_tensor *t;
  leat_error err;
  CHECK_OK(leat_tensor_new(&t, dtype, rank, dims, &err));
  int64_t count = 1;
  for (int i = 0; i < rank; i++) count *= dims[i];
  for (int64_t i = 0; i < count; i++)
    if (dtype == LEAT_DTYPE_F64)
      ((double *)leat_tensor_data(t))[i] = value_at(i, salt);
    else
      ((float *)leat_tensor_data(t))[i] = (float)value_at(i, salt);
  return t;
}

static double element(leat_dtype dtype, const leat_tensor *t, int64_t i) {
  return dtype == LEAT_DTYPE_F64 ? ((const double *)leat_tensor_data(t))[i]
                                 : (double)((const float *)leat_tensor_data(t))[i];
}

// Where a place of the window lies along an axis of the image; -1: in the padding, or between.
static int64_t place(const sizes *s, int64_t cell, int64_t window, int64_t extent) {
  int64_t at = cell * s->stride + window * s->k_dilation - s->low;
  if (at < 0 || at % s->dilation || at / s->dilation >= extent) return -1;
  return at / s->dilation;
}

static double cell_of(const sizes *s, leat_dtype dtype, const leat_tensor *x, const leat_tensor *k,
                      const int64_t *at) {
  double sum = 0;
  int64_t group = at[3] / (s->co / s->groups), some = s->ci / s->groups;
  for (int64_t a = 0; a < s->kh; a++)
    for (int64_t b = 0; b < s->kw; b++)
      for (int64_t c = 0; c < some; c++) {
        int64_t i = place(s, at[1], a, s->high), j = place(s, at[2], b, s->wide);
        int64_t from = ((at[0] * s->high + i) * s->wide + j) * s->ci + group * some + c;
        double left = i < 0 || j < 0 ? 0 : element(dtype, x, from);
        double right = element(dtype, k, ((a * s->kw + b) * some + c) * s->co + at[3]);
        sum = dtype == LEAT_DTYPE_F64 ? fma(left, right, sum)
                                      : (double)fmaf((float)left, (float)right, (float)sum);
      }
  return sum;
}

static leat_tensor *run(const sizes *s, leat_dtype dtype, leat_tensor *x, leat_tensor *k) {
  leat_error err;
  leat_graph *g;
  leat_func *f;
  leat_exec *exec;
  leat_tensor *out = NULL;
  leat_conv_options o = {.strides = {s->stride, s->stride},
                         .low = {s->low, s->low},
                         .high = {s->pad_high, s->pad_high},
                         .x_dilation = {s->dilation, s->dilation},
                         .k_dilation = {s->k_dilation, s->k_dilation},
                         .groups = s->groups};
  CHECK_OK(leat_graph_new(&g, &err));
  leat_builder *b = leat_builder_new(g, "conv");
  leat_type image = {dtype, LEAT_SHAPE(s->images, s->high, s->wide, s->ci)};
  leat_type kernel = {dtype, LEAT_SHAPE(s->kh, s->kw, s->ci / s->groups, s->co)};
  leat_value in[] = {leat_input(b, "x", image), leat_input(b, "k", kernel)};
  leat_output(b, "y", leat_conv(b, in[0], in[1], &o));
  CHECK_OK(leat_builder_finish(b, &f, &err));
  CHECK_OK(leat_exec_new(&exec, f, &(leat_exec_options){.engine = LEAT_ENGINE_INTERPRETER}, &err));
  CHECK_OK(leat_exec_run(exec, NULL, (leat_tensor *[]){x, k}, 2, &out, &err));
  leat_exec_free(exec);
  leat_graph_free(g);
  return out;
}

static void check(const sizes *s, leat_dtype dtype) {
  int64_t x_dims[] = {s->images, s->high, s->wide, s->ci};
  int64_t k_dims[] = {s->kh, s->kw, s->ci / s->groups, s->co};
  leat_tensor *x = filled(dtype, 4, x_dims, 1), *k = filled(dtype, 4, k_dims, 2);
  leat_tensor *y = run(s, dtype, x, k);
  const int64_t *dims = leat_tensor_dims(y);
  int64_t count = dims[0] * dims[1] * dims[2] * dims[3];
  for (int64_t i = 0; i < count; i++) {
    int64_t at[] = {i / dims[3] / dims[2] / dims[1], i / dims[3] / dims[2] % dims[1],
                    i / dims[3] % dims[2], i % dims[3]};
    double want = cell_of(s, dtype, x, k, at), got = element(dtype, y, i);
    CHECK_MSG(!memcmp(&want, &got, sizeof got), "cell %lld of %lldx%lld: %.17g, not %.17g",
              (long long)i, (long long)dims[1], (long long)dims[2], got, want);
    if (memcmp(&want, &got, sizeof got)) break;
  }
  leat_tensor_unref(x);
  leat_tensor_unref(k);
  leat_tensor_unref(y);
}

static void every_walk_has_the_chains_bits(void) {
  static const sizes all[] = {
      {2, 9, 17, 3, 3, 3, 8, 1, 1, 1, 1, 1, 1},    // lines, padded
      {1, 12, 12, 4, 3, 3, 24, 1, 1, 0, 0, 1, 1},  // the image as it is
      {2, 11, 15, 6, 3, 5, 10, 2, 2, 2, 1, 1, 1},  // groups, strides
      {1, 7, 9, 5, 2, 3, 7, 1, 1, 3, 2, 2, 1},     // a dilated image: transposed convolutions
      {1, 13, 20, 3, 3, 3, 9, 1, 1, 0, 4, 1, 3},   // a dilated window
      {3, 6, 3, 4, 3, 3, 12, 1, 1, 0, 1, 1, 1},    // short lines: patches
      {1, 10, 10, 8, 1, 1, 40, 1, 1, 0, 0, 1, 1},  // a window of one
      {1, 8, 30, 8, 3, 3, 8, 8, 1, 1, 1, 1, 1},    // each channel for itself
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    check(&all[i], LEAT_DTYPE_F32);
    check(&all[i], LEAT_DTYPE_F64);
  }
}

int main(int argc, char **argv) {
  static const test tests[] = {{"every_walk_has_the_chains_bits", every_walk_has_the_chains_bits}};
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
