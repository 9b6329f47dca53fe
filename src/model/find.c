// Finding the saved model that a path means.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "leat/model.h"

#include <stdlib.h>
#include <string.h>

static bool is_model(const char *dir) {
  char *path = leat_path_join(dir, "signature.json");
  bool there = path && leat_file_exists(path);
  leat__free(path);
  return there;
}

// The saved model with the highest number for a name among what matches; NULL when there is none.
static char *newest(const char *dir, const char *pattern) {
  leat_paths found = {0};
  char *glob = leat_path_join(dir, pattern), *best = NULL;
  long long highest = -1;
  if (glob) leat_glob(glob, &found, NULL);
  for (size_t i = 0; i < found.count; i++) {
    const char *name = strrchr(found.at[i], '/') + 1;
    char *end;
    long long number = strtoll(name, &end, 10);
    if (*end || end == name || number <= highest || !is_model(found.at[i])) continue;
    highest = number;
    leat__free(best);
    best = leat_strdup(found.at[i]);
  }
  leat_paths_deinit(&found);
  leat__free(glob);
  return best;
}

leat_status leat_model_find(const char *path, char **dir, leat_error *err) {
  *dir = NULL;
  if (!leat_file_exists(path))
    return leat_error_set(err, LEAT_NOT_FOUND, "%s: no such directory", path);
  if (is_model(path)) {
    *dir = leat_strdup(path);
    return *dir ? LEAT_OK : leat__oom(err, 1);
  }
  if (!(*dir = newest(path, "*"))) *dir = newest(path, "export/*/*");
  if (*dir) return LEAT_OK;
  return leat_error_set(err, LEAT_NOT_FOUND,
                        "%s: not a saved model, and nothing exported yet (leat export)", path);
}
