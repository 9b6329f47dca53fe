// GenerateSequence: whole numbers, as many a second as are asked for.
// SPDX-License-Identifier: Apache-2.0
//
//   start: 0
//   stop: 1000             the first one that is not given out; default: it goes on until drained
//   rate: 50               rows a second; default: as many as can be had
//   timestamp: {start: 2020-01-01, every: 10ms}
//                          row i is at start + i * every; default: when it is given out, where
//                          there is a rate or no stop, else the beginning of time
#include "flow/op.h"
#include "flow/row_json.h"
#include "flow/windowing.h"

#include "base/clock.h"

enum { LONGEST_WAIT_MS = 50 };

typedef enum clock_kind { BEGINNING, PROCESSING_TIME, GIVEN } clock_kind;

typedef struct plan {
  int64_t start, stop;  // stop: INT64_MAX where there is none
  double rate;          // 0: as fast as can be
  clock_kind times;
  int64_t first_ms, every_ms;
} plan;

typedef struct sequence_op {
  leat_flow_op op;
  int64_t given;    // rows
  int64_t from_ns;  // when the first one was due; 0: not yet begun
  int64_t latest;   // timestamp
} sequence_op;

static const leat_flow_field fields[] = {{.name = {"value", 5}, .type = LEAT_FLOW_TYPE_INT64}};
static const leat_flow_schema schema = {fields, 1};

// --- Config -------------------------------------------------------------------------------------
static leat_status read_times(const leat_flow_transform *t, plan *p, leat_error *err) {
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, "timestamp") : NULL;
  p->times = p->rate > 0 || p->stop == INT64_MAX ? PROCESSING_TIME : BEGINNING;
  if (!node) return LEAT_OK;
  bool pair = node->kind == LEAT_YAML_MAPPING && node->count == 2;
  const leat_yaml_node *start = pair ? leat_yaml_get(node, "start") : NULL,
                       *every = pair ? leat_yaml_get(node, "every") : NULL;
  if (!start || !every)
    return leat_flow_fail(t, node, err, "expected timestamp: {start: DATE, every: DURATION}");
  p->times = GIVEN;
  leat_status status = leat_flow_duration(t, every, &p->every_ms, err);
  if (status) return status;
  if (start->kind != LEAT_YAML_SCALAR || !leat_flow_parse_time(start->text, &p->first_ms))
    return leat_flow_fail(t, start, err, "expected a date, such as 2020-01-31T00:00:00Z");
  return LEAT_OK;
}

static leat_status sequence_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  if (!p) return leat__oom(err, sizeof *p);
  *p = (plan){.stop = INT64_MAX};
  const leat_yaml_node *start = t->config ? leat_yaml_get(t->config, "start") : NULL,
                       *stop = t->config ? leat_yaml_get(t->config, "stop") : NULL,
                       *rate = t->config ? leat_yaml_get(t->config, "rate") : NULL;
  leat_status status = start ? leat_yaml_i64(t->yaml, start, &p->start, err) : LEAT_OK;
  if (!status && stop) status = leat_yaml_i64(t->yaml, stop, &p->stop, err);
  if (!status && rate) status = leat_yaml_f64(t->yaml, rate, &p->rate, err);
  if (status) return status;
  if (rate && !(p->rate > 0 && p->rate <= 1e9))
    return leat_flow_fail(t, rate, err, "expected rate: rows a second, over 0 to 1000000000");
  if (p->start < 0) return leat_flow_fail(t, start, err, "a sequence starts at 0 or above");
  if (p->stop < p->start)
    return leat_flow_fail(t, stop, err, "stop %lld lies before start %lld", (long long)p->stop,
                          (long long)p->start);
  status = read_times(t, p, err);
  if (status) return status;
  return leat_flow_add_output(flow, t, LEAT_STR(""), &schema, &leat_flow_global,
                              p->stop < INT64_MAX, NULL, err);
}

// --- Rows ---------------------------------------------------------------------------------------
// How many rows are due now, up to a batch; 0: *wait_ms says when to ask again.
static int due(sequence_op *s, int64_t *wait_ms) {
  const plan *p = s->op.transform->plan;
  int64_t left = p->stop - p->start - s->given, now = leat_clock_ns();
  int most = left < LEAT_FLOW_BATCH_ROWS ? (int)left : LEAT_FLOW_BATCH_ROWS;
  if (p->rate <= 0) return most;
  if (!s->from_ns) s->from_ns = now;
  double ready = (double)(now - s->from_ns) * 1e-9 * p->rate + 1 - (double)s->given;
  if (ready < 1) {
    double ms = (1 - ready) / p->rate * 1e3;
    *wait_ms = ms < 1 ? 1 : ms < LONGEST_WAIT_MS ? (int64_t)ms : LONGEST_WAIT_MS;
    return 0;
  }
  return ready < most ? (int)ready : most;
}

// false: the time is out of bounds.
static bool time_of(sequence_op *s, int64_t row, int64_t *out) {
  const plan *p = s->op.transform->plan;
  switch (p->times) {
    case BEGINNING: *out = LEAT_FLOW_TIME_MIN; return true;
    case PROCESSING_TIME:
      *out = s->op.worker->now > s->latest ? s->op.worker->now : s->latest;
      return true;
    case GIVEN: break;
  }
  return !__builtin_mul_overflow(row, p->every_ms, out) &&
         !__builtin_add_overflow(*out, p->first_ms, out) && *out <= LEAT_FLOW_GLOBAL_MAX;
}

static leat_status give(sequence_op *s, int rows, leat_error *err) {
  const plan *p = s->op.transform->plan;
  leat_flow_batch *batch = leat_flow_batch_new(&schema, rows);
  leat_flow_block *block = batch ? leat_flow_block_new() : NULL;
  int64_t *values = block ? leat_flow_block_alloc(block, (size_t)rows * sizeof *values) : NULL;
  if (batch) batch->columns[0] = (leat_flow_column){.values = values, .owner = block};
  leat_status status = values ? LEAT_OK : leat__oom(err, (size_t)rows * sizeof *values);
  for (int i = 0; !status && i < rows; i++) {
    values[i] = p->start + s->given;
    if (!time_of(s, s->given++, &batch->timestamps[i]))
      status = leat_error_set(err, LEAT_OUT_OF_RANGE, "the timestamp of row %lld is out of bounds",
                              (long long)s->given - 1);
    s->latest = batch->timestamps[i];
  }
  if (status) return leat_flow_batch_unref(batch), status;
  batch->rows = rows;
  return leat_flow_emit(&s->op, 0, batch, err);
}

static leat_status sequence_read(leat_flow_op *op, int64_t *watermark, int64_t *wait_ms,
                                 leat_error *err) {
  sequence_op *s = (sequence_op *)op;
  const plan *p = op->transform->plan;
  int rows = due(s, wait_ms);
  leat_status status = rows ? give(s, rows, err) : LEAT_OK;
  if (!rows && p->times == PROCESSING_TIME && op->worker->now > s->latest)
    s->latest = op->worker->now;
  if (s->given == p->stop - p->start)
    *watermark = LEAT_FLOW_TIME_MAX;
  else if (p->times != BEGINNING)
    *watermark = s->latest;
  return status;
}

static void sequence_free(leat_flow_op *op) { leat__free(op); }

static const leat_flow_op_class sequence_class = {.read = sequence_read, .free = sequence_free};

static leat_status sequence_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                  leat_flow_op **out, leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(sequence_op), &sequence_class, t, worker, out, err);
  if (!status) ((sequence_op *)*out)->latest = LEAT_FLOW_TIME_MIN;
  return status;
}

static const char *const sequence_fields[] = {"start", "stop", "rate", "timestamp", NULL};
const leat_flow_class leat_flow_generate_sequence = {
    .type = "GenerateSequence",
    .urn = "leat:transform:generate_sequence:v1",
    .help = "Whole numbers, as many a second as are asked for",
    .fields = sequence_fields,
    .apply = sequence_apply,
    .start = sequence_start};
