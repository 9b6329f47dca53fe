// The unit tests' harness: a table of named functions, one TAP line each.
// SPDX-License-Identifier: Apache-2.0
//
//   static void parses_zero(void) { CHECK(parse("0") == 0); }
//   int main(int argc, char **argv) {
//     static const test tests[] = {{"parses_zero", parses_zero}};
//     return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
//   }
//
// A failed CHECK prints its place and marks the running test; the test goes on. `./binary NAME...`
// runs the named tests only. A test that cannot run here calls SKIP(reason) and returns.
#ifndef LEAT_TESTS_TEST_H
#define LEAT_TESTS_TEST_H

#include "leat/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct test {
  const char *name;
  void (*run)(void);
} test;

static int test_failures;             // failed checks of the running test
static const char *test_skip_reason;  // set by SKIP

#define CHECK(condition) test_check((condition), __FILE__, __LINE__, "%s", #condition)
#define CHECK_MSG(condition, ...) test_check((condition), __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_OK(call) test_check_ok((call), &err, __FILE__, __LINE__, #call)
#define CHECK_STR(got, want) test_check_str((got), (want), __FILE__, __LINE__)
#define SKIP(reason) (test_skip_reason = (reason))

__attribute__((unused, format(printf, 4, 5))) static bool test_check(bool good, const char *file,
                                                                     int line, const char *fmt,
                                                                     ...) {
  if (good) return true;
  va_list args;
  va_start(args, fmt);
  printf("# %s:%d: ", file, line);
  vprintf(fmt, args);
  printf("\n");
  va_end(args);
  test_failures++;
  return false;
}

// Needs a `leat_error err` in scope, whose message it prints.
__attribute__((unused)) static bool test_check_ok(leat_status status, const leat_error *err,
                                                  const char *file, int line, const char *call) {
  if (status == LEAT_OK) return true;
  return test_check(false, file, line, "%s: %s: %s", call, leat_status_name(status), err->message);
}

__attribute__((unused)) static bool test_check_str(const char *got, const char *want,
                                                   const char *file, int line) {
  if (got && want && strcmp(got, want) == 0) return true;
  return test_check(false, file, line, "got  '%s'\n#   want '%s'", got ? got : "(null)",
                    want ? want : "(null)");
}

static bool test_chosen(const char *name, int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (strcmp(argv[i], name) == 0) return true;
  return argc < 2;
}

static int test_main(int argc, char **argv, const test *tests, size_t count) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  int failed = 0;
  for (size_t i = 0; i < count; i++) {
    if (!test_chosen(tests[i].name, argc, argv)) continue;
    test_failures = 0;
    test_skip_reason = NULL;
    tests[i].run();
    if (test_failures)
      printf("not ok %s\n", tests[i].name);
    else if (test_skip_reason)
      printf("ok %s # SKIP %s\n", tests[i].name, test_skip_reason);
    else
      printf("ok %s\n", tests[i].name);
    failed += test_failures != 0;
  }
  return failed ? 1 : 0;
}

#endif
