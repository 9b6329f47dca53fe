// TensorFlow Serving's gRPC services: PredictionService and ModelService.
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "formats/number.h"
#include "formats/tensor_proto.h"
#include "serve/grpc.h"
#include "serve/tfs.h"
#include "tensor/tensor_impl.h"

enum { CLASSIFY, REGRESS, MULTI };  // infer->kind of those with examples

typedef struct spec {  // ModelSpec
  leat_str name, signature, label;
  int64_t version;
  bool there, has_version;
  char number[LEAT_NUMBER_MAX];
} spec;

// --- ModelSpec ----------------------------------------------------------------------------------
static void read_spec(spec *s, leat_str bytes) {
  leat_proto p = {bytes, false};
  leat_proto_field f, g;
  s->there = true;
  while (leat_proto_next(&p, &f)) {
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 1) s->name = f.bytes;
    if (f.number == 3) s->signature = f.bytes;
    if (f.number == 4) s->label = f.bytes, s->has_version = false;
    if (f.number != 2) continue;
    leat_proto inner = {f.bytes, false};
    s->has_version = true;
    s->label = (leat_str){0};
    while (leat_proto_next(&inner, &g))
      if (g.number == 1 && g.wire == LEAT_WIRE_VARINT) s->version = (int64_t)g.bits;
  }
}

static spec spec_of(leat_str request) {
  spec s = {0};
  leat_proto p = {request, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f))
    if (f.number == 1 && f.wire == LEAT_WIRE_BYTES) read_spec(&s, f.bytes);
  return s;
}

static leat_status find(leat_serve *serve, spec *s, leat_version **out, leat_error *err) {
  *out = NULL;
  if (!s->there) return leat_error_set(err, LEAT_INVALID_ARGUMENT, "Missing ModelSpec");
  if (!s->name.len)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "ModelSpec has no name specified.");
  leat_str version = s->label;
  if (s->has_version) version = (leat_str){s->number, leat_format_i64(s->number, s->version)};
  return leat__tfs_find(serve, s->name, version, s->label.len > 0, out, err);
}

static void put_spec(leat_buf *out, int field, const leat_version *v, leat_str signature) {
  size_t at = leat_proto_begin(out, field);
  leat_proto_bytes(out, 1, leat_str_of(v->model));
  size_t version = leat_proto_begin(out, 2);
  leat_proto_i64(out, 1, v->number);
  leat_proto_end(out, version);
  leat_proto_str(out, 3, signature);
  leat_proto_end(out, at);
}

static leat_str signature_name(const leat_infer *f) {
  const leat_str *own = f->own;
  return own && own->len ? *own : LEAT_STR("serving_default");
}

static leat_status check_signature(leat_infer *f, leat_str name) {
  if (!leat_version_signs(f->version, name))
    return leat_error_set(&f->err, LEAT_FAILED_PRECONDITION,
                          "Serving signature key \"" LEAT_STR_FMT "\" not found.",
                          LEAT_STR_ARG(name));
  leat_str *kept = f->own = leat_arena_alloc(&f->arena, sizeof *kept);
  if (!kept) return leat__oom(&f->err, sizeof *kept);
  kept->ptr = leat_arena_str(&f->arena, name);
  kept->len = name.len;
  return kept->ptr ? LEAT_OK : leat__oom(&f->err, 1);
}

// --- Predict ------------------------------------------------------------------------------------
static void name_set(leat_buf *out, const leat_version *v, const leat_str *asked, size_t count,
                     bool ours, bool missing_from_other) {
  bool some = false;
  size_t most = ours ? (size_t)v->input_count : count;
  for (size_t i = 0; i < most; i++) {
    leat_str name = ours ? leat_str_of(v->inputs[v->by_name[i]].name) : asked[i];
    bool other = !ours && leat_version_input(v, name) >= 0;
    for (size_t k = 0; ours && k < count && !other; k++) other = leat_str_eq(asked[k], name);
    if (missing_from_other && other) continue;
    if (some) leat_buf_char(out, ',');
    leat_buf_str(out, name);
    some = true;
  }
}

static leat_status wrong_inputs(leat_infer *f, const leat_str *asked, size_t count) {
  const leat_version *v = f->version;
  leat_buf text = {0};
  leat_buf_fmt(&text, "input size does not match signature: %zu!=%d len({", count, v->input_count);
  name_set(&text, v, asked, count, false, false);
  leat_buf_c(&text, "}) != len({");
  name_set(&text, v, asked, count, true, false);
  leat_buf_c(&text, "}). Sent extra: {");
  name_set(&text, v, asked, count, false, true);
  leat_buf_c(&text, "}. Missing but required: {");
  name_set(&text, v, asked, count, true, true);
  leat_buf_c(&text, "}.");
  leat_error_set(&f->err, LEAT_INVALID_ARGUMENT, "%s", text.ptr ? text.ptr : "");
  leat_buf_deinit(&text);
  return LEAT_INVALID_ARGUMENT;
}

static leat_status unknown_input(leat_infer *f, leat_str name) {
  leat_buf text = {0};
  name_set(&text, f->version, NULL, 0, true, false);
  leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                 "input tensor alias not found in signature: " LEAT_STR_FMT
                 ". Inputs expected to be in the set {%s}.",
                 LEAT_STR_ARG(name), text.ptr ? text.ptr : "");
  leat_buf_deinit(&text);
  return LEAT_INVALID_ARGUMENT;
}

// A map's entry: key and value.
static void read_entry(leat_str bytes, leat_str *key, leat_str *value) {
  leat_proto p = {bytes, false};
  leat_proto_field f;
  *key = *value = (leat_str){0};
  while (leat_proto_next(&p, &f)) {
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 1) *key = f.bytes;
    if (f.number == 2) *value = f.bytes;
  }
}

static leat_status read_tensor(leat_infer *f, int i, leat_str bytes) {
  const leat_tensor_info *info = &f->version->inputs[i];
  leat_tensor_unref(f->in[i]);
  leat_status status = leat_tensor_proto_parse(&f->in[i], bytes, &f->err);
  if (status) {
    f->in[i] = NULL;
    if (status == LEAT_DATA_LOSS) f->err.status = status = LEAT_INVALID_ARGUMENT;
    return leat_error_prepend(&f->err, status, "input '%s'", info->name);
  }
  if ((status = leat_values_charge(f->x, f->in[i], &f->err))) return status;
  if (f->in[i]->dtype == info->dtype) return LEAT_OK;
  return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                        "Expects arg[%d] to be %s but %s is provided", i,
                        leat_dtype_tf_name(info->dtype), leat_dtype_tf_name(f->in[i]->dtype));
}

static leat_status read_inputs(leat_infer *f, leat_str request, size_t count) {
  leat_str few[64], *asked = count <= 64 ? few : leat_arena_alloc(&f->arena, sizeof few[0] * count);
  leat_proto p = {request, false};
  leat_proto_field g;
  leat_status status = asked ? LEAT_OK : leat__oom(&f->err, 1);
  size_t got = 0;
  while (!status && leat_proto_next(&p, &g)) {
    leat_str key, value;
    if (g.number != 2 || g.wire != LEAT_WIRE_BYTES) continue;
    read_entry(g.bytes, &key, &value);
    bool again = false;  // of two entries with one key the last counts
    for (size_t k = 0; k < got && !again; k++) again = leat_str_eq(asked[k], key);
    if (!again) asked[got++] = key;
    int i = leat_version_input(f->version, key);
    if (i >= 0) status = read_tensor(f, i, value);
  }
  if (status) return status;
  if (got != (size_t)f->version->input_count) return wrong_inputs(f, asked, got);
  for (size_t k = 0; k < got; k++)
    if (leat_version_input(f->version, asked[k]) < 0) return unknown_input(f, asked[k]);
  return LEAT_OK;
}

typedef struct predict_own {
  leat_str signature;
  bool filtered;
  bool *wanted;  // by output
} predict_own;

static leat_status read_filter(leat_infer *f, predict_own *own, leat_str name) {
  const leat_version *v = f->version;
  int i = leat_version_output(v, name);
  if (i < 0) {
    leat_buf text = {0};
    for (int k = 0; k < v->output_count; k++)
      leat_buf_fmt(&text, "%s%s", k ? "," : "", v->outputs[k].name);
    leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                   "output tensor alias not found in signature: " LEAT_STR_FMT
                   " Outputs expected to be in the set {%s}.",
                   LEAT_STR_ARG(name), text.ptr ? text.ptr : "");
    leat_buf_deinit(&text);
    return LEAT_INVALID_ARGUMENT;
  }
  if (own->wanted[i])
    return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                          "duplicate output tensor alias: " LEAT_STR_FMT, LEAT_STR_ARG(name));
  own->wanted[i] = own->filtered = true;
  return LEAT_OK;
}

leat_status leat__tfs_read_predict(leat_infer *f, leat_str request) {
  spec s = spec_of(request);
  leat_proto p = {request, false};
  leat_proto_field g;
  size_t count = 0;
  leat_status status = check_signature(f, s.signature);
  if (status) return status;
  predict_own *own = leat_arena_alloc(&f->arena, sizeof *own);
  if (own) own->wanted = leat_arena_alloc(&f->arena, (size_t)f->version->output_count + 1);
  if (!own || !own->wanted) return leat__oom(&f->err, sizeof *own);
  own->signature = *(leat_str *)f->own;
  f->own = own;
  while (!status && leat_proto_next(&p, &g)) {
    count += g.number == 2 && g.wire == LEAT_WIRE_BYTES;
    if (g.number == 3 && g.wire == LEAT_WIRE_BYTES) status = read_filter(f, own, g.bytes);
  }
  return status ? status : read_inputs(f, request, count);
}

static void write_predict(leat_infer *f, leat_buf *out) {
  const predict_own *own = f->own;
  for (int i = 0; i < f->version->output_count; i++) {
    if (own->filtered && !own->wanted[i]) continue;
    size_t entry = leat_proto_begin(out, 1);
    leat_proto_bytes(out, 1, leat_str_of(f->version->outputs[i].name));
    size_t tensor = leat_proto_begin(out, 2);
    leat_tensor_proto_format(f->out[i], out);
    leat_proto_end(out, tensor);
    leat_proto_end(out, entry);
  }
  put_spec(out, 2, f->version, signature_name(f));
}

// Sends what `write` puts into the message, or the failure.
static void finish(leat_infer *f, leat_status (*write)(leat_infer *f, leat_buf *out)) {
  leat_exchange *x = f->x;
  if (!f->status) {
    leat_grpc_begin(x);
    f->status = write(f, &x->reply);
    if (!f->status) f->status = leat_buf_status(&x->reply, &f->err);
  }
  leat_infer_count(f, f->status);
  if (f->status)
    leat__grpc_fail(x, f->status, f->err.message);
  else
    leat_grpc_send(x, LEAT_OK, NULL);
  leat_infer_free(f);
}

static leat_status predict_message(leat_infer *f, leat_buf *out) {
  write_predict(f, out);
  return LEAT_OK;
}

static void predict_done(leat_infer *f) { finish(f, predict_message); }

static leat_infer *start(leat_serve *serve, leat_exchange *x, spec *s,
                         void (*done)(leat_infer *f)) {
  leat_version *v;
  leat_infer *f = NULL;
  leat_error err;
  leat_status status = find(serve, s, &v, &err);
  if (!status) status = leat_infer_new(&f, serve, x, v, &err);
  if (status)
    leat__grpc_fail(x, status, err.message);
  else
    f->done = done;
  return f;
}

void leat__tfs_grpc_predict(leat_serve *serve, leat_exchange *x, leat_str request) {
  spec s = spec_of(request);
  leat_infer *f = start(serve, x, &s, predict_done);
  if (!f) return;
  f->status = leat__tfs_read_predict(f, request);
  leat_infer_submit(f);
}

// --- Examples -----------------------------------------------------------------------------------
typedef struct example_reader {
  leat_infer *f;
  LEAT_VEC(leat_example) list;
  leat_example context;
  leat_status status;
} example_reader;

static void add_example(example_reader *r, leat_str bytes) {
  leat_example e;
  if (r->status) return;
  r->status = leat_example_parse(&e, bytes, false, &r->f->err);
  if (!r->status && leat_vec_push(&r->list, e)) return;
  if (!r->status) r->status = leat__oom(&r->f->err, sizeof e);
  leat_example_deinit(&e);
}

// ExampleList, or ExampleListWithContext.
static void read_list(example_reader *r, leat_str bytes) {
  leat_proto p = {bytes, false};
  leat_proto_field f;
  while (!r->status && leat_proto_next(&p, &f)) {
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 1) add_example(r, f.bytes);
    if (f.number != 2) continue;
    leat_example_deinit(&r->context);
    r->status = leat_example_parse(&r->context, f.bytes, false, &r->f->err);
  }
  if (!r->status && p.damaged)
    r->status =
        leat_error_set(&r->f->err, LEAT_INVALID_ARGUMENT, "the list of examples is damaged");
}

leat_status leat__tfs_read_examples(leat_infer *f, leat_str request) {
  example_reader r = {.f = f};
  leat_str input = leat__proto_text(request, 2);
  leat_proto p = {input, false};
  leat_proto_field g;
  while (!r.status && leat_proto_next(&p, &g))
    if (g.wire == LEAT_WIRE_BYTES && (g.number == 1 || g.number == 2)) read_list(&r, g.bytes);
  if (r.status == LEAT_DATA_LOSS) r.status = f->err.status = LEAT_INVALID_ARGUMENT;
  if (!r.status) r.status = leat__examples_in(f, r.list.at, r.list.count, &r.context, &f->err);
  for (size_t i = 0; i < r.list.count; i++) leat_example_deinit(&r.list.at[i]);
  leat_vec_deinit(&r.list);
  leat_example_deinit(&r.context);
  return r.status;
}

static leat_status put_classes(leat_infer *f, leat_buf *out) {
  leat_scores s;
  char room[LEAT_NUMBER_MAX];
  leat_status status = leat__scores_out(f, false, &s, &f->err);
  for (int64_t row = 0; !status && row < s.rows; row++) {
    size_t list = leat_proto_begin(out, 1);
    for (int64_t i = 0; i < s.classes; i++) {
      size_t one = leat_proto_begin(out, 1);
      leat_proto_bytes(out, 1, leat__score_label(&s, row, i, room));
      leat_proto_f32(out, 2, leat__score(&s, row, i));
      leat_proto_end(out, one);
    }
    leat_proto_end(out, list);
  }
  return status;
}

static leat_status put_values(leat_infer *f, leat_buf *out) {
  leat_scores s;
  leat_status status = leat__scores_out(f, true, &s, &f->err);
  for (int64_t row = 0; !status && row < s.rows; row++) {
    size_t one = leat_proto_begin(out, 1);
    leat_proto_f32(out, 1, leat__score(&s, row, 0));
    leat_proto_end(out, one);
  }
  return status;
}

static leat_status scores_message(leat_infer *f, leat_buf *out) {
  size_t at = leat_proto_begin(out, 1);
  leat_status status = (f->kind == REGRESS ? put_values : put_classes)(f, out);
  leat_proto_end(out, at);
  put_spec(out, 2, f->version, signature_name(f));
  return status;
}

static void scores_done(leat_infer *f) { finish(f, scores_message); }

static void run_examples(leat_serve *serve, leat_exchange *x, leat_str request, int kind) {
  spec s = spec_of(request);
  leat_infer *f = start(serve, x, &s, scores_done);
  if (!f) return;
  f->kind = kind;
  f->status = check_signature(f, s.signature);
  if (!f->status) f->status = leat__tfs_read_examples(f, request);
  leat_infer_submit(f);
}

void leat__tfs_grpc_classify(leat_serve *serve, leat_exchange *x, leat_str request) {
  run_examples(serve, x, request, CLASSIFY);
}
void leat__tfs_grpc_regress(leat_serve *serve, leat_exchange *x, leat_str request) {
  run_examples(serve, x, request, REGRESS);
}

// --- MultiInference: one run, several views of it -----------------------------------------------
enum { TASKS_MAX = 64 };

typedef struct multi_own {
  leat_str signature;  // first, as signature_name wants it
  int count;
  struct {
    leat_str signature;
    bool regress;
  } tasks[TASKS_MAX];
} multi_own;

static leat_status multi_message(leat_infer *f, leat_buf *out) {
  const multi_own *own = f->own;
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < own->count; i++) {
    leat_str name = own->tasks[i].signature;
    size_t result = leat_proto_begin(out, 1);
    put_spec(out, 1, f->version, name.len ? name : LEAT_STR("serving_default"));
    size_t scores = leat_proto_begin(out, own->tasks[i].regress ? 3 : 2);
    status = (own->tasks[i].regress ? put_values : put_classes)(f, out);
    leat_proto_end(out, scores);
    leat_proto_end(out, result);
  }
  return status;
}

static void multi_done(leat_infer *f) { finish(f, multi_message); }

static leat_status read_task(leat_infer *f, multi_own *own, leat_str task, leat_str model) {
  spec s = spec_of(task);
  leat_str method = leat__proto_text(task, 2);
  bool regress = leat__is(method, "tensorflow/serving/regress");
  if (own->count == TASKS_MAX)
    return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT, "more than %d tasks", TASKS_MAX);
  if (!leat_str_eq(s.name, model))
    return leat_error_set(
        &f->err, LEAT_INVALID_ARGUMENT,
        "All ModelSpecs in a MultiInferenceRequest must access the same model name.");
  if (!regress && !leat__is(method, "tensorflow/serving/classify"))
    return leat_error_set(&f->err, LEAT_UNIMPLEMENTED,
                          "Unsupported signature method_name: " LEAT_STR_FMT, LEAT_STR_ARG(method));
  if (!leat_version_signs(f->version, s.signature))
    return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                          "No signature was found with the name: " LEAT_STR_FMT,
                          LEAT_STR_ARG(s.signature));
  own->tasks[own->count].regress = regress;
  own->tasks[own->count].signature.ptr = leat_arena_str(&f->arena, s.signature);
  own->tasks[own->count++].signature.len = s.signature.len;
  return own->tasks[own->count - 1].signature.ptr ? LEAT_OK : leat__oom(&f->err, 1);
}

void leat__tfs_grpc_multi(leat_serve *serve, leat_exchange *x, leat_str request) {
  leat_proto p = {request, false};
  leat_proto_field g;
  spec s = {0};
  while (!s.there && leat_proto_next(&p, &g))
    if (g.number == 1 && g.wire == LEAT_WIRE_BYTES) s = spec_of(g.bytes);
  if (p.rest.ptr == request.ptr || (!s.there && !s.name.len)) {
    leat__grpc_fail(x, LEAT_INVALID_ARGUMENT, "Inference request must contain at least one task.");
    return;
  }
  leat_infer *f = start(serve, x, &s, multi_done);
  if (!f) return;
  multi_own *own = f->own = leat_arena_alloc(&f->arena, sizeof *own);
  f->status = own ? LEAT_OK : leat__oom(&f->err, sizeof *own);
  p = (leat_proto){request, false};
  while (!f->status && leat_proto_next(&p, &g))
    if (g.number == 1 && g.wire == LEAT_WIRE_BYTES) f->status = read_task(f, own, g.bytes, s.name);
  if (!f->status) f->status = leat__tfs_read_examples(f, request);
  leat_infer_submit(f);
}

// --- Metadata and status ------------------------------------------------------------------------
static void put_info(leat_buf *out, int field, const leat_tensor_info *info) {
  size_t entry = leat_proto_begin(out, field);
  leat_proto_bytes(out, 1, leat_str_of(info->name));
  size_t value = leat_proto_begin(out, 2);
  leat_buf name = {0};
  leat_buf_fmt(&name, "%s:0", info->name);
  leat_proto_bytes(out, 1, leat_buf_view(&name));
  leat_buf_deinit(&name);
  leat_proto_i64(out, 2, leat_tensor_proto_type(info->dtype));
  size_t shape = leat_proto_begin(out, 3);
  for (int i = 0; i < info->rank; i++) {
    size_t dim = leat_proto_begin(out, 2);
    leat_proto_i64(out, 1, info->dims[i]);
    leat_proto_end(out, dim);
  }
  leat_proto_end(out, shape);
  leat_proto_end(out, value);
  leat_proto_end(out, entry);
}

static void put_signature(leat_buf *out, const leat_version *v, const char *name) {
  size_t entry = leat_proto_begin(out, 1);
  leat_proto_bytes(out, 1, leat_str_of(name));
  size_t value = leat_proto_begin(out, 2);
  for (int i = 0; i < v->input_count; i++) put_info(out, 1, &v->inputs[i]);
  for (int i = 0; i < v->output_count; i++) put_info(out, 2, &v->outputs[i]);
  leat_proto_bytes(out, 3, LEAT_STR("tensorflow/serving/predict"));
  leat_proto_end(out, value);
  leat_proto_end(out, entry);
}

static leat_status check_fields(leat_str request, leat_error *err) {
  leat_proto p = {request, false};
  leat_proto_field f;
  bool some = false;
  while (leat_proto_next(&p, &f)) {
    if (f.number != 2 || f.wire != LEAT_WIRE_BYTES) continue;
    some = true;
    if (!leat__is(f.bytes, "signature_def"))
      return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "Metadata field " LEAT_STR_FMT " is not supported",
                            LEAT_STR_ARG(f.bytes));
  }
  if (some) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "GetModelMetadataRequest must specify at least one metadata_field");
}

void leat__tfs_grpc_metadata(leat_serve *serve, leat_exchange *x, leat_str request) {
  leat_version *v = NULL;
  leat_error err;
  spec s = spec_of(request);
  leat_status status = s.there ? check_fields(request, &err) : LEAT_OK;
  if (!status) status = find(serve, &s, &v, &err);
  if (status) {
    leat__grpc_fail(x, status, err.message);
    return;
  }
  leat_grpc_begin(x);
  leat_buf *out = &x->reply;
  put_spec(out, 1, v, (leat_str){0});
  size_t entry = leat_proto_begin(out, 2);
  leat_proto_bytes(out, 1, LEAT_STR("signature_def"));
  size_t any = leat_proto_begin(out, 2);
  leat_proto_bytes(out, 1, LEAT_STR("type.googleapis.com/tensorflow.serving.SignatureDefMap"));
  size_t value = leat_proto_begin(out, 2);
  put_signature(out, v, "serving_default");
  if (*v->signature && strcmp(v->signature, "serving_default") != 0)
    put_signature(out, v, v->signature);
  leat_proto_end(out, value);
  leat_proto_end(out, any);
  leat_proto_end(out, entry);
  leat_version_release(v);
  leat_grpc_send(x, LEAT_OK, NULL);
}

static void put_status(leat_buf *out, const leat_version *v) {
  size_t at = leat_proto_begin(out, 1);
  leat_proto_i64(out, 1, v->number);
  leat_proto_i64(out, 2, atomic_load(&v->state));
  size_t status = leat_proto_begin(out, 3);
  const leat_error *failure = leat_version_failure(v);
  if (failure) {
    leat_proto_i64(out, 1, failure->status);
    leat_proto_bytes(out, 2, leat_str_of(failure->message));
  }
  leat_proto_end(out, status);
  leat_proto_end(out, at);
}

void leat__tfs_grpc_status(leat_serve *serve, leat_exchange *x, leat_str request) {
  leat_version_list list;
  leat_error err;
  spec s = spec_of(request);
  bool any = false;
  if (!s.there || !s.name.len) {
    leat__grpc_fail(x, LEAT_INVALID_ARGUMENT,
                    s.there ? "ModelSpec has no name specified." : "Missing ModelSpec");
    return;
  }
  if (leat_models_list(serve->models, s.name, &list, &err)) {
    if (err.status == LEAT_NOT_FOUND) leat__tfs_missing(s.name, &err);
    leat__grpc_fail(x, err.status, err.message);
    return;
  }
  leat_grpc_begin(x);
  for (size_t i = list.count; i-- > 0;) {
    const leat_version *v = list.at[i];
    if (s.has_version && v->number != s.version) continue;
    if (s.label.len && !leat_version_has_label(v, s.label)) continue;
    put_status(&x->reply, v);
    any = true;
  }
  leat_version_list_free(&list);
  if (any) {
    leat_grpc_send(x, LEAT_OK, NULL);
    return;
  }
  if (s.label.len)
    leat_error_set(&err, LEAT_INVALID_ARGUMENT,
                   "Unrecognized servable version label: " LEAT_STR_FMT, LEAT_STR_ARG(s.label));
  else
    leat_error_set(&err, LEAT_NOT_FOUND, "Could not find version %lld of model " LEAT_STR_FMT,
                   (long long)s.version, LEAT_STR_ARG(s.name));
  leat__grpc_fail(x, err.status, err.message);
}

// --- Reloading ----------------------------------------------------------------------------------
static void reload_done(leat_order *o, leat_status status, const leat_error *err) {
  if (!status) {
    leat_grpc_begin(o->x);
    leat_proto_end(&o->x->reply, leat_proto_begin(&o->x->reply, 1));
  }
  leat_grpc_send(o->x, status, status ? err->message : NULL);
}

void leat__tfs_grpc_reload(leat_serve *serve, leat_exchange *x, leat_str request) {
  leat_source_change change = {.kind = LEAT_SOURCE_CONFIG, .config = leat__proto_text(request, 1)};
  leat_proto p = {change.config, false};
  leat_proto_field f;
  bool found = false;
  while (leat_proto_next(&p, &f)) found |= f.number == 1 && f.wire == LEAT_WIRE_BYTES;
  if (found)
    leat__serve_order(serve, x, &change, reload_done);
  else
    leat__grpc_fail(x, LEAT_INVALID_ARGUMENT,
                    "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
                    "ModelConfigList is currently supported");
}
