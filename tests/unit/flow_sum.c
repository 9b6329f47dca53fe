// Tests of flow/sum: exact where it can be, the same bits in every order.
// SPDX-License-Identifier: Apache-2.0
#include "flow/sum.h"
#include "test.h"

#include <float.h>
#include <math.h>

static double sum_of(const double *values, int count) {
  leat_sum s = {0};
  for (int i = 0; i < count; i++) leat_sum_add(&s, values[i]);
  return leat_sum_read(&s);
}

static bool same(double a, double b) { return !memcmp(&a, &b, sizeof a); }

static uint64_t state = 1;
static uint64_t next(void) {
  state ^= state << 13, state ^= state >> 7, state ^= state << 17;
  return state;
}

// Any finite double, of an exponent within `spread` of 1's; all of them for 2000.
static double any_double(int spread) {
  double value;
  for (;;) {
    uint64_t bits = next();
    memcpy(&value, &bits, sizeof value);
    if (isfinite(value) && (spread >= 2000 || abs(ilogb(value)) <= spread)) return value;
  }
}

static void one_value_comes_back(void) {
  double special[] = {1,
                      -1,
                      DBL_MAX,
                      -DBL_MAX,
                      DBL_MIN,
                      0x1p-1074,
                      -0x1p-1074,
                      0x0.fffffffffffffp-1022,
                      0x1.fffffffffffffp+31,
                      0x1p32,
                      0x1.0000000000001p-991};
  for (size_t i = 0; i < sizeof special / sizeof *special; i++)
    CHECK(same(sum_of(&special[i], 1), special[i]));
  for (int i = 0; i < 20000; i++) {
    double value = any_double(2000);
    if (value != 0) CHECK(same(sum_of(&value, 1), value));
  }
}

static void two_values_are_rounded_once(void) {  // as the processor does
  for (int i = 0; i < 200000; i++) {
    double pair[] = {any_double(i % 2 ? 40 : 2000), any_double(i % 2 ? 40 : 2000)};
    double want = pair[0] + pair[1];
    if (want != 0) CHECK(same(sum_of(pair, 2), want));
  }
  double tie[] = {1, 0x1p-53}, above[] = {1, 0x1p-53, 0x1p-90},
         odd[] = {0x1.0000000000001p0, 0x1p-53};
  CHECK(sum_of(tie, 2) == 1 && sum_of(above, 3) == 0x1.0000000000001p0);
  CHECK(sum_of(odd, 2) == 0x1.0000000000002p0);
}

static void what_cancels_is_gone(void) {
  double values[] = {1e6, 1, -1e6, 1e-10, -1, 3};
  CHECK(sum_of(values, 6) == 3.0000000001);
  double none[] = {0.1, -0.1};
  CHECK(same(sum_of(none, 2), 0.0) && same(sum_of(none, 0), 0.0));
  double great[] = {DBL_MAX, DBL_MAX, -DBL_MAX};
  CHECK(sum_of(great, 3) == DBL_MAX && isinf(sum_of(great, 2)));
}

static void order_and_parts_do_not_matter(void) {
  enum { N = 1000 };
  for (int round = 0; round < 200; round++) {
    double values[N];
    int spread = (int[]){3, 30, 300, 2000}[round % 4];
    for (int i = 0; i < N; i++) values[i] = any_double(spread);
    double want = sum_of(values, N);
    for (int i = N - 1; i > 0; i--) {
      int k = (int)(next() % (unsigned)(i + 1));
      double t = values[i];
      values[i] = values[k], values[k] = t;
    }
    leat_sum parts[3] = {{.top = 0}}, whole = {0};
    for (int i = 0; i < N; i++) leat_sum_add(&parts[next() % 3], values[i]);
    for (int p = 0; p < 3; p++) leat_sum_merge(&whole, &parts[p]);
    CHECK(same(sum_of(values, N), want) && same(leat_sum_read(&whole), want));
  }
}

static void many_are_exact(void) {  // 0.1 is 3602879701896397 / 2^55
  leat_sum s = {0};
  for (int i = 0; i < 1 << 20; i++) leat_sum_add(&s, 0.1);
  CHECK(leat_sum_read(&s) == 0.1 * (1 << 20));
}

static void what_is_no_number_stays(void) {
  double nan[] = {1, (double)NAN}, up[] = {1, HUGE_VAL}, both[] = {HUGE_VAL, -HUGE_VAL};
  CHECK(isnan(sum_of(nan, 2)) && sum_of(up, 2) == HUGE_VAL && isnan(sum_of(both, 2)));
}

// Mean and deviation of values far from 0, in any order and parts; the same by whole numbers.
static void spread_is_exact_in_any_order(void) {
  enum { COUNT = 4096 };
  static double values[COUNT];
  __int128 sum = 0, squares = 0;
  for (int i = 0; i < COUNT; i++) {
    int64_t v = (int64_t)(next() >> 12 & 0xFFFF) + 1000000007;
    values[i] = (double)v, sum += v, squares += (__int128)v * v;
  }
  double mean = (double)sum / COUNT,
         stddev = sqrt((double)(squares * COUNT - sum * sum) / ((double)COUNT * COUNT));
  for (int round = 0; round < 20; round++) {
    leat_spread parts[3] = {0};
    for (int i = COUNT - 1; i > 0; i--) {
      int k = (int)(next() % (uint64_t)(i + 1));
      double kept = values[i];
      values[i] = values[k], values[k] = kept;
    }
    for (int i = 0; i < COUNT; i++) leat_spread_add(&parts[next() % 3], values[i]);
    leat_spread_add(&parts[1], (double)NAN);
    leat_spread_merge(&parts[2], &parts[0]);
    leat_spread_merge(&parts[2], &parts[1]);
    CHECK(parts[2].count == COUNT && parts[2].missing == 1);
    CHECK(same(leat_spread_mean(&parts[2]), mean) && same(leat_spread_stddev(&parts[2]), stddev));
  }
  leat_spread one = {0}, none = {0};
  for (int i = 0; i < 3; i++) leat_spread_add(&one, 0.1);
  leat_spread_add(&none, HUGE_VAL);
  CHECK(leat_spread_mean(&one) == 0.1 && leat_spread_stddev(&one) == 0);
  CHECK(leat_spread_mean(&none) == 0 && none.missing == 1 && none.count == 0);
  leat_spread zero = {0}, other = {0};
  leat_spread_add(&zero, 0), leat_spread_add(&zero, -0.0);
  leat_spread_add(&other, -0.0), leat_spread_add(&other, 0);
  CHECK(same(zero.least, other.least) && same(zero.greatest, other.greatest));
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"one_value_comes_back", one_value_comes_back},
      {"two_values_are_rounded_once", two_values_are_rounded_once},
      {"what_cancels_is_gone", what_cancels_is_gone},
      {"order_and_parts_do_not_matter", order_and_parts_do_not_matter},
      {"many_are_exact", many_are_exact},
      {"what_is_no_number_stays", what_is_no_number_stays},
      {"spread_is_exact_in_any_order", spread_is_exact_in_any_order},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
