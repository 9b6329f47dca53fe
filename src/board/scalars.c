// TensorBoard's API for scalars.
// SPDX-License-Identifier: Apache-2.0
#include "board/values.h"
#include "formats/number.h"

#include <math.h>

enum { N = LEAT_BLOCK_POINTS, POINT_TEXT = 128 };

// --- Points as text -----------------------------------------------------------------------------
static size_t put_number(char *at, double value, bool quoted) {
  if (isfinite(value)) return leat_format_f64(at, value);
  const char *name = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  if (!quoted) name = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  size_t n = strlen(name), q = quoted;
  if (quoted) at[0] = at[n + 1] = '"';
  memcpy(at + q, name, n);
  return n + 2 * q;
}

static void put_point(leat_buf *out, const leat_point *p, bool csv, bool first) {
  if (!leat_buf_reserve(out, POINT_TEXT)) return;
  char *at = out->ptr + out->len;
  if (!csv && !first) *at++ = ',', *at++ = ' ';
  if (!csv) *at++ = '[';
  at += put_number(at, p->wall, !csv);
  *at++ = ',';
  if (!csv) *at++ = ' ';
  at += leat_format_i64(at, p->step);
  *at++ = ',';
  if (!csv) *at++ = ' ';
  at += put_number(at, (double)p->value, !csv);
  if (csv)
    *at++ = '\r', *at++ = '\n';
  else
    *at++ = ']';
  out->len = (size_t)(at - out->ptr);
}

void leat__write_points(const leat_points *points, int64_t most, bool csv, leat_buf *out) {
  leat_point part[N];
  size_t count = leat_points_count(points), got;
  if (csv)
    leat_buf_c(out, "Wall time,Step,Value\r\n");
  else
    leat_buf_char(out, '[');
  if (most > 0 && count > (size_t)most)
    for (size_t i = 0; i < (size_t)most; i++) {
      leat_points_read(points, leat__spread(i, (size_t)most, count), 1, part);
      put_point(out, part, csv, i == 0);
    }
  else
    for (size_t at = 0; (got = leat_points_read(points, at, N, part)); at += got)
      for (size_t i = 0; i < got; i++) put_point(out, &part[i], csv, at + i == 0);
  if (!csv) leat_buf_char(out, ']');
  if (out->ptr) out->ptr[out->len] = 0;
}

// --- Answers ------------------------------------------------------------------------------------
static bool is_scalar(const leat_series *s) {
  return s->data_class == LEAT_CLASS_SCALAR && leat__eq(s->plugin, "scalars") &&
         leat_points_count(&s->points);
}

static void answer_tags(leat_board *b, leat_exchange *x) { leat__board_tags(b, x, "scalars"); }

void leat__answer_scalars(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_str name = leat__board_param(x, &arena, "run"), tag = leat__board_param(x, &arena, "tag");
  bool csv = leat__eq(leat__board_param(x, &arena, "format"), "csv");
  leat_run *run = leat_store_run(b->store, name);
  bool found = false;
  if (run) {
    leat_store_want(b->store, run);
    leat_run_read(run);
    const leat_series *s = leat_run_series(run, tag);
    found = s && is_scalar(s);
    if (found) leat__write_points(&s->points, b->options.samples.scalars, csv, &x->reply);
    leat_run_unlock(run);
  }
  if (!found)
    leat__board_fail(x, 404,
                     "Not found: No scalar data for run='" LEAT_STR_FMT "', tag='" LEAT_STR_FMT "'",
                     LEAT_STR_ARG(name), LEAT_STR_ARG(tag));
  else
    leat__board_bytes(x, csv ? "text/csv" : "application/json", (leat_str){0});
  leat_arena_deinit(&arena);
}

// The points of one tag of many runs: each run is written by itself, several at a time.
typedef struct part {
  leat_str name;
  leat_buf text;  // "" where the run has no such tag
} part;

typedef struct multirun {
  leat_board *b;
  leat_str tag;
  LEAT_VEC(part) parts;
} multirun;

static void add_run(void *context, leat_str name) {
  multirun *m = context;
  leat_vec_push(&m->parts, (part){.name = name});
}

static void write_run(void *context, int64_t i) {
  multirun *m = context;
  part *p = &m->parts.at[i];
  leat_run *run = leat_store_run(m->b->store, p->name);
  if (!run) return;
  leat_store_want(m->b->store, run);
  leat_run_read(run);
  const leat_series *s = leat_run_series(run, m->tag);
  if (s && is_scalar(s))
    leat__write_points(&s->points, m->b->options.samples.scalars, false, &p->text);
  leat_run_unlock(run);
}

static void join(const multirun *m, leat_buf *out) {
  bool any = false;
  leat_buf_char(out, '{');
  for (size_t i = 0; i < m->parts.count; i++) {
    const part *p = &m->parts.at[i];
    if (!p->text.len) continue;
    if (any) leat_buf_c(out, ", ");
    any = true;
    leat_json_quote(out, p->name);
    leat_buf_c(out, ": ");
    leat_buf_str(out, leat_buf_view(&p->text));
    out->failed |= p->text.failed;
  }
  leat_buf_char(out, '}');
}

static void answer_multirun(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  multirun m = {.b = b, .tag = leat__board_param(x, &arena, "tag")};
  if (!m.tag.ptr)
    leat__board_fail(x, 400, "tag must be specified");
  else {
    leat__board_params(x, &arena, "runs", add_run, &m);
    leat_pool_run(b->pool, (int64_t)m.parts.count, write_run, &m);
    join(&m, &x->reply);
    leat__board_json(x);
  }
  for (size_t i = 0; i < m.parts.count; i++) leat_buf_deinit(&m.parts.at[i].text);
  leat_vec_deinit(&m.parts);
  leat_arena_deinit(&arena);
}

const leat_route leat__routes_scalars[] = {
    {"GET", "/data/plugin/scalars/tags", answer_tags},
    {"GET", "/data/plugin/scalars/scalars", leat__answer_scalars},
    {"POST", "/data/plugin/scalars/scalars_multirun", answer_multirun},
    {0},
};
