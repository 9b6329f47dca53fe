// Building printed C: which compiler, which flags, one unit from text to object.
// SPDX-License-Identifier: Apache-2.0
//
// The compiler is a child process and no thread watches it: whoever wants the object polls. It
// writes to temporary names in the cache's folder.
#include "engine/build.h"

#include "base/file.h"
#include "base/fingerprint.h"
#include "engine/cache.h"
#include "engine/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern const char leat__text_dot[], leat__text_prelude[], leat__text_math[], leat__text_native[];

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

// An instruction set as the interpreter's kernels use it; arithmetic as the contract says.
static int flags_of(const char *isa, const char **flags) {
  static const char *const common[] = {
      "-std=gnu17",
      "-O1",  // loops are vectors already: within 2 % of -O2, built in two thirds
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
  for (size_t i = 0; i < sizeof common / sizeof *common; i++) flags[count++] = common[i];
  for (size_t i = 0; strcmp(isa, "avx2") == 0 && i < 2; i++) flags[count++] = avx2[i];
  for (size_t i = 0; strcmp(isa, "avx512") == 0 && i < 6; i++) flags[count++] = avx512[i];
  return count;
}

// --- A unit -------------------------------------------------------------------------------------
struct leat_build {
  compiler cc;
  const char *flags[MOST_FLAGS];
  int flag_count;
  char *more_flags;                 // $LEAT_CFLAGS, cut into words
  leat_buf unit, entry, temporary;  // entry: path without its ending; temporary: likewise
  leat_object *object;
  pid_t child;      // the compiler at work; 0: none
  bool for_others;  // an object for a model directory: not loaded here
};

void leat__build_head(leat_buf *out) {
  leat_buf_c(out, leat__text_prelude);
  leat_buf_c(out, leat__text_math);
  leat_buf_c(out, leat__text_dot);
  leat_buf_c(out, leat__text_native);
}

// Words of $LEAT_CFLAGS come last; what does not fit is an error.
static leat_status add_flags(leat_build *b, leat_error *err) {
  const char *set = getenv("LEAT_CFLAGS");
  if (!set || !*set) return LEAT_OK;
  if (!(b->more_flags = leat_strdup(set))) return leat__oom(err, strlen(set) + 1);
  for (char *rest = b->more_flags, *word; (word = strtok_r(rest, " ", &rest));) {
    if (b->flag_count == MOST_FLAGS)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "LEAT_CFLAGS: too many flags");
    b->flags[b->flag_count++] = word;
  }
  return LEAT_OK;
}

static leat_status name_temporary(leat_build *b, leat_error *err) {
  static atomic_int made;
  leat_status status = leat_buf_status(&b->entry, err);
  if (status) return status;
  leat_buf_fmt(&b->temporary, "%s.%lld.%d.tmp", b->entry.ptr, (long long)getpid(),
               atomic_fetch_add(&made, 1));
  return leat_buf_status(&b->temporary, err);
}

// All that decides an object's bytes is in its name: text, flags, compiler.
static leat_status name_entry(leat_build *b, const char *folder, leat_error *err) {
  leat_buf key = {0};
  leat_buf_fmt(&key, "%s %lld %lld", b->cc.path, b->cc.size, b->cc.time);
  for (int i = 0; i < b->flag_count; i++) leat_buf_fmt(&key, " %s", b->flags[i]);
  leat_str text = leat_buf_view(&b->unit);
  uint64_t x = leat_fingerprint64(text), y = leat_fingerprint64(leat_buf_view(&key));
  leat_buf_fmt(&b->entry, "%s/%016llx%016llx", folder,
               (unsigned long long)leat_fingerprint_cat64(x, y),
               (unsigned long long)leat_siphash(text, x, y));
  if (key.failed) b->entry.failed = true;
  leat_buf_deinit(&key);
  return name_temporary(b, err);
}

// DIR/ISA/NAME: the text alone names it, whatever compiler built it.
static void prebuilt_name(const leat_build *b, const char *dir, const char *isa, leat_buf *out) {
  leat_str text = leat_buf_view(&b->unit);
  uint64_t x = leat_fingerprint64(text);
  leat_buf_fmt(out, "%s/%s/%016llx%016llx", dir, isa, (unsigned long long)x,
               (unsigned long long)leat_siphash(text, x, ~x));
}

static void find_prebuilt(leat_build *b, const char *dir) {
  leat_buf name = {0};
  prebuilt_name(b, dir, leat__vec()->isa, &name);
  leat_buf_c(&name, ".so");
  if (!name.failed) leat__cache_load(name.ptr, false, &b->object);
  leat_buf_deinit(&name);
}

// PATH + ending, in `out`.
static const char *file_of(const leat_buf *path, const char *ending, char out[PATH_MAX]) {
  snprintf(out, PATH_MAX, "%s%s", path->ptr, ending);
  return out;
}

// The text, and the compiler with its flags.
static leat_status begin(leat_build *b, leat_str unit, leat_error *err) {
  leat__build_head(&b->unit);
  leat_buf_str(&b->unit, unit);
  return leat_buf_status(&b->unit, err);
}

static leat_status choose_compiler(leat_build *b, const char *isa, leat_error *err) {
  if (!find_compiler(&b->cc))
    return leat_error_set(err, LEAT_NOT_FOUND, "no C compiler on this machine (Debian: gcc)");
  b->flag_count = flags_of(isa, b->flags);
  return add_flags(b, err);
}

leat_status leat__build_new(leat_build **out, leat_str unit, const char *prebuilt,
                            leat_error *err) {
  leat_build *b = *out = leat__calloc(1, sizeof *b);
  leat_buf folder = {0};
  char path[PATH_MAX];
  if (!b) return leat__oom(err, sizeof *b);
  leat_status status = begin(b, unit, err);
  if (!status && prebuilt) find_prebuilt(b, prebuilt);
  if (b->object) return LEAT_OK;
  if (!status) status = choose_compiler(b, leat__vec()->isa, err);
  if (!status) status = leat__cache_folder(&folder, err);
  if (!status) status = name_entry(b, folder.ptr, err);
  if (!status) leat__cache_load(file_of(&b->entry, ".so", path), true, &b->object);
  leat_buf_deinit(&folder);
  if (!status) return LEAT_OK;
  leat__build_free(b);
  *out = NULL;
  return status;
}

static void remove_temporaries(const leat_build *b) {
  static const char *const endings[] = {".c", ".so", ".log"};
  char path[PATH_MAX];
  for (int i = 0; b->temporary.ptr && i < 3; i++) unlink(file_of(&b->temporary, endings[i], path));
}

void leat__build_free(leat_build *b) {
  if (!b) return;
  if (b->child) {
    kill(-b->child, SIGKILL);
    while (waitpid(b->child, NULL, 0) < 0 && errno == EINTR) continue;
    remove_temporaries(b);
  }
  leat__object_free(b->object);
  leat_buf_deinit(&b->unit);
  leat_buf_deinit(&b->entry);
  leat_buf_deinit(&b->temporary);
  leat__free(b->more_flags);
  leat__free(b);
}

// --- Compiling ----------------------------------------------------------------------------------
static leat_status spawn(leat_build *b, leat_error *err) {
  char *argv[MOST_FLAGS + 8], source[PATH_MAX], object[PATH_MAX], log[PATH_MAX];
  int n = 0;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t own_group;
  file_of(&b->temporary, ".log", log);
  argv[n++] = b->cc.path;
  for (int i = 0; i < b->flag_count; i++) argv[n++] = (char *)b->flags[i];
  argv[n++] = (char *)file_of(&b->temporary, ".c", source);
  argv[n++] = "-o";
  argv[n++] = (char *)file_of(&b->temporary, ".so", object);
  argv[n] = NULL;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawnattr_init(&own_group);  // so that all of it can be ended, and Ctrl-C is ours alone
  posix_spawnattr_setflags(&own_group, POSIX_SPAWN_SETPGROUP);
  int failed = posix_spawn(&b->child, b->cc.path, &actions, &own_group, argv, environ);
  posix_spawnattr_destroy(&own_group);
  posix_spawn_file_actions_destroy(&actions);
  if (!failed) return LEAT_OK;
  b->child = 0;
  return leat_error_set(err, LEAT_UNAVAILABLE, "cannot run %s: %s", b->cc.path, strerror(failed));
}

leat_status leat__build_start(leat_build *b, leat_error *err) {
  char source[PATH_MAX];
  if (b->object || b->child) return LEAT_OK;
  leat_status status =
      leat_file_write(file_of(&b->temporary, ".c", source), leat_buf_view(&b->unit), err);
  if (!status) status = spawn(b, err);
  if (status) remove_temporaries(b);
  return status;
}

// The line with the compiler's first error, else its first line.
static leat_str complaint(leat_str text) {
  leat_str rest = text;
  while (rest.len) {
    leat_str line = leat_str_cut(&rest, '\n');
    if (memmem(line.ptr, line.len, "error", 5)) return line;
  }
  return leat_str_cut(&text, '\n');
}

static leat_status report(const leat_build *b, int how, leat_error *err) {
  char log[PATH_MAX];
  leat_buf text = {0};
  if (WIFSIGNALED(how)) {
    leat_error_set(err, LEAT_INTERNAL, "%s was ended by signal %d (%s)", b->cc.path, WTERMSIG(how),
                   strsignal(WTERMSIG(how)));
  } else {
    leat_file_read(file_of(&b->temporary, ".log", log), 1 << 20, &text, NULL);
    leat_str line = complaint(leat_buf_view(&text));
    leat_error_set(err, LEAT_INTERNAL, "%s failed on printed C (exit %d)%s" LEAT_STR_FMT,
                   b->cc.path, WEXITSTATUS(how), line.len ? ": " : "", LEAT_STR_ARG(line));
  }
  leat_buf_deinit(&text);
  return LEAT_INTERNAL;
}

// A caller that ignores SIGCHLD leaves no status; the object itself then tells.
static leat_status take(leat_build *b, int how, leat_error *err) {
  char built[PATH_MAX], object[PATH_MAX];
  leat_status status = how ? report(b, how, err) : LEAT_OK;
  file_of(&b->temporary, ".so", built);
  file_of(&b->entry, ".so", object);
  if (!status)
    status = b->for_others ? leat__cache_seal(built, object, err)
                           : leat__cache_put(built, object, &b->object, err);
  remove_temporaries(b);
  return status;
}

leat_status leat__build_poll(leat_build *b, bool wait, leat_error *err) {
  int how = 0;
  if (b->object || !b->child) return LEAT_OK;
  pid_t ended;
  do ended = waitpid(b->child, &how, wait ? 0 : WNOHANG);
  while (ended < 0 && errno == EINTR);
  if (ended == 0) return LEAT_OK;
  b->child = 0;
  return take(b, ended < 0 ? 0 : how, err);
}

leat_object *leat__build_take(leat_build *b) {
  leat_object *object = b->object;
  b->object = NULL;
  return object;
}

leat_status leat__build_ahead(leat_str unit, const char *dir, const char *isa, leat_error *err) {
  leat_build *b = leat__calloc(1, sizeof *b);
  if (!b) return leat__oom(err, sizeof *b);
  leat_status status = begin(b, unit, err);
  b->for_others = true;
  if (!status) status = choose_compiler(b, isa, err);
  char *folder = status ? NULL : leat_path_join(dir, isa);
  if (!status) status = folder ? leat_dir_make(folder, err) : leat__oom(err, 1);
  if (!status) prebuilt_name(b, dir, isa, &b->entry);
  if (!status) status = name_temporary(b, err);
  if (!status) status = leat__build_start(b, err);
  if (!status) status = leat__build_poll(b, true, err);
  leat__free(folder);
  leat__build_free(b);
  return status;
}
