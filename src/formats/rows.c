// Rows: the table of formats, and what they share: going from file to file, places, bad rows.
// SPDX-License-Identifier: Apache-2.0
#include "formats/rows_format.h"

#include "base/file.h"

#include <stdio.h>

static const leat_row_ops *const formats[LEAT_ROW_FORMATS] = {
    [LEAT_ROWS_CSV] = &leat__rows_csv,
    [LEAT_ROWS_JSONL] = &leat__rows_jsonl,
    [LEAT_ROWS_TFRECORD] = &leat__rows_tfrecord,
    [LEAT_ROWS_NPZ] = &leat__rows_npz,
};

struct leat_rows {
  leat_rows_options options;
  const leat_row_ops *ops;
  leat_arena arena;
  char **paths;
  size_t path_count;
  leat_columns columns;
  leat_row_file file;
  bool open;
  int64_t skipped;
  leat_row_place told;  // the last bad row that was told of
};

// --- Names --------------------------------------------------------------------------------------
const char *leat_row_format_name(leat_row_format format) {
  return format > LEAT_ROWS_AUTO && format < LEAT_ROW_FORMATS ? formats[format]->name : "auto";
}

leat_row_format leat_row_format_guess(const char *path) {
  static const char *const packed[] = {".gz", ".zz", ".zlib", ".gzip"};
  leat_str name = leat_str_of(path);
  for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
    if (leat_str_ends(name, leat_str_of(packed[i]))) name.len -= strlen(packed[i]);
  for (int f = LEAT_ROWS_AUTO + 1; f < LEAT_ROW_FORMATS; f++)
    for (int i = 0; i < 4 && formats[f]->extensions[i]; i++)
      if (leat_str_ends(name, leat_str_of(formats[f]->extensions[i]))) return (leat_row_format)f;
  return strstr(path, ".tfrecord") ? LEAT_ROWS_TFRECORD : LEAT_ROWS_AUTO;
}

// --- Files --------------------------------------------------------------------------------------
static void close_file(leat_rows *r) {
  if (r->open) r->ops->close(&r->file);
  r->open = false;
}

static leat_status open_file(leat_rows *r, int64_t index, leat_error *err) {
  close_file(r);
  r->file = (leat_row_file){
      .options = &r->options, .columns = &r->columns, .path = r->paths[index], .index = index};
  r->open = true;
  return r->ops->open(&r->file, err);
}

static leat_status copy_paths(leat_rows *r, const char *const *paths, leat_error *err) {
  r->paths = leat_arena_alloc(&r->arena, (r->path_count + 1) * sizeof *r->paths);
  if (!r->paths) return leat__oom(err, sizeof *r->paths);
  for (size_t i = 0; i < r->path_count; i++)
    if (!(r->paths[i] = leat_arena_str(&r->arena, leat_str_of(paths[i])))) return leat__oom(err, 1);
  return LEAT_OK;
}

leat_status leat_rows_open(leat_rows **out, const char *const *paths, size_t path_count,
                           const leat_rows_options *options, leat_error *err) {
  enum { MAX_COLUMNS = 1 << 16 };
  *out = NULL;
  if (options->column_count < 1 || options->column_count > MAX_COLUMNS || path_count < 1)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "no files, or no columns");
  leat_rows *r = leat__calloc(1, sizeof *r);
  if (!r) return leat__oom(err, sizeof *r);
  r->options = *options;
  leat_row_format format = options->format;
  if (!format) format = leat_row_format_guess(paths[0]);
  r->ops = formats[format ? format : LEAT_ROWS_CSV];
  r->path_count = path_count;
  r->told = (leat_row_place){-1, 0};
  leat_status status = copy_paths(r, paths, err);
  if (!status)
    status = leat_columns_init(&r->columns, options->columns, options->column_count, err);
  bool csv = r->ops == &leat__rows_csv;
  r->columns.decimal = csv && options->decimal != '.' ? options->decimal : 0;
  if (!status) status = open_file(r, 0, err);
  if (status)
    leat_rows_close(r);
  else
    *out = r;
  return status;
}

void leat_rows_close(leat_rows *r) {
  if (!r) return;
  close_file(r);
  leat_columns_deinit(&r->columns);
  leat_arena_deinit(&r->arena);
  leat__free(r);
}

// --- Rows ---------------------------------------------------------------------------------------
leat_status leat__row_fail(const leat_row_file *file, const leat_row_ops *ops, leat_status status,
                           leat_error *err) {
  char place[512];
  snprintf(place, sizeof place, ops->place, file->path,
           (long long)leat__row_place(file, ops->from_zero).line);
  return leat_error_prepend(err, status, "%s", place);
}

// A row that does not parse: told of the first time it is met, and passed over if that is allowed.
static leat_status pass_over(leat_rows *r, leat_status status, leat_error *bad, leat_error *err) {
  leat_row_place at = leat__row_place(&r->file, r->ops->from_zero);
  bool new = at.file > r->told.file || (at.file == r->told.file && at.line > r->told.line);
  leat_columns_drop_row(&r->columns);
  if (status != LEAT_INVALID_ARGUMENT || r->skipped >= r->options.max_errors) {
    if (err) *err = *bad;
    if (status == LEAT_INVALID_ARGUMENT && r->options.max_errors && err) {
      size_t n = strlen(err->message);
      snprintf(err->message + n, sizeof err->message - n,
               " (%lld bad rows before it were skipped already)", (long long)r->skipped);
    }
    return status;
  }
  r->skipped++;
  if (new) {
    r->told = at;
    if (r->options.on_error) r->options.on_error(r->options.context, bad->message);
  }
  return r->ops->skip(&r->file, err);
}

static leat_status next_row(leat_rows *r, bool *ended, leat_error *err) {
  leat_error bad = {0};
  for (;;) {
    bool over = false;
    leat_status status = r->ops->next(&r->file, &over, &bad);
    if (status) {
      if ((status = pass_over(r, status, &bad, err))) return status;
      continue;
    }
    if (!over) return LEAT_OK;
    if (r->file.index + 1 == (int64_t)r->path_count) return *ended = true, LEAT_OK;
    if ((status = open_file(r, r->file.index + 1, err))) return status;
  }
}

leat_status leat_rows_read(leat_rows *r, int64_t most, leat_tensor **out, int64_t *count,
                           leat_error *err) {
  leat_row_position start = leat_rows_tell(r);
  bool ended = false;
  *count = 0;
  for (int i = 0; i < r->columns.count; i++) out[i] = NULL;
  leat_status status = leat_columns_clear(&r->columns, err);
  while (!status && !ended && (int64_t)r->columns.rows < most) status = next_row(r, &ended, err);
  if (!status && r->columns.rows) status = leat_columns_take(&r->columns, out, err);
  if (!status)
    *count = (int64_t)r->columns.rows;
  else
    leat_rows_seek(r, start, NULL);
  return status;
}

// --- Positions ----------------------------------------------------------------------------------
leat_row_position leat_rows_tell(const leat_rows *r) {
  return (leat_row_position){r->file.index, r->file.offset, r->file.line, r->skipped};
}

leat_status leat_rows_seek(leat_rows *r, leat_row_position p, leat_error *err) {
  if (p.file < 0 || (size_t)p.file >= r->path_count)
    return leat_error_set(err, LEAT_OUT_OF_RANGE, "the data have no file number %lld",
                          (long long)p.file);
  leat_status status = LEAT_OK;
  if (p.file != r->file.index || !r->open) status = open_file(r, p.file, err);
  if (!status) status = r->ops->seek(&r->file, p.offset, p.line, err);
  r->skipped = p.skipped;
  return status;
}

leat_status leat_rows_rewind(leat_rows *r, leat_error *err) {
  r->skipped = 0;
  return open_file(r, 0, err);
}

leat_row_place leat_rows_place(const leat_rows *r, int64_t row) { return r->columns.places[row]; }

void leat_rows_place_text(const leat_rows *r, leat_row_place place, char *text, size_t size) {
  snprintf(text, size, r->ops->place, r->paths[place.file], (long long)place.line);
}
