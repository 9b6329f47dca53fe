// Cache of built objects: a private folder of one user, shared by processes, bounded.
// SPDX-License-Identifier: Apache-2.0
//
// $LEAT_CACHE_DIR, else $XDG_CACHE_HOME/leat, ~/.cache/leat or /tmp/leat-UID. An entry ends with a
// fingerprint of its bytes; one that is cut, changed or another user's is not loaded. Entries are
// put in place by a rename, so processes may build the same one at once. Above $LEAT_CACHE_MAX
// bytes (256 MiB) those unused longest go.
#ifndef LEAT_ENGINE_CACHE_H
#define LEAT_ENGINE_CACHE_H

#include "engine/build.h"

// The folder, made if need be. PERMISSION_DENIED unless it is this user's and no one else may
// write it.
leat_status leat__cache_folder(leat_buf *out, leat_error *err);
// Loads an entry; false: it is not there or not good. `own`: of the cache, where it must be this
// user's and a bad one is removed.
bool leat__cache_load(const char *path, bool own, leat_object **out);
// Seals a built file and renames it into place.
leat_status leat__cache_seal(const char *built, const char *path, leat_error *err);
// The same, then loads it and drops entries above the bound.
leat_status leat__cache_put(const char *built, const char *path, leat_object **out,
                            leat_error *err);

#endif
