// Predictions of rows in JSON: {"instances": [...]} or {"inputs": ...} in, predictions out.
// SPDX-License-Identifier: Apache-2.0
//
// One pass over the body: each value goes straight into the column of its input. What is wrong is
// told in TensorFlow Serving's words (or ML Engine's); whether the whole text is JSON at all is
// looked at first then, since that is what they would have complained about.
#include "base/clock.h"
#include "serve/infer.h"
#include "tensor/tensor_impl.h"

#include <stdio.h>

enum { ROWS = 1, COLUMNS = 2, FORMAT = 3, ML_ENGINE = 4 };  // infer->kind

typedef struct reader {
  leat_infer *f;
  leat_version *v;
  leat_json json;
  bool ml_engine;
  int format;  // ROWS or COLUMNS once seen; both: an error
  size_t value_from;
  leat_error *err;
} reader;

// --- What is no JSON ----------------------------------------------------------------------------
static const char *parse_error_text(const char *own) {
  static const char *const texts[][2] = {
      {"comma or '}'", "Missing a comma or } after an object member."},
      {"comma or ']'", "Missing a comma or ] after an array element."},
      {"key in quotes", "Missing a name for object member."},
      {"a colon", "Missing a colon after a name of object member."},
      {"behind the document", "The document root must not be followed by other values."},
      {"does not end", "Missing a closing quotation mark in string."},
      {"escape", "Invalid escape character in string."},
      {"surrogate", "The surrogate pair in string is invalid."},
      {"UTF-8", "Invalid encoding in string."},
      {"control character", "Invalid encoding in string."},
      {"deeper", "Terminate parsing due to Handler error."},
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (strstr(own, texts[i][0])) return texts[i][1];
  return "Invalid value.";
}

bool leat__json_syntax(leat_str text, leat_error *err) {
  leat_json json;
  leat_json_event event = LEAT_JSON_NULL;
  leat_error own;
  leat_status status = LEAT_OK;
  leat_json_init(&json, text, "");
  json.specials = true;
  while (!status && event != LEAT_JSON_END) status = leat_json_next(&json, &event, &own);
  leat_json_deinit(&json);
  if (status)
    leat_error_set(err, LEAT_INVALID_ARGUMENT, "JSON Parse error: %s at offset: %zu",
                   parse_error_text(own.message), json.at);
  return status != LEAT_OK;
}

leat_status leat__body_error(const leat_json *json, const char *what, leat_error *err) {
  leat_buf text = {0};
  leat_json_pretty(&text, json->input);
  leat_error_set(err, LEAT_INVALID_ARGUMENT, "JSON Value: %.*s %s",
                 (int)(text.len < 800 ? text.len : 800), text.ptr ? text.ptr : "", what);
  leat_buf_deinit(&text);
  return LEAT_INVALID_ARGUMENT;
}

// --- Instances ----------------------------------------------------------------------------------
// Whether the object whose brace was read is {"b64": "..."}.
static bool is_base64(const leat_json *json) {
  leat_json probe;
  leat_json_event event;
  leat_str rest = {json->input.ptr + json->at - 1, json->input.len - json->at + 1};
  leat_json_init(&probe, rest, NULL);
  bool good = !leat_json_next(&probe, &event, NULL) && !leat_json_next(&probe, &event, NULL) &&
              event == LEAT_JSON_KEY && leat_str_eq(probe.text, LEAT_STR("b64")) &&
              !leat_json_next(&probe, &event, NULL) && event == LEAT_JSON_STRING &&
              !leat_json_next(&probe, &event, NULL) && event == LEAT_JSON_OBJECT_END;
  leat_json_deinit(&probe);
  return good;
}

static leat_status in_element(reader *r, int64_t row, leat_str key, leat_status status) {
  if (r->ml_engine) return status;
  char head[160];
  if (key.len)
    snprintf(head, sizeof head, " key: %.*s", (int)(key.len < 120 ? key.len : 120), key.ptr);
  else
    head[0] = 0;
  return leat_error_prepend(r->err, status,
                            "Failed to process element: %lld%s of 'instances' list. Error"
                            ": INVALID_ARGUMENT",
                            (long long)row, head);
}

static leat_status missing_keys(reader *r, int64_t row, size_t from) {
  for (int i = 0; r->ml_engine && i < r->v->input_count; i++)
    if (r->f->values[r->v->by_name[i]].stamp != row)
      return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                            "Input %s was missing in at least one input instance.",
                            r->v->inputs[r->v->by_name[i]].name);
  leat_buf object = {0}, keys = {0};
  leat_json_pretty(&object, (leat_str){r->json.input.ptr + from, r->json.at - from});
  for (int i = 0; i < r->v->input_count; i++)
    leat_buf_fmt(&keys, "%s%s", i ? "," : "", r->v->inputs[r->v->by_name[i]].name);
  leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                 "Failed to process element: %lld of 'instances' list. JSON object: %.*s keys must "
                 "be equal to: %.*s",
                 (long long)row, (int)(object.len < 400 ? object.len : 400),
                 object.ptr ? object.ptr : "", (int)(keys.len < 400 ? keys.len : 400),
                 keys.ptr ? keys.ptr : "");
  leat_buf_deinit(&object);
  leat_buf_deinit(&keys);
  return LEAT_INVALID_ARGUMENT;
}

static leat_status unknown_key(reader *r, leat_str key) {
  if (r->ml_engine && r->v->input_count == 1)
    return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                          "Expected tensor name: %s, got tensor name: ['" LEAT_STR_FMT "'].",
                          r->v->inputs[0].name, LEAT_STR_ARG(key));
  if (r->ml_engine)
    return leat_error_set(r->err, LEAT_INVALID_ARGUMENT, "Unexpected tensor name: " LEAT_STR_FMT,
                          LEAT_STR_ARG(key));
  return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                        "JSON object: does not have named input: " LEAT_STR_FMT, LEAT_STR_ARG(key));
}

// Behind the brace of an instance. Clients write keys in one order, so that is tried first.
static leat_status read_object(reader *r, int64_t row) {
  leat_version *v = r->v;
  size_t from = r->json.at - 1;
  leat_json_event event;
  leat_status status;
  int seen = 0, guess = 0;
  while (!(status = leat_json_next(&r->json, &event, r->err)) && event == LEAT_JSON_KEY) {
    leat_str key = r->json.text;
    bool guessed = guess < v->input_count && leat_str_eq(key, leat_str_of(v->inputs[guess].name));
    int i = guessed ? guess : leat_version_input(v, key);
    guess = i + 1;
    if (i < 0) return in_element(r, row, key, unknown_key(r, key));
    leat_values *values = &r->f->values[i];
    key = leat_str_of(v->inputs[i].name);
    if (values->stamp == row)
      return in_element(r, row, key,
                        leat_error_set(r->err, LEAT_INVALID_ARGUMENT, "the key stands twice"));
    values->stamp = row;
    seen++;
    if ((status = leat_json_next(&r->json, &event, r->err))) return status;
    status = leat_values_value(values, &r->json, event, r->err);
    if (status) return in_element(r, row, key, status);
  }
  if (status) return status;
  return seen == v->input_count ? LEAT_OK : missing_keys(r, row, from);
}

static leat_status mixed(reader *r, int64_t row, bool objects) {
  return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                        objects ? "Expecting object but got list at item %lld of input list"
                                : "Expecting value/list but got object at item %lld of input list",
                        (long long)row);
}

static leat_status read_instances(reader *r) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, r->err);
  if (status) return status;
  if (event != LEAT_JSON_ARRAY)
    return leat__body_error(&r->json, "Excepting 'instances' to be an list/array", r->err);
  bool objects = false;
  int64_t row = 0;
  for (;; row++) {
    if ((status = leat_json_next(&r->json, &event, r->err))) return status;
    if (event == LEAT_JSON_ARRAY_END) break;
    bool object = event == LEAT_JSON_OBJECT && !is_base64(&r->json);
    if (!row) objects = object;
    if (object != objects) return mixed(r, row, objects);
    if (!object && r->v->input_count != 1)
      return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                            "instances is a plain list, but expecting list of objects as multiple "
                            "input tensors required as per tensorinfo_map");
    status =
        object ? read_object(r, row) : leat_values_value(&r->f->values[0], &r->json, event, r->err);
    if (status) return object ? status : in_element(r, row, (leat_str){0}, status);
  }
  return row ? LEAT_OK : leat__body_error(&r->json, "No values in 'instances' array", r->err);
}

// --- Inputs -------------------------------------------------------------------------------------
static leat_status read_inputs(reader *r) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, r->err);
  if (status) return status;
  if (event != LEAT_JSON_OBJECT || is_base64(&r->json)) {
    if (r->v->input_count != 1)
      return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                            "inputs is a plain value/list, but expecting an object as multiple "
                            "input tensors required as per tensorinfo_map");
    return leat_values_value(&r->f->values[0], &r->json, event, r->err);
  }
  while (!(status = leat_json_next(&r->json, &event, r->err)) && event == LEAT_JSON_KEY) {
    int i = leat_version_input(r->v, r->json.text);
    if ((status = leat_json_next(&r->json, &event, r->err))) return status;
    if (i < 0 || r->f->values[i].values)
      status = leat_json_skip(&r->json, event, r->err);
    else
      status = leat_values_value(&r->f->values[i], &r->json, event, r->err);
    if (status) return status;
  }
  for (int i = 0; !status && i < r->v->input_count; i++)
    if (!r->f->values[r->v->by_name[i]].values)
      status = leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                              "Missing named input: %s in 'inputs' object.",
                              r->v->inputs[r->v->by_name[i]].name);
  return status;
}

// --- Bodies -------------------------------------------------------------------------------------
leat_status leat__signature_read(leat_json *json, const leat_version *v, const char *before,
                                 const char *behind, leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(json, &event, err);
  if (status) return status;
  if (event != LEAT_JSON_STRING)
    return leat__body_error(
        json, "not formatted correctly. 'signature_name' key must be a string value.", err);
  if (leat_version_signs(v, json->text)) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s" LEAT_STR_FMT "%s", before,
                        LEAT_STR_ARG(json->text), behind);
}

static leat_status read_member(reader *r) {
  leat_json_event event;
  leat_str key = r->json.text;
  if (leat_str_eq(key, LEAT_STR("signature_name")))
    return r->ml_engine ? leat__signature_read(&r->json, r->v,
                                               "No signature found for signature key ", ".", r->err)
                        : leat__signature_read(&r->json, r->v, "Serving signature name: \"",
                                               "\" not found in signature def", r->err);
  bool rows = leat_str_eq(key, LEAT_STR("instances"));
  if (rows || (!r->ml_engine && leat_str_eq(key, LEAT_STR("inputs")))) {
    if (r->format)
      return leat__body_error(
          &r->json,
          "Not formatted correctly expecting only one of 'inputs' or 'instances' "
          "keys to exist ",
          r->err);
    r->format = rows ? ROWS : COLUMNS;
    return rows ? read_instances(r) : read_inputs(r);
  }
  leat_status status = leat_json_next(&r->json, &event, r->err);
  return status ? status : leat_json_skip(&r->json, event, r->err);
}

static leat_status read_body(reader *r) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, r->err);
  if (status) return status;
  if (event != LEAT_JSON_OBJECT) return leat__body_error(&r->json, "Is not object", r->err);
  while (!(status = leat_json_next(&r->json, &event, r->err)) && event == LEAT_JSON_KEY)
    if ((status = read_member(r))) return status;
  if (!status) status = leat_json_next(&r->json, &event, r->err);  // nothing may follow
  if (!status && !r->format)
    status = leat_error_set(
        r->err, LEAT_INVALID_ARGUMENT,
        r->ml_engine ? "Missing 'instances' key" : "Missing 'inputs' or 'instances' key");
  return status;
}

leat_status leat__rows_read(leat_infer *f, bool ml_engine) {
  reader r = {.f = f, .v = f->version, .ml_engine = ml_engine, .err = &f->err};
  leat_str body = f->x->body;
  if (!body.len)
    return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                          "JSON Parse error: The document is empty");
  leat_json_init(&r.json, body, "body");
  r.json.specials = !ml_engine;
  leat_status status = read_body(&r);
  leat_json_deinit(&r.json);
  if (status == LEAT_INVALID_ARGUMENT) leat__json_syntax(body, &f->err);
  for (int i = 0; !status && i < f->version->input_count; i++)
    status =
        (r.format == ROWS ? leat_values_rows : leat_values_one)(&f->values[i], &f->in[i], &f->err);
  f->kind = r.format | (ml_engine ? ML_ENGINE : 0);
  return status;
}

// --- Answers ------------------------------------------------------------------------------------
static leat_json_style style_of(const leat_tensor_info *info, bool ml_engine) {
  bool bytes = info->dtype == LEAT_DTYPE_STRING &&
               leat_str_ends(leat_str_of(info->name), LEAT_STR("_bytes"));
  return (leat_json_style){.specials = !ml_engine, .bytes = bytes};
}

// How many rows all outputs have.
static leat_status check_rows(leat_infer *f, bool ml_engine, int64_t *rows) {
  *rows = -1;
  for (int i = 0; i < f->version->output_count; i++) {
    const leat_tensor *t = f->out[i];
    const char *name = f->version->outputs[i].name;
    if (ml_engine && !leat_is_finite(t))
      return leat_error_set(&f->err, LEAT_OUT_OF_RANGE, "output '%s' is not finite", name);
    if (!t->rank && !ml_engine)
      return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                            "Tensor name: %s has no shape information ", name);
    int64_t own = t->rank ? t->dims[0] : 1;
    if (*rows >= 0 && own != *rows)
      return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                            "Tensor name: %s has inconsistent batch size: %lld expecting: %lld",
                            name, (long long)own, (long long)*rows);
    *rows = own;
  }
  return LEAT_OK;
}

static leat_status write_rows(leat_infer *f, leat_buf *out, bool ml_engine) {
  leat_version *v = f->version;
  int64_t rows;
  leat_status status = check_rows(f, ml_engine, &rows);
  if (status) return status;
  bool objects = ml_engine || v->output_count != 1;
  leat_buf_c(out, "{\"predictions\": [");
  for (int64_t row = 0; row < rows; row++) {
    if (row) leat_buf_add(out, ", ", 2);
    if (objects) leat_buf_char(out, '{');
    for (int i = 0; i < v->output_count; i++) {
      const leat_tensor *t = f->out[i];
      int64_t at = t->rank ? row * (t->count / (t->dims[0] ? t->dims[0] : 1)) : 0;
      if (i) leat_buf_add(out, ", ", 2);
      if (objects) leat_buf_str(out, v->outputs[i].key);
      leat_write_nested(out, t, 1, &at, style_of(&v->outputs[i], ml_engine));
    }
    if (objects) leat_buf_char(out, '}');
  }
  leat_buf_c(out, "]}\n");
  return leat_buf_status(out, &f->err);
}

static leat_status write_columns(leat_infer *f, leat_buf *out) {
  leat_version *v = f->version;
  bool objects = v->output_count != 1;
  leat_buf_c(out, objects ? "{\"outputs\": {" : "{\"outputs\": ");
  for (int i = 0; i < v->output_count; i++) {
    int64_t at = 0;
    if (i) leat_buf_add(out, ", ", 2);
    if (objects) leat_buf_str(out, v->outputs[i].key);
    leat_write_nested(out, f->out[i], 0, &at, style_of(&v->outputs[i], false));
  }
  leat_buf_c(out, objects ? "}}\n" : "}\n");
  return leat_buf_status(out, &f->err);
}

// ML Engine's classes of failure: 1 reading, 2 running, 3 writing.
static void answer_failure(leat_infer *f, int stage) {
  static const char *const classes[] = {"", "Invalid inputs", "Failed to run the provided model",
                                        "There was a problem processing the outputs"};
  leat_exchange *x = f->x;
  int status = leat_infer_http_status(f);
  if (f->kind & ML_ENGINE) {
    char text[1400];
    snprintf(text, sizeof text, "Prediction failed: %s: %s (Error code: %d)", classes[stage],
             f->err.message, stage);
    leat_serve_error(x, status == 429 || status == 503 ? status : 400, text);
  } else
    leat_serve_error(x, status, f->err.message);
}

static void answer(leat_infer *f) {
  leat_exchange *x = f->x;
  bool ml_engine = f->kind & ML_ENGINE;
  int stage = f->stage == LEAT_STAGE_READ ? 1 : 2;
  leat_buf_clear(&x->reply);
  if (!f->status) {
    stage = 3;
    f->status = (f->kind & FORMAT) == COLUMNS ? write_columns(f, &x->reply)
                                              : write_rows(f, &x->reply, ml_engine);
  }
  leat_infer_count(f, f->status);
  if (f->status)
    answer_failure(f, stage);
  else
    leat_serve_json(x, 200);
  leat_infer_free(f);
}

void leat_serve_predict(leat_serve *serve, leat_exchange *x, leat_version *version,
                        const leat_predict_style *style) {
  leat_infer *f;
  leat_error err;
  if (leat_infer_new(&f, serve, x, version, &err)) {
    leat_serve_error(x, leat_http_status(err.status), err.message);
    return;
  }
  f->done = answer;
  f->kind = style->ml_engine ? ML_ENGINE : 0;
  f->status = leat__rows_read(f, style->ml_engine);
  leat_infer_submit(f);
}
