// TensorBoard's API for custom scalars: charts that a program laid out.
// SPDX-License-Identifier: Apache-2.0
#include "board/values.h"
#include "formats/proto.h"

#include <regex.h>

// --- The layout ---------------------------------------------------------------------------------
// Strings of a repeated field.
static void write_strings(leat_json_writer *w, const char *key, leat_str message, int number) {
  leat_proto p = {message, false};
  leat_proto_field f;
  leat_json_key(w, leat_str_of(key));
  leat_json_open(w, '[');
  while (leat_proto_next(&p, &f))
    if (f.number == number && f.wire == LEAT_WIRE_BYTES) leat_json_string(w, f.bytes);
  leat_json_close(w, ']');
}

static leat_str text_of(leat_str message, int number) {
  leat_proto p = {message, false};
  leat_proto_field f;
  leat_str text = {0};
  while (leat_proto_next(&p, &f))
    if (f.number == number && f.wire == LEAT_WIRE_BYTES) text = f.bytes;
  return text;
}

static bool flag_of(leat_str message, int number) {
  leat_proto p = {message, false};
  leat_proto_field f;
  bool flag = false;
  while (leat_proto_next(&p, &f))
    if (f.number == number && f.wire == LEAT_WIRE_VARINT) flag = f.bits != 0;
  return flag;
}

static void write_margin(leat_json_writer *w, leat_str margin) {
  leat_proto p = {margin, false};
  leat_proto_field f;
  leat_json_key(w, LEAT_STR("margin"));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("series"));
  leat_json_open(w, '[');
  while (leat_proto_next(&p, &f)) {
    if (f.number != 1 || f.wire != LEAT_WIRE_BYTES) continue;
    leat_json_open(w, '{');
    leat__key_str(w, "value", text_of(f.bytes, 1));
    leat__key_str(w, "lower", text_of(f.bytes, 2));
    leat__key_str(w, "upper", text_of(f.bytes, 3));
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
  leat_json_close(w, '}');
}

static void write_chart(leat_json_writer *w, leat_str chart) {
  leat_proto p = {chart, false};
  leat_proto_field f;
  leat_json_open(w, '{');
  leat__key_str(w, "title", text_of(chart, 1));
  while (leat_proto_next(&p, &f)) {
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 3) write_margin(w, f.bytes);
    if (f.number != 2) continue;
    leat_json_key(w, LEAT_STR("multiline"));
    leat_json_open(w, '{');
    write_strings(w, "tag", f.bytes, 1);
    leat_json_close(w, '}');
  }
  leat_json_close(w, '}');
}

typedef struct charts {  // one after the other, each once
  LEAT_VEC(leat_str) list;
} charts;

static void add_charts(charts *c, leat_str category) {
  leat_proto p = {category, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f)) {
    bool known = false;
    if (f.number != 2 || f.wire != LEAT_WIRE_BYTES) continue;
    for (size_t i = 0; i < c->list.count; i++) known |= leat_str_eq(c->list.at[i], f.bytes);
    if (!known) leat_vec_push(&c->list, f.bytes);
  }
}

typedef struct layouts {
  leat_arena arena;
  LEAT_VEC(leat_str) categories;  // of all runs
} layouts;

static void read_run(layouts *l, leat_run *run) {
  leat_tensor *t = NULL;
  leat_error err;
  leat_run_read(run);
  const leat_series *s = leat_run_series(run, LEAT_STR("custom_scalars__config__"));
  if (s && s->blobs.count) leat__blob_tensor(run, &s->blobs.at[s->blobs.count - 1], &t, &err);
  leat_run_unlock(run);
  if (t && leat_tensor_dtype(t) == LEAT_DTYPE_STRING && leat_tensor_count(t) == 1) {
    leat_str text = leat_tensor_str(t, 0);
    char *own = leat_arena_str(&l->arena, text);
    leat_proto p = {{own, own ? text.len : 0}, false};
    leat_proto_field f;
    while (leat_proto_next(&p, &f))
      if (f.number == 2 && f.wire == LEAT_WIRE_BYTES) leat_vec_push(&l->categories, f.bytes);
  }
  leat_tensor_unref(t);
}

// A category, with the charts of those of the same title behind it.
static void write_category(leat_json_writer *w, const layouts *l, size_t at) {
  leat_str title = text_of(l->categories.at[at], 1);
  charts c = {0};
  for (size_t i = 0; i < at; i++)
    if (leat_str_eq(text_of(l->categories.at[i], 1), title)) return;
  for (size_t i = at; i < l->categories.count; i++)
    if (leat_str_eq(text_of(l->categories.at[i], 1), title)) add_charts(&c, l->categories.at[i]);
  leat_json_open(w, '{');
  leat__key_str(w, "title", title);
  leat_json_key(w, LEAT_STR("chart"));
  leat_json_open(w, '[');
  for (size_t i = 0; i < c.list.count; i++) write_chart(w, c.list.at[i]);
  leat_json_close(w, ']');
  leat__key_bool(w, "closed", flag_of(l->categories.at[at], 3));
  leat_json_close(w, '}');
  leat_vec_deinit(&c.list);
}

static void answer_layout(leat_board *b, leat_exchange *x) {
  int count;
  layouts l = {0};
  leat_run **runs = leat__board_runs(b, &count);
  leat_json_writer w = {.out = &x->reply};
  for (int i = 0; i < count; i++) read_run(&l, runs[i]);
  leat__free(runs);
  leat_json_open(&w, '{');
  if (l.categories.count) {
    leat__key_i64(&w, "version", 0);
    leat_json_key(&w, LEAT_STR("category"));
    leat_json_open(&w, '[');
    for (size_t i = 0; i < l.categories.count; i++) write_category(&w, &l, i);
    leat_json_close(&w, ']');
  }
  leat_json_close(&w, '}');
  leat_vec_deinit(&l.categories);
  leat_arena_deinit(&l.arena);
  leat__board_json(x);
}

// --- Points -------------------------------------------------------------------------------------
// The pattern matches at the start of a tag, as Python's re.match does.
static bool matches(const regex_t *pattern, leat_str tag) {
  regmatch_t at;
  return tag.ptr && regexec(pattern, tag.ptr, 1, &at, 0) == 0 && at.rm_so == 0;
}

static void answer_scalars(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_json_writer w = {.out = &x->reply};
  regex_t pattern;
  leat_str tag = leat__board_param(x, &arena, "tag");
  bool valid = tag.len && regcomp(&pattern, tag.ptr, REG_EXTENDED) == 0;
  leat_run *run = leat_store_run(b->store, leat__board_param(x, &arena, "run"));
  leat_json_open(&w, '{');
  leat__key_bool(&w, "regex_valid", valid);
  leat_json_key(&w, LEAT_STR("tag_to_events"));
  leat_json_open(&w, '{');
  if (run && valid) {
    leat_run_read(run);
    for (const leat_series *s = run->first; s; s = s->next) {
      if (s->data_class != LEAT_CLASS_SCALAR || !matches(&pattern, s->tag)) continue;
      leat_json_key(&w, s->tag);
      leat__write_points(&s->points, b->options.samples.scalars, false, w.out);
      w.comma = true;
      w.after_key = false;
    }
    leat_run_unlock(run);
  }
  leat_json_close(&w, '}');
  leat_json_close(&w, '}');
  if (valid) regfree(&pattern);
  leat_arena_deinit(&arena);
  leat__board_json(x);
}

const leat_route leat__routes_custom[] = {
    {"GET", "/data/plugin/custom_scalars/layout", answer_layout},
    {"GET", "/data/plugin/custom_scalars/scalars", answer_scalars},
    {"GET", "/data/plugin/custom_scalars/download_data", leat__answer_scalars},
    {0},
};
