// Loader: the transforms of a pipeline.yaml, in Beam YAML's shape, applied to a flow.
// SPDX-License-Identifier: Apache-2.0
//
//   pipeline:
//     type: chain                     each takes the one before; composite: `input` says
//     windowing: {...}                of the sources
//     transforms:
//       - type: MapToFields
//         name: Clean                 default: the type
//         input: Read                 or Read.errors, or a list
//         windowing: {...}            of its inputs; of its output where it has none
//         config: {...}
//   options: {streaming: true, threads: 2, seed: 1}
//   tests: [{name: ..., mock_outputs: [{name: Read, elements: [...]}], expected_outputs: [...]}]
#include "flow/yaml.h"

#include <string.h>

typedef struct item {  // a transform in its scope
  const leat_yaml_node *node, *type;
  leat_str name;    // that others call it by
  leat_str unique;  // in the pipeline
  bool done;
  bool needed;  // by a test
  leat_flow_transform *transform;
  leat_flow_collection *result;  // main output; of a nested pipeline, too
} item;

typedef struct scope scope;
struct scope {
  leat_flow *flow;
  const leat_yaml *yaml;
  leat_error *err;
  leat_str prefix;
  LEAT_VEC(item) items;
  leat_flow_collection *const *inputs;  // of a nested pipeline: what `input` means
  int input_count;
  const leat_yaml_node *windowing;
  const leat_yaml_node *test;  // that is loaded, of the outermost pipeline; NULL: all of it is
  int depth;
};

enum { DEPTH = 16, INPUTS = 64 };

static leat_status load(scope *s, const leat_yaml_node *node, leat_flow_collection **out);

// --- Names --------------------------------------------------------------------------------------
static leat_status copy_name(scope *s, leat_str prefix, leat_str name, leat_str *out) {
  leat_buf text = {0};
  if (prefix.len) leat_buf_fmt(&text, LEAT_STR_FMT "/", LEAT_STR_ARG(prefix));
  leat_buf_str(&text, name);
  *out = (leat_str){leat_arena_str(&s->flow->arena, leat_buf_view(&text)), text.len};
  bool good = out->ptr && !text.failed;
  return leat_buf_deinit(&text), good ? LEAT_OK : leat__oom(s->err, name.len);
}

static item *find_item(const scope *s, leat_str name) {
  for (size_t i = 0; i < s->items.count; i++)
    if (leat_str_eq(s->items.at[i].name, name)) return &s->items.at[i];
  return NULL;
}

// Types stand for names that are not given; the second of a type is "Type 2".
static leat_status add_item(scope *s, const leat_yaml_node *node) {
  static const char *const known[] = {"type",       "name",   "input", "config", "windowing",
                                      "transforms", "source", "sink",  "output", "resource_hints"};
  if (node->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(s->yaml, node, s->err, "expected a transform: {type: ..., config: ...}");
  leat_str names[sizeof known / sizeof *known];
  for (size_t k = 0; k < sizeof known / sizeof *known; k++) names[k] = leat_str_of(known[k]);
  for (size_t i = 0; i < node->count; i++) {
    bool found = leat_str_starts(node->keys[i]->text, LEAT_STR("__"));
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
      found |= leat_str_eq(node->keys[i]->text, names[k]);
    if (found) continue;
    leat_str near = leat_str_nearest(node->keys[i]->text, names, sizeof known / sizeof *known);
    return leat_yaml_fail(s->yaml, node->keys[i], s->err,
                          "a transform has no '" LEAT_STR_FMT "'%s" LEAT_STR_FMT "%s",
                          LEAT_STR_ARG(node->keys[i]->text), near.len ? "; did you mean " : "",
                          LEAT_STR_ARG(near), near.len ? "?" : "");
  }
  item it = {.node = node, .type = leat_yaml_get(node, "type")};
  if (!it.type || it.type->kind != LEAT_YAML_SCALAR)
    return leat_yaml_fail(s->yaml, node, s->err, "a transform without a type");
  const leat_yaml_node *name = leat_yaml_get(node, "name");
  it.name = name && name->kind == LEAT_YAML_SCALAR ? name->text : it.type->text;
  if (name && find_item(s, it.name))
    return leat_yaml_fail(s->yaml, name, s->err, "there is a transform '" LEAT_STR_FMT "' already",
                          LEAT_STR_ARG(it.name));
  leat_buf text = {0};
  leat_buf_str(&text, it.name);
  for (int n = 2; find_item(s, leat_buf_view(&text)); n++) {
    leat_buf_clear(&text);
    leat_buf_fmt(&text, LEAT_STR_FMT " %d", LEAT_STR_ARG(it.name), n);
  }
  leat_status status = copy_name(s, (leat_str){0}, leat_buf_view(&text), &it.name);
  leat_buf_deinit(&text);
  if (!status) status = copy_name(s, s->prefix, it.name, &it.unique);
  if (status) return status;
  return leat_vec_push(&s->items, it) ? LEAT_OK : leat__oom(s->err, sizeof it);
}

// --- Inputs -------------------------------------------------------------------------------------
typedef struct inputs {
  leat_flow_collection *at[INPUTS];
  leat_str tags[INPUTS];
  int count;
  bool wait;  // for a transform that is not applied yet
} inputs;

static leat_status add_input(const scope *s, inputs *in, leat_flow_collection *c, leat_str tag,
                             const leat_yaml_node *node) {
  if (in->count == INPUTS)
    return leat_yaml_fail(s->yaml, node, s->err, "more than %d inputs", INPUTS);
  in->at[in->count] = c;
  in->tags[in->count++] = tag;
  return LEAT_OK;
}

static leat_status no_such(const scope *s, const leat_yaml_node *node, leat_str name) {
  leat_str names[64];
  size_t count = s->items.count < 64 ? s->items.count : 64;
  for (size_t i = 0; i < count; i++) names[i] = s->items.at[i].name;
  leat_str near = leat_str_nearest(name, names, count);
  return leat_yaml_fail(s->yaml, node, s->err,
                        "no transform '" LEAT_STR_FMT "' here%s" LEAT_STR_FMT "%s",
                        LEAT_STR_ARG(name), near.len ? "; did you mean " : "", LEAT_STR_ARG(near),
                        near.len ? "?" : "");
}

static leat_status output_named(const scope *s, const leat_yaml_node *node, const item *from,
                                leat_str tag, leat_flow_collection **out) {
  *out = from->transform ? leat_flow_output_of(from->transform, tag) : NULL;
  if (*out) return LEAT_OK;
  leat_buf names = {.max = 400};
  for (size_t i = 0; from->transform && i < from->transform->outputs.count; i++) {
    leat_str tag_there = from->transform->outputs.at[i]->tag;
    if (!tag_there.len) continue;
    leat_buf_fmt(&names, "%s'" LEAT_STR_FMT "'", names.len ? ", " : "; it has ",
                 LEAT_STR_ARG(tag_there));
  }
  leat_status status =
      leat_yaml_fail(s->yaml, node, s->err, "'" LEAT_STR_FMT "' has no output '" LEAT_STR_FMT "'%s",
                     LEAT_STR_ARG(from->name), LEAT_STR_ARG(tag), names.ptr ? names.ptr : "");
  return leat_buf_deinit(&names), status;
}

// "name", "name.tag", or `input` in a nested pipeline.
static leat_status find_input(const scope *s, const leat_yaml_node *node, leat_str tag,
                              inputs *in) {
  if (node->kind != LEAT_YAML_SCALAR)
    return leat_yaml_fail(s->yaml, node, s->err, "expected the name of a transform");
  if (s->input_count && leat_str_eq(node->text, LEAT_STR("input"))) {
    leat_status status = LEAT_OK;
    for (int i = 0; !status && i < s->input_count; i++)
      status = add_input(s, in, s->inputs[i], tag, node);
    return status;
  }
  leat_flow_collection *found;
  const item *from = find_item(s, node->text);
  if (from) {
    in->wait |= !from->done;
    if (!from->done) return LEAT_OK;
    if (!from->result)
      return leat_yaml_fail(s->yaml, node, s->err, "'" LEAT_STR_FMT "' has no output",
                            LEAT_STR_ARG(from->name));
    return add_input(s, in, from->result, tag, node);
  }
  leat_str name = node->text;
  size_t dot = name.len;
  while (dot && name.ptr[dot - 1] != '.') dot--;
  from = dot ? find_item(s, (leat_str){name.ptr, dot - 1}) : NULL;
  if (!from) return no_such(s, node, name);
  in->wait |= !from->done;
  if (!from->done) return LEAT_OK;
  leat_status status =
      output_named(s, node, from, (leat_str){name.ptr + dot, name.len - dot}, &found);
  return status ? status : add_input(s, in, found, tag, node);
}

static leat_status find_inputs(const scope *s, const item *it, inputs *in) {
  const leat_yaml_node *node = leat_yaml_get(it->node, "input");
  leat_status status = LEAT_OK;
  *in = (inputs){.count = 0};
  if (!node || leat_yaml_is_null(node)) return LEAT_OK;
  if (node->kind == LEAT_YAML_SCALAR) return find_input(s, node, (leat_str){0}, in);
  for (size_t i = 0; !status && i < node->count; i++) {
    leat_str tag = node->kind == LEAT_YAML_MAPPING ? node->keys[i]->text : (leat_str){0};
    if (leat_str_eq(tag, LEAT_STR("input"))) tag.len = 0;
    status = find_input(s, node->items[i], tag, in);
  }
  return status;
}

// --- Applying -----------------------------------------------------------------------------------
// {windowing: ...}
static leat_yaml_node *windowing_config(scope *s, const leat_yaml_node *windowing) {
  static leat_yaml_node key = {.kind = LEAT_YAML_SCALAR, .text = {"windowing", 9}};
  leat_yaml_node *config = leat_arena_alloc(&s->flow->arena, sizeof *config);
  leat_yaml_node **pair = leat_arena_alloc(&s->flow->arena, 2 * sizeof(*pair));
  if (!config || !pair) return NULL;
  pair[0] = &key;
  pair[1] = (leat_yaml_node *)windowing;
  *config = (leat_yaml_node){.kind = LEAT_YAML_MAPPING,
                             .line = windowing->line,
                             .column = windowing->column,
                             .keys = pair,
                             .items = pair + 1,
                             .count = 1};
  return config;
}

static leat_status window(scope *s, leat_str name, const leat_yaml_node *windowing,
                          leat_flow_collection **c) {
  const leat_yaml_node *config = windowing_config(s, windowing);
  leat_flow_transform *t;
  if (!config) return leat__oom(s->err, sizeof *config);
  leat_status status = leat_flow_apply_node(s->flow, NULL, name, LEAT_STR("WindowInto"), s->yaml,
                                            config, c, NULL, 1, &t, s->err);
  if (!status) *c = t->outputs.at[0];
  return status;
}

static leat_status window_each(scope *s, const item *it, const leat_yaml_node *windowing,
                               leat_flow_collection **at, int count) {
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < count; i++) {
    leat_buf text = {0};
    leat_str name;
    leat_buf_fmt(&text, LEAT_STR_FMT "/WindowInto", LEAT_STR_ARG(it->unique));
    if (i) leat_buf_fmt(&text, " %d", i + 1);
    status = copy_name(s, (leat_str){0}, leat_buf_view(&text), &name);
    leat_buf_deinit(&text);
    if (!status) status = window(s, name, windowing, &at[i]);
  }
  return status;
}

static bool is_pipeline(const item *it) {
  return leat_str_eq(it->type->text, LEAT_STR("chain")) ||
         leat_str_eq(it->type->text, LEAT_STR("composite"));
}

static leat_status apply_nested(scope *s, item *it, const inputs *in) {
  scope inner = {.flow = s->flow,
                 .yaml = s->yaml,
                 .err = s->err,
                 .prefix = it->unique,
                 .inputs = in->at,
                 .input_count = in->count,
                 .depth = s->depth + 1};
  if (inner.depth > DEPTH)
    return leat_yaml_fail(s->yaml, it->node, s->err, "pipelines nested deeper than %d", DEPTH);
  leat_status status = load(&inner, it->node, &it->result);
  return leat_vec_deinit(&inner.items), status;
}

// --- Tests --------------------------------------------------------------------------------------
// A test applies what it needs of the pipeline. The outputs of a transform are mocked by a Create
// in its place, its input by one before it.
static const char *const test_lists[] = {"mock_outputs", "mock_inputs", "expected_outputs",
                                         "expected_inputs"};

// The entry of a transform in a list of the test; NULL: none.
static const leat_yaml_node *entry_of(const scope *s, const char *list, const item *it) {
  const leat_yaml_node *entries = s->test ? leat_yaml_get(s->test, list) : NULL;
  for (size_t i = 0; entries && i < entries->count; i++) {
    const leat_yaml_node *name = leat_yaml_get(entries->items[i], "name");
    if (name && leat_str_eq(name->text, it->name)) return entries->items[i];
  }
  return NULL;
}

static item *item_named(scope *s, const leat_yaml_node *node) {
  item *it = node->kind == LEAT_YAML_SCALAR ? find_item(s, node->text) : NULL;
  if (it || node->kind != LEAT_YAML_SCALAR) return it;
  size_t dot = node->text.len;
  while (dot && node->text.ptr[dot - 1] != '.') dot--;
  return dot ? find_item(s, (leat_str){node->text.ptr, dot - 1}) : NULL;
}

static void need(scope *s, size_t i, bool chain);

static void need_inputs(scope *s, size_t i, bool chain) {
  const leat_yaml_node *input = leat_yaml_get(s->items.at[i].node, "input");
  bool one = input && input->kind == LEAT_YAML_SCALAR;
  if (chain && i) need(s, i - 1, chain);
  for (size_t k = 0; !chain && input && k < (one ? 1 : input->count); k++) {
    item *from = item_named(s, one ? input : input->items[k]);
    if (from) need(s, (size_t)(from - s->items.at), chain);
  }
}

static void need(scope *s, size_t i, bool chain) {
  item *it = &s->items.at[i];
  if (it->needed) return;
  it->needed = true;
  if (!entry_of(s, "mock_outputs", it) && !entry_of(s, "mock_inputs", it)) need_inputs(s, i, chain);
}

static leat_status check_entry(scope *s, const leat_yaml_node *entry, item **it) {
  const leat_yaml_node *name =
                           entry->kind == LEAT_YAML_MAPPING ? leat_yaml_get(entry, "name") : NULL,
                       *elements = name ? leat_yaml_get(entry, "elements") : NULL;
  if (!name || name->kind != LEAT_YAML_SCALAR || !elements || elements->kind != LEAT_YAML_SEQUENCE)
    return leat_yaml_fail(s->yaml, entry, s->err, "expected {name: TRANSFORM, elements: [...]}");
  *it = find_item(s, name->text);
  return *it ? LEAT_OK : no_such(s, name, name->text);
}

static leat_status check_test(scope *s, bool chain) {
  leat_status status = LEAT_OK;
  size_t expected = 0;
  for (size_t i = 0; i < s->test->count; i++) {
    const leat_yaml_node *key = s->test->keys[i];
    bool known = leat_str_eq(key->text, LEAT_STR("name"));
    for (int k = 0; k < 4; k++) known |= leat_str_eq(key->text, leat_str_of(test_lists[k]));
    if (!known)
      return leat_yaml_fail(s->yaml, key, s->err,
                            "a test has no '" LEAT_STR_FMT
                            "': name, mock_outputs, mock_inputs, expected_outputs or "
                            "expected_inputs",
                            LEAT_STR_ARG(key->text));
  }
  for (int list = 0; !status && list < 4; list++) {
    const leat_yaml_node *entries = leat_yaml_get(s->test, test_lists[list]);
    if (entries && entries->kind != LEAT_YAML_SEQUENCE)
      return leat_yaml_fail(s->yaml, entries, s->err, "expected a list");
    for (size_t i = 0; !status && entries && i < entries->count; i++) {
      item *it;
      status = check_entry(s, entries->items[i], &it);
      if (status) break;
      expected += list >= 2;
      if (list == 2) need(s, (size_t)(it - s->items.at), chain);
      if (list == 3 && !entry_of(s, "mock_inputs", it))
        need_inputs(s, (size_t)(it - s->items.at), chain);
    }
  }
  if (status || expected) return status;
  return leat_yaml_fail(s->yaml, s->test, s->err,
                        "a test without expected_outputs or expected_inputs");
}

// {elements, schema, timestamp}: the latter two as the mocked transform has them.
static leat_yaml_node *mock_config(scope *s, const leat_yaml_node *entry, const item *it) {
  static const char *const names[] = {"elements", "schema", "timestamp"};
  const leat_yaml_node *old = it ? leat_yaml_get(it->node, "config") : NULL;
  leat_yaml_node *config = leat_arena_alloc(&s->flow->arena, sizeof *config);
  leat_yaml_node **pairs = leat_arena_alloc(&s->flow->arena, 6 * sizeof(*pairs));
  leat_yaml_node *keys = leat_arena_alloc(&s->flow->arena, 3 * sizeof *keys);
  if (!config || !pairs || !keys) return NULL;
  *config = (leat_yaml_node){.kind = LEAT_YAML_MAPPING,
                             .line = entry->line,
                             .column = entry->column,
                             .keys = pairs,
                             .items = pairs + 3};
  for (int k = 0; k < 3; k++) {
    leat_yaml_node *value = leat_yaml_get(k && old ? old : k ? NULL : entry, names[k]);
    if (!value) continue;
    keys[k] = (leat_yaml_node){.kind = LEAT_YAML_SCALAR, .text = leat_str_of(names[k])};
    config->keys[config->count] = &keys[k];
    config->items[config->count++] = value;
  }
  return config;
}

static leat_status apply_part(scope *s, const item *it, const char *what, const char *type,
                              const leat_yaml_node *config, leat_flow_collection **c) {
  leat_flow_transform *t;
  leat_str name;
  leat_buf text = {0};
  if (!config) return leat__oom(s->err, sizeof *config);
  leat_buf_fmt(&text, "%s of " LEAT_STR_FMT, what, LEAT_STR_ARG(it->unique));
  leat_status status = copy_name(s, (leat_str){0}, leat_buf_view(&text), &name);
  leat_buf_deinit(&text);
  if (!status)
    status = leat_flow_apply_node(s->flow, NULL, name, leat_str_of(type), s->yaml, config, c, NULL,
                                  *c ? 1 : 0, &t, s->err);
  if (!status && t->outputs.count) *c = t->outputs.at[0];
  return status;
}

static leat_status expect(scope *s, const item *it, const char *list, const char *what,
                          leat_flow_collection *c) {
  const leat_yaml_node *entry = entry_of(s, list, it);
  if (!entry) return LEAT_OK;
  if (!c)
    return leat_yaml_fail(s->yaml, entry, s->err, "'" LEAT_STR_FMT "' has no such",
                          LEAT_STR_ARG(it->name));
  return apply_part(s, it, what, "AssertEqual", mock_config(s, entry, NULL), &c);
}

// --- One by one ---------------------------------------------------------------------------------
static leat_status apply_real(scope *s, item *it, inputs *in);

static leat_status apply_mock(scope *s, item *it, const leat_yaml_node *entry) {
  const leat_yaml_node *windowing = leat_yaml_get(it->node, "windowing");
  leat_flow_transform *t;
  const leat_yaml_node *config = mock_config(s, entry, it);
  it->done = true;
  if (!config) return leat__oom(s->err, sizeof *config);
  leat_status status = leat_flow_apply_node(s->flow, NULL, it->unique, LEAT_STR("Create"), s->yaml,
                                            config, NULL, NULL, 0, &t, s->err);
  if (status) return status;
  it->transform = t;
  it->result = t->outputs.at[0];
  if (!windowing && !leat_yaml_get(it->node, "input")) windowing = s->windowing;
  return windowing ? window_each(s, it, windowing, &it->result, 1) : LEAT_OK;
}

static leat_status apply_item(scope *s, item *it, inputs *in) {
  if (!s->test) return apply_real(s, it, in);
  const leat_yaml_node *output = entry_of(s, "mock_outputs", it),
                       *input = entry_of(s, "mock_inputs", it);
  leat_status status = LEAT_OK;
  if (input && in->count > 1)
    return leat_yaml_fail(s->yaml, input, s->err,
                          "'" LEAT_STR_FMT "' has several inputs; mock the outputs before it",
                          LEAT_STR_ARG(it->name));
  if (input && (it->needed || entry_of(s, "expected_inputs", it))) {
    leat_flow_collection *c = NULL;
    status = apply_part(s, it, "mocked input", "Create", mock_config(s, input, NULL), &c);
    *in = (inputs){.at = {c}, .count = 1};
  }
  if (!status) status = expect(s, it, "expected_inputs", "input", in->count ? in->at[0] : NULL);
  it->done = true;
  if (status || !it->needed) return status;
  status = output ? apply_mock(s, it, output) : apply_real(s, it, in);
  return status ? status : expect(s, it, "expected_outputs", "output", it->result);
}

static leat_status apply_real(scope *s, item *it, inputs *in) {
  const leat_yaml_node *windowing = leat_yaml_get(it->node, "windowing"),
                       *config = leat_yaml_get(it->node, "config");
  bool source = !in->count;
  if (windowing && !config && leat_str_eq(it->type->text, LEAT_STR("WindowInto"))) {
    config = windowing_config(s, windowing);
    if (!config) return leat__oom(s->err, sizeof *config);
    windowing = NULL;
  }
  if (!windowing && source) windowing = s->windowing;
  leat_status status = LEAT_OK;
  if (windowing && !is_pipeline(it)) status = window_each(s, it, windowing, in->at, in->count);
  if (status) return status;
  it->done = true;
  if (is_pipeline(it)) return apply_nested(s, it, in);
  status = leat_flow_apply_node(s->flow, NULL, it->unique, it->type->text, s->yaml, config, in->at,
                                in->tags, in->count, &it->transform, s->err);
  if (status == LEAT_NOT_FOUND && !leat_flow_class_find(it->type->text)) {
    leat_error none = *s->err;
    const char *what = strstr(none.message, "no transform");
    return leat_yaml_fail(s->yaml, it->type, s->err, "%s", what ? what : none.message);
  }
  if (status) {
    if (!config) leat_error_prepend(s->err, status, "%s:%d", s->yaml->file, it->node->line);
    return status;
  }
  if (it->transform->outputs.count) it->result = it->transform->outputs.at[0];
  if (windowing && source && it->result) status = window_each(s, it, windowing, &it->result, 1);
  return status;
}

static leat_status apply_chain(scope *s, const leat_yaml_node *node) {
  inputs in = {.count = 0};
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < s->input_count; i++)
    status = add_input(s, &in, s->inputs[i], (leat_str){0}, node);
  for (size_t i = 0; !status && i < s->items.count; i++) {
    item *it = &s->items.at[i];
    const leat_yaml_node *own = leat_yaml_get(it->node, "input");
    if (own && i)
      return leat_yaml_fail(
          s->yaml, own, s->err,
          "in a chain each transform takes the one before; for inputs by name say "
          "type: composite");
    status = apply_item(s, it, &in);
    in.count = 0;
    if (status) break;
    if (it->result)
      status = add_input(s, &in, it->result, (leat_str){0}, node);
    else if (i + 1 < s->items.count && !s->test)
      return leat_yaml_fail(s->yaml, s->items.at[i + 1].node, s->err,
                            "'" LEAT_STR_FMT "' has no output for it", LEAT_STR_ARG(it->name));
  }
  return status;
}

// In any order: what waits for others is tried again, until nothing moves.
static leat_status apply_composite(scope *s) {
  for (size_t left = s->items.count, before; left;) {
    before = left;
    const item *stuck = NULL;
    for (size_t i = 0; i < s->items.count; i++) {
      item *it = &s->items.at[i];
      inputs in = {.count = 0};
      bool mocked = entry_of(s, "mock_outputs", it) || entry_of(s, "mock_inputs", it);
      bool wanted = !s->test || it->needed || entry_of(s, "expected_inputs", it);
      if (it->done) continue;
      leat_status status = wanted && !mocked ? find_inputs(s, it, &in) : LEAT_OK;
      if (status) return status;
      if (in.wait) {
        stuck = it;
        continue;
      }
      status = apply_item(s, it, &in);
      if (status) return status;
      left--;
    }
    if (left == before)
      return leat_yaml_fail(s->yaml, stuck->node, s->err,
                            "'" LEAT_STR_FMT "' has itself as an input, by a circle",
                            LEAT_STR_ARG(stuck->name));
  }
  return LEAT_OK;
}

static leat_status add_items(scope *s, const leat_yaml_node *node, bool *chain) {
  const leat_yaml_node *transforms = leat_yaml_get(node, "transforms"),
                       *source = leat_yaml_get(node, "source"), *sink = leat_yaml_get(node, "sink");
  const leat_yaml_node *type = leat_yaml_get(node, "type");
  *chain = type && leat_str_eq(type->text, LEAT_STR("chain"));
  if (type && !*chain && !leat_str_eq(type->text, LEAT_STR("composite")))
    return leat_yaml_fail(s->yaml, type, s->err, "expected type: chain or composite");
  if (!type) *chain = source || sink;
  if (transforms && transforms->kind != LEAT_YAML_SEQUENCE)
    return leat_yaml_fail(s->yaml, transforms, s->err, "expected a list of transforms");
  if (!transforms && !source)
    return leat_yaml_fail(s->yaml, node, s->err, "expected transforms: [...]");
  leat_status status = source ? add_item(s, source) : LEAT_OK;
  for (size_t i = 0; !status && transforms && i < transforms->count; i++)
    status = add_item(s, transforms->items[i]);
  return status || !sink ? status : add_item(s, sink);
}

static leat_status load(scope *s, const leat_yaml_node *node, leat_flow_collection **out) {
  bool chain;
  leat_status status = add_items(s, node, &chain);
  s->windowing = leat_yaml_get(node, "windowing");
  if (!status && s->test) status = check_test(s, chain);
  if (!status) status = chain ? apply_chain(s, node) : apply_composite(s);
  if (status || !out) return status;
  const leat_yaml_node *output = leat_yaml_get(node, "output");
  *out = chain && s->items.count ? s->items.at[s->items.count - 1].result : NULL;
  if (!output) return LEAT_OK;
  inputs named = {.count = 0};
  status = find_input(s, output, (leat_str){0}, &named);
  if (!status && named.count) *out = named.at[0];
  return status;
}

// --- Options ------------------------------------------------------------------------------------
static leat_status read_option(leat_flow *flow, const leat_yaml *yaml, const leat_yaml_node *key,
                               const leat_yaml_node *value, leat_error *err) {
  static const leat_str known[] = {{"streaming", 9}, {"threads", 7}, {"seed", 4}, {"runner", 6}};
  leat_flow_options *o = &flow->options;
  int64_t threads = 0;
  leat_status status = LEAT_OK;
  if (leat_str_eq(key->text, known[0])) return leat_yaml_bool(yaml, value, &o->streaming, err);
  if (leat_str_eq(key->text, known[2])) return leat_yaml_i64(yaml, value, &o->seed, err);
  if (leat_str_eq(key->text, known[1])) {
    status = leat_yaml_i64(yaml, value, &threads, err);
    if (!status && (threads < 1 || threads > 64))
      status = leat_yaml_fail(yaml, value, err, "threads is a number from 1 to 64");
    return o->threads = (int)threads, status;
  }
  if (leat_str_eq(key->text, known[3])) {
    if (leat_str_eq(value->text, LEAT_STR("DirectRunner"))) return LEAT_OK;
    return leat_yaml_fail(yaml, value, err,
                          "flows run here, which is DirectRunner; `leat flow check --portable` "
                          "gives a pipeline for other runners");
  }
  leat_str near = leat_str_nearest(key->text, known, sizeof known / sizeof *known);
  return leat_yaml_fail(yaml, key, err,
                        "no option '" LEAT_STR_FMT "'%s" LEAT_STR_FMT
                        "%s; there are streaming, threads, seed and runner",
                        LEAT_STR_ARG(key->text), near.len ? "; did you mean " : "",
                        LEAT_STR_ARG(near), near.len ? "?" : "");
}

static leat_status read_options(leat_flow *flow, const leat_yaml *yaml, leat_error *err) {
  const leat_yaml_node *options = leat_yaml_get(yaml->root, "options");
  leat_status status = LEAT_OK;
  if (!options || leat_yaml_is_null(options)) return LEAT_OK;
  if (options->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(yaml, options, err, "expected options: {streaming: true, ...}");
  for (size_t i = 0; !status && i < options->count; i++)
    status = read_option(flow, yaml, options->keys[i], options->items[i], err);
  return status;
}

static leat_status parse(leat_flow *flow, const char *text, const char *file, leat_yaml **out,
                         leat_error *err) {
  leat_yaml *yaml = *out = leat__calloc(1, sizeof *yaml);
  if (!yaml || !leat_vec_push(&flow->texts, yaml))
    return leat__free(yaml), leat__oom(err, sizeof *yaml);
  leat_str copy = {leat_arena_str(&flow->arena, leat_str_of(text)), strlen(text)};
  const char *name = leat_arena_str(&flow->arena, leat_str_of(file));
  if (!copy.ptr || !name) return leat__oom(err, copy.len);
  leat_status status = leat_yaml_parse(yaml, copy, name, err);
  if (status) return status;
  const leat_yaml_node *root = yaml->root;
  for (size_t i = 0; root && root->kind == LEAT_YAML_MAPPING && i < root->count; i++) {
    leat_str key = root->keys[i]->text;
    if (!leat_str_eq(key, LEAT_STR("pipeline")) && !leat_str_eq(key, LEAT_STR("options")) &&
        !leat_str_eq(key, LEAT_STR("tests")) && !leat_str_eq(key, LEAT_STR("providers")))
      return leat_yaml_fail(yaml, root->keys[i], err, "expected pipeline, options or tests");
  }
  const leat_yaml_node *pipeline = root ? leat_yaml_get(root, "pipeline") : NULL;
  if (!pipeline || pipeline->kind != LEAT_YAML_MAPPING)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: expected pipeline: {transforms: [...]}",
                          file);
  const leat_yaml_node *providers = leat_yaml_get(root, "providers");
  if (providers)
    return leat_yaml_fail(yaml, providers, err, "providers of other languages are not there");
  return read_options(flow, yaml, err);
}

static leat_status load_root(leat_flow *flow, const leat_yaml *yaml, const leat_yaml_node *test,
                             leat_error *err) {
  scope s = {.flow = flow, .yaml = yaml, .test = test, .err = err};
  leat_status status = load(&s, leat_yaml_get(yaml->root, "pipeline"), NULL);
  return leat_vec_deinit(&s.items), status;
}

leat_status leat_flow_load(leat_flow *flow, const char *text, const char *file, leat_error *err) {
  leat_error own;
  leat_yaml *yaml;
  if (!err) err = &own;
  leat_status status = parse(flow, text, file, &yaml, err);
  return status ? status : load_root(flow, yaml, NULL, err);
}

leat_status leat_flow_load_test(leat_flow *flow, const char *text, const char *file, size_t index,
                                leat_str *name, bool *there, leat_error *err) {
  leat_yaml *yaml;
  *name = (leat_str){0};
  *there = true;
  leat_status status = parse(flow, text, file, &yaml, err);
  if (status) return status;
  const leat_yaml_node *tests = leat_yaml_get(yaml->root, "tests");
  if (tests && !leat_yaml_is_null(tests) && tests->kind != LEAT_YAML_SEQUENCE)
    return leat_yaml_fail(yaml, tests, err, "expected tests: [{name: ..., ...}]");
  if (!tests || index >= tests->count) return *there = false, LEAT_OK;
  const leat_yaml_node *test = tests->items[index], *called = test->kind == LEAT_YAML_MAPPING
                                                                  ? leat_yaml_get(test, "name")
                                                                  : NULL;
  if (test->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(yaml, test, err, "expected a test: {name: ..., ...}");
  *name = called && called->text.len ? called->text : LEAT_STR("a test");
  return load_root(flow, yaml, test, err);
}
