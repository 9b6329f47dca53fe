// Registry: models and their versions in a directory, deployed atomically, shared by processes.
// SPDX-License-Identifier: Apache-2.0
//
//   DIR/registry.db      models, versions, operations (SQLite, WAL)
//   DIR/objects/<hash>/  a saved model's files, named by their content, never changed
//   DIR/lock             held shared while a version is created, exclusively to collect orphans
//
// hash is the SHA-256 of the list that sha256sum prints of the files in byte order of their paths.
// A creation: intent row (CREATING), files copied and synced, a smoke prediction, READY; or FAILED
// with the error kept. A process that dies in between leaves CREATING; the next one that finds no
// creator alive marks it FAILED and removes files that no version has.
//
// A registry may be used by many threads (a lock inside), and a directory by many processes on one
// machine. Texts in results live in the arena given.
#ifndef LEAT_REGISTRY_REGISTRY_H
#define LEAT_REGISTRY_REGISTRY_H

#include "base/arena.h"
#include "base/vec.h"

typedef struct leat_registry leat_registry;

typedef struct leat_registry_options {
  bool read_only;  // change nothing; a directory that cannot be written is opened so anyway
  int busy_ms;     // how long to wait for another process; 0 = 5,000
} leat_registry_options;

// Makes the directory if there is none (unless read_only: NOT_FOUND). DATA_LOSS: the database is
// damaged or not a registry's.
leat_status leat_registry_open(leat_registry **out, const char *dir,
                               const leat_registry_options *options, leat_error *err);
void leat_registry_close(leat_registry *r);  // NULL allowed
const char *leat_registry_dir(const leat_registry *r);
// A number that differs from the last one after any change, by this process or another.
leat_status leat_registry_stamp(leat_registry *r, int64_t *stamp, leat_error *err);
// Removes what dead creators left, if no creator is alive; leat_registry_open does it too.
leat_status leat_registry_collect(leat_registry *r, leat_error *err);

// --- Models -------------------------------------------------------------------------------------
typedef struct leat_registry_model {
  const char *project, *name;
  const char *fields;  // a JSON object: what its owner says of it (description, labels ...)
  const char *default_version;  // "" while there is none
  int64_t created_us;           // microseconds since 1970
  int64_t revision;             // rises with every update
} leat_registry_model;
typedef LEAT_VEC(leat_registry_model) leat_registry_models;

typedef struct leat_registry_page {
  const char *after;  // names behind this one; NULL or "" from the start
  int64_t limit;      // at most that many; 0 = all
} leat_registry_page;

// A model, version and operation is found by its project and name; NOT_FOUND otherwise.
// ALREADY_EXISTS; INVALID_ARGUMENT for a name that is not a letter followed by up to 127 letters,
// digits and underscores.
leat_status leat_registry_model_create(leat_registry *r, const leat_registry_model *m,
                                       leat_error *err);
leat_status leat_registry_model_get(leat_registry *r, const char *project, const char *name,
                                    leat_arena *arena, leat_registry_model *out, leat_error *err);
leat_status leat_registry_model_list(leat_registry *r, const char *project, leat_registry_page page,
                                     leat_arena *arena, leat_registry_models *out, leat_error *err);
// Sets the fields. ABORTED when m->revision is not 0 and not the present one.
leat_status leat_registry_model_update(leat_registry *r, const leat_registry_model *m,
                                       leat_error *err);

// --- Versions -----------------------------------------------------------------------------------
typedef enum leat_version_state {
  LEAT_VERSION_UNKNOWN,
  LEAT_VERSION_READY,
  LEAT_VERSION_CREATING,
  LEAT_VERSION_FAILED,
} leat_version_state;
const char *leat_version_state_name(leat_version_state state);  // "READY"

typedef struct leat_registry_version {
  const char *project, *model, *name;
  int64_t number;  // 1, 2, 3 ... within its model, never used again
  leat_version_state state;
  bool is_default;
  const char *fields;           // a JSON object, as for models
  const char *origin;           // the directory that it was made of
  const char *hash;             // of its content; "" unless READY
  const char *dir;              // of its files; "" unless READY
  int64_t bytes;                // of its files
  const char *error;            // why it FAILED
  const char *lineage;          // a JSON object: what is known of how it was trained; "{}"
  int64_t created_us, used_us;  // used_us: newest prediction that was noted, 0 = none
  int64_t revision;
} leat_registry_version;
typedef LEAT_VEC(leat_registry_version) leat_registry_versions;

leat_status leat_registry_version_get(leat_registry *r, const char *project, const char *model,
                                      const char *name, leat_arena *arena,
                                      leat_registry_version *out, leat_error *err);
// model NULL: the READY versions of all models of the project (NULL: of all projects), ordered by
// project, model and number; the page does not count then.
leat_status leat_registry_version_list(leat_registry *r, const char *project, const char *model,
                                       leat_registry_page page, leat_arena *arena,
                                       leat_registry_versions *out, leat_error *err);
leat_status leat_registry_version_update(leat_registry *r, const leat_registry_version *v,
                                         leat_error *err);
// FAILED_PRECONDITION unless READY.
leat_status leat_registry_version_set_default(leat_registry *r, const char *project,
                                              const char *model, const char *name, leat_error *err);
// Notes a use now.
leat_status leat_registry_version_used(leat_registry *r, const char *project, const char *model,
                                       const char *name, leat_error *err);

// --- Operations ---------------------------------------------------------------------------------
typedef struct leat_registry_operation {
  const char *project, *name;
  const char *type;             // "CREATE_VERSION", ...
  const char *model, *version;  // what it works on; version "" for models
  const char *resource;         // a JSON object: the resource as it was asked for
  int64_t created_us, started_us, ended_us;
  bool done, cancel_requested;
  leat_status code;     // of a done one
  const char *message;  // "" when it succeeded
} leat_registry_operation;
typedef LEAT_VEC(leat_registry_operation) leat_registry_operations;

leat_status leat_registry_operation_get(leat_registry *r, const char *project, const char *name,
                                        leat_arena *arena, leat_registry_operation *out,
                                        leat_error *err);
leat_status leat_registry_operation_list(leat_registry *r, const char *project,
                                         leat_registry_page page, leat_arena *arena,
                                         leat_registry_operations *out, leat_error *err);
// Asks a running one to stop; a done one stays as it is.
leat_status leat_registry_operation_cancel(leat_registry *r, const char *project, const char *name,
                                           leat_error *err);
// Forgets a done one; FAILED_PRECONDITION while it runs.
leat_status leat_registry_operation_delete(leat_registry *r, const char *project, const char *name,
                                           leat_error *err);

// --- Changes that are operations ----------------------------------------------------------------
// Each fills *op with what was recorded; leat_registry_record notes an update that was made.
leat_status leat_registry_record(leat_registry *r, const leat_registry_operation *what,
                                 leat_arena *arena, leat_registry_operation *op, leat_error *err);
// FAILED_PRECONDITION while it has versions.
leat_status leat_registry_model_delete(leat_registry *r, const char *project, const char *name,
                                       leat_arena *arena, leat_registry_operation *op,
                                       leat_error *err);
// FAILED_PRECONDITION for the default of a model that has others, and while it is being created.
leat_status leat_registry_version_delete(leat_registry *r, const char *project, const char *model,
                                         const char *name, leat_arena *arena,
                                         leat_registry_operation *op, leat_error *err);

// Creating a version: begin writes the intent, run does the work (seconds; in any thread).
typedef struct leat_creation leat_creation;
leat_status leat_registry_version_begin(leat_registry *r, const leat_registry_version *v,
                                        leat_creation **out, leat_error *err);
const leat_registry_operation *leat_creation_operation(const leat_creation *c);  // as it began
// The first READY version of a model becomes its default. A failure is kept in the version and in
// the operation, and returned.
leat_status leat_creation_run(leat_creation *c, leat_error *err);
void leat_creation_free(leat_creation *c);  // NULL allowed; what did not run is FAILED

// --- Saved models -------------------------------------------------------------------------------
// Loads the model and predicts for one instance of zeros and empty texts.
leat_status leat_registry_smoke(const char *dir, leat_error *err);

#endif
