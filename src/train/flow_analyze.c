// AnalyzeFeatures: the pass over the data that features need before training.
// SPDX-License-Identifier: Apache-2.0
//
//   model: MODEL.yaml
//   job_dir: DIR             gets analysis.json, which `leat train` and Features then use
//   fields: {COLUMN: FIELD}
//
// A sink: each worker looks at its rows, the last one writes. What it finds does not depend on the
// order of rows, but for quantiles and medians of more than LEAT_QUANTILES_EXACT values, which are
// within their stated error.
#include "base/file.h"
#include "flow/row_func.h"
#include "train/checkpoint.h"
#include "train/flow_features.h"

#include <pthread.h>

typedef struct plan {
  leat_config config;
  const char *dir;
  leat_column *columns;
  int *fields;
  pthread_mutex_t lock;
  leat_analysis *all;  // of the workers that have finished
  int finished;        // how many
} plan;

typedef struct analyze_op {
  leat_flow_op op;
  leat_columns columns;
  leat_tensor **tensors;
  leat_analysis *analysis;
} analyze_op;

static leat_status plan_column(const leat_flow_transform *t, plan *p, int i, leat_error *err) {
  const leat_flow_schema *in = t->inputs.at[0]->schema;
  const leat_raw_column *raw = &p->config.inputs.at[i];
  const leat_yaml_node *names = leat_yaml_get(t->config, "fields"), *node = NULL;
  p->columns[i] = (leat_column){.name = raw->name,
                                .dtype = raw->dtype,
                                .values = raw->values ? raw->values : LEAT_ANY_NUMBER};
  for (size_t k = 0; names && names->kind == LEAT_YAML_MAPPING && k < names->count; k++)
    if (leat_str_eq(names->keys[k]->text, raw->name)) node = names->items[k];
  if (node) {
    leat_status status = leat_flow_field_of(t, in, node, &p->fields[i], err);
    if (status) return status;
  } else if ((p->fields[i] = leat_flow_schema_find(in, raw->name)) < 0)
    return leat_flow_no_field(t, in, NULL, raw->name, err);
  return leat_flow_field_fits(t, node, &in->fields[p->fields[i]], &p->columns[i], err);
}

static leat_status apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  if (!p) return leat__oom(err, sizeof *p);
  *p = (plan){.lock = PTHREAD_MUTEX_INITIALIZER};
  leat_status status = leat__flow_model_yaml(t, &p->config, err);
  if (!status) status = leat__flow_text(t, "job_dir", &flow->arena, &p->dir, err);
  if (!status && !p->dir) status = leat_flow_fail(t, NULL, err, "expected job_dir: DIR");
  if (status) return status;
  size_t count = p->config.inputs.count;
  p->columns = leat_arena_alloc(&flow->arena, (count + 1) * sizeof *p->columns);
  p->fields = leat_arena_alloc(&flow->arena, (count + 1) * sizeof *p->fields);
  if (!p->columns || !p->fields) return leat__oom(err, count);
  for (size_t i = 0; !status && i < count; i++) status = plan_column(t, p, (int)i, err);
  return status;
}

static leat_status add_row(analyze_op *o, const leat_flow_batch *batch, int row, leat_error *err) {
  const plan *p = o->op.transform->plan;
  leat_status status = leat_columns_begin_row(&o->columns, (leat_row_place){0}, err);
  for (int i = 0; !status && i < o->columns.count; i++)
    status = leat_flow_put_field(&o->columns, i, &batch->schema->fields[p->fields[i]],
                                 &batch->columns[p->fields[i]], row, err);
  return status ? status : leat_columns_end_row(&o->columns, true, err);
}

static leat_status add_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                             leat_error *err) {
  analyze_op *o = (analyze_op *)op;
  leat_status status = leat_columns_clear(&o->columns, err);
  for (int i = 0; !status && i < batch->rows; i++) status = add_row(o, batch, i, err);
  if (!status && batch->rows) status = leat_columns_take(&o->columns, o->tensors, err);
  if (!status && batch->rows) status = leat_analysis_add(o->analysis, o->tensors, err);
  for (int i = 0; i < o->columns.count; i++) leat_tensor_unref(o->tensors[i]), o->tensors[i] = NULL;
  return status;
}

static leat_status write(plan *p, leat_error *err) {
  leat_status status = leat_analysis_finish(p->all, &p->config.features, &p->config.arena, err);
  if (!status) status = leat_dir_make(p->dir, err);
  return status ? status : leat_analysis_save(p->dir, &p->config, err);
}

// The last worker writes what all have found.
static leat_status finish(leat_flow_op *op, leat_error *err) {
  analyze_op *o = (analyze_op *)op;
  plan *p = op->transform->plan;
  leat_status status = LEAT_OK;
  pthread_mutex_lock(&p->lock);
  if (p->all)
    status = leat_analysis_merge(p->all, o->analysis, err);
  else
    p->all = o->analysis, o->analysis = NULL;
  if (!status && ++p->finished == op->worker->count) status = write(p, err);
  pthread_mutex_unlock(&p->lock);
  return status;
}

static void analyze_free(leat_flow_op *op) {
  analyze_op *o = (analyze_op *)op;
  leat_analysis_free(o->analysis);
  leat_columns_deinit(&o->columns);
  leat__free(o->tensors);
  leat__free(o);
}

static const leat_flow_op_class op_class = {
    .batch = add_batch, .finish = finish, .free = analyze_free};

static leat_status start(const leat_flow_transform *t, leat_flow_worker *worker, leat_flow_op **out,
                         leat_error *err) {
  const plan *p = t->plan;
  leat_status status = leat_flow_op_new(sizeof(analyze_op), &op_class, t, worker, out, err);
  analyze_op *o = (analyze_op *)*out;
  if (status) return status;
  o->tensors = leat__calloc(p->config.inputs.count + 1, sizeof(leat_tensor *));
  if (!o->tensors) return leat__oom(err, p->config.inputs.count);
  status = leat_columns_init(&o->columns, p->columns, (int)p->config.inputs.count, err);
  return status ? status
                : leat_analysis_new(&o->analysis, &p->config.features, &p->config.inputs, err);
}

static void stop(leat_flow_transform *t) {
  plan *p = t->plan;
  if (!p) return;
  leat_analysis_free(p->all);  // before the features that it is of
  leat_config_deinit(&p->config);
  pthread_mutex_destroy(&p->lock);
}

static const char *const names[] = {"model", "job_dir", "fields", NULL};

const leat_flow_class leat_flow_analyze_features = {
    .type = "AnalyzeFeatures",
    .urn = "leat:transform:analyze_features:v1",
    .help = "What a model.yaml's features need to know of the data, into a job directory",
    .inputs_min = 1,
    .inputs_max = 1,
    .fields = names,
    .apply = apply,
    .start = start,
    .stop = stop};
