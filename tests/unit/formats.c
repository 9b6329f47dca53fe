// Readers and writers: edges, golden files (LEAT_GOLDEN), and every n-th allocation failing.
// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include "base/file.h"
#include "base/fingerprint.h"
#include "formats/crc32c.h"
#include "formats/csv.h"
#include "formats/json.h"
#include "formats/number.h"
#include "formats/safetensors.h"
#include "formats/tfrecord.h"
#include "formats/yaml.h"
#include "leat/engine.h"
#include "leat/ops.h"

#include <locale.h>
#include <math.h>
#include <unistd.h>

// --- Numbers ------------------------------------------------------------------------------------
static uint64_t state = 5;
static uint64_t draw(void) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static void numbers_round_trip(void) {
  for (int i = 0; i < 200000; i++) {
    char text[LEAT_NUMBER_MAX];
    uint32_t bits = (uint32_t)draw();
    float f, back;
    memcpy(&f, &bits, 4);
    size_t n = leat_format_f32(text, f);
    CHECK_MSG(leat_parse_f32((leat_str){text, n}, &back) && (memcmp(&f, &back, 4) == 0 || isnan(f)),
              "%a as %.*s", (double)f, (int)n, text);
    if (i % 10) continue;
    uint64_t wide = draw();
    double d, again;
    memcpy(&d, &wide, 8);
    n = leat_format_f64(text, d);
    CHECK(leat_parse_f64((leat_str){text, n}, &again) && (memcmp(&d, &again, 8) == 0 || isnan(d)));
  }
}

// f64 as Python and JavaScript write them: the fewest digits, the nearest of those, ties to even.
static void wide_numbers_are_shortest(void) {
  static const struct {
    double value;
    const char *text;
  } cases[] = {{0.1, "0.1"},
               {1.0 / 3, "0.3333333333333333"},
               {5e-324, "5e-324"},
               {2.9103830456733704e-11, "2.9103830456733704e-11"},
               {3.4286439418792725, "3.4286439418792725"},
               {0.22768700122833252, "0.22768700122833252"},
               {1700000000.1234567, "1700000000.1234567"},
               {9007199254740993.0, "9007199254740992.0"},
               {(double)0.6f, "0.6000000238418579"},
               {1e16, "10000000000000000.0"},
               {123456789012345678.0, "1.2345678901234568e+17"},
               {1e-20, "1e-20"},
               {9.5, "9.5"},
               {0x1p-30, "9.313225746154785e-10"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[LEAT_NUMBER_MAX + 1];
    text[leat_format_f64(text, cases[i].value)] = 0;
    CHECK_STR(text, cases[i].text);
  }
  for (int i = 0; i < 100000; i++) {
    char text[LEAT_NUMBER_MAX], less[64];
    double d = i % 3 == 0   ? 1.7e9 + (double)(draw() >> 20) * 0x1p-22
               : i % 3 == 1 ? (double)(float)((double)(draw() >> 40) * 0x1p-24)
                            : ldexp((double)(draw() >> 11), (int)(draw() % 100) - 110),
           back;
    size_t n = leat_format_f64(text, d), digits = 0;
    CHECK(leat_parse_f64((leat_str){text, n}, &back) && back == d);
    for (size_t k = 0; k < n && text[k] != 'e'; k++)
      digits += text[k] >= '0' && text[k] <= '9' && (digits || text[k] != '0');
    if (i % 10 || digits < 16 || (n > 2 && text[n - 1] == '0')) continue;
    snprintf(less, sizeof less, "%.*e", (int)digits - 2, d);
    CHECK_MSG(strtod(less, NULL) != d, "%.*s has a digit too many", (int)n, text);
  }
}

// No text with fewer digits gives the number back; of those with as many it is the nearest.
static void numbers_are_shortest(void) {
  for (int i = 0; i < 100000; i++) {
    float f = i % 4 == 0   ? (float)(draw() % 100000) / 1000.0f
              : i % 4 == 1 ? (float)(draw() >> 40) * 0x1p-24f
              : i % 4 == 2 ? ldexpf((float)(draw() >> 40), (int)(draw() % 80) - 60)
                           : (float)(draw() % 1000000) * 100.0f;
    char text[LEAT_NUMBER_MAX + 1], want[64];
    float back = 0;
    double printed, wanted;
    text[leat_format_f32(text, f)] = 0;
    for (int digits = 1; digits <= 9; digits++) {
      snprintf(want, sizeof want, "%.*e", digits - 1, (double)f);
      if ((back = strtof(want, NULL)) == f) break;
    }
    CHECK(leat_parse_f64(leat_str_of(text), &printed));
    CHECK(leat_parse_f64(leat_str_of(want), &wanted));
    CHECK_MSG(printed == wanted, "%a: %s, not %s", (double)f, text, want);
  }
}

static void json_takes_plain_numbers(void) {
  static const struct {
    size_t count;
    const char *text;
  } cases[] = {
      {3, "1,2.5,-3e2,4]"},  {0, "4]"},          {0, "]"},        {1, " 1 , \"a\"]"},
      {1, "1,NaN,2]"},       {1, "0.5,1e99,2]"}, {1, "1,01,2]"},  {1, "1,1.,2]"},
      {1, "1,1.e5,2]"},      {1, "1,+1,2]"},     {1, "1,.5,2]"},  {1, "1,-,2]"},
      {1, "1,[2],3]"},       {2, "1,2,3"},       {1, "1,2"},      {1, "1,null,2]"},
      {1, "1,-Infinity,2]"}, {1, "1,1e,2]"},     {1, "1,2 3,4]"}, {4, "-0,0,0.0,1E+2,5]"},
      {1, "1,0x10,2]"},      {1, "1,2}"},        {1, "1,--2,3]"}, {2, "1,2,"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    leat_json plain, quick;
    leat_json_event event;
    leat_error err, other;
    float got[8];
    char text[64];
    snprintf(text, sizeof text, "[%s", cases[i].text);
    leat_json_init(&plain, leat_str_of(text), "t");
    leat_json_init(&quick, leat_str_of(text), "t");
    CHECK(!leat_json_next(&plain, &event, &err) && !leat_json_next(&quick, &event, &err));
    size_t count = leat_json_take_f32(&quick, got, 8);
    CHECK_MSG(count == cases[i].count, "'%s': %zu", text, count);
    for (size_t k = 0; k < count; k++) {
      float want;
      CHECK(!leat_json_next(&plain, &event, &err) && event == LEAT_JSON_NUMBER);
      CHECK(leat_parse_f32(plain.text, &want) && memcmp(&want, &got[k], 4) == 0);
    }
    // What follows is the same for both, errors and their places too.
    leat_status a = LEAT_OK, b = LEAT_OK;
    leat_json_event first = LEAT_JSON_NULL, second = LEAT_JSON_NULL;
    while (!a && !b && first != LEAT_JSON_END) {
      a = leat_json_next(&plain, &first, &err);
      b = leat_json_next(&quick, &second, &other);
      CHECK(a == b && (a || first == second));
    }
    if (a) CHECK_STR(other.message, err.message);
    leat_json_deinit(&plain);
    leat_json_deinit(&quick);
  }
}

// Numbers in a list are read the quick way: it gives what the C library does for each, also beside
// the middle of two f32s and where digits are more than an f64 holds.
static void json_numbers_are_nearest(void) {
  enum { COUNT = 64 };
  static char text[COUNT * 40 + 80];
  for (int round = 0; round < 3000; round++) {
    float want[COUNT], got[COUNT];
    size_t at = 0;
    text[at++] = '[';
    for (int i = 0; i < COUNT; i++) {
      char number[40];
      uint32_t bits = (uint32_t)(draw() % 0x7F000000);
      float f = round % 3 ? (float)(int32_t)draw() * 0x1p-31f : 0;
      if (!f) memcpy(&f, &bits, 4);
      double d = (double)f;
      if (round % 2) d += (double)(nextafterf(f, INFINITY) - f) / 2;  // the middle
      snprintf(number, sizeof number, round % 5 == 4 ? "%.*f" : "%.*g", (int)(draw() % 19), d);
      if (strlen(number) > 30) snprintf(number, sizeof number, "%d", (int)(draw() % 2000) - 1000);
      want[i] = strtof(number, NULL);
      at += (size_t)snprintf(text + at, sizeof text - at, round & 8 ? "%s, " : "%s,", number);
    }
    memset(text + at, '1', 70);  // behind the last comma
    leat_json json;
    leat_json_event event;
    leat_error err;
    leat_json_init(&json, (leat_str){text, at + 70}, "t");
    CHECK_OK(leat_json_next(&json, &event, &err));
    for (int i = 0; i < COUNT; i++) {
      if (leat_json_take_f32(&json, &got[i], 1)) continue;
      CHECK_OK(leat_json_next(&json, &event, &err));
      CHECK(event == LEAT_JSON_NUMBER && leat_parse_f32(json.text, &got[i]));
    }
    for (int i = 0; i < COUNT; i++)
      CHECK_MSG(memcmp(&got[i], &want[i], 4) == 0, "%d of %s: %a", i, text, (double)got[i]);
    leat_json_deinit(&json);
  }
}

static void numbers_are_nearest(void) {
  // 1 + 2^-24 is the middle of two f32s: a hair above must round up, the middle itself to even.
  float f;
  CHECK(leat_parse_f32(LEAT_STR("1.000000059604644775390625"), &f) && f == 1.0f);
  CHECK(leat_parse_f32(LEAT_STR("1.0000000596046447753906250000000000001"), &f) &&
        f == 0x1.000002p0f);
  CHECK(leat_parse_f32(LEAT_STR("3.4028236e38"), &f) && isinf(f));
  CHECK(leat_parse_f32(LEAT_STR("1e-45"), &f) && f == 0x1p-149f);
  CHECK(leat_parse_f32(LEAT_STR("-inf"), &f) && f == -INFINITY);
  static const char *const wrong[] = {"",   "-",  ".",   "1e", "1.2.3", "0x10",
                                      "1 ", " 1", "1,5", "in", "nanx",  "--1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CHECK_MSG(!leat_parse_f32(leat_str_of(wrong[i]), &f), "'%s'", wrong[i]);
  int64_t n;
  CHECK(leat_parse_i64(LEAT_STR("-9223372036854775808"), &n) && n == INT64_MIN);
  CHECK(!leat_parse_i64(LEAT_STR("9223372036854775808"), &n) &&
        !leat_parse_i64(LEAT_STR("1.0"), &n));
  for (int i = 0; i < 100000; i++) {  // against the C library in its own locale
    char text[64];
    double d = ldexp((double)(int64_t)draw(), -63 + (int)(draw() % 60) - 30);
    snprintf(text, sizeof text, "%.*g", 3 + (int)(draw() % 16), d);
    CHECK(leat_parse_f32(leat_str_of(text), &f) && f == strtof(text, NULL));
  }
}

static void numbers_ignore_the_locale(void) {
  if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "de_DE.utf8")) {
    SKIP("no German locale is installed");
    return;
  }
  char text[LEAT_NUMBER_MAX];
  float f;
  CHECK(leat_parse_f32(LEAT_STR("1.0000000596046447753906250001"), &f) && f > 1);
  CHECK(leat_format_f32(text, 0.5f) == 3 && memcmp(text, "0.5", 3) == 0);
  setlocale(LC_ALL, "C");
}

// --- CSV ----------------------------------------------------------------------------------------
static char csv_path[64];
static const leat_csv_column two[] = {{{"n", 1}, LEAT_DTYPE_F32, false, {0}},
                                      {{"s", 1}, LEAT_DTYPE_STRING, false, {0}}};

static leat_status read_text(const char *text, leat_csv_options options, leat_buf *got,
                             leat_error *err) {
  const char *paths[] = {csv_path};
  leat_csv *csv;
  leat_tensor *out[2];
  int64_t rows = 1;
  leat_status status = leat_file_write(csv_path, leat_str_of(text), err);
  if (!options.columns) options.columns = two, options.column_count = 2;
  if (!status) status = leat_csv_open(&csv, paths, 1, &options, err);
  if (status) return status;
  while (!status && rows) {
    status = leat_csv_read(csv, 2, out, &rows, err);
    for (int64_t i = 0; !status && i < rows; i++) {
      leat_str s = leat_tensor_str(out[1], i);
      leat_buf_fmt(got, "%g|%.*s;", (double)((float *)leat_tensor_data(out[0]))[i],
                   LEAT_STR_ARG(s));
    }
    for (int i = 0; i < 2; i++) leat_tensor_unref(out[i]);
  }
  leat_csv_close(csv);
  return status;
}

static void csv_edges(void) {
  static const struct {
    const char *text;
    leat_csv_options options;
    const char *want, *error;
  } cases[] = {
      {"1,a\n2,b\n3,c", {0}, "1|a;2|b;3|c;", NULL},
      {"\xEF\xBB\xBF"
       "1,a\r\n\r\n2,b\r\n",
       {0},
       "1|a;2|b;",
       NULL},
      {"1,\"x,\"\"y\"\"\nz\"\n2,\"\"\n", {0}, "1|x,\"y\"\nz;2|;", NULL},
      {"# c\n1, a b \n", {.comment = '#', .skip_initial_space = true}, "1|a b ;", NULL},
      {"s,x,n\na,9,1\nb,8,2\n", {.header = true}, "1|a;2|b;", NULL},
      {"1;a\n", {.delimiter = ';'}, "1|a;", NULL},
      {" 1 ,a\n", {0}, "1|a;", NULL},
      {"1,a\nx,b\n", {0}, NULL, ":2:1: n: 'x' is not a number (expected f32)"},
      {"1,a\n,b\n", {0}, NULL, ":2:1: n: the field is empty"},
      {"1\n", {0}, NULL, ":1: 1 field, expected 2"},
      {"1,a,z\n", {0}, NULL, ":1:3: more than 2 fields"},
      {"1,\"a\n", {0}, NULL, ":1:2: a quote does not close"},
      {"n,t\n1,2\n", {.header = true}, NULL, ":1: the header has no column 's'"},
      {"n,n,s\n", {.header = true}, NULL, "names 'n' twice"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    leat_error err = {0};
    leat_buf got = {0};
    leat_status status = read_text(cases[i].text, cases[i].options, &got, &err);
    if (cases[i].want)
      CHECK_MSG(!status && got.ptr && strcmp(got.ptr, cases[i].want) == 0, "case %zu: '%s' %s", i,
                got.ptr ? got.ptr : "", err.message);
    else
      CHECK_MSG(status && strstr(err.message, cases[i].error), "case %zu: %s", i, err.message);
    leat_buf_deinit(&got);
  }
}

// --- Hashes -------------------------------------------------------------------------------------
static void known_hashes(void) {
  static const char zeros[32];
  CHECK(leat_crc32c(0, zeros, 32) == 0x8a9136aa);
  CHECK(leat_crc32c_mask(leat_crc32c(0,
                                     "\x1a\x11"
                                     "CRC test, one two",
                                     19)) == 0x5794d08a);
  uint32_t whole = leat_crc32c(0, "123456789", 9);
  CHECK(whole == 0xe3069283 && leat_crc32c(leat_crc32c(0, "1234", 4), "56789", 5) == whole);
  CHECK(leat_fingerprint64(LEAT_STR("")) == 0x9ae16a3b2f90404fu);
}

// --- Golden files -------------------------------------------------------------------------------
// Calls `check` with each object of the index's "cases": its text, parsed up to "file" and a
// verdict.
typedef struct golden_case {
  char name[128], file[128], verdict[32], expected[600];
  double good;  // records before the damage
} golden_case;

static bool for_cases(const char *folder, void (*check)(const char *dir, const golden_case *c)) {
  const char *root = getenv("LEAT_GOLDEN");
  char path[1024];
  leat_buf text = {0};
  leat_json j;
  leat_json_event e;
  leat_error err;
  if (!root) {
    SKIP("LEAT_GOLDEN is not set");
    return false;
  }
  snprintf(path, sizeof path, "%s/formats/%s/index.json", root, folder);
  if (leat_file_read(path, 0, &text, &err)) return CHECK_MSG(false, "%s", err.message);
  path[strlen(path) - 11] = 0;
  leat_json_init(&j, leat_buf_view(&text), folder);
  golden_case c = {{0}};
  char key[64] = "";
  int count = 0;
  while (!leat_json_next(&j, &e, &err) && e != LEAT_JSON_END) {
    if (e == LEAT_JSON_KEY) snprintf(key, sizeof key, "%.*s", LEAT_STR_ARG(j.text));
    char *to = strcmp(key, "name") == 0      ? c.name
               : strcmp(key, "file") == 0    ? c.file
               : strcmp(key, "verdict") == 0 ? c.verdict
                                             : NULL;
    size_t room = to == c.verdict ? sizeof c.verdict : sizeof c.name;
    if (e == LEAT_JSON_STRING && to && j.depth == 3)
      snprintf(to, room, "%.*s", LEAT_STR_ARG(j.text));
    if (e == LEAT_JSON_NUMBER && strstr(key, "good_records")) leat_parse_f64(j.text, &c.good);
    if (e == LEAT_JSON_OBJECT_END && j.depth == 2 && c.file[0]) {
      check(path, &c);
      c = (golden_case){{0}};
      count++;
    }
  }
  leat_json_deinit(&j);
  leat_buf_deinit(&text);
  return CHECK_MSG(count > 10, "%s: %d cases", folder, count);
}

static void check_safetensors(const char *dir, const golden_case *c) {
  char path[1200];
  leat_safetensors st;
  leat_error err = {0};
  snprintf(path, sizeof path, "%s/%s", dir, c->file);
  leat_status status = leat_safetensors_read(&st, path, &err);
  if (strcmp(c->verdict, "accept") == 0) CHECK_MSG(!status, "%s: %s", c->file, err.message);
  if (strcmp(c->verdict, "reject") == 0) CHECK_MSG(status, "%s: accepted", c->file);
  if (!status) leat_safetensors_deinit(&st);
}
static void golden_safetensors(void) { for_cases("safetensors", check_safetensors); }

// --- Failing allocations ------------------------------------------------------------------------
static int64_t countdown;
static bool fail_nth(size_t bytes) { return countdown-- != 0; }

static leat_status small_graph(void) {
  leat_error err;
  leat_graph *g;
  leat_state *s = NULL;
  leat_exec *exec = NULL;
  leat_func *f = NULL;
  leat_var *v = NULL;
  leat_tensor *x = NULL, *y = NULL;
  leat_status status = leat_graph_new(&g, &err);
  if (status) return status;
  status = leat_graph_var(g, "v", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(3, 2)}, true, &v, &err);
  leat_builder *b = status ? NULL : leat_builder_new(g, "f");
  if (!status && b) {
    leat_value in = leat_input(
                   b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(leat_dim_symbol(g, "n", 0), 3)}),
               w = leat_var_read(b, v);
    leat_value loss =
        leat_mean(b, leat_square(b, leat_tanh(b, leat_matmul(b, in, w))), NULL, 0, false);
    leat_gradient grad = {{0}};
    leat_gradients(b, &loss, NULL, 1, &w, 1, false, &grad);
    leat_var_next(b, v, leat_sub(b, w, grad.dense));
    leat_output(b, "loss", loss);
    status = leat_builder_finish(b, &f, &err);
  } else if (!status)
    status = LEAT_RESOURCE_EXHAUSTED;
  if (!status) status = leat_state_new(&s, g, &err);
  if (!status)
    status = leat_tensor_copy_of(&x, LEAT_DTYPE_F32, 2, (int64_t[]){3, 2},
                                 (float[]){1, 2, 3, 4, 5, 6}, &err);
  if (!status) status = leat_state_set(s, v, x, &err);
  leat_tensor_unref(x);
  x = NULL;
  if (!status)
    status =
        leat_tensor_copy_of(&x, LEAT_DTYPE_F32, 2, (int64_t[]){1, 3}, (float[]){1, 2, 3}, &err);
  if (!status) status = leat_exec_new(&exec, f, NULL, &err);
  if (!status) status = leat_exec_run(exec, s, &x, 1, &y, &err);
  leat_tensor_unref(x);
  leat_tensor_unref(y);
  leat_exec_free(exec);
  leat_state_free(s);
  leat_graph_free(g);
  return status;
}

static leat_status small_csv(void) {
  leat_error err;
  leat_buf got = {0};
  leat_status status = read_text("1,a\n2,\"b\"\"c\"\n3,d\n", (leat_csv_options){0}, &got, &err);
  if (!status) status = leat_buf_status(&got, &err);
  leat_buf_deinit(&got);
  return status;
}

static leat_status small_yaml(void) {
  leat_yaml y;
  leat_error err;
  leat_status status = leat_yaml_parse(&y, LEAT_STR("a: [1, {b: c}]\nd: &x e\nf: *x\n"), "t", &err);
  if (!status) leat_yaml_deinit(&y);
  return status;
}

static leat_status small_safetensors(void) {
  leat_error err;
  leat_tensor *t;
  leat_safetensors st;
  leat_buf bytes = {0};
  leat_status status =
      leat_tensor_copy_of(&t, LEAT_DTYPE_F32, 1, (int64_t[]){3}, (float[]){1, 2, 3}, &err);
  if (status) return status;
  leat_named_tensor named = {LEAT_STR("t"), t};
  status = leat_safetensors_format(&named, 1, NULL, 0, &bytes, &err);
  if (!status && !(status = leat_safetensors_parse(&st, leat_buf_view(&bytes), "t", &err))) {
    CHECK(leat_bits_equal(leat_safetensors_find(&st, LEAT_STR("t")), t));
    leat_safetensors_deinit(&st);
  }
  leat_tensor_unref(t);
  leat_buf_deinit(&bytes);
  return status;
}

static void every_allocation_may_fail(void) {
  leat_status (*const work[])(void) = {small_graph, small_csv, small_yaml, small_safetensors};
  for (size_t k = 0; k < sizeof work / sizeof *work; k++) {
    int64_t n = 0;
    for (; n < 100000; n++) {
      countdown = n;
      leat__alloc_hook = fail_nth;
      leat_status status = work[k]();
      leat__alloc_hook = NULL;
      if (countdown >= 0) {  // it went through
        CHECK_MSG(!status, "work %zu fails by itself", k);
        break;
      }
      CHECK_MSG(status, "work %zu: allocation %lld failed and nobody said so", k, (long long)n);
    }
    CHECK_MSG(n > 0, "work %zu allocates %lld times", k, (long long)n);
  }
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"numbers_round_trip", numbers_round_trip},
      {"numbers_are_nearest", numbers_are_nearest},
      {"numbers_are_shortest", numbers_are_shortest},
      {"wide_numbers_are_shortest", wide_numbers_are_shortest},
      {"json_takes_plain_numbers", json_takes_plain_numbers},
      {"json_numbers_are_nearest", json_numbers_are_nearest},
      {"numbers_ignore_the_locale", numbers_ignore_the_locale},
      {"csv_edges", csv_edges},
      {"known_hashes", known_hashes},
      {"golden_safetensors", golden_safetensors},
      {"every_allocation_may_fail", every_allocation_may_fail},
  };
  snprintf(csv_path, sizeof csv_path, "/tmp/leat-formats-%d.csv", (int)getpid());
  int code = test_main(argc, argv, tests, sizeof tests / sizeof *tests);
  unlink(csv_path);
  return code;
}
