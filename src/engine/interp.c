// The interpreter: runs a function node by node, each value freed after its last use.
// SPDX-License-Identifier: Apache-2.0
//
// A plan, made once for each function, says where each value lives in the frame and when it dies.
// Nodes that write variables run last, so that reads see the values at entry and a failed call
// changes nothing.
#include "base/clock.h"
#include "base/fpenv.h"
#include "base/pool.h"
#include "engine/tier.h"

#include <stdlib.h>

typedef struct plan {
  leat_func *func;
  int *first;  // by node: index of its output 0 among values
  int value_count;
  int *last_use;         // by value
  int *order;            // node ids in order of execution: pure ones, then writers
  leat_cache **caches;   // by node
  leat_tensor **spares;  // by value: large ones of the call before, so that memory stays mapped
  leat_tier tier;        // which engine runs it
} plan;

struct leat_exec {
  leat_func *func;
  leat_exec_options options;
  leat_pool *pool;
  plan *own;       // of func
  leat_map plans;  // func -> plan, keyed by the function's name: func and those that it calls
};

struct leat_state {
  leat_graph *graph;
  LEAT_VEC(leat_tensor *) values;  // by variable index
  uint64_t version;                // of the values, among those of all states
};

static leat_status (*const evals[LEAT_OP_COUNT])(leat_call *c) = {
#define OP(name, ...) leat__eval_##name,
#include "graph/ops.def"
#undef OP
};

// --- State --------------------------------------------------------------------------------------
leat_status leat_state_new(leat_state **out, leat_graph *graph, leat_error *err) {
  *out = leat__calloc(1, sizeof **out);
  if (!*out) return leat__oom(err, sizeof **out);
  (*out)->graph = graph;
  return LEAT_OK;
}

void leat_state_free(leat_state *state) {
  if (!state) return;
  for (size_t i = 0; i < state->values.count; i++) leat_tensor_unref(state->values.at[i]);
  leat_vec_deinit(&state->values);
  leat__free(state);
}

leat_tensor *leat_state_get(const leat_state *state, const leat_var *var) {
  return (size_t)var->index < state->values.count ? state->values.at[var->index] : NULL;
}

static _Atomic uint64_t versions;

uint64_t leat__state_version(const leat_state *state) { return state->version; }

static leat_status put_value(leat_state *state, const leat_var *var, leat_tensor *value,
                             leat_error *err) {
  while (state->values.count <= (size_t)var->index)
    if (!leat_vec_push(&state->values, NULL)) return leat__oom(err, sizeof value);
  state->version = atomic_fetch_add_explicit(&versions, 1, memory_order_relaxed) + 1;
  leat_tensor_ref(value);
  leat_tensor_unref(state->values.at[var->index]);
  state->values.at[var->index] = value;
  return LEAT_OK;
}

leat_status leat_state_set(leat_state *state, const leat_var *var, leat_tensor *value,
                           leat_error *err) {
  bool fits = value->dtype == var->type.dtype && value->rank == var->type.shape.rank;
  for (int i = 0; fits && i < value->rank; i++) fits = value->dims[i] == var->type.shape.dims[i];
  if (fits) return put_value(state, var, value, err);
  leat_buf want = {0}, got = {0};
  leat__print_type(state->graph, &var->type, &want);
  leat_type type = {value->dtype, {.rank = value->rank}};
  for (int i = 0; i < value->rank; i++) type.shape.dims[i] = value->dims[i];
  leat__print_type(state->graph, &type, &got);
  leat_error_set(err, LEAT_INVALID_ARGUMENT, "variable '%s' is %s, got %s", var->name, want.ptr,
                 got.ptr);
  leat_buf_deinit(&want);
  leat_buf_deinit(&got);
  return LEAT_INVALID_ARGUMENT;
}

// --- Plans --------------------------------------------------------------------------------------
static void plan_free(plan *p) {
  if (!p) return;
  leat__tier_deinit(&p->tier);
  for (int i = 0; p->caches && i < p->func->node_count; i++)
    if (p->caches[i]) p->caches[i]->free(p->caches[i]);
  for (int i = 0; p->spares && i < p->value_count; i++) leat_tensor_unref(p->spares[i]);
  leat__free(p->spares);
  leat__free(p->caches);
  leat__free(p->first);
  leat__free(p->last_use);
  leat__free(p->order);
  leat__free(p);
}

static bool is_writer(const leat_node *node) {
  return node->op == LEAT_OP_var_next || node->op == LEAT_OP_row_update;
}

static plan *plan_new(leat_func *func) {
  plan *p = leat__calloc(1, sizeof *p);
  if (!p) return NULL;
  size_t count = (size_t)func->node_count + 1;
  p->func = func;
  p->first = leat__calloc(count, sizeof *p->first);
  p->order = leat__calloc(count, sizeof *p->order);
  p->caches = leat__calloc(count, sizeof *p->caches);
  if (!p->first || !p->order || !p->caches) return plan_free(p), NULL;
  int at = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < func->node_count; i++)
      if (is_writer(func->nodes[i]) == (pass == 1)) p->order[at++] = i;
  for (int i = 0; i < func->node_count; i++) {
    p->first[i] = p->value_count;
    p->value_count += func->nodes[i]->output_count;
  }
  p->last_use = leat__calloc((size_t)p->value_count + 1, sizeof *p->last_use);
  p->spares = leat__calloc((size_t)p->value_count + 1, sizeof(leat_tensor *));
  if (!p->last_use || !p->spares) return plan_free(p), NULL;
  for (int i = 0; i < p->value_count; i++) p->last_use[i] = -1;
  for (int step = 0; step < func->node_count; step++) {
    const leat_node *node = func->nodes[p->order[step]];
    for (int j = 0; j < node->input_count; j++)
      p->last_use[p->first[node->inputs[j].node->id] + node->inputs[j].index] = step;
  }
  for (int i = 0; i < func->output_count; i++)
    p->last_use[p->first[func->outputs[i].node->id] + func->outputs[i].index] = func->node_count;
  return p;
}

// Made at the first use. Only the exec's own function is profiled.
static leat_status plan_of(leat_exec *exec, leat_func *func, plan **out, leat_error *err) {
  bool made;
  if (func == exec->func && exec->own) {
    *out = exec->own;
    return LEAT_OK;
  }
  leat_map_entry *entry = leat_map_insert(&exec->plans, leat_str_of(func->name), &made);
  if (!entry) return leat__oom(err, sizeof **out);
  *out = entry->value.ptr;
  if (!made && *out) return LEAT_OK;
  plan *p = *out = entry->value.ptr = plan_new(func);
  if (!p) return leat__oom(err, sizeof *p);
  leat_exec_options options = exec->options;
  options.profile = options.profile && func == exec->func;
  return leat__tier_init(&p->tier, func, &options, err);
}

// --- Exec ---------------------------------------------------------------------------------------
leat_engine leat_exec_engine(const leat_exec *exec) {
  bool native = exec->own->tier.native && leat__native_ready(exec->own->tier.native);
  return native ? LEAT_ENGINE_NATIVE : LEAT_ENGINE_INTERPRETER;
}

const leat_profile *leat__exec_profile(const leat_exec *exec) { return exec->own->tier.profile; }

const char *leat_exec_note(const leat_exec *exec) { return exec->own->tier.note.message; }

leat_status leat_exec_new(leat_exec **out, leat_func *func, const leat_exec_options *options,
                          leat_error *err) {
  leat_exec *exec = *out = leat__calloc(1, sizeof *exec);
  if (!exec) return leat__oom(err, sizeof *exec);
  exec->func = func;
  if (options) exec->options = *options;
  leat_status status = LEAT_OK;
  if (exec->options.threads > 1) status = leat_pool_new(&exec->pool, exec->options.threads, err);
  if (!status) status = plan_of(exec, func, &exec->own, err);
  if (!status) return LEAT_OK;
  leat_exec_free(exec);
  *out = NULL;
  return status;
}

void leat_exec_free(leat_exec *exec) {
  if (!exec) return;
  for (size_t i = 0; i < exec->plans.count; i++) plan_free(exec->plans.entries[i].value.ptr);
  leat_map_deinit(&exec->plans);
  leat_pool_free(exec->pool);
  leat__free(exec);
}

leat_pool *leat__exec_pool(leat_exec *exec) { return exec->pool; }
const leat_exec_options *leat__exec_options(const leat_exec *exec) { return &exec->options; }

// --- Symbols ------------------------------------------------------------------------------------
static leat_status bad_input(leat_func *func, int i, const leat_tensor *value, leat_error *err) {
  leat_graph *graph = func->graph;
  leat_type got = {value->dtype, {.rank = value->rank}};
  for (int j = 0; j < value->rank; j++) got.shape.dims[j] = value->dims[j];
  leat_buf want_text = {0}, got_text = {0};
  leat__print_type(graph, &func->inputs[i]->types[0], &want_text);
  leat__print_type(graph, &got, &got_text);
  leat_error_set(err, LEAT_INVALID_ARGUMENT, "input '%s' is %s, expected %s", func->input_names[i],
                 got_text.ptr, want_text.ptr);
  leat_buf_deinit(&want_text);
  leat_buf_deinit(&got_text);
  return LEAT_INVALID_ARGUMENT;
}

// Two passes: symbols first, then every size against its expression.
static leat_status bind_inputs(leat_func *func, leat_tensor *const *in, int64_t *env,
                               leat_error *err) {
  for (int i = 0; i < func->input_count; i++) {
    const leat_type *type = &func->inputs[i]->types[0];
    if (in[i]->dtype != type->dtype || in[i]->rank != type->shape.rank)
      return bad_input(func, i, in[i], err);
    for (int j = 0; j < type->shape.rank; j++) {
      leat_dim dim = type->shape.dims[j];
      if (dim < 0 && leat__dim_expr(func->graph, dim)->op == DIM_SYMBOL)
        env[leat__dim_slot(dim)] = in[i]->dims[j];
    }
  }
  for (int i = 0; i < func->input_count; i++) {
    const leat_type *type = &func->inputs[i]->types[0];
    for (int j = 0; j < type->shape.rank; j++)
      if (leat__dim_eval(func->graph, type->shape.dims[j], env) != in[i]->dims[j])
        return bad_input(func, i, in[i], err);
  }
  return LEAT_OK;
}

// --- Running ------------------------------------------------------------------------------------
static leat_status check_finite(const leat_call *c, int i) {
  const leat_tensor *t = c->out[i];
  const leat_node *node = c->node;
  leat_tensor *dense = NULL;
  int64_t bad = -1;
  if (t->dtype != LEAT_DTYPE_F32 && t->dtype != LEAT_DTYPE_F64) return LEAT_OK;
  if (node->op == LEAT_OP_const || node->op == LEAT_OP_input) return LEAT_OK;
  if (leat_tensor_dense(&dense, c->out[i], c->err)) return c->err ? c->err->status : LEAT_INTERNAL;
  double value = 0;
  for (int64_t k = 0; k < dense->count && bad < 0; k++) {
    value = t->dtype == LEAT_DTYPE_F32 ? ((float *)dense->data)[k] : ((double *)dense->data)[k];
    if (!(value - value == 0)) bad = k;
  }
  leat_tensor_unref(dense);
  if (bad < 0) return LEAT_OK;
  leat_buf name = {0};
  leat__print_node_name(node, &name);
  leat_error_set(c->err, LEAT_OUT_OF_RANGE,
                 "%s at element %lld of %s%s%s, in '%s', line %d of the graph's text",
                 value != value ? "NaN" : "infinity", (long long)bad, name.ptr ? name.ptr : "",
                 node->scope ? " @" : "", node->scope ? node->scope : "",
                 ((const leat_func *)node->owner)->name, leat__node_line(node));
  leat_buf_deinit(&name);
  return LEAT_OUT_OF_RANGE;
}

typedef struct frame {
  plan *p;
  leat_tensor **values;
  int64_t *env;
} frame;

static leat_status fail_at(const leat_call *c, leat_status status) {
  const leat_node *node = c->node;
  if (node->scope)
    return leat_error_prepend(c->err, status, "%s: %s", node->scope, leat__ops[node->op].name);
  return leat_error_prepend(c->err, status, "%s", leat__ops[node->op].name);
}

static leat_status run_node(leat_exec *exec, leat_state *state, frame *f, int step,
                            leat_error *err) {
  const leat_node *node = f->p->func->nodes[f->p->order[step]];
  if (node->op == LEAT_OP_input) return LEAT_OK;
  leat_tensor *few[16];
  leat_tensor **in =
      node->input_count <= 16 ? few : leat__alloc(sizeof *in * (size_t)node->input_count);
  if (!in) return leat__oom(err, sizeof *in);
  leat_call c = {.exec = exec,
                 .state = state,
                 .node = node,
                 .in = in,
                 .env = f->env,
                 .err = err,
                 .out = f->values + f->p->first[node->id],
                 .cache = (void **)&f->p->caches[node->id]};
  for (int i = 0; i < node->input_count; i++) {
    int at = f->p->first[node->inputs[i].node->id] + node->inputs[i].index;
    in[i] = f->values[at];
    if (i < 64 && f->p->last_use[at] == step && node->inputs[i].node->op != LEAT_OP_input)
      c.dies |= 1ull << i;
  }
  leat_status status = evals[node->op](&c);
  if (!status && exec->options.check_numerics)
    for (int i = 0; i < node->output_count && !status; i++) status = check_finite(&c, i);
  else if (status)
    status = fail_at(&c, status);
  for (int i = 0; i < node->input_count; i++) {
    int at = f->p->first[node->inputs[i].node->id] + node->inputs[i].index;
    if (f->p->last_use[at] != step || !f->values[at]) continue;
    leat_tensor_unref(f->values[at]);
    f->values[at] = NULL;
  }
  for (int i = 0; i < node->output_count; i++) {
    int at = f->p->first[node->id] + i;
    if (f->p->last_use[at] >= 0) continue;
    leat_tensor_unref(f->values[at]);
    f->values[at] = NULL;
  }
  if (in != few) leat__free(in);
  return status;
}

// One node for the native tier, which keeps all values to the end of the call.
typedef struct host_run {
  leat_exec *exec;
  leat_state *state;
  frame *f;
} host_run;

static leat_status run_host(void *context, const leat_node *node, leat_error *err) {
  const host_run *h = context;
  leat_tensor *few[16];
  leat_tensor **in =
      node->input_count <= 16 ? few : leat__alloc(sizeof *in * (size_t)node->input_count);
  if (!in) return leat__oom(err, sizeof *in);
  leat_call c = {.exec = h->exec,
                 .state = h->state,
                 .node = node,
                 .in = in,
                 .env = h->f->env,
                 .err = err,
                 .out = h->f->values + h->f->p->first[node->id],
                 .spares = h->f->p->spares + h->f->p->first[node->id],
                 .cache = (void **)&h->f->p->caches[node->id]};
  for (int i = 0; i < node->input_count; i++)
    in[i] = h->f->values[h->f->p->first[node->inputs[i].node->id] + node->inputs[i].index];
  leat_status status = evals[node->op](&c);
  if (in != few) leat__free(in);
  return status ? fail_at(&c, status) : LEAT_OK;
}

static leat_status run_native(leat_native *native, leat_exec *exec, leat_state *state, frame *f,
                              leat_error *err) {
  host_run h = {exec, state, f};
  leat_native_frame run = {.values = f->values,
                           .first = f->p->first,
                           .spares = f->p->spares,
                           .env = f->env,
                           .state = state,
                           .pool = exec->pool,
                           .host = run_host,
                           .context = &h};
  return leat__native_run(native, &run, err);
}

static leat_status interpret(leat_exec *exec, leat_state *state, frame *f, leat_error *err) {
  leat_status status = LEAT_OK;
  for (int step = 0; !status && step < f->p->func->node_count; step++)
    status = run_node(exec, state, f, step, err);
  return status;
}

// Each node timed; rows of the profile are nodes in the order of execution.
static leat_status interpret_timed(leat_exec *exec, leat_state *state, frame *f, leat_error *err) {
  leat_profile *profile = f->p->tier.profile;
  leat_status status = LEAT_OK;
  while (profile->rows.count < (size_t)f->p->func->node_count) {
    const leat_node *node = f->p->func->nodes[f->p->order[profile->rows.count]];
    if (!leat_vec_push(&profile->rows,
                       ((leat_profile_row){.node = node, .kind = "node", .nodes = 1})))
      return leat__oom(err, sizeof(leat_profile_row));
  }
  for (int step = 0; !status && step < f->p->func->node_count; step++) {
    leat_profile_row cost = {.nodes = 1};
    int64_t start = leat_clock_ns();
    status = run_node(exec, state, f, step, err);
    int64_t ns = leat_clock_ns() - start;
    leat__node_cost(f->p->func->nodes[f->p->order[step]], f->env, &cost);
    leat__profile_add(profile, step, start, ns, &cost);
  }
  return status;
}

// In the engine that the function has come to.
static leat_status run_body(leat_exec *exec, leat_state *state, frame *f, leat_error *err) {
  leat_tier *tier = &f->p->tier;
  leat_native *native = leat__tier_choose(tier, f->p->func);
  if (native) return run_native(native, exec, state, f, err);
  if (tier->profile) return interpret_timed(exec, state, f, err);
  if (tier->given_up) return interpret(exec, state, f, err);
  int64_t start = leat_clock_ns();
  leat_status status = interpret(exec, state, f, err);
  leat__tier_spend(tier, leat_clock_ns() - start);
  return status;
}

static leat_status run_frame(leat_exec *exec, leat_state *state, frame *f, leat_tensor *const *in,
                             leat_tensor **out, leat_error *err) {
  leat_func *func = f->p->func;
  for (int i = 0; i < func->input_count; i++)
    f->values[f->p->first[func->inputs[i]->id]] = leat_tensor_ref(in[i]);
  leat_status status = bind_inputs(func, in, f->env, err);
  if (!status) status = run_body(exec, state, f, err);
  for (int i = 0; !status && i < func->output_count; i++) {
    leat_value value = func->outputs[i];
    out[i] = leat_tensor_ref(f->values[f->p->first[value.node->id] + value.index]);
  }
  return status;
}

// Drops a value, or keeps its memory for the next call.
enum { SMALL = 1 << 15 };  // bytes; malloc has those at hand
static void drop(plan *p, int i, leat_tensor *t) {
  bool keeps = t && t->dtype != LEAT_DTYPE_STRING && !t->buffer->release &&
               t->count * (int64_t)leat_dtype_bytes(t->dtype) >= SMALL &&
               atomic_load_explicit(&t->refs, memory_order_acquire) == 1 &&
               atomic_load_explicit(&t->buffer->refs, memory_order_acquire) == 1 &&
               leat_tensor_is_dense(t);
  leat_tensor_unref(keeps ? p->spares[i] : t);
  if (keeps) p->spares[i] = t;
}

leat_tensor *leat__take_spare(leat_tensor **spare, leat_dtype dtype, int rank,
                              const int64_t *dims) {
  leat_tensor *t = spare ? *spare : NULL;
  bool fits = t && t->dtype == dtype && t->rank == rank;
  for (int i = 0; fits && i < rank; i++) fits = t->dims[i] == dims[i];
  if (fits) *spare = NULL;
  return fits ? t : NULL;
}

static leat_status run_func(leat_exec *exec, leat_state *state, leat_func *func, const int64_t *env,
                            leat_tensor *const *in, int count, leat_tensor **out, leat_error *err) {
  if (count != func->input_count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "'%s' takes %d inputs, got %d", func->name,
                          func->input_count, count);
  for (int i = 0; i < func->output_count; i++) out[i] = NULL;
  size_t slots = leat__dim_count(func->graph);
  frame f = {0};
  leat_status status = plan_of(exec, func, &f.p, err);
  if (status) return status;
  size_t values = (size_t)f.p->value_count, few[256];
  size_t bytes = values * sizeof *f.values + (slots + 1) * sizeof *f.env;
  void *block = bytes <= sizeof few ? memset(few, 0, bytes) : leat__calloc(1, bytes);
  if (!block) return leat__oom(err, bytes);
  f.values = block;
  f.env = (int64_t *)(void *)(f.values + values);
  for (size_t i = 0; i < slots; i++) f.env[i] = env ? env[i] : INT64_MIN;
  status = run_frame(exec, state, &f, in, out, err);
  for (size_t i = 0; i < values; i++) drop(f.p, (int)i, f.values[i]);
  if (block != few) leat__free(block);
  return status;
}

leat_status leat_exec_run(leat_exec *exec, leat_state *state, leat_tensor *const *inputs,
                          int input_count, leat_tensor **outputs, leat_error *err) {
  leat_fpenv saved = leat__fpenv_enter();
  leat_status status = run_func(exec, state, exec->func, NULL, inputs, input_count, outputs, err);
  leat__fpenv_leave(saved);
  return status;
}

leat_status leat__call_func(leat_call *c, leat_func *func, leat_tensor *const *in, int count,
                            leat_tensor **out) {
  return run_func(c->exec, c->state, func, c->env, in, count, out, c->err);
}

// --- What kernels use ---------------------------------------------------------------------------
int64_t leat__call_dim(leat_call *c, leat_dim dim) {
  const leat_func *func = c->node->owner;
  return leat__dim_eval(func->graph, dim, c->env);
}

leat_status leat__call_dims(leat_call *c, int i, int64_t dims[LEAT_MAX_RANK]) {
  const leat_shape *shape = &c->node->types[i].shape;
  for (int j = 0; j < shape->rank; j++) {
    dims[j] = shape->dims[j] >= 0 ? shape->dims[j] : leat__call_dim(c, shape->dims[j]);
    if (dims[j] < 0)
      return leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "axis %d of the result has %s size", j,
                            dims[j] == INT64_MIN ? "an unknown" : "a negative");
  }
  return LEAT_OK;
}

leat_status leat__call_new(leat_call *c, int i) {
  int64_t dims[LEAT_MAX_RANK];
  leat_status status = leat__call_dims(c, i, dims);
  const leat_type *type = &c->node->types[i];
  if (status) return status;
  c->out[i] =
      leat__take_spare(c->spares ? c->spares + i : NULL, type->dtype, type->shape.rank, dims);
  return c->out[i] ? LEAT_OK
                   : leat_tensor_new(&c->out[i], type->dtype, type->shape.rank, dims, c->err);
}

bool leat__call_can_reuse(leat_call *c, int i, int from) {
  leat_tensor *t = c->in[from];
  const leat_type *type = &c->node->types[i];
  return (c->dies >> from & 1) && atomic_load_explicit(&t->refs, memory_order_acquire) == 1 &&
         atomic_load_explicit(&t->buffer->refs, memory_order_acquire) == 1 && !t->buffer->release &&
         t->dtype == type->dtype && t->dtype != LEAT_DTYPE_STRING && leat_tensor_is_dense(t);
}

leat_status leat__call_reuse(leat_call *c, int i, int from) {
  if (!leat__call_can_reuse(c, i, from)) return leat__call_new(c, i);
  c->out[i] = leat_tensor_ref(c->in[from]);
  return LEAT_OK;
}

leat_status leat__call_dense(leat_call *c, int i, leat_tensor **out) {
  return leat_tensor_dense(out, c->in[i], c->err);
}

// --- Strided loops ------------------------------------------------------------------------------
void leat__loop_init(leat_loop *loop, int rank, const int64_t *dims, int operands,
                     const int64_t *const *strides) {
  loop->rank = 0;
  loop->operands = operands;
  for (int i = 0; i < rank; i++) {
    if (dims[i] == 1) continue;
    bool merges = loop->rank > 0;
    for (int k = 0; merges && k < operands; k++)
      merges = loop->strides[k][loop->rank - 1] == strides[k][i] * dims[i];
    int at = merges ? loop->rank - 1 : loop->rank++;
    loop->dims[at] = merges ? loop->dims[at] * dims[i] : dims[i];
    for (int k = 0; k < operands; k++) loop->strides[k][at] = strides[k][i];
  }
}

void leat__loop_run(const leat_loop *loop, void (*fn)(void *ctx, const int64_t *offsets),
                    void *ctx) {
  int64_t index[LEAT_MAX_RANK] = {0}, offsets[LEAT_MAX_OPERANDS] = {0};
  for (int i = 0; i < loop->rank; i++)
    if (loop->dims[i] == 0) return;
  for (;;) {
    fn(ctx, offsets);
    int axis = loop->rank - 2;
    for (; axis >= 0; axis--) {
      for (int k = 0; k < loop->operands; k++) offsets[k] += loop->strides[k][axis];
      if (++index[axis] < loop->dims[axis]) break;
      for (int k = 0; k < loop->operands; k++)
        offsets[k] -= loop->strides[k][axis] * loop->dims[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}
