// Checkpoints on disk.
// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint.h"

#include "base/file.h"
#include "formats/json.h"
#include "formats/number.h"
#include "formats/safetensors.h"
#include "train/estimator.h"

#include <stdio.h>
#include <stdlib.h>

// --- state.json ---------------------------------------------------------------------------------
typedef struct number_field {
  const char *name;
  int64_t *value;
  double *real;
} number_field;

enum { STATE_FIELDS = 15, NEEDED_FIELDS = 8 };  // those that came later are 0 where they lack

static void state_fields(leat_progress *p, int64_t *seed, number_field f[STATE_FIELDS]) {
  const number_field all[STATE_FIELDS] = {{"step", &p->step, NULL},
                                          {"seed", seed, NULL},
                                          {"epoch", &p->position.epoch, NULL},
                                          {"block", &p->position.block, NULL},
                                          {"file", &p->position.start.file, NULL},
                                          {"offset", &p->position.start.offset, NULL},
                                          {"line", &p->position.start.line, NULL},
                                          {"index", &p->position.index, NULL},
                                          {"skipped", &p->position.start.skipped, NULL},
                                          {"stop_best", NULL, &p->stop.best},
                                          {"stop_best_step", &p->stop.best_step, NULL},
                                          {"stop_stale", &p->stop.stale, NULL},
                                          {"export_best", NULL, &p->best.best},
                                          {"export_best_step", &p->best.best_step, NULL},
                                          {"export_stale", &p->best.stale, NULL}};
  memcpy(f, all, sizeof all);
}

static leat_status write_state(const char *dir, const leat_progress *progress, leat_error *err) {
  leat_progress copy = *progress;
  int64_t seed = (int64_t)progress->seed;
  number_field fields[STATE_FIELDS];
  leat_buf text = {0};
  leat_json_writer w = {.out = &text, .indent = 2};
  state_fields(&copy, &seed, fields);
  leat_json_open(&w, '{');
  for (int i = 0; i < STATE_FIELDS; i++) {
    leat_json_key(&w, leat_str_of(fields[i].name));
    if (fields[i].real)
      leat_json_f64(&w, *fields[i].real);
    else
      leat_json_i64(&w, *fields[i].value);
  }
  leat_json_close(&w, '}');
  leat_buf_char(&text, '\n');
  char *path = leat_path_join(dir, "state.json");
  leat_status status = path ? leat_buf_status(&text, err) : leat__oom(err, 1);
  if (!status) status = leat_file_write(path, leat_buf_view(&text), err);
  leat_buf_deinit(&text);
  leat__free(path);
  return status;
}

static leat_status parse_state(leat_json *json, leat_progress *progress, leat_error *err) {
  int64_t seed = 0;
  int seen = 0;
  number_field fields[STATE_FIELDS];
  leat_json_event event;
  state_fields(progress, &seed, fields);
  leat_status status = leat_json_next(json, &event, err);
  if (!status && event != LEAT_JSON_OBJECT)
    status = leat_json_fail(json, err, "an object was expected");
  while (!status && !(status = leat_json_next(json, &event, err)) && event == LEAT_JSON_KEY) {
    const number_field *f = NULL;
    for (int i = 0; i < STATE_FIELDS; i++)
      if (leat_str_eq(json->text, leat_str_of(fields[i].name))) f = &fields[i], seen |= 1 << i;
    if ((status = leat_json_next(json, &event, err))) break;
    if (!f)
      status = leat_json_skip(json, event, err);
    else if (event != LEAT_JSON_NUMBER || !(f->real ? leat_parse_f64(json->text, f->real)
                                                    : leat_parse_i64(json->text, f->value)))
      status = leat_json_fail(json, err, "a %s was expected", f->real ? "number" : "whole number");
  }
  if (!status && (~seen & ((1 << NEEDED_FIELDS) - 1)))
    status = leat_json_fail(json, err, "a field is missing");
  progress->seed = (uint64_t)seed;
  return status;
}

static leat_status read_state(const char *dir, leat_progress *progress, leat_error *err) {
  char *path = leat_path_join(dir, "state.json");
  leat_buf text = {0};
  leat_status status = path ? leat_file_read(path, 1 << 20, &text, err) : leat__oom(err, 1);
  leat_json json;
  leat_json_init(&json, leat_buf_view(&text), path);
  if (!status) status = parse_state(&json, progress, err);
  leat_json_deinit(&json);
  leat_buf_deinit(&text);
  leat__free(path);
  return status;
}

// --- Weights ------------------------------------------------------------------------------------
static leat_status write_weights(const char *dir, leat_graph *graph, const leat_state *state,
                                 leat_error *err) {
  LEAT_VEC(leat_named_tensor) list = {0};
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < leat_graph_var_count(graph); i++) {
    const leat_var *var = leat_graph_var_at(graph, i);
    leat_named_tensor named = {leat_str_of(leat_var_name(var)), leat_state_get(state, var)};
    if (leat_estimator_is_metric(var)) continue;
    if (!named.tensor)
      status = leat_error_set(err, LEAT_INTERNAL, "variable '%s' has no value", leat_var_name(var));
    else if (!leat_vec_push(&list, named))
      status = leat__oom(err, sizeof named);
  }
  static const leat_named_str metadata[] = {{{"format", 6}, {"leat", 4}}};
  leat_buf bytes = {0};
  char *path = leat_path_join(dir, "weights.safetensors");
  if (!status && !path) status = leat__oom(err, 1);
  if (!status) status = leat_safetensors_format(list.at, list.count, metadata, 1, &bytes, err);
  if (!status) status = leat_file_write(path, leat_buf_view(&bytes), err);
  leat_buf_deinit(&bytes);
  leat__free(path);
  leat_vec_deinit(&list);
  return status;
}

static bool wanted_var(const leat_var *var, bool (*want)(const leat_var *)) {
  return want ? want(var) : !leat_estimator_is_metric(var);
}

static void note(leat_buf *out, int *count, const char *fmt, ...) LEAT_PRINTF(3, 4);
static void note(leat_buf *out, int *count, const char *fmt, ...) {
  if ((*count)++ >= 4) return;
  if (out->len) leat_buf_c(out, "; ");
  va_list args;
  va_start(args, fmt);
  leat_buf_vfmt(out, fmt, args);
  va_end(args);
}

leat_status leat_weights_load(const char *file, leat_graph *graph, leat_state *state,
                              bool (*want)(const leat_var *var), leat_error *err) {
  leat_safetensors st = {0};
  leat_status status = leat_safetensors_read(&st, file, err);
  leat_buf differs = {0};
  int count = 0;
  for (size_t i = 0; !status && i < leat_graph_var_count(graph); i++) {
    const leat_var *var = leat_graph_var_at(graph, i);
    if (!wanted_var(var, want)) continue;
    leat_tensor *value = leat_safetensors_find(&st, leat_str_of(leat_var_name(var)));
    leat_error local = {0};
    if (!value)
      note(&differs, &count, "it lacks '%s'", leat_var_name(var));
    else if (leat_state_set(state, var, value, &local))
      note(&differs, &count, "%s", local.message);
  }
  for (size_t i = 0; !status && !want && i < st.tensors.count; i++)
    if (!leat_graph_find_var(graph, st.tensors.at[i].name))
      note(&differs, &count, "the model lacks '" LEAT_STR_FMT "'",
           LEAT_STR_ARG(st.tensors.at[i].name));
  if (count > 4) leat_buf_fmt(&differs, "; and %d more", count - 4);
  if (!status && count)
    status = leat_error_set(err, LEAT_FAILED_PRECONDITION,
                            "%s is of another model: %s (--overwrite starts anew)", file,
                            differs.ptr ? differs.ptr : "");
  leat_buf_deinit(&differs);
  leat_safetensors_deinit(&st);
  return status;
}

// --- Directories --------------------------------------------------------------------------------
static int64_t step_of(const char *name) {
  int64_t step;
  leat_str text = leat_str_of(name);
  if (!leat_str_starts(text, LEAT_STR("ckpt-"))) return -1;
  return leat_parse_i64((leat_str){text.ptr + 5, text.len - 5}, &step) ? step : -1;
}

static leat_status prune(const char *job_dir, int64_t keep, leat_error *err) {
  leat_paths names = {0};
  leat_status status = leat_dir_list(job_dir, &names, err);
  int64_t newer = 0, limit = -1;
  for (int64_t pass = 0; !status && pass < keep; pass++) {  // the keep-th newest step
    int64_t best = -1;
    for (size_t i = 0; i < names.count; i++) {
      int64_t step = step_of(names.at[i]);
      if (step > best && (limit < 0 || step < limit)) best = step;
    }
    if (best < 0) goto done;
    limit = best;
    newer++;
  }
  for (size_t i = 0; !status && newer == keep && i < names.count; i++) {
    int64_t step = step_of(names.at[i]);
    bool leftover = leat_str_starts(leat_str_of(names.at[i]), LEAT_STR(".tmp-"));
    if (!(step >= 0 && step < limit) && !leftover) continue;
    char *path = leat_path_join(job_dir, names.at[i]);
    status = path ? leat_dir_remove(path, err) : leat__oom(err, 1);
    leat__free(path);
  }
done:
  leat_paths_deinit(&names);
  return status;
}

leat_status leat_checkpoint_save(const char *job_dir, leat_graph *graph, const leat_state *state,
                                 const leat_progress *progress, int64_t keep, leat_error *err) {
  char name[64], *temporary = NULL;
  snprintf(name, sizeof name, "ckpt-%lld", (long long)progress->step);
  char *path = leat_path_join(job_dir, name);
  if (!path) return leat__oom(err, 1);
  leat_status status = leat_file_exists(path) ? leat_dir_remove(path, err) : LEAT_OK;
  if (!status) status = leat_dir_begin(path, &temporary, err);
  if (!status) status = write_weights(temporary, graph, state, err);
  if (!status) status = write_state(temporary, progress, err);
  if (!status)
    status = leat_dir_publish(temporary, path, err);
  else
    leat_dir_abandon(temporary);
  if (!status) status = prune(job_dir, keep, err);
  leat__free(path);
  return status ? leat_error_prepend(err, status, "checkpoint %s", name) : status;
}

leat_status leat_checkpoint_latest(const char *job_dir, char **path, leat_error *err) {
  leat_paths names = {0};
  *path = NULL;
  if (!leat_file_exists(job_dir)) return LEAT_OK;
  leat_status status = leat_dir_list(job_dir, &names, err);
  int64_t best = -1;
  for (size_t i = 0; !status && i < names.count; i++) {
    int64_t step = step_of(names.at[i]);
    if (step <= best) continue;
    best = step;
    leat__free(*path);
    if (!(*path = leat_path_join(job_dir, names.at[i]))) status = leat__oom(err, 1);
  }
  leat_paths_deinit(&names);
  return status;
}

leat_status leat_checkpoint_load(const char *path, leat_graph *graph, leat_state *state,
                                 leat_progress *progress, leat_error *err) {
  char *file = leat_path_join(path, "weights.safetensors");
  leat_status status = file ? leat_weights_load(file, graph, state, NULL, err) : leat__oom(err, 1);
  if (!status) status = read_state(path, progress, err);
  leat__free(file);
  return status;
}

// --- Analysis -----------------------------------------------------------------------------------
typedef struct statistic {
  const char *name;
  double *value;
} statistic;
enum { STATISTICS = 5 };

static void statistics_of(leat_feature *f, statistic out[STATISTICS]) {
  out[0] = (statistic){"mean", &f->mean};
  out[1] = (statistic){"stddev", &f->stddev};
  out[2] = (statistic){"min", &f->least};
  out[3] = (statistic){"max", &f->greatest};
  out[4] = (statistic){"median", &f->median};
}

static void write_feature(leat_json_writer *w, const leat_feature *f) {
  leat_feature copy = *f;
  statistic all[STATISTICS];
  statistics_of(&copy, all);
  leat_json_open(w, '{');
  if (f->auto_vocabulary) {
    leat_json_key(w, LEAT_STR("vocabulary"));
    leat_json_open(w, '[');
    for (size_t k = 0; k < f->vocabulary.count; k++) leat_json_string(w, f->vocabulary.at[k]);
    leat_json_close(w, ']');
  } else
    for (int i = 0; i < STATISTICS; i++)
      leat_json_key(w, leat_str_of(all[i].name)), leat_json_f64(w, *all[i].value);
  if (f->quantiles) {
    leat_json_key(w, LEAT_STR("boundaries"));
    leat_json_open(w, '[');
    for (size_t k = 0; k < f->boundaries.count; k++) leat_json_f64(w, f->boundaries.at[k]);
    leat_json_close(w, ']');
  }
  leat_json_close(w, '}');
}

leat_status leat_analysis_save(const char *job_dir, const leat_config *config, leat_error *err) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text, .indent = 1};
  leat_json_open(&w, '{');
  for (size_t i = 0; i < config->features.count; i++) {
    const leat_feature *f = &config->features.at[i];
    if (!leat_feature_needs_analysis(f)) continue;
    leat_json_key(&w, f->name);
    write_feature(&w, f);
  }
  leat_json_close(&w, '}');
  leat_buf_char(&text, '\n');
  char *path = leat_path_join(job_dir, "analysis.json");
  leat_status status = path ? leat_buf_status(&text, err) : leat__oom(err, 1);
  if (!status) status = leat_file_write(path, leat_buf_view(&text), err);
  leat_buf_deinit(&text);
  leat__free(path);
  return status;
}

// A list of words or of boundaries.
static leat_status read_list(leat_json *json, leat_config *config, leat_feature *f,
                             leat_error *err) {
  leat_json_event event;
  leat_status status = LEAT_OK;
  f->vocabulary.count = f->boundaries.count = 0;
  while (!status && !(status = leat_json_next(json, &event, err)) && event != LEAT_JSON_ARRAY_END) {
    double edge;
    if (event == LEAT_JSON_STRING) {
      char *kept = leat_arena_str(&config->arena, json->text);
      if (!kept || !leat_vec_push(&f->vocabulary, (leat_str){kept, json->text.len}))
        status = leat__oom(err, json->text.len);
    } else if (event != LEAT_JSON_NUMBER || !leat_parse_f64(json->text, &edge))
      status = leat_json_fail(json, err, "a list of words or of numbers was expected");
    else if (!leat_vec_push(&f->boundaries, edge))
      status = leat__oom(err, sizeof edge);
  }
  return status;
}

static leat_status read_feature(leat_json *json, leat_config *config, leat_feature *f,
                                leat_error *err) {
  leat_json_event event;
  statistic all[STATISTICS];
  statistics_of(f, all);
  leat_status status = leat_json_next(json, &event, err);
  if (!status && event != LEAT_JSON_OBJECT)
    status = leat_json_fail(json, err, "an object was expected");
  while (!status && !(status = leat_json_next(json, &event, err)) && event == LEAT_JSON_KEY) {
    double *to = NULL;
    for (int i = 0; i < STATISTICS; i++)
      if (leat_str_eq(json->text, leat_str_of(all[i].name))) to = all[i].value;
    status = leat_json_next(json, &event, err);
    if (status) break;
    if (event == LEAT_JSON_ARRAY)
      status = read_list(json, config, f, err);
    else if (!to || event != LEAT_JSON_NUMBER || !leat_parse_f64(json->text, to))
      status = leat_json_fail(json, err, "mean, stddev, min, max or median was expected");
  }
  return status;
}

static leat_status read_analysis(leat_json *json, leat_config *config, size_t *found,
                                 leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(json, &event, err);
  if (!status && event != LEAT_JSON_OBJECT)
    status = leat_json_fail(json, err, "an object was expected");
  while (!status && !(status = leat_json_next(json, &event, err)) && event == LEAT_JSON_KEY) {
    leat_feature *f = NULL;
    for (size_t i = 0; i < config->features.count; i++)
      if (leat_str_eq(config->features.at[i].name, json->text)) f = &config->features.at[i];
    if (!f)
      return leat_json_fail(json, err,
                            "the model has no feature '" LEAT_STR_FMT "' (--overwrite starts anew)",
                            LEAT_STR_ARG(json->text));
    (*found)++;
    status = read_feature(json, config, f, err);
  }
  return status;
}

leat_status leat_analysis_load(const char *job_dir, leat_config *config, bool *found,
                               leat_error *err) {
  leat_buf text = {0};
  char *path = leat_path_join(job_dir, "analysis.json");
  size_t have = 0, want = 0;
  *found = path && leat_file_exists(path);
  leat_status status = path ? LEAT_OK : leat__oom(err, 1);
  if (*found) status = leat_file_read(path, 1 << 28, &text, err);
  leat_json json;
  leat_json_init(&json, leat_buf_view(&text), path);
  if (!status && *found) status = read_analysis(&json, config, &have, err);
  for (size_t i = 0; i < config->features.count; i++)
    want += leat_feature_needs_analysis(&config->features.at[i]);
  if (!status && *found && have != want)
    status = leat_error_set(
        err, LEAT_FAILED_PRECONDITION,
        "%s is of another model: %zu analysed features, expected %zu (--overwrite starts anew)",
        path, have, want);
  leat_json_deinit(&json);
  leat_buf_deinit(&text);
  leat__free(path);
  return status;
}
