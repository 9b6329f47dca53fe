// LogForTesting, AssertEqual, StripErrorMetadata: transforms for tests and for looking on.
// SPDX-License-Identifier: Apache-2.0
#include "flow/op.h"
#include "flow/row_json.h"
#include "flow/transforms.h"
#include "flow/yaml.h"

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
  if (value > -1e15 && value < 1e15 && value == (double)(int64_t)value)
    leat_buf_fmt(out, "%lld", (long long)value);
  else
    leat_buf_add(out, text, leat_format_f64(text, value));
}

static void comma(leat_buf *out) {
  char last = out->len ? out->ptr[out->len - 1] : 0;
  if (last != '{' && last != '[') leat_buf_c(out, ", ");
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
    comma(out);
    leat_buf_str(out, keys[i]->text);
    leat_buf_c(out, ": ");
    node_text(out, value);
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
      comma(out);
      node_text(out, node->items[i]);
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
    comma(out);
    leat_buf_str(out, before);
    leat_buf_c(out, ": ");
    field_text(out, &fields[next], &columns[next], row);
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
        comma(out);
        field_text(out, f->fields, c->children, i);
      }
      leat_buf_char(out, ']');
      break;
    default: leat_flow_value_text(out, f, c, row);
  }
}

static leat_status assert_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_yaml_node *elements = t->config ? leat_yaml_get(t->config, "elements") : NULL;
  if (!elements || elements->kind != LEAT_YAML_SEQUENCE)
    return leat_flow_fail(t, elements, err, "expected elements: [...]");
  t->plan = leat_arena_alloc(&flow->arena, sizeof(leat_buf));  // the differences
  return t->plan ? LEAT_OK : leat__oom(err, sizeof(leat_buf));
}

static void assert_stop(leat_flow_transform *t) {
  if (t->plan) leat_buf_deinit(t->plan);
}

void leat_flow_differences(const leat_flow *flow, leat_buf *out) {
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    const leat_buf *found = t->class == &leat_flow_assert_equal ? t->plan : NULL;
    if (found && found->len)
      leat_buf_fmt(out, "  " LEAT_STR_FMT ": - missing, + not expected\n" LEAT_STR_FMT,
                   LEAT_STR_ARG(t->name), LEAT_STR_ARG(leat_buf_view(found)));
  }
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
    leat_buf_char(&text, '}');
  }
  if (text.failed) leat_buf_deinit(&text);
  return text.ptr;
}

typedef struct difference {
  const char *row;
  bool extra;
} difference;

static int by_row(const void *a, const void *b) {
  const difference *x = a, *y = b;
  int order = strcmp(x->row, y->row);
  return order ? order : x->extra - y->extra;
}

// Rows that are nearly equal come one after the other.
static leat_status keep_differences(leat_buf *out, difference *all, size_t count, leat_error *err) {
  enum { SHOWN = 40 };
  if (count) qsort(all, count, sizeof *all, by_row);
  for (size_t i = 0; i < count && i < SHOWN; i++)
    leat_buf_fmt(out, "  %c %s\n", all[i].extra ? '+' : '-', all[i].row);
  if (count > SHOWN) leat_buf_fmt(out, "  ... %zu more\n", count - SHOWN);
  return leat_buf_status(out, err);
}

static leat_status compare(assert_op *a, char **wanted, size_t count, leat_error *err) {
  size_t missing = 0, extra = 0, n = 0;
  difference *all = leat__alloc((count + a->rows.count + 1) * sizeof *all);
  if (!all) return leat__oom(err, count);
  for (size_t i = 0; i < count; i++) {
    size_t k = 0;
    while (k < a->rows.count && (!a->rows.at[k] || strcmp(a->rows.at[k], wanted[i]))) k++;
    if (k < a->rows.count) {
      leat__free(a->rows.at[k]);
      a->rows.at[k] = NULL;
    } else {
      all[n++] = (difference){wanted[i], false};
      missing++;
    }
  }
  for (size_t k = 0; k < a->rows.count; k++)
    if (a->rows.at[k]) all[n++] = (difference){a->rows.at[k], true}, extra++;
  const char *first = missing ? all[0].row : "", *other = extra ? all[missing].row : "";
  leat_status status = LEAT_OK;
  if (n)
    status = leat_error_set(err, LEAT_FAILED_PRECONDITION,
                            "the rows are not equal: %zu missing%s%.300s; %zu not expected%s%.300s",
                            missing, missing ? ", such as " : "", first, extra,
                            extra ? ", such as " : "", other);
  leat_status kept = keep_differences(a->op.transform->plan, all, n, err);
  leat__free(all);
  return status ? status : kept;
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
    .stop = assert_stop,
    .whole = true};
