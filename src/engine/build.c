// Building printed C: the system's compiler, a cache on disk, a loaded object.
// SPDX-License-Identifier: Apache-2.0
//
// An entry of the cache is named by a fingerprint of all that decides its bytes: source, flags and
// compiler. It is written under a temporary name and renamed, so that processes may build the same
// one at once; one that does not load is removed and built again. The folder is the user's own and
// private: anything else is not used.
#include "base/file.h"
#include "base/fingerprint.h"
#include "engine/lower.h"
#include "engine/vec.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern const char leat__text_dot[], leat__text_prelude[], leat__text_math[], leat__text_native[];

struct leat_object {
  void *handle;
};

// --- The compiler -------------------------------------------------------------------------------
typedef struct compiler {
  char path[1024];
  long long size, time;  // of the program: a new one makes new entries
} compiler;

static bool find_in(const char *folders, const char *name, compiler *out) {
  leat_str rest = leat_str_of(folders ? folders : "/usr/bin:/bin");
  struct stat st;
  while (rest.len) {
    leat_str folder = leat_str_cut(&rest, ':');
    snprintf(out->path, sizeof out->path, LEAT_STR_FMT "/%s", LEAT_STR_ARG(folder), name);
    if (access(out->path, X_OK) || stat(out->path, &st) || !S_ISREG(st.st_mode)) continue;
    out->size = (long long)st.st_size;
    out->time = (long long)st.st_mtime;
    return true;
  }
  return false;
}

static bool find_compiler(compiler *out) {
  const char *wanted = getenv("LEAT_CC");
  const char *const names[] = {"cc", "gcc", "clang"};
  struct stat st;
  if (wanted && strchr(wanted, '/')) {
    snprintf(out->path, sizeof out->path, "%s", wanted);
    if (access(wanted, X_OK) || stat(wanted, &st)) return false;
    out->size = (long long)st.st_size;
    out->time = (long long)st.st_mtime;
    return true;
  }
  if (wanted) return find_in(getenv("PATH"), wanted, out);
  for (int i = 0; i < 3; i++)
    if (find_in(getenv("PATH"), names[i], out)) return true;
  return false;
}

enum { MOST_FLAGS = 32 };

// This machine's instruction set, as the interpreter's kernels use it; arithmetic as the contract
// says.
static int flags_of(const char **flags) {
  static const char *const common[] = {"-std=gnu17",
                                       "-O2",
                                       "-fPIC",
                                       "-shared",
                                       "-nostdlib",
                                       "-ffreestanding",
                                       "-fno-math-errno",
                                       "-ffp-contract=off",
                                       "-fvisibility=hidden",
                                       "-fno-stack-protector",
                                       "-fno-asynchronous-unwind-tables",
                                       "-w",
                                       "-x",
                                       "c"};
  static const char *const avx2[] = {"-mavx2", "-mfma"};
  static const char *const avx512[] = {"-mavx512f",  "-mavx512vl", "-mavx512dq",
                                       "-mavx512bw", "-mfma",      "-mprefer-vector-width=512"};
  int count = 0;
  const char *isa = leat__vec()->isa;
  for (size_t i = 0; i < sizeof common / sizeof *common; i++) flags[count++] = common[i];
  for (size_t i = 0; strcmp(isa, "avx2") == 0 && i < 2; i++) flags[count++] = avx2[i];
  for (size_t i = 0; strcmp(isa, "avx512") == 0 && i < 6; i++) flags[count++] = avx512[i];
  return count;
}

// --- The cache ----------------------------------------------------------------------------------
static leat_status cache_folder(leat_buf *out, leat_error *err) {
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
  leat_status status = leat_buf_status(out, err);
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
  if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
    return leat_error_set(
        err, LEAT_PERMISSION_DENIED,
        "%s: the build cache must be a folder of this user that no one else can write", out->ptr);
  return LEAT_OK;
}

static void entry_name(leat_buf *out, const char *folder, leat_str source, const compiler *cc,
                       const char **flags, int count) {
  leat_buf key = {0};
  leat_buf_fmt(&key, "%s %lld %lld", cc->path, cc->size, cc->time);
  for (int i = 0; i < count; i++) leat_buf_fmt(&key, " %s", flags[i]);
  uint64_t a = leat_fingerprint64(source), b = leat_fingerprint64(leat_buf_view(&key));
  uint64_t c = leat_siphash(source, a, b);
  leat_buf_fmt(out, "%s/%016llx%016llx", folder, (unsigned long long)leat_fingerprint_cat64(a, b),
               (unsigned long long)c);
  if (key.failed) out->failed = true;
  leat_buf_deinit(&key);
}

static bool load(const char *path, leat_object **out) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return false;
  *out = leat__calloc(1, sizeof **out);
  if (*out)
    (*out)->handle = handle;
  else
    dlclose(handle);
  return *out != NULL;
}

// --- Compiling ----------------------------------------------------------------------------------
static leat_status report(const char *log, const char *cc, int how, leat_error *err) {
  leat_buf text = {.max = 4096};
  leat_file_read(log, 0, &text, NULL);
  leat_str first = leat_buf_view(&text), line = leat_str_cut(&first, '\n');
  leat_error_set(err, LEAT_INTERNAL, "%s failed on printed C (%d): " LEAT_STR_FMT, cc, how,
                 LEAT_STR_ARG(line));
  leat_buf_deinit(&text);
  return LEAT_INTERNAL;
}

static leat_status compile(const compiler *cc, const char **flags, int count, const char *source,
                           const char *object, leat_error *err) {
  char *argv[MOST_FLAGS + 8], log[1300];
  int n = 0, how = 0;
  pid_t child;
  posix_spawn_file_actions_t actions;
  snprintf(log, sizeof log, "%s.log", object);
  argv[n++] = (char *)cc->path;
  for (int i = 0; i < count; i++) argv[n++] = (char *)flags[i];
  argv[n++] = (char *)source;
  argv[n++] = "-o";
  argv[n++] = (char *)object;
  argv[n] = NULL;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  int failed = posix_spawn(&child, cc->path, &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed)
    return leat_error_set(err, LEAT_UNAVAILABLE, "cannot run %s: %s", cc->path, strerror(failed));
  while (waitpid(child, &how, 0) < 0 && errno == EINTR) continue;
  leat_status status = how == 0 ? LEAT_OK : report(log, cc->path, how, err);
  unlink(log);
  return status;
}

static leat_status build(const compiler *cc, const char **flags, int count, leat_str source,
                         const char *entry, leat_object **out, leat_error *err) {
  char object[1200], temporary[1200], text[1200];
  snprintf(object, sizeof object, "%s.so", entry);
  snprintf(temporary, sizeof temporary, "%s.%lld.tmp", entry, (long long)getpid());
  snprintf(text, sizeof text, "%s.c", entry);
  if (load(object, out)) return LEAT_OK;
  unlink(object);
  leat_status status = leat_file_write(text, source, err);
  if (!status) status = compile(cc, flags, count, text, temporary, err);
  if (!status && rename(temporary, object))
    status = leat_file_error(err, object, "put the built object");
  if (!status && !load(object, out))
    status = leat_error_set(err, LEAT_INTERNAL, "%s: does not load: %s", object, dlerror());
  if (status) unlink(temporary);
  return status;
}

leat_status leat__build_c(leat_object **out, leat_str source, leat_error *err) {
  compiler cc;
  const char *flags[MOST_FLAGS];
  leat_buf whole = {0}, folder = {0}, entry = {0};
  *out = NULL;
  if (!find_compiler(&cc))
    return leat_error_set(err, LEAT_NOT_FOUND,
                          "no C compiler on this machine (Debian: gcc); the interpreter goes on");
  int count = flags_of(flags);
  leat_buf_c(&whole, leat__text_prelude);
  leat_buf_c(&whole, leat__text_math);
  leat_buf_c(&whole, leat__text_dot);
  leat_buf_c(&whole, leat__text_native);
  leat_buf_str(&whole, source);
  leat_status status = leat_buf_status(&whole, err);
  if (!status) status = cache_folder(&folder, err);
  if (!status) entry_name(&entry, folder.ptr, leat_buf_view(&whole), &cc, flags, count);
  if (!status) status = leat_buf_status(&entry, err);
  if (!status) status = build(&cc, flags, count, leat_buf_view(&whole), entry.ptr, out, err);
  leat_buf_deinit(&whole);
  leat_buf_deinit(&folder);
  leat_buf_deinit(&entry);
  return status;
}

void *leat__object_find(leat_object *object, const char *symbol) {
  return dlsym(object->handle, symbol);
}

void leat__object_free(leat_object *object) {
  if (!object) return;
  dlclose(object->handle);
  leat__free(object);
}
