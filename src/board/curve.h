// What is drawn of a series: smoothed over all its points, then cut to what a screen can show.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_CURVE_H
#define LEAT_BOARD_CURVE_H

#include "board/store.h"

typedef enum leat_x_axis { LEAT_X_STEP, LEAT_X_RELATIVE, LEAT_X_WALL } leat_x_axis;
typedef enum leat_smooth { LEAT_SMOOTH_NONE, LEAT_SMOOTH_EMA, LEAT_SMOOTH_MEAN } leat_smooth;

typedef struct leat_view {
  leat_x_axis axis;
  double x0, x1;  // the range; NaN: of the series
  bool log_x;
  int width;  // pixel columns
  leat_smooth smooth;
  double smoothing;  // EMA: weight of the past, [0, 1); MEAN: points of the window, at least 1
} leat_view;

typedef struct leat_drawn {
  double x;
  float raw, smooth;
} leat_drawn;

typedef struct leat_curve {  // zero-initialised is empty
  LEAT_VEC(leat_drawn) points;
  leat_drawn last;  // of the series, wherever the range ends
  uint64_t total;   // points of the series
} leat_curve;

// The first and last x of a series that has points.
void leat_curve_extent(const leat_points *points, leat_x_axis axis, double *first, double *last);
// Draws: of each pixel column the first, least, greatest and last point (raw and smoothed), or
// every point where there are fewer than 4 a column; and the points beside the range, so that lines
// go through. In order of x. The EMA is TensorBoard's, freed of its bias to zero; MEAN is over the
// last points. Values that are not finite are kept, and left out of the smoothing.
leat_status leat_curve_draw(const leat_points *points, const leat_view *view, leat_curve *out,
                            leat_error *err);
void leat_curve_deinit(leat_curve *curve);

#endif
