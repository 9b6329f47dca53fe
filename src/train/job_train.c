// A training job's loop around the step function.
// SPDX-License-Identifier: Apache-2.0
#include "train/job_summary.h"

#include "base/clock.h"
#include "base/file.h"
#include "train/graph_def.h"
#include "train/profile.h"

#include <stdio.h>

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

// One batch: a step, or a part of one where gradients are accumulated.
static leat_status one_batch(trainer *t, bool *ended, leat_error *err) {
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
  t->loss += (double)*(float *)leat_tensor_data(loss);
  leat_tensor_unref(loss);
  return LEAT_OK;
}

// One update of the weights. Data that end within it leave it undone.
static leat_status one_step(trainer *t, bool *ended, leat_error *err) {
  leat_job *job = t->job;
  int64_t parts = job->config->accumulate_steps;
  leat_status status = LEAT_OK;
  t->loss = 0;
  for (int64_t i = 0; !status && !*ended && i < parts; i++) {
    drop_batch(t);
    status = one_batch(t, ended, err);
  }
  if (status || *ended) return status;
  t->loss /= (double)parts;
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

// Histograms of the weights, save for large tables: that would cost more than the steps.
static leat_status write_weights(trainer *t, leat_error *err) {
  enum { MOST = 1 << 16 };
  leat_job *job = t->job;
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < leat_graph_var_count(job->e.graph); i++) {
    const leat_var *var = leat_graph_var_at(job->e.graph, i);
    const leat_tensor *value = leat_state_get(job->state, var);
    if (!leat_estimator_is_weight(var) || leat_tensor_count(value) > MOST) continue;
    status = leat_event_histogram(t->events, job->progress.step, leat_var_name(var),
                                  leat_tensor_data(value), (size_t)leat_tensor_count(value), err);
  }
  return status;
}

static leat_status write_graph(trainer *t, leat_error *err) {
  leat_buf graph = {0};
  leat_graph_def(t->job->e.step, &graph);
  leat_status status = leat_buf_status(&graph, err);
  if (!status) status = leat_event_graph(t->events, leat_buf_view(&graph), err);
  leat_buf_deinit(&graph);
  return status;
}

static leat_status summarise(trainer *t, leat_error *err) {
  int64_t step = t->job->progress.step;
  leat_status status = leat_event_scalar(t->events, step, "loss", (float)t->loss, err);
  if (!status) status = run_summary(t, err);
  if (!status) status = write_weights(t, err);
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
    if (!status && c->eval_every_steps && step % c->eval_every_steps == 0)
      status = leat__job_watch(job, err);
    if (leat__job_is_done(job)) ended = true;
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

void leat_job_profile(const leat_job *job, leat_buf *out) {
  const leat_profile *profile = leat__exec_profile(job->step);
  if (profile && profile->rows.count) leat_profile_table(profile, out);
}

static leat_status write_profile(trainer *t, leat_error *err) {
  const leat_profile *profile = leat__exec_profile(t->job->step);
  leat_buf trace = {0}, run = {0};
  if (!profile || !profile->events.count) return LEAT_OK;
  char *dir = leat_path_join(t->job->dir, "profile");
  char *path = dir ? leat_path_join(dir, "train.trace.json") : NULL;
  leat_status status = path ? leat_dir_make(dir, err) : leat__oom(err, 1);
  leat_profile_trace(profile, &trace);
  leat_profile_run_metadata(profile, t->job->e.step, &run);
  if (!status) status = leat_buf_status(&trace, err);
  if (!status) status = leat_file_write(path, leat_buf_view(&trace), err);
  if (!status) status = leat_buf_status(&run, err);
  if (!status)
    status = leat_event_run_metadata(t->events, t->job->progress.step, "train_step",
                                     leat_buf_view(&run), err);
  leat_buf_deinit(&trace);
  leat_buf_deinit(&run);
  leat__free(path);
  leat__free(dir);
  return status;
}

leat_status leat_job_train(leat_job *job, leat_error *err) {
  const leat_config *c = job->config;
  trainer t = {.job = job,
               .columns = leat_config_batch_size(c),
               .first_step = job->progress.step,
               .started = leat_clock_ns()};
  if (job->progress.step >= c->steps || leat__job_is_done(job))
    return job->saved_step < 0 ? save(job, err) : LEAT_OK;
  t.batch = leat__calloc((size_t)t.columns + 1, sizeof *t.batch);
  leat_status status = t.batch ? LEAT_OK : leat__oom(err, sizeof *t.batch);
  if (!status) status = leat__job_train_source(&t.source, job, true, err);
  if (!status && job->progress.step)
    status = leat_source_seek(t.source, job->progress.position, err);
  if (!status) status = leat_event_open(&t.events, job->dir, err);
  if (!status) status = leat__job_write_hyper(job, t.events, err);
  if (!status) status = write_graph(&t, err);
  if (!status) status = loop(&t, err);
  if (!status)
    status = write_profile(&t, err);
  else if (status == LEAT_CANCELLED)
    write_profile(&t, NULL);  // an interrupted training shows where its time went, too
  if (t.events && status != LEAT_CANCELLED) leat_event_hyper_end(t.events, !status, NULL);
  leat_event_close(t.events, NULL);
  leat_source_close(t.source);
  leat__free(t.batch);
  return status;
}
