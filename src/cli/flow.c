// leat flow: runs, checks and draws pipelines.
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/file.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "flow/op.h"
#include "flow/portable.h"
#include "formats/date.h"
#include "formats/number.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const option flow_options[] = {
    {"--streaming", OPTION_FLAG, "", "watermarks advance while bounded input is read", NULL},
    {"--threads", OPTION_VALUE, "N", "workers [one for each core]", NULL},
    {"--metrics-file", OPTION_VALUE, "FILE", "writes the metrics there as JSON, at the end", NULL},
    {"--general-path", OPTION_FLAG, "", "groups rows without short cuts, for comparison", NULL},
    {"--portable", OPTION_FLAG, "", "check: prints Beam's Pipeline message instead, as bytes",
     NULL},
    {"--quiet", OPTION_FLAG, "", "no live view and no table at the end", NULL},
    {0},
};

// --- Loading ------------------------------------------------------------------------------------
static leat_status load(const args *a, leat_flow **flow, leat_error *err) {
  const char *path = a->words.at[1];
  leat_buf text = {0};
  bool standard = strcmp(path, "-") == 0;
  leat_status status = leat_file_read(standard ? "/dev/stdin" : path, 64 << 20, &text, err);
  leat_buf_char(&text, 0);
  if (!status) status = leat_buf_status(&text, err);
  if (!status) status = leat_flow_new(flow, err);
  if (!status) status = leat_flow_load(*flow, text.ptr, standard ? "stdin" : path, err);
  return leat_buf_deinit(&text), status;
}

// --- The live view ------------------------------------------------------------------------------
typedef struct view {
  bool live;
  int lines;         // drawn, to be drawn over
  double last;       // seconds at the last drawing
  int64_t *rows_in;  // by transform, then
} view;

static void count_text(char out[16], double count) {
  static const char units[] = " kMGT";
  int u = 0;
  while (count >= 10000 && u < 4) count /= 1000, u++;
  snprintf(out, 16, count < 100 && u ? "%.1f%c" : "%.0f%c", count, units[u]);
}

static void mark_text(char out[40], int64_t mark) {
  if (mark == LEAT_FLOW_TIME_MAX) {
    snprintf(out, 40, "end");
  } else if (mark <= LEAT_FLOW_TIME_MIN / 2) {
    snprintf(out, 40, "-");
  } else {
    leat_buf text = {0};
    leat_format_date((double)(mark / 1000) / 86400, &text);
    snprintf(out, 40, "%s", text.ptr ? text.ptr : "");
    leat_buf_deinit(&text);
  }
}

static void print_row(FILE *to, const leat_flow *flow, const leat_flow_transform *t, double rate) {
  char in[16], out[16], speed[16], mark[40];
  int64_t watermark;
  leat_flow_counts c = leat_flow_counted(flow, t->id, &watermark);
  count_text(in, (double)c.rows_in);
  count_text(out, (double)c.rows_out);
  count_text(speed, rate);
  mark_text(mark, watermark);
  print_cell(to, t->name, 32);
  fprintf(to, " %10s %10s %10s %20s", in, out, speed, mark);
  if (c.dropped_late + c.dropped_closed)
    fprintf(to, "  %s%lld late%s", style_on(to, STYLE_RED),
            (long long)(c.dropped_late + c.dropped_closed), style_off(to));
  fputc('\n', to);
}

static void print_table(FILE *to, view *v, const leat_flow *flow) {
  double now = leat_flow_seconds(flow);
  if (v->lines) fprintf(to, "\033[%dA\033[J", v->lines);
  fprintf(to, "%s%-32s %10s %10s %10s %20s%s\n", style_on(to, STYLE_BOLD), "transform", "rows in",
          "rows out", "rows/s", "watermark", style_off(to));
  v->lines = 1;
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    if (!t->class->start) continue;
    int64_t watermark;
    leat_flow_counts c = leat_flow_counted(flow, t->id, &watermark);
    int64_t rows = t->inputs.count ? c.rows_in : c.rows_out;
    double span = now - v->last;
    print_row(to, flow, t, span > 0 ? (double)(rows - v->rows_in[i]) / span : 0);
    v->rows_in[i] = rows;
    v->lines++;
  }
  v->last = now;
  fflush(to);
}

static void show(void *context, leat_flow *flow) {
  view *v = context;
  if (v->live) print_table(stderr, v, flow);
}

// --- Running ------------------------------------------------------------------------------------
static leat_flow *running;

// The first one drains, the second one ends the program.
static void on_signal(int number) {
  leat_flow_drain(running);
  signal(number, SIG_DFL);
}

static leat_status write_metrics(const args *a, leat_flow *flow, leat_error *err) {
  const char *path = args_get(a, "--metrics-file");
  leat_status status = a->json ? leat_flow_metrics_json(flow, stdout, err) : LEAT_OK;
  if (status || !path) return status;
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) return leat__oom(err, 1);
  status = leat_flow_metrics_json(flow, f, err);
  fclose(f);
  if (!status) status = leat_file_write(path, (leat_str){text, size}, err);
  return free(text), status;
}

static int run(args *a) {
  leat_error err;
  leat_flow *flow = NULL;
  view v = {.live = isatty(STDERR_FILENO) && !args_get(a, "--quiet")};
  leat_flow_options o = {.streaming = args_get(a, "--streaming"),
                         .general_path = args_get(a, "--general-path"),
                         .progress = show,
                         .progress_s = 0.25,
                         .context = &v};
  const char *threads = args_get(a, "--threads");
  int64_t count = 0;
  if (threads && (!leat_parse_i64(leat_str_of(threads), &count) || count < 1 || count > 64))
    return usage_error(a, "--threads is a number from 1 to 64, not '%s'", threads);
  o.threads = (int)count;
  leat_flow_use_features();
  leat_status status = load(a, &flow, &err);
  if (!status) {
    v.rows_in = leat__calloc(flow->transforms.count + 1, sizeof *v.rows_in);
    running = flow;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    status = v.rows_in ? leat_flow_run(flow, &o, &err) : leat__oom(&err, 1);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (v.live && v.rows_in) {
      memset(v.rows_in, 0, flow->transforms.count * sizeof *v.rows_in);
      v.last = 0;
      print_table(stderr, &v, flow);
    }
  }
  if (!status) status = write_metrics(a, flow, &err);
  leat__free(v.rows_in);
  leat_flow_free(flow);
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

// --- Looking ------------------------------------------------------------------------------------
static const char *const window_names[] = {"global", "fixed", "sliding", "sessions"};

static leat_status print_portable(const leat_flow *flow, leat_error *err) {
  leat_buf bytes = {0};
  leat_status status = leat_flow_portable(flow, &bytes, err);
  if (!status && isatty(STDOUT_FILENO))
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "the message is bytes: send it to a file, or through protoc --decode");
  if (!status) fwrite(bytes.ptr, 1, bytes.len, stdout);
  return leat_buf_deinit(&bytes), status;
}

static int check(args *a) {
  leat_error err;
  leat_flow *flow = NULL;
  bool portable = args_get(a, "--portable");
  leat_flow_use_features();
  leat_status status = load(a, &flow, &err);
  if (!status && portable) status = print_portable(flow, &err);
  for (size_t i = 0; !status && !portable && i < flow->collections.count; i++) {
    const leat_flow_collection *c = flow->collections.at[i];
    leat_buf schema = {0};
    leat_flow_schema_print(c->schema, &schema);
    printf(LEAT_STR_FMT "%s" LEAT_STR_FMT "  %s  %s%s\n", LEAT_STR_ARG(c->producer->name),
           c->tag.len ? "." : "", LEAT_STR_ARG(c->tag), schema.ptr ? schema.ptr : "",
           window_names[c->strategy->window.kind], c->bounded ? "" : ", unbounded");
    leat_buf_deinit(&schema);
  }
  leat_flow_free(flow);
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

static void dot_text(leat_str text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] == '"' || text.ptr[i] == '\\') putchar('\\');
    putchar(text.ptr[i]);
  }
}

static int graph(args *a) {
  leat_error err;
  leat_flow *flow = NULL;
  leat_flow_use_features();
  leat_status status = load(a, &flow, &err);
  if (!status) printf("digraph pipeline {\n  node [shape=box, fontname=\"sans-serif\"];\n");
  for (size_t i = 0; !status && i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    if (!t->class->start) continue;
    printf("  t%d [label=\"", t->id);
    dot_text(t->name);
    printf("\\n%s\"];\n", t->class->type);
    for (size_t k = 0; k < t->inputs.count; k++) {
      printf("  t%d -> t%d [label=\"", t->inputs.at[k]->producer->id, t->id);
      dot_text(t->inputs.at[k]->tag);
      printf("\"];\n");
    }
  }
  if (!status) printf("}\n");
  leat_flow_free(flow);
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

static int flow_command(args *a) {
  static const struct {
    const char *name;
    int (*run)(args *a);
  } all[] = {{"run", run}, {"check", check}, {"graph", graph}};
  if (a->words.count != 2) return usage_error(a, "expected run, check or graph, and a file");
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (strcmp(a->words.at[0], all[i].name) == 0) return all[i].run(a);
  return usage_error(a, "expected run, check or graph, not '%s'", a->words.at[0]);
}

const command command_flow = {
    .name = "flow",
    .usage = "run|check|graph PIPELINE.yaml [OPTIONS]",
    .help =
        "Batch and streaming pipelines in Beam YAML's shape. `run` runs one here, with a live "
        "view on a terminal; Ctrl-C lets it finish what it has read. `check` prints each "
        "collection's fields and windows. `graph` prints the pipeline for Graphviz.",
    .options = flow_options,
    .run = flow_command,
};
