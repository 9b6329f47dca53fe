// Local files: what is written survives, what fails leaves nothing behind.
// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[64];  // an empty directory for each test

static char *at(const char *name) {  // "ROOT/NAME", valid for the next eight calls
  static char names[8][256];
  static int turn;
  char *out = names[turn++ % 8];
  snprintf(out, sizeof names[0], "%s/%s", root, name);
  return out;
}

static void start(void) {
  snprintf(root, sizeof root, "/tmp/leat-file-XXXXXX");
  if (!mkdtemp(root)) abort();
}
static void finish(void) { CHECK(leat_dir_remove(root, NULL) == LEAT_OK && access(root, F_OK)); }

static size_t entries(const char *path) {
  leat_paths names = {0};
  CHECK(leat_dir_list(path, &names, NULL) == LEAT_OK);
  size_t count = names.count;
  leat_paths_deinit(&names);
  return count;
}

static bool holds(const char *path, const char *text) {
  leat_buf buf = {0};
  bool good = leat_file_read(path, 0, &buf, NULL) == LEAT_OK &&
              leat_str_eq(leat_buf_view(&buf), leat_str_of(text));
  leat_buf_deinit(&buf);
  return good;
}

// --- The n-th operation fails -------------------------------------------------------------------
static int calls, fail_at, fail_with;
static int fail_nth(const char *operation) {
  (void)operation;
  return ++calls == fail_at ? fail_with : 0;
}
static void arm(int n, int code) {
  calls = 0, fail_at = n, fail_with = code;
  leat__file_hook = fail_nth;
}
static void disarm(void) { leat__file_hook = NULL; }

static void reads_what_it_wrote(void) {
  leat_error err = {0};
  int64_t size = -1;
  start();
  CHECK_OK(leat_file_write(at("a"), LEAT_STR("first"), &err));
  CHECK_OK(leat_file_write(at("a"), LEAT_STR("second"), &err));
  CHECK(holds(at("a"), "second"));
  CHECK_OK(leat_file_write(at("empty"), (leat_str){0}, &err));
  CHECK(holds(at("empty"), ""));
  CHECK_OK(leat_file_size(at("a"), &size, &err));
  CHECK(size == 6 && entries(root) == 2);
  struct stat st;
  mode_t mask = umask(027);
  CHECK_OK(leat_file_write(at("mode"), LEAT_STR("x"), &err));
  umask(mask);
  CHECK(stat(at("mode"), &st) == 0 && (st.st_mode & 0777) == 0640);
  finish();
}

static void bounds_reading(void) {
  leat_error err = {0};
  leat_buf buf = {0};
  start();
  CHECK_OK(leat_file_write(at("a"), LEAT_STR("12345678"), &err));
  CHECK_OK(leat_file_read(at("a"), 8, &buf, &err));
  CHECK(leat_file_read(at("a"), 7, &buf, &err) == LEAT_RESOURCE_EXHAUSTED);
  CHECK(strstr(err.message, "/a: larger than 7 bytes") != NULL);
  CHECK(leat_file_read(at("none"), 0, &buf, &err) == LEAT_NOT_FOUND);
  CHECK(strstr(err.message, "/none: cannot open: No such file") != NULL);
  CHECK(leat_file_read(root, 0, &buf, &err) != LEAT_OK);
  CHECK(leat_file_size(at("none"), &(int64_t){0}, &err) == LEAT_NOT_FOUND);
  leat_buf_deinit(&buf);
  finish();
}

static void failed_write_keeps_the_old_file(void) {
  leat_error err = {0};
  start();
  CHECK_OK(leat_file_write(at("a"), LEAT_STR("old"), &err));
  for (int n = 1; n <= 3; n++) {  // write, fsync, rename
    arm(n, ENOSPC);
    CHECK(leat_file_write(at("a"), LEAT_STR("new"), &err) == LEAT_RESOURCE_EXHAUSTED);
    disarm();
    CHECK(strstr(err.message, "/a") && strstr(err.message, "No space left"));
    CHECK(holds(at("a"), "old") && entries(root) == 1);
  }
  arm(4, EIO);  // the directory's fsync: renamed already
  CHECK(leat_file_write(at("a"), LEAT_STR("new"), &err) == LEAT_UNKNOWN);
  disarm();
  CHECK(holds(at("a"), "new") && entries(root) == 1);
  CHECK(leat_file_write(at("none/a"), LEAT_STR("x"), &err) == LEAT_NOT_FOUND);
  finish();
}

// A real failing write, by the limit on a file's size.
static void real_full_disk(void) {
  leat_error err = {0};
  struct rlimit old, small = {4096, 0};
  char *large = calloc(1, 20000);
  start();
  CHECK_OK(leat_file_write(at("a"), LEAT_STR("old"), &err));
  getrlimit(RLIMIT_FSIZE, &old);
  small.rlim_max = old.rlim_max;
  setrlimit(RLIMIT_FSIZE, &small);
  CHECK(leat_file_write(at("a"), (leat_str){large, 20000}, &err) != LEAT_OK);
  setrlimit(RLIMIT_FSIZE, &old);
  CHECK(holds(at("a"), "old") && entries(root) == 1);
  free(large);
  finish();
}

static void makes_directories(void) {
  leat_error err = {0};
  start();
  CHECK_OK(leat_dir_make(at("x/y//z/"), &err));
  CHECK_OK(leat_dir_make(at("x/y/z"), &err));
  CHECK(leat_file_is_dir(at("x/y/z")) && leat_file_exists(at("x")));
  CHECK_OK(leat_file_write(at("f"), LEAT_STR(""), &err));
  CHECK(leat_dir_make(at("f"), &err) == LEAT_FAILED_PRECONDITION);
  CHECK(leat_dir_make(at("f/g"), &err) != LEAT_OK && !leat_file_is_dir(at("f")));
  finish();
}

static void removes_no_symlink_target(void) {
  leat_error err = {0};
  start();
  CHECK_OK(leat_dir_make(at("kept"), &err));
  CHECK_OK(leat_file_write(at("kept/f"), LEAT_STR("x"), &err));
  CHECK_OK(leat_dir_make(at("gone/deep"), &err));
  CHECK(symlink(at("kept"), at("gone/deep/link")) == 0);
  CHECK_OK(leat_dir_remove(at("gone"), &err));
  CHECK_OK(leat_dir_remove(at("gone"), &err));
  CHECK(!leat_file_exists(at("gone")) && holds(at("kept/f"), "x"));
  finish();
}

static leat_status publish(const char *path, leat_error *err) {
  char *temporary;
  leat_status status = leat_dir_begin(path, &temporary, err);
  if (status) return status;
  char *inner = leat_path_join(temporary, "sub");
  char *file = leat_path_join(inner, "f");
  CHECK(strstr(temporary, "/.tmp-") && leat_dir_make(inner, NULL) == LEAT_OK);
  int (*hook)(const char *) = leat__file_hook;
  leat__file_hook = NULL;
  CHECK(leat_file_write(file, LEAT_STR("data"), NULL) == LEAT_OK);
  leat__file_hook = hook;
  leat__free(inner);
  leat__free(file);
  return leat_dir_publish(temporary, path, err);
}

static void publishes_directories(void) {
  leat_error err = {0};
  char *temporary;
  start();
  CHECK_OK(publish(at("p/v1"), &err));
  CHECK(holds(at("p/v1/sub/f"), "data") && entries(at("p")) == 1);
  CHECK(publish(at("p/v1"), &err) == LEAT_ALREADY_EXISTS);
  CHECK(holds(at("p/v1/sub/f"), "data") && entries(at("p")) == 1);
  CHECK_OK(leat_dir_begin(at("p/v2"), &temporary, &err));
  CHECK(entries(at("p")) == 2);
  leat_dir_abandon(temporary);
  leat_dir_abandon(NULL);
  CHECK(entries(at("p")) == 1);
  finish();
}

static void failed_publish_leaves_nothing(void) {
  leat_error err = {0};
  start();
  CHECK_OK(leat_dir_make(at("p"), &err));
  for (int n = 1; n <= 4; n++) {  // fsync of file, of sub, of the directory; rename
    arm(n, EIO);
    CHECK(publish(at("p/v1"), &err) == LEAT_UNKNOWN);
    disarm();
    CHECK(entries(at("p")) == 0);
  }
  CHECK_OK(publish(at("p/v1"), &err));
  finish();
}

static void lists_sorted(void) {
  leat_error err = {0};
  leat_paths names = {0};
  start();
  for (const char *name = "cab"; *name; name++)
    CHECK_OK(leat_file_write(at((char[]){*name, 0}), LEAT_STR(""), &err));
  CHECK_OK(leat_dir_list(root, &names, &err));
  CHECK(names.count == 3);
  CHECK_STR(names.at[0], "a");
  CHECK_STR(names.at[2], "c");
  leat_paths_deinit(&names);
  CHECK(leat_dir_list(at("none"), &names, &err) == LEAT_NOT_FOUND);
  finish();
}

static void expands_globs(void) {
  leat_error err = {0};
  leat_paths found = {0};
  start();
  for (int i = 9; i >= 0; i--) {
    char name[] = {'f', (char)('0' + i), '.', 'c', 's', 'v', 0};
    CHECK_OK(leat_file_write(at(name), LEAT_STR(""), &err));
  }
  CHECK_OK(leat_glob(at("f[2-4].c?v"), &found, &err));
  CHECK_OK(leat_glob(at("*.csv"), &found, &err));
  CHECK_OK(leat_glob(at("f0.csv"), &found, &err));
  CHECK(found.count == 14);
  CHECK_STR(found.at[0], at("f2.csv"));
  CHECK_STR(found.at[3], at("f0.csv"));
  CHECK_STR(found.at[12], at("f9.csv"));
  CHECK(leat_glob(at("*.tsv"), &found, &err) == LEAT_NOT_FOUND);
  CHECK(strstr(err.message, "/*.tsv: no file matches") != NULL);
  CHECK(leat_glob(at("g.csv"), &found, &err) == LEAT_NOT_FOUND);
  CHECK(found.count == 14);
  leat_paths_deinit(&found);
  finish();
}

static void joins_paths(void) {
  static const char *const cases[][3] = {
      {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"/", "b", "/b"}, {"", "b", "b"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *path = leat_path_join(cases[i][0], cases[i][1]);
    CHECK_STR(path, cases[i][2]);
    leat__free(path);
  }
  static const char *const dirs[][2] = {{"a/b", "a"}, {"b", "."}, {"/b", "/"}, {"/a/b", "/a"}};
  for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
    char *dir = leat_path_dir(dirs[i][0]);
    CHECK_STR(dir, dirs[i][1]);
    leat__free(dir);
  }
}

static int allowed;
static bool countdown(size_t bytes) { return allowed-- > 0; }

// Each allocation in turn fails: an error, no leak, no half-made file.
static void survives_lack_of_memory(void) {
  leat_error err = {0};
  leat_status status = LEAT_UNKNOWN;
  start();
  for (int n = 0; n < 60 && status; n++) {
    leat_paths found = {0};
    leat__alloc_hook = countdown;
    allowed = n;
    status = leat_file_write(at("a"), LEAT_STR("x"), &err);
    if (!status) status = leat_dir_make(at("d"), &err);
    if (!status) status = leat_glob(at("*"), &found, &err);
    if (!status) status = leat_dir_remove(at("d"), &err);
    leat__alloc_hook = NULL;
    leat_paths_deinit(&found);
    CHECK(entries(root) <= 2 && (!status || status == LEAT_RESOURCE_EXHAUSTED));
    leat_dir_remove(at("d"), NULL);
  }
  CHECK(status == LEAT_OK);
  finish();
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"reads_what_it_wrote", reads_what_it_wrote},
      {"bounds_reading", bounds_reading},
      {"failed_write_keeps_the_old_file", failed_write_keeps_the_old_file},
      {"real_full_disk", real_full_disk},
      {"makes_directories", makes_directories},
      {"removes_no_symlink_target", removes_no_symlink_target},
      {"publishes_directories", publishes_directories},
      {"failed_publish_leaves_nothing", failed_publish_leaves_nothing},
      {"lists_sorted", lists_sorted},
      {"expands_globs", expands_globs},
      {"joins_paths", joins_paths},
      {"survives_lack_of_memory", survives_lack_of_memory},
  };
  signal(SIGXFSZ, SIG_IGN);
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
