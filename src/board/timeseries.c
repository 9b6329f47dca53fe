// TensorBoard's API for its time series page.
// SPDX-License-Identifier: Apache-2.0
#include "board/values.h"
#include "formats/number.h"

#include <stdlib.h>

enum { HISTOGRAMS = 51 };

// --- Tags ---------------------------------------------------------------------------------------
typedef struct described {  // a tag, and what its runs say of it
  leat_str tag, description;
  leat_run *run;
  int64_t longest;
} described;

typedef LEAT_VEC(described) descriptions;

static int by_tag(const void *a, const void *b) {
  const described *p = a, *q = b;
  int order = leat_str_cmp(p->tag, q->tag);
  if (!order) order = leat_str_cmp(p->description, q->description);
  return order ? order : strcmp(p->run->name, q->run->name);
}

// All tags of a plugin with their runs; the strings live in the arena.
static void collect(leat_board *b, leat_arena *arena, const char *plugin, descriptions *out) {
  int count;
  leat_run **runs = leat__board_runs(b, &count);
  for (int i = 0; i < count; i++) {
    leat_run_read(runs[i]);
    for (const leat_series *s = runs[i]->first; s; s = s->next) {
      if (!leat__eq(s->plugin, plugin)) continue;
      described d = {{leat_arena_str(arena, s->tag), s->tag.len}, {0}, runs[i], s->longest};
      if (s->description.len)
        d.description = (leat_str){leat_arena_str(arena, s->description), s->description.len};
      leat_vec_push(out, d);
    }
    leat_run_unlock(runs[i]);
  }
  leat__free(runs);
  if (out->count) qsort(out->at, out->count, sizeof *out->at, by_tag);
}

static int by_run(const void *a, const void *b) {
  const described *p = a, *q = b;
  int order = strcmp(p->run->name, q->run->name);
  return order ? order : leat_str_cmp(p->tag, q->tag);
}

// One description, or all of them with the runs that they are of.
static leat_str describe(leat_arena *arena, const described *at, size_t count) {
  size_t kinds = 0;
  leat_buf text = {0};
  leat_buf_c(&text, "# Multiple descriptions\n");
  for (size_t i = 0; i < count;) {
    size_t n = 1;
    while (i + n < count && leat_str_eq(at[i].description, at[i + n].description)) n++;
    if (at[i].description.len) {
      if (kinds++) leat_buf_char(&text, '\n');
      leat_buf_fmt(&text, "## For run%s: ", n > 1 ? "s" : "");
      for (size_t k = 0; k < n; k++)
        leat_buf_fmt(&text, "%s%s", k ? ", " : "", at[i + k].run->name);
      leat_buf_fmt(&text, "\n" LEAT_STR_FMT, LEAT_STR_ARG(at[i].description));
    }
    i += n;
  }
  leat_str all = leat_buf_view(&text);
  if (kinds < 2) all = at[count - 1].description;
  leat_str html = all.len ? leat__markdown(arena, all) : (leat_str){0};
  leat_buf_deinit(&text);
  return html;
}

static void write_descriptions(leat_json_writer *w, leat_arena *arena, const descriptions *list) {
  leat_json_key(w, LEAT_STR("tagDescriptions"));
  leat_json_open(w, '{');
  for (size_t i = 0, n; i < list->count; i += n) {
    for (n = 1; i + n < list->count && leat_str_eq(list->at[i].tag, list->at[i + n].tag);) n++;
    leat_str html = describe(arena, &list->at[i], n);
    if (!html.len) continue;
    leat_json_key(w, list->at[i].tag);
    leat_json_string(w, html);
  }
  leat_json_close(w, '}');
}

static void write_runs(leat_json_writer *w, descriptions *list) {
  if (list->count) qsort(list->at, list->count, sizeof *list->at, by_run);
  leat_json_key(w, LEAT_STR("runTagInfo"));
  leat_json_open(w, '{');
  for (size_t i = 0; i < list->count; i++) {
    bool first = !i || list->at[i - 1].run != list->at[i].run;
    if (first && i) leat_json_close(w, ']');
    if (first) leat_json_key(w, leat_str_of(list->at[i].run->name));
    if (first) leat_json_open(w, '[');
    leat_json_string(w, list->at[i].tag);
  }
  if (list->count) leat_json_close(w, ']');
  leat_json_close(w, '}');
}

static void write_images(leat_json_writer *w, const descriptions *list) {
  leat_json_key(w, LEAT_STR("tagRunSampledInfo"));
  leat_json_open(w, '{');
  for (size_t i = 0; i < list->count; i++) {
    bool first = !i || !leat_str_eq(list->at[i - 1].tag, list->at[i].tag);
    if (first && i) leat_json_close(w, '}');
    if (first) leat_json_key(w, list->at[i].tag);
    if (first) leat_json_open(w, '{');
    leat_json_key(w, leat_str_of(list->at[i].run->name));
    leat_json_open(w, '{');
    leat__key_i64(w, "maxSamplesPerStep", list->at[i].longest - 2);
    leat_json_close(w, '}');
  }
  if (list->count) leat_json_close(w, '}');
  leat_json_close(w, '}');
}

static void answer_tags(leat_board *b, leat_exchange *x) {
  static const char *const plugins[] = {"scalars", "histograms", "images"};
  leat_arena arena = {0};
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  for (int i = 0; i < 3; i++) {
    descriptions list = {0};
    collect(b, &arena, plugins[i], &list);
    leat_json_key(&w, leat_str_of(plugins[i]));
    leat_json_open(&w, '{');
    write_descriptions(&w, &arena, &list);
    if (i == 2)
      write_images(&w, &list);
    else
      write_runs(&w, &list);
    leat_json_close(&w, '}');
    leat_vec_deinit(&list);
  }
  leat_json_close(&w, '}');
  leat_arena_deinit(&arena);
  leat__board_json(x);
}

// --- Series -------------------------------------------------------------------------------------
typedef struct request {
  leat_board *b;
  leat_str plugin, tag, run;
  int64_t sample;
  bool has_tag, has_run, has_sample;
  leat_json_writer *w;
} request;

static void write_points(const request *r, const leat_series *s) {
  leat_point part[LEAT_BLOCK_POINTS];
  size_t count = leat_points_count(&s->points), kept = count, got;
  int64_t most = r->b->options.samples.scalars;
  if (most > 0 && (size_t)most < count) kept = (size_t)most;
  for (size_t i = 0; i < kept; i += got) {
    if (kept == count)
      got = leat_points_read(&s->points, i, LEAT_BLOCK_POINTS, part);
    else
      got = leat_points_read(&s->points, leat__spread(i, kept, count), 1, part);
    for (size_t k = 0; k < got; k++) {
      leat_json_open(r->w, '{');
      leat__key_number(r->w, "wallTime", part[k].wall);
      leat__key_i64(r->w, "step", part[k].step);
      leat__key_number(r->w, "value", (double)part[k].value);
      leat_json_close(r->w, '}');
    }
  }
}

static void put_bins(leat_json_writer *w, const leat_blob *blob, const leat_tensor *t,
                     void *context) {
  leat_json_open(w, '{');
  leat__key_number(w, "wallTime", blob->wall);
  leat__key_i64(w, "step", blob->step);
  leat_json_key(w, LEAT_STR("bins"));
  leat__write_bins(w, t);
  leat_json_close(w, '}');
}

static void write_ids(const request *r, const leat_run *run, const leat_series *s) {
  for (size_t i = 0; i < s->blobs.count; i++) {
    const leat_blob *blob = &s->blobs.at[i];
    leat_buf key = {0};
    if (blob->items <= r->sample + 2) continue;
    leat__blob_key(run, blob, r->sample + 2, &key);
    leat_json_open(r->w, '{');
    leat__key_i64(r->w, "step", blob->step);
    leat__key_number(r->w, "wallTime", blob->wall);
    leat__key_str(r->w, "imageId", leat_buf_view(&key));
    leat_json_close(r->w, '}');
    leat_buf_deinit(&key);
  }
}

static void write_run(const request *r, leat_run *run) {
  leat_run_read(run);
  const leat_series *s = leat_run_series(run, r->tag);
  int64_t most = r->b->options.samples.histograms;
  if (s && leat_str_eq(s->plugin, r->plugin)) {
    leat_json_key(r->w, leat_str_of(run->name));
    leat_json_open(r->w, '[');
    if (leat__eq(r->plugin, "scalars"))
      write_points(r, s);
    else if (leat__eq(r->plugin, "histograms"))
      leat__each_tensor(run, s, most ? most : HISTOGRAMS, put_bins, r->w, NULL);
    else
      write_ids(r, run, s);
    leat_json_close(r->w, ']');
  }
  leat_run_unlock(run);
}

static const char *problem_of(const request *r) {
  bool scalars = leat__eq(r->plugin, "scalars"), images = leat__eq(r->plugin, "images");
  if (!r->has_tag) return "Missing tag";
  if (!scalars && !images && !leat__eq(r->plugin, "histograms")) return "Invalid plugin";
  if (!scalars && !r->has_run) return "Missing run";
  if (images && !r->has_sample) return "Missing sample";
  return NULL;
}

static void write_series(request *r) {
  int count;
  leat_run **runs = leat__board_runs(r->b, &count);
  leat_json_key(r->w, LEAT_STR("runToSeries"));
  leat_json_open(r->w, '{');
  for (int i = 0; i < count; i++)
    if (!r->has_run || leat__eq(r->run, runs[i]->name)) write_run(r, runs[i]);
  leat_json_close(r->w, '}');
  leat__free(runs);
}

static void answer_one(leat_board *b, const leat_jnode *n, leat_json_writer *w) {
  const leat_jnode *run = leat_jnode_get(n, "run"), *sample = leat_jnode_get(n, "sample");
  request r = {.b = b,
               .plugin = leat_jnode_str(leat_jnode_get(n, "plugin")),
               .tag = leat_jnode_str(leat_jnode_get(n, "tag")),
               .run = leat_jnode_str(run),
               .has_tag = leat_jnode_is(leat_jnode_get(n, "tag"), LEAT_JSON_STRING),
               .has_run = leat_jnode_is(run, LEAT_JSON_STRING),
               .w = w};
  r.has_sample = leat_jnode_is(sample, LEAT_JSON_NUMBER) && leat_parse_i64(sample->text, &r.sample);
  if (r.sample < 0) r.sample = 1 << 20;
  leat_json_open(w, '{');
  leat__key_str(w, "plugin", r.plugin);
  leat_json_key(w, LEAT_STR("tag"));
  if (r.has_tag)
    leat_json_string(w, r.tag);
  else
    leat_json_null(w);
  if (r.has_run) leat__key_str(w, "run", r.run);
  if (r.has_sample) leat__key_i64(w, "sample", r.sample);
  const char *problem = problem_of(&r);
  if (problem)
    leat__key_str(w, "error", leat_str_of(problem));
  else
    write_series(&r);
  leat_json_close(w, '}');
}

static void answer_series(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_error err;
  leat_jnode *list = NULL;
  leat_str text = leat__board_param(x, &arena, "requests");
  if (!text.len)
    leat__board_fail(x, 400, "Invalid argument: Missing 'requests' field");
  else if (leat_json_tree(&list, &arena, text, "requests", &err))
    leat__board_fail(x, 400, "Invalid argument: Unable to parse 'requests' as JSON: %s",
                     err.message);
  else {
    leat_json_writer w = {.out = &x->reply};
    leat_json_open(&w, '[');
    for (const leat_jnode *n = list->first; n; n = n->next) answer_one(b, n, &w);
    leat_json_close(&w, ']');
    leat__board_json(x);
  }
  leat_arena_deinit(&arena);
}

const leat_route leat__routes_timeseries[] = {
    {"GET", "/data/plugin/timeseries/tags", answer_tags},
    {"GET", "/data/plugin/timeseries/timeSeries", answer_series},
    {"POST", "/data/plugin/timeseries/timeSeries", answer_series},
    {0},
};
