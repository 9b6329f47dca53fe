// Features: those of a model.yaml as fields of a flow, by the graph that training and serving have.
// SPDX-License-Identifier: Apache-2.0
//
//   model: MODEL.yaml
//   job_dir: DIR              where its analysis.json is; needed for what comes from the data
//   features: [NAME, ...]     default: all
//   categories: one_hot       or ids; what has an embedding is always ids (-1: unknown or missing)
//   fields: {COLUMN: FIELD}   columns of the model that fields of other names give
//   keep: [FIELD, ...]        fields of the input that stay, before the features
//   output: NAME              the features are one field of this name, a row
//   error_handling: {output: errors}
#include "train/flow_features.h"

#include "flow/row_func.h"
#include "leat/ops.h"
#include "train/checkpoint.h"

typedef struct plan {
  leat_config config;
  leat_graph *graph;
  leat_flow_func f;
} plan;

// --- Config -------------------------------------------------------------------------------------
leat_status leat__flow_text(const leat_flow_transform *t, const char *key, leat_arena *arena,
                            const char **out, leat_error *err) {
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, key) : NULL;
  *out = NULL;
  if (!node) return LEAT_OK;
  if (node->kind != LEAT_YAML_SCALAR || !node->text.len)
    return leat_flow_fail(t, node, err, "expected a text");
  *out = leat_arena_str(arena, node->text);
  return *out ? LEAT_OK : leat__oom(err, node->text.len);
}

leat_status leat__flow_model_yaml(const leat_flow_transform *t, leat_config *c, leat_error *err) {
  leat_arena arena = {0};
  leat_error why = {0};
  const char *path;
  leat_status status = leat__flow_text(t, "model", &arena, &path, err);
  if (!status && !path) status = leat_flow_fail(t, NULL, err, "expected model: MODEL.yaml");
  if (!status && leat_config_load(c, path, NULL, 0, &why)) {
    status = leat_flow_fail(t, leat_yaml_get(t->config, "model"), err, "%s", why.message);
    *c = (leat_config){0};
  }
  leat_arena_deinit(&arena);
  return status;
}

static bool needs_analysis(const leat_config *c) {
  for (size_t i = 0; i < c->features.count; i++)
    if (leat_feature_needs_analysis(&c->features.at[i])) return true;
  return false;
}

static leat_status read_analysis(leat_flow *flow, const leat_flow_transform *t, plan *p,
                                 leat_error *err) {
  const char *dir;
  leat_error why = {0};
  bool found = false;
  if (!needs_analysis(&p->config)) return LEAT_OK;
  leat_status status = leat__flow_text(t, "job_dir", &flow->arena, &dir, err);
  if (status) return status;
  if (!dir)
    return leat_flow_fail(t, NULL, err,
                          "some features come from the data: expected job_dir: DIR, where `leat "
                          "train` or AnalyzeFeatures left its analysis.json");
  status = leat_analysis_load(dir, &p->config, &found, &why);
  const leat_yaml_node *node = leat_yaml_get(t->config, "job_dir");
  if (status) return leat_flow_fail(t, node, err, "%s", why.message);
  if (found) return LEAT_OK;
  return leat_flow_fail(t, node, err,
                        "%s: no analysis.json (leat train and AnalyzeFeatures make one)", dir);
}

// --- The graph ----------------------------------------------------------------------------------
static leat_value without_axis(leat_builder *b, leat_value x) {
  leat_shape shape = leat_value_type(x).shape;
  return shape.rank == 2 && shape.dims[1] == 1 ? leat_squeeze(b, x, 1) : x;
}

// -1 for what is unknown or missing.
static leat_value plain_ids(leat_builder *b, leat_value id) {
  leat_value none = leat_const_i64(b, -1);
  return leat_max(b, id, leat_broadcast(b, none, leat_value_type(id).shape, NULL));
}

static void add_feature(leat_builder *b, const leat_feature_scene *s, int i, bool ids) {
  const leat_feature *f = &s->features->at[i];
  leat_buf name = {0};
  leat_value x;
  if (f->kind == LEAT_FEATURE_NUMERIC)
    x = without_axis(b, leat_feature_number(b, s, i));
  else if (ids || f->embedding)
    x = plain_ids(b, leat_feature_id(b, s, i));
  else
    x = leat_feature_dense(b, s, i);
  leat_buf_str(&name, f->name);
  if (name.failed)
    leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "no memory");
  else
    leat_output(b, name.ptr ? name.ptr : "", x);
  leat_buf_deinit(&name);
}

static leat_status find_feature(const leat_flow_transform *t, const leat_features *all,
                                const leat_yaml_node *node, int *out, leat_error *err) {
  leat_str names[256];
  size_t count = all->count < 256 ? all->count : 256;
  for (size_t i = 0; i < all->count; i++) {
    if (i < count) names[i] = all->at[i].name;
    if (node->kind == LEAT_YAML_SCALAR && leat_str_eq(all->at[i].name, node->text))
      return *out = (int)i, LEAT_OK;
  }
  leat_str near = leat_str_nearest(node->text, names, count);
  return leat_flow_fail(t, node, err,
                        "the model has no feature '" LEAT_STR_FMT "'%s" LEAT_STR_FMT "%s",
                        LEAT_STR_ARG(node->text), near.len ? "; did you mean '" : "",
                        LEAT_STR_ARG(near), near.len ? "'?" : "");
}

static leat_status add_features(const leat_flow_transform *t, leat_builder *b,
                                const leat_feature_scene *s, bool ids, leat_error *err) {
  const leat_yaml_node *list = leat_yaml_get(t->config, "features");
  leat_status status = LEAT_OK;
  int at = 0;
  if (list && (list->kind != LEAT_YAML_SEQUENCE || !list->count))
    return leat_flow_fail(t, list, err, "expected features: [NAME, ...]");
  if (!list)
    for (size_t i = 0; i < s->features->count; i++) add_feature(b, s, (int)i, ids);
  for (size_t i = 0; list && !status && i < list->count; i++) {
    status = find_feature(t, s->features, list->items[i], &at, err);
    if (!status) add_feature(b, s, at, ids);
  }
  return status;
}

static leat_status read_categories(const leat_flow_transform *t, bool *ids, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(t->config, "categories");
  *ids = node && leat_str_eq(node->text, LEAT_STR("ids"));
  if (!node || *ids || leat_str_eq(node->text, LEAT_STR("one_hot"))) return LEAT_OK;
  return leat_flow_fail(t, node, err, "expected one_hot or ids");
}

static leat_status build(const leat_flow_transform *t, plan *p, leat_error *err) {
  const leat_config *c = &p->config;
  leat_error why = {0};
  bool ids = false;
  leat_status status = read_categories(t, &ids, err);
  if (!status) status = leat_graph_new(&p->graph, err);
  if (status) return status;
  leat_value *raw = leat__calloc(c->inputs.count + 1, sizeof *raw);
  leat_builder *b = leat_builder_new(p->graph, "features");
  status = raw && b ? LEAT_OK : leat__oom(err, 1);
  leat_feature_scene scene = {&c->features, &c->inputs, raw};
  if (!status) leat_raw_inputs(b, &c->inputs, leat_dim_symbol(p->graph, "batch", 0), raw);
  if (!status) status = add_features(t, b, &scene, ids, err);
  leat__free(raw);
  if (status) return leat_builder_free(b), status;
  status = leat_builder_finish(b, &p->f.func, &why);
  return status ? leat_flow_fail(t, NULL, err, "%s", why.message) : LEAT_OK;
}

// --- The transform ------------------------------------------------------------------------------
static leat_status apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  const char *row = NULL;
  if (!p) return leat__oom(err, sizeof *p);
  *p = (plan){0};
  leat_status status = leat__flow_model_yaml(t, &p->config, err);
  if (!status) status = read_analysis(flow, t, p, err);
  if (!status) status = build(t, p, err);
  if (!status) status = leat__flow_text(t, "output", &flow->arena, &row, err);
  if (status) return status;
  p->f.names = leat_yaml_get(t->config, "fields");
  p->f.keep = leat_yaml_get(t->config, "keep");
  p->f.row = leat_str_of(row ? row : "");
  return leat_flow_func_plan(flow, t, &p->f, err);
}

static void stop(leat_flow_transform *t) {
  plan *p = t->plan;
  if (!p) return;
  leat_graph_free(p->graph);
  leat_config_deinit(&p->config);
}

static leat_status start(const leat_flow_transform *t, leat_flow_worker *worker, leat_flow_op **out,
                         leat_error *err) {
  return leat_flow_func_start(t, &((const plan *)t->plan)->f, worker, out, err);
}

static const char *const names[] = {"model", "job_dir", "features",       "categories", "fields",
                                    "keep",  "output",  "error_handling", NULL};

const leat_flow_class leat_flow_features = {.type = "Features",
                                            .urn = "leat:transform:features:v1",
                                            .help = "The features of a model.yaml as fields",
                                            .inputs_min = 1,
                                            .inputs_max = 1,
                                            .fields = names,
                                            .apply = apply,
                                            .start = start,
                                            .stop = stop};

static const leat_flow_class *const classes[] = {&leat_flow_features, &leat_flow_analyze_features,
                                                 NULL};

void leat_flow_use_features(void) { leat_flow_add_classes(classes); }
