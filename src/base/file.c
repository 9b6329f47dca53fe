// Local files: whole reads, writes that survive a kill, directories, globs.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include "base/clock.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int (*leat__file_hook)(const char *operation);

static bool refused(const char *operation) {
  int code = leat__file_hook ? leat__file_hook(operation) : 0;
  if (code) errno = code;
  return code != 0;
}

leat_status leat_file_error(leat_error *err, const char *path, const char *doing) {
  int code = errno;
  leat_status status = LEAT_UNKNOWN;
  if (code == ENOENT || code == ENOTDIR) status = LEAT_NOT_FOUND;
  if (code == EEXIST || code == ENOTEMPTY) status = LEAT_ALREADY_EXISTS;
  if (code == EACCES || code == EPERM || code == EROFS) status = LEAT_PERMISSION_DENIED;
  if (code == ENOSPC || code == EDQUOT || code == EMFILE || code == ENFILE || code == ENOMEM)
    status = LEAT_RESOURCE_EXHAUSTED;
  char text[128] = "";
  const char *what = strerror_r(code, text, sizeof text);
  return leat_error_set(err, status, "%s: cannot %s: %s", path, doing, what);
}

char *leat_strdup(const char *s) {
  size_t bytes = strlen(s) + 1;
  char *copy = leat__alloc(bytes);
  return copy ? memcpy(copy, s, bytes) : NULL;
}

char *leat_path_join(const char *a, const char *b) {
  leat_buf buf = {0};
  leat_buf_c(&buf, a);
  if (buf.len && buf.ptr[buf.len - 1] != '/') leat_buf_char(&buf, '/');
  leat_buf_c(&buf, b);
  if (!buf.failed) return buf.ptr;
  leat_buf_deinit(&buf);
  return NULL;
}

char *leat_path_dir(const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return leat_strdup(".");
  char *dir = leat_strdup(path);
  if (dir) dir[slash == path ? 1 : slash - path] = 0;
  return dir;
}

// --- Reading ------------------------------------------------------------------------------------
static leat_status read_all(int fd, const char *path, size_t max, leat_buf *out, leat_error *err) {
  size_t start = out->len;
  for (;;) {
    if (!leat_buf_reserve(out, 1 << 16)) return leat_buf_status(out, err);
    ssize_t got = read(fd, out->ptr + out->len, 1 << 16);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return leat_file_error(err, path, "read");
    if (got == 0) break;
    out->len += (size_t)got;
    if (max && out->len - start > max)
      return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "%s: larger than %zu bytes", path, max);
  }
  out->ptr[out->len] = 0;
  return LEAT_OK;
}

leat_status leat_file_read(const char *path, size_t max, leat_buf *out, leat_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return leat_file_error(err, path, "open");
  leat_status status = read_all(fd, path, max, out, err);
  close(fd);
  return status;
}

bool leat_file_exists(const char *path) {
  struct stat st;
  return stat(path, &st) == 0;
}

bool leat_file_is_dir(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

leat_status leat_file_size(const char *path, int64_t *bytes, leat_error *err) {
  struct stat st;
  if (stat(path, &st) != 0) return leat_file_error(err, path, "open");
  *bytes = (int64_t)st.st_size;
  return LEAT_OK;
}

// --- Writing ------------------------------------------------------------------------------------
// `prefix` and a suffix that no other process or thread uses; by hand, for mkostemp and mkdtemp
// leave the umask out, and reading the umask is not thread safe.
static void name_temporary(leat_buf *name, const char *prefix) {
  static atomic_uint serial;
  uint64_t mix = (uint64_t)leat_clock_ns() * 0x9E3779B97F4A7C15u;
  leat_buf_clear(name);
  leat_buf_fmt(name, "%s%x-%x-%x", prefix, (unsigned)getpid(), atomic_fetch_add(&serial, 1),
               (unsigned)(mix >> 40));
}

static leat_status sync_path(const char *path, leat_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return leat_file_error(err, path, "open");
  int bad = refused("fsync") || fsync(fd) != 0;
  leat_status status = bad ? leat_file_error(err, path, "sync") : LEAT_OK;
  close(fd);
  return status;
}

static leat_status sync_parent(const char *path, leat_error *err) {
  char *dir = leat_path_dir(path);
  if (!dir) return leat__oom(err, strlen(path));
  leat_status status = sync_path(dir, err);
  leat__free(dir);
  return status;
}

static leat_status write_bytes(int fd, const char *path, leat_str s, leat_error *err) {
  while (s.len) {
    ssize_t put = refused("write") ? -1 : write(fd, s.ptr, s.len);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return leat_file_error(err, path, "write");
    s.ptr += put;
    s.len -= (size_t)put;
  }
  return LEAT_OK;
}

static leat_status sync_file(int fd, const char *path, leat_error *err) {
  return refused("fsync") || fsync(fd) != 0 ? leat_file_error(err, path, "sync") : LEAT_OK;
}

static leat_status rename_path(const char *from, const char *to, leat_error *err) {
  if (refused("rename") || rename(from, to) != 0)
    return leat_file_error(err, to, "rename into place");
  return sync_parent(to, err);
}

// Creates a new file beside `path`; *name is its name.
static int create_beside(const char *path, leat_buf *name) {
  leat_buf prefix = {0};
  int fd = -1;
  leat_buf_fmt(&prefix, "%s.tmp-", path);
  errno = ENOMEM;
  for (int tries = 0; tries < 100 && !prefix.failed; tries++) {
    name_temporary(name, prefix.ptr);
    if (name->failed) break;
    fd = open(name->ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) break;
  }
  leat_buf_deinit(&prefix);
  return fd;
}

leat_status leat_file_write(const char *path, leat_str contents, leat_error *err) {
  leat_buf name = {0};
  int fd = create_beside(path, &name);
  leat_status status = fd < 0 ? leat_file_error(err, path, "create") : LEAT_OK;
  if (!status) {
    status = write_bytes(fd, path, contents, err);
    if (!status) status = sync_file(fd, path, err);
    if (close(fd) != 0 && !status) status = leat_file_error(err, path, "write");
    if (!status) status = rename_path(name.ptr, path, err);
    if (status) unlink(name.ptr);
  }
  leat_buf_deinit(&name);
  return status;
}

static leat_status copy_bytes(int in, int out, const leat_file_copying *c, leat_error *err) {
  char piece[1 << 16];
  for (;;) {
    ssize_t got = read(in, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return leat_file_error(err, c->from, "read");
    if (got == 0) return LEAT_OK;
    leat_str bytes = {piece, (size_t)got};
    if (c->seen) c->seen(c->context, bytes);
    leat_status status = write_bytes(out, c->to, bytes, err);
    if (status) return status;
  }
}

leat_status leat_file_copy(const leat_file_copying *c, leat_error *err) {
  struct stat st;
  int in = open(c->from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without a writer is no wait
  if (in < 0) return leat_file_error(err, c->from, "open");
  leat_status status = LEAT_OK;
  if (fstat(in, &st) != 0 || !S_ISREG(st.st_mode))
    status = leat_error_set(err, LEAT_FAILED_PRECONDITION, "%s: not a file", c->from);
  int out = status ? -1 : open(c->to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (!status && out < 0) status = leat_file_error(err, c->to, "create");
  if (!status) status = copy_bytes(in, out, c, err);
  if (out >= 0 && close(out) != 0 && !status) status = leat_file_error(err, c->to, "write");
  if (out >= 0 && status) unlink(c->to);
  close(in);
  return status;
}

// --- Directories --------------------------------------------------------------------------------
leat_status leat_dir_make(const char *path, leat_error *err) {
  char *copy = leat_strdup(path);
  leat_status status = copy ? LEAT_OK : leat__oom(err, strlen(path));
  for (char *at = copy; !status && *at;) {
    at += strspn(at, "/");
    at += strcspn(at, "/");
    char kept = *at;
    *at = 0;
    if (copy[0] && mkdir(copy, 0777) != 0 && errno != EEXIST)
      status = leat_file_error(err, path, "create");
    *at = kept;
  }
  if (!status && !leat_file_is_dir(path))
    status = leat_error_set(err, LEAT_FAILED_PRECONDITION, "%s: not a directory", path);
  leat__free(copy);
  return status;
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

leat_status leat_dir_list(const char *path, leat_paths *out, leat_error *err) {
  DIR *dir = opendir(path);
  if (!dir) return leat_file_error(err, path, "list");
  leat_status status = LEAT_OK;
  struct dirent *entry;
  for (;;) {
    errno = 0;
    if (status || !(entry = readdir(dir))) break;
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char *name = leat_strdup(entry->d_name);
    if (!name || !leat_vec_push(out, name)) {
      leat__free(name);
      status = leat__oom(err, strlen(entry->d_name));
    }
  }
  if (!status && errno) status = leat_file_error(err, path, "list");
  closedir(dir);
  if (out->count) qsort(out->at, out->count, sizeof *out->at, by_name);
  return status;
}

void leat_paths_deinit(leat_paths *paths) {
  for (size_t i = 0; i < paths->count; i++) leat__free(paths->at[i]);
  leat_vec_deinit(paths);
}

leat_status leat_dir_remove(const char *path, leat_error *err) {
  struct stat st;
  if (lstat(path, &st) != 0)
    return errno == ENOENT ? LEAT_OK : leat_file_error(err, path, "remove");
  if (!S_ISDIR(st.st_mode)) return unlink(path) ? leat_file_error(err, path, "remove") : LEAT_OK;
  leat_paths names = {0};
  leat_status status = leat_dir_list(path, &names, err);
  for (size_t i = 0; !status && i < names.count; i++) {
    char *inner = leat_path_join(path, names.at[i]);
    status = inner ? leat_dir_remove(inner, err) : leat__oom(err, 1);
    leat__free(inner);
  }
  leat_paths_deinit(&names);
  if (!status && rmdir(path) != 0) status = leat_file_error(err, path, "remove");
  return status;
}

// Creates a new directory inside of `parent`; *name is its name.
static leat_status make_inside(const char *parent, leat_buf *name, leat_error *err) {
  char *prefix = leat_path_join(parent, ".tmp-");
  if (!prefix) return leat__oom(err, strlen(parent));
  int bad = -1;
  for (int tries = 0; bad && tries < 100; tries++) {
    name_temporary(name, prefix);
    bad = name->failed ? -1 : mkdir(name->ptr, 0777);
    if (bad && (name->failed || errno != EEXIST)) break;
  }
  leat__free(prefix);
  if (name->failed) return leat__oom(err, strlen(parent));
  return bad ? leat_file_error(err, name->ptr, "create") : LEAT_OK;
}

leat_status leat_dir_begin(const char *path, char **temporary, leat_error *err) {
  leat_buf name = {0};
  *temporary = NULL;
  char *parent = leat_path_dir(path);
  if (!parent) return leat__oom(err, strlen(path));
  leat_status status = leat_dir_make(parent, err);
  if (!status) status = make_inside(parent, &name, err);
  if (status)
    leat_buf_deinit(&name);
  else
    *temporary = name.ptr;
  leat__free(parent);
  return status;
}

static leat_status sync_tree(const char *path, leat_error *err) {
  leat_paths names = {0};
  leat_status status = leat_dir_list(path, &names, err);
  for (size_t i = 0; !status && i < names.count; i++) {
    char *inner = leat_path_join(path, names.at[i]);
    if (!inner)
      status = leat__oom(err, 1);
    else
      status = leat_file_is_dir(inner) ? sync_tree(inner, err) : sync_path(inner, err);
    leat__free(inner);
  }
  leat_paths_deinit(&names);
  return status ? status : sync_path(path, err);
}

leat_status leat_dir_publish(char *temporary, const char *path, leat_error *err) {
  leat_status status = sync_tree(temporary, err);
  if (!status) status = rename_path(temporary, path, err);
  if (status) leat_dir_remove(temporary, NULL);
  leat__free(temporary);
  return status;
}

void leat_dir_abandon(char *temporary) {
  if (temporary) leat_dir_remove(temporary, NULL);
  leat__free(temporary);
}

leat_status leat_glob(const char *pattern, leat_paths *out, leat_error *err) {
  glob_t found = {0};
  int code = glob(pattern, 0, NULL, &found);
  leat_status status = LEAT_OK;
  if (code == GLOB_NOSPACE)
    status = leat__oom(err, strlen(pattern));
  else if (code == GLOB_NOMATCH) {
    const char *what = strpbrk(pattern, "*?[") ? "no file matches" : "no such file";
    status = leat_error_set(err, LEAT_NOT_FOUND, "%s: %s", pattern, what);
  } else if (code)
    status = leat_error_set(err, LEAT_UNKNOWN, "%s: cannot be listed", pattern);
  for (size_t i = 0; !status && i < found.gl_pathc; i++) {
    char *path = leat_strdup(found.gl_pathv[i]);
    if (!path || !leat_vec_push(out, path)) {
      leat__free(path);
      status = leat__oom(err, 1);
    }
  }
  globfree(&found);
  return status;
}
