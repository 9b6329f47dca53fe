// DrawBars: a bar for each value, by window, redrawn in place on a terminal.
// SPDX-License-Identifier: Apache-2.0
//
//   value: FIELD     a number; the last pane's of a label and window is shown
//   label: FIELD     default: none
//   title: text
//
//   2026-03-01 10:00 to 10:01
//     /home  ############ 4 late
//     /docs  ### 1
//
// Early values are dim, late ones marked. Where standard output is no terminal each row is a line:
// window start, label, value, timing, with tabs between.
#include "flow/op.h"
#include "flow/row_expr.h"
#include "flow/row_json.h"

#include "base/clock.h"
#include "base/tty.h"
#include "formats/number.h"

#include <inttypes.h>
#include <unistd.h>

enum { WINDOWS = 1000, BARS = 1000, FRAME_MS = 100 };

typedef struct plan {
  int value, label;  // fields; label -1: none
  leat_str title;
} plan;

typedef struct bar {
  char *label;
  double value;
  leat_flow_timing timing;
} bar;

typedef struct chart {  // of a window
  leat_flow_window window;
  LEAT_VEC(bar) bars;
} chart;

typedef struct bars_op {
  leat_flow_op op;
  LEAT_VEC(chart) charts;  // by start
  bool terminal, changed;
  int lines;  // drawn, to be drawn over
  int64_t next_ns;
} bars_op;

// --- What is shown ------------------------------------------------------------------------------
static void chart_free(chart *c) {
  for (size_t i = 0; i < c->bars.count; i++) leat__free(c->bars.at[i].label);
  leat_vec_deinit(&c->bars);
}

// In order of time; beyond WINDOWS the earliest one goes.
static chart *chart_of(bars_op *o, leat_flow_window w) {
  size_t at = o->charts.count;
  while (at && o->charts.at[at - 1].window.start > w.start) at--;
  for (size_t i = at; i && o->charts.at[i - 1].window.start == w.start; i--)
    if (o->charts.at[i - 1].window.end == w.end) return &o->charts.at[i - 1];
  if (o->charts.count == WINDOWS) {
    chart_free(&o->charts.at[0]);
    memmove(o->charts.at, o->charts.at + 1, --o->charts.count * sizeof(chart));
    at -= at > 0;
  }
  if (!leat_vec_push(&o->charts, (chart){.window = w})) return NULL;
  memmove(o->charts.at + at + 1, o->charts.at + at, (o->charts.count - 1 - at) * sizeof(chart));
  o->charts.at[at] = (chart){.window = w};
  return &o->charts.at[at];
}

static leat_status set_bar(chart *c, leat_str label, double value, leat_flow_timing timing,
                           leat_error *err) {
  size_t at = 0;
  while (at < c->bars.count && leat_str_cmp(leat_str_of(c->bars.at[at].label), label) < 0) at++;
  bool there = at < c->bars.count && leat_str_eq(leat_str_of(c->bars.at[at].label), label);
  if (!there && c->bars.count == BARS)
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "more than %d bars in a window", BARS);
  if (!there) {
    bar new = {.label = leat__calloc(label.len + 1, 1)};
    if (!new.label || !leat_vec_push(&c->bars, new))
      return leat__free(new.label), leat__oom(err, label.len);
    if (label.len) memcpy(new.label, label.ptr, label.len);
    memmove(c->bars.at + at + 1, c->bars.at + at, (c->bars.count - 1 - at) * sizeof(bar));
    c->bars.at[at] = new;
  }
  c->bars.at[at].value = value;
  c->bars.at[at].timing = timing;
  return LEAT_OK;
}

// --- Drawing ------------------------------------------------------------------------------------
static int columns_of(const char *text) {
  int n = 0;
  for (; *text; text++) n += (*text & 0xC0) != 0x80;
  return n;
}

static void put_padded(leat_buf *out, const char *text, int width) {
  int n = 0;
  for (const char *c = text; *c; c++) {
    if ((*c & 0xC0) != 0x80 && n++ == width) return;
    leat_buf_char(out, (unsigned char)*c < ' ' ? ' ' : *c);
  }
  for (; n < width; n++) leat_buf_char(out, ' ');
}

static void put_value(leat_buf *out, double value) {
  char text[LEAT_NUMBER_MAX];
  if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value)
    leat_buf_fmt(out, "%" PRId64, (int64_t)value);
  else
    leat_buf_add(out, text, leat_format_f64(text, value));
}

static void put_time(leat_buf *out, int64_t ms) {
  char text[40];
  size_t size = leat_flow_time_text(ms, text);
  if (size && text[size - 1] == 'Z') size--;
  for (size_t i = 0; i < size; i++) leat_buf_char(out, text[i] == 'T' ? ' ' : text[i]);
}

typedef struct frame {
  leat_buf out;
  int width, label, lines;
  double most;
} frame;

static void end_line(frame *f) {
  leat_buf_c(&f->out, "\033[K\n");
  f->lines++;
}

static void put_bar(frame *f, const bar *b) {
  static const char *const marks[] = {" early", "", " late", ""};
  const char *colours[] = {"\033[2m", "", "\033[33m", ""};
  bool plain = !leat_tty_colour(STDOUT_FILENO);
  int room = f->width - f->label - 26;
  int length = f->most > 0 && b->value > 0 ? (int)(b->value / f->most * room + 0.5) : 0;
  leat_buf_c(&f->out, "  ");
  put_padded(&f->out, b->label, f->label);
  leat_buf_c(&f->out, f->label ? "  " : "");
  if (!plain) leat_buf_c(&f->out, colours[b->timing]);
  for (int i = 0; i < length; i++) leat_buf_c(&f->out, leat_tty_utf8() ? "█" : "#");
  leat_buf_c(&f->out, length ? " " : "");
  put_value(&f->out, b->value);
  leat_buf_c(&f->out, marks[b->timing]);
  if (!plain) leat_buf_c(&f->out, "\033[0m");
  end_line(f);
}

static void put_chart(frame *f, const chart *c) {
  if (c->window.end <= LEAT_FLOW_GLOBAL_MAX) {
    leat_buf head = {0};
    put_time(&head, c->window.start);
    leat_buf_c(&head, " to ");
    put_time(&head, c->window.end);
    leat_buf_char(&head, 0);
    put_padded(&f->out, head.ptr ? head.ptr : "", f->width > 50 ? 44 : f->width - 1);
    leat_buf_deinit(&head);
    end_line(f);
  }
  for (size_t i = 0; i < c->bars.count; i++) put_bar(f, &c->bars.at[i]);
}

// The last charts that fit; all of them at the end.
static void draw(bars_op *o, bool whole) {
  const plan *p = o->op.transform->plan;
  frame f = {.width = 80};
  int rows = 24;
  leat_tty_size(STDOUT_FILENO, &f.width, &rows);
  if (f.width < 40) f.width = 40;
  int left = rows - 2;
  size_t from = whole ? 0 : o->charts.count;
  for (; from; from--) {
    left -= (int)o->charts.at[from - 1].bars.count + 1;
    if (left < 0 && from < o->charts.count) break;
  }
  for (size_t i = from; i < o->charts.count; i++)
    for (size_t k = 0; k < o->charts.at[i].bars.count; k++) {
      const bar *b = &o->charts.at[i].bars.at[k];
      int columns = columns_of(b->label);
      if (columns > f.label) f.label = columns;
      if (b->value > f.most) f.most = b->value;
    }
  if (f.label > f.width / 3) f.label = f.width / 3;
  if (o->lines) leat_buf_fmt(&f.out, "\033[%dA\r", o->lines);
  if (p->title.len) {
    leat_buf_str(&f.out, p->title);
    end_line(&f);
  }
  for (size_t i = from; i < o->charts.count; i++) put_chart(&f, &o->charts.at[i]);
  leat_buf_c(&f.out, "\033[J");
  if (!f.out.failed) fwrite(f.out.ptr, 1, f.out.len, stdout);
  fflush(stdout);
  leat_buf_deinit(&f.out);
  o->lines = f.lines;
  o->changed = false;
}

static leat_status draw_soon(bars_op *o) {
  int64_t now = leat_clock_ns();
  if (!o->terminal || !o->changed || now < o->next_ns) return LEAT_OK;
  o->next_ns = now + (int64_t)FRAME_MS * 1000000;
  return draw(o, false), LEAT_OK;
}

// --- Op -----------------------------------------------------------------------------------------
static double number_at(const leat_flow_field *f, const leat_flow_column *c, int row) {
  if (!leat_flow_is_valid(c, row)) return 0;
  switch (f->type) {
    case LEAT_FLOW_TYPE_INT32: return ((const int32_t *)c->values)[row];
    case LEAT_FLOW_TYPE_INT64: return (double)((const int64_t *)c->values)[row];
    case LEAT_FLOW_TYPE_FLOAT: return (double)((const float *)c->values)[row];
    default: return ((const double *)c->values)[row];
  }
}

static void put_line(leat_buf *out, leat_flow_window w, leat_str label, double value,
                     leat_flow_timing timing) {
  static const char *const names[] = {"early", "on time", "late", ""};
  if (w.end <= LEAT_FLOW_GLOBAL_MAX) put_time(out, w.start);
  leat_buf_char(out, '\t');
  leat_buf_str(out, label);
  leat_buf_char(out, '\t');
  put_value(out, value);
  leat_buf_fmt(out, "\t%s\n", names[timing]);
}

static leat_status batch_in(leat_flow_op *op, int input, const leat_flow_batch *batch,
                            leat_error *err) {
  bars_op *o = (bars_op *)op;
  const plan *p = op->transform->plan;
  leat_flow_batch *in = leat_flow_with_windows(op->transform->inputs.at[input], batch);
  leat_status status = in ? LEAT_OK : leat__oom(err, (size_t)batch->rows);
  leat_buf label = {0}, lines = {0};
  for (int i = 0; !status && i < in->rows; i++) {
    double value = number_at(&in->schema->fields[p->value], &in->columns[p->value], i);
    leat_flow_timing timing = in->panes ? in->panes[i].timing : LEAT_FLOW_TIMING_UNKNOWN;
    leat_buf_clear(&label);
    if (p->label >= 0)
      leat_flow_value_text(&label, &in->schema->fields[p->label], &in->columns[p->label], i);
    if (!o->terminal) {
      put_line(&lines, in->windows[i], leat_buf_view(&label), value, timing);
      continue;
    }
    chart *c = chart_of(o, in->windows[i]);
    status = c ? set_bar(c, leat_buf_view(&label), value, timing, err) : leat__oom(err, 1);
    o->changed = true;
  }
  if (!status) status = leat_buf_status(&lines, err);
  if (lines.len) {
    fwrite(lines.ptr, 1, lines.len, stdout);
    fflush(stdout);
  }
  leat_buf_deinit(&label), leat_buf_deinit(&lines);
  leat_flow_batch_unref(in);
  return status ? status : draw_soon(o);
}

static leat_status time_in(leat_flow_op *op, int64_t now, leat_error *err) {
  (void)now, (void)err;
  return draw_soon((bars_op *)op);
}

static leat_status finish(leat_flow_op *op, leat_error *err) {
  bars_op *o = (bars_op *)op;
  (void)err;
  if (o->terminal) draw(o, true);
  return LEAT_OK;
}

static void op_free(leat_flow_op *op) {
  bars_op *o = (bars_op *)op;
  for (size_t i = 0; i < o->charts.count; i++) chart_free(&o->charts.at[i]);
  leat_vec_deinit(&o->charts);
  leat__free(o);
}

static const leat_flow_op_class op_class = {
    .batch = batch_in, .time = time_in, .finish = finish, .free = op_free};

static leat_status start(const leat_flow_transform *t, leat_flow_worker *worker, leat_flow_op **out,
                         leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(bars_op), &op_class, t, worker, out, err);
  if (!status) ((bars_op *)*out)->terminal = isatty(STDOUT_FILENO);
  return status;
}

static leat_status apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  const leat_flow_schema *in = t->inputs.at[0]->schema;
  const leat_yaml_node *value = t->config ? leat_yaml_get(t->config, "value") : NULL,
                       *label = t->config ? leat_yaml_get(t->config, "label") : NULL,
                       *title = t->config ? leat_yaml_get(t->config, "title") : NULL;
  if (!p) return leat__oom(err, sizeof *p);
  p->label = -1;
  if (title) p->title = title->text;
  if (!value) return leat_flow_fail(t, NULL, err, "expected value: FIELD, a number");
  leat_status status = leat_flow_field_of(t, in, value, &p->value, err);
  if (!status && label) status = leat_flow_field_of(t, in, label, &p->label, err);
  if (status) return status;
  leat_flow_type type = in->fields[p->value].type;
  if (type >= LEAT_FLOW_TYPE_INT32 && type <= LEAT_FLOW_TYPE_DOUBLE) return LEAT_OK;
  return leat_flow_fail(t, value, err, "the value of a bar is a number, not a %s",
                        leat_flow_type_name(type));
}

static const char *const fields[] = {"value", "label", "title", NULL};

const leat_flow_class leat_flow_draw_bars = {.type = "DrawBars",
                                             .urn = "leat:transform:draw_bars:v1",
                                             .help = "Bars by window on a terminal, else lines",
                                             .inputs_min = 1,
                                             .inputs_max = 1,
                                             .fields = fields,
                                             .apply = apply,
                                             .start = start,
                                             .whole = true};
