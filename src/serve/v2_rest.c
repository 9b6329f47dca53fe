// Open Inference Protocol, REST: health, metadata, repository and statistics.
// SPDX-License-Identifier: Apache-2.0
#include "serve/v2_rest.h"

#include "formats/number.h"

#include <stdio.h>

// --- Describing ---------------------------------------------------------------------------------
static void put_text(leat_json_writer *w, const char *key, const char *text) {
  leat_json_key(w, leat_str_of(key));
  leat_json_string(w, leat_str_of(text));
}

static void put_number(leat_json_writer *w, const char *key, int64_t value) {
  leat_json_key(w, leat_str_of(key));
  leat_json_i64(w, value);
}

static void put_version(leat_json_writer *w, const char *key, const leat_version *v) {
  char number[LEAT_NUMBER_MAX];
  leat_json_key(w, leat_str_of(key));
  leat_json_string(w, (leat_str){number, leat_format_i64(number, v->number)});
}

static void end(leat_exchange *x, leat_json_writer *w) {
  leat_json_close(w, '}');
  leat_buf_char(&x->reply, '\n');
  leat_serve_json(x, 200);
}

static void put_infos(leat_json_writer *w, const char *key, const leat_tensor_info *infos,
                      int count, bool config) {
  leat_json_key(w, leat_str_of(key));
  leat_json_open(w, '[');
  for (int i = 0; i < count; i++) {
    char type[32];
    bool string = infos[i].dtype == LEAT_DTYPE_STRING;
    snprintf(type, sizeof type, "TYPE_%s", string ? "STRING" : leat_dtype_v2_name(infos[i].dtype));
    leat_json_open(w, '{');
    put_text(w, "name", infos[i].name);
    put_text(w, config ? "data_type" : "datatype",
             config ? type : leat_dtype_v2_name(infos[i].dtype));
    leat_json_key(w, leat_str_of(config ? "dims" : "shape"));
    leat_json_open(w, '[');
    for (int k = 0; k < infos[i].rank; k++) leat_json_i64(w, infos[i].dims[k]);
    leat_json_close(w, ']');
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
}

static void answer_server(leat_serve *s, leat_exchange *x) {
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  put_text(&w, "name", "leat");
  put_text(&w, "version", LEAT_VERSION);
  leat_json_key(&w, LEAT_STR("extensions"));
  leat_json_open(&w, '[');
  for (int i = 0; i < LEAT__V2_EXTENSIONS; i++)
    leat_json_string(&w, leat_str_of(leat__v2_extensions[i]));
  leat_json_close(&w, ']');
  end(x, &w);
}

static void answer_health(leat_exchange *x, const char *what, bool good) {
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  leat_json_key(&w, leat_str_of(what));
  leat_json_bool(&w, good);
  leat_json_close(&w, '}');
  leat_buf_char(&x->reply, '\n');
  leat_serve_json(x, good ? 200 : 503);
}

static void answer_metadata(leat_serve *s, leat_exchange *x, leat_version *v) {
  leat_json_writer w = {.out = &x->reply};
  leat_version_list list = {0};
  leat_models_list(s->models, leat_str_of(v->model), &list, NULL);
  leat_json_open(&w, '{');
  put_text(&w, "name", v->model);
  leat_json_key(&w, LEAT_STR("versions"));
  leat_json_open(&w, '[');
  for (size_t i = 0; i < list.count; i++) {
    char number[LEAT_NUMBER_MAX];
    if (atomic_load(&list.at[i]->state) == LEAT_SERVING_AVAILABLE)
      leat_json_string(&w, (leat_str){number, leat_format_i64(number, list.at[i]->number)});
  }
  leat_json_close(&w, ']');
  put_text(&w, "platform", "leat_graph");
  put_infos(&w, "inputs", v->inputs, v->input_count, false);
  put_infos(&w, "outputs", v->outputs, v->output_count, false);
  leat_version_list_free(&list);
  end(x, &w);
}

static void answer_config(leat_exchange *x, const leat_version *v) {
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  put_text(&w, "name", v->model);
  put_text(&w, "platform", "leat_graph");
  put_text(&w, "backend", "leat");
  put_number(&w, "max_batch_size", 0);
  put_infos(&w, "input", v->inputs, v->input_count, true);
  put_infos(&w, "output", v->outputs, v->output_count, true);
  end(x, &w);
}

// --- Statistics ---------------------------------------------------------------------------------
static void put_duration(leat_json_writer *w, const char *key, int64_t count, int64_t ns) {
  leat_json_key(w, leat_str_of(key));
  leat_json_open(w, '{');
  put_number(w, "count", count);
  put_number(w, "ns", ns);
  leat_json_close(w, '}');
}

static void put_stats(leat_json_writer *w, const leat_version *v) {
  const leat_stats *s = v->stats;
  int64_t good = leat_count(&s->succeeded), runs = leat_histogram_count(&s->run_rows);
  leat_json_open(w, '{');
  put_text(w, "name", v->model);
  put_version(w, "version", v);
  put_number(w, "last_inference", leat_stats_last_ms(s));
  put_number(w, "inference_count", leat_count(&s->run_rows.sum));
  put_number(w, "execution_count", runs);
  leat_json_key(w, LEAT_STR("inference_stats"));
  leat_json_open(w, '{');
  put_duration(w, "success", good, leat_count(&s->success_ns));
  put_duration(w, "fail", leat_count(&s->failed), leat_count(&s->failure_ns));
  put_duration(w, "queue", good, leat_count(&s->stage_ns[LEAT_STAGE_QUEUE]));
  put_duration(w, "compute_input", good, leat_count(&s->stage_ns[LEAT_STAGE_READ]));
  put_duration(w, "compute_infer", runs, leat_count(&s->stage_ns[LEAT_STAGE_RUN]));
  put_duration(w, "compute_output", good, leat_count(&s->stage_ns[LEAT_STAGE_WRITE]));
  put_duration(w, "cache_hit", 0, 0);
  put_duration(w, "cache_miss", 0, 0);
  leat_json_close(w, '}');
  leat_json_key(w, LEAT_STR("batch_stats"));
  leat_json_open(w, '[');
  leat_json_close(w, ']');
  leat_json_close(w, '}');
}

static void answer_stats(leat_serve *s, leat_exchange *x, leat_str model, leat_str version) {
  leat_version_list list;
  leat_error err;
  leat_json_writer w = {.out = &x->reply};
  if (leat_models_list(s->models, model, &list, &err)) {
    leat_version *none;
    leat__v2_find(s, model, version, &none, &err);
    leat_serve_error(x, leat_http_status(err.status), err.message);
    return;
  }
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("model_stats"));
  leat_json_open(&w, '[');
  for (size_t i = 0; i < list.count; i++)
    if (!version.len || leat_version_is(list.at[i], version)) put_stats(&w, list.at[i]);
  leat_json_close(&w, ']');
  leat_version_list_free(&list);
  end(x, &w);
}

// --- Repository ---------------------------------------------------------------------------------
static void answer_models(leat_serve *s, leat_exchange *x) {
  leat_version_list list;
  leat_error err;
  leat_json_writer w = {.out = &x->reply};
  if (leat_models_list(s->models, (leat_str){0}, &list, &err)) {
    leat_serve_error(x, leat_http_status(err.status), err.message);
    return;
  }
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("models"));
  leat_json_open(&w, '[');
  for (size_t i = 0; i < list.count; i++)
    if (!i || strcmp(list.at[i]->model, list.at[i - 1]->model) != 0)
      leat_json_string(&w, leat_str_of(list.at[i]->model));
  leat_json_close(&w, ']');
  leat_version_list_free(&list);
  end(x, &w);
}

static bool wants_ready_only(leat_str body) {
  leat_json json;
  leat_json_event event, before = LEAT_JSON_NULL;
  bool ready = false, key = false;
  leat_json_init(&json, body, NULL);
  while (!leat_json_next(&json, &event, NULL) && event != LEAT_JSON_END) {
    if (key && event == LEAT_JSON_TRUE) ready = true;
    key = event == LEAT_JSON_KEY && leat__is(json.text, "ready");
    before = event;
  }
  leat_json_deinit(&json);
  return ready && before != LEAT_JSON_NULL;
}

const char *leat__v2_state(int state) {
  switch (state) {
    case LEAT_SERVING_AVAILABLE: return "READY";
    case LEAT_SERVING_START:
    case LEAT_SERVING_LOADING: return "LOADING";
    case LEAT_SERVING_UNLOADING: return "UNLOADING";
    default: return "UNAVAILABLE";
  }
}

static void put_index(leat_json_writer *w, const leat_version *v) {
  int state = atomic_load(&v->state);
  bool ended = state == LEAT_SERVING_END;
  const leat_error *failure = leat_version_failure(v);
  leat_json_open(w, '{');
  put_text(w, "name", v->model);
  put_version(w, "version", v);
  put_text(w, "state", leat__v2_state(state));
  put_text(w, "reason", failure ? failure->message : ended ? "unloaded" : "");
  leat_json_close(w, '}');
}

typedef struct index_visit {
  leat_json_writer *w;
  const leat_version_list *list;
} index_visit;

// A model that is known, but of which nothing is served.
static void put_absent(void *context, const char *model) {
  const index_visit *v = context;
  for (size_t i = 0; i < v->list->count; i++)
    if (strcmp(v->list->at[i]->model, model) == 0) return;
  leat_json_open(v->w, '{');
  put_text(v->w, "name", model);
  put_text(v->w, "version", "");
  put_text(v->w, "state", "UNAVAILABLE");
  put_text(v->w, "reason", "unloaded");
  leat_json_close(v->w, '}');
}

static void answer_index(leat_serve *s, leat_exchange *x) {
  leat_version_list list;
  leat_error err;
  leat_json_writer w = {.out = &x->reply};
  bool ready = wants_ready_only(x->body);
  if (leat_models_list(s->models, (leat_str){0}, &list, &err)) {
    leat_serve_error(x, leat_http_status(err.status), err.message);
    return;
  }
  leat_json_open(&w, '[');
  for (size_t i = 0; i < list.count; i++)
    if (!ready || atomic_load(&list.at[i]->state) == LEAT_SERVING_AVAILABLE)
      put_index(&w, list.at[i]);
  index_visit visit = {&w, &list};
  if (s->source && !ready) leat_source_each(s->source, put_absent, &visit);
  leat_json_close(&w, ']');
  leat_buf_char(&x->reply, '\n');
  leat_version_list_free(&list);
  leat_serve_json(x, 200);
}

static void order_done(leat_order *o, leat_status status, const leat_error *err) {
  if (status)
    leat_serve_error(o->x, leat_http_status(status), err->message);
  else
    leat_serve_json(o->x, 200);
}

// --- Routes -------------------------------------------------------------------------------------
enum { PARTS = 8 };

typedef struct route {
  leat_str parts[PARTS];  // behind /v2
  int count;
  char room[2][256];
  leat_str model, version;
  leat_str verb;  // behind them: "", "infer", "ready", ...
} route;

static bool decode(char room[256], leat_str text, leat_str *out) {
  size_t length = text.len;
  if (!length || length >= 256) return false;
  memcpy(room, text.ptr, length);
  if (!leat_url_decode(room, &length, false)) return false;
  *out = (leat_str){room, length};
  return true;
}

static bool split(leat_str path, route *r) {
  leat_str rest = {path.ptr + 3, path.len - 3};
  r->count = 0;
  r->model = r->version = r->verb = (leat_str){0};
  if (rest.len && rest.ptr[0] == '/') rest.ptr++, rest.len--;
  while (rest.len) {
    if (r->count == PARTS) return false;
    r->parts[r->count++] = leat_str_cut(&rest, '/');
  }
  return true;
}

// models/M[/versions/V][/VERB]
static bool parse_model(route *r) {
  int at = 2;
  if (!decode(r->room[0], r->parts[1], &r->model)) return false;
  if (r->count > 3 && leat__is(r->parts[2], "versions")) {
    if (!decode(r->room[1], r->parts[3], &r->version)) return false;
    at = 4;
  }
  if (r->count > at) r->verb = r->parts[at++];
  return r->count == at;
}

static bool check_method(leat_exchange *x, bool post) {
  bool reads = leat__is(x->method, "GET") || leat__is(x->method, "HEAD");
  if (post ? leat__is(x->method, "POST") : reads) return true;
  leat__serve_method(x, post ? "POST" : "GET, HEAD");
  return false;
}

static void answer_held(leat_serve *s, leat_exchange *x, const route *r) {
  leat_version *v;
  leat_error err;
  if (leat__v2_find(s, r->model, r->version, &v, &err)) {
    bool ready = leat__is(r->verb, "ready") && err.status == LEAT_UNAVAILABLE;
    if (ready)
      answer_health(x, "ready", false);
    else
      leat_serve_error(x, leat_http_status(err.status), err.message);
    return;
  }
  if (leat__is(r->verb, "infer")) {
    leat__v2_infer(s, x, v);
    return;
  }
  if (leat__is(r->verb, "config"))
    answer_config(x, v);
  else if (!r->verb.len)
    answer_metadata(s, x, v);
  else {
    leat_json_writer w = {.out = &x->reply};
    leat_json_open(&w, '{');
    put_text(&w, "name", v->model);
    leat_json_key(&w, LEAT_STR("ready"));
    leat_json_bool(&w, true);
    end(x, &w);
  }
  leat_version_release(v);
}

static void answer_model(leat_serve *s, leat_exchange *x, route *r) {
  bool infer, stats;
  if (r->count == 2 && leat__is(r->parts[1], "stats")) {
    if (check_method(x, false)) answer_stats(s, x, (leat_str){0}, (leat_str){0});
    return;
  }
  if (!parse_model(r)) {
    leat__serve_malformed(x, 404);
    return;
  }
  infer = leat__is(r->verb, "infer");
  stats = leat__is(r->verb, "stats");
  bool known =
      infer || stats || !r->verb.len || leat__is(r->verb, "ready") || leat__is(r->verb, "config");
  if (!known)
    leat__serve_malformed(x, 404);
  else if (!check_method(x, infer))
    return;
  else if (stats)
    answer_stats(s, x, r->model, r->version);
  else
    answer_held(s, x, r);
}

static void answer_repository(leat_serve *s, leat_exchange *x, route *r) {
  bool load = r->count == 4 && leat__is(r->parts[3], "load");
  bool unload = r->count == 4 && leat__is(r->parts[3], "unload");
  bool index = r->count == 2 && leat__is(r->parts[1], "index");
  bool order = (load || unload) && leat__is(r->parts[1], "models") &&
               decode(r->room[0], r->parts[2], &r->model);
  if (!index && !order)
    leat__serve_malformed(x, 404);
  else if (!check_method(x, true))
    return;
  else if (index)
    answer_index(s, x);
  else if (leat_serve_allows(s, x, LEAT_ROLE_ADMIN))
    leat__v2_order(s, x, r->model, load, order_done);
}

void leat__v2_rest(leat_serve *s, leat_exchange *x) {
  route r;
  bool good = split(x->path, &r);
  if (good && r.count == 2 && leat__is(r.parts[0], "health")) {
    bool live = leat__is(r.parts[1], "live"), ready = leat__is(r.parts[1], "ready");
    if (!live && !ready)
      leat__serve_malformed(x, 404);
    else if (check_method(x, false))
      answer_health(x, live ? "live" : "ready", live || leat_models_ready(s->models));
    return;
  }
  if (!leat_serve_allows(s, x, LEAT_ROLE_PREDICTOR)) return;
  if (!good)
    leat__serve_malformed(x, 404);
  else if (!r.count) {
    if (check_method(x, false)) answer_server(s, x);
  } else if (leat__is(r.parts[0], "models") && r.count == 1) {
    if (check_method(x, false)) answer_models(s, x);
  } else if (leat__is(r.parts[0], "models"))
    answer_model(s, x, &r);
  else if (leat__is(r.parts[0], "repository"))
    answer_repository(s, x, &r);
  else
    leat__serve_malformed(x, 404);
}
