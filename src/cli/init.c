// leat init: a first model.yaml for a table.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"
#include "cli/table_args.h"
#include "train/starter.h"

#include <stdio.h>

static const option init_options[] = {
    TABLE_OPTIONS,
    {"--label", OPTION_VALUE, "NAME", "the column to predict [found by name, else the last]", NULL},
    {"--eval", OPTION_VALUE, "FILE", "rows kept apart for evaluation", NULL},
    {"--output", OPTION_VALUE, "FILE", "where to write it [model.yaml]", NULL},
    {"--overwrite", OPTION_FLAG, "", "replace a file that exists", NULL},
    {0},
};

static leat_status write_starter(args *a, const table_args *t, const char *to, leat_error *err) {
  leat_statistics s;
  leat_buf yaml = {0}, notes = {0};
  leat_statistics_options so = {.table = t->options};
  leat_starter_options o = {.label = leat_str_of(args_get(a, "--label")),
                            .files = (const char *const *)t->paths.at,
                            .file_count = t->paths.count,
                            .eval_file = args_get(a, "--eval")};
  if (leat_file_exists(to) && !args_get(a, "--overwrite"))
    return leat_error_set(err, LEAT_ALREADY_EXISTS, "%s exists (--overwrite replaces it)", to);
  leat_status status = table_statistics(&s, t->paths.at, t->paths.count, &so, err);
  if (status) return status;
  status = leat_starter_write(&s, &o, &yaml, &notes, err);
  if (!status) status = leat_file_write(to, leat_buf_view(&yaml), err);
  if (!status && notes.len) fprintf(stderr, LEAT_STR_FMT, LEAT_STR_ARG(leat_buf_view(&notes)));
  leat_buf_deinit(&yaml);
  leat_buf_deinit(&notes);
  leat_statistics_deinit(&s);
  return status;
}

static int run_init(args *a) {
  const char *to = args_get(a, "--output") ? args_get(a, "--output") : "model.yaml";
  leat_error err = {0};
  table_args t;
  if (!a->words.count) return usage_error(a, "the training data are needed: leat init DATA.csv");
  leat_status status = table_args_read(&t, a, 0, &err);
  if (!status) {
    status = write_starter(a, &t, to, &err);
    table_args_deinit(&t);
  }
  if (status) return fail_with(a, &err);
  printf("wrote %s; next: leat train %s --job-dir job\n", to, to);
  return EXIT_GOOD;
}

const command command_init = {"init",
                              "DATA.csv [--label NAME] [options]",
                              "Writes a first model.yaml for a table, which trains at once.",
                              init_options,
                              false,
                              run_init};
