// leat predict: a saved model on instances in JSON, CSV or TFRecords of tf.Example.
// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"
#include "base/file.h"
#include "formats/jsonl.h"
#include "formats/rows.h"
#include "leat/model.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const option predict_options[] = {
    {"--model", OPTION_VALUE, "NAME", "a model of the registry: its default version", NULL},
    {"--version", OPTION_VALUE, "NAME", "another version of --model", NULL},
    {"--model-dir", OPTION_VALUE, "DIR", "a saved model", NULL},
    {"--job-dir", OPTION_VALUE, "DIR", "a job: its newest export", NULL},
    {"--trust-native-code", OPTION_FLAG, "",
     "run what `leat export --aot` built into the model: it runs as this process", NULL},
    {"--json-instances", OPTION_VALUE, "FILE", "one JSON object a line, or one document", NULL},
    {"--text-instances", OPTION_VALUE, "FILE",
     "CSV with a header line; with --endpoint a text a line", NULL},
    {"--tfrecord-instances", OPTION_VALUE, "FILE", "TFRecords of tf.Example", NULL},
    {"--delimiter", OPTION_VALUE, "C", "between fields of the CSV; tab is \\t [,]", NULL},
    {"--comment", OPTION_VALUE, "C", "lines of the CSV that start with it are skipped", NULL},
    CLIENT_OPTIONS,
    {0},
};

enum { BATCH = 1024 };

typedef struct predictor {
  args *a;
  leat_model *model;
  leat_func *func;
  leat_exec *exec;
  char *prebuilt;  // the model's native code, where it is trusted
  int inputs, outputs;
  leat_column *wanted;   // by input
  leat_columns columns;  // JSON instances of the batch at hand
  int64_t rows, total;
  leat_error err;
} predictor;

// --- Printing -----------------------------------------------------------------------------------
static void put_element(leat_json_writer *w, const leat_tensor *t, int64_t i) {
  const void *data = leat_tensor_data(t);
  switch (leat_tensor_dtype(t)) {
    case LEAT_DTYPE_F32: leat_json_f32(w, ((const float *)data)[i]); break;
    case LEAT_DTYPE_F64: leat_json_f64(w, ((const double *)data)[i]); break;
    case LEAT_DTYPE_I64: leat_json_i64(w, ((const int64_t *)data)[i]); break;
    case LEAT_DTYPE_I32: leat_json_i64(w, ((const int32_t *)data)[i]); break;
    case LEAT_DTYPE_BOOL: leat_json_bool(w, ((const uint8_t *)data)[i]); break;
    case LEAT_DTYPE_STRING: leat_json_string(w, leat_tensor_str(t, i)); break;
    default: leat_json_null(w);
  }
}

// Row i of a result: a number, or a list.
static void put_row(leat_json_writer *w, const leat_tensor *t, int64_t row) {
  int64_t n = leat_tensor_dims(t)[0] ? leat_tensor_count(t) / leat_tensor_dims(t)[0] : 0;
  if (leat_tensor_rank(t) == 1) {
    put_element(w, t, row);
    return;
  }
  leat_json_open(w, '[');
  for (int64_t i = 0; i < n; i++) put_element(w, t, row * n + i);
  leat_json_close(w, ']');
}

static leat_status print_json_rows(predictor *p, leat_tensor **out) {
  leat_buf text = {0};
  for (int64_t row = 0; row < p->rows && !text.failed; row++) {
    leat_json_writer w = {.out = &text};
    leat_buf_clear(&text);
    leat_json_open(&w, '{');
    for (int i = 0; i < p->outputs; i++) {
      leat_json_key(&w, leat_str_of(leat_func_output_name(p->func, i)));
      put_row(&w, out[i], row);
    }
    leat_json_close(&w, '}');
    if (!text.failed) printf("%s\n", text.ptr ? text.ptr : "");
  }
  leat_status status = leat_buf_status(&text, &p->err);
  leat_buf_deinit(&text);
  return status;
}

// One cell of gcloud's table; row -1 is the header, its keys in upper case.
static void fill_cell(predictor *p, leat_buf *cell, leat_tensor *column, int output, int64_t row) {
  leat_json_writer w = {.out = cell};
  if (row >= 0)
    put_row(&w, column, row);
  else
    for (const char *c = leat_func_output_name(p->func, output); *c; c++)
      leat_buf_char(cell, (char)toupper((unsigned char)*c));
}

static void print_cells(predictor *p, const leat_buf *cells, const size_t *width) {
  for (int64_t row = p->total ? 1 : 0; row <= p->rows; row++) {
    const leat_buf *line = &cells[row * p->outputs];
    for (int i = 0; i + 1 < p->outputs; i++) printf("%-*s  ", (int)width[i], line[i].ptr);
    printf("%s\n", p->outputs ? line[p->outputs - 1].ptr : "");
  }
}

static leat_status print_table(predictor *p, leat_tensor **out) {
  int64_t count = p->outputs * (p->rows + 1);
  size_t *width = leat__calloc((size_t)p->outputs + 1, sizeof *width);
  leat_buf *cells = leat__calloc((size_t)count + 1, sizeof *cells);
  leat_status status = width && cells ? LEAT_OK : leat__oom(&p->err, sizeof *cells);
  for (int64_t k = 0; !status && k < count; k++) {
    int i = (int)(k % p->outputs);
    fill_cell(p, &cells[k], out[i], i, k / p->outputs - 1);
    status = leat_buf_status(&cells[k], &p->err);
    if (cells[k].len > width[i]) width[i] = cells[k].len;
  }
  if (!status) print_cells(p, cells, width);
  for (int64_t k = 0; cells && k < count; k++) leat_buf_deinit(&cells[k]);
  leat__free(cells);
  leat__free(width);
  return status;
}

// --- Batches ------------------------------------------------------------------------------------
static leat_status predict_batch(predictor *p, leat_tensor **in, int64_t rows) {
  leat_tensor **out = leat__calloc((size_t)p->outputs + 1, sizeof *out);
  if (!out) return leat__oom(&p->err, sizeof *out);
  p->rows = rows;
  leat_status status =
      leat_exec_run(p->exec, leat_model_state(p->model), in, p->inputs, out, &p->err);
  if (!status) status = (p->a->json ? print_json_rows : print_table)(p, out);
  for (int i = 0; i < p->outputs; i++) leat_tensor_unref(out[i]);
  leat__free(out);
  p->total += rows;
  return status;
}

static void drop_inputs(predictor *p, leat_tensor **in) {
  for (int i = 0; in && i < p->inputs; i++) leat_tensor_unref(in[i]), in[i] = NULL;
}

static leat_status flush(predictor *p) {
  int64_t rows = (int64_t)p->columns.rows;
  leat_tensor **in = leat__calloc((size_t)p->inputs + 1, sizeof *in);
  leat_status status = in ? LEAT_OK : leat__oom(&p->err, sizeof *in);
  if (!status && rows) status = leat_columns_take(&p->columns, in, &p->err);
  if (!status && rows) status = predict_batch(p, in, rows);
  drop_inputs(p, in);
  leat__free(in);
  return status ? status : leat_columns_clear(&p->columns, &p->err);
}

// --- JSON ---------------------------------------------------------------------------------------
// Behind the opening brace.
static leat_status read_instance(predictor *p, leat_json *json) {
  leat_error inner = {0};
  leat_status status = leat_columns_begin_row(&p->columns, (leat_row_place){0}, &p->err);
  if (!status) status = leat_json_row(json, &p->columns, true, &p->err);
  if (status) return status;
  if (leat_columns_end_row(&p->columns, true, &inner))
    return leat_json_fail(json, &p->err, "instance %lld %s",
                          (long long)p->total + (long long)p->columns.rows, inner.message);
  return p->columns.rows == BATCH ? flush(p) : LEAT_OK;
}

static leat_status read_document(predictor *p, leat_str text, const char *name) {
  leat_json json;
  leat_json_event event;
  leat_json_init(&json, text, name);
  leat_status status = leat_json_next(&json, &event, &p->err);
  if (!status && event == LEAT_JSON_OBJECT)
    status = read_instance(p, &json);
  else if (!status && event == LEAT_JSON_ARRAY) {
    while (!status && !(status = leat_json_next(&json, &event, &p->err)) &&
           event == LEAT_JSON_OBJECT)
      status = read_instance(p, &json);
    if (!status && event != LEAT_JSON_ARRAY_END)
      status = leat_json_fail(&json, &p->err, "an instance is an object");
  } else if (!status)
    status = leat_json_fail(&json, &p->err, "an instance is an object");
  if (!status) status = leat_json_next(&json, &event, &p->err);
  leat_json_deinit(&json);
  return status;
}

// Whether the first line is a document of its own.
static bool is_lines(leat_str text) {
  leat_str rest = leat_str_strip(text, LEAT_STR(" \t\r\n")), line = leat_str_cut(&rest, '\n');
  leat_json json;
  leat_json_event event;
  leat_json_init(&json, line, "line");
  leat_status status = leat_json_next(&json, &event, NULL);
  if (!status) status = leat_json_skip(&json, event, NULL);
  if (!status) status = leat_json_next(&json, &event, NULL);
  leat_json_deinit(&json);
  return !status && rest.len;
}

static leat_status read_json(predictor *p, leat_str text, const char *name) {
  if (!is_lines(text)) return read_document(p, text, name);
  leat_status status = LEAT_OK;
  for (int64_t number = 1; !status && text.len; number++) {
    leat_str line = leat_str_cut(&text, '\n');
    char place[512];
    snprintf(place, sizeof place, "%s line %lld", name, (long long)number);
    if (leat_str_strip(line, LEAT_STR(" \t\r")).len) status = read_document(p, line, place);
  }
  return status;
}

// --- Rows of files ------------------------------------------------------------------------------
static leat_status read_rows(predictor *p, const char *path, leat_row_format format) {
  leat_rows *rows = NULL;
  leat_tensor **in = leat__calloc((size_t)p->inputs + 1, sizeof *in);
  leat_rows_options options = {.columns = p->wanted,
                               .column_count = p->inputs,
                               .header = true,
                               .skip_initial_space = true,
                               .format = format};
  int64_t count = 1;
  leat_status status = in ? LEAT_OK : leat__oom(&p->err, sizeof *in);
  for (int i = 0; i < p->inputs && format == LEAT_ROWS_CSV; i++) {  // an empty field is missing
    leat_dtype t = p->wanted[i].dtype;
    bool real = t == LEAT_DTYPE_F32 || t == LEAT_DTYPE_F64;
    p->wanted[i].has_default = true;
    p->wanted[i].default_text = real ? LEAT_STR("nan") : LEAT_STR("");
  }
  if (!status) status = args_char(p->a, "--delimiter", &options.delimiter, &p->err);
  if (!status) status = args_char(p->a, "--comment", &options.comment, &p->err);
  if (!status) status = leat_rows_open(&rows, &path, 1, &options, &p->err);
  while (!status && count) {
    status = leat_rows_read(rows, BATCH, in, &count, &p->err);
    if (!status && count) status = predict_batch(p, in, count);
    drop_inputs(p, in);
  }
  leat_rows_close(rows);
  leat__free(in);
  return status;
}

// --- The command --------------------------------------------------------------------------------
// The directory of a version in the registry, whose use is noted.
static leat_status find_version(client *c, char **dir) {
  const char *model = client_get(c, "--model"), *version = client_get(c, "--version");
  leat_registry_model m;
  leat_registry_version v;
  leat_status status = client_registry(c);
  if (!status)
    status = leat_registry_model_get(c->registry, c->project, model, &c->arena, &m, &c->err);
  if (!status && !version && !*(version = m.default_version))
    status = leat_error_set(&c->err, LEAT_FAILED_PRECONDITION,
                            "model '%s' has no default version (leat versions create)", model);
  if (!status)
    status =
        leat_registry_version_get(c->registry, c->project, model, version, &c->arena, &v, &c->err);
  if (!status && v.state != LEAT_VERSION_READY)
    status = leat_error_set(&c->err, LEAT_FAILED_PRECONDITION, "version '%s' of model '%s' is %s",
                            version, model, leat_version_state_name(v.state));
  if (!status && !(*dir = leat_strdup(v.dir))) status = client_no_memory(c);
  if (!status) leat_registry_version_used(c->registry, c->project, model, version, NULL);
  return status;
}

static leat_status find_model(client *c, char **dir) {
  const char *model_dir = client_get(c, "--model-dir"), *job_dir = client_get(c, "--job-dir");
  if (client_get(c, "--model")) return find_version(c, dir);
  if (job_dir) return leat_model_find(job_dir, dir, &c->err);
  *dir = leat_strdup(model_dir);
  return *dir ? LEAT_OK : client_no_memory(c);
}

leat_status read_stdin(leat_buf *text, leat_error *err) {
  char piece[65536];
  size_t got;
  while ((got = fread(piece, 1, sizeof piece, stdin)) > 0) leat_buf_add(text, piece, got);
  return leat_buf_status(text, err);
}

static leat_status predict_all(predictor *p) {
  const char *json = args_get(p->a, "--json-instances"), *csv = args_get(p->a, "--text-instances"),
             *records = args_get(p->a, "--tfrecord-instances");
  leat_buf text = {0};
  leat_status status = LEAT_OK;
  if (csv || records)
    status = read_rows(p, csv ? csv : records, csv ? LEAT_ROWS_CSV : LEAT_ROWS_TFRECORD);
  else {
    bool from_stdin = !json || strcmp(json, "-") == 0;
    status = from_stdin ? read_stdin(&text, &p->err)
                        : leat_file_read(json, (size_t)1 << 32, &text, &p->err);
    if (!status) status = read_json(p, leat_buf_view(&text), from_stdin ? "standard input" : json);
  }
  leat_buf_deinit(&text);
  return status ? status : flush(p);
}

// The column that an input reads: one value an instance, several, or any number.
static leat_status want_input(predictor *p, int input) {
  const char *name = leat_func_input_name(p->func, input);
  leat_type type = leat_func_input_type(p->func, input);
  leat_dim width = type.shape.rank == 2 ? type.shape.dims[1] : 1;
  bool known = type.dtype == LEAT_DTYPE_F32 || type.dtype == LEAT_DTYPE_I64 ||
               type.dtype == LEAT_DTYPE_STRING;
  if (!known || type.shape.rank < 1 || type.shape.rank > 2)
    return leat_error_set(&p->err, LEAT_UNIMPLEMENTED,
                          "input '%s' is not numbers or texts of an instance", name);
  p->wanted[input] = (leat_column){.name = leat_str_of(name),
                                   .dtype = type.dtype,
                                   .values = width < 0 ? LEAT_ANY_NUMBER : width};
  return LEAT_OK;
}

static leat_status prepare(predictor *p, const char *dir) {
  leat_status status = leat_model_load(&p->model, dir, &p->err);
  if (status) return status;
  p->func = leat_model_func(p->model);
  p->inputs = leat_func_input_count(p->func);
  p->outputs = leat_func_output_count(p->func);
  p->wanted = leat__calloc((size_t)p->inputs + 1, sizeof *p->wanted);
  if (!p->wanted) return leat__oom(&p->err, sizeof *p->wanted);
  for (int i = 0; i < p->inputs; i++)
    if ((status = want_input(p, i))) return status;
  status = leat_columns_init(&p->columns, p->wanted, p->inputs, &p->err);
  if (status) return status;
  leat_exec_options options = {0};
  if (args_get(p->a, "--trust-native-code")) {
    if (!(p->prebuilt = leat_path_join(dir, "native"))) return leat__oom(&p->err, strlen(dir));
    options.prebuilt = p->prebuilt;
  }
  return leat_exec_new(&p->exec, p->func, &options, &p->err);
}

static int run_predict(args *a) {
  predictor p = {.a = a};
  client c;
  char *dir = NULL;
  int ways = !!args_get(a, "--model-dir") + !!args_get(a, "--job-dir") + !!args_get(a, "--model");
  if (ways != 1) return usage_error(a, "one of --model, --model-dir and --job-dir is needed");
  if (a->words.count) return usage_error(a, "'%s' is not expected", a->words.at[0]);
  client_init(&c, a);
  if (c.endpoint && !client_get(&c, "--model"))
    return usage_error(a, "--endpoint goes with --model");
  leat_status status = c.endpoint ? predict_remote(&c) : find_model(&c, &dir);
  if (status) p.err = c.err;
  if (!status && !c.endpoint) status = prepare(&p, dir);
  if (!status && !c.endpoint) status = predict_all(&p);
  leat_exec_free(p.exec);
  leat__free(p.prebuilt);
  leat_model_free(p.model);
  leat_columns_deinit(&p.columns);
  leat__free(p.wanted);
  leat__free(dir);
  client_deinit(&c);
  return status ? fail_with(a, &p.err) : EXIT_GOOD;
}

const command command_predict = {
    "predict",
    "--model NAME | --model-dir DIR | --job-dir DIR [options] < INSTANCES",
    "Predicts for instances in JSON, CSV or TFRecords, from a file or standard input.",
    predict_options,
    false,
    run_predict};
