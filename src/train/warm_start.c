// Warm start: which variables, from where, and which row of a table is whose.
// SPDX-License-Identifier: Apache-2.0
#include "train/warm_start.h"

#include "base/file.h"
#include "base/map.h"
#include "formats/json.h"
#include "formats/number.h"
#include "formats/safetensors.h"
#include "train/checkpoint.h"

#include <regex.h>
#include <stdio.h>

// --- vocabularies.json --------------------------------------------------------------------------
typedef struct old_vocabulary {
  leat_str column;
  leat_map words;  // word -> row
  int64_t oov;     // buckets behind the words
} old_vocabulary;

static void write_vocabulary(leat_json_writer *w, const leat_config *c, const leat_feature *f) {
  leat_buf name = {0};
  leat_feature_column_name(&c->features, f, &name);
  leat_json_key(w, leat_buf_view(&name));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("oov_buckets"));
  leat_json_i64(w, f->oov_buckets);
  leat_json_key(w, LEAT_STR("words"));
  leat_json_open(w, '[');
  for (size_t k = 0; k < f->vocabulary.count; k++) leat_json_string(w, f->vocabulary.at[k]);
  leat_json_close(w, ']');
  leat_json_close(w, '}');
  if (name.failed) w->out->failed = true;
  leat_buf_deinit(&name);
}

leat_status leat_vocabularies_save(const char *job_dir, const leat_config *c, leat_error *err) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text, .indent = 1};
  leat_json_open(&w, '{');
  for (size_t i = 0; i < c->features.count; i++)
    if (c->features.at[i].kind == LEAT_FEATURE_VOCABULARY)
      write_vocabulary(&w, c, &c->features.at[i]);
  leat_json_close(&w, '}');
  leat_buf_char(&text, '\n');
  char *path = leat_path_join(job_dir, "vocabularies.json");
  leat_status status = path ? leat_buf_status(&text, err) : leat__oom(err, 1);
  if (!status) status = leat_file_write(path, leat_buf_view(&text), err);
  leat_buf_deinit(&text);
  leat__free(path);
  return status;
}

typedef struct warm_start {
  const leat_config *c;
  leat_arena arena;  // of the old names and words
  LEAT_VEC(old_vocabulary) old;
  leat_safetensors weights;
  char *from;   // the checkpoint's directory
  bool failed;  // a name found no memory
} warm_start;

static leat_status keep(warm_start *w, leat_str text, leat_str *out, leat_error *err) {
  char *kept = leat_arena_str(&w->arena, text);
  *out = (leat_str){kept, text.len};
  return kept ? LEAT_OK : leat__oom(err, text.len);
}

static leat_status read_words(warm_start *w, leat_json *json, old_vocabulary *v, leat_error *err) {
  leat_json_event event;
  leat_status status = LEAT_OK;
  while (!status && !(status = leat_json_next(json, &event, err)) && event != LEAT_JSON_ARRAY_END) {
    leat_str word;
    if (event != LEAT_JSON_STRING) return leat_json_fail(json, err, "a word was expected");
    status = keep(w, json->text, &word, err);
    if (status) break;
    leat_map_entry *entry = leat_map_insert(&v->words, word, NULL);
    if (!entry) return leat__oom(err, sizeof *entry);
    entry->value.num = (int64_t)v->words.count - 1;
  }
  return status;
}

static leat_status read_vocabulary(warm_start *w, leat_json *json, leat_error *err) {
  leat_json_event event;
  old_vocabulary v = {0};
  leat_status status = keep(w, json->text, &v.column, err);
  if (!status && !leat_vec_push(&w->old, v)) status = leat__oom(err, sizeof v);
  if (status) return status;
  old_vocabulary *own = &w->old.at[w->old.count - 1];
  status = leat_json_next(json, &event, err);
  if (!status && event != LEAT_JSON_OBJECT)
    status = leat_json_fail(json, err, "an object was expected");
  while (!status && !(status = leat_json_next(json, &event, err)) && event == LEAT_JSON_KEY) {
    bool words = leat_str_eq(json->text, LEAT_STR("words"));
    status = leat_json_next(json, &event, err);
    if (status) break;
    if (words && event == LEAT_JSON_ARRAY)
      status = read_words(w, json, own, err);
    else if (words || event != LEAT_JSON_NUMBER || !leat_parse_i64(json->text, &own->oov))
      status = leat_json_fail(json, err, "words or oov_buckets were expected");
  }
  return status;
}

static leat_status read_vocabularies(warm_start *w, const char *dir, leat_error *err) {
  leat_buf text = {0};
  leat_json json;
  leat_json_event event;
  char *path = leat_path_join(dir, "vocabularies.json");
  leat_status status = path ? leat_file_read(path, 1 << 28, &text, err) : leat__oom(err, 1);
  leat_json_init(&json, leat_buf_view(&text), path);
  if (!status) status = leat_json_next(&json, &event, err);
  if (!status && event != LEAT_JSON_OBJECT)
    status = leat_json_fail(&json, err, "an object was expected");
  while (!status && !(status = leat_json_next(&json, &event, err)) && event == LEAT_JSON_KEY)
    status = read_vocabulary(w, &json, err);
  leat_json_deinit(&json);
  leat_buf_deinit(&text);
  leat__free(path);
  return status;
}

// --- Rows ---------------------------------------------------------------------------------------
static const old_vocabulary *old_of(warm_start *w, const leat_feature *f) {
  leat_buf name = {0};
  const old_vocabulary *found = NULL;
  leat_feature_column_name(&w->c->features, f, &name);
  for (size_t i = 0; i < w->old.count; i++)
    if (leat_str_eq(w->old.at[i].column, leat_buf_view(&name))) found = &w->old.at[i];
  w->failed |= name.failed;
  leat_buf_deinit(&name);
  return found;
}

static bool same_words(const leat_feature *f, const old_vocabulary *old) {
  if (old->words.count != f->vocabulary.count || old->oov != f->oov_buckets) return false;
  for (size_t i = 0; i < f->vocabulary.count; i++)
    if (!leat_str_eq(old->words.entries[i].key, f->vocabulary.at[i])) return false;
  return true;
}

static bool is_table_of(warm_start *w, const leat_feature *f, leat_str var) {
  static const char *const forms[][2] = {
      {"linear/linear_model/", "/weights"},
      {"dnn/input_from_feature_columns/input_layer/", "/embedding_weights"}};
  bool found = false;
  for (int i = 0; i < 2; i++) {
    leat_buf name = {0};
    leat_buf_c(&name, forms[i][0]);
    if (i)
      leat_feature_table_name(&w->c->features, f, &name);
    else
      leat_feature_column_name(&w->c->features, f, &name);
    leat_buf_c(&name, forms[i][1]);
    found |= leat_str_eq(leat_buf_view(&name), var);
    w->failed |= name.failed;
    leat_buf_deinit(&name);
  }
  return found;
}

static const leat_feature *feature_of(warm_start *w, leat_str var) {
  for (size_t i = 0; i < w->c->features.count; i++) {
    const leat_feature *f = &w->c->features.at[i];
    if (f->kind == LEAT_FEATURE_VOCABULARY && is_table_of(w, f, var)) return f;
  }
  return NULL;
}

// The row of word i or, behind the words, of an out-of-vocabulary bucket; -1: none.
static int64_t old_row(const leat_feature *f, const old_vocabulary *old, int64_t i) {
  int64_t words = (int64_t)f->vocabulary.count;
  if (i >= words) return old->oov == f->oov_buckets ? (int64_t)old->words.count + i - words : -1;
  const leat_map_entry *entry = leat_map_find(&old->words, f->vocabulary.at[i]);
  return entry ? entry->value.num : -1;
}

// Sets the table's rows by their words; the others stay.
static leat_status move_rows(const leat_feature *f, const old_vocabulary *old,
                             const leat_tensor *from, const leat_var *var, leat_state *state,
                             leat_error *err) {
  const leat_tensor *have = leat_state_get(state, var);
  leat_tensor *now = NULL;
  int64_t columns = leat_tensor_dims(have)[1];
  if (leat_tensor_dtype(from) != LEAT_DTYPE_F32 || leat_tensor_rank(from) != 2 ||
      leat_tensor_dims(from)[1] != columns ||
      leat_tensor_dims(from)[0] != (int64_t)old->words.count + old->oov)
    return leat_error_set(err, LEAT_FAILED_PRECONDITION,
                          "'%s' has another width there, or not a row for each word",
                          leat_var_name(var));
  leat_status status = leat_tensor_copy_of(&now, LEAT_DTYPE_F32, 2, leat_tensor_dims(have),
                                           leat_tensor_data(have), err);
  for (int64_t i = 0; !status && i < leat_tensor_dims(have)[0]; i++) {
    int64_t row = old_row(f, old, i);
    if (row >= 0)
      memcpy((float *)leat_tensor_data(now) + i * columns,
             (const float *)leat_tensor_data(from) + row * columns,
             sizeof(float) * (size_t)columns);
  }
  if (!status) status = leat_state_set(state, var, now, err);
  leat_tensor_unref(now);
  return status;
}

// --- Variables ----------------------------------------------------------------------------------
// Whether a name begins with a match of one of the expressions.
static leat_status matches(const leat_warm_start *rule, const char *name, bool *out,
                           leat_error *err) {
  *out = rule->variables.count == 0;
  for (size_t i = 0; !*out && i < rule->variables.count; i++) {
    regex_t regex;
    regmatch_t match;
    char text[256], why[128];
    snprintf(text, sizeof text, LEAT_STR_FMT, LEAT_STR_ARG(rule->variables.at[i]));
    int code = regcomp(&regex, text, REG_EXTENDED);
    if (code) {
      regerror(code, &regex, why, sizeof why);
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "warm_start_from.variables: '%s': %s", text,
                            why);
    }
    *out = regexec(&regex, name, 1, &match, 0) == 0 && match.rm_so == 0;
    regfree(&regex);
  }
  return LEAT_OK;
}

static leat_str name_there(const leat_warm_start *rule, leat_str here) {
  for (size_t i = 0; i < rule->renamed.count; i++)
    if (leat_str_eq(rule->renamed.at[i].here, here)) return rule->renamed.at[i].there;
  return here;
}

// Indicators stand in the first kernel by position: a changed vocabulary would shift them.
static leat_status check_indicators(warm_start *w, const char *name, leat_error *err) {
  const leat_config *c = w->c;
  bool first =
      strcmp(name, c->hidden_units.count ? "dnn/hiddenlayer_0/kernel" : "dnn/logits/kernel") == 0;
  for (size_t i = 0; (first || c->custom) && i < c->part_features[LEAT_PART_DNN].count; i++) {
    const leat_feature *f = &c->features.at[c->part_features[LEAT_PART_DNN].at[i]];
    const old_vocabulary *old = f->kind == LEAT_FEATURE_VOCABULARY ? old_of(w, f) : NULL;
    if (w->failed) return leat__oom(err, 1);
    if (f->kind != LEAT_FEATURE_VOCABULARY || f->embedding || (old && same_words(f, old))) continue;
    return leat_error_set(err, LEAT_FAILED_PRECONDITION,
                          "'%s' depends on the order of the words of feature '" LEAT_STR_FMT
                          "', which is another there; leave it out of warm_start_from.variables",
                          name, LEAT_STR_ARG(f->name));
  }
  return LEAT_OK;
}

static leat_status take(warm_start *w, const leat_var *var, leat_state *state, leat_error *err) {
  const char *name = leat_var_name(var);
  leat_str there = name_there(&w->c->warm_start, leat_str_of(name));
  leat_tensor *from = leat_safetensors_find(&w->weights, there);
  if (!from)
    return leat_error_set(err, LEAT_NOT_FOUND,
                          "it lacks '" LEAT_STR_FMT
                          "' (warm_start_from.variables chooses, rename maps)",
                          LEAT_STR_ARG(there));
  const leat_feature *f = feature_of(w, leat_str_of(name));
  const old_vocabulary *old = f ? old_of(w, f) : NULL;
  if (w->failed) return leat__oom(err, 1);
  if (f && !old)
    return leat_error_set(err, LEAT_FAILED_PRECONDITION, "it has no vocabulary for '%s'", name);
  if (f && !same_words(f, old)) return move_rows(f, old, from, var, state, err);
  leat_status status = check_indicators(w, name, err);
  return status ? status : leat_state_set(state, var, from, err);
}

// The directory with the weights, and the vocabularies beside or above it.
static leat_status open_checkpoint(warm_start *w, leat_error *err) {
  char path[512];
  snprintf(path, sizeof path, LEAT_STR_FMT, LEAT_STR_ARG(w->c->warm_start.checkpoint));
  char *file = leat_path_join(path, "weights.safetensors"), *job = leat_strdup(path);
  leat_status status = file && job ? LEAT_OK : leat__oom(err, 1);
  if (!status && leat_file_exists(file)) {
    w->from = job;
    job = leat_path_dir(path);
    if (!job) status = leat__oom(err, 1);
  } else if (!status)
    status = leat_checkpoint_latest(path, &w->from, err);
  if (!status && !w->from) status = leat_error_set(err, LEAT_NOT_FOUND, "%s: no checkpoint", path);
  leat__free(file);
  file = status ? NULL : leat_path_join(w->from, "weights.safetensors");
  if (!status && !file) status = leat__oom(err, 1);
  if (!status) status = leat_safetensors_read(&w->weights, file, err);
  if (!status) status = read_vocabularies(w, job, err);
  leat__free(file);
  leat__free(job);
  return status;
}

leat_status leat_warm_start_run(const leat_config *c, const leat_graph *graph, leat_state *state,
                                leat_error *err) {
  warm_start w = {.c = c};
  int taken = 0;
  leat_status status = open_checkpoint(&w, err);
  for (size_t i = 0; !status && i < leat_graph_var_count(graph); i++) {
    const leat_var *var = leat_graph_var_at(graph, i);
    bool wanted = false;
    if (!leat_var_trainable(var)) continue;
    status = matches(&c->warm_start, leat_var_name(var), &wanted, err);
    if (status || !wanted) continue;
    taken++;
    status = take(&w, var, state, err);
    if (status) status = leat_error_prepend(err, status, "warm start from %s", w.from);
  }
  if (!status && !taken)
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "warm_start_from.variables: no variable matches");
  leat_safetensors_deinit(&w.weights);
  for (size_t i = 0; i < w.old.count; i++) leat_map_deinit(&w.old.at[i].words);
  leat_vec_deinit(&w.old);
  leat_arena_deinit(&w.arena);
  leat__free(w.from);
  return status;
}
