// Golden optimisers: trajectories of variables and slots under given gradients.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "train/optimizer.h"

static bool optimizer_of(const scene *s, leat_optimizer *o) {
  static const struct {
    const char *stem;
    leat_optimizer_kind kind;
    bool nesterov;
  } kinds[] = {{"v1_sgd", LEAT_SGD, false},          {"v1_momentum", LEAT_MOMENTUM, false},
               {"v1_nesterov", LEAT_MOMENTUM, true}, {"v1_adagrad", LEAT_ADAGRAD, false},
               {"v1_adam", LEAT_ADAM, false},        {"v1_ftrl", LEAT_FTRL, false}};
  const char *name = strncmp(s->name, "sparse_", 7) == 0 ? s->name + 7 : s->name;
  bool found = false;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strncmp(name, kinds[i].stem, strlen(kinds[i].stem)) == 0) {
      *o = (leat_optimizer){.kind = kinds[i].kind, .nesterov = kinds[i].nesterov};
      found = true;
    }
  if (!found || number(s->params, "learning_rate_power", -0.5) != -0.5 ||
      get(s->params, "l2_shrinkage"))
    return false;
  if (o->kind == LEAT_FTRL && get(get(s->c, "inputs"), "lr_factor")) return false;
  o->learning_rate = number(s->params, "lr", 0.01);
  o->momentum = number(s->params, "momentum", 0);
  o->beta1 = number(s->params, "beta1", 0.9);
  o->beta2 = number(s->params, "beta2", 0.999);
  o->epsilon = number(s->params, "epsilon", 1e-8);
  o->initial_accumulator = number(s->params, "initial_accumulator_value", 0.1);
  o->l1 = number(s->params, "l1", 0);
  o->l2 = number(s->params, "l2", 0);
  return true;
}

// A variable and its slots are updated by a graph, step by step, and x is kept after each.
verdict optimizer_case(scene *s) {
  leat_optimizer o;
  if (!optimizer_of(s, &o)) return NOT_HERE;
  leat_builder_free(s->b);
  s->b = NULL;
  bool sparse = strncmp(s->name, "sparse_", 7) == 0;
  leat_tensor *x0 = input_tensor(s, "x0"), *grads = input_tensor(s, sparse ? "values" : "grads"),
              *indices = input_tensor(s, "indices"), *factors = input_tensor(s, "lr_factor");
  leat_slots slots = leat_optimizer_slots(&o);
  leat_type type = {LEAT_DTYPE_F32, {.rank = leat_tensor_rank(x0)}};
  leat_var *vars[3];
  leat_state *state;
  for (int i = 0; i < type.shape.rank; i++) type.shape.dims[i] = leat_tensor_dims(x0)[i];
  leat_state_new(&state, s->g, &err);
  for (int i = 0; i <= slots.count; i++) {
    leat_tensor *t;
    leat_graph_var(s->g, i ? slots.suffix[i - 1] : "x", type, true, &vars[i], &err);
    leat_tensor_clone(&t, x0, &err);
    for (int64_t k = 0; i && k < leat_tensor_count(t); k++)
      ((float *)leat_tensor_data(t))[k] = (float)slots.initial[i - 1];
    leat_state_set(state, vars[i], t, &err);
    leat_tensor_unref(t);
  }
  int64_t steps = leat_tensor_dims(grads)[0], k = sparse ? leat_tensor_dims(grads)[1] : 0;
  leat_builder *b = leat_builder_new(s->g, "step");
  leat_type grad_type = type;
  if (sparse) grad_type.shape.dims[0] = k;
  leat_value grad = leat_input(b, "grad", grad_type),
             rate = leat_input(b, "rate", (leat_type){LEAT_DTYPE_F32, LEAT_SCALAR}), v[3];
  leat_value ids =
      sparse ? leat_input(b, "ids", (leat_type){LEAT_DTYPE_I64, LEAT_SHAPE(k)}) : (leat_value){0};
  if (sparse && leat_optimizer_is_sparse(&o)) {
    leat_builder *r = leat_builder_new(s->g, "rows");
    leat_type rows = type;
    leat_func *func;
    rows.shape.dims[0] = leat_dim_symbol(s->g, "rows", 0);
    static const char *const names[] = {"v0", "v1", "v2"};
    for (int i = 0; i <= slots.count; i++) v[i] = leat_input(r, names[i], rows);
    leat_value g = leat_input(r, "g", rows),
               lr = leat_input(r, "lr", (leat_type){LEAT_DTYPE_F32, LEAT_SCALAR});
    leat_optimizer_apply(r, &o, g, lr, v);
    for (int i = 0; i <= slots.count; i++) leat_output(r, names[i], v[i]);
    if (leat_builder_finish(r, &func, &err))
      return snprintf(s->problem, sizeof s->problem, "%s", err.message), FAILED;
    leat_row_update(b, vars, 1 + slots.count, ids, grad, &rate, 1, func);
  } else {
    for (int i = 0; i <= slots.count; i++) v[i] = leat_var_read(b, vars[i]);
    if (sparse)
      grad = leat_scatter(b, leat_zeros_like(b, v[0]), ids, grad, 0, LEAT_SCATTER_ADD,
                          LEAT_INDEX_ERROR);
    leat_optimizer_apply(b, &o, grad, rate, v);
    for (int i = 0; i <= slots.count; i++) leat_var_next(b, vars[i], v[i]);
  }
  leat_func *step;
  leat_exec *exec = NULL;
  leat_status status = leat_builder_finish(b, &step, &err);
  if (!status) status = leat_exec_new(&exec, step, NULL, &err);
  leat_tensor *path;
  int64_t dims[LEAT_MAX_RANK] = {steps}, per = leat_tensor_count(x0),
          per_grad = leat_tensor_count(grads) / steps;
  memcpy(dims + 1, leat_tensor_dims(x0), sizeof *dims * (size_t)type.shape.rank);
  leat_tensor_new(&path, LEAT_DTYPE_F32, type.shape.rank + 1, dims, &err);
  for (int64_t t = 0; !status && t < steps; t++) {
    double lr = o.learning_rate * (factors ? element(factors, t) : 1);
    if (o.kind == LEAT_ADAM)
      lr *= sqrt(1 - pow(o.beta2, (double)t + 1)) / (1 - pow(o.beta1, (double)t + 1));
    float rate_now = (float)lr;
    int64_t grad_dims[LEAT_MAX_RANK], wide[64];
    for (int i = 0; i < grad_type.shape.rank; i++) grad_dims[i] = grad_type.shape.dims[i];
    leat_tensor *in[3] = {NULL};
    leat_tensor_copy_of(&in[0], LEAT_DTYPE_F32, grad_type.shape.rank, grad_dims,
                        (float *)leat_tensor_data(grads) + t * per_grad, &err);
    leat_tensor_copy_of(&in[1], LEAT_DTYPE_F32, 0, NULL, &rate_now, &err);
    for (int64_t i = 0; sparse && i < k; i++)
      wide[i] = leat_tensor_dtype(indices) == LEAT_DTYPE_I64
                    ? ((int64_t *)leat_tensor_data(indices))[t * k + i]
                    : ((int32_t *)leat_tensor_data(indices))[t * k + i];
    if (sparse) leat_tensor_copy_of(&in[2], LEAT_DTYPE_I64, 1, &k, wide, &err);
    status = leat_exec_run(exec, state, in, sparse ? 3 : 2, NULL, &err);
    memcpy((float *)leat_tensor_data(path) + t * per,
           leat_tensor_data(leat_state_get(state, vars[0])), (size_t)per * 4);
    for (int i = 0; i < 3; i++) leat_tensor_unref(in[i]);
  }
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  static const char *const slot_keys[][2] = {[LEAT_SGD] = {"", ""},
                                             [LEAT_MOMENTUM] = {"slot_momentum", ""},
                                             [LEAT_ADAGRAD] = {"slot_accumulator", ""},
                                             [LEAT_ADAM] = {"slot_m", "slot_v"},
                                             [LEAT_FTRL] = {"slot_accum", "slot_linear"}};
  bool good = !status && close_to(s, "x", path);
  for (int i = 0; good && i < slots.count; i++)
    good = close_to(s, slot_keys[o.kind][i], leat_state_get(state, vars[i + 1]));
  leat_tensor_unref(path);
  leat_exec_free(exec);
  leat_state_free(state);
  return good ? PASSED : FAILED;
}
