// gRPC: finding the method of a call, and health.
// SPDX-License-Identifier: Apache-2.0
#include "serve/grpc.h"

#include <stdio.h>

const char *const leat__grpc_services[] = {"tensorflow.serving.PredictionService",
                                           "tensorflow.serving.ModelService",
                                           "inference.GRPCInferenceService",
                                           "grpc.health.v1.Health",
                                           "grpc.reflection.v1.ServerReflection",
                                           "grpc.reflection.v1alpha.ServerReflection",
                                           NULL};

static const struct {
  leat_str path;
  leat_grpc_method *answer;
  leat_role role;
} methods[] = {
#define METHOD(path, answer, role) \
  { {path, sizeof(path) - 1}, answer, role }
#define PREDICTION "/tensorflow.serving.PredictionService/"
#define MODEL "/tensorflow.serving.ModelService/"
#define V2 "/inference.GRPCInferenceService/"
    METHOD(V2 "ModelInfer", leat__v2_grpc_infer, LEAT_ROLE_PREDICTOR),
    METHOD(PREDICTION "Predict", leat__tfs_grpc_predict, LEAT_ROLE_PREDICTOR),
    METHOD(PREDICTION "Classify", leat__tfs_grpc_classify, LEAT_ROLE_PREDICTOR),
    METHOD(PREDICTION "Regress", leat__tfs_grpc_regress, LEAT_ROLE_PREDICTOR),
    METHOD(PREDICTION "MultiInference", leat__tfs_grpc_multi, LEAT_ROLE_PREDICTOR),
    METHOD(PREDICTION "GetModelMetadata", leat__tfs_grpc_metadata, LEAT_ROLE_PREDICTOR),
    METHOD(MODEL "GetModelStatus", leat__tfs_grpc_status, LEAT_ROLE_PREDICTOR),
    METHOD(MODEL "HandleReloadConfigRequest", leat__tfs_grpc_reload, LEAT_ROLE_ADMIN),
    METHOD(V2 "ServerLive", leat__v2_grpc_live, LEAT_ROLE_NONE),
    METHOD(V2 "ServerReady", leat__v2_grpc_ready, LEAT_ROLE_NONE),
    METHOD(V2 "ModelReady", leat__v2_grpc_model_ready, LEAT_ROLE_PREDICTOR),
    METHOD(V2 "ServerMetadata", leat__v2_grpc_server, LEAT_ROLE_PREDICTOR),
    METHOD(V2 "ModelMetadata", leat__v2_grpc_model, LEAT_ROLE_PREDICTOR),
    METHOD(V2 "ModelConfig", leat__v2_grpc_config, LEAT_ROLE_PREDICTOR),
    METHOD(V2 "ModelStatistics", leat__v2_grpc_stats, LEAT_ROLE_PREDICTOR),
    METHOD(V2 "RepositoryIndex", leat__v2_grpc_index, LEAT_ROLE_PREDICTOR),
    METHOD(V2 "RepositoryModelLoad", leat__v2_grpc_load, LEAT_ROLE_ADMIN),
    METHOD(V2 "RepositoryModelUnload", leat__v2_grpc_unload, LEAT_ROLE_ADMIN),
    METHOD("/grpc.health.v1.Health/Check", leat__health_check, LEAT_ROLE_NONE),
};

enum { METHODS = sizeof methods / sizeof *methods };

void leat__grpc_fail(leat_exchange *x, leat_status status, const char *message) {
  leat_grpc_send(x, status, message);
}

leat_str leat__proto_text(leat_str message, int number) {
  leat_proto p = {message, false};
  leat_proto_field f;
  leat_str found = {"", 0};
  while (leat_proto_next(&p, &f))
    if (f.number == number && f.wire == LEAT_WIRE_BYTES) found = f.bytes;
  return found;
}

static bool allowed(leat_serve *s, leat_exchange *x, leat_role role) {
  leat_role own = role ? leat_serve_role(s, x) : LEAT_ROLE_ADMIN;
  if (own >= role) return true;
  if (own == LEAT_ROLE_NONE)
    leat__grpc_fail(x, LEAT_UNAUTHENTICATED, "a valid bearer token is needed");
  else
    leat__grpc_fail(x, LEAT_PERMISSION_DENIED, "the token does not allow this");
  return false;
}

static bool well_formed(leat_str message) {
  leat_proto p = {message, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f)) {
  }
  return !p.damaged;
}

static void unknown(leat_exchange *x) {
  char text[512];
  leat_str path = x->path, slash = {0};
  if (path.len && path.ptr[0] == '/') path.ptr++, path.len--;
  slash = path;
  leat_str service = leat_str_cut(&slash, '/');
  bool known = false;
  for (int i = 0; leat__grpc_services[i]; i++) known |= leat__is(service, leat__grpc_services[i]);
  if (known)
    snprintf(text, sizeof text, "unknown method %.*s for service %.*s",
             (int)(slash.len < 160 ? slash.len : 160), slash.ptr,
             (int)(service.len < 160 ? service.len : 160), service.ptr);
  else
    snprintf(text, sizeof text, "unknown service %.*s",
             (int)(service.len < 160 ? service.len : 160), service.ptr);
  leat__grpc_fail(x, LEAT_UNIMPLEMENTED, text);
}

// --- Calls with streams -------------------------------------------------------------------------
static const leat_str watch = {"/grpc.health.v1.Health/Watch", 28};
static const leat_str reflect[] = {
    {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 57},
    {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", 62}};

static int find_method(leat_str path) {
  for (int i = 0; i < METHODS; i++)
    if (leat_str_eq(path, methods[i].path)) return i;
  return -1;
}

// A method that is not known is refused at once: its client may wait before it sends all.
bool leat__grpc_streams(const leat_exchange *x) {
  return leat_grpc_is(x) && find_method(x->path) < 0;
}

// --- Dispatch -----------------------------------------------------------------------------------
void leat__grpc(leat_serve *s, leat_exchange *x) {
  leat_str message;
  leat_error err;
  int i = find_method(x->path);
  if (i >= 0) {
    if (!allowed(s, x, methods[i].role)) return;
    if (leat_grpc_message(x, &message, &err))
      leat__grpc_fail(x, err.status, err.message);
    else if (!well_formed(message))
      leat__grpc_fail(x, LEAT_INTERNAL, "the request message does not parse");
    else
      methods[i].answer(s, x, message);
  } else if (leat_str_eq(x->path, watch))
    leat__health_watch(s, x);
  else if (leat_str_eq(x->path, reflect[0]) || leat_str_eq(x->path, reflect[1]))
    leat__reflect(s, x);
  else
    unknown(x);
}

// --- Health -------------------------------------------------------------------------------------
enum { SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

// "" and each service are as the server is; a model's name asks for that model.
static int health_of(leat_serve *s, leat_str service) {
  leat_version *v;
  bool own = !service.len;
  for (int i = 0; leat__grpc_services[i]; i++) own |= leat__is(service, leat__grpc_services[i]);
  if (own) return leat_models_ready(s->models) ? SERVING : NOT_SERVING;
  leat_status status = leat_models_get(s->models, service, (leat_str){0}, &v, NULL);
  leat_version_release(v);
  return !status ? SERVING : status == LEAT_NOT_FOUND ? SERVICE_UNKNOWN : NOT_SERVING;
}

void leat__health_check(leat_serve *s, leat_exchange *x, leat_str request) {
  int health = health_of(s, leat__proto_text(request, 1));
  if (health == SERVICE_UNKNOWN) {
    leat__grpc_fail(x, LEAT_NOT_FOUND, "unknown service");
    return;
  }
  leat_grpc_begin(x);
  leat_proto_i64(&x->reply, 1, health);
  leat_grpc_send(x, LEAT_OK, NULL);
}

struct leat_watcher {
  leat_watcher *next;
  leat_exchange *x;
  int health;  // what it was told
  size_t length;
  char service[];
};

static void tell(leat_watcher *w, int health) {
  char message[2] = {1 << 3, (char)health};
  w->health = health;
  leat_grpc_write(w->x, (leat_str){message, 2});
}

void leat__health_watch(leat_serve *s, leat_exchange *x) {
  leat_str message;
  leat_error err;
  bool found;
  if (x->user) return;  // a watcher has it already
  if (leat_grpc_next(x, &message, &found, &err)) {
    leat__grpc_fail(x, err.status, err.message);
    return;
  }
  if (leat_exchange_gone(x)) {  // it left before it asked
    leat_grpc_end(x, LEAT_CANCELLED, NULL);
    return;
  }
  if (!found && !x->complete) return;
  leat_str service = found ? leat__proto_text(message, 1) : (leat_str){0};
  leat_watcher *w = leat__alloc(sizeof *w + service.len + 1);
  if (!w) {
    leat__grpc_fail(x, LEAT_RESOURCE_EXHAUSTED, "out of memory");
    return;
  }
  *w = (leat_watcher){.x = x, .length = service.len};
  if (service.len) memcpy(w->service, service.ptr, service.len);
  x->user = w;
  leat_grpc_stream(x);
  tell(w, health_of(s, service));
  pthread_mutex_lock(&s->lock);
  bool stop = s->stop;
  if (!stop) {
    w->next = s->watchers;
    s->watchers = w;
  }
  pthread_mutex_unlock(&s->lock);
  if (!stop) return;
  leat_grpc_end(x, LEAT_UNAVAILABLE, NULL);
  leat__free(w);
}

void leat__health_tell(leat_serve *s, bool stop) {
  pthread_mutex_lock(&s->lock);
  leat_watcher *list = s->watchers, *kept = NULL;
  s->watchers = NULL;
  pthread_mutex_unlock(&s->lock);
  while (list) {
    leat_watcher *w = list;
    list = w->next;
    int health = health_of(s, (leat_str){w->service, w->length});
    if (stop || leat_exchange_gone(w->x)) {
      leat_grpc_end(w->x, stop ? LEAT_UNAVAILABLE : LEAT_CANCELLED, NULL);
      leat__free(w);
      continue;
    }
    if (health != w->health) tell(w, health);
    w->next = kept;
    kept = w;
  }
  pthread_mutex_lock(&s->lock);
  while (kept) {
    leat_watcher *w = kept;
    kept = w->next;
    w->next = s->watchers;
    s->watchers = w;
  }
  pthread_mutex_unlock(&s->lock);
}
