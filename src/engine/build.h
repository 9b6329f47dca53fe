// Printed C to loaded code: the system's compiler and a cache on disk.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_BUILD_H
#define LEAT_ENGINE_BUILD_H

#include "base/str.h"
#include "leat/error.h"

typedef struct leat_object leat_object;  // a loaded shared object
typedef struct leat_build leat_build;    // one unit on its way to it

// What the text of a unit begins with: prelude, elementary functions, types of dots.
void leat__build_head(leat_buf *out);

// Takes a copy of the unit's own text and looks into `prebuilt`, a trusted folder (NULL: none), and
// the cache. NOT_FOUND without a compiler.
leat_status leat__build_new(leat_build **out, leat_str unit, const char *prebuilt, leat_error *err);
void leat__build_free(leat_build *build);  // NULL allowed; ends a compiler that still runs
// Starts the compiler beside the caller; nothing to do where the object is there or started.
leat_status leat__build_start(leat_build *build, leat_error *err);
// Takes what the compiler has done; with `wait`, once it has ended. An error is final.
leat_status leat__build_poll(leat_build *build, bool wait, leat_error *err);
leat_object *leat__build_take(leat_build *build);  // the caller's; NULL: not built

// Builds a unit for an instruction set (sse2, avx2, avx512, neon) into a folder for
// leat__build_new.
leat_status leat__build_ahead(leat_str unit, const char *dir, const char *isa, leat_error *err);

void *leat__object_find(leat_object *object, const char *symbol);
void leat__object_free(leat_object *object);  // NULL allowed

#endif
