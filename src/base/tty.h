// What a terminal can show.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_TTY_H
#define LEAT_BASE_TTY_H

#include <stdbool.h>

// Whether colours are wanted there: a terminal, NO_COLOR not set, TERM not dumb.
bool leat_tty_colour(int fd);
bool leat_tty_utf8(void);  // whether block characters can be shown, as the environment says
// Columns and rows; false: not known, and they stay as they are.
bool leat_tty_size(int fd, int *columns, int *rows);

#endif
