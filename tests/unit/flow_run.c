// Tests of flow/run: pipelines of Create, windows and groupings; what is wrong is named.
// SPDX-License-Identifier: Apache-2.0
#include "flow/collect.h"
#include "flow/row_text.h"
#include "leat/flow.h"
#include "test.h"

// All rows that a Collect got, sorted, with ; between.
static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *collected(leat_flow *flow, const char *name) {
  size_t count, lines = 0;
  const leat_flow_batch *const *all = leat_flow_collected(flow, name, &count);
  char *line[4096];
  leat_buf text = {0}, out = {0};
  for (size_t b = 0; b < count; b++)
    for (int i = 0; i < all[b]->rows && lines < 4096; i++) {
      leat_buf_clear(&text);
      leat_flow_row_text(all[b], i, &text);
      line[lines++] = strdup(text.ptr ? text.ptr : "");
    }
  if (lines) qsort(line, lines, sizeof *line, by_text);
  for (size_t i = 0; i < lines; i++) {
    leat_buf_fmt(&out, "%s%s", i ? "; " : "", line[i]);
    free(line[i]);
  }
  leat_buf_deinit(&text);
  leat_buf_char(&out, 0);
  return out.ptr;
}

static leat_flow_pcollection apply(leat_flow *flow, const char *name, const char *type,
                                   const char *config, const leat_flow_pcollection *in) {
  leat_flow_pcollection out = {-1};
  leat_error err = {0};
  leat_status status = leat_flow_apply(flow, name, type, config, in, in ? 1 : 0, &out, &err);
  CHECK_MSG(!status, "%s", err.message);
  return out;
}

static const char rows[] =
    "{elements: [{k: a, n: 1, x: 0.5}, {k: b, n: 2, x: 1e20}, {k: a, n: 3, x: -0.25},"
    " {k: c, n: null, x: 4.0}, {k: b, n: 5, x: -1e20}, {k: b, n: 6, x: 1.5}]}";

static void check_combine(int threads) {
  leat_error err = {0};
  leat_flow *flow;
  CHECK_OK(leat_flow_new(&flow, &err));
  leat_flow_pcollection in = apply(flow, "Rows", "Create", rows, NULL);
  leat_flow_pcollection sums = apply(flow, "Sums", "Combine",
                                     "group_by: k\n"
                                     "combine:\n"
                                     "  total: {value: n, fn: sum}\n"
                                     "  x: sum\n"
                                     "  rows: count\n"
                                     "  least: {value: x, fn: min}\n"
                                     "  mean: {value: n, fn: mean}\n"
                                     "  all: {value: n, fn: group}\n",
                                     &in);
  CHECK(!strcmp(leat_flow_schema_text(flow, sums),
                "{k: string, total: int64?, x: double, rows: int64, least: double, mean: double?, "
                "all: [int64?]}"));
  apply(flow, "Out", "Collect", NULL, &sums);
  leat_flow_pcollection grouped = apply(flow, "Groups", "GroupByKey", "group_by: [k]", &in);
  apply(flow, "Grouped", "Collect", NULL, &grouped);
  leat_flow_pcollection all = apply(flow, "All", "Combine", "combine: {n: max, count: count}", &in);
  apply(flow, "OutAll", "Collect", NULL, &all);
  CHECK_OK(leat_flow_run(flow, &(leat_flow_options){.threads = threads}, &err));
  char *text = collected(flow, "Out"), *groups = collected(flow, "Grouped"),
       *one = collected(flow, "OutAll");
  CHECK_MSG(!strcmp(text,
                    "k=a total=4 x=0.25 rows=2 least=-0.25 mean=2.0 all=[1, 3]; "
                    "k=b total=13 x=1.5 rows=3 least=-1e+20 mean=4.333333333333333 "
                    "all=[2, 5, 6]; k=c total=null x=4.0 rows=1 least=4.0 mean=null "
                    "all=[null]"),
            "%s", text);
  CHECK_MSG(!strcmp(groups,
                    "k=a values=[{\"n\": 1, \"x\": 0.5}, {\"n\": 3, \"x\": -0.25}]; "
                    "k=b values=[{\"n\": 2, \"x\": 1e+20}, {\"n\": 5, \"x\": -1e+20}, "
                    "{\"n\": 6, \"x\": 1.5}]; k=c values=[{\"n\": null, \"x\": 4.0}]"),
            "%s", groups);
  CHECK_MSG(!strcmp(one, "n=6 count=6"), "%s", one);
  free(text), free(groups), free(one);
  CHECK(leat_flow_run(flow, NULL, &err) == LEAT_FAILED_PRECONDITION);
  leat_flow_free(flow);
}

static void rows_are_combined_by_key(void) {
  check_combine(1);
  check_combine(2);
  check_combine(5);
}

static void fails(const char *type, const char *config, bool input, const char *says) {
  leat_error err = {0};
  leat_flow *flow;
  CHECK_OK(leat_flow_new(&flow, &err));
  leat_flow_pcollection in = apply(flow, "Rows", "Create", rows, NULL);
  leat_status status = leat_flow_apply(flow, "It", type, config, &in, input, NULL, &err);
  CHECK_MSG(status && strstr(err.message, says), "%s", status ? err.message : "no error");
  leat_flow_free(flow);
}

static void what_is_wrong_is_named(void) {
  fails("Combin", "{}", true, "no transform 'Combin'; did you mean Combine?");
  fails("Combine", "group_by: key\ncombine: {n: sum}", true, "no field 'key'");
  fails("Combine", "group_by: k\ncombine: {n: summ}", true,
        "It:2:14: It (Combine): no function 'summ'; did you mean sum?");
  fails("Combine", "group_by: k\ncombine: {k: sum}", true, "no sum of string");
  fails("Combine", "groupby: k", true, "did you mean 'group_by'?");
  fails("Combine", "combine: {n: sum}", false, "0 inputs, expected 1");
  fails("Create", "elements: [{a: 1}, {a: x}]", false, "field 'a' is string here and int64 before");
  fails("WindowInto", "windowing: {type: fixed}", true, "these windows want a size");
  fails("WindowInto", "windowing: {type: fixed, size: ten}", true, "expected a duration");
  fails("WindowInto", "windowing: {type: fixd, size: 10s}", true,
        "expected one of global|fixed|sliding|sessions");
  fails("WindowInto", "windowing: {type: global, trigger: {after_cuont: 3}}", true,
        "no trigger 'after_cuont'; did you mean after_count?");
  fails("WindowInto", "windowing: {type: global, trigger: {after_count: 0}}", true,
        "AfterCount: 0, expected more than 0");
  fails("WindowInto", "windowing: {type: global, accumulation_mode: retracting}", true,
        "retracting panes are not there");
}

// A sink that was refused is there without a path; others are compared with it.
static void a_refused_sink_is_passed_over(void) {
  leat_error err = {0};
  leat_flow *flow;
  CHECK_OK(leat_flow_new(&flow, &err));
  leat_flow_pcollection in = apply(flow, "Rows", "Create", rows, NULL);
  CHECK(leat_flow_apply(flow, "No", "WriteToJson", "{}", &in, 1, NULL, &err));
  CHECK_OK(leat_flow_apply(flow, "One", "WriteToJson", "{path: x.json}", &in, 1, NULL, &err));
  CHECK(leat_flow_apply(flow, "Two", "WriteToCsv", "{path: x.json}", &in, 1, NULL, &err));
  CHECK_MSG(strstr(err.message, "'One' writes to that file already"), "%s", err.message);
  leat_flow_free(flow);
}

static void windows_are_read(void) {
  leat_error err = {0};
  leat_flow *flow;
  CHECK_OK(leat_flow_new(&flow, &err));
  leat_flow_pcollection in = apply(flow, "Rows", "Create", rows, NULL);
  leat_flow_pcollection w = apply(
      flow, "Windows", "WindowInto",
      "windowing:\n"
      "  type: sliding\n"
      "  size: 1m\n"
      "  period: 10s\n"
      "  offset: 500ms\n"
      "  allowed_lateness: 1h\n"
      "  accumulation_mode: accumulating\n"
      "  timestamp_combiner: earliest\n"
      "  trigger: {after_watermark: {early: {after_processing_time: {delay: 2, align_to: 1m}},"
      " late: {repeatedly: {after_any: [{after_count: 3}, never]}}}}\n",
      &in);
  const leat_flow_strategy *s = flow->collections.at[w.id]->strategy;
  CHECK(s->window.kind == LEAT_FLOW_SLIDING && s->window.size_ms == 60000 &&
        s->window.period_ms == 10000 && s->window.offset_ms == 500);
  CHECK(s->lateness_ms == 3600000 && s->accumulating && s->combiner == LEAT_FLOW_EARLIEST);
  CHECK(s->trigger->kind == LEAT_FLOW_AFTER_WATERMARK);
  CHECK(s->trigger->parts[0]->delay_ms == 2000 && s->trigger->parts[0]->align_ms == 60000);
  CHECK(s->trigger->parts[1]->parts[0]->parts[0]->count == 3);
  leat_flow_free(flow);
}

static int allowed;
static bool count_down(size_t bytes) { return (void)bytes, allowed-- > 0; }

static leat_status whole_life(const char *windowing, const char *combine, leat_error *err) {
  leat_flow *flow = NULL;
  leat_flow_pcollection in, windows, out;
  leat_status status = leat_flow_new(&flow, err);
  if (!status) status = leat_flow_apply(flow, "Rows", "Create", rows, NULL, 0, &in, err);
  if (!status) status = leat_flow_apply(flow, "In", "WindowInto", windowing, &in, 1, &windows, err);
  if (!status) status = leat_flow_apply(flow, "Sums", "Combine", combine, &windows, 1, &out, err);
  if (!status) status = leat_flow_apply(flow, "Out", "Collect", NULL, &out, 1, NULL, err);
  if (!status) status = leat_flow_run(flow, &(leat_flow_options){.threads = 1}, err);
  return leat_flow_free(flow), status;
}

static void memory_that_ends_is_an_error(void) {
  static const char *const windows[] = {
      "windowing: {type: global}", "windowing: {type: sessions, gap: 10s}",
      "windowing: {type: sliding, size: 20s, period: 10s}",
      "windowing: {type: fixed, size: 10s, trigger: {after_watermark: {late: always}}}"};
  static const char *const combines[] = {"{group_by: k, combine: {x: sum, n: max}}",
                                         "{group_by: [k, n], combine: {n: count}}"};
  for (int i = 0; i < 8; i++) {
    leat_status status = LEAT_RESOURCE_EXHAUSTED;
    leat_error err;
    for (int n = 0; status == LEAT_RESOURCE_EXHAUSTED; n++) {
      leat__alloc_hook = count_down;
      allowed = n;
      status = whole_life(windows[i % 4], combines[i / 4], &err);
      leat__alloc_hook = NULL;
    }
    CHECK_OK(status);
  }
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"rows_are_combined_by_key", rows_are_combined_by_key},
      {"what_is_wrong_is_named", what_is_wrong_is_named},
      {"a_refused_sink_is_passed_over", a_refused_sink_is_passed_over},
      {"windows_are_read", windows_are_read},
      {"memory_that_ends_is_an_error", memory_that_ends_is_an_error},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
