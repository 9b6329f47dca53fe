// Errors: a fixed buffer that is filled once and prepended to on the way up.
// SPDX-License-Identifier: Apache-2.0
#include "leat/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

const char *leat_status_name(leat_status status) {
  size_t count = sizeof status_names / sizeof *status_names;
  return (size_t)status < count ? status_names[status] : "UNKNOWN";
}

leat_status leat_error_set(leat_error *err, leat_status status, const char *fmt, ...) {
  if (!err) return status;
  err->status = status;
  va_list args;
  va_start(args, fmt);
  vsnprintf(err->message, sizeof err->message, fmt, args);
  va_end(args);
  return status;
}

leat_status leat_error_prepend(leat_error *err, leat_status status, const char *fmt, ...) {
  if (!err) return status;
  char context[sizeof err->message];
  va_list args;
  va_start(args, fmt);
  vsnprintf(context, sizeof context, fmt, args);
  va_end(args);
  size_t used = strlen(context);
  if (used + 2 < sizeof context) {
    memcpy(context + used, ": ", 2);
    used += 2;
    size_t room = sizeof context - 1 - used;
    size_t have = strlen(err->message);
    size_t take = have < room ? have : room;
    memcpy(context + used, err->message, take);
    context[used + take] = 0;
  }
  memcpy(err->message, context, sizeof context);
  err->status = status;
  return status;
}
