// Golden optimisers: trajectories of variables and slots under given gradients, clipping,
// schedules. SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "train/optimizer.h"

// --- What the case is about ---------------------------------------------------------------------
static const char *const prefixes[] = {"v1_", "keras_legacy_", "keras_", "torch_", "lazy_"};
static const leat_optimizer_style prefix_styles[] = {
    LEAT_STYLE_TF1, LEAT_STYLE_KERAS_LEGACY, LEAT_STYLE_KERAS, LEAT_STYLE_TORCH, LEAT_STYLE_TF1};
static const struct {
  const char *stem;
  leat_optimizer_kind kind;
} stems[] = {{"proximal_adagrad", LEAT_PROXIMAL_ADAGRAD},
             {"proximal_sgd", LEAT_PROXIMAL_SGD},
             {"momentum", LEAT_MOMENTUM},
             {"nesterov", LEAT_MOMENTUM},
             {"sgd", LEAT_SGD},
             {"adagrad", LEAT_ADAGRAD},
             {"rmsprop", LEAT_RMSPROP},
             {"adamw", LEAT_ADAMW},
             {"adamax", LEAT_ADAMAX},
             {"adam", LEAT_ADAM},
             {"amsgrad", LEAT_ADAM},
             {"adadelta", LEAT_ADADELTA},
             {"ftrl", LEAT_FTRL},
             {"nadam", LEAT_NADAM},
             {"radam", LEAT_RADAM},
             {"lion", LEAT_LION}};

static double setting(const scene *s, const char *const *names, double fallback) {
  for (; *names; names++)
    if (get(s->params, *names)) return number(s->params, *names, fallback);
  return fallback;
}
#define SETTING(field, ...) \
  o->field = setting(s, (const char *const[]){#field, __VA_ARGS__, NULL}, o->field)

static void read_settings(const scene *s, leat_optimizer *o) {
  int64_t unused[8];
  SETTING(learning_rate, "lr");
  SETTING(momentum, "momentum");
  SETTING(dampening, "dampening");
  SETTING(rho, "decay", "alpha");
  SETTING(beta1, "beta_1");
  SETTING(beta2, "beta_2");
  SETTING(epsilon, "eps");
  SETTING(initial_accumulator, "initial_accumulator_value");
  SETTING(l1, "l1");
  SETTING(l2, "l2");
  SETTING(l2_shrinkage, "l2_shrinkage");
  SETTING(beta, "beta");
  SETTING(power, "learning_rate_power");
  SETTING(weight_decay, "weight_decay");
  SETTING(learning_rate_decay, "lr_decay");
  o->centered = number(s->params, "centered", 0) != 0;
  o->amsgrad = number(s->params, "amsgrad", 0) != 0;
  if (numbers(s->params, "betas", unused) == 2) {
    o->beta1 = number_of(get(s->params, "betas")->child);
    o->beta2 = number_of(get(s->params, "betas")->child->next);
  }
}

static bool optimizer_of(const scene *s, leat_optimizer *o) {
  const char *name = strncmp(s->name, "sparse_", 7) == 0 ? s->name + 7 : s->name;
  for (size_t p = 0; p < sizeof prefixes / sizeof *prefixes; p++) {
    if (strncmp(name, prefixes[p], strlen(prefixes[p])) != 0) continue;
    const char *rest = name + strlen(prefixes[p]);
    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++) {
      if (strncmp(rest, stems[i].stem, strlen(stems[i].stem)) != 0) continue;
      *o = leat_optimizer_default(stems[i].kind, prefix_styles[p]);
      read_settings(s, o);
      o->nesterov = strstr(rest, "nesterov") != NULL;
      if (o->kind == LEAT_SGD && o->momentum != 0) o->kind = LEAT_MOMENTUM;
      if (p == 4) o->kind = LEAT_LAZY_ADAM;
      return true;
    }
  }
  return false;
}

// --- Trajectories -------------------------------------------------------------------------------
enum { SCALARS = LEAT_OPTIMIZER_SCALARS, VARS = 1 + LEAT_MAX_SLOTS };

typedef struct run {
  scene *s;
  leat_optimizer o;
  leat_slots slots;
  bool sparse;
  leat_type type;  // of x
  leat_tensor *x0, *grads, *indices, *factors;
  leat_var *vars[VARS], *counter, *product;
  leat_state *state;
  int64_t steps, per_step;  // rows of gradient a step, if sparse
  leat_func *step;
} run;

static leat_status declare(run *r, const char *name, leat_type type, double value, leat_var **out) {
  leat_tensor *t;
  leat_status status = leat_graph_var(r->s->g, name, type, true, out, &err);
  if (!status) status = leat_tensor_new(&t, type.dtype, type.shape.rank, type.shape.dims, &err);
  if (status) return status;
  for (int64_t i = 0; i < leat_tensor_count(t); i++) {
    if (type.dtype == LEAT_DTYPE_F32) ((float *)leat_tensor_data(t))[i] = (float)value;
    if (type.dtype == LEAT_DTYPE_F64) ((double *)leat_tensor_data(t))[i] = value;
    if (type.dtype == LEAT_DTYPE_I64) ((int64_t *)leat_tensor_data(t))[i] = (int64_t)value;
  }
  status = leat_state_set(r->state, *out, t, &err);
  leat_tensor_unref(t);
  return status;
}

static leat_status declare_all(run *r) {
  leat_status status = leat_state_new(&r->state, r->s->g, &err);
  for (int i = 0; !status && i <= r->slots.count; i++)
    status = declare(r, i ? r->slots.suffix[i - 1] : "x", r->type, i ? r->slots.initial[i - 1] : 0,
                     &r->vars[i]);
  if (!status)
    status = declare(r, "step", (leat_type){LEAT_DTYPE_I64, LEAT_SCALAR}, 0, &r->counter);
  if (!status)
    status = declare(r, "product", (leat_type){LEAT_DTYPE_F64, LEAT_SCALAR}, 1, &r->product);
  return status ? status : leat_state_set(r->state, r->vars[0], r->x0, &err);
}

static leat_status build_rows(run *r, leat_builder *b, leat_value ids, leat_value grad,
                              const leat_value *scalars) {
  static const char *const names[] = {"v0", "v1", "v2", "v3"};
  leat_builder *rows = leat_builder_new(r->s->g, "rows");
  leat_type type = r->type;
  leat_value v[VARS], inner[SCALARS];
  leat_func *func;
  char name[8];
  type.shape.dims[0] = leat_dim_symbol(r->s->g, "rows", 0);
  for (int i = 0; i <= r->slots.count; i++) v[i] = leat_input(rows, names[i], type);
  leat_value g = leat_input(rows, "g", type);
  for (int i = 0; i < SCALARS; i++) {
    snprintf(name, sizeof name, "s%d", i);
    inner[i] = leat_input(rows, name, (leat_type){LEAT_DTYPE_F32, LEAT_SCALAR});
  }
  leat_optimizer_apply(rows, &r->o, g, inner, v);
  for (int i = 0; i <= r->slots.count; i++) leat_output(rows, names[i], v[i]);
  leat_status status = leat_builder_finish(rows, &func, &err);
  if (!status) leat_row_update(b, r->vars, 1 + r->slots.count, ids, grad, scalars, SCALARS, func);
  return status;
}

static leat_status build_step(run *r) {
  leat_builder *b = leat_builder_new(r->s->g, "step");
  leat_type grad_type = r->type;
  if (r->sparse) grad_type.shape.dims[0] = r->per_step;
  leat_value grad = leat_input(b, "grad", grad_type), v[VARS], scalars[SCALARS];
  leat_value rate = leat_input(b, "rate", (leat_type){LEAT_DTYPE_F64, LEAT_SCALAR});
  leat_value ids = {0}, count = leat_var_read(b, r->counter), product;
  if (r->sparse) ids = leat_input(b, "ids", (leat_type){LEAT_DTYPE_I64, LEAT_SHAPE(r->per_step)});
  product = leat_var_read(b, r->product);
  leat_optimizer_scalars(b, &r->o, count, rate, &product, scalars);
  leat_var_next(b, r->product, product);
  leat_var_next(b, r->counter, leat_add(b, count, leat_const_i64(b, 1)));
  leat_status status = LEAT_OK;
  if (r->sparse && leat_optimizer_is_sparse(&r->o))
    status = build_rows(r, b, ids, grad, scalars);
  else {
    for (int i = 0; i <= r->slots.count; i++) v[i] = leat_var_read(b, r->vars[i]);
    if (r->sparse)
      grad = leat_scatter(b, leat_zeros_like(b, v[0]), ids, grad, 0, LEAT_SCATTER_ADD,
                          LEAT_INDEX_ERROR);
    leat_optimizer_apply(b, &r->o, grad, scalars, v);
    for (int i = 0; i <= r->slots.count; i++) leat_var_next(b, r->vars[i], v[i]);
  }
  if (status) return leat_builder_free(b), status;
  return leat_builder_finish(b, &r->step, &err);
}

static leat_status run_step(run *r, leat_exec *exec, int64_t t) {
  int64_t dims[LEAT_MAX_RANK], wide[64], per = leat_tensor_count(r->grads) / r->steps;
  double rate = r->o.learning_rate * (r->factors ? element(r->factors, t) : 1);
  leat_tensor *in[3] = {NULL};
  memcpy(dims, r->type.shape.dims, sizeof dims);
  if (r->sparse) dims[0] = r->per_step;
  leat_tensor_copy_of(&in[0], LEAT_DTYPE_F32, r->type.shape.rank, dims,
                      (float *)leat_tensor_data(r->grads) + t * per, &err);
  leat_tensor_copy_of(&in[1], LEAT_DTYPE_F64, 0, NULL, &rate, &err);
  for (int64_t i = 0; r->sparse && i < r->per_step && i < 64; i++)
    wide[i] = (int64_t)element(r->indices, t * r->per_step + i);
  if (r->sparse) leat_tensor_copy_of(&in[2], LEAT_DTYPE_I64, 1, &r->per_step, wide, &err);
  leat_status status = leat_exec_run(exec, r->state, in, r->sparse ? 3 : 2, NULL, &err);
  for (int i = 0; i < 3; i++) leat_tensor_unref(in[i]);
  return status;
}

// x after each step against the case, then the slots.
static verdict trajectory(run *r) {
  leat_exec *exec = NULL;
  leat_tensor *path;
  int64_t dims[LEAT_MAX_RANK] = {r->steps}, per = leat_tensor_count(r->x0);
  memcpy(dims + 1, leat_tensor_dims(r->x0), sizeof *dims * (size_t)r->type.shape.rank);
  leat_tensor_new(&path, LEAT_DTYPE_F32, r->type.shape.rank + 1, dims, &err);
  leat_status status = declare_all(r);
  if (!status) status = build_step(r);
  if (!status) status = leat_exec_new(&exec, r->step, NULL, &err);
  for (int64_t t = 0; !status && t < r->steps; t++) {
    status = run_step(r, exec, t);
    memcpy((float *)leat_tensor_data(path) + t * per,
           leat_tensor_data(leat_state_get(r->state, r->vars[0])), (size_t)per * 4);
  }
  if (status) snprintf(r->s->problem, sizeof r->s->problem, "%s", err.message);
  bool good = !status && close_to(r->s, "x", path);
  for (int i = 0; good && i < r->slots.count; i++) {
    char key[32];
    snprintf(key, sizeof key, "slot_%s", r->slots.name[i]);
    good = close_to(r->s, key, leat_state_get(r->state, r->vars[i + 1]));
  }
  leat_tensor_unref(path);
  leat_exec_free(exec);
  leat_state_free(r->state);
  return good ? PASSED : FAILED;
}

static verdict optimizer(scene *s) {
  run r = {.s = s, .sparse = strncmp(s->name, "sparse_", 7) == 0};
  if (!optimizer_of(s, &r.o)) return NOT_HERE;
  leat_builder_free(s->b);
  s->b = NULL;
  r.x0 = input_tensor(s, "x0");
  r.grads = input_tensor(s, r.sparse ? "values" : "grads");
  r.indices = input_tensor(s, "indices");
  r.factors = input_tensor(s, "lr_factor");
  r.slots = leat_optimizer_slots(&r.o);
  r.type = (leat_type){LEAT_DTYPE_F32, {.rank = leat_tensor_rank(r.x0)}};
  for (int i = 0; i < r.type.shape.rank; i++) r.type.shape.dims[i] = leat_tensor_dims(r.x0)[i];
  r.steps = leat_tensor_dims(r.grads)[0];
  r.per_step = r.sparse ? leat_tensor_dims(r.grads)[1] : 0;
  return trajectory(&r);
}

// --- Clipping and schedules ---------------------------------------------------------------------
static verdict global_norm(scene *s) {
  static const char *const names[] = {"g0", "g1", "g2", "g3", "g4", "g5", "g6", "global_norm"};
  leat_gradient grads[7] = {{{0}}};
  leat_value results[8];
  const char *keys[8];
  int count = 0;
  for (; count < 7 && arg(s, names[count]).node; count++) grads[count].dense = arg(s, names[count]);
  results[count] = leat_clip_global_norm(s->b, grads, count, number(s->params, "clip_norm", 1));
  keys[count] = names[7];
  for (int i = 0; i < count; i++) results[i] = grads[i].dense, keys[i] = names[i];
  return finish(s, keys, results, count + 1);
}

static verdict clip_norm(scene *s) {
  int64_t list[8];
  int axes[8], count = numbers(s->params, "axes", list);
  for (int i = 0; i < count; i++) axes[i] = (int)list[i];
  leat_value g = leat_clip_norm(s->b, arg(s, "g"), number(s->params, "clip_norm", 1), axes, count);
  return finish(s, (const char *const[]){"g"}, &g, 1);
}

static void read_pieces(const scene *s, leat_schedule *c) {
  const node *at = get(s->params, "boundaries"), *value = get(s->params, "values");
  for (const node *n = at ? at->child : NULL; n; n = n->next)
    c->boundaries[c->pieces++] = number_of(n);
  int i = 0;
  for (const node *n = value ? value->child : NULL; n; n = n->next) c->values[i++] = number_of(n);
}

static verdict schedule(scene *s) {
  leat_schedule c = {0};
  size_t longest = 0;
  for (int k = 0; k < LEAT_SCHEDULE_COUNT; k++) {
    size_t length = strlen(leat_schedule_names[k]);
    if (strncmp(s->name + 9, leat_schedule_names[k], length) != 0 || length < longest) continue;
    longest = length;
    c = leat_schedule_default((leat_schedule_kind)k);
  }
  if (!longest) return NOT_HERE;
#define FIELD(name) c.name = number(s->params, #name, c.name)
  FIELD(decay_steps), FIELD(decay_rate), FIELD(end_learning_rate), FIELD(power), FIELD(alpha);
  FIELD(beta), FIELD(num_periods), FIELD(t_mul), FIELD(m_mul);
  c.decay_steps = number(s->params, "first_decay_steps", c.decay_steps);
  c.staircase = number(s->params, "staircase", 0) != 0;
  c.cycle = number(s->params, "cycle", 0) != 0;
  read_pieces(s, &c);
  leat_value step = arg(s, "step"), rates[512];
  int64_t count = leat_value_type(step).shape.dims[0];
  for (int64_t i = 0; i < count && i < 512; i++) {
    leat_value t = leat_squeeze(s->b, leat_slice_axis(s->b, step, 0, i, i + 1), 0);
    leat_value rate = leat_const_f64(s->b, number(s->params, "lr", 0.1));
    rates[i] = leat_expand_dims(
        s->b, leat_schedule_rate(s->b, &c, rate, leat_cast(s->b, t, LEAT_DTYPE_I64)), 0);
  }
  leat_value all = leat_concat(s->b, rates, (int)count, 0);
  return finish(s, (const char *const[]){"lr"}, &all, 1);
}

verdict optimizer_case(scene *s) {
  if (starts(s, "schedule_")) return schedule(s);
  if (starts(s, "clip_by_global_norm")) return global_norm(s);
  if (starts(s, "clip_by_norm")) return clip_norm(s);
  return optimizer(s);
}
