// Printing resources in gcloud's forms: table, JSON, YAML, values, CSV.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CLI_SHOW_H
#define LEAT_CLI_SHOW_H

#include "formats/json_tree.h"

#define SHOW_FORMATS "yaml|json|table(KEYS)|value(KEYS)|csv(KEYS)|none"

// KEYS of a format: a.b.c, with .basename() for what is behind the last slash, :label=TEXT for the
// heading; [no-heading] in front of the parenthesis leaves headings out.
//
// Prints a resource, or the items of a list, to standard output. INVALID_ARGUMENT for a format
// that is none of SHOW_FORMATS.
leat_status show(const leat_jnode *what, const char *format, leat_error *err);

// Filters, sorts ("KEY,~KEY": ~ from high to low) and cuts a list; NULL, NULL, 0: not at all.
leat_status show_select(leat_jnode *list, const char *filter, const char *sort_by, int64_t limit,
                        leat_error *err);

#endif
