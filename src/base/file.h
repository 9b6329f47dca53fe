// Local files: whole reads, writes that survive a kill, directories, globs.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_FILE_H
#define LEAT_BASE_FILE_H

#include "base/arena.h"
#include "base/str.h"
#include "base/vec.h"

typedef LEAT_VEC(char *) leat_paths;  // each string owned

// NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, RESOURCE_EXHAUSTED (disk full, too many files) or
// UNKNOWN from errno, as "PATH: cannot DO: what the system says".
leat_status leat_file_error(leat_error *err, const char *path, const char *doing);

// Appends the file to the builder. RESOURCE_EXHAUSTED above `max` bytes (0: the builder's own).
leat_status leat_file_read(const char *path, size_t max, leat_buf *out, leat_error *err);
// Writes a temporary file beside it, syncs, renames, syncs the directory: readers see the old or
// the new contents, never a part. After an error the old file is as it was and the temporary is
// gone (only when the last step, the directory's sync, fails is the new file in place already).
leat_status leat_file_write(const char *path, leat_str contents, leat_error *err);

typedef struct leat_file_copying {
  const char *from, *to;                        // regular files; `to` must not be there
  void (*seen)(void *context, leat_str bytes);  // each piece as it is copied; NULL: none
  void *context;
} leat_file_copying;
// Not synced (leat_dir_publish does that); after an error `to` is gone.
leat_status leat_file_copy(const leat_file_copying *c, leat_error *err);

bool leat_file_exists(const char *path);
bool leat_file_is_dir(const char *path);
leat_status leat_file_size(const char *path, int64_t *bytes, leat_error *err);

leat_status leat_dir_make(const char *path, leat_error *err);  // with parents; may exist
// The whole tree; symlinks are not followed. What does not exist is removed already.
leat_status leat_dir_remove(const char *path, leat_error *err);
leat_status leat_dir_list(const char *path, leat_paths *out, leat_error *err);  // names, sorted
// A directory that appears at once: fill the one named by *temporary (`.tmp-...` beside it), then
// publish or abandon it; both free the name. Publishing syncs all that is inside, renames, syncs
// the parent; ALREADY_EXISTS when `path` is a directory that is not empty. After an error nothing
// is left behind.
leat_status leat_dir_begin(const char *path, char **temporary, leat_error *err);
leat_status leat_dir_publish(char *temporary, const char *path, leat_error *err);
void leat_dir_abandon(char *temporary);

// Paths that match a pattern (* ? [..]), sorted; a pattern without magic names one existing path.
// NOT_FOUND names a pattern that matches nothing.
leat_status leat_glob(const char *pattern, leat_paths *out, leat_error *err);
void leat_paths_deinit(leat_paths *paths);
char *leat_path_join(const char *a, const char *b);  // owned by the caller; NULL: no memory
// "DIR" of "DIR/name" ("." without a slash), owned by the caller.
char *leat_path_dir(const char *path);
char *leat_strdup(const char *s);

// Called before each write, fsync and rename with its name; returning an errno makes it fail.
extern int (*leat__file_hook)(const char *operation);

#endif
