// AssignTimestamps and ExtractWindowingInfo: event times set and shown.
// SPDX-License-Identifier: Apache-2.0
//
//   timestamp: expression    a timestamp, seconds since 1970 as a number, or a date as text
//   fields: {name: timestamp | window_start | window_end | window_string | window_type | pane_info}
//           or a list of these; default: timestamp, window_start and window_end
#include "flow/row_expr.h"
#include "flow/row_json.h"

#include <inttypes.h>
#include <math.h>

static leat_flow_batch *copy_of(const leat_flow_batch *in) {  // with times of its own
  leat_flow_batch *out = leat_flow_batch_again(in);
  if (!out) return NULL;
  out->timestamps = leat_flow_block_alloc(out->owner, (size_t)in->rows * sizeof *out->timestamps);
  return out->timestamps ? out : (leat_flow_batch_unref(out), NULL);
}

// --- AssignTimestamps ---------------------------------------------------------------------------
typedef struct assign_plan {
  const leat_flow_expr *time;
  leat_flow_errors errors;
} assign_plan;

typedef struct assign_op {
  leat_flow_op op;
  leat_flow_eval *eval;
} assign_op;

static leat_status assign_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  assign_plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  const leat_yaml_node *time = t->config ? leat_yaml_get(t->config, "timestamp") : NULL;
  leat_flow_language language;
  if (!p) return leat__oom(err, sizeof *p);
  if (!time) return leat_flow_fail(t, NULL, err, "expected timestamp: EXPRESSION");
  leat_status status = leat_flow_language_read(t, &language, err);
  if (!status) status = leat_flow_expr_read(flow, t, time, language, in->schema, &p->time, err);
  if (status) return status;
  leat_flow_type type = leat_flow_expr_type(p->time)->type;
  if (type == LEAT_FLOW_TYPE_BOOL || type == LEAT_FLOW_TYPE_BYTES || type == LEAT_FLOW_TYPE_LIST ||
      type == LEAT_FLOW_TYPE_ROW)
    return leat_flow_fail(t, time, err, "expected a timestamp, seconds or a date; this is a %s",
                          leat_flow_type_name(type));
  status =
      leat_flow_add_output(flow, t, LEAT_STR(""), in->schema, in->strategy, in->bounded, NULL, err);
  return status ? status : leat_flow_errors_read(flow, t, &p->errors, err);
}

// The time of a row in ms; false: it is none.
static bool time_of(leat_flow_type type, const leat_flow_column *c, int row, int64_t *out) {
  double seconds = 0;
  if (!leat_flow_is_valid(c, row)) return false;
  switch (type) {
    case LEAT_FLOW_TYPE_TIMESTAMP: *out = ((const int64_t *)c->values)[row]; break;
    case LEAT_FLOW_TYPE_INT64:
      if (__builtin_mul_overflow(((const int64_t *)c->values)[row], (int64_t)1000, out))
        return false;
      break;
    case LEAT_FLOW_TYPE_INT32: *out = (int64_t)((const int32_t *)c->values)[row] * 1000; break;
    case LEAT_FLOW_TYPE_STRING: return leat_flow_parse_time(leat_flow_text(c, row), out);
    case LEAT_FLOW_TYPE_FLOAT: seconds = (double)((const float *)c->values)[row]; break;
    default: seconds = ((const double *)c->values)[row]; break;
  }
  if (type == LEAT_FLOW_TYPE_FLOAT || type == LEAT_FLOW_TYPE_DOUBLE) {
    if (!(fabs(seconds) < 1e15)) return false;
    *out = (int64_t)floor(seconds * 1000);
  }
  return *out >= LEAT_FLOW_TIME_MIN && *out <= LEAT_FLOW_GLOBAL_MAX;
}

static leat_status assign(leat_flow_op *op, const leat_flow_batch *in, const leat_flow_column *c,
                          leat_flow_batch *out, int32_t *good, int *count, leat_error *err) {
  const assign_plan *p = op->transform->plan;
  const leat_flow_eval *eval = ((assign_op *)op)->eval;
  leat_flow_type type = leat_flow_expr_type(p->time)->type;
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < in->rows; i++) {
    if (leat_flow_eval_failure(eval, i)) continue;
    good[*count] = i;
    if (time_of(type, c, i, &out->timestamps[i]))
      ++*count;
    else
      status = leat_flow_errors_one(op, &p->errors, in, i,
                                    "the timestamp is null, no time or out "
                                    "of bounds",
                                    err);
  }
  if (!status && leat_flow_eval_failures(eval))
    status = leat_flow_errors_split(op, &p->errors, in, eval, NULL, NULL, err);
  return status;
}

// Windows stay as they were before: where they follow from the time they are made explicit.
static leat_status assign_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                leat_error *err) {
  const leat_flow_collection *from = op->transform->inputs.at[input];
  bool global = from->strategy->window.kind == LEAT_FLOW_GLOBAL;
  leat_flow_batch *in =
      global ? leat_flow_batch_ref((leat_flow_batch *)batch) : leat_flow_with_windows(from, batch);
  leat_flow_batch *out = in ? copy_of(in) : NULL;
  int32_t *good = out ? leat__alloc(((size_t)in->rows + 1) * sizeof *good) : NULL;
  leat_flow_column c = {0};
  int count = 0;
  leat_status status = good ? leat_flow_eval_run(((assign_op *)op)->eval, in, &c, err)
                            : leat__oom(err, (size_t)batch->rows);
  if (!status) status = assign(op, in, &c, out, good, &count, err);
  leat_flow_block_unref(c.owner);
  if (!status && count < in->rows) {
    leat_flow_batch *some = leat_flow_batch_take(out, good, count);
    leat_flow_batch_unref(out);
    out = some;
  }
  leat__free(good);
  leat_flow_batch_unref(in);
  if (status) return leat_flow_batch_unref(out), status;
  return leat_flow_emit(op, 0, out, err);
}

static void assign_free(leat_flow_op *op) {
  leat_flow_eval_free(((assign_op *)op)->eval);
  leat__free(op);
}

static const leat_flow_op_class assign_class = {.batch = assign_batch, .free = assign_free};

static leat_status assign_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                leat_flow_op **out, leat_error *err) {
  const assign_plan *p = t->plan;
  leat_status status = leat_flow_op_new(sizeof(assign_op), &assign_class, t, worker, out, err);
  return status ? status : leat_flow_eval_new(&((assign_op *)*out)->eval, &p->time, 1, err);
}

static const char *const assign_fields[] = {"timestamp", "language", "error_handling", NULL};

const leat_flow_class leat_flow_assign_timestamps = {.type = "AssignTimestamps",
                                                     .urn = "leat:transform:assign_timestamps:v1",
                                                     .help = "Event times by an expression",
                                                     .inputs_min = 1,
                                                     .inputs_max = 1,
                                                     .fields = assign_fields,
                                                     .apply = assign_apply,
                                                     .start = assign_start};

// --- ExtractWindowingInfo -----------------------------------------------------------------------
typedef enum info { TIMESTAMP, START, END, STRING, TYPE, OBJECT, PANE, INFOS } info;

static const struct {
  const char *name;
  leat_flow_type type;
} infos[INFOS] = {[TIMESTAMP] = {"timestamp", LEAT_FLOW_TYPE_TIMESTAMP},
                  [START] = {"window_start", LEAT_FLOW_TYPE_TIMESTAMP},
                  [END] = {"window_end", LEAT_FLOW_TYPE_TIMESTAMP},
                  [STRING] = {"window_string", LEAT_FLOW_TYPE_STRING},
                  [TYPE] = {"window_type", LEAT_FLOW_TYPE_STRING},
                  [OBJECT] = {"window_object", LEAT_FLOW_TYPE_STRING},
                  [PANE] = {"pane_info", LEAT_FLOW_TYPE_ROW}};

static const leat_flow_field pane_fields[] = {
    {.name = {"is_first", 8}, .type = LEAT_FLOW_TYPE_BOOL},
    {.name = {"is_last", 7}, .type = LEAT_FLOW_TYPE_BOOL},
    {.name = {"timing", 6}, .type = LEAT_FLOW_TYPE_STRING},
    {.name = {"index", 5}, .type = LEAT_FLOW_TYPE_INT64},
    {.name = {"nonspeculative_index", 20}, .type = LEAT_FLOW_TYPE_INT64}};

typedef struct extract_plan {
  const leat_flow_schema *out, *added;
  info *infos;  // of `added`
} extract_plan;

typedef struct extract_op {
  leat_flow_op op;
  leat_flow_rows *rows;
} extract_op;

static leat_status find_info(const leat_flow_transform *t, const leat_yaml_node *node, info *out,
                             leat_error *err) {
  leat_str names[INFOS];
  for (int i = 0; i < INFOS; i++) names[i] = leat_str_of(infos[i].name);
  for (int i = 0; node->kind == LEAT_YAML_SCALAR && i < INFOS; i++)
    if (leat_str_eq(node->text, names[i])) return *out = (info)i, LEAT_OK;
  leat_str near = leat_str_nearest(node->text, names, INFOS);
  return leat_flow_fail(t, node, err,
                        "expected timestamp, window_start, window_end, window_string, window_type, "
                        "window_object or pane_info%s" LEAT_STR_FMT,
                        near.len ? "; nearest: " : "", LEAT_STR_ARG(near));
}

static void add_info(extract_plan *p, leat_flow_schema *added, leat_flow_field *fields,
                     leat_str name, info what) {
  fields[added->count] = (leat_flow_field){.name = name, .type = infos[what].type};
  if (what == PANE) {
    fields[added->count].fields = pane_fields;
    fields[added->count].field_count = 5;
  }
  p->infos[added->count++] = what;
}

static leat_status extract_read(const leat_flow_transform *t, const leat_yaml_node *fields,
                                extract_plan *p, leat_flow_schema *added, leat_flow_field *room,
                                leat_error *err) {
  if (!fields) {
    for (int i = TIMESTAMP; i <= END; i++)
      add_info(p, added, room, leat_str_of(infos[i].name), (info)i);
    return LEAT_OK;
  }
  if (fields->kind == LEAT_YAML_SCALAR)
    return leat_flow_fail(t, fields, err, "expected fields: {NAME: WHAT} or a list");
  for (size_t i = 0; i < fields->count; i++) {
    bool named = fields->kind == LEAT_YAML_MAPPING;
    info what = TIMESTAMP;
    leat_status status = find_info(t, fields->items[i], &what, err);
    if (status) return status;
    add_info(p, added, room, named ? fields->keys[i]->text : fields->items[i]->text, what);
  }
  return LEAT_OK;
}

static leat_status extract_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  const leat_yaml_node *fields = t->config ? leat_yaml_get(t->config, "fields") : NULL;
  size_t more = fields ? fields->count : 3, all = more + (size_t)in->schema->count + 1;
  extract_plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  leat_flow_schema *schemas = leat_arena_alloc(&flow->arena, 2 * sizeof *schemas);
  leat_flow_field *room = leat_arena_alloc(&flow->arena, all * sizeof *room);
  if (!p || !schemas || !room ||
      !(p->infos = leat_arena_alloc(&flow->arena, (more + 1) * sizeof *p->infos)))
    return leat__oom(err, all);
  for (int i = 0; i < in->schema->count; i++) room[i] = in->schema->fields[i];
  schemas[1].fields = room + in->schema->count;
  leat_status status = extract_read(t, fields, p, &schemas[1], room + in->schema->count, err);
  if (status) return status;
  for (int i = 0; i < schemas[1].count; i++)
    if (leat_flow_schema_find(in->schema, schemas[1].fields[i].name) >= 0)
      return leat_flow_fail(t, fields, err, "there is a field '" LEAT_STR_FMT "' already",
                            LEAT_STR_ARG(schemas[1].fields[i].name));
  schemas[0] = (leat_flow_schema){room, in->schema->count + schemas[1].count};
  p->out = &schemas[0];
  p->added = &schemas[1];
  return leat_flow_add_output(flow, t, LEAT_STR(""), p->out, in->strategy, in->bounded, NULL, err);
}

static bool is_global(leat_flow_window w) { return w.start == LEAT_FLOW_TIME_MIN; }

static void put_window_text(leat_flow_rows *rows, leat_flow_window w) {
  char text[64];
  int n = is_global(w)
              ? snprintf(text, sizeof text, "GlobalWindow")
              : snprintf(text, sizeof text, "[%" PRId64 ".%03d, %" PRId64 ".%03d)", w.start / 1000,
                         (int)(w.start % 1000), w.end / 1000, (int)(w.end % 1000));
  leat_flow_rows_text(rows, (leat_str){text, (size_t)n});
}

static void put_pane(leat_flow_rows *rows, const leat_flow_pane *pane) {
  static const char *const timing[] = {"EARLY", "ON_TIME", "LATE", "UNKNOWN"};
  leat_flow_rows_open(rows);
  leat_flow_rows_bool(rows, pane->first);
  leat_flow_rows_bool(rows, pane->last);
  leat_flow_rows_text(rows, leat_str_of(timing[pane->timing]));
  leat_flow_rows_int(rows, pane->index);
  leat_flow_rows_int(rows, pane->on_time_index);
  leat_flow_rows_close(rows);
}

static void put_info(leat_flow_rows *rows, info what, const leat_flow_batch *b, int row) {
  static const leat_flow_pane none = {
      .first = true, .last = true, .timing = LEAT_FLOW_TIMING_UNKNOWN};
  leat_flow_window w = b->windows[row];
  switch (what) {
    case TIMESTAMP: leat_flow_rows_int(rows, b->timestamps[row]); break;
    case START: leat_flow_rows_int(rows, w.start); break;
    case END: leat_flow_rows_int(rows, w.end); break;
    case TYPE:
      leat_flow_rows_text(rows,
                          is_global(w) ? LEAT_STR("GlobalWindow") : LEAT_STR("IntervalWindow"));
      break;
    case PANE: put_pane(rows, b->panes ? &b->panes[row] : &none); break;
    default: put_window_text(rows, w); break;
  }
}

static leat_status extract_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                                 leat_error *err) {
  const extract_plan *p = op->transform->plan;
  leat_flow_rows *rows = ((extract_op *)op)->rows;
  leat_flow_batch *in = leat_flow_with_windows(op->transform->inputs.at[input], batch);
  leat_status status = in ? LEAT_OK : leat__oom(err, (size_t)batch->rows);
  for (int i = 0; !status && i < in->rows; i++) {
    for (int k = 0; k < p->added->count; k++) put_info(rows, p->infos[k], in, i);
    status = leat_flow_rows_end(rows, in->timestamps[i], NULL, NULL, err);
  }
  leat_flow_batch *added = status ? NULL : leat_flow_rows_take(rows), *out = NULL;
  if (added) out = leat_flow_batch_like(in, p->out);
  for (int i = 0; out && i < in->schema->count; i++)
    leat_flow_column_share(&out->columns[i], &in->columns[i]);
  for (int k = 0; out && k < p->added->count; k++)
    leat_flow_column_share(&out->columns[in->schema->count + k], &added->columns[k]);
  leat_flow_batch_unref(added);
  leat_flow_batch_unref(in);
  return status ? status : leat_flow_emit(op, 0, out, err);
}

static void extract_free(leat_flow_op *op) {
  leat_flow_rows_free(((extract_op *)op)->rows);
  leat__free(op);
}

static const leat_flow_op_class extract_class = {.batch = extract_batch, .free = extract_free};

static leat_status extract_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                 leat_flow_op **out, leat_error *err) {
  const extract_plan *p = t->plan;
  leat_status status = leat_flow_op_new(sizeof(extract_op), &extract_class, t, worker, out, err);
  return status ? status : leat_flow_rows_new(&((extract_op *)*out)->rows, p->added, err);
}

static const char *const extract_fields[] = {"fields", NULL};

const leat_flow_class leat_flow_extract_windowing_info = {
    .type = "ExtractWindowingInfo",
    .urn = "leat:transform:extract_windowing_info:v1",
    .help = "Times, windows and panes as fields",
    .inputs_min = 1,
    .inputs_max = 1,
    .fields = extract_fields,
    .apply = extract_apply,
    .start = extract_start};
