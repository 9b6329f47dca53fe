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
//   options: {...}
#include "flow/pipeline.h"

#include <string.h>

typedef struct item {  // a transform in its scope
  const leat_yaml_node *node, *type;
  leat_str name;    // that others call it by
  leat_str unique;  // in the pipeline
  bool done;
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
  for (size_t i = 0; from->transform && i < from->transform->outputs.count; i++)
    leat_buf_fmt(&names, "%s'" LEAT_STR_FMT "'", i ? ", " : "; it has ",
                 LEAT_STR_ARG(from->transform->outputs.at[i]->tag));
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
static leat_status window(scope *s, leat_str name, const leat_yaml_node *windowing,
                          leat_flow_collection **c) {
  static leat_yaml_node key = {.kind = LEAT_YAML_SCALAR, .text = {"windowing", 9}};
  leat_yaml_node *config = leat_arena_alloc(&s->flow->arena, sizeof *config);
  leat_yaml_node **pair = leat_arena_alloc(&s->flow->arena, 2 * sizeof *pair);
  leat_flow_transform *t;
  if (!config || !pair) return leat__oom(s->err, sizeof *config);
  pair[0] = &key;
  pair[1] = (leat_yaml_node *)windowing;
  *config = (leat_yaml_node){.kind = LEAT_YAML_MAPPING,
                             .line = windowing->line,
                             .column = windowing->column,
                             .keys = pair,
                             .items = pair + 1,
                             .count = 1};
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

static leat_status apply_item(scope *s, item *it, inputs *in) {
  const leat_yaml_node *windowing = leat_yaml_get(it->node, "windowing");
  bool source = !in->count;
  if (!windowing && source) windowing = s->windowing;
  leat_status status = LEAT_OK;
  if (windowing && !is_pipeline(it)) status = window_each(s, it, windowing, in->at, in->count);
  if (status) return status;
  it->done = true;
  if (is_pipeline(it)) return apply_nested(s, it, in);
  status = leat_flow_apply_node(s->flow, NULL, it->unique, it->type->text, s->yaml,
                                leat_yaml_get(it->node, "config"), in->at, in->tags, in->count,
                                &it->transform, s->err);
  if (status == LEAT_NOT_FOUND) {
    leat_error none = *s->err;
    return leat_yaml_fail(
        s->yaml, it->type, s->err, "%s",
        strstr(none.message, "no transform") ? strstr(none.message, "no transform") : none.message);
  }
  if (status) {
    const leat_yaml_node *config = leat_yaml_get(it->node, "config");
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
    else if (i + 1 < s->items.count)
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
      inputs in;
      if (it->done) continue;
      leat_status status = find_inputs(s, it, &in);
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

leat_status leat_flow_load(leat_flow *flow, const char *text, const char *file, leat_error *err) {
  leat_error own;
  leat_yaml *yaml = leat__calloc(1, sizeof *yaml);
  if (!err) err = &own;
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
  scope s = {.flow = flow, .yaml = yaml, .err = err};
  status = load(&s, pipeline, NULL);
  return leat_vec_deinit(&s.items), status;
}
