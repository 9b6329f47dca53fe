// The text form of graphs, written: one node a line.
// SPDX-License-Identifier: Apache-2.0
//
//   leat graph 1
//   numerics 1
//   symbol batch
//   var dnn/logits/kernel f32[25, 1] trainable
//   func predict(age: f32[batch], ...) {
//     %3 = broadcast(%1) dims=[batch, 25] axes=[1] : f32[batch, 25] @dnn/logits
//     return logits=%9, probabilities=%12
//   }
#include "formats/json.h"
#include "formats/number.h"
#include "graph/graph_impl.h"

#include <stdio.h>

enum { INLINE_CONST = 64 };

typedef struct printer {
  const leat_graph *graph;
  const leat_graph_consts *consts;
  leat_buf out;
  int const_count;
  leat_status status;
  leat_error *err;
} printer;

static void print_element(leat_buf *out, const leat_tensor *t, int64_t i) {
  char text[LEAT_NUMBER_MAX];
  const void *data = leat_tensor_data(t);
  uint16_t half;
  switch (leat_tensor_dtype(t)) {
    case LEAT_DTYPE_F32:
      leat_buf_add(out, text, leat_format_f32(text, ((const float *)data)[i]));
      break;
    case LEAT_DTYPE_F64:
      leat_buf_add(out, text, leat_format_f64(text, ((const double *)data)[i]));
      break;
    case LEAT_DTYPE_F16:
    case LEAT_DTYPE_BF16:
      memcpy(&half, (const char *)data + 2 * i, 2);
      leat_buf_fmt(out, "0x%04x", half);
      break;
    case LEAT_DTYPE_BOOL: leat_buf_c(out, ((const uint8_t *)data)[i] ? "true" : "false"); break;
    case LEAT_DTYPE_I8: leat_buf_fmt(out, "%d", ((const int8_t *)data)[i]); break;
    case LEAT_DTYPE_I16: leat_buf_fmt(out, "%d", ((const int16_t *)data)[i]); break;
    case LEAT_DTYPE_I32: leat_buf_fmt(out, "%d", ((const int32_t *)data)[i]); break;
    case LEAT_DTYPE_I64: leat_buf_fmt(out, "%lld", (long long)((const int64_t *)data)[i]); break;
    case LEAT_DTYPE_U8: leat_buf_fmt(out, "%u", ((const uint8_t *)data)[i]); break;
    case LEAT_DTYPE_U16: leat_buf_fmt(out, "%u", ((const uint16_t *)data)[i]); break;
    case LEAT_DTYPE_U32: leat_buf_fmt(out, "%u", ((const uint32_t *)data)[i]); break;
    case LEAT_DTYPE_U64:
      leat_buf_fmt(out, "%llu", (unsigned long long)((const uint64_t *)data)[i]);
      break;
    case LEAT_DTYPE_STRING: leat_json_quote(out, leat_tensor_str(t, i)); break;
    default: break;
  }
}

static void print_tensor(printer *p, leat_tensor *value) {
  leat_tensor *t;
  if (p->status || (p->status = leat_tensor_dense(&t, value, p->err))) return;
  leat_buf_c(&p->out, leat_dtype_name(leat_tensor_dtype(t)));
  leat_buf_char(&p->out, '[');
  for (int i = 0; i < leat_tensor_rank(t); i++)
    leat_buf_fmt(&p->out, i ? ", %lld" : "%lld", (long long)leat_tensor_dims(t)[i]);
  leat_buf_c(&p->out, "] ");
  int64_t count = leat_tensor_count(t);
  if (count > INLINE_CONST && p->consts && p->consts->put) {
    char name[32];
    snprintf(name, sizeof name, "const.%d", p->const_count++);
    leat_buf_fmt(&p->out, "@%s", name);
    p->status = p->consts->put(p->consts->context, leat_str_of(name), t, p->err);
  } else {
    leat_buf_char(&p->out, '{');
    for (int64_t i = 0; i < count; i++) {
      if (i) leat_buf_c(&p->out, ", ");
      print_element(&p->out, t, i);
    }
    leat_buf_char(&p->out, '}');
  }
  leat_tensor_unref(t);
}

static void print_attr(printer *p, const leat_attr_def *def, const leat_attr *attr) {
  char text[LEAT_NUMBER_MAX];
  leat_buf *out = &p->out;
  switch (def->kind) {
    case ATTR_INT: leat_buf_fmt(out, "%lld", (long long)attr->i); break;
    case ATTR_FLOAT: leat_buf_add(out, text, leat_format_f64(text, attr->f)); break;
    case ATTR_DIM: leat__print_dim(p->graph, attr->i, out); break;
    case ATTR_DTYPE: leat_buf_c(out, leat_dtype_name((leat_dtype)attr->i)); break;
    case ATTR_STR: leat_json_quote(out, (leat_str){attr->str, (size_t)attr->count}); break;
    case ATTR_FUNC: leat_buf_c(out, attr->func->name); break;
    case ATTR_TENSOR: print_tensor(p, attr->tensor); break;
    case ATTR_VAR: leat_buf_c(out, attr->var->name); break;
    case ATTR_CHOICE: leat_buf_str(out, leat__choice_name(def->choices, attr->i)); break;
    default:
      leat_buf_char(out, '[');
      for (int64_t i = 0; i < attr->count; i++) {
        if (i) leat_buf_c(out, ", ");
        if (def->kind == ATTR_INTS)
          leat_buf_fmt(out, "%lld", (long long)attr->ints[i]);
        else if (def->kind == ATTR_DIMS)
          leat__print_dim(p->graph, attr->ints[i], out);
        else if (def->kind == ATTR_VARS)
          leat_buf_c(out, attr->vars[i]->name);
        else
          leat_json_quote(out, attr->strs[i]);
      }
      leat_buf_char(out, ']');
  }
}

// Value numbers: results count up through the function; inputs come first.
static void print_node(printer *p, const leat_node *node, const int *number) {
  leat_attr_def defs[LEAT_MAX_ATTRS];
  int attrs = leat__op_attrs(node->op, defs);
  leat_buf_c(&p->out, "  ");
  for (int i = 0; i < node->output_count; i++)
    leat_buf_fmt(&p->out, i ? ", %%%d" : "%%%d", number[node->id] + i);
  leat_buf_fmt(&p->out, "%s%s(", node->output_count ? " = " : "", leat__ops[node->op].name);
  for (int i = 0; i < node->input_count; i++)
    leat_buf_fmt(&p->out, i ? ", %%%d" : "%%%d",
                 number[node->inputs[i].node->id] + node->inputs[i].index);
  leat_buf_char(&p->out, ')');
  for (int i = 0; i < attrs; i++) {
    leat_buf_fmt(&p->out, " " LEAT_STR_FMT "=", LEAT_STR_ARG(defs[i].name));
    print_attr(p, &defs[i], &node->attrs[i]);
  }
  for (int i = 0; i < node->output_count; i++) {
    leat_buf_c(&p->out, i ? ", " : " : ");
    leat__print_type(p->graph, &node->types[i], &p->out);
  }
  if (node->scope) leat_buf_fmt(&p->out, " @%s", node->scope);
  leat_buf_char(&p->out, '\n');
}

static void print_func(printer *p, const leat_func *func) {
  int *number = leat__calloc((size_t)func->node_count + 1, sizeof *number), next = 0;
  if (!number) {
    p->status = leat__oom(p->err, sizeof *number);
    return;
  }
  leat_buf_fmt(&p->out, "func %s(", func->name);
  for (int i = 0; i < func->input_count; i++) {
    number[func->inputs[i]->id] = next++;
    leat_buf_fmt(&p->out, "%s%s: ", i ? ", " : "", func->input_names[i]);
    leat__print_type(p->graph, &func->inputs[i]->types[0], &p->out);
  }
  leat_buf_c(&p->out, ") {\n");
  for (int i = 0; i < func->node_count; i++) {
    const leat_node *node = func->nodes[i];
    if (node->op == LEAT_OP_input) continue;
    number[i] = next;
    next += node->output_count;
    print_node(p, node, number);
  }
  leat_buf_c(&p->out, "  return");
  for (int i = 0; i < func->output_count; i++)
    leat_buf_fmt(&p->out, "%s %s=%%%d", i ? "," : "", func->output_names[i],
                 number[func->outputs[i].node->id] + func->outputs[i].index);
  leat_buf_c(&p->out, "\n}\n");
  leat__free(number);
}

leat_status leat_graph_print(const leat_graph *graph, const leat_graph_consts *consts, char **text,
                             size_t *length, leat_error *err) {
  printer p = {.graph = graph, .consts = consts, .err = err};
  leat_buf_c(&p.out, "leat graph 1\nnumerics 1\n");
  for (size_t i = 0; i < graph->dims.count; i++) {
    const leat_dim_expr *expr = &graph->dims.at[i];
    if (expr->op != DIM_SYMBOL) continue;
    leat_buf_fmt(&p.out, "symbol %s", expr->name);
    if (expr->a) leat_buf_c(&p.out, " <= "), leat__print_dim(graph, expr->a, &p.out);
    leat_buf_char(&p.out, '\n');
  }
  for (size_t i = 0; i < graph->vars.count; i++) {
    const leat_var *var = graph->vars.at[i];
    leat_buf_fmt(&p.out, "var %s ", var->name);
    leat__print_type(graph, &var->type, &p.out);
    leat_buf_c(&p.out, var->trainable ? " trainable\n" : "\n");
  }
  for (size_t i = 0; !p.status && i < graph->funcs.count; i++) print_func(&p, graph->funcs.at[i]);
  if (!p.status) p.status = leat_buf_status(&p.out, err);
  if (p.status) leat_buf_deinit(&p.out);
  *text = p.out.ptr;
  *length = p.out.len;
  return p.status;
}

void leat__print_node_name(const leat_node *node, leat_buf *out) {
  const leat_func *func = node->owner;
  int number = func->input_count;
  for (int i = 0; i < node->id; i++)
    if (func->nodes[i]->op != LEAT_OP_input) number += func->nodes[i]->output_count;
  for (int i = 0; i < func->input_count; i++)
    if (func->inputs[i] == node) number = i;
  if (node->output_count) leat_buf_fmt(out, "%%%d ", number);
  leat_buf_c(out, leat__ops[node->op].name);
}

// The head's line by the text itself, which is how whoever looks it up will see it; then one a
// node.
int leat__node_line(const leat_node *node) {
  const leat_func *func = node->owner;
  char *text = NULL;
  size_t length;
  leat_buf head = {0};
  leat_buf_fmt(&head, "\nfunc %s(", func->name);
  if (head.failed || leat_graph_print(func->graph, NULL, &text, &length, NULL))
    return leat_buf_deinit(&head), 0;
  const char *found = strstr(text, head.ptr);
  int line = found ? 3 : 0;  // the head's own, the node's, and lines count from 1
  for (const char *c = text; found && c < found; c++) line += *c == '\n';
  for (int i = 0; found && i < node->id; i++) line += func->nodes[i]->op != LEAT_OP_input;
  leat_text_free(text);
  leat_buf_deinit(&head);
  return line;
}

void leat_text_free(char *text) { leat__free(text); }
