// RunInference: a saved model over rows.
// SPDX-License-Identifier: Apache-2.0
//
//   model: DIR               a saved model, a directory of numbered ones, or a job directory
//   signature: NAME          default: the one that the model serves
//   fields: {INPUT: FIELD}   the model's inputs that fields of other names give
//   inference_tag: NAME      the results are one field of this name, a row; default: a field each
//   error_handling: {output: errors}
//   model_handler: {type: Leat, config: {model: DIR, signature: NAME}}     Beam's way to say it
#include "flow/row_func.h"
#include "leat/model.h"

typedef struct plan {
  leat_model *model;
  leat_flow_func f;
} plan;

static leat_status read_handler(const leat_flow_transform *t, const leat_yaml_node **config,
                                leat_error *err) {
  static const char *const known[] = {"model", "signature", NULL};
  const leat_yaml_node *handler = leat_yaml_get(*config, "model_handler");
  if (!handler) return LEAT_OK;
  if (leat_yaml_get(*config, "model") || leat_yaml_get(*config, "signature"))
    return leat_flow_fail(t, handler, err, "model and signature go into the handler's config");
  const leat_yaml_node *type = leat_yaml_get(handler, "type");
  if (!type || !leat_str_eq(type->text, LEAT_STR("Leat")))
    return leat_flow_fail(t, type ? type : handler, err,
                          "expected model_handler: {type: Leat, config: {model: DIR}}; models of "
                          "others are brought in by `leat convert`");
  *config = leat_yaml_get(handler, "config");
  return leat_flow_known(t, *config, "setting of the handler", known, err);
}

static leat_status load(const leat_flow_transform *t, plan *p, const leat_yaml_node *node,
                        leat_error *err) {
  leat_error why = {0};
  leat_buf path = {0};
  char *dir = NULL;
  leat_buf_str(&path, node->text);
  leat_status status = leat_buf_status(&path, &why);
  if (!status) status = leat_model_find(path.ptr ? path.ptr : "", &dir, &why);
  if (!status) status = leat_model_load(&p->model, dir, &why);
  leat_text_free(dir);
  leat_buf_deinit(&path);
  return status ? leat_flow_fail(t, node, err, "%s", why.message) : LEAT_OK;
}

static leat_status choose(const leat_flow_transform *t, plan *p, const leat_yaml_node *node,
                          leat_error *err) {
  p->f.func = leat_model_func(p->model);
  p->f.state = leat_model_state(p->model);
  if (!node || leat_str_eq(node->text, leat_str_of(leat_model_signature(p->model)))) return LEAT_OK;
  return leat_flow_fail(t, node, err, "the model has no signature '" LEAT_STR_FMT "', it has '%s'",
                        LEAT_STR_ARG(node->text), leat_model_signature(p->model));
}

static leat_status apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  if (!p) return leat__oom(err, sizeof *p);
  *p = (plan){.f = {.keep_all = true}};
  const leat_yaml_node *config = t->config, *tag = NULL;
  if (config) p->f.names = leat_yaml_get(config, "fields");
  if (config && (tag = leat_yaml_get(config, "inference_tag"))) p->f.row = tag->text;
  leat_status status = config ? read_handler(t, &config, err) : LEAT_OK;
  if (status) return status;
  const leat_yaml_node *model = config ? leat_yaml_get(config, "model") : NULL;
  if (!model || model->kind != LEAT_YAML_SCALAR)
    return leat_flow_fail(t, model, err, "expected model: DIR");
  status = load(t, p, model, err);
  if (!status) status = choose(t, p, leat_yaml_get(config, "signature"), err);
  return status ? status : leat_flow_func_plan(flow, t, &p->f, err);
}

static void stop(leat_flow_transform *t) {
  plan *p = t->plan;
  if (p) leat_model_free(p->model);
}

static leat_status start(const leat_flow_transform *t, leat_flow_worker *worker, leat_flow_op **out,
                         leat_error *err) {
  return leat_flow_func_start(t, &((const plan *)t->plan)->f, worker, out, err);
}

static const char *const names[] = {"model",         "signature",      "fields", "inference_tag",
                                    "model_handler", "error_handling", NULL};

const leat_flow_class leat_flow_run_inference = {.type = "RunInference",
                                                 .urn = "leat:transform:run_inference:v1",
                                                 .help = "Predictions of a saved model as fields",
                                                 .inputs_min = 1,
                                                 .inputs_max = 1,
                                                 .fields = names,
                                                 .apply = apply,
                                                 .start = start,
                                                 .stop = stop};
