// leat data describe, schema, validate, diff: looking at tables before a model does.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"
#include "cli/table_args.h"
#include "cli/terminal.h"
#include "features/drift.h"
#include "features/schema.h"
#include "formats/json.h"
#include "formats/number.h"

#include <math.h>
#include <stdlib.h>

static const option data_options[] = {
    TABLE_OPTIONS,
    {"--schema", OPTION_VALUE, "FILE", "validate: the schema to check against", NULL},
    {"--output", OPTION_VALUE, "FILE", "schema: where to write it (default: standard output)",
     NULL},
    {"--max-values", OPTION_VALUE, "N", "schema: most values of a domain [100]", NULL},
    {"--top", OPTION_VALUE, "N", "describe: most frequent values shown [3; json: 20]", NULL},
    {"--covariance", OPTION_FLAG, "", "describe: covariance and principal components too", NULL},
    {"--categorical-threshold", OPTION_VALUE, "X", "diff: L-infinity that is too much [0.01]",
     NULL},
    {"--numeric-threshold", OPTION_VALUE, "X", "diff: Jensen-Shannon that is too much [0.01]",
     NULL},
    {0},
};

static double number_option(const args *a, const char *name, double fallback) {
  const char *text = args_get(a, name);
  double value;
  return text && leat_parse_f64(leat_str_of(text), &value) ? value : fallback;
}

// --- describe -----------------------------------------------------------------------------------
static void put_value(const leat_column_stats *c, double value, leat_buf *out) {
  if (c->type == LEAT_COLUMN_DATE)
    leat_format_date(value, out);
  else
    leat_buf_fmt(out, "%.5g", value);
}

static leat_status frequent(const leat_column_stats *c, int64_t most, leat_word_counts *out,
                            leat_error *err) {
  double number;
  leat_status status = leat_counts_read(&c->words, 0, 0, true, out, err);
  size_t kept = 0;
  for (size_t i = 0; !status && i < out->count && kept < (size_t)most; i++)
    if (leat_text_kind_of(out->at[i].word, &number) != LEAT_TEXT_MISSING)
      out->at[kept++] = out->at[i];
  out->count = kept;
  return status;
}

static leat_status put_words(const leat_column_stats *c, int64_t most, leat_buf *out,
                             leat_error *err) {
  leat_word_counts words = {0};
  leat_status status = frequent(c, most, &words, err);
  double present = (double)leat_column_stats_present(c);
  for (size_t i = 0; !status && i < words.count; i++) {
    leat_str word = words.at[i].word;
    int shown = word.len < 24 ? (int)word.len : 24;
    leat_buf_fmt(out, "%s%.*s%s %.3g %%", i ? ", " : "", shown, word.ptr,
                 word.len > 24 ? "..." : "", 100 * (double)words.at[i].count / present);
  }
  leat_vec_deinit(&words);
  return status;
}

static leat_status print_number_cell(const leat_column_stats *c, double value, leat_error *err) {
  leat_buf text = {0};
  if (leat_column_stats_is_number(c)) put_value(c, value, &text);
  leat_status status = leat_buf_status(&text, err);
  if (!status) print_cell(stdout, leat_buf_view(&text), -10), printf(" ");
  leat_buf_deinit(&text);
  return status;
}

static leat_status print_column(const leat_column_stats *c, int width, int64_t top,
                                leat_error *err) {
  leat_buf text = {0};
  leat_histogram h;
  leat_status status = LEAT_OK;
  bool number = leat_column_stats_is_number(c);
  double missing = c->rows ? 100 * (double)c->kinds[LEAT_TEXT_MISSING] / (double)c->rows : 0;
  print_cell(stdout, c->name, width);
  printf("  %-6s %7.3g%% %s%9.0f ", leat_column_type_names[c->type], missing,
         c->streaming ? "~" : " ", c->distinct);
  status = print_number_cell(c, c->numbers.least, err);
  if (!status && c->type == LEAT_COLUMN_DATE)
    printf("%11s", "");
  else if (!status)
    status = print_number_cell(c, c->numbers.mean, err);
  if (!status) status = print_number_cell(c, c->numbers.greatest, err);
  if (status) return status;
  printf(" ");
  if (number) {
    leat_column_histogram(c, &h);
    spark_line(h.counts, h.bins, &text);
    if (c->wrong)
      leat_buf_fmt(&text, "  %lld not %s", (long long)c->wrong, leat_column_type_names[c->type]);
  } else
    status = put_words(c, top, &text, err);
  if (!status) status = leat_buf_status(&text, err);
  if (!status) printf(LEAT_STR_FMT "\n", LEAT_STR_ARG(leat_buf_view(&text)));
  leat_buf_deinit(&text);
  return status;
}

static void print_covariance(const leat_statistics *s, const double *values,
                             const double *vectors) {
  int n = s->covariance.size;
  double total = 0;
  for (int i = 0; i < n; i++) total += values[i];
  printf("\nprincipal components (%.0f rows without a missing number)\n", s->covariance.count);
  for (int i = 0; i < n; i++) {
    int big = 0;
    for (int k = 1; k < n; k++)
      if (fabs(vectors[i * n + k]) > fabs(vectors[i * n + big])) big = k;
    printf("  %2d  variance %-12.6g %5.1f %%  mostly " LEAT_STR_FMT "\n", i + 1, values[i],
           total > 0 ? 100 * values[i] / total : 0, LEAT_STR_ARG(s->columns[s->numeric[big]].name));
  }
}

static leat_status with_components(const leat_statistics *s, leat_json_writer *w, leat_error *err) {
  int n = s->covariance.size;
  double *values = leat__calloc((size_t)(n + 2 * n * n) + 1, sizeof *values);
  if (!values) return leat__oom(err, sizeof *values);
  double *vectors = values + n, *matrix = vectors + n * n;
  leat_status status = leat_covariance_pca(&s->covariance, values, vectors, err);
  leat_covariance_read(&s->covariance, matrix);
  if (!status && !w) print_covariance(s, values, vectors);
  if (!status && w) {
    const struct {
      const char *key;
      const double *at;
      int count;
    } parts[] = {
        {"covariance", matrix, n * n}, {"variances", values, n}, {"components", vectors, n * n}};
    leat_json_key(w, LEAT_STR("numeric"));
    leat_json_open(w, '[');
    for (int i = 0; i < n; i++) leat_json_string(w, s->columns[s->numeric[i]].name);
    leat_json_close(w, ']');
    for (int k = 0; k < 3; k++) {
      leat_json_key(w, leat_str_of(parts[k].key));
      leat_json_open(w, '[');
      for (int i = 0; i < parts[k].count; i++) leat_json_f64(w, parts[k].at[i]);
      leat_json_close(w, ']');
    }
  }
  leat__free(values);
  return status;
}

static leat_status print_statistics(const leat_statistics *s, int64_t top, leat_error *err) {
  int width = 6;
  leat_status status = LEAT_OK;
  for (size_t i = 0; i < s->table.names.count; i++) {
    int columns = text_columns(s->table.names.at[i]);
    if (columns > width) width = columns < 32 ? columns : 32;
  }
  printf("%lld rows, %zu columns, %.1f MB; %s header, fields separated by %s\n\n",
         (long long)s->rows, s->table.names.count, (double)s->bytes / 1e6,
         s->table.header ? "a" : "no",
         s->table.delimiter == '\t' ? "tabs" : (char[]){'\'', s->table.delimiter, '\'', 0});
  printf("%s%-*s  %-6s %8s %10s %10s %10s %10s  %s%s\n", style_on(stdout, STYLE_BOLD), width,
         "column", "type", "missing", "distinct", "min", "mean", "max",
         "histogram, or most frequent", style_off(stdout));
  for (size_t i = 0; !status && i < s->table.names.count; i++)
    status = print_column(&s->columns[i], width, top, err);
  if (s->ragged)
    printf("\n%s%lld rows have too few or too many fields, first at %s:%lld%s\n",
           style_on(stdout, STYLE_RED), (long long)s->ragged, s->table.paths[s->ragged_at.file],
           (long long)s->ragged_at.line, style_off(stdout));
  return status || !s->covariance.size ? status : with_components(s, NULL, err);
}

static void json_value(leat_json_writer *w, const leat_column_stats *c, const char *key,
                       double value) {
  leat_json_key(w, leat_str_of(key));
  if (c->type != LEAT_COLUMN_DATE) return leat_json_f64(w, value);
  leat_buf text = {0};
  leat_format_date(value, &text);
  leat_json_string(w, leat_buf_view(&text));
  leat_buf_deinit(&text);
}

static leat_status json_numbers(leat_json_writer *w, const leat_column_stats *c, leat_error *err) {
  double fractions[11], quantiles[11];
  leat_histogram h;
  for (int i = 0; i <= 10; i++) fractions[i] = i / 10.0;
  leat_status status = leat_quantiles_read(&c->quantiles, fractions, 11, quantiles, err);
  quantiles[0] = c->numbers.least;
  quantiles[10] = c->numbers.greatest;
  json_value(w, c, "min", c->numbers.least);
  json_value(w, c, "mean", c->numbers.mean);
  json_value(w, c, "median", quantiles[5]);
  json_value(w, c, "max", c->numbers.greatest);
  leat_json_key(w, LEAT_STR("stddev")), leat_json_f64(w, leat_moments_stddev(&c->numbers));
  leat_json_key(w, LEAT_STR("zeros")), leat_json_i64(w, c->zeros);
  leat_json_key(w, LEAT_STR("negative")), leat_json_i64(w, c->negative);
  leat_json_key(w, LEAT_STR("quantiles"));
  leat_json_open(w, '[');
  for (int i = 0; i <= 10; i++) leat_json_f64(w, quantiles[i]);
  leat_json_close(w, ']');
  leat_column_histogram(c, &h);
  leat_json_key(w, LEAT_STR("histogram"));
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("edges"));
  leat_json_open(w, '[');
  for (int i = 0; h.bins && i <= h.bins; i++) leat_json_f64(w, h.edges[i]);
  leat_json_close(w, ']');
  leat_json_key(w, LEAT_STR("counts"));
  leat_json_open(w, '[');
  for (int i = 0; i < h.bins; i++) leat_json_f64(w, h.counts[i]);
  leat_json_close(w, ']');
  leat_json_close(w, '}');
  return status;
}

static leat_status json_words(leat_json_writer *w, const leat_column_stats *c, int64_t top,
                              leat_error *err) {
  leat_word_counts words = {0};
  leat_status status = frequent(c, top, &words, err);
  leat_json_key(w, LEAT_STR("frequent"));
  leat_json_open(w, '[');
  for (size_t i = 0; i < words.count; i++) {
    leat_json_open(w, '{');
    leat_json_key(w, LEAT_STR("value")), leat_json_string(w, words.at[i].word);
    leat_json_key(w, LEAT_STR("count")), leat_json_i64(w, words.at[i].count);
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
  leat_json_key(w, LEAT_STR("counts_too_low_by")), leat_json_i64(w, c->words.forgotten);
  leat_vec_deinit(&words);
  return status;
}

static leat_status json_column(leat_json_writer *w, const leat_column_stats *c, int64_t top,
                               leat_error *err) {
  const struct {
    const char *key;
    int64_t value;
  } counts[] = {
      {"rows", c->rows}, {"missing", c->kinds[LEAT_TEXT_MISSING]}, {"wrong_type", c->wrong}};
  leat_status status = LEAT_OK;
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("name")), leat_json_string(w, c->name);
  leat_json_key(w, LEAT_STR("type"));
  leat_json_string(w, leat_str_of(leat_column_type_names[c->type]));
  for (int i = 0; i < 3; i++)
    leat_json_key(w, leat_str_of(counts[i].key)), leat_json_i64(w, counts[i].value);
  leat_json_key(w, LEAT_STR("distinct")), leat_json_f64(w, round(c->distinct));
  leat_json_key(w, LEAT_STR("distinct_exact")), leat_json_bool(w, !c->streaming);
  leat_json_key(w, LEAT_STR("length_min")), leat_json_f64(w, c->lengths.least);
  leat_json_key(w, LEAT_STR("length_mean")), leat_json_f64(w, c->lengths.mean);
  leat_json_key(w, LEAT_STR("length_max")), leat_json_f64(w, c->lengths.greatest);
  if (leat_column_stats_is_number(c)) status = json_numbers(w, c, err);
  if (!status) status = json_words(w, c, top, err);
  leat_json_close(w, '}');
  return status;
}

static leat_status print_statistics_json(const leat_statistics *s, int64_t top, leat_error *err) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text, .indent = 1};
  leat_status status = LEAT_OK;
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("rows")), leat_json_i64(&w, s->rows);
  leat_json_key(&w, LEAT_STR("bytes")), leat_json_i64(&w, s->bytes);
  leat_json_key(&w, LEAT_STR("header")), leat_json_bool(&w, s->table.header);
  leat_json_key(&w, LEAT_STR("delimiter"));
  leat_json_string(&w, (leat_str){&s->table.delimiter, 1});
  leat_json_key(&w, LEAT_STR("ragged_rows")), leat_json_i64(&w, s->ragged);
  leat_json_key(&w, LEAT_STR("columns"));
  leat_json_open(&w, '[');
  for (size_t i = 0; !status && i < s->table.names.count; i++)
    status = json_column(&w, &s->columns[i], top, err);
  leat_json_close(&w, ']');
  if (!status && s->covariance.size) status = with_components(s, &w, err);
  leat_json_close(&w, '}');
  if (!status) status = leat_buf_status(&text, err);
  if (!status) printf("%s\n", text.ptr);
  leat_buf_deinit(&text);
  return status;
}

static leat_status describe(args *a, const table_args *t, leat_error *err) {
  leat_statistics s;
  leat_statistics_options o = {.table = t->options,
                               .covariance = args_get(a, "--covariance") != NULL};
  int64_t top = (int64_t)number_option(a, "--top", a->json ? 20 : 3);
  leat_status status = table_statistics(&s, t->paths.at, t->paths.count, &o, err);
  if (status) return status;
  status = (a->json ? print_statistics_json : print_statistics)(&s, top, err);
  leat_statistics_deinit(&s);
  return status;
}

// --- schema -------------------------------------------------------------------------------------
static leat_status write_schema(args *a, const table_args *t, leat_error *err) {
  leat_statistics s;
  leat_schema schema = {0};
  leat_buf text = {0};
  const char *to = args_get(a, "--output");
  leat_statistics_options o = {.table = t->options};
  leat_status status = table_statistics(&s, t->paths.at, t->paths.count, &o, err);
  if (status) return status;
  status = leat_schema_infer(&schema, &s, (int64_t)number_option(a, "--max-values", 0), err);
  if (!status) {
    status = leat_schema_write(&schema, a->json, &text, err);
    leat_schema_deinit(&schema);
  }
  if (!status && to) status = leat_file_write(to, leat_buf_view(&text), err);
  if (!status && !to) printf("%s", text.ptr);
  leat_buf_deinit(&text);
  leat_statistics_deinit(&s);
  return status;
}

// --- validate -----------------------------------------------------------------------------------
static void print_anomaly(const leat_anomaly *x) {
  if (x->file && x->field)
    printf("%s:%lld:%d: ", x->file, (long long)x->line, x->field);
  else if (x->file)
    printf("%s:%lld: ", x->file, (long long)x->line);
  printf("%s%s%s", style_on(stdout, STYLE_RED), leat_anomaly_names[x->kind], style_off(stdout));
  if (x->column.len) printf(" " LEAT_STR_FMT, LEAT_STR_ARG(x->column));
  if (x->file && x->field) printf(": '" LEAT_STR_FMT "'", LEAT_STR_ARG(x->text));
  if (x->expected[0]) printf(", %s", x->expected);
  if (x->count) printf(" (%lld rows)", (long long)x->count);
  printf("\n");
}

static void json_anomaly(leat_json_writer *w, const leat_anomaly *x) {
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("kind"));
  leat_json_string(w, leat_str_of(leat_anomaly_names[x->kind]));
  leat_json_key(w, LEAT_STR("column")), leat_json_string(w, x->column);
  leat_json_key(w, LEAT_STR("rows")), leat_json_i64(w, x->count);
  if (x->file) {
    leat_json_key(w, LEAT_STR("file")), leat_json_string(w, leat_str_of(x->file));
    leat_json_key(w, LEAT_STR("line")), leat_json_i64(w, x->line);
    leat_json_key(w, LEAT_STR("field")), leat_json_i64(w, x->field);
    leat_json_key(w, LEAT_STR("value")), leat_json_string(w, x->text);
  }
  leat_json_key(w, LEAT_STR("expected")), leat_json_string(w, leat_str_of(x->expected));
  leat_json_close(w, '}');
}

static void print_anomalies(const args *a, const leat_anomalies *found) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text, .indent = 1};
  leat_json_open(&w, '[');
  for (size_t i = 0; i < found->list.count; i++) {
    if (!a->json) print_anomaly(&found->list.at[i]);
    json_anomaly(&w, &found->list.at[i]);
  }
  leat_json_close(&w, ']');
  if (a->json)
    printf("%s\n", text.ptr ? text.ptr : "[]");
  else if (!found->list.count)
    printf("%lld rows, no anomalies\n", (long long)found->rows);
  leat_buf_deinit(&text);
}

static leat_status validate(args *a, const table_args *t, bool *found, leat_error *err) {
  leat_schema schema;
  leat_anomalies anomalies;
  const char *path = args_get(a, "--schema");
  if (!path)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "--schema FILE is needed (leat data schema)");
  leat_status status = leat_schema_read(&schema, path, err);
  if (status) return status;
  if (t->options.delimiter) schema.delimiter = t->options.delimiter;
  if (t->options.comment) schema.comment = t->options.comment;
  if (t->options.header) schema.header = t->options.header == LEAT_HEADER_YES;
  status = leat_schema_validate(&schema, (const char *const *)t->paths.at, t->paths.count,
                                &anomalies, err);
  if (!status) {
    print_anomalies(a, &anomalies);
    *found = anomalies.list.count > 0;
    leat_anomalies_deinit(&anomalies);
  }
  leat_schema_deinit(&schema);
  return status;
}

// --- diff ---------------------------------------------------------------------------------------
static const char *const measures[] = {"none", "l_infinity", "jensen_shannon", "missing_column",
                                       "type"};

static void print_drift(const leat_drift *d, int width) {
  print_cell(stdout, d->name, width);
  printf("  %-15s %9.5f  %s%s%s", measures[d->measure], d->distance,
         style_on(stdout, d->over ? STYLE_RED : STYLE_GREEN), d->over ? "differs" : "same",
         style_off(stdout));
  if (d->measure == LEAT_DRIFT_L_INFINITY && d->distance > 0)
    printf("  '" LEAT_STR_FMT "' %.3g %% and %.3g %%", LEAT_STR_ARG(d->value), 100 * d->shares[0],
           100 * d->shares[1]);
  if (d->missing[0] != d->missing[1])
    printf("  missing %.3g %% and %.3g %%", 100 * d->missing[0], 100 * d->missing[1]);
  printf("\n");
}

static void json_drift(leat_json_writer *w, const leat_drift *d) {
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("column")), leat_json_string(w, d->name);
  leat_json_key(w, LEAT_STR("measure")), leat_json_string(w, leat_str_of(measures[d->measure]));
  leat_json_key(w, LEAT_STR("distance")), leat_json_f64(w, d->distance);
  leat_json_key(w, LEAT_STR("differs")), leat_json_bool(w, d->over);
  if (d->measure == LEAT_DRIFT_L_INFINITY) {
    leat_json_key(w, LEAT_STR("value")), leat_json_string(w, d->value);
    leat_json_key(w, LEAT_STR("shares"));
    leat_json_open(w, '[');
    leat_json_f64(w, d->shares[0]), leat_json_f64(w, d->shares[1]);
    leat_json_close(w, ']');
  }
  leat_json_key(w, LEAT_STR("missing"));
  leat_json_open(w, '[');
  leat_json_f64(w, d->missing[0]), leat_json_f64(w, d->missing[1]);
  leat_json_close(w, ']');
  leat_json_close(w, '}');
}

static void print_drifts(const args *a, const leat_drifts *drifts, bool *found) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text, .indent = 1};
  int width = 6;
  for (size_t i = 0; i < drifts->count; i++)
    if (text_columns(drifts->at[i].name) > width) width = text_columns(drifts->at[i].name);
  if (!a->json) printf("%-*s  %-15s %9s\n", width, "column", "measure", "distance");
  leat_json_open(&w, '[');
  for (size_t i = 0; i < drifts->count; i++) {
    *found |= drifts->at[i].over;
    if (!a->json) print_drift(&drifts->at[i], width);
    json_drift(&w, &drifts->at[i]);
  }
  leat_json_close(&w, ']');
  if (a->json) printf("%s\n", text.ptr ? text.ptr : "[]");
  leat_buf_deinit(&text);
}

static leat_status diff(args *a, const table_args *t, bool *found, leat_error *err) {
  leat_statistics sets[2] = {{.rows = 0}};
  leat_drifts drifts = {0};
  leat_drift_options o = {number_option(a, "--categorical-threshold", 0),
                          number_option(a, "--numeric-threshold", 0)};
  leat_status status = LEAT_OK;
  if (a->words.count != 3)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "two sets are compared: leat data diff A B (globs in quotes)");
  for (int i = 0; !status && i < 2; i++) {
    size_t from = i ? t->first_count : 0, count = i ? t->paths.count - from : t->first_count;
    leat_statistics_options so = {.table = t->options};
    status = table_statistics(&sets[i], t->paths.at + from, count, &so, err);
  }
  if (!status) status = leat_drift_between(&sets[0], &sets[1], &o, &drifts, err);
  if (!status) print_drifts(a, &drifts, found);
  leat_vec_deinit(&drifts);
  leat_statistics_deinit(&sets[0]);
  leat_statistics_deinit(&sets[1]);
  return status;
}

// --- The command --------------------------------------------------------------------------------
static int run_data(args *a) {
  const char *verb = a->words.count ? a->words.at[0] : "";
  static const char *const verbs[] = {"describe", "schema", "validate", "diff"};
  leat_error err = {0};
  table_args t;
  bool found = false;
  int which = 0;
  while (which < 4 && strcmp(verb, verbs[which]) != 0) which++;
  if (which == 4 || a->words.count < 2)
    return usage_error(a, "usage: leat data describe|schema|validate|diff FILES");
  leat_status status = table_args_read(&t, a, 1, &err);
  if (!status) {
    switch (which) {
      case 0: status = describe(a, &t, &err); break;
      case 1: status = write_schema(a, &t, &err); break;
      case 2: status = validate(a, &t, &found, &err); break;
      default: status = diff(a, &t, &found, &err);
    }
    table_args_deinit(&t);
  }
  if (status) return fail_with(a, &err);
  return found ? EXIT_FAILED : EXIT_GOOD;
}

const command command_data = {
    "data",
    "describe|schema|validate|diff FILES",
    "Looks at tables: statistics, schema, anomalies, differences. `describe` prints types, "
    "histograms and\nfrequent values; `schema` writes what the columns hold; `validate --schema S` "
    "lists what does not\nfit it; `diff A B` measures skew and drift. validate and diff exit with "
    "1 "
    "when they find something.",
    data_options,
    false,
    run_data};
