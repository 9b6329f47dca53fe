// Join: rows of two or more collections side by side where fields are equal, as SQL's JOIN.
// SPDX-License-Identifier: Apache-2.0
//
//   input: {A: Orders, B: People}
//   equalities: id                        in all inputs, or [{A: person, B: id}, ...]
//   type: inner                           left, right, outer, or {outer: [A]}
//   fields: {A: [id, sum], B: {who: name}}   an input that is not there: all of its fields
//
// Inputs are joined one by one in the order they stand in, each by a JoinPair. On the way fields
// are named "A.id"; at the end as `fields` says, and a name that is there already gets a number
// behind.
#include "flow/pipeline.h"

#include <string.h>

enum { MOST = 16 };

typedef struct equality {  // of two inputs' fields
  int input[2];
  leat_str field[2];
} equality;

typedef struct name {  // a field of the output
  int input;
  leat_str field, as;
} name;

typedef struct join {
  leat_flow *flow;
  leat_flow_transform *t;
  leat_error *err;
  int count;         // of inputs
  bool outer[MOST];  // {outer: [...]}
  leat_str type;     // "" where {outer: [...]} is given
  LEAT_VEC(equality) equalities;
  LEAT_VEC(name) names;
} join;

// --- Config -------------------------------------------------------------------------------------
static const leat_yaml_node *get(const join *j, const char *key) {
  return j->t->config ? leat_yaml_get(j->t->config, key) : NULL;
}

static leat_status input_named(const join *j, const leat_yaml_node *node, int *out) {
  for (int i = 0; i < j->count; i++)
    if (leat_str_eq(j->t->input_tags.at[i], node->text)) return *out = i, LEAT_OK;
  leat_str near = leat_str_nearest(node->text, j->t->input_tags.at, (size_t)j->count);
  return leat_flow_fail(j->t, node, j->err, "no input '" LEAT_STR_FMT "'%s" LEAT_STR_FMT "%s",
                        LEAT_STR_ARG(node->text), near.len ? "; did you mean '" : "",
                        LEAT_STR_ARG(near), near.len ? "'?" : "");
}

static leat_status field_there(const join *j, int input, const leat_yaml_node *node) {
  int field;
  return leat_flow_field_of(j->t, j->t->inputs.at[input]->schema, node, &field, j->err);
}

static leat_status add_equality(join *j, int a, leat_str x, int b, leat_str y) {
  equality e = {{a, b}, {x, y}};
  return leat_vec_push(&j->equalities, e) ? LEAT_OK : leat__oom(j->err, sizeof e);
}

// {A: x, B: y, C: z}: each equals the first.
static leat_status read_equality(join *j, const leat_yaml_node *node) {
  if (node->kind != LEAT_YAML_MAPPING || node->count < 2)
    return leat_flow_fail(j->t, node, j->err, "expected {INPUT: FIELD, INPUT: FIELD}");
  int first = 0;
  for (size_t i = 0; i < node->count; i++) {
    int input = 0;
    leat_status status = input_named(j, node->keys[i], &input);
    if (!status) status = field_there(j, input, node->items[i]);
    if (!status && i)
      status = add_equality(j, first, node->items[0]->text, input, node->items[i]->text);
    if (status) return status;
    if (!i) first = input;
  }
  return LEAT_OK;
}

static leat_status read_equalities(join *j) {
  const leat_yaml_node *node = get(j, "equalities");
  leat_status status = LEAT_OK;
  if (node && node->kind == LEAT_YAML_SCALAR) {
    for (int i = 0; !status && i < j->count; i++) {
      status = field_there(j, i, node);
      if (!status && i) status = add_equality(j, 0, node->text, i, node->text);
    }
    return status;
  }
  if (!node || node->kind != LEAT_YAML_SEQUENCE || !node->count)
    return leat_flow_fail(j->t, node, j->err,
                          "expected equalities: FIELD, or [{INPUT: FIELD, INPUT: FIELD}, ...]");
  for (size_t i = 0; !status && i < node->count; i++) status = read_equality(j, node->items[i]);
  return status;
}

static leat_status read_type(join *j) {
  static const char *const types[] = {"inner", "left", "right", "outer"};
  const leat_yaml_node *node = get(j, "type"), *outer = node ? leat_yaml_get(node, "outer") : NULL;
  leat_status status = LEAT_OK;
  if (outer && node->count == 1 && outer->kind == LEAT_YAML_SEQUENCE) {
    for (size_t i = 0; !status && i < outer->count; i++) {
      int input = 0;
      status = input_named(j, outer->items[i], &input);
      j->outer[input] |= !status;
    }
    return status;
  }
  for (int i = 0; i < 4; i++)
    if (node && node->kind == LEAT_YAML_SCALAR && leat_str_eq(node->text, leat_str_of(types[i])))
      return j->type = node->text, LEAT_OK;
  return leat_flow_fail(j->t, node, j->err,
                        "expected type: inner, left, right, outer, or {outer: [INPUT, ...]}");
}

// --- Names --------------------------------------------------------------------------------------
static bool is_taken(const join *j, leat_str as) {
  for (size_t i = 0; i < j->names.count; i++)
    if (leat_str_eq(j->names.at[i].as, as)) return true;
  return false;
}

static leat_status add_name(join *j, int input, leat_str field, leat_str as) {
  name n = {input, field, as};
  return leat_vec_push(&j->names, n) ? LEAT_OK : leat__oom(j->err, sizeof n);
}

// The name itself, or the first of name0, name1, ... that is free.
static leat_status free_name(join *j, leat_str *as) {
  leat_buf text = {0};
  leat_str wanted = *as;
  for (int i = 0; is_taken(j, *as); i++) {
    leat_buf_clear(&text);
    leat_buf_fmt(&text, LEAT_STR_FMT "%d", LEAT_STR_ARG(wanted), i);
    *as = (leat_str){leat_arena_str(&j->flow->arena, leat_buf_view(&text)), text.len};
    if (!as->ptr) return leat_buf_deinit(&text), leat__oom(j->err, wanted.len);
  }
  return leat_buf_deinit(&text), LEAT_OK;
}

static leat_status name_all_of(join *j, int input) {
  const leat_flow_schema *schema = j->t->inputs.at[input]->schema;
  leat_status status = LEAT_OK;
  for (int f = 0; !status && f < schema->count; f++) {
    leat_str as = schema->fields[f].name;
    status = free_name(j, &as);
    if (!status) status = add_name(j, input, schema->fields[f].name, as);
  }
  return status;
}

static leat_status name_some(join *j, int input, const leat_yaml_node *node) {
  bool map = node->kind == LEAT_YAML_MAPPING;
  if (node->kind == LEAT_YAML_SCALAR && leat_str_eq(node->text, LEAT_STR("*")))
    return name_all_of(j, input);
  if (node->kind == LEAT_YAML_SCALAR)
    return leat_flow_fail(j->t, node, j->err, "expected [FIELD, ...], {NAME: FIELD, ...} or '*'");
  for (size_t i = 0; i < node->count; i++) {
    const leat_yaml_node *as = map ? node->keys[i] : node->items[i];
    leat_status status = field_there(j, input, node->items[i]);
    if (status) return status;
    if (is_taken(j, as->text))
      return leat_flow_fail(j->t, as, j->err,
                            "there is a field '" LEAT_STR_FMT "' already; rename one of them",
                            LEAT_STR_ARG(as->text));
    status = add_name(j, input, node->items[i]->text, as->text);
    if (status) return status;
  }
  return LEAT_OK;
}

static leat_status read_names(join *j) {
  const leat_yaml_node *fields = get(j, "fields");
  bool named[MOST] = {false};
  leat_status status = LEAT_OK;
  if (fields && fields->kind != LEAT_YAML_MAPPING)
    return leat_flow_fail(j->t, fields, j->err, "expected fields: {INPUT: [FIELD, ...], ...}");
  for (size_t i = 0; !status && fields && i < fields->count; i++) {
    int input = 0;
    status = input_named(j, fields->keys[i], &input);
    if (!status) status = name_some(j, input, fields->items[i]);
    named[input] = true;
  }
  for (int i = 0; !status && i < j->count; i++)
    if (!named[i]) status = name_all_of(j, i);
  return status;
}

// --- Parts --------------------------------------------------------------------------------------
static leat_yaml_node *node_new(const join *j, leat_yaml_kind kind, size_t room) {
  leat_arena *arena = &j->flow->arena;
  leat_yaml_node *node = leat_arena_alloc(arena, sizeof *node);
  const leat_yaml_node *at = j->t->config;
  if (!node) return NULL;
  *node = (leat_yaml_node){.kind = kind, .line = at->line, .column = at->column, .quoted = true};
  node->items = leat_arena_alloc(arena, (room + 1) * sizeof *node->items);
  node->keys = leat_arena_alloc(arena, (room + 1) * sizeof *node->keys);
  return node->items && node->keys ? node : NULL;
}

static leat_yaml_node *text_node(const join *j, leat_str text) {
  leat_yaml_node *node = node_new(j, LEAT_YAML_SCALAR, 0);
  if (node) node->text = text;
  return node;
}

static bool add(const join *j, leat_yaml_node *to, const char *key, leat_yaml_node *value) {
  to->keys[to->count] = key ? text_node(j, leat_str_of(key)) : NULL;
  to->items[to->count++] = value;
  return value && (!key || to->keys[to->count - 1]);
}

// "A.id", as fields are named between the parts; an input's own name where it comes in.
static leat_str between(const join *j, bool joined, int input, leat_str field) {
  if (!joined) return field;
  leat_buf text = {0};
  leat_buf_fmt(&text, LEAT_STR_FMT "." LEAT_STR_FMT, LEAT_STR_ARG(j->t->input_tags.at[input]),
               LEAT_STR_ARG(field));
  leat_str out = {leat_arena_str(&j->flow->arena, leat_buf_view(&text)), text.len};
  return leat_buf_deinit(&text), out;
}

// The equalities of an input with those before it: two lists of fields.
static leat_status put_keys(const join *j, int input, leat_yaml_node *config) {
  size_t most = j->equalities.count;
  leat_yaml_node *left = node_new(j, LEAT_YAML_SEQUENCE, most),
                 *right = node_new(j, LEAT_YAML_SEQUENCE, most);
  bool good = left && right;
  for (size_t i = 0; good && i < most; i++) {
    const equality *e = &j->equalities.at[i];
    int mine = e->input[1] == input ? 1 : 0;
    if (e->input[mine] != input || e->input[!mine] >= input) continue;
    leat_str other = between(j, input > 1, e->input[!mine], e->field[!mine]);
    good = other.ptr && add(j, left, NULL, text_node(j, other)) &&
           add(j, right, NULL, text_node(j, e->field[mine]));
  }
  good = good && add(j, config, "left", left) && add(j, config, "right", right);
  if (!good) return leat__oom(j->err, sizeof *config);
  if (left->count) return LEAT_OK;
  leat_str tag = j->t->input_tags.at[input];
  return leat_flow_fail(j->t, get(j, "equalities"), j->err,
                        "no equality joins '" LEAT_STR_FMT
                        "' with an input before it; put the inputs in such an order",
                        LEAT_STR_ARG(tag));
}

static bool put_field(const join *j, leat_yaml_node *fields, bool left, leat_str field,
                      leat_str as) {
  leat_yaml_node *one = node_new(j, LEAT_YAML_MAPPING, 2);
  return one && field.ptr && as.ptr && add(j, one, left ? "left" : "right", text_node(j, field)) &&
         add(j, one, "as", text_node(j, as)) && add(j, fields, NULL, one);
}

// What goes on: at the end the output, before it all fields of all inputs so far.
static leat_status put_fields(const join *j, int input, leat_yaml_node *config) {
  size_t most = j->names.count;
  bool last = input + 1 == j->count, good = true;
  for (int i = 0; i <= input; i++) most += (size_t)j->t->inputs.at[i]->schema->count;
  leat_yaml_node *fields = node_new(j, LEAT_YAML_SEQUENCE, most);
  if (!fields) return leat__oom(j->err, most);
  for (size_t i = 0; last && good && i < j->names.count; i++) {
    const name *n = &j->names.at[i];
    bool left = n->input < input;
    good = put_field(j, fields, left, between(j, left && input > 1, n->input, n->field), n->as);
  }
  for (int i = 0; !last && i <= input; i++) {
    const leat_flow_schema *schema = j->t->inputs.at[i]->schema;
    for (int f = 0; good && f < schema->count; f++) {
      leat_str field = schema->fields[f].name;
      good = put_field(j, fields, i < input, between(j, i < input && input > 1, i, field),
                       between(j, true, i, field));
    }
  }
  return good && add(j, config, "fields", fields) ? LEAT_OK : leat__oom(j->err, most);
}

// Of the input and the one before it: Beam's rule.
static leat_str type_of(const join *j, int input) {
  if (j->type.len) return j->type;
  bool left = j->outer[input - 1], right = j->outer[input];
  return left && right ? LEAT_STR("outer")
         : left        ? LEAT_STR("left")
         : right       ? LEAT_STR("right")
                       : LEAT_STR("inner");
}

static leat_status join_next(const join *j, int input, leat_flow_collection **joined) {
  leat_yaml_node *config = node_new(j, LEAT_YAML_MAPPING, 4);
  leat_flow_collection *inputs[] = {*joined, j->t->inputs.at[input]};
  leat_str tags[] = {LEAT_STR("left"), LEAT_STR("right")};
  leat_flow_transform *part;
  if (!config || !add(j, config, "type", text_node(j, type_of(j, input))))
    return leat__oom(j->err, sizeof *config);
  leat_status status = put_keys(j, input, config);
  if (!status) status = put_fields(j, input, config);
  if (!status)
    status = leat_flow_apply_node(j->flow, j->t, j->t->input_tags.at[input], LEAT_STR("JoinPair"),
                                  j->t->yaml, config, inputs, tags, 2, &part, j->err);
  if (!status) *joined = part->outputs.at[0];
  return status;
}

static leat_status check_tags(const join *j) {
  for (int i = 0; i < j->count; i++)
    if (!j->t->input_tags.at[i].len)
      return leat_flow_fail(j->t, NULL, j->err, "inputs need names: input: {A: ..., B: ...}");
  return j->count <= MOST ? LEAT_OK
                          : leat_flow_fail(j->t, NULL, j->err, "more than %d inputs", MOST);
}

static leat_status join_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  join j = {.flow = flow, .t = t, .err = err, .count = (int)t->inputs.count};
  leat_flow_collection *joined = t->inputs.at[0];
  leat_status status = check_tags(&j);
  if (!status) status = read_equalities(&j);
  if (!status) status = read_type(&j);
  if (!status) status = read_names(&j);
  for (int i = 1; !status && i < j.count; i++) status = join_next(&j, i, &joined);
  if (!status && !leat_vec_push(&t->outputs, joined)) status = leat__oom(err, sizeof joined);
  leat_vec_deinit(&j.equalities);
  leat_vec_deinit(&j.names);
  return status;
}

static const char *const join_fields[] = {"equalities", "type", "fields", NULL};

const leat_flow_class leat_flow_join = {.type = "Join",
                                        .urn = "leat:transform:join:v1",
                                        .help = "Rows of several collections side by side",
                                        .inputs_min = 2,
                                        .inputs_max = MOST,
                                        .fields = join_fields,
                                        .apply = join_apply};
