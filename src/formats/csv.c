// CSV reading: a block of bytes, a scanner that cuts fields, and a typed sink for each column.
// SPDX-License-Identifier: Apache-2.0
//
//   buffer:  [ ......rows already read...... | next row ... ............ | free ]
//             0                               at                     end     size
//
// A row is cut field by field; each field goes at once to its column's sink. If the row does not
// end in the buffer, the rest moves to the front and more is read.
#include "formats/csv.h"

#include "base/file.h"
#include "formats/number.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FIRST_BUFFER = 1 << 20, MAX_ROW = 1 << 26, MAX_COLUMNS = 1 << 16 };

typedef struct sink {
  leat_str name;
  leat_dtype dtype;
  bool has_default;
  leat_str default_text;
  char *data;   // numbers, or offsets of strings (one more)
  char *bytes;  // strings
  size_t bytes_len, bytes_cap;
  size_t cap;  // elements
} sink;

struct leat_csv {
  leat_arena arena;
  char **paths;
  size_t path_count;
  sink *sinks;
  int sink_count;
  int *field_sink;  // by field of the file: its sink, -1 = read over
  int field_count;
  char delimiter, comment;
  bool header, skip_space;
  int fd;
  size_t file;  // the open one
  char *buffer;
  size_t size, at, end;
  int64_t base;       // file offset of buffer[0]
  int64_t line;       // lines before `at`
  bool eof;           // the file has no more bytes than the buffer holds
  leat_buf scratch;   // a quoted field with doubled quotes
  int64_t *row_line;  // by row of the last read
  int32_t *row_file;
  size_t row_cap;
};

// --- Opening ------------------------------------------------------------------------------------
static leat_status copy_options(leat_csv *csv, const char *const *paths, const leat_csv_options *o,
                                leat_error *err) {
  csv->paths = leat_arena_alloc(&csv->arena, (csv->path_count + 1) * sizeof *csv->paths);
  csv->sinks = leat_arena_alloc(&csv->arena, ((size_t)o->column_count + 1) * sizeof *csv->sinks);
  if (!csv->paths || !csv->sinks) return leat__oom(err, sizeof *csv->sinks);
  for (size_t i = 0; i < csv->path_count; i++)
    if (!(csv->paths[i] = leat_arena_str(&csv->arena, leat_str_of(paths[i]))))
      return leat__oom(err, 1);
  for (int i = 0; i < o->column_count; i++) {
    const leat_csv_column *column = &o->columns[i];
    sink *s = &csv->sinks[csv->sink_count++];
    *s = (sink){.dtype = column->dtype, .has_default = column->has_default};
    s->name = (leat_str){leat_arena_str(&csv->arena, column->name), column->name.len};
    s->default_text =
        (leat_str){leat_arena_str(&csv->arena, column->default_text), column->default_text.len};
    if (!s->name.ptr || !s->default_text.ptr) return leat__oom(err, 1);
    if (s->dtype != LEAT_DTYPE_NONE && s->dtype != LEAT_DTYPE_F32 && s->dtype != LEAT_DTYPE_F64 &&
        s->dtype != LEAT_DTYPE_I32 && s->dtype != LEAT_DTYPE_I64 && s->dtype != LEAT_DTYPE_STRING)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "csv: column '" LEAT_STR_FMT "': no columns of %s",
                            LEAT_STR_ARG(s->name), leat_dtype_name(s->dtype));
    for (int j = 0; j < i; j++)
      if (leat_str_eq(csv->sinks[j].name, s->name))
        return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                              "csv: two columns are named '" LEAT_STR_FMT "'",
                              LEAT_STR_ARG(s->name));
  }
  return LEAT_OK;
}

static leat_status open_file(leat_csv *csv, size_t index, leat_error *err);

leat_status leat_csv_open(leat_csv **out, const char *const *paths, size_t path_count,
                          const leat_csv_options *options, leat_error *err) {
  *out = NULL;
  if (options->column_count < 1 || options->column_count > MAX_COLUMNS || path_count < 1)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "csv: no files, or no columns");
  leat_csv *csv = leat__calloc(1, sizeof *csv);
  if (!csv) return leat__oom(err, sizeof *csv);
  csv->fd = -1;
  csv->path_count = path_count;
  csv->delimiter = options->delimiter ? options->delimiter : ',';
  csv->comment = options->comment;
  csv->header = options->header;
  csv->skip_space = options->skip_initial_space;
  csv->size = FIRST_BUFFER;
  csv->buffer = leat__alloc(csv->size + 64);
  leat_status status =
      csv->buffer ? copy_options(csv, paths, options, err) : leat__oom(err, csv->size);
  if (!status) status = open_file(csv, 0, err);
  if (status)
    leat_csv_close(csv);
  else
    *out = csv;
  return status;
}

void leat_csv_close(leat_csv *csv) {
  if (!csv) return;
  if (csv->fd >= 0) close(csv->fd);
  for (int i = 0; i < csv->sink_count; i++) {
    leat__free(csv->sinks[i].data);
    leat__free(csv->sinks[i].bytes);
  }
  leat__free(csv->buffer);
  leat__free(csv->row_line);
  leat__free(csv->row_file);
  leat__free(csv->field_sink);
  leat_buf_deinit(&csv->scratch);
  leat_arena_deinit(&csv->arena);
  leat__free(csv);
}

// --- Bytes --------------------------------------------------------------------------------------
static leat_status place_error(const leat_csv *csv, leat_error *err, int64_t line, int column,
                               const char *fmt, ...) LEAT_PRINTF(5, 6);

static leat_status place_error(const leat_csv *csv, leat_error *err, int64_t line, int column,
                               const char *fmt, ...) {
  char text[512];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  const char *path = csv->paths[csv->file];
  if (column)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%lld:%d: %s", path, (long long)line,
                          column, text);
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s:%lld: %s", path, (long long)line, text);
}

// Makes more bytes available behind `end`; sets eof when there are none.
static leat_status refill(leat_csv *csv, leat_error *err) {
  if (csv->at) {
    memmove(csv->buffer, csv->buffer + csv->at, csv->end - csv->at);
    csv->base += (int64_t)csv->at;
    csv->end -= csv->at;
    csv->at = 0;
  }
  if (csv->end == csv->size) {
    if (csv->size >= MAX_ROW)
      return place_error(csv, err, csv->line + 1, 0,
                         "a row longer than %d bytes (unterminated quote?)", MAX_ROW);
    char *grown = leat__realloc(csv->buffer, csv->size * 2 + 64);
    if (!grown) return leat__oom(err, csv->size * 2);
    csv->buffer = grown;
    csv->size *= 2;
  }
  ssize_t got;
  do got = read(csv->fd, csv->buffer + csv->end, csv->size - csv->end);
  while (got < 0 && errno == EINTR);
  if (got < 0) return leat_file_error(err, csv->paths[csv->file], "read");
  csv->eof = got == 0;
  csv->end += (size_t)got;
  return LEAT_OK;
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
static cut cut_quoted(leat_csv *csv, const char **p, leat_str *field, int64_t *lines) {
  const char *at = *p, *end = csv->buffer + csv->end, *start = at;
  bool copied = false;
  leat_buf_clear(&csv->scratch);
  for (;;) {
    const char *quote = memchr(at, '"', (size_t)(end - at));
    if (!quote) return csv->eof ? CUT_BAD : CUT_MORE;
    if (quote + 1 == end && !csv->eof) return CUT_MORE;
    if (quote + 1 < end && quote[1] == '"') {
      leat_buf_add(&csv->scratch, start, (size_t)(quote + 1 - start));
      copied = true;
      start = at = quote + 2;
      continue;
    }
    for (const char *q = *p; q < quote; q++) *lines += *q == '\n';
    if (copied) leat_buf_add(&csv->scratch, start, (size_t)(quote - start));
    *field = copied ? leat_buf_view(&csv->scratch) : (leat_str){start, (size_t)(quote - start)};
    *p = quote + 1;
    return CUT_FIELD;
  }
}

// Cuts the next field. *p moves behind the delimiter; CUT_ROW when the field was the row's last.
static cut cut_field(leat_csv *csv, const char **p, leat_str *field, int64_t *lines) {
  const char *at = *p, *end = csv->buffer + csv->end;
  if (csv->skip_space)
    while (at < end && *at == ' ') at++;
  if (at == end && !csv->eof) return CUT_MORE;
  if (at < end && *at == '"') {
    at++;
    cut result = cut_quoted(csv, &at, field, lines);
    if (result != CUT_FIELD) return result;
    if (csv->skip_space)
      while (at < end && *at == ' ') at++;
    if (at < end && *at == '\r' && (at + 1 == end || at[1] == '\n')) at++;
    if (at == end && !csv->eof) return CUT_MORE;
    if (at < end && *at != csv->delimiter && *at != '\n') return CUT_BAD;
  } else {
    const char *start = at;
    at = find_end(at, end, csv->delimiter);
    if (at == end && !csv->eof) return CUT_MORE;
    bool crlf = (at == end || *at == '\n') && at > start && at[-1] == '\r';
    *field = (leat_str){start, (size_t)(at - start) - crlf};
  }
  bool last = at == end || *at == '\n';
  *p = at == end ? at : at + 1;
  return last ? CUT_ROW : CUT_FIELD;
}

// Moves over empty lines and comments. CUT_ROW: a row starts at `at`; CUT_BAD: the file has ended.
static leat_status skip_lines(leat_csv *csv, cut *result, leat_error *err) {
  for (;;) {
    const char *p = csv->buffer + csv->at, *end = csv->buffer + csv->end;
    bool blank = p < end && (*p == '\n' || (*p == '\r' && p + 1 < end && p[1] == '\n'));
    bool comment = p < end && csv->comment && *p == csv->comment;
    if (p < end && !blank && !comment && !(*p == '\r' && p + 1 == end && !csv->eof))
      return *result = CUT_ROW, LEAT_OK;
    const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
    if (newline && (blank || comment)) {
      csv->at = (size_t)(newline + 1 - csv->buffer);
      csv->line++;
      continue;
    }
    if (csv->eof) {
      csv->at = csv->end;
      return *result = CUT_BAD, LEAT_OK;
    }
    leat_status status = refill(csv, err);
    if (status) return status;
  }
}

// --- Headers and files --------------------------------------------------------------------------
static leat_status map_field(leat_csv *csv, leat_str name, leat_error *err) {
  int found = -1;
  name = leat_str_strip(name, LEAT_STR(" \t"));
  for (int i = 0; i < csv->sink_count; i++)
    if (leat_str_eq(csv->sinks[i].name, name)) found = i;
  for (int i = 0; found >= 0 && i < csv->field_count; i++)
    if (csv->field_sink[i] == found)
      return place_error(csv, err, csv->line + 1, csv->field_count + 1,
                         "the header names '" LEAT_STR_FMT "' twice", LEAT_STR_ARG(name));
  int *grown = leat__realloc(csv->field_sink, ((size_t)csv->field_count + 1) * sizeof *grown);
  if (!grown) return leat__oom(err, sizeof *grown);
  csv->field_sink = grown;
  grown[csv->field_count++] = found >= 0 && csv->sinks[found].dtype ? found : -1;
  return LEAT_OK;
}

static leat_status check_header(leat_csv *csv, int64_t line, leat_error *err) {
  for (int i = 0; i < csv->sink_count; i++) {
    bool found = false;
    for (int j = 0; j < csv->field_count; j++) found |= csv->field_sink[j] == i;
    if (!found && csv->sinks[i].dtype != LEAT_DTYPE_NONE)
      return place_error(csv, err, line, 0, "the header has no column '" LEAT_STR_FMT "'",
                         LEAT_STR_ARG(csv->sinks[i].name));
  }
  return LEAT_OK;
}

static leat_status read_header(leat_csv *csv, leat_error *err) {
  cut result;
  leat_status status = skip_lines(csv, &result, err);
  if (status || result == CUT_BAD) return status;
  for (;;) {
    const char *p = csv->buffer + csv->at;
    int64_t lines = 0;
    cut got;
    csv->field_count = 0;
    do {
      leat_str field;
      got = cut_field(csv, &p, &field, &lines);
      if (got == CUT_FIELD || got == CUT_ROW)
        if ((status = map_field(csv, field, err))) return status;
    } while (got == CUT_FIELD);
    if (got == CUT_BAD)
      return place_error(csv, err, csv->line + 1, 0, "a quote in the header does not close");
    if (got == CUT_ROW) {
      csv->at = (size_t)(p - csv->buffer);
      csv->line += 1 + lines;
      return check_header(csv, csv->line, err);
    }
    if ((status = refill(csv, err))) return status;
  }
}

static leat_status default_fields(leat_csv *csv, leat_error *err) {
  leat__free(csv->field_sink);
  csv->field_sink = leat__alloc((size_t)csv->sink_count * sizeof *csv->field_sink);
  if (!csv->field_sink) return leat__oom(err, sizeof *csv->field_sink);
  csv->field_count = csv->sink_count;
  for (int i = 0; i < csv->field_count; i++) csv->field_sink[i] = csv->sinks[i].dtype ? i : -1;
  return LEAT_OK;
}

static leat_status open_file(leat_csv *csv, size_t index, leat_error *err) {
  if (csv->fd >= 0) close(csv->fd);
  csv->file = index;
  csv->at = csv->end = 0;
  csv->base = csv->line = 0;
  csv->eof = false;
  csv->fd = open(csv->paths[index], O_RDONLY | O_CLOEXEC);
  if (csv->fd < 0) return leat_file_error(err, csv->paths[index], "open");
  posix_fadvise(csv->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  leat_status status = refill(csv, err);
  if (!status && csv->end >= 3 && memcmp(csv->buffer, "\xEF\xBB\xBF", 3) == 0) csv->at = 3;
  if (!status) status = csv->header ? read_header(csv, err) : default_fields(csv, err);
  return status;
}

leat_csv_position leat_csv_tell(const leat_csv *csv) {
  return (leat_csv_position){(int64_t)csv->file, csv->base + (int64_t)csv->at, csv->line};
}

leat_status leat_csv_seek(leat_csv *csv, leat_csv_position position, leat_error *err) {
  if (position.file < 0 || (size_t)position.file >= csv->path_count)
    return leat_error_set(err, LEAT_OUT_OF_RANGE, "csv: no file number %lld",
                          (long long)position.file);
  leat_status status = LEAT_OK;
  if ((size_t)position.file != csv->file || csv->fd < 0)
    status = open_file(csv, (size_t)position.file, err);
  if (status) return status;
  if (position.offset >= csv->base && position.offset <= csv->base + (int64_t)csv->end) {
    csv->at = (size_t)(position.offset - csv->base);
  } else {
    if (lseek(csv->fd, position.offset, SEEK_SET) < 0)
      return leat_file_error(err, csv->paths[csv->file], "seek in");
    csv->at = csv->end = 0;
    csv->base = position.offset;
    csv->eof = false;
  }
  csv->line = position.line;
  return LEAT_OK;
}

// --- Sinks --------------------------------------------------------------------------------------
static bool grow_sink(sink *s, size_t rows) {
  size_t width = leat_dtype_bytes(s->dtype);
  if (rows + 2 > s->cap) {
    size_t cap = s->cap ? s->cap * 2 : 1024;
    char *grown = leat__realloc(s->data, cap * width);
    if (!grown) return false;
    s->data = grown;
    s->cap = cap;
  }
  return true;
}

static bool grow_bytes(sink *s, size_t more) {
  if (s->bytes_len + more + 16 <= s->bytes_cap) return true;
  size_t cap = s->bytes_cap ? s->bytes_cap * 2 : 1 << 14;
  while (cap < s->bytes_len + more + 16) cap *= 2;
  char *grown = leat__realloc(s->bytes, cap);
  if (!grown) return false;
  s->bytes = grown;
  s->bytes_cap = cap;
  return true;
}

// Short unsigned decimal digits, by far the commonest number.
static bool small_number(leat_str t, uint32_t *out) {
  uint32_t value = 0;
  if (t.len - 1 > 7) return false;
  for (size_t i = 0; i < t.len; i++) {
    unsigned digit = (unsigned char)t.ptr[i] - '0';
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

static bool put_number(sink *s, size_t row, leat_str t) {
  uint32_t small;
  int64_t whole;
  if (small_number(t, &small)) {
    switch (s->dtype) {
      case LEAT_DTYPE_F32: ((float *)(void *)s->data)[row] = (float)small; return true;
      case LEAT_DTYPE_F64: ((double *)(void *)s->data)[row] = small; return true;
      case LEAT_DTYPE_I32: ((int32_t *)(void *)s->data)[row] = (int32_t)small; return true;
      default: ((int64_t *)(void *)s->data)[row] = small; return true;
    }
  }
  switch (s->dtype) {
    case LEAT_DTYPE_F32: return leat_parse_f32(t, (float *)(void *)s->data + row);
    case LEAT_DTYPE_F64: return leat_parse_f64(t, (double *)(void *)s->data + row);
    case LEAT_DTYPE_I64: return leat_parse_i64(t, (int64_t *)(void *)s->data + row);
    default:
      if (!leat_parse_i64(t, &whole) || whole != (int32_t)whole) return false;
      ((int32_t *)(void *)s->data)[row] = (int32_t)whole;
      return true;
  }
}

static void put_string(sink *s, size_t row, leat_str t) {
  char *to = s->bytes + s->bytes_len;
  if (t.len <= 16 && t.len) {  // both sides have 16 bytes of room
    memcpy(to, t.ptr, 16);
  } else if (t.len) {
    memcpy(to, t.ptr, t.len);
  }
  s->bytes_len += t.len;
  ((int64_t *)(void *)s->data)[row + 1] = (int64_t)s->bytes_len;
}

static leat_status bad_number(leat_csv *csv, sink *s, int field, int64_t line, leat_str t,
                              leat_error *err) {
  int shown = t.len < 60 ? (int)t.len : 60;
  if (!t.len)
    return place_error(csv, err, line, field + 1,
                       LEAT_STR_FMT
                       ": the field is empty and the column has no default (expected %s)",
                       LEAT_STR_ARG(s->name), leat_dtype_name(s->dtype));
  return place_error(csv, err, line, field + 1,
                     LEAT_STR_FMT ": '%.*s' is not a number (expected %s)", LEAT_STR_ARG(s->name),
                     shown, t.ptr, leat_dtype_name(s->dtype));
}

static leat_status put_field(leat_csv *csv, int field, size_t row, int64_t line, leat_str t,
                             leat_error *err) {
  int index = csv->field_sink[field];
  if (index < 0) return LEAT_OK;
  sink *s = &csv->sinks[index];
  if (!t.len && s->has_default) t = s->default_text;
  if (s->dtype == LEAT_DTYPE_STRING) {
    if (!grow_bytes(s, t.len)) return leat__oom(err, t.len);
    bool inside = t.ptr >= csv->buffer && t.ptr < csv->buffer + csv->size;
    if (inside)
      put_string(s, row, t);
    else {
      if (t.len) memcpy(s->bytes + s->bytes_len, t.ptr, t.len);
      s->bytes_len += t.len;
      ((int64_t *)(void *)s->data)[row + 1] = (int64_t)s->bytes_len;
    }
    return LEAT_OK;
  }
  if (t.len && (t.ptr[0] == ' ' || t.ptr[t.len - 1] == ' ')) t = leat_str_strip(t, LEAT_STR(" \t"));
  return put_number(s, row, t) ? LEAT_OK : bad_number(csv, s, field, line, t, err);
}

// --- Rows ---------------------------------------------------------------------------------------
static leat_status note_row(leat_csv *csv, size_t row, leat_error *err) {
  if (row == csv->row_cap) {
    size_t cap = csv->row_cap ? csv->row_cap * 2 : 1024;
    int64_t *lines = leat__realloc(csv->row_line, cap * sizeof *lines);
    if (lines) csv->row_line = lines;
    int32_t *files = leat__realloc(csv->row_file, cap * sizeof *files);
    if (files) csv->row_file = files;
    if (!lines || !files) return leat__oom(err, cap * sizeof *lines);
    csv->row_cap = cap;
  }
  csv->row_line[row] = csv->line + 1;
  csv->row_file[row] = (int32_t)csv->file;
  return LEAT_OK;
}

// Reads the row at `at`; *done false when the buffer holds only a part of it.
static leat_status read_row(leat_csv *csv, size_t row, bool *done, leat_error *err) {
  const char *p = csv->buffer + csv->at;
  int64_t lines = 0, line = csv->line + 1;
  int field = 0;
  cut got;
  do {
    leat_str text;
    got = cut_field(csv, &p, &text, &lines);
    if (csv->scratch.failed) return leat__oom(err, csv->scratch.cap);
    if (got == CUT_MORE) return *done = false, LEAT_OK;
    if (got == CUT_BAD)
      return place_error(csv, err, line, field + 1, "a quote does not close, or text follows it");
    if (field >= csv->field_count)
      return place_error(csv, err, line, field + 1, "more than %d fields", csv->field_count);
    leat_status status = put_field(csv, field++, row, line, text, err);
    if (status) return status;
  } while (got == CUT_FIELD);
  if (field < csv->field_count)
    return place_error(csv, err, line, 0, "%d field%s, expected %d", field, field == 1 ? "" : "s",
                       csv->field_count);
  csv->at = (size_t)(p - csv->buffer);
  csv->line += 1 + lines;
  return *done = true, LEAT_OK;
}

static leat_status next_row(leat_csv *csv, size_t row, bool *ended, leat_error *err) {
  size_t kept[64];  // string sinks' lengths, to undo a row read in part
  for (;;) {
    cut found;
    leat_status status = skip_lines(csv, &found, err);
    if (status) return status;
    if (found == CUT_BAD) {
      if (csv->file + 1 == csv->path_count) return *ended = true, LEAT_OK;
      if ((status = open_file(csv, csv->file + 1, err))) return status;
      continue;
    }
    if ((status = note_row(csv, row, err))) return status;
    for (int i = 0; i < csv->sink_count; i++) {
      if (csv->sinks[i].dtype && !grow_sink(&csv->sinks[i], row)) return leat__oom(err, row);
      if (i < 64) kept[i] = csv->sinks[i].bytes_len;
    }
    bool done = false;
    status = read_row(csv, row, &done, err);
    if (status || done) return status;
    for (int i = 0; i < csv->sink_count; i++)
      csv->sinks[i].bytes_len =
          i < 64 ? kept[i] : (size_t)((int64_t *)(void *)csv->sinks[i].data)[row];
    if ((status = refill(csv, err))) return status;
  }
}

static leat_status make_tensor(sink *s, int64_t rows, leat_tensor **out, leat_error *err) {
  if (s->dtype == LEAT_DTYPE_NONE) return LEAT_OK;
  if (s->dtype != LEAT_DTYPE_STRING)
    return leat_tensor_copy_of(out, s->dtype, 1, &rows, s->data, err);
  leat_status status = leat_tensor_alloc_strings(out, 1, &rows, (int64_t)s->bytes_len, err);
  if (status) return status;
  memcpy(leat_tensor_data(*out), s->data, ((size_t)rows + 1) * sizeof(int64_t));
  if (s->bytes_len) memcpy((char *)(uintptr_t)leat_tensor_bytes(*out), s->bytes, s->bytes_len);
  return LEAT_OK;
}

static leat_status start_sinks(leat_csv *csv, leat_error *err) {
  for (int i = 0; i < csv->sink_count; i++) {
    sink *s = &csv->sinks[i];
    s->bytes_len = 0;
    if (s->dtype != LEAT_DTYPE_STRING) continue;
    if (!grow_sink(s, 0) || !grow_bytes(s, 0)) return leat__oom(err, 1);
    ((int64_t *)(void *)s->data)[0] = 0;
  }
  return LEAT_OK;
}

leat_status leat_csv_read(leat_csv *csv, int64_t most, leat_tensor **out, int64_t *rows,
                          leat_error *err) {
  leat_csv_position start = leat_csv_tell(csv);
  bool ended = false;
  *rows = 0;
  for (int i = 0; i < csv->sink_count; i++) out[i] = NULL;
  leat_status status = start_sinks(csv, err);
  int64_t count = 0;
  while (!status && count < most) {
    status = next_row(csv, (size_t)count, &ended, err);
    if (ended) break;
    if (!status) count++;
  }
  for (int i = 0; !status && count && i < csv->sink_count; i++)
    status = make_tensor(&csv->sinks[i], count, &out[i], err);
  if (!status) *rows = count;
  if (!status) return LEAT_OK;
  for (int i = 0; i < csv->sink_count; i++) {
    leat_tensor_unref(out[i]);
    out[i] = NULL;
  }
  leat_csv_seek(csv, start, NULL);
  return status;
}

leat_status leat_csv_rewind(leat_csv *csv, leat_error *err) { return open_file(csv, 0, err); }

void leat_csv_row(const leat_csv *csv, int64_t row, leat_csv_position *out) {
  *out = (leat_csv_position){.file = csv->row_file[row], .line = csv->row_line[row]};
}

void leat_csv_place(const leat_csv *csv, int64_t row, char *text, size_t size) {
  snprintf(text, size, "%s:%lld", csv->paths[csv->row_file[row]], (long long)csv->row_line[row]);
}
