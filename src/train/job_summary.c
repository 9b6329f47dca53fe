// What a training job tells boards besides its curves: hyperparameters, PR curves.
// SPDX-License-Identifier: Apache-2.0
#include "train/job_summary.h"

#include <stdio.h>

// --- Hyperparameters ----------------------------------------------------------------------------
enum { HYPER_MAX = 24 };

typedef struct hypers {
  leat_hyper list[HYPER_MAX];
  size_t count;
} hypers;

static void add_number(hypers *h, const char *name, double value) {
  h->list[h->count++] = (leat_hyper){.name = name, .number = value};
}
static void add_truth(hypers *h, const char *name, bool value) {
  h->list[h->count++] = (leat_hyper){.name = name, .number = value, .is_truth = true};
}
static void add_text(hypers *h, const char *name, const char *value) {
  h->list[h->count++] = (leat_hyper){.name = name, .text = value};
}

leat_status leat__job_write_hyper(const leat_job *job, leat_event_writer *w, leat_error *err) {
  const leat_config *c = job->config;
  hypers h = {0};
  leat_buf units = {0};
  for (size_t i = 0; i < c->hidden_units.count; i++)
    leat_buf_fmt(&units, "%s%lld", i ? "-" : "", (long long)c->hidden_units.at[i]);
  add_number(&h, "batch_size", (double)c->batch_size);
  add_number(&h, "seed", (double)c->seed);
  add_number(&h, "l1", c->l1);
  add_number(&h, "l2", c->l2);
  if (c->has_part[LEAT_PART_DNN]) {
    const leat_optimizer *o = &c->optimizers[LEAT_PART_DNN];
    add_text(&h, "hidden_units", units.ptr ? units.ptr : "");
    add_text(&h, "activation", leat_activation_names[c->activation]);
    add_number(&h, "dropout", c->dropout);
    add_truth(&h, "batch_norm", c->batch_norm);
    add_text(&h, "optimizer", leat_optimizer_names[o->kind]);
    add_number(&h, "learning_rate", o->learning_rate);
  }
  if (c->has_part[LEAT_PART_LINEAR]) {
    const leat_optimizer *o = &c->optimizers[LEAT_PART_LINEAR];
    add_text(&h, "linear_optimizer", leat_optimizer_names[o->kind]);
    add_number(&h, "linear_learning_rate", o->learning_rate);
  }
  leat_status status = leat_event_hyper(w, h.list, h.count, err);
  leat_buf_deinit(&units);
  return status;
}

// --- PR curves ----------------------------------------------------------------------------------
static double count_at(const leat_tensor *bins, int64_t i) {
  const void *data = leat_tensor_data(bins);
  return leat_tensor_dtype(bins) == LEAT_DTYPE_F64 ? ((const double *)data)[i]
                                                   : (double)((const int64_t *)data)[i];
}

// The bins of an AUC hold what lies between its thresholds: sums from the top are the claims.
static leat_status write_curve(leat_job *job, const leat_tensor *yes, const leat_tensor *no,
                               const char *tag, leat_error *err) {
  int n = (int)leat_tensor_count(yes) - 1;
  double *rows = leat__calloc(4 * (size_t)n + 1, sizeof *rows), above = 0, below = 0;
  if (!rows) return leat__oom(err, sizeof *rows);
  double *tp = rows, *fp = tp + n, *tn = fp + n, *fn = tn + n;
  for (int i = n; i > 0; i--) {
    tp[i - 1] = above += count_at(yes, i);
    fp[i - 1] = below += count_at(no, i);
  }
  above += count_at(yes, 0), below += count_at(no, 0);
  for (int i = 0; i < n; i++) fn[i] = above - tp[i], tn[i] = below - fp[i];
  leat_pr_curve curve = {n, tp, fp, tn, fn};
  leat_status status = leat_event_pr_curve(job->eval_events, job->progress.step, tag, &curve, err);
  leat__free(rows);
  return status;
}

leat_status leat__job_write_curves(leat_job *job, leat_error *err) {
  static const leat_str begin = {"metrics/auc", 11}, end = {"/positive_bins", 14};
  leat_graph *graph = job->e.graph;
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < leat_graph_var_count(graph); i++) {
    leat_str name = leat_str_of(leat_var_name(leat_graph_var_at(graph, i)));
    char tag[256], other[256];
    if (!leat_str_starts(name, begin) || !leat_str_ends(name, end) || name.len > 200 ||
        memmem(name.ptr, name.len, "precision_recall", 16))
      continue;
    int middle = (int)(name.len - begin.len - end.len);
    snprintf(tag, sizeof tag, "pr_curve%.*s", middle, name.ptr + begin.len);
    snprintf(other, sizeof other, "metrics/auc%.*s/negative_bins", middle, name.ptr + begin.len);
    const leat_var *no = leat_graph_find_var(graph, leat_str_of(other));
    const leat_tensor *yes = leat_state_get(job->state, leat_graph_var_at(graph, i));
    if (no && leat_tensor_count(yes) > 2)
      status = write_curve(job, yes, leat_state_get(job->state, no), tag, err);
  }
  return status;
}
