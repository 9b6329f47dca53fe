// leat flow: runs, checks, tests and draws pipelines.
// SPDX-License-Identifier: Apache-2.0
#include "cli/flow.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/terminal.h"
#include "flow/portable.h"
#include "formats/json.h"
#include "formats/number.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const option flow_options[] = {
    {"--streaming", OPTION_FLAG, "", "watermarks advance while bounded input is read", NULL},
    {"--threads", OPTION_VALUE, "N", "workers [one for each core]", NULL},
    {"--set", OPTION_LIST, "NAME=VALUE ...", "what {{ NAME }} in the file stands for", NULL},
    {"--jinja_variables", OPTION_VALUE, "JSON", "the same as an object, as Beam has it", NULL},
    {"--metrics-file", OPTION_VALUE, "FILE", "holds the metrics as JSON, renewed each second",
     NULL},
    {"--metrics-port", OPTION_VALUE, "PORT",
     "/metrics there for Prometheus while it runs; 0: any port, which is told", NULL},
    {"--format", OPTION_VALUE, "text|json|dot|svg",
     "run, test: text or json [text]; graph: dot, svg or text [dot]", NULL},
    {"--general-path", OPTION_FLAG, "", "groups rows without short cuts, for comparison", NULL},
    {"--portable", OPTION_FLAG, "", "check: prints Beam's Pipeline message instead, as bytes",
     NULL},
    {"--quiet", OPTION_FLAG, "", "no live view and no table at the end", NULL},
    {0},
};

leat_status flow_load(args *a, leat_flow **flow, leat_error *err) {
  const char *path = a->words.at[1];
  leat_buf text = {0};
  leat_flow_use_features();
  leat_status status = flow_read(a, path, &text, err);
  if (!status) status = leat_flow_new(flow, err);
  if (!status)
    status = leat_flow_load(*flow, text.ptr, strcmp(path, "-") == 0 ? "stdin" : path, err);
  return leat_buf_deinit(&text), status;
}

// --- Running ------------------------------------------------------------------------------------
typedef struct running {
  leat_flow *flow;
  flow_view view;
  bool live;
  const char *file;  // of the metrics; NULL: none
  flow_metrics *port;
  int64_t next_ns;  // when the file and the port are due
} running;

static leat_flow *drained;  // by a signal
static bool says_draining;

// The first one drains, the second one ends the program.
static void on_signal(int number) {
  static const char text[] = "draining: input ends here, windows close; again ends it at once\n";
  leat_flow_drain(drained);
  signal(number, SIG_DFL);
  if (says_draining && write(STDERR_FILENO, text, sizeof text - 1) < 0) return;
}

static leat_status write_metrics(const char *path, leat_flow *flow, leat_error *err) {
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream(&text, &size);
  if (!f) return leat__oom(err, 1);
  leat_status status = leat_flow_metrics_json(flow, f, err);
  fclose(f);
  if (!status) status = leat_file_write(path, (leat_str){text, size}, err);
  return free(text), status;
}

static void show(void *context, leat_flow *flow) {
  running *r = context;
  if (r->live) flow_view_draw(&r->view, flow, false);
  int64_t now = leat_clock_ns();
  if (r->port) flow_metrics_set(r->port, flow);
  if (now < r->next_ns || !r->file) return;
  r->next_ns = now + 1000000000;
  write_metrics(r->file, flow, NULL);  // an error is told at the end
}

static bool read_number(const args *a, const char *name, int64_t least, int64_t most, int *out) {
  const char *text = args_get(a, name);
  int64_t value = 0;
  if (!text) return true;
  bool good = leat_parse_i64(leat_str_of(text), &value) && value >= least && value <= most;
  *out = (int)value;
  if (!good)
    usage_error(a, "%s is a number from %lld to %lld, not '%s'", name, (long long)least,
                (long long)most, text);
  return good;
}

static leat_status run_loaded(args *a, running *r, leat_flow_options *o, int port,
                              leat_error *err) {
  bool terminal = isatty(STDERR_FILENO) && !args_get(a, "--quiet");
  leat_status status = LEAT_OK, told = LEAT_OK;
  leat_error other;
  if (terminal) status = flow_view_init(&r->view, a->words.at[1], r->flow, err);
  r->live = terminal && !flow_prints(r->flow);
  if (!status && port >= 0) status = flow_metrics_start(&r->port, port, err);
  if (status) return status;
  if (r->port) flow_metrics_set(r->port, r->flow);
  drained = r->flow;
  says_draining = !r->live;
  signal(SIGINT, on_signal);
  signal(SIGTERM, on_signal);
  status = leat_flow_run(r->flow, o, err);
  signal(SIGINT, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  if (terminal) flow_view_draw(&r->view, r->flow, true);
  if (r->file) told = write_metrics(r->file, r->flow, &other);
  if (!told && a->json) told = leat_flow_metrics_json(r->flow, stdout, &other);
  if (status || !told) return status;
  if (err) *err = other;
  return told;
}

static int run(args *a) {
  leat_error err;
  running r = {.file = args_get(a, "--metrics-file")};
  leat_flow_options o = {.streaming = args_get(a, "--streaming"),
                         .general_path = args_get(a, "--general-path"),
                         .progress = show,
                         .progress_s = 0.25,
                         .context = &r};
  int port = -1;
  if (!read_number(a, "--threads", 1, 64, &o.threads) ||
      !read_number(a, "--metrics-port", 0, 65535, &port))
    return EXIT_USAGE;
  leat_status status = flow_load(a, &r.flow, &err);
  if (!status) status = run_loaded(a, &r, &o, port, &err);
  flow_metrics_stop(r.port);
  flow_view_deinit(&r.view);
  leat_flow_free(r.flow);
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
  leat_status status = flow_load(a, &flow, &err);
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

static int graph(args *a) {
  leat_error err;
  leat_flow *flow = NULL;
  const char *format = args_get(a, "--format");
  leat_status status = flow_load(a, &flow, &err);
  if (!status) status = flow_graph_print(flow, format ? format : "dot", stdout, &err);
  leat_flow_free(flow);
  return status ? fail_with(a, &err) : EXIT_GOOD;
}

static void class_json(leat_json_writer *w, const leat_flow_class *c) {
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("type"));
  leat_json_string(w, leat_str_of(c->type));
  leat_json_key(w, LEAT_STR("help"));
  leat_json_string(w, leat_str_of(c->help));
  leat_json_key(w, LEAT_STR("config"));
  leat_json_open(w, '[');
  for (size_t i = 0; c->fields && c->fields[i]; i++) leat_json_string(w, leat_str_of(c->fields[i]));
  leat_json_close(w, ']');
  leat_json_close(w, '}');
}

// All transforms that a pipeline.yaml may name.
static int list_transforms(const args *a) {
  leat_buf json = {0};
  leat_json_writer w = {.out = &json};
  const leat_flow_class *c;
  leat_json_open(&w, '[');
  for (size_t i = 0; (c = leat_flow_class_at(i)); i++) {
    if (a->json) {
      class_json(&w, c);
      continue;
    }
    printf("%s%s%s\n  %s\n", style_on(stdout, STYLE_BOLD), c->type, style_off(stdout), c->help);
    for (size_t k = 0; c->fields && c->fields[k]; k++)
      printf("%s%s", k ? ", " : "  config: ", c->fields[k]);
    if (c->fields && c->fields[0]) putchar('\n');
  }
  leat_json_close(&w, ']');
  if (a->json) printf(LEAT_STR_FMT "\n", LEAT_STR_ARG(leat_buf_view(&json)));
  return leat_buf_deinit(&json), EXIT_GOOD;
}

static bool is_format(const char *format, const char *const *known) {
  for (; *known; known++)
    if (strcmp(format, *known) == 0) return true;
  return false;
}

static int flow_command(args *a) {
  static const char *const texts[] = {"text", "json", NULL}, *const pictures[] = {"dot", "svg",
                                                                                  "text", NULL};
  static const struct {
    const char *name;
    int (*run)(args *a);
    const char *const *formats;
  } all[] = {{"run", run, texts},
             {"check", check, texts},
             {"test", flow_test, texts},
             {"graph", graph, pictures}};
  const char *format = args_get(a, "--format");
  if (a->words.count == 1 && strcmp(a->words.at[0], "transforms") == 0) return list_transforms(a);
  if (a->words.count != 2) return usage_error(a, "expected run, check, test or graph, and a file");
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    if (strcmp(a->words.at[0], all[i].name) != 0) continue;
    if (format && !is_format(format, all[i].formats))
      return usage_error(a, "--format of %s is %s, not '%s'", all[i].name,
                         all[i].formats == texts ? "text or json" : "dot, svg or text", format);
    return all[i].run(a);
  }
  return usage_error(a, "expected run, check, test or graph, not '%s'", a->words.at[0]);
}

const command command_flow = {
    .name = "flow",
    .usage = "run|check|test|graph|transforms PIPELINE.yaml [OPTIONS]",
    .help =
        "Batch and streaming pipelines in Beam YAML's shape. `run` runs one here, with a live "
        "view on a terminal; Ctrl-C lets it finish what it has read. `check` prints each "
        "collection's fields and windows. `test` runs the tests that the file holds. `graph` draws "
        "the pipeline. `transforms` alone lists what a pipeline can be made of.",
    .options = flow_options,
    .run = flow_command,
};
