// The live view of a flow: a table of its transforms, redrawn in place.
// SPDX-License-Identifier: Apache-2.0
//
//   views.yaml  12.3 s  2 workers
//   transform        rows in  rows out    rows/s  queued  watermark     lag
//   Combine             1.2M       840      310k       0   10:02:20    1.2s
//     3 late, 1 error, rows 4
#include "base/clock.h"
#include "base/tty.h"
#include "cli/flow.h"
#include "cli/terminal.h"
#include "flow/dofn_impl.h"
#include "flow/row_json.h"
#include "flow/transforms.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

enum { NUMBER = 9, SHORT_MARK = 9, LONG_MARK = 20, NARROW = 64, WIDE = 100 };

leat_status flow_view_init(flow_view *v, const char *name, const leat_flow *flow, leat_error *err) {
  int fd = dup(STDERR_FILENO);
  const char *slash = strrchr(name, '/');
  v->name = slash ? slash + 1 : name;
  v->to = fd < 0 ? NULL : fdopen(fd, "w");  // buffered, so that a drawing appears at once
  v->rows = leat__calloc(flow->transforms.count + 1, sizeof *v->rows);
  return v->to && v->rows ? LEAT_OK : leat__oom(err, 1);
}

void flow_view_deinit(flow_view *v) {
  if (v->to) fclose(v->to);
  leat__free(v->rows);
}

bool flow_prints(const leat_flow *flow) {
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    const leat_yaml_node *path = t->config ? leat_yaml_get(t->config, "path") : NULL;
    if (t->class == &leat_flow_log_for_testing && isatty(STDERR_FILENO)) return true;
    if (!isatty(STDOUT_FILENO)) continue;
    if (t->class == &leat_flow_draw_bars) return true;
    if (t->inputs.count && path && leat_str_eq(path->text, LEAT_STR("-"))) return true;
  }
  return false;
}

// --- Cells --------------------------------------------------------------------------------------
static void count_text(char out[16], double count) {
  static const char units[] = " kMGT";
  int u = 0;
  bool large = count >= 10000;
  while (large && count >= 999.5 && u < 4) count /= 1000, u++;
  char unit[2] = {u ? units[u] : 0, 0};
  snprintf(out, 16, "%.*f%s", u && count < 100 ? count < 10 ? 2 : 1 : 0, count, unit);
}

static void put_right(FILE *to, const char *text, int width) {
  print_cell(to, leat_str_of(text), -width);
}

static void put_count(FILE *to, double count) {
  char text[16];
  count_text(text, count);
  fputc(' ', to);
  put_right(to, text, NUMBER);
}

static void put_mark(FILE *to, int64_t mark, int width) {
  char text[40];
  size_t size = 0;
  if (mark >= LEAT_FLOW_GLOBAL_MAX) {
    put_right(to, "end", width);
  } else if (mark <= LEAT_FLOW_TIME_MIN / 2) {
    put_right(to, "-", width);
  } else {
    size = leat_flow_time_text(mark / 1000 * 1000, text);
    text[size < 20 ? size : 19] = 0;  // without the Z
    put_right(to, width < LONG_MARK && size > 11 ? text + 11 : text, width);
  }
}

// How far the watermark is behind the clock: "1.2s", "3h".
static void put_lag(FILE *to, int64_t mark) {
  static const struct {
    const char *unit;
    double seconds;
  } units[] = {{"d", 86400}, {"h", 3600}, {"m", 60}};
  char text[16] = "-";
  double lag = leat_clock_wall() - (double)mark * 1e-3;
  if (mark > LEAT_FLOW_TIME_MIN / 2 && mark < LEAT_FLOW_GLOBAL_MAX) {
    snprintf(text, sizeof text, "%.1fs", lag > 0 ? lag : 0);
    for (int i = 0; i < 3; i++)
      if (lag >= 2 * units[i].seconds) {
        snprintf(text, sizeof text, "%.0f%s", lag / units[i].seconds, units[i].unit);
        break;
      }
  }
  put_right(to, text, NUMBER);
}

// --- Lines --------------------------------------------------------------------------------------
// What is worth a line of its own: rows that were lost or set aside, what functions count.
static void add_note(leat_buf *out, int64_t count, const char *what) {
  if (count) leat_buf_fmt(out, "%s%" PRId64 " %s", out->len ? ", " : "", count, what);
}

static void user_notes(leat_buf *out, const leat_flow *flow, const leat_flow_transform *t) {
  if (t->class != &leat_flow_par_do) return;
  const leat_dofn *fn = ((const leat_dofn_plan *)t->plan)->dofn;
  for (int i = 0; i < fn->metric_count; i++) {
    leat_dofn_count c = leat_flow_user_counted(flow, t->id, i);
    leat_buf_fmt(out, "%s%s ", out->len ? ", " : "", fn->metrics[i].name);
    if (fn->metrics[i].kind == LEAT_METRIC_DISTRIBUTION)
      leat_buf_fmt(out, "%" PRId64 "..%" PRId64 " mean %.4g", c.least, c.greatest,
                   c.count ? (double)c.sum / (double)c.count : 0.0);
    else
      leat_buf_fmt(out, "%" PRId64, fn->metrics[i].kind == LEAT_METRIC_GAUGE ? c.last : c.sum);
  }
}

typedef struct drawing {
  flow_view *v;
  const leat_flow *flow;
  int width, name, left;  // columns in all and of names; lines that still fit
  double span;            // seconds that rates are over
  int hidden;             // transforms that did not fit
} drawing;

static void end_line(drawing *d) {
  fputs("\033[K\n", d->v->to);
  d->v->lines++;
  d->left--;
}

static void put_head(drawing *d) {
  FILE *to = d->v->to;
  char text[160];
  int workers = leat_flow_workers(d->flow);
  bool draining = __atomic_load_n(&d->flow->draining, __ATOMIC_RELAXED);
  snprintf(text, sizeof text, "%.60s  %.1f s  %d worker%s%s", d->v->name,
           leat_flow_seconds(d->flow), workers, workers == 1 ? "" : "s",
           draining ? "  draining; Ctrl-C again ends it at once" : "");
  print_cell(to, leat_str_of(text), d->width - 1);
  end_line(d);
  fputs(style_on(to, STYLE_BOLD), to);
  print_cell(to, LEAT_STR("transform"), d->name);
  static const char *const heads[] = {" rows in", " rows out", " rows/s", " queued"};
  for (int i = 0; i < (d->width < NARROW ? 3 : 4); i++) put_right(to, heads[i], NUMBER + 1);
  put_right(to, "watermark", d->width < WIDE ? SHORT_MARK + 1 : LONG_MARK + 1);
  if (d->width >= NARROW) put_right(to, "lag", NUMBER);
  fputs(style_off(to), to);
  end_line(d);
}

static void put_transform(drawing *d, const leat_flow_transform *t) {
  FILE *to = d->v->to;
  int64_t mark;
  leat_flow_counts c = leat_flow_counted(d->flow, t->id, &mark);
  int64_t rows = t->inputs.count ? c.rows_in : c.rows_out, *before = &d->v->rows[t->id];
  leat_buf notes = {0};
  add_note(&notes, c.dropped_late, "late");
  add_note(&notes, c.dropped_closed, "after the last pane");
  add_note(&notes, c.dead_letters, "dead letters");
  user_notes(&notes, d->flow, t);
  if (d->left < (notes.len ? 2 : 1)) {
    d->hidden++;
  } else {
    print_cell(to, t->name, d->name);
    put_count(to, (double)c.rows_in);
    put_count(to, (double)c.rows_out);
    put_count(to, d->span > 0 ? (double)(rows - *before) / d->span : 0);
    if (d->width >= NARROW) put_count(to, (double)c.rows_queued);
    fputc(' ', to);
    put_mark(to, mark, d->width < WIDE ? SHORT_MARK : LONG_MARK);
    if (d->width >= NARROW) put_lag(to, mark);
    end_line(d);
    if (notes.len) {
      fputs(
          style_on(to, c.dropped_late + c.dropped_closed + c.dead_letters ? STYLE_RED : STYLE_DIM),
          to);
      fputs("  ", to);
      print_cell(to, leat_buf_view(&notes), d->width - 3);
      fputs(style_off(to), to);
      end_line(d);
    }
  }
  *before = rows;
  leat_buf_deinit(&notes);
}

static int longest_name(const leat_flow *flow) {
  int most = 9;
  for (size_t i = 0; i < flow->transforms.count; i++) {
    int columns = text_columns(flow->transforms.at[i]->name);
    if (columns > most && flow->transforms.at[i]->class->start) most = columns;
  }
  return most;
}

void flow_view_draw(flow_view *v, const leat_flow *flow, bool whole) {
  drawing d = {.v = v, .flow = flow, .width = 80};
  int rows = 24;
  leat_tty_size(fileno(v->to), &d.width, &rows);
  double now = leat_flow_seconds(flow);
  int fixed = d.width < NARROW
                  ? 3 * (NUMBER + 1) + SHORT_MARK + 1
                  : 4 * (NUMBER + 1) + NUMBER + 1 + (d.width < WIDE ? SHORT_MARK : LONG_MARK);
  d.name = longest_name(flow);
  if (d.name > d.width - 1 - fixed) d.name = d.width - 1 - fixed;
  if (d.name < 4) return;  // too narrow for anything
  d.left = whole ? INT32_MAX : rows - 2;
  d.span = whole ? now : now - v->last;
  if (whole) memset(v->rows, 0, flow->transforms.count * sizeof *v->rows);
  if (v->lines) fprintf(v->to, "\033[%dA\r", v->lines);
  v->lines = 0;
  put_head(&d);
  for (size_t i = 0; i < flow->transforms.count; i++)
    if (flow->transforms.at[i]->class->start) put_transform(&d, flow->transforms.at[i]);
  if (d.hidden) {
    fprintf(v->to, "... %d more", d.hidden);
    end_line(&d);
  }
  fputs("\033[J", v->to);
  v->last = now;
  fflush(v->to);
}
