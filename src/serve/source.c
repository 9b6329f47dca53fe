// Finding versions in directories, and the list of models.
// SPDX-License-Identifier: Apache-2.0
#include "serve/source.h"

#include "base/file.h"
#include "formats/number.h"
#include "formats/proto.h"
#include "formats/proto_text.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { POLICY_LATEST, POLICY_ALL, POLICY_SPECIFIC };

typedef struct label {
  const char *name;
  int64_t version;
} label;

typedef struct config {  // a model of the list
  const char *name, *base_path;
  int policy;
  int64_t latest;  // how many
  LEAT_VEC(int64_t) specific;
  LEAT_VEC(label) labels;
  bool unloaded;  // a request said so
} config;

typedef LEAT_VEC(config) config_list;

struct leat_source {
  leat_source_options options;
  pthread_mutex_t lock;  // of the list while the control thread replaces it
  config_list models;
  leat_arena arena;  // strings of the list
  leat_buf text;     // of the config file, as it was last read
  leat_buf state;    // what the table was last set to
};

// --- The list of models -------------------------------------------------------------------------
static const leat_proto_schema latest_fields[] = {{"num_versions", 1, LEAT_PROTO_INT, NULL}, {0}};
static const leat_proto_schema specific_fields[] = {{"versions", 1, LEAT_PROTO_INT, NULL}, {0}};
static const leat_proto_schema no_fields[] = {{0}};
static const leat_proto_schema policy_fields[] = {
    {"latest", 100, LEAT_PROTO_MESSAGE, latest_fields},
    {"all", 101, LEAT_PROTO_MESSAGE, no_fields},
    {"specific", 102, LEAT_PROTO_MESSAGE, specific_fields},
    {0}};
static const leat_proto_schema label_fields[] = {
    {"key", 1, LEAT_PROTO_STRING, NULL}, {"value", 2, LEAT_PROTO_INT, NULL}, {0}};
static const leat_proto_schema model_fields[] = {
    {"name", 1, LEAT_PROTO_STRING, NULL},
    {"base_path", 2, LEAT_PROTO_STRING, NULL},
    {"model_type", 3, LEAT_PROTO_ENUM, NULL},
    {"model_platform", 4, LEAT_PROTO_STRING, NULL},
    {"model_version_policy", 7, LEAT_PROTO_MESSAGE, policy_fields},
    {"version_labels", 8, LEAT_PROTO_MESSAGE, label_fields},
    {0}};
static const leat_proto_schema list_fields[] = {{"config", 1, LEAT_PROTO_MESSAGE, model_fields},
                                                {0}};
static const leat_proto_schema server_fields[] = {
    {"model_config_list", 1, LEAT_PROTO_MESSAGE, list_fields}, {0}};

static void config_deinit(config *c) {
  leat_vec_deinit(&c->specific);
  leat_vec_deinit(&c->labels);
}

static void list_deinit(config_list *list) {
  for (size_t i = 0; i < list->count; i++) config_deinit(&list->at[i]);
  leat_vec_deinit(list);
}

static bool read_policy(config *c, leat_str bytes) {
  leat_proto p = {bytes, false};
  leat_proto_field f, g;
  bool good = true;
  while (good && leat_proto_next(&p, &f)) {
    leat_proto inner = {f.bytes, false};
    if (f.wire != LEAT_WIRE_BYTES || f.number < 100 || f.number > 102) continue;
    c->policy = f.number - 100;
    while (good && leat_proto_next(&inner, &g)) {
      leat_str rest = g.bytes;
      uint64_t packed;
      if (g.number != 1) continue;
      if (c->policy == POLICY_LATEST && g.wire == LEAT_WIRE_VARINT) c->latest = (int64_t)g.bits;
      if (c->policy != POLICY_SPECIFIC) continue;
      if (g.wire == LEAT_WIRE_VARINT) good = leat_vec_push(&c->specific, (int64_t)g.bits);
      while (g.wire == LEAT_WIRE_BYTES && good && rest.len)
        good =
            leat_proto_read_varint(&rest, &packed) && leat_vec_push(&c->specific, (int64_t)packed);
    }
    good = good && !inner.damaged;
  }
  return good && !p.damaged;
}

static bool read_label(config *c, leat_arena *arena, leat_str bytes) {
  leat_proto p = {bytes, false};
  leat_proto_field f;
  label own = {"", 0};
  while (leat_proto_next(&p, &f)) {
    if (f.number == 1 && f.wire == LEAT_WIRE_BYTES) own.name = leat_arena_str(arena, f.bytes);
    if (f.number == 2 && f.wire == LEAT_WIRE_VARINT) own.version = (int64_t)f.bits;
  }
  return !p.damaged && own.name && leat_vec_push(&c->labels, own);
}

static leat_status read_model(config_list *list, leat_arena *arena, leat_str bytes,
                              leat_error *err) {
  config c = {.name = "", .base_path = "", .latest = 1};
  leat_proto p = {bytes, false};
  leat_proto_field f;
  bool good = true;
  while (good && leat_proto_next(&p, &f)) {
    if (f.wire != LEAT_WIRE_BYTES) continue;
    if (f.number == 1) good = (c.name = leat_arena_str(arena, f.bytes)) != NULL;
    if (f.number == 2) good = (c.base_path = leat_arena_str(arena, f.bytes)) != NULL;
    if (f.number == 7) good = read_policy(&c, f.bytes);
    if (f.number == 8) good = read_label(&c, arena, f.bytes);
  }
  const char *wrong = !good || p.damaged ? "the list of models is damaged"
                      : !*c.name         ? "a model has no name"
                      : !*c.base_path    ? "a model has no base_path"
                                         : NULL;
  for (size_t i = 0; !wrong && i < list->count; i++)
    if (strcmp(list->at[i].name, c.name) == 0) wrong = "two models have the same name";
  if (!wrong && leat_vec_push(list, c)) return LEAT_OK;
  config_deinit(&c);
  if (!wrong) return leat__oom(err, sizeof c);
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s%s%s", wrong, *c.name ? ": " : "", c.name);
}

// A serialised ModelServerConfig.
static leat_status read_list(config_list *list, leat_arena *arena, leat_str bytes,
                             leat_error *err) {
  leat_proto p = {bytes, false};
  leat_proto_field f, g;
  leat_status status = LEAT_OK;
  while (!status && leat_proto_next(&p, &f)) {
    leat_proto inner = {f.bytes, false};
    if (f.number == 2)
      return leat_error_set(err, LEAT_UNIMPLEMENTED, "custom_model_config is not supported");
    if (f.number != 1 || f.wire != LEAT_WIRE_BYTES) continue;
    while (!status && leat_proto_next(&inner, &g))
      if (g.number == 1 && g.wire == LEAT_WIRE_BYTES)
        status = read_model(list, arena, g.bytes, err);
    if (!status && inner.damaged) p.damaged = true;
  }
  if (!status && p.damaged)
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "the list of models is damaged");
  return status;
}

// The list takes the place of the one before, or stays as it was.
static leat_status replace(leat_source *s, leat_str bytes, leat_error *err) {
  config_list list = {0};
  leat_arena arena = {0};
  leat_status status = read_list(&list, &arena, bytes, err);
  if (status) {
    list_deinit(&list);
    leat_arena_deinit(&arena);
    return status;
  }
  pthread_mutex_lock(&s->lock);
  list_deinit(&s->models);
  leat_arena_deinit(&s->arena);
  s->models = list;
  s->arena = arena;
  pthread_mutex_unlock(&s->lock);
  return LEAT_OK;
}

leat_status leat_source_reread(leat_source *s, leat_error *err) {
  const char *path = s->options.config_file;
  leat_buf text = {0}, bytes = {0};
  if (!path) return LEAT_OK;
  leat_status status = leat_file_read(path, 16 << 20, &text, err);
  if (!status && s->text.ptr && leat_str_eq(leat_buf_view(&text), leat_buf_view(&s->text))) {
    leat_buf_deinit(&text);
    return LEAT_OK;
  }
  if (!status)
    status = leat_proto_from_text(leat_buf_view(&text), path, server_fields, &bytes, err);
  if (!status) {
    status = replace(s, leat_buf_view(&bytes), err);
    if (status) leat_error_prepend(err, status, "%s", path);
  }
  leat_buf_deinit(&bytes);
  if (status) return leat_buf_deinit(&text), status;
  leat_buf_deinit(&s->text);
  s->text = text;
  return LEAT_OK;
}

// --- Directories --------------------------------------------------------------------------------
typedef LEAT_VEC(leat_model_wanted) wanted_list;

static int by_number(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x < y) - (x > y);  // the newest first
}

static bool is_listed(const config *c, int64_t number) {
  for (size_t i = 0; i < c->specific.count; i++)
    if (c->specific.at[i] == number) return true;
  return false;
}

// The names of a version: its labels of the list.
static const char *labels_of(const config *c, int64_t number, leat_arena *arena) {
  leat_buf text = {0};
  for (size_t i = 0; i < c->labels.count; i++)
    if (c->labels.at[i].version == number) leat_buf_fmt(&text, "%s\n", c->labels.at[i].name);
  const char *labels = text.len ? leat_arena_str(arena, leat_buf_view(&text)) : "";
  leat_buf_deinit(&text);
  return labels ? labels : "";
}

static leat_status want(wanted_list *list, leat_arena *arena, const config *c, int64_t number,
                        const char *dir, leat_error *err) {
  leat_model_wanted w = {.model = c->name,
                         .number = number,
                         .dir = leat_arena_str(arena, leat_str_of(dir)),
                         .labels = labels_of(c, number, arena)};
  return w.dir && leat_vec_push(list, w) ? LEAT_OK : leat__oom(err, sizeof w);
}

// A version is there once its directory is complete: TensorFlow Serving takes any number; a saved
// model of ours appears by renaming, and what is being copied has no signature yet.
static leat_status list_versions(const config *c, leat_arena *arena, wanted_list *list,
                                 leat_error *err) {
  leat_paths names = {0};
  LEAT_VEC(int64_t) numbers = {0};
  leat_buf dir = {0};
  leat_buf_fmt(&dir, "%s/signature.json", c->base_path);
  bool direct = !dir.failed && leat_file_exists(dir.ptr);
  leat_status status = direct ? LEAT_OK : leat_dir_list(c->base_path, &names, err);
  for (size_t i = 0; !status && i < names.count; i++) {
    int64_t number;
    if (!leat_parse_i64(leat_str_of(names.at[i]), &number) || number < 0) continue;
    leat_buf_clear(&dir);
    leat_buf_fmt(&dir, "%s/%s/signature.json", c->base_path, names.at[i]);
    if (dir.failed || !leat_file_exists(dir.ptr)) continue;
    if (!leat_vec_push(&numbers, number)) status = leat__oom(err, sizeof number);
  }
  if (numbers.count) qsort(numbers.at, numbers.count, sizeof *numbers.at, by_number);
  if (direct) status = want(list, arena, c, 1, c->base_path, err);
  for (size_t i = 0; !status && i < numbers.count; i++) {
    if (c->policy == POLICY_LATEST && (int64_t)i >= (c->latest > 0 ? c->latest : 1)) break;
    if (c->policy == POLICY_SPECIFIC && !is_listed(c, numbers.at[i])) continue;
    leat_buf_clear(&dir);
    for (size_t k = 0; k < names.count; k++) {  // "007" is version 7
      int64_t number;
      if (leat_parse_i64(leat_str_of(names.at[k]), &number) && number == numbers.at[i]) {
        leat_buf_clear(&dir);
        leat_buf_fmt(&dir, "%s/%s", c->base_path, names.at[k]);
      }
    }
    status = leat_buf_status(&dir, err);
    if (!status) status = want(list, arena, c, numbers.at[i], dir.ptr, err);
  }
  leat_vec_deinit(&numbers);
  leat_paths_deinit(&names);
  leat_buf_deinit(&dir);
  return status;
}

static void describe(const wanted_list *list, leat_buf *out) {
  for (size_t i = 0; i < list->count; i++)
    leat_buf_fmt(out, "%s\t%lld\t%s\t%s\n", list->at[i].model, (long long)list->at[i].number,
                 list->at[i].dir, list->at[i].labels);
}

// A base path that vanished keeps what it had (a file system may be away for a moment).
leat_status leat_source_poll(leat_source *s, leat_models *models, bool force, int *failed,
                             leat_error *err) {
  wanted_list list = {0};
  leat_arena arena = {0};
  leat_buf state = {0};
  leat_status status = LEAT_OK;
  *failed = 0;
  for (size_t i = 0; !status && i < s->models.count; i++) {
    const config *c = &s->models.at[i];
    size_t before = list.count;
    if (!c->unloaded) status = list_versions(c, &arena, &list, err);
    if (!status && force && !c->unloaded && list.count == before)
      status =
          leat_error_set(err, LEAT_NOT_FOUND, "No versions of servable %s found under base path %s",
                         c->name, c->base_path);
  }
  describe(&list, &state);
  if (!status) status = leat_buf_status(&state, err);
  bool same = s->state.ptr && leat_str_eq(leat_buf_view(&state), leat_buf_view(&s->state));
  if (!status && (force || !same)) {
    status = leat_models_set(models, list.at, list.count, failed, err);
    if (!status) {
      leat_buf_deinit(&s->state);
      s->state = state;
      state = (leat_buf){0};
    }
  }
  leat_buf_deinit(&state);
  leat_vec_deinit(&list);
  leat_arena_deinit(&arena);
  return status;
}

// --- Changes by requests ------------------------------------------------------------------------
// Labels may only name versions that can be asked.
static leat_status check_labels(const leat_source *s, leat_models *models, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && !s->options.labels_for_unavailable && i < s->models.count; i++) {
    const config *c = &s->models.at[i];
    for (size_t k = 0; !status && k < c->labels.count; k++) {
      char number[LEAT_NUMBER_MAX];
      leat_version *v;
      leat_str text = {number, leat_format_i64(number, c->labels.at[k].version)};
      if (!leat_models_get(models, leat_str_of(c->name), text, &v, NULL))
        leat_version_release(v);
      else
        status = leat_error_set(err, LEAT_FAILED_PRECONDITION,
                                "Request to assign label %s to version %lld of model %s, which is "
                                "not currently available for inference",
                                c->labels.at[k].name, (long long)c->labels.at[k].version, c->name);
    }
  }
  return status;
}

static leat_status first_failure(leat_models *models, leat_error *err) {
  leat_version_list list;
  leat_status status = leat_models_list(models, (leat_str){0}, &list, err);
  for (size_t i = 0; !status && i < list.count; i++)
    if (list.at[i]->failure.status) {
      *err = list.at[i]->failure;
      status = err->status;
    }
  leat_version_list_free(&list);
  return status;
}

leat_status leat_source_apply(leat_source *s, const leat_source_change *change, leat_models *models,
                              leat_error *err) {
  int failed;
  config *found = NULL;
  if (change->kind == LEAT_SOURCE_CONFIG) {
    leat_status status = replace(s, change->config, err);
    if (!status) status = leat_source_poll(s, models, true, &failed, err);
    if (!status && failed) status = first_failure(models, err);
    return status ? status : check_labels(s, models, err);
  }
  for (size_t i = 0; i < s->models.count; i++)
    if (leat_str_eq(change->model, leat_str_of(s->models.at[i].name))) found = &s->models.at[i];
  if (!found)
    return leat_error_set(
        err, LEAT_NOT_FOUND, "failed to %s '" LEAT_STR_FMT "', no such model in the repository",
        change->kind == LEAT_SOURCE_LOAD ? "load" : "unload", LEAT_STR_ARG(change->model));
  found->unloaded = change->kind == LEAT_SOURCE_UNLOAD;
  leat_status status = leat_source_poll(s, models, true, &failed, err);
  return !status && failed ? first_failure(models, err) : status;
}

void leat_source_each(leat_source *s, void (*visit)(void *context, const char *model),
                      void *context) {
  pthread_mutex_lock(&s->lock);
  for (size_t i = 0; i < s->models.count; i++) visit(context, s->models.at[i].name);
  pthread_mutex_unlock(&s->lock);
}

// --- Life ---------------------------------------------------------------------------------------
static leat_status only_model(leat_source *s, leat_error *err) {
  config c = {
      .name = leat_arena_str(&s->arena, leat_str_of(s->options.name ? s->options.name : "default")),
      .base_path = leat_arena_str(&s->arena, leat_str_of(s->options.base_path)),
      .latest = 1};
  return c.name && c.base_path && leat_vec_push(&s->models, c) ? LEAT_OK : leat__oom(err, sizeof c);
}

leat_status leat_source_new(leat_source **out, const leat_source_options *options,
                            leat_error *err) {
  leat_source *s = *out = leat__calloc(1, sizeof *s);
  if (!s) return leat__oom(err, sizeof *s);
  s->options = *options;
  pthread_mutex_init(&s->lock, NULL);
  leat_status status = options->config_file ? leat_source_reread(s, err) : only_model(s, err);
  if (!status) return LEAT_OK;
  leat_source_free(s);
  *out = NULL;
  return status;
}

void leat_source_free(leat_source *s) {
  if (!s) return;
  list_deinit(&s->models);
  leat_arena_deinit(&s->arena);
  leat_buf_deinit(&s->text);
  leat_buf_deinit(&s->state);
  pthread_mutex_destroy(&s->lock);
  leat__free(s);
}
