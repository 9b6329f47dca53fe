// Tests of the native tier: random graphs give the interpreter's bits; plans hold; failures fall
// back. SPDX-License-Identifier: Apache-2.0
//
// `test_engine_native --graphs N [--seed S]` runs N random graphs instead of the usual number. A
// graph that differs is cut down, output by output, and the smallest that still differs is printed.
#include "engine/plan.h"
#include "leat/engine.h"
#include "leat/ops.h"
#include "test.h"

#include <unistd.h>

enum { MOST = 96, KINDS = 5, ARGS = 6 };

static const leat_dtype kinds[KINDS] = {LEAT_DTYPE_F32, LEAT_DTYPE_F64, LEAT_DTYPE_I32,
                                        LEAT_DTYPE_I64, LEAT_DTYPE_BOOL};
static int graphs = 60;
static unsigned first_seed = 1;
static int compared;

// --- Random numbers -----------------------------------------------------------------------------
static uint64_t word;
static unsigned below(unsigned n) {
  word = word * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)((word >> 33) % n);
}

static leat_tensor *random_tensor(leat_dtype t, const leat_shape *shape, int64_t batch) {
  static const float odd[] = {0.0f, -0.0f, 1e-40f, 3e38f, -1.0f, 0.5f, 1e10f, -3.5f};
  leat_error err = {0};
  leat_tensor *x = NULL;
  int64_t dims[LEAT_MAX_RANK];
  for (int i = 0; i < shape->rank; i++) dims[i] = shape->dims[i] >= 0 ? shape->dims[i] : batch;
  CHECK_OK(leat_tensor_new(&x, t, shape->rank, dims, &err));
  for (int64_t i = 0; x && i < leat_tensor_count(x); i++) {
    double v = (double)below(2000) * 0.01 - 10;
    if (below(12) == 0) v = (double)odd[below(8)];
    if (below(60) == 0) v = below(2) ? (double)__builtin_inff() : (double)__builtin_nanf("");
    void *data = leat_tensor_data(x);
    switch (t) {
      case LEAT_DTYPE_F32: ((float *)data)[i] = (float)v; break;
      case LEAT_DTYPE_F64: ((double *)data)[i] = v; break;
      case LEAT_DTYPE_I32: ((int32_t *)data)[i] = (int32_t)below(2000) - 1000; break;
      case LEAT_DTYPE_I64: ((int64_t *)data)[i] = (int64_t)below(2000) - 1000; break;
      default: ((uint8_t *)data)[i] = (uint8_t)below(2); break;
    }
  }
  return x;
}

// --- Random graphs ------------------------------------------------------------------------------
typedef struct maker {
  leat_builder *b;
  leat_dim batch;
  leat_value values[MOST];
  int count;
} maker;

static leat_value pick(maker *m, leat_dtype t) {
  for (int tries = 0; tries < 200; tries++) {
    leat_value v = m->values[below((unsigned)m->count)];
    if (t == LEAT_DTYPE_NONE || leat_value_type(v).dtype == t) return v;
  }
  return (leat_value){0};
}

static leat_shape random_shape(maker *m) {
  static const int64_t sizes[] = {1, 2, 3, 5, 8, 17, 33};
  leat_shape s = {.rank = (int)below(4)};
  for (int i = 0; i < s.rank; i++) s.dims[i] = below(4) == 0 ? m->batch : sizes[below(7)];
  return s;
}

static bool same_shape(leat_value a, leat_value b) {
  leat_shape x = leat_value_type(a).shape, y = leat_value_type(b).shape;
  if (x.rank != y.rank) return false;
  for (int i = 0; i < x.rank; i++)
    if (x.dims[i] != y.dims[i]) return false;
  return true;
}

static leat_value pick_like(maker *m, leat_value x, leat_dtype t) {
  for (int tries = 0; tries < 100; tries++) {
    leat_value v = pick(m, t);
    if (leat_value_ok(v) && same_shape(v, x)) return v;
  }
  return leat_full(m->b, t, leat_value_type(x).shape, (double)below(4));
}

typedef leat_value unary_fn(leat_builder *b, leat_value x);
typedef leat_value binary_fn(leat_builder *b, leat_value x, leat_value y);

static leat_value make_unary(maker *m, leat_value x) {
  static unary_fn *const real[] = {
      leat_neg,     leat_abs,   leat_sign, leat_floor, leat_ceil, leat_round,        leat_trunc,
      leat_sqrt,    leat_rsqrt, leat_exp,  leat_expm1, leat_log,  leat_log1p,        leat_tanh,
      leat_sigmoid, leat_erf,   leat_sin,  leat_cos,   leat_atan, leat_stop_gradient};
  static unary_fn *const whole[] = {leat_neg, leat_abs, leat_sign, leat_not};
  leat_dtype t = leat_value_type(x).dtype;
  if (t == LEAT_DTYPE_BOOL) return leat_not(m->b, x);
  if (t == LEAT_DTYPE_F32 || t == LEAT_DTYPE_F64) return real[below(20)](m->b, x);
  return whole[below(4)](m->b, x);
}

static leat_value make_binary(maker *m, leat_value x) {
  static binary_fn *const real[] = {leat_add, leat_sub, leat_mul, leat_div, leat_max, leat_min,
                                    leat_eq,  leat_lt,  leat_le,  leat_ne,  leat_pow};
  static binary_fn *const whole[] = {leat_add, leat_sub, leat_mul, leat_div, leat_max,
                                     leat_min, leat_eq,  leat_lt,  leat_le,  leat_ne,
                                     leat_and, leat_or,  leat_xor, leat_shl, leat_shr};
  static binary_fn *const bits[] = {leat_and, leat_or, leat_xor, leat_eq, leat_ne};
  leat_dtype t = leat_value_type(x).dtype;
  leat_value y = pick_like(m, x, t);
  if (t == LEAT_DTYPE_BOOL) return bits[below(5)](m->b, x, y);
  if (t == LEAT_DTYPE_F32 || t == LEAT_DTYPE_F64) return real[below(11)](m->b, x, y);
  return whole[below(15)](m->b, x, y);
}

static leat_value make_broadcast(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  if (s.rank > 3) return make_unary(m, x);
  leat_shape out = {.rank = s.rank + 1};
  int axes[LEAT_MAX_RANK], at = (int)below((unsigned)s.rank + 1);
  out.dims[at] = below(2) ? 4 : m->batch;
  for (int i = 0; i < s.rank; i++) {
    axes[i] = i + (i >= at);
    out.dims[axes[i]] = s.dims[i] == 1 && below(2) ? 6 : s.dims[i];
  }
  return leat_broadcast(m->b, x, out, axes);
}

static leat_value make_slice(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  leat_dim start[LEAT_MAX_RANK], limit[LEAT_MAX_RANK];
  int64_t strides[LEAT_MAX_RANK];
  for (int i = 0; i < s.rank; i++) {
    bool whole = s.dims[i] < 2;
    start[i] = whole ? 0 : (leat_dim)below((unsigned)s.dims[i]);
    limit[i] = s.dims[i];
    strides[i] = 1 + (int64_t)below(2);
  }
  return leat_slice(m->b, x, start, limit, strides);
}

static leat_value make_pad(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  int64_t low[LEAT_MAX_RANK], high[LEAT_MAX_RANK];
  for (int i = 0; i < s.rank; i++) low[i] = below(3), high[i] = below(3);
  return leat_pad(m->b, x, (leat_value){0}, low, high, NULL);
}

static leat_value make_transpose(maker *m, leat_value x) {
  int perm[LEAT_MAX_RANK], rank = leat_value_type(x).shape.rank;
  for (int i = 0; i < rank; i++) perm[i] = i;
  for (int i = rank - 1; i > 0; i--) {
    int k = (int)below((unsigned)i + 1), kept = perm[i];
    perm[i] = perm[k], perm[k] = kept;
  }
  return leat_transpose(m->b, x, perm);
}

static leat_value make_reduce(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  int axes[LEAT_MAX_RANK], count = 0;
  for (int i = 0; i < s.rank; i++)
    if (below(2)) axes[count++] = i;
  if (!count) return leat_neg(m->b, leat_cast(m->b, x, LEAT_DTYPE_F32));
  if (leat_value_type(x).dtype == LEAT_DTYPE_BOOL)
    return (below(2) ? leat_reduce_and : leat_reduce_or)(m->b, x, axes, count, below(2));
  switch (below(4)) {
    case 0: return leat_reduce_max(m->b, x, axes, count, below(2));
    case 1: return leat_reduce_min(m->b, x, axes, count, below(2));
    case 2: return leat_reduce_prod(m->b, x, axes, count, below(2));
    default: return leat_reduce_sum(m->b, x, axes, count, below(2));
  }
}

// x (a, b) times a new constant-free operand made of x itself: x times its own transpose, or its
// square.
static leat_value make_dot(maker *m, leat_value x) {
  leat_value f = leat_cast(m->b, x, LEAT_DTYPE_F32);
  while (leat_value_type(f).shape.rank > 2) f = leat_reduce_sum(m->b, f, (int[]){0}, 1, false);
  if (leat_value_type(f).shape.rank < 2) return leat_neg(m->b, f);
  leat_dot_axes axes = {.contract_count = 1};
  axes.x_contract[0] = axes.y_contract[0] = (int)below(2);
  return leat_dot_general(m->b, f, leat_tanh(m->b, f), &axes, LEAT_DTYPE_NONE);
}

static leat_value make_gather(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  leat_value ids = pick(m, LEAT_DTYPE_I64);
  if (!s.rank || !leat_value_ok(ids) || s.rank + leat_value_type(ids).shape.rank > 4)
    return make_unary(m, x);
  return leat_gather(m->b, x, ids, (int)below((unsigned)s.rank),
                     below(2) ? LEAT_INDEX_ZERO : LEAT_INDEX_CLAMP);
}

static leat_value make_concat(maker *m, leat_value x) {
  leat_shape s = leat_value_type(x).shape;
  if (!s.rank) return leat_stop_gradient(m->b, x);
  leat_value parts[] = {x, pick_like(m, x, leat_value_type(x).dtype), x};
  return leat_concat(m->b, parts, 3, (int)below((unsigned)s.rank));
}

static leat_value make_one(maker *m) {
  leat_value x = pick(m, LEAT_DTYPE_NONE);
  leat_shape s = leat_value_type(x).shape;
  switch (below(16)) {
    case 0:
    case 1: return make_unary(m, x);
    case 2:
    case 3:
    case 4: return make_binary(m, x);
    case 5:
      return leat_select(m->b, pick_like(m, x, LEAT_DTYPE_BOOL), x,
                         pick_like(m, x, leat_value_type(x).dtype));
    case 6: return leat_cast(m->b, x, kinds[below(KINDS)]);
    case 7: return make_broadcast(m, x);
    case 8: return make_transpose(m, x);
    case 9:
      return s.rank ? leat_reverse(m->b, x, (int[]){(int)below((unsigned)s.rank)}, 1)
                    : make_unary(m, x);
    case 10: return make_slice(m, x);
    case 11: return make_reduce(m, x);
    case 12: return make_dot(m, x);
    case 13: return make_gather(m, x);
    case 14: return make_concat(m, x);
    default: return make_pad(m, x);
  }
}

// A function of `nodes` random values; every third and the last are results. Results not in `keep`
// are left out.
static leat_func *random_func(leat_graph *g, unsigned seed, int nodes, uint64_t keep,
                              leat_error *err) {
  word = seed * 2654435761u + 12345;
  maker m = {.b = leat_builder_new(g, NULL), .batch = leat_dim_symbol(g, "batch", 0)};
  for (int i = 0; i < ARGS; i++) {
    char name[8];
    snprintf(name, sizeof name, "x%d", i);
    leat_type t = {kinds[(unsigned)i % KINDS], random_shape(&m)};
    m.values[m.count++] = leat_input(m.b, name, t);
  }
  for (int i = 0; i < nodes; i++) {
    leat_value v = make_one(&m);
    if (!leat_builder_ok(m.b)) break;
    leat_shape s = leat_value_type(v).shape;
    double size = 1;
    for (int k = 0; k < s.rank; k++) size *= s.dims[k] > 0 ? (double)s.dims[k] : 13;
    if (leat_value_ok(v) && size < 20000) m.values[m.count++] = v;
  }
  uint64_t bit = 1;
  for (int i = ARGS; i < m.count; i++) {
    if (i % 3 && i != m.count - 1) continue;
    char name[12];
    snprintf(name, sizeof name, "r%d", i);
    if (keep & bit) leat_output(m.b, name, m.values[i]);
    bit = bit << 1 | bit >> 63;
  }
  leat_func *f = NULL;
  leat_builder_finish(m.b, &f, err);
  return f;
}

static int run_with(leat_func *f, leat_engine engine, int64_t batch, unsigned seed,
                    leat_tensor **out, leat_error *err) {
  leat_exec_options options = {.engine = engine};
  leat_exec *exec = NULL;
  leat_tensor *in[ARGS] = {NULL};
  word = seed + (uint64_t)batch * 977;
  for (int i = 0; i < leat_func_input_count(f); i++) {
    leat_type t = leat_func_input_type(f, i);
    in[i] = random_tensor(t.dtype, &t.shape, batch);
  }
  leat_status status = leat_exec_new(&exec, f, &options, err);
  bool native = !status && engine == LEAT_ENGINE_NATIVE;
  if (native && leat_exec_engine(exec) != LEAT_ENGINE_NATIVE)
    status = leat_error_set(err, LEAT_INTERNAL, "not native: %s", leat_exec_note(exec));
  if (!status) status = leat_exec_run(exec, NULL, in, leat_func_input_count(f), out, err);
  for (int i = 0; i < ARGS; i++) leat_tensor_unref(in[i]);
  leat_exec_free(exec);
  return (int)status;
}

// Number of results that differ, or -1.
static int differences(leat_func *f, unsigned seed, int64_t batch, leat_error *err) {
  leat_tensor *a[MOST] = {NULL}, *b[MOST] = {NULL};
  int count = leat_func_output_count(f), bad = 0;
  int one = run_with(f, LEAT_ENGINE_INTERPRETER, batch, seed, a, err);
  compared += !one;
  int two = one ? one : run_with(f, LEAT_ENGINE_NATIVE, batch, seed, b, err);
  for (int i = 0; !one && !two && i < count; i++) bad += !leat_bits_equal(a[i], b[i]);
  for (int i = 0; i < count; i++) leat_tensor_unref(a[i]), leat_tensor_unref(b[i]);
  return one ? 0 : two ? -1 : bad;  // what the interpreter refuses has no bits
}

static int try_graph(unsigned seed, int nodes, uint64_t keep, bool print) {
  leat_error err = {0};
  leat_graph *g = NULL;
  CHECK_OK(leat_graph_new(&g, &err));
  leat_func *f = random_func(g, seed, nodes, keep, &err);
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
  while (nodes > 1 && try_graph(seed, nodes - 1, ~0ull, false) > 0) nodes--;
  uint64_t keep = ~0ull;
  for (int i = 0; i < 64; i++)
    if (keep & 1ull << i && try_graph(seed, nodes, keep & ~(1ull << i), false) > 0)
      keep &= ~(1ull << i);
  try_graph(seed, nodes, keep, true);
}

static bool no_compiler(void) {
  return access("/usr/bin/cc", X_OK) && access("/usr/bin/gcc", X_OK);
}

static void random_graphs_have_the_interpreters_bits(void) {
  if (no_compiler()) {
    SKIP("no C compiler here");
    return;
  }
  for (int i = 0; i < graphs; i++) {
    unsigned seed = first_seed + (unsigned)i;
    int bad = try_graph(seed, 40, ~0ull, false);
    CHECK_MSG(bad <= 0, "seed %u: %d results differ", seed, bad);
    if (bad > 0) return shrink(seed, 40);
  }
  CHECK_MSG(compared >= graphs, "only %d runs compared", compared);
}

// --- Plans --------------------------------------------------------------------------------------
static void plans_keep_apart_what_lives_together(void) {
  enum { N = 60 };
  for (unsigned seed = 1; seed < 50; seed++) {
    leat_planned v[N];
    word = seed;
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

int main(int argc, char **argv) {
  static const test tests[] = {
      {"plans_keep_apart_what_lives_together", plans_keep_apart_what_lives_together},
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
