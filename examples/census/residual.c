// A custom estimator: a residual network as a model_fn; loop, evaluation and export are Leat's.
// SPDX-License-Identifier: Apache-2.0
//
// usage: residual MODEL.yaml JOB_DIR [field=value...]
//
// x = dense(features); then a few blocks x + dense(relu(dense(layer_norm(x)))); then logits. Each
// width and depth comes from `params`, which the loop hands to the function.
#include "leat/estimator.h"
#include "leat/ops.h"

#include <stdio.h>

typedef struct params {
  int64_t width;
  int blocks;
  double dropout;
} params;

static leat_value block(leat_net *net, int i, const params *p, leat_value x) {
  leat_builder *b = leat_net_builder(net);
  char name[64];
  snprintf(name, sizeof name, "block_%d/norm", i);
  leat_value y = leat_net_layer_norm(net, name, x);
  snprintf(name, sizeof name, "block_%d/up", i);
  y = leat_relu(b, leat_net_dense(net, name, y, 2 * p->width));
  snprintf(name, sizeof name, "block_%d/dropout", i);
  y = leat_net_dropout(net, name, y, p->dropout);
  snprintf(name, sizeof name, "block_%d/down", i);
  y = leat_net_dense(net, name, y, p->width);
  snprintf(name, sizeof name, "block_%d/residual", i);
  leat_net_summary(net, name, y);
  return leat_add(b, x, y);
}

static leat_value residual(leat_net *net, void *context) {
  const params *p = context;
  leat_value x = leat_net_dense(net, "input", leat_net_input_layer(net), p->width);
  for (int i = 0; i < p->blocks; i++) x = block(net, i, p, x);
  return leat_net_dense(net, "logits", x, leat_net_outputs(net));
}

int main(int argc, char **argv) {
  params p = {.width = 32, .blocks = 2, .dropout = 0.1};
  leat_train_result result;
  leat_error err = {0};
  if (argc < 3) {
    fprintf(stderr, "usage: residual MODEL.yaml JOB_DIR [field=value...]\n");
    return 2;
  }
  leat_train_options options = {.job_dir = argv[2],
                                .overrides = (const char *const *)argv + 3,
                                .override_count = (size_t)argc - 3,
                                .model_fn = residual,
                                .context = &p};
  if (leat_train_and_evaluate(argv[1], &options, &result, &err)) {
    fprintf(stderr, "residual: %s\n", err.message);
    return 1;
  }
  for (int i = 0; i < result.metrics.count; i++)
    printf("%-24s %.6g\n", result.metrics.names[i], result.metrics.values[i]);
  printf("exported to %s\n", result.export_dir);
  return 0;
}
