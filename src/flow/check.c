// LogForTesting, AssertEqual, StripErrorMetadata: transforms for tests and for looking on.
// SPDX-License-Identifier: Apache-2.0
#include "flow/op.h"
#include "flow/row_json.h"

#include "formats/number.h"

#include <stdlib.h>

// --- LogForTesting ------------------------------------------------------------------------------
// Its rows go to stderr, as JSON, and on.
static leat_status log_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  return leat_flow_add_output(flow, t, LEAT_STR(""), in->schema, in->strategy, in->bounded, NULL,
                              err);
}

static leat_status log_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                             leat_error *err) {
  const leat_yaml_node *config = op->transform->config,
                       *prefix = config ? leat_yaml_get(config, "prefix") : NULL;
  leat_buf text = {0};
  for (int i = 0; i < batch->rows; i++) {
    leat_json_writer w = {.out = &text};
    if (prefix) leat_buf_str(&text, prefix->text);
    leat_flow_row_json(&w, batch, i);
    leat_buf_char(&text, '\n');
  }
  if (text.len) fwrite(text.ptr, 1, text.len, stderr);
  leat_buf_deinit(&text);
  return leat_flow_emit(op, 0, leat_flow_batch_ref((leat_flow_batch *)batch), err);
}

static void op_free(leat_flow_op *op) { leat__free(op); }

static const leat_flow_op_class log_class = {.batch = log_batch, .free = op_free};

static leat_status log_start(const leat_flow_transform *t, leat_flow_worker *worker,
                             leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(leat_flow_op), &log_class, t, worker, out, err);
}

static const char *const log_fields[] = {"level", "prefix", NULL};

const leat_flow_class leat_flow_log_for_testing = {
    .type = "LogForTesting",
    .urn = "leat:transform:log_for_testing:v1",
    .help = "Rows to standard error, as JSON, and on",
    .inputs_min = 1,
    .inputs_max = 1,
    .fields = log_fields,
    .apply = log_apply,
    .start = log_start};

// --- StripErrorMetadata -------------------------------------------------------------------------
// {element, msg, stack} becomes the element.
static leat_status strip_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  int f = leat_flow_schema_find(in->schema, LEAT_STR("element"));
  if (f < 0 || in->schema->fields[f].type != LEAT_FLOW_TYPE_ROW)
    return leat_flow_fail(t, NULL, err, "expected rows of an error output: {element, msg, stack}");
  leat_flow_schema *schema = leat_arena_alloc(&flow->arena, sizeof *schema);
  if (!schema) return leat__oom(err, sizeof *schema);
  *schema = (leat_flow_schema){in->schema->fields[f].fields, in->schema->fields[f].field_count};
  t->plan = schema;
  return leat_flow_add_output(flow, t, LEAT_STR(""), schema, in->strategy, in->bounded, NULL, err);
}

static leat_status strip_batch(leat_flow_op *op, int input, const leat_flow_batch *in,
                               leat_error *err) {
  const leat_flow_schema *schema = op->transform->plan;
  const leat_flow_column *row =
      &in->columns[leat_flow_schema_find(in->schema, LEAT_STR("element"))];
  leat_flow_batch *out = leat_flow_batch_like(in, schema);
  for (int i = 0; out && i < schema->count; i++) {
    out->columns[i] = row->children[i];
    out->columns[i].owner = row->owner ? leat_flow_block_ref(row->owner) : NULL;
  }
  return leat_flow_emit(op, 0, out, err);
}

static const leat_flow_op_class strip_class = {.batch = strip_batch, .free = op_free};

static leat_status strip_start(const leat_flow_transform *t, leat_flow_worker *worker,
                               leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(leat_flow_op), &strip_class, t, worker, out, err);
}

const leat_flow_class leat_flow_strip_error_metadata = {
    .type = "StripErrorMetadata",
    .urn = "leat:transform:strip_error_metadata:v1",
    .help = "The elements of an error output",
    .inputs_min = 1,
    .inputs_max = 1,
    .apply = strip_apply,
    .start = strip_start};

// --- AssertEqual --------------------------------------------------------------------------------
// The rows, in any order, must be `elements`. Both are compared as text: numbers in their shortest
// form, so 1 is 1.0; fields that are null may be left out.
typedef struct assert_op {
  leat_flow_op op;
  LEAT_VEC(char *) rows;
} assert_op;

static void number_text(leat_buf *out, double value) {
  char text[LEAT_NUMBER_MAX];
  leat_buf_add(out, text, leat_format_f64(text, value));
}

static void node_text(leat_buf *out, const leat_yaml_node *node);

static int by_key(const void *a, const void *b) {
  const leat_yaml_node *x = *(leat_yaml_node *const *)a, *y = *(leat_yaml_node *const *)b;
  return leat_str_cmp(x->text, y->text);
}

// Keys in byte order.
static void mapping_text(leat_buf *out, const leat_yaml_node *node) {
  leat_yaml_node **keys = leat__alloc((node->count + 1) * sizeof *keys);
  if (!keys) {
    out->failed = true;
    return;
  }
  for (size_t i = 0; i < node->count; i++) keys[i] = node->keys[i];
  qsort(keys, node->count, sizeof(void *), by_key);
  leat_buf_char(out, '{');
  for (size_t i = 0; i < node->count; i++) {
    const leat_yaml_node *value = NULL;
    for (size_t k = 0; k < node->count; k++)
      if (node->keys[k] == keys[i]) value = node->items[k];
    if (!value || (value->kind == LEAT_YAML_SCALAR && leat_yaml_is_null(value))) continue;
    leat_buf_str(out, keys[i]->text);
    leat_buf_c(out, ": ");
    node_text(out, value);
    leat_buf_c(out, ", ");
  }
  leat_buf_char(out, '}');
  leat__free(keys);
}

static void node_text(leat_buf *out, const leat_yaml_node *node) {
  double value;
  if (node->kind == LEAT_YAML_MAPPING) {
    mapping_text(out, node);
  } else if (node->kind == LEAT_YAML_SEQUENCE) {
    leat_buf_char(out, '[');
    for (size_t i = 0; i < node->count; i++) {
      node_text(out, node->items[i]);
      leat_buf_c(out, ", ");
    }
    leat_buf_char(out, ']');
  } else if (!node->quoted && leat_yaml_is_null(node)) {
    leat_buf_c(out, "null");
  } else if (!node->quoted && leat_parse_f64(node->text, &value)) {
    number_text(out, value);
  } else {
    leat_buf_str(out, node->text);
  }
}

static void field_text(leat_buf *out, const leat_flow_field *f, const leat_flow_column *c, int row);

static void fields_text(leat_buf *out, const leat_flow_field *fields, int count,
                        const leat_flow_column *columns, int row) {
  leat_buf_char(out, '{');
  leat_str before = {0};
  for (int done = 0; done < count; done++) {  // the next name in byte order
    int next = -1;
    for (int i = 0; i < count; i++) {
      if (done && leat_str_cmp(fields[i].name, before) <= 0) continue;
      if (next < 0 || leat_str_cmp(fields[i].name, fields[next].name) < 0) next = i;
    }
    if (next < 0) break;
    before = fields[next].name;
    if (!leat_flow_is_valid(&columns[next], row)) continue;
    leat_buf_str(out, before);
    leat_buf_c(out, ": ");
    field_text(out, &fields[next], &columns[next], row);
    leat_buf_c(out, ", ");
  }
  leat_buf_char(out, '}');
}

static void field_text(leat_buf *out, const leat_flow_field *f, const leat_flow_column *c,
                       int row) {
  const int32_t *ends = c->values;
  if (!leat_flow_is_valid(c, row)) {
    leat_buf_c(out, "null");
    return;
  }
  switch (f->type) {
    case LEAT_FLOW_TYPE_INT32: number_text(out, ((const int32_t *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_INT64: number_text(out, (double)((const int64_t *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_FLOAT: number_text(out, (double)((const float *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_DOUBLE: number_text(out, ((const double *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_ROW: fields_text(out, f->fields, f->field_count, c->children, row); break;
    case LEAT_FLOW_TYPE_LIST:
      leat_buf_char(out, '[');
      for (int32_t i = ends[row]; i < ends[row + 1]; i++) {
        field_text(out, f->fields, c->children, i);
        leat_buf_c(out, ", ");
      }
      leat_buf_char(out, ']');
      break;
    default: leat_flow_value_text(out, f, c, row);
  }
}

static leat_status assert_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_yaml_node *elements = t->config ? leat_yaml_get(t->config, "elements") : NULL;
  const leat_flow_collection *in = t->inputs.at[0];
  if (!elements || elements->kind != LEAT_YAML_SEQUENCE)
    return leat_flow_fail(t, elements, err, "expected elements: [...]");
  (void)flow, (void)in;
  return LEAT_OK;
}

static leat_status assert_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                leat_error *err) {
  assert_op *a = (assert_op *)op;
  for (int i = 0; i < batch->rows; i++) {
    leat_buf text = {0};
    fields_text(&text, batch->schema->fields, batch->schema->count, batch->columns, i);
    if (text.failed || !leat_vec_push(&a->rows, text.ptr))
      return leat_buf_deinit(&text), leat__oom(err, text.len);
  }
  return LEAT_OK;
}

// The row that an element stands for; scalars are those of the only field.
static char *element_text(const leat_flow_schema *schema, const leat_yaml_node *node) {
  leat_buf text = {0};
  if (node->kind == LEAT_YAML_MAPPING || schema->count != 1) {
    node_text(&text, node);
  } else {
    leat_buf_fmt(&text, "{" LEAT_STR_FMT ": ", LEAT_STR_ARG(schema->fields[0].name));
    node_text(&text, node);
    leat_buf_c(&text, ", }");
  }
  if (text.failed) leat_buf_deinit(&text);
  return text.ptr;
}

static leat_status compare(assert_op *a, char **wanted, size_t count, leat_error *err) {
  size_t missing = 0;
  const char *first = NULL;
  for (size_t i = 0; i < count; i++) {
    size_t k = 0;
    while (k < a->rows.count && (!a->rows.at[k] || strcmp(a->rows.at[k], wanted[i]))) k++;
    if (k < a->rows.count) {
      leat__free(a->rows.at[k]);
      a->rows.at[k] = NULL;
    } else if (!missing++) {
      first = wanted[i];
    }
  }
  size_t extra = 0;
  const char *other = NULL;
  for (size_t k = 0; k < a->rows.count; k++)
    if (a->rows.at[k] && !extra++) other = a->rows.at[k];
  if (!missing && !extra) return LEAT_OK;
  return leat_error_set(err, LEAT_FAILED_PRECONDITION,
                        "the rows are not equal: %zu missing%s%.300s; %zu not expected%s%.300s",
                        missing, first ? ", such as " : "", first ? first : "", extra,
                        other ? ", such as " : "", other ? other : "");
}

static leat_status assert_finish(leat_flow_op *op, leat_error *err) {
  const leat_yaml_node *elements = leat_yaml_get(op->transform->config, "elements");
  const leat_flow_schema *schema = op->transform->inputs.at[0]->schema;
  char **wanted = leat__calloc(elements->count + 1, sizeof *wanted);
  leat_status status = wanted ? LEAT_OK : leat__oom(err, elements->count);
  for (size_t i = 0; !status && i < elements->count; i++)
    if (!(wanted[i] = element_text(schema, elements->items[i]))) status = leat__oom(err, 1);
  if (!status) status = compare((assert_op *)op, wanted, elements->count, err);
  for (size_t i = 0; wanted && i < elements->count; i++) leat__free(wanted[i]);
  leat__free(wanted);
  return status;
}

static void assert_free(leat_flow_op *op) {
  assert_op *a = (assert_op *)op;
  for (size_t i = 0; i < a->rows.count; i++) leat__free(a->rows.at[i]);
  leat_vec_deinit(&a->rows);
  leat__free(a);
}

static const leat_flow_op_class assert_class = {
    .batch = assert_batch, .finish = assert_finish, .free = assert_free};

static leat_status assert_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(assert_op), &assert_class, t, worker, out, err);
}

static const char *const assert_fields[] = {"elements", NULL};

const leat_flow_class leat_flow_assert_equal = {
    .type = "AssertEqual",
    .urn = "leat:transform:assert_equal:v1",
    .help = "Fails unless the rows are those given, in any order",
    .inputs_min = 1,
    .inputs_max = 1,
    .fields = assert_fields,
    .apply = assert_apply,
    .start = assert_start,
    .whole = true};
