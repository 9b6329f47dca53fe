// Validation of tables against a schema: one pass, the first place of each anomaly.
// SPDX-License-Identifier: Apache-2.0
#include "features/schema.h"

#include <stdio.h>

const char *const leat_anomaly_names[LEAT_ANOMALY_KINDS] = {
    "none",          "missing_column", "new_column",   "ragged_row",
    "missing_value", "wrong_type",     "out_of_range", "unknown_value"};

typedef struct checked_column {
  const leat_schema_column *schema;
  int column;       // of the table
  leat_map domain;  // of strings
  int64_t present;
  leat_anomaly found[LEAT_ANOMALY_KINDS];
} checked_column;

typedef struct checker {
  const leat_schema *schema;
  leat_table table;
  checked_column *columns;
  leat_anomalies *out;
  leat_error *err;
} checker;

static leat_status copy_text(checker *k, leat_str from, leat_str *to) {
  if (from.len > 80) from.len = 80;
  *to = (leat_str){leat_arena_str(&k->out->arena, from), from.len};
  return to->ptr ? LEAT_OK : leat__oom(k->err, from.len);
}

static int field_of(const checker *k, int column) {
  for (size_t i = 0; i < k->table.field_column.count; i++)
    if (k->table.field_column.at[i] == column) return (int)i + 1;
  return 0;
}

// Counts an anomaly and keeps the place of the first.
static leat_status note(checker *k, leat_anomaly *a, leat_anomaly_kind kind, int column,
                        leat_str text) {
  if (a->count++) return LEAT_OK;
  a->kind = kind;
  a->file = k->table.paths[k->table.row.place.file];
  a->line = k->table.row.place.line;
  a->field = column < 0 ? 0 : field_of(k, column);
  return copy_text(k, text, &a->text);
}

static leat_anomaly_kind judge(const checked_column *c, leat_str text) {
  const leat_schema_column *s = c->schema;
  double number = 0;
  leat_text_kind kind = leat_text_kind_of(text, &number);
  if (kind == LEAT_TEXT_MISSING) return LEAT_ANOMALY_MISSING_VALUE;
  switch (s->type) {
    case LEAT_COLUMN_EMPTY: return LEAT_ANOMALY_NONE;
    case LEAT_COLUMN_STRING:
      if (c->domain.count && !leat_map_find(&c->domain, text)) return LEAT_ANOMALY_UNKNOWN_VALUE;
      return LEAT_ANOMALY_NONE;
    case LEAT_COLUMN_DATE:
      if (!leat_parse_date(text, s->order, &number)) return LEAT_ANOMALY_WRONG_TYPE;
      break;
    default:
      if (kind != LEAT_TEXT_INT && (kind != LEAT_TEXT_FLOAT || s->type == LEAT_COLUMN_INT))
        return LEAT_ANOMALY_WRONG_TYPE;
  }
  bool outside = s->has_range && (number < s->least || number > s->greatest);
  return outside ? LEAT_ANOMALY_OUT_OF_RANGE : LEAT_ANOMALY_NONE;
}

static leat_status check_row(checker *k, leat_anomaly *ragged) {
  leat_status status = LEAT_OK;
  k->out->rows++;
  if (k->table.row.count != (int)k->table.field_column.count) {
    status = note(k, ragged, LEAT_ANOMALY_RAGGED_ROW, -1, (leat_str){0});
    if (ragged->count == 1)
      snprintf(ragged->expected, sizeof ragged->expected, "%d fields, expected %zu",
               k->table.row.count, k->table.field_column.count);
  }
  for (size_t i = 0; !status && i < k->schema->columns.count; i++) {
    checked_column *c = &k->columns[i];
    if (c->column < 0) continue;
    leat_str text = k->table.values[c->column];
    leat_anomaly_kind kind = judge(c, text);
    c->present += kind != LEAT_ANOMALY_MISSING_VALUE;
    if (kind) status = note(k, &c->found[kind], kind, c->column, text);
  }
  return status;
}

// --- Before and after the pass ------------------------------------------------------------------
static leat_status open_table(checker *k, const char *const *paths, size_t count) {
  const leat_schema *s = k->schema;
  leat_str *names = leat__calloc(s->columns.count + 1, sizeof *names);
  if (!names) return leat__oom(k->err, sizeof *names);
  for (size_t i = 0; i < s->columns.count; i++) names[i] = s->columns.at[i].name;
  leat_table_options o = {.delimiter = s->delimiter ? s->delimiter : ',',
                          .comment = s->comment,
                          .header = s->header ? LEAT_HEADER_YES : LEAT_HEADER_NO,
                          .names = names,
                          .name_count = s->header ? 0 : (int)s->columns.count};
  leat_status status = leat_table_open(&k->table, paths, count, &o, k->err);
  leat__free(names);
  return status;
}

static leat_status add_anomaly(checker *k, leat_anomaly a) {
  return leat_vec_push(&k->out->list, a) ? LEAT_OK : leat__oom(k->err, sizeof a);
}

static leat_status match_columns(checker *k) {
  const leat_schema *s = k->schema;
  leat_status status = LEAT_OK;
  k->columns = leat__calloc(s->columns.count + 1, sizeof *k->columns);
  if (!k->columns) return leat__oom(k->err, sizeof *k->columns);
  for (size_t i = 0; !status && i < s->columns.count; i++) {
    checked_column *c = &k->columns[i];
    c->schema = &s->columns.at[i];
    c->column = leat_table_column(&k->table, c->schema->name);
    for (size_t w = 0; w < c->schema->values.count; w++)
      if (!leat_map_insert(&c->domain, c->schema->values.at[w], NULL)) return leat__oom(k->err, 1);
    if (c->column < 0)
      status = add_anomaly(
          k, (leat_anomaly){.kind = LEAT_ANOMALY_MISSING_COLUMN, .column = c->schema->name});
  }
  for (size_t i = 0; !status && i < k->table.names.count; i++) {
    bool found = false;
    leat_anomaly a = {.kind = LEAT_ANOMALY_NEW_COLUMN};
    for (size_t j = 0; j < s->columns.count; j++) found |= k->columns[j].column == (int)i;
    if (!found) status = copy_text(k, k->table.names.at[i], &a.column);
    if (!found && !status) status = add_anomaly(k, a);
  }
  return status;
}

static void describe(const leat_schema_column *s, leat_anomaly *a) {
  leat_buf text = {0};
  bool date = s->type == LEAT_COLUMN_DATE;
  if (a->kind == LEAT_ANOMALY_WRONG_TYPE)
    leat_buf_fmt(&text, "%s expected", leat_column_type_names[s->type]);
  else if (a->kind == LEAT_ANOMALY_UNKNOWN_VALUE)
    leat_buf_fmt(&text, "one of %zu values expected", s->values.count);
  else if (a->kind == LEAT_ANOMALY_MISSING_VALUE)
    leat_buf_fmt(&text, "a value in at least %.4g %% of the rows expected", s->presence * 100);
  else if (date) {
    leat_format_date(s->least, &text);
    leat_buf_c(&text, " to ");
    leat_format_date(s->greatest, &text);
    leat_buf_c(&text, " expected");
  } else
    leat_buf_fmt(&text, "%.9g to %.9g expected", s->least, s->greatest);
  snprintf(a->expected, sizeof a->expected, "%s", text.ptr ? text.ptr : "");
  leat_buf_deinit(&text);
}

static leat_status collect(checker *k, const leat_anomaly *ragged) {
  leat_status status = ragged->count ? add_anomaly(k, *ragged) : LEAT_OK;
  for (size_t i = 0; !status && i < k->schema->columns.count; i++) {
    checked_column *c = &k->columns[i];
    double rows = (double)k->out->rows,
           unknown = (double)c->found[LEAT_ANOMALY_UNKNOWN_VALUE].count;
    if ((double)c->present >= c->schema->presence * rows)
      c->found[LEAT_ANOMALY_MISSING_VALUE].count = 0;
    if (c->present && 1 - unknown / (double)c->present >= c->schema->domain_mass)
      c->found[LEAT_ANOMALY_UNKNOWN_VALUE].count = 0;
    for (int kind = 0; !status && kind < LEAT_ANOMALY_KINDS; kind++) {
      if (!c->found[kind].count) continue;
      c->found[kind].column = c->schema->name;
      describe(c->schema, &c->found[kind]);
      status = add_anomaly(k, c->found[kind]);
    }
  }
  return status;
}

leat_status leat_schema_validate(const leat_schema *schema, const char *const *paths, size_t count,
                                 leat_anomalies *out, leat_error *err) {
  checker k = {.schema = schema, .out = out, .err = err};
  leat_anomaly ragged = {0};
  bool ended = false;
  *out = (leat_anomalies){0};
  leat_status status = open_table(&k, paths, count);
  if (!status) status = match_columns(&k);
  while (!status && !(status = leat_table_next(&k.table, &ended, err)) && !ended)
    status = check_row(&k, &ragged);
  if (!status) status = collect(&k, &ragged);
  for (size_t i = 0; k.columns && i < schema->columns.count; i++)
    leat_map_deinit(&k.columns[i].domain);
  leat__free(k.columns);
  leat_table_close(&k.table);
  if (status) leat_anomalies_deinit(out);
  return status;
}

void leat_anomalies_deinit(leat_anomalies *a) {
  leat_vec_deinit(&a->list);
  leat_arena_deinit(&a->arena);
}
