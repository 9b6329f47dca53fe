// Shape rules of control flow, state, effects and collectives; binding of symbols at calls.
// SPDX-License-Identifier: Apache-2.0
#include "graph/shape.h"

// --- Symbols at a call --------------------------------------------------------------------------
static bool bind_dim(leat_graph *graph, leat_dim formal, leat_dim actual, leat_dim *map,
                     bool *known) {
  if (formal < 0 && leat__dim_expr(graph, formal)->op == DIM_SYMBOL) {
    size_t slot = leat__dim_slot(formal);
    if (!known[slot]) map[slot] = actual;
    known[slot] = true;
    return map[slot] == actual;
  }
  return true;  // checked once all symbols are bound
}

leat_status leat__bind_symbols(leat_graph *graph, leat_func *func, const leat_type *types,
                               int count, leat_dim *map, bool *known, leat_error *err) {
  if (count != func->input_count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "'%s' takes %d arguments, got %d", func->name,
                          func->input_count, count);
  for (int pass = 0; pass < 2; pass++) {
    for (int i = 0; i < count; i++) {
      const leat_type *formal = &func->inputs[i]->types[0];
      bool fits = formal->dtype == types[i].dtype && formal->shape.rank == types[i].shape.rank;
      for (int j = 0; fits && j < formal->shape.rank; j++) {
        leat_dim want = formal->shape.dims[j], got = types[i].shape.dims[j];
        fits = pass == 0 ? bind_dim(graph, want, got, map, known)
                         : leat__dim_subst(graph, want, map, known) == got;
      }
      if (fits) continue;
      leat_buf want = {0}, got = {0};
      leat__print_type(graph, formal, &want);
      leat__print_type(graph, &types[i], &got);
      leat_error_set(err, LEAT_INVALID_ARGUMENT, "'%s': argument '%s' is %s, expected %s",
                     func->name, func->input_names[i], got.ptr, want.ptr);
      leat_buf_deinit(&want);
      leat_buf_deinit(&got);
      return LEAT_INVALID_ARGUMENT;
    }
  }
  return LEAT_OK;
}

// Result types of a call with these argument types.
static leat_status call_types(leat_graph *graph, leat_func *func, const leat_type *types, int count,
                              leat_type *out, leat_error *err) {
  if (!func) return leat_error_set(err, LEAT_INVALID_ARGUMENT, "no function");
  if (func->writes)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "'%s' writes variables: it cannot be called",
                          func->name);
  size_t slots = leat__dim_count(graph) + 1;
  leat_dim *map = leat__calloc(slots, sizeof *map);
  bool *known = leat__calloc(slots, sizeof *known);
  leat_status status = map && known ? leat__bind_symbols(graph, func, types, count, map, known, err)
                                    : leat__oom(err, slots * sizeof *map);
  for (int i = 0; !status && i < func->output_count; i++) {
    out[i] = leat_value_type(func->outputs[i]);
    for (int j = 0; !status && j < out[i].shape.rank; j++) {
      if (!leat__dim_is_known(graph, out[i].shape.dims[j], known))
        status = leat_error_set(err, LEAT_INVALID_ARGUMENT,
                                "'%s': the size of result '%s' depends on data inside", func->name,
                                func->output_names[i]);
      out[i].shape.dims[j] = leat__dim_subst(graph, out[i].shape.dims[j], map, known);
    }
  }
  leat__free(map);
  leat__free(known);
  return status;
}

// The types of operands [first, count) in fresh memory.
static leat_type *operand_types(const leat_node *node, int first) {
  leat_type *types = leat__calloc((size_t)(node->input_count - first + 1), sizeof *types);
  for (int i = first; types && i < node->input_count; i++) types[i - first] = leat__in(node, i);
  return types;
}

leat_status leat__shape_call(leat_graph *graph, const leat_node *node, leat_type *out,
                             leat_error *err) {
  leat_type *types = operand_types(node, 0);
  if (!types) return leat__oom(err, sizeof *types);
  leat_status status = call_types(graph, node->attrs[0].func, types, node->input_count, out, err);
  leat__free(types);
  return status;
}

leat_status leat__shape_custom_gradient(leat_graph *graph, const leat_node *node, leat_type *out,
                                        leat_error *err) {
  leat_status status = leat__shape_call(graph, node, out, err);
  if (status) return status;
  const leat_func *func = node->attrs[0].func, *grad = node->attrs[1].func;
  if (grad->input_count != func->input_count + func->output_count ||
      grad->output_count != func->input_count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "'%s' does not take the inputs and output gradients of '%s'", grad->name,
                          func->name);
  return LEAT_OK;
}

leat_status leat__shape_cond(leat_graph *graph, const leat_node *node, leat_type *out,
                             leat_error *err) {
  if (node->input_count < 1 || leat__in(node, 0).dtype != LEAT_DTYPE_BOOL ||
      leat__in(node, 0).shape.rank != 0)
    return leat__shape_error(graph, node, err, "the first operand is not a bool scalar");
  leat_func *yes = node->attrs[0].func, *no = node->attrs[1].func;
  if (yes->output_count != no->output_count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "the branches return %d and %d values",
                          yes->output_count, no->output_count);
  leat_type *types = operand_types(node, 1);
  leat_type *other = leat__calloc((size_t)no->output_count + 1, sizeof *other);
  leat_status status = types && other ? LEAT_OK : leat__oom(err, sizeof *types);
  if (!status) status = call_types(graph, yes, types, node->input_count - 1, out, err);
  if (!status) status = call_types(graph, no, types, node->input_count - 1, other, err);
  for (int i = 0; !status && i < no->output_count; i++)
    if (!leat_type_eq(&out[i], &other[i]))
      status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "result %d differs between branches", i);
  leat__free(types);
  leat__free(other);
  return status;
}

static leat_status check_carries(const leat_type *before, const leat_type *after, int64_t carries,
                                 leat_error *err) {
  for (int64_t i = 0; i < carries; i++)
    if (!leat_type_eq(&before[i], &after[i]))
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "carry %lld changes its type",
                            (long long)i);
  return LEAT_OK;
}

leat_status leat__shape_while(leat_graph *graph, const leat_node *node, leat_type *out,
                              leat_error *err) {
  leat_func *test = node->attrs[0].func, *body = node->attrs[1].func;
  int64_t carries = node->attrs[2].i;
  if (carries < 0 || carries > node->input_count || body->output_count != carries ||
      test->output_count != 1)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "carries do not fit the body");
  leat_type *types = operand_types(node, 0), verdict = {0};
  if (!types) return leat__oom(err, sizeof *types);
  leat_status status = call_types(graph, test, types, node->input_count, &verdict, err);
  if (!status) status = call_types(graph, body, types, node->input_count, out, err);
  if (!status && (verdict.dtype != LEAT_DTYPE_BOOL || verdict.shape.rank != 0))
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "the test is not a bool scalar");
  if (!status) status = check_carries(types, out, carries, err);
  leat__free(types);
  return status;
}

// Turns the operands' types into the body's: trip, carries, one row of each scanned array,
// captures.
static leat_status scan_rows(leat_graph *graph, const leat_node *node, leat_type *types,
                             leat_error *err) {
  int64_t carries = node->attrs[1].i, scanned = node->attrs[2].i;
  for (int64_t i = carries; i < carries + scanned; i++) {
    leat_shape *shape = &types[i + 1].shape;
    if (shape->rank < 1 || shape->dims[0] != node->attrs[3].i)
      return leat__shape_error(graph, node, err,
                               "scanned operand %lld does not have one row a trip",
                               (long long)(i - carries));
    shape->rank--;
    memmove(shape->dims, shape->dims + 1, sizeof *shape->dims * (size_t)shape->rank);
  }
  return LEAT_OK;
}

leat_status leat__shape_scan(leat_graph *graph, const leat_node *node, leat_type *out,
                             leat_error *err) {
  leat_func *body = node->attrs[0].func;
  int64_t carries = node->attrs[1].i, scanned = node->attrs[2].i;
  if (carries < 0 || scanned < 0 || carries + scanned > node->input_count ||
      body->output_count < carries)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "carries do not fit the body");
  leat_type *types = leat__calloc((size_t)node->input_count + 1, sizeof *types);
  if (!types) return leat__oom(err, sizeof *types);
  types[0] = (leat_type){LEAT_DTYPE_I64, LEAT_SCALAR};
  for (int i = 0; i < node->input_count; i++) types[i + 1] = leat__in(node, i);
  leat_status status = scan_rows(graph, node, types, err);
  if (!status) status = call_types(graph, body, types, node->input_count + 1, out, err);
  if (!status) status = check_carries(types + 1, out, carries, err);
  for (int64_t i = carries; !status && i < body->output_count; i++) {
    leat_shape *shape = &out[i].shape;
    if (out[i].dtype == LEAT_DTYPE_STRING)
      status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "strings cannot be stacked");
    else if (!(status = leat__check_rank(graph, node, shape->rank + 1, err))) {
      memmove(shape->dims + 1, shape->dims, sizeof *shape->dims * (size_t)shape->rank++);
      shape->dims[0] = node->attrs[3].i;
    }
  }
  leat__free(types);
  return status;
}

// --- State --------------------------------------------------------------------------------------
leat_status leat__shape_var_read(leat_graph *graph, const leat_node *node, leat_type *out,
                                 leat_error *err) {
  if (!node->attrs[0].var) return leat_error_set(err, LEAT_NOT_FOUND, "no such variable");
  *out = node->attrs[0].var->type;
  return LEAT_OK;
}

leat_status leat__shape_var_next(leat_graph *graph, const leat_node *node, leat_type *out,
                                 leat_error *err) {
  leat_type type = leat__in(node, 0);
  if (!node->attrs[0].var) return leat_error_set(err, LEAT_NOT_FOUND, "no such variable");
  if (leat_type_eq(&type, &node->attrs[0].var->type)) return LEAT_OK;
  return leat__shape_error(graph, node, err, "does not fit variable '%s'",
                           node->attrs[0].var->name);
}

leat_status leat__shape_row_update(leat_graph *graph, const leat_node *node, leat_type *out,
                                   leat_error *err) {
  const leat_attr *vars = &node->attrs[0];
  leat_func *func = node->attrs[1].func;
  if (vars->count < 1 || node->input_count < 2)
    return leat__shape_error(graph, node, err, "wants ids, rows, and at least one variable");
  leat_type ids = leat__in(node, 0), rows = leat__in(node, 1);
  if (ids.dtype != LEAT_DTYPE_I64 || ids.shape.rank != 1 || rows.shape.rank < 1 ||
      rows.shape.dims[0] != ids.shape.dims[0])
    return leat__shape_error(graph, node, err, "wants i64 ids (n) and rows (n, ...)");
  int64_t count = vars->count + node->input_count - 1;  // vars' rows, summed rows, captures
  leat_type *types = leat__calloc((size_t)count + 1, sizeof *types);
  leat_type *results = leat__calloc((size_t)func->output_count + 1, sizeof *results);
  leat_status status = types && results ? LEAT_OK : leat__oom(err, sizeof *types);
  leat_dim distinct = leat_dim_symbol(graph, "row_update.distinct", 0);
  for (int64_t i = 0; !status && i < count; i++) {
    types[i] = i < vars->count ? vars->vars[i]->type : leat__in(node, (int)(i - vars->count + 1));
    if (i <= vars->count && types[i].shape.rank > 0) types[i].shape.dims[0] = distinct;
    if (i < vars->count && types[i].shape.rank < 1)
      status =
          leat__shape_error(graph, node, err, "variable '%s' has no rows", vars->vars[i]->name);
  }
  if (!status && func->output_count != vars->count)
    status = leat__shape_error(graph, node, err, "'%s' does not return one value a variable",
                               func->name);
  if (!status) status = call_types(graph, func, types, (int)count, results, err);
  for (int64_t i = 0; !status && i < vars->count; i++)
    if (!leat_type_eq(&results[i], &types[i]))
      status = leat__shape_error(graph, node, err, "'%s' changes the type of a row", func->name);
  leat__free(types);
  leat__free(results);
  return status;
}

// --- Effects and collectives --------------------------------------------------------------------
leat_status leat__shape_assert(leat_graph *graph, const leat_node *node, leat_type *out,
                               leat_error *err) {
  if (leat__in(node, 0).dtype == LEAT_DTYPE_BOOL) return LEAT_OK;
  return leat__shape_error(graph, node, err, "not bool");
}

leat_status leat__shape_print(leat_graph *graph, const leat_node *node, leat_type *out,
                              leat_error *err) {
  return LEAT_OK;
}

static leat_status collective_shape(leat_graph *graph, const leat_node *node, leat_type *out,
                                    leat_error *err) {
  *out = leat__in(node, 0);
  if (!leat__is_number(out->dtype)) return leat__shape_error(graph, node, err, "not numbers");
  return LEAT_OK;
}

leat_status leat__shape_all_reduce(leat_graph *graph, const leat_node *node, leat_type *out,
                                   leat_error *err) {
  return collective_shape(graph, node, out, err);
}

static leat_status check_workers(leat_graph *graph, const leat_node *node, int64_t axis,
                                 int64_t workers, const leat_type *type, leat_error *err) {
  if (axis >= 0 && axis < type->shape.rank && workers >= 1) return LEAT_OK;
  return leat__shape_error(graph, node, err, "no axis %lld, or no workers", (long long)axis);
}

leat_status leat__shape_all_gather(leat_graph *graph, const leat_node *node, leat_type *out,
                                   leat_error *err) {
  leat_status status = collective_shape(graph, node, out, err);
  int64_t axis = node->attrs[0].i, workers = node->attrs[1].i;
  if (!status) status = check_workers(graph, node, axis, workers, out, err);
  if (!status) out->shape.dims[axis] = leat_dim_mul(graph, out->shape.dims[axis], workers);
  return status;
}

leat_status leat__shape_reduce_scatter(leat_graph *graph, const leat_node *node, leat_type *out,
                                       leat_error *err) {
  leat_status status = collective_shape(graph, node, out, err);
  int64_t axis = node->attrs[1].i, workers = node->attrs[2].i;
  if (!status) status = check_workers(graph, node, axis, workers, out, err);
  if (status) return status;
  leat_dim size = out->shape.dims[axis], part = leat_dim_floordiv(graph, size, workers);
  if (leat_dim_mul(graph, part, workers) != size)
    return leat__shape_error(graph, node, err, "axis %lld does not split into %lld",
                             (long long)axis, (long long)workers);
  out->shape.dims[axis] = part;
  return LEAT_OK;
}
