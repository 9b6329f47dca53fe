// ReadFromSqlite: the rows of a query.
// SPDX-License-Identifier: Apache-2.0
//
//   path: FILE
//   query: SELECT at, page FROM views
//   schema: {at: timestamp, page: string}  types by column; default: from the first rows, all of
//                                          them nullable
//   timestamp, error_handling              as ReadFromCsv has them; `offset` is the row's number
#include "flow/draft.h"
#include "flow/op.h"
#include "flow/row_json.h"
#include "flow/source.h"
#include "flow/sqlite.h"

#include <string.h>

enum { SNIFF_ROWS = 1000, BUSY_MS = 5000 };

typedef struct plan {
  const char *path, *query;
  const leat_flow_schema *schema;
  leat_flow_times times;
  const leat_flow_schema *error_schema;  // NULL: an error ends the run
} plan;

typedef struct sqlite_op {
  leat_flow_op op;
  leat_db *db;
  leat_db_rows *from;  // NULL: ended
  int *columns;        // by field
  int64_t at;          // rows so far
  int64_t latest;      // timestamp so far
  leat_flow_rows *rows, *errors;
} sqlite_op;

static leat_status open_query(const plan *p, leat_db **db, leat_db_rows **rows, leat_error *err) {
  const leat_db_options options = {.read_only = true, .busy_ms = BUSY_MS};
  leat_status status = leat_db_open(db, p->path, &options, err);
  *rows = NULL;
  return status ? status : leat_db_query(*db, rows, err, p->query, "");
}

// --- Config -------------------------------------------------------------------------------------
static leat_flow_type declared(const char *type) {
  if (strcasestr(type, "INT")) return LEAT_FLOW_TYPE_INT64;
  if (strcasestr(type, "REAL") || strcasestr(type, "FLOA") || strcasestr(type, "DOUB"))
    return LEAT_FLOW_TYPE_DOUBLE;
  return strcasestr(type, "BLOB") ? LEAT_FLOW_TYPE_BYTES : LEAT_FLOW_TYPE_STRING;
}

static leat_status look(leat_db_rows *rows, int c, leat_flow_draft *d, leat_error *err) {
  static const leat_flow_type types[] = {[LEAT_DB_INT] = LEAT_FLOW_TYPE_INT64,
                                         [LEAT_DB_REAL] = LEAT_FLOW_TYPE_DOUBLE,
                                         [LEAT_DB_TEXT] = LEAT_FLOW_TYPE_STRING,
                                         [LEAT_DB_BLOB] = LEAT_FLOW_TYPE_BYTES};
  leat_db_type type = leat_db_type_of(rows, c);
  d->nullable = true;
  if (type == LEAT_DB_NULL || leat_flow_draft_type(d, types[type])) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "column '" LEAT_STR_FMT "' has %s and %s; say schema: {FIELD: TYPE, ...}",
                        LEAT_STR_ARG(d->name), leat_flow_type_name((leat_flow_type)d->type),
                        leat_flow_type_name(types[type]));
}

static leat_status sniff(leat_flow *flow, leat_db_rows *rows, leat_flow_schema *schema,
                         leat_error *err) {
  leat_flow_draft all = {.type = -1};
  leat_status status = LEAT_OK;
  int columns = leat_db_columns(rows);
  for (int c = 0; !status && c < columns; c++) {
    leat_str name = leat_str_of(leat_db_column(rows, c));
    name.ptr = leat_arena_str(&flow->arena, name);
    if (!name.ptr || !leat_flow_draft_part(&all, name)) status = leat__oom(err, name.len);
    if (!status && all.parts.count != (size_t)c + 1)
      status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "two columns are named '%s'", name.ptr);
  }
  for (int row = 0; !status && row < SNIFF_ROWS && !(status = leat_db_next(rows, err)); row++)
    for (int c = 0; !status && c < columns; c++) status = look(rows, c, &all.parts.at[c], err);
  if (status == LEAT_OUT_OF_RANGE) status = LEAT_OK;
  for (int c = 0; !status && c < columns; c++) {
    leat_flow_draft *d = &all.parts.at[c];
    d->nullable = true;
    if (d->type < 0) d->type = (int)declared(leat_db_declared(rows, c));
  }
  leat_flow_field *fields =
      status ? NULL : leat_flow_draft_fields(&flow->arena, all.parts.at, all.parts.count);
  leat_flow_draft_free(&all);
  if (!status && !fields) status = leat__oom(err, 1);
  if (!status && !columns)
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "the statement has no rows to read");
  *schema = (leat_flow_schema){fields, columns};
  return status;
}

static int column_of(leat_db_rows *rows, leat_str name) {  // -1: none
  for (int c = 0; c < leat_db_columns(rows); c++)
    if (leat_str_eq(leat_str_of(leat_db_column(rows, c)), name)) return c;
  return -1;
}

static leat_status check_columns(leat_db_rows *rows, const leat_flow_schema *schema,
                                 leat_error *err) {
  for (int i = 0; i < schema->count; i++) {
    const leat_flow_field *f = &schema->fields[i];
    if (f->type == LEAT_FLOW_TYPE_LIST || f->type == LEAT_FLOW_TYPE_ROW)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "column '" LEAT_STR_FMT "' is no %s",
                            LEAT_STR_ARG(f->name), leat_flow_type_name(f->type));
    if (column_of(rows, f->name) < 0)
      return leat_error_set(err, LEAT_NOT_FOUND, "the query has no column '" LEAT_STR_FMT "'",
                            LEAT_STR_ARG(f->name));
  }
  return LEAT_OK;
}

static leat_status sqlite_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  leat_flow_schema *schema = leat_arena_alloc(&flow->arena, sizeof *schema);
  leat_db *db = NULL;
  leat_db_rows *rows = NULL;
  leat_error why = {0};
  if (!p || !schema) return leat__oom(err, sizeof *p);
  leat_status status = leat_flow_source_path(flow, t, &p->path, err);
  if (status) return status;
  const leat_yaml_node *query = leat_yaml_get(t->config, "query"),
                       *given = leat_yaml_get(t->config, "schema");
  if (!query || query->kind != LEAT_YAML_SCALAR || !query->text.len)
    return leat_flow_fail(t, query, err, "expected query: SELECT ...");
  p->query = leat_arena_str(&flow->arena, query->text);
  if (!p->query) return leat__oom(err, query->text.len);
  p->schema = schema;
  if (given) status = leat_flow_source_schema(flow, t, given, schema, err);
  if (status) return status;
  status = open_query(p, &db, &rows, &why);
  if (!status) status = given ? check_columns(rows, schema, &why) : sniff(flow, rows, schema, &why);
  leat_db_end(rows);
  leat_db_close(db);
  if (status) {
    leat_flow_fail(t, query, err, "%s", why.message);
    if (err) err->status = status;
    return status;
  }
  status = leat_flow_times_read(t, schema, &p->times, err);
  if (status) return status;
  return leat_flow_source_outputs(flow, t, schema, true, &p->error_schema, err);
}

// --- Values -------------------------------------------------------------------------------------
// NULL: the value is put.
static const char *put(sqlite_op *s, const leat_flow_field *f, int c) {
  leat_db_type type = leat_db_type_of(s->from, c);
  int64_t whole = type == LEAT_DB_INT ? leat_db_int(s->from, c) : 0;
  bool bytes = type == LEAT_DB_TEXT || type == LEAT_DB_BLOB;
  if (type == LEAT_DB_NULL) {
    if (!f->nullable) return "null";
    return leat_flow_rows_null(s->rows), NULL;
  }
  switch (f->type) {
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES:
      if (!bytes) return "no text";
      if (f->type == LEAT_FLOW_TYPE_STRING && !leat_flow_is_utf8(leat_db_bytes(s->from, c)))
        return "no UTF-8; its type may be bytes";
      return leat_flow_rows_text(s->rows, leat_db_bytes(s->from, c)), NULL;
    case LEAT_FLOW_TYPE_FLOAT:
    case LEAT_FLOW_TYPE_DOUBLE:
      if (bytes) return "no number";
      return leat_flow_rows_double(s->rows, leat_db_real(s->from, c)), NULL;
    case LEAT_FLOW_TYPE_BOOL:
      if (type != LEAT_DB_INT || (whole != 0 && whole != 1)) return "no bool (0 or 1)";
      return leat_flow_rows_bool(s->rows, whole), NULL;
    case LEAT_FLOW_TYPE_TIMESTAMP:
      if (bytes && leat_flow_parse_time(leat_db_bytes(s->from, c), &whole)) type = LEAT_DB_INT;
      if (type != LEAT_DB_INT) return "no timestamp";
      return leat_flow_rows_int(s->rows, whole), NULL;
    default:
      if (type != LEAT_DB_INT) return "no whole number";
      return leat_flow_rows_int(s->rows, whole), NULL;
  }
}

static const char *time_of(sqlite_op *s, const plan *p, int c, int64_t *out) {
  const leat_flow_times plain = {.up = 1, .down = 1};
  bool ms = p->schema->fields[p->times.field].type == LEAT_FLOW_TYPE_TIMESTAMP;
  switch (leat_db_type_of(s->from, c)) {
    case LEAT_DB_INT:
      return leat_flow_times_int(ms ? &plain : &p->times, leat_db_int(s->from, c), out);
    case LEAT_DB_REAL: return leat_flow_times_double(&p->times, leat_db_real(s->from, c), out);
    case LEAT_DB_NULL: return "no timestamp";
    default: return leat_flow_parse_time(leat_db_bytes(s->from, c), out) ? NULL : "not a timestamp";
  }
}

// --- Reading ------------------------------------------------------------------------------------
static leat_status one_row(sqlite_op *s, leat_error *err) {
  const plan *p = s->op.transform->plan;
  leat_error why = {0};
  const char *bad = NULL;
  int64_t time = LEAT_FLOW_TIME_MIN;
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < p->schema->count; i++) {
    const leat_flow_field *f = &p->schema->fields[i];
    bad = put(s, f, s->columns[i]);
    if (!bad && i == p->times.field) bad = time_of(s, p, s->columns[i], &time);
    if (bad)
      status = leat_error_set(&why, LEAT_INVALID_ARGUMENT, "field '" LEAT_STR_FMT "': %s",
                              LEAT_STR_ARG(f->name), bad);
  }
  if (!status) status = leat_flow_rows_end(s->rows, time, NULL, NULL, &why);
  int64_t row = s->at++;
  if (!status) {
    if (time > s->latest) s->latest = time;
    return LEAT_OK;
  }
  leat_flow_rows_drop(s->rows);
  if (status == LEAT_RESOURCE_EXHAUSTED) return leat_error_set(err, status, "%s", why.message);
  if (s->errors)
    return leat_flow_source_bad(s->errors, p->path, row, why.message, (leat_str){0}, err);
  return leat_error_set(err, status,
                        "%s: row %lld: %s; error_handling: {output: errors} lets the run go on",
                        p->path, (long long)row, why.message);
}

static void close_query(sqlite_op *s) {
  leat_db_end(s->from);
  leat_db_close(s->db);
  s->from = NULL, s->db = NULL;
}

static leat_status sqlite_read(leat_flow_op *op, int64_t *watermark, int64_t *wait_ms,
                               leat_error *err) {
  sqlite_op *s = (sqlite_op *)op;
  const plan *p = op->transform->plan;
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < LEAT_FLOW_BATCH_ROWS; i++) {
    status = leat_db_next(s->from, err);
    if (!status) status = one_row(s, err);
  }
  bool ended = status == LEAT_OUT_OF_RANGE;
  if (ended) status = LEAT_OK, close_query(s);
  if (!status && leat_flow_rows_count(s->rows))
    status = leat_flow_emit(op, 0, leat_flow_rows_take(s->rows), err);
  if (!status && s->errors && leat_flow_rows_count(s->errors))
    status = leat_flow_emit(op, 1, leat_flow_rows_take(s->errors), err);
  if (ended)
    *watermark = LEAT_FLOW_TIME_MAX;
  else
    leat_flow_times_mark(&p->times, s->latest, watermark);
  return status;
}

static void sqlite_free(leat_flow_op *op) {
  sqlite_op *s = (sqlite_op *)op;
  close_query(s);
  leat_flow_rows_free(s->rows);
  leat_flow_rows_free(s->errors);
  leat__free(s->columns);
  leat__free(s);
}

static const leat_flow_op_class sqlite_class = {.read = sqlite_read, .free = sqlite_free};

static leat_status sqlite_start(const leat_flow_transform *t, leat_flow_worker *worker,
                                leat_flow_op **out, leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(sqlite_op), &sqlite_class, t, worker, out, err);
  const plan *p = t->plan;
  if (status || worker->index) return status;  // the first worker reads
  sqlite_op *s = (sqlite_op *)*out;
  s->latest = LEAT_FLOW_TIME_MIN;
  s->columns = leat__calloc((size_t)p->schema->count, sizeof *s->columns);
  if (!s->columns) return leat__oom(err, sizeof *s->columns);
  status = leat_flow_rows_new(&s->rows, p->schema, err);
  if (!status && p->error_schema) status = leat_flow_rows_new(&s->errors, p->error_schema, err);
  if (!status) status = open_query(p, &s->db, &s->from, err);
  if (!status) status = check_columns(s->from, p->schema, err);  // may be another table by now
  for (int i = 0; !status && i < p->schema->count; i++)
    s->columns[i] = column_of(s->from, p->schema->fields[i].name);
  return status;
}

static const char *const sqlite_fields[] = {"path",      "query",          "schema",
                                            "timestamp", "error_handling", NULL};
const leat_flow_class leat_flow_read_from_sqlite = {.type = "ReadFromSqlite",
                                                    .urn = "leat:transform:read_from_sqlite:v1",
                                                    .help = "The rows of a query",
                                                    .fields = sqlite_fields,
                                                    .apply = sqlite_apply,
                                                    .start = sqlite_start};
