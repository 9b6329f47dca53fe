// ReadFromCsv, ReadFromText: rows out of lines, as columns at once.
// SPDX-License-Identifier: Apache-2.0
//
//   path: FILES                        a glob, or - for standard input
//   schema: {ts: int64, key: string}   types by column; default: from the first rows. int64? may be
//                                      empty
//   delimiter, header                  "," and true
//   timestamp: {field: ts, unit: ms, out_of_orderness: 5s}
//   error_handling: {output: errors}   rows that do not parse go there: {source, offset, message,
//                                      record}
//
// Numbers without quotes are read in place; what is not plain (quotes, spaces, signs of fractions)
// goes the long way, field by field.
#include "flow/op.h"
#include "flow/scan.h"
#include "flow/text_op.h"
#include "formats/date.h"
#include "formats/number.h"

#include <math.h>
#include <string.h>

enum { COLUMNS = 256, SNIFF = 64 << 10 };

typedef struct plan {
  leat_flow_files *files;
  const leat_flow_schema *schema;
  char delimiter;
  bool header, text;  // text: ReadFromText
  bool in_order;      // columns are the schema's fields, in its order
  leat_flow_times times;
  const int *column_field;  // by column of the files; -1: read over
  int columns;
  const leat_flow_schema *error_schema;  // NULL: an error ends the run
} plan;

// --- Fields of a line ---------------------------------------------------------------------------
// Cuts a field off, unquoted into `scratch` where it has quotes. *more: another one follows.
static leat_str take_field(const char **at, const char *end, char delimiter, leat_buf *scratch,
                           bool *more) {
  const char *p = *at;
  leat_str out;
  if (p < end && *p == '"') {
    size_t start = scratch->len;
    for (p++; p < end; p++) {
      if (*p != '"')
        leat_buf_char(scratch, *p);
      else if (p + 1 < end && p[1] == '"')
        leat_buf_char(scratch, *p++);
      else
        break;
    }
    if (p < end) p++;
    while (p < end && *p != delimiter) leat_buf_char(scratch, *p++);
    out = (leat_str){scratch->ptr ? scratch->ptr + start : "", scratch->len - start};
  } else {
    while (p < end && *p != delimiter) p++;
    out = (leat_str){*at, (size_t)(p - *at)};
  }
  *more = p < end;
  *at = p + *more;
  return out;
}

static const char *line_behind(const char *p, const char *end, bool quotes) {
  bool inside = false;
  if (!quotes) {
    p = memchr(p, '\n', (size_t)(end - p));
    return p ? p : end;
  }
  for (; p < end && (*p != '\n' || inside); p++)
    if (*p == '"') inside = !inside;
  return p;
}

static leat_str one_line(const char **at, const char *end, bool quotes) {
  const char *stop = line_behind(*at, end, quotes);
  leat_str line = {*at, (size_t)(stop - *at)};
  if (line.len && line.ptr[line.len - 1] == '\r') line.len--;
  *at = stop < end ? stop + 1 : end;
  return line;
}

// --- Schema -------------------------------------------------------------------------------------
static leat_status read_type(const leat_flow_transform *t, const leat_yaml_node *node,
                             leat_flow_field *out, leat_error *err) {
  static const struct {
    const char *name;
    leat_flow_type type;
  } names[] = {{"bool", LEAT_FLOW_TYPE_BOOL},          {"boolean", LEAT_FLOW_TYPE_BOOL},
               {"int32", LEAT_FLOW_TYPE_INT32},        {"int64", LEAT_FLOW_TYPE_INT64},
               {"integer", LEAT_FLOW_TYPE_INT64},      {"int", LEAT_FLOW_TYPE_INT64},
               {"float", LEAT_FLOW_TYPE_FLOAT},        {"double", LEAT_FLOW_TYPE_DOUBLE},
               {"number", LEAT_FLOW_TYPE_DOUBLE},      {"string", LEAT_FLOW_TYPE_STRING},
               {"str", LEAT_FLOW_TYPE_STRING},         {"bytes", LEAT_FLOW_TYPE_BYTES},
               {"timestamp", LEAT_FLOW_TYPE_TIMESTAMP}};
  leat_str name = node->text;
  out->nullable = leat_str_ends(name, LEAT_STR("?"));
  name.len -= out->nullable;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (node->kind == LEAT_YAML_SCALAR && leat_str_eq(name, leat_str_of(names[i].name)))
      return out->type = names[i].type, LEAT_OK;
  return leat_flow_fail(t, node, err,
                        "expected a type: bool, int32, int64, float, double, string, bytes or "
                        "timestamp, with ? where it may be missing");
}

static void infer(leat_flow_field *f, leat_str value, bool *any) {
  int64_t whole;
  double real;
  if (!value.len) {
    f->nullable = true;
    return;
  }
  leat_flow_type type = leat_parse_i64(value, &whole)  ? LEAT_FLOW_TYPE_INT64
                        : leat_parse_f64(value, &real) ? LEAT_FLOW_TYPE_DOUBLE
                                                       : LEAT_FLOW_TYPE_STRING;
  if (!*any || type > f->type) f->type = type == LEAT_FLOW_TYPE_STRING ? type : type;
  *any = true;
}

// Names and types of the columns, by the start of the first file.
static leat_status sniff(leat_flow *flow, const leat_flow_transform *t, plan *p,
                         leat_flow_field *fields, leat_error *err) {
  const char *path = leat_flow_files_path(p->files, 0);
  leat_buf scratch = {0};
  leat_flow_lines *lines = NULL;
  leat_flow_piece piece = {.text = LEAT_STR("")};
  bool ended = false, any[COLUMNS] = {false};
  if (!leat_flow_files_count(p->files))
    return leat_flow_fail(t, NULL, err, "no file is there yet: say schema: {FIELD: TYPE, ...}");
  if (!strcmp(path, "-"))
    return leat_flow_fail(t, NULL, err, "standard input wants a schema: {FIELD: TYPE, ...}");
  leat_status status = leat_flow_lines_new(&lines, p->files, 0, 1, err);
  while (!status && !ended && !piece.text.len)
    status = leat_flow_lines_next(lines, &piece, &ended, err);
  const char *at = piece.text.ptr, *end = at + piece.text.len;
  if (piece.text.len > SNIFF) end = at + SNIFF;
  if (piece.text.len >= 3 && !memcmp(at, "\xEF\xBB\xBF", 3)) at += 3;
  for (int row = 0; !status && at && at < end && row < 1000; row++) {
    leat_str line = one_line(&at, end, true);
    const char *q = line.ptr;
    bool more = true;
    if (row && at >= end && piece.text.len > SNIFF) break;  // cut short
    for (int c = 0; more && (line.len || !row) && c < COLUMNS; c++) {
      leat_str value = take_field(&q, line.ptr + line.len, p->delimiter, &scratch, &more);
      if (row && c >= p->columns) break;
      if (row) infer(&fields[c], value, &any[c]);
      if (row) continue;
      char made[32];
      p->columns = c + 1;
      if (!p->header)
        value = (leat_str){made, (size_t)snprintf(made, sizeof made, "column_%d", c + 1)};
      fields[c] = (leat_flow_field){.name = {leat_arena_str(&flow->arena, value), value.len},
                                    .type = LEAT_FLOW_TYPE_STRING};
      if (!fields[c].name.ptr) status = leat__oom(err, value.len);
    }
    if (!row && !p->header) at = piece.text.ptr;  // again, as values
  }
  // Text may be empty without being missing.
  for (int c = 0; c < p->columns; c++)
    if (fields[c].type == LEAT_FLOW_TYPE_STRING) fields[c].nullable = false;
  leat_buf_deinit(&scratch);
  leat_flow_lines_free(lines);
  if (!status && !p->columns) status = leat_flow_fail(t, NULL, err, "%s is empty", path);
  return status;
}

// Which column each field of the given schema is; columns that it does not name are read over.
static leat_status match(leat_flow *flow, const leat_flow_transform *t, plan *p,
                         const leat_yaml_node *node, leat_flow_field *found, int *column_field,
                         leat_flow_schema *out, leat_error *err) {
  leat_flow_field *fields = leat_arena_alloc(&flow->arena, (node->count + 1) * sizeof *fields);
  leat_flow_schema there = {found, p->columns};
  if (!fields) return leat__oom(err, sizeof *fields);
  for (int c = 0; c < p->columns; c++) column_field[c] = -1;
  for (size_t i = 0; i < node->count; i++) {
    int c = p->header && !p->in_order ? leat_flow_schema_find(&there, node->keys[i]->text) : (int)i;
    if (c < 0) return leat_flow_no_field(t, &there, node->keys[i], node->keys[i]->text, err);
    fields[i].name = node->keys[i]->text;
    leat_status status = read_type(t, node->items[i], &fields[i], err);
    if (status) return status;
    column_field[c] = (int)i;
  }
  *out = (leat_flow_schema){fields, (int)node->count};
  return LEAT_OK;
}

static leat_status read_schema(leat_flow *flow, const leat_flow_transform *t, plan *p,
                               leat_error *err) {
  const leat_yaml_node *node = t->config ? leat_yaml_get(t->config, "schema") : NULL;
  leat_flow_schema *schema = leat_arena_alloc(&flow->arena, sizeof *schema);
  leat_flow_field *found = leat_arena_alloc(&flow->arena, COLUMNS * sizeof *found);
  int *column_field = leat_arena_alloc(&flow->arena, COLUMNS * sizeof *column_field);
  leat_status status = LEAT_OK;
  if (!schema || !found || !column_field) return leat__oom(err, COLUMNS * sizeof *found);
  p->schema = schema;
  p->column_field = column_field;
  if (node && (node->kind != LEAT_YAML_MAPPING || node->count > COLUMNS))
    return leat_flow_fail(t, node, err, "expected schema: {FIELD: TYPE, ...}");
  bool unseen = !leat_flow_files_count(p->files) || !strcmp(leat_flow_files_path(p->files, 0), "-");
  p->in_order = node && (!p->header || unseen);
  if (!p->in_order) status = sniff(flow, t, p, found, err);
  if (status) return status;
  if (p->in_order) p->columns = (int)node->count;
  if (node) return match(flow, t, p, node, found, column_field, schema, err);
  for (int c = 0; c < p->columns; c++) column_field[c] = c;
  *schema = (leat_flow_schema){found, p->columns};
  return LEAT_OK;
}

// --- Config -------------------------------------------------------------------------------------
static leat_status open_files(leat_flow *flow, leat_flow_transform *t, bool quotes,
                              leat_error *err) {
  plan *p = t->plan = leat_arena_alloc(&flow->arena, sizeof *p);
  return p ? leat_flow_source_files(flow, t, quotes, &p->files, err) : leat__oom(err, sizeof *p);
}

static leat_status csv_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  leat_status status = open_files(flow, t, true, err);
  plan *p = t->plan;
  if (status) return status;
  const leat_yaml_node *delimiter = leat_yaml_get(t->config, "delimiter"),
                       *header = leat_yaml_get(t->config, "header");
  p->delimiter = ',';
  p->header = true;
  if (delimiter && leat_str_eq(delimiter->text, LEAT_STR("\\t"))) {
    p->delimiter = '\t';
  } else if (delimiter) {
    if (delimiter->text.len != 1)
      return leat_flow_fail(t, delimiter, err, "a delimiter is one character");
    p->delimiter = delimiter->text.ptr[0];
  }
  if (header) status = leat_yaml_bool(t->yaml, header, &p->header, err);
  if (!status) status = read_schema(flow, t, p, err);
  if (!status) status = leat_flow_times_read(t, p->schema, &p->times, err);
  if (status) return status;
  return leat_flow_source_outputs(flow, t, p->schema, !leat_flow_files_watched(p->files),
                                  &p->error_schema, err);
}

static const leat_flow_field text_fields[] = {{.name = {"line", 4}, .type = LEAT_FLOW_TYPE_STRING}};
static const leat_flow_schema text_schema = {text_fields, 1};

static leat_status text_apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  static const int first[] = {0};
  leat_status status = open_files(flow, t, false, err);
  plan *p = t->plan;
  if (status) return status;
  p->text = true;
  p->schema = &text_schema;
  p->columns = 1;
  p->column_field = first;
  p->times.field = -1;
  return leat_flow_source_outputs(flow, t, p->schema, !leat_flow_files_watched(p->files),
                                  &p->error_schema, err);
}

static void csv_stop(leat_flow_transform *t) {
  plan *p = t->plan;
  if (p) leat_flow_files_free(p->files);
}

// --- Batches ------------------------------------------------------------------------------------
typedef struct csv_op {
  leat_flow_text_op in;
  leat_buf scratch;
} csv_op;

typedef struct target {  // a column being filled
  leat_flow_type type;
  bool nullable;
  char *values;
  int32_t *ends;
  char *bytes;
  size_t len;
  uint8_t *validity;
} target;

typedef struct filling {
  const plan *p;
  leat_flow_batch *batch;
  target to[COLUMNS];
  int rows;
} filling;

static bool fill_start(filling *f, const plan *p, size_t text) {
  *f = (filling){.p = p, .batch = leat_flow_batch_new(p->schema, LEAT_FLOW_BATCH_ROWS)};
  leat_flow_block *block = f->batch ? leat_flow_block_new() : NULL;
  size_t rows = LEAT_FLOW_BATCH_ROWS;
  bool good = block != NULL;
  for (int i = 0; good && i < p->schema->count; i++) {
    const leat_flow_field *field = &p->schema->fields[i];
    target *to = &f->to[i];
    *to = (target){.type = field->type, .nullable = field->nullable};
    leat_flow_column *c = &f->batch->columns[i];
    c->owner = leat_flow_block_ref(block);
    size_t size = leat_flow_type_bytes(field->type);
    bool words = field->type == LEAT_FLOW_TYPE_STRING || field->type == LEAT_FLOW_TYPE_BYTES;
    to->values = leat_flow_block_alloc(block, words  ? (rows + 1) * 4
                                              : size ? rows * size
                                                     : rows / 8);
    if (words) to->bytes = leat_flow_block_alloc(block, text);
    if (field->nullable) to->validity = leat_flow_block_alloc(block, rows / 8);
    good = to->values && (!words || to->bytes) && (!field->nullable || to->validity);
    if (!good) break;
    to->ends = (int32_t *)(void *)to->values;
    if (words) to->ends[0] = 0;
    if (!size && !words) memset(to->values, 0, rows / 8);
    if (to->validity) memset(to->validity, 0xFF, rows / 8);
    c->values = to->values, c->bytes = to->bytes, c->validity = to->validity;
  }
  leat_flow_block_unref(block);
  return good;
}

static bool put_missing(filling *f, target *to) {
  if (!to->nullable) return false;
  to->validity[f->rows >> 3] &= (uint8_t) ~(1u << (f->rows & 7));
  if (to->bytes) to->ends[f->rows + 1] = (int32_t)to->len;
  size_t size = leat_flow_type_bytes(to->type);
  if (size) memset(to->values + (size_t)f->rows * size, 0, size);
  return true;
}

static bool to_bool(leat_str value, bool *out) {
  static const char *const words[] = {"false", "true", "False", "True", "FALSE", "TRUE", "0", "1"};
  for (int i = 0; i < 8; i++)
    if (leat_str_eq(value, leat_str_of(words[i]))) return *out = i & 1, true;
  return false;
}

static bool put_number(filling *f, target *to, leat_str value) {
  int64_t whole;
  double real;
  float single;
  bool yes;
  switch (to->type) {
    case LEAT_FLOW_TYPE_BOOL:
      if (!to_bool(value, &yes)) return false;
      ((uint8_t *)to->values)[f->rows >> 3] &= (uint8_t) ~(1u << (f->rows & 7));
      ((uint8_t *)to->values)[f->rows >> 3] |= (uint8_t)((unsigned)yes << (f->rows & 7));
      return true;
    case LEAT_FLOW_TYPE_INT32:
      if (!leat_parse_i64(value, &whole) || whole < INT32_MIN || whole > INT32_MAX) return false;
      return to->ends[f->rows] = (int32_t)whole, true;
    case LEAT_FLOW_TYPE_FLOAT:
      if (!leat_parse_f32(value, &single)) return false;
      return memcpy(to->values + (size_t)f->rows * 4, &single, 4), true;
    case LEAT_FLOW_TYPE_DOUBLE:
      if (!leat_parse_f64(value, &real)) return false;
      return memcpy(to->values + (size_t)f->rows * 8, &real, 8), true;
    case LEAT_FLOW_TYPE_TIMESTAMP:
      if (leat_parse_date(value, LEAT_DATE_YMD, &real)) {
        whole = llround(real * 86400000);
        return memcpy(to->values + (size_t)f->rows * 8, &whole, 8), true;
      }
      break;
    default: break;
  }
  if (!leat_parse_i64(value, &whole)) return false;
  return memcpy(to->values + (size_t)f->rows * 8, &whole, 8), true;
}

static bool put_text(filling *f, target *to, leat_str value) {
  if (!to->bytes) {
    if (!value.len) return put_missing(f, to);
    return put_number(f, to, leat_str_strip(value, LEAT_STR(" \t")));
  }
  if (!value.len && to->nullable) return put_missing(f, to);
  memcpy(to->bytes + to->len, value.ptr, value.len);
  to->len += value.len;
  to->ends[f->rows + 1] = (int32_t)to->len;
  return true;
}

typedef struct scan {  // over the delimiters and line ends of a text
  const char *from;    // bit 0 of the mask
  uint64_t mask;
  char delimiter;
} scan;

// The next one; it may lie behind the end, where zeros are.
static inline const char *scan_next(scan *s, const char *end) {
  while (!s->mask) {
    s->from += 64;
    if (s->from >= end) return end;
    s->mask = leat_flow_find_two(s->from, s->delimiter, '\n');
  }
  const char *at = s->from + __builtin_ctzll(s->mask);
  s->mask &= s->mask - 1;
  return at;
}

static inline bool plain_int(const char *p, size_t count, int64_t *out) {
  bool negative = *p == '-';
  uint64_t value = 0;
  p += negative, count -= negative;
  if (count - 1 >= 16) return false;
  if (count > 8) {
    if (!leat_few_digits(p, 8, &value)) return false;
    p += 8, count -= 8;
  }
  if (!leat_few_digits(p, (long)count, &value)) return false;
  return *out = negative ? -(int64_t)value : (int64_t)value, true;
}

static inline bool plain_field(filling *f, target *to, const char *p, size_t count) {
  int64_t whole;
  if (to->type == LEAT_FLOW_TYPE_INT64 && plain_int(p, count, &whole))
    return ((int64_t *)(void *)to->values)[f->rows] = whole, true;
  if (to->type != LEAT_FLOW_TYPE_STRING || !count || count > 16)
    return put_text(f, to, (leat_str){p, count});
  memcpy(to->bytes + to->len, p, 16);
  to->len += count;
  to->ends[f->rows + 1] = (int32_t)to->len;
  return true;
}

// The fast way: a line of plain fields, right at p. NULL: it is not such a line.
static inline const char *plain_line(filling *f, scan *s, const char *p, const char *end) {
  for (int c = 0; c < f->p->columns; c++) {
    const char *stop = scan_next(s, end);
    if (*stop != (c + 1 < f->p->columns ? s->delimiter : '\n') || *p == '"' ||
        (c + 1 == f->p->columns && stop > p && stop[-1] == '\r'))
      return NULL;
    int field = f->p->column_field[c];
    if (field >= 0 && !plain_field(f, &f->to[field], p, (size_t)(stop - p))) return NULL;
    p = stop + 1;
  }
  return p <= end ? p : NULL;
}

// The long way. NULL: the row is in; else what is wrong with it.
static const char *any_line(csv_op *s, filling *f, leat_str line, char *why, size_t size) {
  const plan *p = f->p;
  const char *at = line.ptr, *end = at + line.len;
  bool more = true;
  int c = 0;
  leat_buf_clear(&s->scratch);
  leat_buf_reserve(&s->scratch, line.len + 1);
  for (; more && c < p->columns; c++) {
    leat_str value = take_field(&at, end, p->delimiter, &s->scratch, &more);
    int field = p->column_field[c];
    if (field < 0 || put_text(f, &f->to[field], value)) continue;
    const leat_flow_field *to = &p->schema->fields[field];
    snprintf(why, size, "field '" LEAT_STR_FMT "': '%.*s' is not %s", LEAT_STR_ARG(to->name),
             (int)(value.len < 40 ? value.len : 40), value.ptr, leat_flow_type_name(to->type));
    return why;
  }
  if (c == p->columns && !more) return NULL;
  snprintf(why, size, "%s fields than %d", more ? "more" : "fewer", p->columns);
  return why;
}

// --- Reading ------------------------------------------------------------------------------------
static void scan_from(scan *s, const char *p, const char *end) {
  s->from = p;
  s->mask = p < end ? leat_flow_find_two(p, s->delimiter, '\n') : 0;
}

// Takes back what the row at hand has put so far.
static void undo(filling *f) {
  for (int i = 0; i < f->p->schema->count; i++) {
    target *to = &f->to[i];
    if (to->bytes) to->len = (size_t)to->ends[f->rows];
    if (to->validity) to->validity[f->rows >> 3] |= (uint8_t)(1u << (f->rows & 7));
  }
}

static leat_status one_row(csv_op *s, filling *f, scan *marks, leat_error *err) {
  char why[200];
  const char *start = s->in.at,
             *next = f->p->text ? NULL : plain_line(f, marks, s->in.at, s->in.end), *bad = NULL;
  leat_str line = {start, next ? (size_t)(next - 1 - start) : 0};
  if (next) {
    s->in.at = next;
  } else {
    undo(f);  // a plain line that failed has put some
    line = one_line(&s->in.at, s->in.end, !f->p->text);
    scan_from(marks, s->in.at, s->in.end);
    if (!line.len && !f->p->text) return LEAT_OK;  // empty lines are no rows
    if (f->p->text)
      put_text(f, &f->to[0], line);
    else
      bad = any_line(s, f, line, why, sizeof why);
  }
  int64_t ts = LEAT_FLOW_TIME_MIN;
  int at = f->p->times.field;
  if (!bad && at >= 0)
    bad = leat_flow_times_row(&f->p->times, f->to[at].type, &f->batch->columns[at], f->rows, &ts);
  if (bad) {
    undo(f);
    return leat_flow_text_bad(&s->in, line, bad, err);
  }
  f->batch->timestamps[f->rows++] = ts;
  if (ts > s->in.latest) s->in.latest = ts;
  return LEAT_OK;
}

static leat_status fill(csv_op *s, leat_flow_batch **out, leat_error *err) {
  const plan *p = s->in.op.transform->plan;
  filling f;
  leat_status status =
      fill_start(&f, p, (size_t)(s->in.end - s->in.at) + 64) ? LEAT_OK : leat__oom(err, 1);
  scan marks = {.delimiter = p->delimiter};
  scan_from(&marks, s->in.at, s->in.end);
  while (!status && s->in.at < s->in.end && f.rows < LEAT_FLOW_BATCH_ROWS)
    status = one_row(s, &f, &marks, err);
  if (status) return leat_flow_batch_unref(f.batch), status;
  f.batch->rows = f.rows;
  return *out = f.batch, LEAT_OK;
}

// The first line of what cannot be looked into before: the schema's names, in its order.
static leat_status check_header(csv_op *s, leat_str line, leat_error *err) {
  const plan *p = s->in.op.transform->plan;
  const char *at = line.ptr;
  bool more = true;
  for (int c = 0; c < p->columns; c++) {
    leat_str name = {0}, want = p->schema->fields[c].name;
    if (more) name = take_field(&at, line.ptr + line.len, p->delimiter, &s->scratch, &more);
    if (!leat_str_eq(name, want))
      return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "%s: column %d is named '" LEAT_STR_FMT
                            "', the schema's field %d '" LEAT_STR_FMT
                            "'; where the file is not there before they are the same, in order (or "
                            "say header: false)",
                            leat_flow_files_path(p->files, s->in.piece.file), c + 1,
                            LEAT_STR_ARG(name), c + 1, LEAT_STR_ARG(want));
  }
  return LEAT_OK;
}

static leat_status next_piece(csv_op *s, bool *ended, leat_error *err) {
  const plan *p = s->in.op.transform->plan;
  bool started;
  leat_status status = leat_flow_text_next(&s->in, &started, ended, err);
  if (status || !started || !p->header || s->in.at >= s->in.end) return status;
  leat_str line = one_line(&s->in.at, s->in.end, true);
  return p->in_order ? check_header(s, line, err) : LEAT_OK;
}

static leat_status csv_read(leat_flow_op *op, int64_t *watermark, int64_t *wait_ms,
                            leat_error *err) {
  csv_op *s = (csv_op *)op;
  bool ended;
  leat_flow_batch *batch = NULL;
  leat_status status = next_piece(s, &ended, err);
  if (!status && s->in.at < s->in.end) status = fill(s, &batch, err);
  if (!status && batch) status = leat_flow_emit(op, 0, batch, err);
  return status ? status : leat_flow_text_done(&s->in, ended, watermark, wait_ms, err);
}

static void csv_free(leat_flow_op *op) {
  csv_op *s = (csv_op *)op;
  leat_flow_text_deinit(&s->in);
  leat_buf_deinit(&s->scratch);
  leat__free(s);
}

static const leat_flow_op_class csv_class = {
    .read = csv_read, .holds = leat_flow_text_holds, .free = csv_free};

static leat_status csv_start(const leat_flow_transform *t, leat_flow_worker *worker,
                             leat_flow_op **out, leat_error *err) {
  leat_status status = leat_flow_op_new(sizeof(csv_op), &csv_class, t, worker, out, err);
  const plan *p = t->plan;
  if (status) return status;
  csv_op *s = (csv_op *)*out;
  s->scratch.max = SIZE_MAX / 2;
  return leat_flow_text_start(&s->in, p->files, &p->times, p->error_schema, err);
}

static const char *const csv_fields[] = {"path",      "schema", "delimiter",      "header",
                                         "timestamp", "watch",  "error_handling", NULL};
const leat_flow_class leat_flow_read_from_csv = {.type = "ReadFromCsv",
                                                 .urn = "leat:transform:read_from_csv:v1",
                                                 .help = "Rows of CSV files",
                                                 .fields = csv_fields,
                                                 .apply = csv_apply,
                                                 .start = csv_start,
                                                 .stop = csv_stop,
                                                 .splits = true};

static const char *const lines_fields[] = {"path", "watch", "error_handling", NULL};
const leat_flow_class leat_flow_read_from_text = {.type = "ReadFromText",
                                                  .urn = "leat:transform:read_from_text:v1",
                                                  .help = "Lines of text files, as a field `line`",
                                                  .fields = lines_fields,
                                                  .apply = text_apply,
                                                  .start = csv_start,
                                                  .stop = csv_stop,
                                                  .splits = true};
