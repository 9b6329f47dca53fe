// leat train, evaluate, export: what works on a job directory.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"
#include "base/clock.h"
#include "cli/inspect.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "formats/json.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#define DATA_OPTIONS                                                                            \
  {"--job-dir", OPTION_VALUE, "DIR", "where checkpoints, event files and exports live", NULL},  \
      {"--train-files", OPTION_LIST, "FILES", "training files; globs allowed (data.train)",     \
       "data.train"},                                                                           \
      {"--eval-files", OPTION_LIST, "FILES", "evaluation files (data.eval)", "data.eval"},      \
      {"--eval-batch-size", OPTION_VALUE, "N", "rows of an evaluation batch (eval.batch_size)", \
       "eval.batch_size"},                                                                      \
      {"--max-errors", OPTION_VALUE, "N", "bad rows to skip in a pass (data.max_errors)",       \
       "data.max_errors"},                                                                      \
  {                                                                                             \
    "--eval-steps", OPTION_VALUE, "N", "evaluation batches, 0 = all (eval.steps)", "eval.steps" \
  }

static const option train_options[] = {
    DATA_OPTIONS,
    {"--train-steps", OPTION_VALUE, "N", "the global step to stop at (train.steps)", "train.steps"},
    {"--train-batch-size", OPTION_VALUE, "N", "rows of a training batch (train.batch_size)",
     "train.batch_size"},
    {"--num-epochs", OPTION_VALUE, "N", "passes over the data (train.epochs)", "train.epochs"},
    {"--check-numerics", OPTION_FLAG, "",
     "look at every value of every step: the first NaN or infinity ends training and is named",
     NULL},
    {"--profile", OPTION_FLAG, "",
     "where the time of a step goes: a table, and DIR/profile/train.trace.json for Perfetto", NULL},
    {"--overwrite", OPTION_FLAG, "", "start anew: removes what the job directory holds", NULL},
    {"--no-eval", OPTION_FLAG, "", "do not evaluate and export at the end", NULL},
    {0},
};
static const option evaluate_options[] = {
    DATA_OPTIONS,
    {"--slice-by", OPTION_VALUE, "COLUMN", "scores for each value of a column (numbers: quarters)",
     NULL},
    {"--importance", OPTION_FLAG, "", "how much worse when a column's values change places", NULL},
    {0},
};
static const option export_options[] = {
    DATA_OPTIONS,
    {"--aot", OPTION_LIST, "ISA ...",
     "also build its native code for native (this CPU), sse2, avx2, avx512 or neon; it is run only "
     "with --trust-native-code",
     NULL},
    {0}};

static volatile sig_atomic_t interrupted;
static void on_interrupt(int number) {
  (void)number;
  if (interrupted++) _exit(130);
}

// --- Progress -----------------------------------------------------------------------------------
typedef struct meter {
  leat_job *job;
  bool shown;  // the bar stands on the last line
  bool said;   // why the interpreter trains
} meter;

// Once, as soon as it is known.
static void say_engine(meter *m) {
  if (m->said || !m->job || !*leat_job_note(m->job)) return;
  fprintf(stderr, "%straining in the interpreter: %s\n", m->shown ? "\n" : "",
          leat_job_note(m->job));
  m->shown = false;
  m->said = true;
}

static void print_left(double seconds) {
  if (seconds < 60)
    fprintf(stderr, "%.0fs left", seconds);
  else if (seconds < 3600)
    fprintf(stderr, "%.0fm%02.0fs left", seconds / 60, (double)((long)seconds % 60));
  else
    fprintf(stderr, "%.0fh%02.0fm left", seconds / 3600, (double)((long)seconds % 3600) / 60);
}

static bool on_progress(void *context, const leat_job_progress *p) {
  meter *m = context;
  say_engine(m);
  if (isatty(2)) {
    char text[128];
    snprintf(text, sizeof text, "step %lld/%lld  loss %.4f  %.0f steps/s  ", (long long)p->step,
             (long long)p->last_step, p->loss, p->steps_per_second);
    terminal_bar(p->last_step ? (double)p->step / (double)p->last_step : 1, text);
    if (p->steps_per_second > 0) print_left((double)(p->last_step - p->step) / p->steps_per_second);
    m->shown = true;
  }
  return !interrupted;
}

// --- Results ------------------------------------------------------------------------------------
static void print_metrics(const leat_metric_values *m) {
  printf("%-24s %s\n", "metric", "value");
  for (int i = 0; i < m->count; i++) printf("%-24s %.6g\n", m->names[i], m->values[i]);
  printf("%-24s %lld\n", "global_step", (long long)m->global_step);
}

// TensorFlow's own line, keys sorted; global_step stands in its place.
static void print_saving_line(const leat_metric_values *m) {
  fprintf(stderr, "Saving dict for global step %lld: ", (long long)m->global_step);
  bool stepped = false;
  for (int i = 0; i <= m->count; i++) {
    bool here = !stepped && (i == m->count || strcmp(m->names[i], "global_step") > 0);
    if (here)
      fprintf(stderr, "%sglobal_step = %lld", i ? ", " : "", (long long)m->global_step),
          stepped = true;
    if (i < m->count)
      fprintf(stderr, "%s%s = %.7g", i || here ? ", " : "", m->names[i], m->values[i]);
  }
  fprintf(stderr, "\n");
}

static void print_json(const leat_metric_values *m, const leat_report *report, const char *job_dir,
                       const char *export_dir, double seconds) {
  leat_buf text = {0};
  leat_json_writer w = {.out = &text};
  leat_json_open(&w, '{');
  if (m) {
    leat_json_key(&w, LEAT_STR("metrics"));
    leat_json_open(&w, '{');
    for (int i = 0; i < m->count; i++)
      leat_json_key(&w, leat_str_of(m->names[i])), leat_json_f64(&w, m->values[i]);
    leat_json_key(&w, LEAT_STR("global_step"));
    leat_json_i64(&w, m->global_step);
    leat_json_close(&w, '}');
  }
  if (report) json_report(&w, report);
  leat_json_key(&w, LEAT_STR("job_dir"));
  leat_json_string(&w, leat_str_of(job_dir));
  if (export_dir) {
    leat_json_key(&w, LEAT_STR("export_dir"));
    leat_json_string(&w, leat_str_of(export_dir));
  }
  leat_json_key(&w, LEAT_STR("seconds"));
  leat_json_f64(&w, seconds);
  leat_json_close(&w, '}');
  printf("%s\n", text.ptr ? text.ptr : "{}");
  leat_buf_deinit(&text);
}

// An evaluation in the midst of training.
static void on_evaluated(void *context, const leat_metric_values *metrics) {
  meter *m = context;
  if (m->shown) fprintf(stderr, "\n");
  m->shown = false;
  print_saving_line(metrics);
}

// --- Commands -----------------------------------------------------------------------------------
static leat_status evaluate_and_export(args *a, leat_job *job, const leat_config *c,
                                       const char *dir, int64_t start, leat_error *err) {
  leat_metric_values metrics = {0};
  char *exported = NULL;
  leat_status status = LEAT_OK;
  bool evaluates = c->eval_files.count || c->split > 0;
  if (evaluates) {
    status = leat_job_evaluate(job, &metrics, err);
    if (!status) print_saving_line(&metrics);
  }
  if (!status) status = leat_job_export(job, &exported, err);
  double seconds = (double)(leat_clock_ns() - start) * 1e-9;
  if (!status && a->json)
    print_json(evaluates ? &metrics : NULL, NULL, dir, exported, seconds);
  else if (!status) {
    if (evaluates) print_metrics(&metrics);
    printf("exported to %s\n", exported);
  }
  leat__free(exported);
  return status;
}

static void on_bad_row(void *context, const char *message) {
  fprintf(stderr, "leat: %s: skipped: %s\n", (const char *)context, message);
}

static int open_config(args *a, leat_config *config, const char **dir) {
  leat_error err = {0};
  if (a->words.count != 1) return usage_error(a, "one MODEL.yaml is needed");
  if (leat_config_load(config, a->words.at[0], a->overrides.at, a->overrides.count, &err))
    return fail_with(a, &err);
  config->rows.on_error = on_bad_row;
  config->rows.context = (void *)(uintptr_t)a->command->name;
  *dir = args_get(a, "--job-dir");
  if (*dir) return -1;
  leat_config_deinit(config);
  return usage_error(a, "--job-dir is needed");
}

// Where JSON is asked for, beside it.
static void print_profile(const args *a, const leat_job *job) {
  leat_buf table = {0};
  leat_job_profile(job, &table);
  if (table.len) fwrite(table.ptr, 1, table.len, a->json ? stderr : stdout);
  leat_buf_deinit(&table);
}

static int run_train(args *a) {
  leat_config config;
  leat_error err = {0};
  leat_job *job = NULL;
  const char *dir;
  meter m = {0};
  int64_t start = leat_clock_ns();
  int code = open_config(a, &config, &dir);
  if (code >= 0) return code;
  struct sigaction action = {.sa_handler = on_interrupt};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  leat_job_options options = {.overwrite = args_get(a, "--overwrite") != NULL,
                              .check_numerics = args_get(a, "--check-numerics") != NULL,
                              .profile = args_get(a, "--profile") != NULL,
                              .progress = on_progress,
                              .evaluated = on_evaluated,
                              .context = &m};
  leat_status status = leat_job_open(&job, &config, dir, true, &options, &err);
  int64_t first = status ? 0 : leat_job_step(job);
  m.job = job;
  if (!status) say_engine(&m);
  if (!status && first) fprintf(stderr, "continuing %s at step %lld\n", dir, (long long)first);
  if (!status && first >= config.steps)
    fprintf(stderr,
            "step %lld is reached already; --train-steps N goes on, --overwrite starts anew\n",
            (long long)config.steps);
  if (!status) status = leat_job_train(job, &err);
  if (!status) say_engine(&m);
  if (m.shown) fprintf(stderr, "\n");
  if (job) print_profile(a, job);
  if (status == LEAT_CANCELLED)
    fprintf(stderr, "saved at step %lld; the same command goes on from there\n",
            (long long)leat_job_step(job));
  else if (!status && leat_job_step(job) < config.steps && config.stop.metric.len)
    fprintf(stderr, "stopped early at step %lld\n", (long long)leat_job_step(job));
  if (!status && !args_get(a, "--no-eval"))
    status = evaluate_and_export(a, job, &config, dir, start, &err);
  else if (!status && a->json)
    print_json(NULL, NULL, dir, NULL, (double)(leat_clock_ns() - start) * 1e-9);
  leat_job_close(job);
  leat_config_deinit(&config);
  if (status == LEAT_CANCELLED) return 130;
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

static int run_evaluate(args *a) {
  leat_config config;
  leat_error err = {0};
  leat_job *job = NULL;
  leat_metric_values metrics;
  const char *dir;
  int64_t start = leat_clock_ns();
  int code = open_config(a, &config, &dir);
  if (code >= 0) return code;
  leat_report report = {.classes = 0};
  leat_report_options options = {.slice_by = args_get(a, "--slice-by"),
                                 .importance = args_get(a, "--importance") != NULL};
  leat_status status = leat_job_open(&job, &config, dir, false, NULL, &err);
  if (!status) status = leat_job_evaluate(job, &metrics, &err);
  if (!status) print_saving_line(&metrics);
  bool reports = !status && (leat_job_can_report(job) || options.slice_by || options.importance);
  if (reports) status = leat_job_report(job, &options, &report, &err);
  if (!status && a->json)
    print_json(&metrics, reports ? &report : NULL, dir, NULL,
               (double)(leat_clock_ns() - start) * 1e-9);
  else if (!status)
    print_metrics(&metrics);
  if (!status && !a->json && reports) print_report(&report, options.slice_by);
  leat_report_deinit(&report);
  leat_job_close(job);
  leat_config_deinit(&config);
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

static int run_export(args *a) {
  leat_config config;
  leat_error err = {0};
  leat_job *job = NULL;
  char *path = NULL;
  const char *dir;
  int64_t start = leat_clock_ns();
  int code = open_config(a, &config, &dir);
  if (code >= 0) return code;
  leat_status status = leat_job_open(&job, &config, dir, false, NULL, &err);
  if (!status) status = leat_job_export(job, &path, &err);
  if (!status && args_get(a, "--aot")) status = compile_ahead(path, args_get(a, "--aot"), &err);
  if (!status && a->json)
    print_json(NULL, NULL, dir, path, (double)(leat_clock_ns() - start) * 1e-9);
  else if (!status)
    printf("%s\n", path);
  leat__free(path);
  leat_job_close(job);
  leat_config_deinit(&config);
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

const command command_train = {
    "train",
    "MODEL.yaml --job-dir DIR [options]",
    "Trains a model, evaluates and exports it. A job directory that exists is continued.",
    train_options,
    true,
    run_train};
const command command_evaluate = {"evaluate",
                                  "MODEL.yaml --job-dir DIR [options]",
                                  "Evaluates the newest checkpoint of a job.",
                                  evaluate_options,
                                  true,
                                  run_evaluate};
const command command_export = {"export",
                                "MODEL.yaml --job-dir DIR [options]",
                                "Writes the newest checkpoint of a job as a saved model.",
                                export_options,
                                true,
                                run_export};
