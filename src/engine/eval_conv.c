// Convolutions.
// SPDX-License-Identifier: Apache-2.0
#include "engine/small.h"

// Both ways keep the order of clause N2: a chain over (kh, kw, ci), where padding is +0. Where
// output lines are long enough, the kernels walk over a padded copy of one image at a time:
// neighbouring cells' windows lie a stride apart. Else cells are gathered into rows of patches,
// which are multiplied with the kernel as a (kh kw ci, co) matrix.
typedef struct conv_job {
  const leat_attr *a;
  const leat_tensor *x, *k;
  leat_tensor *out;
  int spatial;
  int64_t groups, ci, co, patch, cells;  // of one group; patch: kh kw ci; cells of one image
  int64_t place[LEAT_MAX_RANK];
} conv_job;

// Where an element of the window lies along one axis; -1: in the padding or between dilated cells.
static int64_t place_at(const conv_job *j, int axis, int64_t cell, int64_t window) {
  int64_t dilation = j->a[3].ints[axis], extent = j->x->dims[axis + 1];
  int64_t at = cell * j->a[0].ints[axis] + window * j->a[4].ints[axis] - j->a[1].ints[axis];
  if (at < 0) return -1;
  if (dilation == 1) return at < extent ? at : -1;
  return at % dilation == 0 && at / dilation < extent ? at / dilation : -1;
}

// One line of the window, along the last spatial axis; `offset` counts the cells before it.
static void take_line(const conv_job *j, int64_t offset, int64_t cell, int64_t group, size_t width,
                      char *to) {
  int last = j->spatial - 1;
  int64_t channels = j->x->dims[j->spatial + 1], count = j->k->dims[last];
  size_t run = (size_t)j->ci * width;
  const char *from = (const char *)j->x->data + (size_t)(group * j->ci) * width;
  if (j->groups == 1 && j->a[3].ints[last] == 1 && j->a[4].ints[last] == 1) {
    int64_t at = cell * j->a[0].ints[last] - j->a[1].ints[last], extent = j->x->dims[last + 1];
    int64_t low = at < 0 ? -at : 0, high = extent - at;
    if (low > count) low = count;
    if (high > count) high = count;
    if (high < low) high = low;
    memset(to, 0, (size_t)low * run);
    memcpy(to + (size_t)low * run, from + (offset * extent + at + low) * (int64_t)run,
           (size_t)(high - low) * run);
    memset(to + (size_t)high * run, 0, (size_t)(count - high) * run);
    return;
  }
  for (int64_t e = 0; e < count; e++, to += run) {
    int64_t at = place_at(j, last, cell, e);
    if (at >= 0)
      memcpy(to, from + (size_t)((offset * j->x->dims[last + 1] + at) * channels) * width, run);
    else
      memset(to, 0, run);
  }
}

// Copies the window of one output cell and group; x dense.
static void take_patch(const conv_job *j, int64_t image, const int64_t *cell, int64_t group,
                       size_t width, char *to) {
  int64_t window[LEAT_MAX_RANK] = {0}, last = j->spatial - 1;
  if (j->spatial == 0) {
    memcpy(to, (char *)j->x->data + (size_t)(image * j->x->dims[1] + group * j->ci) * width,
           (size_t)j->ci * width);
    return;
  }
  size_t line = (size_t)(j->k->dims[last] * j->ci) * width;
  int64_t lines = line ? j->patch / (j->k->dims[last] * j->ci) : 0;
  for (int64_t e = 0; e < lines; e++, to += line) {
    int64_t offset = image;
    bool inside = true;
    for (int i = 0; i < last; i++) {
      int64_t at = place_at(j, i, cell[i], window[i]);
      inside &= at >= 0;
      offset = offset * j->x->dims[i + 1] + at;
    }
    if (inside)
      take_line(j, offset, cell[last], group, width, to);
    else
      memset(to, 0, line);
    for (int64_t i = last - 1; i >= 0; i--) {
      if (++window[i] < j->k->dims[i]) break;
      window[i] = 0;
    }
  }
}

static int64_t product(const leat_tensor *x, int first, int last) {
  int64_t count = 1;
  for (int i = first; i < last; i++) count *= x->dims[i];
  return count;
}

// --- A padded image -----------------------------------------------------------------------------
typedef struct conv_image {
  const conv_job *j;
  size_t width;
  int64_t channels;
  int64_t extent[LEAT_MAX_RANK], pitch[LEAT_MAX_RANK];  // by spatial axis, padded; elements
  int64_t elements;
  char *padded;  // NULL: the image is used as it is
  long *offsets, run, segments;
} conv_image;

static bool fits_as_it_is(const conv_image *p) {
  for (int i = 0; i < p->j->spatial; i++)
    if (p->j->a[1].ints[i] || p->j->a[3].ints[i] != 1 || p->extent[i] > p->j->x->dims[i + 1])
      return false;
  return true;
}

static leat_status image_init(conv_image *p, leat_error *err) {
  const conv_job *j = p->j;
  int last = j->spatial - 1;
  p->channels = j->x->dims[j->spatial + 1];
  for (int i = 0; i < j->spatial; i++)
    p->extent[i] =
        (j->out->dims[i + 1] - 1) * j->a[0].ints[i] + (j->k->dims[i] - 1) * j->a[4].ints[i] + 1;
  bool whole = fits_as_it_is(p);
  for (int i = 0; whole && i < j->spatial; i++) p->extent[i] = j->x->dims[i + 1];
  p->elements = p->channels;
  for (int i = last; i >= 0; i--) p->pitch[i] = p->elements, p->elements *= p->extent[i];
  bool merges = j->groups == 1 && j->a[4].ints[last] == 1;
  p->run = (long)(merges ? j->k->dims[last] * j->ci : j->ci);
  p->segments = (long)(j->patch / p->run);
  p->offsets = leat__calloc((size_t)p->segments + 1, sizeof *p->offsets);
  if (!whole) p->padded = leat__calloc((size_t)p->elements + 1, p->width);
  if (!p->offsets || (!whole && !p->padded)) return leat__oom(err, (size_t)p->elements * p->width);
  int axes = merges ? last : j->spatial;
  int64_t window[LEAT_MAX_RANK] = {0};
  for (long s = 0; s < p->segments; s++) {
    for (int i = 0; i < axes; i++)
      p->offsets[s] += (long)(window[i] * j->a[4].ints[i] * p->pitch[i]);
    for (int i = axes - 1; i >= 0 && ++window[i] == j->k->dims[i]; i--) window[i] = 0;
  }
  return LEAT_OK;
}

static void image_deinit(conv_image *p) {
  leat__free(p->padded);
  leat__free(p->offsets);
}

// One line of the image into its padded place `to`: elements of the last axis, dilated, shifted.
static void place_line(const conv_image *p, const char *from, char *to) {
  const conv_job *j = p->j;
  int last = j->spatial - 1;
  int64_t low = j->a[1].ints[last], step = j->a[3].ints[last], count = j->x->dims[last + 1];
  size_t cell = (size_t)p->channels * p->width;
  int64_t first = low < 0 ? (-low + step - 1) / step : 0;
  int64_t end = p->extent[last] > low ? (p->extent[last] - low + step - 1) / step : 0;
  if (end > count) end = count;
  if (step == 1 && first < end)
    memcpy(to + (size_t)(low + first) * cell, from + (size_t)first * cell,
           (size_t)(end - first) * cell);
  for (int64_t i = first; step > 1 && i < end; i++)
    memcpy(to + (size_t)(low + i * step) * cell, from + (size_t)i * cell, cell);
}

// What the windows of an image are read from. The padding stays zero from the start.
static const char *take_image(const conv_image *p, int64_t image) {
  const conv_job *j = p->j;
  int last = j->spatial - 1;
  const char *from =
      (const char *)j->x->data + (size_t)(image * product(j->x, 1, j->x->rank)) * p->width;
  if (!p->padded) return from;
  int64_t lines = product(j->x, 1, last + 1), at[LEAT_MAX_RANK] = {0};
  for (int64_t line = 0; line < lines; line++) {
    int64_t offset = 0;
    bool inside = true;
    for (int i = 0; i < last; i++) {
      int64_t place = j->a[1].ints[i] + at[i] * j->a[3].ints[i];
      inside &= place >= 0 && place < p->extent[i];
      offset += place * p->pitch[i];
    }
    if (inside) place_line(p, from, p->padded + (size_t)offset * p->width);
    from += (size_t)(j->x->dims[last + 1] * p->channels) * p->width;
    for (int i = last - 1; i >= 0 && ++at[i] == j->x->dims[i + 1]; i--) at[i] = 0;
  }
  return p->padded;
}

// All planes (the last two axes; of one line where there is one axis) of an image and group.
static void run_planes(const conv_image *p, const char *from, char *to, int64_t group) {
  const leat_vec *vec = leat__vec();
  const conv_job *j = p->j;
  int last = j->spatial - 1, outer = last > 0 ? last - 1 : 0;
  int64_t all_co = j->co * j->groups, lines = last > 0 ? j->out->dims[last] : 1,
          at[LEAT_MAX_RANK] = {0};
  leat_conv_lines d = {.b = (const char *)j->k->data + (size_t)(group * j->co) * p->width,
                       .m = (long)j->out->dims[last + 1],
                       .n = (long)j->co,
                       .k = (long)j->patch,
                       .a_row = (long)(j->a[0].ints[last] * p->pitch[last]),
                       .b_row = (long)all_co,
                       .c_row = (long)all_co,
                       .offsets = p->offsets,
                       .run = p->run,
                       .lines = (long)lines,
                       .a_line = last > 0 ? (long)(j->a[0].ints[last - 1] * p->pitch[last - 1]) : 0,
                       .c_line = (long)(j->out->dims[last + 1] * all_co)};
  int64_t planes = product(j->out, 1, outer + 1);
  for (int64_t plane = 0; plane < planes; plane++) {
    int64_t offset = group * j->ci;
    for (int i = 0; i < outer; i++) offset += at[i] * j->a[0].ints[i] * p->pitch[i];
    d.a = from + (size_t)offset * p->width;
    d.c = to + (size_t)(plane * lines * d.c_line + group * j->co) * p->width;
    (p->width == 8 ? vec->conv_f64 : vec->conv_f32)(&d);
    for (int i = outer - 1; i >= 0 && ++at[i] == j->out->dims[i + 1]; i--) at[i] = 0;
  }
}

static leat_status run_images(const conv_job *j, leat_error *err) {
  conv_image p = {.j = j, .width = leat_dtype_bytes(j->x->dtype)};
  leat_status status = image_init(&p, err);
  size_t bytes = (size_t)(j->cells * j->co * j->groups) * p.width;
  for (int64_t image = 0; !status && image < j->x->dims[0]; image++) {
    const char *from = take_image(&p, image);
    for (int64_t g = 0; g < j->groups; g++)
      run_planes(&p, from, (char *)j->out->data + (size_t)image * bytes, g);
  }
  image_deinit(&p);
  return status;
}

// --- Patches ------------------------------------------------------------------------------------
enum { CONV_ROWS = 64, SHORT_LINE = 4 };

static leat_status conv_run(leat_call *c, conv_job *j, bool lanes16) {
  bool some = j->patch > 0 && j->cells > 0 && j->co > 0;
  if (!lanes16 && some && j->spatial > 0 && j->out->dims[j->spatial] >= SHORT_LINE)
    return run_images(j, c->err);
  const leat_vec *vec = leat__vec();
  bool f64 = j->x->dtype == LEAT_DTYPE_F64;
  size_t width = leat_dtype_bytes(j->x->dtype);
  int64_t all_co = j->co * j->groups;
  char *rows = leat__alloc((size_t)(CONV_ROWS * j->patch + 1) * width);
  // lanes16 wants each output channel's weights contiguous.
  char *turned = leat__alloc((size_t)(j->patch * all_co + 1) * width);
  leat_status status = rows && turned ? LEAT_OK : leat__oom(c->err, (size_t)j->patch * width);
  for (int64_t p = 0; !status && lanes16 && p < j->patch; p++)
    for (int64_t o = 0; o < all_co; o++)
      memcpy(turned + (size_t)(o * j->patch + p) * width,
             (char *)j->k->data + (size_t)(p * all_co + o) * width, width);
  for (int64_t image = 0; !status && image < j->x->dims[0]; image++) {
    int64_t cell[LEAT_MAX_RANK] = {0};
    for (int64_t first = 0; first < j->cells; first += CONV_ROWS) {
      int64_t count = j->cells - first < CONV_ROWS ? j->cells - first : CONV_ROWS,
              start[LEAT_MAX_RANK];
      memcpy(start, cell, sizeof start);
      for (int64_t g = 0; g < j->groups; g++) {
        memcpy(cell, start, sizeof start);
        for (int64_t r = 0; r < count; r++) {
          take_patch(j, image, cell, g, width, rows + (size_t)(r * j->patch) * width);
          for (int i = j->spatial - 1; i >= 0; i--) {
            if (++cell[i] < j->out->dims[i + 1]) break;
            cell[i] = 0;
          }
        }
        char *to = (char *)j->out->data +
                   (size_t)((image * j->cells + first) * all_co + g * j->co) * width;
        const char *b = lanes16 ? turned + (size_t)(g * j->co * j->patch) * width
                                : (char *)j->k->data + (size_t)(g * j->co) * width;
        size_t m = (size_t)count, n = (size_t)j->co, k = (size_t)j->patch;
        if (lanes16 && f64)
          vec->dot_lanes16_f64((double *)(void *)to, all_co, (double *)(void *)rows, j->patch,
                               (const double *)(const void *)b, j->patch, m, n, k);
        else if (lanes16)
          vec->dot_lanes16_f32((float *)(void *)to, all_co, (float *)(void *)rows, j->patch,
                               (const float *)(const void *)b, j->patch, m, n, k);
        else if (f64)
          vec->dot_chain_f64((double *)(void *)to, all_co, (double *)(void *)rows, j->patch, 1,
                             (const double *)(const void *)b, all_co, m, n, k);
        else
          vec->dot_chain_f32((float *)(void *)to, all_co, (float *)(void *)rows, j->patch, 1,
                             (const float *)(const void *)b, all_co, m, n, k);
      }
    }
  }
  leat__free(rows);
  leat__free(turned);
  return status;
}

static leat_status conv_integers(conv_job *j, leat_tensor *out, leat_error *err) {
  size_t width = leat_dtype_bytes(j->x->dtype), out_width = leat_dtype_bytes(out->dtype);
  char *patch = leat__alloc((size_t)(j->patch + 1) * width);
  int64_t all_co = j->co * j->groups;
  if (!patch) return leat__oom(err, (size_t)j->patch * width);
  for (int64_t image = 0; image < j->x->dims[0]; image++) {
    int64_t cell[LEAT_MAX_RANK] = {0};
    for (int64_t at = 0; at < j->cells; at++) {
      for (int64_t o = 0; o < all_co; o++) {
        take_patch(j, image, cell, o / j->co, width, patch);
        uint64_t sum = 0;
        for (int64_t p = 0; p < j->patch; p++)
          sum += leat__load_integer(j->x->dtype, patch + (size_t)p * width) *
                 leat__load_integer(j->k->dtype,
                                    (char *)j->k->data + (size_t)(p * all_co + o) * width);
        memcpy((char *)out->data + (size_t)((image * j->cells + at) * all_co + o) * out_width, &sum,
               out_width);
      }
      for (int i = j->spatial - 1; i >= 0; i--) {
        if (++cell[i] < out->dims[i + 1]) break;
        cell[i] = 0;
      }
    }
  }
  leat__free(patch);
  return LEAT_OK;
}

leat_status leat__eval_conv(leat_call *c) {
  leat_tensor *wide[2] = {NULL}, *dense[2] = {NULL}, *out = NULL;
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < 2; i++) {
    status = leat__widened(c->in[i], &wide[i], c->err);
    if (!status) status = leat_tensor_dense(&dense[i], wide[i], c->err);
  }
  if (!status) status = leat__call_new(c, 0);
  if (status) goto done;
  conv_job j = {.a = c->node->attrs, .x = dense[0], .k = dense[1], .spatial = dense[0]->rank - 2};
  j.groups = j.a[5].i;
  j.ci = j.k->dims[j.spatial];
  j.co = j.k->dims[j.spatial + 1] / j.groups;
  j.patch = product(j.k, 0, j.spatial + 1);
  j.cells = product(c->out[0], 1, j.spatial + 1);
  if (!leat_dtype_is_float(j.x->dtype)) {
    status = conv_integers(&j, c->out[0], c->err);
  } else if (j.x->dtype == c->out[0]->dtype) {
    j.out = c->out[0];
    status = conv_run(c, &j, j.a[6].i == ORDER_LANES16);
  } else {
    status = leat_tensor_new(&out, j.x->dtype, c->out[0]->rank, c->out[0]->dims, c->err);
    j.out = out;
    if (!status) status = conv_run(c, &j, j.a[6].i == ORDER_LANES16);
    if (!status) leat__narrow_into(c->out[0], out);
  }
done:
  for (int i = 0; i < 2; i++) leat_tensor_unref(wide[i]), leat_tensor_unref(dense[i]);
  leat_tensor_unref(out);
  return status;
}
