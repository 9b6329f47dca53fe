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

// The body, which also returns the carries that it was given: they are stacked for the way back.
static leat_func *recording_body(leat_builder *outer, const scan_parts *s) {
  leat_builder *b = leat_builder_new(s->body->graph, NULL);
  leat_value *in = list_new(outer, s->body->input_count);
  leat_value *out = list_new(outer, s->body->output_count);
  int inputs = 0, outputs = 0;
  for (int i = 0; b && in && i < s->body->input_count; i++)
    in[i] = next_input(b, &inputs, leat_func_input_type(s->body, i));
  if (b && in && out) {
    leat__inline(b, s->body, in, s->body->input_count, out);
    for (int i = 0; i < s->body->output_count; i++) next_output(b, &outputs, out[i]);
    for (int i = 0; i < s->carries; i++) next_output(b, &outputs, in[1 + i]);
  }
  leat__free(in);
  leat__free(out);
  return close(outer, b);
}

// One trip of the way back: (trip, gradients of carries, summed gradients of captures; rows:
// carries as they were, scanned rows, gradients of stacked rows; captures) -> (gradients of
// carries, summed gradients of captures; gradients of scanned rows).
static leat_func *backward_body(leat_builder *outer, const scan_parts *s) {
  const leat_func *body = s->body;
  leat_func *vjp = leat__vjp_func(outer, s->body);
  leat_builder *b = vjp ? leat_builder_new(body->graph, NULL) : NULL;
  int most = body->input_count * 2 + body->output_count * 2 + 2;
  leat_value *args = list_new(outer, most), *sums = list_new(outer, most);
  leat_value *grads = list_new(outer, most), *carry_grads = list_new(outer, most);
  if (!b || !args || !sums || !grads || !carry_grads) goto done;
  int inputs = 0, outputs = 0, sum_count = 0, given = 0;
  int first_capture = 1 + s->carries + s->scanned;
  args[0] = next_input(b, &inputs, leat_func_input_type(body, 0));
  for (int i = 0; i < s->carries; i++)
    if (is_float(leat_func_output_type(body, i)))
      carry_grads[given++] = next_input(b, &inputs, leat_func_output_type(body, i));
  for (int i = first_capture; i < body->input_count; i++)
    if (is_float(leat_func_input_type(body, i)))
      sums[sum_count++] = next_input(b, &inputs, leat_func_input_type(body, i));
  for (int i = 1; i < first_capture; i++)
    args[i] = next_input(b, &inputs, leat_func_input_type(body, i));
  int count = body->input_count;
  for (int i = 0; i < given; i++) args[count++] = carry_grads[i];
  for (int i = s->carries; i < body->output_count; i++)
    if (is_float(leat_func_output_type(body, i)))
      args[count++] = next_input(b, &inputs, leat_func_output_type(body, i));
  for (int i = first_capture; i < body->input_count; i++)
    args[i] = next_input(b, &inputs, leat_func_input_type(body, i));
  leat__inline(b, vjp, args, count, grads);
  // vjp's results: float carries, float scanned rows, float captures (the trip is i64)
  int rows_at = given, rows = count_floats(body, 1 + s->carries, first_capture, true);
  for (int i = 0; i < given; i++) next_output(b, &outputs, grads[i]);
  for (int i = 0; i < sum_count; i++)
    next_output(b, &outputs, leat_add(b, sums[i], grads[rows_at + rows + i]));
  for (int i = 0; i < rows; i++) next_output(b, &outputs, grads[rows_at + i]);
done:
  leat__free(args);
  leat__free(sums);
  leat__free(grads);
  leat__free(carry_grads);
  return b ? close(outer, b) : NULL;
}

// Runs the scan backwards, given the outputs' cotangents and the stacked carries.
static void scan_backwards(leat_gradient_ctx *ctx, leat_node *node, const scan_parts *s,
                           const leat_value *inputs, const leat_value *dys,
                           const leat_value *stacked, leat_value *grads) {
  leat_builder *b = leat__cot_builder(ctx);
  leat_func *back = backward_body(b, s);
  leat_value *args = list_new(b, 2 * (s->body->input_count + s->body->output_count));
  leat_value *outs = list_new(b, back ? back->output_count : 0);
  if (back && args && outs) {
    int count = 0, dy = 0, float_carries = count_floats(s->body, 0, s->carries, false);
    int first_capture = s->carries + s->scanned;
    for (int i = 0; i < float_carries; i++) args[count++] = dys[dy++];
    for (int i = first_capture; i < first_capture + s->captures; i++)
      if (is_float(leat_value_type(inputs[i]))) args[count++] = leat_zeros_like(b, inputs[i]);
    int carries = count;
    for (int i = 0; i < s->carries; i++) args[count++] = stacked[i];
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

// Re-runs the scan with recorded carries, then goes back. `dys` are the float outputs' cotangents.
static void scan_gradient(leat_gradient_ctx *ctx, leat_node *node, const scan_parts *s,
                          const leat_value *inputs, const leat_value *dys, leat_value *grads) {
  leat_builder *b = leat__cot_builder(ctx);
  leat_func *record = recording_body(b, s);
  leat_value *outs = list_new(b, record ? record->output_count : 0);
  if (record && outs) {
    leat_scan(b, record, inputs, s->carries + s->scanned + s->captures, s->carries, s->scanned,
              s->trips, s->reverse, outs);
    scan_backwards(ctx, node, s, inputs, dys, outs + s->body->output_count, grads);
  }
  leat__free(outs);
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
