// Log sink: where a program that wants messages has them sent; the library's default is nowhere.
// SPDX-License-Identifier: Apache-2.0
//
// There is no global sink: whoever runs something for long takes a `const leat_log *` among its
// options, NULL meaning silence. A message is one line without its end.
#ifndef LEAT_BASE_LOG_H
#define LEAT_BASE_LOG_H

#include "base/str.h"

typedef enum leat_log_level {
  LEAT_LOG_ERROR = 1,
  LEAT_LOG_WARNING,
  LEAT_LOG_INFO,
  LEAT_LOG_DEBUG,
} leat_log_level;

typedef struct leat_log {
  // Gets each message up to `level`; called from any thread, so it must lock for itself.
  void (*fn)(void *context, leat_log_level level, leat_str message);
  void *context;
  leat_log_level level;  // 0: nothing passes
} leat_log;

const char *leat_log_level_name(leat_log_level level);   // "error"; "unknown" outside of the list
leat_log_level leat_log_level_from_name(leat_str name);  // any case; 0 if unknown
bool leat_log_takes(const leat_log *log, leat_log_level level);  // NULL log: false
// Messages over 1023 bytes are cut.
void leat_log_write(const leat_log *log, leat_log_level level, const char *fmt, ...)
    LEAT_PRINTF(3, 4);

#endif
