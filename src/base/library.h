// Shared libraries that are opened on first use: a program pays only for those it needs.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_LIBRARY_H
#define LEAT_BASE_LIBRARY_H

#include "leat/error.h"

typedef struct leat_library {
  const char *file;          // "libnghttp2.so.14"
  const char *package;       // of Debian, for the error: "libnghttp2-14"
  const char *const *names;  // its functions that are needed, with a NULL behind them
  void **functions;          // where they go, in the same order
} leat_library;

// Opens it for the rest of the process. UNIMPLEMENTED when it, or one of the functions, is missing.
// One thread at a time for the same library (pthread_once).
leat_status leat_library_open(const leat_library *library, leat_error *err);

#endif
