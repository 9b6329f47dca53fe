// What a DoFn's call may do: see its row, give out rows, use side inputs, count.
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "flow/dofn_impl.h"

#include <inttypes.h>

// --- What is at hand ----------------------------------------------------------------------------
void *leat_dofn_self(const leat_dofn_call *call) { return call->op->self; }

static const leat_flow_schema *input_schema(const leat_dofn_call *call) {
  return call->op->op.transform->inputs.at[0]->schema;
}

int leat_dofn_index(const leat_dofn_call *call, const char *field) {
  return leat_flow_schema_find(input_schema(call), leat_str_of(field));
}

leat_flow_value leat_dofn_field(leat_dofn_call *call, int index) {
  const leat_flow_batch *b = call->batch;
  if (call->at != AT_ROW || index < 0 || index >= b->schema->count) return leat_flow_null();
  return leat_flow_value_at(&b->schema->fields[index], &b->columns[index], call->row, &call->arena);
}

leat_flow_value leat_dofn_key(leat_dofn_call *call, int index) {
  const leat_dofn_plan *plan = call->op->plan;
  leat_flow_value v;
  if (!call->scope || index < 0 || index >= plan->key_count) return leat_flow_null();
  leat_str bytes = call->scope->key;
  if (leat_flow_decode(plan->key_coder, &bytes, true, &call->arena, &v, NULL))
    return leat_flow_null();
  return plan->key_count == 1 ? v : v.items[index];
}

int64_t leat_dofn_timestamp(const leat_dofn_call *call) { return call->timestamp; }
leat_flow_window leat_dofn_window(const leat_dofn_call *call) { return call->window; }
leat_flow_pane leat_dofn_pane(const leat_dofn_call *call) { return call->pane; }
int64_t leat_dofn_watermark(const leat_dofn_call *call) { return call->op->watermark; }
int64_t leat_dofn_now(const leat_dofn_call *call) { return call->op->op.worker->now; }

static void set(int64_t *to, int64_t value) { __atomic_store_n(to, value, __ATOMIC_RELAXED); }

void leat_dofn_metric_add(leat_dofn_call *call, int metric, int64_t value) {
  if (metric < 0 || metric >= call->op->plan->dofn->metric_count) return;
  leat_dofn_count *c = &call->op->op.user_counts[metric];
  if (!c->count || value < c->least) set(&c->least, value);
  if (!c->count || value > c->greatest) set(&c->greatest, value);
  leat_flow_count(&c->sum, value);
  leat_flow_count(&c->count, 1);
  set(&c->last, value);
  if (call->op->plan->dofn->metrics[metric].kind == LEAT_METRIC_GAUGE)
    set(&c->when_ns, leat_clock_ns());
}

// --- Rows out -----------------------------------------------------------------------------------
static leat_status flush_one(leat_dofn_op *op, int output, leat_error *err) {
  if (!leat_flow_rows_count(op->rows[output])) return LEAT_OK;
  leat_flow_batch *batch = leat_flow_rows_take(op->rows[output]);
  if (!batch) return leat__oom(err, sizeof *batch);
  return leat_flow_emit(&op->op, output, batch, err);
}

leat_status leat_dofn_flush(leat_dofn_op *op, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < op->op.transform->outputs.count; i++)
    status = flush_one(op, (int)i, err);
  return status;
}

static leat_status no_output(const leat_dofn_call *call, int output, leat_error *err) {
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "DoFn '%s': no output %d, there are %zu",
                        call->op->plan->dofn->name, output, call->op->op.transform->outputs.count);
}

// A batch has windows in all of its rows or in none.
static leat_status put(leat_dofn_call *call, int output, const leat_flow_value *values,
                       int64_t timestamp, const leat_flow_window *window, leat_error *err) {
  leat_dofn_op *op = call->op;
  leat_flow_rows *rows = op->rows[output];
  const leat_flow_collection *to = op->op.transform->outputs.at[output];
  int count = leat_flow_rows_count(rows);
  bool full = count >= LEAT_FLOW_BATCH_ROWS || (count && op->windowed[output] != (window != NULL));
  leat_status status = full ? flush_one(op, output, err) : LEAT_OK;
  if (status) return status;
  op->windowed[output] = window;
  for (int i = 0; i < to->schema->count; i++) leat_flow_rows_value(rows, &values[i]);
  bool paned = call->at == AT_ROW && call->batch->panes;
  status = leat_flow_rows_end(rows, timestamp, window, paned ? &call->pane : NULL, err);
  if (!status) return LEAT_OK;
  return leat_error_prepend(err, status, "DoFn '%s': output %d", op->plan->dofn->name, output);
}

// The windows of a row that has none said are those of its first time.
static leat_status put_in_all(leat_dofn_call *call, int output, const leat_flow_value *values,
                              int64_t timestamp, leat_error *err) {
  leat_flow_window w;
  leat_status status = LEAT_OK;
  const leat_flow_window_fn *fn = &call->op->strategy->window;
  bool more = leat_flow_window_first(fn, call->timestamp, &w);
  for (; !status && more; more = leat_flow_window_next(fn, call->timestamp, &w))
    status = put(call, output, values, timestamp, &w, err);
  return status;
}

static leat_status check_time(const leat_dofn_call *call, int64_t timestamp, leat_error *err) {
  bool at_hand = call->at == AT_ROW || call->at == AT_TIMER || call->at == AT_EXPIRY;
  int64_t least = at_hand ? call->timestamp : LEAT_FLOW_TIME_MIN;
  if (timestamp >= least && timestamp <= LEAT_FLOW_GLOBAL_MAX) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "DoFn '%s': a row at %" PRId64 " ms, expected %" PRId64 " to %" PRId64,
                        call->op->plan->dofn->name, timestamp, least, LEAT_FLOW_GLOBAL_MAX);
}

leat_status leat_dofn_emit_at(leat_dofn_call *call, int output, const leat_flow_value *values,
                              int64_t timestamp, const leat_flow_window *window, leat_error *err) {
  if (output < 0 || (size_t)output >= call->op->op.transform->outputs.count)
    return no_output(call, output, err);
  leat_status status = check_time(call, timestamp, err);
  if (status) return status;
  if (window || call->windowed)
    return put(call, output, values, timestamp, window ? window : &call->window, err);
  if (call->at != AT_ROW)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "DoFn '%s': no row is at hand: a row given out needs a window",
                          call->op->plan->dofn->name);
  if (timestamp != call->timestamp) return put_in_all(call, output, values, timestamp, err);
  return put(call, output, values, timestamp, NULL, err);
}

leat_status leat_dofn_emit(leat_dofn_call *call, int output, const leat_flow_value *values,
                           leat_error *err) {
  if (call->at == AT_NOTHING || call->at == AT_BATCH)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "DoFn '%s': no row is at hand: take leat_dofn_emit_at",
                          call->op->plan->dofn->name);
  return leat_dofn_emit_at(call, output, values, call->timestamp, NULL, err);
}

// --- Columns out --------------------------------------------------------------------------------
void *leat_dofn_memory(leat_dofn_call *call, size_t bytes) {
  if (!call->block && !(call->block = leat_flow_block_new())) return NULL;
  return leat_flow_block_alloc(call->block, bytes);
}

// A column that came is shared; one of the function's own lies in the call's block.
static void place_column(leat_dofn_call *call, const leat_flow_field *field,
                         const leat_flow_array *from, leat_flow_column *to) {
  const leat_flow_batch *in = call->batch;
  for (int i = 0; i < in->schema->count; i++) {
    const leat_flow_column *c = &in->columns[i];
    if (c->values != from->values || c->validity != from->validity || !c->values) continue;
    leat_flow_column_share(to, c);
    return;
  }
  *to = (leat_flow_column){.validity = (uint8_t *)from->validity,
                           .values = (void *)from->values,
                           .bytes = (char *)from->bytes};
  if (call->block) to->owner = leat_flow_block_ref(call->block);
  if (!field->field_count) return;
  to->children = leat_dofn_memory(call, (size_t)field->field_count * sizeof *to);
  for (int i = 0; to->children && i < field->field_count; i++)
    place_column(call, &field->fields[i], &from->children[i], &to->children[i]);
}

static leat_status place_rows(const leat_dofn_call *call, const int32_t *from, leat_flow_batch *to,
                              leat_error *err) {
  const leat_flow_batch *in = call->batch;
  size_t rows = (size_t)to->rows;
  if (in->windows) to->windows = leat_flow_block_alloc(to->owner, rows * sizeof *to->windows);
  if (in->panes) to->panes = leat_flow_block_alloc(to->owner, rows * sizeof *to->panes);
  if ((in->windows && !to->windows) || (in->panes && !to->panes))
    return leat__oom(err, rows * sizeof *to->panes);
  for (int i = 0; i < to->rows; i++) {
    int row = from ? from[i] : i;
    if (row < 0 || row >= in->rows)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "row %d is from row %d of %d", i, row,
                            in->rows);
    to->timestamps[i] = in->timestamps[row];
    if (in->windows) to->windows[i] = in->windows[row];
    if (in->panes) to->panes[i] = in->panes[row];
  }
  return LEAT_OK;
}

leat_status leat_dofn_emit_columns(leat_dofn_call *call, int output, const leat_flow_array *columns,
                                   int rows, const int32_t *from, leat_error *err) {
  leat_dofn_op *op = call->op;
  if (output < 0 || (size_t)output >= op->op.transform->outputs.count)
    return no_output(call, output, err);
  if (call->at != AT_BATCH || rows < 0 || (!from && rows > call->batch->rows))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "DoFn '%s': %d rows of columns of %d",
                          op->plan->dofn->name, rows, call->at == AT_BATCH ? call->batch->rows : 0);
  const leat_flow_schema *schema = op->op.transform->outputs.at[output]->schema;
  leat_flow_batch *batch = leat_flow_batch_new(schema, rows);
  if (!batch) return leat__oom(err, sizeof *batch);
  batch->rows = rows;
  leat_status status = place_rows(call, from, batch, err);
  for (int i = 0; i < schema->count; i++)
    place_column(call, &schema->fields[i], &columns[i], &batch->columns[i]);
  if (status) return leat_flow_batch_unref(batch), status;
  return leat_flow_emit(&op->op, output, batch, err);
}

// --- Side inputs --------------------------------------------------------------------------------
static leat_status side_of(leat_dofn_call *call, int side, leat_side_view view,
                           leat_flow_side **out, leat_flow_window *window, leat_error *err) {
  const leat_dofn *fn = call->op->plan->dofn;
  if (side < 0 || side >= fn->side_count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "DoFn '%s': no side input %d, there are %d",
                          fn->name, side, fn->side_count);
  if (fn->sides[side].view != view || !call->windowed)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "DoFn '%s': side input '%s': %s", fn->name,
                          fn->sides[side].name,
                          call->windowed ? "it is seen in another way" : "no window is at hand");
  *out = call->op->sides[side];
  *window = leat_flow_side_window(*out, call->window);
  return LEAT_OK;
}

leat_status leat_side_list(leat_dofn_call *call, int side, const leat_flow_value **rows,
                           size_t *count, leat_error *err) {
  leat_flow_side *s;
  leat_flow_window w;
  leat_status status = side_of(call, side, LEAT_SIDE_ITERABLE, &s, &w, err);
  if (!status) *count = leat_flow_side_rows(s, w, rows);
  return status;
}

leat_status leat_side_one(leat_dofn_call *call, int side, leat_flow_value *row, leat_error *err) {
  leat_flow_side *s;
  leat_flow_window w;
  const leat_flow_value *rows;
  leat_status status = side_of(call, side, LEAT_SIDE_SINGLETON, &s, &w, err);
  if (status) return status;
  size_t count = leat_flow_side_rows(s, w, &rows);
  if (count == 1) return *row = rows[0], LEAT_OK;
  return leat_error_set(err, LEAT_FAILED_PRECONDITION,
                        "DoFn '%s': side input '%s' has %zu rows in the window, expected one",
                        call->op->plan->dofn->name, call->op->plan->dofn->sides[side].name, count);
}

bool leat_side_get(leat_dofn_call *call, int side, const leat_flow_value *key,
                   leat_flow_value *row) {
  leat_flow_side *s;
  leat_flow_window w;
  const leat_flow_value *found = NULL;
  if (side_of(call, side, LEAT_SIDE_MAP, &s, &w, NULL)) return false;
  if (leat_flow_side_find(s, w, key, &found, NULL) || !found) return false;
  return *row = *found, true;
}
