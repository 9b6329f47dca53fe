// The models of a registry: what they take and give, and a prediction to try.
// SPDX-License-Identifier: Apache-2.0
//
// A prediction server without an address of its own holds the models; requests of the page are
// handed to it.
#include "board/models.h"

#include "board/values.h"
#include "serve/mlengine_server.h"

struct leat_board_models {
  leat_registry *registry;
  leat_mlengine_server *ml;
  leat_serve *serve;
};

leat_status leat__models_open(leat_board_models **out, const char *dir, leat_error *err) {
  leat_board_models *m = *out = leat__calloc(1, sizeof *m);
  leat_serve_options options = {.net = {.threads = 1}};
  if (!m) return leat__oom(err, sizeof *m);
  leat_status status = leat_registry_open(&m->registry, dir, NULL, err);
  if (!status) status = leat_mlengine_server_new(&m->ml, m->registry, NULL, err);
  if (!status) options.extension = leat_mlengine_server_extension(m->ml);
  if (!status) status = leat_serve_start(&m->serve, &options, err);
  if (!status) return LEAT_OK;
  leat__models_close(m);
  *out = NULL;
  return status;
}

void leat__models_close(leat_board_models *m) {
  if (!m) return;
  leat_serve_stop(m->serve);
  leat_mlengine_server_free(m->ml);
  leat_registry_close(m->registry);
  leat__free(m);
}

static bool has_models(const leat_board *b, leat_exchange *x) {
  if (b->models) return true;
  leat__board_fail(x, 404, "No registry is shown; `leat board --registry DIR` shows one.");
  return false;
}

// --- What there is ------------------------------------------------------------------------------
static const char *state_of(leat_version *v) {
  switch (atomic_load(&v->state)) {
    case LEAT_SERVING_AVAILABLE: return "READY";
    case LEAT_SERVING_END: return "FAILED";
    default: return "LOADING";
  }
}

static void write_version(leat_json_writer *w, leat_version *v) {
  const leat_error *failure = leat_version_failure(v);
  leat_json_open(w, '{');
  leat__key_str(w, "name", leat_str_of(v->name));
  leat__key_i64(w, "number", v->number);
  leat__key_str(w, "state", leat_str_of(state_of(v)));
  if (failure) leat__key_str(w, "error", leat_str_of(failure->message));
  leat_json_close(w, '}');
}

// The versions of one model, which stand together from `at` on; how many.
static size_t write_model(leat_json_writer *w, const leat_version_list *list, size_t at) {
  const char *name = list->at[at]->model;
  size_t n = 0;
  leat_json_open(w, '{');
  leat__key_str(w, "name", leat_str_of(name));
  for (size_t i = at; i < list->count && strcmp(list->at[i]->model, name) == 0; i++, n++)
    if (list->at[i]->is_default) leat__key_str(w, "default", leat_str_of(list->at[i]->name));
  leat_json_key(w, LEAT_STR("versions"));
  leat_json_open(w, '[');
  for (size_t i = at; i < at + n; i++) write_version(w, list->at[i]);
  leat_json_close(w, ']');
  leat_json_close(w, '}');
  return n;
}

static void answer_models(leat_board *b, leat_exchange *x) {
  leat_json_writer w = {.out = &x->reply};
  leat_version_list list = {0};
  leat_error err;
  if (!has_models(b, x)) return;
  leat_status status =
      leat_models_list(leat_serve_models(b->models->serve), (leat_str){0}, &list, &err);
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("models"));
  leat_json_open(&w, '[');
  for (size_t i = 0; !status && i < list.count;) i += write_model(&w, &list, i);
  leat_json_close(&w, ']');
  leat_json_close(&w, '}');
  if (!status) leat_version_list_free(&list);
  leat__board_json(x);
}

// NumPy's names: "float32" of "f32".
static void write_dtype(leat_json_writer *w, leat_dtype dtype) {
  static const struct {
    const char *start, *name;
  } kinds[] = {{"bf", "bfloat"}, {"f", "float"}, {"i", "int"}, {"u", "uint"}};
  const char *name = leat_dtype_name(dtype);
  leat_buf text = {0};
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds && !text.len; i++) {
    size_t n = strlen(kinds[i].start);
    if (strncmp(name, kinds[i].start, n) == 0 && name[n] >= '0' && name[n] <= '9')
      leat_buf_fmt(&text, "%s%s", kinds[i].name, name + n);
  }
  if (!text.len) leat_buf_c(&text, name);
  leat__key_str(w, "dtype", leat_buf_view(&text));
  leat_buf_deinit(&text);
}

static void write_tensors(leat_json_writer *w, const char *key, const leat_tensor_info *list,
                          int count) {
  leat_json_key(w, leat_str_of(key));
  leat_json_open(w, '[');
  for (int i = 0; i < count; i++) {
    leat_json_open(w, '{');
    leat__key_str(w, "name", leat_str_of(list[i].name));
    write_dtype(w, list[i].dtype);
    leat_json_key(w, LEAT_STR("shape"));
    leat_json_open(w, '[');
    for (int k = 0; k < list[i].rank; k++)
      if (list[i].dims[k] < 0)
        leat_json_null(w);
      else
        leat_json_i64(w, list[i].dims[k]);
    leat_json_close(w, ']');
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
}

// "NAME/VERSION", each encoded.
static void answer_version(leat_board *b, leat_exchange *x) {
  leat_json_writer w = {.out = &x->reply};
  leat_arena arena = {0};
  leat_version *v;
  leat_error err;
  if (!has_models(b, x)) return;
  size_t head = strlen("/data/leat/models/");
  leat_str rest = {x->path.ptr + head, x->path.len - head};
  char *text = leat_arena_str(&arena, rest);
  rest.ptr = text;
  leat_str model = leat_str_cut(&rest, '/'), version = rest;
  bool good =
      text && leat_url_decode((char *)(uintptr_t)model.ptr, &model.len, false) &&
      (!version.len || leat_url_decode((char *)(uintptr_t)version.ptr, &version.len, false));
  if (!good || leat_models_get(leat_serve_models(b->models->serve), model, version, &v, &err)) {
    leat__board_fail(x, good ? leat_http_status(err.status) : 400, "%s",
                     good ? err.message : "a name is not encoded well");
    leat_arena_deinit(&arena);
    return;
  }
  leat_json_open(&w, '{');
  leat__key_str(&w, "name", leat_str_of(v->model));
  leat__key_str(&w, "version", leat_str_of(v->name));
  write_tensors(&w, "inputs", v->inputs, v->input_count);
  write_tensors(&w, "outputs", v->outputs, v->output_count);
  leat_json_close(&w, '}');
  leat_version_release(v);
  leat_arena_deinit(&arena);
  leat__board_json(x);
}

// --- A prediction -------------------------------------------------------------------------------
// {"model", "version", "instances"}; what answers passes over the first two.
static void answer_predict(leat_board *b, leat_exchange *x) {
  static const leat_predict_style style = {.ml_engine = false};
  leat_arena arena = {0};
  leat_jnode *body;
  leat_version *v = NULL;
  leat_error err;
  if (!has_models(b, x)) return;
  leat_status status = leat_json_tree(&body, &arena, x->body, "body", &err);
  if (!status)
    status = leat_models_get(leat_serve_models(b->models->serve),
                             leat_jnode_str(leat_jnode_get(body, "model")),
                             leat_jnode_str(leat_jnode_get(body, "version")), &v, &err);
  leat_arena_deinit(&arena);
  if (status)
    leat__board_fail(x, leat_http_status(status), "%s", err.message);
  else
    leat_serve_predict(b->models->serve, x, v, &style);
}

const leat_route leat__routes_models[] = {
    {"GET", "/data/leat/models", answer_models},
    {"GET", "/data/leat/models/*", answer_version},
    {"POST", "/data/leat/predict", answer_predict},
    {0},
};
