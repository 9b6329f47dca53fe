// Log sink: formats a message and hands it to the program's function.
// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <stdio.h>
#include <strings.h>

static const char *const names[] = {"unknown", "error", "warning", "info", "debug"};
enum { NAMES = sizeof names / sizeof *names };

const char *leat_log_level_name(leat_log_level level) {
  return (unsigned)level < NAMES ? names[level] : names[0];
}

leat_log_level leat_log_level_from_name(leat_str name) {
  for (int i = 1; i < NAMES; i++)
    if (name.len == strlen(names[i]) && strncasecmp(name.ptr, names[i], name.len) == 0)
      return (leat_log_level)i;
  return (leat_log_level)0;
}

bool leat_log_takes(const leat_log *log, leat_log_level level) {
  return log && log->fn && level <= log->level;
}

void leat_log_write(const leat_log *log, leat_log_level level, const char *fmt, ...) {
  char text[1024];
  if (!leat_log_takes(log, level)) return;
  va_list args;
  va_start(args, fmt);
  int need = vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  if (need < 0) return;
  size_t len = (size_t)need < sizeof text ? (size_t)need : sizeof text - 1;
  log->fn(log->context, level, (leat_str){text, len});
}
