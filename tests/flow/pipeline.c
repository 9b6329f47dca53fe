// As flow-group, through a pipeline's GroupByKey or Combine: a driver for comparison.
// SPDX-License-Identifier: Apache-2.0
//
//   flow-pipeline group | general | fast   lists of values, or "sum/count" on either path of
//   Combine
//
// Input and output are flow-group's; values are whole numbers behind a letter.
#include "flow/collect.h"
#include "flow/op.h"
#include "flow/values.h"
#include "spec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct driver {
  const char *mode;
  leat_flow *flow;
  leat_flow_op *op;
  leat_flow_collection *in;
  leat_flow_strategy strategy;
  leat_arena arena;
  leat_flow_rows *rows;
  size_t seen;
  int64_t out;  // the output's watermark
} driver;

static int64_t setting(leat_str text, const char *name) {
  int64_t value = 0;
  while (text.len) {
    leat_str word = leat_str_cut(&text, ' '), key = leat_str_cut(&word, '=');
    if (leat_str_eq(key, leat_str_of(name)) && !leat_parse_i64(word, &value)) exit(2);
  }
  return value;
}

static leat_status read_strategy(driver *d, leat_str line, leat_error *err) {
  leat_flow_strategy *s = &d->strategy;
  *s = (leat_flow_strategy){.unsafe_triggers = true};
  leat_str windows = leat_str_cut(&line, ';'), trigger = leat_str_cut(&line, ';');
  leat_status status = spec_window(&d->arena, &windows, &s->window, err);
  if (status) return status;
  if (!(s->trigger = spec_trigger(&d->arena, &trigger, err))) return LEAT_INVALID_ARGUMENT;
  if (s->trigger->kind == LEAT_FLOW_DEFAULT) s->trigger = NULL;
  s->accumulating = setting(line, "accumulating");
  s->lateness_ms = setting(line, "lateness");
  s->combiner = (leat_flow_combiner)setting(line, "combiner");
  s->closing_always = setting(line, "closing");
  s->on_time_nonempty = setting(line, "nonempty");
  return LEAT_OK;
}

static void end(driver *d) {
  leat_flow_rows_free(d->rows);
  leat_flow_free(d->flow);
  leat_arena_clear(&d->arena);
  *d = (driver){.mode = d->mode, .arena = d->arena, .out = LEAT_FLOW_TIME_MIN};
}

static leat_status begin(driver *d, leat_str line, leat_error *err) {
  leat_flow_pcollection in, out;
  leat_flow_options options = {.threads = 1,
                               .general_path = spec_is(leat_str_of(d->mode), "general")};
  bool group = spec_is(leat_str_of(d->mode), "group");
  end(d);
  leat_status status = read_strategy(d, line, err);
  if (!status) status = leat_flow_new(&d->flow, err);
  if (!status)
    status = leat_flow_apply(d->flow, "In", "TestStream",
                             "{schema: '{k: string, v: int64}', events: []}", NULL, 0, &in, err);
  if (status) return status;
  d->in = d->flow->collections.at[in.id];
  d->in->strategy = &d->strategy;
  d->in->bounded = true;  // else some of the strategies would be refused
  status = leat_flow_apply(d->flow, "Do", group ? "GroupByKey" : "Combine",
                           group ? "{group_by: k}"
                                 : "{group_by: k, combine: {s: {value: v, fn: sum}, "
                                   "c: {value: v, fn: count}}}",
                           &in, 1, &out, err);
  if (!status) status = leat_flow_apply(d->flow, "Out", "Collect", NULL, &out, 1, NULL, err);
  if (!status) status = leat__flow_start(d->flow, &options, err);
  if (!status) d->op = leat__flow_op(d->flow, 0, 1);
  return status ? status : leat_flow_rows_new(&d->rows, d->in->schema, err);
}

static leat_status element(driver *d, leat_str line, leat_error *err) {
  leat_str key = leat_str_cut(&line, ' '), value = leat_str_cut(&line, ' ');
  int64_t number, at;
  if (!leat_parse_i64((leat_str){value.ptr + 1, value.len - 1}, &number) ||
      !leat_parse_i64(line, &at))
    return LEAT_INVALID_ARGUMENT;
  leat_flow_rows_text(d->rows, key);
  leat_flow_rows_int(d->rows, number);
  return leat_flow_rows_end(d->rows, at, NULL, NULL, err);
}

static void print_values(const leat_flow_value *row) {
  if (row->items[1].kind != LEAT_FLOW_ITERABLE) {
    printf("%" PRId64 "/%" PRId64, row->items[1].num, row->items[2].num);
    return;
  }
  for (size_t i = 0; i < row->items[1].count; i++)
    printf("%sv%" PRId64, i ? "," : "", row->items[1].items[i].items[0].num);
}

static void print_row(driver *d, const leat_flow_batch *b, int row) {
  static const char *const timing[] = {"early", "on-time", "late", "unknown"};
  leat_flow_value v = leat_flow_row_value(b, row, &d->arena);
  const leat_flow_pane *p = &b->panes[row];
  printf(LEAT_STR_FMT " %" PRId64 " %" PRId64 " [", LEAT_STR_ARG(v.items[0].bytes),
         b->windows[row].start, b->windows[row].end);
  print_values(&v);
  printf("] %" PRId64 " %d %d %s %" PRId64 " %" PRId64 "\n", b->timestamps[row], p->first, p->last,
         timing[p->timing], p->index, p->on_time_index);
}

static void print_new(driver *d) {
  size_t count;
  const leat_flow_batch *const *all = leat_flow_collected(d->flow, "Out", &count);
  for (; d->seen < count; d->seen++)
    for (int row = 0; row < all[d->seen]->rows; row++) print_row(d, all[d->seen], row);
  int64_t out = d->op->input_watermark < d->op->hold ? d->op->input_watermark : d->op->hold;
  if (out > d->out) d->out = out;
  d->op->output_watermark = d->out;
  printf(". %" PRId64 " %" PRId64 " %" PRId64 "\n", d->out, d->op->counts.dropped_late,
         d->op->counts.dropped_closed);
}

static leat_status bundle(driver *d, leat_error *err) {
  leat_flow_batch *batch = leat_flow_rows_take(d->rows);
  if (!batch) return leat__oom(err, sizeof *batch);
  leat_status status = batch->rows ? d->op->class->batch(d->op, 0, batch, err) : LEAT_OK;
  leat_flow_batch_unref(batch);
  if (!status && d->op->class->finish_bundle) status = d->op->class->finish_bundle(d->op, err);
  return status;
}

static leat_status run(driver *d, leat_str line, leat_error *err) {
  int64_t to = 0;
  leat_str word = leat_str_cut(&line, ' ');
  if (spec_is(word, "case")) return begin(d, line, err);
  if (spec_is(word, "e")) return element(d, line, err);
  if (word.ptr[0] != 'b' && !leat_parse_i64(line, &to)) return LEAT_INVALID_ARGUMENT;
  leat_status status = LEAT_OK;
  if (word.ptr[0] == 'b') status = bundle(d, err);
  if (word.ptr[0] == 'w' && to > d->op->input_watermark) {
    d->op->input_watermark = to;
    status = d->op->class->watermark(d->op, to, err);
  }
  if (word.ptr[0] == 'p') {
    d->op->worker->now = to;
    if (d->op->class->time) status = d->op->class->time(d->op, to, err);
  }
  return print_new(d), status;
}

int main(int argc, char **argv) {
  driver d = {.mode = argc == 2 ? argv[1] : ""};
  char *line = NULL;
  size_t cap = 0;
  ssize_t length;
  leat_status status = LEAT_OK;
  leat_error err = {0};
  if (argc != 2) return fprintf(stderr, "usage: %s group|general|fast\n", argv[0]), 2;
  while (!status && (length = getline(&line, &cap, stdin)) > 0)
    status = run(&d, leat_str_strip((leat_str){line, (size_t)length}, LEAT_STR("\n")), &err);
  if (status) fprintf(stderr, "%s: %s\n", leat_status_name(status), err.message);
  free(line);
  end(&d);
  leat_arena_deinit(&d.arena);
  return status != LEAT_OK;
}
