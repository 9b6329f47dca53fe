// The registry: what is created stays, what fails or dies leaves no trace but its error.
// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include "base/file.h"
#include "base/sha256.h"
#include "formats/json_tree.h"
#include "leat/model.h"
#include "leat/ops.h"
#include "registry/registry.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];
static leat_registry *r;
static leat_arena arena;

static const char *at(const char *name) {  // "ROOT/NAME", valid for the next eight calls
  static char names[8][256];
  static int turn;
  char *out = names[turn++ % 8];
  snprintf(out, sizeof names[0], "%s/%s", root, name);
  return out;
}

// y = x + added, for any batch.
static void save_model(const char *dir, float added) {
  leat_error err = {0};
  leat_graph *graph = NULL;
  CHECK_OK(leat_graph_new(&graph, &err));
  leat_builder *b = leat_builder_new(graph, "predict");
  leat_dim batch = leat_dim_symbol(graph, "batch", 0);
  leat_value x = leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(batch)});
  leat_output(b, "y", leat_add(b, x, leat_const_f32(b, added)));
  leat_func *func = NULL;
  CHECK_OK(leat_builder_finish(b, &func, &err));
  CHECK_OK(leat_model_save(dir, func, NULL, "serving_default", &err));
  leat_graph_free(graph);
}

static void start(void) {
  leat_error err = {0};
  snprintf(root, sizeof root, "/tmp/leat-registry-XXXXXX");
  if (!mkdtemp(root)) abort();
  save_model(at("m/1"), 1);
  save_model(at("m/12"), 2);
  save_model(at("job/export/best/5"), 3);
  CHECK_OK(leat_registry_open(&r, at("reg"), NULL, &err));
}

static void finish(void) {
  leat_registry_close(r);
  leat_arena_deinit(&arena);
  CHECK(leat_dir_remove(root, NULL) == LEAT_OK);
}

static leat_status make_model(const char *name, leat_error *err) {
  leat_registry_model m = {.project = "local", .name = name, .fields = "{}"};
  return leat_registry_model_create(r, &m, err);
}

static leat_status make_version(const char *model, const char *name, const char *origin,
                                leat_error *err) {
  leat_registry_version v = {.project = "local", .model = model, .name = name, .origin = origin};
  leat_creation *c = NULL;
  leat_status status = leat_registry_version_begin(r, &v, &c, err);
  if (!status) status = leat_creation_run(c, err);
  leat_creation_free(c);
  return status;
}

static leat_registry_version get_version(const char *model, const char *name) {
  leat_error err = {0};
  leat_registry_version v = {.name = ""};
  CHECK_OK(leat_registry_version_get(r, "local", model, name, &arena, &v, &err));
  return v;
}

static size_t objects(void) {
  leat_paths names = {0};
  CHECK(leat_dir_list(at("reg/objects"), &names, NULL) == LEAT_OK);
  size_t count = names.count;
  leat_paths_deinit(&names);
  return count;
}

// --- Cases --------------------------------------------------------------------------------------
static void hashes(void) {
  static const struct {
    const char *text;
    int times;
    const char *hex;
  } cases[] = {
      {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    leat_sha256 h;
    char hex[LEAT_SHA256_HEX];
    leat_sha256_init(&h);
    for (int k = 0; k < cases[i].times; k++)
      leat_sha256_add(&h, cases[i].text, strlen(cases[i].text));
    leat_sha256_hex(&h, hex);
    CHECK_STR(hex, cases[i].hex);
  }
}

static void trees(void) {
  leat_error err = {0};
  leat_jnode *tree = NULL;
  static const char text[] = "{\"a\": {\"b\": [1, 2.50, \"x\\n\"]}, \"c\": null, \"d\": true}";
  CHECK_OK(leat_json_tree(&tree, &arena, leat_str_of(text), "t", &err));
  CHECK(leat_jnode_at(tree, LEAT_STR("a.b"))->count == 3);
  CHECK(!leat_jnode_at(tree, LEAT_STR("a.b.c")) && !leat_jnode_get(tree, "e"));
  CHECK_STR(leat_jnode_print(&arena, tree), text);
  leat_jnode_remove(tree, LEAT_STR("d"));
  leat_jnode_put(&arena, tree, LEAT_STR("a"), leat_jnode_string(&arena, LEAT_STR("z")));
  CHECK_STR(leat_jnode_print(&arena, leat_jnode_copy(&arena, tree)), "{\"c\": null, \"a\": \"z\"}");
  CHECK(leat_json_tree(&tree, &arena, LEAT_STR("{\"a\":1,\"a\":2}"), "t", &err) ==
        LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message, "t:1:12: the key 'a' stands twice");
  leat_arena_deinit(&arena);
}

static void models_live(void) {
  leat_error err = {0};
  leat_registry_model m;
  leat_registry_models list = {0};
  leat_registry_operation op;
  start();
  CHECK_OK(make_model("census", &err));
  CHECK(make_model("census", &err) == LEAT_ALREADY_EXISTS);
  CHECK_STR(err.message, "model 'census' exists already");
  CHECK(make_model("1census", &err) == LEAT_INVALID_ARGUMENT);
  CHECK(make_model("cen-sus", &err) == LEAT_INVALID_ARGUMENT);
  CHECK_OK(make_model("a_1", &err));
  CHECK_OK(leat_registry_model_list(r, "local", (leat_registry_page){0}, &arena, &list, &err));
  CHECK(list.count == 2 && !strcmp(list.at[0].name, "a_1") && !strcmp(list.at[1].name, "census"));
  list.count = 0;
  CHECK_OK(
      leat_registry_model_list(r, "local", (leat_registry_page){"a_1", 1}, &arena, &list, &err));
  CHECK(list.count == 1 && !strcmp(list.at[0].name, "census"));
  leat_vec_deinit(&list);
  CHECK_OK(leat_registry_model_get(r, "local", "census", &arena, &m, &err));
  leat_registry_model changed = m;
  changed.fields = "{\"description\":\"x\"}";
  CHECK_OK(leat_registry_model_update(r, &changed, &err));
  CHECK(leat_registry_model_update(r, &changed, &err) == LEAT_ABORTED);  // of an old revision
  CHECK_OK(leat_registry_model_get(r, "local", "census", &arena, &m, &err));
  CHECK_STR(m.fields, changed.fields);
  CHECK(leat_registry_model_get(r, "other", "census", &arena, &m, &err) == LEAT_NOT_FOUND);
  CHECK_OK(leat_registry_model_delete(r, "local", "census", &arena, &op, &err));
  CHECK(op.done && !strcmp(op.type, "DELETE_MODEL"));
  CHECK(leat_registry_model_delete(r, "local", "census", &arena, &op, &err) == LEAT_NOT_FOUND);
  finish();
}

static void versions_live(void) {
  leat_error err = {0};
  leat_registry_operation op;
  start();
  CHECK(make_version("m", "v1", at("m"), &err) == LEAT_NOT_FOUND);
  CHECK_OK(make_model("m", &err));
  CHECK_OK(make_version("m", "v1", at("m"), &err));
  CHECK_OK(make_version("m", "v2", at("m/1"), &err));
  CHECK_OK(make_version("m", "v3", at("job"), &err));
  CHECK(make_version("m", "v3", at("job"), &err) == LEAT_ALREADY_EXISTS);
  leat_registry_version v1 = get_version("m", "v1"), v2 = get_version("m", "v2");
  CHECK(v1.number == 1 && v2.number == 2 && v1.is_default && !v2.is_default);
  CHECK(v1.state == LEAT_VERSION_READY && leat_file_is_dir(v1.dir) && v1.bytes > 0);
  CHECK(strlen(v1.hash) == 64 && strcmp(v1.hash, v2.hash) != 0 && objects() == 3);
  CHECK(leat_registry_version_delete(r, "local", "m", "v1", &arena, &op, &err) ==
        LEAT_FAILED_PRECONDITION);
  CHECK_OK(leat_registry_version_set_default(r, "local", "m", "v2", &err));
  CHECK_OK(leat_registry_version_delete(r, "local", "m", "v1", &arena, &op, &err));
  CHECK(objects() == 2 && !leat_file_is_dir(v1.dir));
  CHECK_OK(make_version("m", "v1", at("m"), &err));
  CHECK(get_version("m", "v1").number == 4);  // never used again
  CHECK(leat_registry_model_delete(r, "local", "m", &arena, &op, &err) == LEAT_FAILED_PRECONDITION);
  CHECK_OK(make_version("m", "same", at("m"), &err));  // one content, kept once
  CHECK(objects() == 3);
  CHECK_OK(leat_registry_version_delete(r, "local", "m", "same", &arena, &op, &err));
  CHECK(objects() == 3);
  finish();
}

static void failures_are_kept(void) {
  leat_error err = {0};
  leat_registry_operations list = {0};
  start();
  CHECK_OK(make_model("m", &err));
  CHECK(make_version("m", "v1", at("none"), &err) == LEAT_NOT_FOUND);
  leat_registry_version v = get_version("m", "v1");
  CHECK(v.state == LEAT_VERSION_FAILED && strstr(v.error, "/none: no such directory"));
  CHECK(!v.is_default && !v.dir[0]);
  CHECK_OK(leat_file_write(at("m/1/graph.leat"), LEAT_STR("nonsense"), &err));
  CHECK(make_version("m", "v2", at("m/1"), &err) != LEAT_OK);
  CHECK(objects() == 0 && strstr(get_version("m", "v2").error, "graph.leat"));
  CHECK(leat_registry_version_set_default(r, "local", "m", "v2", &err) == LEAT_FAILED_PRECONDITION);
  CHECK_OK(leat_registry_operation_list(r, "local", (leat_registry_page){0}, &arena, &list, &err));
  CHECK(list.count == 2 && list.at[0].done && list.at[0].code == LEAT_NOT_FOUND);
  leat_vec_deinit(&list);
  finish();
}

static void cancels(void) {
  leat_error err = {0};
  leat_creation *c = NULL;
  start();
  CHECK_OK(make_model("m", &err));
  leat_registry_version v = {.project = "local", .model = "m", .name = "v", .origin = at("m")};
  leat_registry_operation op;
  CHECK_OK(leat_registry_version_begin(r, &v, &c, &err));
  const char *name = leat_creation_operation(c)->name;
  CHECK(leat_registry_operation_delete(r, "local", name, &err) == LEAT_FAILED_PRECONDITION);
  CHECK(leat_registry_version_delete(r, "local", "m", "v", &arena, &op, &err) ==
        LEAT_FAILED_PRECONDITION);
  CHECK_OK(leat_registry_operation_cancel(r, "local", name, &err));
  CHECK(leat_creation_run(c, &err) == LEAT_CANCELLED);
  CHECK_OK(leat_registry_operation_get(r, "local", name, &arena, &op, &err));
  CHECK(op.done && op.cancel_requested && op.code == LEAT_CANCELLED && objects() == 0);
  CHECK_OK(leat_registry_operation_delete(r, "local", name, &err));
  CHECK(leat_registry_operation_get(r, "local", name, &arena, &op, &err) == LEAT_NOT_FOUND);
  leat_creation_free(c);
  finish();
}

// A process that dies with a creation begun and files of nobody there.
static void recovers(void) {
  leat_error err = {0};
  start();
  CHECK_OK(make_model("m", &err));
  CHECK_OK(make_version("m", "v1", at("m"), &err));
  leat_registry_close(r);
  pid_t child = fork();
  if (child == 0) {
    leat_creation *c;
    leat_registry_version v = {.project = "local", .model = "m", .name = "v2", .origin = at("m")};
    if (leat_registry_open(&r, at("reg"), NULL, &err)) _exit(1);
    if (leat_registry_version_begin(r, &v, &c, &err)) _exit(2);
    if (leat_dir_make(at("reg/objects/.tmp-1"), &err)) _exit(3);
    kill(getpid(), SIGKILL);
  }
  int how = 0;
  waitpid(child, &how, 0);
  CHECK(WIFSIGNALED(how));
  CHECK_OK(leat_registry_open(&r, at("reg"), NULL, &err));
  CHECK(get_version("m", "v1").state == LEAT_VERSION_READY && objects() == 1);
  leat_registry_version v2 = get_version("m", "v2");
  CHECK(v2.state == LEAT_VERSION_FAILED);
  CHECK_STR(v2.error, "the creation was interrupted");
  finish();
}

// A creation of another process that lives is left alone.
static void spares_the_living(void) {
  leat_error err = {0};
  leat_creation *c = NULL;
  leat_registry *other = NULL;
  start();
  CHECK_OK(make_model("m", &err));
  leat_registry_version v = {.project = "local", .model = "m", .name = "v", .origin = at("m")};
  CHECK_OK(leat_registry_version_begin(r, &v, &c, &err));
  int64_t before = 0, same = 0, after = 0;
  CHECK_OK(leat_registry_open(&other, at("reg"), NULL, &err));
  CHECK_OK(leat_registry_stamp(other, &before, &err));
  CHECK_OK(leat_registry_stamp(other, &same, &err));
  CHECK(get_version("m", "v").state == LEAT_VERSION_CREATING);
  CHECK_OK(leat_creation_run(c, &err));
  CHECK_OK(leat_registry_stamp(other, &after, &err));
  CHECK(before == same && same != after);
  CHECK(get_version("m", "v").state == LEAT_VERSION_READY);
  leat_creation_free(c);
  leat_registry_close(other);
  finish();
}

static void *create_many(void *context) {
  for (int i = 0; i < 10; i++) {
    leat_error err = {0};
    char name[32];
    snprintf(name, sizeof name, "v%s%d", (const char *)context, i);
    CHECK_OK(make_version("m", name, at("m/1"), &err));
  }
  return NULL;
}

static void threads_share_it(void) {
  leat_error err = {0};
  pthread_t threads[3];
  leat_registry_versions list = {0};
  start();
  CHECK_OK(make_model("m", &err));
  static char names[3][2] = {"a", "b", "c"};
  for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, create_many, names[i]);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  CHECK_OK(
      leat_registry_version_list(r, "local", NULL, (leat_registry_page){0}, &arena, &list, &err));
  bool numbered = list.count == 30;
  for (size_t i = 0; i < list.count; i++) numbered &= list.at[i].number == (int64_t)i + 1;
  CHECK(numbered && objects() == 1);
  leat_vec_deinit(&list);
  finish();
}

static int calls, fail_at;
static int fail_nth(const char *operation) {
  (void)operation;
  return ++calls == fail_at ? 28 : 0;  // ENOSPC
}

// The n-th write, sync and rename of a creation fails: FAILED, no files, the next one succeeds.
static void full_disk(void) {
  leat_error err = {0};
  char name[16];
  start();
  CHECK_OK(make_model("m", &err));
  int n = 1;
  for (leat_status status = LEAT_UNKNOWN; status && n < 100; n++) {
    snprintf(name, sizeof name, "v%d", n);
    calls = 0, fail_at = n;
    leat__file_hook = fail_nth;
    status = make_version("m", name, at("m/1"), &err);
    leat__file_hook = NULL;
    if (status) CHECK(strstr(err.message, "No space left") && objects() == 0);
    if (status) CHECK(get_version("m", name).state == LEAT_VERSION_FAILED);
  }
  CHECK(n > 8 && n < 100 && objects() == 1);
  finish();
}

static void bad_directories(void) {
  leat_error err = {0};
  leat_registry *bad = NULL;
  start();
  leat_registry_options look = {.read_only = true};
  CHECK(leat_registry_open(&bad, at("none"), &look, &err) == LEAT_NOT_FOUND && !bad);
  CHECK(!leat_file_exists(at("none")));
  CHECK_OK(leat_dir_make(at("bad"), &err));
  CHECK_OK(leat_file_write(at("bad/registry.db"), LEAT_STR("this is no database, at all"), &err));
  CHECK(leat_registry_open(&bad, at("bad"), NULL, &err) == LEAT_DATA_LOSS);
  CHECK(strstr(err.message, "bad/registry.db: file is not a database"));
  CHECK_OK(leat_registry_open(&bad, at("reg"), &look, &err));
  leat_registry_model m = {.project = "local", .name = "m", .fields = "{}"};
  CHECK(leat_registry_model_create(bad, &m, &err) == LEAT_PERMISSION_DENIED);
  CHECK(strstr(err.message, "the registry cannot be written"));
  leat_registry_close(bad);
  CHECK_OK(leat_file_write(at("file"), LEAT_STR(""), &err));
  CHECK(leat_registry_open(&bad, at("file"), NULL, &err) != LEAT_OK);
  finish();
}

int main(int argc, char **argv) {
  static const test tests[] = {{"hashes", hashes},
                               {"trees", trees},
                               {"models_live", models_live},
                               {"versions_live", versions_live},
                               {"failures_are_kept", failures_are_kept},
                               {"cancels", cancels},
                               {"recovers", recovers},
                               {"spares_the_living", spares_the_living},
                               {"threads_share_it", threads_share_it},
                               {"full_disk", full_disk},
                               {"bad_directories", bad_directories}};
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
