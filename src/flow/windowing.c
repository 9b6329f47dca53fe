// Windowing: WindowInto and Flatten; windows, triggers and lateness as pipeline.yaml says them.
// SPDX-License-Identifier: Apache-2.0
#include "flow/windowing.h"

#include "flow/op.h"
#include "flow/strategy.h"

#include <string.h>

const leat_flow_strategy leat_flow_global;

const char *const leat_flow_strategy_fields[] = {"type",
                                                 "size",
                                                 "period",
                                                 "gap",
                                                 "offset",
                                                 "trigger",
                                                 "accumulation_mode",
                                                 "allowed_lateness",
                                                 "timestamp_combiner",
                                                 "closing_behavior",
                                                 "on_time_behavior",
                                                 "allow_unsafe_triggers",
                                                 NULL};

typedef struct reader {
  leat_flow *flow;
  const leat_flow_transform *t;
  leat_error *err;
} reader;

// --- Triggers -----------------------------------------------------------------------------------
typedef enum parts_kind {
  NO_PARTS,
  ONE_PART,
  EARLY_LATE,
  LIST_PARTS,
  MAIN_LAST,
  COUNT,
  DELAY
} parts_kind;

static const struct {
  const char *name;
  leat_flow_trigger_kind kind;
  parts_kind parts;
} triggers[] = {
    {"default", LEAT_FLOW_DEFAULT, NO_PARTS},
    {"always", LEAT_FLOW_ALWAYS, NO_PARTS},
    {"never", LEAT_FLOW_NEVER, NO_PARTS},
    {"after_watermark", LEAT_FLOW_AFTER_WATERMARK, EARLY_LATE},
    {"after_processing_time", LEAT_FLOW_AFTER_PROCESSING_TIME, DELAY},
    {"after_synchronized_processing_time", LEAT_FLOW_AFTER_SYNCHRONIZED, NO_PARTS},
    {"after_count", LEAT_FLOW_AFTER_COUNT, COUNT},
    {"repeatedly", LEAT_FLOW_REPEATEDLY, ONE_PART},
    {"or_finally", LEAT_FLOW_OR_FINALLY, MAIN_LAST},
    {"after_any", LEAT_FLOW_AFTER_ANY, LIST_PARTS},
    {"after_all", LEAT_FLOW_AFTER_ALL, LIST_PARTS},
    {"after_each", LEAT_FLOW_AFTER_EACH, LIST_PARTS},
};
enum { TRIGGERS = sizeof triggers / sizeof *triggers };

static leat_status read_trigger(reader *r, const leat_yaml_node *node,
                                const leat_flow_trigger **out, int depth);

static leat_status unknown_trigger(reader *r, const leat_yaml_node *node, leat_str name) {
  leat_str names[TRIGGERS];
  for (int i = 0; i < TRIGGERS; i++) names[i] = leat_str_of(triggers[i].name);
  leat_str near = leat_str_nearest(name, names, TRIGGERS);
  if (near.len)
    return leat_flow_fail(r->t, node, r->err,
                          "no trigger '" LEAT_STR_FMT "'; did you mean " LEAT_STR_FMT "?",
                          LEAT_STR_ARG(name), LEAT_STR_ARG(near));
  return leat_flow_fail(r->t, node, r->err, "no trigger '" LEAT_STR_FMT "'", LEAT_STR_ARG(name));
}

// Named parts of a mapping, in the order of `names`; NULL where it has none.
static leat_status read_named(reader *r, const leat_yaml_node *node, const char *const *names,
                              size_t count, const leat_flow_trigger **parts, int depth) {
  if (node && !leat_yaml_is_null(node) && node->kind != LEAT_YAML_MAPPING)
    return leat_flow_fail(r->t, node, r->err, "expected a mapping with %s and %s", names[0],
                          names[1]);
  for (size_t k = 0; node && node->kind == LEAT_YAML_MAPPING && k < node->count; k++)
    if (!leat_str_eq(node->keys[k]->text, leat_str_of(names[0])) &&
        !leat_str_eq(node->keys[k]->text, leat_str_of(names[1])))
      return leat_flow_fail(r->t, node->keys[k], r->err, "expected %s or %s", names[0], names[1]);
  for (size_t i = 0; i < count; i++) {
    const leat_yaml_node *part = node ? leat_yaml_get(node, names[i]) : NULL;
    leat_status status = part ? read_trigger(r, part, &parts[i], depth + 1) : LEAT_OK;
    if (status) return status;
  }
  return LEAT_OK;
}

static leat_status read_parts(reader *r, const leat_yaml_node *node, parts_kind kind,
                              leat_flow_trigger *out, int depth) {
  static const char *const early_late[] = {"early", "late"}, *const main_last[] = {"main",
                                                                                   "finally"};
  size_t count = kind == ONE_PART ? 1 : kind == LIST_PARTS && node ? node->count : 2;
  if (kind == LIST_PARTS && (!node || node->kind != LEAT_YAML_SEQUENCE))
    return leat_flow_fail(r->t, node, r->err, "expected a list of triggers");
  const leat_flow_trigger **parts = leat_arena_alloc(&r->flow->arena, (count + 1) * sizeof *parts);
  if (!parts) return leat__oom(r->err, count);
  out->parts = parts;
  out->part_count = count;
  if (kind == EARLY_LATE) return read_named(r, node, early_late, 2, parts, depth);
  if (kind == MAIN_LAST) return read_named(r, node, main_last, 2, parts, depth);
  if (kind == ONE_PART && !node) return leat_flow_fail(r->t, NULL, r->err, "repeatedly what?");
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < count; i++)
    status = read_trigger(r, kind == ONE_PART ? node : node->items[i], &parts[i], depth + 1);
  return status;
}

// "10s", or {delay: 10s, align_to: 1m, offset: 0s}.
static leat_status read_delay(reader *r, const leat_yaml_node *node, leat_flow_trigger *out) {
  if (!node || leat_yaml_is_null(node)) return LEAT_OK;
  if (node->kind != LEAT_YAML_MAPPING)
    return leat_flow_duration(r->t, node, &out->delay_ms, r->err);
  static const char *const names[] = {"delay", "align_to", "offset"};
  int64_t *to[] = {&out->delay_ms, &out->align_ms, &out->align_to};
  for (size_t i = 0; i < node->count; i++) {
    size_t k = 0;
    while (k < 3 && !leat_str_eq(node->keys[i]->text, leat_str_of(names[k]))) k++;
    if (k == 3)
      return leat_flow_fail(r->t, node->keys[i], r->err, "expected delay, align_to or offset");
    leat_status status = leat_flow_duration(r->t, node->items[i], to[k], r->err);
    if (status) return status;
  }
  return LEAT_OK;
}

static leat_status read_trigger(reader *r, const leat_yaml_node *node,
                                const leat_flow_trigger **out, int depth) {
  leat_flow_trigger *trigger = leat_arena_alloc(&r->flow->arena, sizeof *trigger);
  if (!trigger) return leat__oom(r->err, sizeof *trigger);
  if (depth > 32) return leat_flow_fail(r->t, node, r->err, "triggers nested deeper than 32");
  bool mapping = node->kind == LEAT_YAML_MAPPING && node->count == 1;
  if (!mapping && node->kind != LEAT_YAML_SCALAR)
    return leat_flow_fail(r->t, node, r->err,
                          "expected a trigger: default, {after_count: 3}, {after_watermark: "
                          "{early: ..., late: ...}}, ...");
  leat_str name = mapping ? node->keys[0]->text : node->text;
  const leat_yaml_node *value = mapping ? node->items[0] : NULL;
  int k = 0;
  while (k < TRIGGERS && !leat_str_eq(name, leat_str_of(triggers[k].name))) k++;
  if (k == TRIGGERS) return unknown_trigger(r, node, name);
  trigger->kind = triggers[k].kind;
  *out = trigger;
  switch (triggers[k].parts) {
    case NO_PARTS: return LEAT_OK;
    case COUNT:
      if (!value) return leat_flow_fail(r->t, node, r->err, "after_count wants a number");
      return leat_yaml_i64(r->t->yaml, value, &trigger->count, r->err);
    case DELAY: return read_delay(r, value, trigger);
    default: return read_parts(r, value, triggers[k].parts, trigger, depth);
  }
}

// --- The rest -----------------------------------------------------------------------------------
// The index of a word among those with bars between.
static leat_status read_word(reader *r, const leat_yaml_node *node, const char *words, int *out) {
  leat_str rest = leat_str_of(words);
  for (int i = 0; rest.len; i++) {
    leat_str word = leat_str_cut(&rest, '|');
    if (node->kind == LEAT_YAML_SCALAR && leat_str_eq(node->text, word)) return *out = i, LEAT_OK;
  }
  return leat_flow_fail(r->t, node, r->err, "expected one of %s", words);
}

static leat_status read_durations(reader *r, const leat_yaml_node *node, leat_flow_strategy *s) {
  bool sessions = s->window.kind == LEAT_FLOW_SESSIONS;
  const struct {
    const char *name;
    int64_t *to;
    bool wanted, allowed;
  } all[] = {
      {"size", &s->window.size_ms, s->window.kind && !sessions, s->window.kind && !sessions},
      {"gap", &s->window.size_ms, sessions, sessions},
      {"period", &s->window.period_ms, s->window.kind == LEAT_FLOW_SLIDING,
       s->window.kind == LEAT_FLOW_SLIDING},
      {"offset", &s->window.offset_ms, false, s->window.kind && !sessions},
      {"allowed_lateness", &s->lateness_ms, false, true},
  };
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    const leat_yaml_node *value = leat_yaml_get(node, all[i].name);
    if (!value && all[i].wanted)
      return leat_flow_fail(r->t, node, r->err, "these windows want a %s", all[i].name);
    if (value && !all[i].allowed)
      return leat_flow_fail(r->t, value, r->err, "these windows have no %s", all[i].name);
    leat_status status = value ? leat_flow_duration(r->t, value, all[i].to, r->err) : LEAT_OK;
    if (status) return status;
  }
  return LEAT_OK;
}

static leat_status read_words(reader *r, const leat_yaml_node *node, leat_flow_strategy *s) {
  static const struct {
    const char *name, *words;
  } all[] = {{"accumulation_mode", "discarding|accumulating|retracting"},
             {"timestamp_combiner", "end_of_window|earliest|latest"},
             {"closing_behavior", "fire_if_nonempty|fire_always"},
             {"on_time_behavior", "fire_always|fire_if_nonempty"}};
  int found[4] = {0};
  for (int i = 0; i < 4; i++) {
    const leat_yaml_node *value = leat_yaml_get(node, all[i].name);
    leat_status status = value ? read_word(r, value, all[i].words, &found[i]) : LEAT_OK;
    if (status) return status;
    if (i == 0 && found[0] == 2)
      return leat_flow_fail(r->t, value, r->err,
                            "retracting panes are not there, as in any runner of Beam's");
  }
  s->accumulating = found[0];
  s->combiner = (leat_flow_combiner)found[1];
  s->closing_always = found[2];
  s->on_time_nonempty = found[3];
  return LEAT_OK;
}

leat_status leat_flow_strategy_read(leat_flow *flow, const leat_flow_transform *t,
                                    const leat_yaml_node *node, const leat_flow_strategy **out,
                                    leat_error *err) {
  reader r = {flow, t, err};
  leat_flow_strategy *s = leat_arena_alloc(&flow->arena, sizeof *s);
  const leat_yaml_node *type = node ? leat_yaml_get(node, "type") : NULL;
  int kind;
  if (!s) return leat__oom(err, sizeof *s);
  if (!type) return leat_flow_fail(t, node, err, "windowing wants a type");
  leat_status status = read_word(&r, type, "global|fixed|sliding|sessions", &kind);
  s->window.kind = (leat_flow_window_kind)kind;
  if (!status) status = read_durations(&r, node, s);
  if (!status) status = read_words(&r, node, s);
  const leat_yaml_node *trigger = leat_yaml_get(node, "trigger"),
                       *unsafe = leat_yaml_get(node, "allow_unsafe_triggers");
  if (!status && unsafe) status = leat_yaml_bool(t->yaml, unsafe, &s->unsafe_triggers, err);
  if (!status && trigger) status = read_trigger(&r, trigger, &s->trigger, 0);
  if (status) return status;
  // What the numbers must be is known where they are used.
  leat_flow_trigger_plan plan = {0};
  leat_error why = {0};
  status = leat_flow_window_check(&s->window, &why);
  if (!status && s->trigger) status = leat_flow_trigger_compile(s->trigger, &plan, &why);
  leat_vec_deinit(&plan);
  if (status == LEAT_INVALID_ARGUMENT) return leat_flow_fail(t, node, err, "%s", why.message);
  if (status && err) *err = why;
  return *out = s, status;
}

// --- WindowInto ---------------------------------------------------------------------------------
static const char *const window_into_fields[] = {"windowing", NULL};

static leat_status window_into_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_strategy *strategy;
  const leat_flow_collection *in = t->inputs.at[0];
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, "windowing") : NULL;
  if (!node || node->kind != LEAT_YAML_MAPPING)
    return leat_flow_fail(t, node, err, "expected windowing: {type: fixed, size: 10s}");
  leat_status status =
      leat_flow_known(t, node, "setting of windowing", leat_flow_strategy_fields, err);
  if (!status) status = leat_flow_strategy_read(flow, t, node, &strategy, err);
  if (status) return status;
  return leat_flow_add_output(flow, t, LEAT_STR(""), in->schema, strategy, in->bounded, NULL, err);
}

// From here on windows follow from the timestamps; panes go on.
static leat_status window_into_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                     leat_error *err) {
  (void)input;
  if (!batch->windows)
    return leat_flow_emit(op, 0, leat_flow_batch_ref((leat_flow_batch *)batch), err);
  leat_flow_batch *out = leat_flow_batch_again(batch);
  if (out) out->windows = NULL;
  return leat_flow_emit(op, 0, out, err);
}

static void op_free(leat_flow_op *op) { leat__free(op); }

static const leat_flow_op_class window_into_op = {.batch = window_into_batch, .free = op_free};

static leat_status window_into_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                     leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(leat_flow_op), &window_into_op, t, worker, out, err);
}

const leat_flow_class leat_flow_window_into = {
    .type = "WindowInto",
    .urn = "beam:transform:window_into:v1",
    .help = "Puts rows into windows: fixed, sliding, sessions or global",
    .inputs_min = 1,
    .inputs_max = 1,
    .fields = window_into_fields,
    .apply = window_into_apply,
    .start = window_into_start};

// --- Flatten ------------------------------------------------------------------------------------
static leat_status flatten_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *first = t->inputs.at[0];
  bool bounded = true;
  for (size_t i = 0; i < t->inputs.count; i++) {
    const leat_flow_collection *in = t->inputs.at[i];
    bounded &= in->bounded;
    if (!leat_flow_schema_eq(first->schema, in->schema)) {
      leat_buf a = {.max = 300}, b = {.max = 300};
      leat_flow_schema_print(first->schema, &a);
      leat_flow_schema_print(in->schema, &b);
      leat_status status = leat_flow_fail(t, NULL, err, "inputs of other schemas: %s and %s",
                                          a.ptr ? a.ptr : "", b.ptr ? b.ptr : "");
      return leat_buf_deinit(&a), leat_buf_deinit(&b), status;
    }
    leat_error why;
    if (leat_flow_strategy_match(first->strategy, in->strategy, &why))
      return leat_flow_fail(t, NULL, err, "%s", why.message);
  }
  return leat_flow_add_output(flow, t, LEAT_STR(""), first->schema, first->strategy, bounded, NULL,
                              err);
}

static leat_status flatten_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                 leat_error *err) {
  (void)input;
  return leat_flow_emit(op, 0, leat_flow_batch_ref((leat_flow_batch *)batch), err);
}

static const leat_flow_op_class flatten_op = {.batch = flatten_batch, .free = op_free};

static leat_status flatten_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                 leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(leat_flow_op), &flatten_op, t, worker, out, err);
}

const leat_flow_class leat_flow_flatten = {.type = "Flatten",
                                           .urn = "beam:transform:flatten:v1",
                                           .help = "All rows of several collections as one",
                                           .inputs_min = 1,
                                           .inputs_max = -1,
                                           .apply = flatten_apply,
                                           .start = flatten_start};
