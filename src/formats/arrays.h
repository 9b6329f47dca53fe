// Files of named arrays: .npz, .npy, idx, plain or gzipped.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_ARRAYS_H
#define LEAT_FORMATS_ARRAYS_H

#include "base/arena.h"
#include "formats/safetensors.h"

typedef struct leat_arrays {         // zero-initialised is empty
  LEAT_VEC(leat_named_tensor) list;  // of an npz: without ".npy"; of npy and idx: one, named ""
  leat_arena names;                  // owns them
} leat_arrays;

// Which it is, the first bytes tell.
leat_status leat_arrays_read(leat_arrays *out, const char *path, leat_error *err);
leat_status leat_arrays_parse(leat_arrays *out, leat_str bytes, const char *name, leat_error *err);
leat_tensor *leat_arrays_find(const leat_arrays *arrays, leat_str name);  // NULL if none
void leat_arrays_deinit(leat_arrays *arrays);

#endif
