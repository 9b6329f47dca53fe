// The starter: one rule a column type, each decision written beside the feature.
// SPDX-License-Identifier: Apache-2.0
#include "train/starter.h"

#include "formats/json.h"

#include <math.h>
#include <stdio.h>

enum { FEW = 50, MANY = 1000, MOST_CLASSES = 20, LEAST_SPLIT = 100 };

typedef struct starter {
  const leat_statistics *s;
  const leat_starter_options *o;
  leat_buf *out, *notes;
  int label;
  bool classifier;
  int features;
  leat_error *err;
} starter;

static const leat_column_stats *label_of(const starter *m) { return &m->s->columns[m->label]; }

// --- The label ----------------------------------------------------------------------------------
static bool same_word(leat_str name, const char *word) {
  size_t i = 0;
  while (i < name.len && word[i] && (name.ptr[i] | 0x20) == word[i]) i++;
  return i == name.len && !word[i];
}

static leat_status find_label(starter *m) {
  static const char *const names[] = {"label",   "target", "class",    "y",
                                      "outcome", "churn",  "churned",  "survived",
                                      "default", "fraud",  "is_fraud", "income_bracket"};
  const leat_table *t = &m->s->table;
  m->label = (int)t->names.count - 1;
  if (m->o->label.len) {
    m->label = leat_table_column(t, m->o->label);
    if (m->label >= 0) return LEAT_OK;
    leat_str nearest = leat_str_nearest(m->o->label, t->names.at, t->names.count);
    return leat_error_set(m->err, LEAT_INVALID_ARGUMENT,
                          "%s: no column '" LEAT_STR_FMT "'%s" LEAT_STR_FMT "%s", t->paths[0],
                          LEAT_STR_ARG(m->o->label), nearest.len ? "; did you mean '" : "",
                          LEAT_STR_ARG(nearest), nearest.len ? "'?" : "");
  }
  for (size_t n = 0; n < sizeof names / sizeof *names; n++)
    for (size_t i = 0; i < t->names.count; i++)
      if (same_word(t->names.at[i], names[n])) return m->label = (int)i, LEAT_OK;
  leat_buf_fmt(m->notes, "label: the last column, " LEAT_STR_FMT " (--label chooses another)\n",
               LEAT_STR_ARG(t->names.at[m->label]));
  return LEAT_OK;
}

static leat_status check_label(starter *m) {
  const leat_column_stats *c = label_of(m);
  const char *file = m->s->table.paths[0];
  leat_map_entry *empty = leat_map_find(&c->words.map, LEAT_STR(""));
  bool number = c->type == LEAT_COLUMN_INT || c->type == LEAT_COLUMN_FLOAT;
  m->classifier =
      !number || (c->distinct <= 2 || (c->type == LEAT_COLUMN_INT && c->distinct <= MOST_CLASSES));
  int64_t missing = m->classifier ? empty ? empty->value.num : 0 : c->kinds[LEAT_TEXT_MISSING];
  if (missing)
    return leat_error_set(m->err, LEAT_INVALID_ARGUMENT,
                          "%s: the label '" LEAT_STR_FMT
                          "' is missing in %lld of %lld rows; drop them, or "
                          "choose another with --label",
                          file, LEAT_STR_ARG(c->name), (long long)missing, (long long)c->rows);
  if (c->distinct < 2)
    return leat_error_set(m->err, LEAT_INVALID_ARGUMENT,
                          "%s: the label '" LEAT_STR_FMT "' has one value only", file,
                          LEAT_STR_ARG(c->name));
  if (!m->classifier && c->wrong)
    return leat_error_set(m->err, LEAT_INVALID_ARGUMENT,
                          "%s: the label '" LEAT_STR_FMT "' has %lld values that are no numbers",
                          file, LEAT_STR_ARG(c->name), (long long)c->wrong);
  if (m->classifier && (c->streaming || c->distinct > MANY))
    return leat_error_set(m->err, LEAT_INVALID_ARGUMENT,
                          "%s: the label '" LEAT_STR_FMT
                          "' has %.0f different values; --label chooses another",
                          file, LEAT_STR_ARG(c->name), c->distinct);
  return LEAT_OK;
}

// The column's name with what a header's name may have turned into _.
static void put_name(leat_str name, leat_buf *out) {
  for (size_t i = 0; i < name.len; i++) leat_buf_char(out, leat_csv_name_char(name.ptr[i]));
}

static void quote_name(starter *m, leat_str name) {
  leat_buf clean = {0};
  put_name(name, &clean);
  leat_json_quote(m->out, leat_buf_view(&clean));
  leat_buf_deinit(&clean);
}

static leat_status put_label(starter *m) {
  const leat_column_stats *c = label_of(m);
  leat_word_counts words = {0};
  leat_buf_c(m->out, "label: {column: ");
  quote_name(m, c->name);
  if (!m->classifier) return leat_buf_c(m->out, "}\n"), LEAT_OK;
  leat_status status = leat_counts_read(&c->words, 0, 0, false, &words, m->err);
  int64_t most = 0, least = INT64_MAX;
  leat_buf_c(m->out, ", vocabulary: [");
  for (size_t i = 0; i < words.count; i++) {
    leat_buf_c(m->out, i ? ", " : "");
    leat_json_quote(m->out, words.at[i].word);
    if (words.at[i].count > most) most = words.at[i].count;
    if (words.at[i].count < least) least = words.at[i].count;
  }
  leat_buf_c(m->out, "]}\n");
  double share = (double)least / (double)c->rows;
  if (words.count && share < 0.2 / (double)words.count * 2)
    leat_buf_fmt(
        m->notes,
        "unbalanced classes: the rarest has %lld of %lld rows (%.2g %%); accuracy says little, "
        "look at AUC, precision and recall (always the largest class: accuracy %.4f)\n",
        (long long)least, (long long)c->rows, 100 * share, (double)most / (double)c->rows);
  leat_vec_deinit(&words);
  return status;
}

// --- Features -----------------------------------------------------------------------------------
static bool is_identifier(const leat_column_stats *c) {
  double present = (double)leat_column_stats_present(c);
  if (present < 20) return false;
  if (c->type == LEAT_COLUMN_STRING) return c->distinct > 0.9 * present;
  return c->type == LEAT_COLUMN_INT && c->distinct > 0.98 * present &&
         c->numbers.greatest - c->numbers.least < 2 * present;
}

static const char *why_not(const leat_column_stats *c) {
  if (c->type == LEAT_COLUMN_EMPTY) return "empty";
  if (c->distinct < 2 && !c->kinds[LEAT_TEXT_MISSING]) return "the same in every row";
  return is_identifier(c) ? "another value in nearly every row: an identifier?" : NULL;
}

static void put_key(starter *m, const leat_column_stats *c, const char *suffix) {
  leat_buf key = {0};
  put_name(c->name, &key);
  leat_buf_c(&key, suffix);
  leat_buf_c(m->out, "  ");
  leat_json_quote(m->out, leat_buf_view(&key));
  leat_buf_c(m->out, ": {");
  leat_buf_deinit(&key);
  m->features++;
}

static void put_date(starter *m, const leat_column_stats *c) {
  static const struct {
    const char *part, *kind;
  } parts[] = {{"days", "numeric: {normalize: z_score, impute: mean}"},
               {"month", "buckets: [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]"},
               {"weekday", "buckets: [1, 2, 3, 4, 5, 6]"},
               {"hour", "buckets: [4, 8, 12, 16, 20]"}};
  int count = c->lengths.greatest > 12 ? 4 : 3;  // with a time of day
  for (int i = 0; i < count; i++) {
    char suffix[16];
    snprintf(suffix, sizeof suffix, "_%s", parts[i].part);
    put_key(m, c, suffix);
    leat_buf_c(m->out, "column: ");
    quote_name(m, c->name);
    leat_buf_fmt(m->out, ", parse: %s, order: %s, %s}\n", parts[i].part,
                 leat_date_order_names[c->order], parts[i].kind);
  }
}

static void put_number(starter *m, const leat_column_stats *c) {
  leat_map_entry *empty = leat_map_find(&c->words.map, LEAT_STR(""));
  int64_t missing = c->kinds[LEAT_TEXT_MISSING], words = missing - (empty ? empty->value.num : 0);
  put_key(m, c, "");
  if (words || c->wrong) leat_buf_c(m->out, "parse: number, ");
  leat_buf_fmt(m->out, "numeric: {normalize: z_score%s}}\n",
               missing || c->wrong ? ", impute: mean" : "");
  if (c->wrong)
    leat_buf_fmt(m->notes, LEAT_STR_FMT ": %lld values are no numbers and count as missing\n",
                 LEAT_STR_ARG(c->name), (long long)c->wrong);
}

static void put_words(starter *m, const leat_column_stats *c) {
  put_key(m, c, "");
  int dimension = (int)ceil(pow(c->distinct, 0.25) * 2);
  if (c->distinct <= FEW)
    leat_buf_c(m->out, "vocabulary: auto}\n");
  else if (c->distinct <= MANY)
    leat_buf_fmt(m->out, "vocabulary: auto, embedding: %d}\n", dimension);
  else {
    int64_t buckets = 1;
    while ((double)buckets < c->distinct && buckets < 1 << 20) buckets *= 2;
    leat_buf_fmt(m->out, "hash: %lld, embedding: %d}\n", (long long)buckets, dimension);
  }
}

static void put_features(starter *m) {
  leat_buf_c(m->out, "features:\n");
  for (size_t i = 0; i < m->s->table.names.count; i++) {
    const leat_column_stats *c = &m->s->columns[i];
    const char *reason = (int)i == m->label ? NULL : why_not(c);
    if ((int)i == m->label) continue;
    if (reason) {
      leat_buf_c(m->out, "  # ");
      leat_json_quote(m->out, c->name);
      leat_buf_fmt(m->out, " is left out: %s\n", reason);
      leat_buf_fmt(m->notes, LEAT_STR_FMT ": left out, %s\n", LEAT_STR_ARG(c->name), reason);
    } else if (c->type == LEAT_COLUMN_DATE)
      put_date(m, c);
    else if (c->type == LEAT_COLUMN_STRING)
      put_words(m, c);
    else
      put_number(m, c);
  }
}

// --- The file -----------------------------------------------------------------------------------
static void put_files(starter *m, const char *key, const char *const *files, size_t count) {
  leat_buf_fmt(m->out, "  %s: [", key);
  for (size_t i = 0; i < count; i++) {
    leat_buf_c(m->out, i ? ", " : "");
    leat_json_quote(m->out, leat_str_of(files[i]));
  }
  leat_buf_c(m->out, "]");
}

static void put_data(starter *m) {
  const leat_table *t = &m->s->table;
  leat_buf_c(m->out, "data:\n  csv:\n    columns: [");
  for (size_t i = 0; i < t->names.count; i++) {
    leat_buf_c(m->out, i ? ", " : "");
    quote_name(m, t->names.at[i]);
  }
  leat_buf_fmt(m->out, "]\n    header: %s\n", t->header ? "true" : "false");
  if (t->delimiter != ',') {
    leat_buf_c(m->out, "    delimiter: ");
    leat_json_quote(m->out, (leat_str){&t->delimiter, 1});
    leat_buf_char(m->out, '\n');
  }
  if (t->comment) {
    leat_buf_c(m->out, "    comment: ");
    leat_json_quote(m->out, (leat_str){&t->comment, 1});
    leat_buf_char(m->out, '\n');
  }
  if (t->spaces) leat_buf_c(m->out, "    skip_initial_space: true\n");
  put_files(m, "train", m->o->files, m->o->file_count);
  leat_buf_char(m->out, '\n');
  if (m->o->eval_file)
    put_files(m, "eval", &m->o->eval_file, 1);
  else if (m->s->rows >= LEAST_SPLIT)
    leat_buf_c(m->out,
               "  split: 0.2  # of the rows are kept for evaluation, by a hash of their values");
  else {
    put_files(m, "eval", m->o->files, m->o->file_count);
    leat_buf_c(m->out, "  # the rows of training: keep some apart and name them here");
    leat_buf_c(m->notes,
               "evaluation is on the training rows: keep some apart (--eval FILE, or data.eval)\n");
  }
  leat_buf_char(m->out, '\n');
}

static void put_training(starter *m) {
  int64_t rows = m->s->rows, batch = rows < 2000 ? 16 : rows < 20000 ? 32 : 128;
  int64_t steps = rows * 20 / batch;
  steps = steps < 300 ? 300 : steps > 5000 ? 5000 : steps;
  leat_buf_fmt(m->out,
               "train: {batch_size: %lld, steps: %lld, seed: 1}\neval: {batch_size: 1024}\n",
               (long long)batch, (long long)steps);
}

static leat_status write_all(starter *m) {
  const leat_column_stats *c = label_of(m);
  bool wide = m->s->rows > 5000;
  leat_buf_fmt(m->out, "# A start for %s (leat init): %lld rows. Change what you know better.\n",
               m->s->table.paths[0], (long long)m->s->rows);
  leat_buf_fmt(m->out, "estimator: %s\n", m->classifier ? "DNNClassifier" : "DNNRegressor");
  leat_buf_fmt(m->out, "hidden_units: %s\n", wide ? "[64, 32]" : "[32, 16]");
  double scale = m->classifier ? 0 : fmax(fabs(c->numbers.mean), leat_moments_stddev(&c->numbers));
  leat_buf_fmt(m->out, "optimizer: {adam: {learning_rate: %g}}\n", scale > 20 ? 0.03 : 0.003);
  leat_buf_c(m->out, "loss_reduction: mean\n");
  if (scale > 1000)
    leat_buf_fmt(m->notes, "the label is about %.3g: training is quicker if you divide it first\n",
                 scale);
  leat_status status = put_label(m);
  put_features(m);
  put_data(m);
  put_training(m);
  if (!status && !m->features)
    status = leat_error_set(m->err, LEAT_INVALID_ARGUMENT, "%s: no column is left for a feature",
                            m->s->table.paths[0]);
  return status;
}

leat_status leat_starter_write(const leat_statistics *s, const leat_starter_options *options,
                               leat_buf *out, leat_buf *notes, leat_error *err) {
  starter m = {.s = s, .o = options, .out = out, .notes = notes, .err = err};
  leat_status status =
      s->rows ? find_label(&m)
              : leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: no rows", s->table.paths[0]);
  if (!status) status = check_label(&m);
  if (!status) status = write_all(&m);
  if (!status && s->ragged)
    leat_buf_fmt(
        notes,
        "%lld rows have too few or too many fields, first at line %lld: training stops there\n",
        (long long)s->ragged, (long long)s->ragged_at.line);
  if (!status) status = leat_buf_status(out, err);
  return status ? status : leat_buf_status(notes, err);
}
