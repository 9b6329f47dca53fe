// SplitWords: a row for each word of a text field.
// SPDX-License-Identifier: Apache-2.0
//
//   field: line     words are what stands between spaces and tabs
#include "flow/op.h"
#include "flow/scan.h"

#include <string.h>

static const leat_flow_field word_fields[] = {{.name = {"word", 4}, .type = LEAT_FLOW_TYPE_STRING}};
static const leat_flow_schema word_schema = {word_fields, 1};

static leat_status words_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, "field") : NULL;
  int *field = t->plan = leat_arena_alloc(&flow->arena, sizeof *field);
  if (!field) return leat__oom(err, sizeof *field);
  if (!node) return leat_flow_fail(t, node, err, "expected field: NAME");
  leat_status status = leat_flow_field_of(t, in->schema, node, field, err);
  if (status) return status;
  if (in->schema->fields[*field].type != LEAT_FLOW_TYPE_STRING)
    return leat_flow_fail(t, node, err, "the field is no string");
  return leat_flow_add_output(flow, t, LEAT_STR(""), &word_schema, in->strategy, in->bounded, NULL,
                              err);
}

typedef struct words {  // a batch being filled
  leat_flow_op *op;
  const leat_flow_batch *from;
  leat_flow_batch *out;
  int32_t *ends;
  char *bytes;
  size_t len, cap;
  int rows;
} words;

static bool start(words *w, size_t text) {
  leat_flow_batch *b = w->out = leat_flow_batch_new(&word_schema, LEAT_FLOW_BATCH_ROWS);
  leat_flow_column *c = b ? &b->columns[0] : NULL;
  w->rows = 0, w->len = 0;
  w->cap = text;
  if (!b || !(c->owner = leat_flow_block_new())) return false;
  w->ends = c->values =
      leat_flow_block_alloc(c->owner, (LEAT_FLOW_BATCH_ROWS + 1) * sizeof *w->ends);
  w->bytes = c->bytes = leat_flow_block_alloc(c->owner, text);
  size_t rows = LEAT_FLOW_BATCH_ROWS;
  if (w->from->windows) b->windows = leat_flow_block_alloc(b->owner, rows * sizeof *b->windows);
  if (w->from->panes) b->panes = leat_flow_block_alloc(b->owner, rows * sizeof *b->panes);
  if (!w->ends || !w->bytes || (w->from->windows && !b->windows) || (w->from->panes && !b->panes))
    return false;
  return w->ends[0] = 0, true;
}

static leat_status give(words *w, leat_error *err) {
  leat_flow_batch *out = w->out;
  w->out = NULL;
  out->rows = w->rows;
  return leat_flow_emit(w->op, 0, out, err);
}

static leat_status make_room(words *w, size_t left, leat_error *err) {
  leat_status status = give(w, err);
  if (status) return status;
  return start(w, left) ? LEAT_OK : leat__oom(err, left);
}

static inline void put(words *w, int row, const char *p, size_t count) {
  if (count <= 16)
    memcpy(w->bytes + w->len, p, 16);  // blocks have room behind them
  else
    memcpy(w->bytes + w->len, p, count);
  w->len += count;
  w->out->timestamps[w->rows] = w->from->timestamps[row];
  if (w->out->windows) w->out->windows[w->rows] = w->from->windows[row];
  if (w->out->panes) w->out->panes[w->rows] = w->from->panes[row];
  w->ends[++w->rows] = (int32_t)w->len;
}

static leat_status split(words *all, int row, leat_str text, const char *all_end, leat_error *err) {
  const char *end = text.ptr + text.len, *word = text.ptr;
  words w = *all;  // not behind a pointer, so that it is kept in registers
  for (const char *p = text.ptr; p < end; p += 64) {
    uint64_t gaps = leat_flow_find_two(p, ' ', '\t');
    if (end - p < 64) gaps |= UINT64_C(1) << (end - p);  // the end is a gap, too
    for (; gaps; gaps &= gaps - 1) {
      const char *at = p + __builtin_ctzll(gaps);
      if (at > end) break;
      if (w.rows == LEAT_FLOW_BATCH_ROWS) {
        *all = w;
        leat_status status = make_room(all, (size_t)(all_end - word), err);
        if (status) return status;
        w = *all;
      }
      if (at > word) put(&w, row, word, (size_t)(at - word));
      word = at + 1;
    }
  }
  *all = w;
  if (word >= end) return LEAT_OK;
  leat_status status =
      w.rows == LEAT_FLOW_BATCH_ROWS ? make_room(all, (size_t)(all_end - word), err) : LEAT_OK;
  if (!status) put(all, row, word, (size_t)(end - word));
  return status;
}

static leat_status words_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                               leat_error *err) {
  const leat_flow_column *c = &batch->columns[*(const int *)op->transform->plan];
  const int32_t *ends = c->values;
  words w = {.op = op, .from = batch};
  leat_status status = LEAT_OK;
  (void)input;
  if (!start(&w, (size_t)(ends[batch->rows] - ends[0])))
    status = leat__oom(err, (size_t)ends[batch->rows]);
  for (int i = 0; !status && i < batch->rows; i++)
    if (leat_flow_is_valid(c, i))
      status = split(&w, i, leat_flow_text(c, i), c->bytes + ends[batch->rows], err);
  if (!status) return give(&w, err);
  return leat_flow_batch_unref(w.out), status;
}

static void words_free(leat_flow_op *op) { leat__free(op); }

static const leat_flow_op_class words_op = {.batch = words_batch, .free = words_free};

static leat_status words_start(const leat_flow_transform *t, leat_flow_worker *worker,
                               leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(leat_flow_op), &words_op, t, worker, out, err);
}

static const char *const words_config[] = {"field", NULL};
const leat_flow_class leat_flow_split_words = {.type = "SplitWords",
                                               .urn = "leat:transform:split_words:v1",
                                               .help = "A row `word` for each word of a text field",
                                               .inputs_min = 1,
                                               .inputs_max = 1,
                                               .fields = words_config,
                                               .apply = words_apply,
                                               .start = words_start};
