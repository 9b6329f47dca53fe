// What the files of the registry share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_REGISTRY_REGISTRY_IMPL_H
#define LEAT_REGISTRY_REGISTRY_IMPL_H

#include "registry/registry.h"
#include "flow/sqlite.h"

#include <pthread.h>

struct leat_registry {
  char *dir, *objects;
  leat_db *db;
  pthread_mutex_t mutex;  // of db
  bool read_only;
};

int64_t leat__now_us(void);

// Locks the registry and begins a transaction that writes; `leat__commit` ends it either way.
leat_status leat__begin(leat_registry *r, leat_error *err);
leat_status leat__commit(leat_registry *r, leat_status status, leat_error *err);
// The same for one that reads.
leat_status leat__read_begin(leat_registry *r, leat_error *err);
void leat__read_end(leat_registry *r);

// DIR/lock; -1 with an error. exclusive: not waiting, *fd = -1 and LEAT_OK when it is held.
leat_status leat__lock(const leat_registry *r, bool exclusive, int *fd, leat_error *err);
void leat__unlock(int fd);

leat_status leat__name_check(const char *noun, const char *name, leat_error *err);
// A column's text in the arena; *good = false when memory is exhausted.
const char *leat__kept(leat_arena *arena, leat_db_rows *rows, int column, bool *good);
// What an UPDATE with the revision in its condition means: ABORTED when it changed nothing.
leat_status leat__updated(leat_status status, int64_t changed, const char *noun, const char *name,
                          leat_error *err);

// --- In a transaction ---------------------------------------------------------------------------
leat_status leat__model_id(leat_registry *r, const char *project, const char *name, int64_t *id,
                           leat_error *err);
leat_status leat__version_id(leat_registry *r, const char *project, const char *model,
                             const char *name, int64_t *id, leat_error *err);
leat_status leat__set_default(leat_registry *r, int64_t version_id, leat_error *err);
// Records an operation; done at once unless `running`. Its name is made of type, model, version and
// the time.
leat_status leat__operation_add(leat_registry *r, const leat_registry_operation *what, bool running,
                                leat_arena *arena, leat_registry_operation *out, leat_error *err);
leat_status leat__operation_end(leat_registry *r, const char *project, const char *name,
                                const leat_error *result, leat_error *err);

// --- Objects ------------------------------------------------------------------------------------
typedef struct leat__object {
  char hash[65];
  int64_t bytes;
} leat__object;

// Copies the files below `from` in; asks `cancelled` (NULL allowed) before each.
leat_status leat__object_add(leat_registry *r, const char *from, leat__object *out,
                             bool (*cancelled)(void *), void *context, leat_error *err);
// Removes all objects but those for which keep() is true. Under the exclusive lock only.
leat_status leat__objects_sweep(leat_registry *r, bool (*keep)(void *, const char *hash),
                                void *context, leat_error *err);

// What a saved model tells of its training (lineage.json), a JSON object: "{}" without one.
leat_status leat__lineage(const char *dir, leat_buf *out, leat_error *err);

#endif
