// Golden whole models: training trajectories from given initial weights.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "formats/rows.h"
#include "train/estimator.h"
#include "train/input.h"

#include <unistd.h>

// --- Estimators: the case as a model.yaml
// ---------------------------------------------------------
typedef struct estimator_case {
  bool dnn, linear, regressor, raw_numbers;
} estimator_case;

static bool estimator_of(const scene *s, estimator_case *e) {
  node *n = get(s->params, "estimator");
  if (!n) return false;
  const char *name = c_text(n->text);
  e->dnn = strstr(name, "DNN") != NULL;
  e->linear = strstr(name, "Linear") != NULL;
  e->regressor = strstr(name, "Regressor") != NULL;
  e->raw_numbers = !get(get(s->params, "normalizers"), "age");
  return true;
}

// "Adagrad lr 0.05 acc 0.1" as an optimizer of model.yaml.
static void put_optimizer(leat_buf *y, const char *field, const char *text) {
  static const struct {
    const char *word, *setting;
  } words[] = {{"lr ", "learning_rate"},
               {"acc ", "initial_accumulator"},
               {"eps ", "epsilon"},
               {"l1 ", "l1"},
               {"l2 ", "l2"}};
  const char *kind = strstr(text, "Adagrad") ? "adagrad" : strstr(text, "Ftrl") ? "ftrl" : "adam";
  leat_buf_fmt(y, "%s: {%s: {style: %s", field, kind, strstr(text, "Keras") ? "keras" : "tf1");
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    const char *at = strstr(text, words[i].word);
    if (!at) continue;
    at += strlen(words[i].word);
    leat_buf_fmt(y, ", %s: %.*s", words[i].setting, (int)strcspn(at, " ,"), at);
  }
  leat_buf_c(y, "}}\n");
}

static void put_optimizers(const scene *s, const estimator_case *e, leat_buf *y) {
  const char *text = c_text(get(s->params, "optimizer")->text), *linear = strstr(text, ", linear ");
  char dnn[128];
  if (!linear || !e->dnn || !e->linear) {
    put_optimizer(y, "optimizer", text);
    return;
  }
  snprintf(dnn, sizeof dnn, "%.*s", (int)(linear - text), text);
  put_optimizer(y, "dnn_optimizer", dnn);
  put_optimizer(y, "linear_optimizer", linear);
}

static void put_words(const scene *s, leat_buf *y, const char *column) {
  node *words = get(get(get(s->params, "columns"), "vocabularies"), column);
  leat_buf_fmt(y, "  %s: {vocabulary: [", column);
  for (node *w = words->child; w; w = w->next)
    leat_buf_fmt(y, "'%s'%s", c_text(w->text), w->next ? ", " : "");
  leat_buf_c(y, "]}\n");
}

static void put_features(const scene *s, const estimator_case *e, leat_buf *y) {
  static const char *const numbers_of[] = {"age", "education_num", "capital_gain", "capital_loss",
                                           "hours_per_week"};
  static const char *const words[] = {"workclass", "education",    "marital_status",
                                      "gender",    "relationship", "race"};
  leat_buf_c(y, "features:\n");
  for (int i = 0; i < 5; i++) {
    node *n = get(get(s->params, "normalizers"), numbers_of[i]);
    leat_buf_fmt(y, "  %s: {numeric: {", numbers_of[i]);
    if (n)
      leat_buf_fmt(y, "normalize: z_score, mean: %s, stddev: %s", c_text(n->child->text),
                   c_text(n->child->next->text));
    leat_buf_c(y, "}}\n");
  }
  for (int i = 0; i < 6; i++) put_words(s, y, words[i]);
  leat_buf_c(y,
             "  occupation: {hash: 100, embedding: 8}\n"
             "  native_country: {hash: 100, embedding: 8}\n"
             "  age_buckets: {column: age, buckets: [18, 25, 30, 35, 40, 45, 50, 55, 60, 65]}\n"
             "  education_occupation: {cross: [education, occupation], hash_buckets: 1000}\n"
             "  age_race_occupation: {cross: [age_buckets, {feature: race}, occupation], "
             "hash_buckets: 2000}\n"
             "  country_occupation: {cross: [native_country, occupation], hash_buckets: 500}\n");
  if (e->linear)
    leat_buf_c(y,
               "linear_feature_columns: [education_occupation, age_race_occupation, "
               "country_occupation, gender, native_country, education, occupation, workclass, "
               "marital_status, relationship, age_buckets]\n");
  if (e->dnn)
    leat_buf_c(y,
               "dnn_feature_columns: [workclass, education, marital_status, gender, relationship, "
               "race, native_country, occupation, age, education_num, capital_gain, "
               "capital_loss, hours_per_week]\n");
}

static void put_yaml(const scene *s, const estimator_case *e, leat_buf *y) {
  leat_buf_fmt(y, "estimator: %s%s\n",
               e->dnn && e->linear ? "DNNLinearCombined"
               : e->dnn            ? "DNN"
                                   : "Linear",
               e->regressor ? "Regressor" : "Classifier");
  if (e->dnn) leat_buf_c(y, "hidden_units: [16, 8]\n");
  leat_buf_fmt(y, "loss_reduction: %s\n", c_text(get(s->params, "loss_reduction")->text));
  put_optimizers(s, e, y);
  leat_buf_c(y, e->regressor ? "label: {column: target}\n"
                             : "label: {column: income_bracket, vocabulary: ['<=50K', '>50K']}\n");
  put_features(s, e, y);
  leat_buf_c(y,
             "data:\n  csv: {columns: [age, workclass, fnlwgt, education, education_num, "
             "marital_status, occupation, relationship, race, gender, capital_gain, capital_loss, "
             "hours_per_week, native_country, ");
  leat_buf_c(y, e->regressor ? "income_bracket, target]}\n" : "income_bracket]}\n");
}

// The first rows of the census file, with the regressor's target put behind them.
static bool write_rows(const char *from, const char *to, int64_t rows, bool target) {
  leat_buf text = {0}, out = {0};
  if (leat_file_read(from, 0, &text, &err)) return false;
  leat_str rest = leat_buf_view(&text);
  for (int64_t i = 0; i < rows && rest.len; i++) {
    leat_str line = leat_str_strip(leat_str_cut(&rest, '\n'), LEAT_STR("\r")), copy = line, field;
    float age = 0, years = 0;
    char number_text[LEAT_NUMBER_MAX];
    for (int k = 0; k < 5; k++) {
      field = leat_str_cut(&copy, ',');
      if (k == 0) leat_parse_f32(field, &age);
      if (k == 4) leat_parse_f32(field, &years);
    }
    leat_buf_str(&out, line);
    if (target)
      leat_buf_char(&out, ','),
          leat_buf_add(&out, number_text,
                       leat_format_f32(number_text, years / 10.0f + age / 50.0f));
    leat_buf_char(&out, '\n');
  }
  bool good = !leat_file_write(to, leat_buf_view(&out), &err);
  leat_buf_deinit(&text);
  leat_buf_deinit(&out);
  return good;
}

typedef struct training {
  scene *s;
  leat_config config;
  leat_estimator e;
  leat_state *state;
  leat_input_source *source;
  leat_exec *init, *step;
  leat_tensor *losses;
  int64_t steps, size;
} training;

// Initialises, then sets the variables that the case gives.
static leat_status start(training *t) {
  uint64_t value = 1;
  leat_tensor *seed;
  leat_tensor_copy_of(&seed, LEAT_DTYPE_U64, 0, NULL, &value, &err);
  leat_status status = leat_exec_new(&t->init, t->e.init, NULL, &err);
  if (!status) status = leat_exec_run(t->init, t->state, &seed, 1, NULL, &err);
  leat_tensor_unref(seed);
  for (node *n = get(t->s->c, "inputs")->child; !status && n; n = n->next) {
    leat_var *var = leat_graph_find_var(t->e.graph, (leat_str){n->key.ptr + 5, n->key.len - 5});
    if (!var)
      status = leat_error_set(&err, LEAT_NOT_FOUND, "no variable for " LEAT_STR_FMT,
                              LEAT_STR_ARG(n->key));
    else
      status = leat_state_set(t->state, var, leat_safetensors_find(t->s->st, n->text), &err);
  }
  return status;
}

static leat_status train(training *t) {
  leat_tensor *batch[64] = {NULL}, *loss;
  int columns = leat_config_batch_size(&t->config);
  leat_status status = leat_exec_new(&t->step, t->e.step, NULL, &err);
  leat_tensor_new(&t->losses, LEAT_DTYPE_F32, 1, &t->steps, &err);
  for (int64_t i = 0; !status && i < t->steps; i++) {
    int64_t rows;
    status = leat_source_next(t->source, t->size, batch, &rows, &err);
    if (!status) status = leat_exec_run(t->step, t->state, batch, columns, &loss, &err);
    if (!status)
      ((float *)leat_tensor_data(t->losses))[i] = *(float *)leat_tensor_data(loss),
              leat_tensor_unref(loss);
    for (int k = 0; k < columns; k++) leat_tensor_unref(batch[k]), batch[k] = NULL;
  }
  return status;
}

static bool finals_match(training *t) {
  bool good = close_to(t->s, "losses", t->losses);
  for (node *n = get(t->s->c, "outputs")->child; good && n; n = n->next) {
    if (!leat_str_starts(n->key, LEAT_STR("final/"))) continue;
    leat_var *var = leat_graph_find_var(t->e.graph, (leat_str){n->key.ptr + 6, n->key.len - 6});
    good = var && close_to(t->s, c_text(n->key), leat_state_get(t->state, var));
  }
  return good;
}

// --- Evaluation and predictions behind training: the next 400 rows ------------------------------
static bool near(double got, double want, double rtol) {
  return fabs(got - want) <= 2e-6 + rtol * fabs(want);
}

static leat_status evaluate(training *t, const char *csv, bool *good) {
  leat_exec *reset = NULL, *eval = NULL, *result = NULL;
  leat_tensor *batch[64] = {NULL}, *values[16] = {NULL};
  leat_input_source *source = NULL;
  int columns = leat_config_batch_size(&t->config);
  int64_t rows, first = (int64_t)number(t->s->params, "rows", 200);
  leat_str file = leat_str_of(csv);
  leat_status status = leat_exec_new(&reset, t->e.reset, NULL, &err);
  if (!status) status = leat_exec_new(&eval, t->e.eval, NULL, &err);
  if (!status) status = leat_exec_new(&result, t->e.result, NULL, &err);
  if (!status) status = leat_exec_run(reset, t->state, NULL, 0, NULL, &err);
  if (!status) status = leat_source_open(&source, &t->config, &file, 1, 0, false, 0, &err);
  for (int64_t i = -first / t->size; !status && i < 10; i++) {
    status = leat_source_next(source, t->size, batch, &rows, &err);
    if (!status && i >= 0) status = leat_exec_run(eval, t->state, batch, columns, NULL, &err);
    for (int k = 0; k < columns; k++) leat_tensor_unref(batch[k]), batch[k] = NULL;
  }
  if (!status) status = leat_exec_run(result, t->state, NULL, 0, values, &err);
  for (int i = 0; !status && i < leat_func_output_count(t->e.result); i++) {
    const char *name = leat_func_output_name(t->e.result, i);
    node *want = get(get(t->s->c, "eval_tf_f32"), name);
    double got = *(double *)leat_tensor_data(values[i]);
    if (*good && want && !near(got, number_of(want), number(t->s->c, "eval_rtol", 1e-3))) {
      *good = false;
      snprintf(t->s->problem, sizeof t->s->problem, "evaluation: %s = %.9g, expected %.9g", name,
               got, number_of(want));
    }
  }
  for (int i = 0; i < 16; i++) leat_tensor_unref(values[i]);
  leat_source_close(source);
  leat_exec_free(reset);
  leat_exec_free(eval);
  leat_exec_free(result);
  return status;
}

static verdict estimator(scene *s, const estimator_case *e) {
  training t = {.s = s,
                .steps = (int64_t)number(s->params, "steps", 50),
                .size = (int64_t)number(s->params, "batch", 40)};
  leat_buf yaml = {0};
  const char *data = getenv("LEAT_DATA");
  if (!data) return NOT_HERE;
  int64_t rows = (int64_t)number(s->params, "rows", 200);
  char path[] = "/tmp/leat-golden-XXXXXX", *csv = leat_path_join(data, "adult.data.csv");
  char longer[] = "/tmp/leat-golden-XXXXXX";
  int files[] = {mkstemp(path), mkstemp(longer)};
  leat_str file = leat_str_of(path);
  put_yaml(s, e, &yaml);
  leat_status status = leat_config_parse(&t.config, leat_buf_view(&yaml), "golden", NULL, 0, &err);
  if (!status && (!write_rows(csv, path, rows, e->regressor) ||
                  !write_rows(csv, longer, rows + 400, e->regressor)))
    status = err.status;
  if (!status) status = leat_estimator_build(&t.e, &t.config, false, &err);
  if (!status) status = leat_state_new(&t.state, t.e.graph, &err);
  if (!status) status = start(&t);
  if (!status) status = leat_source_open(&t.source, &t.config, &file, 1, 0, true, 0, &err);
  if (!status) status = train(&t);
  bool good = !status && finals_match(&t);
  if (good) status = evaluate(&t, longer, &good);
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  leat_tensor_unref(t.losses);
  leat_exec_free(t.init);
  leat_exec_free(t.step);
  leat_source_close(t.source);
  leat_state_free(t.state);
  leat_estimator_deinit(&t.e);
  leat_config_deinit(&t.config);
  leat_buf_deinit(&yaml);
  leat__free(csv);
  for (int i = 0; i < 2; i++) close(files[i]);
  unlink(path), unlink(longer);
  return good && !status ? PASSED : FAILED;
}

verdict whole_case(scene *s) {
  estimator_case e = {0};
  return estimator_of(s, &e) ? estimator(s, &e) : keras_case(s);
}
