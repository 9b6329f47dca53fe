// Tables in text: a look at the first rows, then one row after the other by the columns' names.
// SPDX-License-Identifier: Apache-2.0
#include "features/table.h"

#include "features/statistics.h"

#include <stdio.h>

enum { SAMPLE_ROWS = 500 };
static const char nothing[LEAT_RECENT_TEXT];  // empty text, padded

static inline leat_str stripped(leat_str s) {
  if (s.len && s.ptr[0] > ' ' && s.ptr[s.len - 1] > ' ') return s;
  while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) s.ptr++, s.len--;
  while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) s.len--;
  return s;
}

// --- A look at the first rows -------------------------------------------------------------------
typedef struct sample {
  leat_arena arena;
  LEAT_VEC(leat_str) fields;  // of all rows
  LEAT_VEC(int) starts;       // by row: its first field; one more
} sample;

static int width_of(const sample *s, size_t row) {
  return s->starts.at[row + 1] - s->starts.at[row];
}

static void sample_deinit(sample *s) {
  leat_vec_deinit(&s->fields);
  leat_vec_deinit(&s->starts);
  leat_arena_deinit(&s->arena);
}

static leat_status take_sample(const char *const *path, char delimiter, char comment, sample *s,
                               leat_error *err) {
  leat_csv_texts *csv = NULL;
  leat_csv_text row = {0};
  leat_csv_options options = {.delimiter = delimiter, .comment = comment};
  bool ended = false;
  leat_status status = leat_csv_texts_open(&csv, path, 1, &options, err);
  if (!status && !leat_vec_push(&s->starts, 0)) status = leat__oom(err, 1);
  while (!status && s->starts.count <= SAMPLE_ROWS) {
    status = leat_csv_texts_next(csv, &row, &ended, err);
    if (status || ended) break;
    for (int i = 0; !status && i < row.count; i++) {
      char *kept = leat_arena_str(&s->arena, row.fields[i]);
      if (!kept || !leat_vec_push(&s->fields, (leat_str){kept, row.fields[i].len}))
        status = leat__oom(err, row.fields[i].len);
    }
    if (!status && !leat_vec_push(&s->starts, (int)s->fields.count)) status = leat__oom(err, 1);
  }
  leat_csv_text_deinit(&row);
  leat_csv_texts_close(csv);
  return status;
}

// How many rows of the sample have as many fields as most, and how many fields these are.
static int common_width(const sample *s, int *width) {
  int best = 0;
  for (size_t i = 0; i + 1 < s->starts.count; i++) {
    int same = 0;
    for (size_t k = 0; k + 1 < s->starts.count; k++) same += width_of(s, k) == width_of(s, i);
    if (same > best) best = same, *width = width_of(s, i);
  }
  return best;
}

// The delimiter that gives most rows one width; the wider where two do.
static leat_status find_delimiter(leat_table *t, const char *const *paths, leat_error *err) {
  static const char known[] = {',', ';', '\t', '|'};
  double best = -1;
  t->delimiter = ',';
  for (int i = 0; i < 4; i++) {
    sample s = {{0}};
    leat_error quiet = {0};
    int width = 0;
    leat_status status = take_sample(paths, known[i], t->comment, &s, &quiet);
    double rows = status ? 0 : (double)s.starts.count - 1;
    double score = rows > 0 ? common_width(&s, &width) / rows + width * 1e-4 : 0;
    if (width > 1 && score > best) best = score, t->delimiter = known[i];
    sample_deinit(&s);
    if (status && status != LEAT_INVALID_ARGUMENT)
      return leat_error_set(err, status, "%s", quiet.message);
  }
  return LEAT_OK;
}

// Whether the first row names the columns: all words, all different, and beneath them some column
// of numbers or dates, or no column that has its name among its values.
static bool looks_like_header(const sample *s) {
  int width = width_of(s, 0), typed = 0, repeated = 0;
  double number;
  for (int i = 0; i < width; i++) {
    leat_str name = stripped(s->fields.at[i]);
    if (!name.len || leat_text_kind_of(name, &number) != LEAT_TEXT_OTHER) return false;
    for (int k = 0; k < i; k++)
      if (leat_str_eq(name, stripped(s->fields.at[k]))) return false;
    int others = 0, values = 0;
    for (size_t row = 1; row + 1 < s->starts.count; row++) {
      if (i >= width_of(s, row)) continue;
      leat_str value = stripped(s->fields.at[s->starts.at[row] + i]);
      leat_text_kind kind = leat_text_kind_of(value, &number);
      values += kind != LEAT_TEXT_MISSING;
      others += kind == LEAT_TEXT_OTHER;
      repeated += leat_str_eq(name, value);
    }
    typed += values > 0 && others * 2 < values;
  }
  return typed || !repeated;
}

static leat_status name_columns(leat_table *t, const sample *s, const leat_table_options *o,
                                leat_error *err) {
  int width = 0;
  if (s->starts.count > 1) width = t->header ? width_of(s, 0) : (common_width(s, &width), width);
  if (o->name_count) width = o->name_count;
  for (int i = 0; i < width; i++) {
    char made[32];
    leat_str name = {made, (size_t)snprintf(made, sizeof made, "column_%d", i + 1)};
    if (o->name_count)
      name = o->names[i];
    else if (t->header && stripped(s->fields.at[i]).len)
      name = stripped(s->fields.at[i]);
    if (leat_table_column(t, name) >= 0)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "%s:1:%d: two columns are named '" LEAT_STR_FMT "'", t->paths[0], i + 1,
                            LEAT_STR_ARG(name));
    char *kept = leat_arena_str(&t->arena, name);
    if (!kept || !leat_vec_push(&t->names, (leat_str){kept, name.len}))
      return leat__oom(err, name.len);
  }
  if (width) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: no rows", t->paths[0]);
}

// A first row that starts with # is a comment, and so are others.
static leat_status find_comment(leat_table *t, const char *const *paths, leat_error *err) {
  sample s = {{0}};
  leat_error quiet = {0};
  leat_status status = take_sample(paths, ',', 0, &s, &quiet);
  if (s.fields.count && s.fields.at[0].len && s.fields.at[0].ptr[0] == '#') t->comment = '#';
  sample_deinit(&s);
  if (status && status != LEAT_INVALID_ARGUMENT)
    return leat_error_set(err, status, "%s", quiet.message);
  return LEAT_OK;
}

static leat_status look(leat_table *t, const char *const *paths, const leat_table_options *o,
                        leat_error *err) {
  sample s = {{0}};
  t->delimiter = o->delimiter;
  leat_status status = t->comment ? LEAT_OK : find_comment(t, paths, err);
  if (!status && !o->delimiter) status = find_delimiter(t, paths, err);
  if (!status) status = take_sample(paths, t->delimiter, t->comment, &s, err);
  if (!status) {
    t->header = o->header == LEAT_HEADER_YES;
    if (o->header == LEAT_HEADER_AUTO && s.starts.count > 1)
      t->header = looks_like_header(&s) && s.starts.count > 2;
    for (size_t i = 0; i < s.fields.count; i++)
      t->spaces |= s.fields.at[i].len && s.fields.at[i].ptr[0] == ' ';
    status = name_columns(t, &s, o, err);
  }
  sample_deinit(&s);
  return status;
}

// Other formats have types and names of their own: there is nothing to find out.
static leat_status check_format(const char *const *paths, size_t count, leat_error *err) {
  for (size_t i = 0; i < count; i++) {
    leat_row_format format = leat_row_format_guess(paths[i]);
    if (format != LEAT_ROWS_AUTO && format != LEAT_ROWS_CSV)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: a table is CSV, not %s", paths[i],
                            leat_row_format_name(format));
  }
  return count ? LEAT_OK : leat_error_set(err, LEAT_INVALID_ARGUMENT, "no files");
}

// --- Rows ---------------------------------------------------------------------------------------
leat_status leat_table_open(leat_table *t, const char *const *paths, size_t path_count,
                            const leat_table_options *options, leat_error *err) {
  *t = (leat_table){.paths = paths, .comment = options->comment, .file = -1};
  t->by_place = options->name_count > 0;
  leat_status status = check_format(paths, path_count, err);
  if (!status) status = look(t, paths, options, err);
  leat_csv_options csv = {
      .delimiter = t->delimiter, .comment = t->comment, .skip_initial_space = t->spaces};
  if (!status) status = leat_csv_texts_open(&t->csv, paths, path_count, &csv, err);
  if (!status) {
    t->values = leat_arena_alloc(&t->arena, (t->names.count + 1) * sizeof *t->values);
    if (!t->values) status = leat__oom(err, t->names.count * sizeof *t->values);
  }
  if (status) leat_table_close(t);
  return status;
}

int leat_table_column(const leat_table *t, leat_str name) {
  for (size_t i = 0; i < t->names.count; i++)
    if (leat_str_eq(t->names.at[i], name)) return (int)i;
  return -1;
}

// The row at hand is a file's header: which column each of its fields is.
static leat_status map_fields(leat_table *t, leat_error *err) {
  t->field_column.count = 0;
  for (int i = 0; i < t->row.count; i++) {
    int column = leat_table_column(t, stripped(t->row.fields[i]));
    for (size_t k = 0; column >= 0 && k < t->field_column.count; k++)
      if (t->field_column.at[k] == column)
        return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                              "%s:%lld:%d: the header names '" LEAT_STR_FMT "' twice",
                              t->paths[t->row.place.file], (long long)t->row.place.line, i + 1,
                              LEAT_STR_ARG(t->names.at[column]));
    if (t->file == t->row.place.file && column < 0 && t->file == 0) column = i;  // a nameless one
    if (!leat_vec_push(&t->field_column, column)) return leat__oom(err, sizeof column);
  }
  return LEAT_OK;
}

static leat_status plain_fields(leat_table *t, leat_error *err) {
  t->field_column.count = 0;
  for (size_t i = 0; i < t->names.count; i++)
    if (!leat_vec_push(&t->field_column, (int)i)) return leat__oom(err, sizeof(int));
  return LEAT_OK;
}

leat_status leat_table_next(leat_table *t, bool *ended, leat_error *err) {
  leat_status status = leat_csv_texts_next(t->csv, &t->row, ended, err);
  if (status || *ended) return status;
  if (t->row.place.file != t->file) {
    t->file = t->row.place.file;
    status = t->header && !t->by_place ? map_fields(t, err) : plain_fields(t, err);
    if (!status && t->header) return leat_table_next(t, ended, err);
    if (status) return status;
  }
  int known = (int)t->field_column.count, count = t->row.count < known ? t->row.count : known;
  if ((size_t)count < t->names.count || t->header)
    for (size_t i = 0; i < t->names.count; i++) t->values[i] = (leat_str){nothing, 0};
  for (int i = 0; i < count; i++) {
    int column = t->field_column.at[i];
    leat_str value = stripped(t->row.fields[i]);
    if (column >= 0) t->values[column] = value;
  }
  return LEAT_OK;
}

void leat_table_close(leat_table *t) {
  leat_csv_texts_close(t->csv);
  leat_csv_text_deinit(&t->row);
  leat_vec_deinit(&t->names);
  leat_vec_deinit(&t->field_column);
  leat_arena_deinit(&t->arena);
  *t = (leat_table){0};
}
