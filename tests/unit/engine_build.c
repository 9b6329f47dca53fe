// Building printed C: the cache, compilers that fail, the switch from interpreter to native code.
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/file.h"
#include "engine/build.h"
#include "leat/engine.h"
#include "leat/ops.h"
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static void begin(void) {
  snprintf(folder, sizeof folder, "/tmp/leat-build-XXXXXX");
  CHECK(mkdtemp(folder) != NULL);
  setenv("LEAT_CACHE_DIR", folder, 1);
  unsetenv("LEAT_CC");
  unsetenv("LEAT_CACHE_MAX");
  unsetenv("LEAT_ENGINE");
}

static void end(void) {
  leat_dir_remove(folder, NULL);
  unsetenv("LEAT_CACHE_DIR");
  unsetenv("LEAT_CC");
  unsetenv("LEAT_CACHE_MAX");
}

// How many files of the cache end like this; the first one's path.
static int files(const char *ending, char first[400]) {
  leat_error err = {0};
  leat_paths names = {0};
  int count = 0;
  CHECK_OK(leat_dir_list(folder, &names, NULL));
  for (size_t i = 0; i < names.count; i++) {
    size_t n = strlen(names.at[i]), m = strlen(ending);
    if (n < m || strcmp(names.at[i] + n - m, ending) != 0) continue;
    if (count++ == 0 && first) snprintf(first, 400, "%s/%s", folder, names.at[i]);
  }
  leat_paths_deinit(&names);
  return count;
}

static leat_build *unit(int answer) {
  char text[200];
  leat_error err = {0};
  leat_build *b = NULL;
  snprintf(text, sizeof text,
           "__attribute__((visibility(\"default\"))) int answer(void) { return %d; }\n", answer);
  CHECK_OK(leat__build_new(&b, leat_str_of(text), NULL, &err));
  return b;
}

// Whether the unit was in the cache; it is built if not, and gives its answer.
static bool found(int answer) {
  leat_error err = {0};
  leat_build *b = unit(answer);
  leat_object *object = b ? leat__build_take(b) : NULL;
  bool was_there = object != NULL;
  if (b && !object) {
    CHECK_OK(leat__build_start(b, &err));
    CHECK_OK(leat__build_poll(b, true, &err));
    object = leat__build_take(b);
  }
  int (*fn)(void) = NULL;
  if (object) *(void **)(void *)&fn = leat__object_find(object, "answer");
  CHECK(fn && fn() == answer);
  leat__object_free(object);
  leat__build_free(b);
  return was_there;
}

static void units_are_built_once(void) {
  begin();
  CHECK(!found(1));
  CHECK(found(1));
  CHECK(!found(2));
  CHECK(files(".so", NULL) == 2 && files("", NULL) == 2);
  end();
}

static void change(const char *path, off_t at) {
  int fd = open(path, O_RDWR);
  char c = 0;
  CHECK(pread(fd, &c, 1, at) == 1);
  c ^= 1;
  CHECK(pwrite(fd, &c, 1, at) == 1);
  close(fd);
}

static void bad_entries_are_built_again(void) {
  begin();
  char path[400];
  struct stat st;
  CHECK(!found(1));
  CHECK(files(".so", path) == 1 && stat(path, &st) == 0);
  for (off_t at = 0; at < st.st_size; at += st.st_size / 7 + 1) {
    change(path, at);
    CHECK_MSG(!found(1), "byte %lld changed and still loaded", (long long)at);
  }
  for (off_t cut = 0; cut < st.st_size; cut += st.st_size / 5 + 1) {
    CHECK(truncate(path, cut) == 0);
    CHECK_MSG(!found(1), "cut to %lld and still loaded", (long long)cut);
  }
  CHECK(chmod(path, 0666) == 0);  // anyone may have written it
  CHECK(!found(1));
  CHECK(unlink(path) == 0 && symlink("/bin/true", path) == 0);
  CHECK(!found(1));
  CHECK(found(1));
  end();
}

static void the_cache_is_bounded(void) {
  begin();
  setenv("LEAT_CACHE_MAX", "60000", 1);
  for (int i = 0; i < 8; i++) CHECK(!found(i));
  CHECK(found(7));
  int64_t total = 0;
  leat_error err = {0};
  leat_paths names = {0};
  CHECK_OK(leat_dir_list(folder, &names, NULL));
  for (size_t i = 0; i < names.count; i++) {
    char path[400];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", folder, names.at[i]);
    if (stat(path, &st) == 0) total += st.st_size;
  }
  leat_paths_deinit(&names);
  CHECK_MSG(total > 0 && total <= 60000, "%lld bytes", (long long)total);
  end();
}

static void processes_build_at_once(void) {
  begin();
  pid_t children[4];
  for (int i = 0; i < 4; i++) {
    children[i] = fork();
    if (children[i] == 0) found(5), _exit(test_failures != 0);
  }
  for (int i = 0; i < 4; i++) {
    int how = 1;
    CHECK(waitpid(children[i], &how, 0) == children[i] && how == 0);
  }
  CHECK(found(5));
  CHECK(files("", NULL) == 1);
  end();
}

static void script(const char *name, const char *text) {
  char path[200];
  snprintf(path, sizeof path, "%s.%s", folder, name);
  FILE *f = fopen(path, "w");
  fprintf(f, "#!/bin/sh\n%s\n", text);
  fclose(f);
  chmod(path, 0755);
  setenv("LEAT_CC", path, 1);
}

static void fails_with(const char *says) {
  leat_error err = {0};
  leat_build *b = unit(1);
  leat_status status = leat__build_start(b, &err);
  if (!status) status = leat__build_poll(b, true, &err);
  CHECK(status != LEAT_OK);
  CHECK_MSG(strstr(err.message, says), "'%s' does not say '%s'", err.message, says);
  CHECK(leat__build_take(b) == NULL);
  leat__build_free(b);
  CHECK_MSG(files("", NULL) == 0, "%d files left", files("", NULL));
  unlink(getenv("LEAT_CC"));
}

static void compilers_that_fail_say_why(void) {
  begin();
  script("killed", "kill -9 $$");
  fails_with("was ended by signal 9");
  script("full",
         "echo unit.c: In function leat_f0 >&2\n"
         "echo 'fatal error: writing to /tmp/x.s: No space left on device' >&2\n"
         "exit 1");
  fails_with("(exit 1): fatal error: writing to /tmp/x.s: No space left on device");
  script("silent", "exit 0");
  fails_with("No such file");
  script("garbage", "while [ \"$1\" != -o ]; do shift; done; echo nonsense >$2");
  fails_with("does not load");
  end();
}

static void what_is_not_wanted_any_more_is_ended(void) {
  begin();
  script("slow", "sleep 60");
  leat_error err = {0};
  leat_build *b = unit(1);
  int64_t start = leat_clock_ns();
  CHECK_OK(leat__build_start(b, &err));
  CHECK_OK(leat__build_poll(b, false, &err));
  CHECK(leat__build_take(b) == NULL);
  CHECK(files(".c", NULL) == 1);
  leat__build_free(b);
  CHECK(files("", NULL) == 0);
  CHECK(leat_clock_ns() - start < 10000000000);
  unlink(getenv("LEAT_CC"));
  end();
}

// --- The switch ---------------------------------------------------------------------------------
enum { WIDE = 30000 };

static leat_func *sum_up(leat_graph *g) {
  leat_error err = {0};
  leat_builder *b = leat_builder_new(g, NULL);
  leat_value x = leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(WIDE)});
  leat_value e = leat_exp(b, leat_tanh(b, x));
  leat_output(b, "y", leat_reduce_sum(b, leat_mul(b, e, x), (int[]){0}, 1, false));
  leat_func *f = NULL;
  CHECK_OK(leat_builder_finish(b, &f, &err));
  return f;
}

static void calls_move_to_native_code_by_themselves(void) {
  begin();
  leat_error err = {0};
  leat_graph *g = NULL;
  leat_exec *exec = NULL;
  leat_tensor *x = NULL;
  CHECK_OK(leat_graph_new(&g, &err));
  CHECK_OK(leat_exec_new(&exec, sum_up(g), NULL, &err));
  CHECK_OK(leat_tensor_new(&x, LEAT_DTYPE_F32, 1, (int64_t[]){WIDE}, &err));
  float *values = leat_tensor_data(x), first = 0;
  for (int i = 0; i < WIDE; i++) values[i] = (float)(i % 977) * 0.01f - 4;
  int64_t start = leat_clock_ns();
  bool interpreted = false, native = false;
  for (int after = 0; after < 3 && leat_clock_ns() - start < 60000000000;) {
    leat_tensor *y = NULL;
    if (!CHECK_OK(leat_exec_run(exec, NULL, &x, 1, &y, &err))) break;
    float got = *(float *)leat_tensor_data(y);
    if (!interpreted) first = got;
    CHECK_MSG(memcmp(&got, &first, 4) == 0, "%a, at first %a", (double)got, (double)first);
    interpreted = true;
    native = leat_exec_engine(exec) == LEAT_ENGINE_NATIVE;
    after += native;
    leat_tensor_unref(y);
  }
  CHECK_MSG(native, "still interpreted: %s", leat_exec_note(exec));
  leat_tensor_unref(x);
  leat_exec_free(exec);
  leat_graph_free(g);
  end();
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"units_are_built_once", units_are_built_once},
      {"bad_entries_are_built_again", bad_entries_are_built_again},
      {"the_cache_is_bounded", the_cache_is_bounded},
      {"processes_build_at_once", processes_build_at_once},
      {"compilers_that_fail_say_why", compilers_that_fail_say_why},
      {"what_is_not_wanted_any_more_is_ended", what_is_not_wanted_any_more_is_ended},
      {"calls_move_to_native_code_by_themselves", calls_move_to_native_code_by_themselves},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
