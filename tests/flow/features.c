// flow-features: features in a flow, in training and in a saved model, compared by memcmp.
// SPDX-License-Identifier: Apache-2.0
//
//   flow-features MODEL.yaml JOB_DIR ROWS.csv SCHEMA FILE...
//
// FILEs are the rows as training reads them; ROWS.csv the same rows under a header, with their
// number as `id`. Three matrices of the input layer are made: by the training step's own graph (in
// the interpreter) from FILEs, by the exported model's graph from FILEs, and by Features in a flow
// over ROWS.csv, batch and stream, one worker and two, with the embeddings' rows looked up by id.
#include "base/file.h"
#include "flow/collect.h"
#include "graph/graph_impl.h"
#include "leat/flow.h"
#include "leat/model.h"
#include "train/input.h"
#include "train/job.h"

#include <stdio.h>
#include <stdlib.h>

static const char SCOPE[] = "dnn/input_from_feature_columns/input_layer";

typedef struct matrix {
  float *at;
  int64_t rows, width;
} matrix;

static int failures;
static leat_error err;

static void check(bool good, const char *name) {
  failures += !good;
  printf("%s %s\n", good ? "ok" : "not ok", name);
}

static void must(leat_status status, const char *what) {
  if (!status) return;
  printf("# %s: %s\nnot ok %s\n", what, err.message, what);
  exit(1);
}

// --- By a model's graph -------------------------------------------------------------------------
// The input layer inside of a function, as a function of its first `count` arguments.
static leat_func *input_layer_of(leat_func *func, int count) {
  leat_node *layer = NULL;
  for (int i = 0; i < func->node_count && !layer; i++)
    if (func->nodes[i]->op == LEAT_OP_concat && func->nodes[i]->scope &&
        !strcmp(func->nodes[i]->scope, SCOPE) && func->nodes[i]->types[0].dtype == LEAT_DTYPE_F32)
      layer = func->nodes[i];
  if (!layer) return NULL;
  leat_value from[64], to[64], wanted = leat__out(layer, 0), out;
  leat_builder *b = leat_builder_new(func->graph, NULL);
  for (int i = 0; i < count; i++) {
    from[i] = leat__out(func->inputs[i], 0);
    to[i] = leat_input(b, func->input_names[i], leat_value_type(from[i]));
  }
  leat_value_swap swap = {from, to, count};
  leat__inline_part(b, func, &swap, &wanted, 1, false, &out);
  leat_output(b, "input_layer", out);
  leat_func *made;
  must(leat_builder_finish(b, &made, &err), "the input layer as a function");
  return made;
}

static void append(matrix *m, const leat_tensor *t) {
  int64_t rows = leat_tensor_dims(t)[0];
  m->width = leat_tensor_dims(t)[1];
  m->at = realloc(m->at, (size_t)((m->rows + rows) * m->width) * sizeof *m->at);
  memcpy(m->at + m->rows * m->width, leat_tensor_data(t),
         (size_t)(rows * m->width) * sizeof *m->at);
  m->rows += rows;
}

static matrix by_graph(const leat_config *c, leat_func *func, leat_state *state, leat_engine engine,
                       const leat_str *files, size_t count) {
  matrix m = {0};
  leat_exec *exec;
  leat_input_source *source;
  leat_exec_options options = {.engine = engine};
  leat_tensor *in[80] = {NULL}, *out;
  int64_t rows = 1;
  leat_func *layer = input_layer_of(func, (int)c->inputs.count);
  if (!layer) return m;
  must(leat_exec_new(&exec, layer, &options, &err), "exec");
  must(leat_source_open(&source, c, files, count, 0, false, 0, &err), "the rows");
  while (rows) {
    must(leat_source_next(source, 1000, in, &rows, &err), "rows");
    if (rows) {
      must(leat_exec_run(exec, state, in, (int)c->inputs.count, &out, &err), "the input layer");
      append(&m, out);
      leat_tensor_unref(out);
    }
    for (int i = 0; i < leat_config_batch_size(c); i++) leat_tensor_unref(in[i]), in[i] = NULL;
  }
  leat_source_close(source);
  leat_exec_free(exec);
  return m;
}

// --- By a flow ----------------------------------------------------------------------------------
static const float *table_of(const leat_config *c, const leat_feature *f, leat_graph *graph,
                             const leat_state *state) {
  leat_buf name = {0};
  leat_buf_fmt(&name, "%s/", SCOPE);
  leat_feature_table_name(&c->features, f, &name);
  leat_buf_c(&name, "/embedding_weights");
  const leat_var *var = leat_graph_find_var(graph, leat_buf_view(&name));
  leat_buf_deinit(&name);
  return var ? leat_tensor_data(leat_state_get(state, var)) : NULL;
}

// One row's part of a feature.
static void put_feature(float *to, const leat_feature *f, const leat_flow_batch *b, int field,
                        int row, const float *table) {
  const leat_flow_column *column = &b->columns[field];
  int64_t width = leat_feature_width(f);
  if (f->embedding) {
    int64_t id = ((const int64_t *)column->values)[row];
    for (int64_t k = 0; k < width; k++) to[k] = id < 0 ? 0 : table[id * width + k];
  } else if (b->schema->fields[field].type == LEAT_FLOW_TYPE_LIST) {
    const int32_t *ends = column->values;
    const float *items = column->children->values;
    if (ends[row + 1] - ends[row] == width)
      memcpy(to, items + ends[row], (size_t)width * sizeof *to);
  } else {
    to[0] = ((const float *)column->values)[row];
  }
}

static void put_batch(matrix *m, const leat_config *c, const leat_flow_batch *b, leat_graph *graph,
                      const leat_state *state) {
  int id = leat_flow_schema_find(b->schema, LEAT_STR("id"));
  int64_t at = 0;
  for (size_t i = 0; i < c->part_features[LEAT_PART_DNN].count; i++) {
    const leat_feature *f = &c->features.at[c->part_features[LEAT_PART_DNN].at[i]];
    const float *table = f->embedding ? table_of(c, f, graph, state) : NULL;
    int field = leat_flow_schema_find(b->schema, f->name);
    for (int row = 0; row < b->rows; row++) {
      int64_t number = ((const int64_t *)b->columns[id].values)[row];
      if (number >= 0 && number < m->rows)
        put_feature(m->at + number * m->width + at, f, b, field, row, table);
    }
    at += leat_feature_width(f);
  }
}

static matrix by_flow(const leat_config *c, const leat_job *job, char **argv, int threads,
                      bool streaming, int64_t rows, int64_t width) {
  matrix m = {calloc((size_t)(rows * width), sizeof(float)), rows, width};
  leat_flow *flow;
  leat_flow_pcollection p;
  char read[2048], features[1024];
  size_t count;
  memset(m.at, 0xFF, (size_t)(rows * width) * sizeof *m.at);  // NaN where no row comes
  snprintf(read, sizeof read, "{path: '%s', schema: {id: int64, %s}}", argv[3], argv[4]);
  snprintf(features, sizeof features, "{model: '%s', job_dir: '%s', keep: [id]}", argv[1], argv[2]);
  must(leat_flow_new(&flow, &err), "a flow");
  must(leat_flow_apply(flow, "Read", "ReadFromCsv", read, NULL, 0, &p, &err), "ReadFromCsv");
  must(leat_flow_apply(flow, "Features", "Features", features, &p, 1, &p, &err), "Features");
  must(leat_flow_apply(flow, "Collect", "Collect", NULL, &p, 1, NULL, &err), "Collect");
  leat_flow_options options = {.threads = threads, .streaming = streaming};
  must(leat_flow_run(flow, &options, &err), "the flow");
  const leat_flow_batch *const *all = leat_flow_collected(flow, "Collect", &count);
  for (size_t i = 0; i < count; i++)
    put_batch(&m, c, all[i], leat_job_estimator(job)->graph, leat_job_state(job));
  leat_flow_free(flow);
  return m;
}

static bool equal(const matrix *a, const matrix *b) {
  return a->rows == b->rows && a->width == b->width && a->rows &&
         !memcmp(a->at, b->at, (size_t)(a->rows * a->width) * sizeof *a->at);
}

int main(int argc, char **argv) {
  if (argc < 6) return 2;
  leat_config config;
  leat_job *job;
  leat_model *model;
  leat_str files[16];
  size_t count = 0;
  char *dir, name[128];
  for (int i = 5; i < argc && count < 16; i++) files[count++] = leat_str_of(argv[i]);
  leat_flow_use_features();
  must(leat_config_load(&config, argv[1], NULL, 0, &err), "model.yaml");
  must(leat_job_open(&job, &config, argv[2], false, NULL, &err), "the job");
  must(leat_model_find(argv[2], &dir, &err), "its export");
  must(leat_model_load(&model, dir, &err), "the saved model");
  leat_text_free(dir);
  matrix training = by_graph(&config, leat_job_estimator(job)->step, leat_job_state(job),
                             LEAT_ENGINE_INTERPRETER, files, count);
  matrix serving = by_graph(&config, leat_model_func(model), leat_model_state(model),
                            LEAT_ENGINE_AUTO, files, count);
  printf("# %lld rows of %lld numbers\n", (long long)training.rows, (long long)training.width);
  check(equal(&training, &serving), "features in the saved model = features in training");
  for (int way = 0; way < 4; way++) {
    matrix flow = by_flow(&config, job, argv, 1 + way % 2, way / 2, training.rows, training.width);
    snprintf(name, sizeof name, "features in a flow = features in training (%d thread%s%s)",
             1 + way % 2, way % 2 ? "s" : "", way / 2 ? ", streaming" : "");
    check(equal(&training, &flow), name);
    free(flow.at);
  }
  free(training.at);
  free(serving.at);
  leat_model_free(model);
  leat_job_close(job);
  leat_config_deinit(&config);
  return failures != 0;
}
