// Create: rows that stand in the pipeline itself.
// SPDX-License-Identifier: Apache-2.0
//
//   elements: [{key: a, n: 1}, ...], or [1, 2, 3] in a field `element`
#include "flow/op.h"
#include "flow/windowing.h"
#include "formats/number.h"

typedef struct plan {
  const leat_flow_schema *schema;
  const leat_yaml_node *elements;
  bool scalars;
} plan;

// --- Schema -------------------------------------------------------------------------------------
typedef struct draft draft;
struct draft {  // of a field, joined from all elements
  leat_str name;
  int type;  // -1: nothing but nulls so far
  bool nullable;
  int seen;  // elements that have it
  LEAT_VEC(draft) parts;
};

static leat_flow_type scalar_type(const leat_yaml_node *node) {
  int64_t whole;
  double real;
  if (node->quoted) return LEAT_FLOW_TYPE_STRING;
  if (leat_str_eq(node->text, LEAT_STR("true")) || leat_str_eq(node->text, LEAT_STR("false")))
    return LEAT_FLOW_TYPE_BOOL;
  if (leat_parse_i64(node->text, &whole)) return LEAT_FLOW_TYPE_INT64;
  return leat_parse_f64(node->text, &real) ? LEAT_FLOW_TYPE_DOUBLE : LEAT_FLOW_TYPE_STRING;
}

static void drafts_free(draft *d) {
  for (size_t i = 0; i < d->parts.count; i++) drafts_free(&d->parts.at[i]);
  leat_vec_deinit(&d->parts);
}

static leat_status join_type(const leat_flow_transform *t, const leat_yaml_node *node, draft *d,
                             leat_flow_type type, leat_error *err) {
  bool numbers = (d->type == LEAT_FLOW_TYPE_INT64 && type == LEAT_FLOW_TYPE_DOUBLE) ||
                 (d->type == LEAT_FLOW_TYPE_DOUBLE && type == LEAT_FLOW_TYPE_INT64);
  if (d->type < 0 || numbers)
    d->type = numbers ? LEAT_FLOW_TYPE_DOUBLE : (int)type;
  else if (d->type != (int)type)
    return leat_flow_fail(t, node, err, "field '" LEAT_STR_FMT "' is %s here and %s before",
                          LEAT_STR_ARG(d->name), leat_flow_type_name(type),
                          leat_flow_type_name((leat_flow_type)d->type));
  return LEAT_OK;
}

static leat_status join(const leat_flow_transform *t, const leat_yaml_node *node, draft *d,
                        leat_error *err);

static leat_status join_row(const leat_flow_transform *t, const leat_yaml_node *node, draft *d,
                            leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < node->count; i++) {
    size_t k = 0;
    while (k < d->parts.count && !leat_str_eq(d->parts.at[k].name, node->keys[i]->text)) k++;
    if (k == d->parts.count) {
      draft part = {.name = node->keys[i]->text, .type = -1, .nullable = d->seen > 1};
      if (!leat_vec_push(&d->parts, part)) return leat__oom(err, sizeof part);
    }
    status = join(t, node->items[i], &d->parts.at[k], err);
  }
  for (size_t k = 0; k < d->parts.count; k++)
    d->parts.at[k].nullable |= d->parts.at[k].seen < d->seen;
  for (size_t k = 0; k < d->parts.count; k++) d->parts.at[k].seen = d->seen;
  return status;
}

static leat_status join(const leat_flow_transform *t, const leat_yaml_node *node, draft *d,
                        leat_error *err) {
  d->seen++;
  if (node->kind == LEAT_YAML_SCALAR && leat_yaml_is_null(node)) return d->nullable = true, LEAT_OK;
  if (node->kind == LEAT_YAML_SCALAR) return join_type(t, node, d, scalar_type(node), err);
  bool list = node->kind == LEAT_YAML_SEQUENCE;
  leat_status status = join_type(t, node, d, list ? LEAT_FLOW_TYPE_LIST : LEAT_FLOW_TYPE_ROW, err);
  if (status) return status;
  if (!list) return join_row(t, node, d, err);
  draft item = {.type = -1};
  if (!d->parts.count && !leat_vec_push(&d->parts, item)) return leat__oom(err, sizeof item);
  for (size_t i = 0; !status && i < node->count; i++)
    status = join(t, node->items[i], &d->parts.at[0], err);
  return status;
}

static leat_flow_field *fields_of(leat_arena *arena, const draft *parts, size_t count) {
  leat_flow_field *fields = leat_arena_alloc(arena, (count + 1) * sizeof *fields);
  for (size_t i = 0; fields && i < count; i++) {
    const draft *d = &parts[i];
    bool unknown = d->type < 0;
    fields[i] = (leat_flow_field){.name = d->name,
                                  .type = unknown ? LEAT_FLOW_TYPE_STRING : (leat_flow_type)d->type,
                                  .nullable = d->nullable || unknown,
                                  .field_count = (int)d->parts.count};
    if (d->parts.count && !(fields[i].fields = fields_of(arena, d->parts.at, d->parts.count)))
      return NULL;
  }
  return fields;
}

static leat_status create_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  leat_flow_schema *schema = leat_arena_alloc(&flow->arena, sizeof *schema);
  if (!p || !schema) return leat__oom(err, sizeof *p);
  p->elements = t->config ? leat_yaml_get(t->config, "elements") : NULL;
  if (!p->elements || p->elements->kind != LEAT_YAML_SEQUENCE)
    return leat_flow_fail(t, p->elements, err, "expected elements: [...]");
  draft all = {.type = -1}, wrapped = {.name = LEAT_STR("element"), .type = -1};
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < p->elements->count; i++)
    status = join(t, p->elements->items[i], &all, err);
  p->scalars = all.type != LEAT_FLOW_TYPE_ROW;
  wrapped.parts = all.parts;
  wrapped.type = all.type, wrapped.nullable = all.nullable;
  schema->count = p->scalars ? 1 : (int)all.parts.count;
  schema->fields =
      fields_of(&flow->arena, p->scalars ? &wrapped : all.parts.at, (size_t)schema->count);
  p->schema = schema;
  drafts_free(&all);
  if (status) return status;
  if (!schema->fields) return leat__oom(err, sizeof *schema);
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
    case LEAT_FLOW_TYPE_INT64:
      leat_parse_i64(node->text, &whole);
      leat_flow_rows_int(rows, whole);
      break;
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
    leat_status status = leat_flow_rows_end(c->rows, LEAT_FLOW_TIME_MIN, NULL, NULL, err);
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

static const char *const create_fields[] = {"elements", "reshuffle", NULL};

const leat_flow_class leat_flow_create = {.type = "Create",
                                          .urn = "leat:transform:create:v1",
                                          .help = "Rows that stand in the pipeline itself",
                                          .fields = create_fields,
                                          .apply = create_apply,
                                          .start = create_start};
