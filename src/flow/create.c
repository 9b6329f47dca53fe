// Create: rows that stand in the pipeline itself.
// SPDX-License-Identifier: Apache-2.0
//
//   elements: [{key: a, n: 1}, ...], or [1, 2, 3] in a field `element`
//   schema: {at: timestamp, n: int64?}   types that the elements do not tell by themselves
//   timestamp: at                        of the rows, or {field: at, unit: s}, as sources have it
#include "flow/draft.h"
#include "flow/op.h"
#include "flow/row_json.h"
#include "flow/values.h"
#include "flow/windowing.h"
#include "formats/number.h"

#include <math.h>
#include <string.h>

typedef struct plan {
  const leat_flow_schema *schema;
  const leat_yaml_node *elements;
  bool scalars;
  int ts_field;    // -1: rows are at the beginning of time
  double unit_ms;  // of numbers there
} plan;

// --- Schema -------------------------------------------------------------------------------------
static leat_flow_type scalar_type(const leat_yaml_node *node) {
  int64_t whole;
  double real;
  if (node->quoted) return LEAT_FLOW_TYPE_STRING;
  if (leat_str_eq(node->text, LEAT_STR("true")) || leat_str_eq(node->text, LEAT_STR("false")))
    return LEAT_FLOW_TYPE_BOOL;
  if (leat_parse_i64(node->text, &whole)) return LEAT_FLOW_TYPE_INT64;
  return leat_parse_f64(node->text, &real) ? LEAT_FLOW_TYPE_DOUBLE : LEAT_FLOW_TYPE_STRING;
}

static leat_status join_type(const leat_flow_transform *t, const leat_yaml_node *node,
                             leat_flow_draft *d, leat_flow_type type, leat_error *err) {
  if (leat_flow_draft_type(d, type)) return LEAT_OK;
  return leat_flow_fail(t, node, err, "field '" LEAT_STR_FMT "' is %s here and %s before",
                        LEAT_STR_ARG(d->name), leat_flow_type_name(type),
                        leat_flow_type_name((leat_flow_type)d->type));
}

static leat_status join(const leat_flow_transform *t, const leat_yaml_node *node,
                        leat_flow_draft *d, leat_error *err);

static leat_status join_row(const leat_flow_transform *t, const leat_yaml_node *node,
                            leat_flow_draft *d, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < node->count; i++) {
    leat_flow_draft *part = leat_flow_draft_part(d, node->keys[i]->text);
    if (!part) return leat__oom(err, sizeof *part);
    status = join(t, node->items[i], part, err);
  }
  leat_flow_draft_end(d);
  return status;
}

static leat_status join(const leat_flow_transform *t, const leat_yaml_node *node,
                        leat_flow_draft *d, leat_error *err) {
  d->seen++;
  if (node->kind == LEAT_YAML_SCALAR && leat_yaml_is_null(node)) return d->nullable = true, LEAT_OK;
  if (node->kind == LEAT_YAML_SCALAR) return join_type(t, node, d, scalar_type(node), err);
  bool list = node->kind == LEAT_YAML_SEQUENCE;
  leat_status status = join_type(t, node, d, list ? LEAT_FLOW_TYPE_LIST : LEAT_FLOW_TYPE_ROW, err);
  if (status) return status;
  if (!list) return join_row(t, node, d, err);
  leat_flow_draft *item = leat_flow_draft_part(d, (leat_str){0});
  if (!item) return leat__oom(err, sizeof *item);
  for (size_t i = 0; !status && i < node->count; i++) status = join(t, node->items[i], item, err);
  return status;
}

// --- Given types --------------------------------------------------------------------------------
static bool fits(const leat_flow_field *field, const leat_yaml_node *node) {
  int64_t whole;
  double real;
  if (!node || (node->kind == LEAT_YAML_SCALAR && leat_yaml_is_null(node))) return field->nullable;
  if (field->type == LEAT_FLOW_TYPE_LIST || field->type == LEAT_FLOW_TYPE_ROW) {
    bool list = field->type == LEAT_FLOW_TYPE_LIST;
    if (node->kind != (list ? LEAT_YAML_SEQUENCE : LEAT_YAML_MAPPING)) return false;
    for (size_t i = 0; list && i < node->count; i++)
      if (!fits(field->fields, node->items[i])) return false;
    for (int i = 0; !list && i < field->field_count; i++) {
      const leat_yaml_node *value = NULL;
      for (size_t k = 0; k < node->count; k++)
        if (leat_str_eq(node->keys[k]->text, field->fields[i].name)) value = node->items[k];
      if (!fits(&field->fields[i], value)) return false;
    }
    return true;
  }
  if (node->kind != LEAT_YAML_SCALAR) return false;
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL:
      return leat_str_eq(node->text, LEAT_STR("true")) ||
             leat_str_eq(node->text, LEAT_STR("false"));
    case LEAT_FLOW_TYPE_INT32: return leat_parse_i64(node->text, &whole) && whole == (int32_t)whole;
    case LEAT_FLOW_TYPE_INT64: return leat_parse_i64(node->text, &whole);
    case LEAT_FLOW_TYPE_FLOAT:
    case LEAT_FLOW_TYPE_DOUBLE: return leat_parse_f64(node->text, &real);
    case LEAT_FLOW_TYPE_TIMESTAMP: return leat_flow_parse_time(node->text, &whole);
    default: return true;
  }
}

static const leat_yaml_node *value_of(const leat_yaml_node *element, leat_str name) {
  for (size_t k = 0; element->kind == LEAT_YAML_MAPPING && k < element->count; k++)
    if (leat_str_eq(element->keys[k]->text, name)) return element->items[k];
  return NULL;
}

// `schema` gives the type of fields that the elements have, and adds those that none of them has.
static leat_status give_types(leat_flow *flow, const leat_flow_transform *t, plan *p,
                              leat_flow_schema *schema, leat_error *err) {
  const leat_yaml_node *given = leat_yaml_get(t->config, "schema");
  if (!given || leat_yaml_is_null(given)) return LEAT_OK;
  if (given->kind != LEAT_YAML_MAPPING)
    return leat_flow_fail(t, given, err, "expected schema: {FIELD: TYPE, ...}");
  if (p->scalars && p->elements->count)
    return leat_flow_fail(t, given, err, "a schema is of elements with fields");
  leat_flow_field *fields =
      leat_arena_alloc(&flow->arena, ((size_t)schema->count + given->count + 1) * sizeof *fields);
  int count = p->elements->count ? schema->count : 0;
  if (!fields) return leat__oom(err, sizeof *fields);
  if (count) memcpy(fields, schema->fields, (size_t)count * sizeof *fields);
  for (size_t i = 0; i < given->count; i++) {
    const leat_flow_field *type;
    leat_error why;
    leat_str name = given->keys[i]->text;
    if (given->items[i]->kind != LEAT_YAML_SCALAR)
      return leat_flow_fail(t, given->items[i], err, "expected a type");
    if (leat_flow_field_read(&flow->arena, given->items[i]->text, &type, &why))
      return leat_flow_fail(t, given->items[i], err, "%s", why.message);
    int at = 0;
    while (at < count && !leat_str_eq(fields[at].name, name)) at++;
    bool nullable = at == count ? p->elements->count > 0 : fields[at].nullable;
    fields[at] = *type;
    fields[at].name = name;
    fields[at].nullable |= nullable;
    count += at == count;
    for (size_t k = 0; k < p->elements->count; k++) {
      const leat_yaml_node *value = value_of(p->elements->items[k], name);
      if (!fits(&fields[at], value))
        return leat_flow_fail(t, value ? value : p->elements->items[k], err,
                              "'" LEAT_STR_FMT "' is not %s", LEAT_STR_ARG(name),
                              leat_flow_type_name(fields[at].type));
    }
  }
  p->scalars = false;
  *schema = (leat_flow_schema){fields, count};
  return LEAT_OK;
}

static leat_status read_times(const leat_flow_transform *t, plan *p, leat_error *err) {
  static const struct {
    const char *name;
    double ms;
  } units[] = {{"ms", 1}, {"s", 1e3}, {"us", 1e-3}, {"ns", 1e-6}};
  const leat_yaml_node *times = leat_yaml_get(t->config, "timestamp");
  p->ts_field = -1;
  p->unit_ms = 1;
  if (!times || leat_yaml_is_null(times)) return LEAT_OK;
  bool plain = times->kind == LEAT_YAML_SCALAR;
  const leat_yaml_node *name = plain ? times : leat_yaml_get(times, "field"),
                       *unit = plain ? NULL : leat_yaml_get(times, "unit");
  if (!name) return leat_flow_fail(t, times, err, "expected timestamp: FIELD");
  leat_status status = leat_flow_field_of(t, p->schema, name, &p->ts_field, err);
  if (status || !unit) return status;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (leat_str_eq(unit->text, leat_str_of(units[i].name)))
      return p->unit_ms = units[i].ms, LEAT_OK;
  return leat_flow_fail(t, unit, err, "expected unit: s, ms, us or ns");
}

static leat_status row_time(const leat_flow_transform *t, const plan *p,
                            const leat_yaml_node *element, int64_t *out, leat_error *err) {
  *out = LEAT_FLOW_TIME_MIN;
  if (p->ts_field < 0) return LEAT_OK;
  const leat_flow_field *f = &p->schema->fields[p->ts_field];
  const leat_yaml_node *value = value_of(element, f->name);
  double number = 0;
  bool good = value && value->kind == LEAT_YAML_SCALAR;
  if (good && (f->type == LEAT_FLOW_TYPE_INT64 || f->type == LEAT_FLOW_TYPE_DOUBLE)) {
    good = leat_parse_f64(value->text, &number) && fabs(number * p->unit_ms) < 9e15;
    if (good) *out = (int64_t)floor(number * p->unit_ms);
  } else if (good) {
    good = leat_flow_parse_time(value->text, out);
  }
  if (good && *out >= LEAT_FLOW_TIME_MIN && *out <= LEAT_FLOW_GLOBAL_MAX) return LEAT_OK;
  return leat_flow_fail(t, value ? value : element, err, "no time in '" LEAT_STR_FMT "'",
                        LEAT_STR_ARG(f->name));
}

static leat_status create_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  leat_flow_schema *schema = leat_arena_alloc(&flow->arena, sizeof *schema);
  if (!p || !schema) return leat__oom(err, sizeof *p);
  p->elements = t->config ? leat_yaml_get(t->config, "elements") : NULL;
  if (!p->elements || p->elements->kind != LEAT_YAML_SEQUENCE)
    return leat_flow_fail(t, p->elements, err, "expected elements: [...]");
  leat_flow_draft all = {.type = -1}, wrapped = {.name = LEAT_STR("element"), .type = -1};
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < p->elements->count; i++)
    status = join(t, p->elements->items[i], &all, err);
  p->scalars = all.type != LEAT_FLOW_TYPE_ROW;
  wrapped.parts = all.parts;
  wrapped.type = all.type, wrapped.nullable = all.nullable;
  schema->count = p->scalars ? 1 : (int)all.parts.count;
  schema->fields = leat_flow_draft_fields(&flow->arena, p->scalars ? &wrapped : all.parts.at,
                                          (size_t)schema->count);
  p->schema = schema;
  leat_flow_draft_free(&all);
  if (status) return status;
  if (!schema->fields) return leat__oom(err, sizeof *schema);
  status = give_types(flow, t, p, schema, err);
  if (!status) status = read_times(t, p, err);
  if (status) return status;
  return leat_flow_add_output(flow, t, LEAT_STR(""), schema, &leat_flow_global, true, NULL, err);
}

// --- Rows ---------------------------------------------------------------------------------------
static void put(const leat_flow_field *field, const leat_yaml_node *node, leat_flow_rows *rows);

static void put_parts(const leat_flow_field *field, const leat_yaml_node *node,
                      leat_flow_rows *rows) {
  leat_flow_rows_open(rows);
  if (field->type == LEAT_FLOW_TYPE_LIST)
    for (size_t i = 0; i < node->count; i++) put(field->fields, node->items[i], rows);
  for (int i = 0; field->type == LEAT_FLOW_TYPE_ROW && i < field->field_count; i++) {
    const leat_yaml_node *value = NULL;
    for (size_t k = 0; k < node->count; k++)
      if (leat_str_eq(node->keys[k]->text, field->fields[i].name)) value = node->items[k];
    put(&field->fields[i], value, rows);
  }
  leat_flow_rows_close(rows);
}

static void put(const leat_flow_field *field, const leat_yaml_node *node, leat_flow_rows *rows) {
  int64_t whole = 0;
  double real = 0;
  if (!node || (node->kind == LEAT_YAML_SCALAR && leat_yaml_is_null(node))) {
    leat_flow_rows_null(rows);
    return;
  }
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL:
      leat_flow_rows_bool(rows, leat_str_eq(node->text, LEAT_STR("true")));
      break;
    case LEAT_FLOW_TYPE_TIMESTAMP:
      leat_flow_parse_time(node->text, &whole);
      leat_flow_rows_int(rows, whole);
      break;
    case LEAT_FLOW_TYPE_INT32:
    case LEAT_FLOW_TYPE_INT64:
      leat_parse_i64(node->text, &whole);
      leat_flow_rows_int(rows, whole);
      break;
    case LEAT_FLOW_TYPE_FLOAT:
    case LEAT_FLOW_TYPE_DOUBLE:
      leat_parse_f64(node->text, &real);
      leat_flow_rows_double(rows, real);
      break;
    case LEAT_FLOW_TYPE_LIST:
    case LEAT_FLOW_TYPE_ROW: put_parts(field, node, rows); break;
    default: leat_flow_rows_text(rows, node->text); break;
  }
}

static void put_element(const plan *p, const leat_yaml_node *node, leat_flow_rows *rows) {
  for (int f = 0; f < p->schema->count; f++) {
    const leat_flow_field *field = &p->schema->fields[f];
    const leat_yaml_node *value = p->scalars ? node : NULL;
    for (size_t k = 0; !p->scalars && k < node->count; k++)
      if (leat_str_eq(node->keys[k]->text, field->name)) value = node->items[k];
    put(field, value, rows);
  }
}

typedef struct create_op {
  leat_flow_op op;
  leat_flow_rows *rows;
  size_t at;
} create_op;

static leat_status create_read(leat_flow_op *op, int64_t *watermark, int64_t *wait_ms,
                               leat_error *err) {
  create_op *c = (create_op *)op;
  const plan *p = op->transform->plan;
  (void)wait_ms;
  for (; c->at < p->elements->count && leat_flow_rows_count(c->rows) < LEAT_FLOW_BATCH_ROWS;
       c->at++) {
    put_element(p, p->elements->items[c->at], c->rows);
    int64_t ts;
    leat_status status = row_time(op->transform, p, p->elements->items[c->at], &ts, err);
    if (!status) status = leat_flow_rows_end(c->rows, ts, NULL, NULL, err);
    if (status) return status;
  }
  if (c->at == p->elements->count) *watermark = LEAT_FLOW_TIME_MAX;
  return leat_flow_emit(op, 0, leat_flow_rows_take(c->rows), err);
}

static void create_free(leat_flow_op *op) {
  leat_flow_rows_free(((create_op *)op)->rows);
  leat__free(op);
}

static const leat_flow_op_class create_class = {.read = create_read, .free = create_free};

static leat_status create_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                leat_flow_op **out, leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(create_op), &create_class, t, worker, out, err);
  if (status) return status;
  const plan *p = t->plan;
  return leat_flow_rows_new(&((create_op *)*out)->rows, p->schema, err);
}

static const char *const create_fields[] = {"elements", "schema", "timestamp", "reshuffle", NULL};

const leat_flow_class leat_flow_create = {.type = "Create",
                                          .urn = "leat:transform:create:v1",
                                          .help = "Rows that stand in the pipeline itself",
                                          .fields = create_fields,
                                          .apply = create_apply,
                                          .start = create_start};
