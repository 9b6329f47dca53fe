// leat_train_and_evaluate: a whole job in one call.
// SPDX-License-Identifier: Apache-2.0
#include "train/job.h"

#include "base/file.h"

#include <stdio.h>

typedef struct override_list {
  LEAT_VEC(leat_override) items;
  char **paths;  // owned copies of what stands before each '='
  size_t count;
} override_list;

static leat_status split_overrides(const leat_train_options *o, override_list *list,
                                   leat_error *err) {
  list->paths = leat__calloc(o->override_count + 1, sizeof *list->paths);
  if (!list->paths) return leat__oom(err, sizeof *list->paths);
  for (size_t i = 0; i < o->override_count; i++) {
    const char *text = o->overrides[i], *equals = strchr(text, '=');
    if (!equals)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "override '%s': field=value was expected",
                            text);
    char *path = leat_strdup(text);
    if (!path) return leat__oom(err, strlen(text));
    list->paths[list->count++] = path;
    path[equals - text] = 0;
    if (!leat_vec_push(&list->items, (leat_override){path, equals + 1}))
      return leat__oom(err, sizeof(leat_override));
  }
  return LEAT_OK;
}

static void free_overrides(override_list *list) {
  for (size_t i = 0; i < list->count; i++) leat__free(list->paths[i]);
  leat__free(list->paths);
  leat_vec_deinit(&list->items);
}

static void copy_metrics(leat_train_result *result, const leat_metric_values *m) {
  result->metrics = *m;
  for (int i = 0; i < m->count; i++) {
    snprintf(result->names[i], sizeof result->names[i], "%s", m->names[i]);
    result->metrics.names[i] = result->names[i];
  }
}

static leat_status run_job(leat_config *config, const leat_train_options *o,
                           leat_train_result *result, leat_error *err) {
  leat_job *job = NULL;
  leat_metric_values metrics = {0};
  char *path = NULL;
  leat_job_options options = {.overwrite = o->overwrite};
  leat_status status = leat_job_open(&job, config, o->job_dir, true, &options, err);
  if (!status) status = leat_job_train(job, err);
  if (!status && (config->eval_files.count || config->split > 0))
    status = leat_job_evaluate(job, &metrics, err);
  if (!status) status = leat_job_export(job, &path, err);
  if (!status && strlen(path) >= sizeof result->export_dir)
    status = leat_error_set(err, LEAT_OUT_OF_RANGE, "%s: the path is too long", path);
  if (!status) {
    snprintf(result->export_dir, sizeof result->export_dir, "%s", path);
    metrics.global_step = leat_job_step(job);
    copy_metrics(result, &metrics);
  }
  leat__free(path);
  leat_job_close(job);
  return status;
}

leat_status leat_train_and_evaluate(const char *model_yaml, const leat_train_options *o,
                                    leat_train_result *result, leat_error *err) {
  leat_train_result unused;
  override_list list = {0};
  leat_config config = {0};
  if (!result) result = &unused;
  *result = (leat_train_result){0};
  if (!o->job_dir)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "leat_train_options.job_dir is missing");
  leat_status status = split_overrides(o, &list, err);
  if (!status) status = leat_config_load(&config, model_yaml, list.items.at, list.items.count, err);
  if (!status) {
    config.model_fn = o->model_fn;
    config.model_context = o->context;
    status = run_job(&config, o, result, err);
    leat_config_deinit(&config);
  }
  free_overrides(&list);
  return status;
}
