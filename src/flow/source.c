// Source: paths, timestamps and dead letters of sources of files.
// SPDX-License-Identifier: Apache-2.0
#include "flow/source.h"

#include "flow/values.h"
#include "flow/windowing.h"
#include "formats/date.h"
#include "formats/json.h"

#include <math.h>
#include <string.h>

// --- Config -------------------------------------------------------------------------------------
leat_status leat_flow_source_path(leat_flow *flow, const leat_flow_transform *t, const char **out,
                                  leat_error *err) {
  const leat_yaml_node *path = t->config ? leat_yaml_get(t->config, "path") : NULL;
  if (!path || path->kind != LEAT_YAML_SCALAR || !path->text.len)
    return leat_flow_fail(t, path, err, "expected path: FILES");
  *out = leat_arena_str(&flow->arena, path->text);
  return *out ? LEAT_OK : leat__oom(err, path->text.len);
}

// {every: 1s, until: 1m}, or the first alone.
static leat_status read_watch(const leat_flow_transform *t, const leat_yaml_node *node,
                              leat_flow_files *files, leat_error *err) {
  static const char *const known[] = {"every", "until", NULL};
  bool map = node->kind == LEAT_YAML_MAPPING;
  const leat_yaml_node *every = map ? leat_yaml_get(node, "every") : node,
                       *until = map ? leat_yaml_get(node, "until") : NULL;
  int64_t every_ms = 0, until_ms = 0;
  leat_status status = map ? leat_flow_known(t, node, "setting of watch", known, err) : LEAT_OK;
  if (status) return status;
  if (!every) return leat_flow_fail(t, node, err, "expected watch: {every: 1s, until: 1m}");
  if (leat_flow_files_count(files) && !strcmp(leat_flow_files_path(files, 0), "-"))
    return leat_flow_fail(t, node, err, "files can be watched, standard input cannot");
  status = leat_flow_duration(t, every, &every_ms, err);
  if (!status && until) status = leat_flow_duration(t, until, &until_ms, err);
  if (status) return status;
  if (every_ms < 1 || until_ms < 0)
    return leat_flow_fail(t, node, err, "expected durations of a millisecond or more");
  return leat_flow_files_watch(files, every_ms, until_ms, err);
}

leat_status leat_flow_source_files(leat_flow *flow, const leat_flow_transform *t, bool quotes,
                                   leat_flow_files **out, leat_error *err) {
  const char *pattern;
  leat_error why = {0};
  leat_status status = leat_flow_source_path(flow, t, &pattern, err);
  if (status) return status;
  const leat_yaml_node *watch = leat_yaml_get(t->config, "watch");
  status = leat_flow_files_new(out, pattern, quotes, &why);
  if (watch && (!status || status == LEAT_NOT_FOUND)) return read_watch(t, watch, *out, err);
  if (!status) return LEAT_OK;
  leat_flow_fail(t, leat_yaml_get(t->config, "path"), err, "%s", why.message);
  if (err) err->status = status;
  return status;
}

leat_status leat_flow_source_schema(leat_flow *flow, const leat_flow_transform *t,
                                    const leat_yaml_node *node, leat_flow_schema *out,
                                    leat_error *err) {
  if (node->kind != LEAT_YAML_MAPPING || !node->count)
    return leat_flow_fail(t, node, err, "expected schema: {FIELD: TYPE, ...}");
  leat_flow_field *fields = leat_arena_alloc(&flow->arena, node->count * sizeof *fields);
  if (!fields) return leat__oom(err, sizeof *fields);
  for (size_t i = 0; i < node->count; i++) {
    const leat_yaml_node *item = node->items[i];
    const leat_flow_field *type;
    leat_error why = {0};
    if (item->kind != LEAT_YAML_SCALAR)
      return leat_flow_fail(t, item, err,
                            "expected a type, such as int64, string? or \"[string]\"");
    if (leat_flow_field_read(&flow->arena, item->text, &type, &why))
      return leat_flow_fail(t, item, err, "%s", why.message);
    fields[i] = *type;
    fields[i].name = node->keys[i]->text;
  }
  *out = (leat_flow_schema){fields, (int)node->count};
  return LEAT_OK;
}

static const leat_flow_field error_fields[] = {
    {.name = {"source", 6}, .type = LEAT_FLOW_TYPE_STRING},
    {.name = {"offset", 6}, .type = LEAT_FLOW_TYPE_INT64},
    {.name = {"message", 7}, .type = LEAT_FLOW_TYPE_STRING},
    {.name = {"record", 6}, .type = LEAT_FLOW_TYPE_BYTES}};
static const leat_flow_schema error_schema = {error_fields, 4};

leat_status leat_flow_source_outputs(leat_flow *flow, leat_flow_transform *t,
                                     const leat_flow_schema *schema, bool bounded,
                                     const leat_flow_schema **errors, leat_error *err) {
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, "error_handling") : NULL;
  leat_status status =
      leat_flow_add_output(flow, t, LEAT_STR(""), schema, &leat_flow_global, bounded, NULL, err);
  *errors = NULL;
  if (status || !node) return status;
  const leat_yaml_node *tag = leat_yaml_get(node, "output");
  if (!tag) return leat_flow_fail(t, node, err, "expected error_handling: {output: NAME}");
  *errors = &error_schema;
  return leat_flow_add_output(flow, t, tag->text, &error_schema, &leat_flow_global, bounded, NULL,
                              err);
}

leat_status leat_flow_source_bad(leat_flow_rows *errors, const char *path, int64_t offset,
                                 const char *why, leat_str record, leat_error *err) {
  if (!errors)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "%s: byte %lld: %s; error_handling: {output: errors} lets the run go on",
                          path, (long long)offset, why);
  leat_flow_rows_text(errors, leat_str_of(path));
  leat_flow_rows_int(errors, offset);
  leat_flow_rows_text(errors, leat_str_of(why));
  leat_flow_rows_text(errors, record);
  return leat_flow_rows_end(errors, LEAT_FLOW_TIME_MIN, NULL, NULL, err);
}

static leat_status read_unit(const leat_flow_transform *t, const leat_yaml_node *node,
                             leat_flow_times *out, leat_error *err) {
  static const struct {
    const char *name;
    int64_t up, down;
  } units[] = {{"ms", 1, 1}, {"s", 1000, 1}, {"us", 1, 1000}, {"ns", 1, 1000000}};
  for (size_t i = 0; node && i < sizeof units / sizeof *units; i++)
    if (leat_str_eq(node->text, leat_str_of(units[i].name)))
      return out->up = units[i].up, out->down = units[i].down, LEAT_OK;
  return node ? leat_flow_fail(t, node, err, "expected unit: s, ms, us or ns") : LEAT_OK;
}

leat_status leat_flow_times_read(const leat_flow_transform *t, const leat_flow_schema *schema,
                                 leat_flow_times *out, leat_error *err) {
  static const char *const known[] = {"field", "unit", "out_of_orderness", "idle_timeout", NULL};
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, "timestamp") : NULL;
  *out = (leat_flow_times){.field = -1, .up = 1, .down = 1};
  if (!node) return LEAT_OK;
  const leat_yaml_node *field =
      node->kind == LEAT_YAML_SCALAR ? node : leat_yaml_get(node, "field");
  leat_status status = node->kind == LEAT_YAML_SCALAR
                           ? LEAT_OK
                           : leat_flow_known(t, node, "setting of timestamp", known, err);
  if (status) return status;
  if (!field) return leat_flow_fail(t, node, err, "timestamp of which field?");
  status = leat_flow_field_of(t, schema, field, &out->field, err);
  if (status) return status;
  leat_flow_type type = schema->fields[out->field].type;
  if (type != LEAT_FLOW_TYPE_INT64 && type != LEAT_FLOW_TYPE_TIMESTAMP &&
      type != LEAT_FLOW_TYPE_STRING && type != LEAT_FLOW_TYPE_DOUBLE)
    return leat_flow_fail(t, field, err, "a timestamp is a number or a date, not %s",
                          leat_flow_type_name(type));
  const leat_yaml_node *disorder = leat_yaml_get(node, "out_of_orderness"),
                       *idle = leat_yaml_get(node, "idle_timeout");
  status = read_unit(t, leat_yaml_get(node, "unit"), out, err);
  if (!status && disorder) status = leat_flow_duration(t, disorder, &out->disorder_ms, err);
  if (!status && idle) status = leat_flow_duration(t, idle, &out->idle_ms, err);
  if (!status && idle && out->idle_ms <= 0)
    status = leat_flow_fail(t, idle, err, "expected idle_timeout: a duration over 0");
  return status;
}

bool leat_flow_is_utf8(leat_str s) {
  for (size_t i = 0, n; i < s.len; i += n) {
    n = leat_utf8_length((const unsigned char *)s.ptr + i, s.len - i);
    if (!n) return false;
  }
  return true;
}

// --- Times --------------------------------------------------------------------------------------
static const char out_of_bounds[] = "the timestamp is out of bounds";

static const char *bounded(int64_t ms) {
  return ms < LEAT_FLOW_TIME_MIN || ms > LEAT_FLOW_GLOBAL_MAX ? out_of_bounds : NULL;
}

const char *leat_flow_times_int(const leat_flow_times *times, int64_t value, int64_t *out) {
  if (__builtin_mul_overflow(value, times->up, out)) return out_of_bounds;
  *out /= times->down;
  return bounded(*out);
}

const char *leat_flow_times_double(const leat_flow_times *times, double value, int64_t *out) {
  double ms = value * (double)times->up / (double)times->down;
  if (!(fabs(ms) < 9e15)) return out_of_bounds;
  return *out = (int64_t)floor(ms), NULL;
}

const char *leat_flow_times_text(leat_str value, int64_t *out) {
  double days;
  if (!leat_parse_date(value, LEAT_DATE_YMD, &days)) return "not a timestamp";
  return *out = llround(days * 86400000), NULL;
}

const char *leat_flow_times_of(const leat_flow_times *times, leat_flow_type type,
                               const leat_flow_column *c, int row, int64_t *out) {
  if (!leat_flow_is_valid(c, row)) return "no timestamp";
  switch (type) {
    case LEAT_FLOW_TYPE_INT64:
      return leat_flow_times_int(times, ((const int64_t *)c->values)[row], out);
    case LEAT_FLOW_TYPE_TIMESTAMP: return *out = ((const int64_t *)c->values)[row], bounded(*out);
    case LEAT_FLOW_TYPE_DOUBLE:
      return leat_flow_times_double(times, ((const double *)c->values)[row], out);
    default: return leat_flow_times_text(leat_flow_text(c, row), out);
  }
}
