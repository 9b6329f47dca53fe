// Control flow, variables, effects, collectives of one worker, custom and host calls.
// SPDX-License-Identifier: Apache-2.0
#include "engine/eval.h"
#include "engine/host.h"
#include "graph/host.h"

// --- Calls --------------------------------------------------------------------------------------
leat_status leat__eval_call(leat_call *c) {
  return leat__call_func(c, c->node->attrs[0].func, c->in, c->node->input_count, c->out);
}

leat_status leat__eval_custom_gradient(leat_call *c) { return leat__eval_call(c); }

leat_status leat__eval_cond(leat_call *c) {
  bool yes = *(uint8_t *)c->in[0]->data;
  return leat__call_func(c, c->node->attrs[yes ? 0 : 1].func, c->in + 1, c->node->input_count - 1,
                         c->out);
}

static void unref_all(leat_tensor **list, int count) {
  for (int i = 0; list && i < count; i++) {
    leat_tensor_unref(list[i]);
    list[i] = NULL;
  }
}

leat_status leat__eval_while(leat_call *c) {
  leat_func *test = c->node->attrs[0].func, *body = c->node->attrs[1].func;
  int count = c->node->input_count, carries = (int)c->node->attrs[2].i;
  int64_t most = c->node->attrs[3].i;
  leat_tensor **args = leat__calloc((size_t)count + (size_t)carries + 1, sizeof *args);
  if (!args) return leat__oom(c->err, sizeof *args);
  leat_tensor **next = args + count;
  leat_status status = LEAT_OK;
  for (int i = 0; i < count; i++) args[i] = leat_tensor_ref(c->in[i]);
  for (int64_t trip = 0; !status && (most <= 0 || trip < most); trip++) {
    leat_tensor *verdict = NULL;
    status = leat__call_func(c, test, args, count, &verdict);
    bool go = !status && *(uint8_t *)verdict->data;
    leat_tensor_unref(verdict);
    if (!go) break;
    status = leat__call_func(c, body, args, count, next);
    for (int i = 0; !status && i < carries; i++) {
      leat_tensor_unref(args[i]);
      args[i] = next[i];
      next[i] = NULL;
    }
  }
  for (int i = 0; !status && i < carries; i++) c->out[i] = leat_tensor_ref(args[i]);
  unref_all(args, count + carries);
  leat__free(args);
  return status;
}

// Row `at` of a stacked array.
static leat_status row_view(leat_tensor *x, int64_t at, leat_tensor **out, leat_error *err) {
  return leat_tensor_view(out, x, x->rank - 1, x->dims + 1, x->strides + 1, at * x->strides[0],
                          err);
}

static leat_status store_row(leat_tensor *out, int64_t at, leat_tensor *row, leat_error *err) {
  leat_tensor *dense;
  leat_status status = leat_tensor_dense(&dense, row, err);
  size_t bytes = status ? 0 : (size_t)dense->count * leat_dtype_bytes(dense->dtype);
  if (bytes) memcpy((char *)out->data + (size_t)at * bytes, dense->data, bytes);
  if (!status) leat_tensor_unref(dense);
  return status;
}

leat_status leat__eval_scan(leat_call *c) {
  leat_func *body = c->node->attrs[0].func;
  int carries = (int)c->node->attrs[1].i, scanned = (int)c->node->attrs[2].i;
  int64_t trips = leat__call_dim(c, c->node->attrs[3].i), trip = 0;
  bool reverse = c->node->attrs[4].i;
  int count = c->node->input_count, outputs = body->output_count;
  leat_tensor **args = leat__calloc((size_t)(count + outputs + 2), sizeof *args);
  if (!args) return leat__oom(c->err, sizeof *args);
  leat_tensor **out = args + count + 1;
  leat_status status =
      trips < 0 ? leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "unknown number of trips")
                : LEAT_OK;
  for (int i = carries; !status && i < outputs; i++) status = leat__call_new(c, i);
  for (int i = 0; i < count; i++)
    if (i < carries || i >= carries + scanned) args[i + 1] = leat_tensor_ref(c->in[i]);
  for (int64_t step = 0; !status && step < trips; step++) {
    int64_t at = reverse ? trips - 1 - step : step;
    trip = at;
    status = leat_tensor_copy_of(&args[0], LEAT_DTYPE_I64, 0, NULL, &trip, c->err);
    for (int i = carries; !status && i < carries + scanned; i++)
      status = row_view(c->in[i], at, &args[i + 1], c->err);
    if (!status) status = leat__call_func(c, body, args, count + 1, out);
    for (int i = carries; !status && i < outputs; i++)
      status = store_row(c->out[i], at, out[i], c->err);
    for (int i = 0; !status && i < carries; i++) {
      leat_tensor_unref(args[i + 1]);
      args[i + 1] = leat_tensor_ref(out[i]);
    }
    unref_all(out, outputs);
    unref_all(args, 1);
    unref_all(args + 1 + carries, scanned);
  }
  for (int i = 0; !status && i < carries; i++) c->out[i] = leat_tensor_ref(args[i + 1]);
  unref_all(args, count + 1);
  leat__free(args);
  return status;
}

// --- State --------------------------------------------------------------------------------------
leat_status leat__eval_var_read(leat_call *c) {
  const leat_var *var = c->node->attrs[0].var;
  leat_tensor *value = c->state ? leat_state_get(c->state, var) : NULL;
  if (!value)
    return leat_error_set(c->err, LEAT_FAILED_PRECONDITION, "variable '%s' has no value",
                          var->name);
  c->out[0] = leat_tensor_ref(value);
  return LEAT_OK;
}

leat_status leat__eval_var_next(leat_call *c) {
  leat_tensor *dense = NULL;
  if (!c->state) return leat_error_set(c->err, LEAT_FAILED_PRECONDITION, "no state to write to");
  leat_status status = leat__call_dense(c, 0, &dense);
  if (!status) status = leat_state_set(c->state, c->node->attrs[0].var, dense, c->err);
  leat_tensor_unref(dense);
  return status;
}

// --- Effects ------------------------------------------------------------------------------------
leat_status leat__eval_assert(leat_call *c) {
  leat_tensor *x;
  leat_status status = leat__call_dense(c, 0, &x);
  if (status) return status;
  for (int64_t i = 0; !status && i < x->count; i++)
    if (!((uint8_t *)x->data)[i])
      status = leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "%s (element %lld)",
                              c->node->attrs[0].str, (long long)i);
  leat_tensor_unref(x);
  return status;
}

leat_status leat__eval_print(leat_call *c) {
  const leat_exec_options *options = leat__exec_options(c->exec);
  if (options->print) options->print(options->context, c->node->attrs[0].str, c->in[0]);
  return LEAT_OK;
}

// --- Collectives: one worker has everything already ---------------------------------------------
static leat_status alone(leat_call *c, int64_t workers) {
  if (workers != 1)
    return leat_error_set(c->err, LEAT_FAILED_PRECONDITION, "%lld workers expected, this is one",
                          (long long)workers);
  c->out[0] = leat_tensor_ref(c->in[0]);
  return LEAT_OK;
}
leat_status leat__eval_all_reduce(leat_call *c) { return alone(c, 1); }
leat_status leat__eval_all_gather(leat_call *c) { return alone(c, c->node->attrs[1].i); }
leat_status leat__eval_reduce_scatter(leat_call *c) { return alone(c, c->node->attrs[2].i); }

// --- The world outside --------------------------------------------------------------------------
static leat_str call_name(const leat_node *node) {
  return (leat_str){node->attrs[0].str, (size_t)node->attrs[0].count};
}

leat_status leat__eval_host_call(leat_call *c) {
  return leat__host_eval(c, leat__host_find(call_name(c->node)));
}

static leat_status check_custom(leat_call *c, int i) {
  int64_t dims[LEAT_MAX_RANK];
  const leat_type *type = &c->node->types[i];
  leat_status status = leat__call_dims(c, i, dims);
  const leat_tensor *t = c->out[i];
  bool good = !status && t && t->dtype == type->dtype && t->rank == type->shape.rank;
  for (int k = 0; good && k < t->rank; k++) good = t->dims[k] == dims[k];
  if (status || good) return status;
  return leat_error_set(c->err, LEAT_INTERNAL, "result %d is not of the declared type", i);
}

leat_status leat__eval_custom_call(leat_call *c) {
  const leat_custom *custom = leat__custom_find(call_name(c->node));
  int count = c->node->input_count;
  leat_tensor **in = leat__calloc((size_t)count + 1, sizeof *in);
  leat_status status = in ? LEAT_OK : leat__oom(c->err, sizeof *in);
  for (int i = 0; !status && i < count; i++) status = leat__call_dense(c, i, &in[i]);
  if (!status) status = custom->eval(custom->context, in, count, c->out, c->err);
  for (int i = 0; !status && i < c->node->output_count; i++) status = check_custom(c, i);
  unref_all(in, count);
  leat__free(in);
  return status ? leat_error_prepend(c->err, status, "%s", custom->name) : status;
}
