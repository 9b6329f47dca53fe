// Reports: every row's label and prediction, then what is counted over them.
// SPDX-License-Identifier: Apache-2.0
#include "train/report.h"

#include "base/file.h"
#include "base/map.h"
#include "features/statistics.h"
#include "train/job_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct row {
  double label;       // class id, or the number
  double prediction;  // chosen class, or the number
  double chance;      // of the label's class
  double score;       // of the second of two classes, or of the chosen one
  leat_row_place place;
  int32_t slice;
} row;
typedef LEAT_VEC(row) rows;

typedef struct reporter {
  leat_job *job;
  const leat_config *c;
  leat_func *func;
  leat_exec *exec;
  int inputs, class_ids, probabilities, predictions;  // outputs by index; -1: none
  leat_map classes;
  rows rows;
  leat_report *out;
  leat_error *err;
} reporter;

// --- Predictions --------------------------------------------------------------------------------
static int find_output(const leat_func *f, const char *name) {
  for (int i = 0; i < leat_func_output_count(f); i++)
    if (strcmp(leat_func_output_name(f, i), name) == 0) return i;
  return -1;
}

bool leat_job_can_report(const leat_job *job) {
  const leat_config *c = leat_job_estimator(job)->config;
  bool number = c->head == LEAT_HEAD_REGRESSION || c->head == LEAT_HEAD_LOGISTIC ||
                c->head == LEAT_HEAD_POISSON;
  return (number && c->outputs == 1) || c->head == LEAT_HEAD_BINARY ||
         c->head == LEAT_HEAD_MULTI_CLASS;
}

// Classes by their words, or by their numbers where the label has no vocabulary.
static leat_status name_classes(reporter *r) {
  const leat_config *c = r->c;
  int count = r->out->classes;
  leat_str *names = leat_arena_alloc(&r->out->arena, ((size_t)count + 1) * sizeof *names);
  if (!names) return leat__oom(r->err, sizeof *names);
  for (int i = 0; i < count; i++) {
    char digits[16];
    bool made;
    int length = snprintf(digits, sizeof digits, "%d", i);
    leat_str number = {digits, (size_t)length};
    if (c->label_vocabulary.count)
      names[i] = c->label_vocabulary.at[i];
    else
      names[i] = (leat_str){leat_arena_str(&r->out->arena, number), number.len};
    leat_map_entry *entry = names[i].ptr ? leat_map_insert(&r->classes, names[i], &made) : NULL;
    if (!entry) return leat__oom(r->err, sizeof *entry);
    entry->value.num = i;
  }
  r->out->names = names;
  return LEAT_OK;
}

static leat_status prepare(reporter *r) {
  r->func = leat_job_estimator(r->job)->predict;
  r->inputs = leat_func_input_count(r->func);
  r->class_ids = find_output(r->func, "class_ids");
  r->probabilities = find_output(r->func, "probabilities");
  r->predictions = find_output(r->func, "predictions");
  bool classifier = r->class_ids >= 0 && r->probabilities >= 0;
  if (!leat_job_can_report(r->job) || (!classifier && r->predictions < 0))
    return leat_error_set(r->err, LEAT_UNIMPLEMENTED,
                          "slices, calibration and importance are for one label of one class or "
                          "one number");
  r->out->classes = classifier ? (int)r->c->classes : 0;
  leat_status status = name_classes(r);
  size_t cells = (size_t)r->out->classes * (size_t)r->out->classes;
  r->out->confusion = leat_arena_alloc(&r->out->arena, (cells + 1) * sizeof *r->out->confusion);
  if (!status && !r->out->confusion) status = leat__oom(r->err, cells);
  return status ? status : leat_exec_new(&r->exec, r->func, NULL, r->err);
}

static double label_at(const reporter *r, const leat_tensor *label, int64_t i) {
  if (leat_tensor_dtype(label) == LEAT_DTYPE_I64)
    return (double)((const int64_t *)leat_tensor_data(label))[i];
  if (leat_tensor_dtype(label) == LEAT_DTYPE_F32)
    return (double)((const float *)leat_tensor_data(label))[i];
  leat_map_entry *entry =
      leat_map_find(&r->classes, leat_str_strip(leat_tensor_str(label, i), r->c->label_strip));
  return entry ? (double)entry->value.num : -1;
}

static row row_of(const reporter *r, leat_tensor *const *out, double label, int64_t i) {
  row x = {.label = label};
  if (!r->out->classes) {
    x.prediction = (double)((const float *)leat_tensor_data(out[r->predictions]))[i];
    return x;
  }
  int64_t k = r->out->classes, id = ((const int64_t *)leat_tensor_data(out[r->class_ids]))[i];
  const float *p = (const float *)leat_tensor_data(out[r->probabilities]) + i * k;
  x.prediction = (double)id;
  x.chance = (double)p[label >= 0 && label < (double)k ? (int64_t)label : 0];
  x.score = (double)p[k == 2 ? 1 : id];
  return x;
}

// Predicts for a batch and appends a row for each of its rows.
static leat_status predict(reporter *r, leat_tensor *const *batch, int64_t count, rows *to) {
  int outputs = leat_func_output_count(r->func);
  leat_tensor **out = leat__calloc((size_t)outputs + 1, sizeof *out);
  if (!out) return leat__oom(r->err, sizeof *out);
  leat_status status =
      leat_exec_run(r->exec, leat_job_state(r->job), (leat_tensor **)batch, r->inputs, out, r->err);
  for (int64_t i = 0; !status && i < count; i++)
    if (!leat_vec_push(to, row_of(r, out, label_at(r, batch[r->inputs], i), i)))
      status = leat__oom(r->err, sizeof(row));
  for (int i = 0; i < outputs; i++) leat_tensor_unref(out[i]);
  leat__free(out);
  return status;
}

static void drop(leat_tensor **batch, int count) {
  for (int i = 0; i < count; i++) leat_tensor_unref(batch[i]), batch[i] = NULL;
}

static leat_status predict_all(reporter *r) {
  const leat_config *c = r->c;
  int columns = leat_config_batch_size(c);
  leat_input_source *source = NULL;
  leat_tensor **batch = leat__calloc((size_t)columns + 1, sizeof *batch);
  leat_status status = batch ? LEAT_OK : leat__oom(r->err, sizeof *batch);
  if (!status) status = leat__job_eval_source(&source, r->job, r->err);
  for (int64_t done = 0; !status && (!c->eval_steps || done < c->eval_steps); done++) {
    int64_t count;
    status = leat_source_next(source, c->eval_batch_size, batch, &count, r->err);
    if (status || !count) break;
    size_t first = r->rows.count;
    status = predict(r, batch, count, &r->rows);
    for (size_t i = first; i < r->rows.count; i++)
      r->rows.at[i].place = leat_source_row(source, (int64_t)(i - first));
    drop(batch, columns);
  }
  leat_source_close(source);
  leat__free(batch);
  return status;
}

// --- Scores -------------------------------------------------------------------------------------
static int by_score(const void *a, const void *b) {
  double x = ((const row *)a)->score, y = ((const row *)b)->score;
  return (x > y) - (x < y);
}

// The chance that a row of the second class has the greater score; ties count half. Sorts.
static double rank_auc(row *at, size_t count) {
  double positives = 0, sum = 0;
  if (count) qsort(at, count, sizeof *at, by_score);
  for (size_t i = 0; i < count;) {
    size_t end = i;
    double tied = 0;
    while (end < count && at[end].score == at[i].score) tied += at[end++].label == 1;
    sum += tied * ((double)(i + end + 1) / 2);  // the mean rank of the tie
    positives += tied;
    i = end;
  }
  double negatives = (double)count - positives;
  if (!(positives > 0 && negatives > 0)) return (double)NAN;
  return (sum - positives * (positives + 1) / 2) / (positives * negatives);
}

// Sorts the rows.
static leat_scores score(const reporter *r, row *at, size_t count) {
  leat_scores s = {.rows = (int64_t)count, .auc = (double)NAN};
  double n = count ? (double)count : 1;
  bool classifier = r->out->classes > 0, binary = r->out->classes == 2;
  for (size_t i = 0; i < count; i++) {
    double off = at[i].prediction - at[i].label;
    s.loss += (classifier ? -log(fmax(at[i].chance, 1e-15)) : off * off) / n;
    s.accuracy += classifier && off == 0 ? 1 / n : 0;
    s.error += classifier ? 0 : fabs(off) / n;
    s.label += (binary || !classifier ? at[i].label : 0) / n;
    s.prediction += (binary ? at[i].score : classifier ? 0 : at[i].prediction) / n;
  }
  if (binary) s.auc = rank_auc(at, count);
  return s;
}

static void count_all(reporter *r) {
  leat_report *out = r->out;
  for (size_t i = 0; out->classes && i < r->rows.count; i++) {
    const row *x = &r->rows.at[i];
    int bin = (int)(x->score * LEAT_CALIBRATION_BINS);
    if (x->label < 0) continue;
    out->confusion[(int64_t)x->label * out->classes + (int64_t)x->prediction]++;
    leat_calibration_bin *b =
        &out->calibration[bin < 0                        ? 0
                          : bin >= LEAT_CALIBRATION_BINS ? LEAT_CALIBRATION_BINS - 1
                                                         : bin];
    b->rows++;
    b->predicted += x->score;
    b->observed += out->classes == 2 ? x->label == 1 : x->label == x->prediction;
  }
  for (int i = 0; i < LEAT_CALIBRATION_BINS; i++) {
    leat_calibration_bin *b = &out->calibration[i];
    if (!b->rows) continue;
    b->predicted /= (double)b->rows;
    b->observed /= (double)b->rows;
    out->calibration_error +=
        fabs(b->predicted - b->observed) * (double)b->rows / (double)r->rows.count;
  }
}

// --- Slices -------------------------------------------------------------------------------------
static bool is_column(leat_str column, const char *name) {
  if (strlen(name) != column.len) return false;
  for (size_t i = 0; i < column.len; i++)
    if (column.ptr[i] != name[i] && leat_csv_name_char(column.ptr[i]) != name[i]) return false;
  return true;
}

typedef struct slicer {
  leat_paths paths;
  leat_table table;
  int column;
  leat_column_stats stats;
  double quarters[5];
  leat_map values;  // value.num: index of the slice
} slicer;

static leat_status open_slices(reporter *r, const char *name, slicer *s) {
  const leat_config *c = r->c;
  leat_status status = LEAT_OK;
  bool split = c->split > 0 && !c->eval_files.count;
  const leat_str *files = split ? c->train_files.at : c->eval_files.at;
  size_t count = split ? c->train_files.count : c->eval_files.count;
  for (size_t i = 0; !status && i < count; i++) {
    char *pattern = leat_arena_str(&r->out->arena, files[i]);
    status = pattern ? leat_glob(pattern, &s->paths, r->err) : leat__oom(r->err, 1);
  }
  leat_str *names = leat_arena_alloc(&r->out->arena, (c->columns.count + 1) * sizeof *names);
  if (!status && !names) status = leat__oom(r->err, sizeof *names);
  for (size_t i = 0; !status && i < c->columns.count; i++) names[i] = c->columns.at[i].name;
  leat_table_options o = {.delimiter = c->rows.delimiter ? c->rows.delimiter : ',',
                          .comment = c->rows.comment,
                          .header = c->rows.header ? LEAT_HEADER_YES : LEAT_HEADER_NO,
                          .names = names,
                          .name_count = c->rows.header ? 0 : (int)c->columns.count};
  if (!status)
    status =
        leat_table_open(&s->table, (const char *const *)s->paths.at, s->paths.count, &o, r->err);
  if (status) return status;
  s->column = -1;
  for (size_t i = 0; i < s->table.names.count; i++)
    if (is_column(s->table.names.at[i], name)) s->column = (int)i;
  if (s->column >= 0) return LEAT_OK;
  leat_str nearest = leat_str_nearest(leat_str_of(name), s->table.names.at, s->table.names.count);
  return leat_error_set(
      r->err, LEAT_INVALID_ARGUMENT, "the evaluation data have no column '%s'%s" LEAT_STR_FMT "%s",
      name, nearest.len ? "; did you mean '" : "", LEAT_STR_ARG(nearest), nearest.len ? "'?" : "");
}

// The slice of a text: itself, or the quarter that its number is in.
static leat_status slice_of(reporter *r, slicer *s, leat_str text, int32_t *out) {
  char made[80];
  double number;
  bool made_new;
  if (s->stats.distinct > 20 && leat_column_stats_is_number(&s->stats)) {
    int q = 0;
    bool good = leat_column_stats_number(&s->stats, text, &number);
    while (good && q < 3 && number >= s->quarters[q + 1]) q++;
    int length = snprintf(made, sizeof made, "%.6g to %.6g", s->quarters[q], s->quarters[q + 1]);
    text = good ? (leat_str){made, (size_t)length} : (leat_str){made, 0};
  }
  leat_map_entry *entry = leat_map_find(&s->values, text);
  if (!entry) {
    leat_report_slice slice = {.value = {leat_arena_str(&r->out->arena, text), text.len}};
    entry = slice.value.ptr ? leat_map_insert(&s->values, slice.value, &made_new) : NULL;
    if (!entry || !leat_vec_push(&r->out->slices, slice)) return leat__oom(r->err, text.len);
    entry->value.num = (int64_t)r->out->slices.count - 1;
  }
  *out = (int32_t)entry->value.num;
  return LEAT_OK;
}

static int by_slice(const void *a, const void *b) {
  return ((const row *)a)->slice - ((const row *)b)->slice;
}
static int by_rows(const void *a, const void *b) {
  int64_t x = ((const leat_report_slice *)a)->scores.rows,
          y = ((const leat_report_slice *)b)->scores.rows;
  return (x < y) - (x > y);
}

static leat_status read_columns(reporter *r, slicer *s) {
  const double fractions[] = {0, 0.25, 0.5, 0.75, 1};
  bool ended = false;
  leat_status status = LEAT_OK;
  LEAT_VEC(leat_str) texts = {0};
  while (!status && texts.count < r->rows.count &&
         !(status = leat_table_next(&s->table, &ended, r->err)) && !ended) {
    const leat_row_place *place = &r->rows.at[texts.count].place;
    if (s->table.row.place.file != place->file || s->table.row.place.line != place->line)
      continue;  // a row of the other side of the split, or one that did not parse
    leat_str text = s->table.values[s->column];
    char *kept = leat_arena_str(&r->out->arena, text);
    status = leat_column_stats_add(&s->stats, text, r->err);
    if (!status && (!kept || !leat_vec_push(&texts, (leat_str){kept, text.len})))
      status = leat__oom(r->err, text.len);
  }
  if (!status) status = leat_column_stats_finish(&s->stats, r->err);
  if (!status) status = leat_quantiles_read(&s->stats.quantiles, fractions, 5, s->quarters, r->err);
  if (!status && texts.count < r->rows.count)
    status =
        leat_error_set(r->err, LEAT_DATA_LOSS, "the evaluation data changed while they were read");
  for (size_t i = 0; !status && i < texts.count; i++)
    status = slice_of(r, s, texts.at[i], &r->rows.at[i].slice);
  leat_vec_deinit(&texts);
  return status;
}

static leat_status make_slices(reporter *r, const char *name) {
  slicer s = {.column = -1};
  leat_status status = open_slices(r, name, &s);
  if (!status) status = read_columns(r, &s);
  if (!status && r->rows.count) {
    qsort(r->rows.at, r->rows.count, sizeof *r->rows.at, by_slice);
    for (size_t i = 0, end; i < r->rows.count; i = end) {
      int32_t slice = r->rows.at[i].slice;
      for (end = i; end < r->rows.count && r->rows.at[end].slice == slice;) end++;
      r->out->slices.at[slice].scores = score(r, r->rows.at + i, end - i);
    }
    qsort(r->out->slices.at, r->out->slices.count, sizeof *r->out->slices.at, by_rows);
  }
  leat_map_deinit(&s.values);
  leat_column_stats_deinit(&s.stats);
  leat_table_close(&s.table);
  leat_paths_deinit(&s.paths);
  return status;
}

// --- Permutation importance ---------------------------------------------------------------------
static uint64_t draw(uint64_t *state) {  // splitmix64
  uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

static leat_status permuted(const leat_tensor *from, const int64_t *order, leat_tensor **out,
                            leat_error *err) {
  int64_t n = leat_tensor_dims(from)[0], width = n ? leat_tensor_count(from) / n : 0;
  size_t bytes = leat_dtype_bytes(leat_tensor_dtype(from)) * (size_t)width;
  if (leat_tensor_dtype(from) != LEAT_DTYPE_STRING) {
    leat_status status = leat_tensor_new(out, leat_tensor_dtype(from), leat_tensor_rank(from),
                                         leat_tensor_dims(from), err);
    for (int64_t i = 0; !status && i < n; i++)
      memcpy((char *)leat_tensor_data(*out) + (size_t)i * bytes,
             (const char *)leat_tensor_data(from) + (size_t)order[i] * bytes, bytes);
    return status;
  }
  leat_str *list = leat__alloc(sizeof *list * (size_t)(n * width + 1));
  if (!list) return leat__oom(err, sizeof *list * (size_t)(n * width));
  for (int64_t i = 0; i < n * width; i++)
    list[i] = leat_tensor_str(from, order[i / width] * width + i % width);
  leat_status status =
      leat_tensor_new_strings(out, leat_tensor_rank(from), leat_tensor_dims(from), list, err);
  leat__free(list);
  return status;
}

static int by_loss(const void *a, const void *b) {
  double x = ((const leat_report_importance *)a)->loss,
         y = ((const leat_report_importance *)b)->loss;
  return (x < y) - (x > y);
}

static leat_status importance_of(reporter *r, leat_tensor **batch, int64_t count, uint64_t seed) {
  rows found = {0};
  leat_status status = predict(r, batch, count, &found);
  leat_scores base = score(r, found.at, found.count);
  int64_t *order = leat__alloc(sizeof *order * (size_t)(count + 1));
  if (!status && !order) status = leat__oom(r->err, sizeof *order * (size_t)count);
  for (int i = 0; !status && i < r->inputs; i++) {
    leat_tensor *kept = batch[i], *mixed = NULL;
    for (int64_t k = 0; k < count; k++) order[k] = k;
    for (int64_t k = count - 1; k > 0; k--) {
      int64_t j = (int64_t)(draw(&seed) % (uint64_t)(k + 1)), at = order[k];
      order[k] = order[j];
      order[j] = at;
    }
    status = permuted(kept, order, &mixed, r->err);
    found.count = 0;
    batch[i] = mixed;
    if (!status) status = predict(r, batch, count, &found);
    batch[i] = kept;
    leat_tensor_unref(mixed);
    if (status) break;
    leat_scores worse = score(r, found.at, found.count);
    leat_report_importance x = {leat_str_of(leat_func_input_name(r->func, i)),
                                worse.loss - base.loss, base.accuracy - worse.accuracy};
    if (!leat_vec_push(&r->out->importance, x)) status = leat__oom(r->err, sizeof x);
  }
  if (r->out->importance.count)
    qsort(r->out->importance.at, r->out->importance.count, sizeof *r->out->importance.at, by_loss);
  leat_vec_deinit(&found);
  leat__free(order);
  return status;
}

static leat_status make_importance(reporter *r, const leat_report_options *o) {
  const leat_config *c = r->c;
  int columns = leat_config_batch_size(c);
  leat_input_source *source = NULL;
  int64_t count = 0;
  leat_tensor **batch = leat__calloc((size_t)columns + 1, sizeof *batch);
  leat_status status = batch ? LEAT_OK : leat__oom(r->err, sizeof *batch);
  if (!status) status = leat__job_eval_source(&source, r->job, r->err);
  if (!status)
    status = leat_source_next(source, o->importance_rows > 0 ? o->importance_rows : 10000, batch,
                              &count, r->err);
  if (!status && count) status = importance_of(r, batch, count, o->seed);
  if (batch) drop(batch, columns);
  leat_source_close(source);
  leat__free(batch);
  return status;
}

// --- Whole --------------------------------------------------------------------------------------
leat_status leat_job_report(leat_job *job, const leat_report_options *options, leat_report *out,
                            leat_error *err) {
  *out = (leat_report){0};
  reporter r = {.job = job, .c = leat_job_estimator(job)->config, .out = out, .err = err};
  leat_status status = prepare(&r);
  if (!status) status = predict_all(&r);
  if (!status) {
    count_all(&r);
    if (options->slice_by) status = make_slices(&r, options->slice_by);
    out->all = score(&r, r.rows.at, r.rows.count);
  }
  if (!status && options->importance) status = make_importance(&r, options);
  leat_exec_free(r.exec);
  leat_map_deinit(&r.classes);
  leat_vec_deinit(&r.rows);
  if (status) leat_report_deinit(out);
  return status;
}

void leat_report_deinit(leat_report *r) {
  leat_vec_deinit(&r->slices);
  leat_vec_deinit(&r->importance);
  leat_arena_deinit(&r->arena);
}
