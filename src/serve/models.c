// The table of models: readers are never blocked, the control thread swaps.
// SPDX-License-Identifier: Apache-2.0
//
// A reader announces itself in a counter, looks at the table, holds what it needs and leaves. After
// a swap the control thread waits until each counter was zero once: nobody looks at the old table
// then, and every version that was found there is held. What is held is not unloaded.
#include "serve/models.h"

#include "base/map.h"
#include "base/vec.h"
#include "formats/number.h"

#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

enum { STRIPES = 16, ENDED_MAX = 16 };

typedef struct model_entry {
  const char *name;
  leat_version **versions;  // by number
  size_t count;
  leat_version *chosen;  // the default; NULL while there is none
} model_entry;

typedef struct table {
  leat_map by_name;         // to model_entry
  leat_version **versions;  // by model and number
  size_t count;
  leat_arena arena;
} table;

typedef struct stripe {
  _Alignas(64) atomic_int readers;
} stripe;

struct leat_models {
  leat_models_options options;
  _Atomic(table *) table;
  atomic_bool set;
  stripe stripes[STRIPES];
  LEAT_VEC(leat_version *) all;  // every record that is not freed; the control thread's
};

// --- Reading ------------------------------------------------------------------------------------
static atomic_int *enter(leat_models *m, table **out) {
  static atomic_int next;
  static _Thread_local int own = -1;
  if (own < 0) own = atomic_fetch_add(&next, 1) % STRIPES;
  atomic_int *readers = &m->stripes[own].readers;
  atomic_fetch_add(readers, 1);
  *out = atomic_load(&m->table);
  return readers;
}

static void leave(atomic_int *readers) { atomic_fetch_sub(readers, 1); }

static void wait_for_readers(leat_models *m) {
  for (int i = 0; i < STRIPES; i++)
    while (atomic_load(&m->stripes[i].readers)) sched_yield();
}

bool leat_version_has_label(const leat_version *v, leat_str label) {
  leat_str rest = leat_str_of(v->labels);
  while (rest.len)
    if (leat_str_eq(leat_str_cut(&rest, '\n'), label)) return true;
  return leat_str_eq(label, leat_str_of(v->name));
}

bool leat_version_is(const leat_version *v, leat_str name) {
  int64_t number;
  if (leat_version_has_label(v, name)) return true;
  return leat_parse_i64(name, &number) && number == v->number;
}

static bool is_available(const leat_version *v) {
  return atomic_load_explicit(&v->state, memory_order_acquire) == LEAT_SERVING_AVAILABLE;
}

const leat_error *leat_version_failure(const leat_version *v) {
  bool ended = atomic_load_explicit(&v->state, memory_order_acquire) == LEAT_SERVING_END;
  return ended && v->failure.status ? &v->failure : NULL;
}

static leat_status find(const table *t, leat_str model, leat_str version, leat_version **out,
                        leat_error *err) {
  leat_map_entry *entry = leat_map_find(&t->by_name, model);
  if (!entry)
    return leat_error_set(err, LEAT_NOT_FOUND, "model '" LEAT_STR_FMT "' is not served",
                          LEAT_STR_ARG(model));
  const model_entry *m = entry->value.ptr;
  leat_version *found = version.len ? NULL : m->chosen;
  for (size_t i = 0; version.len && i < m->count; i++)
    if (leat_version_is(m->versions[i], version) && (!found || is_available(m->versions[i])))
      found = m->versions[i];
  if (found && is_available(found)) return *out = found, LEAT_OK;
  if (!found && !version.len && m->count) found = m->versions[m->count - 1];
  if (!found)
    return leat_error_set(err, LEAT_NOT_FOUND,
                          "model '" LEAT_STR_FMT "' has no version '" LEAT_STR_FMT "'",
                          LEAT_STR_ARG(model), LEAT_STR_ARG(version));
  int state = atomic_load(&found->state);
  bool failed = state == LEAT_SERVING_END && found->failure.status;
  return leat_error_set(err, LEAT_UNAVAILABLE, "model '%s' version '%s' %s%s", found->model,
                        found->name,
                        failed                            ? "could not be loaded: "
                        : state >= LEAT_SERVING_UNLOADING ? "was unloaded"
                                                          : "is being loaded",
                        failed ? found->failure.message : "");
}

leat_status leat_models_get(leat_models *m, leat_str model, leat_str version, leat_version **out,
                            leat_error *err) {
  table *t;
  *out = NULL;
  atomic_int *readers = enter(m, &t);
  leat_status status = find(t, model, version, out, err);
  if (!status) atomic_fetch_add_explicit(&(*out)->holds, 1, memory_order_relaxed);
  leave(readers);
  return status;
}

void leat_version_release(leat_version *v) {
  if (v) atomic_fetch_sub_explicit(&v->holds, 1, memory_order_release);
}

leat_status leat_models_list(leat_models *m, leat_str model, leat_version_list *out,
                             leat_error *err) {
  table *t;
  atomic_int *readers = enter(m, &t);
  leat_map_entry *entry = model.len ? leat_map_find(&t->by_name, model) : NULL;
  const model_entry *own = entry ? entry->value.ptr : NULL;
  leat_status status = LEAT_OK;
  *out = (leat_version_list){.count = own ? own->count : model.len ? 0 : t->count};
  if (model.len && !own)
    status = leat_error_set(err, LEAT_NOT_FOUND, "model '" LEAT_STR_FMT "' is not served",
                            LEAT_STR_ARG(model));
  out->at = leat__calloc(out->count + 1, sizeof *out->at);
  if (!out->at) status = leat__oom(err, sizeof *out->at);
  for (size_t i = 0; !status && i < out->count; i++) {
    out->at[i] = own ? own->versions[i] : t->versions[i];
    atomic_fetch_add_explicit(&out->at[i]->holds, 1, memory_order_relaxed);
  }
  leave(readers);
  if (!status) return LEAT_OK;
  leat__free(out->at);
  *out = (leat_version_list){0};
  return status;
}

void leat_version_list_free(leat_version_list *list) {
  for (size_t i = 0; i < list->count; i++) leat_version_release(list->at[i]);
  leat__free(list->at);
  *list = (leat_version_list){0};
}

bool leat_models_ready(leat_models *m) {
  table *t;
  if (!atomic_load(&m->set)) return false;
  atomic_int *readers = enter(m, &t);
  bool ready = true;
  for (size_t i = 0; ready && i < t->by_name.count; i++) {
    const model_entry *e = t->by_name.entries[i].value.ptr;
    ready = e->chosen && is_available(e->chosen);
  }
  leave(readers);
  return ready;
}

// --- Records ------------------------------------------------------------------------------------
static void version_free(leat_version *v) {
  leat__version_unload(v);
  leat__free(v->stats);
  leat_arena_deinit(&v->arena);
  leat__free(v);
}

static leat_version *version_new(leat_models *m, const leat_model_wanted *w) {
  leat_version *v = leat__calloc(1, sizeof *v);
  char number[24];
  if (!v) return NULL;
  snprintf(number, sizeof number, "%lld", (long long)w->number);
  v->name = leat_arena_str(&v->arena, leat_str_of(w->version ? w->version : number));
  v->model = leat_arena_str(&v->arena, leat_str_of(w->model));
  v->dir = leat_arena_str(&v->arena, leat_str_of(w->dir));
  v->identity = leat_arena_str(&v->arena, leat_str_of(w->identity ? w->identity : w->dir));
  v->labels = leat_arena_str(&v->arena, leat_str_of(w->labels ? w->labels : ""));
  v->number = w->number;
  v->is_default = w->is_default;
  v->stats = leat__calloc(1, sizeof *v->stats);
  atomic_init(&v->state, LEAT_SERVING_START);
  if (v->name && v->model && v->dir && v->identity && v->labels && v->stats &&
      leat_vec_push(&m->all, v))
    return v;
  version_free(v);
  return NULL;
}

static bool same(const leat_version *v, const leat_model_wanted *w) {
  bool named = w->version ? strcmp(v->name, w->version) == 0 : true;
  return v->number == w->number && named && strcmp(v->model, w->model) == 0 &&
         strcmp(v->identity, w->identity ? w->identity : w->dir) == 0 &&
         strcmp(v->labels, w->labels ? w->labels : "") == 0;
}

// --- Tables -------------------------------------------------------------------------------------
typedef LEAT_VEC(leat_version *) version_vec;

static int by_model(const void *a, const void *b) {
  const leat_version *x = *(leat_version *const *)a, *y = *(leat_version *const *)b;
  int order = strcmp(x->model, y->model);
  return order ? order : (x->number > y->number) - (x->number < y->number);
}

// The version that stays the default, or becomes it.
static leat_version *choose(const model_entry *e, const leat_version *before) {
  leat_version *newest = NULL, *marked = NULL, *kept = NULL;
  bool wanted = false;
  for (size_t i = 0; i < e->count; i++) {
    leat_version *v = e->versions[i];
    wanted |= v->is_default && !v->retired;
    if (!is_available(v) || v->retired) continue;
    newest = v;
    if (v->is_default) marked = v;
    if (v == before) kept = v;
  }
  return marked ? marked : wanted && kept ? kept : newest;
}

static void table_free(table *t) {
  if (!t) return;
  for (size_t i = 0; i < t->count; i++) t->versions[i]->listed--;
  leat_map_deinit(&t->by_name);
  leat_arena_deinit(&t->arena);
  leat__free(t);
}

static const model_entry *entry_of(const table *t, const char *model) {
  leat_map_entry *e = t ? leat_map_find(&t->by_name, leat_str_of(model)) : NULL;
  return e ? e->value.ptr : NULL;
}

static leat_status table_new(table **out, const table *before, const version_vec *list,
                             leat_error *err) {
  table *t = *out = leat__calloc(1, sizeof *t);
  if (!t) return leat__oom(err, sizeof *t);
  t->versions = leat_arena_alloc(&t->arena, sizeof *t->versions * (list->count + 1));
  if (!t->versions) goto fail;
  if (list->count) memcpy(t->versions, list->at, sizeof *t->versions * list->count);
  qsort(t->versions, list->count, sizeof *t->versions, by_model);
  for (size_t i = 0; i < list->count; i++) {
    leat_version *v = t->versions[i];
    bool made;
    leat_map_entry *entry = leat_map_insert(&t->by_name, leat_str_of(v->model), &made);
    if (!entry) goto fail;
    if (made) entry->value.ptr = leat_arena_alloc(&t->arena, sizeof(model_entry));
    model_entry *e = entry->value.ptr;
    if (!e) goto fail;
    if (made) *e = (model_entry){.name = v->model, .versions = &t->versions[i]};
    e->count++;
  }
  for (size_t i = 0; i < t->by_name.count; i++) {
    model_entry *e = t->by_name.entries[i].value.ptr;
    const model_entry *old = entry_of(before, e->name);
    e->chosen = choose(e, old ? old->chosen : NULL);
  }
  t->count = list->count;
  for (size_t i = 0; i < t->count; i++) t->versions[i]->listed++;
  return LEAT_OK;
fail:
  table_free(t);
  *out = NULL;
  return leat__oom(err, sizeof *t);
}

static void swap(leat_models *m, table *t) {
  table *before = atomic_exchange(&m->table, t);
  wait_for_readers(m);
  table_free(before);
}

// --- Setting ------------------------------------------------------------------------------------
static leat_version *find_same(const table *t, const leat_model_wanted *w) {
  for (size_t i = 0; t && i < t->count; i++) {
    leat_version *v = t->versions[i];
    int state = atomic_load(&v->state);
    if (state < LEAT_SERVING_UNLOADING && same(v, w)) return v;
  }
  return NULL;
}

static bool holds(const version_vec *list, const leat_version *v) {
  for (size_t i = 0; i < list->count; i++)
    if (list->at[i] == v) return true;
  return false;
}

static void load_one(leat_models *m, leat_version *v, int *failed) {
  leat_buf line = {0};
  atomic_store(&v->state, LEAT_SERVING_LOADING);
  leat_status status = leat__version_load(v, &m->options, &v->failure);
  if (status) ++*failed;
  atomic_store(&v->state, status ? LEAT_SERVING_END : LEAT_SERVING_AVAILABLE);
  leat_buf_fmt(&line, "%s version %s %s%s", v->model, v->name,
               status ? "could not be loaded: " : "is served", status ? v->failure.message : "");
  if (m->options.note && !line.failed) m->options.note(m->options.context, line.ptr);
  leat_buf_deinit(&line);
}

// What was served and is no longer wanted is listed for a while, as long as its model is there and
// its number is not taken again.
static leat_status add_ended(leat_models *m, const table *before, version_vec *list,
                             leat_error *err) {
  size_t wanted = list->count;
  for (size_t i = before ? before->count : 0; i-- > 0;) {
    leat_version *v = before->versions[i];
    bool model = false, taken = false;
    size_t ended = 0;
    if (holds(list, v)) continue;
    for (size_t k = 0; k < list->count; k++) {
      bool here = strcmp(list->at[k]->model, v->model) == 0;
      model |= here && k < wanted;
      taken |= here && list->at[k]->number == v->number;
      ended += here && k >= wanted;
    }
    if (model && !taken && ended < ENDED_MAX && !leat_vec_push(list, v))
      return leat__oom(err, sizeof v);
  }
  return LEAT_OK;
}

// A model of which nothing new can be served keeps what it had.
static leat_status keep_last_good(const table *before, version_vec *list, leat_error *err) {
  size_t wanted = list->count;
  for (size_t i = 0; before && i < before->count; i++) {
    leat_version *v = before->versions[i];
    bool model = false, served = false;
    for (size_t k = 0; k < wanted; k++) {
      bool here = strcmp(list->at[k]->model, v->model) == 0;
      model |= here;
      served |= here && is_available(list->at[k]);
    }
    if (model && !served && is_available(v) && !holds(list, v) && !leat_vec_push(list, v))
      return leat__oom(err, sizeof v);
  }
  return LEAT_OK;
}

static leat_status set_stage(leat_models *m, const version_vec *list, leat_error *err) {
  table *t;
  leat_status status = table_new(&t, atomic_load(&m->table), list, err);
  if (!status) swap(m, t);
  return status;
}

leat_status leat_models_set(leat_models *m, const leat_model_wanted *wanted, size_t count,
                            int *failed, leat_error *err) {
  version_vec list = {0}, both = {0};
  const table *before = atomic_load(&m->table);
  leat_status status = LEAT_OK;
  *failed = 0;
  for (size_t i = 0; !status && i < count; i++) {
    leat_version *v = find_same(before, &wanted[i]);
    if (!v) v = version_new(m, &wanted[i]);
    if (v && !holds(&list, v)) v->is_default = wanted[i].is_default;
    if (!v || !leat_vec_push(&list, v)) status = leat__oom(err, sizeof v);
  }
  for (size_t i = 0; !status && i < list.count; i++)
    if (!leat_vec_push(&both, list.at[i])) status = leat__oom(err, 1);
  for (size_t i = 0; !status && before && i < before->count; i++)
    if (!holds(&list, before->versions[i]) && !leat_vec_push(&both, before->versions[i]))
      status = leat__oom(err, 1);
  if (!status) status = set_stage(m, &both, err);  // the new ones can be seen loading
  for (size_t i = 0; !status && i < list.count; i++)
    if (atomic_load(&list.at[i]->state) == LEAT_SERVING_START) load_one(m, list.at[i], failed);
  if (!status) status = keep_last_good(atomic_load(&m->table), &list, err);
  size_t kept = list.count;
  if (!status) status = add_ended(m, atomic_load(&m->table), &list, err);
  for (size_t i = 0; !status && i < both.count; i++) both.at[i]->retired = true;
  for (size_t i = 0; !status && i < kept; i++) list.at[i]->retired = false;
  if (!status) status = set_stage(m, &list, err);
  for (size_t i = 0; !status && i < both.count; i++) {  // others are the defaults by now
    int available = LEAT_SERVING_AVAILABLE;
    if (both.at[i]->retired)
      atomic_compare_exchange_strong(&both.at[i]->state, &available, LEAT_SERVING_UNLOADING);
  }
  wait_for_readers(m);
  atomic_store(&m->set, atomic_load(&m->set) || !status);
  leat_vec_deinit(&list);
  leat_vec_deinit(&both);
  leat_models_collect(m);
  return status;
}

void leat_models_collect(leat_models *m) {
  bool freed = false;
  size_t kept = 0;
  for (size_t i = 0; i < m->all.count; i++) {
    leat_version *v = m->all.at[i];
    bool idle = atomic_load_explicit(&v->holds, memory_order_acquire) == 0;
    if (idle && atomic_load(&v->state) == LEAT_SERVING_UNLOADING) {
      if (m->options.end) m->options.end(m->options.context, v);
      leat__version_unload(v);
      atomic_store(&v->state, LEAT_SERVING_END);
      freed = true;
    }
    bool gone = idle && v->listed == 0 && atomic_load(&v->state) != LEAT_SERVING_AVAILABLE;
    if (gone)
      version_free(v);
    else
      m->all.at[kept++] = v;
  }
  m->all.count = kept;
  if (freed) malloc_trim(0);
}

leat_status leat_models_new(leat_models **out, const leat_models_options *options,
                            leat_error *err) {
  leat_models *m = *out = leat__alloc_aligned(sizeof *m);
  if (!m) return leat__oom(err, sizeof *m);
  memset(m, 0, sizeof *m);
  m->options = *options;
  version_vec none = {0};
  table *t;
  leat_status status = table_new(&t, NULL, &none, err);
  atomic_init(&m->table, t);
  if (!status) return LEAT_OK;
  leat__free(m);
  *out = NULL;
  return status;
}

void leat_models_free(leat_models *m) {
  if (!m) return;
  table_free(atomic_load(&m->table));
  for (size_t i = 0; i < m->all.count; i++) {
    leat_version *v = m->all.at[i];
    if (m->options.end && v->loaded) m->options.end(m->options.context, v);
    version_free(v);
  }
  leat_vec_deinit(&m->all);
  leat__free(m);
}
