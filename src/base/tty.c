// What a terminal can show.
// SPDX-License-Identifier: Apache-2.0
#include "base/tty.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool leat_tty_colour(int fd) {
  const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
  return isatty(fd) && !(no && no[0]) && term && strcmp(term, "dumb") != 0;
}

bool leat_tty_utf8(void) {
  static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
  for (int i = 0; i < 3; i++) {
    const char *value = getenv(names[i]);
    if (value && value[0]) return strstr(value, "UTF-8") || strstr(value, "utf8");
  }
  return false;
}

bool leat_tty_size(int fd, int *columns, int *rows) {
  struct winsize size = {0};
  if (ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col || !size.ws_row) return false;
  *columns = size.ws_col;
  *rows = size.ws_row;
  return true;
}
