// Row functions: fields to tensors, through a function, and tensors to fields.
// SPDX-License-Identifier: Apache-2.0
#include "flow/row_func.h"

#include <string.h>

typedef struct func_op {
  leat_flow_op op;
  const leat_flow_func *f;
  leat_exec *exec;
  leat_columns columns;
  leat_tensor **in, **out;
} func_op;

// --- Arguments ----------------------------------------------------------------------------------
static bool is_number(leat_flow_type type) {
  return type == LEAT_FLOW_TYPE_INT32 || type == LEAT_FLOW_TYPE_INT64 ||
         type == LEAT_FLOW_TYPE_FLOAT || type == LEAT_FLOW_TYPE_DOUBLE;
}

static bool fits(leat_flow_type type, leat_dtype dtype) {
  if (dtype == LEAT_DTYPE_STRING) return type == LEAT_FLOW_TYPE_STRING;
  return is_number(type);
}

leat_status leat_flow_field_fits(const leat_flow_transform *t, const leat_yaml_node *node,
                                 const leat_flow_field *field, const leat_column *column,
                                 leat_error *err) {
  const leat_flow_field *item = field->type == LEAT_FLOW_TYPE_LIST ? field->fields : field;
  if (fits(item->type, column->dtype)) return LEAT_OK;
  return leat_flow_fail(
      t, node, err,
      "field '" LEAT_STR_FMT "' is a %s%s, the model's '" LEAT_STR_FMT "' takes %s (%s)",
      LEAT_STR_ARG(field->name), item == field ? "" : "list of ", leat_flow_type_name(item->type),
      LEAT_STR_ARG(column->name), column->dtype == LEAT_DTYPE_STRING ? "text" : "numbers",
      leat_dtype_name(column->dtype));
}

static leat_status plan_argument(const leat_flow_transform *t, leat_flow_func *f, int i,
                                 leat_error *err) {
  const leat_flow_schema *in = t->inputs.at[0]->schema;
  const char *name = leat_func_input_name(f->func, i);
  leat_type type = leat_func_input_type(f->func, i);
  leat_dim width = type.shape.rank == 2 ? type.shape.dims[1] : 1;
  leat_column *c = &f->columns[i];
  bool known = type.dtype == LEAT_DTYPE_F32 || type.dtype == LEAT_DTYPE_F64 ||
               type.dtype == LEAT_DTYPE_I32 || type.dtype == LEAT_DTYPE_I64 ||
               type.dtype == LEAT_DTYPE_STRING;
  if (!known || type.shape.rank < 1 || type.shape.rank > 2 || type.shape.dims[0] >= 0 ||
      type.shape.dims[0] != leat_func_input_type(f->func, 0).shape.dims[0])
    return leat_flow_fail(t, NULL, err, "the model's '%s' is not numbers or texts of a row", name);
  *c = (leat_column){.name = leat_str_of(name),
                     .dtype = type.dtype,
                     .values = width < 0 ? LEAT_ANY_NUMBER : width};
  const leat_yaml_node *node = f->names ? leat_yaml_get(f->names, name) : NULL;
  if (node) {
    leat_status status = leat_flow_field_of(t, in, node, &f->fields[i], err);
    if (status) return status;
  } else if ((f->fields[i] = leat_flow_schema_find(in, c->name)) < 0)
    return leat_flow_no_field(t, in, NULL, c->name, err);
  return leat_flow_field_fits(t, node, &in->fields[f->fields[i]], c, err);
}

static leat_status check_names(const leat_flow_transform *t, const leat_flow_func *f,
                               leat_error *err) {
  if (!f->names) return LEAT_OK;
  if (f->names->kind != LEAT_YAML_MAPPING)
    return leat_flow_fail(t, f->names, err, "expected fields: {NAME OF THE MODEL: FIELD, ...}");
  for (size_t i = 0; i < f->names->count; i++) {
    bool known = false;
    leat_str names[64];
    int count = leat_func_input_count(f->func);
    for (int k = 0; k < count; k++) {
      if (k < 64) names[k] = leat_str_of(leat_func_input_name(f->func, k));
      known |= leat_str_eq(f->names->keys[i]->text, leat_str_of(leat_func_input_name(f->func, k)));
    }
    leat_str near =
        leat_str_nearest(f->names->keys[i]->text, names, (size_t)(count < 64 ? count : 64));
    if (!known)
      return leat_flow_fail(t, f->names->keys[i], err,
                            "the model has no input '" LEAT_STR_FMT "'%s" LEAT_STR_FMT "%s",
                            LEAT_STR_ARG(f->names->keys[i]->text),
                            near.len ? "; did you mean '" : "", LEAT_STR_ARG(near),
                            near.len ? "'?" : "");
  }
  return LEAT_OK;
}

// --- Results ------------------------------------------------------------------------------------
static leat_status plan_result(leat_flow *flow, const leat_flow_transform *t,
                               const leat_flow_func *f, int i, leat_flow_field *out,
                               leat_error *err) {
  static const struct {
    leat_dtype dtype;
    leat_flow_type type;
  } types[] = {{LEAT_DTYPE_F32, LEAT_FLOW_TYPE_FLOAT}, {LEAT_DTYPE_F64, LEAT_FLOW_TYPE_DOUBLE},
               {LEAT_DTYPE_I32, LEAT_FLOW_TYPE_INT32}, {LEAT_DTYPE_I64, LEAT_FLOW_TYPE_INT64},
               {LEAT_DTYPE_BOOL, LEAT_FLOW_TYPE_BOOL}, {LEAT_DTYPE_STRING, LEAT_FLOW_TYPE_STRING}};
  leat_type type = leat_func_output_type(f->func, i);
  leat_str name = leat_str_of(leat_func_output_name(f->func, i));
  size_t k = 0;
  while (k < sizeof types / sizeof *types && types[k].dtype != type.dtype) k++;
  if (k == sizeof types / sizeof *types || type.shape.rank < 1 ||
      type.shape.dims[0] != leat_func_input_type(f->func, 0).shape.dims[0])
    return leat_flow_fail(t, NULL, err,
                          "the model's result '" LEAT_STR_FMT "' is not values of a row",
                          LEAT_STR_ARG(name));
  *out = (leat_flow_field){.name = {leat_arena_str(&flow->arena, name), name.len},
                           .type = types[k].type};
  if (!out->name.ptr) return leat__oom(err, name.len);
  if (type.shape.rank == 1) return LEAT_OK;
  leat_flow_field *item = leat_arena_alloc(&flow->arena, sizeof *item);
  if (!item) return leat__oom(err, sizeof *item);
  *item = (leat_flow_field){.name = LEAT_STR("item"), .type = types[k].type};
  out->type = LEAT_FLOW_TYPE_LIST;
  out->fields = item;
  out->field_count = 1;
  return LEAT_OK;
}

static leat_status plan_kept(const leat_flow_transform *t, leat_flow_func *f, leat_error *err) {
  const leat_flow_schema *in = t->inputs.at[0]->schema;
  leat_status status = LEAT_OK;
  for (int i = 0; f->keep_all && i < in->count; i++) f->kept[f->kept_count++] = i;
  if (f->keep_all || !f->keep) return LEAT_OK;
  if (f->keep->kind == LEAT_YAML_MAPPING || f->keep->count > (size_t)in->count)
    return leat_flow_fail(t, f->keep, err, "expected keep: [FIELD, ...]");
  size_t count = f->keep->kind == LEAT_YAML_SCALAR ? 1 : f->keep->count;
  for (size_t i = 0; !status && i < count; i++)
    status =
        leat_flow_field_of(t, in, f->keep->kind == LEAT_YAML_SCALAR ? f->keep : f->keep->items[i],
                           &f->kept[f->kept_count++], err);
  return status;
}

static leat_status add_field(const leat_flow_transform *t, leat_flow_func *f,
                             leat_flow_field *fields, const leat_flow_field *field,
                             leat_error *err) {
  if (leat_flow_schema_find(&f->out, field->name) >= 0)
    return leat_flow_fail(t, NULL, err,
                          "there is a field '" LEAT_STR_FMT
                          "' already; the results can be one field, of a name of its own",
                          LEAT_STR_ARG(field->name));
  fields[f->out.count++] = *field;
  return LEAT_OK;
}

static leat_status plan_out(leat_flow *flow, const leat_flow_transform *t, leat_flow_func *f,
                            leat_error *err) {
  const leat_flow_schema *in = t->inputs.at[0]->schema;
  int results = leat_func_output_count(f->func);
  size_t most = (size_t)in->count + (size_t)results + 1;
  leat_flow_field *made = leat_arena_alloc(&flow->arena, most * sizeof *made);
  leat_flow_field *fields = leat_arena_alloc(&flow->arena, most * sizeof *fields);
  f->kept = leat_arena_alloc(&flow->arena, most * sizeof *f->kept);
  if (!made || !fields || !f->kept) return leat__oom(err, most);
  f->results = (leat_flow_schema){made, results};
  f->out = (leat_flow_schema){fields, 0};
  leat_status status = plan_kept(t, f, err);
  for (int i = 0; !status && i < f->kept_count; i++)
    status = add_field(t, f, fields, &in->fields[f->kept[i]], err);
  for (int i = 0; !status && i < results; i++) {
    status = plan_result(flow, t, f, i, &made[i], err);
    if (!status && !f->row.len) status = add_field(t, f, fields, &made[i], err);
  }
  leat_flow_field row = {f->row, LEAT_FLOW_TYPE_ROW, false, made, results};
  if (!status && f->row.len) status = add_field(t, f, fields, &row, err);
  return status;
}

leat_status leat_flow_func_plan(leat_flow *flow, leat_flow_transform *t, leat_flow_func *f,
                                leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  size_t count = (size_t)leat_func_input_count(f->func) + 1;
  f->columns = leat_arena_alloc(&flow->arena, count * sizeof *f->columns);
  f->fields = leat_arena_alloc(&flow->arena, count * sizeof *f->fields);
  if (!f->columns || !f->fields) return leat__oom(err, count);
  leat_status status = check_names(t, f, err);
  for (int i = 0; !status && i < (int)count - 1; i++) status = plan_argument(t, f, i, err);
  if (!status && count == 1) status = leat_flow_fail(t, NULL, err, "the model reads nothing");
  if (!status) status = plan_out(flow, t, f, err);
  if (!status)
    status =
        leat_flow_add_output(flow, t, LEAT_STR(""), &f->out, in->strategy, in->bounded, NULL, err);
  return status ? status : leat_flow_errors_read(flow, t, &f->errors, err);
}

// --- Rows to tensors ----------------------------------------------------------------------------
static leat_status put_value(leat_columns *to, int column, leat_flow_type type,
                             const leat_flow_column *from, int row, leat_error *err) {
  if (!leat_flow_is_valid(from, row)) return leat_columns_missing(to, column, err);
  switch (type) {
    case LEAT_FLOW_TYPE_INT32:
      return leat_columns_i64(to, column, ((const int32_t *)from->values)[row], err);
    case LEAT_FLOW_TYPE_INT64:
      return leat_columns_i64(to, column, ((const int64_t *)from->values)[row], err);
    case LEAT_FLOW_TYPE_FLOAT:
      return leat_columns_f64(to, column, (double)((const float *)from->values)[row], err);
    case LEAT_FLOW_TYPE_DOUBLE:
      return leat_columns_f64(to, column, ((const double *)from->values)[row], err);
    default: break;
  }
  leat_str text = leat_flow_text(from, row);
  return text.len ? leat_columns_text(to, column, text, false, err)
                  : leat_columns_missing(to, column, err);
}

leat_status leat_flow_put_field(leat_columns *to, int column, const leat_flow_field *field,
                                const leat_flow_column *from, int row, leat_error *err) {
  if (field->type != LEAT_FLOW_TYPE_LIST) return put_value(to, column, field->type, from, row, err);
  if (!leat_flow_is_valid(from, row))
    return to->sinks[column].column.values == LEAT_ANY_NUMBER
               ? LEAT_OK
               : leat_columns_missing(to, column, err);
  const int32_t *ends = from->values;
  leat_status status = LEAT_OK;
  for (int i = ends[row]; !status && i < ends[row + 1]; i++)
    status = put_value(to, column, field->fields->type, from->children, i, err);
  return status;
}

static leat_status put_row(func_op *o, const leat_flow_batch *batch, int row, leat_error *err) {
  const leat_flow_func *f = o->f;
  leat_status status = leat_columns_begin_row(&o->columns, (leat_row_place){0}, err);
  for (int i = 0; !status && i < o->columns.count; i++)
    status = leat_flow_put_field(&o->columns, i, &batch->schema->fields[f->fields[i]],
                                 &batch->columns[f->fields[i]], row, err);
  if (!status) status = leat_columns_end_row(&o->columns, true, err);
  if (status) leat_columns_drop_row(&o->columns);
  return status;
}

// --- Tensors to fields --------------------------------------------------------------------------
static bool fill_text(leat_flow_column *c, const leat_tensor *t, int64_t count) {
  const int64_t *from = leat_tensor_data(t);
  int64_t bytes = count ? from[count] - from[0] : 0;
  int32_t *ends = c->values = leat_flow_block_alloc(c->owner, ((size_t)count + 1) * sizeof *ends);
  c->bytes = leat_flow_block_alloc(c->owner, (size_t)bytes);
  if (!ends || !c->bytes || bytes > INT32_MAX) return false;
  ends[0] = 0;
  for (int64_t i = 0; i < count; i++) ends[i + 1] = (int32_t)(from[i + 1] - from[0]);
  if (bytes) memcpy(c->bytes, leat_tensor_bytes(t) + from[0], (size_t)bytes);
  return true;
}

static bool fill_values(leat_flow_column *c, const leat_tensor *t, int64_t count) {
  leat_dtype dtype = leat_tensor_dtype(t);
  if (dtype == LEAT_DTYPE_STRING) return fill_text(c, t, count);
  size_t bytes =
      dtype == LEAT_DTYPE_BOOL ? ((size_t)count + 7) / 8 : (size_t)count * leat_dtype_bytes(dtype);
  if (!(c->values = leat_flow_block_alloc(c->owner, bytes))) return false;
  if (dtype != LEAT_DTYPE_BOOL) {
    if (bytes) memcpy(c->values, leat_tensor_data(t), bytes);
    return true;
  }
  uint8_t *to = memset(c->values, 0, bytes);
  for (int64_t i = 0; i < count; i++)
    to[i >> 3] |= (uint8_t)((((const uint8_t *)leat_tensor_data(t))[i] != 0) << (i & 7));
  return true;
}

static bool fill(leat_flow_column *c, leat_flow_block *owner, const leat_flow_field *field,
                 const leat_tensor *t, int rows) {
  int64_t count = leat_tensor_count(t);
  *c = (leat_flow_column){.owner = owner};
  if (field->type != LEAT_FLOW_TYPE_LIST) return fill_values(c, t, count);
  int64_t width = count / rows;
  if (count > INT32_MAX) return false;
  int32_t *ends = c->values = leat_flow_block_alloc(owner, ((size_t)rows + 1) * sizeof *ends);
  c->children = leat_flow_block_alloc(owner, sizeof *c->children);
  if (!ends || !c->children) return false;
  for (int i = 0; i <= rows; i++) ends[i] = (int32_t)(i * width);
  *c->children = (leat_flow_column){.owner = owner};
  return fill_values(c->children, t, count);
}

// NULL when memory is exhausted.
static leat_flow_batch *assemble(const func_op *o, const leat_flow_batch *in) {
  const leat_flow_func *f = o->f;
  leat_flow_batch *b = leat_flow_batch_like(in, &f->out);
  leat_flow_block *block = b ? leat_flow_block_new() : NULL;
  bool good = block;
  for (int i = 0; good && i < f->kept_count; i++)
    leat_flow_column_share(&b->columns[i], &in->columns[f->kept[i]]);
  leat_flow_column *to = good ? &b->columns[f->kept_count] : NULL;
  if (good && f->row.len) {
    leat_flow_column *parts =
        leat_flow_block_alloc(block, (size_t)f->results.count * sizeof *parts);
    *to = (leat_flow_column){.children = parts, .owner = leat_flow_block_ref(block)};
    good = (to = parts) != NULL;
  }
  for (int i = 0; good && i < f->results.count; i++) {
    good = fill(&to[i], block, &f->results.fields[i], o->out[i], in->rows);
    if (!f->row.len) leat_flow_block_ref(block);
  }
  leat_flow_block_unref(block);
  if (!good) leat_flow_batch_unref(b);
  return good ? b : NULL;
}

// --- The op -------------------------------------------------------------------------------------
static leat_status call(func_op *o, const leat_flow_batch *batch, leat_flow_batch **out,
                        leat_error *err) {
  const leat_flow_func *f = o->f;
  leat_status status = leat_columns_take(&o->columns, o->in, err);
  if (!status) status = leat_exec_run(o->exec, f->state, o->in, o->columns.count, o->out, err);
  if (!status && !(*out = assemble(o, batch))) status = leat__oom(err, (size_t)batch->rows);
  for (int i = 0; i < o->columns.count; i++) leat_tensor_unref(o->in[i]), o->in[i] = NULL;
  for (int i = 0; i < f->results.count; i++) leat_tensor_unref(o->out[i]), o->out[i] = NULL;
  return status;
}

static bool is_of_rows(leat_status status) {
  return status == LEAT_INVALID_ARGUMENT || status == LEAT_OUT_OF_RANGE ||
         status == LEAT_FAILED_PRECONDITION;
}

static leat_status run_rows(func_op *o, const leat_flow_batch *batch, leat_error *err);

// Rows that the function refuses are found by halves.
static leat_status halves(func_op *o, const leat_flow_batch *batch, leat_error *err) {
  int half = batch->rows / 2;
  int32_t *rows = leat__alloc((size_t)batch->rows * sizeof *rows);
  leat_status status = rows ? LEAT_OK : leat__oom(err, (size_t)batch->rows);
  for (int i = 0; rows && i < batch->rows; i++) rows[i] = i;
  for (int i = 0; !status && i < 2; i++) {
    leat_flow_batch *part =
        leat_flow_batch_take(batch, i ? rows + half : rows, i ? batch->rows - half : half);
    status = part ? run_rows(o, part, err) : leat__oom(err, (size_t)batch->rows);
    leat_flow_batch_unref(part);
  }
  return leat__free(rows), status;
}

static leat_status refuse(func_op *o, const leat_flow_batch *batch, int row, leat_error *why,
                          leat_error *err) {
  leat_error_prepend(why, why->status, "the model refuses it");
  return leat_flow_errors_one(&o->op, &o->f->errors, batch, row, why->message, err);
}

// Puts the rows; *good: those that fit, `count` of them.
static leat_status put_rows(func_op *o, const leat_flow_batch *batch, int32_t *good, int *count,
                            leat_error *err) {
  leat_status status = leat_columns_clear(&o->columns, err);
  for (int i = 0; !status && i < batch->rows; i++) {
    leat_error why = {0};
    status = put_row(o, batch, i, &why);
    if (!status)
      good[(*count)++] = i;
    else if (is_of_rows(status))
      status = refuse(o, batch, i, &why, err);
    else if (err)
      *err = why;
  }
  return status;
}

static leat_status run_rows(func_op *o, const leat_flow_batch *batch, leat_error *err) {
  leat_flow_batch *out = NULL, *part = NULL;
  leat_error why = {0};
  int count = 0;
  int32_t *good = leat__alloc(((size_t)batch->rows + 1) * sizeof *good);
  leat_status status = good ? put_rows(o, batch, good, &count, err) : leat__oom(err, 1);
  if (!status && count && count < batch->rows) {
    part = leat_flow_batch_take(batch, good, count);
    status = part ? LEAT_OK : leat__oom(err, (size_t)count);
    batch = part;
  }
  leat__free(good);
  if (!status && count) {
    status = call(o, batch, &out, &why);
    if (!status)
      status = leat_flow_emit(&o->op, 0, out, err);
    else if (!is_of_rows(status)) {
      if (err) *err = why;
    } else if (batch->rows == 1)
      status = refuse(o, batch, 0, &why, err);
    else
      status = halves(o, batch, err);
  }
  leat_flow_batch_unref(part);
  return status;
}

static leat_status func_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                              leat_error *err) {
  return batch->rows ? run_rows((func_op *)op, batch, err) : LEAT_OK;
}

static void func_free(leat_flow_op *op) {
  func_op *o = (func_op *)op;
  leat_exec_free(o->exec);
  leat_columns_deinit(&o->columns);
  leat__free(o->in);
  leat__free(o->out);
  leat__free(o);
}

static const leat_flow_op_class func_class = {.batch = func_batch, .free = func_free};

leat_status leat_flow_func_start(const leat_flow_transform *t, const leat_flow_func *f,
                                 leat_flow_worker *worker, leat_flow_op **out, leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(func_op), &func_class, t, worker, out, err);
  func_op *o = (func_op *)*out;
  if (status) return status;
  int count = leat_func_input_count(f->func);
  o->f = f;
  o->in = leat__calloc((size_t)count + 1, sizeof(leat_tensor *));
  o->out = leat__calloc((size_t)f->results.count + 1, sizeof(leat_tensor *));
  if (!o->in || !o->out) return leat__oom(err, (size_t)count);
  status = leat_columns_init(&o->columns, f->columns, count, err);
  return status ? status : leat_exec_new(&o->exec, f->func, NULL, err);
}
