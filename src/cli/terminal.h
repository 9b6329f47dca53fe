// What is drawn on a terminal: a progress bar, colours, small histograms. Elsewhere nothing is.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CLI_TERMINAL_H
#define LEAT_CLI_TERMINAL_H

#include "base/str.h"

#include <stdio.h>

// A bar on standard error if that is a terminal; the text follows it.
void terminal_bar(double fraction, const char *text);
void terminal_bar_end(void);  // clears it, if one is shown

typedef enum terminal_style { STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_GREEN } terminal_style;
// The sequence that starts a style, and the one that ends it; "" where colours are not wanted: no
// terminal, NO_COLOR set, TERM=dumb.
const char *style_on(FILE *to, terminal_style style);
const char *style_off(FILE *to);

// Appends one character a count, as high as its share of the greatest.
void spark_line(const double *counts, int count, leat_buf *out);
// Prints a bar of `width` characters at most.
void print_bar(FILE *to, double share, int width);
// Columns that the text takes on a terminal (UTF-8 sequences count once).
int text_columns(leat_str text);
// Prints the text, cut or padded with spaces to `width` columns; negative: at the right.
void print_cell(FILE *to, leat_str text, int width);

#endif
