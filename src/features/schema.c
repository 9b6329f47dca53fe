// Schemas: inferred from statistics, written as YAML or JSON, read with the place of each mistake.
// SPDX-License-Identifier: Apache-2.0
#include "features/schema.h"

#include "base/file.h"
#include "formats/json.h"
#include "formats/number.h"
#include "formats/yaml.h"

#include <math.h>
#include <stdlib.h>

static bool keep_str(leat_schema *s, leat_str from, leat_str *to) {
  *to = (leat_str){leat_arena_str(&s->arena, from), from.len};
  return to->ptr != NULL;
}

// --- Inference ----------------------------------------------------------------------------------
static leat_status infer_domain(leat_schema *s, const leat_column_stats *from, int64_t most,
                                leat_schema_column *c, leat_error *err) {
  leat_word_counts words = {0};
  int64_t present = leat_column_stats_present(from);
  if (from->streaming || from->distinct > (double)most || from->distinct * 2 > (double)present)
    return LEAT_OK;
  leat_status status = leat_counts_read(&from->words, 0, 0, false, &words, err);
  for (size_t i = 0; !status && i < words.count; i++) {
    double number;
    leat_str kept;
    if (leat_text_kind_of(words.at[i].word, &number) == LEAT_TEXT_MISSING) continue;
    if (!keep_str(s, words.at[i].word, &kept) || !leat_vec_push(&c->values, kept))
      status = leat__oom(err, kept.len);
  }
  leat_vec_deinit(&words);
  return status;
}

leat_status leat_schema_infer(leat_schema *s, const leat_statistics *from, int64_t most,
                              leat_error *err) {
  *s = (leat_schema){.header = from->table.header && !from->table.by_place,
                     .delimiter = from->table.delimiter,
                     .comment = from->table.comment};
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < from->table.names.count; i++) {
    const leat_column_stats *stats = &from->columns[i];
    leat_schema_column c = {.type = stats->type, .order = stats->order, .domain_mass = 1};
    double share = stats->rows ? (double)leat_column_stats_present(stats) / (double)stats->rows : 0;
    c.presence = floor(share * 10) / 10;  // some play for the next set
    if (leat_column_stats_is_number(stats)) {
      c.has_range = true;
      c.least = stats->numbers.least;
      c.greatest = stats->numbers.greatest;
    }
    if (!keep_str(s, stats->name, &c.name)) status = leat__oom(err, stats->name.len);
    if (!status && stats->type == LEAT_COLUMN_STRING)
      status = infer_domain(s, stats, most ? most : 100, &c, err);
    if (!leat_vec_push(&s->columns, c)) {
      leat_vec_deinit(&c.values);
      status = leat__oom(err, sizeof c);
    }
  }
  if (status) leat_schema_deinit(s);
  return status;
}

void leat_schema_deinit(leat_schema *s) {
  for (size_t i = 0; i < s->columns.count; i++) leat_vec_deinit(&s->columns.at[i].values);
  leat_vec_deinit(&s->columns);
  leat_arena_deinit(&s->arena);
}

// --- Writing ------------------------------------------------------------------------------------
static void put_bound(leat_json_writer *w, const leat_schema_column *c, const char *key,
                      double value) {
  leat_json_key(w, leat_str_of(key));
  if (c->type != LEAT_COLUMN_DATE) return leat_json_f64(w, value);
  leat_buf text = {0};
  leat_format_date(value, &text);
  leat_json_string(w, leat_buf_view(&text));
  leat_buf_deinit(&text);
}

static void put_column(leat_json_writer *w, const leat_schema_column *c) {
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("type"));
  leat_json_string(w, leat_str_of(leat_column_type_names[c->type]));
  if (c->type == LEAT_COLUMN_DATE) {
    leat_json_key(w, LEAT_STR("order"));
    leat_json_string(w, leat_str_of(leat_date_order_names[c->order]));
  }
  leat_json_key(w, LEAT_STR("presence"));
  leat_json_f64(w, c->presence);
  if (c->has_range) put_bound(w, c, "min", c->least), put_bound(w, c, "max", c->greatest);
  if (c->values.count) {
    leat_json_key(w, LEAT_STR("values"));
    leat_json_open(w, '[');
    for (size_t i = 0; i < c->values.count; i++) leat_json_string(w, c->values.at[i]);
    leat_json_close(w, ']');
    if (c->domain_mass < 1) {
      leat_json_key(w, LEAT_STR("domain_mass"));
      leat_json_f64(w, c->domain_mass);
    }
  }
  leat_json_close(w, '}');
}

static void put_char(leat_json_writer *w, const char *key, char c) {
  if (!c) return;
  leat_json_key(w, leat_str_of(key));
  leat_json_string(w, (leat_str){&c, 1});
}

static void put_csv(leat_json_writer *w, const leat_schema *s) {
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("header"));
  leat_json_bool(w, s->header);
  put_char(w, "delimiter", s->delimiter);
  put_char(w, "comment", s->comment);
  leat_json_close(w, '}');
}

leat_status leat_schema_write(const leat_schema *s, bool json, leat_buf *out, leat_error *err) {
  leat_json_writer w = {.out = out};
  if (json) {
    leat_json_open(&w, '{');
    leat_json_key(&w, LEAT_STR("csv"));
    put_csv(&w, s);
    leat_json_key(&w, LEAT_STR("columns"));
    leat_json_open(&w, '{');
    for (size_t i = 0; i < s->columns.count; i++) {
      leat_json_key(&w, s->columns.at[i].name);
      put_column(&w, &s->columns.at[i]);
    }
    leat_json_close(&w, '}');
    leat_json_close(&w, '}');
    leat_buf_char(out, '\n');
    return leat_buf_status(out, err);
  }
  leat_buf_c(
      out,
      "# What the columns of a table hold (leat data schema; leat data validate checks).\ncsv: ");
  put_csv(&w, s);
  leat_buf_c(out, "\ncolumns:\n");
  for (size_t i = 0; i < s->columns.count; i++) {
    leat_json_writer line = {.out = out};
    leat_buf_c(out, "  ");
    leat_json_quote(out, s->columns.at[i].name);
    leat_buf_c(out, ": ");
    put_column(&line, &s->columns.at[i]);
    leat_buf_char(out, '\n');
  }
  return leat_buf_status(out, err);
}

// --- Reading ------------------------------------------------------------------------------------
typedef struct reader {
  leat_schema *s;
  leat_yaml yaml;
  leat_error *err;
} reader;

static leat_status unknown_field(reader *r, const leat_yaml_node *key, const leat_str *known,
                                 size_t count) {
  leat_str nearest = leat_str_nearest(key->text, known, count);
  if (!nearest.len)
    return leat_yaml_fail(&r->yaml, key, r->err, "no field '" LEAT_STR_FMT "'",
                          LEAT_STR_ARG(key->text));
  return leat_yaml_fail(&r->yaml, key, r->err,
                        "no field '" LEAT_STR_FMT "'; did you mean '" LEAT_STR_FMT "'?",
                        LEAT_STR_ARG(key->text), LEAT_STR_ARG(nearest));
}

static int which_name(leat_str text, const char *const *names, int count) {
  for (int i = 0; i < count; i++)
    if (leat_str_eq(text, leat_str_of(names[i]))) return i;
  return -1;
}

static leat_status read_type(reader *r, const leat_yaml_node *node, leat_schema_column *c) {
  int type = which_name(node->text, leat_column_type_names, LEAT_COLUMN_TYPES);
  if (type < 0)
    return leat_yaml_fail(&r->yaml, node, r->err,
                          "'" LEAT_STR_FMT "' is not one of int, float, date, string, empty",
                          LEAT_STR_ARG(node->text));
  return c->type = (leat_column_type)type, LEAT_OK;
}

static leat_status read_bound(reader *r, const leat_yaml_node *node, double *out) {
  if (leat_parse_date(node->text, LEAT_DATE_YMD, out)) return LEAT_OK;
  return leat_yaml_f64(&r->yaml, node, out, r->err);
}

static leat_status read_values(reader *r, const leat_yaml_node *node, leat_schema_column *c) {
  if (node->kind != LEAT_YAML_SEQUENCE)
    return leat_yaml_fail(&r->yaml, node, r->err, "values: a list was expected");
  for (size_t i = 0; i < node->count; i++) {
    leat_str text, kept;
    leat_status status = leat_yaml_str(&r->yaml, node->items[i], &text, r->err);
    if (status) return status;
    if (!keep_str(r->s, text, &kept) || !leat_vec_push(&c->values, kept))
      return leat__oom(r->err, text.len);
  }
  return LEAT_OK;
}

static leat_status read_share(reader *r, const leat_yaml_node *node, double *out) {
  leat_status status = leat_yaml_f64(&r->yaml, node, out, r->err);
  if (status || (*out >= 0 && *out <= 1)) return status;
  return leat_yaml_fail(&r->yaml, node, r->err, "a share from 0 to 1 was expected");
}

static leat_status read_column(reader *r, const leat_yaml_node *key, const leat_yaml_node *node,
                               leat_schema_column *c) {
  static const leat_str known[] = {{"type", 4}, {"order", 5},  {"presence", 8},    {"min", 3},
                                   {"max", 3},  {"values", 6}, {"domain_mass", 11}};
  *c = (leat_schema_column){.domain_mass = 1, .least = -INFINITY, .greatest = INFINITY};
  if (!keep_str(r->s, key->text, &c->name)) return leat__oom(r->err, key->text.len);
  if (node->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(&r->yaml, node, r->err, "{type: ...} was expected");
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < node->count; i++) {
    const leat_yaml_node *value = node->items[i];
    int which = -1;
    for (int k = 0; k < 7; k++)
      if (leat_str_eq(node->keys[i]->text, known[k])) which = k;
    switch (which) {
      case 0: status = read_type(r, value, c); break;
      case 1: {
        int order = which_name(value->text, leat_date_order_names, LEAT_DATE_ORDERS);
        c->order = (leat_date_order)order;
        if (order < 0)
          status = leat_yaml_fail(&r->yaml, value, r->err, "ymd, dmy or mdy was expected");
        break;
      }
      case 2: status = read_share(r, value, &c->presence); break;
      case 3: c->has_range = true, status = read_bound(r, value, &c->least); break;
      case 4: c->has_range = true, status = read_bound(r, value, &c->greatest); break;
      case 5: status = read_values(r, value, c); break;
      case 6: status = read_share(r, value, &c->domain_mass); break;
      default: status = unknown_field(r, node->keys[i], known, 7);
    }
  }
  return status;
}

static leat_status read_csv(reader *r, const leat_yaml_node *csv) {
  static const leat_str known[] = {{"header", 6}, {"delimiter", 9}, {"comment", 7}};
  for (size_t i = 0; csv && i < csv->count; i++) {
    const leat_yaml_node *value = csv->items[i];
    leat_status status = LEAT_OK;
    if (leat_str_eq(csv->keys[i]->text, known[0]))
      status = leat_yaml_bool(&r->yaml, value, &r->s->header, r->err);
    else if (!leat_str_eq(csv->keys[i]->text, known[1]) &&
             !leat_str_eq(csv->keys[i]->text, known[2]))
      status = unknown_field(r, csv->keys[i], known, 3);
    else if (value->kind != LEAT_YAML_SCALAR || value->text.len != 1)
      status = leat_yaml_fail(&r->yaml, value, r->err, "one character was expected");
    else
      *(leat_str_eq(csv->keys[i]->text, known[1]) ? &r->s->delimiter : &r->s->comment) =
          value->text.ptr[0];
    if (status) return status;
  }
  return LEAT_OK;
}

static leat_status read_root(reader *r) {
  static const leat_str known[] = {{"csv", 3}, {"columns", 7}};
  const leat_yaml_node *root = r->yaml.root, *columns = leat_yaml_get(root, "columns");
  if (!columns || columns->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(&r->yaml, columns ? columns : root, r->err,
                          "a schema has 'columns', a mapping");
  for (size_t i = 0; i < root->count; i++)
    if (!leat_str_eq(root->keys[i]->text, known[0]) && !leat_str_eq(root->keys[i]->text, known[1]))
      return unknown_field(r, root->keys[i], known, 2);
  leat_status status = read_csv(r, leat_yaml_get(root, "csv"));
  for (size_t i = 0; !status && i < columns->count; i++) {
    leat_schema_column c;
    status = read_column(r, columns->keys[i], columns->items[i], &c);
    if (leat_vec_push(&r->s->columns, c)) continue;
    leat_vec_deinit(&c.values);
    if (!status) status = leat__oom(r->err, sizeof c);
  }
  return status;
}

leat_status leat_schema_read(leat_schema *s, const char *path, leat_error *err) {
  leat_buf text = {0};
  reader r = {.s = s, .err = err};
  *s = (leat_schema){.header = true};
  leat_status status = leat_file_read(path, 1 << 28, &text, err);
  if (!status) status = leat_yaml_parse(&r.yaml, leat_buf_view(&text), path, err);
  if (!status) {
    status = read_root(&r);
    leat_yaml_deinit(&r.yaml);
  }
  leat_buf_deinit(&text);
  if (status) leat_schema_deinit(s);
  return status;
}
