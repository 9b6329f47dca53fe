// Tests of flow/metrics: what functions count and what is dropped, as JSON and for Prometheus.
// SPDX-License-Identifier: Apache-2.0
#include "leat/dofn.h"
#include "leat/flow.h"
#include "test.h"

static leat_status count_row(leat_dofn_call *call, leat_error *err) {
  int64_t n = leat_dofn_field(call, 0).num;
  leat_flow_value row[] = {leat_flow_of_int(n)};
  leat_dofn_metric_add(call, 0, 1);
  leat_dofn_metric_add(call, 1, n);
  leat_dofn_metric_add(call, 2, 7);
  leat_dofn_metric_add(call, 3, 7);  // there is none
  return leat_dofn_emit(call, 0, row, err);
}

static const leat_dofn_metric metrics[] = {{"rows", LEAT_METRIC_COUNTER},
                                           {"sizes \"n\"", LEAT_METRIC_DISTRIBUTION},
                                           {"level", LEAT_METRIC_GAUGE}};
static const leat_dofn counting = {
    .name = "test:counting", .metrics = metrics, .metric_count = 3, .process = count_row};

static leat_flow_pcollection apply(leat_flow *flow, const char *name, const char *type,
                                   const char *config, const leat_flow_pcollection *in) {
  leat_flow_pcollection out = {-1};
  leat_error err = {0};
  leat_status status = leat_flow_apply(flow, name, type, config, in, in ? 1 : 0, &out, &err);
  CHECK_MSG(!status, "%s", err.message);
  return out;
}

static void check_has(const char *text, const char *part) {
  CHECK_MSG(strstr(text, part), "no '%s' in %s", part, text);
}

static void check_metrics(int threads) {
  leat_error err = {0};
  leat_flow *flow;
  CHECK_OK(leat_dofn_register(&counting, &err));
  CHECK_OK(leat_flow_new(&flow, &err));
  leat_flow_pcollection in =
      apply(flow, "Rows", "Create", "{elements: [{n: 5}, {n: -2}, {n: 9}, {n: 4}]}", NULL);
  in = apply(flow, "Spread", "Reshuffle", NULL, &in);
  in = apply(flow, "Count \"it\"", "ParDo", "{dofn: 'test:counting'}", &in);
  in = apply(flow, "Divide", "MapToFields",
             "{language: sql, fields: {q: 1 / (n - 4)}, error_handling: {output: bad}}", &in);
  apply(flow, "Out", "WriteToNull", NULL, &in);
  CHECK_OK(leat_flow_run(flow, &(leat_flow_options){.threads = threads}, &err));
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  CHECK_OK(leat_flow_metrics_json(flow, f, &err));
  CHECK_OK(leat_flow_metrics_prometheus(flow, f, &err));
  fclose(f);
  check_has(text,
            "\"metrics\": {\"rows\": 4, \"sizes \\\"n\\\"\": {\"count\": 4, \"sum\": 16, "
            "\"min\": -2, \"max\": 9}, \"level\": 7}");
  check_has(text, "\"rows_queued\": 0, \"dead_letters\": 1,");
  check_has(text, "# TYPE leat_flow_rows_in_total counter\n");
  check_has(text, "leat_flow_rows_in_total{transform=\"Count \\\"it\\\"\"} 4\n");
  check_has(text, "leat_flow_dead_letters_total{transform=\"Divide\"} 1\n");
  check_has(text, "leat_flow_watermark_timestamp_seconds{transform=\"Out\"} +Inf\n");
  check_has(text, "leat_flow_user_total{transform=\"Count \\\"it\\\"\",name=\"rows\"} 4\n");
  check_has(text, "leat_flow_user{transform=\"Count \\\"it\\\"\",name=\"level\"} 7\n");
  check_has(text, "name=\"sizes \\\"n\\\"\",quantile=\"1\"} 9\n");
  free(text);
  leat_flow_free(flow);
}

static void metrics_are_joined_over_workers(void) {
  check_metrics(1);
  check_metrics(3);
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"metrics_are_joined_over_workers", metrics_are_joined_over_workers},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
