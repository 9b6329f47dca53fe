// Reading hyperparameters and metrics of runs.
// SPDX-License-Identifier: Apache-2.0
#include "board/hparams.h"

#include "formats/proto.h"

#include <stdlib.h>

#define START_TAG "_hparams_/session_start_info"
#define END_TAG "_hparams_/session_end_info"
#define EXPERIMENT_TAG "_hparams_/experiment"

static leat_str keep(leat_sessions *s, leat_str text) {
  char *own = text.len ? leat_arena_str(&s->arena, text) : NULL;
  return (leat_str){own, own ? text.len : 0};
}

// The message in a field of HParamsPluginData: 2 experiment, 3 start, 4 end.
static leat_str inside(leat_str content, int number) {
  leat_proto p = {content, false};
  leat_proto_field f;
  leat_str found = {0};
  while (leat_proto_next(&p, &f))
    if (f.number == number && f.wire == LEAT_WIRE_BYTES) found = f.bytes;
  return found;
}

static void read_value(leat_sessions *s, leat_str message, leat_hvalue *v) {
  leat_proto p = {message, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f)) {
    if (f.number == 2 && f.wire == LEAT_WIRE_64)
      *v = (leat_hvalue){LEAT_H_NUMBER, leat_proto_as_f64(&f), {0}};
    if (f.number == 3 && f.wire == LEAT_WIRE_BYTES)
      *v = (leat_hvalue){LEAT_H_STRING, 0, keep(s, f.bytes)};
    if (f.number == 4 && f.wire == LEAT_WIRE_VARINT)
      *v = (leat_hvalue){LEAT_H_BOOL, f.bits != 0, {0}};
  }
}

static void read_start(leat_sessions *s, leat_str message, leat_session *to) {
  leat_proto p = {message, false}, entry;
  leat_proto_field f, of;
  while (leat_proto_next(&p, &f)) {
    if (f.number == 5 && f.wire == LEAT_WIRE_64) to->start = leat_proto_as_f64(&f);
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 2) to->model_uri = keep(s, f.bytes);
    if (f.number == 3) to->monitor_url = keep(s, f.bytes);
    if (f.number == 4) to->group_name = keep(s, f.bytes);
    if (f.number != 1) continue;
    leat_hparam h = {0};
    entry = (leat_proto){f.bytes, false};
    while (leat_proto_next(&entry, &of)) {
      if (of.number == 1 && of.wire == LEAT_WIRE_BYTES) h.name = keep(s, of.bytes);
      if (of.number == 2 && of.wire == LEAT_WIRE_BYTES) read_value(s, of.bytes, &h.value);
    }
    leat_vec_push(&to->hparams, h);
  }
}

static void read_end(leat_str message, leat_session *to) {
  leat_proto p = {message, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f)) {
    if (f.number == 1 && f.wire == LEAT_WIRE_VARINT) to->status = f.bits <= 3 ? (int)f.bits : 0;
    if (f.number == 2 && f.wire == LEAT_WIRE_64) to->end = leat_proto_as_f64(&f);
  }
}

static void read_run(leat_sessions *s, const leat_run *run) {
  const leat_series *start = leat_run_series(run, LEAT_STR(START_TAG));
  const leat_series *end = leat_run_series(run, LEAT_STR(END_TAG));
  const leat_series *experiment = leat_run_series(run, LEAT_STR(EXPERIMENT_TAG));
  if (experiment && leat__eq(experiment->plugin, "hparams") && !s->has_experiment) {
    s->experiment = keep(s, inside(experiment->content, 2));
    s->has_experiment = true;
  }
  if (!start || !leat__eq(start->plugin, "hparams")) return;
  leat_session one = {.name = keep(s, leat_str_of(run->name))};
  read_start(s, inside(start->content, 3), &one);
  if (end) read_end(inside(end->content, 4), &one);
  leat_vec_push(&s->list, one);
}

// --- Metrics ------------------------------------------------------------------------------------
// The session whose run is that, or a directory above it; the longest. What lies between is the
// group.
static const leat_session *session_of(const leat_sessions *s, leat_str run, leat_str *group) {
  const leat_session *best = NULL;
  for (size_t i = 0; i < s->list.count; i++) {
    leat_str name = s->list.at[i].name;
    bool same = leat_str_eq(name, run);
    bool above = leat_str_starts(run, name) && run.len > name.len && run.ptr[name.len] == '/';
    if ((same || above) && (!best || name.len > best->name.len)) best = &s->list.at[i];
  }
  if (best)
    *group = best->name.len == run.len
                 ? (leat_str){0}
                 : (leat_str){run.ptr + best->name.len + 1, run.len - best->name.len - 1};
  return best;
}

static int by_name(const void *a, const void *b) {
  const leat_metric *p = a, *q = b;
  int order = leat_str_cmp(p->tag, q->tag);
  return order ? order : leat_str_cmp(p->group, q->group);
}

static void scalars_of(leat_sessions *s, leat_run *run) {
  leat_str group;
  if (!session_of(s, leat_str_of(run->name), &group)) return;
  leat_run_read(run);
  for (const leat_series *i = run->first; i; i = i->next)
    if (i->data_class == LEAT_CLASS_SCALAR && leat__eq(i->plugin, "scalars"))
      leat_vec_push(&s->metrics, (leat_metric){.group = keep(s, group), .tag = keep(s, i->tag)});
  leat_run_unlock(run);
}

static void metrics_of_runs(leat_sessions *s, leat_run **runs, int count) {
  size_t kept = 0;
  for (int i = 0; i < count; i++) scalars_of(s, runs[i]);
  if (s->metrics.count) qsort(s->metrics.at, s->metrics.count, sizeof *s->metrics.at, by_name);
  for (size_t i = 0; i < s->metrics.count; i++)
    if (!i || by_name(&s->metrics.at[i], &s->metrics.at[kept - 1]))
      s->metrics.at[kept++] = s->metrics.at[i];
  s->metrics.count = kept;
}

// Experiment: 5 metric_infos, of which 1 is the name {1 group, 2 tag}.
static void metrics_of_experiment(leat_sessions *s) {
  leat_proto p = {s->experiment, false}, info, name;
  leat_proto_field f, of, part;
  while (leat_proto_next(&p, &f)) {
    if (f.number != 5 || f.wire != LEAT_WIRE_BYTES) continue;
    leat_metric m = {0};
    info = (leat_proto){f.bytes, false};
    while (leat_proto_next(&info, &of)) {
      if (of.number != 1 || of.wire != LEAT_WIRE_BYTES) continue;
      name = (leat_proto){of.bytes, false};
      while (leat_proto_next(&name, &part)) {
        if (part.number == 1 && part.wire == LEAT_WIRE_BYTES) m.group = part.bytes;
        if (part.number == 2 && part.wire == LEAT_WIRE_BYTES) m.tag = part.bytes;
      }
    }
    leat_vec_push(&s->metrics, m);
  }
}

leat_run *leat__metric_run(leat_board *b, leat_str session, leat_str group) {
  leat_buf name = {0};
  leat_buf_str(&name, session);
  if (group.len) leat_buf_fmt(&name, "/" LEAT_STR_FMT, LEAT_STR_ARG(group));
  leat_run *run = leat_store_run(b->store, leat_buf_view(&name));
  leat_buf_deinit(&name);
  return run;
}

static void read_metrics(leat_board *b, const leat_sessions *s, leat_session *to) {
  for (size_t i = 0; i < s->metrics.count; i++) {
    leat_metric m = s->metrics.at[i];
    leat_point last;
    leat_run *run = leat__metric_run(b, to->name, m.group);
    if (!run) continue;
    leat_run_read(run);
    const leat_series *of = leat_run_series(run, m.tag);
    size_t count = of ? leat_points_count(&of->points) : 0;
    if (count) leat_points_read(&of->points, count - 1, 1, &last);
    leat_run_unlock(run);
    if (!count) continue;
    m.value = (double)last.value;
    m.wall = last.wall;
    m.step = last.step;
    leat_vec_push(&to->metrics, m);
  }
}

static int by_run_name(const void *a, const void *b) {
  const leat_run *p = *(leat_run *const *)a, *q = *(leat_run *const *)b;
  return strcmp(p->name, q->name);
}

void leat__sessions_read(leat_board *b, leat_sessions *s) {
  int count;
  leat_run **runs = leat__board_runs(b, &count);
  *s = (leat_sessions){0};
  qsort(runs, (size_t)count, sizeof *runs, by_run_name);
  for (int i = 0; i < count; i++) {
    leat_run_read(runs[i]);
    read_run(s, runs[i]);
    leat_run_unlock(runs[i]);
  }
  if (s->has_experiment)
    metrics_of_experiment(s);
  else
    metrics_of_runs(s, runs, count);
  for (size_t i = 0; i < s->list.count; i++) read_metrics(b, s, &s->list.at[i]);
  leat__free(runs);
}

void leat__sessions_deinit(leat_sessions *s) {
  for (size_t i = 0; i < s->list.count; i++) {
    leat_vec_deinit(&s->list.at[i].hparams);
    leat_vec_deinit(&s->list.at[i].metrics);
  }
  leat_vec_deinit(&s->list);
  leat_vec_deinit(&s->metrics);
  leat_arena_deinit(&s->arena);
}

void leat__write_hvalue(leat_json_writer *w, const leat_hvalue *v) {
  switch (v->kind) {
    case LEAT_H_NUMBER: leat__board_number(w, v->number); break;
    case LEAT_H_STRING: leat_json_string(w, v->text); break;
    case LEAT_H_BOOL: leat_json_bool(w, v->number != 0); break;
    default: leat_json_null(w);
  }
}
