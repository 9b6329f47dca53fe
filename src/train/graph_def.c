// GraphDef: one NodeDef a node, with what TensorBoard shows of it.
// SPDX-License-Identifier: Apache-2.0
#include "train/graph_def.h"

#include "formats/proto.h"
#include "formats/tensor_proto.h"
#include "graph/graph_impl.h"

// --- Names --------------------------------------------------------------------------------------
// TensorFlow's names: letters, digits and _ . - / \, beginning with a letter, a digit or a dot.
static void put_name(leat_buf *out, const char *text) {
  for (const char *c = text; *c; c++) {
    bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
    leat_buf_char(out, plain || (c != text && strchr("_.-/", *c)) ? *c : c == text ? '.' : '_');
  }
}

static const leat_var *var_of(const leat_node *node) {
  leat_attr_def defs[LEAT_MAX_ATTRS];
  int count = leat__op_attrs(node->op, defs);
  for (int i = 0; i < count && i < node->attr_count; i++) {
    if (defs[i].kind == ATTR_VAR) return node->attrs[i].var;
    if (defs[i].kind == ATTR_VARS && node->attrs[i].count) return node->attrs[i].vars[0];
  }
  return NULL;
}

void leat_graph_def_name(const leat_func *func, const leat_node *node, leat_buf *out) {
  for (int i = 0; i < func->input_count; i++)
    if (func->inputs[i] == node) {
      put_name(out, func->input_names[i]);
      return;
    }
  const leat_var *var = var_of(node);
  if (var) put_name(out, leat_var_name(var));
  if (!var && node->scope) put_name(out, node->scope);
  if (var || node->scope) leat_buf_char(out, '/');
  leat_buf_fmt(out, "%s_%d", leat__ops[node->op].name, node->id);
}

// --- Attributes ---------------------------------------------------------------------------------
static void put_attr(leat_buf *node, const char *key, const leat_buf *value) {
  leat_buf entry = {0};
  leat_proto_bytes(&entry, 1, leat_str_of(key));
  leat_proto_bytes(&entry, 2, leat_buf_view(value));
  leat_proto_bytes(node, 5, leat_buf_view(&entry));
  if (entry.failed) node->failed = true;
  leat_buf_deinit(&entry);
}

static void put_shape(leat_buf *list, const leat_shape *shape) {
  leat_buf message = {0}, dim = {0};
  for (int i = 0; i < shape->rank; i++) {
    leat_buf_clear(&dim);
    leat_proto_i64(&dim, 1, leat_dim_is_static(shape->dims[i]) ? shape->dims[i] : -1);
    leat_proto_bytes(&message, 2, leat_buf_view(&dim));
  }
  leat_proto_bytes(list, 7, leat_buf_view(&message));
  if (message.failed || dim.failed) list->failed = true;
  leat_buf_deinit(&message);
  leat_buf_deinit(&dim);
}

static void put_types(leat_buf *node, const leat_node *of) {
  leat_buf list = {0}, value = {0};
  for (int i = 0; i < of->output_count; i++) put_shape(&list, &of->types[i].shape);
  leat_proto_bytes(&value, 1, leat_buf_view(&list));
  put_attr(node, "_output_shapes", &value);
  leat_buf_clear(&value);
  leat_proto_i64(&value, 6, leat_tensor_proto_type(of->types[0].dtype));
  put_attr(node, "dtype", &value);
  if (list.failed || value.failed) node->failed = true;
  leat_buf_deinit(&list);
  leat_buf_deinit(&value);
}

// --- Nodes --------------------------------------------------------------------------------------
// What TensorBoard knows by another name.
static const char *op_name(const leat_node *node) {
  switch (node->op) {
    case LEAT_OP_input: return "Placeholder";
    case LEAT_OP_const: return "Const";
    case LEAT_OP_var_read: return "VariableV2";
    case LEAT_OP_dot_general: return "MatMul";
    default: return leat__ops[node->op].name;
  }
}

static void put_node(leat_buf *out, const leat_func *func, const leat_node *node) {
  leat_buf message = {0}, text = {0};
  leat_graph_def_name(func, node, &text);
  leat_proto_bytes(&message, 1, leat_buf_view(&text));
  leat_proto_bytes(&message, 2, leat_str_of(op_name(node)));
  for (int i = 0; i < node->input_count; i++) {
    if (!node->inputs[i].node) continue;
    leat_buf_clear(&text);
    leat_graph_def_name(func, node->inputs[i].node, &text);
    if (node->inputs[i].index) leat_buf_fmt(&text, ":%d", node->inputs[i].index);
    leat_proto_bytes(&message, 3, leat_buf_view(&text));
  }
  if (node->output_count) put_types(&message, node);
  leat_proto_bytes(out, 1, leat_buf_view(&message));
  if (message.failed || text.failed) out->failed = true;
  leat_buf_deinit(&message);
  leat_buf_deinit(&text);
}

void leat_graph_def(const leat_func *func, leat_buf *out) {
  leat_buf versions = {0};
  for (int i = 0; i < func->node_count; i++) put_node(out, func, func->nodes[i]);
  leat_proto_i64(&versions, 1, 1087);  // producer: GraphDef's version of TensorFlow 2.9
  leat_proto_bytes(out, 4, leat_buf_view(&versions));
  leat_buf_deinit(&versions);
}
