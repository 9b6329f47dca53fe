// A training job: the loop around the step function.
// SPDX-License-Identifier: Apache-2.0
#include "train/job.h"

#include "base/clock.h"
#include "base/file.h"
#include "formats/event.h"
#include "leat/model.h"

#include <stdio.h>

struct leat_job {
  leat_config *config;
  leat_job_options options;
  char *dir;
  leat_estimator e;
  leat_state *state;
  leat_exec *step, *eval, *reset, *result, *summary;
  leat_progress progress;  // of the newest step
  int64_t saved_step;      // of the newest checkpoint, -1 = none
};

// --- Opening ------------------------------------------------------------------------------------
static bool needs_analysis(const leat_config *c) {
  for (size_t i = 0; i < c->features.count; i++)
    if (leat_feature_needs_analysis(&c->features.at[i])) return true;
  return false;
}

static leat_status analyse(leat_config *c, leat_error *err) {
  leat_input_source *source = NULL;
  leat_analysis *analysis = NULL;
  int count = leat_config_batch_size(c);
  leat_tensor **columns = leat__calloc((size_t)count + 1, sizeof *columns);
  int64_t rows = 1;
  leat_status status = columns ? LEAT_OK : leat__oom(err, sizeof *columns);
  if (!status)
    status =
        leat_source_open(&source, c, c->train_files.at, c->train_files.count, 0, false, 0, err);
  if (!status) status = leat_analysis_new(&analysis, &c->features, &c->inputs, err);
  while (!status && rows) {
    status = leat_source_next(source, 8192, columns, &rows, err);
    if (!status && rows) status = leat_analysis_add(analysis, columns, err);
    for (int i = 0; columns && i < count; i++) leat_tensor_unref(columns[i]), columns[i] = NULL;
  }
  if (!status) status = leat_analysis_finish(analysis, &c->features, &c->arena, err);
  leat_analysis_free(analysis);
  leat_source_close(source);
  leat__free(columns);
  return status;
}

static leat_status prepare_features(leat_job *job, bool train, leat_error *err) {
  bool found = false;
  leat_status status = leat_analysis_load(job->dir, job->config, &found, err);
  if (status || found || !needs_analysis(job->config)) return status;
  if (!train)
    return leat_error_set(err, LEAT_FAILED_PRECONDITION,
                          "%s: no analysis.json: not a job directory that was trained", job->dir);
  status = analyse(job->config, err);
  return status ? status : leat_analysis_save(job->dir, job->config, err);
}

static leat_status run_init(leat_job *job, leat_error *err) {
  leat_exec *exec = NULL;
  leat_tensor *seed = NULL;
  uint64_t value = (uint64_t)job->config->seed;
  leat_status status = leat_tensor_copy_of(&seed, LEAT_DTYPE_U64, 0, NULL, &value, err);
  if (!status) status = leat_exec_new(&exec, job->e.init, NULL, err);
  if (!status) status = leat_exec_run(exec, job->state, &seed, 1, NULL, err);
  job->progress = (leat_progress){.seed = value};
  leat_exec_free(exec);
  leat_tensor_unref(seed);
  return status;
}

static leat_status restore(leat_job *job, bool train, leat_error *err) {
  char *path = NULL;
  job->saved_step = -1;
  leat_status status = leat_checkpoint_latest(job->dir, &path, err);
  if (!status && path) {
    status = leat_checkpoint_load(path, job->e.graph, job->state, &job->progress, err);
    job->saved_step = job->progress.step;
  } else if (!status && !train)
    status = leat_error_set(err, LEAT_NOT_FOUND, "%s: no checkpoint", job->dir);
  else if (!status)
    status = run_init(job, err);
  leat__free(path);
  return status;
}

static leat_status start(leat_job *job, bool train, leat_error *err) {
  leat_exec_options options = {.threads = (int)job->config->threads};
  leat_status status = LEAT_OK;
  if (train && job->options.overwrite) status = leat_dir_remove(job->dir, err);
  if (!status && train) status = leat_dir_make(job->dir, err);
  if (!status) status = prepare_features(job, train, err);
  if (!status) status = leat_estimator_build(&job->e, job->config, false, err);
  if (!status) status = leat_state_new(&job->state, job->e.graph, err);
  if (!status) status = restore(job, train, err);
  if (!status) status = leat_exec_new(&job->step, job->e.step, &options, err);
  if (!status) status = leat_exec_new(&job->eval, job->e.eval, &options, err);
  if (!status) status = leat_exec_new(&job->reset, job->e.reset, NULL, err);
  if (!status) status = leat_exec_new(&job->summary, job->e.summary, &options, err);
  return status ? status : leat_exec_new(&job->result, job->e.result, NULL, err);
}

leat_status leat_job_open(leat_job **out, leat_config *config, const char *dir, bool train,
                          const leat_job_options *options, leat_error *err) {
  leat_job *job = *out = leat__calloc(1, sizeof *job);
  if (!job) return leat__oom(err, sizeof *job);
  job->config = config;
  if (options) job->options = *options;
  job->dir = leat_strdup(dir);
  leat_status status = job->dir ? start(job, train, err) : leat__oom(err, 1);
  if (!status) return LEAT_OK;
  leat_job_close(job);
  *out = NULL;
  return status;
}

void leat_job_close(leat_job *job) {
  if (!job) return;
  leat_exec_free(job->step);
  leat_exec_free(job->eval);
  leat_exec_free(job->reset);
  leat_exec_free(job->result);
  leat_exec_free(job->summary);
  leat_state_free(job->state);
  leat_estimator_deinit(&job->e);
  leat__free(job->dir);
  leat__free(job);
}

int64_t leat_job_step(const leat_job *job) { return job->progress.step; }
const leat_estimator *leat_job_estimator(const leat_job *job) { return &job->e; }

// --- Training -----------------------------------------------------------------------------------
typedef struct trainer {
  leat_job *job;
  leat_input_source *source;
  leat_event_writer *events;
  leat_tensor **batch;
  int columns;
  int64_t rows, started, first_step, last_log;
  int64_t report_ns;
  double loss;
} trainer;

static void drop_batch(trainer *t) {
  for (int i = 0; t->batch && i < t->columns; i++)
    leat_tensor_unref(t->batch[i]), t->batch[i] = NULL;
}

static leat_status save(leat_job *job, leat_error *err) {
  if (job->saved_step == job->progress.step) return LEAT_OK;
  leat_status status = leat_checkpoint_save(job->dir, job->e.graph, job->state, &job->progress,
                                            job->config->keep_checkpoint_max, err);
  if (!status) job->saved_step = job->progress.step;
  return status;
}

// A loss that is not finite: the step, which changed nothing, runs again and is watched.
static leat_status explain_nan(trainer *t, leat_error *err) {
  leat_job *job = t->job;
  char first[320], last[320];
  leat_error inner = {0};
  leat_exec *exec = NULL;
  leat_tensor *out = NULL;
  leat_source_place(t->source, 0, first, sizeof first);
  leat_source_place(t->source, t->rows - 1, last, sizeof last);
  leat_exec_options options = {.check_numerics = true};
  if (!leat_exec_new(&exec, job->e.step, &options, NULL))
    leat_exec_run(exec, job->state, t->batch, t->columns, &out, &inner);
  leat_tensor_unref(out);
  leat_exec_free(exec);
  return leat_error_set(err, LEAT_OUT_OF_RANGE,
                        "step %lld: the loss is not finite: %s; batch of %lld rows from %s to %s; "
                        "a smaller learning rate may help",
                        (long long)job->progress.step + 1, inner.message, (long long)t->rows, first,
                        last);
}

static leat_status one_step(trainer *t, bool *ended, leat_error *err) {
  leat_job *job = t->job;
  leat_tensor *loss = NULL;
  leat_status status =
      leat_source_next(t->source, job->config->batch_size, t->batch, &t->rows, err);
  if (!status && !t->rows) return *ended = true, LEAT_OK;
  if (!status) status = leat_exec_run(job->step, job->state, t->batch, t->columns, &loss, err);
  if (status) {
    char place[320];
    if (err && strstr(err->message, LEAT_LOSS_NOT_FINITE)) return explain_nan(t, err);
    if (t->rows) {
      leat_source_place(t->source, 0, place, sizeof place);
      return leat_error_prepend(err, status, "step %lld (batch from %s)",
                                (long long)job->progress.step + 1, place);
    }
    return status;
  }
  t->loss = (double)*(float *)leat_tensor_data(loss);
  leat_tensor_unref(loss);
  job->progress.step++;
  job->progress.position = leat_source_tell(t->source);
  return LEAT_OK;
}

static double speed(const trainer *t) {
  double seconds = (double)(leat_clock_ns() - t->started) * 1e-9;
  return seconds > 0 ? (double)(t->job->progress.step - t->first_step) / seconds : 0;
}

// Scalars and histograms that the model names, of the weights after the step.
static leat_status run_summary(trainer *t, leat_error *err) {
  leat_job *job = t->job;
  int count = leat_func_output_count(job->e.summary);
  leat_tensor **out = leat__calloc((size_t)count + 1, sizeof *out);
  leat_status status = out ? leat_exec_run(job->summary, job->state, t->batch, t->columns, out, err)
                           : leat__oom(err, sizeof *out);
  for (int i = 0; !status && i < count; i++) {
    const char *tag = leat_func_output_name(job->e.summary, i);
    const float *x = leat_tensor_data(out[i]);
    status = leat_tensor_rank(out[i])
                 ? leat_event_histogram(t->events, job->progress.step, tag, x,
                                        (size_t)leat_tensor_count(out[i]), err)
                 : leat_event_scalar(t->events, job->progress.step, tag, *x, err);
  }
  for (int i = 0; out && i < count; i++) leat_tensor_unref(out[i]);
  leat__free(out);
  return status;
}

static leat_status summarise(trainer *t, leat_error *err) {
  int64_t step = t->job->progress.step;
  leat_status status = leat_event_scalar(t->events, step, "loss", (float)t->loss, err);
  if (!status) status = run_summary(t, err);
  if (!status) status = leat_event_scalar(t->events, step, "global_step/sec", (float)speed(t), err);
  return status ? status : leat_event_flush(t->events, err);
}

static bool report(trainer *t, bool now) {
  leat_job *job = t->job;
  if (!job->options.progress) return true;
  int64_t ns = leat_clock_ns();
  if (!now && ns - t->report_ns < 100000000) return true;
  t->report_ns = ns;
  leat_job_progress p = {job->progress.step, job->config->steps, t->loss, speed(t)};
  return job->options.progress(job->options.context, &p);
}

static leat_status loop(trainer *t, leat_error *err) {
  leat_job *job = t->job;
  const leat_config *c = job->config;
  bool ended = false, stopped = false;
  leat_status status = LEAT_OK;
  while (!status && !ended && !stopped && job->progress.step < c->steps) {
    status = one_step(t, &ended, err);
    if (status || ended) break;
    if (c->epochs && job->progress.position.epoch >= c->epochs) ended = true;
    int64_t step = job->progress.step;
    bool log = step % c->log_steps == 0 || step == t->first_step + 1;
    if (log) status = summarise(t, err);
    if (!status && step % c->save_checkpoints_steps == 0) status = save(job, err);
    stopped = !report(t, log && step % c->log_steps == 0);
    drop_batch(t);
  }
  drop_batch(t);
  if (!status) status = save(job, err);
  if (!status) report(t, true);
  return !status && stopped ? leat_error_set(err, LEAT_CANCELLED, "stopped at step %lld",
                                             (long long)job->progress.step)
                            : status;
}

leat_status leat_job_train(leat_job *job, leat_error *err) {
  const leat_config *c = job->config;
  trainer t = {.job = job,
               .columns = leat_config_batch_size(c),
               .first_step = job->progress.step,
               .started = leat_clock_ns()};
  if (job->progress.step >= c->steps) return LEAT_OK;
  t.batch = leat__calloc((size_t)t.columns + 1, sizeof *t.batch);
  leat_status status = t.batch ? LEAT_OK : leat__oom(err, sizeof *t.batch);
  if (!status)
    status = leat_source_open(&t.source, c, c->train_files.at, c->train_files.count, c->shuffle,
                              true, job->progress.seed, err);
  if (!status && job->progress.step)
    status = leat_source_seek(t.source, job->progress.position, err);
  if (!status) status = leat_event_open(&t.events, job->dir, err);
  if (!status) status = loop(&t, err);
  leat_event_close(t.events, NULL);
  leat_source_close(t.source);
  leat__free(t.batch);
  return status;
}

// --- Evaluation ---------------------------------------------------------------------------------
static leat_status write_metrics(leat_job *job, const leat_metric_values *m, leat_error *err) {
  char *dir = leat_path_join(job->dir, "eval");
  leat_event_writer *w = NULL;
  leat_status status = dir ? leat_event_open(&w, dir, err) : leat__oom(err, 1);
  for (int i = 0; !status && i < m->count; i++)
    status = leat_event_scalar(w, m->global_step, m->names[i], (float)m->values[i], err);
  if (w) {
    leat_status closed = leat_event_close(w, status ? NULL : err);
    if (!status) status = closed;
  }
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
  if (!status)
    status = leat_source_open(&source, c, c->eval_files.at, c->eval_files.count, 0, false, 0, err);
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

// --- Export -------------------------------------------------------------------------------------
leat_status leat_job_export(leat_job *job, char **path, leat_error *err) {
  leat_estimator serving = {0};
  leat_state *state = NULL;
  *path = NULL;
  leat_status status = leat_estimator_build(&serving, job->config, true, err);
  if (!status) status = leat_state_new(&state, serving.graph, err);
  for (size_t i = 0; !status && i < leat_graph_var_count(serving.graph); i++) {
    const leat_var *var = leat_graph_var_at(serving.graph, i);
    const leat_var *from = leat_graph_find_var(job->e.graph, leat_str_of(leat_var_name(var)));
    status = leat_state_set(state, var, leat_state_get(job->state, from), err);
  }
  leat_buf dir = {0};
  int64_t seconds = (int64_t)leat_clock_wall();
  do {
    leat_buf_clear(&dir);
    leat_buf_fmt(&dir, "%s/export/" LEAT_STR_FMT "/%lld", job->dir,
                 LEAT_STR_ARG(job->config->export_name), (long long)seconds++);
  } while (!dir.failed && leat_file_exists(dir.ptr));
  if (!status) status = leat_buf_status(&dir, err);
  if (!status) status = leat_model_save(dir.ptr, serving.predict, state, "predict", err);
  if (!status)
    *path = dir.ptr;
  else
    leat_buf_deinit(&dir);
  leat_state_free(state);
  leat_estimator_deinit(&serving);
  return status;
}
