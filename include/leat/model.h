// Saved models: a function, its weights and its signature in one directory.
// SPDX-License-Identifier: Apache-2.0
//
// DIR/graph.leat (text), DIR/weights.safetensors (variables and large constants),
// DIR/signature.json, DIR/assets/. A directory appears complete or not at all. A loaded model is
// immutable: many threads may call it, each through an exec of its own.
#ifndef LEAT_MODEL_H
#define LEAT_MODEL_H

#include "leat/engine.h"

LEAT_BEGIN

typedef struct leat_model leat_model;

// Writes the whole graph of `func` with `func` as the serving signature `name`.
LEAT_API leat_status leat_model_save(const char *dir, leat_func *func, const leat_state *state,
                                     const char *signature, leat_error *err);
LEAT_API leat_status leat_model_load(leat_model **out, const char *dir, leat_error *err);
// The saved model that a path means: itself, the newest of a directory of numbered ones, or the
// newest export of a job directory; freed with leat_text_free. NOT_FOUND: there is none.
LEAT_API leat_status leat_model_find(const char *path, char **dir, leat_error *err);
LEAT_API void leat_model_free(leat_model *model);                    // NULL allowed
LEAT_API leat_func *leat_model_func(const leat_model *model);        // the serving function
LEAT_API const char *leat_model_signature(const leat_model *model);  // its name
LEAT_API leat_state *leat_model_state(const leat_model *model);      // its weights

LEAT_END

#endif
