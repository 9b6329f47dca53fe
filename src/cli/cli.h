// The program: one table of commands, and what they share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CLI_CLI_H
#define LEAT_CLI_CLI_H

#include "base/str.h"
#include "base/vec.h"
#include "train/config.h"

#include <stdio.h>

enum { EXIT_GOOD = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef enum option_kind { OPTION_FLAG, OPTION_VALUE, OPTION_LIST } option_kind;

typedef struct option {
  const char *name;   // "--job-dir"
  option_kind kind;   // LIST: every word up to the next option
  const char *value;  // for people: DIR
  const char *help;
  const char *field;  // the field of model.yaml that it sets; NULL = read by the command
} option;

typedef struct option_value {
  const option *option;
  const char *text;
} option_value;

typedef struct command command;

typedef struct args {
  const command *command;
  LEAT_VEC(const char *) words;  // what is not an option
  LEAT_VEC(option_value) options;
  LEAT_VEC(leat_override) overrides;  // fields of model.yaml given as options
  leat_arena arena;
  bool json;  // --format json
} args;

struct command {
  const char *name, *usage, *help;
  const option *options;  // ends with a NULL name; --help and --format come along
  bool takes_fields;      // any field of model.yaml is an option
  int (*run)(args *a);
};

extern const command command_train, command_evaluate, command_predict, command_export,
    command_graph, command_compile, command_ckpt, command_version, command_data, command_init,
    command_help, command_completion, command_flow, command_board, command_runs, command_serve,
    command_models, command_versions, command_operations;
extern const command *const commands[];  // all of them, in the order of the help; ends with NULL
extern const option common_options[];    // of every command; ends with a NULL name

// Whether a command has its own option of a common one's name.
bool is_overridden(const command *c, const option *common);
int help_summary(const char *help);  // bytes of its first sentence, without the stop
int print_help(FILE *to);
int print_command_help(const command *c);

// The value of an option, NULL when it was not given (flags: "").
const char *args_get(const args *a, const char *name);
// One character, or "tab" or "\\t"; *out stays when the option was not given.
leat_status args_char(const args *a, const char *name, char *out, leat_error *err);
// Prints "leat: <command>: <message>" and returns EXIT_FAILED or EXIT_USAGE.
int fail_with(const args *a, const leat_error *err);
int usage_error(const args *a, const char *fmt, ...) LEAT_PRINTF(2, 3);

#endif
