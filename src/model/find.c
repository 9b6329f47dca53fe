// Finding the saved model that a path means.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "leat/model.h"

#include <stdlib.h>

static bool is_model(const char *dir) {
  char *path = leat_path_join(dir, "signature.json");
  bool there = path && leat_file_exists(path);
  leat__free(path);
  return there;
}

typedef struct newest {
  char *dir;  // owned; NULL: none so far
  long long number;
} newest;

// The saved models of a directory that are named by a number.
static leat_status look_into(newest *best, const char *dir, leat_error *err) {
  leat_paths names = {0};
  leat_status status = leat_dir_list(dir, &names, err);
  for (size_t i = 0; !status && i < names.count; i++) {
    char *end;
    long long number = strtoll(names.at[i], &end, 10);
    if (*end || end == names.at[i] || (best->dir && number <= best->number)) continue;
    char *path = leat_path_join(dir, names.at[i]);
    if (!path) status = leat__oom(err, 1);
    if (!path || number < 0 || !is_model(path)) {
      leat__free(path);
      continue;
    }
    leat__free(best->dir);
    *best = (newest){path, number};
  }
  leat_paths_deinit(&names);
  return status;
}

// All of `<job>/export/<name>/<number>`.
static leat_status look_into_exports(newest *best, const char *job, leat_error *err) {
  char *exports = leat_path_join(job, "export");
  leat_paths names = {0};
  leat_status status = exports ? LEAT_OK : leat__oom(err, 1);
  if (!status && leat_file_is_dir(exports)) status = leat_dir_list(exports, &names, err);
  for (size_t i = 0; !status && i < names.count; i++) {
    char *dir = leat_path_join(exports, names.at[i]);
    if (!dir)
      status = leat__oom(err, 1);
    else if (leat_file_is_dir(dir))
      status = look_into(best, dir, err);
    leat__free(dir);
  }
  leat_paths_deinit(&names);
  leat__free(exports);
  return status;
}

leat_status leat_model_find(const char *path, char **dir, leat_error *err) {
  newest best = {0};
  *dir = NULL;
  if (!leat_file_exists(path))
    return leat_error_set(err, LEAT_NOT_FOUND, "%s: no such directory", path);
  if (is_model(path)) {
    *dir = leat_strdup(path);
    return *dir ? LEAT_OK : leat__oom(err, 1);
  }
  leat_status status = leat_file_is_dir(path) ? look_into(&best, path, err) : LEAT_OK;
  if (!status && !best.dir && leat_file_is_dir(path)) status = look_into_exports(&best, path, err);
  if (!status && !best.dir)
    status = leat_error_set(err, LEAT_NOT_FOUND,
                            "%s: not a saved model, and nothing exported yet (leat export)", path);
  if (status)
    leat__free(best.dir);
  else
    *dir = best.dir;
  return status;
}
