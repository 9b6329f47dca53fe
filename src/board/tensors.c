// TensorBoard's API for histograms, distributions, text and PR curves.
// SPDX-License-Identifier: Apache-2.0
#include "board/values.h"
#include "formats/number.h"

#include <math.h>

enum { HISTOGRAMS = 501, QUANTILES = 9 };

leat_series *leat__named(leat_board *b, leat_str name, leat_str tag, const char *plugin,
                         leat_run **held) {
  leat_run *run = *held = leat_store_run(b->store, name);
  if (!run) return NULL;
  leat_store_want(b->store, run);
  leat_run_read(run);
  leat_series *s = leat_run_series(run, tag);
  if (s && leat__eq(s->plugin, plugin)) return s;
  leat_run_unlock(run);
  return NULL;
}

void leat__each_tensor(const leat_run *run, const leat_series *s, int64_t most,
                       leat_put_tensor *put, leat_json_writer *w, void *context) {
  size_t count = s->blobs.count, kept = most > 0 && (size_t)most < count ? (size_t)most : count;
  for (size_t i = 0; i < kept; i++) {
    leat_tensor *t, *dense;
    leat_error err;
    const leat_blob *blob = &s->blobs.at[leat__spread(i, kept, count)];
    if (leat__blob_tensor(run, blob, &t, &err)) continue;  // damaged values are left out
    if (!leat_tensor_dense(&dense, t, &err)) put(w, blob, dense, context);
    leat_tensor_unref(dense);
    leat_tensor_unref(t);
  }
}

// Answers a list of what `put` makes of the values of the run and tag that are asked for.
static void answer_list(leat_board *b, leat_exchange *x, const char *plugin, int64_t most,
                        leat_put_tensor *put) {
  leat_arena arena = {0};
  leat_json_writer w = {.out = &x->reply};
  leat_run *run;
  int64_t asked;
  leat_str name = leat__board_param(x, &arena, "run"), tag = leat__board_param(x, &arena, "tag");
  bool plain = leat__eq(leat__board_param(x, &arena, "markdown"), "false");
  const leat_series *s = leat__named(b, name, tag, plugin, &run);
  if (leat_parse_i64(leat__board_param(x, &arena, "max"), &asked) && asked > 0) most = asked;
  bool is_text = strcmp(plugin, "text") == 0;
  if (s || is_text) {
    leat_json_open(&w, '[');
    if (s) leat__each_tensor(run, s, most, put, &w, &plain);
    leat_json_close(&w, ']');
    if (s) leat_run_unlock(run);
    leat__board_json(x);
  } else
    leat__board_fail(x, 404, "Not found: No %s tag '" LEAT_STR_FMT "' for run '" LEAT_STR_FMT "'",
                     plugin, LEAT_STR_ARG(tag), LEAT_STR_ARG(name));
  leat_arena_deinit(&arena);
}

// --- Histograms ---------------------------------------------------------------------------------
static bool is_histogram(const leat_tensor *t) {
  return leat_tensor_rank(t) == 2 && leat_tensor_dims(t)[1] == 3;
}

static void put_histogram(leat_json_writer *w, const leat_blob *blob, const leat_tensor *t,
                          void *context) {
  if (!is_histogram(t)) return;
  leat_json_open(w, '[');
  leat__board_number(w, blob->wall);
  leat_json_i64(w, blob->step);
  leat_json_open(w, '[');
  for (int64_t i = 0; i < leat_tensor_dims(t)[0]; i++) {
    leat_json_open(w, '[');
    for (int64_t k = 0; k < 3; k++) leat__board_number(w, leat__tensor_number(t, 3 * i + k));
    leat_json_close(w, ']');
  }
  leat_json_close(w, ']');
  leat_json_close(w, ']');
}

void leat__write_bins(leat_json_writer *w, const leat_tensor *t) {
  leat_json_open(w, '[');
  for (int64_t i = 0; is_histogram(t) && i < leat_tensor_dims(t)[0]; i++) {
    leat_json_open(w, '{');
    leat__key_number(w, "min", leat__tensor_number(t, 3 * i));
    leat__key_number(w, "max", leat__tensor_number(t, 3 * i + 1));
    leat__key_number(w, "count", leat__tensor_number(t, 3 * i + 2));
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
}

// The value below which that many hundredths of a percent of the counts lie: between the edges of
// the bucket where the sum of the counts passes it.
static double quantile(const leat_tensor *t, int64_t n, double total, double point) {
  double sum = 0, before = 0, lowest = leat__tensor_number(t, 0);
  double highest = leat__tensor_number(t, 3 * n - 2);
  for (int64_t i = 0; i < n; i++) {
    before = sum;
    sum += leat__tensor_number(t, 3 * i + 2) * 10000 / total;
    if (!(sum > point) || sum == before) continue;
    double left = before == 0 ? lowest : leat__tensor_number(t, 3 * (i - 1) + 1);
    double right = leat__tensor_number(t, 3 * i + 1);
    if (left < lowest) left = lowest;
    if (right > highest) right = highest;
    return left + (point - before) * (right - left) / (sum - before);
  }
  return highest;
}

static void put_distribution(leat_json_writer *w, const leat_blob *blob, const leat_tensor *t,
                             void *context) {
  static const double points[QUANTILES] = {0, 668, 1587, 3085, 5000, 6915, 8413, 9332, 10000};
  if (!is_histogram(t)) return;
  int64_t n = leat_tensor_dims(t)[0];
  double total = 0;
  for (int64_t i = 0; i < n; i++) total += leat__tensor_number(t, 3 * i + 2);
  leat_json_open(w, '[');
  leat__board_number(w, blob->wall);
  leat_json_i64(w, blob->step);
  leat_json_open(w, '[');
  for (int i = 0; i < QUANTILES; i++) {
    leat_json_open(w, '[');
    leat_json_f64(w, points[i]);
    leat__board_number(w, n ? quantile(t, n, total != 0 ? total : 1, points[i]) : 0);
    leat_json_close(w, ']');
  }
  leat_json_close(w, ']');
  leat_json_close(w, ']');
}

static int64_t histogram_limit(const leat_board *b) {
  return b->options.samples.histograms ? b->options.samples.histograms : HISTOGRAMS;
}

static void answer_histogram_tags(leat_board *b, leat_exchange *x) {
  leat__board_tags(b, x, "histograms");
}
static void answer_histograms(leat_board *b, leat_exchange *x) {
  answer_list(b, x, "histograms", histogram_limit(b), put_histogram);
}
static void answer_distributions(leat_board *b, leat_exchange *x) {
  answer_list(b, x, "histograms", histogram_limit(b), put_distribution);
}

// --- Text ---------------------------------------------------------------------------------------
static void put_cell(leat_buf *out, leat_arena *arena, leat_str text, bool plain) {
  leat_str html = plain ? leat__escaped(arena, text) : leat__markdown(arena, text);
  leat_buf_str(out, html);
}

static void put_html(leat_buf *out, const leat_tensor *t, bool plain) {
  leat_arena arena = {0};
  int rank = leat_tensor_rank(t);
  const int64_t *dims = leat_tensor_dims(t);
  if (rank == 0) {
    put_cell(out, &arena, leat_tensor_str(t, 0), plain);
    leat_arena_deinit(&arena);
    return;
  }
  int64_t rows = rank == 1 ? dims[0] : dims[rank - 2], columns = rank == 1 ? 1 : dims[rank - 1];
  if (rank > 2)
    leat_buf_fmt(
        out,
        "<p><strong>Warning:</strong> This text summary contained data of dimensionality "
        "%d, but only 2d tables are supported. Showing a 2d slice of the data instead.</p>",
        rank);
  leat_buf_c(out, "<table>\n<tbody>\n");
  for (int64_t r = 0; r < rows; r++) {
    leat_buf_c(out, "<tr>\n");
    for (int64_t c = 0; c < columns; c++) {
      leat_buf_c(out, "<td>");
      put_cell(out, &arena, leat_tensor_str(t, r * columns + c), plain);
      leat_buf_c(out, "</td>\n");
    }
    leat_buf_c(out, "</tr>\n");
  }
  leat_buf_c(out, "</tbody>\n</table>");
  leat_arena_deinit(&arena);
}

static void put_text(leat_json_writer *w, const leat_blob *blob, const leat_tensor *t,
                     void *context) {
  leat_buf html = {0};
  if (leat_tensor_dtype(t) != LEAT_DTYPE_STRING || leat_tensor_count(t) == 0) return;
  put_html(&html, t, *(bool *)context);
  leat_json_open(w, '{');
  leat__key_number(w, "wall_time", blob->wall);
  leat__key_i64(w, "step", blob->step);
  leat__key_str(w, "text", leat_buf_view(&html));
  leat_json_close(w, '}');
  leat_buf_deinit(&html);
}

static void answer_text_tags(leat_board *b, leat_exchange *x) {
  int count;
  leat_run **runs = leat__board_runs(b, &count);
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  for (int i = 0; i < count; i++) {
    bool any = false;
    leat_run_read(runs[i]);
    for (const leat_series *s = runs[i]->first; s; s = s->next) {
      if (!leat__eq(s->plugin, "text")) continue;
      if (!any) leat_json_key(&w, leat_str_of(runs[i]->name));
      if (!any) leat_json_open(&w, '[');
      any = true;
      leat_json_string(&w, s->tag);
    }
    leat_run_unlock(runs[i]);
    if (any) leat_json_close(&w, ']');
  }
  leat_json_close(&w, '}');
  leat__free(runs);
  leat__board_json(x);
}

static void answer_text(leat_board *b, leat_exchange *x) {
  answer_list(b, x, "text", b->options.samples.text, put_text);
}

// --- PR curves ----------------------------------------------------------------------------------
static void put_row(leat_json_writer *w, const char *key, const leat_tensor *t, int row,
                    int64_t end) {
  int64_t columns = leat_tensor_dims(t)[1];
  leat_json_key(w, leat_str_of(key));
  leat_json_open(w, '[');
  for (int64_t i = 0; i < end; i++) {
    double value = leat__tensor_number(t, row * columns + i);
    if (row < 4)
      leat_json_i64(w, isfinite(value) && fabs(value) < 9e18 ? (int64_t)value : 0);
    else
      leat__board_number(w, value);
  }
  leat_json_close(w, ']');
}

static void put_curve(leat_json_writer *w, const leat_blob *blob, const leat_tensor *t,
                      void *context) {
  static const char *const rows[] = {"true_positives",  "false_positives", "true_negatives",
                                     "false_negatives", "precision",       "recall"};
  if (leat_tensor_rank(t) != 2 || leat_tensor_dims(t)[0] != 6) return;
  int64_t columns = leat_tensor_dims(t)[1], end = columns;
  // Precision is undefined where nothing is taken for positive.
  while (end > 1 && (int64_t)leat__tensor_number(t, end - 1) == 0 &&
         (int64_t)leat__tensor_number(t, columns + end - 1) == 0)
    end--;
  leat_json_open(w, '{');
  leat__key_number(w, "wall_time", blob->wall);
  leat__key_i64(w, "step", blob->step);
  for (int i = 0; i < 6; i++) put_row(w, rows[i], t, i, end);
  leat_json_key(w, LEAT_STR("thresholds"));
  leat_json_open(w, '[');
  for (int64_t i = 0; i < end; i++)
    leat_json_f64(
        w, columns > 1 ? i + 1 == columns ? 1 : (double)i * (1.0 / (double)(columns - 1)) : 0);
  leat_json_close(w, ']');
  leat_json_close(w, '}');
}

typedef struct curve_request {
  leat_board *b;
  leat_str tag;
  leat_json_writer w;
  int runs;
  char missing[128];
} curve_request;

static void write_curves(void *context, leat_str name) {
  curve_request *c = context;
  leat_run *run;
  const leat_series *s = leat__named(c->b, name, c->tag, "pr_curves", &run);
  c->runs++;
  if (!s) {
    leat_error text;
    leat_error_set(&text, LEAT_NOT_FOUND, LEAT_STR_FMT, LEAT_STR_ARG(name));
    memcpy(c->missing, text.message, sizeof c->missing - 1);
    return;
  }
  leat_json_key(&c->w, name);
  leat_json_open(&c->w, '[');
  leat__each_tensor(run, s, c->b->options.samples.pr_curves, put_curve, &c->w, NULL);
  leat_json_close(&c->w, ']');
  leat_run_unlock(run);
}

static void answer_curves(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  curve_request c = {.b = b, .tag = leat__board_param(x, &arena, "tag"), .w = {.out = &x->reply}};
  leat_json_open(&c.w, '{');
  leat__board_params(x, &arena, "run", write_curves, &c);
  leat_json_close(&c.w, '}');
  if (!c.runs)
    leat__board_fail(x, 400, "No runs provided when fetching PR curve data");
  else if (!c.tag.len)
    leat__board_fail(x, 400, "No tag provided when fetching PR curve data");
  else if (c.missing[0])
    leat__board_fail(x, 400, "No PR curves could be found for run '%s' and tag '" LEAT_STR_FMT "'",
                     c.missing, LEAT_STR_ARG(c.tag));
  else
    leat__board_json(x);
  leat_arena_deinit(&arena);
}

static void answer_curve_tags(leat_board *b, leat_exchange *x) {
  leat__board_tags(b, x, "pr_curves");
}

const leat_route leat__routes_tensors[] = {
    {"GET", "/data/plugin/histograms/tags", answer_histogram_tags},
    {"GET", "/data/plugin/histograms/histograms", answer_histograms},
    {"GET", "/data/plugin/distributions/tags", answer_histogram_tags},
    {"GET", "/data/plugin/distributions/distributions", answer_distributions},
    {"GET", "/data/plugin/text/tags", answer_text_tags},
    {"GET", "/data/plugin/text/text", answer_text},
    {"GET", "/data/plugin/pr_curves/tags", answer_curve_tags},
    {"GET", "/data/plugin/pr_curves/pr_curves", answer_curves},
    {0},
};
