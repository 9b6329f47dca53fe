// Status codes (the canonical gRPC set) and the caller-owned error that explains one.
// SPDX-License-Identifier: Apache-2.0
//
// Every function that can fail returns a leat_status and takes a `leat_error *` as its last
// argument, which may be NULL. The message names the noun, the place (file:line:column of input),
// what was found and what was expected; callers prepend their context on the way up, so that the
// outermost noun comes first: `train: adult.data:12345:3: age: 'x' is not a number`.
// A leat_error is plain memory: no ownership, no thread rule beyond one writer at a time.
#ifndef LEAT_ERROR_H
#define LEAT_ERROR_H

#include "leat/api.h"

LEAT_BEGIN

typedef enum leat_status {
  LEAT_OK = 0,
  LEAT_CANCELLED = 1,
  LEAT_UNKNOWN = 2,
  LEAT_INVALID_ARGUMENT = 3,  // bad input, whatever the state of the system
  LEAT_DEADLINE_EXCEEDED = 4,
  LEAT_NOT_FOUND = 5,  // a file, column, variable or function that does not exist
  LEAT_ALREADY_EXISTS = 6,
  LEAT_PERMISSION_DENIED = 7,
  LEAT_RESOURCE_EXHAUSTED = 8,  // out of memory, disk, descriptors or a stated limit
  LEAT_FAILED_PRECONDITION = 9,
  LEAT_ABORTED = 10,
  LEAT_OUT_OF_RANGE = 11,  // past the end
  LEAT_UNIMPLEMENTED = 12,
  LEAT_INTERNAL = 13,  // a broken invariant of ours
  LEAT_UNAVAILABLE = 14,
  LEAT_DATA_LOSS = 15,  // a damaged file
  LEAT_UNAUTHENTICATED = 16,
} leat_status;

typedef struct leat_error {
  leat_status status;  // LEAT_OK when nothing failed
  char message[1024];  // NUL-terminated, one line; cut at the end if longer
} leat_error;

// The code's canonical name, "INVALID_ARGUMENT"; never NULL.
LEAT_API const char *leat_status_name(leat_status status);

// Fills *err (if not NULL) and returns `status`, so that `return leat_error_set(...)` reads well.
LEAT_API leat_status leat_error_set(leat_error *err, leat_status status, const char *fmt, ...)
    LEAT_PRINTF(3, 4);

// Puts "context: " before the message already in *err; returns `status` unchanged.
LEAT_API leat_status leat_error_prepend(leat_error *err, leat_status status, const char *fmt, ...)
    LEAT_PRINTF(3, 4);

LEAT_END

#endif
