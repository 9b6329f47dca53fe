// Drawing on a terminal: plain characters and the usual escape sequences.
// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include "base/tty.h"

#include <stdlib.h>
#include <unistd.h>

static bool bar_shown;

void terminal_bar(double fraction, const char *text) {
  enum { WIDTH = 24 };
  if (!isatty(2)) return;
  int done = fraction > 0 ? fraction < 1 ? (int)(WIDTH * fraction) : WIDTH : 0;
  fprintf(stderr, "\r\033[K[");
  for (int i = 0; i < WIDTH; i++) fputc(i < done ? '#' : '.', stderr);
  fprintf(stderr, "] %s", text);
  bar_shown = true;
}

void terminal_bar_end(void) {
  if (bar_shown) fprintf(stderr, "\r\033[K");
  bar_shown = false;
}

const char *style_on(FILE *to, terminal_style style) {
  static const char *const codes[] = {"\033[1m", "\033[2m", "\033[31m", "\033[32m"};
  return leat_tty_colour(fileno(to)) ? codes[style] : "";
}

const char *style_off(FILE *to) { return leat_tty_colour(fileno(to)) ? "\033[0m" : ""; }

void spark_line(const double *counts, int count, leat_buf *out) {
  static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static const char *const plain[] = {" ", ".", ".", ":", "-", "=", "+", "*", "#"};
  double most = 0;
  for (int i = 0; i < count; i++)
    if (counts[i] > most) most = counts[i];
  for (int i = 0; i < count; i++) {
    int height = counts[i] > 0 ? 1 + (int)(7 * counts[i] / most) : 0;
    leat_buf_c(out, (leat_tty_utf8() ? blocks : plain)[height]);
  }
}

void print_bar(FILE *to, double share, int width) {
  for (int i = 0; i < (int)(share * width + 0.5); i++) fputs(leat_tty_utf8() ? "█" : "#", to);
}

int text_columns(leat_str text) {
  int columns = 0;
  for (size_t i = 0; i < text.len; i++) columns += (text.ptr[i] & 0xC0) != 0x80;
  return columns;
}

void print_cell(FILE *to, leat_str text, int width) {
  bool right = width < 0;
  if (right) width = -width;
  int have = text_columns(text);
  while (have > width) {  // cut at a character's start
    if ((text.ptr[--text.len] & 0xC0) != 0x80) have--;
  }
  if (right) fprintf(to, "%*s", width - have, "");
  fprintf(to, LEAT_STR_FMT, LEAT_STR_ARG(text));
  if (!right) fprintf(to, "%*s", width - have, "");
}
