// Explode: a row for each item of its lists.
// SPDX-License-Identifier: Apache-2.0
//
//   fields: items            or a list of fields
//   cross_product: true      of several lists each item with each; false: item by item, with null
//                            where one is shorter. Must be said for more than one field
#include "flow/op.h"

typedef struct plan {
  const leat_flow_schema *out, *items;  // items: the exploded fields, as one row has them
  const leat_flow_schema *others;       // fields of the input that stay as they are
  int *fields, count;                   // exploded: of the input
  int *other_fields;
  bool cross;
} plan;

typedef struct explode_op {
  leat_flow_op op;
  leat_flow_rows *rows;  // of `items`
  int32_t base[LEAT_FLOW_BATCH_ROWS];
} explode_op;

// --- Config -------------------------------------------------------------------------------------
static leat_status read_field(const leat_flow_transform *t, plan *p, const leat_yaml_node *node,
                              leat_error *err) {
  const leat_flow_schema *in = t->inputs.at[0]->schema;
  int f;
  leat_status status = leat_flow_field_of(t, in, node, &f, err);
  if (status) return status;
  if (in->fields[f].type != LEAT_FLOW_TYPE_LIST)
    return leat_flow_fail(t, node, err, "field '" LEAT_STR_FMT "' is a %s, expected a list",
                          LEAT_STR_ARG(in->fields[f].name),
                          leat_flow_type_name(in->fields[f].type));
  for (int i = 0; i < p->count; i++)
    if (p->fields[i] == f) return leat_flow_fail(t, node, err, "this field stands there twice");
  return p->fields[p->count++] = f, LEAT_OK;
}

static leat_status read_config(const leat_flow_transform *t, plan *p, leat_error *err) {
  const leat_yaml_node *fields = t->config ? leat_yaml_get(t->config, "fields") : NULL,
                       *cross = t->config ? leat_yaml_get(t->config, "cross_product") : NULL;
  leat_status status = LEAT_OK;
  if (!fields) return leat_flow_fail(t, NULL, err, "expected fields: [FIELD, ...]");
  if (fields->kind == LEAT_YAML_SCALAR) status = read_field(t, p, fields, err);
  for (size_t i = 0; !status && fields->kind == LEAT_YAML_SEQUENCE && i < fields->count; i++)
    status = read_field(t, p, fields->items[i], err);
  if (status) return status;
  if (!p->count) return leat_flow_fail(t, fields, err, "expected fields: [FIELD, ...]");
  p->cross = true;
  if (cross) return leat_yaml_bool(t->yaml, cross, &p->cross, err);
  if (p->count == 1) return LEAT_OK;
  return leat_flow_fail(t, fields, err,
                        "for several fields say cross_product: true (each item with each) or false "
                        "(item by item)");
}

static bool exploded(const plan *p, int field) {
  for (int i = 0; i < p->count; i++)
    if (p->fields[i] == field) return true;
  return false;
}

static leat_status make_schemas(leat_flow *flow, const leat_flow_schema *in, plan *p,
                                leat_error *err) {
  size_t n = (size_t)in->count + 1;
  leat_flow_schema *schemas = leat_arena_alloc(&flow->arena, 3 * sizeof *schemas);
  leat_flow_field *out = leat_arena_alloc(&flow->arena, 3 * n * sizeof *out);
  p->other_fields = leat_arena_alloc(&flow->arena, n * sizeof *p->other_fields);
  if (!schemas || !out || !p->other_fields) return leat__oom(err, n);
  leat_flow_field *items = out + n, *others = items + n;
  schemas[0] = (leat_flow_schema){out, in->count};
  schemas[1] = (leat_flow_schema){items, p->count};
  schemas[2] = (leat_flow_schema){others, 0};
  for (int f = 0; f < in->count; f++) {
    out[f] = in->fields[f];
    if (exploded(p, f)) continue;
    p->other_fields[schemas[2].count] = f;
    others[schemas[2].count++] = in->fields[f];
  }
  for (int i = 0; i < p->count; i++) {
    const leat_flow_field *list = &in->fields[p->fields[i]];
    items[i] = *list->fields;
    items[i].name = list->name;
    items[i].nullable |= !p->cross && p->count > 1;
    out[p->fields[i]] = items[i];
  }
  p->out = &schemas[0];
  p->items = &schemas[1];
  p->others = &schemas[2];
  return LEAT_OK;
}

static leat_status apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  if (!p || !(p->fields = leat_arena_alloc(&flow->arena,
                                           ((size_t)in->schema->count + 1) * sizeof *p->fields)))
    return leat__oom(err, sizeof *p);
  leat_status status = read_config(t, p, err);
  if (!status) status = make_schemas(flow, in->schema, p, err);
  if (status) return status;
  return leat_flow_add_output(flow, t, LEAT_STR(""), p->out, in->strategy, in->bounded, NULL, err);
}

// --- Rows ---------------------------------------------------------------------------------------
// The fields that stay, of the rows that the items are from.
static leat_flow_batch *take_others(const plan *p, const leat_flow_batch *in, const int32_t *base,
                                    int count) {
  leat_flow_column *columns = leat__alloc(((size_t)p->others->count + 1) * sizeof *columns);
  if (!columns) return NULL;
  leat_flow_batch part = *in, *out;
  part.schema = p->others;
  part.columns = columns;
  for (int i = 0; i < p->others->count; i++) columns[i] = in->columns[p->other_fields[i]];
  out = leat_flow_batch_take(&part, base, count);
  return leat__free(columns), out;
}

static leat_status flush(explode_op *e, const leat_flow_batch *in, leat_error *err) {
  const plan *p = e->op.transform->plan;
  int count = leat_flow_rows_count(e->rows);
  if (!count) return LEAT_OK;
  leat_flow_batch *items = leat_flow_rows_take(e->rows),
                  *others = items ? take_others(p, in, e->base, count) : NULL,
                  *out = others ? leat_flow_batch_like(others, p->out) : NULL;
  for (int i = 0; out && i < p->others->count; i++)
    leat_flow_column_share(&out->columns[p->other_fields[i]], &others->columns[i]);
  for (int i = 0; out && i < p->count; i++)
    leat_flow_column_share(&out->columns[p->fields[i]], &items->columns[i]);
  leat_flow_batch_unref(items);
  leat_flow_batch_unref(others);
  return leat_flow_emit(&e->op, 0, out, err);
}

static int32_t length(const leat_flow_column *c, int row) {
  const int32_t *ends = c->values;
  return leat_flow_is_valid(c, row) ? ends[row + 1] - ends[row] : 0;
}

// Item `which` of each exploded list of a row; past its end: null.
static leat_status put(explode_op *e, const leat_flow_batch *in, int row, const int32_t *which,
                       leat_error *err) {
  const plan *p = e->op.transform->plan;
  for (int i = 0; i < p->count; i++) {
    const leat_flow_column *c = &in->columns[p->fields[i]];
    const leat_flow_field *item = in->schema->fields[p->fields[i]].fields;
    if (which[i] < length(c, row))
      leat_flow_rows_copy(e->rows, item, c->children, ((const int32_t *)c->values)[row] + which[i]);
    else
      leat_flow_rows_null(e->rows);
  }
  e->base[leat_flow_rows_count(e->rows)] = row;
  leat_status status = leat_flow_rows_end(e->rows, 0, NULL, NULL, err);
  if (!status && leat_flow_rows_count(e->rows) == LEAT_FLOW_BATCH_ROWS) status = flush(e, in, err);
  return status;
}

static leat_status explode_row(explode_op *e, const leat_flow_batch *in, int row, int32_t *which,
                               leat_error *err) {
  const plan *p = e->op.transform->plan;
  leat_status status = LEAT_OK;
  int32_t longest = 0, shortest = INT32_MAX;
  for (int i = 0; i < p->count; i++) {
    int32_t n = length(&in->columns[p->fields[i]], row);
    if (n > longest) longest = n;
    if (n < shortest) shortest = n;
    which[i] = 0;
  }
  if (!p->cross) {
    for (int32_t k = 0; !status && k < longest; k++) {
      for (int i = 0; i < p->count; i++) which[i] = k;
      status = put(e, in, row, which, err);
    }
    return status;
  }
  int i = shortest ? 0 : -1;
  while (!status && i >= 0) {  // counts, the last list the quickest
    status = put(e, in, row, which, err);
    for (i = p->count - 1; i >= 0; which[i--] = 0)
      if (++which[i] < length(&in->columns[p->fields[i]], row)) break;
  }
  return status;
}

static leat_status batch(leat_flow_op *op, int input, const leat_flow_batch *in, leat_error *err) {
  explode_op *e = (explode_op *)op;
  const plan *p = op->transform->plan;
  int32_t *which = leat__alloc((size_t)p->count * sizeof *which);
  leat_status status = which ? LEAT_OK : leat__oom(err, sizeof *which);
  for (int row = 0; !status && row < in->rows; row++) status = explode_row(e, in, row, which, err);
  leat__free(which);
  return status ? status : flush(e, in, err);
}

static void op_free(leat_flow_op *op) {
  leat_flow_rows_free(((explode_op *)op)->rows);
  leat__free(op);
}

static const leat_flow_op_class class = {.batch = batch, .free = op_free};

static leat_status start(const leat_flow_transform *t, leat_flow_worker *worker, leat_flow_op **out,
                         leat_error *err) {
  const plan *p = t->plan;
  leat_status status = leat_flow_op_new(sizeof(explode_op), &class, t, worker, out, err);
  return status ? status : leat_flow_rows_new(&((explode_op *)*out)->rows, p->items, err);
}

static const char *const fields[] = {"fields", "cross_product", NULL};

const leat_flow_class leat_flow_explode = {.type = "Explode",
                                           .urn = "leat:transform:explode:v1",
                                           .help = "A row for each item of its lists",
                                           .inputs_min = 1,
                                           .inputs_max = 1,
                                           .fields = fields,
                                           .apply = apply,
                                           .start = start};
