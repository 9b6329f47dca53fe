// Tests of base/pool: every part once, nesting, many callers, life after a fork.
// SPDX-License-Identifier: Apache-2.0
#include "base/pool.h"
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PARTS = 1000 };

typedef struct tally {
  leat_pool *pool;
  atomic_int count[PARTS];
} tally;

static void count_part(void *ctx, int64_t part) {
  tally *t = ctx;
  atomic_fetch_add(&t->count[part], 1);
}

static bool all_are(const tally *t, int want) {
  for (int i = 0; i < PARTS; i++)
    if (atomic_load(&t->count[i]) != want) return false;
  return true;
}

static leat_pool *pool_of(int threads) {
  leat_error err = {0};
  leat_pool *pool = NULL;
  CHECK_OK(leat_pool_new(&pool, threads, &err));
  return pool;
}

static void runs_each_part_once(void) {
  static const int threads[] = {0, 1, 2, 5};
  for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
    leat_pool *pool = pool_of(threads[i]);
    tally t = {0};
    CHECK(leat_pool_threads(pool) == (threads[i] > 1 ? threads[i] : 1));
    for (int round = 1; round <= 50; round++) leat_pool_run(pool, PARTS, count_part, &t);
    CHECK(all_are(&t, 50));
    leat_pool_run(pool, 0, count_part, &t);
    CHECK(all_are(&t, 50));
    leat_pool_free(pool);
  }
  tally t = {0};
  leat_pool_run(NULL, PARTS, count_part, &t);
  CHECK(all_are(&t, 1));
  CHECK(leat_pool_threads(NULL) == 1);
}

static void run_inside(void *ctx, int64_t part) {
  tally *t = ctx;
  (void)part;
  leat_pool_run(t->pool, PARTS, count_part, t);
}

static void a_loop_within_a_loop_is_done_by_its_caller(void) {
  tally t = {.pool = pool_of(3)};
  leat_pool_run(t.pool, 8, run_inside, &t);
  CHECK(all_are(&t, 8));
  leat_pool_free(t.pool);
}

static void *run_often(void *ctx) {
  for (int i = 0; i < 20; i++) run_inside(ctx, i);
  return NULL;
}

static void many_threads_share_a_pool(void) {
  tally t = {.pool = pool_of(2)};
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, run_often, &t) == 0);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  CHECK(all_are(&t, 80));
  leat_pool_free(t.pool);
}

static void works_after_fork(void) {
  tally t = {.pool = pool_of(4)};
  leat_pool_run(t.pool, PARTS, count_part, &t);
  pid_t child = fork();
  if (child == 0) {  // no threads here: the caller does it all
    alarm(20);
    leat_pool_run(t.pool, PARTS, count_part, &t);
    bool good = all_are(&t, 2);
    leat_pool_free(t.pool);
    _exit(good ? 0 : 1);
  }
  int how = 0;
  CHECK(child > 0 && waitpid(child, &how, 0) == child);
  CHECK_MSG(WIFEXITED(how) && WEXITSTATUS(how) == 0, "the child ended with %d", how);
  leat_pool_run(t.pool, PARTS, count_part, &t);
  CHECK(all_are(&t, 2));
  leat_pool_free(t.pool);
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"runs_each_part_once", runs_each_part_once},
      {"a_loop_within_a_loop_is_done_by_its_caller", a_loop_within_a_loop_is_done_by_its_caller},
      {"many_threads_share_a_pool", many_threads_share_a_pool},
      {"works_after_fork", works_after_fork},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
