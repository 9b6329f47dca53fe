// Training input: one block in memory at a time, its rows taken in a permuted order.
// SPDX-License-Identifier: Apache-2.0
#include "train/input.h"

#include "base/file.h"
#include "base/fingerprint.h"
#include "base/map.h"
#include "engine/vec.h"
#include "train/label.h"

#include <stdio.h>

enum { PLAIN_BLOCK = 8192, PLACE = 320 };

struct leat_input_source {
  const leat_config *config;
  leat_paths paths;
  leat_csv *csv;
  int64_t shuffle, block_rows;
  bool repeat, ended;
  uint64_t seed;
  int columns;          // inputs, the label, weights
  leat_tensor **all;    // columns of the file, block at hand
  leat_tensor **block;  // by column
  int64_t rows;         // of the block
  int64_t *order;       // of those taken
  int64_t count;        // how many
  int64_t pass_count;   // taken of the blocks of this pass
  leat_rows take;
  leat_input_position at;
  leat_map classes;                 // of the label
  leat_csv_position *places;        // by row of the block: file and line
  leat_csv_position *taken_places;  // by row of the last batch
  int64_t taken_cap, taken_count;
};

static leat_status expand(leat_input_source *s, const leat_str *files, size_t count,
                          leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < count; i++) {
    leat_buf pattern = {0};
    leat_buf_str(&pattern, files[i]);
    status = leat_buf_status(&pattern, err);
    if (!status) status = leat_glob(pattern.ptr ? pattern.ptr : "", &s->paths, err);
    leat_buf_deinit(&pattern);
  }
  return status;
}

static leat_status index_classes(leat_input_source *s, leat_error *err) {
  for (size_t i = 0; i < s->config->label_vocabulary.count; i++) {
    leat_map_entry *entry = leat_map_insert(&s->classes, s->config->label_vocabulary.at[i], NULL);
    if (!entry) return leat__oom(err, sizeof *entry);
    entry->value.num = (int64_t)i;
  }
  return LEAT_OK;
}

leat_status leat_source_open(leat_input_source **out, const leat_config *config,
                             const leat_str *files, size_t file_count, int64_t shuffle, bool repeat,
                             uint64_t seed, leat_error *err) {
  *out = NULL;
  if (!file_count)
    return leat_error_set(
        err, LEAT_INVALID_ARGUMENT,
        "no data files (data.train and data.eval, or --train-files and --eval-files)");
  leat_input_source *s = leat__calloc(1, sizeof *s);
  if (!s) return leat__oom(err, sizeof *s);
  s->config = config;
  s->shuffle = shuffle;
  s->block_rows = shuffle > 1 ? shuffle : PLAIN_BLOCK;
  s->repeat = repeat;
  s->seed = seed;
  s->columns = leat_config_batch_size(config);
  s->all = leat__calloc(config->columns.count + 1, sizeof *s->all);
  s->block = leat__calloc((size_t)s->columns + 1, sizeof *s->block);
  leat_status status = s->all && s->block ? expand(s, files, file_count, err) : leat__oom(err, 1);
  if (!status) status = index_classes(s, err);
  if (!status)
    status =
        leat_csv_open(&s->csv, (const char *const *)s->paths.at, s->paths.count, &config->csv, err);
  if (!status) s->at.start = leat_csv_tell(s->csv);
  if (status)
    leat_source_close(s);
  else
    *out = s;
  return status;
}

static void drop_block(leat_input_source *s) {
  for (int i = 0; s->block && i < s->columns; i++) {
    leat_tensor_unref(s->block[i]);
    s->block[i] = NULL;
  }
  s->rows = s->count = 0;
}

void leat_source_close(leat_input_source *s) {
  if (!s) return;
  drop_block(s);
  leat_csv_close(s->csv);
  leat_paths_deinit(&s->paths);
  leat_map_deinit(&s->classes);
  leat__free(s->all);
  leat__free(s->block);
  leat__free(s->order);
  leat__free(s->places);
  leat__free(s->taken_places);
  leat__free(s);
}

// --- Blocks -------------------------------------------------------------------------------------
void leat_source_take(leat_input_source *s, leat_rows rows) { s->take = rows; }

// A share of [0, 1) that depends on the values of row i alone.
static double share_of(const leat_input_source *s, int64_t i) {
  uint64_t hash = 0;
  for (int k = 0; k < s->columns; k++) {
    const leat_tensor *t = s->block[k];
    leat_dtype dtype = leat_tensor_dtype(t);
    size_t size = (size_t)leat_dtype_bits(dtype) / 8;
    leat_str bytes = dtype == LEAT_DTYPE_STRING
                         ? leat_tensor_str(t, i)
                         : (leat_str){(const char *)leat_tensor_data(t) + size * (size_t)i, size};
    hash = leat_fingerprint_cat64(hash, leat_fingerprint64(bytes));
  }
  return (double)(hash >> 11) * 0x1p-53;
}

static void choose(leat_input_source *s) {
  s->count = 0;
  for (int64_t i = 0; i < s->rows; i++) {
    bool eval = s->take != LEAT_ROWS_ALL && share_of(s, i) < s->config->split;
    if (s->take == LEAT_ROWS_ALL || eval == (s->take == LEAT_ROWS_EVAL)) s->order[s->count++] = i;
  }
  s->pass_count += s->count;
}

// Fisher-Yates with words of Philox(seed; epoch, block).
static leat_status permute(leat_input_source *s, leat_error *err) {
  int64_t *order = leat__realloc(s->order, sizeof *order * (size_t)(s->rows + 1));
  if (!order) return leat__oom(err, sizeof *order * (size_t)s->rows);
  s->order = order;
  choose(s);
  if (s->shuffle < 2) return LEAT_OK;
  uint32_t *words = leat__alloc(sizeof *words * 2 * (size_t)(s->rows + 1));
  if (!words) return leat__oom(err, sizeof *words * (size_t)s->rows);
  const uint32_t key[2] = {(uint32_t)s->seed, (uint32_t)(s->seed >> 32)};
  leat__vec()->philox(words, 0, 2 * (size_t)s->count, key, 0x73687566u, (uint32_t)s->at.epoch,
                      (uint32_t)s->at.block);
  for (int64_t i = s->count - 1; i > 0; i--) {
    uint64_t word = (uint64_t)words[2 * i] << 32 | words[2 * i + 1];
    int64_t k = (int64_t)(((unsigned __int128)word * (uint64_t)(i + 1)) >> 64);
    int64_t kept = order[i];
    order[i] = order[k];
    order[k] = kept;
  }
  leat__free(words);
  return LEAT_OK;
}

// Labels that are not good are reported with their place in the file.
static leat_status check_labels(leat_input_source *s, leat_error *err) {
  leat_tensor *const *labels = &s->block[s->config->inputs.count];
  for (int64_t i = 0; i < s->rows; i++) {
    leat_status status = leat_label_check(s->config, &s->classes, labels, i, err);
    if (!status) continue;
    char place[PLACE];
    leat_csv_place(s->csv, i, place, sizeof place);
    return leat_error_prepend(err, status, "%s", place);
  }
  return LEAT_OK;
}

// Weights are finite and not negative.
static leat_status check_weights(leat_input_source *s, leat_error *err) {
  const leat_tensor *weights = s->config->weight_column.len ? s->block[s->columns - 1] : NULL;
  for (int64_t i = 0; weights && i < s->rows; i++) {
    float w = ((const float *)leat_tensor_data(weights))[i];
    if (w >= 0 && w - w == 0) continue;
    char place[PLACE];
    leat_csv_place(s->csv, i, place, sizeof place);
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: " LEAT_STR_FMT ": the weight is %g",
                          place, LEAT_STR_ARG(s->config->weight_column), (double)w);
  }
  return LEAT_OK;
}

static leat_status note_places(leat_input_source *s, leat_error *err) {
  leat_csv_position *places = leat__realloc(s->places, sizeof *places * (size_t)(s->rows + 1));
  if (!places) return leat__oom(err, sizeof *places * (size_t)s->rows);
  s->places = places;
  for (int64_t i = 0; i < s->rows; i++) leat_csv_row(s->csv, i, &places[i]);
  return LEAT_OK;
}

static leat_status load_block(leat_input_source *s, leat_error *err) {
  drop_block(s);
  leat_status status = leat_csv_read(s->csv, s->block_rows, s->all, &s->rows, err);
  if (status) return status;
  for (int i = 0; i < s->columns; i++) s->block[i] = s->all[s->config->batch_columns.at[i]];
  if (!s->rows) return LEAT_OK;
  status = check_labels(s, err);
  if (!status) status = check_weights(s, err);
  if (!status) status = note_places(s, err);
  return status ? status : permute(s, err);
}

// Makes sure that a row can be taken: the next block, or the next pass. *rows 0: no more.
static leat_status next_block(leat_input_source *s, leat_error *err) {
  bool first = s->rows == 0 && s->at.index == 0;
  if (!first || s->rows) {
    s->at.start = leat_csv_tell(s->csv);
    s->at.block++;
    s->at.index = 0;
  }
  leat_status status = load_block(s, err);
  if (status || s->rows) return status;
  if (s->at.block == 0)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: no rows", s->paths.at[0]);
  if (s->pass_count == 0)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: data.split leaves no rows to %s",
                          s->paths.at[0], s->take == LEAT_ROWS_EVAL ? "evaluate" : "train on");
  if (!s->repeat) return s->ended = true, LEAT_OK;
  s->pass_count = 0;
  s->at = (leat_input_position){.epoch = s->at.epoch + 1};
  status = leat_csv_rewind(s->csv, err);
  if (!status) s->at.start = leat_csv_tell(s->csv);
  return status ? status : load_block(s, err);
}

// --- Batches ------------------------------------------------------------------------------------
static void take_numbers(const leat_tensor *from, const int64_t *order, int64_t count,
                         leat_tensor *out, int64_t at) {
  if (leat_tensor_dtype(from) == LEAT_DTYPE_F32) {
    const float *x = leat_tensor_data(from);
    float *y = (float *)leat_tensor_data(out) + at;
    for (int64_t i = 0; i < count; i++) y[i] = x[order[i]];
  } else {
    const int64_t *x = leat_tensor_data(from);
    int64_t *y = (int64_t *)leat_tensor_data(out) + at;
    for (int64_t i = 0; i < count; i++) y[i] = x[order[i]];
  }
}

typedef struct part {  // rows of one block that go into a batch
  leat_tensor **columns;
  int64_t *order;
  int64_t count;
} part;

static leat_status join_strings(const part *parts, int part_count, int column, int64_t rows,
                                leat_tensor **out, leat_error *err) {
  leat_str *list = leat__alloc(sizeof *list * (size_t)(rows + 1));
  if (!list) return leat__oom(err, sizeof *list * (size_t)rows);
  int64_t at = 0;
  for (int p = 0; p < part_count; p++)
    for (int64_t i = 0; i < parts[p].count; i++)
      list[at++] = leat_tensor_str(parts[p].columns[column], parts[p].order[i]);
  leat_status status = leat_tensor_new_strings(out, 1, &rows, list, err);
  leat__free(list);
  return status;
}

static leat_status join(leat_input_source *s, const part *parts, int part_count, int64_t rows,
                        leat_tensor **out, leat_error *err) {
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < s->columns; i++) {
    leat_dtype dtype = leat_tensor_dtype(parts[0].columns[i]);
    if (dtype == LEAT_DTYPE_STRING) {
      status = join_strings(parts, part_count, i, rows, &out[i], err);
      continue;
    }
    status = leat_tensor_new(&out[i], dtype, 1, &rows, err);
    int64_t at = 0;
    for (int p = 0; !status && p < part_count; at += parts[p++].count)
      take_numbers(parts[p].columns[i], parts[p].order, parts[p].count, out[i], at);
  }
  return status;
}

enum { MAX_PARTS = 64 };

static void free_part(part *p, int columns) {
  for (int i = 0; p->columns && i < columns; i++) leat_tensor_unref(p->columns[i]);
  leat__free(p->columns);
  leat__free(p->order);
}

static leat_status keep_part(leat_input_source *s, int64_t count, part *p, leat_error *err) {
  p->columns = leat__calloc((size_t)s->columns + 1, sizeof *p->columns);
  p->order = leat__alloc(sizeof *p->order * (size_t)(count + 1));
  if (!p->columns || !p->order) return leat__oom(err, sizeof *p->order * (size_t)count);
  for (int i = 0; i < s->columns; i++) p->columns[i] = leat_tensor_ref(s->block[i]);
  memcpy(p->order, s->order + s->at.index, sizeof *p->order * (size_t)count);
  p->count = count;
  for (int64_t i = 0; i < count; i++) s->taken_places[s->taken_count++] = s->places[p->order[i]];
  return LEAT_OK;
}

leat_status leat_source_next(leat_input_source *s, int64_t size, leat_tensor **out, int64_t *rows,
                             leat_error *err) {
  part parts[MAX_PARTS] = {{0}};
  int count = 0;
  int64_t have = 0;
  leat_status status = LEAT_OK;
  *rows = 0;
  for (int i = 0; i < s->columns; i++) out[i] = NULL;
  if (size > s->taken_cap) {
    leat_csv_position *places = leat__realloc(s->taken_places, sizeof *places * (size_t)size);
    if (!places) return leat__oom(err, sizeof *places * (size_t)size);
    s->taken_places = places;
    s->taken_cap = size;
  }
  s->taken_count = 0;
  while (!status && have < size && count < MAX_PARTS) {
    if (s->at.index >= s->count) status = s->ended ? LEAT_OK : next_block(s, err);
    if (status || s->ended) break;
    int64_t take = s->count - s->at.index < size - have ? s->count - s->at.index : size - have;
    if (!take) continue;
    status = keep_part(s, take, &parts[count++], err);
    s->at.index += take;
    have += take;
  }
  if (!status && have) status = join(s, parts, count, have, out, err);
  if (!status) *rows = have;
  for (int i = 0; i < count; i++) free_part(&parts[i], s->columns);
  for (int i = 0; status && i < s->columns; i++) {
    leat_tensor_unref(out[i]);
    out[i] = NULL;
  }
  return status;
}

leat_input_position leat_source_tell(const leat_input_source *s) { return s->at; }

leat_status leat_source_seek(leat_input_source *s, leat_input_position position, leat_error *err) {
  int64_t index = position.index;
  drop_block(s);
  s->at = position;
  s->at.index = 0;
  s->pass_count = 1;  // the blocks before are not known
  s->ended = false;
  leat_status status = leat_csv_seek(s->csv, position.start, err);
  if (!status && index) status = load_block(s, err);
  if (!status && index > s->count)
    status = leat_error_set(err, LEAT_DATA_LOSS,
                            "the training data have changed: row %lld of a block of %lld",
                            (long long)index, (long long)s->count);
  s->at.index = index;
  return status;
}

void leat_source_place(const leat_input_source *s, int64_t row, char *text, size_t size) {
  if (row < 0 || row >= s->taken_count)
    snprintf(text, size, "?");
  else
    snprintf(text, size, "%s:%lld", s->paths.at[s->taken_places[row].file],
             (long long)s->taken_places[row].line);
}
