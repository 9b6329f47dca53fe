// Golden whole models: training trajectories from given initial weights.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "formats/csv.h"
#include "train/estimator.h"
#include "train/input.h"

#include <unistd.h>

// The case as a model.yaml: its columns, given normalisers in the place of the analysis.
static bool whole_yaml(scene *s, leat_buf *y) {
  bool regressor = is(s, "dnn_regressor_v1_adam");
  if (!regressor && !is(s, "dnn_classifier_v1")) return false;
  leat_buf_fmt(y, "estimator: DNN%s\nhidden_units: [16, 8]\noptimizer: %s\n",
               regressor ? "Regressor" : "Classifier",
               regressor ? "{adam: {learning_rate: 0.01}}" : "{adagrad: {learning_rate: 0.05}}");
  leat_buf_c(
      y, regressor ? "label: {column: target}\nfeatures:\n"
                   : "label: {column: income_bracket, vocabulary: ['<=50K', '>50K']}\nfeatures:\n");
  for (node *n = get(s->params, "normalizers")->child; n; n = n->next)
    leat_buf_fmt(y, "  %s: {numeric: {normalize: z_score}}\n", c_text(n->key));
  static const char *const deep[] = {"workclass", "education",    "marital_status",
                                     "gender",    "relationship", "race"};
  node *words = get(get(s->params, "columns"), "vocabularies");
  for (int i = 0; i < 6; i++) {
    leat_buf_fmt(y, "  %s: {vocabulary: [", deep[i]);
    for (node *w = get(words, deep[i])->child; w; w = w->next)
      leat_buf_fmt(y, "'%s'%s", c_text(w->text), w->next ? ", " : "");
    leat_buf_c(y, "]}\n");
  }
  leat_buf_c(y,
             "  occupation: {hash: 100, embedding: 8}\n  native_country: {hash: 100, embedding: "
             "8}\ndata:\n  csv: {columns: [age, workclass, fnlwgt, education, education_num, "
             "marital_status, occupation, relationship, race, gender, capital_gain, capital_loss, "
             "hours_per_week, native_country, ");
  leat_buf_c(y, regressor ? "income_bracket, target]}\n" : "income_bracket]}\n");
  return true;
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

verdict whole_case(scene *s) {
  leat_buf yaml = {0};
  if (!whole_yaml(s, &yaml)) return NOT_HERE;
  const char *data = getenv("LEAT_DATA");
  if (!data) return NOT_HERE;
  leat_config config;
  leat_estimator e = {0};
  leat_input_source *source = NULL;
  leat_state *state = NULL;
  leat_exec *step = NULL;
  char path[64] = "/tmp/leat-golden-XXXXXX", *csv = leat_path_join(data, "adult.data.csv");
  int fd = mkstemp(path);
  leat_tensor *losses, *batch[32] = {NULL}, *loss;
  int64_t steps = (int64_t)number(s->params, "steps", 50),
          size = (int64_t)number(s->params, "batch", 40), rows;
  leat_status status = leat_config_parse(&config, leat_buf_view(&yaml), "golden", NULL, 0, &err);
  for (size_t i = 0; !status && i < config.features.count; i++) {
    node *n = get(get(s->params, "normalizers"), c_text(config.features.at[i].name));
    if (n)
      leat_parse_f64(n->child->text, &config.features.at[i].mean),
          leat_parse_f64(n->child->next->text, &config.features.at[i].stddev);
  }
  if (!status && !write_rows(csv, path, (int64_t)number(s->params, "rows", 200),
                             is(s, "dnn_regressor_v1_adam")))
    status = err.status;
  if (!status) status = leat_estimator_build(&e, &config, false, &err);
  if (!status) status = leat_state_new(&state, e.graph, &err);
  uint64_t seed_value = 1;
  leat_tensor *seed;
  leat_exec *init = NULL;
  leat_tensor_copy_of(&seed, LEAT_DTYPE_U64, 0, NULL, &seed_value, &err);
  if (!status) status = leat_exec_new(&init, e.init, NULL, &err);
  if (!status) status = leat_exec_run(init, state, &seed, 1, NULL, &err);
  for (node *n = get(s->c, "inputs")->child; !status && n; n = n->next) {
    leat_var *var = leat_graph_find_var(e.graph, (leat_str){n->key.ptr + 5, n->key.len - 5});
    if (!var)
      status = leat_error_set(&err, LEAT_NOT_FOUND, "no variable for " LEAT_STR_FMT,
                              LEAT_STR_ARG(n->key));
    else
      status = leat_state_set(state, var, leat_safetensors_find(s->st, n->text), &err);
  }
  leat_str file = leat_str_of(path);
  if (!status) status = leat_source_open(&source, &config, &file, 1, 0, true, 0, &err);
  if (!status) status = leat_exec_new(&step, e.step, NULL, &err);
  leat_tensor_new(&losses, LEAT_DTYPE_F32, 1, &steps, &err);
  int columns = status ? 0 : (int)config.features.count + 1;
  for (int64_t t = 0; !status && t < steps; t++) {
    status = leat_source_next(source, size, batch, &rows, &err);
    if (!status) status = leat_exec_run(step, state, batch, columns, &loss, &err);
    if (!status)
      ((float *)leat_tensor_data(losses))[t] = *(float *)leat_tensor_data(loss),
              leat_tensor_unref(loss);
    for (int i = 0; i < columns; i++) leat_tensor_unref(batch[i]), batch[i] = NULL;
  }
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  bool good = !status && close_to(s, "losses", losses);
  for (node *n = get(s->c, "outputs")->child; good && n; n = n->next) {
    if (!leat_str_starts(n->key, LEAT_STR("final/"))) continue;
    leat_var *var = leat_graph_find_var(e.graph, (leat_str){n->key.ptr + 6, n->key.len - 6});
    good = var && close_to(s, c_text(n->key), leat_state_get(state, var));
  }
  leat_tensor_unref(losses);
  leat_tensor_unref(seed);
  leat_exec_free(init);
  leat_exec_free(step);
  leat_source_close(source);
  leat_state_free(state);
  leat_estimator_deinit(&e);
  leat_config_deinit(&config);
  leat_buf_deinit(&yaml);
  leat__free(csv);
  close(fd);
  unlink(path);
  return good ? PASSED : FAILED;
}
