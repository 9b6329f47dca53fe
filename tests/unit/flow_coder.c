// Tests of flow/coder: Beam's published bytes, contexts, and what must be refused.
// SPDX-License-Identifier: Apache-2.0
#include "flow/coder.h"
#include "test.h"

#define BYTES(text) ((leat_str){text, sizeof(text) - 1})

static leat_arena arena;

static const leat_flow_coder *coder(const char *name, const leat_flow_coder *a,
                                    const leat_flow_coder *b) {
  char urn[64];
  const leat_flow_coder *out = NULL, *parts[] = {a, b};
  leat_error err;
  snprintf(urn, sizeof urn, "beam:coder:%s:v1", name);
  leat_flow_coder_spec spec = {leat_str_of(urn), parts, (size_t) !!a + !!b, {0}};
  CHECK_OK(leat_flow_coder_new(&arena, &spec, &out, &err));
  return out;
}

static leat_flow_value read(const leat_flow_coder *c, leat_str bytes, bool nested, size_t left) {
  leat_flow_value v = {0};
  leat_error err;
  CHECK_OK(leat_flow_decode(c, &bytes, nested, &arena, &v, &err));
  CHECK(bytes.len == left);
  return v;
}

static void written_back(const leat_flow_coder *c, const leat_flow_value *v, bool nested,
                         leat_str want) {
  leat_buf out = {0};
  leat_error err;
  CHECK_OK(leat_flow_encode(c, v, nested, &out, &err));
  CHECK(leat_str_eq(leat_buf_view(&out), want));
  leat_buf_deinit(&out);
}

// The one element that every runner's impulse makes.
static void the_impulse_is_read(void) {
  leat_str bytes = BYTES("\x7f\xdf\x3b\x64\x5a\x1c\xac\x09\x00\x00\x00\x01\x0f\x00");
  const leat_flow_coder *c =
      coder("windowed_value", coder("bytes", NULL, NULL), coder("global_window", NULL, NULL));
  leat_flow_value v = read(c, bytes, true, 0);
  CHECK(v.num == LEAT_FLOW_TIME_MIN && v.items[0].bytes.len == 0 && v.items[1].count == 1);
  CHECK(v.pane.first && v.pane.last && v.pane.timing == LEAT_FLOW_TIMING_UNKNOWN);
  written_back(c, &v, true, bytes);
}

static void contexts_differ_in_bytes_alone(void) {
  const leat_flow_coder *bytes = coder("bytes", NULL, NULL), *kv = coder("kv", bytes, bytes);
  leat_flow_value v = read(kv, BYTES("\x01k\x02vw*"), true, 1);
  CHECK(leat_str_eq(v.items[1].bytes, BYTES("vw")));
  v = read(kv, BYTES("\x01kvw*"), false, 0);
  CHECK(leat_str_eq(v.items[0].bytes, BYTES("k")) && leat_str_eq(v.items[1].bytes, BYTES("vw*")));
  written_back(kv, &v, true, BYTES("\x01k\x03vw*"));
  v = read(coder("length_prefix", kv, NULL), BYTES("\x04\x01kvw*"), true, 1);
  CHECK(leat_str_eq(v.items[1].bytes, BYTES("vw")));
}

static void pane_indices_take_their_shortest_form(void) {
  static const struct {
    leat_flow_pane pane;
    leat_str bytes;
  } cases[] = {
      {{true, false, LEAT_FLOW_EARLY, 0, -1}, BYTES("\x11\x00")},
      {{false, false, LEAT_FLOW_EARLY, 300, -1}, BYTES("\x10\xac\x02")},
      {{true, true, LEAT_FLOW_ON_TIME, 0, 0}, BYTES("\x07")},
      {{false, false, LEAT_FLOW_ON_TIME, 2, 0}, BYTES("\x24\x02\x00")},
      {{false, true, LEAT_FLOW_LATE, 1, 1}, BYTES("\x1a\x01")},
  };
  const leat_flow_coder *c =
      coder("windowed_value", coder("varint", NULL, NULL), coder("global_window", NULL, NULL));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    leat_buf text = {0};
    leat_buf_str(&text, BYTES("\x80\0\0\0\0\0\0\0\0\0\0\0"));
    leat_buf_str(&text, cases[i].bytes);
    leat_buf_char(&text, 9);
    leat_flow_value v = read(c, leat_buf_view(&text), true, 0);
    CHECK(v.pane.index == cases[i].pane.index);
    CHECK(v.pane.on_time_index == cases[i].pane.on_time_index);
    CHECK(v.pane.timing == cases[i].pane.timing && v.items[0].num == 9);
    v.pane = cases[i].pane;
    written_back(c, &v, true, leat_buf_view(&text));
    leat_buf_deinit(&text);
  }
}

// Many values in few bytes are no damage as long as each item has a byte of its own.
static void long_lists_of_small_items_are_read(void) {
  enum { ITEMS = 60000 };
  const leat_flow_coder *item =
      coder("kv", coder("bool", NULL, NULL), coder("global_window", NULL, NULL));
  leat_buf bytes = {0};
  leat_buf_str(&bytes, BYTES("\0\0\xea\x60"));
  for (int i = 0; i < ITEMS; i++) leat_buf_char(&bytes, 1);
  leat_flow_value v = read(coder("iterable", item, NULL), leat_buf_view(&bytes), true, 0);
  CHECK(v.count == ITEMS && v.items[ITEMS - 1].items[0].flag);
  leat_buf_deinit(&bytes);
}

static void damage_is_refused(void) {
  const leat_flow_coder *bytes = coder("bytes", NULL, NULL),
                        *text = coder("string_utf8", NULL, NULL);
  const leat_flow_coder *global = coder("global_window", NULL, NULL);
  const leat_flow_coder *varint = coder("varint", NULL, NULL);
  const struct {
    const leat_flow_coder *coder;
    leat_str bytes;
    leat_status status;
  } cases[] = {
      {bytes,
       BYTES("\x05"
             "abc"),
       LEAT_DATA_LOSS},
      {bytes, BYTES(""), LEAT_DATA_LOSS},
      {bytes,
       BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
             "a"),
       LEAT_DATA_LOSS},
      {text, BYTES("\x02\xc3("), LEAT_DATA_LOSS},
      {varint, BYTES("\x80"), LEAT_DATA_LOSS},
      {varint, BYTES("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"), LEAT_DATA_LOSS},
      {coder("bool", NULL, NULL), BYTES("\x02"), LEAT_DATA_LOSS},
      {coder("double", NULL, NULL), BYTES("1234567"), LEAT_DATA_LOSS},
      {coder("nullable", bytes, NULL), BYTES("\x03"), LEAT_DATA_LOSS},
      {coder("length_prefix", varint, NULL), BYTES("\x02\x01\x01"), LEAT_DATA_LOSS},
      {coder("iterable", varint, NULL), BYTES("\xff\xff\xff\xfe"), LEAT_DATA_LOSS},
      {coder("iterable", varint, NULL), BYTES("\0\0\0\x02\x01"), LEAT_DATA_LOSS},
      {coder("iterable", global, NULL), BYTES("\x7f\xff\xff\xff"), LEAT_RESOURCE_EXHAUSTED},
      {coder("interval_window", NULL, NULL), BYTES("\0\0\0\0\0\0\0\0\0"), LEAT_DATA_LOSS},
      {coder("windowed_value", varint, global), BYTES("\x80\0\0\0\0\0\0\0\0\0\0\0\x30\x01"),
       LEAT_DATA_LOSS},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    leat_flow_value v;
    leat_error err;
    leat_str rest = cases[i].bytes;
    CHECK_MSG(leat_flow_decode(cases[i].coder, &rest, true, &arena, &v, &err) == cases[i].status,
              "case %zu", i);
    CHECK_MSG(rest.len == cases[i].bytes.len, "case %zu moved the input", i);
  }
  leat_flow_value v;
  leat_error err;
  leat_str rest = BYTES("\x01\x01");
  CHECK(leat_flow_decode(varint, &rest, false, &arena, &v, &err) == LEAT_DATA_LOSS);
}

static leat_status row_coder(leat_str schema, const leat_flow_coder **out, leat_error *err) {
  leat_flow_coder_spec spec = {.urn = LEAT_STR("beam:coder:row:v1"), .payload = schema};
  return leat_flow_coder_new(&arena, &spec, out, err);
}

// a: int64, b: nullable int32, written b first
#define SCHEMA                         \
  "\n\x09\n\x01"                       \
  "a\x1a\x02\x10\x04(\x01\n\x09\n\x01" \
  "b\x1a\x04\x08\x01\x10\x03 \x01"

static void damaged_rows_are_refused(void) {
  static const leat_str rows[] = {
      BYTES("\x03\x00\x01\x01\x01"),              // more fields than the schema
      BYTES("\x02\x01\x02\x01"),                  // a is null
      BYTES("\x01\x00\x01"),                      // a is missing
      BYTES("\x02\x05\x00"),                      // null bits cut short
      BYTES("\x02\x00\x80\x80\x80\x80\x10\x01"),  // b has 33 bits
      BYTES("\x02\x00\x01"),                      // a is cut off
  };
  const leat_flow_coder *c;
  leat_error err;
  leat_flow_value v;
  CHECK_OK(row_coder(BYTES(SCHEMA), &c, &err));
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    leat_str rest = rows[i];
    CHECK_MSG(leat_flow_decode(c, &rest, true, &arena, &v, &err) == LEAT_DATA_LOSS, "row %zu", i);
  }
  v = read(c, BYTES("\x02\x01\x01\x07"), true, 0);
  CHECK(v.items[0].num == 7 && v.items[1].kind == LEAT_FLOW_NULL);
  written_back(c, &v, true, BYTES("\x02\x01\x01\x07"));
  v.items[0].kind = LEAT_FLOW_NULL;
  leat_buf out = {0};
  CHECK(leat_flow_encode(c, &v, true, &out, &err) == LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message, "field 0 is null, and may not be");
  leat_buf_deinit(&out);
}

static void damaged_schemas_are_refused(void) {
  static const leat_str schemas[] = {
      BYTES("\n\x05\n\x01"
            "a"),  // cut short
      BYTES("\n\x03\n\x01"
            "a"),  // a field without a type
      BYTES("\n\x07\n\x01"
            "a\x1a\x02\x10\x0a"),  // no such atomic type
      BYTES("\n\x09\n\x01"
            "a\x1a\x02\x10\x04(\x01 \x01"),  // a position out of bounds
      BYTES("\n\x0b\n\x01"
            "a\x1a\x06:\x04\n\x02xx"),  // a logical type of nothing
  };
  const leat_flow_coder *c;
  leat_error err;
  for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
    CHECK_MSG(row_coder(schemas[i], &c, &err) == LEAT_INVALID_ARGUMENT, "schema %zu", i);
}

static void wrong_values_and_coders_are_refused(void) {
  const leat_flow_coder *out, *varint = coder("varint", NULL, NULL);
  leat_error err;
  leat_buf buf = {0};
  leat_flow_value v = {.kind = LEAT_FLOW_STRING, .bytes = BYTES("\xff")};
  CHECK(leat_flow_encode(varint, &v, true, &buf, &err) == LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message, "beam:coder:varint:v1: the value is text, expected an integer");
  CHECK(leat_flow_encode(coder("string_utf8", NULL, NULL), &v, true, &buf, &err) ==
        LEAT_INVALID_ARGUMENT);
  v = (leat_flow_value){.kind = LEAT_FLOW_INTERVAL, .num = LEAT_FLOW_TIME_MAX + 2};
  CHECK(leat_flow_encode(coder("interval_window", NULL, NULL), &v, true, &buf, &err) ==
        LEAT_INVALID_ARGUMENT);
  leat_buf_deinit(&buf);
  leat_flow_coder_spec spec = {.urn = LEAT_STR("beam:coder:varin:v1")};
  CHECK(leat_flow_coder_new(&arena, &spec, &out, &err) == LEAT_UNIMPLEMENTED);
  CHECK_STR(err.message,
            "unknown coder 'beam:coder:varin:v1'; the nearest is beam:coder:varint:v1");
  spec.urn = LEAT_STR("beam:coder:kv:v1");
  CHECK(leat_flow_coder_new(&arena, &spec, &out, &err) == LEAT_INVALID_ARGUMENT);
  const leat_flow_coder *parts[] = {varint, coder("global_window", NULL, NULL)};
  spec = (leat_flow_coder_spec){LEAT_STR("beam:coder:param_windowed_value:v1"), parts, 2,
                                LEAT_STR("short")};
  CHECK(leat_flow_coder_new(&arena, &spec, &out, &err) == LEAT_INVALID_ARGUMENT);
  const leat_flow_coder *deep = varint;
  for (int i = 1; i < 32; i++) deep = coder("nullable", deep, NULL);
  spec = (leat_flow_coder_spec){LEAT_STR("beam:coder:nullable:v1"), &deep, 1, {0}};
  CHECK(leat_flow_coder_new(&arena, &spec, &out, &err) == LEAT_INVALID_ARGUMENT);
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"the_impulse_is_read", the_impulse_is_read},
      {"contexts_differ_in_bytes_alone", contexts_differ_in_bytes_alone},
      {"pane_indices_take_their_shortest_form", pane_indices_take_their_shortest_form},
      {"long_lists_of_small_items_are_read", long_lists_of_small_items_are_read},
      {"damage_is_refused", damage_is_refused},
      {"damaged_rows_are_refused", damaged_rows_are_refused},
      {"damaged_schemas_are_refused", damaged_schemas_are_refused},
      {"wrong_values_and_coders_are_refused", wrong_values_and_coders_are_refused},
  };
  int rc = test_main(argc, argv, tests, sizeof tests / sizeof *tests);
  leat_arena_deinit(&arena);
  return rc;
}
