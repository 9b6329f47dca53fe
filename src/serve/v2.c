// Open Inference Protocol: checks and bytes that REST and gRPC share.
// SPDX-License-Identifier: Apache-2.0
#include "serve/v2.h"

#include "tensor/tensor_impl.h"

leat_status leat__v2_find(leat_serve *s, leat_str model, leat_str version, leat_version **out,
                          leat_error *err) {
  leat_status status = leat_models_get(s->models, model, version, out, err);
  if (status != LEAT_NOT_FOUND) return status;
  return leat_error_set(err, LEAT_NOT_FOUND,
                        "Request for unknown model: '" LEAT_STR_FMT "'%s" LEAT_STR_FMT
                        " is not found",
                        LEAT_STR_ARG(model), version.len ? " version " : "", LEAT_STR_ARG(version));
}

static void shape_text(leat_buf *out, int rank, const int64_t *dims) {
  leat_buf_char(out, '[');
  for (int i = 0; i < rank; i++) leat_buf_fmt(out, "%s%lld", i ? "," : "", (long long)dims[i]);
  leat_buf_char(out, ']');
}

static leat_status bad_shape(const leat_version *v, const leat_tensor_info *info, int rank,
                             const int64_t *dims, leat_error *err) {
  leat_buf text = {0};
  leat_buf_fmt(&text, "unexpected shape for input '%s' for model '%s'. Expected ", info->name,
               v->model);
  shape_text(&text, info->rank, info->dims);
  leat_buf_c(&text, ", got ");
  shape_text(&text, rank, dims);
  leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s", text.ptr ? text.ptr : "");
  leat_buf_deinit(&text);
  return LEAT_INVALID_ARGUMENT;
}

leat_status leat__v2_input(const leat_version *v, leat_str name, leat_str datatype, int rank,
                           const int64_t *dims, int *index, leat_error *err) {
  int i = *index = leat_version_input(v, name);
  if (i < 0)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "unexpected inference input '" LEAT_STR_FMT "' for model '%s'",
                          LEAT_STR_ARG(name), v->model);
  const leat_tensor_info *info = &v->inputs[i];
  if (leat_dtype_of_v2(datatype) != info->dtype)
    return leat_error_set(
        err, LEAT_INVALID_ARGUMENT,
        "inference input '%s' data-type is '" LEAT_STR_FMT "', but model '%s' expects '%s'",
        info->name, LEAT_STR_ARG(datatype), v->model, leat_dtype_v2_name(info->dtype));
  bool fits = rank == info->rank;
  for (int k = 0; fits && k < rank; k++)
    fits = dims[k] >= 0 && (info->dims[k] < 0 || dims[k] == info->dims[k]);
  return fits ? LEAT_OK : bad_shape(v, info, rank, dims, err);
}

leat_status leat__v2_tensor(leat_infer *f, int index, int rank, const int64_t *dims,
                            leat_error *err) {
  const leat_values *values = &f->values[index];
  const leat_tensor_info *info = values->info;
  int64_t count = leat__dims_count(rank, dims);
  if (f->in[index])
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "input '%s' already exists in request",
                          info->name);
  if (count == (int64_t)values->count)
    return leat_values_tensor(&f->values[index], rank, dims, &f->in[index], err);
  long long width = (long long)leat_dtype_bytes(info->dtype);
  if (info->dtype == LEAT_DTYPE_STRING)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "expected %lld string elements for inference input '%s', got %lld",
                          (long long)count, info->name, (long long)values->count);
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "unexpected total byte size %lld for input '%s', expecting %lld",
                        (long long)values->count * width, info->name, (long long)count * width);
}

leat_status leat__v2_complete(const leat_infer *f, leat_error *err) {
  int got = 0, count = f->version->input_count;
  for (int i = 0; i < count; i++) got += f->in[i] != NULL;
  if (got == count) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "expected %d inputs but got %d inputs for model '%s'", count, got,
                        f->version->model);
}

leat_status leat__v2_output(const leat_version *v, leat_str name, int *index, leat_error *err) {
  *index = leat_version_output(v, name);
  if (*index >= 0) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "unexpected inference output '" LEAT_STR_FMT "' for model '%s'",
                        LEAT_STR_ARG(name), v->model);
}

size_t leat__v2_raw_size(const leat_tensor *t) {
  if (t->dtype != LEAT_DTYPE_STRING) return (size_t)t->count * leat_dtype_bytes(t->dtype);
  const int64_t *ends = t->data;
  return (size_t)(ends[t->count] - ends[0]) + 4 * (size_t)t->count;
}

void leat__v2_raw(leat_buf *out, const leat_tensor *t) {
  if (t->dtype != LEAT_DTYPE_STRING) {
    leat_buf_add(out, t->data, (size_t)t->count * leat_dtype_bytes(t->dtype));
    return;
  }
  for (int64_t i = 0; i < t->count; i++) {
    leat_str s = leat_tensor_str(t, i);
    uint32_t length = (uint32_t)s.len;
    leat_buf_add(out, &length, 4);
    leat_buf_str(out, s);
  }
}

void leat__v2_order(leat_serve *s, leat_exchange *x, leat_str model, bool load,
                    leat_order_done *done) {
  leat_source_change change = {.kind = load ? LEAT_SOURCE_LOAD : LEAT_SOURCE_UNLOAD,
                               .model = model};
  leat__serve_order(s, x, &change, done);
}
