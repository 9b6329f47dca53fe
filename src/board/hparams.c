// TensorBoard's API for hyperparameters.
// SPDX-License-Identifier: Apache-2.0
#include "board/hparams.h"

#include "formats/number.h"
#include "formats/proto.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>

static const char *const type_names[] = {"DATA_TYPE_UNSET", "DATA_TYPE_STRING", "DATA_TYPE_BOOL",
                                         "DATA_TYPE_FLOAT64"};
static const char *const status_names[] = {"STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE",
                                           "STATUS_RUNNING"};

// The request: a JSON object in the body, or in the parameter "request". NULL: an empty one.
static leat_status read_request(leat_exchange *x, leat_arena *arena, leat_jnode **out,
                                leat_error *err) {
  leat_str text = leat__eq(x->method, "POST") ? x->body : leat__board_param(x, arena, "request");
  *out = NULL;
  return text.len ? leat_json_tree(out, arena, text, "request", err) : LEAT_OK;
}

// A member by either of the names that protocol buffers' JSON allows.
static leat_jnode *member(const leat_jnode *n, const char *camel, const char *snake) {
  leat_jnode *found = leat_jnode_get(n, camel);
  return found ? found : leat_jnode_get(n, snake);
}

static bool is_true(const leat_jnode *n) { return leat_jnode_is(n, LEAT_JSON_TRUE); }

static double number_of(const leat_jnode *n, double fallback) {
  double value;
  if (!n) return fallback;
  return leat_parse_f64(n->text, &value) ? value : fallback;
}

static bool wants_metrics(const leat_jnode *request) {
  return !leat_jnode_is(member(request, "includeMetrics", "include_metrics"), LEAT_JSON_FALSE);
}

// --- The experiment -----------------------------------------------------------------------------
typedef struct info {  // of a hyperparameter
  leat_str name, display_name, description;
  int type;  // of type_names
  bool differs, has_interval;
  double low, high;
  LEAT_VEC(leat_hvalue) discrete;
} info;

typedef LEAT_VEC(info) infos;

static void read_value(leat_str message, leat_hvalue *v) {
  leat_proto p = {message, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f)) {
    if (f.number == 2 && f.wire == LEAT_WIRE_64)
      *v = (leat_hvalue){LEAT_H_NUMBER, leat_proto_as_f64(&f), {0}};
    if (f.number == 3 && f.wire == LEAT_WIRE_BYTES) *v = (leat_hvalue){LEAT_H_STRING, 0, f.bytes};
    if (f.number == 4 && f.wire == LEAT_WIRE_VARINT)
      *v = (leat_hvalue){LEAT_H_BOOL, f.bits != 0, {0}};
  }
}

// HParamInfo: 1 name, 2 display name, 3 description, 4 type, 5 discrete, 6 interval, 7 differs.
static void read_info(leat_str message, info *to) {
  leat_proto p = {message, false}, in;
  leat_proto_field f, of;
  leat_str *const texts[] = {NULL, &to->name, &to->display_name, &to->description};
  while (leat_proto_next(&p, &f)) {
    if (f.number == 4) to->type = f.bits <= 3 ? (int)f.bits : 0;
    if (f.number == 7) to->differs = f.bits != 0;
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number >= 1 && f.number <= 3) *texts[f.number] = f.bytes;
    if (f.number != 5 && f.number != 6) continue;
    in = (leat_proto){f.bytes, false};
    to->has_interval |= f.number == 6;
    while (leat_proto_next(&in, &of)) {
      leat_hvalue v = {0};
      if (f.number == 6 && of.number <= 2)
        *(of.number == 1 ? &to->low : &to->high) = leat_proto_as_f64(&of);
      if (f.number == 6 || of.number != 1 || of.wire != LEAT_WIRE_BYTES) continue;
      read_value(of.bytes, &v);
      leat_vec_push(&to->discrete, v);
    }
  }
}

static bool same_value(const leat_hvalue *a, const leat_hvalue *b) {
  return a->kind == b->kind && a->number == b->number && leat_str_eq(a->text, b->text);
}

static leat_hvalue as_string(leat_arena *arena, const leat_hvalue *v) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text};
  if (v->kind == LEAT_H_STRING) return *v;
  leat__write_hvalue(&w, v);
  leat_hvalue s = {LEAT_H_STRING, 0, {leat_arena_str(arena, leat_buf_view(&text)), text.len}};
  leat_buf_deinit(&text);
  return s;
}

static int type_of(const leat_hvalue *v) {
  return v->kind == LEAT_H_STRING   ? 1
         : v->kind == LEAT_H_BOOL   ? 2
         : v->kind == LEAT_H_NUMBER ? 3
                                    : 0;
}

// Takes a session's value into what is known of the hyperparameter.
static void add_value(info *to, const leat_hvalue *v) {
  for (size_t i = 0; i < to->discrete.count; i++)
    if (same_value(&to->discrete.at[i], v)) return;
  leat_vec_push(&to->discrete, *v);
}

// The type that fits all values: one type, or text.
static void conclude(leat_arena *arena, info *to) {
  size_t kept = 0;
  for (size_t i = 0; i < to->discrete.count; i++) {
    int type = type_of(&to->discrete.at[i]);
    if (!type) continue;
    to->type = !to->type || to->type == type ? type : 1;
    to->discrete.at[kept++] = to->discrete.at[i];
  }
  to->discrete.count = kept;
  to->differs = kept > 1;
  to->has_interval = to->type == 3;
  for (size_t i = 0; i < kept; i++) {
    leat_hvalue *v = &to->discrete.at[i];
    if (to->type == 1) *v = as_string(arena, v);
    if (!to->has_interval) continue;
    if (!i || v->number < to->low) to->low = v->number;
    if (!i || v->number > to->high) to->high = v->number;
  }
  if (to->has_interval) to->discrete.count = 0;
}

static int by_differs(const void *a, const void *b) {
  const info *p = a, *q = b;
  if (p->differs != q->differs) return p->differs ? -1 : 1;
  return leat_str_cmp(p->name, q->name);
}

static void infos_of(leat_sessions *s, infos *out) {
  leat_proto p = {s->experiment, false};
  leat_proto_field f;
  while (s->has_experiment && leat_proto_next(&p, &f)) {
    info one = {0};
    if (f.number != 4 || f.wire != LEAT_WIRE_BYTES) continue;
    read_info(f.bytes, &one);
    leat_vec_push(out, one);
  }
  for (size_t i = 0; !s->has_experiment && i < s->list.count; i++)
    for (size_t k = 0; k < s->list.at[i].hparams.count; k++) {
      const leat_hparam *h = &s->list.at[i].hparams.at[k];
      size_t at = 0;
      while (at < out->count && !leat_str_eq(out->at[at].name, h->name)) at++;
      if (at == out->count && !leat_vec_push(out, (info){.name = h->name})) return;
      add_value(&out->at[at], &h->value);
    }
  for (size_t i = 0; !s->has_experiment && i < out->count; i++) conclude(&s->arena, &out->at[i]);
  if (out->count) qsort(out->at, out->count, sizeof *out->at, by_differs);
}

static void write_info(leat_json_writer *w, const info *i) {
  leat_json_open(w, '{');
  leat__key_str(w, "name", i->name);
  leat__key_str(w, "displayName", i->display_name);
  leat__key_str(w, "description", i->description);
  leat__key_str(w, "type", leat_str_of(type_names[i->type]));
  leat__key_bool(w, "differs", i->differs);
  if (i->has_interval) {
    leat_json_key(w, LEAT_STR("domainInterval"));
    leat_json_open(w, '{');
    leat__key_number(w, "minValue", i->low);
    leat__key_number(w, "maxValue", i->high);
    leat_json_close(w, '}');
  } else if (i->discrete.count) {
    leat_json_key(w, LEAT_STR("domainDiscrete"));
    leat_json_open(w, '[');
    for (size_t k = 0; k < i->discrete.count; k++) leat__write_hvalue(w, &i->discrete.at[k]);
    leat_json_close(w, ']');
  }
  leat_json_close(w, '}');
}

static void write_name(leat_json_writer *w, const leat_metric *m) {
  leat_json_key(w, LEAT_STR("name"));
  leat_json_open(w, '{');
  leat__key_str(w, "group", m->group);
  leat__key_str(w, "tag", m->tag);
  leat_json_close(w, '}');
}

// MetricInfo: 3 display name, 4 description, 5 dataset. `message` is "" for those of runs.
static void write_metric_info(leat_json_writer *w, const leat_metric *m, leat_str message) {
  static const char *const sets[] = {"DATASET_UNKNOWN", "DATASET_TRAINING", "DATASET_VALIDATION"};
  leat_proto p = {message, false};
  leat_proto_field f;
  leat_str display = {0}, description = {0};
  size_t set = 0;
  while (leat_proto_next(&p, &f)) {
    if (f.number == 3 && f.wire == LEAT_WIRE_BYTES) display = f.bytes;
    if (f.number == 4 && f.wire == LEAT_WIRE_BYTES) description = f.bytes;
    if (f.number == 5 && f.bits < 3) set = f.bits;
  }
  leat_json_open(w, '{');
  write_name(w, m);
  leat__key_str(w, "displayName", display);
  leat__key_str(w, "description", description);
  leat__key_str(w, "datasetType", leat_str_of(sets[set]));
  leat_json_close(w, '}');
}

static void write_metric_infos(leat_json_writer *w, const leat_sessions *s) {
  leat_proto p = {s->experiment, false};
  leat_proto_field f;
  size_t i = 0;
  leat_json_key(w, LEAT_STR("metricInfos"));
  leat_json_open(w, '[');
  while (s->has_experiment && leat_proto_next(&p, &f))
    if (f.number == 5 && f.wire == LEAT_WIRE_BYTES && i < s->metrics.count)
      write_metric_info(w, &s->metrics.at[i++], f.bytes);
  for (; !s->has_experiment && i < s->metrics.count; i++)
    write_metric_info(w, &s->metrics.at[i], (leat_str){0});
  leat_json_close(w, ']');
}

static void write_experiment(leat_json_writer *w, leat_sessions *s, const leat_jnode *request) {
  leat_proto p = {s->experiment, false};
  leat_proto_field f;
  leat_str texts[7] = {0};
  double created = 0;
  infos list = {0};
  while (leat_proto_next(&p, &f)) {
    if (f.wire == LEAT_WIRE_BYTES && f.number >= 1 && f.number <= 6) texts[f.number] = f.bytes;
    if (f.number == 3 && f.wire == LEAT_WIRE_64) created = leat_proto_as_f64(&f);
  }
  infos_of(s, &list);
  double most = number_of(member(request, "hparamsLimit", "hparams_limit"), 0);
  bool any = s->has_experiment || list.count;
  leat_json_open(w, '{');
  leat__key_str(w, "name", texts[6]);
  leat__key_str(w, "description", texts[1]);
  leat__key_str(w, "user", texts[2]);
  leat__key_number(w, "timeCreatedSecs", created);
  leat_json_key(w, LEAT_STR("hparamInfos"));
  leat_json_open(w, '[');
  for (size_t i = 0; i < list.count && (most < 1 || (double)i < most); i++)
    write_info(w, &list.at[i]);
  leat_json_close(w, ']');
  if (any && wants_metrics(request))
    write_metric_infos(w, s);
  else {
    leat_json_key(w, LEAT_STR("metricInfos"));
    leat_json_raw(w, LEAT_STR("[]"));
  }
  leat_json_close(w, '}');
  for (size_t i = 0; i < list.count; i++) leat_vec_deinit(&list.at[i].discrete);
  leat_vec_deinit(&list);
}

// --- Groups of sessions -------------------------------------------------------------------------
typedef struct group {
  leat_str name;
  leat_session *first;  // whose hyperparameters are the group's
  LEAT_VEC(leat_session *) sessions;
  leat_metrics metrics;
} group;

typedef struct column {  // of a table, as the request describes it
  bool is_metric, missing_first, no_missing;
  leat_metric metric;
  leat_str hparam;
  int order;  // 1 up, -1 down, 0 none
  const leat_jnode *interval, *discrete;
  regex_t regexp;
  bool has_regexp;
  bool hidden;
} column;

typedef struct table {
  leat_sessions *sessions;
  LEAT_VEC(group) groups;
  LEAT_VEC(column) columns;
  bool chooses;  // some column says whether it is wanted
} table;

static const leat_metric *metric_of(const leat_metrics *list, leat_str metric_group, leat_str tag) {
  for (size_t i = 0; i < list->count; i++)
    if (leat_str_eq(list->at[i].tag, tag) && leat_str_eq(list->at[i].group, metric_group))
      return &list->at[i];
  return NULL;
}

static leat_hvalue value_of(const group *g, const column *c) {
  leat_hvalue none = {0};
  if (c->is_metric) {
    const leat_metric *m = metric_of(&g->metrics, c->metric.group, c->metric.tag);
    return m ? (leat_hvalue){LEAT_H_NUMBER, m->value, {0}} : none;
  }
  for (size_t i = 0; i < g->first->hparams.count; i++)
    if (leat_str_eq(g->first->hparams.at[i].name, c->hparam)) return g->first->hparams.at[i].value;
  return none;
}

static leat_status read_column(const leat_jnode *n, column *c, leat_error *err) {
  const leat_jnode *metric = leat_jnode_get(n, "metric"), *hparam = leat_jnode_get(n, "hparam");
  leat_str order = leat_jnode_str(leat_jnode_get(n, "order"));
  const leat_jnode *regexp = member(n, "filterRegexp", "filter_regexp");
  c->is_metric = metric != NULL;
  c->metric.group = leat_jnode_str(leat_jnode_get(metric, "group"));
  c->metric.tag = leat_jnode_str(leat_jnode_get(metric, "tag"));
  c->hparam = leat_jnode_str(hparam);
  c->order = leat__eq(order, "ORDER_ASC") ? 1 : leat__eq(order, "ORDER_DESC") ? -1 : 0;
  c->missing_first = is_true(member(n, "missingValuesFirst", "missing_values_first"));
  c->no_missing = is_true(member(n, "excludeMissingValues", "exclude_missing_values"));
  c->interval = member(n, "filterInterval", "filter_interval");
  c->discrete = member(n, "filterDiscrete", "filter_discrete");
  c->hidden = leat_jnode_is(member(n, "includeInResult", "include_in_result"), LEAT_JSON_FALSE);
  if (!metric && !hparam)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "a column names a metric or an hparam");
  if (regexp && regcomp(&c->regexp, leat_jnode_str(regexp).ptr, REG_EXTENDED | REG_NOSUB))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "'" LEAT_STR_FMT "' is no regular expression",
                          LEAT_STR_ARG(leat_jnode_str(regexp)));
  c->has_regexp = regexp != NULL;
  return LEAT_OK;
}

static bool is_among(const leat_jnode *list, const leat_hvalue *v) {
  for (const leat_jnode *n = list->first; n; n = n->next) {
    bool fits =
        v->kind == LEAT_H_STRING ? n->kind == LEAT_JSON_STRING && leat_str_eq(n->text, v->text)
        : v->kind == LEAT_H_BOOL ? n->kind == (v->number != 0 ? LEAT_JSON_TRUE : LEAT_JSON_FALSE)
                                 : n->kind == LEAT_JSON_NUMBER && number_of(n, NAN) == v->number;
    if (fits) return true;
  }
  return false;
}

static bool passes(const group *g, const column *c) {
  leat_hvalue v = value_of(g, c);
  if (v.kind == LEAT_H_NONE) return !c->no_missing;
  if (c->has_regexp)
    return v.kind == LEAT_H_STRING &&
           regexec(&c->regexp, v.text.ptr ? v.text.ptr : "", 0, NULL, 0) == 0;
  if (c->interval)
    return v.kind != LEAT_H_STRING &&
           v.number >= number_of(member(c->interval, "minValue", "min_value"), 0) &&
           v.number <= number_of(member(c->interval, "maxValue", "max_value"), 0);
  return !c->discrete || is_among(c->discrete, &v);
}

static int compare(const leat_hvalue *a, const leat_hvalue *b) {
  if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
  if (a->kind == LEAT_H_STRING) return leat_str_cmp(a->text, b->text);
  return a->number < b->number ? -1 : a->number > b->number;
}

static int by_columns(const void *a, const void *b, void *of) {
  const table *t = of;
  for (size_t i = 0; i < t->columns.count; i++) {
    const column *c = &t->columns.at[i];
    leat_hvalue p = value_of(a, c), q = value_of(b, c);
    if (!c->order) continue;
    if (!p.kind != !q.kind) return !p.kind == c->missing_first ? -1 : 1;
    int order = compare(&p, &q);
    if (order) return order * c->order;
  }
  return leat_str_cmp(((const group *)a)->name, ((const group *)b)->name);
}

// --- What a group's metrics are -----------------------------------------------------------------
static void average(group *g) {
  for (size_t i = 0; i < g->sessions.count; i++)
    for (size_t k = 0; k < g->sessions.at[i]->metrics.count; k++) {
      const leat_metric *m = &g->sessions.at[i]->metrics.at[k];
      if (metric_of(&g->metrics, m->group, m->tag)) continue;
      leat_metric sum = {.group = m->group, .tag = m->tag};
      int64_t n = 0;
      for (size_t j = 0; j < g->sessions.count; j++) {
        const leat_metric *own = metric_of(&g->sessions.at[j]->metrics, m->group, m->tag);
        if (!own) continue;
        sum.value += own->value, sum.wall += own->wall, sum.step += own->step, n++;
      }
      sum.value /= (double)n, sum.wall /= (double)n, sum.step /= n;
      leat_vec_push(&g->metrics, sum);
    }
}

typedef struct measured {
  double value;
  size_t session;
} measured;

static int by_value(const void *a, const void *b) {
  const measured *p = a, *q = b;
  if (p->value != q->value) return p->value < q->value ? -1 : 1;
  return p->session < q->session ? -1 : 1;
}

// The metrics of the session that is the least, greatest or middle one in a metric.
static void choose(group *g, const leat_jnode *request, leat_str type) {
  const leat_jnode *name = member(request, "aggregationMetric", "aggregation_metric");
  measured *list = leat__calloc(g->sessions.count + 1, sizeof *list);
  size_t n = 0, at = 0;
  for (size_t i = 0; list && i < g->sessions.count; i++) {
    const leat_metric *m =
        metric_of(&g->sessions.at[i]->metrics, leat_jnode_str(leat_jnode_get(name, "group")),
                  leat_jnode_str(leat_jnode_get(name, "tag")));
    if (m) list[n++] = (measured){m->value, i};
  }
  if (n) {
    qsort(list, n, sizeof *list, by_value);
    if (leat__eq(type, "AGGREGATION_MEDIAN")) at = (n - 1) / 2;
    if (leat__eq(type, "AGGREGATION_MAX"))
      for (at = n - 1; at > 0 && list[at - 1].value == list[at].value;) at--;
    const leat_session *s = g->sessions.at[list[at].session];
    for (size_t i = 0; i < s->metrics.count; i++) leat_vec_push(&g->metrics, s->metrics.at[i]);
  }
  leat__free(list);
}

static void aggregate(group *g, const leat_jnode *request) {
  leat_str type = leat_jnode_str(member(request, "aggregationType", "aggregation_type"));
  if (leat__eq(type, "AGGREGATION_MIN") || leat__eq(type, "AGGREGATION_MAX") ||
      leat__eq(type, "AGGREGATION_MEDIAN"))
    choose(g, request, type);
  else
    average(g);
}

// --- The table ----------------------------------------------------------------------------------
static bool is_allowed(const leat_session *s, const leat_jnode *request) {
  const leat_jnode *list = member(request, "allowedStatuses", "allowed_statuses");
  for (const leat_jnode *n = list ? list->first : NULL; n; n = n->next)
    if (leat__eq(n->text, status_names[s->status]) || number_of(n, -1) == s->status) return true;
  return false;
}

static void add_session(table *t, leat_session *s) {
  leat_str name = s->group_name.len ? s->group_name : s->name;
  size_t at = 0;
  while (at < t->groups.count && !leat_str_eq(t->groups.at[at].name, name)) at++;
  if (at == t->groups.count && !leat_vec_push(&t->groups, (group){.name = name, .first = s}))
    return;
  leat_vec_push(&t->groups.at[at].sessions, s);
}

static leat_status read_columns(table *t, const leat_jnode *request, leat_error *err) {
  const leat_jnode *list = member(request, "colParams", "col_params");
  leat_status status = LEAT_OK;
  for (const leat_jnode *n = list ? list->first : NULL; n && !status; n = n->next) {
    column c = {0};
    status = read_column(n, &c, err);
    t->chooses |= member(n, "includeInResult", "include_in_result") != NULL;
    leat_vec_push(&t->columns, c);
  }
  return status;
}

static void free_group(group *g) {
  leat_vec_deinit(&g->sessions);
  leat_vec_deinit(&g->metrics);
}

static leat_status make_table(table *t, leat_sessions *s, const leat_jnode *request,
                              leat_error *err) {
  leat_status status = read_columns(t, request, err);
  size_t kept = 0;
  t->sessions = s;
  for (size_t i = 0; !status && i < s->list.count; i++)
    if (is_allowed(&s->list.at[i], request)) add_session(t, &s->list.at[i]);
  for (size_t i = 0; i < t->groups.count; i++) {
    group *g = &t->groups.at[i];
    bool good = true;
    if (wants_metrics(request)) aggregate(g, request);
    for (size_t k = 0; k < t->columns.count && good; k++) good = passes(g, &t->columns.at[k]);
    if (good)
      t->groups.at[kept++] = *g;
    else
      free_group(g);
  }
  t->groups.count = kept;
  if (kept) qsort_r(t->groups.at, kept, sizeof *t->groups.at, by_columns, t);
  return status;
}

static void free_table(table *t) {
  for (size_t i = 0; i < t->groups.count; i++) free_group(&t->groups.at[i]);
  for (size_t i = 0; i < t->columns.count; i++)
    if (t->columns.at[i].has_regexp) regfree(&t->columns.at[i].regexp);
  leat_vec_deinit(&t->groups);
  leat_vec_deinit(&t->columns);
}

// --- Writing ------------------------------------------------------------------------------------
static void write_metrics(leat_json_writer *w, const leat_metrics *list) {
  leat_json_key(w, LEAT_STR("metricValues"));
  leat_json_open(w, '[');
  for (size_t i = 0; i < list->count; i++) {
    const leat_metric *m = &list->at[i];
    leat_json_open(w, '{');
    write_name(w, m);
    leat__key_number(w, "value", m->value);
    leat__key_i64(w, "trainingStep", (int32_t)m->step);
    leat__key_number(w, "wallTimeSecs", m->wall);
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
}

static void write_session(leat_json_writer *w, const leat_session *s, bool metrics) {
  static const leat_metrics none = {0};
  leat_json_open(w, '{');
  leat__key_str(w, "name", s->name);
  leat__key_number(w, "startTimeSecs", s->start);
  leat__key_number(w, "endTimeSecs", s->end);
  leat__key_str(w, "status", leat_str_of(status_names[s->status]));
  leat__key_str(w, "modelUri", s->model_uri);
  write_metrics(w, metrics ? &s->metrics : &none);
  leat__key_str(w, "monitorUrl", s->monitor_url);
  leat_json_close(w, '}');
}

// Whether the answer has that hyperparameter: all, unless the columns choose.
static bool is_wanted(const table *t, leat_str name) {
  if (!t->chooses) return true;
  for (size_t i = 0; i < t->columns.count; i++) {
    const column *c = &t->columns.at[i];
    if (!c->is_metric && !c->hidden && leat_str_eq(c->hparam, name)) return true;
  }
  return false;
}

static void write_group(leat_json_writer *w, const table *t, const group *g, bool metrics) {
  leat_json_open(w, '{');
  leat__key_str(w, "name", g->name);
  leat_json_key(w, LEAT_STR("hparams"));
  leat_json_open(w, '{');
  for (size_t i = 0; i < g->first->hparams.count; i++) {
    const leat_hparam *h = &g->first->hparams.at[i];
    if ((h->value.kind == LEAT_H_NUMBER && !isfinite(h->value.number)) || !is_wanted(t, h->name))
      continue;
    leat_json_key(w, h->name);
    leat__write_hvalue(w, &h->value);
  }
  leat_json_close(w, '}');
  write_metrics(w, &g->metrics);
  leat_json_key(w, LEAT_STR("sessions"));
  leat_json_open(w, '[');
  for (size_t i = 0; i < g->sessions.count; i++) write_session(w, g->sessions.at[i], metrics);
  leat_json_close(w, ']');
  leat__key_str(w, "monitorUrl", g->first->monitor_url);
  leat_json_close(w, '}');
}

static void write_groups(leat_json_writer *w, const table *t, const leat_jnode *request) {
  double start = number_of(member(request, "startIndex", "start_index"), 0);
  double size = number_of(member(request, "sliceSize", "slice_size"), 0);
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("sessionGroups"));
  leat_json_open(w, '[');
  for (size_t i = 0; i < t->groups.count; i++)
    if ((double)i >= start && (double)i < start + size)
      write_group(w, t, &t->groups.at[i], wants_metrics(request));
  leat_json_close(w, ']');
  leat__key_i64(w, "totalSize", (int64_t)t->groups.count);
  leat_json_close(w, '}');
}

// --- Answers ------------------------------------------------------------------------------------
static void answer_experiment(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_jnode *request;
  leat_error err;
  leat_sessions s;
  leat_json_writer w = {.out = &x->reply};
  if (read_request(x, &arena, &request, &err))
    leat__board_fail(x, 400, "%s", err.message);
  else {
    leat__sessions_read(b, &s);
    write_experiment(&w, &s, request);
    leat__sessions_deinit(&s);
    leat__board_json(x);
  }
  leat_arena_deinit(&arena);
}

static void answer_groups(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_jnode *request;
  leat_error err;
  leat_sessions s = {0};
  table t = {0};
  leat_json_writer w = {.out = &x->reply};
  leat_status status = read_request(x, &arena, &request, &err);
  if (!status) leat__sessions_read(b, &s);
  if (!status) status = make_table(&t, &s, request, &err);
  if (status)
    leat__board_fail(x, 400, "%s", err.message);
  else {
    write_groups(&w, &t, request);
    leat__board_json(x);
  }
  free_table(&t);
  leat__sessions_deinit(&s);
  leat_arena_deinit(&arena);
}

static void answer_evals(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_jnode *request;
  leat_error err;
  bool found = false;
  if (read_request(x, &arena, &request, &err)) {
    leat__board_fail(x, 400, "%s", err.message);
    leat_arena_deinit(&arena);
    return;
  }
  const leat_jnode *name = member(request, "metricName", "metric_name");
  leat_run *run =
      leat__metric_run(b, leat_jnode_str(member(request, "sessionName", "session_name")),
                       leat_jnode_str(leat_jnode_get(name, "group")));
  if (run) {
    leat_run_read(run);
    const leat_series *s = leat_run_series(run, leat_jnode_str(leat_jnode_get(name, "tag")));
    found = s && leat_points_count(&s->points);
    if (found) leat__write_points(&s->points, b->options.samples.scalars, false, &x->reply);
    leat_run_unlock(run);
  }
  if (found)
    leat__board_json(x);
  else
    leat__board_fail(x, 404, "Not found: no such metric");
  leat_arena_deinit(&arena);
}

// --- Download -----------------------------------------------------------------------------------
static void put_csv(leat_buf *out, leat_str text) {
  bool quoted = false;
  for (size_t i = 0; i < text.len; i++) quoted |= strchr(",\"\r\n", text.ptr[i]) != NULL;
  if (quoted) leat_buf_char(out, '"');
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] == '"') leat_buf_char(out, '"');
    leat_buf_char(out, text.ptr[i]);
  }
  if (quoted) leat_buf_char(out, '"');
}

static void put_cell(leat_buf *out, leat_arena *arena, const leat_hvalue *v, bool csv) {
  leat_json_writer w = {.out = out};
  if (!csv)
    leat__write_hvalue(&w, v);
  else if (v->kind)
    put_csv(out, as_string(arena, v).text);
}

// A table of the groups: a column a hyperparameter, a column a metric.
static void write_table(leat_buf *out, table *t, bool csv) {
  infos list = {0};
  infos_of(t->sessions, &list);
  const leat_metrics *metrics = &t->sessions->metrics;
  size_t columns = list.count + metrics->count;
  leat_buf_c(out, csv ? "" : "{\"header\": [");
  for (size_t i = 0; i < columns; i++) {
    leat_buf title = {0};
    const leat_metric *m = i < list.count ? NULL : &metrics->at[i - list.count];
    if (m)
      leat_buf_fmt(&title, LEAT_STR_FMT "%s" LEAT_STR_FMT, LEAT_STR_ARG(m->group),
                   m->group.len ? "." : "", LEAT_STR_ARG(m->tag));
    else
      leat_buf_str(&title, list.at[i].display_name.len ? list.at[i].display_name : list.at[i].name);
    if (i) leat_buf_c(out, csv ? "," : ", ");
    if (csv)
      put_csv(out, leat_buf_view(&title));
    else
      leat_json_quote(out, leat_buf_view(&title));
    leat_buf_deinit(&title);
  }
  leat_buf_c(out, csv ? "\r\n" : "], \"rows\": [");
  for (size_t g = 0; g < t->groups.count; g++) {
    leat_buf_c(out, csv ? "" : g ? ", [" : "[");
    for (size_t i = 0; i < columns; i++) {
      column c = {.is_metric = i >= list.count};
      if (c.is_metric)
        c.metric = metrics->at[i - list.count];
      else
        c.hparam = list.at[i].name;
      leat_hvalue v = value_of(&t->groups.at[g], &c);
      if (i) leat_buf_c(out, csv ? "," : ", ");
      put_cell(out, &t->sessions->arena, &v, csv);
    }
    leat_buf_c(out, csv ? "\r\n" : "]");
  }
  leat_buf_c(out, csv ? "" : "]}");
  for (size_t i = 0; i < list.count; i++) leat_vec_deinit(&list.at[i].discrete);
  leat_vec_deinit(&list);
}

static void answer_download(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_jnode *request;
  leat_error err;
  leat_sessions s = {0};
  table t = {0};
  bool csv = leat__eq(leat__board_param(x, &arena, "format"), "csv");
  leat_status status = read_request(x, &arena, &request, &err);
  if (!status) leat__sessions_read(b, &s);
  if (!status) status = make_table(&t, &s, request, &err);
  if (!status) write_table(&x->reply, &t, csv);
  if (status)
    leat__board_fail(x, 400, "%s", err.message);
  else
    leat__board_bytes(x, csv ? "text/csv" : "application/json", (leat_str){0});
  free_table(&t);
  leat__sessions_deinit(&s);
  leat_arena_deinit(&arena);
}

const leat_route leat__routes_hparams[] = {
    {"GET", "/data/plugin/hparams/experiment", answer_experiment},
    {"POST", "/data/plugin/hparams/experiment", answer_experiment},
    {"GET", "/data/plugin/hparams/session_groups", answer_groups},
    {"POST", "/data/plugin/hparams/session_groups", answer_groups},
    {"GET", "/data/plugin/hparams/metric_evals", answer_evals},
    {"POST", "/data/plugin/hparams/metric_evals", answer_evals},
    {"GET", "/data/plugin/hparams/download_data", answer_download},
    {"POST", "/data/plugin/hparams/download_data", answer_download},
    {0},
};
