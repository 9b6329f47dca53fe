// Builders: making nodes, finding equal ones again, and closing a function.
// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_impl.h"

#include "graph/host.h"

#include <stdio.h>

typedef struct named_value {
  const char *name;
  leat_value value;
} named_value;

struct leat_builder {
  leat_graph *graph;
  const char *name;
  const char *scope;
  leat_error err;               // the first failure
  LEAT_VEC(leat_node *) nodes;  // in order of making
  LEAT_VEC(leat_node *) inputs;
  LEAT_VEC(const char *) input_names;
  LEAT_VEC(named_value) outputs;
  uint32_t *cons;    // hash-cons table: node position + 1, 0 = free
  size_t cons_size;  // power of two
};

// --- Life ---------------------------------------------------------------------------------------
static bool name_is_legal(const char *name) {
  return name[0] && !strpbrk(name, " \t\r\n\"%(){}[],=:");
}

leat_builder *leat_builder_new(leat_graph *graph, const char *name) {
  leat_builder *b = leat__calloc(1, sizeof *b);
  if (!b) return NULL;
  b->graph = graph;
  char made[32];
  if (!name) {
    do snprintf(made, sizeof made, "f%d", graph->fresh++);
    while (leat_graph_find_func(graph, leat_str_of(made)));
    name = made;
  }
  b->name = leat_arena_str(&graph->arena, leat_str_of(name));
  if (!b->name)
    leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
  else if (!name_is_legal(name))
    leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "function '%s': not a legal name", name);
  else if (leat_graph_find_func(graph, leat_str_of(name)))
    leat_builder_fail(b, LEAT_ALREADY_EXISTS, "function '%s' exists already", name);
  return b;
}

void leat_builder_free(leat_builder *b) {
  if (!b) return;
  leat_vec_deinit(&b->nodes);
  leat_vec_deinit(&b->inputs);
  leat_vec_deinit(&b->input_names);
  leat_vec_deinit(&b->outputs);
  leat__free(b->cons);
  leat__free(b);
}

leat_graph *leat_builder_graph(const leat_builder *b) { return b->graph; }
bool leat_builder_ok(const leat_builder *b) { return b && b->err.status == LEAT_OK; }

leat_value leat_builder_fail(leat_builder *b, leat_status status, const char *fmt, ...) {
  if (!leat_builder_ok(b)) return (leat_value){0};
  b->err.status = status;
  va_list args;
  va_start(args, fmt);
  vsnprintf(b->err.message, sizeof b->err.message, fmt, args);
  va_end(args);
  return (leat_value){0};
}

static leat_node *no_memory(leat_builder *b) {
  leat_builder_fail(b, LEAT_RESOURCE_EXHAUSTED, "out of memory");
  return NULL;
}

void leat_builder_scope(leat_builder *b, const char *scope) {
  if (!leat_builder_ok(b)) return;
  b->scope = scope && scope[0] ? leat_arena_str(&b->graph->arena, leat_str_of(scope)) : NULL;
  if (scope && scope[0] && !b->scope) no_memory(b);
}

// --- Attributes ---------------------------------------------------------------------------------
leat_attr leat__attr_ints(const int64_t *ints, int count) {
  return (leat_attr){.count = count, .ints = ints};
}
leat_attr leat__attr_int(int64_t i) { return (leat_attr){.i = i}; }
leat_attr leat__attr_str(leat_str s) { return (leat_attr){.count = (int64_t)s.len, .str = s.ptr}; }
leat_attr leat__attr_func(leat_func *func) { return (leat_attr){.func = func}; }
leat_attr leat__attr_shape(const leat_shape *shape) {
  return (leat_attr){.count = shape->rank, .ints = shape->dims};
}

enum { INLINE_CONST = 64 };  // constants up to this many elements are compared by content

static uint64_t hash_tensor(const leat_tensor *t) {
  if (leat_tensor_count(t) > INLINE_CONST || leat_tensor_dtype(t) == LEAT_DTYPE_STRING ||
      !leat_tensor_is_dense(t))
    return leat__hash_bytes(&t, sizeof t);
  return leat__hash_bytes(leat_tensor_data(t),
                          (size_t)leat_tensor_count(t) * leat_dtype_bytes(leat_tensor_dtype(t)));
}

static bool same_tensor(const leat_tensor *a, const leat_tensor *b) {
  if (a == b) return true;
  if (leat_tensor_count(a) > INLINE_CONST || leat_tensor_count(b) > INLINE_CONST) return false;
  if (leat_tensor_dtype(a) == LEAT_DTYPE_STRING || !leat_bits_equal(a, b)) return false;
  // NaNs of different payload are equal to the contract, but stay separate constants here.
  return memcmp(leat_tensor_data(a), leat_tensor_data(b),
                (size_t)leat_tensor_count(a) * leat_dtype_bytes(leat_tensor_dtype(a))) == 0;
}

static uint64_t hash_attr(leat_attr_kind kind, const leat_attr *attr) {
  switch (kind) {
    case ATTR_INTS:
    case ATTR_DIMS: return leat__hash_bytes(attr->ints, (size_t)attr->count * sizeof(int64_t));
    case ATTR_STR: return leat__hash_bytes(attr->str, (size_t)attr->count);
    case ATTR_TENSOR: return hash_tensor(attr->tensor);
    case ATTR_STRS:
    case ATTR_VARS: return (uint64_t)attr->count;
    default: return leat__hash_bytes(&attr->i, sizeof attr->i);
  }
}

static bool same_attr(leat_attr_kind kind, const leat_attr *a, const leat_attr *b) {
  if (a->count != b->count) return false;
  size_t count = (size_t)a->count;
  switch (kind) {
    case ATTR_INTS:
    case ATTR_DIMS: return !count || memcmp(a->ints, b->ints, count * sizeof(int64_t)) == 0;
    case ATTR_STR: return !count || memcmp(a->str, b->str, count) == 0;
    case ATTR_VARS: return !count || memcmp(a->vars, b->vars, count * sizeof *a->vars) == 0;
    case ATTR_TENSOR: return same_tensor(a->tensor, b->tensor);
    case ATTR_STRS:
      for (size_t i = 0; i < count; i++)
        if (!leat_str_eq(a->strs[i], b->strs[i])) return false;
      return true;
    default: return a->i == b->i;
  }
}

static bool keep_strs(leat_graph *graph, leat_attr *attr) {
  leat_str *strs = leat_arena_copy(&graph->arena, attr->strs, (size_t)attr->count * sizeof *strs);
  if (!strs) return false;
  for (int64_t i = 0; i < attr->count; i++)
    if (!(strs[i].ptr = leat_arena_str(&graph->arena, strs[i]))) return false;
  attr->strs = strs;
  return true;
}

// Moves what an attribute points to into the graph.
static bool keep_attr(leat_graph *graph, leat_attr_kind kind, leat_attr *attr) {
  size_t count = (size_t)attr->count;
  switch (kind) {
    case ATTR_INTS:
    case ATTR_DIMS:
      return (attr->ints = leat_arena_copy(&graph->arena, attr->ints, count * sizeof(int64_t)));
    case ATTR_STR: return (attr->str = leat_arena_str(&graph->arena, (leat_str){attr->str, count}));
    case ATTR_VARS:
      return (attr->vars = leat_arena_copy(&graph->arena, attr->vars, count * sizeof *attr->vars));
    case ATTR_STRS: return keep_strs(graph, attr);
    case ATTR_TENSOR:
      return leat_vec_push(&graph->tensors, attr->tensor) && leat_tensor_ref(attr->tensor);
    default: return true;
  }
}

// --- Nodes --------------------------------------------------------------------------------------
static uint64_t hash_node(const leat_node *node, const leat_attr_def *defs) {
  uint64_t hash = (uint64_t)node->op * 0x9E3779B97F4A7C15u;
  for (int i = 0; i < node->input_count; i++) {
    uint64_t key[3] = {hash, (uint64_t)node->inputs[i].node->id, (uint64_t)node->inputs[i].index};
    hash = leat__hash_bytes(key, sizeof key);
  }
  for (int i = 0; i < node->attr_count; i++) {
    uint64_t key[2] = {hash, hash_attr(defs[i].kind, &node->attrs[i])};
    hash = leat__hash_bytes(key, sizeof key);
  }
  return hash;
}

static bool same_node(const leat_node *a, const leat_node *b, const leat_attr_def *defs) {
  if (a->hash != b->hash || a->op != b->op || a->input_count != b->input_count) return false;
  for (int i = 0; i < a->input_count; i++)
    if (!leat_value_eq(a->inputs[i], b->inputs[i])) return false;
  for (int i = 0; i < a->attr_count; i++)
    if (!same_attr(defs[i].kind, &a->attrs[i], &b->attrs[i])) return false;
  return true;
}

static bool grow_cons(leat_builder *b) {
  size_t size = b->cons_size ? b->cons_size * 2 : 256;
  uint32_t *cons = leat__calloc(size, sizeof *cons);
  if (!cons) return false;
  for (size_t i = 0; i < b->nodes.count; i++) {
    size_t at = b->nodes.at[i]->hash & (size - 1);
    while (cons[at]) at = (at + 1) & (size - 1);
    cons[at] = (uint32_t)i + 1;
  }
  leat__free(b->cons);
  b->cons = cons;
  b->cons_size = size;
  return true;
}

// The slot of an equal node, or a free one.
static uint32_t *find_slot(leat_builder *b, const leat_node *node, const leat_attr_def *defs,
                           bool mergeable) {
  size_t at = node->hash & (b->cons_size - 1);
  while (b->cons[at]) {
    if (mergeable && same_node(b->nodes.at[b->cons[at] - 1], node, defs)) break;
    at = (at + 1) & (b->cons_size - 1);
  }
  return &b->cons[at];
}

static bool check_inputs(leat_builder *b, leat_op op, const leat_value *inputs, int count) {
  for (int i = 0; i < count; i++) {
    if (!inputs[i].node || inputs[i].node->owner != b) {
      leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "%s: operand %d is %s", leat__ops[op].name, i,
                        inputs[i].node ? "a value of another function" : "missing");
      return false;
    }
  }
  return true;
}

// How many outputs a node has, before its types are known.
static int output_count(const leat_node *node) {
  const leat_attr *attrs = node->attrs;
  switch (node->op) {
    case LEAT_OP_call:
    case LEAT_OP_cond:
    case LEAT_OP_custom_gradient: return attrs[0].func->output_count;
    case LEAT_OP_while: return (int)attrs[2].i;
    case LEAT_OP_scan: return attrs[0].func->output_count;
    case LEAT_OP_host_call:
    case LEAT_OP_custom_call: return leat__call_output_count(node);
    default: return leat__ops[node->op].outputs;
  }
}

static bool infer_types(leat_builder *b, leat_node *node) {
  node->output_count = output_count(node);
  if (node->output_count < 0) {
    leat_builder_fail(b, LEAT_NOT_FOUND, "%s: no such function", leat__ops[node->op].name);
    return false;
  }
  leat_type *types =
      leat_arena_alloc(&b->graph->arena, sizeof *types * (size_t)(node->output_count + 1));
  if (!types) return no_memory(b), false;
  leat_error err = {0};
  leat_status status = leat__ops[node->op].shape(b->graph, node, types, &err);
  for (int i = 0; !status && i < node->output_count; i++)
    for (int j = 0; j < types[i].shape.rank; j++)
      if (leat__dim_is_bad(b->graph, types[i].shape.dims[j]))
        status =
            leat_error_set(&err, LEAT_INVALID_ARGUMENT, "axis %d would have a negative size", j);
  if (status) {
    if (b->scope)
      leat_builder_fail(b, status, "%s: %s: %s", b->scope, leat__ops[node->op].name, err.message);
    else
      leat_builder_fail(b, status, "%s: %s", leat__ops[node->op].name, err.message);
    return false;
  }
  node->types = types;
  return true;
}

leat_node *leat__build(leat_builder *b, leat_op op, const leat_value *inputs, int input_count,
                       const leat_attr *attrs, int attr_count) {
  if (!leat_builder_ok(b) || !check_inputs(b, op, inputs, input_count)) return NULL;
  leat_attr_def defs[LEAT_MAX_ATTRS];
  if (leat__op_attrs(op, defs) != attr_count) leat_bug("attribute count differs from the op table");
  if (leat__ops[op].inputs >= 0 && leat__ops[op].inputs != input_count)
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "%s: %d operands, expected %d",
                             leat__ops[op].name, input_count, leat__ops[op].inputs)
        .node;
  leat_node probe = {.op = op,
                     .input_count = input_count,
                     .attr_count = attr_count,
                     .inputs = inputs,
                     .attrs = attrs};
  probe.hash = hash_node(&probe, defs);
  if (b->nodes.count * 2 >= b->cons_size && !grow_cons(b)) return no_memory(b);
  bool mergeable = leat__ops[op].effect != EFFECT_effect && op != LEAT_OP_input;
  uint32_t *slot = find_slot(b, &probe, defs, mergeable);
  if (*slot) return b->nodes.at[*slot - 1];

  leat_arena *arena = &b->graph->arena;
  leat_node *node = leat_arena_copy(arena, &probe, sizeof probe);
  leat_attr *kept = leat_arena_copy(arena, attrs, sizeof *attrs * (size_t)attr_count);
  if (!node || !kept) return no_memory(b);
  node->inputs = leat_arena_copy(arena, inputs, sizeof *inputs * (size_t)input_count);
  node->attrs = kept;
  node->scope = b->scope;
  node->owner = b;
  node->id = (int)b->nodes.count;
  if (!node->inputs || !leat_vec_reserve(&b->nodes, 1)) return no_memory(b);
  if (!infer_types(b, node)) return NULL;
  for (int i = 0; i < attr_count; i++)
    if (!keep_attr(b->graph, defs[i].kind, &kept[i])) return no_memory(b);
  leat_vec_push(&b->nodes, node);
  *slot = (uint32_t)b->nodes.count;
  return node;
}

leat_node *leat__builder_node(const leat_builder *b, int id) { return b->nodes.at[id]; }

leat_value leat_input(leat_builder *b, const char *name, leat_type type) {
  if (!leat_builder_ok(b)) return (leat_value){0};
  if (!name_is_legal(name))
    return leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "input '%s': not a legal name", name);
  for (size_t i = 0; i < b->input_names.count; i++)
    if (strcmp(b->input_names.at[i], name) == 0)
      return leat_builder_fail(b, LEAT_ALREADY_EXISTS, "input '%s' exists already", name);
  leat_attr attrs[] = {leat__attr_int((int64_t)b->inputs.count), leat__attr_int(type.dtype),
                       leat__attr_shape(&type.shape)};
  leat_node *node = leat__build(b, LEAT_OP_input, NULL, 0, attrs, 3);
  const char *kept = node ? leat_arena_str(&b->graph->arena, leat_str_of(name)) : NULL;
  if (!kept) return (leat_value){no_memory(b), 0};
  if (!leat_vec_push(&b->inputs, node) || !leat_vec_push(&b->input_names, kept))
    return (leat_value){no_memory(b), 0};
  return (leat_value){node, 0};
}

void leat_output(leat_builder *b, const char *name, leat_value value) {
  if (!leat_builder_ok(b)) return;
  if (!value.node || value.node->owner != b) {
    leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "output '%s' is %s", name,
                      value.node ? "a value of another function" : "missing");
    return;
  }
  for (size_t i = 0; i < b->outputs.count; i++)
    if (strcmp(b->outputs.at[i].name, name) == 0)
      leat_builder_fail(b, LEAT_ALREADY_EXISTS, "output '%s' exists already", name);
  if (!name_is_legal(name))
    leat_builder_fail(b, LEAT_INVALID_ARGUMENT, "output '%s': not a legal name", name);
  const char *kept = leat_arena_str(&b->graph->arena, leat_str_of(name));
  if (!kept || !leat_vec_push(&b->outputs, (named_value){kept, value})) no_memory(b);
}

// --- Finishing ----------------------------------------------------------------------------------
// Marks what outputs and effects need; inputs stay. Nodes are in order, so one backward pass does.
static bool mark(leat_builder *b, bool *used) {
  for (size_t i = 0; i < b->outputs.count; i++) used[b->outputs.at[i].value.node->id] = true;
  for (size_t i = b->nodes.count; i-- > 0;) {
    const leat_node *node = b->nodes.at[i];
    used[i] |= leat__ops[node->op].effect == EFFECT_effect || node->op == LEAT_OP_input;
    for (int j = 0; used[i] && j < node->input_count; j++) used[node->inputs[j].node->id] = true;
  }
  return true;
}

// One next value for each variable.
static void check_state(leat_builder *b) {
  leat_graph *graph = b->graph;
  bool *written = leat__calloc(graph->vars.count + 1, sizeof *written);
  if (!written) {
    no_memory(b);
    return;
  }
  for (size_t i = 0; i < b->nodes.count; i++) {
    const leat_node *node = b->nodes.at[i];
    leat_var *one = node->op == LEAT_OP_var_next ? node->attrs[0].var : NULL;
    leat_var *const *vars = node->op == LEAT_OP_row_update ? node->attrs[0].vars : &one;
    int64_t count = node->op == LEAT_OP_row_update ? node->attrs[0].count : one != NULL;
    for (int64_t j = 0; j < count; j++) {
      if (written[vars[j]->index])
        leat_builder_fail(b, LEAT_INVALID_ARGUMENT,
                          "function '%s': variable '%s' has two next values", b->name,
                          vars[j]->name);
      written[vars[j]->index] = true;
    }
  }
  leat__free(written);
}

static leat_func *close_func(leat_builder *b, const bool *used) {
  leat_arena *arena = &b->graph->arena;
  leat_func *func = leat_arena_alloc(arena, sizeof *func);
  if (!func) return NULL;
  size_t inputs = b->inputs.count, outputs = b->outputs.count;
  func->graph = b->graph;
  func->name = b->name;
  func->input_count = (int)inputs;
  func->output_count = (int)outputs;
  func->inputs = leat_arena_copy(arena, b->inputs.at, inputs * sizeof *func->inputs);
  func->input_names = leat_arena_copy(arena, b->input_names.at, inputs * sizeof(char *));
  func->outputs = leat_arena_alloc(arena, outputs * sizeof *func->outputs);
  func->output_names = leat_arena_alloc(arena, outputs * sizeof(char *));
  func->nodes = leat_arena_alloc(arena, b->nodes.count * sizeof *func->nodes);
  if (!func->inputs || !func->input_names || !func->outputs || !func->output_names || !func->nodes)
    return NULL;
  for (size_t i = 0; i < outputs; i++) {
    func->outputs[i] = b->outputs.at[i].value;
    func->output_names[i] = b->outputs.at[i].name;
  }
  for (size_t i = 0; i < b->nodes.count; i++) {
    leat_node *node = b->nodes.at[i];
    if (!used[i]) continue;
    node->id = func->node_count;
    node->owner = func;
    func->nodes[func->node_count++] = node;
    func->writes |= node->op == LEAT_OP_var_next || node->op == LEAT_OP_row_update;
  }
  return func;
}

static leat_func *finish(leat_builder *b) {
  check_state(b);
  if (b->graph->failed) no_memory(b);
  if (!leat_builder_ok(b)) return NULL;
  bool *used = leat__calloc(b->nodes.count + 1, sizeof *used);
  leat_func *func =
      used && mark(b, used) && leat_vec_reserve(&b->graph->funcs, 1) ? close_func(b, used) : NULL;
  leat__free(used);
  leat_map_entry *entry =
      func ? leat_map_insert(&b->graph->func_map, leat_str_of(func->name), NULL) : NULL;
  if (!entry) return no_memory(b), NULL;
  entry->value.ptr = func;
  leat_vec_push(&b->graph->funcs, func);
  return func;
}

leat_status leat_builder_finish(leat_builder *b, leat_func **out, leat_error *err) {
  *out = NULL;
  if (!b) return leat__oom(err, sizeof *b);
  *out = leat_builder_ok(b) ? finish(b) : NULL;
  leat_status status = b->err.status;
  if (status && err) *err = b->err;
  leat_builder_free(b);
  return status;
}
