// Objects: saved models' files, in directories named by the hash of their content.
// SPDX-License-Identifier: Apache-2.0
#include "registry/registry_impl.h"

#include "base/file.h"
#include "base/sha256.h"

#include <stdlib.h>
#include <string.h>

enum { FILES_MAX = 1000, DEPTH_MAX = 16 };  // of a version, as ML Engine has it

typedef struct adding {
  const char *from;  // the origin
  char *to;          // a temporary directory
  leat_paths files;  // below it, in byte order
  leat_sha256 list, file;
  int64_t bytes;
  bool (*cancelled)(void *);
  void *context;
} adding;

// --- Listing ------------------------------------------------------------------------------------
static leat_status list_files(adding *a, const char *below, int depth, leat_error *err);

static leat_status list_entry(adding *a, char *path, int depth, leat_error *err) {
  char *full = leat_path_join(a->from, path);
  leat_status status = LEAT_OK;
  if (!full)
    status = leat__oom(err, 1);
  else if (leat_file_is_dir(full))
    status = list_files(a, path, depth + 1, err);
  else if (a->files.count == FILES_MAX)
    status =
        leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: more than %d files", a->from, FILES_MAX);
  else if (leat_vec_push(&a->files, path))
    path = NULL;
  else
    status = leat__oom(err, 1);
  leat__free(full);
  leat__free(path);
  return status;
}

static leat_status list_files(adding *a, const char *below, int depth, leat_error *err) {
  leat_paths names = {0};
  if (depth > DEPTH_MAX)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: directories nest too deep", a->from);
  char *dir = leat_path_join(a->from, below);
  leat_status status = dir ? leat_dir_list(dir, &names, err) : leat__oom(err, 1);
  for (size_t i = 0; !status && i < names.count; i++) {
    char *path = below[0] ? leat_path_join(below, names.at[i]) : leat_strdup(names.at[i]);
    status = path ? list_entry(a, path, depth, err) : leat__oom(err, 1);
  }
  leat_paths_deinit(&names);
  leat__free(dir);
  return status;
}

static int by_bytes(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

// --- Copying ------------------------------------------------------------------------------------
static void take_piece(void *context, leat_str bytes) {
  adding *a = context;
  leat_sha256_add(&a->file, bytes.ptr, bytes.len);
  a->bytes += (int64_t)bytes.len;
}

static leat_status copy_file(adding *a, const char *path, leat_error *err) {
  char hex[LEAT_SHA256_HEX];
  char *from = leat_path_join(a->from, path), *to = leat_path_join(a->to, path);
  char *dir = to ? leat_path_dir(to) : NULL;
  leat_file_copying c = {.from = from, .to = to, .seen = take_piece, .context = a};
  leat_status status = from && dir ? leat_dir_make(dir, err) : leat__oom(err, 1);
  leat_sha256_init(&a->file);
  if (!status) status = leat_file_copy(&c, err);
  leat_sha256_hex(&a->file, hex);
  leat_sha256_add(&a->list, hex, LEAT_SHA256_HEX - 1);
  leat_sha256_add(&a->list, "  ", 2);
  leat_sha256_add(&a->list, path, strlen(path));
  leat_sha256_add(&a->list, "\n", 1);
  leat__free(dir);
  leat__free(from);
  leat__free(to);
  return status;
}

static leat_status copy_files(adding *a, leat_error *err) {
  leat_status status = list_files(a, "", 0, err);
  if (!status && !a->files.count)
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: no files", a->from);
  if (!status) qsort(a->files.at, a->files.count, sizeof *a->files.at, by_bytes);
  leat_sha256_init(&a->list);
  for (size_t i = 0; !status && i < a->files.count; i++) {
    if (a->cancelled && a->cancelled(a->context))
      status = leat_error_set(err, LEAT_CANCELLED, "the creation was cancelled");
    else
      status = copy_file(a, a->files.at[i], err);
  }
  return status;
}

// What is there already has the same content by its name.
static leat_status publish(leat_registry *r, adding *a, leat__object *out, leat_error *err) {
  leat_sha256_hex(&a->list, out->hash);
  out->bytes = a->bytes;
  char *path = leat_path_join(r->objects, out->hash);
  leat_status status = LEAT_OK;
  if (!path)
    status = leat__oom(err, 1);
  else if (!leat_file_is_dir(path)) {
    status = leat_dir_publish(a->to, path, err);
    a->to = NULL;
    if (status == LEAT_ALREADY_EXISTS) status = LEAT_OK;  // another creator was quicker
  }
  leat__free(path);
  return status;
}

leat_status leat__object_add(leat_registry *r, const char *from, leat__object *out,
                             bool (*cancelled)(void *), void *context, leat_error *err) {
  adding a = {.from = from, .cancelled = cancelled, .context = context};
  char *any = leat_path_join(r->objects, "new");
  leat_status status = any ? leat_dir_begin(any, &a.to, err) : leat__oom(err, 1);
  leat__free(any);
  if (!status) status = copy_files(&a, err);
  if (!status) status = publish(r, &a, out, err);
  leat_dir_abandon(a.to);
  leat_paths_deinit(&a.files);
  return status;
}

leat_status leat__objects_sweep(leat_registry *r, bool (*keep)(void *, const char *hash),
                                void *context, leat_error *err) {
  leat_paths names = {0};
  leat_status status = leat_dir_list(r->objects, &names, err);
  for (size_t i = 0; !status && i < names.count; i++) {
    if (keep(context, names.at[i])) continue;
    char *path = leat_path_join(r->objects, names.at[i]);
    status = path ? leat_dir_remove(path, err) : leat__oom(err, 1);
    leat__free(path);
  }
  leat_paths_deinit(&names);
  return status;
}
