// Collect: sinks that keep all rows, or none.
// SPDX-License-Identifier: Apache-2.0
#include "flow/collect.h"

#include "base/file.h"
#include "flow/op.h"
#include "flow/row_text.h"
#include "flow/windowing.h"

#include <stdlib.h>

typedef LEAT_VEC(const leat_flow_batch *) batches;

// --- Collect ------------------------------------------------------------------------------------
static leat_status collect_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  t->plan = leat_arena_alloc(&flow->arena, sizeof(batches));
  return t->plan ? LEAT_OK : leat__oom(err, sizeof(batches));
}

static void collect_stop(leat_flow_transform *t) {
  batches *all = t->plan;
  for (size_t i = 0; all && i < all->count; i++)
    leat_flow_batch_unref((leat_flow_batch *)all->at[i]);
  if (all) leat_vec_deinit(all);
}

static leat_status collect_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                 leat_error *err) {
  batches *all = op->transform->plan;
  const leat_flow_strategy *strategy = op->transform->inputs.at[input]->strategy;
  leat_flow_batch *kept = leat_flow_batch_again(batch);
  size_t rows = (size_t)batch->rows;
  if (kept && !kept->windows)
    kept->windows = leat_flow_block_alloc(kept->owner, rows * sizeof *kept->windows);
  if (!kept || !kept->windows || !leat_vec_push(all, kept))
    return leat_flow_batch_unref(kept), leat__oom(err, rows);
  for (size_t i = 0; !batch->windows && i < rows; i++)
    kept->windows[i] = leat_flow_window_of(strategy, batch->timestamps[i]);
  return LEAT_OK;
}

static void op_free(leat_flow_op *op) { leat__free(op); }

static const leat_flow_op_class collect_op = {.batch = collect_batch, .free = op_free};

static leat_status collect_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                 leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(leat_flow_op), &collect_op, t, worker, out, err);
}

const leat_flow_class leat_flow_collect = {.type = "Collect",
                                           .urn = "leat:transform:collect:v1",
                                           .help = "Keeps all rows for the program that runs it",
                                           .inputs_min = 1,
                                           .inputs_max = 1,
                                           .apply = collect_apply,
                                           .start = collect_start,
                                           .stop = collect_stop,
                                           .whole = true};

const leat_flow_batch *const *leat_flow_collected(const leat_flow *flow, const char *name,
                                                  size_t *count) {
  leat_map_entry *entry = leat_map_find(&flow->by_name, leat_str_of(name));
  const leat_flow_transform *t = entry ? entry->value.ptr : NULL;
  *count = 0;
  if (!t || t->class != &leat_flow_collect) return NULL;
  const batches *all = t->plan;
  return *count = all->count, all->at;
}

// --- WriteSorted --------------------------------------------------------------------------------
typedef struct sorted_op {
  leat_flow_op op;
  LEAT_VEC(leat_str) lines;
  leat_arena arena;
} sorted_op;

static leat_status sorted_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_yaml_node *path = t->config ? leat_yaml_get(t->config, "path") : NULL;
  if (!path || path->kind != LEAT_YAML_SCALAR)
    return leat_flow_fail(t, path, err, "expected path: FILE");
  t->plan = leat_arena_str(&flow->arena, path->text);
  return t->plan ? LEAT_OK : leat__oom(err, path->text.len);
}

static leat_status sorted_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                leat_error *err) {
  sorted_op *s = (sorted_op *)op;
  const leat_flow_strategy *strategy = op->transform->inputs.at[input]->strategy;
  leat_buf text = {0};
  for (int i = 0; i < batch->rows; i++) {
    leat_buf_clear(&text);
    leat_flow_row_text(batch, i, &text);
    leat_flow_marks_text(batch, i, strategy, &text);
    leat_str line = {leat_arena_str(&s->arena, leat_buf_view(&text)), text.len};
    if (text.failed || !line.ptr || !leat_vec_push(&s->lines, line))
      return leat_buf_deinit(&text), leat__oom(err, text.len);
  }
  return leat_buf_deinit(&text), LEAT_OK;
}

static int by_bytes(const void *a, const void *b) {
  return leat_str_cmp(*(const leat_str *)a, *(const leat_str *)b);
}

static leat_status sorted_finish(leat_flow_op *op, leat_error *err) {
  sorted_op *s = (sorted_op *)op;
  leat_buf all = {.max = SIZE_MAX / 2};
  if (s->lines.count) qsort(s->lines.at, s->lines.count, sizeof *s->lines.at, by_bytes);
  for (size_t i = 0; i < s->lines.count; i++) {
    leat_buf_str(&all, s->lines.at[i]);
    leat_buf_char(&all, '\n');
  }
  leat_status status = leat_buf_status(&all, err);
  if (!status) status = leat_file_write(op->transform->plan, leat_buf_view(&all), err);
  return leat_buf_deinit(&all), status;
}

static void sorted_free(leat_flow_op *op) {
  sorted_op *s = (sorted_op *)op;
  leat_vec_deinit(&s->lines);
  leat_arena_deinit(&s->arena);
  leat__free(s);
}

static const leat_flow_op_class sorted_op_class = {
    .batch = sorted_batch, .finish = sorted_finish, .free = sorted_free};

static leat_status sorted_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(sorted_op), &sorted_op_class, t, worker, out, err);
}

static const char *const sorted_fields[] = {"path", NULL};
const leat_flow_class leat_flow_write_sorted = {
    .type = "WriteSorted",
    .urn = "leat:transform:write_sorted:v1",
    .help = "All rows as sorted lines of text, with timestamps, windows and panes, to be compared",
    .inputs_min = 1,
    .inputs_max = 1,
    .fields = sorted_fields,
    .apply = sorted_apply,
    .start = sorted_start,
    .whole = true};

// --- WriteToNull --------------------------------------------------------------------------------
static leat_status null_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  (void)flow, (void)t, (void)err;
  return LEAT_OK;
}

static leat_status null_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                              leat_error *err) {
  (void)op, (void)input, (void)batch, (void)err;
  return LEAT_OK;
}

static const leat_flow_op_class null_op = {.batch = null_batch, .free = op_free};

static leat_status null_start(const leat_flow_transform *t, leat_flow_worker *worker,
                              leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(leat_flow_op), &null_op, t, worker, out, err);
}

const leat_flow_class leat_flow_write_to_null = {.type = "WriteToNull",
                                                 .urn = "leat:transform:write_to_null:v1",
                                                 .help = "Counts rows and drops them",
                                                 .inputs_min = 1,
                                                 .inputs_max = 1,
                                                 .apply = null_apply,
                                                 .start = null_start};
