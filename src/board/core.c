// TensorBoard's core API, and the page.
// SPDX-License-Identifier: Apache-2.0
#include "board/page.h"
#include "board/values.h"

#include <stdio.h>

static leat_str title(const leat_board *b) {
  return leat_str_of(b->options.window_title ? b->options.window_title : "");
}

static void answer_environment(leat_board *b, leat_exchange *x) {
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  leat__key_str(&w, "version", LEAT_STR(LEAT_VERSION));
  leat__key_str(&w, "data_location", leat_str_of(leat_store_logdir(b->store)));
  leat__key_str(&w, "window_title", title(b));
  leat__key_str(&w, "experiment_name", (leat_str){0});
  leat__key_str(&w, "experiment_description", (leat_str){0});
  leat_json_key(&w, LEAT_STR("creation_time"));
  leat_json_i64(&w, 0);
  leat_json_close(&w, '}');
  leat__board_json(x);
}

static void answer_one(leat_exchange *x, const char *key, leat_str value) {
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  leat__key_str(&w, key, value);
  leat_json_close(&w, '}');
  leat__board_json(x);
}

static void answer_logdir(leat_board *b, leat_exchange *x) {
  answer_one(x, "logdir", leat_str_of(leat_store_logdir(b->store)));
}

static void answer_window(leat_board *b, leat_exchange *x) {
  answer_one(x, "window_title", title(b));
}

static void answer_runs(leat_board *b, leat_exchange *x) {
  int count;
  leat_run **runs = leat__board_runs(b, &count);
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '[');
  for (int i = 0; i < count; i++) leat_json_string(&w, leat_str_of(runs[i]->name));
  leat_json_close(&w, ']');
  leat__free(runs);
  leat__board_json(x);
}

static void answer_none(leat_board *b, leat_exchange *x) {
  leat_buf_c(&x->reply, "[]");
  leat__board_json(x);
}

static void answer_notifications(leat_board *b, leat_exchange *x) {
  leat_buf_c(&x->reply, "{\"notifications\": []}");
  leat__board_json(x);
}

// --- Plugins ------------------------------------------------------------------------------------
typedef struct tab {
  const char *name, *title, *data;  // data: the plugin whose data makes it of use; NULL = its own
} tab;

static const tab tabs[] = {{"timeseries", "Time Series", NULL},
                           {"scalars", "Scalars", NULL},
                           {"custom_scalars", "Custom Scalars", NULL},
                           {"images", "Images", NULL},
                           {"audio", "Audio", NULL},
                           {"graphs", "Graphs", NULL},
                           {"distributions", "Distributions", "histograms"},
                           {"histograms", "Histograms", NULL},
                           {"text", "Text", NULL},
                           {"pr_curves", "PR Curves", NULL},
                           {"hparams", "HParams", NULL}};

static bool has_data(leat_board *b, const tab *p) {
  int count;
  bool found = false;
  leat_run **runs = leat_store_runs(b->store, &count);
  bool graphs = strcmp(p->name, "graphs") == 0, all = strcmp(p->name, "timeseries") == 0;
  for (int i = 0; runs && i < count && !found; i++) {
    leat_run_read(runs[i]);
    for (const leat_series *s = runs[i]->first; s && !found; s = s->next)
      found = leat__eq(s->plugin, p->data ? p->data : p->name) ||
              (graphs && leat_str_starts(s->plugin, LEAT_STR("graph"))) ||
              (all && (leat__eq(s->plugin, "scalars") || leat__eq(s->plugin, "images") ||
                       leat__eq(s->plugin, "histograms")));
    leat_run_unlock(runs[i]);
  }
  leat__free(runs);
  return found;
}

static void answer_plugins(leat_board *b, leat_exchange *x) {
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  for (size_t i = 0; i < sizeof tabs / sizeof *tabs; i++) {
    const tab *p = &tabs[i];
    leat_json_key(&w, leat_str_of(p->name));
    leat_json_open(&w, '{');
    leat_json_key(&w, LEAT_STR("enabled"));
    leat_json_bool(&w, has_data(b, p));
    leat__key_str(&w, "tab_name", leat_str_of(p->title));
    leat_json_close(&w, '}');
  }
  leat_json_close(&w, '}');
  leat__board_json(x);
}

// --- Tags of a plugin, as most of them list them ------------------------------------------------
// {run: {tag: {displayName, description}}}; pictures and sounds with how many a step has.
void leat__board_tags(leat_board *b, leat_exchange *x, const char *plugin) {
  int count;
  leat_arena arena = {0};
  leat_run **runs = leat__board_runs(b, &count);
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  for (int i = 0; i < count; i++) {
    bool any = false;
    leat_run_read(runs[i]);
    for (const leat_series *s = runs[i]->first; s; s = s->next) {
      if (!leat__eq(s->plugin, plugin)) continue;
      if (!any) leat_json_key(&w, leat_str_of(runs[i]->name));
      if (!any) leat_json_open(&w, '{');
      any = true;
      leat_json_key(&w, s->tag);
      leat_json_open(&w, '{');
      leat__key_str(&w, "displayName", s->display_name);
      leat__key_str(&w, "description",
                    s->description.len ? leat__markdown(&arena, s->description) : (leat_str){0});
      if (leat__is_media(s)) leat__key_i64(&w, "samples", leat__media_samples(s));
      leat_json_close(&w, '}');
    }
    if (any) leat_json_close(&w, '}');
    leat_run_unlock(runs[i]);
  }
  leat_json_close(&w, '}');
  leat__free(runs);
  leat_arena_deinit(&arena);
  leat__board_json(x);
}

// --- The page -----------------------------------------------------------------------------------
static bool unchanged(leat_exchange *x, const leat_page_file *f) {
  leat_str own = leat_exchange_field(x, "if-none-match");
  leat_reply_field(x, "etag", leat_str_of(f->tag));
  return leat__eq(own, f->tag);
}

static void answer_file(leat_board *b, leat_exchange *x) {
  leat_str path = x->path;
  if (leat__eq(path, "/")) path = LEAT_STR("/index.html");
  for (const leat_page_file *f = leat__page; f->path; f++) {
    if (!leat__eq(path, f->path)) continue;
    if (unchanged(x, f))
      leat_reply_send(x, 304);
    else
      leat__board_bytes(x, f->type, (leat_str){(const char *)f->bytes, f->size});
    return;
  }
  if (leat__page[0].path || !leat__eq(path, "/index.html"))
    leat__board_fail(x, 404, "There is nothing at " LEAT_STR_FMT, LEAT_STR_ARG(x->path));
  else
    leat__plain_page(b, x);
}

const leat_route leat__routes_core[] = {
    {"GET", "/data/environment", answer_environment},
    {"GET", "/data/logdir", answer_logdir},
    {"GET", "/data/window_properties", answer_window},
    {"GET", "/data/runs", answer_runs},
    {"GET", "/data/experiments", answer_none},
    {"GET", "/data/experiment_runs", answer_none},
    {"GET", "/data/notifications", answer_notifications},
    {"GET", "/data/plugins_listing", answer_plugins},
    {0},
};

const leat_route leat__routes_page[] = {{"GET", "/*", answer_file}, {0}};
