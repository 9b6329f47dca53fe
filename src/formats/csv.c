// CSV reading: a scanner that cuts fields out of the reader's window.
// SPDX-License-Identifier: Apache-2.0
//
// A row is cut field by field; each field goes at once to its column. If the row does not end in
// the window, the row is dropped, the window grows and the row is cut again.
#include "formats/csv.h"

#include "formats/reader.h"
#include "formats/rows_format.h"

#include <stdio.h>

enum { MAX_ROW = 1 << 26 };

typedef struct csv_file {
  leat_reader r;
  int *field_column;  // by field of the file: its column, -1 = read over
  int field_count;
  char delimiter, comment;
  bool skip_space;
  leat_buf scratch;  // a quoted field with doubled quotes
} csv_file;

static leat_status place_error(const leat_row_file *f, leat_error *err, int column, const char *fmt,
                               ...) LEAT_PRINTF(4, 5);

// "FILE:LINE:FIELD: ..." of the row at hand; field 0: the row as a whole.
static leat_status place_error(const leat_row_file *f, leat_error *err, int column, const char *fmt,
                               ...) {
  char text[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  long long line = f->line + 1;
  if (column)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%lld:%d: %s", f->path, line, column,
                          text);
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%lld: %s", f->path, line, text);
}

static leat_status refill(leat_row_file *f, leat_error *err) {
  csv_file *csv = f->state;
  leat_status status = leat_reader_more(&csv->r, err);
  if (status != LEAT_OUT_OF_RANGE) return status;
  place_error(f, err, 0, "a row longer than %d bytes (unterminated quote?)", MAX_ROW);
  return LEAT_OUT_OF_RANGE;
}

// --- Scanning -----------------------------------------------------------------------------------
// First byte at or after p that is `a`, '\n' or, where quotes matter, '"'.
static const char *find_end(const char *p, const char *end, char a) {
#if defined(__SSE2__)
  typedef char v16 __attribute__((vector_size(16)));
  v16 wanted = (v16){0} + a, newline = (v16){0} + '\n';
  for (; end - p >= 16; p += 16) {
    v16 block;
    memcpy(&block, p, 16);
    int mask = __builtin_ia32_pmovmskb128((v16)((block == wanted) | (block == newline)));
    if (mask) return p + __builtin_ctz((unsigned)mask);
  }
#endif
  for (; p < end; p++)
    if (*p == a || *p == '\n') return p;
  return end;
}

typedef enum cut { CUT_FIELD, CUT_ROW, CUT_MORE, CUT_BAD } cut;

// Cuts a quoted field that starts behind its opening quote; *p then stands on the delimiter or end.
static cut cut_quoted(csv_file *csv, const char **p, leat_str *field, int64_t *lines) {
  const char *at = *p, *end = csv->r.buffer + csv->r.end, *start = at;
  bool copied = false;
  size_t kept = csv->scratch.len;  // other fields of the row
  for (;;) {
    const char *quote = memchr(at, '"', (size_t)(end - at));
    if (!quote) return csv->r.eof ? CUT_BAD : CUT_MORE;
    if (quote + 1 == end && !csv->r.eof) return CUT_MORE;
    if (quote + 1 < end && quote[1] == '"') {
      leat_buf_add(&csv->scratch, start, (size_t)(quote + 1 - start));
      copied = true;
      start = at = quote + 2;
      continue;
    }
    for (const char *q = *p; q < quote; q++) *lines += *q == '\n';
    if (copied) leat_buf_add(&csv->scratch, start, (size_t)(quote - start));
    *field = copied ? (leat_str){csv->scratch.ptr + kept, csv->scratch.len - kept}
                    : (leat_str){start, (size_t)(quote - start)};
    *p = quote + 1;
    return CUT_FIELD;
  }
}

// Cuts the next field. *p moves behind the delimiter; CUT_ROW when the field was the row's last.
static cut cut_field(csv_file *csv, const char **p, leat_str *field, int64_t *lines) {
  const char *at = *p, *end = csv->r.buffer + csv->r.end;
  if (csv->skip_space)
    while (at < end && *at == ' ') at++;
  if (at == end && !csv->r.eof) return CUT_MORE;
  if (at < end && *at == '"') {
    at++;
    cut result = cut_quoted(csv, &at, field, lines);
    if (result != CUT_FIELD) return result;
    if (csv->skip_space)
      while (at < end && *at == ' ') at++;
    if (at < end && *at == '\r' && (at + 1 == end || at[1] == '\n')) at++;
    if (at == end && !csv->r.eof) return CUT_MORE;
    if (at < end && *at != csv->delimiter && *at != '\n') return CUT_BAD;
  } else {
    const char *start = at;
    at = find_end(at, end, csv->delimiter);
    if (at == end && !csv->r.eof) return CUT_MORE;
    bool crlf = (at == end || *at == '\n') && at > start && at[-1] == '\r';
    *field = (leat_str){start, (size_t)(at - start) - crlf};
  }
  bool last = at == end || *at == '\n';
  *p = at == end ? at : at + 1;
  return last ? CUT_ROW : CUT_FIELD;
}

// Moves over empty lines and comments. CUT_ROW: a row starts at `at`; CUT_BAD: the file has ended.
static leat_status skip_lines(leat_row_file *f, cut *result, leat_error *err) {
  csv_file *csv = f->state;
  leat_reader *r = &csv->r;
  for (;;) {
    const char *p = r->buffer + r->at, *end = r->buffer + r->end;
    bool blank = p < end && (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n'));
    bool comment = p < end && csv->comment && *p == csv->comment;
    if (p < end && !blank && !comment && !(*p == '\r' && p + 1 == end && !r->eof))
      return *result = CUT_ROW, LEAT_OK;
    const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    if (newline && (blank || comment)) {
      r->at = (size_t)(newline + 1 - r->buffer);
      f->line++;
      continue;
    }
    if (r->eof) {
      r->at = r->end;
      return *result = CUT_BAD, LEAT_OK;
    }
    leat_status status = refill(f, err);
    if (status) return status;
  }
}

// --- Headers ------------------------------------------------------------------------------------
char leat_csv_name_char(char c) {
  return (unsigned char)c <= ' ' || strchr("\"%(){}[],=:/", c) ? '_' : c;
}

static int find_column(const leat_row_file *f, leat_str name) {
  char clean[256];
  int found = leat_columns_find(f->columns, name);
  if (found >= 0 || name.len > sizeof clean) return found;
  for (size_t i = 0; i < name.len; i++) clean[i] = leat_csv_name_char(name.ptr[i]);
  return leat_columns_find(f->columns, (leat_str){clean, name.len});
}

static leat_status map_field(leat_row_file *f, leat_str name, leat_error *err) {
  csv_file *csv = f->state;
  name = leat_str_strip(name, LEAT_STR(" \t"));
  int found = find_column(f, name);
  for (int i = 0; found >= 0 && i < csv->field_count; i++)
    if (csv->field_column[i] == found)
      return place_error(f, err, csv->field_count + 1, "the header names '" LEAT_STR_FMT "' twice",
                         LEAT_STR_ARG(name));
  int *grown = leat__realloc(csv->field_column, ((size_t)csv->field_count + 1) * sizeof *grown);
  if (!grown) return leat__oom(err, sizeof *grown);
  csv->field_column = grown;
  grown[csv->field_count++] = found;
  return LEAT_OK;
}

static leat_status check_header(leat_row_file *f, leat_error *err) {
  csv_file *csv = f->state;
  for (int i = 0; i < f->columns->count; i++) {
    const leat_column *column = &f->columns->sinks[i].column;
    bool found = false;
    for (int j = 0; j < csv->field_count; j++) found |= csv->field_column[j] == i;
    if (!found && column->dtype)
      return place_error(f, err, 0, "the header has no column '" LEAT_STR_FMT "'",
                         LEAT_STR_ARG(column->name));
  }
  for (int j = 0; j < csv->field_count; j++)
    if (csv->field_column[j] >= 0 && !f->columns->sinks[csv->field_column[j]].column.dtype)
      csv->field_column[j] = -1;
  return LEAT_OK;
}

static leat_status read_header(leat_row_file *f, leat_error *err) {
  csv_file *csv = f->state;
  cut result;
  leat_status status = skip_lines(f, &result, err);
  if (status || result == CUT_BAD) return status;
  for (;;) {
    const char *p = csv->r.buffer + csv->r.at;
    int64_t lines = 0;
    cut got;
    csv->field_count = 0;
    do {
      leat_str field;
      leat_buf_clear(&csv->scratch);
      got = cut_field(csv, &p, &field, &lines);
      if (got == CUT_FIELD || got == CUT_ROW)
        if ((status = map_field(f, field, err))) return status;
    } while (got == CUT_FIELD);
    if (got == CUT_BAD) return place_error(f, err, 0, "a quote in the header does not close");
    if (got == CUT_ROW) {
      status = check_header(f, err);
      csv->r.at = (size_t)(p - csv->r.buffer);
      f->line += 1 + lines;
      return status;
    }
    if ((status = refill(f, err))) return status;
  }
}

static leat_status default_fields(leat_row_file *f, leat_error *err) {
  csv_file *csv = f->state;
  csv->field_count = f->columns->count;
  csv->field_column = leat__alloc((size_t)csv->field_count * sizeof *csv->field_column);
  if (!csv->field_column) return leat__oom(err, sizeof *csv->field_column);
  for (int i = 0; i < csv->field_count; i++)
    csv->field_column[i] = f->columns->sinks[i].column.dtype ? i : -1;
  return LEAT_OK;
}

// --- Files --------------------------------------------------------------------------------------
static leat_status csv_open(leat_row_file *f, leat_error *err) {
  const leat_rows_options *o = f->options;
  csv_file *csv = f->state = leat__calloc(1, sizeof *csv);
  if (!csv) return leat__oom(err, sizeof *csv);
  for (int i = 0; i < f->columns->count; i++)
    if (f->columns->sinks[i].column.values > 1 || f->columns->sinks[i].column.values < 0)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "%s: column '" LEAT_STR_FMT "': a field of CSV holds one value",
                            f->path, LEAT_STR_ARG(f->columns->sinks[i].column.name));
  csv->delimiter = o->delimiter ? o->delimiter : o->decimal == ',' ? ';' : ',';
  csv->comment = o->comment;
  csv->skip_space = o->skip_initial_space;
  leat_status status = leat_reader_open(&csv->r, f->path, o->compression, MAX_ROW, err);
  if (status) return status;
  if (csv->r.end >= 3 && memcmp(csv->r.buffer, "\xEF\xBB\xBF", 3) == 0) csv->r.at = 3;
  status = o->header ? read_header(f, err) : default_fields(f, err);
  f->offset = leat_reader_tell(&csv->r);
  return status;
}

static void csv_close(leat_row_file *f) {
  csv_file *csv = f->state;
  if (!csv) return;
  leat_reader_close(&csv->r);
  leat__free(csv->field_column);
  leat_buf_deinit(&csv->scratch);
  leat__free(csv);
  f->state = NULL;
}

static leat_status csv_seek(leat_row_file *f, int64_t offset, int64_t line, leat_error *err) {
  csv_file *csv = f->state;
  leat_status status = leat_reader_seek(&csv->r, offset, err);
  f->offset = offset;
  f->line = line;
  return status;
}

// --- Rows ---------------------------------------------------------------------------------------
static leat_status put_field(leat_row_file *f, csv_file *csv, int field, leat_str text,
                             leat_error *err) {
  int column = csv->field_column[field];
  if (column < 0) return LEAT_OK;
  bool inside = text.ptr >= csv->r.buffer && text.ptr < csv->r.buffer + csv->r.size;
  leat_status status = leat_columns_text(f->columns, column, text, inside, err);
  if (status != LEAT_INVALID_ARGUMENT) return status;
  return leat_error_prepend(err, status, "%s:%lld:%d", f->path, (long long)f->line + 1, field + 1);
}

static void row_done(leat_row_file *f, const char *p, int64_t lines) {
  csv_file *csv = f->state;
  csv->r.at = (size_t)(p - csv->r.buffer);
  f->line += 1 + lines;
  f->offset = leat_reader_tell(&csv->r);
}

// Reads the row at `at`; *done false when the window holds only a part of it.
static leat_status read_row(leat_row_file *f, bool *done, leat_error *err) {
  csv_file *csv = f->state;
  const char *p = csv->r.buffer + csv->r.at;
  int64_t lines = 0;
  int field = 0;
  cut got;
  do {
    leat_str text;
    leat_buf_clear(&csv->scratch);
    got = cut_field(csv, &p, &text, &lines);
    if (csv->scratch.failed) return leat__oom(err, csv->scratch.cap);
    if (got == CUT_MORE) return *done = false, LEAT_OK;
    if (got == CUT_BAD)
      return place_error(f, err, field + 1, "a quote does not close, or text follows it");
    if (field >= csv->field_count)
      return place_error(f, err, field + 1, "more than %d fields", csv->field_count);
    leat_status status = put_field(f, csv, field++, text, err);
    if (status) return status;
  } while (got == CUT_FIELD);
  if (field < csv->field_count)
    return place_error(f, err, 0, "%d field%s, expected %d", field, field == 1 ? "" : "s",
                       csv->field_count);
  row_done(f, p, lines);
  *done = true;
  return leat_columns_end_row(f->columns, false, err);
}

static leat_status csv_next(leat_row_file *f, bool *ended, leat_error *err) {
  csv_file *csv = f->state;
  for (bool done = false; !done;) {
    cut found;
    leat_status status = skip_lines(f, &found, err);
    f->offset = leat_reader_tell(&csv->r);
    if (status) return status;
    if (found == CUT_BAD) return *ended = true, LEAT_OK;
    status = leat_columns_begin_row(f->columns, leat__row_place(f, false), err);
    if (!status) status = read_row(f, &done, err);
    if (status || done) return status;
    leat_columns_drop_row(f->columns);
    if ((status = refill(f, err))) return status;
  }
  return LEAT_OK;
}

// Behind the row at `at`: behind its last field, or where its quotes do not close its first line.
static leat_status csv_skip(leat_row_file *f, leat_error *err) {
  csv_file *csv = f->state;
  for (;;) {
    const char *p = csv->r.buffer + csv->r.at, *end = csv->r.buffer + csv->r.end;
    const char *start = p;
    int64_t lines = 0;
    leat_str text;
    cut got;
    leat_buf_clear(&csv->scratch);
    do got = cut_field(csv, &p, &text, &lines);
    while (got == CUT_FIELD);
    const char *newline = memchr(start, '\n', (size_t)(end - start));
    if (got == CUT_ROW) return row_done(f, p, lines), LEAT_OK;
    if (got == CUT_BAD && (newline || csv->r.eof))
      return row_done(f, newline ? newline + 1 : end, 0), LEAT_OK;
    leat_status status = refill(f, err);
    if (status) return status;
  }
}

const leat_row_ops leat__rows_csv = {.name = "csv",
                                     .extensions = {".csv", ".tsv", ".txt"},
                                     .place = "%s:%lld",
                                     .open = csv_open,
                                     .close = csv_close,
                                     .next = csv_next,
                                     .skip = csv_skip,
                                     .seek = csv_seek};

// --- Rows as text -------------------------------------------------------------------------------
enum { MAX_FIELDS = 1 << 16 };

struct leat_csv_texts {
  leat_rows_options options;
  leat_columns columns;  // none
  leat_row_file file;
  const char *const *paths;
  size_t path_count;
};

static leat_status open_texts(leat_csv_texts *t, size_t index, leat_error *err) {
  csv_close(&t->file);
  t->file = (leat_row_file){.options = &t->options,
                            .columns = &t->columns,
                            .path = t->paths[index],
                            .index = (int64_t)index};
  return csv_open(&t->file, err);
}

leat_status leat_csv_texts_open(leat_csv_texts **out, const char *const *paths, size_t count,
                                const leat_csv_options *options, leat_error *err) {
  leat_csv_texts *t = *out = leat__calloc(1, sizeof *t);
  if (!t) return leat__oom(err, sizeof *t);
  t->options = *options;
  t->options.header = false;
  t->paths = paths;
  t->path_count = count;
  leat_status status =
      count ? open_texts(t, 0, err) : leat_error_set(err, LEAT_INVALID_ARGUMENT, "csv: no files");
  if (!status) return LEAT_OK;
  leat_csv_texts_close(t);
  *out = NULL;
  return status;
}

void leat_csv_texts_close(leat_csv_texts *t) {
  if (!t) return;
  csv_close(&t->file);
  leat__free(t);
}

static leat_status grow_fields(const leat_row_file *f, leat_csv_text *row, leat_error *err) {
  int cap = row->cap ? row->cap * 2 : 16;
  if (cap > MAX_FIELDS) return place_error(f, err, 0, "more than %d fields", row->cap);
  leat_str *grown = leat__realloc(row->fields, (size_t)cap * sizeof *grown);
  if (!grown) return leat__oom(err, (size_t)cap * sizeof *grown);
  row->fields = grown;
  row->cap = cap;
  return LEAT_OK;
}

// Cuts the row at `at` into text; *done false when the window holds only a part of it.
static leat_status cut_text(leat_row_file *f, leat_csv_text *row, bool *done, leat_error *err) {
  csv_file *csv = f->state;
  const char *p = csv->r.buffer + csv->r.at;
  int64_t lines = 0;
  cut got;
  row->count = 0;
  leat_buf_clear(&csv->scratch);
  size_t most = csv->r.end - csv->r.at + 64;  // so that views into it stay where they are
  if (!leat_buf_reserve(&csv->scratch, most)) return leat__oom(err, most);
  do {
    leat_status status = row->count == row->cap ? grow_fields(f, row, err) : LEAT_OK;
    if (status) return status;
    got = cut_field(csv, &p, &row->fields[row->count], &lines);
    row->count += got == CUT_FIELD || got == CUT_ROW;
  } while (got == CUT_FIELD);
  if (got == CUT_BAD)
    return place_error(f, err, row->count + 1, "a quote does not close, or text follows it");
  if (got == CUT_MORE) return *done = false, LEAT_OK;
  row->place = (leat_csv_position){f->index, leat_reader_tell(&csv->r), f->line + 1, 0};
  row_done(f, p, lines);
  return *done = true, LEAT_OK;
}

leat_status leat_csv_texts_next(leat_csv_texts *t, leat_csv_text *row, bool *ended,
                                leat_error *err) {
  *ended = false;
  for (bool done = false; !done;) {
    cut found;
    leat_status status = skip_lines(&t->file, &found, err);
    if (status) return status;
    if (found == CUT_BAD) {
      size_t next = (size_t)t->file.index + 1;
      if (next == t->path_count) return *ended = true, LEAT_OK;
      if ((status = open_texts(t, next, err))) return status;
      continue;
    }
    status = cut_text(&t->file, row, &done, err);
    if (!status && !done) status = refill(&t->file, err);
    if (status) return status;
  }
  return LEAT_OK;
}

void leat_csv_text_deinit(leat_csv_text *row) {
  leat__free(row->fields);
  *row = (leat_csv_text){0};
}
