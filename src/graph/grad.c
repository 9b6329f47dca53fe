// Reverse-mode differentiation: cotangents flow from the last node to the first, as graph.
// SPDX-License-Identifier: Apache-2.0
//
// Each value that the targets influence has an accumulator: a dense sum, and for gathered tables a
// list of (ids, rows) that stays sparse until something needs it dense.
#include "graph/graph_impl.h"
#include "leat/ops.h"

#include <stdio.h>

typedef struct row_piece {
  leat_value ids, rows;
} row_piece;

typedef struct cotangent {
  leat_value dense;
  LEAT_VEC(row_piece) pieces;
} cotangent;

struct leat_gradient_ctx {
  leat_builder *b;
  int node_count;  // nodes that existed at the start
  bool *needed;    // by node: depends on a target
  int *first;      // by node: index of its output 0 in cots
  cotangent *cots;
  int cot_count;
};

leat_builder *leat__cot_builder(leat_gradient_ctx *ctx) { return ctx->b; }

static void no_memory(leat_builder *b) {
  leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
}

static cotangent *cot_at(leat_gradient_ctx *ctx, leat_value value) {
  return &ctx->cots[ctx->first[value.node->id] + value.index];
}

bool leat__cot_needed(leat_gradient_ctx *ctx, leat_value value) {
  return value.node && value.node->id < ctx->node_count && ctx->needed[value.node->id] &&
         leat_dtype_is_float(leat_value_type(value).dtype);
}

void leat__cot_add(leat_gradient_ctx *ctx, leat_value to, leat_value grad) {
  if (!grad.node || !leat__cot_needed(ctx, to)) return;
  leat_type want = leat_value_type(to), have = leat_value_type(grad);
  if (!leat_type_eq(&want, &have)) {
    leat_buf text = {0};
    leat__print_type(leat_builder_graph(ctx->b), &want, &text);
    leat_buf_c(&text, " expected, got ");
    leat__print_type(leat_builder_graph(ctx->b), &have, &text);
    leat_builder_fail(ctx->b, LEAT_INTERNAL, "gradient of %s: %s", leat__ops[to.node->op].name,
                      text.ptr ? text.ptr : "");
    leat_buf_deinit(&text);
    return;
  }
  cotangent *cot = cot_at(ctx, to);
  cot->dense = cot->dense.node ? leat_add(ctx->b, cot->dense, grad) : grad;
}

void leat__cot_add_rows(leat_gradient_ctx *ctx, leat_value to, leat_value ids, leat_value rows) {
  if (!rows.node || !leat__cot_needed(ctx, to)) return;
  if (!leat_vec_push(&cot_at(ctx, to)->pieces, (row_piece){ids, rows})) no_memory(ctx->b);
}

// Joins the pieces into one (ids, rows); ids are i64.
static row_piece join_pieces(leat_builder *b, const cotangent *cot) {
  size_t count = cot->pieces.count;
  if (count == 1) return cot->pieces.at[0];
  leat_value *list = leat__alloc(sizeof *list * count);
  if (!list) return no_memory(b), (row_piece){0};
  row_piece joined;
  for (size_t i = 0; i < count; i++) list[i] = cot->pieces.at[i].ids;
  joined.ids = leat_concat(b, list, (int)count, 0);
  for (size_t i = 0; i < count; i++) list[i] = cot->pieces.at[i].rows;
  joined.rows = leat_concat(b, list, (int)count, 0);
  leat__free(list);
  return joined;
}

// Turns what is sparse into dense.
static leat_value densify(leat_gradient_ctx *ctx, leat_value value) {
  cotangent *cot = cot_at(ctx, value);
  if (cot->pieces.count) {
    row_piece joined = join_pieces(ctx->b, cot);
    leat_value base = cot->dense.node ? cot->dense : leat_zeros_like(ctx->b, value);
    cot->pieces.count = 0;
    cot->dense =
        leat_scatter(ctx->b, base, joined.ids, joined.rows, 0, LEAT_SCATTER_ADD, LEAT_INDEX_ZERO);
  }
  return cot->dense;
}

leat_value leat__cot_of(leat_gradient_ctx *ctx, leat_node *node, int output) {
  return densify(ctx, leat__out(node, output));
}

leat_value leat__cot_or_zeros(leat_gradient_ctx *ctx, leat_node *node, int output) {
  leat_value grad = leat__cot_of(ctx, node, output);
  return grad.node ? grad : leat_zeros_like(ctx->b, leat__out(node, output));
}

static bool has_cotangent(leat_gradient_ctx *ctx, const leat_node *node) {
  for (int i = 0; i < node->output_count; i++) {
    const cotangent *cot = &ctx->cots[ctx->first[node->id] + i];
    if (cot->dense.node || cot->pieces.count) return true;
  }
  return false;
}

// Which nodes the targets influence.
static void mark_needed(leat_gradient_ctx *ctx, const leat_value *xs, int x_count) {
  for (int i = 0; i < x_count; i++) ctx->needed[xs[i].node->id] = true;
  for (int id = 0; id < ctx->node_count; id++) {
    const leat_node *node = leat__builder_node(ctx->b, id);
    if (leat__ops[node->op].gradient == GRADIENT_zero) continue;
    for (int j = 0; j < node->input_count; j++)
      if (ctx->needed[node->inputs[j].node->id]) ctx->needed[id] = true;
  }
}

static void walk_back(leat_gradient_ctx *ctx) {
  for (int id = ctx->node_count - 1; id >= 0 && leat_builder_ok(ctx->b); id--) {
    leat_node *node = leat__builder_node(ctx->b, id);
    const leat_op_row *row = &leat__ops[node->op];
    if (!ctx->needed[id] || row->gradient == GRADIENT_zero || !has_cotangent(ctx, node)) continue;
    if (row->gradient == GRADIENT_none) {
      leat_builder_fail(ctx->b, LEAT_INVALID_ARGUMENT, "%s has no gradient", row->name);
      return;
    }
    leat_builder_scope(ctx->b, node->scope);
    row->grad(ctx, node);
  }
}

static bool context_init(leat_gradient_ctx *ctx, leat_builder *b, int last) {
  *ctx = (leat_gradient_ctx){.b = b, .node_count = last + 1};
  size_t count = (size_t)ctx->node_count + 1;
  ctx->needed = leat__calloc(count, sizeof *ctx->needed);
  ctx->first = leat__calloc(count, sizeof *ctx->first);
  if (!ctx->needed || !ctx->first) return false;
  for (int id = 0; id < ctx->node_count; id++) {
    ctx->first[id] = ctx->cot_count;
    ctx->cot_count += leat__builder_node(b, id)->output_count;
  }
  ctx->cots = leat__calloc((size_t)ctx->cot_count + 1, sizeof *ctx->cots);
  return ctx->cots != NULL;
}

static void context_deinit(leat_gradient_ctx *ctx) {
  for (int i = 0; ctx->cots && i < ctx->cot_count; i++) leat_vec_deinit(&ctx->cots[i].pieces);
  leat__free(ctx->cots);
  leat__free(ctx->needed);
  leat__free(ctx->first);
}

static void collect(leat_gradient_ctx *ctx, leat_value x, bool sparse_ok, leat_gradient *out) {
  cotangent *cot = cot_at(ctx, x);
  if (sparse_ok && cot->pieces.count && !cot->dense.node) {
    row_piece joined = join_pieces(ctx->b, cot);
    out->ids = joined.ids;
    out->rows = joined.rows;
  } else {
    out->dense = densify(ctx, x);
  }
}

// The last node that matters, or -1 (and a failed builder) when a value is missing.
static int last_node(leat_builder *b, const leat_value *values, int count, int last) {
  for (int i = 0; i < count; i++) {
    if (!values[i].node) {
      leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "gradients: a value is missing");
      return -1;
    }
    if (values[i].node->id > last) last = values[i].node->id;
  }
  return last;
}

void leat_gradients(leat_builder *b, const leat_value *ys, const leat_value *seeds, int y_count,
                    const leat_value *xs, int x_count, bool sparse_ok, leat_gradient *out) {
  for (int i = 0; i < x_count; i++) out[i] = (leat_gradient){0};
  if (!leat_builder_ok(b)) return;
  int last = last_node(b, xs, x_count, last_node(b, ys, y_count, 0));
  leat_gradient_ctx ctx = {0};
  if (!leat_builder_ok(b)) return;
  if (!context_init(&ctx, b, last)) {
    no_memory(b);
    context_deinit(&ctx);
    return;
  }
  mark_needed(&ctx, xs, x_count);
  for (int i = 0; i < y_count; i++) {
    leat_value seed = seeds ? seeds[i] : (leat_value){0};
    if (!leat__cot_needed(&ctx, ys[i])) continue;
    leat__cot_add(&ctx, ys[i], seed.node ? seed : leat_ones_like(b, ys[i]));
  }
  walk_back(&ctx);
  for (int i = 0; i < x_count && leat_builder_ok(b); i++) collect(&ctx, xs[i], sparse_ok, &out[i]);
  leat_builder_scope(b, NULL);
  context_deinit(&ctx);
}

// --- Functions of gradients ---------------------------------------------------------------------
static bool is_float(leat_type type) { return leat_dtype_is_float(type.dtype); }

static leat_value numbered_input(leat_builder *b, const char *stem, int i, leat_type type) {
  char name[32];
  snprintf(name, sizeof name, "%s%d", stem, i);
  return leat_input(b, name, type);
}

static void vjp_body(leat_builder *b, leat_func *func, leat_value *values) {
  leat_value *xs = values, *ys = xs + func->input_count, *seeds = ys + func->output_count;
  leat_value *floats = seeds + func->output_count;
  for (int i = 0; i < func->input_count; i++)
    xs[i] = numbered_input(b, "x", i, leat_func_input_type(func, i));
  int y_count = 0, x_count = 0;
  for (int i = 0; i < func->output_count; i++)
    if (is_float(leat_func_output_type(func, i)))
      seeds[y_count++] = numbered_input(b, "dy", i, leat_func_output_type(func, i));
  leat__inline(b, func, xs, func->input_count, ys);
  y_count = 0;
  for (int i = 0; i < func->output_count; i++)
    if (is_float(leat_func_output_type(func, i))) ys[y_count++] = ys[i];
  for (int i = 0; i < func->input_count; i++)
    if (is_float(leat_func_input_type(func, i))) floats[x_count++] = xs[i];
  leat_gradient *grads = leat__calloc((size_t)x_count + 1, sizeof *grads);
  if (!grads) {
    no_memory(b);
    return;
  }
  leat_gradients(b, ys, seeds, y_count, floats, x_count, false, grads);
  for (int i = 0; i < x_count; i++) {
    char name[32];
    snprintf(name, sizeof name, "dx%d", i);
    leat_output(b, name, grads[i].dense.node ? grads[i].dense : leat_zeros_like(b, floats[i]));
  }
  leat__free(grads);
}

leat_func *leat__vjp_func(leat_builder *outer, leat_func *func) {
  size_t count = (size_t)(2 * func->input_count + 2 * func->output_count + 1);
  leat_value *values = leat__calloc(count, sizeof *values);
  leat_builder *b = leat_builder_new(func->graph, NULL);
  if (values && b) vjp_body(b, func, values);
  leat__free(values);
  leat_func *vjp = NULL;
  leat_error err = {0};
  leat_status status = leat_builder_finish(b, &vjp, &err);
  if (!values) status = leat__oom(&err, count);
  if (status) leat_builder_fail(outer, status, "gradient of '%s': %s", func->name, err.message);
  return status ? NULL : vjp;
}
