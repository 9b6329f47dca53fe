// Top, Sort, Sample, Distinct: some rows of each key and window, as they were.
// SPDX-License-Identifier: Apache-2.0
//
//   Top: {n: 10, by: score, group_by: game}     the greatest first; smallest: true, the least
//   Sort: {by: [game, score desc]}              of a window; group_by: of a key
//   Sample: {n: 10, group_by: game, seed: 1}
//   Distinct: {fields: [game]}                  none: all fields
//
// Each is a Combine whose result is a list of rows (combine_rows.c), which go out one by one;
// Distinct is the keys of a Combine without a result.
#include "flow/combine_impl.h"
#include "flow/combine_rows.h"

typedef leat_flow_combine_plan plan;

static const leat_yaml_node *get(const leat_flow_transform *t, const char *name) {
  return t->config ? leat_yaml_get(t->config, name) : NULL;
}

static leat_status begin(leat_flow *flow, leat_flow_transform *t, leat_flow_field **field,
                         plan **out, leat_error *err) {
  plan *p = *out = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  if (!p) return leat__oom(err, sizeof *p);
  p->grouping.unnested = t->inputs.at[0]->schema;
  return leat_flow_grouping_read(flow, t, 1, &p->grouping, field, err);
}

static leat_status flag(const leat_flow_transform *t, const char *name, bool *out,
                        leat_error *err) {
  const leat_yaml_node *node = get(t, name);
  *out = false;
  return node ? leat_yaml_bool(t->yaml, node, out, err) : LEAT_OK;
}

static leat_status finish(leat_flow *flow, leat_flow_transform *t, plan *p, leat_flow_field *field,
                          bool falling, int64_t n, leat_error *err) {
  const leat_flow_field *row = leat_flow_row_field(flow, p->grouping.in);
  const void *config;
  if (!row) return leat__oom(err, sizeof *row);
  leat_status status = leat_flow_top_config(flow, t, get(t, "by"), row, falling, n, &config, err);
  if (status) return status;
  return leat_flow_combine_rows(flow, t, p, field, &leat_flow_top, config, err);
}

static leat_status top_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p;
  leat_flow_field *field;
  int64_t n = 0;
  bool smallest;
  leat_status status = begin(flow, t, &field, &p, err);
  if (!status) status = flag(t, "smallest", &smallest, err);
  if (!status) status = leat_flow_rows_n(t, t->config, "n", &n, err);
  return status ? status : finish(flow, t, p, field, !smallest, n, err);
}

static leat_status sort_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p;
  leat_flow_field *field;
  leat_status status = begin(flow, t, &field, &p, err);
  return status ? status : finish(flow, t, p, field, false, 0, err);
}

static leat_status sample_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p;
  leat_flow_field *field;
  const void *config;
  leat_status status = begin(flow, t, &field, &p, err);
  if (status) return status;
  const leat_flow_field *row = leat_flow_row_field(flow, p->grouping.in);
  if (!row) return leat__oom(err, sizeof *row);
  status = leat_flow_sample_config(flow, t, t->config, row, &config, err);
  if (status) return status;
  return leat_flow_combine_rows(flow, t, p, field, &leat_flow_sample, config, err);
}

static leat_status distinct_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  if (!p) return leat__oom(err, sizeof *p);
  leat_status status = leat_flow_grouping_distinct(flow, t, get(t, "fields"), &p->grouping, err);
  return status ? status : leat_flow_combine_rows(flow, t, p, NULL, NULL, NULL, err);
}

static const char *const top_fields[] = {"n", "by", "smallest", "group_by", NULL};
static const char *const sort_fields[] = {"by", "group_by", NULL};
static const char *const sample_fields[] = {"n", "seed", "group_by", NULL};
static const char *const distinct_fields[] = {"fields", NULL};

const leat_flow_class leat_flow_top_rows = {.type = "Top",
                                            .urn = "leat:transform:top:v1",
                                            .help = "The greatest rows of each key and window",
                                            .inputs_min = 1,
                                            .inputs_max = 1,
                                            .fields = top_fields,
                                            .apply = top_apply,
                                            .start = leat_flow_combine_start,
                                            .keyed = true};
const leat_flow_class leat_flow_sort_rows = {.type = "Sort",
                                             .urn = "leat:transform:sort:v1",
                                             .help = "The rows of each window in order",
                                             .inputs_min = 1,
                                             .inputs_max = 1,
                                             .fields = sort_fields,
                                             .apply = sort_apply,
                                             .start = leat_flow_combine_start,
                                             .keyed = true};
const leat_flow_class leat_flow_sample_rows = {.type = "Sample",
                                               .urn = "leat:transform:sample:v1",
                                               .help = "Some rows of each key and window at random",
                                               .inputs_min = 1,
                                               .inputs_max = 1,
                                               .fields = sample_fields,
                                               .apply = sample_apply,
                                               .start = leat_flow_combine_start,
                                               .keyed = true};
const leat_flow_class leat_flow_distinct = {.type = "Distinct",
                                            .urn = "leat:transform:distinct:v1",
                                            .help = "Of equal rows of a window one",
                                            .inputs_min = 1,
                                            .inputs_max = 1,
                                            .fields = distinct_fields,
                                            .apply = distinct_apply,
                                            .start = leat_flow_combine_start,
                                            .keyed = true};
