// A training job: opening it, its state, and what it exports.
// SPDX-License-Identifier: Apache-2.0
#include "train/job_impl.h"

#include "base/clock.h"
#include "base/file.h"
#include "formats/number.h"
#include "leat/model.h"
#include "train/warm_start.h"

#include <stdio.h>
#include <unistd.h>

// --- Opening ------------------------------------------------------------------------------------
static bool needs_analysis(const leat_config *c) {
  for (size_t i = 0; i < c->features.count; i++)
    if (leat_feature_needs_analysis(&c->features.at[i])) return true;
  return false;
}

static leat_status analyse(leat_job *job, leat_error *err) {
  leat_config *c = job->config;
  leat_input_source *source = NULL;
  leat_analysis *analysis = NULL;
  int count = leat_config_batch_size(c);
  leat_tensor **columns = leat__calloc((size_t)count + 1, sizeof *columns);
  int64_t rows = 1;
  leat_status status = columns ? LEAT_OK : leat__oom(err, sizeof *columns);
  if (!status) status = leat__job_train_source(&source, job, false, err);
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
  status = analyse(job, err);
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
  if (!status && job->config->warm_start.checkpoint.len)
    status = leat_warm_start_run(job->config, job->e.graph, job->state, err);
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

// Physical memory; 0 where the system does not tell.
static double memory_bytes(void) {
  long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? (double)pages * (double)size : 0;
}

// Variables that cannot fit are refused before the system runs out of memory.
static leat_status check_memory(const leat_graph *graph, leat_error *err) {
  double total = 0, most = 0, have = memory_bytes();
  const leat_var *largest = NULL;
  for (size_t i = 0; i < leat_graph_var_count(graph); i++) {
    leat_type type = leat_var_type(leat_graph_var_at(graph, i));
    double bytes = (double)leat_dtype_bits(type.dtype) / 8;
    for (int k = 0; k < type.shape.rank; k++) bytes *= (double)type.shape.dims[k];
    if (bytes > most) most = bytes, largest = leat_graph_var_at(graph, i);
    total += bytes;
  }
  if (have <= 0 || total < have) return LEAT_OK;
  return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED,
                        "the model's variables need %.0f GB, this machine has %.0f; the largest is "
                        "'%s' with %.0f GB",
                        total * 1e-9, have * 1e-9, leat_var_name(largest), most * 1e-9);
}

static leat_status start(leat_job *job, bool train, leat_error *err) {
  leat_exec_options options = {.engine = job->config->engine, .threads = (int)job->config->threads};
  leat_status status = LEAT_OK;
  if (train && job->options.overwrite) status = leat_dir_remove(job->dir, err);
  if (!status && train) status = leat_dir_make(job->dir, err);
  if (!status) status = prepare_features(job, train, err);
  if (!status && train) status = leat_vocabularies_save(job->dir, job->config, err);
  if (!status) status = leat_estimator_build(&job->e, job->config, false, err);
  if (!status) status = leat__job_check_watches(job, err);
  if (!status) status = check_memory(job->e.graph, err);
  if (!status) status = leat_state_new(&job->state, job->e.graph, err);
  if (!status) status = restore(job, train, err);
  leat_exec_options step = options;
  step.check_numerics = train && job->options.check_numerics;
  step.profile = train && job->options.profile;
  step.calls =
      train ? (job->config->steps - job->progress.step) * job->config->accumulate_steps : 0;
  // Who looks into a step wants all of it.
  bool whole = step.check_numerics || step.profile || !job->config->prefetch || !job->e.front;
  if (!whole) job->front = job->e.front;
  if (!status) status = leat_exec_new(&job->step, whole ? job->e.step : job->e.rest, &step, err);
  if (job->config->prefetch) job->eval_front = job->e.eval_front;
  leat_func *eval = job->eval_front ? job->e.eval_rest : job->e.eval;
  if (!status) status = leat_exec_new(&job->eval, eval, &options, err);
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
  leat_event_close(job->eval_events, NULL);
  leat_state_free(job->state);
  leat_estimator_deinit(&job->e);
  leat__free(job->dir);
  leat__free(job);
}

const char *leat_job_note(const leat_job *job) { return leat_exec_note(job->step); }
int64_t leat_job_step(const leat_job *job) { return job->progress.step; }
leat_state *leat_job_state(const leat_job *job) { return job->state; }
const leat_estimator *leat_job_estimator(const leat_job *job) { return &job->e; }

// --- Export -------------------------------------------------------------------------------------
static leat_status prune_exports(const char *parent, int64_t keep, leat_error *err) {
  leat_paths names = {0};
  leat_status status = leat_dir_list(parent, &names, err);
  int64_t newest[64], count = 0;
  for (size_t i = 0; !status && i < names.count; i++) {
    int64_t at;
    if (leat_parse_i64(leat_str_of(names.at[i]), &at) && count < 64) newest[count++] = at;
  }
  while (!status && count > keep) {  // the oldest goes
    int64_t oldest = 0;
    for (int64_t i = 1; i < count; i++)
      if (newest[i] < newest[oldest]) oldest = i;
    char name[32], *path;
    snprintf(name, sizeof name, "%lld", (long long)newest[oldest]);
    path = leat_path_join(parent, name);
    status = path ? leat_dir_remove(path, err) : leat__oom(err, 1);
    leat__free(path);
    newest[oldest] = newest[--count];
  }
  leat_paths_deinit(&names);
  return status;
}

leat_status leat__job_export(leat_job *job, leat_str name, int64_t keep, char **path,
                             leat_error *err) {
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
    leat_buf_fmt(&dir, "%s/export/" LEAT_STR_FMT "/%lld", job->dir, LEAT_STR_ARG(name),
                 (long long)seconds++);
  } while (!dir.failed && leat_file_exists(dir.ptr));
  if (!status) status = leat_buf_status(&dir, err);
  if (!status) status = leat_model_save(dir.ptr, serving.predict, state, "predict", err);
  if (!status) status = leat__job_lineage(job, dir.ptr, err);
  if (!status && keep) {
    char *parent = leat_path_dir(dir.ptr);
    status = parent ? prune_exports(parent, keep, err) : leat__oom(err, 1);
    leat__free(parent);
  }
  if (!status)
    *path = dir.ptr;
  else
    leat_buf_deinit(&dir);
  leat_state_free(state);
  leat_estimator_deinit(&serving);
  return status;
}

leat_status leat_job_export(leat_job *job, char **path, leat_error *err) {
  return leat__job_export(job, job->config->export_name, 0, path, err);
}
