// Tests of base/str and base/fingerprint: views, the builder, hashes of published values.
// SPDX-License-Identifier: Apache-2.0
#include "base/fingerprint.h"
#include "base/str.h"
#include "test.h"

static leat_str view(const char *s) { return leat_str_of(s); }

static void views_are_cut_and_compared(void) {
  CHECK(leat_str_eq(leat_str_strip(view(" .a b. "), view(" .")), view("a b")));
  CHECK(leat_str_strip(view("..."), view(".")).len == 0);
  CHECK(leat_str_starts(view("abc"), view("ab")) && !leat_str_starts(view("a"), view("ab")));
  CHECK(leat_str_ends(view("abc"), view("bc")) && !leat_str_ends(view("c"), view("bc")));
  CHECK(leat_str_cmp(view("a"), view("ab")) < 0 && leat_str_cmp(view("b"), view("ab")) > 0);
  CHECK(leat_str_cmp(view("\xff"), view("a")) > 0 && leat_str_cmp(view(""), view("")) == 0);
  leat_str rest = view("a,,b");
  CHECK(leat_str_eq(leat_str_cut(&rest, ','), view("a")));
  CHECK(leat_str_cut(&rest, ',').len == 0);
  CHECK(leat_str_eq(leat_str_cut(&rest, ','), view("b")) && rest.len == 0);
}

static void distances_count_edits(void) {
  CHECK(leat_str_distance(view("kitten"), view("sitting")) == 3);
  CHECK(leat_str_distance(view("bathc_size"), view("batch_size")) == 1);  // a swap
  CHECK(leat_str_distance(view(""), view("abc")) == 3);
  const leat_str fields[] = {view("steps"), view("batch_size"), view("seed")};
  CHECK(leat_str_eq(leat_str_nearest(view("batchsize"), fields, 3), view("batch_size")));
  CHECK(leat_str_nearest(view("zzzzzz"), fields, 3).len == 0);
}

static void the_builder_stops_at_its_maximum(void) {
  leat_buf buf = {.max = 10};
  leat_error err = {0};
  leat_buf_fmt(&buf, "%d-%s", 12, "ab");
  CHECK_STR(buf.ptr, "12-ab");
  CHECK_OK(leat_buf_status(&buf, &err));
  leat_buf_c(&buf, "123456");  // eleven bytes
  CHECK(leat_buf_status(&buf, &err) == LEAT_RESOURCE_EXHAUSTED);
  CHECK_STR(buf.ptr, "12-ab");
  leat_buf_char(&buf, 'x');  // the failure stays
  CHECK(buf.failed && buf.len == 5);
  leat_buf_clear(&buf);
  CHECK(buf.failed && buf.len == 0);
  leat_buf_deinit(&buf);
  leat_buf_c(&buf, "0123456789");
  CHECK(!buf.failed && buf.len == 10);
  leat_buf_deinit(&buf);
  CHECK(!buf.ptr && buf.max == 10);
}

// Values of FarmHash's Fingerprint64 as TensorFlow computes them, each branch by length.
static void fingerprints_are_farmhash(void) {
  static const struct {
    const char *text;
    uint64_t hash;
  } known[] = {
      {"", 0x9ae16a3b2f90404f},
      {"a", 0xb3454265b6df75e3},
      {"3.0", 0x1febbd1cee7f5da6},
      {"2anz", 0xe686fcff42d15c05},
      {"9z2ggxe", 0xaf35970bf0131b76},
      {" _z7hfBv", 0x2217351bee79a7de},
      {"remau70--rhqdxzc", 0xb56c625393ffa314},
      {"Machine-op-inspct", 0x60f598630511caaf},
      {"rwj122rsll02C12qc-kBCkfrkmB nq6a", 0x6e16a26116c4b242},
      {"u7 s5en9ok02iBe7auqfa3zn06a2jfn_u", 0x8964a854c18733d2},
      {"tued5m_05m-8l_kCqAmqu7qejxth2o8y632qjgvn1-2bjxi_Bo7htw0k oufh7-A", 0x8bf4a3fcc906ddd7},
      {"kta0t3q0h7x7pkBgkcvsfvzrj2l1_t6fws676e-pw9vBwiAv1aip20Awzjke3q7gpy", 0xff771ac9e746710c},
      {"vc6Clbp4xc2031jesa_g k0c7joowr8 j1bj14g61r_ior6s1BCvod64A_3wBkdsk1h9rvzx_BBffx8te6 7hiss4 "
       "u0bux x-A5z5-xBb7ybdupds07z4wz0r8fd584",
       0x77da8b0e0d6bfe29},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    uint64_t got = leat_fingerprint64(view(known[i].text));
    CHECK_MSG(got == known[i].hash, "'%s': %016llx", known[i].text, (unsigned long long)got);
  }
}

// The example of the paper: key 00..0f, message 00..0e.
static void siphash_is_the_papers(void) {
  char message[15];
  for (int i = 0; i < 15; i++) message[i] = (char)i;
  CHECK(leat_siphash((leat_str){message, 15}, 0x0706050403020100u, 0x0f0e0d0c0b0a0908u) ==
        0xa129ca6149be45e5u);
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"views_are_cut_and_compared", views_are_cut_and_compared},
      {"distances_count_edits", distances_count_edits},
      {"the_builder_stops_at_its_maximum", the_builder_stops_at_its_maximum},
      {"fingerprints_are_farmhash", fingerprints_are_farmhash},
      {"siphash_is_the_papers", siphash_is_the_papers},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
