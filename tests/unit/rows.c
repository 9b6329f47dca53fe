// Rows of every format: edges, positions, bad rows, compressed files; every n-th allocation
// failing. SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include "base/file.h"
#include "formats/arrays.h"
#include "formats/compress.h"
#include "formats/event_read.h"
#include "formats/example.h"
#include "formats/proto.h"
#include "formats/rows.h"
#include "formats/tfrecord.h"

#include <locale.h>
#include <math.h>
#include <unistd.h>

static char path[64];
static const leat_column three[] = {{{"n", 1}, LEAT_DTYPE_F32, false, {0}, 1},
                                    {{"s", 1}, LEAT_DTYPE_STRING, false, {0}, 1},
                                    {{"l", 1}, LEAT_DTYPE_I64, true, {"-1", 2}, LEAT_ANY_NUMBER}};

// --- Making files -------------------------------------------------------------------------------
static void put(leat_str bytes, leat_compression how) {
  leat_error err;
  leat_buf packed = {0};
  if (how != LEAT_COMPRESSION_NONE) CHECK_OK(leat_deflate(bytes, how, &packed, &err));
  CHECK_OK(leat_file_write(path, packed.len ? leat_buf_view(&packed) : bytes, &err));
  leat_buf_deinit(&packed);
}

static void put_example(leat_buf *out, float n, const char *s, int count) {
  leat_example e = {0};
  leat_buf message = {0};
  leat_example_feature features[] = {{LEAT_STR("n"), {.kind = LEAT_EXAMPLE_FLOAT}},
                                     {LEAT_STR("s"), {.kind = LEAT_EXAMPLE_BYTES}},
                                     {LEAT_STR("l"), {.kind = LEAT_EXAMPLE_INT64}}};
  leat_vec_push(&features[0].value.floats, n);
  leat_vec_push(&features[1].value.bytes, leat_str_of(s));
  for (int i = 0; i < count; i++) leat_vec_push(&features[2].value.ints, i);
  for (int i = 0; i < 3; i++) leat_vec_push(&e.features, features[i]);
  leat_example_format(&e, false, &message);
  leat_tfrecord_add(out, leat_buf_view(&message));
  leat_example_deinit(&e);
  leat_buf_deinit(&message);
}

// The same rows in each format; row i: i / 2, "si", [0 .. i mod 3).
static void make(leat_buf *out, leat_row_format format, int rows) {
  for (int i = 0; i < rows; i++) {
    char name[16];
    snprintf(name, sizeof name, "s%d", i);
    if (format == LEAT_ROWS_TFRECORD)
      put_example(out, (float)i / 2, name, i % 3);
    else if (format == LEAT_ROWS_JSONL)
      leat_buf_fmt(out, "{\"s\": \"%s\", \"x\": [1], \"n\": %g, \"l\": [%s]}\n", name, i / 2.0,
                   i % 3 == 0   ? ""
                   : i % 3 == 1 ? "0"
                                : "0, 1");
    else
      leat_buf_fmt(out, "%g,%s\n", i / 2.0, name);
  }
}

static void describe(leat_buf *out, leat_tensor **t, int columns, int64_t rows) {
  for (int64_t i = 0; i < rows; i++) {
    leat_str s = leat_tensor_str(t[1], i);
    leat_buf_fmt(out, "%g|%.*s", (double)((float *)leat_tensor_data(t[0]))[i], LEAT_STR_ARG(s));
    int64_t width = columns > 2 ? leat_tensor_dims(t[2])[1] : 0;
    for (int64_t k = 0; k < width; k++) {
      int64_t v = ((int64_t *)leat_tensor_data(t[2]))[i * width + k];
      if (v >= 0) leat_buf_fmt(out, "|%lld", (long long)v);
    }
    leat_buf_char(out, ';');
  }
}

static leat_rows *open_rows(leat_rows_options options, leat_error *err) {
  const char *paths[] = {path};
  leat_rows *rows = NULL;
  options.columns = three;
  if (!options.column_count) options.column_count = options.format == LEAT_ROWS_CSV ? 2 : 3;
  return leat_rows_open(&rows, paths, 1, &options, err) ? NULL : rows;
}

static leat_status read_all(leat_rows_options options, int64_t piece, leat_buf *got,
                            leat_error *err) {
  leat_rows *rows = open_rows(options, err);
  leat_tensor *out[3] = {NULL};
  int64_t count = 1;
  leat_status status = rows ? LEAT_OK : err->status;
  while (!status && count) {
    status = leat_rows_read(rows, piece, out, &count, err);
    if (!status && count) describe(got, out, options.format == LEAT_ROWS_CSV ? 2 : 3, count);
    for (int i = 0; i < 3; i++) leat_tensor_unref(out[i]), out[i] = NULL;
  }
  leat_rows_close(rows);
  return status;
}

// --- Tests --------------------------------------------------------------------------------------
static const struct {
  leat_row_format format;
  leat_compression compression;
} kinds[] = {
    {LEAT_ROWS_CSV, LEAT_COMPRESSION_NONE},      {LEAT_ROWS_CSV, LEAT_COMPRESSION_GZIP},
    {LEAT_ROWS_JSONL, LEAT_COMPRESSION_NONE},    {LEAT_ROWS_JSONL, LEAT_COMPRESSION_GZIP},
    {LEAT_ROWS_TFRECORD, LEAT_COMPRESSION_NONE}, {LEAT_ROWS_TFRECORD, LEAT_COMPRESSION_GZIP},
    {LEAT_ROWS_TFRECORD, LEAT_COMPRESSION_ZLIB}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void the_same_rows_from_every_format(void) {
  leat_error err;
  for (size_t k = 0; k < KINDS; k++) {
    leat_buf file = {0}, got = {0};
    make(&file, kinds[k].format, 5);
    put(leat_buf_view(&file), kinds[k].compression);
    CHECK_OK(read_all((leat_rows_options){.format = kinds[k].format}, 2, &got, &err));
    CHECK_STR(got.ptr, kinds[k].format == LEAT_ROWS_CSV ? "0|s0;0.5|s1;1|s2;1.5|s3;2|s4;"
                                                        : "0|s0;0.5|s1|0;1|s2|0|1;1.5|s3;2|s4|0;");
    leat_buf_deinit(&file);
    leat_buf_deinit(&got);
  }
}

// From any position on, the rest is the rest: forward and back, over window borders.
static void positions_are_returned_to(void) {
  enum { ROWS = 90000, PIECE = 4000 };
  leat_error err;
  for (size_t k = 0; k < KINDS; k++) {
    leat_buf file = {0};
    leat_row_position at[ROWS / PIECE + 2];
    make(&file, kinds[k].format, ROWS);
    put(leat_buf_view(&file), kinds[k].compression);
    leat_rows *rows = open_rows((leat_rows_options){.format = kinds[k].format}, &err);
    if (!CHECK_MSG(rows != NULL, "%s", err.message)) return;
    int pieces = 0;
    for (int64_t count = 1; count; pieces++) {
      leat_tensor *out[3] = {NULL};
      at[pieces] = leat_rows_tell(rows);
      CHECK_OK(leat_rows_read(rows, PIECE, out, &count, &err));
      for (int i = 0; i < 3; i++) leat_tensor_unref(out[i]);
    }
    static const int order[] = {7, 2, 20, 0, 21, 3};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
      leat_tensor *out[3] = {NULL};
      int64_t count = 0;
      CHECK_OK(leat_rows_seek(rows, at[order[i]], &err));
      CHECK_OK(leat_rows_read(rows, 10, out, &count, &err));
      float first = count ? *(float *)leat_tensor_data(out[0]) : NAN;
      CHECK_MSG(first == (float)(order[i] * PIECE) / 2, "kind %zu, piece %d: %g", k, order[i],
                (double)first);
      for (int j = 0; j < 3; j++) leat_tensor_unref(out[j]);
    }
    leat_rows_close(rows);
    leat_buf_deinit(&file);
  }
}

static int told;
static void count_told(void *context, const char *message) {
  (void)context;
  told += strstr(message, path) != NULL;
}

static void bad_rows_are_skipped_and_counted(void) {
  static const struct {
    leat_row_format format;
    const char *text, *want;
    int bad;
  } cases[] = {
      {LEAT_ROWS_CSV, "1,a\nx,b\n2,c\n3\n4,d,e\n5,f\n", "1|a;2|c;5|f;", 3},
      {LEAT_ROWS_CSV, "1,\"a\n2,b\n3,c\n", "2|b;3|c;", 1},
      {LEAT_ROWS_CSV, "x,\"two\nlines\"\n2,b", "2|b;", 1},
      {LEAT_ROWS_JSONL, "{\"n\": 1}\n{\"n\": \"x\"}\n\n[]\n{\"n\": 2, \"s\": true}\n{",
       "1|;2|true;", 3},
      {LEAT_ROWS_JSONL, "{\"s\": \"a\"}\n{\"n\": 1, \"n\": 2}\n{\"n\": null, \"s\": 1}", NULL, 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    leat_error err;
    leat_buf got = {0};
    leat_rows_options options = {
        .format = cases[i].format, .max_errors = cases[i].bad, .on_error = count_told};
    told = 0;
    put(leat_str_of(cases[i].text), LEAT_COMPRESSION_NONE);
    CHECK_OK(read_all(options, 2, &got, &err));
    if (cases[i].want) CHECK_STR(got.ptr, cases[i].want);
    CHECK_MSG(told == cases[i].bad, "case %zu: told of %d", i, told);
    options.max_errors--;
    leat_buf_clear(&got);
    CHECK_MSG(read_all(options, 2, &got, &err) == LEAT_INVALID_ARGUMENT, "case %zu", i);
    CHECK_MSG(strstr(err.message, path) != NULL, "case %zu: no place: %s", i, err.message);
    leat_buf_deinit(&got);
  }
}

static void decimal_commas(void) {
  leat_error err;
  leat_buf got = {0};
  setlocale(LC_ALL, "de_DE.UTF-8");  // plays no part, where it is installed
  put(LEAT_STR("-1,5;a\n\"2,25\";b\n3e1;c\n"), LEAT_COMPRESSION_NONE);
  CHECK_OK(read_all((leat_rows_options){.format = LEAT_ROWS_CSV, .decimal = ','}, 9, &got, &err));
  CHECK_STR(got.ptr, "-1.5|a;2.25|b;30|c;");
  put(LEAT_STR("1.5;a\n"), LEAT_COMPRESSION_NONE);
  CHECK(read_all((leat_rows_options){.format = LEAT_ROWS_CSV, .decimal = ','}, 9, &got, &err));
  CHECK_MSG(strstr(err.message, "'1.5' is not a number") != NULL, "%s", err.message);
  setlocale(LC_ALL, "C");
  leat_buf_deinit(&got);
}

static void gzip_members_and_what_follows_them(void) {
  leat_error err;
  leat_buf file = {0}, out = {0};
  leat_deflate(LEAT_STR("1,a\n"), LEAT_COMPRESSION_GZIP, &file, &err);
  leat_deflate(LEAT_STR("2,b\n"), LEAT_COMPRESSION_GZIP, &file, &err);
  leat_buf_add(&file, "\0\0\0", 3);
  CHECK_OK(leat_inflate(leat_buf_view(&file), LEAT_COMPRESSION_AUTO, "x", 100, &out, &err));
  CHECK(leat_str_eq(leat_buf_view(&out), LEAT_STR("1,a\n2,b\n")));
  leat_buf_clear(&out);
  CHECK_OK(leat_file_write(path, leat_buf_view(&file), &err));
  CHECK_OK(read_all((leat_rows_options){.format = LEAT_ROWS_CSV}, 9, &out, &err));
  CHECK_STR(out.ptr, "1|a;2|b;");
  CHECK(leat_inflate(leat_buf_view(&file), LEAT_COMPRESSION_AUTO, "x", 7, &out, &err) ==
        LEAT_RESOURCE_EXHAUSTED);
  leat_buf_c(&file, "junk");
  CHECK(leat_inflate(leat_buf_view(&file), LEAT_COMPRESSION_AUTO, "x", 100, &out, &err) ==
        LEAT_DATA_LOSS);
  CHECK(leat_inflate((leat_str){file.ptr, 10}, LEAT_COMPRESSION_AUTO, "x", 100, &out, &err) ==
        LEAT_DATA_LOSS);
  leat_buf_deinit(&file);
  leat_buf_deinit(&out);
}

// A plain record of 40,056 bytes starts like a zlib stream; its length's checksum tells.
static void a_record_that_looks_like_zlib(void) {
  leat_error err;
  static char bytes[0x9C78];
  leat_buf file = {0};
  leat_tfrecord reader;
  leat_str record;
  leat_tfrecord_add(&file, (leat_str){bytes, sizeof bytes});
  CHECK_OK(leat_tfrecord_memory(&reader, leat_buf_view(&file), "x", LEAT_COMPRESSION_AUTO, &err));
  CHECK_OK(leat_tfrecord_next(&reader, &record, &err));
  CHECK(record.len == sizeof bytes);
  CHECK(leat_tfrecord_next(&reader, &record, &err) == LEAT_OUT_OF_RANGE);
  leat_tfrecord_close(&reader);
  leat_buf_deinit(&file);
}

static void proto_edges(void) {
  static const struct {
    leat_str bytes;
    int fields;
    bool damaged;
  } cases[] = {{{"\x08\x96\x01", 3}, 1, false},
               {{"\x0b\x10\x01\x0c\x10\x02", 6}, 2, false},  // a group, passed over whole
               {{"\x0b\x10\x01\x14", 4}, 0, true},           // ended by another number
               {{"\x00\x01", 2}, 0, true},                   // field 0
               {{"\x0c", 1}, 0, true},                       // an end without a group
               {{"\x0e\x01", 2}, 0, true},
               {{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12}, 0, true},
               {{"\x0a\x05"
                 "ab",
                 4},
                0,
                true},
               {{"\x0d\x01\x02", 3}, 0, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    leat_proto p = {cases[i].bytes, false};
    leat_proto_field f;
    int fields = 0;
    while (leat_proto_next(&p, &f)) fields++;
    CHECK_MSG(fields == cases[i].fields && p.damaged == cases[i].damaged, "case %zu: %d fields", i,
              fields);
  }
}

// --- Lack of memory -----------------------------------------------------------------------------
static int64_t countdown;
static bool fail_nth(size_t bytes) {
  (void)bytes;
  return countdown-- != 0;
}

static leat_status rows_of(size_t kind) {
  leat_error err = {0};
  leat_buf got = {.max = 1 << 16};
  leat_status status = read_all((leat_rows_options){.format = kinds[kind].format}, 3, &got, &err);
  if (!status) status = leat_buf_status(&got, &err);
  leat_buf_deinit(&got);
  return status;
}

static leat_status arrays(void) {
  static const char npy[] =
      "\x93NUMPY\1\0\x38\0{'descr': '<f4', 'fortran_order': True, "
      "'shape': (2, 1)}\0\0\0\0\0\0\0\0";
  leat_error err;
  leat_arrays a;
  leat_str bytes = {npy, sizeof npy - 1};
  leat_status status = leat_arrays_parse(&a, bytes, "x", &err);
  if (!status) leat_arrays_deinit(&a);
  return status;
}

static leat_status events(void) {
  static const char event[] = "\x10\x05*\x0e\n\x0c\n\x01t\x15\0\0\x80?J\x02\x1a\x00";
  leat_error err;
  leat_event_log log = {0};
  leat_status status = leat_event_log_add(&log, (leat_str){event, sizeof event - 1}, &err);
  if (!status) CHECK(log.events.count == 1 && log.events.at[0].scalar == 1.0f);
  leat_event_log_deinit(&log);
  return status;
}

static void every_allocation_may_fail(void) {
  for (size_t k = 0; k < KINDS + 2; k++) {
    leat_buf file = {0};
    if (k < KINDS) {
      make(&file, kinds[k].format, 10);
      put(leat_buf_view(&file), kinds[k].compression);
    }
    int64_t n = 0;
    for (; n < 10000; n++) {
      countdown = n;
      leat__alloc_hook = fail_nth;
      leat_status status = k < KINDS ? rows_of(k) : k == KINDS ? arrays() : events();
      leat__alloc_hook = NULL;
      if (countdown >= 0) {  // it went through
        CHECK_MSG(!status, "work %zu fails by itself: %s", k, leat_status_name(status));
        break;
      }
      CHECK_MSG(status, "work %zu: allocation %lld failed and nobody said so", k, (long long)n);
    }
    CHECK_MSG(n > 0, "work %zu allocates %lld times", k, (long long)n);
    leat_buf_deinit(&file);
  }
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"the_same_rows_from_every_format", the_same_rows_from_every_format},
      {"positions_are_returned_to", positions_are_returned_to},
      {"bad_rows_are_skipped_and_counted", bad_rows_are_skipped_and_counted},
      {"decimal_commas", decimal_commas},
      {"gzip_members_and_what_follows_them", gzip_members_and_what_follows_them},
      {"a_record_that_looks_like_zlib", a_record_that_looks_like_zlib},
      {"proto_edges", proto_edges},
      {"every_allocation_may_fail", every_allocation_may_fail},
  };
  snprintf(path, sizeof path, "/tmp/leat-rows-%d", (int)getpid());
  int code = test_main(argc, argv, tests, sizeof tests / sizeof *tests);
  unlink(path);
  return code;
}
