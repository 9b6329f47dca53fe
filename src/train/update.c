// Updates: how one step moves the weights and their slots.
// SPDX-License-Identifier: Apache-2.0
//
// Gradients of `accumulate_steps` batches are summed in variables `<weight>/accumulated`; the last
// of them moves the weights by the mean and zeroes the sums. In between, values stay.
#include "train/update.h"

#include "train/optimizer.h"

#include <math.h>
#include <stdio.h>

enum { NAME = 700 };

static const char *const products[LEAT_PART_COUNT] = {"dnn/momentum_product",
                                                      "linear/momentum_product"};

static leat_var *find(const leat_net *net, const char *name) {
  return leat_graph_find_var(net->graph, leat_str_of(name));
}

static leat_var *beside(const leat_net *net, const leat_weight *w, const char *suffix) {
  char name[NAME];
  snprintf(name, sizeof name, "%s/%s", leat_var_name(w->var), suffix);
  return find(net, name);
}

static const leat_optimizer *optimizer_of(const leat_net *net, const leat_weight *w) {
  return &net->c->optimizers[w->part];
}

static bool accumulates(const leat_net *net) { return net->c->accumulate_steps > 1; }

// --- Declaration --------------------------------------------------------------------------------
static leat_status declare_beside(leat_net *net, const leat_weight *w, const char *suffix,
                                  leat_error *err) {
  char name[NAME];
  leat_var *var;
  snprintf(name, sizeof name, "%s/%s", leat_var_name(w->var), suffix);
  return leat_graph_var(net->graph, name, leat_var_type(w->var), false, &var, err);
}

leat_status leat__update_declare(leat_net *net, leat_error *err) {
  leat_status status = LEAT_OK;
  leat_var *var;
  net->complete = true;
  for (size_t i = 0; !status && i < net->weights.count; i++) {
    const leat_weight *w = &net->weights.at[i];
    leat_slots slots = leat_optimizer_slots(optimizer_of(net, w));
    for (int s = 0; !status && !w->fixed && s < slots.count; s++)
      status = declare_beside(net, w, slots.suffix[s], err);
    if (!status && !w->fixed && accumulates(net))
      status = declare_beside(net, w, "accumulated", err);
  }
  const leat_type counter = {LEAT_DTYPE_I64, LEAT_SCALAR}, f64 = {LEAT_DTYPE_F64, LEAT_SCALAR};
  if (!status) status = leat_graph_var(net->graph, "global_step", counter, false, &var, err);
  if (!status && accumulates(net))
    status = leat_graph_var(net->graph, "accumulated_batches", counter, false, &var, err);
  for (int part = 0; !status && part < LEAT_PART_COUNT; part++)
    if (leat_optimizer_has_product(&net->c->optimizers[part]))
      status = leat_graph_var(net->graph, products[part], f64, false, &var, err);
  return status;
}

// --- Initial values -----------------------------------------------------------------------------
static leat_value initial(leat_builder *b, const leat_weight *w, const leat_random_key *key) {
  leat_shape shape = leat_var_type(w->var).shape;
  const char *name = leat_var_name(w->var);
  double rows = shape.rank > 0 ? (double)shape.dims[0] : 1;
  double columns = shape.rank > 1 ? (double)shape.dims[shape.rank - 1] : rows;
  double limit = sqrt(6.0 / (rows + columns));
  switch (w->init.kind) {
    case LEAT_INIT_GLOROT: return leat_random_uniform(b, name, key, shape, -limit, limit);
    case LEAT_INIT_HE: return leat_random_truncated_normal(b, name, key, shape, 0, sqrt(2 / rows));
    case LEAT_INIT_NORMAL:
      return leat_random_truncated_normal(b, name, key, shape, 0, w->init.scale);
    case LEAT_INIT_ZEROS:
    case LEAT_INIT_ONES: break;
  }
  return leat_full(b, LEAT_DTYPE_F32, shape, w->init.kind == LEAT_INIT_ONES);
}

void leat__update_init(leat_net *net, leat_builder *b, const leat_random_key *key) {
  for (size_t i = 0; i < net->weights.count; i++) {
    const leat_weight *w = &net->weights.at[i];
    leat_slots slots = leat_optimizer_slots(optimizer_of(net, w));
    leat_shape shape = leat_var_type(w->var).shape;
    leat_var_next(b, w->var, initial(b, w, key));
    for (int s = 0; !w->fixed && s < slots.count; s++)
      leat_var_next(b, beside(net, w, slots.suffix[s]),
                    leat_full(b, LEAT_DTYPE_F32, shape, slots.initial[s]));
    if (!w->fixed && accumulates(net))
      leat_var_next(b, beside(net, w, "accumulated"), leat_full(b, LEAT_DTYPE_F32, shape, 0));
  }
  for (int part = 0; part < LEAT_PART_COUNT; part++)
    if (find(net, products[part]))
      leat_var_next(b, find(net, products[part]), leat_const_f64(b, 1));
  leat_var_next(b, find(net, "global_step"), leat_const_i64(b, 0));
  if (accumulates(net)) leat_var_next(b, find(net, "accumulated_batches"), leat_const_i64(b, 0));
}

// --- Updates ------------------------------------------------------------------------------------
typedef struct update {
  leat_net *net;
  leat_builder *b;
  leat_value step;     // updates done before
  leat_value apply;    // bool scalar: the weights move now; no value = always
  leat_value batches;  // accumulated before this one
} update;

// What a variable becomes: the new value, unless gradients are still being collected.
static leat_value when_applied(const update *u, leat_value value, leat_value old) {
  if (!u->apply.node || !leat_builder_ok(u->b)) return value;
  leat_value now = leat_broadcast(u->b, u->apply, leat_value_type(value).shape, NULL);
  return leat_select(u->b, now, value, old);
}

// The update of some rows of a table: (rows of x and its slots, gradient rows, scalars) -> new
// rows.
static leat_func *row_function(const update *u, const leat_weight *w) {
  leat_builder *b = leat_builder_new(u->net->graph, NULL);
  const leat_optimizer *o = optimizer_of(u->net, w);
  leat_slots slots = leat_optimizer_slots(o);
  leat_value values[1 + LEAT_MAX_SLOTS], scalars[LEAT_OPTIMIZER_SCALARS];
  leat_type type = leat_var_type(w->var);
  char name[16];
  type.shape.dims[0] = leat_dim_symbol(u->net->graph, "rows", 0);
  for (int i = 0; b && i <= slots.count; i++) {
    snprintf(name, sizeof name, "v%d", i);
    values[i] = leat_input(b, name, type);
  }
  leat_value grad = b ? leat_input(b, "grad", type) : (leat_value){0};
  for (int i = 0; b && i < LEAT_OPTIMIZER_SCALARS; i++) {
    snprintf(name, sizeof name, "s%d", i);
    scalars[i] = leat_input(b, name, (leat_type){LEAT_DTYPE_F32, LEAT_SCALAR});
  }
  if (b) leat_optimizer_apply(b, o, grad, scalars, values);
  for (int i = 0; b && i <= slots.count; i++) {
    snprintf(name, sizeof name, "v%d", i);
    leat_output(b, name, values[i]);
  }
  leat_func *func = NULL;
  leat_error err = {0};
  leat_status status = b ? leat_builder_finish(b, &func, &err) : leat__oom(&err, 1);
  if (status) leat_builder_fail(u->b, status, "%s", err.message);
  return func;
}

static void move(const update *u, const leat_weight *w, const leat_gradient *grad,
                 const leat_value *scalars) {
  leat_builder *b = u->b;
  const leat_optimizer *o = optimizer_of(u->net, w);
  leat_slots slots = leat_optimizer_slots(o);
  leat_var *vars[1 + LEAT_MAX_SLOTS] = {w->var};
  for (int s = 0; s < slots.count; s++) vars[s + 1] = beside(u->net, w, slots.suffix[s]);
  leat_builder_scope(b, leat_var_name(w->var));
  if (grad->ids.node) {
    leat_func *rows = row_function(u, w);
    if (rows)
      leat_row_update(b, vars, 1 + slots.count, grad->ids, grad->rows, scalars,
                      LEAT_OPTIMIZER_SCALARS, rows);
    return;
  }
  if (!grad->dense.node) return;  // the loss does not depend on it
  leat_value values[1 + LEAT_MAX_SLOTS] = {w->read}, old[1 + LEAT_MAX_SLOTS];
  for (int s = 0; s < slots.count; s++) values[s + 1] = leat_var_read(b, vars[s + 1]);
  memcpy(old, values, sizeof old);
  leat_optimizer_apply(b, o, grad->dense, scalars, values);
  for (int s = 0; s <= slots.count; s++)
    leat_var_next(b, vars[s], when_applied(u, values[s], old[s]));
}

// The mean gradient so far; the sums go on, or start over where they are applied.
static void accumulate(const update *u, const leat_weight *w, leat_gradient *grad) {
  leat_builder *b = u->b;
  leat_var *var = beside(u->net, w, "accumulated");
  if (!grad->dense.node) return;
  leat_value sum = leat_add(b, leat_var_read(b, var), grad->dense);
  leat_var_next(b, var, when_applied(u, leat_zeros_like(b, sum), sum));
  grad->dense = leat_mul_scalar(b, sum, 1 / (double)u->net->c->accumulate_steps);
}

// The weights of one part, whose gradients are clipped together.
typedef struct group {
  leat_value *reads;
  leat_gradient *grads;
  size_t *weight;
  int count;
} group;

static void move_group(const update *u, leat_part part, leat_value loss, group *g) {
  leat_builder *b = u->b;
  leat_net *net = u->net;
  const leat_optimizer *o = &net->c->optimizers[part];
  leat_value scalars[LEAT_OPTIMIZER_SCALARS], product = {0};
  leat_var *product_var = find(net, products[part]);
  leat_gradients(b, &loss, NULL, 1, g->reads, g->count,
                 leat_optimizer_is_sparse(o) && !accumulates(net), g->grads);
  leat_builder_scope(b, "optimizer");
  for (int i = 0; accumulates(net) && i < g->count; i++)
    accumulate(u, &net->weights.at[g->weight[i]], &g->grads[i]);
  if (o->clip_norm > 0) leat_clip_global_norm(b, g->grads, g->count, o->clip_norm);
  leat_value old = product_var ? leat_var_read(b, product_var) : product;
  product = old;
  leat_optimizer_scalars(b, o, u->step, (leat_value){0}, &product, scalars);
  if (product_var) leat_var_next(b, product_var, when_applied(u, product, old));
  for (int i = 0; i < g->count; i++) move(u, &net->weights.at[g->weight[i]], &g->grads[i], scalars);
}

static void move_part(const update *u, leat_part part, leat_value loss) {
  leat_net *net = u->net;
  size_t n = net->weights.count + 1;
  group g = {leat__calloc(n, sizeof *g.reads), leat__calloc(n, sizeof *g.grads),
             leat__calloc(n, sizeof *g.weight), 0};
  if (!g.reads || !g.grads || !g.weight)
    leat_builder_fail(u->b, LEAT_RESOURCE_EXHAUSTED, "no memory for %zu gradients", n);
  for (size_t i = 0; leat_builder_ok(u->b) && i < net->weights.count; i++) {
    const leat_weight *w = &net->weights.at[i];
    if (w->part != part || w->fixed || !w->read.node) continue;
    g.weight[g.count] = i;
    g.reads[g.count++] = w->read;
  }
  if (g.count) move_group(u, part, loss, &g);
  leat__free(g.reads);
  leat__free(g.grads);
  leat__free(g.weight);
}

void leat__update_step(leat_net *net, leat_value loss) {
  leat_builder *b = net->b;
  leat_var *counter = find(net, "global_step"), *batches = find(net, "accumulated_batches");
  update u = {.net = net, .b = b, .step = leat_var_read(b, counter)};
  leat_value next = leat_add(b, u.step, leat_const_i64(b, 1));
  if (batches) {
    leat_value have = leat_add(b, leat_var_read(b, batches), leat_const_i64(b, 1));
    u.apply = leat_eq(b, have, leat_const_i64(b, net->c->accumulate_steps));
    leat_var_next(b, batches, when_applied(&u, leat_const_i64(b, 0), have));
  }
  for (int part = 0; part < LEAT_PART_COUNT; part++) move_part(&u, (leat_part)part, loss);
  for (size_t i = 0; i < net->weights.count; i++)
    if (net->weights.at[i].next.node)
      leat_var_next(b, net->weights.at[i].var, net->weights.at[i].next);
  leat_var_next(b, counter, when_applied(&u, next, u.step));
}

leat_value leat__update_penalty(leat_net *net) {
  leat_builder *b = net->b;
  leat_value sum = {0};
  double factors[] = {net->c->l1, net->c->l2};
  for (size_t i = 0; i < net->weights.count; i++)
    for (int k = 0; k < 2; k++) {
      const leat_weight *w = &net->weights.at[i];
      if (factors[k] == 0 || !w->penalised || !w->read.node) continue;
      leat_value size = k ? leat_square(b, w->read) : leat_abs(b, w->read);
      leat_value term = leat_mul_scalar(b, leat_reduce_sum(b, size, NULL, 0, false), factors[k]);
      sum = sum.node ? leat_add(b, sum, term) : term;
    }
  return sum;
}
