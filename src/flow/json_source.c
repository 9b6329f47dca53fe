// ReadFromJson: rows out of lines of JSON, an object each.
// SPDX-License-Identifier: Apache-2.0
//
//   path: FILES                          a glob, or - for standard input
//   schema: {ts: int64, tags: "[string]"}  types by field; default: from the first rows. int64? may
//                                        be missing or null; fields that are not named are read
//                                        over
//   timestamp, error_handling            as ReadFromCsv has them
//
//   object -> its values by field (found) -> the row, in the schema's order
#include "flow/draft.h"
#include "flow/op.h"
#include "flow/row_json.h"
#include "flow/text_op.h"
#include "flow/values.h"
#include "formats/json.h"
#include "formats/number.h"

#include <string.h>

enum { SNIFF_ROWS = 1000 };

typedef struct plan {
  leat_flow_files *files;
  const leat_flow_schema *schema;
  leat_flow_times times;
  const leat_flow_schema *error_schema;  // NULL: an error ends the run
} plan;

typedef struct json_op {
  leat_flow_text_op in;
  leat_arena arena;  // of the row at hand
  leat_flow_rows *rows;
} json_op;

static leat_str one_line(const char **at, const char *end) {
  const char *stop = memchr(*at, '\n', (size_t)(end - *at));
  leat_str line = {*at, (size_t)((stop ? stop : end) - *at)};
  *at = stop ? stop + 1 : end;
  return leat_str_strip(line, LEAT_STR(" \t\r"));
}

static void parse(leat_json *json, leat_str text) {
  leat_json_init(json, text, "JSON");
  json->specials = true;
}

// --- Schema -------------------------------------------------------------------------------------
static leat_status look(leat_json *json, leat_json_event event, leat_flow_draft *d,
                        leat_arena *arena, leat_error *err);

static leat_status look_inside(leat_json *json, bool list, leat_flow_draft *d, leat_arena *arena,
                               leat_error *err) {
  for (;;) {
    leat_json_event event;
    leat_status status = leat_json_next(json, &event, err);
    if (status || event == LEAT_JSON_OBJECT_END || event == LEAT_JSON_ARRAY_END) return status;
    leat_str name = {0};
    if (!list) {
      name = (leat_str){leat_arena_str(arena, json->text), json->text.len};
      status = name.ptr ? leat_json_next(json, &event, err) : leat__oom(err, name.len);
    }
    leat_flow_draft *part = status ? NULL : leat_flow_draft_part(d, name);
    if (!status) status = part ? look(json, event, part, arena, err) : leat__oom(err, 1);
    if (status) return status;
  }
}

static leat_status look(leat_json *json, leat_json_event event, leat_flow_draft *d,
                        leat_arena *arena, leat_error *err) {
  int64_t whole;
  leat_flow_type type = LEAT_FLOW_TYPE_BOOL;
  d->seen++;
  if (event == LEAT_JSON_NULL) return d->nullable = true, LEAT_OK;
  if (event == LEAT_JSON_STRING) type = LEAT_FLOW_TYPE_STRING;
  if (event == LEAT_JSON_ARRAY) type = LEAT_FLOW_TYPE_LIST;
  if (event == LEAT_JSON_OBJECT) type = LEAT_FLOW_TYPE_ROW;
  if (event == LEAT_JSON_NUMBER)
    type = leat_parse_i64(json->text, &whole) ? LEAT_FLOW_TYPE_INT64 : LEAT_FLOW_TYPE_DOUBLE;
  if (!leat_flow_draft_type(d, type))
    return leat_json_fail(json, err,
                          "field '" LEAT_STR_FMT
                          "' is %s here and %s before; say schema: "
                          "{FIELD: TYPE, ...}",
                          LEAT_STR_ARG(d->name), leat_flow_type_name(type),
                          leat_flow_type_name((leat_flow_type)d->type));
  leat_status status = LEAT_OK;
  if (type == LEAT_FLOW_TYPE_LIST && !leat_flow_draft_part(d, (leat_str){0}))
    return leat__oom(err, 1);  // its items have a type, even where there are none
  if (type == LEAT_FLOW_TYPE_LIST || type == LEAT_FLOW_TYPE_ROW)
    status = look_inside(json, type == LEAT_FLOW_TYPE_LIST, d, arena, err);
  if (type == LEAT_FLOW_TYPE_ROW) leat_flow_draft_end(d);
  return status;
}

// Names and types by the start of the first file. Lines that are no objects are not looked at.
static leat_status sniff(leat_flow *flow, const leat_flow_transform *t, const plan *p,
                         leat_flow_schema *schema, leat_error *err) {
  const char *path = leat_flow_files_path(p->files, 0);
  leat_flow_lines *lines = NULL;
  leat_flow_piece piece = {.text = LEAT_STR("")};
  leat_flow_draft all = {.type = -1};
  bool ended = false;
  if (!leat_flow_files_count(p->files))
    return leat_flow_fail(t, NULL, err, "no file is there yet: say schema: {FIELD: TYPE, ...}");
  if (!strcmp(path, "-"))
    return leat_flow_fail(t, NULL, err, "standard input wants a schema: {FIELD: TYPE, ...}");
  leat_status status = leat_flow_lines_new(&lines, p->files, 0, 1, err);
  while (!status && !ended && !piece.text.len)
    status = leat_flow_lines_next(lines, &piece, &ended, err);
  const char *at = piece.text.ptr, *end = at + piece.text.len;
  for (int row = 0; !status && at < end && row < SNIFF_ROWS; row++) {
    leat_str line = one_line(&at, end);
    leat_json json;
    leat_error why;
    leat_json_event event;
    if (!line.len || *line.ptr != '{') continue;
    parse(&json, line);
    bool good = !leat_json_next(&json, &event, &why) && !leat_json_skip(&json, event, &why);
    leat_json_deinit(&json);
    if (!good) continue;  // is found when it is read
    parse(&json, line);
    status = leat_json_next(&json, &event, &why);
    if (!status) status = look(&json, event, &all, &flow->arena, &why);
    leat_json_deinit(&json);
    if (status) leat_flow_fail(t, NULL, err, "%s, row %d: %s", path, row + 1, why.message);
  }
  leat_flow_lines_free(lines);
  schema->count = (int)all.parts.count;
  schema->fields = leat_flow_draft_fields(&flow->arena, all.parts.at, all.parts.count);
  leat_flow_draft_free(&all);
  if (!status && !schema->fields) status = leat__oom(err, 1);
  if (!status && !schema->count)
    status = leat_flow_fail(t, NULL, err,
                            "%s has no objects to find fields in; say schema: {FIELD: "
                            "TYPE, ...}",
                            path);
  return status;
}

static leat_status json_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  leat_flow_schema *schema = leat_arena_alloc(&flow->arena, sizeof *schema);
  if (!p || !schema) return leat__oom(err, sizeof *p);
  leat_status status = leat_flow_source_files(flow, t, false, &p->files, err);
  if (status) return status;
  const leat_yaml_node *node = leat_yaml_get(t->config, "schema");
  p->schema = schema;
  status =
      node ? leat_flow_source_schema(flow, t, node, schema, err) : sniff(flow, t, p, schema, err);
  if (!status) status = leat_flow_times_read(t, schema, &p->times, err);
  if (status) return status;
  return leat_flow_source_outputs(flow, t, schema, !leat_flow_files_watched(p->files),
                                  &p->error_schema, err);
}

static void json_stop(leat_flow_transform *t) {
  plan *p = t->plan;
  if (p) leat_flow_files_free(p->files);
}

// --- Values -------------------------------------------------------------------------------------
typedef struct value {  // of a field; zero: missing
  bool there;
  leat_json_event event;
  leat_str text;  // of a list or an object all of it, in the line; else the parser's
} value;

static leat_status put(json_op *s, const leat_flow_field *f, const value *v, leat_error *err);

static leat_status not_a(const leat_flow_field *f, const value *v, leat_error *err) {
  static const char *const words[] = {[LEAT_JSON_TRUE] = "true", [LEAT_JSON_FALSE] = "false"};
  bool word = v->event == LEAT_JSON_TRUE || v->event == LEAT_JSON_FALSE;
  leat_str text = word ? leat_str_of(words[v->event]) : v->text;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "field '" LEAT_STR_FMT "': '%.*s' is not %s",
                        LEAT_STR_ARG(f->name), (int)(text.len < 40 ? text.len : 40), text.ptr,
                        leat_flow_type_name(f->type));
}

// The value that starts with `event`, to be put later.
static leat_status take(json_op *s, leat_json *json, leat_json_event event, value *out,
                        leat_error *err) {
  *out = (value){.there = true, .event = event, .text = json->text};
  if (event == LEAT_JSON_OBJECT || event == LEAT_JSON_ARRAY) {
    size_t from = json->at - 1;
    leat_status status = leat_json_skip(json, event, err);
    out->text = (leat_str){json->input.ptr + from, json->at - from};
    return status;
  }
  const char *text = json->text.ptr, *line = json->input.ptr;
  if (event != LEAT_JSON_STRING || (text >= line && text < line + json->input.len)) return LEAT_OK;
  out->text.ptr = leat_arena_str(&s->arena, json->text);  // was unescaped
  return out->text.ptr ? LEAT_OK : leat__oom(err, json->text.len);
}

// An object's values by field; of two with one name the last counts.
static leat_status gather(json_op *s, leat_json *json, const leat_flow_schema *fields, value *found,
                          leat_error *err) {
  memset(found, 0, (size_t)fields->count * sizeof *found);
  for (int next = 0;; next++) {
    leat_json_event event;
    leat_status status = leat_json_next(json, &event, err);
    if (status || event == LEAT_JSON_OBJECT_END) return status;
    bool expected = next < fields->count && leat_str_eq(fields->fields[next].name, json->text);
    int at = expected ? next : leat_flow_schema_find(fields, json->text);
    if (at >= 0) next = at;
    status = leat_json_next(json, &event, err);
    if (!status)
      status = at < 0 ? leat_json_skip(json, event, err) : take(s, json, event, &found[at], err);
    if (status) return status;
  }
}

static leat_status put_object(json_op *s, leat_json *json, const leat_flow_schema *fields,
                              value *found, leat_error *err) {
  leat_status status = gather(s, json, fields, found, err);
  for (int i = 0; !status && i < fields->count; i++)
    status = put(s, &fields->fields[i], &found[i], err);
  return status;
}

static leat_status put_list(json_op *s, leat_json *json, const leat_flow_field *item,
                            leat_error *err) {
  for (;;) {
    leat_json_event event;
    value v;
    leat_status status = leat_json_next(json, &event, err);
    if (status || event == LEAT_JSON_ARRAY_END) return status;
    status = take(s, json, event, &v, err);
    if (!status) status = put(s, item, &v, err);
    if (status) return status;
  }
}

static leat_status put_parts(json_op *s, const leat_flow_field *f, const value *v,
                             leat_error *err) {
  bool list = f->type == LEAT_FLOW_TYPE_LIST;
  leat_json json;
  leat_json_event event;
  leat_flow_schema fields = {f->fields, f->field_count};
  if (v->event != (list ? LEAT_JSON_ARRAY : LEAT_JSON_OBJECT)) return not_a(f, v, err);
  value *found = leat_arena_alloc(&s->arena, ((size_t)f->field_count + 1) * sizeof *found);
  if (!found) return leat__oom(err, sizeof *found);
  parse(&json, v->text);
  leat_flow_rows_open(s->rows);
  leat_status status = leat_json_next(&json, &event, err);
  if (!status)
    status = list ? put_list(s, &json, f->fields, err) : put_object(s, &json, &fields, found, err);
  leat_flow_rows_close(s->rows);
  leat_json_deinit(&json);
  return status;
}

static leat_status put_number(json_op *s, const leat_flow_field *f, const value *v,
                              leat_error *err) {
  int64_t whole;
  double real;
  float single;
  if (v->event != LEAT_JSON_NUMBER) return not_a(f, v, err);
  switch (f->type) {
    case LEAT_FLOW_TYPE_FLOAT:
      if (!leat_parse_f32(v->text, &single)) return not_a(f, v, err);
      return leat_flow_rows_double(s->rows, (double)single), LEAT_OK;
    case LEAT_FLOW_TYPE_DOUBLE:
      if (!leat_parse_f64(v->text, &real)) return not_a(f, v, err);
      return leat_flow_rows_double(s->rows, real), LEAT_OK;
    default:
      if (!leat_parse_i64(v->text, &whole)) return not_a(f, v, err);
      return leat_flow_rows_int(s->rows, whole), LEAT_OK;
  }
}

static leat_status put(json_op *s, const leat_flow_field *f, const value *v, leat_error *err) {
  int64_t time;
  if (!v->there || v->event == LEAT_JSON_NULL) {
    if (!f->nullable)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "field '" LEAT_STR_FMT "' is %s",
                            LEAT_STR_ARG(f->name), v->there ? "null" : "missing");
    return leat_flow_rows_null(s->rows), LEAT_OK;
  }
  switch (f->type) {
    case LEAT_FLOW_TYPE_LIST:
    case LEAT_FLOW_TYPE_ROW: return put_parts(s, f, v, err);
    case LEAT_FLOW_TYPE_BOOL:
      if (v->event != LEAT_JSON_TRUE && v->event != LEAT_JSON_FALSE) return not_a(f, v, err);
      return leat_flow_rows_bool(s->rows, v->event == LEAT_JSON_TRUE), LEAT_OK;
    case LEAT_FLOW_TYPE_TIMESTAMP:
      if (v->event != LEAT_JSON_STRING) return put_number(s, f, v, err);
      if (!leat_flow_parse_time(v->text, &time)) return not_a(f, v, err);
      return leat_flow_rows_int(s->rows, time), LEAT_OK;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES:
      if (v->event != LEAT_JSON_STRING) return not_a(f, v, err);
      return leat_flow_rows_text(s->rows, v->text), LEAT_OK;
    default: return put_number(s, f, v, err);
  }
}

// The time of the row by its timestamp field's value. NULL: it is in *out.
static const char *time_of(const plan *p, const value *v, int64_t *out) {
  const leat_flow_field *f = &p->schema->fields[p->times.field];
  int64_t whole;
  double real;
  if (!v->there || v->event == LEAT_JSON_NULL) return "no timestamp";
  if (f->type == LEAT_FLOW_TYPE_STRING) return leat_flow_times_text(v->text, out);
  if (f->type == LEAT_FLOW_TYPE_TIMESTAMP && v->event == LEAT_JSON_STRING)
    return leat_flow_parse_time(v->text, out) ? NULL : "not a timestamp";
  if (f->type == LEAT_FLOW_TYPE_DOUBLE)
    return leat_parse_f64(v->text, &real) ? leat_flow_times_double(&p->times, real, out)
                                          : "not a timestamp";
  if (!leat_parse_i64(v->text, &whole)) return "not a timestamp";
  leat_flow_times plain = {.up = 1, .down = 1};
  bool ms = f->type == LEAT_FLOW_TYPE_TIMESTAMP;
  return leat_flow_times_int(ms ? &plain : &p->times, whole, out);
}

// --- Reading ------------------------------------------------------------------------------------
static leat_status put_row(json_op *s, leat_str line, int64_t *time, leat_error *err) {
  const plan *p = s->in.op.transform->plan;
  leat_json json;
  leat_json_event event;
  value *found = leat_arena_alloc(&s->arena, ((size_t)p->schema->count + 1) * sizeof *found);
  if (!found) return leat__oom(err, sizeof *found);
  parse(&json, line);
  leat_status status = leat_json_next(&json, &event, err);
  if (!status && event != LEAT_JSON_OBJECT)
    status = leat_json_fail(&json, err, "expected an object, {\"FIELD\": VALUE, ...}");
  if (!status) status = put_object(s, &json, p->schema, found, err);
  if (!status) status = leat_json_next(&json, &event, err);  // nothing behind it
  leat_json_deinit(&json);
  *time = LEAT_FLOW_TIME_MIN;
  const char *bad = status || p->times.field < 0 ? NULL : time_of(p, &found[p->times.field], time);
  return bad ? leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s", bad) : status;
}

static leat_status one_row(json_op *s, leat_error *err) {
  leat_str line = one_line(&s->in.at, s->in.end);
  leat_error why = {0};
  int64_t time;
  if (!line.len) return LEAT_OK;  // empty lines are no rows
  leat_arena_clear(&s->arena);
  leat_status status = put_row(s, line, &time, &why);
  if (!status) status = leat_flow_rows_end(s->rows, time, NULL, NULL, &why);
  if (!status) {
    if (time > s->in.latest) s->in.latest = time;
    return LEAT_OK;
  }
  leat_flow_rows_drop(s->rows);
  if (status == LEAT_RESOURCE_EXHAUSTED) return leat_error_set(err, status, "%s", why.message);
  return leat_flow_text_bad(&s->in, line, why.message, err);
}

static leat_status json_read(leat_flow_op *op, int64_t *watermark, int64_t *wait_ms,
                             leat_error *err) {
  json_op *s = (json_op *)op;
  bool started, ended;
  leat_status status = leat_flow_text_next(&s->in, &started, &ended, err);
  while (!status && s->in.at < s->in.end && leat_flow_rows_count(s->rows) < LEAT_FLOW_BATCH_ROWS)
    status = one_row(s, err);
  if (!status && leat_flow_rows_count(s->rows))
    status = leat_flow_emit(op, 0, leat_flow_rows_take(s->rows), err);
  return status ? status : leat_flow_text_done(&s->in, ended, watermark, wait_ms, err);
}

static void json_free(leat_flow_op *op) {
  json_op *s = (json_op *)op;
  leat_flow_text_deinit(&s->in);
  leat_flow_rows_free(s->rows);
  leat_arena_deinit(&s->arena);
  leat__free(s);
}

static const leat_flow_op_class json_class = {
    .read = json_read, .holds = leat_flow_text_holds, .free = json_free};

static leat_status json_start(const leat_flow_transform *t, leat_flow_worker *worker,
                              leat_flow_op **out, leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(json_op), &json_class, t, worker, out, err);
  const plan *p = t->plan;
  if (status) return status;
  json_op *s = (json_op *)*out;
  status = leat_flow_rows_new(&s->rows, p->schema, err);
  if (status) return status;
  return leat_flow_text_start(&s->in, p->files, &p->times, p->error_schema, err);
}

static const char *const json_fields[] = {"path",  "schema",         "timestamp",
                                          "watch", "error_handling", NULL};
const leat_flow_class leat_flow_read_from_json = {.type = "ReadFromJson",
                                                  .urn = "leat:transform:read_from_json:v1",
                                                  .help = "Rows of files of JSON lines",
                                                  .fields = json_fields,
                                                  .apply = json_apply,
                                                  .start = json_start,
                                                  .stop = json_stop,
                                                  .splits = true};
