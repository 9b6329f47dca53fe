// TensorFlow Serving's REST API: :classify and :regress.
// SPDX-License-Identifier: Apache-2.0
//
// {"signature_name": ..., "context": {...}, "examples": [{feature: value or list}, ...]} becomes
// tf.Examples, as it does there: whole numbers are int64 lists, others floats, strings bytes.
#include "base/clock.h"
#include "formats/number.h"
#include "serve/tfs.h"
#include "tensor/tensor_impl.h"

enum { REGRESS = 1 };  // infer->kind

typedef struct reader {
  leat_infer *f;
  leat_json json;
  LEAT_VEC(leat_example) examples;
  leat_example context;
  bool seen;
  leat_error *err;
} reader;

static const char *type_name(leat_json_event event) {
  switch (event) {
    case LEAT_JSON_OBJECT: return "Object";
    case LEAT_JSON_ARRAY: return "Array";
    case LEAT_JSON_STRING: return "String";
    case LEAT_JSON_NUMBER: return "Number";
    case LEAT_JSON_TRUE: return "True";
    case LEAT_JSON_FALSE: return "False";
    default: return "Null";
  }
}

static leat_status wrong_kind(reader *r, leat_str name, leat_example_kind kind) {
  return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                        "Unexpected element type in feature: " LEAT_STR_FMT " expecting type: %s",
                        LEAT_STR_ARG(name),
                        kind == LEAT_EXAMPLE_BYTES   ? "bytes"
                        : kind == LEAT_EXAMPLE_FLOAT ? "float"
                                                     : "int64");
}

// {"b64": "..."} behind its brace.
static leat_status read_base64(reader *r, leat_str name, leat_arena *arena, leat_str *out) {
  leat_json_event event;
  leat_buf bytes = {0};
  leat_status status = leat_json_next(&r->json, &event, r->err);
  bool good = !status && event == LEAT_JSON_KEY && leat__is(r->json.text, "b64");
  if (good) status = leat_json_next(&r->json, &event, r->err);
  good = good && !status && event == LEAT_JSON_STRING;
  bool decoded = good && leat_base64_decode(r->json.text, &bytes);
  if (good) status = leat_json_next(&r->json, &event, r->err);
  good = good && !status && event == LEAT_JSON_OBJECT_END;
  if (!status && !good)
    status =
        leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                       "Feature: " LEAT_STR_FMT " has element with unexpected JSON type: Object",
                       LEAT_STR_ARG(name));
  if (!status && !decoded)
    status = leat_error_set(r->err, LEAT_INVALID_ARGUMENT, "Unable to base64 decode");
  if (!status) *out = (leat_str){leat_arena_str(arena, leat_buf_view(&bytes)), bytes.len};
  leat_buf_deinit(&bytes);
  return !status && !out->ptr ? leat__oom(r->err, 1) : status;
}

static leat_status add_bytes(reader *r, leat_str name, leat_example_list *list, leat_arena *arena,
                             leat_json_event event) {
  leat_str bytes = {0};
  if (list->kind && list->kind != LEAT_EXAMPLE_BYTES) return wrong_kind(r, name, list->kind);
  list->kind = LEAT_EXAMPLE_BYTES;
  leat_status status = LEAT_OK;
  if (event == LEAT_JSON_OBJECT)
    status = read_base64(r, name, arena, &bytes);
  else
    bytes = (leat_str){leat_arena_str(arena, r->json.text), r->json.text.len};
  if (status) return status;
  return bytes.ptr && leat_vec_push(&list->bytes, bytes) ? LEAT_OK : leat__oom(r->err, 1);
}

static leat_status add_number(reader *r, leat_str name, leat_example_list *list,
                              leat_json_event event) {
  int64_t whole = event == LEAT_JSON_TRUE;
  float f;
  bool ints = event != LEAT_JSON_NUMBER || leat_parse_i64(r->json.text, &whole);
  leat_example_kind kind = ints ? LEAT_EXAMPLE_INT64 : LEAT_EXAMPLE_FLOAT;
  if (list->kind && list->kind != kind) return wrong_kind(r, name, list->kind);
  list->kind = kind;
  if (ints) return leat_vec_push(&list->ints, whole) ? LEAT_OK : leat__oom(r->err, 1);
  if (!leat_parse_f32(r->json.text, &f) ||
      (f - f != 0 && r->json.text.ptr[r->json.text.len - 1] < 'A'))
    return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                          "Cannot convert JSON value: " LEAT_STR_FMT
                          " to float without loss of precision.",
                          LEAT_STR_ARG(r->json.text));
  return leat_vec_push(&list->floats, f) ? LEAT_OK : leat__oom(r->err, 1);
}

static leat_status add_value(reader *r, leat_str name, leat_example_list *list, leat_arena *arena,
                             leat_json_event event) {
  if (event == LEAT_JSON_STRING || event == LEAT_JSON_OBJECT)
    return add_bytes(r, name, list, arena, event);
  if (event == LEAT_JSON_NUMBER || event == LEAT_JSON_TRUE || event == LEAT_JSON_FALSE)
    return add_number(r, name, list, event);
  return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                        "Feature: " LEAT_STR_FMT " has element with unexpected JSON type: %s",
                        LEAT_STR_ARG(name), type_name(event));
}

static leat_status read_feature(reader *r, leat_example *e) {
  leat_json_event event;
  leat_example_feature feature = {
      .key = {leat_arena_str(&e->arena, r->json.text), r->json.text.len}};
  leat_status status =
      feature.key.ptr ? leat_json_next(&r->json, &event, r->err) : leat__oom(r->err, 1);
  if (!status && event == LEAT_JSON_ARRAY)
    while (!(status = leat_json_next(&r->json, &event, r->err)) && event != LEAT_JSON_ARRAY_END) {
      status = add_value(r, feature.key, &feature.value, &e->arena, event);
      if (status) break;
    }
  else if (!status)
    status = add_value(r, feature.key, &feature.value, &e->arena, event);
  if (!status && !leat_vec_push(&e->features, feature)) status = leat__oom(r->err, sizeof feature);
  if (status) leat_example_list_deinit(&feature.value);
  return status;
}

static leat_status read_example(reader *r, leat_example *e, leat_json_event event) {
  leat_status status = LEAT_OK;
  if (event != LEAT_JSON_OBJECT)
    return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                          "Example must be JSON object but got JSON %s", type_name(event));
  while (!status && !(status = leat_json_next(&r->json, &event, r->err)) && event == LEAT_JSON_KEY)
    status = read_feature(r, e);
  return status;
}

static leat_status read_examples(reader *r) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, r->err);
  if (status) return status;
  r->seen = true;
  if (event != LEAT_JSON_ARRAY)
    return leat__body_error(&r->json, "Expecting 'examples' value to be an list/array", r->err);
  while (!(status = leat_json_next(&r->json, &event, r->err)) && event != LEAT_JSON_ARRAY_END) {
    leat_example e = {0};
    status = read_example(r, &e, event);
    if (!status && leat_vec_push(&r->examples, e)) continue;
    leat_example_deinit(&e);
    return status ? status : leat__oom(r->err, sizeof e);
  }
  if (!status && !r->examples.count)
    return leat__body_error(&r->json, "'examples' value is an empty array", r->err);
  return status;
}

static leat_status read_body(reader *r) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, r->err);
  if (status) return status;
  if (event != LEAT_JSON_OBJECT) return leat__body_error(&r->json, "Is not object", r->err);
  while (!status && !(status = leat_json_next(&r->json, &event, r->err)) &&
         event == LEAT_JSON_KEY) {
    leat_str key = r->json.text;
    if (leat__is(key, "examples") && !r->seen)
      status = read_examples(r);
    else if (leat__is(key, "signature_name"))
      status = leat__signature_read(&r->json, r->f->version,
                                    "No signature was found with the name: ", "", r->err);
    else {
      bool context = leat__is(key, "context") && !r->context.features.count;
      status = leat_json_next(&r->json, &event, r->err);
      if (!status)
        status =
            context ? read_example(r, &r->context, event) : leat_json_skip(&r->json, event, r->err);
    }
  }
  if (!status) status = leat_json_next(&r->json, &event, r->err);
  if (!status && !r->seen)
    status = leat__body_error(
        &r->json, "When method is classify, key 'examples' is expected and was not found", r->err);
  return status;
}

leat_status leat__examples_read(leat_infer *f) {
  reader r = {.f = f, .err = &f->err};
  if (!f->x->body.len)
    return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                          "JSON Parse error: The document is empty");
  leat_json_init(&r.json, f->x->body, "body");
  r.json.specials = true;
  leat_status status = read_body(&r);
  if (status == LEAT_INVALID_ARGUMENT) leat__json_syntax(f->x->body, &f->err);
  if (!status) status = leat__examples_in(f, r.examples.at, r.examples.count, &r.context, &f->err);
  for (size_t i = 0; i < r.examples.count; i++) leat_example_deinit(&r.examples.at[i]);
  leat_vec_deinit(&r.examples);
  leat_example_deinit(&r.context);
  leat_json_deinit(&r.json);
  return status;
}

// --- Answers ------------------------------------------------------------------------------------
static void put_score(leat_buf *out, float score) {
  leat_tensor one = {.dtype = LEAT_DTYPE_F32, .data = &score, .count = 1};
  leat_write_element(out, &one, 0, (leat_json_style){.specials = true});
}

static leat_status write_answer(leat_infer *f, leat_buf *out) {
  leat_scores s;
  bool regress = f->kind == REGRESS;
  char room[LEAT_NUMBER_MAX];
  leat_status status = leat__scores_out(f, regress, &s, &f->err);
  if (status) return status;
  leat_buf_c(out, "{\"results\": [");
  for (int64_t row = 0; row < s.rows; row++) {
    if (row) leat_buf_c(out, ", ");
    if (!regress) leat_buf_char(out, '[');
    for (int64_t i = 0; i < s.classes; i++) {
      if (i) leat_buf_c(out, ", ");
      if (!regress) {
        leat_buf_char(out, '[');
        leat_json_quote(out, leat__score_label(&s, row, i, room));
        leat_buf_c(out, ", ");
      }
      put_score(out, leat__score(&s, row, i));
      if (!regress) leat_buf_char(out, ']');
    }
    if (!regress) leat_buf_char(out, ']');
  }
  leat_buf_c(out, "]}\n");
  return leat_buf_status(out, &f->err);
}

static void answer(leat_infer *f) {
  leat_buf_clear(&f->x->reply);
  if (!f->status) f->status = write_answer(f, &f->x->reply);
  leat_infer_count(f, f->status);
  if (f->status)
    leat_serve_error(f->x, leat_infer_http_status(f), f->err.message);
  else
    leat_serve_json(f->x, 200);
  leat_infer_free(f);
}

void leat__tfs_classify(leat_serve *s, leat_exchange *x, leat_version *v, bool regress) {
  leat_infer *f;
  leat_error err;
  if (leat_infer_new(&f, s, x, v, &err)) {
    leat_serve_error(x, leat_http_status(err.status), err.message);
    return;
  }
  f->done = answer;
  f->kind = regress ? REGRESS : 0;
  f->status = leat__examples_read(f);
  leat_infer_submit(f);
}
