// The floating-point environment that the numerics contract asks for (clause N1).
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_FPENV_H
#define LEAT_BASE_FPENV_H

#include <stdint.h>

typedef struct leat_fpenv {
  uint64_t control;
} leat_fpenv;

// Round to nearest, no flush to zero, exceptions masked; returns what was set before.
leat_fpenv leat__fpenv_enter(void);
void leat__fpenv_leave(leat_fpenv saved);

#endif
