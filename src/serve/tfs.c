// TensorFlow Serving's REST API (and KServe's first, which is the same): predict, status, metadata.
// SPDX-License-Identifier: Apache-2.0
#include "formats/number.h"
#include "serve/tfs.h"

#include <stdio.h>

// /v1/models[/NAME[/versions/N|/labels/L]][/metadata][:VERB]
typedef struct route {
  char name[256], label[256];
  leat_str model, version;  // version: number or label
  bool labelled, metadata;
  leat_str verb;
} route;

static leat_str cut_segment(leat_str *rest) {
  size_t n = 0;
  while (n < rest->len && rest->ptr[n] != '/' && rest->ptr[n] != ':') n++;
  leat_str segment = {rest->ptr, n};
  *rest = (leat_str){rest->ptr + n, rest->len - n};
  return segment;
}

static bool take_word(leat_str *rest, const char *word) {
  size_t n = strlen(word);
  if (rest->len < n) return false;
  for (size_t i = 0; i < n; i++)
    if ((rest->ptr[i] >= 'A' && rest->ptr[i] <= 'Z' ? rest->ptr[i] | 0x20 : rest->ptr[i]) !=
        word[i])
      return false;
  *rest = (leat_str){rest->ptr + n, rest->len - n};
  return true;
}

static bool decode(char *room, size_t size, leat_str text, leat_str *out) {
  size_t length = text.len;
  if (length >= size) return false;
  if (length) memcpy(room, text.ptr, length);
  if (!leat_url_decode(room, &length, false)) return false;
  *out = (leat_str){room, length};
  return true;
}

static bool digits(leat_str s) {
  for (size_t i = 0; i < s.len; i++)
    if (s.ptr[i] < '0' || s.ptr[i] > '9') return false;
  return s.len > 0;
}

static bool parse_route(leat_str path, route *r) {
  leat_str rest = path;
  r->model = r->version = r->verb = (leat_str){0};
  r->labelled = r->metadata = false;
  if (!take_word(&rest, "/v1/models")) return false;
  if (!rest.len || (rest.len == 1 && rest.ptr[0] == '/')) return true;
  if (rest.ptr[0] != '/') return false;
  rest.ptr++, rest.len--;
  if (!decode(r->name, sizeof r->name, cut_segment(&rest), &r->model) || !r->model.len)
    return false;
  if (take_word(&rest, "/versions/")) {
    r->version = cut_segment(&rest);
    if (!digits(r->version)) return false;
  } else if (take_word(&rest, "/labels/")) {
    r->labelled = true;
    if (!decode(r->label, sizeof r->label, cut_segment(&rest), &r->version) || !r->version.len)
      return false;
  }
  r->metadata = take_word(&rest, "/metadata");
  if (rest.len && rest.ptr[0] == ':') r->verb = (leat_str){rest.ptr + 1, rest.len - 1};
  return !rest.len || (r->verb.len && !r->metadata);
}

// --- Finding ------------------------------------------------------------------------------------
leat_status leat__tfs_find(leat_serve *s, leat_str model, leat_str version, bool labelled,
                           leat_version **out, leat_error *err) {
  leat_status status = leat_models_get(s->models, model, version, out, err);
  if (!status && labelled && !leat_version_has_label(*out, version)) {
    leat_version_release(*out);
    *out = NULL;
    status = LEAT_NOT_FOUND;
  }
  if (status != LEAT_NOT_FOUND) return status;
  if (labelled)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "Unrecognized servable version label: " LEAT_STR_FMT,
                          LEAT_STR_ARG(version));
  if (version.len)
    return leat_error_set(err, LEAT_NOT_FOUND,
                          "Servable not found for request: Specific(" LEAT_STR_FMT ", " LEAT_STR_FMT
                          ")",
                          LEAT_STR_ARG(model), LEAT_STR_ARG(version));
  return leat_error_set(err, LEAT_NOT_FOUND,
                        "Servable not found for request: Latest(" LEAT_STR_FMT ")",
                        LEAT_STR_ARG(model));
}

// --- Status -------------------------------------------------------------------------------------
static const char *state_name(int state) {
  switch (state) {
    case LEAT_SERVING_START: return "START";
    case LEAT_SERVING_LOADING: return "LOADING";
    case LEAT_SERVING_AVAILABLE: return "AVAILABLE";
    case LEAT_SERVING_UNLOADING: return "UNLOADING";
    case LEAT_SERVING_END: return "END";
    default: return "UNKNOWN";
  }
}

static void write_status(leat_json_writer *w, const leat_version *v) {
  char number[LEAT_NUMBER_MAX];
  const leat_error *failure = leat_version_failure(v);
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("version"));
  leat_json_string(w, (leat_str){number, leat_format_i64(number, v->number)});
  leat_json_key(w, LEAT_STR("state"));
  leat_json_string(w, leat_str_of(state_name(atomic_load(&v->state))));
  leat_json_key(w, LEAT_STR("status"));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("error_code"));
  leat_json_string(w, leat_str_of(leat_status_name(failure ? failure->status : LEAT_OK)));
  leat_json_key(w, LEAT_STR("error_message"));
  leat_json_string(w, leat_str_of(failure ? failure->message : ""));
  leat_json_close(w, '}');
  leat_json_close(w, '}');
}

static bool wanted(const route *r, const leat_version *v) {
  if (!r->version.len) return true;
  return r->labelled ? leat_version_has_label(v, r->version) : leat_version_is(v, r->version);
}

leat_status leat__tfs_missing(leat_str model, leat_error *err) {
  return leat_error_set(err, LEAT_NOT_FOUND, "Could not find any versions of model " LEAT_STR_FMT,
                        LEAT_STR_ARG(model));
}

static void answer_status(leat_serve *s, leat_exchange *x, const route *r) {
  leat_version_list list;
  leat_error err;
  leat_json_writer w = {.out = &x->reply, .indent = 1};
  leat_status status = leat_models_list(s->models, r->model, &list, &err);
  bool ready = false, any = false;
  if (status == LEAT_NOT_FOUND) leat__tfs_missing(r->model, &err);
  if (!status) {
    leat_json_open(&w, '{');
    leat_json_key(&w, LEAT_STR("model_version_status"));
    leat_json_open(&w, '[');
    for (size_t i = list.count; i-- > 0;) {
      if (!wanted(r, list.at[i])) continue;
      write_status(&w, list.at[i]);
      any = true;
      ready |= atomic_load(&list.at[i]->state) == LEAT_SERVING_AVAILABLE;
    }
    leat_json_close(&w, ']');
    leat_json_key(&w, LEAT_STR("name"));  // what KServe's clients look at
    leat_json_string(&w, r->model);
    leat_json_key(&w, LEAT_STR("ready"));
    leat_json_bool(&w, ready);
    leat_json_close(&w, '}');
    leat_buf_char(&x->reply, '\n');
    leat_version_list_free(&list);
    if (!any)
      status = leat_error_set(&err, LEAT_NOT_FOUND,
                              "Could not find version " LEAT_STR_FMT " of model " LEAT_STR_FMT,
                              LEAT_STR_ARG(r->version), LEAT_STR_ARG(r->model));
  }
  if (status)
    leat_serve_error(x, leat_http_status(status), err.message);
  else
    leat_serve_json(x, 200);
}

static void answer_list(leat_serve *s, leat_exchange *x) {
  leat_version_list list;
  leat_error err;
  leat_status status = leat_models_list(s->models, (leat_str){0}, &list, &err);
  if (status) {
    leat_serve_error(x, leat_http_status(status), err.message);
    return;
  }
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("models"));
  leat_json_open(&w, '[');
  for (size_t i = 0; i < list.count; i++)
    if (!i || strcmp(list.at[i]->model, list.at[i - 1]->model) != 0)
      leat_json_string(&w, leat_str_of(list.at[i]->model));
  leat_json_close(&w, ']');
  leat_json_close(&w, '}');
  leat_buf_char(&x->reply, '\n');
  leat_version_list_free(&list);
  leat_serve_json(x, 200);
}

// --- Metadata -----------------------------------------------------------------------------------
static void write_info(leat_json_writer *w, const leat_tensor_info *info) {
  static const char *const types[] = {
      [LEAT_DTYPE_BOOL] = "DT_BOOL",     [LEAT_DTYPE_I8] = "DT_INT8",
      [LEAT_DTYPE_I16] = "DT_INT16",     [LEAT_DTYPE_I32] = "DT_INT32",
      [LEAT_DTYPE_I64] = "DT_INT64",     [LEAT_DTYPE_U8] = "DT_UINT8",
      [LEAT_DTYPE_U16] = "DT_UINT16",    [LEAT_DTYPE_U32] = "DT_UINT32",
      [LEAT_DTYPE_U64] = "DT_UINT64",    [LEAT_DTYPE_F16] = "DT_HALF",
      [LEAT_DTYPE_BF16] = "DT_BFLOAT16", [LEAT_DTYPE_F32] = "DT_FLOAT",
      [LEAT_DTYPE_F64] = "DT_DOUBLE",    [LEAT_DTYPE_STRING] = "DT_STRING"};
  char text[300];
  leat_json_key(w, leat_str_of(info->name));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("dtype"));
  leat_json_string(w, leat_str_of(types[info->dtype]));
  leat_json_key(w, LEAT_STR("tensor_shape"));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("dim"));
  leat_json_open(w, '[');
  for (int i = 0; i < info->rank; i++) {
    leat_json_open(w, '{');
    leat_json_key(w, LEAT_STR("size"));
    leat_json_string(w, (leat_str){text, leat_format_i64(text, info->dims[i])});
    leat_json_key(w, LEAT_STR("name"));
    leat_json_string(w, (leat_str){0});
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
  leat_json_key(w, LEAT_STR("unknown_rank"));
  leat_json_bool(w, false);
  leat_json_close(w, '}');
  leat_json_key(w, LEAT_STR("name"));
  snprintf(text, sizeof text, "%.280s:0", info->name);
  leat_json_string(w, leat_str_of(text));
  leat_json_close(w, '}');
}

static void write_signature(leat_json_writer *w, const leat_version *v, const char *name) {
  leat_json_key(w, leat_str_of(name));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("inputs"));
  leat_json_open(w, '{');
  for (int i = 0; i < v->input_count; i++) write_info(w, &v->inputs[i]);
  leat_json_close(w, '}');
  leat_json_key(w, LEAT_STR("outputs"));
  leat_json_open(w, '{');
  for (int i = 0; i < v->output_count; i++) write_info(w, &v->outputs[i]);
  leat_json_close(w, '}');
  leat_json_key(w, LEAT_STR("method_name"));
  leat_json_string(w, LEAT_STR("tensorflow/serving/predict"));
  leat_json_close(w, '}');
}

static void write_metadata(leat_json_writer *w, const leat_version *v) {
  char number[LEAT_NUMBER_MAX];
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("model_spec"));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("name"));
  leat_json_string(w, leat_str_of(v->model));
  leat_json_key(w, LEAT_STR("signature_name"));
  leat_json_string(w, (leat_str){0});
  leat_json_key(w, LEAT_STR("version"));
  leat_json_string(w, (leat_str){number, leat_format_i64(number, v->number)});
  leat_json_close(w, '}');
  leat_json_key(w, LEAT_STR("metadata"));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("signature_def"));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("signature_def"));
  leat_json_open(w, '{');
  write_signature(w, v, "serving_default");
  if (strcmp(v->signature, "serving_default") != 0 && *v->signature)
    write_signature(w, v, v->signature);
  for (int i = 0; i < 4; i++) leat_json_close(w, '}');
}

static void answer_metadata(leat_serve *s, leat_exchange *x, const route *r) {
  leat_version *v;
  leat_error err;
  leat_json_writer w = {.out = &x->reply, .indent = 1};
  if (leat__tfs_find(s, r->model, r->version, r->labelled, &v, &err)) {
    leat_serve_error(x, leat_http_status(err.status), err.message);
    return;
  }
  write_metadata(&w, v);
  leat_buf_char(&x->reply, '\n');
  leat_version_release(v);
  leat_serve_json(x, 200);
}

// --- Calls --------------------------------------------------------------------------------------
static void answer_post(leat_serve *s, leat_exchange *x, const route *r) {
  static const leat_predict_style style = {.ml_engine = false};
  leat_version *v;
  leat_error err;
  bool predict = leat__is(r->verb, "predict"), regress = leat__is(r->verb, "regress");
  if (leat__tfs_find(s, r->model, r->version, r->labelled, &v, &err))
    leat_serve_error(x, leat_http_status(err.status), err.message);
  else if (predict)
    leat_serve_predict(s, x, v, &style);
  else
    leat__tfs_classify(s, x, v, regress);
}

static bool known_verb(leat_str verb) {
  return leat__is(verb, "predict") || leat__is(verb, "classify") || leat__is(verb, "regress");
}

void leat__tfs_rest(leat_serve *s, leat_exchange *x) {
  route r;
  bool good = parse_route(x->path, &r) && (!r.verb.len || known_verb(r.verb));
  bool reads = leat__is(x->method, "GET") || leat__is(x->method, "HEAD");
  if (!good)
    leat__serve_malformed(x, 400);
  else if (r.verb.len ? !leat__is(x->method, "POST") : !reads)
    leat__serve_method(x, r.verb.len ? "POST" : "GET, HEAD");
  else if (!leat_serve_allows(s, x, LEAT_ROLE_PREDICTOR))
    return;
  else if (r.verb.len)
    answer_post(s, x, &r);
  else if (r.metadata && r.model.len)
    answer_metadata(s, x, &r);
  else if (r.model.len)
    answer_status(s, x, &r);
  else
    answer_list(s, x);
}
