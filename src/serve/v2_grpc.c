// Open Inference Protocol over gRPC, with what Triton adds for repository, configuration,
// statistics. SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "formats/number.h"
#include "formats/tensor_proto.h"
#include "serve/grpc.h"
#include "serve/v2.h"
#include "tensor/tensor_impl.h"

#include <stdio.h>

static void put_bool(leat_buf *out, int field, bool value) {
  if (value) leat_proto_i64(out, field, 1);
}

static void put_number(leat_buf *out, int field, const leat_version *v) {
  char number[LEAT_NUMBER_MAX];
  leat_proto_bytes(out, field, (leat_str){number, leat_format_i64(number, v->number)});
}

// --- Health -------------------------------------------------------------------------------------
static void answer_bool(leat_exchange *x, bool value) {
  leat_grpc_begin(x);
  put_bool(&x->reply, 1, value);
  leat_grpc_send(x, LEAT_OK, NULL);
}

void leat__v2_grpc_live(leat_serve *s, leat_exchange *x, leat_str request) { answer_bool(x, true); }

void leat__v2_grpc_ready(leat_serve *s, leat_exchange *x, leat_str request) {
  answer_bool(x, leat_models_ready(s->models));
}

static leat_status find(leat_serve *s, leat_str request, leat_version **v, leat_error *err) {
  return leat__v2_find(s, leat__proto_text(request, 1), leat__proto_text(request, 2), v, err);
}

// A model nobody knows is not ready, which is an answer and no fault: clients poll this until a
// model has come.
void leat__v2_grpc_model_ready(leat_serve *s, leat_exchange *x, leat_str request) {
  leat_version *v;
  leat_error err;
  leat_status status = find(s, request, &v, &err);
  leat_version_release(v);
  if (status && status != LEAT_NOT_FOUND && status != LEAT_UNAVAILABLE)
    leat__grpc_fail(x, status, err.message);
  else
    answer_bool(x, !status);
}

// --- Metadata -----------------------------------------------------------------------------------
void leat__v2_grpc_server(leat_serve *s, leat_exchange *x, leat_str request) {
  leat_grpc_begin(x);
  leat_proto_bytes(&x->reply, 1, LEAT_STR("leat"));
  leat_proto_bytes(&x->reply, 2, LEAT_STR(LEAT_VERSION));
  for (int i = 0; i < LEAT__V2_EXTENSIONS; i++)
    leat_proto_bytes(&x->reply, 3, leat_str_of(leat__v2_extensions[i]));
  leat_grpc_send(x, LEAT_OK, NULL);
}

static void put_shape(leat_buf *out, int field, int rank, const int64_t *dims) {
  if (!rank) return;
  size_t at = leat_proto_begin(out, field);
  for (int i = 0; i < rank; i++) leat_proto_varint(out, (uint64_t)dims[i]);
  leat_proto_end(out, at);
}

static void put_infos(leat_buf *out, int field, const leat_tensor_info *infos, int count) {
  for (int i = 0; i < count; i++) {
    size_t at = leat_proto_begin(out, field);
    leat_proto_bytes(out, 1, leat_str_of(infos[i].name));
    leat_proto_bytes(out, 2, leat_str_of(leat_dtype_v2_name(infos[i].dtype)));
    put_shape(out, 3, infos[i].rank, infos[i].dims);
    leat_proto_end(out, at);
  }
}

void leat__v2_grpc_model(leat_serve *s, leat_exchange *x, leat_str request) {
  leat_version *v;
  leat_version_list list = {0};
  leat_error err;
  if (find(s, request, &v, &err)) {
    leat__grpc_fail(x, err.status, err.message);
    return;
  }
  leat_models_list(s->models, leat_str_of(v->model), &list, NULL);
  leat_grpc_begin(x);
  leat_buf *out = &x->reply;
  leat_proto_bytes(out, 1, leat_str_of(v->model));
  for (size_t i = 0; i < list.count; i++)
    if (atomic_load(&list.at[i]->state) == LEAT_SERVING_AVAILABLE) put_number(out, 2, list.at[i]);
  leat_proto_bytes(out, 3, LEAT_STR("leat_graph"));
  put_infos(out, 4, v->inputs, v->input_count);
  put_infos(out, 5, v->outputs, v->output_count);
  leat_version_list_free(&list);
  leat_version_release(v);
  leat_grpc_send(x, LEAT_OK, NULL);
}

// inference.DataType of model_config.proto.
static int config_type(leat_dtype dtype) {
  static const int types[LEAT_DTYPE_COUNT] = {
      [LEAT_DTYPE_BOOL] = 1,    [LEAT_DTYPE_U8] = 2,   [LEAT_DTYPE_U16] = 3,  [LEAT_DTYPE_U32] = 4,
      [LEAT_DTYPE_U64] = 5,     [LEAT_DTYPE_I8] = 6,   [LEAT_DTYPE_I16] = 7,  [LEAT_DTYPE_I32] = 8,
      [LEAT_DTYPE_I64] = 9,     [LEAT_DTYPE_F16] = 10, [LEAT_DTYPE_F32] = 11, [LEAT_DTYPE_F64] = 12,
      [LEAT_DTYPE_STRING] = 13, [LEAT_DTYPE_BF16] = 14};
  return types[dtype];
}

// ModelInput {name 1, data_type 2, dims 4}, ModelOutput {name 1, data_type 2, dims 3}.
static void put_config(leat_buf *out, int field, const leat_tensor_info *infos, int count,
                       int dims_field) {
  for (int i = 0; i < count; i++) {
    size_t at = leat_proto_begin(out, field);
    leat_proto_bytes(out, 1, leat_str_of(infos[i].name));
    leat_proto_i64(out, 2, config_type(infos[i].dtype));
    put_shape(out, dims_field, infos[i].rank, infos[i].dims);
    leat_proto_end(out, at);
  }
}

void leat__v2_grpc_config(leat_serve *s, leat_exchange *x, leat_str request) {
  leat_version *v;
  leat_error err;
  if (find(s, request, &v, &err)) {
    leat__grpc_fail(x, err.status, err.message);
    return;
  }
  leat_grpc_begin(x);
  leat_buf *out = &x->reply;
  size_t at = leat_proto_begin(out, 1);
  leat_proto_bytes(out, 1, leat_str_of(v->model));
  leat_proto_bytes(out, 2, LEAT_STR("leat_graph"));
  put_config(out, 5, v->inputs, v->input_count, 4);
  put_config(out, 6, v->outputs, v->output_count, 3);
  leat_proto_bytes(out, 17, LEAT_STR("leat"));
  leat_proto_end(out, at);
  leat_version_release(v);
  leat_grpc_send(x, LEAT_OK, NULL);
}

// --- Statistics ---------------------------------------------------------------------------------
static void put_duration(leat_buf *out, int field, int64_t count, int64_t ns) {
  size_t at = leat_proto_begin(out, field);
  leat_proto_i64(out, 1, count);
  leat_proto_i64(out, 2, ns);
  leat_proto_end(out, at);
}

static void put_stats(leat_buf *out, const leat_version *v) {
  const leat_stats *s = v->stats;
  int64_t good = leat_count(&s->succeeded), runs = leat_histogram_count(&s->run_rows);
  size_t at = leat_proto_begin(out, 1);
  leat_proto_bytes(out, 1, leat_str_of(v->model));
  put_number(out, 2, v);
  leat_proto_i64(out, 3, leat_stats_last_ms(s));
  leat_proto_i64(out, 4, leat_count(&s->run_rows.sum));
  leat_proto_i64(out, 5, runs);
  size_t inner = leat_proto_begin(out, 6);
  put_duration(out, 1, good, leat_count(&s->success_ns));
  put_duration(out, 2, leat_count(&s->failed), leat_count(&s->failure_ns));
  put_duration(out, 3, good, leat_count(&s->stage_ns[LEAT_STAGE_QUEUE]));
  put_duration(out, 4, good, leat_count(&s->stage_ns[LEAT_STAGE_READ]));
  put_duration(out, 5, runs, leat_count(&s->stage_ns[LEAT_STAGE_RUN]));
  put_duration(out, 6, good, leat_count(&s->stage_ns[LEAT_STAGE_WRITE]));
  leat_proto_end(out, inner);
  leat_proto_end(out, at);
}

void leat__v2_grpc_stats(leat_serve *s, leat_exchange *x, leat_str request) {
  leat_str model = leat__proto_text(request, 1), version = leat__proto_text(request, 2);
  leat_version_list list;
  leat_error err;
  if (leat_models_list(s->models, model, &list, &err)) {
    leat_version *none;
    find(s, request, &none, &err);
    leat__grpc_fail(x, err.status, err.message);
    return;
  }
  leat_grpc_begin(x);
  for (size_t i = 0; i < list.count; i++)
    if (!version.len || leat_version_is(list.at[i], version)) put_stats(&x->reply, list.at[i]);
  leat_version_list_free(&list);
  leat_grpc_send(x, LEAT_OK, NULL);
}

// --- Repository ---------------------------------------------------------------------------------
typedef struct index_visit {
  leat_buf *out;
  const leat_version_list *list;
} index_visit;

static void put_model(leat_buf *out, const char *name, const leat_version *v, const char *state,
                      const char *reason) {
  size_t at = leat_proto_begin(out, 1);
  leat_proto_bytes(out, 1, leat_str_of(name));
  if (v) put_number(out, 2, v);
  leat_proto_bytes(out, 3, leat_str_of(state));
  leat_proto_str(out, 4, leat_str_of(reason));
  leat_proto_end(out, at);
}

static void put_absent(void *context, const char *model) {
  const index_visit *v = context;
  for (size_t i = 0; i < v->list->count; i++)
    if (strcmp(v->list->at[i]->model, model) == 0) return;
  put_model(v->out, model, NULL, "UNAVAILABLE", "unloaded");
}

void leat__v2_grpc_index(leat_serve *s, leat_exchange *x, leat_str request) {
  leat_version_list list;
  leat_error err;
  leat_proto p = {request, false};
  leat_proto_field f;
  bool ready = false;
  while (leat_proto_next(&p, &f)) ready |= f.number == 2 && f.wire == LEAT_WIRE_VARINT && f.bits;
  if (leat_models_list(s->models, (leat_str){0}, &list, &err)) {
    leat__grpc_fail(x, err.status, err.message);
    return;
  }
  leat_grpc_begin(x);
  for (size_t i = 0; i < list.count; i++) {
    const leat_version *v = list.at[i];
    int state = atomic_load(&v->state);
    bool good = state == LEAT_SERVING_AVAILABLE, ended = state == LEAT_SERVING_END;
    const leat_error *failure = leat_version_failure(v);
    if (ready && !good) continue;
    put_model(&x->reply, v->model, v, leat__v2_state(state),
              failure ? failure->message
              : ended ? "unloaded"
                      : "");
  }
  index_visit visit = {&x->reply, &list};
  if (s->source && !ready) leat_source_each(s->source, put_absent, &visit);
  leat_version_list_free(&list);
  leat_grpc_send(x, LEAT_OK, NULL);
}

static void order_done(leat_order *o, leat_status status, const leat_error *err) {
  if (!status) leat_grpc_begin(o->x);
  leat_grpc_send(o->x, status, status ? err->message : NULL);
}

void leat__v2_grpc_load(leat_serve *s, leat_exchange *x, leat_str request) {
  leat__v2_order(s, x, leat__proto_text(request, 2), true, order_done);
}
void leat__v2_grpc_unload(leat_serve *s, leat_exchange *x, leat_str request) {
  leat__v2_order(s, x, leat__proto_text(request, 2), false, order_done);
}

// --- Inference ----------------------------------------------------------------------------------
typedef struct wanted {  // infer->own
  leat_str id;           // of the request, in the arena
  bool raw, any;
  bool *outputs;
} wanted;

typedef struct input_message {
  leat_str name, datatype, contents;
  int rank;
  int64_t dims[LEAT_MAX_RANK];
  bool has_contents, too_deep;
} input_message;

static void add_dim(input_message *m, uint64_t bits) {
  if (m->rank == LEAT_MAX_RANK)
    m->too_deep = true;
  else
    m->dims[m->rank++] = (int64_t)bits;
}

static bool read_input_message(leat_str bytes, input_message *m) {
  leat_proto p = {bytes, false};
  leat_proto_field f;
  uint64_t bits;
  *m = (input_message){0};
  while (leat_proto_next(&p, &f)) {
    if (f.number == 3 && f.wire == LEAT_WIRE_VARINT) add_dim(m, f.bits);
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 1) m->name = f.bytes;
    if (f.number == 2) m->datatype = f.bytes;
    if (f.number == 5) m->contents = f.bytes, m->has_contents = true;
    for (leat_str rest = f.bytes; f.number == 3 && rest.len;) {
      if (!leat_proto_read_varint(&rest, &bits)) return false;
      add_dim(m, bits);
    }
  }
  return !p.damaged && !m->too_deep;
}

// The field of InferTensorContents that holds a type; 0: none does.
static int contents_field(leat_dtype dtype) {
  switch (dtype) {
    case LEAT_DTYPE_BOOL: return 1;
    case LEAT_DTYPE_I8:
    case LEAT_DTYPE_I16:
    case LEAT_DTYPE_I32: return 2;
    case LEAT_DTYPE_I64: return 3;
    case LEAT_DTYPE_U8:
    case LEAT_DTYPE_U16:
    case LEAT_DTYPE_U32: return 4;
    case LEAT_DTYPE_U64: return 5;
    case LEAT_DTYPE_F32: return 6;
    case LEAT_DTYPE_F64: return 7;
    case LEAT_DTYPE_STRING: return 8;
    default: return 0;
  }
}

static leat_status add_bits(leat_values *v, uint64_t bits, leat_error *err) {
  size_t width = leat_dtype_bytes(v->info->dtype);
  if (!leat_values_reserve(v, 1)) return leat_values_no_memory(err);
  if (v->info->dtype == LEAT_DTYPE_BOOL) bits = bits != 0;
  memcpy(v->data + v->count++ * width, &bits, width);  // little-endian
  return LEAT_OK;
}

static leat_status add_contents(leat_values *v, const leat_proto_field *f, leat_error *err) {
  leat_str rest = f->bytes;
  uint64_t bits;
  leat_status status = LEAT_OK;
  if (f->number == 8 && f->wire == LEAT_WIRE_BYTES) return leat_values_add_string(v, rest, err);
  if (f->wire != LEAT_WIRE_BYTES) return add_bits(v, f->bits, err);
  if (f->number == 6 || f->number == 7) return leat_values_raw(v, rest, err);
  while (!status && rest.len) {
    if (!leat_proto_read_varint(&rest, &bits))
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "the contents of input '%s' are damaged",
                            v->info->name);
    status = add_bits(v, bits, err);
  }
  return status;
}

static leat_status read_contents(leat_values *v, leat_str bytes, leat_error *err) {
  leat_proto p = {bytes, false};
  leat_proto_field f;
  int field = contents_field(v->info->dtype);
  leat_status status = LEAT_OK;
  while (!status && leat_proto_next(&p, &f)) {
    if (f.number < 1 || f.number > 8) continue;
    if (f.number != field)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "unexpected explicit tensor data for input tensor '%s', datatype %s "
                            "wants another field of contents",
                            v->info->name, leat_dtype_v2_name(v->info->dtype));
    status = add_contents(v, &f, err);
  }
  return status;
}

// Parameters (a map, field `number` of the tensor) that would change what is meant.
static leat_status check_parameters(leat_infer *f, leat_str tensor, int number) {
  leat_proto p = {tensor, false};
  leat_proto_field g;
  while (leat_proto_next(&p, &g)) {
    if (g.number != number || g.wire != LEAT_WIRE_BYTES) continue;
    leat_str key = leat__proto_text(g.bytes, 1);
    if (leat__is(key, "shared_memory_region"))
      return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT, "shared memory is not supported");
    if (leat__is(key, "classification"))
      return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                            "the classification extension is not supported");
  }
  return LEAT_OK;
}

static leat_status read_input(leat_infer *f, leat_str bytes, const leat_str *raw) {
  input_message m;
  int i;
  if (!read_input_message(bytes, &m))
    return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT, "an input is damaged");
  leat_status status = leat__v2_input(f->version, m.name, m.datatype, m.rank, m.dims, &i, &f->err);
  if (!status) status = check_parameters(f, bytes, 4);
  if (status) return status;
  if (f->in[i])
    return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT, "input '%s' already exists in request",
                          f->version->inputs[i].name);
  if (raw && m.has_contents && m.contents.len)
    return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                          "contents field must not be specified when using raw_input_contents for "
                          "'%s' for model '%s'",
                          f->version->inputs[i].name, f->version->model);
  if (raw)
    status = leat_values_raw(&f->values[i], *raw, &f->err);
  else
    status = read_contents(&f->values[i], m.contents, &f->err);
  return status ? status : leat__v2_tensor(f, i, m.rank, m.dims, &f->err);
}

static leat_status read_output(leat_infer *f, wanted *w, leat_str bytes) {
  int i;
  leat_status status = leat__v2_output(f->version, leat__proto_text(bytes, 1), &i, &f->err);
  if (!status) status = check_parameters(f, bytes, 2);
  if (status) return status;
  w->outputs[i] = w->any = true;
  return LEAT_OK;
}

// The next raw contents at or behind *from, which moves on.
static bool next_raw(leat_proto *from, leat_str *out) {
  leat_proto_field f;
  while (leat_proto_next(from, &f))
    if (f.number == 7 && f.wire == LEAT_WIRE_BYTES) return *out = f.bytes, true;
  return false;
}

static leat_status raw_count(leat_infer *f, bool more) {
  return leat_error_set(&f->err, LEAT_INVALID_ARGUMENT,
                        "expected number of raw input contents to be equal to that of inputs for "
                        "model '%s': there are %s",
                        f->version->model, more ? "more" : "fewer");
}

leat_status leat__v2_grpc_read(leat_infer *f, leat_str request) {
  wanted *w = f->own = leat_arena_alloc(&f->arena, sizeof *w);
  if (w) w->outputs = leat_arena_alloc(&f->arena, (size_t)f->version->output_count + 1);
  if (!w || !w->outputs) return leat__oom(&f->err, sizeof *w);
  leat_proto p = {request, false}, raws = {request, false}, probe = {request, false};
  leat_proto_field g;
  leat_str raw;
  leat_status status = LEAT_OK;
  w->raw = next_raw(&probe, &raw);
  while (!status && leat_proto_next(&p, &g)) {
    if (g.wire != LEAT_WIRE_BYTES) continue;
    if (g.number == 3) w->id = g.bytes;
    if (g.number == 6) status = read_output(f, w, g.bytes);
    if (g.number != 5) continue;
    if (w->raw && !next_raw(&raws, &raw)) return raw_count(f, false);
    status = read_input(f, g.bytes, w->raw ? &raw : NULL);
  }
  if (!status && w->raw && next_raw(&raws, &raw)) return raw_count(f, true);
  return status ? status : leat__v2_complete(f, &f->err);
}

// --- Its answer ---------------------------------------------------------------------------------
static void put_contents(leat_buf *out, const leat_tensor *t) {
  int field = contents_field(t->dtype);
  if (!t->count) return;
  if (field == 8) {
    for (int64_t i = 0; i < t->count; i++) leat_proto_bytes(out, 8, leat_tensor_str(t, i));
    return;
  }
  size_t at = leat_proto_begin(out, field);
  if (field == 6 || field == 7)
    leat_buf_add(out, t->data, (size_t)t->count * leat_dtype_bytes(t->dtype));
  else
    for (int64_t i = 0; i < t->count; i++) leat_proto_varint(out, leat_proto_element(t, i));
  leat_proto_end(out, at);
}

// Bytes for all as soon as one of them has no typed field.
static bool answers_raw(const leat_infer *f, const wanted *w) {
  bool raw = w->raw;
  for (int i = 0; i < f->version->output_count; i++)
    raw |= (!w->any || w->outputs[i]) && !contents_field(f->out[i]->dtype);
  return raw;
}

static void write_answer(const leat_infer *f, const wanted *w, leat_buf *out) {
  const leat_version *v = f->version;
  bool raw = answers_raw(f, w);
  leat_proto_bytes(out, 1, leat_str_of(v->model));
  put_number(out, 2, v);
  leat_proto_str(out, 3, w->id);
  for (int i = 0; i < v->output_count; i++) {
    if (w->any && !w->outputs[i]) continue;
    size_t at = leat_proto_begin(out, 5);
    leat_proto_bytes(out, 1, leat_str_of(v->outputs[i].name));
    leat_proto_bytes(out, 2, leat_str_of(leat_dtype_v2_name(f->out[i]->dtype)));
    put_shape(out, 3, f->out[i]->rank, f->out[i]->dims);
    if (!raw) {
      size_t contents = leat_proto_begin(out, 5);
      put_contents(out, f->out[i]);
      leat_proto_end(out, contents);
    }
    leat_proto_end(out, at);
  }
  for (int i = 0; raw && i < v->output_count; i++) {
    if (w->any && !w->outputs[i]) continue;
    leat_proto_tag(out, 6, LEAT_WIRE_BYTES);
    leat_proto_varint(out, leat__v2_raw_size(f->out[i]));
    leat__v2_raw(out, f->out[i]);
  }
}

static void infer_done(leat_infer *f) {
  leat_exchange *x = f->x;
  if (!f->status) {
    leat_grpc_begin(x);
    write_answer(f, f->own, &x->reply);
    f->status = leat_buf_status(&x->reply, &f->err);
  }
  leat_infer_count(f, f->status);
  leat_grpc_send(x, f->status, f->status ? f->err.message : NULL);
  leat_infer_free(f);
}

void leat__v2_grpc_infer(leat_serve *s, leat_exchange *x, leat_str request) {
  leat_version *v;
  leat_infer *f;
  leat_error err;
  leat_status status = find(s, request, &v, &err);
  if (!status) status = leat_infer_new(&f, s, x, v, &err);
  if (status) {
    leat__grpc_fail(x, status, err.message);
    return;
  }
  f->done = infer_done;
  f->status = leat__v2_grpc_read(f, request);
  leat_infer_submit(f);
}
