// JSON lines: an object a line.
// SPDX-License-Identifier: Apache-2.0
#include "formats/jsonl.h"

#include "formats/reader.h"
#include "formats/rows_format.h"

// --- One object ---------------------------------------------------------------------------------
static leat_status put_value(leat_json *json, leat_json_event event, leat_columns *c, int column,
                             bool strict, leat_error *err) {
  const leat_column *of = &c->sinks[column].column;
  bool text = of->dtype == LEAT_DTYPE_STRING,
       word = event == LEAT_JSON_TRUE || event == LEAT_JSON_FALSE;
  bool good = text ? event == LEAT_JSON_STRING || (!strict && event == LEAT_JSON_NUMBER)
                   : event == LEAT_JSON_NUMBER;
  leat_str value = json->text;
  if (word && !strict) {
    good = true;
    value = text ? event == LEAT_JSON_TRUE ? LEAT_STR("true") : LEAT_STR("false")
            : event == LEAT_JSON_TRUE ? LEAT_STR("1")
                                      : LEAT_STR("0");
  }
  if (!good)
    return leat_json_fail(json, err, "'" LEAT_STR_FMT "' is %s", LEAT_STR_ARG(of->name),
                          text ? "text" : "a number");
  leat_error inner = {0};
  leat_status status = leat_columns_text(c, column, value, false, &inner);
  return status ? leat_json_fail(json, err, "%s", inner.message) : LEAT_OK;
}

static leat_status read_values(leat_json *json, leat_columns *c, int column, bool strict,
                               leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(json, &event, err);
  if (status || event == LEAT_JSON_NULL) return status;
  if (event != LEAT_JSON_ARRAY) return put_value(json, event, c, column, strict, err);
  while (!(status = leat_json_next(json, &event, err)) && event != LEAT_JSON_ARRAY_END)
    if ((status = put_value(json, event, c, column, strict, err))) return status;
  return status;
}

leat_status leat_json_row(leat_json *json, leat_columns *c, bool strict, leat_error *err) {
  leat_json_event event;
  leat_status status = LEAT_OK;
  while (!status && !(status = leat_json_next(json, &event, err)) && event == LEAT_JSON_KEY) {
    int column = leat_columns_find(c, json->text);
    bool wanted = column >= 0 && c->sinks[column].column.dtype;
    if (wanted && c->sinks[column].count != c->sinks[column].mark_count)
      status = leat_json_fail(json, err, "'" LEAT_STR_FMT "' is given twice",
                              LEAT_STR_ARG(c->sinks[column].column.name));
    else if (wanted)
      status = read_values(json, c, column, strict, err);
    else if (!(status = leat_json_next(json, &event, err)))
      status = leat_json_skip(json, event, err);
  }
  return status;
}

// --- Lines --------------------------------------------------------------------------------------
static leat_status jsonl_open(leat_row_file *f, leat_error *err) {
  leat_reader *r = f->state = leat__calloc(1, sizeof *r);
  if (!r) return leat__oom(err, sizeof *r);
  leat_status status = leat_reader_open(r, f->path, f->options->compression, 0, err);
  if (status) return status;
  if (r->end >= 3 && memcmp(r->buffer, "\xEF\xBB\xBF", 3) == 0) r->at = 3;
  f->offset = leat_reader_tell(r);
  return LEAT_OK;
}

static void jsonl_close(leat_row_file *f) {
  if (f->state) leat_reader_close(f->state);
  leat__free(f->state);
}

// The line at hand, which stays where it is; *line.ptr NULL at the end.
static leat_status see_line(leat_row_file *f, leat_str *line, size_t *whole, leat_error *err) {
  leat_reader *r = f->state;
  for (size_t seen = 0;;) {
    const char *p = r->buffer + r->at;
    size_t have = r->end - r->at;
    const char *newline = have > seen ? memchr(p + seen, '\n', have - seen) : NULL;
    if (newline || r->eof) {
      *whole = newline ? (size_t)(newline + 1 - p) : have;
      *line = (leat_str){*whole ? p : NULL, newline ? *whole - 1 : have};
      return LEAT_OK;
    }
    seen = have;
    leat_status status = leat_reader_more(r, err);
    if (status) return leat__row_fail(f, &leat__rows_jsonl, status, err);
  }
}

static void pass_line(leat_row_file *f, size_t whole) {
  leat_reader *r = f->state;
  r->at += whole;
  f->line++;
  f->offset = leat_reader_tell(r);
}

static leat_status parse_line(leat_row_file *f, leat_str line, leat_error *err) {
  leat_json json;
  leat_json_event event;
  leat_json_init(&json, line, f->path);
  json.specials = !f->options->strict;
  json.lines_before = f->line;
  leat_status status = leat_json_next(&json, &event, err);
  if (!status && event != LEAT_JSON_OBJECT)
    status = leat_json_fail(&json, err, "an object was expected");
  if (!status) status = leat_json_row(&json, f->columns, f->options->strict, err);
  if (!status) status = leat_json_next(&json, &event, err);
  leat_json_deinit(&json);
  if (status) return status;
  status = leat_columns_end_row(f->columns, f->options->strict, err);
  return status ? leat__row_fail(f, &leat__rows_jsonl, status, err) : LEAT_OK;
}

static leat_status jsonl_next(leat_row_file *f, bool *ended, leat_error *err) {
  for (;;) {
    leat_str line;
    size_t whole;
    leat_status status = see_line(f, &line, &whole, err);
    if (status) return status;
    if (!line.ptr) return *ended = true, LEAT_OK;
    if (leat_str_strip(line, LEAT_STR(" \t\r")).len) {
      status = leat_columns_begin_row(f->columns, leat__row_place(f, false), err);
      if (!status) status = parse_line(f, line, err);
      if (!status) pass_line(f, whole);
      return status;
    }
    pass_line(f, whole);
  }
}

static leat_status jsonl_skip(leat_row_file *f, leat_error *err) {
  leat_str line;
  size_t whole;
  leat_status status = see_line(f, &line, &whole, err);
  if (!status) pass_line(f, whole);
  return status;
}

static leat_status jsonl_seek(leat_row_file *f, int64_t offset, int64_t line, leat_error *err) {
  f->offset = offset;
  f->line = line;
  return leat_reader_seek(f->state, offset, err);
}

const leat_row_ops leat__rows_jsonl = {.name = "jsonl",
                                       .extensions = {".jsonl", ".ndjson", ".json"},
                                       .place = "%s:%lld",
                                       .open = jsonl_open,
                                       .close = jsonl_close,
                                       .next = jsonl_next,
                                       .skip = jsonl_skip,
                                       .seek = jsonl_seek};
