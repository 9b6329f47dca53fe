// Looking at data: dates, accumulators, column statistics, schemas, anomalies, drift.
// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include "base/file.h"
#include "features/drift.h"
#include "features/schema.h"

#include <math.h>
#include <unistd.h>

static leat_error err;
static uint64_t state = 7;
static uint64_t draw(void) {
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}
static double uniform(void) { return (double)(draw() >> 11) * 0x1p-53; }

// --- Dates --------------------------------------------------------------------------------------
static void dates_are_read(void) {
  static const struct {
    const char *text;
    leat_date_order order;
    double days;
  } good[] = {{"1970-01-01", LEAT_DATE_YMD, 0},
              {"1969-12-31", LEAT_DATE_YMD, -1},
              {"2000-02-29", LEAT_DATE_DMY, 11016},
              {"2021/5/3", LEAT_DATE_YMD, 18750},
              {"03.05.2021", LEAT_DATE_DMY, 18750},
              {"05/03/2021", LEAT_DATE_MDY, 18750},
              {"3-May-2021", LEAT_DATE_YMD, 18750},
              {"May 3, 2021", LEAT_DATE_MDY, 18750},
              {"2021-05-03T12:00:00Z", LEAT_DATE_YMD, 18750.5},
              {"2021-05-03 12:00", LEAT_DATE_YMD, 18750.5},
              {"2021-05-03T12:00:00+12:00", LEAT_DATE_YMD, 18750}};
  static const char *const wrong[] = {"2021-02-29",
                                      "2021-13-01",
                                      "2021-00-10",
                                      "12345678",
                                      "2021-05-03x",
                                      "20210503",
                                      "2021-05/03",
                                      "21-05-03",
                                      "2021-05-03 25:00",
                                      "may may 2021",
                                      ""};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    double days = NAN;
    bool read = leat_parse_date(leat_str_of(good[i].text), good[i].order, &days);
    CHECK_MSG(read && days == good[i].days, "%s: %d %g", good[i].text, read, days);
  }
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    for (int order = 0; order < LEAT_DATE_ORDERS; order++) {
      double days;
      CHECK_MSG(!leat_parse_date(leat_str_of(wrong[i]), (leat_date_order)order, &days), "%s as %s",
                wrong[i], leat_date_order_names[order]);
    }
}

static void dates_round_trip(void) {
  for (int i = -800000; i < 800000; i += 77) {
    leat_buf text = {0};
    double back = NAN, days = i + (i % 3 ? 0.25 : 0);
    leat_format_date(days, &text);
    bool read = leat_parse_date(leat_buf_view(&text), LEAT_DATE_YMD, &back);
    if (i > -719000) CHECK_MSG(read && back == days, "%s: %g, not %g", text.ptr, back, days);
    leat_buf_deinit(&text);
  }
  CHECK(leat_date_part_of(18750.5, LEAT_DATE_YEAR) == 2021);
  CHECK(leat_date_part_of(18750.5, LEAT_DATE_MONTH) == 5);
  CHECK(leat_date_part_of(18750.5, LEAT_DATE_DAY) == 3);
  CHECK(leat_date_part_of(18750.5, LEAT_DATE_WEEKDAY) == 0);  // a Monday
  CHECK(leat_date_part_of(18750.5, LEAT_DATE_HOUR) == 12);
  CHECK(isnan(leat_date_part_of(NAN, LEAT_DATE_MONTH)));
}

// --- Accumulators -------------------------------------------------------------------------------
static void moments_in_blocks_and_times(void) {
  leat_moments one = {0}, many = {0}, times = {0};
  double values[1000];
  for (int i = 0; i < 1000; i++) {
    values[i] = i % 50 == 7 ? NAN : floor(uniform() * 20) - 5;
    leat_moments_add(&one, values[i]);
  }
  for (int i = 0; i < 1000; i += 250) leat_moments_add_many(&many, values + i, 250);
  for (int v = -5; v < 15; v++) {
    int64_t count = 0;
    for (int i = 0; i < 1000; i++) count += values[i] == v;
    leat_moments_add_times(&times, v, count);
  }
  CHECK(one.count == 980 && many.count == 980 && times.count == 980);
  CHECK(one.missing == 20 && many.missing == 20);
  CHECK(fabs(one.mean - many.mean) < 1e-12 && fabs(one.mean - times.mean) < 1e-12);
  CHECK(fabs(one.squares / many.squares - 1) < 1e-12 &&
        fabs(one.squares / times.squares - 1) < 1e-12);
  CHECK(one.least == times.least && one.greatest == many.greatest);
}

static void quantiles_stay_close(void) {
  leat_quantiles q = {{{0}}}, weighed = {{{0}}};
  const double fractions[] = {0.01, 0.25, 0.5, 0.75, 0.99};
  double got[5];
  for (int i = 0; i < 1000000; i++) CHECK_OK(leat_quantiles_add(&q, uniform() - 0.5, &err));
  CHECK_OK(leat_quantiles_read(&q, fractions, 5, got, &err));
  for (int i = 0; i < 5; i++)
    CHECK_MSG(fabs(got[i] + 0.5 - fractions[i]) < 0.005, "%g: %g", fractions[i], got[i]);
  for (int i = 0; i < 20000; i++)
    CHECK_OK(leat_quantiles_add_times(&weighed, i, 1 + i % 1000, &err));
  CHECK(weighed.count == 20 * 500500.0);
  const double half = 0.5;
  CHECK_OK(leat_quantiles_read(&weighed, &half, 1, got, &err));
  CHECK_MSG(fabs(got[0] - 10000) < 250, "%g", got[0]);
  double edges[] = {0, 10000, 20000}, bins[2];
  leat_quantiles_bins(&weighed, edges, 2, bins);
  CHECK(fabs(bins[0] / 5005000 - 1) < 0.02 && bins[0] + bins[1] == weighed.count);
  leat_quantiles_deinit(&q);
  leat_quantiles_deinit(&weighed);
}

static void distinct_is_near(void) {
  static leat_distinct d, other;
  for (int sizes[] = {10, 1000, 100000, 3000000}, i = 0; i < 4; i++) {
    memset(&d, 0, sizeof d);
    memset(&other, 0, sizeof other);
    for (int k = 0; k < sizes[i]; k++) {
      char text[16];
      int n = snprintf(text, sizeof text, "%x", k * 7);
      leat_distinct_add(k % 2 ? &d : &other, (leat_str){text, (size_t)n});
    }
    leat_distinct_merge(&d, &other);
    CHECK_MSG(fabs(leat_distinct_read(&d) / sizes[i] - 1) < 0.06, "%d: %g", sizes[i],
              leat_distinct_read(&d));
  }
}

// --- Columns ------------------------------------------------------------------------------------
static void add_words(leat_column_stats *c, const char *const *words, int count) {
  for (int i = 0; i < count; i++) CHECK_OK(leat_column_stats_add(c, leat_str_of(words[i]), &err));
}

static void types_are_inferred(void) {
  static const struct {
    const char *words[6];
    leat_column_type type;
    int wrong, missing;
  } cases[] = {{{"1", "2", "-3", "", "NA", "5"}, LEAT_COLUMN_INT, 0, 2},
               {{"1", "2.5", "3e2", "?", "7", "8"}, LEAT_COLUMN_FLOAT, 0, 1},
               {{"01234", "90210", "10001", "02139", "33333", "1"}, LEAT_COLUMN_STRING, 0, 0},
               {{"2021-05-03", "2021-05-04", "", "2021-05-05 10:00", "null", "2021-01-01"},
                LEAT_COLUMN_DATE,
                0,
                2},
               {{"13/01/2020", "02/03/2020", "25/12/2019", "01/01/2020", "x", "x"},
                LEAT_COLUMN_STRING,
                0,
                0},
               {{"a", "b", "1", "2", "c", "-"}, LEAT_COLUMN_STRING, 0, 1},
               {{"", "NA", "?", "", "", ""}, LEAT_COLUMN_EMPTY, 0, 6}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    leat_column_stats c = {.rows = 0};
    add_words(&c, cases[i].words, 6);
    CHECK_OK(leat_column_stats_finish(&c, &err));
    CHECK_MSG(c.type == cases[i].type && c.wrong == cases[i].wrong &&
                  c.kinds[LEAT_TEXT_MISSING] == cases[i].missing,
              "case %zu: %s, %d wrong", i, leat_column_type_names[c.type], (int)c.wrong);
    leat_column_stats_deinit(&c);
  }
  leat_column_stats dates = {.rows = 0}, numbers = {.rows = 0};
  for (int i = 0; i < 39; i++)
    add_words(&dates, (const char *[]){i % 2 ? "13/01/2020" : "02/03/2020"}, 1);
  for (int i = 0; i < 39; i++) add_words(&numbers, (const char *[]){"5"}, 1);
  add_words(&dates, (const char *[]){"soon"}, 1);
  add_words(&numbers, (const char *[]){"many"}, 1);
  CHECK_OK(leat_column_stats_finish(&dates, &err));
  CHECK_OK(leat_column_stats_finish(&numbers, &err));
  CHECK(dates.type == LEAT_COLUMN_DATE && dates.order == LEAT_DATE_DMY && dates.wrong == 1);
  CHECK(numbers.type == LEAT_COLUMN_INT && numbers.wrong == 1);
  leat_column_stats_deinit(&dates);
  leat_column_stats_deinit(&numbers);
}

// The same values in one column, in two that are merged, and with too little memory to stay exact.
static void merging_and_streaming_agree(void) {
  leat_column_stats whole = {.budget = 8 << 20}, left = {.budget = 8 << 20},
                    right = {.budget = 8 << 20}, small = {.budget = 4096}, part = {.budget = 4096};
  for (int i = 0; i < 30000; i++) {
    char text[64] = {0};
    int n = i % 10 == 3 ? 0 : snprintf(text, sizeof text, "%.3f", uniform() * 50 - 10);
    leat_str s = {text, (size_t)n};
    CHECK_OK(leat_column_stats_add(&whole, s, &err));
    CHECK_OK(leat_column_stats_add(i < 9000 ? &left : &right, s, &err));
    CHECK_OK(leat_column_stats_add(i < 9000 ? &small : &part, s, &err));
  }
  CHECK_OK(leat_column_stats_merge(&left, &right, &err));
  CHECK_OK(leat_column_stats_merge(&small, &part, &err));
  CHECK_OK(leat_column_stats_finish(&whole, &err));
  CHECK_OK(leat_column_stats_finish(&left, &err));
  CHECK_OK(leat_column_stats_finish(&small, &err));
  CHECK(!whole.streaming && !left.streaming && small.streaming);
  CHECK(whole.distinct == left.distinct && fabs(small.distinct / whole.distinct - 1) < 0.06);
  const leat_column_stats *others[] = {&left, &small};
  for (int i = 0; i < 2; i++) {
    const leat_column_stats *o = others[i];
    CHECK(o->type == LEAT_COLUMN_FLOAT && o->rows == 30000 && o->kinds[LEAT_TEXT_MISSING] == 3000);
    CHECK(o->numbers.count == 27000 && o->numbers.least == whole.numbers.least &&
          o->numbers.greatest == whole.numbers.greatest);
    CHECK(fabs(o->numbers.mean - whole.numbers.mean) < 1e-9);
    CHECK(fabs(leat_moments_stddev(&o->numbers) - leat_moments_stddev(&whole.numbers)) < 1e-9);
    CHECK(o->negative == whole.negative && o->zeros == whole.zeros);
  }
  leat_column_stats_deinit(&whole);
  leat_column_stats_deinit(&left);
  leat_column_stats_deinit(&small);
}

// Frequent words stay when thousands of others come once.
static void frequent_words_survive(void) {
  leat_column_stats c = {.budget = 64 << 10};
  for (int i = 0; i < 60000; i++) {
    char text[48] = {0};
    int n = snprintf(text, sizeof text, i % 3 ? "word%d" : "id-%d", i % 3 ? i % 5 : i);
    CHECK_OK(leat_column_stats_add(&c, (leat_str){text, (size_t)n}, &err));
  }
  CHECK_OK(leat_column_stats_finish(&c, &err));
  leat_word_counts top = {0};
  CHECK_OK(leat_counts_read(&c.words, 5, 0, true, &top, &err));
  CHECK(c.streaming && top.count == 5);
  for (size_t i = 0; i < top.count; i++)
    CHECK(leat_str_starts(top.at[i].word, LEAT_STR("word")) &&
          top.at[i].count >= 8000 - c.words.forgotten && top.at[i].count <= 8000);
  leat_vec_deinit(&top);
  leat_column_stats_deinit(&c);
}

// --- Tables -------------------------------------------------------------------------------------
static char path[64];
static const char *const paths[] = {path};
static void write_file(const char *text) {
  snprintf(path, sizeof path, "/tmp/leat-data-%d.csv", (int)getpid());
  CHECK_OK(leat_file_write(path, leat_str_of(text), &err));
}

static void tables_are_understood(void) {
  static const struct {
    const char *text;
    char delimiter;
    bool header;
    const char *first;
    int columns, rows;
  } cases[] = {{"a,b\n1,x\n2,y\n", ',', true, "a", 2, 2},
               {"1,x\n2,y\n", ',', false, "column_1", 2, 2},
               {"\xEF\xBB\xBFname;price\r\nx;\"1,5\"\r\ny;2\r\n", ';', true, "name", 2, 2},
               {"a\tb c\n1\t2\n", '\t', true, "a", 2, 1},
               {"yes,no\nno,yes\nyes,no\n", ',', false, "column_1", 2, 3},
               {"x, y\n1, \"a, \"\"b\"\"\"\n2, c\n", ',', true, "x", 2, 2}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    leat_statistics s;
    leat_statistics_options o = {.covariance = false};
    write_file(cases[i].text);
    if (!CHECK_OK(leat_statistics_of(&s, paths, 1, &o, &err))) continue;
    CHECK_MSG(s.table.delimiter == cases[i].delimiter && s.table.header == cases[i].header &&
                  (int)s.table.names.count == cases[i].columns && s.rows == cases[i].rows &&
                  !s.ragged && leat_str_eq(s.table.names.at[0], leat_str_of(cases[i].first)),
              "case %zu: '%c' header %d, %zu columns, %d rows", i, s.table.delimiter,
              s.table.header, s.table.names.count, (int)s.rows);
    leat_statistics_deinit(&s);
  }
  unlink(path);
}

static void covariance_of_columns(void) {
  leat_statistics s;
  leat_statistics_options o = {.covariance = true};
  write_file("x,name,y\n1,a,2\n2,b,4\n3,c,6\n4,d,\n");
  CHECK_OK(leat_statistics_of(&s, paths, 1, &o, &err));
  double matrix[4], values[2], vectors[4];
  CHECK(s.covariance.size == 2 && s.covariance.count == 3 && s.numeric[1] == 2);
  leat_covariance_read(&s.covariance, matrix);
  CHECK(fabs(matrix[0] - 2 / 3.0) < 1e-12 && fabs(matrix[1] - 4 / 3.0) < 1e-12);
  CHECK_OK(leat_covariance_pca(&s.covariance, values, vectors, &err));
  CHECK(fabs(values[0] - 10 / 3.0) < 1e-12 && fabs(values[1]) < 1e-12);
  leat_statistics_deinit(&s);
  unlink(path);
}

static leat_status schema_of(leat_schema *schema, const char *text) {
  leat_statistics s;
  leat_statistics_options o = {.covariance = false};
  write_file(text);
  leat_status status = leat_statistics_of(&s, paths, 1, &o, &err);
  if (status) return status;
  status = leat_schema_infer(schema, &s, 0, &err);
  leat_statistics_deinit(&s);
  return status;
}

static const char *const good_table =
    "age,job,when,note\n30,cook,2020-01-01,a b\n40,smith,2020-02-01,c d\n50,cook,2020-03-01,\n"
    "35,smith,2020-01-15,e f\n";

static void schemas_round_trip(void) {
  leat_schema schema, back;
  CHECK_OK(schema_of(&schema, good_table));
  for (int json = 0; json < 2; json++) {
    leat_buf text = {0}, again = {0};
    CHECK_OK(leat_schema_write(&schema, json, &text, &err));
    CHECK_OK(leat_file_write(path, leat_buf_view(&text), &err));
    if (CHECK_OK(leat_schema_read(&back, path, &err))) {
      CHECK_OK(leat_schema_write(&back, json, &again, &err));
      CHECK_STR(again.ptr, text.ptr);
      leat_schema_deinit(&back);
    }
    leat_buf_deinit(&text);
    leat_buf_deinit(&again);
  }
  CHECK(schema.columns.at[1].values.count == 2 && schema.columns.at[3].presence == 0.7);
  leat_schema_deinit(&schema);
  static const char *const wrong[] = {"columns: 3", "columns: {a: {typ: int}}",
                                      "columns: {a: {type: number}}", "columns: {a: {presence: 2}}",
                                      "csv: {headr: true}\ncolumns: {}"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK_OK(leat_file_write(path, leat_str_of(wrong[i]), &err));
    CHECK_MSG(leat_schema_read(&back, path, &err) == LEAT_INVALID_ARGUMENT, "%s", wrong[i]);
    CHECK_MSG(strstr(err.message, ".csv:1:"), "%s", err.message);
  }
  unlink(path);
}

static const leat_anomaly *find_anomaly(const leat_anomalies *a, leat_anomaly_kind kind) {
  for (size_t i = 0; i < a->list.count; i++)
    if (a->list.at[i].kind == kind) return &a->list.at[i];
  return NULL;
}

static void anomalies_have_places(void) {
  leat_schema schema;
  leat_anomalies found;
  CHECK_OK(schema_of(&schema, good_table));
  CHECK_OK(leat_schema_validate(&schema, paths, 1, &found, &err));
  CHECK(found.rows == 4 && found.list.count == 0);
  leat_anomalies_deinit(&found);
  write_file(
      "job,age,extra,when\ncook,60,1,2020-01-02\nbaker,x,1,2020-01-02\n,31,1,2020-13-01\ncook,"
      "31\n");
  CHECK_OK(leat_schema_validate(&schema, paths, 1, &found, &err));
  static const struct {
    leat_anomaly_kind kind;
    const char *column;
    int line, field, count;
  } expected[] = {
      {LEAT_ANOMALY_MISSING_COLUMN, "note", 0, 0, 0}, {LEAT_ANOMALY_NEW_COLUMN, "extra", 0, 0, 0},
      {LEAT_ANOMALY_RAGGED_ROW, "", 5, 0, 1},         {LEAT_ANOMALY_OUT_OF_RANGE, "age", 2, 2, 1},
      {LEAT_ANOMALY_WRONG_TYPE, "age", 3, 2, 1},      {LEAT_ANOMALY_UNKNOWN_VALUE, "job", 3, 1, 1},
      {LEAT_ANOMALY_MISSING_VALUE, "job", 4, 1, 1}};
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
    const leat_anomaly *a = find_anomaly(&found, expected[i].kind);
    CHECK_MSG(a && leat_str_eq(a->column, leat_str_of(expected[i].column)) &&
                  a->line == expected[i].line && a->field == expected[i].field &&
                  a->count == expected[i].count,
              "%s: line %d field %d count %d", leat_anomaly_names[expected[i].kind],
              a ? (int)a->line : -1, a ? a->field : -1, a ? (int)a->count : -1);
  }
  leat_anomalies_deinit(&found);
  leat_schema_deinit(&schema);
  unlink(path);
}

// --- Drift --------------------------------------------------------------------------------------
static void statistics_of_columns(leat_statistics *s, double mean, int share) {
  leat_buf text = {0};
  leat_statistics_options o = {.covariance = false};
  leat_buf_c(&text, "x,c\n");
  for (int i = 0; i < 4000; i++)
    leat_buf_fmt(&text, "%.6f,%s\n", mean + uniform() + uniform() + uniform(),
                 i % 100 < share ? "a" : "b");
  write_file(text.ptr);
  CHECK_OK(leat_statistics_of(s, paths, 1, &o, &err));
  leat_buf_deinit(&text);
  unlink(path);
}

static void drift_is_measured(void) {
  leat_statistics a, b, c;
  leat_drifts drifts = {0};
  leat_drift_options o = {0};
  statistics_of_columns(&a, 0, 30);
  statistics_of_columns(&b, 0, 30);
  statistics_of_columns(&c, 9, 42);
  CHECK_OK(leat_drift_between(&a, &b, &o, &drifts, &err));
  CHECK(drifts.count == 2 && !drifts.at[0].over && !drifts.at[1].over &&
        drifts.at[0].distance < 0.005);
  drifts.count = 0;
  CHECK_OK(leat_drift_between(&a, &c, &o, &drifts, &err));
  CHECK_MSG(
      drifts.at[0].measure == LEAT_DRIFT_JENSEN_SHANNON && fabs(drifts.at[0].distance - 1) < 1e-9,
      "%g", drifts.at[0].distance);
  CHECK_MSG(
      drifts.at[1].measure == LEAT_DRIFT_L_INFINITY && fabs(drifts.at[1].distance - 0.12) < 1e-12,
      "%g", drifts.at[1].distance);
  leat_vec_deinit(&drifts);
  leat_statistics_deinit(&a);
  leat_statistics_deinit(&b);
  leat_statistics_deinit(&c);
}

// --- Lack of memory -----------------------------------------------------------------------------
static int64_t allocations;
static bool fail_nth(size_t bytes) {
  (void)bytes;
  return --allocations != 0;
}

static leat_status look_once(void) {
  leat_statistics s;
  leat_schema schema = {0};
  leat_anomalies found;
  leat_drifts drifts = {0};
  leat_buf text = {0};
  leat_statistics_options o = {.covariance = true};
  leat_drift_options d = {0};
  leat_status status = leat_statistics_of(&s, paths, 1, &o, &err);
  if (status) return status;
  status = leat_schema_infer(&schema, &s, 0, &err);
  if (!status) {
    status = leat_schema_write(&schema, true, &text, &err);
    if (!status) status = leat_schema_validate(&schema, paths, 1, &found, &err);
    if (!status) leat_anomalies_deinit(&found);
    leat_schema_deinit(&schema);
  }
  if (!status) status = leat_drift_between(&s, &s, &d, &drifts, &err);
  leat_vec_deinit(&drifts);
  leat_buf_deinit(&text);
  leat_statistics_deinit(&s);
  return status;
}

static void every_allocation_fails(void) {
  write_file(good_table);
  int n = 1, failures = 0;
  for (;; n++) {
    allocations = n;
    leat__alloc_hook = fail_nth;
    leat_status status = look_once();
    leat__alloc_hook = NULL;
    if (allocations > 0) {
      CHECK_OK(status);
      break;
    }
    failures += status == LEAT_RESOURCE_EXHAUSTED;
    CHECK_MSG(status == LEAT_OK || status == LEAT_RESOURCE_EXHAUSTED, "allocation %d: %s", n,
              leat_status_name(status));
    if (n > 10000) break;
  }
  CHECK_MSG(failures > 30 && n < 10000, "%d of %d", failures, n);
  unlink(path);
}

int main(int argc, char **argv) {
  static const test tests[] = {{"dates_are_read", dates_are_read},
                               {"dates_round_trip", dates_round_trip},
                               {"moments_in_blocks_and_times", moments_in_blocks_and_times},
                               {"quantiles_stay_close", quantiles_stay_close},
                               {"distinct_is_near", distinct_is_near},
                               {"types_are_inferred", types_are_inferred},
                               {"merging_and_streaming_agree", merging_and_streaming_agree},
                               {"frequent_words_survive", frequent_words_survive},
                               {"tables_are_understood", tables_are_understood},
                               {"covariance_of_columns", covariance_of_columns},
                               {"schemas_round_trip", schemas_round_trip},
                               {"anomalies_have_places", anomalies_have_places},
                               {"drift_is_measured", drift_is_measured},
                               {"every_allocation_fails", every_allocation_fails}};
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
