// Estimators: the functions of one model, put together from features, network, head and optimiser.
// SPDX-License-Identifier: Apache-2.0
#include "train/estimator.h"

#include "train/heads.h"
#include "train/label.h"
#include "train/metrics.h"
#include "train/network.h"
#include "train/update.h"

#include <stdio.h>

bool leat_estimator_is_metric(const leat_var *var) {
  return strncmp(leat_var_name(var), "metrics/", 8) == 0;
}
bool leat_estimator_is_weight(const leat_var *var) { return leat_var_trainable(var); }

// --- What a batch gives -------------------------------------------------------------------------
typedef struct batch {
  leat_value logits, label, losses;
  leat_value weights;        // of the weight column, f32 (batch, 1), or no value
  leat_value loss, penalty;  // scalars; penalty is part of the loss, or no value
} batch;

// The rows' weights as an input, or no value.
static leat_value weight_column(leat_builder *b, const leat_config *c, leat_dim rows) {
  char name[256];
  if (!c->weight_column.len) return (leat_value){0};
  snprintf(name, sizeof name, LEAT_STR_FMT, LEAT_STR_ARG(c->weight_column));
  leat_value w = leat_input(b, name, (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(rows)});
  return leat_expand_dims(b, w, 1);
}

// Inputs, logits and losses. Weights of classes count in training only.
static batch batch_of(leat_net *net) {
  const leat_config *c = net->c;
  leat_builder *b = net->b;
  batch x = {.logits = leat__net_logits(net)};
  x.label = leat_label_build(b, c, net->batch);
  x.weights = weight_column(b, c, net->batch);
  x.losses = leat_head_losses(b, c, x.logits, x.label);
  leat_value weights = net->training ? leat_head_weights(b, c, x.weights, x.label) : x.weights;
  x.loss = leat_loss_reduce(b, x.losses, weights, c->reduction);
  x.penalty = leat__update_penalty(net);
  if (x.penalty.node) x.loss = leat_add(b, x.loss, x.penalty);
  return x;
}

// --- Functions ----------------------------------------------------------------------------------
static leat_status build_init(leat_net *net, leat_estimator *e, leat_error *err) {
  leat_builder *b = leat_builder_new(net->graph, "init");
  if (!b) return leat__oom(err, 1);
  leat_random_key key = {.seed = leat_input(b, "seed", (leat_type){LEAT_DTYPE_U64, LEAT_SCALAR})};
  leat__update_init(net, b, &key);
  return leat_builder_finish(b, &e->init, err);
}

static leat_status build_step(leat_net *net, leat_estimator *e, leat_error *err) {
  leat_builder *b = leat_builder_new(net->graph, "train_step");
  if (!b) return leat__oom(err, 1);
  leat__net_begin(net, b, true);
  net->key.seed = leat_bitcast(b, leat_const_i64(b, net->c->seed), LEAT_DTYPE_U64);
  net->key.step = leat_var_read(b, leat_graph_find_var(net->graph, LEAT_STR("global_step")));
  batch x = batch_of(net);
  leat_value off = leat_sub(b, x.loss, x.loss);  // 0, or NaN for a NaN or infinite loss
  leat_assert(b, leat_eq(b, off, leat_const_like(b, off, 0)), LEAT_LOSS_NOT_FINITE);
  leat__update_step(net, x.loss);
  leat_output(b, "loss", x.loss);
  leat_func *raw;
  leat_status status = leat_builder_finish(b, &raw, err);
  return status ? status : leat_func_simplify(raw, "train", &e->step, err);
}

static leat_status build_eval(leat_net *net, leat_estimator *e, leat_error *err) {
  leat_builder *b = leat_builder_new(net->graph, "eval");
  if (!b) return leat__oom(err, 1);
  leat__net_begin(net, b, false);
  batch x = batch_of(net);
  leat_head_batch of_head = {x.logits, x.label, x.losses, x.weights, x.loss, x.penalty};
  leat_builder_scope(b, "metrics");
  leat_head_eval(b, net->c, &of_head);
  leat_status status = leat_builder_finish(b, &e->eval, err);
  if (!status) status = leat_metrics_reset(net->graph, &e->reset, err);
  return status ? status : leat_head_results(net->graph, net->c, &e->result, err);
}

// The length of all weights' gradients together; rows of sparse ones count as they come.
static void summarise_gradients(leat_net *net, leat_value loss) {
  leat_builder *b = net->b;
  size_t n = net->weights.count;
  leat_value *reads = leat__calloc(n + 1, sizeof *reads), sum = {0};
  leat_gradient *grads = leat__calloc(n + 1, sizeof *grads);
  int count = 0;
  for (size_t i = 0; reads && grads && i < n; i++)
    if (!net->weights.at[i].fixed && net->weights.at[i].read.node)
      reads[count++] = net->weights.at[i].read;
  if (count) leat_gradients(b, &loss, NULL, 1, reads, count, true, grads);
  for (int i = 0; i < count; i++) {
    leat_value g = grads[i].dense.node ? grads[i].dense : grads[i].rows;
    if (!g.node) continue;
    leat_value own = leat_reduce_sum(b, leat_square(b, g), NULL, 0, false);
    sum = sum.node ? leat_add(b, sum, own) : own;
  }
  if (sum.node) leat_output(b, "gradients/norm", leat_sqrt(b, sum));
  leat__free(reads);
  leat__free(grads);
}

// What the event file shows besides the loss: average_loss, the network's summaries and the
// gradients' norm.
static leat_status build_summary(leat_net *net, leat_estimator *e, leat_error *err) {
  leat_builder *b = leat_builder_new(net->graph, "summarise");
  if (!b) return leat__oom(err, 1);
  leat__net_begin(net, b, false);
  batch x = batch_of(net);
  leat_output(b, "average_loss", leat_loss_reduce(b, x.losses, x.weights, LEAT_REDUCTION_MEAN));
  for (size_t i = 0; i < net->summaries.count; i++)
    leat_output(b, net->summaries.at[i].tag, net->summaries.at[i].value);
  summarise_gradients(net, x.loss);
  leat_func *raw;
  leat_status status = leat_builder_finish(b, &raw, err);
  return status ? status : leat_func_simplify(raw, "summary", &e->summary, err);
}

static leat_status build_predict(leat_net *net, leat_estimator *e, leat_error *err) {
  leat_builder *b = leat_builder_new(net->graph, "predict");
  if (!b) return leat__oom(err, 1);
  leat__net_begin(net, b, false);
  leat_head_predict(b, net->c, leat__net_logits(net));
  return leat_builder_finish(b, &e->predict, err);
}

leat_status leat_estimator_build(leat_estimator *e, const leat_config *config, bool serving_only,
                                 leat_error *err) {
  leat_net net = {0};
  *e = (leat_estimator){.config = config};
  leat_status status = leat_graph_new(&e->graph, err);
  if (status) return status;
  status = leat__net_init(&net, config, e->graph, err);
  if (!status) status = build_predict(&net, e, err);  // makes the variables
  if (!status && !serving_only) {
    status = leat__update_declare(&net, err);
    if (!status) status = build_init(&net, e, err);
    if (!status) status = build_step(&net, e, err);
    if (!status) status = build_eval(&net, e, err);
    if (!status) status = build_summary(&net, e, err);
  }
  leat__net_deinit(&net);
  if (status) leat_estimator_deinit(e);
  return status;
}

void leat_estimator_deinit(leat_estimator *e) {
  leat_graph_free(e->graph);
  *e = (leat_estimator){0};
}
