// Open Inference Protocol, REST: an inference, with the binary tensor extension.
// SPDX-License-Identifier: Apache-2.0
//
// A body is a JSON header, whose length a field tells when bytes of tensors follow it. Members come
// in any order; data that comes before its input's name and type is read when those are known.
#include "base/clock.h"
#include "formats/number.h"
#include "serve/v2_rest.h"
#include "tensor/tensor_impl.h"

#include <stdio.h>

typedef struct request {  // what the answer needs of it; in the infer's arena
  leat_str id;
  bool binary_default, any_output;
  struct {
    bool wanted, binary, chosen;  // chosen: it says itself whether it is binary
  } * outputs;
} request;

typedef struct reader {
  leat_infer *f;
  request *q;
  leat_json json;
  leat_str binary;  // not taken yet
  bool inputs_seen;
  leat_error *err;
} reader;

typedef struct item {  // an input as it is read
  leat_str name, datatype;
  int rank;
  int64_t dims[LEAT_MAX_RANK];
  bool shaped, ready, read;  // ready: checked; read: its data are
  int index;
  size_t data_at;       // of data passed over; 0 = none
  int64_t binary_size;  // -1 = none
} item;

static leat_status bad(reader *r, const char *what) {
  return leat_error_set(r->err, LEAT_INVALID_ARGUMENT, "%s", what);
}

static leat_status next(reader *r, leat_json_event *event) {
  leat_status status = leat_json_next(&r->json, event, r->err);
  return status ? leat_error_prepend(r->err, status, "failed to parse the request JSON buffer")
                : LEAT_OK;
}

static leat_status want(reader *r, leat_json_event wanted, const char *what) {
  leat_json_event event;
  leat_status status = next(r, &event);
  return status ? status : event == wanted ? LEAT_OK : bad(r, what);
}

static leat_status skip_value(reader *r) {
  leat_json_event event;
  leat_status status = next(r, &event);
  return status ? status : leat_json_skip(&r->json, event, r->err);
}

// A text that outlives the parser's next step.
static leat_status keep(reader *r, leat_str *out) {
  const char *from = r->json.text.ptr, *body = r->json.input.ptr;
  bool view = from >= body && from < body + r->json.input.len;
  *out = r->json.text;
  if (view || !out->len) return LEAT_OK;
  out->ptr = leat_arena_str(&r->f->arena, *out);
  return out->ptr ? LEAT_OK : leat__oom(r->err, 1);
}

static leat_status read_text(reader *r, const char *what, leat_str *out) {
  leat_status status = want(r, LEAT_JSON_STRING, what);
  return status ? status : keep(r, out);
}

// --- Inputs -------------------------------------------------------------------------------------
static leat_status read_shape(reader *r, item *it) {
  leat_json_event event;
  leat_status status = want(r, LEAT_JSON_ARRAY,
                            "Unable to parse 'shape': attempt to access JSON non-array as array");
  while (!status && !(status = next(r, &event)) && event == LEAT_JSON_NUMBER) {
    int64_t size;
    if (!leat_parse_i64(r->json.text, &size) || size < 0)
      return bad(r,
                 "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as "
                 "unsigned-integer");
    if (it->rank == LEAT_MAX_RANK) return bad(r, "Unable to parse 'shape': more than 8 dimensions");
    it->dims[it->rank++] = size;
  }
  if (!status && event != LEAT_JSON_ARRAY_END)
    return bad(
        r,
        "Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer");
  it->shaped = true;
  return status;
}

// {"binary_data_size": n, "binary_data": true, ...}
static leat_status read_parameters(reader *r, int64_t *size, bool *flag, bool *flagged,
                                   const char *flag_name) {
  leat_json_event event;
  leat_status status =
      want(r, LEAT_JSON_OBJECT,
           "Unable to parse 'parameters': attempt to access JSON non-object as object");
  while (!status && !(status = next(r, &event)) && event == LEAT_JSON_KEY) {
    bool is_size = size && leat__is(r->json.text, "binary_data_size");
    bool is_flag = flag && leat__is(r->json.text, flag_name);
    bool is_class = leat__is(r->json.text, "classification");
    bool shared = leat__is(r->json.text, "shared_memory_region");
    if ((status = next(r, &event))) return status;
    if (shared) return bad(r, "shared memory is not supported");
    if (is_class && flag) return bad(r, "the classification extension is not supported");
    if (is_size && (event != LEAT_JSON_NUMBER || !leat_parse_i64(r->json.text, size) || *size < 0))
      return bad(r,
                 "Unable to parse 'binary_data_size': attempt to access JSON non-unsigned-integer "
                 "as unsigned-integer");
    if (is_flag && event != LEAT_JSON_TRUE && event != LEAT_JSON_FALSE)
      return bad(r, "Unable to parse 'binary_data': attempt to access JSON non-boolean as boolean");
    if (is_flag) *flag = event == LEAT_JSON_TRUE, *flagged = true;
    status = leat_json_skip(&r->json, event, r->err);
  }
  return status;
}

static leat_status check_item(reader *r, item *it) {
  leat_status status =
      leat__v2_input(r->f->version, it->name, it->datatype, it->rank, it->dims, &it->index, r->err);
  if (!status && (r->f->in[it->index] || r->f->values[it->index].count))
    status = leat_error_set(r->err, LEAT_INVALID_ARGUMENT, "input '%s' already exists in request",
                            r->f->version->inputs[it->index].name);
  it->ready = !status;
  return status;
}

static leat_status read_data(reader *r, item *it, leat_json *json) {
  leat_json_event event;
  leat_values *values = &r->f->values[it->index];
  int64_t count = leat__dims_count(it->rank, it->dims);
  // The shape says how much there is to come; a claim costs nobody more than its own body.
  if (count > 0 && (size_t)count <= json->input.len - json->at)
    leat_values_reserve(values, (size_t)count);
  leat_status status = leat_json_next(json, &event, r->err);
  if (!status) status = leat_values_flat(values, json, event, r->err);
  it->read = true;
  return status ? leat_error_prepend(r->err, status, "input '%s'", values->info->name) : LEAT_OK;
}

static leat_status read_item_member(reader *r, item *it) {
  leat_str key = r->json.text;
  bool unused;
  if (leat__is(key, "name"))
    return read_text(r, "Unable to parse 'name': attempt to access JSON non-string as string",
                     &it->name);
  if (leat__is(key, "datatype"))
    return read_text(r, "Unable to parse 'datatype': attempt to access JSON non-string as string",
                     &it->datatype);
  if (leat__is(key, "shape"))
    return it->shaped ? bad(r, "'shape' stands twice") : read_shape(r, it);
  if (leat__is(key, "parameters")) return read_parameters(r, &it->binary_size, NULL, &unused, "");
  if (!leat__is(key, "data")) return skip_value(r);
  if (it->read || it->data_at) return bad(r, "'data' stands twice");
  if (it->name.len && it->datatype.len && it->shaped) {
    leat_status status = check_item(r, it);
    return status ? status : read_data(r, it, &r->json);
  }
  it->data_at = r->json.at;
  return skip_value(r);
}

static leat_status take_binary(reader *r, item *it) {
  if ((uint64_t)it->binary_size > r->binary.len)
    return bad(r, "unexpected size for input, expecting more bytes than the request holds");
  leat_str bytes = {r->binary.ptr, (size_t)it->binary_size};
  r->binary = (leat_str){r->binary.ptr + bytes.len, r->binary.len - bytes.len};
  return leat_values_raw(&r->f->values[it->index], bytes, r->err);
}

// Data that came before its description.
static leat_status read_late(reader *r, item *it) {
  leat_json json;
  leat_str rest = {r->json.input.ptr + it->data_at, r->json.at - it->data_at};
  leat_json_init(&json, rest, "data");
  leat_status status = read_data(r, it, &json);
  leat_json_deinit(&json);
  return status;
}

static leat_status read_input(reader *r) {
  item it = {.binary_size = -1};
  leat_json_event event;
  leat_status status;
  while (!(status = next(r, &event)) && event == LEAT_JSON_KEY)
    if ((status = read_item_member(r, &it))) return status;
  if (status) return status;
  if (!it.name.len)
    return bad(r, "Unable to parse 'name': attempt to access non-existing object member 'name'");
  if (!it.shaped)
    return bad(r, "Unable to parse 'shape': attempt to access non-existing object member 'shape'");
  if (!it.datatype.len)
    return bad(
        r, "Unable to parse 'datatype': attempt to access non-existing object member 'datatype'");
  if (!it.ready) status = check_item(r, &it);
  if (!status && it.binary_size >= 0)
    status =
        it.read || it.data_at ? bad(r, "an input has both 'data' and bytes") : take_binary(r, &it);
  else if (!status && it.data_at)
    status = read_late(r, &it);
  else if (!status && !it.read)
    status = bad(r, "Unable to parse 'data': attempt to access non-existing object member 'data'");
  return status ? status : leat__v2_tensor(r->f, it.index, it.rank, it.dims, r->err);
}

static leat_status read_inputs(reader *r) {
  leat_json_event event;
  leat_status status = want(r, LEAT_JSON_ARRAY,
                            "Unable to parse 'inputs': attempt to access JSON non-array as array");
  r->inputs_seen = true;
  while (!status && !(status = next(r, &event)) && event == LEAT_JSON_OBJECT)
    status = read_input(r);
  if (!status && event != LEAT_JSON_ARRAY_END)
    status = bad(r, "Unable to parse 'inputs': attempt to access JSON non-object as object");
  return status;
}

// --- Outputs and the rest -----------------------------------------------------------------------
static leat_status read_output(reader *r) {
  leat_json_event event;
  leat_status status;
  leat_str name = {0};
  bool binary = false, flagged = false;
  int index;
  while (!(status = next(r, &event)) && event == LEAT_JSON_KEY) {
    if (leat__is(r->json.text, "name"))
      status = read_text(r, "Unable to parse 'name': attempt to access JSON non-string as string",
                         &name);
    else if (leat__is(r->json.text, "parameters"))
      status = read_parameters(r, NULL, &binary, &flagged, "binary_data");
    else
      status = skip_value(r);
    if (status) return status;
  }
  if (!status && !name.len)
    return bad(r, "Unable to parse 'name': attempt to access non-existing object member 'name'");
  if (!status) status = leat__v2_output(r->f->version, name, &index, r->err);
  if (status) return status;
  r->q->outputs[index].wanted = r->q->any_output = true;
  r->q->outputs[index].binary = binary;
  r->q->outputs[index].chosen = flagged;
  return LEAT_OK;
}

static leat_status read_outputs(reader *r) {
  leat_json_event event;
  leat_status status = want(r, LEAT_JSON_ARRAY,
                            "Unable to parse 'outputs': attempt to access JSON non-array as array");
  while (!status && !(status = next(r, &event)) && event == LEAT_JSON_OBJECT)
    status = read_output(r);
  if (!status && event != LEAT_JSON_ARRAY_END)
    status = bad(r, "Unable to parse 'outputs': attempt to access JSON non-object as object");
  return status;
}

static leat_status read_header(reader *r) {
  leat_json_event event;
  bool flagged;
  leat_status status = want(r, LEAT_JSON_OBJECT, "the request is not a JSON object");
  while (!status && !(status = next(r, &event)) && event == LEAT_JSON_KEY) {
    leat_str key = r->json.text;
    if (leat__is(key, "inputs"))
      status = r->inputs_seen ? bad(r, "'inputs' stands twice") : read_inputs(r);
    else if (leat__is(key, "outputs"))
      status = read_outputs(r);
    else if (leat__is(key, "id"))
      status = read_text(r, "Unable to parse 'id': attempt to access JSON non-string as string",
                         &r->q->id);
    else if (leat__is(key, "parameters"))
      status = read_parameters(r, NULL, &r->q->binary_default, &flagged, "binary_data_output");
    else
      status = skip_value(r);
  }
  if (!status) status = next(r, &event);
  if (!status && !r->inputs_seen)
    status =
        bad(r, "Unable to parse 'inputs': attempt to access non-existing object member 'inputs'");
  if (!status && r->binary.len)
    status =
        leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                       "unexpected additional input data for model '%s'", r->f->version->model);
  return status;
}

// The body is the only input's bytes; a string's whole.
static leat_status read_raw(reader *r) {
  leat_version *v = r->f->version;
  leat_values *values = &r->f->values[0];
  int64_t dims[LEAT_MAX_RANK], known = 1;
  int open = -1;
  if (v->input_count != 1) return bad(r, "a raw binary request is for models with one input");
  const leat_tensor_info *info = &v->inputs[0];
  r->q->binary_default = true;
  leat_status status = info->dtype == LEAT_DTYPE_STRING
                           ? leat_values_add_string(values, r->binary, r->err)
                           : leat_values_raw(values, r->binary, r->err);
  for (int i = 0; i < info->rank; i++) {
    dims[i] = info->dims[i] < 0 ? 1 : info->dims[i];
    if (info->dims[i] < 0 && open < 0) open = i;
    known *= dims[i];
  }
  if (open >= 0 && known) dims[open] = (int64_t)values->count / known;
  return status ? status : leat__v2_tensor(r->f, 0, info->rank, dims, r->err);
}

leat_status leat__v2_read(leat_infer *f) {
  request *q = f->own = leat_arena_alloc(&f->arena, sizeof *q);
  size_t count = (size_t)f->version->output_count + 1;
  if (q) q->outputs = leat_arena_alloc(&f->arena, sizeof *q->outputs * count);
  if (!q || !q->outputs) return leat__oom(&f->err, sizeof *q);
  leat_str length = leat_exchange_field(f->x, "inference-header-content-length");
  leat_str body = f->x->body;
  reader r = {.f = f, .q = q, .err = &f->err};
  int64_t header = (int64_t)body.len;
  if (length.len && (!leat_parse_i64(length, &header) || header < 0 || (size_t)header > body.len))
    return bad(&r, "Unable to parse Inference-Header-Content-Length");
  r.binary = (leat_str){body.ptr + header, body.len - (size_t)header};
  leat_json_init(&r.json, (leat_str){body.ptr, (size_t)header}, "body");
  leat_status status = length.len && !header ? read_raw(&r) : read_header(&r);
  leat_json_deinit(&r.json);
  return status ? status : leat__v2_complete(f, &f->err);
}

// --- Answers ------------------------------------------------------------------------------------
static bool is_binary(const request *q, int i) {
  return q->outputs[i].chosen ? q->outputs[i].binary : q->binary_default;
}

static leat_status write_output(const leat_infer *f, int i, bool binary, leat_buf *out,
                                leat_error *err) {
  const leat_tensor *t = f->out[i];
  char text[LEAT_NUMBER_MAX];
  leat_buf_c(out, "{\"name\": ");
  leat_json_quote(out, leat_str_of(f->version->outputs[i].name));
  leat_buf_c(out, ", \"datatype\": \"");
  leat_buf_c(out, leat_dtype_v2_name(t->dtype));
  leat_buf_c(out, "\", \"shape\": [");
  for (int k = 0; k < t->rank; k++) {
    if (k) leat_buf_add(out, ", ", 2);
    leat_buf_add(out, text, leat_format_i64(text, t->dims[k]));
  }
  if (binary) {
    leat_buf_c(out, "], \"parameters\": {\"binary_data_size\": ");
    leat_buf_add(out, text, leat_format_i64(text, (int64_t)leat__v2_raw_size(t)));
    leat_buf_c(out, "}}");
    return LEAT_OK;
  }
  if (!leat_is_finite(t))
    return leat_error_set(err, LEAT_OUT_OF_RANGE,
                          "output '%s' is not finite, which JSON cannot say; ask for binary data",
                          f->version->outputs[i].name);
  leat_buf_c(out, "], \"data\": [");
  for (int64_t k = 0; k < t->count; k++) {
    if (k) leat_buf_add(out, ", ", 2);
    leat_write_element(out, t, k, (leat_json_style){0});
  }
  leat_buf_c(out, "]}");
  return LEAT_OK;
}

static leat_status write_answer(leat_infer *f, const request *q, leat_buf *out, size_t *header) {
  leat_version *v = f->version;
  char text[LEAT_NUMBER_MAX];
  leat_status status = LEAT_OK;
  bool some = false, binary = false;
  leat_buf_c(out, "{\"model_name\": ");
  leat_json_quote(out, leat_str_of(v->model));
  leat_buf_c(out, ", \"model_version\": \"");
  leat_buf_add(out, text, leat_format_i64(text, v->number));
  leat_buf_c(out, "\", ");
  if (q->id.len) {
    leat_buf_c(out, "\"id\": ");
    leat_json_quote(out, q->id);
    leat_buf_c(out, ", ");
  }
  leat_buf_c(out, "\"outputs\": [");
  for (int i = 0; !status && i < v->output_count; i++) {
    if (q->any_output && !q->outputs[i].wanted) continue;
    if (some) leat_buf_add(out, ", ", 2);
    status = write_output(f, i, is_binary(q, i), out, &f->err);
    binary |= is_binary(q, i);
    some = true;
  }
  leat_buf_c(out, "]}");
  *header = binary ? out->len : 0;
  for (int i = 0; !status && i < v->output_count; i++)
    if ((!q->any_output || q->outputs[i].wanted) && is_binary(q, i)) leat__v2_raw(out, f->out[i]);
  return status ? status : leat_buf_status(out, &f->err);
}

static void answer(leat_infer *f) {
  leat_exchange *x = f->x;
  size_t header = 0;
  leat_buf_clear(&x->reply);
  if (!f->status) f->status = write_answer(f, f->own, &x->reply, &header);
  leat_infer_count(f, f->status);
  if (f->status)
    leat_serve_error(x, leat_infer_http_status(f), f->err.message);
  else if (header) {
    char text[LEAT_NUMBER_MAX];
    leat_reply_field(x, "inference-header-content-length",
                     (leat_str){text, leat_format_i64(text, (int64_t)header)});
    leat_reply_field(x, "content-type", LEAT_STR("application/octet-stream"));
    leat_reply_send(x, 200);
  } else
    leat_serve_json(x, 200);
  leat_infer_free(f);
}

void leat__v2_infer(leat_serve *s, leat_exchange *x, leat_version *v) {
  leat_infer *f;
  leat_error err;
  if (leat_infer_new(&f, s, x, v, &err)) {
    leat_serve_error(x, leat_http_status(err.status), err.message);
    return;
  }
  f->done = answer;
  f->status = leat__v2_read(f);
  leat_infer_submit(f);
}
