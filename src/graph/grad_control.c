// Gradient rules of control flow, custom functions and collectives.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"
#include "graph/host.h"
#include "leat/ops.h"

#include <stdio.h>

#define RULE(op) void leat__grad_##op(leat_gradient_ctx *ctx, leat_node *node)

static bool is_float(leat_type type) { return leat_dtype_is_float(type.dtype); }

// Values in a list that is freed by the caller; NULL fails the builder.
static leat_value *list_new(leat_builder *b, int count) {
  leat_value *list = leat__calloc((size_t)count + 1, sizeof *list);
  if (!list) leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
  return list;
}

// Appends the cotangents of the float outputs [from, to).
static int add_cotangents(leat_gradient_ctx *ctx, leat_node *node, int from, int to,
                          leat_value *list, int count) {
  for (int i = from; i < to; i++)
    if (is_float(node->types[i])) list[count++] = leat__cot_or_zeros(ctx, node, i);
  return count;
}

static int count_floats(const leat_func *func, int from, int to, bool inputs) {
  int count = 0;
  for (int i = from; i < to; i++)
    count += is_float(inputs ? leat_func_input_type(func, i) : leat_func_output_type(func, i));
  return count;
}

// Hands the float operands from `first` on their gradients in order.
static void give(leat_gradient_ctx *ctx, leat_node *node, int first, const leat_value *grads) {
  for (int i = first; i < node->input_count; i++)
    if (is_float(leat__in(node, i))) leat__cot_add(ctx, node->inputs[i], *grads++);
}

RULE(call) {
  leat_builder *b = leat__cot_builder(ctx);
  leat_func *vjp = leat__vjp_func(b, node->attrs[0].func);
  leat_value *args = list_new(b, node->input_count + node->output_count);
  leat_value *grads = list_new(b, vjp ? vjp->output_count : 0);
  if (vjp && args && grads) {
    memcpy(args, node->inputs, sizeof *args * (size_t)node->input_count);
    int count = add_cotangents(ctx, node, 0, node->output_count, args, node->input_count);
    leat_call(b, vjp, args, count, grads);
    give(ctx, node, 0, grads);
  }
  leat__free(args);
  leat__free(grads);
}

RULE(cond) {
  leat_builder *b = leat__cot_builder(ctx);
  leat_func *yes = leat__vjp_func(b, node->attrs[0].func);
  leat_func *no = yes ? leat__vjp_func(b, node->attrs[1].func) : NULL;
  leat_value *args = list_new(b, node->input_count + node->output_count);
  leat_value *grads = list_new(b, no ? no->output_count : 0);
  if (no && args && grads) {
    int captures = node->input_count - 1;
    memcpy(args, node->inputs + 1, sizeof *args * (size_t)captures);
    int count = add_cotangents(ctx, node, 0, node->output_count, args, captures);
    leat_cond(b, node->inputs[0], yes, no, args, count, grads);
    give(ctx, node, 1, grads);
  }
  leat__free(args);
  leat__free(grads);
}

RULE(custom_gradient) {
  leat_builder *b = leat__cot_builder(ctx);
  leat_func *grad = node->attrs[1].func;
  leat_value *args = list_new(b, node->input_count + node->output_count);
  leat_value *grads = list_new(b, grad->output_count);
  if (args && grads) {
    memcpy(args, node->inputs, sizeof *args * (size_t)node->input_count);
    for (int i = 0; i < node->output_count; i++)
      args[node->input_count + i] = leat__cot_or_zeros(ctx, node, i);
    leat_call(b, grad, args, node->input_count + node->output_count, grads);
    for (int i = 0; i < node->input_count; i++)
      if (is_float(leat__in(node, i))) leat__cot_add(ctx, node->inputs[i], grads[i]);
  }
  leat__free(args);
  leat__free(grads);
}

RULE(custom_call) {
  leat_builder *b = leat__cot_builder(ctx);
  leat_str name = {node->attrs[0].str, (size_t)node->attrs[0].count};
  const leat_custom *custom = leat__custom_find(name);
  if (!custom || !custom->grad) {
    leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "custom call '" LEAT_STR_FMT "' has no gradient",
                      LEAT_STR_ARG(name));
    return;
  }
  leat_value *outs = list_new(b, 2 * node->output_count);
  leat_value *grads = list_new(b, node->input_count);
  if (outs && grads) {
    for (int i = 0; i < node->output_count; i++) {
      outs[i] = leat__out(node, i);
      if (is_float(node->types[i])) outs[node->output_count + i] = leat__cot_or_zeros(ctx, node, i);
    }
    custom->grad(custom->context, b, node->inputs, node->input_count, outs,
                 outs + node->output_count, grads);
    for (int i = 0; i < node->input_count; i++) leat__cot_add(ctx, node->inputs[i], grads[i]);
  }
  leat__free(outs);
  leat__free(grads);
}

// --- Scan ---------------------------------------------------------------------------------------
// A scan's parts, as its attributes name them.
typedef struct scan_parts {
  leat_func *body;
  int carries, scanned, captures, stacked;  // stacked: rows it returns
  leat_dim trips;
  bool reverse;
} scan_parts;

static scan_parts scan_of(const leat_node *node) {
  scan_parts s = {.body = node->attrs[0].func,
                  .carries = (int)node->attrs[1].i,
                  .scanned = (int)node->attrs[2].i,
                  .trips = node->attrs[3].i,
                  .reverse = node->attrs[4].i != 0};
  s.captures = node->input_count - s.carries - s.scanned;
  s.stacked = s.body->output_count - s.carries;
  return s;
}

static leat_value next_input(leat_builder *b, int *count, leat_type type) {
  char name[32];
  snprintf(name, sizeof name, "a%d", (*count)++);
  return leat_input(b, name, type);
}

static void next_output(leat_builder *b, int *count, leat_value value) {
  char name[32];
  snprintf(name, sizeof name, "r%d", (*count)++);
  leat_output(b, name, value);
}

static leat_func *close(leat_builder *outer, leat_builder *b) {
  leat_func *func = NULL;
  leat_error err = {0};
  leat_status status = leat_builder_finish(b, &func, &err);
  if (status) leat_builder_fail(outer, status, "%s", err.message);
  return func;
}

// --- What the way back keeps of the way there ---
static bool is_cheap(const leat_node *node) {
  switch (node->op) {
    case LEAT_OP_sqrt:
    case LEAT_OP_rsqrt:
    case LEAT_OP_exp:
    case LEAT_OP_expm1:
    case LEAT_OP_log:
    case LEAT_OP_log1p:
    case LEAT_OP_tanh:
    case LEAT_OP_sigmoid:
    case LEAT_OP_erf:
    case LEAT_OP_sin:
    case LEAT_OP_cos:
    case LEAT_OP_atan:
    case LEAT_OP_div:
    case LEAT_OP_rem:
    case LEAT_OP_pow:
    case LEAT_OP_random_bits: return false;
    default: break;
  }
  leat_op_fusion fusion = leat__ops[node->op].fusion;
  return fusion == FUSION_elemwise || fusion == FUSION_broadcast || fusion == FUSION_injective;
}

// Rows of it can be stacked: no strings, and no size that is known in the body only.
static bool is_stackable(const leat_func *body, leat_type type) {
  if (type.dtype == LEAT_DTYPE_STRING || type.shape.rank >= LEAT_MAX_RANK) return false;
  for (int i = 0; i < type.shape.rank; i++) {
    bool known = type.shape.dims[i] >= 0;
    for (int k = 0; !known && k < body->input_count; k++) {
      leat_shape shape = leat_func_input_type(body, k).shape;
      for (int j = 0; j < shape.rank; j++) known |= shape.dims[j] == type.shape.dims[i];
    }
    if (!known) return false;
  }
  return true;
}

// What a node of a body's vjp depends on.
enum { ON_TRIP = 1, ON_COTANGENT = 2, NEEDED = 4 };

typedef struct residuals {  // values of the vjp that the way back reads instead of computing again
  leat_func *vjp;
  leat_value *at;
  int count;
} residuals;

static void need(const scan_parts *s, residuals *r, char *marks, leat_value value) {
  const leat_node *node = value.node;
  bool carry = node->op == LEAT_OP_input && node->attrs[0].i > 0 && node->attrs[0].i <= s->carries;
  bool costs = node->op != LEAT_OP_input && marks[node->id] & ON_TRIP && !is_cheap(node) &&
               is_stackable(s->body, node->types[value.index]);
  if (marks[node->id] & ON_COTANGENT) return;
  if (!carry && !costs) {
    marks[node->id] |= NEEDED;
    return;
  }
  for (int i = 0; i < r->count; i++)
    if (leat_value_eq(r->at[i], value)) return;
  r->at[r->count++] = value;
}

static void mark_dependence(const scan_parts *s, const leat_func *vjp, char *marks) {
  int first_capture = 1 + s->carries + s->scanned;
  for (int i = 0; i < vjp->node_count; i++) {
    const leat_node *node = vjp->nodes[i];
    int input = node->op == LEAT_OP_input ? (int)node->attrs[0].i : -1;
    if (input >= s->body->input_count)
      marks[i] = ON_COTANGENT;
    else if (input >= 0)
      marks[i] = input < first_capture ? ON_TRIP : 0;
    for (int k = 0; k < node->input_count; k++) marks[i] |= marks[node->inputs[k].node->id];
  }
}

// Carries as they were, and dear values of the way there; cheap ones are computed again.
static bool find_residuals(leat_builder *outer, const scan_parts *s, residuals *r) {
  r->vjp = leat__vjp_func(outer, s->body);
  int values = 0;
  for (int i = 0; r->vjp && i < r->vjp->node_count; i++) values += r->vjp->nodes[i]->output_count;
  char *marks = r->vjp ? leat__calloc((size_t)r->vjp->node_count + 1, 1) : NULL;
  r->at = list_new(outer, values);
  if (!marks || !r->at) {
    leat_builder_fail(outer, LEAT_RESOURCE_EXHAUSTED, "out of memory");
    leat__free(marks);
    return false;
  }
  mark_dependence(s, r->vjp, marks);
  for (int i = 0; i < r->vjp->output_count; i++) need(s, r, marks, r->vjp->outputs[i]);
  for (int i = r->vjp->node_count - 1; i >= 0; i--)
    for (int k = 0; marks[i] & (ON_COTANGENT | NEEDED) && k < r->vjp->nodes[i]->input_count; k++)
      need(s, r, marks, r->vjp->nodes[i]->inputs[k]);
  leat__free(marks);
  return true;
}

// The vjp's argument i is its input node i.
static leat_value argument(const leat_func *func, int i) { return leat__out(func->inputs[i], 0); }

// The body, which also returns the residuals: they are stacked for the way back.
static leat_func *recording_body(leat_builder *outer, const scan_parts *s, const residuals *r) {
  leat_builder *b = leat_builder_new(s->body->graph, NULL);
  leat_value *in = list_new(outer, s->body->input_count),
             *from = list_new(outer, s->body->input_count);
  leat_value *out = list_new(outer, s->body->output_count + r->count);
  int inputs = 0, outputs = 0;
  for (int i = 0; b && in && from && i < s->body->input_count; i++) {
    in[i] = next_input(b, &inputs, leat_func_input_type(s->body, i));
    from[i] = argument(r->vjp, i);
  }
  if (b && in && from && out) {
    leat__inline(b, s->body, in, s->body->input_count, out);
    leat__inline_part(b, r->vjp, &(leat_value_swap){from, in, s->body->input_count}, r->at,
                      r->count, false, out + s->body->output_count);
    for (int i = 0; i < s->body->output_count + r->count; i++) next_output(b, &outputs, out[i]);
  }
  leat__free(in);
  leat__free(from);
  leat__free(out);
  leat_func *func = close(outer, b);
  if (func) func->extends = s->body;
  return func;
}

typedef struct taken {  // values of the vjp that are arguments of the way back
  leat_value *from, *to;
  int count, inputs;
} taken;

static void take(leat_builder *b, taken *t, leat_value value) {
  t->from[t->count] = value;
  t->to[t->count++] = next_input(b, &t->inputs, leat_value_type(value));
}

// One trip of the way back: (trip, gradients of carries, summed gradients of captures; rows:
// residuals, scanned rows, gradients of stacked rows; captures) -> (gradients of carries, summed
// gradients of captures; gradients of scanned rows).
static leat_func *backward_body(leat_builder *outer, const scan_parts *s, const residuals *r) {
  const leat_func *body = s->body, *vjp = r->vjp;
  leat_builder *b = leat_builder_new(body->graph, NULL);
  int most = body->input_count * 2 + body->output_count * 2 + r->count + 2;
  taken swap = {.from = list_new(outer, most), .to = list_new(outer, most)};
  leat_value *sums = list_new(outer, most), *grads = list_new(outer, most);
  if (!b || !swap.from || !swap.to || !sums || !grads) goto done;
  int outputs = 0, sum_count = 0, first_capture = 1 + s->carries + s->scanned;
  int carry_cots = count_floats(body, 0, s->carries, false), cot = body->input_count;
  take(b, &swap, argument(vjp, 0));
  for (int i = 0; i < carry_cots; i++) take(b, &swap, argument(vjp, cot++));
  for (int i = first_capture; i < body->input_count; i++)
    if (is_float(leat_func_input_type(body, i)))
      sums[sum_count++] = next_input(b, &swap.inputs, leat_func_input_type(body, i));
  for (int i = 0; i < r->count; i++) take(b, &swap, r->at[i]);
  for (int i = 1 + s->carries; i < first_capture; i++) take(b, &swap, argument(vjp, i));
  while (cot < vjp->input_count) take(b, &swap, argument(vjp, cot++));
  for (int i = first_capture; i < body->input_count; i++) take(b, &swap, argument(vjp, i));
  leat__inline_part(b, r->vjp, &(leat_value_swap){swap.from, swap.to, swap.count}, vjp->outputs,
                    vjp->output_count, false, grads);
  // vjp's results: float carries, float scanned rows, float captures (the trip is i64)
  int rows_at = count_floats(body, 1, 1 + s->carries, true);
  int rows = count_floats(body, 1 + s->carries, first_capture, true);
  for (int i = 0; i < rows_at; i++) next_output(b, &outputs, grads[i]);
  for (int i = 0; i < sum_count; i++)
    next_output(b, &outputs, leat_add(b, sums[i], grads[rows_at + rows + i]));
  for (int i = 0; i < rows; i++) next_output(b, &outputs, grads[rows_at + i]);
done:
  leat__free(swap.from);
  leat__free(swap.to);
  leat__free(sums);
  leat__free(grads);
  return b ? close(outer, b) : NULL;
}

// Runs the scan backwards, given the outputs' cotangents and the stacked residuals.
static void scan_backwards(leat_gradient_ctx *ctx, leat_node *node, const scan_parts *s,
                           const residuals *r, const leat_value *inputs, const leat_value *dys,
                           const leat_value *stacked, leat_value *grads) {
  leat_builder *b = leat__cot_builder(ctx);
  leat_func *back = backward_body(b, s, r);
  leat_value *args = list_new(b, 2 * (s->body->input_count + s->body->output_count) + r->count);
  leat_value *outs = list_new(b, back ? back->output_count : 0);
  if (back && args && outs) {
    int count = 0, dy = 0, float_carries = count_floats(s->body, 0, s->carries, false);
    int first_capture = s->carries + s->scanned;
    for (int i = 0; i < float_carries; i++) args[count++] = dys[dy++];
    for (int i = first_capture; i < first_capture + s->captures; i++)
      if (is_float(leat_value_type(inputs[i]))) args[count++] = leat_zeros_like(b, inputs[i]);
    int carries = count;
    for (int i = 0; i < r->count; i++) args[count++] = stacked[i];
    for (int i = s->carries; i < first_capture; i++) args[count++] = inputs[i];
    int row_grads = count_floats(s->body, s->carries, s->body->output_count, false);
    for (int i = 0; i < row_grads; i++) args[count++] = dys[dy++];
    int scanned = count - carries;
    for (int i = first_capture; i < first_capture + s->captures; i++) args[count++] = inputs[i];
    leat_scan(b, back, args, count, carries, scanned, s->trips, !s->reverse, outs);
    // outs: carries' gradients, captures' sums, scanned rows' gradients
    int at = 0, capture_at = float_carries, row_at = carries;
    for (int i = 0; i < s->carries + s->scanned + s->captures; i++) {
      if (!is_float(leat_value_type(inputs[i]))) continue;
      if (i < s->carries)
        grads[i] = outs[at++];
      else if (i < first_capture)
        grads[i] = outs[row_at++];
      else
        grads[i] = outs[capture_at++];
    }
  }
  leat__free(args);
  leat__free(outs);
}

// Runs the scan again with residuals recorded, then goes back. Simplification makes one of the two
// runs there (leat_func.extends). `dys` are the float outputs' cotangents.
static void scan_gradient(leat_gradient_ctx *ctx, leat_node *node, const scan_parts *s,
                          const leat_value *inputs, const leat_value *dys, leat_value *grads) {
  leat_builder *b = leat__cot_builder(ctx);
  residuals r = {0};
  leat_func *record = find_residuals(b, s, &r) ? recording_body(b, s, &r) : NULL;
  leat_value *outs = list_new(b, record ? record->output_count : 0);
  if (record && outs) {
    leat_scan(b, record, inputs, s->carries + s->scanned + s->captures, s->carries, s->scanned,
              s->trips, s->reverse, outs);
    scan_backwards(ctx, node, s, &r, inputs, dys, outs + s->body->output_count, grads);
  }
  leat__free(outs);
  leat__free(r.at);
}

RULE(scan) {
  leat_builder *b = leat__cot_builder(ctx);
  scan_parts s = scan_of(node);
  leat_value *dys = list_new(b, node->output_count), *grads = list_new(b, node->input_count);
  if (dys && grads) {
    add_cotangents(ctx, node, 0, node->output_count, dys, 0);
    scan_gradient(ctx, node, &s, node->inputs, dys, grads);
    for (int i = 0; i < node->input_count; i++) leat__cot_add(ctx, node->inputs[i], grads[i]);
  }
  leat__free(dys);
  leat__free(grads);
}

// --- While --------------------------------------------------------------------------------------
// A branch of a masked trip: the body's results, or the carries unchanged.
static leat_func *while_branch(leat_builder *outer, leat_func *body, int carries, bool run) {
  leat_builder *b = leat_builder_new(body->graph, NULL);
  leat_value *in = list_new(outer, body->input_count), *out = list_new(outer, carries);
  int inputs = 0, outputs = 0;
  for (int i = 0; b && in && i < body->input_count; i++)
    in[i] = next_input(b, &inputs, leat_func_input_type(body, i));
  if (b && in && out) {
    if (run) leat__inline(b, body, in, body->input_count, out);
    for (int i = 0; i < carries; i++) next_output(b, &outputs, run ? out[i] : in[i]);
  }
  leat__free(in);
  leat__free(out);
  return close(outer, b);
}

// (trip, active, carries, captures) -> (still active, carries).
static leat_func *masked_body(leat_builder *outer, const leat_node *node) {
  leat_func *test = node->attrs[0].func, *body = node->attrs[1].func;
  int carries = (int)node->attrs[2].i, inputs = 0, outputs = 0;
  leat_func *yes = while_branch(outer, body, carries, true);
  leat_func *no = while_branch(outer, body, carries, false);
  leat_builder *b = yes && no ? leat_builder_new(body->graph, NULL) : NULL;
  leat_value *in = list_new(outer, body->input_count), *out = list_new(outer, carries), go;
  if (b && in && out) {
    next_input(b, &inputs, (leat_type){LEAT_DTYPE_I64, LEAT_SCALAR});
    leat_value active = next_input(b, &inputs, (leat_type){LEAT_DTYPE_BOOL, LEAT_SCALAR});
    for (int i = 0; i < body->input_count; i++)
      in[i] = next_input(b, &inputs, leat_func_input_type(body, i));
    leat_call(b, test, in, body->input_count, &go);
    go = leat_and(b, active, go);
    leat_cond(b, go, yes, no, in, body->input_count, out);
    next_output(b, &outputs, go);
    for (int i = 0; i < carries; i++) next_output(b, &outputs, out[i]);
  }
  leat__free(in);
  leat__free(out);
  return b ? close(outer, b) : NULL;
}

RULE(while) {
  leat_builder *b = leat__cot_builder(ctx);
  int64_t max_trips = node->attrs[3].i;
  if (max_trips <= 0) {
    leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "while has no gradient unless max_trips is given");
    return;
  }
  int carries = (int)node->attrs[2].i;
  leat_func *body = masked_body(b, node);
  leat_value *in = list_new(b, node->input_count + 1), *dys = list_new(b, node->output_count);
  leat_value *grads = list_new(b, node->input_count + 1);
  if (body && in && dys && grads) {
    in[0] = leat_const_bool(b, true);
    memcpy(in + 1, node->inputs, sizeof *in * (size_t)node->input_count);
    scan_parts s = {.body = body,
                    .carries = carries + 1,
                    .trips = max_trips,
                    .captures = node->input_count - carries};
    add_cotangents(ctx, node, 0, node->output_count, dys, 0);
    scan_gradient(ctx, node, &s, in, dys, grads);
    for (int i = 0; i < node->input_count; i++) leat__cot_add(ctx, node->inputs[i], grads[i + 1]);
  }
  leat__free(in);
  leat__free(dys);
  leat__free(grads);
}

// --- Collectives --------------------------------------------------------------------------------
static bool sums(leat_gradient_ctx *ctx, const leat_node *node) {
  if (node->attrs[0].i == LEAT_SUM) return true;
  leat_builder_fail(leat__cot_builder(ctx), LEAT_INVALID_ARGUMENT,
                    "%s has a gradient for sums only", leat__ops[node->op].name);
  return false;
}

RULE(all_reduce) {
  leat_builder *b = leat__cot_builder(ctx);
  if (sums(ctx, node))
    leat__cot_add(ctx, node->inputs[0], leat_all_reduce(b, leat__cot_of(ctx, node, 0), LEAT_SUM));
}

RULE(all_gather) {
  leat_builder *b = leat__cot_builder(ctx);
  leat__cot_add(ctx, node->inputs[0],
                leat_reduce_scatter(b, leat__cot_of(ctx, node, 0), LEAT_SUM, (int)node->attrs[0].i,
                                    node->attrs[1].i));
}

RULE(reduce_scatter) {
  leat_builder *b = leat__cot_builder(ctx);
  if (sums(ctx, node))
    leat__cot_add(
        ctx, node->inputs[0],
        leat_all_gather(b, leat__cot_of(ctx, node, 0), (int)node->attrs[1].i, node->attrs[2].i));
}
