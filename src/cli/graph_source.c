// Where commands find the graph that a path names.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "cli/inspect.h"

static leat_status open_job(graph_source *s, const args *a, const char *path, leat_error *err) {
  const char *dir = args_get(a, "--job-dir");
  leat_job_options options = {0};
  if (!dir)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "--job-dir is needed: the job that trained %s", path);
  leat_status status = leat_config_load(&s->config, path, a->overrides.at, a->overrides.count, err);
  if (!status) status = leat_job_open(&s->job, &s->config, dir, false, &options, err);
  if (status) return status;
  s->graph = leat_job_estimator(s->job)->graph;
  s->state = leat_job_state(s->job);
  return LEAT_OK;
}

static leat_status open_text(graph_source *s, const char *path, leat_error *err) {
  leat_buf text = {0};
  leat_status status = leat_file_read(path, 1 << 30, &text, err);
  if (!status) status = leat_graph_parse(&s->parsed, leat_buf_view(&text), path, NULL, err);
  leat_buf_deinit(&text);
  s->graph = s->parsed;
  return status;
}

leat_status graph_source_open(graph_source *s, const args *a, const char *path, leat_error *err) {
  leat_str name = leat_str_of(path);
  if (leat_str_ends(name, LEAT_STR(".yaml")) || leat_str_ends(name, LEAT_STR(".yml")))
    return open_job(s, a, path, err);
  if (!leat_file_is_dir(path)) return open_text(s, path, err);
  leat_status status = leat_model_load(&s->model, path, err);
  if (status) return status;
  s->graph = (leat_graph *)leat_func_graph(leat_model_func(s->model));
  s->state = leat_model_state(s->model);
  return LEAT_OK;
}

void graph_source_close(graph_source *s) {
  leat_job_close(s->job);
  leat_config_deinit(&s->config);
  leat_model_free(s->model);
  leat_graph_free(s->parsed);
}

leat_func *graph_source_func(const leat_graph *graph, const char *name, leat_error *err) {
  size_t count = leat_graph_func_count(graph);
  leat_func *func = name    ? leat_graph_find_func(graph, leat_str_of(name))
                    : count ? leat_graph_func_at(graph, count - 1)
                            : NULL;
  if (func) return func;
  leat_buf known = {0};
  for (size_t i = 0; i < count; i++)
    leat_buf_fmt(&known, "%s%s", i ? ", " : "", leat_func_name(leat_graph_func_at(graph, i)));
  leat_error_set(err, LEAT_NOT_FOUND, "no function '%s'; there are: %s", name ? name : "",
                 known.ptr ? known.ptr : "none");
  leat_buf_deinit(&known);
  return NULL;
}
