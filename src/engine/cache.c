// Cache of built objects: seals, loading, eviction.
// SPDX-License-Identifier: Apache-2.0
#include "engine/cache.h"

#include "base/file.h"
#include "base/fingerprint.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct leat_object {
  void *handle;
};

// What an entry ends with; loaders ignore it.
typedef struct seal {
  char magic[8];
  uint64_t bytes, hash;  // of what comes before
} seal;

static const char magic[8] = {'l', 'e', 'a', 't', 's', 'e', 'a', 'l'};

static leat_status choose_folder(leat_buf *out, leat_error *err) {
  const char *own = getenv("LEAT_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"),
             *home = getenv("HOME");
  if (own && *own)
    leat_buf_c(out, own);
  else if (xdg && *xdg)
    leat_buf_fmt(out, "%s/leat", xdg);
  else if (home && *home)
    leat_buf_fmt(out, "%s/.cache/leat", home);
  else
    leat_buf_fmt(out, "/tmp/leat-%lld", (long long)geteuid());
  return leat_buf_status(out, err);
}

leat_status leat__cache_folder(leat_buf *out, leat_error *err) {
  leat_status status = choose_folder(out, err);
  struct stat st;
  if (status) return status;
  if (lstat(out->ptr, &st) != 0) {
    char *parent = leat_path_dir(out->ptr);
    if (parent) leat_dir_make(parent, NULL);
    leat__free(parent);
    if (mkdir(out->ptr, 0700) && errno != EEXIST)
      return leat_file_error(err, out->ptr, "make the build cache");
    if (lstat(out->ptr, &st) != 0) return leat_file_error(err, out->ptr, "look at the build cache");
  }
  if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022)) return LEAT_OK;
  return leat_error_set(
      err, LEAT_PERMISSION_DENIED,
      "%s: the build cache must be a folder of this user that no one else can write", out->ptr);
}

// --- Loading ------------------------------------------------------------------------------------
static seal seal_of(const char *bytes, size_t count) {
  seal s = {.bytes = count, .hash = leat_fingerprint64((leat_str){bytes, count})};
  memcpy(s.magic, magic, sizeof magic);
  return s;
}

static bool is_whole(const char *bytes, size_t count) {
  seal found, want;
  if (count < sizeof found) return false;
  memcpy(&found, bytes + count - sizeof found, sizeof found);
  want = seal_of(bytes, count - sizeof found);
  return memcmp(&found, &want, sizeof want) == 0;
}

static bool is_good(int fd, bool own) {
  struct stat st;
  if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0) return false;
  if (own && (st.st_uid != geteuid() || (st.st_mode & 022))) return false;
  size_t count = (size_t)st.st_size;
  void *bytes = mmap(NULL, count, PROT_READ, MAP_PRIVATE, fd, 0);
  if (bytes == MAP_FAILED) return false;
  bool good = is_whole(bytes, count);
  munmap(bytes, count);
  return good;
}

bool leat__cache_load(const char *path, bool own, leat_object **out) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  void *handle = NULL;
  if (fd < 0 && errno == ENOENT) return false;
  if (fd >= 0 && is_good(fd, own)) {
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle && own)
      futimens(fd, NULL);  // used now; a cache that cannot be written keeps its times
  }
  if (fd >= 0) close(fd);
  if (!handle && own) unlink(path);
  if (!handle) return false;
  *out = leat__calloc(1, sizeof **out);
  if (*out)
    (*out)->handle = handle;
  else
    dlclose(handle);
  return *out != NULL;
}

void *leat__object_find(leat_object *object, const char *symbol) {
  return dlsym(object->handle, symbol);
}

void leat__object_free(leat_object *object) {
  if (!object) return;
  dlclose(object->handle);
  leat__free(object);
}

// --- Putting ------------------------------------------------------------------------------------
typedef struct entry {
  char *path;
  int64_t bytes, used;  // used: nanoseconds since 1970
} entry;

static int older_first(const void *a, const void *b) {
  const entry *x = a, *y = b;
  return x->used < y->used ? -1 : x->used > y->used;
}

static bool ends_with(const char *name, const char *end) {
  size_t n = strlen(name), m = strlen(end);
  return n >= m && strcmp(name + n - m, end) == 0;
}

enum { ABANDONED = 3600 };  // seconds after which a temporary has no owner any more

static int64_t nanoseconds(struct timespec t) { return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec; }

// Entries with their sizes; what a killed build left goes at once.
static int64_t look_at(const char *folder, const leat_paths *names, entry *entries, size_t *count) {
  int64_t total = 0;
  for (size_t i = 0; i < names->count; i++) {
    char *path = leat_path_join(folder, names->at[i]);
    struct stat st;
    bool found = path && lstat(path, &st) == 0 && S_ISREG(st.st_mode);
    bool entry_file = found && ends_with(path, ".so");
    if (found && !entry_file && strstr(names->at[i], ".tmp") &&
        st.st_mtime + ABANDONED < time(NULL))
      unlink(path);
    if (entry_file) {
      total += st.st_size;
      entries[(*count)++] =
          (entry){.path = path, .bytes = (int64_t)st.st_size, .used = nanoseconds(st.st_mtim)};
    } else {
      leat__free(path);
    }
  }
  return total;
}

// The newest stays whatever its size. Without memory nothing is dropped: the next time will do.
static void drop_oldest(const char *folder) {
  const char *set = getenv("LEAT_CACHE_MAX");
  int64_t max = set && *set ? (int64_t)strtoll(set, NULL, 10) : (int64_t)256 << 20;
  leat_paths names = {0};
  size_t count = 0;
  if (leat_dir_list(folder, &names, NULL)) return leat_paths_deinit(&names);
  entry *entries = leat__calloc(names.count + 1, sizeof *entries);
  int64_t total = entries ? look_at(folder, &names, entries, &count) : 0;
  if (count) qsort(entries, count, sizeof *entries, older_first);
  for (size_t i = 0; i + 1 < count && total > max; i++) {
    unlink(entries[i].path);
    total -= entries[i].bytes;
  }
  for (size_t i = 0; i < count; i++) leat__free(entries[i].path);
  leat__free(entries);
  leat_paths_deinit(&names);
}

static leat_status add_seal(const char *built, leat_error *err) {
  leat_buf bytes = {0};
  leat_status status = leat_file_read(built, 0, &bytes, err);
  if (status) return leat_buf_deinit(&bytes), status;
  seal s = seal_of(bytes.ptr, bytes.len);
  leat_buf_deinit(&bytes);
  int fd = open(built, O_WRONLY | O_APPEND | O_CLOEXEC);
  bool done = fd >= 0 && write(fd, &s, sizeof s) == (ssize_t)sizeof s && fchmod(fd, 0600) == 0;
  if (!done) status = leat_file_error(err, built, "seal the built object");
  if (fd >= 0) close(fd);
  return status;
}

leat_status leat__cache_seal(const char *built, const char *path, leat_error *err) {
  leat_status status = add_seal(built, err);
  if (!status && rename(built, path)) status = leat_file_error(err, path, "put the built object");
  return status;
}

leat_status leat__cache_put(const char *built, const char *path, leat_object **out,
                            leat_error *err) {
  leat_status status = leat__cache_seal(built, path, err);
  if (!status && !leat__cache_load(path, true, out))
    status = leat_error_set(err, LEAT_INTERNAL, "%s: a built object does not load", path);
  if (status) return status;
  char *folder = leat_path_dir(path);
  if (folder) drop_oldest(folder);
  leat__free(folder);
  return LEAT_OK;
}
