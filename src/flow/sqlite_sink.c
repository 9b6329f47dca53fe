// WriteToSqlite: rows into a table, all of them or none.
// SPDX-License-Identifier: Apache-2.0
//
//   path: FILE
//   table: NAME    made where there is none, a column a field
//   mode: append   or replace: what the table had goes
//
// One transaction, committed when the flow has ended well. Times are text, lists and rows JSON.
#include "flow/op.h"
#include "flow/row_json.h"
#include "flow/sqlite.h"

#include <string.h>

enum { BUSY_MS = 5000 };

typedef struct plan {
  const char *path, *table;
  bool replace;
} plan;

typedef struct sink_op {
  leat_flow_op op;
  leat_db *db;
  leat_db_rows *insert;
  leat_buf text;
} sink_op;

// --- Statements ---------------------------------------------------------------------------------
static void add_name(leat_buf *out, leat_str name) {
  leat_buf_char(out, '"');
  for (size_t i = 0; i < name.len; i++) {
    if (name.ptr[i] == '"') leat_buf_char(out, '"');
    leat_buf_char(out, name.ptr[i]);
  }
  leat_buf_char(out, '"');
}

static const char *column_type(leat_flow_type type) {
  switch (type) {
    case LEAT_FLOW_TYPE_BOOL:
    case LEAT_FLOW_TYPE_INT32:
    case LEAT_FLOW_TYPE_INT64: return "INTEGER";
    case LEAT_FLOW_TYPE_FLOAT:
    case LEAT_FLOW_TYPE_DOUBLE: return "REAL";
    case LEAT_FLOW_TYPE_BYTES: return "BLOB";
    default: return "TEXT";
  }
}

static void create_text(const plan *p, const leat_flow_schema *schema, leat_buf *out) {
  if (p->replace) {
    leat_buf_c(out, "DROP TABLE IF EXISTS ");
    add_name(out, leat_str_of(p->table));
    leat_buf_c(out, ";");
  }
  leat_buf_c(out, "CREATE TABLE IF NOT EXISTS ");
  add_name(out, leat_str_of(p->table));
  for (int f = 0; f < schema->count; f++) {
    leat_buf_c(out, f ? ", " : " (");
    add_name(out, schema->fields[f].name);
    leat_buf_fmt(out, " %s", column_type(schema->fields[f].type));
  }
  leat_buf_c(out, ")");
  leat_buf_char(out, 0);
}

static void insert_text(const plan *p, const leat_flow_schema *schema, leat_buf *out) {
  leat_buf_c(out, "INSERT INTO ");
  add_name(out, leat_str_of(p->table));
  for (int f = 0; f < schema->count; f++) {
    leat_buf_c(out, f ? ", " : " (");
    add_name(out, schema->fields[f].name);
  }
  for (int f = 0; f < schema->count; f++) leat_buf_c(out, f ? ", ?" : ") VALUES (?");
  leat_buf_c(out, ")");
  leat_buf_char(out, 0);
}

static leat_status begin(sink_op *s, leat_error *err) {
  const plan *p = s->op.transform->plan;
  const leat_flow_schema *schema = s->op.transform->inputs.at[0]->schema;
  const leat_db_options options = {.busy_ms = BUSY_MS};
  leat_status status = leat_db_open(&s->db, p->path, &options, err);
  if (!status) status = leat_db_exec(s->db, "BEGIN IMMEDIATE", err);
  leat_buf_clear(&s->text);
  create_text(p, schema, &s->text);
  if (!status) status = leat_buf_status(&s->text, err);
  if (!status) status = leat_db_exec(s->db, s->text.ptr, err);
  leat_buf_clear(&s->text);
  insert_text(p, schema, &s->text);
  if (!status) status = leat_buf_status(&s->text, err);
  return status ? status : leat_db_query(s->db, &s->insert, err, s->text.ptr, "");
}

// --- Op -----------------------------------------------------------------------------------------
static leat_status bind(sink_op *s, const leat_flow_batch *b, int f, int row, leat_error *err) {
  const leat_flow_field *field = &b->schema->fields[f];
  const leat_flow_column *c = &b->columns[f];
  leat_db_type type = LEAT_DB_TEXT;
  int64_t whole = 0;
  double real = 0;
  leat_str text = {0};
  if (!leat_flow_is_valid(c, row))
    return leat_db_bind(s->insert, f + 1, LEAT_DB_NULL, 0, 0, text, err);
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL: type = LEAT_DB_INT, whole = leat_flow_bool(c, row); break;
    case LEAT_FLOW_TYPE_INT32: type = LEAT_DB_INT, whole = ((const int32_t *)c->values)[row]; break;
    case LEAT_FLOW_TYPE_INT64: type = LEAT_DB_INT, whole = ((const int64_t *)c->values)[row]; break;
    case LEAT_FLOW_TYPE_FLOAT:
      type = LEAT_DB_REAL, real = (double)((const float *)c->values)[row];
      break;
    case LEAT_FLOW_TYPE_DOUBLE: type = LEAT_DB_REAL, real = ((const double *)c->values)[row]; break;
    case LEAT_FLOW_TYPE_STRING: text = leat_flow_text(c, row); break;
    case LEAT_FLOW_TYPE_BYTES: type = LEAT_DB_BLOB, text = leat_flow_text(c, row); break;
    default:
      leat_buf_clear(&s->text);
      leat_flow_value_text(&s->text, field, c, row);
      text = leat_buf_view(&s->text);
      break;
  }
  return leat_db_bind(s->insert, f + 1, type, whole, real, text, err);
}

static leat_status sink_batch(leat_flow_op *op, int input, const leat_flow_batch *batch,
                              leat_error *err) {
  sink_op *s = (sink_op *)op;
  leat_status status = s->insert ? LEAT_OK : begin(s, err);
  for (int row = 0; !status && row < batch->rows; row++) {
    for (int f = 0; !status && f < batch->schema->count; f++) status = bind(s, batch, f, row, err);
    if (!status) status = leat_db_next(s->insert, err);
    if (status == LEAT_OUT_OF_RANGE) status = LEAT_OK;  // done
    leat_db_again(s->insert);
  }
  return status;
}

static leat_status sink_finish(leat_flow_op *op, leat_error *err) {
  sink_op *s = (sink_op *)op;
  leat_status status = s->insert ? LEAT_OK : begin(s, err);  // no rows: the table all the same
  leat_db_end(s->insert);
  s->insert = NULL;
  return status ? status : leat_db_exec(s->db, "COMMIT", err);
}

static void sink_free(leat_flow_op *op) {
  sink_op *s = (sink_op *)op;
  leat_db_end(s->insert);
  leat_db_close(s->db);  // what is not committed goes
  leat_buf_deinit(&s->text);
  leat__free(s);
}

static const leat_flow_op_class sink_class = {
    .batch = sink_batch, .finish = sink_finish, .free = sink_free};

static leat_status sink_start(const leat_flow_transform *t, leat_flow_worker *worker,
                              leat_flow_op **out, leat_error *err) {
  return leat_flow_op_new(sizeof(sink_op), &sink_class, t, worker, out, err);
}

// --- Config -------------------------------------------------------------------------------------
static leat_status read_text(leat_flow *flow, const leat_flow_transform *t, const char *name,
                             const char **out, leat_error *err) {
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, name) : NULL;
  if (!node || node->kind != LEAT_YAML_SCALAR || !node->text.len)
    return leat_flow_fail(t, node, err, "expected %s: NAME", name);
  *out = leat_arena_str(&flow->arena, node->text);
  return *out ? LEAT_OK : leat__oom(err, node->text.len);
}

static leat_status sink_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  if (!p) return leat__oom(err, sizeof *p);
  leat_status status = read_text(flow, t, "path", &p->path, err);
  if (!status) status = read_text(flow, t, "table", &p->table, err);
  if (status) return status;
  const leat_yaml_node *mode = leat_yaml_get(t->config, "mode");
  p->replace = mode && leat_str_eq(mode->text, LEAT_STR("replace"));
  if (mode && !p->replace && !leat_str_eq(mode->text, LEAT_STR("append")))
    return leat_flow_fail(t, mode, err, "expected mode: append or replace");
  if (!t->inputs.at[0]->schema->count)
    return leat_flow_fail(t, NULL, err, "rows without fields make no table");
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *other = flow->transforms.at[i];
    if (other != t && other->class == t->class && !strcmp(((plan *)other->plan)->path, p->path))
      return leat_flow_fail(t, leat_yaml_get(t->config, "path"), err,
                            "'" LEAT_STR_FMT "' writes to that file already, in one transaction",
                            LEAT_STR_ARG(other->name));
  }
  return LEAT_OK;
}

static const char *const sink_fields[] = {"path", "table", "mode", NULL};
const leat_flow_class leat_flow_write_to_sqlite = {.type = "WriteToSqlite",
                                                   .urn = "leat:transform:write_to_sqlite:v1",
                                                   .help = "A table, all rows or none",
                                                   .inputs_min = 1,
                                                   .inputs_max = 1,
                                                   .fields = sink_fields,
                                                   .apply = sink_apply,
                                                   .start = sink_start,
                                                   .whole = true};
