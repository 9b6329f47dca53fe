// Row expressions: out of the config, and dead letters.
// SPDX-License-Identifier: Apache-2.0
#include "flow/row_expr.h"

#include "flow/expr_impl.h"
#include "flow/row_json.h"

#include <string.h>

// --- Config -------------------------------------------------------------------------------------
leat_status leat_flow_language_read(const leat_flow_transform *t, leat_flow_language *out,
                                    leat_error *err) {
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, "language") : NULL;
  *out = LEAT_FLOW_GENERIC;
  if (!node || leat_str_eq(node->text, LEAT_STR("generic"))) return LEAT_OK;
  *out = LEAT_FLOW_SQL;
  if (leat_str_eq(node->text, LEAT_STR("sql")) || leat_str_eq(node->text, LEAT_STR("calcite")))
    return LEAT_OK;
  return leat_flow_fail(t, node, err,
                        "language: " LEAT_STR_FMT " cannot be run here; say generic or sql",
                        LEAT_STR_ARG(node->text));
}

// The node moved on to a byte of its text, where that stands on one line.
static leat_yaml_node place_in(const leat_yaml_node *node, size_t at) {
  leat_yaml_node moved = *node;
  if (!memchr(node->text.ptr, '\n', node->text.len) && node->line)
    moved.column += (int)at + node->quoted;
  return moved;
}

static leat_status read_type(leat_flow *flow, const leat_flow_transform *t,
                             const leat_yaml_node *node, const leat_flow_expr **x,
                             leat_error *err) {
  const leat_yaml_node *name = node->kind == LEAT_YAML_MAPPING ? leat_yaml_get(node, "type") : node;
  leat_flow_type type;
  if (!name || name->kind != LEAT_YAML_SCALAR)
    return leat_flow_fail(t, node, err, "expected output_type: TYPE");
  if (leat_str_eq(name->text, LEAT_STR("integer")))
    type = LEAT_FLOW_TYPE_INT64;
  else if (leat_str_eq(name->text, LEAT_STR("number")))
    type = LEAT_FLOW_TYPE_DOUBLE;
  else if (!leat__expr_type_named(name->text, &type))
    return leat_flow_fail(t, name, err,
                          "expected a type: boolean, integer, number, string, int32, bigint, "
                          "float, double, bytes or timestamp");
  expr_builder b = {.arena = &flow->arena, .err = err};
  const leat_flow_expr *cast = leat__expr_cast(&b, 0, *x, type, false);
  if (!cast) {
    leat_error why = *err;
    return leat_flow_fail(t, name, err, "%s", why.message);
  }
  return *x = cast, LEAT_OK;
}

leat_status leat_flow_expr_read(leat_flow *flow, const leat_flow_transform *t,
                                const leat_yaml_node *node, leat_flow_language language,
                                const leat_flow_schema *schema, const leat_flow_expr **out,
                                leat_error *err) {
  leat_error own;
  const leat_yaml_node *text = node, *type = NULL;
  if (!err) err = &own;
  if (node->kind == LEAT_YAML_MAPPING) {
    text = leat_yaml_get(node, "expression");
    type = leat_yaml_get(node, "output_type");
    const leat_yaml_node *code = leat_yaml_get(node, "callable");
    if (!code) code = leat_yaml_get(node, "path");
    if (code)
      return leat_flow_fail(t, code, err,
                            "callables of python or javascript cannot be run here; say "
                            "`language: sql` and an expression");
    if (!text) return leat_flow_fail(t, node, err, "expected {expression: ...}");
  }
  if (text->kind != LEAT_YAML_SCALAR) return leat_flow_fail(t, text, err, "expected an expression");
  size_t at = 0;
  leat_status status =
      leat_flow_expr_parse(&flow->arena, text->text, language, schema, out, &at, err);
  if (status == LEAT_INVALID_ARGUMENT) {
    leat_error why = *err;
    leat_yaml_node moved = place_in(text, at);
    return leat_flow_fail(t, &moved, err, "%s", why.message);
  }
  return status || !type ? status : read_type(flow, t, type, out, err);
}

leat_status leat_flow_condition_read(leat_flow *flow, const leat_flow_transform *t,
                                     const leat_yaml_node *node, leat_flow_language language,
                                     const leat_flow_schema *schema, const leat_flow_expr **out,
                                     leat_error *err) {
  leat_status status = leat_flow_expr_read(flow, t, node, language, schema, out, err);
  if (status || leat_flow_expr_type(*out)->type == LEAT_FLOW_TYPE_BOOL) return status;
  return leat_flow_fail(t, node, err, "expected a condition (a bool), this is a %s",
                        leat_flow_type_name(leat_flow_expr_type(*out)->type));
}

// --- Rows that fail -----------------------------------------------------------------------------
leat_status leat_flow_errors_read(leat_flow *flow, leat_flow_transform *t, leat_flow_errors *out,
                                  leat_error *err) {
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, "error_handling") : NULL;
  const leat_flow_collection *in = t->inputs.at[0];
  *out = (leat_flow_errors){0};
  if (!node) return LEAT_OK;
  const leat_yaml_node *tag = leat_yaml_get(node, "output");
  if (!tag || tag->kind != LEAT_YAML_SCALAR)
    return leat_flow_fail(t, node, err, "expected error_handling: {output: NAME}");
  const leat_flow_field fields[] = {
      {.name = LEAT_STR("element"),
       .type = LEAT_FLOW_TYPE_ROW,
       .fields = in->schema->fields,
       .field_count = in->schema->count},
      {.name = LEAT_STR("msg"), .type = LEAT_FLOW_TYPE_STRING},
      {.name = LEAT_STR("stack"), .type = LEAT_FLOW_TYPE_STRING},
  };
  out->schema = leat_flow_schema_copy(&flow->arena, &(leat_flow_schema){fields, 3});
  if (!out->schema) return leat__oom(err, sizeof fields);
  out->output = (int)t->outputs.count;
  return leat_flow_add_output(flow, t, tag->text, out->schema, in->strategy, in->bounded, NULL,
                              err);
}

static leat_status fail_run(const leat_flow_batch *batch, int row, const char *why,
                            leat_error *err) {
  leat_buf text = {.max = 500};
  leat_json_writer w = {.out = &text};
  leat_flow_row_json(&w, batch, row);
  leat_error_set(err, LEAT_INVALID_ARGUMENT,
                 "%s in row %s; `error_handling: {output: errors}` would put such rows aside", why,
                 text.ptr ? text.ptr : "");
  leat_buf_deinit(&text);
  return LEAT_INVALID_ARGUMENT;
}

static leat_status put_error(const leat_flow_op *op, leat_flow_rows *rows,
                             const leat_flow_batch *batch, int row, const char *why,
                             leat_error *err) {
  leat_flow_rows_open(rows);
  for (int f = 0; f < batch->schema->count; f++)
    leat_flow_rows_copy(rows, &batch->schema->fields[f], &batch->columns[f], row);
  leat_flow_rows_close(rows);
  leat_flow_rows_text(rows, leat_str_of(why));
  leat_flow_rows_text(rows, op->transform->name);
  return leat_flow_rows_end(rows, batch->timestamps[row],
                            batch->windows ? &batch->windows[row] : NULL,
                            batch->panes ? &batch->panes[row] : NULL, err);
}

leat_status leat_flow_errors_split(leat_flow_op *op, const leat_flow_errors *errors,
                                   const leat_flow_batch *batch, const leat_flow_eval *eval,
                                   int32_t *good, int *count, leat_error *err) {
  leat_flow_rows *rows = NULL;
  leat_status status = LEAT_OK;
  int kept = 0;
  if (errors->schema && leat_flow_eval_failures(eval))
    status = leat_flow_rows_new(&rows, errors->schema, err);
  for (int i = 0; !status && i < batch->rows; i++) {
    const char *why = leat_flow_eval_failure(eval, i);
    if (!why && good) good[kept] = i;
    kept += !why;
    if (why) status = rows ? put_error(op, rows, batch, i, why, err) : fail_run(batch, i, why, err);
  }
  if (!status && rows) status = leat_flow_emit(op, errors->output, leat_flow_rows_take(rows), err);
  leat_flow_rows_free(rows);
  if (count) *count = kept;
  return status;
}

leat_status leat_flow_errors_one(leat_flow_op *op, const leat_flow_errors *errors,
                                 const leat_flow_batch *batch, int row, const char *why,
                                 leat_error *err) {
  leat_flow_rows *rows;
  if (!errors->schema) return fail_run(batch, row, why, err);
  leat_status status = leat_flow_rows_new(&rows, errors->schema, err);
  if (status) return status;
  status = put_error(op, rows, batch, row, why, err);
  if (!status) status = leat_flow_emit(op, errors->output, leat_flow_rows_take(rows), err);
  return leat_flow_rows_free(rows), status;
}

// --- Windows ------------------------------------------------------------------------------------
static int window_count(const leat_flow_window_fn *fn, int64_t ts) {
  leat_flow_window w;
  int n = 0;
  for (bool more = leat_flow_window_first(fn, ts, &w); more;
       more = leat_flow_window_next(fn, ts, &w))
    n++;
  return n;
}

leat_flow_batch *leat_flow_with_windows(const leat_flow_collection *c,
                                        const leat_flow_batch *batch) {
  const leat_flow_window_fn *fn = &c->strategy->window;
  if (batch->windows) return leat_flow_batch_ref((leat_flow_batch *)batch);
  size_t total = 0, n = 0;
  for (int i = 0; i < batch->rows; i++) total += (size_t)window_count(fn, batch->timestamps[i]);
  int32_t *rows = leat__alloc((total + 1) * sizeof *rows);
  leat_flow_window *windows = leat__alloc((total + 1) * sizeof *windows), w;
  leat_flow_batch *out = NULL;
  for (int i = 0; rows && windows && i < batch->rows; i++)
    for (bool more = leat_flow_window_first(fn, batch->timestamps[i], &w); more;
         more = leat_flow_window_next(fn, batch->timestamps[i], &w)) {
      rows[n] = i;
      windows[n++] = w;
    }
  if (rows && windows) out = leat_flow_batch_take(batch, rows, (int)total);
  if (out) {
    out->windows = leat_flow_block_alloc(out->owner, (total + 1) * sizeof *windows);
    if (out->windows)
      memcpy(out->windows, windows, total * sizeof *windows);
    else
      leat_flow_batch_unref(out), out = NULL;
  }
  leat__free(rows);
  leat__free(windows);
  return out;
}
