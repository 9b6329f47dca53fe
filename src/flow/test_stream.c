// TestStream: rows, watermarks and processing time as the config says, one after the other.
// SPDX-License-Identifier: Apache-2.0
//
//   schema: "{key: string, n: int64}"
//   events:
//     - elements: [{at: 5, row: {key: a, n: 1}}]   a bundle; `at` in ms
//     - watermark: 10                              ms; `end`: of all input
//     - advance: 1000                              processing time, by so many ms
//
// Everything that can happen has happened before the next event comes. Processing time is virtual,
// from 0. Where the events end the watermark goes to the end.
#include "flow/op.h"
#include "flow/transforms.h"
#include "flow/values.h"
#include "flow/windowing.h"

typedef enum event_kind { ELEMENTS, WATERMARK, ADVANCE } event_kind;

typedef struct event {
  event_kind kind;
  int64_t number;
  const leat_yaml_node *elements;
} event;

typedef struct plan {
  const leat_flow_schema *schema;
  event *events;
  size_t count;
} plan;

typedef struct stream {
  leat_flow_op op;
  leat_flow_rows *rows;
  size_t at;
  int64_t watermark;
} stream;

// --- Rows from YAML -----------------------------------------------------------------------------
static leat_status put_node(const leat_flow_transform *t, leat_flow_rows *rows,
                            const leat_flow_field *field, const leat_yaml_node *node,
                            leat_error *err);

static leat_status put_fields(const leat_flow_transform *t, leat_flow_rows *rows,
                              const leat_flow_field *fields, int count, const leat_yaml_node *node,
                              leat_error *err) {
  leat_status status = LEAT_OK;
  if (node->kind != LEAT_YAML_MAPPING)
    return leat_flow_fail(t, node, err, "expected a row: {field: value, ...}");
  for (size_t i = 0; i < node->count; i++) {
    leat_flow_schema schema = {fields, count};
    int index;
    if ((status = leat_flow_field_of(t, &schema, node->keys[i], &index, err))) return status;
  }
  for (int i = 0; !status && i < count; i++) {
    const leat_yaml_node *item = NULL;
    for (size_t j = 0; j < node->count; j++)
      if (leat_str_eq(node->keys[j]->text, fields[i].name)) item = node->items[j];
    if (!item && !fields[i].nullable)
      return leat_flow_fail(t, node, err, "field '" LEAT_STR_FMT "' is missing",
                            LEAT_STR_ARG(fields[i].name));
    if (item)
      status = put_node(t, rows, &fields[i], item, err);
    else
      leat_flow_rows_null(rows);
  }
  return status;
}

static leat_status put_scalar(const leat_flow_transform *t, leat_flow_rows *rows,
                              const leat_flow_field *field, const leat_yaml_node *node,
                              leat_error *err) {
  int64_t number;
  double real;
  bool flag;
  leat_str text;
  leat_status status;
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL:
      if (!(status = leat_yaml_bool(t->yaml, node, &flag, err))) leat_flow_rows_bool(rows, flag);
      return status;
    case LEAT_FLOW_TYPE_FLOAT:
    case LEAT_FLOW_TYPE_DOUBLE:
      if (!(status = leat_yaml_f64(t->yaml, node, &real, err))) leat_flow_rows_double(rows, real);
      return status;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES:
      if (!(status = leat_yaml_str(t->yaml, node, &text, err))) leat_flow_rows_text(rows, text);
      return status;
    default:
      if (!(status = leat_yaml_i64(t->yaml, node, &number, err))) leat_flow_rows_int(rows, number);
      return status;
  }
}

static leat_status put_node(const leat_flow_transform *t, leat_flow_rows *rows,
                            const leat_flow_field *field, const leat_yaml_node *node,
                            leat_error *err) {
  leat_status status = LEAT_OK;
  bool list = field->type == LEAT_FLOW_TYPE_LIST, row = field->type == LEAT_FLOW_TYPE_ROW;
  if (leat_yaml_is_null(node)) return leat_flow_rows_null(rows), LEAT_OK;
  if (!list && !row) return put_scalar(t, rows, field, node, err);
  if (list && node->kind != LEAT_YAML_SEQUENCE)
    return leat_flow_fail(t, node, err, "expected a list");
  leat_flow_rows_open(rows);
  if (row) status = put_fields(t, rows, field->fields, field->field_count, node, err);
  for (size_t i = 0; list && !status && i < node->count; i++)
    status = put_node(t, rows, field->fields, node->items[i], err);
  leat_flow_rows_close(rows);
  return status;
}

// --- Applying -----------------------------------------------------------------------------------
static leat_status read_elements(const leat_flow_transform *t, const leat_yaml_node *list,
                                 leat_error *err) {
  if (list->kind != LEAT_YAML_SEQUENCE || list->count > LEAT_FLOW_BATCH_ROWS)
    return leat_flow_fail(t, list, err, "expected a list of at most %d elements",
                          LEAT_FLOW_BATCH_ROWS);
  for (size_t i = 0; i < list->count; i++) {
    const leat_yaml_node *at = leat_yaml_get(list->items[i], "at");
    int64_t time;
    if (!at || !leat_yaml_get(list->items[i], "row"))
      return leat_flow_fail(t, list->items[i], err, "expected {at: ms, row: {...}}");
    leat_status status = leat_yaml_i64(t->yaml, at, &time, err);
    if (status) return status;
    if (time < LEAT_FLOW_TIME_MIN || time > LEAT_FLOW_GLOBAL_MAX)
      return leat_flow_fail(t, at, err, "the time is out of bounds");
  }
  return LEAT_OK;
}

static leat_status read_event(const leat_flow_transform *t, const leat_yaml_node *node, event *e,
                              leat_error *err) {
  static const char *const kinds[] = {"elements", "watermark", "advance"};
  if (node->kind != LEAT_YAML_MAPPING || node->count != 1)
    return leat_flow_fail(t, node, err, "expected one of elements, watermark, advance");
  int kind = 0;
  while (kind < 3 && !leat_str_eq(node->keys[0]->text, leat_str_of(kinds[kind]))) kind++;
  const leat_yaml_node *value = node->items[0];
  e->kind = (event_kind)kind;
  e->elements = value;
  if (kind == 3)
    return leat_flow_fail(t, node, err, "expected one of elements, watermark, advance");
  if (kind == ELEMENTS) return read_elements(t, value, err);
  if (kind == WATERMARK && leat_str_eq(value->text, LEAT_STR("end")))
    return e->number = LEAT_FLOW_TIME_MAX, LEAT_OK;
  leat_status status = leat_yaml_i64(t->yaml, value, &e->number, err);
  if (status) return status;
  bool good =
      e->number <= LEAT_FLOW_TIME_MAX && e->number >= (kind == ADVANCE ? 0 : LEAT_FLOW_TIME_MIN);
  return good ? LEAT_OK : leat_flow_fail(t, value, err, "the time is out of bounds");
}

static leat_status apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_yaml_node *schema = leat_yaml_get(t->config, "schema");
  const leat_yaml_node *events = leat_yaml_get(t->config, "events");
  plan *p = leat_arena_alloc(&flow->arena, sizeof *p);
  leat_flow_collection *out;
  if (!schema || !events || events->kind != LEAT_YAML_SEQUENCE)
    return leat_flow_fail(t, t->config, err, "expected `schema` and a list of `events`");
  leat_status status = leat_flow_schema_read(&flow->arena, schema->text, &p->schema, err);
  if (status) return leat_flow_fail(t, schema, err, "%s", err ? err->message : "");
  p->count = events->count;
  p->events = leat_arena_alloc(&flow->arena, (p->count + 1) * sizeof *p->events);
  if (!p->events) return leat__oom(err, sizeof *p->events);
  for (size_t i = 0; !status && i < p->count; i++)
    status = read_event(t, events->items[i], &p->events[i], err);
  t->plan = p;
  if (status) return status;
  return leat_flow_add_output(flow, t, LEAT_STR(""), p->schema, &leat_flow_global, false, &out,
                              err);
}

// --- Reading ------------------------------------------------------------------------------------
static leat_status give_elements(stream *s, const leat_yaml_node *list, leat_error *err) {
  const leat_flow_transform *t = s->op.transform;
  const plan *p = t->plan;
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < list->count; i++) {
    int64_t at = 0;
    status = leat_yaml_i64(t->yaml, leat_yaml_get(list->items[i], "at"), &at, err);
    if (!status)
      status = put_fields(t, s->rows, p->schema->fields, p->schema->count,
                          leat_yaml_get(list->items[i], "row"), err);
    if (!status) status = leat_flow_rows_end(s->rows, at, NULL, NULL, err);
  }
  if (status) return status;
  leat_flow_batch *batch = leat_flow_rows_take(s->rows);
  return batch ? leat_flow_emit(&s->op, 0, batch, err) : leat__oom(err, sizeof *batch);
}

static leat_status read_next(leat_flow_op *op, int64_t *watermark, int64_t *wait_ms,
                             leat_error *err) {
  stream *s = (stream *)op;
  const plan *p = op->transform->plan;
  leat_status status = LEAT_OK;
  *wait_ms = 0;
  if (op->worker->index || s->at == p->count) {
    s->watermark = LEAT_FLOW_TIME_MAX;
  } else {
    const event *e = &p->events[s->at++];
    if (e->kind == ELEMENTS) status = give_elements(s, e->elements, err);
    if (e->kind == WATERMARK && e->number > s->watermark) s->watermark = e->number;
    if (e->kind == ADVANCE) op->worker->now += e->number;
  }
  *watermark = s->watermark;
  return status;
}

static void stop_stream(leat_flow_op *op) {
  leat_flow_rows_free(((stream *)op)->rows);
  leat__free(op);
}

static leat_status start(const leat_flow_transform *t, leat_flow_worker *worker, leat_flow_op **out,
                         leat_error *err) {
  static const leat_flow_op_class op_class = {.read = read_next, .free = stop_stream};
  stream *s;
  leat_status status = leat_flow_op_new(sizeof *s, &op_class, t, worker, &s, err);
  if (status) return status;
  s->watermark = LEAT_FLOW_TIME_MIN;
  worker->virtual_time = true;
  worker->now = 0;
  status = leat_flow_rows_new(&s->rows, ((const plan *)t->plan)->schema, err);
  if (status) return leat__free(s), status;
  return *out = &s->op, LEAT_OK;
}

const leat_flow_class leat_flow_test_stream = {
    .type = "TestStream",
    .urn = "beam:transform:teststream:v1",
    .help = "Rows, watermarks and processing time one after the other, for tests",
    .fields = (const char *const[]){"schema", "events", NULL},
    .apply = apply,
    .start = start,
    .alone = true,
};
