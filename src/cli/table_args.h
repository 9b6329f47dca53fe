// The options of commands that read tables, and their files.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CLI_TABLE_ARGS_H
#define LEAT_CLI_TABLE_ARGS_H

#include "base/file.h"
#include "cli/cli.h"
#include "features/statistics.h"

#define TABLE_OPTIONS                                                                              \
  {"--delimiter", OPTION_VALUE, "C", "between fields; tab is \\t [found by looking]", NULL},       \
      {"--header", OPTION_VALUE, "yes|no|auto", "whether the first line names the columns", NULL}, \
      {"--comment", OPTION_VALUE, "C", "lines that start with it are skipped", NULL}, {            \
    "--columns", OPTION_VALUE, "A,B,...", "names of the columns in order", NULL                    \
  }

typedef struct table_args {
  leat_paths paths;
  size_t first_count;  // of the first word
  LEAT_VEC(leat_str) names;
  leat_table_options options;
} table_args;

// Files: the words from `from` on, globs allowed.
leat_status table_args_read(table_args *t, const args *a, size_t from, leat_error *err);
void table_args_deinit(table_args *t);
// Statistics with a progress bar.
leat_status table_statistics(leat_statistics *s, char *const *paths, size_t count,
                             const leat_statistics_options *options, leat_error *err);

#endif
