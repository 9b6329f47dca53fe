// Tests of the native tier: random graphs give the interpreter's bits; plans hold; failures fall
// back. SPDX-License-Identifier: Apache-2.0
//
// `test_engine_native --graphs N [--seed S]` runs N random graphs instead of the usual number. A
// graph that differs is cut down, output by output, and the smallest that still differs is printed.
#include "engine/plan.h"
#include "leat/engine.h"
#include "leat/ops.h"
#include "random_graph.h"
#include "test.h"

#include <unistd.h>

enum { NODES = 14, TOGETHER = 10, RESULTS = 64 };  // of a graph, in a function, of a function

static int graphs = 500;
static unsigned first_seed = 1;
static int compared;

// --- Random graphs ------------------------------------------------------------------------------
static leat_status run_with(leat_func *f, leat_engine engine, int64_t batch, unsigned seed,
                            leat_tensor **out, leat_error *err) {
  leat_exec_options options = {.engine = engine, .threads = 2};
  leat_exec *exec = NULL;
  leat_tensor *in[TOGETHER * RANDOM_ARGS] = {NULL};
  int count = leat_func_input_count(f);
  random_seed(seed + (uint64_t)batch * 977);
  for (int i = 0; i < count; i++) {
    leat_type t = leat_func_input_type(f, i);
    in[i] = random_tensor(t.dtype, &t.shape, batch);
  }
  leat_status status = leat_exec_new(&exec, f, &options, err);
  const char *note = status ? "" : leat_exec_note(exec);
  if (*note && !strstr(note, "no part of"))
    status = leat_error_set(err, LEAT_INTERNAL, "not native: %s", note);
  if (!status) status = leat_exec_run(exec, NULL, in, count, out, err);
  for (int i = 0; i < count; i++) leat_tensor_unref(in[i]);
  leat_exec_free(exec);
  return status;
}

// Number of results that differ, or -1. What the interpreter refuses has no bits.
static int differences(leat_func *f, unsigned seed, int64_t batch, leat_error *err) {
  enum { MOST = TOGETHER * RESULTS };
  leat_tensor *a[MOST] = {NULL}, *b[MOST] = {NULL};
  int count = leat_func_output_count(f), bad = 0;
  leat_status one = run_with(f, LEAT_ENGINE_INTERPRETER, batch, seed, a, err), two = one;
  compared += !one;
  if (!one) two = run_with(f, LEAT_ENGINE_NATIVE, batch, seed, b, err);
  for (int i = 0; !one && !two && i < count; i++) bad += !leat_bits_equal(a[i], b[i]);
  for (int i = 0; i < count; i++) leat_tensor_unref(a[i]), leat_tensor_unref(b[i]);
  return one ? 0 : two ? -1 : bad;
}

static int try_graphs(unsigned seed, int count, int nodes, uint64_t keep, bool print) {
  leat_error err = {0};
  leat_graph *g = NULL;
  CHECK_OK(leat_graph_new(&g, &err));
  leat_func *f = random_func(g, seed, count, nodes, keep, &err);
  int bad = 0;
  static const int64_t batches[] = {1, 7, 0, 40};
  for (int i = 0; f && !bad && i < 4; i++) bad = differences(f, seed, batches[i], &err);
  if (bad < 0 || (!f && nodes)) CHECK_MSG(bad >= 0 && f, "seed %u: %s", seed, err.message);
  char *text = NULL;
  size_t length;
  if (print && f && !leat_graph_print(g, NULL, &text, &length, &err)) printf("# %s\n", text);
  leat_text_free(text);
  leat_graph_free(g);
  return bad;
}

// Fewer nodes, then fewer results, while something still differs.
static void shrink(unsigned seed, int nodes) {
  while (nodes > 1 && try_graphs(seed, 1, nodes - 1, ~0ull, false) > 0) nodes--;
  uint64_t keep = ~0ull;
  for (int i = 0; i < 64; i++)
    if (keep & 1ull << i && try_graphs(seed, 1, nodes, keep & ~(1ull << i), false) > 0)
      keep &= ~(1ull << i);
  try_graphs(seed, 1, nodes, keep, true);
}

static bool no_compiler(void) {
  return access("/usr/bin/cc", X_OK) && access("/usr/bin/gcc", X_OK);
}

static void random_graphs_have_the_interpreters_bits(void) {
  if (no_compiler()) {
    SKIP("no C compiler here");
    return;
  }
  setenv("LEAT_CFLAGS", "-O1", 0);
  for (int i = 0; i < graphs; i += TOGETHER) {
    unsigned seed = first_seed + (unsigned)i;
    int bad = try_graphs(seed, TOGETHER, NODES, ~0ull, false);
    CHECK_MSG(bad <= 0, "seed %u and on: %d results differ", seed, bad);
    for (unsigned k = 0; bad && k < TOGETHER; k++)
      if (try_graphs(seed + k, 1, NODES, ~0ull, false)) return shrink(seed + k, NODES);
  }
  printf("# %d runs compared, of %d\n", compared, graphs / TOGETHER * 4);
  CHECK_MSG(compared >= graphs / TOGETHER * 3, "only %d runs compared", compared);
}

static unsigned below(unsigned n) { return (unsigned)rand() % n; }

// --- Plans --------------------------------------------------------------------------------------
static void plans_keep_apart_what_lives_together(void) {
  enum { N = 60 };
  for (unsigned seed = 1; seed < 50; seed++) {
    leat_planned v[N];
    srand(seed);
    for (int i = 0; i < N; i++) {
      int first = (int)below(40);
      v[i] = (leat_planned){
          .bytes = (int64_t)below(5000), .first = first, .last = first + (int)below(9)};
    }
    int64_t total = leat__plan(v, N), bound = leat__plan_bound(v, N);
    CHECK(total >= bound && total <= bound * 3 / 2);
    for (int i = 0; i < N; i++) {
      CHECK(v[i].offset % 64 == 0 && v[i].offset + v[i].bytes <= total);
      for (int k = 0; k < i; k++) {
        bool together = v[i].first <= v[k].last && v[k].first <= v[i].last;
        bool overlap =
            v[i].offset < v[k].offset + v[k].bytes && v[k].offset < v[i].offset + v[i].bytes;
        CHECK(!together || !overlap);
      }
    }
  }
}

// --- Falling back -------------------------------------------------------------------------------
static leat_func *twice(leat_graph *g) {
  leat_error err = {0};
  leat_builder *b = leat_builder_new(g, NULL);
  leat_value x = leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(5)});
  leat_output(b, "y", leat_add(b, x, x));
  leat_func *f = NULL;
  CHECK_OK(leat_builder_finish(b, &f, &err));
  return f;
}

// With a compiler or a cache that cannot work, the interpreter goes on and says why.
static void check_falls_back(const char *variable, const char *value, const char *says) {
  leat_error err = {0};
  leat_graph *g = NULL;
  char *kept = getenv(variable) ? strdup(getenv(variable)) : NULL;
  setenv(variable, value, 1);
  CHECK_OK(leat_graph_new(&g, &err));
  leat_exec_options options = {.engine = LEAT_ENGINE_NATIVE};
  leat_exec *exec = NULL;
  CHECK_OK(leat_exec_new(&exec, twice(g), &options, &err));
  CHECK(leat_exec_engine(exec) == LEAT_ENGINE_INTERPRETER);
  CHECK_MSG(strstr(leat_exec_note(exec), says), "'%s' does not say '%s'", leat_exec_note(exec),
            says);
  float in[5] = {1, 2, 3, 4, 5};
  leat_tensor *x = NULL, *y = NULL;
  CHECK_OK(leat_tensor_copy_of(&x, LEAT_DTYPE_F32, 1, (int64_t[]){5}, in, &err));
  CHECK_OK(leat_exec_run(exec, NULL, &x, 1, &y, &err));
  CHECK(y && ((float *)leat_tensor_data(y))[4] == 10);
  leat_tensor_unref(x);
  leat_tensor_unref(y);
  leat_exec_free(exec);
  leat_graph_free(g);
  if (kept)
    setenv(variable, kept, 1);
  else
    unsetenv(variable);
  free(kept);
}

static void falls_back_to_the_interpreter(void) {
  char folder[] = "/tmp/leat-native-XXXXXX", inside[64];
  CHECK(mkdtemp(folder) != NULL);
  snprintf(inside, sizeof inside, "%s/cache", folder);
  char *kept = getenv("LEAT_CACHE_DIR") ? strdup(getenv("LEAT_CACHE_DIR")) : NULL;
  setenv("LEAT_CACHE_DIR", inside, 1);  // nothing built before
  check_falls_back("LEAT_CC", "/bin/false", "failed on printed C");
  check_falls_back("LEAT_CC", "/no/such/compiler", "no C compiler");
  check_falls_back("LEAT_CACHE_DIR", "/tmp", "build cache");
  check_falls_back("LEAT_CACHE_DIR", "/proc/nowhere/leat", "build cache");
  if (kept)
    setenv("LEAT_CACHE_DIR", kept, 1);
  else
    unsetenv("LEAT_CACHE_DIR");
  free(kept);
}

// --- Rows of variables --------------------------------------------------------------------------
enum { TABLE = 50, WIDE = 4, TAKEN = 6 };

// rows(table, ids) summed up, then table[ids] -= gradients.
static leat_func *row_step(leat_graph *g, leat_var **table) {
  leat_error err = {0};
  leat_type row = {LEAT_DTYPE_F32, LEAT_SHAPE(leat_dim_symbol(g, "distinct", 0), WIDE)};
  leat_builder *b = leat_builder_new(g, "minus");
  leat_value old = leat_input(b, "rows", row), change = leat_input(b, "change", row);
  leat_output(b, "rows", leat_sub(b, old, change));
  leat_func *minus = NULL, *step = NULL;
  CHECK_OK(leat_builder_finish(b, &minus, &err));
  b = leat_builder_new(g, "step");
  CHECK_OK(leat_graph_var(g, "table", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(TABLE, WIDE)}, true,
                          table, &err));
  leat_value ids = leat_input(b, "ids", (leat_type){LEAT_DTYPE_I64, LEAT_SHAPE(TAKEN)});
  leat_value change_of =
      leat_input(b, "change", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(TAKEN, WIDE)});
  leat_value rows = leat_gather(b, leat_var_read(b, *table), ids, 0, 0);
  leat_output(b, "sum", leat_reduce_sum(b, rows, (int[]){0, 1}, 2, false));
  leat_row_update(b, table, 1, ids, change_of, NULL, 0, minus);
  CHECK_OK(leat_builder_finish(b, &step, &err));
  return step;
}

// The table after three steps, and whether it stayed where it was.
static bool run_row_steps(leat_engine engine, float *out) {
  leat_error err = {0};
  leat_graph *g = NULL;
  leat_var *var;
  leat_state *state;
  leat_exec *exec = NULL;
  CHECK_OK(leat_graph_new(&g, &err));
  leat_func *step = row_step(g, &var);
  float start[TABLE * WIDE], change[TAKEN * WIDE];
  for (int i = 0; i < TABLE * WIDE; i++) start[i] = (float)i / 7;
  for (int i = 0; i < TAKEN * WIDE; i++) change[i] = (float)i / 3;
  leat_tensor *value, *in[2], *sum;
  CHECK_OK(leat_tensor_copy_of(&value, LEAT_DTYPE_F32, 2, (int64_t[]){TABLE, WIDE}, start, &err));
  CHECK_OK(leat_state_new(&state, g, &err));
  CHECK_OK(leat_state_set(state, var, value, &err));
  leat_tensor_unref(value);
  CHECK_OK(leat_tensor_copy_of(&in[0], LEAT_DTYPE_I64, 1, (int64_t[]){TAKEN},
                               (int64_t[]){3, 49, 3, 0, 7, 49}, &err));
  CHECK_OK(leat_tensor_copy_of(&in[1], LEAT_DTYPE_F32, 2, (int64_t[]){TAKEN, WIDE}, change, &err));
  CHECK_OK(leat_exec_new(&exec, step, &(leat_exec_options){.engine = engine}, &err));
  CHECK(leat_exec_engine(exec) == engine);
  bool stayed = true;
  for (int i = 0; i < 3; i++) {
    const void *before = leat_tensor_data(leat_state_get(state, var));
    CHECK_OK(leat_exec_run(exec, state, in, 2, &sum, &err));
    stayed &= leat_tensor_data(leat_state_get(state, var)) == before;
    leat_tensor_unref(sum);
  }
  memcpy(out, leat_tensor_data(leat_state_get(state, var)), sizeof start);
  leat_tensor_unref(in[0]);
  leat_tensor_unref(in[1]);
  leat_exec_free(exec);
  leat_state_free(state);
  leat_graph_free(g);
  return stayed;
}

static void rows_are_updated_in_place(void) {
  float a[TABLE * WIDE], b[TABLE * WIDE];
  CHECK(run_row_steps(LEAT_ENGINE_INTERPRETER, a));
  CHECK(run_row_steps(LEAT_ENGINE_NATIVE, b));
  CHECK(!memcmp(a, b, sizeof a) && a[0] != 0 && a[4] == (float)4 / 7);
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"plans_keep_apart_what_lives_together", plans_keep_apart_what_lives_together},
      {"rows_are_updated_in_place", rows_are_updated_in_place},
      {"falls_back_to_the_interpreter", falls_back_to_the_interpreter},
      {"random_graphs_have_the_interpreters_bits", random_graphs_have_the_interpreters_bits},
  };
  while (argc > 2 && argv[1][0] == '-') {
    if (strcmp(argv[1], "--graphs") == 0) graphs = atoi(argv[2]);
    if (strcmp(argv[1], "--seed") == 0) first_seed = (unsigned)atoi(argv[2]);
    argv[2] = argv[0];
    argv += 2, argc -= 2;
  }
  unsetenv("LEAT_ENGINE");
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
