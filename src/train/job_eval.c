// A training job's data and evaluations.
// SPDX-License-Identifier: Apache-2.0
#include "train/job_summary.h"

#include "base/file.h"

// --- Data ---------------------------------------------------------------------------------------
leat_status leat__job_train_source(leat_input_source **out, const leat_job *job, bool shuffled,
                                   leat_error *err) {
  const leat_config *c = job->config;
  leat_status status =
      leat_source_open(out, c, c->train_files.at, c->train_files.count, shuffled ? c->shuffle : 0,
                       shuffled, job->progress.seed, err);
  if (!status && c->split > 0) leat_source_take(*out, LEAT_SIDE_TRAIN);
  return status;
}

leat_status leat__job_eval_source(leat_input_source **out, const leat_job *job, leat_error *err) {
  const leat_config *c = job->config;
  bool split = c->split > 0 && !c->eval_files.count;
  const leat_str *files = split ? c->train_files.at : c->eval_files.at;
  size_t count = split ? c->train_files.count : c->eval_files.count;
  leat_status status = leat_source_open(out, c, files, count, 0, false, 0, err);
  if (!status && split) leat_source_take(*out, LEAT_SIDE_EVAL);
  return status;
}

// --- Evaluation ---------------------------------------------------------------------------------
static leat_status write_metrics(leat_job *job, const leat_metric_values *m, leat_error *err) {
  char *dir = leat_path_join(job->dir, "eval");
  leat_status status = dir ? LEAT_OK : leat__oom(err, 1);
  if (!status && !job->eval_events) status = leat_event_open(&job->eval_events, dir, err);
  for (int i = 0; !status && i < m->count; i++)
    status =
        leat_event_scalar(job->eval_events, m->global_step, m->names[i], (float)m->values[i], err);
  if (!status) status = leat__job_write_curves(job, err);
  if (!status) status = leat_event_flush(job->eval_events, err);
  leat__free(dir);
  return status;
}

static leat_status eval_batches(leat_job *job, leat_error *err) {
  const leat_config *c = job->config;
  leat_input_source *source = NULL;
  int columns = leat_config_batch_size(c);
  leat_tensor **batch = leat__calloc((size_t)columns + 1, sizeof *batch);
  leat_status status = batch ? leat_exec_run(job->reset, job->state, NULL, 0, NULL, err)
                             : leat__oom(err, sizeof *batch);
  if (!status) status = leat__job_eval_source(&source, job, err);
  for (int64_t done = 0; !status && (!c->eval_steps || done < c->eval_steps); done++) {
    int64_t rows;
    status = leat_source_next(source, c->eval_batch_size, batch, &rows, err);
    if (!status && !rows) break;
    if (!status) status = leat_exec_run(job->eval, job->state, batch, columns, NULL, err);
    for (int i = 0; i < columns; i++) leat_tensor_unref(batch[i]), batch[i] = NULL;
  }
  leat_source_close(source);
  leat__free(batch);
  return status;
}

leat_status leat_job_evaluate(leat_job *job, leat_metric_values *out, leat_error *err) {
  leat_tensor *values[LEAT_MAX_METRICS] = {NULL};
  *out = (leat_metric_values){.count = leat_func_output_count(job->e.result),
                              .global_step = job->progress.step};
  leat_status status = eval_batches(job, err);
  if (!status) status = leat_exec_run(job->result, job->state, NULL, 0, values, err);
  for (int i = 0; !status && i < out->count; i++) {
    out->names[i] = leat_func_output_name(job->e.result, i);
    out->values[i] = *(double *)leat_tensor_data(values[i]);
  }
  for (int i = 0; i < LEAT_MAX_METRICS; i++) leat_tensor_unref(values[i]);
  return status ? status : write_metrics(job, out, err);
}

// --- Watched metrics ----------------------------------------------------------------------------
// Whether more is better: of what counts hits; losses and errors should fall.
static bool rises(leat_str metric) {
  static const char *const beginnings[] = {
      "accuracy", "auc", "precision", "recall", "top_", "mean_iou", "mean_per_class_accuracy"};
  for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
    if (leat_str_starts(metric, leat_str_of(beginnings[i]))) return true;
  return false;
}

// Takes a value in; whether it is better than all before.
static bool follow(leat_watch *watch, const leat_watched *rule, double value, int64_t step) {
  double gain = rises(rule->metric) ? value - watch->best : watch->best - value;
  bool better = value == value && (watch->best_step == 0 || gain > rule->min_delta);
  watch->stale = better ? 0 : watch->stale + 1;
  if (better) watch->best = value, watch->best_step = step;
  return better;
}

static const double *value_of(const leat_metric_values *m, leat_str name) {
  for (int i = 0; i < m->count; i++)
    if (leat_str_eq(name, leat_str_of(m->names[i]))) return &m->values[i];
  return NULL;
}

static leat_status check_metric(const leat_job *job, leat_str metric, leat_error *err) {
  leat_str names[LEAT_MAX_METRICS];
  int count = leat_func_output_count(job->e.result);
  for (int i = 0; i < count; i++) {
    names[i] = leat_str_of(leat_func_output_name(job->e.result, i));
    if (!metric.len || leat_str_eq(metric, names[i])) return LEAT_OK;
  }
  leat_str nearest = leat_str_nearest(metric, names, (size_t)count);
  if (!nearest.len) nearest = LEAT_STR("loss");
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "the model has no metric '" LEAT_STR_FMT "'; did you mean '" LEAT_STR_FMT
                        "'?",
                        LEAT_STR_ARG(metric), LEAT_STR_ARG(nearest));
}

leat_status leat__job_check_watches(const leat_job *job, leat_error *err) {
  leat_status status = check_metric(job, job->config->stop.metric, err);
  return status ? status : check_metric(job, job->config->best.metric, err);
}

leat_status leat__job_watch(leat_job *job, leat_error *err) {
  leat_metric_values metrics;
  const leat_config *c = job->config;
  int64_t step = job->progress.step;
  char *path = NULL;
  leat_status status = leat_job_evaluate(job, &metrics, err);
  if (status) return status;
  const double *stop = value_of(&metrics, c->stop.metric),
               *best = value_of(&metrics, c->best.metric);
  if (stop) follow(&job->progress.stop, &c->stop, *stop, step);
  if (best && follow(&job->progress.best, &c->best, *best, step))
    status = leat__job_export(job, LEAT_STR("best"), c->export_keep, &path, err);
  leat__free(path);
  if (!status && job->options.evaluated) job->options.evaluated(job->options.context, &metrics);
  return status;
}

bool leat__job_is_done(const leat_job *job) {
  return job->config->stop.metric.len && job->progress.stop.stale >= job->config->stop.patience;
}
