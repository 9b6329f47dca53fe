// A custom model through the C API: logistic regression on three columns of the census data.
// SPDX-License-Identifier: Apache-2.0
//
// usage: census adult.data
//
// Shows the whole of it: a graph with variables, a training step with its gradients made by the
// library, a run over batches, and a prediction.
#include "leat/engine.h"
#include "leat/ops.h"

#include <stdio.h>
#include <stdlib.h>

enum { COLUMNS = 3, MOST_ROWS = 40000, BATCH = 64, STEPS = 3000 };

static float inputs[MOST_ROWS][COLUMNS], labels[MOST_ROWS];

// age, education_num, hours_per_week, scaled to about 1; the label is 1 for ">50K".
static int64_t read_rows(const char *path) {
  FILE *file = fopen(path, "r");
  char line[512], label[16];
  int64_t rows = 0;
  int age, education, hours;
  if (!file) return -1;
  while (rows < MOST_ROWS && fgets(line, sizeof line, file)) {
    const char *form =
        "%d, %*[^,], %*d, %*[^,], %d, %*[^,], %*[^,], %*[^,], %*[^,], %*[^,], %*d, %*d, %d, "
        "%*[^,], %15s";
    if (sscanf(line, form, &age, &education, &hours, label) != 4) continue;
    inputs[rows][0] = (float)(age - 38) / 13;
    inputs[rows][1] = (float)(education - 10) / 3;
    inputs[rows][2] = (float)(hours - 40) / 12;
    labels[rows++] = label[0] == '>';
  }
  fclose(file);
  return rows;
}

typedef struct model {
  leat_graph *graph;
  leat_var *weights, *bias;
  leat_func *train, *predict;
} model;

static leat_value logits(leat_builder *b, const model *m, leat_value x) {
  return leat_add(b, leat_matmul(b, x, leat_var_read(b, m->weights)), leat_var_read(b, m->bias));
}

static leat_status build(model *m, leat_error *err) {
  leat_status status = leat_graph_new(&m->graph, err);
  if (!status)
    status =
        leat_graph_var(m->graph, "weights", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(COLUMNS, 1)},
                       true, &m->weights, err);
  if (!status)
    status = leat_graph_var(m->graph, "bias", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(1)}, true,
                            &m->bias, err);
  if (status) return status;
  leat_dim batch = leat_dim_symbol(m->graph, "batch", 0);

  // predict(x) -> probability
  leat_builder *b = leat_builder_new(m->graph, "predict");
  leat_value x = leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(batch, COLUMNS)});
  leat_output(b, "probability", leat_sigmoid(b, logits(b, m, x)));
  if ((status = leat_builder_finish(b, &m->predict, err))) return status;

  // train(x, label) -> mean loss; each variable moves against its gradient
  b = leat_builder_new(m->graph, "train");
  x = leat_input(b, "x", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(batch, COLUMNS)});
  leat_value label = leat_input(b, "label", (leat_type){LEAT_DTYPE_F32, LEAT_SHAPE(batch, 1)});
  leat_value z = logits(b, m, x);
  leat_value loss =
      leat_mean(b, leat_sub(b, leat_softplus(b, z), leat_mul(b, z, label)), NULL, 0, false);
  leat_value params[] = {leat_var_read(b, m->weights), leat_var_read(b, m->bias)};
  leat_var *vars[] = {m->weights, m->bias};
  leat_gradient grads[2];
  leat_gradients(b, &loss, NULL, 1, params, 2, false, grads);
  for (int i = 0; i < 2; i++)
    leat_var_next(b, vars[i], leat_sub(b, params[i], leat_mul_scalar(b, grads[i].dense, 0.1)));
  leat_output(b, "loss", loss);
  return leat_builder_finish(b, &m->train, err);
}

static leat_status zero(leat_state *state, leat_var *var, leat_error *err) {
  static const float zeros[COLUMNS];
  leat_type type = leat_var_type(var);
  leat_tensor *value;
  leat_status status =
      leat_tensor_copy_of(&value, type.dtype, type.shape.rank, type.shape.dims, zeros, err);
  if (!status) status = leat_state_set(state, var, value, err);
  if (!status) leat_tensor_unref(value);
  return status;
}

// One call of a function on rows [first, first + count).
static leat_status run(leat_exec *exec, leat_state *state, int64_t first, int64_t count,
                       bool with_labels, leat_tensor **out, leat_error *err) {
  leat_tensor *in[2] = {NULL};
  leat_status status = leat_tensor_copy_of(&in[0], LEAT_DTYPE_F32, 2, (int64_t[]){count, COLUMNS},
                                           inputs[first], err);
  if (!status && with_labels)
    status =
        leat_tensor_copy_of(&in[1], LEAT_DTYPE_F32, 2, (int64_t[]){count, 1}, &labels[first], err);
  if (!status) status = leat_exec_run(exec, state, in, with_labels ? 2 : 1, out, err);
  leat_tensor_unref(in[0]);
  leat_tensor_unref(in[1]);
  return status;
}

static leat_status work(model *m, int64_t rows, leat_error *err) {
  leat_state *state = NULL;
  leat_exec *train = NULL, *predict = NULL;
  leat_tensor *out = NULL;
  leat_status status = build(m, err);
  if (!status) status = leat_state_new(&state, m->graph, err);
  if (!status) status = zero(state, m->weights, err);
  if (!status) status = zero(state, m->bias, err);
  if (!status) status = leat_exec_new(&train, m->train, NULL, err);
  if (!status) status = leat_exec_new(&predict, m->predict, NULL, err);
  for (int64_t step = 0; !status && step < STEPS; step++) {
    status = run(train, state, step * BATCH % (rows - BATCH), BATCH, true, &out, err);
    if (!status && (step + 1) % 1000 == 0)
      printf("step %lld  loss %.4f\n", (long long)step + 1, *(float *)leat_tensor_data(out));
    if (!status) leat_tensor_unref(out);
  }
  if (!status) status = run(predict, state, 0, rows, false, &out, err);
  int64_t right = 0;
  for (int64_t i = 0; !status && i < rows; i++)
    right += (((float *)leat_tensor_data(out))[i] > 0.5f) == (labels[i] > 0.5f);
  if (!status)
    printf("accuracy %.4f on %lld rows\n", (double)right / (double)rows, (long long)rows);
  if (!status) leat_tensor_unref(out);
  leat_exec_free(train);
  leat_exec_free(predict);
  leat_state_free(state);
  leat_graph_free(m->graph);
  return status;
}

int main(int argc, char **argv) {
  leat_error err = {0};
  model m = {0};
  int64_t rows = argc == 2 ? read_rows(argv[1]) : 0;
  if (rows <= BATCH) {
    fprintf(stderr, "usage: census adult.data (comma and space separated, 15 columns)\n");
    return 2;
  }
  if (work(&m, rows, &err) == LEAT_OK) return 0;
  fprintf(stderr, "census: %s\n", err.message);
  return 1;
}
