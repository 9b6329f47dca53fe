// Pipeline: transforms are applied one by one, each checked against what is there.
// SPDX-License-Identifier: Apache-2.0
#include "flow/pipeline.h"

#include "formats/number.h"

#include <math.h>

// --- Life ---------------------------------------------------------------------------------------
leat_status leat_flow_new(leat_flow **out, leat_error *err) {
  leat_flow *flow = leat__calloc(1, sizeof *flow);
  return *out = flow, flow ? LEAT_OK : leat__oom(err, sizeof *flow);
}

static void transform_deinit(leat_flow_transform *t) {
  if (t->class->stop) t->class->stop(t);
  leat_vec_deinit(&t->inputs);
  leat_vec_deinit(&t->input_tags);
  leat_vec_deinit(&t->outputs);
}

void leat_flow_free(leat_flow *flow) {
  if (!flow) return;
  leat__flow_run_free(flow->run);
  for (size_t i = flow->transforms.count; i-- > 0;) transform_deinit(flow->transforms.at[i]);
  for (size_t i = 0; i < flow->collections.count; i++)
    leat_vec_deinit(&flow->collections.at[i]->users);
  for (size_t i = 0; i < flow->texts.count; i++) {
    leat_yaml_deinit(flow->texts.at[i]);
    leat__free(flow->texts.at[i]);
  }
  leat_vec_deinit(&flow->transforms);
  leat_vec_deinit(&flow->collections);
  leat_vec_deinit(&flow->texts);
  leat_map_deinit(&flow->by_name);
  leat_arena_deinit(&flow->arena);
  leat__free(flow);
}

void leat_flow_drain(leat_flow *flow) { __atomic_store_n(&flow->draining, 1, __ATOMIC_RELAXED); }

// --- Errors -------------------------------------------------------------------------------------
leat_status leat_flow_fail(const leat_flow_transform *t, const leat_yaml_node *node,
                           leat_error *err, const char *fmt, ...) {
  char text[768];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  if (!node) node = t->config;
  if (!t->yaml || !node)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, LEAT_STR_FMT " (%s): %s",
                          LEAT_STR_ARG(t->name), t->class->type, text);
  return leat_yaml_fail(t->yaml, node, err, LEAT_STR_FMT " (%s): %s", LEAT_STR_ARG(t->name),
                        t->class->type, text);
}

// "; did you mean 'x'?", or what there is when nothing is near and it is little.
static void hint(leat_buf *out, leat_str word, const leat_str *names, size_t count) {
  leat_str near = leat_str_nearest(word, names, count);
  if (near.len) {
    leat_buf_fmt(out, "; did you mean '" LEAT_STR_FMT "'?", LEAT_STR_ARG(near));
    return;
  }
  for (size_t i = 0; i < count && i < 16; i++)
    leat_buf_fmt(out, "%s" LEAT_STR_FMT, i ? ", " : "; there are: ", LEAT_STR_ARG(names[i]));
}

static leat_status fail_unknown(const leat_flow_transform *t, const leat_yaml_node *node,
                                const char *what, leat_str word, const leat_str *names,
                                size_t count, leat_error *err) {
  leat_buf text = {.max = 512};
  hint(&text, word, names, count);
  leat_status status = leat_flow_fail(t, node, err, "no %s '" LEAT_STR_FMT "'%s", what,
                                      LEAT_STR_ARG(word), text.ptr ? text.ptr : "");
  return leat_buf_deinit(&text), status;
}

leat_status leat_flow_no_field(const leat_flow_transform *t, const leat_flow_schema *schema,
                               const leat_yaml_node *node, leat_str name, leat_error *err) {
  leat_str names[64];
  size_t count = schema->count < 64 ? (size_t)schema->count : 64;
  for (size_t i = 0; i < count; i++) names[i] = schema->fields[i].name;
  return fail_unknown(t, node, "field", name, names, count, err);
}

leat_status leat_flow_field_of(const leat_flow_transform *t, const leat_flow_schema *schema,
                               const leat_yaml_node *node, int *out, leat_error *err) {
  if (node->kind != LEAT_YAML_SCALAR)
    return leat_flow_fail(t, node, err, "expected a field's name");
  *out = leat_flow_schema_find(schema, node->text);
  return *out >= 0 ? LEAT_OK : leat_flow_no_field(t, schema, node, node->text, err);
}

leat_status leat_flow_duration(const leat_flow_transform *t, const leat_yaml_node *node,
                               int64_t *out_ms, leat_error *err) {
  static const struct {
    const char *unit;
    double ms;
  } units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 3.6e6}, {"d", 8.64e7}, {"", 1e3}};
  if (node->kind == LEAT_YAML_SCALAR) {
    leat_str number = node->text;
    while (number.len && (number.ptr[number.len - 1] > '9')) number.len--;
    leat_str unit = {node->text.ptr + number.len, node->text.len - number.len};
    number = leat_str_strip(number, LEAT_STR(" "));
    double value;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
      if (!leat_str_eq(unit, leat_str_of(units[i].unit)) || !leat_parse_f64(number, &value))
        continue;
      value *= units[i].ms;
      if (!(fabs(value) <= (double)LEAT_FLOW_TIME_MAX)) break;
      return *out_ms = (int64_t)llround(value), LEAT_OK;
    }
  }
  return leat_flow_fail(t, node, err,
                        "expected a duration such as 10s, 1.5m, 200ms, 2h, 1d, or seconds");
}

// --- The table ----------------------------------------------------------------------------------
static const leat_flow_class *const *more_classes;

void leat_flow_add_classes(const leat_flow_class *const *classes) { more_classes = classes; }

// Of both lists; NULL behind the last.
const leat_flow_class *leat_flow_class_at(size_t i) {
  size_t own = 0;
  while (own < i && leat_flow_classes[own]) own++;
  if (own == i && leat_flow_classes[own]) return leat_flow_classes[own];
  for (size_t k = 0; more_classes && more_classes[k]; k++)
    if (own + k == i) return more_classes[k];
  return NULL;
}

const leat_flow_class *leat_flow_class_find(leat_str type) {
  const leat_flow_class *c;
  for (size_t i = 0; (c = leat_flow_class_at(i)); i++)
    if (leat_str_eq(leat_str_of(c->type), type)) return c;
  return NULL;
}

// --- Applying -----------------------------------------------------------------------------------
leat_status leat_flow_known(const leat_flow_transform *t, const leat_yaml_node *node,
                            const char *what, const char *const *known, leat_error *err) {
  leat_str names[64];
  size_t count = 0;
  for (; known && known[count] && count < 64; count++) names[count] = leat_str_of(known[count]);
  if (!node || leat_yaml_is_null(node)) return LEAT_OK;
  if (node->kind != LEAT_YAML_MAPPING)
    return leat_flow_fail(t, node, err, "expected a mapping of its fields");
  for (size_t i = 0; i < node->count; i++) {
    size_t k = 0;
    while (k < count && !leat_str_eq(names[k], node->keys[i]->text)) k++;
    if (k == count)
      return fail_unknown(t, node->keys[i], what, node->keys[i]->text, names, count, err);
  }
  return LEAT_OK;
}

static leat_status check_inputs(const leat_flow_transform *t, leat_error *err) {
  int count = (int)t->inputs.count, least = t->class->inputs_min, most = t->class->inputs_max;
  if (count >= least && (most < 0 || count <= most)) return LEAT_OK;
  return leat_flow_fail(t, NULL, err, "%d input%s, expected %s%d", count, count == 1 ? "" : "s",
                        count < least && least != most ? "at least " : "",
                        count < least ? least : most);
}

static leat_status find_class(leat_str name, leat_str type, const leat_yaml *yaml,
                              const leat_yaml_node *config, const leat_flow_class **out,
                              leat_error *err) {
  if ((*out = leat_flow_class_find(type))) return LEAT_OK;
  leat_str names[128];
  size_t count = 0;
  for (const leat_flow_class *c; count < 128 && (c = leat_flow_class_at(count)); count++)
    names[count] = leat_str_of(c->type);
  leat_str near = leat_str_nearest(type, names, count);
  char text[160] = "; `leat flow transforms` lists them";
  if (near.len) snprintf(text, sizeof text, "; did you mean " LEAT_STR_FMT "?", LEAT_STR_ARG(near));
  leat_error_set(err, LEAT_NOT_FOUND, LEAT_STR_FMT ": no transform '" LEAT_STR_FMT "'%s",
                 LEAT_STR_ARG(name), LEAT_STR_ARG(type), text);
  if (yaml && config && config->line)
    leat_error_prepend(err, LEAT_NOT_FOUND, "%s:%d", yaml->file, config->line);
  return LEAT_NOT_FOUND;
}

static leat_status make(leat_flow *flow, leat_flow_transform *parent, leat_str name,
                        leat_flow_transform **out, leat_error *err) {
  leat_flow_transform *t = leat_arena_alloc(&flow->arena, sizeof *t);
  leat_buf full = {0};
  if (parent) leat_buf_fmt(&full, LEAT_STR_FMT "/", LEAT_STR_ARG(parent->name));
  leat_buf_str(&full, name);
  if (t) t->name = (leat_str){leat_arena_str(&flow->arena, leat_buf_view(&full)), full.len};
  bool good = t && t->name.ptr && !full.failed;
  leat_buf_deinit(&full);
  if (!good) return leat__oom(err, sizeof *t);
  if (!name.len) return leat_error_set(err, LEAT_INVALID_ARGUMENT, "a transform without a name");
  if (leat_map_find(&flow->by_name, t->name))
    return leat_error_set(err, LEAT_ALREADY_EXISTS,
                          "there is a transform '" LEAT_STR_FMT "' already; names are unique",
                          LEAT_STR_ARG(t->name));
  t->parent = parent;
  return *out = t, LEAT_OK;
}

static leat_status enter(leat_flow *flow, leat_flow_transform *t,
                         leat_flow_collection *const *inputs, const leat_str *input_tags, int count,
                         leat_error *err) {
  t->id = (int)flow->transforms.count;
  leat_map_entry *entry = leat_map_insert(&flow->by_name, t->name, NULL);
  if (!entry || !leat_vec_push(&flow->transforms, t)) return leat__oom(err, sizeof *entry);
  entry->value.ptr = t;
  for (int i = 0; i < count; i++) {
    leat_str tag = input_tags ? input_tags[i] : (leat_str){0};
    tag.ptr = leat_arena_str(&flow->arena, tag);
    if (!tag.ptr || !leat_vec_push(&t->inputs, inputs[i]) || !leat_vec_push(&t->input_tags, tag))
      return leat__oom(err, sizeof tag);
  }
  return LEAT_OK;
}

// Composites have no op: their parts are the users.
static leat_status hang_on(leat_flow_transform *t, leat_error *err) {
  for (size_t i = 0; t->class->start && i < t->inputs.count; i++)
    if (!leat_vec_push(&t->inputs.at[i]->users, (leat_flow_user){t, (int)i}))
      return leat__oom(err, sizeof t);
  return LEAT_OK;
}

leat_status leat_flow_apply_node(leat_flow *flow, leat_flow_transform *parent, leat_str name,
                                 leat_str type, const leat_yaml *yaml, const leat_yaml_node *config,
                                 leat_flow_collection *const *inputs, const leat_str *input_tags,
                                 int count, leat_flow_transform **out, leat_error *err) {
  const leat_flow_class *class;
  leat_flow_transform *t = NULL;
  leat_status status = find_class(name, type, yaml, config, &class, err);
  if (!status) status = make(flow, parent, name, &t, err);
  if (status) return status;
  t->class = class;
  t->yaml = yaml;
  t->config = config;
  status = enter(flow, t, inputs, input_tags, count, err);
  if (!status) status = leat_flow_known(t, t->config, "field of its config", t->class->fields, err);
  if (!status) status = check_inputs(t, err);
  if (!status) status = class->apply(flow, t, err);
  if (!status) status = hang_on(t, err);
  if (!status && out) *out = t;
  return status;
}

static leat_status parse_config(leat_flow *flow, const char *name, const char *config,
                                leat_yaml **out, leat_error *err) {
  *out = NULL;
  if (!config) return LEAT_OK;
  leat_yaml *yaml = leat__calloc(1, sizeof *yaml);
  if (!yaml || !leat_vec_push(&flow->texts, yaml))
    return leat__free(yaml), leat__oom(err, sizeof *yaml);
  leat_str text = {leat_arena_str(&flow->arena, leat_str_of(config)), strlen(config)};
  const char *file = leat_arena_str(&flow->arena, leat_str_of(name));
  if (!text.ptr || !file) return leat__oom(err, text.len);
  return *out = yaml, leat_yaml_parse(yaml, text, file, err);
}

leat_status leat_flow_apply(leat_flow *flow, const char *name, const char *type, const char *config,
                            const leat_flow_pcollection *inputs, int input_count,
                            leat_flow_pcollection *out, leat_error *err) {
  leat_yaml *yaml;
  leat_flow_transform *t;
  leat_flow_collection *in[64];
  if (input_count > 64)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: more than 64 inputs", name);
  for (int i = 0; i < input_count; i++) {
    if (inputs[i].id < 0 || (size_t)inputs[i].id >= flow->collections.count)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: input %d is no collection", name, i);
    in[i] = flow->collections.at[inputs[i].id];
  }
  leat_status status = parse_config(flow, name, config, &yaml, err);
  if (!status)
    status = leat_flow_apply_node(flow, NULL, leat_str_of(name), leat_str_of(type), yaml,
                                  yaml ? yaml->root : NULL, in, NULL, input_count, &t, err);
  if (!status && out) out->id = t->outputs.count ? t->outputs.at[0]->id : -1;
  return status;
}

// --- Outputs ------------------------------------------------------------------------------------
leat_status leat_flow_add_output(leat_flow *flow, leat_flow_transform *t, leat_str tag,
                                 const leat_flow_schema *schema, const leat_flow_strategy *strategy,
                                 bool bounded, leat_flow_collection **out, leat_error *err) {
  leat_flow_collection *c = leat_arena_alloc(&flow->arena, sizeof *c);
  if (c) c->tag = (leat_str){leat_arena_str(&flow->arena, tag), tag.len};
  if (!c || !c->tag.ptr || !leat_vec_push(&flow->collections, c) || !leat_vec_push(&t->outputs, c))
    return leat__oom(err, sizeof *c);
  c->id = (int)flow->collections.count - 1;
  c->schema = schema;
  c->strategy = strategy;
  c->bounded = bounded;
  c->producer = t;
  const leat_yaml_node *handling = t->config ? leat_yaml_get(t->config, "error_handling") : NULL,
                       *errors = handling ? leat_yaml_get(handling, "output") : NULL;
  c->errors = errors && tag.len && leat_str_eq(errors->text, tag);
  if (out) *out = c;
  return LEAT_OK;
}

leat_flow_collection *leat_flow_output_of(const leat_flow_transform *t, leat_str tag) {
  for (size_t i = 0; i < t->outputs.count; i++)
    if (leat_str_eq(t->outputs.at[i]->tag, tag)) return t->outputs.at[i];
  return NULL;
}

leat_status leat_flow_tagged(leat_flow *flow, const char *name, const char *tag,
                             leat_flow_pcollection *out, leat_error *err) {
  leat_map_entry *entry = leat_map_find(&flow->by_name, leat_str_of(name));
  if (!entry) return leat_error_set(err, LEAT_NOT_FOUND, "no transform '%s'", name);
  const leat_flow_transform *t = entry->value.ptr;
  const leat_flow_collection *c = leat_flow_output_of(t, leat_str_of(tag));
  if (c) return out->id = c->id, LEAT_OK;
  leat_str names[64];
  size_t count = 0;
  for (; count < t->outputs.count && count < 64; count++) names[count] = t->outputs.at[count]->tag;
  leat_status status = fail_unknown(t, NULL, "output", leat_str_of(tag), names, count, err);
  if (err && status) err->status = LEAT_NOT_FOUND;
  return status ? LEAT_NOT_FOUND : LEAT_OK;
}

const char *leat_flow_schema_text(leat_flow *flow, leat_flow_pcollection collection) {
  leat_buf text = {0};
  leat_flow_schema_print(flow->collections.at[collection.id]->schema, &text);
  const char *out = leat_arena_str(&flow->arena, leat_buf_view(&text));
  leat_buf_deinit(&text);
  return out ? out : "";
}
