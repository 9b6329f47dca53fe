// Golden whole models of Keras on MNIST: built of ops here, trained by the library's optimisers.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "formats/compress.h"
#include "formats/idx.h"
#include "train/losses.h"
#include "train/optimizer.h"

enum { MOST_VARS = 8, IMAGES = 128, SIDE = 28 };

typedef struct keras {
  scene *s;
  leat_optimizer optimizer;
  leat_var *vars[MOST_VARS];
  leat_value reads[MOST_VARS], next[MOST_VARS];  // next: of moving averages
  int count;
  bool training;
  leat_tensor *images, *labels;
  leat_func *step, *infer;
  leat_exec *runs[2];
  leat_state *state;
} keras;

// --- Data ---------------------------------------------------------------------------------------
static leat_tensor *mnist(const char *name) {
  const char *data = getenv("LEAT_DATA");
  if (!data) return NULL;
  char *beside = leat_path_dir(data), *folder = leat_path_join(beside, "mnist"),
       *path = leat_path_join(folder, name);
  leat_buf packed = {0}, bytes = {0};
  leat_tensor *out = NULL;
  leat_status status = leat_file_read(path, 0, &packed, &err);
  if (!status)
    status =
        leat_inflate(leat_buf_view(&packed), LEAT_COMPRESSION_GZIP, path, 1 << 26, &bytes, &err);
  if (!status) status = leat_idx_parse(&out, leat_buf_view(&bytes), path, &err);
  leat_buf_deinit(&packed);
  leat_buf_deinit(&bytes);
  leat__free(beside);
  leat__free(folder);
  leat__free(path);
  return status ? NULL : out;
}

// Images [first, first + n) of the first 128, wrapping, as f32 of 0 to 1.
static leat_tensor *batch_of(const keras *k, int64_t first, int64_t n) {
  const unsigned char *pixels = leat_tensor_data(k->images);
  leat_tensor *out;
  if (leat_tensor_new(&out, LEAT_DTYPE_F32, 4, (int64_t[]){n, SIDE, SIDE, 1}, &err)) return NULL;
  float *to = leat_tensor_data(out);
  for (int64_t i = 0; i < n; i++)
    for (int p = 0; p < SIDE * SIDE; p++)
      *to++ = (float)pixels[(first + i) % IMAGES * SIDE * SIDE + p] / 255.0f;
  return out;
}

static leat_tensor *labels_of(const keras *k, int64_t first, int64_t n) {
  leat_tensor *out;
  if (leat_tensor_new(&out, LEAT_DTYPE_I64, 1, &n, &err)) return NULL;
  for (int64_t i = 0; i < n; i++)
    ((int64_t *)leat_tensor_data(out))[i] =
        ((const unsigned char *)leat_tensor_data(k->labels))[(first + i) % IMAGES];
  return out;
}

// --- Models -------------------------------------------------------------------------------------
static leat_value dense(leat_builder *b, keras *k, int at, leat_value x) {
  return leat_add(b, leat_matmul(b, x, k->reads[at]), k->reads[at + 1]);
}

static leat_value flatten(leat_builder *b, leat_value x) {
  leat_shape shape = leat_value_type(x).shape;
  int64_t width = 1;
  for (int i = 1; i < shape.rank; i++) width *= shape.dims[i];
  return leat_reshape(b, x, LEAT_SHAPE(shape.dims[0], width));
}

static leat_value mlp(leat_builder *b, keras *k, leat_value x) {
  return dense(b, k, 2, leat_relu(b, dense(b, k, 0, flatten(b, x))));
}

static leat_value cnn(leat_builder *b, keras *k, leat_value x) {
  leat_conv_options same = {.strides = {1, 1}, .low = {1, 1}, .high = {1, 1}};
  leat_conv_options valid = {.strides = {2, 2}};
  leat_window pool = {.window = {1, 2, 2, 1}, .strides = {1, 2, 2, 1}};
  x = leat_relu(b, leat_add(b, leat_conv(b, x, k->reads[0], &same), k->reads[1]));
  x = leat_reduce_window(b, x, LEAT_MAX, &pool);
  x = leat_relu(b, leat_add(b, leat_conv(b, x, k->reads[2], &valid), k->reads[3]));
  return dense(b, k, 4, flatten(b, x));
}

static leat_value norm_mlp(leat_builder *b, keras *k, leat_value x) {
  leat_value y = leat_matmul(b, flatten(b, x), k->reads[0]), mean = k->reads[3],
             variance = k->reads[4];
  if (k->training) {
    mean = leat_mean(b, y, (int[]){0}, 1, false);
    variance = leat_mean(b, leat_square(b, leat_sub(b, y, mean)), (int[]){0}, 1, false);
    leat_value now[] = {mean, variance};
    for (int i = 0; i < 2; i++)
      k->next[3 + i] =
          leat_add(b, leat_mul_scalar(b, k->reads[3 + i], 0.9), leat_mul_scalar(b, now[i], 0.1));
  }
  leat_value scale = leat_mul(b, leat_rsqrt(b, leat_add_scalar(b, variance, 1e-3)), k->reads[1]);
  y = leat_add(b, leat_mul(b, leat_sub(b, y, mean), scale), k->reads[2]);
  return dense(b, k, 5, leat_relu(b, y));
}

static const struct {
  const char *name;
  leat_value (*logits)(leat_builder *b, keras *k, leat_value x);
  leat_optimizer_kind kind;
  double rate, momentum;
} models[] = {{"keras_mlp_mnist_adam", mlp, LEAT_ADAM, 0.01, 0},
              {"keras_cnn_mnist_sgd_momentum", cnn, LEAT_MOMENTUM, 0.05, 0.9},
              {"keras_bn_mlp_mnist_rmsprop", norm_mlp, LEAT_RMSPROP, 0.005, 0}};
enum { MODELS = sizeof models / sizeof *models };

// --- Functions ----------------------------------------------------------------------------------
static leat_var *slot(const keras *k, int at, const char *suffix, bool make) {
  char name[200];
  leat_var *var = NULL;
  snprintf(name, sizeof name, "%s/%s", leat_var_name(k->vars[at]), suffix);
  if (make) leat_graph_var(k->s->g, name, leat_var_type(k->vars[at]), false, &var, &err);
  return make ? var : leat_graph_find_var(k->s->g, leat_str_of(name));
}

static leat_value begin(keras *k, leat_builder *b, bool training, int64_t n) {
  k->training = training;
  for (int i = 0; i < k->count; i++)
    k->reads[i] = leat_var_read(b, k->vars[i]), k->next[i] = (leat_value){0};
  return leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(n, SIDE, SIDE, 1)});
}

static void update(leat_builder *b, keras *k, int at, leat_value grad, const leat_value *scalars) {
  leat_slots slots = leat_optimizer_slots(&k->optimizer);
  leat_value values[1 + LEAT_MAX_SLOTS] = {k->reads[at]};
  for (int i = 0; i < slots.count; i++)
    values[i + 1] = leat_var_read(b, slot(k, at, slots.suffix[i], false));
  leat_optimizer_apply(b, &k->optimizer, grad, scalars, values);
  leat_var_next(b, k->vars[at], values[0]);
  for (int i = 0; i < slots.count; i++)
    leat_var_next(b, slot(k, at, slots.suffix[i], false), values[i + 1]);
}

static leat_status build_step(keras *k, int model, int64_t n) {
  leat_builder *b = leat_builder_new(k->s->g, "step");
  leat_value x = begin(k, b, true, n), scalars[LEAT_OPTIMIZER_SCALARS];
  leat_value y = leat_input(b, "y", (leat_type){LEAT_DTYPE_I64, LEAT_SHAPE(n)});
  leat_value step = leat_input(b, "step", (leat_type){LEAT_DTYPE_I64, LEAT_SCALAR});
  leat_value losses =
      leat_loss_build(b, LEAT_LOSS_SOFTMAX_IDS, models[model].logits(b, k, x), y, NULL);
  leat_value loss = leat_mean(b, losses, NULL, 0, false);
  leat_gradient grads[MOST_VARS];
  leat_gradients(b, &loss, NULL, 1, k->reads, k->count, false, grads);
  leat_optimizer_scalars(b, &k->optimizer, step, (leat_value){0}, NULL, scalars);
  for (int i = 0; i < k->count; i++)
    if (k->next[i].node)
      leat_var_next(b, k->vars[i], k->next[i]);
    else
      update(b, k, i, grads[i].dense, scalars);
  leat_output(b, "loss", loss);
  return leat_builder_finish(b, &k->step, &err);
}

static leat_status build_infer(keras *k, int model) {
  leat_builder *b = leat_builder_new(k->s->g, "infer");
  leat_output(b, "logits", models[model].logits(b, k, begin(k, b, false, 8)));
  return leat_builder_finish(b, &k->infer, &err);
}

// --- Runs ---------------------------------------------------------------------------------------
static leat_status declare(keras *k) {
  leat_slots slots = leat_optimizer_slots(&k->optimizer);
  leat_status status = LEAT_OK;
  for (node *n = get(k->s->c, "inputs")->child; !status && n && k->count < MOST_VARS; n = n->next) {
    leat_tensor *t = leat_safetensors_find(k->s->st, n->text);
    leat_type type = {LEAT_DTYPE_F32, {.rank = leat_tensor_rank(t)}};
    for (int i = 0; i < type.shape.rank; i++) type.shape.dims[i] = leat_tensor_dims(t)[i];
    status = leat_graph_var(k->s->g, c_text(n->key) + 5, type, true, &k->vars[k->count++], &err);
    for (int i = 0; !status && i < slots.count; i++)
      if (!slot(k, k->count - 1, slots.suffix[i], true)) status = err.status;
  }
  return status;
}

static leat_status set_initial(keras *k) {
  leat_slots slots = leat_optimizer_slots(&k->optimizer);
  leat_status status = leat_state_new(&k->state, k->s->g, &err);
  int at = 0;
  for (node *n = get(k->s->c, "inputs")->child; !status && n; n = n->next, at++) {
    status = leat_state_set(k->state, k->vars[at], leat_safetensors_find(k->s->st, n->text), &err);
    for (int i = 0; !status && i < slots.count; i++) {
      leat_tensor *first = NULL;
      const leat_tensor *like = leat_state_get(k->state, k->vars[at]);
      status = leat_tensor_new(&first, LEAT_DTYPE_F32, leat_tensor_rank(like),
                               leat_tensor_dims(like), &err);
      for (int64_t e = 0; !status && e < leat_tensor_count(first); e++)
        ((float *)leat_tensor_data(first))[e] = (float)slots.initial[i];
      if (!status)
        status = leat_state_set(k->state, slot(k, at, slots.suffix[i], false), first, &err);
      leat_tensor_unref(first);
    }
  }
  if (!status) status = leat_exec_new(&k->runs[0], k->step, NULL, &err);
  return status ? status : leat_exec_new(&k->runs[1], k->infer, NULL, &err);
}

static leat_status run_steps(keras *k, int64_t steps, int64_t n, leat_tensor **losses) {
  leat_status status = leat_tensor_new(losses, LEAT_DTYPE_F32, 1, &steps, &err);
  for (int64_t t = 0; !status && t < steps; t++) {
    leat_tensor *in[3] = {batch_of(k, t * n, n), labels_of(k, t * n, n), NULL}, *loss = NULL;
    status = leat_tensor_copy_of(&in[2], LEAT_DTYPE_I64, 0, NULL, &t, &err);
    if (!status) status = leat_exec_run(k->runs[0], k->state, in, 3, &loss, &err);
    if (!status) ((float *)leat_tensor_data(*losses))[t] = *(float *)leat_tensor_data(loss);
    leat_tensor_unref(loss);
    for (int i = 0; i < 3; i++) leat_tensor_unref(in[i]);
  }
  return status;
}

static bool matches(keras *k, leat_tensor *losses) {
  leat_tensor *x = batch_of(k, 0, 8), *logits = NULL;
  bool good = !leat_exec_run(k->runs[1], k->state, &x, 1, &logits, &err) &&
              close_to(k->s, "losses", losses) && close_to(k->s, "logits_first8_inference", logits);
  for (int i = 0; good && i < k->count; i++) {
    char name[200];
    snprintf(name, sizeof name, "final/%s", leat_var_name(k->vars[i]));
    good = close_to(k->s, name, leat_state_get(k->state, k->vars[i]));
  }
  leat_tensor_unref(x);
  leat_tensor_unref(logits);
  return good;
}

verdict keras_case(scene *s) {
  keras k = {.s = s};
  int model = -1;
  for (int i = 0; i < MODELS; i++)
    if (is(s, models[i].name)) model = i;
  if (model < 0) return NOT_HERE;
  k.images = mnist("train-images-idx3-ubyte.gz");
  k.labels = mnist("train-labels-idx1-ubyte.gz");
  verdict v = k.images && k.labels ? FAILED : NOT_HERE;
  if (v == FAILED) {
    int64_t steps = (int64_t)number(s->params, "steps", 1),
            n = (int64_t)number(s->params, "batch", 1);
    leat_tensor *losses = NULL;
    k.optimizer = leat_optimizer_default(models[model].kind, LEAT_STYLE_KERAS);
    k.optimizer.learning_rate = models[model].rate;
    if (models[model].momentum > 0) k.optimizer.momentum = models[model].momentum;
    leat_status status = declare(&k);
    if (!status) status = build_step(&k, model, n);
    if (!status) status = build_infer(&k, model);
    if (!status) status = set_initial(&k);
    if (!status) status = run_steps(&k, steps, n, &losses);
    if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
    if (!status && matches(&k, losses)) v = PASSED;
    leat_tensor_unref(losses);
  }
  for (int i = 0; i < 2; i++) leat_exec_free(k.runs[i]);
  leat_state_free(k.state);
  leat_tensor_unref(k.images);
  leat_tensor_unref(k.labels);
  return v;
}
