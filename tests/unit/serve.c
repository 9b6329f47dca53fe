// The prediction server inside: no memory asked for on a warm connection, swaps, text protos.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "formats/proto.h"
#include "formats/proto_text.h"
#include "net.h"
#include "serve/serve.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

// --- Counting: what the program's own malloc is asked for ---------------------------------------
static atomic_llong asked;

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { COUNTS = 0 };
#else
enum { COUNTS = 1 };
void *malloc(size_t bytes) { return atomic_fetch_add(&asked, 1), __libc_malloc(bytes); }
void *calloc(size_t count, size_t bytes) {
  return atomic_fetch_add(&asked, 1), __libc_calloc(count, bytes);
}
void *realloc(void *block, size_t bytes) {
  return atomic_fetch_add(&asked, 1), __libc_realloc(block, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  return atomic_fetch_add(&asked, 1), __libc_memalign(alignment, bytes);
}
#endif

// --- A model and a server -----------------------------------------------------------------------
static char root[64];

static void put_file(const char *dir, const char *name, const char *bytes, size_t count) {
  leat_error err;
  char path[256];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  CHECK_OK(leat_file_write(path, (leat_str){bytes, count}, &err));
}

// y = x * 2 + t's length, of rows of any width.
static void save_model(const char *dir, int plus) {
  leat_error err;
  char graph[2048];
  static const char head[] = "\x22\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"leat\"}}";
  static const char signature[] =
      "{\"format\": 1, \"signature\": \"serving_default\", \"function\": \"predict\"}";
  int n = snprintf(graph, sizeof graph,
                   "leat graph 1\nnumerics 1\nsymbol batch\nsymbol width\n"
                   "func predict(t: string[batch], x: f32[batch, width]) {\n"
                   "  %%2 = add(%%1, %%1) : f32[batch, width]\n"
                   "  %%3 = const() value=f32[] {%d.0} : f32[]\n"
                   "  %%4 = broadcast(%%3) dims=[batch, width] axes=[] : f32[batch, width]\n"
                   "  %%5 = add(%%2, %%4) : f32[batch, width]\n"
                   "  return t=%%0, y=%%5\n}\n",
                   plus);
  CHECK_OK(leat_dir_make(dir, &err));
  put_file(dir, "graph.leat", graph, (size_t)n);
  put_file(dir, "weights.safetensors", head, sizeof head - 1);
  put_file(dir, "signature.json", signature, sizeof signature - 1);
}

static leat_serve *start(const leat_serve_options *more) {
  static const char *const listen[] = {"127.0.0.1:0"};
  static char base[128];
  leat_error err;
  leat_serve *serve = NULL;
  leat_serve_options options = *more;
  char dir[160];
  snprintf(base, sizeof base, "%s/model", root);
  snprintf(dir, sizeof dir, "%s/1", base);
  if (!leat_file_exists(dir)) save_model(dir, 0);
  options.net.listen = listen;
  options.net.listen_count = 1;
  options.net.threads = 1;
  options.model_base_path = base;
  options.model_name = "m";
  options.file_poll_ms = -1;
  CHECK_OK(leat_serve_start(&serve, &options, &err));
  return serve;
}

// --- No memory on a warm connection -------------------------------------------------------------
static void ask(int fd, const char *request, size_t length, const char *until) {
  static char answer[1 << 16];
  net_send(fd, request, length);
  CHECK_MSG(strstr(net_read(fd, answer, sizeof answer, until), until) != NULL, "got '%s'", answer);
}

static void ask_often(leat_serve *serve, const char *path, const char *body, const char *until,
                      const char *what) {
  static char request[1 << 15];
  int n = snprintf(request, sizeof request,
                   "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", path,
                   strlen(body), body);
  int fd = net_connect(leat_serve_server(serve));
  for (int i = 0; i < 300; i++) ask(fd, request, (size_t)n, until);
  long long before = atomic_load(&asked);
  for (int i = 0; i < 200; i++) ask(fd, request, (size_t)n, until);
  long long taken = atomic_load(&asked) - before;
  CHECK_MSG(!COUNTS || taken == 0, "%s: 200 requests asked for memory %lld times", what, taken);
  close(fd);
}

// --- gRPC: frames as bytes ----------------------------------------------------------------------
static void put_frame(leat_buf *out, int type, int flags, uint32_t stream, leat_str payload) {
  const char head[9] = {(char)(payload.len >> 16),
                        (char)(payload.len >> 8),
                        (char)payload.len,
                        (char)type,
                        (char)flags,
                        (char)(stream >> 24),
                        (char)(stream >> 16),
                        (char)(stream >> 8),
                        (char)stream};
  leat_buf_add(out, head, sizeof head);
  leat_buf_str(out, payload);
}

static void put_header(leat_buf *out, const char *name, const char *value) {
  leat_buf_char(out, 0);  // a literal that is not indexed
  leat_buf_char(out, (char)strlen(name));
  leat_buf_c(out, name);
  leat_buf_char(out, (char)strlen(value));
  leat_buf_c(out, value);
}

// A ModelInferRequest of one row.
static void put_call(leat_buf *out) {
  static const float x[2] = {1, 2};
  leat_buf body = {0};
  leat_proto_bytes(&body, 1, LEAT_STR("m"));
  size_t at = leat_proto_begin(&body, 5);
  leat_proto_bytes(&body, 1, LEAT_STR("t"));
  leat_proto_bytes(&body, 2, LEAT_STR("BYTES"));
  leat_proto_i64(&body, 3, 1);
  leat_proto_end(&body, at);
  at = leat_proto_begin(&body, 5);
  leat_proto_bytes(&body, 1, LEAT_STR("x"));
  leat_proto_bytes(&body, 2, LEAT_STR("FP32"));
  leat_proto_i64(&body, 3, 1);
  leat_proto_i64(&body, 3, 2);
  leat_proto_end(&body, at);
  leat_proto_bytes(&body, 7, (leat_str){"\6\0\0\0abcxyz", 10});
  leat_proto_bytes(&body, 7, (leat_str){(const char *)x, sizeof x});
  const char prefix[5] = {0, 0, 0, (char)(body.len >> 8), (char)body.len};
  leat_buf_add(out, prefix, 5);
  leat_buf_str(out, leat_buf_view(&body));
  leat_buf_deinit(&body);
}

static bool read_answer(int fd) {
  static char text[1 << 14];
  struct pollfd p = {.fd = fd, .events = POLLIN};
  for (size_t got = 0; got < sizeof text && poll(&p, 1, 3000) == 1;) {
    ssize_t n = recv(fd, text + got, sizeof text - got, 0);
    if (n <= 0) break;
    got += (size_t)n;
    if (memmem(text, got, "abcxyz", 6)) return true;
  }
  return false;
}

static void call_often(leat_serve *serve) {
  leat_buf head = {0}, call = {0}, out = {0};
  int fd = net_connect(leat_serve_server(serve));
  put_header(&head, ":method", "POST");
  put_header(&head, ":scheme", "http");
  put_header(&head, ":path", "/inference.GRPCInferenceService/ModelInfer");
  put_header(&head, ":authority", "x");
  put_header(&head, "content-type", "application/grpc");
  put_header(&head, "te", "trailers");
  put_call(&call);
  leat_buf_c(&out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  put_frame(&out, 4, 0, 0, (leat_str){0});
  put_frame(&out, 8, 0, 0, (leat_str){"\x3f\0\0\0", 4});  // a large window
  long long before = 0;
  leat_buf_reserve(&out, 4096);
  for (int i = 0; i < 500; i++) {
    if (i == 300) before = atomic_load(&asked);
    put_frame(&out, 1, 4, (uint32_t)(2 * i + 1), leat_buf_view(&head));
    put_frame(&out, 0, 1, (uint32_t)(2 * i + 1), leat_buf_view(&call));
    net_send(fd, out.ptr, out.len);
    leat_buf_clear(&out);
    if (!CHECK_MSG(read_answer(fd), "call %d was not answered", i)) break;
  }
  long long taken = atomic_load(&asked) - before;
  CHECK_MSG(!COUNTS || taken == 0, "gRPC: 200 calls asked for memory %lld times", taken);
  close(fd);
  leat_buf_deinit(&head);
  leat_buf_deinit(&call);
  leat_buf_deinit(&out);
}

static void a_warm_request_asks_for_no_memory(void) {
  const leat_serve_options options = {.engine = LEAT_ENGINE_INTERPRETER};
  leat_serve *serve = start(&options);
  if (!serve) return;
  ask_often(serve, "/v1/models/m:predict",
            "{\"instances\": [{\"t\": \"abc\", \"x\": [1, 2.5, -3e2]}]}", "-600.0]}]}\n", "rows");
  ask_often(serve, "/v1/models/m:predict", "{\"inputs\": {\"t\": [\"abc\"], \"x\": [[1, 2, 3]]}}",
            "6.0]]}}\n", "columns");
  ask_often(
      serve, "/v2/models/m/infer",
      "{\"inputs\": [{\"name\": \"t\", \"shape\": [1], \"datatype\": \"BYTES\", \"data\": "
      "[\"abc\"]}, {\"name\": \"x\", \"shape\": [1, 2], \"datatype\": \"FP32\", \"data\": [1, "
      "2]}]}",
      "4.0]}]}", "V2");
  leat_serve_stop(serve);
}

// --- Swaps --------------------------------------------------------------------------------------
typedef struct asker {
  leat_models *models;
  atomic_bool stop;
  atomic_llong got, wrong;
} asker;

static void *keep_asking(void *of) {
  asker *a = of;
  while (!atomic_load(&a->stop)) {
    leat_version *v;
    leat_error err;
    if (leat_models_get(a->models, LEAT_STR("m"), (leat_str){0}, &v, &err)) {
      atomic_fetch_add(&a->wrong, 1);
      continue;
    }
    if (!v->loaded || leat_version_input(v, LEAT_STR("x")) != 1) atomic_fetch_add(&a->wrong, 1);
    leat_version_release(v);
    atomic_fetch_add(&a->got, 1);
  }
  return NULL;
}

static void a_swap_fails_no_request(void) {
  leat_error err;
  const leat_models_options options = {.engine = LEAT_ENGINE_INTERPRETER};
  leat_models *models = NULL;
  char dirs[2][160];
  int failed;
  CHECK_OK(leat_models_new(&models, &options, &err));
  CHECK(!leat_models_ready(models));
  for (int i = 0; i < 2; i++) {
    snprintf(dirs[i], sizeof dirs[i], "%s/swap/%d", root, i);
    save_model(dirs[i], i);
  }
  leat_model_wanted one = {.model = "m", .number = 1, .dir = dirs[0]};
  CHECK_OK(leat_models_set(models, &one, 1, &failed, &err));
  CHECK(leat_models_ready(models));
  asker a = {.models = models};
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, keep_asking, &a) == 0);
  for (int round = 2; round < 60; round++) {
    leat_model_wanted next = {.model = "m", .number = round, .dir = dirs[round & 1]};
    CHECK_OK(leat_models_set(models, &next, 1, &failed, &err));
    CHECK(failed == 0);
    leat_models_collect(models);
  }
  atomic_store(&a.stop, true);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  CHECK(atomic_load(&a.got) > 0);
  CHECK_MSG(atomic_load(&a.wrong) == 0, "%lld of %lld failed", (long long)a.wrong,
            (long long)a.got);
  leat_models_free(models);
}

static void names_defaults_and_failures(void) {
  leat_error err;
  const leat_models_options options = {.engine = LEAT_ENGINE_INTERPRETER};
  leat_models *models = NULL;
  leat_version *v;
  leat_version_list list;
  int failed;
  char good[160], bad[160];
  snprintf(good, sizeof good, "%s/swap/0", root);
  snprintf(bad, sizeof bad, "%s/nothing", root);
  if (!leat_file_exists(good)) save_model(good, 0);
  CHECK_OK(leat_models_new(&models, &options, &err));
  leat_model_wanted wanted[] = {
      {.model = "m", .version = "v1", .number = 1, .dir = good, .labels = "old\nstable\n"},
      {.model = "m", .version = "v2", .number = 2, .dir = bad, .is_default = true},
      {.model = "m", .version = "v3", .number = 3, .dir = good, .identity = "x"}};
  CHECK_OK(leat_models_set(models, wanted, 3, &failed, &err));
  CHECK(failed == 1);
  CHECK_OK(leat_models_get(models, LEAT_STR("m"), LEAT_STR("stable"), &v, &err));
  CHECK(v->number == 1 && leat_version_has_label(v, LEAT_STR("v1")));
  leat_version_release(v);
  CHECK_OK(leat_models_get(models, LEAT_STR("m"), LEAT_STR("3"), &v, &err));
  CHECK_STR(v->name, "v3");
  leat_version_release(v);
  CHECK(leat_models_get(models, LEAT_STR("m"), LEAT_STR("v2"), &v, &err) == LEAT_UNAVAILABLE);
  CHECK(strstr(err.message, "could not be loaded") != NULL);
  CHECK(leat_models_get(models, LEAT_STR("m"), LEAT_STR("v4"), &v, &err) == LEAT_NOT_FOUND);
  CHECK(leat_models_get(models, LEAT_STR("n"), (leat_str){0}, &v, &err) == LEAT_NOT_FOUND);
  CHECK_OK(leat_models_get(models, LEAT_STR("m"), (leat_str){0}, &v, &err));
  CHECK(v->number == 3);  // the default cannot be loaded and there was none before
  leat_version *held = v;
  CHECK_OK(leat_models_set(models, wanted, 1, &failed, &err));  // held, so it is not unloaded yet
  leat_models_collect(models);
  CHECK(held->loaded && atomic_load(&held->state) == LEAT_SERVING_UNLOADING);
  leat_version_release(held);
  leat_models_collect(models);
  CHECK_OK(leat_models_list(models, LEAT_STR("m"), &list, &err));
  CHECK(list.count == 3 && atomic_load(&list.at[2]->state) == LEAT_SERVING_END &&
        !list.at[2]->loaded);
  leat_version_list_free(&list);
  leat_models_free(models);
}

// --- Text protos --------------------------------------------------------------------------------
static const leat_proto_schema inner_fields[] = {{"n", 1, LEAT_PROTO_INT, NULL}, {0}};
static const leat_proto_schema fields[] = {{"s", 1, LEAT_PROTO_STRING, NULL},
                                           {"i", 2, LEAT_PROTO_INT, NULL},
                                           {"b", 3, LEAT_PROTO_BOOL, NULL},
                                           {"d", 4, LEAT_PROTO_DOUBLE, NULL},
                                           {"m", 5, LEAT_PROTO_MESSAGE, inner_fields},
                                           {"e", 6, LEAT_PROTO_ENUM, NULL},
                                           {0}};

static void text_protos(void) {
  static const char text[] =
      "# a comment\ns: \"a\\n\\x41\\101\" 'b'; i: [1, -2], b: true m { n: 3 } m: < n: 4 > e: NAME";
  static const char wire[] =
      "\x0a\x05"
      "a\nAAb\x10\x01\x10\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x18\x01"
      "\x2a\x02\x08\x03\x2a\x02\x08\x04\x30\x00";
  leat_buf out = {0};
  leat_error err;
  CHECK_OK(leat_proto_from_text(leat_str_of(text), "t", fields, &out, &err));
  CHECK(leat_str_eq(leat_buf_view(&out), (leat_str){wire, sizeof wire - 1}));
  leat_buf_deinit(&out);
  static const char *const wrong[][2] = {{"x: 1", "t:1:2: no field 'x'"},
                                         {"i: a", "t:1:5: a whole number was expected, not 'a'"},
                                         {"\n s 1", "t:2:4: ':' was expected behind 's'"},
                                         {"s: \"a", "t:1:6: a string does not end"},
                                         {"m { n: 1", "t:1:9: a message does not end"},
                                         {"b: 2", "t:1:5: true or false was expected, not '2'"},
                                         {"m: 1", "t:1:4: '{' was expected behind 'm'"}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(leat_proto_from_text(leat_str_of(wrong[i][0]), "t", fields, &out, &err) ==
          LEAT_INVALID_ARGUMENT);
    CHECK_STR(err.message, wrong[i][1]);
    leat_buf_deinit(&out);
  }
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"a_warm_request_asks_for_no_memory", a_warm_request_asks_for_no_memory},
      {"a_swap_fails_no_request", a_swap_fails_no_request},
      {"names_defaults_and_failures", names_defaults_and_failures},
      {"text_protos", text_protos},
  };
  snprintf(root, sizeof root, "/tmp/leat-serve-XXXXXX");
  if (!mkdtemp(root)) return 1;
  int code = test_main(argc, argv, tests, sizeof tests / sizeof *tests);
  leat_dir_remove(root, NULL);
  return code;
}
