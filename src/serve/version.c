// A served version: its saved model, what goes in and out, and the execs that run it.
// SPDX-License-Identifier: Apache-2.0
//
// An exec runs one call at a time, so idle ones wait on a stack; the last one used is taken first,
// whose memory is warm. A call that finds none makes one.
#include "serve/models.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/vec.h"
#include "formats/json.h"
#include "graph/graph_impl.h"
#include "tensor/tensor_impl.h"

#include <pthread.h>
#include <stdlib.h>

struct leat_runner {
  leat_exec_options options;
  char *prebuilt;  // the model's native code, where it is trusted
  leat_func *func;
  pthread_mutex_t lock;
  LEAT_VEC(leat_exec *) idle;
};

// --- What goes in and out -----------------------------------------------------------------------
static bool describe(leat_arena *arena, leat_tensor_info *info, const char *name, leat_type type,
                     leat_dim *batch) {
  leat_buf key = {0};
  leat_json_quote(&key, leat_str_of(name));
  leat_buf_c(&key, ": ");
  info->name = leat_arena_str(arena, leat_str_of(name));
  info->key = (leat_str){key.failed ? NULL : leat_arena_str(arena, leat_buf_view(&key)), key.len};
  leat_buf_deinit(&key);
  info->dtype = type.dtype;
  info->rank = type.shape.rank;
  for (int i = 0; i < info->rank; i++)
    info->dims[i] = type.shape.dims[i] < 0 ? -1 : type.shape.dims[i];
  leat_dim first = info->rank ? type.shape.dims[0] : 0;
  if (first < 0 && !*batch) *batch = first;
  info->batched = first < 0 && first == *batch;
  return info->name && info->key.ptr;
}

// The table that the output "classes" gathers its texts from.
static const leat_tensor *class_names(const leat_func *func) {
  for (int i = 0; i < func->output_count; i++) {
    const leat_node *node = func->outputs[i].node;
    if (strcmp(func->output_names[i], "classes") != 0 || node->op != LEAT_OP_gather) continue;
    const leat_node *table = node->inputs[0].node;
    const leat_tensor *names = table->op == LEAT_OP_const ? table->attrs[0].tensor : NULL;
    if (names && names->dtype == LEAT_DTYPE_STRING && names->rank == 1) return names;
  }
  return NULL;
}

static int by_name(const void *a, const void *b, void *of) {
  const leat_tensor_info *infos = of;
  return strcmp(infos[*(const int *)a].name, infos[*(const int *)b].name);
}

static leat_status describe_all(leat_version *v, leat_func *func, leat_error *err) {
  leat_dim batch = 0;
  v->input_count = leat_func_input_count(func);
  v->output_count = leat_func_output_count(func);
  v->inputs = leat_arena_alloc(&v->arena, sizeof *v->inputs * ((size_t)v->input_count + 1));
  v->outputs = leat_arena_alloc(&v->arena, sizeof *v->outputs * ((size_t)v->output_count + 1));
  v->by_name = leat_arena_alloc(&v->arena, sizeof *v->by_name * ((size_t)v->input_count + 1));
  v->signature = leat_arena_str(&v->arena, leat_str_of(leat_model_signature(v->loaded)));
  if (!v->inputs || !v->outputs || !v->by_name || !v->signature) return leat__oom(err, 1);
  v->batched = v->input_count > 0;
  v->classes = class_names(func);
  for (int i = 0; i < v->input_count; i++) {
    if (!describe(&v->arena, &v->inputs[i], leat_func_input_name(func, i),
                  leat_func_input_type(func, i), &batch))
      return leat__oom(err, 1);
    v->batched = v->batched && v->inputs[i].batched;
    v->by_name[i] = i;
  }
  for (int i = 0; i < v->output_count; i++) {
    if (!describe(&v->arena, &v->outputs[i], leat_func_output_name(func, i),
                  leat_func_output_type(func, i), &batch))
      return leat__oom(err, 1);
    v->batched = v->batched && v->outputs[i].batched;
  }
  qsort_r(v->by_name, (size_t)v->input_count, sizeof *v->by_name, by_name, v->inputs);
  return LEAT_OK;
}

bool leat_version_signs(const leat_version *v, leat_str signature) {
  return !signature.len || leat_str_eq(signature, LEAT_STR("serving_default")) ||
         leat_str_eq(signature, leat_str_of(v->signature));
}

int leat_version_input(const leat_version *v, leat_str name) {
  int low = 0, high = v->input_count - 1;
  while (low <= high) {
    int middle = (low + high) / 2, at = v->by_name[middle];
    int order = leat_str_cmp(name, leat_str_of(v->inputs[at].name));
    if (order == 0) return at;
    if (order < 0)
      high = middle - 1;
    else
      low = middle + 1;
  }
  return -1;
}

int leat_version_output(const leat_version *v, leat_str name) {
  for (int i = 0; i < v->output_count; i++)
    if (leat_str_eq(name, leat_str_of(v->outputs[i].name))) return i;
  return -1;
}

// --- Running ------------------------------------------------------------------------------------
static leat_status take_exec(struct leat_runner *r, leat_exec **out, leat_error *err) {
  pthread_mutex_lock(&r->lock);
  *out = r->idle.count ? r->idle.at[--r->idle.count] : NULL;
  pthread_mutex_unlock(&r->lock);
  return *out ? LEAT_OK : leat_exec_new(out, r->func, &r->options, err);
}

static void put_exec(struct leat_runner *r, leat_exec *exec) {
  pthread_mutex_lock(&r->lock);
  bool kept = leat_vec_push(&r->idle, exec);
  pthread_mutex_unlock(&r->lock);
  if (!kept) leat_exec_free(exec);
}

static leat_status make_dense(leat_tensor **t, leat_error *err) {
  if (leat_tensor_is_dense(*t)) return LEAT_OK;
  leat_tensor *dense = NULL;
  leat_status status = leat_tensor_dense(&dense, *t, err);
  if (status) return status;
  leat_tensor_unref(*t);
  *t = dense;
  return LEAT_OK;
}

leat_status leat_version_run(leat_version *v, leat_tensor *const *in, leat_tensor **out,
                             int64_t *clock, leat_error *err) {
  leat_exec *exec;
  leat_status status = take_exec(v->runner, &exec, err);
  if (status) return status;
  int64_t start = *clock;
  status = leat_exec_run(exec, leat_model_state(v->loaded), in, v->input_count, out, err);
  int64_t rows = v->input_count && v->inputs[0].batched && in[0]->rank ? in[0]->dims[0] : 1;
  *clock = leat_clock_ns();
  if (!status) leat_stats_run(v->stats, rows, *clock - start);
  put_exec(v->runner, exec);
  for (int i = 0; !status && i < v->output_count; i++) status = make_dense(&out[i], err);
  for (int i = 0; status && i < v->output_count; i++) {
    leat_tensor_unref(out[i]);
    out[i] = NULL;
  }
  return status;
}

// --- Warm-up ------------------------------------------------------------------------------------
static leat_status make_zero(const leat_tensor_info *info, leat_tensor **out, leat_error *err) {
  int64_t dims[LEAT_MAX_RANK];
  for (int i = 0; i < info->rank; i++) dims[i] = info->dims[i] < 0 ? 1 : info->dims[i];
  leat_status status = info->dtype == LEAT_DTYPE_STRING
                           ? leat_tensor_alloc_strings(out, info->rank, dims, 0, err)
                           : leat_tensor_new(out, info->dtype, info->rank, dims, err);
  if (status) return status;
  size_t width = leat_dtype_bytes(info->dtype);
  memset((*out)->data, 0, ((size_t)(*out)->count + (info->dtype == LEAT_DTYPE_STRING)) * width);
  return LEAT_OK;
}

enum { SETTLE = 3000000 };  // nanoseconds in which native code that is built already is found

// Calls of one row of nothing: tables are indexed and pages are there afterwards, and native code
// that the build cache has is loaded here, not by the first requests. Models may refuse such a row,
// which is no fault.
static leat_status warm_up(leat_version *v, leat_exec *exec, leat_error *err) {
  leat_tensor **in = leat__calloc((size_t)(v->input_count + v->output_count) + 1, sizeof *in);
  if (!in) return leat__oom(err, sizeof *in);
  leat_tensor **out = in + v->input_count;
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < v->input_count; i++)
    status = make_zero(&v->inputs[i], &in[i], err);
  int64_t start = leat_clock_ns();
  for (int run = 0; !status && (run < 2 || leat_clock_ns() - start < SETTLE); run++) {
    bool native = leat_exec_engine(exec) == LEAT_ENGINE_NATIVE;
    leat_exec_run(exec, leat_model_state(v->loaded), in, v->input_count, out, NULL);
    for (int i = 0; i < v->output_count; i++) {
      leat_tensor_unref(out[i]);
      out[i] = NULL;
    }
    if (native) break;
  }
  for (int i = 0; i < v->input_count; i++) leat_tensor_unref(in[i]);
  leat__free(in);
  return status;
}

// --- Loading ------------------------------------------------------------------------------------
static leat_status runner_new(leat_version *v, const leat_models_options *o, leat_error *err) {
  struct leat_runner *r = v->runner = leat__calloc(1, sizeof *r);
  if (!r) return leat__oom(err, sizeof *r);
  pthread_mutex_init(&r->lock, NULL);
  r->func = leat_model_func(v->loaded);
  if (o->trust_native && !(r->prebuilt = leat_path_join(v->dir, "native")))
    return leat__oom(err, strlen(v->dir));
  r->options = (leat_exec_options){.engine = o->engine, .prebuilt = r->prebuilt};
  int count = o->threads > 0 ? o->threads : 1;
  leat_status status = leat_vec_reserve(&r->idle, (size_t)count) ? LEAT_OK : leat__oom(err, 1);
  for (int i = 0; !status && i < count; i++) {
    leat_exec *exec;
    status = leat_exec_new(&exec, r->func, &r->options, err);
    if (status) break;
    put_exec(r, exec);
    if (!o->no_warmup) status = warm_up(v, exec, err);
    if (!i && *leat_exec_note(exec) && o->note) o->note(o->context, leat_exec_note(exec));
  }
  return status;
}

leat_status leat__version_load(leat_version *v, const leat_models_options *o, leat_error *err) {
  leat_status status = leat_model_load(&v->loaded, v->dir, err);
  if (!status) status = describe_all(v, leat_model_func(v->loaded), err);
  if (!status) status = runner_new(v, o, err);
  if (!status && o->warm && !o->no_warmup) status = o->warm(o->context, v, err);
  if (!status && o->begin) status = o->begin(o->context, v, err);
  if (status) leat__version_unload(v);
  return status;
}

void leat__version_unload(leat_version *v) {
  struct leat_runner *r = v->runner;
  if (r) {
    for (size_t i = 0; i < r->idle.count; i++) leat_exec_free(r->idle.at[i]);
    leat_vec_deinit(&r->idle);
    pthread_mutex_destroy(&r->lock);
    leat__free(r->prebuilt);
    leat__free(r);
  }
  leat_model_free(v->loaded);
  v->runner = NULL;
  v->loaded = NULL;
}
