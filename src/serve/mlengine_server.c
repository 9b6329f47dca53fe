// ML Engine v1 on a running server: its queues, and the table of models.
// SPDX-License-Identifier: Apache-2.0
#include "serve/mlengine_server.h"

#include "base/clock.h"
#include "formats/json.h"
#include "serve/mlengine.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
  NOTE_MS = 60000,       // between notes of when versions were used
  TURN_WAIT_MS = 10000,  // for the control thread, at most
  PATH_MAX_BYTES = 1024,
};

typedef struct job {  // a request that waits for the worker, or a creation for the creator
  leat_exchange *x;
  leat_creation *creation;
  struct job *next;
} job;

typedef struct queue {
  job *first, *last;
} queue;

struct leat_mlengine_server {
  leat_registry *registry;
  const char *project;
  leat_serve *serve;  // known since the first tick
  pthread_mutex_t lock;
  pthread_cond_t more, turned;  // there is work; the control thread has looked at the registry
  queue requests, creations;
  pthread_t threads[2];  // worker, creator
  int thread_count;
  bool stop;
  int64_t asked, served;  // turns of the control thread: asked for, and done
  // The control thread's.
  int64_t stamp;
  bool loaded;
  int64_t noted_ms;
};

static void push(leat_mlengine_server *s, queue *q, job *j) {
  j->next = NULL;
  pthread_mutex_lock(&s->lock);
  if (q->last)
    q->last->next = j;
  else
    q->first = j;
  q->last = j;
  pthread_cond_broadcast(&s->more);
  pthread_mutex_unlock(&s->lock);
}

// Waits for a job; NULL at the end.
static job *pop(leat_mlengine_server *s, queue *q) {
  pthread_mutex_lock(&s->lock);
  while (!q->first && !s->stop) pthread_cond_wait(&s->more, &s->lock);
  job *j = s->stop ? NULL : q->first;
  if (j && !(q->first = j->next)) q->last = NULL;
  pthread_mutex_unlock(&s->lock);
  return j;
}

// --- The table of models ------------------------------------------------------------------------
static const char *table_name(leat_arena *arena, const char *project,
                              const leat_registry_version *v) {
  leat_buf name = {0};
  if (strcmp(v->project, project) == 0) return v->model;
  leat_buf_fmt(&name, "projects/%s/models/%s", v->project, v->model);
  const char *kept = leat_arena_str(arena, leat_buf_view(&name));
  leat_buf_deinit(&name);
  return kept;
}

static leat_status set_table(leat_mlengine_server *s, leat_models *models, leat_error *err) {
  leat_arena arena = {0};
  leat_registry_versions list = {0};
  int failed;
  leat_status status = leat_registry_version_list(s->registry, NULL, NULL, (leat_registry_page){0},
                                                  &arena, &list, err);
  leat_model_wanted *wanted = leat__calloc(list.count + 1, sizeof *wanted);
  if (!status && !wanted) status = leat__oom(err, list.count * sizeof *wanted);
  for (size_t i = 0; !status && i < list.count; i++) {
    const leat_registry_version *v = &list.at[i];
    wanted[i] = (leat_model_wanted){.model = table_name(&arena, s->project, v),
                                    .version = v->name,
                                    .number = v->number,
                                    .dir = v->dir,
                                    .identity = v->hash,
                                    .is_default = v->is_default};
    if (!wanted[i].model) status = leat__oom(err, 1);
  }
  if (!status) status = leat_models_set(models, wanted, list.count, &failed, err);
  leat__free(wanted);
  leat_vec_deinit(&list);
  leat_arena_deinit(&arena);
  return status;
}

// Notes in the registry which versions have predicted since the last time.
static void note_uses(leat_mlengine_server *s, leat_models *models) {
  leat_version_list list;
  int64_t now = (int64_t)(leat_clock_wall() * 1000);
  if (!s->noted_ms) s->noted_ms = now;
  if (now - s->noted_ms < NOTE_MS) return;
  int64_t since = s->noted_ms;
  s->noted_ms = now;
  if (leat_models_list(models, (leat_str){0}, &list, NULL)) return;
  for (size_t i = 0; i < list.count; i++) {
    const leat_version *v = list.at[i];
    bool plain = strchr(v->model, '/') == NULL;
    if (plain && leat_stats_last_ms(v->stats) >= since)
      leat_registry_version_used(s->registry, s->project, v->model, v->name, NULL);
  }
  leat_version_list_free(&list);
}

static leat_status tick(void *context, leat_serve *serve, leat_error *err) {
  leat_mlengine_server *s = context;
  int64_t stamp = 0;
  pthread_mutex_lock(&s->lock);
  int64_t asked = s->asked;
  s->serve = serve;
  pthread_mutex_unlock(&s->lock);
  leat_status status = leat_registry_stamp(s->registry, &stamp, err);
  if (!status && (!s->loaded || stamp != s->stamp)) {
    status = set_table(s, leat_serve_models(serve), err);
    if (!status) s->loaded = true, s->stamp = stamp;
  }
  note_uses(s, leat_serve_models(serve));
  pthread_mutex_lock(&s->lock);
  s->served = asked;
  pthread_cond_broadcast(&s->turned);
  pthread_mutex_unlock(&s->lock);
  return status;
}

// Until the table is as the registry is now; for a while only, should the server be stopping.
static void wait_turn(leat_mlengine_server *s) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += TURN_WAIT_MS / 1000;
  pthread_mutex_lock(&s->lock);
  int64_t mine = ++s->asked;
  leat_serve_wake(s->serve);
  int late = 0;
  while (s->served < mine && !late && !s->stop)
    late = pthread_cond_timedwait(&s->turned, &s->lock, &until);
  pthread_mutex_unlock(&s->lock);
}

// --- Answers ------------------------------------------------------------------------------------
// {"error": {"code": 404, "message": "...", "status": "NOT_FOUND", "details": [...]}}
static void answer_error(leat_exchange *x, const leat_error *err, leat_str details) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text, .indent = 2};
  int code = err->status == LEAT_CANCELLED ? 499 : leat_http_status(err->status);
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("error"));
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("code"));
  leat_json_i64(&w, code);
  leat_json_key(&w, LEAT_STR("message"));
  leat_json_string(&w, leat_str_of(err->message));
  leat_json_key(&w, LEAT_STR("status"));
  leat_json_string(&w, leat_str_of(leat_status_name(err->status)));
  if (details.len) {
    leat_json_key(&w, LEAT_STR("details"));
    leat_json_raw(&w, leat_str_strip(details, LEAT_STR("\n")));
  }
  leat_json_close(&w, '}');
  leat_json_close(&w, '}');
  leat_buf_clear(&x->reply);
  leat_buf_str(&x->reply, leat_buf_view(&text));
  leat_buf_char(&x->reply, '\n');
  leat_buf_deinit(&text);
  leat_serve_json(x, code);
}

static bool fail(leat_exchange *x, leat_status status, const char *message) {
  leat_error err;
  leat_error_set(&err, status, "%s", message);
  answer_error(x, &err, (leat_str){0});
  return true;
}

// Reading is a predictor's right, changing an administrator's.
static bool is_allowed(const leat_serve *serve, leat_exchange *x, leat_role needed) {
  leat_role role = leat_serve_role(serve, x);
  if (role >= needed) return true;
  if (role == LEAT_ROLE_NONE) {
    leat_reply_field(x, "www-authenticate", LEAT_STR("Bearer"));
    fail(x, LEAT_UNAUTHENTICATED,
         "Request is missing required authentication credential: a bearer token of this server.");
  } else
    fail(x, LEAT_PERMISSION_DENIED, "The caller does not have permission: an admin token's.");
  return false;
}

// --- Predictions --------------------------------------------------------------------------------
static leat_status find_version(const leat_mlengine_server *s, leat_models *models,
                                const leat_mlengine_target *t, leat_version **out,
                                leat_error *err) {
  bool own = leat_str_eq(t->project, leat_str_of(s->project));
  leat_str name = own ? t->model : t->name;
  leat_status status = leat_models_get(models, name, t->version, out, err);
  // Versions go by their names here, not by numbers or labels.
  if (status || !t->version.len || leat_str_eq(leat_str_of((*out)->name), t->version))
    return status;
  leat_version_release(*out);
  return leat_error_set(err, LEAT_NOT_FOUND, "no version '" LEAT_STR_FMT "'",
                        LEAT_STR_ARG(t->version));
}

static const leat_predict_style style = {.ml_engine = true};

// The path without escapes, in `room` where it has any.
static bool read_target(const leat_exchange *x, char room[PATH_MAX_BYTES],
                        leat_mlengine_target *out) {
  leat_str path = x->path;
  if (memchr(path.ptr, '%', path.len)) {
    if (path.len >= PATH_MAX_BYTES) return false;
    memcpy(room, path.ptr, path.len);
    if (!leat_url_decode(room, &path.len, false)) return false;
    path.ptr = room;
  }
  return leat_mlengine_predicts(path, out);
}

// What the table does not have may have been created just now, may still be loaded, or the registry
// tells why not.
static void predict_late(leat_mlengine_server *s, leat_exchange *x) {
  char room[PATH_MAX_BYTES];
  leat_mlengine_target t;
  leat_error err = {0};
  leat_version *version;
  leat_arena arena = {0};
  leat_registry_model m;
  leat_registry_version v;
  wait_turn(s);
  read_target(x, room, &t);
  leat_status status = find_version(s, leat_serve_models(s->serve), &t, &version, &err);
  if (!status) {
    leat_serve_predict(s->serve, x, version, &style);
    return;
  }
  const char *project = leat_arena_str(&arena, t.project), *model = leat_arena_str(&arena, t.model),
             *name = leat_arena_str(&arena, t.version);
  leat_error told = {0};
  if (project && model && name)
    status = leat_registry_model_get(s->registry, project, model, &arena, &m, &told);
  if (!status && !name[0] && !*(name = m.default_version))
    status = leat_error_set(&told, LEAT_FAILED_PRECONDITION,
                            "Field: name Error: model '%s' has no default version", model);
  if (!status)
    status = leat_registry_version_get(s->registry, project, model, name, &arena, &v, &told);
  if (!status && v.state != LEAT_VERSION_READY)
    leat_error_set(&told, LEAT_FAILED_PRECONDITION,
                   "Field: name Error: version '%s' of model '%s' is %s", name, model,
                   leat_version_state_name(v.state));
  answer_error(x, told.status ? &told : &err, (leat_str){0});
  leat_arena_deinit(&arena);
}

// --- The worker and the creator -----------------------------------------------------------------
static void create_later(void *context, leat_creation *creation) {
  leat_mlengine_server *s = context;
  job *j = leat__calloc(1, sizeof *j);
  if (!j) {  // freed unrun, it is ABORTED
    leat_creation_free(creation);
    return;
  }
  j->creation = creation;
  push(s, &s->creations, j);
}

static void *creator(void *of) {
  leat_mlengine_server *s = of;
  for (job *j; (j = pop(s, &s->creations));) {
    leat_creation_run(j->creation, NULL);  // the operation tells how it went
    leat_creation_free(j->creation);
    leat__free(j);
  }
  return NULL;
}

static bool is_get(const leat_exchange *x) { return leat_str_eq(x->method, LEAT_STR("GET")); }

// A long query comes as a form: x-http-method-override says what is meant.
static leat_mlengine_request read_request(const leat_exchange *x) {
  leat_mlengine_request r = {x->method, x->path, x->query, x->body};
  leat_str meant = leat_exchange_field(x, "x-http-method-override");
  if (!meant.len) return r;
  r.method = meant;
  leat_str form = LEAT_STR("application/x-www-form-urlencoded");
  if (!leat_str_starts(leat_exchange_field(x, "content-type"), form)) return r;
  if (!r.query.len) r.query = x->body;
  r.body = (leat_str){0};
  return r;
}

static void manage(leat_mlengine_server *s, leat_exchange *x) {
  leat_mlengine m = {.registry = s->registry, .create = create_later, .context = s};
  leat_mlengine_request request = read_request(x);
  leat_error err = {0};
  // An operation is told to be done when what it made is served.
  if (is_get(x)) wait_turn(s);
  leat_status status = leat_mlengine_call(&m, &request, &x->reply, &err);
  if (!status) {
    if (!is_get(x)) wait_turn(s);
    leat_serve_json(x, 200);
    return;
  }
  leat_buf details = {0};
  leat_buf_str(&details, leat_buf_view(&x->reply));
  answer_error(x, &err, leat_buf_view(&details));
  leat_buf_deinit(&details);
}

static void *worker(void *of) {
  leat_mlengine_server *s = of;
  char room[PATH_MAX_BYTES];
  leat_mlengine_target t;
  for (job *j; (j = pop(s, &s->requests));) {
    if (read_target(j->x, room, &t))
      predict_late(s, j->x);
    else
      manage(s, j->x);
    leat__free(j);
  }
  return NULL;
}

// --- Requests, on an I/O thread -----------------------------------------------------------------
static bool enqueue(leat_mlengine_server *s, leat_exchange *x) {
  job *j = leat__calloc(1, sizeof *j);
  if (!j) return fail(x, LEAT_RESOURCE_EXHAUSTED, "out of memory");
  j->x = x;
  push(s, &s->requests, j);
  return true;
}

static bool predict(leat_mlengine_server *s, leat_serve *serve, leat_exchange *x,
                    const leat_mlengine_target *t) {
  leat_version *version;
  leat_error err;
  if (!is_allowed(serve, x, LEAT_ROLE_PREDICTOR)) return true;
  if (!leat_str_eq(x->method, LEAT_STR("POST")))
    return fail(x, LEAT_NOT_FOUND, "Method not found.");
  leat_status status = find_version(s, leat_serve_models(serve), t, &version, &err);
  if (status) return enqueue(s, x);
  leat_serve_predict(serve, x, version, &style);
  return true;
}

static bool discover(leat_exchange *x) {
  static const char *const documents[] = {"/$discovery/rest", "/discovery/v1/apis/ml/v1/rest"};
  bool asked = false;
  for (int i = 0; i < 2; i++) asked |= leat_str_eq(x->path, leat_str_of(documents[i]));
  if (!asked || !is_get(x)) return false;
  leat_buf root = {0};
  leat_error err = {0};
  leat_buf_fmt(&root, "%s://" LEAT_STR_FMT "/", x->tls ? "https" : "http",
               LEAT_STR_ARG(x->authority));
  if (leat_mlengine_discovery(root.ptr ? root.ptr : "/", &x->reply, &err))
    answer_error(x, &err, (leat_str){0});
  else
    leat_serve_json(x, 200);
  leat_buf_deinit(&root);
  return true;
}

static bool handle(void *context, leat_serve *serve, leat_exchange *x) {
  leat_mlengine_server *s = context;
  char room[PATH_MAX_BYTES];
  leat_mlengine_target t;
  if (!leat_str_starts(x->path, LEAT_STR("/v1/projects/"))) return discover(x);
  if (read_target(x, room, &t)) return predict(s, serve, x, &t);
  bool reads =
      is_get(x) || leat_str_eq(leat_exchange_field(x, "x-http-method-override"), LEAT_STR("GET"));
  if (is_allowed(serve, x, reads ? LEAT_ROLE_PREDICTOR : LEAT_ROLE_ADMIN)) enqueue(s, x);
  return true;
}

// --- Life ---------------------------------------------------------------------------------------
leat_serve_extension leat_mlengine_server_extension(leat_mlengine_server *server) {
  return (leat_serve_extension){.handle = handle, .tick = tick, .context = server};
}

leat_status leat_mlengine_server_new(leat_mlengine_server **out, leat_registry *registry,
                                     const char *project, leat_error *err) {
  void *(*const work[2])(void *) = {worker, creator};
  leat_mlengine_server *s = *out = leat__calloc(1, sizeof *s);
  if (!s) return leat__oom(err, sizeof *s);
  s->registry = registry;
  s->project = project && *project ? project : "local";
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->more, NULL);
  pthread_cond_init(&s->turned, NULL);
  for (int i = 0; i < 2; i++) {
    if (pthread_create(&s->threads[i], NULL, work[i], s)) {
      leat_mlengine_server_free(s);
      *out = NULL;
      return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "no more threads");
    }
    s->thread_count++;
  }
  return LEAT_OK;
}

void leat_mlengine_server_free(leat_mlengine_server *s) {
  if (!s) return;
  pthread_mutex_lock(&s->lock);
  s->stop = true;
  pthread_cond_broadcast(&s->more);
  pthread_cond_broadcast(&s->turned);
  pthread_mutex_unlock(&s->lock);
  for (int i = 0; i < s->thread_count; i++) pthread_join(s->threads[i], NULL);
  for (job *j = s->creations.first, *next; j; j = next) {
    next = j->next;
    leat_creation_free(j->creation);
    leat__free(j);
  }
  for (job *j = s->requests.first, *next; j; j = next) {
    next = j->next;
    leat__free(j);
  }
  pthread_cond_destroy(&s->more);
  pthread_cond_destroy(&s->turned);
  pthread_mutex_destroy(&s->lock);
  leat__free(s);
}
