// Drawing curves.
// SPDX-License-Identifier: Apache-2.0
#include "board/curve.h"

#include <math.h>
#include <stdlib.h>

enum { N = LEAT_BLOCK_POINTS };

// --- Smoothing ----------------------------------------------------------------------------------
typedef struct smoother {
  leat_smooth kind;
  double weight, last, past;  // EMA: past = weight ^ (values so far)
  double *ring, sum;          // MEAN
  size_t window, count, at;
  float first;
  bool constant, any;
} smoother;

static bool begin_smoothing(smoother *s, const leat_view *v, size_t points) {
  *s = (smoother){.kind = v->smooth, .weight = v->smoothing, .past = 1, .constant = true};
  if (s->kind != LEAT_SMOOTH_MEAN) return true;
  s->window = v->smoothing < 1 ? 1 : v->smoothing < (double)points ? (size_t)v->smoothing : points;
  s->ring = leat__alloc((s->window + 1) * sizeof *s->ring);
  return s->ring != NULL;
}

static inline float smooth(smoother *s, float value) {
  if (s->kind == LEAT_SMOOTH_NONE || !isfinite(value)) return value;
  if (!s->any) s->first = value;
  s->any = true;
  // What never changes is drawn as it is, not as sums round it.
  s->constant = s->constant && value == s->first;
  if (s->kind == LEAT_SMOOTH_EMA) {
    s->last = s->last * s->weight + (1 - s->weight) * (double)value;
    if (s->past < 1e-20) return s->constant ? value : (float)s->last;  // 1 - past is 1
    s->past *= s->weight;
    return s->constant ? value : (float)(s->last / (1 - s->past));
  }
  if (s->count == s->window)
    s->sum -= s->ring[s->at];
  else
    s->count++;
  s->ring[s->at] = (double)value;
  s->sum += (double)value;
  s->at = s->at + 1 == s->window ? 0 : s->at + 1;
  if (s->at == 0) {  // errors do not pile up
    s->sum = 0;
    for (size_t i = 0; i < s->count; i++) s->sum += s->ring[i];
  }
  return s->constant ? value : (float)(s->sum / (double)s->count);
}

// --- Columns ------------------------------------------------------------------------------------
enum { FIRST, LOW, HIGH, SMOOTH_LOW, SMOOTH_HIGH, LAST, MARKS };

typedef struct drawing {
  const leat_view *view;
  leat_curve *out;
  double x0, x1, from, scale;  // the range; column = (x or its logarithm - from) * scale
  smoother smoother;
  size_t all;                // the most points that are drawn one by one
  bool columns, any, after;  // after: a point behind the range was drawn
  leat_drawn before;         // the last one in front of the range
  bool has_before;
  int column;
  float low, high, smooth_low, smooth_high;  // of the column so far
  size_t index;                              // of the point in the series
  struct {
    leat_drawn point;
    size_t index;
  } marks[MARKS];
  bool failed;
} drawing;

static void emit(drawing *d, leat_drawn p) {
  if (!leat_vec_push(&d->out->points, p)) d->failed = true;
}

static inline int column_of(const drawing *d, double x) {
  if (d->view->log_x) x = x > 0 ? log(x) : -HUGE_VAL;
  double c = (x - d->from) * d->scale;
  return c > 0 ? c < d->view->width ? (int)c : d->view->width - 1 : 0;
}

// The marks in the order of the series, each point once.
static void flush_column(drawing *d) {
  size_t done = SIZE_MAX;
  for (int turn = 0; d->any && turn < MARKS; turn++) {
    int next = -1;
    for (int i = 0; i < MARKS; i++)
      if ((done == SIZE_MAX || d->marks[i].index > done) &&
          (next < 0 || d->marks[i].index < d->marks[next].index))
        next = i;
    if (next < 0) break;
    emit(d, d->marks[next].point);
    done = d->marks[next].index;
  }
  d->any = false;
}

static void begin_column(drawing *d, leat_drawn p, size_t index, int column) {
  flush_column(d);
  d->any = true;
  d->column = column;
  for (int i = 0; i < MARKS; i++) d->marks[i].point = p, d->marks[i].index = index;
  // What is no number is neither least nor greatest.
  d->low = isnan(p.raw) ? INFINITY : p.raw;
  d->high = isnan(p.raw) ? -INFINITY : p.raw;
  d->smooth_low = isnan(p.smooth) ? INFINITY : p.smooth;
  d->smooth_high = isnan(p.smooth) ? -INFINITY : p.smooth;
}

static inline void set_mark(drawing *d, int which, const leat_drawn *p, size_t index) {
  d->marks[which].point = *p;
  d->marks[which].index = index;
}

static inline void mark(drawing *d, leat_drawn p, size_t index) {
  int column = column_of(d, p.x);
  if (!d->any || column != d->column) {
    begin_column(d, p, index, column);
    return;
  }
  if (p.raw < d->low) d->low = p.raw, set_mark(d, LOW, &p, index);
  if (p.raw > d->high) d->high = p.raw, set_mark(d, HIGH, &p, index);
  if (p.smooth < d->smooth_low) d->smooth_low = p.smooth, set_mark(d, SMOOTH_LOW, &p, index);
  if (p.smooth > d->smooth_high) d->smooth_high = p.smooth, set_mark(d, SMOOTH_HIGH, &p, index);
  set_mark(d, LAST, &p, index);
}

// More points than can be seen one by one: those that were drawn go into columns, too.
static void begin_columns(drawing *d) {
  size_t count = d->out->points.count;
  leat_drawn *drawn = d->out->points.at;
  d->columns = true;
  d->out->points.at = NULL;
  d->out->points.count = d->out->points.cap = 0;
  for (size_t i = 0; i < count; i++)
    if (drawn[i].x < d->x0)
      emit(d, drawn[i]);
    else
      mark(d, drawn[i], i);
  d->index = count;
  leat__free(drawn);
}

static inline void draw(drawing *d, double x, float value) {
  leat_drawn p = {x, value, smooth(&d->smoother, value)};
  d->out->last = p;
  if (x < d->x0) {
    d->before = p;
    d->has_before = true;
    return;
  }
  if (d->after) return;
  if (d->has_before && !d->out->points.count && !d->columns) emit(d, d->before);
  if (x > d->x1) {
    flush_column(d);
    emit(d, p);
    d->after = true;
    return;
  }
  if (!d->columns && d->out->points.count >= d->all) begin_columns(d);
  if (d->columns)
    mark(d, p, d->index++);
  else
    emit(d, p);
}

// --- Series -------------------------------------------------------------------------------------
static double x_of(const leat_point *p, leat_x_axis axis, double start) {
  return axis == LEAT_X_STEP ? (double)p->step : p->wall - (axis == LEAT_X_RELATIVE ? start : 0);
}

void leat_curve_extent(const leat_points *points, leat_x_axis axis, double *first, double *last) {
  leat_point ends[2] = {0}, part[N];
  size_t count = leat_points_count(points), got;
  leat_points_read(points, 0, 1, &ends[0]);
  leat_points_read(points, count - 1, 1, &ends[1]);
  *first = x_of(&ends[0], axis, ends[0].wall);
  *last = x_of(&ends[1], axis, ends[0].wall);
  if (!points->unsorted) return;
  for (size_t at = 0; (got = leat_points_read(points, at, N, part)); at += got)
    for (size_t i = 0; i < got; i++) {
      double x = x_of(&part[i], axis, ends[0].wall);
      *first = x < *first ? x : *first;
      *last = x > *last ? x : *last;
    }
}

typedef struct placed {
  double x;
  size_t index;
  float value;
} placed;

static int by_x(const void *a, const void *b) {
  const placed *p = a, *q = b;
  if (p->x != q->x) return p->x < q->x ? -1 : 1;
  return p->index < q->index ? -1 : 1;
}

// Steps that go back and forth: everything, in order of x.
static bool draw_sorted(drawing *d, const leat_points *points, double start) {
  size_t count = leat_points_count(points), got;
  leat_point part[N];
  placed *list = leat__alloc(count * sizeof *list);
  if (!list) return false;
  for (size_t at = 0; (got = leat_points_read(points, at, N, part)); at += got)
    for (size_t i = 0; i < got; i++)
      list[at + i] = (placed){x_of(&part[i], d->view->axis, start), at + i, part[i].value};
  qsort(list, count, sizeof *list, by_x);
  for (size_t i = 0; i < count; i++) draw(d, list[i].x, list[i].value);
  leat__free(list);
  return true;
}

static void draw_in_order(drawing *d, const leat_points *points, double start) {
  leat_point part[N];
  size_t got;
  for (size_t at = 0; (got = leat_points_read(points, at, N, part)); at += got)
    for (size_t i = 0; i < got; i++) draw(d, x_of(&part[i], d->view->axis, start), part[i].value);
}

static void set_range(drawing *d, const leat_points *points) {
  double low, high;
  leat_curve_extent(points, d->view->axis, &low, &high);
  d->x0 = isnan(d->view->x0) ? low : d->view->x0;
  d->x1 = isnan(d->view->x1) ? high : d->view->x1;
  double from = d->x0, to = d->x1;
  if (d->view->log_x) {
    from = log(from > 0 ? from : 1e-3 < to ? 1e-3 : to / 1000);
    to = to > 0 ? log(to) : from;
  }
  d->from = from;
  d->scale = to > from ? d->view->width / (to - from) : 0;
}

leat_status leat_curve_draw(const leat_points *points, const leat_view *view, leat_curve *out,
                            leat_error *err) {
  leat_point first;
  drawing d = {.view = view, .out = out, .all = 4 * (size_t)view->width};
  out->points.count = 0;
  out->total = leat_points_count(points);
  if (!leat_points_read(points, 0, 1, &first)) return LEAT_OK;
  if (!begin_smoothing(&d.smoother, view, out->total)) return leat__oom(err, 1);
  set_range(&d, points);
  bool good = true;
  if (points->unsorted)
    good = draw_sorted(&d, points, first.wall);
  else
    draw_in_order(&d, points, first.wall);
  flush_column(&d);
  leat__free(d.smoother.ring);
  return good && !d.failed ? LEAT_OK : leat__oom(err, out->total * sizeof(placed));
}

void leat_curve_deinit(leat_curve *curve) { leat_vec_deinit(&curve->points); }
