// The board's own API: state, tags, curves, downloads, and the stream of changes.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "board/curve.h"
#include "board/values.h"
#include "formats/number.h"

#include <math.h>
#include <stdlib.h>

// --- State --------------------------------------------------------------------------------------
static void write_notice(void *context, const leat_notice *n) {
  leat_json_writer *w = context;
  leat_json_open(w, '{');
  leat__key_str(w, "path", leat_str_of(n->path));
  leat__key_str(w, "text", leat_str_of(n->text));
  leat_json_close(w, '}');
}

static void answer_state(leat_board *b, leat_exchange *x) {
  const leat_board_options *o = &b->options;
  leat_json_writer w = {.out = &x->reply};
  double interval = o->store.reload_interval;
  leat_json_open(&w, '{');
  leat__key_i64(&w, "revision", leat_store_revision(b->store));
  leat__key_str(&w, "title", leat_str_of(o->window_title ? o->window_title : "Leat board"));
  leat__key_str(&w, "logdir", leat_str_of(leat_store_logdir(b->store)));
  leat_json_key(&w, LEAT_STR("reload_interval"));
  leat_json_f64(&w, interval == 0 ? 5 : interval);
  leat_json_key(&w, LEAT_STR("loading"));
  leat__board_loading(b, &w);
  leat_json_key(&w, LEAT_STR("notices"));
  leat_json_open(&w, '[');
  leat_store_notices(b->store, write_notice, &w);
  leat_json_close(&w, ']');
  leat__key_i64(&w, "points", leat_store_points(b->store));
  leat__key_bool(&w, "token_needed", o->token != NULL);
  leat__key_bool(&w, "registry", o->registry != NULL);
  leat_json_close(&w, '}');
  leat__board_json(x);
}

// --- Tags ---------------------------------------------------------------------------------------
typedef struct tag_entry {
  leat_str tag, name, description;
  LEAT_VEC(int) runs;
  int64_t samples;  // of images and sounds: the most in one step; else 0
} tag_entry;

typedef struct tag_list {  // of a plugin, over all runs
  const char *key, *plugin;
  LEAT_VEC(tag_entry) tags;
  leat_map by_tag;
} tag_list;

static void add_tag(tag_list *list, leat_arena *arena, const leat_series *s, int run) {
  bool made;
  leat_map_entry *e = leat_map_find(&list->by_tag, s->tag);
  if (!e) {
    char *own = leat_arena_str(arena, s->tag);
    if (!own || !(e = leat_map_insert(&list->by_tag, (leat_str){own, s->tag.len}, &made))) return;
    e->value.num = (int64_t)list->tags.count;
    tag_entry t = {.tag = {own, s->tag.len}};
    if (!leat_vec_push(&list->tags, t)) return;
  }
  tag_entry *t = &list->tags.at[e->value.num];
  if (!t->name.len && s->display_name.len)
    t->name = (leat_str){leat_arena_str(arena, s->display_name), s->display_name.len};
  if (!t->description.len && s->description.len)
    t->description = (leat_str){leat_arena_str(arena, s->description), s->description.len};
  if (leat__is_media(s)) {
    int64_t samples = leat__media_samples(s);
    t->samples = samples > t->samples ? samples : t->samples;
  }
  leat_vec_push(&t->runs, run);
}

// What other programs keep beside event files: it is listed, not shown.
static void add_file(tag_list *list, leat_arena *arena, const leat_run *run, const char *name) {
  char *path = leat_path_join(run->dir, name);
  const leat_series s = {.tag = leat_str_of(name)};
  if (path && leat_file_exists(path)) add_tag(list, arena, &s, run->id);
  leat__free(path);
}

static void write_tags(leat_json_writer *w, const tag_list *list, leat_arena *arena) {
  leat_json_key(w, leat_str_of(list->key));
  leat_json_open(w, '[');
  for (size_t i = 0; i < list->tags.count; i++) {
    const tag_entry *t = &list->tags.at[i];
    leat_json_open(w, '{');
    leat__key_str(w, "tag", t->tag);
    leat__key_str(w, "name", t->name.len ? t->name : t->tag);
    leat__key_str(w, "description",
                  t->description.len ? leat__markdown(arena, t->description) : (leat_str){0});
    if (t->samples) leat__key_i64(w, "samples", t->samples);
    leat_json_key(w, LEAT_STR("runs"));
    leat_json_open(w, '[');
    for (size_t k = 0; k < t->runs.count; k++) leat_json_i64(w, t->runs.at[k]);
    leat_json_close(w, ']');
    // Width and height stand in front of the pictures.
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
}

static void free_tags(tag_list *list) {
  for (size_t i = 0; i < list->tags.count; i++) leat_vec_deinit(&list->tags.at[i].runs);
  leat_vec_deinit(&list->tags);
  leat_map_deinit(&list->by_tag);
}

enum { SHOWN = 6, OTHER = 3, LISTS = SHOWN + OTHER, PROJECTOR = 7, PROFILE = 8 };

typedef struct all_tags {
  tag_list lists[LISTS];
  leat_arena arena;
  leat_buf runs, graphs;
  leat_json_writer w_runs, w_graphs;
  bool hparams, custom;
} all_tags;

static void write_graph(all_tags *a, const leat_run *run) {
  leat_json_writer *w = &a->w_graphs;
  bool graph = false, keras = false, any = false;
  for (const leat_series *s = run->first; s; s = s->next) {
    bool metadata = leat_str_starts(s->plugin, LEAT_STR("graph_run_metadata")) ||
                    leat__eq(s->plugin, "graph_tagged_run_metadata");
    graph |= leat__eq(s->plugin, "graphs");
    keras |= leat__eq(s->plugin, "graph_keras_model");
    any |= metadata;
  }
  if (!graph && !keras && !any) return;
  leat_json_open(w, '{');
  leat__key_i64(w, "run", run->id);
  leat__key_bool(w, "graph", graph);
  leat__key_bool(w, "keras", keras);
  leat_json_key(w, LEAT_STR("run_metadata"));
  leat_json_open(w, '[');
  for (const leat_series *s = run->first; s; s = s->next)
    if (leat_str_starts(s->plugin, LEAT_STR("graph_run_metadata")) ||
        leat__eq(s->plugin, "graph_tagged_run_metadata"))
      leat_json_string(w, s->tag);
  leat_json_close(w, ']');
  leat_json_close(w, '}');
}

static void collect_run(all_tags *a, leat_run *run) {
  leat_run_read(run);
  leat_json_open(&a->w_runs, '{');
  leat__key_str(&a->w_runs, "name", leat_str_of(run->name));
  leat_json_key(&a->w_runs, LEAT_STR("start"));
  leat_json_f64(&a->w_runs, run->start);
  leat__key_i64(&a->w_runs, "points", run->points);
  if (atomic_load(&run->gone)) leat__key_bool(&a->w_runs, "gone", true);
  leat_json_close(&a->w_runs, '}');
  for (const leat_series *s = run->first; s; s = s->next) {
    a->hparams |= leat__eq(s->plugin, "hparams");
    a->custom |= leat__eq(s->plugin, "custom_scalars");
    for (int i = 0; i < LISTS; i++)
      if (leat__eq(s->plugin, a->lists[i].plugin)) add_tag(&a->lists[i], &a->arena, s, run->id);
  }
  write_graph(a, run);
  if (run->files.count) {
    add_file(&a->lists[PROJECTOR], &a->arena, run, "projector_config.pbtxt");
    add_file(&a->lists[PROFILE], &a->arena, run, "plugins/profile");
  }
  leat_run_unlock(run);
}

static void answer_tags(leat_board *b, leat_exchange *x) {
  all_tags a = {.lists = {{"scalars", "scalars"},
                          {"histograms", "histograms"},
                          {"images", "images"},
                          {"text", "text"},
                          {"pr_curves", "pr_curves"},
                          {"audio", "audio"},
                          {"mesh", "mesh"},
                          {"projector", "projector"},
                          {"profile", "profile"}}};
  leat_json_writer w = {.out = &x->reply};
  int count;
  a.w_runs.out = &a.runs;
  a.w_graphs.out = &a.graphs;
  leat_json_open(&w, '{');
  leat__key_i64(&w, "revision", leat_store_revision(b->store));
  leat_run **runs = leat_store_runs(b->store, &count);
  leat_json_open(&a.w_runs, '[');
  leat_json_open(&a.w_graphs, '[');
  for (int i = 0; i < count; i++) collect_run(&a, runs[i]);
  leat_json_close(&a.w_runs, ']');
  leat_json_close(&a.w_graphs, ']');
  leat__free(runs);
  leat_json_key(&w, LEAT_STR("runs"));
  leat_json_raw(&w, leat_buf_view(&a.runs));
  for (int i = 0; i < SHOWN; i++) write_tags(&w, &a.lists[i], &a.arena);
  leat_json_key(&w, LEAT_STR("graphs"));
  leat_json_raw(&w, leat_buf_view(&a.graphs));
  leat__key_bool(&w, "hparams", a.hparams);
  leat__key_bool(&w, "custom_scalars", a.custom);
  leat_json_key(&w, LEAT_STR("other"));
  leat_json_open(&w, '{');
  for (int i = SHOWN; i < LISTS; i++) write_tags(&w, &a.lists[i], &a.arena);
  leat_json_close(&w, '}');
  leat_json_close(&w, '}');
  for (int i = 0; i < LISTS; i++) free_tags(&a.lists[i]);
  leat_buf_deinit(&a.runs);
  leat_buf_deinit(&a.graphs);
  leat_arena_deinit(&a.arena);
  leat__board_json(x);
}

// --- Curves -------------------------------------------------------------------------------------
enum { SERIES_MAX = 20000, BAND = 1u << 31 };

typedef struct wanted {
  leat_run *run;  // NULL: none of that number, or a band
  leat_str tag;
  leat_curve curve;
  bool failed;             // no memory
  struct wanted *members;  // of a band: the curves it is made of
  size_t member_count;
} wanted;

typedef struct curves {
  leat_board *b;
  leat_view view;
  wanted *series;
  size_t count;
  leat_buf *out;
} curves;

static double number_of(const leat_jnode *n, double fallback) {
  double value;
  if (!leat_jnode_is(n, LEAT_JSON_NUMBER) || !leat_parse_f64(n->text, &value)) return fallback;
  return value;
}

static int64_t whole_of(const leat_jnode *n, int64_t fallback) {
  int64_t value;
  return n && leat_parse_i64(n->text, &value) ? value : fallback;
}

static bool read_view(const leat_jnode *body, leat_view *v) {
  leat_str axis = leat_jnode_str(leat_jnode_get(body, "x"));
  const leat_jnode *smooth = leat_jnode_get(body, "smooth");
  leat_str kind = leat_jnode_str(leat_jnode_get(smooth, "kind"));
  double width = number_of(leat_jnode_get(body, "width"), 1000);
  *v = (leat_view){.axis = leat__eq(axis, "wall")       ? LEAT_X_WALL
                           : leat__eq(axis, "relative") ? LEAT_X_RELATIVE
                                                        : LEAT_X_STEP,
                   .x0 = number_of(leat_jnode_get(body, "x0"), NAN),
                   .x1 = number_of(leat_jnode_get(body, "x1"), NAN),
                   .log_x = leat_jnode_is(leat_jnode_get(body, "log_x"), LEAT_JSON_TRUE),
                   .width = width >= 1 ? width <= 20000 ? (int)width : 20000 : 1,
                   .smooth = leat__eq(kind, "ema")    ? LEAT_SMOOTH_EMA
                             : leat__eq(kind, "mean") ? LEAT_SMOOTH_MEAN
                                                      : LEAT_SMOOTH_NONE,
                   .smoothing = number_of(leat_jnode_get(smooth, "value"), 0)};
  if (v->smooth == LEAT_SMOOTH_EMA && !(v->smoothing >= 0 && v->smoothing < 1)) return false;
  return v->smooth != LEAT_SMOOTH_MEAN || v->smoothing >= 1;
}

// The range of all series together, where none was asked for.
static void widen(curves *c, const wanted *series, size_t count, double *low, double *high) {
  for (size_t i = 0; i < count; i++) {
    leat_run *run = series[i].run;
    double first, last;
    widen(c, series[i].members, series[i].member_count, low, high);
    if (!run) continue;
    leat_run_read(run);
    const leat_series *s = leat_run_series(run, series[i].tag);
    if (s && leat_points_count(&s->points)) {
      leat_curve_extent(&s->points, c->view.axis, &first, &last);
      *low = first < *low ? first : *low;
      *high = last > *high ? last : *high;
    }
    leat_run_unlock(run);
  }
}

static void common_range(curves *c) {
  double low = INFINITY, high = -INFINITY;
  widen(c, c->series, c->count, &low, &high);
  if (isnan(c->view.x0) && low <= high) c->view.x0 = low;
  if (isnan(c->view.x1) && low <= high) c->view.x1 = high;
}

typedef struct drawing {
  const curves *c;
  wanted *series;
} drawing;

static void draw_one(void *context, int64_t i) {
  drawing *d = context;
  const curves *c = d->c;
  wanted *s = &d->series[i];
  leat_error err;
  if (!s->run) return;
  leat_run_read(s->run);
  const leat_series *of = leat_run_series(s->run, s->tag);
  if (of && leat_curve_draw(&of->points, &c->view, &s->curve, &err)) s->failed = true;
  leat_run_unlock(s->run);
}

static void put_u32(leat_buf *out, uint32_t v) { leat_buf_add(out, &v, 4); }

static void align(leat_buf *out) {
  while (out->len % 8) leat_buf_char(out, 0);
}

static void write_curve(const wanted *s, uint32_t index, leat_buf *out) {
  const leat_curve *c = &s->curve;
  size_t n = c->points.count;
  align(out);
  put_u32(out, index);
  put_u32(out, (uint32_t)n);
  leat_buf_add(out, &c->last.x, 8);
  leat_buf_add(out, &c->last.raw, 4);
  leat_buf_add(out, &c->last.smooth, 4);
  leat_buf_add(out, &c->total, 8);
  if (!leat_buf_reserve(out, n * 16)) return;
  char *x = out->ptr + out->len, *raw = x + 8 * n, *smooth = raw + 4 * n;
  for (size_t i = 0; i < n; i++) {
    const leat_drawn *p = &c->points.at[i];
    memcpy(x + 8 * i, &p->x, 8);
    memcpy(raw + 4 * i, &p->raw, 4);
    memcpy(smooth + 4 * i, &p->smooth, 4);
  }
  out->len += 16 * n;
}

// --- Bands: least, mean and greatest of a group of runs -----------------------------------------
// The places where a band is given: the points of the group's longest curve.
static const leat_curve *longest(const wanted *band) {
  const leat_curve *best = NULL;
  for (size_t i = 0; i < band->member_count; i++) {
    const leat_curve *c = &band->members[i].curve;
    if (!best || c->points.count > best->points.count) best = c;
  }
  return best;
}

// The smoothed value at x, between the points beside it; false outside of the curve.
static bool value_at(const leat_curve *c, size_t *at, double x, double *out) {
  const leat_drawn *p = c->points.at;
  size_t n = c->points.count;
  if (!n || x < p[0].x || x > p[n - 1].x) return false;
  while (*at + 1 < n && p[*at + 1].x <= x) ++*at;
  double value = (double)p[*at].smooth;
  if (*at + 1 < n && p[*at].x < x && p[*at + 1].x > p[*at].x)
    value += ((double)p[*at + 1].smooth - value) * (x - p[*at].x) / (p[*at + 1].x - p[*at].x);
  *out = value;
  return isfinite(value);
}

static void write_band(const wanted *band, uint32_t index, leat_buf *out) {
  const leat_curve *grid = longest(band);
  size_t n = grid ? grid->points.count : 0, count = band->member_count;
  float none[2] = {0};
  double last = 0;
  int64_t total = 0;
  float *low = leat__calloc(3 * n + 1, sizeof *low), *mean = low + n, *high = mean + n;
  size_t *places = leat__calloc(count + 1, sizeof *places);
  if (!low || !places) n = 0;
  for (size_t k = 0; k < n; k++) {
    double sum = 0, value, least = INFINITY, most = -INFINITY;
    int seen = 0;
    for (size_t i = 0; i < count; i++) {
      if (!value_at(&band->members[i].curve, &places[i], grid->points.at[k].x, &value)) continue;
      sum += value, seen++;
      least = value < least ? value : least;
      most = value > most ? value : most;
    }
    low[k] = seen ? (float)least : NAN;
    mean[k] = seen ? (float)(sum / seen) : NAN;
    high[k] = seen ? (float)most : NAN;
  }
  for (size_t i = 0; i < count; i++) {
    const leat_curve *c = &band->members[i].curve;
    last = i == 0 || c->last.x > last ? c->last.x : last;
    total += (int64_t)c->total;
  }
  align(out);
  put_u32(out, index | BAND);
  put_u32(out, (uint32_t)n);
  leat_buf_add(out, &last, 8);
  leat_buf_add(out, none, 8);
  leat_buf_add(out, &total, 8);
  for (size_t k = 0; k < n; k++) leat_buf_add(out, &grid->points.at[k].x, 8);
  if (n) leat_buf_add(out, low, 3 * n * sizeof *low);
  leat__free(low);
  leat__free(places);
}

static bool draw(const curves *c, wanted *series, size_t count) {
  drawing d = {c, series};
  leat_pool_run(c->b->pool, (int64_t)count, draw_one, &d);
  for (size_t i = 0; i < count; i++)
    if (series[i].failed) return false;
  return true;
}

// A band's curves are drawn, used and dropped before the next band's: many runs, little memory.
static leat_status draw_all(curves *c, leat_error *err) {
  common_range(c);
  put_u32(c->out, 0x3153544C);  // "LTS1"
  put_u32(c->out, (uint32_t)c->count);
  bool drawn = draw(c, c->series, c->count);
  for (size_t i = 0; drawn && i < c->count; i++) {
    wanted *s = &c->series[i];
    if (s->members) {
      drawn = draw(c, s->members, s->member_count);
      if (drawn) write_band(s, (uint32_t)i, c->out);
      for (size_t k = 0; k < s->member_count; k++) leat_curve_deinit(&s->members[k].curve);
    } else {
      write_curve(s, (uint32_t)i, c->out);
    }
    leat_curve_deinit(&s->curve);
  }
  return drawn ? LEAT_OK : leat__oom(err, c->count);
}

static bool read_band(const curves *c, wanted *band, const leat_jnode *group, leat_arena *arena) {
  size_t count = leat_jnode_is(group, LEAT_JSON_ARRAY) ? group->count : 0;
  band->members = leat_arena_alloc(arena, (count + 1) * sizeof *band->members);
  if (!band->members) return false;
  for (const leat_jnode *n = count ? group->first : NULL; n; n = n->next) {
    leat_run *run = leat_store_run_at(c->b->store, whole_of(n, -1));
    band->members[band->member_count++] = (wanted){.run = run, .tag = band->tag};
    if (run) leat_store_want(c->b->store, run);
  }
  return true;
}

static const leat_jnode *group_of(const leat_jnode *bands, int64_t index) {
  const leat_jnode *n = leat_jnode_is(bands, LEAT_JSON_ARRAY) ? bands->first : NULL;
  while (n && index-- > 0) n = n->next;
  return n;
}

static leat_status read_curves(curves *c, leat_arena *arena, leat_str text, leat_error *err) {
  leat_jnode *body;
  leat_status status = leat_json_tree(&body, arena, text, "body", err);
  if (status) return status;
  const leat_jnode *list = leat_jnode_get(body, "series");
  if (!leat_jnode_is(list, LEAT_JSON_ARRAY) || list->count > SERIES_MAX)
    return leat_error_set(
        err, LEAT_INVALID_ARGUMENT,
        "series: a list of {\"run\": number, \"tag\": text} or {\"group\": place in "
        "\"band\", \"tag\": text} is expected, of at most %d",
        SERIES_MAX);
  if (!read_view(body, &c->view))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "smooth: a value from 0 to below 1 (ema) or from 1 (mean) is expected");
  c->series = leat_arena_alloc(arena, (list->count + 1) * sizeof *c->series);
  if (!c->series) return leat__oom(err, list->count);
  for (const leat_jnode *n = list->first; n; n = n->next) {
    wanted *s = &c->series[c->count++];
    int64_t group = whole_of(leat_jnode_get(n, "group"), -1);
    *s = (wanted){.tag = leat_jnode_str(leat_jnode_get(n, "tag"))};
    if (group >= 0) {
      const leat_jnode *runs = group_of(leat_jnode_get(body, "band"), group);
      if (!read_band(c, s, runs, arena)) return leat__oom(err, list->count);
      continue;
    }
    s->run = leat_store_run_at(c->b->store, whole_of(leat_jnode_get(n, "run"), -1));
    if (s->run) leat_store_want(c->b->store, s->run);
  }
  return LEAT_OK;
}

static void answer_series(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_error err;
  curves c = {.b = b, .out = &x->reply};
  leat_status status = read_curves(&c, &arena, x->body, &err);
  if (!status) status = draw_all(&c, &err);
  if (!status) status = leat_buf_status(&x->reply, &err);
  for (size_t i = 0; i < c.count; i++) leat_curve_deinit(&c.series[i].curve);
  leat_arena_deinit(&arena);
  if (status) {
    leat__board_fail(x, leat_http_status(status), "%s", err.message);
    return;
  }
  // On one machine packing takes longer than what it saves.
  if (x->loopback) leat_reply_field(x, "content-encoding", LEAT_STR("identity"));
  leat__board_bytes(x, "application/octet-stream", (leat_str){0});
}

// --- One point, all points ----------------------------------------------------------------------
// The run and series that the parameters name, with the run held; NULL after answering.
static leat_series *named_series(leat_board *b, leat_exchange *x, leat_arena *arena,
                                 leat_run **run) {
  int64_t id;
  leat_str name = leat__board_param(x, arena, "run"), tag = leat__board_param(x, arena, "tag");
  *run = leat_parse_i64(name, &id) ? leat_store_run_at(b->store, id) : NULL;
  if (!*run) *run = leat_store_run(b->store, name);
  if (!*run) {
    leat__board_fail(x, 404, "No run '" LEAT_STR_FMT "'.", LEAT_STR_ARG(name));
    return NULL;
  }
  leat_run_read(*run);
  leat_series *s = leat_run_series(*run, tag);
  if (s && s->data_class == LEAT_CLASS_SCALAR && leat_points_count(&s->points)) return s;
  leat_run_unlock(*run);
  leat__board_fail(x, 404, "The run '%s' has no scalar '" LEAT_STR_FMT "'.", (*run)->name,
                   LEAT_STR_ARG(tag));
  return NULL;
}

static void nearest(const leat_points *points, double x, leat_x_axis axis, leat_point *out) {
  leat_point part[LEAT_BLOCK_POINTS];
  size_t got;
  double best = INFINITY, start = 0;
  leat_points_read(points, 0, 1, out);
  start = out->wall;
  for (size_t at = 0; (got = leat_points_read(points, at, LEAT_BLOCK_POINTS, part)); at += got)
    for (size_t i = 0; i < got; i++) {
      double own = axis == LEAT_X_STEP ? (double)part[i].step : part[i].wall;
      double far = fabs(own - (axis == LEAT_X_RELATIVE ? start : 0) - x);
      if (far < best) best = far, *out = part[i];
    }
}

static void answer_point(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_run *run;
  leat_point p;
  double at = 0;
  leat_str mode = leat__board_param(x, &arena, "mode");
  leat_series *s = named_series(b, x, &arena, &run);
  if (s) {
    leat_parse_f64(leat__board_param(x, &arena, "x"), &at);
    nearest(&s->points, at,
            leat__eq(mode, "wall")       ? LEAT_X_WALL
            : leat__eq(mode, "relative") ? LEAT_X_RELATIVE
                                         : LEAT_X_STEP,
            &p);
    leat_run_unlock(run);
    leat_json_writer w = {.out = &x->reply};
    leat_json_open(&w, '{');
    leat__key_i64(&w, "step", p.step);
    leat_json_key(&w, LEAT_STR("wall"));
    leat__board_number(&w, p.wall);
    leat_json_key(&w, LEAT_STR("value"));
    leat__board_number(&w, (double)p.value);
    leat_json_close(&w, '}');
    leat__board_json(x);
  }
  leat_arena_deinit(&arena);
}

static void answer_download(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_run *run;
  bool csv = leat__eq(leat__board_param(x, &arena, "format"), "csv");
  leat_series *s = named_series(b, x, &arena, &run);
  if (s) {
    leat__write_points(&s->points, 0, csv, &x->reply);
    leat_run_unlock(run);
    leat_reply_field(x, "content-disposition",
                     csv ? LEAT_STR("attachment; filename=\"points.csv\"")
                         : LEAT_STR("attachment; filename=\"points.json\""));
    leat__board_bytes(x, csv ? "text/csv" : "application/json", (leat_str){0});
  }
  leat_arena_deinit(&arena);
}

const leat_route leat__routes_own[] = {
    {"GET", "/data/leat/state", answer_state},
    {"GET", "/data/leat/tags", answer_tags},
    {"POST", "/data/leat/series", answer_series},
    {"GET", "/data/leat/point", answer_point},
    {"GET", "/data/leat/download", answer_download},
    {"GET", "/data/leat/events", leat__board_listen},
    {0},
};
