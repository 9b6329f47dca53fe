// Command-line options: tables of rows that carry their own help; reading and --help come of them.
// SPDX-License-Identifier: Apache-2.0
//
//   static const leat_option train[] = {
//       {"job-dir", LEAT_OPTION_TEXT, "DIR", NULL, "where checkpoints live", "d"}, {0}};
//   const leat_option_group groups[] = {{"options", train}, {0}};
//   leat_options options = {.groups = groups};
//   if (leat_options_read(&options, argc - 1, argv + 1, &err)) ...
//   leat_options_text(&options, "job-dir")
//
// Read are `--name value`, `--name=value`, `-n value`, `--flag`, `--no-flag`, `--flag=false`, and
// `--list A B C` up to the next option; `--` ends the options, `-` and negative numbers are words.
// In names `_` and `-` are the same. Of an option given twice the last counts; lists add up.
#ifndef LEAT_BASE_OPTION_H
#define LEAT_BASE_OPTION_H

#include "base/str.h"
#include "base/vec.h"

typedef enum leat_option_kind {
  LEAT_OPTION_FLAG,   // true when given, --no-NAME makes it false
  LEAT_OPTION_INT,    // decimal, fits int64
  LEAT_OPTION_FLOAT,  // what strtod reads
  LEAT_OPTION_TEXT,
  LEAT_OPTION_LIST,  // any number of words, at least one
} leat_option_kind;

typedef struct leat_option {
  const char *name;  // "job-dir"; one that ends in `*` stands for all names that begin like it
  leat_option_kind kind;
  const char *value;     // what --help calls the value; NULL: by the kind
  const char *fallback;  // the value when not given, as text; NULL: none
  const char *help;      // one phrase; NULL: not shown by --help
  const char *aliases;  // other names, spaces between; one letter stands after one dash; NULL: none
} leat_option;

typedef struct leat_option_group {  // ends with a NULL title
  const char *title;                // its heading in --help
  const leat_option *options;       // ends with a NULL name
} leat_option_group;

typedef struct leat_option_given {
  const leat_option *option;
  leat_str name;     // as typed, without dashes (tells names of a `*` row apart); lives in argv
  const char *text;  // its value, in argv; flags: "true" or "false"
} leat_option_given;

typedef struct leat_options {
  const leat_option_group *groups;    // set by the caller; kept alive by it, as is argv
  LEAT_VEC(leat_option_given) given;  // in order; a list has one entry a word
  LEAT_VEC(const char *) words;       // what is not an option, in order
} leat_options;

// INVALID_ARGUMENT names the option; an unknown one also the nearest that exists.
leat_status leat_options_read(leat_options *options, int argc, char **argv, leat_error *err);
void leat_options_deinit(leat_options *options);

// These take a name of the tables; another is a bug of the program.
bool leat_options_has(const leat_options *options, const char *name);  // was it given
const char *leat_options_text(const leat_options *options,
                              const char *name);                           // or default, or NULL
bool leat_options_flag(const leat_options *options, const char *name);     // no default: false
int64_t leat_options_int(const leat_options *options, const char *name);   // no default: 0
double leat_options_float(const leat_options *options, const char *name);  // no default: 0
// The next word of a list: start with *at = 0; NULL at the end. The default does not enter.
const char *leat_options_next(const leat_options *options, const char *name, size_t *at);

// Appends the groups as text: names in a column, help beside it, wrapped at `columns` (0: 80).
void leat_options_help(const leat_options *options, int columns, leat_buf *out);

#endif
