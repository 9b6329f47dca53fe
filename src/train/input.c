// Training input: one block in memory at a time, its rows taken in a permuted order.
// SPDX-License-Identifier: Apache-2.0
#include "train/input.h"

#include "base/file.h"
#include "base/fingerprint.h"
#include "base/map.h"
#include "base/worker.h"
#include "engine/vec.h"
#include "train/label.h"

#include <math.h>
#include <stdio.h>

enum { PLAIN_BLOCK = 8192, PLACE = 320 };

typedef struct block {    // rows that are shuffled together
  leat_tensor **columns;  // by column of a batch
  int64_t rows;
  int64_t *order;          // of taking
  int64_t count;           // how many are taken: all, or one side of the split
  leat_row_place *places;  // by row
  leat_input_position at;  // its start
  bool ended;              // no block: the data have ended
  leat_status status;      // of reading it
  leat_error error;
} block;

// The reader's part is the worker's while it reads a block ahead; all else is the consumer's.
struct leat_input_source {
  const leat_config *config;
  leat_paths paths;
  int64_t shuffle, block_rows;
  bool repeat;
  uint64_t seed;
  int columns;       // of a batch: inputs, the label, weights
  leat_map classes;  // of the label
  leat_side side;
  // The reader.
  leat_rows *rows;
  leat_tensor **all;         // columns of the file
  leat_input_position next;  // of the block to read
  int64_t pass_count;        // rows taken of this pass
  block ahead;
  // The consumer.
  block now;
  int64_t index;                 // rows of it taken already
  leat_worker *worker;           // NULL: blocks are read when they are needed
  bool reading;                  // a block was asked for
  leat_row_place *taken_places;  // by row of the last batch
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

static leat_status new_block(block *b, int columns, leat_error *err) {
  b->columns = leat__calloc((size_t)columns + 1, sizeof *b->columns);
  return b->columns ? LEAT_OK : leat__oom(err, sizeof *b->columns);
}

// CSV files without a header do not name their columns.
static leat_status check_columns(const leat_input_source *s, leat_error *err) {
  const leat_config *c = s->config;
  leat_row_format format = c->rows.format;
  if (!format) format = leat_row_format_guess(s->paths.at[0]);
  bool named = c->rows.header || (format && format != LEAT_ROWS_CSV);
  if (!c->open_columns || named) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "%s: data.csv.columns: the names of the columns were expected (or "
                        "data.csv.header, or another data.format)",
                        s->paths.at[0]);
}

static leat_status open_rows(leat_input_source *s, leat_error *err) {
  const leat_config *c = s->config;
  s->columns = leat_config_batch_size(c);
  s->all = leat__calloc(c->columns.count + 1, sizeof *s->all);
  leat_status status = s->all ? LEAT_OK : leat__oom(err, 1);
  if (!status) status = new_block(&s->now, s->columns, err);
  if (!status) status = new_block(&s->ahead, s->columns, err);
  if (!status)
    status =
        leat_rows_open(&s->rows, (const char *const *)s->paths.at, s->paths.count, &c->rows, err);
  if (!status) s->next.start = leat_rows_tell(s->rows);
  s->now.at = s->next;
  return status;
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
  leat_status status = expand(s, files, file_count, err);
  if (!status) status = check_columns(s, err);
  if (!status) status = index_classes(s, err);
  if (!status) status = open_rows(s, err);
  if (!status && config->prefetch) status = leat_worker_new(&s->worker, err);
  if (status)
    leat_source_close(s);
  else
    *out = s;
  return status;
}

static void empty_block(block *b, int columns) {
  for (int i = 0; b->columns && i < columns; i++) {
    leat_tensor_unref(b->columns[i]);
    b->columns[i] = NULL;
  }
  b->rows = b->count = 0;
  b->ended = false;
}

static void free_block(block *b, int columns) {
  empty_block(b, columns);
  leat__free(b->columns);
  leat__free(b->order);
  leat__free(b->places);
}

void leat_source_close(leat_input_source *s) {
  if (!s) return;
  leat_worker_free(s->worker);
  free_block(&s->now, s->columns);
  free_block(&s->ahead, s->columns);
  leat_rows_close(s->rows);
  leat_paths_deinit(&s->paths);
  leat_map_deinit(&s->classes);
  leat__free(s->all);
  leat__free(s->taken_places);
  leat__free(s);
}

// --- Blocks -------------------------------------------------------------------------------------
void leat_source_take(leat_input_source *s, leat_side side) { s->side = side; }

static int64_t width_of(const leat_tensor *t) {
  return leat_tensor_rank(t) == 2 ? leat_tensor_dims(t)[1] : 1;
}

// The bytes of a value; none for what pads a row of several.
static leat_str value_bytes(const leat_tensor *t, int64_t i, bool padded) {
  leat_dtype dtype = leat_tensor_dtype(t);
  if (dtype == LEAT_DTYPE_STRING) return leat_tensor_str(t, i);
  size_t size = (size_t)leat_dtype_bytes(dtype);
  const char *at = (const char *)leat_tensor_data(t) + size * (size_t)i;
  bool missing = dtype == LEAT_DTYPE_F32 ? isnan(((const float *)leat_tensor_data(t))[i])
                                         : ((const int64_t *)leat_tensor_data(t))[i] == -1;
  return (leat_str){at, padded && missing ? 0 : size};
}

// A share of [0, 1) that depends on the values of row i alone.
static double share_of(const leat_input_source *s, const block *b, int64_t i) {
  uint64_t hash = 0;
  for (int c = 0; c < s->columns; c++) {
    int64_t width = width_of(b->columns[c]);
    for (int64_t k = 0; k < width; k++) {
      leat_str bytes = value_bytes(b->columns[c], i * width + k, width > 1);
      if (bytes.len || width == 1) hash = leat_fingerprint_cat64(hash, leat_fingerprint64(bytes));
    }
  }
  return (double)(hash >> 11) * 0x1p-53;
}

static void choose(leat_input_source *s, block *b) {
  b->count = 0;
  for (int64_t i = 0; i < b->rows; i++) {
    bool eval = s->side != LEAT_SIDE_BOTH && share_of(s, b, i) < s->config->split;
    if (s->side == LEAT_SIDE_BOTH || eval == (s->side == LEAT_SIDE_EVAL)) b->order[b->count++] = i;
  }
  s->pass_count += b->count;
}

// Fisher-Yates with words of Philox(seed; epoch, block).
static leat_status permute(leat_input_source *s, block *b, leat_error *err) {
  int64_t *order = leat__realloc(b->order, sizeof *order * (size_t)(b->rows + 1));
  if (!order) return leat__oom(err, sizeof *order * (size_t)b->rows);
  b->order = order;
  choose(s, b);
  if (s->shuffle < 2) return LEAT_OK;
  uint32_t *words = leat__alloc(sizeof *words * 2 * (size_t)(b->rows + 1));
  if (!words) return leat__oom(err, sizeof *words * (size_t)b->rows);
  const uint32_t key[2] = {(uint32_t)s->seed, (uint32_t)(s->seed >> 32)};
  leat__vec()->philox(words, 0, 2 * (size_t)b->count, key, 0x73687566u, (uint32_t)b->at.epoch,
                      (uint32_t)b->at.block);
  for (int64_t i = b->count - 1; i > 0; i--) {
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
static leat_status check_labels(const leat_input_source *s, const block *b, leat_error *err) {
  leat_tensor *const *labels = &b->columns[s->config->inputs.count];
  for (int64_t i = 0; i < b->rows; i++) {
    leat_status status = leat_label_check(s->config, &s->classes, labels, i, err);
    if (!status) continue;
    char place[PLACE];
    leat_rows_place_text(s->rows, b->places[i], place, sizeof place);
    return leat_error_prepend(err, status, "%s", place);
  }
  return LEAT_OK;
}

// Weights are finite and not negative.
static leat_status check_weights(const leat_input_source *s, const block *b, leat_error *err) {
  const leat_tensor *weights = s->config->weight_column.len ? b->columns[s->columns - 1] : NULL;
  for (int64_t i = 0; weights && i < b->rows; i++) {
    float w = ((const float *)leat_tensor_data(weights))[i];
    if (w >= 0 && w - w == 0) continue;
    char place[PLACE];
    leat_rows_place_text(s->rows, b->places[i], place, sizeof place);
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: " LEAT_STR_FMT ": the weight is %g",
                          place, LEAT_STR_ARG(s->config->weight_column), (double)w);
  }
  return LEAT_OK;
}

static leat_status note_places(const leat_input_source *s, block *b, leat_error *err) {
  leat_row_place *places = leat__realloc(b->places, sizeof *places * (size_t)(b->rows + 1));
  if (!places) return leat__oom(err, sizeof *places * (size_t)b->rows);
  b->places = places;
  for (int64_t i = 0; i < b->rows; i++) places[i] = leat_rows_place(s->rows, i);
  return LEAT_OK;
}

static leat_status load_block(leat_input_source *s, block *b, leat_error *err) {
  b->at = s->next;
  leat_status status = leat_rows_read(s->rows, s->block_rows, s->all, &b->rows, err);
  if (status || !b->rows) return status;
  for (int i = 0; i < s->columns; i++) b->columns[i] = s->all[s->config->batch_columns.at[i]];
  status = note_places(s, b, err);
  if (!status) status = check_labels(s, b, err);
  if (!status) status = check_weights(s, b, err);
  if (!status) status = permute(s, b, err);
  if (!status) s->next.start = leat_rows_tell(s->rows);
  if (!status) s->next.block++;
  return status;
}

// The next block, of this pass or of the next.
static leat_status read_block(leat_input_source *s, block *b, leat_error *err) {
  leat_status status = load_block(s, b, err);
  if (status || b->rows) return status;
  if (s->next.block == 0)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: no rows", s->paths.at[0]);
  if (s->pass_count == 0)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: data.split leaves no rows to %s",
                          s->paths.at[0], s->side == LEAT_SIDE_EVAL ? "evaluate" : "train on");
  if (!s->repeat) return b->ended = true, LEAT_OK;
  s->pass_count = 0;
  status = leat_rows_rewind(s->rows, err);
  s->next = (leat_input_position){.epoch = s->next.epoch + 1};
  if (!status) s->next.start = leat_rows_tell(s->rows);
  return status ? status : load_block(s, b, err);
}

static void read_ahead(void *of) {
  leat_input_source *s = of;
  s->ahead.status = read_block(s, &s->ahead, &s->ahead.error);
}

static void ask(leat_input_source *s) {
  empty_block(&s->ahead, s->columns);
  s->reading = true;
  leat_worker_start(s->worker, read_ahead, s);
}

// Makes the next block the one at hand.
static leat_status next_block(leat_input_source *s, leat_error *err) {
  empty_block(&s->now, s->columns);
  s->index = 0;
  if (!s->worker) return read_block(s, &s->now, err);
  if (!s->reading) ask(s);
  leat_worker_wait(s->worker);
  s->reading = false;
  if (s->ahead.status) {
    if (err) *err = s->ahead.error;
    return s->ahead.status;
  }
  block read = s->ahead;
  s->ahead = s->now;
  s->now = read;
  if (!read.ended) ask(s);
  return LEAT_OK;
}

// --- Batches ------------------------------------------------------------------------------------
typedef struct part {  // rows of one block that go into a batch
  leat_tensor **columns;
  int64_t *order;
  int64_t count;
} part;

// Rows one behind the other; shorter ones are padded with what means "missing".
static void take_numbers(const leat_tensor *from, const int64_t *order, int64_t count, char *to,
                         int64_t width) {
  bool real = leat_tensor_dtype(from) == LEAT_DTYPE_F32;
  int64_t have = width_of(from), bytes = real ? 4 : 8;
  const char *data = leat_tensor_data(from);
  for (int64_t i = 0; i < count; i++, to += width * bytes) {
    memcpy(to, data + order[i] * have * bytes, (size_t)(have * bytes));
    for (int64_t k = have; k < width; k++)
      if (real)
        ((float *)(void *)to)[k] = NAN;
      else
        ((int64_t *)(void *)to)[k] = -1;
  }
}

static leat_status join_strings(const part *parts, int part_count, int column, int rank,
                                const int64_t dims[2], leat_tensor **out, leat_error *err) {
  int64_t at = 0, total = dims[0] * (rank == 2 ? dims[1] : 1);
  leat_str *list = leat__calloc((size_t)total + 1, sizeof *list);
  if (!list) return leat__oom(err, sizeof *list * (size_t)total);
  for (int p = 0; p < part_count; p++) {
    const leat_tensor *from = parts[p].columns[column];
    int64_t have = width_of(from);
    for (int64_t i = 0; i < parts[p].count; i++, at += rank == 2 ? dims[1] : 1)
      for (int64_t k = 0; k < have; k++)
        list[at + k] = leat_tensor_str(from, parts[p].order[i] * have + k);
  }
  leat_status status = leat_tensor_new_strings(out, rank, dims, list, err);
  leat__free(list);
  return status;
}

static leat_status join_column(const part *parts, int part_count, int column, int64_t rows,
                               leat_tensor **out, leat_error *err) {
  const leat_tensor *first = parts[0].columns[column];
  leat_dtype dtype = leat_tensor_dtype(first);
  int rank = leat_tensor_rank(first);
  int64_t dims[2] = {rows, 1};
  if (rank == 2) dims[1] = 0;
  for (int p = 0; p < part_count; p++)
    if (width_of(parts[p].columns[column]) > dims[1]) dims[1] = width_of(parts[p].columns[column]);
  if (dtype == LEAT_DTYPE_STRING)
    return join_strings(parts, part_count, column, rank, dims, out, err);
  leat_status status = leat_tensor_new(out, dtype, rank, dims, err);
  if (status) return status;
  char *to = leat_tensor_data(*out);
  for (int p = 0; p < part_count; p++) {
    take_numbers(parts[p].columns[column], parts[p].order, parts[p].count, to, dims[1]);
    to += parts[p].count * dims[1] * (int64_t)leat_dtype_bytes(dtype);
  }
  return LEAT_OK;
}

static leat_status join(leat_input_source *s, const part *parts, int part_count, int64_t rows,
                        leat_tensor **out, leat_error *err) {
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < s->columns; i++)
    status = join_column(parts, part_count, i, rows, &out[i], err);
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
  for (int i = 0; i < s->columns; i++) p->columns[i] = leat_tensor_ref(s->now.columns[i]);
  memcpy(p->order, s->now.order + s->index, sizeof *p->order * (size_t)count);
  p->count = count;
  for (int64_t i = 0; i < count; i++)
    s->taken_places[s->taken_count++] = s->now.places[p->order[i]];
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
    leat_row_place *places = leat__realloc(s->taken_places, sizeof *places * (size_t)size);
    if (!places) return leat__oom(err, sizeof *places * (size_t)size);
    s->taken_places = places;
    s->taken_cap = size;
  }
  s->taken_count = 0;
  while (!status && have < size && count < MAX_PARTS) {
    if (s->index >= s->now.count && !s->now.ended) status = next_block(s, err);
    if (status || s->now.ended) break;
    int64_t left = s->now.count - s->index, take = left < size - have ? left : size - have;
    if (!take) continue;
    status = keep_part(s, take, &parts[count++], err);
    s->index += take;
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

leat_input_position leat_source_tell(const leat_input_source *s) {
  leat_input_position at = s->now.at;
  at.index = s->index;
  return at;
}

leat_status leat_source_seek(leat_input_source *s, leat_input_position position, leat_error *err) {
  leat_worker_wait(s->worker);
  s->reading = false;
  s->pass_count = 1;  // the blocks before are not known
  empty_block(&s->now, s->columns);
  s->next = position;
  s->next.index = 0;
  s->now.at = s->next;
  s->index = 0;
  leat_status status = leat_rows_seek(s->rows, position.start, err);
  if (!status && position.index) status = next_block(s, err);
  if (!status && position.index > s->now.count)
    return leat_error_set(err, LEAT_DATA_LOSS,
                          "the training data have changed: row %lld of a block of %lld",
                          (long long)position.index, (long long)s->now.count);
  s->index = position.index;
  return status;
}

leat_row_place leat_source_row(const leat_input_source *s, int64_t row) {
  return s->taken_places[row];
}

void leat_source_place(const leat_input_source *s, leat_row_place place, char *text, size_t size) {
  leat_rows_place_text(s->rows, place, text, size);
}
